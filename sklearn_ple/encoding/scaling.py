"""Standardising the numbers of a table, without a second copy of the table."""

import copy
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.utils.sparsefuncs import mean_variance_axis

from ..tables.reading import Features, TooLargeError
from .dates import read_part

# How many numbers a block of rows holds; only one block at a time is copied to float64.
_BLOCK_SIZE = 2**18


class WeightedRows(NamedTuple):
    """The features of rows, and the weights of the rows."""

    X: Any
    weights: np.ndarray


class Ranges:
    """The least and greatest number of each column, and whether numbers are missing.

    Parameters
    ----------
    n_columns : int
        Number of columns.
    """

    def __init__(self, n_columns: int):
        self.low, self.high = np.full((2, n_columns), np.nan)
        self.missing = np.zeros(n_columns, dtype=bool)

    def add(self, block: np.ndarray) -> None:
        """Include more rows, of shape (n_rows, n_columns)."""
        self.low = np.fmin(self.low, np.fmin.reduce(block, axis=0))
        self.high = np.fmax(self.high, np.fmax.reduce(block, axis=0))
        self.missing |= np.isnan(block).any(axis=0)

    def measure(self) -> None:
        """Compute the extent of each column, and whether it is constant, after the last rows.

        Numbers that differ only by rounding count as constant. The extent of such a column is its
        largest size, but at least 1.
        """
        largest = np.fmax(np.abs(self.low), np.abs(self.high))
        with np.errstate(over="ignore", invalid="ignore"):
            self.extent = self.high - self.low
            self.constant = self.extent <= 4 * np.spacing(largest)
        self.finite = np.isnan(self.low) | np.isfinite(self.extent)
        self.extent[self.constant] = np.fmax(largest, 1.0)[self.constant]

    def share(self, numbers: np.ndarray) -> np.ndarray:
        """Return numbers as shares of the extents: 0 for the least, 1 for the greatest."""
        return (numbers - self.low) / self.extent


#: The numeric features of rows, as they are encoded.
NumberArray: TypeAlias = np.ndarray | sparse.csr_matrix


