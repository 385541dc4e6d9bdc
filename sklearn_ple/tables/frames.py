"""Tables of pandas, polars, Arrow and NumPy; polars is not imported to read them."""

import os
import re
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from ..utils._sklearn import _safe_indexing
from ..utils.versions import needing
from .arrow import is_foreign, to_frame, to_native, unpack

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

# What has no rows in memory, by package and name of the class: what to do instead.
_WRITE = "pass what its {}() returns, or the path of the files that its {} writes"
_UNREAD = {
    ("polars", "LazyFrame"): _WRITE.format("collect", "sink_parquet"),
    ("pyarrow", "RecordBatchReader"): "pass what its read_all() returns",
    ("duckdb", "DuckDBPyRelation"): _WRITE.format("to_arrow_table", "to_parquet"),
    ("dask", "Array"): "pass what its compute() returns",
    ("dask", "FrameBase"): _WRITE.format("compute", "to_parquet")
    + '. "Clusters" in the recipes predicts its parts, by map_partitions',
    ("pyspark", "DataFrame"): _WRITE.format("toPandas", "write.parquet")
    + '. "Clusters" in the recipes predicts its parts, by mapInPandas',
    ("ray", "Dataset"): _WRITE.format("to_pandas", "write_parquet"),
}
# Dtypes of polars that Arrow does not have.
_NOT_OF_ARROW = ("Int128", "UInt128", "Object")


def refuse_unread(data: object) -> None:
    """Raise a TypeError for a table whose rows are elsewhere: in a query, or on a cluster."""
    # DuckDB's classes are in _duckdb, and Dask's frames in dask_expr in some versions.
    for cls in type(data).__mro__:
        package = cls.__module__.partition(".")[0].lstrip("_").removesuffix("_expr")
        if way := _UNREAD.get((package, cls.__name__)):
            what = f"The {type(data).__name__} of {package}"
            raise TypeError(f"{what} has no rows in memory: {way}.")


def is_polars(data: object) -> bool:
    """Return whether data is a frame or series of polars."""
    polars = sys.modules.get("polars")
    return polars is not None and isinstance(data, (polars.DataFrame, polars.Series))


def _polars_to_arrow(frame: "pl.DataFrame") -> "pa.Table":
    """Turn a frame of polars into a table of Arrow.

    Raises
    ------
    ImportError
        If pyarrow is not installed.
    TypeError
        If Arrow does not have the dtype of a column.
    """
    with needing("Data of polars need pyarrow", "polars"):
        import pyarrow  # noqa: F401
    for name, dtype in frame.schema.items():
        if str(dtype) in _NOT_OF_ARROW:
            raise TypeError(
                f"Column {name!r} is of dtype {dtype}, which Arrow does not have: cast it to "
                "Int64, Float64 or String."
            )
    return frame.to_arrow()


def drop_order(data: "pl.DataFrame | pl.Series") -> "pl.DataFrame | pl.Series":
    """Turn Categoricals of a frame or series of polars into strings."""
    import polars

    if isinstance(data, polars.Series):
        return data.cast(polars.String) if isinstance(data.dtype, polars.Categorical) else data
    return data.cast({polars.Categorical: polars.String})


def is_arrow(data: object) -> bool:
    """Return whether data is a table of Arrow, or a column of one."""
    arrow: Any = sys.modules.get("pyarrow")
    return arrow is not None and isinstance(
        data, (arrow.Table, arrow.RecordBatch, arrow.Array, arrow.ChunkedArray)
    )


def find_library(data: object) -> str:
    """Return the library of a table or column: "pandas", also for Arrow's, "polars" or "numpy"."""
    if is_polars(data):
        return "polars"
    return "pandas" if is_arrow(data) or isinstance(data, (pd.DataFrame, pd.Series)) else "numpy"


def takeable(data: Any) -> Any:
    """Return data whose rows can be taken by number: Arrow's and pandas' may need another form."""
    refuse_unread(data)
    if isinstance(data, pd.Series):
        return use_native_order(data)
    if isinstance(data, pd.DataFrame):
        is_native = all(getattr(dtype, "isnative", True) for dtype in data.dtypes)
        return data if is_native else data.apply(use_native_order)
    return unpack(data) if is_arrow(data) else data


