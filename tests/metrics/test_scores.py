"""Scores equal scikit-learn's metrics on the labels that are there, task by task."""

import copy
import pickle
import warnings
from decimal import Decimal
from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sklearn
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import make_classification
from sklearn.exceptions import NotFittedError, UndefinedMetricWarning
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    d2_tweedie_score,
    f1_score,
    log_loss,
    make_scorer,
    mean_absolute_error,
    r2_score,
    roc_auc_score,
)
from sklearn.model_selection import GridSearchCV, KFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ple import PLEClassifier, PLEClassifierRegressor, PLERegressor
from sklearn_ple.ensemble import PerTaskClassifierRegressor
from sklearn_ple.metrics import (
    expected_calibration_error,
    make_multitask_scorer,
    multitask_score,
    multitask_scores,
    task_scorer,
)
from sklearn_ple.tasks import Binary, Count, Multiclass, Regression

CLASSES = {"paid": ["no", "yes"], "colour": ["blue", "green", "red"]}
NAMES = ["paid", "colour", "price", "visits"]
KINDS = [Binary, Multiclass, Regression, Count]


def make_data(n_rows=120, missing=0.3, seed=0):
    rng = np.random.RandomState(seed)
    X = pd.DataFrame(rng.normal(size=(n_rows, 4)), columns=list("abcd"))
    y = pd.DataFrame(
        {
            "paid": np.where(X["a"] + rng.normal(size=n_rows) > 0, "yes", "no"),
            "colour": np.array(CLASSES["colour"])[rng.randint(3, size=n_rows)],
            "price": 3 * X["b"] + rng.normal(size=n_rows),
            "visits": rng.poisson(np.exp(0.5 * X["c"])).astype(float),
        }
    )
    return X, y.mask(rng.uniform(size=y.shape) < missing)


def make_task(kind, name):
    labels = np.array(CLASSES.get(name, [0.0, 2.0]))
    labels = labels.astype(object) if name in CLASSES else labels
    return kind().fit(labels, np.ones(len(labels)), None)


class Guess(BaseEstimator):
    """Predicts at random, but the same for the same X: has what the estimators have."""

    def __init__(self, bias=0.0):
        self.bias = bias

    def fit(self, X, y, sample_weight=None):
        self.task_names_ = list(NAMES)
        self.tasks_ = [make_task(kind, name) for kind, name in zip(KINDS, NAMES, strict=True)]
        self.classes_ = [task.classes for task in self.tasks_]
        self.calls_ = []
        return self

    def _logits(self, X):
        rng = np.random.RandomState(len(X))
        logits = [rng.normal(size=(len(X), n)) for n in (2, 3)]
        logits[0][:, 1] += self.bias * X["a"]
        return logits

    def predict(self, X):
        self.calls_.append("predict")
        columns = {
            name: self.classes_[k][logits.argmax(axis=1)]
            for k, (name, logits) in enumerate(zip(NAMES, self._logits(X), strict=False))
        }
        return pd.DataFrame(
            {**columns, "price": 2 * X["b"], "visits": np.exp(0.4 * X["c"])}, index=X.index
        )

    def predict_proba(self, X):
        self.calls_.append("predict_proba")
        odds = [np.exp(logits) for logits in self._logits(X)]
        return [part / part.sum(axis=1, keepdims=True) for part in odds] + [None, None]


@pytest.fixture(scope="module")
def data():
    return make_data()


@pytest.fixture(scope="module")
def model(data):
    return Guess(bias=1.0).fit(*data)


def expected(metric, name, y, response, weights=None):
    there = y[name].notna().to_numpy()
    options = {} if weights is None else {"sample_weight": weights[there]}
    labels = y[name][there].to_numpy()
    return metric(labels, np.asarray(response)[there], **options)


def ovr_auc(labels, proba, **options):
    return roc_auc_score(labels, proba, multi_class="ovr", **options)


def d2_poisson(labels, rates, **options):
    return d2_tweedie_score(labels, rates, power=1, **options)


@pytest.mark.parametrize("weighted", [False, True])
def test_defaults_are_those_of_the_kinds(data, model, weighted):
    X, y = data
    weights = np.random.RandomState(1).uniform(size=len(X)) if weighted else None
    proba, labels = model.predict_proba(X), model.predict(X)
    assert multitask_scores(model, X, y, sample_weight=weights) == pytest.approx(
        {
            "paid": expected(roc_auc_score, "paid", y, proba[0][:, 1], weights),
            "colour": expected(ovr_auc, "colour", y, proba[1], weights),
            "price": expected(r2_score, "price", y, labels["price"], weights),
            "visits": expected(d2_poisson, "visits", y, labels["visits"], weights),
        }
    )


class Price(Regression):
    """A kind of the user's own."""

    kind = "price"
    metric = "neg_mean_absolute_error"


class Choice(Multiclass):
    """Another one."""

    kind = "choice"
    metric = make_scorer(balanced_accuracy_score, adjusted=True)


