"""Permutation importance of columns, for all tasks at once: what users call and see."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from ..metrics import multitask_scores
from ..metrics.views import Metrics
from ..utils._sklearn import StrOptions
from ..utils.constraints import BETWEEN_0_AND_1, COUNT, ESTIMATOR, N_JOBS, check_arguments
from ..utils.inner import tasks_of
from ..utils.types import RandomStateLike
from .column_groups import to_table
from .importance_map import FEW_TASKS, draw_importances
from .permutation import draw_orders, list_features, measure_drops
from .shown import Contents, Display, Result
from .style import AXES, DARK_GREY, format_numbers, import_pyplot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Name of the mean over the tasks in tables of tasks.
MEAN = "mean of tasks"
_N_SHOWN = 10


@dataclass(frozen=True, eq=False, repr=False)
class MultiTaskImportance(Result):
    """Importance of each feature for each task, as returned by :func:`multitask_importance`.

    Consoles and notebooks show the features that matter most.

    Parameters
    ----------
    features : list
        Names of the columns or of the groups of columns, in the order of X or of the groups.
    tasks : list of str
        Names of the tasks.
    importances : ndarray of shape (n_features, n_tasks, n_repeats)
        Drop of the task's score when the feature was shuffled; NaN for a task without a score.
    scores : dict of str to float
        The score of every task by its name, with nothing shuffled.
    confidence : float, default=0.95
        The confidence of the intervals.

    See Also
    --------
    multitask_importance : Computes the importances.
    ImportanceDisplay : Draws the importances.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ple.inspection import MultiTaskImportance
    >>> drops = np.array([[[0.3, 0.2], [0.0, 0.0]], [[0.0, 0.0], [0.1, 0.1]]])
    >>> scores = {"paid": 0.9, "price": 0.5}
    >>> features, tasks = ["age", "sex"], ["paid", "price"]
    >>> found = MultiTaskImportance(features, tasks, drops, scores)
    >>> found.importances_mean
         paid  price  mean of tasks
    age  0.25    0.0          0.125
    sex  0.00    0.1          0.050
    """

    features: list[Any]
    tasks: list[str]
    importances: np.ndarray
    scores: dict[str, float]
    confidence: float = 0.95

    @property
    def importances_mean(self) -> pd.DataFrame:
        """Means over the repeats, with a row for each feature and a column for each task."""
        return self._table(self._with_mean().mean(axis=2))

    @property
    def importances_std(self) -> pd.DataFrame:
        """Standard deviations over the repeats, in the form of the means."""
        return self._table(self._with_mean().std(axis=2))

    @property
    def frame(self) -> pd.DataFrame:
        """All importances as a tidy table.

        There is a row for every feature and task, and for every feature and the mean of the tasks.
        The columns are ``feature``, ``task``, ``mean`` and ``std`` (over the repeats), and ``low``
        and ``high``, the bounds of the confidence interval of the mean.
        """
        drops = self._with_mean()
        n_features, n_tasks, _ = drops.shape
        mean = drops.mean(axis=2)
        half = self._half_widths(drops)
        columns = {"mean": mean, "std": drops.std(axis=2), "low": mean - half, "high": mean + half}
        about = {
            "feature": [name for name in self.features for _ in range(n_tasks)],
            "task": [*self.tasks, MEAN] * n_features,
        }
        return pd.DataFrame(about | {name: values.ravel() for name, values in columns.items()})

    @property
    def order(self) -> np.ndarray:
        """Positions of the features, from the highest to the lowest mean over the tasks."""
        return np.argsort(-self.importances_mean.to_numpy()[:, -1], kind="stable")

    @check_arguments(n_most=[COUNT, None])
    def select(self, n_most: int | None = None) -> pd.DataFrame:
        """Return the means of the features that matter most, in this order.

        Parameters
        ----------
        n_most : int or None, default=None
            Largest number of features; None for all.

        Returns
        -------
        means : DataFrame of shape (n_features, n_tasks + 1)
            The means. With a single task there is no column for the mean of the tasks.
        """
        n_columns = len(self.tasks) + (len(self.tasks) > 1)
        return self.importances_mean.iloc[self.order[:n_most], :n_columns]

    @check_arguments(n_most=[COUNT, None])
    def write(self, n_most: int | None = None) -> pd.DataFrame:
        """Write the means of the features that matter most, in this order.

        Parameters
        ----------
        n_most : int or None, default=None
            Largest number of features; None for all.

        Returns
        -------
        texts : DataFrame of shape (n_features, n_tasks + 1)
            The means as texts, in brackets if their interval includes zero.
        """
        means = self.select(n_most)
        half_widths = self._half_widths(self._with_mean())[self.order[:n_most], : means.shape[1]]
        texts = pd.DataFrame(format_numbers(means.to_numpy(), n_digits=3), *means.axes)
        return texts.mask(np.abs(means) <= half_widths, "(" + texts + ")")

    def plot(self, **kwargs: Any) -> Any:
        """Draw the importances.

        Parameters
        ----------
        **kwargs : dict
            Passed to :meth:`ImportanceDisplay.plot`.

        Returns
        -------
        display : ImportanceDisplay
            The display.
        """
        return ImportanceDisplay(self).plot(**kwargs)

    def _contents(self) -> Contents:
        n_repeats, n_more = self.importances.shape[2], len(self.features) - _N_SHOWN
        times = "once" if n_repeats == 1 else f"{n_repeats} times"
        caption = f"Drop of each task's score when a column is shuffled, {times}"
        sentences = ["In brackets: the interval includes zero."] if n_repeats > 1 else []
        if n_more > 0:
            sentences.append(f"Not shown: {n_more} that matter less on the mean.")
        return caption, self.write(_N_SHOWN), sentences

    def _table(self, values: np.ndarray) -> pd.DataFrame:
        return pd.DataFrame(values, index=self.features, columns=[*self.tasks, MEAN])

    def _with_mean(self) -> np.ndarray:
        """Add the mean over the tasks that have a score, after the last task."""
        mean = np.ma.masked_invalid(self.importances).mean(axis=1, keepdims=True)
        return np.concatenate([self.importances, mean.filled(np.nan)], axis=1)

    def _half_widths(self, drops: np.ndarray) -> np.ndarray:
        """Compute half the widths of Student's t intervals of the means over the repeats."""
        n_repeats = drops.shape[2]
        if n_repeats < 2:
            return np.full(drops.shape[:2], np.nan)
        error = drops.std(axis=2, ddof=1) / np.sqrt(n_repeats)
        return error * stats.t.ppf((1 + self.confidence) / 2, n_repeats - 1)


