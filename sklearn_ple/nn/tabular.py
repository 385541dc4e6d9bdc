"""Networks that read a table: from its numbers and category codes to outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..utils.checks import check_tensor
from .axes import Axes, Axis
from .diagram import Block
from .dropout import MemberDropout
from .embeddings import CategoricalEmbedding
from .features import Features
from .links import EventLink
from .mlp import BatchedLinear
from .names import ExpertNames, GateNames

# Adam moves all parameters by similar amounts. With this factor the linear path changes more
# slowly and overfits small tables less.
_LINEAR_FACTOR = 0.3
# Greatest distance of a number from its mean, in standard deviations; others are set to this.
_FARTHEST = 1e18
# Limits outside this range have the same effect, but might be zero or infinite in float32.
_LEAST_LIMIT, _GREATEST_LIMIT = 1e-24, 1e24


def smooth_clip(numbers: Tensor, limit: float | None) -> Tensor:
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


class TabularNetwork(nn.Module):
    """A network that reads a table: embeddings of numbers and categories, a body, a linear path.

    The features that the body reads are the numbers, which may be clipped smoothly, the embeddings
    of the numbers, and the embeddings of the categories. A linear path may lead from the numbers
    directly to the outputs, like the wide part of a wide and deep network [1]_. So the body need
    not approximate linear effects by embeddings and activations.

    Parameters
    ----------
    n_numbers : int
        Number of numeric features.
    cardinalities : sequence of int
        Number of codes of each categorical column; may be empty.
    make_body : callable
        A function that is called with the number of features, a `Features`, and returns a `Body`.
    embedding_dim : int or "auto", default="auto"
        Width of the embeddings of categories, see `CategoricalEmbedding`.
    make_numeric_embedding : callable, optional
        A function that is called without arguments and returns a module with an attribute
        ``out_features``. The module computes the embeddings of the numbers, of shape (n_views,
        n_rows, out_features). By default numbers have no embeddings.
    n_embedded : int, optional
        Number of numeric features that are embedded, the first ones; all by default.
    clip_numbers : float or None, default=None
        Limit c of the numbers, in standard deviations: x is read as ``x / sqrt(1 + (x / c)**2)``.
        The embeddings are of unclipped numbers. None does not clip.
    feature_dropout : float or sequence of float, default=0.0
        Share of the features, including coordinates of embeddings, that are dropped in training;
        the same for all members, or one for each.
    n_members : int, default=1
        Number of independent networks.
    views : Axis, optional
        The views of the features that the body reads, each with its own embeddings; by default one
        for each member.
    linear_outputs : sequence of int, default=()
        Number of outputs of each task, to which the linear path leads; empty for no linear path.
    linear_start : array-like of shape (n_members, n_outputs, n_numbers), optional
        Initial coefficients of the linear path; zero by default.
    link : EventLink, optional
        Link that turns the outputs of all members into outputs of the same shape.
    mean : callable, optional
        A function that turns the members' outputs, of shape (n_members, n_rows, n_outputs), into
        the outputs of their mean prediction, of shape (n_rows, n_outputs). By default the mean of
        the outputs.
    task_order : sequence of int, optional
        For each task of the body, its position among the tasks of the outputs; by default the
        order is the same.
    indicators : sequence of int, default=()
        For each of the last numbers, which are indicators of missing numbers or target statistics
        of categories, the position of its column. Numeric columns come first, then categorical
        ones.
    column_names : sequence of str, optional
        Names of the numeric columns, then of the categorical ones, for networks that read column
        by column; by default x0, x1 and so on.

    Attributes
    ----------
    n_features : int
        Number of features that the body reads.
    product_dtype : torch.dtype or None
        Data type of the body's matrix products in training. None, the initial value, is that of
        the parameters, which is always used in evaluation.

    References
    ----------
    .. [1] H.-T. Cheng et al. "Wide & Deep Learning for Recommender Systems". DLRS 2016.

    Examples
    --------
    Two numbers and a column with four codes of categories:

    >>> import torch
    >>> from sklearn_ple.nn import PLE, TabularNetwork
    >>> network = TabularNetwork(2, [4], lambda width: PLE(width, [1, 1]))
    >>> numbers = torch.zeros(10, 2)
    >>> codes = torch.zeros(10, 1, dtype=torch.int64)
    >>> network(numbers, codes).shape
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
        views: Axis | None = None,
        linear_outputs: Sequence[int] = (),
        linear_start: Any = None,
        link: EventLink | None = None,
        mean: Any = None,
        task_order: Sequence[int] | None = None,
        indicators: Sequence[int] = (),
        column_names: Sequence[str] | None = None,
    ):
        super().__init__()
        views = Axis(n_members=n_members) if views is None else views
        self.n_views = len(views)
        self.linear_outputs = list(linear_outputs)
        self.link = link
        self.mean = mean
        self.product_dtype: torch.dtype | None = None
        self.embedding, widths = None, []
        if len(cardinalities):
            self.embedding = CategoricalEmbedding(cardinalities, embedding_dim, views)
            widths = self.embedding.widths
        self.numeric_embedding, self.n_embedded = None, n_embedded
        embedded = (0, 0)
        if make_numeric_embedding is not None:
            self.numeric_embedding = make_numeric_embedding()
        if self.numeric_embedding is not None:
            _check_width(self.numeric_embedding)
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
        if linear_outputs and n_numbers:
            members, n_linear = Axis(n_members=n_members), sum(linear_outputs)
            self.linear = _linear_path(members, n_numbers, n_linear, linear_start)

    def declare_axes(self) -> dict[str, Axes]:
        """Declare the axes of the linear path; see `sklearn_ple.nn.Body.declare_axes`.

        Returns
        -------
        dict of str to tuple of (Axis or None)
            The axes, by name.
        """
        if self.linear is None:
            return {}
        outputs = Axis(tuple(enumerate(self.linear_outputs)))
        return {"linear.weight": (self.linear.axis, outputs, None)}

    def forward(self, numbers: Tensor, codes: Tensor) -> Tensor:
        """Compute the outputs of all tasks, for the mean prediction of the members.

        Parameters
        ----------
        numbers : Tensor of shape (n_rows, n_numbers)
            The numeric features.
        codes : Tensor of shape (n_rows, n_columns)
            The category codes, of any integer type.

        Returns
        -------
        Tensor of shape (n_rows, sum of n_outputs)
            The outputs of all tasks, side by side.
        """
        outputs = self.member_outputs(numbers, codes)
        return outputs.mean(dim=0) if self.mean is None else self.mean(outputs)

    def member_outputs(self, numbers: Tensor, codes: Tensor) -> Tensor:
        """Compute the outputs of all tasks for each member.

        Parameters
        ----------
        numbers : Tensor of shape (n_rows, n_numbers) or (n_members, n_rows, n_numbers)
            The numeric features. The rows are the same for all members, or different for each.
        codes : Tensor of shape (n_rows, n_columns) or (n_members, n_rows, n_columns)
            The category codes, of any integer type.

        Returns
        -------
        Tensor of shape (n_members, n_rows, sum of n_outputs)
            The outputs of all tasks, side by side.
        """
        return self._linked(self._unlinked(numbers, codes))

    def training_outputs(
        self, numbers: Tensor, codes: Tensor, targets: Tensor, weights: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """Compute the outputs, and the terms that the link adds to the losses.

        Parameters
        ----------
        numbers, codes : Tensor
            The inputs, see `member_outputs`.
        targets, weights : Tensor
            The encoded labels and their weights, see `EventLink.added_losses`.

        Returns
        -------
        outputs : Tensor of shape (n_members, n_rows, sum of n_outputs)
            The outputs, the same as those of `member_outputs`.
        added : Tensor of shape (n_members, n_rows, n_tasks) or None
            The terms that are added to the losses; None if there are none.
        """
        outputs = self._unlinked(numbers, codes)
        if self.link is None:
            return outputs, None
        linked, added = self._linked(outputs), self.link.added_losses(outputs, targets, weights)
        if added is not None:
            expected = (*outputs.shape[:-1], targets.shape[-1])
            check_tensor(f"{type(self.link).__name__}.added_losses", added, expected)
        return linked, added

    def _linked(self, outputs: Tensor) -> Tensor:
        """Link the outputs of events that depend on others, if there are any."""
        if self.link is None:
            return outputs
        linked = self.link(outputs)
        check_tensor(f"{type(self.link).__name__}.forward", linked, outputs.shape)
        return linked

    def _unlinked(self, numbers: Tensor, codes: Tensor) -> Tensor:
        """Compute the outputs of the members before the link."""
        features = self._features(numbers, codes)
        with self._product_context(features):
            outputs = self.body(features)
        if self.task_order is not None:
            outputs = outputs.index_select(-1, self._places)
        if self.linear is not None:
            # The first view of each member; views differ in embeddings and dropout.
            first = features[:: self.n_views // len(self.linear.axis)]
            first = first[..., : self.linear.in_features]
            # Numbers do not depend on parameters, so their gradient is not needed.
            read = first if numbers.requires_grad else first.detach()
            outputs = outputs + _LINEAR_FACTOR * self.linear(read)
        return outputs

    def representations(self, numbers: Tensor, codes: Tensor) -> list[Tensor]:
        """Compute the representations that the towers of the tasks read.

        Parameters
        ----------
        numbers : Tensor of shape (n_rows, n_numbers)
            The numeric features.
        codes : Tensor of shape (n_rows, n_columns)
            The category codes, of any integer type.

        Returns
        -------
        list of Tensor of shape (n_members, n_rows, width)
            The representations, one for each task.
        """
        read = self.body.representations(self._features(numbers, codes))
        if not isinstance(read, list):
            read = read.unflatten(0, (self.body.n_members, -1)).unbind(1)
        return self._in_order(read)

    @property
    def representation_widths(self) -> list[int]:
        """Width of each task's representation."""
        return self._in_order(self.body.towers.widths)

    def gate_names(self, tasks: Sequence[str]) -> list[list[GateNames]]:
        """Name the gates of the body, and their experts.

        Parameters
        ----------
        tasks : sequence of str
            Names of the tasks, in the order of the outputs.

        Returns
        -------
        list of list of GateNames
            The names, see `PLE.gate_names`.
        """
        return self.body.gate_names(self._as_in_body(tasks))

    def expert_names(self, tasks: Sequence[str]) -> list[list[ExpertNames]]:
        """Name the experts of the body.

        Parameters
        ----------
        tasks : sequence of str
            Names of the tasks, in the order of the outputs.

        Returns
        -------
        list of list of ExpertNames
            The names, see `PLE.expert_names`; empty if the body has no banks of experts.
        """
        name_experts = getattr(self.body, "expert_names", None)
        return [] if name_experts is None else name_experts(self._as_in_body(tasks))

    def blocks(self, tasks: Sequence[str]) -> list[list[Block]]:
        """Describe the parts of one member's body.

        Parameters
        ----------
        tasks : sequence of str
            Names of the tasks, in the order of the outputs.

        Returns
        -------
        list of list of Block
            The blocks, see `Body.blocks`.
        """
        rows = self.body.blocks(self._as_in_body(tasks))
        if self.task_order is None:
            return rows
        for block in {block for row in rows for block in row if block.task is not None}:
            block.task = self.task_order[block.task]
        # Shared blocks come after those of the tasks.
        last = len(tasks)
        return [sorted(row, key=lambda b: last if b.task is None else b.task) for row in rows]

    def _as_in_body(self, of_tasks: Sequence[Any]) -> list[Any]:
        """Put values of the tasks into the order of the body."""
        order = self.task_order
        return list(of_tasks) if order is None else [of_tasks[k] for k in order]

    def _in_order(self, of_body: Sequence[Any]) -> list[Any]:
        """Put values of the body's tasks into the order of the outputs."""
        if self.task_order is None:
            return list(of_body)
        return [of_body[place] for place in np.argsort(self.task_order)]

    def _product_context(self, features: Tensor) -> AbstractContextManager:
        """Return a context in which matrices are multiplied in ``product_dtype`` in training."""
        if self.product_dtype is None or not self.training:
            return nullcontext()
        return torch.autocast(features.device.type, self.product_dtype)

    def _features(self, numbers: Tensor, codes: Tensor) -> Tensor:
        if numbers.dim() == 3:
            return self._features_of_own_rows(numbers, codes)
        # Bounded numbers keep sums of products from overflowing, so that no output is NaN. If only
        # clipped numbers are read, the limit bounds them already.
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
        # Rows are last in memory, in the same order as the gradients from the layers above.
        return self.feature_dropout(torch.cat([part.mT for part in features], dim=1)).mT

    def _features_of_own_rows(self, numbers: Tensor, codes: Tensor) -> Tensor:
        """Compute the features if each member reads its own rows."""
        n_members = len(numbers)
        every = self._features(numbers.flatten(0, 1), codes.flatten(0, 1))
        views = torch.arange(self.n_views, device=every.device)
        owners = views // (self.n_views // n_members)
        return every.unflatten(1, (n_members, -1))[views, owners]


def _check_width(numeric_embedding: Any) -> Any:
    """Check that an embedding of numbers says how many features it puts out, and return it."""
    if not hasattr(numeric_embedding, "out_features"):
        raise TypeError(
            f"The embedding of numbers is of type {type(numeric_embedding).__name__} without the "
            "attribute out_features: its maker must return a module that has it."
        )
    return numeric_embedding


def _linear_path(members: Axis, n_numbers: int, n_outputs: int, start: Any) -> BatchedLinear:
    """Make the linear path, with coefficients of zero or with those at which it starts."""
    linear = BatchedLinear(members, n_numbers, n_outputs, bias=False)
    nn.init.zeros_(linear.weight)
    if start is not None:
        with torch.no_grad():
            linear.weight.copy_(torch.as_tensor(start) / _LINEAR_FACTOR)
    return linear
