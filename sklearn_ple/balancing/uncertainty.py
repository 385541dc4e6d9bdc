"""Uncertainty weighting (Kendall, Gal and Cipolla: CVPR 2018)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..tasks import Task
from .balancer import Balancer, Batch


class UncertaintyWeighting(Balancer):
    """Uncertainty weighting: each task's loss is divided by a variance that is learnt.

    The joint loss is ``sum_k L_k / (2 s_k**2) + log s_k`` over the tasks whose labels are numbers:
    with squared errors it is the negative log-likelihood of a normal distribution. Over the tasks
    whose loss is that of a softmax, which are those with classes and survival, it is
    ``sum_k L_k / s_k**2 + log s_k``, where ``s_k**2`` acts as a temperature of the logits. The
    logarithms ``log s_k**2`` are learnt and start at 0. The term ``log s_k`` is weighted by the
    task's labels in the batch, so a task without a label adds nothing.

    ``balancing="uncertainty"`` stands for this class.

    References
    ----------
    A. Kendall, Y. Gal, R. Cipolla. "Multi-Task Learning Using Uncertainty to Weigh Losses for
    Scene Geometry and Semantics". CVPR 2018.

    Examples
    --------
    >>> from sklearn_ple import PLERegressor
    >>> from sklearn_ple.balancing import UncertaintyWeighting
    >>> balancer = UncertaintyWeighting()
    >>> model = PLERegressor(balancing=balancer, max_epochs=2, random_state=0)
    >>> X, y = [[0.0], [1.0], [2.0]], [[0.1, 3.0], [0.9, 2.0], [2.1, 1.0]]
    >>> model.fit(X, y).n_iter_
    2
    """

    members_apart = True
    factors: Tensor
    kept: Tensor
    labelled: Tensor

    def start(self, tasks: Sequence[Task], n_members: int) -> None:
        """Start from a variance of 1 for each task and member.

        Parameters
        ----------
        tasks : sequence of Task
            The fitted tasks.
        n_members : int
            Number of members of the ensemble.
        """
        factors = [1.0 if task.has_classes or task.censored else 0.5 for task in tasks]
        self.register_buffer("factors", torch.tensor(factors), persistent=False)
        shape = n_members, len(tasks)
        self.log_variances = nn.Parameter(torch.zeros(shape))
        self.register_buffer("kept", torch.zeros(shape))
        self.register_buffer("labelled", torch.zeros(shape, dtype=torch.bool))

    def weigh(self, batch: Batch) -> Tensor:
        """Compute the inverse variances, halved for tasks whose labels are uncensored numbers.

        Parameters
        ----------
        batch : Batch
            The losses of a batch.

        Returns
        -------
        Tensor of shape (n_members, n_tasks)
            The weights, through which gradients flow to the variances.
        """
        return self.factors * (-self.log_variances).exp()

    def backward(self, batch: Batch) -> Tensor:
        """Compute the gradients of the joint loss, including those of the variances.

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
            # An optimizer with momentum also moves the variances of tasks that had no label in
            # the last batch: undo that.
            values = torch.where(self.labelled, self.log_variances, self.kept)
            self.log_variances.copy_(values)
            self.kept.copy_(values)
            self.labelled.copy_(batch.shares > 0)
        weights = self.weigh(batch)
        terms = weights * batch.losses + batch.shares * self.log_variances / 2
        terms.sum(dim=1).mean().backward()
        return weights.detach()
