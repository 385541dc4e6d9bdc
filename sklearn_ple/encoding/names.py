"""The names of columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence


def check_unique(what: str, names: Sequence[str]) -> None:
    """Raise a ValueError if names of columns occur more than once; it starts with ``what``."""
    if twice := [name for name, times in Counter(names).items() if times > 1]:
        raise ValueError(f"{what} has several columns of each name in {twice}: rename them.")
