"""Time of a fit whose members are trained by several processes, by n_jobs.

Times are wall-clock seconds, the shortest of several fits, which take turns. Each process computes
on one thread. The first fit, which starts the processes, is recorded separately.
"""

import time
from itertools import product

import torch

from sklearn_ple import PLEClassifierRegressor
from sklearn_ple.datasets import make_multitask

from .measuring import parser_of, save

ROWS, MEMBERS, JOBS = (5000, 20_000), (8,), (1, 2)
N_FITS = 3


def measure(n_rows, n_members):
    data = make_multitask(n_rows, n_features=30, n_tasks=4, random_state=0)[:2]
    seconds = {n_jobs: [] for n_jobs in JOBS}
    for _, n_jobs in product(range(N_FITS), JOBS):
        model = PLEClassifierRegressor(n_jobs=n_jobs, n_members=n_members, random_state=0)
        start = time.perf_counter()
        model.fit(*data)
        seconds[n_jobs].append(round(time.perf_counter() - start, 2))
    for n_jobs, (first, *others) in seconds.items():
        row = {"n_rows": n_rows, "n_members": n_members, "n_jobs": n_jobs}
        yield row | {"seconds": min(others), "seconds_of_first": first}


def main():
    parser_of(__doc__).parse_args()
    torch.set_num_threads(1)
    save("n_jobs", [row for run in product(ROWS, MEMBERS) for row in measure(*run)])


if __name__ == "__main__":
    main()
