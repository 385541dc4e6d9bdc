"""The encoding of X as standardised numbers and category codes."""

import copy
from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
from pandas.api import types
from pandas.api.extensions import ExtensionDtype
from scipy import sparse

from ..tables.frames import sort_names
from ..tables.plausibility import are_nearly_distinct, warn_of_outliers, warn_of_strings
from ..tables.reading import Features, is_number
from ..utils.checks import shown
from .categories import CategoryCounts, CategoryEncoder, UnknownColumns, is_text
from .dates import (
    PARTS,
    check_dates,
    find_layout,
    find_text_zone,
    find_zone,
    is_date,
    name_part,
    read_text,
)
from .scaling import NumberArray, NumberScaler, Ranges, WeightedRows


def _is_category(dtype: np.dtype | ExtensionDtype) -> bool:
    # To pandas, objects are strings.
    return isinstance(dtype, pd.CategoricalDtype) or types.is_string_dtype(dtype)


class Kind(NamedTuple):
    """A kind of columns, by which it is decided how they are encoded.

    Attributes
    ----------
    name : str
        What such columns hold.
    selects : callable
        Returns whether a dtype is of this kind.
    encoder : type
        What encodes them.
    parts : sequence of str
        What is read of them as numbers: parts of dates, or "" for a number itself.
    """

    name: str
    selects: Callable[[np.dtype | ExtensionDtype], bool]
    encoder: type
    parts: Sequence[str]


#: The kinds of columns. A column is of the first one that selects its dtype.
KINDS = (
    Kind("categories", _is_category, CategoryEncoder, ()),
    Kind("dates", is_date, NumberScaler, PARTS),
    Kind("numbers", is_number, NumberScaler, [""]),
)
_CATEGORY, *_, _NUMBER = KINDS


