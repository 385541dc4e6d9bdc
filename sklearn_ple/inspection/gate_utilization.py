"""Plot of how much the gates use their experts."""

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..utils.checks import check_frame
from ..utils.warn import warn
from . import style
from .experts import describe_faults, find_gates, read_gates
from .shown import Display
from .style import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY_BLUE, VERMILION

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Hatches distinguish gates of the same colour, up to 56 gates in all.
_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY_BLUE, VERMILION, GREY)
_HATCHES = ("", "////", "....", "xxxx", "----", "oo", "\\\\\\\\", "||||")
_COLLAPSED = 0.95
_EVEN = "even share"


@dataclass(eq=False, repr=False)
class GateUtilizationDisplay(Display):
    """How much each gate uses each of its experts, with a panel for each level.

    A gate computes a weighted sum of experts. Each bar shows the mean weight of an expert in a
    gate over the rows, and the line on it the standard deviation. An expert has a bar for each
    gate that reads it, in the colour of the gate. A horizontal mark shows the even share: a gate
    with n experts and no preference gives each the weight 1 / n. The plot corresponds to the
    figure of expert utilization of Tang et al.

    It is recommended to use `from_estimator` to create a display. All parameters are stored as
    attributes.

    Parameters
    ----------
    utilization : DataFrame
        A row for each expert of each gate of each level, with the columns ``level`` (counted from
        1, from the features up), ``gate``, ``expert``, ``mean`` and ``std`` of the weight over the
        rows.
    collapsed : DataFrame or None, default=None
        Gates that use a single expert in most rows, with the columns ``level``, ``gate``,
        ``expert``, the one with the largest weight in most rows, and ``largest``, the mean over
        the rows of the largest weight.
    health : DataFrame or None, default=None
        The health of the experts, the ``table`` of `ExpertHealth`. The title of a level names the
        experts that are dead, captured by one task or ignored by their own task.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes of shape (n_levels,)
        The panels, with level 1 at the top.
    bars_ : list of dict of str to matplotlib BarContainer
        For each level, the bars of each gate by the name of the gate.
    figure_ : matplotlib Figure
        The figure that contains the panels.

    See Also
    --------
    sklearn_ple.PLEClassifierRegressor.gate_weights : The weights for each row.
    expert_health : Table of the experts and their faults.

    Notes
    -----
    A gate with more than one expert has collapsed if its largest weight is above 0.95 on average
    over the rows. Warnings name collapsed gates, and the experts with faults. If the standard
    deviations of a collapsed gate are large, it sends different rows to different
    experts; if they are small, a single expert would be enough.

    The weights are means over the members of the ensemble. Each member has its own experts, and
    the mean hides how they differ. To see the weights of a single network, set ``n_members=1``.

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
    >>> model = PLEClassifierRegressor(n_members=1, max_epochs=1)
    >>> model = model.fit(X[:200], y[:200])
    >>> display = GateUtilizationDisplay.from_estimator(model, X)
    >>> display.utilization.query("gate == 'death'")["expert"].tolist()
    ['death 1', 'shared 1']
    """

    utilization: pd.DataFrame
    collapsed: pd.DataFrame | None = None
    health: pd.DataFrame | None = None

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, **kwargs: Any) -> "GateUtilizationDisplay":
        """Draw the weights of the experts in the gates of a fitted estimator, and warn of faults.

        Parameters
        ----------
        estimator : object
            A fitted estimator of this package that has gates, or a pipeline or search that
            contains one.
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features.
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
            If an expert is hardly used, nearly dead or captured by one task, if a task ignores its
            own experts, or if a gate has collapsed.
        """
        weights, utilization, health = read_gates(*find_gates(estimator, X))
        collapsed = _find_collapsed(weights)
        for level, gate, expert, largest in collapsed.itertuples(index=False):
            warn(
                f"Gate {gate!r} of level {level} has collapsed, in most rows to expert "
                f"{expert!r}: its largest weight is {largest:.3f} on average."
            )
        for message in describe_faults(health):
            warn(message)
        return cls(utilization, collapsed, health).plot(**kwargs)

    def plot(self, **kwargs: Any) -> "GateUtilizationDisplay":
        """Draw the utilization.

        Parameters
        ----------
        **kwargs : dict
            Passed to :meth:`matplotlib.axes.Axes.bar` for every gate of every level.

        Returns
        -------
        display : GateUtilizationDisplay
            The display itself.

        Raises
        ------
        ValueError
            If ``utilization`` lacks a column.
        ImportError
            If matplotlib is not installed.
        """
        columns = ["level", "gate", "expert", "mean", "std"]
        check_frame("utilization", self.utilization, columns)
        bars = self._lay_out()
        levels = [rows for _, rows in bars.groupby("level")]
        experts = bars.groupby("expert")["centre"].first().sort_values()
        styles = {gate: _style(place) for place, gate in enumerate(bars["gate"].unique())}
        labels = [*map(style.shorten, experts.index)]
        longest, span = max(map(len, labels)), bars["end"].max()
        breadth = np.clip(0.17 * span, 5.0, 14.0)
        # About eleven letters fit into an inch. Experts whose names would overlap are in rows.
        turned = bool(longest > 11 * breadth / span * np.diff(experts).min(initial=span))
        n_rows, n_columns = (1, len(levels)) if turned else (len(levels), 1)
        wide, high = (2.2, 0.17 * span) if turned else (breadth, 1.8)
        names = 0.08 * longest * turned, 0.09 * max(15, *(len(style.shorten(g)) for g in styles))
        whole = 1.1 + sum(names) + wide * n_columns
        size = whole, max(0.6 + high * n_rows, 1.3 + 0.21 * len(styles))
        shared = {"sharex": True, "sharey": True}
        self.figure_, grid = style.make_axes(n_rows, n_columns, size, **shared)
        self.axes_ = grid.ravel()
        self.bars_ = []
        for ax, rows in zip(self.axes_, levels, strict=True):
            self.bars_.append(_draw(ax, rows, styles, kwargs, turned))
            title = self._title(rows["level"].iloc[0], wide if turned else whole)
            ax.set_title(title, fontsize="medium", parse_math=False)
        first, last = self.axes_[[0, -1]]
        # Lines of standard deviations may extend below zero, but weights cannot.
        reach = 1.05 * (bars["mean"] + bars["std"]).max()
        if turned:
            first.set_yticks(experts, labels, parse_math=False)
            first.set(ylim=(span, 0), xlim=(0, reach))
        else:
            last.set_xticks(experts, labels, parse_math=False)
            first.set(xlim=(0, span), ylim=(0, reach))
        self._add_legend()
        return self

    def _title(self, level: int, width: float) -> str:
        """Return the title of a level, with faults of experts, wrapped to a width in inches."""
        title = f"level {level}"
        if self.health is None:
            return title
        experts = self.health[self.health["level"] == level]
        for state in ("dead", "captured", "ignored"):
            names = experts["expert"][experts["state"].str.contains(state)]
            title += f"; {state}: {', '.join(names)}" if len(names) else ""
        return textwrap.fill(title, int(10 * width))

    def _lay_out(self) -> pd.DataFrame:
        """Compute the position x of each bar, and the centre and end of the bars of its expert.

        An expert has the same position at all levels. Experts that are read by more gates, which
        are the shared ones, come last.
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

    def _add_legend(self) -> None:
        entries = {gate: bars for level in self.bars_ for gate, bars in level.items()}
        even = next(c for c in self.axes_[0].collections if c.get_label() == _EVEN)
        title = "bars: mean\nlines: standard\ndeviation"
        handles, names = [*entries.values(), even], [*entries, _EVEN]
        look = {"loc": "outside right upper", "alignment": "left", "frameon": False}
        style.add_legend(self.figure_, handles, names, title=title, **look)


def _style(position: int) -> dict[str, Any]:
    """Return colour and hatch of the gate at a position; adjacent gates have different ones."""
    hatch, colour = divmod(position, len(_COLOURS))
    return {"color": _COLOURS[colour], "hatch": _HATCHES[hatch % len(_HATCHES)]}


def _draw(
    ax: "Axes",
    rows: pd.DataFrame,
    styles: dict[str, dict[str, Any]],
    options: dict[str, Any],
    turned: bool,
) -> dict[str, Any]:
    """Draw a level into its panel, with horizontal bars if turned; return the bars by gate."""
    bars = {}
    across, mark, side = (ax.barh, ax.vlines, "x") if turned else (ax.bar, ax.hlines, "y")
    for gate, of_gate in rows.groupby("gate", sort=False):
        look = {"edgecolor": "white", "linewidth": 0, "label": gate}
        look |= styles[gate] | {"error_kw": {"elinewidth": 0.9}}
        look = {"width": 0.9} | style.merge_style(look, options, "Rectangle")
        if turned:
            look["height"] = look.pop("width")
        bars[gate] = across(
            of_gate["x"], of_gate["mean"], **look, **{f"{side}err": of_gate["std"]}
        )
        even = [1 / len(of_gate)] * len(of_gate)
        mark(even, of_gate["x"] - 0.5, of_gate["x"] + 0.5, colors="black", label=_EVEN)
    ax.tick_params(axis="y" if turned else "x", length=0)
    ax.set(**{f"{side}label": "weight"})
    ax.spines[["top", "right"]].set_visible(False)
    return bars


def _find_collapsed(weights: list[dict[str, pd.DataFrame]]) -> pd.DataFrame:
    """Find the gates that give nearly all weight to one expert in each row."""
    rows = [
        [level, gate, frame.idxmax(axis=1).mode()[0], largest]
        for level, gates in enumerate(weights, start=1)
        for gate, frame in gates.items()
        if frame.shape[1] > 1 and (largest := frame.max(axis=1).mean()) > _COLLAPSED
    ]
    return pd.DataFrame(rows, columns=["level", "gate", "expert", "largest"])
