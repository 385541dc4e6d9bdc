"""Which values parameters may take, beyond what scikit-learn has for that."""

from __future__ import annotations

from collections.abc import Mapping, Set
from numbers import Integral
from typing import Any

import numpy as np

from .._sklearn import HasMethods, Interval
from ..balancing import weighs_gradients


class Number(Interval):
    """Numbers of Python or numpy in an interval.

    Bools, which Python counts as 0 and 1, are none, nor are fractions, which numpy does not know.

    The parameters are those of scikit-learn's ``Interval``.
    """

    def is_satisfied_by(self, val: Any) -> bool:
        """Return whether a value is such a number."""
        is_number = isinstance(val, (int, float, np.number)) and not isinstance(val, bool)
        return is_number and super().is_satisfied_by(val)


class Listed(HasMethods):
    """A list, tuple, array or the like: entries in an order, unlike those of a dict or set."""

    def __init__(self) -> None:
        super().__init__(["__len__", "__iter__"])

    def is_satisfied_by(self, val: Any) -> bool:
        """Return whether a value holds entries in an order."""
        in_order = not isinstance(val, (str, bytes, Mapping, Set, type))
        return in_order and getattr(val, "ndim", 1) > 0 and super().is_satisfied_by(val)

    def __str__(self) -> str:
        return "a list, a tuple or an array"


class Splitter(HasMethods):
    """A splitter of rows as scikit-learn has them: an object, not its class."""

    def __init__(self) -> None:
        super().__init__(["split", "get_n_splits"])

    def is_satisfied_by(self, val: Any) -> bool:
        """Return whether a value splits rows."""
        return not isinstance(val, type) and super().is_satisfied_by(val)

    def __str__(self) -> str:
        return "a splitter of scikit-learn, as KFold()"


class Aggregator(HasMethods):
    """An aggregator of TorchJD that weighs gradients."""

    def __init__(self) -> None:
        super().__init__(["forward"])

    def is_satisfied_by(self, val: Any) -> bool:
        """Return whether a value is one."""
        return weighs_gradients(val)

    def __str__(self) -> str:
        return "an aggregator of TorchJD that weighs gradients, as UPGrad()"


class Widths(Listed):
    """The widths of layers: whole numbers, 1 or more, in an order.

    Parameters
    ----------
    by_level : bool, default=False
        Whether entries may also be the widths of each level.
    """

    def __init__(self, by_level: bool = False):
        super().__init__()
        self.by_level = by_level

    def is_satisfied_by(self, val: Any) -> bool:
        """Return whether a value holds widths."""
        return super().is_satisfied_by(val) and all(
            _WIDTH.is_satisfied_by(entry) or (self.by_level and Widths().is_satisfied_by(entry))
            for entry in val
        )

    def __str__(self) -> str:
        return f"{super().__str__()} of whole numbers, 1 or more" + (
            ", or of such lists by level" if self.by_level else ""
        )


_WIDTH = Number(Integral, 1, None, closed="left")
