"""How the losses of several tasks become one step of training."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ..tasks import Task
from .balancer import Balancer, WeightedSum
from .batch import Batch
from .dynamic import DynamicWeightAveraging
from .famo import FAMO
from .geometric import GeometricMean
from .gradients import GRADIENT_METHODS, GradientBalancer, weighs_gradients
from .random import RandomWeighting
from .representation import Representation, cut_below
from .uncertainty import UncertaintyWeighting

__all__ = [
    "BALANCERS",
    "FAMO",
    "GRADIENT_METHODS",
    "Balancer",
    "Batch",
    "DynamicWeightAveraging",
    "GeometricMean",
    "GradientBalancer",
    "RandomWeighting",
    "Representation",
    "UncertaintyWeighting",
    "WeightedSum",
    "cut_below",
    "make_balancer",
    "weighs_gradients",
]

#: The balancers by the names that ``balancing`` takes.
BALANCERS: dict[str, Callable[[], Balancer]] = {
    "equal": WeightedSum,
    "uncertainty": UncertaintyWeighting,
    "dwa": DynamicWeightAveraging,
    "famo": FAMO,
    "geometric": GeometricMean,
    "random": RandomWeighting,
    **{method: partial(GradientBalancer, method) for method in GRADIENT_METHODS},
}


def make_balancer(balancing: Any, tasks: Sequence[Task], n_members: int) -> Balancer:
    """Make the balancer of a name or of an aggregator, or copy a user's own.

    Parameters
    ----------
    balancing : str, Balancer or WeightedAggregator of TorchJD
        As the estimators take it.
    tasks : sequence of Task
        The tasks, fitted.
    n_members : int
        Number of members.

    Returns
    -------
    Balancer
        One of its own for a training, started.
    """
    if isinstance(balancing, str):
        balancer = BALANCERS[balancing]()
    elif isinstance(balancing, Balancer):
        balancer = copy.deepcopy(balancing)
    else:
        balancer = GradientBalancer(balancing)
    balancer.start(tasks, n_members)
    return balancer
