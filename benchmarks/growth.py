"""How the CPU seconds of a fit grow with rows, columns, tasks, experts and members.

Only one of these changes at a time; the others are those of BASE or our defaults. The tasks are
generated, numbers and classes in turn. LightGBM, with one model per task, is also measured, except
for experts and members. Each fit runs on one thread in its own process, and is scored on 10,000
test rows. The peak of memory is that of fit, in excess of the memory in use before it. Above a
million rows, PLE reads its rows from a Parquet file; LightGBM has them in memory.
"""

import argparse
import json
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from threadpoolctl import threadpool_limits

from sklearn_ple.datasets import make_multitask

from .accuracy import evaluate
from .data_sets import split
from .measuring import in_own_process, measure_all, parser_of
from .members import warm_up
from .memory import Peak
from .peers import PEERS, ple

BASE = {"rows": 10_000, "columns": 30, "tasks": 3}
AXES = {
    "rows": (500, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000, 5_000_000),
    "columns": (5, 10, 30, 100, 300),
    "tasks": (1, 2, 4, 8, 16, 30, 64),
    "experts": (1, 2, 4, 8, 16),
    "members": (1, 2, 4, 8, 16),
}
OURS, BESIDE = "PLE", "LightGBM, early stopping"
N_TEST = 10_000
N_IN_MEMORY = 1_000_000
KEY = ("axis", "size", "model", "seed")


def make(rows, columns, tasks, seed):
    # The generator needs a column for each task.
    columns = max(columns, tasks)
    kinds = (["regression", "binary"] * tasks)[:tasks]
    X, y = make_multitask(
        rows + N_TEST, columns, n_tasks=tasks, task_types=kinds, as_frame=True, random_state=seed
    )
    return split(X, y, dict(zip(y, kinds, strict=True)), n_train=rows)


def streamed(data, folder):
    """Write the training rows to a Parquet file; replace them with its path and the tasks."""
    path = Path(folder) / "train.parquet"
    pd.concat([data.X_train, data.y_train], axis=1).to_parquet(path, row_group_size=100_000)
    return data._replace(X_train=path, y_train=list(data.kinds))


def measure(axis, size, model, seed):
    """Fit and score once, on one thread."""
    torch.set_num_threads(1)
    size, seed = int(size), int(seed)
    data = make(**BASE | ({axis: size} if axis in BASE else {}), seed=seed)
    settings = {
        "experts": {"n_specific_experts": size, "n_shared_experts": size},
        "members": {"n_members": size},
    }
    fit = partial(ple, **settings.get(axis, {})) if model == OURS else PEERS[model]
    peak = Peak()

    def watched(*args):
        with peak:
            return fit(*args)

    with threadpool_limits(1), tempfile.TemporaryDirectory() as folder:
        if model == OURS and len(data.X_train) > N_IN_MEMORY:
            data = streamed(data, folder)
        warm_up(fit)
        row = evaluate(watched, data, seed)
    row["score"] = float(np.mean(list(row.pop("scores").values())))
    return row | {"extra_mb": round(peak.rise_bytes / 1e6, 1)}


def main():
    parser = parser_of(__doc__, n_seeds=1, axes=AXES, models=(OURS, BESIDE))
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(*options.one)))
        return
    runs = [
        (axis, size, model, seed)
        for axis in options.axes
        for size in AXES[axis]
        for model in options.models
        for seed in range(options.seeds)
        if model == OURS or axis in BASE
    ]
    measure_all("growth", KEY, runs, partial(in_own_process, __spec__.name, "--one"))


if __name__ == "__main__":
    main()
