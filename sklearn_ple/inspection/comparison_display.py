"""Plot of the gains of tasks over a reference."""

from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from ..utils.checks import check_frame
from ..utils.constraints import check_arguments
from . import style
from .shown import Display

# Markers distinguish models of the same colour, if there are more models than colours.
_MARKERS = "osD^vP<X>*"


@dataclass(eq=False, repr=False)
class ComparisonDisplay(Display):
    """Gains of tasks over a reference: a scatter plot for two tasks, else a heat map.

    For two tasks, the scatter plot shows a point for each model, the gain on one task against the
    gain on the other, with confidence intervals. Models in the upper left or lower right quadrant
    improve one task at the expense of the other, which Tang et al. call the seesaw phenomenon. For
    any other number of tasks, the heat map has a row for each model and a column for each task.
    Cells of undecided gains have no colour.

    It is recommended to use the method ``plot`` of what :func:`compare` returns. All parameters
    are stored as attributes.

    Parameters
    ----------
    gains : DataFrame
        The gains, with the columns ``model``, ``task``, ``mean``, ``low`` and ``high``.
    reference : str, default="the reference"
        The model with which the others are compared.
    confidence : float, default=0.95
        The confidence of the intervals.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes of the plot.
    figure_ : matplotlib Figure
        The figure that contains the axes.
    points_ : list of matplotlib ErrorbarContainer or None
        The point and the intervals of each model; None for a heat map.
    image_ : matplotlib AxesImage or None
        The heat map; None for a scatter plot.
    texts_ : ndarray of matplotlib Text of shape (n_models, n_tasks) or None
        The mean gains in the cells of the heat map, with a star if the interval excludes zero;
        None for a scatter plot.

    See Also
    --------
    compare : Fits the models and computes their gains.

    References
    ----------
    H. Tang, J. Liu, M. Zhao, X. Gong. "Progressive Layered Extraction (PLE): A Novel Multi-Task
    Learning (MTL) Model for Personalized Recommendations". RecSys 2020.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_ple.inspection import ComparisonDisplay
    >>> gains = pd.DataFrame(
    ...     [
    ...         ["ple", "a", 0.02, 0.01, 0.03],
    ...         ["ple", "b", -0.02, -0.03, -0.01],
    ...     ],
    ...     columns=["model", "task", "mean", "low", "high"],
    ... )
    >>> display = ComparisonDisplay(gains).plot()
    >>> display.ax_.get_xlabel()
    'gain on a'
    """

    drawn_by: ClassVar[str] = "the plot method of what compare returns"

    gains: pd.DataFrame
    reference: str = "the reference"
    confidence: float = 0.95

    @check_arguments(ax=style.AXES)
    def plot(self, ax: Any = None, **kwargs: Any) -> "ComparisonDisplay":
        """Draw the gains.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            The axes to draw into; None for a new figure.
        **kwargs : dict
            Passed to :meth:`matplotlib.axes.Axes.errorbar` for every model of a scatter plot, or
            to :meth:`matplotlib.axes.Axes.imshow` for a heat map.

        Returns
        -------
        display : ComparisonDisplay
            The display itself.

        Raises
        ------
        ValueError
            If ``gains`` lacks a column.
        ImportError
            If matplotlib is not installed.
        """
        check_frame("gains", self.gains, ["model", "task", "mean", "low", "high"])
        mean, low, high = (self._table(name) for name in ("mean", "low", "high"))
        self.points_: list[Any] | None = None
        self.image_: Any = None
        self.texts_: np.ndarray | None = None
        draw = self._draw_scatter if mean.shape[1] == 2 else self._draw_heat_map
        self.ax_ = draw(ax, mean, low, high, kwargs)
        self.figure_ = self.ax_.figure
        return self

    def _table(self, column: str) -> pd.DataFrame:
        """Return a column of the gains as a table, with a row per model and a column per task."""
        table = self.gains.pivot(index="model", columns="task", values=column)
        return table.loc[self.gains["model"].unique(), self.gains["task"].unique()]

    def _draw_scatter(
        self, ax: Any, mean: pd.DataFrame, low: pd.DataFrame, high: pd.DataFrame, kwargs: Any
    ) -> Any:
        if ax is None:
            _, ((ax,),) = style.make_axes(1, 1, (7.4, 5.2))
        points = []
        for position, model in enumerate(mean.index):
            below, above = mean.loc[model] - low.loc[model], high.loc[model] - mean.loc[model]
            look = {
                "label": model,
                "color": style.PALETTE[position % len(style.PALETTE)],
                "marker": _MARKERS[position % len(_MARKERS)],
                "markeredgecolor": "white",
                "markeredgewidth": 0.7,
                "markersize": 9,
                "elinewidth": 1.2,
                "linestyle": "none",
            }
            x, y = mean.loc[model]
            errors = [[[a], [b]] for a, b in zip(below, above, strict=True)]
            look = style.merge_style(look, kwargs, "Line2D")
            points.append(ax.errorbar([x], [y], xerr=errors[0], yerr=errors[1], **look))
        self.points_ = points
        label = f"{self.reference} (reference)"
        (start,) = ax.plot(0, 0, "ko", markerfacecolor="white", markersize=7, zorder=1.5)
        ax.set_xlim(_find_limits(low.iloc[:, 0], high.iloc[:, 0], mean.iloc[:, 0]))
        ax.set_ylim(_find_limits(low.iloc[:, 1], high.iloc[:, 1], mean.iloc[:, 1]))
        _shade_quadrants(ax)
        ax.locator_params(nbins=6)
        ax.set_xlabel(f"gain on {style.shorten(mean.columns[0])}", parse_math=False)
        ax.set_ylabel(f"gain on {style.shorten(mean.columns[1])}", parse_math=False)
        place = {"loc": "center left", "bbox_to_anchor": (1.01, 0.5), "frameon": False}
        title, names = f"bars: {100 * self.confidence:g} % intervals", [label, *mean.index]
        style.add_legend(ax, [start, *points], names, title=title, **place)
        return ax

    def _draw_heat_map(
        self, ax: Any, mean: pd.DataFrame, low: pd.DataFrame, high: pd.DataFrame, kwargs: Any
    ) -> Any:
        values = mean.to_numpy()
        reach = np.nanmax(np.abs(values), initial=0.0) or 1.0
        # A norm that the user passes has its own limits.
        limits = {} if "norm" in kwargs else {"vmin": -reach, "vmax": reach}
        excludes_zero = ((low > 0) | (high < 0)).to_numpy()
        # A colour would be read as a finding.
        shown = np.where(excludes_zero, values, np.where(np.isnan(values), np.nan, 0.0))
        texts = style.format_numbers(values, n_digits=2, sign="+")
        texts[excludes_zero] += "*"
        look, names = {"cmap": "RdBu"} | limits | kwargs, (mean.index, mean.columns)
        self.image_, self.texts_ = style.draw_heat_map(ax, shown, texts, names, "gain", **look)
        for text in self.texts_[excludes_zero]:
            text.set_fontweight("bold")
        # Two lines, which fit above a single column of numbers.
        self.image_.axes.set_title(
            f"gain over {style.shorten(self.reference)}\n"
            f"(* {100 * self.confidence:g} % interval without zero)",
            fontsize="medium",
            parse_math=False,
        )
        return self.image_.axes


