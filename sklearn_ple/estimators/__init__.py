"""The public estimators: their parameters and docstrings, one file a family."""

from .ple import PLEClassifierRegressor
from .ple_families import PLEClassifier, PLERegressor

__all__ = ["PLEClassifier", "PLEClassifierRegressor", "PLERegressor"]
