"""Records of what the modules of a network compute while it predicts."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn


@contextmanager
def watch(module: nn.Module, see: Callable[[Tensor], Any]) -> Iterator[None]:
    """Pass each output that a module computes in this thread to a function, within the context."""
    thread = threading.get_ident()

    def hook(_module: nn.Module, _inputs: object, output: Tensor) -> None:
        # Other threads may predict with the same module.
        if threading.get_ident() == thread:
            see(output.detach())

    handle = module.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def record_outputs(modules: Sequence[nn.Module]) -> Iterator[list[list[Tensor]]]:
    """Record the outputs of modules of gates, batch by batch, within the context."""
    weights: list[list[Tensor]] = [[] for _ in modules]

    def keeper(batches: list[Tensor]) -> Callable[[Tensor], None]:
        return lambda output: batches.append(output.cpu())

    with ExitStack() as stack:
        for module, batches in zip(modules, weights, strict=True):
            stack.enter_context(watch(module, keeper(batches)))
        yield weights


def join_weights(batches: Sequence[Tensor], n_members: int) -> Tensor:
    """Join batches of weights into a tensor (n_members, n_gates, n_rows, n_experts)."""
    return torch.cat(list(batches), dim=2).mT.unflatten(0, (n_members, -1))
