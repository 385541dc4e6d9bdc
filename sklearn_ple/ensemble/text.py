"""Columns of text as categories, for models that read categories but no text."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from pandas.api import types


def learn_categories(X: Any) -> dict[Any, list[Any]]:
    """Return the values of each column of a data frame that holds text, or bools as objects."""
    if not isinstance(X, pd.DataFrame) or not X.columns.is_unique:
        return {}
    return {
        name: sorted(column.dropna().unique().tolist())
        for name, column in X.items()
        if column.dtype == object or isinstance(column.dtype, pd.StringDtype)
        if types.infer_dtype(column, skipna=True) in ("string", "boolean")
    }


def as_categories(X: Any, categories: Mapping[Any, list[Any]]) -> Any:
    """Return X with categories instead of text; values that were not learnt are missing."""
    if not categories or not isinstance(X, pd.DataFrame):
        return X
    X = X.copy(deep=False)
    for name, known in categories.items():
        # Categories of objects, as a dtype of strings may differ from that of fit.
        index = pd.Index(known, dtype=object)
        codes = index.get_indexer(X[name].astype(object))
        # As text also for bools, which pandas warns of as categories.
        X[name] = pd.Categorical.from_codes(codes, index.map(str))
    return X
