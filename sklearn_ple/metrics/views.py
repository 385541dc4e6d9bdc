"""The labels and the predictions of each task separately, for scikit-learn's scorers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils import check_consistent_length
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ..encoding import (
    as_frame,
    check_in_memory,
    check_type,
    check_unique,
    numbers_are_classes,
    to_pandas,
    warn_of_order,
)
from ..predictions import task_view, tasks_of
from ..tasks import TASK_KINDS, Task

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


def scored_tasks(estimator_or_y_pred: Any, X: Any, y: Any) -> list[ScoredTask]:
    """Return each task with its predictions, by an estimator or given; see `multitask_scores`."""
    check_in_memory(X)
    if y is None:
        raise ValueError("y is None, but labels are needed for scores: pass y.")
    table = as_frame(y)
    check_unique("y", list(table.columns))
    warn_of_order(X=X, y=y)
    # A data frame may have a column of such a name.
    is_frame = hasattr(estimator_or_y_pred, "columns")
    if not is_frame and hasattr(estimator_or_y_pred, "predict"):
        return _tasks_of_estimator(estimator_or_y_pred, X, table, hasattr(y, "columns"))
    if not is_frame and hasattr(estimator_or_y_pred, "fit"):
        raise TypeError(
            f"{type(estimator_or_y_pred).__name__} cannot predict: pass an estimator that can, or "
            "predictions. A search needs refit=True."
        )
    warn_of_order(y_pred=estimator_or_y_pred, y=y)
    return _tasks_of_predictions(estimator_or_y_pred, table, hasattr(y, "columns"))


def plain_array(labels: pd.Series) -> np.ndarray:
    """Convert labels of any dtype, none missing, to an array of bools, numbers or strings."""
    values = labels.tolist()
    array = np.array(values)
    # numpy converts whole numbers to floats if int64 cannot represent all of them.
    is_long = array.dtype.kind == "f" and all(isinstance(value, int) for value in values)
    return np.array(values, dtype=np.uint64) if is_long and values else array


def _holds_fractions(labels: np.ndarray) -> bool:
    return labels.dtype.kind == "f" and bool((labels != np.round(labels)).any())


def _tasks_of_estimator(estimator: Any, X: Any, y: pd.DataFrame, named: bool) -> list[ScoredTask]:
    check_is_fitted(estimator)
    fitted = tasks_of(estimator)
    names, ignored = fitted.task_names_, getattr(fitted, "ignored_targets_", [])
    n_columns = len(names) + len(ignored)
    kept = [k for k in range(n_columns) if k not in ignored]
    if y.shape[1] == n_columns:
        y = y.iloc[:, kept]
    # The names of the tasks are made up if the estimator was fitted on an array.
    made_up = names in (["y"], [f"y{k}" for k in kept])
    if y.shape[1] != len(names) or (named and not made_up and list(y.columns) != names):
        raise ValueError(
            f"y has the tasks {list(y.columns)}, but the estimator was fitted with {names}: pass "
            "a y with these columns, in this order."
        )
    check_consistent_length(X, y)

    @cache
    def respond(method: str) -> list[Any]:
        try:
            response = getattr(estimator, method)(X)
        except Exception as error:
            raise PredictionError(error) from error
        if method == "predict":
            table = as_frame(response)
            return [plain_array(table.iloc[:, k]) for k in range(len(names))]
        return response if isinstance(response, list) else [response]

    tasks = fitted.tasks_
    classes = [None if t.classes is None else plain_array(pd.Series(t.classes)) for t in tasks]
    methods = [m for m in ("predict", "predict_proba") if hasattr(estimator, m)]
    responses = Responses(names, classes, {method: partial(respond, method) for method in methods})
    columns = [y.iloc[:, k] for k in range(len(names))]
    for task, name, labels, own in zip(tasks, names, columns, classes, strict=True):
        # One label shows the type; the metric reads all of them.
        check_type(name, task.kind, own, plain_array(labels.dropna().iloc[:1]))
    return [
        ScoredTask.of(task, name, labels, own, responses)
        for task, name, labels, own in zip(tasks, names, columns, classes, strict=True)
    ]


def _tasks_of_predictions(y_pred: Any, y: pd.DataFrame, named: bool) -> list[ScoredTask]:
    is_list = isinstance(y_pred, (list, tuple))
    if is_list and any(part is None or np.ndim(part) == 2 for part in y_pred):
        parts: Sequence[Any] = y_pred
    elif _is_proba_frame(y_pred):
        parts = _parts_of_proba_frame(y_pred, list(y.columns))
    elif y.shape[1] == 1 and np.ndim(y_pred) == 2 and np.shape(y_pred)[1] > 1:
        parts = [y_pred]
    else:
        table = as_frame(y_pred, "y_pred")
        if named and _names_columns(y_pred):
            table = _in_order_of(y, table)
        parts = [table.iloc[:, position] for position in range(table.shape[1])]
    if len(parts) != y.shape[1]:
        raise ValueError(
            f"There are predictions of {len(parts)} tasks, but y has {y.shape[1]}: "
            f"{list(y.columns)}. Pass predictions of each, or a list with None for tasks without."
        )
    tasks = []
    for name, part in zip(y.columns, parts, strict=True):
        if part is None:
            tasks.append(ScoredTask(name, y[name]))
            continue
        check_consistent_length(part, y)
        if np.ndim(part) == 2:
            tasks.append(_task_of_probabilities(name, y[name], part))
        else:
            tasks.append(_task_of_labels(name, y[name], plain_array(pd.Series(part))))
    return tasks


def _is_proba_frame(y_pred: Any) -> bool:
    """Return whether predictions are of `predict_proba_frame`."""
    return isinstance(y_pred, pd.DataFrame) and list(y_pred.columns.names) == ["task", "class"]


def _parts_of_proba_frame(proba: pd.DataFrame, names: list[str]) -> list[pd.DataFrame | None]:
    """Return the probabilities of each task, by name; None for a task that is not there."""
    there = list(proba.columns.unique("task"))
    if not set(there) <= set(names):
        raise ValueError(
            f"y has the tasks {names}, but there are probabilities of {there}: pass a y with "
            "these columns."
        )
    return [proba[name] if name in there else None for name in names]


def _in_order_of(y: pd.DataFrame, y_pred: pd.DataFrame) -> pd.DataFrame:
    """Return predictions in the order of y; if no name is one of y, the order stays."""
    names, predicted = list(y.columns), list(y_pred.columns)
    if set(names) == set(predicted):
        return y_pred[names]
    if set(names) & set(predicted):
        raise ValueError(
            f"y has the tasks {names}, but there are predictions of {predicted}: pass a y with "
            "these columns."
        )
    return y_pred


def sorted_by_class(proba: Any, observed: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the probabilities of the sorted classes, and these classes if columns name them.

    Parameters
    ----------
    proba : {array-like, DataFrame} of shape (n_rows, n_classes)
        The probabilities. The columns of a data frame name classes if all observed labels are
        among them, as in ``predict_proba_frame``.
    observed : ndarray
        Labels that are classes.

    Returns
    -------
    proba : ndarray of shape (n_rows, n_classes)
        The probabilities.
    classes : ndarray of shape (n_classes,) or None
        The classes.
    """
    proba = to_pandas(proba)
    if isinstance(proba, pd.DataFrame) and _names_columns(proba):
        # The upper level of predict_proba_frame is the task.
        classes = plain_array(pd.Series(proba.columns.get_level_values(-1)))
        if set(observed.tolist()) <= set(classes.tolist()):
            order = np.argsort(classes)
            return proba.to_numpy(dtype=np.float64)[:, order], classes[order]
    return np.asarray(proba, dtype=np.float64), None


