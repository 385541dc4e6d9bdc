"""How far off predicted numbers may be: quantiles and standard deviations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.metaestimators import available_if

from .encoding.targets import TargetEncoder
from .tasks import NumberTask, Quantile
from .training import MultiTaskNet, TableRows, Validation


def _knows_quantiles(estimator: Any) -> bool:
    """Whether there are (or, before fit, could be) quantile tasks."""
    if not hasattr(estimator, "net_"):
        return estimator._family != "class"
    return any(isinstance(task, Quantile) for task in estimator._encoder.targets.tasks)


class Intervals:
    """Adds `predict_quantiles` to the estimators, and gives the deviations of `predict`."""

    _outputs: Any
    _rows: Any
    _encoder: Any
    _dispersion: np.ndarray | None
    net_: MultiTaskNet

    @available_if(_knows_quantiles)
    def predict_quantiles(self, X: Any) -> Any:
        """Predict the quantiles of the tasks of kind "quantile".

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features.

        Returns
        -------
        quantiles : DataFrame of shape (n_samples, n_quantiles), or list of these
            A column for each quantile, named by it, as 0.05; a row's never fall from left to
            right. They are means over the members. For a y of several columns a list in task
            order, None for a task of another kind.
        """
        outputs = self._outputs(X)
        index = X.index if isinstance(X, pd.DataFrame) else None
        parts = self._encoder.targets.split_outputs(outputs)
        results = [
            pd.DataFrame(task.predict_quantiles(part), index, task.levels)
            if isinstance(task, Quantile)
            else None
            for task, part in zip(self._encoder.targets.tasks, parts, strict=True)
        ]
        return results[0] if self._encoder.targets.form.ndim == 1 else results

    def _predict_std(self, X: Any) -> Any:
        """Give standard deviations in the form of y; see `predict`."""
        tasks = self._encoder.targets.tasks
        if all(task.has_classes for task in tasks):
            raise ValueError("return_std is for numbers, but every task has classes.")
        if self._dispersion is None:
            raise ValueError(
                "return_std needs rows of validation, to learn how far predictions are off, and "
                "the last training had none: fit with early_stopping=True."
            )
        numbers = zip(tasks, *spread(self.net_, self._rows(X), self._encoder.targets), strict=True)
        deviations = [
            np.sqrt(variances + factor * task.variance(means))
            if isinstance(task, NumberTask)
            else np.full(len(means), np.nan)
            for (task, means, variances), factor in zip(numbers, self._dispersion, strict=True)
        ]
        index = X.index if isinstance(X, pd.DataFrame) else None
        return self._encoder.targets.form.assemble_floats(deviations, index)


def spread(net: MultiTaskNet, rows: TableRows, targets: TargetEncoder) -> np.ndarray:
    """Compute the mean of the members' predicted numbers, and their variance around it.

    Returns
    -------
    ndarray of shape (2, n_tasks, n_rows)
        Means and variances, in the labels' units; NaN for a task with classes.
    """
    result = np.full((2, len(targets.tasks), len(rows)), np.nan)
    parts = targets.split_outputs(net.member_outputs(rows).numpy())
    member_weights = net.module_.mean.weights.cpu().double().numpy()
    for k, (task, members) in enumerate(zip(targets.tasks, parts, strict=True)):
        if not task.has_classes:
            predictions = np.stack([task.predict(own) for own in members])
            weights = member_weights[:, k]
            result[0, k] = weights @ predictions
            result[1, k] = weights @ (predictions - result[0, k]) ** 2
    return result


def dispersion(net: MultiTaskNet, validation: Validation) -> np.ndarray:
    """Learn what the members' variance lacks to the squared error of their mean.

    Parameters
    ----------
    net : MultiTaskNet
        The trained net.
    validation : Validation
        Rows that it was not trained on.

    Returns
    -------
    ndarray of shape (n_tasks,)
        Of each task the factor of its `variance`, such that with the members' variance it is on
        average the squared error, or zero if that is smaller; NaN without a label, and for
        classes.
    """
    tasks, labels = validation.targets.tasks, validation.labels
    factors = np.full(len(tasks), np.nan)
    means, variances = spread(net, validation.rows, validation.targets)
    for k, (task, column) in enumerate(zip(tasks, labels, strict=True)):
        if isinstance(task, NumberTask) and len(column.observed):
            mean, variance, weight = (
                part[column.mask] for part in (means[k], variances[k], validation.weights[:, k])
            )
            lacking = np.average((column.observed - mean) ** 2 - variance, weights=weight)
            factors[k] = max(lacking, 0.0) / np.average(task.variance(mean), weights=weight)
    return factors
