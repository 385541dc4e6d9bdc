"""Embeddings of numbers by bins."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from ..axes import Axes, Axis, as_axis


class NumericEmbedding(nn.Module):
    """Embedding of numbers by bins: a piecewise-linear part [1]_, and a step for each bin.

    Each column has its own bins. For each bin and view two vectors are learnt, ``linear[b]`` and
    ``step[b]``. A number in bin b, at the fraction f of the distance from its lower edge to its
    upper edge, has the embedding

    ``linear[0] + ... + linear[b - 1] + f * linear[b] + scale * step[b]``.

    This equals a linear map of the piecewise-linear encoding of the number, plus a linear map of
    the one-hot code of its bin. The cost does not depend on the number of bins.

    Parameters
    ----------
    edges : sequence of array-like
        Edges of each column's bins in ascending order, one more than there are bins. A number on
        an edge belongs to the bin above. In the piecewise-linear part, a number outside the edges
        is treated like the nearest edge.
    embedding_dim : int
        Width of a number's embedding.
    views : Axis or int, default=1
        The views of the numbers, each with its own embeddings: the members and tasks to which they
        belong, or only their number.
    linear : bool, default=True
        Whether to include the piecewise-linear part.
    steps : bool, default=True
        Whether to include the steps, which are constant within each bin.
    step_scale : array-like of shape (n_columns, n_views), default=None
        Factor of the steps for each column and view. A smaller factor makes them change more
        slowly in training. None means 1.

    Attributes
    ----------
    n_bins : list of int
        Number of bins of each column.
    linear_weight, step_weight : Parameter of shape (sum of n_bins, n_views * embedding_dim)
        The vectors of the bins, column after column; None for a part that is left out.

    Raises
    ------
    ValueError
        If ``linear`` and ``steps`` are both False.

    References
    ----------
    .. [1] Y. Gorishniy, I. Rubachev, A. Babenko. "On Embeddings for Numerical Features in Tabular
           Deep Learning". NeurIPS 2022.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.nn import NumericEmbedding
    >>> edges = [[-1.0, 0.0, 2.0], [0.0, 1.0]]
    >>> embedding = NumericEmbedding(edges, embedding_dim=3, views=4)
    >>> embedding(torch.zeros(10, 2)).shape
    torch.Size([4, 10, 6])
    """

    inner: Tensor
    lower: Tensor
    width: Tensor
    offsets: Tensor
    places: Tensor
    step_scale: Tensor | None

    def __init__(
        self,
        edges: Sequence[Any],
        embedding_dim: int,
        *,
        views: Axis | int = 1,
        linear: bool = True,
        steps: bool = True,
        step_scale: ArrayLike | None = None,
    ):
        super().__init__()
        if not (linear or steps):
            raise ValueError("linear and steps are both False: set at least one of them to True.")
        dtype = torch.get_default_dtype()
        precision = np.float64 if dtype == torch.float64 else np.float32
        columns = [np.asarray(column, dtype=precision) for column in edges]
        self.embedding_dim = embedding_dim
        self.views = as_axis(views)
        self.out_features = len(columns) * embedding_dim
        self.n_bins = n_bins = [len(column) - 1 for column in columns]
        most = max(n_bins)
        # Shorter columns are padded with infinite edges, which no number reaches.
        parts = [torch.tensor(column[1:-1], dtype=dtype) for column in columns]
        inner = pad_sequence(parts, batch_first=True, padding_value=math.inf)
        self.register_buffer("inner", inner)
        lower = np.concatenate([column[:-1] for column in columns])
        self.register_buffer("lower", torch.tensor(lower, dtype=dtype))
        width = np.concatenate([np.diff(column) for column in columns])
        self.register_buffer("width", torch.tensor(width, dtype=dtype))
        # Positions follow from the numbers of bins, so files need not hold them.
        offsets = torch.tensor(np.cumsum(n_bins) - n_bins)
        self.register_buffer("offsets", offsets, persistent=False)
        # Positions of the bins in a grid with the same number of bins for every column.
        places = [start * most + bin for start, n in enumerate(n_bins) for bin in range(n)]
        self.register_buffer("places", torch.tensor(places), persistent=False)
        shape = len(places), len(self.views) * embedding_dim
        self.linear_weight: Any = nn.Parameter(torch.empty(shape)) if linear else None
        self.step_weight: Any = nn.Parameter(torch.empty(shape)) if steps else None
        if step_scale is not None:
            step_scale = torch.as_tensor(step_scale, dtype=dtype)
            step_scale = step_scale.repeat_interleave(
                torch.tensor(n_bins), dim=0, output_size=sum(n_bins)
            )
        self.register_buffer("step_scale", step_scale)
        self.reset_parameters()

    def declare_axes(self) -> dict[str, Axes]:
        """Declare the axes of the parameters and buffers; see `sklearn_ple.nn.Body.declare_axes`.

        Returns
        -------
        dict of str to tuple of (Axis or None)
            The axes, by name.
        """
        units = self.views.repeat(self.embedding_dim)
        axes = {"linear_weight": units, "step_weight": units, "step_scale": self.views}
        return {name: (None, axes[name]) for name in axes if getattr(self, name) is not None}

    def reset_parameters(self) -> None:
        """Draw the vectors so that each part has a standard deviation of at most 0.5.

        With a linear part, steps start at zero: random steps would add noise to a smooth function.
        """
        if self.linear_weight is not None:
            deviations = torch.tensor([0.5 / math.sqrt(n) for n in self.n_bins for _ in range(n)])
            with torch.no_grad():
                self.linear_weight.normal_().mul_(deviations.to(self.linear_weight)[:, None])
        if self.step_weight is not None:
            nn.init.normal_(self.step_weight, std=0.5 if self.linear_weight is None else 0.0)

    def forward(self, numbers: Tensor) -> Tensor:
        """Embed numbers: ``linear[0] + ... + f * linear[b] + scale * step[b]``, in bin b.

        Parameters
        ----------
        numbers : Tensor of shape (n_rows, n_columns)
            The numbers, all finite, with the data type of the parameters.

        Returns
        -------
        Tensor of shape (n_views, n_rows, n_columns * embedding_dim)
            The embeddings of each view; those of all columns are side by side.
        """
        n_rows, n_columns = numbers.shape
        values = numbers.t().contiguous()
        bins = torch.searchsorted(self.inner, values, right=True).t() + self.offsets
        bins = bins.flatten()
        # On a CPU, the gradient of index_select is several times as fast as that of F.embedding.
        embeddings = self.compute_starts().index_select(0, bins)
        if self.linear_weight is not None:
            distances = numbers.flatten() - self.lower.index_select(0, bins)
            fractions = (distances / self.width.index_select(0, bins)).clamp(0.0, 1.0)
            steepness = self.linear_weight.index_select(0, bins)
            embeddings = torch.addcmul(embeddings, fractions[:, None], steepness)
        embeddings = embeddings.view(n_rows, n_columns, len(self.views), self.embedding_dim)
        return embeddings.permute(2, 0, 1, 3).flatten(2)

    def compute_starts(self) -> Tensor:
        """Compute the embedding of a number at the lower edge of each bin.

        Returns
        -------
        Tensor of shape (sum of n_bins, n_views * embedding_dim)
            The embeddings.
        """
        weight, steps = self.linear_weight, self.step_weight
        if steps is not None and self.step_scale is not None:
            by_view = steps.view(-1, len(self.views), self.embedding_dim)
            steps = (by_view * self.step_scale[:, :, None]).view_as(steps)
        if weight is None:
            return steps
        n_columns, width = len(self.n_bins), weight.shape[1]
        grid = weight.new_zeros(n_columns * max(self.n_bins), width)
        grid = grid.index_copy(0, self.places, weight).view(n_columns, -1, width)
        starts = (grid.cumsum(1) - grid).view(-1, width).index_select(0, self.places)
        return starts if steps is None else starts + steps
