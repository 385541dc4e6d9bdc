"""Edges of the bins that numbers are embedded by: where targets change, and where values are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.tree import DecisionTreeRegressor

# With more rows, or with more targets times rows, a sample is as good.
_MAX_ROWS = 50_000
_MAX_TARGETS = 10_000_000

# A tree's leaf has at least this share of the rows.
_LEAST_SHARE = 0.002


def learn_edges(
    numbers: np.ndarray,
    targets: np.ndarray,
    weights: np.ndarray,
    n_classes: Sequence[int],
    n_bins: int,
) -> list[np.ndarray]:
    """Cut every column into bins, by a small tree and by quantiles of its distinct values.

    A tree on the column alone finds about half of the cuts, those which separate the targets best.
    The others lie evenly over the *distinct* values: where many rows share one value, quantiles
    of all rows would leave the rest in a single bin. A column of no more distinct values than bins
    gets a bin for each.

    Parameters
    ----------
    numbers : ndarray of shape (n_rows, n_columns)
        The columns, without missing values.
    targets : ndarray of shape (n_rows, n_tasks)
        Positions of classes, or numbers; anything where the weight is zero.
    weights : ndarray of shape (n_rows, n_tasks)
        Sample weights, zero where there is no label. Rows without any label count for the
        quantiles alone.
    n_classes : sequence of int
        Number of classes of each task, 0 for a number.
    n_bins : int
        The most bins that a column may have, at least 2.

    Returns
    -------
    list of ndarray of shape (n_edges,)
        Each column's edges in float32, strictly ascending from its least value to its greatest.
        A constant column has one bin, of width 1.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ple.encoding.bins import learn_edges
    >>> numbers = np.array([[0.0, 5.0], [1.0, 5.0], [1.0, 5.0], [2.0, 5.0]])
    >>> learn_edges(numbers, numbers[:, :1], np.ones((4, 1)), n_classes=[0], n_bins=8)
    [array([0. , 0.5, 1.5, 2. ], dtype=float32), array([5., 6.], dtype=float32)]
    """
    least, greatest = numbers.min(axis=0), numbers.max(axis=0)
    n_outputs = sum(max(1, n - 1) for n in n_classes)
    n_rows = min(_MAX_ROWS, max(1, _MAX_TARGETS // n_outputs))
    if n_rows < len(numbers):
        rows = np.sort(np.random.default_rng(0).choice(len(numbers), n_rows, replace=False))
        numbers, targets, weights = numbers[rows], targets[rows], weights[rows]
    outputs = _standardised(targets, weights, n_classes)
    row_weights = weights.mean(axis=1)
    return [
        _column_edges(np.append(column, extremes).astype(np.float32), outputs, row_weights, n_bins)
        for column, extremes in zip(numbers.T, zip(least, greatest, strict=True), strict=True)
    ]


def _standardised(
    targets: np.ndarray, weights: np.ndarray, n_classes: Sequence[int]
) -> np.ndarray:
    """Make one output of each number and of each class but the first; 0 without a label."""
    outputs = []
    for target, weight, n in zip(targets.T, weights.T, n_classes, strict=True):
        seen = weight > 0
        values = target[:, None] == np.arange(1, n) if n else target[:, None]
        values = np.where(seen[:, None], values, 0.0)
        # A sample may have no label of a rare task.
        total = weight.sum() or 1.0
        values = np.where(seen[:, None], values - weight @ values / total, 0.0)
        deviation = np.sqrt(weight @ values**2 / total)
        outputs.append(values / np.where(deviation > 0, deviation, 1.0))
    return np.hstack(outputs)


def _column_edges(
    values: np.ndarray, outputs: np.ndarray, row_weights: np.ndarray, n_bins: int
) -> np.ndarray:
    """Cut one column, whose two last values are the least and the greatest, of rows unknown."""
    distinct, ranks = np.unique(values, return_inverse=True)
    if len(distinct) == 1:
        return np.array([distinct[0], distinct[0] + max(1.0, np.spacing(np.abs(distinct[0])))])
    # Cut k is between the distinct values k - 1 and k.
    found = _tree_cuts(ranks[:-2], outputs, row_weights, n_bins)
    others = np.setdiff1d(np.arange(1, len(distinct)), found)
    n_others = min(n_bins - 1 - len(found), len(others))
    evenly = np.arange(1, n_others + 1) * len(others) // (n_others + 1)
    cuts = np.union1d(found, others[evenly])
    below, above = distinct[cuts - 1], distinct[cuts]
    middle = (below / 2 + above / 2).astype(np.float32)
    # Between neighbours in float32 there is no middle.
    middle = np.where(middle > below, middle, above)
    return np.unique(np.concatenate([distinct[:1], middle, distinct[-1:]]))


def _tree_cuts(
    ranks: np.ndarray, outputs: np.ndarray, row_weights: np.ndarray, n_bins: int
) -> np.ndarray:
    """Find the cuts between ranks that separate the outputs best, all outputs alike."""
    tree = DecisionTreeRegressor(
        max_leaf_nodes=max(2, n_bins // 2),
        min_weight_fraction_leaf=_LEAST_SHARE,
        random_state=0,
    )
    tree = tree.fit(ranks[:, None].astype(np.float32), outputs, sample_weight=row_weights).tree_
    thresholds = tree.threshold[tree.children_left >= 0]
    return np.unique(np.floor(thresholds).astype(np.int64) + 1)
