"""Scores of each task on the rows with a label, and a single score of all tasks."""

import copy
from collections.abc import Mapping, Sequence
from inspect import signature
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
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

from ..tasks import ONE_VS_REST_AUC, check_task_names, find_task, ignore_unit, is_weight
from ..utils._sklearn import _BaseScorer, _check_response_method
from ..utils.checks import shown
from ..utils.warn import collected, warn
from .scored_tasks import read_tasks
from .views import Average, Metric, Metrics, PredictionError, ScoredTask, to_plain_array

# Metrics of numbers that do not depend on the unit of the numbers.
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
    metrics: Metrics = None,
    sample_weight: ArrayLike | None = None,
) -> dict[str, float]:
    """Compute the score of each task on the rows that have a label for it.

    Parameters
    ----------
    estimator_or_y_pred : object, array-like, DataFrame or list
        A fitted estimator of this package, alone, as the last step of a pipeline or in a search.
        Or predictions: labels and numbers in the form of y; or probabilities, as returned by
        ``predict_proba``, a list with one entry for each task, or by ``predict_proba_frame``. A
        task whose entry is None, or that the frame lacks, is left out. If y and the predictions
        are data frames, columns of the same name belong together. The columns of a frame of
        probabilities may name the classes, in any order. Where a task has no label, a predicted
        label or number may be missing.
    X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features), dataset or None
        The features; not used if predictions are passed. Of a dataset, or a path, as in ``fit``,
        labels and predictions are kept in memory, but not the features.
    y : {array-like, DataFrame} of shape (n_samples, n_tasks) or (n_samples,)
        The labels. NaN, None or NA where a task has no label. For a dataset, the names of its
        columns; ``sample_weight`` then names a column, too.
    metrics : str, callable, dict or None, default=None
        The metric of all tasks, or a dict from the name of a task to its metric. A metric is the
        name of a scorer of scikit-learn, a result of :func:`sklearn.metrics.make_scorer`, or a
        function ``metric(y_true, y_pred)`` of labels that returns a score, where greater is
        better. For None, and for a task that the dict does not name, see Notes.
    sample_weight : array-like of shape (n_samples,) or (n_samples, n_tasks), default=None
        Weights of the rows, or of every single label.

    Returns
    -------
    scores : dict of str to float
        The score of each task by its name; NaN if it is undefined.

    Raises
    ------
    ValueError
        If y has other tasks than the estimator, or labels of another type; if only some of the
        predictions have names of y, or if they lack rows with a label; if metrics names an unknown
        task, or if a metric cannot be computed, for example because it needs probabilities and
        labels were passed.
    TypeError
        If the estimator cannot predict, or does not have tasks like those of this package.

    Warns
    -----
    UndefinedMetricWarning
        If a task has too few labels for its metric: none, only one, or labels of only one class.

    See Also
    --------
    multitask_score : Combines the scores into one number.
    make_multitask_scorer : Makes a scorer of this number, for hyperparameter search.

    Notes
    -----
    The default metrics depend neither on the unit of the labels nor on a threshold:

    - two classes: the area under the ROC curve (ROC AUC);
    - more classes: the mean one-vs-rest ROC AUC of the classes in y;
    - regression, log: R²;
    - quantile, huber: D², the share of the absolute error that is explained;
    - count: D², the share of the Poisson deviance that is explained. It corresponds to R² for the
      squared error, but is not dominated by the largest counts;
    - tweedie: D² of the Tweedie deviance with the power of the task; hurdle: D² of the Tweedie
      deviance with power 1.5. For these and for counts, a prediction of 0 or less counts as the
      least positive number, because its deviance is infinite;
    - survival: :func:`concordance_index`.

    If labels are passed as predictions, the kind of a task follows from the values of both, by the
    rule of ``task_types="auto"``: integers are numbers if more than 10 are distinct or if they
    look like counts, and so are floats, unless they are at most two whole numbers. Other labels,
    and those of a categorical column of y, are classes.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ple.metrics import multitask_scores
    >>> y = [["yes", 1.5], ["no", np.nan], ["no", 3.5], [None, 2.5]]
    >>> y_pred = [["yes", 2.0], ["yes", 9.0], ["no", 3.0], ["no", 2.5]]
    >>> multitask_scores(y_pred, None, y, metrics={"y0": "accuracy"})
    {'y0': 0.666..., 'y1': 0.75}
    """
    return _score_tasks(read_tasks(estimator_or_y_pred, X, y, sample_weight), metrics)


