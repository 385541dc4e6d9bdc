"""The tasks to score, read from an estimator or from predictions that are passed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from ..tables.files.columns import read_labels
from ..tables.frames import is_dataset, refuse_unread, to_pandas
from ..tables.labels import Labels, as_frame, check_type, numbers_are_classes
from ..tables.plausibility import warn_of_order
from ..tables.weights import read_weights
from ..tasks import TASK_KINDS
from ..utils.checks import check_lengths, check_unique
from ..utils.inner import tasks_of
from .views import PredictionError, Respond, ScoredTask, to_plain_array


def read_tasks(
    estimator_or_y_pred: Any, X: Any, y: Any, sample_weight: ArrayLike | None = None
) -> list[ScoredTask]:
    """Return each task with its predictions; the arguments are those of `multitask_scores`."""
    if y is None:
        raise ValueError("y is None, but labels are needed for scores: pass y.")
    # Steps of a pipeline may read a list of texts, which the network itself takes for paths.
    from_files = is_dataset(X) and (
        not isinstance(X, (list, tuple)) or hasattr(estimator_or_y_pred, "_predict_blocks")
    )
    if from_files:
        y, sample_weight = read_labels(X, y, sample_weight)
    refuse_unread(X)
    table = as_frame(y)
    check_unique("y", list(table.columns))
    warn_of_order(X=X, y=y)
    # A data frame may have a column of such a name.
    is_frame = hasattr(estimator_or_y_pred, "columns")
    if not is_frame and hasattr(estimator_or_y_pred, "predict"):
        tasks = _tasks_of_estimator(
            estimator_or_y_pred, X, table, hasattr(y, "columns"), from_files
        )
    elif not is_frame and hasattr(estimator_or_y_pred, "fit"):
        raise TypeError(
            f"{type(estimator_or_y_pred).__name__} cannot predict: pass an estimator that can, or "
            "predictions. A search needs refit=True."
        )
    else:
        warn_of_order(y_pred=estimator_or_y_pred, y=y)
        tasks = _tasks_of_predictions(estimator_or_y_pred, table, hasattr(y, "columns"))
    if sample_weight is None:
        return tasks
    warn_of_order(y=tasks[0].labels, sample_weight=sample_weight)
    weights = read_weights(sample_weight, len(table), [task.name for task in tasks])
    return [replace(task, weights=of_task) for task, of_task in zip(tasks, weights.T, strict=True)]


def _tasks_of_estimator(
    estimator: Any, X: Any, y: pd.DataFrame, named: bool, from_files: bool
) -> list[ScoredTask]:
    check_is_fitted(estimator)
    fitted = tasks_of(estimator)
    names, ignored = fitted.task_names_, getattr(fitted, "ignored_targets_", [])
    n_columns = len(names) + len(ignored)
    kept = [k for k in range(n_columns) if k not in ignored]
    if y.shape[1] == n_columns:
        y = y.iloc[:, kept]
    # The names of the tasks are made up if the estimator was fitted on an array. A frame with some
    # of these names must have all of them in their order.
    made_up = names in (["y"], [f"y{k}" for k in kept]) and not set(names) & set(y.columns)
    if y.shape[1] != len(names) or (named and not made_up and list(y.columns) != names):
        raise ValueError(
            f"y has the tasks {list(y.columns)}, but the estimator was fitted with {names}: pass "
            "a y with these columns, in this order."
        )
    if not from_files:
        check_lengths(X=X, y=y)

    @cache
    def respond(method: str) -> list[Any]:
        try:
            response = getattr(estimator, method)(X)
            blocks = response if from_files else [response]
            tasks = zip(*(_split(block, method) for block in blocks), strict=True)
        except Exception as error:
            raise PredictionError(error) from error
        return [None if of_task[0] is None else np.concatenate(of_task) for of_task in tasks]

    methods = [m for m in ("predict", "predict_proba") if hasattr(estimator, m)]
    tasks = []
    for k, (name, task) in enumerate(zip(names, fitted.tasks_, strict=True)):
        labels = y.iloc[:, k]
        classes = None if task.classes is None else to_plain_array(pd.Series(task.classes))
        check_type(name, task.kind, classes, Labels.read(name, labels).observed)
        responses = {method: lambda method=method, k=k: respond(method)[k] for method in methods}
        tasks.append(ScoredTask(name, labels, task, classes, responses))
    return tasks


def _split(response: Any, method: str) -> list[Any]:
    """Return the part of each task of what a method returned."""
    if method == "predict":
        table = as_frame(response)
        return [to_plain_array(table.iloc[:, k]) for k in range(table.shape[1])]
    return response if isinstance(response, list) else [response]


def _tasks_of_predictions(y_pred: Any, y: pd.DataFrame, named: bool) -> list[ScoredTask]:
    is_list = isinstance(y_pred, (list, tuple))
    if is_list and any(part is None or np.ndim(part) == 2 for part in y_pred):
        parts: Sequence[Any] = y_pred
    elif isinstance(y_pred, pd.DataFrame) and y_pred.columns.names == ["task", "class"]:
        # Those of `predict_proba_frame`.
        named_parts = {name: y_pred[name] for name in y_pred.columns.unique("task")}
        parts = _in_order_of(y, named_parts, "probabilities")
    else:
        table = as_frame(y_pred, "estimator_or_y_pred")
        parts = [table.iloc[:, position] for position in range(table.shape[1])]
        if y.shape[1] == 1 and len(parts) > 1:
            # They are probabilities.
            parts = [y_pred]
        # If no name is one of y, the order stays.
        elif named and _names_columns(y_pred) and set(table.columns) & set(y.columns):
            check_unique("estimator_or_y_pred", list(table.columns))
            parts = _in_order_of(y, dict(zip(table.columns, parts, strict=True)), "predictions")
    if len(parts) != y.shape[1]:
        raise ValueError(
            f"estimator_or_y_pred has predictions of {len(parts)} tasks, but y has {y.shape[1]}: "
            f"{list(y.columns)}. Pass predictions of each, or a list with None for tasks without."
        )
    return [_task_of(name, y[name], part) for name, part in zip(y.columns, parts, strict=True)]


def _task_of(name: str, labels: pd.Series, part: Any) -> ScoredTask:
    """Return a task with the predictions that are passed for it."""
    if part is None:
        return ScoredTask(name, labels)
    check_lengths(estimator_or_y_pred=part, y=labels)
    # This rejects numbers beside strings, which NumPy would turn into strings, too.
    Labels.read(name, labels)
    read = _read_probabilities if np.ndim(part) == 2 else _read_labels
    kind, classes, responses = read(name, labels, part)
    task = TASK_KINDS[kind]()
    task.classes = classes
    return ScoredTask(name, labels, task, classes, responses)


def _in_order_of(y: pd.DataFrame, parts: Mapping[str, Any], what: str) -> list[Any]:
    """Return predictions in the order of y; probabilities may lack tasks, whose part is None."""
    names, predicted = list(y.columns), list(parts)
    extra, lacking = set(predicted) - set(names), set(names) - set(predicted)
    if extra or (lacking and what != "probabilities"):
        raise ValueError(
            f"y has the tasks {names}, but there are {what} of {predicted}: pass a y with these "
            "columns."
        )
    return [parts.get(name) for name in names]


def sort_by_class(proba: Any, observed: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
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
        classes = to_plain_array(pd.Series(proba.columns.get_level_values(-1)))
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


def _read_probabilities(
    name: str, labels: pd.Series, proba: Any
) -> tuple[str, np.ndarray, dict[str, Respond]]:
    """Return the kind of a task, its classes, and its predictions, given its probabilities."""
    declared = isinstance(labels.dtype, pd.CategoricalDtype)
    held = np.unique(to_plain_array(labels.cat.categories if declared else labels.dropna()))
    proba, named = sort_by_class(proba, held)
    held = held if named is None else named
    n_classes = proba.shape[1]
    known = len(held) == n_classes
    classes = held if known else np.arange(n_classes)

    def respond() -> np.ndarray:
        # Checked here, because a task without labels is not scored and needs no predictions.
        if not known:
            raise ValueError(
                f"there are probabilities of {n_classes} classes, but y contains {len(held)}: "
                f"{held.tolist()[:20]}. Make its column categorical, with all classes, or pass "
                "the estimator instead of the probabilities."
            )
        return proba

    responses = {"predict": lambda: classes[respond().argmax(axis=1)], "predict_proba": respond}
    return "binary" if n_classes == 2 else "multiclass", classes, responses


def _read_labels(
    name: str, labels: pd.Series, predictions: Any
) -> tuple[str, np.ndarray | None, dict[str, Respond]]:
    """Return the kind of a task, its classes, and its predictions, given its labels."""
    y_pred = pd.Series(predictions)
    there = y_pred.notna().to_numpy()
    if n_lacking := np.count_nonzero(~there & labels.notna().to_numpy()):
        raise ValueError(
            f"estimator_or_y_pred lacks predictions of task {name!r} in rows with a label, "
            f"{n_lacking} in all: predict these rows, too, or leave them out of both."
        )
    # Rows without a label are not scored: without a prediction, they may have any value.
    given = to_plain_array(y_pred[there])
    predicted = np.zeros(len(there), dtype=given.dtype)
    predicted[there] = given
    every = np.concatenate([to_plain_array(labels.dropna()), given])
    distinct = np.unique(every)
    may_be_number = distinct.dtype.kind in "iuf"
    may_be_number &= not isinstance(labels.dtype, pd.CategoricalDtype)
    classes = None if may_be_number and not numbers_are_classes(every) else distinct
    kind = "regression" if classes is None else "binary" if len(classes) <= 2 else "multiclass"
    return kind, classes, {"predict": lambda: predicted}
