"""The public estimators: their parameters and docstrings, one file a family."""

from .bottoms import (
    AsymmetricSharingClassifierRegressor,
    CustomizedSharingClassifierRegressor,
    SharedBottomClassifierRegressor,
    SingleTaskClassifierRegressor,
)
from .esmm import ESMMClassifier
from .mmoe import MMoEClassifierRegressor
from .ple import CGCClassifierRegressor, PLEClassifierRegressor
from .ple_families import PLEClassifier, PLERegressor
from .stitched import CrossStitchClassifierRegressor, SluiceClassifierRegressor

__all__ = [
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
]
