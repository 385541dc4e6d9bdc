"""A picture of a blend: the weight of each estimator, and the scores."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from ..utils.checks import check_frame
from ..utils.constraints import ESTIMATOR, check_arguments
from .shown import Display
from .style import BLUE, PALETTE, add_legend, make_axes, merge_style, shorten


@dataclass(eq=False, repr=False)
class BlendDisplay(Display):
    """The weight of each estimator in a blend, and what each of them scores, for each task.

    Left, a bar shows how the weights of a task are divided. Right, points show the scores of the
    estimators and of the blend on out-of-fold predictions, as differences from the blend's.

    It is recommended to use `from_estimator` to create a display. All parameters are stored as
    attributes.

    Parameters
    ----------
    weights : DataFrame of shape (n_tasks, n_estimators)
        The ``weights_`` of a blend.
    scores : DataFrame of shape (n_tasks, n_estimators + 1)
        Its ``scores_``, of which the last column is that of the blend.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes of shape (2,)
        The axes of the weights and of the scores.
    figure_ : matplotlib Figure
        The figure.

    See Also
    --------
    sklearn_ple.ensemble.BlendClassifierRegressor : The blend.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> from sklearn_ple.datasets import make_multitask
    >>> from sklearn_ple.ensemble import (
    ...     BlendClassifierRegressor,
    ...     PerTaskClassifierRegressor,
    ... )
    >>> from sklearn_ple.inspection import BlendDisplay
    >>> X, y = make_multitask(200, random_state=0)
    >>> linear = PerTaskClassifierRegressor(regressor=Ridge())
    >>> tree = PerTaskClassifierRegressor(regressor=DecisionTreeRegressor())
    >>> blend = BlendClassifierRegressor([("linear", linear), ("tree", tree)])
    >>> BlendDisplay.from_estimator(blend.fit(X, y)).weights.columns.tolist()
    ['linear', 'tree']
    """

    weights: pd.DataFrame
    scores: pd.DataFrame

    @classmethod
    @check_arguments(estimator=[ESTIMATOR])
    def from_estimator(cls, estimator: Any, **kwargs: Any) -> "BlendDisplay":
        """Draw the weights and scores of a fitted blend.

        Parameters
        ----------
        estimator : BlendClassifierRegressor
            The fitted blend.
        **kwargs : dict
            Passed to :meth:`matplotlib.axes.Axes.barh` for every estimator.

        Returns
        -------
        display : BlendDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If the estimator is not a blend.
        NotFittedError
            If it is not fitted.
        ImportError
            If matplotlib is not installed.
        """
        check_is_fitted(estimator)
        if not hasattr(estimator, "weights_") or not hasattr(estimator, "scores_"):
            raise TypeError(
                f"{type(estimator).__name__} has no weights_ and scores_: pass a fitted "
                "BlendClassifierRegressor."
            )
        return cls(estimator.weights_, estimator.scores_).plot(**kwargs)

    def plot(self, **kwargs: Any) -> "BlendDisplay":
        """Draw the weights and the scores.

        Parameters
        ----------
        **kwargs : dict
            Passed to :meth:`matplotlib.axes.Axes.barh` for every estimator.

        Returns
        -------
        display : BlendDisplay
            The display itself.

        Raises
        ------
        ValueError
            If ``scores`` lacks a column.
        ImportError
            If matplotlib is not installed.
        """
        names = list(self.weights.columns)
        check_frame("scores", self.scores, names)
        tasks = [shorten(task) for task in self.weights.index]
        rows = np.arange(len(tasks))
        self.figure_, (self.axes_,) = make_axes(1, 2, (9, 1.5 + 0.32 * len(tasks)), sharey=True)
        bars, points = self.axes_
        left, handles = np.zeros(len(tasks)), []
        for place, name in enumerate(names):
            style = {"color": PALETTE[place % len(PALETTE)], "height": 0.7}
            style = merge_style(style, kwargs, "Rectangle")
            handles.append(bars.barh(rows, self.weights[name], left=left, **style))
            left += self.weights[name].to_numpy()
            differences = self.scores[name] - self.scores.iloc[:, -1]
            points.plot(differences, rows, "o", color=style.get("color", BLUE))
        bars.set_yticks(rows, tasks, parse_math=False)
        bars.set_ylim(len(tasks) - 0.5, -0.5)
        bars.set_xlim(0, 1)
        bars.set_xlabel("weight in the blend")
        points.axvline(0, color="black", linewidth=0.8)
        points.set_xlabel("score minus that of the blend,\non rows left out in training")
        points.margins(x=0.15)
        points.locator_params(axis="x", nbins=6)
        for axes in self.axes_:
            axes.spines[["top", "right"]].set_visible(False)
            axes.tick_params(axis="y", length=0)
        look = {"loc": "outside upper left", "ncols": 4, "frameon": False}
        add_legend(self.figure_, handles, names, **look)
        return self
