"""Hurdle tasks: two parts, whose best constants are a share and a mean, and their product."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import expit, logit

from sklearn_ple import PLEClassifierRegressor
from sklearn_ple.metrics import multitask_scores
from sklearn_ple.tasks import Hurdle

LABELS = np.array([0.0, 1.0, 0.0, 7.0, 4.0])
WEIGHTS = np.array([1.0, 2.0, 3.0, 1.0, 1.0])


def hurdle(labels=LABELS, weights=WEIGHTS):
    return Hurdle().fit(labels, weights, None)


def test_amounts_are_relative_to_the_weighted_mean_of_those_that_are_not_zero():
    task = hurdle()
    assert task.mean == pytest.approx((2 * 1 + 7 + 4) / 4)
    np.testing.assert_allclose(task.encode(LABELS) * task.mean, LABELS)


def test_the_best_constants_are_the_share_and_the_mean_of_what_is_not_zero():
    task = hurdle()
    targets, weights = torch.tensor(task.encode(LABELS)), torch.tensor(WEIGHTS)

    def loss(outputs):
        losses = task.loss(torch.tensor(outputs).expand(5, 2), targets)
        return float(weights @ losses)

    best = minimize(loss, np.array([0.5, -1.0]), tol=1e-10).x
    assert expit(best[0]) == pytest.approx(4 / 8, abs=1e-4)
    assert np.exp(best[1]) == pytest.approx(1.0, abs=1e-4)
    # The product is the weighted mean of all labels.
    expected = np.average(LABELS, weights=WEIGHTS)
    assert task.predict(best[None])[0] == pytest.approx(expected, rel=1e-4)


def test_predicted_is_the_product():
    outputs = np.array([[logit(0.25), np.log(2.0)], [-800.0, 0.0], [800.0, 0.0]])
    task = hurdle()
    np.testing.assert_allclose(task.predict(outputs) / task.mean, [0.5, 0.0, 1.0], atol=1e-300)


@pytest.mark.parametrize("labels", [np.array([2.0, 3.0]), np.array([0.0, 5.0])])
def test_without_zeros_or_of_one_amount_it_is_learnt_without_a_warning(labels, recwarn):
    assert hurdle(labels, np.ones(2)).mean == labels[labels > 0].mean()
    assert not len(recwarn)


def test_the_variance_is_between_those_of_a_poisson_and_a_gamma():
    low, high = hurdle().variance(np.array([2.0, 8.0]))
    assert high / low == pytest.approx(4**1.5)


def test_the_gradient_is_finite_at_zero():
    outputs = torch.zeros(2, 2, requires_grad=True)
    hurdle().loss(outputs, torch.tensor([0.0, 1.0])).sum().backward()
    np.testing.assert_allclose(outputs.grad, [[0.5, 0.0], [-0.5, 0.0]])


def test_an_estimator_learns_what_is_spent_where_labels_are_missing():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 2))
    spent = np.where(X[:, 0] + 0.5 * rng.normal(size=600) > 0, np.exp(X[:, 1]), 0.0)
    y = np.column_stack([spent, X[:, 0] > 0])
    y[rng.random(y.shape) < 0.3] = np.nan
    params = {"n_members": 2, "max_epochs": 20, "refit": False, "random_state": 0}
    model = PLEClassifierRegressor(task_types=["hurdle", "auto"], **params).fit(X, y)
    assert model.task_types_ == {"y0": "hurdle", "y1": "binary"}
    assert multitask_scores(model, X, y)["y0"] > 0.5
    mean, deviation = (part[:, 0].astype(float) for part in model.predict(X, return_std=True))
    assert mean.min() >= 0 and np.isfinite(deviation).all()
    # Where little is expected, errors are small.
    low, high = np.quantile(mean, [0.2, 0.8])
    assert deviation[mean < low].mean() < deviation[mean > high].mean() / 3
