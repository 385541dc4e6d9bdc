"""The public estimators: their parameters and docstrings, one file a family."""

from .ple import PLEClassifier, PLEClassifierRegressor, PLERegressor

__all__ = ["PLEClassifier", "PLEClassifierRegressor", "PLERegressor"]
