"""From X, y and weights to the arrays that a network reads, and back to labels."""

from .encoder import Encoded, TableEncoder
from .features import read_features
from .frames import is_polars, to_pandas
from .labels import MAX_INTEGER_CLASSES, Labels, TargetForm, as_frame, read_targets
from .numeric import NUMERIC_EMBEDDINGS, EmbeddingMaker
from .table import Table
from .targets import TargetEncoder, check_type
from .weights import label_weights, read_weights, weigh

__all__ = [
    "MAX_INTEGER_CLASSES",
    "NUMERIC_EMBEDDINGS",
    "EmbeddingMaker",
    "Encoded",
    "Labels",
    "Table",
    "TableEncoder",
    "TargetEncoder",
    "TargetForm",
    "as_frame",
    "check_type",
    "is_polars",
    "label_weights",
    "read_features",
    "read_targets",
    "read_weights",
    "to_pandas",
    "weigh",
]
