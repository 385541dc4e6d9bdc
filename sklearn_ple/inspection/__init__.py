"""Pictures of fitted estimators."""

from ._history import TrainingHistoryDisplay

__all__ = ["TrainingHistoryDisplay"]
