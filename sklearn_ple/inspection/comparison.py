"""The result of a comparison: scores, costs, gains over a reference, and verdicts."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from ..utils.checks import check_frame
from ..utils.constraints import BETWEEN_0_AND_1, NOT_NEGATIVE, check_arguments
from .comparison_display import ComparisonDisplay
from .shown import Contents, Result

#: Name of the model that guesses.
DUMMY = "dummy"

# The possible results of a task, in the order of the summary.
_GAINS, _LOSES, _UNDECIDED, _EQUAL = "gains on", "loses on", "undecided on", "no difference on"
_NO_INTERVAL = "no interval on"
_VERDICTS = (_GAINS, _LOSES, _UNDECIDED, _EQUAL, _NO_INTERVAL)
_KEYS = ["model", "task", "repeat"]


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Result):
    """The result of :func:`compare`: the scores of every fit, and the gains over the reference.

    Consoles and notebooks show the mean scores, the costs, and a verdict for each task.

    Parameters
    ----------
    scores : DataFrame
        A row for every model, task and repeat, with the columns ``model``, ``task``, ``repeat``
        (number of the fold), ``score``, ``fit_seconds``, the CPU time of the fit in seconds, and
        ``row_ms``, that of the prediction in milliseconds per row.
    gains : DataFrame
        A row for every model but the reference and every task, with the columns ``model``,
        ``task``, ``mean``, ``low`` and ``high``: the mean difference between its score and that of
        the reference, and the bounds of the confidence interval.
    reference : str
        The model that the others are compared with.
    confidence : float
        The confidence of the intervals.
    repeats : str
        What was repeated, such as "5 folds".
    refit : callable or None, default=None
        Function that fits a model, given by name, to all rows; None if it is not known how.

    See Also
    --------
    compare : Fits and compares.
    ComparisonDisplay : Draws the gains.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_ple.inspection import Comparison
    >>> scores = pd.DataFrame(
    ...     [
    ...         ["boosting", "churn", 0, 0.70],
    ...         ["boosting", "churn", 1, 0.71],
    ...         ["PLE", "churn", 0, 0.74],
    ...         ["PLE", "churn", 1, 0.75],
    ...     ],
    ...     columns=["model", "task", "repeat", "score"],
    ... )
    >>> Comparison.from_scores(scores, reference="boosting")
    Scores, means of 2 repeats, more is better:
    <BLANKLINE>
           boosting   PLE
    churn     0.705 0.745
    <BLANKLINE>
    churn: PLE gains 0.04 over boosting (0.04 to 0.04).
    """

    scores: pd.DataFrame
    gains: pd.DataFrame
    reference: str
    confidence: float
    repeats: str
    refit: Callable[[str], Any] | None = None

    @classmethod
    @check_arguments(
        reference=[str], confidence=[BETWEEN_0_AND_1], overlap=[NOT_NEGATIVE], repeats=[str, None]
    )
    def from_scores(
        cls,
        scores: pd.DataFrame,
        *,
        reference: str,
        confidence: float = 0.95,
        overlap: float = 0.0,
        repeats: str | None = None,
        refit: Callable[[str], Any] | None = None,
    ) -> "Comparison":
        """Compute the gains from given scores.

        Parameters
        ----------
        scores : DataFrame
            A row for every model, task and repeat, with the columns ``model``, ``task``,
            ``repeat`` and ``score``.
        reference : str
            The model that the others are compared with.
        confidence : float, default=0.95
            Confidence of the intervals, between 0 and 1.
        overlap : float, default=0.0
            If the repeats are the folds of a cross-validation, the number of test rows divided by
            that of training rows; see the notes of :func:`compare`.
        repeats : str, default=None
            What was repeated, in words; by default the number of repeats.
        refit : callable or None, default=None
            Function that fits a model, given by name, to all rows.

        Returns
        -------
        gain : Comparison
            The gains with their intervals.

        Raises
        ------
        ValueError
            If a column is missing, or if there are two scores of a model, a task and a repeat; if
            the reference is not one of the models or is the only one; if ``confidence`` is not
            between 0 and 1; or if ``overlap`` is negative.
        TypeError
            If the scores are no DataFrame.
        """
        check_frame("scores", scores, [*_KEYS, "score"])
        if (again := scores.duplicated(_KEYS)).any():
            first = {name: scores.loc[again, name].tolist()[0] for name in _KEYS}
            raise ValueError(f"scores has several rows of {first}: keep one of them.")
        check_compared(scores["model"], reference)
        if repeats is None:
            n_repeats = scores["repeat"].nunique()
            repeats = "1 repeat" if n_repeats == 1 else f"{n_repeats} repeats"
        gains = _compute_gains(scores, reference, confidence, overlap)
        return cls(scores, gains, reference, confidence, repeats, refit)

    def summary(self) -> str:
        """Describe in words which tasks gain and which lose.

        A task gains or loses if its interval is entirely above or below zero. There is no
        difference if all scores are equal. There is no interval if a task has fewer than two
        scores. Otherwise a task is undecided. A model with both gains and losses is a seesaw.

        Returns
        -------
        summary : str
            A line for every model.
        """
        lines = [
            f"Gain over {self.reference} ({100 * self.confidence:g} % intervals, {self.repeats}):"
        ]
        for model, rows in self.gains.groupby("model", sort=False):
            found = _decide(rows)
            parts = [
                f"{verdict} {', '.join(map(str, rows['task'][found == verdict]))}"
                for verdict in _VERDICTS
                if verdict in found
            ]
            is_seesaw = _GAINS in found and _LOSES in found
            seesaw = " Seesaw: some tasks gain, others lose." if is_seesaw else ""
            lines.append(f"{model}: {'; '.join(parts)}.{seesaw}")
        return "\n".join(lines)

    @property
    def table(self) -> pd.DataFrame:
        """The mean scores, of shape (n_tasks, n_models); NaN for a model without a score."""
        means = self.scores.pivot_table("score", "task", "model", sort=False, dropna=False)
        return means.rename_axis(index=None, columns=None)

    @property
    def costs(self) -> pd.DataFrame:
        """The mean CPU times of a fit, in seconds, and of a prediction, in ms per row."""
        names = {"fit_seconds": "fit, CPU s", "row_ms": "a row, ms"}
        there = [name for name in names if name in self.scores]
        means = self.scores.groupby("model", sort=False)[there].mean()
        return means.rename(columns=names).T.rename_axis(columns=None)

    def verdicts(self) -> list[str]:
        """Say for each task, in a sentence, which model to take.

        A model is better than the reference if the interval of its gain is above zero.

        Returns
        -------
        verdicts : list of str
            A sentence for each task.
        """
        verdicts = [
            self._judge(task, rows) for task, rows in self.gains.groupby("task", sort=False)
        ]
        if self.scores.empty:
            return verdicts
        table = self.table
        for task in table.index.difference(self.gains["task"], sort=False):
            found = ", ".join(
                f"{name} has {score:.3f}" for name, score in table.loc[task].dropna().items()
            )
            verdicts.append(f"{task}: {self.reference} has no score; {found}.")
        return verdicts

    def _judge(self, task: Any, rows: pd.DataFrame) -> str:
        found = _decide(rows)
        better = rows[found == _GAINS].sort_values("mean", kind="stable")
        if len(better):
            best = better.iloc[-1]
            ends = " to ".join(f"{best[end]:.2g}" for end in ("low", "high"))
            return (
                f"{task}: {best['model']} gains {best['mean']:.2g} over {self.reference} ({ends})."
            )
        if set(found) == {_NO_INTERVAL}:
            return f"{task}: too few scores to say."
        guesses = found[(rows["model"] == DUMMY).to_numpy()]
        if self.reference == DUMMY or (len(guesses) and guesses[0] != _LOSES):
            return f"{task}: no model is clearly better than guessing."
        return f"{task}: {self.reference} is enough; no model is clearly better."

    def best(self) -> Any:
        """Fit the best model to all rows.

        This is the model with the best mean rank over the tasks; of equals, the cheapest.

        Returns
        -------
        model : estimator
            The fitted model.

        Raises
        ------
        ValueError
            If the comparison was made from scores, so that the models are not known, or if no
            model has a score.
        """
        if self.refit is None:
            raise ValueError("The models are not known: compare them by compare(X, y, models).")
        table = self.table.dropna(how="all").dropna(axis=1)
        if table.empty:
            raise ValueError("No model has a score of every task: use larger folds.")
        ranks = table.rank(axis=1, ascending=False).mean().to_frame("rank")
        ranks["cost"] = self.costs.T["fit, CPU s"]
        return self.refit(ranks.sort_values(["rank", "cost"]).index[0])

    def plot(self, **kwargs: Any) -> ComparisonDisplay:
        """Draw the gains over the reference.

        Parameters
        ----------
        **kwargs : dict
            Passed to :meth:`ComparisonDisplay.plot`.

        Returns
        -------
        display : ComparisonDisplay
            The display.
        """
        return ComparisonDisplay(self.gains, self.reference, self.confidence).plot(**kwargs)

    def _contents(self) -> Contents:
        if self.scores.empty:
            caption = f"Gains over {self.reference}, {self.repeats}"
            rows = self.gains.set_index(["model", "task"])
            return caption, rows.map("{:+.3f}".format), self.verdicts()
        # The scores have three digits, the costs two.
        parts = [self.table.map("{:.3f}".format), self.costs.map("{:.2g}".format)]
        caption = f"Scores, means of {self.repeats}, more is better"
        return caption, pd.concat(parts), self.verdicts()


def _decide(gains: pd.DataFrame) -> np.ndarray:
    """Decide for each gain whether its interval excludes zero."""
    low, high = gains["low"], gains["high"]
    conditions = [low > 0, high < 0, (low == 0) & (high == 0), low.isna()]
    return np.select(conditions, [_GAINS, _LOSES, _EQUAL, _NO_INTERVAL], default=_UNDECIDED)


def check_compared(names: Iterable[str], reference: str) -> None:
    """Check that there is a reference and something to compare it with."""
    names = list(dict.fromkeys(names))
    if reference not in names or len(names) < 2:
        raise ValueError(
            f"reference={reference!r} must be one of at least two models, but they are "
            f"{names}: add a model."
        )


def _compute_gains(
    scores: pd.DataFrame, reference: str, confidence: float, overlap: float
) -> pd.DataFrame:
    """Compute mean and interval of the paired differences from the reference."""
    table = scores.pivot(index="repeat", columns=["model", "task"], values="score")
    pairs = scores[["model", "task"]].drop_duplicates()
    # Where the reference has no score, nobody gains over it.
    known = pairs["task"][pairs["model"] == reference]
    pairs = pairs[(pairs["model"] != reference) & pairs["task"].isin(known)].reset_index(drop=True)
    own, others = (
        table[pd.MultiIndex.from_frame(part)] for part in (pairs, pairs.assign(model=reference))
    )
    gains = own - others.to_numpy()
    mean, n = gains.mean().to_numpy(), gains.count().to_numpy()
    error = gains.std().to_numpy() * np.sqrt(1 / np.maximum(n, 1) + overlap)
    half = error * stats.t.ppf((1 + confidence) / 2, n - 1)
    return pairs.assign(mean=mean, low=mean - half, high=mean + half)
