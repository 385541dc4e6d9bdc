"""How the losses of several tasks become one step: weights over time, and balancers."""

from __future__ import annotations

import copy

from .balancer import Balancer, WeightedSum
from .task_weights import TaskWeights

__all__ = ["BALANCERS", "Balancer", "TaskWeights", "WeightedSum", "make_balancer"]

#: The balancers by the names that ``balancing`` takes.
BALANCERS: dict[str, type[Balancer]] = {"equal": WeightedSum}


def make_balancer(balancing: str | Balancer, n_tasks: int) -> Balancer:
    """Make the balancer of a name, or copy a user's own, for a number of tasks."""
    own = BALANCERS[balancing]() if isinstance(balancing, str) else balancing
    balancer = copy.deepcopy(own)
    balancer.start(n_tasks)
    return balancer
