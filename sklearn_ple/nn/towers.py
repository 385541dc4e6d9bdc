"""Towers, which turn the representation of each task into its outputs."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn

from .axes import Axes, Axis, ByTask
from .diagram import count_for_one
from .mlp import BatchedLinear, BatchedMLP


class Towers(nn.Module):
    """Towers, one for each task: an MLP, and a linear layer that computes the task's outputs.

    Parameters
    ----------
    in_features : int
        Width of each task's representation.
    n_outputs : sequence of int
        Number of outputs of each task.
    hidden_units : sequence of int, default=()
        Widths of the hidden layers; empty for linear towers.
    activation : str, default="relu"
        Activation of the hidden layers, a key of `ACTIVATIONS`.
    dropout : float or sequence of float, default=0.0
        Share of the hidden activations that are dropped in training: the same for all members, or
        one for each.
    n_members : int, default=1
        Number of networks, each with its own towers.

    Attributes
    ----------
    widths : list of int
        Width of each task's representation.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.nn import Towers
    >>> towers = Towers(8, [1, 3], hidden_units=(4,))
    >>> towers(torch.zeros(2, 10, 8)).shape
    torch.Size([1, 10, 4])
    """

    def __init__(
        self,
        in_features: int,
        n_outputs: Sequence[int],
        hidden_units: Sequence[int] = (),
        *,
        activation: str = "relu",
        dropout: float | Sequence[float] = 0.0,
        n_members: int = 1,
    ):
        super().__init__()
        self.n_members = n_members
        self.n_tasks = len(n_outputs)
        self.widths = [in_features] * self.n_tasks
        towers = Axis.of_tasks(self.n_tasks, n_members)
        self.hidden = BatchedMLP(
            towers, in_features, hidden_units, activation=activation, dropout=dropout
        )
        width, members = self.hidden.out_features, Axis(n_members=n_members)
        self.heads: Any = ByTask(BatchedLinear(members, width, n) for n in n_outputs)

    @property
    def n_parameters(self) -> list[int]:
        """Number of parameters of each task's tower in one member."""
        hidden = count_for_one(self.hidden.parameters(), self.n_members * self.n_tasks)
        return [hidden + count_for_one(head.parameters(), self.n_members) for head in self.heads]

    def forward(self, representations: Tensor) -> Tensor:
        """Compute the outputs of all tasks: ``y^k = t^k(g^k)``, from their representations g^k.

        Parameters
        ----------
        representations : Tensor of shape (n_members * n_tasks, n_rows, in_features)
            One representation for each member and task; the tasks of a member are adjacent. Or
            one for each member, of shape (n_members, n_rows, in_features), for all its tasks.

        Returns
        -------
        Tensor of shape (n_members, n_rows, sum of n_outputs)
            The outputs of all tasks, side by side.
        """
        # Rows are made the last axis, as in memory, so that they are last in gradients too.
        hidden = self.hidden(representations).mT.unflatten(0, (self.n_members, -1))
        exact: AbstractContextManager = nullcontext()
        if hidden.dtype != self.heads[0].weight.dtype:
            # Other products are in bfloat16; those of the heads are so few that they need not be.
            exact = torch.autocast(hidden.device.type, enabled=False)
            hidden = hidden.to(self.heads[0].weight.dtype)
        with exact:
            return self._evaluate_heads(hidden)

    def _evaluate_heads(self, hidden: Tensor) -> Tensor:
        """Evaluate adjacent heads of the same size in one product, which is faster."""
        runs = [list(run) for _, run in groupby(self.heads, key=lambda head: head.out_features)]
        # Split only if necessary, since the gradient of a split needs a copy.
        parts = [hidden] if len(runs) == 1 else hidden.split([len(run) for run in runs], dim=1)
        outputs = []
        for heads, of_run in zip(runs, parts, strict=True):
            weight = torch.stack([head.weight for head in heads], dim=1).flatten(0, 1)
            bias = torch.stack([head.bias for head in heads], dim=1).flatten(0, 1)
            products = torch.baddbmm(bias.unsqueeze(-1), weight, of_run.flatten(0, 1))
            outputs.append(products.unflatten(0, (self.n_members, -1)).flatten(1, 2).mT)
        return outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=-1)


class SharedTowers(nn.Module):
    """Linear towers that all read the same representation: one wide layer for each member.

    Parameters
    ----------
    in_features : int
        Width of the representation.
    n_outputs : sequence of int
        Number of outputs of each task.
    n_members : int, default=1
        Number of networks, each with its own towers.

    Attributes
    ----------
    widths : list of int
        Width of what each task reads.
    """

    def __init__(self, in_features: int, n_outputs: Sequence[int], n_members: int = 1):
        super().__init__()
        self.n_outputs = list(n_outputs)
        self.widths = [in_features] * len(n_outputs)
        self._outputs = Axis(tuple(enumerate(n_outputs)))
        self.layer = BatchedLinear(Axis(n_members=n_members), in_features, len(self._outputs))

    def declare_axes(self) -> dict[str, Axes]:
        """Declare the axes of the parameters; see `Body.declare_axes`.

        Returns
        -------
        dict of str to tuple of (Axis or None)
            The axes, by name.
        """
        members = self.layer.axis
        return {
            "layer.weight": (members, self._outputs, None),
            "layer.bias": (members, self._outputs),
        }

    @property
    def n_parameters(self) -> list[int]:
        """Number of parameters of each task's tower in one member."""
        return [n * (self.layer.in_features + 1) for n in self.n_outputs]

    def forward(self, shared: Tensor) -> Tensor:
        """Compute the outputs of all tasks: ``y^k = W^k g + b^k``, with g that they share.

        Parameters
        ----------
        shared : Tensor of shape (n_members, n_rows, in_features)
            The representation of each member.

        Returns
        -------
        Tensor of shape (n_members, n_rows, sum of n_outputs)
            The outputs of all tasks, side by side.
        """
        with torch.autocast(shared.device.type, enabled=False):
            return self.layer(shared.to(self.layer.weight.dtype))


class SeparateTowers(ByTask):
    """Separate towers, whose representations have different widths."""

    @property
    def widths(self) -> list[int]:
        """Width of each task's representation."""
        towers: Any = self
        return [width for tower in towers for width in tower.widths]

    @property
    def n_parameters(self) -> list[int]:
        """Number of parameters of each task's tower in one member."""
        towers: Any = self
        return [n for tower in towers for n in tower.n_parameters]

    def forward(self, representations: Sequence[Tensor]) -> Tensor:
        """Compute ``y^k = t^k(g^k)``, of shape (n_members, n_rows, sum of n_outputs)."""
        outputs = [tower(read) for tower, read in zip(self, representations, strict=True)]
        return torch.cat(outputs, dim=-1)


#: The towers of all tasks.
TaskTowers = Towers | SeparateTowers | SharedTowers
