"""Class weights: factors of the sample weights, by class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np

from ..tasks import ClassTask, Task, by_task, is_weight
from ..utils.checks import shown


def weigh_classes(
    weights: np.ndarray, labels: Sequence[Any], tasks: Sequence[Task], class_weight: Any
) -> np.ndarray:
    """Multiply the weights of labels by class weights; without any, return the same array."""
    if class_weight is None:
        return weights
    return weights * class_weights(weights, labels, tasks, class_weight)


def class_weights(
    weights: np.ndarray, labels: Sequence[Any], tasks: Sequence[Task], class_weight: Any
) -> np.ndarray:
    """Compute the class weight of each label, of shape (n_rows, n_tasks); 1 for numbers."""
    per_task = _per_task(tasks, class_weight)
    result = np.ones(weights.shape)
    for position, (task, column) in enumerate(zip(tasks, labels, strict=True)):
        weight = per_task[task.name]
        if weight is None:
            continue
        codes = task.encode(column.observed).astype(int)
        if isinstance(weight, Mapping):
            by_class = np.array([weight.get(label, 1.0) for label in task.classes.tolist()])
        else:
            own = weights[column.mask, position]
            by_class = _balanced(np.bincount(codes, own, len(task.classes)))
        result[column.mask, position] = by_class[codes]
    return result


def _balanced(totals: np.ndarray) -> np.ndarray:
    """Compute the weights of classes that make their total weights equal; 1 without any label."""
    there = totals > 0
    share = totals.sum() / max(np.count_nonzero(there), 1)
    with np.errstate(over="ignore"):
        weights = np.divide(share, totals, out=np.ones(len(totals)), where=there)
    return np.minimum(weights, np.finfo(weights.dtype).max)


def balanced_by(
    totals: Sequence[np.ndarray], tasks: Sequence[Task], class_weight: Any
) -> dict[str, Any] | None:
    """Replace "balanced" in ``class_weight`` by weights computed from those of the labels.

    Parameters
    ----------
    totals : sequence of ndarray of shape (n_classes,)
        For each task, the total weight of the labels of each class.
    tasks : sequence of Task
        The fitted tasks.
    class_weight : object
        Parameter of the estimators.

    Returns
    -------
    dict or None
        The class weights of each task, by its name; None if ``class_weight`` is None.
    """
    if class_weight is None:
        return None
    per_task = _per_task(tasks, class_weight)
    for task, own in zip(tasks, totals, strict=True):
        if isinstance(per_task[task.name], str):
            pairs = zip(task.classes.tolist(), _balanced(own).tolist(), strict=True)
            per_task[task.name] = dict(pairs)
    return per_task


def _per_task(tasks: Sequence[Task], class_weight: Any) -> dict[str, Any]:
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


def _check_class_weight(task: Task, weight: Any) -> None:
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
