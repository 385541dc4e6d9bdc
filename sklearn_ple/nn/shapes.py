"""The check of the shape of a tensor that a method, perhaps a user's own, returned."""

from collections.abc import Sequence

from torch import Tensor


def check_tensor(method: str, result: object, expected: Sequence[int]) -> Tensor:
    """Return what a method returned, if it is a tensor of the shape that is needed."""
    if not isinstance(result, Tensor) or tuple(result.shape) != tuple(expected):
        found = f"a value of type {type(result).__name__}"
        if hasattr(result, "shape"):
            found += f" and shape {tuple(result.shape)}"
        raise ValueError(
            f"{method} returned {found}; expected a tensor of shape {tuple(expected)}."
        )
    return result
