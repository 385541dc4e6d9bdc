"""What numbers become beside their standardised selves: which embedding, from which bins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from scipy import sparse

from ..nn import NumericEmbedding, PeriodicEmbedding, QuantileEmbedding
from ..tasks import Task
from .bins import learn_edges

# Rows that quantiles are taken of, and atoms are looked for among.
_MAX_ROWS = 50_000
# The share of a column's rows from which on a value that they have in common is an atom.
_ATOM = 0.1

_PIECEWISE: dict[str, dict[str, Any]] = {
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


def has_atom(numbers: np.ndarray) -> bool:
    """Whether a tenth of a standardised column's rows share a value, other than a missing one."""
    # Missing numbers are 0, the mean, and have an indicator of their own.
    n_equal = np.unique(numbers[numbers != 0], return_counts=True)[1]
    return bool(n_equal.max(initial=0) >= _ATOM * len(numbers))


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
        self.has_atom: list[bool] = []

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
        sample = numbers[:: -(-len(numbers) // _MAX_ROWS)]
        if self.kind in _PIECEWISE:
            n_classes = [len(task.classes) if task.has_classes else 0 for task in tasks]
            self.edges = learn_edges(numbers, targets, weights, n_classes, n_bins)
            self.has_atom = [has_atom(column) for column in sample.T]
        elif self.kind == "quantile":
            ranks = np.linspace(0, 1, n_bins + 1)
            self.edges = list(np.quantile(sample, ranks, axis=0).T)
        return self

    def maker(
        self, embedding_dim: int | str, n_members: int, n_views: int
    ) -> Callable[[], Any] | None:
        """Give what makes the embedding of all members' views; None where there is none."""
        if not self.n_columns:
            return None
        dim = default_width(self.n_columns) if isinstance(embedding_dim, str) else embedding_dim
        if self.kind == "quantile":
            return partial(QuantileEmbedding, self.edges, n_members=n_views)
        if self.kind == "periodic":
            return partial(PeriodicEmbedding, self.n_columns, dim, n_members=n_views)
        options = dict(_PIECEWISE[str(self.kind)])
        if options["linear"] and options["steps"]:
            options["step_scale"] = self._step_scale(n_members, n_views)
        return partial(NumericEmbedding, self.edges, dim, n_members=n_views, **options)

    def _step_scale(self, n_members: int, n_views: int) -> np.ndarray:
        """Give what the steps of every column and view are multiplied by.

        Targets may jump at an atom, such as no income at all; elsewhere a bin's step is often but
        noise. There steps count from not at all in the first member, which drops least out, to
        fully in the last.
        """
        by_member = np.linspace(0, 1, n_members) if n_members > 1 else np.array([0.5])
        by_view = by_member.repeat(n_views // n_members)
        return np.where(np.array(self.has_atom)[:, None], 1.0, by_view)
