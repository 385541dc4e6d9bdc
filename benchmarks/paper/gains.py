"""Gains over the single-task networks, from the results of an experiment: numbers and words."""

from functools import partial

import pandas as pd
from page.rst import change, is_there, load

from paper.systems import REFERENCE
from sklearn_ple.inspection import MTLGain

number = partial(change, digits=4)
SEESAW = " Seesaw: some tasks gain, others lose."


def results(name):
    """Return the runs of an experiment that are kept; none if there is no file."""
    if not is_there(name):
        return pd.DataFrame({"setting": [], "system": [], "seed": []})
    return pd.DataFrame(load(name)["results"])


def scores_of(rows, column="scores"):
    """Return the scores of some runs, with a column for each task."""
    scores = pd.DataFrame(rows[column].tolist(), index=rows.index)
    return scores.dropna(axis=1, how="all")


def gains(rows, reference=REFERENCE):
    """Turn the runs of a setting into an `MTLGain`."""
    tidy = scores_of(rows).assign(system=rows["system"], repeat=rows["seed"])
    tidy = tidy.melt(["system", "repeat"], var_name="task", value_name="score")
    return MTLGain.from_scores(tidy, reference=reference, repeats="over the seeds that both have")


def interval(gain, system, task):
    """Write a gain with its interval; a single seed has no interval."""
    own = gain.gains.set_index(["system", "task"]).loc[(system, task)]
    if pd.isna(own["low"]):
        return number(own["mean"])
    return f"{number(own['mean'])} ({number(own['low'])} to {number(own['high'])})"


def gain_table(rows, gain):
    """Make a table of mean scores, gains over the reference, sizes and seconds.

    With two tasks, gains have intervals. With more, there is only room for a star, which means
    that the interval excludes zero.
    """
    runs = rows.groupby("system", sort=False)
    scores = scores_of(rows)
    means = scores.groupby(rows["system"], sort=False).mean()
    by_system = gain.gains.set_index(["system", "task"])
    shown = pd.DataFrame(index=pd.Index(list(means.index), name="system"))
    for task in means:
        cells = []
        for system in means.index:
            cell = f"{means.loc[system, task]:.4f}"
            if system != gain.reference:
                mean, low, high = by_system.loc[(system, task), ["mean", "low", "high"]]
                star = "*" if low > 0 or high < 0 else ""
                short = f"{means.loc[system, task]:.3f} ({change(mean)}{star})"
                cell = short if means.shape[1] > 2 else f"{cell} {interval(gain, system, task)}"
            cells.append(cell)
        shown[task.removeprefix("log ")] = cells
    shown["parameters"] = runs["n_parameters"].first().map("{:,}".format)
    shown["seeds"] = runs.size()
    shown["fit, s"] = runs["fit_cpu_seconds"].mean().map("{:.0f}".format)
    return shown


def in_words(gain):
    """List which systems gain and lose on which tasks; equal results share a line."""
    alike = {}
    for line in gain.summary().replace("log ", "").splitlines()[1:]:
        system, _, what = line.partition(": ")
        alike.setdefault(what.removesuffix(SEESAW), []).append(system)
    return "".join(f"- {', '.join(systems)}: {what}\n" for what, systems in alike.items())
