"""A level of experts and gates as one function with its gradient, for training."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from .gates import Gates, mix
from .mlp import BatchedMLP


def extract(inputs: Tensor, own: BatchedMLP, shared: BatchedMLP, gates: Gates) -> Tensor:
    """Compute in training what the tasks' gates mix, as `BatchedMLP`, `Gates` and `mix` do.

    Experts and gates read the same inputs, so a single product of matrices computes them all.

    Parameters
    ----------
    inputs : Tensor of shape (n_members, n_rows, in_features)
        The inputs.
    own, shared : BatchedMLP
        The tasks' own experts, equally many for each, and the shared ones: one layer with ReLU.
    gates : Gates
        The tasks' gates, without hidden layers.

    Returns
    -------
    Tensor of shape (n_members, n_tasks, n_rows, width)
        The mixtures.
    """
    (first,), (second,), logits = own.layers, shared.layers, gates.logits
    parts = first.weight, second.weight, logits.weight, first.bias, second.bias
    return _Extract.apply(inputs, gates, (own.dropout, shared.dropout), *parts)


class _Extract(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, inputs: Tensor, gates: Gates, dropouts: Any, *parts: Tensor) -> Tensor:
        n_members, _, n_features = inputs.shape
        weights = [part.view(n_members, -1, n_features) for part in parts[:3]]
        biases = [part.view(n_members, -1) for part in parts[3:]]
        n_own, n_shared, n_logits = ctx.sizes = [part.shape[1] for part in weights]
        weight, bias = torch.cat(weights, dim=1), F.pad(torch.cat(biases, dim=1), (0, n_logits))
        # Rows are last in memory, as in other layers.
        outputs = torch.baddbmm(bias.unsqueeze(2), weight, inputs.mT)
        ctx.by_gate = n_logits // len(gates.experts), -1, parts[0].shape[1]
        ctx.shapes, ctx.scale = [part.shape for part in parts], gates.scale
        own, shared, logits = _split(outputs, ctx)
        factors = [
            dropout.factors(part)
            for dropout, part in zip(dropouts, outputs.split(ctx.sizes, dim=1), strict=False)
        ]
        _multiply(outputs, factors, ctx)
        outputs[:, : n_own + n_shared].relu_()
        shares = gates.adjust(logits).softmax(dim=2)
        ctx.save_for_backward(inputs, weight, outputs, shares, *factors)
        return mix(shares, own.mT, shared.mT)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple:
        inputs, weight, outputs, shares, *factors = ctx.saved_tensors
        own, shared, _ = _split(outputs, ctx)
        gradients = torch.empty_like(outputs)
        of_own, of_shared, of_logits = _split(gradients, ctx)
        of_mixture = gradient.mT.unsqueeze(2)
        by_bank = shares.unsqueeze(3).split([own.shape[2], shared.shape[2]], dim=2)
        torch.mul(of_mixture, by_bank[0], out=of_own)
        torch.sum(of_mixture * by_bank[1], dim=1, keepdim=True, out=of_shared)
        of_shares = torch.cat([(of_mixture * bank).sum(dim=3) for bank in (own, shared)], dim=2)
        centred = of_shares - (shares * of_shares).sum(dim=2, keepdim=True)
        torch.mul(ctx.scale * shares, centred, out=of_logits)
        of_experts = gradients[:, : sum(ctx.sizes[:2])]
        # ReLU puts out zeros where its slope is zero.
        of_experts.mul_(outputs[:, : sum(ctx.sizes[:2])].sign())
        _multiply(gradients, factors, ctx)
        of_parts = [
            *torch.bmm(gradients, inputs).split(ctx.sizes, dim=1),
            *of_experts.sum(dim=2).split(ctx.sizes[:2], dim=1),
        ]
        shaped = (part.reshape(shape) for part, shape in zip(of_parts, ctx.shapes, strict=True))
        return torch.bmm(weight.mT, gradients).mT, None, None, *shaped


def _split(every: Tensor, ctx: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Return views: (n_members, n_tasks or 1, n_experts, width, n_rows) twice, and the logits."""
    own, shared, logits = every.split(ctx.sizes, dim=1)
    n_tasks, _, width = ctx.by_gate
    logits = logits.unflatten(1, (n_tasks, -1))
    return own.unflatten(1, ctx.by_gate), shared.unflatten(1, (1, -1, width)), logits


def _multiply(every: Tensor, factors: Any, ctx: Any) -> None:
    """Multiply the outputs of own and shared experts, or their gradients, by those of dropout."""
    for part, factor in zip(every.split(ctx.sizes, dim=1), factors, strict=False):
        if factor is not None:
            part.mul_(factor)
