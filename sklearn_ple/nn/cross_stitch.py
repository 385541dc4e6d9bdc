"""Cross-stitch networks (Misra, Shrivastava, Gupta, Hebert: CVPR 2016)."""
# The hooks are documented in Body.
# ruff: noqa: D102

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from .axes import Axes, Axis
from .body import Body
from .diagram import Diagram
from .mixing import describe_mixed_layers, make_mixing_matrices, make_task_layers


class CrossStitch(Body):
    """Cross-stitch networks: after each layer the activations of all tasks are mixed linearly.

    Each task has its own network. Let ``a_k`` be the activations of task k after layer l. A
    cross-stitch unit computes ``b_k = sum_j A_l[k, j] * a_j``, which is the input of the next
    layer of task k, or of its tower. The matrix ``A_l`` is learnt. It starts with .9 on the
    diagonal; the other entries of a row are equal and sum to .1.

    Parameters
    ----------
    in_features : int
        Number of input features.
    n_outputs : sequence of int
        Number of outputs of each task.
    hidden_units : sequence of int, default=(64,)
        Widths of the layers of every task's network, below its tower.
    by_channel : bool, default=False
        Whether each unit of a layer has its own mixing matrix.
    **towers : object
        ``tower_hidden_units``, ``activation``, ``dropout`` and ``n_members``, see `Body`.

    Attributes
    ----------
    stitches : ParameterList
        The matrices ``A_l`` of each layer, of shape (n_members, n_tasks, n_tasks, 1). With
        ``by_channel`` the length of the last axis is the width of the layer.

    Raises
    ------
    ValueError
        If ``hidden_units`` is empty.

    References
    ----------
    I. Misra, A. Shrivastava, A. Gupta, M. Hebert. "Cross-stitch Networks for Multi-task Learning".
    CVPR 2016.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.nn import CrossStitch
    >>> CrossStitch(in_features=7, n_outputs=[1, 3])(torch.zeros(10, 7)).shape
    torch.Size([10, 4])
    """

    def __init__(
        self,
        in_features: int,
        n_outputs: Sequence[int],
        *,
        hidden_units: Sequence[int] = (64,),
        by_channel: bool = False,
        **towers: Any,
    ):
        super().__init__(n_outputs, **towers)
        self.layers = make_task_layers(self, in_features, hidden_units)
        start = make_mixing_matrices(self.n_members, self.n_tasks)[..., None]
        self.stitches = nn.ParameterList(
            start.repeat(1, 1, 1, width if by_channel else 1) for width in hidden_units
        )
        self.towers = self.make_towers(hidden_units[-1])

    def declare_axes(self) -> dict[str, Axes]:
        tasks = Axis.of_tasks(self.n_tasks)
        axes = (self.per_member(), tasks, tasks, None)
        return {f"stitches.{depth}": axes for depth in range(len(self.stitches))}

    def represent(self, inputs: Tensor) -> Tensor:
        hidden = inputs
        for layer, stitch in zip(self.layers, self.stitches, strict=True):
            own = layer(hidden).unflatten(0, (self.n_members, self.n_tasks))
            # (n_members, n_tasks, n_tasks, 1, width) * (n_members, 1, n_tasks, n_rows, width)
            hidden = (stitch.unsqueeze(3) * own.unsqueeze(1)).sum(dim=2).flatten(0, 1)
        return hidden

    def diagram(self, tasks: Sequence[str]) -> Diagram:
        rows = describe_mixed_layers(tasks, self.layers, self.stitches, self.n_members)
        return rows, [[mixing] for mixing in rows[-1]]
