"""The encoding of a column of categories as codes."""

from collections.abc import Hashable, Sequence
from decimal import Decimal
from functools import cached_property
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import DTypeLike
from pandas.api import types

from ..tables.frames import use_native_order
from ..utils.checks import shown
from ..utils.warn import warn

#: Codes of a missing category, and of one that is rare or was not seen in fit.
MISSING, UNKNOWN = 0, 1

# Names of types that pandas infers, by kind. Others, such as a mixture of types, have no kind.
_KINDS = {
    "text": ("string",),
    "numbers": ("boolean", "integer", "floating", "mixed-integer-float", "decimal"),
    "dates": ("datetime64", "datetime", "date", "period"),
    "times": ("timedelta64", "timedelta", "time"),
    "intervals": ("interval",),
}

# If no row has a known category, warn only if the probability of this by chance is smaller.
_CHANCE = 1e-3

# Number of categories or values that a message shows.
_SHOWN = 5

# Size of the later blocks from which merging is worthwhile: the values, and one for each block.
# Fewer would make merging slow, and more would need memory, about 2 kB for each block.
_LEAST_TO_MERGE = 2**10


class CategoryEncoder:
    """Learns the categories of a column, and turns values into codes.

    Attributes
    ----------
    categories : pandas.Index
        The categories that have their own codes, from 2 on, in the order of their first rows. So
        the names of categories have no effect on what is learnt.
    """

    categories: pd.Index
    _kind: str | None
    _new_share: float
    _declared: pd.Index | None

    def learn(
        self,
        counts: "CategoryCounts",
        min_frequency: float | None = None,
    ) -> "CategoryEncoder":
        """Learn the categories of a column, and which of them are rare.

        Parameters
        ----------
        counts : CategoryCounts
            The counts of the values.
        min_frequency : int, float or None, default=None
            Parameter of the estimators.
        """
        values, occurrences = counts.merged()
        order = _sort(values)
        rare = _are_rare(occurrences[order], counts.n_rows, min_frequency)
        self.categories = values[np.sort(order[~rare])]
        self._kind = _kind(values)
        # The share of new categories in other rows is that of the rows with one of their own, as
        # Good and Turing estimate it.
        few = occurrences[order][rare | (occurrences[order] == 1)]
        self._new_share = float(few.sum() / max(occurrences.sum(), 1))
        self._declared = counts.declared
        return self

    @property
    def n_codes(self) -> int:
        """Number of codes."""
        return len(self.categories) + 2

    def transform(self, column: pd.Series, dtype: DTypeLike = np.int64) -> np.ndarray:
        """Turn values into codes.

        Parameters
        ----------
        column : Series of shape (n_rows,)
            The values.
        dtype : dtype, default=np.int64
            Data type of the codes.

        Returns
        -------
        ndarray of shape (n_rows,)
            The codes.

        Raises
        ------
        ValueError
            If the values are of another kind than in fit, such as numbers instead of text; if
            only the earlier or only the present ones are floats, so large that they are rounded.
        """
        places, values = _factorize(column)
        if self._declared is not None and values.equals(self._declared):
            lookup = self._declared_codes
        else:
            # Values of the same dtype are of the same kind, except for objects.
            if values.dtype != self.categories.dtype or values.dtype == object:
                self._check_kind(column, values[np.unique(places[places >= 0])])
            both = values.dtype, self.categories.dtype
            differ = both[0] != both[1] and all(map(types.is_float_dtype, both))
            lookup = self._look_up_rounded(column, values) if differ else self._look_up(values)
        # The position of a missing value is -1, the last one.
        return lookup.astype(dtype)[places]

    @cached_property
    def _declared_codes(self) -> np.ndarray:
        """The codes of the declared categories, which later tables often share."""
        return self._look_up(self._declared)

    def _look_up(self, values: pd.Index) -> np.ndarray:
        """Return the code of each value and, at the end, that of a missing value."""
        categories = self.categories
        if values.dtype != categories.dtype:
            # As objects: pandas would, for example, find numbers within intervals.
            values, categories = values.astype(object), categories.astype(object)
        # The indexer of unknown values is -1.
        return np.append(categories.get_indexer(values) + 2, MISSING)

    def _look_up_rounded(self, column: pd.Series, values: pd.Index) -> np.ndarray:
        """Look up floats of another width than in fit: those of both that are equal if rounded."""
        known = self.categories
        narrow = min(values.dtype, known.dtype, key=lambda dtype: dtype.itemsize)
        with np.errstate(over="ignore"):
            rounded, categories = values.astype(narrow), known.astype(narrow)
        # Only the wider floats may become equal.
        exact, wide, other = values, rounded, categories
        if values.dtype == narrow:
            exact, wide, other = known, categories, rounded
        alike = wide.duplicated(keep=False) & wide.isin(other)
        if alike.any():
            warn(
                f"Column {shown(column.name)} of X is of dtype {values.dtype} now, but of "
                f"{known.dtype} in fit. As {narrow}, some of {_list(exact[alike].tolist())} are "
                "equal and count as one category: use the same dtype in fit and now."
            )
        first = ~categories.duplicated()
        # The indexer of unknown values is -1, the last one.
        codes = np.append(np.flatnonzero(first) + 2, UNKNOWN)
        return np.append(codes[categories[first].get_indexer(rounded)], MISSING)

    def _check_kind(self, column: pd.Series, values: pd.Index) -> None:
        kind = _kind(values)
        if None not in (kind, self._kind) and kind != self._kind:
            raise ValueError(
                f"Column {shown(column.name)} of X held {self._kind} as categories in fit but "
                f"holds {kind} of dtype {column.dtype} now: convert it to {self._kind}."
            )
        both = values, self.categories
        floats = [index[np.isfinite(index)] for index in both if types.is_float_dtype(index.dtype)]
        n_bits = np.finfo(floats[0].dtype).nmant + 1 if len(floats) == 1 else 0
        # Floats hold all whole numbers up to this one, and round greater ones.
        if n_bits and np.abs(floats[0]).max() > 2**n_bits:
            raise ValueError(
                f"Column {shown(column.name)} of X is of dtype {column.dtype} now, but of "
                f"{self.categories.dtype} in fit, and {floats[0].dtype} rounds whole numbers "
                f"beyond 2**{n_bits}: read it as Int64 or as text, in fit and now."
            )

    def warn_of_unknown(self, name: Hashable, n_values: int, some: list[Any]) -> None:
        """Warn that no value is known, unless so many may be rare or new categories by chance."""
        if self._new_share**n_values < _CHANCE:
            known = _list(self.categories[: _SHOWN + 1].tolist()) or "none"
            warn(
                f"No value of column {shown(name)} of X was a category in fit. Categories in fit: "
                f"{known}. Values now: {_list(some)}, which count as unknown. Check whether "
                "they are written differently.",
                about=f"X[{shown(name)}]",
            )


