"""The input of the towers in a batch, with respect to which gradients are compared."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


class Representation:
    """The input of the towers in a batch, detached from the network below them.

    First the losses are differentiated with respect to this input. Then the weighted gradients are
    propagated through the network below.

    Parameters
    ----------
    read : Tensor of shape (n_members * n_tasks, n_rows, width), or list of Tensor
        The input of the towers, as `Body.represent` returns it.
    n_members : int
        Number of members of the ensemble.
    dependent : bool
        Whether the loss of a task may depend on the towers of other tasks.
    order : sequence of int
        For each task of the towers, its position among the losses.

    Attributes
    ----------
    order : Tensor of int of shape (n_tasks,)
        The order.
    """

    def __init__(
        self,
        read: Tensor | list[Tensor],
        n_members: int,
        dependent: bool,
        order: Sequence[int],
    ):
        self.n_members = n_members
        self.dependent = dependent
        self.order = torch.tensor(order)
        self._is_list = isinstance(read, list)
        self._below = list(read) if isinstance(read, list) else [read]
        self._above = [part.detach().requires_grad_() for part in self._below]

    @property
    def above(self) -> Any:
        """The detached input, which the towers read instead."""
        return self._above if self._is_list else self._above[0]

    def gradients(self, losses: Tensor) -> Tensor:
        """Differentiate the losses through the towers, whose plain gradients this also computes.

        Parameters
        ----------
        losses : Tensor of shape (n_members, n_tasks)
            The losses.

        Returns
        -------
        Tensor of shape (n_members, n_tasks, n)
            The gradient of each loss, in the order of the towers, with respect to a shift that is
            added to the representations of all tasks. If all tasks read the same representation,
            this is the gradient with respect to that representation.

        Raises
        ------
        ValueError
            If the representations of the tasks differ in width.
        """
        if len({part.shape[-1] for part in self._above}) > 1:
            raise ValueError(
                "This balancing compares the gradients of the tasks with respect to what the "
                "towers read, but here they read representations of several widths: set "
                'balancing="equal" or another method that weighs by the losses, or, for '
                'AsymmetricSharing, fusion="sum" or fusion="average".'
            )
        losses = losses[:, self.order]
        by_loss = []
        if self.dependent:
            for loss in losses.sum(dim=0):
                grads = torch.autograd.grad(loss, self._above, retain_graph=True)
                by_loss.append(self._by_task(grads))
        losses.sum(dim=1).mean().backward()
        if self.dependent:
            # (n_members, loss, representation, n)
            self._jacobian = torch.stack(by_loss, dim=1)
            return self._jacobian.sum(dim=2)
        self._jacobian = self._by_task([part.grad for part in self._above]) * self.n_members
        return self._jacobian

    def backward(self, weights: Tensor) -> None:
        """Propagate the weighted sums of the gradients through the network below.

        Parameters
        ----------
        weights : Tensor of shape (n_members, n_tasks)
            Weights of the losses. The gradients are those of the mean over the members.
        """
        weights = weights[:, self.order].to(self._jacobian) / self.n_members
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
        # If there are no layers below, the towers read the features.
        if pairs:
            tensors, gradients = zip(*pairs, strict=True)
            torch.autograd.backward(tensors, gradients)

    def _by_task(self, parts: Any) -> Tensor:
        """Join the parts into one tensor of shape (n_members, n_tasks, n_rows * width)."""
        if self._is_list:
            return torch.stack([part.flatten(1) for part in parts], dim=1)
        return parts[0].unflatten(0, (self.n_members, -1)).flatten(2)


@contextmanager
def cut_below(
    towers: nn.Module, n_members: int, dependent: bool, order: Sequence[int]
) -> Iterator[list[Representation]]:
    """Detach the input of the towers from the network below, within the context.

    Parameters
    ----------
    towers : Module
        The towers.
    n_members : int
        Number of members of the ensemble.
    dependent : bool
        Whether the loss of a task may depend on the towers of other tasks.
    order : sequence of int
        For each task of the towers, its position among the losses.

    Yields
    ------
    list of Representation
        The input of the towers, which is appended when the network is evaluated.
    """
    cuts: list[Representation] = []

    def cut(_: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        # If all tasks of a member read the same, each loss has a gradient of its own.
        is_shared = isinstance(inputs[0], Tensor) and len(inputs[0]) < n_members * len(order)
        cuts.append(Representation(inputs[0], n_members, dependent or is_shared, order))
        return (cuts[-1].above, *inputs[1:])

    handle = towers.register_forward_pre_hook(cut)
    try:
        yield cuts
    finally:
        handle.remove()
