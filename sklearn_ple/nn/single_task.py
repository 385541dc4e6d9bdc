"""Every task learnt alone: as many networks as there are tasks, evaluated together."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from .body import Body
from .diagram import Block, size
from .mlp import BatchedMLP
from .towers import Towers


class SingleTask(Body):
    """Independent networks, one a task, that have nothing in common: the reference of sharing.

    With ``f_k`` the bottom and ``h_k`` the tower of task k, ``y_k = h_k(f_k(x_k))``. Each task may
    see the features through embeddings of its own, ``x_k``.

    Parameters
    ----------
    in_features : int
        Number of input features.
    n_outputs : sequence of int
        Number of outputs of each task.
    bottom_hidden_units : sequence of int, default=(64,)
        Widths of the layers of every task's bottom; empty for towers that read the features.
    tower_hidden_units : sequence of int, default=(32,)
        Widths of the hidden layers of every tower; empty for linear towers.
    activation : str, default="relu"
        A key of `ACTIVATIONS`.
    dropout : float or sequence of float, default=0.0
        Share of activations that are dropped in training; one for all members, or one for each.
    n_members : int, default=1
        Number of networks that every task has.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.nn import SingleTask
    >>> network = SingleTask(in_features=7, n_outputs=[1, 3])
    >>> network(torch.zeros(10, 7)).shape
    torch.Size([10, 4])
    >>> network(torch.zeros(2, 10, 7)).shape
    torch.Size([1, 10, 4])
    """

    def __init__(
        self,
        in_features: int,
        n_outputs: Sequence[int],
        *,
        bottom_hidden_units: Sequence[int] = (64,),
        tower_hidden_units: Sequence[int] = (32,),
        activation: str = "relu",
        dropout: float | Sequence[float] = 0.0,
        n_members: int = 1,
    ):
        super().__init__(n_members, len(n_outputs), n_views=n_members * len(n_outputs))
        self.bottoms = BatchedMLP(
            self.n_views,
            1,
            in_features,
            bottom_hidden_units,
            activation=activation,
            dropout=dropout,
        )
        self.towers = Towers(
            self.bottoms.out_features,
            n_outputs,
            tower_hidden_units,
            activation=activation,
            dropout=dropout,
            n_members=n_members,
        )

    def _represent(self, inputs: Tensor) -> Tensor:
        return self.bottoms(inputs)

    def _diagram(self, tasks: Sequence[str]) -> tuple[list[list[Block]], list[list[Block]]]:
        if not self.bottoms.layers:
            return [], [[] for _ in tasks]
        n = size(self.bottoms.parameters(), self.n_views)
        bottoms = [Block("bottom", task, position, n) for position, task in enumerate(tasks)]
        return [bottoms], [[bottom] for bottom in bottoms]
