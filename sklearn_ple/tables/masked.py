"""Masked arrays of NumPy: masked values are missing."""

from __future__ import annotations

from typing import Any

import numpy as np


def without_mask(data: Any) -> Any:
    """Replace masked values of an array by NaN or, if they are not floats, by None.

    Data other than masked arrays are returned unchanged.
    """
    if not isinstance(data, np.ma.MaskedArray):
        return data
    mask = np.ma.getmaskarray(data)
    if not mask.any():
        return data.data
    is_float = data.dtype.kind == "f"
    # Converting to floats would round large integers, and would turn bools into numbers.
    filled = np.array(data.data, dtype=data.dtype if is_float else object)
    filled[mask] = np.nan if is_float else None
    return filled
