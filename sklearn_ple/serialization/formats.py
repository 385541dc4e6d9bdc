"""Versions of the format: which are read; the arrays of earlier ones as the newest has them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..nn.embeddings.categorical import embedding_widths

#: Version of the format that is written; all up to it are read.
FORMAT_VERSION = 2

_TABLES = "network.embedding."


def check_format(version: Any) -> None:
    """Check that this is a version of the format that can be read."""
    if not isinstance(version, int) or version < 1:
        raise ValueError("its header has no version of the format")
    if version > FORMAT_VERSION:
        raise ValueError(
            f"it has version {version} of the format, and this sklearn-ple reads versions up to "
            f"{FORMAT_VERSION}: install a newer one"
        )


def upgraded(
    version: int, arrays: dict[str, np.ndarray], cardinalities: list[int], embedding_dim: int | str
) -> dict[str, np.ndarray]:
    """Return the arrays of a file as the newest version of the format has them.

    Parameters
    ----------
    version : int
        The version of the file's format.
    arrays : dict of str to ndarray
        The file's arrays.
    cardinalities : list of int
        Number of codes of each column of categories.
    embedding_dim : int or "auto"
        The parameter of the file's model.
    """
    if version > 1 or f"{_TABLES}weight" not in arrays:
        return arrays
    # In version 1 one table had the codes of all columns, each as wide as the widest column.
    arrays = dict(arrays)
    widths = embedding_widths(cardinalities, embedding_dim)
    padded = arrays[f"{_TABLES}weight"].reshape(sum(cardinalities), -1, max(widths))
    tables = np.split(padded, np.cumsum(cardinalities)[:-1])
    read = [table[..., :width] for table, width in zip(tables, widths, strict=True)]
    members = [part.swapaxes(0, 1).reshape(padded.shape[1], -1) for part in read]
    arrays[f"{_TABLES}weight"] = np.concatenate(members, axis=1)
    for name in ("offsets", "kept"):
        arrays.pop(f"{_TABLES}{name}", None)
    return arrays
