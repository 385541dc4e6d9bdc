"""The estimator of this package in a pipeline or a search."""

from typing import Any

from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted


def tasks_of(estimator: Any) -> Any:
    """Find the fitted estimator with tasks: the estimator itself, or one in a pipeline or search.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If there is none, or if a search has no best estimator.
    """
    if isinstance(estimator, type):
        raise TypeError(f"estimator is a class, {estimator.__name__}: pass a fitted instance.")
    while not hasattr(estimator, "task_names_"):
        check_is_fitted(estimator)
        inner = find_inner_estimator(estimator)
        if inner is None:
            raise TypeError(
                f"{type(estimator).__name__} has no attribute task_names_, so its tasks are not "
                "known: pass an estimator of this package, or predictions where they are accepted."
            )
        estimator = inner
    return estimator


def find_inner_estimator(estimator: Any) -> Any:
    """Return the last step of a pipeline, or the best estimator of a search; None for others.

    Raises
    ------
    NotFittedError
        If a search is not fitted.
    TypeError
        If a search has no best estimator.
    """
    if isinstance(estimator, Pipeline):
        return estimator[-1]
    is_search = hasattr(estimator, "estimator") and hasattr(estimator, "refit")
    if is_search and not hasattr(estimator, "best_estimator_"):
        check_is_fitted(estimator)
        raise TypeError(f"{type(estimator).__name__} has no best estimator: it needs refit=True.")
    return getattr(estimator, "best_estimator_", None)
