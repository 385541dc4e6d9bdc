"""Adaptive Task-to-Task Fusion (Li et al., KDD 2023): each task reads the experts of all tasks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .axes import Axes, Axis
from .body import Body
from .diagram import Block, size
from .gates import Gates, mix
from .levels import LevelNetwork
from .names import ExpertNames, GateNames, numbered, shared_gate_name, shared_names
from .towers import TowerOptions
from .widths import expert_widths


class AdaTT(LevelNetwork):
    """Adaptive Task-to-Task Fusion: gates over the experts of all tasks, plus the own experts.

    At each level task t has ``n_specific_experts`` experts E_t and a fusion unit. Its experts read
    the output of its fusion unit at the level below. The output of the unit is
    ``(G_t + pad(v_t))^T E``, the sum of two parts:

    - the experts E of all tasks, weighed by a softmax gate G_t, which reads the same as the task's
      experts;
    - the task's own experts, weighed by learnt numbers v_t, which are the same for all rows.

    Shared experts, if there are any, have a unit of the same kind, except at the last level.

    As in the authors' code (github.com/facebookresearch/AdaTT), v_t is drawn uniformly between
    ``-1 / sqrt(n)`` and ``1 / sqrt(n)`` for n experts, and is 1 for a single expert. Unlike there,
    gates have no bias here.

    Parameters
    ----------
    in_features : int
        Number of input features.
    n_outputs : sequence of int
        Number of outputs of each task.
    n_levels : int, default=1
        Number of levels of experts and fusion units.
    n_shared_experts : int, default=0
        Number of shared experts at each level; 0 is the paper's AdaTT-sp.
    n_specific_experts : int, default=1
        Number of experts of each task at each level.
    expert_hidden_units : sequence of int or of sequences of int, default=(64,)
        Widths of the layers of every expert, the same at all levels; or a sequence of widths for
        each level.
    gate_hidden_units : sequence of int, default=()
        Widths of the hidden layers of every gate; empty for linear gates, as in the paper.
    n_added : int, default=0
        Number of tasks, the last ones, that were added to a network. The gates of earlier tasks do
        not weigh their experts, so that the outputs of earlier tasks do not change.
    **towers : TowerOptions
        ``tower_hidden_units``, ``activation``, ``dropout`` and ``n_members``, see `TowerOptions`.

    Raises
    ------
    ValueError
        If a task would have no expert, or an expert no layer; if the number of sequences of widths
        is not that of levels.

    References
    ----------
    D. Li, Z. Zhang, S. Yuan, M. Gao, W. Zhang, C. Yang, X. Liu, J. Yang. "AdaTT: Adaptive
    Task-to-Task Fusion Network for Multitask Learning in Recommendations". KDD 2023.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.nn import AdaTT
    >>> network = AdaTT(in_features=7, n_outputs=[1, 3], n_levels=2)
    >>> network(torch.zeros(10, 7)).shape
    torch.Size([10, 4])
    """

    def __init__(
        self,
        in_features: int,
        n_outputs: Sequence[int],
        *,
        n_levels: int = 1,
        n_shared_experts: int = 0,
        n_specific_experts: int = 1,
        expert_hidden_units: Sequence[int] | Sequence[Sequence[int]] = (64,),
        gate_hidden_units: Sequence[int] = (),
        n_added: int = 0,
        **towers: Unpack[TowerOptions],
    ):
        super().__init__(n_outputs, **towers)
        if not n_specific_experts:
            raise ValueError("n_specific_experts is 0: each task needs at least one expert.")
        widths = expert_widths(expert_hidden_units, n_levels)
        width, levels = in_features, []
        for level, hidden_units in enumerate(widths):
            levels.append(
                FusionLevel(
                    self,
                    width,
                    n_shared_experts,
                    n_specific_experts,
                    hidden_units,
                    gate_hidden_units,
                    n_added=n_added,
                    is_last=level == n_levels - 1,
                )
            )
            width = hidden_units[-1]
        self.levels = nn.ModuleList(levels)
        self.towers = self.make_towers(width)


class FusionLevel(nn.Module):
    """A level: the experts of each task, the shared experts, and the units that fuse them.

    The last level has no unit for the shared experts, since nothing would read it.
    """

    def __init__(
        self,
        network: Body,
        in_features: int,
        n_shared: int,
        n_specific: int,
        hidden_units: Sequence[int],
        gate_hidden_units: Sequence[int],
        *,
        n_added: int,
        is_last: bool,
    ):
        super().__init__()
        self.n_members = n_members = network.n_members
        self.n_tasks = n_tasks = network.n_tasks
        self.n_shared, self.n_specific = n_shared, n_specific
        # Which units read which experts: first the shared ones, then each task's.
        n_first = n_tasks - n_added
        by_task = torch.ones(n_tasks + 1, n_tasks, dtype=torch.bool).tril()
        by_task[:, :n_first] = True
        by_task[-1, n_first:] = False
        read = F.pad(by_task.repeat_interleave(n_specific, dim=1), (n_shared, 0), value=True)
        specific, shared = network.per_task(n_specific), network.per_member(n_shared)
        experts = Axis((*shared.runs, *specific.runs))

        def make_gates(gates: Axis, read: Tensor) -> FusionGates:
            return FusionGates(
                gates,
                in_features,
                experts,
                read if n_added else None,
                hidden_units=gate_hidden_units,
                activation=network.activation,
            )

        self.specific_experts = network.make_mlps(specific, in_features, hidden_units)
        self.task_gates = make_gates(network.per_task(), read[:-1])
        self.task_residual = _residual(n_members, n_tasks, n_specific)
        self.shared_experts = self.shared_gate = self.shared_residual = None
        if n_shared:
            self.shared_experts = network.make_mlps(shared, in_features, hidden_units)
            if not is_last:
                self.shared_gate = make_gates(network.per_member(), read[-1:])
                self.shared_residual = _residual(n_members, 1, n_shared)

    def declare_axes(self) -> dict[str, Axes]:
        """Declare the axes of the parameters; see `sklearn_ple.nn.Body.declare_axes`.

        Returns
        -------
        dict of str to tuple of (Axis or None)
            The axes, by name.
        """
        members = Axis(n_members=self.n_members)
        axes: dict[str, Axes] = {
            "task_residual": (members, Axis.of_tasks(self.n_tasks), None),
            "shared_residual": (members, None, None),
        }
        return {name: own for name, own in axes.items() if getattr(self, name) is not None}

    def forward(self, tasks: Tensor, shared: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the outputs of the units from their inputs.

        Parameters
        ----------
        tasks : Tensor of shape (n_members * n_tasks, n_rows, in_features)
            Input of each task's unit; at the first level the first axis has length n_members.
        shared : Tensor of shape (n_members, n_rows, in_features)
            Input of the shared experts.

        Returns
        -------
        tuple of Tensors of shapes (n_members * n_tasks, n_rows, width), (n_members, n_rows, width)
            Outputs of the units. If there is no shared unit, the second is ``shared`` unchanged.
        """
        # (n_members, 1, n_experts, n_rows, width): all units read these.
        banks = [self.specific_experts(tasks).unflatten(0, (self.n_members, 1, -1))]
        if self.shared_experts is not None:
            banks.insert(0, self.shared_experts(shared).unflatten(0, (self.n_members, 1, -1)))
        gates = self.task_gates(tasks).unflatten(0, (self.n_members, -1))
        # pad(v): zero except for the task's own experts.
        residual = _in_place(self.task_residual, self.n_tasks, self.n_specific, gates)
        residual = F.pad(residual, (self.n_shared, 0)).unsqueeze(-1)
        outputs = mix(gates + residual, *banks).flatten(0, 1)
        if self.shared_gate is None:
            return outputs, shared
        gates = self.shared_gate(shared).unsqueeze(1)
        residual = _in_place(self.shared_residual, 1, self.n_shared, gates)
        residual = F.pad(residual, (0, self.n_tasks * self.n_specific)).unsqueeze(-1)
        return outputs, mix(gates + residual, *banks).squeeze(1)

    def expert_names(self, tasks: Sequence[str]) -> list[ExpertNames]:
        """Name the experts of both banks."""
        own, shared = self._own_names(tasks), shared_names(self.n_shared, tasks)
        banks = [(self.shared_experts, shared), (self.specific_experts, own)]
        return [ExpertNames(bank, names) for bank, names in banks if bank is not None]

    def gate_names(self, tasks: Sequence[str]) -> list[GateNames]:
        """Name the gates and their experts."""
        own, shared = self._own_names(tasks), shared_names(self.n_shared, tasks)
        experts, gates = [*shared, *own], list(tasks)
        names = [GateNames(self.task_gates, gates, [experts] * self.n_tasks, frozenset(own))]
        if self.shared_gate is not None:
            gates = [shared_gate_name(tasks)]
            names.append(GateNames(self.shared_gate, gates, [experts], frozenset(shared)))
        return names

    def _own_names(self, tasks: Sequence[str]) -> list[str]:
        """Name the tasks' own experts."""
        return [expert for task in tasks for expert in numbered(task, self.n_specific)]

    def diagram(
        self, tasks: Sequence[str], task_branches: list[list[Block]], shared_branch: list[Block]
    ) -> tuple[list[Block], list[Block]]:
        """Describe the experts and units, given the blocks that the branches read."""
        (names, *_) = self.gate_names(tasks)
        owners: list[int | None] = [
            *[None] * self.n_shared,
            *(k for k in range(self.n_tasks) for _ in range(self.n_specific)),
        ]
        # All experts of a level have the same size.
        banks = [bank for bank in (self.specific_experts, self.shared_experts) if bank is not None]
        parameters = [parameter for bank in banks for parameter in bank.parameters()]
        n = size(parameters, self.n_members * len(owners))
        experts = [
            Block("expert", name, k, n, shared_branch if k is None else task_branches[k])
            for name, k in zip(names.experts[0], owners, strict=True)
        ]
        residual = 0 if self.task_residual is None else self.n_specific
        n = size(self.task_gates.parameters(), self.n_members * self.n_tasks) + residual
        units = [Block("gate", task, k, n, experts) for k, task in enumerate(tasks)]
        if self.shared_gate is not None:
            residual = 0 if self.shared_residual is None else self.n_shared
            n = size(self.shared_gate.parameters(), self.n_members) + residual
            units.append(Block("gate", shared_gate_name(tasks), None, n, experts))
        return experts, units


