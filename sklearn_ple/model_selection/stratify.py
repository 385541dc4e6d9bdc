"""Parts of the rows in which every task's labels are spread alike: iterative stratification."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types
from scipy import sparse
from sklearn.utils import check_array

from ..encoding import as_frame, numbers_are_classes
from ..warn import warn


@dataclass(frozen=True)
class Strata:
    """One task's labels as whole numbers.

    Attributes
    ----------
    name : str
        Name of the task.
    codes : ndarray of shape (n_rows,)
        The number of each row's class or bin, -1 where there is no label.
    classes : list or None
        The classes that the codes stand for; None for bins.
    """

    name: str
    codes: np.ndarray
    classes: list | None

    @classmethod
    def read(cls, name: str, column: pd.Series, n_bins: int, least_share: float) -> Strata:
        """Read a task's labels; each bin of numbers has two for the smallest part."""
        there = column.notna().to_numpy()
        observed = column[there].infer_objects()
        codes = np.full(len(column), -1)
        if types.is_numeric_dtype(observed) and not types.is_bool_dtype(observed):
            is_integer = types.is_integer_dtype(observed)
            numbers = observed.to_numpy(dtype=None if is_integer else np.float64)
            # As for task_types="auto".
            if not numbers_are_classes(np.unique(numbers)):
                # Smaller bins would be as pressing as rare classes.
                n_bins = max(min(n_bins, int(len(numbers) * least_share / 2)), 1)
                levels = np.arange(1, n_bins) / n_bins
                edges = np.unique(np.quantile(numbers, levels, method="lower"))
                codes[there] = np.searchsorted(edges, numbers)
                return cls(name, codes, None)
        codes[there], classes = pd.factorize(observed)
        return cls(name, codes, classes.tolist())


def stratify(
    y: Any, sizes: Any, n_bins: int, parts: str, groups: Any = None, rng: Any = None
) -> np.ndarray:
    """Divide the rows into parts in which all tasks' labels are spread alike.

    Parameters
    ----------
    y : {array-like, DataFrame} of shape (n_rows, n_tasks) or (n_rows,)
        The labels.
    sizes : sequence of int
        Number of rows of each part, none of them zero; the rest of the rows is in none. With
        groups the numbers are approximate.
    n_bins : int
        The most bins for a task of numbers.
    parts : str
        What the parts are, for messages.
    groups : array-like of shape (n_rows,), default=None
        The group of each row; none is divided.
    rng : RandomState instance, default=None
        Shuffles the rows; without it, they are taken in their order.

    Returns
    -------
    part : ndarray of shape (n_rows,)
        The number of each row's part; that of those in none is greater than all others.
    """
    if y is None:
        raise ValueError(f"y is None, but it takes labels to balance {parts}: pass y.")
    sizes = np.asarray(sizes)
    table = as_frame(y)
    least_share = sizes.min() / len(table)
    tasks = [
        Strata.read(name, table.iloc[:, position], n_bins, least_share)
        for position, name in enumerate(table.columns)
    ]
    order = np.arange(len(table)) if rng is None else rng.permutation(len(table))
    units = None
    if groups is not None:
        groups = check_array(groups, input_name="groups", ensure_2d=False, dtype=None)
        units = pd.factorize(groups[order])[0]
    part = np.empty(len(table), dtype=int)
    rest = len(table) - sizes.sum()
    part[order] = deal(_values(tasks)[order], np.append(sizes, rest) if rest else sizes, units)
    _check_parts(tasks, part, len(sizes), parts, groups)
    return part


def _values(tasks: list[Strata]) -> np.ndarray:
    """Return what is to be spread: each task's labels, and whether there is one."""
    columns = []
    for task in tasks:
        missing = task.codes < 0
        columns.append(task.codes + missing.any())
        if 0 < missing.sum() < len(missing):
            # A task with many classes of few labels has labels everywhere by this alone.
            columns.append(missing.astype(int))
    return np.column_stack(columns)


