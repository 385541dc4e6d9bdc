"""How much gates use their experts, as a picture."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from ..warn import warn
from .health import ailing, weights_and_health, with_gates
from .style import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY_BLUE, VERMILION, figure_and_grid

# Beyond as many gates as there are colours, hatches distinguish them, up to 56 in all.
_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY_BLUE, VERMILION, GREY)
_HATCHES = ("", "////", "....", "xxxx", "----", "oo", "\\\\\\\\", "||||")
_IDLE = 0.1
_COLLAPSED = 0.95
_EVEN = "even share"


class GateUtilizationDisplay:
    """How much each gate uses each of its experts, a panel for each level.

    A bar is the mean of an expert's weight over the rows, the line on it the standard deviation.
    An expert has a bar for each gate that reads it, a gate has a colour, and a horizontal mark
    shows the even share: a gate of n experts that has no preference weighs each by 1 / n. This is
    the figure of expert utilisation of Tang et al.

    It is recommended to use `from_estimator` to create a display. All parameters are stored as
    attributes.

    Parameters
    ----------
    utilization : DataFrame
        A row for each expert of each gate of each level, with the columns ``level`` (counted from
        1, from the features up), ``gate``, ``expert``, ``mean`` and ``std``.
    idle : DataFrame or None, default=None
        Experts that are hardly used: ``level``, ``expert``, and its ``share``, the mean weight as
        a multiple of the even share.
    collapsed : DataFrame or None, default=None
        Gates that read a single expert in most rows: ``level``, ``gate``, the ``expert`` that most
        rows prefer, and ``largest``, the mean over the rows of the largest weight.
    health : DataFrame or None, default=None
        Whether the experts are healthy, as `expert_health` returns it. A level's title names
        those that are dead, captured by one task or ignored by their own.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes of shape (n_levels,)
        The panels, level 1 on top.
    bars_ : list of dict of str to matplotlib BarContainer
        For each level the bars of each gate, by its name.
    figure_ : matplotlib Figure
        The figure that holds the panels.

    See Also
    --------
    sklearn_ple.PLEClassifierRegressor.gate_weights : The weights of every row.
    expert_health : Faults of the experts, as a table.

    Notes
    -----
    An expert is idle if its mean weight, over the rows and over the gates of its level that read
    it, is below a tenth of the even share. A gate with more than one expert has collapsed if its
    largest weight is above 0.95 on average. A warning names both. If the standard deviation is
    large as well, such a gate sends rows to different experts; if it is small, a single expert
    would do.

    Weights are means over the members of an estimator. Each member has its own experts, whose
    differences the mean hides: to look at a single network, set ``n_members=1``.

    The influence of an expert depends not only on its weight, but also on the size of its outputs.

    References
    ----------
    H. Tang, J. Liu, M. Zhao, X. Gong. "Progressive Layered Extraction (PLE): A Novel Multi-Task
    Learning (MTL) Model for Personalized Recommendations". RecSys 2020.

    Examples
    --------
    >>> from sklearn_ple import PLEClassifierRegressor
    >>> from sklearn_ple.datasets import load_nhefs
    >>> from sklearn_ple.inspection import GateUtilizationDisplay
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> model = PLEClassifierRegressor(n_members=1, max_epochs=5, random_state=0).fit(X, y)
    >>> display = GateUtilizationDisplay.from_estimator(model, X)
    >>> display.utilization.query("gate == 'death'")["expert"].tolist()
    ['death 1', 'shared 1']
    """

    def __init__(
        self,
        utilization: pd.DataFrame,
        idle: pd.DataFrame | None = None,
        collapsed: pd.DataFrame | None = None,
        health: pd.DataFrame | None = None,
    ):
        self.utilization = utilization
        self.idle = idle
        self.collapsed = collapsed
        self.health = health

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, *, ax: Any = None, **kwargs: Any
    ) -> GateUtilizationDisplay:
        """Draw how the gates of a fitted estimator weigh experts, and warn of idle experts.

        Parameters
        ----------
        estimator : object
            A fitted estimator of this package that has gates, or a pipeline that ends in one.
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features.
        ax : matplotlib Axes or None, default=None
            The axes to divide into panels; None for a new figure.
        **kwargs : dict
            Passed to :meth:`matplotlib.axes.Axes.bar` for every gate of every level.

        Returns
        -------
        display : GateUtilizationDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If the estimator has no gates.
        NotFittedError
            If the estimator is not fitted.
        ImportError
            If matplotlib is not installed.

        Warns
        -----
        UserWarning
            If an expert is hardly used, nearly dead or captured by one task, a task ignores its
            own experts, or a gate collapses.
        """
        weights, health = weights_and_health(*with_gates(estimator, X))
        utilization = _summarise(weights)
        idle, collapsed = _find_idle(utilization), _find_collapsed(weights)
        for message in [
            *_describe_idle(idle, utilization),
            *_describe_collapsed(collapsed),
            *ailing(health),
        ]:
            warn(message)
        return cls(utilization, idle, collapsed, health).plot(ax, **kwargs)

    def plot(self, ax: Any = None, **kwargs: Any) -> GateUtilizationDisplay:
        """Draw the utilization.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            The axes to divide into panels; None for a new figure.
        **kwargs : dict
            Passed to :meth:`matplotlib.axes.Axes.bar` for every gate of every level.

        Returns
        -------
        display : GateUtilizationDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        bars = self._lay_out()
        levels = [rows for _, rows in bars.groupby("level")]
        experts = bars.groupby("expert")["centre"].first().sort_values()
        styles = {gate: _style(place) for place, gate in enumerate(bars["gate"].unique())}
        longest, span = max(map(len, experts.index)), bars["end"].max()
        breadth = np.clip(0.17 * span, 5.0, 14.0)
        # About eleven letters fit into an inch between neighbours.
        crowded = longest > 11 * breadth / span * np.diff(experts).min(initial=span)
        wide = breadth + 1.1 + 0.09 * max(15, *map(len, styles))
        high = 0.6 + 1.8 * len(levels) + 0.08 * longest * crowded
        size = (wide, max(high, 1.3 + 0.21 * len(styles)))
        self.figure_, grid = figure_and_grid(ax, len(levels), 1, size, hspace=0.35)

        axes: list[Any] = []
        self.bars_ = []
        for position, rows in enumerate(levels):
            first = axes[0] if axes else None
            panel = self.figure_.add_subplot(grid[position], sharex=first, sharey=first)
            panel.tick_params(axis="x", length=0, labelbottom=position == len(levels) - 1)
            self.bars_.append(_draw(panel, rows, styles, kwargs))
            panel.set_title(self._title(rows["level"].iloc[0], wide), fontsize="medium")
            axes.append(panel)
        self.axes_ = np.array(axes)
        axes[-1].set_xticks(experts, experts.index, rotation=90 * crowded)
        axes[0].set_xlim(0, span)
        # Standard deviations may reach below zero, weights cannot.
        axes[0].set_ylim(0, 1.05 * (bars["mean"] + bars["std"]).max())
        self._add_legend(on_figure=ax is None)
        return self

    def _title(self, level: int, width: float) -> str:
        """Return a level's title, with what ails its experts, for a figure of so many inches."""
        title = f"level {level}"
        if self.health is None:
            return title
        own = self.health[self.health["level"] == level]
        for state in ("dead", "captured", "ignored"):
            names = own["expert"][own["state"].str.contains(state)]
            title += f"; {state}: {', '.join(names)}" if len(names) else ""
        return textwrap.fill(title, int(10 * width))

    def _lay_out(self) -> pd.DataFrame:
        """Compute the place x of each bar, and the centre and the end of its expert's group.

        An expert has the same place at all levels. Those that more gates read, the shared ones,
        come last.
        """
        bars = self.utilization.reset_index(drop=True)
        readers = bars.groupby(["level", "expert"], sort=False)["gate"]
        n_readers = readers.transform("size")
        widths = n_readers.groupby(bars["expert"], sort=False).max().sort_values(kind="stable") + 1
        ends = widths.cumsum()
        bars["end"] = bars["expert"].map(ends)
        bars["centre"] = bars["expert"].map(ends - widths / 2)
        bars["x"] = bars["centre"] + readers.cumcount() - (n_readers - 1) / 2
        return bars

    def _add_legend(self, *, on_figure: bool) -> None:
        entries: dict[str, Any] = {}
        for ax in self.axes_:
            handles, labels = ax.get_legend_handles_labels()
            entries |= dict(zip(labels, handles, strict=True))
        # The share is no gate: after these.
        entries[_EVEN] = entries.pop(_EVEN)
        place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.01, 1)}
        owner = self.axes_[0]
        if on_figure:
            owner, place = self.figure_, {"loc": "outside right upper"}
        title = "bars: mean\nlines: standard\ndeviation"
        owner.legend(
            entries.values(), entries.keys(), title=title, alignment="left", frameon=False, **place
        )


