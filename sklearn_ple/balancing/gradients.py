"""Balancing by the gradients of the tasks with respect to the input of the towers."""

import copy
import importlib
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from ..distributed import current
from ..nn.draws import drawing_from, in_all_functions
from ..tasks import Task
from ..utils.versions import needing
from .balancer import Balancer, Batch

# TorchJD's weightings, and whether they weigh the mean of the gradients instead of their sum.
_WEIGHTINGS = {
    "upgrad": ("UPGradWeighting", False),
    "aligned_mtl": ("AlignedMTLWeighting", True),
    "pcgrad": ("PCGradWeighting", False),
    "imtl_g": ("IMTLGWeighting", True),
}

# Added to the diagonal of gramians of trace 1, which are rounded to float32 and may be singular.
# TorchJD's own 1e-4 moves weights by up to a hundredth.
_REGULARISATION = 1e-6

#: Names of the methods that ``balancing`` accepts.
GRADIENT_METHODS = tuple(_WEIGHTINGS)


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

    ``balancing="upgrad"``, for example, stands for ``GradientBalancer("upgrad")``.

    Parameters
    ----------
    method : str or object, default="upgrad"
        One of the following names, or an aggregator of TorchJD that weighs gradients
        (``torchjd.aggregation.WeightedAggregator``):

        - "upgrad" [1]_: the sum of the gradients, each projected onto the directions that harm no
          task;
        - "aligned_mtl" [2]_: the mean of the gradients, after their principal components are
          scaled to the same length;
        - "pcgrad" [3]_: the sum of the gradients, from each of which the components that conflict
          with other gradients are removed one by one;
        - "imtl_g" [4]_: the step whose projections onto the directions of all gradients are equal.

        An aggregator that has weights or preferences of the tasks reads them in the order of y's
        columns. It gets zeros as the gradient of a task that is left out of a step.

        With a name, the gradients are summed, not averaged: if they are orthogonal and equally
        long, each has a weight of 1. All methods need TorchJD:
        ``pip install 'sklearn-ple[balancing]'``.

    References
    ----------
    .. [1] P. Quinton, V. Rey. "Jacobian Descent for Multi-Objective Optimization". 2024.
    .. [2] D. Senushkin, N. Patakin, A. Kuznetsov, A. Konushin. "Independent Component Alignment
           for Multi-Task Learning". CVPR 2023.
    .. [3] T. Yu, S. Kumar, A. Gupta, S. Levine, K. Hausman, C. Finn. "Gradient Surgery for
           Multi-Task Learning". NeurIPS 2020.
    .. [4] L. Liu, Y. Li, Z. Kuang, J.-H. Xue, Y. Chen, W. Yang, Q. Liao, W. Zhang. "Towards
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

    def __init__(self, method: Any = "upgrad"):
        super().__init__()
        self.method = method
        self.takes_all = False
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
            aggregator for another number of tasks.
        """
        if isinstance(self.method, str):
            if self.method not in GRADIENT_METHODS:
                raise ValueError(
                    f"method={self.method!r} is unknown: it must be one of {GRADIENT_METHODS}, or "
                    "an aggregator of TorchJD."
                )
            return
        if not weighs_gradients(self.method):
            raise ValueError(
                f"method={self.method!r} does not weigh gradients: it must be one of "
                f"{GRADIENT_METHODS}, or a WeightedAggregator of TorchJD."
            )
        n_tasks = len(tasks)
        if (mistake := _find_refusal(self.method, n_tasks)) is not None:
            raise ValueError(
                f"method={self.method!r} does not fit the {n_tasks} tasks "
                f"{[task.name for task in tasks]}: {mistake}"
            )
        # One with preferences takes a gradient of every task.
        self.takes_all = n_tasks > 1 and _find_refusal(self.method, n_tasks - 1) is not None
        self.aggregators = nn.ModuleList(copy.deepcopy(self.method) for _ in range(n_members))
        for aggregator in self.aggregators:
            # AlignedMTL multiplies them by products of the gradients, which are in float64.
            if getattr(aggregator, "pref_vector", None) is not None:
                aggregator.pref_vector = aggregator.pref_vector.double()

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
        if not isinstance(self.method, str):
            # An aggregator may have preferences, which are in the order of y's columns.
            gradients, order = gradients[:, order.argsort()], torch.arange(len(order))
        gramians, there = _multiply_gradients(gradients, batch.shares[:, order] > 0)
        weights = torch.ones(there.shape, dtype=torch.float64)
        # Gradients that are not finite keep a weight of 1: the loss then ends the training.
        usable = gramians.isfinite().all(dim=2).all(dim=1)
        for mask in there[usable].unique(dim=0):
            members = (usable & (there == mask).all(dim=1)).nonzero().squeeze(1)
            (tasks,) = (mask | self.takes_all).nonzero(as_tuple=True)
            if mask.any():
                part = gramians[members][:, tasks][:, :, tasks]
                weights[members.unsqueeze(1), tasks] = self._weights_of(part, members.tolist())
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

    def _weights_of(self, gramians: Tensor, members: Sequence[int]) -> Tensor:
        """Compute the weights of some members, of shape (n_members, n_tasks)."""
        if isinstance(self.method, str):
            return _make_method(self.method)(gramians)
        with in_all_functions():
            return torch.stack(
                [
                    _weigh_by(self.aggregators[member], gramian)
                    for member, gramian in zip(members, gramians, strict=True)
                ]
            )


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


def weighs_gradients(value: Any) -> bool:
    """Return whether a value is an aggregator of TorchJD that weighs gradients.

    TorchJD is not imported for this.
    """
    bases = {f"{base.__module__}.{base.__qualname__}" for base in type(value).__mro__}
    return "torchjd.aggregation._aggregator_bases.WeightedAggregator" in bases


def _make_method(name: str) -> Callable[[Tensor], Tensor]:
    """Return the function that turns inner products of gradients, by member, into weights."""
    with needing(f"balancing={name!r} needs TorchJD", "balancing"):
        torchjd = importlib.import_module("torchjd.aggregation")
        class_name, is_of_mean = _WEIGHTINGS[name]
        options: dict[str, Any] = {}
        if name == "upgrad":
            linalg = importlib.import_module("torchjd.linalg")
            options["projector"] = linalg.QuadprogProjector(reg_eps=_REGULARISATION)
        weighting = getattr(torchjd, class_name)(**options)

    def project(gramian: Tensor) -> Tensor:
        # Of unit length: beside a long gradient, the regularisation would outweigh a short one.
        lengths = gramian.diagonal().sqrt()
        weighting.pref_vector = lengths
        return weighting(gramian / lengths / lengths.unsqueeze(1)) / lengths

    weigh_one = project if name == "upgrad" else weighting

    def weigh(gramians: Tensor) -> Tensor:
        # Only PCGrad draws random numbers.
        with in_all_functions() if name == "pcgrad" else nullcontext():
            weights = torch.stack([weigh_one(gramian) for gramian in gramians])
        return len(gramians[0]) * weights if is_of_mean else weights

    return weigh


def _find_refusal(aggregator: Any, n_tasks: int) -> ValueError | None:
    """Return the error that an aggregator raises for a number of tasks, if there is one."""
    # Neither what the aggregator remembers nor the random numbers of training may change.
    try:
        with drawing_from(0), in_all_functions():
            _weigh_by(copy.deepcopy(aggregator), torch.eye(n_tasks))
    except ValueError as error:
        return error
    return None


def _weigh_by(aggregator: Any, gramian: Tensor) -> Tensor:
    """Compute the weights of an aggregator from inner products, or from gradients with these."""
    if hasattr(aggregator, "gramian_weighting"):
        return aggregator.gramian_weighting(gramian)
    values, vectors = torch.linalg.eigh(gramian)
    return aggregator.weighting(vectors * values.clamp(min=0).sqrt()).to(gramian)
