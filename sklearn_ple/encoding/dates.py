"""The numbers that a column of dates is read as, with the names of skrub's DatetimeEncoder."""

from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from ..utils.checks import shown

#: Parts of a date, in the order of their names: each is a column of numbers.
PARTS = ["day", "hour", "month", "total_seconds", "weekday", "year"]


def is_date(dtype: Any) -> bool:
    """Return whether columns of a dtype hold dates, with or without a time of day."""
    return types.is_datetime64_any_dtype(dtype)


def name_part(name: Any, part: str) -> Any:
    """Return the name of a part of a column, or of the column itself if the part is empty."""
    return f"{name}_{part}" if part else name


def find_zone(dtype: Any) -> str | None:
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
    days: Any = dates.array
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
