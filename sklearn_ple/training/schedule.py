"""The learning rate of each step, and the end of a training that validation ends."""

import math
from typing import Any, NamedTuple

import numpy as np
from skorch.callbacks import Callback

from ..utils.processes import current
from .budget import Budget
from .protocols import TrainedNet
from .stopping import Patience

# Number of steps in which the rate rises, and their greatest share if the end is known.
_RISE, _SHARE_OF_RISE = 100, 0.3
# The fall of the rate: its share of the steps before it, and its least number of steps.
_FALL, _LEAST_FALL = 0.2, 40
# Share of the time to plan with: steps may become slower.
_PLANNED = 0.95


class Fall(NamedTuple):
    """The epochs in which the learning rate falls, counted from 0, with fractions.

    Attributes
    ----------
    start, end : float
        Where the rate begins to fall, and where it is 0.
    """

    start: float
    end: float


class Schedule(Callback):
    """Sets the learning rate of each step: warm-up, stable, decay [1]_.

    The rate rises over the first steps, is stable as long as the validation loss decreases, and
    then falls linearly to 0 over a fifth of the steps so far. Without validation, or if the loss
    decreases to the end, the rate falls so that it is 0 after the last epoch; if time runs short,
    when the time that is left suffices just for the fall. Each group of parameters has its own
    highest rate. After training it is restored, so that ``partial_fit`` continues with it.

    Parameters
    ----------
    n_epochs, n_batches : int
        Greatest number of epochs, and number of steps in each.
    falls : bool, default=True
        Whether the rate changes at all. If not, training ends where the rate would begin to fall.
    patience : Patience, optional
        Decides by the validation losses when the stable part ends.
    fall : Fall, optional
        Where the rate falls, if an earlier training has determined it.
    budget : Budget, optional
        The time for the training.
    is_open : bool, default=False
        Whether the number of epochs is only a guard, which training seldom reaches.
    by_epoch : bool, default=False
        Whether other processes take the steps, too, so that time is only looked at after epochs.

    Attributes
    ----------
    ends_training : bool
        Whether training ends with this epoch.

    References
    ----------
    .. [1] S. Hu et al. "MiniCPM: Unveiling the Potential of Small Language Models with Scalable
           Training Strategies". COLM 2024.
    """

    def __init__(
        self,
        n_epochs: int,
        n_batches: int,
        *,
        falls: bool = True,
        patience: Patience | None = None,
        fall: Fall | None = None,
        budget: Budget | None = None,
        is_open: bool = False,
        by_epoch: bool = False,
    ):
        self.n_batches = n_batches
        self.falls = falls
        self.patience = patience
        self.budget = budget
        self.is_open = is_open
        self.by_epoch = by_epoch
        self.n_steps = n_epochs * n_batches
        self.rise_ = max(min(_RISE, round(_SHARE_OF_RISE * self.n_steps)), 1) if falls else 0
        self.start_ = math.ceil(self.n_steps / (1 + _FALL)) if falls else self.n_steps
        self.step_, self.end_ = 0, self.n_steps
        if fall is not None:
            self.start_, self.end_ = (round(epoch * n_batches) for epoch in fall)

    def on_train_begin(self, net: TrainedNet, **_: object) -> None:
        """Store the highest rates, and set those of the first step."""
        self.highest_ = [group["lr"] for group in net.optimizer_.param_groups]
        self.n_epochs_ = 0
        self.time_ = None if self.budget is None else self.budget.take(1.0)
        self.ends_training = False
        self._set(net)

    @property
    def found(self) -> Fall:
        """Where the rate falls."""
        return Fall(self.start_ / self.n_batches, self.end_ / self.n_batches)

    @property
    def n_epochs_in_all(self) -> float | None:
        """Number of epochs, with a fraction; None as long as it is not known."""
        return None if self.is_open and self.is_stable else self.end_ / self.n_batches

    @property
    def is_stable(self) -> bool:
        """Whether the rate does not fall yet."""
        return self.step_ < self.start_

    @property
    def ends_epoch(self) -> bool:
        """Whether the last step is done, also within an epoch."""
        return self.step_ >= self.end_

    def on_epoch_begin(self, net: TrainedNet, **_: object) -> None:
        """Begin the fall if time runs short, and note the last step of the epoch.

        Several processes take more steps if one of them has more rows of the files than others.
        """
        # Processes that train together ask each other only once all have begun the epoch.
        asks = self.is_stable and self.by_epoch and self.time_ is not None and self.n_epochs_ > 0
        if asks and current().from_first(self._cannot_go_on):
            self._begin_fall(least=1)
            self._set(net)
        self.last_ = self.n_steps if current().n == 1 else self.step_ + self.n_batches

    def on_batch_end(self, net: TrainedNet, training: bool = False, **_: object) -> None:
        """Set the rates of the next step."""
        if not training:
            return
        self.step_ = min(self.step_ + 1, self.last_)
        if self.is_stable and not self.by_epoch and self._is_late():
            self._begin_fall(least=1)
        self._set(net)

    def on_epoch_end(self, net: TrainedNet, **_: object) -> None:
        """Begin the fall if the loss no longer decreases, or end training."""
        self.n_epochs_ += 1
        if self.is_stable and self._lost_patience(net):
            self._begin_fall(_LEAST_FALL)
        self._set(net)
        self.ends_training = self.ends_epoch

    def on_train_end(self, net: TrainedNet, **_: object) -> None:
        """Restore the highest rates, for training without a schedule."""
        for group, highest in zip(net.optimizer_.param_groups, self.highest_, strict=True):
            group["lr"] = highest

    def state_dict(self) -> dict[str, Any]:
        """Return the steps so far and where the rate falls; rates are in the optimizer's state."""
        state = {"step": self.step_, "start": self.start_, "end": self.end_}
        return state | ({} if self.patience is None else {"patience": self.patience.state_dict()})

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a saved step."""
        self.step_, self.start_, self.end_ = state["step"], state["start"], state["end"]
        if self.patience is not None:
            self.patience.load_state_dict(state["patience"])

    def _is_late(self, seconds: float = 0.0) -> bool:
        """Return whether, some seconds from now, time would not suffice for the fall."""
        if self.time_ is None:
            return False
        used, share = self.time_.used, _FALL if self.falls else 0.0
        left = _PLANNED * (used + self.time_.left) - used
        return left - seconds <= share * (used + seconds)

    def _cannot_go_on(self) -> bool:
        """Return whether it would be late after one more epoch as long as those before."""
        return self.time_ is not None and self._is_late(self.time_.used / self.n_epochs_)

    def _lost_patience(self, net: TrainedNet) -> bool:
        """Return whether the validation loss of the last epoch shows that little is to be gained.

        No task counts more than in its first epoch: one that cannot be learnt, such as noise, must
        not end the training of others.
        """
        if self.patience is None or self.step_ < self.rise_:
            return False
        validated = [epoch for epoch in net.history if "valid_task_losses" in epoch]
        first, last = (np.array(validated[i]["valid_task_losses"]) for i in (0, -1))
        weights = net.task_weights.watched
        loss = float(weights @ np.minimum(first, last))
        # With many rows most is learnt in the first epoch, but not before its steps.
        begin = float(weights @ np.array(validated[0]["train_task_losses"]))
        return self.patience.is_over(loss, begin, self.step_)

    def _begin_fall(self, least: int) -> None:
        """Let the rate fall from now on; without a fall, this is the end."""
        n_steps = max(math.ceil(_FALL * self.step_), least) if self.falls else 0
        self.start_, self.end_ = self.step_, min(self.step_ + n_steps, self.n_steps)

    def _set(self, net: TrainedNet) -> None:
        factor = 1.0
        if self.falls:
            factor = min((self.step_ + 1) / self.rise_, 1.0)
            if not self.is_stable:
                factor *= max(self.end_ - self.step_, 0) / max(self.end_ - self.start_, 1)
        for group, highest in zip(net.optimizer_.param_groups, self.highest_, strict=True):
            group["lr"] = factor * highest
