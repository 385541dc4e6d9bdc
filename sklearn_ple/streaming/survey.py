"""The first pass over a dataset: which rows count, which labels there are, and a sample."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from ..encoding import Labels, Table, label_weights, read_targets
from .columns import Columns
from .distinct import DistinctLabels
from .sampling import Lowest, row_hashes
from .source import Block, Source

#: Rows of the sample, at most, and about how many bytes they may take.
SAMPLED_ROWS, SAMPLED_BYTES = 200_000, 2**28


class Survey:
    """Looks at the labels of all rows, and draws rows for the sample and for validation.

    Parameters
    ----------
    source : Source
        The files.
    columns : Columns
        Which of their columns are read.
    ignored : callable
        As of `read_targets`.
    most_aside : int
        How many rows are set aside for validation, at most.
    last : bool
        Whether these are the last ones; else those with the lowest hashes.
    depends_on : object
        As in the estimators.

    Attributes
    ----------
    distinct : DistinctLabels
        The distinct labels, with how many there are.
    n_rows : int
        How many rows count: they have a label with a weight.
    is_aside : callable
        From numbers of rows to whether these are set aside.
    """

    def __init__(
        self,
        source: Source,
        columns: Columns,
        ignored: Callable[[Sequence[str]], list[int]],
        most_aside: int,
        last: bool,
        depends_on: Any,
    ):
        self.source = source
        self.columns = columns
        self.ignored = ignored
        self.n_rows = 0
        self._sum, self._n_labels = 0.0, 0
        self.distinct = DistinctLabels(depends_on)
        # Dictionaries of columns of y, with labels that no row need have.
        self._declared: dict[str, Any] = {}
        self._key = partial(_from_the_end, source.n_rows) if last else row_hashes
        # Of the sample, rows that are set aside are left out at the end.
        self._sample = Lowest(row_hashes, SAMPLED_ROWS + most_aside, SAMPLED_BYTES)
        self._aside = Lowest(self._key, most_aside, SAMPLED_BYTES)
        self.is_aside: Callable[[np.ndarray], np.ndarray] = _is_none

    def add(self, block: Block) -> None:
        """Look at some rows."""
        labels, _ = read_targets(self.columns.y(block.rows), self.ignored)
        weights = self.columns.sample_weight(block.rows)
        weights = label_weights(weights, labels, may_be_zero=True)
        self._declare(block.rows)
        counts = weights.any(axis=1)
        self.n_rows += int(counts.sum())
        self._sum += weights.sum()
        self._n_labels += int(np.count_nonzero(weights))
        self.distinct.add(labels, weights)
        numbers, rows = block.numbers[counts], block.rows.filter(counts)
        self._sample.add(numbers, rows)
        self._aside.add(numbers, rows)

    def end(self, n_aside: Callable[[int], int]) -> None:
        """Settle which rows are set aside, of as many as count."""
        if not self.n_rows:
            weighed = "" if self.columns.weight is None else " with a weight"
            raise ValueError(
                f"{self.source} has no row with a label{weighed} in {self.columns.targets}: there "
                "is nothing to learn."
            )
        if len(self._aside.cut(n_aside(self.n_rows))):
            self.is_aside = partial(_is_at_most, self._key, self._aside.highest)
            self._sample.keep(lambda numbers: ~self.is_aside(numbers))
        self._sample.cut(SAMPLED_ROWS)

    @property
    def unit(self) -> float:
        """The mean of the labels' weights."""
        return self._sum / self._n_labels

    @property
    def n_sampled(self) -> int:
        """Number of rows in the sample."""
        return len(self._sample)

    def sample(self) -> tuple[Any, np.ndarray]:
        """Return rows of Arrow to train on, drawn at random, and their numbers."""
        return self._with_dictionaries(self._sample.rows()), self._sample.numbers

    def aside(self) -> tuple[Any, np.ndarray] | None:
        """Return the rows of Arrow that are set aside, and their numbers; None if none are."""
        if not len(self._aside):
            return None
        return self._with_dictionaries(self._aside.rows()), self._aside.numbers

    def with_rare_labels(self, sample: Table) -> tuple[list[Labels], np.ndarray]:
        """Add labels that the sample lacks behind its own, so that their classes are known.

        They have no weight, unless the sample has no label of their column at all.
        """
        missing = [
            column.observed[:0] if all_.too_many else _difference(all_.values, column)
            for all_, column in zip(self.distinct.columns, sample.labels, strict=True)
        ]
        n_more = max(map(len, missing))
        weights = np.vstack([sample.weights, np.zeros((n_more, len(missing)))])
        labels = []
        for k, (column, more) in enumerate(zip(sample.labels, missing, strict=True)):
            if not len(column.observed):
                weights[len(sample) :, k] = 1.0
            mask = np.append(column.mask, np.arange(n_more) < len(more))
            observed = np.concatenate([column.observed, more]) if len(more) else column.observed
            labels.append(replace(column, observed=observed, mask=mask))
        return labels, weights

    def _declare(self, rows: Any) -> None:
        import pyarrow as pa

        for name in self.columns.targets:
            if pa.types.is_dictionary(rows.schema.field(name).type):
                parts = [chunk.dictionary for chunk in rows.column(name).chunks]
                before = [self._declared[name]] if name in self._declared else []
                self._declared[name] = pa.chunked_array([*before, *parts]).unique()

    def _with_dictionaries(self, rows: Any) -> Any:
        """Turn columns that were dictionaries into such again; of y with all that they declare."""
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


def _from_the_end(n_rows: int, numbers: np.ndarray) -> np.ndarray:
    """Return keys that descend with the number."""
    return np.uint64(n_rows) - numbers.astype(np.uint64)


def _is_none(numbers: np.ndarray) -> np.ndarray:
    return np.zeros(len(numbers), dtype=bool)


def _is_at_most(
    key: Callable[[np.ndarray], np.ndarray], highest: np.uint64, numbers: np.ndarray
) -> np.ndarray:
    return key(numbers) <= highest


def _difference(labels: np.ndarray, column: Labels) -> np.ndarray:
    """Return the labels that a column does not hold."""
    return labels[~np.isin(labels, pd.unique(column.observed))]
