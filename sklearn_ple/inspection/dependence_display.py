"""A picture of which targets still go together once the features are known."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..utils.constraints import ESTIMATOR, NOT_NEGATIVE, check_arguments
from ..utils.inner import tasks_of
from .shown import Display
from .style import AXES, draw_heat_map, format_numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(eq=False, repr=False)
class DependenceDisplay(Display):
    """Which tasks still go together once the features are known, and which gain by it.

    A cell is the correlation of two tasks, whose errors on rows apart go together: if one label is
    higher than predicted, the other is higher, too (or lower, if the correlation is negative). For
    classes, the second of two classes is the higher one. With three or more classes without an
    order a correlation has no sign. The last column, the gain, is how much more probable the other
    labels of a row make a label, in bits; 0 if this may be chance.

    It is recommended to use `from_estimator` to create a display. All parameters are stored as
    attributes.

    Parameters
    ----------
    dependence : DataFrame of shape (n_tasks, n_tasks)
        The ``dependence_`` of an estimator.
    gains : Series of shape (n_tasks,)
        The ``dependence_gains_`` of an estimator.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes of the heat map.
    figure_ : matplotlib Figure
        The figure.
    image_ : matplotlib AxesImage
        The heat map.
    texts_ : ndarray of matplotlib Text of shape (n_tasks, n_tasks + 1)
        The numbers in the cells.

    Examples
    --------
    >>> from sklearn_ple import PLEClassifierRegressor
    >>> from sklearn_ple.datasets import load_nhefs
    >>> from sklearn_ple.inspection import DependenceDisplay
    >>> X, y = load_nhefs(tasks=["sbp", "dbp"], return_X_y=True)
    >>> model = PLEClassifierRegressor(
    ...     n_members=1, max_epochs=2, random_state=0
    ... ).fit(X, y)
    >>> display = DependenceDisplay.from_estimator(model)
    >>> bool(display.dependence.loc["sbp", "dbp"] > 0.4)
    True
    """

    dependence: pd.DataFrame
    gains: pd.Series

    @classmethod
    @check_arguments(estimator=[ESTIMATOR], ax=AXES)
    def from_estimator(
        cls, estimator: Any, *, ax: "Axes | None" = None, **kwargs: Any
    ) -> "DependenceDisplay":
        """Draw the dependence of the tasks of a fitted estimator.

        Parameters
        ----------
        estimator : object
            A fitted estimator of this package, alone, as the last step of a pipeline or in a
            search.
        ax : matplotlib Axes or None, default=None
            The axes to draw into; None for a new figure.
        **kwargs : dict
            Passed to :meth:`matplotlib.axes.Axes.imshow`.

        Returns
        -------
        display : DependenceDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If there is only one task.
        AttributeError
            If it is not known how the tasks depend on each other, for example after a fit without
            validation rows.
        ImportError
            If matplotlib is not installed.
        """
        fitted = tasks_of(estimator)
        if len(fitted.task_names_) == 1:
            raise ValueError(
                f"{fitted.task_names_[0]!r} is the only task: the dependence needs two or more."
            )
        return cls(fitted.dependence_, fitted.dependence_gains_).plot(ax, **kwargs)

    @check_arguments(least=[NOT_NEGATIVE])
    def find_pairs(self, least: float = 0.2) -> list[tuple[str, str, float]]:
        """Return pairs of tasks that go together, the strongest first.

        Parameters
        ----------
        least : float, default=0.2
            The least size of a correlation.

        Returns
        -------
        pairs : list of (str, str, float)
            The names of both tasks, and their correlation.
        """
        table = self.dependence.to_numpy()
        places = np.argwhere(np.triu(np.abs(table) >= least, k=1)).tolist()
        names = list(self.dependence.index)
        places.sort(key=lambda place: -abs(table[tuple(place)]))
        return [(names[i], names[j], float(table[i, j])) for i, j in places]

    @check_arguments(ax=AXES)
    def plot(self, ax: "Axes | None" = None, **kwargs: Any) -> "DependenceDisplay":
        """Draw the dependence.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            The axes to draw into; None for a new figure.
        **kwargs : dict
            Passed to :meth:`matplotlib.axes.Axes.imshow`.

        Returns
        -------
        display : DependenceDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        names, table = list(self.dependence.index), self.dependence.to_numpy()
        # A task with itself says nothing, and gains have another scale.
        shown = np.where(np.eye(len(table), dtype=bool), np.nan, table)
        cells = np.column_stack([shown, np.full(len(table), np.nan)])
        texts = np.full(cells.shape, "", dtype=object)
        texts[:, :-1] = np.where(np.isnan(shown), "", format_numbers(shown, n_digits=2))
        bits = format_numbers(self.gains.to_numpy()[:, np.newaxis], n_digits=2)[:, 0]
        texts[:, -1] = np.where(self.gains > 0, bits, "none")
        style = {"cmap": "RdBu", "vmin": -1, "vmax": 1} | kwargs
        axes, label = (names, [*names, "gain (bits)"]), "correlation given the features"
        self.image_, self.texts_ = draw_heat_map(ax, cells, texts, axes, label, **style)
        self.ax_, self.figure_ = self.image_.axes, self.image_.axes.figure
        self.ax_.axvline(len(names) - 0.5, color="white", linewidth=5)
        return self
