"""Heat map of the importance of each column for each task."""

from typing import Any

import numpy as np
import pandas as pd

from ..utils.constraints import COUNT, check_arguments
from .importance import MultiTaskImportance, multitask_importance
from .shown import drawn_by
from .style import (
    AXES,
    DARK_GREY,
    import_pyplot,
    label_cells,
    measure_labels,
    shorten,
    write_cells,
)


class ImportanceDisplay:
    """Heat map of the importance of each feature for each task, most important features first.

    A row of the heat map is a column of X or a group of columns. A column of the heat map is a
    task, and the last one is the mean of the tasks. Each number is the drop of the task's score
    when the feature is shuffled. It is in brackets if its confidence interval includes zero.

    It is recommended to use `from_estimator` or `from_importance` to create a display. All
    parameters are stored as attributes.

    Parameters
    ----------
    importance : MultiTaskImportance
        The result of :func:`multitask_importance`.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes of the plot.
    figure_ : matplotlib Figure
        The figure that contains the axes.
    image_ : matplotlib AxesImage
        The heat map.
    texts_ : ndarray of matplotlib Text of shape (n_shown, n_tasks + 1)
        The numbers in the cells of the heat map. With a single task there is no column for the
        mean.

    See Also
    --------
    multitask_importance : Computes the importances.

    Notes
    -----
    Colours follow the square root of the importance, so that small values can be distinguished.
    Importances below zero, which are due to chance, are white. All tasks have the same scale of
    colours: if their metrics have different units, look at the numbers, or draw each task alone.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ple.inspection import (
    ...     ImportanceDisplay,
    ...     MultiTaskImportance,
    ... )
    >>> drops = np.array([[[0.26, 0.24], [0.0, 0.0]], [[0.0, 0.0], [0.1, 0.1]]])
    >>> scores = {"paid": 0.9, "price": 0.5}
    >>> features, tasks = ["age", "sex"], ["paid", "price"]
    >>> found = MultiTaskImportance(features, tasks, drops, scores)
    >>> display = ImportanceDisplay(found).plot()
    >>> display.texts_[0, 0].get_text()
    '0.250'
    """

    @drawn_by("from_estimator", MultiTaskImportance)
    def __init__(self, importance: MultiTaskImportance):
        self.importance = importance

    @classmethod
    @check_arguments(importance=[MultiTaskImportance], max_features=[COUNT, None], ax=AXES)
    def from_importance(
        cls,
        importance: MultiTaskImportance,
        *,
        max_features: int | None = 20,
        ax: Any = None,
        **kwargs: Any,
    ) -> "ImportanceDisplay":
        """Draw importances that have been measured.

        Parameters
        ----------
        importance : MultiTaskImportance
            The result of :func:`multitask_importance`.
        max_features : int or None, default=20
            Largest number of features to draw; None for all.
        ax : matplotlib Axes or None, default=None
            The axes to draw into; None for a new figure.
        **kwargs : dict
            Passed to :meth:`matplotlib.axes.Axes.imshow`.

        Returns
        -------
        display : ImportanceDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If max_features is not an integer of 1 or more.
        ImportError
            If matplotlib is not installed.
        """
        return cls(importance).plot(ax, max_features=max_features, **kwargs)

    @classmethod
    @check_arguments(max_features=[COUNT, None], ax=AXES)
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        max_features: int | None = 20,
        ax: Any = None,
        **kwargs: Any,
    ) -> "ImportanceDisplay":
        """Measure the importances for a fitted estimator and draw them.

        Parameters
        ----------
        estimator : object
            A fitted estimator of this package, alone, as the last step of a pipeline or in a
            search.
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features, preferably of rows that were not used to fit the estimator.
        y : {array-like, DataFrame} of shape (n_samples, n_tasks) or (n_samples,)
            The labels. NaN, None or NA where a task has no label.
        max_features : int or None, default=20
            Largest number of features to draw; None for all.
        ax : matplotlib Axes or None, default=None
            The axes to draw into; None for a new figure.
        **kwargs : dict
            Passed to :func:`multitask_importance`.

        Returns
        -------
        display : ImportanceDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If max_features is less than 1, or if :func:`multitask_importance` raises one.
        ImportError
            If matplotlib is not installed.
        """
        import_pyplot()
        importance = multitask_importance(estimator, X, y, **kwargs)
        return cls.from_importance(importance, max_features=max_features, ax=ax)

    @check_arguments(max_features=[COUNT, None], ax=AXES)
    def plot(
        self, ax: Any = None, *, max_features: int | None = 20, **kwargs: Any
    ) -> "ImportanceDisplay":
        """Draw the importances.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            The axes to draw into; None for a new figure.
        max_features : int or None, default=20
            Largest number of features to draw, those with the highest mean over the tasks; None
            for all. The label of the x-axis states how many are not shown.
        **kwargs : dict
            Passed to :meth:`matplotlib.axes.Axes.imshow`.

        Returns
        -------
        display : ImportanceDisplay
            The display itself.

        Raises
        ------
        ValueError
            If max_features is less than 1.
        ImportError
            If matplotlib is not installed.
        """
        plt = import_pyplot()
        from matplotlib.colors import PowerNorm

        means = self.importance.select(max_features).rename(index=shorten, columns=shorten)
        n_columns = means.shape[1]
        if ax is None:
            right, below = measure_labels(means.columns)
            longest = max(map(len, means.index))
            wide, high = 1.9 + 0.085 * longest + 0.72 * n_columns, 1.5 + 0.27 * len(means)
            size = max(wide, 5.0) + right, max(high, 3.2) + below
            _, ax = plt.subplots(figsize=size, layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        reach = np.nanmax(means.to_numpy(), initial=0.0) or 1.0
        style: dict[str, Any] = {"cmap": "Blues", "aspect": "auto"}
        if "norm" not in kwargs:
            limits: dict[str, Any] = {"vmin": 0, "vmax": reach}
            limits |= {end: kwargs.pop(end) for end in limits if end in kwargs}
            style["norm"] = PowerNorm(0.5, **limits)
        self.image_ = ax.imshow(np.maximum(means, 0), **(style | kwargs))
        texts = self.importance.write(max_features).to_numpy()
        self.texts_ = write_cells(self.image_, texts)
        self._label(means)
        return self

    def _label(self, means: pd.DataFrame) -> None:
        ax, (n_rows, n_columns) = self.ax_, means.shape
        label_cells(ax, means.index, means.columns)
        if n_columns > 1:
            # A gap separates the mean from the tasks.
            ax.axvline(n_columns - 1.5, color="white", linewidth=5)
        rest = len(self.importance.features) - n_rows
        if rest:
            ax.set_xlabel(f"not shown: {rest} that matter less on the mean", color=DARK_GREY)
        if self.importance.importances.shape[2] > 1:
            percent = f"{100 * self.importance.confidence:g} %"
            title = f"in brackets: {percent} interval includes zero"
            ax.set_title(title, fontsize="small", color=DARK_GREY)
        self.figure_.colorbar(self.image_, ax=ax, label="drop of the score")
