"""Comparison of models on the rows of a user: same folds, scores with intervals, and costs."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import TimeSeriesSplit
from sklearn.utils import check_random_state
from sklearn.utils.parallel import Parallel, delayed

from ..ensemble import BlendClassifierRegressor, PerTaskClassifierRegressor
from ..ensemble.labelled_rows import LabelledRows, ModelRows
from ..estimators.bottoms import SharedBottomClassifierRegressor
from ..estimators.ple import PLEClassifierRegressor
from ..metrics.jackknife import N_BLOCKS, compute_pseudo_values, deal_blocks
from ..metrics.scored_tasks import read_tasks
from ..metrics.scores import assign_metrics, score_task
from ..metrics.views import ScoredTask
from ..tables.groups import read_groups
from ..tasks import Task
from ..utils.constraints import (
    BETWEEN_0_AND_1,
    CV,
    LISTED,
    N_JOBS,
    NOT_NEGATIVE,
    check_arguments,
)
from ..utils.interrupts import stopping_at_once
from ..utils.progress import progress_bar
from ..utils.warn import warn, without_repeats
from .candidates import Candidate, check_metrics, read_models
from .comparison import Comparison, check_compared
from .paired import PairedRows
from .verdicts import DUMMY

_BOOSTING = "boosting"
#: Models that are only compared if they are asked for: they take most of the time.
ON_REQUEST = ("boosting, tuned",)


def make_models(by_time: bool = False) -> dict[str, Any]:
    """Return the models that have a name; those not in `ON_REQUEST` are compared by default.

    If rows are in the order of time, they validate on the last ones.
    """
    pair = [("network", PLEClassifierRegressor()), ("boosting", PerTaskClassifierRegressor())]
    of_pair: dict[str, Any] = {"estimators": pair, "cv": TimeSeriesSplit()} if by_time else {}
    models = {
        DUMMY: PerTaskClassifierRegressor(DummyClassifier(strategy="prior"), DummyRegressor()),
        _BOOSTING: PerTaskClassifierRegressor(),
        "boosting, tuned": PerTaskClassifierRegressor(tune=True),
        "hard sharing": SharedBottomClassifierRegressor(),
        "PLE": PLEClassifierRegressor(),
        "blend": BlendClassifierRegressor(**of_pair),
    }
    for model in models.values() if by_time else ():
        splits = [name for name in model.get_params() if name.endswith("validation_split")]
        model.set_params(**dict.fromkeys(splits, "last"))
    return models


@check_arguments(
    models=[dict, None],
    cv=CV,
    groups=[LISTED, None],
    task_types=[str, LISTED, dict, type, Task],
    reference=[str, None],
    confidence=[BETWEEN_0_AND_1],
    margin=[NOT_NEGATIVE],
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
    margin: float = 0.01,
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
        for boosting. None compares guessing ("dummy"), boosting per task, networks with hard
        sharing and with PLE, and the blend of boosting and PLE. ``{"boosting, tuned": None}`` is
        boosting with the best of five settings. A model is:

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
    margin : float, default=0.01
        A difference of scores that does not matter. Only if the intervals of all gains lie within
        it is the verdict that there is no difference that matters.
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
    The variance of a gain is found from the test rows by the jackknife: the rows of a fold are
    dealt to 20 blocks, or whole groups are, and both models are scored without each block in turn.
    For ROC AUC this is DeLong's variance of paired curves, in blocks. The test rows of a fold also
    train the models of the other folds: therefore the variance is multiplied by 1.3, which was
    found by simulation. Two cases are left to the differences between the folds alone, with Nadeau
    and Bengio's factor, ``1 / n_folds + n_test / n_train`` instead of ``1 / n_folds``: folds that
    differ by more than chance (an F-test at 1 %), and folds with too few labels for blocks. The
    intervals are Student's. Repeats that test the same rows, as in
    :class:`sklearn.model_selection.RepeatedKFold`, make intervals narrower if their mean gains
    differ, as those of single trees do; use them where rows are few. Rows that depend on each
    other need ``groups``.

    "Better" means that the interval is above zero. Otherwise the verdict is the chance of a gain
    above zero, as in the correlated Bayesian t-test of Benavoli et al., or that there is no
    difference that matters, if all intervals lie within the margin. Every task and model has an
    interval of its own, without a correction for their number. A fold in which a task's score is
    undefined does not count for that task. :doc:`/verdicts` counts how often the intervals err.

    References
    ----------
    A. Benavoli, G. Corani, J. Demšar, M. Zaffalon. "Time for a Change: a Tutorial for Comparing
    Multiple Classifiers Through Bayesian Analysis". JMLR 18, 2017.

    E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson. "Comparing the Areas under Two or More
    Correlated Receiver Operating Characteristic Curves". Biometrics 44, 1988.

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
    known = make_models()
    if models is None:
        models = {name: model for name, model in known.items() if name not in ON_REQUEST}
    candidates = read_models(models, known, rows, task_types)
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
    compared = ModelRows(rows.X, table, weights, groups)
    folds = [Fold(*split, seed) for split, seed in zip(splits, seeds.tolist(), strict=True)]
    found = _run(candidates, folds, compared, metrics, n_jobs, verbose)
    tested = [fold.test for fold in folds[: len(found)]]
    if len(found) < len(folds):
        said = f"it rests on {len(found)} of {len(folds)} folds."
        warn(f"The comparison was interrupted: {said}", ConvergenceWarning)
    scores, paired = _tabulate(candidates, found, tested)
    overlap = np.mean([len(fold.test) / len(fold.train) for fold in folds])
    return Comparison.from_scores(
        scores,
        reference=reference,
        confidence=confidence,
        margin=margin,
        paired=paired,
        overlap=float(overlap),
        repeats=f"{len(found)} folds",
        refit=Refit(candidates, compared, y),
    )


class Fold(NamedTuple):
    """A fold of a comparison.

    Attributes
    ----------
    train, test : ndarray of int
        The numbers of the training rows, and of the rows that are scored.
    seed : int
        The seed of the fits.
    """

    train: np.ndarray
    test: np.ndarray
    seed: int


class Scored(NamedTuple):
    """The scores of a model in a fold, and their costs.

    Attributes
    ----------
    of_tasks : dict of str to (float, ndarray of shape (n_blocks,))
        The score of each task, and its pseudo-values.
    fit_seconds, row_ms : float
        The CPU time of the fit, and that of the prediction of a row in milliseconds.
    """

    of_tasks: dict[str, tuple[float, np.ndarray]]
    fit_seconds: float
    row_ms: float


def _run(
    candidates: Mapping[str, Candidate],
    folds: Sequence[Fold],
    rows: ModelRows,
    metrics: Any,
    n_jobs: int | None,
    verbose: int,
) -> list[list[Scored]]:
    """Fit all models in each fold; after Ctrl-C return the folds that are complete, if two are."""
    jobs = [(name, fold) for fold in folds for name in candidates]
    calls = (
        delayed(_fit_and_score)(name, candidates[name], rows, fold, metrics) for name, fold in jobs
    )
    fits = Parallel(n_jobs=n_jobs, return_as="generator")(calls)
    bar = progress_bar(fits, total=len(jobs), desc="Fitting", unit="fit", disable=not verbose)
    found: list[Scored] = []
    n_models = len(candidates)
    try:
        with stopping_at_once():
            found.extend(bar)
    except KeyboardInterrupt:
        if len(found) < 2 * n_models:
            raise
    return [found[k : k + n_models] for k in range(0, len(found) - n_models + 1, n_models)]


def _tabulate(
    names: Iterable[str], found: Sequence[Sequence[Scored]], tested: Sequence[np.ndarray]
) -> tuple[pd.DataFrame, PairedRows]:
    """Return the scores of all folds as a table, and what their test rows say about them."""
    rows = [
        [name, task, fold, score, scored.fit_seconds, scored.row_ms, *values]
        for fold, of_fold in enumerate(found)
        for name, scored in zip(names, of_fold, strict=True)
        for task, (score, values) in scored.of_tasks.items()
    ]
    keys, blocks = ["model", "task", "repeat"], list(range(N_BLOCKS))
    columns = [*keys, "score", "fit_seconds", "row_ms"]
    every = pd.DataFrame(rows, columns=[*columns, *blocks])
    shared = [
        [len(np.intersect1d(a, b)) / np.sqrt(len(a) * len(b)) for b in tested] for a in tested
    ]
    return every[columns], PairedRows(every.set_index(keys)[blocks], pd.DataFrame(shared))


@dataclass
class Refit:
    """Fits a model of a comparison to all rows, which are left out of pickles.

    Attributes
    ----------
    candidates : dict of str to Candidate
        The models by name.
    rows : ModelRows or None
        All rows.
    y : object
        The labels as they were passed.
    """

    candidates: dict[str, Candidate]
    rows: ModelRows | None
    y: Any

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled."""
        return vars(self) | {"rows": None, "y": None}

    def __call__(self, name: str) -> Any:
        """Fit the model of this name."""
        if self.rows is None:
            raise ValueError(
                "A comparison that was loaded does not hold the rows: fit the best model, "
                f"{name!r}, to them yourself."
            )
        candidate = self.candidates[name]
        rows = candidate.choose(self.rows)
        # As they were passed, unless the model is of some tasks only.
        if candidate.tasks == list(self.rows.y):
            rows = rows._replace(y=self.y)
        return rows.fit(clone(candidate.estimator))


