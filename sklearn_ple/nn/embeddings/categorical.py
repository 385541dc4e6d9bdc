"""Embeddings of category codes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def embedding_width(cardinality: int) -> int:
    """Width of a column's embedding by the number of its codes: from 2 to 32, as it grows."""
    return max(2, min(32, round(1.6 * cardinality**0.56)))


def _kept(widths: Sequence[int]) -> Tensor | None:
    """Find which numbers of a table as wide as the widest column are read; None for all."""
    widest = max(widths)
    if min(widths) == widest:
        return None
    starts = range(0, widest * len(widths), widest)
    return torch.tensor(
        [start + place for start, own in zip(starts, widths, strict=True) for place in range(own)]
    )


class CategoricalEmbedding(nn.Module):
    """One embedding table for all categorical columns, read in a single gather.

    In each column, code 0 stands for a missing value and code 1 for a category that is rare or was
    not seen in training. Their rows start at zero, so that a code without training data adds
    nothing.

    The table has a row for every code of every column and is as wide as the widest column; a
    narrower column reads only the first numbers of its rows. It takes 4 bytes a number in float32,
    and four times as much while AdamW trains it: gradient and two moments beside it. Averaged and
    best weights, where training keeps them, are as large again.

    Parameters
    ----------
    cardinalities : sequence of int
        Number of codes of each column.
    embedding_dim : int or "auto"
        Width of every category's embedding; "auto" gives every column the width that
        ``1.6 * cardinality**0.56`` rounds to, at least 2 and at most 32.
    n_members : int, default=1
        Number of networks that have embeddings of their own: each makes the table wider.

    Attributes
    ----------
    widths : list of int
        Width of each column's embedding.

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

    offsets: Tensor
    kept: Tensor | None

    def __init__(self, cardinalities: Sequence[int], embedding_dim: int | str, n_members: int = 1):
        super().__init__()
        self.n_members = n_members
        if embedding_dim == "auto":
            self.widths = [embedding_width(cardinality) for cardinality in cardinalities]
        else:
            self.widths = [int(embedding_dim)] * len(cardinalities)
        widest = max(self.widths)
        sizes = torch.tensor(cardinalities)
        self.register_buffer("offsets", sizes.cumsum(0) - sizes)
        self.register_buffer("kept", _kept(self.widths))
        self.weight = nn.Parameter(torch.empty(sum(cardinalities), n_members * widest))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the embeddings; those of missing and unknown categories start at zero."""
        nn.init.uniform_(self.weight, -1.0, 1.0)
        with torch.no_grad():
            self.weight[self.offsets] = 0.0
            self.weight[self.offsets + 1] = 0.0

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
        # The sum is int64, as the offsets are. The gradient of index_select is several times as
        # fast on a CPU as that of F.embedding.
        embeddings = self.weight.index_select(0, (codes + self.offsets).flatten())
        embeddings = embeddings.view(
            *codes.shape, self.n_members, self.weight.shape[1] // self.n_members
        )
        embeddings = embeddings.permute(2, 0, 1, 3).flatten(2)
        return embeddings if self.kept is None else embeddings.index_select(2, self.kept)