def _names_columns(table: Any) -> bool:
    """Return whether a table has names of columns, which are not only counted."""
    if not hasattr(table, "columns"):
        return False
    columns = table.columns
    # pandas may store names such as 1 and 0 as a range, too.
    return not isinstance(columns, pd.RangeIndex) or (columns.start, columns.step) != (0, 1)


def _task_of_probabilities(name: str, labels: pd.Series, proba: Any) -> ScoredTask:
    declared = isinstance(labels.dtype, pd.CategoricalDtype)
    held = np.unique(plain_array(labels.cat.categories if declared else labels.dropna()))
    proba, named = sorted_by_class(proba, held)
    held = held if named is None else named
    n_classes = proba.shape[1]
    known = len(held) == n_classes
    classes = held if known else np.arange(n_classes)

    def respond(response: Respond) -> list[Any]:
        # Checked here, because a task without labels is not scored and needs no predictions.
        if not known:
            raise ValueError(
                f"there are probabilities of {n_classes} classes, but y contains {len(held)}: "
                f"{held.tolist()[:20]}. Make its column categorical, with all classes, or pass "
                "the estimator instead of the probabilities."
            )
        return response()

    responses = {
        "predict": partial(respond, lambda: [classes[proba.argmax(axis=1)]]),
        "predict_proba": partial(respond, lambda: [proba]),
    }
    kind = "binary" if n_classes == 2 else "multiclass"
    return _predicted_task(name, kind, labels, classes, responses)


def _task_of_labels(name: str, labels: pd.Series, predicted: np.ndarray) -> ScoredTask:
    observed = plain_array(labels.dropna())
    declared = isinstance(labels.dtype, pd.CategoricalDtype)
    distinct = np.unique(np.concatenate([observed, predicted]))
    may_be_number = not declared and distinct.dtype.kind in "iuf"
    classes = None if may_be_number and not numbers_are_classes(distinct) else distinct
    kind = "regression" if classes is None else "binary" if len(classes) <= 2 else "multiclass"
    return _predicted_task(name, kind, labels, classes, {"predict": lambda: [predicted]})


def _predicted_task(
    name: str,
    kind: str,
    labels: pd.Series,
    classes: np.ndarray | None,
    responses: Mapping[str, Respond],
) -> ScoredTask:
    task = TASK_KINDS[kind]()
    task.classes = classes
    return ScoredTask.of(task, name, labels, classes, Responses([name], [classes], responses))
