"""Balancers: they turn the losses of several tasks into one step of training."""

import copy
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ..tasks import Task
from ..utils.checks import naming
from .balancer import Balancer, Batch, WeightedSum
from .famo import FAMO
from .geometric import GeometricMean
from .gradients import GRADIENT_METHODS, GradientBalancer, weighs_gradients
from .representation import Representation, cut_below
from .uncertainty import UncertaintyWeighting

if TYPE_CHECKING:
    from torchjd.aggregation import GramianWeightedAggregator

__all__ = [
    "FAMO",
    "Balancer",
    "Batch",
    "GeometricMean",
    "GradientBalancer",
    "UncertaintyWeighting",
    "WeightedSum",
]

#: The balancers, by the names that ``balancing`` accepts.
BALANCERS: dict[str, Callable[[], Balancer]] = {
    "equal": WeightedSum,
    "uncertainty": UncertaintyWeighting,
    "famo": FAMO,
    "geometric": GeometricMean,
    **{method: partial(GradientBalancer, method) for method in GRADIENT_METHODS},
}


def make_balancer(
    balancing: "str | Balancer | GramianWeightedAggregator", tasks: Sequence[Task], n_members: int
) -> Balancer:
    """Make the balancer of one training.

    Parameters
    ----------
    balancing : str, Balancer or GramianWeightedAggregator of TorchJD
        The parameter of the estimators. A balancer is copied.
    tasks : sequence of Task
        The fitted tasks.
    n_members : int
        Number of members of the ensemble.

    Returns
    -------
    Balancer
        The balancer, whose `start` has been called.

    Raises
    ------
    TypeError
        If a balancer has not been initialised as a torch module.
    """
    if isinstance(balancing, str):
        balancer = BALANCERS[balancing]()
    elif isinstance(balancing, Balancer):
        if "_parameters" not in vars(balancing):
            raise TypeError(
                f"{type(balancing).__name__}.__init__ must begin with super().__init__()."
            )
        with naming("balancing"):
            balancer = copy.deepcopy(balancing)
    else:
        balancer = GradientBalancer(balancing)
    balancer.start(tasks, n_members)
    return balancer