def test_a_kind_of_the_users_own_brings_its_metric(data):
    X, y = data
    model = Guess().fit(X, y)
    kinds = [Choice, Choice, Price, Count]
    model.tasks_ = [make_task(kind, name) for kind, name in zip(kinds, NAMES, strict=True)]
    labels = model.predict(X)
    adjusted = partial(balanced_accuracy_score, adjusted=True)
    assert multitask_scores(model, X, y) == pytest.approx(
        {
            "paid": expected(adjusted, "paid", y, labels["paid"]),
            "colour": expected(adjusted, "colour", y, labels["colour"]),
            "price": -expected(mean_absolute_error, "price", y, labels["price"]),
            "visits": expected(d2_poisson, "visits", y, labels["visits"]),
        }
    )
    with pytest.raises(ValueError, match=r"numbers \(kind 'price'\): use a metric of numbers"):
        task_scorer("price", "roc_auc")(model, X, y)


def test_every_method_is_called_once_at_most(data):
    X, y = data
    model = Guess().fit(X, y)
    multitask_scores(model, X, y)
    assert sorted(model.calls_) == ["predict", "predict_proba"]
    model.calls_.clear()
    task_scorer("price")(model, X, y)
    assert model.calls_ == ["predict"]


def test_each_task_is_scored_by_its_metric(data, model):
    X, y = data
    proba, labels = model.predict_proba(X), model.predict(X)

    def share_within_one(y_true, y_pred):
        return np.mean(np.abs(y_true - y_pred) < 1)

    metrics = {
        "paid": make_scorer(f1_score, pos_label="yes"),
        "colour": "neg_log_loss",
        "price": "neg_mean_absolute_error",
        "visits": share_within_one,
    }

    def f1_of_yes(y_true, y_pred):
        return f1_score(y_true, y_pred, pos_label="yes")

    assert multitask_scores(model, X, y, metrics) == pytest.approx(
        {
            "paid": expected(f1_of_yes, "paid", y, labels["paid"]),
            "colour": -expected(log_loss, "colour", y, proba[1]),
            "price": -expected(mean_absolute_error, "price", y, labels["price"]),
            "visits": expected(share_within_one, "visits", y, labels["visits"]),
        }
    )


@given(
    n_tasks=st.integers(1, 4),
    n_rows=st.integers(2, 30),
    share=st.floats(0, 1),
    seed=st.integers(0, 2**16),
)
def test_numbers_are_scored_as_in_a_loop(n_tasks, n_rows, share, seed):
    rng = np.random.RandomState(seed)
    y, y_pred = rng.normal(size=(2, n_rows, n_tasks))
    y[rng.uniform(size=y.shape) < share] = np.nan
    weights = rng.randint(3, size=y.shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        scores = multitask_scores(y_pred, None, y, "r2", sample_weight=weights)
    for k in range(n_tasks):
        rows = [i for i in range(n_rows) if not np.isnan(y[i, k]) and weights[i, k]]
        score = scores[f"y{k}"]
        if len(rows) < 2:
            assert np.isnan(score)
        else:
            truth = r2_score(y[rows, k], y_pred[rows, k], sample_weight=weights[rows, k])
            assert score == pytest.approx(truth)


# -- forms ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "convert",
    [
        lambda y: y.astype({"paid": "category", "colour": "category"}),
        lambda y: y.to_numpy(dtype=object),
        lambda y: y.to_numpy(dtype=object).tolist(),
        lambda y: pl.DataFrame({c: [None if pd.isna(v) else v for v in y[c]] for c in y}),
    ],
    ids=["categorical", "array", "list", "polars"],
)
def test_form_of_y_does_not_matter(data, model, convert):
    X, y = data
    assert multitask_scores(model, X, convert(y)) == multitask_scores(model, X, y)


def test_what_predict_proba_gives_is_scored(data, model):
    X, y = data
    scores = multitask_scores(model.predict_proba(X), None, y)
    wanted = multitask_scores(model, X, y)
    assert scores == pytest.approx({name: wanted[name] for name in ("paid", "colour")})
    # A label can be had from probabilities.
    labels = multitask_scores(model.predict_proba(X), None, y, "accuracy")
    assert labels["colour"] == multitask_scores(model, X, y, {"colour": "accuracy"})["colour"]


@pytest.mark.parametrize("form", ["frame", "array"])
def test_what_predict_gives_is_scored(data, model, form):
    X, y = data
    y_pred = model.predict(X)
    if form == "array":
        y_pred = y_pred.to_numpy(dtype=object)
    metrics = {"paid": "accuracy", "colour": "balanced_accuracy", "visits": "r2"}
    assert multitask_scores(y_pred, None, y, metrics) == multitask_scores(model, X, y, metrics)


@pytest.mark.parametrize("convert", [pd.DataFrame, pl.from_pandas], ids=["pandas", "polars"])
def test_columns_of_predictions_are_found_by_their_names(data, model, convert):
    X, y = data
    predicted = model.predict(X)
    metrics = {"paid": "accuracy", "colour": "accuracy"}
    wanted = multitask_scores(predicted, None, y, metrics)
    assert multitask_scores(convert(predicted[NAMES[::-1]]), None, y, metrics) == wanted
    with pytest.raises(ValueError, match=r"predictions of \['paid', 'cost'\]: pass a y with"):
        multitask_scores(
            convert(predicted[["paid", "price"]].set_axis(["paid", "cost"], axis=1)),
            None,
            y[["paid", "price"]],
        )
    # Names of other things say nothing about the order.
    others = predicted.set_axis(list("abcd"), axis=1)
    assert multitask_scores(convert(others), None, y, metrics) == wanted


