"""Customized Sharing (Tang et al., RecSys 2020, figure 1c): separate parts without gates."""
# The hooks are documented in Body.
# ruff: noqa: D102

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .body import Body
from .diagram import Diagram, describe


class CustomizedSharing(Body):
    """Customized Sharing: a tower reads the bottom of its task and a shared bottom.

    Let ``f`` be the shared bottom, ``f_k`` the bottom and ``h_k`` the tower of task k. Then
    ``y_k = h_k([f_k(x), f(x)])``, where the brackets join vectors.

    Parameters
    ----------
    in_features : int
        Number of input features.
    n_outputs : sequence of int
        Number of outputs of each task.
    bottom_hidden_units : sequence of int, default=(64,)
        Widths of the layers of every bottom.
    **towers : object
        ``tower_hidden_units``, ``activation``, ``dropout`` and ``n_members``, see `Body`.

    References
    ----------
    H. Tang, J. Liu, M. Zhao, X. Gong. "Progressive Layered Extraction (PLE): A Novel Multi-Task
    Learning (MTL) Model for Personalized Recommendations". RecSys 2020.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.nn import CustomizedSharing
    >>> network = CustomizedSharing(in_features=7, n_outputs=[1, 3])
    >>> network(torch.zeros(10, 7)).shape
    torch.Size([10, 4])
    """

    def __init__(
        self,
        in_features: int,
        n_outputs: Sequence[int],
        *,
        bottom_hidden_units: Sequence[int] = (64,),
        **towers: Any,
    ):
        super().__init__(n_outputs, **towers)
        self.shared_bottom, self.own_bottoms = (
            self.make_mlps(bottoms, in_features, bottom_hidden_units)
            for bottoms in (self.per_member(), self.per_task())
        )
        self.towers = self.make_towers(2 * self.shared_bottom.out_features)

    def represent(self, inputs: Tensor) -> Tensor:
        own, shared = self.own_bottoms(inputs), self.shared_bottom(inputs)
        return torch.cat([own, self.for_each_task(shared)], dim=-1)

    def diagram(self, tasks: Sequence[str]) -> Diagram:
        own = describe("bottom", self.own_bottoms, tasks)
        shared = describe("bottom", self.shared_bottom, ["shared"])
        return [own + shared], [[bottom, *shared] for bottom in own]
