"""From hundreds of rows to as many as asked for: the defaults on the synthetic mixed tasks.

Every size has training rows of its own and as many test rows, 20,000; a process for each fit.
Peaks of memory are of fit alone, over what is held when X and y are made.
"""

import argparse
import json

import numpy as np
import torch
from accuracy import evaluate
from common import in_own_process, kept, parser_of, save
from data_sets import synthetic_mixed
from memory import Peak, size
from peers import PEERS
from threadpoolctl import threadpool_limits

MODELS = ("LightGBM", "LightGBM, early stopping", "PLE")
SIZES = (500, 5_000, 50_000, 500_000)
N_TEST = 20_000
KEY = ("rows", "model", "seed")


def measure(n_rows, model, seed):
    """Fit and predict once, on one thread."""
    torch.set_num_threads(1)
    data = synthetic_mixed(n_rows, N_TEST)
    peak = Peak()

    def fit(*args):
        with peak:
            return PEERS[model](*args)

    with threadpool_limits(1):
        row = evaluate(fit, data, seed)
    row["mean_score"] = float(np.mean(list(row["scores"].values())))
    row["X_mb"] = float(size(data.X_train)) / 1e6
    return row | {"extra_mb": peak.rise_bytes / 1e6}


def main():
    parser = parser_of(__doc__, n_seeds=3)
    parser.add_argument("--rows", nargs="+", type=int, default=list(SIZES))
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        n_rows, model, seed = options.one
        print(json.dumps(measure(int(n_rows), model, int(seed))))
        return
    rows = kept("scaling")
    there = {tuple(row[k] for k in KEY) for row in rows}
    runs = [(n, m, s) for n in options.rows for m in options.models for s in range(options.seeds)]
    for run in runs:
        if run in there:
            continue
        row = in_own_process(__file__, "--one", *run)
        rows.append(dict(zip(KEY, run, strict=True)) | row)
        print(*run, round(rows[-1]["mean_score"], 4), rows[-1]["fit_cpu_seconds"], flush=True)
        save("scaling", sorted(rows, key=lambda row: row["rows"]))


if __name__ == "__main__":
    main()
