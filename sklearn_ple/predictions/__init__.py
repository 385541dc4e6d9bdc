"""What is made of a network's outputs: calibrated probabilities, intervals, one task's view."""

from .calibration import Calibration
from .intervals import Deviations
from .task_view import TaskClassifierView, TaskRegressorView, task_view, tasks_of

__all__ = [
    "Calibration",
    "Deviations",
    "TaskClassifierView",
    "TaskRegressorView",
    "task_view",
    "tasks_of",
]
