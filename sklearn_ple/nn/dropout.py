"""Dropout with a rate for each of several networks that are evaluated together."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


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
