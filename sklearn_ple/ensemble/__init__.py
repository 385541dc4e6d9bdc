"""One model per task, and the blend of models."""

from .blend import BlendClassifierRegressor
from .per_task import PerTaskClassifierRegressor

__all__ = ["BlendClassifierRegressor", "PerTaskClassifierRegressor"]
