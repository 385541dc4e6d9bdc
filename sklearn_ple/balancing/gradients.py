"""Balancing by the tasks' gradients, where they meet: at what the towers read."""

from __future__ import annotations

import copy
import importlib
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..nn.draws import in_all_functions
from ..processes import current
from ..tasks import Task
from .balancer import Balancer
from .batch import Batch
from .cagrad import cagrad_weights
from .nash import nash_weights

# What TorchJD weighs by, and whether that is for the mean of the gradients, not for their sum.
_OF_TORCHJD = {
    "upgrad": ("UPGradWeighting", True),
    "aligned_mtl": ("AlignedMTLWeighting", True),
    "pcgrad": ("PCGradWeighting", False),
    "imtl_g": ("IMTLGWeighting", True),
}
_OF_OUR_OWN = {"cagrad": cagrad_weights, "nash_mtl": nash_weights}

#: The methods by the names that ``balancing`` takes.
GRADIENT_METHODS = (*_OF_TORCHJD, *_OF_OUR_OWN)


class GradientBalancer(Balancer):
    """Combines the tasks' gradients at what the towers read.

    The losses are differentiated through the towers first, which have the plain gradients. From
    the gradients at what they read the method computes a weight for each task. So weighted, the
    gradients go on through the network below, in one pass. Of tasks that read the same, as those
    of a shared bottom do, these are the gradients at the shared representation. Where each task's
    gate makes a representation of its own, they are compared as if it were the same one, that is,
    by a shift of all representations at once.

    Each member has weights of its own. A task without a label in a batch, or with a gradient of
    zero, is left out.

    Parameters
    ----------
    method : str or object, default="upgrad"
        One of these, or an aggregator of TorchJD that weighs gradients
        (``torchjd.aggregation.WeightedAggregator``):

        - "upgrad" [1]_: each gradient is projected onto what harms no task, then they are added;
        - "aligned_mtl" [2]_: their components are scaled to one length;
        - "pcgrad" [3]_: from each gradient what conflicts with others is taken away, one by one;
        - "cagrad" [4]_: near the mean gradient, the step by which the worst task gains most;
        - "imtl_g" [5]_: the step whose projections on all gradients are alike;
        - "nash_mtl" [6]_: the bargaining solution, ``G a = 1 / a``.

        For these names, the weights are those of a sum: tasks that do not conflict count 1. CAGrad
        and Nash-MTL are solved for all members at once by Newton's method, not by TorchJD's
        solvers, which take several milliseconds a member. All others take TorchJD, the extra
        ``sklearn-ple[balancing]``.

    References
    ----------
    .. [1] P. Quinton, V. Rey. "Jacobian Descent for Multi-Objective Optimization". 2024.
    .. [2] D. Senushkin, N. Patakin, A. Kuznetsov, A. Konushin. "Independent Component Alignment
           for Multi-Task Learning". CVPR 2023.
    .. [3] T. Yu, S. Kumar, A. Gupta, S. Levine, K. Hausman, C. Finn. "Gradient Surgery for
           Multi-Task Learning". NeurIPS 2020.
    .. [4] B. Liu, X. Liu, X. Jin, P. Stone, Q. Liu. "Conflict-Averse Gradient Descent for
           Multi-task Learning". NeurIPS 2021.
    .. [5] L. Liu, Y. Li, Z. Kuang, J.-H. Xue, Y. Chen, W. Yang, Q. Liao, W. Zhang. "Towards
           Impartial Multi-task Learning". ICLR 2021.
    .. [6] A. Navon, A. Shamsian, I. Achituve, H. Maron, K. Kawaguchi, G. Chechik, E. Fetaya.
           "Multi-Task Learning as a Bargaining Game". ICML 2022.

    Examples
    --------
    >>> from sklearn_ple import PLERegressor
    >>> from sklearn_ple.balancing import GradientBalancer
    >>> model = PLERegressor(balancing=GradientBalancer("nash_mtl"), max_epochs=2, random_state=0)
    >>> model.fit([[0.0], [1.0], [2.0]], [[0.1, 3.0], [0.9, 2.0], [2.1, 1.0]]).n_iter_
    2
    """

    reads_representation: ClassVar[bool] = True

    def __init__(self, method: Any = "upgrad"):
        super().__init__()
        self.method = method

    def start(self, tasks: Sequence[Task], n_members: int) -> None:
        """Make the method ready.

        Parameters
        ----------
        tasks : sequence of Task
            The tasks.
        n_members : int
            Number of members. An aggregator is copied for each, as it may remember earlier steps.

        Raises
        ------
        ValueError
            If the method is unknown.
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
        self.aggregators = nn.ModuleList(copy.deepcopy(self.method) for _ in range(n_members))

    def weigh(self, batch: Batch) -> Tensor:
        """Differentiate the losses down to what the towers read, and weigh the gradients.

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
        gradients = representation.gradients(batch.losses).float()
        # Squares neither overflow nor vanish where gradients of one task are by far the largest.
        # A process may have no row of a batch.
        sizes = gradients.abs().amax(dim=2) if gradients.numel() else gradients.sum(dim=2)
        sizes = current().greatest(sizes)
        there = (batch.shares > 0) & (sizes > 0)
        gradients = gradients / torch.where(there, sizes, 1.0).unsqueeze(2)
        products = current().total(torch.bmm(gradients, gradients.mT)).double().cpu()
        sizes, there = sizes.double().cpu(), there.cpu()
        sizes = sizes / sizes.amax(dim=1, keepdim=True)
        gramians = products * sizes.unsqueeze(1) * sizes.unsqueeze(2)
        weights = torch.ones(there.shape, dtype=torch.float64)
        # What is not finite ends the training, by the loss.
        usable = gramians.isfinite().all(dim=2).all(dim=1)
        for mask in there[usable].unique(dim=0):
            members = (usable & (there == mask).all(dim=1)).nonzero().squeeze(1)
            (tasks,) = mask.nonzero(as_tuple=True)
            if len(tasks):
                part = gramians[members][:, tasks][:, :, tasks]
                weights[members.unsqueeze(1), tasks] = self._weights_of(part, members.tolist())
        return current().same(weights.to(batch.losses))

    def backward(self, batch: Batch) -> Tensor:
        """Let the weighted gradients go on through the network below the towers.

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
        """Weigh the gradients of some members: (n_members, n_tasks)."""
        if isinstance(self.method, str):
            return _method_of(self.method)(gramians)
        with in_all_functions():
            return torch.stack(
                [
                    _by_aggregator(self.aggregators[member], gramian)
                    for member, gramian in zip(members, gramians, strict=True)
                ]
            )


def weighs_gradients(value: Any) -> bool:
    """Whether a value is an aggregator of TorchJD that weighs gradients, which is not imported."""
    bases = {f"{base.__module__}.{base.__qualname__}" for base in type(value).__mro__}
    return "torchjd.aggregation._aggregator_bases.WeightedAggregator" in bases


def _method_of(name: str) -> Callable[[Tensor], Tensor]:
    """Return what weighs by the gradients' products, for several members."""
    if name in _OF_OUR_OWN:
        return _OF_OUR_OWN[name]
    try:
        torchjd = importlib.import_module("torchjd.aggregation")
        class_name, is_of_mean = _OF_TORCHJD[name]
        weighting = getattr(torchjd, class_name)()
    except ImportError as error:
        raise ImportError(
            f"balancing={name!r} takes TorchJD ({error}): pip install 'sklearn-ple[balancing]'"
        ) from error

    def weigh(gramians: Tensor) -> Tensor:
        # Only this one draws.
        with in_all_functions() if name == "pcgrad" else nullcontext():
            weights = torch.stack([weighting(gramian) for gramian in gramians])
        return len(gramians[0]) * weights if is_of_mean else weights

    return weigh


def _by_aggregator(aggregator: Any, gramian: Tensor) -> Tensor:
    """Weigh by an aggregator: it sees the products, or gradients that have these products."""
    if hasattr(aggregator, "gramian_weighting"):
        return aggregator.gramian_weighting(gramian)
    values, vectors = torch.linalg.eigh(gramian)
    return aggregator.weighting(vectors * values.clamp(min=0).sqrt()).to(gramian)
