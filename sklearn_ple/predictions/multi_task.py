"""What all fitted models of several tasks offer: labels, probabilities, scores, single tasks."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils import ClassifierTags, Tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ..encoding.targets import TargetEncoder
from ..tables.labels import Labels
from ..tables.weights import weigh
from ..tasks import Task, warn_without_score
from ..utils.constraints import LISTED, check_arguments
from .task_view import TaskClassifierView, TaskRegressorView, task_view


def with_tasks(family: str, suits: Callable[[Task], bool]) -> Any:
    """Decorate a method that only estimators with a suitable task have.

    Before fit, these are the estimators that accept tasks of the family, "class" or "number".
    """

    def has_method(estimator: Any) -> bool:
        if not hasattr(estimator, "tasks_"):
            return estimator.family in (family, None)
        return any(map(suits, estimator.tasks_))

    return available_if(has_method)


with_classes = with_tasks("class", lambda task: task.has_classes)
with_numbers = with_tasks("number", lambda task: not task.has_classes)


def index_of(X: Any) -> pd.Index | None:
    """Return the index of the predictions for X: that of X, if it is a data frame of pandas."""
    return X.index if isinstance(X, pd.DataFrame) else None


class MultiTaskModel(BaseEstimator):
    """Base class of the estimators of several tasks: what a fitted one offers.

    A subclass learns the tasks with a `TargetEncoder`, passes it to `_set_tasks`, and implements
    `_predict_tasks`.
    """

    #: Tasks that the estimator accepts: "class", "number", or None for all kinds.
    family: str | None = None

    @property
    @abstractmethod
    def _targets(self) -> TargetEncoder:
        """The encoder of the targets, with the fitted tasks."""

    @abstractmethod
    def _predict_tasks(self, X: Any) -> list[np.ndarray]:
        """Predict each task.

        Returns
        -------
        list of ndarray of shape (n_rows, n_classes) or (n_rows,)
            For each task the probabilities of its classes, or the numbers.
        """

    def _set_tasks(self, targets: TargetEncoder) -> None:
        """Set the public attributes that describe the tasks."""
        classes = [task.classes for task in targets.tasks]
        self.tasks_ = list(targets.tasks)
        self.task_names_ = targets.names
        self.ignored_targets_ = list(targets.form.ignored)
        self.task_types_ = {task.name: task.kind for task in targets.tasks}
        self.classes_ = classes[0] if targets.form.ndim == 1 else classes

    def _predict_labels(self, X: Any) -> list[np.ndarray]:
        """Predict the labels of each task: the most probable class, or the number."""
        return [
            task.classes[part.argmax(axis=1)] if task.has_classes else part
            for task, part in zip(self.tasks_, self._predict_tasks(X), strict=True)
        ]

    def _by_task(self, results: list[Any]) -> Any:
        """Return the results of the tasks, which are a single one for a 1-D y."""
        return results[0] if self._targets.form.ndim == 1 else results

    def _join_labels(self, labels: Sequence[np.ndarray], positions: Sequence[int], X: Any) -> Any:
        """Join the labels of some tasks in the form of y, given those of all."""
        tasks, chosen = [self.tasks_[k] for k in positions], [labels[k] for k in positions]
        return self._targets.form.take(positions).assemble(tasks, chosen, index_of(X))

    @check_arguments(tasks=[LISTED, None])
    def predict(self, X: Any, *, tasks: Sequence[str] | None = None) -> Any:
        """Predict the label of every task.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features.
        tasks : sequence of str, default=None
            Names of the tasks to return. The result has a column for each, in this order. None
            returns all tasks.

        Returns
        -------
        y : ndarray or DataFrame of shape (n_samples, n_tasks) or (n_samples,)
            The labels, in the form that y had in fit: class labels, and numbers in their units. A
            data frame has the columns and dtypes of y (except that fractions stay floats) and the
            index of X.

        Raises
        ------
        ValueError
            If there is no such task, or if one is named twice.
        """
        check_is_fitted(self)
        positions = self._targets.positions(tasks)
        return self._join_labels(self._predict_labels(X), positions, X)

    @with_classes
    def predict_proba(self, X: Any) -> Any:
        """Predict the probabilities of the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes), or list of these
            The columns are in the order of ``classes_``. For a y with several columns, a list in
            the order of the tasks, with None for a task without classes.
        """
        check_is_fitted(self)
        return self._by_task(self._predict_classes(X))

    def _predict_classes(self, X: Any) -> list[np.ndarray | None]:
        """Predict the probabilities of each task; None for a task without classes."""
        pairs = zip(self.tasks_, self._predict_tasks(X), strict=True)
        return [part if task.has_classes else None for task, part in pairs]

    @with_classes
    @check_arguments(tasks=[LISTED, None])
    def predict_proba_frame(self, X: Any, *, tasks: Sequence[str] | None = None) -> pd.DataFrame:
        """Predict the probabilities of the classes of all tasks, as one data frame.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features.
        tasks : sequence of str, default=None
            Names of the tasks to return, in this order; None for all that have classes.

        Returns
        -------
        probabilities : DataFrame of shape (n_samples, sum of n_classes)
            A column for each class of each task. The column index has two levels, ``"task"`` and
            ``"class"``, so that ``probabilities["income"]`` is the table of one task. Classes are
            in the order of ``classes_``, except for ordinal tasks, whose classes are in ascending
            order. The index is that of X.

        Raises
        ------
        ValueError
            If there is no such task, if one is named twice, or if one has no classes.
        """
        check_is_fitted(self)
        positions = self._targets.positions(tasks)
        if tasks is None:
            positions = [k for k in positions if self.tasks_[k].has_classes]
        if numbers := [self.task_names_[k] for k in positions if not self.tasks_[k].has_classes]:
            raise ValueError(f"tasks names {numbers}, which have no classes: leave them out.")
        parts = self._predict_classes(X)
        shown: list[Any] = [(self.tasks_[k], parts[k]) for k in positions]
        frames = {
            task.name: pd.DataFrame(part[:, task.order], index_of(X), task.classes[task.order])
            for task, part in shown
        }
        return pd.concat(frames, axis=1, names=["task", "class"])

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Compute the mean over the tasks of accuracy (classes) or R² (numbers).

        For tasks of kind "quantile" and "huber", D² is used instead of R²: the share of the
        absolute error that is explained. For "survival" it is the concordance index.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features.
        y : {array-like, DataFrame} of shape (n_samples, n_tasks) or (n_samples,)
            The labels. Missing labels are skipped, and so are tasks whose score is undefined.
        sample_weight : array-like of shape (n_samples,) or (n_samples, n_tasks), default=None
            Weights of the rows, or of every single label.

        Returns
        -------
        score : float
            The score, where greater is better; NaN if no task has a score.

        Raises
        ------
        ValueError
            If y has no label at all.

        Warns
        -----
        UndefinedMetricWarning
            If a task has too few labels for its score, such as a number with a single label.
        """
        check_is_fitted(self)
        predicted = self._predict_labels(X)
        labels = self._targets.read(y, predicted[0], X, sample_weight)
        return self._score(predicted, labels, sample_weight)

    def _score(
        self, predicted: Sequence[np.ndarray], labels: Sequence[Labels], sample_weight: Any
    ) -> float:
        """Compute the mean score of the predicted labels of all tasks."""
        labels, weights = weigh(labels, sample_weight)
        if not any(len(column.observed) for column in labels):
            raise ValueError("y has no label at all: pass rows with labels to compute a score.")
        scores = self._targets.score(predicted, labels, weights)
        for column, score in zip(labels, scores, strict=True):
            # A task without labels is skipped without a warning: y may be meant for other tasks.
            if np.isnan(score) and len(column.observed):
                warn_without_score(column.name, len(column.observed))
        defined = [score for score in scores if not np.isnan(score)]
        return float(np.mean(defined)) if defined else float("nan")

    @check_arguments(name=[str])
    def task_view(self, name: str) -> TaskClassifierView | TaskRegressorView:
        """Return one task as a fitted classifier or regressor.

        The view can be used with tools of scikit-learn that expect a single target: calibration,
        thresholds, partial dependence, displays, importances and ensembles. If such a tool calls
        ``fit``, wrap the view in :class:`sklearn.frozen.FrozenEstimator`. The view refers to this
        estimator and does not copy it: if the estimator is fitted again, the view predicts with
        the new fit. For an estimator in a pipeline or a search, use
        :func:`sklearn_ple.task_view`.

        Parameters
        ----------
        name : str
            Name of the task, one of ``task_names_``.

        Returns
        -------
        view : TaskClassifierView or TaskRegressorView
            A classifier if the task has classes, else a regressor, which includes counts. It
            accepts the same X, and has the methods ``predict`` and ``score``; the latter skips
            rows without a label. A classifier also has ``classes_``, ``predict_proba`` and
            ``decision_function``, which returns the log odds of the second of two classes, or the
            logarithm of the probability of each class.

        Raises
        ------
        ValueError
            If there is no such task.
        """
        check_is_fitted(self)
        return task_view(self, name)

    def __sklearn_tags__(self) -> Tags:
        """Return the tags of scikit-learn, which state what data the estimator accepts."""
        tags = super().__sklearn_tags__()
        if tags.classifier_tags is None and self.family is None:
            tags.classifier_tags = ClassifierTags()
        tags.target_tags.required = tags.target_tags.multi_output = True
        tags.input_tags.sparse = tags.input_tags.allow_nan = True
        tags.input_tags.string = tags.input_tags.categorical = True
        return tags
