"""ONNX files of fitted estimators, which predict without Python."""