@pytest.mark.parametrize("declared", [True, False])
def test_columns_of_probabilities_may_name_the_classes(data, model, declared):
    X, y = data
    proba = model.predict_proba(X)[1]
    wanted = multitask_scores([proba], None, y["colour"])
    column = y["colour"].astype("category") if declared else y["colour"]
    named = pd.DataFrame(proba, columns=CLASSES["colour"])
    assert multitask_scores([named[["red", "blue", "green"]]], None, column) == wanted
    assert multitask_scores(named[["red", "blue", "green"]], None, column) == wanted
    frame = pd.concat({"colour": named[["red", "blue", "green"]]}, axis=1)
    assert multitask_scores(frame, None, column) == wanted
    if not declared:
        frame = pl.from_pandas(named[["red", "blue", "green"]])
        assert multitask_scores([frame], None, column) == wanted


def test_numbers_of_columns_are_no_names():
    rng = np.random.RandomState(0)
    y = pd.Series(rng.choice([1, 2], 20).astype(object), name="c")
    proba = pd.DataFrame(np.eye(3)[y.astype(int) - 1])
    # The columns 0, 1 and 2 are not the classes 1, 2 and 3.
    with pytest.raises(ValueError, match="probabilities of 3 classes, but y contains 2"):
        multitask_scores([proba], None, y, "accuracy")
    declared = y.astype(pd.CategoricalDtype([1, 2, 3]))
    assert multitask_scores([proba], None, declared, "accuracy") == {"c": 1.0}
    y = pd.DataFrame(rng.uniform(size=(20, 3)))[[1, 0]]
    assert multitask_scores(pd.DataFrame(y.to_numpy()), None, y) == {"y1": 1.0, "y0": 1.0}


@pytest.mark.parametrize(
    ("visits", "is_number"),
    [
        (np.arange(20), True),
        (np.arange(20) % 10, False),
        (np.arange(20.0) % 10, True),
        (np.arange(20.0) % 2, False),
        (np.arange(20) % 2 == 0, False),
        (pd.Categorical(np.arange(20)), False),
    ],
)
@pytest.mark.filterwarnings("ignore:Target 'visits' holds .* treated as a regression:UserWarning")
def test_of_passed_labels_numbers_are_told_from_classes_as_in_fit(visits, is_number):
    y = pd.DataFrame({"visits": visits})
    fitted = PLEClassifierRegressor(n_members=1, max_epochs=1).fit(np.ones((20, 1)), y)
    assert (fitted.task_types_["visits"] == "regression") == is_number
    if is_number:
        assert multitask_scores(y, None, y) == {"visits": 1.0}
    else:
        with pytest.raises(ValueError, match="Task 'visits' cannot be scored by"):
            multitask_scores(y, None, y)
    assert multitask_scores(y, None, y, metrics="accuracy") == {"visits": 1.0}


@pytest.mark.parametrize("dtype", ["float64", "Int64", "string", object])
def test_predictions_may_be_missing_where_labels_are(dtype):
    labels = pd.Series([1, 0, 1, None], dtype="Int64").astype(dtype)
    predicted = pd.Series([1, 1, 1, None], dtype="Int64").astype(dtype)
    y, y_pred = labels.to_frame("paid"), predicted.to_frame("paid")
    scores = multitask_scores(y_pred, None, y, "balanced_accuracy")
    assert scores == {"paid": 0.5}
    with pytest.raises(ValueError, match="y_pred lacks predictions of task 'paid' in .* 1 in all"):
        multitask_scores(y_pred[::-1].reset_index(drop=True), None, y, "balanced_accuracy")


def test_whole_numbers_in_another_order_are_names():
    rng = np.random.RandomState(0)
    y = pd.Series([0, 1, 1, 0, 1], name="t")
    proba = pd.DataFrame({1: y, 0: 1 - y})
    # pandas stores these columns as a range.
    assert multitask_scores([proba], None, y, "accuracy") == {"t": 1.0}
    shifted = proba.rename(columns={1: 2, 0: 1})
    assert multitask_scores([shifted], None, y + 1, "accuracy") == {"t": 1.0}
    y = pd.DataFrame(rng.uniform(size=(20, 2)))
    assert multitask_scores(y[[1, 0]], None, y) == {"y0": 1.0, "y1": 1.0}


def test_tasks_without_predictions_keep_their_weights_and_metrics(data, model):
    X, y = data
    weights = np.random.RandomState(1).randint(3, size=y.shape)
    metrics = {"paid": "accuracy", "price": "r2"}
    wanted = multitask_scores(model, X, y, metrics, weights)
    scores = multitask_scores(model.predict_proba(X), None, y, metrics, weights)
    assert scores == pytest.approx({name: wanted[name] for name in ("paid", "colour")})
    with pytest.raises(ValueError, match="metrics names"):
        multitask_scores(model.predict_proba(X), None, y, {"cost": "r2"})
    average = {"paid": 1, "price": 2}
    assert multitask_score(model.predict_proba(X), None, y, metrics, average, weights) == (
        pytest.approx(wanted["paid"])
    )


