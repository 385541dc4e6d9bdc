"""Fits are told apart by what determines their result, and by nothing else."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from sklearn_ple import PLEClassifierRegressor
from sklearn_ple.encoding import Table
from sklearn_ple.tasks import Quantile
from sklearn_ple.training import Split
from sklearn_ple.training.fingerprint import fingerprint


def found(params=None, X=None, y=None):
    """The fingerprint of a fit of three rows."""
    X = pd.DataFrame({"a": [0.0, 1.0, np.nan], "b": ["u", None, "v"]}) if X is None else X
    y = pd.DataFrame({"c": ["yes", "no", "yes"], "n": [0.5, np.nan, 2.0]}) if y is None else y
    model = PLEClassifierRegressor(**(params or {}))
    model.device_ = "cpu"
    return fingerprint(model, Table.read(model, X, y), None, Split())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"dropout": 0.25}, {"dropout": np.float32(0.25)}),
        ({"batch_size": 64}, {"batch_size": np.int64(64)}),
        ({"expert_hidden_units": (64, 32)}, {"expert_hidden_units": np.array([64, 32])}),
        ({"categorical_features": ["b"]}, {"categorical_features": pd.Index(["b"])}),
        ({"task_weights": {"c": 1, "n": 2}}, {"task_weights": {"n": 2, "c": 1}}),
        ({"net_params": {"x": {"a", "b"}}}, {"net_params": {"x": {"b", "a"}}}),
        ({"net_params": {"x": SimpleNamespace}}, {"net_params": {"x": SimpleNamespace}}),
        ({"net_params": {"x": object()}}, {"net_params": {"x": object()}}),
        ({"random_state": np.random.RandomState(3)}, {"random_state": np.random.RandomState(3)}),
        ({"task_types": {"n": Quantile()}}, {"task_types": {"n": Quantile()}}),
        ({"n_jobs": 2, "verbose": 1}, {"checkpoint_dir": "folder", "warm_start": True}),
    ],
)
def test_equal_parameters_are_the_same_fit(one, other):
    assert found(one) == found(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"net_params": {"x": np.array([0.1, 0.2])}}, {"net_params": {"x": np.array([0.1, 0.3])}}),
        ({"net_params": {"x": found}}, {"net_params": {"x": Table}}),
        ({"random_state": np.random.RandomState(3)}, {"random_state": 3}),
        ({"task_types": {"n": Quantile()}}, {"task_types": {"n": Quantile(levels=(0.5,))}}),
        ({"task_weights": [1.0, 2.0] * 50}, {"task_weights": [1.0, 2.0] * 49 + [1.0, 3.0]}),
    ],
)
def test_other_parameters_are_another_fit(one, other):
    (name,) = one
    (first, second) = found(one), found(other)
    assert [key for key in first if first[key] != second[key]] == [name]


def test_each_value_of_the_data_counts():
    X = pd.DataFrame({"a": [0.0, 1.0, np.nan], "b": ["u", None, "v"]})
    y = pd.DataFrame({"c": ["yes", "no", "yes"], "n": [0.5, np.nan, 2.0]})
    others = [found(X=X.assign(a=[0.0, 1.0, 0.0])), found(X=X.assign(b=["u", "v", "v"]))]
    others += [
        found(X=X[["b", "a"]]),
        found(X=X[::-1].reset_index(drop=True)),
        found(X=X.rename(columns={"a": "e"})),
    ]
    others += [found(y=y.assign(n=[0.5, 1.0, 2.0])), found(y=y.assign(c=["yes", "no", "no"]))]
    others += [found(y=y.assign(n=[0.5, np.nan, np.nextafter(2.0, 3.0)]))]
    digests = {(each["X"], each["y"]) for each in [found(X=X, y=y), *others]}
    assert len(digests) == 1 + len(others)
    assert found(X=X.copy(), y=y.copy()) == found()
