"""The screening of columns of numbers, where there are many columns for few rows."""

from collections.abc import Sequence

import numpy as np
from scipy import stats
from sklearn.utils import gen_batches

from ..tasks import Task
from .bins import count_classes, standardise_labels

# Each member reads at least this many columns, and one for each three rows it is trained on.
_LEAST_READ, _ROWS_PER_COLUMN = 64, 3
# The rate of false discoveries among significant columns. All columns are read if more than the
# second share of them are significant.
_FALSE_DISCOVERIES, _MOST_SIGNIFICANT = 0.1, 0.5
# Greatest number of numbers that are copied to float64 at once.
_BLOCK_SIZE = 2**21


def screen_columns(
    numbers: np.ndarray,
    owners: np.ndarray,
    targets: np.ndarray,
    weights: np.ndarray,
    tasks: Sequence[Task],
    trained_on: np.ndarray | None = None,
) -> np.ndarray | None:
    """Choose the columns that each member reads: those with the highest correlation with a task.

    Where columns are many and rows are few, a network fits noise. So each member reads as many
    columns as a third of the number of rows that it is trained on, but at least 64, and all that
    are significantly correlated with some task. If more than half of the columns are, all columns
    are read.

    The correlation is that with the numbers of a task, or with the indicator of a class. The tests
    of all columns and tasks together have a false discovery rate of a tenth [1]_. A column whose
    effect shows only together with another column may be left out. Members differ in the rows that
    they are trained on, and so in their columns: the labels of the rows that validate a member
    have no influence on what it reads.

    Parameters
    ----------
    numbers : ndarray of shape (n_rows, n_numbers)
        The standardised numbers, with the indicators of missing ones.
    owners : ndarray of int of shape (n_numbers,)
        The column of each number, from 0. An indicator of missing ones belongs to its column.
    targets, weights : ndarray of shape (n_rows, n_tasks)
        The encoded labels, and their weights, which are 0 for missing labels.
    tasks : sequence of Task
        The fitted tasks.
    trained_on : ndarray of bool of shape (n_members, n_rows), default=None
        Which rows each member is trained on; by default all rows for a single member.

    Returns
    -------
    ndarray of bool of shape (n_members, n_columns) or None
        Which columns each member reads; None if all members read all.

    References
    ----------
    .. [1] Y. Benjamini, Y. Hochberg. "Controlling the False Discovery Rate: A Practical and
           Powerful Approach to Multiple Testing". Journal of the Royal Statistical Society B 57,
           1995.
    """
    n_columns = owners.max(initial=-1) + 1
    if trained_on is None:
        trained_on = np.ones((1, len(numbers)), dtype=bool)
    least = np.maximum(trained_on.sum(axis=1) // _ROWS_PER_COLUMN, _LEAST_READ)
    if least.min() >= n_columns:
        return None
    significant, ranks = np.zeros((2, len(trained_on), n_columns))
    for member, rows in enumerate(trained_on):
        p_values = compute_p_values(numbers[rows], targets[rows], weights[rows], tasks)
        rates = stats.false_discovery_control(p_values.ravel()).reshape(p_values.shape)
        significant[member, owners[rates.min(axis=0) <= _FALSE_DISCOVERIES]] = True
        of_columns = np.ones(n_columns)
        np.minimum.at(of_columns, owners, p_values.min(axis=0))
        ranks[member] = stats.rankdata(of_columns, "ordinal")
    if significant.mean() > _MOST_SIGNIFICANT:
        return None
    return (significant > 0) | (ranks <= least[:, None])


def compute_p_values(
    numbers: np.ndarray, targets: np.ndarray, weights: np.ndarray, tasks: Sequence[Task]
) -> np.ndarray:
    """Test whether numbers and labels are correlated, by the t-test of Pearson's correlation.

    Parameters
    ----------
    numbers : ndarray of shape (n_rows, n_numbers)
        The numbers.
    targets, weights : ndarray of shape (n_rows, n_tasks)
        The encoded labels, and their weights, which are 0 for missing labels.
    tasks : sequence of Task
        The fitted tasks.

    Returns
    -------
    ndarray of shape (n_outputs, n_numbers)
        The p-values, for the numbers of each task and for the indicators of all its classes but
        the first; 1 where a correlation is undefined.
    """
    n_classes = count_classes(tasks)
    outputs = standardise_labels(targets, weights, n_classes)
    weights = weights.repeat([max(1, n - 1) for n in n_classes], axis=1)
    total = np.maximum(weights.sum(axis=0), np.finfo(np.float64).tiny)
    shares = (weights / total).T
    # Rows with unequal weights count as fewer rows.
    n_free = 1 / np.maximum((shares**2).sum(axis=1), np.finfo(np.float64).tiny) - 2
    correlations = np.zeros((outputs.shape[1], numbers.shape[1]))
    for columns in gen_batches(numbers.shape[1], max(1, _BLOCK_SIZE // len(numbers))):
        block = numbers[:, columns].astype(np.float64)
        variances = np.maximum(shares @ block**2 - (shares @ block) ** 2, 0.0)
        products = (shares * outputs.T) @ block
        varies = variances > 1e-12
        np.divide(products, np.sqrt(variances), out=correlations[:, columns], where=varies)
    correlations = np.clip(correlations, -1.0, 1.0)
    tested = n_free > 0
    with np.errstate(divide="ignore"):
        ratios = np.abs(correlations) / np.sqrt(1 - correlations**2)
    p_values = np.ones(correlations.shape)
    sizes = n_free[tested, None]
    p_values[tested] = 2 * stats.t.sf(ratios[tested] * np.sqrt(sizes), sizes)
    return p_values
