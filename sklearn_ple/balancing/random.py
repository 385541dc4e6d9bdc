"""Random loss weighting (Lin, Ye and Zhang: TMLR 2022)."""

from __future__ import annotations

import torch
from torch import Tensor

from ..nn.draws import generator_for
from .balancer import Balancer
from .batch import Batch


class RandomWeighting(Balancer):
    """Random loss weighting: new weights are drawn in every step.

    They are ``n_tasks * softmax(z)`` with independent standard normal numbers z. This is a
    baseline, which other methods of balancing should beat.

    ``balancing="random"`` stands for this class.

    References
    ----------
    B. Lin, F. Ye, Y. Zhang, I. W. Tsang. "Reasonable Effectiveness of Random Weighting: A Litmus
    Test for Multi-Task Learning". TMLR 2022.

    Examples
    --------
    >>> from sklearn_ple import PLERegressor
    >>> from sklearn_ple.balancing import RandomWeighting
    >>> balancer = RandomWeighting()
    >>> model = PLERegressor(balancing=balancer, max_epochs=2, random_state=0)
    >>> X, y = [[0.0], [1.0], [2.0]], [[0.1, 3.0], [0.9, 2.0], [2.1, 1.0]]
    >>> model.fit(X, y).n_iter_
    2
    """

    def weigh(self, batch: Batch) -> Tensor:
        """Draw weights for each member.

        Parameters
        ----------
        batch : Batch
            The losses of a batch.

        Returns
        -------
        Tensor of shape (n_members, n_tasks)
            The weights.
        """
        losses = batch.losses
        normal = torch.empty_like(losses, requires_grad=False)
        normal.normal_(generator=generator_for(losses.device))
        return losses.shape[1] * normal.softmax(dim=1)
