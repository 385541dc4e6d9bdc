"""The edges of bins, for embeddings of numbers: where targets change, and where values are."""

from collections.abc import Sequence

import numpy as np
from sklearn.tree import DecisionTreeRegressor

from ..tasks import Task

# From more rows, or more rows times targets, a sample is drawn, which is as good.
_MAX_ROWS = 50_000
_MAX_TARGETS = 10_000_000

# Each leaf of a tree has at least this share of the rows.
_LEAST_SHARE = 0.002


def learn_edges(
    numbers: np.ndarray,
    targets: np.ndarray,
    weights: np.ndarray,
    n_classes: Sequence[int],
    n_bins: int,
) -> list[np.ndarray]:
    """Cut each column into bins, with a small tree and with quantiles of its distinct values.

    A decision tree on the column alone finds about half of the cuts, those that separate the
    targets best. The other cuts are spread evenly over the *distinct* values: if many rows share a
    value, quantiles of all rows would put all other values into a single bin. A column with no
    more distinct values than bins has a bin for each value.

    Parameters
    ----------
    numbers : ndarray of shape (n_rows, n_columns)
        The columns, without missing values.
    targets : ndarray of shape (n_rows, n_tasks)
        The labels: positions of classes, or numbers. They are ignored if their weight is zero.
    weights : ndarray of shape (n_rows, n_tasks)
        Sample weights, zero for missing labels. Rows without any label are used only for the
        quantiles.
    n_classes : sequence of int
        Number of classes of each task; 0 for a task with numbers.
    n_bins : int
        Greatest number of bins of a column, at least 2.

    Returns
    -------
    list of ndarray of shape (n_edges,)
        Edges of each column in float32, strictly ascending from its least to its greatest value. A
        constant column has one bin of width 1.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ple.encoding.bins import learn_edges
    >>> x = np.array([[0.0, 5.0], [1.0, 5.0], [1.0, 5.0], [2.0, 5.0]])
    >>> learn_edges(x, x[:, :1], np.ones((4, 1)), n_classes=[0], n_bins=8)
    [array([0. , 0.5, 1.5, 2. ], dtype=float32), array([5., 6.], dtype=float32)]
    """
    least, greatest = numbers.min(axis=0), numbers.max(axis=0)
    n_outputs = sum(max(1, n - 1) for n in n_classes)
    n_rows = min(_MAX_ROWS, max(1, _MAX_TARGETS // n_outputs))
    if n_rows < len(numbers):
        rows = np.sort(np.random.default_rng(0).choice(len(numbers), n_rows, replace=False))
        numbers, targets, weights = numbers[rows], targets[rows], weights[rows]
    outputs = standardise_labels(targets, weights, n_classes)
    row_weights = weights.mean(axis=1)
    return [
        _cut_column(np.append(column, extremes).astype(np.float32), outputs, row_weights, n_bins)
        for column, extremes in zip(numbers.T, zip(least, greatest, strict=True), strict=True)
    ]


def count_classes(tasks: Sequence[Task]) -> list[int]:
    """Return the number of classes of each task; 0 for a task with numbers."""
    return [len(task.classes) if task.has_classes else 0 for task in tasks]


def standardise_labels(
    targets: np.ndarray, weights: np.ndarray, n_classes: Sequence[int]
) -> np.ndarray:
    """Standardise numbers, and indicators of all classes but the first; 0 for missing labels."""
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


def cut_evenly(values: np.ndarray, n_bins: int) -> np.ndarray:
    """Cut a column by quantiles of its distinct values alone; see `learn_edges`."""
    ends = [values.min(), values.max()]
    without = np.zeros((len(values), 1))
    return _cut_column(np.append(values, ends).astype(np.float32), without, without[:, 0], n_bins)


def _cut_column(
    values: np.ndarray, outputs: np.ndarray, row_weights: np.ndarray, n_bins: int
) -> np.ndarray:
    """Cut a column; its last two values, without rows, are the least and the greatest."""
    distinct, ranks = np.unique(values, return_inverse=True)
    if len(distinct) == 1:
        return np.array([distinct[0], distinct[0] + max(1.0, np.spacing(np.abs(distinct[0])))])
    # Cut k is between the distinct values k - 1 and k.
    found = _find_tree_cuts(ranks[:-2], outputs, row_weights, n_bins)
    others = np.setdiff1d(np.arange(1, len(distinct)), found)
    n_others = min(n_bins - 1 - len(found), len(others))
    evenly = np.arange(1, n_others + 1) * len(others) // (n_others + 1)
    cuts = np.union1d(found, others[evenly])
    below, above = distinct[cuts - 1], distinct[cuts]
    middle = (below / 2 + above / 2).astype(np.float32)
    # Between adjacent numbers of float32 there is no other number.
    middle = np.where(middle > below, middle, above)
    return np.unique(np.concatenate([distinct[:1], middle, distinct[-1:]]))


def _find_tree_cuts(
    ranks: np.ndarray, outputs: np.ndarray, row_weights: np.ndarray, n_bins: int
) -> np.ndarray:
    """Find the cuts between ranks that separate the outputs best; all have the same weight."""
    if not row_weights.any():
        return np.empty(0, dtype=np.int64)
    tree = DecisionTreeRegressor(
        max_leaf_nodes=max(2, n_bins // 2),
        min_weight_fraction_leaf=_LEAST_SHARE,
        random_state=0,
    )
    X = ranks[:, None].astype(np.float32)
    # To check what is known to be valid takes as long as the tree.
    tree = tree.fit(X, outputs, sample_weight=row_weights, check_input=False).tree_
    thresholds = tree.threshold[tree.children_left >= 0]
    return np.unique(np.floor(thresholds).astype(np.int64) + 1)
