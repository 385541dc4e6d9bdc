"""Training of some of an ensemble's members in a worker, for a few epochs at a time."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..nn.draws import drawing_from, generator_for
from ..nn.part import Part, computing
from ..warn import collected
from .cpu import keep_freed_memory
from .data import TableRows
from .device import in_own_modes
from .net import MultiTaskNet
from .registers import InRegisters
from .schedule import FollowSchedule
from .steps import Steps
from .validation import Validation


class Epoch(NamedTuple):
    """The result of an epoch for a group of members.

    Attributes
    ----------
    steps : Steps
        The losses of all members; those of other groups are not used.
    outputs : Tensor of shape (n_members, n_rows, n_outputs) or None
        The outputs for the validation rows; None without validation.
    modules : dict of str to dict
        The weights of the network, and their average if there is one.
    seconds : float
        Duration in seconds.
    """

    steps: Steps
    outputs: Tensor | None
    modules: dict[str, dict[str, Tensor]]
    seconds: float


class LeftOut(NamedTuple):
    """The validation rows, without the labels for scores.

    Attributes
    ----------
    rows : TableRows
        All rows.
    numbers : Tensor of shape (n_rows,) or (n_members, n_rows)
        Numbers of the rows to evaluate.
    """

    rows: TableRows
    numbers: Tensor

    def indices(self) -> Tensor:
        """Return the numbers, as a `Validation` does."""
        return self.numbers


class SharedRows:
    """Rows as NumPy arrays, which joblib shares among processes.

    Parameters
    ----------
    rows : TableRows
        The rows to train on.
    validation : Validation or None
        The validation rows.
    """

    def __init__(self, rows: TableRows, validation: Validation | None):
        self._arrays: dict[int, Any] = {}
        self._tables = [self._shared(rows.parts())]
        if validation is not None:
            numbers = {"": validation.indices()}
            self._tables += [self._shared(validation.rows.parts()), self._shared(numbers)]

    def __sizeof__(self) -> int:
        """Return the size of the arrays in bytes: Dask then sends them once for all groups."""
        return sum(array.nbytes for array in self._arrays.values())

    def _shared(self, parts: dict[str, Any]) -> dict[str, int]:
        """Store the arrays, each only once, and return their keys."""
        for part in parts.values():
            if id(part) not in self._arrays:
                is_tensor = isinstance(part, Tensor)
                self._arrays[id(part)] = part.numpy() if is_tensor else part
        return {name: id(part) for name, part in parts.items()}

    def open(self) -> tuple[TableRows, LeftOut | None]:
        """Return the rows to train on, and the validation rows."""
        tensors = {key: _as_tensor(array) for key, array in self._arrays.items()}
        tables = [{name: tensors[key] for name, key in own.items()} for own in self._tables]
        rows = TableRows.of_parts(tables[0])
        if len(tables) == 1:
            return rows, None
        return rows, LeftOut(TableRows.of_parts(tables[1]), tables[2][""])


class Group(NamedTuple):
    """Members that are trained together, separately from the others.

    Attributes
    ----------
    net : MultiTaskNet
        A net that consists only of the networks of these members.
    part : Part
        The range of these members.
    """

    net: MultiTaskNet
    part: Part

    def __str__(self) -> str:
        """Return the range of the members, for a message."""
        first, last, n_all = self.part.first, self.part.last - 1, self.part.n_all
        return f"members {first} to {last} of {n_all}"

    def train(
        self,
        rows: SharedRows,
        state: dict[str, Any],
        rates: FollowSchedule | None,
        axes: Sequence[int | None],
        numbers: range,
    ) -> tuple[list[Epoch], dict[str, Any]]:
        """Train for some epochs, starting from a state.

        Parameters
        ----------
        rows : SharedRows
            The rows.
        state : dict
            The state of the net before the epochs.
        rates : FollowSchedule or None
            The schedule of the learning rate.
        axes : sequence of int or None
            For each of the optimizer's parameters, the axis of the members.
        numbers : range
            Numbers of the epochs, from 0.

        Returns
        -------
        epochs : list of Epoch
            The results of the epochs.
        state : dict
            The state of the net after the epochs.
        """
        net, part = self
        one_thread = net.threads(net.batch_size, n_jobs=1)
        with drawing_from(0), computing(part), in_own_modes(), one_thread:
            keep_freed_memory()
            # Create the generator before its state is loaded.
            generator_for(torch.device("cpu"))
            to_train, left_out = rows.open()
            net.begin_training(to_train)
            net.callbacks_ = []
            for name, own in net.parts().items():
                own.load_state_dict(state[name])
            with InRegisters(net.optimizer_, axes, part) as laid:
                steppers = [laid] if rates is None else [laid, copy.copy(rates)]
                net.callbacks_ = [("", stepper) for stepper in steppers]
                epochs = [self._epoch(to_train, left_out, number) for number in numbers]
                net.callbacks_ = []
            state = {name: own.state_dict() for name, own in net.parts().items()}
            net.forget_training()
            net.history.clear()
        return epochs, state

    def _epoch(self, rows: TableRows, left_out: LeftOut | None, number: int) -> Epoch:
        """Train for one epoch, and evaluate the validation rows."""
        net, part = self
        start = time.perf_counter()
        steps, outputs = net.train_apart(rows, left_out, number)
        modules = {"module": net.module_.state_dict()}
        if net.average is not None:
            modules["average"] = net.average.module.state_dict()
        modules = {
            name: {key: value.clone() for key, value in own.items()}
            for name, own in modules.items()
        }
        if outputs is not None:
            outputs = outputs[part.first : part.last].clone()
        return Epoch(steps, outputs, modules, time.perf_counter() - start)


def _as_tensor(array: Any) -> Any:
    """Return an array as a tensor; sparse numbers stay as they are."""
    if not isinstance(array, np.ndarray):
        return array
    if array.flags.writeable:
        return torch.as_tensor(array)
    # torch warns about read-only arrays, which some backends share. Nothing writes to them.
    with collected(UserWarning):
        return torch.as_tensor(array)
