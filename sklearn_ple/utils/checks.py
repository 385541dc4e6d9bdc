"""Checks that several modules share, and what their messages have in common."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from inspect import signature
from numbers import Integral
from types import MethodType
from typing import Any, TypeVar, cast

import numpy as np
import pandas as pd

from ._sklearn import _num_samples

_Method = TypeVar("_Method", bound=Callable[..., Any])


def check_integer(name: str, value: object) -> None:
    """Raise a ValueError unless an argument is a positive integer."""
    if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < 1:
        raise ValueError(f"{name} must be an integer, 1 or more, not {shown(value)}.")


def check_frame(name: str, value: object, columns: Iterable[str]) -> None:
    """Raise an error unless an argument is a data frame of pandas with some columns."""
    if not isinstance(value, pd.DataFrame):
        raise TypeError(f"{name} must be a DataFrame, not {type(value).__name__}.")
    if lacking := [column for column in columns if column not in value.columns]:
        raise ValueError(f"{name} lacks the columns {lacking}: add them.")


def check_lengths(**arguments: object) -> None:
    """Raise an error that names the arguments, unless they have the same number of rows.

    After the first argument, those that are None are left out.
    """
    lengths: dict[str, int] = {}
    for name, value in arguments.items():
        if value is not None or not lengths:
            with naming(name):
                lengths[name] = _num_samples(value)
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise ValueError(f"Found arguments with inconsistent numbers of samples: {found}.")


def check_rows(what: str, rows: np.ndarray, n_rows: int) -> None:
    """Raise a ValueError that starts with ``what``, unless an array holds numbers of rows of X."""
    if rows.ndim != 1 or rows.dtype.kind not in "iu":
        raise ValueError(f"{what} yields {rows!r}; expected numbers of rows.")
    if len(rows) and not (rows.min() >= 0 and rows.max() < n_rows):
        raise ValueError(f"{what} yields numbers of rows beyond the {n_rows} rows of X.")


def check_unique(what: str, names: Sequence[str]) -> None:
    """Raise a ValueError if names of columns occur more than once; it starts with ``what``."""
    if twice := [name for name, times in Counter(names).items() if times > 1]:
        raise ValueError(f"{what} has several columns of each name in {twice}: rename them.")


def hinting(**hints: str) -> Callable[[_Method], _Method]:
    """Decorate a method whose users may pass arguments that other packages know.

    Parameters
    ----------
    **hints : str
        What to pass instead, by the name of such an argument.

    Returns
    -------
    decorate : callable
        The decorator of the method, which then raises a TypeError that says so.
    """

    def decorate(method: _Method) -> _Method:
        @wraps(method)
        def call(self: object, *args: Any, **kwargs: Any) -> Any:
            for name in kwargs.keys() & hints.keys():
                what = type(self).__name__
                if method.__name__ != "__init__":
                    what += f".{method.__name__}"
                raise TypeError(f"{what} has no argument {name!r}: {hints[name]}.")
            return method(self, *args, **kwargs)

        return cast(_Method, call)

    return decorate


def shown(value: object) -> str:
    """Show a value in a message, without the types of NumPy's numbers and strings."""
    with np.printoptions(legacy="1.25"):
        return repr(value)


def described(result: object) -> str:
    """Describe a value for a message: its type and, if it has one, its shape."""
    kind = f"a value of type {type(result).__name__}"
    return f"{kind} and shape {tuple(result.shape)}" if hasattr(result, "shape") else kind


@contextmanager
def naming(what: str) -> Iterator[None]:
    """Context manager in which errors name what they concern: before their message, or in it."""
    try:
        yield
    except UnicodeEncodeError as error:
        # Columns of text in pandas 3 cannot hold it, and neither can files.
        raise ValueError(
            f"{what} holds {error.object!r}, with half of a surrogate pair, which is no valid "
            "text: replace it."
        ) from error
    except (TypeError, ValueError, OverflowError) as error:
        # Names such as "classes" are also ordinary words within a message.
        find = re.match if re.fullmatch("[a-z]{2,}", what) else re.search
        is_named = find(rf"(?<!\w){re.escape(what)}(?!\w)", str(error))
        if is_named and not isinstance(error, OverflowError):
            raise
        # Invalid parameters are errors of both kinds.
        kind = ValueError if isinstance(error, (ValueError, OverflowError)) else TypeError
        raise kind(f"{what}: {error}") from error


def is_ours(cls: type) -> bool:
    """Return whether a class is of this package, and not a user's own."""
    return cls.__module__.partition(".")[0] == __name__.partition(".")[0]


def show_options(value: object) -> str:
    """Return an object's parameters that are kept under their names, such as "power=1.2"."""
    kept = {n: getattr(value, n) for n in signature(type(value)).parameters if hasattr(value, n)}
    # A parameter may have the name of a method, whose representation is that of the object.
    return ", ".join(
        f"{name}={shown(v)}" for name, v in kept.items() if not isinstance(v, MethodType)
    )
