"""Rows drawn from files as they pass by: always the same ones, and no more than memory holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

# As many times as many rows as are wanted are gathered before some are dropped.
_SURPLUS = 1.25


def row_hashes(numbers: np.ndarray) -> np.ndarray:
    """Hash the numbers of rows, each to another number of 64 bits.

    It is SplitMix64 [1]_, whose every bit depends on all of the number's: rows with the lowest
    hashes are as good as drawn at random.

    Parameters
    ----------
    numbers : ndarray of int of shape (n_rows,)
        Numbers of rows, from 0.

    References
    ----------
    .. [1] Steele, Lea and Flood (2014), Fast Splittable Pseudorandom Number Generators, OOPSLA.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ple.streaming.sampling import row_hashes
    >>> np.argsort(row_hashes(np.arange(6)))
    array([2, 4, 5, 1, 0, 3])
    """
    mixed = (numbers.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


class Lowest:
    """Keeps the rows with the lowest keys of all that are added.

    Parameters
    ----------
    key : callable
        From numbers of rows to their keys, unsigned integers that are all different.
    n_most : int
        How many rows to keep, at most.
    n_bytes : int
        About how many bytes they may take: of wide rows there are fewer.
    """

    def __init__(self, key: Callable[[np.ndarray], np.ndarray], n_most: int, n_bytes: int):
        self.key = key
        self.n_most = n_most
        self.n_bytes = n_bytes
        self._limit = np.uint64(2**64 - 1)
        self._parts: list[tuple[np.ndarray, Any]] = []
        self._n = self._size = 0

    def add(self, numbers: np.ndarray, rows: Any) -> None:
        """Add rows of Arrow with their numbers, which ascend from call to call."""
        kept = self.key(numbers) <= self._limit
        if self.n_most and kept.any():
            part = _decoded(rows.filter(kept))
            self._parts.append((numbers[kept], part))
            self._n += len(part)
            self._size += part.nbytes
        if self._n > _SURPLUS * self.n_most or self._size > _SURPLUS * self.n_bytes:
            self.cut(self.n_most)

    def __len__(self) -> int:
        """Return how many rows are kept now, perhaps more than are wanted."""
        return self._n

    def cut(self, n_most: int) -> Lowest:
        """Keep no more rows than these, nor than the bytes allow."""
        if self._size > self.n_bytes:
            n_most = min(n_most, max(self._n * self.n_bytes // self._size, 1))
        self.n_most = n_most
        if not n_most:
            self.keep(np.zeros_like)
        elif self._n > n_most:
            keys = np.concatenate([self.key(numbers) for numbers, _ in self._parts])
            self._limit = np.partition(keys, n_most - 1)[n_most - 1]
            self.keep(lambda numbers: self.key(numbers) <= self._limit)
        return self

    def keep(self, chosen: Callable[[np.ndarray], np.ndarray]) -> Lowest:
        """Keep the rows whose numbers are chosen."""
        masks = [chosen(numbers).astype(bool) for numbers, _ in self._parts]
        self._parts = [
            (numbers[mask], rows if mask.all() else rows.filter(mask))
            for (numbers, rows), mask in zip(self._parts, masks, strict=True)
            if mask.any()
        ]
        self._n = sum(len(numbers) for numbers, _ in self._parts)
        self._size = sum(rows.nbytes for _, rows in self._parts)
        return self

    @property
    def highest(self) -> np.uint64:
        """The highest of the keys that are kept."""
        return max(self.key(numbers).max() for numbers, _ in self._parts)

    @property
    def numbers(self) -> np.ndarray:
        """The numbers of the rows, in their order."""
        return np.concatenate([numbers for numbers, _ in self._parts])

    def rows(self) -> Any:
        """Return the rows in their order."""
        import pyarrow as pa

        return pa.concat_tables([rows for _, rows in self._parts]).combine_chunks()


def _decoded(rows: Any) -> Any:
    """Write dictionaries' values out: of a few rows the dictionaries would be most of the size."""
    import pyarrow as pa

    for place, field in enumerate(rows.schema):
        if pa.types.is_dictionary(field.type):
            column = rows.column(place).cast(field.type.value_type)
            rows = rows.set_column(place, field.name, column)
    return rows
