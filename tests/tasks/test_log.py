"""Tasks of logarithms: means by smearing, bounded by quartiles, and what follows from them."""

import numpy as np
import pandas as pd
import pytest
import torch
from makers import assert_alike, make_tiny
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score
from skorch.callbacks import Callback

from sklearn_ple import PLEClassifierRegressor, PLERegressor
from sklearn_ple.ensemble import BlendClassifierRegressor, PerTaskClassifierRegressor
from sklearn_ple.tasks import Log

RNG = np.random.default_rng(0)
X = RNG.random((600, 3))
#: What the logarithms are without noise, and the spread of the noise.
SIGNAL, SPREAD = 3 * X[:, 0] + X[:, 1], 1.0
COST = np.exp(SIGNAL + SPREAD * RNG.normal(size=600))
MEAN = np.exp(SIGNAL + SPREAD**2 / 2)
QUICK = {"n_members": 2, "max_epochs": 15, "random_state": 0, "task_types": "log"}


def fitted(labels, *options, weights=None):
    weights = np.ones(len(labels)) if weights is None else weights
    return Log(*options).fit(np.asarray(labels), weights, None)


def learnt(errors, weights=None, labels=(1.0, np.e**2)):
    """Return a task, whose logarithms have the deviation 1, that knows errors of zero outputs."""
    task = fitted(labels)
    weights = np.ones(len(errors)) if weights is None else weights
    task.learn_errors(np.zeros((len(errors), 1)), np.asarray(errors), weights)
    return task


@pytest.fixture(scope="module")
def model():
    return PLERegressor(**QUICK).fit(X, COST)


def test_logarithms_are_standardised():
    labels = np.array([1, 10, 100])
    expected = (np.log(labels) - np.log(labels).mean()) / np.log(labels).std()
    np.testing.assert_allclose(fitted(labels).encode(labels), expected)


@pytest.mark.parametrize("least", [0.0, -3.0])
def test_labels_that_have_no_logarithm_are_an_error(least):
    y = pd.DataFrame({"cost": [1.0, least, 2.5, 4.0]})
    with pytest.raises(ValueError, match=f"'cost' is of kind 'log' but holds {least:g}: its"):
        make_tiny(task_types={"cost": "log"}).fit(np.arange(4.0)[:, None], y)


def test_errors_turn_medians_into_means_and_quantiles():
    errors = RNG.normal(size=50_000)
    task, outputs = learnt(errors), np.array([[0.0], [1.5]])
    medians = np.exp([1.0, 2.5])
    np.testing.assert_allclose(task.predict(outputs), medians * np.exp(0.5), rtol=0.02)
    expected = medians[:, None] * np.exp([-1.645, 0, 1.645])
    np.testing.assert_allclose(task.predict_quantiles(outputs), expected, rtol=0.03)
    traced = task.traced_predict(torch.as_tensor(outputs))
    np.testing.assert_allclose(traced, task.predict(outputs), rtol=1e-12)


def test_few_errors_change_nothing_and_others_add_to_those_before():
    task = learnt(np.ones(100))
    assert task.smearing == pytest.approx(1.0)
    task.learn_errors(np.zeros((3, 1)), np.full(3, 5.0), np.ones(3))
    assert task.smearing == pytest.approx(1.0)
    task.learn_errors(np.zeros((50, 1)), np.full(50, 4.0), np.ones(50), adds=True)
    assert task.smearing == pytest.approx(2.0)


def test_means_stay_within_the_range_of_labels():
    task, outputs = fitted([1.0, 5.0]), np.array([[1e4], [-1e4]])
    task.learn_errors(np.zeros((1, 1)), task.encode(np.array([20.0])), np.ones(1))
    assert_alike(task.predict(outputs), np.array([20.0, 1.0]))
    assert_alike(task.traced_predict(torch.as_tensor(outputs)).numpy(), np.array([20.0, 1.0]))
    assert np.isfinite(task.predict_quantiles(outputs)).all()


def test_later_labels_without_a_logarithm_count_as_the_least():
    task = fitted([2.0, 5.0])
    assert_alike(task.encode(np.array([0.0, -1.0, 2.0])), task.encode(np.full(3, 2.0)))
    model = make_tiny(PLERegressor, task_types="log")
    model.fit(X, COST, X_val=X[:50], y_val=np.append(COST[:49], 0.0))
    assert np.isfinite(model.predict_interval(X[:5])).all()


def test_networks_predict_means_and_medians(model):
    predicted = model.predict(X)
    assert predicted.mean() == pytest.approx(MEAN.mean(), rel=0.15)
    assert r2_score(MEAN, predicted) > 0.6
    assert r2_score(SIGNAL, np.log(model.predict_quantiles(X)[0.5])) > 0.8
    assert list(model.predict_quantiles(X).columns) == [0.05, 0.5, 0.95]


