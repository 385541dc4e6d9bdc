"""Scores of every task on the labels it has, and of all tasks as one number."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterable, Mapping
from inspect import signature
from typing import Any

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import (
    d2_absolute_error_score,
    d2_pinball_score,
    d2_tweedie_score,
    explained_variance_score,
    get_scorer,
    make_scorer,
    r2_score,
)

from .._sklearn import _BaseScorer, _check_response_method
from ..encoding import read_weights
from ..tasks import of_any_unit
from ..warn import warn
from .views import ScoredTask, plain_array, scored_tasks

# Metrics of numbers that do not depend on their unit.
_OF_ANY_UNIT = {
    r2_score,
    explained_variance_score,
    d2_absolute_error_score,
    d2_pinball_score,
    d2_tweedie_score,
}


def multitask_scores(
    estimator_or_y_pred: Any,
    X: Any,
    y: Any,
    metrics: Any = None,
    sample_weight: Any = None,
) -> dict[str, float]:
    """Score every task on the labels that it has.

    Parameters
    ----------
    estimator_or_y_pred : object, array-like, DataFrame or list
        A fitted estimator of this package, by itself, as the last step of a pipeline or in a
        search. Or predictions: labels and numbers in the form of y, or a list of probabilities as
        ``predict_proba`` returns it, with one entry per task. None leaves the task out.
    X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features) or None
        The features; not read where predictions are given.
    y : {array-like, DataFrame} of shape (n_samples, n_tasks) or (n_samples,)
        The labels. NaN, None or NA where a task has no label.
    metrics : str, callable, dict or None, default=None
        The name of a scorer of scikit-learn, a result of :func:`sklearn.metrics.make_scorer`, or a
        function ``metric(y_true, y_pred)`` of labels, where greater is better. One for all tasks,
        or a dict by task. For None, and for a task that the dict does not name, see Notes.
    sample_weight : array-like of shape (n_samples,) or (n_samples, n_tasks), default=None
        Weights of the rows, or of every single label.

    Returns
    -------
    scores : dict
        The score of every task by its name, NaN where it is undefined.

    Raises
    ------
    ValueError
        If y has other tasks than the estimator, if metrics names an unknown task, or if a task
        cannot be scored by its metric, for example because there are no probabilities.
    TypeError
        If the estimator has no tasks, like those of this package.

    Warns
    -----
    UndefinedMetricWarning
        If a task has too few labels for its metric: none, a single one, or of one class only.

    See Also
    --------
    multitask_score : The scores as one number.
    make_multitask_scorer : That number as a scorer, for a search.

    Notes
    -----
    The default metrics depend neither on a label's unit nor on a threshold:

    - two classes: the area under the ROC curve (ROC AUC);
    - more classes: the mean one-vs-rest ROC AUC of the classes that y holds;
    - regression: R²;
    - quantile, huber: D², the share of the absolute error that is explained;
    - count: D², the share of the Poisson deviance that is explained, which corresponds to R² for
      the squared error, but is not dominated by the greatest counts;
    - tweedie: D² of the deviance of its power; hurdle: D² of the deviance of power 1.5;
    - survival: :func:`concordance_index`.

    If labels are passed as predictions, a task is a number if its predictions or labels have
    fractions, unless the column of y is categorical; otherwise its labels are classes.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ple.metrics import multitask_scores
    >>> y = [["yes", 1.5], ["no", np.nan], ["no", 3.5], [None, 2.5]]
    >>> y_pred = [["yes", 2.0], ["yes", 9.0], ["no", 3.0], ["no", 2.5]]
    >>> multitask_scores(y_pred, None, y, metrics={"y0": "accuracy"})
    {'y0': 0.666..., 'y1': 0.75}
    """
    tasks = scored_tasks(estimator_or_y_pred, X, y)
    if not isinstance(metrics, Mapping):
        metrics = {task.name: metrics for task in tasks}
    check_task_names("metrics", metrics, [task.name for task in tasks])
    weights = _weights_of(tasks, sample_weight)
    return {
        task.name: score_task(task, metrics.get(task.name), weight)
        for task, weight in zip(tasks, weights, strict=True)
    }


def multitask_score(
    estimator_or_y_pred: Any,
    X: Any,
    y: Any,
    metrics: Any = None,
    average: Any = "mean",
    sample_weight: Any = None,
) -> float:
    """Score all tasks by one number; tasks whose score is undefined are skipped.

    Parameters
    ----------
    estimator_or_y_pred : object, array-like, DataFrame or list
        A fitted estimator or predictions, as in :func:`multitask_scores`.
    X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features) or None
        The features; not read where predictions are given.
    y : {array-like, DataFrame} of shape (n_samples, n_tasks) or (n_samples,)
        The labels. NaN, None or NA where a task has no label.
    metrics : str, callable, dict or None, default=None
        What to score by, as in :func:`multitask_scores`.
    average : {"mean", "worst"} or dict, default="mean"
        How the scores of the tasks become one: their mean, the worst of them, or a weighted mean,
        with a dict from task to weight. A task that is not named does not count.
    sample_weight : array-like of shape (n_samples,) or (n_samples, n_tasks), default=None
        Weights of the rows, or of every single label.

    Returns
    -------
    score : float
        The greater the better; NaN if no task has a score.

    Raises
    ------
    ValueError
        As :func:`multitask_scores`, and if average is none of these.

    See Also
    --------
    multitask_scores : The scores of the tasks.

    Examples
    --------
    >>> from sklearn_ple.metrics import multitask_score
    >>> y = [["yes", 1], ["no", 2], ["no", 3], [None, 2]]
    >>> y_pred = [["yes", 1], ["yes", 2], ["no", 1], ["no", 1]]
    >>> multitask_score(y_pred, None, y, metrics="accuracy")
    0.583...
    >>> multitask_score(y_pred, None, y, metrics="accuracy", average="worst")
    0.5
    >>> multitask_score(y_pred, None, y, metrics="accuracy", average={"y0": 3, "y1": 1})
    0.625
    """
    check_average(average)
    scores = multitask_scores(estimator_or_y_pred, X, y, metrics, sample_weight)
    by_weight = isinstance(average, Mapping)
    if by_weight:
        check_task_names("average", average, scores)
    defined = {name: score for name, score in scores.items() if not np.isnan(score)}
    weights = [average.get(name, 0) if by_weight else 1 for name in defined]
    if not any(weights):
        return float("nan")
    if average == "worst":
        return min(defined.values())
    return float(np.average(list(defined.values()), weights=weights))


def check_average(average: Any) -> None:
    """Check that the average of tasks' scores is a known one."""
    if isinstance(average, Mapping):
        weights = np.array(list(average.values()), dtype=np.float64)
        if not (weights >= 0).all() or not weights.any():
            raise ValueError(
                f"The weights of average must be 0 or more, and one greater: got {dict(average)}."
            )
    elif average not in ("mean", "worst"):
        raise ValueError(
            f"average must be 'mean', 'worst' or a dict from task to weight, not {average!r}."
        )


