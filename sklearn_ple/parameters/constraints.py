"""Constraints on the values of parameters, in addition to those of scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping, Set
from numbers import Integral, Real
from typing import Any

import numpy as np

from ..balancing import weighs_gradients
from ..utils._sklearn import HasMethods, Interval


class Number(Interval):
    """Numbers of Python or numpy in an interval.

    Bools are not accepted, although Python treats them as 0 and 1, nor are objects of Python's
    ``Fraction``, which numpy does not support. The parameters are those of scikit-learn's
    ``Interval``.
    """

    def is_satisfied_by(self, val: Any) -> bool:
        """Return whether a value is a number in the interval."""
        is_number = isinstance(val, (int, float, np.number)) and not isinstance(val, bool)
        return is_number and super().is_satisfied_by(val)


class Listed(HasMethods):
    """A list, tuple, array or similar, whose entries have an order, unlike a dict or set."""

    def __init__(self) -> None:
        super().__init__(["__len__", "__iter__"])

    def is_satisfied_by(self, val: Any) -> bool:
        """Return whether a value contains entries in an order."""
        in_order = not isinstance(val, (str, bytes, Mapping, Set, type))
        return in_order and getattr(val, "ndim", 1) > 0 and super().is_satisfied_by(val)

    def __str__(self) -> str:
        return "a list, a tuple or an array"


class Splitter(HasMethods):
    """A splitter of scikit-learn, such as ``KFold()``: an instance, not the class."""

    def __init__(self) -> None:
        super().__init__(["split", "get_n_splits"])

    def is_satisfied_by(self, val: Any) -> bool:
        """Return whether a value is a splitter."""
        return not isinstance(val, type) and super().is_satisfied_by(val)

    def __str__(self) -> str:
        return "a splitter of scikit-learn, such as KFold()"


class Aggregator(HasMethods):
    """An aggregator of TorchJD that weighs gradients."""

    def __init__(self) -> None:
        super().__init__(["forward"])

    def is_satisfied_by(self, val: Any) -> bool:
        """Return whether a value is an aggregator that weighs gradients."""
        return weighs_gradients(val)

    def __str__(self) -> str:
        return "an aggregator of TorchJD that weighs gradients, such as UPGrad()"


class Widths(Listed):
    """Widths of layers: a sequence of whole numbers, 1 or more.

    Parameters
    ----------
    by_level : bool, default=False
        Whether an entry may also be a sequence, the widths of the layers of a level.
    """

    def __init__(self, by_level: bool = False):
        super().__init__()
        self.by_level = by_level

    def is_satisfied_by(self, val: Any) -> bool:
        """Return whether a value is a sequence of widths."""
        return super().is_satisfied_by(val) and all(
            COUNT.is_satisfied_by(entry) or (self.by_level and Widths().is_satisfied_by(entry))
            for entry in val
        )

    def __str__(self) -> str:
        return f"{super().__str__()} of whole numbers, 1 or more" + (
            ", or of such lists by level" if self.by_level else ""
        )


#: Ranges of parameters that are numbers.
COUNT = Number(Integral, 1, None, closed="left")
COUNT_OR_ZERO = Number(Integral, 0, None, closed="left")
POSITIVE = Number(Real, 0, None, closed="neither")
NOT_NEGATIVE = Number(Real, 0, None, closed="left")
