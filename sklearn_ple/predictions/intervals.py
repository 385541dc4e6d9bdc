"""Uncertainty of predicted numbers: standard deviations and prediction intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..encoding.targets import TargetEncoder
from ..tables.labels import Labels
from ..tasks import array_of, divide, find_unit
from .copula import Copula
from .errors import StandardisedErrors, warn_of_few_labels


class Deviations:
    """Standard deviations and intervals of predicted numbers, learnt on validation rows.

    The square of a deviation is the sum of two terms: the weighted variance of the members'
    predictions for the row, and a factor of the task times its `Task.variance`. The factor is
    chosen so that, on the validation rows, the mean of the sum is the mean squared error.

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
    def for_mean(cls, mean: Any, targets: TargetEncoder) -> Deviations:
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
            For each row the members that were not trained on it. By default no member was trained
            on any of the rows.

        Returns
        -------
        list of ndarray of shape (n_rows,)
            The deviations of these rows, by task, in the form of `compute`.
        """
        tasks = self.targets.tasks
        for k, (task, column) in enumerate(zip(tasks, labels, strict=True)):
            if task.has_errors and len(column.observed):
                self.units[k] = find_unit(column.observed.astype(np.float64))
        means, variances = self._moments(members, self.member_weights)
        n_variances = np.ones(len(tasks))
        if out_of_fold is not None:
            unseen = members[out_of_fold, np.arange(members.shape[1])]
            means = self._moments(unseen, np.full((len(unseen), len(tasks)), 1 / len(unseen)))[0]
            # The mean of few members has a greater variance than the mean of all.
            of_all = (self.member_weights**2).sum(axis=0)
            n_variances += (1 / len(unseen) - of_all) / np.maximum(1 - of_all, 1e-9)
        of_rows = [np.full(members.shape[1], np.nan) for _ in tasks]
        for k, (task, column) in enumerate(zip(tasks, labels, strict=True)):
            if task.has_errors and (there := column.mask).any():
                weight = weights[there, k]
                errors = column.observed / self.units[k] - means[k, there]
                variance = n_variances[k] * variances[k]
                noise = array_of(task, "variance", means[k] * self.units[k])
                lacking = np.average(errors**2 - variance[there], weights=weight)
                self.factors[k] = max(lacking, 0.0) / np.average(noise[there], weights=weight)
                # If nearly all weight is on one member, `n_variances` may be negative.
                deviations = np.sqrt(np.maximum(variance + self.factors[k] * noise, 0.0))
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
        return [deviation for _, deviation in self.predict(members)]

    def compute_intervals(
        self, members: np.ndarray, level: float, wanted: Sequence[int]
    ) -> tuple[list, list]:
        """Compute the lower and the upper bounds of the intervals, in the form of `compute`.

        Parameters
        ----------
        members : ndarray of shape (n_members, n_rows, sum of n_outputs)
            The outputs of the members.
        level : float
            The share of labels that an interval should contain.
        wanted : sequence of int
            Positions of the tasks that are returned. If one of them has too few validation labels
            for the level, a warning names it.

        Returns
        -------
        lower, upper : list of ndarray of shape (n_rows,)
            The bounds for each task.
        """
        warn_of_few_labels(self.targets.tasks, self.errors, level, wanted)
        lower, upper = [], []
        rows = zip(self.targets.tasks, self.errors, self.predict(members), strict=True)
        for task, errors, (mean, deviation) in rows:
            low, high = (np.nan, np.nan) if errors is None else errors.find_ends(level)
            lower.append(np.maximum(mean + low * deviation, task.lowest))
            upper.append(np.maximum(mean + high * deviation, task.lowest))
        return lower, upper

    def predict(self, members: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Compute the predicted numbers of each task and their deviations, in its units."""
        means, variances = self._moments(members, self.member_weights)
        predicted = []
        for k, task in enumerate(self.targets.tasks):
            mean, deviation = self.units[k] * means[k], np.full(len(means[k]), np.nan)
            if task.has_errors:
                noise = array_of(task, "variance", mean)
                variance = variances[k] + self.factors[k] * noise
                deviation = self.units[k] * np.sqrt(variance)
            predicted.append((mean, deviation))
        return predicted

    def _moments(self, members: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Compute the weighted mean and variance of the numbers that members predict.

        Returns
        -------
        ndarray of shape (2, n_tasks, n_rows)
            Means and variances of numbers that are divided by ``units``; NaN for classes and
            censored numbers.
        """
        tasks = self.targets.tasks
        result = np.full((2, len(tasks), members.shape[1]), np.nan)
        parts = self.targets.split_outputs(members)
        for k, (task, part) in enumerate(zip(tasks, parts, strict=True)):
            if task.has_errors:
                predictions = np.stack([task.predict(outputs) for outputs in part])
                predictions = divide(predictions, self.units[k])
                result[0, k] = weights[:, k] @ predictions
                # Without validation labels there is no unit, and deviations will be NaN.
                with np.errstate(over="ignore"):
                    result[1, k] = weights[:, k] @ (predictions - result[0, k]) ** 2
        return result