class UnknownColumns:
    """Finds the columns in which no category is known, in one block of rows after the other.

    In a block of adjacent rows of a file, all values may be of a single new category. So these
    columns are reported after the last block.

    Parameters
    ----------
    encoders : sequence of CategoryEncoder
        The encoders of the categorical columns.
    positions : sequence of int
        The positions of these columns in a table.
    """

    def __init__(self, encoders: Sequence[CategoryEncoder], positions: Sequence[int] | np.ndarray):
        # The name, the number of values and some of them, of each column without a known value.
        self._found: dict[int, tuple[Any, int, list[Any]]] = dict.fromkeys(
            range(len(encoders)), (None, 0, [])
        )
        self.encoders = encoders
        self.positions = positions

    def add(self, X: pd.DataFrame, codes: np.ndarray) -> "UnknownColumns":
        """Take note of the next rows and their codes."""
        for place, (_, n_values, some) in list(self._found.items()):
            if codes[:, place].max(initial=MISSING) > UNKNOWN:
                del self._found[place]
                continue
            rows = np.flatnonzero(codes[:, place])
            if len(rows) == 0:
                continue
            column = X.iloc[:, self.positions[place]]
            # One more than a message shows, which then ends with "...".
            new = column.iloc[rows].unique()[: _SHOWN + 1].tolist()
            some = list(dict.fromkeys(some + new))[: _SHOWN + 1]
            self._found[place] = column.name, n_values + len(rows), some
        return self

    def report(self) -> None:
        """Warn of each column without a known value."""
        for place, found in self._found.items():
            self.encoders[place].warn_of_unknown(*found)


class Counted(NamedTuple):
    """Distinct values, in the order of their first rows, and how often each of them occurs."""

    values: pd.Index
    occurrences: np.ndarray


