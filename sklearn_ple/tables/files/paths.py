"""Paths of files: local ones, URLs, patterns and lists of them, opened as datasets of pyarrow."""

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from ...utils.checks import check_unique
from ...utils.versions import needing
from .row_groups import make_read_error

if TYPE_CHECKING:
    import pyarrow.dataset
    import pyarrow.fs

# Endings of the names of files; all other files are regarded as Parquet.
_ENDINGS = {".arrow": "ipc", ".feather": "ipc", ".ipc": "ipc", ".csv": "csv"}


@dataclass(frozen=True)
class _Place:
    """Files that were found at a path.

    Attributes
    ----------
    filesystem : pyarrow.fs.FileSystem
        Where the files are.
    files : list of str
        The paths of the files.
    folder : str or None
        The folder that was searched, whose subfolders may name columns; None for a single file.
    whole : bool
        Whether all files in the folder are meant.
    """

    filesystem: "pyarrow.fs.FileSystem"
    files: list[str]
    folder: str | None
    whole: bool = False

    def open(
        self, kind: "str | pyarrow.dataset.FileFormat", **options: Any
    ) -> "pyarrow.dataset.Dataset":
        """Open the files as a dataset."""
        from pyarrow.dataset import dataset

        paths = self.folder if self.whole else self.files
        return dataset(paths, format=kind, filesystem=self.filesystem, **options)


def open_paths(X: Any) -> Any:
    """Open the files at paths as a dataset.

    Parameters
    ----------
    X : str, path-like or list of these
        A file, a folder, or a pattern such as "folder/*.parquet", of this machine or as a URL such
        as "s3://bucket/folder"; or a list of files.

    Returns
    -------
    pyarrow.dataset.Dataset
        The dataset.

    Raises
    ------
    FileNotFoundError
        If there is no such file or folder.
    ValueError
        If files cannot be read, or are on different file systems.
    ImportError
        If pyarrow is not installed.
    """
    with needing("Files need pyarrow", "parquet"):
        from pyarrow import ArrowException, ArrowTypeError, schema
    place, kind = _locate(X), "parquet"
    with suppress(StopIteration):
        kind = next(_ENDINGS[end] for end in map(_ending, place.files) if end in _ENDINGS)
    options: dict[str, Any] = {"partitioning": None if place.folder is None else "hive"}
    if not place.whole and place.folder is not None:
        options["partition_base_dir"] = place.folder
    try:
        # Only folders below the path are columns; a single file has none.
        return _fill_null_types(place.open(_make_format(kind), **options))
    except ArrowTypeError:
        # A key has another type than the column of that name in the first file.
        first = next(place.open(kind).get_fragments())
        folders = (PurePosixPath(file).parent for file in place.files)
        keys = _find_keys(part for folder in folders for part in folder.parts)
        both = keys.intersection(first.physical_schema.names)
        raise make_duplicate_error(first.path, kind, both) from None
    except (ArrowException, OSError) as error:
        with suppress(ArrowException, OSError):
            for fragment in place.open(kind, schema=schema([])).get_fragments():
                check_unique(fragment.path, fragment.physical_schema.names)
        known = {".parquet", *_ENDINGS}
        if isinstance(error, ValueError) and not known.intersection(map(_ending, place.files)):
            raise ValueError(
                f"{X} cannot be read as Parquet. Convert files of other formats with "
                "pyarrow.dataset.write_dataset, and name others with one of the endings "
                f"{', '.join(sorted(_ENDINGS))}."
            ) from error
        raise make_read_error(str(X), error) from error


def find_filesystem(path: str) -> tuple[Any, str]:
    """Return the file system of a path or URL, of pyarrow or of fsspec, and the path in it."""
    from pyarrow import ArrowInvalid, fs

    if "://" not in path:
        return fs.LocalFileSystem(), path
    try:
        return fs.FileSystem.from_uri(path)
    except ArrowInvalid as error:
        # It is always installed, because torch requires it.
        from fsspec.core import url_to_fs

        try:
            filesystem, inner = url_to_fs(path)
        except (ImportError, ValueError) as other:
            message = f"Neither pyarrow ({error}) nor fsspec ({other}) can read the URL {path!r}."
            raise type(other)(message) from other
        return fs.PyFileSystem(fs.FSSpecHandler(filesystem)), inner


