"""Where the weights of a network come from: chance, the last fit, or a network of fewer tasks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from ..nn.growth import take_over
from ..nn.transfer import transfer
from .data import TableRows
from .net import MultiTaskNet

# Rows by which what a network computes is compared, and by how much roundings may differ.
_ROWS_COMPARED = 256
_RTOL, _ATOL = 1e-3, 1e-4


class Origin:
    """Chance: the weights stay as they were drawn."""

    #: Whether the network goes on from one that was trained for the same tasks.
    goes_on: ClassVar[bool] = False
    #: Whether the training must not change some of the weights.
    holds: ClassVar[bool] = False

    def begin(self, net: MultiTaskNet) -> None:
        """Set the weights that the training of a net starts from."""

    @contextmanager
    def held(self, net: MultiTaskNet, rows: TableRows) -> Iterator[None]:
        """Leave the weights as they are that a training on some rows must not change."""
        yield


class LastFit(Origin):
    """The network of the last fit, with its history.

    Parameters
    ----------
    net : MultiTaskNet
        That of the last fit.
    """

    goes_on = True

    def __init__(self, net: MultiTaskNet):
        self.net = net

    def begin(self, net: MultiTaskNet) -> None:
        """Take over all weights and the history."""
        same = _shapes(net) == _shapes(self.net)
        check_unchanged("" if same else "its weights differ in shape")
        net.continue_from(self.net)


class OtherModel(Origin):
    """A network of another estimator, perhaps for other tasks.

    Parameters
    ----------
    module : Module
        The network.
    names, names_there : sequence of str
        Names of the tasks here and there, as the networks order them.
    longer : mapping of str to Size
        The shapes that the weights would have with one task more.
    """

    def __init__(
        self,
        module: Any,
        names: Sequence[str],
        names_there: Sequence[str],
        longer: Mapping[str, torch.Size],
    ):
        self.module = module
        self.names = names
        self.names_there = names_there
        self.longer = longer

    def begin(self, net: MultiTaskNet) -> None:
        """Take over what the two have in common."""
        module = net.module_
        if type(module.body) is not type(self.module.body):
            raise ValueError(
                f"The network is a {type(module.body).__name__}, but that of warm_start_from a "
                f"{type(self.module.body).__name__}: pass a model of the same network."
            )
        n_members = module.body.n_members
        transfer(module, self.module, self.names, self.names_there, self.longer, n_members)


class FewerTasks(Origin):
    """A network of the first tasks: those that are added start from chance.

    Parameters
    ----------
    net : MultiTaskNet
        That of the first tasks.
    unlabelled : ndarray of bool of shape (n_tasks,)
        Which of all tasks have no label to train on. How their members count is held.
    freeze : bool
        Whether all that is of the first tasks, or shared by them, is held too.
    """

    holds = True

    def __init__(self, net: MultiTaskNet, unlabelled: np.ndarray, freeze: bool):
        self.net = net
        self.unlabelled = unlabelled
        self.freeze = freeze

    def begin(self, net: MultiTaskNet) -> None:
        """Take over the weights of the first tasks, and what they share."""
        module = net.module_
        try:
            self._masks = take_over(module, self.net.module_, module.body.n_members)
        except ValueError as error:
            name = type(module.body).__name__
            raise ValueError(f"{name} cannot take another task: {error}") from error
        if not self.freeze:
            weights = module.mean.weights
            unlabelled = torch.as_tensor(self.unlabelled, device=weights.device)
            self._masks = {"mean.weights": unlabelled.expand_as(weights)}

    @contextmanager
    def held(self, net: MultiTaskNet, rows: TableRows) -> Iterator[None]:
        """Hold what is of the first tasks, through every step."""
        state = net.module_.state_dict(keep_vars=True)
        held = [(state[name], mask) for name, mask in self._masks.items() if mask.any()]
        before = [(tensor, mask, tensor.detach().clone()) for tensor, mask in held]
        whole = [tensor for tensor, mask in held if tensor.requires_grad and mask.all()]
        # Decay and momentum move also what has no gradient, so that it is put back.
        moved = [own for own in before if own[0].requires_grad and not own[1].all()]
        first = rows.take(np.arange(min(len(rows), _ROWS_COMPARED)))
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
        """Check that the first tasks are computed as they were, where they are held."""
        if not self.freeze:
            return
        before = self.net.member_outputs(rows)
        now = net.member_outputs(rows)[..., : before.shape[-1]]
        if not torch.allclose(now, before, rtol=_RTOL, atol=_ATOL):
            raise ValueError(
                f"{type(net.module_.body).__name__} cannot take another task with the rest "
                "frozen: its earlier tasks would read what is new. Pass freeze=False."
            )


def check_unchanged(changed: str) -> None:
    """Raise an error if anything was changed in a network since the last fit, which is said."""
    if changed:
        raise ValueError(
            "warm_start, partial_fit and add_task go on with the network of the last fit, but "
            f"today's parameters make another one: {changed}. Set those of the network as they "
            "were, or start anew, by fit with warm_start=False."
        )


@torch.no_grad()
def _put_back(kept: list[tuple[Tensor, Tensor, Tensor]]) -> None:
    """Return the masked entries of tensors to what they were."""
    for tensor, mask, values in kept:
        tensor.copy_(torch.where(mask, values, tensor))


def _shapes(net: MultiTaskNet) -> dict[str, Any]:
    """Return the shapes of a net's weights, by name."""
    return {name: part.shape for name, part in net.module_.state_dict().items()}