@dataclass(eq=False, repr=False)
class FeatureEncoder:
    """Learns scales and categories from X, and encodes X for the network.

    Numbers are standardised, with the weights of rows. A missing number becomes 0, the mean. If a
    column had missing values in fit, an indicator of missing values is added. A sparse X is scaled
    without centring and stays sparse. A column of dates, or of text that is dates, is read as
    several columns of numbers, its parts.

    Categories become codes. Code 0 is a missing category. Code 1 is a category that is rare or was
    not seen in fit, so that a new category is treated like the rare ones. The other categories
    have codes from 2 on, in the order of their first rows. Which categories are rare is decided as
    in scikit-learn's :class:`~sklearn.preprocessing.OrdinalEncoder`; among equally frequent
    categories, the first in sorted order are rare. A column of strings that are nearly all
    different is left out.

    Parameters
    ----------
    dtype : {"float32", "float64"}, default="float32"
        Data type of the encoded numbers, which are computed in float64.

    Attributes
    ----------
    categorical_positions_ : ndarray of int
        Positions of the categorical columns, in the order of their names, so that the network does
        not depend on the order of columns.
    zones_ : list of str or None
        The time zone of each column of dates; None if it has none.
    layouts_ : list of str or None
        The layout of the dates of each such column that is text, see `find_layout`.
    left_out_ : list of int
        Positions of the columns of strings that are left out.
    columns_ : list of CategoryEncoder
        The encoder of each categorical column.
    scaler_ : NumberScaler
        The scaler of the numbers.
    read_by_ : ndarray of bool of shape (n_members, n_columns_) or None
        Which numeric columns each member reads, see `screen_columns`; None if all read all. The
        columns that no member reads are not encoded.
    """

    dtype: str = "float32"
    categorical_positions_: np.ndarray = field(init=False)
    zones_: list[str | None] = field(init=False)
    layouts_: list[str | None] = field(init=False)
    left_out_: list[int] = field(init=False)
    columns_: list[CategoryEncoder] = field(init=False)
    scaler_: NumberScaler = field(init=False)
    read_by_: np.ndarray | None = field(init=False)

    def learn(self, X: Features) -> Self:
        """Learn from a table in memory, whose rows all have the same weight."""
        rows = WeightedRows(X, np.ones(X.shape[0]))
        _, ranges = self.learn_categories(X, [X])
        self.learn_scales(ranges, rows, [rows])
        return self

    def learn_categories(
        self,
        sample: Features,
        blocks: Iterable[Any],
        categorical_features: str | Sequence[Any] | None = "from_dtype",
        min_frequency: float | None = None,
    ) -> tuple[list[CategoryCounts], Ranges]:
        """Learn the categories, and measure the ranges of numbers, in a first pass over the rows.

        Parameters
        ----------
        sample : DataFrame or CSR matrix of shape (n_sampled, n_columns)
            Some of the rows, whose dtypes show which columns hold categories.
        blocks : iterable of DataFrame or CSR matrix
            All rows in their order; a CSR matrix in a single block.
        categorical_features, min_frequency : object
            Parameters of the estimators.

        Returns
        -------
        counts : list of CategoryCounts
            Counts of the categories in each categorical column.
        ranges : Ranges
            Ranges of the numbers, for `learn_scales`.
        """
        named = None
        if not isinstance(categorical_features, str) or categorical_features != "from_dtype":
            named = set(_find_positions(categorical_features, sample).tolist())
        layouts = _find_layouts(sample, named)
        sample = _read_layouts(sample, layouts)
        kinds = _find_kinds(sample, named)
        order = np.arange(len(kinds)) if sparse.issparse(sample) else sort_names(sample.columns)
        is_coded = [kinds[place].encoder is CategoryEncoder for place in order]
        self.categorical_positions_ = order[is_coded]
        read = [(place, part) for place in order.tolist() for part in kinds[place].parts]
        if not sparse.issparse(sample):
            names = (name_part(sample.columns[place], part) for place, part in read)
            read = [read[place] for place in sort_names(names)]
        positions = np.array([place for place, _ in read], dtype=order.dtype)
        self.scaler_ = NumberScaler(positions, [part for _, part in read], self.dtype)
        self.read_by_ = None
        dates = self.date_positions_
        self.zones_ = [find_zone(sample.dtypes.iloc[place]) for place in dates]
        found = {place: layout for place, (layout, _) in layouts.items()}
        self.layouts_ = [found.get(place) for place in dates]
        counts = [CategoryCounts() for _ in self.categorical_positions_]
        ranges = Ranges(len(positions))
        for X in map(self.read_dates, blocks):
            for position, counted in zip(self.categorical_positions_, counts, strict=True):
                counted.add(X.iloc[:, position])
            self.scaler_.see(X, ranges)
        self.left_out_ = []
        if named is None:
            counts = self._leave_out(sample, counts)
        self.columns_ = [CategoryEncoder().learn(counted, min_frequency) for counted in counts]
        return counts, ranges

    def _leave_out(self, sample: Features, counts: list[CategoryCounts]) -> list[CategoryCounts]:
        """Leave out strings that are nearly all different, and return the counts of the others."""
        positions = self.categorical_positions_.tolist()
        found = {
            position: are_nearly_distinct(len(counted.merged().values), counted.n_known)
            for position, counted in zip(positions, counts, strict=True)
            if is_text(counted)
        }
        # A model needs something to read.
        leaves_all = not len(self.number_positions_) and sum(found.values()) == len(positions)
        self.left_out_ = [] if leaves_all else [place for place in found if found[place]]
        kept = [position not in self.left_out_ for position in positions]
        for position, counted, is_kept in zip(positions, counts, kept, strict=True):
            if position in found:
                texts = counted.merged().values.tolist()
                warn_of_strings(sample.columns[position], texts, counted.n_known, is_kept)
        self.categorical_positions_ = self.categorical_positions_[kept]
        return [counted for counted, is_kept in zip(counts, kept, strict=True) if is_kept]

    def read_dates(self, X: Features) -> Features:
        """Return a table in which the text that held dates in fit is dates."""
        rows = zip(self.date_positions_, self.layouts_, self.zones_, strict=True)
        return _read_layouts(X, {place: (layout, zone) for place, layout, zone in rows if layout})

    def learn_scales(
        self, ranges: Ranges, sample: WeightedRows, blocks: Iterable[WeightedRows]
    ) -> None:
        """Learn means and standard deviations in a second pass; see `NumberScaler.learn`."""
        sample = sample._replace(X=self.read_dates(sample.X))
        read = (block._replace(X=self.read_dates(block.X)) for block in blocks)
        self.scaler_.learn(ranges, sample, read)
        if not sparse.issparse(X := sample.X):
            names = self.list_names(X.columns)[: self.n_columns_]
            warn_of_outliers(names, self.scaler_.spreads(X))

    @property
    def number_positions_(self) -> np.ndarray:
        """Positions of the numeric columns in the order of their names, and of each part of dates.

        The position of a column of dates is there once for each of its parts.
        """
        return self.scaler_.positions

    @property
    def date_positions_(self) -> list[int]:
        """Positions of the columns of dates."""
        pairs = zip(self.number_positions_.tolist(), self.scaler_.parts, strict=True)
        return [position for position, part in pairs if part == PARTS[0]]

    @property
    def cardinalities_(self) -> list[int]:
        """Number of codes of each categorical column."""
        return [column.n_codes for column in self.columns_]

    @property
    def n_numbers_(self) -> int:
        """Number of numeric features."""
        return self.scaler_.n_numbers_

    @property
    def n_columns_(self) -> int:
        """Number of numeric columns and parts of dates, the first of the numeric features.

        The others are indicators of missing values.
        """
        return len(self.number_positions_)

    def select(self, read_by: np.ndarray) -> "FeatureEncoder":
        """Return a copy that encodes only the numeric columns that some member reads.

        Parameters
        ----------
        read_by : ndarray of bool of shape (n_members, n_columns_)
            Which columns each member reads. All read dates.
        """
        copied, kept = copy.copy(self), np.flatnonzero(read_by.any(axis=0))
        copied.scaler_ = self.scaler_.select(kept)
        copied.read_by_ = read_by[:, kept]
        return copied

    def list_names(self, names: Sequence[Hashable] | None = None) -> list[str]:
        """Return the names of numeric columns and parts of dates, then of categorical columns.

        Parameters
        ----------
        names : sequence of str, default=None
            Names of all columns of X; by default x0, x1 and so on.

        Returns
        -------
        list of str
            The names.
        """
        positions = [*self.number_positions_, *self.categorical_positions_]
        parts = [*self.scaler_.parts, *[""] * len(self.categorical_positions_)]
        return [
            str(name_part(f"x{position}" if names is None else names[position], part))
            for position, part in zip(positions, parts, strict=True)
        ]

    def transform(self, X: Features) -> tuple[NumberArray, np.ndarray]:
        """Encode a table.

        Parameters
        ----------
        X : DataFrame or CSR matrix of shape (n_rows, n_columns)
            The table, with the same columns as those that were learnt.

        Returns
        -------
        numbers : ndarray or CSR matrix of shape (n_rows, n_numbers_)
            The standardised numbers, and the indicators of missing ones.
        codes : ndarray of shape (n_rows, n_categorical)
            The category codes, in the smallest integer type of torch that holds them.
        """
        X = self.read_dates(X)
        self._check_kinds(X)
        return self.scaler_.transform(X), self.encode_categories(X, range(len(self.columns_)))

    def encode_categories(self, X: Features, columns: Sequence[int]) -> np.ndarray:
        """Encode only categories: some columns of the codes of `transform`."""
        largest = max(self.cardinalities_, default=0)
        dtype = np.uint8 if largest <= 2**8 else np.int16 if largest <= 2**15 else np.int32
        codes = np.empty((X.shape[0], len(columns)), dtype=dtype)
        for out, column in enumerate(columns):
            values = X.iloc[:, self.categorical_positions_[column]]
            codes[:, out] = self.columns_[column].transform(values, dtype)
        return codes

    def find_unknown(self) -> UnknownColumns:
        """Return an object that finds the columns in which no category is known."""
        return UnknownColumns(self.columns_, self.categorical_positions_)

    def _check_kinds(self, X: Features) -> None:
        """Check that numeric columns still hold numbers, and columns of dates still dates."""
        if sparse.issparse(X):
            if self.columns_ or self.zones_:
                raise ValueError(
                    "X is sparse, but had categories or dates in fit: pass a dense X."
                )
            return
        for position, zone in zip(self.date_positions_, self.zones_, strict=True):
            check_dates(X.iloc[:, position], zone)
        # Read once, since each access to the dtypes of a frame collects them again.
        dtypes = X.dtypes.tolist()
        scaler = self.scaler_
        for position, part, mean in zip(
            self.number_positions_, scaler.parts, scaler.mean_, strict=True
        ):
            if part or is_number(dtypes[position]):
                continue
            before, remedy = "held numbers in fit", "convert it to numbers"
            if np.isnan(mean):
                before = "had no value in fit, so that it was read as numbers,"
                remedy = (
                    "if it holds categories, give it the dtype 'string' or 'category' in fit, or "
                    "name it in categorical_features"
                )
            raise ValueError(
                f"Column {shown(X.columns[position])} of X {before} but is of dtype "
                f"{dtypes[position]} now: {remedy}."
            )

    def find_codes(self, X: Features, choice: str | Sequence[Any], parameter: str) -> np.ndarray:
        """Find the columns of codes for columns of X, chosen by names, positions or a mask."""
        chosen = _find_positions(choice, X, parameter)
        for position in np.setdiff1d(chosen, self.categorical_positions_):
            raise ValueError(
                f"{parameter} names column {shown(X.columns[position])} of X, which holds no "
                "categories: name it in categorical_features too, or leave it out."
            )
        return np.flatnonzero(np.isin(self.categorical_positions_, chosen))