def deal(values: np.ndarray, sizes: np.ndarray, groups: np.ndarray | None = None) -> np.ndarray:
    """Deal rows out to parts so that each gets its share of each value of each column.

    Rows that are all alike are dealt out at once, as far as whole rows go. The rest goes row by
    row, or group by group, those with the rarest value first, to the part that lacks most of what
    it should have of their values; the rarer a value, the more it counts. A full part gets nothing
    more.

    Parameters
    ----------
    values : ndarray of int of shape (n_rows, n_columns)
        What is to be spread: values from 0 on, all of which occur.
    sizes : ndarray of int of shape (n_parts,)
        Number of rows of each part; with groups it may be passed by the last group.
    groups : ndarray of int of shape (n_rows,), default=None
        The group of each row, from 0 on.

    Returns
    -------
    part : ndarray of shape (n_rows,)
        The number of each row's part.
    """
    n_rows, n_columns = values.shape
    n_values = values.max(axis=0) + 1
    values = values + np.cumsum(n_values) - n_values
    total = np.bincount(values.ravel())
    shares = sizes / n_rows
    counts = sparse.csr_array(
        (np.ones(values.size), values.ravel(), np.arange(n_rows + 1) * n_columns),
        shape=(n_rows, len(total)),
    )
    if groups is None:
        part = _deal_equal_rows(values, shares)
    else:
        rows = np.arange(n_rows)
        counts = sparse.csr_array((np.ones(n_rows), (groups, rows))) @ counts
        part = np.full(counts.shape[0], -1)
    n_rows_of = counts.sum(axis=1) / n_columns

    wanted = np.outer(total, shares)
    dealt = [np.asarray(counts[part == p].sum(axis=0)) for p in range(len(sizes))]
    lack = (1 - np.column_stack(dealt) / wanted) / total[:, np.newaxis]
    step = 1 / (wanted * total[:, np.newaxis])
    room = sizes - [n_rows_of[part == p].sum() for p in range(len(sizes))]
    starts = counts.indptr
    rarest = np.minimum.reduceat(total[counts.indices], starts[:-1])
    order = np.lexsort((-n_rows_of, rarest))
    for unit in order[part[order] < 0]:
        entries = slice(starts[unit], starts[unit + 1])
        held, n_held = counts.indices[entries], counts.data[entries]
        need = n_held @ lack[held]
        need[room <= 0] = -np.inf
        best = need.argmax()
        part[unit] = best
        room[best] -= n_rows_of[unit]
        lack[held, best] -= n_held * step[held, best]
    return part if groups is None else part[groups]


def _deal_equal_rows(values: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Deal out equal rows as long as each part gets some; -1 marks the rest."""
    equal = pd.DataFrame(values).groupby(list(range(values.shape[1])), sort=False)
    kind, rank = equal.ngroup().to_numpy(), equal.cumcount().to_numpy()
    n_least = np.floor(np.bincount(kind) * shares.min())
    ends = np.floor(np.outer(n_least, shares / shares.min())).cumsum(axis=1)
    part = (rank[:, np.newaxis] >= ends[kind]).sum(axis=1)
    return np.where(part < len(shares), part, -1)


def _check_parts(
    tasks: list[Strata], part: np.ndarray, n_parts: int, parts: str, groups: np.ndarray | None
) -> None:
    """Raise where a part is empty or has no label of a task, warn where it lacks a class."""
    if groups is not None and not np.bincount(part, minlength=n_parts)[:n_parts].all():
        raise ValueError(
            f"The {len(np.unique(groups))} groups do not fill {parts}: take fewer or larger "
            "parts, or smaller groups."
        )
    for task in tasks:
        there = np.flatnonzero(task.codes >= 0)
        dealt = there[part[there] < n_parts]
        counts = np.zeros((n_parts, task.codes.max() + 1), dtype=int)
        np.add.at(counts, (part[dealt], task.codes[dealt]), 1)
        if not counts.any(axis=1).all():
            among = "" if groups is None else f", in {len(np.unique(groups[there]))} of the groups"
            raise ValueError(
                f"Task {task.name!r} has too few labels for one in each of {parts}: "
                f"{len(there)}{among}. Take fewer or larger parts, or leave the task out."
            )
        absent = np.flatnonzero((counts == 0).any(axis=0))
        if task.classes is not None and len(absent):
            n_labels = np.bincount(task.codes[there])
            listed = [f"{task.classes[code]!r} ({n_labels[code]})" for code in absent[:10]]
            warn(
                f"Task {task.name!r} has too few labels of some classes for one in each of "
                f"{parts}: {', '.join(listed)}{' and more' if len(absent) > 10 else ''}."
            )
