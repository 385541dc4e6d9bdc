"""All systems of the paper, of one size, on real data: what sharing is worth to each task.

The test rows are those of accuracy.py. Four members each, for one network depends more on chance
than on the system; all else by default.
"""

from functools import partial

from common import parser_of
from data_sets import DATA_SETS, score
from peers import predictor

from paper.runs import run
from paper.systems import SYSTEMS, systems

SETS = ("census", "census_no_education", "support2")


def prepare(name, names=SYSTEMS):
    data = DATA_SETS[name]()
    parts = (data.X_train, data.y_train, data.X_test, data.y_test, data.kinds)
    return parts, systems(*parts[:2], names, n_members=4, task_types=data.kinds)


def evaluate(system, data):
    _, _, X, y, kinds = data
    predicted = predictor(system, kinds)(X)
    return {"scores": {t: score(kind, y[t], predicted[t]) for t, kind in kinds.items()}}


def main():
    parser = parser_of(__doc__, n_seeds=5)
    parser.add_argument("--data", nargs="+", choices=SETS, default=SETS)
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    options = parser.parse_args()
    chosen = partial(prepare, names=options.systems)
    run("paper_comparison", options.data, options.seeds, chosen, evaluate)


if __name__ == "__main__":
    main()
