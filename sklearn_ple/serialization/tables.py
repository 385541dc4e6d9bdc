"""Codecs of objects of pandas and polars: indices of categories, dtypes and times."""

from __future__ import annotations

import re
import sys
from datetime import timezone
from typing import Any

import numpy as np
import pandas as pd

from .values import Codec, Reader, Writer, load_dtype

# A time zone of this library may be the path of any file on the reader's machine.
_NAMES_A_FILE = "dateutil"

_DECIMAL = re.compile(r"(decimal\d+)\((\d+), (-?\d+)\)\[pyarrow\]", re.ASCII)


def _dump_index(index: pd.Index, writer: Writer) -> Any:
    if isinstance(index, pd.MultiIndex):
        raise TypeError(
            f"{writer.place()} contains an index with several levels: use a single level."
        )
    dtype = index.dtype
    # Dtypes of Arrow have these kinds too.
    if isinstance(dtype, (np.dtype, pd.DatetimeTZDtype)) and dtype.kind in "mM":
        return [dtype, index.asi8]
    if isinstance(dtype, np.dtype) and dtype.kind in "biuf":
        return [dtype, index.to_numpy()]
    return [dtype, index.tolist()]


def _load_index(content: Any, _: Reader) -> pd.Index:
    dtype, values = content
    if isinstance(dtype, pd.DatetimeTZDtype):
        times = pd.DatetimeIndex(values.view(f"M8[{dtype.unit}]"))
        return times.tz_localize("UTC").tz_convert(dtype.tz)
    if isinstance(dtype, np.dtype) and dtype.kind in "mM":
        return pd.Index(values.view(dtype))
    return pd.Index(values, dtype=dtype)


def _dump_dtype(dtype: Any, writer: Writer) -> Any:
    if isinstance(dtype, np.dtype):
        name = dtype.str[1:]
        is_known = dtype.kind in "biufOUmM" and load_dtype(name) == dtype.newbyteorder("=")
    elif isinstance(dtype, pd.CategoricalDtype):
        return ["category", dtype.categories, dtype.ordered]
    elif isinstance(dtype, pd.StringDtype):
        # The name of the dtype does not contain its storage and its missing value.
        missing = "nan" if dtype.na_value is np.nan else "NA"
        return ["string", dtype.storage, missing]
    else:
        name = f"pandas: {dtype}"
        is_known = _pandas_dtype(name) == dtype
    if not is_known:
        raise TypeError(
            f"{writer.place()} contains the dtype {dtype}, which cannot be saved in a file."
        )
    return name


def _load_dtype(content: Any, _: Reader) -> Any:
    if isinstance(content, str):
        dtype = _pandas_dtype(content) if content.startswith("pandas: ") else load_dtype(content)
        if dtype is None:
            raise ValueError(f"it names the dtype {content!r}, which is unknown")
        return dtype
    kind, first, second = content
    if kind == "category":
        return pd.CategoricalDtype(first, second)
    missing = {} if second == "NA" else {"na_value": np.nan}
    try:
        return pd.StringDtype(first, **missing)
    except ImportError:
        # Without pyarrow, columns of text are stored as objects of Python.
        return pd.StringDtype("python", **missing)
    except TypeError:
        # An older pandas has no such dtype.
        return np.dtype(object)


def _pandas_dtype(name: str) -> Any:
    """Return an extension dtype of pandas by its name, or None if there is none."""
    if _NAMES_A_FILE in name:
        return None
    name = name.removeprefix("pandas: ")
    try:
        # pandas reads the first name as another dtype, and the others not at all.
        if name == "string[pyarrow]":
            return _arrow_dtype("string")
        if decimal := _DECIMAL.fullmatch(name):
            return _arrow_dtype(decimal[1], int(decimal[2]), int(decimal[3]))
        dtype = pd.api.types.pandas_dtype(name)
    except (AttributeError, TypeError, ValueError, OverflowError, NotImplementedError):
        return None
    return dtype if isinstance(dtype, pd.api.extensions.ExtensionDtype) else None


def _arrow_dtype(kind: str, *arguments: Any) -> Any:
    import pyarrow

    return pd.ArrowDtype(getattr(pyarrow, kind)(*arguments))


def _dump_time(value: pd.Timestamp, _: Writer) -> Any:
    zone = None if value.tz is None else str(value.tz)
    if zone is not None and zone.startswith("pytz.FixedOffset"):
        # The name of an offset in pandas 2, which cannot read it.
        zone = str(timezone(value.tz.utcoffset(None)))
    return [value.unit, value.asm8.astype(np.int64).item(), zone]


def _load_time(content: Any, _: Reader) -> pd.Timestamp:
    unit, value, zone = content
    time = pd.Timestamp(np.datetime64(value, unit))
    if zone is not None and _NAMES_A_FILE in zone:
        raise ValueError(f"it names the time zone {zone!r}, which is unknown")
    return time if zone is None else time.tz_localize("UTC").tz_convert(zone)


def _is_polars(value: Any) -> bool:
    polars = sys.modules.get("polars")
    if polars is None:
        return False
    return isinstance(value, polars.DataType) or (
        isinstance(value, type) and issubclass(value, polars.DataType)
    )


def _dump_polars(value: Any, writer: Writer) -> Any:
    import polars

    if isinstance(value, polars.Enum):
        return ["Enum", value.categories.to_list()]
    if isinstance(value, polars.Decimal):
        return ["Decimal", [value.precision, value.scale]]
    name = value.__name__ if isinstance(value, type) else type(value).__name__
    if name not in _POLARS:
        raise TypeError(
            f"{writer.place()} contains the dtype {value}, which cannot be saved in a file."
        )
    return [name, None]


def _load_polars(content: Any, _: Reader) -> Any:
    import polars

    name, arguments = content
    if name == "Enum":
        return polars.Enum(arguments)
    if name == "Decimal":
        return polars.Decimal(*arguments)
    if name not in _POLARS:
        raise ValueError(f"it names the dtype {name!r} of polars, which is unknown")
    return getattr(polars, name)()


_POLARS = {f"{kind}{bits}" for kind in ("Int", "UInt") for bits in (8, 16, 32, 64, 128)}
_POLARS |= {"Float16", "Float32", "Float64", "Boolean", "String", "Categorical", "Object"}

#: Codecs of values of pandas and polars.
CODECS = [
    Codec("$index", lambda v: isinstance(v, pd.Index), _dump_index, _load_index),
    Codec(
        "$dtype",
        lambda v: isinstance(v, (np.dtype, pd.api.extensions.ExtensionDtype)),
        _dump_dtype,
        _load_dtype,
    ),
    Codec("$timestamp", lambda v: isinstance(v, pd.Timestamp), _dump_time, _load_time),
    Codec(
        "$pandas_timedelta",
        lambda v: isinstance(v, pd.Timedelta),
        lambda v, _: [v.unit, v.asm8.astype(np.int64).item()],
        lambda c, _: pd.Timedelta(np.timedelta64(c[1], c[0])),
    ),
    Codec(
        "$period",
        lambda v: isinstance(v, pd.Period),
        lambda v, _: [v.ordinal, v.freqstr],
        lambda c, _: pd.Period(ordinal=c[0], freq=c[1]),
    ),
    Codec(
        "$interval",
        lambda v: isinstance(v, pd.Interval),
        lambda v, _: [v.left, v.right, v.closed],
        lambda c, _: pd.Interval(*c),
    ),
    Codec("$polars", _is_polars, _dump_polars, _load_polars),
]
