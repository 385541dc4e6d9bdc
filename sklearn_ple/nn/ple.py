"""Progressive Layered Extraction (Tang, Liu, Zhao, Gong: RecSys 2020)."""
# The hooks are documented in Body.
# ruff: noqa: D102

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, Unpack

import torch
from torch import Tensor, nn

from .body import Body
from .diagram import Block, Diagram, size
from .gates import ExpertNames, GateNames, Gates, mix, mix_all
from .gating import Gating
from .mlp import BatchedMLP
from .names import numbered, shared_gate_name, shared_names
from .towers import TowerOptions
from .widths import expert_widths


class ExtractionNetwork(Body):
    """Base of networks with levels of shared and task-specific experts below towers.

    A subclass makes its ``levels`` in ``__init__`` with `_make_levels`. Its ``_branches`` returns
    the inputs of the first level.
    """

    levels: Any

    def _make_levels(
        self,
        in_features: int,
        n_levels: int,
        n_shared: int,
        n_specific: int | Sequence[int],
        expert_hidden_units: Sequence[int] | Sequence[Sequence[int]],
        *,
        gating: Gating,
        branches_start: bool,
        **options: Any,
    ) -> list[ExtractionLevel]:
        """Make the levels and the towers; ``branches_start`` applies to the first level only."""
        if not isinstance(n_specific, Sequence):
            n_specific = [n_specific] * self.n_tasks
        if len(n_specific) != self.n_tasks:
            raise ValueError(
                f"n_specific_experts={n_specific} must have one entry for each of {self.n_tasks} "
                "tasks."
            )
        if n_shared + min(n_specific) == 0:
            raise ValueError(
                "n_shared_experts and n_specific_experts are both 0: a task needs at least one "
                "expert."
            )
        widths = expert_widths(expert_hidden_units, n_levels)
        self.gating = gating
        width, levels = in_features, []
        for level, hidden_units in enumerate(widths):
            levels.append(
                ExtractionLevel(
                    self,
                    width,
                    n_shared,
                    n_specific,
                    hidden_units,
                    gating=gating,
                    branches_start=branches_start and level == 0,
                    is_last=level == n_levels - 1,
                    **options,
                )
            )
            width = levels[-1].out_features
        self.towers = self.make_towers(width)
        return levels

    def _branches(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return the inputs of the tasks' branches and of the shared one at the first level."""
        return inputs, inputs

    def represent(self, inputs: Tensor) -> Tensor:
        task_branches, shared_branch = self._branches(inputs)
        for level in self.levels:
            task_branches, shared_branch = level(task_branches, shared_branch)
        return task_branches

    def penalty(self) -> Tensor | float:
        return self.gating.penalty(self, self.n_members)

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


class PLE(ExtractionNetwork):
    """Progressive Layered Extraction: levels of shared and task-specific experts, then towers.

    Experts are small networks. Each level has ``n_specific_experts`` experts for each task, and
    ``n_shared_experts`` shared ones. There is a branch for each task and a shared branch; at the
    first level all branches read the features. The experts and the gate of a task read the branch
    of the task. Its gate, a softmax, weighs its own experts and the shared ones. The shared
    experts and the shared gate read the shared branch, and the shared gate weighs all experts. The
    weighted sums are the inputs of the branches at the next level. The last level has no shared
    gate. A network with a single level is called Customized Gate Control (CGC).

    Parameters
    ----------
    in_features : int
        Number of input features.
    n_outputs : sequence of int
        Number of outputs of each task.
    n_levels : int, default=1
        Number of levels of experts.
    n_shared_experts : int, default=1
        Number of shared experts at each level. With 0, the networks of the tasks are independent.
    n_specific_experts : int or sequence of int, default=1
        Number of experts of each task at each level: the same for all tasks, or one number for
        each task.
    expert_hidden_units : sequence of int or of sequences of int, default=(64,)
        Widths of the layers of every expert, the same at all levels; or a sequence of widths for
        each level.
    linear_experts : bool, default=False
        Whether the last layer of every expert is linear, without an activation. Experts of one
        layer are then linear, and only the gates of a level are not.
    gate_hidden_units : sequence of int, default=()
        Widths of the hidden layers of every gate; empty for linear gates, as in the paper.
    gate : {"softmax", "dselect_k"}, default="softmax"
        Kind of gates: "softmax" weighs all experts, see `Gates`; "dselect_k" chooses k of them,
        see `DSelectKGates`.
    gate_k : int, default=2
        Number of experts that a DSelect-k gate chooses.
    gate_entropy : float, default=1e-3
        Factor of the penalty on the entropy of DSelect-k gates, see `Gating`.
    load_balancing : float, default=0.0
        Factor of the penalty on uneven use of the experts, see `Gating`.
    residual : bool, default=False
        Whether the input of a branch is added to its output, at levels where both have the same
        width. The paper has no such connections.
    n_added : int, default=0
        Number of tasks, the last ones, that were added to a network. The shared gates do not weigh
        their experts, so that the outputs of earlier tasks do not change.
    stop_gradient : bool, default=False
        Whether the gate of a task weighs the experts of all tasks, without a gradient to those of
        other tasks, as in `STEM`. Gradients still flow through the shared gates to all experts.
        This is not in the paper.
    **towers : TowerOptions
        ``tower_hidden_units``, ``activation``, ``dropout`` and ``n_members``, see `TowerOptions`.

    Raises
    ------
    ValueError
        If a task would have no expert, or an expert no layer; if ``n_specific_experts`` does not
        have one entry for each task; if the number of sequences of widths is not that of levels;
        if ``residual`` would have no effect; if the kind of gates is unknown.

    References
    ----------
    H. Tang, J. Liu, M. Zhao, X. Gong. "Progressive Layered Extraction (PLE): A Novel Multi-Task
    Learning (MTL) Model for Personalized Recommendations". RecSys 2020.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.nn import PLE
    >>> network = PLE(in_features=7, n_outputs=[1, 3], n_levels=2)
    >>> network(torch.zeros(10, 7)).shape
    torch.Size([10, 4])

    Five members of an ensemble, which are evaluated together:

    >>> network = PLE(in_features=7, n_outputs=[1, 3], n_members=5)
    >>> network(torch.zeros(5, 10, 7)).shape
    torch.Size([5, 10, 4])
    """

    def __init__(
        self,
        in_features: int,
        n_outputs: Sequence[int],
        *,
        n_levels: int = 1,
        n_shared_experts: int = 1,
        n_specific_experts: int | Sequence[int] = 1,
        expert_hidden_units: Sequence[int] | Sequence[Sequence[int]] = (64,),
        linear_experts: bool = False,
        gate_hidden_units: Sequence[int] = (),
        gate: str = "softmax",
        gate_k: int = 2,
        gate_entropy: float = 1e-3,
        load_balancing: float = 0.0,
        residual: bool = False,
        n_added: int = 0,
        stop_gradient: bool = False,
        **towers: Unpack[TowerOptions],
    ):
        super().__init__(n_outputs, **towers)
        levels = self._make_levels(
            in_features,
            n_levels,
            n_shared_experts,
            n_specific_experts,
            expert_hidden_units,
            linear_experts=linear_experts,
            gating=Gating(gate_hidden_units, gate, gate_k, gate_entropy, load_balancing),
            residual=residual,
            n_added=n_added,
            sees_all=stop_gradient,
            stop_gradient=stop_gradient,
            branches_start=True,
        )
        if residual and not any(level.residual for level in levels):
            raise ValueError(
                "residual=True has no effect, because no level puts out as many numbers as it "
                f"reads: the first level reads {in_features} features, and the experts put out "
                f"{' and '.join(str(level.out_features) for level in levels)} numbers. Use "
                "n_levels=2 or more with experts of the same width, or expert_hidden_units that "
                f"end with {in_features}, or residual=False."
            )
        self.levels = nn.ModuleList(levels)


class ExtractionLevel(nn.Module):
    """A level: banks of experts, a gate for each task and, except at the last, a shared gate.

    At the first level all branches of a member read the same features, which are passed once
    (``branches_start``). If the tasks have different numbers of experts, each has its own module
    of gates, unless each gate weighs the experts of all tasks (``sees_all``). With
    ``stop_gradient`` no gradient flows to the experts of other tasks. With ``gates_add_shared``
    the gate of a task reads the sum of its branch and the shared one. The shared gate weighs the
    shared experts and those of all tasks except for the last ``n_added``.
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
        linear_experts: bool,
        gating: Gating,
        branches_start: bool,
        is_last: bool,
        residual: bool = False,
        n_added: int = 0,
        sees_all: bool = False,
        stop_gradient: bool = False,
        gates_add_shared: bool = False,
    ):
        super().__init__()
        self.n_members = n_members = network.n_members
        self.n_tasks = n_tasks = network.n_tasks
        self.n_shared = n_shared
        self.n_specific = list(n_specific)
        self.branches_start = branches_start
        self.sees_all = sees_all
        self.gates_add_shared = gates_add_shared
        self.specific_experts = self.shared_experts = self.shared_gate = None
        self.is_even = len(set(n_specific)) == 1
        n_all = sum(n_specific)
        self.n_weighed = sum(n_specific[: n_tasks - n_added])

        def make_experts(n_inputs: int, n_each: int) -> BatchedMLP:
            return network.make_mlps(
                n_members * n_inputs,
                n_each,
                in_features,
                hidden_units,
                linear_output=linear_experts,
            )

        if n_all:
            # Experts that read the same input are a group.
            n_inputs = 1 if branches_start else n_tasks if self.is_even else n_all
            self.specific_experts = make_experts(n_inputs, n_all // n_inputs)
        if n_shared:
            self.shared_experts = make_experts(1, n_shared)

        def make_gates(groups: int, n_gates: int, n_experts: int) -> Gates:
            return gating.make(groups, n_gates, in_features, n_experts, network.activation)

        self.gates_alike = self.is_even or sees_all
        self.task_gates: Any = self._make_task_gates(make_gates)
        # Nothing reads the shared branch after the last level, or without shared experts.
        if n_shared and not is_last:
            self.shared_gate = make_gates(n_members, n_members, self.n_weighed + n_shared)
        self.out_features = hidden_units[-1]
        self.residual = residual and self.out_features == in_features
        own = None
        if stop_gradient:
            # Has a row for each task, which marks its own experts.
            owners = [k for k, n in enumerate(n_specific) for _ in range(n)]
            own = torch.tensor([[[float(k == owner)] for owner in owners] for k in range(n_tasks)])
        self.register_buffer("own", own, persistent=False)

    def _make_task_gates(self, make: Callable[[int, int, int], Gates]) -> nn.Module:
        """Make one module with the gates of all tasks, or one module for each task."""
        n_members, n_shared = self.n_members, self.n_shared
        if not self.gates_alike:
            return nn.ModuleList(make(n_members, n_members, n + n_shared) for n in self.n_specific)
        groups = n_members if self.branches_start else n_members * self.n_tasks
        n_seen = sum(self.n_specific) if self.sees_all else self.n_specific[0]
        return make(groups, n_members * self.n_tasks, n_seen + n_shared)

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
        if self.is_even or self.branches_start:
            return task_branches
        by_task = task_branches.unflatten(0, (self.n_members, -1)).unbind(1)
        times = zip(by_task, self.n_specific, strict=True)
        return _stacked([own for own, n in times for _ in range(n)]).flatten(0, 1)

    def _mixed(
        self, weights: list[Tensor], specific: list[Tensor], shared: list[Tensor]
    ) -> Tensor:
        """Sum the experts by the weights of the gates: (n_members, n_tasks, n_rows, width)."""
        if self.sees_all:
            return mix_all(weights[0], specific, shared, self.own)
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


def _stacked(parts: list[Tensor]) -> Tensor:
    """Stack tensors (n_members, n_rows, width) along a new second axis, rows last in memory."""
    return torch.stack([part.mT for part in parts], dim=1).mT
