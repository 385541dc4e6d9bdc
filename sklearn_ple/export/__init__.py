"""Models and predictions as files: a safe file of an estimator, predictions of a dataset."""

from .model import load, save
from .onnx import to_onnx
from .predictions import predict_to_parquet

__all__ = ["load", "predict_to_parquet", "save", "to_onnx"]
