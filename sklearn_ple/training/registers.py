"""Steps of an optimizer that round some members' weights as among those of all members."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from skorch.callbacks import Callback
from torch import Size, Tensor

from ..nn.part import Part

# A multiple of the numbers that are computed at once.
_REGISTERS = 64


class _Laid(NamedTuple):
    """A parameter as the optimizer has it: numbers in whole registers, then those of no one.

    Attributes
    ----------
    parameter : Parameter
        That of the network.
    flat : Parameter
        That of the optimizer.
    n_first : int
        Numbers in whole registers among all members' numbers; these come first.
    places : Tensor of int
        Where the others are.
    """

    parameter: torch.nn.Parameter
    flat: torch.nn.Parameter
    n_first: int
    places: Tensor

    def lay(self, values: Tensor) -> Tensor:
        """Lay numbers as in the parameter of the optimizer."""
        flat, laid = values.flatten(), torch.zeros_like(self.flat, requires_grad=False)
        laid[: self.n_first] = flat[: self.n_first]
        laid[self.places] = flat[self.n_first :]
        return laid

    def pick(self, laid: Tensor) -> Tensor:
        """Return numbers from where they are laid."""
        own = torch.cat([laid[: self.n_first], laid[self.places]])
        return own.view(self.parameter.shape)


class InRegisters(Callback):
    """Lets an optimizer step through parameters of some members as through those of all.

    An optimizer's kernel goes through a parameter by registers, and rounds the last numbers, which
    do not fill one, in another way: so it does here with those that are last among all members.

    Parameters
    ----------
    optimizer : Optimizer
        That of some members.
    axes : sequence of int or None
        Of each of its parameters, on which axis members are.
    part : Part
        Which they are.
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
        """Exchange the optimizer's parameters."""
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
        """Return the optimizer's own parameters to it."""
        self._hook.remove()
        self._exchange({own.flat: own.parameter for own in self.laid})
        for own in self.laid:
            moments = self.optimizer.state.pop(own.flat, {})
            self.optimizer.state[own.parameter] = {
                key: own.pick(value) if _is_moment(value, own.flat) else value
                for key, value in moments.items()
            }

    def on_grad_computed(self, net: Any, **_: Any) -> None:
        """Lay the weights and their gradients."""
        for own in self.laid:
            gradient = own.parameter.grad
            own.flat.data.copy_(own.lay(own.parameter.detach()))
            own.flat.grad = None if gradient is None else own.lay(gradient)
            # The optimizer does not know of it, and would not let it go.
            own.parameter.grad = None

    @torch.no_grad()
    def _put_back(self) -> None:
        for own in self.laid:
            own.parameter.copy_(own.pick(own.flat))

    def _exchange(self, others: dict[Any, Any]) -> None:
        for group in self.optimizer.param_groups:
            group["params"] = [others.get(own, own) for own in group["params"]]


def _laid(parameter: torch.nn.Parameter, axis: int, part: Part) -> _Laid | None:
    """Lay a parameter of some members; None where it lies as it must."""
    shape = list(parameter.shape)
    n_own = shape[axis]
    shape[axis] = n_each = n_own // len(part) * part.n_all
    n_all = math.prod(shape)
    behind = math.prod(shape[axis + 1 :])
    whole = n_all - n_all % _REGISTERS
    # Which of all members' last numbers are of these.
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
    """Whether this is what an optimizer keeps of each number of a parameter."""
    return isinstance(value, Tensor) and value.shape == Size(parameter.shape) and value.dim() > 0
