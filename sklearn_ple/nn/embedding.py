"""From a table's numbers and category codes to the features that a network reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class CategoricalEmbedding(nn.Module):
    """One embedding table for all categorical columns, read in a single gather.

    Of each column's codes 0 stands for a missing value and 1 for a category that was not seen in
    training. Their rows start at zero, so that a code without training data adds nothing.

    Parameters
    ----------
    cardinalities : sequence of int
        Number of codes of each column.
    embedding_dim : int
        Width of every category's embedding.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.nn import CategoricalEmbedding
    >>> embedding = CategoricalEmbedding([4, 6], embedding_dim=3)
    >>> embedding(torch.tensor([[0, 5], [3, 2]])).shape
    torch.Size([2, 6])
    """

    offsets: Tensor

    def __init__(self, cardinalities: Sequence[int], embedding_dim: int):
        super().__init__()
        sizes = torch.tensor(cardinalities)
        self.register_buffer("offsets", sizes.cumsum(0) - sizes)
        self.weight = nn.Parameter(torch.empty(int(sizes.sum()), embedding_dim))
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
        codes : Tensor of int64 of shape (n_rows, n_columns)
            The category codes.

        Returns
        -------
        Tensor of shape (n_rows, n_columns * embedding_dim)
            The columns' embeddings side by side.
        """
        return F.embedding(codes + self.offsets, self.weight).flatten(1)


class TabularNetwork(nn.Module):
    """A network that reads a table: numbers as they are, categories through embeddings.

    Parameters
    ----------
    n_numbers : int
        Number of numeric features.
    cardinalities : sequence of int
        Number of codes of each categorical column; may be empty.
    embedding_dim : int
        Width of every category's embedding.
    make_body : callable
        Called with the number of features, returns the network behind them.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.nn import PLE, TabularNetwork
    >>> network = TabularNetwork(2, [4], 3, lambda width: PLE(width, n_outputs=[1, 1]))
    >>> network(torch.zeros(10, 2), torch.zeros(10, 1, dtype=torch.int64)).shape
    torch.Size([10, 2])
    """

    def __init__(
        self,
        n_numbers: int,
        cardinalities: Sequence[int],
        embedding_dim: int,
        make_body: Callable[[int], nn.Module],
    ):
        super().__init__()
        self.embedding = (
            CategoricalEmbedding(cardinalities, embedding_dim) if len(cardinalities) else None
        )
        self.body = make_body(n_numbers + len(cardinalities) * embedding_dim)

    def forward(self, numbers: Tensor, codes: Tensor) -> Tensor:
        """Compute the outputs of all tasks.

        Parameters
        ----------
        numbers : Tensor of shape (n_rows, n_numbers)
            The numeric features.
        codes : Tensor of int64 of shape (n_rows, n_columns)
            The category codes.

        Returns
        -------
        Tensor of shape (n_rows, sum of n_outputs)
            The tasks' outputs side by side.
        """
        if self.embedding is None:
            return self.body(numbers)
        return self.body(torch.cat([numbers, self.embedding(codes)], dim=1))
