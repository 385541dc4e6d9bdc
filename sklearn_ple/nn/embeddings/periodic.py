"""Embeddings of numbers by sines and cosines with learnt frequencies."""

import torch
from rtdl_num_embeddings import PeriodicEmbeddings
from torch import Tensor, nn

from ..axes import Axes, Axis, as_axis


class PeriodicEmbedding(nn.Module):
    """Embedding of numbers by sines and cosines with learnt frequencies [1]_.

    A linear layer and a ReLU turn the sines and cosines into the embedding. Each column and view
    has its own frequencies and layer. The implementation is
    ``rtdl_num_embeddings.PeriodicEmbeddings``, with its defaults.

    Parameters
    ----------
    n_columns : int
        Number of columns.
    embedding_dim : int
        Width of a number's embedding.
    views : Axis or int, default=1
        The views of the numbers, each with its own embeddings: the members and tasks to which they
        belong, or only their number.

    References
    ----------
    .. [1] Y. Gorishniy, I. Rubachev, A. Babenko. "On Embeddings for Numerical Features in Tabular
           Deep Learning". NeurIPS 2022.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.nn import PeriodicEmbedding
    >>> embedding = PeriodicEmbedding(2, embedding_dim=3, views=4)
    >>> embedding(torch.zeros(10, 2)).shape
    torch.Size([4, 10, 6])
    """

    def __init__(self, n_columns: int, embedding_dim: int, *, views: Axis | int = 1):
        super().__init__()
        self.views = as_axis(views)
        self.out_features = n_columns * embedding_dim
        # The columns of each view are additional columns.
        self.columns = PeriodicEmbeddings(len(self.views) * n_columns, embedding_dim, lite=False)
        self._axis = self.views.repeat(n_columns)

    def declare_axes(self) -> dict[str, Axes]:
        """Declare the axes of the parameters; see `sklearn_ple.nn.Body.declare_axes`.

        Returns
        -------
        dict of str to tuple of (Axis or None)
            The axes, by name.
        """
        parameters = self.named_parameters()
        return {name: (self._axis, *[None] * (p.dim() - 1)) for name, p in parameters}

    def forward(self, numbers: Tensor) -> Tensor:
        """Embed numbers.

        Parameters
        ----------
        numbers : Tensor of shape (n_rows, n_columns)
            The numbers, with the data type of the parameters.

        Returns
        -------
        Tensor of shape (n_views, n_rows, n_columns * embedding_dim)
            The embeddings of each view; those of all columns are side by side.
        """
        embeddings = self.columns(numbers.repeat(1, len(self.views)))
        return torch.stack(embeddings.flatten(1).chunk(len(self.views), dim=1))
