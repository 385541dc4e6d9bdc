"""The scores as scorers, for scikit-learn's searches and validations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._sklearn import _BaseScorer
from .scores import check_average, multitask_score, score_one_task


def make_multitask_scorer(metrics: Any = None, average: Any = "mean") -> Callable[..., float]:
    """Make a scorer of all tasks, for ``GridSearchCV`` and ``cross_validate``.

    Parameters
    ----------
    metrics : str, callable, dict or None, default=None
        What to score by, as in :func:`multitask_scores`.
    average : {"mean", "worst"} or dict, default="mean"
        How the tasks' scores become one, as in :func:`multitask_score`.

    Returns
    -------
    scorer : callable
        Called with ``(estimator, X, y, *, sample_weight=None)``, it returns a float, the greater
        the better. With metadata routing enabled, ask for weights by
        ``scorer.set_score_request(sample_weight=True)``.

    Raises
    ------
    ValueError
        If average is none of these.

    See Also
    --------
    task_scorer : The scorer of one task.

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn_ple import PLEClassifierRegressor
    >>> from sklearn_ple.datasets import load_nhefs
    >>> from sklearn_ple.metrics import make_multitask_scorer, task_scorer
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> search = GridSearchCV(
    ...     PLEClassifierRegressor(max_epochs=2, n_members=1, random_state=0),
    ...     {"n_shared_experts": [0, 1]},
    ...     scoring={"all": make_multitask_scorer(), "death": task_scorer("death", "roc_auc")},
    ...     refit="all",
    ...     cv=2,
    ... ).fit(X, y)
    >>> sorted(name for name in search.cv_results_ if name.startswith("mean_test"))
    ['mean_test_all', 'mean_test_death']
    """
    check_average(average)
    return _EstimatorScorer(multitask_score, 1, {"metrics": metrics, "average": average})


def task_scorer(name: str, metric: Any = None) -> Callable[..., float]:
    """Make a scorer of one task among many.

    Parameters
    ----------
    name : str
        The task.
    metric : str, callable or None, default=None
        What to score it by, as ``metrics`` in :func:`multitask_scores`.

    Returns
    -------
    scorer : callable
        Called with ``(estimator, X, y, *, sample_weight=None)``, it returns a float, the greater
        the better, or raises ValueError if there is no such task.

    See Also
    --------
    make_multitask_scorer : The scorer of all tasks.

    Examples
    --------
    >>> from sklearn_ple import PLEClassifierRegressor
    >>> from sklearn_ple.datasets import load_nhefs
    >>> from sklearn_ple.metrics import task_scorer
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> model = PLEClassifierRegressor(max_epochs=2, n_members=1, random_state=0).fit(X, y)
    >>> task_scorer("death", "accuracy")(model, X, y) > 0.7
    True
    """
    return _EstimatorScorer(score_one_task, 1, {"task": name, "metric": metric})


class _EstimatorScorer(_BaseScorer):
    """A scorer of scikit-learn whose function is given the estimator, not what it predicts."""

    def _score(
        self, method_caller: Any, estimator: Any, X: Any, y_true: Any, **kwargs: Any
    ) -> float:
        return self._score_func(estimator, X, y_true, **{**self._kwargs, **kwargs})

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self._kwargs.items())
        return f"{self._score_func.__name__}({arguments})"
