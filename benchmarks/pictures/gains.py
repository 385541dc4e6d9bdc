"""Gains over single-task networks."""

import matplotlib.pyplot as plt

from ..comparisons import gains
from ..tables.networks import REFERENCE
from ..tables.paper import TITLES as TITLES_OF
from ..tables.paper import scores_of
from .costs import BLUE, THEMES, shade

#: The systems of the paper's picture, from below.
ORDER = ["ESMM", "hard sharing", "MMoE", "PLE"]


def save(figure, path):
    figure.savefig(path, dpi=150)
    plt.close(figure)


def draw_paper(path):
    """Draw the gains with their intervals: axes for each task of the paper's experiments."""
    shown = [(name, task) for name in TITLES_OF for task in scores_of(name)]
    shown = [place for place in shown if place != ("synthetic", "mean")]
    shape = {"sharey": True, "layout": "constrained"}
    figure, axes = plt.subplots(3, 3, figsize=(9.5, 6), **shape)
    for ax, (name, task) in zip(axes.flat, shown, strict=True):
        found = gains(scores_of(name)[[task]], REFERENCE).droplevel("task")
        ax.axvline(0, color="0.6", lw=1, zorder=0)
        for system, row in found[found.index.isin(ORDER)].iterrows():
            beyond = row["low"] > 0 or row["high"] < 0
            style = {"fmt": "o", "ms": 5, "color": shade(BLUE) if beyond else "0.5"}
            half = row["mean"] - row["low"]
            ax.errorbar(row["mean"], ORDER.index(system), xerr=half, **style)
        ax.set_yticks(range(len(ORDER)), ORDER)
        ax.set_title(f"{TITLES_OF[name]}: {task.replace('_', ' ')}", fontsize=9)
        ax.locator_params(axis="x", nbins=4)
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=8)
    figure.supxlabel(f"gain over {REFERENCE}", fontsize=9)
    save(figure, path)


def draw(folder):
    for end, colors in THEMES.items():
        with plt.rc_context(colors):
            draw_paper(folder / f"paper_gains{end}")
