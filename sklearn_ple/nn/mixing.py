"""Separate layers for each task, and linear mixings of the tasks' activations between them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from .body import Body
from .diagram import Node, describe


def make_task_layers(
    network: Body, in_features: int, hidden_units: Sequence[int]
) -> nn.ModuleList:
    """Make the separate layers of the tasks, each of which is evaluated for all tasks together.

    The first layer reads a tensor of shape (n_members, n_rows, in_features). The others have one
    input for each member and task.
    """
    if not hidden_units:
        raise ValueError("hidden_units is empty: at least one layer is needed.")
    widths = pairwise([in_features, *hidden_units])
    return nn.ModuleList(network.make_mlps(network.per_task(), n, (n_out,)) for n, n_out in widths)


def make_mixing_matrices(n_members: int, n: int) -> Tensor:
    """Return the initial mixing matrices: .9 on the diagonal, and .1 shared by the others."""
    if n == 1:
        return torch.ones(n_members, 1, 1)
    matrix = torch.full((n, n), 0.1 / (n - 1)).fill_diagonal_(0.9)
    return matrix.repeat(n_members, 1, 1)


def describe_mixed_layers(
    tasks: Sequence[str], layers: Iterable[nn.Module], mixings: Iterable[Tensor], n_members: int
) -> list[list[Node]]:
    """Describe the layers of the tasks, and the mixings after each, which read all of them."""
    rows: list[list[Node]] = []
    read: list[list[Node]] = [[] for _ in tasks]
    for depth, (layer, mixing) in enumerate(zip(layers, mixings, strict=True), start=1):
        names = [f"{task} {depth}" for task in tasks]
        own = describe("layer", layer, names, read)
        n = mixing.numel() // (n_members * len(tasks))
        mixed = [Node("mixing", name, k, n, own) for k, name in enumerate(names)]
        rows += [own, mixed]
        read = [[node] for node in mixed]
    return rows
