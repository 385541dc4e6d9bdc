"""Mean ranks of the models of accuracy.py, as numbers and as a picture."""

import numpy as np
import pandas as pd


def mean_ranks(means):
    """Rank the models in every column of means, of (data, task); 1 is best.

    Models with most of the columns are ranked among each other, on the columns that they all have,
    and every other model among those and itself, where it has a value.
    """
    there = means.notna().sum(axis=1)
    complete = means[there > 0.9 * there.max()].dropna(axis=1)
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


def draw(summary, by_data, titles, path):
    """Draw a row a model: its rank on every data set, and the mean of these.

    Models that ran on a few tasks only are left out: their ranks do not compare.
    """
    import matplotlib.pyplot as plt

    summary = summary[summary["tasks"] > summary["tasks"].max() / 2]
    by_data = by_data.loc[summary.index]
    figure, ax = plt.subplots(figsize=(8, 2 + 0.42 * len(summary)), layout="constrained")
    rows, most = np.arange(len(summary)), summary["tasks"].max()
    ax.plot(summary["by data set"], rows, "|", color="black", ms=24, mew=3, label="mean")
    for name, offset in zip(by_data, np.linspace(-0.2, 0.2, by_data.shape[1]), strict=True):
        ax.plot(by_data[name], rows + offset, "o", ms=5, alpha=0.8, label=titles[name])
    labels = [
        name if tasks == most else f"{name}\n({tasks} of {most} tasks)"
        for name, tasks in summary["tasks"].items()
    ]
    ax.set_yticks(rows, labels)
    for label in ax.get_yticklabels():
        label.set_fontweight("bold" if label.get_text().startswith("PLE") else "normal")
    ax.set_ylim(len(summary) - 0.5, -0.5)
    ax.set_xlabel("mean rank of a model's scores (1 is best)")
    ax.hlines(rows[1:] - 0.5, 0, 1, transform=ax.get_yaxis_transform(), color="0.9", lw=0.8)
    ax.xaxis.set_major_locator(plt.MultipleLocator())
    ax.grid(axis="x", color="0.9")
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    legend = figure.legend(loc="outside lower center", ncols=3, frameon=False)
    legend.legend_handles[0].set_markersize(10)
    figure.savefig(path, dpi=150)
    plt.close(figure)