def test_nan_of_arrow_is_a_missing_label(data, model):
    X, y = data
    # Not from pandas, because that would turn NaN into null.
    classes = {name: y[name].astype(object).where(y[name].notna(), None) for name in CLASSES}
    numbers = {name: y[name].to_numpy() for name in NAMES if name not in CLASSES}
    table = pa.table({name: pa.array(list(part)) for name, part in (classes | numbers).items()})
    assert table["price"].null_count == 0
    assert multitask_scores(model, X, table) == multitask_scores(model, X, y)


@pytest.mark.parametrize("arrow", [True, False])
def test_decimals_may_be_classes(arrow):
    labels = np.resize([Decimal(0), Decimal(1)], 40)
    X = pd.DataFrame({"x": labels.astype(float)})
    y = pd.DataFrame({"y": pd.Categorical(labels)})
    y = pa.table({"y": pa.array(labels).dictionary_encode()}) if arrow else y
    model = PLEClassifierRegressor(n_members=1, max_epochs=2, random_state=0).fit(X, y)
    expected = roc_auc_score(X["x"], model.predict_proba(X)[0][:, 1])
    assert multitask_scores(model, X, y) == {"y": expected}
    assert multitask_scores(model.predict_proba(X), None, y) == {"y": expected}


@pytest.mark.parametrize("dtype", ["Float64", "double[pyarrow]", object])
def test_probabilities_may_be_of_any_dtype(dtype):
    proba = np.array([[0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [0.8, 0.2]])
    y = pd.DataFrame({"y": [False, True, False, True]})
    expected = roc_auc_score(y["y"], proba[:, 1])
    assert multitask_scores([pd.DataFrame(proba).astype(dtype)], None, y) == {"y": expected}
    assert (
        multitask_scores([pa.table(list(proba.T), names=["no", "yes"])], None, y)["y"] == expected
    )


@pytest.mark.parametrize("arrow", [True, False])
def test_decimals_are_numbers(arrow):
    numbers = [0.5, None, 1.25, 3.0, 2.75]
    y = pd.Series([None if number is None else Decimal(str(number)) for number in numbers])
    y = y.astype(pd.ArrowDtype(pa.decimal128(5, 2))) if arrow else y
    predicted = [0.75, 9.0, 1.0, 2.5, 3.0]
    assert multitask_scores(predicted, None, y) == multitask_scores(
        predicted, None, pd.Series(numbers)
    )


@pytest.mark.parametrize("proba", [True, False])
def test_a_one_dimensional_y_is_one_task(proba):
    rng = np.random.RandomState(0)
    y = np.where(rng.uniform(size=50) < 0.5, 1.0, 0.0)
    positive = rng.uniform(size=50)
    if proba:
        predicted, metrics, wanted = np.column_stack([1 - positive, positive]), None, roc_auc_score
    else:
        predicted, metrics, wanted = (positive > 0.5) * 1, "accuracy", accuracy_score
    y[::7] = np.nan
    there = ~np.isnan(y)
    score = wanted(y[there], (positive if proba else predicted)[there])
    assert multitask_scores(predicted, None, y, metrics) == {"y": pytest.approx(score)}


def test_a_pipeline_and_a_search_are_scored_as_scikit_learn_does(data):
    X, y = data
    y = y[["paid", "price"]]
    model = make_pipeline(
        StandardScaler(), PLEClassifierRegressor(max_epochs=2, n_members=1, random_state=0)
    )
    search = GridSearchCV(
        model, {"pleclassifierregressor__dropout": [0.0, 0.5]}, scoring=make_multitask_scorer()
    ).fit(X, y)
    auc = expected(roc_auc_score, "paid", y, search.predict_proba(X)[0][:, 1])
    r2 = expected(r2_score, "price", y, search.predict(X)["price"])
    scores = multitask_scores(search, X, y)
    assert scores == pytest.approx({"paid": auc, "price": r2}, abs=1e-6)
    assert multitask_scores(search.best_estimator_, X, y) == scores


def test_estimators_of_one_task_are_scored_as_scikit_learn_does():
    X, y = make_classification(n_samples=60, random_state=0)
    parameters = {"max_epochs": 2, "n_members": 1, "random_state": 0}
    classifier = PLEClassifier(**parameters).fit(X, y)
    auc = roc_auc_score(y, classifier.predict_proba(X)[:, 1])
    assert multitask_scores(classifier, X, y) == pytest.approx({"y": auc}, abs=1e-6)
    regressor = PLERegressor(**parameters).fit(X, X[:, 0])
    r2 = r2_score(X[:, 0], regressor.predict(X))
    assert multitask_score(regressor, X, X[:, 0]) == pytest.approx(r2)


def test_calibration_error_may_be_the_metric_of_a_task(data, model):
    X, y = data
    metric = make_scorer(
        expected_calibration_error, response_method="predict_proba", greater_is_better=False
    )
    scores = multitask_scores(model, X, y, {"paid": metric, "colour": metric})
    for k, name in enumerate(["paid", "colour"]):
        wanted = expected_calibration_error(y[name], model.predict_proba(X)[k])
        assert scores[name] == pytest.approx(-wanted)


# -- one number -----------------------------------------------------------------------------------


def test_the_average_is_the_mean_the_worst_or_weighted(data, model):
    X, y = data
    scores = list(multitask_scores(model, X, y).values())
    assert multitask_score(model, X, y) == pytest.approx(np.mean(scores))
    assert multitask_score(model, X, y, average="worst") == min(scores)
    weights = {"paid": 1, "price": 3}
    weighted = (scores[0] + 3 * scores[2]) / 4
    assert multitask_score(model, X, y, average=weights) == pytest.approx(weighted)


def test_tasks_without_a_score_are_skipped(data, model):
    X, y = data
    y = y.assign(price=np.nan)
    with pytest.warns(
        UndefinedMetricWarning, match="'price' has no score by 'r2' on its 0 labels"
    ):
        scores = multitask_scores(model, X, y)
    assert np.isnan(scores.pop("price"))
    with pytest.warns(UndefinedMetricWarning):
        assert multitask_score(model, X, y) == pytest.approx(np.mean(list(scores.values())))
    with pytest.warns(UndefinedMetricWarning):
        assert multitask_score(model, X, y, average="worst") == min(scores.values())
    with pytest.warns(UndefinedMetricWarning):
        assert np.isnan(multitask_score(model, X, y, average={"price": 1}))


@pytest.mark.parametrize("average", ["mean", "worst", {"paid": 1}])
def test_without_any_label_the_score_is_nan(data, model, average):
    X, y = data
    with pytest.warns(UndefinedMetricWarning):
        assert np.isnan(multitask_score(model, X, y.mask(y.notna()), average=average))


@pytest.mark.parametrize(
    ("name", "label", "metric"),
    [
        ("paid", "yes", None),
        ("colour", "red", None),
        ("colour", "red", "roc_auc_ovr"),
        ("colour", "red", "roc_auc_ovo"),
        ("visits", 0.0, None),
    ],
)
def test_labels_all_alike_have_no_score(data, model, name, label, metric):
    X, y = data
    y = y.assign(**{name: label})
    with pytest.warns(
        UndefinedMetricWarning, match=f"{name!r} has no score by .* on its 120 labels"
    ):
        assert np.isnan(task_scorer(name, metric)(model, X, y))
    if name in CLASSES:
        with pytest.warns(UndefinedMetricWarning):
            assert np.isnan(multitask_scores(model.predict_proba(X), None, y)[name])


def test_classes_that_only_uint64_holds_are_told_apart():
    y = np.array([2**63 + 5, 2**63 + 6, 3, 2**63 + 5], dtype=np.uint64)
    predicted = y[[0, 0, 2, 3]]
    assert multitask_scores(predicted, None, y, "accuracy") == {"y": 0.75}


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("metric", [None, "accuracy", "f1_macro"])
def test_classes_that_are_fractions_score_as_whole_ones(n_classes, metric):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 2))
    whole = np.digitize(X[:, 0], [0.0, 0.5][: n_classes - 1])
    # In their order as numbers, not as words.
    doses = pd.Categorical(np.array([0.5, 1.25, 10.5])[whole])
    doses[5] = np.nan
    whole = pd.Series(whole).where(np.arange(90) != 5)
    model = PLEClassifier(n_members=1, max_epochs=2, task_types="multiclass", random_state=0)
    expected = multitask_scores(model.fit(X, whole), X, whole, metric)
    doses = pd.Series(doses)
    assert multitask_scores(model.fit(X, doses), X, doses, metric) == expected
    predicted = model.predict(X) if metric else [model.predict_proba(X)]
    assert multitask_scores(predicted, None, doses, metric) == expected


