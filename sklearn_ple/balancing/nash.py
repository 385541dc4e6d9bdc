"""Nash-MTL (Navon et al.: ICML 2022): the weights of a bargaining solution."""

from __future__ import annotations

import torch
from torch import Tensor

# Opposite gradients have no solution. With this ridge they have one, whose step is very short.
_RIDGE = 1e-6
_N_STEPS = 30
_EXACT = 1e-9


def nash_weights(gramians: Tensor) -> Tensor:
    """Solve ``G a = 1 / a``, with G the inner products of the tasks' gradients.

    The solution minimises ``a^T G a / 2 - sum log a``. This function is convex and
    self-concordant, so Newton's method, damped far from the minimum, finds its minimum up to
    rounding. The authors' code solves a sequence of convex approximations instead.

    The authors scale the step to a length of 1. Here the mean of the weights is scaled to 1,
    because the optimizer sets the length of the step.

    Parameters
    ----------
    gramians : Tensor of shape (n, n_tasks, n_tasks)
        Inner products of the gradients, for each of n members. No gradient is zero.

    Returns
    -------
    Tensor of shape (n, n_tasks)
        The weights of the gradients.

    References
    ----------
    A. Navon, A. Shamsian, I. Achituve, H. Maron, K. Kawaguchi, G. Chechik, E. Fetaya. "Multi-Task
    Learning as a Bargaining Game". ICML 2022.
    """
    lengths = gramians.diagonal(dim1=1, dim2=2).sqrt()
    # Solve for gradients of length 1. Dividing by the lengths then solves for the given ones.
    cosines = gramians / lengths.unsqueeze(1) / lengths.unsqueeze(2)
    n_tasks = cosines.shape[-1]
    cosines = cosines + _RIDGE * torch.eye(n_tasks).to(cosines)
    weights = torch.full_like(lengths, n_tasks**-0.5)
    for _ in range(_N_STEPS):
        slope = (cosines @ weights.unsqueeze(-1)).squeeze(-1) - 1 / weights
        bend = cosines + torch.diag_embed(weights**-2)
        step = torch.linalg.solve(bend, slope)
        decrement = (slope * step).sum(dim=1, keepdim=True).clamp(min=0).sqrt()
        if (decrement < _EXACT).all():
            break
        weights = weights - step * torch.where(decrement < 0.25, 1.0, 1 / (1 + decrement))
    weights = weights / lengths
    return n_tasks * weights / weights.sum(dim=1, keepdim=True)