def gate_weights(estimator: Any, X: Any) -> list[dict[str, pd.DataFrame]]:
    """Compute the weights of an estimator's gates, be it alone, in a pipeline or in a search."""
    last, X = with_gates(estimator, X)
    return last.gate_weights(X)


def _style(position: int) -> dict[str, Any]:
    """Return the look of the gate at a position; neighbours have different ones."""
    hatch, colour = divmod(position, len(_COLOURS))
    return {"color": _COLOURS[colour], "hatch": _HATCHES[hatch % len(_HATCHES)]}


def _draw(
    panel: Any, rows: pd.DataFrame, styles: dict[str, dict[str, Any]], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """Draw a level into its panel; return the bars by gate."""
    bars = {}
    for gate, own in rows.groupby("gate", sort=False):
        style = {"width": 0.9, "edgecolor": "white", "linewidth": 0, "label": gate}
        style |= styles[gate] | {"error_kw": {"elinewidth": 0.9}}
        bars[gate] = panel.bar(own["x"], own["mean"], yerr=own["std"], **(style | kwargs))
        even = [1 / len(own)] * len(own)
        panel.hlines(even, own["x"] - 0.5, own["x"] + 0.5, colors="black", label=_EVEN)
    panel.set_ylabel("weight")
    panel.spines[["top", "right"]].set_visible(False)
    return bars


def _summarise(weights: list[dict[str, pd.DataFrame]]) -> pd.DataFrame:
    """Tabulate mean and standard deviation of the weights over the rows."""
    rows = [
        [level, gate, expert, values.mean(), values.std(ddof=0)]
        for level, gates in enumerate(weights, start=1)
        for gate, frame in gates.items()
        for expert, values in frame.items()
    ]
    return pd.DataFrame(rows, columns=["level", "gate", "expert", "mean", "std"])


def _find_idle(utilization: pd.DataFrame) -> pd.DataFrame:
    """Find the experts whose weight is small in all their gates."""
    n_experts = utilization.groupby(["level", "gate"])["expert"].transform("size")
    shares = utilization[["level", "expert"]].assign(share=utilization["mean"] * n_experts)
    shares = shares.groupby(["level", "expert"], sort=False, as_index=False).mean()
    return shares[shares["share"] < _IDLE].reset_index(drop=True)


def _find_collapsed(weights: list[dict[str, pd.DataFrame]]) -> pd.DataFrame:
    """Find the gates that, row by row, put nearly all weight on one expert."""
    rows = [
        [level, gate, frame.idxmax(axis=1).mode()[0], largest]
        for level, gates in enumerate(weights, start=1)
        for gate, frame in gates.items()
        if frame.shape[1] > 1 and (largest := frame.max(axis=1).mean()) > _COLLAPSED
    ]
    return pd.DataFrame(rows, columns=["level", "gate", "expert", "largest"])


def _describe_idle(idle: pd.DataFrame, utilization: pd.DataFrame) -> Iterator[str]:
    for level, expert, share in idle.itertuples(index=False):
        here = (utilization["level"] == level) & (utilization["expert"] == expert)
        gates = ", ".join(map(repr, utilization["gate"][here]))
        yield (
            f"Expert {expert!r} of level {level} is hardly used: its mean weight is {share:.2g} "
            f"of the even share (gates: {gates}). Fewer experts may do as well."
        )


def _describe_collapsed(collapsed: pd.DataFrame) -> Iterator[str]:
    for level, gate, expert, largest in collapsed.itertuples(index=False):
        yield (
            f"Gate {gate!r} of level {level} collapses, in most rows to expert {expert!r}: its "
            f"largest weight is {largest:.3f} on average."
        )
