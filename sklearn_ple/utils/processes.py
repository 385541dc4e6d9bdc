"""The processes that train a network together, and what they exchange."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

_Batch = TypeVar("_Batch")
_Value = TypeVar("_Value")


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

    def in_step(self, batches: Iterator[_Batch], nothing: _Batch) -> Iterator[_Batch]:
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

    def from_first(self, compute: Callable[[], _Value]) -> _Value:
        """Compute a value in the first process; all processes return it, or raise its error."""
        return compute()

    def of_all(self, value: _Value) -> list[_Value]:
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

    def in_step(self, batches: Iterator[_Batch], nothing: _Batch) -> Iterator[_Batch]:
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

    def from_first(self, compute: Callable[[], _Value]) -> _Value:
        """Compute a value in the first process, and send it or the error to all."""
        result = error = None
        if self.rank == 0:
            try:
                result = compute()
            except Exception as raised:
                error = raised
        sent: list[Any] = [result, error]
        with _explain_failure():
            dist.broadcast_object_list(sent, src=0, device=torch.device(str(self.device)))
        result, error = sent
        if error is not None:
            raise error
        return result

    def of_all(self, value: _Value) -> list[_Value]:
        """Gather the values of all processes."""
        values: list[Any] = [None] * self.n
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