def test_intervals_and_deviations_are_in_proportion_to_predictions(model):
    low, high = model.predict_interval(X)
    predicted, std = model.predict(X, return_std=True)
    assert (low > 0).all() and ((low < COST) & (high > COST)).mean() == pytest.approx(
        0.9, abs=0.04
    )
    # The standard deviation of a log-normal number with this spread.
    expected = predicted * np.sqrt(np.expm1(SPREAD**2))
    np.testing.assert_allclose(std, expected, rtol=0.35)
    draws = model.sample_y(X[:50], 400, random_state=0)
    assert (draws > 0).all()
    np.testing.assert_allclose(np.log(draws).std(axis=1).mean(), SPREAD, rtol=0.15)
    np.testing.assert_allclose(draws.mean(), predicted[:50].mean(), rtol=0.15)


def test_known_labels_change_other_means():
    shared = RNG.normal(size=600)
    y = pd.DataFrame({"a": np.exp(SIGNAL + shared), "b": np.exp(shared - X[:, 2])})
    model = PLERegressor(**QUICK).fit(X, y)
    alone, std = model.predict(X, return_std=True)
    given, less = model.predict(X, known=y[["a"]], return_std=True)
    assert (less["b"] / given["b"]).mean() < 0.5 * (std["b"] / alone["b"]).mean()
    assert r2_score(np.log(y["b"]), np.log(given["b"])) > 0.8


def test_without_validation_rows_means_follow_from_training_rows():
    model = PLERegressor(**QUICK, early_stopping=False).fit(X, COST)
    assert model.predict(X).mean() == pytest.approx(COST.mean(), rel=0.15)
    few = PLERegressor(**QUICK | {"max_epochs": 1, "n_members": 1})
    for _ in range(30):
        few.partial_fit(X, COST)
    assert few.predict(X).mean() == pytest.approx(COST.mean(), rel=0.25)


class FailingAtEnd(Callback):
    def on_train_end(self, net, **_):
        raise RuntimeError("on purpose")


def test_a_fit_that_goes_on_and_fails_leaves_means_as_they_were():
    model = PLERegressor(**QUICK, warm_start=True).fit(X, COST)
    means = model.predict(X[:5])
    model.set_params(callbacks=[FailingAtEnd()])
    with pytest.raises(RuntimeError, match="on purpose"):
        model.fit(X, COST * np.exp(RNG.normal(size=600)))
    assert_alike(model.predict(X[:5]), means)


@pytest.mark.parametrize("n", [600, 15])
def test_boosting_learns_logarithms_too(n):
    model = PerTaskClassifierRegressor(task_types="log", random_state=0).fit(X[:n], COST[:n])
    predicted = model.predict(X)
    assert (predicted > 0).all()
    if n == 600:
        assert predicted.mean() == pytest.approx(MEAN.mean(), rel=0.15)
        assert r2_score(MEAN, predicted) > 0.6


def test_a_regressor_of_ones_own_learns_the_numbers_themselves():
    model = PerTaskClassifierRegressor(regressor=LinearRegression(), task_types="log")
    assert_alike(model.fit(X, COST).predict(X), LinearRegression().fit(X, COST).predict(X).clip(0))


def test_blends_have_intervals_above_zero():
    y = pd.DataFrame({"cost": COST, "high": COST > 10})
    parts = [
        ("network", PLEClassifierRegressor(n_members=2, max_epochs=5)),
        ("boosting", PerTaskClassifierRegressor()),
    ]
    blend = BlendClassifierRegressor(parts, task_types={"cost": "log"}, cv=3, random_state=0)
    blend.fit(X, y)
    low, high = (end["cost"] for end in blend.predict_interval(X, tasks=["cost"]))
    assert (low > 0).all() and ((low < COST) & (high > COST)).mean() > 0.85
    quantiles = blend.predict_quantiles(X)[0]
    assert (quantiles[0.05] > 0).all() and (quantiles.diff(axis=1).iloc[:, 1:] >= 0).all(axis=None)
    assert blend.predict(X)["cost"].mean() == pytest.approx(MEAN.mean(), rel=0.15)


def test_weights_of_errors_are_numbers_of_repetitions():
    errors, weights = RNG.normal(size=40), RNG.integers(1, 4, size=40)
    one, other = learnt(errors, weights.astype(float)), learnt(errors.repeat(weights))
    assert one.smearing == pytest.approx(other.smearing)
    np.testing.assert_allclose(one.ends, other.ends)
