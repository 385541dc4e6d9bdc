"""Computing some members of an ensemble with the same results, to the last bit, as among all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

# Bytes in a line of the cache: where in its line a matrix starts affects how it is multiplied.
_CACHE_LINE = 64
# A multiple of the number of values that a processor computes at once.
_REGISTERS = 32


@dataclass(frozen=True)
class Part:
    """A range of at least two members of an ensemble.

    The tensors of a single member may have a layout in memory that those of several cannot have.

    Parameters
    ----------
    first, last : int
        Position of the first member, and of the first one after the range.
    n_all : int
        Number of members of the ensemble.
    """

    first: int
    last: int
    n_all: int

    def __len__(self) -> int:
        """Return the number of members."""
        return self.last - self.first


_COMPUTED: ContextVar[Part | None] = ContextVar("computed", default=None)


@contextmanager
def computing(part: Part) -> Iterator[None]:
    """Declare, within the context, that networks in this thread consist of these members."""
    token = _COMPUTED.set(part)
    try:
        yield
    finally:
        _COMPUTED.reset(token)


def computed_part() -> Part | None:
    """Return the members that the current thread computes; None for all."""
    return _COMPUTED.get()


def n_of_all(n_members: int) -> int:
    """Return the number of members to average over, given those of a network."""
    part = _COMPUTED.get()
    return n_members if part is None else part.n_all


def among_all(outputs: Tensor) -> Tensor:
    """Pad the outputs of some members with zeros to the number of all members.

    Parameters
    ----------
    outputs : Tensor of shape (n_members, ...)
        The outputs.

    Returns
    -------
    Tensor of shape (n_all, ...)
        The outputs at the positions of their members, with axes in the same order in memory.
    """
    part = _COMPUTED.get()
    if part is None:
        return outputs
    # Sums are computed in the order of memory.
    order = _order(outputs)
    padding = [0, 0] * (outputs.dim() - 1) + [part.first, part.n_all - part.last]
    return F.pad(outputs.permute(order), padding).permute(inverse(order))


def own_rows(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the inputs of the members that are computed, if each member has its own rows.

    Parameters
    ----------
    inputs : dict of str to Tensor of shape (n_rows, n) or (n_all, n_rows, n)
        The inputs of all members.

    Returns
    -------
    dict of str to Tensor of shape (n_rows, n) or (n_members, n_rows, n)
        The inputs of the members that are computed.
    """
    part = _COMPUTED.get()
    if part is None:
        return inputs
    return {
        name: rows[part.first : part.last] if rows.dim() == 3 else rows
        for name, rows in inputs.items()
    }


def product(left: Tensor, right: Tensor, bias: Tensor | None = None) -> Tensor:
    """Multiply batches of matrices, and add a bias if there is one.

    Parameters
    ----------
    left : Tensor of shape (n, n_rows, n_inner)
        The left factors, the same number for each member.
    right : Tensor of shape (n, n_inner, n_columns)
        The right factors.
    bias : Tensor, optional
        A bias that is added; its shape must broadcast to that of the product.

    Returns
    -------
    Tensor of shape (n, n_rows, n_columns)
        The products.
    """
    part = _COMPUTED.get()
    if part is not None:
        result: Any = _ProductAmongAll.apply(left, right, bias, part)
        return result
    return torch.bmm(left, right) if bias is None else torch.baddbmm(bias, left, right)


class _ProductAmongAll(torch.autograd.Function):
    """Products for some members, with the same results as among those of all."""

    @staticmethod
    def forward(ctx: Any, left: Tensor, right: Tensor, bias: Tensor | None, part: Part) -> Tensor:
        ctx.save_for_backward(left, right)
        ctx.part = part
        ctx.bias_shape = None if bias is None else bias.shape
        return _multiply(left, right, bias, part)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        left, right = ctx.saved_tensors
        needs_left, needs_right, needs_bias, _ = ctx.needs_input_grad
        of_left = _multiply(gradient, right.mT, None, ctx.part) if needs_left else None
        of_right = _multiply(left.mT, gradient, None, ctx.part) if needs_right else None
        return (
            of_left,
            of_right,
            gradient.sum_to_size(ctx.bias_shape) if needs_bias else None,
            None,
        )


def _multiply(left: Tensor, right: Tensor, bias: Tensor | None, part: Part) -> Tensor:
    """Multiply matrices with the same alignment in memory as among those of all members."""
    n, (n_rows, n_columns) = len(left), (left.shape[1], right.shape[2])
    before = n // len(part) * part.first
    left, right = (_aligned(factor, before) for factor in (left, right))
    shape = n, n_rows, n_columns
    strides = n_rows * n_columns, n_columns, 1
    result = _empty_aligned(shape, strides, before, left)
    if bias is None:
        torch.bmm(left, right, out=result)
    else:
        torch.baddbmm(bias, left, right, out=result)
    return result.clone() if result.storage_offset() else result


