"""Rows to train and predict on, read in batches: those in memory, and those of files."""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from ..nn.draws import generator_for
from ..utils.processes import Processes, current

# Arrays of labels, in the order of a batch.
_LABELS = ("targets", "weights", "folds")
# Greatest number of rows in the buffer, and their approximate size in bytes.
_BUFFERED_ROWS, _BUFFERED_BYTES = 2**17, 2**27

#: The inputs of the network, and the labels: targets, weights and any folds.
EncodedBatch = tuple[dict[str, Tensor], Sequence[Tensor]]


class Arrays(NamedTuple):
    """The arrays of some rows of files; the weights are those in the loss."""

    numbers: np.ndarray
    codes: np.ndarray
    targets: np.ndarray
    weights: np.ndarray


class SparseNumbers:
    """A CSR matrix whose rows are selected like those of a tensor; the result is dense.

    Parameters
    ----------
    matrix : CSR matrix of shape (n_rows, n_numbers)
        The numbers.
    dtype : torch.dtype
        Data type of the result.
    """

    def __init__(self, matrix: sparse.csr_matrix, dtype: torch.dtype):
        self.matrix = sparse.csr_matrix(matrix)
        self.dtype = dtype
        self.nbytes = self.matrix.data.nbytes + self.matrix.indices.nbytes

    def index_select(self, dim: int, rows: Tensor) -> Tensor:
        """Read some rows; ``dim`` is always 0, the axis of the rows."""
        return torch.from_numpy(self.matrix[rows.numpy()].toarray()).to(self.dtype)


class TableRows:
    """Encoded rows, indexed by a tensor of row numbers: one gather per array and batch.

    Arrays with the right data type are not copied, and `take` shares them.

    Parameters
    ----------
    numbers : ndarray or CSR matrix of shape (n_rows, n_numbers)
        Encoded numbers.
    codes : ndarray of shape (n_rows, n_categorical)
        Category codes, of any integer type.
    targets, weights : ndarray of shape (n_rows, n_tasks), optional
        Encoded labels and their weights; not needed for prediction.
    dtype : torch.dtype
        Data type of numbers, targets and weights.

    Attributes
    ----------
    arrays : dict
        The arrays, by the names of the parameters.
    """

    def __init__(
        self,
        numbers: np.ndarray | sparse.csr_matrix,
        codes: np.ndarray,
        targets: np.ndarray | None = None,
        weights: np.ndarray | None = None,
        *,
        dtype: torch.dtype,
    ):
        self.arrays: dict[str, Any] = {
            "numbers": _make_selectable(numbers, dtype),
            "codes": torch.as_tensor(codes),
        }
        for name, part in (("targets", targets), ("weights", weights)):
            if part is not None:
                self.arrays[name] = torch.as_tensor(part, dtype=dtype)
        self._rows: Tensor | None = None

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.arrays["codes"] if self._rows is None else self._rows)

    def __getitem__(self, rows: Tensor) -> tuple[dict[str, Tensor], tuple[Tensor, ...]]:
        """Read a batch: the network's inputs, and the labels (targets, weights and any folds)."""
        flat = rows.flatten().to(self.device)
        if self._rows is not None:
            # Another view may have moved the arrays since this one was made.
            flat = self._rows.to(self.device).index_select(0, flat)
        # For wide rows, index_select takes a third of the time of indexing with brackets.
        parts = {name: array.index_select(0, flat) for name, array in self.arrays.items()}
        if rows.dim() > 1:
            parts = {name: part.unflatten(0, rows.shape) for name, part in parts.items()}
        labels = tuple(parts.pop(name) for name in _LABELS if name in parts)
        return parts, labels

    def take(self, rows: np.ndarray) -> Self:
        """Return a view of some rows, by number, which shares the arrays on their device."""
        view = copy.copy(self)
        if self._rows is None:
            view._rows = torch.as_tensor(rows, device=self.device)
        else:
            view._rows = self._rows[torch.as_tensor(rows, device=self._rows.device)]
        return view

    def head(self, n_rows: int) -> Self:
        """Return a view of the first rows, of at most this number."""
        return self.take(np.arange(min(n_rows, len(self))))

    def stored(self) -> dict[str, Any]:
        """Return the arrays by name and, for a view, its row numbers under the empty name."""
        return self.arrays if self._rows is None else self.arrays | {"": self._rows}

    @classmethod
    def of_stored(cls, arrays: dict[str, Any]) -> Self:
        """Make rows from what `stored` returned."""
        made = cls.__new__(cls)
        made.arrays = dict(arrays)
        made._rows = made.arrays.pop("", None)
        return made

    def with_numbers(self, numbers: np.ndarray | sparse.csr_matrix) -> Self:
        """Return a view of the same rows with other numbers, which are those of all rows."""
        view = copy.copy(self)
        view.arrays = self.arrays | {
            "numbers": _make_selectable(numbers, self.arrays["targets"].dtype)
        }
        return view

    def with_folds(self, folds: np.ndarray) -> Self:
        """Add the fold of each row, -1 for none, as a third array of labels in each batch."""
        view = copy.copy(self)
        view.arrays = self.arrays | {"folds": torch.as_tensor(folds, device=self.device)}
        return view

    def array(self, name: str) -> Tensor | None:
        """Return the rows of a dense array in their order; None if there is no such array."""
        array = self.arrays.get(name)
        if array is None or self._rows is None:
            return array
        return array.index_select(0, self._rows)

    def read_labels(self) -> tuple[np.ndarray, np.ndarray]:
        """Return targets and weights of the rows, both as float64 of shape (n_rows, n_tasks)."""
        targets: Any = self.array("targets")
        weights: Any = self.array("weights")
        return targets.cpu().double().numpy(), weights.cpu().double().numpy()

    @property
    def mean_weights(self) -> Tensor:
        """Average weight of a row, of shape (n_tasks,); 0 for a task without any label."""
        weights: Any = self.array("weights")
        return weights.mean(dim=0)

    @property
    def device(self) -> torch.device:
        """The device on which row numbers have to be."""
        return self.arrays["codes"].device

    @property
    def nbytes(self) -> int:
        """Size of the arrays in bytes."""
        return sum(array.nbytes for array in self.arrays.values())

    def to(self, device: str) -> Self:
        """Move the arrays, which must be dense, for all views that share them."""
        for name, array in self.arrays.items():
            self.arrays[name] = array.to(device)
        if self._rows is not None:
            self._rows = self._rows.to(device)
        return self


