"""The geometric mean of the losses (Chennupati, Sistu, Yogamani and Rawashdeh: CVPRW 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from ..tasks import Task
from .balancer import Balancer
from .batch import Batch
from .lowest import LowestLosses


class GeometricMean(Balancer):
    """Geometric loss strategy: the geometric mean of the tasks' losses.

    The joint loss is ``n * prod_k L_k ** (1 / n)`` over the n tasks with a label in the batch. The
    weight of a task is thus the geometric mean divided by the task's loss. Multiplying a loss by a
    constant does not change the direction of the step. Losses must not be negative.

    ``balancing="geometric"`` stands for this class.

    References
    ----------
    S. Chennupati, G. Sistu, S. Yogamani, S. A. Rawashdeh. "MultiNet++: Multi-Stream Feature
    Aggregation and Geometric Loss Strategy for Multi-Task Learning". CVPR Workshops 2019.

    Examples
    --------
    >>> from sklearn_ple import PLERegressor
    >>> from sklearn_ple.balancing import GeometricMean
    >>> balancer = GeometricMean()
    >>> model = PLERegressor(balancing=balancer, max_epochs=2, random_state=0)
    >>> X, y = [[0.0], [1.0], [2.0]], [[0.1, 3.0], [0.9, 2.0], [2.1, 1.0]]
    >>> model.fit(X, y).n_iter_
    2
    """

    members_apart: ClassVar[bool] = True
    ignores_size: bool = True

    def start(self, tasks: Sequence[Task], n_members: int) -> None:
        """Prepare for the check of the losses.

        Parameters
        ----------
        tasks : sequence of Task
            The fitted tasks.
        n_members : int
            Number of members of the ensemble.
        """
        self.lowest = LowestLosses(tasks)

    def begin_epoch(self) -> None:
        """Check the losses of the last epoch.

        Raises
        ------
        ValueError
            If a loss was negative.
        """
        self.lowest.check()

    def weigh(self, batch: Batch) -> Tensor:
        """Compute the gradient of the joint loss with respect to the losses.

        Parameters
        ----------
        batch : Batch
            The losses of a batch.

        Returns
        -------
        Tensor of shape (n_members, n_tasks)
            The weights.
        """
        labelled = batch.shares > 0
        losses = batch.losses.detach()
        self.lowest.add(losses, labelled)
        info = torch.finfo(losses.dtype)
        logs = losses.clamp(info.tiny, info.max).log()
        n_labelled = labelled.sum(dim=1, keepdim=True).clamp(min=1)
        mean = torch.where(labelled, logs, 0.0).sum(dim=1, keepdim=True) / n_labelled
        return (mean - logs).exp()
