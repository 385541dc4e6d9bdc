"""The format of safe files: the arrays of a safetensors file, and a header in JSON."""

import hashlib
import json
import os
import re
from typing import Any

import numpy as np

from ...utils.files import replacing
from ...utils.versions import needing
from .plain import check_format

# Keys of the file's metadata: the header, and a hash of the header and all arrays.
_HEADER, _HASH = "sklearn-ple", "sha256"
# The greatest number of lists and objects in a header, and text in JSON.
_MOST_NESTED = 2**20
_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')


def write(path: str | os.PathLike[str], header: dict[str, Any], arrays: dict[str, Any]) -> None:
    """Write a header and arrays to a file, completely or not at all.

    Parameters
    ----------
    path : str or path-like
        The file.
    header : dict
        Data that JSON can represent.
    arrays : dict of str to ndarray
        Contiguous arrays of numbers or bools.
    """
    safetensors = _import_safetensors()
    text = json.dumps(header, allow_nan=False)
    _check_size(text)
    data = safetensors.numpy.save(arrays, {_HEADER: text, _HASH: _hash(text, arrays)})
    with replacing(path) as partial:
        partial.write_bytes(data)


def read(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read a header and its arrays, whose sizes are first compared with the size of the file.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    header : dict
        The header.
    arrays : dict of str to ndarray
        The arrays by name.

    Raises
    ------
    ValueError
        If `write` did not write the file, if its format is another, or if it is damaged.
    """
    safetensors = _import_safetensors()
    try:
        with safetensors.safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            if _HEADER not in metadata:
                raise ValueError("it is a safetensors file, but export.save did not write it")
            header = _parse(metadata[_HEADER])
            names = file.keys()
            arrays = {name: file.get_tensor(name) for name in names}
    except safetensors.SafetensorError as error:
        raise ValueError(f"export.save did not write it, or it is incomplete ({error})") from None
    if metadata.get(_HASH) != _hash(metadata[_HEADER], arrays):
        raise ValueError("it is damaged: its contents are not those that were written")
    return header, arrays


def _parse(text: str) -> dict[str, Any]:
    """Parse the header, and check the version of its format."""
    _check_size(text)
    header = json.loads(text)
    check_format(header.get("format_version") if isinstance(header, dict) else None)
    return header


def _check_size(text: str) -> None:
    """Check the number of lists and objects in JSON, which take much more memory than text."""
    if text.count("[") + text.count("{") > _MOST_NESTED:
        outside = _TEXT.sub("", text)
        if outside.count("[") + outside.count("{") > _MOST_NESTED:
            raise ValueError(f"its header has more than {_MOST_NESTED:,} lists and objects")


def _hash(text: str, arrays: dict[str, Any]) -> str:
    """Return a hash of the header and of all arrays."""
    found = hashlib.sha256(text.encode())
    for name, array in sorted(arrays.items()):
        found.update(json.dumps([name, array.dtype.str, array.shape]).encode())
        found.update(array.reshape(-1).view(np.uint8).data)
    return found.hexdigest()


def _import_safetensors() -> Any:
    """Import safetensors, an optional dependency."""
    with needing("Safe files of models need safetensors", "export"):
        import safetensors
        import safetensors.numpy
    return safetensors
