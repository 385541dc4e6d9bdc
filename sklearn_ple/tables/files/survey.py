"""The first pass over a dataset: counts of rows and labels, and a sample of the rows."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..arrow import list_categories
from ..labels import Labels, join_labels, read_targets
from ..reading import TooLargeError
from ..table import Table
from ..weights import find_label_weights
from .columns import Columns
from .row_groups import RowGroup
from .sampling import LowestRows, hash_rows
from .source import Block, Source

if TYPE_CHECKING:
    import pyarrow

#: Largest number of rows in the sample, and approximate limit of its size in bytes.
SAMPLED_ROWS, SAMPLED_BYTES = 200_000, 2**28
# Largest number of distinct labels that are listed; a column with more is regarded as numbers.
_MOST_DISTINCT = 2**16


class Survey:
    """Reads the labels of all rows, and draws rows for the sample and for validation.

    Parameters
    ----------
    source : Source
        The files.
    columns : Columns
        The columns to read.
    ignored : callable
        The parameter of `read_targets`.
    most_aside : int
        Largest number of rows that are set aside for validation.
    last : bool
        Whether the last rows are set aside; otherwise those with the lowest hashes of their
        numbers or, with a column of groups, of their groups.
    ordered : collection of str
        Names of the columns of y whose categories need an order.

    Attributes
    ----------
    n_rows : int
        Number of rows that have a label with a weight; other rows are not used.
    is_aside : callable
        Function from numbers of rows to whether the rows are set aside; known after `end`.
    """

    def __init__(
        self,
        source: Source,
        columns: Columns,
        ignored: Callable[[Sequence[str]], list[int]],
        most_aside: int,
        last: bool,
        ordered: Collection[str],
    ):
        self.source = source
        self.columns = columns
        self.ignored = ignored
        self.n_rows = 0
        self._sum, self._n_labels = 0.0, 0
        # The distinct labels of each column, or None where there are too many to be classes.
        self._distinct: list[np.ndarray | None] = []
        # Dictionaries of the columns of y, whose values need not occur in any row.
        self._declared: dict[str, Any] = {}
        self._ordered = ordered
        key = columns.group_keys if columns.group else _descend if last else _hash
        # The sample is larger at first: rows that are set aside are removed from it at the end.
        n_bytes = 2 * SAMPLED_BYTES if most_aside else SAMPLED_BYTES
        self._sample = LowestRows(_hash, SAMPLED_ROWS + most_aside, n_bytes)
        self._aside = LowestRows(key, most_aside, SAMPLED_BYTES)

    def add(self, block: Block) -> None:
        """Process a block of rows."""
        self._check_finite(block.rows)
        labels, _ = read_targets(self.columns.y(block.rows), self.ignored)
        weights = self.columns.sample_weight(block.rows)
        weights = find_label_weights(weights, labels, may_be_zero=True)
        self._declare(block)
        counts = weights.any(axis=1)
        self.n_rows += int(counts.sum())
        self._sum += weights.sum()
        self._n_labels += int(np.count_nonzero(weights))
        weighed = [column.drop(w == 0) for column, w in zip(labels, weights.T, strict=True)]
        before = self._distinct or [column.observed[:0] for column in weighed]
        self._distinct = [
            _unite(values, column.observed) for values, column in zip(before, weighed, strict=True)
        ]
        row_numbers, rows = block.row_numbers[counts], block.rows.filter(counts)
        self._sample.add(row_numbers, rows)
        self._aside.add(row_numbers, rows)
        if self.columns.group and len(self._aside) > SAMPLED_ROWS:
            raise ValueError(
                "groups: validation rows are kept in memory, but these groups have too many. "
                "Write those of some groups to files of their own, and pass these as X_val."
            )

    def end(self, n_aside: Callable[[int], int]) -> None:
        """Determine which rows are set aside, once the number of rows is known."""
        if not self.n_rows:
            weighed = "" if self.columns.weight is None else " with a weight"
            raise ValueError(
                f"{self.source} has no row with a label{weighed} in {self.columns.targets}: check "
                "the names and values of these columns."
            )
        self._aside.cut(n_aside(self.n_rows))
        if len(self._aside) == self.n_rows:
            raise ValueError("groups has a single group, whose rows would all be set aside.")
        # Without a reference to the survey, whose rows can then be freed.
        is_aside = self.is_aside = partial(_are_among, self._aside.row_numbers)
        self._sample.keep(lambda row_numbers, _: ~is_aside(row_numbers))
        self._sample.n_bytes = SAMPLED_BYTES
        self._sample.cut(SAMPLED_ROWS)

    @property
    def unit(self) -> float:
        """Mean of the weights of the labels."""
        return self._sum / self._n_labels

    def sample(self) -> tuple[Any, np.ndarray]:
        """Return a random sample of the training rows, a table of Arrow, and their numbers."""
        return self._with_dictionaries(self._sample.rows()), self._sample.row_numbers

    def aside(self) -> tuple[Any, np.ndarray] | None:
        """Return the rows that are set aside, a table of Arrow, and their numbers; or None."""
        if not len(self._aside):
            return None
        return self._with_dictionaries(self._aside.rows()), self._aside.row_numbers

    def with_rare_labels(self, sample: Table) -> tuple[list[Labels], np.ndarray]:
        """Append labels that do not occur in the sample, so that all classes are known.

        Their weight is 0, unless the sample has no label in the column at all.
        """
        missing = [
            column.observed[:0] if values is None else _subtract(values, column)
            for values, column in zip(self._distinct, sample.labels, strict=True)
        ]
        n_more = max(map(len, missing))
        weights = np.vstack([sample.weights, np.zeros((n_more, len(missing)))])
        labels = []
        for k, (column, more) in enumerate(zip(sample.labels, missing, strict=True)):
            if not len(column.observed):
                weights[len(sample) :, k] = 1.0
            mask = np.append(column.mask, np.arange(n_more) < len(more))
            observed = join_labels([column.observed, more])
            labels.append(replace(column, observed=observed, mask=mask))
        return labels, weights

    def _check_finite(self, rows: "pyarrow.Table") -> None:
        """Raise an error for infinite features, while it is known in which rows they are."""
        import pyarrow as pa
        from pyarrow import compute

        for name in self.columns.features:
            column = rows.column(name)
            is_float = column.type in (pa.float32(), pa.float64())
            if is_float and compute.any(compute.is_inf(column)).as_py():
                raise TooLargeError.of(name, "float64")

    def _declare(self, block: Block) -> None:
        import pyarrow as pa

        rows = block.rows
        for name in self.columns.targets:
            dtype = rows.schema.field(name).type
            if not pa.types.is_dictionary(dtype):
                continue
            before = [self._declared[name]] if name in self._declared else []
            parts = [list_categories(chunk.dictionary) for chunk in rows.column(name).chunks]
            self._declared[name] = pa.chunked_array([*before, *parts]).unique()
            if dtype.ordered and name in self._ordered:
                self._check_order(name, parts, block.row_group)

    def _check_order(self, name: str, parts: Sequence[Any], group: RowGroup) -> None:
        """Check that a row group lists all categories of a column, in the order of the others."""
        categories = self._declared[name]
        # Two categories make a binary task, which needs no order.
        if len(categories) <= 2:
            return
        remedy = f"or pass task_types={{{name!r}: 'multiclass'}}."
        if not group.keeps_order(name):
            raise ValueError(
                f"Column {name!r} is stored without its order of categories: write all files with "
                f"dictionary encoding, {remedy}"
            )
        for part in parts:
            if not part.equals(categories):
                raise ValueError(
                    f"Column {name!r} lists the ordered categories {part.to_pylist()} here, of "
                    f"{categories.to_pylist()} in all rows so far: write all files with the same "
                    f"categories in the same order, {remedy}"
                )

    def _with_dictionaries(self, rows: "pyarrow.Table") -> "pyarrow.Table":
        """Convert columns back to dictionaries; those of y contain all declared values."""
        import pyarrow as pa
        from pyarrow import compute

        for place, name in enumerate(rows.column_names):
            dtype = self.source.schema.field(name).type
            column = rows.column(place)
            if name in self._declared:
                codes = compute.index_in(column, value_set=self._declared[name]).combine_chunks()
                column = pa.DictionaryArray.from_arrays(
                    codes, self._declared[name], ordered=dtype.ordered
                )
            elif pa.types.is_dictionary(dtype):
                column = column.dictionary_encode()
            else:
                continue
            rows = rows.set_column(place, name, column)
        return rows


def _hash(row_numbers: np.ndarray, rows: "pyarrow.Table") -> np.ndarray:
    """Return keys that are as good as drawn."""
    return hash_rows(row_numbers)


def _descend(row_numbers: np.ndarray, rows: "pyarrow.Table") -> np.ndarray:
    """Return keys that decrease with the number of the row."""
    return ~row_numbers.astype(np.uint64)


def _are_among(ordered: np.ndarray, row_numbers: np.ndarray) -> np.ndarray:
    """Return whether row numbers are among others, which are in ascending order."""
    first, end = (np.searchsorted(ordered, row_numbers, side) for side in ("left", "right"))
    return first < end


def _unite(values: np.ndarray | None, labels: np.ndarray) -> np.ndarray | None:
    """Return distinct labels with those of more rows; None if there are too many."""
    if values is None:
        return None
    united = pd.unique(join_labels([values, pd.unique(labels)]))
    return united if len(united) <= _MOST_DISTINCT else None


def _subtract(labels: np.ndarray, column: Labels) -> np.ndarray:
    """Return the labels that do not occur in a column."""
    n_labels, both = len(labels), join_labels([labels, pd.unique(column.observed)])
    return labels[~np.isin(both[:n_labels], both[n_labels:])]
