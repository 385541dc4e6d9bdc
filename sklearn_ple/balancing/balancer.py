"""How the losses of several tasks become one step of training."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from ..processes import current
from ..tasks import Task
from .batch import Batch


class Balancer(nn.Module, ABC):
    """Turns the losses of several tasks into the gradients of one step.

    A new method is one subclass with `weigh`, which computes how much each task counts in a step;
    the estimators' ``balancing`` takes an object of it. Each training starts with a copy of that.
    All members, independent networks, are trained side by side, so that losses and weights have
    one row for each. Four further hooks are optional:

    - `start`, where what depends on the number of tasks is made;
    - `begin_epoch` and `after_step`, to learn from what training achieved;
    - `backward`, for a method that is not a weighted sum of the losses.

    Parameters that it has are learnt with those of the network, but do not decay. What it
    remembers from step to step are buffers: ``checkpoint_dir`` and ``warm_start`` keep both.
    Validation, the members' weights and the losses in ``history_`` do not go through it: they
    always use the weighted sum of the losses.

    Attributes
    ----------
    reads_representation : bool, default=False
        Whether `backward` works at ``batch.representation``.
    members_apart : bool, default=False
        Whether what it makes of a member's losses depends on no other member's, and its parameters
        and buffers are of shape (..., n_members, n_tasks), as those of this package are that do
        not weigh gradients. Then members can be trained in groups, see ``n_jobs`` of the
        estimators; other groups' members have losses there, too, which do not count.

    See Also
    --------
    Batch : What it is given.

    Examples
    --------
    Each loss is divided by its own size, so that none outweighs the others:

    >>> from sklearn_ple import PLERegressor
    >>> from sklearn_ple.balancing import Balancer
    >>> class EqualSizes(Balancer):
    ...     def weigh(self, batch):
    ...         return 1 / batch.losses.clamp(min=1e-6)
    >>> model = PLERegressor(balancing=EqualSizes(), max_epochs=2, random_state=0)
    >>> model.fit([[0.0], [1.0], [2.0]], [[0.1, 3.0], [0.9, 2.0], [2.1, 1.0]]).n_iter_
    2
    """

    reads_representation: ClassVar[bool] = False
    members_apart: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__()

    def start(self, tasks: Sequence[Task], n_members: int) -> None:
        """Prepare for a network's tasks; nothing by default.

        Parameters
        ----------
        tasks : sequence of Task
            The tasks, fitted. What a balancer learns for each of them is made here.
        n_members : int
            Number of members.
        """

    def begin_epoch(self) -> None:
        """Prepare for the next epoch of training; nothing by default."""

    @abstractmethod
    def weigh(self, batch: Batch) -> Tensor:
        """Compute how much each task counts in a step.

        Parameters
        ----------
        batch : Batch
            The losses of a batch.

        Returns
        -------
        Tensor of shape (n_members, n_tasks)
            The factors of the losses, which are not differentiated. That of a task without a label
            is not read. If they are 1 in the mean, a learning rate suits as for the sum.
        """

    def backward(self, batch: Batch) -> Tensor | None:
        """Add a batch's gradients to those of the network's parameters.

        By default they are those of the weighted sum, with the weights of `weigh`.

        Parameters
        ----------
        batch : Batch
            The losses of a batch. The network's parameters have no gradients yet.

        Returns
        -------
        Tensor of shape (n_members, n_tasks) or None
            The weights, for ``history_``; None if there is nothing to show.
        """
        weights = torch.where(batch.shares > 0, self.weigh(batch), 0.0)
        # Of what is drawn, several processes take the same.
        weights = current().same(weights.detach())
        (weights * batch.losses).sum(dim=1).mean().backward()
        return weights

    def after_step(self, batch: Batch) -> None:
        """Learn from a step that the network took; nothing by default.

        Parameters
        ----------
        batch : Batch
            The losses of the batch as they were before the step.
        """


class WeightedSum(Balancer):
    """The joint loss of Progressive Layered Extraction: the weighted sum of the tasks' losses.

    It is what ``balancing="equal"`` stands for.

    Examples
    --------
    >>> from sklearn_ple import PLERegressor
    >>> from sklearn_ple.balancing import WeightedSum
    >>> PLERegressor(balancing=WeightedSum())
    PLERegressor(balancing=WeightedSum())
    """

    members_apart: ClassVar[bool] = True

    def weigh(self, batch: Batch) -> Tensor:
        """Weigh all tasks alike.

        Parameters
        ----------
        batch : Batch
            The losses of a batch.

        Returns
        -------
        Tensor of shape (n_members, n_tasks)
            Ones.
        """
        return torch.ones_like(batch.losses)

    def backward(self, batch: Batch) -> None:
        """Differentiate the sum.

        Parameters
        ----------
        batch : Batch
            The losses of a batch.
        """
        batch.losses.sum(dim=1).mean().backward()
