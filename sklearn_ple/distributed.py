"""One network trained by several processes, each on a device of its own."""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist

from .processes import Group, training_together

__all__ = ["data_parallel"]


@contextmanager
def data_parallel(*, cpu: bool = False, timeout: float = 600.0) -> Iterator[Any]:
    """Train each network by all processes of a launcher together, while the context lasts.

    A script is started once for every device, as by ``torchrun`` or ``accelerate launch``, and
    each of these processes calls ``fit`` (or ``partial_fit``, ``add_task``) with the same rows and
    parameters. Of every batch each process computes a part of the rows. Losses are summed over
    the whole batch, gradients over the processes, so that all take the same steps as one process
    would with the same ``batch_size``, but for rounding. All end with the same fitted model.
    Started without a launcher, a script is one process, and the context changes nothing.

    With ``device="auto"`` each process computes on its own device. Files of ``checkpoint_dir`` and
    progress bars are the first process's. Dropout is drawn by each process for its own rows. What
    is random is drawn from ``random_state`` as in one process; with None, from a seed of the first
    process. It takes the extra ``sklearn-ple[distributed]``.

    Parameters
    ----------
    cpu : bool, default=False
        Whether to compute on the CPU where there are GPUs.
    timeout : float, default=600.0
        Seconds after which a process gives up waiting for another one. The first context of a
        script settles it.

    Yields
    ------
    accelerate.PartialState
        Which process this is: ``process_index``, ``num_processes``, ``is_main_process``.

    Raises
    ------
    ImportError
        If accelerate is not installed.
    RuntimeError
        In fit: if another process has ended, or does not answer within ``timeout``.
    ValueError
        In fit: if the processes differ in rows or parameters, or the network has batch
        normalisation, whose statistics are of a part of the batch.

    See Also
    --------
    sklearn_ple.export.save : To be called by the first process alone.

    Notes
    -----
    The method is synchronous data parallelism as of torch's ``DistributedDataParallel`` [1]_, with
    one message for all gradients of a step, and one for its losses.

    References
    ----------
    .. [1] S. Li et al. "PyTorch Distributed: Experiences on Accelerating Data Parallel Training".
           VLDB 2020.

    Examples
    --------
    As ``train.py``, started by ``torchrun --nproc-per-node=4 train.py``, or plainly:

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
            "data_parallel takes accelerate: pip install 'sklearn-ple[distributed]'"
        ) from error
    n_launched = int(os.environ.get("WORLD_SIZE", "1"))
    # Without a GPU, accelerate would take each process of a launcher for one alone.
    cpu = cpu or (n_launched > 1 and not torch.cuda.is_available())
    state: Any = PartialState(cpu=cpu, timeout=timedelta(seconds=timeout))
    if n_launched > 1 and (state.num_processes != n_launched or not dist.is_initialized()):
        raise RuntimeError(
            f"The launcher started {n_launched} processes, but accelerate sees "
            f"{state.num_processes}, of the type {state.distributed_type.value}: data_parallel "
            "takes CPUs or CUDA devices, and must come before other uses of accelerate."
        )
    if state.num_processes == 1:
        yield state
        return
    # A CPU has a number here, which torch does not know when it loads a pickle.
    device = "cpu" if state.device.type == "cpu" else str(state.device)
    with training_together(Group(device)):
        yield state
    # Further contexts may follow. Threads of an open group can abort an interpreter that ends.
    atexit.unregister(_close_group)
    atexit.register(_close_group)


def _close_group() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()
