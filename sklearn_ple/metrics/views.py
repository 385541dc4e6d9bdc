"""The labels and the predictions of each task separately, for scikit-learn's scorers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.metaestimators import available_if

from ..predictions.task_view import task_view
from ..tasks import Task

#: A function that returns a list with an array for each task, for all rows.
Respond = Callable[[], list[Any]]


class PredictionError(Exception):
    """Raised where an estimator cannot predict, with its error."""

    def __init__(self, error: Exception):
        super().__init__(str(error))
        self.error = error


class Responses(BaseEstimator):
    """Predictions in the form of a fitted estimator whose X is an array of row numbers.

    Scorers of scikit-learn can then predict the rows that they need, for each task, although all
    rows are predicted only once.

    Parameters
    ----------
    task_names_ : list of str
        Names of the tasks.
    classes_ : list of ndarray or None
        The sorted classes of every task; None if its labels are numbers.
    responses : mapping
        A function for each available method, "predict" or "predict_proba", that returns the result
        of the method for all rows.
    """

    def __init__(
        self,
        task_names_: list[str],
        classes_: list[np.ndarray | None],
        responses: Mapping[str, Respond],
    ):
        self.task_names_ = task_names_
        self.classes_ = classes_
        self.responses = responses

    def predict(self, rows: np.ndarray) -> pd.DataFrame:
        """Return the predicted labels of some rows."""
        parts = zip(self.task_names_, self.responses["predict"](), strict=True)
        return pd.DataFrame({name: part[rows] for name, part in parts})

    @available_if(lambda self: "predict_proba" in self.responses)
    def predict_proba(self, rows: np.ndarray) -> list[np.ndarray | None]:
        """Return the predicted probabilities of some rows."""
        parts = self.responses["predict_proba"]()
        return [None if part is None else part[rows] for part in parts]


@dataclass(frozen=True)
class ScoredTask:
    """A task with its labels and predictions.

    Attributes
    ----------
    name : str
        Name of the task.
    labels : Series of shape (n_rows,)
        The labels, some of which may be missing.
    kind : str
        Kind of the task.
    words : str
        Description of the kind for readers of a report.
    metric : str or scorer
        The default metric.
    classes : ndarray or None
        The sorted classes; None if labels are numbers.
    censored : bool
        Whether negative labels are lower bounds.
    view : estimator or None
        View of the task as a classifier or regressor whose X is an array of row numbers; None if
        predictions were passed, but not for this task.
    """

    name: str
    labels: pd.Series
    kind: str = ""
    words: str = ""
    metric: Any = None
    classes: np.ndarray | None = None
    censored: bool = False
    view: Any = None

    @classmethod
    def of(
        cls,
        task: Task,
        name: str,
        labels: pd.Series,
        classes: np.ndarray | None,
        responses: Responses,
    ) -> ScoredTask:
        """Return a task with its predictions among those of all tasks."""
        about = task.kind, task.words, task.metric
        return cls(name, labels, *about, classes, task.censored, task_view(responses, name))

    def coded(self) -> ScoredTask:
        """Replace classes with fractions, which scikit-learn would treat as numbers, by codes."""
        if self.classes is None or not _holds_fractions(self.classes):
            return self
        index, view, rows = pd.Index(self.classes), self.view, np.arange(len(self.labels))
        codes = np.arange(len(index), dtype=np.float64)
        responses: dict[str, Respond] = {
            "predict": lambda: [index.get_indexer(view.predict(rows))]
        }
        if hasattr(view, "predict_proba"):
            responses["predict_proba"] = lambda: [view.predict_proba(rows)]
        labels = pd.Series(index.get_indexer(self.labels.astype(object)), dtype=np.float64)
        return replace(
            self,
            labels=labels.where(self.labels.notna().to_numpy()),
            classes=codes,
            view=task_view(Responses([self.name], [codes], responses), self.name),
        )


def plain_array(labels: pd.Series) -> np.ndarray:
    """Convert labels of any dtype, none missing, to an array of bools, numbers or strings."""
    values = labels.tolist()
    array = np.array(values)
    # numpy converts whole numbers to floats if int64 cannot represent all of them.
    is_long = array.dtype.kind == "f" and all(isinstance(value, int) for value in values)
    return np.array(values, dtype=np.uint64) if is_long and values else array


def _holds_fractions(labels: np.ndarray) -> bool:
    return labels.dtype.kind == "f" and bool((labels != np.round(labels)).any())
