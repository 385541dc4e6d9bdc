"""Gains over single-task networks, and how gates use experts."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from comparisons import gains, results, task_scores
from tables.cells import TITLES, change
from tables.networks import network_runs, ranks_and_gains
from tables.paper import REFERENCE, gates, synthetic_scores

from pictures.heat_map import draw_cells

#: Every system has a colour and a marker of its own.
STYLE = {
    "hard sharing": ("#56B4E9", "s"),
    "asymmetric": ("#882255", "v"),
    "customized": ("#E69F00", "^"),
    "cross-stitch": ("#999933", "X"),
    "sluice": ("#8B5A2B", "P"),
    "MMoE": ("#009E73", "o"),
    "ML-MMoE": ("#CC79A7", "D"),
    "CGC": ("#0072B2", "h"),
    "PLE": ("#D55E00", "*"),
}
SIZES = {"*": 12, "h": 9}
BASES = ("by default", "as published")
CENSUS = {
    "census": "Census-Income: income",
    "census_no_education": "without education: income",
    "census_college": "college",
    "census_published_split": "all rows: income",
}
#: Larger gains and losses have the same colour.
MOST = 0.02


def style(system):
    colour, marker = STYLE[system]
    edge = {"markeredgecolor": "white", "markeredgewidth": 0.6}
    return {"color": colour, "marker": marker, "markersize": SIZES.get(marker, 7)} | edge


def save(figure, path):
    figure.savefig(path, dpi=150)
    plt.close(figure)


def draw_gains(by_base, path):
    """Draw the gains of each base: a cell for each system and column, bold beyond chance."""
    order = list(dict.fromkeys(n for found in by_base.values() for n in found.index.unique(0)))
    n_columns = len(by_base[BASES[0]].index.unique(1))
    size = (1.6 + n_columns, 1.4 + 0.3 * len(order))
    figure, axes = plt.subplots(1, len(by_base), figsize=size, sharey=True, layout="constrained")
    for ax, (base, found) in zip(axes, by_base.items(), strict=True):
        star = np.where((found["low"] > 0) | (found["high"] < 0), "*", "")
        texts = found["mean"].map(change).str.replace("0.", ".", n=1) + star
        texts = texts.where(found["mean"].notna(), "")
        columns = found.index.unique(1)
        shown, texts = (
            own.unstack().reindex(index=order, columns=columns) for own in (found["mean"], texts)
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


def draw_support2(path):
    """Draw the gains of the paper's systems on each task of SUPPORT2."""
    rows, by_base = results("paper_comparison"), {}
    for base in BASES:
        own = gains(task_scores(rows[rows["setting"] == f"support2, {base}"]), REFERENCE)
        by_base[base] = own.rename(lambda task: task.removeprefix("log "), level="task")
    draw_gains(by_base, path)


def draw_census(path):
    """Draw the gains on income or college, with their intervals, by set and base."""
    rows = results("paper_comparison")
    shape = {"sharex": True, "sharey": True, "layout": "constrained"}
    figure, axes = plt.subplots(2, len(CENSUS), figsize=(9, 5.4), **shape)
    for line, base in zip(axes, BASES, strict=True):
        for ax, (name, title) in zip(line, CENSUS.items(), strict=True):
            own = rows[rows["setting"] == f"{name}, {base}"]
            if own.empty:
                ax.set_axis_off()
                continue
            scores = task_scores(own)
            found = gains(scores[[scores.columns[0]]], REFERENCE).droplevel("task")
            ax.axvline(0, color="0.6", lw=1, zorder=0)
            for y, (system, row) in enumerate(found.iterrows()):
                half = row["mean"] - row["low"]
                ax.errorbar(row["mean"], y, xerr=half, ls="none", elinewidth=1.2, **style(system))
            ax.set_yticks(range(len(found)), found.index)
            ax.set_title(f"{title}\n{base}", fontsize=9)
            ax.spines[["top", "right"]].set_visible(False)
            ax.tick_params(labelsize=8, labelbottom=True)
    axes[0, 0].invert_yaxis()
    figure.supxlabel(f"gain over {REFERENCE} (AUC)", fontsize=9)
    save(figure, path)


def draw_synthetic(path):
    """Draw the gains by correlation: a row of axes for each depth, a column for each task."""
    shape = {"sharex": True, "sharey": "row", "layout": "constrained"}
    figure, axes = plt.subplots(2, 2, figsize=(9, 6.6), **shape)
    for line, (depth, scores) in zip(axes, synthetic_scores().items(), strict=True):
        alone = scores.loc[REFERENCE]
        for ax, task in zip(line, scores, strict=True):
            ax.axhline(0, color="0.6", lw=1)
            systems = [name for name in STYLE if name in scores.index]
            for k, system in enumerate(systems):
                own = (scores.loc[system] - alone)[task]
                # Side by side, so that the dots of seeds can be distinguished.
                offset = 0.012 * (k - (len(systems) - 1) / 2)
                mean = own.groupby("correlation").mean()
                ax.plot(mean.index + offset, mean, lw=1.2, label=system, **style(system))
                at = own.index.get_level_values("correlation") + offset
                ax.plot(at, own, ".", ms=3, color=STYLE[system][0], alpha=0.6)
            ax.set_xticks(mean.index, [f"{correlation:g}" for correlation in mean.index])
            ax.set_title(f"{task}, {depth}")
            ax.spines[["top", "right"]].set_visible(False)
        line[0].set_ylabel(f"gain over {REFERENCE}")
    for ax in axes[-1]:
        ax.set_xlabel("correlation of the tasks")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5, frameon=False)
    save(figure, path)


def draw_experts(name, path):
    """Draw the weights of the experts in every gate, for one seed: of CGC and MMoE by level."""
    places = [["MMoE", "CGC"], ["ML-MMoE, level 1", "ML-MMoE, level 2"]]
    places += [["PLE, level 1", "PLE, level 2"]]
    own = gates()
    own = own[(own["data"] == name) & (own["seed"] == 0)]
    figure, axes = plt.subplot_mosaic(places, figsize=(9.5, 8), layout="constrained")
    for place, ax in axes.items():
        system, _, level = place.partition(", level ")
        here = own[(own["system"] == system) & (own["level"] == int(level or 1))]
        experts = sorted(here["expert"].unique(), key=lambda expert: "shared" in expert)
        order = {"index": here["gate"].unique(), "columns": experts}
        shown = here.pivot(index="gate", columns="expert", values="mean").reindex(**order)
        texts = shown.map("{:.2f}".format).where(shown.notna(), "")
        draw_cells(ax, shown, texts.to_numpy(), cmap="Blues", vmin=0, vmax=1.4)
        ax.set_title(place)
    save(figure, path)


def draw(folder):
    draw_networks(folder / "networks.png")
    draw_census(folder / "paper_census.png")
    draw_support2(folder / "paper_support2.png")
    draw_synthetic(folder / "paper_synthetic.png")
    for name in ("census", "support2"):
        draw_experts(name, folder / f"paper_experts_{name}.png")
