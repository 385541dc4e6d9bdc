"""The two plots of each task in a report, drawn by scikit-learn's displays."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.calibration import CalibrationDisplay
from sklearn.metrics import PredictionErrorDisplay, RocCurveDisplay, roc_auc_score

from ..style import PALETTE, add_legend
from .observed import N_BINS, Observed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Height of a plot, in inches.
HEIGHT = 3.9
_DOTS: dict[str, Any] = {"s": 9, "alpha": 0.4, "color": PALETTE[0], "linewidth": 0}


@dataclass(frozen=True)
class Panel:
    """A plot: its title, its description, and the function that draws it.

    Without a function, the plot is the description, which says why there is none.
    """

    title: str
    description: str
    drawer: Callable[[Any], Any] | None = None

    def draw(self, ax: "Axes") -> None:
        """Draw the plot into axes."""
        if self.drawer is not None:
            self.drawer(ax)
            return
        ax.set(xticks=[], yticks=[])
        place: dict[str, Any] = {"ha": "center", "va": "center", "transform": ax.transAxes}
        ax.text(0.5, 0.5, self.description, wrap=True, **place)

    def make_figure(self) -> Any:
        """Draw the plot into a new figure."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(4.6, HEIGHT), layout="constrained")
        self.draw(figure.subplots())
        return figure


def make_panels(observed: Observed) -> list[Panel]:
    """Return the two plots of a task."""
    makers = {
        "classes": {"ROC curve": _roc, "Calibration": _calibration},
        "times": {"Survival": _survival, "Predicted and actual, of events": _events},
        "numbers": {"Predicted and actual": _errors, "Residuals": _residuals},
    }[observed.kind]
    if not len(observed.labels):
        return [Panel(title, "There are no labels to compare with.") for title in makers]
    return [Panel(title, *make(observed)) for title, make in makers.items()]


def _roc(observed: Observed) -> tuple[Any, ...]:
    curves = [c for c in observed.list_curves() if 0 < c.happened.sum() < len(c.happened)]
    if not curves:
        return ("All labels are of one class: there is no curve.",)

    def draw(ax: "Axes") -> None:
        ax.set_prop_cycle(color=PALETTE)
        for name, happened, proba in curves:
            RocCurveDisplay.from_predictions(happened, proba, name=name, ax=ax)
        ax.plot([0, 1], [0, 1], "k:", label="guessing")
        ax.set(xlabel="False positive rate", ylabel="True positive rate")
        _add_legend(ax)

    areas = ", ".join(f"{name} {roc_auc_score(happened, p):.2f}" for name, happened, p in curves)
    return f"Area under the curve: {areas}.", draw


def _calibration(observed: Observed) -> tuple[Any, ...]:
    curves = observed.list_curves()

    def draw(ax: "Axes") -> None:
        ax.set_prop_cycle(color=PALETTE)
        for name, happened, proba in curves:
            CalibrationDisplay.from_predictions(
                happened, proba, n_bins=N_BINS, strategy="quantile", name=name, ax=ax, markersize=4
            )
        ax.set(xlabel="Predicted probability", ylabel="Share that came true", aspect="equal")
        _add_legend(ax)

    shares = "; ".join(
        f"{name}: mean predicted probability {proba.mean():.1%}, true share {happened.mean():.1%}"
        for name, happened, proba in curves
    )
    return f"{shares}.", draw


def _add_legend(ax: "Axes") -> None:
    """Put the legend where it hides least of the curves."""
    add_legend(ax, *ax.get_legend_handles_labels(), fontsize="small")


def _errors(observed: Observed) -> tuple[Any, ...]:
    labels, predicted = observed.labels, observed.predicted
    description = (
        f"Labels range from {labels.min():.4g} to {labels.max():.4g}, predictions from "
        f"{predicted.min():.4g} to {predicted.max():.4g}."
    )
    return description, partial(_draw_errors, "actual_vs_predicted", observed)


def _residuals(observed: Observed) -> tuple[Any, ...]:
    labels, predicted = observed.labels, observed.predicted
    if observed.is_logarithmic:
        low, high = np.quantile(labels / predicted, [0.05, 0.95])
        description = f"90 % of labels are between {low:.3g} and {high:.3g} times as predicted."
        return description, partial(_draw_ratios, observed)
    low, high = np.quantile(labels - predicted, [0.05, 0.95])
    description = f"90 % of the residuals are between {low:.3g} and {high:.3g}."
    return description, partial(_draw_errors, "residual_vs_predicted", observed)


def _events(observed: Observed) -> tuple[Any, ...]:
    seen = observed.labels > 0
    if not seen.any():
        return ("No label is an event: all are censored.",)
    return _errors(
        replace(observed, labels=observed.labels[seen], predicted=observed.predicted[seen])
    )


def _draw_ratios(observed: Observed, ax: "Axes") -> None:
    """Draw residuals of logarithms: labels as multiples of the predictions."""
    # As many dots as scikit-learn's display has, from all parts of the table.
    shown = slice(None, None, -(-len(observed.labels) // 1000))
    predicted = observed.predicted[shown]
    ax.axhline(1, color="black", linestyle="--", alpha=0.7)
    ax.scatter(predicted, observed.labels[shown] / predicted, **_DOTS)
    labels = {"xlabel": "Predicted values", "ylabel": "Actual / predicted"}
    ax.set(xscale="log", yscale="log", **labels)


def _draw_errors(kind: Any, observed: Observed, ax: "Axes") -> None:
    # Imported here, because matplotlib is needed only for drawing.
    from matplotlib.ticker import MaxNLocator, ScalarFormatter

    numbers = observed.labels, observed.predicted
    PredictionErrorDisplay.from_predictions(
        *numbers, kind=kind, random_state=0, ax=ax, scatter_kwargs=_DOTS
    )
    if observed.is_logarithmic:
        ax.set(xscale="log", yscale="log")
        return
    # Ticks at round numbers, instead of five from the smallest to the largest value.
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(6))
        axis.set_major_formatter(ScalarFormatter())


def _survival(observed: Observed) -> tuple[Any, ...]:
    """Return the plot of the survival curves of thirds of the rows, by predicted time."""
    thirds = np.array_split(observed.predicted.argsort(kind="stable"), 3)
    named = zip(("shortest", "middle", "longest"), thirds, strict=True)
    curves = {name: estimate_survival(observed.labels[rows]) for name, rows in named if len(rows)}

    def draw(ax: "Axes") -> None:
        ax.set_prop_cycle(color=PALETTE)
        for name, (times, shares) in curves.items():
            ax.step(times, shares, where="post", label=f"{name} predictions")
        ax.set(xlabel="Time", ylabel="Share without an event", ylim=(0, 1))
        _add_legend(ax)

    middle = float(np.median(np.abs(observed.labels)))
    shares = ", ".join(
        f"{share[times <= middle][-1]:.0%} ({name})" for name, (times, share) in curves.items()
    )
    return f"Share without an event until {middle:.4g}, by predicted time: {shares}.", draw


def estimate_survival(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
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