def _aligned(matrices: Tensor, before: int) -> Tensor:
    """Return matrices with the alignment that they have behind others in memory."""
    if not before * matrices.stride(0) * matrices.element_size() % _CACHE_LINE:
        return matrices
    # Of rows that share their memory, only one is copied.
    alike = [dim for dim in (1, 2) if matrices.stride(dim) == 0 and matrices.shape[dim]]
    own = matrices
    for dim in alike:
        own = own.narrow(dim, 0, 1)
    offset = matrices.storage_offset()
    copied = _empty_aligned(own.shape, own.stride(), before, own, offset).copy_(own)
    return copied.expand(matrices.shape)


def _empty_aligned(shape: Any, strides: Any, before: int, like: Tensor, offset: Any = 0) -> Tensor:
    """Allocate matrices with the alignment that they have behind others in memory."""
    start = (offset + before * strides[0]) % (_CACHE_LINE // like.element_size())
    size = sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True)) + 1
    memory = like.new_empty(start + max(size, 0))
    # Not a view, since activations could not overwrite a view.
    return memory.new_empty(0).set_(memory.untyped_storage(), start, shape, strides)


def by_element(function: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
    """Apply a function to every number, with the same rounding as among all members.

    The last numbers of a tensor, which do not fill a register, may be rounded differently. So only
    numbers that are the last ones among those of all members are the last ones here.

    Parameters
    ----------
    function : callable
        An elementwise function of a tensor, which is defined at zero.
    inputs : Tensor of shape (n, ...)
        The numbers. Each member has the same number of blocks, which are adjacent in memory.

    Returns
    -------
    Tensor of the shape of inputs
        The values of the function.
    """
    part = _COMPUTED.get()
    if part is None or not any(_places(inputs.numel(), part)):
        return function(inputs)
    values: Any = _FunctionAmongAll.apply(inputs, function, part)
    return values


class _FunctionAmongAll(torch.autograd.Function):
    """An elementwise function for some members, with the same results as among all."""

    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, function: Callable[[Tensor], Tensor], part: Part
    ) -> Tensor:
        ctx.save_for_backward(inputs)
        ctx.function, ctx.part = function, part
        return _of_flat(function(_flat(inputs, part)), inputs, part)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        (inputs,) = ctx.saved_tensors
        # If their order in memory differs, torch processes the numbers member by member.
        if _order(gradient) == _order(inputs):
            own, part = inputs, ctx.part
            inputs, gradient = _flat(inputs, part), _flat(gradient, part)
            return _of_flat(_gradient(ctx.function, inputs, gradient), own, part), None, None
        return _gradient(ctx.function, inputs, gradient), None, None


def _gradient(function: Callable[[Tensor], Tensor], inputs: Tensor, gradient: Tensor) -> Tensor:
    with torch.enable_grad():
        read = inputs.detach().requires_grad_()
        (result,) = torch.autograd.grad(function(read), read, gradient)
    return result


def _flat(tensor: Tensor, part: Part) -> Tensor:
    """Flatten the numbers of some members, padded so that registers are filled as among all."""
    return F.pad(tensor.permute(_order(tensor)).flatten(), _places(tensor.numel(), part))


def _of_flat(flat: Tensor, like: Tensor, part: Part) -> Tensor:
    """Return flattened numbers to the shape and order of a tensor."""
    order, (ahead, _) = _order(like), _places(like.numel(), part)
    own = flat[ahead : ahead + like.numel()].view(like.permute(order).shape)
    return own.permute(inverse(order)).clone()


def _places(n_numbers: int, part: Part) -> tuple[int, int]:
    """Return how many numbers of other members precede and follow in the same registers."""
    n_each = n_numbers // len(part)
    start, end, n_all = (n_each * n for n in (part.first, part.last, part.n_all))
    return start % _REGISTERS, min(-(-end // _REGISTERS) * _REGISTERS, n_all) - end


def _order(tensor: Tensor) -> list[int]:
    """Return the axes in the order of memory, with that of the members first."""
    strides: Any = tensor.stride()
    return [0, *sorted(range(1, tensor.dim()), key=lambda dim: -strides[dim])]


def inverse(order: Sequence[int]) -> list[int]:
    """Return the order that undoes another."""
    return sorted(range(len(order)), key=order.__getitem__)
