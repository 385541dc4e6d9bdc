"""Constants of a task, on the device where its loss is computed."""

from functools import lru_cache

import torch
from torch import Tensor


@lru_cache(maxsize=256)
def constant(values: tuple, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return numbers as a tensor, which is copied to the device only once.

    A copy in every step would make the step wait for the device. All callers share the tensor, so
    it must not be changed in place.

    Parameters
    ----------
    values : tuple of float or int
        The numbers.
    dtype : torch.dtype
        Data type of the tensor.
    device : torch.device
        Device of the tensor.

    Returns
    -------
    Tensor of shape (n_values,)
        The numbers.
    """
    # Training could not use a tensor that was made in inference mode.
    with torch.inference_mode(False):
        return torch.tensor(values, dtype=dtype, device=device)
