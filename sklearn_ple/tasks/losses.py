"""The losses of all tasks, each over the labels that are there."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import torch
from torch import Tensor

from .task import Task


class Group(NamedTuple):
    """Neighbouring tasks of one kind and size, which are computed together; see `Task.group`."""

    task: Task
    positions: slice
    columns: slice


def grouped(tasks: Sequence[Task]) -> list[Group]:
    """Group neighbouring tasks: the first of them, their positions and their outputs' columns."""
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
    """The tasks' losses over labels that may be missing, as Progressive Layered Extraction's.

    ``L_k = sum_i s_ik * loss_k(i) / sum_i s_ik``, with ``s_ik`` the weight of row i's label for
    task k, zero where it is missing. A task without a label adds zero.

    With several networks, each has its own loss on the same labels, and the mean of them counts.

    Parameters
    ----------
    tasks : sequence of Task
        The fitted tasks, in the order of the network's outputs.

    Attributes
    ----------
    names : list of str
        The tasks' names.
    """

    def __init__(self, tasks: Sequence[Task]):
        self.names = [task.name for task in tasks]
        self.groups = grouped(tasks)

    def sums(self, outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Sum every task's weighted losses, and its weights.

        Parameters
        ----------
        outputs : Tensor of shape (n_members, n_rows, sum of n_outputs)
            The networks' outputs; without the first axis those of one.
        targets : Tensor of shape (n_rows, n_tasks)
            The encoded labels.
        weights : Tensor of shape (n_rows, n_tasks) or (n_members, n_rows, n_tasks)
            Their weights, the same for all networks or each one's own: zero where there is no
            label, and whatever target stands there is not read.

        Returns
        -------
        Tensor of shape (2, n_tasks)
            Sums of weighted losses, and sums of weights.
        """
        own = self.member_sums(outputs, targets, weights)
        if own.dim() == 2:
            return own
        every = own.sum(dim=1)
        return every if weights.dim() == outputs.dim() else every / len(outputs)

    def member_sums(self, outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Sum every task's weighted losses, and its weights, network by network.

        Parameters
        ----------
        outputs, targets, weights : Tensor
            As in `sums`.

        Returns
        -------
        Tensor of shape (2, n_members, n_tasks)
            Sums of weighted losses, and sums of weights; without the axis of the members if the
            outputs have none.
        """
        # A loss without a label may overflow, or its gradient, and 0 * inf is NaN: fill what the
        # loss reads, before computing it.
        labelled = weights > 0
        targets = torch.where(labelled, targets, 0.0).expand(*outputs.shape[:-1], -1)
        losses = []
        for (task, positions, _), own in zip(self.groups, self._by_group(outputs), strict=True):
            read = own.unflatten(-1, (-1, task.n_outputs))
            read = torch.where(labelled[..., positions].unsqueeze(-1), read, 0.0)
            part = task.loss(read, targets[..., positions])
            check_shape(task, "loss", part, read.shape[:-1])
            losses.append(part)
        every = losses[0] if len(losses) == 1 else torch.cat(losses, dim=-1)
        of_losses = (weights * every).sum(dim=-2)
        return torch.stack([of_losses, weights.sum(dim=-2).expand_as(of_losses)])

    def _by_group(self, outputs: Tensor) -> Sequence[Tensor]:
        """Take the outputs apart; at once, so that their gradients are joined at once too."""
        if len(self.groups) == 1:
            return [outputs]
        sizes = [columns.stop - columns.start for _, _, columns in self.groups]
        return outputs.split(sizes, dim=-1)

    @staticmethod
    def means(sums: Tensor) -> Tensor:
        """Turn sums of losses and of weights into the tasks' mean losses, of shape (n_tasks,)."""
        total = torch.where(sums[1] > 0, sums[1], 1.0)
        return sums[0] / total


def check_shape(task: Task, method: str, result: Tensor, expected: Sequence[int]) -> None:
    """Check the shape of what a method of a task, which may be a user's own, returned."""
    if tuple(result.shape) != tuple(expected):
        raise ValueError(
            f"{type(task).__name__}.{method} returned a tensor of shape {tuple(result.shape)}; "
            f"expected {tuple(expected)}."
        )
