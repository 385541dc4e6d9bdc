"""Training of an ensemble's members in groups, on several cores or machines, with joblib."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from typing import Any, NamedTuple

import joblib
import numpy as np
import torch
from torch import Tensor

from ..nn import MemberDropout
from ..nn.draws import drawing_from, generator_for
from ..nn.part import Part, computing
from ..processes import current
from ..warn import collected
from .averaging import WeightAverage
from .callbacks import KeepBestWeights
from .checkpoint import Progress
from .data import TableRows
from .device import in_own_modes, keep_freed_memory
from .net import MultiTaskNet
from .net_params import NUMBERS
from .pieces import Pieces
from .registers import InRegisters
from .schedule import OPTIMIZERS, FollowSchedule
from .steps import Steps
from .validation import Labelled, Validation

# Greatest number of epochs in a round: the weights of each epoch are held in memory.
_MOST_EPOCHS = 5
# Parts of the net's state that change from round to round.
_TRAINED = ("module", "balancer", "optimizer", "average", "draws")


class Epoch(NamedTuple):
    """The result of an epoch for a group of members.

    Attributes
    ----------
    steps : Steps
        The losses of all members, of which those of other groups are not used.
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


class Groups:
    """Trains the members in groups, round by round.

    In a round each group is trained for a few epochs. What concerns all members, such as
    validation and early stopping, is done here for each epoch, with the weights and outputs of all
    members. The result is the same, to the last bit, as if all members were trained together.

    Parameters
    ----------
    groups : sequence of Group
        The groups of members.
    pieces : Pieces
        Divides the state of the net among members, and joins their states.
    """

    def __init__(self, groups: Sequence[Group], pieces: Pieces):
        self.groups = groups
        self.pieces = pieces

    @contextmanager
    def training(
        self, net: MultiTaskNet, rows: TableRows, best: KeepBestWeights
    ) -> Iterator[None]:
        """Train a net's members in groups within the context.

        Parameters
        ----------
        net : MultiTaskNet
            The net of all members.
        rows : TableRows
            The rows to train on.
        best : KeepBestWeights
            The callback that may end the training early.
        """
        self._rows, self._best = SharedRows(rows, net._validation), best
        # A checkpoint saves the state after each epoch.
        is_kept = any(isinstance(own, Progress) for _, own in net.callbacks_)
        self._most_epochs = 1 if is_kept else _MOST_EPOCHS
        self._n_batches = len(net.get_iterator(rows, training=True))
        self._end = len(net.history) + net.max_epochs
        self._ahead: list[list[Epoch]] = []
        # Processes and the arrays that they share are kept from round to round.
        with ExitStack() as self._open:
            self._start_workers()
            yield
            # The training may have ended in the middle of a round.
            if self._ahead:
                _, state = self._train(self._n_done)
                _load(net, state)
        del self._rows, self._best, self._parallel

    def next_epoch(self, net: MultiTaskNet) -> Steps:
        """Advance the net by one epoch; return the results of its steps."""
        if not self._ahead:
            self._train_round(net)
        epochs = self._ahead.pop(0)
        self._n_done += 1
        for name, part in (("module", net.module_), ("average", net.average)):
            if part is not None:
                module = part.module if isinstance(part, WeightAverage) else part
                joined = self.pieces.join_modules([epoch.modules[name] for epoch in epochs])
                module.load_state_dict(joined, strict=False)
        # The schedule counts the steps.
        for _ in range(self._n_batches):
            net.notify("on_batch_end", batch=None, training=True)
        if not self._ahead:
            _load(net, self._state)
            if net.average is not None:
                net.average.load_state_dict(self._state["average"])
        self.seconds = max(epoch.seconds for epoch in epochs)
        self._epoch = epochs
        return self._joined_steps([epoch.steps for epoch in epochs])

    def outputs(self, batches: Any) -> Labelled:
        """Return the members' outputs for the validation rows after the last epoch."""
        labels = [own[1][:2] for own in batches]
        outputs: list[Any] = [epoch.outputs for epoch in self._epoch]
        parts = (torch.cat(part, dim=-2) for part in zip(*labels, strict=True))
        return Labelled(torch.cat(outputs), *parts)

    def _joined_steps(self, steps: Sequence[Steps]) -> Steps:
        """Join the losses of the groups, each for its own members."""
        sums = torch.cat(
            [
                own.sums[:, :, part.first : part.last]
                for own, (_, part) in zip(steps, self.groups, strict=True)
            ],
            dim=2,
        )
        balance = (
            torch.cat(
                [
                    weights[:, part.first : part.last]
                    for weights, (_, part) in zip(weights_of_all, self.groups, strict=True)
                ],
                dim=1,
            )
            for weights_of_all in zip(*(own.balance for own in steps), strict=True)
        )
        return Steps(sums, tuple(balance))

    def _train_round(self, net: MultiTaskNet) -> None:
        """Train all groups for a number of epochs that early stopping cannot yet cut short."""
        parts = net.parts()
        state = {name: parts[name].state_dict() for name in _TRAINED if name in parts}
        states = [self.pieces.cut(state, part) for _, part in self.groups]
        schedules = [own for _, own in net.callbacks_ if isinstance(own, FollowSchedule)]
        rates = copy.copy(schedules[0]) if schedules else None
        first, best = len(net.history) - 1, self._best
        n_epochs = min(self._most_epochs, self._end - first)
        if best.stop_early:
            n_epochs = min(n_epochs, best.patience - best.epochs_since_)
        self._from, self._n_done = (states, rates, first), 0
        self._ahead, self._state = self._train(n_epochs)

    def _train(self, n_epochs: int) -> tuple[list[Any], dict[str, Any]]:
        """Train all groups from the start of the round; return the epochs and the final state."""
        states, rates, first = self._from
        numbers, axes = range(first, first + n_epochs), self.pieces.optimized_axes
        calls = [
            joblib.delayed(_attempt)(group, self._rows, own, rates, axes, numbers)
            for group, own in zip(self.groups, states, strict=True)
        ]
        trained: list[Any] = self._run(calls)
        for result in trained:
            if isinstance(result, Exception):
                raise result
        epochs, after = zip(*trained, strict=True)
        parts = [part for _, part in self.groups]
        return list(zip(*epochs, strict=True)), self.pieces.join(after, parts)

    def _start_workers(self) -> None:
        """Start the workers, or restart them."""
        self._open.close()
        # Copy on write, since torch warns of arrays that are read-only.
        parallel = joblib.Parallel(len(self.groups), batch_size=1, mmap_mode="c")
        self._parallel = self._open.enter_context(parallel)

    def _run(self, calls: Sequence[Any]) -> list[Any]:
        """Train the groups in the workers; if a worker is lost, train all groups once more."""
        try:
            return self._parallel(calls)
        except Exception:
            self._start_workers()
        # One group at a time, so that the message can name the group that fails again.
        results = []
        for (_, part), call in zip(self.groups, calls, strict=True):
            try:
                results += self._parallel([call])
            except Exception as error:
                raise RuntimeError(
                    f"A worker of joblib failed twice while it trained members {part.first} to "
                    f"{part.last - 1} of {part.n_all}, perhaps for lack of memory ({error}). "
                    "Set n_jobs lower, or look at the workers' logs."
                ) from error
        return results


