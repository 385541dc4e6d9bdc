"""The base class of networks with levels of experts."""
# The hooks are documented in Body.
# ruff: noqa: D102

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from .body import Body
from .diagram import Block, Diagram
from .names import ExpertNames, GateNames


class LevelNetwork(Body):
    """Base of networks with levels of experts, with a branch for each task and a shared one.

    A subclass makes the levels in ``__init__``. From the inputs of the branches, a level computes
    those of the next level; the towers read the branches of the tasks. A level has the methods
    `expert_names`, `gate_names` and `diagram`, too.

    Attributes
    ----------
    levels : ModuleList
        The levels, from the features up.
    """

    levels: Any

    def _branches(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return the inputs of the tasks' branches and of the shared one at the first level."""
        return inputs, inputs

    def represent(self, inputs: Tensor) -> Tensor:
        task_branches, shared_branch = self._branches(inputs)
        for level in self.levels:
            task_branches, shared_branch = level(task_branches, shared_branch)
        return task_branches

    def diagram(self, tasks: Sequence[str]) -> Diagram:
        rows: list[list[Block]] = []
        task_branches: list[list[Block]] = [[] for _ in tasks]
        shared_branch: list[Block] = []
        for level in self.levels:
            experts, gates = level.diagram(tasks, task_branches, shared_branch)
            rows += [experts, gates]
            task_branches = [[gate] for gate in gates[: len(tasks)]]
            shared_branch = gates[len(tasks) :]
        return rows, task_branches

    def expert_names(self, tasks: Sequence[str]) -> list[list[ExpertNames]]:
        """Name the experts.

        Parameters
        ----------
        tasks : sequence of str
            Names of the tasks.

        Returns
        -------
        list of list of ExpertNames
            For each level the banks of experts, with the names of one member's experts.
        """
        return [level.expert_names(tasks) for level in self.levels]

    def gate_names(self, tasks: Sequence[str]) -> list[list[GateNames]]:
        """Name the gates and their experts.

        Parameters
        ----------
        tasks : sequence of str
            Names of the tasks.

        Returns
        -------
        list of list of GateNames
            For each level the modules of gates, with the names of the gates and of the experts
            that each gate weighs.
        """
        return [level.gate_names(tasks) for level in self.levels]
