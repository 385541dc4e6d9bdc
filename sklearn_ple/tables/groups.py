"""Groups of rows that belong together."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ..utils.checks import naming
from .frames import to_pandas, use_native_order


def read_groups(groups: ArrayLike, n_rows: int) -> np.ndarray:
    """Check the groups of rows, and number them from 0."""
    groups = to_pandas(groups)
    if isinstance(groups, pd.MultiIndex):
        groups = groups.to_flat_index()
    with naming("groups"):
        shape = np.shape(groups)
    if shape != (n_rows,):
        raise ValueError(f"groups has shape {shape}; it must be {(n_rows,)}, one group per row.")
    try:
        codes, _ = pd.factorize(use_native_order(pd.Series(groups)))
    except TypeError as error:
        raise TypeError(
            f"groups holds values that cannot be compared: {error}. Convert them to integers or "
            "strings."
        ) from error
    if n_missing := int((codes < 0).sum()):
        raise ValueError(
            f"groups is missing for {n_missing} rows: a row that belongs with no other row needs "
            "a group of its own."
        )
    return codes
