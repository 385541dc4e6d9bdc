"""Quantile tasks: pinball losses, quantiles that do not cross, and the levels they take."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import norm
from sklearn.metrics import d2_absolute_error_score, mean_pinball_loss

from sklearn_ple import PLERegressor
from sklearn_ple.metrics import multitask_scores
from sklearn_ple.tasks import Quantile

LABELS = np.array([-1.0, 0.0, 2.0, 7.0])


def quantile(*options, labels=LABELS):
    return Quantile(*options).fit(labels, np.ones(len(labels)), None)


@pytest.mark.parametrize(
    ("options", "levels"),
    [
        ((), [0.05, 0.5, 0.95]),
        (([0.9, 0.1],), [0.1, 0.5, 0.9]),
        (((0.25, 0.5),), [0.25, 0.5]),
        ((np.array([0.5, 0.5]),), [0.5]),
        (([],), [0.5]),
    ],
)
def test_levels_are_sorted_and_hold_the_median(options, levels):
    task = quantile(*options)
    assert task.levels == levels
    assert task.n_outputs == len(levels)


@pytest.mark.parametrize(
    "levels",
    [[0.0, 0.5], [0.5, 1.0], [5.0, 95.0], [-0.1], [np.nan], [1], 0.9, "half", [[0.5]], None],
)
def test_levels_that_are_none_are_an_error(levels):
    with pytest.raises(ValueError, match=r"levels must be a list of numbers between 0 and 1"):
        Quantile(levels)


@given(st.lists(st.floats(0.01, 0.99), min_size=1, max_size=5), st.integers(0, 1000))
def test_the_loss_is_twice_the_mean_of_scikit_learns(levels, seed):
    task = quantile(levels)
    rng = np.random.default_rng(seed)
    outputs, targets = rng.normal(size=(9, task.n_outputs)), rng.normal(size=9)
    losses = task.loss(torch.from_numpy(outputs)[:, None], torch.from_numpy(targets)[:, None])
    pairs = zip(task.levels, outputs.T, strict=True)
    expected = [mean_pinball_loss(targets, column, alpha=level) for level, column in pairs]
    assert losses.mean().item() == pytest.approx(2 * np.mean(expected), rel=1e-10)


@pytest.mark.parametrize("level", [0.1, 0.5, 0.8])
def test_the_quantile_of_the_labels_has_the_least_loss(level, seed):
    task = quantile([level])
    labels = torch.from_numpy(np.random.default_rng(seed).exponential(size=2001))
    place = task.levels.index(level)

    def risk(value):
        outputs = torch.zeros(2001, task.n_outputs, dtype=torch.float64)
        outputs[:, place] = value
        return task.loss(outputs, labels).mean().item()

    best = minimize_scalar(risk, bounds=(0, 5), method="bounded").x
    assert best == pytest.approx(np.quantile(labels.numpy(), level), abs=0.01)


@given(st.integers(0, 1000))
def test_quantiles_never_cross_and_average_over_members(seed):
    task = quantile()
    rng = np.random.default_rng(seed)
    members = rng.normal(size=(3, 6, 3))
    weights = rng.dirichlet(np.ones(3))
    average = task.average(torch.from_numpy(members), torch.from_numpy(weights)[:, None, None])
    quantiles = task.predict_quantiles(average.numpy())
    assert (np.diff(quantiles, axis=1) >= 0).all()
    own = [task.predict_quantiles(member) for member in members]
    np.testing.assert_allclose(quantiles, np.average(own, axis=0, weights=weights), rtol=1e-9)
    np.testing.assert_array_equal(task.predict(average.numpy()), quantiles[:, 1])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [1e3, 1e30])
def test_extreme_outputs_have_finite_losses_and_bounded_gradients(size, dtype):
    task = quantile()
    outputs = torch.tensor([[size, -size, 0.0]], dtype=dtype, requires_grad=True)
    losses = task.loss(outputs, torch.tensor([1.0], dtype=dtype))
    losses.sum().backward()
    assert losses.isfinite().all()
    assert outputs.grad.abs().max() <= 1


def test_quantiles_are_in_the_labels_units():
    task = quantile()
    assert task.mean == 2.0
    outputs = task.encode(np.array([[-3.0, 4.0, 10.0]]))
    np.testing.assert_allclose(task.predict_quantiles(outputs), [[-3.0, 4.0, 10.0]])
    np.testing.assert_allclose(task.predict(outputs), [4.0])


@pytest.mark.parametrize("weights", [None, np.array([1.0, 2.0, 0.5, 3.0])])
def test_the_score_is_the_share_of_the_absolute_error_explained(weights):
    predictions = np.array([0.0, 0.5, 1.0, 5.0])
    expected = d2_absolute_error_score(LABELS, predictions, sample_weight=weights)
    assert quantile().score(LABELS, predictions, weights) == pytest.approx(expected)
    assert np.isnan(quantile().score(LABELS[:1], predictions[:1]))


def test_scores_of_an_estimator_are_of_its_medians():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 2))
    y = np.exp(X[:, 0]) + rng.exponential(size=120)
    model = PLERegressor(task_types=["quantile"], n_members=1, max_epochs=5, random_state=0)
    model.fit(X, y)
    expected = d2_absolute_error_score(y, model.predict(X))
    assert model.score(X, y) == pytest.approx(expected)
    assert multitask_scores(model, X, y) == {"y": pytest.approx(expected)}


def test_the_loss_of_many_quantiles_is_the_continuous_ranked_probability_score():
    task = quantile((np.arange(2000) + 0.5) / 2000)
    outputs = torch.from_numpy(norm.ppf(task.levels))
    for label in (-1.3, 0.0, 2.0):
        loss = task.loss(outputs, torch.tensor(label, dtype=torch.float64)).item()
        # Of a standard normal, in closed form (Gneiting and Raftery 2007).
        score = label * (2 * norm.cdf(label) - 1) + 2 * norm.pdf(label) - 1 / np.sqrt(np.pi)
        assert loss == pytest.approx(score, abs=2e-3)
