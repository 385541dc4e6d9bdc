"""The additional steps of a training by several processes."""

from collections.abc import Mapping
from typing import TypeVar

import numpy as np
import torch
from skorch.callbacks import Callback
from torch import Tensor, nn

from ...nn import TabularNetwork
from ...nn.draws import reseed
from ...parameters.settings import Settings
from ...tables.files.streamed_table import FitTable
from ...utils.processes import current
from ..choosing.validation_rows import Split
from ..fingerprint import describe_fit
from ..protocols import TrainedNet

_Result = TypeVar("_Result")

# Layers whose statistics would be those of a process's part of the batch.
_OF_A_BATCH = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class Synchroniser(Callback):
    """Synchronises the processes of a training; it is the first of the callbacks.

    All processes begin with the weights of the first one, sum their gradients in each step, and
    end after the same epoch, even if a callback ends the training of only one of them.
    """

    def on_train_begin(self, net: TrainedNet, **_: object) -> None:
        """Copy the weights of the first process."""
        for name, part in net.module_.named_modules():
            if isinstance(part, _OF_A_BATCH):
                raise ValueError(
                    f"The network's {name} is a {type(part).__name__}, which data_parallel cannot "
                    "train: its statistics would be those of a part of the batch. Use "
                    "torch.nn.SyncBatchNorm, or normalise rows, as torch.nn.LayerNorm does."
                )
        copy_from_first(net.module_, net.criterion_)
        self.trained_: list[nn.Parameter] | None = None
        self.ends_training = False

    def asks_others(self) -> bool:
        """Return whether another process has ended the training, which then ends here, too."""
        processes = current()
        self.ends_training = bool(processes.total(torch.ones(())) < processes.n)
        return self.ends_training

    def on_epoch_begin(self, net: TrainedNet, **_: object) -> None:
        """Seed this process's own random numbers.

        Each process drops out different units. Its generators are seeded in each epoch, because a
        checkpoint holds only the random state of the first process.
        """
        processes = current()
        if processes.rank:
            seed = reseed(torch.device(net.device), processes.rank, len(net.history))
            # Foreign parts of the network may draw from torch's global random state.
            if "global draws" in net.states():
                torch.manual_seed(seed)

    def on_grad_computed(self, net: TrainedNet, **_: object) -> None:
        """Sum the gradients of the network, and average those of the balancer."""
        if self.trained_ is None:
            self.trained_ = _find_trained([*net.module_.parameters()])
            self.of_balancer_ = _find_trained([*net.criterion_.parameters()])
        balancing = [_read_gradient(p) / current().n for p in self.of_balancer_]
        parts = [_read_gradient(p) for p in self.trained_] + balancing
        if not parts:
            return
        every = current().total(torch.cat([part.flatten() for part in parts]))
        sums = every.split([part.numel() for part in parts])
        for parameter, part in zip([*self.trained_, *self.of_balancer_], sums, strict=True):
            if parameter.grad is None:
                parameter.grad = torch.empty_like(parameter)
            parameter.grad.copy_(part.view_as(parameter))

    def on_train_end(self, net: TrainedNet, **_: object) -> None:
        """End the training of the other processes too."""
        if not self.ends_training:
            current().total(torch.zeros(()))


def copy_from_first(*modules: nn.Module) -> None:
    """Copy the weights and buffers of the first process to modules."""
    for module in modules if current().n > 1 else ():
        for tensor in [*module.parameters(), *module.buffers()]:
            tensor.data.copy_(current().same(tensor))


def copy_result_of_first(net: TrainedNet, trained: _Result) -> _Result:
    """Copy the first process's weights and history; return how its training ended."""
    copy_from_first(net.module_, net.criterion_)
    net.history, trained = current().from_first(lambda: (net.history, trained))
    return trained


def evaluate_in_turn(module: TabularNetwork, inputs: Mapping[str, Tensor], number: int) -> Tensor:
    """Compute the members' outputs for a batch, or zeros if another process computes it.

    Parameters
    ----------
    module : TabularNetwork
        The network.
    inputs : mapping of str to Tensor
        The inputs of the network.
    number : int
        Number of the batch.

    Returns
    -------
    Tensor of shape (n_members, n_rows, sum of n_outputs)
        The outputs, or zeros.
    """
    processes, numbers = current(), inputs["numbers"]
    if number % processes.n == processes.rank:
        return module.member_outputs(**inputs)
    shape = module.body.n_members, numbers.shape[-2], sum(module.body.n_outputs)
    return numbers.new_zeros(shape)


def check_same_fit(
    settings: Settings, device: str, table: FitTable, split: Split, module: nn.Module | None
) -> None:
    """Check that all processes of a training have the same rows and parameters.

    They are compared by `describe_fit`, which has the same parameters.

    Raises
    ------
    ValueError
        If they differ; the message names the differences.
    """
    if current().n == 1:
        return
    described = describe_fit(settings, device, table, split, module)
    # Callbacks may differ, since one process may write the log, but not whether there are any.
    described["callbacks"] = str(bool(settings.callbacks))
    described["checkpoint_dir"] = str(settings.checkpoint_dir)
    for rank, other in enumerate(current().of_all(described)):
        if names := [name for name in described if described[name] != other.get(name)]:
            raise ValueError(
                f"Within data_parallel all processes must be given the same rows and parameters, "
                f"but process {rank} differs from process {current().rank} in "
                f"{', '.join(names)}. Each process takes its own part of the rows by itself."
            )


def share_random_state(rng: np.random.RandomState) -> np.random.RandomState:
    """Return a random state that equals that of the first process."""
    state = current().from_first(rng.get_state)
    if current().rank:
        rng = np.random.RandomState()
        rng.set_state(state)
    return rng


def _find_trained(parameters: list[nn.Parameter]) -> list[nn.Parameter]:
    """Return the parameters that have a gradient in at least one of the processes."""
    has_gradient = torch.tensor([float(p.grad is not None) for p in parameters])
    counts = current().total(has_gradient).tolist()
    return [parameter for parameter, count in zip(parameters, counts, strict=True) if count]


def _read_gradient(parameter: nn.Parameter) -> Tensor:
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
