"""Embeddings of category codes."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from ..axes import Axes, Axis, as_axis


def choose_embedding_width(cardinality: int) -> int:
    """Return the width of a column's embedding, from 2 to 32, by its number of codes."""
    return max(2, min(32, round(1.6 * cardinality**0.56)))


class CategoricalEmbedding(nn.Module):
    """Embedding tables of all categorical columns.

    In each column, code 0 is a missing value, and code 1 is a category that is rare or was not
    seen in training. Their embeddings start at zero, so that a code without training rows has no
    effect.

    The tables of a view are stored one after the other, and all are read in a single operation.
    In float32 a number takes 4 bytes, and four times as much while AdamW trains it, with its
    gradient and two moments. If training keeps averaged weights or the best weights, each takes
    the same space again.

    Parameters
    ----------
    cardinalities : sequence of int
        Number of codes of each column.
    embedding_dim : int or "auto"
        Width of every category's embedding. With "auto" the width of a column is
        ``1.6 * cardinality**0.56``, rounded, at least 2 and at most 32.
    views : Axis or int, default=1
        The views of the table, each with its own embeddings: the members and tasks to which they
        belong, or only their number.

    Attributes
    ----------
    widths : list of int
        Width of each column's embedding.
    sizes : list of int
        Number of entries in each column's table.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.nn import CategoricalEmbedding
    >>> embedding = CategoricalEmbedding([4, 6], embedding_dim=3)
    >>> embedding(torch.tensor([[0, 5], [3, 2]])).shape
    torch.Size([1, 2, 6])
    >>> CategoricalEmbedding([4, 600], embedding_dim="auto").widths
    [3, 32]
    """

    columns: Tensor
    strides: Tensor
    starts: Tensor

    def __init__(
        self, cardinalities: Sequence[int], embedding_dim: int | str, views: Axis | int = 1
    ):
        super().__init__()
        self.views = as_axis(views)
        auto = embedding_dim == "auto"
        self.widths = [
            choose_embedding_width(n) if auto else int(embedding_dim) for n in cardinalities
        ]
        pairs = zip(cardinalities, self.widths, strict=True)
        self.sizes = [int(n) * width for n, width in pairs]
        n_columns, n_out = len(self.widths), sum(self.widths)
        widths, sizes = np.array([self.widths, self.sizes], dtype=np.int64)
        # For each number of the output: its column, the distance between the embeddings of two
        # adjacent codes, and the position of its entry for code 0.
        columns = np.repeat(np.arange(n_columns), widths)
        firsts = (sizes - widths).cumsum() - (sizes - widths)
        places = {
            "columns": columns,
            "strides": widths[columns, None],
            "starts": (firsts[columns] + np.arange(n_out))[:, None],
        }
        for name, numbers in places.items():
            self.register_buffer(name, torch.tensor(numbers), persistent=False)
        self.weight = nn.Parameter(torch.empty(len(self.views), sum(self.sizes)))
        self.reset_parameters()

    def declare_axes(self) -> dict[str, Axes]:
        """Declare the axes of the weights; see `sklearn_ple.nn.Body.declare_axes`.

        Returns
        -------
        dict of str to tuple of (Axis or None)
            The axes, by name.
        """
        return {"weight": (self.views, None)}

    def tables(self) -> list[Tensor]:
        """Return the table of each column, as a view of the weights.

        Returns
        -------
        list of Tensor of shape (n_views, n_codes, width)
            The tables, one for each column.
        """
        parts = self.weight.split(self.sizes, dim=1)
        return [
            part.unflatten(1, (-1, width)) for part, width in zip(parts, self.widths, strict=True)
        ]

    def reset_parameters(self) -> None:
        """Draw the embeddings at random; those of missing and unknown categories are zero."""
        nn.init.uniform_(self.weight, -1.0, 1.0)
        with torch.no_grad():
            for table in self.tables():
                table[:, :2] = 0.0

    def forward(self, codes: Tensor) -> Tensor:
        """Return the embeddings of codes: ``[E_1[c_1], E_2[c_2], ...]``, with E_i of column i.

        Parameters
        ----------
        codes : Tensor of shape (n_rows, n_columns)
            The category codes, of any integer type.

        Returns
        -------
        Tensor of shape (n_views, n_rows, sum of widths)
            The embeddings of all columns, side by side.
        """
        # Codes of small integer types become int64, like the strides.
        places = codes.mT.index_select(0, self.columns) * self.strides + self.starts
        # Rows are last in memory, as a network reads them in training. On a CPU, the gradient of
        # index_select is several times as fast as that of F.embedding.
        embeddings = self.weight.index_select(1, places.flatten())
        return embeddings.unflatten(1, places.shape).mT
