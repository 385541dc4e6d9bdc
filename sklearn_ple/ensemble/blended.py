"""The estimators of a blend: their fitted models, and their out-of-fold predictions."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from joblib import parallel_config
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils.parallel import Parallel, delayed

from ..predictions.multi_task import MultiTaskModel
from ..tables.frames import take_rows
from ..tables.labels import as_frame
from ..tasks import Task
from ..utils.inner import tasks_of
from .labelled_rows import LabelledRows, ModelRows

#: Pairs of training rows and test rows.
Folds = Sequence[tuple[np.ndarray, np.ndarray]]


class Blended(NamedTuple):
    """An estimator of a blend after its fit.

    Attributes
    ----------
    models : list of estimator
        The fitted models, whose predictions are averaged.
    out_of_fold : list of ndarray of shape (n_rows, n_classes) or (n_rows,)
        For each task the predictions of the rows, by models that were not trained on them; NaN
        where there is none.
    """

    models: list[Any]
    out_of_fold: list[np.ndarray]


@dataclass(frozen=True, eq=False)
class BlendedFit:
    """How the estimators of a blend are fitted.

    Attributes
    ----------
    rows : LabelledRows
        The rows.
    sample_weight : ndarray of shape (n_rows, n_tasks) or None
        Weights of the labels.
    groups : array-like of shape (n_rows,) or None
        Groups of the rows.
    cv : object
        What stands for the folds. If they are the user's own, all estimators must respect them.
    n_jobs : int or None
        Number of folds that are fitted at the same time, or of tasks by ``fit_folds``.
    """

    rows: LabelledRows
    sample_weight: np.ndarray | None
    groups: ArrayLike | None
    cv: Any
    n_jobs: int | None

    @cached_property
    def y(self) -> pd.DataFrame:
        """The labels of all tasks."""
        return self.rows.frame()

    def run(self, estimator: BaseEstimator) -> Blended:
        """Fit an estimator, or use it as it is if it is frozen.

        An estimator with the method ``fit_out_of_fold`` is fitted once, unless the folds are the
        user's own, or it has no out-of-fold predictions, as on few rows. All others are fitted
        without each fold: together, if they have the method ``fit_folds``.
        """
        X = self.rows.X
        if isinstance(estimator, FrozenEstimator):
            return Blended([estimator], predict_tasks(estimator, X, self.rows.targets.tasks))
        model = clone(estimator)
        is_number = self.cv is None or isinstance(self.cv, Integral)
        if is_number and hasattr(model, "fit_out_of_fold"):
            weights = {} if self.sample_weight is None else {"sample_weight": self.sample_weight}
            groups = {} if self.groups is None else {"groups": self.groups}
            out_of_fold = model.fit_out_of_fold(X, self.y, **weights, **groups)
            if any(np.isfinite(part).any() for part in out_of_fold):
                return Blended([model], out_of_fold)
        folds = self.rows.list_folds(self.cv, self.groups)
        numbers = np.arange(len(self.y))
        times = np.bincount(np.concatenate([test for _, test in folds]), minlength=len(numbers))
        # As with an order in time, some model has seen few rows: one fit to all is better.
        whole = [(numbers, numbers[:0])] if (times != 1).any() else []
        models = self._fit_folds(estimator, [*folds, *whole])
        out_of_fold = self._join(models[: len(folds)], folds)
        return Blended(models[len(folds) :] or models, out_of_fold)

    def _fit_folds(self, estimator: BaseEstimator, folds: Folds) -> list[BaseEstimator]:
        """Fit a clone to the training rows of each fold."""
        if hasattr(estimator, "fit_folds"):
            with nullcontext() if self.n_jobs is None else parallel_config(n_jobs=self.n_jobs):
                found: list[BaseEstimator] = estimator.fit_folds(
                    self.rows.X, self.y, self.sample_weight, folds=folds
                )
            return found
        every = ModelRows(self.rows.X, self.y, self.sample_weight)
        fitted: list[BaseEstimator] = Parallel(self.n_jobs)(
            delayed(every.take(rows).fit)(clone(estimator)) for rows, _ in folds
        )
        return fitted

    def _join(self, models: Sequence[BaseEstimator], folds: Folds) -> list[np.ndarray]:
        """Predict the test rows of each fold; the last prediction of a row counts."""
        tasks = self.rows.targets.tasks
        shapes = [(len(self.y), *([len(t.classes)] if t.has_classes else [])) for t in tasks]
        joined = [np.full(shape, np.nan) for shape in shapes]
        for model, (_, test) in zip(models, folds, strict=True):
            parts = predict_tasks(model, take_rows(self.rows.X, test), tasks)
            for whole, part in zip(joined, parts, strict=True):
                whole[test] = part
        return joined


def predict_tasks(model: BaseEstimator, X: Any, tasks: Sequence[Task]) -> list[np.ndarray]:
    """Predict each task by a fitted model, alone or in a pipeline or search.

    Returns
    -------
    list of ndarray of shape (n_rows, n_classes) or (n_rows,)
        For each task the probabilities of its classes, or the numbers.
    """
    fitted = tasks_of(model)
    _check_tasks(fitted, tasks)
    inner = fitted.estimator if isinstance(fitted, FrozenEstimator) else fitted
    if isinstance(inner, MultiTaskModel) and fitted is model:
        return inner._predict_tasks(X)
    parts: list[Any] = [None] * len(tasks)
    if any(task.has_classes for task in tasks):
        found = model.predict_proba(X)
        parts = found if isinstance(found, list) else [found]
    if not all(task.has_classes for task in tasks):
        numbers = as_frame(model.predict(X), "predictions")
        for k, task in enumerate(tasks):
            if not task.has_classes:
                parts[k] = numbers.iloc[:, k].to_numpy(dtype=np.float64)
    return parts


def average_tasks(
    models: Sequence[BaseEstimator], X: Any, tasks: Sequence[Task]
) -> list[np.ndarray]:
    """Predict each task: the mean of the models' probabilities or numbers."""
    found = [predict_tasks(model, X, tasks) for model in models]
    return [np.mean(parts, axis=0) for parts in zip(*found, strict=True)]


def _check_tasks(fitted: BaseEstimator, tasks: Sequence[Task]) -> None:
    """Check that a model has the tasks of the blend, with their classes."""
    names = [task.name for task in tasks]
    if list(fitted.task_names_) != names:
        raise ValueError(
            f"{type(fitted).__name__} has the tasks {list(fitted.task_names_)}, but the blend has "
            f"{names}: fit all estimators to the same columns of y."
        )
    classes = fitted.classes_ if isinstance(fitted.classes_, list) else [fitted.classes_]
    for task, known in zip(tasks, classes, strict=True):
        if task.has_classes != (known is not None):
            raise ValueError(
                f"Task {task.name!r} has classes in one estimator of the blend and numbers in "
                "another: set its kind in task_types of both."
            )
        if known is not None and not np.array_equal(task.classes, known):
            raise ValueError(
                f"Task {task.name!r} has the classes {task.classes.tolist()} in the blend, but "
                f"{known.tolist()} in {type(fitted).__name__}: pass labels of the same classes."
            )