def test_a_class_that_no_label_has_is_left_out(data, model):
    X, y = data
    y = y.assign(colour=y["colour"].where(y["colour"] != "red"))
    there = y["colour"].notna().to_numpy()
    labels, proba = y["colour"][there], model.predict_proba(X)[1][there]
    auc = np.mean(
        [roc_auc_score(labels == c, proba[:, k]) for k, c in enumerate(["blue", "green"])]
    )
    assert task_scorer("colour")(model, X, y) == pytest.approx(auc)
    loss = log_loss(labels, proba, labels=CLASSES["colour"])
    assert task_scorer("colour", "neg_log_loss")(model, X, y) == pytest.approx(-loss)


@pytest.mark.parametrize(
    ("name", "others"),
    [("paid", ["no"]), ("paid", ["yes"]), ("paid", ["no", "yes"]), ("colour", ["blue"])],
)
def test_labels_of_other_classes_are_the_rest(data, model, name, others):
    X, y = data
    known, column = CLASSES[name], NAMES.index(name)
    y = y.assign(**{name: y[name].replace(others, "other")})
    there = y[name].notna().to_numpy()
    labels, proba = y[name][there], model.predict_proba(X)[column][there]
    left = [k for k, c in enumerate(known) if c not in others]
    auc = [roc_auc_score(labels == known[k], proba[:, k]) for k in left]
    if auc:
        assert task_scorer(name)(model, X, y) == pytest.approx(np.mean(auc))
    else:
        message = (
            r"none of the labels, such as 'other', is among the task's classes \['no', 'yes'\]"
        )
        with pytest.warns(UndefinedMetricWarning, match=message):
            assert np.isnan(task_scorer(name)(model, X, y))


