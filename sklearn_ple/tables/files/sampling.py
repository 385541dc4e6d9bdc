"""Reproducible samples of rows that are read block by block, limited in number and size."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import pyarrow

# The step between the states of SplitMix64.
_GAMMA = np.uint64(0x9E3779B97F4A7C15)
# The sample may grow to this times its limit before rows are dropped, which takes time.
_SURPLUS = 1.25
# If there are more parts, they are joined: each column of a part takes about 1 kB beside its rows.
_MOST_PARTS = 100


def hash_rows(row_numbers: np.ndarray) -> np.ndarray:
    """Compute a hash of 64 bits of each row number; no two numbers have the same hash.

    This is SplitMix64, in which each bit of the hash depends on all bits of the number. The rows
    with the lowest hashes are therefore like a random sample.

    Parameters
    ----------
    row_numbers : ndarray of int of shape (n_rows,)
        Numbers of rows, from 0.

    Returns
    -------
    ndarray of uint64 of shape (n_rows,)
        The hashes.

    References
    ----------
    G. L. Steele, D. Lea, C. H. Flood. "Fast Splittable Pseudorandom Number Generators". OOPSLA
    2014.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ple.tables.files.sampling import hash_rows
    >>> np.argsort(hash_rows(np.arange(6)))
    array([2, 4, 5, 1, 0, 3])
    """
    # pandas mixes the bits of integers in the same way.
    return pd.util.hash_array((row_numbers.astype(np.uint64) + np.uint64(1)) * _GAMMA)


class LowestRows:
    """Keeps the rows with the lowest keys among all rows that are added.

    Parameters
    ----------
    key : callable
        Function from numbers of rows, and the rows themselves, to keys, which are unsigned
        integers. Rows with the same key are all kept or all left out.
    n_most : int
        Largest number of rows to keep.
    n_bytes : int
        Approximate limit of the size of the rows in bytes. Fewer rows are kept if they are wide.
    """

    def __init__(self, key: Callable[[np.ndarray, Any], np.ndarray], n_most: int, n_bytes: int):
        self.key = key
        self.n_most = n_most
        self.n_bytes = n_bytes
        self._limit = np.uint64(2**64 - 1)
        self._parts: list[tuple[np.ndarray, Any]] = []
        self._n = self._size = 0

    def add(self, row_numbers: np.ndarray, rows: "pyarrow.Table") -> None:
        """Add a table of Arrow and the numbers of its rows, which must increase between calls."""
        kept = self.key(row_numbers, rows) <= self._limit
        if self.n_most and kept.any():
            part = _decode(rows.filter(kept))
            self._parts.append((row_numbers[kept], part))
            self._n += len(part)
            self._size += part.nbytes
        if len(self._parts) > _MOST_PARTS:
            self._merge()
        if self._n > _SURPLUS * self.n_most or self._size > _SURPLUS * self.n_bytes:
            self.cut(self.n_most)

    def __len__(self) -> int:
        """Return the number of rows that are kept, which may exceed the limit before `cut`."""
        return self._n

    def cut(self, n_most: int) -> None:
        """Keep at most this number of rows, and no more than the limit of bytes allows."""
        if self._size > self.n_bytes:
            n_most = min(n_most, max(self._n * self.n_bytes // self._size, 1))
        self.n_most = n_most
        if not n_most:
            self._parts, self._n, self._size = [], 0, 0
        elif self._n > n_most:
            keys = np.concatenate([self.key(*part) for part in self._parts])
            self._limit = np.partition(keys, n_most - 1)[n_most - 1]
            self.keep(lambda *part: self.key(*part) <= self._limit)

    def keep(self, chosen: Callable[[np.ndarray, Any], np.ndarray]) -> None:
        """Keep only the rows for which a function like the key returns True."""
        masks = [chosen(*part) for part in self._parts]
        self._parts = [
            (row_numbers[mask], rows if mask.all() else rows.filter(mask))
            for (row_numbers, rows), mask in zip(self._parts, masks, strict=True)
            if mask.any()
        ]
        self._n = sum(len(row_numbers) for row_numbers, _ in self._parts)
        self._size = sum(rows.nbytes for _, rows in self._parts)

    @property
    def row_numbers(self) -> np.ndarray:
        """The numbers of the rows, in ascending order."""
        return np.concatenate(
            [np.empty(0, dtype=np.int64), *(numbers for numbers, _ in self._parts)]
        )

    def rows(self) -> "pyarrow.Table":
        """Return the rows in the order of their numbers."""
        self._merge()
        ((_, rows),) = self._parts
        return rows

    def _merge(self) -> None:
        """Make one part of all."""
        import pyarrow as pa

        row_numbers, rows = zip(*self._parts, strict=True)
        self._parts = [(np.concatenate(row_numbers), pa.concat_tables(rows).combine_chunks())]


def _decode(rows: "pyarrow.Table") -> "pyarrow.Table":
    """Replace dictionary columns by their values: the dictionaries may be larger than the rows."""
    import pyarrow as pa

    names, types = rows.schema.names, rows.schema.types
    plain = [kind.value_type if pa.types.is_dictionary(kind) else kind for kind in types]
    return rows.cast(pa.schema(list(zip(names, plain, strict=True))))
