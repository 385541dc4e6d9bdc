"""An object that a failure leaves as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def all_or_nothing(obj: Any) -> Iterator[None]:
    """Give an object its attributes back if what follows fails."""
    before = dict(vars(obj))
    try:
        yield
    except BaseException:
        obj.__dict__.clear()
        obj.__dict__.update(before)
        raise
