"""The time that a fit may take."""

import time

#: The clock, in seconds.
clock = time.monotonic

# Share of the time that training leaves for what is computed after it, however slow steps become.
_KEPT = 0.03


class Budget:
    """The time that a fit may take, from now on.

    Parameters
    ----------
    seconds : float
        The time.
    """

    def __init__(self, seconds: float):
        self.start = clock()
        self.end, self.kept = self.start + float(seconds), _KEPT * float(seconds)

    @property
    def used(self) -> float:
        """Seconds that have passed."""
        return clock() - self.start

    @property
    def left(self) -> float:
        """Seconds that are left; below 0 after the end."""
        return self.end - clock()

    def is_over(self) -> bool:
        """Return whether no time is left."""
        return self.left <= 0

    def take(self, share: float) -> "Budget":
        """Return a share of the time that is left for training."""
        return Budget(share * (self.left - self.kept))

    def end_training(self) -> None:
        """Leave a share of the time for what is computed now, even if the last step came late."""
        self.end = max(self.end, clock() + self.kept)
