"""Splits that are balanced for all tasks, and predictions of rows that were held out."""

from .predict import cross_val_predict
from .split import MultiTaskKFold, MultiTaskShuffleSplit, train_test_split

__all__ = ["MultiTaskKFold", "MultiTaskShuffleSplit", "cross_val_predict", "train_test_split"]
