"""Class weights: factors of the sample weights, by class."""

from collections.abc import Iterator, Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np

from ..tasks import ClassTask, Task, by_task, is_weight
from ..utils.checks import shown
from ..utils.types import ClassWeight


class ClassTotals:
    """Total weight of the labels of each class.

    A task with numbers has a single total.

    Parameters
    ----------
    tasks : sequence of Task
        The fitted tasks.

    Attributes
    ----------
    of_tasks : list of ndarray of shape (n_classes,)
        The totals of each task.
    """

    def __init__(self, tasks: Sequence[Task]):
        self.tasks = tasks
        sizes = [len(task.classes) if task.has_classes else 1 for task in tasks]
        self.of_tasks = [np.zeros(size) for size in sizes]

    def add(self, targets: np.ndarray, weights: np.ndarray) -> "ClassTotals":
        """Add encoded labels, and their weights, of shape (n_rows, n_tasks)."""
        for k, sums in enumerate(self._sum(targets, weights)):
            self.of_tasks[k] += sums
        return self

    def leave_out(self, targets: np.ndarray, weights: np.ndarray) -> None:
        """Subtract labels, such as those of validation rows."""
        for k, sums in enumerate(self._sum(targets, weights)):
            before = self.of_tasks[k]
            # A tiny remainder is due to rounding.
            left = before - sums
            self.of_tasks[k] = np.where(left > 1e-9 * before, left, 0.0)

    def _sum(self, targets: np.ndarray, weights: np.ndarray) -> Iterator[np.ndarray]:
        for task, of_task, column, total in zip(
            self.tasks, targets.T, weights.T, self.of_tasks, strict=True
        ):
            codes = np.where((column > 0) & task.has_classes, of_task, 0)
            yield np.bincount(codes.astype(np.int64), column, len(total))

    def balance(self, class_weight: ClassWeight) -> dict[str, Any]:
        """Replace "balanced" in ``class_weight`` by weights computed from the totals.

        Returns
        -------
        dict of str to dict or None
            The weight of each class, for each task by its name; None for a task without any.
        """
        per_task = _read_class_weight(self.tasks, class_weight)
        for task, totals in zip(self.tasks, self.of_tasks, strict=True):
            if isinstance(per_task[task.name], str):
                pairs = zip(task.classes.tolist(), _balance(totals).tolist(), strict=True)
                per_task[task.name] = dict(pairs)
        return per_task

    def mean_weights(self, class_weight: ClassWeight, n_rows: int) -> np.ndarray:
        """Compute the mean weight of each task's labels in so many rows."""
        factors = _compute_factors(self.tasks, self.balance(class_weight))
        pairs = zip(self.of_tasks, factors, strict=True)
        return np.array([(totals * by_class).sum() for totals, by_class in pairs]) / max(n_rows, 1)


def weigh_classes(
    weights: np.ndarray, targets: np.ndarray, tasks: Sequence[Task], class_weight: ClassWeight
) -> np.ndarray:
    """Multiply the weights of labels by class weights; without any, return the same array.

    Parameters
    ----------
    weights, targets : ndarray of shape (n_rows, n_tasks)
        Weights of the labels, zero for missing ones, and the encoded labels.
    tasks : sequence of Task
        The fitted tasks.
    class_weight : object
        Parameter of the estimators.

    Returns
    -------
    ndarray of shape (n_rows, n_tasks)
        The weights of the labels in the loss.
    """
    if class_weight is None:
        return weights
    per_task = ClassTotals(tasks).add(targets, weights).balance(class_weight)
    weighed = weights.copy()
    for k, by_class in enumerate(_compute_factors(tasks, per_task)):
        if per_task[tasks[k].name] is not None:
            rows = np.flatnonzero(weights[:, k])
            weighed[rows, k] *= by_class[targets[rows, k].astype(np.int64)]
    return weighed


def find_shifts(
    targets: np.ndarray, weights: np.ndarray, tasks: Sequence[Task], class_weight: ClassWeight
) -> list[np.ndarray]:
    """Compute by how much class weights raise the logits of each class.

    A network that learns with weights predicts probabilities in proportion to the true ones times
    the weights (Elkan, "The Foundations of Cost-Sensitive Learning", IJCAI 2001).

    Parameters
    ----------
    targets, weights : ndarray of shape (n_rows, n_tasks)
        Encoded labels, of which "balanced" is computed, and their weights.
    tasks : sequence of Task
        The fitted tasks.
    class_weight : object
        Parameter of the estimators.

    Returns
    -------
    list of ndarray of shape (n_classes,)
        The logarithms of the weights of each task; a single 0 for tasks without any.
    """
    per_task = ClassTotals(tasks).add(targets, weights).balance(class_weight)
    factors = _compute_factors(tasks, per_task)
    # The logits of a class of weight 0 are as low as training got them.
    return [np.log(np.where(by_class > 0, by_class, 1.0)) for by_class in factors]


def _compute_factors(tasks: Sequence[Task], per_task: Mapping[str, Any]) -> list[np.ndarray]:
    """Return the weight of each class, for each task; a single 1 for tasks without any."""
    return [
        np.ones(1)
        if (by_class := per_task[task.name]) is None
        else np.array([by_class.get(label, 1.0) for label in task.classes.tolist()])
        for task in tasks
    ]


def _balance(totals: np.ndarray) -> np.ndarray:
    """Compute the weights of classes that make their total weights equal; 1 without any label."""
    there = totals > 0
    share = totals.sum() / max(np.count_nonzero(there), 1)
    with np.errstate(over="ignore"):
        weights = np.divide(share, totals, out=np.ones(len(totals)), where=there)
    return np.minimum(weights, np.finfo(weights.dtype).max)


def _read_class_weight(tasks: Sequence[Task], class_weight: ClassWeight) -> dict[str, Any]:
    """Return the checked class weights of each task by name; None for a task without any."""
    names = [task.name for task in tasks]
    if isinstance(class_weight, Mapping) and len(tasks) == 1:
        # A class may have the name of the task.
        has_numbers = any(isinstance(entry, Real) for entry in class_weight.values())
        if has_numbers or not set(class_weight) <= set(names):
            class_weight = [class_weight]
    per_task = dict(by_task(class_weight, names, "class_weight", default=None))
    for task in tasks:
        # A single "balanced" applies to all tasks with classes.
        if not isinstance(task, ClassTask) and isinstance(class_weight, str):
            per_task[task.name] = None
        if per_task[task.name] is not None:
            _check_class_weight(task, per_task[task.name])
    return per_task


def _check_class_weight(task: Task, weight: object) -> None:
    """Check the class weights of a task."""
    what = f"class_weight of task {task.name!r}"
    if not isinstance(task, ClassTask):
        raise ValueError(f"{what} is {shown(weight)}, but its labels are numbers: leave it out.")
    if isinstance(weight, str) and weight == "balanced":
        return
    if not isinstance(weight, Mapping):
        raise ValueError(
            f"{what} is {shown(weight)}: it must be 'balanced', a dict from class to weight, or "
            "None."
        )
    classes = task.classes.tolist()
    if unknown := [label for label in weight if label not in classes]:
        raise ValueError(f"{what} names {shown(unknown)}, but its classes are {classes}.")
    for label, number in weight.items():
        if not is_weight(number):
            raise ValueError(
                f"{what} is {shown(number)} for {shown(label)}: it must be a number, 0 or more."
            )
    if not any(weight.get(label, 1.0) for label in classes):
        raise ValueError(f"{what} is 0 for all classes: at least one must be positive.")
