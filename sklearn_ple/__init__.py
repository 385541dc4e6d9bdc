"""scikit-learn estimators for several targets at once, by Progressive Layered Extraction."""

# Imported first: the docstrings of the other estimators are completed from that of this one.
from .estimators.ple import (
    CGCClassifierRegressor,
    PLEClassifier,
    PLEClassifierRegressor,
    PLERegressor,
)

# isort: split
from .estimators.adatt import AdaTTClassifierRegressor
from .estimators.bottoms import (
    AsymmetricSharingClassifierRegressor,
    CustomizedSharingClassifierRegressor,
    SharedBottomClassifierRegressor,
    SingleTaskClassifierRegressor,
)
from .estimators.esmm import ESMMClassifier
from .estimators.mmoe import MMoEClassifierRegressor
from .estimators.stitched import CrossStitchClassifierRegressor, SluiceClassifierRegressor
from .predictions.task_view import task_view

__version__ = "0.2.0"

__all__ = [
    "AdaTTClassifierRegressor",
    "AsymmetricSharingClassifierRegressor",
    "CGCClassifierRegressor",
    "CrossStitchClassifierRegressor",
    "CustomizedSharingClassifierRegressor",
    "ESMMClassifier",
    "MMoEClassifierRegressor",
    "PLEClassifier",
    "PLEClassifierRegressor",
    "PLERegressor",
    "SharedBottomClassifierRegressor",
    "SingleTaskClassifierRegressor",
    "SluiceClassifierRegressor",
    "__version__",
    "task_view",
]
