"""Runs of systems on data, stored one by one, so that interrupted runs can be continued."""

import time

import torch
from common import kept, kept_beside, save
from threadpoolctl import threadpool_limits
from tqdm import tqdm

KEY = ("setting", "system", "seed")


def run(name, settings, n_seeds, prepare, evaluate):
    """Evaluate every system on every setting, seed by seed, unless the file has it.

    `prepare(setting)` returns the data and a dict of unfitted systems. `evaluate(system, data)`
    returns the results of a fitted system, its scores by task first. All runs on one thread.
    """
    torch.set_num_threads(1)
    there = {tuple(row[part] for part in KEY) for row in kept(name)}
    for setting in settings:
        data, systems = prepare(setting)
        runs = [(s, own) for s in range(n_seeds) for own in systems]
        todo = [(s, own) for s, own in runs if (str(setting), own, s) not in there]
        for seed, own in tqdm(todo, desc=str(setting)):
            with threadpool_limits(1):
                started = time.process_time()
                system = systems[own].set_params(random_state=seed).fit(*data[:2])
                seconds = time.process_time() - started
                row = {"setting": str(setting), "system": own, "seed": seed}
                row |= evaluate(system, data)
            body = system.module_.body
            row["n_members"] = body.n_members
            row["n_parameters"] = sum(parameter.numel() for parameter in body.parameters())
            row |= {"fit_cpu_seconds": round(seconds, 2), "epochs": system.n_iter_}
            save(name, [*kept_beside(name, row, KEY), row])
