"""Render networks.json and balancing.json as docs/which_network.rst."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from common import ROOT
from networks import NETWORKS
from page.rst import load, table, title_of, versions
from paper.gains import gains, number
from paper.systems import BASES, REFERENCE
from ranks import LEVEL, differences

from sklearn_ple import PLEClassifierRegressor

PAGE = ROOT / "docs" / "which_network.rst"
PICTURE = PAGE.parent / "images" / "networks.png"
#: A colour and a marker of its own for every set.
STYLES = [
    ("#0072B2", "o"),
    ("#D55E00", "s"),
    ("#009E73", "^"),
    ("#CC79A7", "D"),
    ("#E69F00", "v"),
    ("#56B4E9", "P"),
    ("#882255", "X"),
    ("#4D4D4D", "*"),
]
HEAD = """Which network, which balancing?
===============================

Start with the defaults, and compare on your own rows with
:func:`~sklearn_ple.inspection.mtl_gain`. The code continues from the first block of
:doc:`guide/index`:

.. code-block:: python

   from sklearn_ple import (
       SharedBottomClassifierRegressor,
       SingleTaskClassifierRegressor,
   )
   from sklearn_ple.inspection import mtl_gain

   systems = {
       "single task": SingleTaskClassifierRegressor(),
       "hard sharing": SharedBottomClassifierRegressor(),
       "PLE": PLEClassifierRegressor(),
   }
   print(mtl_gain(systems, X, y, cv=3, reference="single task", random_state=0))

In short:

- **Networks.** Sharing gains over single-task networks, but by default the networks that share
  score nearly the same. Hard sharing and MMoE have the best mean ranks, ahead of PLE, and no
  network is best on all sets. Only two differences of ranks are beyond chance: hard sharing, in
  which the tasks share all but their last layers, ranks above single-task networks and above
  MultiTab-Net. As published, no difference is. But the scores of five splits show more: hard
  sharing scores .004 to .012 more than PLE on SUPPORT2, Many labels, Tox21 and RandHIE, and .002
  less on Polynomials, beyond chance. So with many tasks
  :class:`~sklearn_ple.SharedBottomClassifierRegressor` is worth trying.
- **Why PLE is the default.** It costs less than any of the others, it loses on no task beyond
  chance, and it hardly suffers if one loss is much larger than the others.
- **Balancing.** Keep ``"equal"``, the weighted sum. If no loss is much larger than the others, no
  way of balancing is better by more than chance: see `Balancing`_. If one loss is 100 times as
  large and everything is shared, ``"geometric"`` and ``"famo"`` gain most, and cost at most 8 %
  more time. PLE, whose tasks have experts of their own, hardly needs them.
"""
NETWORKS_TEXT = """
Networks
--------

``benchmarks/networks.py`` compares the ten systems of the PLE paper and six other networks, on
{n_splits} splits of the training rows of each set{fewer}. A quarter of the rows is held
out and scored; test rows are not used. All networks have as many parameters as PLE, not counting
embeddings, except for MultiTab-Net, whose layers are narrower. *By default* they have everything
that the package adds, with four members instead of eight. *As published* they have nothing added,
and as many layers as PLE with two levels. *Hard sharing* is
:class:`~sklearn_ple.SharedBottomClassifierRegressor`. With one level, as by default, PLE is the
same as CGC, which therefore appears only as published.

On each set, networks are ranked by the mean score over the tasks (AUC of classes, R² of numbers).
A gain is the score minus that of the single-task network on the same split. A network gains or
loses on a set if the 95 % interval of its gain over the splits excludes zero. In the picture, a
mark is the mean gain on a set, and its line the interval; the axis is linear near zero and
logarithmic further out. Costs are CPU
seconds of a fit, divided by those of PLE, in the geometric mean over the sets.

.. image:: images/networks.png
   :alt: Gain of every network on each set, by default and as published
"""
TASKS = """
The number of tasks, of {n_tasks}, on which a network gains and loses beyond chance: {cells}. By
chance alone it would gain on about {by_chance:.0f}, and lose on as many.
"""
SCORES = """
These are the mean scores over the tasks. A + or − marks a gain or loss beyond chance, compared
with the single-task network.
"""
BALANCING = """
Balancing
---------

``benchmarks/balancing.py`` compares all ways of balancing, with PLE and with a shared bottom. The
tables show mean scores over the tasks on a held-out quarter of the training rows. A + or − marks a
difference from the weighted sum, "equal", that is beyond chance over the splits. In the sets
called "conflict", two targets contain a common function with opposite signs, and in one of them a
loss is multiplied by 100. "Fixed weights, tuned" is the best of several random draws of task
weights. There are as many draws as other ways, so that tuning the weights costs as much as trying
all of these. The larger sets have four members instead of eight and {fewest} splits, the others
{most}.

