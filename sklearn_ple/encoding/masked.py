"""numpy's masked arrays: what is masked is missing."""

from __future__ import annotations

from typing import Any

import numpy as np


def without_mask(data: Any) -> Any:
    """Turn a masked array into one with NaN where it is masked, or with None if not of floats.

    All else comes back as it is.
    """
    if not isinstance(data, np.ma.MaskedArray):
        return data
    mask = np.ma.getmaskarray(data)
    if not mask.any():
        return data.data
    is_float = data.dtype.kind == "f"
    # As floats, long whole numbers would be rounded, and bools no bools any more.
    filled = np.array(data.data, dtype=data.dtype if is_float else object)
    filled[mask] = np.nan if is_float else None
    return filled
