"""Nash-MTL (Navon et al.: ICML 2022): the weights of a bargaining solution."""

from __future__ import annotations

import torch
from torch import Tensor

# Opposite gradients have no solution; with this, one that hardly moves.
_RIDGE = 1e-6
_N_STEPS = 30
_EXACT = 1e-9


def nash_weights(gramians: Tensor) -> Tensor:
    """Solve ``G a = 1 / a``, with G the products of the tasks' gradients.

    It is where ``a^T G a / 2 - sum log a`` is least. This function is convex and
    self-concordant, so that Newton's method, with steps that are damped far from the minimum,
    finds it to rounding: the authors' code solves a sequence of convex approximations in its
    place. The authors scale the step to a length of one. Here the weights have the mean one, as
    the length is the optimizer's.

    Parameters
    ----------
    gramians : Tensor of shape (n, n_tasks, n_tasks)
        Products of the gradients, none of which is zero.

    Returns
    -------
    Tensor of shape (n, n_tasks)
        The weights.
    """
    lengths = gramians.diagonal(dim1=1, dim2=2).sqrt()
    # Of gradients of length one: the solution for others is divided by their lengths.
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
