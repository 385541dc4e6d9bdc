"""Constraints on the values of parameters, in addition to those of scikit-learn."""

from collections.abc import Callable, Mapping, Set
from functools import partial
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


class Condition(HasMethods):
    """A condition on a value, and the words for the values that meet it.

    Parameters
    ----------
    words : str
        What errors say that the value must be.
    holds : callable
        Function that returns whether a value meets the condition.
    """

    def __init__(self, words: str, holds: Callable[[Any], bool]):
        super().__init__([])
        self.words = words
        self.holds = holds

    def is_satisfied_by(self, val: Any) -> bool:
        """Return whether a value meets the condition."""
        return self.holds(val)

    def __str__(self) -> str:
        return self.words


#: Ranges of parameters that are numbers.
COUNT = Number(Integral, 1, None, closed="left")
COUNT_OR_ZERO = Number(Integral, 0, None, closed="left")
POSITIVE = Number(Real, 0, None, closed="neither")
NOT_NEGATIVE = Number(Real, 0, None, closed="left")


def is_listed(value: Any) -> bool:
    """Return whether a value contains entries in an order, unlike a dict, a set or a text."""
    in_order = not isinstance(value, (str, bytes, Mapping, Set, type))
    has_entries = hasattr(value, "__len__") and hasattr(value, "__iter__")
    return in_order and has_entries and getattr(value, "ndim", 1) > 0


def are_widths(value: Any, by_level: bool = False) -> bool:
    """Return whether a value lists widths of layers, or such lists ``by_level``."""
    return is_listed(value) and all(
        COUNT.is_satisfied_by(entry) or (by_level and are_widths(entry)) for entry in value
    )


def is_splitter(value: Any) -> bool:
    """Return whether a value is a splitter of scikit-learn, but not its class."""
    has_methods = hasattr(value, "split") and hasattr(value, "get_n_splits")
    return has_methods and not isinstance(value, type)


#: Values with entries in an order.
LISTED = Condition("a list, a tuple or an array", is_listed)
#: Widths of layers, the same at all levels or perhaps different ones.
LAYER_WIDTHS = Condition(f"{LISTED} of whole numbers, 1 or more", are_widths)
LAYER_WIDTHS_BY_LEVEL = Condition(
    f"{LAYER_WIDTHS}, or of such lists by level", partial(are_widths, by_level=True)
)
#: Splitters of scikit-learn.
SPLITTER = Condition("a splitter of scikit-learn, such as KFold()", is_splitter)
#: Aggregators of TorchJD.
AGGREGATOR = Condition(
    "an aggregator of TorchJD that weighs gradients, such as UPGrad()", weighs_gradients
)
