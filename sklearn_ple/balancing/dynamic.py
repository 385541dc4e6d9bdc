"""Dynamic weight averaging (Liu, Johns and Davison: CVPR 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from ..tasks import Task, is_weight
from .balancer import Balancer, check_option
from .batch import Batch

# The softmax of an infinite ratio would be NaN.
_GREATEST_RATIO = 1e30


class DynamicWeightAveraging(Balancer):
    """Dynamic weight averaging: tasks whose losses fall more slowly have greater weights.

    Let ``L_k(t)`` be the mean loss of task k in epoch t, without ``task_weights``, and ``r_k =
    L_k(t - 1) / L_k(t - 2)``. The weights in epoch t are ``n_tasks * softmax(r / temperature)``.
    In the first two epochs all weights are 1. ``balancing="dwa"`` stands for this class with its
    default.

    Parameters
    ----------
    temperature : float, default=2.0
        Temperature of the softmax: the higher it is, the more equal are the weights. The default
        is that of the paper.

    References
    ----------
    S. Liu, E. Johns, A. J. Davison. "End-to-End Multi-Task Learning with Attention". CVPR 2019.

    Examples
    --------
    >>> from sklearn_ple import PLERegressor
    >>> from sklearn_ple.balancing import DynamicWeightAveraging
    >>> balancer = DynamicWeightAveraging(temperature=1.0)
    >>> model = PLERegressor(balancing=balancer, max_epochs=3, random_state=0)
    >>> X, y = [[0.0], [1.0], [2.0]], [[0.1, 3.0], [0.9, 2.0], [2.1, 1.0]]
    >>> model.fit(X, y).n_iter_
    3
    """

    members_apart: ClassVar[bool] = True
    sums: Tensor
    shares: Tensor
    means: Tensor
    weights: Tensor

    def __init__(self, temperature: float = 2.0):
        super().__init__()
        self.temperature = temperature

    def start(self, tasks: Sequence[Task], n_members: int) -> None:
        """Start with equal weights and no losses.

        Parameters
        ----------
        tasks : sequence of Task
            The fitted tasks.
        n_members : int
            Number of members of the ensemble.

        Raises
        ------
        ValueError
            If the temperature is not a finite number above 0.
        """
        value = self.temperature
        is_temperature = is_weight(value) and value > 0
        check_option("temperature", value, is_temperature, "a finite number greater than 0")
        shape = n_members, len(tasks)
        # Sums of losses and of shares in this epoch, and the mean losses of the last two epochs.
        self.register_buffer("sums", torch.zeros(shape))
        self.register_buffer("shares", torch.zeros(shape))
        self.register_buffer("means", torch.zeros(2, *shape))
        self.register_buffer("weights", torch.ones(shape))

    def begin_epoch(self) -> None:
        """Compute the weights from the losses of the last two epochs."""
        latest = torch.where(self.shares > 0, self.sums / self.shares, self.means[1])
        self.means.copy_(torch.stack([self.means[1], latest]))
        before, after = self.means
        ratios = torch.where((before > 0) & (after > 0), after / before, 1.0)
        ratios = ratios.clamp(max=_GREATEST_RATIO)
        n_tasks = ratios.shape[1]
        self.weights.copy_(n_tasks * (ratios / self.temperature).softmax(dim=1))
        self.sums.zero_()
        self.shares.zero_()

    def weigh(self, batch: Batch) -> Tensor:
        """Return the weights of the epoch, and add up the losses for the next.

        Parameters
        ----------
        batch : Batch
            The losses of a batch.

        Returns
        -------
        Tensor of shape (n_members, n_tasks)
            The weights.
        """
        # A change of the task weights is no progress. Where a weight is zero, so is the share.
        losses = batch.losses.detach() / batch.task_weights
        self.sums += torch.where(batch.shares > 0, losses, 0.0)
        self.shares += batch.shares
        return self.weights.clone()
