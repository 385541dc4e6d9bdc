"""Rows that do not fit into memory: they are read in blocks, and shuffled in a buffer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..distributed import current
from ..nn.draws import generator_for
from .data import TableRows

# Greatest number of rows in the buffer, and their approximate size in bytes.
_BUFFERED_ROWS, _BUFFERED_BYTES = 2**17, 2**27

#: The numbers, codes, targets and weights of some rows.
Arrays = tuple[np.ndarray, ...]


class ShuffledRows:
    """Rows to train on, which are read in each epoch in a new random order.

    Rows that are stored together form a unit and are read together. The units are read in random
    order, and blocks of their rows fill a buffer. When the buffer is full, a random half of its
    rows is trained on, and the other half remains. The more similar the units are, the better the
    rows are mixed. Among several processes that train together, each reads its own units.

    Parameters
    ----------
    n_rows, n_units : int
        Number of rows, and number of units.
    read : callable
        Turns numbers of units, in any order, into an iterator over blocks of their rows.
    first : TableRows
        Some of the rows, on which outputs are checked.
    mean_weights : Tensor of shape (n_tasks,)
        Average weight of a row; 0 for a task without any label.
    """

    def __init__(
        self,
        n_rows: int,
        n_units: int,
        read: Callable[[Sequence[int]], Iterator[Arrays]],
        first: TableRows,
        mean_weights: Tensor,
    ):
        self.n_rows = n_rows
        self.n_units = n_units
        self.read = read
        self.first = first
        self.mean_weights = mean_weights

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.n_rows

    def head(self, n_rows: int) -> TableRows:
        """Return some of the rows, at most this number."""
        return self.first.head(n_rows)

    def with_numbers(self, numbers: Any) -> ShuffledRows:
        """Return the same rows, which are read with all numbers."""
        return self

    def batches(self, batch_size: int, **options: Any) -> ShuffledBatches:
        """Return the rows in batches; options of torch's loader raise an error."""
        if options:
            raise ValueError(
                f"net_params has {', '.join(f'iterator_train__{name}' for name in options)}, but "
                "a dataset is read by threads, without torch's loader: leave it out."
            )
        return ShuffledBatches(self, batch_size)


class ShuffledBatches:
    """Batches of shuffled rows, in a new random order in each pass.

    Parameters
    ----------
    rows : ShuffledRows
        The rows.
    batch_size : int
        Number of rows in a batch; the last batch may have fewer.
    """

    def __init__(self, rows: ShuffledRows, batch_size: int):
        self.rows = rows
        self.batch_size = batch_size

    def __len__(self) -> int:
        """Return the number of batches."""
        return -(-len(self.rows) // self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        """Yield inputs of the network, and (targets, weights): this process's part of a batch."""
        processes = current()
        order = processes.same(_permutation(self.rows.n_units)).tolist()
        own = self._of_units(order[processes.rank :: processes.n])
        yield from processes.in_step(own, self.rows.first[torch.arange(0)])

    def _of_units(self, order: list[int]) -> Iterator[Any]:
        """Yield the shuffled rows of some units, in this process's parts of batches."""
        size = self._share()
        held: list[Arrays] = []
        for block in self.rows.read(order):
            held.append(block)
            n_held = sum(len(part[1]) for part in held)
            if n_held >= self._most(block):
                shuffled = _shuffled(held)
                # Only whole batches, so that no batch but the very last has fewer rows.
                n_out = max(n_held // 2 // size, 1) * size
                yield from self._batches([part[:n_out] for part in shuffled], size)
                held = [tuple(part[n_out:] for part in shuffled)]
        if sum(len(part[1]) for part in held):
            yield from self._batches(_shuffled(held), size)

    def _share(self) -> int:
        """Return the number of rows of a batch that this process has, at least 1."""
        processes = current()
        return max(len(range(processes.rank, self.batch_size, processes.n)), 1)

    def _most(self, block: Arrays) -> int:
        """Return the number of rows that the buffer holds."""
        size = sum(part.nbytes for part in block) / len(block[1])
        return max(min(_BUFFERED_ROWS, int(_BUFFERED_BYTES / max(size, 1))), self.batch_size)

    def _batches(self, arrays: Sequence[np.ndarray], size: int) -> Iterator[Any]:
        numbers, codes, targets, weights = (torch.from_numpy(part).split(size) for part in arrays)
        for batch in zip(numbers, codes, targets, weights, strict=True):
            yield {"numbers": batch[0], "codes": batch[1]}, (batch[2], batch[3])


def _permutation(n: int) -> Tensor:
    """Draw a random order from the generator of the fit."""
    cpu = torch.device("cpu")
    return torch.randperm(n, device=cpu, generator=generator_for(cpu))


def _shuffled(held: list[Arrays]) -> list[np.ndarray]:
    """Join blocks, and shuffle their rows."""
    order = _permutation(sum(len(part[1]) for part in held)).numpy()
    return [np.concatenate(parts)[order] for parts in zip(*held, strict=True)]
