"""A table in files: a sample is in memory, and all rows are read block by block."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

import joblib
import numpy as np

from ..form import TargetForm
from ..kinds import dependent_pairs, learnt_columns
from ..reading import TooLargeError
from ..table import N_PARTS, Table, TableReader
from .ahead import interleaved, watched
from .columns import Columns
from .orders import ordered_targets
from .sampling import row_hashes
from .source import Block, Source
from .survey import Survey

# Limits of the units that training reads at the same time, and of their columns: an open column of
# Parquet needs several MB, for a page in its stored and in its decoded form.
_MOST_OPEN, _OPEN_COLUMNS = 4, 100

_Made = TypeVar("_Made", bound=Any)


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
    reader : TableReader
        Reads rows as tables.
    source : Source
        The files.
    columns : Columns
        The columns to read.
    survey : Survey
        The result of the first pass.
    like : TargetForm, optional
        The form of y in an earlier table.
    verbose : int, default=0
        Whether passes over the rows show progress bars.

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
        reader: TableReader,
        source: Source,
        columns: Columns,
        survey: Survey,
        like: TargetForm | None = None,
        verbose: int = 0,
    ):
        self.reader = reader
        self.verbose = verbose
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
        self.distinct, weights = survey.distinct.table(self.sample)
        self.distinct_weights = weights / survey.unit

    @classmethod
    def read(
        cls,
        reader: TableReader,
        source: Source,
        columns: Columns,
        depends_on: Mapping[str, str] | str | None,
        *,
        like: TargetForm | None = None,
        verbose: int = 0,
        n_aside: Callable[[int], int] = lambda n_rows: 0,
        last: bool = False,
    ) -> StreamedTable:
        """Read the labels of a dataset, and draw a sample and validation rows.

        Parameters
        ----------
        reader, source, columns, like, verbose : object
            The parameters of `StreamedTable`.
        depends_on : object
            The parameter of the estimators.
        n_aside : callable, optional
            Function from the number of rows to the number of validation rows; by default 0.
        last : bool, default=False
            Whether the last rows are set aside; by default, hashes of the row numbers choose them.

        Returns
        -------
        StreamedTable
            The table.
        """
        ignored = reader.ignored(like)
        # Checked before any block is read, whose name would be in the message.
        kept = learnt_columns(columns.targets, ignored)
        names = like.names if like else [columns.targets[k] for k in kept]
        pairs = dependent_pairs(depends_on, names)
        # A fitted form has its order already.
        ordered = set() if like else ordered_targets(reader.task_types, columns.targets)
        most_aside = n_aside(source.n_rows)
        survey = Survey(source, columns, ignored, most_aside, last, pairs, ordered)
        blocks = source.blocks(columns.names)
        for block in watched(blocks, source.n_rows, "Reading labels", verbose):
            with block.unit.named():
                survey.add(block)
        survey.end(n_aside)
        return cls(reader, source, columns, survey, like, verbose)

    def __len__(self) -> int:
        """Return the number of rows that have a label with a weight, including validation rows."""
        return self._n_rows

    def blocks(self) -> Iterator[Table]:
        """Yield tables of all rows in their order, block by block.

        If the sample has all rows, it is the only block.
        """
        if len(self.sample) == len(self):
            return iter([self.sample])
        readers = self.source.readers(self.columns.names)
        tables = interleaved(map(self._tables, readers), n_open=1)
        return watched(tables, len(self), "Reading features", self.verbose)

    def training_rows(
        self, order: Sequence[int], make: Callable[[Table], _Made]
    ) -> Iterator[_Made]:
        """Read the training rows of some units, several units at a time.

        Parameters
        ----------
        order : sequence of int
            Numbers of the units.
        make : callable
            Called with each block of rows, a table; its errors name the unit.

        Yields
        ------
        object
            What ``make`` returned for a block with rows.
        """

        def of_unit(blocks: Iterator[Block]) -> Generator[_Made, None, None]:
            for block in blocks:
                kept = ~self.is_aside(block.numbers)
                if not kept.any():
                    continue
                with block.unit.named():
                    rows, numbers = block.rows.filter(kept), block.numbers[kept]
                    table = self._table(rows, numbers, self.form, self._unit)
                    made = make(table) if len(table) else None
                if made is not None:
                    yield made

        n_open = max(1, min(_MOST_OPEN, _OPEN_COLUMNS // len(self.columns.names)))
        readers = self.source.readers(self.columns.names, order)
        return interleaved(map(of_unit, readers), n_open)

    @contextmanager
    def naming(self, check: Callable[[Any], Any]) -> Iterator[None]:
        """Context manager in which an error about infinity names the unit that holds it.

        Parameters
        ----------
        check : callable
            Called with features, in which it looks for the error.
        """
        try:
            yield
        except TooLargeError:
            for block in self.source.blocks(self.columns.names):
                with block.unit.named():
                    table = self._table(block.rows, block.numbers, self.form, self._unit)
                    check(table.features)
            raise

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
        table = self.reader.read(*passed, like=like, unit=unit)
        numbers = numbers[table.numbers]
        # A row has the same part in every pass, whatever the order in which rows are read.
        parts = (row_hashes(numbers) % np.uint64(N_PARTS)).astype(np.int64)
        parts[self.is_aside(numbers)] = N_PARTS
        return replace(table, numbers=numbers, parts=parts)


#: A table in memory or in files.
AnyTable = Table | StreamedTable
