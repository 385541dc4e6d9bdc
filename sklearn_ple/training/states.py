"""Saved states of the parts of a training, which are checked before they are restored."""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..utils.checks import is_ours


def find_positions(network: nn.Module) -> dict[str, Tensor]:
    """Return the positions that the layers of this package hold, which no training changes."""
    return {
        f"{path}.{name}": buffer.cpu()
        for path, layer in network.named_modules()
        if is_ours(type(layer))
        for name, buffer in layer.named_buffers(recurse=False)
        if not buffer.is_floating_point()
    }


def restore_state(part: Any, state: Any, fixed: Mapping[str, Tensor]) -> None:
    """Set a part of a training, such as the optimizer, to a saved state of the same form.

    torch does not compare the state of an optimizer with the parameters. Some of its optimizers
    then read and write beyond the memory of the state.

    Parameters
    ----------
    part : object
        The part, which has just begun. The form of a state is not known in advance, and not
        checked here, if the class is a user's own.
    state : object
        Its ``state_dict`` at another time.
    fixed : mapping of str to Tensor
        Tensors of the network that are the same at any time, by name.

    Raises
    ------
    ValueError
        If the state is of another form.
    """
    cls = type(part)
    is_known = is_ours(cls) or cls.__module__.startswith("torch.optim.")
    if is_known and issubclass(cls, torch.optim.Optimizer):
        expected = _take_step(copy.deepcopy(part))
        part.load_state_dict(state)
        # torch keeps what belongs to no parameter under its number.
        if not all(isinstance(parameter, Tensor) for parameter in part.state):
            raise ValueError("the state of the optimizer is that of other parameters")
        found = part.state_dict()
        # A parameter without a gradient so far has no state.
        places = [place for place, of_place in found["state"].items() if of_place != {}]
        expected["state"] = {place: expected["state"][place] for place in places}
        _check_form(found, expected, "the optimizer", {})
        return
    if is_ours(type(part)):
        _check_form(state, part.state_dict(), type(part).__name__, fixed)
    part.load_state_dict(state)


def _take_step(twin: torch.optim.Optimizer) -> dict[str, Any]:
    """Return the state after a step in which no weight has a gradient other than 0."""
    for group in twin.param_groups:
        for parameter in group["params"]:
            parameter.grad = torch.zeros_like(parameter)
    twin.step(lambda: 0.0)
    return twin.state_dict()


def _check_form(found: Any, expected: Any, where: str, fixed: Mapping[str, Tensor]) -> None:
    """Check that a state has what is expected.

    Numbers and the values of tensors may differ, except for the tensors ``fixed``.
    """
    if isinstance(expected, Mapping):
        is_like = isinstance(found, Mapping) and found.keys() >= expected.keys()
        names: Any = expected
    elif isinstance(expected, (list, tuple)):
        is_like = isinstance(found, (list, tuple)) and len(found) == len(expected)
        names = range(len(expected))
    else:
        is_like, names = _is_like(found, expected), ()
    if not is_like:
        raise ValueError(f"the state of {where} is not of the form that is expected")
    for name in names:
        _check_form(found[name], expected[name], f"{where}, {name!r},", fixed)
        if name in fixed and not torch.equal(found[name], fixed[name]):
            raise ValueError(f"the state of {where}, {name!r}, is not that of the network")


def _is_like(found: Any, expected: Any) -> bool:
    if isinstance(expected, Tensor):
        is_tensor = isinstance(found, Tensor) and found.dtype == expected.dtype
        return is_tensor and found.shape == expected.shape
    if isinstance(expected, (int, float)) and not isinstance(expected, bool):
        return isinstance(found, type(expected) | int) and not isinstance(found, bool)
    if expected is None:
        # There was no reason yet.
        return found is None or isinstance(found, str)
    return type(found) is type(expected) and found == expected
