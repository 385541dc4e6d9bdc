"""A board on which workers count their steps, and read whether to stop."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np


class Place(NamedTuple):
    """The place of a job on a `Board`.

    Attributes
    ----------
    numbers : ndarray of int of shape (n_jobs + 1,)
        The numbers on the board.
    job : int
        Number of the job.
    """

    numbers: np.ndarray
    job: int

    def count_step(self) -> bool:
        """Count a step of the job; return whether there is no time for another one."""
        self.numbers[self.job] += 1
        return bool(self.numbers[-1])


class Board:
    """The number of steps of each job, and whether the jobs are to stop.

    They are in a file, which joblib passes to processes of this machine by name. Other machines
    get a copy: their steps are not seen here, and a call to stop does not reach them.

    Parameters
    ----------
    n_jobs : int
        Number of jobs.
    """

    def __init__(self, n_jobs: int):
        # Windows does not delete a file that a worker still has open.
        self._folder = TemporaryDirectory(prefix="sklearn_ple_", ignore_cleanup_errors=True)
        path = Path(self._folder.name) / "steps"
        self._numbers = np.memmap(path, dtype=np.int64, mode="w+", shape=(n_jobs + 1,))

    def begin_epoch(self) -> list[Place]:
        """Begin an epoch; return the places of the jobs."""
        self._numbers[:] = 0
        return [Place(self._numbers, job) for job in range(len(self._numbers) - 1)]

    def stop(self) -> None:
        """Ask all jobs to stop after their present step."""
        self._numbers[-1] = 1

    @property
    def stops(self) -> bool:
        """Whether the jobs are to stop."""
        return bool(self._numbers[-1])

    @property
    def n_steps(self) -> int:
        """Number of steps that every job has taken in this epoch."""
        return int(self._numbers[:-1].min())

    def close(self) -> None:
        """Delete the file."""
        del self._numbers
        self._folder.cleanup()
