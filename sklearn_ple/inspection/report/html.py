"""The sections of a report, written for readers who know no machine learning."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from scipy import sparse
from sklearn.metrics import mean_absolute_error

from ...metrics import expected_calibration_error
from ...metrics.reading import scored_tasks
from ...predictions.inner import tasks_of
from ...tables.frames import to_pandas
from ...tasks import accuracy
from ..columns import as_table
from ..gain import MTLGain
from .importance import importance_section
from .model import gate_sections, making_section, training_section
from .page import (
    Section,
    listing,
    page,
    paragraph,
    picture,
    side_by_side,
    table,
)
from .panels import N_BINS, Observed, panels_of
from .words import (
    interval_text,
    metric_words,
    number_text,
    percent_text,
    score_text,
    signed_text,
)


def report_html(report: Any, title: str) -> str:
    """Return the HTML page of a report."""
    # Plots do not depend on the user's settings, and a dollar in a name does not start a formula.
    look: dict[Any, Any] = {"text.parse_math": False, "svg.hashsalt": "report"}
    with plt.style.context("default"), matplotlib.rc_context(look):
        observed = [
            Observed.of(task) for task in scored_tasks(report.estimator, report.X, report.y)
        ]
        sections = [
            _scores(report, observed),
            _data(report.X, observed),
            _tasks(observed),
            *_calibration(observed),
            *([] if report.importance is None else [importance_section(report.importance)]),
            *([] if report.gain is None else [_gain(report.gain)]),
            training_section(tasks_of(report.estimator)),
            *gate_sections(report.estimator, report.X),
            making_section(report.estimator),
        ]
    return page(title, _header(report, observed), sections)


def _header(report: Any, observed: list[Observed]) -> Iterator[str]:
    now = datetime.now().astimezone()
    yield f'<p><time datetime="{now.isoformat()}">{now.day} {now:%B %Y}</time></p>'
    n_tasks, n_rows = len(observed), len(report.y)
    targets = "one target" if n_tasks == 1 else f"{n_tasks} targets at once"
    yield paragraph(
        f"One model predicts {targets}, here called tasks, from the columns of a table. This page "
        f"says how well it does on {n_rows:,} rows, and how it was made. If the model was not "
        "trained on these rows, it should do as well on similar new rows. If it was, the scores "
        "are too optimistic."
    )


# -- scores and data --------------------------------------------------------------------------


def _scores(report: Any, observed: list[Observed]) -> Section:
    percent = percent_text(report.confidence)
    words = {seen.task.name: seen.task.words for seen in observed}
    rows = [
        [
            (row.task, words[row.task]),
            (score_text(row.score), metric_words(row.metric)[0]),
            interval_text(row.low, row.high, score_text),
            f"{row.labels:,}",
        ]
        for row in report.scores.itertuples(index=False)
    ]
    notes = [": ".join(metric_words(name)) for name in report.scores["metric"].unique()]
    notes.append(
        f"{percent} interval: the uncertainty of the score due to the limited number of rows, "
        "computed from random resamples of the rows (the bootstrap). It does not include the "
        "uncertainty due to training: another training would result in another model."
    )
    if report.scores["score"].isna().any():
        notes.append(
            "Not defined: the task's labels are too few for a score, or all belong to one class."
        )
    head = ["Task", "Score", f"{percent} interval", "Labels"]
    return Section(
        "scores", "How well each task is predicted", [table(head, rows), listing(notes)]
    )


def _data(X: Any, observed: list[Observed]) -> Section:
    n_rows = len(observed[0].task.labels)
    notes = list(_of_columns(X, n_rows))
    rows = []
    for seen in observed:
        absent = n_rows - len(seen.labels)
        gaps = f"{absent:,} ({percent_text(absent / n_rows)})" if absent else "none"
        rows.append([seen.task.name, f"{len(seen.labels):,}", gaps, _in_brief(seen)])
    notes.append(
        "A label is the value to be predicted. A row without a label for a task is not used for "
        "that task."
    )
    head = ["Task", "Labels", "Missing", "Values"]
    return Section("data", "The data", [*map(paragraph, notes), table(head, rows)])


def _of_columns(X: Any, n_rows: int) -> Iterator[str]:
    """Describe the columns of X, which texts for a pipeline do not have."""
    if len(shape := np.shape(X)) < 2:
        yield f"{n_rows:,} rows to predict from."
        return
    columns = _columns(X)
    kinds = columns.dtypes.map(_column_kind).value_counts()
    parts = ", ".join(f"{kind}: {n:,}" for kind, n in kinds.items())
    yield f"{n_rows:,} rows with {shape[1]:,} columns to predict from ({parts})."
    if missing := columns.isna().any().sum():
        share = percent_text(columns.isna().to_numpy().mean())
        yield f"{missing:,} of these columns have missing values, {share} of all cells."


def _columns(X: Any) -> pd.DataFrame:
    """Return X as a frame; for a sparse X, which contains only numbers, a frame without rows."""
    if sparse.issparse(X):
        return pd.DataFrame(np.empty((0, X.shape[1])))
    X = as_table(to_pandas(X))
    return X if isinstance(X, pd.DataFrame) else pd.DataFrame(X).infer_objects()


def _column_kind(dtype: Any) -> str:
    if pd.api.types.is_bool_dtype(dtype):
        return "yes or no"
    if pd.api.types.is_numeric_dtype(dtype):
        return "numbers"
    if isinstance(dtype, pd.CategoricalDtype):
        return "categories"
    return "dates" if pd.api.types.is_datetime64_any_dtype(dtype) else "text"


def _in_brief(seen: Observed) -> str:
    if not len(seen.labels):
        return "–"
    if seen.task.censored:
        low, high = np.abs(seen.labels).min(), np.abs(seen.labels).max()
        share = percent_text(float(np.mean(seen.labels < 0)))
        return f"{number_text(low)} to {number_text(high)}, {share} censored"
    if seen.proba is None:
        low, middle, high = np.quantile(seen.labels, [0, 0.5, 1])
        return f"{number_text(low)} to {number_text(high)}, median {number_text(middle)}"
    shares = pd.Series(seen.labels).value_counts(normalize=True)
    parts = [f"{label}: {percent_text(share)}" for label, share in shares.head(4).items()]
    return ", ".join([*parts, *([f"{len(shares) - 4} more"] if len(shares) > 4 else [])])


# -- tasks ------------------------------------------------------------------------------------


def _tasks(observed: list[Observed]) -> Section:
    notes: list[str] = []
    if any(seen.proba is not None for seen in observed):
        notes += [
            "ROC curve: rows are ranked by their predicted probability. If all rows above some "
            "probability are assigned to the class, the curve shows which share of the rows of "
            "the class is found (true positives), and which share of the other rows is assigned "
            "to it wrongly (false positives). The closer the curve is to the upper left corner, "
            "the better.",
            f"Calibration: rows are divided into {N_BINS} groups of equal size by their predicted "
            "probability. If a point is on the dotted line, the probabilities of its group are "
            "right. If it is below the line, the class is rarer than predicted.",
        ]
    if any(seen.task.censored for seen in observed):
        notes.append(
            "Survival: rows are divided into thirds by their predicted time. Each curve shows the "
            "share of a third without an event up to each time (the estimate of Kaplan and "
            "Meier, in which a censored row counts until it was censored). The further apart the "
            "curves, the better. The second plot shows only rows with an event. Events that "
            "happen late are censored more often, so points tend to lie below the dashed line."
        )
    if any(seen.proba is None and not seen.task.censored for seen in observed):
        notes += [
            "Predicted and actual: the closer the points are to the dashed line, the better. At "
            "most a thousand rows are drawn.",
            "Residuals: the actual number minus the prediction. They should scatter around zero, "
            "with the same spread everywhere.",
        ]
    parts = [_task(f"task-{place}", seen) for place, seen in enumerate(observed, start=1)]
    return Section("tasks", "Task by task", [listing(notes)], parts)


def _task(address: str, seen: Observed) -> Section:
    name, pictures = seen.task.name, []
    for panel in panels_of(seen):
        figure = Figure(figsize=(4.6, panel.height), layout="constrained")
        panel.draw(figure.subplots())
        alt = f"{panel.title} of {name}. {panel.description}"
        pictures.append(picture(figure, alt, panel.title))
    blocks = [*map(paragraph, _in_words(seen)), side_by_side(pictures, large=True)]
    return Section(address, name, blocks)


def _in_words(seen: Observed) -> Iterator[str]:
    """Describe how good the predictions are, compared with a simple rule."""
    if not len(seen.labels):
        return
    if seen.task.censored:
        n_events = int((seen.labels > 0).sum())
        yield (
            f"The event happened in {n_events:,} of {len(seen.labels):,} rows. For the other rows "
            "it is known only that it had not happened up to some time (they are censored). The "
            "prediction is the time by which the event happens with a probability of one half; "
            f"its median over the rows is {number_text(np.median(seen.predicted))}."
        )
        return
    if seen.proba is None:
        error = mean_absolute_error(seen.labels, seen.predicted)
        rule = mean_absolute_error(seen.labels, np.full(len(seen.labels), np.median(seen.labels)))
        yield (
            f"The mean absolute error of the predictions is {number_text(error)}, in the units of "
            f"the label. If the median were always predicted, it would be {number_text(rule)}."
        )
        return
    right = accuracy(seen.labels, seen.predicted)
    rule = pd.Series(seen.labels).value_counts(normalize=True).iloc[0]
    yield (
        f"The predicted class is right for {percent_text(right)} of the rows. If the most "
        f"frequent class were always predicted, it would be right for {percent_text(rule)}."
    )
    if (n_curves := len(seen.curves())) < seen.proba.shape[1] > 2:
        yield (
            f"There are {seen.proba.shape[1]} classes; curves are drawn for the {n_curves} most "
            "frequent ones."
        )


def _calibration(observed: list[Observed]) -> Iterator[Section]:
    classes = [seen for seen in observed if seen.proba is not None]
    if not classes:
        return
    rows = [
        [seen.task.name, _calibration_error(seen), f"{len(seen.labels):,}"] for seen in classes
    ]
    notes = [
        "For the expected calibration error, rows are divided by their predicted probability into "
        f"{N_BINS} groups of equal size. In each group, the mean probability is compared "
        "with the share of rows that have the class, and the differences are averaged. With more "
        "than two classes, the most probable class of each row is used. With few labels, part of "
        "the error is due to chance.",
    ]
    head = ["Task", "Error in percentage points", "Labels"]
    blocks = [*map(paragraph, notes), table(head, rows)]
    yield Section("calibration", "Are the probabilities right?", blocks)


def _calibration_error(seen: Observed) -> str:
    assert seen.proba is not None
    assert seen.task.classes is not None
    known = np.isin(seen.labels, seen.task.classes)
    if not known.any():
        return "not defined"
    error = expected_calibration_error(
        seen.labels[known],
        seen.proba[known],
        N_BINS,
        strategy="quantile",
        labels=seen.task.classes,
    )
    return f"{100 * error:.1f}"


# -- sharing ------------------------------------------------------------------------------------


def _gain(gain: MTLGain) -> Section:
    rows = [
        [
            row.task if gain.gains["system"].nunique() == 1 else (row.task, row.system),
            (signed_text(row.mean), _verdict(row.low, row.high)),
            interval_text(row.low, row.high, signed_text),
        ]
        for row in gain.gains.itertuples(index=False)
    ]
    losers = gain.gains["task"][gain.gains["high"] < 0].unique()
    notes = [
        "Each task could also be learnt alone. The difference is the score when the tasks are "
        "learnt together minus the score when the task is learnt alone, with a "
        f"{percent_text(gain.confidence)} interval from {gain.repeats}. If it is below zero, the "
        "task is predicted worse because it is learnt with the others, which is called negative "
        "transfer.",
        f"Negative transfer: {', '.join(losers)}." if len(losers) else "No task clearly loses.",
    ]
    head = ["Task", "Difference", f"{percent_text(gain.confidence)} interval"]
    blocks = [*map(paragraph, notes), table(head, rows)]
    return Section("transfer", "Does learning together help?", blocks)


def _verdict(low: float, high: float) -> str:
    if np.isnan(low):
        return "–"
    return "gains" if low > 0 else "loses" if high < 0 else "no clear difference"
