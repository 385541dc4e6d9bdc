"""Asymmetric Sharing (Tang et al., RecSys 2020, figure 1b): sharing in one direction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .body import Body
from .diagram import Block, size
from .mlp import BatchedMLP
from .towers import Towers


class AsymmetricSharing(Body):
    """Asymmetric Sharing: a tower reads its own task's bottom and those of some other tasks.

    With ``f_k`` the bottom of task k, ``y_k = h_k([f_k(x), f_i(x), f_j(x), ...])`` for the tasks
    i, j, ... that k reads.

    Parameters
    ----------
    in_features : int
        Number of input features.
    n_outputs : sequence of int
        Number of outputs of each task.
    reads : sequence of sequences of int
        For each task the positions of the other tasks whose bottoms its tower reads.
    bottom_hidden_units : sequence of int, default=(64,)
        Widths of the layers of every task's bottom.
    tower_hidden_units : sequence of int, default=(32,)
        Widths of the hidden layers of every tower; empty for linear towers.
    activation : str, default="relu"
        A key of `ACTIVATIONS`.
    dropout : float or sequence of float, default=0.0
        Share of activations that are dropped in training; one for all members, or one for each.
    n_members : int, default=1
        Number of independent networks.

    References
    ----------
    H. Tang, J. Liu, M. Zhao, X. Gong. "Progressive Layered Extraction (PLE): A Novel Multi-Task
    Learning (MTL) Model for Personalized Recommendations". RecSys 2020.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.nn import AsymmetricSharing
    >>> network = AsymmetricSharing(in_features=7, n_outputs=[1, 3], reads=[[], [0]])
    >>> network(torch.zeros(10, 7)).shape
    torch.Size([10, 4])
    """

    def __init__(
        self,
        in_features: int,
        n_outputs: Sequence[int],
        *,
        reads: Sequence[Sequence[int]],
        bottom_hidden_units: Sequence[int] = (64,),
        tower_hidden_units: Sequence[int] = (32,),
        activation: str = "relu",
        dropout: float | Sequence[float] = 0.0,
        n_members: int = 1,
    ):
        super().__init__(n_members, len(n_outputs))
        self.reads = [[task, *others] for task, others in enumerate(reads)]
        self.bottoms = BatchedMLP(
            n_members,
            self.n_tasks,
            in_features,
            bottom_hidden_units,
            activation=activation,
            dropout=dropout,
        )
        # Towers of different input widths can't be evaluated together.
        self.towers = SeparateTowers(
            Towers(
                len(read) * self.bottoms.out_features,
                [n],
                tower_hidden_units,
                activation=activation,
                dropout=dropout,
                n_members=n_members,
            )
            for read, n in zip(self.reads, n_outputs, strict=True)
        )

    def _represent(self, inputs: Tensor) -> list[Tensor]:
        bottoms = self.bottoms(inputs).unflatten(0, (self.n_members, self.n_tasks)).unbind(1)
        return [torch.cat([bottoms[task] for task in read], dim=-1) for read in self.reads]

    def _diagram(self, tasks: Sequence[str]) -> tuple[list[list[Block]], list[list[Block]]]:
        n = size(self.bottoms.parameters(), self.n_members * self.n_tasks)
        bottoms = [Block("bottom", task, position, n) for position, task in enumerate(tasks)]
        return [bottoms], [[bottoms[task] for task in read] for read in self.reads]


class SeparateTowers(nn.ModuleList):
    """Towers one by one, each with a representation of its own width."""

    @property
    def widths(self) -> list[int]:
        """Width of each task's representation."""
        towers: Any = self
        return [width for tower in towers for width in tower.widths]

    @property
    def n_parameters(self) -> list[int]:
        """Number of parameters of each task's tower, in one member."""
        towers: Any = self
        return [n for tower in towers for n in tower.n_parameters]

    def forward(self, representations: Sequence[Tensor]) -> Tensor:
        """Map the representations to outputs of shape (n_members, n_rows, sum of n_outputs)."""
        outputs = [tower(own) for tower, own in zip(self, representations, strict=True)]
        return torch.cat(outputs, dim=-1)
