"""STEM networks (Su, Pan, Wang, Xiao, Quan, Chen, Jiang: AAAI 2024)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from torch import Tensor, nn

from .extraction import extraction_levels
from .levels import LevelNetwork
from .towers import TowerOptions


class STEM(LevelNetwork):
    """STEM: shared and task-specific embeddings, below shared and task-specific experts.

    The experts of task k read the task's own view of the features, ``x_k``, which has its own
    embeddings. The shared experts read a shared view, ``x_s``. The gate of a task,
    ``softmax(W_k (x_k + x_s))``, weighs the experts of all tasks and the shared ones. No gradient
    flows from a task to the experts of other tasks. So a task uses all experts, but trains only
    its own and the shared experts and embeddings.

    With several levels, a shared gate weighs all experts; its output is ``x_s`` at the next level,
    where the shared experts and all gates read it. Its gradient flows to all experts. This follows
    the authors' code (github.com/LiangcaiSu/STEM), except that gates have no bias here.

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
        Number of experts of each task at each level: the same for all tasks, or one number for
        each task.
    expert_hidden_units : sequence of int or of sequences of int, default=(64,)
        Widths of the layers of every expert, the same at all levels; or a sequence of widths for
        each level.
    gate_hidden_units : sequence of int, default=()
        Widths of the hidden layers of every gate; empty for linear gates.
    n_added : int, default=0
        Number of tasks, the last ones, that were added to a network. The shared gates do not weigh
        their experts.
    **towers : TowerOptions
        ``tower_hidden_units``, ``activation``, ``dropout`` and ``n_members``, see `TowerOptions`.

    Raises
    ------
    ValueError
        If a task would have no expert, or an expert no layer; if ``n_specific_experts`` does not
        have one entry for each task; if the number of sequences of widths is not that of levels.

    References
    ----------
    L. Su, J. Pan, X. Wang, X. Xiao, S. Quan, X. Chen, J. Jiang. "STEM: Unleashing the Power of
    Embeddings for Multi-task Recommendation". AAAI 2024.

    Examples
    --------
    Two tasks have three views of the features, one for each task and a shared one:

    >>> import torch
    >>> from sklearn_ple.nn import STEM
    >>> network = STEM(in_features=7, n_outputs=[1, 3])
    >>> network(torch.zeros(3, 10, 7)).shape
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
        gate_hidden_units: Sequence[int] = (),
        n_added: int = 0,
        **towers: Unpack[TowerOptions],
    ):
        super().__init__(n_outputs, views=[*range(len(n_outputs)), None], **towers)
        levels = extraction_levels(
            self,
            in_features,
            n_levels,
            n_shared_experts,
            n_specific_experts,
            expert_hidden_units,
            n_added=n_added,
            gate_hidden_units=gate_hidden_units,
            sees_all=True,
            gates_add_shared=True,
        )
        self.towers = self.make_towers(levels[-1].out_features)
        self.levels = nn.ModuleList(levels)

    def _branches(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        # The views of a member: first those of its tasks, then the shared one.
        views = inputs.unflatten(0, (self.n_members, -1))
        return views[:, :-1].flatten(0, 1), views[:, -1]
