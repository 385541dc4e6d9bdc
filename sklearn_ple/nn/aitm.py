"""Adaptive Information Transfer Multi-task (Xi et al., KDD 2021), for tasks that have an order."""
# The hooks are documented in Body.
# ruff: noqa: D102

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .axes import ByTask
from .body import Body
from .diagram import Diagram, Node, count_for_one, describe
from .gates import mix
from .mlp import BatchedLinear
from .names import GateNames


class AITM(Body):
    """Adaptive Information Transfer: each task reads its bottom and the task before it.

    Let ``f_t`` be the bottom of task t. Its tower reads ``z_t``. For the first task this is the
    output of its bottom, ``z_1 = f_1(x)``. A later task combines two vectors: ``q = f_t(x)`` from
    its own bottom, and ``p = g_t(z_{t-1})`` from the task before it, through a layer ``g_t``. It
    weighs them by attention,
    ``z_t = sum_{u in {p, q}} softmax_u(<h1 u, h2 u> / sqrt(d)) h3 u``, where h1, h2 and h3 are
    matrices of the task and d is the width. The tasks need not form a chain: several tasks may
    follow the same task.

    Parameters
    ----------
    in_features : int
        Number of input features.
    n_outputs : sequence of int
        Number of outputs of each task.
    steps : sequence of (int, int)
        Pairs (task, task before it), by position. A pair comes after that of the task before.
    bottom_hidden_units : sequence of int, default=(64,)
        Widths of the layers of every task's bottom.
    **towers : object
        ``tower_hidden_units``, ``activation``, ``dropout`` and ``n_members``, see `Body`.

    Raises
    ------
    ValueError
        If a bottom would have no layer.

    See Also
    --------
    CalibratedLogits : The paper's penalty on probabilities that contradict the order.

    References
    ----------
    D. Xi, Z. Chen, P. Yan, Y. Zhang, Y. Zhu, F. Zhuang, Y. Chen. "Modeling the Sequential
    Dependence among Audience Multi-step Conversions with Multi-task Learning in Targeted Display
    Advertising". KDD 2021.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.nn import AITM
    >>> network = AITM(in_features=7, n_outputs=[1, 3], steps=[(1, 0)])
    >>> network(torch.zeros(10, 7)).shape
    torch.Size([10, 4])
    """

    def __init__(
        self,
        in_features: int,
        n_outputs: Sequence[int],
        *,
        steps: Sequence[tuple[int, int]],
        bottom_hidden_units: Sequence[int] = (64,),
        **towers: Any,
    ):
        super().__init__(n_outputs, **towers)
        if not bottom_hidden_units:
            raise ValueError("bottom_hidden_units is empty: a bottom needs at least one layer.")
        self.bottoms = self.make_mlps(self.per_task(), in_features, bottom_hidden_units)
        width = self.bottoms.out_features
        self.steps = list(steps)
        later = {task for task, _ in steps}
        self.transfers: Any = ByTask(
            Transfer(self, width) if task in later else nn.Identity()
            for task in range(self.n_tasks)
        )
        self.towers = self.make_towers(width)

    def represent(self, inputs: Tensor) -> Tensor:
        known = list(self.bottoms(inputs).unflatten(0, (self.n_members, -1)).unbind(1))
        for task, before in self.steps:
            known[task] = self.transfers[task](known[before], known[task])
        return torch.stack(known, dim=1).flatten(0, 1)

    def diagram(self, tasks: Sequence[str]) -> Diagram:
        known = describe("bottom", self.bottoms, tasks)
        rows = [list(known)]
        for task, before in self.steps:
            transfer = self.transfers[task]
            n = count_for_one(transfer.passed.parameters(), self.n_members)
            passed = Node("transfer", tasks[task], task, n, [known[before]])
            n = count_for_one(transfer.parameters(), self.n_members) - n
            known[task] = Node("gate", tasks[task], task, n, [passed, known[task]])
            rows += [[passed], [known[task]]]
        return rows, [[node] for node in known]

    def gate_names(self, tasks: Sequence[str]) -> list[list[GateNames]]:
        """Name the gates, which weigh the vector from the task before and the task's own.

        Parameters
        ----------
        tasks : sequence of str
            Names of the tasks.

        Returns
        -------
        list of list of GateNames
            One level for each task that has a task before it.
        """
        return [
            [GateNames(self.transfers[k].gate, [tasks[k]], [[f"from {tasks[before]}", "own"]])]
            for k, before in self.steps
        ]


class Transfer(nn.Module):
    """Combines the output of a task's bottom with the vector of the task before it."""

    def __init__(self, network: Body, width: int):
        super().__init__()
        self.passed = network.make_mlps(network.per_member(), width, (width,))
        self.gate = TransferGate(network, width)
        self.values = BatchedLinear(network.per_member(), width, width, bias=False)

    def forward(self, before: Tensor, bottom: Tensor) -> Tensor:
        """Combine both, each of shape (n_members, n_rows, width)."""
        both = torch.cat([self.passed(before), bottom], dim=1)
        return mix(self.gate(both), self.values(both).unflatten(1, (2, -1)))


class TransferGate(nn.Module):
    """Weighs the vector from the task before and the task's own by attention."""

    def __init__(self, network: Body, width: int):
        super().__init__()
        self.n_members = network.n_members
        self.projections = BatchedLinear(network.per_member(2), width, width, bias=False)

    def forward(self, both: Tensor) -> Tensor:
        """Compute the weights, (n_members, 2, n_rows), from (n_members, 2 * n_rows, width)."""
        first, second = self.projections(both).unflatten(0, (self.n_members, 2)).unbind(1)
        scores = (first * second).sum(dim=-1) / math.sqrt(both.shape[-1])
        return scores.unflatten(1, (2, -1)).softmax(dim=1)
