"""Reports on fitted estimators as HTML pages, with scores, plots and explanations."""

from .report import MultiTaskReport

__all__ = ["MultiTaskReport"]
