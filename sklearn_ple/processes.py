"""The processes that train one network together, and what they exchange."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


class Processes:
    """A process that trains alone: it has nothing to exchange.

    Attributes
    ----------
    rank : int
        Number of this process, from 0.
    n : int
        How many processes train one network together.
    device : str or None
        Where this process computes; None where the estimator's parameter decides.
    """

    rank = 0
    n = 1
    device: str | None = None

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes and shows for all."""
        return self.rank == 0

    def part(self, rows: Tensor) -> Tensor:
        """Take this process's part of a batch, of shape (n_rows,); it may be empty."""
        return rows

    def in_step(self, own: Iterator[Any], nothing: Any) -> Iterator[Any]:
        """Yield this process's own batches; after them nothing, as long as others have some."""
        return own

    def total(self, tensor: Tensor) -> Tensor:
        """Sum a tensor over the processes, with the same result for all."""
        return tensor

    def greatest(self, tensor: Tensor) -> Tensor:
        """Take the greatest of each entry over the processes."""
        return tensor

    def same(self, tensor: Tensor) -> Tensor:
        """Take the first process's tensor, of the same shape, in place of this one's."""
        return tensor

    def join(self, sums: Tensor, n_rows: int) -> tuple[Tensor, Any]:
        """Sum what was summed over a part of a batch; return it and the number of all rows.

        A gradient goes to the own part alone: the sum of the processes' gradients is that of the
        batch.
        """
        return sums, n_rows

    def shared_total(self, tensor: Tensor) -> Tensor:
        """Sum a tensor over the processes, each of which has a part of the objective.

        A gradient goes to all parts, summed over the processes.
        """
        return tensor

    def from_first(self, compute: Callable[[], Any]) -> Any:
        """Let the first process compute what all return, or raise."""
        return compute()

    def of_all(self, value: Any) -> list[Any]:
        """Return the values of all processes, in their order."""
        return [value]


class Group(Processes):
    """One of several processes, of torch's default process group.

    Parameters
    ----------
    device : str
        Where this process computes, and what its tensors are exchanged from.

    Raises
    ------
    RuntimeError
        By everything that is exchanged, if another process has ended, or does not answer.
    """

    def __init__(self, device: str):
        self.rank = dist.get_rank()
        self.n = dist.get_world_size()
        self.device = device

    def part(self, rows: Tensor) -> Tensor:
        """Take as many rows as the others do, or one more."""
        return rows.tensor_split(self.n)[self.rank]

    def in_step(self, own: Iterator[Any], nothing: Any) -> Iterator[Any]:
        """Yield batches until all processes have had theirs."""
        while True:
            batch = next(own, None)
            if not self.greatest(torch.tensor(float(batch is not None))):
                return
            yield nothing if batch is None else batch

    def total(self, tensor: Tensor) -> Tensor:
        """Sum a tensor over the processes."""
        return self._reduce(tensor, dist.ReduceOp.SUM)

    def greatest(self, tensor: Tensor) -> Tensor:
        """Take the greatest of each entry."""
        return self._reduce(tensor, dist.ReduceOp.MAX)

    def same(self, tensor: Tensor) -> Tensor:
        """Take the first process's tensor."""
        # What a collective reads must be dense, and on the group's device.
        sent = tensor.detach().to(self.device, copy=True, memory_format=torch.contiguous_format)
        with _naming_failure():
            dist.broadcast(sent, src=0)
        return sent.to(tensor.device)

    def join(self, sums: Tensor, n_rows: int) -> tuple[Tensor, Any]:
        """Sum what was summed over a part of a batch, and the numbers of rows."""
        every = _Total.apply(torch.cat([sums.flatten(), sums.new_full((1,), n_rows)]), self, False)
        return every[:-1].view(sums.shape), every[-1].detach()

    def shared_total(self, tensor: Tensor) -> Tensor:
        """Sum a tensor of which each process has a part of the objective."""
        return _Total.apply(tensor, self, True)

    def from_first(self, compute: Callable[[], Any]) -> Any:
        """Let the first process compute, and send what comes of it."""
        result = error = None
        if self.rank == 0:
            try:
                result = compute()
            except Exception as raised:
                error = raised
        sent = [result, error]
        with _naming_failure():
            dist.broadcast_object_list(sent, src=0, device=torch.device(str(self.device)))
        if sent[1] is not None:
            raise sent[1]
        return sent[0]

    def of_all(self, value: Any) -> list[Any]:
        """Gather values."""
        values = [None] * self.n
        with _naming_failure():
            dist.all_gather_object(values, value)
        return values

    def _reduce(self, tensor: Tensor, operation: Any) -> Tensor:
        sent = tensor.detach().to(self.device, copy=True, memory_format=torch.contiguous_format)
        with _naming_failure():
            dist.all_reduce(sent, operation)
        return sent.to(tensor.device)


class _Total(torch.autograd.Function):
    """The sum over the processes; its gradient is this process's, or the sum of theirs."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, group: Group, sums_gradients: bool) -> Tensor:
        ctx.group, ctx.sums_gradients = group, sums_gradients
        return group.total(tensor)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = gradients
        return ctx.group.total(gradient) if ctx.sums_gradients else gradient, None, None


_CURRENT: ContextVar[Processes] = ContextVar("processes", default=Processes())  # noqa: B039


def current() -> Processes:
    """Return the processes that train together where this is called: this one alone, mostly."""
    return _CURRENT.get()


@contextmanager
def training_together(processes: Processes) -> Iterator[None]:
    """Let what is trained while the context lasts be trained by some processes together."""
    token = _CURRENT.set(processes)
    try:
        yield
    finally:
        _CURRENT.reset(token)


@contextmanager
def _naming_failure() -> Iterator[None]:
    """Say what it means where an exchange fails."""
    try:
        yield
    except RuntimeError as error:
        raise RuntimeError(
            "Another process of the training has ended, or did not answer in time. Start all of "
            f"them again; with checkpoint_dir the fit goes on where it stopped. ({error})"
        ) from error
