"""Initial coefficients of the linear path: ridge regressions of the tasks with squared errors."""

from collections.abc import Sequence

import numpy as np
import torch
from scipy import sparse

from ..nn.inputs import clip_smoothly
from ..tasks import Task
from .scaling import NumberArray

# Penalties among which generalized cross-validation chooses.
_PENALTIES = (1e-2, 1e-1, 1e0, 1e1, 1e2, 1e3, 1e4)
# Greatest number of rows, and of numbers in them, from which a regression is learnt.
_MAX_ROWS, _MAX_NUMBERS = 50_000, 2**21


def learn_coefficients(
    numbers: NumberArray,
    targets: np.ndarray,
    weights: np.ndarray,
    tasks: Sequence[Task],
    task_weights: np.ndarray,
    clip_numbers: float | None = None,
    trained_on: np.ndarray | None = None,
    read_by: np.ndarray | None = None,
) -> np.ndarray | None:
    """Learn the initial coefficients of the linear path by ridge regression.

    This applies to tasks with `Task.fits_ridge`.

    Parameters
    ----------
    numbers : ndarray or CSR matrix of shape (n_rows, n_numbers)
        The standardised numbers, with the indicators of missing ones.
    targets, weights : ndarray of shape (n_rows, n_tasks)
        The encoded labels, and their weights, which are 0 for missing labels.
    tasks : sequence of Task
        The fitted tasks.
    task_weights : ndarray of shape (n_tasks,)
        Weights of the tasks in the loss. Nothing is learnt for a task with a weight of zero.
    clip_numbers : float or None, default=None
        Limit at which the network clips numbers, see `clip_smoothly`.
    trained_on : ndarray of bool of shape (n_members, n_rows), default=None
        Which rows each member is trained on; by default all rows for a single member.
    read_by : ndarray of bool of shape (n_members, n_numbers), default=None
        Which numbers each member reads; by default all members read all.

    Returns
    -------
    ndarray of shape (n_members, sum of n_outputs, n_numbers) or None
        Coefficients of the clipped numbers, without intercepts; zero for other tasks. None if all
        are zero: if no task with ``fits_ridge`` has a weight, if there are no numbers, or if
        they are sparse.
    """
    pairs = zip(tasks, task_weights, strict=True)
    is_fitted = [task.fits_ridge and weight > 0 for task, weight in pairs]
    if sparse.issparse(numbers) or not numbers.shape[1] or not any(is_fitted):
        return None
    if trained_on is None:
        trained_on = np.ones((1, len(numbers)), dtype=bool)
    most = max(1, min(_MAX_ROWS, _MAX_NUMBERS // numbers.shape[1]))
    ends = np.cumsum([task.n_outputs for task in tasks])
    coefficients = np.zeros((len(trained_on), ends[-1], numbers.shape[1]))
    positions = np.flatnonzero(is_fitted)
    # Tasks whose labels have the same weights, and so the same rows, share the matrices.
    _, alike = np.unique(weights[:, positions], axis=1, return_inverse=True)
    for number in range(alike.max() + 1):
        chosen = positions[alike == number]
        of_rows = weights[:, chosen[0]]
        rows = np.flatnonzero((of_rows > 0) & trained_on.any(axis=0))
        rows = rows[:: max(1, -(-len(rows) // most))]
        clipped = clip_smoothly(torch.as_tensor(numbers[rows], dtype=torch.float64), clip_numbers)
        given = targets[np.ix_(rows, chosen)], of_rows[rows]
        X, trained = clipped.numpy(), trained_on[:, rows]
        if read_by is None:
            found = _fit_members(X, *given, trained)
        else:
            found = np.zeros((len(chosen), len(trained), X.shape[1]))
            for member, read in enumerate(read_by):
                alone = _fit_members(X[:, read], *given, trained[[member]])
                found[:, member, read] = alone[:, 0]
        for position, of_task in zip(chosen, found, strict=True):
            outputs = slice(ends[position] - tasks[position].n_outputs, ends[position])
            coefficients[:, outputs] = of_task[:, None]
    return coefficients


def _fit_members(
    X: np.ndarray, Y: np.ndarray, weights: np.ndarray, trained_on: np.ndarray
) -> np.ndarray:
    """Compute the coefficients of each member from the sums of products over its rows.

    Most rows are common to all members, and are summed only once.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_numbers)
        The numbers.
    Y : ndarray of shape (n_rows, n_tasks)
        The targets of some tasks.
    weights : ndarray of shape (n_rows,)
        Weights of the labels, the same for these tasks.
    trained_on : ndarray of bool of shape (n_members, n_rows)
        Which rows each member is trained on.

    Returns
    -------
    ndarray of shape (n_tasks, n_members, n_numbers)
        The coefficients.
    """
    keys = np.array([hash(row.tobytes()) for row in X])
    # Then all rows are distinct, whatever the targets are.
    all_differ = len(np.unique(keys)) == len(keys)
    basis = None
    if len(X) < X.shape[1]:
        # Coefficients are linear combinations of the rows: with fewer rows than columns, the
        # problem has only as many unknowns as rows.
        basis = np.linalg.qr(X.T)[0]
        X = X @ basis
    n_numbers, n_tasks = X.shape[1], Y.shape[1]
    table = np.column_stack([np.ones(len(X)), X, Y])
    common = trained_on.all(axis=0)
    of_all = _sum_products(table[common], weights[common])
    coefficients = np.zeros((n_tasks, len(trained_on), n_numbers))
    for member, rows in enumerate(trained_on):
        if rows.any():
            apart = rows & ~common
            products = of_all + _sum_products(table[apart], weights[apart])
            n_distinct = (
                np.full(n_tasks, rows.sum())
                if all_differ
                else _count_distinct(keys[rows], Y[rows])
            )
            coefficients[:, member] = _fit_ridge(products, n_distinct)
    return coefficients if basis is None else coefficients @ basis.T


def _count_distinct(keys: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """Count the distinct rows, of their numbers and a target, for each of the targets.

    Parameters
    ----------
    keys : ndarray of int of shape (n_rows,)
        Keys of the numbers of the rows.
    Y : ndarray of shape (n_rows, n_targets)
        The targets.
    """
    return np.array([len(set(zip(keys.tolist(), y.tolist(), strict=True))) for y in Y.T])


def _sum_products(table: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Compute the weighted sums of products of any two columns."""
    return table.T @ (weights[:, None] * table)


def _fit_ridge(products: np.ndarray, n_distinct: np.ndarray) -> np.ndarray:
    """Compute the coefficients for the penalty with the least generalized cross-validation error.

    With this error [1]_, a row with a weight of 2 is equivalent to two rows with a weight of 1.
    The leave-one-out error of scikit-learn's ``RidgeCV`` does not have this property. The weights
    are scaled so that their sum is the number of distinct rows. So their unit does not matter, and
    a weight of 2 remains equivalent to two rows.

    Parameters
    ----------
    products : ndarray of shape (1 + n_numbers + n_tasks, 1 + n_numbers + n_tasks)
        Weighted sums of products of ones, the numbers and the targets.
    n_distinct : ndarray of int of shape (n_tasks,)
        Number of distinct rows, of numbers and a target.

    Returns
    -------
    ndarray of shape (n_tasks, n_numbers)
        The coefficients.

    References
    ----------
    .. [1] G. H. Golub, M. Heath, G. Wahba. "Generalized Cross-Validation as a Method for Choosing
           a Good Ridge Parameter". Technometrics 1979.
    """
    n_numbers = len(products) - 1 - len(n_distinct)
    means = products[0, 1:] / products[0, 0]
    centred = products[1:, 1:] / products[0, 0] - np.outer(means, means)
    squares, directions = np.linalg.eigh(centred[:n_numbers, :n_numbers])
    result = np.zeros((len(n_distinct), n_numbers))
    for task, n in enumerate(n_distinct.tolist()):
        target = centred[:, n_numbers + task] * n
        along, total = directions.T @ target[:n_numbers], target[n_numbers + task]
        found = _choose_penalty(n * squares.clip(min=0), along, total, n)
        result[task] = directions @ found
    return result


def _choose_penalty(squares: np.ndarray, along: np.ndarray, total: float, n: int) -> np.ndarray:
    """Compute the coefficients along the eigenvectors, for the penalty with the least error.

    Parameters
    ----------
    squares, along : ndarray of shape (n_numbers,)
        Eigenvalues of the products of the centred numbers, and the products of the numbers with
        the target along the eigenvectors.
    total : float
        Sum of squares of the centred target.
    n : int
        Number of distinct rows.
    """
    shares = 1 / (squares + np.array(_PENALTIES)[:, None])
    residuals = total - (shares * along * (2 * along - squares * shares * along)).sum(axis=1)
    n_free = n - 1 - (squares * shares).sum(axis=1)
    errors = np.full_like(residuals, np.inf)
    np.divide(residuals, n_free**2, out=errors, where=n_free > 0)
    # With two distinct rows all errors are equal except for rounding, which must not decide: among
    # equal errors, the highest penalty is chosen.
    least = errors.min()
    best = np.flatnonzero(errors <= least + 1e-9 * abs(least))[-1]
    return (shares * along)[best]
