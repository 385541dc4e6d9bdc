"""The weighted sum of the tasks' losses, each over the labels that are there."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import torch
from torch import Tensor, nn

from ..tasks import Task

# A network whose loss is twice the best one's counts 2**-8 as much.
_SELECTIVITY = 8
_HUGE = 1e18


class JointLoss(nn.Module):
    """The joint loss of Progressive Layered Extraction over labels that may be missing.

    ``L = sum_k w_k * [sum_i s_ik * loss_k(i) / sum_i s_ik]``, with ``s_ik`` the weight of row i's
    label for task k, zero where it is missing. A task without a label in the batch adds zero.

    Of several networks each has its own loss on the same labels, and theirs is the mean.
    Neighbouring tasks of one kind and size are computed together, see `Task.group`.

    Parameters
    ----------
    tasks : sequence of Task
        The fitted tasks, in the order of the network's outputs.
    dependent : sequence of (int, int), default=()
        Positions of tasks that depend on others, and of these: both are averaged alike over
        members, so that what implies another event is never more probable.

    Attributes
    ----------
    task_weights : Tensor of shape (n_tasks,)
        The current ``w_k``, a buffer.
    """

    task_weights: Tensor

    def __init__(self, tasks: Sequence[Task], dependent: Sequence[tuple[int, int]] = ()):
        super().__init__()
        self.dependent = list(dependent)
        self.register_buffer("task_weights", torch.ones(len(tasks)))
        self.groups: list[tuple[Task, slice, slice]] = []
        position = column = 0
        for _, group in groupby(tasks, key=lambda task: task.group):
            first, *others = group
            n_tasks = 1 + len(others)
            positions = slice(position, position + n_tasks)
            columns = slice(column, column + n_tasks * first.n_outputs)
            self.groups.append((first, positions, columns))
            position, column = positions.stop, columns.stop

    def task_sums(self, outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Sum every task's weighted losses, and its weights.

        Parameters
        ----------
        outputs : Tensor of shape (n_members, n_rows, sum of n_outputs)
            The networks' outputs; without the first axis those of one.
        targets, weights : Tensor of shape (n_rows, n_tasks)
            The encoded labels, and their weights: zero where there is no label, and whatever
            target stands there is not read.

        Returns
        -------
        Tensor of shape (2, n_tasks)
            Sums of weighted losses, and sums of weights.
        """
        # A loss without a label may overflow, or its gradient, and 0 * inf is NaN: fill what the
        # loss reads, before computing it.
        labelled = weights > 0
        targets = torch.where(labelled, targets, 0.0).expand(*outputs.shape[:-1], -1)
        losses = []
        for task, positions, columns in self.groups:
            parts = outputs[..., columns].unflatten(-1, (-1, task.n_outputs))
            parts = torch.where(labelled[:, positions].unsqueeze(-1), parts, 0.0)
            losses.append(task.loss(parts, targets[..., positions]))
        mean_losses = torch.cat(losses, dim=-1).reshape(-1, *weights.shape).mean(dim=0)
        return torch.stack([(weights * mean_losses).sum(dim=0), weights.sum(dim=0)])

    def average(self, outputs: Tensor, member_weights: Tensor) -> Tensor:
        """Average the predictions of several networks.

        Parameters
        ----------
        outputs : Tensor of shape (n_members, n_rows, sum of n_outputs)
            The networks' outputs.
        member_weights : Tensor of shape (n_members, n_tasks)
            How much each counts for each task; they sum to one over the members.

        Returns
        -------
        Tensor of shape (n_rows, sum of n_outputs)
            The outputs that give the mean prediction: probability, number or rate.
        """
        if len(outputs) == 1:
            return outputs[0]
        parts = []
        for task, positions, columns in self.groups:
            own = outputs[..., columns].unflatten(-1, (-1, task.n_outputs))
            weights = member_weights[:, None, positions, None].to(own)
            parts.append(task.average(own, weights).flatten(-2))
        return torch.cat(parts, dim=-1)

    def member_weights(self, outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Weigh several networks, for each task, by a power of their loss on rows of validation.

        Where they are about as good, all count about alike; one that is clearly worse, as with
        too much dropout for the task, hardly counts.

        Parameters
        ----------
        outputs : Tensor of shape (n_members, n_rows, sum of n_outputs)
            The networks' outputs.
        targets, weights : Tensor of shape (n_rows, n_tasks)
            As in `task_sums`.

        Returns
        -------
        Tensor of shape (n_members, n_tasks)
            The weights, which sum to one over the members.
        """
        losses = torch.stack(
            [self.combine(self.task_sums(own, targets, weights))[1] for own in outputs]
        )
        losses = losses.nan_to_num(nan=_HUGE, posinf=_HUGE).clamp(min=1 / _HUGE)
        shares = (losses / losses.min(dim=0).values) ** -_SELECTIVITY
        for task, other in self.dependent:
            shares[:, task] = shares[:, other]
        return shares / shares.sum(dim=0)

    def combine(self, sums: Tensor) -> tuple[Tensor, Tensor]:
        """Turn sums of losses and weights into the joint loss and the tasks' mean losses."""
        total = torch.where(sums[1] > 0, sums[1], 1.0)
        task_losses = sums[0] / total
        return (self.task_weights * task_losses).sum(), task_losses

    def forward(self, outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Compute the joint loss, a scalar; the parameters are those of `task_sums`."""
        return self.combine(self.task_sums(outputs, targets, weights))[0]
