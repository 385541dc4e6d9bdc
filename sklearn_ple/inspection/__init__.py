"""Pictures of fitted estimators, and comparisons of them."""

from ._gain import MTLGain, mtl_gain
from ._gain_display import MTLGainDisplay
from ._gates import GateUtilizationDisplay
from ._history import TrainingHistoryDisplay
from ._network import NetworkDiagram
from .report import MultiTaskReport

__all__ = [
    "GateUtilizationDisplay",
    "MTLGain",
    "MTLGainDisplay",
    "MultiTaskReport",
    "NetworkDiagram",
    "TrainingHistoryDisplay",
    "mtl_gain",
]
