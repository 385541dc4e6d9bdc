"""The result of a comparison: scores, costs, gains over a reference, and verdicts."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..utils.checks import check_frame
from ..utils.constraints import BETWEEN_0_AND_1, NOT_NEGATIVE, check_arguments
from .comparison_display import ComparisonDisplay
from .paired import PairedRows, compute_gains
from .shown import Contents, Result
from .verdicts import (
    DUMMY,
    FEW,
    GAINS,
    LOSES,
    VERDICTS,
    Decision,
    classify,
    decide,
    describe_lead,
    show_decisions,
    without_gains,
)

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
        the reference, and the bounds of the confidence interval. There may be a column ``chance``,
        that of a true gain above zero.
    reference : str
        The model that the others are compared with.
    confidence : float
        The confidence of the intervals.
    repeats : str
        What was repeated, such as "5 folds".
    refit : callable or None, default=None
        Function that fits a model, given by name, to all rows; None if it is not known how.
    margin : float, default=0.01
        A difference of scores that does not matter.
    over_guessing : DataFrame or None, default=None
        The gains over the model "dummy", in the form of ``gains``.

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
    margin: float = 0.01
    over_guessing: pd.DataFrame | None = None

    @classmethod
    @check_arguments(
        reference=[str],
        confidence=[BETWEEN_0_AND_1],
        overlap=[NOT_NEGATIVE],
        repeats=[str, None],
        margin=[NOT_NEGATIVE],
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
        margin: float = 0.01,
        paired: PairedRows | None = None,
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
        margin : float, default=0.01
            A difference of scores that does not matter.
        paired : PairedRows, default=None
            What :func:`compare` has learnt from the test rows. By default the intervals are
            Student's, of the differences between repeats.

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
        evidence = confidence, overlap, paired
        gains, guessing = compute_gains(scores, reference, *evidence), None
        if reference != DUMMY and (scores["model"] == DUMMY).any():
            guessing = compute_gains(scores, DUMMY, *evidence)
        return cls(scores, gains, reference, confidence, repeats, refit, margin, guessing)

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
            found = classify(rows)
            parts = [
                f"{verdict} {', '.join(map(str, rows['task'][found == verdict]))}"
                for verdict in VERDICTS
                if verdict in found
            ]
            is_seesaw = GAINS in found and LOSES in found
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

        A model is better than the reference if the interval of its gain is above zero. If it is
        not, the sentence says how probable it is that the best mean gain is a true one. There is
        no difference that matters if the intervals of all models lie within the margin.

        Returns
        -------
        verdicts : list of str
            A sentence for each task.
        """
        return [decision.sentence for decision in self._decide()]

    @property
    def decisions(self) -> pd.DataFrame:
        """The verdicts as a table: the leader of each task, its lead, and how sure it is.

        The columns are ``leader``, ``over``, ``lead``, ``low``, ``high``, ``chance`` and
        ``verdict``. Tasks in which the reference is behind come first.
        """
        rows = [decision[:8] for decision in self._decide()]
        table = pd.DataFrame(rows, columns=Decision._fields[:8]).set_index("task")
        signs = np.where(table["leader"] == self.reference, -1.0, 1.0)
        order = np.argsort(-signs * table["lead"].fillna(0.0), kind="stable")
        return table.iloc[order].rename_axis(index=None)

    def overview(self) -> str:
        """Describe in a line which model is ahead of the reference on how many tasks.

        Returns
        -------
        overview : str
            A line such as "PLE is ahead of boosting on 24 of 25 tasks, by +0.030 on average.", as
            text.
        """
        return describe_lead(self.gains, self.reference)

    def _decide(self) -> list[Decision]:
        """Return the decision of each task, in their order; without gains at the end."""
        decided = [
            decide(task, rows, self.reference, self.margin, self.confidence, self.over_guessing)
            for task, rows in self.gains.groupby("task", sort=False)
        ]
        if self.scores.empty:
            return decided
        table = self.table
        others = table.index.difference(self.gains["task"], sort=False)
        return decided + [without_gains(task, table.loc[task], self.reference) for task in others]

    @property
    def best_name(self) -> str:
        """The name of the model that `best` fits."""
        table = self.table.dropna(how="all").dropna(axis=1)
        if table.empty:
            raise ValueError("No model has a score of every task: use larger folds.")
        ranks = table.rank(axis=1, ascending=False).mean().to_frame("rank")
        ranks["cost"] = self.costs.T.get("fit, CPU s", 0.0)
        return str(ranks.sort_values(["rank", "cost"]).index[0])

    def best(self) -> Any:
        """Fit the best model to all rows.

        This is the model with the best mean rank over the tasks; of equals, the cheapest. Its name
        is ``best_name``.

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
        return self.refit(self.best_name)

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
            rows = self.gains.set_index(["model", "task"])[["mean", "low", "high"]]
            return caption, rows.map("{:+.3f}".format), self._list_verdicts()
        # The scores have three digits, the costs two.
        # Adding zero turns a rounded -0.0 into 0.0.
        parts = [(self.table.round(3) + 0.0).map("{:.3f}".format), self.costs.map("{:.2g}".format)]
        caption = f"Scores, means of {self.repeats}, more is better"
        return caption, pd.concat(parts), self._list_verdicts()

    def _list_verdicts(self) -> list[str]:
        """Return the verdicts or, for many tasks, a line and a table."""
        verdicts = self.verdicts()
        if len(verdicts) <= FEW:
            return verdicts
        return [self.overview(), *show_decisions(self.decisions)]


def check_compared(names: Iterable[str], reference: str) -> None:
    """Check that there is a reference and something to compare it with."""
    names = list(dict.fromkeys(names))
    if reference not in names or len(names) < 2:
        raise ValueError(
            f"reference={reference!r} must be one of at least two models, but they are "
            f"{names}: add a model."
        )
