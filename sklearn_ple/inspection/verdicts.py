"""Verdicts on gains: better, probably better, no difference that matters, or undecided."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

#: Name of the model that guesses.
DUMMY = "dummy"
#: So many verdicts are sentences; more are a table.
FEW = 8

# The possible results of a gain, in the order of the summary.
GAINS, LOSES, _UNDECIDED, _EQUAL = "gains on", "loses on", "undecided on", "no difference on"
_NO_INTERVAL = "no interval on"
VERDICTS = (GAINS, LOSES, _UNDECIDED, _EQUAL, _NO_INTERVAL)

_BETTER, _PROBABLY, _SAME = "better", "probably better", "no difference that matters"
_UNKNOWN, _OPEN = "too few scores", "undecided"
# With a smaller chance of a gain, nothing is probable.
_PROBABLE = 0.75


class Decision(NamedTuple):
    """The verdict on a task.

    Attributes
    ----------
    task : object
        Name of the task.
    leader, over : str
        The model with the higher mean score, and the one that it is compared with. One of them is
        the reference, the other the best of the rest.
    lead, low, high : float
        The gain of the leader with its interval.
    chance : float
        The chance that the true gain is above zero.
    verdict : str
        The sort of verdict.
    sentence : str
        The verdict in words.
    """

    task: Any
    leader: str
    over: str
    lead: float
    low: float
    high: float
    chance: float
    verdict: str
    sentence: str


def classify(gains: pd.DataFrame) -> np.ndarray:
    """Decide for each gain whether its interval excludes zero."""
    low, high = gains["low"], gains["high"]
    conditions = [low > 0, high < 0, (low == 0) & (high == 0), low.isna()]
    return np.select(conditions, [GAINS, LOSES, _EQUAL, _NO_INTERVAL], default=_UNDECIDED)


def decide(
    task: Any,
    gains: pd.DataFrame,
    reference: str,
    margin: float,
    confidence: float,
    over_guessing: pd.DataFrame | None = None,
) -> Decision:
    """Decide which model to take for a task.

    Parameters
    ----------
    task : object
        Name of the task.
    gains : DataFrame
        The gains of the models over the reference on this task.
    reference : str
        The reference.
    margin : float
        A difference that does not matter.
    confidence : float
        The confidence of the intervals.
    over_guessing : DataFrame or None, default=None
        The gains of all models over the one that guesses.

    Returns
    -------
    Decision
        The verdict.
    """
    rivals = gains[(gains["model"] != DUMMY).to_numpy() & gains["low"].notna().to_numpy()]
    if rivals.empty:
        rivals = gains[gains["low"].notna()]
    if rivals.empty:
        unknown = (np.nan,) * 4
        sentence = f"{task}: too few scores to say."
        return Decision(task, "", reference, *unknown, _UNKNOWN, sentence)
    found = classify(rivals)
    best = rivals[found == GAINS] if GAINS in found else rivals
    best = best.sort_values("mean", kind="stable").iloc[-1]
    lead, low, high = best[["mean", "low", "high"]].tolist()
    chance = _find_chance(best, confidence)
    leader, over = best["model"], reference
    if lead < 0:
        leader, over = over, leader
        lead, low, high, chance = -lead, -high, -low, 1 - chance
    made = task, leader, over, lead, low, high, chance
    inside = bool((rivals["low"] >= -margin).all() and (rivals["high"] <= margin).all())
    guess = _compare_with_guessing(task, leader, gains, reference, over_guessing)
    if low > 0:
        words = f"{leader} gains {lead:.2g} over {over} ({low:.2g} to {high:.2g})"
        return Decision(*made, _BETTER, f"{task}: {words}{guess}.")
    if inside:
        words = f"no difference that matters, all gains over {reference} are within ±{margin:g}"
        return Decision(*made, _SAME, f"{task}: {words}{guess}.")
    sure = format_chance(chance)
    if chance < _PROBABLE:
        words = f"undecided, {leader} is better than {over} with a chance of {sure}"
        return Decision(*made, _OPEN, f"{task}: {words}{guess}.")
    words = f"{leader} is probably better than {over}, by {lead:.2g} (chance {sure})"
    return Decision(*made, _PROBABLY, f"{task}: {words}{guess}.")


def format_chance(chance: float) -> str:
    """Format a chance in per cent, of which none is certain: "over 99 %" instead of "100 %"."""
    if chance > 0.99:
        return "over 99 %"
    return "under 1 %" if chance < 0.01 else f"{100 * chance:.0f} %"


def _find_chance(gain: pd.Series, confidence: float) -> float:
    """Return the chance of a gain above zero; if it is not given, from its interval."""
    if "chance" in gain:
        return float(gain["chance"])
    error = (gain["high"] - gain["low"]) / 2 / stats.norm.ppf((1 + confidence) / 2)
    return float(stats.norm.cdf(gain["mean"] / error)) if error else float(gain["mean"] > 0)


def _compare_with_guessing(
    task: Any,
    leader: str,
    gains: pd.DataFrame,
    reference: str,
    over_guessing: pd.DataFrame | None,
) -> str:
    """Return a remark if the leader is not clearly better than guessing, or an empty text."""
    if DUMMY in (leader, reference):
        return ""
    low = np.inf
    if over_guessing is not None:
        own = (over_guessing["model"] == leader) & (over_guessing["task"] == task)
        low = over_guessing["low"][own].min()
    elif leader == reference:
        # What guessing loses the reference gains.
        low = -gains["high"][gains["model"] == DUMMY].max()
    return "; it is not clearly better than guessing" if low <= 0 else ""


def without_gains(task: Any, scores: pd.Series, reference: str) -> Decision:
    """Return the verdict on a task of which the reference has no score."""
    known = ", ".join(f"{name} has {score:.3f}" for name, score in scores.dropna().items())
    sentence = f"{task}: {reference} has no score; {known or 'nor has another model'}."
    leader = "" if scores.isna().all() else str(scores.idxmax())
    return Decision(task, leader, reference, *(np.nan,) * 4, "no score to compare with", sentence)


def describe_lead(gains: pd.DataFrame, reference: str) -> str:
    """Describe in a line which model is ahead on how many tasks, and by how much on average."""
    rivals = gains[gains["model"] != DUMMY] if (gains["model"] != DUMMY).any() else gains
    means = rivals.pivot(index="task", columns="model", values="mean")
    best = means.mean().idxmax()
    own = means[best].dropna()
    n_ahead = int((own > 0).sum())
    n_tasks, mean = len(own), own.mean()
    where = f"{n_ahead} of {n_tasks} tasks, by {mean:+.3f} on average."
    return f"{best} is ahead of {reference} on {where}"


def show_decisions(decisions: pd.DataFrame) -> list[str]:
    """Return the lines of a table of verdicts."""
    shown = decisions.assign(
        lead=decisions["lead"].map("{:.3f}".format),
        interval=[
            f"{low:.3f} to {high:.3f}"
            for low, high in decisions[["low", "high"]].itertuples(index=False)
        ],
        chance=decisions["chance"].map(format_chance),
    )
    shown.loc[decisions["lead"].isna(), ["lead", "interval", "chance"]] = "–"
    columns = ["leader", "over", "lead", "interval", "chance", "verdict"]
    return shown[columns].to_string().splitlines()
