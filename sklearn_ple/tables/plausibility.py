"""Warnings about X and y that can be learnt from, but are probably not what was meant."""

import re
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..utils.checks import shown
from ..utils.warn import warn

#: Texts that often stand for a missing value, in lower case.
MISSING = {"", "?", "-", "na", "n/a", "nan", "none", "null", "<na>", "missing"}
_NUMBER = re.compile(r"\s*[-+]?\d+([.,]\d*)?([eE][-+]?\d+)?\s*")
# Day or month first: the encoder reads such dates if only one order is possible.
_DATE = re.compile(r"\s*\d{1,2}[./-]\d{1,2}[./-]\d{4}\b.*")
#: With so many classes in y, or categories in X, texts of digits are codes.
_MOST_CODES, _MOST_CATEGORIES = 10, 20
# In more than _MANY_ROWS rows, strings are not categories if more than this share is distinct. In
# fewer rows, a fit without them is no better.
_MANY_ROWS, _DISTINCT = 100, 0.9
#: A range, in standard deviations, in which single precision has few distinct numbers.
_NARROW = 1e-5


def refuse_names(n_rows: int, y: Any) -> None:
    """Raise a ValueError if y names columns instead of holding a label for each row of X."""
    names = [y] if isinstance(y, str) else y
    if not isinstance(names, (list, tuple)) or len(names) in (0, n_rows):
        return
    if all(isinstance(name, str) for name in names):
        raise ValueError(
            f"y is a list of strings, {shown(names[:3])} for example, but X has {n_rows} rows: y "
            "must hold a label for each. If y names columns, pass X.drop(columns=y) and X[y]; "
            "names are for datasets and paths of files only."
        )


def warn_of_order(**tables: object) -> None:
    """Warn if the rows of arguments are in another order than those of the first one.

    Parameters
    ----------
    **tables : object
        The arguments by name. Only the indexes of data frames and series are looked at.
    """
    of_pandas = (pd.DataFrame, pd.Series)
    indexes = {name: table.index for name, table in tables.items() if isinstance(table, of_pandas)}
    first = next(iter(tables))
    for name, index in indexes.items():
        if first in indexes and _is_permuted(indexes[first], index):
            warn(
                f"{first} and {name} have the same index in different orders. Their rows are "
                f"matched by position, not by index: pass {name}.loc[{first}.index] if the index "
                "is right."
            )


def warn_of_targets_in_features(columns: Sequence[str], names: Sequence[Any]) -> None:
    """Warn if X has columns of y.

    Parameters
    ----------
    columns : sequence of str
        Names of the columns of X; empty if it has none.
    names : sequence
        Names of the columns of y that are learnt; empty if it has none.
    """
    shared = [name for name in columns if name in names]
    if shared:
        warn(
            f"X has columns with the names of targets: {shared}. If they hold the labels, scores "
            f"are far too good: drop them from X, by X.drop(columns={shared})."
        )


def _is_permuted(one: pd.Index, other: pd.Index) -> bool:
    if len(one) != len(other) or one.nlevels != other.nlevels or one.equals(other):
        return False
    if not (one.isin(other).all() and other.isin(one).all()):
        return False
    # Two samples with repeated rows may have the same entries, but not as often.
    return one.is_unique or one.value_counts().to_dict() == other.value_counts().to_dict()


def warn_of_text(name: str, classes: np.ndarray, n_labels: int) -> None:
    """Warn if texts that are treated as classes are rather numbers, ids or missing labels.

    Parameters
    ----------
    name : str
        Name of the target.
    classes : ndarray of object of shape (n_classes,)
        The distinct labels, some of which are strings.
    n_labels : int
        Number of labels.
    """
    texts = [label for label in classes if isinstance(label, str)]
    missing = [text for text in texts if text.strip().lower() in MISSING]
    if missing:
        warn(
            f"Target {name!r} has classes that may stand for missing labels: {missing}. If they "
            f"do, replace them with None, by y.replace({missing}, None)."
        )
    if len(texts) <= _MOST_CODES:
        return
    if _nearly_all(_NUMBER, texts):
        warn(
            f"Target {name!r} holds numbers as text and is treated as {len(classes)} classes. If "
            f"it is a quantity, convert it: {_to_numeric(f'y[{name!r}]', texts)}."
        )
    elif are_nearly_distinct(len(texts), n_labels):
        warn(
            f"Target {name!r} holds strings that are nearly all different, and is treated as "
            f"{len(classes)} classes with {n_labels} labels: nothing can be learnt about them."
        )


def warn_of_outliers(names: Sequence[str], spreads: np.ndarray) -> None:
    """Warn of columns in which a few numbers are so large that the others are hardly told apart.

    Parameters
    ----------
    names : sequence of str
        Names of the numeric columns.
    spreads : ndarray of shape (n_columns,)
        The range of 90 % of the numbers in each column, in standard deviations.
    """
    # In a column that is mostly of one value, the range is zero.
    for name, spread in zip(names, spreads, strict=True):
        if 0 < spread < _NARROW:
            warn(
                f"Column {name!r} of X has outliers so large that its other numbers can hardly be "
                f"told apart: 90 % of them lie within {spread:.1g} standard deviations. Replace "
                "the outliers by NaN, clip them, or take logarithms.",
                about=f"X[{shown(name)}]",
            )


def warn_of_strings(name: Hashable, texts: Sequence[str], n_rows: int, is_read: bool) -> None:
    """Warn if strings are rather numbers, dates, text or ids than categories.

    Parameters
    ----------
    name : object
        Name of the column of X.
    texts : sequence of str
        The distinct values of the column.
    n_rows : int
        Number of rows with a value.
    is_read : bool
        Whether they are read, as categories, or left out.
    """
    if len(texts) <= _MOST_CATEGORIES:
        return
    as_categories = f"is read as {len(texts)} categories, whose order is unknown"
    so = as_categories if is_read else "is left out"
    column = f"X[{shown(name)}]"
    conversions = (
        (_NUMBER, "numbers", _to_numeric(column, texts)),
        (_DATE, "dates", f"pd.to_datetime({column}, dayfirst=True), or False"),
    )
    for pattern, kind, conversion in conversions:
        if _nearly_all(pattern, texts):
            warn(
                f"Column {shown(name)} of X holds {kind} as text and {so}. Convert it: "
                f'{conversion}. If they are codes, give it the dtype "category": then there is '
                "no such warning.",
                about=column,
            )
            return
    if are_nearly_distinct(len(texts), n_rows):
        warn(
            f"Column {shown(name)} of X holds strings that are nearly all different and {so}. How "
            'text is read, and categories are declared: user guide, "Text and dates".',
            about=column,
        )


def _nearly_all(pattern: re.Pattern[str], texts: Sequence[str]) -> bool:
    """Return whether nine tenths of texts match a pattern."""
    return sum(pattern.fullmatch(text) is not None for text in texts) >= 0.9 * len(texts)


def _to_numeric(column: str, texts: Sequence[str]) -> str:
    """Return the code that turns a column of texts into numbers."""
    with_points = ".str.replace(',', '.')" if any("," in text for text in texts) else ""
    return f"pd.to_numeric({column}{with_points}, errors='coerce')"


def are_nearly_distinct(n_values: int, n_rows: int) -> bool:
    """Return whether so many distinct values in so many rows are unlikely to be categories."""
    return n_rows > _MANY_ROWS and n_values > _DISTINCT * n_rows
