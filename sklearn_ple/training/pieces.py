"""The division of a net's state among the members of an ensemble."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Size, Tensor

from ..nn.part import Part


class Pieces:
    """Cuts the state of a net into the states of groups of its members, and joins these.

    The network of a group has fewer members. The balancer of a group is that of all members, whose
    axis is the last but one.

    Parameters
    ----------
    whole : MultiTaskNet
        The net of all members.
    apart : MultiTaskNet
        The net of some of the members.
    part : Part
        The range of these members.

    Raises
    ------
    ValueError
        If the shapes do not show which entries belong to which member.
    """

    def __init__(self, whole: Any, apart: Any, part: Part):
        self.n_members = part.n_all
        shapes = {name: tensor.shape for name, tensor in whole.module_.state_dict().items()}
        own = {name: tensor.shape for name, tensor in apart.module_.state_dict().items()}
        if shapes.keys() != own.keys():
            raise ValueError("the network of fewer members has other parameters")
        self.axes = {name: axis_of_members(shapes[name], own[name], part) for name in shapes}
        for name, parameter in whole.module_.named_parameters():
            if parameter.requires_grad and self.axes[name] is None:
                raise ValueError(f"the members share {name}")
        # Shapes and axes of the optimizer's parameters, by number; no axis for the balancer's.
        numbers = {parameter: name for name, parameter in whole.module_.named_parameters()}
        self.optimized = [
            (parameter.shape, self.axes[numbers[parameter]] if parameter in numbers else None)
            for group in whole.optimizer_.param_groups
            for parameter in group["params"]
        ]

    @property
    def optimized_axes(self) -> list[int | None]:
        """The axis of the members in each of the optimizer's parameters; None without one."""
        return [axis for _, axis in self.optimized]

    def cut(self, state: Mapping[str, Any], part: Part) -> dict[str, Any]:
        """Return the state of a group of members.

        Parameters
        ----------
        state : mapping of str to dict
            The state of the net, by the names of `MultiTaskNet.parts`.
        part : Part
            The range of the members.

        Returns
        -------
        dict
            The state of the group.
        """
        result = dict(state, module=self._cut_module(state["module"], part))
        if "average" in state:
            average = state["average"]
            result["average"] = dict(average, module=self._cut_module(average["module"], part))
        moments = {
            number: {
                key: _cut(value, axis, part) if _is_like(value, shape) else _copied(value)
                for key, value in state["optimizer"]["state"][number].items()
            }
            for number, (shape, axis) in enumerate(self.optimized)
            if number in state["optimizer"]["state"]
        }
        result["optimizer"] = dict(state["optimizer"], state=moments)
        return result

    def _cut_module(self, state: Mapping[str, Tensor], part: Part) -> dict[str, Tensor]:
        return {name: _cut(tensor, self.axes[name], part) for name, tensor in state.items()}

    def join(self, states: Sequence[Mapping[str, Any]], parts: Sequence[Part]) -> dict[str, Any]:
        """Return the state of the net from the states of all groups of members."""
        result = dict(states[0], module=self.join_modules([own["module"] for own in states]))
        if "average" in states[0]:
            modules = [own["average"]["module"] for own in states]
            result["average"] = dict(states[0]["average"], module=self.join_modules(modules))
        balancers = [own["balancer"] for own in states]
        result["balancer"] = {
            name: self._gathered([own[name] for own in balancers], parts) for name in balancers[0]
        }
        every = [own["optimizer"]["state"] for own in states]
        moments = {
            number: {
                key: self._joined_moment([own[number][key] for own in every], number, parts)
                for key in of_first
            }
            for number, of_first in sorted(every[0].items())
        }
        result["optimizer"] = dict(states[0]["optimizer"], state=moments)
        return result

    def join_modules(self, states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """Return the weights of all members from those of all groups."""
        return {
            name: states[0][name].clone()
            if axis is None
            else torch.cat([own[name] for own in states], dim=axis)
            for name, axis in self.axes.items()
        }

    def _joined_moment(self, moments: list[Any], number: int, parts: Sequence[Part]) -> Any:
        shape, axis = self.optimized[number]
        first = moments[0]
        if axis is None:
            return self._gathered(moments, parts) if _is_like(first, shape) else _copied(first)
        if isinstance(first, Tensor) and first.dim() == len(shape):
            return torch.cat(moments, dim=axis)
        return _copied(first)

    def _gathered(self, tensors: Sequence[Any], parts: Sequence[Part]) -> Any:
        """Take each member's entries from the balancer of its group."""
        first = tensors[0]
        if not isinstance(first, Tensor) or first.dim() < 2 or first.shape[-2] != self.n_members:
            return _copied(first)
        own = [
            tensor.narrow(-2, part.first, len(part))
            for tensor, part in zip(tensors, parts, strict=True)
        ]
        return torch.cat(own, dim=-2)


def axis_of_members(whole: Size, own: Size, part: Part) -> int | None:
    """Find the axis of the members in a tensor, from its shapes for all and for some members.

    Parameters
    ----------
    whole, own : Size
        The shapes for all members and for some of them.
    part : Part
        The range of the latter.

    Returns
    -------
    int or None
        The axis; None if the tensor does not depend on the members.

    Raises
    ------
    ValueError
        If the shapes do not show the axis.
    """
    if whole == own:
        return None
    longer = [axis for axis, n in enumerate(whole[: len(own)]) if n != own[axis]]
    if len(whole) == len(own) and len(longer) == 1:
        axis = longer[0]
        if whole[axis] * len(part) == own[axis] * part.n_all:
            return axis
    raise ValueError(f"of shape {tuple(whole)} some members have {tuple(own)}")


def _cut(tensor: Tensor, axis: int | None, part: Part) -> Tensor:
    """Copy the entries of some members."""
    if axis is None:
        return tensor.clone()
    n_each = tensor.shape[axis] // part.n_all
    own = tensor.narrow(axis, n_each * part.first, n_each * len(part))
    return own.clone(memory_format=torch.contiguous_format)


def _is_like(value: Any, shape: Size) -> bool:
    return isinstance(value, Tensor) and value.shape == shape


def _copied(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value
