"""Datasets of files: their columns, and their rows block by block."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...utils.checks import check_unique, naming
from ...utils.credentials import mask, masking
from ..arrow import storable, to_storable
from ..frames import holds_paths
from .paths import make_duplicate_error, open_paths
from .read_ahead import interleave
from .row_groups import File, RowGroup, find_file, make_read_error

if TYPE_CHECKING:
    import pyarrow.dataset

# Largest numbers of rows and of values in a block; several blocks are in memory at a time.
_MOST_ROWS, _MOST_NUMBERS = 2**15, 2**20
# A larger dictionary is reduced to the values of a block. Smaller ones may declare classes.
_LARGE_DICTIONARY = 1000


@dataclass(frozen=True)
class Block:
    """Some rows of a file.

    Attributes
    ----------
    row_group : RowGroup
        The part of a file from which the rows are read.
    first : int
        Number of the first row, among the rows of all files.
    rows : pyarrow.Table
        The rows, with the requested columns.
    """

    row_group: RowGroup
    first: int
    rows: "pyarrow.Table"

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    @property
    def row_numbers(self) -> np.ndarray:
        """Numbers of the rows, among the rows of all files."""
        return np.arange(self.first, self.first + len(self.rows))


class Source:
    """A dataset of files that are read one block of rows at a time.

    Parameters
    ----------
    dataset : pyarrow.dataset.Dataset
        A dataset of files.
    all_columns : bool, default=False
        Whether it is an error if a file has columns that are not in the schema of the dataset. By
        default, the schema of a dataset is that of its first file.

    Attributes
    ----------
    schema : pyarrow.Schema
        The schema of the dataset.
    names : list of str
        Names of the columns, except those of an index of pandas.
    categories : list of str
        Names of the columns that were categories in pandas.
    files : list of File
        The files, in the order of the dataset.
    row_groups : list of RowGroup
        The row groups of all files, except those without rows.
    n_rows : int
        Number of rows in all files.

    Raises
    ------
    ValueError
        If the dataset has a filter or no rows, or if columns of a file are missing or of another
        type.
    TypeError
        If the rows are not in files.
    """

    def __init__(self, dataset: "pyarrow.dataset.Dataset", all_columns: bool = False):
        self.all_columns = all_columns
        self.schema = dataset.schema
        try:
            fragments = list(dataset.get_fragments())
        except ValueError as error:
            raise ValueError(
                f"The dataset has a filter or computed columns ({error}): write its rows to files "
                "first, with pyarrow.dataset.write_dataset."
            ) from error
        self.files = [find_file(fragment, self.schema) for fragment in fragments]
        try:
            index, self.categories = _read_notes(self.schema)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise make_read_error(f"What pandas noted in {self}", error) from error
        self.names = [name for name in self.schema.names if name not in index]
        self.row_groups: list[RowGroup] = []
        first = 0
        for file in self.files:
            for number, n_rows in self._look_into(file):
                if n_rows:
                    self.row_groups.append(RowGroup(file, number, n_rows, first))
                first += n_rows
        self.n_rows = first
        if not self.n_rows:
            raise ValueError(f"{self} has no rows: pass a dataset with rows.")

    @classmethod
    @masking()
    @naming("X")
    def of(cls, X: Any) -> "Source":
        """Return the source for a dataset, or for the files at paths."""
        return cls(open_paths(X), all_columns=True) if holds_paths(X) else cls(X)

    def __str__(self) -> str:
        """Return the name of the first file and the number of others, for messages."""
        if not self.files:
            return "The dataset"
        n_others = len(self.files) - 1
        return mask(self.files[0].path) + (f" (and {n_others} other files)" if n_others else "")

    def check_columns(self, names: Sequence[str], what: str) -> None:
        """Check that the columns exist; the error message starts with ``what``."""
        if missing := [name for name in names if name not in self.schema.names]:
            raise ValueError(f"{what} {missing}, but {self} has the columns {self.names}.")

    def blocks(self, columns: Sequence[str]) -> Iterator[Block]:
        """Yield blocks of some columns of all rows in order, which are read in advance."""
        return interleave(self.readers(columns), n_open=1)

    def readers(
        self, columns: Sequence[str], order: Sequence[int] | None = None
    ) -> Iterator[Generator[Block, None, None]]:
        """Yield a generator of the blocks of each row group."""
        numbers = range(len(self.row_groups)) if order is None else order
        return (self._read(self.row_groups[number], columns) for number in numbers)

    def _read(self, group: RowGroup, columns: Sequence[str]) -> Generator[Block, None, None]:
        n_at_once = max(16, min(_MOST_ROWS, _MOST_NUMBERS // max(len(columns), 1)))
        first = group.first
        for batch in group.batches(columns, n_at_once):
            with group.named():
                rows = self._in_schema(batch, group.file, columns)
            yield Block(group, first, rows)
            first += len(rows)

    def _in_schema(
        self, batch: "pyarrow.RecordBatch", file: File, columns: Sequence[str]
    ) -> "pyarrow.Table":
        """Convert rows to the types of the schema, and add the columns in the path."""
        import pyarrow as pa

        arrays = []
        for name in columns:
            dtype = storable(self.schema.field(name).type)
            if name in file.constants:
                arrays.append(pa.repeat(pa.scalar(file.constants[name], dtype), len(batch)))
            else:
                column = _compact(to_storable(batch.column(name)))
                arrays.append(column if column.type == dtype else column.cast(dtype))
        return pa.Table.from_arrays(arrays, list(columns))

    def _look_into(self, file: File) -> list[tuple[int, int]]:
        """Check the columns of a file, and return the numbers and sizes of its row groups."""
        import pyarrow as pa

        try:
            schema = file.fragment.physical_schema
            groups = file.row_groups()
        except (pa.ArrowException, OSError, EOFError) as error:
            raise make_read_error(file.path, error) from error
        check_unique(file.path, schema.names)
        if self.all_columns and (both := file.constants.keys() & set(schema.names)):
            raise make_duplicate_error(file.path, file.format, both)
        more = [name for name in schema.names if name not in self.schema.names]
        if self.all_columns and more:
            raise ValueError(
                f"{file.path} has the columns {more}, which {self} lacks: all files need the same "
                "columns. To leave some out, pass a dataset whose schema has only the others."
            )
        for field in self.schema:
            if field.name not in file.constants:
                self._check_field(file, schema, field)
        return groups

    def _check_field(self, file: File, schema: "pyarrow.Schema", field: "pyarrow.Field") -> None:
        import pyarrow as pa

        if field.name not in schema.names:
            raise ValueError(
                f"{file.path} has no column {field.name!r}, which other files or the names of "
                "their folders have: all files need the same columns."
            )
        there, expected = (storable(other.type) for other in (schema.field(field.name), field))
        # Versions of pandas, polars and Spark write text of either type.
        is_text = {there, expected} <= {pa.string(), pa.large_string()}
        if file.has_types and there not in (expected, pa.null()) and not is_text:
            raise ValueError(
                f"Column {field.name!r} is of type {there} in {file.path}, but of type {expected} "
                f"in {self}: write all files with the same types."
            )


def _read_notes(schema: "pyarrow.Schema") -> tuple[list[Any], list[str]]:
    """Return the columns of a schema that were an index, and categories, in pandas."""
    notes = schema.pandas_metadata or {}
    columns = notes.get("columns", [])
    categories = [each["field_name"] for each in columns if each["pandas_type"] == "categorical"]
    return list(notes.get("index_columns", [])), categories


def _compact(column: "pyarrow.Array") -> "pyarrow.Array":
    """Remove values from a large dictionary that do not occur in the rows."""
    import pyarrow as pa

    if not pa.types.is_dictionary(column.type) or column.type.ordered:
        return column
    if len(column.dictionary) <= max(len(column), _LARGE_DICTIONARY):
        return column
    return column.dictionary_decode().dictionary_encode()
