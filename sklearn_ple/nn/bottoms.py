"""Networks of bottoms and towers: each tower reads the bottom of its task, or others."""
# The hooks are documented in Body.
# ruff: noqa: D102

from collections.abc import Sequence
from typing import Unpack

import torch
from torch import Tensor

from .body import Body, TowerOptions
from .diagram import Diagram, describe

#: Ways to combine the bottoms that a tower reads.
FUSIONS = ("concatenate", "sum", "average")


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
        **towers: Unpack[TowerOptions],
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
        **towers: Unpack[TowerOptions],
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


class AsymmetricSharing(Body):
    """Asymmetric Sharing: a tower reads the bottom of its task and those of some other tasks.

    Let ``f_k`` be the bottom and ``h_k`` the tower of task k. Then
    ``y_k = h_k([f_k(x), f_i(x), f_j(x), ...])``, where i, j, ... are the tasks that k reads. With
    another ``fusion``, ``h_k`` reads the sum or the mean of the bottoms' outputs.

    Parameters
    ----------
    in_features : int
        Number of input features.
    n_outputs : sequence of int
        Number of outputs of each task.
    reads : sequence of sequences of int
        For each task the positions of the other tasks whose bottoms its tower reads.
    bottom_hidden_units : sequence of int, default=(64,)
        Widths of the layers of every task's bottom.
    fusion : {"concatenate", "sum", "average"}, default="concatenate"
        How the outputs of the bottoms are combined into the input of a tower.
    **towers : object
        ``tower_hidden_units``, ``activation``, ``dropout`` and ``n_members``, see `Body`.

    Raises
    ------
    ValueError
        If ``fusion`` is none of these.

    References
    ----------
    H. Tang, J. Liu, M. Zhao, X. Gong. "Progressive Layered Extraction (PLE): A Novel Multi-Task
    Learning (MTL) Model for Personalized Recommendations". RecSys 2020.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.nn import AsymmetricSharing
    >>> network = AsymmetricSharing(
    ...     in_features=7, n_outputs=[1, 3], reads=[[], [0]]
    ... )
    >>> network(torch.zeros(10, 7)).shape
    torch.Size([10, 4])
    """

    def __init__(
        self,
        in_features: int,
        n_outputs: Sequence[int],
        *,
        reads: Sequence[Sequence[int]],
        bottom_hidden_units: Sequence[int] = (64,),
        fusion: str = "concatenate",
        **towers: Unpack[TowerOptions],
    ):
        super().__init__(n_outputs, **towers)
        if fusion not in FUSIONS:
            raise ValueError(f"fusion={fusion!r} is not one of {list(FUSIONS)}.")
        self.fusion = fusion
        self.reads = [[task, *others] for task, others in enumerate(reads)]
        self.bottoms = self.make_mlps(self.per_task(), in_features, bottom_hidden_units)
        width = self.bottoms.out_features
        joined = [len(read) * width for read in self.reads]
        self.towers = self.make_towers(joined if fusion == "concatenate" else width)

    def represent(self, inputs: Tensor) -> Tensor | list[Tensor]:
        bottoms = self.bottoms(inputs).unflatten(0, (self.n_members, self.n_tasks)).unbind(1)
        read = [[bottoms[task] for task in tasks] for tasks in self.reads]
        if self.fusion == "concatenate":
            return [torch.cat(outputs, dim=-1) for outputs in read]
        sums = [sum(outputs[1:], start=outputs[0]) for outputs in read]
        if self.fusion == "average":
            sums = [total / len(outputs) for total, outputs in zip(sums, read, strict=True)]
        return torch.stack(sums, dim=1).flatten(0, 1)

    def diagram(self, tasks: Sequence[str]) -> Diagram:
        bottoms = describe("bottom", self.bottoms, tasks)
        return [bottoms], [[bottoms[task] for task in read] for read in self.reads]


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
        **towers: Unpack[TowerOptions],
    ):
        super().__init__(n_outputs, **towers)
        self.shared_bottom, self.own_bottoms = (
            self.make_mlps(bottoms, in_features, bottom_hidden_units)
            for bottoms in (self.per_member(), self.per_task())
        )
        self.towers = self.make_towers(2 * self.shared_bottom.out_features)

    def represent(self, inputs: Tensor) -> Tensor:
        specific, shared = self.own_bottoms(inputs), self.shared_bottom(inputs)
        return torch.cat([specific, self.for_each_task(shared)], dim=-1)

    def diagram(self, tasks: Sequence[str]) -> Diagram:
        specific = describe("bottom", self.own_bottoms, tasks)
        shared = describe("bottom", self.shared_bottom, ["shared"])
        return [specific + shared], [[bottom, *shared] for bottom in specific]
