"""Draw the pictures of the guide: `python docs/pictures.py [NAME ...]` writes them to docs/images.

They are SVG without a background, in greys and colours that are legible on light and dark pages.
Those of gates, importance, the blend and the dependence, which have black lines, have a white
background. The idea, on the first page, has a picture for light pages and one for dark ones.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.patches import FancyBboxPatch, Patch, Rectangle
from sklearn.calibration import calibration_curve

import sklearn_ple
from sklearn_ple import PLEClassifierRegressor
from sklearn_ple.datasets import load_nhefs
from sklearn_ple.ensemble import BlendClassifierRegressor
from sklearn_ple.inspection import (
    BlendDisplay,
    DependenceDisplay,
    GateUtilizationDisplay,
    ImportanceDisplay,
    NetworkDiagram,
    TrainingHistoryDisplay,
    multitask_importance,
)

IMAGES = Path(__file__).parent / "images"
BLUE, ORANGE, GREEN, GREY = "#2f7ec0", "#d2731a", "#2a9d6f", "#808080"
STYLE = {
    "font.family": "sans-serif",
    "font.size": 10,
    "svg.fonttype": "none",
    # Identifiers within the file are the same in every run.
    "svg.hashsalt": "sklearn-ple",
    "savefig.transparent": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "legend.frameon": False,
} | dict.fromkeys(
    ["text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"], GREY
)
NETWORKS = {
    "single_task": "SingleTask",
    "shared_bottom": "SharedBottom",
    "asymmetric_sharing": "AsymmetricSharing",
    "customized_sharing": "CustomizedSharing",
    "cross_stitch": "CrossStitch",
    "sluice": "Sluice",
    "mmoe": "MMoE",
    "cgc": "CGC",
    "ple": "PLE",
    "adatt": "AdaTT",
}


#: Labels in the table of the idea: two classes, a number and three classes; empty if missing.
LABELS = [
    ["yes", "4.1", "A"],
    ["no", "", "C"],
    ["", "3.2", ""],
    ["no", "", "B"],
    ["yes", "5.0", ""],
]
PREDICTED = [["yes", "4.0", "A"], ["no", "2.7", "C"], ["no", "3.3", "B"]]
#: Colours of text, of lines and of the shared expert, for light pages and for dark ones.
INKS = {"idea": ("#1f2328", "#59636e", "#8c959f"), "idea-dark": ("#e6edf3", "#9da7b3", "#7d8590")}


def idea():
    """A table with holes in y, one network for all its tasks, and predictions without holes."""
    for name, (text, line, shared) in INKS.items():
        fig, ax = plt.subplots(figsize=(9.6, 3.05))
        with plt.rc_context({"text.color": text}):
            draw_table(ax, 0, LABELS, "a table", "some labels are missing", line)
            draw_network(ax, line, shared)
            draw_table(ax, 10.4, PREDICTED, "new rows", "every task is predicted", line)
        for x in (4.0, 9.3):
            ax.annotate("", (x + 0.75, 0), (x, 0), arrowprops={"arrowstyle": "->", "color": line})
        ax.set(xlim=(-0.1, 14.4), ylim=(-2.1, 2.5), aspect="equal")
        ax.axis("off")
        save(name, fig)


def draw_table(ax, left, rows, title, caption, line):
    """Draw a table: three features, and three targets with their labels."""
    top = len(rows) * 0.62 / 2
    ax.text(left + 1.95, 2.15, title, ha="center", weight="bold")
    ax.text(left + 0.75, top + 0.12, "X", ha="center")
    ax.text(left + 2.75, top + 0.12, "y", ha="center")
    ax.text(left + 1.95, -top - 0.2, caption, ha="center", va="top", fontsize=9)
    for i, row in enumerate(rows):
        y = top - 0.62 * (i + 1)
        for j in range(3):
            ax.add_patch(
                Rectangle((left + 0.5 * j, y + 0.06), 0.44, 0.5, color=line, alpha=0.3, lw=0)
            )
        for j, (label, colour) in enumerate(zip(row, (BLUE, ORANGE, GREEN), strict=True)):
            box = (left + 1.66 + 0.75 * j, y + 0.06)
            if label:
                ax.add_patch(Rectangle(box, 0.69, 0.5, color=colour, lw=0))
            else:
                ax.add_patch(Rectangle(box, 0.69, 0.5, fill=False, ec=line, lw=0.9, ls=":"))
            middle = (box[0] + 0.345, box[1] + 0.24)
            ax.text(*middle, label, ha="center", va="center", color="white", fontsize=9)


def draw_network(ax, line, shared):
    """Draw experts of each task and a shared one, whose mixtures go to the tasks' towers."""
    style = "round,pad=0,rounding_size=0.18"
    ax.add_patch(FancyBboxPatch((4.9, -1.9), 4.3, 3.8, style, fill=False, ec=line, lw=1))
    ax.text(7.05, 2.15, "one network", ha="center", weight="bold")
    experts = {1.35: BLUE, 0.45: ORANGE, -0.45: GREEN, -1.35: shared}
    for y, colour in zip((0.95, 0.0, -0.95), (BLUE, ORANGE, GREEN), strict=True):
        for expert, own in experts.items():
            if own in (colour, shared):
                ax.plot([6.45, 7.75], [expert, y], color=own, lw=1.5, zorder=1)
        ax.add_patch(FancyBboxPatch((7.75, y - 0.25), 1.2, 0.5, style, color=colour, lw=0))
        ax.text(8.35, y - 0.01, "tower", ha="center", va="center", color="white", fontsize=9)
    for expert, own in experts.items():
        ax.add_patch(FancyBboxPatch((5.15, expert - 0.3), 1.3, 0.6, style, color=own, lw=0))
        words = "shared" if own == shared else "expert"
        ax.text(5.8, expert - 0.01, words, ha="center", va="center", color="white", fontsize=9)


