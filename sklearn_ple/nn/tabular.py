"""From a table's numbers and category codes to the outputs of the networks that read them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from .chain import EventLink
from .diagram import Block
from .dropout import MemberDropout
from .embeddings import CategoricalEmbedding
from .features import Features
from .gates import GateNames
from .mlp import BatchedLinear
from .part import among_all

# Adam moves all parameters alike: by this factor the linear path learns less of a small table.
_LINEAR_FACTOR = 0.3
# Standard deviations that a number can be from its mean; what is farther out is read as this.
_FARTHEST = 1e18
# Limits beyond make no difference, but may be zero or infinite in float32.
_LEAST_LIMIT, _GREATEST_LIMIT = 1e-24, 1e24


def smooth_clip(numbers: Tensor, limit: float | None) -> Tensor:
    """Bound numbers smoothly: near the mean they stay, none gets beyond the limit.

    It is the smooth clipping ``x / sqrt(1 + (x / limit)**2)`` of RealMLP (Holzmüller, Grinsztajn
    and Steinwart, NeurIPS 2024): an outlier would outweigh all else that a network reads.

    Parameters
    ----------
    numbers : Tensor
        Standardised numbers.
    limit : float or None
        The limit, in standard deviations; None leaves the numbers as they are.

    Returns
    -------
    Tensor
        The numbers between ``-limit`` and ``limit``, in the same order.
    """
    if limit is None:
        return numbers
    # Farther out all are at the limit; the square of a ratio does not overflow.
    ratios = (numbers / limit).clamp_(-1e6, 1e6)
    # One rounding an operation: fused ones round differently at the end of a tensor.
    roots = (ratios * ratios).add_(1).sqrt_()
    if ratios.requires_grad:
        return limit * (ratios / roots)
    # In place, since it takes a good part of the time of small networks.
    return ratios.div_(roots).mul_(limit)


class TabularNetwork(nn.Module):
    """Networks that read a table: numbers and their embeddings, embeddings of categories.

    The numbers themselves may be clipped, see `smooth_clip`. Beside the body, a linear path may
    lead from them straight to the outputs, as the wide part of a wide and deep network [1]_ does:
    what is linear in a number need not be pieced together by embeddings and activations.

    Parameters
    ----------
    n_numbers : int
        Number of numeric features.
    cardinalities : sequence of int
        Number of codes of each categorical column; may be empty.
    make_body : callable
        Called with the number of features, a `Features`, returns the networks behind them, a
        `Body`.
    embedding_dim : int or "auto", default="auto"
        As in `CategoricalEmbedding`.
    make_numeric_embedding : callable, optional
        Called without arguments, returns a module that computes the numbers' embeddings, of shape
        (n_views, n_rows, out_features), and has an attribute ``out_features``. The numbers
        themselves are read beside them.
    n_embedded : int, optional
        How many of the numbers it embeds, the first ones; all by default.
    clip_numbers : float or None, default=None
        Limit c of the numbers beside their embeddings: x is read as ``x / sqrt(1 + (x / c)**2)``.
        None reads them as they are.
    feature_dropout : float or sequence of float, default=0.0
        Share of the features, coordinates of embeddings included, that are dropped in training;
        one for all members, or one for each.
    n_members : int, default=1
        Number of networks, each with embeddings of its own.
    n_views : int, optional
        Number of views of the features, each with embeddings of its own, that the body reads; one
        for each member by default.
    n_linear : int, default=0
        Number of a member's outputs, to which the linear path leads; 0 for no such path.
    linear_start : array-like of shape (n_members, n_linear, n_numbers), optional
        What the linear path of each member adds to the outputs at the start, for each number; zero
        by default.
    link : EventLink, optional
        Maps the outputs of all members to outputs of the same shape.
    mean : callable, optional
        Maps the members' outputs, of shape (n_members, n_rows, n_outputs), to those of their mean
        prediction, of shape (n_rows, n_outputs). By default the mean of the outputs themselves.
    task_order : sequence of int, optional
        Which of the tasks, by their order in the outputs, each task of the body is; by default
        they are in the same order.
    indicators : sequence of int, default=()
        Of each of the last numbers, which indicate that one is missing or are statistics of a
        category, which column it is about: the numeric ones come first, then the categorical.
    column_names : sequence of str, optional
        Names of the columns of numbers and then of the categorical ones, for networks that read
        them one by one; x0, x1 and so on by default.

    Attributes
    ----------
    n_features : int
        Number of features that the body reads.
    product_dtype : torch.dtype or None
        What the body multiplies matrices in while it is trained: None, as at the start, for the
        parameters' dtype. In evaluation it is always theirs.

    References
    ----------
    .. [1] Cheng et al. (2016), Wide & Deep Learning for Recommender Systems, DLRS.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ple.nn import PLE, TabularNetwork
    >>> network = TabularNetwork(2, [4], lambda width: PLE(width, n_outputs=[1, 1]))
    >>> network(torch.zeros(10, 2), torch.zeros(10, 1, dtype=torch.int64)).shape
    torch.Size([10, 2])
    """

    def __init__(
        self,
        n_numbers: int,
        cardinalities: Sequence[int],
        make_body: Callable[[Features], nn.Module],
        *,
        embedding_dim: int | str = "auto",
        make_numeric_embedding: Callable[[], Any] | None = None,
        n_embedded: int | None = None,
        clip_numbers: float | None = None,
        feature_dropout: float | Sequence[float] = 0.0,
        n_members: int = 1,
        n_views: int | None = None,
        n_linear: int = 0,
        linear_start: Any = None,
        link: EventLink | None = None,
        mean: Any = None,
        task_order: Sequence[int] | None = None,
        indicators: Sequence[int] = (),
        column_names: Sequence[str] | None = None,
    ):
        super().__init__()
        self.n_views = n_members if n_views is None else n_views
        self.link = link
        self.mean = mean
        self.product_dtype: torch.dtype | None = None
        self.embedding, widths = None, []
        if len(cardinalities):
            self.embedding = CategoricalEmbedding(cardinalities, embedding_dim, self.n_views)
            widths = self.embedding.widths
        self.numeric_embedding, self.n_embedded = None, n_embedded
        embedded = (0, 0)
        if make_numeric_embedding is not None:
            self.numeric_embedding = make_numeric_embedding()
            n_columns = n_numbers if n_embedded is None else n_embedded
            embedded = (self.numeric_embedding.out_features, n_columns)
        self.n_features = Features.of_table(n_numbers, indicators, *embedded, widths, column_names)
        self.clip_numbers = clip_numbers
        if clip_numbers is not None:
            self.clip_numbers = min(max(clip_numbers, _LEAST_LIMIT), _GREATEST_LIMIT)
        self.feature_dropout = MemberDropout(feature_dropout)
        self.body: Any = make_body(self.n_features)
        self.task_order: list[int] | None = None
        if task_order is not None and list(task_order) != sorted(task_order):
            self.task_order = list(task_order)
            n_outputs: Any = self.body.n_outputs
            columns = torch.arange(sum(n_outputs)).split(n_outputs)
            places = torch.cat(self._in_order(columns))
            self.register_buffer("_places", places, persistent=False)
        self.linear = None
        if n_linear and n_numbers:
            self.linear = BatchedLinear(n_members, 1, n_numbers, n_linear, bias=False)
            nn.init.zeros_(self.linear.weight)
            if linear_start is not None:
                with torch.no_grad():
                    self.linear.weight.copy_(torch.as_tensor(linear_start) / _LINEAR_FACTOR)

    def forward(self, numbers: Tensor, codes: Tensor) -> Tensor:
        """Compute the outputs of all tasks for the members' mean prediction.

        Parameters
        ----------
        numbers : Tensor of shape (n_rows, n_numbers)
            The numeric features.
        codes : Tensor of shape (n_rows, n_columns)
            The category codes, of any integer type.

        Returns
        -------
        Tensor of shape (n_rows, sum of n_outputs)
            The tasks' outputs side by side.
        """
        outputs = self.member_outputs(numbers, codes)
        return outputs.mean(dim=0) if self.mean is None else self.mean(outputs)

    def member_outputs(self, numbers: Tensor, codes: Tensor) -> Tensor:
        """Compute the outputs of all tasks, member by member.

        Parameters
        ----------
        numbers : Tensor of shape (n_rows, n_numbers) or (n_members, n_rows, n_numbers)
            The numeric features, of the same rows for all members or of each one's own.
        codes : Tensor of shape (n_rows, n_columns) or (n_members, n_rows, n_columns)
            The category codes, of any integer type.

        Returns
        -------
        Tensor of shape (n_members, n_rows, sum of n_outputs)
            The tasks' outputs side by side.
        """
        outputs = self._unlinked(numbers, codes)
        return outputs if self.link is None else self.link(outputs)

    def training_outputs(
        self, numbers: Tensor, codes: Tensor, targets: Tensor, weights: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """Compute the outputs, and what the link adds to the loss of each label.

        Parameters
        ----------
        numbers, codes : Tensor
            As in `member_outputs`.
        targets, weights : Tensor
            As in `EventLink.added_losses`.

        Returns
        -------
        outputs : Tensor of shape (n_members, n_rows, sum of n_outputs)
            Those of `member_outputs`.
        added : Tensor of shape (n_members, n_rows, n_tasks) or None
            What is added to the losses; None for nothing.
        """
        outputs = self._unlinked(numbers, codes)
        if self.link is None:
            return outputs, None
        return self.link(outputs), self.link.added_losses(outputs, targets, weights)

    def _unlinked(self, numbers: Tensor, codes: Tensor) -> Tensor:
        """Compute the members' outputs before the link."""
        features = self._features(numbers, codes)
        with self._product_context(features):
            outputs = self.body(features)
        if self.task_order is not None:
            outputs = outputs.index_select(-1, self._places)
        if self.linear is not None:
            # The first of a member's views: they differ in embeddings and dropout.
            first = features[:: self.n_views // self.linear.n_groups]
            first = first[..., : self.linear.in_features]
            # What was learnt is not among them: no gradient is lost.
            read = first if numbers.requires_grad else first.detach()
            outputs = outputs + _LINEAR_FACTOR * self.linear(read)
        return among_all(outputs)

    def representations(self, numbers: Tensor, codes: Tensor) -> list[Tensor]:
        """Compute what the tasks' towers read.

        Parameters
        ----------
        numbers : Tensor of shape (n_rows, n_numbers)
            The numeric features.
        codes : Tensor of shape (n_rows, n_columns)
            The category codes, of any integer type.

        Returns
        -------
        list of Tensor of shape (n_members, n_rows, width)
            One for each task.
        """
        read = self.body.representations(self._features(numbers, codes))
        if not isinstance(read, list):
            read = read.unflatten(0, (self.body.n_members, -1)).unbind(1)
        return self._in_order(read)

    @property
    def representation_widths(self) -> list[int]:
        """Width of what each task's towers read."""
        return self._in_order(self.body.towers.widths)

    def gate_names(self, tasks: Sequence[str]) -> list[list[GateNames]]:
        """Name the body's gates and their experts.

        Parameters
        ----------
        tasks : sequence of str
            Names of the tasks, in the order of the outputs.

        Returns
        -------
        list of list of GateNames
            As of `PLE.gate_names`.
        """
        return self.body.gate_names(self._as_in_body(tasks))

    def blocks(self, tasks: Sequence[str]) -> list[list[Block]]:
        """Describe what one member's body consists of.

        Parameters
        ----------
        tasks : sequence of str
            Names of the tasks, in the order of the outputs.

        Returns
        -------
        list of list of Block
            As of `Body.blocks`.
        """
        rows = self.body.blocks(self._as_in_body(tasks))
        if self.task_order is None:
            return rows
        for block in {block for row in rows for block in row if block.task is not None}:
            block.task = self.task_order[block.task]
        # What is shared comes behind what tasks have of their own.
        last = len(tasks)
        return [sorted(row, key=lambda b: last if b.task is None else b.task) for row in rows]

    def _as_in_body(self, of_tasks: Sequence[Any]) -> list[Any]:
        """Order what each task has as the body orders the tasks."""
        order = self.task_order
        return list(of_tasks) if order is None else [of_tasks[k] for k in order]

    def _in_order(self, of_body: Sequence[Any]) -> list[Any]:
        """Order what each task has in the body as the outputs do."""
        if self.task_order is None:
            return list(of_body)
        order = self.task_order
        return [of_body[place] for place in sorted(range(len(order)), key=order.__getitem__)]

    def _product_context(self, features: Tensor) -> AbstractContextManager:
        """Let matrices be multiplied in another dtype while the context lasts."""
        if self.product_dtype is None or not self.training:
            return nullcontext()
        return torch.autocast(features.device.type, self.product_dtype)

    def _features(self, numbers: Tensor, codes: Tensor) -> Tensor:
        if numbers.dim() == 3:
            return self._features_of_own_rows(numbers, codes)
        # Sums of products with weights do not overflow, so that no output is NaN.
        # Where numbers are read clipped only, the limit is what bounds them.
        limit = self.clip_numbers
        if limit is None or limit > _FARTHEST or self.numeric_embedding is not None:
            numbers = numbers.clamp(-_FARTHEST, _FARTHEST)
        features = [smooth_clip(numbers, limit).expand(self.n_views, -1, -1)]
        if self.numeric_embedding is not None:
            embedded = self.numeric_embedding(numbers[:, : self.n_embedded])
            expected = (self.n_views, numbers.shape[0], self.numeric_embedding.out_features)
            if tuple(embedded.shape) != expected:
                raise ValueError(
                    f"{type(self.numeric_embedding).__name__} returned a tensor of shape "
                    f"{tuple(embedded.shape)}; expected {expected}: (n_views, n_rows, "
                    "out_features)."
                )
            features.append(embedded)
        if self.embedding is not None:
            features.append(self.embedding(codes))
        if len(features) == 1:
            return self.feature_dropout(features[0])
        if not self.training:
            return self.feature_dropout(torch.cat(features, dim=2))
        # Rows last in memory: in that order gradients come back from the layers that read them.
        return self.feature_dropout(torch.cat([part.mT for part in features], dim=1)).mT

    def _features_of_own_rows(self, numbers: Tensor, codes: Tensor) -> Tensor:
        """Compute the features where each member reads rows of its own."""
        n_members = len(numbers)
        every = self._features(numbers.flatten(0, 1), codes.flatten(0, 1))
        views = torch.arange(self.n_views, device=every.device)
        owners = views // (self.n_views // n_members)
        return every.unflatten(1, (n_members, -1))[views, owners]
