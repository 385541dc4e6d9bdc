"""Embeddings of category codes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def embedding_width(cardinality: int) -> int:
    """Width of a column's embedding by the number of its codes: from 2 to 32, as it grows."""
    return max(2, min(32, round(1.6 * cardinality**0.56)))


def embedding_widths(cardinalities: Sequence[int], embedding_dim: int | str) -> list[int]:
    """Width of each column's embedding: a number for all, or by `embedding_width` for "auto"."""
    if embedding_dim == "auto":
        return [embedding_width(cardinality) for cardinality in cardinalities]
    return [int(embedding_dim)] * len(cardinalities)


class CategoricalEmbedding(nn.Module):
    """The embedding tables of all categorical columns, read in a single gather.

    In each column, code 0 stands for a missing value and code 1 for a category that is rare or was
    not seen in training. Their embeddings start at zero, so that a code without training data adds
    nothing.

    For each member, the tables lie one after the other: column by column, in it code by code. A
    number takes 4 bytes in float32, and four times as much while AdamW trains it: gradient and two
    moments beside it. Averaged and best weights, where training keeps them, are as large again.

    Parameters
    ----------
    cardinalities : sequence of int
        Number of codes of each column.
    embedding_dim : int or "auto"
        Width of every category's embedding; "auto" gives every column the width that
        ``1.6 * cardinality**0.56`` rounds to, at least 2 and at most 32.
    n_members : int, default=1
        Number of networks that have embeddings of their own.

    Attributes
    ----------
    widths : list of int
        Width of each column's embedding.
    sizes : list of int
        How many numbers each column's table has.

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

    def __init__(self, cardinalities: Sequence[int], embedding_dim: int | str, n_members: int = 1):
        super().__init__()
        self.widths = embedding_widths(cardinalities, embedding_dim)
        pairs = zip(cardinalities, self.widths, strict=True)
        self.sizes = [int(n) * width for n, width in pairs]
        n_columns, n_out = len(self.widths), sum(self.widths)
        widths, sizes = torch.tensor([self.widths, self.sizes])
        # Of each number that comes out: its column, how far the embeddings of two codes lie apart,
        # and where its number of code 0 lies.
        columns = torch.repeat_interleave(torch.arange(n_columns), widths, output_size=n_out)
        firsts = (sizes - widths).cumsum(0) - (sizes - widths)
        places = {
            "columns": columns,
            "strides": widths[columns, None],
            "starts": (firsts[columns] + torch.arange(n_out))[:, None],
        }
        for name, numbers in places.items():
            self.register_buffer(name, numbers, persistent=False)
        self.weight = nn.Parameter(torch.empty(n_members, sum(self.sizes)))
        self.reset_parameters()

    def tables(self) -> list[Tensor]:
        """Return each column's table, as a view of the weights.

        Returns
        -------
        list of Tensor of shape (n_members, n_codes, width)
            One for each column.
        """
        parts = self.weight.split(self.sizes, dim=1)
        return [
            part.unflatten(1, (-1, width)) for part, width in zip(parts, self.widths, strict=True)
        ]

    def reset_parameters(self) -> None:
        """Draw the embeddings; those of missing and unknown categories start at zero."""
        nn.init.uniform_(self.weight, -1.0, 1.0)
        with torch.no_grad():
            for table in self.tables():
                table[:, :2] = 0.0

    def forward(self, codes: Tensor) -> Tensor:
        """Look the codes up.

        Parameters
        ----------
        codes : Tensor of shape (n_rows, n_columns)
            The category codes, of any integer type.

        Returns
        -------
        Tensor of shape (n_members, n_rows, sum of widths)
            The columns' embeddings side by side.
        """
        # Whole numbers of few bytes become int64, as the strides are.
        places = codes.mT.index_select(0, self.columns) * self.strides + self.starts
        # Rows last in memory, as a network that trains reads them. The gradient of index_select is
        # several times as fast on a CPU as that of F.embedding.
        embeddings = self.weight.index_select(1, places.flatten())
        return embeddings.unflatten(1, places.shape).mT
