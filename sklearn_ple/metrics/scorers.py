"""Scorers of one or all tasks, for hyperparameter search and cross-validation."""

from collections.abc import Callable
from typing import Any

from ..utils._sklearn import _BaseScorer
from ..utils.constraints import check_arguments
from .scores import check_average, multitask_score, score_one_task
from .views import Average, Metric, Metrics


def make_multitask_scorer(
    metrics: Metrics = None, average: Average = "mean"
) -> Callable[..., float]:
    """Make a scorer of all tasks, for ``GridSearchCV`` and ``cross_validate``.

    Parameters
    ----------
    metrics : str, callable, dict or None, default=None
        The metrics, as in :func:`multitask_scores`.
    average : {"mean", "worst"} or dict, default="mean"
        How the scores of the tasks are combined, as in :func:`multitask_score`.

    Returns
    -------
    scorer : callable
        A function of ``(estimator, X, y, *, sample_weight=None)`` that returns a float, where
        greater is better. If metadata routing is enabled, request weights with
        ``scorer.set_score_request(sample_weight=True)``.

    Raises
    ------
    ValueError
        If average is invalid.

    See Also
    --------
    task_scorer : Makes a scorer of one task.

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn_ple import PLEClassifierRegressor
    >>> from sklearn_ple.datasets import load_nhefs
    >>> from sklearn_ple.metrics import make_multitask_scorer, task_scorer
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> scoring = {
    ...     "all": make_multitask_scorer(),
    ...     "death": task_scorer("death", "roc_auc"),
    ... }
    >>> search = GridSearchCV(
    ...     PLEClassifierRegressor(max_epochs=1, n_members=1, random_state=0),
    ...     {"n_shared_experts": [0, 1]},
    ...     scoring=scoring,
    ...     refit="all",
    ...     cv=2,
    ... ).fit(X[:200], y[:200])
    >>> sorted(k for k in search.cv_results_ if k.startswith("mean_test"))
    ['mean_test_all', 'mean_test_death']
    """
    check_average(average)
    return _EstimatorScorer(multitask_score, 1, {"metrics": metrics, "average": average})


@check_arguments(name=[str])
def task_scorer(name: str, metric: Metric = None) -> Callable[..., float]:
    """Make a scorer of one of several tasks.

    Parameters
    ----------
    name : str
        Name of the task.
    metric : str, callable or None, default=None
        The metric, as ``metrics`` in :func:`multitask_scores`.

    Returns
    -------
    scorer : callable
        A function of ``(estimator, X, y, *, sample_weight=None)`` that returns a float, where
        greater is better. It raises ValueError if there is no such task.

    See Also
    --------
    make_multitask_scorer : Makes a scorer of all tasks.

    Examples
    --------
    >>> from sklearn_ple import PLEClassifierRegressor
    >>> from sklearn_ple.datasets import load_nhefs
    >>> from sklearn_ple.metrics import task_scorer
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> model = PLEClassifierRegressor(
    ...     max_epochs=2, n_members=1, random_state=0
    ... ).fit(X, y)
    >>> task_scorer("death", "accuracy")(model, X, y) > 0.7
    True
    """
    return _EstimatorScorer(score_one_task, 1, {"task": name, "metric": metric})


class _EstimatorScorer(_BaseScorer):
    """Scorer of scikit-learn whose function receives the estimator, not its predictions."""

    def _score(
        self, method_caller: Any, estimator: Any, X: Any, y_true: Any, **kwargs: Any
    ) -> float:
        return self._score_func(estimator, X, y_true, **{**self._kwargs, **kwargs})

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self._kwargs.items())
        return f"{self._score_func.__name__}({arguments})"
