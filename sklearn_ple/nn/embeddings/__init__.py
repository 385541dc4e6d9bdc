"""Embeddings turn category codes or numbers into vectors; each member has its own."""

from .categorical import CategoricalEmbedding
from .piecewise import NumericEmbedding

__all__ = ["CategoricalEmbedding", "NumericEmbedding"]
