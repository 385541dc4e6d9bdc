"""The learning rate of each step."""

import math
from collections.abc import Callable
from typing import Any

from skorch.callbacks import Callback

from ..parameters.optimizers import LR_SCHEDULES, RISE
from ..utils.processes import current


class FollowSchedule(Callback):
    """Sets the learning rate before each step.

    Each group of parameters has its own highest rate. At the end it is restored, so that
    ``partial_fit`` continues with it.

    Parameters
    ----------
    factor : callable
        Turns the share of the steps that are done into a factor of the rates.
    n_epochs, n_batches : int
        Number of epochs, and of steps in each. After the last step the rate no longer changes.
    """

    def __init__(self, factor: Callable[[float], float], n_epochs: int, n_batches: int):
        self.factor = factor
        self.n_batches = n_batches
        self.n_steps = n_epochs * n_batches

    def on_train_begin(self, net: Any, **_: Any) -> None:
        """Store the highest rates, and set those of the first step."""
        self.highest_ = [group["lr"] for group in net.optimizer_.param_groups]
        self.step_ = 0
        self._set(net, self.factor(0.0))

    def on_epoch_begin(self, net: Any, **_: Any) -> None:
        """Note the last step of the epoch.

        Several processes take more steps if one of them has more rows of the files than others.
        """
        alone = current().n == 1
        self.last_ = self.n_steps if alone else self.step_ + self.n_batches

    def on_batch_end(self, net: Any, training: bool = False, **_: Any) -> None:
        """Set the rates of the next step."""
        if training:
            self.step_ = min(self.step_ + 1, self.last_)
            self._set(net, self.factor(self.step_ / self.n_steps))

    def on_train_end(self, net: Any, **_: Any) -> None:
        """Restore the highest rates, for training without a schedule."""
        self._set(net, 1.0)

    def state_dict(self) -> dict[str, Any]:
        """Return the number of steps so far; the rates are in the optimizer's state."""
        return {"step": self.step_}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a saved step."""
        self.step_ = state["step"]

    def _set(self, net: Any, factor: float) -> None:
        for group, highest in zip(net.optimizer_.param_groups, self.highest_, strict=True):
            group["lr"] = factor * highest


def make_schedule(name: str, n_epochs: int, n_batches: int) -> list[Callback]:
    """Make the callback of a schedule in a list, which is empty for a constant rate."""
    factor = LR_SCHEDULES[name]
    return [] if factor is None else [FollowSchedule(factor, n_epochs, n_batches)]


def count_rising_epochs(name: str, n_epochs: int) -> int:
    """Return the number of epochs in which the rate of a schedule rises, the last one included."""
    return math.ceil(RISE * n_epochs) if name == "one_cycle" else 0