def _score_tasks(tasks: list[ScoredTask], metrics: Metrics) -> dict[str, float]:
    """Score the tasks that have predictions."""
    metrics = assign_metrics(metrics, [scored.name for scored in tasks])
    return {
        scored.name: score_task(scored, metrics[scored.name])
        for scored in tasks
        if scored.task is not None
    }


def assign_metrics(metrics: Metrics, names: Sequence[str]) -> dict[str, Any]:
    """Return the metric of each task; None stands for that of its kind."""
    if isinstance(metrics, Mapping):
        check_task_names("metrics", metrics, names)
        return {name: metrics.get(name) for name in names}
    return dict.fromkeys(names, metrics)


def multitask_score(
    estimator_or_y_pred: Any,
    X: Any,
    y: Any,
    metrics: Metrics = None,
    average: Average = "mean",
    sample_weight: ArrayLike | None = None,
) -> float:
    """Combine the scores of all tasks into one number; undefined scores are skipped.

    Parameters
    ----------
    estimator_or_y_pred : object, array-like, DataFrame or list
        A fitted estimator or predictions, as in :func:`multitask_scores`.
    X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features), dataset or None
        The features; not used if predictions are passed. Of a dataset, or a path, as in ``fit``,
        labels and predictions are kept in memory, but not the features.
    y : {array-like, DataFrame} of shape (n_samples, n_tasks) or (n_samples,)
        The labels. NaN, None or NA where a task has no label. For a dataset, the names of its
        columns; ``sample_weight`` then names a column, too.
    metrics : str, callable, dict or None, default=None
        The metrics, as in :func:`multitask_scores`.
    average : {"mean", "worst"} or dict, default="mean"
        How the scores of the tasks are combined: their mean, the worst of them, or a weighted
        mean, with a dict from the name of a task to its weight. Tasks that the dict does not name
        have weight 0.
    sample_weight : array-like of shape (n_samples,) or (n_samples, n_tasks), default=None
        Weights of the rows, or of every single label.

    Returns
    -------
    score : float
        The score, where greater is better; NaN if no task has a score.

    Raises
    ------
    ValueError
        If average is invalid, or if :func:`multitask_scores` raises one.

    See Also
    --------
    multitask_scores : Computes the score of each task.

    Examples
    --------
    >>> from sklearn_ple.metrics import multitask_score
    >>> y = [["yes", 1], ["no", 2], ["no", 3], [None, 2]]
    >>> y_pred = [["yes", 1], ["yes", 2], ["no", 1], ["no", 1]]
    >>> multitask_score(y_pred, None, y, metrics="accuracy")
    0.583...
    >>> multitask_score(y_pred, None, y, metrics="accuracy", average="worst")
    0.5
    >>> weights = {"y0": 3, "y1": 1}
    >>> multitask_score(y_pred, None, y, metrics="accuracy", average=weights)
    0.625
    """
    check_average(average)
    tasks = read_tasks(estimator_or_y_pred, X, y, sample_weight)
    scores = _score_tasks(tasks, metrics)
    defined = {name: score for name, score in scores.items() if not np.isnan(score)}
    weights: list[float] = [1] * len(defined)
    if isinstance(average, Mapping):
        check_task_names("average", average, [scored.name for scored in tasks])
        weights = [average.get(name, 0) for name in defined]
    if not any(weights):
        return float("nan")
    if average == "worst":
        return min(defined.values())
    return float(np.average(list(defined.values()), weights=weights))


def check_average(average: Average) -> None:
    """Check the parameter ``average``."""
    if isinstance(average, Mapping):
        if not all(map(is_weight, average.values())) or not any(average.values()):
            raise ValueError(
                "The weights in average must be finite numbers, 0 or more, and at least one must "
                f"be greater than 0: got {shown(average)}."
            )
    elif not isinstance(average, str) or average not in ("mean", "worst"):
        raise ValueError(
            f"average must be 'mean', 'worst' or a dict from task to weight, not {shown(average)}."
        )