@dataclass(eq=False, repr=False)
class NumberScaler:
    """Standardises numbers, and adds indicators of missing ones.

    A missing number becomes 0, the mean. An indicator is added for each column that had missing
    values in fit. A sparse X is scaled without centring and stays sparse. Constant columns, and
    columns without a value, become 0; constant columns of a sparse X become 1 or -1. A part of
    dates that was constant in fit is 0 in later rows, too.

    Parameters
    ----------
    positions : ndarray of int
        Positions of the columns to read, in this order; for a sparse X these are all columns.
    parts : list of str
        The part of the dates that is read in each of these columns; empty for a number.
    dtype : {"float32", "float64"}, default="float32"
        Data type of the result, which is computed in float64 in blocks of rows.

    Attributes
    ----------
    mean_, scale_ : ndarray of shape (n_positions,)
        The number that is subtracted from a column, and the one that it is divided by; NaN for a
        column that had no value in fit.
    missing_ : ndarray of bool of shape (n_positions,)
        Which columns have an indicator.
    """

    positions: np.ndarray
    parts: list[str]
    dtype: str = "float32"
    mean_: np.ndarray = field(init=False)
    scale_: np.ndarray = field(init=False)
    missing_: np.ndarray = field(init=False)

    def learn(
        self, ranges: Ranges, sample: WeightedRows, blocks: Iterable[WeightedRows]
    ) -> "NumberScaler":
        """Learn means and standard deviations, and which columns have missing values.

        Numbers are first scaled to the range from -1 to 1, so that squares neither overflow nor
        underflow. Deviations are measured from the means of a sample, so that no digits are lost
        if the means are large.

        Parameters
        ----------
        ranges : Ranges
            Ranges of all rows, to which `see` has added them.
        sample : WeightedRows
            Some of the rows. If they are sparse, these are all rows.
        blocks : iterable of WeightedRows
            All rows in blocks.

        Returns
        -------
        self : NumberScaler
            The fitted scaler.
        """
        if sparse.issparse(sample.X):
            self._learn_sparse(*sample)
            return self
        ranges.measure()
        self._check_finite(sample.X, ranges.finite)
        (centre,) = self._means([sample], ranges.share)
        mean, squares = self._means(
            blocks, ranges.share, lambda block: (ranges.share(block) - centre) ** 2
        )
        # If the sample has all rows, its means are theirs, and nothing is subtracted.
        variance = np.maximum(squares - (mean - centre) ** 2, 0.0)
        is_constant = ranges.constant | (variance == 0)
        self.missing_ = ranges.missing
        self.mean_ = ranges.low + ranges.extent * mean
        self.scale_ = ranges.extent * np.sqrt(np.where(is_constant, 1.0, variance))
        # Rows to predict are often of a later month or year, about which nothing was learnt.
        self.scale_[is_constant & self.of_dates] = np.inf
        return self

    @property
    def n_numbers_(self) -> int:
        """Number of columns of the result."""
        return len(self.owners)

    @property
    def of_dates(self) -> np.ndarray:
        """Which of the columns are parts of dates, of shape (n_positions,)."""
        return np.array([part != "" for part in self.parts], dtype=bool)

    @property
    def owners(self) -> np.ndarray:
        """For each column of the result, the place in ``positions`` of what it is read from."""
        return np.concatenate([np.arange(len(self.missing_)), np.flatnonzero(self.missing_)])

    def select(self, kept: np.ndarray) -> "NumberScaler":
        """Return a copy that reads some of the columns only, given by places in ``positions``."""
        copied = copy.copy(self)
        copied.parts = [self.parts[place] for place in kept]
        for name in ("positions", "mean_", "scale_", "missing_"):
            setattr(copied, name, getattr(self, name)[kept])
        return copied

    def transform(self, X: Features) -> NumberArray:
        """Standardise the numbers.

        Parameters
        ----------
        X : DataFrame or CSR matrix of shape (n_rows, n_columns)
            The table, with the same columns as in fit.

        Returns
        -------
        ndarray or CSR matrix of shape (n_rows, n_numbers_)
            The numbers, then the indicators. A sparse X stays sparse if that of fit was sparse.
        """
        if sparse.issparse(X):
            # Columns of a frame that was read in fit are in the order of their names.
            X = X if self._reads_all_in_order(X) else X[:, self.positions]
            if not self.mean_.any():
                return self._transform_sparse(X)
        return self._transform_dense(X)

    def spreads(self, X: pd.DataFrame) -> np.ndarray:
        """Return the range of 90 % of the numbers of each column, in its standard deviations.

        Parameters
        ----------
        X : DataFrame of shape (n_rows, n_columns)
            The rows; about a thousand of them are read.

        Returns
        -------
        ndarray of shape (n_numeric_columns,)
            The ranges; NaN without any number.
        """
        some = X.iloc[:: len(X) // 1000 + 1]
        block = pd.DataFrame(np.vstack([numbers for _, numbers in self._blocks(some)]))
        low, high = block.quantile([0.05, 0.95]).to_numpy()
        with np.errstate(over="ignore"):
            return (high - low) / self.scale_

    def see(self, X: Features, ranges: Ranges) -> None:
        """Add rows to ranges; sparse ones have none."""
        if not sparse.issparse(X):
            for _, block in self._blocks(X):
                ranges.add(block)

    def _transform_dense(self, X: Features) -> np.ndarray:
        numbers = np.empty((X.shape[0], self.n_numbers_), dtype=self.dtype)
        n_columns = len(self.missing_)
        for rows, block in self._blocks(X):
            # In a column without any number in fit, infinity would become a missing number.
            self._check_finite(X, ~np.isinf(block).any(axis=0))
            # Numbers that are too large for the dtype raise an error below.
            with np.errstate(over="ignore"):
                block = (block - self.mean_) / self.scale_
                missing = np.isnan(block)
                block[missing] = 0.0
                numbers[rows, :n_columns] = block
            numbers[rows, n_columns:] = missing[:, self.missing_]
            self._check_finite(X, np.isfinite(numbers[rows, :n_columns]).all(axis=0))
        return numbers

    def _learn_sparse(self, X: sparse.csr_matrix, weights: np.ndarray) -> None:
        sizes = np.abs(X.data, dtype=np.float64)
        missing = np.isnan(sizes)
        sizes[missing] = 0.0
        largest = np.zeros(X.shape[1])
        np.maximum.at(largest, X.indices, sizes)
        del sizes
        self._check_finite(X, np.isfinite(largest))
        largest[largest == 0] = 1.0
        scaled = _replace_data(X, _divide_columns(X, largest))
        _, variance = mean_variance_axis(scaled, axis=0, weights=weights)
        # A constant column is not centred but scaled to 1 or -1. Rounding may make its variance
        # differ from zero, even negative.
        variance[variance <= 4 * np.finfo(np.float64).eps] = 1.0
        self.mean_, self.scale_ = np.zeros(X.shape[1]), largest * np.sqrt(variance)
        self.missing_ = np.bincount(X.indices[missing], minlength=X.shape[1]) > 0

    def _transform_sparse(self, X: sparse.csr_matrix) -> sparse.csr_matrix:
        data = _divide_columns(X, self.scale_)
        missing = np.isnan(data)
        data[missing] = 0.0
        with np.errstate(over="ignore"):
            data = data.astype(self.dtype)
        # In a column without any number in fit, infinity would become a missing number.
        infinite = ~np.isfinite(data) | np.isinf(X.data)
        infinite = np.bincount(X.indices[infinite], minlength=X.shape[1])
        self._check_finite(X, infinite == 0)
        numbers = _replace_data(X, data)
        if self.missing_.any():
            indicators = _replace_data(X, missing.astype(self.dtype))[:, self.missing_]
            indicators.eliminate_zeros()
            numbers = sparse.hstack([numbers, indicators], format="csr")
        return numbers

    def _reads_all_in_order(self, X: Features) -> bool:
        return np.array_equal(self.positions, np.arange(X.shape[1]))

    def _blocks(self, X: Features) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield the numbers as float64 in blocks."""
        n_rows = max(1, _BLOCK_SIZE // max(1, len(self.positions)))
        every = self._reads_all_in_order(X)
        for start in range(0, X.shape[0], n_rows):
            rows = slice(start, start + n_rows)
            if sparse.issparse(X):
                yield rows, X[rows].toarray().astype(np.float64)
            else:  # Select rows first, as a view; selecting columns makes a copy.
                block = X if n_rows >= len(X) else X.iloc[rows]
                yield rows, self._read(block, every)

    def _read(self, block: pd.DataFrame, every: bool) -> np.ndarray:
        """Return the numbers of some rows, and the parts of their dates, as float64."""
        if not any(self.parts):
            block = block if every else block.take(self.positions, axis=1)
            return block.to_numpy(dtype=np.float64, na_value=np.nan)
        values = np.empty((len(block), len(self.positions)))
        plain = ~self.of_dates
        numbers = block.take(self.positions[plain], axis=1)
        values[:, plain] = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
        for place in np.flatnonzero(~plain):
            values[:, place] = read_part(block.iloc[:, self.positions[place]], self.parts[place])
        return values

    def _means(
        self, blocks: Iterable[WeightedRows], *functions: Callable[[np.ndarray], np.ndarray]
    ) -> list[np.ndarray]:
        """Compute the weighted means of functions of the numbers that are not missing."""
        total, sums = np.zeros(1), [np.zeros(1) for _ in functions]
        for X, weights in blocks:
            for rows, block in self._blocks(X):
                seen = ~np.isnan(block)
                total = total + weights[rows] @ seen
                for k, function in enumerate(functions):
                    values = function(block)
                    values[~seen] = 0.0
                    sums[k] = sums[k] + weights[rows] @ values
        return [column_sums / np.where(total > 0, total, 1.0) for column_sums in sums]

    def _check_finite(self, X: Features, finite: np.ndarray | np.bool) -> None:
        if not finite.all():
            position = self.positions[~finite].min()
            name = f"x{position}" if sparse.issparse(X) else X.columns[position]
            raise TooLargeError.of(name, self.dtype)


def _divide_columns(X: sparse.csr_matrix, divisors: np.ndarray) -> np.ndarray:
    """Return the data of a sparse matrix, with each column divided by its divisor."""
    data = divisors[X.indices]
    return np.divide(X.data, data, out=data)


def _replace_data(X: sparse.csr_matrix, data: np.ndarray) -> sparse.csr_matrix:
    """Return a matrix with other data at the same positions, which are not copied."""
    return sparse.csr_matrix((data, X.indices, X.indptr), shape=X.shape)
