"""Comparison of models on the rows of a user: same folds, scores with intervals, and costs."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import has_fit_parameter

from ..ensemble import BlendClassifierRegressor, PerTaskClassifierRegressor
from ..ensemble.rows import LabelledRows, fit_weighted
from ..estimators.bottoms import SharedBottomClassifierRegressor
from ..estimators.ple import PLEClassifierRegressor
from ..metrics import multitask_scores
from ..tables.frames import take_rows
from ..tables.groups import read_groups
from ..tasks import Task
from ..utils.constraints import BETWEEN_0_AND_1, CV, LISTED, N_JOBS, check_arguments
from ..utils.interrupts import stopping_at_once
from ..utils.progress import progress_bar
from ..utils.warn import warn, without_repeats
from .candidates import Candidate, check_metrics, read_models
from .comparison import DUMMY, Comparison, check_compared

_BOOSTING = "boosting"


def _make_models() -> dict[str, Any]:
    """Return the models that are compared by default."""
    return {
        DUMMY: PerTaskClassifierRegressor(DummyClassifier(strategy="prior"), DummyRegressor()),
        _BOOSTING: PerTaskClassifierRegressor(),
        "boosting, tuned": PerTaskClassifierRegressor(tune=True),
        "hard sharing": SharedBottomClassifierRegressor(),
        "PLE": PLEClassifierRegressor(),
        "blend": BlendClassifierRegressor(),
    }


@check_arguments(
    models=[dict, None],
    cv=CV,
    groups=[LISTED, None],
    task_types=[str, LISTED, dict, type, Task],
    reference=[str, None],
    confidence=[BETWEEN_0_AND_1],
    n_jobs=N_JOBS,
    random_state=["random_state"],
    verbose=["verbose"],
)
@without_repeats()
def compare(
    X: Any,
    y: Any,
    models: Mapping[str, Any] | None = None,
    *,
    cv: Any = 5,
    groups: Any = None,
    sample_weight: Any = None,
    task_types: Any = "auto",
    reference: str | None = None,
    metrics: Any = None,
    confidence: float = 0.95,
    n_jobs: int | None = None,
    random_state: Any = None,
    verbose: int = 1,
) -> Comparison:
    """Compare models on your rows: scores of each task, gains with intervals, and costs.

    All models are fitted to the same folds. The gain of a model on a task is the mean, over the
    folds, of its score minus that of the reference.

    Parameters
    ----------
    X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        The features.
    y : {array-like, DataFrame} of shape (n_samples, n_tasks) or (n_samples,)
        The labels. NaN, None or NA where a task has no label.
    models : dict, default=None
        Models by name. A model has no score of tasks whose kind it cannot learn, such as survival
        for boosting. None compares guessing ("dummy"), boosting per task with defaults and
        lightly tuned ("boosting, tuned": five settings), networks with hard sharing and with PLE,
        and the blend of boosting and PLE. A model is:

        - an estimator of this package, alone, in a pipeline or in a search;
        - a classifier or a regressor for a single target, such as ``LGBMRegressor()``, or one of
          scikit-learn's multi-output models. A clone is fitted to each task of its kind, on the
          rows with a label; it has no scores of other tasks;
        - a pair of both, ``(LGBMClassifier(), LGBMRegressor())``, for tasks of both kinds;
        - None, for one of the default models by its name, such as ``{"boosting": None}``;
        - anything else that can be fitted to y and scored by
          :func:`~sklearn_ple.metrics.multitask_scores`.

        Clones are fitted, in which every parameter ``random_state`` is the seed of the fold.
    cv : int, splitter, iterable or None, default=5
        The folds. An int is the number of folds of
        :class:`~sklearn_ple.model_selection.MultiTaskKFold`, and None means 5. For rows in the
        order of time, pass a splitter such as :class:`sklearn.model_selection.TimeSeriesSplit`.
    groups : array-like of shape (n_samples,), default=None
        The group of each row, which no fold divides. Models whose ``fit`` accepts groups get them.
    sample_weight : array-like of shape (n_samples,) or (n_samples, n_tasks), default=None
        Weights of the rows, or of every single label, in fits and in scores.
    task_types : str, list or dict, default="auto"
        The kind of every task, as in :class:`~sklearn_ple.PLEClassifierRegressor`. It is passed to
        models whose own ``task_types`` is "auto". By default the kind decides the metric, so that
        all models must have the same.
    reference : str, default=None
        The model that the others are compared with; None for "boosting", or for the first model if
        there is none of this name.
    metrics : str, callable, dict or None, default=None
        What to score by, as in :func:`~sklearn_ple.metrics.multitask_scores`.
    confidence : float, default=0.95
        Confidence of the intervals, between 0 and 1.
    n_jobs : int or None, default=None
        Number of fits at a time, as in :class:`joblib.Parallel`.
    random_state : int, RandomState instance or None, default=None
        Determines the seeds of the fits.
    verbose : int, default=1
        Whether to show a progress bar, with the time that is left.

    Returns
    -------
    comparison : Comparison
        The scores of every fit, the gains with their intervals, the costs and the verdicts.

    Raises
    ------
    ValueError
        If the data are invalid, if there are fewer than 2 models or folds, if the reference is
        not one of the models, or if models would score a task by different metrics.
    TypeError
        If a model is none of the above.

    Warns
    -----
    ConvergenceWarning
        If Ctrl-C ends the comparison early. It ends at once, also in the training of a network,
        and rests on the folds that are complete, of which there must be two.

    See Also
    --------
    ComparisonDisplay : Draws the gains.

    Notes
    -----
    The intervals are Student's, for the differences within each fold. Folds share most of their
    training rows, so their differences vary less than those of new data would. The variance is
    corrected by Nadeau and Bengio's factor, ``1 / n_folds + n_test / n_train`` instead of ``1 /
    n_folds``. Every task has its own interval, without a correction for their number. A fold in
    which a task's score is undefined does not count for that task.

    References
    ----------
    C. Nadeau, Y. Bengio. "Inference for the Generalization Error". Machine Learning 52, 2003.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression, Ridge
    >>> from sklearn_ple.datasets import make_multitask
    >>> from sklearn_ple.inspection import compare
    >>> X, y = make_multitask(300, random_state=0)
    >>> found = compare(X, y, {"dummy": None, "ridge": Ridge()}, cv=3, verbose=0)
    >>> found.table.shape, found.reference
    ((2, 2), 'dummy')
    >>> found.best().predict(X).shape
    (300, 2)
    """
    reader = PerTaskClassifierRegressor(task_types=task_types)
    rows = LabelledRows.read(reader, X, y, sample_weight)
    known = _make_models()
    candidates = read_models(known if models is None else models, known, rows, task_types)
    if reference is None:
        reference = _BOOSTING if _BOOSTING in candidates else next(iter(candidates), "")
    check_compared(candidates, reference)
    check_metrics(candidates, rows.targets.names, metrics)
    table = rows.frame()
    if groups is not None:
        groups = read_groups(groups, len(table))
    splits = rows.list_folds(cv, groups)
    if len(splits) < 2:
        raise ValueError(f"An interval needs 2 folds or more, but cv has {len(splits)}.")
    seeds = check_random_state(random_state).randint(np.iinfo(np.int32).max, size=len(splits))
    weights = None if sample_weight is None else rows.weights
    data = rows.X, table, weights, groups
    jobs = list(product(range(len(splits)), candidates))
    calls = (
        delayed(_fit_and_score)(name, candidates[name], data, splits[k], int(seeds[k]), metrics)
        for k, name in jobs
    )
    fits = Parallel(n_jobs=n_jobs, return_as="generator")(calls)
    bar = progress_bar(fits, total=len(jobs), desc="Fitting", unit="fit", disable=not verbose)
    found = []
    try:
        with stopping_at_once():
            for result in bar:
                found.append(result)
    except KeyboardInterrupt:
        if len(found) < 2 * len(candidates):
            raise
    n_folds = len(found) // len(candidates)
    if n_folds < len(splits):
        said = f"it rests on {n_folds} of {len(splits)} folds."
        warn(f"The comparison was interrupted: {said}", ConvergenceWarning)
    scores = [
        [name, task, fold, score, seconds, ms]
        for (fold, name), (of_tasks, seconds, ms) in zip(jobs, found, strict=False)
        for task, score in of_tasks.items()
        if fold < n_folds
    ]
    columns = ["model", "task", "repeat", "score", "fit_seconds", "row_ms"]
    overlap = np.mean([len(test) / len(train) for train, test in splits])

    kept = Refit(candidates, (rows.X, y, table, weights, groups))
    return Comparison.from_scores(
        pd.DataFrame(scores, columns=columns),
        reference=reference,
        confidence=confidence,
        overlap=float(overlap),
        repeats=f"{n_folds} folds",
        refit=kept,
    )


@dataclass
class Refit:
    """Fits a model of a comparison to all rows, which are left out of pickles.

    Attributes
    ----------
    candidates : dict of str to Candidate
        The models by name.
    rows : tuple or None
        X, y as it was passed, the labels as a frame, weights of the labels or None, and groups.
    """

    candidates: dict[str, Candidate]
    rows: Any

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled."""
        return vars(self) | {"rows": None}

    def __call__(self, name: str) -> Any:
        """Fit the model of this name."""
        if self.rows is None:
            raise ValueError(
                "A comparison that was loaded does not hold the rows: fit the best model, "
                f"{name!r}, to them yourself."
            )
        estimator, tasks = self.candidates[name]
        X, y, table, weights, groups = self.rows
        # As it was passed or, for a model of some tasks only, these columns.
        if tasks != list(table):
            y = table[tasks]
            weights = (
                None if weights is None else weights[:, list(map(table.columns.get_loc, tasks))]
            )
        options = _pass_groups(estimator, groups)
        return fit_weighted(clone(estimator), X, y, weights, **options)


