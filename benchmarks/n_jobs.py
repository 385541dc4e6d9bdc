"""Time of a fit whose members are trained in groups, by n_jobs; is the model always the same?

Times are wall-clock seconds, the shortest of several fits, which take turns. Each worker computes
on one thread. The first fits, which start the workers, are recorded separately.
"""

import argparse
import time

import joblib
import torch
from common import save

from sklearn_ple import PLEClassifierRegressor
from sklearn_ple.datasets import make_multitask

N_TASKS, N_FEATURES = 4, 30


def timed(n_jobs, data, **params):
    start = time.perf_counter()
    model = PLEClassifierRegressor(n_jobs=n_jobs, random_state=0, **params).fit(*data)
    return time.perf_counter() - start, model


def is_same(model, other):
    states = (m.module_.state_dict().values() for m in (model, other))
    return all(torch.equal(*pair) for pair in zip(*states, strict=True))


def measure(n_rows, n_members, jobs, n_repeats, backend):
    data = make_multitask(n_rows, n_features=N_FEATURES, n_tasks=N_TASKS, random_state=0)[:2]
    seconds = {n_jobs: [] for n_jobs in jobs}
    models, starts = {}, {}
    with joblib.parallel_config(backend):
        for number in range(n_repeats + 1):
            for n_jobs in jobs:
                duration, models[n_jobs] = timed(n_jobs, data, n_members=n_members)
                if number:
                    seconds[n_jobs].append(duration)
                else:
                    starts[n_jobs] = duration
    for n_jobs in jobs:
        yield {
            "backend": backend,
            "n_rows": n_rows,
            "n_members": n_members,
            "n_jobs": n_jobs,
            "n_epochs": models[n_jobs].n_iter_,
            "seconds": round(min(seconds[n_jobs]), 2),
            "seconds_of_first": round(starts[n_jobs], 2),
            "same_model": is_same(models[n_jobs], models[jobs[0]]),
        }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[1000, 5000, 20_000])
    parser.add_argument("--members", type=int, nargs="+", default=[4, 8])
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--backend", default="loky")
    options = parser.parse_args()
    results = []
    for n_rows in options.rows:
        for n_members in options.members:
            for row in measure(n_rows, n_members, options.jobs, options.repeats, options.backend):
                results.append(row)
                print(row, flush=True)
    save("n_jobs", results)
