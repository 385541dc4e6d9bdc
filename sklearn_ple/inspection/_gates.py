"""What gates make of their experts, as a picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from ._history import _import_pyplot

# Okabe and Ito's colours, which the colour-blind can tell apart; hatches tell more gates apart.
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#999999")
_HATCHES = ("", "////", "....", "xxxx")
_IDLE = 0.1
_COLLAPSED = 0.95
_KEYS = ["level", "expert"]


class GateUtilizationDisplay:
    """How much each gate uses each of its experts, a panel for each level.

    A bar is the mean of an expert's weight over the rows, the line on it the standard deviation.
    An expert has a bar for each gate that reads it, a gate has a colour, and a horizontal mark
    shows the even share: a gate of n experts that has no preference gives each 1 / n. This is the
    figure of expert utilisation of Tang et al.

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
    sklearn_ple.PLEClassifierRegressor.gate_weights : Gives the weights of every row.

    Notes
    -----
    An expert is idle where its mean weight, over the rows and over the gates of its level that
    read it, is below a tenth of the even share of each. A gate with more than one expert collapses
    where its largest weight is above 0.95 on average. A warning names both. If the standard
    deviation is great as well, such a gate sends rows to different experts; if it is small, it
    might as well have one.

    Weights are means over the members of an estimator. Each member has experts of its own, whose
    preferences the mean evens out: for a look at one network take ``n_members=1``.

    A great weight is not all of an expert's influence, which depends on the size of its outputs
    too.

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
    >>> display.utilization[["level", "gate", "expert"]].values.tolist()
    [[1, 'death', 'death 1'], [1, 'death', 'shared 1'], [1, 'wt82_71', 'wt82_71 1'], [1, 'wt82_71', 'shared 1']]
    """

    def __init__(
        self,
        utilization: pd.DataFrame,
        idle: pd.DataFrame | None = None,
        collapsed: pd.DataFrame | None = None,
    ):
        self.utilization = utilization
        self.idle = idle
        self.collapsed = collapsed

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, *, ax: Any = None, **kwargs: Any
    ) -> GateUtilizationDisplay:
        """Draw what the gates of a fitted estimator do with rows, and warn of idle experts.

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
            If an expert is hardly used, or a gate collapses.
        """
        if isinstance(estimator, Pipeline):
            X = estimator[:-1].transform(X) if len(estimator) > 1 else X
            estimator = estimator[-1]
        if not hasattr(estimator, "gate_weights"):
            raise TypeError(
                f"{type(estimator).__name__} has no gates: PLE, CGC and MMoE estimators have."
            )
        weights = estimator.gate_weights(X)
        utilization = _summarise(weights)
        display = cls(utilization, _find_idle(utilization), _find_collapsed(weights))
        display._warn()
        return display.plot(ax, **kwargs)

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
        plt = _import_pyplot()
        places = self._places()
        centres = places.groupby("expert")["centre"].first()
        levels = [rows for _, rows in places.groupby("level")]
        gates = {gate: position for position, gate in enumerate(places["gate"].unique())}
        longest = max(map(len, centres.index))
        breadth = np.clip(0.17 * places["x"].max(), 3.0, 14.0)
        fits = 0.09 * longest < breadth / places["x"].max() * np.diff(np.sort(centres)).min(initial=20)
        if ax is None:
            high = 0.5 + 1.9 * len(levels) + (0 if fits else 0.06 * longest)
            size = (breadth + 2.5, max(high, 1.2 + 0.2 * len(gates)))
            self.figure_ = plt.figure(figsize=size, layout="constrained")
            grid = self.figure_.add_gridspec(len(levels), 1)
        else:
            self.figure_ = ax.figure
            ax.set_axis_off()
            grid = ax.get_subplotspec().subgridspec(len(levels), 1, hspace=0.35)

        axes: list[Any] = []
        self.bars_ = []
        for position, rows in enumerate(levels):
            shared = {"sharex": axes[0], "sharey": axes[0]} if axes else {}
            panel = self.figure_.add_subplot(grid[position], **shared)
            self.bars_.append(self._draw(panel, rows, gates, kwargs))
            panel.set_title(f"level {rows['level'].iloc[0]}", fontsize="medium")
            panel.set_ylabel("weight")
            panel.tick_params(axis="x", length=0, labelbottom=position == len(levels) - 1)
            axes.append(panel)
        self.axes_ = np.array(axes)
        # Standard deviations may reach below zero, weights cannot.
        axes[0].set_ylim(0, 1.05 * (places["mean"] + places["std"]).max())
        axes[0].set_xlim(-0.5, places["x"].max() + 1.0)
        turned = {} if fits else {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
        axes[-1].set_xticks(centres, centres.index, **turned)
        return self
