"""Members of an ensemble: some of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from torch import Tensor


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
