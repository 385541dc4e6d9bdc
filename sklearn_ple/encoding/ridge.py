"""Where the linear path starts: ridge regressions of numbers learnt by squared error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from scipy import sparse

from ..nn.tabular import smooth_clip
from ..tasks import Task

# Penalties to choose from by generalized cross-validation.
_PENALTIES = (1e1, 1e2, 1e3, 1e4)
# The most rows and numbers that a regression is learnt from.
_MAX_ROWS, _MAX_NUMBERS = 50_000, 2**21


def ridge_start(
    numbers: Any,
    targets: np.ndarray,
    weights: np.ndarray,
    tasks: Sequence[Task],
    task_weights: np.ndarray,
    clip_numbers: float | None = None,
    trained_on: np.ndarray | None = None,
) -> np.ndarray | None:
    """Learn linear functions of the numbers that predict the tasks which start by them.

    Parameters
    ----------
    numbers : ndarray or CSR matrix of shape (n_rows, n_numbers)
        The standardised numbers, with the indicators of missing ones.
    targets, weights : ndarray of shape (n_rows, n_tasks)
        The encoded labels, and their weights, 0 where there is none.
    tasks : sequence of Task
        The fitted tasks.
    task_weights : ndarray of shape (n_tasks,)
        The tasks' weights in the loss; one without weight learns nothing here either.
    clip_numbers : float or None, default=None
        Where the network clips its numbers.
    trained_on : ndarray of bool of shape (n_members, n_rows), default=None
        Which rows each member learns from; one member that learns from all by default.

    Returns
    -------
    ndarray of shape (n_members, sum of n_outputs, n_numbers) or None
        The coefficients of the numbers as the network reads them, without intercepts; zero for
        other tasks. None if all are zero: where no such task has a weight, and where there are no
        numbers, or they are sparse.
    """
    counts = zip(tasks, task_weights, strict=True)
    starts = [task.linear_start and weight > 0 for task, weight in counts]
    if sparse.issparse(numbers) or not numbers.shape[1] or not any(starts):
        return None
    if trained_on is None:
        trained_on = np.ones((1, len(numbers)), dtype=bool)
    most = max(1, min(_MAX_ROWS, _MAX_NUMBERS // numbers.shape[1]))
    ends = np.cumsum([task.n_outputs for task in tasks])
    coefficients = np.zeros((len(trained_on), ends[-1], numbers.shape[1]))
    for position in np.flatnonzero(starts).tolist():
        rows = np.flatnonzero((weights[:, position] > 0) & trained_on.any(axis=0))
        rows = rows[:: max(1, -(-len(rows) // most))]
        read = smooth_clip(torch.as_tensor(numbers[rows], dtype=torch.float64), clip_numbers)
        outputs = slice(ends[position] - tasks[position].n_outputs, ends[position])
        coefficients[:, outputs] = _ridges(
            read.numpy(), targets[rows, position], weights[rows, position], trained_on[:, rows]
        )[:, None]
    return coefficients


def _ridges(
    X: np.ndarray, y: np.ndarray, weights: np.ndarray, trained_on: np.ndarray
) -> np.ndarray:
    """Compute the coefficients of each member, from the sums of products over its rows.

    What members have in common, most of the rows, is summed once.
    """
    alike = np.array([hash(row.tobytes()) for row in np.column_stack([X, y])])
    basis = None
    if len(X) < X.shape[1]:
        # The coefficients are a combination of the rows: there are no more of them to find.
        basis = np.linalg.qr(X.T)[0]
        X = X @ basis
    table = np.column_stack([np.ones(len(X)), X, y])
    common = trained_on.all(axis=0)
    of_all = _products(table[common], weights[common])
    coefficients = np.zeros((len(trained_on), X.shape[1]))
    for member, rows in enumerate(trained_on):
        if rows.any():
            own = rows & ~common
            products = of_all + _products(table[own], weights[own])
            coefficients[member] = _ridge(products, len(np.unique(alike[rows])))
    return coefficients if basis is None else coefficients @ basis.T


def _products(table: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Sum the products of any two columns, weighted."""
    return table.T @ (weights[:, None] * table)


def _ridge(products: np.ndarray, n_distinct: int) -> np.ndarray:
    """Compute the coefficients for the penalty of least generalized cross-validation error.

    The error is that of Golub, Heath and Wahba (Technometrics 1979), for which a row of weight two
    is the same as two rows; it is not for the leave-one-out error of scikit-learn's ``RidgeCV``.
    The weights are scaled so that they sum up to the number of distinct rows: they may be of any
    size, and still two is the same as twice.

    Parameters
    ----------
    products : ndarray of shape (2 + n_numbers, 2 + n_numbers)
        The weighted sums of products of ones, the numbers and the target.
    n_distinct : int
        Number of distinct rows.
    """
    products = products * (n_distinct / products[0, 0])
    sums = products[0, 1:]
    centred = products[1:, 1:] - np.outer(sums, sums) / n_distinct
    squares, directions = np.linalg.eigh(centred[:-1, :-1])
    squares = squares.clip(min=0)
    along, total = directions.T @ centred[:-1, -1], centred[-1, -1]
    shares = 1 / (squares + np.array(_PENALTIES)[:, None])
    residuals = total - (shares * along * (2 * along - squares * shares * along)).sum(axis=1)
    n_free = n_distinct - 1 - (squares * shares).sum(axis=1)
    errors = np.full_like(residuals, np.inf)
    np.divide(residuals, n_free**2, out=errors, where=n_free > 0)
    # Of two distinct rows all errors are equal but for rounding, which must not choose: of equal
    # ones the highest penalty is taken.
    least = errors.min()
    best = np.flatnonzero(errors <= least + 1e-9 * abs(least))[-1]
    return directions @ (shares * along)[best]
