"""The way of X through predict: read once, through the network once."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from makers import make_tiny
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import LeaveOneOut, cross_val_score

from sklearn_ple import PLEClassifier, PLEClassifierRegressor, predictor
from sklearn_ple.tasks import Binary, Multiclass

N = 80


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.RandomState(0)
    X = rng.randn(N, 3)
    y = np.column_stack([X[:, 0] > 0, X[:, 1] * 3.5])
    options = {"n_members": 2, "max_epochs": 2, "early_stopping": True, "random_state": 0}
    return PLEClassifierRegressor(**options).fit(X, y), X


@pytest.mark.parametrize(
    "method", ["predict", "predict_proba", "decision_function", "gate_weights", "predict with std"]
)
def test_rows_are_read_and_run_through_the_network_once(fitted, method, monkeypatch):
    model, X = fitted
    calls, read = [], predictor.read_features
    monkeypatch.setattr(
        predictor, "read_features", lambda *args: calls.append("read") or read(*args)
    )
    hook = model.module_.body.register_forward_pre_hook(lambda *_: calls.append("network"))
    if method == "predict with std":
        model.predict(X, return_std=True)
    else:
        getattr(model, method)(X)
    hook.remove()
    assert calls == ["read", "network"]


@pytest.fixture(scope="module")
def of_frames():
    rng = np.random.RandomState(0)
    X = pd.DataFrame(rng.randn(N, 3), index=np.arange(N) * 2).add_prefix("x")
    y = pd.DataFrame(
        {"size": rng.choice(["s", "m", "l"], N), "cost": X["x1"], "paid": rng.rand(N) > 0.5}
    )
    options = {"n_members": 2, "max_epochs": 2, "early_stopping": True, "random_state": 0}
    return PLEClassifierRegressor(**options).fit(X, y), X


def test_some_tasks_can_be_predicted_alone(of_frames, fitted):
    model, X = of_frames
    y, std = model.predict(X, return_std=True)
    own, own_std = model.predict(X, return_std=True, tasks=["cost", "size"])
    pd.testing.assert_frame_equal(own, y[["cost", "size"]])
    pd.testing.assert_frame_equal(own_std, std[["cost", "size"]])
    model, X = fitted
    np.testing.assert_array_equal(model.predict(X, tasks=["y1", "y0"]), model.predict(X)[:, ::-1])


def test_probabilities_of_all_tasks_are_one_table(of_frames, fitted):
    model, X = of_frames
    table = model.predict_proba_frame(X)
    assert list(table) == [("size", c) for c in "lms"] + [("paid", False), ("paid", True)]
    assert table.columns.names == ["task", "class"]
    assert table.index.equals(X.index)
    size, _, paid = model.predict_proba(X)
    np.testing.assert_array_equal(table["size"], size)
    np.testing.assert_array_equal(table["paid"], paid)
    own = model.predict_proba_frame(X, tasks=["paid"])
    assert list(own) == [("paid", False), ("paid", True)]
    np.testing.assert_array_equal(own, paid)


def test_probabilities_of_one_column_are_a_table_too(of_frames):
    _, X = of_frames
    labels = np.arange(N) % 3
    model = PLEClassifier(n_members=1, max_epochs=1, random_state=0).fit(X, labels)
    table = model.predict_proba_frame(X)
    assert list(table) == [("y", 0), ("y", 1), ("y", 2)]
    np.testing.assert_array_equal(table, model.predict_proba(X))


@pytest.mark.parametrize(
    ("base", "method", "expected"),
    [
        (Binary, "predict_proba", f"({N}, 2)"),
        (Binary, "decision_function", f"({N},)"),
        (Multiclass, "decision_function", f"({N}, 3)"),
    ],
)
def test_probabilities_of_a_wrong_shape_are_an_error_that_names_the_task(base, method, expected):
    wrong = type("Wrong", (base,), {method: lambda self, outputs: outputs[:, :1]})
    y = np.arange(N) % (2 if base is Binary else 3)
    X = y[:, np.newaxis]
    model = PLEClassifier(task_types=wrong, n_members=1, max_epochs=1).fit(X, y)
    message = f"Wrong.{method} returned float64 of shape ({N}, 1); expected an array of shape "
    with pytest.raises(ValueError, match=re.escape(message + expected)):
        getattr(model, method)(X)


def test_tasks_that_are_not_there_are_named(of_frames):
    model, X = of_frames
    with pytest.raises(ValueError, match=r"tasks names \['weight'\], but the tasks are \['size'"):
        model.predict(X, tasks=["size", "weight"])
    for wrong in ("size", 3):
        with pytest.raises(ValueError, match="The 'tasks' parameter of predict must be a list"):
            model.predict(X, tasks=wrong)
    with pytest.raises(ValueError, match=r"it must be a list of names, such as \['size'\]"):
        model.predict(X, tasks=[])
    for wrong in (np.array([["size", "cost"]]), np.zeros((2, 0))):
        with pytest.raises(ValueError, match=r"tasks names \[\[.*\]\], but the tasks are"):
            model.predict(X, tasks=wrong)
    with pytest.raises(ValueError, match=r"tasks names \['cost'\], which have no classes: leave"):
        model.predict_proba_frame(X, tasks=["cost"])
    for method in (model.predict, model.predict_interval, model.predict_proba_frame):
        with pytest.raises(ValueError, match="tasks names 'paid' twice"):
            method(X, tasks=["paid", "paid"])
    with pytest.raises(ValueError, match="return_std is for numbers"):
        model.predict(X, return_std=True, tasks=["paid"])
    for wrong in ("abc", 1, None, [True]):
        with pytest.raises(ValueError, match="return_std"):
            model.predict(X, return_std=wrong)


def test_the_module_alone_computes_what_is_decoded(fitted):
    model, X = fitted
    scaled = torch.as_tensor((X - X.mean(axis=0)) / X.std(axis=0), dtype=torch.float32)
    with torch.no_grad():
        outputs = model.module_(scaled, torch.empty(N, 0, dtype=torch.uint8)).numpy()
    probabilities = model.predict_proba(X)[0][:, 1]
    np.testing.assert_allclose(1 / (1 + np.exp(-outputs[:, 0])), probabilities, rtol=1e-4)
    scale = model.tasks_[1].scale, model.tasks_[1].mean
    np.testing.assert_allclose(
        outputs[:, 1] * scale[0] + scale[1], model.predict(X)[:, 1], rtol=1e-4, atol=1e-4
    )


def test_a_score_that_is_undefined_is_skipped_with_a_warning(fitted):
    model, X = fitted
    y = model.predict(X)
    y[0, 0] = 1 - y[0, 0]
    with pytest.warns(
        UndefinedMetricWarning, match="Task 'y1' has no score on its 1 label: score"
    ):
        assert model.score(X[:1], y[:1]) == 0
    y[0, 0] = np.nan
    with pytest.warns(UndefinedMetricWarning) as caught:
        assert np.isnan(model.score(X[:1], y[:1]))
    assert len(caught) == 1
    assert "Task 'y1' has no score on its 1 label: score more rows" in str(caught[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.score(X, np.column_stack([model.predict(X)[:, 0], np.full(N, np.nan)]))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_leaving_one_out_scores_as_scikit_learns_estimators_do(fitted):
    _, X = fitted
    X, options = X[:5], {"cv": LeaveOneOut(), "error_score": "raise"}
    model = PLEClassifierRegressor(n_members=1, max_epochs=1, random_state=0)
    expected = cross_val_score(LinearRegression(), X, X[:, 0], **options)
    np.testing.assert_array_equal(cross_val_score(model, X, X[:, 0], **options), expected)
    y = np.column_stack([[0, 1, 0, 1, 1], X[:, 0]])
    assert set(cross_val_score(model, X, y, **options)) <= {0.0, 1.0}


@pytest.mark.parametrize("dtype", ["f4", "f8", "i2", "i8"])
def test_the_byte_order_of_y_does_not_count(dtype):
    X, y = np.arange(80.0).reshape(40, 2), np.arange(40) % 7 * 3
    for columns in (1, 2):
        labels = np.column_stack([y] * columns) if columns > 1 else y
        other = labels.astype(np.dtype(dtype).newbyteorder("S"))
        model = make_tiny(task_types="regression").fit(X, other)
        native = make_tiny(task_types="regression").fit(X, labels.astype(dtype)).predict(X)
        np.testing.assert_array_equal(model.predict(X), native, strict=True)
