"""Models of every kind, and whether what is loaded is the same as what was saved."""

import re
from functools import cached_property

import numpy as np
import pandas as pd
import polars as pl
import torch
from sklearn.base import clone

import sklearn_ple
from sklearn_ple import (
    ESMMClassifier,
    PLEClassifier,
    PLEClassifierRegressor,
    PLERegressor,
    SharedBottomClassifierRegressor,
)
from sklearn_ple.balancing import Balancer
from sklearn_ple.encoding.numeric import EmbeddingMaker
from sklearn_ple.tasks import Regression
from sklearn_ple.training.net import MultiTaskNet

N = 60
ESTIMATORS = [getattr(sklearn_ple, name) for name in sklearn_ple.__all__ if name[0].isupper()]
METHODS = [
    *("predict", "predict_proba", "decision_function", "predict_quantiles"),
    *("predict_conditional_proba", "transform", "gate_weights"),
]
RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "number": RNG.normal(size=N),
        "gappy": np.where(RNG.random(N) < 0.2, np.nan, RNG.integers(0, 9, N)),
        "text": RNG.choice(["a", "b", None], N),
        "flag": RNG.random(N) < 0.5,
    }
)
LABELS = pd.DataFrame(
    {
        "binary": pd.Categorical(RNG.choice(["no", "yes"], N)),
        "multiclass": RNG.choice(["x", "y", "z"], N),
        "ordinal": pd.Categorical(RNG.choice(["low", "mid", "high"], N), ordered=True),
        "regression": RNG.normal(size=N) * 1e-7,
        "quantile": RNG.normal(size=N).astype(np.float32),
        "count": RNG.poisson(3, N),
    }
)
LABELS.loc[:4, "regression"] = np.nan
KINDS = {"quantile": ("quantile", [0.1, 0.9]), "count": "count"}


def made(cls=PLEClassifierRegressor, **parameters):
    few = {"n_members": 2, "max_epochs": 1, "batch_size": 64, "random_state": 0, "n_bins": 4}
    return cls(**(few | parameters))


def fitted(X=FRAME, y=LABELS, cls=PLEClassifierRegressor, **parameters):
    return made(cls, **parameters).fit(X, y)


def labels_for(cls):
    if cls is ESMMClassifier:
        click = np.arange(N) % 2 == 0
        return pd.DataFrame({"click": click, "purchase": click & (np.arange(N) % 3 == 0)})
    return {
        PLEClassifier: LABELS[["binary", "multiclass", "ordinal"]],
        PLERegressor: LABELS[["regression", "quantile"]],
        PLEClassifierRegressor: LABELS,
    }.get(cls, LABELS[["multiclass", "regression", "count"]])


def assert_equal(one, other):
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert list(one) == list(other)
        one, other = list(one.values()), list(other.values())
    if isinstance(one, (list, tuple)):
        assert len(one) == len(other)
        for part, twin in zip(one, other, strict=True):
            assert_equal(part, twin)
    elif isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other, check_exact=True)
    elif isinstance(one, pl.DataFrame):
        assert one.schema == other.schema and one.equals(other)
    else:
        np.testing.assert_array_equal(one, other)
        assert getattr(one, "dtype", None) == getattr(other, "dtype", None)


def attributes(value, name="model"):
    """Name all attributes of an estimator and of the objects of the package that it holds.

    What is computed from the others when it is first needed is left out.
    """
    if isinstance(value, (list, tuple)):
        return {found for part in value for found in attributes(part, name)}
    ours = type(value).__module__.startswith(("sklearn_ple", __name__))
    if not ours or isinstance(value, (torch.nn.Module, MultiTaskNet)):
        return {name}
    held = {
        own: part
        for own, part in vars(value).items()
        if not isinstance(getattr(type(value), own, None), cached_property)
    }
    return {name}.union(*(attributes(part, f"{name}.{own}") for own, part in held.items()))


def shown(parameters):
    """Show parameters without addresses in memory; a range is loaded as a tuple."""
    plain = {k: tuple(v) if isinstance(v, range) else v for k, v in parameters.items()}
    return re.sub("0[xX][0-9a-fA-F]+", "", repr(plain))


def assert_same(model, twin, X=FRAME, y=LABELS):
    """All that can be read off a fitted estimator is the same, to the last bit."""
    assert type(twin) is type(model)
    assert shown(twin.get_params()) == shown(model.get_params())
    assert attributes(twin) == attributes(model)
    for method in METHODS:
        assert hasattr(twin, method) == hasattr(model, method)
        if hasattr(model, method):
            assert_equal(getattr(model, method)(X), getattr(twin, method)(X))
    if model._deviations is not None:
        assert_equal(model.predict(X, return_std=True), twin.predict(X, return_std=True))
        assert_equal(model.predict_interval(X), twin.predict_interval(X))
    assert model.score(X, y) == twin.score(X, y)
    views = [one.task_view(model.task_names_[-1]) for one in (model, twin)]
    assert_equal(*(view.predict(X) for view in views))
    for name in ("task_names_", "task_types_", "classes_", "n_iter_", "n_features_in_"):
        assert_equal(getattr(model, name), getattr(twin, name))
    assert model.history_ == twin.history_
    assert_equal(model._rng.get_state(), twin._rng.get_state())
    for name, part in model.module_.state_dict().items():
        assert torch.equal(part, twin.module_.state_dict()[name])
    clone(twin)


# -- classes of one's own -----------------------------------------------------------------------


class Root(Regression):
    """A number by its square root."""

    kind = "root"

    def fit(self, labels, weights, classes):
        return super().fit(np.sqrt(labels), weights, classes)

    def encode(self, labels):
        return super().encode(np.sqrt(labels))

    def predict(self, outputs):
        return super().predict(outputs) ** 2


class Square(torch.nn.Module):
    def __init__(self, n_columns, n_views):
        super().__init__()
        self.out_features, self.n_views = n_columns, n_views

    def forward(self, numbers):
        return (numbers**2).expand(self.n_views, -1, -1)


class Squares(EmbeddingMaker):
    def make(self, n_columns, width, members, views):
        return Square(n_columns, len(views))


class Narrow(SharedBottomClassifierRegressor):
    """An estimator of one's own."""


class Scaled(Balancer):
    """A balancer with a parameter, and one that it learns for each task."""

    def __init__(self, start):
        super().__init__()
        self.factor = torch.nn.Parameter(torch.tensor(float(start)))

    def start(self, tasks, n_members):
        self.rates = torch.nn.Parameter(torch.ones(n_members, len(tasks)))

    def weigh(self, batch):
        return self.factor * self.rates

    def backward(self, batch):
        (self.weigh(batch) * batch.losses).sum().backward()
