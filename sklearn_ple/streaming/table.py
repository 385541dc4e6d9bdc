"""A table in files: a sample is in memory, and all rows are read block by block."""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import joblib
import numpy as np
import torch

from ..distributed import current
from ..encoding import (
    N_PARTS,
    OrderedStatistics,
    Table,
    TableEncoder,
    TargetForm,
    TooLargeError,
    dependent_pairs,
    ignored_by,
    learnt_columns,
)
from ..training import Arrays, ShuffledRows, TableRows
from ..utils.warn import warn
from .columns import Columns
from .orders import ordered_targets
from .reading import interleaved, watched
from .sampling import row_hashes
from .source import Block, Source
from .survey import Survey
from .tally import Tally

# Limits of the units that training reads at the same time, and of their columns: an open column of
# Parquet needs several MB, for a page in its stored and in its decoded form.
_MOST_OPEN, _OPEN_COLUMNS = 4, 100


class StreamedTable:
    """The rows of a dataset that have a label with a weight.

    Before training, one pass reads the labels of all rows and draws a sample of the rows. If there
    are more rows than in the sample, the encoder makes two more passes over the features. The
    number of rows, the labels, the categories and the scales are computed from all rows, and the
    target statistics from all training rows. Everything else is computed from the sample, which
    has at most 200,000 rows or 256 MB: the means and scales of labels that are numbers, the bins,
    and the initial linear path. The share of all rows below an edge of a bin thus differs from
    that of the sample by sampling error, with a standard error of about 0.001 for 200,000 rows.

    Parameters
    ----------
    estimator : estimator
        The estimator, whose column names are set or checked.
    source : Source
        The files.
    columns : Columns
        The columns to read.
    survey : Survey
        The result of the first pass.
    like : TargetForm, optional
        The form of y in an earlier table.

    Attributes
    ----------
    sample : Table
        The sample of the training rows, drawn by hashes of the row numbers.
    aside : Table or None
        The validation rows, if there are any.
    is_aside : callable
        Function from numbers of rows to whether they are validation rows.
    labels : list of Labels
        The labels of the sample, followed by labels that occur only in other rows.
    weights : ndarray of shape (n_labels, n_tasks)
        Weights of these labels; those of labels that occur only in other rows are 0.
    form : TargetForm
        The form of y.
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
        # If the sample contains all rows, weights are the same as for a table in memory.
        unit = None if survey.n_sampled == survey.n_rows else survey.unit
        self.sample = self._table(*survey.sample(), like, unit)
        self.form = self.sample.form
        aside = survey.aside()
        self.aside = None if aside is None else self._table(*aside, self.form, survey.unit)
        self.labels, self.weights = survey.with_rare_labels(self.sample)
        self._distinct, weights = survey.distinct.table(self.sample)
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
        """Read the labels of a dataset, and draw a sample and validation rows.

        Parameters
        ----------
        estimator, source, columns, like : object
            The parameters of `StreamedTable`.
        n_aside : callable, optional
            Function from the number of rows to the number of validation rows; by default 0.
        last : bool, default=False
            Whether the last rows are set aside; by default, hashes of the row numbers choose them.

        Returns
        -------
        StreamedTable
            The table.
        """
        ignored = like.ignored_among if like else partial(ignored_by, estimator.task_types)
        # Checked before any block is read, whose name would be in the message.
        kept = learnt_columns(columns.targets, ignored)
        names = like.names if like else [columns.targets[k] for k in kept]
        pairs = dependent_pairs(estimator.depends_on, names)
        # A fitted form has its order already.
        ordered = set() if like else ordered_targets(estimator.task_types, columns.targets)
        most_aside = n_aside(source.n_rows)
        survey = Survey(source, columns, ignored, most_aside, last, pairs, ordered)
        blocks = source.blocks(columns.names)
        for block in watched(blocks, source.n_rows, "Reading labels", estimator.verbose):
            with block.unit.named():
                survey.add(block)
        survey.end(n_aside)
        return cls(estimator, source, columns, survey, like)

    def __len__(self) -> int:
        """Return the number of rows that have a label with a weight, including validation rows."""
        return self._n_rows

    def blocks(self) -> Iterator[Table]:
        """Yield tables of all rows in their order, block by block."""
        readers = self.source.readers(self.columns.names)
        tables = interleaved(map(self._tables, readers), n_open=1)
        return watched(tables, len(self), "Reading features", self.estimator.verbose)

    @contextmanager
    def naming(self, encoder: TableEncoder) -> Iterator[None]:
        """Context manager in which an error about infinity names the unit that holds it."""
        try:
            yield
        except TooLargeError:
            scaler = copy.copy(encoder.features.scaler_)
            for block in self.source.blocks(self.columns.names):
                with block.unit.named():
                    table = self._table(block.rows, block.numbers, self.form, self._unit)
                    scaler.fit(table.features)
            raise

    def rows(
        self,
        encoder: TableEncoder,
        ordered: OrderedStatistics | None,
        class_weight: Any,
        dtype: torch.dtype,
    ) -> ShuffledRows:
        """Return the training rows, which are read again in each epoch.

        Parameters
        ----------
        encoder : TableEncoder
            The encoder, fitted to this table.
        ordered : OrderedStatistics or None
            Target statistics of the rows, if the encoder learnt them from these rows.
        class_weight : object
            The parameter of the estimators.
        dtype : torch.dtype
            Dtype of numbers, targets and weights.

        Returns
        -------
        ShuffledRows
            The rows.
        """
        self._warn_of_few_units()
        tally = Tally(encoder)
        tally.add(self._distinct, self._weights)
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

        def of_unit(blocks: Iterator[Block]) -> Generator[Arrays, None, None]:
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

    def _warn_of_few_units(self) -> None:
        """Warn if some of the processes that train together would have no rows."""
        n_units, processes = len(self.source.units), current()
        if n_units < processes.n and processes.is_first:
            warn(
                f"{self.source} has rows for only {n_units} of {processes.n} processes, because "
                "each reads its own row groups of Parquet or record batches of Arrow: write "
                "smaller ones, many for each process, for example with row_group_size."
            )

    def described(self) -> dict[str, str]:
        """Return hashes of files and columns, for the fingerprint of a fit."""
        files = [(f.path, f.state[0], f.digest()) for f in self.source.files]
        units = [(unit.number, unit.n_rows) for unit in self.source.units]
        return {
            "the files of X": joblib.hash([files, units]),
            "the columns of X": joblib.hash(str(self.source.schema.remove_metadata())),
            "y": repr((self.columns.targets, self.columns.ndim)),
            "sample_weight": repr(self.columns.weight),
        }

    @property
    def identity(self) -> str:
        """Hash that identifies the rows; for Parquet, the paths of files do not matter."""
        # The footer of a Parquet file depends on everything that the file contains.
        files = [
            ("" if f.format == "parquet" else f.path, f.state[0], f.digest())
            for f in self.source.files
        ]
        labels = self.columns.targets, self.columns.weight
        return joblib.hash([files, str(self.source.schema.remove_metadata()), labels])

    def _tables(self, blocks: Iterator[Block]) -> Generator[Table, None, None]:
        """Convert blocks to tables, without rows that have no label with a weight."""
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
        # A row has the same part in every pass, whatever the order in which rows are read.
        parts = (row_hashes(numbers) % np.uint64(N_PARTS)).astype(np.int64)
        parts[self.is_aside(numbers)] = N_PARTS
        return replace(table, numbers=numbers, parts=parts)


#: A table in memory or in files.
AnyTable = Table | StreamedTable
