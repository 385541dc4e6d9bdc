"""Versions of the file format, and conversion of earlier versions to the newest."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..nn.embeddings.categorical import embedding_widths

#: Version of the format of new files. Files of this and all earlier versions can be read.
FORMAT_VERSION = 2

_TABLES = "network.embedding."


def check_format(version: Any) -> None:
    """Check that a version of the format can be read.

    Raises
    ------
    ValueError
        If it cannot.
    """
    if not isinstance(version, int) or version < 1:
        raise ValueError("its header does not contain a version of the format")
    if version > FORMAT_VERSION:
        raise ValueError(
            f"it has version {version} of the format, and this sklearn-ple reads versions up to "
            f"{FORMAT_VERSION}: install a newer version of sklearn-ple"
        )


def upgraded(
    version: int, arrays: dict[str, np.ndarray], cardinalities: list[int], embedding_dim: int | str
) -> dict[str, np.ndarray]:
    """Convert the arrays of a file to the newest version of the format.

    Parameters
    ----------
    version : int
        The version of the format of the file.
    arrays : dict of str to ndarray
        The arrays of the file.
    cardinalities : list of int
        Number of codes of each categorical column.
    embedding_dim : int or "auto"
        The parameter of the model in the file.

    Returns
    -------
    dict of str to ndarray
        The converted arrays.
    """
    if version > 1 or f"{_TABLES}weight" not in arrays:
        return arrays
    # In version 1, the embeddings of all columns were padded to the width of the widest column.
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
