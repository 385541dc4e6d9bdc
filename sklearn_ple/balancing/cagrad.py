"""Conflict-averse gradient descent (Liu, Liu, Jin, Stone and Liu: NeurIPS 2021)."""

from __future__ import annotations

import torch
from torch import Tensor

# How far the step may be from the mean gradient, relative to its length: the authors' choice.
_C = 0.4
# A length is the root of its square plus this, relative to the longest gradient's: as in the
# authors' code, the step is bounded where the tasks' gradients can cancel out.
_ZERO = 1e-8
_N_STEPS = 25
# How far the barrier falls in a step, and how near a step comes to it.
_CENTRED, _REACH = 0.1, 0.99
# Where many weights are as good, the barrier that remains takes equal ones.
_LEAST = 1e-10
# A step that does not lower the function enough is divided by this, so often at most.
_SHORTER, _N_SHORTER = 3.0, 8
_ENOUGH = 1e-4


def cagrad_weights(gramians: Tensor, c: float = _C) -> Tensor:
    """Find the step near the mean gradient by which the worst task gains most.

    With ``g_0`` the mean gradient and ``g_w = sum_k w_k g_k``, the step is
    ``g_0 + c |g_0| g_w / |g_w|``, where w on the simplex is such that
    ``g_w . g_0 + c |g_0| |g_w|`` is least. A primal-dual interior-point method finds it for all
    members at once. As in the authors' code the step is divided by 1 + c, so that a single task
    has a plain step.

    Parameters
    ----------
    gramians : Tensor of shape (n, n_tasks, n_tasks)
        Products of the gradients.
    c : float, default=0.4
        How far the step may be from the mean gradient, relative to its length.

    Returns
    -------
    Tensor of shape (n, n_tasks)
        The weights, those of the sum: with c = 0 they are one.
    """
    n_tasks = gramians.shape[-1]
    unit = gramians.diagonal(dim1=1, dim2=2).amax(dim=1)[:, None, None]
    products = gramians / unit
    of_mean = products.mean(dim=2)
    radius = c * of_mean.mean(dim=1, keepdim=True).clamp(min=0).sqrt()

    def height(weights: Tensor, gap: Tensor) -> Tensor:
        """Compute the function with its barrier."""
        terms = of_mean * weights - gap * weights.log()
        return terms.sum(dim=1, keepdim=True) + radius * _along(products, weights)[1]

    weights = torch.full_like(of_mean, 1 / n_tasks)
    # How much more the function would grow along each weight: zero where this is positive.
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
        # Along the simplex: the step's entries sum to zero.
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
    return (1 + n_tasks * radius / length * weights) / (1 + c)


def _along(products: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Multiply the weighted gradient by all others, and compute its length."""
    along = (products @ weights.unsqueeze(-1)).squeeze(-1)
    return along, ((weights * along).sum(dim=1, keepdim=True).clamp(min=0) + _ZERO).sqrt()


def _reach(values: Tensor, step: Tensor) -> Tensor:
    """How much of a step can be taken with all values positive."""
    reach = torch.where(step < 0, -values / step, torch.inf).amin(dim=1, keepdim=True)
    return (_REACH * reach).clamp(max=1.0)
