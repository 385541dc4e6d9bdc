"""Files of a dataset, and their row groups: the rows that are stored together."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...utils.checks import naming
from ...utils.credentials import mask, masking

if TYPE_CHECKING:
    import pyarrow.dataset

# Number of bytes of a column of a row group that are read at a time, and of the end of a file.
_READ_AT_ONCE = 2**18


@dataclass(frozen=True, eq=False)
class File:
    """A file of a dataset.

    Attributes
    ----------
    path : str
        Path of the file.
    format : str
        Format of the file: "parquet" or "ipc"; others, such as "csv", are read in one part.
    fragment : pyarrow.dataset.Fragment
        The fragment of the dataset, which opens the file.
    state : tuple
        Size and time of the last change, at the time when the dataset was opened.
    constants : dict
        Values of the columns that are encoded in the path (hive partitioning).
    schema : pyarrow.Schema
        The schema of the dataset.
    """

    path: str
    format: str
    fragment: "pyarrow.dataset.FileFragment"
    state: tuple
    constants: dict[str, Any]
    schema: "pyarrow.Schema"

    @property
    def has_types(self) -> bool:
        """Whether the types of the columns are stored in the file."""
        return self.format in ("parquet", "ipc")

    @contextmanager
    def opened(self) -> Iterator[Any]:
        """Context manager that opens the file."""
        import pyarrow as pa
        from pyarrow import parquet

        if not self.has_types:
            yield self.fragment
            return
        options = {"buffer_size": _READ_AT_ONCE, "page_checksum_verification": True}
        with self.fragment.open() as handle:
            if self.format == "ipc":
                yield pa.ipc.open_file(handle)
            else:
                yield parquet.ParquetFile(handle, metadata=self.fragment.metadata, **options)

    def row_groups(self) -> list[tuple[int, int]]:
        """Return the number and the size of each row group that belongs to the dataset."""
        import pyarrow as pa

        if not self.has_types:
            return [(0, self.fragment.scanner(schema=self.schema, columns=[]).count_rows())]
        if self.format == "parquet":
            return [(group.id, group.num_rows) for group in self.fragment.row_groups]
        # A single column is enough to count the rows.
        options = pa.ipc.IpcReadOptions(included_fields=[0])
        with self.fragment.open() as handle:
            reader = pa.ipc.open_file(handle, options=options)
            numbers = range(reader.num_record_batches)
            return [(number, reader.get_batch(number).num_rows) for number in numbers]

    @masking()
    def digest(self) -> str:
        """Compute a digest of the end of the file, which changes with its content."""
        with self.fragment.open() as handle:
            handle.seek(max(handle.size() - _READ_AT_ONCE, 0))
            return hashlib.sha256(handle.read()).hexdigest()

    def now(self) -> tuple:
        """Return the current size and time of the last change."""
        info = self.fragment.filesystem.get_file_info(self.path)
        return info.size, info.mtime_ns


@dataclass(frozen=True, eq=False)
class RowGroup:
    """Rows that are stored together: a row group of Parquet, or a record batch of Arrow IPC.

    Attributes
    ----------
    file : File
        The file.
    number : int
        Number of the row group in the file, from 0.
    n_rows : int
        Number of rows.
    first : int
        Number of the first row, among the rows of all files.
    """

    file: File
    number: int
    n_rows: int
    first: int

    def __str__(self) -> str:
        """Return the name of the row group for messages."""
        path = mask(self.file.path)
        if not self.file.has_types:
            return path
        kind = "row group" if self.file.format == "parquet" else "record batch"
        return f"{path}, {kind} {self.number}"

    def keeps_order(self, name: str) -> bool:
        """Return whether the order of a column's categories is stored.

        Parquet without dictionary encoding lists categories as they first occur.
        """
        if self.file.format != "parquet" or name in self.file.constants:
            return True
        group = self.file.fragment.metadata.row_group(self.number)
        columns = map(group.column, range(group.num_columns))
        return all(
            column.has_dictionary_page for column in columns if column.path_in_schema == name
        )

    def named(self) -> AbstractContextManager:
        """Return a context in which errors about its content name the row group."""
        return naming(str(self))

    def batches(self, columns: Sequence[str], n_at_once: int) -> Iterator[Any]:
        """Yield batches of rows with some columns, and check that the file has not changed."""
        import pyarrow as pa

        n_read = 0
        stored = [name for name in columns if name not in self.file.constants]
        with masking():
            try:
                self._check_unchanged()
                with self.file.opened() as file:
                    for batch in self._batches(file, stored, n_at_once):
                        n_read += len(batch)
                        yield batch
                if n_read != self.n_rows:
                    raise pa.ArrowInvalid(f"{n_read} rows instead of {self.n_rows}")
                self._check_unchanged()
            except (pa.ArrowException, OSError, EOFError) as error:
                raise make_read_error(str(self), error) from error

    def _batches(self, file: Any, columns: list[str], n_at_once: int) -> Iterator[Any]:
        if self.file.format == "parquet":
            options = {"row_groups": [self.number], "columns": columns, "use_threads": False}
            yield from file.iter_batches(n_at_once, **options)
        elif not self.file.has_types:
            options = {"schema": self.file.schema, "columns": columns, "use_threads": False}
            yield from file.scanner(batch_size=n_at_once, **options).to_batches()
        else:
            whole = file.get_batch(self.number).select(columns)
            whole.validate(full=True)
            for start in range(0, len(whole), n_at_once):
                yield whole.slice(start, n_at_once)

    def _check_unchanged(self) -> None:
        if self.file.now() != self.file.state:
            raise OSError("it was changed after the dataset was opened")


def find_file(fragment: "pyarrow.dataset.FileFragment", schema: "pyarrow.Schema") -> File:
    """Return the file of a fragment of a dataset with a schema."""
    from pyarrow import dataset as ds

    if not hasattr(fragment, "format"):
        raise TypeError("X is a dataset of rows in memory: pass them as a table.")
    is_ipc = isinstance(fragment.format, ds.IpcFileFormat)
    kind = "ipc" if is_ipc else fragment.format.default_extname
    info = fragment.filesystem.get_file_info(fragment.path)
    constants = ds.get_partition_keys(fragment.partition_expression)
    return File(fragment.path, kind, fragment, (info.size, info.mtime_ns), constants, schema)


def make_read_error(where: str, error: Exception) -> Exception:
    """Create the error for a file that cannot be read."""
    is_of_system = isinstance(error, OSError) and error.errno is not None
    kind = OSError if is_of_system else ValueError
    return kind(f"{where} cannot be read: {error}. Restore the file or write it again.")