def _make_selectable(
    numbers: np.ndarray | sparse.csr_matrix, dtype: torch.dtype
) -> Tensor | SparseNumbers:
    """Turn numbers into an object with the ``index_select`` of tensors."""
    if sparse.issparse(numbers):
        return SparseNumbers(numbers, dtype)
    return torch.as_tensor(numbers, dtype=dtype)


def place(rows: "TrainingRows", device: str) -> "TrainingRows":
    """Move rows to the device if they are dense and fit into half of its free memory.

    Other rows are moved batch by batch, by the net.
    """
    if device == "cpu" or not isinstance(rows, TableRows):
        return rows
    if isinstance(rows.arrays["numbers"], SparseNumbers):
        return rows
    # If another view moved the arrays, the row numbers of this one still have to be moved.
    is_there = rows.device.type != "cpu"
    return rows.to(device) if is_there or rows.nbytes < free_memory(device) / 2 else rows


def free_memory(device: str) -> float:
    """Return the free memory of a device in bytes; infinite if it is shared with the CPU."""
    if torch.device(device).type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return float("inf")


class Batches:
    """Batches of rows, in a given order or newly shuffled in each pass.

    For rows that are indexed by a tensor, this takes half the time of torch's loader.

    Parameters
    ----------
    rows : TableRows
        The rows.
    batch_size : int
        Greatest number of rows in a batch, see `split_evenly`.
    indices : Tensor of shape (n_rows,) or (n_members, n_rows), optional
        The row numbers, the same for all members or different for each. By default all rows, in a
        new random order in each pass.
    """

    def __init__(self, rows: TableRows, batch_size: int, indices: Tensor | None = None):
        self.rows = rows
        self.indices = indices
        # A batch has batch_size rows in all, also if each member reads its own.
        n_members = 1 if indices is None or indices.dim() == 1 else len(indices)
        self.batch_size = max(batch_size // n_members, 1)

    def __iter__(self) -> Iterator[EncodedBatch]:
        """Yield the network's inputs, and (targets, weights)."""
        return map(self.rows.__getitem__, self.draw_numbers())

    def draw_numbers(self) -> Iterator[Tensor]:
        """Yield the row numbers of each batch; among several processes, those of this process."""
        order, processes = self.indices, Processes()
        if order is None:
            processes = current()
            order = processes.same(_draw_order(len(self.rows)))
        batches = split_evenly(order.to(self.rows.device), self.batch_size)
        return map(processes.part, batches)


@dataclass(eq=False)
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

    n_rows: int
    n_units: int
    read: Callable[[Sequence[int]], Iterator[Arrays]]
    first: TableRows
    mean_weights: Tensor

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.n_rows

    def head(self, n_rows: int) -> TableRows:
        """Return some of the rows, at most this number."""
        return self.first.head(n_rows)

    def with_numbers(self, numbers: np.ndarray | sparse.csr_matrix) -> Self:
        """Return the same rows, which are read with all numbers."""
        return self


@dataclass(eq=False)
class ShuffledBatches:
    """Batches of shuffled rows, in a new random order in each pass.

    Parameters
    ----------
    rows : ShuffledRows
        The rows.
    batch_size : int
        Greatest number of rows in a batch, see `split_evenly`.
    """

    rows: ShuffledRows
    batch_size: int

    def __iter__(self) -> Iterator[EncodedBatch]:
        """Yield inputs of the network, and (targets, weights): this process's part of a batch."""
        processes = current()
        order = processes.same(_draw_order(self.rows.n_units)).tolist()
        batches = self._read_units(order[processes.rank :: processes.n])
        yield from processes.in_step(batches, self.rows.first[torch.arange(0)])

    def _read_units(self, order: list[int]) -> Iterator[EncodedBatch]:
        """Yield the shuffled rows of some units, in this process's parts of batches."""
        processes = current()
        # This process's rows of a batch, at least one.
        size = max(len(range(processes.rank, self.batch_size, processes.n)), 1)
        held: list[Arrays] = []
        for block in self.rows.read(order):
            held.append(block)
            n_held = sum(len(part.codes) for part in held)
            n_bytes = sum(part.nbytes for part in block) / len(block.codes)
            most = min(_BUFFERED_ROWS, int(_BUFFERED_BYTES / max(n_bytes, 1)))
            if n_held >= max(most, 2 * self.batch_size):
                shuffled = _shuffle(held)
                # Only whole batches; at least as many rows remain, and are split evenly.
                n_out = max(n_held // 2 // size, 1) * size
                yield from self._split_batches([part[:n_out] for part in shuffled], size)
                held = [Arrays(*(part[n_out:] for part in shuffled))]
        if sum(len(part.codes) for part in held):
            yield from self._split_batches(_shuffle(held), size)

    def _split_batches(self, arrays: Sequence[np.ndarray], size: int) -> Iterator[EncodedBatch]:
        parts = (split_evenly(torch.from_numpy(part), size, dim=0) for part in arrays)
        for numbers, codes, targets, weights in zip(*parts, strict=True):
            yield {"numbers": numbers, "codes": codes}, (targets, weights)


#: Rows to train on.
TrainingRows = TableRows | ShuffledRows


def split_evenly(rows: Tensor, batch_size: int, dim: int = -1) -> Sequence[Tensor]:
    """Split rows into batches of equal size, which differ by at most one row.

    A last batch of few rows would move the weights as much as any other batch.
    """
    return rows.tensor_split(max(-(-rows.shape[dim] // batch_size), 1), dim=dim)


def _draw_order(n: int) -> Tensor:
    """Draw a random order from the generator of the fit."""
    cpu = torch.device("cpu")
    return torch.randperm(n, device=cpu, generator=generator_for(cpu))


def _shuffle(held: list[Arrays]) -> list[np.ndarray]:
    """Join blocks, and shuffle their rows."""
    order = _draw_order(sum(len(part.codes) for part in held)).numpy()
    return [np.concatenate(parts)[order] for parts in zip(*held, strict=True)]
