"""What a training needs of a table."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..encoding import TableEncoder
from .plan import Plan
from .validation import Validation


class Prepared(NamedTuple):
    """What a training needs of a table, which itself can be freed.

    Attributes
    ----------
    rows : TableRows or ShuffledRows
        All rows.
    train : TableRows or ShuffledRows
        The rows to train on.
    validation : Validation or None
        The validation; None without one.
    of_all : TableEncoder or None
        The encoder of a second training, on all rows; None without one.
    plan : Plan
        The plan of the training.
    whole : Plan
        The plan for all rows.
    """

    rows: Any
    train: Any
    validation: Validation | None
    of_all: TableEncoder | None
    plan: Plan
    whole: Plan
