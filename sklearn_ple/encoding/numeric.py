"""What numbers become beside their standardised selves: embeddings that learn from a table."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy import ndarray as Array
from torch import nn

from ..members import Members
from ..nn import NumericEmbedding, PeriodicEmbedding, QuantileEmbedding
from ..tasks import Task
from .bins import learn_edges

# Rows that quantiles are taken of, and atoms are looked for among.
_MAX_ROWS = 50_000
# The share of a column's rows from which on a value that they have in common is an atom.
_ATOM = 0.1


class EmbeddingMaker(ABC):
    """Learns from the numbers of a table what their embedding needs, and makes the embedding.

    A new embedding is one subclass; ``numeric_embedding`` takes an object of it. Every fit learns
    with a copy. The network reads the standardised numbers themselves beside the embedding.

    Examples
    --------
    The square of each number, the same for all views:

    >>> import torch
    >>> from sklearn_ple import PLERegressor
    >>> from sklearn_ple.encoding import EmbeddingMaker
    >>> class Square(torch.nn.Module):
    ...     def __init__(self, n_columns, n_views):
    ...         super().__init__()
    ...         self.out_features, self.n_views = n_columns, n_views
    ...
    ...     def forward(self, numbers):
    ...         return (numbers**2).expand(self.n_views, -1, -1)
    >>> class Squares(EmbeddingMaker):
    ...     def make(self, n_columns, width, members, n_views):
    ...         return Square(n_columns, n_views)
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0.0, 1.0, 4.0, 9.0]
    >>> model = PLERegressor(numeric_embedding=Squares(), max_epochs=2, random_state=0)
    >>> model.fit(X, y).module_.numeric_embedding.out_features
    1
    """

    def learn(  # noqa: B027
        self, numbers: Array, targets: Array, weights: Array, tasks: Sequence[Task], n_bins: int
    ) -> None:
        """Learn from a table; nothing by default.

        Parameters
        ----------
        numbers : ndarray of shape (n_rows, n_columns)
            The standardised numbers. A missing one is 0, the mean.
        targets, weights : ndarray of shape (n_rows, n_tasks)
            The encoded labels, and their weights: 0 where there is none, and in the rows that are
            to validate a member.
        tasks : sequence of Task
            The fitted tasks.
        n_bins : int
            Bins of each column, at most.
        """

    @abstractmethod
    def make(self, n_columns: int, width: int, members: Members, n_views: int) -> nn.Module:
        """Make the embedding of all views of the numbers.

        Parameters
        ----------
        n_columns : int
            Number of columns.
        width : int
            Width of a number's embedding.
        members : Members
            The networks that read it.
        n_views : int
            Number of views of the numbers, each with an embedding of its own; as many for each
            member, one after the other.

        Returns
        -------
        Module
            From numbers of shape (n_rows, n_columns) to (n_views, n_rows, out_features), as many
            for each column side by side where a network reads column by column, with an
            attribute ``out_features``.
        """


class Piecewise(EmbeddingMaker):
    """Bins whose vectors are passed through, stepped onto, or both: `NumericEmbedding`."""

    def __init__(self, *, linear: bool, steps: bool):
        self.linear = linear
        self.steps = steps

    def learn(
        self, numbers: Array, targets: Array, weights: Array, tasks: Sequence[Task], n_bins: int
    ) -> None:
        """Learn the edges of the bins, and which columns have an atom."""
        n_classes = [len(task.classes) if task.has_classes else 0 for task in tasks]
        self.edges = learn_edges(numbers, targets, weights, n_classes, n_bins)
        self.has_atom = np.array([has_atom(column) for column in _sample(numbers).T])

    def make(self, n_columns: int, width: int, members: Members, n_views: int) -> nn.Module:
        """Make the embedding; where steps are beside a linear part, members differ in them.

        Targets may jump at an atom, such as no income at all; elsewhere a bin's step is often but
        noise. There steps count from not at all in the first member to fully in the last.
        """
        scale = None
        if self.linear and self.steps:
            by_view = members.ramp.repeat(n_views // members.n)
            scale = np.where(self.has_atom[:, None], 1.0, by_view)
        return NumericEmbedding(
            self.edges,
            width,
            n_members=n_views,
            linear=self.linear,
            steps=self.steps,
            step_scale=scale,
        )


class Quantiles(EmbeddingMaker):
    """Normal scores of the numbers' ranks: `QuantileEmbedding`."""

    def learn(
        self, numbers: Array, targets: Array, weights: Array, tasks: Sequence[Task], n_bins: int
    ) -> None:
        """Learn the quantiles."""
        ranks = np.linspace(0, 1, n_bins + 1)
        self.quantiles = list(np.quantile(_sample(numbers), ranks, axis=0).T)

    def make(self, n_columns: int, width: int, members: Members, n_views: int) -> nn.Module:
        """Make the embedding, which is as wide as there are columns."""
        return QuantileEmbedding(self.quantiles, n_members=n_views)


class Periodic(EmbeddingMaker):
    """Sines and cosines of learnt frequencies: `PeriodicEmbedding`."""

    def make(self, n_columns: int, width: int, members: Members, n_views: int) -> nn.Module:
        """Make the embedding."""
        return PeriodicEmbedding(n_columns, width, n_members=n_views)


#: The embeddings by the names that ``numeric_embedding`` takes.
NUMERIC_EMBEDDINGS: dict[str, EmbeddingMaker] = {
    "piecewise_linear": Piecewise(linear=True, steps=False),
    "bins": Piecewise(linear=False, steps=True),
    "piecewise_linear+bins": Piecewise(linear=True, steps=True),
    "quantile": Quantiles(),
    "periodic": Periodic(),
}


def maker_of(kind: str | EmbeddingMaker | None) -> EmbeddingMaker | None:
    """Copy the maker of a name, or a user's own, so that it may learn; None for None."""
    return copy.deepcopy(NUMERIC_EMBEDDINGS[kind] if isinstance(kind, str) else kind)


def default_width(n_columns: int) -> int:
    """Width of a number's embedding: 8 up to 4 columns, 4 from 8 on, less from 200 on."""
    return round(min(max(32 / n_columns, 4), max(800 / n_columns, 2), 8))


def has_atom(numbers: Array) -> bool:
    """Whether a tenth of a standardised column's rows share a value, other than a missing one."""
    # Missing numbers are 0, the mean, and have an indicator of their own.
    n_equal = np.unique(numbers[numbers != 0], return_counts=True)[1]
    return bool(n_equal.max(initial=0) >= _ATOM * len(numbers))


def _sample(numbers: Array) -> Array:
    """Take every so many rows, to look at."""
    return numbers[:: -(-len(numbers) // _MAX_ROWS)]
