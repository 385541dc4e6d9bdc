"""Uncertainty weighting (Kendall, Gal and Cipolla: CVPR 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from ..tasks import Task
from .balancer import Balancer
from .batch import Batch


class UncertaintyWeighting(Balancer):
    """Uncertainty weighting: each task's loss is divided by a variance that is learnt.

    The joint loss is ``sum_k L_k / (2 s_k**2) + log s_k`` over tasks whose labels are numbers, of
    which squared error is the likelihood, and ``sum_k L_k / s_k**2 + log s_k`` over those with
    classes, whose outputs ``s_k**2`` divides as a temperature. The parameters learnt are
    ``log s_k**2``, which start at 0. Each label has its own term, so that a task without a
    label in a batch adds none.

    References
    ----------
    A. Kendall, Y. Gal, R. Cipolla. "Multi-Task Learning Using Uncertainty to Weigh Losses for
    Scene Geometry and Semantics". CVPR 2018.

    Examples
    --------
    >>> from sklearn_ple import PLERegressor
    >>> from sklearn_ple.balancing import UncertaintyWeighting
    >>> model = PLERegressor(balancing=UncertaintyWeighting(), max_epochs=2, random_state=0)
    >>> model.fit([[0.0], [1.0], [2.0]], [[0.1, 3.0], [0.9, 2.0], [2.1, 1.0]]).n_iter_
    2
    """

    members_apart: ClassVar[bool] = True
    factors: Tensor
    kept: Tensor
    labelled: Tensor

    def start(self, tasks: Sequence[Task], n_members: int) -> None:
        """Start from a variance of one for each task and member.

        Parameters
        ----------
        tasks : sequence of Task
            The tasks.
        n_members : int
            Number of members.
        """
        factors = [1.0 if task.has_classes else 0.5 for task in tasks]
        self.register_buffer("factors", torch.tensor(factors), persistent=False)
        shape = n_members, len(tasks)
        self.log_variances = nn.Parameter(torch.zeros(shape))
        self.register_buffer("kept", torch.zeros(shape))
        self.register_buffer("labelled", torch.zeros(shape, dtype=torch.bool))

    def weigh(self, batch: Batch) -> Tensor:
        """Divide by the variances, and by two where labels are numbers.

        Parameters
        ----------
        batch : Batch
            The losses of a batch.

        Returns
        -------
        Tensor of shape (n_members, n_tasks)
            The weights, which can be differentiated.
        """
        return self.factors * (-self.log_variances).exp()

    def backward(self, batch: Batch) -> Tensor:
        """Differentiate the joint loss, by the variances too.

        Parameters
        ----------
        batch : Batch
            The losses of a batch.

        Returns
        -------
        Tensor of shape (n_members, n_tasks)
            The weights.
        """
        with torch.no_grad():
            # An optimizer with momentum moves what had no label in the last batch, too: undo that.
            values = torch.where(self.labelled, self.log_variances, self.kept)
            self.log_variances.copy_(values)
            self.kept.copy_(values)
            self.labelled.copy_(batch.shares > 0)
        weights = self.weigh(batch)
        terms = weights * batch.losses + batch.shares * self.log_variances / 2
        terms.sum(dim=1).mean().backward()
        return weights.detach()