class FusionGates(Gates):
    """Gates that weigh only some experts.

    ``weighed`` has a row for each gate of a member: whether it weighs each expert. With None, all
    gates weigh all experts.
    """

    weighed: Tensor | None

    def __init__(
        self,
        gates: Axis,
        in_features: int,
        experts: Axis,
        weighed: Tensor | None,
        **options: Any,
    ):
        super().__init__(gates, in_features, experts, **options)
        every = None if weighed is None else weighed.repeat(gates.n_members, 1).unsqueeze(-1)
        self.register_buffer("weighed", every, persistent=False)

    def _compute_logits(self, branches: Tensor) -> Tensor:
        """Compute the logits, which are -inf for experts that are not weighed."""
        logits = super()._compute_logits(branches)
        return logits if self.weighed is None else logits.masked_fill(~self.weighed, -torch.inf)


def _residual(n_members: int, n_units: int, n_each: int) -> nn.Parameter | None:
    """Draw the weights v of the own experts; None for a single expert, whose weight is 1."""
    if n_each == 1:
        return None
    bound = 1 / math.sqrt(n_each)
    return nn.Parameter(torch.empty(n_members, n_units, n_each).uniform_(-bound, bound))


def _in_place(residual: Tensor | None, n_units: int, n_each: int, like: Tensor) -> Tensor:
    """Pad the weights of the own experts with zeros, to (n_members, n_units, n_experts)."""
    places = torch.eye(n_units, dtype=like.dtype, device=like.device)
    own = places.new_ones(1, n_units, n_each) if residual is None else residual
    return (places.unsqueeze(-1) * own.unsqueeze(2)).flatten(2)
