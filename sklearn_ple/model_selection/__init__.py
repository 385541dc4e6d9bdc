"""Splits that are stratified by all tasks, and cross-validated predictions."""

from .predict import cross_val_predict
from .split import MultiTaskKFold, MultiTaskShuffleSplit, train_test_split

__all__ = ["MultiTaskKFold", "MultiTaskShuffleSplit", "cross_val_predict", "train_test_split"]
