"""Scores on test rows, and CPU seconds of a fit, of PLE with fewer members.

Each fit runs on one thread in its own process, after a small fit that is not timed, so that the
time of imports does not count. Fits that are in results/members.json are skipped.
"""

import argparse
import json
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
import torch
from sklearn.datasets import make_regression
from threadpoolctl import threadpool_limits

from .accuracy import evaluate
from .comparisons import DEFAULT, FEWER
from .data_sets import SETS
from .measuring import in_own_process, measure_all, parser_of
from .peers import ple

NAMES = (DEFAULT, *FEWER)
MODELS = {name: partial(ple, n_members=n) for name, n in zip(NAMES, (8, 4, 2, 1), strict=True)}
KEY = ("data", "model", "seed")


def warm_up(fit):
    """Fit a few rows first, so that work that a process does only once is not timed."""
    X, y = (pd.DataFrame(part) for part in make_regression(50, 3, n_targets=2, random_state=0))
    fit(X.add_prefix("x"), y.add_prefix("y"), dict.fromkeys(("y0", "y1"), "regression"), 0)


def measure(name, model, seed):
    """Fit and score once, on one thread."""
    torch.set_num_threads(1)
    data = SETS[name]()
    with threadpool_limits(1):
        warm_up(MODELS[model])
        row = evaluate(MODELS[model], data, int(seed))
    return {"score": float(np.mean(list(row["scores"].values())))} | row | data.sizes


def main():
    sets = [name for name in SETS if name != "census_no_education"]
    parser = parser_of(__doc__, n_seeds=3, models=MODELS, data=sets)
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(*options.one)))
        return
    runs = product(options.data, options.models, range(options.seeds))
    measure_all("members", KEY, runs, partial(in_own_process, __spec__.name, "--one"))


if __name__ == "__main__":
    main()
