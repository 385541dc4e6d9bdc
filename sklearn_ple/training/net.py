"""The private skorch net: one network, the joint loss, and an epoch without a wait a batch."""

from __future__ import annotations

import copy
import inspect
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from skorch import NeuralNet
from skorch.callbacks import Callback
from skorch.utils import to_tensor
from torch import Tensor
from torch.utils.data import DataLoader

from .data import BatchIndices, TableRows, place
from .device import suitable_threads
from .schedule import OPTIMIZERS

# Rows in a batch of prediction and validation, at least.
_PREDICTION_BATCH = 1024
_BLOCK = 16

_PUBLIC_HISTORY = {
    "epoch": "epoch",
    "train_loss": "loss",
    "train_task_losses": "task_losses",
    "task_weights": "task_weights",
    "learning_rate": "learning_rate",
    "valid_loss": "valid_loss",
    "valid_task_losses": "valid_task_losses",
    "valid_score": "valid_score",
    "valid_task_scores": "valid_task_scores",
    "seconds": "seconds",
}


class MultiTaskNet(NeuralNet):
    """A net over `TableRows` that sums the tasks' losses on the device, epoch by epoch.

    ``fit`` and ``partial_fit`` take the rows to train on as X, and the rows to validate on, or
    None, as y. The history gets, per epoch, ``train_loss``, ``valid_loss`` (both over the whole
    epoch, weighted by the criterion's task weights) and ``train_task_losses``,
    ``valid_task_losses`` (lists).

    Attributes
    ----------
    stop_reason_ : str or None
        Why a callback of ours ended the training early.
    valid_outputs_ : ndarray or None
        The outputs of the epoch's validation.
    best_epoch_ : int
        The epoch with the least loss of validation, from 1; 0 before there is one.
    averages_ : AverageWeights or None
        In training, the callback that holds the network of averaged weights, to validate.
    """

    history: Any
    module_: Any
    criterion_: Any

    def __init__(self, *args: Any, dtype: torch.dtype, **kwargs: Any):
        self.dtype = dtype
        self.averages_: Any = None
        self.best_epoch_ = 0
        self.valid_outputs_: Any = None
        super().__init__(*args, **kwargs)

    @property
    def _default_callbacks(self) -> list:
        return []

    def initialize_module(self) -> MultiTaskNet:
        """Create the network in the dtype asked for."""
        super().initialize_module()
        self.module_.to(self.dtype)
        return self

    def initialize_criterion(self) -> MultiTaskNet:
        """Create the joint loss in the dtype asked for."""
        super().initialize_criterion()
        self.criterion_.to(self.dtype)
        return self

    def get_split_datasets(self, X: TableRows, y: TableRows | None = None, **_: Any) -> tuple:
        """Take the two sets of rows as they are."""
        return X, y

    def get_iterator(self, dataset: TableRows, training: bool = False) -> DataLoader:
        """Load batches by index, as they are: nothing to collate."""
        options = self.get_params_for("iterator_train" if training else "iterator_valid")
        batch_size = self.batch_size if training else max(self.batch_size, _PREDICTION_BATCH)
        indices = BatchIndices(dataset, options.pop("batch_size", batch_size), shuffle=training)
        return DataLoader(
            dataset, sampler=indices, batch_size=None, collate_fn=_identity, **options
        )

    def get_loss(
        self, y_pred: Tensor, y_true: tuple[Tensor, Tensor], X: Any = None, training: bool = False
    ) -> Tensor:
        """Compute the joint loss of a batch, and add its sums to the epoch's."""
        targets, weights = to_tensor(y_true, device=self.device)
        sums = self.criterion_.task_sums(y_pred, targets, weights)
        self._sums.append(sums.detach())
        return self.criterion_.combine(sums)[0] + self.module_.body.penalty()

    @property
    def evaluated_module(self) -> torch.nn.Module:
        """The network of averaged weights if there is one, else the one that is trained."""
        return self.module_ if self.averages_ is None else self.averages_.network_

    def run_single_epoch(
        self, iterator: Any, training: bool, prefix: str, step_fn: Any, **fit_params: Any
    ) -> None:
        """Run over all batches; read the losses from the device once, at the end."""
        if iterator is None:
            return
        self._sums: list[Tensor] = []
        if training:
            for batch in iterator:
                self.notify("on_batch_begin", batch=batch, training=True)
                step = step_fn(batch, **fit_params)
                self.notify("on_batch_end", batch=batch, training=True, **step)
        else:
            self._validate(iterator)
        loss, task_losses = self.criterion_.combine(torch.stack(self._sums).sum(dim=0))
        del self._sums
        self.history.record(f"{prefix}_loss", loss.item())
        self.history.record(f"{prefix}_task_losses", task_losses.tolist())

    @torch.no_grad()
    def _validate(self, iterator: Any) -> None:
        """Weigh the members by their losses, and take the losses of their mean."""
        self._set_training(False)
        module, parts = self.evaluated_module, []
        for batch in iterator:
            self.notify("on_batch_begin", batch=batch, training=False)
            inputs, labels = to_tensor(batch, device=self.device)
            parts.append((module(**inputs), *labels))
            self.notify("on_batch_end", batch=batch, training=False)
        members, targets, weights = (torch.cat(part, dim=-2) for part in zip(*parts, strict=True))
        member_weights = self.criterion_.member_weights(members, targets, weights)
        module.get_buffer("member_weights").copy_(member_weights)
        outputs = self.criterion_.average(members, member_weights)
        self._sums.append(self.criterion_.task_sums(outputs, targets, weights))
        self.valid_outputs_ = outputs.cpu().numpy()

    def outputs(self, rows: TableRows) -> np.ndarray:
        """Compute the outputs of the members' mean prediction, as float64."""
        weights = torch.from_numpy(self.member_weights)
        return self.criterion_.average(self.member_outputs(rows), weights).numpy()

    @property
    def member_weights(self) -> np.ndarray:
        """How much each member counts for each task, of shape (n_members, n_tasks)."""
        return self.module_.member_weights.cpu().double().numpy()

    def member_outputs(self, rows: TableRows) -> Tensor:
        """Compute each member's outputs, as float64, of shape (n_members, n_rows, n_outputs)."""
        (outputs,) = self._by_batch(lambda **inputs: [self.module_(**inputs)], rows)
        return outputs.double()

    def representations(self, rows: TableRows) -> list[Tensor]:
        """Compute what each task's towers read, of shape (n_members, n_rows, width)."""
        return self._by_batch(self.module_.representations, rows)

    def _by_batch(self, compute: Callable[..., list[Tensor]], rows: TableRows) -> list[Tensor]:
        """Compute tensors of shape (n_members, n_rows, ...), batch by batch.

        A row alone goes through other kernels than a row among many, with another rounding:
        batches of whole blocks keep a row's outputs the same whichever rows it comes with.
        """
        n_blocks = -(-len(rows) // _BLOCK)
        order = torch.arange(n_blocks * _BLOCK).clamp(max=len(rows) - 1)
        self._set_training(False)
        with torch.no_grad(), suitable_threads(self.module_, min(len(order), _PREDICTION_BATCH)):
            batches = [
                [part.cpu() for part in compute(**to_tensor(rows[batch][0], device=self.device))]
                for batch in order.split(_PREDICTION_BATCH)
            ]
        return [torch.cat(parts, dim=1)[:, : len(rows)] for parts in zip(*batches, strict=True)]

    def public_history(self) -> list[dict[str, Any]]:
        """Give the history as the estimators show it: one dict an epoch."""
        return [
            {name: epoch[key] for key, name in _PUBLIC_HISTORY.items() if key in epoch}
            for epoch in self.history
        ]

    def continue_from(self, other: MultiTaskNet) -> None:
        """Take over another net's weights and history, to train on with a new optimizer."""
        self.module_.load_state_dict(other.module_.state_dict())
        self.history = copy.deepcopy(other.history)

    def snapshot(self) -> dict[str, Tensor]:
        """Copy the state of the network to evaluate."""
        state = self.evaluated_module.state_dict()
        return {name: value.clone() for name, value in state.items()}


def _identity(batch: Any) -> Any:
    return batch


def make_net(
    make_network: Callable[[], torch.nn.Module],
    make_criterion: Callable[[], torch.nn.Module],
    *,
    optimizer: str | type[torch.optim.Optimizer],
    learning_rate: float,
    weight_decay: float,
    batch_size: int,
    device: str,
    dtype: torch.dtype,
    rate_factors: dict[str, float],
    net_params: dict[str, Any] | None,
) -> MultiTaskNet:
    """Create and initialise a net; the parameters are those of the estimators.

    ``rate_factors`` tells how many times as fast some parameters learn, by a pattern of their
    names; these do not decay.
    """
    optimizer_class = OPTIMIZERS[optimizer] if isinstance(optimizer, str) else optimizer
    options: dict[str, Any] = {"optimizer": optimizer_class, "lr": learning_rate}
    free: dict[str, float] = {}
    if "weight_decay" in inspect.signature(optimizer_class).parameters:
        options["optimizer__weight_decay"] = weight_decay
        # What is looked up or added has no scale that decay would hold in check.
        free = {"weight_decay": 0.0}
    options["optimizer__param_groups"] = [
        *((name, free | {"lr": factor * learning_rate}) for name, factor in rate_factors.items()),
        *((name, free) for name in ("*embedding*", "*bias") if free),
    ]
    # One kernel for all parameters: the step is a good part of the time of small networks.
    if isinstance(optimizer, str) and device != "mps":
        options["optimizer__fused"] = True
    options |= {"batch_size": batch_size, "device": device, "verbose": 0} | (net_params or {})
    return MultiTaskNet(
        make_network, criterion=make_criterion, dtype=dtype, **options
    ).initialize()


def train_net(
    net: MultiTaskNet,
    train: TableRows,
    valid: TableRows | None,
    n_epochs: int,
    callbacks: Sequence[Callback],
) -> bool:
    """Train an initialised net for some epochs, or until a callback ends it.

    Parameters
    ----------
    net : MultiTaskNet
        Changed in place.
    train, valid : TableRows
        What to train and to validate on.
    n_epochs : int
        Epochs at most.
    callbacks : sequence of Callback
        For this training only; the net does not keep them, nor the rows.

    Returns
    -------
    bool
        Whether all epochs were trained, or early stopping ended it.

    Raises
    ------
    KeyboardInterrupt
        If the user interrupts before the first epoch is over.
    """
    net.stop_reason_, net.max_epochs = None, n_epochs
    net.callbacks = list(callbacks)
    net.initialize_callbacks()
    n_before = len(net.history)
    try:
        with suitable_threads(net.module_, net.batch_size):
            rows = [part if part is None else place(part, net.device) for part in (train, valid)]
            net.partial_fit(*rows)
    finally:
        net.callbacks, net.callbacks_ = None, []
    # What is recorded last lacks where an epoch was interrupted.
    while net.history and "seconds" not in net.history[-1]:
        net.history.pop()
    n_epochs_done = len(net.history) - n_before
    if n_epochs_done == 0:
        raise KeyboardInterrupt
    if net.stop_reason_ is None and n_epochs_done < n_epochs:
        warnings.warn(
            f"Training was ended after epoch {len(net.history)} by the user or by a callback.",
            ConvergenceWarning,
            stacklevel=2,
        )
    all_done = net.stop_reason_ is None and n_epochs_done == n_epochs
    return all_done or net.stop_reason_ == "early stopping"
