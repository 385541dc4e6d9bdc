"""Plot of the gains of tasks over a reference."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from ..utils.checks import check_frame
from ..utils.constraints import check_arguments
from . import style
from .shown import Display

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: The part of a gain by which a cell is coloured if the interval includes zero.
PALE = 0.35


@dataclass(eq=False, repr=False)
class ComparisonDisplay(Display):
    """Heat map of the gains of tasks over a reference.

    There is a row for each task and a column for each model. Cells of undecided gains are pale. A
    column with both colours improves some tasks at the expense of others, which Tang et al. call
    the seesaw phenomenon.

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
    image_ : matplotlib AxesImage
        The heat map.
    texts_ : ndarray of matplotlib Text of shape (n_tasks, n_models)
        The mean gains in the cells, with a star if the interval excludes zero.

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
    >>> [text.get_text() for text in display.texts_.flat]
    ['+0.020*', '−0.020*']
    """

    drawn_by: ClassVar[str] = "the plot method of what compare returns"

    gains: pd.DataFrame
    reference: str = "the reference"
    confidence: float = 0.95

    @check_arguments(ax=style.AXES)
    def plot(self, ax: "Axes | None" = None, **kwargs: Any) -> "ComparisonDisplay":
        """Draw the gains.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            The axes to draw into; None for a new figure.
        **kwargs : dict
            Passed to :meth:`matplotlib.axes.Axes.imshow`.

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
        values = mean.to_numpy()
        reach = np.nanmax(np.abs(values), initial=0.0) or 1.0
        # A norm that the user passes has its own limits.
        limits = {} if "norm" in kwargs else {"vmin": -reach, "vmax": reach}
        excludes_zero = ((low > 0) | (high < 0)).to_numpy()
        # A strong colour would be read as a finding.
        shown = np.where(excludes_zero, values, PALE * values)
        texts = style.format_numbers(values, n_digits=2, sign="+")
        texts[excludes_zero] += "*"
        look, names = {"cmap": "RdBu"} | limits | kwargs, (mean.index, mean.columns)
        self.image_, self.texts_ = style.draw_heat_map(ax, shown, texts, names, "gain", **look)
        for text in self.texts_[excludes_zero]:
            text.set_fontweight("bold")
        # Two lines, which fit above a single column of numbers.
        self.image_.axes.set_title(
            f"gain over {style.shorten(self.reference)}\n"
            f"(* {100 * self.confidence:g} % interval without zero; others pale)",
            fontsize="medium",
            parse_math=False,
        )
        self.ax_, self.figure_ = self.image_.axes, self.image_.axes.figure
        return self

    def _table(self, column: str) -> pd.DataFrame:
        """Return a column of the gains as a table, with a row per task and a column per model."""
        table = self.gains.pivot(index="task", columns="model", values=column)
        return table.loc[self.gains["task"].unique(), self.gains["model"].unique()]
