"""Embeddings of numbers by sines and cosines with learnt frequencies."""

from __future__ import annotations

import torch
from rtdl_num_embeddings import PeriodicEmbeddings
from torch import Tensor, nn


class PeriodicEmbedding(nn.Module):
    """Embedding of numbers by sines and cosines with learnt frequencies [1]_.

    A linear layer and a ReLU turn the sines and cosines into the embedding. Each column and member
    has its own frequencies and layer. The implementation is
    ``rtdl_num_embeddings.PeriodicEmbeddings``, with its defaults.

    Parameters
    ----------
    n_columns : int
        Number of columns.
    embedding_dim : int
        Width of a number's embedding.
    n_members : int, default=1
        Number of networks, each with its own embeddings.

    References
    ----------
    .. [1] Y. Gorishniy, I. Rubachev, A. Babenko. "On Embeddings for Numerical Features in Tabular
           Deep Learning". NeurIPS 2022.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.nn import PeriodicEmbedding
    >>> embedding = PeriodicEmbedding(2, embedding_dim=3, n_members=4)
    >>> embedding(torch.zeros(10, 2)).shape
    torch.Size([4, 10, 6])
    """

    def __init__(self, n_columns: int, embedding_dim: int, *, n_members: int = 1):
        super().__init__()
        self.n_members = n_members
        self.out_features = n_columns * embedding_dim
        # The columns of each member are additional columns.
        self.columns = PeriodicEmbeddings(n_members * n_columns, embedding_dim, lite=False)

    def forward(self, numbers: Tensor) -> Tensor:
        """Embed numbers.

        Parameters
        ----------
        numbers : Tensor of shape (n_rows, n_columns)
            The numbers, with the data type of the parameters.

        Returns
        -------
        Tensor of shape (n_members, n_rows, n_columns * embedding_dim)
            The embeddings of each member; those of all columns are side by side.
        """
        embeddings = self.columns(numbers.repeat(1, self.n_members))
        return torch.stack(embeddings.flatten(1).chunk(self.n_members, dim=1))
