"""The rows of a fit, read and checked but not yet encoded."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import check_consistent_length

from .features import read_features
from .labels import Labels, TargetForm, ignored_by, read_targets
from .weights import weigh


@dataclass(frozen=True)
class Table:
    """Rows that count: each has a label with a weight.

    Attributes
    ----------
    features : DataFrame or CSR matrix of shape (n_rows, n_columns)
        X, as `read_features` returns it.
    labels : list of Labels
        The columns of y; labels without a weight are missing.
    weights : ndarray of shape (n_rows, n_tasks)
        The labels' sample weights, zero where there is none.
    form : TargetForm
        How y came.
    numbers : ndarray of int of shape (n_rows,)
        Numbers of the rows in X.
    parts : ndarray of int of shape (n_rows,), default=None
        Of rows in files, the part that each is of where target statistics are learnt; `N_PARTS`
        for one that is not learnt from.
    """

    features: Any
    labels: list[Labels]
    weights: np.ndarray
    form: TargetForm
    numbers: np.ndarray
    parts: np.ndarray | None = None

    @classmethod
    def read(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        like: TargetForm | None = None,
        unit: float | None = None,
    ) -> Table:
        """Read what is passed to an estimator's fit, and leave out rows without any weight.

        Parameters
        ----------
        estimator : estimator
            The columns of X are checked against its own or, without ``like``, become its own.
        X, y, sample_weight : object
            As in `MultiTaskEstimator.fit`.
        like : TargetForm, optional
            How the y of an earlier table came, to which columns that are no tasks are compared;
            by default the estimator is fitted for the first time.
        unit : float, optional
            What weights are divided by, where these are some rows of a larger table; by default
            their mean.
        """
        features = read_features(estimator, X, reset=like is None)
        ignored = like.ignored_among if like else partial(ignored_by, estimator.task_types)
        labels, form = read_targets(y, ignored)
        check_consistent_length(features, labels[0].mask)
        labels, weights = weigh(labels, sample_weight, unit)
        kept = np.flatnonzero(weights.any(axis=1))
        if len(kept) < len(weights):
            labels, weights = [column.take(kept) for column in labels], weights[kept]
            features = features[kept] if sparse.issparse(features) else features.iloc[kept]
        return cls(features, labels, weights, form, kept)

    @property
    def sample(self) -> Table:
        """Rows to learn from what some rows teach as well as all: here all of them."""
        return self

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.weights)
