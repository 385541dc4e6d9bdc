"""Embeddings of numbers by waves of learnt frequencies."""

from __future__ import annotations

import torch
from rtdl_num_embeddings import PeriodicEmbeddings
from torch import Tensor, nn


class PeriodicEmbedding(nn.Module):
    """Embeds numbers by sines and cosines of learnt frequencies, a linear layer and a ReLU.

    Made of ``rtdl_num_embeddings.PeriodicEmbeddings`` [1]_, with its defaults and a linear layer
    for every column and member.

    Parameters
    ----------
    n_columns : int
        Number of columns.
    embedding_dim : int
        Width of a number's embedding.
    n_members : int, default=1
        Number of embeddings, each with its own parameters.

    References
    ----------
    .. [1] Gorishniy, Rubachev, Babenko (2022), On Embeddings for Numerical Features in Tabular
       Deep Learning, NeurIPS.

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
        # Members are further columns.
        self.columns = PeriodicEmbeddings(n_members * n_columns, embedding_dim, lite=False)

    def forward(self, numbers: Tensor) -> Tensor:
        """Embed numbers.

        Parameters
        ----------
        numbers : Tensor of shape (n_rows, n_columns)
            The numbers, of the parameters' dtype.

        Returns
        -------
        Tensor of shape (n_members, n_rows, n_columns * embedding_dim)
            Each member's embeddings, the columns' side by side.
        """
        embeddings = self.columns(numbers.repeat(1, self.n_members))
        return torch.stack(embeddings.flatten(1).chunk(self.n_members, dim=1))
