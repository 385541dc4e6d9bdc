"""The words and numbers of a report, for readers who need not know the field."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

_METRICS = {
    "roc_auc": (
        "ROC AUC",
        "the chance that a row of the class gets a higher probability of it than a row of the "
        "other class. 1 is perfect, 0.5 is guessing.",
    ),
    "mean_one_vs_rest_auc": (
        "mean ROC AUC",
        "the chance that a row of a class gets a higher probability of it than a row of another "
        "class, averaged over the classes. 1 is perfect, 0.5 is guessing.",
    ),
    "accuracy": ("accuracy", "the share of rows whose class is predicted right. 1 is perfect."),
    "r2": (
        "R²",
        "the share of the labels' variance that the predictions explain. 1 is perfect, 0 is no "
        "better than always predicting the mean, and below 0 is worse.",
    ),
    "d2_tweedie_score": (
        "D²",
        "what R² is for other numbers, for counts and amounts (by the deviance of a Poisson or "
        "Tweedie distribution). 1 is perfect, 0 is no better than always predicting the mean, and "
        "below 0 is worse.",
    ),
    "concordance_index": (
        "concordance",
        "of two rows of which it is known whose event came first, the chance that its predicted "
        "time is shorter. 1 is perfect, 0.5 is guessing.",
    ),
    "d2_absolute_error_score": (
        "D² (absolute)",
        "the share of the absolute error of always predicting the median that the predictions "
        "save. 1 is perfect, 0 is no better than that, and below 0 is worse.",
    ),
}


def metric_words(name: str) -> tuple[str, str]:
    """Return a metric's name, and what it means."""
    plain = name.replace("_", " ")
    return _METRICS.get(name, (plain, "as in scikit-learn; the greater, the better."))


def score_text(value: float) -> str:
    """Format a score."""
    if np.isnan(value):
        return "not defined"
    return _minus(f"{value:.3f}") if abs(value) < 10 else number_text(value)


def interval_text(low: float, high: float, form: Callable[[float], str]) -> str:
    """Format an interval whose bounds are in a form."""
    if np.isnan(low):
        return "–"
    # A line break within would be hard to read.
    return f"{form(low)}\N{NO-BREAK SPACE}to\N{NO-BREAK SPACE}{form(high)}"


def signed_text(value: float) -> str:
    """Format a difference of scores."""
    # Adding zero turns a rounded -0.0 into 0.0.
    return "not defined" if np.isnan(value) else _minus(f"{round(value, 3) + 0.0:+.3f}")


def number_text(value: float) -> str:
    """Format a number with three digits, or with all before the point."""
    n_decimals = 2 - int(np.floor(np.log10(abs(value)))) if value else 0
    return _minus(f"{value:,.{min(max(n_decimals, 0), 6)}f}")


def percent_text(share: float) -> str:
    """Format a share in percent."""
    return f"{round(100 * share, 1):g}\N{NO-BREAK SPACE}%"


def _minus(number: str) -> str:
    return number.replace("-", "\N{MINUS SIGN}")
