"""The encoder: from a table to the arrays that a network reads."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from torch import nn

from ..nn import Axis
from ..nn.members import Members
from ..tables.files.streamed_table import FitTable
from ..tables.frames import sort_names
from ..tables.reading import Features
from ..tables.table import Table
from ..tasks import NumberByTask, Task, TaskTypes, TaskWeights, count_labels
from ..utils.types import ClassWeight
from .bins import count_classes
from .categories import UnknownColumns
from .class_weights import weigh_classes
from .features import FeatureEncoder
from .numeric import EmbeddingMaker, choose_numeric_width, learn_maker
from .prerequisites import Prerequisites
from .probe import Findings, probe_numbers
from .ridge import learn_coefficients
from .scales import choose_scales
from .scaling import NumberArray, WeightedRows
from .screening import screen_columns
from .statistics import (
    LabelSums,
    OrderedStatistics,
    TargetStatistics,
    append_statistics,
    find_many_categories,
)
from .targets import TargetEncoder


class EncodedLabels(NamedTuple):
    """Targets and weights of labels, both of shape (n_rows, n_tasks)."""

    targets: np.ndarray
    weights: np.ndarray


class Encoded(NamedTuple):
    """The encoded rows of a table.

    Attributes
    ----------
    numbers : ndarray or CSR matrix of shape (n_rows, n_numbers)
        Standardised numbers, and indicators of missing ones, without target statistics.
    codes : ndarray of int of shape (n_rows, n_categorical)
        Category codes.
    targets : ndarray of shape (n_rows, n_tasks)
        Encoded labels; arbitrary numbers for missing labels.
    weights : ndarray of shape (n_rows, n_tasks)
        Weights of the labels in the loss, including class weights; 0 for missing labels.
    sample_weights : ndarray of shape (n_rows, n_tasks)
        Weights of the labels without class weights.
    parts : ndarray of int of shape (n_rows,) or None
        For rows in files, the part of each row, see `Table`.
    ordered : OrderedStatistics or None
        For rows in files from which target statistics were learnt, the statistics by part.
    """

    numbers: NumberArray
    codes: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    sample_weights: np.ndarray
    parts: np.ndarray | None = None
    ordered: OrderedStatistics | None = None

    @property
    def arrays(self) -> tuple[Any, ...]:
        """The arrays that training reads: numbers, codes, targets and weights in the loss."""
        return self.numbers, self.codes, self.targets, self.weights


@dataclass(kw_only=True, eq=False, repr=False)
class TableEncoder:
    """Learns tasks, scales and categories from a table, and encodes tables.

    It also learns the initial values of parts of the network. Parameters that are not listed here
    are those of the estimators.

    Parameters
    ----------
    family : {"class", "number"} or None
        Kinds of task that the estimator accepts; None for all kinds.
    classes : None, array-like, sequence or dict
        Declared classes, see `MultiTaskEstimator.partial_fit`.
    n_bins : int
        Greatest number of bins of each numeric column.
    by_name : bool
        Whether the network has the tasks in the order of their names, instead of the order of y.

    Attributes
    ----------
    targets : TargetEncoder
        The tasks.
    prerequisites : Prerequisites
        Which events require others.
    order : list of int
        For each task of the network, its position in y.
    n_labels : ndarray of shape (n_tasks,)
        Number of labels of each task, see `count_labels`; of a streamed table those of its sample.
    features : FeatureEncoder
        Scales and categories.
    maker : EmbeddingMaker or None
        Makes the embedding of numbers; None if they have no embedding.
    has_interactions : bool
        Whether the labels clearly depend on interactions of numbers, see `probe_numbers`.
    statistics : TargetStatistics or None
        Target statistics, the mean labels of each category; None if no column has any.
    linear_coefficients : ndarray of shape (n_members, sum of n_outputs, n_numbers) or None
        Initial coefficients of the linear path, for each member; the first axis has length 1 if
        all members have the same.
    kept : ndarray of int of shape (n_numbers,) or None
        Positions of the numbers that are left by `learn_from_labels`; None for all.
    unknown : UnknownColumns or None
        Takes note of columns without a known category in the blocks of rows to transform. None
        warns of them at once.
    """

    task_types: TaskTypes
    family: str | None
    classes: Any
    depends_on: dict | str | None
    task_weights: NumberByTask
    categorical_features: str | Sequence[Any] | None
    min_frequency: float | None
    target_statistics: str | bool | Sequence[Any]
    numeric_embedding: Any
    n_bins: int
    linear_path: bool
    clip_numbers: float | None
    dtype: str
    by_name: bool
    targets: TargetEncoder = field(init=False)
    prerequisites: Prerequisites = field(init=False)
    order: list[int] = field(init=False)
    n_labels: np.ndarray = field(init=False)
    features: FeatureEncoder = field(init=False)
    maker: EmbeddingMaker | None = field(init=False)
    has_interactions: bool = field(init=False, default=False)
    statistics: TargetStatistics | None = field(init=False)
    linear_coefficients: np.ndarray | None = field(init=False)
    kept: np.ndarray | None = field(init=False, default=None)
    unknown: UnknownColumns | None = field(init=False, default=None)

    @property
    def tasks(self) -> Sequence[Task]:
        """The fitted tasks, in the order of y."""
        return self.targets.tasks

    def encode_features_as(self, other: "TableEncoder") -> None:
        """Take scales, categories, bins and statistics from another encoder, before `learn`."""
        self.features, self.maker, self.statistics = other.features, other.maker, other.statistics
        self.has_interactions = other.has_interactions

    def learn(self, table: FitTable, class_weight: ClassWeight = None) -> Encoded:
        """Learn tasks, scales and categories from a table, except for those that were copied.

        Parameters
        ----------
        table : Table or StreamedTable
            The rows to learn from.
        class_weight : object, default=None
            Parameter of the estimators. It has no effect on what is learnt.

        Returns
        -------
        Encoded
            The encoded rows; for a streamed table those of its sample.
        """
        self.targets = TargetEncoder(self.task_types, self.family, self.classes)
        self.targets.fit(table.labels, table.form, table.weights)
        sample = table.sample
        choose_scales(self.targets, table.labels, table.weights, sample.features, sample.labels)
        self.prerequisites = Prerequisites(self.depends_on, self.tasks)
        names = self.targets.names
        self.order = (sort_names(names) if self.by_name else np.arange(len(names))).tolist()
        labels = self.encode_labels(table.sample)
        self.n_labels = count_labels(*labels, self.tasks)
        if hasattr(self, "features"):
            ordered = self._learn_again(table)
        else:
            ordered = self._learn_features(table, labels)
        return self._encode(table.sample, labels, class_weight)._replace(ordered=ordered)

    def _learn_features(self, table: FitTable, labels: EncodedLabels) -> OrderedStatistics | None:
        """Learn scales and categories in two passes over the rows.

        The second pass also learns the target statistics of rows in files, which are returned for
        training. Those of rows in memory are learnt later, by
        `learn_from_labels`.
        """
        X, blocks = table.sample.features, (block.features for block in table.blocks())
        self.features = FeatureEncoder(self.dtype)
        choice = self.categorical_features, self.min_frequency
        counts, ranges = self.features.learn_categories(X, blocks, *choice)
        self._choose_statistics(X, [column.n_known for column in counts])
        sums = self._begin_sums(table, self.statistics)
        sample = WeightedRows(X, labels.weights.mean(axis=1))
        self.features.learn_scales(ranges, sample, self._read_weighted(table, sums, labels))
        identity = table.identity
        if self.statistics is None or identity is None:
            return None
        return self.statistics.learn_from_sums(sums, identity, self.dtype)

    def _learn_again(self, table: FitTable) -> OrderedStatistics | None:
        """Return the target statistics for training, if they were learnt from the same files.

        If the sample does not hold all rows, this takes another pass over the files. For other
        files, and for rows in memory, the result is None.
        """
        statistics, identity = self.statistics, table.identity
        if statistics is None or identity is None or statistics.learnt_from != identity:
            return None
        sums = self._begin_sums(table, statistics)
        for _ in self._read_weighted(table, sums, self.encode_labels(table.sample)):
            pass
        return TargetStatistics(statistics.columns).learn_from_sums(sums, identity, self.dtype)

    def _begin_sums(
        self, table: FitTable, statistics: TargetStatistics | None
    ) -> dict[int, LabelSums]:
        """Return empty sums of labels by column, for rows in files with target statistics."""
        if statistics is None or table.sample.parts is None:
            return {}
        n_codes = self.features.cardinalities_
        # Tasks that `add_task` added after the statistics were learnt have none.
        tasks = self.tasks[: statistics.n_tasks]
        return {
            column: LabelSums(tasks, n_codes[column]) for column in statistics.columns.tolist()
        }

    def _read_weighted(
        self, table: FitTable, sums: Mapping[int, LabelSums], labels: EncodedLabels
    ) -> Iterator[WeightedRows]:
        """Yield the features of all rows and their weights; add the rows to the sums of labels.

        The encoded labels of the sample are passed, because it may be the only block.
        """
        for block in table.blocks():
            targets, weights = labels if block is table.sample else self.encode_labels(block)
            if sums:
                parts: Any = block.parts
                codes = self.features.encode_categories(block.features, list(sums))
                for of_labels, of_column in zip(sums.values(), codes.T, strict=True):
                    of_labels.add(of_column, targets, weights, parts)
            yield WeightedRows(block.features, weights.mean(axis=1))

    def apply(
        self, table: Table, class_weight: ClassWeight = None, *, warns: bool = True
    ) -> Encoded:
        """Encode a table.

        Parameters
        ----------
        table : Table
            Rows with the same columns and tasks as in `learn`.
        class_weight : object, default=None
            Parameter of the estimators.
        warns : bool, default=True
            Whether to warn of a column whose categories are all unknown.

        Returns
        -------
        Encoded
            The encoded rows.
        """
        self.targets.check_same(table.labels, table.form)
        return self._encode(table, self.encode_labels(table), class_weight, warns=warns)

    def _encode(
        self, table: Table, labels: EncodedLabels, class_weight: ClassWeight, *, warns: bool = True
    ) -> Encoded:
        """Encode a table whose labels are encoded already; see `apply`."""
        targets, weights = labels
        numbers, codes = self.features.transform(table.features)
        if warns:
            self.features.find_unknown().add(table.features, codes).report()
        loss_weights = weigh_classes(weights, targets, self.tasks, class_weight)
        return Encoded(numbers, codes, targets, loss_weights, weights, table.parts)

    def apply_again(self, table: FitTable, class_weight: ClassWeight = None) -> Encoded:
        """Encode a table with which training continues; of a streamed table its sample.

        Parameters and result are those of `learn`, but nothing is learnt.
        """
        # In a first fit, `TargetEncoder.fit` raises an error that names the column.
        if not len(table):
            raise ValueError(
                "y has no label at all, or only labels with a weight of 0: pass rows with labels."
            )
        encoded = self.apply(table.sample, class_weight)
        return encoded._replace(ordered=self._learn_again(table))

    def _choose_statistics(self, X: Features, n_known: Sequence[int]) -> None:
        """Choose the columns with target statistics, given the rows with a category in each."""
        choice, n_codes = self.target_statistics, self.features.cardinalities_
        columns: Sequence[int] | np.ndarray
        if isinstance(choice, (bool, np.bool_)):
            columns = range(len(n_codes) if choice else 0)
        elif isinstance(choice, str):
            columns = find_many_categories(n_known, n_codes)
        else:
            columns = self.features.find_codes(X, choice, "target_statistics")
        self.statistics = TargetStatistics(columns) if len(columns) else None

    def encode_labels(self, table: Table) -> EncodedLabels:
        """Return targets and weights of the labels, also of those that follow from others."""
        targets = self.targets.encode(table.labels)
        # A copy: `complete` changes the weights in place, and the table must stay as it is.
        weights = table.weights.copy() if self.prerequisites.pairs else table.weights
        self.prerequisites.complete(targets, weights)
        return EncodedLabels(targets, weights)

    def learn_from_labels(
        self,
        encoded: Encoded,
        trained_on: np.ndarray | None = None,
        earlier: "TableEncoder | None" = None,
    ) -> "tuple[TableEncoder, Any]":
        """Screen columns, and learn target statistics, bins and the linear path's coefficients.

        No label of a validation row is used. All members share the statistics and the bins, so
        these are learnt only from labels of rows on which every member is trained; bins also use
        the numbers of all rows, without labels. What the encoder has learnt before is kept.

        Parameters
        ----------
        encoded : Encoded
            The rows, encoded by this encoder.
        trained_on : ndarray of bool of shape (n_members, n_rows), default=None
            Which rows each member is trained on; the first axis has length 1 if all members are
            trained on the same. By default all rows.
        earlier : TableEncoder, default=None
            The result for an earlier training, whose findings about the numbers count again. By
            default the numbers are probed.

        Returns
        -------
        encoder : TableEncoder
            A new encoder with the same tasks, scales and categories.
        numbers : ndarray or CSR matrix of shape (n_rows, n_numbers)
            The numbers of the rows for training: those that are read, with target statistics.
        """
        fitted = copy.copy(self)
        fitted.linear_coefficients = fitted.kept = None
        numbers, codes, targets = encoded.numbers, encoded.codes, encoded.targets
        weights = encoded.sample_weights
        by_all: Any = None if trained_on is None else trained_on.all(axis=0)
        # Sparse numbers have no embedding.
        if not hasattr(self, "maker"):
            numbers = fitted._screen(encoded, trained_on)
            n_columns = fitted.features.n_columns_
            embedded = not sparse.issparse(numbers) and n_columns
            fitted.maker, fitted.has_interactions = None, False
            if embedded and self.numeric_embedding is not None:
                trained = weights.copy()
                if by_all is not None:
                    trained[~by_all] = 0.0
                fitted._learn_embedding(numbers[:, :n_columns], targets, trained, earlier)
        if self.statistics is not None and self.statistics.learnt:
            numbers = self.resume(encoded)
        elif self.statistics is not None:
            fitted.statistics = TargetStatistics(self.statistics.columns)
            of_codes = fitted.statistics.learn(
                codes, targets, weights, self.tasks, self.features.cardinalities_, by_all
            )
            numbers = append_statistics(numbers, of_codes)
        if self.linear_path:
            names = self.targets.names
            task_weights = TaskWeights(names, self.task_weights, 1.0, self.n_labels).initial
            options = self.clip_numbers, trained_on, fitted.read_by
            fitted.linear_coefficients = learn_coefficients(
                numbers, targets, weights, self.tasks, task_weights, *options
            )
        return fitted, numbers

    def _learn_embedding(
        self,
        numbers: NumberArray,
        targets: np.ndarray,
        weights: np.ndarray,
        earlier: "TableEncoder | None",
    ) -> None:
        """Learn how the labels depend on the numbers, and whether and how to embed these."""
        if earlier is None:
            found = probe_numbers(numbers, targets, weights, count_classes(self.tasks))
        else:
            found = Findings(earlier.maker is None, earlier.has_interactions)
        self.has_interactions = found.interactions
        if not (found.plain and self.numeric_embedding == "auto"):
            learnt_from = numbers, targets, weights, self.tasks, self.n_bins
            self.maker = learn_maker(self.numeric_embedding, *learnt_from)

    def _screen(self, encoded: Encoded, trained_on: np.ndarray | None) -> NumberArray:
        """Leave out the numeric columns that no member reads; return the numbers that are left.

        No column is left out if numbers have no embedding, as in the networks of papers, or if
        rows are in files, where there are many rows to learn from. Dates are never left out.
        """
        numbers, features = encoded.numbers, self.features
        stays_whole = sparse.issparse(numbers) or encoded.parts is not None
        if self.numeric_embedding is None or stays_whole:
            return numbers
        owners, labels = features.scaler_.owners, (encoded.targets, encoded.sample_weights)
        read_by = screen_columns(numbers, owners, *labels, self.tasks, trained_on)
        if read_by is None:
            return numbers
        read_by[:, features.scaler_.of_dates] = True
        self.features = features.select(read_by)
        self.kept = np.flatnonzero(read_by[:, owners].any(axis=0))
        return numbers[:, self.kept]

    def without_coefficients(self) -> "TableEncoder":
        """Return a copy without initial coefficients, for a network whose weights are replaced."""
        copied = copy.copy(self)
        copied.linear_coefficients = None
        return copied

    def resume(self, encoded: Encoded) -> NumberArray:
        """Return the numbers of rows with target statistics, for training that continues."""
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
        return append_statistics(encoded.numbers, of_codes)

    def transform(self, X: Features) -> tuple[NumberArray, np.ndarray]:
        """Encode the features that `read_features` returned, for prediction."""
        numbers, codes = self.features.transform(X)
        if self.unknown is None:
            self.features.find_unknown().add(X, codes).report()
        else:
            self.unknown.add(X, codes)
        if self.statistics is not None:
            numbers = append_statistics(numbers, self.statistics.transform(codes))
        return numbers, codes

    def for_blocks(self) -> "tuple[TableEncoder, UnknownColumns]":
        """Return a copy that reads rows block by block, and what to report after the last."""
        copied = copy.copy(self)
        copied.unknown = self.features.find_unknown()
        return copied, copied.unknown

    @property
    def n_numbers(self) -> int:
        """Number of numeric features of a row, including indicators and statistics."""
        n_statistics = 0 if self.statistics is None else self.statistics.n_numbers
        return self.features.n_numbers_ + n_statistics

    @property
    def read_by(self) -> np.ndarray | None:
        """Which numeric features each member reads, (n_members, n_numbers); None for all."""
        read, owners = self.features.read_by_, self.features.scaler_.owners
        if read is None or read.all():
            return None
        n_statistics = self.n_numbers - len(owners)
        return np.pad(read[:, owners], ((0, 0), (0, n_statistics)), constant_values=True)

    @property
    def indicators(self) -> list[int]:
        """Position of the column of each indicator and statistic; numeric columns come first."""
        owners = np.flatnonzero(self.features.scaler_.missing_).tolist()
        if self.statistics is None:
            return owners
        counted = zip(self.statistics.columns.tolist(), self.statistics.tables, strict=True)
        n_numeric = self.features.n_columns_
        return owners + [
            n_numeric + column for column, table in counted for _ in range(table.shape[1])
        ]

    def make_embedding(
        self, embedding_dim: int | str, members: Members, views: Axis
    ) -> nn.Module | None:
        """Make the embedding of numbers; None if they have none."""
        if self.maker is None:
            return None
        n_columns = self.features.n_columns_
        width = (
            choose_numeric_width(n_columns) if isinstance(embedding_dim, str) else embedding_dim
        )
        return self.maker.make(n_columns, width, members, views)
