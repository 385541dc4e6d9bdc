"""STEM networks (Su, Pan, Wang, Xiao, Quan, Chen, Jiang: AAAI 2024)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from torch import Tensor, nn

from .gating import Gating
from .ple import ExtractionNetwork
from .towers import TOWER_DEFAULTS, TowerOptions


class STEM(ExtractionNetwork):
    """STEM: embeddings of each task's own and shared ones, below experts of the same kinds.

    Task k's experts read its own view of the features, ``x_k``, and the shared experts a view of
    theirs, ``x_s``. A task's gate, ``softmax(W_k (x_k + x_s))``, weighs the experts of all tasks
    and the shared ones. The outputs of other tasks' experts come without a gradient, so that a
    task trains its own embeddings and experts and the shared ones alone, but uses all. With
    several levels, a shared gate mixes all experts' outputs for the next level's shared experts;
    its gradient reaches all experts. So it is in the authors' code
    (github.com/LiangcaiSu/STEM), of which the gates here differ by having no bias.

    Parameters
    ----------
    in_features : int
        Number of features in each view.
    n_outputs : sequence of int
        Number of outputs of each task.
    n_levels : int, default=1
        Number of levels of experts.
    n_shared_experts : int, default=1
        Number of shared experts at each level.
    n_specific_experts : int or sequence of int, default=1
        Number of experts of each task at each level: one for all tasks, or one for each.
    expert_hidden_units : sequence of int or of sequences of int, default=(64,)
        Widths of the layers of every expert; or a sequence of them for each level.
    linear_experts : bool, default=False
        Whether the experts' last layer is linear, not activated.
    gate_hidden_units : sequence of int, default=()
        Widths of hidden layers of every gate; empty for linear gates.
    gate : {"softmax", "dselect_k"}, default="softmax"
        Kind of the gates: `Gates`, or gates that choose experts, `DSelectKGates`.
    gate_k : int, default=2
        Number of experts that a DSelect-k gate chooses.
    gate_entropy : float, default=1e-3
        Factor of the penalty on the entropy of such a gate's choice, see `Gating`.
    load_balancing : float, default=0.0
        Factor of the penalty on gates that use the experts unevenly, see `Gating`.
    stop_gradient : bool, default=True
        Whether the gradients of a task do not reach other tasks' experts through its own gate.
    n_added : int, default=0
        Number of tasks, the last ones, whose experts the shared gates do not weigh.
    **towers : TowerOptions
        Hidden layers of the towers, activation, dropout and number of members, as `Body` takes
        them.

    Raises
    ------
    ValueError
        If a task would have no expert, or an expert no layer; if there are not as many numbers of
        experts as tasks, or not as many sequences of widths as levels.

    References
    ----------
    L. Su, J. Pan, X. Wang, X. Xiao, S. Quan, X. Chen, J. Jiang. "STEM: Unleashing the Power of
    Embeddings for Multi-task Recommendation". AAAI 2024.

    Examples
    --------
    Two tasks read three views of the features:

    >>> import torch
    >>> from sklearn_ple.nn import STEM
    >>> STEM(in_features=7, n_outputs=[1, 3])(torch.zeros(3, 10, 7)).shape
    torch.Size([1, 10, 4])
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
        stop_gradient: bool = True,
        n_added: int = 0,
        **towers: Unpack[TowerOptions],
    ):
        n_members = towers.get("n_members", TOWER_DEFAULTS["n_members"])
        super().__init__(n_outputs, n_views=n_members * (len(n_outputs) + 1), **towers)
        levels = self._make_levels(
            in_features,
            n_levels,
            n_shared_experts,
            n_specific_experts,
            expert_hidden_units,
            linear_experts=linear_experts,
            n_added=n_added,
            gating=Gating(gate_hidden_units, gate, gate_k, gate_entropy, load_balancing),
            sees_all=True,
            stop_gradient=stop_gradient,
            gates_add_shared=True,
            branches_start=False,
        )
        self.levels = nn.ModuleList(levels)

    def _branches(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        # A member's views are those of its tasks, then the shared one.
        views = inputs.unflatten(0, (self.n_members, -1))
        return views[:, :-1].flatten(0, 1), views[:, -1]
