"""Iterative stratification: parts of the rows in which all tasks' labels are spread evenly."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from pandas.api import types
from scipy import sparse

from ..tables.kinds import TaskTypes, assign_kinds, find_ignored, has_classes, select_learnt
from ..tables.labels import as_frame, numbers_are_classes
from ..utils.warn import warn

# Greatest number of bins of a task with numbers.
_MOST_BINS = 5


@dataclass(frozen=True)
class Strata:
    """The labels of one task as integer codes.

    Attributes
    ----------
    name : str
        Name of the task.
    codes : ndarray of int of shape (n_rows,)
        Code of each row's class or bin; -1 if the label is missing.
    classes : list or None
        The classes that the codes stand for; None for bins.
    """

    name: str
    codes: np.ndarray
    classes: list | None

    @classmethod
    def read(
        cls, name: str, column: pd.Series, least_share: float, is_class: bool | None = None
    ) -> "Strata":
        """Read a task's labels; a bin of numbers has at least two for the smallest part.

        They are classes or numbers as ``is_class`` says; if it is None, as with "auto".
        """
        there = column.notna().to_numpy()
        observed = column[there].infer_objects()
        codes = np.full(len(column), -1)
        is_number = types.is_numeric_dtype(observed) and not types.is_bool_dtype(observed)
        if is_number and not is_class:
            is_integer = is_class is None and types.is_integer_dtype(observed)
            numbers = observed.to_numpy(dtype=None if is_integer else np.float64)
            # Two numbers are spread like two classes, whatever they are.
            if not numbers_are_classes(numbers):
                # Smaller bins would have the same priority as rare classes.
                n_bins = max(min(_MOST_BINS, int(len(numbers) * least_share / 2)), 1)
                levels = np.arange(1, n_bins) / n_bins
                edges = np.unique(np.quantile(numbers, levels, method="lower"))
                codes[there] = np.searchsorted(edges, numbers)
                return cls(name, codes, None)
        codes[there], classes = pd.factorize(observed)
        return cls(name, codes, None if is_class is False else classes.tolist())


def stratify(
    y: Any,
    sizes: ArrayLike,
    parts: str,
    groups: np.ndarray | None = None,
    rng: np.random.RandomState | None = None,
    task_types: TaskTypes = "auto",
    family: str | None = None,
) -> np.ndarray:
    """Divide the rows into parts in which the labels of all tasks are spread evenly.

    Parameters
    ----------
    y : {array-like, DataFrame} of shape (n_rows, n_tasks) or (n_rows,)
        The labels.
    sizes : sequence of int
        Number of rows in each part, at least 1. If the sum is less than n_rows, the remaining rows
        are in no part. With groups the sizes are approximate.
    parts : str
        Name of the parts in messages, such as "5 folds".
    groups : ndarray of int of shape (n_rows,), default=None
        Group of each row, numbered from 0; no group is divided.
    rng : RandomState instance, default=None
        Shuffles the rows first. By default they keep their order.
    task_types : str, tuple, Task, sequence of these or dict, default="auto"
        Parameter of the estimators: which columns of y matter, and which have classes.
    family : {"class", "number"} or None, default=None
        What the labels of tasks of the kind "auto" are; None infers it for each task.

    Returns
    -------
    part : ndarray of int of shape (n_rows,)
        Number of each row's part, from 0. Rows in no part have the number of parts.

    Raises
    ------
    ValueError
        If y is None, or if a part would have no row, or no label of some task.
    """
    if y is None:
        raise ValueError(f"y is None, but labels are needed to stratify {parts}: pass y.")
    sizes = np.asarray(sizes)
    table = as_frame(y)
    least_share, names = sizes.min() / len(table), list(table.columns)
    kinds = assign_kinds(task_types, names)
    tasks = []
    for k in select_learnt(names, partial(find_ignored, task_types)):
        is_class = has_classes(names[k], kinds[names[k]], family)
        tasks.append(Strata.read(names[k], table.iloc[:, k], least_share, is_class))
    order = np.arange(len(table)) if rng is None else rng.permutation(len(table))
    units = None if groups is None else pd.factorize(groups[order])[0]
    values = _list_values(tasks)[order]
    part = np.empty(len(table), dtype=int)
    part[order] = deal(values, sizes, units)
    if groups is not None and not np.isin(np.arange(len(sizes)), part).all():
        raise ValueError(
            f"The {len(np.unique(groups))} groups do not fill {parts}: use fewer or larger parts, "
            "or smaller groups."
        )
    unit_of = np.arange(len(table)) if groups is None else groups
    needs = _list_needs(tasks, unit_of, len(sizes))
    first = np.unique(unit_of, return_index=True)[1]
    # Parts that lack nothing stay as they are: published results depend on them.
    if needs.measure_lack(part[first]):
        again = np.empty_like(part)
        again[order] = deal(values, sizes, units, by_all=True)
        mended = [needs.swap(found[first]) for found in (part, again)]
        part = min(mended, key=needs.measure_lack)[unit_of]
    _check_labels(tasks, part, len(sizes), parts, groups)
    return part


def _list_needs(tasks: list[Strata], unit_of: np.ndarray, n_parts: int) -> "Needs":
    """Return what each part needs: a label of each task and class of which there are enough."""
    units, columns = [], []
    weights: list[int] = []
    for task in tasks:
        there = np.flatnonzero(task.codes >= 0)
        # A swap moves two labels of each task: no gain of classes outweighs the loss of a task.
        wanted = [(np.zeros_like(there), 1, 2 * len(tasks) + 1)]
        if task.classes is not None:
            wanted.append((task.codes[there], len(task.classes), 1))
        for codes, n_codes, weight in wanted:
            units.append(unit_of[there])
            columns.append(len(weights) + codes)
            weights += n_codes * [weight]
    n_rows = np.bincount(unit_of)
    places = np.concatenate(units), np.concatenate(columns)
    n_labels = sparse.csr_array((np.ones(len(places[0])), places), (len(n_rows), len(weights)))
    held = (n_labels > 0).astype(float)
    enough = np.flatnonzero(held.sum(axis=0) >= n_parts)
    return Needs(held[:, enough], np.array(weights)[enough], n_rows, n_parts)


def _list_values(tasks: list[Strata]) -> np.ndarray:
    """Return the values to spread: the labels of each task, and whether they are missing."""
    columns = []
    for task in tasks:
        missing = task.codes < 0
        columns.append(task.codes + missing.any())
        if 0 < missing.sum() < len(missing):
            # If a task has many rare classes, only this column spreads its labels over all parts.
            columns.append(missing.astype(int))
    return np.column_stack(columns)


def deal(
    values: np.ndarray, sizes: np.ndarray, groups: np.ndarray | None = None, by_all: bool = False
) -> np.ndarray:
    """Assign rows to parts so that each part gets its share of each value of each column.

    Rows with equal values are assigned together, as far as each part gets whole rows. The
    remaining rows, or all groups, are assigned one by one, those with the rarest value first. Each
    goes to the part that lacks most of its share of the row's values, where rarer values have
    greater weights. A full part gets no more rows. When there are only as many groups left as
    empty parts, each goes to an empty one.

    Parameters
    ----------
    values : ndarray of int of shape (n_rows, n_columns)
        The values to spread: in each column integers from 0, all of which occur.
    sizes : ndarray of int of shape (n_parts,)
        Number of rows in each part. With groups, the last group of a part may exceed it. If the
        sum is less than n_rows, the remaining rows are a further part, which may be empty.
    groups : ndarray of int of shape (n_rows,), default=None
        Group of each row: integers from 0, all of which occur.
    by_all : bool, default=False
        Whether, of rows or groups whose rarest values are equally rare, those with the rarer
        values altogether come first. This finds parts for few labels of many tasks more often.

    Returns
    -------
    part : ndarray of int of shape (n_rows,)
        Number of each row's part, from 0.
    """
    n_rows, n_columns = values.shape
    n_parts, rest = len(sizes), n_rows - sizes.sum()
    sizes = np.append(sizes, rest) if rest else sizes
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
    rarity = counts @ (1 / total) if by_all else np.zeros(len(rarest))
    order = np.lexsort((-n_rows_of, -rarity, rarest))
    left = order[part[order] < 0]
    empty = np.arange(len(sizes)) < (0 if groups is None else n_parts)
    for n_left, unit in zip(range(len(left), 0, -1), left, strict=True):
        entries = slice(starts[unit], starts[unit + 1])
        held, n_held = counts.indices[entries], counts.data[entries]
        need = n_held @ lack[held]
        need[room <= 0] = -np.inf
        if n_left <= empty.sum():
            need[~empty] = -np.inf
        best = need.argmax()
        part[unit], empty[best] = best, False
        room[best] -= n_rows_of[unit]
        lack[held, best] -= n_held * step[held, best]
    return part if groups is None else part[groups]


def _deal_equal_rows(values: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Assign rows with equal values while each part gets some; -1 marks the remaining rows."""
    equal = pd.DataFrame(values).groupby(list(range(values.shape[1])), sort=False)
    kind, rank = equal.ngroup().to_numpy(), equal.cumcount().to_numpy()
    n_least = np.floor(np.bincount(kind) * shares.min())
    ends = np.floor(np.outer(n_least, shares / shares.min())).cumsum(axis=1)
    part = (rank[:, np.newaxis] >= ends[kind]).sum(axis=1)
    return np.where(part < len(shares), part, -1)


