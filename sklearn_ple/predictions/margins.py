"""Predictive distributions of single tasks as functions of standard normal latent variables."""

from abc import ABC, abstractmethod
from copy import copy
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from scipy.special import log_ndtr, logsumexp, ndtr, ndtri, softmax

from ..tasks import Count, Quantile, Survival, Task
from .errors import StandardisedErrors, add_errors, find_errors, to_units

# Precision of a latent variable whose label is a known number.
_PRECISION = 1e4
_LEAST_PROBABILITY = 1e-9
# With smaller deviations of logarithms, mean and median are the same.
_LEAST_DEVIATION = 1e-6
# Points and weights for integrals over a standard normal variable.
_POINTS = np.linspace(-4.8, 4.8, 25)
_WEIGHTS = softmax(-0.5 * _POINTS**2)
# Mean and variance of a latent variable without known labels.
_PRIOR = np.zeros(1), np.ones(1)
# Known labels move a number by so many deviations at most, even if one error was of hundreds.
_MOST_DEVIATIONS = 4.0


class Moments(NamedTuple):
    """What labels say, each of shape (n_rows,).

    Attributes
    ----------
    evidence : ndarray
        The log probabilities of the labels, or the log densities of their latent variable.
    mean, variance : ndarray
        Means and variances of the latent variable once the label is known.
    """

    evidence: np.ndarray
    mean: np.ndarray
    variance: np.ndarray


