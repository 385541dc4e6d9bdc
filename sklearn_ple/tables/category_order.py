"""The order of categories that several lists have in common."""

from collections.abc import Sequence
from contextlib import suppress
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import Any


def merge_orders(orders: Sequence[Sequence[Any]]) -> list[Any] | None:
    """Return the only order of all values that agrees with several orders; None without one."""
    follows = {pair for order in orders for pair in pairwise(order)}
    sorter = TopologicalSorter({value: () for order in orders for value in order})
    for value, following in follows:
        sorter.add(following, value)
    with suppress(CycleError):
        merged = list(sorter.static_order())
        # There is no other order if each value follows the one before it in one of the orders.
        if follows.issuperset(pairwise(merged)):
            return merged
    return None
