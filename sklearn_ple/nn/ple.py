"""Progressive Layered Extraction (Tang, Liu, Zhao, Gong: RecSys 2020)."""

from collections.abc import Sequence
from typing import Any, Unpack

from torch import Tensor

from .axes import Axis, ByTask
from .body import TowerOptions
from .gates import Gates, mix
from .levels import Level, LevelNetwork, stack_rows_last
from .names import GateNames

# Factor of the logits of all gates, if they are not the paper's.
_SLOW = 0.03


class PLE(LevelNetwork):
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
    expert_hidden_units : sequence of int or of sequences of int, default=(48,)
        Widths of the layers of every expert, the same at all levels; or a sequence of widths for
        each level.
    specific_share : float or None, default=0.5
        Sum of the weights of a task's own experts in its gate where the logits are 0, between 0
        and 1; the rest goes to the shared experts. Weights are equal for a task without experts of
        its own, and without shared experts. The logits of all gates have a factor of 0.03. None
        for the gates of the paper: equal weights, and no factor.
    n_added : int, default=0
        Number of tasks, the last ones, that were added to a network. The shared gates do not weigh
        their experts, so that the outputs of earlier tasks do not change.
    **towers : object
        ``tower_hidden_units``, ``activation``, ``dropout`` and ``n_members``, see `Body`.

    Raises
    ------
    ValueError
        If a task would have no expert, or an expert no layer; if ``n_specific_experts`` does not
        have one entry for each task; if the number of sequences of widths is not that of levels.

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
        expert_hidden_units: Sequence[int] | Sequence[Sequence[int]] = (48,),
        specific_share: float | None = 0.5,
        n_added: int = 0,
        **towers: Unpack[TowerOptions],
    ):
        super().__init__(n_outputs, n_specific_experts, n_shared_experts, n_added, **towers)
        self.specific_share = specific_share
        self._make_levels(ExtractionLevel, in_features, n_levels, expert_hidden_units)


class ExtractionLevel(Level):
    """A level of `PLE`: a task's gate weighs its own experts and the shared ones.

    If the tasks have different numbers of experts, each has its own module of gates. The shared
    gate weighs the shared experts and those of the tasks that were not added.
    """

    def __init__(self, network: PLE, width: int, units: Sequence[int], is_last: bool):
        super().__init__(network, width, units)
        self._add_shared_experts(network, width, units)
        members, n_shared = network.per_member(), network.shared.n_each
        self.has_one_expert = network.has_one_expert
        self.n_specific = [n for _, n in network.specific.runs]
        self.is_even = len(set(self.n_specific)) == 1

        share = network.specific_share
        options: dict[str, Any] = {"scale": 1.0 if share is None else _SLOW}

        def make_task_gates(axis: Axis, n: int) -> Gates:
            prior = _find_prior(share, n, n_shared)
            return network.make_gates(axis, width, n + n_shared, prior=prior, **options)

        if self.is_even:
            self.task_gates: Any = make_task_gates(network.per_task(), self.n_specific[0])
        else:
            self.task_gates = ByTask(make_task_gates(members, n) for n in self.n_specific)
        # Nothing reads the shared branch after the last level, or without shared experts.
        if n_shared and not is_last:
            self.shared_gate = network.make_gates(members, width, network.weighed, **options)

    def forward(self, task_branches: Tensor, shared_branch: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the branches of level j: ``g^{k,j} = w^{k,j}(g^{k,j-1}) S^{k,j}(g^{k,j-1})``.

        S^{k,j} are the outputs of the experts that branch k weighs, and w^{k,j} the weights.

        Parameters
        ----------
        task_branches : Tensor of shape (n_members * n_tasks, n_rows, in_features)
            Input of each task's branch; at the first level the first axis has length n_members.
        shared_branch : Tensor of shape (n_members, n_rows, in_features)
            Input of the shared branch.

        Returns
        -------
        tuple of Tensors of shapes (n_members * n_tasks, n_rows, width), (n_members, n_rows, width)
            Outputs of the branches. With a single expert, which all tasks read, the first axis of
            the first has length n_members. Without a shared gate, the second is
            ``shared_branch`` unchanged.
        """
        weights = self._weigh(task_branches)
        specific = self._evaluate_specific(task_branches)
        shared = self._evaluate_shared(shared_branch)
        if self.has_one_expert:
            alone = shared[0].squeeze(1)
            return alone, shared_branch if self.shared_gate is None else alone
        if self.is_even:
            of_tasks = [bank.unflatten(1, (self.n_tasks, -1)) for bank in specific]
            outputs = mix(weights[0], *of_tasks, *(bank.unsqueeze(1) for bank in shared))
        else:
            pairs = zip(weights, specific[0].split(self.n_specific, dim=1), strict=True)
            outputs = stack_rows_last(
                [mix(factors, experts, *shared) for factors, experts in pairs]
            )
        if self.shared_gate is not None:
            shared_branch = self._mix_shared(shared_branch, specific, shared)
        return outputs.flatten(0, 1), shared_branch

    def _weigh(self, task_branches: Tensor) -> list[Tensor]:
        """Compute the weights of the tasks' gates: one tensor for all, or one for each task."""
        if self.is_even:
            return [self.task_gates(task_branches).unflatten(0, (self.n_members, -1))]
        by_task = task_branches.unflatten(0, (self.n_members, -1))
        by_task = by_task.expand(-1, self.n_tasks, -1, -1).unbind(1)
        return [gates(branch) for gates, branch in zip(self.task_gates, by_task, strict=True)]

    def gate_names(self, tasks: Sequence[str]) -> list[GateNames]:
        """Name the gates and their experts."""
        seen = [self._names_of(tasks, {k, None}) for k in range(self.n_tasks)]
        if self.is_even:
            names = [GateNames(self.task_gates, list(tasks), seen)]
        else:
            by_task = zip(self.task_gates, tasks, seen, strict=True)
            names = [GateNames(gates, [task], [experts]) for gates, task, experts in by_task]
        return names + self._shared_gate_names(tasks)


def _find_prior(share: float | None, n_specific: int, n_shared: int) -> list[float] | None:
    """Return the prior weights of a task's gate; None if they are equal."""
    if share is None or not n_specific or not n_shared:
        return None
    return [share / n_specific] * n_specific + [(1 - share) / n_shared] * n_shared
