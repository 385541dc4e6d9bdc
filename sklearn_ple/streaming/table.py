"""A table that stays in its files: a sample of its rows, and all of them a block at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch

from ..encoding import (
    N_PARTS,
    OrderedStatistics,
    Table,
    TableEncoder,
    TargetForm,
    ignored_by,
)
from ..training import Arrays, ShuffledRows, TableRows, digest
from .columns import Columns
from .reading import interleaved, watched
from .sampling import row_hashes
from .source import Block, Source
from .survey import Survey
from .tally import Tally

# Units that training reads at the same time, and their columns: in Parquet a column takes some MB,
# a page of it as it is stored and as it is read.
_MOST_OPEN, _OPEN_COLUMNS = 4, 100


class StreamedTable:
    """The rows of a dataset that count: each has a label with a weight.

    One pass over the labels and a sample of the rows says what is needed before training; the
    encoder takes two more over the features if there are more rows than in the sample. All rows
    decide how many count, which labels there are, categories and scales; all but those that are
    set aside decide target statistics. The sample, of 200,000 rows or 256 MB at most, decides the
    rest: the means and scales of labels that are numbers, bins and where a linear path starts. So
    bins are those of a random sample: the share of all rows below an edge is off by the standard
    error of a share, 0.001 or less of 200,000 rows.

    Parameters
    ----------
    estimator : estimator
        The columns of X are checked against its own.
    source : Source
        The files.
    columns : Columns
        Which of their columns are read.
    survey : Survey
        What the first pass has found.
    like : TargetForm, optional
        How the y of an earlier table came.

    Attributes
    ----------
    sample : Table
        Rows to train on, drawn by a hash of their numbers.
    aside : Table or None
        The rows of validation, if there are any.
    is_aside : callable
        From numbers of rows to whether they are among these.
    labels : list of Labels
        Those of the sample, and behind them, without weight, others that are in the table.
    weights : ndarray of shape (n_labels, n_tasks)
        Their weights.
    form : TargetForm
        How y comes.
    """

    def __init__(
        self,
        estimator: Any,
        source: Source,
        columns: Columns,
        survey: Survey,
        like: TargetForm | None = None,
    ):
        self.estimator = estimator
        self.source = source
        self.columns = columns
        self.is_aside = survey.is_aside
        self._unit, self._n_rows = survey.unit, survey.n_rows
        # Where all rows are in memory, they are weighed as a table in memory is.
        unit = None if survey.n_sampled == survey.n_rows else survey.unit
        self.sample = self._table(*survey.sample(), like, unit)
        self.form = self.sample.form
        aside = survey.aside()
        self.aside = None if aside is None else self._table(*aside, self.form, survey.unit)
        self.labels, self.weights = survey.with_rare_labels(self.sample)
        self._distinct, self._counts, weights = survey.distinct.table(self.sample)
        self._weights = weights / survey.unit

    @classmethod
    def read(
        cls,
        estimator: Any,
        source: Source,
        columns: Columns,
        *,
        like: TargetForm | None = None,
        n_aside: Callable[[int], int] = lambda n_rows: 0,
        last: bool = False,
    ) -> StreamedTable:
        """Look through the labels of a dataset, and draw rows from it.

        Parameters
        ----------
        estimator, source, columns, like : object
            As in `StreamedTable`.
        n_aside : callable, optional
            How many rows to set aside for validation, of as many rows; by default none.
        last : bool, default=False
            Whether these are the last ones; by default a hash of their numbers chooses them.
        """
        ignored = like.ignored_among if like else partial(ignored_by, estimator.task_types)
        depends_on = estimator.get_params(deep=False).get("depends_on")
        most_aside = n_aside(source.n_rows)
        survey = Survey(source, columns, ignored, most_aside, last, depends_on)
        blocks = source.blocks(columns.names)
        for block in watched(blocks, source.n_rows, "Reading labels", estimator.verbose):
            with block.unit.named():
                survey.add(block)
        survey.end(n_aside)
        return cls(estimator, source, columns, survey, like)

    def __len__(self) -> int:
        """Return the number of rows that count, those of validation included."""
        return self._n_rows

    def blocks(self) -> Iterator[Table]:
        """Read all rows in their order, some at a time."""
        readers = self.source.readers(self.columns.names)
        tables = interleaved(map(self._tables, readers), n_open=1)
        return watched(tables, len(self), "Reading features", self.estimator.verbose)

    def rows(
        self,
        encoder: TableEncoder,
        ordered: OrderedStatistics | None,
        class_weight: Any,
        dtype: torch.dtype,
    ) -> ShuffledRows:
        """Return the rows to train on, read anew in each epoch.

        Parameters
        ----------
        encoder : TableEncoder
            What encodes them.
        ordered : OrderedStatistics or None
            Their target statistics, if they were learnt from.
        class_weight : object
            As in the estimators.
        dtype : torch.dtype
            Of numbers, targets and weights.
        """
        tally = Tally(encoder)
        tally.add(self._distinct, self._counts, self._weights)
        n_trained_on = len(self)
        if self.aside is not None:
            tally.leave_out(self.aside)
            n_trained_on -= len(self.aside)
        class_weight = tally.balanced(class_weight)

        def encoded(table: Table) -> Arrays:
            part = encoder.apply(table, class_weight, warns=False)._replace(ordered=ordered)
            arrays = encoder.resume(part), *part.arrays[1:]
            return tuple(
                np.asarray(own, encoder.dtype) if own.dtype.kind == "f" else own for own in arrays
            )

        def of_unit(blocks: Iterator[Block]) -> Iterator[Arrays]:
            for block in blocks:
                kept = ~self.is_aside(block.numbers)
                if not kept.any():
                    continue
                with block.unit.named():
                    rows, numbers = block.rows.filter(kept), block.numbers[kept]
                    table = self._table(rows, numbers, self.form, self._unit)
                    arrays = encoded(table) if len(table) else None
                if arrays is not None:
                    yield arrays

        n_open = max(1, min(_MOST_OPEN, _OPEN_COLUMNS // len(self.columns.names)))

        def read(order: Sequence[int]) -> Iterator[Arrays]:
            readers = self.source.readers(self.columns.names, order)
            return interleaved(map(of_unit, readers), n_open)

        numbers, codes, *labels_ = encoded(self.sample)
        first = TableRows(numbers, codes, *labels_, dtype=dtype)
        means = torch.as_tensor(tally.mean_weights(class_weight, n_trained_on), dtype=dtype)
        return ShuffledRows(n_trained_on, len(self.source.units), read, first, means)

    def described(self) -> dict[str, str]:
        """Describe the rows by their files, for the fingerprint of a fit."""
        files = [(f.path, f.state[0], f.footer()) for f in self.source.files]
        units = [(unit.number, unit.n_rows) for unit in self.source.units]
        return {
            "the files of X": digest([repr(files), repr(units)]),
            "the columns of X": digest([str(self.source.schema.remove_metadata())]),
            "y": repr((self.columns.targets, self.columns.ndim)),
            "sample_weight": repr(self.columns.weight),
        }

    @property
    def identity(self) -> str:
        """A digest by which the rows are known again, of Parquet wherever the files are."""
        # The footer of a Parquet file depends on everything that the file contains.
        files = [
            ("" if f.format == "parquet" else f.path, f.state[0], f.footer())
            for f in self.source.files
        ]
        labels = self.columns.targets, self.columns.weight
        return digest([repr(files), str(self.source.schema.remove_metadata()), repr(labels)])

    def _tables(self, blocks: Iterator[Block]) -> Iterator[Table]:
        """Turn blocks of rows into tables, without rows that do not count."""
        for block in blocks:
            with block.unit.named():
                table = self._table(block.rows, block.numbers, self.form, self._unit)
            if len(table):
                yield table

    def _table(
        self, rows: Any, numbers: np.ndarray, like: TargetForm | None, unit: float | None
    ) -> Table:
        own = self.columns
        passed = own.X(rows), own.y(rows), own.sample_weight(rows)
        table = Table.read(self.estimator, *passed, like=like, unit=unit)
        numbers = numbers[table.numbers]
        # The same ones in every pass, whatever the order in which rows are read.
        parts = (row_hashes(numbers) % np.uint64(N_PARTS)).astype(np.int64)
        parts[self.is_aside(numbers)] = N_PARTS
        return replace(table, numbers=numbers, parts=parts)


#: Rows in memory, or in files.
AnyTable = Table | StreamedTable