def _attempt(group: Group, *args: Any) -> Any:
    """Train a group; return its error, if any, so that joblib does not raise it."""
    try:
        return group.train(*args)
    except Exception as error:
        return error


def _load(net: MultiTaskNet, state: dict[str, Any]) -> None:
    """Load the state of the net except for its weights."""
    parts = net.parts()
    for name in ("balancer", "optimizer", "draws"):
        parts[name].load_state_dict(state[name])


def parts_apart(n_members: int, n_jobs: int | None) -> list[Part]:
    """Divide the members into as many groups as jobs, of at least two members each.

    Parameters
    ----------
    n_members : int
        Number of members.
    n_jobs : int or None
        Number of jobs, with the meaning that joblib gives it.

    Returns
    -------
    list of Part
        The range of members of each group.
    """
    n_groups = max(1, min(int(joblib.effective_n_jobs(n_jobs)), n_members // 2))
    # Some backends return the number of all their workers, whatever is asked for.
    if n_jobs is not None and n_jobs > 0:
        n_groups = min(n_groups, n_jobs)
    ends = [n_members * number // n_groups for number in range(n_groups + 1)]
    return [Part(first, last, n_members) for first, last in pairwise(ends)]


def can_part(net: MultiTaskNet, rows: Any, net_params: dict[str, Any] | None) -> bool:
    """Return whether the members of a net can be trained in groups with the same result.

    Parameters
    ----------
    net : MultiTaskNet
        The initialised net.
    rows : TableRows or ShuffledRows
        The rows to train on.
    net_params : dict or None
        The parameter ``net_params`` of the estimator.

    Returns
    -------
    bool
        Whether they can.
    """
    named = {name.partition("__")[0] for name in net_params or {}}
    balancer: Any = net.criterion_
    return (
        net.device == "cpu"
        and current().n == 1
        and isinstance(rows, TableRows)
        and net.module_.product_dtype is None
        and balancer.members_apart
        and type(net.optimizer_) in OPTIMIZERS.values()
        and named <= {"optimizer", *NUMBERS}
        and not net.foreign_parts()
    )


def _as_tensor(array: Any) -> Any:
    """Return an array as a tensor; tensors stay as they are."""
    if not isinstance(array, np.ndarray) or array.flags.writeable:
        return torch.as_tensor(array)
    # Some backends share arrays read-only, of which torch warns. Nothing writes to them.
    with collected(UserWarning):
        return torch.as_tensor(array)


def make_groups(
    net: MultiTaskNet, parts: Sequence[Part], make_net: Callable[[int], MultiTaskNet]
) -> Groups | None:
    """Make the groups in which the members of a net are trained.

    Parameters
    ----------
    net : MultiTaskNet
        The net of all members.
    parts : sequence of Part
        The range of members of each group.
    make_net : callable
        Makes a net with a given number of members.

    Returns
    -------
    Groups or None
        The groups; None if the weights cannot be divided among the members.
    """
    groups = []
    for part in parts:
        with drawing_from(0):
            own = make_net(len(part))
        own.module_.mean = copy.deepcopy(net.module_.mean)
        modules = zip(own.module_.modules(), net.module_.modules(), strict=True)
        for module, of_all in modules:
            if isinstance(module, MemberDropout):
                module.draw_as(of_all)
        try:
            pieces = Pieces(net, own, part)
        except ValueError:
            return None
        groups.append(Group(own, part))
    return Groups(groups, pieces)