def _check_labels(
    tasks: list[Strata], part: np.ndarray, n_parts: int, parts: str, groups: np.ndarray | None
) -> None:
    """Raise an error if a part has no label of a task, warn if it lacks a class."""
    for task in tasks:
        there = np.flatnonzero(task.codes >= 0)
        dealt = there[part[there] < n_parts]
        counts = np.zeros((n_parts, task.codes.max() + 1), dtype=int)
        np.add.at(counts, (part[dealt], task.codes[dealt]), 1)
        if not counts.any(axis=1).all():
            n_units = len(there) if groups is None else len(np.unique(groups[there]))
            among = "" if groups is None else f", in {n_units} of the groups"
            what = (
                f"Task {task.name!r} has too few labels for one in each of {parts}"
                if n_units < n_parts
                else f"No split was found with a label of task {task.name!r} in each of {parts}"
            )
            raise ValueError(
                f"{what}: {len(there)}{among}. Use fewer or larger parts, or leave the task out."
            )
        absent = np.flatnonzero((counts == 0).any(axis=0))
        if task.classes is not None and len(absent):
            n_labels = np.bincount(task.codes[there])
            listed = [f"{task.classes[code]!r} ({n_labels[code]})" for code in absent[:10]]
            warn(
                f"Task {task.name!r} has no label of some classes in at least one of {parts}: "
                f"{', '.join(listed)}{' and more' if len(absent) > 10 else ''}."
            )


