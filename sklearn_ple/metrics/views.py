"""The labels and the predictions of each task separately, for scikit-learn's scorers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.metaestimators import available_if

from ..predictions.task_view import task_view

#: A function that returns the predictions of a task for all rows.
Respond = Callable[[], np.ndarray]


class PredictionError(Exception):
    """Raised where an estimator cannot predict, with its error."""

    def __init__(self, error: Exception):
        super().__init__(str(error))
        self.error = error


#: A metric of a task: the name of a scorer of scikit-learn, a scorer, or a function of labels and
#: predictions; None for the task's own.
Metric = str | Callable[..., float] | None
#: One metric for all tasks, or a dict by name.
Metrics = Metric | Mapping[str, Metric]
#: How the scores of tasks are combined: "mean", "worst", or weights by name.
Average = str | Mapping[str, float]


class TaskPredictions(BaseEstimator):
    """Predictions of a task in the form of a fitted estimator whose X is an array of row numbers.

    Scorers of scikit-learn can then predict the rows that they need, although all rows are
    predicted only once.

    Parameters
    ----------
    name : str
        Name of the task.
    classes : ndarray or None
        The sorted classes; None if labels are numbers.
    responses : mapping
        A function for each available method, "predict" or "predict_proba", that returns the result
        of the method for all rows.
    """

    def __init__(self, name: str, classes: np.ndarray | None, responses: Mapping[str, Respond]):
        self.task_names_, self.classes_, self.responses = [name], [classes], responses

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Return the predicted labels of some rows."""
        return self.responses["predict"]()[rows]

    @available_if(lambda self: "predict_proba" in self.responses)
    def predict_proba(self, rows: np.ndarray) -> np.ndarray:
        """Return the predicted probabilities of some rows."""
        return self.responses["predict_proba"]()[rows]


@dataclass(frozen=True)
class ScoredTask:
    """A task with its labels and predictions.

    Attributes
    ----------
    name : str
        Name of the task.
    labels : Series of shape (n_rows,)
        The labels, some of which may be missing.
    task : Task or None
        The task, for its kind and default metric; None if predictions were passed, but not for
        this task.
    classes : ndarray or None
        The sorted classes; None if labels are numbers.
    responses : mapping
        The predictions, as functions like those of `TaskPredictions`.
    weights : ndarray of shape (n_rows,) or None
        The weights of the labels; None if all are equal.
    """

    name: str
    labels: pd.Series
    task: Any = None
    classes: np.ndarray | None = None
    responses: Mapping[str, Respond] = field(default_factory=dict)
    weights: np.ndarray | None = None

    @cached_property
    def view(self) -> Any:
        """View of the task as a classifier or regressor whose X is an array of row numbers."""
        return task_view(TaskPredictions(self.name, self.classes, self.responses), self.name)

    def encode(self) -> "ScoredTask":
        """Replace classes with fractions, which scikit-learn would treat as numbers, by codes."""
        if self.classes is None or not _holds_fractions(self.classes):
            return self
        index, predict = pd.Index(self.classes), self.responses["predict"]
        labels = pd.Series(index.get_indexer(self.labels.astype(object)), dtype=np.float64)
        coded = {"predict": lambda: index.get_indexer(predict())}
        return replace(
            self,
            labels=labels.where(self.labels.notna().to_numpy()),
            classes=np.arange(len(index), dtype=np.float64),
            responses={**self.responses, **coded},
        )


def to_plain_array(labels: pd.Series) -> np.ndarray:
    """Convert labels of any dtype, none missing, to an array of bools, numbers or strings."""
    values = labels.tolist()
    array = np.array(values)
    # numpy converts whole numbers to floats if int64 cannot represent all of them.
    is_long = array.dtype.kind == "f" and all(isinstance(value, int) for value in values)
    return np.array(values, dtype=np.uint64) if is_long and values else array


def _holds_fractions(labels: np.ndarray) -> bool:
    return labels.dtype.kind == "f" and bool((labels != np.round(labels)).any())
