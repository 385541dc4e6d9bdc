"""Asymmetric Sharing (Tang et al., RecSys 2020, figure 1b): sharing in one direction."""
# The hooks are documented in Body.
# ruff: noqa: D102

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .body import Body
from .diagram import Diagram, describe

#: Ways to combine the bottoms that a tower reads.
FUSIONS = ("concatenate", "sum", "average")


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
        **towers: Any,
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
        read = [[bottoms[task] for task in own] for own in self.reads]
        if self.fusion == "concatenate":
            return [torch.cat(own, dim=-1) for own in read]
        sums = [sum(own[1:], start=own[0]) for own in read]
        if self.fusion == "average":
            sums = [total / len(own) for total, own in zip(sums, read, strict=True)]
        return torch.stack(sums, dim=1).flatten(0, 1)

    def diagram(self, tasks: Sequence[str]) -> Diagram:
        bottoms = describe("bottom", self.bottoms, tasks)
        return [bottoms], [[bottoms[task] for task in read] for read in self.reads]
