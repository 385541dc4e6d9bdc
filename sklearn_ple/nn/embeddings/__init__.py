"""Embeddings turn category codes or numbers into vectors; each member has its own."""

from .categorical import CategoricalEmbedding
from .periodic import PeriodicEmbedding
from .piecewise import NumericEmbedding

__all__ = ["CategoricalEmbedding", "NumericEmbedding", "PeriodicEmbedding"]