def test_labels_of_another_type_are_an_error_as_in_score():
    X, y = np.zeros((6, 1)), np.array([0, 1, 2] * 2)
    fitted = PLEClassifier(n_members=1, max_epochs=1).fit(X, y)
    message = "Target 'y' holds text, such as '0', but its classes are numbers, such as 0"
    for score in (fitted.score, partial(multitask_scores, fitted)):
        with pytest.raises(ValueError, match=message):
            score(X, y.astype(str))


@pytest.mark.parametrize(
    "value", ["1.5", b"u", pd.Timestamp("2020"), True, [1.5], 1j, pytest.param(10**400, id="huge")]
)
def test_what_is_no_label_is_an_error_as_in_score(value):
    X, y = np.zeros((6, 1)), pd.DataFrame({"price": np.arange(6.0)})
    fitted = PLERegressor(n_members=1, max_epochs=1).fit(X, y)
    wrong = y.astype(object)
    wrong.iat[2, 0] = value
    for score in (
        fitted.score,
        partial(multitask_scores, fitted),
        lambda X, y: multitask_scores(fitted.predict(X), None, y),
    ):
        with pytest.raises((TypeError, ValueError), match="arget 'price'"):
            score(X, wrong)


def test_warnings_of_defined_scores_name_the_task():
    y = np.column_stack([[0, 0, 1, 1], [1.5, 2.5, 3.5, 4.5]])
    with pytest.warns(UndefinedMetricWarning, match="Task 'y0': Precision is ill-defined"):
        scores = multitask_scores(y * [0, 1], None, y, {"y0": "precision"})
    assert scores == {"y0": 0.0, "y1": 1.0}


# -- scorers --------------------------------------------------------------------------------------


def test_scorers_choose_in_a_search(data):
    X, y = data
    scoring = {
        "all": make_multitask_scorer(),
        "worst": make_multitask_scorer({"paid": "accuracy"}, average="worst"),
        "paid": task_scorer("paid", "roc_auc"),
    }
    search = GridSearchCV(
        Guess(), {"bias": [0.0, 3.0]}, scoring=scoring, refit="paid", cv=KFold(3)
    ).fit(X, y)
    assert search.best_params_ == {"bias": 3.0}
    for fold, (train, test) in enumerate(KFold(3).split(X)):
        model = Guess(3.0).fit(X.iloc[train], y.iloc[train])
        X_test, y_test = X.iloc[test], y.iloc[test]
        scores = multitask_scores(model, X_test, y_test)
        found = {name: search.cv_results_[f"split{fold}_test_{name}"][1] for name in scoring}
        assert found["all"] == pytest.approx(np.mean(list(scores.values())))
        assert found["paid"] == scores["paid"]
        accuracy = multitask_scores(model, X_test, y_test, {"paid": "accuracy"})
        assert found["worst"] == min(accuracy.values())


@pytest.mark.parametrize("scorer", [make_multitask_scorer("r2"), task_scorer("price", "r2")])
def test_scorers_are_copied_and_pickled(data, model, scorer):
    X, y = data
    if "price" not in repr(scorer):
        y, model = y[["price", "visits"]], PriceAndVisits().fit(X, y)
    score = scorer(model, X, y)
    search = clone(GridSearchCV(model, {}, scoring=scorer))
    for twin in (copy.deepcopy(scorer), pickle.loads(pickle.dumps(scorer)), search.scoring):
        assert twin(model, X, y) == score
        assert repr(twin) == repr(scorer)


class PriceAndVisits(Guess):
    """Knows numbers only."""

    def fit(self, X, y, sample_weight=None):
        super().fit(X, y)
        self.task_names_ = NAMES[2:]
        self.tasks_, self.classes_ = self.tasks_[2:], [None, None]
        return self

    def predict(self, X):
        return pd.DataFrame({"price": 2 * X["b"], "visits": np.exp(0.4 * X["c"])})


def test_repr_says_what_is_scored():
    scorer = make_multitask_scorer({"price": "r2"}, average="worst")
    assert repr(scorer) == "multitask_score(metrics={'price': 'r2'}, average='worst')"
    assert repr(task_scorer("paid")) == "score_one_task(task='paid', metric=None)"


