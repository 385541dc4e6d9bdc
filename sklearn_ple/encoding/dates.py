"""The numbers that a column of dates is read as, with the names of skrub's DatetimeEncoder."""

import re
from collections.abc import Hashable
from itertools import chain

import numpy as np
import pandas as pd
from pandas.api import types
from pandas.api.extensions import ExtensionDtype
from pandas.tseries.api import guess_datetime_format

from ..utils.checks import shown
from ..utils.warn import warn

#: Parts of a date, in the order of their names: each is a column of numbers.
PARTS = ["day", "hour", "month", "total_seconds", "weekday", "year"]

#: What pandas calls the layout of all dates of ISO 8601, with and without a time of day.
_ISO = "ISO8601"
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ].*)?")
_OFFSET = r":\d.*(?:Z|[+-]\d{2}(?::?\d{2})?)$"
# Layouts are guessed from so many texts. Text is dates if so great a share of it is.
_GUESSED, _NEARLY_ALL = 20, 0.9


def is_date(dtype: np.dtype | ExtensionDtype) -> bool:
    """Return whether columns of a dtype hold dates, with or without a time of day."""
    return types.is_datetime64_any_dtype(dtype)


def name_part(name: Hashable, part: str) -> Hashable:
    """Return the name of a part of a column, or of the column itself if the part is empty."""
    return f"{name}_{part}" if part else name


def find_zone(dtype: np.dtype | ExtensionDtype) -> str | None:
    """Return the name of the time zone of dates; None if they have none."""
    zone = getattr(dtype, "tz", None)
    return None if zone is None else str(zone)


def read_part(dates: pd.Series, part: str) -> np.ndarray:
    """Return a part of each date, as float64; NaN if the date is missing.

    Years, months, days, weekdays (1 for Monday) and hours are those of the column's own time zone.
    The seconds are counted from 1970 in UTC, or in a column without time zone from its own 1970.
    """
    if not is_date(dates.dtype):
        return np.full(len(dates), np.nan)
    if part == "total_seconds":
        # In microseconds, whose number is exact as float64, all units have the same result.
        times = dates.to_numpy("datetime64[us]") - np.datetime64(0, "us")
        return times / np.timedelta64(1, "s")
    # In a third of the time of .dt for a single row.
    days = dates.array
    values = days.day_of_week + 1 if part == "weekday" else getattr(days, part)
    return np.asarray(values, np.float64)


def check_dates(dates: pd.Series, zone: str | None) -> None:
    """Check that a column that held dates of a time zone in fit still does.

    A column without any value may be of another dtype.
    """
    what, dtype = f"Column {shown(dates.name)} of X", dates.dtype
    if not is_date(dtype):
        if dates.notna().any():
            raise ValueError(
                f"{what} held dates in fit but is of dtype {dtype} now: convert it to dates, for "
                "example by pd.to_datetime."
            )
    elif (now := find_zone(dtype)) != zone:
        way = "localize" if None in (zone, now) else "convert"
        raise ValueError(
            f"{what} held dates of the time zone {zone} in fit but of {now} now: convert it by "
            f".dt.tz_{way}({zone!r})."
        )


def find_layout(column: pd.Series) -> str | None:
    """Find the layout of dates that a column of text holds.

    Parameters
    ----------
    column : Series of shape (n_rows,)
        The text.

    Returns
    -------
    str or None
        A format of ``strftime`` or "ISO8601". None if less than nine tenths of the distinct texts
        are dates of one layout, or if it is not clear whether day or month comes first.
    """
    known = column.dropna()
    first = known.iloc[:_GUESSED].astype("string").str.strip()
    guessed = list(filter(None, map(_guess_layouts, first)))
    if len(guessed) <= len(first) / 2:
        return None
    texts = pd.Series(known.unique())
    layouts = dict.fromkeys(chain.from_iterable(guessed))
    dates = {layout: read_text(texts, layout) for layout in layouts}
    best = max(dates, key=lambda layout: dates[layout].notna().sum())
    n_read = dates[best].notna().sum()
    if n_read < _NEARLY_ALL * len(texts):
        return None
    is_clear = all(other.count() < n_read or other.equals(dates[best]) for other in dates.values())
    return best if is_clear else None


def find_text_zone(column: pd.Series, layout: str) -> str | None:
    """Return "UTC" if dates of a layout are written with their offset from it; otherwise None."""
    with_offset = column.astype("string").str.strip().str.contains(_OFFSET)
    return "UTC" if "%z" in layout or (layout == _ISO and with_offset.any()) else None


def read_text(column: pd.Series, layout: str, zone: str | None = None) -> pd.Series:
    """Turn text into dates; what is none of the layout becomes missing, with a warning if all is.

    Parameters
    ----------
    column : Series of shape (n_rows,)
        The text.
    layout : str
        What `find_layout` returned.
    zone : {"UTC", None}, default=None
        What `find_text_zone` returned.

    Returns
    -------
    Series of shape (n_rows,)
        The dates.
    """
    texts = column.astype("string").str.strip()
    dates = pd.to_datetime(texts, format=layout, errors="coerce", utc=True)
    if column.name is not None and texts.notna().any() and not dates.notna().any():
        warn(
            f"No value of column {shown(column.name)} of X is a date as it was written in fit "
            f"({layout}): all count as missing. Check whether they are written differently.",
            about=f"X[{shown(column.name)}]",
        )
    return dates if zone else dates.dt.tz_localize(None)


def _guess_layouts(text: str) -> list[str]:
    """Return the layouts that a date may have, with the day or the month first."""
    if _ISO_DATE.fullmatch(text):
        return [_ISO]
    # Digits alone may be anything.
    if text.isdigit():
        return []
    # pandas warns of a number above 12 where the month would be.
    text = re.sub(r"\b\d\d?\b", "05", text)
    guessed = [guess_datetime_format(text, dayfirst=first) for first in (False, True)]
    # No country writes the year first and the month last.
    return [layout for layout in dict.fromkeys(guessed) if layout and not _ends_in_month(layout)]


def _ends_in_month(layout: str) -> bool:
    return 0 <= layout.find("%Y") < layout.find("%d") < layout.find("%m")
