"""All systems of the paper, with equal size and depth, on real data: does sharing help a task?

The test rows are those of accuracy.py. As in the papers, Census-Income is without education. Of
networks as published the weights of gates are kept, too.
"""

from functools import partial

from common import parser_of
from data_sets import DATA_SETS, score
from peers import predictor

from paper.gates import describe_gates
from paper.systems import BASES, STOP, SYSTEMS, run, systems

#: By default, four members cost half as much as eight, and are the fewest validated like eight.
OPTIONS = {"as published": STOP, "by default": {"n_members": 4}}
BATCHES = {"census_no_education": 512, "support2": 128}
SETTINGS = [f"{name}, as published" for name in BATCHES] + ["support2, by default"]


def prepare(setting, names=SYSTEMS):
    name, base = setting.split(", ")
    data = DATA_SETS[name]()
    own = OPTIONS[base] | {"task_types": data.kinds}
    if BASES[base]:
        own["batch_size"] = BATCHES[name]
    return data.parts, systems(*data.parts[:2], names, published=BASES[base], **own)


def evaluate(system, data):
    _, _, X, y, kinds = data
    predicted = predictor(system, kinds)(X)
    found = {"scores": {t: score(kind, y[t], predicted[t]) for t, kind in kinds.items()}}
    # Means over members would hide what the gates of each network do.
    if hasattr(system, "gate_weights") and system.n_members == 1:
        found |= describe_gates(system, X)
    return found


def main():
    options = parser_of(__doc__, n_seeds=5, settings=SETTINGS, systems=SYSTEMS).parse_args()
    chosen = partial(prepare, names=options.systems)
    run("paper_comparison", options.settings, options.seeds, chosen, evaluate)


if __name__ == "__main__":
    main()
