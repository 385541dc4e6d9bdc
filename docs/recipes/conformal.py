"""Sets of classes and intervals with a guarantee, by MAPIE, for any table."""

import numpy as np
import pandas as pd
from mapie.classification import SplitConformalClassifier
from mapie.regression import SplitConformalRegressor
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    RegressorMixin,
    is_classifier,
)


class Rows(BaseEstimator):
    """The view of a task, with row numbers as X: MAPIE takes numbers only."""

    n_features_in_ = 1

    def __init__(self, view, table):
        self.view = view
        self.table = table

    def fit(self, X, y):
        return self

    def predict(self, X):
        return self.view.predict(self.table.iloc[np.ravel(X)])


class RowsOfNumbers(RegressorMixin, Rows):
    """Rows with a number as the target."""


class RowsOfClasses(ClassifierMixin, Rows):
    """Rows with classes as the target."""

    @property
    def classes_(self):
        return self.view.classes_

    def predict_proba(self, X):
        return self.view.predict_proba(self.table.iloc[np.ravel(X)])


def guarantee(view, X, y, X_new, level=0.9):
    """Cover the labels of a task in new rows with a probability of `level`.

    X and y are rows that the model was not trained on; y is the column of the
    task. Returns a data frame: for classes, which of them are in each row's
    set; for a number, both ends.
    """
    labelled = y.notna().to_numpy()
    table = pd.concat([X[labelled], X_new])
    own, new = np.split(np.arange(len(table))[:, None], [labelled.sum()])
    options = {"confidence_level": level, "prefit": True}
    if is_classifier(view):
        model = SplitConformalClassifier(RowsOfClasses(view, table), **options)
        _, sets = model.conformalize(own, y[labelled].to_numpy()).predict_set(
            new
        )
        return pd.DataFrame(sets[:, :, 0], X_new.index, view.classes_)
    model = SplitConformalRegressor(RowsOfNumbers(view, table), **options)
    _, ends = model.conformalize(own, y[labelled].to_numpy()).predict_interval(
        new
    )
    return pd.DataFrame(ends[:, :, 0], X_new.index, ["low", "high"])
