"""Turns tables and columns of Arrow into those of pandas, where neither library does it."""

import sys
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionDtype

from ..utils.checks import check_unique
from ..utils.warn import warn

if TYPE_CHECKING:
    import pyarrow as pa

    Packed: TypeAlias = pa.Table | pa.RecordBatch | pa.Array | pa.ChunkedArray

# Types of Arrow with which pandas computes; it has the others itself, or reads them as objects.
_USABLE = ("boolean", "integer", "floating", "decimal", "duration", "string", "large_string")


def to_frame(data: "Packed") -> pd.DataFrame | pd.Series:
    """Turn a table or a column of Arrow into a data frame or a series, of Arrow's dtypes.

    Raises
    ------
    ValueError
        If several columns have the same name.
    """
    # Only a column of a table has a name, which a converted one lacks.
    name = getattr(data, "_name", None)
    data = unpack(data)
    if not isinstance(data, sys.modules["pyarrow"].Table):
        return data.to_pandas(types_mapper=pd.ArrowDtype).rename(name)
    check_unique("The table", data.schema.names)
    frame = data.to_pandas(types_mapper=pd.ArrowDtype)
    # pandas restores names that are no strings, as other libraries do not.
    index = (data.schema.pandas_metadata or {}).get("index_columns", [])
    return frame.set_axis([name for name in data.schema.names if name not in index], axis=1)


def unpack(data: "Packed") -> "Packed":
    """Return a table or column of Arrow in a form whose rows can be taken by their numbers."""
    arrow = sys.modules["pyarrow"]
    if isinstance(data, arrow.RecordBatch):
        data = arrow.Table.from_batches([data])
    if not isinstance(data, arrow.Table):
        return to_storable(data)
    columns = [
        to_storable(column) if _is_packed(column.type) else column for column in data.columns
    ]
    schema = data.schema
    return arrow.Table.from_arrays(columns, names=schema.names, metadata=schema.metadata)


def _is_packed(dtype: "pa.DataType") -> bool:
    """Return whether rows of a type cannot be taken: views of text, and runs of equal values."""
    arrow = sys.modules["pyarrow"]
    values = dtype.value_type if arrow.types.is_dictionary(dtype) else dtype
    is_view = values in (arrow.string_view(), arrow.binary_view())
    return is_view or arrow.types.is_run_end_encoded(dtype)


def to_storable(column: "pa.Array | pa.ChunkedArray") -> "pa.Array | pa.ChunkedArray":
    """Convert an array, or a column in several parts, to a type in which it can be stored."""
    arrow, dtype = sys.modules["pyarrow"], storable(column.type)
    if column.type == dtype:
        return column
    if arrow.types.is_run_end_encoded(column.type):
        from pyarrow import compute

        return to_storable(compute.run_end_decode(column))
    if isinstance(column, arrow.ChunkedArray):
        return arrow.chunked_array(list(map(to_storable, column.chunks)), dtype)
    if not arrow.types.is_dictionary(dtype):
        return column.cast(dtype)
    codes, categories = column.indices.cast(dtype.index_type), to_storable(column.dictionary)
    return arrow.DictionaryArray.from_arrays(codes, categories, ordered=dtype.ordered)


def storable(dtype: "pa.DataType") -> "pa.DataType":
    """Return a type in which all values can be stored: codes of 32 bits, no views and no runs."""
    arrow = sys.modules["pyarrow"]
    if arrow.types.is_run_end_encoded(dtype):
        return storable(dtype.value_type)
    if arrow.types.is_dictionary(dtype):
        return arrow.dictionary(arrow.int32(), storable(dtype.value_type), dtype.ordered)
    views = {arrow.string_view(): arrow.large_string(), arrow.binary_view(): arrow.large_binary()}
    return views.get(dtype, dtype)


def is_foreign(dtype: np.dtype | ExtensionDtype) -> bool:
    """Return whether a dtype of pandas is one of Arrow's that to_native has to convert."""
    if not isinstance(dtype, pd.ArrowDtype):
        return False
    types = sys.modules["pyarrow"].types
    return not any(getattr(types, f"is_{kind}")(dtype.pyarrow_dtype) for kind in _USABLE)


def to_native(column: pd.Series, needs_order: bool) -> pd.Series:
    """Turn a series of such a dtype into categories, dates, strings or objects.

    If the order of categories is needed, it is that of all parts of the column.
    """
    arrow = sys.modules["pyarrow"]
    # pyarrow 22 and earlier versions cannot convert unsigned codes to pandas.
    values = arrow.chunked_array(to_storable(arrow.array(column.array)))
    if arrow.types.is_dictionary(values.type):
        if arrow.types.is_nested(values.type.value_type):
            values = _decode(values)
        else:
            values = _unify_dictionaries(values, column.name, needs_order)
    if arrow.types.is_time64(values.type):
        # Python's times of day, which are refused by their type, have no nanoseconds.
        values = values.cast(arrow.time64("us"), safe=False)
    if arrow.types.is_large_string(values.type):
        native = pd.Series(values.to_pandas(types_mapper=pd.ArrowDtype))
    else:
        try:
            native = values.to_pandas(date_as_object=False)
        except arrow.ArrowNotImplementedError:
            native = pd.Series(values.to_pylist(), dtype=object)
    return native.set_axis(column.index).rename(column.name)


def _decode(column: "pa.ChunkedArray") -> "pa.ChunkedArray":
    """Return the values of a column of dictionaries."""
    values = [chunk.dictionary_decode() for chunk in column.chunks]
    return sys.modules["pyarrow"].chunked_array(values, column.type.value_type)


def list_categories(dictionary: "pa.Array") -> "pa.Array":
    """Return the values of a dictionary once each, without null and NaN."""
    from pyarrow import compute

    return dictionary.filter(compute.invert(dictionary.is_null(nan_is_null=True))).unique()


def _unify_dictionaries(
    column: "pa.ChunkedArray", name: Hashable, needs_order: bool
) -> "pa.ChunkedArray":
    """Return a column whose parts share a dictionary, or its values if they cannot share one."""
    import pyarrow as arrow
    from pyarrow import compute

    dtype = column.type
    different: list[Any] = []
    for dictionary in (chunk.dictionary for chunk in column.chunks):
        if not any(map(dictionary.equals, different)):
            different.append(dictionary)
    parts = [list_categories(dictionary) for dictionary in different]
    is_clean = list(map(len, parts)) == list(map(len, different))
    is_ordered = dtype.ordered and needs_order
    if is_clean and (not is_ordered or len(different) < 2):
        return column
    categories = arrow.chunked_array(parts).unique()
    # Two categories make a binary task, which needs no order.
    if is_ordered and len(categories) > 2 and not all(map(parts[0].equals, parts)):
        orders = [part.to_pylist() for part in parts]
        warn(
            f"The parts of column {name!r} have the orders {orders}: it is read without one. Make "
            "all parts with the same categories in the same order."
        )
        return _decode(column)
    codes = compute.index_in(_decode(column), value_set=categories).combine_chunks()
    whole = arrow.DictionaryArray.from_arrays(codes, categories, ordered=dtype.ordered)
    return arrow.chunked_array([whole])
