"""What a balancer is given of a batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from .representation import Representation


@dataclass(frozen=True)
class Batch:
    """The losses of a batch, member by member.

    Parameters
    ----------
    losses : Tensor of shape (n_members, n_tasks)
        Each member's losses, each times the task's weight in the joint loss: the sum over the
        labels that are there, divided by the weight that a batch of so many rows has on average.
        So the mean over the batches is the loss over all rows. That of a task without a label in
        the batch is zero, and so is its gradient.
    shares : Tensor of shape (n_members, n_tasks)
        How much the labels in the batch weigh, relative to a batch of so many rows on average:
        zero for a task without a label, or of weight zero.
    again : callable
        Computes the same losses under the network's weights of now, of the same rows and with the
        same units dropped, without gradients.
    representation : Representation, optional
        What the towers read, for a balancer that has ``reads_representation``.

    Examples
    --------
    A member's losses of two tasks, of which the second one has no label:

    >>> import torch
    >>> from sklearn_ple.balancing import Batch, GeometricMean
    >>> losses = torch.tensor([[0.5, 0.0]])
    >>> batch = Batch(losses, shares=torch.tensor([[1.0, 0.0]]), again=lambda: losses)
    >>> GeometricMean().weigh(batch)[0, 0]
    tensor(1.)
    """

    losses: Tensor
    shares: Tensor
    again: Callable[[], Tensor]
    representation: Representation | None = None
