"""Levels of Progressive Layered Extraction: shared and task-specific experts, and gates."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from .axes import Axis, ByTask
from .body import Body
from .diagram import Block, size
from .gates import Gates, mix
from .names import ExpertNames, GateNames, numbered, shared_gate_name, shared_names
from .widths import expert_widths


def extraction_levels(
    network: Body,
    in_features: int,
    n_levels: int,
    n_shared: int,
    n_specific: int | Sequence[int],
    expert_hidden_units: Sequence[int] | Sequence[Sequence[int]],
    **options: Any,
) -> list[ExtractionLevel]:
    """Make the levels of a network."""
    n_tasks = network.n_tasks
    if not isinstance(n_specific, Sequence):
        n_specific = [n_specific] * n_tasks
    if len(n_specific) != n_tasks:
        raise ValueError(
            f"n_specific_experts={n_specific} must have one entry for each of {n_tasks} tasks."
        )
    if n_shared + min(n_specific) == 0:
        raise ValueError(
            "n_shared_experts and n_specific_experts are both 0: a task needs at least one expert."
        )
    levels: list[ExtractionLevel] = []
    for depth, hidden_units in enumerate(expert_widths(expert_hidden_units, n_levels)):
        levels.append(
            ExtractionLevel(
                network,
                levels[-1].out_features if levels else in_features,
                n_shared,
                n_specific,
                hidden_units,
                is_last=depth == n_levels - 1,
                **options,
            )
        )
    return levels


class ExtractionLevel(nn.Module):
    """A level: banks of experts, a gate for each task and, except at the last, a shared gate.

    If the tasks have different numbers of experts, each has its own module of gates, unless each
    gate weighs the experts of all tasks (``sees_all``); then no gradient flows to the experts of
    other tasks. With ``gates_add_shared`` the gate of a task reads the sum of its branch and the
    shared one. The shared gate weighs the shared experts and those of all tasks except for the
    last ``n_added``.
    """

    own: Tensor | None

    def __init__(
        self,
        network: Body,
        in_features: int,
        n_shared: int,
        n_specific: Sequence[int],
        hidden_units: Sequence[int],
        *,
        gate_hidden_units: Sequence[int],
        is_last: bool,
        residual: bool = False,
        n_added: int = 0,
        sees_all: bool = False,
        gates_add_shared: bool = False,
    ):
        super().__init__()
        self.n_members = network.n_members
        self.n_tasks = n_tasks = network.n_tasks
        self.n_shared = n_shared
        self.n_specific = list(n_specific)
        self.sees_all = sees_all
        self.gates_add_shared = gates_add_shared
        self.specific_experts = self.shared_experts = self.shared_gate = None
        self.is_even = len(set(n_specific)) == 1
        self.n_weighed = sum(n_specific[: n_tasks - n_added])
        specific, shared = network.per_task(n_specific), network.per_member(n_shared)
        if len(specific):
            self.specific_experts = network.make_mlps(specific, in_features, hidden_units)
        if n_shared:
            self.shared_experts = network.make_mlps(shared, in_features, hidden_units)

        def make_gates(gates: Axis, experts: Axis | int) -> Gates:
            return network.make_gates(gates, in_features, experts, gate_hidden_units)

        self.gates_alike = self.is_even or sees_all
        if self.gates_alike:
            seen = Axis((*specific.runs, *shared.runs)) if sees_all else n_specific[0] + n_shared
            self.task_gates: Any = make_gates(network.per_task(), seen)
        else:
            members = network.per_member()
            self.task_gates = ByTask(make_gates(members, n + n_shared) for n in n_specific)
        # Nothing reads the shared branch after the last level, or where only shared experts would.
        if (n_shared or gates_add_shared) and not is_last:
            weighed = Axis((*specific.runs[: n_tasks - n_added], *shared.runs))
            self.shared_gate = make_gates(network.per_member(), weighed)
        self.out_features = hidden_units[-1]
        self.residual = residual and self.out_features == in_features
        own = _ownership(n_specific) if sees_all else None
        self.register_buffer("own", own, persistent=False)

    def forward(self, task_branches: Tensor, shared_branch: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the outputs of the branches from their inputs.

        Parameters
        ----------
        task_branches : Tensor of shape (n_members * n_tasks, n_rows, in_features)
            Input of each task's branch; at the first level the first axis has length n_members.
        shared_branch : Tensor of shape (n_members, n_rows, in_features)
            Input of the shared branch.

        Returns
        -------
        tuple of Tensors of shapes (n_members * n_tasks, n_rows, width), (n_members, n_rows, width)
            Outputs of the branches. Without a shared gate, the second is ``shared_branch``
            unchanged.
        """
        n_members = self.n_members
        read = task_branches
        if self.gates_add_shared:
            read = read + shared_branch.repeat_interleave(self.n_tasks, dim=0)
        weights = self._task_weights(read)
        # Both (n_members, n_experts, n_rows, width), in the order of the gates' weights.
        specific, shared = [], []
        if self.specific_experts is not None:
            experts = self.specific_experts(self._read_by_specific(task_branches))
            specific = [experts.unflatten(0, (n_members, -1))]
        if self.shared_experts is not None:
            experts = self.shared_experts(shared_branch)
            shared = [experts.unflatten(0, (n_members, -1))]

        task_outputs = self._mixed(weights, specific, shared)
        if self.residual:
            task_outputs = task_outputs + task_branches.unflatten(0, (n_members, -1))
        task_outputs = task_outputs.flatten(0, 1)
        if self.shared_gate is None:
            return task_outputs, shared_branch

        weighed = [bank[:, : self.n_weighed] for bank in specific if self.n_weighed]
        shared_outputs = mix(self.shared_gate(shared_branch), *weighed, *shared)
        if self.residual:
            shared_outputs = shared_outputs + shared_branch
        return task_outputs, shared_outputs

    def _task_weights(self, task_branches: Tensor) -> list[Tensor]:
        """Compute the weights of the tasks' gates: one tensor for all, or one for each task."""
        if self.gates_alike:
            return [self.task_gates(task_branches).unflatten(0, (self.n_members, -1))]
        by_task = task_branches.unflatten(0, (self.n_members, -1))
        by_task = by_task.expand(-1, self.n_tasks, -1, -1).unbind(1)
        return [gates(own) for gates, own in zip(self.task_gates, by_task, strict=True)]

    def _read_by_specific(self, task_branches: Tensor) -> Tensor:
        """Return the input of each group of the tasks' own experts."""
        if self.is_even or len(task_branches) == self.n_members:
            return task_branches
        by_task = task_branches.unflatten(0, (self.n_members, -1)).unbind(1)
        times = zip(by_task, self.n_specific, strict=True)
        return _stacked([own for own, n in times for _ in range(n)]).flatten(0, 1)

    def _mixed(
        self, weights: list[Tensor], specific: list[Tensor], shared: list[Tensor]
    ) -> Tensor:
        """Sum the experts by the weights of the gates: (n_members, n_tasks, n_rows, width)."""
        if self.own is not None:
            return _mix_all(weights[0], specific, shared, self.own)
        if self.is_even:
            own = [bank.unflatten(1, (self.n_tasks, -1)) for bank in specific]
            return mix(weights[0], *own, *(bank.unsqueeze(1) for bank in shared))
        by_task = zip(weights, specific[0].split(self.n_specific, dim=1), strict=True)
        return _stacked([mix(factors, own, *shared) for factors, own in by_task])

    def expert_names(self, tasks: Sequence[str]) -> list[ExpertNames]:
        """Name the experts of both banks."""
        own, shared = list(chain(*self._own_names(tasks))), shared_names(self.n_shared, tasks)
        banks = [(self.specific_experts, own), (self.shared_experts, shared)]
        return [ExpertNames(bank, names) for bank, names in banks if bank is not None]

    def gate_names(self, tasks: Sequence[str]) -> list[GateNames]:
        """Name the gates and their experts."""
        own = self._own_names(tasks)
        shared = shared_names(self.n_shared, tasks)
        experts = [[*chain(*own), *shared] if self.sees_all else names + shared for names in own]
        if self.gates_alike:
            names = [GateNames(self.task_gates, list(tasks), experts)]
        else:
            by_task = zip(self.task_gates, tasks, experts, strict=True)
            names = [GateNames(gates, [task], [read]) for gates, task, read in by_task]
        if self.shared_gate is not None:
            weighed = [*chain(*own)][: self.n_weighed]
            names.append(
                GateNames(self.shared_gate, [shared_gate_name(tasks)], [[*weighed, *shared]])
            )
        return names

    def _own_names(self, tasks: Sequence[str]) -> list[list[str]]:
        """Name each task's own experts."""
        return [numbered(task, n) for task, n in zip(tasks, self.n_specific, strict=True)]

    def diagram(
        self, tasks: Sequence[str], task_branches: list[list[Block]], shared_branch: list[Block]
    ) -> tuple[list[Block], list[Block]]:
        """Describe the experts and gates, given the blocks that the branches read."""
        n_members, n_tasks = self.n_members, self.n_tasks
        own: list[list[Block]] = [[] for _ in tasks]
        shared: list[Block] = []
        if self.specific_experts is not None:
            n = size(self.specific_experts.parameters(), n_members * sum(self.n_specific))
            own = [
                [Block("expert", name, k, n, branch) for name in names]
                for k, (names, branch) in enumerate(
                    zip(self._own_names(tasks), task_branches, strict=True)
                )
            ]
        if self.shared_experts is not None:
            n = size(self.shared_experts.parameters(), n_members * self.n_shared)
            names = shared_names(self.n_shared, tasks)
            shared = [Block("expert", name, None, n, shared_branch) for name in names]
        sizes = [size(self.task_gates.parameters(), n_members * n_tasks)] * n_tasks
        if not self.gates_alike:
            sizes = [size(gates.parameters(), n_members) for gates in self.task_gates]
        specific = [*chain(*own)]
        experts = [*specific, *shared]
        gates = [
            Block("gate", task, k, n, experts if self.sees_all else own[k] + shared)
            for k, (task, n) in enumerate(zip(tasks, sizes, strict=True))
        ]
        if self.shared_gate is not None:
            n = size(self.shared_gate.parameters(), n_members)
            weighed = [*specific[: self.n_weighed], *shared]
            gates.append(Block("gate", shared_gate_name(tasks), None, n, weighed))
        return experts, gates


