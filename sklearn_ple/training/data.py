"""Rows of a table, read a batch at a time and never row by row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor
from torch.utils.data import Dataset, Sampler

# With early_stopping="auto": fewer rows than this leave too few for validation.
_MIN_ROWS_TO_STOP_EARLY = 1000


class SparseNumbers:
    """A CSR matrix that is indexed like a tensor; what comes out is dense.

    Parameters
    ----------
    matrix : CSR matrix of shape (n_rows, n_numbers)
        The numbers.
    dtype : torch.dtype
        Of the batches.
    """

    def __init__(self, matrix: sparse.csr_matrix, dtype: torch.dtype):
        self.matrix = sparse.csr_matrix(matrix)
        self.dtype = dtype
        self.nbytes = self.matrix.data.nbytes + self.matrix.indices.nbytes

    def __getitem__(self, rows: Tensor) -> Tensor:
        """Read some rows."""
        return torch.from_numpy(self.matrix[rows.numpy()].toarray()).to(self.dtype)


class TableRows(Dataset):
    """Encoded rows, indexed by a tensor of row numbers: one gather a batch.

    Parameters
    ----------
    numbers : ndarray or CSR matrix of shape (n_rows, n_numbers)
        Encoded numbers.
    codes : ndarray of shape (n_rows, n_categorical)
        Category codes.
    targets, weights : ndarray of shape (n_rows, n_tasks), optional
        Encoded labels and their weights; absent in prediction.
    dtype : torch.dtype
        Of numbers, targets and weights.
    """

    def __init__(
        self,
        numbers: Any,
        codes: np.ndarray,
        targets: np.ndarray | None = None,
        weights: np.ndarray | None = None,
        *,
        dtype: torch.dtype,
    ):
        self.n_rows = len(codes)
        self.numbers: Any
        if sparse.issparse(numbers):
            self.numbers = SparseNumbers(numbers, dtype)
        else:
            self.numbers = torch.as_tensor(numbers, dtype=dtype)
        self.codes = torch.as_tensor(codes)
        self.labels = tuple(
            torch.as_tensor(part, dtype=dtype) for part in (targets, weights) if part is not None
        )

    def __len__(self) -> int:
        """Give the number of rows."""
        return self.n_rows

    def __getitem__(self, rows: Tensor) -> tuple[dict[str, Tensor], tuple[Tensor, ...]]:
        """Read a batch: the network's inputs, and (targets, weights)."""
        inputs = {"numbers": self.numbers[rows], "codes": self.codes[rows]}
        return inputs, tuple(part[rows] for part in self.labels)

    @property
    def device(self) -> torch.device:
        """Where the row numbers have to be."""
        return self.codes.device

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return sum(part.nbytes for part in (self.numbers, self.codes, *self.labels))

    def to(self, device: str) -> TableRows:
        """Move the rows, which must not be sparse."""
        self.numbers = self.numbers.to(device)
        self.codes = self.codes.to(device)
        self.labels = tuple(part.to(device) for part in self.labels)
        return self


def place(rows: TableRows, device: str) -> TableRows:
    """Move rows to the device if they are dense and fit into half of its free memory.

    Rows that stay behind are moved batch by batch, by the net.
    """
    if device == "cpu" or isinstance(rows.numbers, SparseNumbers):
        return rows
    return rows.to(device) if rows.nbytes < free_memory(device) / 2 else rows


def split_rows(
    n_rows: int, early_stopping: bool | str, fraction: float, rng: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray | None]:
    """Choose the rows to train on and, if stopping early, those to validate on."""
    if early_stopping == "auto":
        early_stopping = n_rows >= _MIN_ROWS_TO_STOP_EARLY
    if not early_stopping:
        return np.arange(n_rows), None
    n_valid = int(np.ceil(fraction * n_rows))
    if n_valid >= n_rows:
        raise ValueError(
            f"validation_fraction={fraction} leaves none of the {n_rows} rows to train on: lower "
            "it or set early_stopping=False."
        )
    order = rng.permutation(n_rows)
    return order[n_valid:], order[:n_valid]


def free_memory(device: str) -> float:
    """Bytes free on a device; on Apple's, which shares the machine's memory, without limit."""
    if torch.device(device).type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return float("inf")


class BatchIndices(Sampler):
    """Row numbers a batch at a time, shuffled by torch's random state or in order.

    Parameters
    ----------
    rows : TableRows
        What is sampled; the row numbers lie on its device.
    batch_size : int
        Rows in a batch; the last one may have fewer.
    shuffle : bool
        Whether each pass has its own order.
    """

    def __init__(self, rows: TableRows, batch_size: int, shuffle: bool):
        self.rows = rows
        self.batch_size = batch_size
        self.shuffle = shuffle

    def __iter__(self) -> Iterator[Tensor]:
        """Yield tensors of row numbers."""
        n_rows = len(self.rows)
        order = torch.randperm(n_rows) if self.shuffle else torch.arange(n_rows)
        yield from order.to(self.rows.device).split(self.batch_size)

    def __len__(self) -> int:
        """Give the number of batches."""
        return -(-len(self.rows) // self.batch_size)
