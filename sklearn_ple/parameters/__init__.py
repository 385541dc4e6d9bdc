"""Parameters of the estimators: those that all share, and how a class declares its own."""

from .comparison import differences, for_another_task, of_network
from .constraints import (
    COUNT,
    COUNT_OR_ZERO,
    NOT_NEGATIVE,
    POSITIVE,
    Listed,
    Number,
    Widths,
)
from .fields import parameter, with_parameters
from .shared import WIDTHS, Parameters, class_weight

__all__ = [
    "COUNT",
    "COUNT_OR_ZERO",
    "NOT_NEGATIVE",
    "POSITIVE",
    "WIDTHS",
    "Listed",
    "Number",
    "Parameters",
    "Widths",
    "class_weight",
    "differences",
    "for_another_task",
    "of_network",
    "parameter",
    "with_parameters",
]
