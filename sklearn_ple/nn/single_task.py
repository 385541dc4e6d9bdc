"""Single-task networks: an independent network for each task, all evaluated together."""
# The hooks are documented in Body.
# ruff: noqa: D102

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from .body import Body
from .diagram import Diagram, describe


class SingleTask(Body):
    """Single-task networks, which share nothing: the baseline of multi-task learning.

    Let ``f_k`` be the bottom and ``h_k`` the tower of task k. Then ``y_k = h_k(f_k(x_k))``, where
    ``x_k`` are the features in the view of task k, which may have its own embeddings.

    Parameters
    ----------
    in_features : int
        Number of input features.
    n_outputs : sequence of int
        Number of outputs of each task.
    bottom_hidden_units : sequence of int, default=(64,)
        Widths of the layers of every task's bottom; empty for towers that read the features.
    **towers : object
        ``tower_hidden_units``, ``activation``, ``dropout`` and ``n_members``, see `Body`.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.nn import SingleTask
    >>> network = SingleTask(in_features=7, n_outputs=[1, 3])
    >>> network(torch.zeros(10, 7)).shape
    torch.Size([10, 4])

    With a view of the features for each of the two tasks:

    >>> network(torch.zeros(2, 10, 7)).shape
    torch.Size([1, 10, 4])
    """

    def __init__(
        self,
        in_features: int,
        n_outputs: Sequence[int],
        *,
        bottom_hidden_units: Sequence[int] = (64,),
        **towers: Any,
    ):
        super().__init__(n_outputs, views=range(len(n_outputs)), **towers)
        self.bottoms = self.make_mlps(self.per_task(), in_features, bottom_hidden_units)
        self.towers = self.make_towers(self.bottoms.out_features)

    def represent(self, inputs: Tensor) -> Tensor:
        return self.bottoms(inputs)

    def diagram(self, tasks: Sequence[str]) -> Diagram:
        if not self.bottoms.layers:
            return [], [[] for _ in tasks]
        bottoms = describe("bottom", self.bottoms, tasks)
        return [bottoms], [[bottom] for bottom in bottoms]
