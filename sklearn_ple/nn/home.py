"""HoME: Hierarchy of Multi-gate Experts (Wang, Cao, Fu, Gai, Zhou: 2024)."""
# The hooks are documented in Body.
# ruff: noqa: D102

from collections.abc import Mapping, Sequence
from itertools import chain, pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .axes import Axes, Axis
from .body import Body
from .diagram import Diagram, count_for_one
from .dropout import MemberDropout
from .gates import mix
from .levels import ExpertNetwork, split_expert_widths
from .mlp import ACTIVATIONS, BatchedLinear
from .names import ExpertNames, GateNames, avoid_names, name_shared_gate, number_names


class HoME(ExpertNetwork):
    """Hierarchy of Multi-gate Experts: experts for groups of tasks, then for each task.

    An expert f has a feature gate in front, and normalises each layer:
    ``f(x) = silu(norm(W (x * 2 sigmoid(B A x)) + b))``, where ``A`` and ``B`` are of low rank.

    At the first level each group g of tasks has experts ``f_g``, and all groups share experts
    ``f_s``. The gate of a group weighs the group's experts and the shared ones. A second gate, the
    self gate, weighs the group's experts and adds them:
    ``z_g = sum_i softmax(W_g x)_i [f_g, f_s]_i(x) + sum_i self_g(x)_i f_gi(x)``. The shared vector
    ``z_s`` is computed in the same way from the experts of all groups and the shared ones, with a
    self gate on the shared ones. A self gate is a softmax, or a sigmoid for a single expert. Gates
    are linear, unless they have hidden layers.

    At the second level, the gate of task k in group g weighs three kinds of experts: those of the
    task and of its group, which read ``z_g``, and shared ones, which read ``z_s``. A self gate
    adds the task's own experts. Both gates read ``z_g`` and ``z_s`` side by side.

    The equations follow public re-implementations, with two differences from the paper:

    - The paper uses batch normalisation. Here each row is normalised by itself, over the units of
      a layer, so that its prediction does not depend on the other rows of the batch.
    - A feature gate is a single product of low rank, whereas the paper mixes several.

    Parameters
    ----------
    in_features : int
        Number of input features.
    n_outputs : sequence of int
        Number of outputs of each task.
    task_groups : mapping of str to sequence of int, optional
        Positions of the tasks in each group, by the name of the group. Every task must be in
        exactly one group. By default there is one group.
    n_shared_experts, n_group_experts, n_specific_experts : int, default=1
        Number of shared experts, of experts of each group, and of experts of each task. The first
        two numbers are those of each level; tasks have experts at the second level only.
    expert_hidden_units : sequence of int or of sequences of int, default=(64,)
        Widths of the layers of every expert, the same at both levels; or a sequence of widths for
        each of the two levels.
    gate_hidden_units : sequence of int, default=()
        Widths of the hidden layers of every gate except the self gates; empty for linear gates.
    feature_gate_rank : int, default=8
        Rank of the feature gates.
    **towers : object
        ``tower_hidden_units``, ``activation``, ``dropout`` and ``n_members``, see `Body`.
        The activation is "silu" by default.

    Raises
    ------
    ValueError
        If a task is in no group or in several; if an expert would have no layer; if there are
        sequences of widths, but not two.

    References
    ----------
    X. Wang, J. Cao, Z. Fu, K. Gai, G. Zhou. "HoME: Hierarchy of Multi-Gate Experts for Multi-Task
    Learning at Kuaishou". arXiv 2408.05430, 2024.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.nn import HoME
    >>> groups = {"classes": [1], "numbers": [0, 2]}
    >>> network = HoME(7, n_outputs=[1, 3, 1], task_groups=groups)
    >>> network(torch.zeros(10, 7)).shape
    torch.Size([10, 5])
    """

    def __init__(
        self,
        in_features: int,
        n_outputs: Sequence[int],
        *,
        task_groups: Mapping[str, Sequence[int]] | None = None,
        n_shared_experts: int = 1,
        n_group_experts: int = 1,
        n_specific_experts: int = 1,
        expert_hidden_units: Sequence[int] | Sequence[Sequence[int]] = (64,),
        gate_hidden_units: Sequence[int] = (),
        feature_gate_rank: int = 8,
        **towers: Any,
    ):
        super().__init__(n_outputs, **({"activation": "silu"} | towers))
        groups = task_groups or {"all tasks": range(self.n_tasks)}
        self.group_names, self.group_of = list(groups), _find_groups(groups, self.n_tasks)
        self.register_buffer("_group_of", torch.tensor(self.group_of), persistent=False)
        lower_units, upper_units = split_expert_widths(expert_hidden_units, 2)
        self.n_shared, self.n_of_group = n_shared_experts, n_group_experts
        self.n_specific = n_specific_experts
        width, rank, hidden = lower_units[-1], feature_gate_rank, gate_hidden_units
        n_all, n_seen = len(groups) * n_group_experts, n_group_experts + n_shared_experts
        n_every = n_all + n_shared_experts
        members, of_groups = self.per_member(), self.per_member(len(groups))
        # The experts of the groups, then the shared ones; all read the features.
        every = self.per_member(n_every)
        self.meta_experts = GatedExperts(self, every, in_features, lower_units, rank)
        self.group_gates = self.make_gates(of_groups, in_features, n_seen, hidden_units=hidden)
        self.shared_gate = self.make_gates(members, in_features, n_every, hidden_units=hidden)
        self.group_self_gates = BatchedLinear(of_groups, in_features, n_group_experts, bias=False)
        self.shared_self_gate = BatchedLinear(members, in_features, n_shared_experts, bias=False)

        self.specific_experts, self.group_experts, self.shared_experts = (
            GatedExperts(self, experts, width, upper_units, rank)
            for experts in (
                self.per_task(n_specific_experts),
                self.per_member(n_all),
                self.per_member(n_shared_experts),
            )
        )
        tasks, n_of_task = self.per_task(), n_specific_experts
        self.task_gates = self.make_gates(
            tasks, 2 * width, n_of_task + n_seen, hidden_units=hidden
        )
        self.task_self_gates = BatchedLinear(tasks, 2 * width, n_of_task, bias=False)
        self.towers = self.make_towers(upper_units[-1])

    def represent(self, inputs: Tensor) -> Tensor:
        n_members, n_groups, n_tasks = self.n_members, len(self.group_names), self.n_tasks

        def split(tensor: Tensor, *axes: int) -> Tensor:
            return tensor.unflatten(0, (n_members, *axes, -1))

        every = split(self.meta_experts(inputs))
        own, shared = every.tensor_split([n_groups * self.n_of_group], dim=1)
        own = own.unflatten(1, (n_groups, -1))
        # of_groups: (n_members, n_groups, n_rows, width); of_all: (n_members, n_rows, width)
        of_groups = mix(split(self.group_gates(inputs)), own, shared.unsqueeze(1))
        of_groups = of_groups + mix(split(_weigh_own(self.group_self_gates, inputs)), own)
        of_all = mix(self.shared_gate(inputs), every)
        of_all = of_all + mix(_weigh_own(self.shared_self_gate, inputs), shared)

        group_of: Any = self._group_of
        of_tasks = of_groups[:, group_of]
        own = split(self.specific_experts(of_tasks.flatten(0, 1)), n_tasks)
        group = split(self.group_experts(of_groups.flatten(0, 1)), n_groups)[:, group_of]
        shared = split(self.shared_experts(of_all), 1)
        read = torch.cat([of_tasks.flatten(0, 1), self.for_each_task(of_all)], dim=-1)
        mixed = mix(split(self.task_gates(read)), own, group, shared)
        return (mixed + mix(split(_weigh_own(self.task_self_gates, read)), own)).flatten(0, 1)

    def _make_names(
        self, tasks: Sequence[str]
    ) -> tuple[list[str], list[list[str]], list[str], str]:
        """Name the groups, the experts of each, the shared experts, and the shared gate."""
        groups = [avoid_names(name, tasks, "group") for name in self.group_names]
        taken = [*tasks, *groups]
        shared = number_names(avoid_names("shared", taken, "all tasks"), self.n_shared)
        by_group = [number_names(name, self.n_of_group) for name in groups]
        return groups, by_group, shared, name_shared_gate(taken)

    def expert_names(self, tasks: Sequence[str]) -> list[list[ExpertNames]]:
        groups, by_group, shared, gate = self._make_names(tasks)
        own = [name for task in tasks for name in number_names(task, self.n_specific)]
        of_groups = [*chain(*by_group)]
        read_by_own = [groups[g] for g in self.group_of for _ in range(self.n_specific)]
        read_by_groups = [group for group in groups for _ in range(self.n_of_group)]
        return [
            [ExpertNames(self.meta_experts, of_groups + shared)],
            [
                ExpertNames(self.specific_experts, own, read_by_own),
                ExpertNames(self.group_experts, of_groups, read_by_groups),
                ExpertNames(self.shared_experts, shared, [gate] * self.n_shared),
            ],
        ]

    def gate_names(self, tasks: Sequence[str]) -> list[list[GateNames]]:
        groups, by_group, shared, gate = self._make_names(tasks)
        own = [number_names(task, self.n_specific) for task in tasks]
        of_groups = [[*group, *shared] for group in by_group]
        of_tasks = [[*mine, *of_groups[g]] for mine, g in zip(own, self.group_of, strict=True)]
        every = [*chain(*by_group), *shared]
        # The self gates, which have no names, read the own experts beside these gates.
        return [
            [
                GateNames(self.group_gates, groups, of_groups, frozenset(chain(*by_group))),
                GateNames(self.shared_gate, [gate], [every], frozenset(shared)),
            ],
            [GateNames(self.task_gates, list(tasks), of_tasks, frozenset(chain(*own)))],
        ]

    def diagram(self, tasks: Sequence[str]) -> Diagram:
        rows, read = super().diagram(tasks)
        layers = self.group_self_gates, self.shared_self_gate, self.task_self_gates
        for gates, layer in zip([rows[1][:-1], rows[1][-1:], rows[3]], layers, strict=True):
            for gate in gates:
                gate.n_parameters += count_for_one(layer.parameters(), len(layer.axis))
        return rows, read