@pytest.mark.parametrize("scorer", [make_multitask_scorer(), task_scorer("price")])
def test_weights_are_routed(data, scorer):
    X, y = data
    weights = np.random.RandomState(1).uniform(size=len(X))
    with sklearn.config_context(enable_metadata_routing=True):
        asked = copy.deepcopy(scorer).set_score_request(sample_weight=True)
        model = Guess().set_fit_request(sample_weight=False)
        scores = cross_validate(
            model, X, y, scoring=asked, cv=KFold(2), params={"sample_weight": weights}
        )["test_score"]
        multi = cross_validate(
            model, X, y, scoring={"it": asked}, cv=KFold(2), params={"sample_weight": weights}
        )["test_it"]
    np.testing.assert_array_equal(multi, scores)
    for score, (train, test) in zip(scores, KFold(2).split(X), strict=True):
        model = Guess().fit(X.iloc[train], y.iloc[train])
        parts = model, X.iloc[test], y.iloc[test]
        assert score == scorer(*parts, sample_weight=weights[test])
        assert score != scorer(*parts)


def test_labels_have_weights_of_their_own(data, model):
    X, y = data
    weights = np.random.RandomState(1).randint(3, size=y.shape)
    scores = multitask_scores(model, X, y, sample_weight=weights)
    for k, name in enumerate(NAMES):
        alone = task_scorer(name)(model, X, y, sample_weight=weights[:, k])
        dropped = task_scorer(name)(model, X, y.mask(weights == 0), sample_weight=weights)
        assert scores[name] == alone == dropped


# -- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"metrics": {"wage": "r2"}}, r"metrics names \['wage'\], but the tasks are"),
        ({"metrics": {"price": "r3"}}, "Task 'price' cannot be scored by 'r3': .*not a valid"),
        ({"metrics": {"price": "roc_auc"}}, "Task 'price' .* labels are numbers"),
        ({"metrics": {"price": "accuracy"}}, "Task 'price' cannot be scored by 'accuracy'"),
        ({"metrics": "r2"}, "Task 'paid' cannot be scored by 'r2': could not convert string"),
        (
            {"metrics": {"colour": make_scorer(confusion_matrix)}},
            "Task 'colour' cannot be scored by confusion_matrix: only .* Python scalars",
        ),
        ({"sample_weight": np.ones(7)}, r"sample_weight has shape \(7,\); .* \(120, 4\)"),
        ({"sample_weight": -np.ones(120)}, "Negative values in .*sample_weight"),
        ({"average": "median"}, "average must be 'mean', 'worst' or a dict"),
        ({"average": pd.Series({"paid": 1})}, "average must be 'mean', 'worst' or a dict"),
        ({"metrics": ["r2"]}, "'paid' cannot be scored by .*'r2'.: a metric is the name"),
        ({"average": {"wage": 1}}, r"average names \['wage'\]"),
        ({"average": {"price": -1, "paid": 2}}, "in average must be finite numbers, 0 or"),
        ({"average": {"price": np.inf}}, "in average must be finite numbers, 0 or more"),
        ({"average": {"price": "a"}}, "in average must be finite numbers, 0 or more"),
        ({"average": {"price": 0}}, "at least one must be greater than 0"),
    ],
)
def test_wrong_arguments_are_named(data, model, arguments, message):
    X, y = data
    with pytest.raises(ValueError, match=message):
        multitask_score(model, X, y, **arguments)


def test_a_list_is_no_name_of_a_task(data, model):
    with pytest.raises(ValueError, match=r"'name' parameter .* Got \['paid'\]"):
        task_scorer(["paid"])(model, *data)


def test_labels_are_no_probabilities(data, model):
    X, y = data
    with pytest.raises(ValueError, match="Task 'paid' .* predict_proba, .* 'accuracy'"):
        multitask_scores(model.predict(X), None, y)


def test_probabilities_of_more_classes_than_y_holds_need_declared_ones(data, model):
    X, y = data
    proba = model.predict_proba(X)
    held = y["colour"].where(y["colour"] != "red")
    with pytest.raises(
        ValueError, match="Task 'colour' .*probabilities of 3 classes.* contains 2"
    ):
        multitask_scores(proba, None, y.assign(colour=held))
    declared = pd.Categorical(held, categories=CLASSES["colour"])
    scores = multitask_scores(proba, None, y.assign(colour=declared))
    assert scores["colour"] == task_scorer("colour")(model, X, y.assign(colour=held))


def test_frames_of_probabilities_of_all_tasks_are_scored(data):
    X, y = data
    kinds = {"visits": "count"}
    fitted = PLEClassifierRegressor(task_types=kinds, n_members=1, max_epochs=2).fit(X, y)
    frame, by_name = fitted.predict_proba_frame(X), multitask_scores(fitted, X, y)
    own = {name: by_name[name] for name in ("paid", "colour")}
    assert multitask_scores(frame, None, y) == pytest.approx(own)
    # A frame with as many columns as there are tasks, in another order.
    two = y[["price", "paid"]]
    assert multitask_scores(frame[["paid"]], None, two) == {"paid": own["paid"]}
    with pytest.raises(ValueError, match=r"probabilities of \['paid', 'colour'\]: pass a y with"):
        multitask_scores(frame, None, two)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (lambda X: X[["a"]], "^X: The feature names should match"),
        (lambda X: X.assign(a=np.inf), "^Input X contains infinity"),
    ],
)
def test_errors_of_predicting_are_not_those_of_a_metric(data, X, message):
    fitted = PLERegressor(n_members=1, max_epochs=1).fit(data[0], data[1]["price"])
    with pytest.raises(ValueError, match=message):
        multitask_scores(fitted, X(data[0]), data[1]["price"])


