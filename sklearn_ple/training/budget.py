"""The time that a fit may take, and the number of epochs that fit into it."""

import copy
import time
from typing import Any, NamedTuple

from skorch.callbacks import Callback

from ..nn.draws import drawing_from
from ..utils.processes import current

#: The clock, in seconds.
clock = time.monotonic

# Share of the time to plan with: steps may become slower, and something is computed after them.
_PLANNED = 0.9
# Share of the time for the steps that are measured, and the greatest number of these.
_MEASURED, _MOST_MEASURED = 0.03, 30
# Number of epochs in which speed is measured.
_N_EPOCHS = 3


class Speed(NamedTuple):
    """The speed of a training.

    Attributes
    ----------
    step : float
        Seconds of a step.
    besides : float
        Seconds of an epoch besides its steps, such as those of validation.
    """

    step: float
    besides: float


class Budget:
    """The time that a fit may take, from now on.

    Parameters
    ----------
    seconds : float or None
        The time; None for no limit.
    """

    def __init__(self, seconds: float | None):
        self.end = float("inf") if seconds is None else clock() + float(seconds)

    @property
    def left(self) -> float:
        """Seconds that are left; below 0 after the end."""
        return self.end - clock()

    def is_over(self) -> bool:
        """Return whether no time is left."""
        return self.left <= 0

    def count_epochs(self, speed: Speed, n_batches: list[int], most: int) -> float:
        """Return how many epochs fit into the time that is left.

        Parameters
        ----------
        speed : Speed
            The speed of training.
        n_batches : list of int
            Number of steps in an epoch of each training.
        most : int
            Greatest number of epochs.

        Returns
        -------
        float
            A whole number of epochs, at most the greatest one, or a part of one epoch, which has
            at least one step.
        """
        left = max(_PLANNED * self.left, 0.0)
        steps, besides = speed.step * sum(n_batches), speed.besides * len(n_batches)
        if (steps + besides) * most <= left:
            return most
        if left >= steps + besides:
            return int(left / (steps + besides))
        return max((left - besides) / steps, 1 / max(n_batches))


class Trial(Callback):
    """Measures short epochs: one to warm up, one of a single step, and one of several steps.

    Parameters
    ----------
    budget : Budget
        The time, of which a small share is spent.
    """

    def __init__(self, budget: Budget):
        self.budget = budget
        self.seconds_: list[float] = []

    def on_epoch_begin(self, net: Any, **_: Any) -> None:
        """Choose the number of steps of the epoch, and start the clock."""
        net.n_batches = 1
        if len(self.seconds_) == _N_EPOCHS - 1:
            affordable = _MEASURED * self.budget.left / max(self.seconds_[-1], 1e-9)
            n_more = current().from_first(lambda: min(max(affordable, 1), _MOST_MEASURED))
            net.n_batches += int(n_more)
        self.n_before_, self.start_ = net.n_steps, clock()

    def on_epoch_end(self, net: Any, **_: Any) -> None:
        """Stop the clock."""
        self.seconds_.append(clock() - self.start_)
        self.n_steps_ = net.n_steps - self.n_before_

    @property
    def ends_training(self) -> bool:
        """Whether no time is left to measure."""
        return bool(self.seconds_) and self.budget.is_over()

    @property
    def speed(self) -> Speed:
        """The speed that was measured."""
        if len(self.seconds_) < _N_EPOCHS:
            # There was no time for more than single steps.
            return Speed(self.seconds_[-1], 0.0)
        *_, one, several = self.seconds_
        n_steps = self.n_steps_
        # An epoch may have a single step.
        step = (several - one) / (n_steps - 1) if n_steps > 1 else several
        # The epoch of a single step may have taken longer by chance.
        step = max(step, several / n_steps / 4)
        return Speed(step, max(several - n_steps * step, 0.0))


def measure_speed(net: Any, rows: Any, validation: Any, jobs: Any, budget: Budget) -> Speed:
    """Measure the speed of training on a copy of a net; see `MultiTaskNet.train`."""
    # skorch's own copy would pickle it, which classes within functions do not allow.
    twin, trial = object.__new__(type(net)), Trial(budget)
    vars(twin).update(copy.deepcopy(vars(net)))
    # The draws of the training itself stay as they would be.
    with drawing_from(0):
        twin.run(rows, _N_EPOCHS, [trial], validation=validation, jobs=jobs)
    return current().from_first(lambda: trial.speed)
