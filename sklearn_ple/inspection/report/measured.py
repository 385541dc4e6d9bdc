"""What a report measures: scores and gains with bootstrap intervals, and importances."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils import resample

from ...metrics import metric_name
from ...metrics.scores import assign_metrics, choose_metric, make_task_scorer, score_task
from ...metrics.views import Metric, Metrics, ScoredTask, to_plain_array
from ...tables.frames import take_rows
from ...utils.warn import collected
from ..comparison import Comparison
from ..importance import MultiTaskImportance, multitask_importance

#: Limits of the default measurement of importances, which should take only seconds: largest
#: numbers of rows and of columns, and the number of repeats.
MAX_ROWS, MAX_COLUMNS, N_REPEATS = 1000, 100, 3


def score_by_bootstrap(
    systems: Sequence[Sequence[ScoredTask]],
    metrics: Metrics,
    n_bootstrap: int,
    confidence: float,
    rng: np.random.RandomState,
) -> tuple[pd.DataFrame, Comparison | None]:
    """Score the first system and, if there is a second, compute the gain of the first over it.

    Each resample consists of rows that have a label for the task, the same for both systems.
    """
    metrics = assign_metrics(metrics, [scored.name for scored in systems[0]])
    scores, gains = [], []
    for rivals in zip(*systems, strict=True):
        scored, *others = rivals
        metric = metrics[scored.name]
        if metric is None:
            metric = choose_metric(scored, to_plain_array(scored.labels.dropna()))
        samples = _sample_scores(rivals, metric, n_bootstrap, rng)
        scores.append(
            {
                "task": scored.name,
                "kind": scored.task.kind,
                "metric": metric_name(metric),
                "labels": int(scored.labels.notna().sum()),
                **_with_interval("score", samples[:, 0], confidence),
            }
        )
        if others:
            difference = _with_interval("mean", samples[:, 0] - samples[:, 1], confidence)
            gains.append({"model": "together", "task": scored.name, **difference})
    if not gains:
        return pd.DataFrame(scores), None
    repeats = f"{n_bootstrap} resamples of the rows"
    gain = Comparison(pd.DataFrame(), pd.DataFrame(gains), "single_task", confidence, repeats)
    return pd.DataFrame(scores), gain


def _sample_scores(
    rivals: Sequence[ScoredTask], metric: Metric, n_bootstrap: int, rng: np.random.RandomState
) -> np.ndarray:
    """Compute the scores of systems on a task's rows (first row) and on resamples (other rows)."""
    rivals = [rival.encode() for rival in rivals]
    scores = np.full((1 + n_bootstrap, len(rivals)), np.nan)
    scores[0] = [score_task(rival, metric) for rival in rivals]
    if np.isnan(scores[0]).all():
        return scores
    rows = np.flatnonzero(rivals[0].labels.notna())
    labels = to_plain_array(rivals[0].labels.iloc[rows])
    scorers = [make_task_scorer(rival, metric) for rival in rivals]
    with collected():
        for sample in scores[1:]:
            drawn = resample(np.arange(len(rows)), random_state=rng)
            for place, (scorer, rival) in enumerate(zip(scorers, rivals, strict=True)):
                try:
                    sample[place] = scorer(rival.view, rows[drawn], labels[drawn])
                except (ValueError, ZeroDivisionError, Warning):
                    # Undefined: a rare class is missing in the resample, or all counts are equal.
                    continue
    return scores


def _with_interval(name: str, samples: np.ndarray, confidence: float) -> dict[str, float]:
    """Return the score on the rows themselves, and percentiles of the scores on the resamples."""
    score, defined = samples[0], samples[1:][~np.isnan(samples[1:])]
    if np.isnan(score) or not len(defined):
        return {name: score, "low": np.nan, "high": np.nan}
    low, high = np.quantile(defined, [(1 - confidence) / 2, (1 + confidence) / 2])
    return {name: score, "low": low, "high": high}


def measure_importance(
    estimator: Any, X: Any, y: Any, rng: np.random.RandomState, **options: Any
) -> MultiTaskImportance:
    """Measure the importance of the columns on a part of the rows."""
    n_rows = np.shape(X)[0]
    if n_rows > MAX_ROWS:
        rows = np.sort(rng.choice(n_rows, MAX_ROWS, replace=False))
        X, y = take_rows(X, rows), take_rows(y, rows)
    # The scores have already raised these warnings, and the page shows undefined scores.
    with collected(UndefinedMetricWarning):
        return multitask_importance(
            estimator, X, y, n_repeats=N_REPEATS, random_state=rng, **options
        )
