"""How well predicted times put rows in order, where some times are but lower bounds."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils import check_array, check_consistent_length

from ..warn import warn


def concordance_index(y_true: Any, y_pred: Any, *, sample_weight: Any = None) -> float:
    """Compute the share of pairs of rows that predicted times put in the right order.

    Two rows are compared if it is known which of their times is shorter: the shorter one is an
    event, and the other one is longer, or censored at the same time. A pair with equal
    predictions counts half. This is Harrell's C.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Times: t for an event at time t, -t where nothing had happened until t (censored).
    y_pred : array-like of shape (n_samples,)
        Predicted times, or any numbers that are greater for longer times.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows; a pair weighs the product of its rows' weights.

    Returns
    -------
    index : float
        1 is perfect, 0.5 is guessing; NaN if no two rows can be compared.

    Raises
    ------
    ValueError
        If a time is zero, missing or infinite, or if lengths differ.

    Warns
    -----
    UndefinedMetricWarning
        If no two rows can be compared.

    Notes
    -----
    Computed in O(n log n).

    References
    ----------
    F. E. Harrell, R. M. Califf, D. B. Pryor, K. L. Lee, R. A. Rosati. "Evaluating the Yield of
    Medical Tests". JAMA 1982.

    Examples
    --------
    The row that is censored at 3 can be compared with that of 1 alone.

    >>> from sklearn_ple.metrics import concordance_index
    >>> concordance_index([1, 5, -3], [2.0, 4.0, 1.0])
    0.5
    """
    index = concordance(y_true, y_pred, sample_weight)
    if np.isnan(index):
        warn(
            "No two rows can be compared: there is no event before another row's time.",
            UndefinedMetricWarning,
        )
    return index


def concordance(y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
    """Compute the `concordance_index` without a warning where it is NaN."""
    labels, predicted = (
        check_array(values, ensure_2d=False, dtype=np.float64, input_name=name)
        for values, name in ((y_true, "y_true"), (y_pred, "y_pred"))
    )
    weights = np.ones(len(labels)) if sample_weight is None else np.asarray(sample_weight, float)
    check_consistent_length(labels, predicted, weights)
    if not labels.all():
        raise ValueError("y_true holds 0: times are greater or, where censored, their negatives.")
    times, events = np.abs(labels), labels > 0
    # By time and, of equal ones, events first: what an event is compared with is all that follows
    # the events of its time.
    order = np.lexsort((~events, times))
    times, events, weights = times[order], events[order], weights[order]
    ranks = np.unique(predicted[order], return_inverse=True)[1]
    n_before = np.searchsorted(times[events], times[events], side="right")
    n_censored = np.searchsorted(times[~events], times[events], side="left")
    starts = n_before + n_censored
    above, equal = _weights_after(ranks, weights, starts, ranks[events])
    compared = np.append(weights[::-1].cumsum()[::-1], 0.0)[starts]
    total = weights[events] @ compared
    return float(weights[events] @ (above + equal / 2) / total) if total > 0 else float("nan")


def _weights_after(
    ranks: np.ndarray, weights: np.ndarray, starts: np.ndarray, than: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Sum the weights of the rows from a start on whose rank is above a given one, or equal.

    Bit by bit from the highest, rows are divided by it, which keeps their order: so those from a
    start on stay neighbours among all that agree with the given rank so far (a wavelet matrix).

    Parameters
    ----------
    ranks : ndarray of int of shape (n_rows,)
        Whole numbers from 0 on.
    weights : ndarray of shape (n_rows,)
        The rows' weights.
    starts, than : ndarray of int of shape (n_queries,)
        Numbers of the first rows, and the ranks to compare with.

    Returns
    -------
    above, equal : ndarray of shape (n_queries,)
        The sums.
    """
    low, high = starts, np.full_like(starts, len(ranks))
    above = np.zeros(len(starts))
    for bit in reversed(range(int(ranks.max(initial=0)).bit_length())):
        ones = (ranks >> bit & 1).astype(bool)
        n_ones = np.append(0, ones.cumsum())
        sums = np.append(0.0, np.where(ones, weights, 0.0).cumsum())
        is_one = (than >> bit & 1).astype(bool)
        above += np.where(is_one, 0.0, sums[high] - sums[low])
        n_zeros = len(ranks) - n_ones[-1]
        low, high = (
            np.where(is_one, n_zeros + n_ones[end], end - n_ones[end]) for end in (low, high)
        )
        divided = np.argsort(ones, kind="stable")
        ranks, weights = ranks[divided], weights[divided]
    sums = np.append(0.0, weights.cumsum())
    return above, sums[high] - sums[low]
