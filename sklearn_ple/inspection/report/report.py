"""How well a model of many tasks predicts, as a page to share."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from ...files import replacing
from ...metrics.scores import check_task_names
from ...metrics.views import scored_tasks
from ...predictions import tasks_of
from ..gain import MTLGain
from ..importance import MultiTaskImportance
from ..style import import_pyplot
from .importance import check_importance, measured_importance
from .panels import Observed, panels_of
from .scores import ALONE, TOGETHER, score_by_bootstrap

_MOST_NAMED = 6


class MultiTaskReport:
    """How well a fitted estimator predicts each task: scores, pictures, and a page to share.

    It is recommended to use `from_estimator` to create a report. All parameters are stored as
    attributes.

    Parameters
    ----------
    estimator : object
        A fitted estimator of this package, alone, as a pipeline's last step or in a search.
    X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        The features, of rows that it was not fitted on.
    y : {array-like, DataFrame} of shape (n_samples, n_tasks) or (n_samples,)
        The labels. NaN, None or NA where a task has no label.
    scores : DataFrame
        A row for every task, with the columns ``task``, ``kind``, ``metric``, ``labels`` (how many
        there are), ``score``, ``low`` and ``high``: the bounds of its confidence interval.
    gain : MTLGain or None, default=None
        What the tasks gain or lose over being learnt alone.
    confidence : float, default=0.95
        The confidence of the intervals.
    importance : MultiTaskImportance or None, default=None
        Which columns matter to which task.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes of shape (n_tasks, 2)
        The pictures, after `plot`: a row for every task.
    figure_ : matplotlib Figure
        The figure that holds them.

    See Also
    --------
    sklearn_ple.metrics.multitask_scores : The scores alone.
    mtl_gain : Gains over repeated fits.
    multitask_importance : Which columns matter.

    Examples
    --------
    >>> from sklearn_ple import PLEClassifierRegressor
    >>> from sklearn_ple.datasets import load_nhefs
    >>> from sklearn_ple.inspection import MultiTaskReport
    >>> from sklearn_ple.model_selection import train_test_split
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    >>> model = PLEClassifierRegressor(n_members=1, max_epochs=5, random_state=0)
    >>> report = MultiTaskReport.from_estimator(
    ...     model.fit(X_train, y_train), X_test, y_test, n_bootstrap=50, random_state=0
    ... )
    >>> report
    <MultiTaskReport of PLEClassifierRegressor on 408 rows: scores, importance of 2 tasks
    (death, wt82_71)>
    >>> report.scores[["task", "kind", "metric"]].values.tolist()
    [['death', 'binary', 'roc_auc'], ['wt82_71', 'regression', 'r2']]
    >>> report.to_html("report.html")  # doctest: +SKIP
    """

    axes_: np.ndarray
    figure_: Any

    def __init__(
        self,
        estimator: Any,
        X: Any,
        y: Any,
        scores: pd.DataFrame,
        gain: MTLGain | None = None,
        confidence: float = 0.95,
        importance: MultiTaskImportance | None = None,
    ):
        self.estimator = estimator
        self.X = X
        self.y = y
        self.scores = scores
        self.gain = gain
        self.confidence = confidence
        self.importance = importance

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        metrics: Any = None,
        single_task: Any = None,
        importance: Any = "auto",
        n_bootstrap: int = 200,
        confidence: float = 0.95,
        random_state: Any = None,
    ) -> MultiTaskReport:
        """Score a fitted estimator, with intervals.

        Parameters
        ----------
        estimator : object
            A fitted estimator of this package, alone, as a pipeline's last step or in a search.
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features, of rows that it was not fitted on.
        y : {array-like, DataFrame} of shape (n_samples, n_tasks) or (n_samples,)
            The labels. NaN, None or NA where a task has no label.
        metrics : str, callable, dict or None, default=None
            What to score by, as in :func:`sklearn_ple.metrics.multitask_scores`.
        single_task : estimator, MTLGain or None, default=None
            To show which tasks lose because they are learnt together: a fitted estimator that
            shares nothing, such as :class:`sklearn_ple.SingleTaskClassifierRegressor`, which is
            scored on the same rows, or a result of :func:`mtl_gain`.
        importance : "auto", bool or MultiTaskImportance, default="auto"
            Which columns matter: a result of :func:`multitask_importance`, or whether to measure
            it, with three repeats on at most a thousand rows. "auto" measures it for up to a
            hundred columns.
        n_bootstrap : int, default=200
            Number of resamples for an interval.
        confidence : float, default=0.95
            Confidence of the intervals, between 0 and 1.
        random_state : int, RandomState instance or None, default=None
            Determines which rows are drawn, and how columns are shuffled.

        Returns
        -------
        report : MultiTaskReport
            The report.

        Raises
        ------
        ValueError
            If a parameter is invalid, if single_task or importance has other tasks, or for the
            reasons of :func:`sklearn_ple.metrics.multitask_scores`.
        NotFittedError
            If an estimator is not fitted.

        Warns
        -----
        UndefinedMetricWarning
            If a task has too few labels for its metric, or labels of one class only. Its score is
            NaN.

        Notes
        -----
        The intervals are percentiles of the scores on resamples of the labelled rows of a task,
        drawn with replacement. Resamples without a score, because a class is missing, do not
        count. Intervals of the gains over an estimator are percentiles of the differences on the
        same resamples. All show the effect of the choice of rows, but not that of another
        training: for this, see :func:`mtl_gain`.
        """
        if n_bootstrap < 1:
            raise ValueError(f"n_bootstrap must be 1 or more, not {n_bootstrap}.")
        if not 0 < confidence < 1:
            raise ValueError(f"confidence must be between 0 and 1, not {confidence}.")
        systems = {TOGETHER: scored_tasks(estimator, X, y)}
        names = [task.name for task in systems[TOGETHER]]
        check_importance(importance, names)
        measured = isinstance(single_task, MTLGain)
        if measured:
            check_task_names("single_task", single_task.gains["task"], names)
        elif single_task is not None:
            systems[ALONE] = scored_tasks(single_task, X, y)
            check_task_names("single_task", [task.name for task in systems[ALONE]], names)
        rng = check_random_state(random_state)
        scores, gain = score_by_bootstrap(systems, metrics, n_bootstrap, confidence, rng)
        found = measured_importance(importance, estimator, X, y, metrics, confidence, rng)
        return cls(estimator, X, y, scores, single_task if measured else gain, confidence, found)

    def __repr__(self) -> str:
        """Say in a line what it is a report of, and what it holds."""
        tasks = self.scores["task"].tolist()
        named = ", ".join(tasks[:_MOST_NAMED]) + (", …" if len(tasks) > _MOST_NAMED else "")
        held = ["scores", *(part for part in ("gain", "importance") if getattr(self, part))]
        return (
            f"<{type(self).__name__} of {type(tasks_of(self.estimator)).__name__} on "
            f"{len(self.y):,} rows: {', '.join(held)} of {len(tasks)} "
            f"task{'s' if len(tasks) > 1 else ''} ({named})>"
        )

    def plot(self) -> MultiTaskReport:
        """Draw two pictures for each task.

        A task with classes has its ROC curve and its calibration curve, of more than two classes
        one of each (at most the six most frequent) against the rest. A number has the predicted
        against the actual values, and the residuals.

        Returns
        -------
        report : MultiTaskReport
            The report itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        plt = import_pyplot()
        tasks = scored_tasks(self.estimator, self.X, self.y)
        rows = [panels_of(Observed.of(task)) for task in tasks]
        heights = [max(panel.height for panel in row) for row in rows]
        self.figure_, self.axes_ = plt.subplots(
            len(tasks),
            2,
            figsize=(9.0, sum(heights)),
            height_ratios=heights,
            layout="constrained",
            squeeze=False,
        )
        for axes, row, task in zip(self.axes_, rows, tasks, strict=True):
            for ax, panel in zip(axes, row, strict=True):
                panel.draw(ax)
                ax.set_title(f"{task.name}: {panel.title}", fontsize="medium", parse_math=False)
        return self

    def to_html(self, path: str | os.PathLike[str], *, title: str = "Model report") -> None:
        """Write the report as one HTML file.

        The file holds everything: pictures and style are in it, there is no script, and nothing is
        loaded from elsewhere. Beside the scores and pictures it describes the data, missing
        labels, calibration, which columns matter, training, gates, gains, parameters and versions.
        It has no row of the table in it, but points of single rows where numbers are drawn.

        Parameters
        ----------
        path : str or path-like
            The file to write, by custom with the ending ".html". An existing file is replaced once
            the page is complete.
        title : str, default="Model report"
            The page's title.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        import_pyplot()
        # It imports matplotlib, which the scores do without.
        from .html import report_html

        with replacing(path) as file:
            file.write_text(report_html(self, title), encoding="utf-8")
