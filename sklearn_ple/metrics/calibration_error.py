"""Calibration error of predicted probabilities."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils import check_array

from ..tables.labels import Labels, as_frame
from ..utils._sklearn import StrOptions, _check_sample_weight
from ..utils.checks import check_lengths, naming, shown
from ..utils.constraints import COUNT, LISTED, check_arguments
from .scored_tasks import sort_by_class
from .views import to_plain_array


@check_arguments(
    n_bins=[COUNT],
    strategy=[StrOptions({"uniform", "quantile"})],
    labels=[LISTED, None],
    sample_weight=[LISTED, None],
)
def expected_calibration_error(
    y_true: ArrayLike,
    y_prob: ArrayLike,
    n_bins: int = 10,
    *,
    strategy: str = "uniform",
    labels: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Compute the expected calibration error (ECE) of the probabilities of one task.

    Rows are divided into bins by a predicted probability. In each bin, the mean probability is
    compared with the share of the rows whose label is the class of that probability. The error is
    the mean of the absolute differences over the bins, weighted by their numbers of rows.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        The labels. Rows with NaN, None or NA are skipped.
    y_prob : array-like of shape (n_samples,) or (n_samples, n_classes)
        The probability of the second class, or the probabilities of all classes, as returned by
        ``predict_proba``. With two classes, the probability of the second is used; with more, in
        each row, that of the most probable class, as in Guo et al. (ICML 2017). The columns of a
        data frame may name the classes, in any order.
    n_bins : int, default=10
        Number of bins.
    strategy : {"uniform", "quantile"}, default="uniform"
        How bins are chosen: "uniform" for bins of the same width, or "quantile" for bins with the
        same number of rows, whatever their weights. The error depends on the bins, so compare
        only errors with the same ``n_bins`` and ``strategy``.
    labels : array-like of shape (n_classes,), default=None
        The sorted classes, if y_true does not contain all of them.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.

    Returns
    -------
    error : float
        The error, between 0 (best) and 1.

    Raises
    ------
    ValueError
        If the number of classes differs from that of the probabilities, if probabilities are not
        between 0 and 1, if no row has a label and a weight, if a weight is negative, or if a
        parameter is invalid.

    See Also
    --------
    sklearn.calibration.calibration_curve : The values that are compared in each bin.
    multitask_scores : Scores of all tasks.

    References
    ----------
    M. P. Naeini, G. F. Cooper, M. Hauskrecht. "Obtaining Well Calibrated Probabilities Using
    Bayesian Binning". AAAI 2015.

    Examples
    --------
    >>> from sklearn_ple.metrics import expected_calibration_error
    >>> y = ["no", "no", "yes", "yes", None]
    >>> expected_calibration_error(y, [0.25, 0.25, 0.25, 0.75, 0.5], n_bins=2)
    0.125
    """
    with naming("labels"):
        if labels is not None and np.ndim(labels) != 1:
            raise ValueError(f"it must be a list of the classes, not {shown(labels)}.")
    column = _column(y_true)
    with naming("y_prob"):
        if np.ndim(y_prob) == 2:
            if np.shape(y_prob)[1] == 1:
                raise ValueError(
                    "y_prob has one column: pass the probabilities of all classes, or those of "
                    "the second class as a one-dimensional array."
                )
            held = column.dropna() if labels is None else pd.Series(np.asarray(labels))
            y_prob, named = sort_by_class(y_prob, to_plain_array(held))
            labels = labels if named is None else named
        prob = check_array(y_prob, ensure_2d=False, dtype=np.float64)
    if prob.min() < 0 or prob.max() > 1:
        raise ValueError("y_prob contains values below 0 or above 1: pass probabilities.")
    check_lengths(y_true=column, y_prob=prob)
    with naming("sample_weight"):
        weights = _check_sample_weight(sample_weight, prob, ensure_non_negative=True)
    rows = np.flatnonzero(column.notna() & (weights > 0))
    if not len(rows):
        raise ValueError(
            "No row of y_true has both a label and a weight above 0: pass at least one such row."
        )
    confidence, hit = _choose_probabilities(to_plain_array(column.iloc[rows]), prob[rows], labels)
    shares = np.linspace(0, 1, n_bins + 1)[1:-1]
    edges = shares if strategy == "uniform" else np.quantile(confidence, shares)
    # As in scikit-learn's calibration_curve, an edge belongs to the bin below.
    bins = np.searchsorted(edges, confidence)
    excess = np.bincount(bins, weights=weights[rows] * (confidence - hit))
    return float(np.abs(excess).sum() / weights[rows].sum())


def _column(y_true: ArrayLike) -> pd.Series:
    table = as_frame(y_true, "y_true")
    if table.shape[1] > 1:
        raise ValueError(f"y_true has {table.shape[1]} columns: pass the labels of one task.")
    column = table.iloc[:, 0]
    # This rejects numbers beside strings, which NumPy would turn into strings, too.
    Labels.read("y_true", column)
    return column


def _choose_probabilities(
    observed: np.ndarray, prob: np.ndarray, labels: ArrayLike | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the probability that is used in each row, and whether its class is the label."""
    if prob.ndim == 1:
        prob = np.column_stack([1 - prob, prob])
    classes = np.unique(observed) if labels is None else np.asarray(labels)
    if len(classes) != prob.shape[1] or not np.isin(observed, classes).all():
        raise ValueError(
            f"There are probabilities of {prob.shape[1]} classes, y_true contains "
            f"{np.unique(observed).tolist()[:20]}, and the classes are {classes.tolist()[:20]}: "
            "pass the sorted classes of the probabilities as the parameter labels."
        )
    best = prob.argmax(axis=1) if len(classes) > 2 else np.ones(len(prob), dtype=int)
    return prob[np.arange(len(prob)), best], observed == classes[best]
