"""Temperatures, which calibrate the probabilities of tasks with classes."""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from ..tasks import ClassTask, Task
from ..utils.checks import is_ours

# Limits of the log temperature. If all labels were predicted correctly, the best one would be 0.
_LOG_TEMPERATURES = (-5.0, 5.0)


def find_temperatures(
    tasks: Sequence[Task], parts: Sequence[np.ndarray], targets: np.ndarray, weights: np.ndarray
) -> dict[str, float]:
    """Find the temperature of each task with classes and labels.

    Parameters
    ----------
    tasks : sequence of Task
        The fitted tasks. Those without classes or without a label get no temperature.
    parts : sequence of ndarray of shape (n_rows, n_outputs)
        The outputs of the network for each task.
    targets, weights : ndarray of shape (n_rows, n_tasks)
        The encoded labels and their weights, which are 0 for missing labels.

    Returns
    -------
    dict of str to float
        The temperatures, by task.

    Raises
    ------
    ValueError
        If no task with classes has a label; if all labels of a task are of one class.
    """
    temperatures = {}
    for task, part, codes, weight in zip(tasks, parts, targets.T, weights.T, strict=True):
        rows = np.flatnonzero(weight)
        if isinstance(task, ClassTask) and len(rows):
            codes = codes[rows].astype(int)
            _check_classes(task, codes)
            temperatures[task.name] = find_temperature(part[rows], codes, weight[rows])
    if not temperatures:
        raise ValueError(
            "y has no label of a task with classes: pass labels of at least one such task."
        )
    return temperatures


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


def find_temperature(outputs: np.ndarray, codes: np.ndarray, weights: np.ndarray) -> float:
    """Find the number for which logits that are divided by it have the lowest log loss.

    Parameters
    ----------
    outputs : ndarray of shape (n_rows, n_outputs)
        The outputs of the network for a task: the logit of the second of two classes, or those of
        all classes.
    codes : ndarray of int of shape (n_rows,)
        Positions of the labels among the classes.
    weights : ndarray of shape (n_rows,)
        Weights of the labels.

    Returns
    -------
    float
        The temperature. If it is above 1, probabilities become less extreme.
    """
    rows, logits = np.arange(len(outputs)), outputs
    if outputs.shape[1] == 1:
        logits = np.column_stack([np.zeros(len(outputs)), outputs])

    def log_loss(log_temperature: float) -> float:
        logs = log_softmax(logits / np.exp(log_temperature), axis=1)
        return -np.average(logs[rows, codes], weights=weights)

    found = minimize_scalar(
        log_loss, bounds=_LOG_TEMPERATURES, method="bounded", options={"xatol": 1e-8}
    )
    return float(np.exp(found.x))