@dataclass(frozen=True, eq=False)
class Needs:
    """What each part should have at least once.

    Attributes
    ----------
    held : csr_array of shape (n_units, n_needs)
        1 where a unit, which is a row or a group of rows, has what is needed, else 0.
    weights : ndarray of int of shape (n_needs,)
        How bad it is for a part to lack each.
    n_rows : ndarray of int of shape (n_units,)
        Number of rows of each unit.
    n_parts : int
        Number of parts. Units in no part have this number as theirs, and need nothing.
    """

    held: sparse.csr_array
    weights: np.ndarray
    n_rows: np.ndarray
    n_parts: int

    def measure_lack(self, part: np.ndarray) -> int:
        """Return the sum of the weights of what the parts lack.

        Parameters
        ----------
        part : ndarray of int of shape (n_units,)
            Number of each unit's part.

        Returns
        -------
        int
            The sum; 0 if nothing is lacking.
        """
        return int(((self._count(part) == 0) @ self.weights).sum())

    def swap(self, part: np.ndarray) -> np.ndarray:
        """Swap units of two parts as long as there is a swap after which less is lacking.

        Parameters
        ----------
        part : ndarray of int of shape (n_units,)
            Number of each unit's part.

        Returns
        -------
        ndarray of int of shape (n_units,)
            The same, after the swaps.
        """
        part, units = part.copy(), np.arange(len(part))
        while True:
            counts = self._count(part)
            lost = self.held @ ((counts == 1) * self.weights).T
            gained = self.held @ ((counts == 0) * self.weights).T
            costs = lost[units, part][:, np.newaxis] - gained
            # Of equally good groups, small ones change the sizes of the parts least.
            costs += (self.n_rows / (2 * self.n_rows.max() + 1))[:, np.newaxis]
            least = np.stack([costs[part == p].min(axis=0) for p in range(len(counts))])
            # What both units have does not change, so a swap may cost less than this sum.
            of_swaps = least + least.T
            one, two = np.unravel_index(of_swaps.argmin(), of_swaps.shape)
            if of_swaps[one, two] >= 0:
                return part
            leave, come = (
                np.where(part == p, costs[:, q], np.inf).argmin()
                for p, q in ((one, two), (two, one))
            )
            part[leave], part[come] = two, one

    def _count(self, part: np.ndarray) -> np.ndarray:
        """Count what each part has; units in no part are counted as if they had enough."""
        n_units = len(part)
        is_in = sparse.csr_array((np.ones(n_units), (part, np.arange(n_units))))
        counts = (is_in @ self.held).toarray()
        counts[self.n_parts :] = 2
        return counts
