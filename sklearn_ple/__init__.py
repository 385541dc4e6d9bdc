"""scikit-learn estimators that learn many targets at once, by Progressive Layered Extraction."""

from .estimators import PLEClassifier, PLEClassifierRegressor, PLERegressor

__version__ = "0.1.0.dev0"

__all__ = ["PLEClassifier", "PLEClassifierRegressor", "PLERegressor", "__version__"]
