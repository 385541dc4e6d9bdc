"""From each task's representation to its outputs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .mlp import BatchedMLP


class Towers(nn.Module):
    """One tower per task: an MLP and a linear layer onto the task's outputs.

    Parameters
    ----------
    in_features : int
        Width of each task's representation.
    n_outputs : sequence of int
        Number of outputs of each task.
    hidden_units : sequence of int, default=()
        Widths of the hidden layers; empty for linear towers.
    activation : str, default="relu"
        A key of `ACTIVATIONS`.
    dropout : float, default=0.0
        Share of the hidden activations that are dropped in training.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.nn import Towers
    >>> towers = Towers(8, [1, 3], hidden_units=(4,))
    >>> towers(torch.zeros(2, 10, 8)).shape
    torch.Size([10, 4])
    """

    def __init__(
        self,
        in_features: int,
        n_outputs: Sequence[int],
        hidden_units: Sequence[int] = (),
        *,
        activation: str = "relu",
        dropout: float = 0.0,
    ):
        super().__init__()
        self.hidden = BatchedMLP(
            len(n_outputs), 1, in_features, hidden_units, activation=activation, dropout=dropout
        )
        self.heads = nn.ModuleList(nn.Linear(self.hidden.out_features, n) for n in n_outputs)

    def forward(self, representations: Tensor) -> Tensor:
        """Map every task's representation to its outputs.

        Parameters
        ----------
        representations : Tensor of shape (n_tasks, n_rows, in_features)
            One representation per task.

        Returns
        -------
        Tensor of shape (n_rows, sum of n_outputs)
            The tasks' outputs side by side.
        """
        hidden = self.hidden(representations)
        return torch.cat([head(h) for head, h in zip(self.heads, hidden, strict=True)], dim=1)
