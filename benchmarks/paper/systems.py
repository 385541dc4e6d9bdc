"""The ten systems of the paper, of one size: that of PLE with two levels; and how they are run."""

import time
from itertools import product

from common import measure_all

import sklearn_ple
from sklearn_ple.capacity import equal_capacity

REFERENCE = "single-task"
#: The networks as their papers have them, or with all that the package adds.
BASES = {"as published": True, "by default": False}
SYSTEMS = {
    "single-task": ("SingleTaskClassifierRegressor", {}),
    "hard sharing": ("SharedBottomClassifierRegressor", {}),
    "asymmetric": ("AsymmetricSharingClassifierRegressor", {}),
    "customized": ("CustomizedSharingClassifierRegressor", {}),
    "cross-stitch": ("CrossStitchClassifierRegressor", {"hidden_units": (64, 64)}),
    "sluice": ("SluiceClassifierRegressor", {"hidden_units": (64, 64)}),
    "MMoE": ("MMoEClassifierRegressor", {"n_experts": 3}),
    "ML-MMoE": ("MMoEClassifierRegressor", {"n_experts": 3, "n_levels": 2}),
    "CGC": ("CGCClassifierRegressor", {}),
    "PLE": ("PLEClassifierRegressor", {"n_levels": 2}),
}


def systems(X, y, names=SYSTEMS, *, published=True, equal_depth=True, **params):
    """Make the systems, as published or by default, each with as many parameters as PLE."""
    made = {}
    for name in dict.fromkeys([*names, "PLE"]):
        kind, own = SYSTEMS[name]
        system = getattr(sklearn_ple, kind)
        made[name] = (system.as_published if published else system)(**own, **params)
    sized = equal_capacity(made, X, y, reference="PLE", equal_depth=equal_depth)
    return {name: sized[name] for name in names}


def run(name, settings, n_seeds, prepare, evaluate):
    """Evaluate every system on every setting, seed by seed.

    `prepare(setting)` returns the data, of which the first two parts are fitted, and a dict of
    unfitted systems. `evaluate(system, data)` returns the results of a fitted system.
    """
    for setting in settings:
        data, made = prepare(setting)

        def measure(_, seed, system, data=data, made=made):
            started = time.process_time()
            model = made[system].set_params(random_state=seed).fit(*data[:2])
            seconds = round(time.process_time() - started, 2)
            body = model.module_.body
            sizes = {"n_members": body.n_members, "fit_cpu_seconds": seconds}
            sizes["n_parameters"] = sum(part.numel() for part in body.parameters())
            return evaluate(model, data) | sizes | {"epochs": model.n_iter_}

        runs = product([setting], range(n_seeds), made)
        measure_all(name, ("setting", "seed", "system"), runs, measure)