def _ownership(n_specific: Sequence[int]) -> Tensor:
    """Return for each task which of all specific experts are its own: 1 if so, else 0."""
    owners = [k for k, n in enumerate(n_specific) for _ in range(n)]
    return torch.tensor(
        [[[float(k == owner)] for owner in owners] for k in range(len(n_specific))]
    )


def _mix_all(
    weights: Tensor, specific: Sequence[Tensor], shared: Sequence[Tensor], own: Tensor
) -> Tensor:
    """Sum the outputs of all experts of a level, weighted by the gates of the tasks.

    Parameters
    ----------
    weights : Tensor of shape (n_members, n_tasks, n_experts, n_rows)
        The outputs of the gates.
    specific : sequence of Tensor of shape (n_members, n_specific, n_rows, width)
        The outputs of the experts of all tasks: one bank, or none.
    shared : sequence of Tensor of shape (n_members, n_shared, n_rows, width)
        The outputs of the shared experts: one bank, or none.
    own : Tensor of shape (n_tasks, n_specific, 1)
        1 if an expert belongs to the task, 0 if not: no gradient flows from a task to the experts
        of other tasks.

    Returns
    -------
    Tensor of shape (n_members, n_tasks, n_rows, width)
        The weighted sums.
    """
    banks = [bank.unsqueeze(1) for bank in (*specific, *shared)]
    if not specific:
        return mix(weights, *banks)
    of_specific, of_shared = weights.tensor_split([own.shape[1]], dim=2)
    trained = torch.cat([of_specific * own, of_shared], dim=2)
    return mix(trained, *banks) + mix(of_specific * (1 - own), banks[0].detach())


def _stacked(parts: list[Tensor]) -> Tensor:
    """Stack tensors (n_members, n_rows, width) along a new second axis, rows last in memory."""
    return torch.stack([part.mT for part in parts], dim=1).mT
