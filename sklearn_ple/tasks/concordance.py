"""The concordance index: how well predicted times order rows, some of which are censored."""

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils import check_array

from ..utils.checks import check_lengths, naming
from ..utils.warn import warn


def concordance_index(
    y_true: ArrayLike, y_pred: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Compute the concordance index of predicted times, Harrell's C.

    It is the share of pairs of rows that the predictions put in the right order: the row with the
    longer time has the greater prediction. A pair with equal predictions counts half.

    A pair is compared only if it is known which of its times is shorter. That is so if the
    shorter time is an event and the other time is longer, or is censored at the same time.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Times, in any unit: t for an event at time t, and -t if no event had happened by time t
        (censored).
    y_pred : array-like of shape (n_samples,)
        Predicted times, or any numbers that are greater for longer times.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows. The weight of a pair is the product of its rows' weights. By default
        all rows have the same weight.

    Returns
    -------
    index : float
        1 if every pair is in the right order, about 0.5 for random predictions, and NaN if no two
        rows can be compared.

    Raises
    ------
    ValueError
        If a time is zero, if there is a negative weight, if a value is missing or infinite, if an
        argument has several columns, or if lengths differ.

    Warns
    -----
    UndefinedMetricWarning
        If no two rows can be compared.

    Notes
    -----
    The computation takes O(n log n) time for n rows.

    References
    ----------
    F. E. Harrell, R. M. Califf, D. B. Pryor, K. L. Lee, R. A. Rosati. "Evaluating the Yield of
    Medical Tests". JAMA 1982.

    Examples
    --------
    The second row has the longer time than the first, and the greater prediction. The third row,
    censored at 3, can be compared only with the first, and its prediction is wrongly smaller. So
    one pair of two is in the right order.

    >>> from sklearn_ple.metrics import concordance_index
    >>> concordance_index([1, 5, -3], [2.0, 4.0, 1.0])
    0.5
    """
    index = concordance(y_true, y_pred, sample_weight)
    if np.isnan(index):
        warn(
            "No two rows can be compared: no row has an event before another row's time.",
            UndefinedMetricWarning,
        )
    return index


def concordance(
    y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
) -> float:
    """Compute `concordance_index` without a warning if it is NaN."""
    labels, predicted = _column("y_true", y_true), _column("y_pred", y_pred)
    weights = np.ones(len(labels))
    if sample_weight is not None:
        weights = _column("sample_weight", sample_weight)
    check_lengths(y_true=labels, y_pred=predicted, sample_weight=weights)
    if (weights < 0).any():
        raise ValueError("sample_weight holds negative weights: pass weights of 0 or more.")
    if not labels.all():
        raise ValueError(
            "y_true holds 0: a time must be positive or, if it is censored, negative."
        )
    times, events = np.abs(labels), labels > 0
    # Rows are sorted by time, and events come before censored rows of the same time: an event is
    # compared with all rows after the events of its time.
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


def _column(name: str, values: ArrayLike) -> np.ndarray:
    """Check an argument with a number for each row."""
    with naming(name):
        array = check_array(values, ensure_2d=False, dtype=np.float64)
    if array.size != len(array):
        raise ValueError(f"{name} has the shape {array.shape}: pass one number for each row.")
    return array.ravel()


def _weights_after(
    ranks: np.ndarray, weights: np.ndarray, starts: np.ndarray, than: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Sum the weights of later rows whose rank is above a given rank, and of those equal to it.

    Each query covers the rows from a start to the end. The ranks are compared bit by bit, from the
    highest bit. A stable partition by each bit keeps together the rows of a query that agree with
    the given rank so far (a wavelet matrix).

    Parameters
    ----------
    ranks : ndarray of int of shape (n_rows,)
        Ranks of the rows, 0 or greater.
    weights : ndarray of shape (n_rows,)
        Weights of the rows.
    starts, than : ndarray of int of shape (n_queries,)
        For each query, the position of the first row and the rank to compare with.

    Returns
    -------
    above, equal : ndarray of shape (n_queries,)
        Sums of the weights of rows with a greater rank, and with the same rank.
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
