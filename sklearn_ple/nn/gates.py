"""Gates that weigh experts, and how to look at their weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .mlp import BatchedLinear, BatchedMLP


class Gates(nn.Module):
    """Softmax gates of one shape: linear without bias, or with hidden layers before.

    A gate over a single expert is the constant one and has no parameters.
    """

    def __init__(
        self,
        n_groups: int,
        n_gates: int,
        in_features: int,
        n_experts: int,
        *,
        hidden_units: Sequence[int],
        activation: str,
    ):
        super().__init__()
        self.n_gates = n_gates
        self.hidden = self.logits = None
        if n_experts > 1:
            per_group = n_gates // n_groups
            if hidden_units:
                self.hidden = BatchedMLP(
                    n_groups, per_group, in_features, hidden_units, activation=activation
                )
                n_groups, per_group, in_features = n_gates, 1, hidden_units[-1]
            self.logits = BatchedLinear(n_groups, per_group, in_features, n_experts, bias=False)

    def forward(self, branches: Tensor) -> Tensor:
        """Weigh the experts; the result has shape (n_gates, n_rows, n_experts)."""
        if self.logits is None:
            return branches.new_ones(self.n_gates, branches.shape[1], 1)
        hidden = branches if self.hidden is None else self.hidden(branches)
        return self.logits(hidden).softmax(dim=-1)


def mix(weights: Tensor, experts: Tensor) -> Tensor:
    """Sum the experts by their weights.

    Parameters
    ----------
    weights : Tensor of shape (..., n_rows, n_experts)
        The gates' outputs.
    experts : Tensor of shape (..., n_experts, n_rows, width)
        The experts' outputs. Axes before these are the gates, or one where all have the same.

    Returns
    -------
    Tensor of shape (..., n_rows, width)
        The weighted sums.
    """
    return (weights.mT.unsqueeze(-1) * experts).sum(dim=-3)


class GateNames(NamedTuple):
    """What is what in one module of gates: a name per gate, and per gate its experts' names."""

    module: Gates
    gates: list[str]
    experts: list[list[str]]


@contextmanager
def recorded(modules: Sequence[Gates]) -> Iterator[list[list[Tensor]]]:
    """Keep what each module of gates puts out, batch by batch, while the context lasts."""
    weights: list[list[Tensor]] = [[] for _ in modules]

    def keep(batches: list[Tensor], output: Tensor) -> None:
        batches.append(output.detach().cpu())

    hooks = [
        module.register_forward_hook(lambda _m, _i, output, batches=batches: keep(batches, output))
        for module, batches in zip(modules, weights, strict=True)
    ]
    try:
        yield weights
    finally:
        for hook in hooks:
            hook.remove()


def numbered(name: str, n: int) -> list[str]:
    """Name n things: "name 1", "name 2" and so on."""
    return [f"{name} {i}" for i in range(1, n + 1)]


def weights_of(batches: Sequence[Tensor], n_members: int) -> Tensor:
    """Give the gates' weights as (n_members, n_gates, n_rows, n_experts)."""
    return torch.cat(list(batches), dim=1).unflatten(0, (n_members, -1))
