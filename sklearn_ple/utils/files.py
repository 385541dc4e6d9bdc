"""Atomic writing of files, which are written completely or not at all."""

import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

_PREFIX = ".sklearn_ple-"

# Seconds after which an incomplete file is regarded as left behind by a killed process.
_ABANDONED = 86_400


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Context manager to write a temporary file that replaces a file once it is complete.

    If the block raises an error, or the process is killed, the existing file is not changed.
    Incomplete files that earlier processes left in the folder are removed after a day.

    Parameters
    ----------
    path : str or path-like
        The file to write. Its folder must exist.

    Yields
    ------
    Path
        The temporary file to write, in the same folder and with the suffix of ``path``. It is
        ``path`` itself if that is a device or a pipe, which cannot be replaced.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    """
    check_folder(path)
    final = Path(os.path.realpath(path))
    if final.exists() and not final.is_file():
        yield final
        return
    _sweep(final.parent)
    partial = final.with_name(f"{_PREFIX}{secrets.token_hex(8)}{final.suffix}")
    try:
        yield partial
        if final.exists():
            shutil.copymode(final, partial)
        _flush(partial)
        os.replace(partial, final)
    finally:
        partial.unlink(missing_ok=True)
    # The folder is flushed, too, so that the new name is on disk; not all systems can do this.
    with suppress(OSError):
        _flush(final.parent)


@contextmanager
def replacing_in(filesystem: "FileSystem", path: str) -> Iterator[str]:
    """Context manager to write a temporary file in a store that is moved once it is complete.

    After an error, the temporary file is removed. If the process is killed, it stays.

    Parameters
    ----------
    filesystem : pyarrow.fs.FileSystem
        The store. How it moves files decides what others see meanwhile.
    path : str
        The file to write. An existing file is replaced.

    Yields
    ------
    str
        The temporary file to write, in the same folder.
    """
    folder = path.rpartition("/")[0]
    partial = f"{folder}/{_PREFIX}{secrets.token_hex(8)}"
    try:
        yield partial
        filesystem.move(partial, path)
    except BaseException:
        # The error matters more than one of removing what may not be there.
        with suppress(OSError):
            filesystem.delete_file(partial)
        raise


def check_folder(path: str | os.PathLike[str]) -> None:
    """Raise a FileNotFoundError if the folder of a file does not exist."""
    folder = Path(os.path.realpath(path)).parent
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {str(folder)!r} for {path}: create it first.")


def _flush(path: Path) -> None:
    """Wait until a file or folder is on disk."""
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sweep(folder: Path) -> None:
    """Remove incomplete files of killed processes."""
    for path in folder.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _ABANDONED:
                path.unlink()
