"""The order of a column's categories, if each file may list only some of them."""

from collections.abc import Sequence
from typing import Any

from ..category_order import merge_orders
from ..kinds import assign_kinds, split_kind
from .row_groups import RowGroup

# Kinds for which the order matters; of "auto", the order may make an ordinal task.
_IN_ORDER = ("auto", "ordinal")
# Largest number of orders that a message shows.
_MOST_SHOWN = 3


def find_ordered_targets(task_types: Any, names: Sequence[str]) -> set[str]:
    """Return the names of targets whose kind may depend on the order of their categories.

    These are ordinal tasks, tasks whose kind is still to be determined, and tasks of a user's own
    class.
    """
    entries = assign_kinds(task_types, names)
    kinds = {name: split_kind(entry)[0] for name, entry in entries.items()}
    return {n for n, kind in kinds.items() if not isinstance(kind, str) or kind in _IN_ORDER}


class CategoryOrders:
    """The orders in which the row groups of a dataset list the categories of a column.

    Parameters
    ----------
    name : str
        Name of the column.
    """

    def __init__(self, name: str):
        self.name = name
        # Where each order was seen first, and whether it is the order of the categories.
        self._seen: dict[tuple, tuple[RowGroup, bool]] = {}

    def add(self, group: RowGroup, values: Sequence[Any]) -> None:
        """Add the order in which a row group lists categories."""
        order = tuple(values)
        if order not in self._seen:
            self._seen[order] = group, group.keeps_order(self.name)

    def merge(self) -> list[Any]:
        """Return the only order of all categories that agrees with those of the row groups.

        Raises
        ------
        ValueError
            If there are more than two categories, and more than one such order or none.
        """
        orders: list[Sequence[Any]] = []
        for values, (_, is_kept) in self._seen.items():
            orders += [values] if is_kept else [[value] for value in values]
        if (merged := merge_orders(orders)) is not None:
            return merged
        categories = list(dict.fromkeys(value for order in self._seen for value in order))
        # Two categories make a binary task, which needs no order.
        if len(categories) <= 2:
            return categories
        raise ValueError(
            f"The categories of column {self.name!r} have no single order: {self._show()}. Write "
            "all files with the same categories and with dictionary encoding, or pass "
            f"task_types={{{self.name!r}: 'multiclass'}}."
        )

    def _show(self) -> str:
        shown = [
            f"{list(values)} in {group}" + ("" if is_kept else ", which keeps no order")
            for values, (group, is_kept) in self._seen.items()
        ]
        n_more = len(shown) - _MOST_SHOWN
        return "; ".join(shown[:_MOST_SHOWN]) + (f"; and {n_more} more" if n_more > 0 else "")