def _find_kinds(X: Features, named: Collection[int] | None) -> list[Kind]:
    """Find the kind of each column; categories are those that are named, or None for the dtype."""
    if sparse.issparse(X):
        return [_NUMBER] * X.shape[1]
    kinds = []
    for position, dtype in enumerate(X.dtypes.tolist()):
        kind = next((kind for kind in KINDS if kind.selects(dtype)), None)
        if named is not None and position in named:
            kind = _CATEGORY
        elif kind is None or (named is not None and kind is _CATEGORY):
            column = X.iloc[:, position]
            raise TypeError(
                f"Column {shown(column.name)} of X is of dtype {column.dtype}, which is not "
                f"numeric: convert it{_describe_conversion(column)}, or name it in "
                "categorical_features, which then must list all categorical columns, those of "
                "strings too."
            )
        kinds.append(kind)
    return kinds


def _find_layouts(X: Features, named: Collection[int] | None) -> dict[int, tuple[str, str | None]]:
    """Find the layouts and time zones of columns of text that hold dates, which are not named."""
    if sparse.issparse(X):
        return {}
    found = {}
    for position, dtype in enumerate(X.dtypes.tolist()):
        is_text = _CATEGORY.selects(dtype) and not isinstance(dtype, pd.CategoricalDtype)
        if not is_text or position in (named or ()):
            continue
        column = X.iloc[:, position]
        if layout := find_layout(column):
            found[position] = layout, find_text_zone(column, layout)
    return found


