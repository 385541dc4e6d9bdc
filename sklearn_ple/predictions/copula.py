"""The dependence of the tasks given the features: a Gaussian copula of their distributions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import block_diag
from sklearn.exceptions import ConvergenceWarning

from ..utils.warn import warn
from .clusters import choose_clusters
from .margins import Margin, NumberMargin, OrderedMargin
from .propagation import draw_latents, infer, infer_clusters

# Number of rows from which correlations are learnt.
_MOST_ROWS = 1000
# Rounds in which they are learnt: fewer with many tasks, since the first ones change the most.
_LEAST_ROUNDS, _MOST_ROUNDS, _ROUNDS_OF_TASKS = 4, 12, 3000
# Rounds end when no correlation changes by more.
_TOLERANCE = 5e-3
_LEAST_EIGENVALUE = 0.01


@dataclass(eq=False)
class Copula:
    """How the labels of a row depend on each other, given the features.

    Each label is a function of a latent variable, see `Margin`, and together these are normal.
    Their correlations are those of greatest posterior probability given labels of rows that the
    predictions were not learnt from, by expectation maximisation, which allows for missing labels
    [1]_. They are shrunk towards 0, as if there were two more rows for each task in which all are
    independent. Classes without an order get the one in which they go best with the other tasks.

    Many tasks are divided into clusters of those that depend most on each other. Between clusters
    correlations are 0, so that time and memory grow in proportion to the number of tasks.

    Attributes
    ----------
    correlation : ndarray of shape (n_tasks, n_tasks)
        The correlations; 0 between all tasks if no task gains.
    orders : list of ndarray of int
        For each task the positions of its classes in the order that is used; empty for numbers.
    usable : ndarray of bool of shape (n_tasks,)
        Whether the distribution of a task is known, so that its labels can be drawn.
    gains : ndarray of shape (n_tasks,)
        How much more probable the other labels of a row make a label, as the mean difference of
        the logarithms; 0 if this may be chance. A task without a gain is predicted from the
        features alone.
    errors : ndarray of shape (n_rows, n_tasks)
        Standardised errors of numbers, from which joint intervals are found. NaN for other tasks.
        Those of missing labels are drawn.

    References
    ----------
    .. [1] Y. Zhao, M. Udell. "Missing Value Imputation for Mixed Data via Gaussian Copula".
           KDD 2020.
    """

    correlation: np.ndarray
    orders: list[np.ndarray]
    usable: np.ndarray
    gains: np.ndarray
    errors: np.ndarray

    @classmethod
    def learn(
        cls,
        margins: Sequence[Margin],
        labels: np.ndarray,
        weights: np.ndarray,
        is_over: Callable[[], bool] = lambda: False,
    ) -> Copula:
        """Learn the correlations, and by two halves of the rows whose tasks gain by them.

        If there is not enough time, or if the user interrupts, the tasks count as independent.

        Parameters
        ----------
        margins : sequence of Margin
            The predictive distributions of the tasks in rows that they were not learnt from.
        labels : ndarray of shape (n_rows, n_tasks)
            Positions of classes, or numbers; NaN where a label is missing.
        weights : ndarray of shape (n_rows, n_tasks)
            Weights of the labels.
        is_over : callable, optional
            Returns whether no time is left; by default there is no limit.

        Returns
        -------
        Copula
            What was learnt.
        """
        usable = np.array([margin.is_usable for margin in margins])
        labels = np.where(usable, labels, np.nan)
        gains, correlation = np.zeros(len(margins)), np.eye(len(margins))
        try:
            gains, correlation, margins = _learn(margins, labels, weights, is_over)
        except (TimeoutError, KeyboardInterrupt) as reason:
            by = "max_time" if isinstance(reason, TimeoutError) else "the user"
            warn(
                f"Learning how the tasks depend on each other was ended by {by}: they count as "
                "independent given X, so that known labels of a row will not change its other "
                "predictions.",
                ConvergenceWarning,
            )
        orders = [getattr(margin, "order", np.empty(0, dtype=int)) for margin in margins]
        errors = _draw_errors(correlation, margins, labels)
        return cls(correlation, orders, usable, gains, errors)

    def keep(self, earlier: Copula) -> Copula:
        """Return what was learnt earlier of the first tasks, with new tasks that are independent.

        The rows of the new tasks are others, so that nothing is known of their dependence.
        """
        n = len(earlier.gains)
        n_rows = max(len(earlier.errors), len(self.errors))
        columns = [*earlier.errors.T, *self.errors.T[n:]]
        return Copula(
            block_diag(earlier.correlation, self.correlation[n:, n:]),
            [*earlier.orders, *self.orders[n:]],
            np.concatenate([earlier.usable, self.usable[n:]]),
            np.concatenate([earlier.gains, self.gains[n:]]),
            np.column_stack([np.resize(column, n_rows) for column in columns]),
        )


def _learn(
    margins: Sequence[Margin],
    labels: np.ndarray,
    weights: np.ndarray,
    is_over: Callable[[], bool],
) -> tuple[np.ndarray, np.ndarray, Sequence[Margin]]:
    """Learn the correlations from some of the rows, and the gains of the tasks.

    Returns
    -------
    gains : ndarray of shape (n_tasks,)
        The gains that are certain.
    correlation : ndarray of shape (n_tasks, n_tasks)
        The correlations; 0 between all tasks if none gains.
    margins : sequence of Margin
        The distributions of all rows, with the classes in the order that was found.
    """
    several = np.flatnonzero(np.isfinite(labels).sum(axis=1) > 1)
    rows = several[:: max(1, -(-len(several) // _MOST_ROWS))]
    gains, correlation = np.full(labels.shape, np.nan), np.eye(len(margins))
    if len(rows) > 1:
        halves = rows[::2], rows[1::2]
        for learnt, scored in (halves, halves[::-1]):
            found = _maximise(margins, labels, weights, learnt, is_over)
            gains[scored] = _measure_gains(*found, labels, scored)
        correlation, margins = _maximise(margins, labels, weights, rows, is_over)
    certain = _keep_certain(gains)
    return certain, correlation if certain.any() else np.eye(len(margins)), margins


def _maximise(
    margins: Sequence[Margin],
    labels: np.ndarray,
    weights: np.ndarray,
    rows: np.ndarray,
    is_over: Callable[[], bool],
) -> tuple[np.ndarray, list[Margin]]:
    """Learn the correlations from some rows, for one cluster of tasks after the other.

    Returns
    -------
    correlation : ndarray of shape (n_tasks, n_tasks)
        The correlations.
    margins : list of Margin
        The distributions of all rows, with the classes in the order that was found.
    """
    pairs = enumerate(margins)
    surprises = [_find_surprises(margin.take(rows), labels[rows, k]) for k, margin in pairs]
    correlation, arranged = np.eye(len(margins)), list(margins)
    for tasks in choose_clusters(surprises):
        for k, margin in zip(tasks, _arrange(margins, surprises, tasks, rows), strict=True):
            arranged[k] = margin
        known = np.isfinite(labels[np.ix_(rows, tasks)])
        several = rows[known.sum(axis=1) > 1]
        if len(several):
            of_rows, part = [arranged[k].take(several) for k in tasks], np.ix_(several, tasks)
            options = _limit_rounds(len(margins)), is_over
            found = _maximise_cluster(of_rows, labels[part], weights[part], *options)
            correlation[np.ix_(tasks, tasks)] = found
    return correlation, arranged


def _limit_rounds(n_tasks: int) -> int:
    """Return the most rounds for a number of tasks: 12 up to 250 tasks, and at least 4."""
    return max(_LEAST_ROUNDS, min(_MOST_ROUNDS, _ROUNDS_OF_TASKS // n_tasks))


def _maximise_cluster(
    margins: Sequence[Margin],
    labels: np.ndarray,
    weights: np.ndarray,
    n_rounds: int,
    is_over: Callable[[], bool],
) -> np.ndarray:
    """Learn the correlations of a cluster of tasks, by expectation maximisation.

    Raises
    ------
    TimeoutError
        If no time is left for a round.
    """
    known, n_tasks = np.isfinite(labels), len(margins)
    of_rows = (weights * known).sum(axis=1) / known.sum(axis=1)
    of_rows = of_rows / of_rows.mean()
    correlation, sites = np.eye(n_tasks), None
    for _ in range(n_rounds):
        if is_over():
            raise TimeoutError
        belief, sites = infer(correlation, margins, labels, sites, 1 if sites else 3)
        second = (belief.mean * of_rows[:, np.newaxis]).T @ belief.mean
        # One covariance may be that of all rows.
        counted = of_rows if len(belief.covariance) > 1 else of_rows.sum(keepdims=True)
        second += np.tensordot(counted, belief.covariance, 1) + 2 * n_tasks * np.eye(n_tasks)
        before, correlation = correlation, _to_correlation(second)
        if np.abs(correlation - before).max() < _TOLERANCE:
            break
    return correlation


def _arrange(
    margins: Sequence[Margin], surprises: Sequence[np.ndarray], tasks: np.ndarray, rows: np.ndarray
) -> list[Margin]:
    """Put classes without an order into the one in which they go best with tasks of their cluster.

    For each class the differences between its occurrence and its probability are multiplied with
    what follows from the other labels; the order is that of the first singular vector.
    """
    result = [margins[k] for k in tasks]
    if len(tasks) < 2:
        return result
    for j, (k, margin) in enumerate(zip(tasks, result, strict=True)):
        if isinstance(margin, OrderedMargin) and margin.is_free:
            others = np.hstack([surprises[other] for other in tasks if other != k])
            vectors = np.linalg.svd(surprises[k].T @ others, full_matrices=False)[0]
            probabilities = margin.probabilities[rows]
            size = np.sqrt((probabilities * (1 - probabilities)).mean(axis=0))
            order = np.argsort(vectors[:, 0] / np.maximum(size, 1e-9))
            result[j] = OrderedMargin(margin.probabilities, order, margin.is_free)
    return result


def _find_surprises(margin: Margin, labels: np.ndarray) -> np.ndarray:
    """Return how labels differ from what was predicted, of shape (n_rows, n_columns).

    There is a column for each class without an order, and one for any other task. Missing labels
    do not differ.
    """
    there = np.flatnonzero(np.isfinite(labels))
    if isinstance(margin, OrderedMargin) and margin.is_free:
        result: np.ndarray = np.zeros(margin.probabilities.shape)
        occurs = labels[there, np.newaxis] == np.arange(result.shape[1])
        result[there] = occurs - margin.probabilities[there]
        return result / np.maximum(result.std(axis=0), 1e-9)
    result = np.zeros((len(labels), 1))
    prior = np.zeros(len(there)), np.ones(len(there))
    result[there, 0] = margin.take(there).condition(labels[there], *prior).mean
    return result


def _to_correlation(second: np.ndarray) -> np.ndarray:
    """Divide moments by standard deviations, and keep the result positive definite."""
    root = np.sqrt(np.diag(second))
    found = second / root / root[:, np.newaxis]
    least = np.linalg.eigvalsh(found)[0]
    share = max(0.0, (_LEAST_EIGENVALUE - least) / (1 - min(least, 0.0)))
    return (1 - share) * found + share * np.eye(len(found))


def _measure_gains(
    correlation: np.ndarray, margins: Sequence[Margin], labels: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """Compute how much more probable the other labels of a row make each label, in logarithms."""
    margins, labels = [margin.take(rows) for margin in margins], labels[rows]
    gains = np.full(labels.shape, np.nan)
    for some, tasks, belief in infer_clusters(correlation, margins, labels, n_sweeps=5):
        for j, k in enumerate(tasks):
            there = np.flatnonzero(np.isfinite(labels[some, k]))
            own, of_task = margins[k].take(some).take(there), labels[some, k][there]
            alone = own.condition(of_task, np.zeros(len(there)), np.ones(len(there)))
            joint = own.condition(of_task, *belief.of_others(j, there))
            gains[some.start + there, k] = joint.evidence - alone.evidence
    return gains


def _keep_certain(gains: np.ndarray) -> np.ndarray:
    """Return the mean gain of each task, or 0 if it may be chance.

    The gain of all tasks together must exceed twice its standard error, and that of the task once.
    """
    of_rows = np.nansum(gains, axis=1)[np.isfinite(gains).any(axis=1)]
    columns = [column[np.isfinite(column)] for column in gains.T]
    if not _exceeds(of_rows, 2):
        return np.zeros(len(columns))
    return np.array([column.mean() if _exceeds(column, 1) else 0.0 for column in columns])


def _exceeds(values: np.ndarray, times: float) -> bool:
    """Return whether the mean of values is positive by some times its standard error."""
    return len(values) > 1 and values.mean() > times * values.std(ddof=1) / np.sqrt(len(values))


def _draw_errors(
    correlation: np.ndarray, margins: Sequence[Margin], labels: np.ndarray
) -> np.ndarray:
    """Return the standardised errors of numbers; those of missing labels are drawn."""
    result = np.full(labels.shape, np.nan)
    rng = np.random.RandomState(0)
    for rows, tasks, belief in infer_clusters(correlation, margins, labels, n_sweeps=3):
        drawn = next(draw_latents(belief.mean, belief.covariance, rng))
        for k, latents in zip(tasks, drawn.T, strict=True):
            if isinstance(margin := margins[k], NumberMargin):
                result[rows, k] = margin.errors.from_normal(latents)
    return result