@check_arguments(
    estimator=[ESTIMATOR],
    n_repeats=[COUNT],
    confidence=[BETWEEN_0_AND_1],
    n_jobs=N_JOBS,
    random_state=["random_state"],
    verbose=["verbose"],
)
def multitask_importance(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    metrics: Metrics = None,
    n_repeats: int = 5,
    groups_of_columns: Any = None,
    sample_weight: ArrayLike | None = None,
    confidence: float = 0.95,
    n_jobs: int | None = None,
    random_state: RandomStateLike = None,
    verbose: int = 0,
) -> MultiTaskImportance:
    """Measure how much the score of each task drops when the values of a column are shuffled.

    This is permutation importance (Breiman) for all tasks at once: each shuffled table is
    predicted once, and all tasks are scored on the predictions.

    Parameters
    ----------
    estimator : object
        A fitted estimator of this package, alone, as the last step of a pipeline or in a search.
        The columns of a pipeline are those of the X that is passed to it.
    X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        The features, preferably of rows that were not used to fit the estimator.
    y : {array-like, DataFrame} of shape (n_samples, n_tasks) or (n_samples,)
        The labels. NaN, None or NA where a task has no label.
    metrics : str, callable, dict or None, default=None
        The metrics of the scores, as in :func:`sklearn_ple.metrics.multitask_scores`.
    n_repeats : int, default=5
        Number of times that each feature is shuffled; at least 1.
    groups_of_columns : dict or None, default=None
        Columns that are shuffled together: a dict from the name of a group to its columns, by name
        or position, or to a single column. Only these groups are measured, and a column may be in
        several of them. With None, each column is measured by itself.
    sample_weight : array-like of shape (n_samples,) or (n_samples, n_tasks), default=None
        Weights of the rows, or of every single label, in the scores.
    confidence : float, default=0.95
        Confidence of the intervals, between 0 and 1.
    n_jobs : int or None, default=None
        Number of features that are measured at the same time, in threads; see
        :class:`joblib.Parallel`.
    random_state : int, RandomState instance or None, default=None
        Determines how rows are shuffled.
    verbose : int, default=0
        Whether to show a progress bar.

    Returns
    -------
    importance : MultiTaskImportance
        The drops of the scores by feature, task and repeat, with means and intervals.

    Raises
    ------
    ValueError
        If predictions are passed instead of an estimator, if n_repeats or confidence is out of
        range, if a group is empty or names a column that X does not have, or if
        :func:`sklearn_ple.metrics.multitask_scores` raises one.
    TypeError
        If groups_of_columns is not a dict.
    NotFittedError
        If the estimator is not fitted.

    Warns
    -----
    UndefinedMetricWarning
        If a task has too few labels for its metric. Its importances are NaN, and the mean is that
        of the other tasks.

    See Also
    --------
    ImportanceDisplay : Draws the importances.
    sklearn.inspection.permutation_importance : The same for a single score.

    Notes
    -----
    The importance of a feature for a task is the score of the task minus its score with the values
    of the feature shuffled. The importance for the mean of the tasks is the mean of these drops.
    With the same int as ``random_state``, rows are shuffled as by
    :func:`sklearn.inspection.permutation_importance`, in the same way for all features.

    The intervals are Student's t intervals of the mean over the repeats. They reflect only the
    randomness of shuffling, and become narrower with ``n_repeats``. They do not show how the
    importances would change with other rows or another training.

    A small importance does not prove that a column contains no information. If another column
    contains nearly the same information, the model may need only one of them. Measure such columns
    as a group to see their joint importance. The table is predicted ``n_features * n_repeats``
    times, with both ``predict_proba`` and ``predict`` if some tasks have classes and others are
    numbers.

    References
    ----------
    L. Breiman. "Random Forests". Machine Learning 45, 2001.

    Examples
    --------
    >>> from sklearn_ple import PLEClassifierRegressor
    >>> from sklearn_ple.datasets import load_nhefs
    >>> from sklearn_ple.inspection import multitask_importance
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> model = PLEClassifierRegressor(
    ...     n_members=1, max_epochs=5, random_state=0
    ... ).fit(X[:600], y[:600])
    >>> groups = {
    ...     "age": "age",
    ...     "smoking": ["smokeintensity", "smokeyrs"],
    ...     "sex": "sex",
    ... }
    >>> found = multitask_importance(
    ...     model, X, y, groups_of_columns=groups, n_repeats=2, random_state=0
    ... )
    >>> found.importances_mean["death"].idxmax()
    'age'
    """
    tasks_of(estimator)
    X = to_table(X)
    features = list_features(X, groups_of_columns)
    score = partial(multitask_scores, estimator, y=y, metrics=metrics, sample_weight=sample_weight)
    scores = score(X=X)
    orders = draw_orders(X.shape[0], n_repeats, random_state)
    drops = measure_drops(score, X, features, orders, scores, n_jobs, verbose)
    return MultiTaskImportance(
        [name for name, _ in features], list(scores), drops, scores, confidence
    )


