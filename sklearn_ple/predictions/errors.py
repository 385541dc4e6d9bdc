"""Standardised errors of predicted numbers on rows apart, and their quantiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from ..tasks import Task, find_unit
from ..utils.warn import warn

# The greatest variance of logarithms whose standard deviation is a float in units of the mean.
_GREATEST_VARIANCE = 700.0


def find_errors(task: Task, labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return the errors of a task: labels minus predictions, or the difference of logarithms.

    A label without a logarithm counts as predicted without an error.
    """
    if not task.log_scale:
        return labels - predicted
    return np.log(np.where(labels > 0, labels, predicted)) - np.log(predicted)


def add_errors(task: Task, predicted: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Return the possible numbers that have given errors: the inverse of `find_errors`."""
    if not task.log_scale:
        return np.maximum(predicted + errors, task.lowest)
    floats = np.finfo(np.float64)
    with np.errstate(over="ignore", under="ignore"):
        return (predicted * np.exp(errors)).clip(floats.tiny, floats.max)


def centre_errors(task: Task, errors: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return errors without the difference of logarithms between the mean and the median."""
    return errors - np.average(errors, weights=weights) if task.log_scale else errors


def to_units(task: Task, predicted: np.ndarray, deviations: np.ndarray) -> np.ndarray:
    """Return the standard deviations of numbers, given those of their errors.

    For logarithms these are the standard deviations of log-normal numbers.
    """
    if not task.log_scale:
        return deviations
    return predicted * np.sqrt(np.expm1((deviations**2).clip(max=_GREATEST_VARIANCE)))


@dataclass(frozen=True)
class StandardisedErrors:
    """Errors of a task on the validation rows, divided by the deviations of their rows.

    Attributes
    ----------
    values : ndarray of shape (n_labels,)
        The errors, labels minus predictions, divided by deviations, in ascending order.
    weights : ndarray of shape (n_labels,)
        The weights of the labels.
    """

    values: np.ndarray
    weights: np.ndarray

    @classmethod
    def standardise(
        cls, errors: np.ndarray, deviations: np.ndarray, weights: np.ndarray
    ) -> StandardisedErrors:
        """Standardise and sort errors; with a deviation of 0, the standardised error is 0."""
        values = np.divide(errors, deviations, out=np.zeros_like(errors), where=deviations > 0)
        order = np.argsort(values)
        return cls(values[order], weights[order])

    def find_size(self) -> float:
        """Return the root of the mean squared error."""
        # The squares of very large or small errors are no floats.
        unit = find_unit(self.values)
        return unit * float(np.sqrt(np.average((self.values / unit) ** 2, weights=self.weights)))

    def to_normal(self, errors: np.ndarray) -> np.ndarray:
        """Return the quantiles of a standard normal variable at the shares of errors below.

        Half of the errors that are equal count as below. The range is that of known errors.
        """
        shares = np.cumsum(self.weights) / self.weights.sum()
        shares = np.concatenate([[0.0], shares])
        first, last = (np.searchsorted(self.values, errors, side) for side in ("left", "right"))
        beside = 0.5 * self.weights / self.weights.sum()
        middle = np.interp(errors, self.values, shares[1:] - beside)
        between = np.where(first < last, (shares[first] + shares[last]) / 2, middle)
        return ndtri(np.clip(between, beside[0], 1 - beside[-1]))

    def from_normal(self, latents: np.ndarray) -> np.ndarray:
        """Return the errors at the shares that are below values of a standard normal variable."""
        shares = (np.cumsum(self.weights) - 0.5 * self.weights) / self.weights.sum()
        return np.interp(ndtr(latents), shares, self.values)

    @property
    def greatest_level(self) -> float:
        """The greatest share of labels that intervals can have."""
        total = self.weights.sum()
        # Rounded up, since a level that is equal is possible.
        return 2 * total / (total + self.weights.mean()) - 1 + 1e-9

    def find_ends(self, level: float) -> tuple[float, float]:
        """Return the errors between which a share of new ones lies, as many above as below."""
        return self.find_between((1 - level) / 2, (1 + level) / 2)

    def find_between(self, low: float | np.ndarray, high: float | np.ndarray) -> tuple[Any, Any]:
        """Return the errors below which a low and a high share of new ones lie, or arrays."""
        lower = -find_quantile(-self.values[::-1], self.weights[::-1], 1 - low)
        return lower, find_quantile(self.values, self.weights, high)


def warn_of_few_labels(
    tasks: Sequence[Task],
    errors: Sequence[StandardisedErrors | None],
    level: float,
    wanted: Sequence[int],
    joint: bool = False,
) -> None:
    """Warn of tasks that have too few validation labels for intervals of a level.

    Parameters
    ----------
    tasks : sequence of Task
        The tasks.
    errors : sequence of StandardisedErrors or None
        The errors of each task.
    level : float
        The level that is asked for.
    wanted : sequence of int
        Positions of the tasks that are returned.
    joint : bool, default=False
        Whether the intervals hold for all tasks together. Their ends follow from one quantile, of
        the greatest error of a row, and not from two.
    """
    for k in wanted:
        of_task, name = errors[k], tasks[k].name
        if of_task is None:
            continue
        greatest = (1 + of_task.greatest_level) / 2 if joint else of_task.greatest_level
        if level > greatest:
            n, reached = len(of_task.values), round(greatest, 6)
            warn(
                f"Task {name!r} has only {n} validation label{'s' * (n > 1)}: its intervals "
                f"are of the level {reached:.3g}, not {level:.3g}. Ask for a lower level, or "
                "set more rows aside for validation."
            )


def find_quantile(values: np.ndarray, weights: np.ndarray, share: float | np.ndarray) -> Any:
    """Return the quantile of sorted values and one new value, which may exceed all others.

    The share below it is a number or an array.
    """
    below = np.cumsum(weights) / (weights.sum() + weights.mean())
    # With too few values for the share, this is the largest value.
    return values[np.minimum(np.searchsorted(below, share), len(values) - 1)]
