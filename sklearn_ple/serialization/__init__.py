"""A fitted estimator as plain data and arrays, and back."""

from .formats import FORMAT_VERSION, check_format
from .model import CODECS, KNOWN, NOT_SAVED, from_plain, to_plain
from .values import Reader, Writer, named

__all__ = [
    "CODECS",
    "FORMAT_VERSION",
    "KNOWN",
    "NOT_SAVED",
    "Reader",
    "Writer",
    "check_format",
    "from_plain",
    "named",
    "to_plain",
]
