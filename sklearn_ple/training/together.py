"""What a training by several processes has beside one by a single process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from skorch.callbacks import Callback
from torch import Tensor, nn

from ..nn.draws import reseed
from ..processes import current
from .fingerprint import fingerprint
from .split import Split

# They scale by the rows that they see, which are a part of the batch.
_OF_A_BATCH = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class Together(Callback):
    """Keeps the processes of a training in step; it is the first of the callbacks.

    They begin with the weights of the first process, sum their gradients in each step, and end
    after the same epoch, whichever of them a callback ends.
    """

    def on_train_begin(self, net: Any, **_: Any) -> None:
        """Take over the weights of the first process."""
        for name, part in net.module_.named_modules():
            if isinstance(part, _OF_A_BATCH):
                raise ValueError(
                    f"The network's {name} is a {type(part).__name__}, which data_parallel cannot "
                    "train: its statistics would be those of a part of the batch. Take "
                    "torch.nn.SyncBatchNorm, or normalise rows, as torch.nn.LayerNorm does."
                )
        take_over_state(net.module_, net.criterion_)
        self.trained_: list[nn.Parameter] | None = None
        self.ended_ = False

    def on_epoch_begin(self, net: Any, **_: Any) -> None:
        """End the training with others that have ended theirs; else drop out what others do not.

        In an epoch each process draws anew: what is kept in a checkpoint is of the first one.
        """
        processes = current()
        if processes.total(torch.ones(())) < processes.n:
            self.ended_ = True
            raise KeyboardInterrupt
        if processes.rank:
            seed = reseed(torch.device(net.device), processes.rank, len(net.history))
            # A network with parts that draw from torch's global random state has it seeded.
            if "global draws" in net.parts():
                torch.manual_seed(seed)

    def on_grad_computed(self, net: Any, **_: Any) -> None:
        """Sum the gradients; what the balancer learns is computed by all, from the same losses."""
        if self.trained_ is None:
            self.trained_ = _with_gradient([*net.module_.parameters()])
            self.of_balancer_ = _with_gradient([*net.criterion_.parameters()])
        balancing = [_gradient(p) / current().n for p in self.of_balancer_]
        parts = [_gradient(p) for p in self.trained_] + balancing
        if not parts:
            return
        every = current().total(torch.cat([part.flatten() for part in parts]))
        sums = every.split([part.numel() for part in parts])
        for parameter, part in zip([*self.trained_, *self.of_balancer_], sums, strict=True):
            if parameter.grad is None:
                parameter.grad = torch.empty_like(parameter)
            parameter.grad.copy_(part.view_as(parameter))

    def on_train_end(self, net: Any, **_: Any) -> None:
        """Let others end their training too."""
        if not self.ended_:
            current().total(torch.zeros(()))


def together() -> list[Callback]:
    """Return the callback of a training by several processes; none where one trains alone."""
    return [] if current().n == 1 else [Together()]


def take_over_state(*modules: nn.Module) -> None:
    """Copy the weights and buffers of the first process to modules."""
    for module in modules if current().n > 1 else ():
        for tensor in [*module.parameters(), *module.buffers()]:
            tensor.data.copy_(current().same(tensor))


def end_alike(net: Any, trained: Any) -> Any:
    """Take over what the first process learnt, its history, and how its training ended."""
    take_over_state(net.module_, net.criterion_)
    if current().n > 1:
        net.history, trained = current().from_first(lambda: (net.history, trained))
    return trained


def evaluate_in_turn(module: Any, inputs: Mapping[str, Tensor], number: int) -> Tensor:
    """Compute the members' outputs for a batch, or zeros where it is another process's turn.

    Parameters
    ----------
    module : TabularNetwork
        The network.
    inputs : mapping of str to Tensor
        What it reads.
    number : int
        Number of the batch.
    """
    processes, numbers = current(), inputs["numbers"]
    if number % processes.n == processes.rank:
        return module.member_outputs(**inputs)
    shape = module.body.n_members, numbers.shape[-2], sum(module.body.n_outputs)
    return numbers.new_zeros(shape)


def add_penalty(body: Any, share: Any) -> Tensor | float:
    """Differentiate a network's penalty; return that of the batch.

    Parameters
    ----------
    body : Body
        The network.
    share : Tensor or float
        This process's share of the rows of the batch.
    """
    penalty = body.penalty()
    if not isinstance(penalty, Tensor):
        return penalty
    own = penalty * share
    # Of a single subspace, for one, there is nothing to penalise.
    if own.requires_grad:
        own.backward()
    return current().total(own.detach())


def check_alike(estimator: Any, table: Any, split: Split, start: nn.Module | None) -> None:
    """Check that the processes of a training were given the same, by what `fingerprint` reads.

    Raises
    ------
    ValueError
        If they differ, with the names of what does.
    """
    if current().n == 1:
        return
    described = fingerprint(estimator, table, start, split)
    # Of callbacks, which may log in one process alone, it counts whether there are any.
    described["callbacks"] = str(bool(estimator.callbacks))
    described["checkpoint_dir"] = str(estimator.checkpoint_dir)
    for rank, other in enumerate(current().of_all(described)):
        if names := [name for name in described if described[name] != other.get(name)]:
            raise ValueError(
                f"Within data_parallel all processes must be given the same rows and parameters, "
                f"but process {rank} differs from process {current().rank} in "
                f"{', '.join(names)}. Of each batch they take their own part of the rows."
            )


def alike(rng: np.random.RandomState) -> np.random.RandomState:
    """Return the first process's random numbers; where one trains alone, its own."""
    if current().n == 1:
        return rng
    state = current().from_first(rng.get_state)
    if current().rank:
        rng = np.random.RandomState()
        rng.set_state(state)
    return rng


def _with_gradient(parameters: list[nn.Parameter]) -> list[nn.Parameter]:
    """Choose the parameters that have a gradient in any of the processes."""
    own = torch.tensor([float(p.grad is not None) for p in parameters])
    there = current().total(own).tolist()
    return [parameter for parameter, n in zip(parameters, there, strict=True) if n]


def _gradient(parameter: nn.Parameter) -> Tensor:
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
