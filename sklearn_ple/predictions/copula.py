"""The dependence of the tasks given the features: a Gaussian copula of their distributions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import block_diag

from .margins import Margin
from .propagation import draw_latents, find_slices, infer

# Number of rows from which correlations are learnt, and rounds in which they are.
_MOST_ROWS, _MOST_ROUNDS = 1000, 20
# Rounds end when no correlation changes by more.
_TOLERANCE = 5e-3
_LEAST_EIGENVALUE = 0.01


@dataclass(eq=False)
class Copula:
    """How the labels of a row depend on each other, given the features.

    Each label is a function of latent variables, see `Margin`, which together are normal. Their
    correlations are those of greatest posterior probability given labels of rows that the
    predictions were not learnt from, by expectation maximisation, which allows for missing labels
    [1]_. They are shrunk towards 0, as if there were two more rows for each latent variable in
    which all are independent.

    Attributes
    ----------
    correlation : ndarray of shape (n_latents, n_latents)
        The correlations; 0 between all tasks if no task gains.
    sizes : ndarray of int of shape (n_tasks,)
        Number of latent variables of each task; 0 if its labels cannot be drawn.
    gains : ndarray of shape (n_tasks,)
        How much more probable the other labels of a row make a label, as the mean difference of
        the logarithms; 0 if this may be chance. A task without a gain is predicted from the
        features alone.
    scores : ndarray of shape (n_rows, n_tasks)
        Values of the latent variables of numbers, from which joint intervals are found. NaN for
        other tasks. Those of missing labels are drawn.

    References
    ----------
    .. [1] Y. Zhao, M. Udell. "Missing Value Imputation for Mixed Data via Gaussian Copula".
           KDD 2020.
    """

    correlation: np.ndarray
    sizes: np.ndarray
    gains: np.ndarray
    scores: np.ndarray

    @classmethod
    def learn(cls, margins: Sequence[Margin], labels: np.ndarray, weights: np.ndarray) -> Copula:
        """Learn the correlations, and by two halves of the rows whose tasks gain by them.

        Parameters
        ----------
        margins : sequence of Margin
            The predictive distributions of the tasks in rows that they were not learnt from.
        labels : ndarray of shape (n_rows, n_tasks)
            Positions of classes, or numbers; NaN where a label is missing.
        weights : ndarray of shape (n_rows, n_tasks)
            Weights of the labels.

        Returns
        -------
        Copula
            What was learnt.
        """
        usable = [margin.n_latents > 0 for margin in margins]
        labels = np.where(usable, labels, np.nan)
        several = np.flatnonzero(np.isfinite(labels).sum(axis=1) > 1)
        rows = several[:: max(1, -(-len(several) // _MOST_ROWS))]
        start = np.eye(sum(margin.n_latents for margin in margins))
        gains = np.full(labels.shape, np.nan)
        if len(rows) > 1:
            halves, found = (rows[::2], rows[1::2]), []
            for learnt, scored in (halves, halves[::-1]):
                found.append(_maximise(start, margins, labels, weights, learnt))
                gains[scored] = _measure_gains(found[-1], margins, labels, scored)
            start = _maximise(np.mean(found, axis=0), margins, labels, weights, rows)
        certain = _keep_certain(gains)
        if not certain.any():
            start = np.eye(len(start))
        sizes = np.array([margin.n_latents for margin in margins])
        return cls(start, sizes, certain, _draw_scores(start, margins, labels))

    def keep(self, earlier: Copula) -> Copula:
        """Return what was learnt earlier of the first tasks, with new tasks that are independent.

        The rows of the new tasks are others, so that nothing is known of their dependence.
        """
        n_tasks = len(earlier.sizes)
        n_new = int(self.sizes[n_tasks:].sum())
        of_new = self.correlation[len(self.correlation) - n_new :, len(self.correlation) - n_new :]
        n_rows = max(len(earlier.scores), len(self.scores))
        columns = [*earlier.scores.T, *self.scores.T[n_tasks:]]
        return Copula(
            block_diag(earlier.correlation, of_new),
            np.concatenate([earlier.sizes, self.sizes[n_tasks:]]),
            np.concatenate([earlier.gains, self.gains[n_tasks:]]),
            np.column_stack([np.resize(column, n_rows) for column in columns]),
        )

    def summarise(self) -> np.ndarray:
        """Return how strongly each two tasks go together, of shape (n_tasks, n_tasks).

        Returns
        -------
        ndarray
            The correlation of their latent variables. With a task of several classes without an
            order it is the greatest correlation of weighted sums of the latent variables, which
            has no sign. NaN for tasks without latent variables.
        """
        ends = np.cumsum(self.sizes)
        parts = [slice(end - size, end) for end, size in zip(ends, self.sizes, strict=True)]
        result = np.full((len(parts), len(parts)), np.nan)
        for i, rows in enumerate(parts):
            for j, columns in enumerate(parts):
                block = self.correlation[rows, columns]
                if block.shape == (1, 1):
                    result[i, j] = block[0, 0]
                elif block.size:
                    result[i, j] = np.linalg.norm(block, 2)
        return result


def _maximise(
    start: np.ndarray,
    margins: Sequence[Margin],
    labels: np.ndarray,
    weights: np.ndarray,
    rows: np.ndarray,
) -> np.ndarray:
    """Learn the correlations from some rows, by expectation maximisation."""
    correlation, margins = start, [margin.take(rows) for margin in margins]
    labels, known = labels[rows], np.isfinite(labels[rows])
    of_rows = (weights[rows] * known).sum(axis=1) / known.sum(axis=1)
    of_rows = of_rows / of_rows.mean()
    n_more = 2 * len(start)
    sites = None
    for _ in range(_MOST_ROUNDS):
        belief, sites = infer(correlation, margins, labels, sites, 1 if sites else 3)
        second = (belief.mean * of_rows[:, np.newaxis]).T @ belief.mean
        second += np.tensordot(of_rows, belief.covariance, 1) + n_more * np.eye(len(start))
        before, correlation = correlation, _to_correlation(second, margins)
        if np.abs(correlation - before).max() < _TOLERANCE:
            break
    return correlation


def _to_correlation(second: np.ndarray, margins: Sequence[Margin]) -> np.ndarray:
    """Divide moments by standard deviations; the latent variables of a task are independent."""
    root = np.sqrt(np.diag(second))
    found = second / root / root[:, np.newaxis]
    for part in find_slices(margins):
        found[part, part] = np.eye(part.stop - part.start)
    least = np.linalg.eigvalsh(found)[0] if len(found) else 1.0
    share = max(0.0, (_LEAST_EIGENVALUE - least) / (1 - min(least, 0.0)))
    return (1 - share) * found + share * np.eye(len(found))


def _measure_gains(
    correlation: np.ndarray, margins: Sequence[Margin], labels: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """Compute how much more probable the other labels of a row make each label, in logarithms."""
    margins, labels = [margin.take(rows) for margin in margins], labels[rows]
    belief, _ = infer(correlation, margins, labels, n_sweeps=5)
    gains = np.full(labels.shape, np.nan)
    for k, margin in enumerate(margins):
        there = np.flatnonzero(np.isfinite(labels[:, k]))
        own, (mean, covariance) = margin.take(there), (part[there] for part in belief.others[k])
        untold = np.zeros_like(mean), np.broadcast_to(np.eye(mean.shape[1]), covariance.shape)
        informed = own.rate(labels[there, k], mean, covariance)
        gains[there, k] = informed - own.rate(labels[there, k], *untold)
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


def _draw_scores(
    correlation: np.ndarray, margins: Sequence[Margin], labels: np.ndarray
) -> np.ndarray:
    """Return the latent variables of numbers; those of missing labels are drawn."""
    scores = np.full(labels.shape, np.nan)
    if not any(margin.is_number for margin in margins):
        return scores
    belief, _ = infer(correlation, margins, labels, n_sweeps=3)
    drawn = draw_latents(belief.mean, belief.covariance, np.random.RandomState(0))
    for k, (margin, part) in enumerate(zip(margins, find_slices(margins), strict=True)):
        if margin.is_number and margin.n_latents:
            scores[:, k] = drawn[:, part.start]
    return scores
