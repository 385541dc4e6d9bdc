"""The rows that models of single tasks, and blends, are fitted to."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter, validate_data

from ..encoding.scales import choose_scales
from ..encoding.targets import TargetEncoder
from ..model_selection.split import list_folds
from ..predictions.multi_task import index_of
from ..tables.frames import take_rows, takeable
from ..tables.kinds import assign_kinds, drop_ignored, find_ignored, is_auto
from ..tables.labels import Labels, read_targets
from ..tables.plausibility import warn_of_order
from ..tables.reading import check_in_memory, read_features
from ..tables.weights import weigh
from ..tasks import TaskTypes
from ..utils.checks import check_lengths, naming
from ..utils.types import RandomStateLike
from ..utils.warn import collected


class ModelRows(NamedTuple):
    """Rows to which a model is fitted, or on which it is judged.

    Attributes
    ----------
    X : object
        What the model reads.
    y : object
        The labels.
    weights : ndarray of shape (n_rows,) or (n_rows, n_tasks), or None
        The weights of the labels.
    groups : ndarray of shape (n_rows,) or None
        The group of each row.
    """

    X: Any
    y: Any
    weights: np.ndarray | None = None
    groups: np.ndarray | None = None

    def take(self, rows: np.ndarray) -> "ModelRows":
        """Return some rows, by number."""
        return ModelRows(*(None if part is None else take_rows(part, rows) for part in self))

    def fit(self, model: BaseEstimator) -> BaseEstimator:
        """Fit a model; weights go to the last step of a pipeline, groups to what accepts them."""
        options = {}
        if self.weights is not None:
            prefix = f"{model.steps[-1][0]}__" if isinstance(model, Pipeline) else ""
            options[f"{prefix}sample_weight"] = self.weights
        if self.groups is not None and has_fit_parameter(model, "groups"):
            options["groups"] = self.groups
        # Weights go to the model itself, whatever estimators have requested.
        with config_context(enable_metadata_routing=False):
            return model.fit(self.X, self.y, **options)


@dataclass(frozen=True, eq=False)
class LabelledRows:
    """Features as they were passed, and the labels of all tasks.

    Attributes
    ----------
    X : object
        The features.
    labels : list of Labels
        The labels of each task, in which those of weight 0 are missing.
    weights : ndarray of shape (n_rows, n_tasks)
        The weights of the labels, zero for missing ones.
    targets : TargetEncoder
        The fitted encoder of the labels.
    """

    X: Any
    labels: list[Labels]
    weights: np.ndarray
    targets: TargetEncoder

    @classmethod
    def read(
        cls, estimator: BaseEstimator, X: Any, y: Any, sample_weight: ArrayLike | None
    ) -> "LabelledRows":
        """Read the arguments of fit, and set the columns of X as those of the estimator.

        Parameters
        ----------
        estimator : estimator
            The estimator, whose ``task_types`` are used.
        X, y, sample_weight : object
            The arguments of fit.

        Returns
        -------
        LabelledRows
            The rows.
        """
        X = cls.check_columns(estimator, X, reset=True)
        labels, form = read_targets(y, partial(find_ignored, estimator.task_types))
        check_lengths(X=X, y=labels[0].mask)
        warn_of_order(X=X, y=y, sample_weight=sample_weight)
        labels, weights = weigh(labels, sample_weight)
        targets = TargetEncoder(estimator.task_types, None).fit(labels, form, weights)
        if any(map(targets.has_open_scale, range(len(labels)))):
            features = None
            # What networks and boosting cannot read is for models of the user's own.
            with suppress(TypeError, ValueError), collected():
                features, _ = read_features(X, type(estimator).__name__)
            choose_scales(targets, labels, weights, features)
        return cls(X, labels, weights, targets)

    def frame(self) -> pd.DataFrame:
        """Return the labels as a data frame, whose categorical columns declare all classes.

        So models that are fitted to some of the rows know the classes of all.
        """
        columns = {}
        tasks: list[Any] = self.targets.tasks
        for task, column in zip(tasks, self.labels, strict=True):
            if task.has_classes:
                codes = np.full(len(column.mask), -1)
                codes[column.mask] = task.encode(column.observed).astype(int)
                classes = pd.Categorical.from_codes(codes, task.classes)
                # In the order of an ordinal task.
                classes = classes.reorder_categories(task.classes[task.order])
                columns[task.name] = classes.as_ordered() if task.kind == "ordinal" else classes
            else:
                columns[task.name] = np.full(len(column.mask), np.nan)
                columns[task.name][column.mask] = column.observed.astype(np.float64)
        return pd.DataFrame(columns, index_of(self.X))

    def take(self, numbers: np.ndarray) -> "LabelledRows":
        """Return some rows, by number."""
        X, labels = take_rows(self.X, numbers), [column.take(numbers) for column in self.labels]
        return LabelledRows(X, labels, self.weights[numbers], self.targets)

    def list_folds(self, cv: Any, groups: ArrayLike | None) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the folds that a parameter ``cv`` stands for, pairs of numbers of rows."""
        kinds = {task.name: task.kind for task in self.targets.tasks}
        return list_folds(cv, kinds, self.X, self.frame(), groups)

    def configure(
        self,
        estimator: BaseEstimator,
        task_types: TaskTypes,
        seed: RandomStateLike = None,
        only: Sequence[str] = (),
    ) -> BaseEstimator:
        """Return a clone of an estimator that has the kinds of the tasks, unless it has its own.

        Parameters
        ----------
        estimator : estimator
            The estimator.
        task_types : object
            The kinds as the user passed them; those of "auto" are the ones that were found.
        seed : object, default=None
            Value of ``random_state``, if that is None.
        only : sequence of str, default=()
            Names of the tasks that the estimator learns; by default all.

        Returns
        -------
        estimator
            The clone.
        """
        entries = assign_kinds(drop_ignored(task_types), self.targets.names)
        kinds = {
            task.name: task.kind if is_auto(entries[task.name]) else entries[task.name]
            for task in self.targets.tasks
            if task.name in (only or self.targets.names)
        }
        estimator, changes = clone(estimator), dict[str, Any]()
        for path, value in estimator.get_params().items():
            if path.rpartition("__")[2] == "task_types" and is_auto(value):
                changes[path] = kinds
            elif path == "random_state" and value is None:
                changes[path] = seed
        return estimator.set_params(**changes)

    @staticmethod
    @naming("X")
    def check_columns(estimator: BaseEstimator, X: Any, reset: bool = False) -> Any:
        """Set or check names and number of the columns of X, and return X.

        What has no columns, such as a list of texts, is left to the models.
        """
        check_in_memory(X)
        # Some sparse matrices of SciPy are dicts, too.
        if isinstance(X, Mapping) and not sparse.issparse(X):
            raise TypeError("X is a dict, which has no rows: pass pandas.DataFrame(X).")
        X = takeable(X)
        if not hasattr(X, "shape") and hasattr(X, "__array__"):
            X = np.asarray(X)
        if sparse.issparse(X) or (isinstance(X, np.ndarray) and X.dtype.kind in "biufc"):
            options: dict[str, Any] = {"dtype": None, "ensure_all_finite": False}
            return validate_data(estimator, X, reset=reset, accept_sparse=True, **options)
        if isinstance(X, (list, tuple)) and not X:
            raise ValueError("X has no rows.")
        with suppress(TypeError):
            validate_data(estimator, X, reset=reset, skip_check_array=True)
        return X