def take_rows(data: Any, rows: np.ndarray) -> Any:
    """Take rows of X or y by number, also of forms that `_safe_indexing` does not read."""
    if is_arrow(data):
        return takeable(data).take(rows)
    return _safe_indexing(data.tocsr() if sparse.issparse(data) else data, rows)


def holds_paths(X: Any) -> bool:
    """Return whether X is a path, a URL, or a list of these."""
    paths = X if isinstance(X, (list, tuple)) else [X]
    return bool(paths) and all(isinstance(path, (str, os.PathLike)) for path in paths)


def is_dataset(X: Any) -> bool:
    """Return whether X is a dataset of pyarrow or paths of files, and not a table in memory.

    A list of texts is one, too, although a step of a pipeline may read it.
    """
    module: Any = sys.modules.get("pyarrow.dataset")
    return holds_paths(X) or (module is not None and isinstance(X, module.Dataset))


def to_pandas(data: Any, needs_order: bool = False) -> Any:
    """Turn data of polars or Arrow into pandas, and dictionaries of Arrow into categories.

    Columns of Arrow's types that are neither numbers nor text become objects, and its dates become
    those of NumPy. Masked values of an array become missing, see `fill_mask`. Other data are
    returned unchanged. Where the order of categories is needed, it is that of all parts of a
    column.
    """
    refuse_unread(data)
    if is_polars(data):
        is_series = isinstance(data, sys.modules["polars"].Series)
        frame = to_pandas(_polars_to_arrow(data.to_frame() if is_series else data), needs_order)
        # Without a name, a Series of polars has an empty one.
        return frame.iloc[:, 0].rename(data.name or None) if is_series else frame
    if is_arrow(data):
        data = to_frame(data)
    if isinstance(data, pd.Series):
        return to_native(data, needs_order) if is_foreign(data.dtype) else data
    if not isinstance(data, pd.DataFrame):
        return fill_mask(data)
    places = [place for place, dtype in enumerate(data.dtypes) if is_foreign(dtype)]
    if places:
        data = data.copy(deep=False)
    for place in places:
        data.isetitem(place, to_native(data.iloc[:, place], needs_order))
    return data


def fill_mask(data: Any) -> Any:
    """Replace masked values of an array of NumPy by NaN or, if they are not floats, by None.

    Data other than masked arrays are returned unchanged.
    """
    if not isinstance(data, np.ma.MaskedArray):
        return data
    if not np.ma.is_masked(data):
        return data.data
    # Converting to floats would round large integers, and would turn bools into numbers.
    return data.filled(np.nan) if data.dtype.kind == "f" else np.array(data.tolist(), dtype=object)


def keep_numbers(data: Any) -> Any:
    """Convert rows to an array, of objects if there are strings; return arrays unchanged.

    NumPy itself would turn the numbers of rows with strings into strings.
    """
    if hasattr(data, "shape"):
        return data
    array = np.asarray(data)
    return np.asarray(data, dtype=object) if array.dtype.kind == "U" else array


def use_native_order(
    values: pd.Series | pd.Index | np.ndarray,
) -> pd.Series | pd.Index | np.ndarray:
    """Return a column, index or array in the byte order of the machine, which pandas needs."""
    if not isinstance(values.dtype, np.dtype) or values.dtype.isnative:
        return values
    return values.astype(values.dtype.newbyteorder("="))


def sort_names(names: Iterable[Any]) -> np.ndarray:
    """Return the positions that sort names, with numbers in them sorted by value: x2 before x10.

    So the columns of an array, which are named x0, x1 and so on, keep their order. If not all
    names are strings, they keep their order too.
    """
    listed = list(names)
    if not all(isinstance(name, str) for name in listed):
        return np.arange(len(listed))
    keys = [(re.sub(r"\d+", lambda run: run[0].zfill(9), name), name) for name in listed]
    return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.intp)
