"""Fits with arguments of every type, whose fingerprints must not depend on the process."""

from functools import partial

import numpy as np
import pandas as pd
import torch
from makers import read_table
from scipy import sparse
from skorch.callbacks import Callback, EpochScoring, Freezer, LRScheduler, TensorBoard

from sklearn_ple import PLEClassifierRegressor
from sklearn_ple.balancing import Balancer
from sklearn_ple.encoding.numeric import EmbeddingMaker
from sklearn_ple.tasks import Quantile, Regression
from sklearn_ple.training.choosing.validation_rows import Split
from sklearn_ple.training.fingerprint import describe_fit

X = pd.DataFrame({"a": [0.0, 1.0, np.nan], "b": ["u", None, "v"]})
Y = pd.DataFrame({"c": ["yes", "no", "yes"], "n": [0.5, np.nan, 2.0]})


def found(parameters=None, X=X, y=Y, split=None, **options):
    """Return the fingerprint of a fit."""
    model = PLEClassifierRegressor(**(parameters or {}))
    table = read_table(model, X, y, **options)
    return describe_fit(model._settings, "cpu", table, split or Split(), None)


def plus(epoch, step=1):
    return epoch + step


def times(epoch, step=1):
    return epoch * step


class Noting(Callback):
    """Notes what it sees, and holds functions and other callbacks."""

    def __init__(self, others=(), **options):
        self.others = others
        self.options = options
        self.notes_ = []


class Scaled(Balancer):
    def __init__(self, start):
        super().__init__()
        self.factor = torch.nn.Parameter(torch.tensor(start))

    def weigh(self, batch):
        return self.factor * torch.ones_like(batch.losses)


class Squares(EmbeddingMaker):
    def __init__(self, power):
        self.power = power

    def make(self, n_columns, width, members, n_views):
        raise NotImplementedError


class Writer:
    """The writer of a log, which cannot be pickled."""

    def __reduce__(self):
        raise TypeError("It is open.")


PARAMETERS = {
    "numbers": {"dropout": np.float32(0.25), "n_levels": 2, "task_weights": pd.Series({"c": 2.0})},
    "lists": {"expert_hidden_units": np.array([64, 32]), "categorical_features": X.columns[1:]},
    "task": {"task_types": {"n": Quantile([0.1, 0.5])}},
    "class": {"task_types": {"n": Regression}, "optimizer": torch.optim.NAdam},
    "balancer": {"balancing": Scaled(2.0)},
    "embedding": {"numeric_embedding": Squares(2)},
    "random state": {"random_state": np.random.RandomState(3)},
    "sets": {"net_params": {"x": {"a", "b", "c"}, "y": {1, 2}}},
    "functions": {"net_params": {"x": plus, "y": len}},
    "partial": {"net_params": {"x": partial(plus, step=2), "y": Quantile().loss, "z": "a".join}},
    "callbacks": {
        "callbacks": [
            ("rates", LRScheduler("MultiStepLR", milestones=[1, 3])),
            LRScheduler("LambdaLR", lr_lambda=plus),
            LRScheduler("LambdaLR", lr_lambda=lambda epoch: 1 / plus(epoch)),
            Freezer(["a*", "b*"]),
            Noting([Freezer("b"), {"one": Freezer("c")}], scores={"x", "y", "z"}),
            EpochScoring("r2", use_caching=False),
            TensorBoard(Writer()),
        ]
    },
}
TABLES = {
    "frame": {"X": X, "y": Y},
    "weights": {"X": X, "y": Y, "sample_weight": np.array([[1.0, 2.0], [0.0, 1.0], [3.0, 1.0]])},
    "categories": {"X": X.astype({"b": "category"}), "y": Y.astype({"c": "category"})},
    "sparse": {"X": sparse.csr_matrix([[0.0, 1.0], [2.0, 0.0], [0.0, 0.0]]), "y": Y},
}
SPLITS = {
    "groups": Split(groups=np.array([0, 0, 1])),
    "splitter": Split(chosen=(np.array([0, 1]), np.array([2]))),
}


def fingerprints():
    """Return the fingerprint of every fit."""
    cases = {name: found(own) for name, own in PARAMETERS.items()}
    cases |= {name: found(**own) for name, own in TABLES.items()}
    return cases | {name: found(split=own) for name, own in SPLITS.items()}
