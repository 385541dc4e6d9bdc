"""Scores against costs, growth and ranks."""

import math
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib import ticker
from matplotlib.colors import to_rgb

from .. import comparisons
from ..comparisons import CHEAPEST, OURS
from ..tables.cells import SHORT, TITLES
from ..tables.fits import SIZED, growth_lines
from ..tables.scores import every_run, shown_runs, test_runs
from .heat_map import draw_cells
from .labels import Labels

#: Colours of Okabe and Ito, which the colour-blind can distinguish; every model has a shape too.
BLUE, ORANGE, RED, GREY = "#0072B2", "#D08C00", "#D55E00", "#4D4D4D"
#: Marker and colour.
STYLES = {
    "PLE": ("o", BLUE),
    "blend": ("h", BLUE),
    "Boosting by folds": ("H", "#A65628"),
    "LightGBM": ("s", ORANGE),
    "CatBoost": ("D", RED),
    "CatBoost joint": ("d", RED),
    "HistGB": ("^", "#009E73"),
    "XGBoost": ("v", "#B5588F"),
    "XGBoost joint": ("<", "#B5588F"),
    "RealMLP": ("X", GREY),
    "Random forest": ("p", "#7A6C00"),
    "TabM": ("P", "#6A4FB3"),
    "Ridge": ("*", "#808080"),
}
#: Up to which set each picture goes.
FRONTIERS = {"frontier": "users_items", "frontier_small": "andro", "frontier_more": "linnerud"}
FRONTIERS |= {"frontier_learnable": "arm"}
GROWTH_AXES = {
    "rows": "30 columns, 3 tasks",
    "columns": "10,000 rows, 3 tasks",
    "tasks": "10,000 rows, 30 columns",
    "experts": "a task's own, and as many shared",
    "members": "10,000 rows, 30 columns, 3 tasks",
}
STYLE = Path(__file__).parent / "style.mplstyle"
EDGE = {"markeredgecolor": "white", "markeredgewidth": 0.8}
HOLLOW = {"markerfacecolor": "white", "markeredgewidth": 1.6}
LIGHT = {"grid.color": "0.92", "axes.edgecolor": "0.6"}
LIGHT |= dict.fromkeys(["xtick.color", "ytick.color"], "0.35")
#: For pages with light text on GitHub's dark background.
DARK = dict.fromkeys(["figure.facecolor", "axes.facecolor", "savefig.facecolor"], "#0d1117")
DARK |= dict.fromkeys(["text.color", "axes.labelcolor", "xtick.color", "ytick.color"], "0.85")
DARK |= {"grid.color": "0.2", "axes.edgecolor": "0.5", "axes.titlecolor": "0.95"}
#: How the names of light and of dark pictures end.
THEMES = {".png": LIGHT, "-dark.png": DARK}


def panel(figure, cell, title, subtitle, **options):
    ax = figure.add_subplot(cell, **options)
    ax.set_title(title, weight="bold", pad=17, fontsize=9.5)
    above = {"xycoords": "axes fraction", "xytext": (0, 5), "textcoords": "offset points"}
    ax.annotate(subtitle, (0, 1), **above, color=plt.rcParams["xtick.color"], fontsize=8)
    return ax


def write(figure, path, labels):
    """Place the labels once all else has its place; write the picture."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for one in labels:
        one.place()
    figure.savefig(path, dpi=150)
    plt.close(figure)


def draw_overall(folder, end):
    """Draw each model's score against its cost: over all sets, and over those with tuning."""
    for name, runs, of_kind in zip(
        ("overall", "overall_little_noise"),
        comparisons.by_noise(shown_runs()),
        ("", " with little noise"),
        strict=True,
    ):
        n_sets = comparisons.on_common_sets(runs)["data"].nunique()
        title, about = f"Defaults, {n_sets} tables{of_kind}", "up is better, left is cheaper"
        draw_costs(folder / f"{name}{end}", runs, title, about)
    tuned = comparisons.runs_beside_tuned(test_runs())
    n_small = tuned["data"].nunique()
    title, about = f"Also tuned, {n_small} small tables", "hollow: tuned, search included"
    draw_costs(folder / f"tuned{end}", tuned, title, about)


def draw_costs(path, runs, title, about):
    """Draw the score of each model against its cost."""
    points = comparisons.overall(runs)
    sizes = {"font.size": 10, "xtick.labelsize": 9, "ytick.labelsize": 9}
    with plt.style.context([STYLE, sizes]):
        figure = plt.figure(figsize=(5.8, 4.4), layout="constrained")
        ax = panel(figure, 111, title, about)
        labels = draw_models(ax, points["cost"], points["score"], 9)
        ax.xaxis.set_major_formatter("{x:g}×")
        # Nobody should take it for an accuracy.
        ax.set_ylabel("where the score lies between\nthe worst model (0) and the best (1)")
        ax.set_xlabel("CPU time of a fit, as a multiple of LightGBM's")
        write(figure, path, [labels])