def _read_layouts(X: Features, layouts: dict[int, tuple[str, str | None]]) -> Features:
    """Turn text into dates, in the columns at these positions."""
    texts = {} if sparse.issparse(X) else layouts
    if texts:
        X = X.copy(deep=False)
    for position, found in texts.items():
        if _CATEGORY.selects((column := X.iloc[:, position]).dtype):
            X.isetitem(position, read_text(column, *found))
    return X


def _describe_conversion(column: pd.Series) -> str:
    """Describe how to turn durations and periods into what is read, for an error message."""
    if getattr(column.dtype, "kind", None) == "m":
        return ", for example with .dt.total_seconds()"
    return ", for example with .dt.to_timestamp()" if hasattr(column, "dt") else ""


def _find_positions(
    choice: str | Sequence[Any] | None, X: Features, parameter: str = "categorical_features"
) -> np.ndarray:
    """Return the positions of columns that are chosen by names, positions or a mask."""
    if choice is None:
        return np.empty(0, dtype=int)
    if sparse.issparse(X):
        raise ValueError(f"{parameter} needs a dense X or a data frame: sparse X holds numbers.")
    if isinstance(choice, str):
        choice = [choice]
    entries = choice.tolist() if hasattr(choice, "tolist") else list(choice)
    if not all(isinstance(entry, Hashable) for entry in entries):
        raise ValueError(
            f"{parameter} is {choice!r}: it must be a list of names or positions, or a mask."
        )
    if entries and all(isinstance(entry, (Integral, np.bool_)) for entry in entries):
        values = np.asarray(entries)
        limit = len(values) if values.dtype.kind == "b" else int(values.max(initial=0)) + 1
        wrong_mask = values.dtype.kind == "b" and limit != X.shape[1]
        if wrong_mask or limit > X.shape[1] or values.min(initial=0) < 0:
            raise ValueError(
                f"{parameter} {values.tolist()} does not fit X, which has {X.shape[1]} columns: "
                f"positions go from 0 to {X.shape[1] - 1}, and a mask has {X.shape[1]} entries."
            )
        return np.arange(X.shape[1])[values]
    if unknown := sorted(set(entries) - set(X.columns), key=str):
        raise ValueError(
            f"{parameter} names {shown(unknown)}, which are not columns of X; it has "
            f"{shown(list(X.columns))}."
        )
    return np.flatnonzero(X.columns.isin(entries))
