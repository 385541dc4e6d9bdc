"""Encoding: from X, y and weights to the arrays that a network reads, and back to labels."""

from .arrow import dictionary_values, storable, to_storable
from .categories import UnknownColumns
from .dependence import dependent_pairs
from .encoder import Encoded, TableEncoder
from .form import TargetForm
from .frames import is_arrow, is_dataset, is_polars, take_rows, takeable, to_pandas
from .groups import read_groups
from .growth import grow
from .kinds import has_classes, ignored_by, kinds_by_task, learnt_columns, split_kind
from .labels import Labels, as_frame, join_labels, numbers_are_classes, read_targets
from .mistakes import warn_of_order
from .numeric import NUMERIC_EMBEDDINGS, EmbeddingMaker
from .order import merged_order
from .reading import check_in_memory, read_features
from .scaling import TooLargeError, is_number
from .statistics import N_PARTS, OrderedStatistics, TargetStatistics, beside
from .table import Table
from .targets import TargetEncoder, check_type
from .weights import balanced_by, label_weights, read_weights, weigh

__all__ = [
    "NUMERIC_EMBEDDINGS",
    "N_PARTS",
    "EmbeddingMaker",
    "Encoded",
    "Labels",
    "OrderedStatistics",
    "Table",
    "TableEncoder",
    "TargetEncoder",
    "TargetForm",
    "TargetStatistics",
    "TooLargeError",
    "UnknownColumns",
    "as_frame",
    "balanced_by",
    "beside",
    "check_in_memory",
    "check_type",
    "dependent_pairs",
    "dictionary_values",
    "grow",
    "has_classes",
    "ignored_by",
    "is_arrow",
    "is_dataset",
    "is_number",
    "is_polars",
    "join_labels",
    "kinds_by_task",
    "label_weights",
    "learnt_columns",
    "merged_order",
    "numbers_are_classes",
    "read_features",
    "read_groups",
    "read_targets",
    "read_weights",
    "split_kind",
    "storable",
    "take_rows",
    "takeable",
    "to_pandas",
    "to_storable",
    "warn_of_order",
    "weigh",
]
