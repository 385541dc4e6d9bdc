"""Gains of each task from learning the tasks together, with confidence intervals."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.base import clone
from sklearn.utils import check_random_state, indexable
from sklearn.utils.parallel import Parallel, delayed

from ..metrics import multitask_scores
from ..model_selection.split import to_splitter
from ..tables.frames import take_rows, takeable
from ..tables.reading import check_in_memory
from ..utils._sklearn import _num_samples
from ..utils.checks import check_frame, check_named
from ..utils.constraints import (
    BETWEEN_0_AND_1,
    CV,
    N_JOBS,
    NOT_NEGATIVE,
    at_least,
    check_arguments,
)
from ..utils.progress import progress_bar

# The possible results of a task, in the order of the summary, and what is added to them.
_GAINS, _LOSES, _UNDECIDED, _EQUAL = "gains on", "loses on", "undecided on", "no difference on"
_NO_INTERVAL = "no interval on"
_NOTES = {_GAINS: "", _LOSES: " (negative transfer)", _UNDECIDED: "", _EQUAL: "", _NO_INTERVAL: ""}
_KEYS = ["system", "task", "repeat"]
_HINT = "\n\nUndecided: the interval includes zero. More rows, folds or seeds narrow it."


@dataclass(frozen=True, eq=False)
class MTLGain:
    """The result of :func:`mtl_gain`: the scores of every fit, and the gains over the reference.

    ``print`` shows the summary, and below it the mean and the interval of each gain.

    Parameters
    ----------
    scores : DataFrame
        A row for every system, task and repeat, with the columns ``system``, ``task``, ``repeat``
        (number of the seed or the fold), ``score`` and ``fit_seconds``, the time of the fit in
        seconds.
    gains : DataFrame
        A row for every system but the reference and every task, with the columns ``system``,
        ``task``, ``mean``, ``low`` and ``high``: the mean difference between its score and that of
        the reference, and the bounds of the confidence interval.
    reference : str
        The system that the others are compared with.
    confidence : float
        The confidence of the intervals.
    repeats : str
        What was repeated, such as "5 seeds".

    See Also
    --------
    mtl_gain : Fits and compares.
    MTLGainDisplay : Draws the gains.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_ple.inspection import MTLGain
    >>> gains = pd.DataFrame(
    ...     [
    ...         ["ple", "a", 0.02, 0.01, 0.03],
    ...         ["ple", "b", -0.02, -0.03, -0.01],
    ...     ],
    ...     columns=["system", "task", "mean", "low", "high"],
    ... )
    >>> gain = MTLGain(pd.DataFrame(), gains, "single_task", 0.95, "5 seeds")
    >>> print(gain)
    Gain over single_task (95 % intervals, 5 seeds):
    ple: gains on a; loses on b (negative transfer). Seesaw: some tasks gain, others lose.
    <BLANKLINE>
    system task   mean    low   high
       ple    a +0.020 +0.010 +0.030
       ple    b -0.020 -0.030 -0.010
    """

    scores: pd.DataFrame = field(repr=False)
    gains: pd.DataFrame = field(repr=False)
    reference: str
    confidence: float
    repeats: str

    @classmethod
    @check_arguments(
        reference=[str],
        confidence=[BETWEEN_0_AND_1],
        overlap=[NOT_NEGATIVE],
        repeats=[str, None],
    )
    def from_scores(
        cls,
        scores: pd.DataFrame,
        *,
        reference: str = "single_task",
        confidence: float = 0.95,
        overlap: float = 0.0,
        repeats: str | None = None,
    ) -> "MTLGain":
        """Compute the gains from given scores.

        Parameters
        ----------
        scores : DataFrame
            A row for every system, task and repeat, with the columns ``system``, ``task``,
            ``repeat`` and ``score``.
        reference : str, default="single_task"
            The system that the others are compared with.
        confidence : float, default=0.95
            Confidence of the intervals, between 0 and 1.
        overlap : float, default=0.0
            If the repeats are the folds of a cross-validation, the number of test rows divided by
            that of training rows; see the notes of :func:`mtl_gain`.
        repeats : str, default=None
            What was repeated, in words; by default the number of repeats.

        Returns
        -------
        gain : MTLGain
            The gains with their intervals.

        Raises
        ------
        ValueError
            If a column is missing, or if there are two scores of a system, a task and a repeat; if
            the reference is not one of the systems or is the only one, or lacks the scores of a
            task; if ``confidence`` is not between 0 and 1; or if ``overlap`` is negative.
        TypeError
            If the scores are no DataFrame.
        """
        check_frame("scores", scores, [*_KEYS, "score"])
        if (again := scores.duplicated(_KEYS)).any():
            first = {name: scores.loc[again, name].tolist()[0] for name in _KEYS}
            raise ValueError(f"scores has several rows of {first}: keep one of them.")
        _check_compared(scores["system"].unique().tolist(), reference)
        of_reference = scores["task"][scores["system"] == reference]
        if lacking := [task for task in scores["task"].unique() if task not in set(of_reference)]:
            raise ValueError(
                f"The reference {reference!r} has no scores of the tasks {lacking}: add them, or "
                "leave out these tasks."
            )
        if repeats is None:
            n_repeats = scores["repeat"].nunique()
            repeats = "1 repeat" if n_repeats == 1 else f"{n_repeats} repeats"
        gains = _compute_gains(scores, reference, confidence, overlap)
        return cls(scores, gains, reference, confidence, repeats)

    def summary(self) -> str:
        """Describe in words which tasks gain and which lose.

        A task gains or loses if its interval is entirely above or below zero. There is no
        difference if all scores are equal. There is no interval if a task has fewer than two
        scores. Otherwise a task is undecided. A loss is negative transfer; a system with both
        gains and losses is a seesaw.

        Returns
        -------
        summary : str
            A line for every system.
        """
        lines = [
            f"Gain over {self.reference} ({100 * self.confidence:g} % intervals, {self.repeats}):"
        ]
        for system, rows in self.gains.groupby("system", sort=False):
            found = _decide(rows)
            parts = [
                f"{verdict} {', '.join(map(str, rows['task'][found == verdict]))}{note}"
                for verdict, note in _NOTES.items()
                if verdict in found
            ]
            is_seesaw = _GAINS in found and _LOSES in found
            seesaw = " Seesaw: some tasks gain, others lose." if is_seesaw else ""
            lines.append(f"{system}: {'; '.join(parts)}.{seesaw}")
        return "\n".join(lines)

    def __str__(self) -> str:
        """Return the summary and the table of gains."""
        found = _decide(self.gains)
        # Enough decimals that no bound of an interval without zero is written as zero.
        decided = self.gains.loc[np.isin(found, [_GAINS, _LOSES]), ["low", "high"]]
        least = decided.abs().to_numpy().min(initial=1.0)
        n_decimals = int(np.clip(np.ceil(-np.log10(least)), 3, 9))
        figures = self.gains.to_string(index=False, float_format=f"{{:+.{n_decimals}f}}".format)
        hint = _HINT if _UNDECIDED in found else ""
        return f"{self.summary()}\n\n{figures}{hint}"


def _decide(gains: pd.DataFrame) -> np.ndarray:
    """Decide for each gain whether its interval excludes zero."""
    low, high = gains["low"], gains["high"]
    conditions = [low > 0, high < 0, (low == 0) & (high == 0), low.isna()]
    return np.select(conditions, [_GAINS, _LOSES, _EQUAL, _NO_INTERVAL], default=_UNDECIDED)


@check_arguments(
    cv=CV,
    X_test=["array-like", "sparse matrix", None],
    y_test=["array-like", None],
    # An interval needs two repeats.
    n_seeds=[at_least(2)],
    reference=[str],
    confidence=[BETWEEN_0_AND_1],
    n_jobs=N_JOBS,
    random_state=["random_state"],
    verbose=["verbose"],
)
def mtl_gain(
    estimators: Mapping[str, Any],
    X: Any,
    y: Any,
    *,
    cv: Any = None,
    X_test: Any = None,
    y_test: Any = None,
    n_seeds: int = 5,
    reference: str = "single_task",
    metrics: Any = None,
    confidence: float = 0.95,
    n_jobs: int | None = None,
    random_state: Any = None,
    verbose: int = 0,
) -> MTLGain:
    """Measure what each task gains or loses compared with a reference, by repeated paired fits.

    Every system is fitted with the same seeds: on X and y if there is a separate test set, or on
    the folds of a cross-validation. The gain of a task is the mean, over these repeats, of the
    score of the system minus that of the reference.

    Parameters
    ----------
    estimators : dict
        The systems by name: estimators of this package, pipelines that end in one, or anything
        else that :func:`sklearn_ple.metrics.multitask_scores` can score. Clones of them are
        fitted, in which every parameter ``random_state`` is the seed of the repeat.
    X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        The features to learn from.
    y : {array-like, DataFrame} of shape (n_samples, n_tasks) or (n_samples,)
        The labels. NaN, None or NA where a task has no label.
    cv : int, splitter, iterable or None, default=None
        Folds to fit and score on. An int is the number of folds of
        :class:`~sklearn_ple.model_selection.MultiTaskKFold`, which are stratified by all tasks.
        For rows in the order of time, pass a splitter such as
        :class:`sklearn.model_selection.TimeSeriesSplit`. Pass either this or a test set.
    X_test : {array-like, sparse matrix, DataFrame} of shape (n_test, n_features), default=None
        The features of the test set.
    y_test : {array-like, DataFrame} of shape (n_test, n_tasks) or (n_test,), default=None
        The labels of the test set.
    n_seeds : int, default=5
        Number of seeds to fit with, where there is a test set; at least 2.
    reference : str, default="single_task"
        The system that the others are compared with.
    metrics : str, callable, dict or None, default=None
        What to score by, as in :func:`sklearn_ple.metrics.multitask_scores`.
    confidence : float, default=0.95
        Confidence of the intervals, between 0 and 1.
    n_jobs : int or None, default=None
        Number of fits at a time, as in :class:`joblib.Parallel`.
    random_state : int, RandomState instance or None, default=None
        Determines the seeds of the fits.
    verbose : int, default=0
        Whether to show a progress bar.

    Returns
    -------
    gain : MTLGain
        The scores of every fit, and the gains with their intervals.

    Raises
    ------
    ValueError
        If neither or both of cv and a test set are passed, if there are fewer than 2 repeats, or
        if the reference is not one of the systems or is the only one.

    See Also
    --------
    MTLGainDisplay : Draws the gains.

    Notes
    -----
    The intervals are Student's, for the differences within each repeat. Folds share most of their
    training rows, so their differences vary less than those of new data would. The variance is
    corrected by Nadeau and Bengio's factor, ``1 / n_folds + n_test / n_train`` instead of ``1 /
    n_folds``. With a test set, the intervals show the effect of the seeds, but not that of the
    choice of test rows. Every task has its own interval, without a correction for their number.

    A repeat in which a task's score is undefined does not count for that task.

    References
    ----------
    C. Nadeau, Y. Bengio. "Inference for the Generalization Error". Machine Learning 52, 2003.

    H. Tang, J. Liu, M. Zhao, X. Gong. "Progressive Layered Extraction (PLE): A Novel Multi-Task
    Learning (MTL) Model for Personalized Recommendations". RecSys 2020.

    Examples
    --------
    >>> from sklearn_ple import (
    ...     PLEClassifierRegressor,
    ...     SingleTaskClassifierRegressor,
    ... )
    >>> from sklearn_ple.datasets import load_nhefs
    >>> from sklearn_ple.inspection import mtl_gain
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> systems = {
    ...     "single_task": SingleTaskClassifierRegressor(
    ...         n_members=1, max_epochs=2
    ...     ),
    ...     "ple": PLEClassifierRegressor(n_members=1, max_epochs=2),
    ... }
    >>> gain = mtl_gain(systems, X, y, cv=2, random_state=1)
    >>> gain.gains[["system", "task"]].values.tolist()
    [['ple', 'death'], ['ple', 'wt82_71']]
    >>> print(gain.summary())
    Gain over single_task (95 % intervals, 2 folds):
    ple: undecided on death, wt82_71.
    """
    check_named(estimators)
    estimators = dict(estimators)
    _check_compared(list(estimators), reference)
    check_in_memory(X)
    X, y = indexable(takeable(X), takeable(y))
    splits, overlap, repeats = _plan(estimators[reference], X, y, cv, X_test, y_test, n_seeds)
    rng = check_random_state(random_state)
    seeds = rng.randint(np.iinfo(np.int32).max, size=len(splits)).tolist()
    jobs, data = list(product(range(len(splits)), estimators)), (X, y, X_test, y_test)
    fits = Parallel(n_jobs=n_jobs)(
        delayed(_fit_and_score)(system, estimators[system], data, splits[r], seeds[r], metrics)
        for r, system in progress_bar(jobs, desc="Fitting", unit="fit", disable=not verbose)
    )
    rows = [
        [system, task, repeat, score, seconds]
        for (repeat, system), (scores, seconds) in zip(jobs, fits, strict=True)
        for task, score in scores.items()
    ]
    scores = pd.DataFrame(rows, columns=["system", "task", "repeat", "score", "fit_seconds"])
    return MTLGain.from_scores(
        scores, reference=reference, confidence=confidence, overlap=overlap, repeats=repeats
    )


def _check_compared(systems: list[str], reference: str) -> None:
    """Check that there is a reference, and something to compare with it."""
    if reference not in systems:
        raise ValueError(
            f"reference={reference!r} is not one of the estimators {systems}: add it, or name one "
            "of them."
        )
    if len(systems) < 2:
        raise ValueError(f"There is nothing to compare {reference!r} with: add an estimator.")


def _plan(
    estimator: Any, X: Any, y: Any, cv: Any, X_test: Any, y_test: Any, n_seeds: int
) -> tuple[list[tuple[Any, Any] | None], float, str]:
    """Plan the repeats.

    Returns
    -------
    splits : list of tuple
        The rows to fit on and the rows to score on; None if there is a separate test set.
    overlap : float
        What Nadeau and Bengio add to the variance of a mean over repeats.
    repeats : str
        The repeats in words.
    """
    if (cv is None) == (X_test is None) or (X_test is None) != (y_test is None):
        raise ValueError("Pass either cv, or X_test and y_test: the gains are measured on these.")
    if cv is None:
        return [None] * n_seeds, 0.0, f"{n_seeds} seeds"
    splits = list(to_splitter(cv, estimator).split(X, y))
    if len(splits) < 2:
        raise ValueError(f"An interval needs 2 repeats or more, but cv has {len(splits)} split.")
    # The parts may also be masks.
    rows = np.arange(_num_samples(X))
    overlap = float(np.mean([len(rows[test]) / len(rows[train]) for train, test in splits]))
    return splits, overlap, f"{len(splits)} folds"


def _fit_and_score(
    system: str, estimator: Any, data: Any, split: Any, seed: int, metrics: Any
) -> tuple[dict[str, float], float]:
    """Fit a clone in one repeat; return its scores by task and the seconds that fitting took."""
    X, y, X_test, y_test = data
    if split is not None:
        train, test = split
        X_test, y_test = take_rows(X, test), take_rows(y, test)
        X, y = take_rows(X, train), take_rows(y, train)
    model = clone(estimator)
    seeded = [name for name in model.get_params() if name.split("__")[-1] == "random_state"]
    model.set_params(**dict.fromkeys(seeded, seed))
    try:
        start = perf_counter()
        model.fit(X, y)
        seconds = perf_counter() - start
        return multitask_scores(model, X_test, y_test, metrics), seconds
    except Exception as error:
        error.add_note(f"This was the estimator {system!r}, with the seed {seed}.")
        raise


def _compute_gains(
    scores: pd.DataFrame, reference: str, confidence: float, overlap: float
) -> pd.DataFrame:
    """Compute mean and interval of the paired differences from the reference."""
    table = scores.pivot(index="repeat", columns=["system", "task"], values="score")
    rows = []
    for system, task in scores[["system", "task"]].drop_duplicates().itertuples(index=False):
        if system == reference:
            continue
        gains = (table[system, task] - table[reference, task]).dropna()
        n = len(gains)
        error = gains.std(ddof=1) * np.sqrt(1 / n + overlap) if n > 1 else np.nan
        half = error * stats.t.ppf((1 + confidence) / 2, n - 1)
        rows.append([system, task, gains.mean(), gains.mean() - half, gains.mean() + half])
    return pd.DataFrame(rows, columns=["system", "task", "mean", "low", "high"])
