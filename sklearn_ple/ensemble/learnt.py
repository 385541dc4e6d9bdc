"""What a blend learns from the out-of-fold predictions of its estimators."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ..encoding.prerequisites import Prerequisites
from ..metrics.scores import score_task
from ..metrics.views import ScoredTask, to_plain_array
from ..predictions.calibration import Correction, find_correction
from ..predictions.copula import Copula
from ..predictions.errors import StandardisedErrors, centre_errors, find_errors
from ..predictions.joint import Distributions, encode_labels, learn_copula
from ..tasks import Task, array_of
from .blend_weights import Evidence, learn_weights
from .blended import Blended
from .labelled_rows import LabelledRows


class OwnLabels(NamedTuple):
    """Labels of a task in rows that all estimators predict out of fold.

    Attributes
    ----------
    row_numbers : ndarray of int of shape (n_labels,)
        Numbers of the rows.
    values : ndarray of shape (n_labels,)
        The positions of the classes, or the numbers.
    weights : ndarray of shape (n_labels,)
        The weights of the labels.
    """

    row_numbers: np.ndarray
    values: np.ndarray
    weights: np.ndarray


@dataclass(eq=False)
class Learnt:
    """What a blend learns from out-of-fold predictions.

    Attributes
    ----------
    weights : ndarray of shape (n_tasks, n_estimators)
        The weights of the estimators for each task.
    scores : ndarray of shape (n_tasks, n_estimators + 1)
        The scores of the estimators and of the blend.
    errors : list of StandardisedErrors or None
        The errors of each task that is a number; None without out-of-fold predictions.
    sizes : list of float
        The standard deviation of each task, as a multiple of `deviate`.
    corrections : dict of str to Correction
        The correction of the logarithms of probabilities, for each task with classes.
    copula : Copula or None
        How the tasks depend on each other; None without out-of-fold predictions.
    """

    weights: np.ndarray
    scores: np.ndarray
    errors: list[StandardisedErrors | None]
    sizes: list[float]
    corrections: dict[str, Correction]
    copula: Copula | None

    @classmethod
    def of(
        cls, rows: LabelledRows, fitted: Mapping[str, Blended], weights: str | ArrayLike
    ) -> Self:
        """Learn from the predictions of rows by models that were not trained on them.

        Parameters
        ----------
        rows : LabelledRows
            The rows.
        fitted : mapping of str to Blended
            The fitted estimators by name.
        weights : {"auto", "equal"} or array-like of shape (n_estimators,)
            The parameter of the blend.

        Returns
        -------
        Learnt
            What was learnt.
        """
        tasks, table = rows.targets.tasks, rows.frame()
        predictions = [
            np.stack([one.out_of_fold[k] for one in fitted.values()]) for k in range(len(tasks))
        ]
        known = [np.isfinite(part).all(axis=(0, *range(2, part.ndim))) for part in predictions]
        codes = encode_labels(tasks, rows.labels)
        labelled = []
        for k, (column, there) in enumerate(zip(rows.labels, known, strict=True)):
            row_numbers = np.flatnonzero(there & column.mask)
            labelled.append(
                OwnLabels(row_numbers, codes[row_numbers, k], rows.weights[row_numbers, k])
            )
        mix = np.full((len(tasks), len(fitted)), 1 / len(fitted))
        if weights == "auto":
            pairs = zip(tasks, predictions, labelled, strict=True)
            mix = learn_weights([_gather(task, part, own) for task, part, own in pairs])
        blended = [
            np.tensordot(of_task, np.nan_to_num(part), 1)
            for of_task, part in zip(mix, predictions, strict=True)
        ]
        triples = list(zip(tasks, blended, labelled, strict=True))
        learnt = [_learn_errors(*triple) for triple in triples]
        sizes, errors = map(list, zip(*learnt, strict=True))
        corrections = {
            task.name: find_correction(
                take_logarithms(part[own.row_numbers]), own.values.astype(int), own.weights
            )
            for task, part, own in triples
            if task.has_classes and len(np.unique(own.values)) > 1
        }
        copula = None
        of_all = np.flatnonzero(np.all(known, axis=0))
        if len(of_all):
            shared = [part[of_all] for part in blended]
            distributions = Distributions(shared, list(map(deviate, tasks, shared, sizes)), errors)
            labels = codes[of_all], rows.weights[of_all]
            copula = learn_copula(tasks, distributions, Prerequisites(None, tasks), *labels)
        for task, there in zip(tasks, known, strict=True):
            table.loc[~there, task.name] = None if task.has_classes else np.nan
        parts = [*(one.out_of_fold for one in fitted.values()), blended]
        scores = [
            [_score(task, part[k], table[task.name]) for part in parts]
            for k, task in enumerate(tasks)
        ]
        return cls(mix, np.array(scores), errors, sizes, corrections, copula)


def _learn_errors(
    task: Task, blended: np.ndarray, own: OwnLabels
) -> tuple[float, StandardisedErrors | None]:
    """Return the size of the errors of a number, and the errors; None without labels."""
    if task.has_classes or not len(own.row_numbers):
        return 1.0, None
    predicted = blended[own.row_numbers]
    errors, deviations = find_errors(task, own.values, predicted), deviate(task, predicted)
    centred = centre_errors(task, errors, own.weights)
    size = StandardisedErrors.standardise(centred, deviations, own.weights).find_size()
    return size, StandardisedErrors.standardise(errors, size * deviations, own.weights)


def deviate(task: Task, predicted: np.ndarray, size: float = 1.0) -> np.ndarray:
    """Return the standard deviations of errors of predicted numbers; NaN for classes."""
    if task.has_classes:
        return np.full(len(predicted), np.nan)
    return size * np.sqrt(array_of(task, "variance", predicted))


def take_logarithms(probabilities: np.ndarray) -> np.ndarray:
    """Return the logarithms of probabilities, which are finite."""
    return np.log(probabilities.clip(np.finfo(np.float64).tiny))


def _gather(task: Task, predictions: np.ndarray, own: OwnLabels) -> Evidence:
    predictions, weights = predictions[:, own.row_numbers], own.weights
    if task.has_classes:
        return Evidence.of_classes(predictions, own.values, weights)
    if task.log_scale:
        # Errors are in proportion to the numbers: by their squares, few large ones would decide.
        means = predictions.mean(axis=0)
        weights = weights / means.clip(np.finfo(means.dtype).tiny)
    return Evidence.of_numbers(predictions, own.values, weights)


def _score(task: Task, predicted: np.ndarray, labels: pd.Series) -> float:
    """Score recorded predictions of a task; labels are missing in rows without them."""
    if not labels.notna().any():
        return np.nan
    predicted = np.nan_to_num(predicted)
    classes, responses = None, {"predict": lambda: predicted}
    if task.has_classes:
        classes = to_plain_array(pd.Series(task.classes))
        best = classes[predicted.argmax(axis=1)]
        responses = {"predict": lambda: best, "predict_proba": lambda: predicted}
    return score_task(ScoredTask(task.name, labels, task, classes, responses), None)
