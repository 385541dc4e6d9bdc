"""What all fitted models of several tasks offer: labels, probabilities, draws, scores."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils import ClassifierTags, Tags, check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ..encoding.prerequisites import Prerequisites
from ..encoding.targets import TargetEncoder
from ..tables.reading import check_in_memory
from ..tables.weights import weigh
from ..tasks import Task, warn_without_score
from ..utils.constraints import BETWEEN_0_AND_1, COUNT, LISTED, check_arguments
from ..utils.types import RandomStateLike
from .blocks import by_blocks
from .copula import Copula
from .errors import warn_of_few_labels
from .joint import Distributions, Joint, read_known, split_level
from .margins import lacks_order
from .task_view import TaskClassifierView, TaskRegressorView, task_view


def with_tasks(family: str, suits: Callable[[Task], bool]) -> Any:
    """Decorate a method that only estimators with a suitable task have.

    Before fit, these are the estimators that accept tasks of the family, "class" or "number".
    """

    def has_method(estimator: "MultiTaskModel") -> bool:
        if not hasattr(estimator, "tasks_"):
            return estimator.family in (family, None)
        return any(map(suits, estimator.tasks_))

    return available_if(has_method)


with_classes = with_tasks("class", lambda task: task.has_classes)
with_numbers = with_tasks("number", lambda task: not task.has_classes)


def index_of(X: object) -> pd.Index | None:
    """Return the index of the predictions for X: that of X, if it is a data frame of pandas."""
    return X.index if isinstance(X, pd.DataFrame) else None


class MultiTaskModel(BaseEstimator, ABC):
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
        return self._choose_labels(self._predict_tasks(X))

    def _choose_labels(self, parts: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the most probable class, or the number, of the predictions of each task."""
        return [
            task.classes[part.argmax(axis=1)] if task.has_classes else part
            for task, part in zip(self.tasks_, parts, strict=True)
        ]

    # -- the joint distribution of the tasks ------------------------------------------------------

    @property
    def _copula(self) -> Copula | None:
        """How the tasks depend on each other; None if this has not been learnt."""
        return None

    @property
    def _prerequisites(self) -> Prerequisites:
        """Which events require others."""
        return Prerequisites(None, self.tasks_)

    def _predict_distributions(self, X: Any) -> Distributions:
        """Predict the distribution of each task by itself."""
        raise NotImplementedError

    def _join_tasks(self, X: Any, known: Any, distributions: Distributions | None = None) -> Joint:
        """Return the joint distribution of the tasks for rows of X, given known labels.

        ``distributions`` are those of the tasks by themselves, if they are predicted already.
        """
        copula = self._learnt_copula()
        check_in_memory(X)
        distributions = self._predict_distributions(X) if distributions is None else distributions
        shape = len(distributions.predictions[0]), len(self.tasks_)
        codes = np.full(shape, np.nan)
        if known is not None:
            codes = read_known(self._targets, self._prerequisites, known, X, shape[0])
        return Joint(self.tasks_, distributions, copula, self._prerequisites, codes)

    def _learnt_copula(self, kind: type[Exception] = ValueError) -> Copula:
        """Return how the tasks depend on each other, after a check that it is known."""
        check_is_fitted(self)
        if (copula := self._copula) is None:
            raise kind(
                "How the tasks depend on each other is learnt from rows that the model was not "
                "trained on, and there were none, or fit was interrupted before: fit a network "
                "with early_stopping=True, or any other model in a blend, as "
                "BlendClassifierRegressor([('model', model)])."
            )
        return copula

    @property
    def dependence_(self) -> pd.DataFrame:
        """How strongly each two tasks still go together once the features are known.

        A data frame of shape (n_tasks, n_tasks), of correlations between -1 and 1. Those with
        three or more classes without an order have no sign. NaN for tasks whose errors are not
        known.
        """
        copula, names = self._learnt_copula(AttributeError), self._targets.names
        unsigned = [task.has_classes and lacks_order(task) for task in self.tasks_]
        shown = copula.correlation.copy()
        shown[unsigned], shown[:, unsigned] = np.abs(shown[unsigned]), np.abs(shown[:, unsigned])
        shown[~copula.usable] = shown[:, ~copula.usable] = np.nan
        return pd.DataFrame(shown, names, names)

    @property
    def dependence_gains_(self) -> pd.Series:
        """How much more probable the other labels of a row make a label of each task, in bits.

        It is 0 where the gain may be chance. Known labels do not change such a task.
        """
        return pd.Series(
            self._learnt_copula(AttributeError).gains / np.log(2), self._targets.names
        )

    def _by_task(self, results: list[Any]) -> Any:
        """Return the results of the tasks, which are a single one for a 1-D y."""
        return results[0] if self._targets.form.ndim == 1 else results

    def _join_labels(self, labels: Sequence[np.ndarray], positions: Sequence[int], X: Any) -> Any:
        """Join the labels of some tasks in the form of y, given those of all."""
        tasks, chosen = [self.tasks_[k] for k in positions], [labels[k] for k in positions]
        return self._targets.form.take(positions).assemble(tasks, chosen, index_of(X))

    @check_arguments(tasks=[LISTED, None])
    def predict(self, X: Any, *, tasks: Sequence[str] | None = None, known: Any = None) -> Any:
        """Predict the label of every task.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features.
        tasks : sequence of str, default=None
            Names of the tasks to return. The result has a column for each, in this order. None
            returns all tasks.
        known : array-like or DataFrame of shape (n_samples, n_known), default=None
            Known labels of these rows, NaN where a label is asked for. They change the
            predictions of the others in their row, and are returned as they are. The columns of a
            data frame are names of some tasks; an array has a column for each task.

        Returns
        -------
        y : ndarray or DataFrame of shape (n_samples, n_tasks) or (n_samples,)
            The labels, in the form that y had in fit: class labels, and numbers in their units. A
            data frame has the columns and dtypes of y (except that fractions stay floats) and the
            index of X.

        Raises
        ------
        ValueError
            If there is no such task, or if one is named twice; if a known label is none of its
            task; with known labels, if it is not known how the tasks depend on each other.
        """
        check_is_fitted(self)
        return self._predict_positions(X, self._targets.positions(tasks), known)

    def _predict_positions(self, X: Any, positions: Sequence[int], known: Any) -> Any:
        """Predict the labels of the tasks at some positions, given known labels."""
        if known is None:
            labels = self._predict_labels(X)
        else:
            labels = self._choose_labels(self._join_tasks(X, known).predict())
        return self._join_labels(labels, positions, X)

    @with_classes
    @by_blocks
    def predict_proba(self, X: Any, *, known: Any = None) -> Any:
        """Predict the probabilities of the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features), or dataset
            The features. Only networks read a dataset.
        known : array-like or DataFrame of shape (n_samples, n_known), default=None
            Known labels of these rows, as in ``predict``. A known class has the probability 1.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes), or list of these
            The columns are in the order of ``classes_``. For a y with several columns, a list in
            the order of the tasks, with None for a task without classes. For a dataset, a
            generator of these results for blocks of rows, as in ``predict``.
        """
        check_is_fitted(self)
        return self._by_task(self._predict_classes(X, known))

    def _predict_classes(self, X: Any, known: Any = None) -> list[np.ndarray | None]:
        """Predict the probabilities of each task; None for a task without classes."""
        parts = self._predict_tasks(X) if known is None else self._join_tasks(X, known).predict()
        pairs = zip(self.tasks_, parts, strict=True)
        return [part if task.has_classes else None for task, part in pairs]

    @with_classes
    @check_arguments(tasks=[LISTED, None])
    @by_blocks
    def predict_proba_frame(
        self, X: Any, *, tasks: Sequence[str] | None = None, known: Any = None
    ) -> pd.DataFrame:
        """Predict the probabilities of the classes of all tasks, as one data frame.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features.
        tasks : sequence of str, default=None
            Names of the tasks to return, in this order; None for all that have classes.
        known : array-like or DataFrame of shape (n_samples, n_known), default=None
            Known labels of these rows, as in ``predict``.

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
        parts = self._predict_classes(X, known)
        shown: list[Any] = [(self.tasks_[k], parts[k]) for k in positions]
        frames = {
            task.name: pd.DataFrame(part[:, task.order], index_of(X), task.classes[task.order])
            for task, part in shown
        }
        return pd.concat(frames, axis=1, names=["task", "class"])

    @with_numbers
    @check_arguments(level=[BETWEEN_0_AND_1], tasks=[LISTED, None], joint=["boolean"])
    def predict_interval(
        self,
        X: Any,
        level: float = 0.9,
        *,
        tasks: Sequence[str] | None = None,
        known: Any = None,
        joint: bool = False,
    ) -> Any:
        """Predict intervals that should contain a given share of the labels.

        These are split conformal intervals: on rows that the model was not trained on, each error
        is divided by the standard deviation of its row. The bounds of an interval are the
        prediction plus quantiles of these errors times the standard deviation of the row. The same
        share of labels should be below the intervals as above them. A network takes its validation
        rows, and a blend its out-of-fold predictions, whose deviations are equal or, for a count,
        grow with its square root.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features), or dataset
            The features. Only networks read a dataset, of which the intervals of blocks of rows
            are generated, as in ``predict``.
        level : float, default=0.9
            The share, between 0 and 1. With n labels of such rows, the greatest possible share is
            ``(n - 1) / (n + 1)``; for a greater level, the intervals of that share are returned.
        tasks : sequence of str, default=None
            Names of the tasks to return. The result has a column for each, in this order. None
            returns all tasks.
        known : array-like or DataFrame of shape (n_samples, n_known), default=None
            Known labels of these rows, as in ``predict``. Their intervals are the labels
            themselves, and they narrow the intervals of others.
        joint : bool, default=False
            Whether the share is that of rows in which the labels of all returned tasks are within
            their intervals, which one factor for all tasks makes wider. Otherwise it is that of
            the labels of each task.

        Returns
        -------
        low, high : ndarray or DataFrame of shape (n_samples, n_tasks) or (n_samples,)
            The lower and upper bounds, in the units of the labels and in the form of y, but as
            floats, and NaN for a task with classes, of kind "survival", or without a label among
            these rows.

        Raises
        ------
        ValueError
            If there is no such task, if one is named twice, if none of the tasks has intervals, if
            the level is not between 0 and 1, or if the model was trained on all rows, as a network
            is without early stopping and after ``partial_fit``, and as models per task are.
        AttributeError
            If every task has classes.

        Warns
        -----
        UserWarning
            If a task has too few labels of such rows for the level.

        References
        ----------
        J. Lei, M. G'Sell, A. Rinaldo, R. J. Tibshirani, L. Wasserman. "Distribution-Free
        Predictive Inference for Regression". Journal of the American Statistical Association 113,
        2018.
        """
        check_is_fitted(self)
        positions = self._targets.positions(tasks)
        # Checked before any block of a dataset is read, whose name would be in the message.
        self._check_errors(positions)
        return self._predict_bounds(X, level, positions, known=known, joint=joint)

    def _check_errors(self, positions: Sequence[int]) -> None:
        """Raise a ValueError unless the errors of some of the tasks are known."""
        raise ValueError(
            "Intervals are found by errors on rows that the model was not trained on: put it into "
            "a blend, as BlendClassifierRegressor([('model', model)])."
        )

    @by_blocks
    def _predict_bounds(
        self, X: Any, level: float, positions: Sequence[int], *, joint: bool, known: Any = None
    ) -> tuple[Any, Any]:
        """Predict the bounds of the intervals of some tasks, in the form of y."""
        errors = self._learnt_copula().errors if joint else None
        distributions = self._predict_distributions(X)
        warn_of_few_labels(self.tasks_, distributions.errors, level, positions, joint)
        ends: tuple[Sequence[np.ndarray], ...] = distributions.bound(
            self.tasks_, level, positions, errors
        )
        if known is not None:
            n_numbers = sum(self.tasks_[k].has_errors for k in positions)
            level = split_level(level, n_numbers) if joint else level
            ends = self._join_tasks(X, known, distributions).bound(ends, level)
        form, index = self._targets.form.take(positions), index_of(X)
        low, high = (form.assemble_floats([side[k] for k in positions], index) for side in ends)
        return low, high

    @check_arguments(return_certainty=["boolean"])
    def complete(self, X: Any, y: Any, *, return_certainty: bool = False) -> Any:
        """Fill in the missing labels of rows, given their features and their other labels.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features.
        y : array-like or DataFrame of shape (n_samples, n_known)
            The known labels, as in ``predict``; NaN where a label is missing.
        return_certainty : bool, default=False
            Whether to also return how sure each label is.

        Returns
        -------
        y : ndarray or DataFrame of shape (n_samples, n_tasks) or (n_samples,)
            The labels of all tasks, in the form that y had in fit: what ``predict`` returns.
        certainty : DataFrame of shape (n_samples, n_tasks)
            Only with ``return_certainty``. For a class, its probability: 1 if it is known. For a
            number, its standard deviation: 0 if it is known, NaN if errors are not known.

        Raises
        ------
        ValueError
            If a known label is none of its task, or if it is not known how the tasks depend on
            each other.

        Examples
        --------
        >>> from sklearn_ple import PLEClassifierRegressor
        >>> from sklearn_ple.datasets import load_nhefs
        >>> X, y = load_nhefs(tasks=["sbp", "exercise"], return_X_y=True)
        >>> model = PLEClassifierRegressor(
        ...     n_members=1, max_epochs=1, random_state=0
        ... )
        >>> y.loc[::5] = None
        >>> filled = model.fit(X, y).complete(X, y)
        >>> int(y.isna().sum().sum()) > 0, int(filled.isna().sum().sum())
        (True, 0)
        """
        joint = self._join_tasks(X, y)
        parts, everywhere = joint.predict(), range(len(self.tasks_))
        filled = self._join_labels(self._choose_labels(parts), everywhere, X)
        if not return_certainty:
            return filled
        spreads = joint.spread()
        columns = [
            part.max(axis=1) if task.has_classes else spread
            for task, part, spread in zip(self.tasks_, parts, spreads, strict=True)
        ]
        return filled, pd.DataFrame(np.column_stack(columns), index_of(X), self._targets.names)

    @check_arguments(n_samples=[COUNT], random_state=["random_state"])
    def sample_y(
        self,
        X: Any,
        n_samples: int = 1,
        *,
        known: Any = None,
        random_state: RandomStateLike = None,
    ) -> Any:
        """Draw labels of all tasks together from their predicted joint distribution.

        Each task by itself is distributed as predicted: classes by their probabilities, numbers as
        the prediction plus an error that other rows had. Together they have the dependence that
        the errors of the tasks had.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples_X, n_features)
            The features.
        n_samples : int, default=1
            Number of draws for each row.
        known : array-like or DataFrame of shape (n_samples_X, n_known), default=None
            Known labels of these rows, as in ``predict``; they are the same in all draws.
        random_state : int, RandomState or None, default=None
            Seed of the draws.

        Returns
        -------
        y : ndarray of shape (n_samples_X, n_tasks, n_samples) or DataFrame
            The drawn labels. If y was a data frame in fit, a data frame of ``n_samples_X *
            n_samples`` rows with the columns of y. With pandas, its index has two levels: that of
            X, and the number of the draw. For a 1-D y, an array of shape (n_samples_X, n_samples).

        Raises
        ------
        ValueError
            If a known label is none of its task; if it is not known how the tasks depend on each
            other, or what errors a number has.
        """
        joint = self._join_tasks(X, known)
        usable = self._learnt_copula().usable
        pairs = zip(self.tasks_, usable, strict=True)
        if fixed := [task.name for task, is_usable in pairs if not is_usable]:
            raise ValueError(
                f"sample_y cannot draw the tasks {fixed}, whose errors are not known: fit to more "
                "labels of them, or leave them out."
            )
        drawn = joint.draw(n_samples, check_random_state(random_state))
        labels = [
            task.classes[part.astype(int)] if task.has_classes else part
            for task, part in zip(self.tasks_, drawn, strict=True)
        ]
        form = self._targets.form
        if form.library == "numpy" or form.ndim == 1:
            draws = zip(*(part.T for part in labels), strict=True)
            joined = [self._join_labels(list(draw), range(len(labels)), None) for draw in draws]
            return np.stack(joined, axis=-1)
        index = index_of(X)
        rows = pd.RangeIndex(len(drawn[0])) if index is None else index
        numbers = np.tile(np.arange(n_samples), len(rows))
        index = (
            rows.repeat(n_samples).to_frame().assign(draw=numbers).set_index("draw", append=True)
        )
        flat = [part.ravel() for part in labels]
        return form.assemble(self.tasks_, flat, index.index)

    def score(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> float:
        """Compute the mean over the tasks of accuracy (classes) or R² (numbers).

        For tasks of kind "quantile" and "huber", D² is used instead of R²: the share of the
        absolute error that is explained. For "survival" it is the concordance index.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features), or dataset
            The features. Only networks read a dataset.
        y : {array-like, DataFrame} of shape (n_samples, n_tasks) or (n_samples,)
            The labels. Missing labels are skipped, and so are tasks whose score is undefined. For
            a dataset, the names of its columns; labels and outputs of all rows must then fit in
            memory.
        sample_weight : array-like of shape (n_samples,) or (n_samples, n_tasks), default=None
            Weights of the rows, or of every single label. For a dataset, the name of a column, or
            of one for each task.

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
        predicted, labels, weights = self._predict_labelled(X, y, sample_weight, "_predict_labels")
        if not any(len(column.observed) for column in labels):
            raise ValueError("y has no label at all: pass rows with labels to compute a score.")
        scores = self._targets.score(predicted, labels, weights)
        for column, score in zip(labels, scores, strict=True):
            # A task without labels is skipped without a warning: y may be meant for other tasks.
            if np.isnan(score) and len(column.observed):
                warn_without_score(column.name, len(column.observed))
        defined = [score for score in scores if not np.isnan(score)]
        return float(np.mean(defined)) if defined else float("nan")

    def _predict_labelled(
        self, X: Any, y: Any, sample_weight: ArrayLike | None, method: str
    ) -> tuple:
        """Predict rows by a method; return the result, their labels and the weights of these."""
        check_is_fitted(self)
        predicted = getattr(self, method)(X)
        labels = self._targets.read(y, predicted[0], X, sample_weight)
        return predicted, *weigh(labels, sample_weight)

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
