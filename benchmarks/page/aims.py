"""The aims that were set for the defaults before the runs on test rows, and what was reached."""

import numpy as np
import pandas as pd
import texts
from ranks import mean_ranks, ran_nearly_everywhere

from page.rst import counted, listed, load, mean_scores, section, short, table, times, title_of
from page.scores import OURS, SLOW, TUNED, listed_ranks, where_tuned

#: Models with their defaults.
RIVALS = (
    "CatBoost",
    "CatBoost MultiRMSEWithMissingValues",
    "CatBoost MultiLogloss",
    "LightGBM",
    "LightGBM, early stopping",
    "XGBoost",
    "HistGradientBoosting",
    "Random forest",
    "MLP",
    "RealMLP",
    "TabM",
)
#: How many times another model's CPU time a fit may take at most.
COSTS = {"CatBoost": 1, "LightGBM, early stopping": 10}


def first_in_rank(scores):
    """Return whether PLE has the best mean rank, by task and by data set, with the ranks."""
    scores = scores.loc[scores.index.intersection([OURS, *RIVALS])]
    summary, _ = mean_ranks(scores[ran_nearly_everywhere(scores)])
    for name in ("by task", "by data set"):
        ranks = summary[name].sort_values()[:3]
        yield f"First in mean rank {name}", ranks.index[0] == OURS, listed_ranks(ranks)


def first_when_tuned(scores):
    """Return whether PLE has the best mean rank among tuned models, where all of them ran.

    It must also be first without the slow model, where that was not tuned on some sets.
    """
    tuned = where_tuned(scores)
    if len(tuned[0]) < 2 or tuned[0].empty or TUNED not in tuned[0].index:
        return
    ranked = [mean_ranks(own) for own in tuned]
    for name in ("by task", "by data set"):
        first, found = True, []
        for summary, by_data in ranked:
            means = summary[name].sort_values(kind="stable")
            first &= means[TUNED] == means.min()
            found.append(f"{listed_ranks(means)}, on {counted(by_data.shape[1], 'set')}")
        yield f"First in mean rank {name}, all tuned", first, f"; without {SLOW} ".join(found)


def at_least(scores, data, task, least):
    mean = scores.loc[OURS, (data, task)]
    name = f"{title_of(data)}, {task.replace('_', ' ')}: at least {least}"
    yield name, round(mean, 4) >= least, f"{mean:.4f}"


def beside(scores, data, rivals):
    """Return whether PLE's mean score on a set is at least that of each of some models."""
    means = scores[data].mean(axis=1).dropna().round(3)
    others = means[means.index.intersection(rivals)].sort_values(ascending=False)
    if others.empty:
        return
    best = others.index[0]
    names = "every other model's" if len(rivals) > 1 else f"{short(best)}'s"
    found = f"{means[OURS]:.3f}; {short(best)} {others[best]:.3f}"
    yield f"{title_of(data)}: at least {names}", means[OURS] >= others[best], found


def costs(runs):
    """Return whether fits take at most so many times another model's CPU time, on every set."""
    spent = runs.groupby(["model", "data"], sort=False)["fit_cpu_seconds"].mean().unstack()
    for rival, most in COSTS.items():
        ratios = (spent.loc[OURS] / spent.loc[rival]).dropna().sort_values(ascending=False)
        over = ratios[ratios > most]
        mean = times(np.exp(np.log(ratios).mean()))
        found = f"{mean} times in the geometric mean over {len(ratios)} sets"
        if len(over):
            cells = [
                f"{title_of(name)} ({times(ratio)} times, {spent.loc[OURS, name]:.1f} s)"
                for name, ratio in over.items()
            ]
            found += f"; more on {listed(cells)}"
        allowed = "at most" if most == 1 else f"at most {most} times"
        yield f"CPU time on every set: {allowed} {short(rival)}'s", over.empty, found


def aims():
    """Make the section: a table of all aims, and what was tried for those that were missed."""
    runs = pd.DataFrame(load("accuracy")["results"])
    scores = mean_scores(runs)
    rows = [
        *first_in_rank(scores),
        *first_when_tuned(scores),
        *at_least(scores, "census", "never_married", 0.9948),
        *beside(scores, "tox21", ["CatBoost"]),
        *beside(scores, "rf1", RIVALS),
        *beside(scores, "synthetic_mixed", RIVALS),
        *costs(runs),
    ]
    shown = pd.DataFrame(rows, columns=["aim", "reached", "found"]).set_index("aim")
    cells = shown.assign(reached=shown["reached"].map({True: "yes", False: "no"}))
    n_reached = int(shown["reached"].sum())
    text = section("Aims", f"{n_reached} of {len(shown)} aims are reached.\n{texts.AIMS}")
    missed = [aim for aim in shown.index[~shown["reached"].astype(bool)] if aim in texts.MISSED]
    return text + table(cells) + "".join(f"\n- **{aim}.** {texts.MISSED[aim]}\n" for aim in missed)
