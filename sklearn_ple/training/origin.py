"""The initial weights of a network: random, of the last fit, of another model or fewer tasks."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from ..nn.transfer import take_over, transfer
from .data import TableRows
from .net import MultiTaskNet

# Number of rows on which two networks are compared, and the tolerance for rounding.
_ROWS_COMPARED = 256
_RTOL, _ATOL = 1e-3, 1e-4


class Origin:
    """Random initial weights: the weights stay as they were drawn."""

    #: Whether training continues from a network that was trained for the same tasks.
    goes_on: ClassVar[bool] = False
    #: Whether training must leave some of the weights unchanged.
    holds: ClassVar[bool] = False

    def begin(self, net: MultiTaskNet) -> None:
        """Set the initial weights of a net."""

    @contextmanager
    def held(self, net: MultiTaskNet, rows: TableRows) -> Iterator[None]:
        """Keep the weights that training must not change as they are, within the context."""
        yield


class LastFit(Origin):
    """The network of the last fit, with its history.

    Parameters
    ----------
    net : MultiTaskNet
        The net of the last fit.
    """

    goes_on = True

    def __init__(self, net: MultiTaskNet):
        self.net = net

    def begin(self, net: MultiTaskNet) -> None:
        """Copy all weights and the history, for a training with a new optimizer.

        The state of the balancer is copied too, if both balancers have the same class and options.
        """
        same = _shapes(net.module_) == _shapes(self.net.module_)
        check_unchanged("" if same else "its weights differ in shape")
        net.module_.load_state_dict(self.net.module_.state_dict())
        balancer, other = net.criterion_, self.net.criterion_
        own, there = _shapes(balancer), _shapes(other)
        fits = all(there[name] == shape for name, shape in own.items() if name in there)
        if fits and repr(balancer) == repr(other):
            balancer.load_state_dict(other.state_dict(), strict=False)
        net.history = copy.deepcopy(self.net.history)


class OtherModel(Origin):
    """The network of another estimator, perhaps for other tasks.

    Parameters
    ----------
    module : Module
        The other network.
    names, names_there : sequence of str
        Names of the tasks of this network and of the other one, in the order of the networks.
    """

    def __init__(self, module: Any, names: Sequence[str], names_there: Sequence[str]):
        self.module = module
        self.names = names
        self.names_there = names_there

    def begin(self, net: MultiTaskNet) -> None:
        """Copy the weights that the two networks have in common."""
        module = net.module_
        if type(module.body) is not type(self.module.body):
            raise ValueError(
                f"The network is a {type(module.body).__name__}, but that of warm_start_from a "
                f"{type(self.module.body).__name__}: pass a model of the same network."
            )
        transfer(module, self.module, self.names, self.names_there)


class FewerTasks(Origin):
    """A network of fewer tasks, the first ones; the weights of added tasks are random.

    Parameters
    ----------
    net : MultiTaskNet
        The net of the first tasks.
    unlabelled : ndarray of bool of shape (n_tasks,)
        Which of all tasks have no label to train on. The weights of the members for these tasks
        are kept.
    freeze : bool
        Whether all weights that belong to the first tasks, or are shared by them, are kept too.
    """

    holds = True

    def __init__(self, net: MultiTaskNet, unlabelled: np.ndarray, freeze: bool):
        self.net = net
        self.unlabelled = unlabelled
        self.freeze = freeze

    def begin(self, net: MultiTaskNet) -> None:
        """Copy the weights of the first tasks, and those that they share."""
        module = net.module_
        try:
            self._masks = take_over(module, self.net.module_)
        except ValueError as error:
            name = type(module.body).__name__
            raise ValueError(f"{name} cannot take another task: {error}") from error
        if not self.freeze:
            weights = module.mean.weights
            unlabelled = torch.as_tensor(self.unlabelled, device=weights.device)
            self._masks = {"mean.weights": unlabelled.expand_as(weights)}

    @contextmanager
    def held(self, net: MultiTaskNet, rows: TableRows) -> Iterator[None]:
        """Keep the weights of the first tasks unchanged in every step."""
        state = net.module_.state_dict(keep_vars=True)
        held = [(state[name], mask) for name, mask in self._masks.items() if mask.any()]
        before = [(tensor, mask, tensor.detach().clone()) for tensor, mask in held]
        whole = [tensor for tensor, mask in held if tensor.requires_grad and mask.all()]
        # Weight decay and momentum also change weights without a gradient: restore them.
        moved = [own for own in before if own[0].requires_grad and not own[1].all()]
        first = rows.head(_ROWS_COMPARED)
        self._check_unmoved(net, first)
        for tensor in whole:
            tensor.requires_grad_(False)
        hook = net.optimizer_.register_step_post_hook(lambda *_: _put_back(moved))
        try:
            yield
        finally:
            hook.remove()
            for tensor in whole:
                tensor.requires_grad_(True)
        _put_back(before)
        mean = net.module_.mean
        for task, other in mean.dependent:
            mean.weights[:, task] = mean.weights[:, other]
        self._check_unmoved(net, first)

    def _check_unmoved(self, net: MultiTaskNet, rows: TableRows) -> None:
        """Check, if the first tasks are frozen, that their outputs have not changed."""
        if not self.freeze:
            return
        earlier = self.net
        if earlier.dtype != net.dtype:
            # The rows have the data type of the new net.
            earlier = copy.deepcopy(earlier)
            earlier.module_.to(net.dtype)
        before = earlier.member_outputs(rows)
        now = net.member_outputs(rows)[..., : before.shape[-1]]
        if not torch.allclose(now, before, rtol=_RTOL, atol=_ATOL):
            raise ValueError(
                f"{type(net.module_.body).__name__} cannot take another task with the rest "
                "frozen: the outputs of earlier tasks depend on the new parts. Pass freeze=False."
            )


def check_unchanged(changed: str) -> None:
    """Raise an error if the network has changed since the last fit.

    Parameters
    ----------
    changed : str
        Description of the change; empty if there is none.

    Raises
    ------
    ValueError
        If there is a change.
    """
    if changed:
        raise ValueError(
            "warm_start, partial_fit and add_task go on with the network of the last fit, but "
            f"the current parameters make another one: {changed}. Set the parameters of the "
            "network as they were, or start anew: call fit with warm_start=False."
        )


@torch.no_grad()
def _put_back(kept: list[tuple[Tensor, Tensor, Tensor]]) -> None:
    """Restore the masked entries of tensors."""
    for tensor, mask, values in kept:
        tensor.copy_(torch.where(mask, values, tensor))


def _shapes(module: Any) -> dict[str, torch.Size]:
    """Return the shapes of a module's weights, by name."""
    return {name: part.shape for name, part in module.state_dict().items()}
