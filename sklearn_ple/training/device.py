"""The device to compute on, its random state, its threads and its memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import cache, partial
from multiprocessing import parent_process
from typing import Any

import joblib
import numpy as np
import torch
from threadpoolctl import ThreadpoolController

from ..nn.draws import drawing_from, generator_for
from ..processes import current

# One thread computes a step if the number of network parameters times the number of rows is at
# most this: small operations gain little from more threads, and on busy processors they wait for
# them ten times as long.
_WORK_OF_ONE_THREAD = 2**27

# More threads than cores gain nothing, and OpenMP ends the process if they use up all memory.
_MOST_THREADS = 64

# glibc adapts the amount of freed memory that it keeps to blocks of up to 32 MB.
_LARGEST_LEARNT_FROM = 2**25 - 2**14


def resolve_device(device: str, dtype: torch.dtype) -> str:
    """Turn the parameter ``device`` into the name of a device that exists.

    Parameters
    ----------
    device : str
        "auto" for a GPU if there is one and else the CPU, or the name of a device in torch.
    dtype : torch.dtype
        Data type of the network. Apple's GPUs do not support float64.

    Returns
    -------
    str
        Name of the device.

    Raises
    ------
    ValueError
        If the device does not exist or does not support the data type, or if it is not the one
        that this process, among several, computes on.
    """
    own = current().device
    if own is not None:
        return _own_device(device, own)
    there = available_devices()
    if device == "auto":
        usable = [name for name in there if not (name == "mps" and dtype == torch.float64)]
        return usable[0]
    if device == "cuda" and "cuda:0" in there:
        return "cuda"
    if device not in there:
        raise ValueError(
            f"device={device!r} is not there; this machine has {', '.join(map(repr, there))}. "
            "Set device='auto' to use one of these."
        )
    if device == "mps" and dtype == torch.float64:
        raise ValueError(
            "device='mps' does not support float64: set dtype='float32' or device='cpu'."
        )
    return device


def _own_device(device: str, own: str) -> str:
    """Return the device of a process that trains together with others."""
    if device not in ("auto", own, torch.device(own).type):
        raise ValueError(
            f"device={device!r} is not the device of this process, which computes on {own!r}: "
            "within data_parallel leave device='auto'. data_parallel(cpu=True) computes on CPUs."
        )
    return own


def product_dtype(dtype: str, device: str) -> torch.dtype | None:
    """Return the data type of matrix products in training; None if it is that of the tensors.

    Parameters
    ----------
    dtype : str
        The parameter ``dtype`` of the estimator.
    device : str
        A device that exists.

    Returns
    -------
    torch.dtype or None
        The data type: bfloat16 or None.

    Raises
    ------
    ValueError
        If the device has no instructions for bfloat16.
    """
    if dtype != "bfloat16":
        return None
    check_bfloat16(device)
    return torch.bfloat16


def check_bfloat16(device: str) -> None:
    """Raise a ValueError unless a device has instructions for bfloat16."""
    if not _has_bfloat16(device):
        which = "this processor has" if device == "cpu" else f"device={device!r} has"
        raise ValueError(
            f"dtype='bfloat16' would be no faster here: {which} no instructions for bfloat16. "
            "Set dtype='float32'."
        )


def _has_bfloat16(device: str) -> bool:
    """Return whether the device has instructions for bfloat16; emulation is slow."""
    if device.startswith("cuda"):
        return bool(torch.version.hip) or torch.cuda.get_device_capability(device) >= (8, 0)
    if device == "mps":
        return torch.backends.mps.is_macos_or_newer(14, 0)
    # Names such as avx512_bf16 and amx_bf16 or, on ARM, bf16 and sve_bf16.
    if hasattr(torch.cpu, "get_capabilities"):
        return any(there for name, there in torch.cpu.get_capabilities().items() if "bf16" in name)
    return torch.ops.mkldnn._is_mkldnn_bf16_supported()


def available_devices() -> list[str]:
    """List the devices of this machine, the fastest first."""
    devices = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        devices.append("mps")
    return [*devices, "cpu"]


@contextmanager
def in_own_modes() -> Iterator[None]:
    """Train within the context in the package's own modes of torch, not in the caller's.

    Gradients are computed, autocast is off, and the default dtype is float32.
    """
    with torch.inference_mode(False), torch.enable_grad(), without_autocast(), _float32():
        yield


@contextmanager
def _float32() -> Iterator[None]:
    """Make float32 the default dtype, in which initial weights are drawn."""
    dtype = torch.get_default_dtype()
    # All threads share the default, so it is left alone where it is right.
    if dtype == torch.float32:
        yield
        return
    torch.set_default_dtype(torch.float32)
    try:
        yield
    finally:
        torch.set_default_dtype(dtype)


@contextmanager
def without_autocast() -> Iterator[None]:
    """Compute in the tensors' own precision within the context, even if the caller does not."""
    with ExitStack() as stack:
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        yield


@contextmanager
def seeded(rng: np.random.RandomState) -> Iterator[None]:
    """Draw from seeded generators within the context; torch's global random state is unchanged."""
    with drawing_from(int(rng.randint(np.iinfo(np.int32).max))):
        yield


class GlobalDraws:
    """Torch's global random state, for users' layers that draw from it.

    Threads that use it at the same time disturb each other.

    Parameters
    ----------
    device : str
        The device to draw on.
    """

    def __init__(self, device: str):
        self.gpus = [torch.device(device)] if device.startswith("cuda") else []

    @contextmanager
    def seeded(self) -> Iterator[None]:
        """Seed it, within the context, with the seed of the thread's own generators."""
        own = generator_for(torch.device("cpu")) or torch.default_generator
        with torch.random.fork_rng(self.gpus):
            torch.manual_seed(own.initial_seed())
            yield

    def state_dict(self) -> dict[str, Any]:
        """Return the state on the CPU and on the device."""
        gpus = [torch.cuda.get_rng_state(gpu) for gpu in self.gpus]
        return {"cpu": torch.get_rng_state(), "gpus": gpus}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a saved state."""
        torch.set_rng_state(state["cpu"])
        for gpu, own in zip(self.gpus, state["gpus"], strict=True):
            torch.cuda.set_rng_state(own, gpu)


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
    """Limit the caller's OpenMP operations to the number of threads asked for, or a suitable one.

    Batches of two or more matrix products have the same result, to the last bit, with any number
    of threads, because each product is computed by one thread. A single product, and a softmax
    along another axis than the last, are divided among threads, which changes their rounding.

    Parameters
    ----------
    device : str
        Device of the network.
    work : int
        Number of the network's parameters times the number of rows in a batch.
    n_jobs : int, optional
        Number of threads, with the meaning that joblib gives it; in a worker process of joblib not
        more than its share. None, outside of `joblib.parallel_config`, means one thread as long as
        steps are small.

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
    n_threads = int(joblib.effective_n_jobs(n_jobs))
    # Counting the cores takes a large part of the time needed to predict a single row.
    if n_threads > _MOST_THREADS:
        n_threads = min(n_threads, max(_MOST_THREADS, joblib.cpu_count()))
    if n_jobs is None and n_threads == 1 and work > _WORK_OF_ONE_THREAD:
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


@cache
def _thread_pools() -> ThreadpoolController:
    return ThreadpoolController()
