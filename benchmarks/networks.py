"""All networks with the same size, on validation rows: does sharing help, and which way of it?

Only MultiTab-Net keeps its own size, which is smaller. As published, networks also have equal
numbers of layers, if these can be divided equally among their levels. By default, each has the
layers and levels that a user gets, but four members. A quarter of each set's training rows,
different ones in each split, is held out and scored; test rows are not used.
"""

from functools import partial
from importlib import import_module

from .data_sets import SPLIT_AT_RANDOM, score, without_test_rows
from .measuring import parser_of
from .paper.capacity import count_layers, equal_capacity
from .paper.systems import STOP, SYSTEMS, run
from .peers import predictor

#: By default, four members cost half as much as eight, and are the fewest validated like eight.
BASES = {"as published": STOP, "by default": {"n_members": 4}}
#: Networks in addition to the paper's ten; those with a module are examples of docs/extending.
SINCE = {
    "AITM": ("docs.extending.aitm.AITMClassifierRegressor", {}),
    "AdaTT": ("AdaTTClassifierRegressor", {}),
    "STEM": ("docs.extending.stem.STEMClassifierRegressor", {}),
    "HoME": ("docs.extending.home.HoMEClassifierRegressor", {}),
    "MultiTab-Net": ("docs.extending.multitab.MultiTabNetClassifierRegressor", {}),
}
NETWORKS = SYSTEMS | SINCE
#: All have its size.
REFERENCE = "PLE"
#: Not fitted by default, because it is then the same network as PLE.
SAME_BY_DEFAULT = {"CGC"}
#: Its tokens' layers are small: widened to the size of PLE, a fit would take ten times as long.
OF_OWN_SIZE = {"MultiTab-Net"}
DEFAULT_SETS = ("nhefs", "support2", "star", "randhie", "many_labels", "polynomials")
DEFAULT_SETS += ("census", "tox21")


def networks(X, y, names, base, **params):
    """Make the networks, with as many parameters as PLE has."""
    made = {}
    for name in dict.fromkeys([REFERENCE, *names]):
        kind, own = NETWORKS[name]
        if base == "by default":
            if name in SAME_BY_DEFAULT:
                continue
            own = {} if name == REFERENCE else own
        module, _, kind = kind.rpartition(".")
        maker = getattr(import_module(module or "sklearn_ple"), kind)
        made[name] = (maker if base == "by default" else maker.as_published)(**own, **params)
    n_layers, sized = count_layers(made[REFERENCE]), {}
    for name, network in made.items():
        if name in OF_OWN_SIZE:
            sized[name] = network
            continue
        pair = {REFERENCE: made[REFERENCE], name: network}
        deep = base == "as published" and n_layers % getattr(network, "n_levels", 1) == 0
        sized[name] = equal_capacity(pair, X, y, reference=REFERENCE, equal_depth=deep)[name]
    return {name: sized[name] for name in names if name in sized}


def prepare(setting, names):
    name, base, split = setting.split(", ")
    data = without_test_rows(name, int(split.removeprefix("split ")))
    own = BASES[base] | {"task_types": data.kinds}
    return data.parts, networks(*data.parts[:2], names, base, **own)


def evaluate(system, data):
    _, _, X, y, kinds = data
    predicted = predictor(system, kinds)(X)
    return {"scores": {t: score(kind, y[t], predicted[t]) for t, kind in kinds.items()}}


def main():
    parser = parser_of(__doc__, n_seeds=5, bases=BASES, networks=NETWORKS)
    parser.add_argument(
        "--sets", nargs="+", choices=SPLIT_AT_RANDOM, default=DEFAULT_SETS, metavar="SET"
    )
    options = parser.parse_args()
    settings = [
        f"{name}, {base}, split {split}"
        for base in options.bases
        for split in range(options.seeds)
        for name in options.sets
    ]
    run("networks", settings, 1, partial(prepare, names=options.networks), evaluate)


if __name__ == "__main__":
    main()
