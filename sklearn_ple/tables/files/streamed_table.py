"""A table in files: a sample is in memory, and all rows are read block by block."""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import joblib
import numpy as np

from ..kinds import find_ordered, select_learnt
from ..labels import read_targets
from ..table import N_PARTS, Table, TableReader
from ..weights import weigh
from .columns import Columns
from .read_ahead import interleave, show_progress
from .sampling import hash_rows
from .source import Block, Source
from .survey import Survey

if TYPE_CHECKING:
    import pyarrow

# Limits of the row groups that training reads at the same time, and of their columns: an open
# column of Parquet needs several MB, for a page in its stored and in its decoded form.
_MOST_OPEN, _OPEN_COLUMNS = 4, 100

_Made = TypeVar("_Made", bound=Any)


class StreamedTable:
    """The rows of a dataset that have a label with a weight.

    Before training, one pass reads the labels of all rows and draws a sample of the rows. If there
    are more rows than in the sample, the encoder makes two more passes over the features, and one
    over the labels alone counts them. The number of rows, the labels, the categories and the
    scales are computed from all rows, and the target statistics from all training rows. Everything
    else is computed from the sample, which has at most 200,000 rows or 256 MB: the means and
    scales of labels that are numbers, the bins, and the initial linear path. The share of all rows
    below an edge of a bin thus differs from that of the sample by sampling error, with a standard
    error of about 0.001 for 200,000 rows.

    Parameters
    ----------
    reader : TableReader
        Reads rows as tables, perhaps like those of an earlier one.
    source : Source
        The files.
    columns : Columns
        The columns to read.
    verbose : int, default=0
        Whether passes over the rows show progress bars.
    n_aside : callable, optional
        Function from the number of rows to the number of validation rows; by default 0.
    last : bool, default=False
        Whether the last rows are set aside; by default, hashes of the row numbers choose them.

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
    header : Header
        The columns of X.
    """

    def __init__(
        self,
        reader: TableReader,
        source: Source,
        columns: Columns,
        *,
        verbose: int = 0,
        n_aside: Callable[[int], int] = lambda n_rows: 0,
        last: bool = False,
    ):
        self.source = source
        self.columns = columns
        self.verbose = verbose
        # Checked before any block is read, whose name would be in the message.
        select_learnt(columns.targets, reader.ignored)
        # The form of an earlier fit has the order of its categories.
        ordered = set() if reader.form else find_ordered(reader.task_types, columns.targets)
        most_aside = n_aside(source.n_rows)
        survey = Survey(source, columns, reader.ignored, most_aside, last, ordered)
        blocks = source.blocks(columns.surveyed)
        for block in show_progress(blocks, source.n_rows, "Reading labels", verbose):
            with block.row_group.named():
                survey.add(block)
        survey.end(n_aside)
        self.is_aside = survey.is_aside
        self._unit, self._n_rows = survey.unit, survey.n_rows
        # If the sample contains all rows, weights are the same as for a table in memory.
        rows, row_numbers = survey.sample()
        unit = None if len(row_numbers) == survey.n_rows else survey.unit
        self.reader = reader
        self.sample = self._read_table(rows, row_numbers, unit)
        self.form, self.header = self.sample.form, self.sample.header
        # All other rows are read in the form of the sample.
        self.reader = reader.like(self.header, self.form)
        aside = survey.aside()
        self.aside = None if aside is None else self._read_table(*aside, survey.unit)
        self.labels, self.weights = survey.with_rare_labels(self.sample)

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
        tables = interleave(map(self._read_tables, readers), n_open=1)
        return show_progress(tables, len(self), "Reading features", self.verbose)

    def label_blocks(self) -> Iterator[Table]:
        """Yield tables of the labels of all rows, block by block, without features."""
        if len(self.sample) == len(self):
            yield self.sample
            return
        columns = self.columns
        blocks = self.source.blocks(columns.labelled)
        for block in show_progress(blocks, self.source.n_rows, "Counting labels", self.verbose):
            labels, form = read_targets(columns.y(block.rows), self.reader.ignored)
            labels, weights = weigh(labels, columns.sample_weight(block.rows), self._unit)
            yield Table(None, labels, weights, form, self.header, block.row_numbers)

    def training_rows(
        self, order: Sequence[int], make: Callable[[Table], _Made]
    ) -> Iterator[_Made]:
        """Read the training rows of some row groups, several at a time.

        Parameters
        ----------
        order : sequence of int
            Numbers of the row groups.
        make : callable
            Called with each block of rows, a table; its errors name the row group.

        Yields
        ------
        object
            What ``make`` returned for a block with rows.
        """
        n_open = max(1, min(_MOST_OPEN, _OPEN_COLUMNS // len(self.columns.names)))
        readers = self.source.readers(self.columns.names, order)
        # A loop variable would keep the last reader, and its file, open after an error.
        read = partial(self._read_tables, make=make, leaves_out=self.is_aside)
        return interleave(map(read, readers), n_open)

    def describe(self) -> dict[str, str]:
        """Return hashes of files and columns, for the fingerprint of a fit.

        The path of a Parquet file does not count: its end depends on all that it contains.
        """
        paths = [file.path for file in self.source.files if file.format != "parquet"]
        files = [(file.state[0], file.digest()) for file in self.source.files]
        groups = [(group.number, group.n_rows) for group in self.source.row_groups]
        return {
            "the files of X": joblib.hash([paths, files, groups]),
            "the columns of X": joblib.hash(str(self.source.schema.remove_metadata())),
            "y": repr((self.columns.targets, self.columns.ndim)),
            "sample_weight": repr(self.columns.weight),
            "groups": repr(self.columns.group),
        }

    @property
    def identity(self) -> str:
        """Hash that identifies the rows; for Parquet, the paths of files do not matter."""
        return joblib.hash(self.describe())

    def _read_tables(
        self,
        blocks: Iterator[Block],
        make: Callable[[Table], Any] = lambda table: table,
        leaves_out: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> Generator[Any, None, None]:
        """Read blocks as tables, and yield what a function makes of each table that has rows.

        Rows without any weight are left out, and so are those for whose numbers ``leaves_out``
        returns True. Errors name the row group.
        """
        for block in blocks:
            rows, row_numbers = block.rows, block.row_numbers
            if leaves_out is not None:
                kept = ~leaves_out(row_numbers)
                rows, row_numbers = rows.filter(kept), row_numbers[kept]
            if not len(row_numbers):
                continue
            with block.row_group.named():
                table = self._read_table(rows, row_numbers, self._unit)
                made = make(table) if len(table) else None
            if made is not None:
                yield made

    def _read_table(
        self, rows: "pyarrow.Table", row_numbers: np.ndarray, unit: float | None
    ) -> Table:
        columns = self.columns
        passed = columns.X(rows), columns.y(rows), columns.sample_weight(rows)
        table = self.reader.read(*passed, unit=unit)
        row_numbers = row_numbers[table.row_numbers]
        # A row has the same part in every pass, whatever the order in which rows are read.
        parts = (hash_rows(row_numbers) % np.uint64(N_PARTS)).astype(np.int64)
        parts[self.is_aside(row_numbers)] = N_PARTS
        return replace(table, row_numbers=row_numbers, parts=parts)


#: A table in memory or in files.
FitTable = Table | StreamedTable
