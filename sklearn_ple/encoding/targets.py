"""The encoding of labels as a matrix of targets, and the decoding of outputs."""

import copy
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..tables.form import TargetForm
from ..tables.kinds import (
    TaskKind,
    TaskTypes,
    assign_kinds,
    drop_ignored,
    is_auto,
    make_task,
    split_kind,
)
from ..tables.labels import Labels, as_frame, check_type, read_targets
from ..tables.plausibility import warn_of_order
from ..tasks import Task, array_of, by_task, class_array, score_of
from ..utils.checks import check_integer, check_lengths, naming, shown
from ..utils.warn import warn


class TargetEncoder:
    """Learns the tasks from y, encodes labels as targets, and decodes outputs into labels.

    Parameters
    ----------
    task_types : str, tuple, Task, sequence of these or dict
        Parameter of the estimators.
    family : {"class", "number"} or None
        Kinds of task that the estimator accepts; None for all kinds.
    classes : None, array-like, sequence or dict, default=None
        Declared classes: one array for a single task; for several tasks a sequence in their order,
        with None for a task without declared classes, or a dict by name.

    Attributes
    ----------
    tasks : list of Task
        The fitted tasks, in the order of y.
    form : TargetForm
        The form of y.
    """

    tasks: list[Task]
    form: TargetForm

    def __init__(self, task_types: TaskTypes, family: str | None, classes: Any = None):
        self.task_types = task_types
        self.family = family
        self.classes = classes

    def fit(self, labels: list[Labels], form: TargetForm, weights: np.ndarray) -> "TargetEncoder":
        """Determine the kind of each task, and learn its classes or scale.

        Parameters
        ----------
        labels : list of Labels
            The columns of y.
        form : TargetForm
            The form of y.
        weights : ndarray of shape (n_rows, n_tasks)
            Sample weights, zero for missing labels.

        Returns
        -------
        self : TargetEncoder
            The fitted encoder.

        Raises
        ------
        TypeError
            If the class of a task cannot be called without arguments.
        ValueError
            If a column has no label, or if ``task_types`` or ``classes`` do not fit the labels.
        """
        types = assign_kinds(drop_ignored(self.task_types), form.names)
        declared = _read_declared(self.classes, form.names)
        self.form = form
        self.tasks = []
        for position, column in enumerate(labels):
            if not len(column.observed):
                which = "with a positive sample_weight" if column.weighed else "at all"
                raise ValueError(
                    f"Target {column.name!r} has no label {which}: leave the column out, or pass "
                    f"task_types={{{column.name!r}: 'ignore'}}."
                )
            if (classes := declared[column.name]) is not None:
                column = _declare_classes(column, classes, types[column.name])
            task = self._make_task(types[column.name], column)
            if task.kind == "ordinal" and classes is None:
                _warn_of_order(column)
            among = naming("Among the labels with a positive sample_weight")
            with among if column.weighed else nullcontext():
                task.fit(column.observed, weights[column.mask, position], column.declared)
            what = f"n_outputs of {type(task).__name__}, the task {column.name!r},"
            check_integer(what, task.n_outputs)
            self.tasks.append(task)
        return self

    def _make_task(self, task_type: TaskKind, column: Labels) -> Task:
        if isinstance(task_type, Task):
            # A copy, so that the user's task does not change.
            task = copy.deepcopy(task_type)
        elif isinstance(task_type, type) and issubclass(task_type, Task):
            try:
                task = task_type()
            except TypeError as error:
                what = f"task_types of target {column.name!r}: {error}"
                raise TypeError(f"{what}. Pass an instance, made with its arguments.") from error
        else:
            kind, options = split_kind(task_type)
            if isinstance(kind, str) and kind == "auto":
                kind = column.infer_kind(self.family)
            task = make_task(column.name, kind, options)
        task.name = column.name
        if self.family is not None and task.has_classes != (self.family == "class"):
            by = "" if isinstance(task_type, str) and task_type == "auto" else " by task_types"
            remedy = "use PLEClassifierRegressor for tasks of any kind"
            if self.family == "number" and column.observed.dtype != object:
                remedy += ", or task_types='regression' to learn these labels as numbers"
            raise ValueError(
                f"Target {column.name!r} is of kind {task.kind!r}{by}, which this estimator does "
                f"not learn: {remedy}."
            )
        if not task.has_classes and column.observed.dtype == object:
            raise ValueError(
                f"Target {column.name!r} is of kind {task.kind!r} but holds strings, "
                f"{column.observed[0]!r} for example: convert it to numbers."
            )
        return task

    def has_open_scale(self, k: int) -> bool:
        """Return whether a task is a number, and nobody said on which scale it is learnt."""
        if self.tasks[k].kind != "regression":
            return False
        types = assign_kinds(drop_ignored(self.task_types), self.form.names)
        return is_auto(types[self.form.names[k]])

    def replace(self, k: int, kind: str, column: Labels, weights: np.ndarray) -> None:
        """Replace a task by one of another kind, which is fitted to the labels of a column."""
        task = self._make_task(kind, column)
        self.tasks[k] = task.fit(column.observed, weights, None)

    def encode(self, labels: list[Labels]) -> np.ndarray:
        """Encode labels as targets, of shape (n_rows, n_tasks); 0 for missing labels."""
        targets = np.zeros((len(labels[0].mask), len(labels)))
        for position, (task, column) in enumerate(zip(self.tasks, labels, strict=True)):
            if len(column.observed):
                targets[column.mask, position] = array_of(task, "encode", column.observed)
        return targets

    @property
    def names(self) -> list[str]:
        """The names of the tasks."""
        return list(self.form.names)

    def check_same(self, labels: Sequence[Labels], form: TargetForm) -> None:
        """Check that y has the same columns, and labels of the same types, as in fit."""
        same_names = form.names == self.form.names or "numpy" in (form.library, self.form.library)
        # As in scikit-learn, the name of a series does not matter.
        same_names |= form.ndim == self.form.ndim == 1
        if len(form.names) != len(self.form.names) or not same_names:
            raise ValueError(
                f"y has the targets {form.names}, but the estimator was fitted with {self.names}: "
                "pass these columns in this order."
            )
        for task, column in zip(self.tasks, labels, strict=True):
            check_type(task.name, task.kind, task.classes, column.observed)

    def read(
        self, y: Any, outputs: np.ndarray, X: Any = None, sample_weight: ArrayLike | None = None
    ) -> list[Labels]:
        """Read the labels of a y like that of fit, and check that outputs have as many rows.

        It is also checked that y and the weights have the index of X in its order.
        """
        warn_of_order(X=X, y=y, sample_weight=sample_weight)
        labels, form = read_targets(y, self.form.ignored_among)
        self.check_same(labels, form)
        check_lengths(X=outputs, y=labels[0].mask)
        return self.form.rename(labels)

    def positions(self, names: Sequence[str] | np.ndarray | None) -> list[int]:
        """Return the positions of tasks, given by name; None means all tasks."""
        if names is None:
            return list(range(len(self.tasks)))
        # Rows of an array are compared with names entry by entry, lists as a whole.
        names = names.tolist() if isinstance(names, np.ndarray) else names
        if not len(names):
            raise ValueError(
                f"tasks is {names!r}: it must be a list of names, such as {self.form.names[:1]}."
            )
        if unknown := [name for name in names if name not in self.form.names]:
            raise ValueError(f"tasks names {shown(unknown)}, but the tasks are {self.form.names}.")
        if twice := [name for name in self.form.names if list(names).count(name) > 1]:
            raise ValueError(f"tasks names {twice[0]!r} twice: name each task once.")
        return [self.form.names.index(name) for name in names]

    def split_outputs(self, outputs: np.ndarray) -> list[np.ndarray]:
        """Split the outputs of the network, of shape (..., sum of n_outputs), by task."""
        bounds = np.cumsum([task.n_outputs for task in self.tasks])[:-1]
        return np.split(outputs, bounds, axis=-1)

    def predict(self, outputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Turn the outputs of each task into probabilities of its classes, or into numbers."""
        classes = self.compute_classes(outputs, "predict_proba")
        return [
            array_of(task, "predict", part) if probabilities is None else probabilities
            for task, part, probabilities in zip(self.tasks, outputs, classes, strict=True)
        ]

    def compute_classes(
        self, outputs: Sequence[np.ndarray], method: str
    ) -> list[np.ndarray | None]:
        """Call a method of each task, as `class_array` does; None for a task without classes."""
        pairs = zip(self.tasks, outputs, strict=True)
        return [class_array(task, method, part) for task, part in pairs]

    def decode(self, outputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Turn the outputs of each task, of shape (n_rows, n_outputs), into labels."""
        pairs = zip(self.tasks, outputs, strict=True)
        return [array_of(task, "predict", of_task) for task, of_task in pairs]

    def copy(self) -> "TargetEncoder":
        """Return an encoder with copies of the tasks, which may learn from other errors."""
        copied = copy.copy(self)
        copied.tasks = list(map(copy.copy, self.tasks))
        return copied

    @property
    def learns_errors(self) -> bool:
        """Whether any task learns from errors."""
        return any(type(task).learn_errors is not Task.learn_errors for task in self.tasks)

    def learn_errors(
        self, outputs: np.ndarray, targets: np.ndarray, weights: np.ndarray, adds: bool = False
    ) -> None:
        """Let each task learn from the errors of outputs, see `Task.learn_errors`.

        Parameters
        ----------
        outputs : ndarray of shape (n_rows, sum of n_outputs)
            The outputs of the network.
        targets, weights : ndarray of shape (n_rows, n_tasks)
            The encoded labels of the same rows, and their weights, which are 0 for missing labels.
        adds : bool, default=False
            Whether what was learnt from other rows before still counts.
        """
        parts = self.split_outputs(outputs)
        columns = zip(self.tasks, parts, targets.T, weights.T, strict=True)
        for task, output, target, weight in columns:
            if (there := (weight > 0) & np.isfinite(output).all(axis=1)).any():
                task.learn_errors(output[there], target[there], weight[there], adds)

    def score(
        self,
        predicted: Sequence[np.ndarray],
        labels: Sequence[Labels],
        weights: np.ndarray,
    ) -> list[float]:
        """Compute the score of each task.

        Parameters
        ----------
        predicted : sequence of ndarray of shape (n_rows,)
            The predicted labels of each task, as `decode` returns them.
        labels : sequence of Labels
            The columns of y.
        weights : ndarray of shape (n_rows, n_tasks)
            Weights of the labels.

        Returns
        -------
        list of float
            The scores; NaN for a task without labels.
        """
        return [
            score_of(task, column.observed, numbers[column.mask], weight[column.mask])
            if len(column.observed)
            else float("nan")
            for task, column, numbers, weight in zip(
                self.tasks, labels, predicted, weights.T, strict=True
            )
        ]


def _read_declared(classes: Any, names: Sequence[str]) -> dict[str, np.ndarray | None]:
    """Return the declared classes of each task, after a check; None for a task without any."""
    if len(names) == 1 and classes is not None and not isinstance(classes, Mapping):
        entries = classes if isinstance(classes, (list, tuple)) or np.ndim(classes) == 2 else []
        if not any(np.ndim(entry) for entry in entries):
            classes = [classes]
    declared = by_task(classes, names, "classes", default=None)
    for name, given in declared.items():
        if given is not None:
            declared[name] = read_classes(name, given)
    return declared


def read_classes(name: str, classes: ArrayLike) -> np.ndarray:
    """Read declared classes of a task, as labels are read, and check that they may be labels."""
    column = None
    if np.ndim(classes) == 1:
        with naming("classes"):
            column = Labels.read(name, as_frame(classes).iloc[:, 0])
    if column is None or not len(column.mask) or not column.mask.all():
        raise ValueError(
            f"classes of target {name!r} is {classes!r}: it must be a list or an array of all "
            "classes, without missing values."
        )
    return column.observed


def _declare_classes(column: Labels, classes: np.ndarray, task_type: TaskKind) -> Labels:
    """Return a column that declares classes, beyond its own ordered categories if it has such."""
    if not column.ordered:
        return replace(column, declared=classes)
    listed = np.asarray(column.declared).tolist()
    if set(classes.tolist()) <= set(listed):
        return column
    kind, _ = split_kind(task_type)
    if isinstance(kind, str) and kind != "ordinal":
        # The column does not say where the other classes belong.
        return replace(column, declared=classes, ordered=False)
    if [label for label in classes.tolist() if label in listed] != listed:
        raise ValueError(
            f"classes of target {column.name!r} is {classes.tolist()}, but its column has the "
            f"ordered categories {listed}: pass all classes, in their order."
        )
    return replace(column, declared=classes)


def _warn_of_order(column: Labels) -> None:
    """Warn of an order that is only that in which a column lists its categories."""
    if column.declared is None or column.ordered:
        return
    listed = column.declared.tolist()
    if column.declared.dtype == object or listed != sorted(listed):
        warn(
            f"Target {column.name!r} is ordinal, but its categories are not ordered. Their order "
            f"is taken to be {listed}: if so, make them ordered categories; if not, declare the "
            "order, with pandas.CategoricalDtype(categories, ordered=True)."
        )
