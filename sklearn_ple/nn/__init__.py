"""The networks, in pure torch: they know nothing of missing labels, data frames or names."""

from .dropout import MemberDropout, member_rates
from .embedding import CategoricalEmbedding, TabularNetwork
from .mlp import ACTIVATIONS, BatchedLinear, BatchedMLP
from .numbers import NumericEmbedding, PeriodicEmbedding
from .ple import PLE
from .quantile import QuantileEmbedding
from .towers import Towers

__all__ = [
    "ACTIVATIONS",
    "PLE",
    "BatchedLinear",
    "BatchedMLP",
    "CategoricalEmbedding",
    "MemberDropout",
    "NumericEmbedding",
    "PeriodicEmbedding",
    "QuantileEmbedding",
    "TabularNetwork",
    "Towers",
    "member_rates",
]
