"""Parameters with one value for all tasks, or one for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def by_task(value: Any, names: Sequence[str], parameter: str, default: Any) -> dict[str, Any]:
    """Return a value for each task, from one for all, a list in order, or a dict by name."""
    if isinstance(value, Mapping):
        if unknown := sorted(set(value) - set(names), key=str):
            raise ValueError(f"{parameter} names {unknown}, but the tasks are {list(names)}.")
        return {name: value.get(name, default) for name in names}
    if value is None:
        return dict.fromkeys(names, default)
    if hasattr(value, "__len__") and not isinstance(value, str):
        if len(value) != len(names):
            raise ValueError(
                f"{parameter} has {len(value)} entries, but there are {len(names)} tasks: "
                f"{list(names)}."
            )
        return dict(zip(names, value, strict=True))
    return dict.fromkeys(names, value)