@dataclass(eq=False, repr=False)
class ImportanceDisplay(Display):
    """Heat map of the importance of each feature for each task, most important features first.

    A row of the heat map is a column of X or a group of columns. A column of the heat map is a
    task, and the last one is the mean of the tasks. If there are ten tasks or more, and more than
    features, it is the other way round, so that the picture fits into a page. Each number is the
    drop of the task's score when the feature is shuffled. It is in brackets if its confidence
    interval includes zero.

    It is recommended to use `from_estimator`, or the method ``plot`` of what
    :func:`multitask_importance` returns. All parameters are stored as attributes.

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
        The numbers in the cells of the heat map, by feature and task, also where many tasks are
        its rows. With a single task there is no column for the mean.

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

    importance: MultiTaskImportance

    @classmethod
    @check_arguments(max_features=[COUNT, None, StrOptions({"auto"})], ax=AXES)
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        max_features: int | str | None = "auto",
        ax: "Axes | None" = None,
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
        max_features : int, None or "auto", default="auto"
            Largest number of features to draw, as in `plot`.
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
        return cls(importance).plot(ax, max_features=max_features)

    @check_arguments(max_features=[COUNT, None, StrOptions({"auto"})], ax=AXES)
    def plot(
        self, ax: "Axes | None" = None, *, max_features: int | str | None = "auto", **kwargs: Any
    ) -> "ImportanceDisplay":
        """Draw the importances.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            The axes to draw into; None for a new figure.
        max_features : int, None or "auto", default="auto"
            Largest number of features to draw, those with the highest mean over the tasks; None
            for all; "auto" for 20 or, with ten tasks or more, 10. The label of the x-axis states
            how many are not shown.
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
        if isinstance(max_features, str):
            max_features = 20 if len(self.importance.tasks) <= FEW_TASKS else 10
        means, texts = self.importance.select(max_features), self.importance.write(max_features)
        self.image_, self.texts_ = draw_importances(ax, means, texts.to_numpy(), **kwargs)
        self.ax_, self.figure_ = self.image_.axes, self.image_.axes.figure
        if rest := len(self.importance.features) - len(means):
            label = f"not shown: {rest} that matter less on the mean"
            self.ax_.set_xlabel(label, color=DARK_GREY)
        if self.importance.importances.shape[2] > 1:
            percent = f"{100 * self.importance.confidence:g} %"
            title = f"in brackets: {percent} interval includes zero"
            self.ax_.set_title(title, fontsize="small", color=DARK_GREY)
        return self
