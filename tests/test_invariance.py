"""What a fit does not depend on: names, and orders but for what is drawn by them."""

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_ple import PLEClassifierRegressor, PLERegressor

N = 120
OPTIONS = {"n_members": 2, "max_epochs": 3, "random_state": 0, "device": "cpu"}


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(N, 3)), columns=list("abc"))
    X["d"] = pd.Categorical(rng.choice(["u", "v", "w"], N))
    X["e"] = pd.Categorical(rng.choice(["one", "two"], N))
    y = pd.DataFrame(
        {
            "late": np.where(X["a"] + rng.normal(size=N) > 0, "yes", "no"),
            "price": 3 * X["b"] + rng.normal(size=N),
            "size": X["c"] + (X["d"] == "u"),
        }
    )
    return X, y.mask(rng.random(y.shape) < 0.1), rng.uniform(0.5, 2.0, N)


def predicted(X, y, weights=None, cls=PLEClassifierRegressor, **params):
    """Fit; return a column of predictions for every task, of the class a probability."""
    model = cls(**(OPTIONS | params)).fit(X, y, weights)
    proba = model.predict_proba(X)[model.task_names_.index("late")]
    return model.predict(X)[["price", "size"]].assign(late=proba[:, 1])


class FromNoOrder(PLEClassifierRegressor):
    """Starts from the same weights for all inputs, experts and tasks: no order is in the draw."""

    def make_module(self, encoder):
        module = super().make_module(encoder)
        for name, parameter in module.named_parameters():
            # The linear path starts from what was learnt, which no order changes.
            if not name.startswith("linear."):
                # What they put out is the last axis; of layers, the one before.
                of_layer = name.startswith("body.") and parameter.dim() == 3
                values = torch.linspace(-0.5, 0.6, parameter.shape[-2 if of_layer else -1])
                parameter.data.copy_(values[:, None] if of_layer else values)
        for table in module.embedding.tables():
            table.data.copy_(torch.linspace(-0.5, 0.6, table.shape[-1]))
        return module


def from_no_order(X, y, weights):
    params = {"dropout": 0.0, "feature_dropout": 0.0, "dtype": "float64", "max_epochs": 5}
    return predicted(X, y, weights, cls=FromNoOrder, **params)


def test_names_do_not_count(table):
    X, y, weights = table
    expected = predicted(X, y, weights)
    renamed = X.rename(columns={"a": "zeta", "d": "alpha"})
    assert_array_equal(predicted(renamed, y, weights), expected)
    # Classes and categories are sorted: other names in the same order are the same.
    renamed = X.assign(d=X["d"].cat.rename_categories({"u": "k", "v": "l", "w": "m"}))
    classes = y.assign(late=y["late"].map({"no": "never", "yes": "now"}))
    assert_array_equal(predicted(renamed, classes, weights), expected)


def test_the_declared_order_of_categories_and_the_place_between_kinds_do_not_count(table):
    X, y, weights = table
    expected = predicted(X, y, weights)
    other = X.assign(d=X["d"].cat.reorder_categories(["w", "u", "v"]))
    assert_array_equal(predicted(other, y, weights), expected)
    assert_array_equal(predicted(X.astype({"d": object}), y, weights), expected)
    assert_array_equal(predicted(X[["d", "a", "e", "b", "c"]], y, weights), expected)


@pytest.mark.parametrize("columns", ["cabde", "abced", "ecbda"])
def test_the_order_of_columns_counts_by_the_initial_weights_alone(table, columns):
    X, y, weights = table
    expected = from_no_order(X, y, weights)
    assert expected["price"].std() > 0.5
    assert_allclose(from_no_order(X[list(columns)], y, weights), expected, atol=1e-6)


def test_the_order_of_categories_counts_by_the_initial_weights_alone(table):
    X, y, weights = table
    other = X.assign(d=X["d"].cat.rename_categories({"u": "z", "v": "y", "w": "x"}))
    expected = from_no_order(X, y, weights)
    assert_allclose(from_no_order(other, y, weights), expected, atol=1e-6)


@pytest.mark.parametrize("tasks", [["price", "late", "size"], ["size", "price", "late"]])
def test_the_order_of_tasks_counts_by_the_initial_weights_alone(table, tasks):
    X, y, weights = table
    assert_allclose(from_no_order(X, y[tasks], weights), from_no_order(X, y, weights), atol=1e-6)


@pytest.mark.parametrize(
    ("params", "same"),
    [
        ({}, False),
        ({"lr_schedule": "constant", "weight_averaging": 0.0, "dropout": 0.0}, False),
        ({"optimizer": "sgd", "learning_rate": 0.05, "lr_schedule": "constant"}, True),
    ],
    ids=["default", "adamw", "sgd"],
)
def test_two_warm_starts_are_one_fit_where_nothing_is_kept_between_steps(params, same):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, 3))
    if same:
        # Neither averages nor the draws of dropout and of batches.
        params = params | {"weight_averaging": 0.0, "dropout": 0.0, "feature_dropout": 0.0}
        params |= {"batch_size": N}
    options = OPTIONS | params
    once = PLERegressor(**options | {"max_epochs": 10}).fit(X, X[:, :2])
    twice = PLERegressor(**options | {"max_epochs": 5}, warm_start=True)
    twice.fit(X, X[:, :2]).fit(X, X[:, :2])
    assert len(twice.history_) == len(once.history_) == 10
    assert np.allclose(twice.predict(X), once.predict(X), atol=1e-5) == same
