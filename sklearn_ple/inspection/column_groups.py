"""Columns of tables of any type: names, groups of columns, and shuffling of their values."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from ..tables.frames import is_arrow, is_polars, keep_numbers, to_pandas
from ..tables.reading import check_in_memory
from ..utils.checks import naming, shown


@naming("X")
def to_table(X: Any) -> Any:
    """Return a table with columns unchanged, and anything else as an array.

    Raises
    ------
    ValueError
        If the result does not have two dimensions.
    """
    check_in_memory(X)
    X = to_pandas(X) if is_arrow(X) else X
    if not (is_polars(X) or sparse.issparse(X) or isinstance(X, (pd.DataFrame, np.ndarray))):
        X = np.asarray(keep_numbers(X))
    if len(X.shape) != 2:
        raise ValueError(
            f"X has no columns to shuffle: it must be 2-dimensional, but has the shape {X.shape}."
        )
    return X


def list_columns(X: Any) -> list[Any]:
    """Return the names of the columns of a table; for an array "x0", "x1" and so on."""
    return list(X.columns) if hasattr(X, "columns") else [f"x{k}" for k in range(X.shape[1])]


def find_groups(
    groups: Mapping[str, Any] | Sequence[Any] | None, names: list[Any]
) -> dict[Any, list[int]]:
    """Return the positions of the columns of each group.

    Parameters
    ----------
    groups : dict
        The columns of each group, by the name of the group: a list of names or positions, or a
        single name or position.
    names : list
        The names of all columns.

    Returns
    -------
    positions : dict of str to list of int
        The positions of the columns, by the name of the group.

    Raises
    ------
    TypeError
        If groups is not a dict.
    ValueError
        If there is no group, if a group is empty or has a column twice, or if a column does not
        exist.
    """
    if not isinstance(groups, Mapping):
        raise TypeError(
            "groups_of_columns must be a dict from the name of a group to its columns, not "
            f"{type(groups).__name__}."
        )
    if not groups:
        raise ValueError(
            "groups_of_columns is empty: name a group, or pass None to measure each column."
        )
    return {name: _find_positions(name, given, names) for name, given in groups.items()}


def _find_positions(group: Any, given: Any, names: list[Any]) -> list[int]:
    # The name of a column may be a tuple.
    is_one = isinstance(given, str) or not np.iterable(given)
    is_one |= isinstance(given, tuple) and given in names
    columns = [given] if is_one else list(given)
    what, found = f"Group {shown(group)} of groups_of_columns", []
    for column in columns:
        is_mask = isinstance(column, (bool, np.bool_))
        is_name, is_number = column in names, isinstance(column, (int, np.integer))
        if is_mask or not (is_name or (is_number and 0 <= column < len(names))):
            raise ValueError(
                f"{what} has the column {shown(column)}, which is neither the name nor the "
                f"position of a column of X; the columns of X are {names}."
            )
        found.append(names.index(column) if is_name else int(column))
    if len(set(found)) < max(len(found), 1):
        raise ValueError(f"{what} must name columns, each once, not {columns}.")
    return found


def shuffle_columns(X: Any, columns: list[int], order: np.ndarray) -> Any:
    """Return a table in which the values of some columns are in another order; X is not changed.

    Parameters
    ----------
    X : ndarray, sparse matrix or DataFrame of shape (n_rows, n_columns)
        The table.
    columns : list of int
        Positions of the columns whose values are moved together.
    order : ndarray of shape (n_rows,)
        For each row, the row that the values of these columns come from.

    Returns
    -------
    object
        A table of the same type as X.
    """
    if is_polars(X):
        return X.with_columns(X[:, columns][order])
    if sparse.issparse(X):
        return _shuffled_sparse(X, columns, order)
    moved = X.copy() if isinstance(X, np.ndarray) else X.copy(deep=False)
    if isinstance(moved, np.ndarray):
        moved[:, columns] = X[:, columns][order]
        return moved
    for position in columns:
        # A column keeps its dtype, and its place among others of the same name.
        moved.isetitem(position, X.iloc[:, position].array.take(order))
    return moved


def _shuffled_sparse(X: Any, columns: list[int], order: np.ndarray) -> Any:
    by_column = X.tocsc()
    others = np.setdiff1d(np.arange(X.shape[1]), columns)
    parts = [by_column[:, others], by_column[:, columns][order]]
    back = np.argsort(np.concatenate([others, columns]))
    return sparse.hstack(parts, format="csc")[:, back].asformat(X.format)
