"""The ten systems of the paper, of one size: that of PLE with two levels; and how they are run.

One rule of training holds for all. A tenth of the rows to train on is set aside. Training ends
when their loss has not been lower for some epochs, and goes back to the lowest. Each label counts
the same, in the loss and in when to stop. Single-task networks are fitted one by one, so that each
stops by itself.
"""

import time
from itertools import product

import pandas as pd
from sklearn.base import clone

import sklearn_ple

from ..measuring import measure_all
from .capacity import equal_capacity

REFERENCE = "single-task"
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
#: No fit needs so many epochs.
STOP = {"early_stopping": True, "validation_fraction": 0.1, "n_iter_no_change": 5}
STOP |= {"max_epochs": 300, "refit": False, "task_weights": "labels"}


def systems(X, y, names=SYSTEMS, **params):
    """Make the systems, as published, each with as many parameters as PLE."""
    made = {}
    for name in dict.fromkeys([*names, "PLE"]):
        kind, own = SYSTEMS[name]
        made[name] = getattr(sklearn_ple, kind).as_published(**own, **params)
    sized = equal_capacity(made, X, y, reference="PLE", equal_depth=True)
    return {name: sized[name] for name in names}


class Apart:
    """Single-task networks, each fitted to the rows that have its label."""

    def __init__(self, system):
        self.system = system

    def fit(self, X, y):
        self.models = []
        for task in y:
            there = y[task].notna().to_numpy()
            kinds = self.system.task_types
            kind = {task: kinds[task]} if isinstance(kinds, dict) else kinds
            model = clone(self.system).set_params(task_types=kind)
            self.models.append(model.fit(X[there], y.loc[there, [task]]))
        return self

    def predict(self, X):
        return pd.concat([model.predict(X) for model in self.models], axis="columns")

    def predict_proba(self, X):
        # A network without classes has no such method.
        return [
            model.predict_proba(X)[0] if model.classes_[0] is not None else None
            for model in self.models
        ]


def run(name, settings, n_seeds, prepare, evaluate):
    """Evaluate every system on every setting, seed by seed.

    `prepare(setting)` returns the data, of which the first two parts are fitted, and a dict of
    unfitted systems. `evaluate(system, data)` returns the results of a fitted system.
    """
    for setting in settings:
        data, made = prepare(setting)

        def measure(_, seed, system, data=data, made=made):
            started = time.process_time()
            model = made[system].set_params(random_state=seed)
            model = (Apart(model) if system == REFERENCE else model).fit(*data[:2])
            seconds = round(time.process_time() - started, 2)
            fitted = getattr(model, "models", [model])
            bodies = [own.module_.body for own in fitted]
            sizes = {"n_members": bodies[0].n_members, "fit_cpu_seconds": seconds}
            sizes["n_parameters"] = sum(p.numel() for body in bodies for p in body.parameters())
            epochs = [own.n_iter_ for own in fitted]
            return evaluate(model, data) | sizes | {"epochs": epochs}

        runs = product([setting], range(n_seeds), made)
        measure_all(name, ("setting", "seed", "system"), runs, measure)
