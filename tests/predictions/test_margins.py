"""Predictive distributions of single tasks, against integrals and frequencies of draws."""

import numpy as np
import pytest
from scipy import integrate, stats

from sklearn_ple.predictions.errors import StandardisedErrors
from sklearn_ple.predictions.margins import NumberMargin, OrderedMargin, TimeMargin, truncate
from sklearn_ple.tasks import Count, Regression, Survival

PROBABILITIES = np.array([[0.2, 0.5, 0.3], [0.9, 0.04, 0.06], [1 / 3, 1 / 3, 1 / 3]])
STANDARD = np.zeros(3), np.ones(3)
NORMAL = stats.norm


def make_numbers(n_rows=3, task=None):
    errors = np.random.RandomState(0).gamma(2.0, size=4000) - 2.0
    learnt = StandardisedErrors.standardise(errors, np.ones(4000), np.ones(4000))
    return NumberMargin(
        np.arange(n_rows) + 5.0, np.full(n_rows, 2.0), learnt, task or Regression()
    )


def integrate_class(likelihood, mean, variance):
    """Compute mass, mean and variance of a normal density times a likelihood."""

    def moment(power):
        def integrand(z):
            return z**power * likelihood(z) * NORMAL.pdf(z, mean, np.sqrt(variance))

        return integrate.quad(integrand, -12, 12, points=[0.0], limit=500)[0]

    mass, first, second = moment(0), moment(1), moment(2)
    return mass, first / mass, second / mass - (first / mass) ** 2


def test_classes_in_an_order_are_intervals_of_the_latent_variable():
    margin, order = OrderedMargin(PROBABILITIES[:1], np.array([2, 0, 1])), [2, 0, 1]
    ends = NORMAL.ppf(np.concatenate([[0], np.cumsum(PROBABILITIES[0, order])]))
    for rank, label in enumerate(order):
        mean, variance = np.array([0.4]), np.array([0.7])
        inside = lambda z, rank=rank: float(ends[rank] < z <= ends[rank + 1])  # noqa: E731
        expected = integrate_class(inside, 0.4, 0.7)
        labels = np.array([float(label)])
        evidence, *found = (part.item() for part in margin.condition(labels, mean, variance))
        np.testing.assert_allclose(found, expected[1:], atol=1e-4)
        assert np.exp(evidence) == pytest.approx(expected[0], 1e-3)
        assert margin.expect(mean, variance)[0, label] == pytest.approx(expected[0], 1e-3)


@pytest.mark.parametrize("interval", [(-np.inf, -3.0), (8.0, 9.0), (-0.1, 0.1), (6.0, np.inf)])
def test_moments_in_an_interval_equal_those_of_scipy(interval):
    low, high = (np.array([end]) for end in interval)
    evidence, mean, variance = truncate(np.array([0.5]), np.array([2.0]), low, high)
    scaled = [(end - 0.5) / np.sqrt(2.0) for end in interval]
    law = stats.truncnorm(*scaled, 0.5, np.sqrt(2.0))
    assert mean.item() == pytest.approx(law.mean(), abs=1e-6)
    assert variance.item() == pytest.approx(law.var(), abs=1e-3)
    full = stats.norm(0.5, np.sqrt(2.0))
    mass = full.sf(interval[0]) - full.sf(interval[1])
    assert evidence.item() == pytest.approx(np.log(mass), abs=1e-6)


def test_a_number_moves_by_quantiles_of_known_errors():
    margin = make_numbers()
    law = stats.gamma(2.0)
    for z in (-1.5, 0.0, 1.2):
        label = margin.predicted + 2.0 * (law.ppf(NORMAL.cdf(z)) - 2.0)
        _, mean, variance = margin.condition(label, *STANDARD)
        np.testing.assert_allclose(mean, z, atol=0.1)
        np.testing.assert_allclose(variance, 0.0, atol=1e-3)
        np.testing.assert_allclose(margin.draw(np.full(3, z)), label, atol=0.15)
    mean, variance = np.full(3, 0.8), np.full(3, 0.3)
    z = 0.8 + np.sqrt(0.3) * np.random.RandomState(0).normal(size=200_000)
    values = law.ppf(NORMAL.cdf(z)) - 2.0
    shift = margin.expect(mean, variance) - margin.predicted
    np.testing.assert_allclose(shift, 2.0 * values.mean(), atol=0.05)
    spread = margin.spread(mean, variance)
    np.testing.assert_allclose(spread, 2.0 * values.std() / law.std(), rtol=0.05)
    low, high = margin.bound(np.full(3, -1.0), np.full(3, 1.5))
    expected = [2.0 * (law.ppf(NORMAL.cdf(z)) - 2.0) for z in (-1.0, 1.5)]
    np.testing.assert_allclose([low[0] - 5.0, high[0] - 5.0], expected, atol=0.15)


def test_a_single_huge_error_moves_no_number_far():
    values = np.append(NORMAL.ppf((np.arange(300) + 0.5) / 300), 366.0)
    errors = StandardisedErrors(values, np.ones(301))
    margin = NumberMargin(np.full(2, 48.0), np.array([1.3, 2.0]), errors, Regression())
    found = margin.expect(np.full(2, 2.6), np.full(2, 0.3))
    np.testing.assert_allclose(found, 48.0 + 4 * margin.deviations)
    # Without it, they move as normal ones.
    margin.errors = StandardisedErrors(values[:-1], np.ones(300))
    found = margin.expect(np.full(2, 2.0), np.full(2, 0.3))
    np.testing.assert_allclose(found, 48.0 + 2 * margin.deviations, atol=0.15)


def test_numbers_do_not_go_below_the_least_one():
    margin = make_numbers(task=Count())
    margin.predicted -= 5.0
    assert margin.bound(np.full(3, -3.0), np.full(3, 0.0))[0].min() == 0.0
    np.testing.assert_array_equal(margin.draw(np.full(3, -3.0)), [0.0, 0.0, 0.0])
    drawn = margin.draw(np.full(3, 0.7))
    np.testing.assert_array_equal(drawn, drawn.round())


def test_censored_times_only_tell_that_the_event_is_later():
    times = np.array([1.0, 2.0, 3.0, 4.0, -2.5])
    task = Survival(4).fit(times, np.ones(5), None)
    outputs = np.random.RandomState(0).normal(size=(1, task.n_outputs))
    margin, zero, one = TimeMargin(task, outputs), np.zeros(1), np.ones(1)
    survived = task.predict_survival(outputs, np.array([2.5])).item()
    z = NORMAL.ppf(1 - survived)
    _, mean, _ = margin.condition(np.array([2.5]), zero, one)
    assert mean.item() == pytest.approx(z, abs=1e-3)
    evidence, mean, _ = margin.condition(np.array([-2.5]), zero, one)
    assert mean.item() == pytest.approx(stats.truncnorm(z, np.inf).mean(), abs=1e-6)
    assert np.exp(evidence).item() == pytest.approx(survived)
    assert margin.draw(np.array([z])).item() == pytest.approx(2.5)
    assert margin.expect(zero, one) == pytest.approx(task.predict(outputs))
