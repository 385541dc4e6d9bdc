"""The base class of balancers, the batches that they read, and the weighted sum of losses."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from ..nn.axes import Axes, Axis
from ..nn.shapes import check_tensor
from ..tasks import Task
from ..utils.checks import show_options
from ..utils.processes import current
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


class Balancer(nn.Module, ABC):
    """Base class of the balancers, which turn the losses of several tasks into one step.

    A new method is a subclass with `weigh`, which computes the weight of each task's loss in a
    step. Pass an instance as ``balancing`` to an estimator; each training starts with a copy of
    it. The members of the ensemble, which are independent networks, are trained side by side, so
    losses and weights have one row for each member. Four other methods are optional:

    - `start` creates what depends on the number of tasks;
    - `begin_epoch` and `after_step` learn from the progress of training;
    - `backward` is for methods that are not a weighted sum of the losses.

    A balancer is a torch module. Its parameters are learnt together with those of the network,
    without weight decay. What it remembers from one step to the next must be in buffers. Both are
    saved by ``checkpoint_dir`` and kept by ``warm_start``.

    Only training uses the balancer. Validation, the weights of the members and the losses in
    ``history_`` always use the weighted sum of the losses.

    Attributes
    ----------
    reads_representation : bool, default=False
        Whether `backward` uses ``batch.representation``, the input of the towers.
    members_apart : bool, default=False
        Whether members are balanced independently: the weights of a member do not depend on the
        losses of others, and `declare_axes` declares the axis of the members of each parameter and
        buffer. This is so for the balancers of this package that do not weigh gradients. Then
        members can be trained in jobs, see ``n_jobs`` of the estimators.
    ignores_size : bool, default=False
        Whether a task's part in a step does not depend on the size of its loss. ``task_weights``
        then have next to no effect, and estimators warn of it.

    See Also
    --------
    Batch : The losses of a batch, which the methods receive.

    Examples
    --------
    Each loss is divided by its own size, so that none outweighs the others:

    >>> from sklearn_ple import PLERegressor
    >>> from sklearn_ple.balancing import Balancer
    >>> class EqualSizes(Balancer):
    ...     def weigh(self, batch):
    ...         return 1 / batch.losses.clamp(min=1e-6)
    >>> balancer = EqualSizes()
    >>> model = PLERegressor(balancing=balancer, max_epochs=2, random_state=0)
    >>> X, y = [[0.0], [1.0], [2.0]], [[0.1, 3.0], [0.9, 2.0], [2.1, 1.0]]
    >>> model.fit(X, y).n_iter_
    2
    """

    reads_representation: ClassVar[bool] = False
    members_apart: ClassVar[bool] = False
    ignores_size: bool = False

    def __init__(self) -> None:
        super().__init__()

    def extra_repr(self) -> str:
        """Return the options that are kept under their names, for ``repr``.

        Returns
        -------
        str
            The options, such as "learning_rate=0.025".
        """
        return show_options(self)

    def start(self, tasks: Sequence[Task], n_members: int) -> None:
        """Create parameters and buffers; does nothing by default.

        Parameters
        ----------
        tasks : sequence of Task
            The fitted tasks.
        n_members : int
            Number of members of the ensemble.
        """

    def declare_axes(self) -> dict[str, Axes]:
        """Declare which axes of parameters and buffers belong to members and to tasks.

        Returns
        -------
        dict of str to tuple of (Axis or None)
            The axes, by name, see `sklearn_ple.nn.Body.declare_axes`. By default, with
            ``members_apart``, the last two axes are those of the members and of the tasks.
            Without it, the dict is empty.
        """
        if not self.members_apart:
            return {}
        return {
            name: (
                *[None] * (tensor.dim() - 2),
                Axis(n_members=tensor.shape[-2]),
                Axis.of_tasks(tensor.shape[-1]),
            )
            for name, tensor in self.state_dict().items()
        }

    def begin_epoch(self) -> None:
        """Prepare for the next epoch of training; does nothing by default."""

    @abstractmethod
    def weigh(self, batch: Batch) -> Tensor:
        """Compute the weight of each task in a step.

        Parameters
        ----------
        batch : Batch
            The losses of a batch.

        Returns
        -------
        Tensor of shape (n_members, n_tasks)
            The factors of the losses, through which no gradient flows. The factor of a task
            without a label in the batch is not read. If their mean is 1, the learning rate need
            not differ from that for the plain sum.
        """

    def backward(self, batch: Batch) -> Tensor | None:
        """Compute the gradients of the network's parameters.

        By default they are the gradients of the sum of the losses, weighted by `weigh`.

        Parameters
        ----------
        batch : Batch
            The losses of a batch. The network's parameters have no gradients yet.

        Returns
        -------
        Tensor of shape (n_members, n_tasks) or None
            The weights, which ``history_`` records; None if there are none to record.
        """
        weights = self.weigh(batch)
        check_tensor(f"{type(self).__name__}.weigh", weights, batch.losses.shape)
        weights = torch.where(batch.shares > 0, weights, 0.0)
        # Weights may be random: several processes must use the same.
        weights = current().same(weights.detach())
        (weights * batch.losses).sum(dim=1).mean().backward()
        return weights

    def after_step(self, batch: Batch) -> None:
        """Learn from a step of the network; does nothing by default.

        Parameters
        ----------
        batch : Batch
            The losses of the batch before the step. Its ``again`` computes those after the step.
        """


class WeightedSum(Balancer):
    """The weighted sum of the losses, which is the joint loss of Progressive Layered Extraction.

    This is ``balancing="equal"``, the default of the estimators.

    References
    ----------
    H. Tang, J. Liu, M. Zhao, X. Gong. "Progressive Layered Extraction (PLE): A Novel Multi-Task
    Learning (MTL) Model for Personalized Recommendations". RecSys 2020.

    Examples
    --------
    >>> from sklearn_ple import PLERegressor
    >>> from sklearn_ple.balancing import WeightedSum
    >>> PLERegressor(balancing=WeightedSum())
    PLERegressor(balancing=WeightedSum())
    """

    members_apart = True

    def weigh(self, batch: Batch) -> Tensor:
        """Return a weight of 1 for each task: the losses already include ``task_weights``.

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
        """Compute the gradients of the sum of the losses.

        Parameters
        ----------
        batch : Batch
            The losses of a batch.
        """
        batch.losses.sum(dim=1).mean().backward()
