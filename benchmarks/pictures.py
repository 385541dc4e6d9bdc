"""The pictures of score against cost, and of growth."""

import math
from functools import partial
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

#: Colours of Okabe and Ito, which the colour-blind can distinguish; every model has a shape too.
BLUE, ORANGE, RED = "#0072B2", "#D08C00", "#D55E00"
GREEN, PINK, GREY = "#009E73", "#B5588F", "#4D4D4D"
OLIVE, VIOLET = "#7A6C00", "#6A4FB3"
#: Text, marker and colour.
STYLES = {
    "PLE": ("PLE", "o", BLUE),
    "LightGBM, early stopping": ("LightGBM", "s", ORANGE),
    "CatBoost": ("CatBoost", "D", RED),
    "CatBoost MultiRMSEWithMissingValues": ("CatBoost joint", "d", RED),
    "CatBoost MultiLogloss": ("CatBoost joint", "d", RED),
    "HistGradientBoosting": ("HistGB", "^", GREEN),
    "XGBoost": ("XGBoost", "v", PINK),
    "RealMLP": ("RealMLP", "X", GREY),
    "Random forest": ("Random forest", "p", OLIVE),
    "TabM": ("TabM", "P", VIOLET),
}
#: Names of tuned models contain this after the name of the model.
TUNED = ", tuned"
NOTE = """Up is better, left is cheaper. Scores are means over a set's tasks, seconds are CPU time.
↓ lies lower than it is drawn."""
GROWTH_NOTE = """CPU seconds of a fit, one thread.

A slope of 1: twice the size takes twice
the time. One of 0.5: 1.4 times.

LightGBM stops early and fits a model
for each task, one after the other."""
#: Text, marker, colour, and the position of the point beside which the text stands.
GROWTH = {
    "PLE": ("PLE", "o", BLUE, 2),
    "LightGBM, early stopping": ("LightGBM", "s", ORANGE, 1),
}
STYLE = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "0.6",
    "axes.grid": True,
    "grid.color": "0.92",
    "axes.axisbelow": True,
    "xtick.color": "0.35",
    "ytick.color": "0.35",
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.minor.size": 0,
    "axes.titlelocation": "left",
}
EDGE = {"markeredgecolor": "white", "markeredgewidth": 0.8}
HOLLOW = {"markerfacecolor": "white", "markeredgewidth": 1.6}


#: Where a text may stand: its distance from a point, and the direction.
PLACES = [
    (distance, np.cos(angle), np.sin(angle))
    for distance in (6, 9, 13, 18)
    for angle in np.radians([0, 180, 90, 270, 35, 145, 215, 325, 65, 115, 245, 295])
]


class Labels:
    """Texts beside points, each where it covers the least of points, lines and other texts.

    `size` is that of the points, in points of typography.
    """

    def __init__(self, ax, size=6.5):
        self.ax, self.texts, self.lines = ax, [], []
        self.places = [(size / 6.5 * distance, cos, sin) for distance, cos, sin in PLACES]

    def add(self, x, y, text, **style):
        offset = {"xytext": (0, 0), "textcoords": "offset points", "annotation_clip": False}
        self.texts.append(self.ax.annotate(text, (x, y), **offset, **style))
        self.texts[-1].set_in_layout(False)

    def keep_free(self, x, y, size):
        """Keep texts off a line through points of a size."""
        self.lines.append((x, y, size))

    def place(self):
        """Move the texts; nothing else may move any more."""
        point = self.ax.figure.dpi / 72
        boxes = [self.boxes(text, point) for text in self.texts]
        frame = np.array(self.ax.get_window_extent().padded(-2 * point).extents)
        fixed = np.concatenate([around(self.ax, *line, point) for line in self.lines])
        alone = [
            [2 * distance for distance, _, _ in self.places]
            + 4 * overlaps(box, fixed).sum(axis=1)
            + 3 * (areas(box) - overlaps(box, frame[None])[:, 0])
            for box in boxes
        ]
        # Texts side by side, without a gap, would read as one.
        wide = [box + 2 * point * np.array([-1, 0, 1, 0]) for box in boxes]
        among = {(i, j): overlaps(a, b) for i, a in enumerate(wide) for j, b in enumerate(wide)}
        random = np.random.default_rng(0)
        best, least = None, np.inf
        for _ in range(50):
            chosen = random.integers(len(self.places), size=len(boxes))
            for i in 4 * [*random.permutation(len(boxes))]:
                others = 4 * sum(among[i, j][:, k] for j, k in enumerate(chosen) if j != i)
                chosen[i] = np.argmin(alone[i] + others)
            total = sum(alone[i][k] for i, k in enumerate(chosen)) + 4 * sum(
                among[i, j][chosen[i], chosen[j]] for i, j in among if i < j
            )
            if total < least:
                best, least = chosen, total
        for text, k in zip(self.texts, best, strict=True):
            move(text, *self.places[k])

    def boxes(self, text, point):
        """Return what a text covers at every place."""
        boxes = []
        for place in self.places:
            move(text, *place)
            boxes.append(text.get_window_extent().padded(point).extents)
        return np.array(boxes)


