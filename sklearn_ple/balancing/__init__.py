"""How the losses of several tasks become one step of training."""

from __future__ import annotations

import copy

from .balancer import Balancer, WeightedSum

__all__ = ["BALANCERS", "Balancer", "WeightedSum", "make_balancer"]

#: The balancers by the names that ``balancing`` takes.
BALANCERS: dict[str, type[Balancer]] = {"equal": WeightedSum}


def make_balancer(balancing: str | Balancer, n_tasks: int) -> Balancer:
    """Make the balancer of a name, or copy a user's own, for a number of tasks."""
    own = BALANCERS[balancing]() if isinstance(balancing, str) else balancing
    balancer = copy.deepcopy(own)
    balancer.start(n_tasks)
    return balancer
