"""Workers of joblib, which train in the background while the caller looks at their steps."""

import signal
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from multiprocessing import parent_process
from typing import Any, Self

import joblib

from .board import Board


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
        self._parallel = joblib.Parallel(self.n_workers, batch_size=1, mmap_mode="c")
        self._open.enter_context(self._parallel)
        return self

    def __exit__(self, *error: Any) -> None:
        """End the workers."""
        self.board.stop()
        self._thread.shutdown()
        self._open.__exit__(*error)
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
        return self._thread.submit(self._run, calls)

    def _run(self, calls: Mapping[str, Any]) -> list[Any]:
        results = self._call(calls)
        for result in results:
            if isinstance(result, Exception):
                raise result
        return results

    def _call(self, calls: Mapping[str, Any]) -> list[Any]:
        try:
            return self._parallel(list(calls.values()))
        except Exception:
            if self.board.stops:
                raise
            self._open.close()
            self._open.enter_context(self._parallel)
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
