"""Constraints on the values of parameters, in addition to those of scikit-learn."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from functools import partial, wraps
from inspect import signature
from numbers import Integral, Real
from typing import Any, TypeGuard, TypeVar

import numpy as np
from scipy.sparse import issparse

from ._sklearn import HasMethods, Interval, validate_parameter_constraints

_Function = TypeVar("_Function", bound=Callable[..., Any])

#: The greatest whole number. Products of two such numbers do not overflow in torch.
LARGEST = 2**31 - 1


class NumberInterval(Interval):
    """Numbers of Python or numpy in an interval.

    Bools are not accepted, although Python treats them as 0 and 1, nor are objects of Python's
    ``Fraction``, which numpy does not support, nor integers that do not fit into 64 bits, which
    torch does not support. The parameters are those of scikit-learn's ``Interval``.
    """

    def is_satisfied_by(self, val: object) -> bool:
        """Return whether a value is a number in the interval."""
        is_number = isinstance(val, (int, float, np.number)) and not isinstance(val, bool)
        fits = not isinstance(val, int) or -(2**63) <= val < 2**63
        return is_number and fits and super().is_satisfied_by(val)


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

    def is_satisfied_by(self, val: object) -> bool:
        """Return whether a value meets the condition."""
        return self.holds(val)

    def __str__(self) -> str:
        return self.words


def at_least(least: int) -> NumberInterval:
    """Return the constraint of whole numbers that are neither too small nor too large."""
    return NumberInterval(Integral, least, LARGEST, closed="both")


#: Ranges of parameters that are numbers.
COUNT = at_least(1)
COUNT_OR_ZERO = at_least(0)
POSITIVE = NumberInterval(Real, 0, None, closed="neither")
NOT_NEGATIVE = NumberInterval(Real, 0, None, closed="left")
BETWEEN_0_AND_1 = NumberInterval(Real, 0, 1, closed="neither")


def is_listed(value: object) -> TypeGuard[Sequence[Any]]:
    """Return whether a value contains entries in an order, unlike a dict, a set or a text."""
    # Sparse arrays have no length.
    in_order = not isinstance(value, (str, bytes, Mapping, Set, type)) and not issparse(value)
    has_entries = hasattr(value, "__len__") and hasattr(value, "__iter__")
    return in_order and has_entries and getattr(value, "ndim", 1) > 0


def are_widths(value: object, by_level: bool = False) -> bool:
    """Return whether a value lists widths of layers, or such lists ``by_level``."""
    return is_listed(value) and all(
        COUNT.is_satisfied_by(entry) or (by_level and are_widths(entry)) for entry in value
    )


def is_valid_path(value: object) -> bool:
    """Return whether a value is a path, which every system refuses with a null character."""
    path = os.fspath(value) if isinstance(value, (str, os.PathLike)) else ""
    try:
        encoded = os.fsencode(path) if isinstance(path, str) else b""
    except UnicodeEncodeError:
        return False
    return encoded != b"" and b"\0" not in encoded


def is_estimator(value: object) -> bool:
    """Return whether a value is an estimator, but not its class."""
    return hasattr(value, "fit") and not isinstance(value, type)


def is_splitter(value: object) -> bool:
    """Return whether a value is a splitter of scikit-learn, but not its class."""
    has_methods = hasattr(value, "split") and hasattr(value, "get_n_splits")
    return has_methods and not isinstance(value, type)


def are_splits(value: object) -> bool:
    """Return whether a value lists or generates pairs of training rows and test rows."""
    if is_listed(value):
        return len(value) > 0 and all(is_listed(pair) and len(pair) == 2 for pair in value)
    is_other = isinstance(value, (str, bytes, Mapping, Set, np.ndarray))
    # scikit-learn takes what has a method "split", such as a tensor, for a splitter.
    return isinstance(value, Iterable) and not is_other and not hasattr(value, "split")


#: Numbers of jobs of joblib.
N_JOBS = [COUNT, NumberInterval(Integral, None, -1, closed="right"), None]
#: Fitted estimators, or estimators to fit, but not their classes.
ESTIMATOR = Condition("an instance of an estimator", is_estimator)
#: Values with entries in an order.
LISTED = Condition("a list, a tuple or an array", is_listed)
#: Widths of layers, the same at all levels or perhaps different ones.
LAYER_WIDTHS = Condition(f"{LISTED} of whole numbers, 1 or more", are_widths)
LAYER_WIDTHS_BY_LEVEL = Condition(
    f"{LAYER_WIDTHS}, or of such lists by level", partial(are_widths, by_level=True)
)
#: Splitters of scikit-learn.
SPLITTER = Condition("a splitter of scikit-learn, such as KFold()", is_splitter)
#: What a parameter ``cv`` accepts.
CV = [at_least(2), SPLITTER, Condition("pairs of training rows and test rows", are_splits), None]
#: Paths of files and folders.
PATH = Condition("a path of valid text that is not empty and has no null character", is_valid_path)


def check_arguments(**constraints: list[Any]) -> Callable[[_Function], _Function]:
    """Decorate a public function or method, so that arguments are checked first.

    Unlike scikit-learn's ``validate_params``, it leaves errors of inner estimators as they are.

    Parameters
    ----------
    **constraints : list
        The values that are allowed, by the name of the parameter, as in scikit-learn's
        ``_parameter_constraints``.

    Returns
    -------
    callable
        The decorator.
    """

    def decorate(function: Any) -> Any:
        parameters = signature(function)
        name = function.__qualname__.removesuffix(".__init__").rpartition(".")[2]

        @wraps(function)
        def checked(*args: Any, **kwargs: Any) -> Any:
            given = parameters.bind_partial(*args, **kwargs).arguments
            chosen = {key: value for key, value in given.items() if key in constraints}
            validate_parameter_constraints(constraints, chosen, caller_name=name)
            return function(*args, **kwargs)

        return checked

    return decorate
