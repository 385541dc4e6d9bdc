"""Balancers that compare the logarithms of the losses, which must not be negative."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..tasks import Task
from .balancer import Balancer, Batch

# Rounding may leave a loss slightly below zero.
_ROUNDING = 1e-5


class LogarithmicBalancer(Balancer):
    """Base class of balancers that compare the logarithms of the losses.

    They remember the lowest loss of each task in an epoch, and check it before the next epoch. A
    check in every step would make a GPU wait.
    """

    members_apart = True
    ignores_size = True

    def start(self, tasks: Sequence[Task], n_members: int) -> None:
        """Prepare for the check of the losses.

        Parameters
        ----------
        tasks : sequence of Task
            The fitted tasks.
        n_members : int
            Number of members of the ensemble.
        """
        self._names = [task.name for task in tasks]
        self._lowest: Tensor | None = None

    def begin_epoch(self) -> None:
        """Check the losses of the last epoch.

        Raises
        ------
        ValueError
            If a loss was negative. The message names the tasks.
        """
        lowest = [] if self._lowest is None else self._lowest.tolist()
        self._lowest = None
        pairs = zip(self._names, lowest, strict=False)
        if negative := [name for name, least in pairs if least < -_ROUNDING]:
            raise ValueError(
                f"The losses of the tasks {negative} are negative, and this balancing compares "
                "the logarithms of losses: add a constant to the loss of their kind of task, or "
                'use another balancing, such as "equal".'
            )

    def read_losses(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the losses of a batch, and which tasks have a label, for `weigh`.

        Parameters
        ----------
        batch : Batch
            The losses of a batch.

        Returns
        -------
        losses : Tensor of shape (n_members, n_tasks)
            The losses, without gradients.
        labelled : Tensor of bool of shape (n_members, n_tasks)
            Whether a task has a label in the batch.
        """
        losses, labelled = batch.losses.detach(), batch.shares > 0
        lowest = torch.where(labelled, losses, torch.inf).amin(dim=0)
        self._lowest = lowest if self._lowest is None else torch.minimum(self._lowest, lowest)
        return losses, labelled
