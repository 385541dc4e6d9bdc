"""What gates that change slowly are worth, and where they should start, on validation rows.

PLE by default, with gates that start at the shared expert, with the gates of its paper and wider
experts, and hard sharing. A quarter of each set's training rows, different ones in each split, is
held out and scored; at most 10,000 of the others are fitted. Test rows are not used.
"""

import time
from functools import cache
from itertools import product

import numpy as np

import sklearn_ple

from .data_sets import SPLIT_AT_RANDOM, score, without_test_rows
from .measuring import measure_all, parser_of
from .peers import predictor

NETWORKS = {
    "PLE": ("PLE", {}),
    "PLE, a share of 0.05": ("PLE", {"specific_share": 0.05}),
    "PLE, the paper's gates": ("PLE", {"specific_share": None, "expert_hidden_units": (64,)}),
    "hard sharing": ("SharedBottom", {}),
}
LARGER = ("nhefs", "support2", "star", "randhie", "many_labels", "polynomials")
LARGER += ("synthetic_mixed", "users_items", "loans")
SMALL = ("atp7d", "oes10", "scpf", "edm", "slump", "andro")
DATA = (*LARGER, *SMALL)
N_ROWS = 10_000


@cache
def load(name, split):
    return without_test_rows(name, split).parts


def measure(name, split, network):
    X, y, X_held, y_held, kinds = load(name, split)
    kind, own = NETWORKS[network]
    maker = getattr(sklearn_ple, f"{kind}ClassifierRegressor")
    rows = np.random.RandomState(split).permutation(len(X))[:N_ROWS]
    start = time.process_time()
    model = maker(task_types=kinds, random_state=split, **own).fit(X.iloc[rows], y.iloc[rows])
    seconds = time.process_time() - start
    found = predictor(model, kinds)(X_held)
    scores = {task: score(kind, y_held[task], found[task]) for task, kind in kinds.items()}
    mean = float(np.mean(list(scores.values())))
    return {"mean_score": mean, "scores": scores, "cpu_seconds": round(seconds, 2)}


def main():
    parser = parser_of(__doc__, n_seeds=2, networks=NETWORKS)
    parser.add_argument("--data", nargs="+", choices=SPLIT_AT_RANDOM, default=DATA, metavar="SET")
    options = parser.parse_args()
    runs = [
        (name, split, network)
        for split, name, network in product(range(options.seeds), options.data, options.networks)
    ]
    measure_all("gates", ("data", "split", "network"), runs, measure)


if __name__ == "__main__":
    main()
