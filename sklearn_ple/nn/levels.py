"""Levels of experts and gates, and the base class of the networks that consist of them."""
# The hooks are documented in Body.
# ruff: noqa: D102

from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Unpack

import torch
from torch import Tensor, nn

from .axes import Axis
from .body import Body, TowerOptions
from .diagram import Diagram, Node
from .gates import Gates, mix
from .mlp import BatchedMLP
from .names import ExpertNames, GateNames, name_experts, name_shared_gate


class Level(nn.Module):
    """A level: experts of each task and shared ones, and gates.

    From the inputs of the tasks' branches and of the shared one, it computes those of the next
    level. A subclass makes the gates, and defines ``forward`` and ``gate_names``.

    Parameters
    ----------
    network : LevelNetwork
        The network.
    width : int
        Width of the input of each branch.
    units : sequence of int
        Widths of the experts' layers.

    Attributes
    ----------
    specific_experts, shared_experts : BatchedMLP or None
        The experts of the tasks, and those that they share; None if there are none.
    shared_gate : Gates or None
        The gate whose output is the shared branch of the next level, if there is one.
    """

    specific_experts: BatchedMLP | None
    shared_experts: BatchedMLP | None
    shared_gate: Gates | None

    def __init__(self, network: "LevelNetwork", width: int, units: Sequence[int]):
        super().__init__()
        self.n_members, self.n_tasks = network.n_members, network.n_tasks
        self.specific_experts = self.shared_experts = self.shared_gate = None
        if len(network.specific):
            self.specific_experts = network.make_mlps(network.specific, width, units)

    def _add_shared_experts(
        self, network: "LevelNetwork", width: int, units: Sequence[int]
    ) -> None:
        """Make the shared experts, if there are any."""
        if len(network.shared):
            self.shared_experts = network.make_mlps(network.shared, width, units)

    def _evaluate_specific(self, branches: Tensor) -> list[Tensor]:
        """Evaluate the tasks' own experts: one bank (n_members, n_experts, n_rows, width) or none.

        The branches of the tasks have the shape (n_members * n_tasks, n_rows, in_features), or
        (n_members, n_rows, in_features) if all tasks read the same.
        """
        if self.specific_experts is None:
            return []
        numbers = [n for _, n in self.specific_experts.axis.runs]
        if len(set(numbers)) > 1 and len(branches) > self.n_members:
            by_task = branches.unflatten(0, (self.n_members, -1)).unbind(1)
            times = zip(by_task, numbers, strict=True)
            branches = stack_rows_last([branch for branch, n in times for _ in range(n)]).flatten(
                0, 1
            )
        return [self.specific_experts(branches).unflatten(0, (self.n_members, -1))]

    def _evaluate_shared(self, branch: Tensor) -> list[Tensor]:
        """Evaluate the shared experts: one bank (n_members, n_experts, n_rows, width) or none."""
        if self.shared_experts is None:
            return []
        return [self.shared_experts(branch).unflatten(0, (self.n_members, -1))]

    def _mix_shared(
        self, branch: Tensor, specific: Sequence[Tensor], shared: Sequence[Tensor]
    ) -> Tensor:
        """Sum the experts that the shared gate weighs: (n_members, n_rows, width)."""
        assert self.shared_gate is not None
        n_specific = sum(n for task, n in self.shared_gate.experts.runs if task is not None)
        weighed = [bank[:, :n_specific] for bank in specific if n_specific]
        return mix(self.shared_gate(branch), *weighed, *shared)

    def expert_names(self, tasks: Sequence[str]) -> list[ExpertNames]:
        """Name the experts of both banks, and the gates whose outputs they read."""
        names, gate = [], name_shared_gate(tasks)
        for bank in (self.specific_experts, self.shared_experts):
            if bank is not None:
                owners = bank.axis.owners
                read = [gate if owner is None else tasks[owner] for owner in owners]
                names.append(ExpertNames(bank, name_experts(owners, tasks), read))
        return names

    def _names_of(self, tasks: Sequence[str], owners: Collection[int | None]) -> list[str]:
        """Return the names of the experts of some owners, in the order of `expert_names`."""
        return [
            name
            for bank in self.expert_names(tasks)
            for owner, name in zip(bank.module.axis.owners, bank.names, strict=True)
            if owner in owners
        ]

    def _shared_gate_names(self, tasks: Sequence[str]) -> list[GateNames]:
        """Name the shared gate and its experts, if there is one."""
        if self.shared_gate is None:
            return []
        experts = self._names_of(tasks, self.shared_gate.experts.owners)
        return [GateNames(self.shared_gate, [name_shared_gate(tasks)], [experts])]


class ExpertNetwork(Body):
    """Base of networks with levels of experts and gates, which have names.

    A subclass defines `expert_names` and `gate_names`. The diagram follows from them.
    """

    @abstractmethod
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

    @abstractmethod
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

    def diagram(self, tasks: Sequence[str]) -> Diagram:
        rows: list[list[Node]] = []
        below: dict[str, Node] = {}
        levels = zip(self.expert_names(tasks), self.gate_names(tasks), strict=True)
        for banks, gates in levels:
            experts = {node.name: node for bank in banks for node in bank.describe(below)}
            below = {node.name: node for names in gates for node in names.describe(experts)}
            for position, task in enumerate(tasks):
                if task in below:
                    below[task].task = position
            rows += [[*experts.values()], [*below.values()]]
        # A tower without a gate of its own reads the first gate of the last level.
        shared, *_ = below.values()
        return rows, [[below.get(task, shared)] for task in tasks]


