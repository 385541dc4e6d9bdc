"""A column of y that is ignored is no task, though y still has it."""

import numpy as np
import pandas as pd
import pytest
from makers import make_tiny
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_ple import PLEClassifier, PLEClassifierRegressor, PLERegressor, export
from sklearn_ple.inspection import MultiTaskReport
from sklearn_ple.metrics import make_multitask_scorer, multitask_scores
from sklearn_ple.model_selection import cross_val_predict

N = 60


@pytest.fixture(scope="module")
def data():
    rng = np.random.RandomState(0)
    X = pd.DataFrame(rng.randn(N, 3), columns=list("uvw"))
    # What is ignored need not even be a label.
    y = pd.DataFrame(
        {"late": X["u"] > 0, "note": [{} for _ in X.index], "price": 3.5 * X["v"] + rng.randn(N)}
    )
    return X, y


def model(task_types, cls=PLEClassifierRegressor, **params):
    return make_tiny(cls, task_types=task_types, **params)


def as_array(y):
    return np.column_stack([y["late"].astype(float), np.ones(N), y["price"]])


@pytest.mark.parametrize("form", ["frame", "array", "list"])
def test_it_is_as_if_y_had_no_such_column(form, data):
    X, y = data
    if form == "frame":
        task_types, without = {"note": ("ignore",), "price": "regression"}, y.drop(columns="note")
    else:
        y = as_array(y)
        task_types, without = ["binary", "ignore", "regression"], y[:, [0, 2]]
    given = y.tolist() if form == "list" else y
    ignoring = model(task_types).fit(X, given)
    plain = model(["binary", "regression"]).fit(X, without)
    assert ignoring.task_names_ == (["late", "price"] if form == "frame" else ["y0", "y2"])
    assert ignoring.ignored_targets_ == [1] and plain.ignored_targets_ == []
    assert_array_equal(ignoring.predict(X), plain.predict(X))
    assert_array_equal(ignoring.predict_proba(X)[0], plain.predict_proba(X)[0])
    expected = plain.score(X, without)
    assert ignoring.score(X, given) == ignoring.score(X, without) == expected
    scores = multitask_scores(plain, X, without)
    for labels in (given, without):
        assert list(multitask_scores(ignoring, X, labels).values()) == list(scores.values())
    calibrated = [
        own.calibrate(X, labels).predict_proba(X)[0]
        for own, labels in [(ignoring, given), (ignoring, without), (plain, without)]
    ]
    assert_array_equal(calibrated[0], calibrated[2])
    assert_array_equal(calibrated[1], calibrated[2])


def test_predictions_of_a_frame_have_the_tasks_columns(data):
    X, y = data
    predicted = model({"note": "ignore"}).fit(X, y).predict(X)
    assert predicted.columns.tolist() == ["late", "price"]
    assert predicted.dtypes.tolist() == [bool, float]


def test_weights_of_labels_have_the_tasks_columns(data):
    X, y = data
    weights = np.random.RandomState(0).uniform(size=(N, 2))
    fitted = model({"note": "ignore"}).fit(X, y, sample_weight=weights)
    expected = model("auto").fit(X, y.drop(columns="note"), sample_weight=weights)
    assert_array_equal(fitted.predict(X), expected.predict(X))


def test_partial_fit_and_warm_starts_go_on_with_or_without_it(data):
    X, y = data
    grown = model({"note": "ignore"}).partial_fit(X, y).partial_fit(X, y)
    warm = model({"note": "ignore"}, warm_start=True).fit(X, y)
    assert grown.task_names_ == warm.fit(X, y).task_names_ == ["late", "price"]


@pytest.mark.parametrize(("cls", "kept", "ignored"), [(PLEClassifier, 0, 2), (PLERegressor, 2, 0)])
def test_estimators_of_one_family_ignore_what_is_of_the_other(cls, kept, ignored, data):
    X, y = data
    names = list(y.columns)
    fitted = model({"note": "ignore", names[ignored]: "ignore"}, cls).fit(X, y)
    assert fitted.task_names_ == [names[kept]]
    assert fitted.predict(X).shape == (N, 1)


def test_tools_of_the_package_take_a_y_that_has_it(data, tmp_path):
    X, y = data
    estimator = model({"note": "ignore"})
    proba = cross_val_predict(estimator, X, y, cv=_halves(), method="predict_proba")
    assert proba[0].shape == (N, 2) and proba[1] is None
    fitted = estimator.fit(X, y)
    assert_allclose(
        make_multitask_scorer()(fitted, X, y),
        np.mean(list(multitask_scores(fitted, X, y).values())),
    )
    report = MultiTaskReport.from_estimator(fitted, X, y, n_bootstrap=2, importance=False)
    assert report.scores["task"].tolist() == ["late", "price"]


def test_a_file_keeps_it(data, tmp_path):
    pytest.importorskip("safetensors")
    X, y = data
    fitted = model({"note": "ignore"}).fit(X, y)
    export.save(fitted, tmp_path / "model.safetensors")
    loaded = export.load(tmp_path / "model.safetensors")
    assert loaded.ignored_targets_ == [1] and loaded.score(X, y) == fitted.score(X, y)


def test_other_columns_are_an_error_that_names_them(data):
    X, y = data
    fitted = model({"note": "ignore"}).fit(X, y)
    with pytest.raises(ValueError, match=r"y has the targets \['price', 'late'\]"):
        fitted.score(X, y[["price", "note", "late"]])
    with pytest.raises(ValueError, match=r"y has the targets \['late'\]"):
        fitted.score(X, y[["late"]])


@pytest.mark.parametrize("task_types", ["ignore", ["ignore"] * 3])
def test_something_is_left_to_learn(task_types, data):
    with pytest.raises(ValueError, match=r"task_types ignores all columns of y, \['late', 'note'"):
        model(task_types).fit(*data)


def _halves():
    rows = np.arange(N)
    return [(rows[::2], rows[1::2]), (rows[1::2], rows[::2])]
