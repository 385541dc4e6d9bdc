"""Tasks that presuppose other tasks: labels that follow, joint and conditional probabilities."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from aitm import AITMClassifierRegressor
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit
from sklearn.base import clone

from sklearn_ple import (
    ESMMClassifier,
    PLEClassifier,
    PLEClassifierRegressor,
)
from sklearn_ple.encoding.prerequisites import Prerequisites
from sklearn_ple.encoding.targets import TargetEncoder
from sklearn_ple.tables.labels import read_targets
from sklearn_ple.tables.weights import find_label_weights

NAN = np.nan


def encoded(y, task_types="auto", sample_weight=None):
    """Return the tasks, targets and weights of a y."""
    labels, form = read_targets(y)
    weights = find_label_weights(sample_weight, labels)
    encoder = TargetEncoder(task_types, None).fit(labels, form, weights)
    return encoder.tasks, encoder.encode(labels), weights


def complete(y, depends_on, **params):
    """Return the targets of y, those that follow filled in, and the weights."""
    tasks, targets, weights = encoded(y, **params)
    Prerequisites(depends_on, tasks).complete(targets, weights)
    return np.where(weights > 0, targets, NAN), weights


# -- labels ---------------------------------------------------------------------------------------

#: Labels of a chain a, b, c, each depending on the one before, and what they become.
CHAINS = [
    ([1, 1, 1], [1, 1, 1]),
    ([1, 0, 0], [1, 0, 0]),
    ([1, 1, NAN], [1, 1, NAN]),
    ([1, NAN, NAN], [1, NAN, NAN]),
    # Without the event before there is none after it ...
    ([0, NAN, NAN], [0, 0, 0]),
    ([NAN, 0, NAN], [NAN, 0, 0]),
    ([1, 0, NAN], [1, 0, 0]),
    # ... and where there is one, so was the one before.
    ([NAN, NAN, 1], [1, 1, 1]),
    ([NAN, 1, NAN], [1, 1, NAN]),
    ([NAN, 1, 0], [1, 1, 0]),
    # Nothing follows from the absence of an event for the one before.
    ([NAN, NAN, 0], [NAN, NAN, 0]),
    ([NAN, NAN, NAN], [NAN, NAN, NAN]),
]


@pytest.mark.parametrize("depends_on", ["previous", {"b": "a", "c": "b"}, {"c": "b", "b": "a"}])
def test_labels_that_follow_are_filled_in_along_a_chain(depends_on):
    given, expected = zip(*CHAINS, strict=True)
    result, weights = complete(pd.DataFrame(given, columns=list("abc")), depends_on)
    assert_array_equal(result, expected)
    assert_array_equal(weights, ~np.isnan(expected))


def test_order_of_the_columns_does_not_matter():
    given, expected = zip(*CHAINS, strict=True)
    y = pd.DataFrame(given, columns=list("abc"))[["c", "a", "b"]]
    result, _ = complete(y, {"c": "b", "b": "a"})
    assert_array_equal(result, np.array(expected)[:, [2, 0, 1]])


def test_of_two_tasks_that_depend_on_one_neither_tells_of_the_other():
    y = pd.DataFrame([[NAN, 1, NAN], [0, NAN, NAN], [1, NAN, 0]], columns=["a", "b", "c"])
    y = pd.concat([y, pd.DataFrame([[1, 1, 1], [0, 0, 0]], columns=y.columns)])
    result, _ = complete(y, {"b": "a", "c": "a"})
    assert_array_equal(result[:3], [[1, 1, NAN], [0, 0, 0], [1, NAN, 0]])


def test_without_dependence_nothing_is_filled_in():
    y = pd.DataFrame([[0, NAN], [NAN, 1], [1, 0]], columns=["a", "b"])
    assert_array_equal(complete(y, None)[0], y)
    assert_array_equal(complete(y, {})[0], y)


def test_a_label_filled_in_has_the_weight_of_the_one_it_follows_from():
    y = pd.DataFrame([[0, NAN], [NAN, 1], [1, 0]], columns=["a", "b"])
    sample_weight = np.array([[2.0, 9.0], [9.0, 3.0], [4.0, 5.0]])
    _, weights = complete(y, "previous", sample_weight=sample_weight)
    assert_array_equal(weights, [[2, 2], [3, 3], [4, 5]])


def test_classes_are_in_their_sorted_order():
    y = pd.DataFrame({"click": ["no", None, "yes"], "buy": [None, "b", "a"]})
    result, _ = complete(y, {"buy": "click"})
    assert_array_equal(result, [[0, 0], [1, 1], [1, 0]])


@pytest.mark.parametrize("sparse_labels", [False, True])
def test_contradicting_labels_are_an_error(sparse_labels):
    y = pd.DataFrame({"click": ["no", "no", "yes", "no"], "buy": ["yes", "yes", "yes", "no"]})
    if sparse_labels:
        y.loc[3, "buy"] = None
        y.loc[4] = [None, "no"]
    message = (
        "Task 'buy' depends on 'click', but 2 rows have the label 'yes' of 'buy' and 'no' of "
        "'click': drop these rows, or correct depends_on or the labels."
    )
    with pytest.raises(ValueError, match=message):
        complete(y, {"buy": "click"})


def test_labels_that_contradict_each_other_along_a_chain_are_an_error():
    y = pd.DataFrame([[0, NAN, 1], [1, 1, 1], [1, 0, 0]], columns=["a", "b", "c"])
    with pytest.raises(ValueError, match="1 rows have the label 1.0 of 'b' and 0 of 'a'"):
        complete(y, "previous")


def test_labels_without_weight_contradict_nothing():
    y = pd.DataFrame([[0, 1], [1, 0], [1, 1]], columns=["a", "b"])
    sample_weight = np.array([[0.0, 1.0], [1.0, 1.0], [1.0, 1.0]])
    result, _ = complete(y, "previous", sample_weight=sample_weight)
    assert_array_equal(result[0], [1, 1])


# -- which task depends on which ------------------------------------------------------------------

BINARY = pd.DataFrame({"a": [0, 1], "b": [0, 1], "c": [0, 1]})


@pytest.mark.parametrize(
    ("depends_on", "pairs"),
    [
        (None, []),
        ({}, []),
        ({"a": "c"}, [(0, 2)]),
        ({"a": "b", "b": "c"}, [(1, 2), (0, 1)]),
        ("previous", [(1, 0), (2, 1)]),
    ],
)
def test_what_a_task_depends_on_comes_before_it(depends_on, pairs):
    assert Prerequisites(depends_on, encoded(BINARY)[0]).pairs == pairs


def test_logits_are_lowered_along_a_chain_as_a_whole():
    prerequisites = Prerequisites({"a": "b", "b": "c"}, encoded(BINARY)[0])
    logits = [np.array([[3.0], [0.0]]), np.array([[2.0], [1.0]]), np.array([[1.0], [4.0]])]
    lowered = prerequisites.ordered(logits)
    assert_array_equal(np.hstack(lowered), [[1, 1, 1], [0, 1, 4]])


def test_a_single_task_has_no_previous_one():
    prerequisites = Prerequisites("previous", encoded(pd.Series([0, 1]))[0])
    assert prerequisites.pairs == [] and prerequisites.link() is None


@pytest.mark.parametrize(
    ("depends_on", "message"),
    [
        ({"d": "a"}, r"depends_on names \['d'\], but the tasks are \['a', 'b', 'c', 'n', 'm'\]"),
        ({"a": "d"}, r"depends_on names \['d'\]"),
        ({"a": {}}, r"depends_on names \[{}\], but the tasks"),
        ({"n": "a"}, "depends_on names 'n', which is of kind 'regression': only binary"),
        ({"a": "m"}, "depends_on names 'm', which is of kind 'multiclass'"),
        ("previous", "depends_on names 'n'"),
        ({"a": "a"}, "depends_on has a cycle"),
        ({"a": "b", "b": "c", "c": "a"}, "depends_on has a cycle: .*'a'"),
    ],
)
def test_what_cannot_depend(depends_on, message):
    y = pd.concat([BINARY, BINARY]).assign(n=[0.5, 1.5, 2.5, 3.5], m=["x", "y", "z", "x"])
    with pytest.raises(ValueError, match=message):
        Prerequisites(depends_on, encoded(y)[0])


def test_outputs_are_linked_by_their_columns():
    y = pd.DataFrame({"m": ["x", "y", "z"], "b": [0, 1, 1], "n": [0.5, 1.5, 2.5], "a": [0, 1, 0]})
    link = Prerequisites({"b": "a"}, encoded(y)[0]).link()
    outputs = np.random.RandomState(0).randn(4, 6)
    linked = link(torch.from_numpy(outputs)).numpy()
    assert_allclose(expit(linked[:, 3]), expit(outputs[:, 3]) * expit(outputs[:, 5]), rtol=1e-9)
    others = [0, 1, 2, 4, 5]
    assert_array_equal(linked[:, others], outputs[:, others])


# -- estimators -----------------------------------------------------------------------------------

N = 400


def events(n=N, seed=0):
    """Clicks and purchases after them, with the true probabilities of both kinds."""
    rng = np.random.RandomState(seed)
    X = pd.DataFrame(rng.randn(n, 4), columns=list("stuv"))
    ctr = expit(1.5 * X["s"] - 0.5).to_numpy()
    # Those who click (much s) buy less often than those who do not: clicks are selective.
    cvr = expit(2.0 * X["t"] - X["s"]).to_numpy()
    click, buy = rng.rand(n) < ctr, rng.rand(n) < cvr
    y = pd.DataFrame({"click": click, "buy": click & buy}).replace({True: "yes", False: "no"})
    return X, y, ctr, cvr


SMALL = {"n_members": 2, "max_epochs": 3, "random_state": 0}
MODELS = {
    "ESMM": ESMMClassifier(**SMALL),
    "PLE": PLEClassifierRegressor(depends_on={"buy": "click"}, **SMALL),
    "PLE of classes": PLEClassifier(depends_on="previous", **SMALL),
    "AITM": AITMClassifierRegressor(depends_on="previous", **SMALL),
    "validated": ESMMClassifier(early_stopping=True, **SMALL),
}
every_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())


@every_model
def test_joint_and_conditional_probabilities(model):
    X, y, _, _ = events()
    y.loc[::5, "click"] = None
    y.loc[y["click"] == "no", "buy"] = None
    fitted = clone(model).fit(X, y)
    click, joint = fitted.predict_proba(X)
    given, conditional = fitted.predict_conditional_proba(X)
    assert_array_equal(given, click)
    assert (joint[:, 1] <= click[:, 1]).all()
    assert_allclose(conditional[:, 1] * click[:, 1], joint[:, 1], rtol=1e-9)
    for probabilities in (click, joint, conditional):
        assert probabilities.shape == (N, 2) and (probabilities >= 0).all()
        assert_allclose(probabilities.sum(axis=1), 1.0)
    predicted = fitted.predict(X)
    assert list(predicted.columns) == ["click", "buy"]
    assert_array_equal(predicted["buy"] == "yes", joint[:, 1] > 0.5)
    # Whoever is predicted to buy is also predicted to click.
    assert not ((predicted["buy"] == "yes") & (predicted["click"] == "no")).any()


@every_model
def test_pickling_and_cloning(model):
    X, y, _, _ = events(100)
    fitted = clone(model).fit(X, y)
    again = pickle.loads(pickle.dumps(fitted))
    for before, after in zip(
        fitted.predict_conditional_proba(X), again.predict_conditional_proba(X), strict=True
    ):
        assert_array_equal(before, after)
    assert clone(fitted).get_params() == model.get_params()


def test_conditional_probabilities_are_those_of_the_last_fit():
    X, y, _, _ = events(200)
    fitted = PLEClassifierRegressor(depends_on={"buy": "click"}, **SMALL).fit(X, y)
    expected = fitted.predict_conditional_proba(X)[1]
    assert_array_equal(
        fitted.set_params(depends_on=None).predict_conditional_proba(X)[1], expected
    )
    independent = PLEClassifierRegressor(**SMALL).fit(X, y).set_params(depends_on={"buy": "click"})
    assert not hasattr(independent, "predict_conditional_proba")


def test_conditional_probabilities_are_those_of_all_rows(seed):
    X, y, ctr, cvr = events(3000, seed=seed)
    y.loc[y["click"] == "no", "buy"] = None
    params = {"n_members": 2, "max_epochs": 12, "dropout": 0.0, "random_state": seed}
    fitted = ESMMClassifier(early_stopping=False, **params).fit(X, y)
    X, y, ctr, cvr = events(1000, seed=1 + seed)
    (click, joint), (_, conditional) = fitted.predict_proba(X), fitted.predict_conditional_proba(X)
    assert np.corrcoef(click[:, 1], ctr)[0, 1] > 0.9
    assert np.corrcoef(joint[:, 1], ctr * cvr)[0, 1] > 0.85
    assert np.corrcoef(conditional[:, 1], cvr)[0, 1] > 0.8
    # Also for those who do not click.
    unclicked = (y["click"] == "no").to_numpy()
    assert np.corrcoef(conditional[unclicked, 1], cvr[unclicked])[0, 1] > 0.75


def test_a_chain_of_three_next_to_tasks_of_other_kinds():
    X, y, _, _ = events()
    y["paid"] = np.where((y["buy"] == "yes") & (X["u"] > 0), "yes", "no")
    y["price"], y["colour"] = X["v"] * 3, np.where(X["u"] > 1, "red", "blue")
    y = y[["price", "paid", "colour", "click", "buy"]]
    fitted = PLEClassifierRegressor(depends_on={"paid": "buy", "buy": "click"}, **SMALL).fit(X, y)
    price, paid, colour, click, buy = fitted.predict_proba(X)
    assert price is None
    assert (paid[:, 1] <= buy[:, 1]).all() and (buy[:, 1] <= click[:, 1]).all()
    conditional = fitted.predict_conditional_proba(X)
    assert conditional[0] is None
    assert_array_equal(conditional[2], colour)
    assert_allclose(conditional[1][:, 1] * buy[:, 1], paid[:, 1], rtol=1e-9)
    assert_allclose(conditional[4][:, 1] * click[:, 1], buy[:, 1], rtol=1e-9)


def test_labels_that_follow_teach_as_if_they_were_given():
    X, y, _, _ = events()
    partly = y.copy()
    partly.loc[y["click"] == "no", "buy"] = None
    partly.loc[y["buy"] == "yes", "click"] = None
    weights = {"buy": "balanced", "click": {"yes": 3.0, "no": 1.0}}
    for class_weight in (None, weights):
        model = ESMMClassifier(class_weight=class_weight, **SMALL)
        given = clone(model).fit(X, y).predict_proba(X)
        filled = clone(model).fit(X, partly).predict_proba(X)
        for before, after in zip(given, filled, strict=True):
            assert_allclose(after, before, rtol=1e-6)


def test_warm_start_and_partial_fit_keep_the_dependence():
    X, y, _, _ = events()
    model = ESMMClassifier(warm_start=True, **SMALL).fit(X, y).fit(X, y)
    assert model.n_iter_ == 6
    model.partial_fit(X, y)
    click, joint = model.predict_proba(X)
    assert (joint[:, 1] <= click[:, 1]).all()
    with pytest.raises(ValueError, match="Task 'buy' depends on 'click'"):
        model.partial_fit(X, y.assign(click="no", buy="yes"))


def test_a_1d_y_depends_on_nothing():
    X, y, _, _ = events(100)
    fitted = ESMMClassifier(**SMALL).fit(X, y["click"])
    conditional = fitted.predict_conditional_proba(X)
    assert isinstance(conditional, np.ndarray)
    assert_array_equal(conditional, fitted.predict_proba(X))


def test_without_dependence_there_is_no_conditional_probability():
    X, y, _, _ = events(100)
    model = PLEClassifierRegressor(**SMALL)
    for estimator in (model, model.fit(X, y)):
        assert not hasattr(estimator, "predict_conditional_proba")
        with pytest.raises(AttributeError, match="predict_conditional_proba"):
            _ = estimator.predict_conditional_proba


@pytest.mark.parametrize(
    ("depends_on", "message"),
    [
        ({"buy": "clicks"}, r"depends_on names \['clicks'\]"),
        ({"buy": "buy"}, "depends_on has a cycle"),
        ({"click": "buy"}, "Task 'click' depends on 'buy', but .* rows"),
        ("next", "'depends_on' parameter"),
    ],
)
def test_bad_values_leave_nothing_half_fitted(depends_on, message):
    X, y, _, _ = events(100)
    model = ESMMClassifier(depends_on=depends_on, **SMALL)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)
    assert not [name for name in vars(model) if name.endswith("_")]


def test_joint_probabilities_stay_below_however_members_count(seed):
    rng = np.random.RandomState(seed)
    X = rng.randn(700, 3)
    first = X[:, 0] + rng.randn(700) > 0
    y = np.column_stack([first, first & (X[:, 1] > -2)])
    model = ESMMClassifier(n_members=8, dropout=0.45, max_epochs=4, random_state=seed).fit(X, y)
    weights = model.module_.mean.weights
    assert torch.equal(weights[:, 0], weights[:, 1]) and weights.std() > 0
    parent, joint = (p[:, 1] for p in model.predict_proba(100 * X))
    assert (joint <= parent).all()
