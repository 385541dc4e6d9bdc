"""Recreation of a network from parameters, after a check of its sizes against those of a file."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from ..encoding.encoder import TableEncoder
from ..network import net_around
from ..nn import TabularNetwork
from ..nn.draws import in_all_functions
from ..parameters.comparison import differences, of_network
from ..tables.kinds import dependent_pairs
from ..training.plan import Plan
from ..training.random_state import seeded
from ..utils.checks import shown

# Data types of tensors that a file can hold.
_DTYPES = {torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64}
_DTYPES |= {torch.float16, torch.float32, torch.float64}
# Largest number of operations to create a tensor of a network, and those of a small network.
_PER_TENSOR, _AT_LEAST = 64, 4096
# Attributes of modules that matter in training only.
_OF_TRAINING = {"training", "product_dtype", "dropout", "rates", "orthogonality"}
# Largest ratio of the numbers needed to create a network to the numbers in its tensors.
_BESIDE = 16


def arrays_of(module: nn.Module, name: str) -> dict[str, np.ndarray]:
    """Return the state of a module as arrays, whose names start with the name of the module."""
    arrays = {}
    for key, tensor in module.state_dict().items():
        dtype = getattr(tensor, "dtype", type(tensor).__name__)
        if dtype not in _DTYPES:
            raise TypeError(
                f"The {name} contains {key} of type {dtype}, which cannot be saved in a file."
            )
        arrays[f"{name}.{key}"] = tensor.detach().cpu().contiguous().numpy()
    return arrays


def part_of(arrays: dict[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    """Return those arrays that `arrays_of` named after a module, by their names in its state."""
    prefix = f"{name}."
    return {
        key.removeprefix(prefix): array for key, array in arrays.items() if key.startswith(prefix)
    }


def check_same(model: Any) -> None:
    """Check that the parameters of an estimator still describe its fitted network and its net."""
    encoder = copy.copy(model._encoder)
    encoder.linear_start = None
    # Some determine what the network reads, such as n_bins, but not its sizes.
    changed = differences(of_network(model), model._network_params, "in fit")
    if not changed:
        outline = _outline(model, encoder, len(model.module_.state_dict()))
        changed = _first_difference(_described(outline), _described(model.module_))
    if changed or not _has_same_dependence(model, encoder):
        raise ValueError(
            "Parameters of the network were changed since fit, so they do not describe the fitted "
            f"network: {_changed(model) or changed}. Set them back, or fit again."
        )

    try:
        # The network and the device do not matter here.
        reader = copy.copy(model)
        reader.device_ = "cpu"
        with seeded(np.random.RandomState(0)), in_all_functions():
            net = net_around(reader, nn.Linear(1, 1), Plan.of(model, n_rows=1), encoder)
        if _shapes(net.criterion_) != _shapes(model.net_.criterion_):
            raise ValueError(
                f"balancing={model.balancing!r} does not fit the balancer of the training, "
                f"{model.net_.criterion_}."
            )
        if type(net.optimizer_) is not type(model.net_.optimizer_):
            raise ValueError(
                f"optimizer={model.optimizer!r} is not that of the training, "
                f"{type(model.net_.optimizer_).__name__}."
            )
    except ValueError as error:
        raise ValueError(
            "Parameters were changed since fit, and the model could not be loaded with them: "
            f"{error} Set them back, or fit again."
        ) from error


def _has_same_dependence(model: Any, encoder: TableEncoder) -> bool:
    try:
        pairs = dependent_pairs(model.depends_on, encoder.targets.names)
    except ValueError:
        return False
    return sorted(pairs) == sorted(encoder.dependence.pairs)


def network_of(model: Any, encoder: TableEncoder, arrays: dict[str, np.ndarray]) -> TabularNetwork:
    """Create the network of an estimator, with its state from a file.

    The sizes of the network are compared with those of the arrays before memory is allocated.
    """
    state = part_of(arrays, "network")
    n_numbers = sum(array.size for array in state.values())
    n_views = model.n_members * model.n_views(len(encoder.tasks))
    n_weighed = len(state["mean.weights"]) if "mean.weights" in state else 0
    if n_weighed != model.n_members or n_views * model.n_features_in_ > _BESIDE * n_numbers:
        raise ValueError("the number of members is not that of its network")
    if getattr(model, "n_levels", 1) > len(state):
        raise ValueError("the number of levels is not that of its network")
    expected = _sizes(_outline(model, encoder, len(state)))
    found = {name: (array.shape, array.dtype.name) for name, array in state.items()}
    if found != expected:
        wrong = sorted(set(found.items()) ^ set(expected.items()))[0][0]
        raise ValueError(
            f"its parameters describe another network: {wrong} has "
            f"{expected.get(wrong, 'no size')} there, but {found.get(wrong, 'no size')} in the "
            "file"
        )
    with seeded(np.random.RandomState(0)), in_all_functions():
        module = model.make_module(encoder).to(model._torch_dtype)
    load_state(module, state)
    return module


def load_state(module: nn.Module, arrays: dict[str, np.ndarray]) -> None:
    """Copy arrays into a module, whose state must have the same names and shapes."""
    try:
        module.load_state_dict({name: torch.from_numpy(own) for name, own in arrays.items()})
    except RuntimeError as error:
        raise ValueError(f"its arrays do not fit: {error}") from None


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
        return func(*args, **(kwargs or {}))


def _outline(model: Any, encoder: TableEncoder, n_tensors: int) -> TabularNetwork:
    """Create a network without memory, with an error if it has many more tensors than given."""
    with _Bounded(_AT_LEAST + _PER_TENSOR * n_tensors), torch.device("meta"):
        return model.make_module(encoder).to(model._torch_dtype)


def _sizes(module: nn.Module) -> dict[str, tuple[tuple[int, ...], str]]:
    return {
        name: (tuple(part.shape), _name_of(part.dtype))
        for name, part in module.state_dict().items()
    }


def _name_of(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _shapes(module: nn.Module) -> dict[str, Any]:
    return {name: getattr(part, "shape", None) for name, part in module.state_dict().items()}


def _described(module: nn.Module) -> dict[str, Any]:
    """Return the types, all plain attributes and the sizes of a module and its submodules."""
    parts = dict(module.named_modules())
    types = {name: type(part).__qualname__ for name, part in parts.items()}
    attributes = {
        f"{name}.{own}".removeprefix("."): value
        for name, part in parts.items()
        for own, value in vars(part).items()
        if _is_plain(own, value)
    }
    return types | attributes | _sizes(module)


def _first_difference(now: dict[str, Any], before: dict[str, Any]) -> str:
    """Show the first entry in which two descriptions differ; empty if they are the same."""
    for name in [*now, *before]:
        here, there = now.get(name), before.get(name)
        if here != there:
            return f"{name}={shown(here)} ({shown(there)} in fit)"
    return ""


def _is_plain(name: str, value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(_is_plain(name, entry) for entry in value)
    return name not in _OF_TRAINING and isinstance(
        value, (bool, int, float, str, np.number, type(None))
    )


def _changed(model: Any) -> str:
    """List the parameters that have changed since fit, with both values."""
    now, before = of_network(model), model._network_params
    # Fit may continue with another dtype, but a file must have the dtype of the network.
    now |= {"dtype": repr(_name_of(model._torch_dtype))}
    before = before | {"dtype": repr(_name_of(model.net_.dtype))}
    return differences(now, before, "in fit")
