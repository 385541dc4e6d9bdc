"""Cross-validated predictions for many tasks."""

from collections.abc import Sequence
from inspect import signature
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn import get_config
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_validate
from sklearn.utils import indexable

from ..tables.frames import is_polars, refuse_unread, take_rows, takeable
from ..tables.labels import as_frame
from ..tables.reading import check_in_memory
from ..utils._sklearn import StrOptions, _num_samples
from ..utils.checks import check_lengths, naming
from ..utils.constraints import CV, ESTIMATOR, LISTED, N_JOBS, check_arguments
from ..utils.inner import tasks_of
from ..utils.interrupts import stopping_at_once
from ..utils.warn import warn
from .split import to_splitter


@check_arguments(
    estimator=[ESTIMATOR],
    cv=CV,
    groups=[LISTED, None],
    method=[StrOptions({"predict", "predict_proba"})],
    n_jobs=N_JOBS,
    params=[dict, None],
    verbose=["verbose"],
)
def cross_val_predict(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    cv: Any = None,
    groups: ArrayLike | None = None,
    method: str = "predict",
    n_jobs: int | None = None,
    params: dict[str, Any] | None = None,
    verbose: int = 0,
) -> Any:
    """Predict each row with a model that was fitted without it.

    This is like :func:`sklearn.model_selection.cross_val_predict`, but for several tasks with
    classes or numbers, whose labels may be missing.

    Parameters
    ----------
    estimator : object
        An estimator of this package: alone, as the last step of a pipeline, or in a search. Clones
        of it are fitted.
    X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        The features.
    y : {array-like, DataFrame} of shape (n_samples, n_tasks) or (n_samples,)
        The labels. NaN, None or NA is a missing label.
    cv : int, splitter, iterable or None, default=None
        The folds; each row must be in exactly one. An int is the number of folds of
        :class:`MultiTaskKFold` by the kinds of tasks of the estimator, and None means five folds.
    groups : array-like of shape (n_samples,), default=None
        Group of each row, for the splitter. If metadata routing is enabled, pass it in ``params``.
    method : {"predict", "predict_proba"}, default="predict"
        The method of the fitted clones to call.
    n_jobs : int or None, default=None
        Number of fits that run at the same time, as in :class:`joblib.Parallel`.
    params : dict, default=None
        Other arguments of ``fit``, such as ``{"sample_weight": weights}``. If metadata routing is
        enabled, also those of the splitter.
    verbose : int, default=0
        Verbosity, as in :func:`sklearn.model_selection.cross_validate`.

    Returns
    -------
    predictions : ndarray, DataFrame or list
        What the method of the estimator returns, for all rows in the order of X. A data frame has
        the index of X. Probabilities have a column for each class that the model of any fold
        knows, in sorted order.

    Raises
    ------
    ValueError
        If ``method`` is neither of the two; if a row is in no fold or in more than one; if a task
        has classes in some folds and numbers in others.
    AttributeError
        If the estimator does not have the method.
    KeyboardInterrupt
        If Ctrl-C ends it, also in the training of a network: predictions would be incomplete.

    Warns
    -----
    RuntimeWarning
        If the training rows of a fold lack a class. In this fold its probability is 0.

    See Also
    --------
    MultiTaskKFold : Folds that are stratified by the labels of all tasks.
    sklearn_ple.metrics.multitask_scores : Scores of such predictions.

    Examples
    --------
    >>> from sklearn_ple import PLEClassifierRegressor
    >>> from sklearn_ple.datasets import load_nhefs
    >>> from sklearn_ple.metrics import multitask_scores
    >>> from sklearn_ple.model_selection import cross_val_predict
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> model = PLEClassifierRegressor(
    ...     n_members=1, max_epochs=2, random_state=0
    ... )
    >>> y_pred = cross_val_predict(model, X, y, cv=2)
    >>> y_pred.columns.tolist(), y_pred.index.equals(X.index)
    (['death', 'wt82_71'], True)
    >>> proba = cross_val_predict(model, X, y, cv=2, method="predict_proba")
    >>> multitask_scores(proba, None, y)["death"] > 0.6
    True
    """
    if not hasattr(estimator, method):
        raise AttributeError(f"{type(estimator).__name__} has no {method}: pass another method.")
    check_in_memory(X)
    refuse_unread(y)
    check_lengths(X=X, y=y)
    if params and not get_config()["enable_metadata_routing"]:
        with naming("params"):
            signature(estimator.fit).bind(X, y, **params)
    X, y = indexable(takeable(X), takeable(y))
    options = {"groups": groups, "params": params, "n_jobs": n_jobs, "verbose": verbose}
    models, folds = _fit_folds(estimator, X, y, to_splitter(cv, estimator), options)
    results = [
        getattr(model, method)(take_rows(X, fold))
        for model, fold in zip(models, folds, strict=True)
    ]
    rows = np.concatenate(folds)
    if method == "predict":
        index = X.index if isinstance(X, pd.DataFrame) else pd.RangeIndex(len(rows))
        return _in_order(results, rows, index)
    parts = list(zip(*map(_as_list, results), strict=True))
    classes = zip(*(_as_list(model.classes_) for model in models), strict=True)
    names = as_frame(y).columns.tolist()
    if len(names) != len(parts):
        # A model may ignore columns of y.
        names = tasks_of(models[0]).task_names_
    whole = [
        None if of_task[0] is None else _in_order(_join_task(name, of_task, known), rows)
        for name, of_task, known in zip(names, parts, classes, strict=True)
    ]
    return whole if isinstance(results[0], list) else whole[0]


