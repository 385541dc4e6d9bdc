"""Mean ranks of the models of accuracy.py: as numbers, tested, and as a picture."""

from textwrap import fill
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

#: The level of the tests.
LEVEL = 0.05
#: With more sets, the numbers in the picture are smaller and the titles of the sets steeper.
MANY_SETS = 12


class Differences(NamedTuple):
    """What Friedman's and Nemenyi's tests find in a table of sets and models."""

    ranks: pd.Series
    p_value: float
    p_values: pd.DataFrame
    n_sets: int

    def unlike(self, model):
        """Return the models that differ from the given one beyond chance."""
        own = self.p_values[model].drop(model)
        return [name for name in own.index if own[name] < LEVEL]


def ran_nearly_everywhere(means):
    """Return which models have a value in nearly all of the columns."""
    there = means.notna().sum(axis=1)
    return there > 0.9 * there.max()


def mean_ranks(means):
    """Rank the models in each column of means, which is a (data, task); 1 is best.

    Models that have nearly all columns are ranked among each other, on the columns that all of
    them have. Each other model is ranked together with these, where it has a value.
    """
    complete = means[ran_nearly_everywhere(means)].dropna(axis=1)
    ranks = complete.rank(ascending=False)
    for model in means.index.difference(complete.index, sort=False):
        own = means.loc[[model], complete.columns].dropna(axis=1)
        among = pd.concat([complete[own.columns], own]).rank(ascending=False)
        ranks = pd.concat([ranks, among.loc[[model]]])
    by_data = ranks.T.groupby(level="data", sort=False).mean().T
    summary = pd.DataFrame(
        {
            "by task": ranks.mean(axis=1),
            "by data set": by_data.mean(axis=1),
            "tasks": ranks.notna().sum(axis=1),
        }
    )
    summary.index.name = "model"
    order = summary["by data set"].sort_values(kind="stable").index
    return summary.loc[order], by_data.loc[order]


def differences(by_data):
    """Test whether models differ, by their mean ranks on every data set.

    Friedman's test, and Nemenyi's for all pairs (J. Demšar, "Statistical Comparisons of
    Classifiers over Multiple Data Sets", JMLR 7, 2006). The sets are the blocks, each of which
    counts once.
    """
    import scikit_posthocs
    from scipy.stats import friedmanchisquare

    blocks = by_data.T
    p_value = friedmanchisquare(*by_data.to_numpy()).pvalue
    p_values = scikit_posthocs.posthoc_nemenyi_friedman(blocks.to_numpy()).to_numpy()
    # Pairs are compared only if the models differ at all.
    p_values = p_values if p_value < LEVEL else np.ones_like(p_values)
    p_values = pd.DataFrame(p_values, index=by_data.index, columns=by_data.index)
    return Differences(blocks.rank(axis=1).mean(), float(p_value), p_values, len(blocks))


def draw(tested, by_data, titles, path):
    """Draw the critical differences, and under them every model's rank on every data set."""
    heights = [1.1 + 0.17 * len(tested.ranks), 1.7 + 0.33 * len(by_data)]
    figure, (above, below) = plt.subplots(
        2, 1, figsize=(9, sum(heights)), height_ratios=heights, layout="constrained"
    )
    figure.get_layout_engine().set(hspace=0.08)
    draw_differences(above, tested)
    draw_ranks(below, by_data, titles)
    figure.savefig(path, dpi=150, facecolor="white")
    plt.close(figure)


def draw_differences(ax, tested):
    import scikit_posthocs

    drawn = scikit_posthocs.critical_difference_diagram(
        tested.ranks,
        tested.p_values,
        ax=ax,
        alpha=LEVEL,
        label_fmt_left="{label} ({rank:.1f})  ",
        label_fmt_right="  {label} ({rank:.1f})",
        label_props={"fontsize": 10},
        color_palette={
            name: "#0072B2" if name.startswith("PLE") else "0.25" for name in tested.ranks.index
        },
        crossbar_props={"color": "#D55E00", "linewidth": 3},
    )
    for (bar,) in drawn["crossbars"]:
        # The points come from a Python set, so their order differs from run to run.
        ends = np.min(bar.get_xdata()), np.max(bar.get_xdata())
        bar.set_data(ends, bar.get_ydata()[:2])
    title = (
        f"Ranks of the mean ranks on {tested.n_sets} data sets (1 is best); bars: may be chance"
    )
    ax.set_title(title, loc="left", weight="bold", fontsize=11, pad=12)


def draw_ranks(ax, by_data, titles):
    """Draw a cell for each model and data set: the mean rank of the model on the set's tasks."""
    shown = by_data.to_numpy()
    ax.imshow(np.ma.masked_invalid(shown), cmap="RdYlBu_r", aspect="auto", alpha=0.75)
    many = len(titles) > MANY_SETS
    size = 7 if many else 9
    for (row, column), rank in np.ndenumerate(shown):
        if not np.isnan(rank):
            ax.text(column, row, f"{rank:.1f}", ha="center", va="center", fontsize=size)
    titles = titles if many else [fill(title, 18) for title in titles]
    style = {"rotation": 60 if many else 40, "ha": "right", "va": "top"}
    style["rotation_mode"] = "anchor"
    ax.set_xticks(range(len(titles)), titles, fontsize=size, **style)
    ax.set_yticks(range(len(by_data)), by_data.index, fontsize=9)
    for label in ax.get_yticklabels():
        label.set_fontweight("bold" if label.get_text().startswith("PLE") else "normal")
    ax.set_xticks(np.arange(1, shown.shape[1]) - 0.5, minor=True)
    ax.set_yticks(np.arange(1, shown.shape[0]) - 0.5, minor=True)
    ax.grid(which="minor", color="white", lw=2)
    ax.tick_params(which="both", length=0)
    ax.spines[:].set_visible(False)
    title = "Rank on each data set, mean over its tasks"
    ax.set_title(title, loc="left", weight="bold", fontsize=11, pad=8)