def check_task_names(parameter: str, named: Iterable[str], names: Iterable[str]) -> None:
    """Check that a parameter names existing tasks only."""
    if unknown := sorted(set(named) - set(names), key=str):
        raise ValueError(f"{parameter} names {unknown}, but the tasks are {list(names)}.")


def score_one_task(
    estimator: Any, X: Any, y: Any, task: str, metric: Any = None, sample_weight: Any = None
) -> float:
    """Score one task among those of an estimator; see `multitask_scores`."""
    tasks = scored_tasks(estimator, X, y)
    check_task_names("task_scorer", [task], [scored.name for scored in tasks])
    weights = _weights_of(tasks, sample_weight)
    pairs = zip(tasks, weights, strict=True)
    ((scored, weight),) = (pair for pair in pairs if pair[0].name == task)
    return score_task(scored, metric, weight)


def _weights_of(tasks: list[ScoredTask], sample_weight: Any) -> list[np.ndarray | None]:
    """Return the weights of every task's rows, None where there are none."""
    if sample_weight is None:
        return [None] * len(tasks)
    return list(read_weights(sample_weight, len(tasks[0].labels), len(tasks)).T)


# -- one task -------------------------------------------------------------------------------------


def metric_name(metric: Any) -> str:
    """Return the name of a metric in any of its forms."""
    if isinstance(metric, str):
        return metric
    return getattr(getattr(metric, "_score_func", metric), "__name__", repr(metric))


def scorer_of(task: ScoredTask, metric: Any) -> _BaseScorer:
    """Turn a metric into one of scikit-learn's scorers, ready for a task."""
    scorer = metric if isinstance(metric, (str, _BaseScorer)) else make_scorer(metric)
    scorer = copy.copy(get_scorer(scorer))
    methods = scorer._response_method
    try:
        _check_response_method(task.view, methods)
    except AttributeError:
        raise ValueError(
            f"it needs {methods if isinstance(methods, str) else ' or '.join(methods)}. "
            + (
                f"The task's labels are numbers (kind {task.kind!r}): take a metric of numbers."
                if task.classes is None
                else "Give the estimator or the probabilities, as predict_proba returns them, in "
                "place of labels, or take a metric of labels such as 'accuracy'."
            )
        ) from None
    if task.classes is None and scorer._score_func in _OF_ANY_UNIT:
        scorer._score_func = of_any_unit(scorer._score_func)
    # Else the classes would be taken from the labels, which may lack one.
    if methods != "predict" and "labels" in signature(scorer._score_func).parameters:
        scorer._kwargs = {"labels": task.classes} | scorer._kwargs
    return scorer


def score_task(task: ScoredTask, metric: Any, weights: np.ndarray | None = None) -> float:
    """Score one task by scikit-learn's scorer, on the rows that have a label and a weight."""
    task = task.coded()
    there = task.labels.notna().to_numpy()
    if weights is not None:
        there = there & (weights > 0)
    rows = np.flatnonzero(there)
    labels = plain_array(task.labels.iloc[rows])
    metric = task.metric if metric is None else metric
    name = repr(metric) if isinstance(metric, str) else metric_name(metric)
    n_labels = "1 label" if len(rows) == 1 else f"{len(rows)} labels"
    score, caught, reason = np.nan, [], "there is nothing to compare."
    if len(rows):
        try:
            scorer = scorer_of(task, metric)
            options = {} if weights is None else {"sample_weight": weights[rows]}
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                score = scorer(task.view, rows, labels, **options)
        except (TypeError, ValueError, ZeroDivisionError) as error:
            if len(np.unique(labels)) > 1:
                raise ValueError(
                    f"Task {task.name!r} cannot be scored by {name}: {error}"
                ) from error
            reason = str(error)
    if np.isnan(score):
        reason = next((str(warning.message) for warning in caught), reason)
        warn(
            f"Task {task.name!r} has no score by {name} on its {n_labels}: {reason}",
            UndefinedMetricWarning,
        )
    else:
        for warning in caught:
            message = f"Task {task.name!r}: {warning.message}"
            warn(message, warning.category)
    return float(score)
