"""Scores and gains of a report, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import resample

from ...metrics.scores import metric_by_task, metric_name, own_metric, score_task, scorer_of
from ...metrics.views import ScoredTask, plain_array
from ...utils.warn import collected
from ..gain import MTLGain

# Names of the first and the second system in the gains.
_TOGETHER, _ALONE = "together", "single_task"


def score_by_bootstrap(
    systems: Sequence[Sequence[ScoredTask]],
    metrics: Any,
    n_bootstrap: int,
    confidence: float,
    rng: np.random.RandomState,
) -> tuple[pd.DataFrame, MTLGain | None]:
    """Score the first system and, if there is a second, compute the gain of the first over it.

    Each resample consists of rows that have a label for the task, the same for both systems.
    """
    metrics = metric_by_task(metrics, [task.name for task in systems[0]])
    scores, gains = [], []
    for rivals in zip(*systems, strict=True):
        task = rivals[0]
        metric = metrics[task.name]
        if metric is None:
            metric = own_metric(task, plain_array(task.labels.dropna()))
        samples = _sample_scores(rivals, metric, n_bootstrap, rng)
        about = [task.name, task.kind, metric_name(metric), int(task.labels.notna().sum())]
        scores.append([*about, *_with_interval(samples[:, 0], confidence)])
        if len(rivals) > 1:
            difference = _with_interval(samples[:, 0] - samples[:, 1], confidence)
            gains.append([_TOGETHER, task.name, *difference])
    table = pd.DataFrame(
        scores, columns=["task", "kind", "metric", "labels", "score", "low", "high"]
    )
    if not gains:
        return table, None
    differences = pd.DataFrame(gains, columns=["system", "task", "mean", "low", "high"])
    repeats = f"{n_bootstrap} resamples of the rows"
    return table, MTLGain(pd.DataFrame(), differences, _ALONE, confidence, repeats)


def _sample_scores(
    rivals: Sequence[ScoredTask], metric: Any, n_bootstrap: int, rng: np.random.RandomState
) -> np.ndarray:
    """Compute the scores of systems on a task's rows (first row) and on resamples (other rows)."""
    rivals = [rival.coded() for rival in rivals]
    scores = np.full((1 + n_bootstrap, len(rivals)), np.nan)
    scores[0] = [score_task(rival, metric) for rival in rivals]
    if np.isnan(scores[0]).all():
        return scores
    rows = np.flatnonzero(rivals[0].labels.notna())
    labels = plain_array(rivals[0].labels.iloc[rows])
    scorers = [scorer_of(rival, metric) for rival in rivals]
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


def _with_interval(samples: np.ndarray, confidence: float) -> list[float]:
    """Return the score on the rows themselves, and percentiles of the scores on the resamples."""
    defined = samples[1:][~np.isnan(samples[1:])]
    if np.isnan(samples[0]) or not len(defined):
        return [float(samples[0]), np.nan, np.nan]
    return [float(samples[0]), *np.quantile(defined, [(1 - confidence) / 2, (1 + confidence) / 2])]
