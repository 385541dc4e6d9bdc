"""Plots, tables and reports about fitted estimators, and comparisons of estimators."""

from .blend_display import BlendDisplay
from .compare_models import compare
from .comparison import Comparison
from .comparison_display import ComparisonDisplay
from .dependence_display import DependenceDisplay
from .gate_utilization import GateUtilizationDisplay
from .health import ExpertHealth, expert_health
from .importance import ImportanceDisplay, MultiTaskImportance, multitask_importance
from .network_diagram import NetworkDiagram
from .report import MultiTaskReport
from .training_history import TrainingHistoryDisplay

__all__ = [
    "BlendDisplay",
    "Comparison",
    "ComparisonDisplay",
    "DependenceDisplay",
    "ExpertHealth",
    "GateUtilizationDisplay",
    "ImportanceDisplay",
    "MultiTaskImportance",
    "MultiTaskReport",
    "NetworkDiagram",
    "TrainingHistoryDisplay",
    "compare",
    "expert_health",
    "multitask_importance",
]
