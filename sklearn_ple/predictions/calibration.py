"""Probabilities that are right on average: calibration of the tasks with classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn.isotonic import IsotonicRegression

from ..tasks import ClassTask, Task

# Where the labels are predicted without an error, the best temperature would be zero.
_LOG_TEMPERATURES = (-5.0, 5.0)


class Calibration:
    """Calibrates the outputs of the tasks that it was learnt for; at first, of none.

    Attributes
    ----------
    calibrators : dict of str to TemperatureScaling or IsotonicCalibration
        What was learnt, by task.
    """

    def __init__(self) -> None:
        self.calibrators: dict[str, TemperatureScaling | IsotonicCalibration] = {}

    def learn(
        self,
        method: str,
        tasks: Sequence[Task],
        parts: Sequence[np.ndarray],
        targets: np.ndarray,
        weights: np.ndarray,
    ) -> Calibration:
        """Learn from the labels of rows.

        Parameters
        ----------
        method : {"temperature", "isotonic"}
            How.
        tasks : sequence of Task
            The fitted tasks. Those without classes or without a label stay as they are.
        parts : sequence of ndarray of shape (n_rows, n_outputs)
            The network's outputs for each task.
        targets, weights : ndarray of shape (n_rows, n_tasks)
            The encoded labels, and their weights, zero where there is none.
        """
        if method not in _METHODS:
            raise ValueError(f"method must be one of {list(_METHODS)}, not {method!r}.")
        for task, part, codes, weight in zip(tasks, parts, targets.T, weights.T, strict=True):
            rows = np.flatnonzero(weight)
            if isinstance(task, ClassTask) and len(rows):
                codes = codes[rows].astype(int)
                _check_classes(task, codes, method)
                calibrator = _METHODS[method]()
                self.calibrators[task.name] = calibrator.fit(part[rows], codes, weight[rows])
        if not self.calibrators:
            raise ValueError("y has no label of a task with classes: there is nothing to learn.")
        return self

    def apply(self, tasks: Sequence[Task], parts: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Calibrate the outputs of each task, of shape (n_rows, n_outputs)."""
        return [
            self.calibrators[task.name].transform(part) if task.name in self.calibrators else part
            for task, part in zip(tasks, parts, strict=True)
        ]


def _check_classes(task: ClassTask, codes: np.ndarray, method: str) -> None:
    """Check that the labels hold the classes that a method learns from."""
    there = np.isin(np.arange(len(task.classes)), codes)
    if there.sum() == 1:
        raise ValueError(
            f"Task {task.name!r} has labels of one class only here, {task.classes[there][0]!r}: "
            "pass rows of other classes too or, to leave the task as it is, none of its labels."
        )
    if method == "isotonic" and not there.all():
        raise ValueError(
            f"Task {task.name!r} has no label {task.classes[~there].tolist()[0]!r} here, whose "
            "probability would always be zero: pass rows of all classes, or use "
            "method='temperature'."
        )


def _logits(outputs: np.ndarray) -> np.ndarray:
    """Return a logit for each class, of shape (n_rows, n_classes)."""
    return np.column_stack([np.zeros(len(outputs)), outputs]) if outputs.shape[1] == 1 else outputs


class TemperatureScaling:
    """Divides logits by one number.

    Attributes
    ----------
    temperature_ : float
        That number. Above 1, probabilities become less sure.
    """

    def fit(
        self, outputs: np.ndarray, codes: np.ndarray, weights: np.ndarray
    ) -> TemperatureScaling:
        """Find the temperature of the least log loss.

        Parameters
        ----------
        outputs : ndarray of shape (n_rows, n_outputs)
            The network's outputs for a task.
        codes : ndarray of int of shape (n_rows,)
            The labels' positions among the classes.
        weights : ndarray of shape (n_rows,)
            The labels' weights.
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
        """Calibrate outputs."""
        scaled = outputs / self.temperature_
        return scaled if outputs.shape[1] == 1 else log_softmax(scaled, axis=1)


class IsotonicCalibration:
    """Replaces each class's probability by a step function of it.

    Attributes
    ----------
    regressions_ : list of IsotonicRegression
        One for each class against the rest; of two classes, that of the second.
    """

    def fit(
        self, outputs: np.ndarray, codes: np.ndarray, weights: np.ndarray
    ) -> IsotonicCalibration:
        """Fit the step functions; the parameters are those of `TemperatureScaling`."""
        scores = self._scores(outputs)
        classes = [1] if scores.shape[1] == 1 else range(scores.shape[1])
        self.regressions_ = [
            IsotonicRegression(out_of_bounds="clip").fit(column, codes == k, sample_weight=weights)
            for k, column in zip(classes, scores.T, strict=True)
        ]
        return self

    @staticmethod
    def _scores(outputs: np.ndarray) -> np.ndarray:
        """Return the scores of the classes, of two classes only that of the second."""
        logits = _logits(outputs)
        two = logits.shape[1] == 2
        return logits[:, [1]] - logits[:, [0]] if two else log_softmax(logits, axis=1)

    def transform(self, outputs: np.ndarray) -> np.ndarray:
        """Calibrate outputs."""
        columns = zip(self.regressions_, self._scores(outputs).T, strict=True)
        proba = np.column_stack([step.predict(column) for step, column in columns])
        if proba.shape[1] == 1:
            proba = np.hstack([1 - proba, proba])
        total = proba.sum(axis=1, keepdims=True)
        # Where no class is possible, all are equally probable, as in scikit-learn.
        uniform = np.full_like(proba, 1 / proba.shape[1])
        proba = np.divide(proba, total, out=uniform, where=total > 0)
        logs = np.log(np.maximum(proba, np.finfo(np.float64).tiny))
        return logs[:, [1]] - logs[:, [0]] if outputs.shape[1] == 1 else logs


_METHODS: dict[str, type[TemperatureScaling | IsotonicCalibration]] = {
    "temperature": TemperatureScaling,
    "isotonic": IsotonicCalibration,
}
