"""The public estimators: their parameters and docstrings, one file for each family."""

# Imported first: the docstrings of the other estimators are completed from that of this one.
from .ple import CGCClassifierRegressor, PLEClassifier, PLEClassifierRegressor, PLERegressor

# isort: split
from .adatt import AdaTTClassifierRegressor
from .aitm import AITMClassifierRegressor
from .bottoms import (
    AsymmetricSharingClassifierRegressor,
    CustomizedSharingClassifierRegressor,
    SharedBottomClassifierRegressor,
    SingleTaskClassifierRegressor,
)
from .esmm import ESMMClassifier
from .home import HoMEClassifierRegressor
from .mmoe import MMoEClassifierRegressor
from .multitab import MultiTabNetClassifierRegressor
from .stem import STEMClassifierRegressor
from .stitched import CrossStitchClassifierRegressor, SluiceClassifierRegressor

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
]