def _shade_quadrants(ax: Any) -> None:
    ax.axhline(0, color="black", linewidth=0.8, zorder=1)
    ax.axvline(0, color="black", linewidth=0.8, zorder=1)
    for right, up in product((False, True), repeat=2):
        colour, name = (style.ORANGE, "seesaw")
        if right == up:
            colour, name = (style.BLUE, "both gain") if up else (style.DARK_GREY, "both lose")
        x, y = ax.get_xlim()[right], ax.get_ylim()[up]
        ax.fill([0, x, x, 0], [0, 0, y, y], color=colour, alpha=0.1, linewidth=0, zorder=0)
        place = {"ha": "right" if right else "left", "va": "top" if up else "bottom"}
        look = {"transform": ax.transAxes, "color": style.DARK_GREY, "fontsize": "small"}
        ax.text(0.99 if right else 0.01, 0.98 if up else 0.02, name, **place, **look)


def _find_limits(*series: pd.Series) -> tuple[float, float]:
    """Return the limits of an axis, with margins around the values and on both sides of zero."""
    values = np.concatenate([part.to_numpy(dtype=float) for part in series])
    values = values[np.isfinite(values)]
    reach = np.abs(values).max(initial=0.0) or 1.0
    lowest, highest = values.min(initial=-0.3 * reach), values.max(initial=0.3 * reach)
    return lowest - 0.12 * reach, highest + 0.12 * reach
