"""Networks of separate layers for each task, whose activations are mixed linearly."""
# The hooks are documented in Body.
# ruff: noqa: D102

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, Unpack

import torch
from torch import Tensor, nn

from .axes import Axes, Axis
from .body import Body, TowerOptions
from .diagram import Diagram, Node, count_for_one, describe


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
        **towers: Unpack[TowerOptions],
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
            outputs = layer(hidden).unflatten(0, (self.n_members, self.n_tasks))
            # (n_members, n_tasks, n_tasks, 1, width) * (n_members, 1, n_tasks, n_rows, width)
            hidden = (stitch.unsqueeze(3) * outputs.unsqueeze(1)).sum(dim=2).flatten(0, 1)
        return hidden

    def diagram(self, tasks: Sequence[str]) -> Diagram:
        rows = describe_mixed_layers(tasks, self.layers, self.stitches, self.n_members)
        return rows, [[mixing] for mixing in rows[-1]]


class Sluice(Body):
    """Sluice networks: the tasks share subspaces of their layers, and towers read several layers.

    Each task has its own network, whose layers are split into G subspaces. After each layer the
    subspaces of all T tasks are mixed linearly by a learnt matrix alpha of size T G x T G. A tower
    reads the sum of its task's mixed layers, weighted by learnt numbers beta. At the start, alpha
    has .9 on its diagonal and beta has .9 for the last layer; the other entries of a row are equal
    and sum to .1.

    As in the paper, a penalty makes the subspaces of a layer differ:
    ``lambda * sum ||W_g^T W_h||_F^2`` over all tasks, layers and pairs of subspaces. ``W_g`` has a
    column for each unit of subspace g. The penalty is zero if the weights of each unit in one
    subspace are orthogonal to those of all units in the other.

    The authors' code (github.com/sebastianruder/sluice-networks) has LSTMs with two subspaces, and
    another penalty. Its matrices have a row for each unit, so that units at the same position of
    the two subspaces are paired. It applies to two matrices of the LSTM's input gate, which read
    the last output and the cell, and not to those that read the layer below. Its lambda is 0 by
    default.

    Parameters
    ----------
    in_features : int
        Number of input features.
    n_outputs : sequence of int
        Number of outputs of each task.
    hidden_units : sequence of int, default=(64, 64)
        Widths of the layers of every task's network, below its tower; all must be the same.
    n_subspaces : int, default=2
        Number G of subspaces of each layer; it must divide the width.
    orthogonality : float, default=1e-3
        Factor lambda of the penalty.
    **towers : object
        ``tower_hidden_units``, ``activation``, ``dropout`` and ``n_members``, see `Body`.

    Attributes
    ----------
    alphas : ParameterList
        The matrix alpha of each layer, of shape (n_members, T * G, T * G).
    betas : Parameter of shape (n_members, T, n_layers) or None
        The weights beta of the layers; None if there is only one layer.

    Raises
    ------
    ValueError
        If ``hidden_units`` is empty, or if its widths differ or are not multiples of
        ``n_subspaces``.

    References
    ----------
    S. Ruder, J. Bingel, I. Augenstein, A. Sogaard. "Latent Multi-task Architecture Learning".
    AAAI 2019.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.nn import Sluice
    >>> Sluice(in_features=7, n_outputs=[1, 3])(torch.zeros(10, 7)).shape
    torch.Size([10, 4])
    """

    def __init__(
        self,
        in_features: int,
        n_outputs: Sequence[int],
        *,
        hidden_units: Sequence[int] = (64, 64),
        n_subspaces: int = 2,
        orthogonality: float = 1e-3,
        **towers: Unpack[TowerOptions],
    ):
        super().__init__(n_outputs, **towers)
        self.layers: Any = make_task_layers(self, in_features, hidden_units)
        if len(set(hidden_units)) > 1 or hidden_units[0] % n_subspaces:
            raise ValueError(
                f"hidden_units={tuple(hidden_units)} do not suit a sluice network: its layers "
                f"must have the same width, which is a multiple of n_subspaces={n_subspaces}."
            )
        self.n_subspaces = n_subspaces
        self.orthogonality = orthogonality
        n_parts = self.n_tasks * n_subspaces
        self.alphas: Any = nn.ParameterList(
            make_mixing_matrices(self.n_members, n_parts) for _ in hidden_units
        )
        self.betas = None
        if len(hidden_units) > 1:
            start = make_mixing_matrices(self.n_members, len(hidden_units))[:, -1:]
            self.betas = nn.Parameter(start.repeat(1, self.n_tasks, 1))
        self.towers = self.make_towers(hidden_units[-1])

    def declare_axes(self) -> dict[str, Axes]:
        tasks = Axis.of_tasks(self.n_tasks)
        parts = tasks.repeat(self.n_subspaces)
        alphas = (self.per_member(), parts, parts)
        axes: dict[str, Axes] = {f"alphas.{depth}": alphas for depth in range(len(self.alphas))}
        return axes if self.betas is None else axes | {"betas": (self.per_member(), tasks, None)}

    def represent(self, inputs: Tensor) -> Tensor:
        hidden, mixed = inputs, []
        for layer, alpha in zip(self.layers, self.alphas, strict=True):
            parts = layer(hidden).unflatten(2, (self.n_subspaces, -1)).transpose(1, 2)
            # (n_members, T * G, n_rows, width / G)
            parts = parts.unflatten(0, (self.n_members, self.n_tasks)).flatten(1, 2)
            parts = torch.bmm(alpha, parts.flatten(2)).view_as(parts)
            parts = parts.unflatten(1, (self.n_tasks, self.n_subspaces))
            hidden = parts.transpose(2, 3).flatten(3).flatten(0, 1)
            mixed.append(hidden)
        if self.betas is None:
            return hidden
        weights = self.betas.flatten(0, 1).T[..., None, None]
        return (weights * torch.stack(mixed)).sum(dim=0)

    def diagram(self, tasks: Sequence[str]) -> Diagram:
        rows = describe_mixed_layers(tasks, self.layers, self.alphas, self.n_members)
        if self.betas is not None:
            n = count_for_one([self.betas], self.n_members * self.n_tasks)
            by_task = enumerate(zip(tasks, zip(*rows[1::2], strict=True), strict=True))
            rows.append([Node("mixing", task, k, n, mixed) for k, (task, mixed) in by_task])
        return rows, [[node] for node in rows[-1]]

    def penalty(self) -> Tensor:
        """Compute the penalty on subspaces that are not orthogonal.

        Returns
        -------
        Tensor
            The penalty, a scalar: the mean over the members.
        """
        total = self.alphas[0].new_zeros(())
        for layer in self.layers:
            weight = layer.layers[0].weight.unflatten(1, (self.n_subspaces, -1))
            for g in range(self.n_subspaces):
                for h in range(g):
                    total = total + torch.bmm(weight[:, g], weight[:, h].mT).square().sum()
        return self.orthogonality * total / self.n_members


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
        nodes = describe("layer", layer, names, read)
        n = mixing.numel() // (n_members * len(tasks))
        mixed = [Node("mixing", name, k, n, nodes) for k, name in enumerate(names)]
        rows += [nodes, mixed]
        read = [[node] for node in mixed]
    return rows