def _pass_groups(model: Any, groups: np.ndarray | None) -> dict[str, Any]:
    """Return the groups as an argument of fit, if there are any and it accepts them."""
    return {} if groups is None or not has_fit_parameter(model, "groups") else {"groups": groups}


def _fit_and_score(
    name: str, candidate: Candidate, data: Any, split: Any, seed: int, metrics: Any
) -> tuple[dict[str, float], float, float]:
    """Fit a clone in one fold.

    Returns
    -------
    scores : dict of str to float
        The scores by task.
    fit_seconds, row_ms : float
        The CPU time of the fit, and that of the prediction of a row in milliseconds.
    """
    estimator, tasks = candidate
    X, y, weights, groups = data
    train, test = split
    columns = [y.columns.get_loc(task) for task in tasks]
    weight, weight_test = (
        None if weights is None else weights[np.ix_(part, columns)] for part in (train, test)
    )
    X_test, y_test = take_rows(X, test), y[tasks].iloc[test]
    model = clone(estimator)
    seeded = [part for part in model.get_params() if part.split("__")[-1] == "random_state"]
    model.set_params(**dict.fromkeys(seeded, seed))
    options = _pass_groups(model, None if groups is None else groups[train])
    try:
        clocks = [time.process_time()]
        labels = y[tasks].iloc[train]
        fit_weighted(model, take_rows(X, train), labels, weight, **options)
        clocks.append(time.process_time())
        model.predict(X_test)
        clocks.append(time.process_time())
        scores = multitask_scores(model, X_test, y_test, metrics, weight_test)
    except Exception as error:
        error.add_note(f"This was the model {name!r}, with the seed {seed}.")
        raise
    fit_seconds, seconds = np.diff(clocks).tolist()
    return scores, fit_seconds, 1000 * seconds / len(test)
