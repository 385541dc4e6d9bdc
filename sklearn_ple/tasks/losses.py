"""The losses of all tasks, each over the labels that are not missing."""

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import torch
from torch import Tensor

from ..nn.shapes import check_tensor
from ..utils.checks import is_ours
from .constant import constant
from .task import Task


class Group(NamedTuple):
    """Adjacent tasks whose losses are computed together: those of equal `Task.group`.

    Attributes
    ----------
    task : Task
        The first of the tasks, whose methods are called for all.
    positions : slice
        Positions of the tasks.
    columns : slice
        Columns of the network's outputs that belong to the tasks.
    """

    task: Task
    positions: slice
    columns: slice


def group_tasks(tasks: Sequence[Task]) -> list[Group]:
    """Divide the tasks into groups of adjacent tasks whose losses are computed together."""
    groups = []
    position = column = 0
    for _, neighbours in groupby(tasks, key=lambda task: task.group):
        first, *others = neighbours
        n_tasks = 1 + len(others)
        columns = slice(column, column + n_tasks * first.n_outputs)
        groups.append(Group(first, slice(position, position + n_tasks), columns))
        position, column = position + n_tasks, columns.stop
    return groups


class TaskLosses:
    """The mean loss of each task over its labels, some of which may be missing [1]_.

    The loss of task k is ``L_k = sum_i s_ik * loss_k(i) / sum_i s_ik``, where ``s_ik`` is the
    weight of the label of row i for task k, and is zero if the label is missing. The loss of a
    task without any label is zero.

    With several networks, the members of an ensemble, the mean of their losses counts.

    Parameters
    ----------
    tasks : sequence of Task
        The fitted tasks, in the order of the network's outputs.

    Attributes
    ----------
    names : list of str
        Names of the tasks.

    References
    ----------
    .. [1] H. Tang, J. Liu, M. Zhao, X. Gong. "Progressive Layered Extraction (PLE): A Novel
           Multi-Task Learning (MTL) Model for Personalized Recommendations". RecSys 2020.
    """

    def __init__(self, tasks: Sequence[Task]):
        self.names = [task.name for task in tasks]
        self.groups = group_tasks(tasks)
        #: Groups of a user's losses, whose rows have not been checked yet.
        self._unchecked = [group for group in self.groups if not is_ours(type(group.task))]
        # For each output the position of its task.
        self._owners = tuple(k for k, task in enumerate(tasks) for _ in range(task.n_outputs))

    def sums(self, outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Sum the weighted losses and the weights of each task.

        Parameters
        ----------
        outputs : Tensor of shape (n_members, n_rows, sum of n_outputs)
            The outputs of the networks; of one network, without the first axis.
        targets : Tensor of shape (n_rows, n_tasks)
            The encoded labels.
        weights : Tensor of shape (n_rows, n_tasks) or (n_members, n_rows, n_tasks)
            Weights of the labels, the same for all networks or different for each. A weight of
            zero marks a missing label, whose target is not read.

        Returns
        -------
        Tensor of shape (2, n_tasks)
            The sums of weighted losses, and the sums of weights.
        """
        by_member = self.member_sums(outputs, targets, weights)
        if by_member.dim() == 2:
            return by_member
        every = by_member.sum(dim=1)
        return every if weights.dim() == outputs.dim() else every / len(outputs)

    def member_sums(self, outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Sum the weighted losses and the weights of each task, separately for each network.

        Parameters
        ----------
        outputs, targets, weights : Tensor
            As in `sums`.

        Returns
        -------
        Tensor of shape (2, n_members, n_tasks)
            The sums of weighted losses, and the sums of weights; without the axis of the members
            if the outputs have none.
        """
        # Where a label is missing, the loss or its gradient may overflow, and 0 * inf is NaN. So
        # targets and outputs are replaced by zeros before the loss is computed.
        labelled = weights > 0
        targets = torch.where(labelled, targets, 0.0).expand(*outputs.shape[:-1], -1)
        of_columns = labelled
        if len(self._owners) > targets.shape[-1]:
            owners = constant(self._owners, torch.int64, outputs.device)
            of_columns = labelled.index_select(-1, owners)
        outputs = torch.where(of_columns, outputs, 0.0)
        # In one call, so that gradients are joined in one call too.
        sizes = [columns.stop - columns.start for _, _, columns in self.groups]
        parts = [outputs] if len(sizes) == 1 else outputs.split(sizes, dim=-1)
        losses = []
        for (task, positions, _), part in zip(self.groups, parts, strict=True):
            read = part.unflatten(-1, (-1, task.n_outputs))
            losses.append(task.loss(read, targets[..., positions]))
            check_tensor(f"{type(task).__name__}.loss", losses[-1], read.shape[:-1])
        for group in list(self._unchecked):
            if self._has_own_rows(group, outputs, targets, labelled):
                self._unchecked.remove(group)
        every = losses[0] if len(losses) == 1 else torch.cat(losses, dim=-1)
        # A task of your own may have no finite loss at zero.
        every = torch.where(labelled, every, 0.0)
        of_losses = (weights * every).sum(dim=-2)
        return torch.stack([of_losses, weights.sum(dim=-2).expand_as(of_losses)])

    @staticmethod
    def _has_own_rows(group: Group, outputs: Tensor, targets: Tensor, labelled: Tensor) -> bool:
        """Check that losses read the outputs of their own rows; return whether rows sufficed.

        An index into the wrong axis, such as ``outputs[:, 0]``, often gives the right shape.
        """
        task, positions, columns = group
        one = labelled[(-1,) * (labelled.dim() - 2)][:, positions.start]
        if len(rows := one.nonzero()[:2, 0]) < 2:
            return False
        read = outputs.detach()[..., rows, columns].unflatten(-1, (-1, task.n_outputs))
        with torch.enable_grad():
            losses = task.loss(read.requires_grad_(), targets[..., rows, positions])
            if not losses.requires_grad:
                return True
            # Of the last of the members, rows and tasks.
            (slopes,) = torch.autograd.grad(losses.flatten()[-1], read)
        if slopes.any() and not slopes.flatten(end_dim=-2)[-1].any():
            raise ValueError(
                f"{type(task).__name__}.loss compares the targets with outputs of other rows: "
                "outputs has the shape (..., n_outputs) and targets (...), so take an output by "
                "outputs[..., 0], for example."
            )
        return True

    @staticmethod
    def means(sums: Tensor) -> Tensor:
        """Turn the sums of losses and weights, (2, ..., n_tasks), into means, (..., n_tasks)."""
        total = torch.where(sums[1] > 0, sums[1], 1.0)
        return sums[0] / total
