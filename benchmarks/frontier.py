"""Score against the CPU seconds of a fit: our defaults with fewer members, boosting, RealMLP.

By default a quarter of each set's training rows is held out and scored; which rows depends on the
seed. Defaults are chosen by these scores. Use `--rows test`, which scores the test rows, only at
the end. Each fit runs on one thread in its own process, after a small fit that is not timed, so
that the time of imports does not count. Fits that are in results/frontier.json are skipped.
"""

import argparse
import json
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
import torch
from accuracy import evaluate
from common import in_own_process, measure_all, parser_of
from data_sets import FURTHER_SETS, SETS, without_test_rows
from peers import PEERS, applies, ple
from sklearn.datasets import make_regression
from threadpoolctl import threadpool_limits

N_MEMBERS = {
    "PLE, 8 members (default)": 8,
    "PLE, 4 members": 4,
    "PLE, 2 members": 2,
    "PLE, 1 member": 1,
}
BESIDE = (
    "LightGBM, early stopping",
    "CatBoost",
    "CatBoost MultiRMSEWithMissingValues",
    "HistGradientBoosting",
    "XGBoost",
    "RealMLP",
)
MODELS = {name: partial(ple, n_members=n) for name, n in N_MEMBERS.items()}
MODELS |= {name: PEERS[name] for name in BESIDE}
DEFAULT_SETS = [name for name in SETS if name not in {"census_no_education", *FURTHER_SETS}]
KEY = ("data", "model", "seed", "rows")


def warm_up(fit):
    """Fit a few rows first, so that work that a process does only once is not timed."""
    X, y = (pd.DataFrame(part) for part in make_regression(50, 3, n_targets=2, random_state=0))
    fit(X.add_prefix("x"), y.add_prefix("y"), dict.fromkeys(("y0", "y1"), "regression"), 0)


def measure(name, model, seed, rows):
    """Fit and score once, on one thread; return None if the model does not support the tasks."""
    torch.set_num_threads(1)
    data = SETS[name]() if rows == "test" else without_test_rows(name, int(seed))
    if not applies(model, data):
        return None
    with threadpool_limits(1):
        warm_up(MODELS[model])
        row = evaluate(MODELS[model], data, int(seed))
    n_rows, n_columns = data.X_train.shape
    sizes = {"n_rows": n_rows, "n_columns": n_columns, "n_tasks": len(data.kinds)}
    return {"score": float(np.mean(list(row["scores"].values())))} | row | sizes


def main():
    parser = parser_of(__doc__, n_seeds=3, models=MODELS)
    parser.add_argument("--rows", choices=("validation", "test"), default="validation")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=DEFAULT_SETS, metavar="SET")
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(*options.one)))
        return
    runs = product(options.sets, options.models, range(options.seeds), [options.rows])
    apart = partial(in_own_process, __file__, "--one")
    measure_all("frontier", KEY, runs, apart)


if __name__ == "__main__":
    main()
