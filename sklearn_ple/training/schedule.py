"""Optimizers and learning-rate schedules by name."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from skorch.callbacks import Callback

#: Optimizers by the names that the estimators take.
OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {
    "adamw": torch.optim.AdamW,
    "adam": torch.optim.Adam,
    "sgd": torch.optim.SGD,
}


def optimizer_of(optimizer: Any) -> type[torch.optim.Optimizer]:
    """Return the class of an optimizer, by its name or as it is.

    Parameters
    ----------
    optimizer : object
        As in the estimators.

    Raises
    ------
    ValueError
        If it is none.
    """
    found = OPTIMIZERS.get(optimizer) if isinstance(optimizer, str) else optimizer
    if isinstance(found, type) and issubclass(found, torch.optim.Optimizer):
        return found
    raise ValueError(
        f"optimizer={optimizer!r} is no optimizer: it must be one of {sorted(OPTIMIZERS)}, or a "
        "subclass of torch.optim.Optimizer."
    )


# One cycle: the share of the steps in which the rate rises, and by how much less than the highest
# it starts and ends.
_RISE = 0.3
_START = 1 / 25
_END = 1 / 25e4


def cosine(done: float) -> float:
    """Fall along half a cosine from the learning rate to zero."""
    return (1 + math.cos(math.pi * done)) / 2


def one_cycle(done: float) -> float:
    """Rise to the learning rate over the first 30 % of the steps, then fall to nearly zero."""
    if done < _RISE:
        return 1 + (_START - 1) * cosine(done / _RISE)
    return _END + (1 - _END) * cosine((done - _RISE) / (1 - _RISE))


#: Factors on the learning rate by the share of the steps that are done; None for a constant rate.
LR_SCHEDULES: dict[str, Callable[[float], float] | None] = {
    "constant": None,
    "cosine": cosine,
    "one_cycle": one_cycle,
}


class FollowSchedule(Callback):
    """Sets the learning rate before each step; every group of parameters keeps its own highest.

    At the end they have that again, so that ``partial_fit`` goes on with it.

    Parameters
    ----------
    factor : callable
        From the share of the steps that are done to a factor on the rates.
    n_steps : int
        Number of steps in all; from there on the rate stays.
    """

    def __init__(self, factor: Callable[[float], float], n_steps: int):
        self.factor = factor
        self.n_steps = n_steps

    def on_train_begin(self, net: Any, **_: Any) -> None:
        """Keep the highest rates, and begin."""
        self.highest_ = [group["lr"] for group in net.optimizer_.param_groups]
        self.step_ = 0
        self._set(net, self.factor(0.0))

    def on_batch_end(self, net: Any, training: bool = False, **_: Any) -> None:
        """Set the rates of the next step."""
        if training:
            self.step_ += 1
            self._set(net, self.factor(min(self.step_ / self.n_steps, 1.0)))

    def on_train_end(self, net: Any, **_: Any) -> None:
        """Return to the highest rates, for a training without a schedule."""
        self._set(net, 1.0)

    def state_dict(self) -> dict[str, Any]:
        """Return how far the schedule is; the optimizer has the rates."""
        return {"step": self.step_}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a step."""
        self.step_ = state["step"]

    def _set(self, net: Any, factor: float) -> None:
        for group, highest in zip(net.optimizer_.param_groups, self.highest_, strict=True):
            group["lr"] = factor * highest


def schedule(name: str, n_epochs: int, n_batches: int) -> list[Callback]:
    """Make the callback of a schedule over some epochs; none for a constant rate."""
    factor = LR_SCHEDULES[name]
    return [] if factor is None else [FollowSchedule(factor, n_epochs * n_batches)]
