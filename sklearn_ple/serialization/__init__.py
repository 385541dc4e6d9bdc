"""Conversion of estimators to plain data and arrays and back, for safe files and for skops."""

from .audited import as_attributes, attributes_of_state, state_of_attributes
from .model import FORMAT_VERSION, NOT_SAVED, check_format, from_plain, to_plain
from .values import Reader, Writer, named

__all__ = [
    "FORMAT_VERSION",
    "NOT_SAVED",
    "Reader",
    "Writer",
    "as_attributes",
    "attributes_of_state",
    "check_format",
    "from_plain",
    "named",
    "state_of_attributes",
    "to_plain",
]
