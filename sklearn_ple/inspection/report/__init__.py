"""A report on a fitted estimator as an HTML page: its scores, pictures and words."""

from .report import MultiTaskReport

__all__ = ["MultiTaskReport"]
