"""Errors of files: what is wrong with them, and what to do."""

from __future__ import annotations

from collections.abc import Iterable


def twice(path: str, kind: str, names: Iterable[str]) -> ValueError:
    """Create the error for columns that are in a file and in the names of its folders."""
    return ValueError(
        f"{path} has the columns {sorted(names)}, and so do the names of its folders: leave them "
        f"out of the files, or pass pyarrow.dataset.dataset(path, format={kind!r}), which ignores "
        "the folders."
    )


def named_by_some(path: str, kind: str, name: str, other: str) -> ValueError:
    """Create the error for a column that the folders of another file name, but not of this one."""
    return ValueError(
        f"The folders of {other} name the column {name!r}, but those of {path} do not, and it has "
        "no such column: give all files such folders, or pass pyarrow.dataset.dataset(path, "
        f"format={kind!r}), which reads no names of folders."
    )


def unreadable(where: str, error: Exception) -> Exception:
    """Create the error for a file that cannot be read."""
    is_of_system = isinstance(error, OSError) and error.errno is not None
    kind = OSError if is_of_system else ValueError
    return kind(f"{where} cannot be read: {error}. Restore the file or write it again.")
