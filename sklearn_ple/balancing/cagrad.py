"""Conflict-averse gradient descent (Liu, Liu, Jin, Stone and Liu: NeurIPS 2021)."""

from __future__ import annotations

import torch
from torch import Tensor

# Greatest distance of the step from the mean gradient, relative to the length of that gradient:
# the authors' value.
_C = 0.4
# Added to squared lengths, relative to the longest gradient. As in the authors' code, it bounds
# the step where the tasks' gradients can cancel out.
_ZERO = 1e-8
_N_STEPS = 25
# Factor by which the barrier shrinks in each iteration, and how much of the distance to the
# boundary a step may cover.
_CENTRED, _REACH = 0.1, 0.99
# The barrier never falls below this: among equally good weights it then selects equal ones.
_LEAST = 1e-10
# A step that lowers the function by too little is divided by _SHORTER, at most _N_SHORTER times.
_SHORTER, _N_SHORTER = 3.0, 8
# A step must achieve this share of the decrease that the slope predicts.
_ENOUGH = 1e-4


def cagrad_weights(gramians: Tensor) -> Tensor:
    """Compute the weights of the step, near the mean gradient, that helps the worst task most.

    Let ``g_0`` be the mean gradient and ``g_w = sum_k w_k g_k``. The step is
    ``g_0 + c |g_0| g_w / |g_w|``, where c = 0.4 and w minimises ``g_w . g_0 + c |g_0| |g_w|``
    among weights that are not negative and sum to 1. A primal-dual interior-point method finds it
    for all members at once. As in the authors' code, the step is divided by 1 + c, so that a
    single task has its plain gradient.

    Parameters
    ----------
    gramians : Tensor of shape (n, n_tasks, n_tasks)
        Inner products of the gradients, for each of n members.

    Returns
    -------
    Tensor of shape (n, n_tasks)
        The weights of the gradients in a sum.

    References
    ----------
    B. Liu, X. Liu, X. Jin, P. Stone, Q. Liu. "Conflict-Averse Gradient Descent for Multi-task
    Learning". NeurIPS 2021.
    """
    n_tasks = gramians.shape[-1]
    unit = gramians.diagonal(dim1=1, dim2=2).amax(dim=1)[:, None, None]
    products = gramians / unit
    of_mean = products.mean(dim=2)
    radius = _C * of_mean.mean(dim=1, keepdim=True).clamp(min=0).sqrt()

    def height(weights: Tensor, gap: Tensor) -> Tensor:
        """Compute the function that is minimised, plus the barrier."""
        terms = of_mean * weights - gap * weights.log()
        return terms.sum(dim=1, keepdim=True) + radius * _along(products, weights)[1]

    weights = torch.full_like(of_mean, 1 / n_tasks)
    # Dual variables of the conditions that no weight is negative.
    slacks = torch.full_like(of_mean, 0.1)
    for _ in range(_N_STEPS):
        along, length = _along(products, weights)
        outer = along.unsqueeze(1) * along.unsqueeze(2) / length.unsqueeze(2) ** 2
        bend = (radius / length).unsqueeze(2) * (products - outer)
        bend = bend + torch.diag_embed(slacks / weights)
        left = (weights * slacks).mean(dim=1, keepdim=True)
        if (left < 10 * _LEAST).all():
            break
        gap = (_CENTRED * left).clamp(min=_LEAST)
        down = gap / weights - of_mean - radius * along / length
        slope = -down
        both = torch.stack([down, torch.ones_like(down)], dim=2)
        down, level = torch.linalg.solve(bend, both).unbind(2)
        # The weights must still sum to 1: the entries of the step sum to zero.
        step = down - level * (down.sum(dim=1, keepdim=True) / level.sum(dim=1, keepdim=True))
        change = (gap - slacks * step) / weights - slacks
        reach, start = _reach(weights, step), height(weights, gap)
        least = _ENOUGH * (slope * step).sum(dim=1, keepdim=True)
        for _ in range(_N_SHORTER):
            too_far = height(weights + reach * step, gap) > start + reach * least
            if not too_far.any():
                break
            reach = torch.where(too_far, reach / _SHORTER, reach)
        weights = weights + reach * step
        slacks = slacks + change * _reach(slacks, change)
    _, length = _along(products, weights)
    return (1 + n_tasks * radius / length * weights) / (1 + _C)


def _along(products: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the inner products of the weighted gradient with all gradients, and its length."""
    along = (products @ weights.unsqueeze(-1)).squeeze(-1)
    return along, ((weights * along).sum(dim=1, keepdim=True).clamp(min=0) + _ZERO).sqrt()


def _reach(values: Tensor, step: Tensor) -> Tensor:
    """Return the share of a step, at most 1, after which all values are still positive."""
    reach = torch.where(step < 0, -values / step, torch.inf).amin(dim=1, keepdim=True)
    return (_REACH * reach).clamp(max=1.0)
