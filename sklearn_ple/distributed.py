"""Data parallelism: several processes, each with its own device, train one network together."""

import atexit
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from functools import partial
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

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


class Processes:
    """A single process, which trains without communication.

    Attributes
    ----------
    rank : int
        Number of this process, from 0.
    n : int
        Number of processes that train one network together.
    device : str or None
        The device of this process; None if the parameter of the estimator determines it.
    """

    rank = 0
    n = 1
    device: str | None = None

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes files and shows progress."""
        return self.rank == 0

    def part(self, rows: Tensor) -> Tensor:
        """Return the part of a batch for this process, of shape (n_rows,); it may be empty."""
        return rows

    def in_step(self, batches: Iterator[Any], nothing: Any) -> Iterator[Any]:
        """Yield the batches of this process; while others have more, yield ``nothing``."""
        return batches

    def total(self, tensor: Tensor) -> Tensor:
        """Sum a tensor over the processes, with the same result for all."""
        return tensor

    def greatest(self, tensor: Tensor) -> Tensor:
        """Return the maximum of each entry over the processes."""
        return tensor

    def same(self, tensor: Tensor) -> Tensor:
        """Return the tensor of the first process, which has the same shape."""
        return tensor

    def join(self, sums: Tensor, n_rows: int) -> tuple[Tensor, Any]:
        """Add up sums over parts of a batch; return the total and the number of all rows.

        Each process gets only the gradient of its own part, so that the gradient of the batch is
        the sum over the processes.
        """
        return sums, n_rows

    def from_first(self, compute: Callable[[], Any]) -> Any:
        """Compute a value in the first process; all processes return it, or raise its error."""
        return compute()

    def of_all(self, value: Any) -> list[Any]:
        """Return a list of the values of all processes, by rank."""
        return [value]


class ProcessGroup(Processes):
    """One of several processes, in torch's default process group.

    All methods that communicate raise a RuntimeError if another process has ended, or does not
    answer in time.

    Parameters
    ----------
    device : str
        The device of this process, from which its tensors are sent.
    """

    def __init__(self, device: str):
        self.rank = dist.get_rank()
        self.n = dist.get_world_size()
        self.device = device

    def part(self, rows: Tensor) -> Tensor:
        """Return a part of the rows; the sizes of the parts differ by at most one."""
        return rows.tensor_split(self.n)[self.rank]

    def in_step(self, batches: Iterator[Any], nothing: Any) -> Iterator[Any]:
        """Yield batches until no process has one left."""
        while True:
            batch = next(batches, None)
            if not self.greatest(torch.tensor(float(batch is not None))):
                return
            yield nothing if batch is None else batch

    def total(self, tensor: Tensor) -> Tensor:
        """Sum a tensor over the processes."""
        return self._communicate(tensor, partial(dist.all_reduce, op=dist.ReduceOp.SUM))

    def greatest(self, tensor: Tensor) -> Tensor:
        """Return the maximum of each entry over the processes."""
        return self._communicate(tensor, partial(dist.all_reduce, op=dist.ReduceOp.MAX))

    def same(self, tensor: Tensor) -> Tensor:
        """Return the tensor of the first process."""
        return self._communicate(tensor, partial(dist.broadcast, src=0))

    def join(self, sums: Tensor, n_rows: int) -> tuple[Tensor, Any]:
        """Add up sums over parts of a batch, and the numbers of rows."""
        every = _Total.apply(torch.cat([sums.flatten(), sums.new_full((1,), n_rows)]), self)
        return every[:-1].view(sums.shape), every[-1].detach()

    def from_first(self, compute: Callable[[], Any]) -> Any:
        """Compute a value in the first process, and send it or the error to all."""
        result = error = None
        if self.rank == 0:
            try:
                result = compute()
            except Exception as raised:
                error = raised
        sent = [result, error]
        with _explain_failure():
            dist.broadcast_object_list(sent, src=0, device=torch.device(str(self.device)))
        if sent[1] is not None:
            raise sent[1]
        return sent[0]

    def of_all(self, value: Any) -> list[Any]:
        """Gather the values of all processes."""
        values = [None] * self.n
        with _explain_failure():
            dist.all_gather_object(values, value)
        return values

    def _communicate(self, tensor: Tensor, collective: Callable[[Tensor], Any]) -> Tensor:
        """Call a collective of torch, which replaces the values of a tensor in all processes."""
        # It needs a contiguous tensor on the device of the group.
        sent = tensor.detach().to(self.device, copy=True, memory_format=torch.contiguous_format)
        with _explain_failure():
            collective(sent)
        return sent.to(tensor.device)


class _Total(torch.autograd.Function):
    """Sum over the processes, with the gradient of this process alone."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, group: ProcessGroup) -> Tensor:
        return group.total(tensor)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (gradient,) = gradients
        return gradient, None


_CURRENT: ContextVar[Processes] = ContextVar("processes", default=Processes())  # noqa: B039


def current() -> Processes:
    """Return the processes that train together here, by default only the current one."""
    return _CURRENT.get()


@contextmanager
def train_together(processes: Processes) -> Iterator[None]:
    """Context manager in which networks are trained by several processes together."""
    token = _CURRENT.set(processes)
    try:
        yield
    finally:
        _CURRENT.reset(token)


@contextmanager
def _explain_failure() -> Iterator[None]:
    """Context manager that explains an error of communication."""
    try:
        yield
    except RuntimeError as error:
        raise RuntimeError(
            "Another process of the training has ended, or did not answer in time. Start all "
            "processes again; with checkpoint_dir, fit then continues where it stopped. "
            f"({error})"
        ) from error