def networks():
    """Draw every network for two tasks, by its own diagram."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(60, 4)), columns=list("abcd"))
    y = pd.DataFrame({"A": X["a"] > 0, "B": 1.5 * X["b"]})
    (IMAGES / "networks").mkdir(exist_ok=True)
    for name, prefix in NETWORKS.items():
        options = {"n_levels": 2} if prefix == "PLE" else {}
        cls = getattr(sklearn_ple, f"{prefix}ClassifierRegressor")
        model = cls(n_members=1, max_epochs=1, random_state=0, **options).fit(X, y)
        path = IMAGES / "networks" / f"{name}.svg"
        NetworkDiagram.from_estimator(model).save(path)
        tidy(path)


def tidy(path):
    """Remove blanks at the ends of lines, and end the file with one newline, for the checks."""
    lines = [line.rstrip() for line in path.read_text(encoding="utf-8").splitlines()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def save(name, fig, **options):
    path = IMAGES / f"{name}.svg"
    fig.savefig(path, metadata={"Date": None}, bbox_inches="tight", **options)
    plt.close(fig)
    tidy(path)


def losses():
    """The loss of a number against its error."""
    error = np.linspace(-4, 4, 201)
    huber = np.where(abs(error) < 1.345, error**2 / 2, 1.345 * (abs(error) - 1.345 / 2))
    fig, ax = plt.subplots(figsize=(4.4, 2.8))
    ax.plot(error, error**2 / 2, color=GREY, label="regression: squared error")
    ax.plot(error, huber, color=BLUE, label="huber")
    for q, style in ((0.5, "-"), (0.9, "--")):
        pinball = np.maximum(-q * error, (1 - q) * error)
        ax.plot(error, pinball, style, color=ORANGE, label=f"quantile {q}: pinball loss")
    ax.set(xlabel="prediction minus label, in standard deviations", ylabel="loss", ylim=(0, 5))
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    save("losses", fig)


def mask():
    """A table with missing labels, and what each task learns from."""
    rng = np.random.default_rng(4)
    there = rng.random((9, 3)) > [0.0, 0.35, 0.5]
    fig, ax = plt.subplots(figsize=(5.2, 2.6))
    for row in range(9):
        ax.add_patch(Rectangle((0, -row), 3.6, 0.8, color=GREY, alpha=0.35, lw=0))
        for task, colour in enumerate((BLUE, ORANGE, GREEN)):
            box = (4.2 + 1.3 * task, -row)
            if there[row, task]:
                ax.add_patch(Rectangle(box, 1.1, 0.8, color=colour, lw=0))
            else:
                ax.add_patch(Rectangle(box, 1.1, 0.8, fill=False, ec=GREY, lw=0.8, ls=":"))
    ax.text(1.8, 1.2, "X", ha="center")
    for task, name in enumerate("ABC"):
        ax.text(4.75 + 1.3 * task, 1.2, name, ha="center")
        words = f"{there[:, task].sum()} labels"
        ax.text(4.75 + 1.3 * task, -9.0, words, ha="center", fontsize=9)
    ax.text(1.8, -9.0, "all 9 rows", ha="center", fontsize=9)
    ax.set(xlim=(0, 8), ylim=(-9.4, 2))
    ax.axis("off")
    save("mask", fig)


def clipping():
    """What the network reads of a number, by the limit of clipping."""
    x = np.linspace(-12, 12, 201)
    fig, ax = plt.subplots(figsize=(4.4, 2.8))
    ax.plot(x, x, ":", color=GREY, label="None")
    for c, colour in ((10, GREEN), (5, BLUE), (3, ORANGE)):
        ax.plot(x, x / np.sqrt(1 + (x / c) ** 2), color=colour, label=str(c))
    ax.set(xlabel="standardised number", ylabel="what is read", ylim=(-12, 12))
    ax.legend(title="clip_numbers", loc="upper left", bbox_to_anchor=(1, 1))
    save("clipping", fig)


def embeddings():
    """One curve with a jump and a bend, learnt with each embedding of numbers."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, (600, 1))
    grid = np.linspace(-2, 2, 201).reshape(-1, 1)

    def curve(x):
        return np.where(x < 0, 0.6 * np.sin(4 * x), 1.5 - 0.3 * x)[:, 0]

    y = curve(x) + 0.15 * rng.normal(size=600)
    kinds = [None, "bins", "piecewise_linear", "piecewise_linear+bins"]
    fig, axes = plt.subplots(2, 2, figsize=(5.6, 3.8), sharex=True, sharey=True)
    for kind, ax in zip(kinds, axes.flat, strict=True):
        options = {"n_members": 4, "max_epochs": 60, "random_state": 0}
        model = sklearn_ple.PLERegressor(numeric_embedding=kind, **options).fit(x, y)
        ax.plot(x, y, ".", color=GREY, ms=1.5, alpha=0.6, rasterized=True)
        ax.plot(grid, model.predict(grid), color=BLUE)
        ax.set_title(str(kind))
    fig.tight_layout()
    save("embeddings", fig)


