"""What a fit does not depend on: names, and orders but for what is drawn by them."""

import numpy as np
import pandas as pd
import pytest
import torch
from makers import in_turn
from numpy.testing import assert_allclose, assert_array_equal
from skorch.callbacks import Callback

from sklearn_ple import (
    AdaTTClassifierRegressor,
    AsymmetricSharingClassifierRegressor,
    CGCClassifierRegressor,
    CrossStitchClassifierRegressor,
    CustomizedSharingClassifierRegressor,
    MMoEClassifierRegressor,
    PLEClassifierRegressor,
    PLERegressor,
    SingleTaskClassifierRegressor,
    SluiceClassifierRegressor,
)

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


def predicted(X, y, weights=None, cls=PLEClassifierRegressor, names=None, **params):
    """Fit; return a column of predictions for every task, of the class a probability.

    The tasks' names may be others.
    """
    names = names or {name: name for name in y}
    model = cls(**(OPTIONS | params)).fit(X, y, weights)
    proba = model.predict_proba(X)[model.task_names_.index(names["late"])]
    numbers = [names["price"], names["size"]]
    return model.predict(X)[numbers].set_axis(["price", "size"], axis=1).assign(late=proba[:, 1])


class FromNoOrder(Callback):
    """Starts from the same weights for all inputs, experts and tasks: no order is in the draw."""

    def on_train_begin(self, net, **_):
        module = net.module_
        for name, parameter in module.named_parameters():
            # The linear path starts from what was learnt, which no order changes.
            if not name.startswith("linear."):
                # What they put out is the last axis; of layers, the one before.
                of_layer = name.startswith("body.") and parameter.dim() == 3
                values = torch.linspace(-0.5, 0.6, parameter.shape[-2 if of_layer else -1])
                parameter.data.copy_(values[:, None] if of_layer else values)
        for table in module.inputs.embedding.tables():
            table.data.copy_(torch.linspace(-0.5, 0.6, table.shape[-1]))


def from_no_order(X, y, weights, names=None):
    params = {"dropout": 0.0, "feature_dropout": 0.0, "dtype": "float64", "max_epochs": 5}
    params["callbacks"] = [FromNoOrder()]
    return predicted(X, y, weights, names=names, **params)


def test_names_do_not_count_but_for_their_order(table):
    X, y, weights = table
    expected = predicted(X, y, weights)
    renamed = X.rename(columns={"a": "B 9", "b": "B 10", "e": "f"})
    assert_array_equal(predicted(renamed, y, weights), expected)
    # Classes are sorted, as scikit-learn wants them.
    classes = y.assign(late=y["late"].map({"no": "never", "yes": "now"}))
    names = {"late": "late", "price": "prices", "size": "sizes"}
    found = predicted(X, classes.rename(columns=names), weights, names=names)
    assert_array_equal(found, expected)


def test_names_of_categories_do_not_count(table):
    X, y, weights = table
    expected = predicted(X, y, weights)
    names = {"u": "z", "v": "y", "w": "x"}
    for d in (X["d"].cat.rename_categories(names), X["d"].astype(object).map(names)):
        assert_array_equal(predicted(X.assign(d=d), y, weights), expected)


def test_the_declared_order_of_categories_does_not_count(table):
    X, y, weights = table
    expected = predicted(X, y, weights)
    other = X.assign(d=X["d"].cat.reorder_categories(["w", "u", "v"]))
    assert_array_equal(predicted(other, y, weights), expected)
    assert_array_equal(predicted(X.astype({"d": object}), y, weights), expected)


@pytest.mark.parametrize("columns", ["cabde", "abced", "ecbda"])
def test_the_order_of_columns_does_not_count(table, columns):
    X, y, weights = table
    X = X.assign(b=X["b"].mask(X["b"] > 1), c=X["c"].astype("float32"))
    expected = predicted(X, y, weights)
    assert_array_equal(predicted(X[list(columns)], y, weights), expected)


@pytest.mark.parametrize("names", ["cabde", "abced", "ecbda"])
def test_the_order_of_names_counts_by_the_initial_weights_alone(table, names):
    X, y, weights = table
    expected = from_no_order(X, y, weights)
    assert expected["price"].std() > 0.5
    renamed = X.set_axis(list(names), axis=1)
    assert_allclose(from_no_order(renamed, y, weights), expected, atol=1e-6)


ALIKE = {
    PLEClassifierRegressor: {"n_levels": 2, "n_specific_experts": {"price": 2, "size": 0}},
    CGCClassifierRegressor: {"linear_path": False},
    MMoEClassifierRegressor: {"n_levels": 2},
    SingleTaskClassifierRegressor: {"tower_hidden_units": ()},
    AsymmetricSharingClassifierRegressor: {"reads": {"late": ["price"], "price": ["size"]}},
    CustomizedSharingClassifierRegressor: {"dtype": "float32"},
    CrossStitchClassifierRegressor: {"dropout": 0.5},
    AdaTTClassifierRegressor: {"n_levels": 2, "n_specific_experts": 2},
    SluiceClassifierRegressor: {"feature_dropout": 0.5},
}


