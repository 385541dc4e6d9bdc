"""Balancing by the gradients of the tasks with respect to the input of the towers."""

import copy
import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ..nn.draws import drawing_from, in_all_functions
from ..tasks import Task
from ..utils.processes import current
from ..utils.versions import needing
from .balancer import Balancer, Batch

if TYPE_CHECKING:
    from torchjd.aggregation import GramianWeightedAggregator

# The aggregators of TorchJD, whose weights are those of a mean.
_AGGREGATORS = {"aligned_mtl": "AlignedMTL", "imtl_g": "IMTLG"}

#: Names of the methods that ``balancing`` accepts.
GRADIENT_METHODS = tuple(_AGGREGATORS)


class GradientBalancer(Balancer):
    """Balancer that weighs the gradients of the tasks with respect to the input of the towers.

    A step has three parts:

    1. The losses are differentiated through the towers. Each tower gets the plain gradient of its
       task.
    2. From the gradients with respect to the input of the towers, the method computes a weight for
       each task.
    3. The weighted gradients are propagated through the network below the towers, in one pass.

    If all towers read the same representation, as in a shared bottom, step 2 compares the
    gradients with respect to this representation. If each task has its own representation, as with
    gates, the gradients are compared as if the representation were shared: with respect to a shift
    that is added to all representations.

    Each member of the ensemble has its own weights. A task is left out of a step if it has no
    label in the batch, or if its gradient is zero.

    ``balancing="imtl_g"``, for example, stands for ``GradientBalancer("imtl_g")``.

    Parameters
    ----------
    method : str or object, default="imtl_g"
        One of the following names, or an aggregator of TorchJD that weighs gradients by their
        inner products (``torchjd.aggregation.GramianWeightedAggregator``):

        - "aligned_mtl" [1]_: the mean of the gradients, after their principal components are
          scaled to the same length;
        - "imtl_g" [2]_: the step whose projections onto the directions of all gradients are equal.

        An aggregator must accept any number of tasks, so it cannot have preferences among them:
        use ``task_weights``.

        With a name, the gradients are summed, not averaged: if they are orthogonal and equally
        long, each has a weight of 1. All methods need TorchJD:
        ``pip install 'sklearn-ple[balancing]'``.

    References
    ----------
    .. [1] D. Senushkin, N. Patakin, A. Kuznetsov, A. Konushin. "Independent Component Alignment
           for Multi-Task Learning". CVPR 2023.
    .. [2] L. Liu, Y. Li, Z. Kuang, J.-H. Xue, Y. Chen, W. Yang, Q. Liao, W. Zhang. "Towards
           Impartial Multi-task Learning". ICLR 2021.

    Examples
    --------
    >>> from sklearn_ple import PLERegressor
    >>> from sklearn_ple.balancing import GradientBalancer
    >>> balancer = GradientBalancer("imtl_g")
    >>> model = PLERegressor(balancing=balancer, max_epochs=2, random_state=0)
    >>> X, y = [[0.0], [1.0], [2.0]], [[0.1, 3.0], [0.9, 2.0], [2.1, 1.0]]
    >>> model.fit(X, y).n_iter_
    2
    """

    reads_representation = True

    method: Any
    aggregators: Any

    def __init__(self, method: "str | GramianWeightedAggregator" = "imtl_g"):
        super().__init__()
        self.method = method
        # The steps of this method do not depend on the lengths of the gradients.
        self.ignores_size = isinstance(method, str) and method == "imtl_g"

    def start(self, tasks: Sequence[Task], n_members: int) -> None:
        """Check the method and, if it is an aggregator, copy it.

        Parameters
        ----------
        tasks : sequence of Task
            The fitted tasks.
        n_members : int
            Number of members of the ensemble. Each has its own copy of an aggregator, which may
            remember earlier steps.

        Raises
        ------
        ValueError
            If the method is an unknown name, an object that does not weigh gradients, or an
            aggregator that does not fit the number of tasks, or one less.
        """
        if isinstance(self.method, str) and self.method in GRADIENT_METHODS:
            return
        if not weighs_gradients(self.method):
            raise ValueError(
                f"method={self.method!r} does not weigh gradients: it must be one of "
                f"{GRADIENT_METHODS}, or a GramianWeightedAggregator of TorchJD."
            )
        # A batch may have no label of a task.
        for n_tasks in range(max(len(tasks) - 1, 1), len(tasks) + 1):
            try:
                # Neither what it remembers nor the random numbers of training may change.
                with drawing_from(0), in_all_functions():
                    copy.deepcopy(self.method).gramian_weighting(torch.eye(n_tasks))
            except ValueError as error:
                raise ValueError(
                    f"method={self.method!r} must fit a batch with labels of {n_tasks} of the "
                    f"tasks {[task.name for task in tasks]}: {error} Set preferences by "
                    "task_weights."
                ) from error
        self.aggregators = nn.ModuleList(copy.deepcopy(self.method) for _ in range(n_members))

    def weigh(self, batch: Batch) -> Tensor:
        """Differentiate the losses through the towers, and compute the weights of the gradients.

        Parameters
        ----------
        batch : Batch
            The losses of a batch.

        Returns
        -------
        Tensor of shape (n_members, n_tasks)
            The weights.
        """
        representation: Any = batch.representation
        # In the order of the towers, so that no rounding depends on the order of y's columns.
        order = representation.order
        gradients = representation.gradients(batch.losses).float()
        gramians, there = _multiply_gradients(gradients, batch.shares[:, order] > 0)
        weights = torch.ones(there.shape, dtype=torch.float64)
        # Gradients that are not finite keep a weight of 1: the loss then ends the training.
        usable = gramians.isfinite().all(dim=2).all(dim=1)
        for member in (usable & there.any(dim=1)).nonzero().flatten().tolist():
            tasks = there[member].nonzero().flatten()
            gramian = gramians[member][tasks][:, tasks]
            weights[member, tasks] = self._weigh_gradients(member, gramian)
        return current().same(weights[:, order.argsort()].to(batch.losses))

    def backward(self, batch: Batch) -> Tensor:
        """Propagate the weighted gradients through the network below the towers.

        Parameters
        ----------
        batch : Batch
            The losses of a batch.

        Returns
        -------
        Tensor of shape (n_members, n_tasks)
            The weights.
        """
        weights = self.weigh(batch)
        representation: Any = batch.representation
        representation.backward(weights)
        return weights

    def _weigh_gradients(self, member: int, gramian: Tensor) -> Tensor:
        """Compute the weights of a member's gradients from their inner products."""
        if isinstance(self.method, str):
            # By its name, a method weighs a sum instead of a mean.
            return len(gramian) * _make_aggregator(self.method).gramian_weighting(gramian)
        with in_all_functions():
            return self.aggregators[member].gramian_weighting(gramian)