def _score_rows(
    tasks: Sequence[ScoredTask], metrics: Any, groups: np.ndarray | None, seed: int
) -> dict[str, tuple[float, np.ndarray]]:
    """Score each task, and compute its pseudo-values; models of one seed have the same blocks."""
    metrics = assign_metrics(metrics, [scored.name for scored in tasks])
    found = {}
    for scored in tasks:
        metric = metrics[scored.name]
        score = score_task(scored, metric)
        blocks = deal_blocks(scored, groups, np.random.RandomState(seed))
        found[scored.name] = score, compute_pseudo_values(scored, metric, score, blocks)
    return found


def _fit_and_score(
    name: str, candidate: Candidate, rows: ModelRows, fold: Fold, metrics: Any
) -> Scored:
    """Fit a clone in one fold, and score it."""
    own = candidate.choose(rows)
    train, test = own.take(fold.train), own.take(fold.test)
    model = clone(candidate.estimator)
    seeded = [part for part in model.get_params() if part.split("__")[-1] == "random_state"]
    model.set_params(**dict.fromkeys(seeded, fold.seed))
    try:
        clocks = [time.process_time()]
        train.fit(model)
        clocks.append(time.process_time())
        model.predict(test.X)
        clocks.append(time.process_time())
        scored = read_tasks(model, test.X, test.y, test.weights)
        scores = _score_rows(scored, metrics, test.groups, fold.seed)
    except Exception as error:
        error.add_note(f"This was the model {name!r}, with the seed {fold.seed}.")
        raise
    fit_seconds, seconds = np.diff(clocks).tolist()
    return Scored(scores, fit_seconds, 1000 * seconds / len(fold.test))