@pytest.mark.parametrize("cls", ALIKE)
def test_the_order_of_tasks_does_not_count(cls, table):
    X, y, weights = table
    params = {"dtype": "float64"} | ALIKE[cls]
    expected = predicted(X, y, weights, cls=cls, **params)
    atol = 1e-3 if params["dtype"] == "float32" else 1e-6
    # The last order is no exchange of two tasks, so that its inverse is another one.
    for tasks in (["size", "price", "late"], ["price", "size", "late"]):
        found = predicted(X, y[tasks], weights, cls=cls, **params)
        assert_allclose(found, expected, atol=atol)


@pytest.mark.parametrize("tasks", [["size", "late", "price"], ["price", "size", "late"]])
def test_the_order_of_tasks_does_not_count_in_target_statistics(tasks, table):
    X, y, weights = table
    params = {"dtype": "float64", "target_statistics": ["d", "e"]}
    expected = predicted(X, y, weights, **params)
    assert_allclose(predicted(X, y[tasks], weights, **params), expected, atol=1e-9)
    # Nor does that of the columns.
    params["target_statistics"] = ["e", "d"]
    assert_allclose(predicted(X[[*"edcba"]], y, weights, **params), expected, atol=1e-9)


@pytest.mark.parametrize(
    ("method", "depends_on"), in_turn(["aligned_mtl", "imtl_g"], (None, {"bought": "late"}))
)
def test_the_order_of_tasks_does_not_count_in_the_balance_of_gradients(method, depends_on, table):
    pytest.importorskip("torchjd")
    X, y, weights = (part[:64] for part in table)
    y = y.assign(bought=y["late"].where((y["late"] == "no") | (X["b"] > 0), "no"), rare=y["size"])
    y.loc[10:, "rare"] = np.nan  # In most batches it has no label.
    params = {"balancing": method, "depends_on": depends_on, "task_weights": {"price": 0.0}}
    params |= {"n_members": 1, "batch_size": 16, "dtype": "float64", "random_state": 0}
    params |= {"max_epochs": 2, "dropout": 0.0, "feature_dropout": 0.0, "device": "cpu"}
    params |= {"lr_schedule": "constant", "weight_averaging": 0.0}
    found = []
    for tasks in (sorted(y), sorted(y, reverse=True), ["late", "rare", "size", "bought", "price"]):
        model = PLEClassifierRegressor(**params).fit(X, y[tasks], weights)
        recorded = model.history_[-1]["balancing_weights"]
        balance = dict(zip(model.task_names_, recorded, strict=True))
        shown = pd.DataFrame(model.predict_proba(X)[tasks.index("late")]).assign(
            size=model.predict(X)["size"]
        )
        found.append((shown, [balance[task] for task in sorted(y)]))
    for shown, balance in found[1:]:
        assert_allclose(shown, found[0][0], atol=1e-6)
        assert_allclose(balance, found[0][1], atol=1e-6)


@pytest.mark.parametrize(
    ("cls", "params"),
    [
        (AsymmetricSharingClassifierRegressor, {}),
        (PLEClassifierRegressor, {"n_specific_experts": [1, 2, 1]}),
    ],
)
def test_the_order_of_tasks_counts_where_it_means_something(cls, params, table):
    X, y, weights = table
    tasks = ["size", "price", "late"]
    model = cls(**(OPTIONS | {"max_epochs": 1} | params)).fit(X, y[tasks], weights)
    names = [node.name for node in model.module_.body.nodes(model.task_names_)[-1]]
    assert model.module_.order.positions is None
    assert names == tasks == model.task_names_


def test_what_is_shown_of_tasks_is_in_the_order_of_the_columns(table):
    X, y, weights = table
    tasks = ["price", "size", "late"]
    params = {"n_specific_experts": {"price": 2}, "random_state": 0, "n_members": 1}
    params |= {"max_epochs": 1, "dtype": "float64", "device": "cpu"}
    ordered, other = (
        PLEClassifierRegressor(**params).fit(X, y[own], weights) for own in (sorted(tasks), tasks)
    )
    assert other.module_.order.positions == [2, 0, 1]
    towers = other.module_.nodes(tasks)[-1]
    assert [tower.name for tower in towers] == tasks
    assert [tower.task for tower in towers] == [0, 1, 2]
    experts = [(node.name, node.task) for node in other.module_.nodes(tasks)[0]]
    names = ["price 1", "price 2", "size 1", "late 1", "shared 1"]
    assert experts == list(zip(names, [0, 0, 1, 2, None], strict=True))
    expected, found = (model.gate_weights(X)[0] for model in (ordered, other))
    assert list(found) == tasks
    for task in tasks:
        pd.testing.assert_frame_equal(found[task], expected[task], check_exact=False, rtol=1e-6)
    ours, theirs = (
        pd.DataFrame(model.transform(X), columns=model.get_feature_names_out())
        for model in (ordered, other)
    )
    assert list(theirs) == sorted(ours, key=lambda name: tasks.index(name.partition(":")[0]))
    assert_allclose(theirs[ours.columns], ours, atol=1e-6)


@pytest.mark.parametrize("tasks", [["price", "size", "late"], ["size", "price", "late"]])
def test_the_order_of_tasks_names_counts_by_the_initial_weights_alone(table, tasks):
    X, y, weights = table
    new = dict(zip(y.columns, tasks, strict=True))
    found = from_no_order(X, y.rename(columns=new), weights, names=new)
    assert_allclose(found, from_no_order(X, y, weights), atol=1e-6)


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
