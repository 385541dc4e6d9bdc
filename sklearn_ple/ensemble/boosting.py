"""The model of a single task by default: gradient boosting that reads any table."""

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline

from ..encoding.categories import UNKNOWN
from ..encoding.features import FeatureEncoder
from ..encoding.statistics import TargetStatistics
from ..tables.reading import Header, read_features
from ..tasks import Log, Task
from ..utils.types import RandomStateLike

# Boosting by histograms reads no more categories of a column.
_MOST_CATEGORIES = 254
# A leaf has at least as many labels.
_LEAST_LABELS_OF_LEAF = 5
_LOSSES = {"count": "poisson", "tweedie": "poisson", "hurdle": "poisson"}
_LOSSES |= {"quantile": "absolute_error"}
#: What is tried for each task with ``tune``, beside the default.
TRIED: list[dict[str, float]] = [
    {},
    {"learning_rate": 0.03},
    {"max_leaf_nodes": 4},
    {"max_leaf_nodes": 8},
    {"max_leaf_nodes": 16},
]


def make_boosting(
    task: Task, labels: np.ndarray, columns: "TreeColumns", random_state: RandomStateLike
) -> BaseEstimator:
    """Make the model that learns a task by default.

    Parameters
    ----------
    task : Task
        The task.
    labels : ndarray of shape (n_labels,)
        Its labels.
    columns : TreeColumns
        The columns that it reads.
    random_state : int, RandomState instance or None
        Seed of the folds.

    Returns
    -------
    estimator
        Histogram gradient boosting, in a pipeline if there are columns of many categories. Its
        trees are small if labels are few: a tree has one leaf per 125 labels, from 4 to 16, and a
        leaf at least one label in 25, from 5 to 20. How many trees there are is found by
        `fit_boosting`. If all numbers are 0, their mean.
    """
    if not task.has_classes and not labels.any():
        # The Poisson loss needs an amount above 0.
        return DummyRegressor()
    n_labels = len(labels)
    options: dict[str, Any] = {
        "learning_rate": 0.1,
        "max_leaf_nodes": min(max(n_labels // 125, 4), 16),
        "min_samples_leaf": min(max(n_labels // 25, _LEAST_LABELS_OF_LEAF), 20),
        "early_stopping": False,
        "categorical_features": columns.categorical_ or None,
        "random_state": random_state,
    }
    if task.has_classes:
        boosting = HistGradientBoostingClassifier(**options)
    else:
        loss = _LOSSES.get(task.kind, "squared_error")
        boosting = HistGradientBoostingRegressor(loss=loss, **options)
    if not columns.n_codes_:
        return boosting
    statistics = Statistics(task, columns.n_codes_)
    return Pipeline([("statistics", statistics), ("boosting", boosting)])


def learns_targets(task: Task) -> bool:
    """Return whether boosting learns the encoded labels of a task: logarithms, by their squares.

    The task turns predictions into means, as it does with the outputs of a network.
    """
    return isinstance(task, Log)


def fill_rare_columns(X: np.ndarray) -> np.ndarray:
    """Fill columns with fewer values than a leaf has labels, on which no tree can split.

    Boosting fails if a column has no number at all (scikit-learn 1.9).
    """
    return np.where((~np.isnan(X)).sum(axis=0) < _LEAST_LABELS_OF_LEAF, 0.0, X)


class TreeColumns(TransformerMixin, BaseEstimator):
    """Reads a table as the networks do, and passes it on as numbers and categories.

    Missing numbers and categories stay missing, and unknown categories become missing. A column of
    more than 254 categories stays codes, of which `Statistics` makes numbers for each task.

    Attributes
    ----------
    features_ : FeatureEncoder
        The encoder of the columns.
    many_ : list of int
        Positions among the columns of categories of those that stay codes.
    n_codes_ : list of int
        Number of codes of each of these, which are the last columns of the result.
    categorical_ : list of int
        Positions in the result of the other columns of categories.
    """

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the categories of the columns.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features.
        y : object, default=None
            Not used.

        Returns
        -------
        self : TreeColumns
            The fitted transformer.
        """
        table, header = read_features(X, type(self).__name__)
        self.features_ = FeatureEncoder(dtype="float64").learn(table)
        sizes = self.features_.cardinalities_
        self.many_ = [k for k, n in enumerate(sizes) if n - (UNKNOWN + 1) > _MOST_CATEGORIES]
        self.n_codes_ = [sizes[k] for k in self.many_]
        first = self.features_.n_columns_
        self.categorical_ = list(range(first, first + len(sizes) - len(self.many_)))
        self.__dict__.update(header.attributes())
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return the columns for trees.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features.

        Returns
        -------
        columns : ndarray of shape (n_samples, n_columns)
            The numbers, then the categories, and the codes of columns of many categories.
        """
        table, _ = read_features(X, type(self).__name__, Header.of(self))
        table = self.features_.read_dates(table)
        numbers, codes = self.features_.transform(table)
        if not isinstance(numbers, np.ndarray):
            numbers = numbers.toarray()
        else:
            missing = table.iloc[:, self.features_.number_positions_].isna().to_numpy()
            numbers = np.where(missing, np.nan, numbers[:, : self.features_.n_columns_])
        # Codes below that of the first category stand for a missing one.
        places = codes.astype(np.float64) - (UNKNOWN + 1)
        places[places < 0] = np.nan
        categories = np.delete(places, self.many_, axis=1)
        return np.hstack([numbers, categories, codes[:, self.many_]])


class Statistics(TransformerMixin, BaseEstimator):
    """Replaces the codes of columns of many categories by the target statistics of a task.

    It learns with `fit_transform` only, as in a pipeline: rows for training have other statistics.

    Parameters
    ----------
    task : Task
        The fitted task. Its classes are passed to ``fit`` as their positions, and its labels in
        the form in which they are learnt, see `learns_targets`.
    n_codes : list of int
        Number of codes of each of these columns, which are the last ones.

    Attributes
    ----------
    statistics_ : TargetStatistics
        The statistics of the columns.
    """

    def __init__(self, task: Task, n_codes: list[int]):
        self.task = task
        self.n_codes = n_codes

    def fit_transform(self, X: np.ndarray, y: Any) -> np.ndarray:
        """Learn the statistics, and return the columns for training.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_columns)
            The result of `TreeColumns`.
        y : array-like of shape (n_samples,)
            The labels.

        Returns
        -------
        columns : ndarray of shape (n_samples, n_columns)
            The columns. The statistics of a row are learnt without its own label.
        """
        is_encoded = self.task.has_classes or learns_targets(self.task)
        labels = y if is_encoded else self.task.encode(np.asarray(y))
        targets = np.asarray(labels, dtype=np.float64)[:, np.newaxis]
        self.statistics_ = TargetStatistics(range(len(self.n_codes)))
        numbers, codes = self._split(X)
        rows = codes, targets, np.ones_like(targets), [self.task], self.n_codes
        return np.hstack([numbers, self.statistics_.learn(*rows)])

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return the columns for prediction.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_columns)
            The result of `TreeColumns`.

        Returns
        -------
        columns : ndarray of shape (n_samples, n_columns)
            The columns.
        """
        numbers, codes = self._split(X)
        return np.hstack([numbers, self.statistics_.transform(codes)])

    def _split(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the other columns, and the codes."""
        numbers, codes = np.split(X, [X.shape[1] - len(self.n_codes)], axis=1)
        return numbers, codes.astype(np.int64)
