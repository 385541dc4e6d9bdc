"""Workers of joblib, which train in the background while the caller looks at their steps."""

import signal
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from multiprocessing import parent_process
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

import joblib
import numpy as np
from joblib.parallel import get_active_backend


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
        self._counts = np.memmap(path, dtype=np.int64, mode="w+", shape=(n_jobs + 1,))

    def begin_epoch(self) -> list[Callable[[], bool]]:
        """Begin an epoch; return a function for each job.

        The job calls it after each step. It counts the step, and returns whether to stop.
        """
        self._counts[:] = 0
        return [partial(_count_step, self._counts, job) for job in range(len(self._counts) - 1)]

    def stop(self) -> None:
        """Ask all jobs to stop after their present step."""
        self._counts[-1] = 1

    @property
    def stops(self) -> bool:
        """Whether the jobs are to stop."""
        return bool(self._counts[-1])

    @property
    def n_steps(self) -> int:
        """Number of steps that every job has taken in this epoch."""
        return int(self._counts[:-1].min())

    def close(self) -> None:
        """Delete the file."""
        del self._counts
        self._folder.cleanup()


def _count_step(counts: np.ndarray, job: int) -> bool:
    """Count a step of a job on a board; return whether to stop."""
    counts[job] += 1
    return bool(counts[-1])


class Workers:
    """Workers of joblib that stay, with the arrays that they share, within the context.

    If a worker is lost, all are started again, and the calls are repeated once.

    Parameters
    ----------
    n_workers : int
        Number of workers.

    Attributes
    ----------
    board : Board
        Where the workers count their steps, and read whether to stop.
    """

    def __init__(self, n_workers: int):
        self.n_workers = n_workers
        self._open = ExitStack()

    def __enter__(self) -> Self:
        """Start the workers."""
        self.board = Board(self.n_workers)
        # joblib waits in a thread, because an interrupt of its own wait would end the workers.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sklearn_ple")
        # Copy on write, since torch warns about read-only arrays.
        self._parallel = self._open.enter_context(self._make())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the workers."""
        self.board.stop()
        self._thread.shutdown()
        self._open.__exit__(kind, error, traceback)
        self.board.close()

    def run(self, train: Callable[..., Any], arguments: Mapping[str, tuple]) -> Future:
        """Call a function in each worker, with the arguments of what it trains, by name.

        Returns
        -------
        Future
            The list of the results. It raises a RuntimeError if a worker is lost twice, and the
            error of the function, if there is one.
        """
        calls = {
            name: joblib.delayed(_attempt)(train, *values) for name, values in arguments.items()
        }
        # joblib's settings are those of this thread.
        return self._thread.submit(self._run, calls, self._make())

    def waiting(self) -> AbstractContextManager[None]:
        """Return a context in which the calling thread waits for the workers.

        A fit within a worker of Dask then lends its place to other work. In the thread in which
        joblib waits, Dask does not know of the fit: workers would wait for each other forever.
        """
        backend, _ = get_active_backend()
        return backend.retrieval_context()

    def _make(self) -> joblib.Parallel:
        return joblib.Parallel(self.n_workers, batch_size=1, mmap_mode="c")

    def _run(self, calls: Mapping[str, Any], spare: joblib.Parallel) -> list[Any]:
        results = self._call(calls, spare)
        for result in results:
            if isinstance(result, Exception):
                raise result
        return results

    def _call(self, calls: Mapping[str, Any], spare: joblib.Parallel) -> list[Any]:
        try:
            return self._parallel(list(calls.values()))
        except Exception:
            if self.board.stops:
                raise
            self._open.close()
            # The other one would return the jobs of this call once more.
            self._parallel = self._open.enter_context(spare)
        # One call at a time, so that the message can name the one that fails again.
        results = []
        for what, call in calls.items():
            try:
                results += self._parallel([call])
            except Exception as error:
                raise RuntimeError(
                    f"A worker of joblib failed twice while it trained {what}. Its backend says: "
                    f"{type(error).__name__}: {error} Look at the workers' logs, or train "
                    "without workers, by n_jobs=1."
                ) from error
        return results


def _attempt(train: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function; return its error, if any, so that joblib does not raise it."""
    try:
        return train(*arguments)
    except Exception as error:
        return error


def ignore_interrupts() -> None:
    """Leave Ctrl-C, which a terminal sends to all processes, to the one that started the worker.

    A worker that has ended its part of an epoch would end at once, and all others with it.
    """
    if parent_process() is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
