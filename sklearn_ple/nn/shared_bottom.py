"""Hard parameter sharing (Caruana, 1997): one bottom for all tasks, a tower for each."""
# The hooks are documented in Body.
# ruff: noqa: D102

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from .body import Body
from .diagram import Diagram, describe


class SharedBottom(Body):
    """Hard parameter sharing: all towers read the same bottom.

    The bottom is the part of the network below the towers. Let ``f`` be the bottom and ``h_k`` the
    tower of task k. Then ``y_k = h_k(f(x))``.

    Parameters
    ----------
    in_features : int
        Number of input features.
    n_outputs : sequence of int
        Number of outputs of each task.
    bottom_hidden_units : sequence of int, default=(64,)
        Widths of the layers of the bottom; empty for towers that read the features.
    **towers : object
        ``tower_hidden_units``, ``activation``, ``dropout`` and ``n_members``, see `Body`.

    References
    ----------
    R. Caruana. "Multitask Learning". Machine Learning 28, 1997.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.nn import SharedBottom
    >>> network = SharedBottom(in_features=7, n_outputs=[1, 3])
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
        self.bottom = self.make_mlps(self.per_member(), in_features, bottom_hidden_units)
        self.towers = self.make_towers(self.bottom.out_features)

    def represent(self, inputs: Tensor) -> Tensor:
        return self.for_each_task(self.bottom(inputs))

    def diagram(self, tasks: Sequence[str]) -> Diagram:
        if not self.bottom.layers:
            return [], [[] for _ in tasks]
        bottom = describe("bottom", self.bottom, ["shared"])
        return [bottom], [bottom] * self.n_tasks
