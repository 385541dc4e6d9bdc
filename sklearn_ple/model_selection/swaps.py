"""Swaps of rows between parts, until each part has labels of every task and class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse


@dataclass(frozen=True, eq=False)
class Needs:
    """What each part should have at least once.

    Attributes
    ----------
    held : csr_array of shape (n_units, n_needs)
        1 where a unit, which is a row or a group of rows, has what is needed, else 0.
    weights : ndarray of int of shape (n_needs,)
        How bad it is for a part to lack each.
    n_rows : ndarray of int of shape (n_units,)
        Number of rows of each unit.
    n_parts : int
        Number of parts. Units in no part have this number as theirs, and need nothing.
    """

    held: sparse.csr_array
    weights: np.ndarray
    n_rows: np.ndarray
    n_parts: int

    def lack(self, part: np.ndarray) -> int:
        """Return the sum of the weights of what the parts lack.

        Parameters
        ----------
        part : ndarray of int of shape (n_units,)
            Number of each unit's part.

        Returns
        -------
        int
            The sum; 0 if nothing is lacking.
        """
        return int(((self._counts(part) == 0) @ self.weights).sum())

    def swapped(self, part: np.ndarray) -> np.ndarray:
        """Swap units of two parts as long as there is a swap after which less is lacking.

        Parameters
        ----------
        part : ndarray of int of shape (n_units,)
            Number of each unit's part.

        Returns
        -------
        ndarray of int of shape (n_units,)
            The same, after the swaps.
        """
        part, units = part.copy(), np.arange(len(part))
        while True:
            counts = self._counts(part)
            lost = self.held @ ((counts == 1) * self.weights).T
            gained = self.held @ ((counts == 0) * self.weights).T
            costs = lost[units, part][:, np.newaxis] - gained
            # Of equally good groups, small ones change the sizes of the parts least.
            costs += (self.n_rows / (2 * self.n_rows.max() + 1))[:, np.newaxis]
            least = np.stack([costs[part == p].min(axis=0) for p in range(len(counts))])
            # What both units have does not change, so that this is at most too high.
            of_swaps = least + least.T
            one, two = np.unravel_index(of_swaps.argmin(), of_swaps.shape)
            if of_swaps[one, two] >= 0:
                return part
            leave, come = (
                np.where(part == p, costs[:, q], np.inf).argmin()
                for p, q in ((one, two), (two, one))
            )
            part[leave], part[come] = two, one

    def _counts(self, part: np.ndarray) -> np.ndarray:
        """Count what each part has; units in no part are counted as if they had enough."""
        n_units = len(part)
        is_in = sparse.csr_array((np.ones(n_units), (part, np.arange(n_units))))
        counts = (is_in @ self.held).toarray()
        counts[self.n_parts :] = 2
        return counts
