"""Workers of joblib: processes on this machine or on others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

import joblib


class Workers:
    """Workers that stay, with the arrays that they share, from call to call within the context.

    If a worker is lost, all are started again, and the calls are repeated once.

    Parameters
    ----------
    n_workers : int
        Number of workers.
    """

    def __init__(self, n_workers: int):
        self.n_workers = n_workers
        self._open = ExitStack()

    def __enter__(self) -> Workers:
        """Start the workers."""
        self._start()
        return self

    def __exit__(self, *error: Any) -> None:
        """End the workers."""
        self._open.__exit__(*error)

    def _start(self) -> None:
        self._open.close()
        # Copy on write, since torch warns about read-only arrays.
        parallel = joblib.Parallel(self.n_workers, batch_size=1, mmap_mode="c")
        self._parallel = self._open.enter_context(parallel)

    def run(self, train: Callable[..., Any], arguments: Mapping[str, tuple]) -> list[Any]:
        """Call a function in each worker, with the arguments of what it trains, by name.

        Raises
        ------
        RuntimeError
            If a worker is lost twice.
        Exception
            The error of the function, if there is one.
        """
        calls = {what: joblib.delayed(_attempt)(train, *own) for what, own in arguments.items()}
        results = self._run(calls)
        for result in results:
            if isinstance(result, Exception):
                raise result
        return results

    def _run(self, calls: Mapping[str, Any]) -> list[Any]:
        try:
            return self._parallel(list(calls.values()))
        except Exception:
            self._start()
        # One call at a time, so that the message can name the one that fails again.
        results = []
        for what, call in calls.items():
            try:
                results += self._parallel([call])
            except Exception as error:
                raise RuntimeError(
                    f"A worker of joblib failed twice while it trained {what}, perhaps for lack "
                    f"of memory ({error}). Set n_jobs lower, or look at the workers' logs."
                ) from error
        return results


def _attempt(train: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function; return its error, if any, so that joblib does not raise it."""
    try:
        return train(*arguments)
    except Exception as error:
        return error
