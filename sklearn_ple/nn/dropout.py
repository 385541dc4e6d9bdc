"""Dropout with a rate for each of several networks that are evaluated together."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# Of fewer than these, with rates of their own, none might suit.
_LEAST_MEMBERS = 4


class MemberDropout(nn.Module):
    """Drops activations out in training, those of every member at its own rate.

    Parameters
    ----------
    rates : float or sequence of float
        The rate of all members, or one for each.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.nn import MemberDropout
    >>> dropout = MemberDropout([0.0, 0.9])
    >>> dropout(torch.ones(2, 100, 30))[0].min()
    tensor(1.)
    """

    by_member: Tensor

    def __init__(self, rates: float | Sequence[float]):
        super().__init__()
        self.rates = [float(rates)] if isinstance(rates, (int, float)) else list(map(float, rates))
        self.register_buffer("by_member", torch.tensor(self.rates), persistent=False)

    def forward(self, inputs: Tensor, index: int = 0, n_blocks: int | None = None) -> Tensor:
        """Drop activations out.

        Parameters
        ----------
        inputs : Tensor of shape (n_blocks, n_rows, width), or (n_rows, width)
            The activations of as many blocks as members, or of as many of each member one after
            the other; or those of one block.
        index : int, default=0
            Which block that one is.
        n_blocks : int, optional
            Of how many it is.

        Returns
        -------
        Tensor of the shape of inputs
            The activations that are left, enlarged so that their mean is kept.
        """
        if not self.training or not any(self.rates):
            return inputs
        if n_blocks is not None:
            return F.dropout(inputs, self.rates[index * len(self.rates) // n_blocks])
        if len(self.rates) == 1:
            return F.dropout(inputs, self.rates[0])
        per_member = len(inputs) // len(self.rates)
        rates = self.by_member.repeat_interleave(per_member)[:, None, None]
        return torch.where(torch.rand_like(inputs) < rates, 0.0, inputs / (1 - rates))


def member_rates(mean: float, n_members: int) -> list[float]:
    """Spread rates of dropout evenly around their mean, from none to twice as much or to 0.9.

    Which rate suits a table, and which of its tasks, is not known before: members differ in it.
    Fewer than four all have the mean.

    Parameters
    ----------
    mean : float
        The mean rate, from 0 to 1.
    n_members : int
        Number of members.

    Returns
    -------
    list of float
        A rate for each member, ascending.

    Examples
    --------
    >>> from sklearn_ple.nn import member_rates
    >>> member_rates(0.25, 5)
    [0.0, 0.125, 0.25, 0.375, 0.5]
    """
    low, high = max(0.0, 2 * mean - 0.9), min(2 * mean, 0.9)
    if n_members < _LEAST_MEMBERS or mean > 0.9:
        return [mean] * n_members
    return torch.linspace(low, high, n_members, dtype=torch.float64).tolist()
