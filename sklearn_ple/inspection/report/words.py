"""Descriptions of metrics and formats of numbers, for readers who know no machine learning."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

_METRICS = {
    "roc_auc": (
        "ROC AUC",
        "the chance that a row of the class has a higher predicted probability of it than a row "
        "of the other class. 1 is perfect, 0.5 is guessing.",
    ),
    "mean_one_vs_rest_auc": (
        "mean ROC AUC",
        "the chance that a row of a class has a higher predicted probability of it than a row of "
        "another class, averaged over the classes. 1 is perfect, 0.5 is guessing.",
    ),
    "accuracy": ("accuracy", "the share of rows whose class is predicted right. 1 is perfect."),
    "r2": (
        "R²",
        "the share of the labels' variance that the predictions explain. 1 is perfect, 0 is no "
        "better than always predicting the mean, and below 0 is worse.",
    ),
    "d2_tweedie_score": (
        "D²",
        "a measure like R² for counts and amounts, with the deviance of a Poisson or Tweedie "
        "distribution instead of the squared error. 1 is perfect, 0 is no better than always "
        "predicting the mean, and below 0 is worse.",
    ),
    "concordance_index": (
        "concordance",
        "the chance that, of two rows, the one whose event came first has the shorter predicted "
        "time, if it is known which came first. 1 is perfect, 0.5 is guessing.",
    ),
    "d2_absolute_error_score": (
        "D² (absolute)",
        "the share by which the predictions reduce the absolute error, compared with always "
        "predicting the median. 1 is perfect, 0 is no better than that, and below 0 is worse.",
    ),
}


def metric_words(name: str) -> tuple[str, str]:
    """Return the name of a metric for readers, and its meaning."""
    plain = name.replace("_", " ")
    return _METRICS.get(name, (plain, "as in scikit-learn; the greater, the better."))


def score_text(value: float) -> str:
    """Format a score with three decimals."""
    if np.isnan(value):
        return "not defined"
    return _minus(f"{value:.3f}") if abs(value) < 10 else number_text(value)


def interval_text(low: float, high: float, form: Callable[[float], str]) -> str:
    """Format an interval, with a function that formats its bounds."""
    if np.isnan(low):
        return "–"
    # No line break is allowed within the interval.
    return f"{form(low)}\N{NO-BREAK SPACE}to\N{NO-BREAK SPACE}{form(high)}"


def signed_text(value: float) -> str:
    """Format a difference of scores with its sign."""
    # Adding zero turns a rounded -0.0 into 0.0.
    return "not defined" if np.isnan(value) else _minus(f"{round(value, 3) + 0.0:+.3f}")


def number_text(value: float) -> str:
    """Format a number with three significant digits, or with all digits before the point.

    Numbers that would be very long, or all zeros, are written as powers of ten.
    """
    if value and not 1e-4 <= abs(value) < 1e15:
        return _minus(f"{value:.2e}")
    n_decimals = 2 - int(np.floor(np.log10(abs(value)))) if value else 0
    return _minus(f"{value:,.{max(n_decimals, 0)}f}")


def percent_text(share: float) -> str:
    """Format a share as a percentage."""
    return f"{round(100 * share, 1):g}\N{NO-BREAK SPACE}%"


def _minus(number: str) -> str:
    return number.replace("-", "\N{MINUS SIGN}")
