"""Embeddings: from category codes or numbers to vectors, one set of them for each member."""

from .categorical import CategoricalEmbedding
from .periodic import PeriodicEmbedding
from .piecewise import NumericEmbedding
from .quantile import QuantileEmbedding

__all__ = ["CategoricalEmbedding", "NumericEmbedding", "PeriodicEmbedding", "QuantileEmbedding"]
