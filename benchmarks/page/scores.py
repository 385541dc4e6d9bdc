"""Scores on test rows, from accuracy.json: ranks, their tests, a table for each data set."""

import numpy as np
import pandas as pd
import texts
from peers import TUNED_PEERS
from ranks import LEVEL, differences, draw, mean_ranks, ran_nearly_everywhere

from page.rst import (
    BLANK,
    change,
    cost,
    counted,
    image,
    in_order,
    listed,
    load,
    mean_scores,
    seconds,
    section,
    short,
    table,
    times,
    title_of,
)

OURS, TUNED, ALIKE = "PLE", "PLE, tuned", "census_no_education"
#: A model whose fits take too long on some sets.
SLOW = "TabM"


def accuracy_runs():
    rows = pd.DataFrame(load("accuracy")["results"])
    place = {name: i for i, name in enumerate(in_order(set(rows["data"]), texts.SETS))}
    return rows.sort_values("data", key=lambda names: names.map(place), kind="stable")


def ranked(scores):
    """Return the ranks, those of models that ran nearly everywhere first, and their tests."""
    summary, by_data = mean_ranks(scores)
    everywhere = summary["tasks"] == summary["tasks"].max()
    # Two sets that are nearly the same would count twice.
    blocks = by_data.loc[everywhere].drop(columns=ALIKE, errors="ignore").rename(short)
    return summary, by_data, differences(blocks)


def ranks_in_words():
    """Name the best model by rank on test rows."""
    summary, by_data, tested = ranked(mean_scores(accuracy_runs()))
    every = summary[summary["tasks"] == summary["tasks"].max()]
    return (
        f"**Best rank on test rows: {short(every.index[0])}.** Over {by_data.shape[1]} sets with "
        f"{int(every['tasks'].max())} tasks the mean ranks are "
        f"{listed_ranks(every['by data set'])}. "
        f"{tests_in_words(tested)}"
    )


def slow_in_words():
    """Name the ranks of the other models on all sets, if the slow model was not run on some."""
    rows = accuracy_runs()
    scores = mean_scores(rows)
    if SLOW not in scores.index or scores.loc[SLOW].notna().all():
        return ""
    others = scores.drop(index=SLOW)
    others = others[ran_nearly_everywhere(others)].dropna(axis=1)
    summary, by_data, tested = ranked(others)
    more, ratio = beside_ours(rows, SLOW)
    left = listed([title_of(name) for name in by_data if scores.loc[SLOW, name].isna().any()])
    sets, tasks = counted(by_data.shape[1], "set"), counted(others.shape[1], "task")
    return (
        f"**{short(SLOW)}** takes {times(ratio)} times PLE's CPU time and scores more on "
        f"{more.sum()} of {counted(len(more), 'task')}. It was not fitted to {left}, "
        f"which would take many hours. Without it, over {sets} with {tasks}, the mean ranks are "
        f"{listed_ranks(summary['by data set'])}. {tests_in_words(tested)}"
    )


def listed_ranks(ranks):
    return listed([f"{short(name)} {rank:.2f}" for name, rank in ranks.items()])


def tests_in_words(tested):
    """Name the models that differ from PLE beyond chance, and those that may not."""
    order = tested.ranks.sort_values()
    unlike = tested.unlike(OURS)
    better = [name for name in order.index if name in unlike and order[name] < order[OURS]]
    worse = [name for name in order.index if name in unlike and order[name] > order[OURS]]
    alike = [name for name in order.index if name not in (OURS, *unlike)]
    parts = [f"better than {listed(worse)}"] if worse else []
    parts += [f"worse than {listed(better)}"] if better else []
    parts += [f"not distinguishable from {listed(alike)}"] if alike else []
    return f"By Nemenyi's test at level {LEVEL:g} PLE is {listed(parts)}."


def accuracy(images):
    rows = accuracy_runs()
    summary, by_data, tested = ranked(mean_scores(rows))
    everywhere = summary["tasks"] == summary["tasks"].max()
    order = [*summary.index[everywhere], *summary.index[~everywhere]]
    titles = [title_of(name) for name in by_data]
    draw(tested, by_data.loc[order].rename(short), titles, images / "accuracy.png")
    digits = {name: summary[name].map("{:.2f}".format) for name in ("by task", "by data set")}
    shown = summary.assign(**digits).rename(short)
    everywhere = everywhere.to_numpy()
    answers = (ranks_in_words(), slow_in_words(), tuned_in_words())
    answer = " ".join(filter(None, answers)).replace("**", "")
    text = section("Accuracy", f"{answer}\n{texts.ACCURACY}")
    text += image("accuracy", "Critical differences of the mean ranks, and the rank on every set")
    text += texts.RANKS.format(p=p_value(tested.p_value), n=tested.n_sets, level=LEVEL)
    text += table(shown[everywhere])
    if not everywhere.all():
        text += f"\n{some_tasks_in_words()}\n{texts.SOME_TASKS}"
        text += table(shown[~everywhere])
    models = in_order(set(rows["model"]), texts.MODELS)
    about = pd.DataFrame(
        {"what it is": [texts.MODELS.get(name, (name, "–"))[1] for name in models]},
        index=pd.Index([short(name) for name in models], name="model"),
    )
    return f"{text}\nThe models:\n{table(about)}"