def around(ax, x, y, size, point):
    """Return boxes around points and, less wide, the line through them."""
    ends = ax.transData.transform(np.column_stack([x, y]))
    centres, radii = [ends], [np.full(len(ends), size / 2 * point)]
    for a, b in pairwise(ends):
        n_steps = int(np.linalg.norm(b - a) / (2 * point)) + 2
        centres.append(np.linspace(a, b, n_steps))
        radii.append(np.full(n_steps, 1.5 * point))
    centres, radii = np.concatenate(centres), np.concatenate(radii)[:, None]
    return np.concatenate([centres - radii, centres + radii], axis=1)


def areas(boxes):
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def overlaps(a, b):
    """Return the area that every box of a has in common with every one of b."""
    low = np.maximum(a[:, None, :2], b[:, :2])
    high = np.minimum(a[:, None, 2:], b[:, 2:])
    return np.clip(high - low, 0, None).prod(axis=2)


def move(text, distance, cos, sin):
    """Put a text at a distance from its point, in a direction."""
    text.set_position((distance * cos, distance * sin))
    text.set_horizontalalignment("center" if abs(cos) < 0.2 else "left" if cos > 0 else "right")
    text.set_verticalalignment("center" if abs(sin) < 0.7 else "bottom" if sin > 0 else "top")


def panel(figure, cell, title, subtitle, **options):
    ax = figure.add_subplot(cell, **options)
    ax.set_title(title, weight="bold", pad=17, fontsize=9.5)
    above = {"xycoords": "axes fraction", "xytext": (0, 5), "textcoords": "offset points"}
    ax.annotate(subtitle, (0, 1), **above, color="0.4", fontsize=8)
    return ax


def note(figure, cell, text):
    """Fill a panel with words."""
    ax = figure.add_subplot(cell)
    ax.set_axis_off()
    style = {"color": "0.35", "va": "top", "linespacing": 1.5, "fontsize": 8}
    # It is no wider than its cells, and must not narrow the panels.
    ax.text(0, 1, text, transform=ax.transAxes, **style).set_in_layout(False)


