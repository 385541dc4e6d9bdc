"""Clusters of tasks that depend on each other, so that many tasks cost as much as some do."""

from collections.abc import Sequence

import numpy as np
from scipy.cluster.hierarchy import DisjointSet
from scipy.sparse.csgraph import connected_components

# Up to this many tasks may all depend on each other: time grows with the square of the number.
_MOST_TASKS = 64


def choose_clusters(surprises: Sequence[np.ndarray], most: int = _MOST_TASKS) -> list[np.ndarray]:
    """Divide tasks into clusters, such that tasks of the same one depend most on each other.

    Clusters are joined in the order of their closest tasks (single linkage), unless together they
    have too many.

    Parameters
    ----------
    surprises : sequence of ndarray of shape (n_rows, n_columns)
        How the labels of each task differ from what was predicted; 0 where one is missing.
    most : int
        Greatest number of tasks of a cluster.

    Returns
    -------
    list of ndarray of int
        The positions of the tasks of each cluster, in ascending order.
    """
    n_tasks = len(surprises)
    if n_tasks <= most:
        return [np.arange(n_tasks)]
    strengths = _measure_strengths(surprises)
    # More partners than this do not fit into the cluster of a task.
    partners = np.argsort(-strengths, axis=1, kind="stable")[:, :most].ravel()
    tasks = np.repeat(np.arange(n_tasks), most)
    order = np.argsort(-strengths[tasks, partners], kind="stable")
    order = order[strengths[tasks, partners][order] > 0]
    found = DisjointSet(range(n_tasks))
    for pair in zip(tasks[order].tolist(), partners[order].tolist(), strict=True):
        if not found.connected(*pair) and sum(map(found.subset_size, pair)) <= most:
            found.merge(*pair)
    return [np.array(sorted(tasks)) for tasks in found.subsets()]


def _measure_strengths(surprises: Sequence[np.ndarray]) -> np.ndarray:
    """Return the greatest correlation, in size, of columns of each two tasks, 0 for itself."""
    columns = np.hstack(surprises)
    columns = columns / np.maximum(np.linalg.norm(columns, axis=0), 1e-9)
    ends = np.cumsum([part.shape[1] for part in surprises])
    starts = np.concatenate([[0], ends[:-1]])
    # Task by task, since classes may have many columns.
    strengths = [
        np.maximum.reduceat(np.abs(columns[:, start:end].T @ columns).max(axis=0), starts)
        for start, end in zip(starts, ends, strict=True)
    ]
    result = np.vstack(strengths)
    np.fill_diagonal(result, 0.0)
    return result


def find_clusters(correlation: np.ndarray) -> list[np.ndarray]:
    """Return the positions of tasks that are linked by correlations, for each such cluster."""
    _, numbers = connected_components(correlation != 0, directed=False)
    order = np.argsort(numbers, kind="stable")
    return np.split(order, np.cumsum(np.bincount(numbers))[:-1])
