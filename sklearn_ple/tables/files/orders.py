"""The order of a column's categories, if each file may list only some of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..kinds import kinds_by_task, split_kind
from ..order import merged_order
from .units import Unit

# Kinds for which the order matters; of "auto", the order may make an ordinal task.
_IN_ORDER = ("auto", "ordinal")
# Largest number of orders that a message shows.
_MOST_SHOWN = 3


def ordered_targets(task_types: Any, names: Sequence[str]) -> set[str]:
    """Return the names of targets whose kind may depend on the order of their categories.

    These are ordinal tasks, tasks whose kind is still to be determined, and tasks of a user's own
    class.
    """
    entries = kinds_by_task(task_types, names)
    kinds = {name: split_kind(entry)[0] for name, entry in entries.items()}
    return {n for n, kind in kinds.items() if not isinstance(kind, str) or kind in _IN_ORDER}


class Orders:
    """The orders in which the units of a dataset list the categories of a column.

    Parameters
    ----------
    name : str
        Name of the column.
    """

    def __init__(self, name: str):
        self.name = name
        # Where each order was seen first, and whether it is the order of the categories.
        self._seen: dict[tuple, tuple[Unit, bool]] = {}

    def add(self, unit: Unit, values: Sequence[Any]) -> None:
        """Add the order in which a unit lists categories."""
        order = tuple(values)
        if order not in self._seen:
            self._seen[order] = unit, unit.keeps_order(self.name)

    def merge(self) -> list[Any]:
        """Return the only order of all categories that agrees with those of the units.

        Raises
        ------
        ValueError
            If there are more than two categories, and more than one such order or none.
        """
        orders: list[Sequence[Any]] = []
        for values, (_, is_kept) in self._seen.items():
            orders += [values] if is_kept else [[value] for value in values]
        if (merged := merged_order(orders)) is not None:
            return merged
        categories = list(dict.fromkeys(value for order in self._seen for value in order))
        # Two categories make a binary task, which needs no order.
        if len(categories) <= 2:
            return categories
        raise ValueError(
            f"The categories of column {self.name!r} have no single order: {self._shown()}. Write "
            "all files with the same categories and with dictionary encoding, or pass "
            f"task_types={{{self.name!r}: 'multiclass'}}."
        )

    def _shown(self) -> str:
        shown = [
            f"{list(values)} in {unit}" + ("" if is_kept else ", which keeps no order")
            for values, (unit, is_kept) in self._seen.items()
        ]
        n_more = len(shown) - _MOST_SHOWN
        return "; ".join(shown[:_MOST_SHOWN]) + (f"; and {n_more} more" if n_more > 0 else "")
