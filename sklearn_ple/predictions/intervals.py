"""How far off predicted numbers may be: standard deviations and intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..encoding import Labels, TargetEncoder
from ..tasks import unit_of


class Deviations:
    """Deviations and intervals of the tasks that are numbers, learnt on rows of validation.

    The square of a deviation is the variance of the members' predictions for the row, by their
    weights, and the rest of the squared error of their mean: a factor of the task times its
    `Task.variance`. Intervals are split conformal ones of standardised errors (Lei, G'Sell,
    Rinaldo, Tibshirani and Wasserman, JASA 2018): their ends are quantiles of the errors of
    validation, each divided by the deviation of its row.

    Parameters
    ----------
    targets : TargetEncoder
        The tasks.
    member_weights : ndarray of shape (n_members, n_tasks)
        How much each member counts for each task.

    Attributes
    ----------
    units : ndarray of shape (n_tasks,)
        What the labels of each task are divided by before they are squared.
    factors : ndarray of shape (n_tasks,)
        The factor of each task, in these units, zero at least; NaN without a label, and for
        classes and censored numbers.
    errors : list of StandardisedErrors or None
        Those of each task; None where there is no factor.
    """

    def __init__(self, targets: TargetEncoder, member_weights: np.ndarray):
        self.targets = targets
        self.member_weights = member_weights
        self.factors = np.full(len(targets.tasks), np.nan)
        self.units = np.ones(len(targets.tasks))
        self.errors: list[StandardisedErrors | None] = [None] * len(targets.tasks)

    def keep(self, earlier: Deviations) -> Deviations:
        """Take over what was learnt earlier of the first tasks, if it has not been learnt anew."""
        for k, (factor, unit, errors) in enumerate(
            zip(earlier.factors, earlier.units, earlier.errors, strict=True)
        ):
            if np.isnan(self.factors[k]):
                self.factors[k], self.units[k], self.errors[k] = factor, unit, errors
        return self

    def learn(
        self,
        members: np.ndarray,
        labels: Sequence[Labels],
        weights: np.ndarray,
        out_of_fold: np.ndarray | None = None,
    ) -> Deviations:
        """Learn the factors.

        Parameters
        ----------
        members : ndarray of shape (n_members, n_rows, sum of n_outputs)
            The members' outputs on rows that none, or not all, were trained on.
        labels : sequence of Labels
            The rows' labels.
        weights : ndarray of shape (n_rows, n_tasks)
            The labels' weights.
        out_of_fold : ndarray of int of shape (n_out, n_rows), optional
            For each row the members that were not trained on it; by default none was.
        """
        tasks = self.targets.tasks
        for k, (task, column) in enumerate(zip(tasks, labels, strict=True)):
            if task.has_errors and len(column.observed):
                self.units[k] = unit_of(column.observed.astype(np.float64))
        means, variances = self._moments(members, self.member_weights)
        n_variances = np.ones(len(tasks))
        if out_of_fold is not None:
            own = members[out_of_fold, np.arange(members.shape[1])]
            means = self._moments(own, np.full((len(own), len(tasks)), 1 / len(own)))[0]
            # The error of a mean of few members has more of their variance in it.
            of_all = (self.member_weights**2).sum(axis=0)
            n_variances += (1 / len(own) - of_all) / np.maximum(1 - of_all, 1e-9)
        for k, (task, column) in enumerate(zip(tasks, labels, strict=True)):
            if task.has_errors and len(column.observed):
                mean, variance, weight = (
                    part[column.mask] for part in (means[k], variances[k], weights[:, k])
                )
                errors = column.observed / self.units[k] - mean
                variance = n_variances[k] * variance
                noise = task.variance(mean * self.units[k])
                lacking = np.average(errors**2 - variance, weights=weight)
                self.factors[k] = max(lacking, 0.0) / np.average(noise, weights=weight)
                # Where one member counts for nearly all, its own variance is subtracted.
                deviations = np.sqrt(np.maximum(variance + self.factors[k] * noise, 0.0))
                self.errors[k] = StandardisedErrors.of(errors, deviations, weight)
        return self

    def of(self, members: np.ndarray) -> list[np.ndarray]:
        """Compute the deviations of each task, of shape (n_rows,); NaN where there are none.

        Parameters
        ----------
        members : ndarray of shape (n_members, n_rows, sum of n_outputs)
            The members' outputs.
        """
        return [deviation for _, deviation in self._predicted(members)]

    def intervals(self, members: np.ndarray, level: float) -> tuple[list, list]:
        """Compute both ends of each task's intervals, as `of` computes the deviations."""
        lower, upper = [], []
        rows = zip(self.targets.tasks, self.errors, self._predicted(members), strict=True)
        for task, errors, (mean, deviation) in rows:
            low, high = (np.nan, np.nan) if errors is None else errors.ends(level)
            lower.append(np.maximum(mean + low * deviation, task.lowest))
            upper.append(mean + high * deviation)
        return lower, upper

    def _predicted(self, members: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Compute each task's predicted numbers and their deviations, in the labels' units."""
        means, variances = self._moments(members, self.member_weights)
        predicted = []
        for k, task in enumerate(self.targets.tasks):
            mean, deviation = self.units[k] * means[k], np.full(len(means[k]), np.nan)
            if task.has_errors:
                variance = variances[k] + self.factors[k] * task.variance(mean)
                deviation = self.units[k] * np.sqrt(variance)
            predicted.append((mean, deviation))
        return predicted

    def _moments(self, members: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Compute the mean of some members' predicted numbers, and their variance around it.

        Returns
        -------
        ndarray of shape (2, n_tasks, n_rows)
            Means and variances, of numbers divided by ``units``; NaN for classes and censored
            numbers.
        """
        tasks = self.targets.tasks
        result = np.full((2, len(tasks), members.shape[1]), np.nan)
        parts = self.targets.split_outputs(members)
        for k, (task, own) in enumerate(zip(tasks, parts, strict=True)):
            if task.has_errors:
                predictions = np.stack([task.predict(outputs) for outputs in own]) / self.units[k]
                result[0, k] = weights[:, k] @ predictions
                result[1, k] = weights[:, k] @ (predictions - result[0, k]) ** 2
        return result


@dataclass(frozen=True)
class StandardisedErrors:
    """Errors of a task on rows of validation, divided by the deviations of their rows.

    Attributes
    ----------
    values : ndarray of shape (n_labels,)
        The errors, sorted: labels less predictions.
    weights : ndarray of shape (n_labels,)
        The labels' weights.
    """

    values: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(
        cls, errors: np.ndarray, deviations: np.ndarray, weights: np.ndarray
    ) -> StandardisedErrors:
        """Standardise errors. Without a deviation there is no error either."""
        values = np.divide(errors, deviations, out=np.zeros_like(errors), where=deviations > 0)
        order = np.argsort(values)
        return cls(values[order], weights[order])

    def ends(self, level: float) -> tuple[float, float]:
        """Return between which errors a share of new ones lies, as many above as below."""
        share = (1 + level) / 2
        low = -_quantile(-self.values[::-1], self.weights[::-1], share)
        return low, _quantile(self.values, self.weights, share)


def _quantile(values: np.ndarray, weights: np.ndarray, share: float) -> float:
    """Return the quantile of sorted values and a new one, which may be larger than all others."""
    below = np.cumsum(weights) / (weights.sum() + weights.mean())
    # Of few values, the largest one is as far as they reach.
    place = int(np.searchsorted(below, share))
    return float(values[min(place, len(values) - 1)])
