"""The two plots of each task in a report, drawn by scikit-learn's displays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.calibration import CalibrationDisplay
from sklearn.metrics import PredictionErrorDisplay, RocCurveDisplay, roc_auc_score

from ...metrics.views import ScoredTask, plain_array
from ..style import PALETTE, named_legend

#: Number of groups of rows in which probabilities are compared with the labels.
N_BINS = 10
_MOST_IN_CORNER = 3


@dataclass(frozen=True)
class Panel:
    """A plot: its title, its description, the function that draws it, and its height in inches."""

    title: str
    description: str
    draw: Callable[[Any], Any]
    height: float = 3.9


@dataclass(frozen=True)
class Observed:
    """The labels of a task, and the predictions for the rows with a label.

    Attributes
    ----------
    task : ScoredTask
        The task.
    labels : ndarray of shape (n_labels,)
        The labels.
    predicted : ndarray of shape (n_labels,)
        The predicted labels.
    proba : ndarray of shape (n_labels, n_classes) or None
        The probabilities of the classes; None if labels are numbers.
    """

    task: ScoredTask
    labels: np.ndarray
    predicted: np.ndarray
    proba: np.ndarray | None

    @classmethod
    def of(cls, task: ScoredTask) -> Observed:
        """Predict the rows of a task that have a label."""
        rows = np.flatnonzero(task.labels.notna())
        labels = plain_array(task.labels.iloc[rows])
        if task.classes is None:
            # Bools may be numbers, too.
            labels = labels.astype(np.float64)
        proba = None if task.classes is None else task.view.predict_proba(rows)
        return cls(task, labels, task.view.predict(rows), proba)

    def curves(self) -> list[tuple[str, np.ndarray, np.ndarray]]:
        """Return the name, the labels and the probabilities of each class that has a curve.

        With two classes, only the second one has a curve. With more, each class has a curve
        against the rest. The most frequent class comes first.
        """
        if self.proba is None or self.task.classes is None:
            return []
        found = [
            (f"class {label}", self.labels == label, proba)
            for label, proba in zip(self.task.classes, self.proba.T, strict=True)
        ]
        found = found[1:] if len(found) == 2 else found
        return sorted(found, key=lambda curve: -curve[1].sum())[: len(PALETTE)]


def panels_of(observed: Observed) -> tuple[Panel, Panel]:
    """Return the two plots of a task."""
    if not len(observed.labels):
        nothing = "There are no labels to compare with."
        titles = ("ROC curve", "Calibration")
        if observed.task.censored:
            titles = ("Survival", "Predicted and actual, of events")
        elif observed.proba is None:
            titles = ("Predicted and actual", "Residuals")
        left, right = (Panel(title, nothing, _text(nothing)) for title in titles)
        return left, right
    if observed.proba is not None:
        return _roc(observed), _calibration(observed)
    if observed.task.censored:
        return _survival(observed), _events(observed)
    return (
        _errors(observed, "Predicted and actual", "actual_vs_predicted"),
        _errors(observed, "Residuals", "residual_vs_predicted"),
    )


def _roc(observed: Observed) -> Panel:
    curves = [curve for curve in observed.curves() if 0 < curve[1].sum() < len(curve[1])]
    if not curves:
        reason = "All labels are of one class: there is no curve."
        return Panel("ROC curve", reason, _text(reason))

    def draw(ax: Any) -> None:
        ax.set_prop_cycle(color=PALETTE)
        for name, happened, proba in curves:
            RocCurveDisplay.from_predictions(happened, proba, name=name, ax=ax)
        ax.plot([0, 1], [0, 1], "k:", label="guessing")
        ax.set(xlabel="False positive rate", ylabel="True positive rate")
        _add_legend(ax, "lower right")

    areas = ", ".join(f"{name} {roc_auc_score(happened, p):.2f}" for name, happened, p in curves)
    return Panel("ROC curve", f"Area under the curve: {areas}.", draw, _height(len(curves)))


def _calibration(observed: Observed) -> Panel:
    def draw(ax: Any) -> None:
        ax.set_prop_cycle(color=PALETTE)
        for name, happened, proba in observed.curves():
            CalibrationDisplay.from_predictions(
                happened, proba, n_bins=N_BINS, strategy="quantile", name=name, ax=ax, markersize=4
            )
        ax.set(xlabel="Predicted probability", ylabel="Share that came true", aspect="equal")
        _add_legend(ax, "upper left")

    shares = "; ".join(
        f"{name}: mean predicted probability {proba.mean():.1%}, true share {happened.mean():.1%}"
        for name, happened, proba in observed.curves()
    )
    return Panel("Calibration", f"{shares}.", draw, _height(len(observed.curves())))


def _add_legend(ax: Any, corner: str) -> None:
    """Put the legend into a corner or, if it would hide the curves, below the plot."""
    place: dict[str, Any] = {"loc": corner}
    if len(ax.lines) - 1 > _MOST_IN_CORNER:
        place = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.17), "frameon": False}
    named_legend(ax, *ax.get_legend_handles_labels(), fontsize="small", **place)


def _height(n_curves: int) -> float:
    """Return the height of a plot in inches, with room for the legend below it."""
    return Panel.height if n_curves <= _MOST_IN_CORNER else Panel.height + 0.2 * (n_curves + 1)


def _errors(observed: Observed, title: str, kind: str) -> Panel:
    def draw(ax: Any) -> None:
        # Imported here, because matplotlib is needed only for drawing.
        from matplotlib.ticker import MaxNLocator, ScalarFormatter

        PredictionErrorDisplay.from_predictions(
            observed.labels,
            observed.predicted,
            kind=kind,
            random_state=0,
            ax=ax,
            scatter_kwargs={"s": 9, "alpha": 0.4, "color": PALETTE[0], "linewidth": 0},
        )
        # Ticks at round numbers, instead of five from the smallest to the largest value.
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_locator(MaxNLocator(6))
            axis.set_major_formatter(ScalarFormatter())

    residuals = observed.labels - observed.predicted
    if kind == "residual_vs_predicted":
        low, high = np.quantile(residuals, [0.05, 0.95])
        description = f"90 % of the residuals are between {low:.3g} and {high:.3g}."
    else:
        description = (
            f"Labels range from {observed.labels.min():.4g} to {observed.labels.max():.4g}, "
            f"predictions from {observed.predicted.min():.4g} to {observed.predicted.max():.4g}."
        )
    return Panel(title, description, draw)


def _survival(observed: Observed) -> Panel:
    """Return the plot of the survival curves of thirds of the rows, by predicted time."""
    thirds = np.array_split(observed.predicted.argsort(kind="stable"), 3)
    named = zip(("shortest", "middle", "longest"), thirds, strict=True)
    curves = {name: kaplan_meier(observed.labels[rows]) for name, rows in named if len(rows)}

    def draw(ax: Any) -> None:
        ax.set_prop_cycle(color=PALETTE)
        for name, (times, shares) in curves.items():
            ax.step(times, shares, where="post", label=f"{name} predictions")
        ax.set(xlabel="Time", ylabel="Share without an event", ylim=(0, 1))
        _add_legend(ax, "upper right")

    middle = float(np.median(np.abs(observed.labels)))
    shares = ", ".join(
        f"{share[times <= middle][-1]:.0%} ({name})" for name, (times, share) in curves.items()
    )
    description = f"Share without an event until {middle:.4g}, by predicted time: {shares}."
    return Panel("Survival", description, draw)


def kaplan_meier(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute the Kaplan-Meier estimate of the share of rows without an event up to each time.

    Parameters
    ----------
    labels : ndarray of shape (n_labels,)
        The times; negative if censored.

    Returns
    -------
    times, shares : ndarray of shape (1 + n_times,)
        Zero and the times of the events, and the estimated share after each of these times.
    """
    events, n_events = np.unique(labels[labels > 0], return_counts=True)
    n_before = np.searchsorted(np.sort(np.abs(labels)), events)
    shares = np.cumprod(1 - n_events / (len(labels) - n_before))
    return np.append(0.0, events), np.append(1.0, shares)


def _events(observed: Observed) -> Panel:
    title, seen = "Predicted and actual, of events", observed.labels > 0
    if not seen.any():
        reason = "No label is an event: all are censored."
        return Panel(title, reason, _text(reason))
    events = replace(observed, labels=observed.labels[seen], predicted=observed.predicted[seen])
    return _errors(events, title, "actual_vs_predicted")


def _text(message: str) -> Callable[[Any], None]:
    """Return a function that writes, instead of a plot, why there is none."""

    def draw(ax: Any) -> None:
        ax.set(xticks=[], yticks=[])
        ax.text(0.5, 0.5, message, ha="center", va="center", wrap=True, transform=ax.transAxes)

    return draw
