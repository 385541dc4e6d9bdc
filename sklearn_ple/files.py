"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = ".sklearn_ple-"

# Seconds after which what a killed process was writing counts as left behind.
_ABANDONED = 86_400


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Write a file beside the one that it is to replace, and put it there once it is whole.

    If the block fails, or the process is killed, the earlier file stays as it was. What earlier
    processes left behind in the folder, a day ago or more, is removed.

    Parameters
    ----------
    path : str or path-like
        The file to write. Its folder must exist.

    Yields
    ------
    Path
        Where to write, with the suffix of ``path``. It is ``path`` itself where that is a device
        or a pipe, which nothing can replace.
    """
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
    # The new name must last as well; not all systems can flush a folder.
    with suppress(OSError):
        _flush(final.parent)


def _flush(path: Path) -> None:
    """Wait until a file or folder is on disk."""
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sweep(folder: Path) -> None:
    """Remove what killed processes were writing."""
    for path in folder.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _ABANDONED:
                path.unlink()
