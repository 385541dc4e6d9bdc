"""Gains over single-task networks."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from ..comparisons import gains
from ..tables.cells import TITLES, change
from ..tables.networks import REFERENCE, network_runs, ranks_and_gains
from ..tables.paper import TITLES as TITLES_OF
from ..tables.paper import scores_of
from .heat_map import draw_cells

BASES = ("by default", "as published")
#: The systems of the paper's picture, from below.
ORDER = ["ESMM", "hard sharing", "MMoE", "PLE"]
#: Larger gains and losses have the same colour.
MOST = 0.02


def save(figure, path):
    figure.savefig(path, dpi=150)
    plt.close(figure)


def draw_gains(by_base, path):
    """Draw the gains of each base: a cell for each system and column, coloured beyond chance."""
    order = list(dict.fromkeys(n for found in by_base.values() for n in found.index.unique(0)))
    n_columns = len(by_base[BASES[0]].index.unique(1))
    size = (1.6 + n_columns, 1.4 + 0.3 * len(order))
    figure, axes = plt.subplots(1, len(by_base), figsize=size, sharey=True, layout="constrained")
    for ax, (base, found) in zip(axes, by_base.items(), strict=True):
        decided = (found["low"] > 0) | (found["high"] < 0)
        texts = found["mean"].map(change).str.replace("0.", ".", n=1) + np.where(decided, "*", "")
        texts = texts.where(found["mean"].notna(), "")
        columns = found.index.unique(1)
        shown, texts = (
            own.unstack().reindex(index=order, columns=columns)
            # A colour would be read as a finding.
            for own in (found["mean"].where(decided | found["mean"].isna(), 0.0), texts)
        )
        colours = {"cmap": "RdBu", "vmin": -MOST, "vmax": MOST}
        image = draw_cells(ax, shown, texts.fillna("").to_numpy(), size=7.5, **colours)
        ax.set_title(base)
    figure.colorbar(image, ax=axes, label=f"gain over {REFERENCE}", extend="both", pad=0.01)
    save(figure, path)


def draw_networks(path):
    """Draw the mean gains of all networks on every set, the best mean rank first."""
    by_base = {}
    for base, rows in network_runs().groupby("base"):
        ranks, found = ranks_and_gains(rows)
        columns = [name for name in TITLES if name in found.index.unique("data")]
        order = ranks.drop(REFERENCE).sort_values().index
        found = found.swaplevel().reindex(pd.MultiIndex.from_product([order, columns]))
        by_base[base] = found.rename(TITLES, level=1)
    draw_gains({base: by_base[base] for base in BASES}, path)


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
            style = {"fmt": "o", "ms": 5, "color": "#0072B2" if beyond else "0.5"}
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
    draw_networks(folder / "networks.png")
    draw_paper(folder / "paper_gains.png")
