"""Predictive distributions of single tasks as functions of standard normal latent variables."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import log_ndtr, ndtr, ndtri, ndtri_exp, softmax

from ..tasks import Count, Quantile, Survival, Task
from .errors import StandardisedErrors

# Precision with which a label that is a number tells its latent variable.
_PRECISION = 1e4
_LEAST_PROBABILITY = 1e-9
# Points and weights for integrals over a standard normal variable.
_POINTS = np.linspace(-4.8, 4.8, 25)
_WEIGHTS = softmax(-0.5 * _POINTS**2)


class Margin(ABC):
    """The predictive distribution of one task in each of some rows.

    A label is a function of one or more latent variables. They are standard normal, and
    independent within the task, as long as no other label of the row is known. Once some are
    known, they have another mean and variance.

    Attributes
    ----------
    n_latents : int
        Number of latent variables.
    is_number : bool
        Whether the label is a number, which tells its latent variable exactly.
    """

    n_latents: int = 1
    is_number: bool = False

    @abstractmethod
    def take(self, rows: np.ndarray) -> "Margin":
        """Return the distributions of some rows, by number or by a mask."""

    @abstractmethod
    def tilt(
        self, labels: np.ndarray, mean: np.ndarray, covariance: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Compute what a label tells about the latent variables of its task.

        Parameters
        ----------
        labels : ndarray of shape (n_rows,)
            The labels: positions of classes, or numbers.
        mean : ndarray of shape (n_rows, n_latents)
            Means of the latent variables before the label is known.
        covariance : ndarray of shape (n_rows, n_latents, n_latents)
            Their covariances.

        Returns
        -------
        mean, variance : ndarray of shape (n_rows, n_latents)
            Means and variances of the latent variables once the label is known.
        """

    @abstractmethod
    def rate(self, labels: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
        """Return the log probability of labels, or the log density of their latent variables."""

    @abstractmethod
    def expect(self, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
        """Predict the task from the means and covariances of its latent variables.

        Returns
        -------
        ndarray of shape (n_rows, n_classes) or (n_rows,)
            The probabilities of the classes, or the numbers.
        """

    @abstractmethod
    def draw(self, latents: np.ndarray) -> np.ndarray:
        """Return the labels, (n_rows,), of given latent variables, (n_rows, n_latents)."""


class Numbers(Margin):
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

    is_number = True

    def __init__(
        self,
        predicted: np.ndarray,
        deviations: np.ndarray,
        errors: StandardisedErrors,
        task: Task,
    ):
        self.predicted, self.deviations = predicted, deviations
        self.errors, self.task = errors, task

    def take(self, rows: np.ndarray) -> "Numbers":
        """Return the distributions of some rows."""
        return Numbers(self.predicted[rows], self.deviations[rows], self.errors, self.task)

    def tilt(
        self, labels: np.ndarray, mean: np.ndarray, covariance: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Compute what a number tells about its latent variable: its value."""
        return tell_value(self._find_latents(labels), mean, covariance[..., 0])[1:]

    def rate(self, labels: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
        """Return the log densities of the latent variables of numbers."""
        return tell_value(self._find_latents(labels), mean, covariance[..., 0])[0][:, 0]

    def _find_latents(self, labels: np.ndarray) -> np.ndarray:
        return self.errors.to_normal(self.standardise(labels))[:, np.newaxis]

    def standardise(self, labels: np.ndarray) -> np.ndarray:
        """Return the errors of labels, divided by their standard deviations."""
        errors = labels - self.predicted
        there = self.deviations > 0
        return np.divide(errors, self.deviations, out=np.zeros_like(errors), where=there)

    def expect(self, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
        """Predict the numbers."""
        shift = self._locate(mean, covariance[..., 0]) - self._locate(
            np.zeros((1, 1)), np.ones((1, 1))
        )
        return np.maximum(self.predicted + shift * self.deviations, self.task.lowest)

    def _locate(self, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
        """Return the mean, or the median, of the standardised errors."""
        if isinstance(self.task, Quantile):
            return self.errors.from_normal(mean[:, 0])
        return self.errors.from_normal(mean + np.sqrt(variance) * _POINTS) @ _WEIGHTS

    def spread(self, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
        """Return the standard deviations of the numbers, which known labels make smaller."""
        told, untold = (
            self._find_variance(*latents)
            for latents in ((mean, covariance[..., 0]), (np.zeros((1, 1)), np.ones((1, 1))))
        )
        share = np.divide(told, untold, out=np.ones_like(told), where=untold > 0)
        return self.deviations * np.sqrt(share)

    def _find_variance(self, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
        errors = self.errors.from_normal(mean + np.sqrt(variance) * _POINTS)
        return (errors - (errors @ _WEIGHTS)[:, np.newaxis]) ** 2 @ _WEIGHTS

    def bound(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the numbers between two values of the latent variable, as intervals have them."""
        ends = self.errors.find_between(ndtr(low), ndtr(high))
        lower, upper = (self.predicted + end * self.deviations for end in ends)
        return np.maximum(lower, self.task.lowest), np.maximum(upper, self.task.lowest)

    def draw(self, latents: np.ndarray) -> np.ndarray:
        """Return the numbers of given latent variables."""
        numbers = self.predicted + self.errors.from_normal(latents[:, 0]) * self.deviations
        numbers = np.maximum(numbers, self.task.lowest)
        return np.round(numbers) if isinstance(self.task, Count) else numbers


class Ordered(Margin):
    """Two classes, or classes in an order: intervals of one latent variable.

    Parameters
    ----------
    probabilities : ndarray of shape (n_rows, n_classes)
        The probabilities of the classes.
    order : ndarray of int of shape (n_classes,)
        Positions of the classes, from the lowest to the highest.
    """

    def __init__(self, probabilities: np.ndarray, order: np.ndarray):
        self.probabilities, self.order = probabilities, order
        self.ranks = np.argsort(order)
        shares = np.cumsum(clip_probabilities(probabilities)[:, order], axis=1)
        inner = ndtri(np.clip(shares[:, :-1], _LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY))
        end = np.full((len(inner), 1), np.inf)
        self.bounds = np.hstack([-end, inner, end])

    def take(self, rows: np.ndarray) -> "Ordered":
        """Return the distributions of some rows."""
        return Ordered(self.probabilities[rows], self.order)

    def tilt(
        self, labels: np.ndarray, mean: np.ndarray, covariance: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Compute what a class tells about the latent variable: the interval it lies in."""
        return truncate(mean, covariance[..., 0], *self._find_bounds(labels))[1:]

    def rate(self, labels: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
        """Return the log probabilities of classes."""
        return truncate(mean, covariance[..., 0], *self._find_bounds(labels))[0][:, 0]

    def _find_bounds(self, labels: np.ndarray) -> list[np.ndarray]:
        rank = self.ranks[labels.astype(int)][:, np.newaxis]
        return [np.take_along_axis(self.bounds, rank + k, axis=1) for k in (0, 1)]

    def expect(self, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
        """Predict the probabilities of the classes."""
        below = ndtr((self.bounds - mean) / np.sqrt(covariance[..., 0]))
        return np.diff(below, axis=1)[:, self.ranks]

    def draw(self, latents: np.ndarray) -> np.ndarray:
        """Return the classes, as positions, of given latent variables."""
        return self.order[(latents > self.bounds[:, 1:-1]).sum(axis=1)]


class Nominal(Margin):
    """Classes without an order: one latent variable for each, of which the greatest utility wins.

    The utility of a class is the logarithm of its probability plus a Gumbel variable, which is a
    function of the latent variable. With standard normal ones the class of the greatest utility
    has exactly the predicted probability [1]_. Whether a class wins depends on its own latent
    variable z by Φ(z) to the power of (1 - p) / p, where p is its probability.

    Parameters
    ----------
    probabilities : ndarray of shape (n_rows, n_classes)
        The probabilities of the classes.

    References
    ----------
    .. [1] D. McFadden. "Conditional Logit Analysis of Qualitative Choice Behavior". Frontiers in
           Econometrics, 1974.
    """

    def __init__(self, probabilities: np.ndarray):
        self.probabilities = clip_probabilities(probabilities)
        self.n_latents = probabilities.shape[1]

    def take(self, rows: np.ndarray) -> "Nominal":
        """Return the distributions of some rows."""
        return Nominal(self.probabilities[rows])

    def tilt(
        self, labels: np.ndarray, mean: np.ndarray, covariance: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Compute what a class tells about each latent variable: whether it wins."""
        deviations = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))[..., np.newaxis]
        points = mean[..., np.newaxis] + deviations * _POINTS
        powers = (1 / self.probabilities - 1)[..., np.newaxis]
        wins = np.exp(powers * log_ndtr(points))
        won = labels[:, np.newaxis] == np.arange(self.n_latents)
        shares = np.where(won[..., np.newaxis], wins, 1 - wins) * _WEIGHTS
        shares = normalise(np.maximum(shares, np.finfo(np.float64).tiny))
        told_mean = (shares * points).sum(axis=-1)
        distances = points - told_mean[..., np.newaxis]
        return told_mean, (shares * distances**2).sum(axis=-1)

    def rate(self, labels: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
        """Return the log probabilities of classes."""
        probabilities = np.empty(len(labels))
        for k in range(self.n_latents):
            rows = labels == k
            chosen = self.take(rows)._integrate_win(k, mean[rows], covariance[rows])
            probabilities[rows] = np.maximum(chosen, _LEAST_PROBABILITY)
        return np.log(probabilities)

    def expect(self, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
        """Predict the probabilities of the classes."""
        every = range(self.n_latents)
        wins = [self._integrate_win(k, mean, covariance) for k in every]
        return clip_probabilities(np.column_stack(wins))

    def _integrate_win(self, k: int, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
        """Return the probability that a class wins.

        Given its latent variable, those of all other classes are taken as independent.
        """
        around = np.sqrt(covariance[:, [k], k]) * _POINTS
        points, others = mean[:, [k]] + around, np.arange(self.n_latents) != k
        # Another class has the same utility where its latent variable has this value.
        ratios = self.probabilities[:, others] / self.probabilities[:, [k]]
        equal = ndtri_exp(ratios[..., np.newaxis] * log_ndtr(points)[:, np.newaxis])
        slopes = covariance[:, others, k] / covariance[:, [k], k]
        centres = mean[:, others, np.newaxis] + slopes[..., np.newaxis] * around[:, np.newaxis]
        variances = covariance[:, others, others] - slopes * covariance[:, others, k]
        roots = np.sqrt(np.maximum(variances, 1e-6))[..., np.newaxis]
        return ndtr((equal - centres) / roots).prod(axis=1) @ _WEIGHTS

    def draw(self, latents: np.ndarray) -> np.ndarray:
        """Return the classes, as positions, of given latent variables."""
        return (np.log(self.probabilities) - np.log(-log_ndtr(latents))).argmax(axis=1)


class Times(Margin):
    """A time until an event, of which a censored label only tells that it is later.

    Parameters
    ----------
    task : Survival
        The task.
    outputs : ndarray of shape (n_rows, n_outputs)
        The outputs of the network for the task.
    """

    def __init__(self, task: Survival, outputs: np.ndarray):
        self.task, self.outputs = task, outputs

    def take(self, rows: np.ndarray) -> "Times":
        """Return the distributions of some rows."""
        return Times(self.task, self.outputs[rows])

    def tilt(
        self, labels: np.ndarray, mean: np.ndarray, covariance: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Compute what an event, or the time without one, tells about the latent variable."""
        _, told_mean, told_variance = self._tell(labels, mean, covariance[..., 0])
        return told_mean, told_variance

    def rate(self, labels: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
        """Return the log densities of events, and the log probabilities of no event so far."""
        return self._tell(labels, mean, covariance[..., 0])[0][:, 0]

    def _tell(
        self, labels: np.ndarray, mean: np.ndarray, variance: np.ndarray
    ) -> list[np.ndarray]:
        survival = self.task.predict_survival(self.outputs, np.abs(labels)[:, np.newaxis])
        value = -ndtri(survival.clip(_LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY))
        at_event = tell_value(value, mean, variance)
        censored = truncate(mean, variance, value, np.inf)
        event = labels[:, np.newaxis] > 0
        return [np.where(event, *parts) for parts in zip(at_event, censored, strict=True)]

    def expect(self, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
        """Predict the median times."""
        return self.task.find_times(self.outputs, log_ndtr(-mean[:, 0]))

    def draw(self, latents: np.ndarray) -> np.ndarray:
        """Return the times of events of given latent variables."""
        return self.task.find_times(self.outputs, log_ndtr(-latents[:, 0]))


class Fixed(Margin):
    """A prediction whose distribution is not known: it neither changes nor tells anything.

    Parameters
    ----------
    predicted : ndarray of shape (n_rows,)
        The predicted numbers.
    """

    n_latents = 0

    def __init__(self, predicted: np.ndarray):
        self.predicted = predicted

    def take(self, rows: np.ndarray) -> "Fixed":
        """Return the predictions of some rows."""
        return Fixed(self.predicted[rows])

    def tilt(
        self, labels: np.ndarray, mean: np.ndarray, covariance: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the means and variances as they are."""
        return mean, mean

    def rate(self, labels: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
        """Return that nothing is known of labels."""
        return np.full(len(labels), np.nan)

    def expect(self, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
        """Return the predictions."""
        return self.predicted

    def draw(self, latents: np.ndarray) -> np.ndarray:
        """Return the predictions."""
        return self.predicted


def make_margins(
    tasks: Sequence[Task],
    predictions: Sequence[np.ndarray],
    deviations: Sequence[np.ndarray],
    errors: Sequence[StandardisedErrors | None],
    outputs: Sequence[np.ndarray] | None = None,
) -> list[Margin]:
    """Return the predictive distributions of all tasks.

    Parameters
    ----------
    tasks : sequence of Task
        The tasks.
    predictions : sequence of ndarray of shape (n_rows, n_classes) or (n_rows,)
        For each task the probabilities of its classes, or the numbers.
    deviations : sequence of ndarray of shape (n_rows,)
        The standard deviations of the numbers.
    errors : sequence of StandardisedErrors or None
        The standardised errors of the numbers.
    outputs : sequence of ndarray of shape (n_rows, n_outputs), optional
        The outputs of a network for each task, which times need.

    Returns
    -------
    list of Margin
        The distributions.
    """
    margins: list[Margin] = []
    for k, (task, predicted) in enumerate(zip(tasks, predictions, strict=True)):
        of_task = errors[k]
        if task.has_classes:
            order = getattr(task, "order", slice(None))
            is_ordered = not isinstance(order, slice) or len(task.classes) == 2
            ranks = np.arange(len(task.classes))[order]
            margins.append(Ordered(predicted, ranks) if is_ordered else Nominal(predicted))
        elif isinstance(task, Survival) and outputs is not None:
            margins.append(Times(task, outputs[k]))
        elif of_task is None:
            margins.append(Fixed(predicted))
        else:
            margins.append(Numbers(predicted, deviations[k], of_task, task))
    return margins


def tell_value(value: Any, mean: Any, variance: Any) -> tuple[Any, Any, Any]:
    """Compute the log density, mean and variance of a normal variable whose value is told."""
    spread = variance + 1 / _PRECISION
    evidence = -0.5 * (np.log(2 * np.pi * spread) + (value - mean) ** 2 / spread)
    precision = 1 / variance + _PRECISION
    return evidence, (mean / variance + _PRECISION * value) / precision, 1 / precision


def clip_probabilities(probabilities: np.ndarray) -> np.ndarray:
    """Return probabilities of which none is 0."""
    return normalise(np.maximum(probabilities, _LEAST_PROBABILITY))


def normalise(shares: np.ndarray) -> np.ndarray:
    """Divide shares by their sum along the last axis."""
    return shares / shares.sum(axis=-1, keepdims=True)


def truncate(mean: Any, variance: Any, low: Any, high: Any) -> tuple[Any, Any, Any]:
    """Compute the log probability, mean and variance of a normal variable in an interval."""
    deviation = np.sqrt(variance)
    a, b = (low - mean) / deviation, (high - mean) / deviation
    # Probabilities are differences of small ones: turn the upper tail into the lower one.
    flip = a + b > 0
    a, b = np.where(flip, -b, a), np.where(flip, -a, b)
    of_b = log_ndtr(b)
    evidence = of_b + np.log(-np.expm1(np.minimum(log_ndtr(a) - of_b, -1e-12)))
    with np.errstate(invalid="ignore"):
        at_a, at_b = (np.exp(-0.5 * (x**2 + np.log(2 * np.pi)) - evidence) for x in (a, b))
        slopes = [np.where(np.isfinite(x), x * at, 0.0) for x, at in ((a, at_a), (b, at_b))]
    shift = at_a - at_b
    factor = np.clip(1 + slopes[0] - slopes[1] - shift**2, 1e-4, 1.0)
    return evidence, mean + deviation * np.where(flip, -shift, shift), variance * factor