def p_value(value):
    return f"{value:.3f}" if value >= 0.001 else f"{value:.0e}"


def beside_ours(rows, name):
    """Compare a model with PLE where both ran.

    Returns
    -------
    Series of bool
        Whether the model scores more than PLE, for each task.
    float
        How many times as long its fits take, in the geometric mean over the sets.
    """
    both = mean_scores(rows).loc[[OURS, name]].dropna(axis=1)
    spent = rows.groupby(["model", "data"])["fit_cpu_seconds"].mean().unstack()
    ratio = np.exp(np.log(spent.loc[name] / spent.loc[OURS]).mean())
    return both.loc[name] > both.loc[OURS], ratio


def some_tasks_in_words():
    """Compare PLE, task by task, with models that ran on some of the tasks only."""
    rows = accuracy_runs()
    scores = mean_scores(rows)
    parts = []
    # The others are those that are ranked.
    for name in scores.index[~ran_nearly_everywhere(scores)]:
        more, ratio = beside_ours(rows, name)
        if not name.startswith(OURS) and len(more):
            parts.append(f"{short(name)} on {more.sum()} of {len(more)} tasks ({cost(ratio)})")
    if not parts:
        return ""
    return (
        f"Models that ran on some tasks only score more than PLE on some of them: {listed(parts)}."
    )


def set_by_set():
    """Write a section for each data set: tasks as rows, models as columns, best first."""
    rows = accuracy_runs()
    text = section("Scores on test rows", texts.SCORES)
    for name, run in rows.groupby("data", sort=False):
        title, n_digits, about = texts.SETS.get(name, (name, 3, ""))
        text += section(title, about, line="~") + table(one_data_set(run, n_digits))
    return text


def one_data_set(runs, n_digits):
    """Make a data set's table: scores, the best mean of each task being bold; costs and seeds."""
    scores = pd.DataFrame(runs["scores"].tolist(), index=runs.index)
    mean, deviation = (getattr(scores.groupby(runs["model"]), f)() for f in ("mean", "std"))
    order = mean.rank(ascending=False).mean(axis=1).sort_values(kind="stable").index
    shown = pd.DataFrame(index=pd.Index([], name="task"), columns=order)
    for task in scores:
        best = f"{mean[task].max():.{n_digits}f}"
        for model in order:
            text = f"{mean.loc[model, task]:.{n_digits}f}"
            text = f"**{text}**" if text == best else text
            if not np.isnan(spread := deviation.loc[model, task]):
                text += f" ±{BLANK}{spread:.{n_digits}f}"
            shown.loc[task.removesuffix("_48H__0"), model] = text
    by_model = runs.groupby("model")
    for step, words in (("fit", "fit"), ("predict", "prediction")):
        spent = by_model[f"{step}_cpu_seconds"].mean()
        shown.loc[f"{words}, CPU s"] = spent[order].map(seconds)
    shown.loc["seeds"] = by_model.size()[order]
    return shown.rename(columns=short).rename_axis(index="task", columns=None)


def tuned_in_words():
    """Describe what tuning PLE gains, and how it ranks among the models that were tuned."""
    scores = mean_scores(accuracy_runs())
    if TUNED not in scores.index:
        return ""
    both = scores.loc[[OURS, TUNED]].dropna(axis=1)
    more = (both.loc[TUNED] - both.loc[OURS]).groupby(level="data", sort=False).mean()
    text = (
        "Tuning PLE with eight random settings changes the mean score of a set by "
        f"{change(more.median())} in the median of {counted(len(more), 'set')}."
    )
    shared, *without_slow = where_tuned(scores, OURS)
    if len(shared) < 3 or shared.empty:
        return text
    text += (
        f" On {sets_and_tasks(shared)} other models were tuned too. Among the tuned models and "
        f"PLE with its defaults, the mean ranks over the sets are {ranks_of_sets(shared)}."
    )
    for more in without_slow:
        text += f" On {sets_and_tasks(more)}, without {SLOW}, they are {ranks_of_sets(more)}."
    return text


def where_tuned(scores, *models):
    """Return the scores of tuned models, and of others, on the sets to which all were fitted.

    If the slow model was tuned on fewer sets than the others, a second frame has the scores
    without it.
    """
    there = scores.loc[scores.index.intersection([*models, TUNED, *TUNED_PEERS])]
    every = there.dropna(axis=1)
    others = there.drop(index=f"{SLOW}, tuned and ensembled", errors="ignore").dropna(axis=1)
    return [every, others] if others.shape[1] > every.shape[1] else [every]


def sets_and_tasks(scores):
    sets = scores.columns.unique(level="data")
    return f"{counted(len(sets), 'set')} with {counted(scores.shape[1], 'task')}"


def ranks_of_sets(scores):
    """List the models' mean ranks over the sets."""
    summary, _ = mean_ranks(scores)
    return listed_ranks(summary["by data set"])