def _ending(path: str) -> str:
    """Return the ending of the name of a file, without that of a compression."""
    return PurePosixPath(path.removesuffix(".gz")).suffix


def _make_format(kind: str) -> Any:
    """Return the format of files; missing text is missing in CSV, too, as it is for pandas."""
    from pyarrow import csv
    from pyarrow.dataset import CsvFileFormat

    nulls = csv.ConvertOptions(strings_can_be_null=True)
    return CsvFileFormat(convert_options=nulls) if kind == "csv" else kind


def _locate(X: Any) -> _Place:
    """Find the files at a path, or at each of a list."""
    if not isinstance(X, (list, tuple)):
        return _locate_one(str(X))
    places = [_locate_one(str(path)) for path in X]
    files = [file for place in places for file in place.files]
    if any(place.whole for place in places):
        raise ValueError("X is a list that has folders: list files, or pass one folder.")
    if not all(places[0].filesystem.equals(place.filesystem) for place in places):
        raise ValueError("X lists files of several file systems: pass files of one.")
    return _Place(places[0].filesystem, files, None)


def _locate_one(path: str) -> _Place:
    from pyarrow import fs

    filesystem, inner = find_filesystem(path)
    kind = filesystem.get_file_info(inner).type
    if kind == fs.FileType.File:
        return _Place(filesystem, [inner], None)
    if kind == fs.FileType.Directory:
        return _Place(filesystem, _list_files(filesystem, inner), inner, whole=True)
    parts = PurePosixPath(inner.replace(os.sep, "/")).parts
    n_plain = next((n for n, part in enumerate(parts) if set(part) & set("*?[")), len(parts))
    folder = str(PurePosixPath(*parts[:n_plain]))
    found = []
    if n_plain < len(parts) and filesystem.get_file_info(folder).type == fs.FileType.Directory:
        pattern = PurePosixPath("/", *parts)
        files = _list_files(filesystem, folder)
        found = [file for file in files if PurePosixPath("/", file).match(str(pattern))]
    if not found:
        raise FileNotFoundError(f"X is {path!r}, but there is no such file or folder.")
    return _Place(filesystem, sorted(found), folder)


def _list_files(filesystem: "pyarrow.fs.FileSystem", folder: str) -> list[str]:
    """Return the paths of all files below a folder."""
    from pyarrow.fs import FileSelector, FileType

    infos = filesystem.get_file_info(FileSelector(folder, recursive=True))
    return [info.path for info in infos if info.type == FileType.File]


def _fill_null_types(dataset: "pyarrow.dataset.Dataset") -> "pyarrow.dataset.Dataset":
    """Replace the type null, of a column without values in the first file, by that of another."""
    import pyarrow as pa

    schema = dataset.schema
    names = [field.name for field in schema if pa.types.is_null(field.type)]
    for fragment in dataset.get_fragments() if names else ():
        with suppress(pa.ArrowException, OSError):
            there = [field for field in fragment.physical_schema if field.name in names]
            schema = pa.unify_schemas([schema, pa.schema(there)])
    return dataset.replace_schema(schema)


def make_duplicate_error(path: str, kind: str, names: Iterable[str]) -> ValueError:
    """Create the error for columns that are in a file and in the names of its folders."""
    return ValueError(
        f"{path} has the columns {sorted(names)}, and so do the names of its folders: leave them "
        f"out of the files, or pass pyarrow.dataset.dataset(path, format={kind!r}), which ignores "
        "the folders."
    )


def _find_keys(folders: Iterable[str]) -> set[str]:
    """Return the names of columns in names of folders, such as ``year`` in ``year=2024``."""
    return {unquote(folder.split("=")[0]) for folder in folders if "=" in folder}
