"""Customized Sharing (Tang et al., RecSys 2020, figure 1c): separate parts without gates."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from .body import Body
from .diagram import Block, size
from .mlp import BatchedMLP
from .towers import Towers


class CustomizedSharing(Body):
    """Customized Sharing: a tower reads its task's own bottom and the shared one, side by side.

    With ``f`` the shared bottom and ``f_k`` that of task k, ``y_k = h_k([f_k(x), f(x)])``.

    Parameters
    ----------
    in_features : int
        Number of input features.
    n_outputs : sequence of int
        Number of outputs of each task.
    bottom_hidden_units : sequence of int, default=(64,)
        Widths of the layers of every bottom.
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
    >>> from sklearn_ple.nn import CustomizedSharing
    >>> CustomizedSharing(in_features=7, n_outputs=[1, 3])(torch.zeros(10, 7)).shape
    torch.Size([10, 4])
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
        super().__init__(n_members, len(n_outputs))
        self.shared_bottom, self.own_bottoms = (
            BatchedMLP(
                n_members,
                n_bottoms,
                in_features,
                bottom_hidden_units,
                activation=activation,
                dropout=dropout,
            )
            for n_bottoms in (1, self.n_tasks)
        )
        self.towers = Towers(
            2 * self.shared_bottom.out_features,
            n_outputs,
            tower_hidden_units,
            activation=activation,
            dropout=dropout,
            n_members=n_members,
        )

    def _represent(self, inputs: Tensor) -> Tensor:
        return self._side_by_side(self.own_bottoms(inputs), self.shared_bottom(inputs))

    def _diagram(self, tasks: Sequence[str]) -> tuple[list[list[Block]], list[list[Block]]]:
        n = size(self.shared_bottom.parameters(), self.n_members)
        own = [Block("bottom", task, position, n) for position, task in enumerate(tasks)]
        shared = Block("bottom", "shared", None, n)
        return [[*own, shared]], [[bottom, shared] for bottom in own]
