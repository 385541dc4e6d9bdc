"""Temperatures and intercepts, which calibrate the probabilities of tasks with classes."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax

from ..encoding.class_weights import find_shifts
from ..tasks import ClassTask, Task
from ..utils.checks import is_ours
from ..utils.types import ClassWeight

# Limits of 1 / temperature. If all labels were predicted correctly, it would be infinite.
_SLOPES = (np.exp(-5.0), np.exp(5.0))


class Correction(NamedTuple):
    """The correction of a task's logits: they are divided by a number, and others are added.

    Attributes
    ----------
    temperature : float
        The divisor. If it is above 1, probabilities become less extreme.
    intercepts : list of float
        What is then added to each output.
    """

    temperature: float
    intercepts: list[float]

    def apply(self, outputs: np.ndarray) -> np.ndarray:
        """Correct outputs of shape (n_rows, n_outputs)."""
        return outputs / self.temperature + self.intercepts


def split_corrections(
    corrections: Mapping[str, Correction],
) -> tuple[dict[str, float], dict[str, list[float]]]:
    """Return the temperatures and the intercepts of the tasks."""
    return (
        {name: one.temperature for name, one in corrections.items()},
        {name: one.intercepts for name, one in corrections.items()},
    )


def join_corrections(
    temperatures: Mapping[str, float], intercepts: Mapping[str, list[float]]
) -> dict[str, Correction]:
    """Return the corrections of the tasks, the opposite of `split_corrections`."""
    return {name: Correction(temperatures[name], intercepts[name]) for name in temperatures}


def find_corrections(
    tasks: Sequence[Task],
    parts: Sequence[np.ndarray],
    targets: np.ndarray,
    weights: np.ndarray,
    class_weight: ClassWeight = None,
) -> dict[str, Correction]:
    """Find the correction of each task with classes and labels.

    Parameters
    ----------
    tasks : sequence of Task
        The fitted tasks. Those without classes or without a label get no correction.
    parts : sequence of ndarray of shape (n_rows, n_outputs)
        The outputs of the network for each task.
    targets, weights : ndarray of shape (n_rows, n_tasks)
        The encoded labels and their weights, which are 0 for missing labels.
    class_weight : object, default=None
        Parameter of the estimator.

    Returns
    -------
    dict of str to Correction
        The corrections, by task.

    Raises
    ------
    ValueError
        If no task with classes has a label; if all labels of a task are of one class.
    """
    corrections = {}
    shifts = find_shifts(targets, weights, tasks, class_weight)
    for task, part, codes, weight, shift in zip(
        tasks, parts, targets.T, weights.T, shifts, strict=True
    ):
        rows = np.flatnonzero(weight)
        if isinstance(task, ClassTask) and len(rows):
            codes = codes[rows].astype(int)
            _check_classes(task, codes)
            corrections[task.name] = find_correction(part[rows], codes, weight[rows], shift)
    if not corrections:
        raise ValueError(
            "y has no label of a task with classes: pass labels of at least one such task."
        )
    return corrections


def _check_classes(task: ClassTask, codes: np.ndarray) -> None:
    """Check that the outputs are logits, and that the labels are of several classes."""
    owner = next(cls for cls in type(task).__mro__ if "predict_proba" in vars(cls))
    if not is_ours(owner):
        raise ValueError(
            f"Task {task.name!r}: {owner.__name__} computes its probabilities itself, and "
            "calibrate takes outputs for logits. Calibrate its view with scikit-learn instead: "
            f"CalibratedClassifierCV(FrozenEstimator(model.task_view({task.name!r})))."
        )
    there = np.isin(np.arange(len(task.classes)), codes)
    if there.sum() == 1:
        raise ValueError(
            f"Task {task.name!r} has labels of one class only here, "
            f"{task.classes[there].tolist()[0]!r}: pass rows of other classes, too, or remove its "
            "labels to leave it uncalibrated."
        )


def find_correction(
    outputs: np.ndarray, codes: np.ndarray, weights: np.ndarray, shift: np.ndarray | float = 0.0
) -> Correction:
    """Find the correction of logits that has the lowest log loss.

    Parameters
    ----------
    outputs : ndarray of shape (n_rows, n_outputs)
        The outputs of the network for a task: the logit of the second of two classes, or those of
        all classes.
    codes : ndarray of int of shape (n_rows,)
        Positions of the labels among the classes.
    weights : ndarray of shape (n_rows,)
        Weights of the labels.
    shift : ndarray of shape (n_classes,) or float, default=0.0
        What training has added to the logits of the classes, beyond what is true. A class without
        a label in these rows, of which nothing can be learnt, has it taken back.

    Returns
    -------
    Correction
        The correction.
    """
    logits = outputs
    if outputs.shape[1] == 1:
        logits = np.column_stack([np.zeros(len(outputs)), outputs])
    n_classes = logits.shape[1]
    is_label = codes[:, np.newaxis] == np.arange(n_classes)
    there = is_label.any(axis=0)
    shares = weights / weights.sum()
    start = -np.broadcast_to(shift, n_classes).astype(float)

    def log_loss(found: np.ndarray) -> tuple[float, np.ndarray]:
        logs = log_softmax(found[0] * logits + found[1:], axis=1)
        errors = shares[:, np.newaxis] * (np.exp(logs) - is_label)
        # As the logits' sum is free, the intercepts of classes with labels keep their mean.
        sums = np.where(there, errors.sum(axis=0), 0.0)
        sums[there] -= sums[there].mean()
        return -(shares @ logs[is_label]), np.concatenate([[(errors * logits).sum()], sums])

    # The loss is convex in these.
    found = minimize(
        log_loss,
        np.concatenate([[1.0], start]),
        jac=True,
        method="L-BFGS-B",
        bounds=[_SLOPES] + [(None, None)] * n_classes,
        options={"ftol": 1e-15, "gtol": 1e-9, "maxiter": 1000},
    ).x
    intercepts = found[1:] - found[1:].mean()
    if outputs.shape[1] == 1:
        intercepts = np.diff(intercepts)
    return Correction(float(1 / found[0]), intercepts.tolist())
