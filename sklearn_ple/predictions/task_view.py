"""One task of a multi-task estimator as a fitted scikit-learn classifier or regressor."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, DTypeLike
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import NotFittedError
from sklearn.metrics import r2_score
from sklearn.utils import Tags, get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ..tables.frames import take_rows, to_pandas
from ..tables.labels import check_type, read_targets
from ..tables.plausibility import warn_of_order
from ..tables.reading import check_in_memory
from ..tables.weights import weigh
from ..tasks import Task, accuracy, find_task, ignore_unit, warn_without_score
from ..utils.checks import check_lengths
from ..utils.constraints import check_arguments
from ..utils.inner import tasks_of

_R2 = ignore_unit(r2_score)


@check_arguments(name=[str])
def task_view(estimator: Any, name: str) -> "TaskClassifierView | TaskRegressorView":
    """Return one task of a fitted estimator as a fitted classifier or regressor.

    This function does the same as the method ``task_view`` of the estimators, but also accepts an
    estimator in a pipeline or a search. The view of a pipeline accepts the X of the pipeline.

    Parameters
    ----------
    estimator : object
        The fitted estimator of this package, alone, as the last step of a pipeline or in a search.
    name : str
        Name of the task.

    Returns
    -------
    view : TaskClassifierView or TaskRegressorView
        A classifier if the task has classes, else a regressor.

    Raises
    ------
    ValueError
        If there is no such task.
    TypeError
        If the estimator does not have tasks like those of this package.

    Examples
    --------
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_ple import PLERegressor, task_view
    >>> from sklearn_ple.datasets import make_multitask
    >>> X, y = make_multitask(200, random_state=0)
    >>> pipeline = make_pipeline(PCA(5), PLERegressor(max_epochs=1)).fit(X, y)
    >>> view = task_view(pipeline, "y0")
    >>> view.predict(X).shape
    (200,)
    """
    is_number = _find_classes(estimator, name) is None
    return (TaskRegressorView if is_number else TaskClassifierView)(estimator, name)


def _find(estimator: Any, name: str) -> int:
    """Return the position of a task."""
    return find_task(name, tasks_of(estimator).task_names_)


def _find_classes(estimator: Any, name: str) -> np.ndarray | None:
    """Return the classes of a task; None for a number."""
    position, classes = _find(estimator, name), tasks_of(estimator).classes_
    return classes[position] if isinstance(classes, list) else classes


def _each(change: Callable[[Any], np.ndarray], response: Any) -> Any:
    """Change a response or, of a dataset, that of each block of rows."""
    return map(change, response) if isinstance(response, Iterator) else change(response)


class _TaskView(BaseEstimator):
    """Base class of the views of a task.

    Parameters
    ----------
    estimator : object
        The fitted estimator of this package, alone, as the last step of a pipeline or in a search.
    task : str
        Name of the task.
    """

    def __init__(self, estimator: Any, task: str):
        self.estimator = estimator
        self.task = task

    def fit(self, X: Any, y: Any = None) -> Any:
        """Raise an error, because a view is fitted together with its estimator.

        Parameters
        ----------
        X : object
            Not used.
        y : object, default=None
            Not used.

        Raises
        ------
        TypeError
            Always.
        """
        raise TypeError(
            f"A view of the task {self.task!r} cannot be fitted: fit its estimator instead. To "
            "pass the view to something that calls fit, such as CalibratedClassifierCV, wrap it "
            "in sklearn.frozen.FrozenEstimator."
        )

    def __sklearn_is_fitted__(self) -> bool:
        try:
            check_is_fitted(self.estimator)
        except NotFittedError:
            return False
        return True

    def __sklearn_tags__(self) -> Tags:
        """Return scikit-learn's tags, with those of the estimator that concern X."""
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self.estimator).input_tags
        return tags

    @property
    def n_features_in_(self) -> int:
        """Number of columns of X."""
        return self.estimator.n_features_in_

    @property
    def feature_names_in_(self) -> np.ndarray:
        """Names of the columns of X, if they are all strings."""
        return self.estimator.feature_names_in_

    def _task(self) -> Task:
        return tasks_of(self.estimator).tasks_[_find(self.estimator, self.task)]

    def _outdated(self, now: str) -> ValueError:
        return ValueError(
            f"The task {self.task!r} {now} since its estimator was fitted again: make a new view."
        )

    def _predict(self, X: Any, dtype: DTypeLike) -> np.ndarray:
        position = _find(self.estimator, self.task)

        def choose(labels: Any) -> np.ndarray:
            labels = to_pandas(labels)
            if labels.ndim == 2:
                columns = labels.iloc if isinstance(labels, pd.DataFrame) else labels
                labels = columns[:, position]
            # An array with several kinds of labels has dtype object; a frame may have any dtype.
            return np.asarray(labels, dtype=dtype)

        return _each(choose, self.estimator.predict(X))

    def _labelled(
        self, X: Any, y: Any, sample_weight: ArrayLike | None
    ) -> tuple[Any, np.ndarray, Any]:
        """Select the rows that have a label with a positive weight."""
        check_in_memory(X)
        labels, _ = read_targets(y)
        if len(labels) > 1:
            raise ValueError(
                f"y has {len(labels)} columns: pass only the labels of the task {self.task!r}."
            )
        check_lengths(X=X, y=labels[0].mask)
        warn_of_order(X=X, y=y, sample_weight=sample_weight)
        labels, weights = weigh(labels, sample_weight)
        rows = np.flatnonzero(labels[0].mask)
        if not len(rows):
            raise ValueError(
                f"Task {self.task!r} has no label in y: pass rows with labels to score it."
            )
        task = self._task()
        check_type(self.task, task.kind, task.classes, labels[0].observed)
        kept = None if sample_weight is None else weights[rows, 0]
        return take_rows(X, rows), labels[0].observed, kept


