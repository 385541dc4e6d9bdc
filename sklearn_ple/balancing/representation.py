"""What the towers read in a batch: where the tasks' gradients meet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


class Representation:
    """What the towers of a batch read, cut off from the network below them.

    The losses are differentiated down to here first. What the gradients are then made to goes on
    through the network below.

    Parameters
    ----------
    read : Tensor of shape (n_members * n_tasks, n_rows, width), or list of Tensor
        What the towers read, as `Body.represent` returns it.
    n_members : int
        Number of members.
    dependent : bool
        Whether a task's loss may depend on other tasks' towers.
    """

    def __init__(self, read: Tensor | list[Tensor], n_members: int, dependent: bool):
        self.n_members = n_members
        self.dependent = dependent
        self._is_list = isinstance(read, list)
        self._below = list(read) if isinstance(read, list) else [read]
        self._above = [part.detach().requires_grad_() for part in self._below]

    @property
    def above(self) -> Any:
        """What the towers read in its place."""
        return self._above if self._is_list else self._above[0]

    def gradients(self, losses: Tensor) -> Tensor:
        """Differentiate the losses down to here; what is above has its plain gradients then.

        Parameters
        ----------
        losses : Tensor of shape (n_members, n_tasks)
            The losses.

        Returns
        -------
        Tensor of shape (n_members, n_tasks, n)
            The gradient of each loss by a shift of all representations at once. If the tasks read
            the same, that is the gradient by what they read.

        Raises
        ------
        ValueError
            If the tasks' representations are not of one width.
        """
        if len({part.shape[-1] for part in self._above}) > 1:
            raise ValueError(
                "This balancing compares the gradients at what the towers read, but here these "
                'read representations of several widths: take balancing="equal", or one of those '
                "that weigh by the losses."
            )
        by_loss = []
        if self.dependent:
            for own in losses.sum(dim=0):
                grads = torch.autograd.grad(own, self._above, retain_graph=True)
                by_loss.append(self._by_task(grads))
        losses.sum(dim=1).mean().backward()
        if self.dependent:
            # (n_members, loss, representation, n)
            self._jacobian = torch.stack(by_loss, dim=1)
            return self._jacobian.sum(dim=2)
        self._jacobian = self._by_task([part.grad for part in self._above]) * self.n_members
        return self._jacobian

    def backward(self, weights: Tensor) -> None:
        """Let the weighted sums of the gradients go on through the network below.

        Parameters
        ----------
        weights : Tensor of shape (n_members, n_tasks)
            How much each loss counts. The mean over the members goes on.
        """
        weights = weights.to(self._jacobian) / self.n_members
        if self.dependent:
            combined = torch.einsum("mk,mkjn->mjn", weights, self._jacobian)
        else:
            combined = weights.unsqueeze(-1) * self._jacobian
        by_task = combined.unbind(1) if self._is_list else [combined.flatten(0, 1)]
        pairs = [
            (below, part.view(below.shape))
            for below, part in zip(self._below, by_task, strict=True)
            if below.requires_grad
        ]
        # Without layers below, the towers read the features.
        if pairs:
            tensors, gradients = zip(*pairs, strict=True)
            torch.autograd.backward(tensors, gradients)

    def _by_task(self, parts: Any) -> Tensor:
        """Join the parts: (n_members, n_tasks, n_rows * width)."""
        if self._is_list:
            return torch.stack([part.flatten(1) for part in parts], dim=1)
        return parts[0].unflatten(0, (self.n_members, -1)).flatten(2)


@contextmanager
def cut_below(
    towers: nn.Module, n_members: int, dependent: bool
) -> Iterator[list[Representation]]:
    """Cut what the towers read off from the network below, while the context lasts.

    Parameters
    ----------
    towers : Module
        The towers.
    n_members : int
        Number of members.
    dependent : bool
        Whether a task's loss may depend on other tasks' towers.

    Yields
    ------
    list of Representation
        What was read, once the network has been evaluated.
    """
    cuts: list[Representation] = []

    def cut(_: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        cuts.append(Representation(inputs[0], n_members, dependent))
        return (cuts[-1].above, *inputs[1:])

    handle = towers.register_forward_pre_hook(cut)
    try:
        yield cuts
    finally:
        handle.remove()
