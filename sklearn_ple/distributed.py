"""Data parallelism: several processes, each with its own device, train one network together."""

import atexit
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist

from .utils.processes import ProcessGroup, train_together

__all__ = ["data_parallel"]


@contextmanager
def data_parallel(*, cpu: bool = False, timeout: float = 600.0) -> Iterator[Any]:
    """Context manager in which all processes of a launcher train each network together.

    A launcher such as ``torchrun`` or ``accelerate launch`` starts the script once for every
    device. Each process calls ``fit`` (or ``partial_fit``, ``add_task``) with the same rows and
    parameters, and computes a part of the rows of every batch. Losses are summed over the whole
    batch, and gradients over the processes. Thus all processes take the same steps as a single
    process with the same ``batch_size``, up to rounding, and end with the same fitted model. If
    the script is started without a launcher, the context has no effect.

    With ``device="auto"`` each process uses its own device. Only the first process writes the
    files of ``checkpoint_dir`` and shows progress bars. Each process draws dropout for its own
    rows. All other random numbers are drawn from ``random_state`` as in a single process; with
    None, from a seed that the first process draws.

    The context needs accelerate: ``pip install 'sklearn-ple[distributed]'``.

    Parameters
    ----------
    cpu : bool, default=False
        Whether to compute on the CPU even if there are GPUs.
    timeout : float, default=600.0
        Seconds for which a process waits for another one before it raises an error. Only the value
        of the first context in a script is used.

    Yields
    ------
    accelerate.PartialState
        Information about the process: ``process_index``, ``num_processes``, ``is_main_process``.

    Raises
    ------
    ImportError
        If accelerate is not installed.
    RuntimeError
        If the launcher's processes are not connected; in ``fit``, if another process has ended or
        does not answer within ``timeout``.
    ValueError
        In ``fit``, if the processes have different rows or parameters, or if the network has batch
        normalisation, whose statistics would be those of a part of the batch.

    See Also
    --------
    sklearn_ple.export.save : Saves the model; call it only in the first process.

    Notes
    -----
    This is synchronous data parallelism, like ``DistributedDataParallel`` of torch [1]_, with one
    message for all gradients of a step and one for its losses.

    References
    ----------
    .. [1] S. Li et al. "PyTorch Distributed: Experiences on Accelerating Data Parallel Training".
           VLDB 2020.

    Examples
    --------
    This script can be run as ``python train.py``, or on four devices as
    ``torchrun --nproc-per-node=4 train.py``:

    >>> from sklearn_ple import PLERegressor
    >>> from sklearn_ple.distributed import data_parallel
    >>> X, y = [[0.0], [1.0], [2.0]], [[0.1, 3.0], [0.9, 2.0], [2.1, 1.0]]
    >>> with data_parallel(cpu=True) as state:
    ...     model = PLERegressor(max_epochs=2, random_state=0).fit(X, y)
    ...     if state.is_main_process:
    ...         print(model.n_iter_)
    2
    """
    try:
        from accelerate import PartialState
    except ImportError as error:
        raise ImportError(
            "data_parallel needs accelerate: pip install 'sklearn-ple[distributed]'"
        ) from error
    n_launched = int(os.environ.get("WORLD_SIZE", "1"))
    # Without a GPU, accelerate would treat each process of a launcher as a single process.
    cpu = cpu or (n_launched > 1 and not torch.cuda.is_available())
    state: Any = PartialState(cpu=cpu, timeout=timedelta(seconds=timeout))
    if n_launched > 1 and (state.num_processes != n_launched or not dist.is_initialized()):
        raise RuntimeError(
            f"The launcher started {n_launched} processes, but accelerate sees "
            f"{state.num_processes}, of the type {state.distributed_type.value}: data_parallel "
            "needs CPUs or CUDA devices, and must be used before anything else of accelerate."
        )
    if state.num_processes == 1:
        yield state
        return
    # accelerate numbers CPUs, but torch cannot load a pickle with a numbered CPU.
    device = "cpu" if state.device.type == "cpu" else str(state.device)
    # The group stays open for further contexts, but must be closed before the interpreter ends.
    atexit.unregister(_close_group)
    atexit.register(_close_group)
    with train_together(ProcessGroup(device)):
        yield state


def _close_group() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()
