"""The use of the CPU: the number of threads, and memory that is kept from step to step."""

import os
from contextlib import AbstractContextManager, nullcontext
from functools import cache, partial
from multiprocessing import parent_process

import joblib
import torch
from threadpoolctl import ThreadpoolController

# One thread computes a step if the number of network parameters times the number of rows is at
# most this: small operations gain little from more threads, and on busy processors they wait for
# them ten times as long.
_WORK_OF_ONE_THREAD = 2**27

# More threads than cores gain nothing, and OpenMP ends the process if they use up all memory.
_MOST_THREADS = 64

# glibc adapts the amount of freed memory that it keeps to blocks of up to 32 MB.
_LARGEST_LEARNT_FROM = 2**25 - 2**14


def check_n_jobs(n_jobs: int | None, device: str) -> None:
    """Check that ``n_jobs`` does not ask for several cores on a GPU.

    Parameters
    ----------
    n_jobs : int or None
        The parameter of the estimator.
    device : str
        A device that exists.

    Raises
    ------
    ValueError
        If the device is not the CPU and ``n_jobs`` is neither None nor 1.
    """
    if device != "cpu" and n_jobs not in (None, 1):
        raise ValueError(
            f"n_jobs={n_jobs} cannot be used on device={device!r}: it is a number of CPU cores. "
            "Leave it None, or set device='cpu'."
        )


def suitable_threads(device: str, work: int, n_jobs: int | None = None) -> AbstractContextManager:
    """Limit the caller's OpenMP operations to one thread while steps are small, else to n_jobs.

    Parameters
    ----------
    device : str
        Device of the network.
    work : int
        Number of the network's parameters times the number of rows in a batch.
    n_jobs : int, optional
        Greatest number of threads, with the meaning that joblib gives it; in a worker process of
        joblib not more than its share. None, outside of `joblib.parallel_config`, means torch's
        own number.

    Returns
    -------
    context manager
        Within it, the limit holds.
    """
    _keep_forks_to_one_thread()
    # The first use of torch in a thread sets the number of threads, which would undo the limit.
    torch.get_num_threads()
    if torch.device(device).type != "cpu":
        return nullcontext()
    n_threads = 1
    if work > _WORK_OF_ONE_THREAD:
        n_threads = int(joblib.effective_n_jobs(n_jobs))
        # Counting the cores takes a large part of the time needed to predict a few rows.
        if n_threads > _MOST_THREADS:
            n_threads = min(n_threads, max(_MOST_THREADS, joblib.cpu_count()))
        if n_jobs is None and n_threads == 1:
            return nullcontext()
    if parent_process() is not None:
        n_threads = min(n_threads, torch.get_num_threads())
    return _thread_pools().limit(limits=n_threads, user_api="openmp")


@cache
def _keep_forks_to_one_thread() -> None:
    """Make processes that are forked from now on compute with one thread.

    OpenMP's threads do not exist in a fork, which would wait for them for ever.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=partial(torch.set_num_threads, 1))


@cache
def keep_freed_memory() -> None:
    """Make glibc keep up to 64 MB of freed memory, from now on, for the next step.

    By default it returns the memory that a step frees to the system, which fills the same pages
    with zeros for the next step. It keeps twice the size of the largest block that was ever freed,
    up to a limit; here a block of that size is allocated and freed, without being written to.
    Other allocators are not affected.
    """
    torch.empty(_LARGEST_LEARNT_FROM, dtype=torch.uint8, device="cpu")


# Finding the libraries takes longer than a step.
_thread_pools = cache(ThreadpoolController)
