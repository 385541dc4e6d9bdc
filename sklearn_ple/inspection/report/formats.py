"""Formats of numbers on the page of a report."""

import numpy as np


def _format_score(value: float) -> str:
    """Format a score with three decimals."""
    if np.isnan(value):
        return "not defined"
    return _format_number(value) if abs(value) >= 10 else _with_minus(f"{value:.3f}")


def _format_difference(value: float) -> str:
    """Format a difference of scores with its sign."""
    # Adding zero turns a rounded -0.0 into 0.0.
    return "not defined" if np.isnan(value) else _with_minus(f"{round(value, 3) + 0.0:+.3f}")


def _format_number(value: float) -> str:
    """Format a number with three significant digits, or with all digits before the point.

    Numbers that would be very long, or all zeros, are written as powers of ten.
    """
    if value and not 1e-4 <= abs(value) < 1e15:
        return _with_minus(f"{value:.2e}")
    n_decimals = 2 - int(np.floor(np.log10(abs(value)))) if value else 0
    return _with_minus(f"{value:,.{max(n_decimals, 0)}f}")


def _format_percent(share: float) -> str:
    """Format a share as a percentage."""
    return f"{round(100 * share, 1):g}\N{NO-BREAK SPACE}%"


def _with_minus(number: str) -> str:
    return number.replace("-", "\N{MINUS SIGN}")


#: The formats by their names in templates.
FORMATS = {
    "count": "{:,}".format,
    "difference": _format_difference,
    "number": _format_number,
    "percent": _format_percent,
    "score": _format_score,
}


def format_interval(low: float, high: float, name: str) -> str:
    """Format an interval, whose bounds have the format of a name."""
    if np.isnan(low):
        return "–"
    # No line break is allowed within the interval.
    return f"{FORMATS[name](low)}\N{NO-BREAK SPACE}to\N{NO-BREAK SPACE}{FORMATS[name](high)}"
