"""Section of a report on the importance of the columns."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning

from ...tables.frames import take_rows
from ...tasks import check_task_names
from ...utils.warn import collected
from ..importance import MultiTaskImportance, multitask_importance
from ..importance_display import ImportanceDisplay
from ..style import import_pyplot
from .page import Section, paragraph, picture, table
from .words import interval_text, percent_text, score_text

#: Limits of the default measurement, which should take only seconds: largest numbers of rows and
#: of columns, and the number of repeats.
MAX_ROWS, MAX_COLUMNS, N_REPEATS = 1000, 100, 3
_N_NAMED = 5


def check_importance(importance: Any, names: list[str]) -> None:
    """Check the parameter `importance` of a report, given the names of the tasks."""
    if isinstance(importance, MultiTaskImportance):
        check_task_names("importance", importance.tasks, names)
    elif not isinstance(importance, bool) and importance != "auto":
        raise ValueError(
            "importance must be 'auto', True, False or a result of multitask_importance, not "
            f"{importance!r}."
        )


def measured_importance(
    importance: Any,
    estimator: Any,
    X: Any,
    y: Any,
    metrics: Any,
    confidence: float,
    rng: np.random.RandomState,
) -> MultiTaskImportance | None:
    """Measure the importance of the columns, if the parameter `importance` of a report says so."""
    if isinstance(importance, MultiTaskImportance):
        return importance
    shape = np.shape(X)
    if importance == "auto":
        importance = len(shape) == 2 and shape[1] <= MAX_COLUMNS
    if not importance:
        return None
    if shape[0] > MAX_ROWS:
        rows = np.sort(rng.choice(shape[0], MAX_ROWS, replace=False))
        X, y = take_rows(X, rows), take_rows(y, rows)
    # The scores have already raised these warnings, and the page shows undefined scores.
    with collected(UndefinedMetricWarning):
        return multitask_importance(
            estimator,
            X,
            y,
            metrics=metrics,
            n_repeats=N_REPEATS,
            confidence=confidence,
            random_state=rng,
        )


def importance_section(importance: MultiTaskImportance) -> Section:
    """Return the section on the importance of the columns."""
    n_repeats = importance.importances.shape[2]
    times = "once" if n_repeats == 1 else f"{n_repeats} times"
    notes = [
        "The values of a column were shuffled among the rows, so that they no longer belong to "
        f"their rows, and the model predicted again; {times} for each column. The number is the "
        "drop of a task's score: the greater it is, the more the model relies on the column. "
        "Numbers in brackets may be due to chance.",
        "This shows which columns the model uses, not which columns cause the labels. If two "
        "columns contain nearly the same information, the model may need only one of them, and "
        "both may seem to matter little.",
    ]
    display = ImportanceDisplay.from_importance(importance)
    rows = [[task, _named(importance, task)] for task in importance.tasks]
    alt = "; ".join(f"{task}: {columns}" for task, columns in rows)
    drawing = picture(display.figure_, f"Drop of each task's score by column. {alt}.", wide=True)
    import_pyplot().close(display.figure_)
    head = ["Task", f"Columns that matter most ({percent_text(importance.confidence)} interval)"]
    return Section(
        "columns", "Which columns matter", [*map(paragraph, notes), drawing, table(head, rows)]
    )


def _named(importance: MultiTaskImportance, task: str) -> str:
    """List the columns that matter most to a task, among those whose interval is above zero."""
    if np.isnan(importance.scores[task]):
        return "not defined"
    frame = importance.frame
    own = frame[frame["task"] == task].sort_values("mean", ascending=False, kind="stable")
    clear = own[own["low"] > 0].head(_N_NAMED)
    named = [
        f"{row.feature}: {score_text(row.mean)} ({interval_text(row.low, row.high, score_text)})"
        for row in clear.itertuples(index=False)
    ]
    return ", ".join(named) or "none with certainty"
