"""One model per task, and the blend of models."""

# Registers how these models are exported.
from . import onnx_nodes as onnx_nodes
from .blend import BlendClassifierRegressor
from .per_task import PerTaskClassifierRegressor

__all__ = ["BlendClassifierRegressor", "PerTaskClassifierRegressor"]