def ensemble():
    """Members side by side, and their mean."""
    fig, ax = plt.subplots(figsize=(5.8, 2.6))
    for k in range(8):
        share = 2 * k / 7
        ax.add_patch(Rectangle((k, 0), 0.8, 1, color=BLUE, alpha=0.3 + 0.6 * (1 - k / 7), lw=0))
        ax.text(k + 0.4, -0.3, f"{share:.1f}×", ha="center", fontsize=9)
        ax.annotate(
            "",
            (3.9, 2.1),
            (k + 0.4, 1.05),
            arrowprops={"arrowstyle": "-", "color": GREY, "lw": 0.8},
        )
    ax.add_patch(Rectangle((2.6, 2.1), 2.6, 0.6, color=ORANGE, lw=0))
    ax.text(3.9, 2.4, "weighted mean", ha="center", va="center", color="white")
    ax.text(-0.2, 0.5, "members", ha="right", va="center")
    ax.text(-0.2, -0.22, "dropout", ha="right", va="center", fontsize=9)
    ax.set(xlim=(-1.6, 8), ylim=(-0.5, 2.8))
    ax.axis("off")
    save("ensemble", fig)


def folds():
    """Which rows eight members leave out: each fold is left out by two neighbours."""
    fig, ax = plt.subplots(figsize=(5.8, 2.6))
    width = 1 / 24  # two folds are a twelfth of the rows
    for member in range(8):
        ax.add_patch(Rectangle((0, -member), 1, 0.8, color=BLUE, alpha=0.55, lw=0))
        for fold in (member, (member + 1) % 8):
            ax.add_patch(Rectangle((fold * width, -member), width, 0.8, color=ORANGE, lw=0))
        ax.text(-0.02, 0.4 - member, f"member {member + 1}", ha="right", va="center", fontsize=9)
    ax.text(0.5, 1.1, "rows", ha="center")
    trained, left_out = Patch(color=BLUE, alpha=0.55), Patch(color=ORANGE)
    ax.legend(
        [trained, left_out],
        ["trained on", "validated on"],
        ncols=2,
        loc="upper center",
        bbox_to_anchor=(0.55, 0.04),
    )
    ax.set(xlim=(-0.2, 1), ylim=(-7.2, 1.6))
    ax.axis("off")
    save("folds", fig)


