"""The input layer: from the numbers and category codes of a table to features, by columns."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from .axes import Axes, Axis, as_axis
from .dropout import MemberDropout
from .embeddings import CategoricalEmbedding
from .shapes import check_tensor

# Greatest distance of a number from its mean, in standard deviations; others are set to this.
_FARTHEST = 1e18
# Limits outside this range have the same effect, but might be zero or infinite in float32.
_LEAST_LIMIT, _GREATEST_LIMIT = 1e-24, 1e24


def clip_smoothly(numbers: Tensor, limit: float | None) -> Tensor:
    """Clip numbers smoothly, so that an outlier does not outweigh all other features.

    Numbers near the mean hardly change, and none exceeds the limit. This is the smooth clipping
    ``x / sqrt(1 + (x / limit)**2)`` of RealMLP.

    Parameters
    ----------
    numbers : Tensor
        Standardised numbers.
    limit : float or None
        The limit, in standard deviations. None leaves the numbers unchanged.

    Returns
    -------
    Tensor of the shape of numbers
        The numbers, which lie between ``-limit`` and ``limit`` in the same order.

    References
    ----------
    D. Holzmüller, L. Grinsztajn, I. Steinwart. "Better by Default: Strong Pre-Tuned MLPs and
    Boosted Trees on Tabular Data". NeurIPS 2024.
    """
    if limit is None:
        return numbers
    # Larger ratios would all be at the limit; the square of a clamped one does not overflow.
    ratios = (numbers / limit).clamp_(-1e6, 1e6)
    # Separate operations: fused ones round differently at the end of a tensor.
    roots = (ratios * ratios).add_(1).sqrt_()
    if ratios.requires_grad:
        return limit * (ratios / roots)
    # In place, since clipping takes a large part of the time of small networks.
    return ratios.div_(roots).mul_(limit)


class InputLayer(nn.Module):
    """Turns the numbers and category codes of a table into the features that a network reads.

    The features are the numbers, which may be clipped smoothly, the embeddings of the numbers, and
    the embeddings of the categories, in this order.

    Parameters
    ----------
    n_numbers : int
        Number of numeric features.
    embedding : CategoricalEmbedding, optional
        The embeddings of the categories; by default there are no categories.
    numeric_embedding : Module, optional
        A module with an attribute ``out_features``, which turns numbers of shape (n_rows,
        n_embedded) into embeddings of shape (n_views, n_rows, out_features). By default numbers
        have no embeddings.
    n_embedded : int, optional
        Number of numeric features that are embedded, the first ones; all by default.
    clip_numbers : float or None, default=None
        Limit c of the numbers, in standard deviations: x is read as ``x / sqrt(1 + (x / c)**2)``.
        The embeddings are of unclipped numbers. None does not clip.
    feature_dropout : float or sequence of float, default=0.0
        Share of the features, including coordinates of embeddings, that are dropped in training;
        the same for all members, or one for each.
    views : Axis or int, default=1
        The views of the features, each with its own embeddings: the members and tasks to which
        they belong, or only their number.
    read_by : array-like of bool of shape (n_members, n_numbers), optional
        Which numbers each member reads, with their embeddings; by default all. What a member does
        not read is 0 in its views. An embedding that mixes columns is read whole.

    Attributes
    ----------
    n_features : int
        Number of features.
    numeric_width : int
        Number of features that are embeddings of numbers.
    widths : list of int
        Width of each categorical column's embedding.

    Raises
    ------
    TypeError
        If the embedding of numbers has no attribute ``out_features``.

    Examples
    --------
    Two numbers, and a column with four codes of categories:

    >>> import torch
    >>> from sklearn_ple.nn import CategoricalEmbedding, InputLayer
    >>> inputs = InputLayer(2, CategoricalEmbedding([4], embedding_dim=3))
    >>> codes = torch.zeros(10, 1, dtype=torch.int64)
    >>> inputs(torch.zeros(10, 2), codes).shape
    torch.Size([1, 10, 5])
    """

    read: Tensor | None

    def __init__(
        self,
        n_numbers: int,
        embedding: CategoricalEmbedding | None = None,
        numeric_embedding: nn.Module | None = None,
        *,
        n_embedded: int | None = None,
        clip_numbers: float | None = None,
        feature_dropout: float | Sequence[float] = 0.0,
        views: Axis | int = 1,
        read_by: np.ndarray | None = None,
    ):
        super().__init__()
        self.n_numbers = n_numbers
        self.embedding = embedding
        self.numeric_embedding = numeric_embedding
        self.n_embedded = n_embedded
        self.clip_numbers = clip_numbers
        if clip_numbers is not None:
            self.clip_numbers = min(max(clip_numbers, _LEAST_LIMIT), _GREATEST_LIMIT)
        self.feature_dropout = MemberDropout(feature_dropout)
        self.views = as_axis(views)
        self.widths = [] if embedding is None else embedding.widths
        self.numeric_width = 0 if numeric_embedding is None else _find_width(numeric_embedding)
        self.n_features = n_numbers + self.numeric_width + sum(self.widths)
        read = None if read_by is None else self._find_read(torch.as_tensor(read_by))
        self.register_buffer("read", read)

    def _find_read(self, read_by: Tensor) -> Tensor:
        """Return which features each view reads, of shape (n_views, 1, n_features)."""
        embedded = read_by[:, : self.n_embedded]
        width, rest = divmod(self.numeric_width, embedded.shape[1])
        if rest:
            embedded, width = read_by.new_ones(len(read_by), self.numeric_width), 1
        of_codes = read_by.new_ones(len(read_by), sum(self.widths))
        read = torch.cat([read_by, embedded.repeat_interleave(width, dim=1), of_codes], dim=1)
        return read.repeat_interleave(self.n_views // len(read_by), dim=0).unsqueeze(1)

    @property
    def n_views(self) -> int:
        """Number of views."""
        return len(self.views)

    def declare_axes(self) -> dict[str, Axes]:
        """Declare the axes of the buffers; see `sklearn_ple.nn.Body.declare_axes`.

        Returns
        -------
        dict of str to tuple of (Axis or None)
            The axes, by name.
        """
        return {} if self.read is None else {"read": (self.views, None, None)}

    def forward(self, numbers: Tensor, codes: Tensor) -> Tensor:
        """Compute the features: ``x = [clipped numbers, embeddings of numbers, of categories]``.

        Parameters
        ----------
        numbers : Tensor of shape (n_rows, n_numbers) or (n_members, n_rows, n_numbers)
            The numeric features. The rows are the same for all members, or different for each.
        codes : Tensor of shape (n_rows, n_columns) or (n_members, n_rows, n_columns)
            The category codes, of any integer type.

        Returns
        -------
        Tensor of shape (n_views, n_rows, n_features)
            The features in each view; the views of a member are adjacent.
        """
        if numbers.dim() == 3:
            return self._compute_of_own_rows(numbers, codes)
        # Bounded numbers keep sums of products from overflowing, so that no output is NaN. If only
        # clipped numbers are read, the limit bounds them already.
        limit = self.clip_numbers
        if limit is None or limit > _FARTHEST or self.numeric_embedding is not None:
            numbers = numbers.clamp(-_FARTHEST, _FARTHEST)
        features = [clip_smoothly(numbers, limit).expand(self.n_views, -1, -1)]
        if self.numeric_embedding is not None:
            embedded = self.numeric_embedding(numbers[:, : self.n_embedded])
            expected = self.n_views, numbers.shape[0], self.numeric_width
            check_tensor(type(self.numeric_embedding).__name__, embedded, expected)
            features.append(embedded)
        if self.embedding is not None:
            features.append(self.embedding(codes))
        joined = self._join(features)
        return joined if self.read is None else joined * self.read

    def _join(self, features: list[Tensor]) -> Tensor:
        """Join features, of which some are dropped in training."""
        if len(features) == 1:
            return self.feature_dropout(features[0])
        # Rows are last in memory, in the same order as the gradients from the layers above.
        return self.feature_dropout(torch.cat([part.mT for part in features], dim=1)).mT

    def _compute_of_own_rows(self, numbers: Tensor, codes: Tensor) -> Tensor:
        """Compute the features if each member reads its own rows."""
        n_members = len(numbers)
        every = self(numbers.flatten(0, 1), codes.flatten(0, 1))
        views = torch.arange(self.n_views, device=every.device)
        owners = views // (self.n_views // n_members)
        return every.unflatten(1, (n_members, -1))[views, owners]


def _find_width(numeric_embedding: nn.Module) -> int:
    """Return how many features an embedding of numbers puts out."""
    width: Any = getattr(numeric_embedding, "out_features", None)
    if width is None:
        raise TypeError(
            f"The embedding of numbers is of type {type(numeric_embedding).__name__} without the "
            "attribute out_features: its maker must return a module that has it."
        )
    return width


class Column(NamedTuple):
    """A column of the table, and the positions of its features in the network's input.

    Parameters
    ----------
    name : str
        Name of the column.
    places : list of int
        Positions of its features in the vector that the network reads.

    Examples
    --------
    A number at position 0, and the indicator of missing ones at position 7:

    >>> from sklearn_ple.nn import Column
    >>> Column("age", [0, 7]).places
    [0, 7]
    """

    name: str
    places: list[int]


def find_columns(
    inputs: InputLayer, indicators: Sequence[int], names: Sequence[str] | None = None
) -> list[Column]:
    """Return the columns of the features that an input layer computes.

    Parameters
    ----------
    inputs : InputLayer
        The input layer.
    indicators : sequence of int
        For each of the last numbers, which are indicators of missing numbers or target statistics
        of categories, the position of its column.
    names : sequence of str, optional
        Names of the numeric columns, then of the categorical ones; by default x0, x1 and so on.

    Returns
    -------
    list of Column
        The numeric columns, then the categorical ones.

    Raises
    ------
    ValueError
        If the embedding of numbers does not have the same width for each column.
    """
    n_columns = inputs.n_numbers - len(indicators)
    width, rest = divmod(inputs.numeric_width, max(n_columns, 1))
    if rest:
        raise ValueError(
            "The network reads column by column, but numeric_embedding puts out a number of "
            "features that is not a multiple of the number of columns: set it to another "
            "embedding, or to None."
        )
    places = [[place] for place in range(n_columns)] + [[] for _ in inputs.widths]
    for place, column in enumerate(indicators, start=n_columns):
        places[column].append(place)
    start = inputs.n_numbers
    for of_column, n in zip(places, [width] * n_columns + inputs.widths, strict=True):
        of_column += range(start, start + n)
        start += n
    names = names or [f"x{position}" for position in range(len(places))]
    return [Column(*pair) for pair in zip(names, places, strict=True)]