def draw_frontiers(folder, end, n_columns=3):
    """Draw a panel for each set, with scores against seconds, in several pictures."""
    runs = shown_runs()
    means = runs.groupby(["data", "model"])[["score", "seconds"]].mean()
    sizes = runs.groupby("data")[["n_rows", "n_columns", "n_tasks"]].first().astype(int)
    names = [name for name in TITLES if name in sizes.index]
    for picture, last in FRONTIERS.items():
        n = names.index(last) + 1
        own, names, labels = names[:n], names[n:], []
        n_rows = math.ceil(n / n_columns)
        with plt.style.context(STYLE):
            size = (2.5 * n_columns, 2.3 * n_rows)
            figure = plt.figure(figsize=size, layout="constrained")
            figure.get_layout_engine().set(w_pad=0.06, h_pad=0.06)
            grid = list(figure.add_gridspec(n_rows, n_columns))
            for cell, name in zip(grid, own, strict=False):
                about = "{:,} × {:,}, {} tasks".format(*sizes.loc[name])
                ax = panel(figure, cell, TITLES[name], about)
                x, y = (means.loc[name][column] for column in ("seconds", "score"))
                labels.append(draw_models(ax, x, y, 6.5, floor(y)))
                # Of many powers of ten only every second one has a label: more would touch.
                step = 2 if np.ptp(np.log10(ax.get_xlim())) > 4.1 else 1
                ax.xaxis.set_major_formatter(ticker.FuncFormatter(partial(seconds, step=step)))
                ax.yaxis.set_major_locator(ticker.MaxNLocator(4))
            write(figure, folder / f"{picture}{end}", labels)


def seconds(value, _, step):
    """Return the label of a power of ten; none if its exponent is no multiple of the step."""
    return "" if round(math.log10(value)) % step else f"{value:,g} s"


def floor(scores):
    """Return how low scores of others are drawn, so that the better ones can be distinguished."""
    others = scores.drop(OURS)
    return min(scores.max() - 3.5 * (scores.max() - others.median()), scores[OURS])


def style_of(model):
    """Return the text, marker, colour and edge of a model; a tuned model has hollow points."""
    text = SHORT.get(model, model).partition(" (")[0]
    marker, color = STYLES[text.removesuffix(" tuned")]
    return text, marker, shade(color), HOLLOW if text.endswith(" tuned") else EDGE


def shade(color):
    """Return a colour, lighter on a dark background."""
    if plt.rcParams["axes.facecolor"] != DARK["axes.facecolor"]:
        return color
    return tuple(0.6 * part + 0.4 for part in to_rgb(color))


def draw_models(ax, x, y, size, lowest=None):
    """Draw a point for each model; return the labels, not yet placed.

    Scores below `lowest` are drawn at this height.
    """
    shown = y.clip(lower=lowest) if lowest is not None else y
    labels = Labels(ax, size)
    # Where points overlap, the better one is on top, and ours above all.
    for name in sorted(x.index, key=lambda name: (name == OURS, shown[name])):
        text, marker, color, edge = style_of(name)
        own = size + (name == OURS)
        ax.plot(x[name], shown[name], marker, color=color, ms=own, **edge)
        labels.keep_free([x[name]], [shown[name]], own)
        text += f" ({y[name]:.3f}) ↓" if y[name] < shown[name] else ""
        weight = "bold" if name == OURS else None
        labels.add(x[name], shown[name], text, color=color, weight=weight, fontsize=size + 1)
    ax.set_xscale("log")
    low, high = x.min(), x.max()
    ax.set_xlim(low / (high / low) ** 0.15, high * (high / low) ** 0.14)
    ax.margins(y=0.12)
    ax.xaxis.set_major_locator(
        ticker.LogLocator(subs=(1, 3) if high < 40 * low else (1,), numticks=6)
    )
    ax.xaxis.set_minor_formatter(ticker.NullFormatter())
    return labels