def schedules():
    """The learning rate over the steps."""
    step = np.arange(601)
    decay = np.minimum(np.minimum((step + 1) / 100, 1), np.maximum(600 - step, 0) / 100)
    fig, ax = plt.subplots(figsize=(4.8, 2.4))
    ax.plot(step, np.ones_like(step), color=GREY, label="constant")
    ax.plot(step, decay, color=BLUE, label="decay")
    arrow = {"arrowstyle": "->", "color": GREY, "lw": 0.8}
    ax.annotate(
        "the validation loss\nno longer decreases", (500, 0.98), (190, 0.35), arrowprops=arrow
    )
    ax.set(xlabel="steps", yticks=[0, 1], ylim=(0, 1.1))
    ax.set_yticklabels(["0", "learning_rate"])
    ax.legend(title="lr_schedule", loc="upper left", bbox_to_anchor=(1, 1))
    save("schedules", fig)


def calibration():
    """A network that is too confident, before and after calibrate."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(5000, 8))
    y = X[:, 0] + X[:, 1] * X[:, 2] + 1.5 * rng.normal(size=5000) > 0
    options = {"n_members": 1, "dropout": 0, "feature_dropout": 0, "optimizer": "adam"}
    model = sklearn_ple.PLEClassifier(
        **options, early_stopping=False, max_epochs=60, random_state=0
    ).fit(X[:500], y[:500])
    fig, ax = plt.subplots(figsize=(3.6, 3.2))
    ax.plot([0, 1], [0, 1], ":", color=GREY)
    for label, colour in (("before", ORANGE), ("after", BLUE)):
        if label == "after":
            model.calibrate(X[500:1000], y[500:1000])
        true, predicted = calibration_curve(y[1000:], model.predict_proba(X[1000:])[:, 1])
        ax.plot(predicted, true, "o-", color=colour, ms=4, label=label)
    ax.set(xlabel="predicted probability", ylabel="share that came true", aspect="equal")
    ax.legend()
    save("calibration", fig)


def survey():
    """Return the guide's data and model."""
    X, y = load_nhefs(tasks=["death", "wt82_71", "exercise"], return_X_y=True)
    return X, y, PLEClassifierRegressor(random_state=0).fit(X[:1200], y[:1200])


def training_history():
    """The losses of the survey's tasks over the epochs."""
    *_, model = survey()
    fig = TrainingHistoryDisplay.from_estimator(model).figure_
    # In a narrower figure, the words of its four panels are larger on the page.
    fig.set_size_inches(9, 2.6)
    save("training_history", fig)


def gates():
    """The mean weights of the gates."""
    X, _, model = survey()
    display = GateUtilizationDisplay.from_estimator(model, X[1200:])
    save("gates", display.figure_, transparent=False)


def importance():
    """The importance of the survey's columns."""
    X, y, model = survey()
    found = multitask_importance(model, X[1200:], y[1200:], n_repeats=10, random_state=0)
    display = ImportanceDisplay(found).plot(max_features=10)
    save("importance", display.figure_, transparent=False)


def blend():
    """What the network and boosting bring to their blend on the survey."""
    X, y = load_nhefs(return_X_y=True)
    model = BlendClassifierRegressor(random_state=0).fit(X, y)
    save("blend", BlendDisplay.from_estimator(model).figure_, transparent=False)


def dependence():
    """Which tasks of the survey go together given its columns."""
    X, y = load_nhefs(return_X_y=True)
    model = PLEClassifierRegressor(random_state=0).fit(X, y)
    display = DependenceDisplay.from_estimator(model)
    save("dependence", display.figure_, transparent=False)


PICTURES = (
    *(idea, networks, losses, mask, clipping, embeddings, ensemble, folds, schedules),
    *(calibration, training_history, gates, importance, blend, dependence),
)

if __name__ == "__main__":
    with plt.rc_context(STYLE):
        for picture in PICTURES:
            if not sys.argv[1:] or picture.__name__ in sys.argv[1:]:
                picture()
