"""The weights of labels: sample weights and class weights."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from sklearn import config_context
from sklearn.utils import check_array

from .frames import refuse_unread
from .labels import Labels, as_frame


def find_label_weights(
    sample_weight: ArrayLike | None, labels: Sequence[Labels], *, may_be_zero: bool = False
) -> np.ndarray:
    """Return the sample weight of each label.

    Parameters
    ----------
    sample_weight : None or array-like of shape (n_rows,) or (n_rows, n_tasks)
        Weights of rows, or of labels.
    labels : sequence of Labels
        The columns of y.
    may_be_zero : bool, default=False
        Whether all weights may be zero, which is possible for some rows of a larger table.

    Returns
    -------
    ndarray of shape (n_rows, n_tasks)
        The weights, zero for missing labels.

    Raises
    ------
    ValueError
        If the weights are invalid, see `read_weights`, or if all of them are zero.
    """
    mask = np.column_stack([column.mask for column in labels]).astype(np.float64)
    if sample_weight is None:
        return mask
    weights = read_weights(sample_weight, len(mask), [column.name for column in labels])
    if not may_be_zero and not weights.any():
        raise ValueError("All of sample_weight is zero: at least one weight must be positive.")
    return mask * weights


def read_weights(sample_weight: ArrayLike, n_rows: int, names: Sequence[str]) -> np.ndarray:
    """Check the sample weights of rows or of labels.

    Parameters
    ----------
    sample_weight : array-like of shape (n_rows,) or (n_rows, n_tasks)
        Weights of rows, or of labels. A data frame whose columns have the names of the tasks may
        have them in any order.
    n_rows : int
        Number of rows.
    names : sequence of str
        Names of the tasks.

    Returns
    -------
    ndarray of shape (n_rows, n_tasks)
        The weights of all labels, including missing ones. The array is read-only.

    Raises
    ------
    ValueError
        If the weights are negative, missing or infinite, if their shape is wrong, or if only some
        columns have the names of tasks.
    """
    if np.ma.is_masked(sample_weight):
        raise ValueError("sample_weight is masked in places: fill them, for example with 0.")
    sample_weight = _order_columns(sample_weight, names)
    try:
        with config_context(assume_finite=False):
            weights = check_array(
                sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight"
            )
    except (TypeError, ValueError, OverflowError) as error:
        if "sample_weight" in str(error):
            raise
        raise ValueError(f"sample_weight must hold numbers, 0 or more: {error}") from error
    of_rows, of_labels = (n_rows,), (n_rows, len(names))
    if weights.shape not in (of_rows, of_labels):
        raise ValueError(
            f"sample_weight has shape {weights.shape}; it must be {of_rows}, one weight per row, "
            f"or {of_labels}, one weight per label."
        )
    if weights.min(initial=0.0) < 0:
        raise ValueError(
            "Negative values in data passed to `sample_weight`: weights must be 0 or more."
        )
    return np.broadcast_to(weights if weights.ndim == 2 else weights[:, None], of_labels)


def _order_columns(sample_weight: ArrayLike, names: Sequence[str]) -> ArrayLike:
    """Put the columns of a data frame in the order of the tasks, if they have their names."""
    refuse_unread(sample_weight)
    # The weights of rows are a series, whose name does not matter.
    if not hasattr(sample_weight, "columns"):
        return sample_weight
    frame = as_frame(sample_weight, "sample_weight")
    columns = list(frame.columns)
    if len(columns) == len(names) and set(columns) == set(names):
        return frame[list(names)]
    if set(columns) & set(names):
        raise ValueError(
            f"sample_weight has the columns {columns}, but the tasks are {list(names)}: pass a "
            "column for each task, or an array, whose columns are in the order of the tasks."
        )
    return sample_weight


def weigh(
    labels: Sequence[Labels], sample_weight: ArrayLike | None, unit: float | None = None
) -> tuple[list[Labels], np.ndarray]:
    """Return the labels with a positive weight, and the scaled weights of all labels.

    Only the ratios of weights matter, so weights are divided by the mean of the positive ones.

    Parameters
    ----------
    labels : sequence of Labels
        The columns of y.
    sample_weight : None or array-like of shape (n_rows,) or (n_rows, n_tasks)
        Weights of rows, or of labels.
    unit : float, default=None
        The number by which weights are divided, for rows of a larger table.

    Returns
    -------
    labels : list of Labels
        The columns of y, in which labels with a weight of zero are missing.
    weights : ndarray of shape (n_rows, n_tasks)
        The scaled weights, zero for missing labels.
    """
    weights = find_label_weights(sample_weight, labels, may_be_zero=unit is not None)
    if unit is not None:
        weights = weights / unit
    elif sample_weight is not None and weights.any():
        # Divided by the largest first, so that sums neither overflow nor underflow.
        weights = weights / weights.max()
        weights /= weights.sum() / np.count_nonzero(weights)
    return [column.drop(w == 0) for column, w in zip(labels, weights.T, strict=True)], weights