def _multiply_gradients(gradients: Tensor, labelled: Tensor) -> tuple[Tensor, Tensor]:
    """Return the inner products of gradients by member, and which gradients count.

    The products are in units of the square of the member's largest entry. A gradient counts if its
    task is labelled and it is not zero.
    """
    # Gradients are scaled so that no square overflows or underflows if those of one task are by
    # far the largest. A process may have no row of a batch.
    sizes = gradients.abs().amax(dim=2) if gradients.numel() else gradients.sum(dim=2)
    sizes = current().greatest(sizes)
    there = labelled & (sizes > 0)
    gradients = gradients / torch.where(there, sizes, 1.0).unsqueeze(2)
    products = current().total(torch.bmm(gradients, gradients.mT)).cpu().double()
    sizes = sizes.cpu().double()
    sizes = sizes / sizes.amax(dim=1, keepdim=True)
    return products * sizes.unsqueeze(1) * sizes.unsqueeze(2), there.cpu()


def weighs_gradients(value: object) -> bool:
    """Return whether a value is an aggregator of TorchJD that weighs gradients.

    TorchJD is not imported for this.
    """
    bases = {f"{base.__module__}.{base.__qualname__}" for base in type(value).__mro__}
    return "torchjd.aggregation._aggregator_bases.GramianWeightedAggregator" in bases


def _make_aggregator(name: str) -> "GramianWeightedAggregator":
    """Make an aggregator of TorchJD, which remembers nothing."""
    with needing(f"balancing={name!r} needs TorchJD", "balancing"):
        return getattr(importlib.import_module("torchjd.aggregation"), _AGGREGATORS[name])()
