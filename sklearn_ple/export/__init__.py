"""Files of fitted estimators, safe ones and ONNX, and of the predictions of a dataset."""

from .onnx.export import to_onnx
from .predictions import predict_to_parquet
from .safe.save import load, save

__all__ = ["load", "predict_to_parquet", "save", "to_onnx"]
