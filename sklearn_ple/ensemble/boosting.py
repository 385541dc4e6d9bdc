"""The model of a single task by default: gradient boosting that reads any table."""

from typing import Any, Self

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline
from sklearn.utils import Tags

from ..encoding.categories import UNKNOWN
from ..encoding.features import FeatureEncoder
from ..encoding.statistics import TargetStatistics
from ..tables.reading import FeatureReader
from ..tasks import Task
from .state import from_state, to_state

# Boosting by histograms reads no more categories of a column.
_MOST_CATEGORIES = 254
# With fewer labels, those set aside to stop early would show too little.
_LEAST_LABELS_TO_STOP_EARLY = 2000
_LEARNT = ("features_", "statistics_")
_LOSSES = {"count": "poisson", "tweedie": "poisson", "hurdle": "poisson"}
_LOSSES |= {"quantile": "absolute_error"}


def make_boosting(task: Task, n_labels: int, random_state: Any) -> Pipeline:
    """Make the pipeline that learns a task by default.

    Parameters
    ----------
    task : Task
        The task.
    n_labels : int
        Number of its labels.
    random_state : int, RandomState instance or None
        Seed of the rows that are set aside to stop early.

    Returns
    -------
    Pipeline
        The columns for trees, and histogram gradient boosting. It learns slowly, with a rate of
        0.05, and its trees are small if labels are few: a tree has one leaf per 250 labels, from 4
        to 16, and a leaf at least one label in 25, from 5 to 20. From 2,000 labels on training
        stops early, at most after 400 trees; with fewer labels there are 120 trees.
    """
    stops_early = n_labels >= _LEAST_LABELS_TO_STOP_EARLY
    options: dict[str, Any] = {
        "learning_rate": 0.05,
        "max_iter": 400 if stops_early else 120,
        "max_leaf_nodes": min(max(n_labels // 250, 4), 16),
        "min_samples_leaf": min(max(n_labels // 25, 5), 20),
        "early_stopping": stops_early,
        "n_iter_no_change": 20,
        "categorical_features": "from_dtype",
        "random_state": random_state,
    }
    if task.has_classes:
        boosting: Any = HistGradientBoostingClassifier(**options)
    else:
        loss = _LOSSES.get(task.kind, "squared_error")
        boosting = HistGradientBoostingRegressor(loss=loss, **options)
    return Pipeline([("columns", TreeColumns(task)), ("boosting", boosting)])


class TreeColumns(TransformerMixin, BaseEstimator):
    """Reads a table as the networks do, and passes it on as numbers and categories.

    Missing numbers and categories stay missing, and unknown categories become missing. A column of
    more than 254 categories is replaced by its target statistics.

    Parameters
    ----------
    task : Task
        The fitted task. Its classes are passed to ``fit`` as their positions.

    Attributes
    ----------
    features_ : FeatureEncoder
        The encoder of the columns.
    statistics_ : TargetStatistics or None
        The statistics of the columns of many categories; None if there are none.
    """

    def __init__(self, task: Task):
        self.task = task

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the categories of the columns.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features.
        y : array-like of shape (n_samples,), default=None
            The labels.

        Returns
        -------
        self : TreeColumns
            The fitted transformer.
        """
        self.fit_transform(X, y)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> pd.DataFrame:
        """Learn the categories, and return the columns for training.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features.
        y : array-like of shape (n_samples,), default=None
            The labels.

        Returns
        -------
        columns : DataFrame of shape (n_samples, n_columns)
            The columns. The statistics of a row are learnt without its own label.
        """
        table = FeatureReader(self).read(X, reset=True)
        whole = table, np.ones(table.shape[0])
        self.features_ = FeatureEncoder(dtype="float64")
        _, ranges = self.features_.learn_categories(table, [table])
        self.features_.learn_scales(ranges, whole, [whole])
        n_codes = self.features_.cardinalities_
        many = [place for place, n in enumerate(n_codes) if n - (UNKNOWN + 1) > _MOST_CATEGORIES]
        self.statistics_ = TargetStatistics(many) if many else None
        numbers, codes = self._encode(table)
        if self.statistics_ is None:
            return self._join(numbers, codes)
        labels = y if self.task.has_classes else self.task.encode(np.asarray(y))
        targets = np.asarray(labels, dtype=np.float64)[:, np.newaxis]
        rows = codes, targets, np.ones_like(targets), [self.task], n_codes
        return self._join(np.hstack([numbers, self.statistics_.learn(*rows)]), codes)

    def transform(self, X: Any) -> pd.DataFrame:
        """Return the columns for prediction.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features.

        Returns
        -------
        columns : DataFrame of shape (n_samples, n_columns)
            The columns.
        """
        numbers, codes = self._encode(FeatureReader(self).read(X, reset=False))
        if self.statistics_ is not None:
            numbers = np.hstack([numbers, self.statistics_.transform(codes)])
        return self._join(numbers, codes)

    def _encode(self, table: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return the numbers, in which missing ones are NaN, and the codes of the categories."""
        numbers, codes = self.features_.transform(table)
        if sparse.issparse(numbers):
            return numbers.toarray(), codes
        missing = table.iloc[:, self.features_.number_positions_].isna().to_numpy()
        return np.where(missing, np.nan, numbers[:, : self.features_.n_columns_]), codes

    def _join(self, numbers: np.ndarray, codes: np.ndarray) -> pd.DataFrame:
        """Return a frame in which codes are categories, and those of unknown ones are missing."""
        names = [f"x{place}" for place in range(numbers.shape[1])]
        many: Any = [] if self.statistics_ is None else self.statistics_.columns
        # Codes below that of the first category become -1, which stands for a missing one.
        places = np.maximum(codes.astype(np.int64) - (UNKNOWN + 1), -1)
        categories = {
            f"c{column}": pd.Categorical.from_codes(places[:, column], range(_MOST_CATEGORIES))
            for column in np.setdiff1d(range(codes.shape[1]), many)
        }
        return pd.DataFrame(numbers, columns=names).assign(**categories)

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without objects of pandas."""
        state = super().__getstate__()
        return state | {name: to_state(state[name]) for name in _LEARNT if name in state}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Set the attributes from a state."""
        learnt = {name: from_state(state[name]) for name in _LEARNT if name in state}
        super().__setstate__(state | learnt)

    def __sklearn_tags__(self) -> Tags:
        """Return the tags of scikit-learn, which state what data the transformer accepts."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = tags.input_tags.allow_nan = True
        tags.input_tags.string = tags.input_tags.categorical = True
        tags.target_tags.required = True
        return tags
