"""HoME (Wang, Cao, Fu, Gai, Zhou: 2024), after public re-implementations."""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

from sklearn_ple.base import MultiTaskEstimator, parameter, with_parameters
from sklearn_ple.nn import ACTIVATIONS, BatchedLinear, Body, MemberDropout, mix


class HoME(Body):
    """Experts of groups of tasks, and above them experts of each task."""

    def __init__(
        self,
        in_features,
        n_outputs,
        *,
        group_of=None,
        n_shared_experts=1,
        n_group_experts=1,
        n_specific_experts=1,
        expert_hidden_units=(64,),
        gate_hidden_units=(),
        feature_gate_rank=8,
        **towers,
    ):
        super().__init__(n_outputs, **towers)
        # The position of each task's group.
        group_of = group_of or [0] * self.n_tasks
        self.n_groups = max(group_of) + 1
        group_of = torch.tensor(group_of)
        self.register_buffer("group_of", group_of, persistent=False)
        width = expert_hidden_units[-1]

        def experts(axis, in_features):
            sizes = in_features, expert_hidden_units, feature_gate_rank
            return GatedExperts(self, axis, *sizes)

        def gates(axis, in_features, n):
            hidden = gate_hidden_units
            return self.make_gates(axis, in_features, n, hidden_units=hidden)

        n_of_groups = self.n_groups * n_group_experts
        n_seen = n_group_experts + n_shared_experts
        n_every = n_of_groups + n_shared_experts
        one, groups = self.per_member(), self.per_member(self.n_groups)
        # First those of the groups, then the shared ones.
        self.meta_experts = experts(self.per_member(n_every), in_features)
        self.group_gates = gates(groups, in_features, n_seen)
        self.shared_gate = gates(one, in_features, n_every)
        self.group_self_gates = SelfGates(groups, in_features, n_group_experts)
        self.shared_self_gate = SelfGates(one, in_features, n_shared_experts)

        self.specific_experts = experts(
            self.per_task(n_specific_experts), width
        )
        self.group_experts = experts(self.per_member(n_of_groups), width)
        self.shared_experts = experts(self.per_member(n_shared_experts), width)
        tasks, n_own = self.per_task(), n_specific_experts
        self.task_gates = gates(tasks, 2 * width, n_own + n_seen)
        self.task_self_gates = SelfGates(tasks, 2 * width, n_own)
        self.towers = self.make_towers(width)

    def represent(self, inputs):
        n_groups, n_shared = self.n_groups, len(self.shared_experts.axis)
        n_shared //= self.n_members
        every = self.split(self.meta_experts(inputs))
        own, shared = every.tensor_split([every.shape[1] - n_shared], dim=1)
        own = own.unflatten(1, (n_groups, -1))
        # A self gate adds the own experts once more.
        of_groups = mix(
            self.split(self.group_gates(inputs)), own, shared.unsqueeze(1)
        ) + mix(self.split(self.group_self_gates(inputs)), own)
        of_all = mix(self.shared_gate(inputs), every)
        of_all = of_all + mix(self.shared_self_gate(inputs), shared)

        of_tasks = of_groups[:, self.group_of]
        own = self.specific_experts(of_tasks.flatten(0, 1))
        own = self.split(own, self.n_tasks)
        group = self.group_experts(of_groups.flatten(0, 1))
        group = self.split(group, n_groups)[:, self.group_of]
        shared = self.split(self.shared_experts(of_all), 1)
        both = of_tasks.flatten(0, 1), self.for_each_task(of_all)
        read = torch.cat(both, dim=-1)
        mixed = mix(self.split(self.task_gates(read)), own, group, shared)
        again = mix(self.split(self.task_self_gates(read)), own)
        return (mixed + again).flatten(0, 1)

    def split(self, tensor, *axes):
        return tensor.unflatten(0, (self.n_members, *axes, -1))


class GatedExperts(nn.Module):
    """Experts with a gate on their features and with normalised layers.

    The paper normalises over the batch; here each row is by itself, so that
    its prediction does not depend on other rows.
    """

    def __init__(self, network, axis, width, units, rank):
        super().__init__()
        self.axis = axis
        self.down = BatchedLinear(axis, width, rank, bias=False)
        self.up = BatchedLinear(axis, rank, width, bias=False)
        self.layers = nn.ModuleList(
            BatchedLinear(axis, *both) for both in pairwise([width, *units])
        )
        self.norm_scales, self.norm_shifts = (
            nn.ParameterList(
                torch.full((len(axis), 1, n), start) for n in units
            )
            for start in (1.0, 0.0)
        )
        self.activation = ACTIVATIONS[network.activation]()
        self.dropout = MemberDropout(network.dropout)

    def declare_axes(self):
        names = [name for name, _ in self.named_parameters()]
        norms = [name for name in names if name.startswith("norm_")]
        return dict.fromkeys(norms, (self.axis, None, None))

    def forward(self, inputs):
        # An input is read by several adjacent experts.
        factors = 2 * torch.sigmoid(self.up(self.down(inputs)))
        n = len(self.axis) // len(inputs)
        hidden = inputs.repeat_interleave(n, dim=0) * factors
        norms = zip(self.norm_scales, self.norm_shifts, strict=True)
        for layer, (scale, shift) in zip(self.layers, norms, strict=True):
            normal = F.layer_norm(layer(hidden), (layer.out_features,))
            hidden = self.activation(torch.addcmul(shift, normal, scale))
            hidden = self.dropout(hidden)
        return hidden


class SelfGates(BatchedLinear):
    """Weights of the own experts, of shape (n_gates, n_experts, n_rows)."""

    def __init__(self, gates, in_features, n_experts):
        super().__init__(gates, in_features, n_experts, bias=False)

    def forward(self, inputs):
        logits = super().forward(inputs).mT
        if self.out_features == 1:
            return torch.sigmoid(logits)
        return logits.softmax(dim=1)


@with_parameters
class HoMEClassifierRegressor(MultiTaskEstimator):
    """HoME: experts for groups of tasks, then for each task.

    Parameters
    ----------
    task_groups : dict or None, default=None
        The name of each task's group. By default tasks with classes are one
        group, and tasks that are numbers another.
    n_shared_experts, n_group_experts : int, default=1
        Number of shared experts, and of experts of each group, at each level.
    n_specific_experts : int, default=1
        Number of experts of each task, at the second level.
    expert_hidden_units : sequence of int, default=(64,)
        Widths of the layers of every expert.
    gate_hidden_units : sequence of int, default=()
        Widths of the hidden layers of every gate.
    feature_gate_rank : int, default=8
        Rank of the gates on the features of experts.
    """

    #: There are always two levels.
    n_levels = 2

    task_groups: dict | None = parameter(default=None, of_tasks=True)
    n_shared_experts: int = 1
    n_group_experts: int = 1
    n_specific_experts: int = 1
    expert_hidden_units: tuple = (64,)
    gate_hidden_units: tuple = ()
    feature_gate_rank: int = 8
    activation: str = "silu"

    network = HoME
    treats_tasks_alike = True

    def make_network(self, in_features, tasks, **towers):
        groups = self.task_groups or {
            task.name: "classes" if task.has_classes else "numbers"
            for task in tasks
        }
        if lacking := {task.name for task in tasks} - groups.keys():
            raise ValueError(f"task_groups has no group of {lacking}.")
        names = sorted(set(groups.values()))
        towers["group_of"] = [names.index(groups[t.name]) for t in tasks]
        return super().make_network(in_features, tasks, **towers)
