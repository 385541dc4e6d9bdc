"""Normal scores of numbers: quantiles of a normal distribution at the ranks of the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .piecewise import NumericEmbedding


class QuantileEmbedding(nn.Module):
    """Embedding of numbers by their normal scores, the normal quantiles of their ranks.

    A number is replaced by the quantile of a normal distribution at the number's rank, with linear
    interpolation between known quantiles. :class:`~sklearn.preprocessing.QuantileTransformer` does
    the same with ``output_distribution="normal"``, but its scores are larger at both ends.
    Outliers move closer to the other numbers, and crowded numbers further apart. Nothing is learnt
    in training, and all members read the same scores.

    Parameters
    ----------
    quantiles : sequence of array-like
        The quantiles of each column at evenly spaced ranks from 0 to 1, in ascending order; values
        may repeat.
    n_members : int, default=1
        Number of networks that read the scores.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.nn import QuantileEmbedding
    >>> embedding = QuantileEmbedding([[0.0, 1.0, 10.0], [-1.0, -1.0, 5.0]])
    >>> embedding(torch.tensor([[1.0, -1.0], [10.0, 5.0]])).shape
    torch.Size([1, 2, 2])
    """

    start: Tensor

    def __init__(self, quantiles: Sequence[Any], *, n_members: int = 1):
        super().__init__()
        self.n_members = n_members
        self.out_features = len(quantiles)
        # Equal values are counted, which torch's meta device cannot do, in the dtype of the edges.
        dtype = torch.get_default_dtype()
        columns = [torch.as_tensor(column, dtype=dtype, device="cpu") for column in quantiles]
        edges, scores = zip(*map(self._knots, columns), strict=True)
        self.register_buffer("start", torch.stack([s[0] for s in scores]).float())
        self.slopes = NumericEmbedding(edges, 1, steps=False).requires_grad_(False)
        rises = torch.cat([s.diff() for s in scores])
        self.slopes.linear_weight.copy_(rises[:, None])

    @staticmethod
    def _knots(quantiles: Tensor) -> tuple[Tensor, Tensor]:
        """Return the distinct values and their scores, at the middle of their ranks."""
        values, counts = torch.unique_consecutive(quantiles, return_counts=True)
        if len(values) == 1:
            return torch.cat([values, values + 1]), torch.zeros(2, device="cpu")
        last = counts.cumsum(0) - 1
        ranks = (last - (counts - 1) / 2) / (len(quantiles) - 1)
        margin = 0.5 / len(quantiles)
        return values, torch.special.ndtri(ranks.clamp(margin, 1 - margin))

    def forward(self, numbers: Tensor) -> Tensor:
        """Compute the scores.

        Parameters
        ----------
        numbers : Tensor of shape (n_rows, n_columns)
            The numbers.

        Returns
        -------
        Tensor of shape (n_members, n_rows, n_columns)
            The same scores for every member.
        """
        return (self.start + self.slopes(numbers)).expand(self.n_members, -1, -1)
