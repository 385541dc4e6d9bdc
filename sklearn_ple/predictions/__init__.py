"""Calibrated probabilities, prediction intervals, and views of single tasks."""

from .calibration import Calibration
from .intervals import Deviations
from .task_view import (
    TaskClassifierView,
    TaskRegressorView,
    inner_estimator,
    take_rows,
    task_view,
    tasks_of,
)

__all__ = [
    "Calibration",
    "Deviations",
    "TaskClassifierView",
    "TaskRegressorView",
    "inner_estimator",
    "take_rows",
    "task_view",
    "tasks_of",
]
