"""Levels of Progressive Layered Extraction: shared and task-specific experts, and gates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

from .axes import ByTask
from .gates import mix
from .levels import Level, stack_rows_last
from .names import GateNames

if TYPE_CHECKING:
    from .ple import PLE


class ExtractionLevel(Level):
    """A level of `PLE`: a task's gate weighs its own experts and the shared ones.

    If the tasks have different numbers of experts, each has its own module of gates. The shared
    gate weighs the shared experts and those of the tasks that were not added.
    """

    def __init__(self, network: PLE, width: int, units: Sequence[int], is_last: bool):
        super().__init__(network, width, units)
        self._add_shared_experts(network, width, units)
        members, hidden = network.per_member(), network.gate_hidden_units
        n_shared = network.shared.n_each
        self.n_specific = [n for _, n in network.specific.runs]
        self.is_even = len(set(self.n_specific)) == 1
        if self.is_even:
            n_seen = self.n_specific[0] + n_shared
            self.task_gates: Any = network.make_gates(network.per_task(), width, n_seen, hidden)
        else:
            self.task_gates = ByTask(
                network.make_gates(members, width, n + n_shared, hidden) for n in self.n_specific
            )
        # Nothing reads the shared branch after the last level, or without shared experts.
        if n_shared and not is_last:
            self.shared_gate = network.make_gates(members, width, network.weighed, hidden)
        self.out_features = units[-1]
        self.residual = network.residual and self.out_features == width

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
        weights = self._weigh(task_branches)
        specific = self._evaluate_specific(task_branches)
        shared = self._evaluate_shared(shared_branch)
        if self.is_even:
            own = [bank.unflatten(1, (self.n_tasks, -1)) for bank in specific]
            outputs = mix(weights[0], *own, *(bank.unsqueeze(1) for bank in shared))
        else:
            pairs = zip(weights, specific[0].split(self.n_specific, dim=1), strict=True)
            outputs = stack_rows_last([mix(factors, own, *shared) for factors, own in pairs])
        if self.residual:
            outputs = outputs + task_branches.unflatten(0, (self.n_members, -1))
        if self.shared_gate is not None:
            shared_outputs = self._mix_shared(shared_branch, specific, shared)
            shared_branch = shared_outputs + shared_branch if self.residual else shared_outputs
        return outputs.flatten(0, 1), shared_branch

    def _weigh(self, task_branches: Tensor) -> list[Tensor]:
        """Compute the weights of the tasks' gates: one tensor for all, or one for each task."""
        if self.is_even:
            return [self.task_gates(task_branches).unflatten(0, (self.n_members, -1))]
        by_task = task_branches.unflatten(0, (self.n_members, -1))
        by_task = by_task.expand(-1, self.n_tasks, -1, -1).unbind(1)
        return [gates(own) for gates, own in zip(self.task_gates, by_task, strict=True)]

    def gate_names(self, tasks: Sequence[str]) -> list[GateNames]:
        """Name the gates and their experts."""
        seen = [self._names_of(tasks, {k, None}) for k in range(self.n_tasks)]
        if self.is_even:
            names = [GateNames(self.task_gates, list(tasks), seen)]
        else:
            by_task = zip(self.task_gates, tasks, seen, strict=True)
            names = [GateNames(gates, [task], [own]) for gates, task, own in by_task]
        return names + self._shared_gate_names(tasks)
