"""Numbers of a task's own, where its loss is computed."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor


@lru_cache(maxsize=256)
def constant(values: tuple, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return numbers as a tensor that must not be changed, moved to the device once.

    What is moved in every step makes the step wait for the device.

    Parameters
    ----------
    values : tuple
        The numbers.
    dtype : torch.dtype
        Their type.
    device : torch.device
        Where they are read.
    """
    # One made in inference could not be read in training.
    with torch.inference_mode(False):
        return torch.tensor(values, dtype=dtype, device=device)
