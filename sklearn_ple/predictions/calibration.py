"""Calibration of the probabilities of tasks with classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from ..tasks import ClassTask, Task
from ..utils.checks import is_ours

# Limits of the log temperature. If all labels were predicted correctly, the best one would be 0.
_LOG_TEMPERATURES = (-5.0, 5.0)


class Calibration:
    """Calibrates the outputs of tasks with classes; before `learn`, those of no task.

    Attributes
    ----------
    calibrators : dict of str to TemperatureScaling
        The fitted calibrators, by task.
    """

    calibrators: dict[str, TemperatureScaling]

    def __init__(self) -> None:
        self.calibrators = {}

    def learn(
        self,
        tasks: Sequence[Task],
        parts: Sequence[np.ndarray],
        targets: np.ndarray,
        weights: np.ndarray,
    ) -> Calibration:
        """Fit a calibrator for each task with classes and labels.

        Parameters
        ----------
        tasks : sequence of Task
            The fitted tasks. Those without classes or without a label are not calibrated.
        parts : sequence of ndarray of shape (n_rows, n_outputs)
            The outputs of the network for each task.
        targets, weights : ndarray of shape (n_rows, n_tasks)
            The encoded labels and their weights, which are 0 for missing labels.

        Returns
        -------
        Calibration
            The object itself.

        Raises
        ------
        ValueError
            If no task with classes has a label; if all labels of a task are of one class.
        """
        for task, part, codes, weight in zip(tasks, parts, targets.T, weights.T, strict=True):
            rows = np.flatnonzero(weight)
            if isinstance(task, ClassTask) and len(rows):
                codes = codes[rows].astype(int)
                _check_classes(task, codes)
                calibrator = TemperatureScaling().fit(part[rows], codes, weight[rows])
                self.calibrators[task.name] = calibrator
        if not self.calibrators:
            raise ValueError(
                "y has no label of a task with classes: pass labels of at least one such task."
            )
        return self

    def apply(self, tasks: Sequence[Task], parts: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Calibrate the outputs of each task, of shape (n_rows, n_outputs)."""
        return [
            self.calibrators[task.name].transform(part) if task.name in self.calibrators else part
            for task, part in zip(tasks, parts, strict=True)
        ]


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


def _logits(outputs: np.ndarray) -> np.ndarray:
    """Return a logit for each class, of shape (n_rows, n_classes)."""
    return np.column_stack([np.zeros(len(outputs)), outputs]) if outputs.shape[1] == 1 else outputs


class TemperatureScaling:
    """Calibrator that divides the logits of a task by one number, the temperature.

    Attributes
    ----------
    temperature_ : float
        The temperature. If it is above 1, probabilities become less extreme.
    """

    temperature_: float

    def fit(
        self, outputs: np.ndarray, codes: np.ndarray, weights: np.ndarray
    ) -> TemperatureScaling:
        """Find the temperature with the lowest log loss.

        Parameters
        ----------
        outputs : ndarray of shape (n_rows, n_outputs)
            The outputs of the network for the task.
        codes : ndarray of int of shape (n_rows,)
            Positions of the labels among the classes.
        weights : ndarray of shape (n_rows,)
            Weights of the labels.

        Returns
        -------
        TemperatureScaling
            The object itself.
        """
        logits, rows = _logits(outputs), np.arange(len(outputs))

        def log_loss(log_temperature: float) -> float:
            logs = log_softmax(logits / np.exp(log_temperature), axis=1)
            return -np.average(logs[rows, codes], weights=weights)

        found = minimize_scalar(
            log_loss, bounds=_LOG_TEMPERATURES, method="bounded", options={"xatol": 1e-8}
        )
        self.temperature_ = float(np.exp(found.x))
        return self

    def transform(self, outputs: np.ndarray) -> np.ndarray:
        """Calibrate outputs of shape (n_rows, n_outputs), and return them in the same form."""
        scaled = outputs / self.temperature_
        return scaled if outputs.shape[1] == 1 else log_softmax(scaled, axis=1)
