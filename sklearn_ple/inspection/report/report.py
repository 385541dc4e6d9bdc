"""Report on how well a fitted estimator predicts each task."""

import os
import textwrap
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from ...metrics.scored_tasks import read_tasks
from ...metrics.views import Metrics
from ...tasks import check_task_names
from ...utils._sklearn import StrOptions
from ...utils.constraints import BETWEEN_0_AND_1, COUNT, ESTIMATOR, PATH, check_arguments
from ...utils.files import replacing
from ...utils.inner import tasks_of
from ...utils.types import RandomStateLike
from .. import style
from ..comparison import Comparison
from ..importance import MultiTaskImportance
from ..shown import Contents, Result
from .measured import MAX_COLUMNS, measure_importance, score_by_bootstrap
from .observed import Observed
from .panels import HEIGHT, make_panels


@dataclass(eq=False, repr=False)
class MultiTaskReport(Result):
    """Report on how well a fitted estimator predicts each task: scores, plots and an HTML page.

    It is recommended to use `from_estimator` to create a report. All parameters are stored as
    attributes.

    Parameters
    ----------
    estimator : object
        A fitted estimator of this package, alone, as the last step of a pipeline or in a search.
    X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        The features, of rows that were not used to fit the estimator.
    y : {array-like, DataFrame} of shape (n_samples, n_tasks) or (n_samples,)
        The labels. NaN, None or NA where a task has no label.
    scores : DataFrame
        A row for every task, with the columns ``task``, ``kind``, ``metric``, ``labels`` (their
        number), ``score``, and ``low`` and ``high``, the bounds of the confidence interval.
    gain : Comparison or None, default=None
        The difference of each task's score from that of a model that learns the task alone.
    confidence : float, default=0.95
        The confidence of the intervals.
    importance : MultiTaskImportance or None, default=None
        The importance of each column for each task.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes of shape (n_tasks, 2)
        The axes that `plot` has drawn, with a row for every task.
    figure_ : matplotlib Figure
        The figure that contains the axes.

    See Also
    --------
    sklearn_ple.metrics.multitask_scores : Computes only the scores.
    compare : Computes gains over repeated fits.
    multitask_importance : Computes the importance of each column for each task.

    Examples
    --------
    >>> from sklearn_ple import PLEClassifierRegressor
    >>> from sklearn_ple.datasets import load_nhefs
    >>> from sklearn_ple.inspection import MultiTaskReport
    >>> from sklearn_ple.model_selection import train_test_split
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(
    ...     X, y, random_state=0
    ... )
    >>> model = PLEClassifierRegressor(n_members=1, max_epochs=1)
    >>> model = model.fit(X_train[:200], y_train[:200])
    >>> report = MultiTaskReport.from_estimator(
    ...     model, X_test, y_test, importance=False
    ... )
    >>> print(str(report).splitlines()[0])
    Scores of PLEClassifierRegressor on 408 rows, with 95 % intervals:
    >>> report.scores[["task", "kind", "metric"]].values.tolist()
    [['death', 'binary', 'roc_auc'], ['wt82_71', 'regression', 'r2']]
    >>> report.to_html("report.html")  # doctest: +SKIP
    """

    estimator: Any
    X: Any
    y: Any
    scores: pd.DataFrame
    gain: Comparison | None = None
    confidence: float = 0.95
    importance: MultiTaskImportance | None = None

    @classmethod
    @check_arguments(
        estimator=[ESTIMATOR],
        single_task=[ESTIMATOR, Comparison, None],
        importance=[StrOptions({"auto"}), "boolean", MultiTaskImportance],
        n_bootstrap=[COUNT],
        confidence=[BETWEEN_0_AND_1],
        random_state=["random_state"],
    )
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        metrics: Metrics = None,
        single_task: Any = None,
        importance: Any = "auto",
        n_bootstrap: int = 200,
        confidence: float = 0.95,
        random_state: RandomStateLike = None,
    ) -> "MultiTaskReport":
        """Score a fitted estimator, with confidence intervals.

        Parameters
        ----------
        estimator : object
            A fitted estimator of this package, alone, as the last step of a pipeline or in a
            search.
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The features, of rows that were not used to fit the estimator.
        y : {array-like, DataFrame} of shape (n_samples, n_tasks) or (n_samples,)
            The labels. NaN, None or NA where a task has no label.
        metrics : str, callable, dict or None, default=None
            The metrics of the scores, as in :func:`sklearn_ple.metrics.multitask_scores`.
        single_task : estimator, Comparison or None, default=None
            A model to compare with, which shows which tasks gain or lose because they are learnt
            together: a fitted estimator that shares nothing, such as
            :class:`sklearn_ple.SingleTaskClassifierRegressor`, which is scored on the same rows;
            or a result of :func:`compare`.
        importance : "auto", bool or MultiTaskImportance, default="auto"
            The importance of the columns: a result of :func:`multitask_importance`, or whether to
            measure it, with three repeats on at most 1000 rows. "auto" measures it if X has at
            most 100 columns.
        n_bootstrap : int, default=200
            Number of bootstrap resamples for the intervals; at least 1.
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
            If a parameter is invalid, if single_task or importance has other tasks, or if
            :func:`sklearn_ple.metrics.multitask_scores` raises one.
        NotFittedError
            If an estimator is not fitted.

        Warns
        -----
        UndefinedMetricWarning
            If a task has too few labels for its metric, or labels of one class only. Its score is
            NaN.

        Notes
        -----
        The intervals are percentiles of the scores on bootstrap resamples: the labelled rows of a
        task are drawn with replacement. Resamples without a score, because a class is missing, are
        left out. The intervals of gains over an estimator are percentiles of the differences on
        the same resamples. The intervals show the uncertainty due to the choice of the rows, but
        not due to the randomness of training; for the latter, see :func:`compare`.
        """
        systems = [read_tasks(estimator, X, y)]
        names = [task.name for task in systems[0]]
        if isinstance(importance, MultiTaskImportance):
            check_task_names("importance", importance.tasks, names)
        measured = isinstance(single_task, Comparison)
        if measured:
            check_task_names("single_task", single_task.gains["task"], names)
        elif single_task is not None:
            if (names_apart := tasks_of(single_task).task_names_) != names:
                raise ValueError(
                    f"single_task was fitted with the tasks {names_apart}, but the estimator with "
                    f"{names}: fit it on the same y."
                )
            systems.append(read_tasks(single_task, X, y))
        rng = check_random_state(random_state)
        scores, gain = score_by_bootstrap(systems, metrics, n_bootstrap, confidence, rng)
        if importance == "auto":
            importance = len(shape := np.shape(X)) == 2 and shape[1] <= MAX_COLUMNS
        if isinstance(importance, bool):
            options = {"metrics": metrics, "confidence": confidence}
            importance = (
                measure_importance(estimator, X, y, rng, **options) if importance else None
            )
        gain = single_task if measured else gain
        return cls(estimator, X, y, scores, gain, confidence, importance)

    def _contents(self) -> Contents:
        kind = type(tasks_of(self.estimator)).__name__
        caption = (
            f"Scores of {kind} on {len(self.y):,} rows, with {100 * self.confidence:g} % intervals"
        )
        numbers = self.scores[["score", "low", "high"]].map("{:.3f}".format)
        table = self.scores.drop(columns=numbers.columns).join(numbers).set_index("task")
        parts = ("gain", "importance")
        held = [f"report.{part}" for part in parts if getattr(self, part) is not None]
        sentences = [f"More: {', '.join([*held, 'report.plot(), report.to_html(path)'])}."]
        return caption, table, sentences

    def plot(self) -> "MultiTaskReport":
        """Draw two plots for each task.

        For a task with classes these are the ROC curve and the calibration curve; with more than
        two classes there is a curve for each class against the rest, for at most the six most
        frequent classes. For a task that is a number they are the predicted against the actual
        values, and the residuals. For a survival task they are survival curves, and the predicted
        against the actual times of events.

        Returns
        -------
        report : MultiTaskReport
            The report itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        style.import_pyplot()
        tasks = read_tasks(self.estimator, self.X, self.y)
        rows = [make_panels(Observed.of(task)) for task in tasks]
        size = 9.0, HEIGHT * len(tasks)
        self.figure_, self.axes_ = style.make_axes(len(tasks), 2, size)
        for axes, row, task in zip(self.axes_, rows, tasks, strict=True):
            for ax, panel in zip(axes, row, strict=True):
                panel.draw(ax)
                title = textwrap.fill(f"{style.shorten(task.name)}: {panel.title}", 50)
                ax.set_title(title, fontsize="medium", parse_math=False)
        return self

    @check_arguments(path=[PATH], title=[str])
    def to_html(self, path: str | os.PathLike[str], *, title: str = "Model report") -> None:
        """Write the report as one HTML file.

        The file contains everything, including plots and style. It has no scripts, and loads
        nothing from elsewhere. In addition to the scores and plots, it describes the data, missing
        labels, calibration, the importance of columns, training, gates, gains, parameters and
        versions. It does not contain rows of the table, but plots of numbers have a point for each
        row.

        Parameters
        ----------
        path : str or path-like
            The file to write, usually with the ending ".html". An existing file is replaced once
            the page is complete.
        title : str, default="Model report"
            The title of the page.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        OSError
            If the file cannot be written.
        """
        style.import_pyplot()
        # Imported here, because it needs matplotlib, whereas the scores do not.
        from .page import render_page

        with replacing(path) as file:
            file.write_text(render_page(self, title), encoding="utf-8")
