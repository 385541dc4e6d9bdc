"""STEM networks (Su, Pan, Wang, Xiao, Quan, Chen, Jiang: AAAI 2024)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .axes import Axis
from .gates import mix
from .levels import Level, LevelNetwork
from .names import GateNames


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
    **towers : object
        ``tower_hidden_units``, ``activation``, ``dropout`` and ``n_members``, see `Body`.

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
        **towers: Any,
    ):
        super().__init__(
            n_outputs,
            n_specific_experts,
            n_shared_experts,
            n_added,
            gate_hidden_units,
            views=[*range(len(n_outputs)), None],
            **towers,
        )
        self._make_levels(StemLevel, in_features, n_levels, expert_hidden_units)

    def _split_branches(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        # The views of a member: first those of its tasks, then the shared one.
        views = inputs.unflatten(0, (self.n_members, -1))
        return views[:, :-1].flatten(0, 1), views[:, -1]


class StemLevel(Level):
    """A level of `STEM`: a task's gate weighs all experts, and trains its own and the shared ones.

    The shared gate weighs the shared experts and those of the tasks that were not added.
    """

    is_own: Tensor

    def __init__(self, network: STEM, width: int, units: Sequence[int], is_last: bool):
        super().__init__(network, width, units)
        self._add_shared_experts(network, width, units)
        specific, hidden = network.specific, network.gate_hidden_units
        every = Axis((*specific.runs, *network.shared.runs))
        self.task_gates = network.make_gates(network.per_task(), width, every, hidden_units=hidden)
        # Nothing reads the shared branch after the last level.
        if not is_last:
            members, weighed = network.per_member(), network.weighed
            self.shared_gate = network.make_gates(members, width, weighed, hidden_units=hidden)
        # For each task which of all specific experts are its own: 1 if so, else 0.
        owners = specific.owners
        is_own = [[[float(owner == k)] for owner in owners] for k in range(self.n_tasks)]
        self.register_buffer("is_own", torch.tensor(is_own), persistent=False)

    def forward(self, task_branches: Tensor, shared_branch: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the outputs of the branches from their inputs.

        Parameters
        ----------
        task_branches : Tensor of shape (n_members * n_tasks, n_rows, in_features)
            Input of each task's branch.
        shared_branch : Tensor of shape (n_members, n_rows, in_features)
            Input of the shared branch.

        Returns
        -------
        tuple of Tensors of shapes (n_members * n_tasks, n_rows, width), (n_members, n_rows, width)
            Outputs of the branches. At the last level, the second is ``shared_branch`` unchanged.
        """
        read = task_branches + shared_branch.repeat_interleave(self.n_tasks, dim=0)
        weights = self.task_gates(read).unflatten(0, (self.n_members, -1))
        specific = self._evaluate_specific(task_branches)
        shared = self._evaluate_shared(shared_branch)
        outputs = self._mix(weights, specific, shared).flatten(0, 1)
        if self.shared_gate is not None:
            shared_branch = self._mix_shared(shared_branch, specific, shared)
        return outputs, shared_branch

    def _mix(self, weights: Tensor, specific: list[Tensor], shared: list[Tensor]) -> Tensor:
        """Sum the experts by the weights of the tasks: (n_members, n_tasks, n_rows, width).

        No gradient flows from a task to the experts of other tasks.
        """
        banks = [bank.unsqueeze(1) for bank in (*specific, *shared)]
        if not specific:
            return mix(weights, *banks)
        of_specific, of_shared = weights.tensor_split([self.is_own.shape[1]], dim=2)
        trained = torch.cat([of_specific * self.is_own, of_shared], dim=2)
        return mix(trained, *banks) + mix(of_specific * (1 - self.is_own), banks[0].detach())

    def gate_names(self, tasks: Sequence[str]) -> list[GateNames]:
        """Name the gates and their experts."""
        every = self._names_of(tasks, self.task_gates.experts.owners)
        of_tasks = GateNames(self.task_gates, list(tasks), [every] * self.n_tasks)
        return [of_tasks, *self._shared_gate_names(tasks)]
