"""The pictures of docs/paper.rst: every system has a colour and a marker of its own."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Patch
from matplotlib.ticker import FormatStrFormatter, MaxNLocator

from paper.systems import REFERENCE
from sklearn_ple.inspection import MTLGainDisplay

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
SIZES = {"*": 13, "h": 10}


def style(system):
    colour, marker = STYLE[system]
    return {
        "color": colour,
        "marker": marker,
        "markersize": SIZES.get(marker, 8),
        "markeredgecolor": "white",
        "markeredgewidth": 0.6,
        "label": system,
    }


def finish(ax, *axes):
    """Take off the frame; label ticks with three decimals, or as many as they need."""
    ax.spines[["top", "right"]].set_visible(False)
    for axis in axes:
        axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        step = np.diff(axis.get_majorticklocs()).min()
        decimals = max(3, int(np.ceil(-np.log10(step) - 1e-9)))
        axis.set_major_formatter(FormatStrFormatter(f"%.{decimals}f"))


def draw_gains(by_base, path):
    """Draw the gains of every base: intervals for up to two tasks, a heat map for more."""
    tasks = next(iter(by_base.values())).gains["task"].unique()
    draw = draw_heat_maps if len(tasks) > 2 else draw_rows
    figure = draw(by_base, tasks)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def draw_heat_maps(by_base, tasks):
    """Draw the bases side by side."""
    n = len(by_base)
    figure, axes = plt.subplots(1, n, figsize=(6 * n, 4.6), layout="constrained", squeeze=False)
    for ax, (base, gain) in zip(axes[0], by_base.items(), strict=True):
        shorter = gain.gains.assign(task=gain.gains["task"].str.removeprefix("log "))
        MTLGainDisplay(shorter, gain.reference, gain.confidence).plot(ax)
        ax.set_title(base)
    return figure


def draw_rows(by_base, tasks):
    """Draw points and intervals, with a row of axes for each base and a column for each task."""
    shape = len(by_base), len(tasks)
    size = (9, 0.4 + 2.9 * len(by_base))
    figure, axes = plt.subplots(*shape, figsize=size, layout="constrained", squeeze=False)
    for line, (base, gain) in zip(axes, by_base.items(), strict=True):
        systems = list(gain.gains["system"].unique())
        for ax, task in zip(line, tasks, strict=True):
            ax.axvline(0, color="0.6", lw=1, zorder=0)
            for row in gain.gains[gain.gains["task"] == task].itertuples():
                half = row.mean - row.low
                y = systems.index(row.system)
                ax.errorbar(row.mean, y, xerr=half, ls="none", elinewidth=1.3, **style(row.system))
            ax.set_title(f"{task}, {base}")
            ax.set_yticks(range(len(systems)), systems if ax is line[0] else [""] * len(systems))
            ax.invert_yaxis()
            finish(ax, ax.xaxis)
    for ax in axes[-1]:
        ax.set_xlabel(f"gain over {REFERENCE}")
    return figure


def draw_synthetic(by_depth, path):
    """Draw the gains by correlation: a row of axes for each depth, a column for each task."""
    tasks = list(next(iter(by_depth.values())))
    figure, axes = plt.subplots(
        len(by_depth),
        len(tasks),
        figsize=(9, 3.3 * len(by_depth)),
        sharex=True,
        sharey="row",
        layout="constrained",
        squeeze=False,
    )
    for line, (depth, by_task) in zip(axes, by_depth.items(), strict=True):
        for ax, (task, by_seed) in zip(line, by_task.items(), strict=True):
            draw_lines(ax, by_seed)
            ax.set_title(f"{task}, {depth}")
        line[0].set_ylabel(f"gain over {REFERENCE}")
    for ax in axes[-1]:
        ax.set_xlabel("correlation of the tasks")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5, frameon=False)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def draw_lines(ax, by_seed):
    """Draw a line a system, side by side so that the dots of seeds can be distinguished."""
    ax.axhline(0, color="0.6", lw=1)
    offsets = 0.012 * (np.arange(by_seed.shape[1]) - (by_seed.shape[1] - 1) / 2)
    correlations = by_seed.index.get_level_values("correlation")
    for (system, own), offset in zip(by_seed.items(), offsets, strict=True):
        mean = own.groupby(correlations).mean()
        ax.plot(mean.index + offset, mean, lw=1.2, **style(system))
        ax.plot(correlations + offset, own, ".", ms=3, color=STYLE[system][0], alpha=0.6)
    at = sorted(set(correlations))
    ax.set_xticks(at, [f"{correlation:g}" for correlation in at])
    finish(ax, ax.yaxis)


def draw_experts(gates, path):
    """Draw the weights of every gate: MMoE and CGC side by side, then those of two levels."""
    places = [["MMoE", "CGC"], ["ML-MMoE, level 1", "ML-MMoE, level 2"]]
    places += [["PLE, level 1", "PLE, level 2"]]
    names = list(dict.fromkeys(name for own in gates.values() for name in own["gate"]))
    colours = dict(zip(names, plt.colormaps["tab10"].colors, strict=False))
    figure, axes = plt.subplot_mosaic(places, figsize=(11, 8), sharey=True, layout="constrained")
    for place, ax in axes.items():
        system, _, level = place.partition(", level ")
        own = gates[system]
        draw_gates(ax, own[own["level"] == int(level or 1)], colours)
        ax.set(title=place, ylim=(0, 1.02))
        finish(ax)
    for first, _ in places:
        axes[first].set_ylabel("weight")
    patches = [Patch(color=colour, label=name) for name, colour in colours.items()]
    columns = -(-len(patches) // -(-len(patches) // 7))
    figure.legend(handles=patches, loc="outside lower center", ncols=columns, frameon=False)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def draw_gates(ax, gates, colours):
    """Draw a group of bars for each expert, of the gates that read it."""
    experts = list(dict.fromkeys(gates["expert"]))
    width = 0.85 / gates["gate"].nunique()
    # The position of a gate among those that read the same expert, from the middle.
    readers = gates.groupby("expert")["gate"]
    places = readers.cumcount() - (readers.transform("size") - 1) / 2
    x = gates["expert"].map(experts.index) + places * width
    ax.bar(x, gates["mean"], width, yerr=gates["std"], color=gates["gate"].map(colours), capsize=2)
    ax.set_xticks(range(len(experts)), experts, fontsize=8)