class Margin(ABC):
    """The predictive distribution of one task in each of some rows.

    A label is an increasing function of a latent variable, which is standard normal as long as no
    other label of the row is known. Once some are known, it has another mean and variance.

    Attributes
    ----------
    is_usable : bool
        Whether the distribution is known.
    is_number : bool
        Whether the label is a number, which determines its latent variable.
    """

    is_usable: ClassVar[bool] = True
    is_number: ClassVar[bool] = False

    @abstractmethod
    def take(self, rows: np.ndarray | slice) -> "Margin":
        """Return the distributions of some rows, by number, by a mask or by a slice."""

    @abstractmethod
    def condition(self, labels: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> Moments:
        """Compute how probable labels are, and the latent variable of a task given its label.

        Parameters
        ----------
        labels : ndarray of shape (n_rows,)
            The labels: positions of classes, or numbers.
        mean, variance : ndarray of shape (n_rows,)
            Means and variances of the latent variable before the label is known.

        Returns
        -------
        Moments
            What the labels say.
        """

    @abstractmethod
    def expect(self, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
        """Predict the task from the means and variances of its latent variable.

        Returns
        -------
        ndarray of shape (n_rows, n_classes) or (n_rows,)
            The probabilities of the classes, or the numbers.
        """

    @abstractmethod
    def draw(self, latents: np.ndarray) -> np.ndarray:
        """Return the labels of given values of the latent variable, both of shape (n_rows,)."""


@dataclass(eq=False)
class NumberMargin(Margin):
    """A number: a prediction, plus a standard deviation times a quantile of known errors.

    Parameters
    ----------
    predicted, deviations : ndarray of shape (n_rows,)
        The predicted numbers and their standard deviations.
    errors : StandardisedErrors
        Errors of other rows, divided by their standard deviations.
    task : Task
        The task. Quantiles are predicted by their median, all others by their mean.
    """

    predicted: np.ndarray
    deviations: np.ndarray
    errors: StandardisedErrors
    task: Task
    is_number: ClassVar[bool] = True

    def take(self, rows: np.ndarray | slice) -> "NumberMargin":
        """Return the distributions of some rows."""
        return NumberMargin(self.predicted[rows], self.deviations[rows], self.errors, self.task)

    def condition(self, labels: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> Moments:
        """Compute the latent variable of a number: nearly its exact value."""
        return observe(self.errors.to_normal(self.standardise(labels)), mean, variance)

    def standardise(self, labels: np.ndarray) -> np.ndarray:
        """Return the errors of labels, divided by their standard deviations."""
        there = self.deviations > 0
        # An error too large for a float is infinite, and counts as the greatest known one.
        with np.errstate(over="ignore"):
            errors = find_errors(self.task, labels, self.predicted)
            return np.divide(errors, self.deviations, out=np.zeros_like(errors), where=there)

    def expect(self, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
        """Predict the numbers."""
        shift = self._locate(mean, variance) - self._locate(*_PRIOR)
        return self.place(shift.clip(-_MOST_DEVIATIONS, _MOST_DEVIATIONS))

    def _locate(self, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
        """Return the standardised error of the mean, or of the median, of the numbers."""
        if isinstance(self.task, Quantile):
            return self.errors.from_normal(mean)
        errors = self.errors.from_normal(spread_points(mean, variance))
        if not self.task.log_scale:
            return errors @ _WEIGHTS
        scale = np.maximum(self.deviations, _LEAST_DEVIATION)
        return logsumexp(scale[:, np.newaxis] * errors, b=_WEIGHTS, axis=1) / scale

    def spread(self, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
        """Return the standard deviations of the numbers, which known labels make smaller."""
        after, before = self._find_variance(mean, variance), self._find_variance(*_PRIOR)
        share = np.divide(after, before, out=np.ones_like(after), where=before > 0)
        deviations = self.deviations * np.sqrt(share)
        return to_units(self.task, self.expect(mean, variance), deviations)

    def _find_variance(self, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
        errors = self.errors.from_normal(spread_points(mean, variance))
        return (errors - (errors @ _WEIGHTS)[:, np.newaxis]) ** 2 @ _WEIGHTS

    def bound(
        self, low: float | np.ndarray, high: float | np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the numbers between two values of the latent variable, as intervals have them."""
        lower, upper = self.errors.find_between(ndtr(low), ndtr(high))
        return self.place(lower), self.place(upper)

    def draw(self, latents: np.ndarray) -> np.ndarray:
        """Return the numbers of given latent variables."""
        numbers = self.place(self.errors.from_normal(latents))
        return np.round(numbers) if isinstance(self.task, Count) else numbers

    def place(self, errors: float | np.ndarray) -> np.ndarray:
        """Return the numbers whose standardised errors are given."""
        return add_errors(self.task, self.predicted, errors * self.deviations)


class OrderedMargin(Margin):
    """Classes in an order: intervals of the latent variable.

    Parameters
    ----------
    probabilities : ndarray of shape (n_rows, n_classes)
        The probabilities of the classes.
    order : ndarray of int of shape (n_classes,)
        Positions of the classes, from the lowest to the highest.
    is_free : bool, default=False
        Whether the order is not that of the classes themselves, and may be changed.
    """

    def __init__(self, probabilities: np.ndarray, order: np.ndarray, is_free: bool = False):
        self.probabilities, self.order, self.is_free = probabilities, order, is_free
        self.ranks = np.argsort(order)
        shares = np.maximum(probabilities[:, order], _LEAST_PROBABILITY)
        shares = np.cumsum(shares / shares.sum(axis=1, keepdims=True), axis=1)
        inner = ndtri(np.clip(shares[:, :-1], _LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY))
        end = np.full((len(inner), 1), np.inf)
        self.bounds = np.hstack([-end, inner, end])

    def take(self, rows: np.ndarray | slice) -> "OrderedMargin":
        """Return the distributions of some rows."""
        result = copy(self)
        result.probabilities, result.bounds = self.probabilities[rows], self.bounds[rows]
        return result

    def condition(self, labels: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> Moments:
        """Compute the latent variable of a class, which lies in an interval."""
        rank, rows = self.ranks[labels.astype(int)], np.arange(len(labels))
        return truncate(mean, variance, self.bounds[rows, rank], self.bounds[rows, rank + 1])

    def expect(self, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
        """Predict the probabilities of the classes."""
        below = ndtr((self.bounds - mean[:, np.newaxis]) / np.sqrt(variance)[:, np.newaxis])
        return np.diff(below, axis=1)[:, self.ranks]

    def draw(self, latents: np.ndarray) -> np.ndarray:
        """Return the classes, as positions, of given latent variables."""
        return self.order[(latents[:, np.newaxis] > self.bounds[:, 1:-1]).sum(axis=1)]


@dataclass(eq=False)
class TimeMargin(Margin):
    """A time until an event, of which a censored label only says that it is later.

    Parameters
    ----------
    task : Survival
        The task.
    outputs : ndarray of shape (n_rows, n_outputs)
        The outputs of the network for the task.
    """

    task: Survival
    outputs: np.ndarray

    def take(self, rows: np.ndarray | slice) -> "TimeMargin":
        """Return the distributions of some rows."""
        return TimeMargin(self.task, self.outputs[rows])

    def condition(self, labels: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> Moments:
        """Compute the latent variable of an event, or of the time without one."""
        survival = self.task.predict_survival(self.outputs, np.abs(labels)[:, np.newaxis])[:, 0]
        value = -ndtri(survival.clip(_LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY))
        at_event = observe(value, mean, variance)
        censored = truncate(mean, variance, value, np.inf)
        pairs = zip(at_event, censored, strict=True)
        return Moments(*(np.where(labels > 0, *pair) for pair in pairs))

    def expect(self, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
        """Predict the median times."""
        return self.task.find_times(self.outputs, log_ndtr(-mean))

    def draw(self, latents: np.ndarray) -> np.ndarray:
        """Return the times of events of given latent variables."""
        return self.task.find_times(self.outputs, log_ndtr(-latents))


@dataclass(eq=False)
class FixedMargin(Margin):
    """A prediction whose distribution is not known: it neither changes nor changes others.

    Parameters
    ----------
    predicted : ndarray of shape (n_rows,)
        The predicted numbers.
    """

    predicted: np.ndarray
    is_usable: ClassVar[bool] = False

    def take(self, rows: np.ndarray | slice) -> "FixedMargin":
        """Return the predictions of some rows."""
        return FixedMargin(self.predicted[rows])

    def condition(self, labels: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> Moments:
        """Return the means and variances as they are: nothing is known of labels."""
        return Moments(np.full(len(labels), np.nan), mean, variance)

    def expect(self, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
        """Return the predictions."""
        return self.predicted

    def draw(self, latents: np.ndarray) -> np.ndarray:
        """Return the predictions."""
        return self.predicted


def lacks_order(task: Task) -> bool:
    """Return whether a task has three or more classes without an order."""
    return len(task.classes) > 2 and isinstance(task.order, slice)


def observe(value: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> Moments:
    """Compute the log density, mean and variance of a normal variable whose value is observed."""
    spread = variance + 1 / _PRECISION
    evidence = -0.5 * (np.log(2 * np.pi * spread) + (value - mean) ** 2 / spread)
    precision = 1 / variance + _PRECISION
    return Moments(evidence, (mean / variance + _PRECISION * value) / precision, 1 / precision)


def spread_points(mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Return points of normal variables for integrals, of shape (n_rows, n_points)."""
    return mean[:, np.newaxis] + np.sqrt(variance)[:, np.newaxis] * _POINTS


def truncate(
    mean: np.ndarray, variance: np.ndarray, low: float | np.ndarray, high: float | np.ndarray
) -> Moments:
    """Compute the log probability, mean and variance of a normal variable in an interval."""
    deviation = np.sqrt(variance)
    a, b = (low - mean) / deviation, (high - mean) / deviation
    # Probabilities are differences of small ones: turn the upper tail into the lower one.
    flip = a + b > 0
    a, b = np.where(flip, -b, a), np.where(flip, -a, b)
    below = log_ndtr(b)
    evidence = below + np.log(-np.expm1(np.minimum(log_ndtr(a) - below, -1e-12)))
    with np.errstate(invalid="ignore"):
        at_a, at_b = (np.exp(-0.5 * (x**2 + np.log(2 * np.pi)) - evidence) for x in (a, b))
        of_a, of_b = (np.where(np.isfinite(x), x * at, 0.0) for x, at in ((a, at_a), (b, at_b)))
    shift = at_a - at_b
    factor = np.clip(1 + of_a - of_b - shift**2, 1e-4, 1.0)
    middle = mean + deviation * np.where(flip, -shift, shift)
    return Moments(evidence, middle, variance * factor)
