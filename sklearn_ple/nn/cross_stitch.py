"""Cross-stitch networks (Misra, Shrivastava, Gupta, Hebert: CVPR 2016)."""
# The hooks are documented in Body.
# ruff: noqa: D102

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Unpack

import torch
from torch import Tensor, nn

from .body import Body
from .diagram import Block, Diagram, size
from .towers import TowerOptions


class CrossStitch(Body):
    """Cross-stitch networks: after each layer the tasks' activations are mixed linearly.

    Every task has a network of its own. After layer l with the activations ``a_k`` of task k, the
    cross-stitch unit gives ``b_k = sum_j A_l[k, j] * a_j``, which task k's next layer reads, or
    its tower. ``A_l`` is learnt; it starts with .9 on the diagonal, and the rest of a row shares
    .1.

    Parameters
    ----------
    in_features : int
        Number of input features.
    n_outputs : sequence of int
        Number of outputs of each task.
    hidden_units : sequence of int, default=(64,)
        Widths of the layers of every task's network, before its tower.
    by_channel : bool, default=False
        Whether every activation of a layer has a mixing of its own.
    **towers : TowerOptions
        Hidden layers of the towers, activation, dropout and number of members, as `Body` takes
        them.

    Attributes
    ----------
    stitches : ParameterList
        For each layer ``A_l`` of every member, of shape (n_members, n_tasks, n_tasks, 1), or with
        the layer's width as the last axis.

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
        **towers: Unpack[TowerOptions],
    ):
        super().__init__(n_outputs, **towers)
        self.layers = task_layers(self, in_features, hidden_units)
        start = mixing(self.n_members, self.n_tasks)[..., None]
        self.stitches = nn.ParameterList(
            start.repeat(1, 1, 1, width if by_channel else 1) for width in hidden_units
        )
        self.towers = self.make_towers(hidden_units[-1])

    def represent(self, inputs: Tensor) -> Tensor:
        hidden = inputs
        for layer, stitch in zip(self.layers, self.stitches, strict=True):
            own = layer(hidden).unflatten(0, (self.n_members, self.n_tasks))
            # (n_members, n_tasks, n_tasks, 1, width) * (n_members, 1, n_tasks, n_rows, width)
            hidden = (stitch.unsqueeze(3) * own.unsqueeze(1)).sum(dim=2).flatten(0, 1)
        return hidden

    def diagram(self, tasks: Sequence[str]) -> Diagram:
        rows = mixed_layers(tasks, self.layers, self.stitches, self.n_members)
        return rows, [[mixing] for mixing in rows[-1]]


def mixed_layers(
    tasks: Sequence[str], layers: Iterable[nn.Module], mixings: Iterable[Tensor], n_members: int
) -> list[list[Block]]:
    """Tell of tasks' layers, a row of each, and of the mixings after them, which read them all."""
    rows: list[list[Block]] = []
    read: list[list[Block]] = [[] for _ in tasks]
    n_blocks = n_members * len(tasks)
    for depth, (layer, mixing) in enumerate(zip(layers, mixings, strict=True), start=1):
        n = size(layer.parameters(), n_blocks)
        own = [Block("layer", f"{task} {depth}", k, n, read[k]) for k, task in enumerate(tasks)]
        n = size([mixing], n_blocks)
        mixed = [Block("mixing", f"{task} {depth}", k, n, own) for k, task in enumerate(tasks)]
        rows += [own, mixed]
        read = [[block] for block in mixed]
    return rows


def task_layers(network: Body, in_features: int, hidden_units: Sequence[int]) -> nn.ModuleList:
    """Make the layers of every task's own part, each evaluated for all tasks together.

    The first one reads (n_members, n_rows, in_features), the others an input per member and task.
    """
    if not hidden_units:
        raise ValueError("hidden_units is empty: there would be no layer to share.")
    n_members, n_tasks = network.n_members, network.n_tasks
    layers = []
    for depth, (n_in, n_out) in enumerate(pairwise([in_features, *hidden_units])):
        groups, per_group = (n_members * n_tasks, 1) if depth else (n_members, n_tasks)
        layers.append(network.make_mlps(groups, per_group, n_in, (n_out,)))
    return nn.ModuleList(layers)


def mixing(n_members: int, n: int) -> Tensor:
    """Make the matrices that mixings start from: .9 of one's own, .1 of all others together."""
    if n == 1:
        return torch.ones(n_members, 1, 1)
    matrix = torch.full((n, n), 0.1 / (n - 1)).fill_diagonal_(0.9)
    return matrix.repeat(n_members, 1, 1)
