"""Each task seen alone: its labels, and what is predicted as a fitted scikit-learn estimator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import Tags, check_consistent_length
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from .._frames import to_pandas


def _gives(method: str) -> Callable:
    return available_if(lambda view: method in view.responses)


class TaskView(BaseEstimator):
    """One task as a fitted estimator that scikit-learn's scorers take; its X are row numbers.

    Parameters
    ----------
    name : str
        Name of the task.
    kind : str
        Kind of the task.
    labels : Series of shape (n_rows,)
        The labels, some of them missing.
    classes_ : ndarray or None
        The sorted classes; None where labels are numbers.
    responses : mapping
        For each method there is, what gives its result for all rows.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        labels: pd.Series,
        classes_: np.ndarray | None,
        responses: Mapping[str, Callable[[], np.ndarray]],
    ):
        self.name = name
        self.kind = kind
        self.labels = labels
        self.classes_ = classes_
        self.responses = responses

    def __sklearn_tags__(self) -> Tags:
        """Say whether it is a classifier or a regressor."""
        tags = super().__sklearn_tags__()
        tags.estimator_type = "regressor" if self.classes_ is None else "classifier"
        return tags

    @_gives("predict")
    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Give the predicted labels of some rows."""
        return self.responses["predict"]()[rows]

    @_gives("predict_proba")
    def predict_proba(self, rows: np.ndarray) -> np.ndarray:
        """Give the predicted probabilities of some rows."""
        return self.responses["predict_proba"]()[rows]

    @_gives("decision_function")
    def decision_function(self, rows: np.ndarray) -> np.ndarray:
        """Give the scores behind the classes of some rows."""
        return self.responses["decision_function"]()[rows]


def view_tasks(estimator_or_y_pred: Any, X: Any, y: Any) -> list[TaskView]:
    """View every task alone, from an estimator or from predictions; see `multitask_scores`."""
    table = _as_table(y)
    if hasattr(estimator_or_y_pred, "predict"):
        return _views_of_estimator(estimator_or_y_pred, X, table, hasattr(y, "columns"))
    return _views_of_predictions(estimator_or_y_pred, table)


def plain_array(labels: pd.Series) -> np.ndarray:
    """Turn labels of any dtype, none missing, into an array of bool, int, float or str."""
    return np.array(labels.tolist())


def _as_table(y: Any) -> pd.DataFrame:
    """Put y of any form into a frame whose columns are named as the estimators name tasks."""
    y = to_pandas(y)
    if not isinstance(y, (pd.DataFrame, pd.Series)):
        # Lists may mix numbers and strings, which numpy would turn into strings all.
        array = np.asarray(y, dtype=object) if isinstance(y, (list, tuple)) else np.asarray(y)
        if array.ndim not in (1, 2):
            raise ValueError(
                "Labels should have the shape (n_samples,) or (n_samples, n_tasks), but theirs "
                f"is {array.shape}."
            )
        y = pd.Series(array) if array.ndim == 1 else pd.DataFrame(array)
    if isinstance(y, pd.Series):
        return y.to_frame("y" if y.name is None else str(y.name))
    return y.set_axis([f"y{c}" if isinstance(c, int) else str(c) for c in y.columns], axis=1)


def _views_of_estimator(estimator: Any, X: Any, y: pd.DataFrame, named: bool) -> list[TaskView]:
    fitted = _knower_of_tasks(estimator)
    names = fitted.task_names_
    classes = fitted.classes_ if isinstance(fitted.classes_, list) else [fitted.classes_]
    # An estimator fitted on an array has made up its names.
    made_up = names in (["y"], [f"y{position}" for position in range(len(names))])
    if y.shape[1] != len(names) or (named and not made_up and list(y.columns) != names):
        raise ValueError(
            f"y has the tasks {list(y.columns)}, but the estimator was fitted with {names}: give "
            "y these columns, in this order."
        )
    check_consistent_length(X, y)

    @cache
    def respond(method: str) -> list[Any]:
        response = getattr(estimator, method)(X)
        if method == "predict":
            table = _as_table(response)
            return [plain_array(table.iloc[:, k]) for k in range(len(names))]
        return response if isinstance(response, list) else [response]

    def respond_for(position: int, method: str) -> np.ndarray:
        return respond(method)[position]

    views = []
    for k, (name, own) in enumerate(zip(names, classes, strict=True)):
        methods = ["predict"]
        if own is not None:
            methods += [m for m in ("predict_proba", "decision_function") if hasattr(estimator, m)]
            own = plain_array(pd.Series(own))
        responses = {method: partial(respond_for, k, method) for method in methods}
        views.append(TaskView(name, fitted.task_types_[name], y.iloc[:, k], own, responses))
    return views


def _knower_of_tasks(estimator: Any) -> Any:
    """Find the fitted estimator that knows the tasks: in a pipeline, in a search."""
    check_is_fitted(estimator)
    while not hasattr(estimator, "task_names_"):
        if isinstance(estimator, Pipeline):
            estimator = estimator[-1]
        elif hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        else:
            raise TypeError(
                f"{type(estimator).__name__} does not say which tasks it learnt: it has no "
                "task_names_. Give its predictions in its place."
            )
    return estimator


def _views_of_predictions(y_pred: Any, y: pd.DataFrame) -> list[TaskView]:
    is_list = isinstance(y_pred, (list, tuple))
    if is_list and any(part is None or np.ndim(part) == 2 for part in y_pred):
        parts: Sequence[Any] = [None if p is None else np.asarray(p) for p in y_pred]
    elif y.shape[1] == 1 and np.ndim(y_pred) == 2 and np.shape(y_pred)[1] > 1:
        parts = [np.asarray(y_pred)]
    else:
        table = _as_table(y_pred)
        parts = [table.iloc[:, position] for position in range(table.shape[1])]
    if len(parts) != y.shape[1]:
        raise ValueError(
            f"There are predictions of {len(parts)} tasks, but y has {y.shape[1]}: "
            f"{list(y.columns)}. Give one for each, or None in a list."
        )
    views = []
    for name, part in zip(y.columns, parts, strict=True):
        if part is None:
            continue
        check_consistent_length(part, y)
        if part.ndim == 2:
            views.append(_view_of_probabilities(name, y[name], part))
        else:
            views.append(_view_of_labels(name, y[name], plain_array(pd.Series(part))))
    return views


def _view_of_probabilities(name: str, labels: pd.Series, proba: np.ndarray) -> TaskView:
    declared = isinstance(labels.dtype, pd.CategoricalDtype)
    held = np.unique(plain_array(labels.cat.categories if declared else labels.dropna()))
    n_classes = proba.shape[1]
    known = len(held) == n_classes
    classes = held if known else np.arange(n_classes)

    def respond(response: Callable[[], np.ndarray]) -> np.ndarray:
        # Only now: without labels, nobody asks.
        if not known:
            raise ValueError(
                f"there are probabilities of {n_classes} classes, but y holds {len(held)}: "
                f"{held.tolist()[:20]}. Make its column categorical, with all classes, or give "
                "the estimator in place of the probabilities."
            )
        return response()

    responses = {
        "predict": partial(respond, lambda: classes[proba.argmax(axis=1)]),
        "predict_proba": partial(respond, lambda: proba),
    }
    kind = "binary" if n_classes == 2 else "multiclass"
    return TaskView(name, kind, labels, classes, responses)


def _view_of_labels(name: str, labels: pd.Series, predicted: np.ndarray) -> TaskView:
    observed = plain_array(labels.dropna())
    fractions = any(
        part.dtype.kind == "f" and np.any(part != np.round(part)) for part in (observed, predicted)
    )
    classes = None if fractions else np.unique(np.concatenate([observed, predicted]))
    kind = "regression" if classes is None else "binary" if len(classes) <= 2 else "multiclass"
    return TaskView(name, kind, labels, classes, {"predict": lambda: predicted})
