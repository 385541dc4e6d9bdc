"""Codecs of objects of pandas and polars: indices of categories, their elements, and dtypes."""

import re
from datetime import timezone
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionDtype

from .codecs import Codec, load_dtype, match_kinds

# A time zone of this library may be the path of any file on the reader's machine.
_NAMES_A_FILE = "dateutil"
_DECIMAL = re.compile(r"(decimal\d+)\((\d+), (-?\d+)\)\[pyarrow\]", re.ASCII)
_POLARS = {f"{kind}{bits}" for kind in ("Int", "UInt") for bits in (8, 16, 32, 64, 128)}
_POLARS |= {"Float16", "Float32", "Float64", "Boolean", "String", "Categorical", "Object"}
_POLARS |= {"Enum", "Decimal"}


def _dump_index(index: pd.Index) -> list[Any]:
    if isinstance(index, pd.MultiIndex):
        raise TypeError("an index with several levels: use a single level")
    dtype = index.dtype
    if isinstance(dtype, pd.DatetimeTZDtype):
        return [dtype, index.tz_convert(None).to_numpy()]
    if isinstance(dtype, pd.PeriodDtype):
        return [dtype, index.asi8]
    if isinstance(dtype, pd.IntervalDtype):
        return [dtype, index.left, index.right]
    is_plain = isinstance(dtype, np.dtype) and dtype.kind != "O"
    return [dtype, index.to_numpy() if is_plain else index.tolist()]


def _load_index(dtype: np.dtype | ExtensionDtype, values: Any, right: Any = None) -> pd.Index:
    if isinstance(dtype, pd.DatetimeTZDtype):
        return pd.DatetimeIndex(values).tz_localize("UTC").tz_convert(dtype.tz)
    if isinstance(dtype, pd.PeriodDtype):
        return pd.PeriodIndex.from_ordinals(values, freq=dtype.freq)
    if isinstance(dtype, pd.IntervalDtype):
        return pd.IntervalIndex.from_arrays(values, right, dtype.closed)
    return pd.Index(values, dtype=dtype)


def _dump_dtype(dtype: np.dtype | ExtensionDtype) -> list[Any]:
    if isinstance(dtype, pd.CategoricalDtype):
        return ["category", dtype.categories, dtype.ordered]
    if isinstance(dtype, pd.StringDtype):
        # The name of the dtype does not contain its storage and its missing value.
        return ["string", dtype.storage, dtype.na_value is np.nan]
    if isinstance(dtype, pd.DatetimeTZDtype) and type(dtype.tz).__name__ == "_FixedOffset":
        # pandas 2 cannot read the name of an offset of pytz.
        dtype = pd.DatetimeTZDtype(dtype.unit, timezone(dtype.tz.utcoffset(None)))
    if isinstance(dtype, np.dtype):
        # The native order of bytes is that of the machine that loads the file.
        content = ["numpy", dtype.str[dtype.isnative :]]
    else:
        content = ["pandas", str(dtype)]
    try:
        is_same = _load_dtype(*content) == dtype
    except ValueError:
        is_same = False
    if not is_same:
        raise TypeError(f"the dtype {dtype}")
    return content


def _load_dtype(kind: str, first: Any, second: Any = None) -> Any:
    if kind == "numpy":
        # pandas has no dtype of text of some length, which would make short texts large.
        if (plain := load_dtype(first)).kind == "U":
            raise ValueError(f"it names the dtype {first!r}, which is unknown")
        return plain
    if kind == "category":
        return pd.CategoricalDtype(first, second)
    if kind == "string":
        missing = {"na_value": np.nan} if second else {}
        try:
            return pd.StringDtype(first, **missing)
        except ImportError:
            # Without pyarrow, columns of text are stored as objects of Python.
            return pd.StringDtype("python", **missing)
    try:
        dtype = None if _NAMES_A_FILE in first else _pandas_dtype(first)
    except (AttributeError, TypeError, ValueError, OverflowError, NotImplementedError):
        dtype = None
    if not isinstance(dtype, ExtensionDtype):
        raise ValueError(f"it names the dtype {first!r}, which is unknown")
    return dtype


def _pandas_dtype(name: str) -> Any:
    """Return a dtype of pandas by its name; pandas itself does not read all names as meant."""
    decimal = _DECIMAL.fullmatch(name)
    if decimal is None and name != "string[pyarrow]":
        return pd.api.types.pandas_dtype(name)
    import pyarrow

    if decimal is None:
        return pd.ArrowDtype(pyarrow.string())
    return pd.ArrowDtype(getattr(pyarrow, decimal[1])(int(decimal[2]), int(decimal[3])))


def _is_polars(value: object) -> bool:
    cls = value if isinstance(value, type) else type(value)
    return cls.__module__.startswith("polars.datatypes")


def _dump_polars(value: Any) -> list[Any]:
    name = value.__name__ if isinstance(value, type) else type(value).__name__
    if name not in _POLARS:
        raise TypeError(f"the dtype {value} of polars")
    if name == "Enum":
        return [name, value.categories.to_list()]
    return [name, value.precision, value.scale] if name == "Decimal" else [name]


def _load_polars(name: str, *arguments: Any) -> Any:
    import polars

    if name not in _POLARS:
        raise ValueError(f"it names the dtype {name!r} of polars, which is unknown")
    return getattr(polars, name)(*arguments)


_ELEMENTS = (pd.Timestamp, pd.Timedelta, pd.Period, pd.Interval)

#: Codecs of values of pandas and polars.
CODECS = [
    Codec("$index", match_kinds(pd.Index), _dump_index, _load_index),
    Codec("$element", match_kinds(*_ELEMENTS), lambda v: [pd.Index([v])], lambda index: index[0]),
    Codec("$dtype", match_kinds(np.dtype, ExtensionDtype), _dump_dtype, _load_dtype),
    Codec("$polars", _is_polars, _dump_polars, _load_polars),
]
