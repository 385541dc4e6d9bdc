"""Networks of files, whose sizes are checked before memory is allocated."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ...encoding.encoder import TableEncoder
from ...nn import TabularNetwork
from ...parameters.settings import Settings
from ...tables.reading import Header
from ...training.build import make_module

# Limit of torch's operations while a network is created: so many for each of its tensors, and at
# least so many in all.
_PER_TENSOR, _AT_LEAST = 64, 4096
# Limit of the numbers that are needed to create a network, per number in its tensors.
_BESIDE = 16


def restore_network(
    settings: Settings, encoder: TableEncoder, state: Mapping[str, Tensor], header: Header
) -> TabularNetwork:
    """Create the network that settings and an encoder describe, and give it a state.

    Before memory is allocated, the shapes of the network's tensors are compared with those of the
    state.

    Parameters
    ----------
    settings : Settings
        The settings.
    encoder : TableEncoder
        The fitted encoder.
    state : mapping of str to Tensor
        The tensors of the network, by name.
    header : Header
        The columns of X.

    Returns
    -------
    TabularNetwork
        The network.

    Raises
    ------
    ValueError
        If the settings describe another network than the state.
    """
    n_numbers = sum(tensor.numel() for tensor in state.values())
    n_views = settings.n_members * len(settings.architecture.views(len(encoder.tasks)))
    n_weighed = len(state["mean.weights"]) if "mean.weights" in state else 0
    if n_weighed != settings.n_members or n_views * header.n_columns > _BESIDE * n_numbers:
        raise ValueError("the number of members is not that of its network")
    if settings.parameters.get("n_levels", 1) > len(state):
        raise ValueError("the number of levels is not that of its network")
    width, n_codes = settings.embedding_dim, sum(encoder.features.cardinalities_)
    if not isinstance(width, str) and width * n_codes > n_numbers:
        raise ValueError("the width of its embeddings is not that of its network")
    made_of = settings, encoder, header.names
    # Parameters that describe more parts than the file contains would take more operations.
    with _Bounded(_AT_LEAST + _PER_TENSOR * len(state)), torch.device("meta"):
        outline = make_module(*made_of).to(settings.tensor_dtype)
    expected, found = _measure(outline.state_dict()), _measure(state)
    if found != expected:
        wrong = min(name for name, _ in found.items() ^ expected.items())
        raise ValueError(
            f"its parameters describe another network: {wrong} has "
            f"{expected.get(wrong, 'no size')} there, but {found.get(wrong, 'no size')} in the "
            "file"
        )
    module = make_module(*made_of).to(settings.tensor_dtype)
    load_state(module, state)
    return module


def load_state(module: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Copy a state into a module, whose own must have the same names and shapes."""
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        text = " ".join(str(error).split()).rstrip(".")
        raise ValueError(f"its arrays do not fit: {text}") from None


class _Bounded(TorchFunctionMode):
    """Mode that raises an error after a number of operations of torch."""

    def __init__(self, n_operations: int):
        super().__init__()
        self.left = n_operations

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.left -= 1
        if self.left < 0:
            raise ValueError("its parameters describe a network with more parts than it contains")
        # On the device "meta", multiplication would import sympy, which takes longer than loading
        # a model. It changes no shape, so the outline does without it.
        return args[0] if func is Tensor.mul_ else func(*args, **(kwargs or {}))


def _measure(state: Mapping[str, Tensor]) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
    """Return the shape and the dtype of each tensor in the state of a module."""
    return {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in state.items()}
