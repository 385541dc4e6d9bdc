"""What numbers become beside their standardised selves: which embedding, from which bins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from scipy import sparse

from .bins import learn_edges
from .nn import NumericEmbedding, PeriodicEmbedding, QuantileEmbedding
from .tasks import Task

# Rows that quantiles are taken of.
_MAX_ROWS = 50_000

_PIECEWISE = {
    "piecewise_linear": {"linear": True, "steps": False},
    "bins": {"linear": False, "steps": True},
    "piecewise_linear+bins": {"linear": True, "steps": True},
}
NUMERIC_EMBEDDINGS = (*_PIECEWISE, "quantile", "periodic")


def default_n_bins(n_rows: int) -> int:
    """Bins of a column: half the root of the rows, so that both bins and their rows grow."""
    return round(min(max(n_rows**0.5 / 2, 16), 256))


def default_width(n_columns: int) -> int:
    """Width of a number's embedding: 8, and less where that made more than 800 in all."""
    return round(min(max(800 / n_columns, 2), 8))


class NumericFeatures:
    """Learns bins of the numbers, and makes the embedding that reads them.

    Parameters
    ----------
    kind : str or None
        One of `NUMERIC_EMBEDDINGS`. Sparse numbers have none.
    n_bins : int or "auto"
        Bins of each column, at most; "auto" takes half the root of the number of rows, from 16 to
        256.
    """

    def __init__(self, kind: str | None, n_bins: int | str):
        self.kind = kind
        self.n_bins = n_bins
        self.n_columns = 0
        self.edges: list[np.ndarray] = []

    def fit(
        self, numbers: Any, targets: np.ndarray, weights: np.ndarray, tasks: Sequence[Task]
    ) -> NumericFeatures:
        """Learn the bins.

        Parameters
        ----------
        numbers : ndarray or CSR matrix of shape (n_rows, n_columns)
            The standardised numbers, without indicators of missing ones.
        targets, weights : ndarray of shape (n_rows, n_tasks)
            The encoded labels, and their weights, 0 where there is none.
        tasks : sequence of Task
            The fitted tasks.
        """
        if self.kind is None or sparse.issparse(numbers):
            return self
        self.n_columns = numbers.shape[1]
        n_bins = default_n_bins(len(numbers)) if isinstance(self.n_bins, str) else self.n_bins
        if self.kind in _PIECEWISE:
            n_classes = [len(task.classes) if task.has_classes else 0 for task in tasks]
            self.edges = learn_edges(numbers, targets, weights, n_classes, n_bins)
        elif self.kind == "quantile":
            ranks = np.linspace(0, 1, n_bins + 1)
            some = numbers[:: -(-len(numbers) // _MAX_ROWS)]
            self.edges = list(np.quantile(some, ranks, axis=0).T)
        return self

    def maker(self, embedding_dim: int | str, n_members: int) -> Callable[[], Any] | None:
        """Give what makes the embedding, None where there is none."""
        if not self.n_columns:
            return None
        dim = default_width(self.n_columns) if isinstance(embedding_dim, str) else embedding_dim
        if self.kind == "quantile":
            return partial(QuantileEmbedding, self.edges, n_members=n_members)
        if self.kind == "periodic":
            return partial(PeriodicEmbedding, self.n_columns, dim, n_members=n_members)
        options = _PIECEWISE[str(self.kind)]
        return partial(NumericEmbedding, self.edges, dim, n_members=n_members, **options)
