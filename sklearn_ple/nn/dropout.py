"""Dropout for several networks that are evaluated together, each with its own rate."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .draws import generator_for
from .members import MemberRange

# A random byte decides whether an activation is dropped.
_N_LEVELS = 256


class MemberDropout(nn.Module):
    """Dropout in training, with a rate for each member of the ensemble.

    A random byte decides whether an activation is dropped, so rates are rounded to multiples of
    1/256. A rate above zero is rounded to at least 1/256 and at most 255/256. The remaining
    activations are multiplied by 1 / (1 - rate), with the rounded rate.

    Parameters
    ----------
    rates : float or sequence of float
        The rate of all members, or one for each: at least 0 and less than 1.

    Raises
    ------
    ValueError
        If a rate is negative, or is 1 or greater.

    Examples
    --------
    The first of two members drops nothing:

    >>> import torch
    >>> from sklearn_ple.nn import MemberDropout
    >>> dropout = MemberDropout([0.0, 0.9])
    >>> dropout(torch.ones(2, 100, 30))[0].min()
    tensor(1.)
    """

    levels: Tensor
    kept: Tensor

    def __init__(self, rates: float | Sequence[float]):
        super().__init__()
        self.rates = [float(rates)] if isinstance(rates, (int, float)) else list(map(float, rates))
        if not all(0 <= rate < 1 for rate in self.rates):
            raise ValueError(f"The rates of dropout must be from 0 to below 1, not {self.rates}.")
        self._select(MemberRange.all(len(self.rates)))

    def _select(self, members: MemberRange) -> None:
        """Prepare to drop activations of some members, of those that have the rates."""
        # Members before the first one that drops anything need no random numbers.
        spared = next((i for i, rate in enumerate(self.rates) if rate), len(self.rates))
        first = max(members.first, spared)
        self._n_members, self._n_spared = len(members), first - members.first
        # Some members draw for all, so that each drops the same as when all are trained together.
        self._n_drawing = members.n_all - spared
        self._drawn = slice(first - spared, max(members.last - spared, 0))
        levels = list(map(_round_rate, self.rates[first : members.last]))
        # These shares are exact in each data type. Division of tensors on the device "meta" would
        # import torch's compiler.
        kept = [1 - level / _N_LEVELS for level in levels]
        for name, values in ("levels", levels), ("kept", kept):
            buffer = torch.tensor(values, dtype=torch.float32).view(-1, 1)
            self.register_buffer(name, buffer, persistent=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """Drop activations: ``a * b / (1 - rate)``, where b is 0 at the rate and 1 otherwise.

        Parameters
        ----------
        inputs : Tensor of shape (n_blocks, ...)
            The activations. Each member has the same number of blocks, and the blocks of a member
            are adjacent.

        Returns
        -------
        Tensor of the shape of inputs
            The activations, of which some are zero and the others are larger, so that their mean
            is the same on average.
        """
        factors = self.factors(inputs)
        return inputs if factors is None else inputs * factors

    def factors(self, like: Tensor) -> Tensor | None:
        """Draw the factors of activations: zero, or 1 / (1 - rate).

        Parameters
        ----------
        like : Tensor
            The activations, in the form that `forward` accepts.

        Returns
        -------
        Tensor of the shape of like, or None
            The factors; None if nothing is dropped.
        """
        if not self.training or not self._n_drawing or not like.numel():
            return None
        factors = torch.empty_like(like, memory_format=torch.contiguous_format)
        drawn = factors.view(self._n_members, -1)
        every = _draw_bytes(self._n_drawing, drawn)
        if self._n_spared:
            drawn[: self._n_spared].fill_(1.0)
            drawn = drawn[self._n_spared :]
        drawn.copy_(every[self._drawn])
        drawn.ge_(self.levels.to(like.dtype)).div_(self.kept.to(like.dtype))
        return factors

    def draw_among(self, every: "MemberDropout", members: MemberRange) -> None:
        """Drop what some members of an ensemble drop when all members are evaluated.

        Parameters
        ----------
        every : MemberDropout
            The dropout of all members.
        members : MemberRange
            The members whose activations are dropped here.
        """
        if len(every.rates) == members.n_all:
            self.rates = every.rates
            self._select(members)


def _round_rate(rate: float) -> int:
    """Round a rate to the number of bytes, out of 256, that drop an activation."""
    return min(max(round(rate * _N_LEVELS), 1), _N_LEVELS - 1) if rate else 0


def _draw_bytes(n_members: int, like: Tensor) -> Tensor:
    """Draw random bytes of shape (n_members, numbers of a member), the latter as in a tensor."""
    generator = generator_for(like.device)
    shape = n_members, like.shape[1]
    if like.device.type != "cpu":
        options: dict = {"dtype": torch.uint8, "device": like.device, "generator": generator}
        return torch.randint(_N_LEVELS, shape, **options)
    # A processor draws eight bytes as fast as one.
    n_bytes = math.prod(shape)
    n_words = math.ceil(n_bytes / 8)
    words = torch.empty(n_words, dtype=torch.int64).random_(-(2**63), None, generator=generator)
    return words.view(torch.uint8)[:n_bytes].view(shape)