def _as_list(results: Any) -> list[Any]:
    """Return the results of a method for each task, of which there may be a single one."""
    return results if isinstance(results, list) else [results]


def _fit_folds(
    estimator: Any, X: Any, y: Any, splitter: Any, options: dict[str, Any]
) -> tuple[list[Any], list[np.ndarray]]:
    """Fit a clone for each fold, and return the clones and the rows of the folds."""
    # A network whose training Ctrl-C ends early would spoil the predictions of its fold.
    with stopping_at_once():
        fitted = cross_validate(
            estimator,
            X,
            y,
            cv=splitter,
            # Only the fitted clones are needed.
            scoring=lambda *_: 0.0,
            error_score="raise",
            return_estimator=True,
            return_indices=True,
            **options,
        )
    models, folds = fitted["estimator"], fitted["indices"]["test"]
    if not np.array_equal(np.sort(np.concatenate(folds)), np.arange(_num_samples(X))):
        raise ValueError(
            "cv must put every row into exactly one fold: use folds such as those of "
            "MultiTaskKFold."
        )
    _check_kinds(models)
    return models, folds


def _check_kinds(models: Sequence[Any]) -> None:
    """Check that no task has classes in some folds and numbers in others."""
    try:
        fitted = [tasks_of(model) for model in models]
    except (TypeError, NotFittedError):
        # An estimator of another package, which has no tasks.
        return
    if not all(hasattr(model, "tasks_") for model in fitted):
        return
    for name, *tasks in zip(fitted[0].task_names_, *(m.tasks_ for m in fitted), strict=True):
        if len({task.classes is None for task in tasks}) > 1:
            raise ValueError(
                f"Task {name!r} has classes in some folds and numbers in others: set its kind in "
                "the estimator's task_types."
            )


def _in_order(parts: Sequence[Any], rows: np.ndarray, index: pd.Index | None = None) -> Any:
    """Join the predictions of the folds, in the order of the rows."""
    order = np.argsort(rows)
    if isinstance(parts[0], (pd.DataFrame, pd.Series)):
        return pd.concat(parts).iloc[order].set_axis(index)
    if is_polars(parts[0]):
        import polars as pl

        return pl.concat(parts)[order]
    return np.concatenate(parts)[order]


def _join_task(name: str, parts: Sequence[Any], classes: Sequence[Any]) -> list[np.ndarray]:
    """Return a task's probabilities in all folds, of all classes that any fold knows."""
    known, whole = np.unique(np.concatenate(classes)), []
    for fold, (part, found) in enumerate(zip(parts, classes, strict=True)):
        if lacking := np.setdiff1d(known, found).tolist():
            warn(
                f"In fold {fold} there are no training labels of the classes {lacking} of task "
                f"{name!r}: its model cannot predict them. Use stratified folds, such as those of "
                "MultiTaskKFold.",
                RuntimeWarning,
            )
        full = np.zeros((len(part), len(known)), dtype=part.dtype)
        full[:, np.searchsorted(known, found)] = part
        whole.append(full)
    return whole
