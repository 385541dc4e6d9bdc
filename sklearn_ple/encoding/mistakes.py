"""Warnings about X and y that can be learnt from, but are probably not what was meant."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..warn import warn
from .categories import are_nearly_distinct

#: Texts that often stand for a missing label.
_MISSING = {"", "?", "-", "na", "n/a", "nan", "none", "null", "<na>", "missing"}
_NUMBER = re.compile(r"\s*[-+]?\d+([.,]\d*)?([eE][-+]?\d+)?\s*")
#: A range, in standard deviations, in which single precision has few distinct numbers.
_NARROW = 1e-5
#: With fewer classes, texts of digits are codes.
_MOST_CODES = 10


def refuse_names(columns: Sequence[str], n_rows: int, y: Any) -> None:
    """Raise an error if y names columns of a data frame X instead of holding labels.

    Parameters
    ----------
    columns : sequence of str
        Names of the columns of X; empty if it has none.
    n_rows : int
        Number of rows of X.
    y : object
        The argument of fit.

    Raises
    ------
    ValueError
        If all entries of y are names of columns.
    """
    names = [y] if isinstance(y, str) else y
    if not isinstance(names, (list, tuple)) or len(names) in (0, n_rows):
        return
    if all(isinstance(name, str) and name in columns for name in names):
        raise ValueError(
            f"y={y!r} names columns of X, which is for datasets and paths of files only: with a "
            f"data frame pass X.drop(columns={list(names)}) and X[{list(names)}]."
        )


def warn_of_order(**tables: Any) -> None:
    """Warn if the rows of arguments are in another order than those of the first one.

    Parameters
    ----------
    **tables : object
        The arguments by name. Only the indexes of data frames and series are looked at.
    """
    of_pandas = (pd.DataFrame, pd.Series)
    indexes = {name: own.index for name, own in tables.items() if isinstance(own, of_pandas)}
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
    missing = [text for text in texts if text.strip().lower() in _MISSING]
    if missing:
        warn(
            f"Target {name!r} has classes that may stand for missing labels: {missing}. If they "
            f"do, replace them with None, by y.replace({missing}, None)."
        )
    if len(texts) <= _MOST_CODES:
        return
    numbers = sum(_NUMBER.fullmatch(text) is not None for text in texts)
    if numbers >= 0.9 * len(texts):
        warn(
            f"Target {name!r} holds numbers as text and is treated as {len(classes)} classes. If "
            f"it is a quantity, convert it: pd.to_numeric(y[{name!r}], errors='coerce')."
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
                "the outliers by NaN, clip them, or take logarithms."
            )
