"""Tables larger than memory, in files that are read a block of rows at a time."""

from .fit import read_files, read_table, rows_of
from .predict import outputs_and_labels, predicted_blocks
from .table import AnyTable, StreamedTable

__all__ = [
    "AnyTable",
    "StreamedTable",
    "outputs_and_labels",
    "predicted_blocks",
    "read_files",
    "read_table",
    "rows_of",
]
