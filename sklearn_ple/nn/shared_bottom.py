"""Hard parameter sharing (Caruana, 1997): one bottom for all tasks, a tower for each."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from .body import Body
from .diagram import Block, size
from .mlp import BatchedMLP
from .towers import Towers


class SharedBottom(Body):
    """Hard parameter sharing: all towers read the same bottom.

    With ``f`` the bottom and ``h_k`` the tower of task k, ``y_k = h_k(f(x))``.

    Parameters
    ----------
    in_features : int
        Number of input features.
    n_outputs : sequence of int
        Number of outputs of each task.
    bottom_hidden_units : sequence of int, default=(64,)
        Widths of the bottom's layers; empty for towers that read the features.
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
    R. Caruana. "Multitask Learning". Machine Learning 28, 1997.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.nn import SharedBottom
    >>> SharedBottom(in_features=7, n_outputs=[1, 3])(torch.zeros(10, 7)).shape
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
        self.bottom = BatchedMLP(
            n_members,
            1,
            in_features,
            bottom_hidden_units,
            activation=activation,
            dropout=dropout,
        )
        self.towers = Towers(
            self.bottom.out_features,
            n_outputs,
            tower_hidden_units,
            activation=activation,
            dropout=dropout,
            n_members=n_members,
        )

    def _represent(self, inputs: Tensor) -> Tensor:
        return self._for_each_task(self.bottom(inputs))

    def _diagram(self, tasks: Sequence[str]) -> tuple[list[list[Block]], list[list[Block]]]:
        n = size(self.bottom.parameters(), self.n_members)
        # Without layers the towers read the features.
        bottom = [Block("bottom", "shared", None, n)] if self.bottom.layers else []
        return [bottom] if bottom else [], [bottom] * self.n_tasks
