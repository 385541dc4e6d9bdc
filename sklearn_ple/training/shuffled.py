"""Rows that memory does not hold: they come in blocks, and are shuffled in a buffer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..nn.draws import generator_for
from ..processes import current
from .data import TableRows

# Rows of the buffer, and about how many bytes they may take.
_BUFFERED_ROWS, _BUFFERED_BYTES = 2**17, 2**27

#: Numbers, codes, targets and weights of some rows.
Arrays = tuple[np.ndarray, ...]


class ShuffledRows:
    """Rows to train on, read anew in each epoch, in an order that is drawn.

    What is stored together, a unit, is read together, in an order of the units that is drawn.
    Blocks of their rows fill a buffer; of a full one half of the rows, drawn at random, come out
    and the others stay for the next turn. So rows are mixed the better, the more the units are
    alike. Of several processes that train together each reads units of its own.

    Parameters
    ----------
    n_rows, n_units : int
        How many there are.
    read : callable
        From the units' numbers, in any order, to an iterator over blocks of their rows.
    first : TableRows
        Some of the rows, to look at.
    mean_weights : Tensor of shape (n_tasks,)
        What a row weighs on average.
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

    def take(self, rows: np.ndarray) -> TableRows:
        """Return the first ones of the rows to look at, as many as asked for if there are."""
        return self.first.take(np.arange(min(len(rows), len(self.first))))

    def with_numbers(self, numbers: Any) -> ShuffledRows:
        """Return the same rows: they are read with all numbers already."""
        return self

    def batches(self, batch_size: int, **options: Any) -> ShuffledBatches:
        """Return the rows a batch at a time; options of torch's loader are refused."""
        if options:
            raise ValueError(
                f"net_params has {', '.join(f'iterator_train__{name}' for name in options)}, but "
                "a dataset is read by threads, without torch's loader: leave it out."
            )
        return ShuffledBatches(self, batch_size)


class ShuffledBatches:
    """Batches of shuffled rows, in another order in each pass.

    Parameters
    ----------
    rows : ShuffledRows
        The rows.
    batch_size : int
        Rows in a batch; the last one may have fewer.
    """

    def __init__(self, rows: ShuffledRows, batch_size: int):
        self.rows = rows
        self.batch_size = batch_size

    def __len__(self) -> int:
        """Return the number of batches."""
        return -(-len(self.rows) // self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        """Yield the network's inputs, and (targets, weights); of several processes this one's."""
        processes = current()
        order = processes.same(_permutation(self.rows.n_units)).tolist()
        own = self._of_units(order[processes.rank :: processes.n])
        yield from processes.in_step(own, self.rows.first[torch.arange(0)])

    def _of_units(self, order: list[int]) -> Iterator[Any]:
        """Yield the rows of some units, shuffled, in this process's share of a batch each time."""
        size = self._share()
        held: list[Arrays] = []
        for block in self.rows.read(order):
            held.append(block)
            n_held = sum(len(part[1]) for part in held)
            if n_held >= self._most(block):
                shuffled = _shuffled(held)
                # Whole batches alone, so that only the last one of all has fewer rows.
                n_out = max(n_held // 2 // size, 1) * size
                yield from self._batches([part[:n_out] for part in shuffled], size)
                held = [tuple(part[n_out:] for part in shuffled)]
        if sum(len(part[1]) for part in held):
            yield from self._batches(_shuffled(held), size)

    def _share(self) -> int:
        """Return how many rows of a batch are this process's, one at least."""
        processes = current()
        return max(len(range(processes.rank, self.batch_size, processes.n)), 1)

    def _most(self, block: Arrays) -> int:
        """Return how many rows the buffer holds."""
        size = sum(part.nbytes for part in block) / len(block[1])
        return max(min(_BUFFERED_ROWS, int(_BUFFERED_BYTES / max(size, 1))), self.batch_size)

    def _batches(self, arrays: Sequence[np.ndarray], size: int) -> Iterator[Any]:
        numbers, codes, targets, weights = (torch.from_numpy(part).split(size) for part in arrays)
        for batch in zip(numbers, codes, targets, weights, strict=True):
            yield {"numbers": batch[0], "codes": batch[1]}, (batch[2], batch[3])


def _permutation(n: int) -> Tensor:
    """Draw an order, from the generator of the fit."""
    cpu = torch.device("cpu")
    return torch.randperm(n, device=cpu, generator=generator_for(cpu))


def _shuffled(held: list[Arrays]) -> list[np.ndarray]:
    """Put blocks together, in an order that is drawn."""
    order = _permutation(sum(len(part[1]) for part in held)).numpy()
    return [np.concatenate(parts)[order] for parts in zip(*held, strict=True)]