class LevelNetwork(ExpertNetwork):
    """Base of networks of levels with a branch for each task and a shared one.

    A subclass makes the levels and the towers by `_make_levels`. The towers read the branches of
    the tasks.

    Parameters
    ----------
    n_outputs : sequence of int
        Number of outputs of each task.
    n_specific : int or sequence of int
        Number of experts of each task, the same at all levels.
    n_shared : int
        Number of shared experts at each level.
    n_added : int
        Number of tasks, the last ones, that were added to a network.
    **options : object
        Options of `Body`.

    Attributes
    ----------
    specific, shared : Axis
        The experts of the tasks, and those that they share, at each level.
    n_earlier : int
        Number of tasks that were not added.
    weighed : Axis
        The experts of these tasks, and the shared ones.
    levels : ModuleList
        The levels, from the features up.

    Raises
    ------
    ValueError
        If there is not one number of experts for each task, or if a task has no expert.
    """

    def __init__(
        self,
        n_outputs: Sequence[int],
        n_specific: int | Sequence[int],
        n_shared: int,
        n_added: int,
        **options: Unpack[TowerOptions],
    ):
        super().__init__(n_outputs, **options)
        numbers = n_specific if isinstance(n_specific, Sequence) else [n_specific] * self.n_tasks
        if len(numbers) != self.n_tasks:
            raise ValueError(
                f"n_specific_experts={n_specific} must have one entry for each of {self.n_tasks} "
                "tasks."
            )
        if n_shared + min(numbers) == 0:
            raise ValueError(
                "n_shared_experts and n_specific_experts are both 0: a task needs at least one "
                "expert."
            )
        self.specific, self.shared = self.per_task(numbers), self.per_member(n_shared)
        self.n_earlier = self.n_tasks - n_added
        self.weighed = Axis((*self.specific.runs[: self.n_earlier], *self.shared.runs))
        self.has_one_expert = self.specific.n_each == 0 and self.shared.n_each == 1
        self.levels: Any = nn.ModuleList()

    def _make_levels(
        self,
        make: Callable[..., Level],
        in_features: int,
        n_levels: int,
        hidden_units: Sequence[int] | Sequence[Sequence[int]],
    ) -> None:
        """Make the levels, given the widths of the experts' layers, and the towers."""
        width, widths = in_features, split_expert_widths(hidden_units, n_levels)
        for depth, units in enumerate(widths, start=1):
            self.levels.append(make(self, width, units, depth == n_levels))
            width = units[-1]
        # With a single expert all tasks read the same.
        self.towers = self.make_towers(width, shared=self.has_one_expert)

    def represent(self, inputs: Tensor) -> Tensor:
        task_branches = shared_branch = inputs
        for level in self.levels:
            task_branches, shared_branch = level(task_branches, shared_branch)
        return task_branches

    def expert_names(self, tasks: Sequence[str]) -> list[list[ExpertNames]]:
        return [level.expert_names(tasks) for level in self.levels]

    def gate_names(self, tasks: Sequence[str]) -> list[list[GateNames]]:
        return [level.gate_names(tasks) for level in self.levels]


def stack_rows_last(parts: list[Tensor]) -> Tensor:
    """Stack tensors (n_members, n_rows, width) along a new second axis, rows last in memory."""
    return torch.stack([part.mT for part in parts], dim=1).mT


def split_widths(hidden_units: Sequence[Any], n_levels: int) -> list[tuple[int, ...]]:
    """Return the widths of the experts' layers at each level.

    Parameters
    ----------
    hidden_units : sequence of int or of sequences of int
        The widths, the same at all levels; or a sequence of widths for each level.
    n_levels : int
        Number of levels.

    Returns
    -------
    list of tuple of int
        The widths of each level, from the features up.

    Raises
    ------
    ValueError
        If widths and sequences of widths are mixed, or if the number of sequences is not that of
        levels.
    """
    by_level = [tuple(widths) for widths in hidden_units if isinstance(widths, Iterable)]
    if not by_level:
        return [tuple(hidden_units)] * n_levels
    if len(by_level) < len(hidden_units):
        raise ValueError(
            f"expert_hidden_units={hidden_units} mixes widths and sequences of widths: pass the "
            "widths for all levels, such as (64, 32), or a sequence for each level, such as "
            "((64, 32), (16,))."
        )
    if len(by_level) != n_levels:
        raise ValueError(
            f"expert_hidden_units={hidden_units} holds {len(by_level)} sequences of widths, one "
            f"for each level, but n_levels is {n_levels}."
        )
    return by_level


def split_expert_widths(hidden_units: Sequence[Any], n_levels: int) -> list[tuple[int, ...]]:
    """Return the widths of `split_widths`, and check that each expert has a layer.

    Raises
    ------
    ValueError
        If an expert would have no layer, or if `split_widths` raises it.
    """
    widths = split_widths(hidden_units, n_levels)
    if not all(widths):
        raise ValueError("expert_hidden_units is empty: an expert needs at least one layer.")
    return widths