def score_one_task(
    estimator: Any,
    X: Any,
    y: Any,
    task: str,
    metric: Metric = None,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Score one task among those of an estimator; see `multitask_scores`."""
    tasks = read_tasks(estimator, X, y, sample_weight)
    position = find_task(task, [scored.name for scored in tasks])
    return score_task(tasks[position], metric, "metric")


# -- one task -------------------------------------------------------------------------------------


def metric_name(metric: Metric) -> str:
    """Return the name of a metric, such as the default metric of a task.

    Parameters
    ----------
    metric : str, callable or scorer
        The metric: a name, a scorer of scikit-learn or a function.

    Returns
    -------
    name : str
        The name itself, or that of the function.

    Examples
    --------
    >>> from sklearn.metrics import d2_tweedie_score, make_scorer
    >>> from sklearn_ple.metrics import metric_name
    >>> metric_name("roc_auc"), metric_name(make_scorer(d2_tweedie_score, power=1))
    ('roc_auc', 'd2_tweedie_score')
    """
    if isinstance(metric, str):
        return metric
    return getattr(getattr(metric, "_score_func", metric), "__name__", repr(metric))


def make_task_scorer(scored: ScoredTask, metric: Metric) -> _BaseScorer:
    """Convert a metric to a scorer of scikit-learn for a task."""
    if not isinstance(metric, str) and not callable(metric):
        raise ValueError(
            "a metric is the name of a scorer of scikit-learn, a scorer or a function; for "
            "several metrics, pass a dict from task to metric."
        )
    scorer = metric if isinstance(metric, (str, _BaseScorer)) else make_scorer(metric)
    scorer = copy.copy(get_scorer(scorer))
    methods = scorer._response_method
    try:
        _check_response_method(scored.view, methods)
    except AttributeError:
        raise ValueError(
            f"it needs {methods if isinstance(methods, str) else ' or '.join(methods)}. "
            + (
                f"The task's labels are numbers (kind {scored.task.kind!r}): use a metric of "
                "numbers."
                if scored.classes is None
                else "Pass the estimator or probabilities, as returned by predict_proba, instead "
                "of labels, or use a metric of labels, such as 'accuracy'."
            )
        ) from None
    # A metric that the user wrote may know what negative times mean.
    is_ready_made = scorer._score_func.__module__.startswith("sklearn.")
    if scored.task.censored and is_ready_made and (scored.labels < 0).any():
        raise ValueError(
            "some of its labels are negative, which are censored times: use concordance_index, or "
            "a metric of your own that reads such labels."
        )
    if scored.classes is None and scorer._score_func in _OF_ANY_UNIT:
        scorer._score_func = ignore_unit(scorer._score_func)
    # By default, these metrics take the classes from the labels, in which one may be missing.
    if methods != "predict" and "labels" in signature(scorer._score_func).parameters:
        scorer._kwargs = {"labels": scored.classes} | scorer._kwargs
    return scorer


def choose_metric(scored: ScoredTask, labels: np.ndarray) -> Any:
    """Return the metric of a task, which for two classes allows for labels of other classes."""
    metric, classes = scored.task.metric, scored.classes
    if classes is None or metric != "roc_auc" or np.isin(labels, classes).all():
        return metric
    return ONE_VS_REST_AUC


def score_task(scored: ScoredTask, metric: Metric, argument: str = "metrics") -> float:
    """Score one task with a scorer of scikit-learn, on the rows that have a label and a weight.

    Errors name the argument that the metric was passed as.
    """
    scored = scored.encode()
    there, weights = scored.labels.notna().to_numpy(), scored.weights
    rows = np.flatnonzero(there if weights is None else there & (weights > 0))
    labels = to_plain_array(scored.labels.iloc[rows])
    metric = choose_metric(scored, labels) if metric is None else metric
    name = repr(metric) if isinstance(metric, str) else metric_name(metric)
    n_labels = "1 label" if len(rows) == 1 else f"{len(rows)} labels"
    score, reason = np.nan, "there is nothing to compare."
    caught: list[Warning] = []
    if len(rows):
        try:
            scorer = make_task_scorer(scored, metric)
            options = {} if weights is None else {"sample_weight": weights[rows]}
            with collected() as caught:
                score = float(scorer(scored.view, rows, labels, **options))
        except Warning as raised:
            # The user's filters turn warnings into errors.
            caught = [raised]
        except PredictionError as failed:
            raise failed.error from failed.error.__cause__
        except (TypeError, ValueError, ZeroDivisionError) as error:
            if len(np.unique(labels)) > 1:
                raise ValueError(
                    f"{argument}: Task {scored.name!r} cannot be scored by {name}: {error}"
                ) from error
            reason = str(error)
    if np.isnan(score):
        reason = next(map(str, caught), reason)
        warn(
            f"Task {scored.name!r} has no score by {name} on its {n_labels}: {reason}",
            UndefinedMetricWarning,
        )
    else:
        for warning in caught:
            about = getattr(warning, "about", None)
            warn(f"Task {scored.name!r}: {warning}", type(warning), about)
    return score
