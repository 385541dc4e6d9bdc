"""How the losses of several tasks become one step of training."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

from ..tasks import Task
from .balancer import Balancer, WeightedSum
from .batch import Batch
from .representation import Representation, cut_below

__all__ = [
    "BALANCERS",
    "Balancer",
    "Batch",
    "Representation",
    "WeightedSum",
    "cut_below",
    "make_balancer",
]

#: The balancers by the names that ``balancing`` takes.
BALANCERS: dict[str, Callable[[], Balancer]] = {"equal": WeightedSum}


def make_balancer(balancing: str | Balancer, tasks: Sequence[Task], n_members: int) -> Balancer:
    """Make the balancer of a name, or copy a user's own, for the tasks of some members."""
    own = BALANCERS[balancing]() if isinstance(balancing, str) else balancing
    balancer = copy.deepcopy(own)
    balancer.start(tasks, n_members)
    return balancer
