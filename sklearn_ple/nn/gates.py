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

    Parameters
    ----------
    n_groups : int
        Number of distinct inputs.
    n_gates : int
        Number of gates in all, as many for each input.
    in_features : int
        Width of the input.
    n_experts : int
        Number of experts that each gate weighs.
    hidden_units : sequence of int, default=()
        Widths of every gate's hidden layers; empty for linear gates.
    activation : str, default="relu"
        A key of `ACTIVATIONS`, for the hidden layers.

    Attributes
    ----------
    keeps_read : bool
        Whether what it reads in training is kept, for a penalty on its weights; False at first.
    read : Tensor or None
        What it has read last, if it is kept; without a gradient.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.nn import Gates
    >>> gates = Gates(n_groups=2, n_gates=6, in_features=7, n_experts=4)
    >>> weights = gates(torch.zeros(2, 10, 7))
    >>> weights.shape
    torch.Size([6, 4, 10])
    >>> weights[0, :, 0].tolist()
    [0.25, 0.25, 0.25, 0.25]
    """

    def __init__(
        self,
        n_groups: int,
        n_gates: int,
        in_features: int,
        n_experts: int,
        *,
        hidden_units: Sequence[int] = (),
        activation: str = "relu",
    ):
        super().__init__()
        self.n_gates = n_gates
        self.n_experts = n_experts
        self.keeps_read = False
        self.read: Tensor | None = None
        self.hidden = self.logits = None
        if n_experts > 1:
            per_group = n_gates // n_groups
            if hidden_units:
                self.hidden = BatchedMLP(
                    n_groups, per_group, in_features, hidden_units, activation=activation
                )
                n_groups, per_group, in_features = n_gates, 1, hidden_units[-1]
            self.logits = self._make_logits(n_groups, per_group, in_features)

    def _make_logits(self, n_groups: int, per_group: int, in_features: int) -> BatchedLinear:
        """Make the last layers."""
        return BatchedLinear(n_groups, per_group, in_features, self.n_experts, bias=False)

    def forward(self, branches: Tensor) -> Tensor:
        """Compute the experts' weights.

        Parameters
        ----------
        branches : Tensor of shape (n_groups, n_rows, in_features)
            One input per group.

        Returns
        -------
        Tensor of shape (n_gates, n_experts, n_rows)
            The weights, which sum to one over the experts; the gates of a group side by side.
        """
        if self.keeps_read and self.training:
            self.read = branches.detach()
        if self.logits is None:
            return branches.new_ones(self.n_gates, 1, branches.shape[1])
        return self._weights(self._logits(branches))

    def _logits(self, branches: Tensor) -> Tensor:
        """Evaluate all layers: (n_gates, n_logits, n_rows)."""
        assert self.logits is not None
        hidden = branches if self.hidden is None else self.hidden(branches)
        return self.logits(hidden).mT

    def _weights(self, logits: Tensor) -> Tensor:
        """Turn what the last layers put out into weights."""
        return logits.softmax(dim=1)

    def weights_and_entropy(self) -> tuple[Tensor, Tensor | float]:
        """Compute the weights of the rows read last anew, so that they train the gates alone.

        What was kept is given up.

        Returns
        -------
        weights : Tensor of shape (n_gates, n_experts, n_rows)
            The weights.
        entropy : Tensor or float
            By how much gates that are to choose do not: a scalar; 0 for a softmax.
        """
        assert self.logits is not None
        assert self.read is not None
        logits = self._logits(self.read.to(self.logits.weight.dtype))
        self.read = None
        return self._weights(logits), self._entropy(logits)

    def _entropy(self, logits: Tensor) -> Tensor | float:
        return 0.0


def mix(weights: Tensor, *banks: Tensor) -> Tensor:
    """Sum the experts by their weights.

    Parameters
    ----------
    weights : Tensor of shape (..., n_experts, n_rows)
        The gates' outputs. Axes before these are the gates.
    *banks : Tensor of shape (..., n_experts, n_rows, width)
        The experts' outputs, of all experts together or of parts of them in the weights' order.
        Axes before these are the gates', or of one where all gates weigh the same experts.

    Returns
    -------
    Tensor of shape (..., n_rows, width)
        The weighted sums.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.nn import mix
    >>> weights, experts = torch.tensor([[0.25], [0.75]]), torch.tensor([[[4.0]], [[8.0]]])
    >>> mix(weights, experts)
    tensor([[7.]])
    """
    # Rows along the last axis, where layers have them in memory while they train.
    factors = weights.unsqueeze(-2).unbind(-3)
    first, *others = [expert for bank in banks for expert in _experts(bank.mT)]
    mixed = factors[0] * first
    for factor, expert in zip(factors[1:], others, strict=True):
        mixed = mixed.addcmul_(factor, expert)
    return mixed.mT


def mix_all(
    weights: Tensor, specific: Sequence[Tensor], shared: Sequence[Tensor], own: Tensor | None
) -> Tensor:
    """Sum all experts of a level by the weights of the tasks' gates.

    Parameters
    ----------
    weights : Tensor of shape (n_members, n_tasks, n_experts, n_rows)
        The gates' outputs.
    specific : sequence of Tensor of shape (n_members, n_specific, n_rows, width)
        The outputs of the tasks' own experts: a bank, or none.
    shared : sequence of Tensor of shape (n_members, n_shared, n_rows, width)
        Those of the shared experts: a bank, or none.
    own : Tensor of shape (n_tasks, n_specific, 1) or None
        One where an expert is the task's, zero elsewhere: then a task's gradient does not reach
        other tasks' experts. None lets it reach all.

    Returns
    -------
    Tensor of shape (n_members, n_tasks, n_rows, width)
        The weighted sums.
    """
    banks = [bank.unsqueeze(1) for bank in (*specific, *shared)]
    if own is None or not specific:
        return mix(weights, *banks)
    of_specific, of_shared = weights.tensor_split([own.shape[1]], dim=2)
    trained = torch.cat([of_specific * own, of_shared], dim=2)
    return mix(trained, *banks) + mix(of_specific * (1 - own), banks[0].detach())


def _experts(bank: Tensor) -> Sequence[Tensor]:
    """Take a bank apart; the gradient of an expert alone needs no copy."""
    return [bank.squeeze(-3)] if bank.shape[-3] == 1 else bank.unbind(-3)


class GateNames(NamedTuple):
    """The names of the gates and the experts in one module of gates.

    Parameters
    ----------
    module : Gates
        The gates, or another module that puts out such weights.
    gates : list of str
        A name for each gate; a task's gate has the task's.
    experts : list of list of str
        For each gate the names of the experts that it weighs.

    Examples
    --------
    >>> from sklearn_ple.nn import GateNames, Gates
    >>> gates = Gates(n_groups=1, n_gates=2, in_features=7, n_experts=2)
    >>> names = GateNames(gates, ["death", "weight"], [["expert 1", "expert 2"]] * 2)
    >>> names.gates
    ['death', 'weight']
    """

    module: nn.Module
    gates: list[str]
    experts: list[list[str]]


class ExpertNames(NamedTuple):
    """The names of the experts in one bank, which puts out one tensor for all.

    Parameters
    ----------
    module : nn.Module
        The bank. Its output is of shape (n_members * n_experts, n_rows, width), the experts of a
        member side by side.
    names : list of str
        A name for each of a member's experts, as the gates' weights have it.

    Examples
    --------
    >>> from sklearn_ple.nn import MMoE
    >>> ((experts,),) = MMoE(in_features=7, n_outputs=[1, 3]).expert_names(["death", "weight"])
    >>> experts.names
    ['expert 1', 'expert 2', 'expert 3']
    """

    module: nn.Module
    names: list[str]


@contextmanager
def recorded(modules: Sequence[nn.Module]) -> Iterator[list[list[Tensor]]]:
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
    """Join batches of gates' weights to a tensor (n_members, n_gates, n_rows, n_experts)."""
    return torch.cat(list(batches), dim=2).mT.unflatten(0, (n_members, -1))
