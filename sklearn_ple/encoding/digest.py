"""A digest of texts and arrays, by which tables are recognised."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np


def digest(parts: Iterable[str | np.ndarray]) -> str:
    """Compute a digest of texts and arrays."""
    found = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            found.update(part.encode())
        else:
            found.update(f"{part.dtype} {part.shape}".encode())
            found.update(np.ascontiguousarray(part).data)
    return found.hexdigest()
