"""`transform`: the tasks' representations, as features for other estimators."""

import inspect

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
import torch
from makers import TINY, make_complete_table
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline

import sklearn_ple
from sklearn_ple import (
    AsymmetricSharingClassifierRegressor,
    PLEClassifier,
    PLEClassifierRegressor,
    PLERegressor,
)
from sklearn_ple.training.inference import compute_outputs

N = 90
CLASSES = [
    getattr(sklearn_ple, name)
    for name in sklearn_ple.__all__
    if inspect.isclass(getattr(sklearn_ple, name))
]


@pytest.fixture(scope="module")
def data():
    X, y = (part.set_axis(np.arange(N) * 2 + 7) for part in make_complete_table(N))
    missing = np.random.RandomState(1).rand(N, 2) < 0.2
    return X, y.astype({"late": "boolean"}).mask(missing)


@pytest.mark.parametrize("cls", CLASSES)
def test_the_towers_make_the_outputs_of_what_transform_gives(data, cls):
    X, _ = data
    y = np.column_stack([X["u"] > 0, (X["u"] > 0) & (X["v"] > 0)]) * 1.0
    if cls is PLERegressor:
        y = X[["u", "v"]].to_numpy()
    options = {"n_members": 3, "linear_path": False, "dtype": "float64"}
    model = cls(**TINY | options).fit(X, y)
    columns = model.transform(X)
    assert columns.dtype == np.float64
    towers = model.module_.body.towers
    cuts = np.cumsum([3 * width for width in towers.widths])
    assert columns.shape == (N, cuts[-1])
    tasks = [
        torch.from_numpy(part).unflatten(1, (3, -1)).transpose(0, 1)
        for part in np.split(columns, cuts[:-1], axis=1)
    ]
    read = (
        tasks
        if cls is AsymmetricSharingClassifierRegressor
        else torch.stack(tasks, dim=1).flatten(0, 1)
    )
    with torch.no_grad():
        outputs = towers(read)
    if model.module_.link is not None:
        outputs = model.module_.link(outputs)
    expected = compute_outputs(model.net_, model._rows(X))
    assert_allclose(outputs, expected, atol=1e-12)


def test_names_tell_task_and_position(data):
    X, y = data
    model = PLEClassifierRegressor(expert_hidden_units=(5,), **TINY | {"n_members": 2})
    with pytest.raises(NotFittedError):
        model.get_feature_names_out()
    with pytest.raises(NotFittedError):
        model.transform(X)
    names = model.fit(X, y).get_feature_names_out()
    expected = [f"{task}: {i}" for task in ("late", "price") for i in range(10)]
    assert_array_equal(names, expected)
    assert model.transform(X).shape == (N, 20)


def test_tasks_of_asymmetric_sharing_have_representations_of_their_own_widths(data):
    X, y = data
    model = AsymmetricSharingClassifierRegressor(
        reads={"price": ["late"]}, bottom_hidden_units=(4,), **TINY
    ).fit(X, y)
    names = [name.split(":")[0] for name in model.get_feature_names_out()]
    assert names == ["late"] * 4 + ["price"] * 8
    columns = model.transform(X)
    # What price reads of late's bottom is what late reads.
    assert_array_equal(columns[:, :4], columns[:, 8:])


def test_a_row_has_one_representation_whichever_rows_it_comes_with(data):
    X, y = data
    model = PLEClassifierRegressor(**TINY).fit(X, y)
    whole = model.transform(X)
    assert whole.dtype == np.float32
    # Products of matrices round by their number of rows.
    assert_allclose(whole[5:8], model.transform(X.iloc[5:8]), rtol=1e-6, atol=1e-7)
    assert_allclose(model.fit_transform(X, y), whole)


def test_set_output_says_the_form_of_transform_alone(data):
    X, y = data
    model = PLEClassifierRegressor(expert_hidden_units=(5,), **TINY).fit(X, y)
    plain = model.transform(X)
    frame = model.set_output(transform="pandas").transform(X)
    assert isinstance(frame, pd.DataFrame) and frame.index.equals(X.index)
    assert_array_equal(frame.columns, model.get_feature_names_out())
    assert_array_equal(frame, plain)
    # predict has the form of y, whatever transform's is.
    assert isinstance(model.set_output(transform="polars").transform(X), pl.DataFrame)
    assert isinstance(model.predict(X), pd.DataFrame)
    with sklearn.config_context(transform_output="pandas"):
        assert isinstance(PLEClassifierRegressor(**TINY).fit(X, y).transform(X), pd.DataFrame)


def test_a_one_dimensional_y_has_the_names_of_one_task(data):
    X, _ = data
    model = PLEClassifier(expert_hidden_units=(3,), **TINY).fit(X, X["u"].rename("y") > 0)
    assert_array_equal(model.get_feature_names_out(), ["y: 0", "y: 1", "y: 2"])
    assert model.transform(X).shape == (N, 3)


def test_a_pipeline_gives_the_next_step_representations_and_the_same_y(data):
    X, _ = data
    y = np.column_stack([X["u"] > 0, X["v"] > 0]).astype(int)
    last = MultiOutputClassifier(LogisticRegression())
    pipeline = make_pipeline(PLEClassifierRegressor(**TINY), last).fit(X, y)
    by_hand = clone(last).fit(clone(pipeline[0]).fit(X, y).transform(X), y)
    assert_array_equal(pipeline.predict(X), by_hand.predict(pipeline[0].transform(X)))


def test_frozen_representations_serve_a_target_of_their_own(data):
    X, y = data
    model = PLEClassifierRegressor(**TINY).fit(X, y)
    other = (X["w"] > 0).to_numpy()
    pipeline = make_pipeline(FrozenEstimator(model), LogisticRegression()).fit(X, other)
    by_hand = LogisticRegression().fit(model.transform(X), other)
    assert_array_equal(pipeline.predict(X), by_hand.predict(model.transform(X)))


def test_the_order_of_rows_changes_a_last_digit_at_most():
    rng = np.random.RandomState(0)
    X, y = rng.randn(100, 5), rng.randn(100, 2)
    model = PLERegressor(n_members=2, max_epochs=1, random_state=0).fit(X, y)
    order = rng.permutation(100)
    assert_allclose(model.transform(X[order]), model.transform(X)[order], rtol=1e-5, atol=1e-6)
