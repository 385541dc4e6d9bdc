"""Calibrated probabilities, prediction intervals, and views of single tasks."""

from .calibration import Calibration
from .inner import inner_estimator, tasks_of
from .intervals import Deviations
from .task_view import TaskClassifierView, TaskRegressorView, task_view

__all__ = [
    "Calibration",
    "Deviations",
    "TaskClassifierView",
    "TaskRegressorView",
    "inner_estimator",
    "task_view",
    "tasks_of",
]
