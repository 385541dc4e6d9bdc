"""The file: arrays as safetensors has them, and a header of JSON beside them."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any

import numpy as np

from ..files import replacing
from ..serialization import check_format

# What the file's own metadata hold: the header, and a hash of all that follows from the file.
_HEADER, _HASH = "sklearn-ple", "sha256"


def write(path: str | os.PathLike[str], header: dict[str, Any], arrays: dict[str, Any]) -> None:
    """Write a header of plain data and some arrays, or leave the file as it was.

    Parameters
    ----------
    path : str or path-like
        The file.
    header : dict
        What JSON can hold.
    arrays : dict of str to ndarray
        Numbers and bools, contiguous.
    """
    safetensors = _import_safetensors()
    text = json.dumps(header, allow_nan=False)
    data = safetensors.numpy.save(arrays, {_HEADER: text, _HASH: _hash(text, arrays)})
    with replacing(path) as partial:
        partial.write_bytes(data)


def read(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read a header and its arrays; sizes are checked against the file's before anything is read.

    Raises
    ------
    ValueError
        If it is no such file, of a newer format, or not as it was written.
    """
    safetensors = _import_safetensors()
    try:
        with safetensors.safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            if _HEADER not in metadata:
                raise ValueError("it is a file of safetensors, but none that export.save wrote")
            header = _parse(metadata[_HEADER])
            names = file.keys()
            arrays = {name: file.get_tensor(name) for name in names}
    except safetensors.SafetensorError as error:
        raise ValueError(f"export.save wrote no such file, or it is cut off ({error})") from None
    if metadata.get(_HASH) != _hash(metadata[_HEADER], arrays):
        raise ValueError("it is damaged: what it holds is not what was written")
    return header, arrays


def _parse(text: str) -> dict[str, Any]:
    """Parse the header, as far as this version of the format knows it."""
    header = json.loads(text)
    check_format(header.get("format_version") if isinstance(header, dict) else None)
    return header


def _hash(text: str, arrays: dict[str, Any]) -> str:
    """Return a hash of the header and of all arrays."""
    found = hashlib.sha256(text.encode())
    for name, array in sorted(arrays.items()):
        found.update(json.dumps([name, array.dtype.str, array.shape]).encode())
        found.update(array.reshape(-1).view(np.uint8).data)
    return found.hexdigest()


def _import_safetensors() -> Any:
    """Import safetensors, which is needed here only."""
    try:
        import safetensors
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(
            "Safe files of models need safetensors: pip install 'sklearn-ple[export]'"
        ) from error
    return safetensors
