"""Data frames of pandas and polars, read without importing polars."""

from __future__ import annotations

import sys
from typing import Any

import pandas as pd


def is_polars(data: Any) -> bool:
    """Whether data is a frame or series of polars."""
    polars = sys.modules.get("polars")
    return polars is not None and isinstance(data, (polars.DataFrame, polars.Series))


def polars_to_pandas(data: Any) -> Any:
    """Turn a frame or series of polars into one of pandas, without pyarrow."""
    if isinstance(data, sys.modules["polars"].Series):
        if data.dtype.is_integer() and data.null_count():
            return pd.Series(data.to_list(), name=data.name, dtype="Int64")
        values = pd.Series(data.to_numpy(), name=data.name)
        if type(data.dtype).__name__ in ("Enum", "Categorical"):
            # Only an Enum declares its categories; a Categorical's may come from other columns.
            declared = type(data.dtype).__name__ == "Enum"
            categories = list(data.dtype.categories) if declared else None
            return values.astype(pd.CategoricalDtype(categories))
        return values
    return pd.DataFrame({name: polars_to_pandas(data[name]) for name in data.columns})


def to_pandas(data: Any) -> Any:
    """Turn what is polars into pandas; all else comes back as it is."""
    return polars_to_pandas(data) if is_polars(data) else data