On the {n_sets} sets where no loss is multiplied and no tasks conflict, there are {n} comparisons
with the weighted sum. Marks in favour of the other way: {better}; against it: {worse}. Chance
alone would make about {chance:.0f} marks.
"""
COST = """
This is the cost of a training step, divided by that of the weighted sum:
"""


def by_setting():
    """Return the runs of networks.py by set, base and split, with their scores by task."""
    rows = pd.DataFrame(load("networks")["results"])
    parts = rows["setting"].str.split(", ", expand=True)
    rows["data"], rows["base"] = parts[0], parts[1]
    rows["seed"] = parts[2].str.removeprefix("split ").astype(int)
    return rows


def with_means(rows):
    """Return runs with their mean scores over the tasks."""
    means = [{"mean": np.mean(list(scores.values()))} for scores in rows["scores"]]
    return rows.assign(scores=means)


def tasks_in_words(rows):
    """Count the tasks on which each network gains and loses beyond chance."""
    found = pd.concat([gains(own).gains for _, own in rows.groupby("data")])
    found = found.assign(gains=found["low"] > 0, loses=found["high"] < 0)
    counts = found.groupby("system")[["gains", "loses"]].sum()
    cells = [
        f"{name} {own.gains} and {own.loses}"
        for name, own in counts.sort_values("gains", ascending=False).iterrows()
    ]
    n_tasks = found.groupby("system").size().max()
    return TASKS.format(n_tasks=n_tasks, by_chance=n_tasks * 0.025, cells="; ".join(cells))


def summary(rows):
    """Summarise the runs of a base, on sets that all networks were run on.

    Returns
    -------
    DataFrame
        A row for each network: mean rank and gain over the sets, on how many sets it gains and
        loses beyond chance, and its cost and size relative to PLE's.
    dict of str to MTLGain
        The gains on every set.
    Differences
        Which ranks differ beyond chance.
    """
    n_networks = rows.groupby("data")["system"].nunique()
    rows = rows[rows["data"].isin(n_networks.index[n_networks == n_networks.max()])]
    of_set = {name: gains(own) for name, own in rows.groupby("data", sort=False)}
    means = pd.DataFrame(
        {name: own.scores.groupby("system")["score"].mean() for name, own in of_set.items()}
    )
    parts = pd.concat({name: own.gains.set_index("system") for name, own in of_set.items()})
    ranks = means.rank(ascending=False)
    costs, sizes = (
        np.log(rows.groupby(["system", "data"])[column].mean().unstack())
        for column in ("fit_cpu_seconds", "n_parameters")
    )
    shown = pd.DataFrame(
        {
            "rank": ranks.mean(axis=1),
            "gain": parts["mean"].groupby(level=1).mean(),
            "gains": (parts["low"] > 0).groupby(level=1).sum(),
            "loses": (parts["high"] < 0).groupby(level=1).sum(),
            "cost": np.exp((costs - costs.loc["PLE"]).mean(axis=1)),
            "size": np.exp((sizes - sizes.loc["PLE"]).mean(axis=1)),
        }
    )
    order = [name for name in NETWORKS if name in shown.index]
    return shown.loc[order].rename_axis("network"), of_set, differences(ranks)


def ranks_in_words(tested):
    """Describe which mean ranks differ beyond chance."""
    n_sets, level = tested.n_sets, f"{100 * LEVEL:g} %"
    better = {
        name: [other for other in tested.unlike(name) if tested.ranks[other] > rank]
        for name, rank in tested.ranks.sort_values().items()
    }
    parts = [f"{name} better than {', '.join(worse)}" for name, worse in better.items() if worse]
    if not parts:
        return f"\nNo two mean ranks over the {n_sets} sets differ at the {level} level.\n"
    return (
        f"\nBy Nemenyi's test over the {n_sets} sets at the {level} level, these mean ranks "
        f"differ: {'; '.join(parts)}. No others do.\n"
    )


def summary_table(shown):
    cells = pd.DataFrame({"mean rank": shown["rank"].map("{:.1f}".format)})
    cells["mean gain"] = shown["gain"].map(number, na_action="ignore").fillna("–")
    for name in ("gains", "loses"):
        cells[f"{name} on"] = shown[name].map("{:.0f}".format, na_action="ignore").fillna("–")
    cells["cost, PLE = 1"] = shown["cost"].map("{:.2f}".format)
    cells["parameters, PLE = 1"] = shown["size"].map("{:.2f}".format)
    return table(cells)


def scores_table(of_set):
    """Make a table of mean scores; a sign marks a gain beyond chance."""
    shown = pd.DataFrame({title_of(name): score_cells(own) for name, own in of_set.items()})
    return table(shown.loc[[n for n in NETWORKS if n in shown.index]].rename_axis("network"))


def score_cells(gain):
    cells = gain.scores.groupby("system")["score"].mean().map("{:.4f}".format)
    for row in gain.gains.itertuples():
        cells[row.system] += " +" if row.low > 0 else " −" if row.high < 0 else ""
    return cells


def draw(by_base):
    """Draw the gains on every set, with a row for each network and axes for each base."""
    figure, axes = plt.subplots(
        1, len(by_base), figsize=(10, 6), sharey=True, layout="constrained", squeeze=False
    )
    sets = list(dict.fromkeys(name for _, of_set, _ in by_base.values() for name in of_set))
    # By their ranks in the first base; a network that is only in another one comes last.
    ranks = pd.concat(
        [shown["rank"].drop(REFERENCE).sort_values() for shown, *_ in by_base.values()]
    )
    places = {name: place for place, name in enumerate(dict.fromkeys(ranks.index))}
    axes[0, 0].set_yticks(range(len(places)), list(places))
    axes[0, 0].invert_yaxis()
    for ax, (base, (_, of_set, _)) in zip(axes[0], by_base.items(), strict=True):
        ax.axvline(0, color="0.5", lw=1)
        n_sets = len(of_set)
        for k, (name, own) in enumerate(of_set.items()):
            colour, marker = STYLES[sets.index(name) % len(STYLES)]
            rows = own.gains
            at = rows["system"].map(places) + 0.6 * ((k + 0.5) / n_sets - 0.5)
            half = (rows["mean"] - rows["low"]).clip(upper=1)
            ax.errorbar(
                rows["mean"],
                at,
                xerr=half,
                fmt=marker,
                ms=5,
                color=colour,
                elinewidth=0.8,
                label=title_of(name),
            )
        ax.set_xscale("symlog", linthresh=0.01)
        ax.set_title(f"{base}")
        ax.set_xlabel(f"gain over {REFERENCE} (mean score over the tasks)")
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(axis="y", color="0.93")
        ax.set_axisbelow(True)
    shown = {
        label: h
        for ax in axes[0]
        for h, label in zip(*ax.get_legend_handles_labels(), strict=True)
    }
    figure.legend(shown.values(), shown.keys(), loc="outside lower center", ncols=4, frameon=False)
    figure.savefig(PICTURE, dpi=150)
    plt.close(figure)


def splits(rows):
    """Return the largest number of splits, and a text that names the sets with fewer."""
    counts = rows.groupby(["data", "base"], sort=False)["seed"].nunique()
    few = counts[counts < counts.max()]
    parts = [f"{title_of(name)} {base} has {count}" for (name, base), count in few.items()]
    return counts.max(), f" ({', '.join(parts)})" if parts else ""


def networks():
    rows = by_setting()
    by_base = {
        base: summary(with_means(rows[rows["base"] == base]))
        for base in BASES
        if base in set(rows["base"])
    }
    by_base = dict(reversed(by_base.items()))
    draw(by_base)
    n_splits, fewer = splits(rows)
    text = NETWORKS_TEXT.format(n_splits=n_splits, fewer=fewer)
    for base, (shown, of_set, tested) in by_base.items():
        title = base.capitalize()
        text += f"\n{title}\n{'~' * len(title)}\n{summary_table(shown)}{ranks_in_words(tested)}"
        text += tasks_in_words(rows[rows["base"] == base])
        text += f"{SCORES}{scores_table(of_set)}"
    return text + versions(load("networks"))


def compared(runs):
    """Count the comparisons with the weighted sum on sets without a conflict, and their marks."""
    plain = runs[~runs["data"].str.startswith("conflict")]
    parts = [gains(own, "equal").gains for _, own in plain.groupby(["network", "data"])]
    every = pd.concat(parts).query("system != 'equal'")
    n_splits = runs.groupby(["members", "data"])["seed"].nunique().groupby("members")
    few, many = (" or ".join(map(str, sorted(set(own)))) for _, own in n_splits)
    return {
        "fewest": few,
        "most": many,
        "n_sets": plain["data"].nunique(),
        "n": len(every),
        "better": int((every["low"] > 0).sum()),
        "worse": int((every["high"] < 0).sum()),
        "chance": 0.05 * len(every),
    }


def balancing():
    """Make a table for each network: what every way gains over the weighted sum of losses."""
    rows = pd.DataFrame(load("balancing")["results"]).rename(columns={"balancing": "system"})
    runs = rows[rows["seed"].notna()]
    runs = runs.assign(
        scores=[{"mean": score} for score in runs["score"]],
        members=runs["n_members"].fillna(PLEClassifierRegressor().n_members).astype(int),
    )
    text = BALANCING.format(**compared(runs))
    runs = runs.sort_values(["network", "members"], ascending=[True, False], kind="stable")
    for (network, members), own in runs.groupby(["network", "members"], sort=False):
        of_set = {name: gains(part, "equal") for name, part in own.groupby("data", sort=False)}
        shown = pd.DataFrame({title_of(name): score_cells(gain) for name, gain in of_set.items()})
        order = list(dict.fromkeys(own["system"]))
        shown = shown.reindex(order).fillna("–").rename_axis("balancing")
        text += f"\n**{network}, {members} members**\n{table(shown)}"
    cost = rows[rows["seed"].isna()].assign(
        data=lambda own: own["data"].str.removeprefix("cost: ")
    )
    shown = cost.pivot_table("ratio", "system", "data", sort=False).map("{:.2f}".format)
    return f"{text}{COST}{table(shown.rename_axis('balancing'))}" + versions(load("balancing"))


if __name__ == "__main__":
    PAGE.write_text(HEAD + networks() + balancing())
