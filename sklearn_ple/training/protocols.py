"""What the parts of a training need of the net that drives them."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import torch
from skorch.callbacks import Callback
from torch import Tensor

from ..balancing import Balancer
from ..nn import TabularNetwork
from ..tasks import TaskLosses, TaskWeights
from .history import SharedHistory


class Stateful(Protocol):
    """A part of a training that a checkpoint can hold, such as the network or the optimizer."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state."""

    def load_state_dict(self, state: dict[str, Any], /) -> object:
        """Continue from a saved state."""


class EvaluatedNet(Protocol):
    """A net, as the computation of outputs needs it."""

    module_: TabularNetwork
    losses: TaskLosses
    device: str
    n_jobs: int | None
    n_parameters_: int

    def threads(self, n_rows: int, n_jobs: int | None) -> AbstractContextManager:
        """Limit the threads of operations on a number of rows."""


class TrainedNet(EvaluatedNet, Protocol):
    """A net, as callbacks, checkpoints and other processes need it."""

    criterion_: Balancer
    optimizer_: torch.optim.Optimizer
    history: SharedHistory
    callbacks_: Sequence[tuple[str, Callback]]
    task_weights: TaskWeights
    max_epochs: int

    @property
    def n_steps(self) -> int:
        """Number of steps of this training so far."""

    def states(
        self, callbacks: Sequence[tuple[str, Callback]] | None = None
    ) -> Mapping[str, Stateful]:
        """Return whatever has a state that training changes, by name."""

    def snapshot(self) -> dict[str, Tensor]:
        """Copy the state of the network that is evaluated."""