class CategoryCounts:
    """Counts how often each value of a column occurs, in one block of rows after the other.

    Attributes
    ----------
    n_rows : int
        Number of rows so far.
    declared : pandas.Index or None
        The categories that the dtype of the last block declares, if it is categorical.
    """

    def __init__(self) -> None:
        self.n_rows = 0
        self.declared: pd.Index | None = None
        # One for all blocks that have been merged, and one for each later block.
        self._parts: list[Counted] = []

    def add(self, column: pd.Series) -> "CategoryCounts":
        """Count the values of the next rows."""
        places, values = _factorize(column)
        self.declared = values if isinstance(column.dtype, pd.CategoricalDtype) else None
        places = places[places >= 0]
        seen = pd.unique(places)
        self._parts.append(Counted(values[seen], np.bincount(places)[seen]))
        self.n_rows += len(column)
        # At least half of what a merge reads is new, so that all merges together take time in
        # proportion to the later blocks.
        merged, *others = (len(part.values) + 1 for part in self._parts)
        if sum(others) > max(merged, _LEAST_TO_MERGE):
            self.merged()
        return self

    def merged(self) -> Counted:
        """Return the distinct values of all blocks."""
        if len(self._parts) > 1:
            values, counts = zip(*self._parts, strict=True)
            places, distinct = pd.factorize(values[0].append(list(values[1:])))
            occurrences = np.bincount(places, np.concatenate(counts)).astype(np.int64)
            self._parts = [Counted(pd.Index(distinct), occurrences)]
        return self._parts[0]

    @property
    def n_known(self) -> int:
        """Number of rows with a value."""
        return int(self.merged().occurrences.sum())


def is_text(counts: CategoryCounts) -> bool:
    """Return whether values are strings that are not declared categories."""
    return counts.declared is None and _kind(counts.merged().values) == "text"


def _are_rare(counts: np.ndarray, n_rows: int, min_frequency: float | None) -> np.ndarray:
    """Find the rare categories, which share a code, by the rules of OrdinalEncoder."""
    is_share = not isinstance(min_frequency, Integral)
    return counts < (min_frequency or 0) * (n_rows if is_share else 1)


def _factorize(column: pd.Series) -> tuple[np.ndarray, pd.Index]:
    """Return the position of each value among the distinct values (-1 if missing), and these."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        categories = column.array.categories
        if categories.dtype == object and types.infer_dtype(categories) == "date":
            categories = categories.astype("datetime64[s]")
        return column.array.codes, _to_numpy(categories)
    column = _to_numpy(column)
    if getattr(column.dtype, "char", "") in ("e", "g", "G"):
        raise TypeError(
            f"Column {shown(column.name)} of X is of dtype {column.dtype}, in which pandas finds "
            "no categories: convert it to float64 or to strings."
        )
    places, values = pd.factorize(column)
    return places, pd.Index(values)


def _to_numpy(values: pd.Series | pd.Index) -> pd.Series | pd.Index | np.ndarray:
    """Return a column or index of floats or decimals, in which NaN is missing, as NumPy's floats.

    Values of another type stay as they are, but sparse columns become dense.
    """
    dtype = values.dtype
    if isinstance(dtype, pd.SparseDtype):
        return use_native_order(values.sparse.to_dense())
    is_float, is_decimal = types.is_float_dtype(dtype), getattr(dtype, "type", None) is Decimal
    if not types.is_extension_array_dtype(dtype) or not (is_float or is_decimal):
        return values
    # In columns of Arrow, NaN is not a missing value.
    width = dtype.numpy_dtype if is_float else np.float64
    return type(values)(values.to_numpy(dtype=width, na_value=np.nan))


def _kind(values: pd.Index) -> str | None:
    """Return the kind of values; None if there are no values, or values of several types."""
    inferred = types.infer_dtype(values, skipna=True) if len(values) else None
    return next((kind for kind, names in _KINDS.items() if inferred in names), None)


def _list(values: list[Any]) -> str:
    """Show the first values, for a message."""
    return ", ".join([*map(repr, values[:_SHOWN]), *(["..."] if len(values) > _SHOWN else [])])


def _sort(values: pd.Index) -> np.ndarray:
    """Return the positions that sort distinct values, even values of several types."""
    try:
        return values.argsort()
    except TypeError:  # The values are of several types.
        return values.map(lambda value: f"{type(value).__name__} {value}").argsort()
