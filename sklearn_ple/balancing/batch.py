"""The losses of a batch, as a balancer receives them."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from .representation import Representation


@dataclass(frozen=True)
class Batch:
    """The losses of a batch, of each member of the ensemble and each task.

    Parameters
    ----------
    losses : Tensor of shape (n_members, n_tasks)
        The sum of a task's losses over the labels in the batch, times the task's weight in the
        joint loss, and divided by the total weight of the task's labels in an average batch of the
        same size. The mean over all batches is thus the loss over all rows. If a task has no label
        in the batch, its loss and the gradient of its loss are zero.
    shares : Tensor of shape (n_members, n_tasks)
        Total weight of a task's labels in the batch, relative to an average batch of the same
        size: zero if the task has no label in the batch, or if its weight in the joint loss is
        zero.
    again : callable
        A function without arguments that computes the same losses with the current weights of the
        network. Rows and dropped units are the same; gradients are not computed.
    representation : Representation, optional
        The input of the towers, for balancers with ``reads_representation``.

    Examples
    --------
    The losses of one member for two tasks, of which the second has no label in the batch:

    >>> import torch
    >>> from sklearn_ple.balancing import Batch, WeightedSum
    >>> losses, shares = torch.tensor([[0.5, 0.0]]), torch.tensor([[1.0, 0.0]])
    >>> batch = Batch(losses, shares, again=lambda: losses)
    >>> WeightedSum().weigh(batch)
    tensor([[1., 1.]])
    """

    losses: Tensor
    shares: Tensor
    again: Callable[[], Tensor]
    representation: Representation | None = None
