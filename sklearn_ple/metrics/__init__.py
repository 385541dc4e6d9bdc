"""Scores of several tasks with missing labels: for each task, as one number, and as scorers."""

from ..tasks import concordance_index
from .calibration_error import expected_calibration_error
from .scorers import make_multitask_scorer, task_scorer
from .scores import metric_name, multitask_score, multitask_scores

__all__ = [
    "concordance_index",
    "expected_calibration_error",
    "make_multitask_scorer",
    "metric_name",
    "multitask_score",
    "multitask_scores",
    "task_scorer",
]
