"""Which device to run on, its random state, its threads and its memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache, partial
from multiprocessing import parent_process
from typing import Any

import joblib
import numpy as np
import torch
from threadpoolctl import ThreadpoolController

from ..nn.draws import drawing_from, generator_for
from ..processes import current

# Products of network parameters and rows up to which one thread does a step: small operations
# gain little from more, and where processors are busy wait for them ten times as long.
_WORK_OF_ONE_THREAD = 2**27

# Threads beyond all cores gain nothing, and OpenMP ends the process where they take all memory.
_MOST_THREADS = 64

# The largest block by which glibc learns how much freed memory to keep is one of 32 MB.
_LARGEST_LEARNT_FROM = 2**25 - 2**14


def resolve_device(device: str, dtype: torch.dtype) -> str:
    """Turn the parameter ``device`` into the name of a device that is there.

    Parameters
    ----------
    device : str
        "auto" for a GPU if there is one, else a device as torch writes it.
    dtype : torch.dtype
        Apple's GPUs hold no float64.

    Raises
    ------
    ValueError
        If the device is not there, cannot hold the dtype, or is not that of a process among
        several.
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
            "Set device='auto' to take what is there."
        )
    if device == "mps" and dtype == torch.float64:
        raise ValueError("device='mps' holds no float64: set dtype='float32' or device='cpu'.")
    return device


def _own_device(device: str, own: str) -> str:
    """Return the device of a process that trains together with others."""
    if device not in ("auto", own, torch.device(own).type):
        raise ValueError(
            f"device={device!r} is not that of this process, which computes on {own!r}: within "
            "data_parallel leave device='auto'. data_parallel(cpu=True) computes on CPUs."
        )
    return own


def product_dtype(dtype: str, device: str) -> torch.dtype | None:
    """Return the dtype of the products of a training, if it is not that of the tensors.

    Parameters
    ----------
    dtype : str
        The estimator's parameter.
    device : str
        A device that is there.

    Raises
    ------
    ValueError
        If the device does not compute in that dtype, or only as slowly as in another.
    """
    if dtype != "bfloat16":
        return None
    if not _has_bfloat16(device):
        which = "this processor has" if device == "cpu" else f"device={device!r} has"
        raise ValueError(
            f"dtype='bfloat16' would be no faster here: {which} no instructions for bfloat16. "
            "Set dtype='float32'."
        )
    return torch.bfloat16


def _has_bfloat16(device: str) -> bool:
    """Whether there are instructions for it: what merely emulates it is slow."""
    if device.startswith("cuda"):
        return bool(torch.version.hip) or torch.cuda.get_device_capability(device) >= (8, 0)
    if device == "mps":
        return torch.backends.mps.is_macos_or_newer(14, 0)
    # Such as avx512_bf16 and amx_bf16, on ARM bf16 and sve_bf16.
    if hasattr(torch.cpu, "get_capabilities"):
        return any(there for name, there in torch.cpu.get_capabilities().items() if "bf16" in name)
    return torch.ops.mkldnn._is_mkldnn_bf16_supported()


def available_devices() -> list[str]:
    """List the devices, the fastest first."""
    devices = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        devices.append("mps")
    return [*devices, "cpu"]


@contextmanager
def with_gradients() -> Iterator[None]:
    """Let gradients be computed, even where the caller has turned them off."""
    with torch.inference_mode(False), torch.enable_grad():
        yield


@contextmanager
def seeded(rng: np.random.RandomState) -> Iterator[None]:
    """Draw from seeded generators for a while; torch's global random state stays as it is."""
    with drawing_from(int(rng.randint(np.iinfo(np.int32).max))):
        yield


class GlobalDraws:
    """Torch's global random state, as layers draw from it that draw from no other.

    Threads that do this at once disturb each other.

    Parameters
    ----------
    device : str
        The device to draw on.
    """

    def __init__(self, device: str):
        self.gpus = [torch.device(device)] if device.startswith("cuda") else []

    @contextmanager
    def seeded(self) -> Iterator[None]:
        """Seed it for a while as the thread's own generators are."""
        own = generator_for(torch.device("cpu")) or torch.default_generator
        with torch.random.fork_rng(self.gpus):
            torch.manual_seed(own.initial_seed())
            yield

    def state_dict(self) -> dict[str, Any]:
        """Return the state on the CPU and on the device."""
        gpus = [torch.cuda.get_rng_state(gpu) for gpu in self.gpus]
        return {"cpu": torch.get_rng_state(), "gpus": gpus}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from such a state."""
        torch.set_rng_state(state["cpu"])
        for gpu, own in zip(self.gpus, state["gpus"], strict=True):
            torch.cuda.set_rng_state(own, gpu)


def check_n_jobs(n_jobs: int | None, device: str) -> None:
    """Refuse to use several cores where a GPU computes.

    Parameters
    ----------
    n_jobs : int or None
        As `suitable_threads` takes it.
    device : str
        A device that is there.

    Raises
    ------
    ValueError
        If the device has no cores to use.
    """
    if device != "cpu" and n_jobs not in (None, 1):
        raise ValueError(
            f"n_jobs={n_jobs} cannot serve on device={device!r}: it is about the cores of the "
            "CPU. Leave it None, or set device='cpu'."
        )


def suitable_threads(device: str, work: int, n_jobs: int | None = None) -> AbstractContextManager:
    """Keep the caller's OpenMP operations to as many threads as asked for, or as suit them.

    Batches of two products and more are the same, to the last bit, for any number of them: each
    is one thread's. A single product, and a softmax along another axis than the last, are shared
    out, and rounded by how they are.

    Parameters
    ----------
    device : str
        Where the network is.
    work : int
        The product of its parameters and of the rows in a batch.
    n_jobs : int, optional
        How many threads, as joblib understands it; in a worker process of joblib no more than its
        share. None, outside of `joblib.parallel_config`: one while steps are small.
    """
    _keep_forks_to_one_thread()
    # The first use of torch in a thread sets the number, and would undo what is set here.
    torch.get_num_threads()
    if torch.device(device).type != "cpu":
        return nullcontext()
    n_threads = int(joblib.effective_n_jobs(n_jobs))
    # Counting the cores takes a good part of the time of a single row.
    if n_threads > _MOST_THREADS:
        n_threads = min(n_threads, max(_MOST_THREADS, joblib.cpu_count()))
    if n_jobs is None and n_threads == 1 and work > _WORK_OF_ONE_THREAD:
        return nullcontext()
    if parent_process() is not None:
        n_threads = min(n_threads, torch.get_num_threads())
    return _thread_pools().limit(limits=n_threads, user_api="openmp")


@cache
def _keep_forks_to_one_thread() -> None:
    """Let processes that are forked from now on compute in one thread.

    OpenMP's threads do not come along, and what a fork shares out would wait for them for ever.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=partial(torch.set_num_threads, 1))


@cache
def keep_freed_memory() -> None:
    """Let glibc keep up to 64 MB of freed memory, from now on, for the next step.

    As it comes it hands what a step frees back to the system, which has to fill the same pages
    with zeros for the next one. It keeps twice the largest block that was ever freed, up to here;
    the block need not be written to. Other allocators are left as they are.
    """
    torch.empty(_LARGEST_LEARNT_FROM, dtype=torch.uint8, device="cpu")


@cache
def _thread_pools() -> ThreadpoolController:
    return ThreadpoolController()
