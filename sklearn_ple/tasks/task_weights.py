"""The weights of the tasks' losses, which may change with the epoch."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from ..utils.checks import shown
from ..utils.constraints import NOT_NEGATIVE
from .task import Task
from .task_parameters import by_task

# Squares of greater numbers overflow.
_GREATEST = 1e150

#: A number for all tasks, or one for each: in their order, or by name.
NumberByTask = ArrayLike | Mapping[str, float] | None


class TaskWeights:
    """Weights of the tasks at each epoch t: ``w_k(t) = w_k0 * gamma_k ** t``.

    Parameters
    ----------
    names : sequence of str
        Names of the tasks.
    task_weights : "labels", None, sequence of float or dict
        The weights at epoch 0, ``w_k0``: with "labels" in proportion to ``n_labels``, with a
        maximum of 1; 1 for all tasks if None, and for a task that the dict does not name.
    task_weight_decay : float, sequence of float or dict
        The factor per epoch, ``gamma_k``: 1, a constant weight, for a task that the dict does not
        name.
    n_labels : ndarray of shape (n_tasks,), optional
        Number of labels of each task, needed for "labels", see `count_labels`.
    watched : str, optional
        The task whose validation loss determines when training stops; by default all tasks.

    Attributes
    ----------
    watched : ndarray of shape (n_tasks,)
        Weights of the validation losses: those at epoch 0, or 1 for a single task.

    Raises
    ------
    ValueError
        If a weight or gamma is not a finite number or is negative, if all weights are 0, or if a
        gamma is 0; if there is no task of the name ``watched``.
    """

    def __init__(
        self,
        names: Sequence[str],
        task_weights: NumberByTask,
        task_weight_decay: NumberByTask,
        n_labels: np.ndarray | None = None,
        watched: str | None = None,
    ):
        if isinstance(task_weights, str) and n_labels is not None:
            task_weights = n_labels / n_labels.max()
        self.initial = _numbers(names, "task_weights", task_weights)
        if not self.initial.any():
            raise ValueError("task_weights is 0 for all tasks: at least one must be positive.")
        self.decay = _numbers(names, "task_weight_decay", task_weight_decay)
        self.watched = self.initial
        if watched is not None:
            weights = dict.fromkeys(names, 0) | {watched: 1}
            self.watched = _numbers(names, "early_stopping", weights)
        if zero := [name for name, gamma in zip(names, self.decay, strict=True) if not gamma]:
            raise ValueError(
                f"task_weight_decay of task {zero[0]!r} is 0, with which it would have no weight "
                "after the first epoch: it must be positive."
            )

    def at(self, epoch: int) -> np.ndarray:
        """Return the weights at an epoch, counted from 0, of shape (n_tasks,)."""
        return self.initial * self.decay**epoch


def count_labels(targets: np.ndarray, weights: np.ndarray, tasks: Sequence[Task]) -> np.ndarray:
    """Count the labels of each task by their weights; those with rare extreme numbers count less.

    The mean of squared errors is as uncertain as that of fewer labels if some errors are much
    larger than others. With the kurtosis k of the labels, its variance is ``k - 1`` divided by the
    number of labels, and 2 divided by it for a normal distribution. So ``n`` labels with a squared
    error count as ``n * min(1, 2 / (k - 1))``.

    Parameters
    ----------
    targets, weights : ndarray of shape (n_rows, n_tasks)
        The encoded labels, and their weights, which are 0 for missing labels.
    tasks : sequence of Task
        The fitted tasks.

    Returns
    -------
    ndarray of shape (n_tasks,)
        The numbers.
    """
    counts = weights.sum(axis=0)
    for position, task in enumerate(tasks):
        if task.fits_ridge and counts[position]:
            squares = (targets[:, position] ** 2).clip(max=_GREATEST)
            fourth = weights[:, position] @ squares**2 / counts[position]
            counts[position] *= min(1.0, 2 / max(fourth - 1, 1e-9))
    return counts


def _numbers(names: Sequence[str], parameter: str, value: NumberByTask) -> np.ndarray:
    values = by_task(value, names, parameter, default=1.0)
    for name, number in values.items():
        if not is_weight(number):
            raise ValueError(
                f"{parameter} of task {name!r} is {shown(number)}: it must be a finite number, "
                "0 or more."
            )
    return np.array(list(values.values()), dtype=np.float64)


def is_weight(value: object) -> bool:
    """Return whether a value is a finite number, 0 or more, and not a bool."""
    return NOT_NEGATIVE.is_satisfied_by(value)