class TaskClassifierView(ClassifierMixin, _TaskView):
    """View of a task with classes as a fitted classifier; see ``task_view`` of the estimators.

    Parameters
    ----------
    estimator : object
        The fitted estimator of this package, alone, as the last step of a pipeline or in a search.
    task : str
        Name of the task.
    """

    @property
    def classes_(self) -> np.ndarray:
        """The sorted class labels."""
        classes = _find_classes(self.estimator, self.task)
        if classes is None:
            raise self._outdated("is a number")
        return classes

    def predict(self, X: Any) -> np.ndarray:
        """Predict the class labels.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            The labels.
        """
        return self._predict(X, self.classes_.dtype)

    @available_if(lambda view: hasattr(view.estimator, "predict_proba"))
    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict the probabilities of the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            Columns are in the order of ``classes_``.
        """
        position = _find(self.estimator, self.task)

        def choose(response: Any) -> np.ndarray:
            return response[position] if isinstance(response, list) else response

        return _each(choose, self.estimator.predict_proba(X))

    @available_if(lambda view: hasattr(view.estimator, "predict_proba"))
    def decision_function(self, X: Any) -> np.ndarray:
        """Compute scores of the classes, which are logarithms of odds or probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
            With two classes, the log odds of the second class; otherwise the logarithm of the
            probability of each class.
        """

        # The method of the estimator is not used, because it does not exist for several tasks.
        def take_logs(proba: np.ndarray) -> np.ndarray:
            logs = np.log(np.maximum(proba, np.finfo(np.float64).tiny))
            return logs[:, 1] - logs[:, 0] if logs.shape[1] == 2 else logs

        return _each(take_logs, self.predict_proba(X))

    def score(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> float:
        """Compute the accuracy on the rows that have a label.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features.
        y : array-like of shape (n_samples,)
            The labels of the task. NaN, None or NA where there is none.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        score : float
            The accuracy, between 0 and 1.

        Raises
        ------
        ValueError
            If y has several columns, no label, or labels of another kind.
        """
        X, labels, weights = self._labelled(X, y, sample_weight)
        return accuracy(labels, self.predict(X), weights)


class TaskRegressorView(RegressorMixin, _TaskView):
    """View of a task that is a number as a fitted regressor; see ``task_view`` of the estimators.

    Parameters
    ----------
    estimator : object
        The fitted estimator of this package, alone, as the last step of a pipeline or in a search.
    task : str
        Name of the task.
    """

    def predict(self, X: Any) -> np.ndarray:
        """Predict the numbers; for a count the rate, and for survival the median time.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            The numbers, in the units of the labels.
        """
        if _find_classes(self.estimator, self.task) is not None:
            raise self._outdated("has classes")
        return self._predict(X, np.float64)

    def score(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> float:
        """Compute R² on the rows that have a label; for survival, the concordance index.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features.
        y : array-like of shape (n_samples,)
            The labels of the task. NaN, None or NA where there is none.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        score : float
            The score, where greater is better; NaN for a single label.

        Raises
        ------
        ValueError
            If y has several columns, no label, or labels of another kind.

        Warns
        -----
        UndefinedMetricWarning
            If there is only a single label.
        """
        X, labels, weights = self._labelled(X, y, sample_weight)
        if len(labels) < 2:
            warn_without_score(self.task, len(labels))
            return float("nan")
        task = self._task()
        if task.censored:
            return task.score(labels, self.predict(X), weights)
        return float(_R2(labels, self.predict(X), sample_weight=weights))
