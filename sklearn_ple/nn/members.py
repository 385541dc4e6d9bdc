"""Members of an ensemble: how they differ, and some of them."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

# Fewer members all have the same dropout rate: of so few different rates, none may be suitable.
_LEAST_OF_DIFFERENT_RATES = 4
_MOST_DROPPED = 0.9


@dataclass(frozen=True)
class Members:
    """How the members of an ensemble differ, in addition to their random weights.

    Which settings suit a table and its tasks is not known in advance. So the members have
    different settings, and validation determines their weights in the mean.

    Parameters
    ----------
    n : int
        Number of members.

    Examples
    --------
    >>> from sklearn_ple.nn.members import Members
    >>> Members(5).rates(0.25)
    [0.0, 0.125, 0.25, 0.375, 0.5]
    >>> Members(3).ramp
    array([0. , 0.5, 1. ])
    """

    n: int

    def rates(self, mean: float) -> list[float]:
        """Return evenly spaced dropout rates, from 0 to twice their mean.

        No rate exceeds 0.9. If this limits the rates, the lowest is raised so that the mean does
        not change. With fewer than four members, or a mean above 0.9, all have the mean rate.

        Parameters
        ----------
        mean : float
            The mean rate, between 0 and 1.

        Returns
        -------
        list of float
            The rate of each member, in ascending order.
        """
        low, high = max(0.0, 2 * mean - _MOST_DROPPED), min(2 * mean, _MOST_DROPPED)
        if self.n < _LEAST_OF_DIFFERENT_RATES or mean > _MOST_DROPPED:
            return [mean] * self.n
        return torch.linspace(low, high, self.n, dtype=torch.float64, device="cpu").tolist()

    @property
    def ramp(self) -> np.ndarray:
        """Factor of the jumps between bins in each member, from 0 (the first) to 1 (the last)."""
        return np.linspace(0, 1, self.n) if self.n > 1 else np.array([0.5])

    @property
    def linear_shares(self) -> np.ndarray:
        """Factor of the initial linear path in each member: from 1 in the first to 0 in the last.

        The initial linear path influences what the network learns in addition, so some members
        start without it.
        """
        return torch.linspace(1, 0, self.n).numpy() if self.n > 1 else np.array([0.5], np.float32)


@dataclass(frozen=True)
class MemberRange:
    """Some members of an ensemble, which are adjacent.

    Parameters
    ----------
    first, last : int
        Number of the first member, and of the first one after the last.
    n_all : int
        Number of members of the ensemble.
    """

    first: int
    last: int
    n_all: int

    @classmethod
    def all(cls, n_members: int) -> Self:
        """Return the range of all members."""
        return cls(0, n_members, n_members)

    def __len__(self) -> int:
        """Return the number of members."""
        return self.last - self.first

    def __str__(self) -> str:
        """Return the range for a message."""
        return f"members {self.first} to {self.last - 1} of {self.n_all}"

    def of(self, tensor: Tensor, axis: int = 0) -> Tensor:
        """Return the entries of these members, given those of all members on an axis.

        Each member may have several entries, which are adjacent.
        """
        n_each = tensor.shape[axis] // self.n_all
        return tensor.narrow(axis, n_each * self.first, n_each * len(self))
