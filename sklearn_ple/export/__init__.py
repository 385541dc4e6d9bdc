"""Files of fitted estimators, safe ones and ONNX, and of the predictions of a dataset."""

from .model import load, save
from .onnx import to_onnx
from .predictions import predict_to_parquet

__all__ = ["load", "predict_to_parquet", "save", "to_onnx"]
