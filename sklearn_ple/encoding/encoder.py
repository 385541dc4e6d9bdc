"""From a table to the arrays that a network reads: learnt once, then applied to any rows."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from inspect import signature
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from ..members import Members
from ..tasks import Task, TaskWeights
from .dependence import Dependence
from .features import FeatureEncoder
from .frames import name_order
from .labels import Labels
from .numeric import EmbeddingMaker, default_width, maker_of
from .ridge import ridge_start
from .scaling import Block
from .statistics import (
    LabelSums,
    OrderedStatistics,
    TargetStatistics,
    beside,
    many_categories,
)
from .table import Table
from .targets import TargetEncoder
from .weights import weigh_classes


class Encoded(NamedTuple):
    """What a network reads of a table, and learns from it.

    Attributes
    ----------
    numbers : ndarray or CSR matrix of shape (n_rows, n_numbers)
        Standardised numbers, and indicators of missing ones, but not yet target statistics.
    codes : ndarray of int of shape (n_rows, n_categorical)
        Category codes.
    targets : ndarray of shape (n_rows, n_tasks)
        Encoded labels; where there is none, any number.
    weights : ndarray of shape (n_rows, n_tasks)
        The labels' weights in the loss, those of their classes included; 0 without a label.
    sample_weights : ndarray of shape (n_rows, n_tasks)
        Their weights without those of their classes.
    parts : ndarray of int of shape (n_rows,) or None
        As of `Table`.
    ordered : OrderedStatistics or None
        The target statistics of rows in files, by their parts, if they were learnt from.
    """

    numbers: Any
    codes: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    sample_weights: np.ndarray
    parts: np.ndarray | None = None
    ordered: OrderedStatistics | None = None

    @property
    def arrays(self) -> tuple[Any, ...]:
        """What a training reads: numbers, codes, targets and their weights in the loss."""
        return self.numbers, self.codes, self.targets, self.weights


class TableEncoder:
    """Learns tasks, scales and categories from a table, and encodes tables; learns how to start.

    The parameters are those of the estimators, except for the following.

    Parameters
    ----------
    family : {"class", "number"} or None, default=None
        The kinds of task that the estimator takes; None for all.
    classes : None, array-like, sequence or dict, default=None
        Declared classes, as in `MultiTaskEstimator.partial_fit`.
    n_bins : int, default=16
        Bins of each number, at most.
    by_name : bool, default=False
        Whether a network has the tasks in the order of their names, not in that of y's columns.

    Attributes
    ----------
    targets : TargetEncoder
        The tasks.
    dependence : Dependence
        Which task presupposes which.
    order : list of int
        Position among y's columns of each task of a network.
    features : FeatureEncoder
        Scales and categories.
    maker : EmbeddingMaker or None
        What makes the embedding of the numbers; None where they have none.
    statistics : TargetStatistics or None
        What the labels of each category are on average; None where no column has such numbers.
    linear_start : ndarray of shape (n_members, sum of n_outputs, n_numbers) or None
        Where the linear path starts, for each member or, with a first axis of one, for all.
    """

    targets: TargetEncoder
    dependence: Dependence
    order: list[int]
    features: FeatureEncoder
    maker: EmbeddingMaker | None
    statistics: TargetStatistics | None
    linear_start: np.ndarray | None

    def __init__(
        self,
        *,
        task_types: Any = "auto",
        family: str | None = None,
        classes: Any = None,
        depends_on: Any = None,
        task_weights: Any = None,
        categorical_features: Any = "from_dtype",
        max_categories: int | None = None,
        min_frequency: float | None = None,
        target_statistics: Any = False,
        numeric_embedding: Any = None,
        n_bins: int = 16,
        linear_path: bool = False,
        clip_numbers: float | None = None,
        dtype: str = "float32",
        by_name: bool = False,
    ):
        self.task_types = task_types
        self.family = family
        self.classes = classes
        self.depends_on = depends_on
        self.task_weights = task_weights
        self.categorical_features = categorical_features
        self.max_categories = max_categories
        self.min_frequency = min_frequency
        self.target_statistics = target_statistics
        self.numeric_embedding = numeric_embedding
        self.n_bins = n_bins
        self.linear_path = linear_path
        self.clip_numbers = clip_numbers
        self.dtype = dtype
        self.by_name = by_name

    @classmethod
    def of(cls, estimator: Any, *, n_bins: int, classes: Any = None) -> TableEncoder:
        """Make the encoder of an estimator, by its parameters.

        Parameters
        ----------
        estimator : estimator of this package
            Need not be fitted.
        n_bins : int
            The value of its ``n_bins``, never "auto".
        classes : object, default=None
            Declared classes.
        """
        own = estimator.get_params(deep=False)
        taken = {name: own[name] for name in signature(cls).parameters if name in own}
        # Only products are ever less precise than float32, never what goes in.
        settled = {
            "n_bins": n_bins,
            "classes": classes,
            "family": estimator.family,
            "dtype": "float64" if own["dtype"] == "float64" else "float32",
            "by_name": estimator.treats_tasks_alike(),
        }
        return cls(**(taken | settled))

    @property
    def tasks(self) -> Sequence[Task]:
        """The fitted tasks, in the order of y's columns."""
        return self.targets.tasks

    def read_as(self, other: TableEncoder) -> None:
        """Take over how another encoder reads features, before `learn`: all but the tasks."""
        self.features, self.maker, self.statistics = other.features, other.maker, other.statistics

    def learn(self, table: Any, class_weight: Any = None) -> Encoded:
        """Learn tasks, scales and categories from a table, but for what was taken over.

        Parameters
        ----------
        table : Table or StreamedTable
            The rows to learn from.
        class_weight : object, default=None
            As in the estimators; it is no part of what is learnt.

        Returns
        -------
        Encoded
            The same rows, or of a streamed table those of its sample, encoded as `apply` would.
        """
        sample = table.sample
        self.targets = TargetEncoder(self.task_types, self.family, self.classes)
        self.targets.fit(table.labels, table.form, table.weights)
        self.dependence = Dependence(self.depends_on, self.tasks)
        names = self.targets.names
        self.order = (name_order(names) if self.by_name else np.arange(len(names))).tolist()
        targets, weights, labels = self.encode_labels(sample)
        ordered = None
        if not hasattr(self, "features"):
            self.features = FeatureEncoder(
                self.categorical_features, self.max_categories, self.min_frequency, self.dtype
            )
            if len(sample) == len(table):
                self.features.fit(sample.features, sample_weight=weights.mean(axis=1))
            else:
                ordered = self._learn_in_passes(table)
        numbers, codes = self.features.transform(sample.features)
        if not hasattr(self, "statistics"):
            self._choose_statistics(sample.features, np.count_nonzero(codes, axis=0))
        ordered = ordered or self._order(table)
        loss_weights = weigh_classes(weights, labels, self.tasks, class_weight)
        return Encoded(numbers, codes, targets, loss_weights, weights, sample.parts, ordered)

    def _learn_in_passes(self, table: Any) -> OrderedStatistics | None:
        """Learn scales, categories and target statistics in two passes over a table in files."""
        sample, blocks = table.sample.features, self._weighted(table.blocks(), {})
        counts, ranges = self.features.learn_categories(sample, blocks)
        self._choose_statistics(sample, [own.n_known for own in counts])
        sums = self._begin(self.statistics)
        blocks = self._weighted(table.blocks(), sums)
        self.features.learn_scales(ranges, sample, blocks)
        if self.statistics is None:
            return None
        return self.statistics.settle(sums, table.identity, self.dtype)

    def _begin(self, statistics: TargetStatistics | None) -> dict[int, LabelSums]:
        if statistics is None:
            return {}
        return statistics.begin(self.tasks, self.features.cardinalities_)

    def _order(self, table: Any) -> OrderedStatistics | None:
        """Return the statistics that rows in files have in training; None for no such rows.

        If there are more rows than in the sample, learning takes one more pass over them. If the
        estimator has statistics already, they are learnt again from the rows that they came from;
        other rows have none in training.
        """
        statistics = self.statistics
        if isinstance(table, Table) or statistics is None:
            return None
        if statistics.learnt:
            if statistics.learnt_from != table.identity:
                return None
            statistics = TargetStatistics(statistics.columns)
        sums = self._begin(statistics)
        in_sample = len(table.sample) == len(table)
        for _ in self._weighted([table.sample] if in_sample else table.blocks(), sums):
            pass
        return statistics.settle(sums, table.identity, self.dtype)

    def _weighted(self, tables: Iterable[Table], sums: Mapping[int, LabelSums]) -> Iterator[Block]:
        """Yield the features of tables with the rows' weights; sum the labels of each code."""
        for table in tables:
            targets, weights, _ = self.encode_labels(table)
            if sums:
                parts: Any = table.parts
                codes = self.features.encode_categories(table.features, list(sums), warns=False)
                for own, of_column in zip(sums.values(), codes.T, strict=True):
                    own.add(of_column, targets, weights, parts)
            yield table.features, weights.mean(axis=1)

    def apply(self, table: Table, class_weight: Any = None, *, warns: bool = True) -> Encoded:
        """Encode a table.

        Parameters
        ----------
        table : Table
            Rows with the columns and tasks of those that were learnt from.
        class_weight : object, default=None
            As in the estimators.
        warns : bool, default=True
            Whether to warn of a column whose categories are all unknown.

        Returns
        -------
        Encoded
            What the network reads of them.
        """
        self.targets.check_same(table.labels, table.form)
        targets, weights, labels = self.encode_labels(table)
        numbers, codes = self.features.transform(table.features, warns=warns)
        loss_weights = weigh_classes(weights, labels, self.tasks, class_weight)
        return Encoded(numbers, codes, targets, loss_weights, weights, table.parts)

    def apply_again(self, table: Any, class_weight: Any = None) -> Encoded:
        """Encode a table that training goes on with; of one in files its sample.

        The parameters are those of `learn`, and what is returned. Nothing more is learnt.
        """
        encoded = self.apply(table.sample, class_weight)
        return encoded._replace(ordered=self._order(table))

    def _choose_statistics(self, X: Any, n_known: Sequence[int] | np.ndarray) -> None:
        """Choose which columns have target statistics, by how many rows have a category."""
        choice, n_codes = self.target_statistics, self.features.cardinalities_
        columns: Any
        if isinstance(choice, bool):
            columns = range(len(n_codes) if choice else 0)
        elif isinstance(choice, str):
            columns = many_categories(n_known, n_codes)
        else:
            columns = self.features.find_codes(X, choice, "target_statistics")
        self.statistics = TargetStatistics(columns) if len(columns) else None

    def encode_labels(self, table: Table) -> tuple[np.ndarray, np.ndarray, list[Labels]]:
        """Encode the labels, and fill in those that follow from others, with their weights."""
        targets = self.targets.encode(table.labels)
        # Filling in changes the weights, which are the table's.
        weights = table.weights.copy() if self.dependence.pairs else table.weights
        return targets, weights, self.dependence.complete(table.labels, targets, weights)

    def start(
        self, encoded: Encoded, trained_on: np.ndarray | None = None
    ) -> tuple[TableEncoder, Any]:
        """Learn what a network starts from: target statistics, bins, the linear path's start.

        Nothing is learnt from the labels of rows that are not trained on. Statistics and bins,
        which all members share, are learnt from the labels of rows that all are trained on, and
        bins from all numbers. Those that were learnt before stay.

        Parameters
        ----------
        encoded : Encoded
            The rows, encoded by this encoder.
        trained_on : ndarray of bool of shape (n_members, n_rows), default=None
            Which rows each member is trained on, or with a first axis of one all members; by
            default all rows.

        Returns
        -------
        encoder : TableEncoder
            Another encoder of the same tasks, scales and categories.
        numbers : ndarray or CSR matrix of shape (n_rows, n_numbers)
            What it makes of the rows' numbers for a network that is trained on them.
        """
        started = copy.copy(self)
        started.linear_start = None
        numbers, codes, targets, weights = *encoded[:3], encoded.sample_weights
        by_all: Any = None if trained_on is None else trained_on.all(axis=0)
        # Sparse numbers are read as they are.
        if not hasattr(self, "maker"):
            embedded = not sparse.issparse(numbers) and self.features.n_columns_
            started.maker = maker_of(self.numeric_embedding) if embedded else None
            if started.maker is not None:
                columns = numbers[:, : self.features.n_columns_]
                read = weights.copy()
                if by_all is not None:
                    read[~by_all] = 0.0
                started.maker.learn(columns, targets, read, self.tasks, self.n_bins)
        if self.statistics is not None and self.statistics.learnt:
            numbers = self.resume(encoded)
        elif self.statistics is not None:
            started.statistics = TargetStatistics(self.statistics.columns)
            of_codes = started.statistics.learn(
                codes, targets, weights, self.tasks, self.features.cardinalities_, by_all
            )
            numbers = beside(numbers, of_codes)
        counts = TaskWeights(self.targets.names, self.task_weights, 1.0).initial
        if self.linear_path:
            started.linear_start = ridge_start(
                numbers, targets, weights, self.tasks, counts, self.clip_numbers, trained_on
            )
        return started, numbers

    def resume(self, encoded: Encoded) -> Any:
        """Return what this encoder makes of the numbers of rows that training goes on with."""
        if self.statistics is None:
            return encoded.numbers
        if encoded.parts is None:
            of_codes = self.statistics.resume(
                encoded.codes, encoded.targets, encoded.sample_weights, self.tasks
            )
        elif encoded.ordered is None:
            of_codes = self.statistics.transform(encoded.codes)
        else:
            of_codes = encoded.ordered.transform(encoded.codes, encoded.parts)
        return beside(encoded.numbers, of_codes)

    def read(self, X: Any) -> tuple[Any, np.ndarray]:
        """Encode features, as `read_features` returns them, for a network to predict from."""
        numbers, codes = self.features.transform(X)
        return self.with_statistics(numbers, codes), codes

    def with_statistics(self, numbers: Any, codes: np.ndarray) -> Any:
        """Put the statistics of codes, if there are any, beside the numbers of the same rows."""
        if self.statistics is None:
            return numbers
        return beside(numbers, self.statistics.transform(codes))

    @property
    def n_numbers(self) -> int:
        """How many numbers of a row the network reads, with indicators and statistics."""
        n_statistics = 0 if self.statistics is None else self.statistics.n_numbers
        return self.features.n_numbers_ + n_statistics

    @property
    def indicators(self) -> list[int]:
        """Of each number that is no column's own, its column: numeric ones come first."""
        owners = self.features.indicators_
        if self.statistics is None:
            return owners
        counted = zip(self.statistics.columns.tolist(), self.statistics.tables, strict=True)
        n_numeric = self.features.n_columns_
        return owners + [n_numeric + own for own, table in counted for _ in range(table.shape[1])]

    def embedding_for(
        self, embedding_dim: int | str, members: Members, n_views: int
    ) -> Callable[[], Any] | None:
        """Return what makes the embedding of the numbers; None where there is none."""
        if self.maker is None:
            return None
        n_columns = self.features.n_columns_
        width = default_width(n_columns) if isinstance(embedding_dim, str) else embedding_dim
        return partial(self.maker.make, n_columns, width, members, n_views)