def draw_growth(path):
    """Draw a panel for each axis: seconds against size, with the slopes of the fitted lines."""
    means, slopes = growth_lines()
    labels, shared = [], None
    with plt.style.context(STYLE):
        figure = plt.figure(figsize=(8.4, 5.2), layout="constrained")
        figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)
        cells = list(figure.add_gridspec(2, 3))
        for cell, (axis, subtitle) in zip(cells, GROWTH_AXES.items(), strict=False):
            ax = panel(figure, cell, axis.capitalize(), subtitle, sharey=shared)
            shared = shared or ax
            labels.append(Labels(ax))
            lines = means[means["axis"] == axis]
            # The text stands beside the third or second point.
            for at, model in ((2, OURS), (1, CHEAPEST)):
                points = lines[lines["model"] == model].sort_values("size")
                if len(points):
                    name, marker, color, _ = style_of(model)
                    x, y = points["size"].to_numpy(), points["seconds"].to_numpy()
                    ax.plot(x, y, "-", marker=marker, color=color, ms=6.5, lw=1.8, **EDGE)
                    labels[-1].keep_free(x, y, 6.5)
                    text = f"{name}, slope {slopes[axis, model]:.2f}"
                    labels[-1].add(x[at], y[at], text, color=color, fontsize=8)
            ax.set_xscale("log")
            ax.set_yscale("log")
            ax.margins(x=0.08, y=0.12)
            sizes = np.unique(lines["size"])
            # Of many, only every second one, so that the labels do not touch.
            ax.set_xticks(sizes[:: 1 if len(sizes) < 8 else 2])
            ax.xaxis.set_major_formatter(ticker.EngFormatter(sep=""))
            ax.xaxis.set_minor_locator(ticker.NullLocator())
            ax.yaxis.set_major_formatter("{x:g} s")
            ax.yaxis.set_minor_locator(ticker.NullLocator())
        write(figure, path, labels)


def draw_sizes(path, n_columns=4):
    """Draw a panel for each table: the scores of the models over the number of rows."""
    draw_panels(path, comparisons.results("sizes"), "score", n_columns)


def draw_errors(path):
    """Draw a panel for each law of much to learn: the errors over the number of rows."""
    runs = comparisons.results("learnable").dropna(subset="n_rows")
    draw_panels(path, runs, "error", n_columns=5, yscale="log")


def draw_panels(path, runs, value, n_columns, yscale="linear"):
    """Draw a panel for each table: a value of the models over the number of rows."""
    by_line = runs.groupby(["data", "model"])
    means = {key: line.groupby("n_rows")[value].mean() for key, line in by_line}
    names, models = runs["data"].unique(), [name for name in SIZED if name in set(runs["model"])]
    with plt.style.context(STYLE):
        n_rows = math.ceil(len(names) / n_columns)
        figure = plt.figure(figsize=(8.4, 2 * n_rows + 0.4), layout="constrained")
        grid = figure.add_gridspec(n_rows, n_columns)
        for cell, name in zip(grid, names, strict=False):
            own = runs.loc[runs["data"] == name, value]
            # Less than half a decade of a logarithmic axis would have hardly any label.
            scale = yscale if own.max() > 3 * own.min() else "linear"
            ax = figure.add_subplot(cell, yscale=scale, xscale="log")
            ax.set_title(TITLES.get(name, name), weight="bold", fontsize=9)
            for model in models:
                marker, color = STYLES[model]
                line = means.get((name, model), pd.Series(dtype=float))
                # Scores far below those of a constant are no use.
                style = {"marker": marker, "color": shade(color), "ms": 4}
                ax.plot(line.index, line.clip(-0.1), "-", **style)
            ax.xaxis.set_major_formatter(ticker.EngFormatter(sep=""))
            ax.xaxis.set_minor_locator(ticker.NullLocator())
            if scale == "log":
                ax.yaxis.set_major_formatter("{x:g}")
                ax.yaxis.set_minor_formatter(ticker.NullFormatter())
        lines = []
        for model in models:
            marker, color = STYLES[model]
            style = {"marker": marker, "color": shade(color), "label": model}
            lines.append(plt.Line2D([], [], **style))
        figure.legend(handles=lines, loc="outside lower center", ncols=len(models), frameon=False)
        figure.savefig(path, dpi=150)
        plt.close(figure)


def draw_ranks(path):
    """Draw the mean rank of every model on every data set."""
    summary, by_data, _ = comparisons.ranked(comparisons.mean_scores(every_run()))
    # Those that ran on all sets come first.
    order = summary.sort_values("tasks", ascending=False, kind="stable").index
    shown = by_data.loc[order, [name for name in TITLES if name in by_data]]
    shown = shown.rename(index=SHORT, columns=TITLES)
    figure, ax = plt.subplots(figsize=(9, 1.7 + 0.33 * len(shown)), layout="constrained")
    texts = shown.map("{:.1f}".format).where(shown.notna(), "")
    draw_cells(ax, shown, texts.to_numpy(), size=7, cmap="RdYlBu_r")
    title = "Rank on each table, mean over its tasks (1 is best)"
    ax.set_title(title, loc="left", weight="bold", fontsize=11, pad=8)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def draw(folder):
    for end, colors in THEMES.items():
        with plt.rc_context(colors):
            draw_overall(folder, end)
            draw_frontiers(folder, end)
            draw_sizes(folder / f"sizes{end}")
            draw_errors(folder / f"learnable{end}")
            draw_growth(folder / f"growth{end}")
            draw_ranks(folder / f"accuracy{end}")