def test_y_must_have_the_tasks(data, model):
    X, y = data
    with pytest.raises(ValueError, match="y has the tasks .* but the estimator was fitted with"):
        multitask_scores(model, X, y[NAMES[::-1]])
    with pytest.raises(ValueError, match="y has the tasks .* but the estimator was fitted with"):
        multitask_scores(model, X, y.to_numpy(dtype=object)[:, :2])
    with pytest.raises(ValueError, match="predictions of 2 tasks, but y has 4"):
        multitask_scores(np.ones((len(y), 2)), None, y)
    with pytest.raises(ValueError, match="inconsistent"):
        multitask_scores(model, X, y.head())
    with pytest.raises(ValueError, match="no task of the name 'wage'"):
        task_scorer("wage")(model, X, y)
    with pytest.raises(ValueError, match="y is None.*: pass y"):
        multitask_scores(model, X, None)
    doubled = pd.concat([y, y], axis=1)
    with pytest.raises(ValueError, match="y has several columns of each name"):
        multitask_scores(model.predict_proba(X), None, doubled)


def test_columns_that_are_named_like_those_of_arrays_are_not_mixed_up():
    X, y = np.arange(12.0)[:, np.newaxis], pd.DataFrame({"y0": np.arange(12.0), "y1": 0.5})
    y.loc[::2, "y1"] = 2.5
    for fitted_y in (y, y.to_numpy()):
        model = PLERegressor(n_members=1, max_epochs=1).fit(X, fitted_y)
        scores = multitask_scores(model, X, y)
        assert multitask_scores(model, X, y.to_numpy()) == scores
        assert multitask_scores(model, X, y.set_axis(["a", "b"], axis=1)) == scores
        with pytest.raises(ValueError, match=r"y has the tasks \['y1', 'y0'\], but .* order"):
            multitask_scores(model, X, y[["y1", "y0"]])


def test_an_estimator_must_name_its_tasks(data):
    X, y = data
    with pytest.raises(NotFittedError):
        multitask_scores(PLEClassifierRegressor(), X, y)
    stranger = LinearRegression().fit(X, np.ones(len(X)))
    with pytest.raises(TypeError, match="LinearRegression has no attribute task_names_"):
        multitask_scores(stranger, X, y)


def test_a_search_without_a_best_model_cannot_be_scored(data):
    X, y = data
    search = GridSearchCV(Guess(), {"bias": [1.0]}, scoring=make_multitask_scorer(), refit=False)
    with pytest.raises(TypeError, match="GridSearchCV cannot predict: .* refit=True"):
        multitask_scores(search.fit(X, y), X, y)


def test_average_is_checked_when_the_scorer_is_made():
    with pytest.raises(ValueError, match="average must be"):
        make_multitask_scorer(average="median")


@pytest.mark.parametrize("kind", ["count", "tweedie", ("tweedie", 1.99), "hurdle"])
@pytest.mark.parametrize("unit", [1.0, 1e150])
def test_amounts_that_are_predicted_as_nearly_zero_are_scored(kind, unit):
    X = np.linspace(-1, 1, 40)[:, None]
    y = unit * np.exp(3 * X[:, 0])
    options = {"n_members": 1, "max_epochs": 20, "random_state": 0, "clip_numbers": None}
    model = PLERegressor(task_types=kind, **options).fit(X, y)
    far = 1e6 * X
    assert model.predict(far).min() < 1e-300 * unit
    assert np.isfinite(multitask_scores(model, X, y)["y"])
    assert not np.isnan(multitask_scores(model, far, y)["y"])


@pytest.mark.parametrize(
    ("kind", "power"), [("count", 1), (("tweedie", 1.4), 1.4), ("hurdle", 1.5)]
)
def test_amounts_that_are_predicted_as_zero_are_scored(kind, power):
    X = np.linspace(0, 1, 40)[:, None]
    y = np.round(8 * X[:, 0] ** 4)
    model = PerTaskClassifierRegressor(regressor=Ridge(), task_types=kind).fit(X, y)
    predicted = model.predict(X)
    assert (predicted == 0).any()
    expected = d2_tweedie_score(y / 8, np.maximum(predicted / 8, 2.0**-1022), power=power)
    assert multitask_scores(model, X, y)["y"] == pytest.approx(expected)


@pytest.mark.parametrize("unit", [1e-300, 1e-170, 1e155, 1e300])
def test_scores_do_not_depend_on_the_unit_of_numbers(unit):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 2))
    y = X[:, 0] + 0.1 * rng.normal(size=40)
    options = {"n_members": 1, "max_epochs": 1, "random_state": 0}
    metrics = ("r2", "explained_variance", "d2_absolute_error_score", None)
    expected, found = (
        [
            model.task_view("y").score(X, labels),
            *(multitask_scores(model, X, labels, metric)["y"] for metric in metrics),
        ]
        for labels in (y, y * unit)
        for model in [PLERegressor(**options).fit(X, labels)]
    )
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert max(expected) < 1
