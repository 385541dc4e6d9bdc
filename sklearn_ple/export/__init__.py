"""Models as files for elsewhere: a safe file of a fitted estimator."""

from .model import load, save

__all__ = ["load", "save"]
