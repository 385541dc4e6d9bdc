"""Adaptive Task-to-Task Fusion (Li et al., KDD 2023): each task reads the experts of all tasks."""

import math
from collections.abc import Sequence
from typing import Any, Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .axes import Axes, Axis
from .body import TowerOptions
from .gates import Gates, mix
from .levels import Level, LevelNetwork
from .names import ExpertNames, GateNames


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
    ``-1 / sqrt(n)`` and ``1 / sqrt(n)`` for n experts. If each unit has a single expert, v_t is 1.
    Unlike there, gates have no bias here.

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
    n_added : int, default=0
        Number of tasks, the last ones, that were added to a network. The gates of earlier tasks do
        not weigh their experts, so that the outputs of earlier tasks do not change.
    **towers : object
        ``tower_hidden_units``, ``activation``, ``dropout`` and ``n_members``, see `Body`.

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
        n_added: int = 0,
        **towers: Unpack[TowerOptions],
    ):
        if not n_specific_experts:
            raise ValueError("n_specific_experts is 0: each task needs at least one expert.")
        super().__init__(n_outputs, n_specific_experts, n_shared_experts, n_added, **towers)
        self._make_levels(FusionLevel, in_features, n_levels, expert_hidden_units)


class FusionLevel(Level):
    """A level of `AdaTT`: the experts of each task, the shared ones, and the units that fuse them.

    The last level has no unit for the shared experts, since nothing would read it.
    """

    def __init__(self, network: AdaTT, width: int, units: Sequence[int], is_last: bool):
        super().__init__(network, width, units)
        self.task_gates = FusionGates(network, network.per_task(), width)
        self._add_shared_experts(network, width, units)
        if self.shared_experts is not None and not is_last:
            self.shared_gate = FusionGates(network, network.per_member(), width)

    def forward(self, tasks: Tensor, shared: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the outputs of the units: ``(G_t + pad(v_t))^T E``, with E of all experts.

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
        specific = self._evaluate_specific(tasks)
        # (n_members, 1, n_experts, n_rows, width): all units read these.
        banks = [bank.unsqueeze(1) for bank in (*self._evaluate_shared(shared), *specific)]
        outputs = self.task_gates.fuse(tasks, banks).flatten(0, 1)
        if isinstance(self.shared_gate, FusionGates):
            shared = self.shared_gate.fuse(shared, banks).squeeze(1)
        return outputs, shared

    def expert_names(self, tasks: Sequence[str]) -> list[ExpertNames]:
        """Name the experts: first the shared ones."""
        return super().expert_names(tasks)[::-1]

    def gate_names(self, tasks: Sequence[str]) -> list[GateNames]:
        """Name the gates and their experts."""
        experts = self._names_of(tasks, self.task_gates.experts.owners)
        own_experts = frozenset(self._names_of(tasks, range(self.n_tasks)))
        names = [GateNames(self.task_gates, list(tasks), [experts] * self.n_tasks, own_experts)]
        shared = frozenset(experts) - own_experts
        return names + [gate._replace(beside=shared) for gate in self._shared_gate_names(tasks)]


class FusionGates(Gates):
    """Gates of units that also add their own experts, with learnt weights that suit all rows.

    If tasks were added, the gate of an earlier task, and a shared one, weigh none of their
    experts. The gate of an added task weighs those of the tasks before it, too.
    """

    weighed: Tensor | None

    def __init__(self, network: AdaTT, units: Axis, width: int):
        experts = Axis((*network.shared.runs, *network.specific.runs))
        n_earlier = network.n_earlier
        super().__init__(units, width, experts)
        first = units.owners[0]
        self.n_units, self.n_own = units.n_each, dict(experts.runs)[first]
        # The number of experts before the units' own.
        self.n_before = 0 if first is None else network.shared.n_each
        self.residual = None
        if max(n for _, n in experts.runs) > 1:
            bound = 1 / math.sqrt(self.n_own)
            residual = torch.empty(units.n_members, self.n_units, self.n_own)
            self.residual = nn.Parameter(residual.uniform_(-bound, bound))
        weighed = None
        if n_earlier < network.n_tasks:
            ends = [
                n_earlier if unit is None else max(n_earlier, unit + 1) for unit in units.owners
            ]
            rows = [[k is None or k < end for k in experts.owners] for end in ends]
            weighed = torch.tensor(rows).repeat(units.n_members, 1).unsqueeze(-1)
        self.register_buffer("weighed", weighed, persistent=False)

    def declare_axes(self) -> dict[str, Axes]:
        """Declare the axes of the parameters; see `sklearn_ple.nn.Body.declare_axes`.

        Returns
        -------
        dict of str to tuple of (Axis or None)
            The axes, by name.
        """
        axes = super().declare_axes()
        if self.residual is not None:
            members = Axis(n_members=self.axis.n_members)
            axes["residual"] = (members, Axis(self.axis.runs), None)
        return axes

    def fuse(self, branches: Tensor, banks: Sequence[Tensor]) -> Tensor:
        """Compute ``(G_t + pad(v_t))^T E``: experts by the gates, and the unit's own by v_t.

        Parameters
        ----------
        branches : Tensor of shape (n_inputs, n_rows, in_features)
            The inputs.
        banks : sequence of Tensor of shape (n_members, 1, n_experts, n_rows, width)
            The outputs of the experts.

        Returns
        -------
        Tensor of shape (n_members, n_units, n_rows, width)
            The weighted sums.
        """
        gates = self(branches).unflatten(0, (-1, self.n_units))
        places = torch.eye(self.n_units, dtype=gates.dtype, device=gates.device)
        factors: Any = self.residual
        if factors is None:
            factors = places.new_ones(1, self.n_units, 1)
        # Zero except for the unit's own experts.
        factors = (places.unsqueeze(-1) * factors.unsqueeze(2)).flatten(2)
        n_after = self.experts.n_each - self.n_before - factors.shape[2]
        factors = F.pad(factors, (self.n_before, n_after))
        return mix(gates + factors.unsqueeze(-1), *banks)

    def _compute_logits(self, branches: Tensor) -> Tensor:
        """Compute the logits, which are -inf for experts that are not weighed."""
        logits = super()._compute_logits(branches)
        return logits if self.weighed is None else logits.masked_fill(~self.weighed, -torch.inf)
