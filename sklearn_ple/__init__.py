"""scikit-learn estimators for several targets at once, by Progressive Layered Extraction."""

from .estimators import (
    AdaTTClassifierRegressor,
    AITMClassifierRegressor,
    AsymmetricSharingClassifierRegressor,
    CGCClassifierRegressor,
    CrossStitchClassifierRegressor,
    CustomizedSharingClassifierRegressor,
    ESMMClassifier,
    HoMEClassifierRegressor,
    MMoEClassifierRegressor,
    MultiTabNetClassifierRegressor,
    PLEClassifier,
    PLEClassifierRegressor,
    PLERegressor,
    SharedBottomClassifierRegressor,
    SingleTaskClassifierRegressor,
    SluiceClassifierRegressor,
    STEMClassifierRegressor,
)
from .predictions.task_view import task_view

__version__ = "0.1.0.dev0"

__all__ = [
    "AITMClassifierRegressor",
    "AdaTTClassifierRegressor",
    "AsymmetricSharingClassifierRegressor",
    "CGCClassifierRegressor",
    "CrossStitchClassifierRegressor",
    "CustomizedSharingClassifierRegressor",
    "ESMMClassifier",
    "HoMEClassifierRegressor",
    "MMoEClassifierRegressor",
    "MultiTabNetClassifierRegressor",
    "PLEClassifier",
    "PLEClassifierRegressor",
    "PLERegressor",
    "STEMClassifierRegressor",
    "SharedBottomClassifierRegressor",
    "SingleTaskClassifierRegressor",
    "SluiceClassifierRegressor",
    "__version__",
    "task_view",
]
