"""Probabilities that are right on average: calibration of the tasks with classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn.isotonic import IsotonicRegression
from sklearn.utils.metaestimators import available_if

from .class_methods import knows_classes
from .encoding.weights import weigh
from .tasks import ClassTask

# Where the labels are told without an error, the best temperature would be zero.
_LOG_TEMPERATURES = (-5.0, 5.0)


class CalibrationMixin:
    """Adds `calibrate` to the estimators, and calibrates what their networks put out."""

    _network_outputs: Any
    _encoder: Any
    calibrators_: dict[str, TemperatureScaling | IsotonicCalibration]

    @available_if(knows_classes)
    def calibrate(
        self, X: Any, y: Any, method: str = "temperature", sample_weight: Any = None
    ) -> CalibrationMixin:
        """Calibrate the probabilities of every task with classes, on rows not used in fit.

        It holds for all that follows from the probabilities, ``predict`` and ``score`` included,
        until the estimator is fitted or calibrated anew. Tasks that are numbers stay as they are,
        and so does a task without a label here.

        Of a task that ``depends_on`` another, the probability that both happen is calibrated, with
        the labels that follow from others filled in, and then lowered, where it is greater, to
        that of the task that it depends on.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features.
        y : {array-like, DataFrame} of shape (n_samples, n_tasks) or (n_samples,)
            The labels. NaN, None or NA where a task has no label.
        method : {"temperature", "isotonic"}, default="temperature"
            "temperature" divides a task's logits by one number, the one with the least log loss:
            predicted labels stay the same. "isotonic" replaces a class's probability by a step
            function of it that never falls, one for each class against the rest, whose values are
            then made to sum to one: it can mend more, takes about a thousand labels a task, and
            may change labels and make probabilities equal, or zero.
        sample_weight : array-like of shape (n_samples,) or (n_samples, n_tasks), default=None
            Weights of the rows, or of every single label.

        Returns
        -------
        self : object
            The calibrated estimator; ``calibrators_`` holds what was learnt, by task.

        Raises
        ------
        ValueError
            If the labels of a task are all of one class or, for "isotonic", lack a class; if no
            task has a label; if there is no such method.

        References
        ----------
        C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger. "On Calibration of Modern Neural Networks".
        ICML 2017.

        B. Zadrozny, C. Elkan. "Transforming Classifier Scores into Accurate Multiclass Probability
        Estimates". KDD 2002.
        """
        if method not in _METHODS:
            raise ValueError(f"method must be one of {list(_METHODS)}, not {method!r}.")
        outputs = self._network_outputs(X)
        labels, weights = weigh(self._encoder.targets.read(y, outputs), sample_weight)
        targets = self._encoder.targets.encode(labels)
        self._encoder.dependence.complete(labels, targets, weights)
        calibrators = {}
        parts = self._encoder.targets.split_outputs(outputs)
        for task, part, codes, weight in zip(
            self._encoder.targets.tasks, parts, targets.T, weights.T, strict=True
        ):
            rows = np.flatnonzero(weight)
            if isinstance(task, ClassTask) and len(rows):
                codes = codes[rows].astype(int)
                _check_classes(task, codes, method)
                calibrators[task.name] = _METHODS[method]().fit(part[rows], codes, weight[rows])
        if not calibrators:
            raise ValueError("y has no label of a task with classes: there is nothing to learn.")
        self.calibrators_ = calibrators
        return self

    def _outputs(self, X: Any) -> np.ndarray:
        """Compute the network's outputs, calibrated."""
        outputs = self._network_outputs(X)
        if not self.calibrators_:
            return outputs
        parts = self._encoder.targets.split_outputs(outputs)
        for position, name in enumerate(self._encoder.targets.names):
            if name in self.calibrators_:
                parts[position] = self.calibrators_[name].transform(parts[position])
        return np.hstack(self._encoder.dependence.ordered(parts))


def _check_classes(task: ClassTask, codes: np.ndarray, method: str) -> None:
    """Check that the labels hold the classes that a method learns from."""
    there = np.isin(np.arange(len(task.classes)), codes)
    if there.sum() == 1:
        raise ValueError(
            f"Task {task.name!r} has labels of one class only here, {task.classes[there][0]!r}: "
            "give rows of other classes too or, to leave the task as it is, none of its labels."
        )
    if method == "isotonic" and not there.all():
        raise ValueError(
            f"Task {task.name!r} has no label {task.classes[~there].tolist()[0]!r} here, whose "
            "probability would always be zero: give rows of all classes, or use "
            "method='temperature'."
        )


def _logits(outputs: np.ndarray) -> np.ndarray:
    """Give a logit for each class, of shape (n_rows, n_classes)."""
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
        """Give the scores of the classes, of two classes only that of the second."""
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
