"""Multi-gate Mixture-of-Experts (Ma, Zhao, Yi, Chen, Hong, Chi: KDD 2018), also multi-level."""
# The hooks are documented in Body.
# ruff: noqa: D102

from collections.abc import Sequence
from typing import Any, Unpack

from torch import Tensor, nn

from .body import TowerOptions
from .gates import mix
from .levels import ExpertNetwork, split_expert_widths
from .names import ExpertNames, GateNames, avoid_names, number_names


class MMoE(ExpertNetwork):
    """Multi-gate Mixture-of-Experts: shared experts, weighed by a gate for each task.

    Let ``f_i`` be the experts, ``g_k(x) = softmax(W_k x)`` the gate and ``h_k`` the tower of task
    k. Then ``y_k = h_k(sum_i g_k(x)_i f_i(x))``.

    With ``shared_gate`` all tasks have the same gate, which is a one-gate mixture of experts
    (OMoE). With several levels (ML-MMoE) every expert of an upper level has its own gate, and
    reads a mixture of the experts of the level below. All gates read the features.

    Parameters
    ----------
    in_features : int
        Number of input features.
    n_outputs : sequence of int
        Number of outputs of each task.
    n_levels : int, default=1
        Number of levels of experts.
    n_experts : int, default=3
        Number of experts at each level.
    expert_hidden_units : sequence of int or of sequences of int, default=(64,)
        Widths of the layers of every expert, the same at all levels; or a sequence of widths for
        each level.
    shared_gate : bool, default=False
        Whether the tasks share one gate.
    **towers : object
        ``tower_hidden_units``, ``activation``, ``dropout`` and ``n_members``, see `Body`.

    Raises
    ------
    ValueError
        If an expert would have no layer; if the number of sequences of widths is not that of
        levels.

    References
    ----------
    J. Ma, Z. Zhao, X. Yi, J. Chen, L. Hong, E. H. Chi. "Modeling Task Relationships in Multi-task
    Learning with Multi-gate Mixture-of-Experts". KDD 2018.

    J. Ma, Z. Zhao, J. Chen, A. Li, L. Hong, E. H. Chi. "SNR: Sub-Network Routing for Flexible
    Parameter Sharing in Multi-Task Learning". AAAI 2019. (ML-MMoE)

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.nn import MMoE
    >>> network = MMoE(in_features=7, n_outputs=[1, 3], n_levels=2)
    >>> network(torch.zeros(10, 7)).shape
    torch.Size([10, 4])
    """

    def __init__(
        self,
        in_features: int,
        n_outputs: Sequence[int],
        *,
        n_levels: int = 1,
        n_experts: int = 3,
        expert_hidden_units: Sequence[int] | Sequence[Sequence[int]] = (64,),
        shared_gate: bool = False,
        **towers: Unpack[TowerOptions],
    ):
        super().__init__(n_outputs, **towers)
        widths = split_expert_widths(expert_hidden_units, n_levels)
        self.shared_gate = shared_gate
        self.n_experts = n_experts
        bank = self.per_member(n_experts)
        last = self.per_member() if shared_gate else self.per_task()
        width, experts, gates = in_features, [], []
        for axis, hidden_units in zip([bank] * (n_levels - 1) + [last], widths, strict=True):
            experts.append(self.make_mlps(bank, width, hidden_units))
            gates.append(self.make_gates(axis, in_features, n_experts))
            width = hidden_units[-1]
        self.experts = nn.ModuleList(experts)
        self.gates: Any = nn.ModuleList(gates)
        self.towers = self.make_towers(width)

    def represent(self, inputs: Tensor) -> Tensor:
        mixed = inputs
        for experts, gates in zip(self.experts, self.gates, strict=True):
            weights = gates(inputs).unflatten(0, (self.n_members, -1))
            bank = experts(mixed).unflatten(0, (self.n_members, 1, -1))
            mixed = mix(weights, bank).flatten(0, 1)
        return self.for_each_task(mixed) if self.shared_gate else mixed

    def expert_names(self, tasks: Sequence[str]) -> list[list[ExpertNames]]:
        names = number_names("expert", self.n_experts)
        return [[ExpertNames(bank, names, self._name_upper_gates(tasks))] for bank in self.experts]

    def gate_names(self, tasks: Sequence[str]) -> list[list[GateNames]]:
        experts = number_names("expert", self.n_experts)
        last = [avoid_names("all tasks", tasks, "gate")] if self.shared_gate else list(tasks)
        names = [self._name_upper_gates(tasks)] * (len(self.gates) - 1) + [last]
        return [
            [GateNames(gates, of_level, [experts] * len(of_level))]
            for gates, of_level in zip(self.gates, names, strict=True)
        ]

    def _name_upper_gates(self, tasks: Sequence[str]) -> list[str]:
        """Name the gates whose outputs the experts of the next level read."""
        return [
            avoid_names(f"to {name}", tasks, "gate")
            for name in number_names("expert", self.n_experts)
        ]
