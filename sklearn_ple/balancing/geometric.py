"""The geometric mean of the losses (Chennupati, Sistu, Yogamani and Rawashdeh: CVPRW 2019)."""

import torch
from torch import Tensor

from .balancer import Batch
from .logarithmic import LogarithmicBalancer


class GeometricMean(LogarithmicBalancer):
    """Geometric loss strategy: the geometric mean of the tasks' losses.

    The joint loss is ``n * prod_k L_k ** (1 / n)`` over the n tasks with a label in the batch. The
    weight of a task is thus the geometric mean divided by the task's loss. Multiplying a loss by a
    constant does not change the direction of the step. Losses must not be negative.

    ``balancing="geometric"`` stands for this class.

    References
    ----------
    S. Chennupati, G. Sistu, S. Yogamani, S. A. Rawashdeh. "MultiNet++: Multi-Stream Feature
    Aggregation and Geometric Loss Strategy for Multi-Task Learning". CVPR Workshops 2019.

    Examples
    --------
    >>> from sklearn_ple import PLERegressor
    >>> from sklearn_ple.balancing import GeometricMean
    >>> balancer = GeometricMean()
    >>> model = PLERegressor(balancing=balancer, max_epochs=2, random_state=0)
    >>> X, y = [[0.0], [1.0], [2.0]], [[0.1, 3.0], [0.9, 2.0], [2.1, 1.0]]
    >>> model.fit(X, y).n_iter_
    2
    """

    def weigh(self, batch: Batch) -> Tensor:
        """Compute the gradient of the joint loss with respect to the losses.

        Parameters
        ----------
        batch : Batch
            The losses of a batch.

        Returns
        -------
        Tensor of shape (n_members, n_tasks)
            The weights.
        """
        losses, labelled = self.read_losses(batch)
        info = torch.finfo(losses.dtype)
        logs = losses.clamp(info.tiny, info.max).log()
        n_labelled = labelled.sum(dim=1, keepdim=True).clamp(min=1)
        mean = torch.where(labelled, logs, 0.0).sum(dim=1, keepdim=True) / n_labelled
        return (mean - logs).exp()
