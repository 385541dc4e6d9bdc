"""Fast adaptive multitask optimization (Liu, Feng, Stone and Liu: NeurIPS 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from ..tasks import Task
from .balancer import Balancer
from .batch import Batch

# As in the authors' code: the least loss, and Adam's numbers.
_LEAST = 1e-8
_BETAS = 0.9, 0.999
_EPS = 1e-8


class FAMO(Balancer):
    """Fast adaptive multitask optimization: the logarithms of the losses fall at one rate.

    With ``z = softmax(xi)`` the joint loss is ``c * sum_k z_k log L_k``, with c such that the
    losses' weights ``c * z_k / L_k`` have the mean one. After a step, ``xi`` follows the gradient
    ``J^T (log L - log L') + decay * xi``, with L' the losses of the same rows after the step and J
    the Jacobian of the softmax: a task whose loss fell less than others' counts more.

    L' takes another forward pass, of the same rows with the same units dropped. So ``xi`` is
    updated in every few steps only. It follows Adam, as in the authors' code. Tasks without a
    label in a batch have no part in it.

    Parameters
    ----------
    learning_rate : float, default=0.025
        Learning rate of ``xi``.
    decay : float, default=1e-3
        How much ``xi`` is drawn to equal weights, gamma in the paper.
    every : int, default=8
        In which steps ``xi`` is updated. The paper's method is 1.

    References
    ----------
    B. Liu, Y. Feng, P. Stone, Q. Liu. "FAMO: Fast Adaptive Multitask Optimization". NeurIPS 2023.

    Examples
    --------
    >>> from sklearn_ple import PLERegressor
    >>> from sklearn_ple.balancing import FAMO
    >>> model = PLERegressor(balancing=FAMO(every=1), max_epochs=2, random_state=0)
    >>> model.fit([[0.0], [1.0], [2.0]], [[0.1, 3.0], [0.9, 2.0], [2.1, 1.0]]).n_iter_
    2
    """

    members_apart: ClassVar[bool] = True
    xi: Tensor
    moments: Tensor
    n_updates: Tensor

    def __init__(self, learning_rate: float = 0.025, decay: float = 1e-3, every: int = 8):
        super().__init__()
        self.learning_rate = learning_rate
        self.decay = decay
        self.every = every
        self._n_steps = 0

    def start(self, tasks: Sequence[Task], n_members: int) -> None:
        """Start with equal logits.

        Parameters
        ----------
        tasks : sequence of Task
            The tasks.
        n_members : int
            Number of members.
        """
        shape = n_members, len(tasks)
        self.register_buffer("xi", torch.zeros(shape))
        # Adam's first and second moments, and how often each logit was updated.
        self.register_buffer("moments", torch.zeros(2, *shape))
        self.register_buffer("n_updates", torch.zeros(shape))

    def begin_epoch(self) -> None:
        """Count the steps anew, so that each epoch has an update."""
        self._n_steps = 0

    def _shares_of(self, labelled: Tensor) -> Tensor:
        """Compute z, over the tasks that have a label."""
        shares = torch.where(labelled, self.xi, -torch.inf).softmax(dim=1)
        return torch.where(labelled, shares, 0.0)

    def weigh(self, batch: Batch) -> Tensor:
        """Compute the gradient of the joint loss by the losses.

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
        # The greatest ratio is one, so that nothing overflows.
        losses = batch.losses.detach().clamp(min=_LEAST)
        least = torch.where(labelled, losses, torch.inf).amin(dim=1, keepdim=True)
        ratios = self._shares_of(labelled) * (least / losses)
        n_labelled = labelled.sum(dim=1, keepdim=True)
        return n_labelled * ratios / ratios.sum(dim=1, keepdim=True)

    @torch.no_grad()
    def after_step(self, batch: Batch) -> None:
        """Update the logits by how much the logarithms of the losses fell.

        Parameters
        ----------
        batch : Batch
            The losses of the batch as they were before the step.
        """
        self._n_steps += 1
        if (self._n_steps - 1) % self.every:
            return
        labelled = batch.shares > 0
        before, after = (part.clamp(min=_LEAST).log() for part in (batch.losses, batch.again()))
        falls = torch.where(labelled, before - after, 0.0)
        shares = self._shares_of(labelled)
        gradient = shares * (falls - (shares * falls).sum(dim=1, keepdim=True))
        gradient = gradient + self.decay * self.xi
        labelled = labelled & gradient.isfinite()
        gradient = torch.where(labelled, gradient, 0.0)
        first, second = _BETAS
        moments = torch.stack(
            [
                self.moments[0].lerp(gradient, 1 - first),
                self.moments[1].lerp(gradient**2, 1 - second),
            ]
        )
        self.moments.copy_(torch.where(labelled, moments, self.moments))
        self.n_updates += labelled
        n = self.n_updates.clamp(min=1)
        mean, square = self.moments[0] / (1 - first**n), self.moments[1] / (1 - second**n)
        self.xi -= torch.where(labelled, self.learning_rate * mean / (square.sqrt() + _EPS), 0.0)
