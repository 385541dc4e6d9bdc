"""Huber tasks: squared error near, absolute error far, a scale that outliers do not move."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import huber
from scipy.stats import norm

from sklearn_ple import PLERegressor
from sklearn_ple.metrics import multitask_scores
from sklearn_ple.tasks import Huber, TaskLosses

LABELS = np.array([-1.0, 0.0, 2.0, 7.0, 900.0])


def fitted(*options, labels=LABELS, weights=None):
    weights = np.ones(len(labels)) if weights is None else weights
    return Huber(*options).fit(labels, weights, None)


@pytest.mark.parametrize("delta", [0, -1.0, np.inf, 10**400, np.nan, "1", None, [1.0]])
def test_deltas_that_are_none_are_an_error(delta):
    with pytest.raises(ValueError, match="'delta' parameter of Huber must be a float in"):
        Huber(delta)


@given(st.floats(0.01, 10), st.floats(-20, 20), st.floats(-20, 20))
def test_the_loss_is_twice_scipys(delta, output, target):
    pair = torch.tensor([[output, target]], dtype=torch.float64)
    loss = fitted(delta).loss(pair[:, :1], pair[:, 1])
    expected = 2 * huber(delta, output - target)
    assert loss.item() == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_the_gradient_is_bounded():
    outputs = torch.tensor([[0.0], [1.0], [1e6], [-1e6]], requires_grad=True)
    fitted(2.0).loss(outputs, torch.zeros(4)).sum().backward()
    np.testing.assert_allclose(outputs.grad[:, 0], [0.0, 2.0, 4.0, -4.0])


@pytest.mark.parametrize(("delta", "expected"), [(1e-4, 2.0), (1e6, np.mean(LABELS))])
def test_the_best_constant_is_between_median_and_mean(delta, expected):
    task = fitted(delta)
    targets = torch.tensor(task.encode(LABELS))

    def loss(constant):
        outputs = torch.full((5, 1), constant, dtype=torch.float64)
        return float(task.loss(outputs, targets).mean())

    best = minimize_scalar(loss, bounds=(-1, 300), options={"xatol": 1e-6}).x
    assert task.predict(np.array([[best]]))[0] == pytest.approx(expected, rel=1e-2)


def test_median_and_quartiles_are_those_of_a_normal_distribution():
    labels = norm.ppf((np.arange(4000) + 0.5) / 4000, loc=5, scale=3)
    task = fitted(labels=np.append(labels, np.full(10, 1e9)))
    assert task.mean == pytest.approx(5, abs=0.05)
    assert task.scale == pytest.approx(3, rel=0.01)


def test_weights_are_numbers_of_repetitions():
    # Without weights, other labels are the median and the quartiles.
    weights = np.array([1, 1, 1, 5, 2])
    one, other = fitted(weights=weights), fitted(labels=LABELS.repeat(weights))
    assert (one.mean, one.scale) == (other.mean, other.scale)
    assert one.mean == 7.0 != fitted().mean and one.scale != fitted().scale


def test_where_half_of_the_labels_are_alike_the_scale_is_the_deviation():
    labels = np.array([0.0, 0.0, 0.0, 0.0, 3.0])
    task = fitted(labels=labels)
    assert (task.mean, task.scale) == (0.0, pytest.approx(labels.std()))


def test_deltas_that_differ_are_not_mixed_up():
    tasks = [fitted(0.5), fitted(2.0)]
    sums = TaskLosses(tasks).sums(torch.tensor([[3.0, 3.0]]), torch.zeros(1, 2), torch.ones(1, 2))
    np.testing.assert_allclose(sums[0], [0.5 * 5.5, 2.0 * 4.0])


def test_an_estimator_learns_in_spite_of_outliers():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 2))
    clean = 10 + 3 * X[:, 0]
    y = np.where(rng.random(500) < 0.05, clean + 1e4, clean)
    params = {"n_members": 1, "max_epochs": 30, "refit": False, "random_state": 0}
    models = [
        PLERegressor(task_types=kind, **params).fit(X, y) for kind in ("huber", "regression")
    ]
    robust, plain = (np.abs(model.predict(X) - clean).mean() for model in models)
    assert robust < 1.0 and plain > 50
    # Outliers alone are off.
    assert multitask_scores(models[0], X[y < 1e3], y[y < 1e3])["y"] > 0.6