def _find_groups(groups: Mapping[str, Sequence[int]], n_tasks: int) -> list[int]:
    """Return the position of each task's group, after a check that it has exactly one."""
    if sorted(chain(*groups.values())) != list(range(n_tasks)):
        raise ValueError(
            f"task_groups={groups} must contain each of {n_tasks} tasks exactly once."
        )
    return [
        next(g for g, tasks in enumerate(groups.values()) if k in tasks) for k in range(n_tasks)
    ]


class GatedExperts(nn.Module):
    """Experts of the same shape, each with a gate on its features and with normalised layers.

    If there are fewer inputs than experts, each is read by several adjacent experts.
    """

    def __init__(self, network: Body, experts: Axis, width: int, units: Sequence[int], rank: int):
        super().__init__()
        self.axis = experts
        self.down = BatchedLinear(experts, width, rank, bias=False)
        self.up = BatchedLinear(experts, rank, width, bias=False)
        widths = pairwise([width, *units])
        self.layers: Any = nn.ModuleList(BatchedLinear(experts, *both) for both in widths)
        self.norm_scales, self.norm_shifts = (
            nn.ParameterList(torch.full((len(experts), 1, n), start) for n in units)
            for start in (1.0, 0.0)
        )
        self.activation = ACTIVATIONS[network.activation]()
        self.dropout = MemberDropout(network.dropout)

    def declare_axes(self) -> dict[str, Axes]:
        """Declare the axes of the parameters; see `sklearn_ple.nn.Body.declare_axes`.

        Returns
        -------
        dict of str to tuple of (Axis or None)
            The axes, by name.
        """
        names = [name for name, _ in self.named_parameters() if name.startswith("norm_")]
        return dict.fromkeys(names, (self.axis, None, None))

    def forward(self, inputs: Tensor) -> Tensor:
        """Map inputs (n_inputs, n_rows, in_features) to outputs (n_experts, n_rows, width)."""
        factors = 2 * torch.sigmoid(self.up(self.down(inputs)))
        hidden = inputs.repeat_interleave(len(self.axis) // len(inputs), dim=0) * factors
        steps = zip(self.layers, self.norm_scales, self.norm_shifts, strict=True)
        for layer, scale, shift in steps:
            normal = F.layer_norm(layer(hidden), (layer.out_features,))
            hidden = self.activation(torch.addcmul(shift, normal, scale))
            hidden = self.dropout(hidden)
        return hidden


def _weigh_own(self_gates: nn.Module, inputs: Tensor) -> Tensor:
    """Compute the weights of the own experts, of shape (n_gates, n_experts, n_rows)."""
    logits = self_gates(inputs).mT
    return logits.softmax(dim=1) if logits.shape[1] > 1 else torch.sigmoid(logits)
