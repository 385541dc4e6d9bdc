"""What the tasks' towers read, as features for other estimators."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from .training import MultiTaskNet


class Representations(TransformerMixin):
    """Makes the estimators transformers: `transform` gives the tasks' representations."""

    _rows: Any
    net_: MultiTaskNet
    module_: Any
    task_names_: list[str]

    def transform(self, X: Any) -> np.ndarray:
        """Compute the tasks' representations: what their towers read.

        What the linear path adds to the outputs is not in them.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features.

        Returns
        -------
        representations : ndarray or DataFrame of shape (n_samples, n_columns)
            Task by task, and within a task member by member: ``n_members`` times the width of the
            representation columns for each task, in the network's dtype. Coordinates of different
            members have nothing to do with each other, so that they stand side by side. A data
            frame where ``set_output`` asks for it.
        """
        rows = self._rows(X)
        tasks = self.net_.representations(rows)
        return np.column_stack([task.transpose(0, 1).flatten(1).numpy() for task in tasks])

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Name the columns of `transform`: "death: 0", "death: 1" and so on.

        Parameters
        ----------
        input_features : object, default=None
            Not read.

        Returns
        -------
        names : ndarray of str objects
            The task's name and a number, for each column.
        """
        check_is_fitted(self)
        body = self.module_.body
        sizes = [body.n_members * width for width in body.towers.widths]
        names = [
            f"{task}: {column}"
            for task, size in zip(self.task_names_, sizes, strict=True)
            for column in range(size)
        ]
        return np.array(names, dtype=object)

    def __sklearn_tags__(self) -> Tags:
        """Say that the dtype is the network's."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags
