"""Plots, tables and reports about fitted estimators, and comparisons of estimators."""

from .blend_display import BlendDisplay
from .gain import MTLGain, mtl_gain
from .gain_display import MTLGainDisplay
from .gates import GateUtilizationDisplay
from .health import expert_health
from .history import TrainingHistoryDisplay
from .importance import MultiTaskImportance, multitask_importance
from .importance_display import ImportanceDisplay
from .network import NetworkDiagram
from .report import MultiTaskReport

__all__ = [
    "BlendDisplay",
    "GateUtilizationDisplay",
    "ImportanceDisplay",
    "MTLGain",
    "MTLGainDisplay",
    "MultiTaskImportance",
    "MultiTaskReport",
    "NetworkDiagram",
    "TrainingHistoryDisplay",
    "expert_health",
    "mtl_gain",
    "multitask_importance",
]
