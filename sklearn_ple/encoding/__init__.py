"""Encoding: from the rows of a table to the arrays that a network reads, and back to labels."""

from .numeric import EmbeddingMaker

__all__ = ["EmbeddingMaker"]
