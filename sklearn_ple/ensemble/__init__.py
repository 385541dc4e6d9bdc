
from .per_task import PerTaskClassifierRegressor

__all__ = ["PerTaskClassifierRegressor"]
