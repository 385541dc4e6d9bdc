"""Uncertainty of predicted numbers: standard deviations and prediction intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import logsumexp

from ..encoding.targets import TargetEncoder
from ..tables.labels import Labels
from ..tasks import Task, array_of, divide, find_unit
from ..tasks.mean import MemberMean
from .copula import Copula
from .errors import StandardisedErrors, centre_errors, find_errors


class Deviations:
    """Standard deviations and intervals of predicted numbers, learnt on validation rows.

    For a task with `Task.log_scale` they are those of logarithms.

    The square of a deviation is the sum of two terms: the weighted variance of the members'
    predictions for the row, and a factor of the task times its `Task.variance`, or the squared
    distance between the outer quantiles if they are predicted. The factor is chosen so that, on
    the validation rows, the mean of the sum is the mean squared error.

    Intervals are split conformal intervals: the errors on the validation rows are divided by the
    deviations of their rows, and the bounds of an interval are quantiles of the results, times the
    deviation of the row.

    Parameters
    ----------
    targets : TargetEncoder
        The encoder of the targets, with the fitted tasks.
    member_weights : ndarray of shape (n_members, n_tasks)
        Weight of each member for each task.

    Attributes
    ----------
    units : ndarray of shape (n_tasks,)
        Divisor of the labels of each task, so that their squares do not overflow.
    factors : ndarray of shape (n_tasks,)
        The factor of each task, in these units, at least 0; NaN for a task without labels, with
        classes or with censored numbers.
    errors : list of StandardisedErrors or None
        The standardised errors of each task; None for a task without a factor.
    copula : Copula or None
        How the tasks depend on each other; None before it has been learnt.

    References
    ----------
    J. Lei, M. G'Sell, A. Rinaldo, R. J. Tibshirani, L. Wasserman. "Distribution-Free Predictive
    Inference for Regression". Journal of the American Statistical Association 113, 2018.
    """

    member_weights: np.ndarray
    factors: np.ndarray
    units: np.ndarray
    errors: list[StandardisedErrors | None]
    copula: Copula | None

    def __init__(self, targets: TargetEncoder, member_weights: np.ndarray):
        self.targets = targets
        self.member_weights = member_weights
        self.factors = np.full(len(targets.tasks), np.nan)
        self.units = np.ones(len(targets.tasks))
        self.errors = [None] * len(targets.tasks)
        self.copula = None

    @classmethod
    def for_mean(cls, mean: MemberMean, targets: TargetEncoder) -> Deviations:
        """Create deviations of which nothing has been learnt yet.

        Parameters
        ----------
        mean : MemberMean
            The mean over members of a trained network.
        targets : TargetEncoder
            The encoder of the targets.
        """
        return cls(targets, mean.weights.cpu().double().numpy())

    def keep(self, earlier: Deviations) -> Deviations:
        """Copy what was learnt earlier for the first tasks, unless it has been learnt again."""
        for k in np.flatnonzero(np.isnan(self.factors[: len(earlier.factors)])):
            self.factors[k], self.units[k] = earlier.factors[k], earlier.units[k]
            self.errors[k] = earlier.errors[k]
        if self.copula is not None:
            self.copula = self.copula.keep(earlier.copula) if earlier.copula else None
        return self

    def learn(
        self,
        members: np.ndarray,
        labels: Sequence[Labels],
        weights: np.ndarray,
        out_of_fold: np.ndarray | None = None,
    ) -> list[np.ndarray]:
        """Learn the factors and the standardised errors.

        Parameters
        ----------
        members : ndarray of shape (n_members, n_rows, sum of n_outputs)
            The outputs of the members on validation rows.
        labels : sequence of Labels
            The labels of these rows, by task.
        weights : ndarray of shape (n_rows, n_tasks)
            The weights of the labels.
        out_of_fold : ndarray of int of shape (n_out, n_rows), optional
            For each row the members that were not trained on it, two or more. By default no member
            was trained on any of the rows.

        Returns
        -------
        list of ndarray of shape (n_rows,)
            The deviations of these rows, by task, in the form of `compute`.
        """
        tasks = self.targets.tasks
        for k, (task, column) in enumerate(zip(tasks, labels, strict=True)):
            if task.has_errors and not task.log_scale and len(column.observed):
                self.units[k] = find_unit(column.observed.astype(np.float64))
        means, variances, noise = self._moments(members, self.member_weights)
        if out_of_fold is not None:
            means, variances, noise = self._moments_out_of_fold(members, out_of_fold)
        of_rows = [np.full(members.shape[1], np.nan) for _ in tasks]
        for k, (task, column) in enumerate(zip(tasks, labels, strict=True)):
            if task.has_errors and (there := column.mask).any():
                weight = weights[there, k]
                errors = self._find_errors(k, column.observed, means[k, there])
                centred = centre_errors(task, errors, weight)
                lacking = np.average(centred**2 - variances[k, there], weights=weight)
                self.factors[k] = max(lacking, 0.0) / np.average(noise[k, there], weights=weight)
                # If nearly all weight is on one member, it may be negative.
                squares = variances[k] + self.factors[k] * noise[k]
                deviations = np.sqrt(np.maximum(squares, 0.0))
                of_rows[k] = self.units[k] * deviations
                self.errors[k] = StandardisedErrors.standardise(errors, deviations[there], weight)
        return of_rows

    def compute(self, members: np.ndarray) -> list[np.ndarray]:
        """Compute the deviations of each task.

        Parameters
        ----------
        members : ndarray of shape (n_members, n_rows, sum of n_outputs)
            The outputs of the members.

        Returns
        -------
        list of ndarray of shape (n_rows,)
            The deviations of each task, in the units of its labels; NaN for classes and censored
            numbers.
        """
        _, variances, noise = self._moments(members, self.member_weights)
        squares = variances + self.factors[:, np.newaxis] * noise
        return list(self.units[:, np.newaxis] * np.sqrt(squares))

    def _moments_out_of_fold(self, members: np.ndarray, out_of_fold: np.ndarray) -> np.ndarray:
        """Compute `_moments` of the members that were not trained on a row.

        The members that were trained on it know its label, and differ from these by the error. So
        the mean variance is that of these, and from row to row it varies as that of the others. It
        is larger than that of all members, as the mean of few has a greater variance.
        """
        rows = np.arange(members.shape[1])
        is_seen = np.ones(members.shape[:2], dtype=bool)
        is_seen[out_of_fold, rows] = False
        # All rows have as many members of either kind. A single one has no variance.
        seen = np.argsort(~is_seen, axis=0, kind="stable")[: len(members) - len(out_of_fold)]
        unseen = members[out_of_fold, rows]
        of_unseen, (_, pattern, _) = (
            self._moments(part, np.full((len(part), len(self.factors)), 1 / len(part)))
            for part in (unseen, members[seen, rows] if len(seen) > 1 else unseen)
        )
        of_all, share = (self.member_weights**2).sum(axis=0), 1 / len(unseen)
        _, variances, _ = of_unseen
        sizes = variances.mean(axis=1) * (1 + share - 2 * of_all) / (1 - share)
        mean = pattern.mean(axis=1)
        scale = np.divide(sizes, mean, out=np.zeros_like(mean), where=mean > 0)
        variances[:] = scale[:, np.newaxis] * pattern
        return of_unseen

    def _find_errors(self, k: int, labels: np.ndarray, means: np.ndarray) -> np.ndarray:
        """Return errors of a task, given means of `_moments`."""
        task = self.targets.tasks[k]
        if task.log_scale:
            return find_errors(task, labels, np.exp(means))
        return divide(labels, self.units[k]) - means

    def _scale(self, k: int, numbers: np.ndarray) -> np.ndarray:
        """Return numbers of a task on the scale of its errors, so that squares do not overflow."""
        task = self.targets.tasks[k]
        return np.log(numbers) if task.log_scale else divide(numbers, self.units[k])

    def _moments(self, members: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Compute the weighted mean and variance of the numbers that members predict.

        Returns
        -------
        ndarray of shape (3, n_tasks, n_rows)
            Means and variances of numbers that are divided by ``units``, and the variances of
            labels up to a factor; NaN for classes and censored numbers.
        """
        tasks: list[Any] = self.targets.tasks
        result = np.full((3, len(tasks), members.shape[1]), np.nan)
        parts = self.targets.split_outputs(members)
        for k, (task, part) in enumerate(zip(tasks, parts, strict=True)):
            if task.has_errors:
                rows = part.reshape(-1, part.shape[2])
                predictions = self._scale(k, task.predict(rows)).reshape(part.shape[:2])
                mean = result[0, k] = _average(task, predictions, weights[:, k])
                # Without validation labels there is no unit, and deviations will be NaN.
                with np.errstate(over="ignore"):
                    result[1, k] = weights[:, k] @ (predictions - mean) ** 2
                has_ends = hasattr(task, "predict_quantiles") and not task.log_scale
                if has_ends and len(task.levels) > 1:
                    quantiles = task.predict_quantiles(rows) / self.units[k]
                    widths = np.ptp(quantiles, axis=1).reshape(part.shape[:2])
                    result[2, k] = (weights[:, k] @ widths) ** 2
                else:
                    means = np.exp(mean) if task.log_scale else mean * self.units[k]
                    result[2, k] = array_of(task, "variance", means)
        return result


def _average(task: Task, predictions: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the weighted mean of the members' predictions, which may be logarithms."""
    if task.log_scale:
        return logsumexp(predictions, b=weights[:, np.newaxis], axis=0)
    return weights @ predictions
