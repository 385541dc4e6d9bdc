"""The parts of dates, computed from seconds by arithmetic, as nodes of an ONNX graph."""

from functools import lru_cache
from typing import Self, TypeVar

import numpy as np
import pandas as pd

from .nodes import Nodes

_SECONDS_PER_DAY = 86_400
# Years are counted from a first of March, so that a leap day is the last day of its year. 400 of
# them always have as many days.
_DAYS_UNTIL_1970, _DAYS_PER_ERA = 719_468, 146_097


class GraphNumber:
    """A number of each row in a graph; Python's operators add nodes that compute with it.

    Parameters
    ----------
    value : str
        The name of the value, of float64 and of shape (n_rows, 1).
    nodes : Nodes
        The nodes.
    """

    def __init__(self, value: str, nodes: Nodes):
        self.value, self._nodes = value, nodes

    def __add__(self, other: "GraphNumber | float") -> Self:
        return self._compute("Add", other)

    def __sub__(self, other: "GraphNumber | float") -> Self:
        return self._compute("Sub", other)

    def __mul__(self, other: "GraphNumber | float") -> Self:
        return self._compute("Mul", other)

    def __floordiv__(self, other: "GraphNumber | float") -> Self:
        # Of whole numbers below 2**52, a quotient in float64 is never rounded up to the next one.
        exact = self._compute("Div", other).value
        return type(self)(self._nodes.add("Floor", [exact]), self._nodes)

    def _compute(self, kind: str, other: "GraphNumber | float") -> Self:
        if isinstance(other, GraphNumber):
            value = other.value
        else:
            value = self._nodes.keep(np.array([[other]], float))
        return type(self)(self._nodes.add(kind, [self.value, value]), self._nodes)


_Number = TypeVar("_Number", np.ndarray, GraphNumber)


@lru_cache(maxsize=16)
def find_offset(zone: str | None) -> int | None:
    """Return by how many seconds the clock of a time zone is ahead of UTC.

    Parameters
    ----------
    zone : str or None
        The name of the time zone; None for dates without one, whose offset is 0.

    Returns
    -------
    int or None
        The offset; None if it was not the same from 1900 to 2100, or if the name is not known.
    """
    if zone is None:
        return 0
    months = pd.date_range("1900", "2100", freq="MS", tz="UTC")
    try:
        local = months.tz_convert(zone)
    except (KeyError, ValueError):
        return None
    offsets = (local.tz_localize(None) - months.tz_localize(None)).unique()
    return int(offsets[0].total_seconds()) if len(offsets) == 1 else None


def split_seconds(seconds: _Number, offset: float) -> dict[str, _Number]:
    """Compute the parts of dates, which `read_part` names, by the arithmetic of Hinnant [1]_.

    Parameters
    ----------
    seconds : ndarray of float64 or GraphNumber
        Seconds since 1970 in UTC, or on the clock of dates without a time zone.
    offset : float
        By how many seconds the clock of the dates is ahead.

    Returns
    -------
    dict of str to (ndarray of float64 or GraphNumber)
        The parts, which are NaN where the seconds are.

    References
    ----------
    .. [1] H. Hinnant. "chrono-Compatible Low-Level Date Algorithms". 2013.
    """
    clock = seconds // 1 + offset
    days = clock // _SECONDS_PER_DAY
    weeks = (days + 3) // 7
    era = (days + _DAYS_UNTIL_1970) // _DAYS_PER_ERA
    day_of_era = days + _DAYS_UNTIL_1970 - era * _DAYS_PER_ERA
    leaps = day_of_era // 36_524 - day_of_era // 1_460 - day_of_era // (_DAYS_PER_ERA - 1)
    year = (day_of_era + leaps) // 365
    day_of_year = day_of_era - year * 365 - year // 4 + year // 100
    month = (day_of_year * 5 + 2) // 153
    is_next_year = month // 10
    return {
        "day": day_of_year - (month * 153 + 2) // 5 + 1,
        "hour": (clock - days * _SECONDS_PER_DAY) // 3_600,
        "month": month - is_next_year * 12 + 3,
        "total_seconds": seconds,
        "weekday": days + 4 - weeks * 7,
        "year": era * 400 + year + is_next_year,
    }
