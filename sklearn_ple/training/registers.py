"""Optimizer steps that round the weights of some members as if all members were trained."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from skorch.callbacks import Callback
from torch import Size, Tensor

from ..nn.part import Part

# A multiple of the number of values that a processor computes at once.
_REGISTERS = 64


class _Laid(NamedTuple):
    """A parameter of the network, and the flat parameter that the optimizer steps through.

    In the flat parameter, numbers that fill whole registers come first, then the last ones. The
    rest is padding.

    Attributes
    ----------
    parameter : Parameter
        The parameter of the network.
    flat : Parameter
        The parameter of the optimizer.
    n_first : int
        How many of the numbers are in whole registers if all members are trained.
    places : Tensor of int
        Positions of the other numbers in ``flat``.
    """

    parameter: torch.nn.Parameter
    flat: torch.nn.Parameter
    n_first: int
    places: Tensor

    def lay(self, values: Tensor) -> Tensor:
        """Arrange numbers as in the flat parameter."""
        flat, laid = values.flatten(), torch.zeros_like(self.flat, requires_grad=False)
        laid[: self.n_first] = flat[: self.n_first]
        laid[self.places] = flat[self.n_first :]
        return laid

    def pick(self, laid: Tensor) -> Tensor:
        """Return numbers from the flat arrangement to the shape of the network's parameter."""
        own = torch.cat([laid[: self.n_first], laid[self.places]])
        return own.view(self.parameter.shape)


class InRegisters(Callback):
    """Makes an optimizer round parameters of some members as it would for all members.

    The kernel of an optimizer processes a parameter register by register, and rounds the last
    numbers, which do not fill a register, differently. Within the context, the numbers that would
    be the last ones among those of all members are the last ones here too.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer of some members.
    axes : sequence of int or None
        For each of its parameters, the axis of the members.
    part : Part
        The range of the members.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, axes: Sequence[int | None], part: Part):
        self.optimizer = optimizer
        parameters = [own for group in optimizer.param_groups for own in group["params"]]
        laid = (
            _laid(parameter, axis, part)
            for parameter, axis in zip(parameters, axes, strict=True)
            if axis is not None
        )
        self.laid = [own for own in laid if own is not None]

    def __enter__(self) -> InRegisters:
        """Replace the optimizer's parameters by flat ones."""
        self._exchange({own.parameter: own.flat for own in self.laid})
        for own in self.laid:
            moments = self.optimizer.state.pop(own.parameter, {})
            self.optimizer.state[own.flat] = {
                key: own.lay(value) if _is_moment(value, own.parameter) else value
                for key, value in moments.items()
            }
        self._hook = self.optimizer.register_step_post_hook(lambda *_: self._put_back())
        return self

    def __exit__(self, *_: object) -> None:
        """Restore the optimizer's own parameters."""
        self._hook.remove()
        self._exchange({own.flat: own.parameter for own in self.laid})
        for own in self.laid:
            moments = self.optimizer.state.pop(own.flat, {})
            self.optimizer.state[own.parameter] = {
                key: own.pick(value) if _is_moment(value, own.flat) else value
                for key, value in moments.items()
            }

    def on_grad_computed(self, net: Any, **_: Any) -> None:
        """Copy the weights and their gradients to the flat parameters."""
        for own in self.laid:
            gradient = own.parameter.grad
            own.flat.data.copy_(own.lay(own.parameter.detach()))
            own.flat.grad = None if gradient is None else own.lay(gradient)
            # The optimizer no longer has this parameter, and would not reset its gradient.
            own.parameter.grad = None

    @torch.no_grad()
    def _put_back(self) -> None:
        for own in self.laid:
            own.parameter.copy_(own.pick(own.flat))

    def _exchange(self, others: dict[Any, Any]) -> None:
        for group in self.optimizer.param_groups:
            group["params"] = [others.get(own, own) for own in group["params"]]


def _laid(parameter: torch.nn.Parameter, axis: int, part: Part) -> _Laid | None:
    """Make the flat form of a parameter of some members; None if it is not needed."""
    shape = list(parameter.shape)
    n_own = shape[axis]
    shape[axis] = n_each = n_own // len(part) * part.n_all
    n_all = math.prod(shape)
    behind = math.prod(shape[axis + 1 :])
    whole = n_all - n_all % _REGISTERS
    # Which of the last numbers of all members belong to these members.
    last = torch.arange(whole, n_all)
    start = n_own // len(part) * part.first
    places = last // max(behind, 1) % n_each - start
    last = last[(places >= 0) & (places < n_own)]
    n_first = parameter.numel() - len(last)
    n_filled = -(-n_first // _REGISTERS) * _REGISTERS
    if n_first == n_filled and len(last) in (0, n_all - whole):
        return None
    size = n_filled + (n_all - whole if len(last) else 0)
    flat = torch.nn.Parameter(parameter.detach().new_zeros(size))
    return _Laid(parameter, flat, n_first, n_filled + last - whole)


def _is_moment(value: Any, parameter: Tensor) -> bool:
    """Return whether this is a value that the optimizer keeps for each number of a parameter."""
    return isinstance(value, Tensor) and value.shape == Size(parameter.shape) and value.dim() > 0
