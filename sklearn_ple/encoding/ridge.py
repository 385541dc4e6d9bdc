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

    Returns
    -------
    ndarray of shape (sum of n_outputs, n_numbers) or None
        The coefficients of the numbers as the network reads them, without intercepts; zero for
        other tasks. None if all are zero: where no such task has a weight, and where there are no
        numbers, or they are sparse.
    """
    counts = zip(tasks, task_weights, strict=True)
    starts = [task.linear_start and weight > 0 for task, weight in counts]
    if sparse.issparse(numbers) or not numbers.shape[1] or not any(starts):
        return None
    most = max(1, min(_MAX_ROWS, _MAX_NUMBERS // numbers.shape[1]))
    coefficients = [np.zeros((task.n_outputs, numbers.shape[1])) for task in tasks]
    for position in np.flatnonzero(starts):
        rows = np.flatnonzero(weights[:, position])
        if len(rows) < 2:
            continue
        rows = rows[:: -(-len(rows) // most)]
        read = smooth_clip(torch.as_tensor(numbers[rows], dtype=torch.float64), clip_numbers)
        X, y = read.numpy(), targets[rows, position]
        coefficients[position][:] = _ridge(X, y, _counts(X, y, weights[rows, position]))
    return np.concatenate(coefficients)


def _counts(X: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Scale weights so that they sum up to the number of distinct rows.

    The penalties are for weights of 1. So they suit weights of any size, and a row of weight two
    is the same as two rows still.
    """
    n_distinct = len({row.tobytes() for row in np.column_stack([X, y])})
    return weights * (n_distinct / weights.sum())


def _ridge(X: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Compute the coefficients for the penalty of least generalized cross-validation error.

    The error is that of Golub, Heath and Wahba (Technometrics 1979), for which a row of weight two
    is the same as two rows; it is not for the leave-one-out error of scikit-learn's ``RidgeCV``.
    """
    X, y = (part - np.average(part, axis=0, weights=weights) for part in (X, y))
    roots = np.sqrt(weights)
    left, singular, right = np.linalg.svd(roots[:, None] * X, full_matrices=False)
    along = left.T @ (roots * y)
    rest = (roots * y) @ (roots * y) - along @ along
    shrunk = np.array([singular**2 / (singular**2 + penalty) for penalty in _PENALTIES])
    residuals = rest + ((1 - shrunk) ** 2) @ along**2
    n_free = weights.sum() - 1 - shrunk.sum(axis=1)
    errors = np.where(n_free > 0, residuals / n_free**2, np.inf)
    best = int(np.argmin(errors))
    return right.T @ (along * singular / (singular**2 + _PENALTIES[best]))