def write(figure, path, labels):
    """Place the labels once all else has its place; write the picture."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for one in labels:
        one.place()
    figure.savefig(path, dpi=150, facecolor="white")
    plt.close(figure)


def draw_overall(panels, members, path):
    """Draw panels one below the other, with a point for each model: its score against its cost.

    `panels` has frames with the columns score and cost and a row for each model, each with a
    title and a subtitle. `members` are our models and their numbers of members.
    """
    labels = []
    with plt.rc_context(STYLE | {"font.size": 10, "xtick.labelsize": 9, "ytick.labelsize": 9}):
        figure = plt.figure(figsize=(7.2, 0.6 + 3.4 * len(panels)), layout="constrained")
        figure.get_layout_engine().set(h_pad=0.1)
        cells = figure.add_gridspec(len(panels), 1)
        for cell, (shown, *titles) in zip(cells, panels, strict=True):
            ax = panel(figure, cell, *titles)
            own = {name: n for name, n in members.items() if name in shown.index}
            last = "PLE, {} members" if len(own) > 1 else "PLE"
            labels.append(draw_models(ax, shown["cost"], shown["score"], own, 9, last))
            ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}×"))
            ax.set_ylabel("score (0: lowest, 1: highest)")
        ax.set_xlabel("CPU time of a fit, as a multiple of LightGBM's")
        write(figure, path, labels)


def draw_frontier(means, titles, members, path, n_columns=3):
    """Draw a panel for each set, with scores against seconds.

    `means` has the columns score and seconds and a row for each (data, model). `titles` has a
    title and a subtitle for each set. `members` are our models and their numbers of members.
    """
    n_columns = min(n_columns, len(titles))
    heights = [1.0] * math.ceil(len(titles) / n_columns) + [0.22]
    labels = []
    with plt.rc_context(STYLE):
        size = (2.5 * n_columns, 2.3 * sum(heights))
        figure = plt.figure(figsize=size, layout="constrained")
        figure.get_layout_engine().set(w_pad=0.06, h_pad=0.06)
        grid = figure.add_gridspec(len(heights), n_columns, height_ratios=heights)
        for place, name in enumerate(titles):
            ax = panel(figure, grid[divmod(place, n_columns)], *titles[name])
            one = means.loc[name]
            x, y = one["seconds"], one["score"]
            labels.append(draw_models(ax, x, y, members, 6.5, "PLE, {}", floor(y, [*members])))
            # Of many powers of ten only every second one has a label: more would touch.
            step = 2 if np.ptp(np.log10(ax.get_xlim())) > 4.1 else 1
            ax.xaxis.set_major_formatter(FuncFormatter(partial(seconds, step=step)))
            ax.yaxis.set_major_locator(MaxNLocator(4))
        note(figure, grid[-1, :], NOTE)
        write(figure, path, labels)


def seconds(value, _, step):
    """Return the label of a power of ten; none if its exponent is no multiple of the step."""
    return "" if round(math.log10(value)) % step else f"{value:,g} s"


def floor(scores, members):
    """Return how low scores of others are drawn, so that the better ones can be distinguished."""
    others = scores.drop(members, errors="ignore")
    ours = scores.drop(others.index)
    return min([scores.max() - 3.5 * (scores.max() - others.median()), *ours])


def style_of(model):
    """Return the text, marker, colour and edge of a model; a tuned model has hollow points."""
    name, tuned, _ = model.partition(TUNED)
    text, marker, color = STYLES.get(name, (name, "P", GREY))
    return (f"{text} tuned", marker, color, HOLLOW) if tuned else (text, marker, color, EDGE)


def draw_models(ax, x, y, members, size, last, lowest=None):
    """Draw a point for each model, ours joined by a line; return the labels, not yet placed.

    `last` is the text beside our model with the most members. Scores below `lowest` are drawn at
    this height.
    """
    ours = [name for name in sorted(members, key=members.get) if name in x.index]
    others = [name for name in x.index if name not in members]
    shown = y.clip(lower=lowest) if lowest is not None else y
    labels = Labels(ax, size)
    # Where points overlap, the better one is on top.
    for name in sorted(others, key=shown.get):
        _, marker, color, edge = style_of(name)
        ax.plot(x[name], shown[name], marker, color=color, ms=size, **edge)
        labels.keep_free([x[name]], [shown[name]], size)
    if ours:
        ax.plot(x[ours], shown[ours], "-o", color=BLUE, ms=size + 1, lw=2, zorder=3, **EDGE)
        labels.keep_free(x[ours], shown[ours], size)
    for name in ours:
        text = last.format(members[name]) if name == ours[-1] else str(members[name])
        style = {"color": BLUE, "weight": "bold", "fontsize": size + 1}
        labels.add(x[name], shown[name], text, **style)
    for name in others:
        text, _, color, _ = style_of(name)
        text += f" ({y[name]:.3f}) ↓" if y[name] < shown[name] else ""
        labels.add(x[name], shown[name], text, color=color, fontsize=size + 1)
    ax.set_xscale("log")
    low, high = x.min(), x.max()
    ax.set_xlim(low / (high / low) ** 0.15, high * (high / low) ** 0.14)
    ax.margins(y=0.12)
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 3) if high < 40 * low else (1,), numticks=6))
    ax.xaxis.set_minor_formatter(NullFormatter())
    return labels


def size_labels(sizes):
    """Write sizes as 500, 3k or 5M; of many, only every second one, so that they do not touch."""
    step = 1 if len(sizes) <= 7 else 2
    units = [(1_000_000, "M"), (1_000, "k"), (1, "")]
    labels = [next(f"{n // one}{unit}" for one, unit in units if n >= one) for n in sizes]
    return [label if i % step == 0 else "" for i, label in enumerate(labels)]


def draw_growth(runs, subtitles, slopes, path):
    """Draw a panel for each axis: seconds against size, with the slopes of the fitted lines.

    `runs` has the columns axis, size, model and seconds; `slopes` has a slope for each pair
    (axis, model).
    """
    labels, shared = [], None
    with plt.rc_context(STYLE):
        figure = plt.figure(figsize=(8.4, 5.2), layout="constrained")
        figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)
        cells = list(figure.add_gridspec(2, 3))
        for cell, (axis, subtitle) in zip(cells, subtitles.items(), strict=False):
            ax = panel(figure, cell, axis.capitalize(), subtitle, sharey=shared)
            shared = shared or ax
            labels.append(Labels(ax))
            for model, (text, marker, color, at) in GROWTH.items():
                points = runs[(runs["axis"] == axis) & (runs["model"] == model)]
                if len(points):
                    x, y = points["size"].to_numpy(), points["seconds"].to_numpy()
                    ax.plot(x, y, "-", marker=marker, color=color, ms=6.5, lw=1.8, **EDGE)
                    labels[-1].keep_free(x, y, 6.5)
                    text = f"{text}, slope {slopes[axis, model]:.2f}"
                    at = min(at, len(x) - 1)
                    labels[-1].add(x[at], y[at], text, color=color, fontsize=8)
            ax.set_xscale("log")
            ax.set_yscale("log")
            ax.margins(x=0.08, y=0.12)
            sizes = np.unique(runs.loc[runs["axis"] == axis, "size"])
            ax.set_xticks(sizes, size_labels(sizes))
            ax.xaxis.set_minor_locator(NullLocator())
            ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g} s"))
            ax.yaxis.set_minor_locator(NullLocator())
        note(figure, cells[-1], GROWTH_NOTE)
        write(figure, path, labels)
