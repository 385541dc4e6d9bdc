"""Checks that several modules share, and the context that names what an error concerns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any


def check_integer(name: str, value: Any, least: int = 1) -> None:
    """Raise a ValueError unless an argument is an integer that is large enough."""
    is_integer = isinstance(value, Integral) and not isinstance(value, bool)
    if not is_integer or int(value) < least:
        raise ValueError(f"{name} must be an integer, {least} or more, not {value!r}.")


def check_confidence(value: Any) -> None:
    """Raise a ValueError unless the argument ``confidence`` is a share."""
    if not isinstance(value, Real) or not 0 < float(value) < 1:
        raise ValueError(f"confidence must be between 0 and 1, not {value!r}.")


def check_named(estimators: Any) -> None:
    """Raise an error unless the argument ``estimators`` names one estimator or more."""
    if not isinstance(estimators, Mapping):
        raise TypeError(
            f"estimators must be a dict from names to estimators, not {type(estimators).__name__}."
        )
    if not estimators:
        raise ValueError("estimators is empty: name the estimators to compare.")


@contextmanager
def naming(what: str) -> Iterator[None]:
    """Context manager that puts before the message of an error what it concerns."""
    try:
        yield
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{what}: {error}") from error


def is_ours(cls: type) -> bool:
    """Return whether a class is of this package, and not a user's own."""
    return cls.__module__.partition(".")[0] == __name__.partition(".")[0]
