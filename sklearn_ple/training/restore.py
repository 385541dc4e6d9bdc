"""Saved states of the parts of a training, which are checked before they are restored."""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..utils.checks import is_ours
from .protocols import Stateful


def restore_state(part: Stateful, state: dict[str, Any]) -> None:
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

    Raises
    ------
    ValueError
        If the state is of another form.
    """
    cls = type(part)
    is_known = is_ours(cls) or cls.__module__.startswith("torch.optim.")
    if is_known and isinstance(part, torch.optim.Optimizer):
        expected = _take_step(copy.deepcopy(part))
        part.load_state_dict(state)
        # torch keeps what belongs to no parameter under its number.
        if not all(isinstance(parameter, Tensor) for parameter in part.state):
            raise ValueError("the state of the optimizer is that of other parameters")
        found = part.state_dict()
        # A parameter without a gradient so far has no state.
        places = [place for place, of_place in found["state"].items() if of_place != {}]
        expected["state"] = {place: expected["state"][place] for place in places}
        _check_form(found, expected, "the optimizer")
        return
    if is_ours(cls):
        _check_form(state, part.state_dict(), cls.__name__)
    part.load_state_dict(state)


def _take_step(twin: torch.optim.Optimizer) -> dict[str, Any]:
    """Return the state after a step in which no weight has a gradient other than 0."""
    for group in twin.param_groups:
        for parameter in group["params"]:
            parameter.grad = torch.zeros_like(parameter)
    twin.step(lambda: 0.0)
    return twin.state_dict()


def _check_form(found: Any, expected: Any, where: str) -> None:
    """Check that a state has what is expected; numbers and the values of tensors may differ."""
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
        _check_form(found[name], expected[name], f"{where}, {name!r},")


def _is_like(found: object, expected: object) -> bool:
    if isinstance(expected, Tensor):
        form = expected.dtype, expected.shape
        return isinstance(found, Tensor) and (found.dtype, found.shape) == form
    if isinstance(expected, (int, float)) and not isinstance(expected, bool):
        return isinstance(found, type(expected) | int) and not isinstance(found, bool)
    if expected is None:
        # There was no reason yet.
        return found is None or isinstance(found, str)
    return type(found) is type(expected) and found == expected
