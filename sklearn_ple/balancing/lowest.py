"""The check that losses are not negative, for balancers that compare their logarithms."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..tasks import Task

# Rounding may leave a loss slightly below zero.
_ROUNDING = 1e-5


class LowestLosses:
    """The lowest loss of each task in an epoch, for methods that need losses of zero or more.

    They are checked once in an epoch: in every step this would make a GPU wait.

    Parameters
    ----------
    tasks : sequence of Task
        The fitted tasks.
    """

    def __init__(self, tasks: Sequence[Task]):
        self.names = [task.name for task in tasks]
        self.lowest: Tensor | None = None

    def add(self, losses: Tensor, labelled: Tensor) -> None:
        """Add the losses of a batch, of shape (n_members, n_tasks)."""
        own = torch.where(labelled, losses, torch.inf).amin(dim=0)
        self.lowest = own if self.lowest is None else torch.minimum(self.lowest, own)

    def check(self) -> None:
        """Raise a ValueError that names the tasks with negative losses, and start anew."""
        lowest = [] if self.lowest is None else self.lowest.tolist()
        self.lowest = None
        pairs = zip(self.names, lowest, strict=False)
        if negative := [name for name, least in pairs if least < -_ROUNDING]:
            raise ValueError(
                f"The losses of the tasks {negative} are negative, and this balancing compares "
                "the logarithms of losses: add a constant to the loss of their kind of task, or "
                'use another balancing, such as "equal".'
            )
