"""Makers of the embeddings of numbers, which learn from a table."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy import ndarray as Array
from torch import nn

from ..nn import Axis, NumericEmbedding
from ..nn.members import Members
from ..tasks import Task
from ..utils.checks import show_options
from .bins import count_classes, learn_edges

# Greatest number of rows in which atoms are sought.
_MAX_ROWS = 50_000
# A value that at least this share of a column's rows have in common is called an atom.
_ATOM = 0.1


class EmbeddingMaker(ABC):
    """Base class of the makers of embeddings of numbers.

    A maker learns what an embedding needs from the numbers of a table, such as the edges of bins,
    and makes the embedding, a torch module. To use your own embedding, write a subclass with
    `make` and pass an instance as ``numeric_embedding`` to an estimator. Each fit uses a copy. The
    network reads the standardised numbers in addition to their embeddings.

    Examples
    --------
    An embedding by the square of each number, which is the same for all views:

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
    ...     def make(self, n_columns, width, members, views):
    ...         return Square(n_columns, len(views))
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0.0, 1.0, 4.0, 9.0]
    >>> model = PLERegressor(numeric_embedding=Squares(), max_epochs=2)
    >>> model.fit(X, y).module_.inputs.numeric_width
    1
    """

    def __repr__(self) -> str:
        """Return the class with its options, which are parameters of its ``__init__``."""
        return f"{type(self).__name__}({show_options(self)})"

    def learn(  # noqa: B027
        self, numbers: Array, targets: Array, weights: Array, tasks: Sequence[Task], n_bins: int
    ) -> None:
        """Learn from a table; does nothing by default.

        Parameters
        ----------
        numbers : ndarray of shape (n_rows, n_columns)
            The standardised numbers. Missing numbers are 0, the mean.
        targets, weights : ndarray of shape (n_rows, n_tasks)
            The encoded labels, and their weights. The weight is 0 for missing labels, and in rows
            on which a member is validated.
        tasks : sequence of Task
            The fitted tasks.
        n_bins : int
            Greatest number of bins of a column, the value of ``n_bins``.
        """

    @abstractmethod
    def make(self, n_columns: int, width: int, members: Members, views: Axis) -> nn.Module:
        """Make the embedding.

        Parameters
        ----------
        n_columns : int
            Number of columns.
        width : int
            Width of a number's embedding, the value of ``embedding_dim``.
        members : Members
            The members of the ensemble.
        views : Axis
            The views of the numbers, each with its own embeddings; ``len(views)`` is their number.
            Each member has the same number of views, which are adjacent. If the embedding has
            parameters for each view, its method ``declare_axes`` can declare them as
            `nn.Body.declare_axes` does.

        Returns
        -------
        Module
            A module with an attribute ``out_features``, which turns numbers of shape (n_rows,
            n_columns) into embeddings of shape (n_views, n_rows, out_features). For networks that
            read column by column, each column has the same number of features, which are adjacent.
        """


class Piecewise(EmbeddingMaker):
    """Makes a `NumericEmbedding`, by bins: with a piecewise-linear part, with steps, or both."""

    edges: list[np.ndarray]
    has_atom: np.ndarray

    def __init__(self, *, linear: bool, steps: bool):
        self.linear = linear
        self.steps = steps

    def learn(
        self, numbers: Array, targets: Array, weights: Array, tasks: Sequence[Task], n_bins: int
    ) -> None:
        """Learn the edges of the bins, and which columns have an atom."""
        self.edges = learn_edges(numbers, targets, weights, count_classes(tasks), n_bins)
        # Evenly spaced rows are enough.
        some = numbers[:: -(-len(numbers) // _MAX_ROWS)]
        self.has_atom = np.array([has_atom(column) for column in some.T])

    def make(self, n_columns: int, width: int, members: Members, views: Axis) -> nn.Module:
        """Make the embedding; with a linear part and steps, members differ in the steps' scale.

        Targets may jump at an atom, such as an income of 0. In columns without an atom, steps
        often only add noise. There the scale of the steps grows from 0 in the first member to 1 in
        the last.
        """
        scale = None
        if self.linear and self.steps:
            by_view = members.ramp.repeat(len(views) // members.n)
            scale = np.where(self.has_atom[:, None], 1.0, by_view)
        return NumericEmbedding(
            self.edges,
            width,
            views=views,
            linear=self.linear,
            steps=self.steps,
            step_scale=scale,
        )


#: Makers of embeddings, by the names that ``numeric_embedding`` accepts.
NUMERIC_EMBEDDINGS: dict[str, EmbeddingMaker] = {
    "auto": Piecewise(linear=True, steps=True),
    "piecewise_linear": Piecewise(linear=True, steps=False),
    "bins": Piecewise(linear=False, steps=True),
    "piecewise_linear+bins": Piecewise(linear=True, steps=True),
}


def learn_maker(
    kind: str | EmbeddingMaker,
    numbers: Array,
    targets: Array,
    weights: Array,
    tasks: Sequence[Task],
    n_bins: int,
) -> EmbeddingMaker:
    """Return a copy of a maker that has learnt from a table, see `EmbeddingMaker.learn`.

    The maker is given by name or as an object.
    """
    maker = copy.deepcopy(NUMERIC_EMBEDDINGS[kind] if isinstance(kind, str) else kind)
    maker.learn(numbers, targets, weights, tasks, n_bins)
    return maker


def choose_numeric_width(n_columns: int) -> int:
    """Return the width of embeddings: 8 for up to 4 columns, 4 for 8 to 200, less for more."""
    return round(min(max(32 / n_columns, 4), max(800 / n_columns, 2), 8))


def has_atom(numbers: Array) -> bool:
    """Return whether at least a tenth of a column's rows share a value that is not missing."""
    # Missing numbers are 0, the mean, and have their own indicator.
    n_equal = np.unique(numbers[numbers != 0], return_counts=True)[1]
    return bool(n_equal.max(initial=0) >= _ATOM * len(numbers))
