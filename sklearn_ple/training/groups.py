"""Members of an ensemble trained in groups, on several cores or machines, by joblib."""

from __future__ import annotations

import copy
import time
import warnings
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
from .averaging import WeightAverage
from .callbacks import KeepBestWeights
from .checkpoint import Progress
from .data import TableRows
from .device import keep_freed_memory, with_gradients
from .net import MultiTaskNet
from .net_params import NUMBERS
from .pieces import Pieces
from .registers import InRegisters
from .schedule import OPTIMIZERS, FollowSchedule
from .steps import Steps
from .validation import Labelled, Validation

# Epochs in a round at most: the weights of each are held in memory.
_MOST_EPOCHS = 5
# What is trained, and changes from round to round.
_TRAINED = ("module", "balancer", "optimizer", "average", "draws")


class Epoch(NamedTuple):
    """What an epoch came to for a group of members.

    Attributes
    ----------
    steps : Steps
        The losses, of all members; those of other groups' do not count.
    outputs : Tensor of shape (n_members, n_rows, n_outputs) or None
        What they make of the rows of validation.
    modules : dict of str to dict
        The weights of the network, and their average if there is one.
    seconds : float
        How long it took.
    """

    steps: Steps
    outputs: Tensor | None
    modules: dict[str, dict[str, Tensor]]
    seconds: float


class LeftOut(NamedTuple):
    """The rows of validation, without what they are scored by.

    Attributes
    ----------
    rows : TableRows
        All rows.
    numbers : Tensor of shape (n_rows,) or (n_members, n_rows)
        Which of them are evaluated.
    """

    rows: TableRows
    numbers: Tensor

    def indices(self) -> Tensor:
        """Return the numbers, as a `Validation` does."""
        return self.numbers


class SharedRows:
    """Rows as arrays of numpy, which joblib lets processes share.

    Parameters
    ----------
    rows : TableRows
        What is trained on.
    validation : Validation or None
        What to validate on.
    """

    def __init__(self, rows: TableRows, validation: Validation | None):
        self._arrays: dict[int, Any] = {}
        self._tables = [self._shared(rows.parts())]
        if validation is not None:
            numbers = {"": validation.indices()}
            self._tables += [self._shared(validation.rows.parts()), self._shared(numbers)]

    def __sizeof__(self) -> int:
        """Return how many bytes the arrays have, by which Dask sends them once for all groups."""
        return sum(array.nbytes for array in self._arrays.values())

    def _shared(self, parts: dict[str, Any]) -> dict[str, int]:
        """Note which arrays these are; those of several tables are held once."""
        for part in parts.values():
            if id(part) not in self._arrays:
                is_tensor = isinstance(part, Tensor)
                self._arrays[id(part)] = part.numpy() if is_tensor else part
        return {name: id(part) for name, part in parts.items()}

    def open(self) -> tuple[TableRows, LeftOut | None]:
        """Return the rows to train on, and those of validation."""
        with warnings.catch_warnings():
            # Those that are shared may not be written to, and are not.
            warnings.filterwarnings("ignore", "The given NumPy array is not writable")
            tensors = {
                key: torch.as_tensor(array) if isinstance(array, np.ndarray) else array
                for key, array in self._arrays.items()
            }
        tables = [{name: tensors[key] for name, key in own.items()} for own in self._tables]
        rows = TableRows.of_parts(tables[0])
        if len(tables) == 1:
            return rows, None
        return rows, LeftOut(TableRows.of_parts(tables[1]), tables[2][""])


class Group(NamedTuple):
    """Members that are trained together, apart from the others.

    Attributes
    ----------
    net : MultiTaskNet
        A net of their networks alone.
    part : Part
        Which members they are.
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
        """Train for some epochs, from a state on.

        Parameters
        ----------
        rows : SharedRows
            The rows.
        state : dict
            What is trained, as it is before.
        rates : FollowSchedule or None
            The schedule of the learning rate.
        axes : sequence of int or None
            On which axis of each of the optimizer's parameters members are.
        numbers : range
            The numbers of the epochs, from 0.

        Returns
        -------
        epochs : list of Epoch
            What they came to.
        state : dict
            What is trained, as it is after them.
        """
        net, part = self
        one_thread = net.threads(net.batch_size, n_jobs=1)
        with drawing_from(0), computing(part), with_gradients(), one_thread:
            keep_freed_memory()
            # It is there before its state is.
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
        """Train for one epoch, and evaluate."""
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

    In a round each group is trained for a few epochs. What couples the members, as validation and
    early stopping, is done here epoch by epoch, with all members' weights and outputs. The net
    gets what it would have if it was trained as a whole, to the last bit.

    Parameters
    ----------
    groups : sequence of Group
        The members.
    pieces : Pieces
        Which entries of the net's state are whose.
    """

    def __init__(self, groups: Sequence[Group], pieces: Pieces):
        self.groups = groups
        self.pieces = pieces

    @contextmanager
    def training(
        self, net: MultiTaskNet, rows: TableRows, best: KeepBestWeights
    ) -> Iterator[None]:
        """Train a net's members in groups while the context lasts.

        Parameters
        ----------
        net : MultiTaskNet
            The net.
        rows : TableRows
            What to train on.
        best : KeepBestWeights
            What ends the training early.
        """
        self._rows, self._best = SharedRows(rows, net._validation), best
        # How far the training has come is kept after each epoch.
        is_kept = any(isinstance(own, Progress) for _, own in net.callbacks_)
        self._most_epochs = 1 if is_kept else _MOST_EPOCHS
        self._n_batches = len(net.get_iterator(rows, training=True))
        self._end = len(net.history) + net.max_epochs
        self._ahead: list[list[Epoch]] = []
        # Processes and what they share are kept from round to round.
        with ExitStack() as self._open:
            self._start_workers()
            yield
            # The training may have ended in the middle of a round.
            if self._ahead:
                _, state = self._train(self._n_done)
                _load(net, state)
        del self._rows, self._best, self._parallel

    def next_epoch(self, net: MultiTaskNet) -> Steps:
        """Let the net have one more epoch behind it; return what its steps came to."""
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
        """Return the members' outputs in validation after the last epoch, beside the labels."""
        labels = [own[1][:2] for own in batches]
        outputs: list[Any] = [epoch.outputs for epoch in self._epoch]
        parts = (torch.cat(part, dim=-2) for part in zip(*labels, strict=True))
        return Labelled(torch.cat(outputs), *parts)

    def _joined_steps(self, steps: Sequence[Steps]) -> Steps:
        """Take each member's losses from its group's."""
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
        """Train all groups for as many epochs as there will be at least, if all goes well."""
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
        """Train all groups from the start of the round; return epochs and the state after them."""
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
        """Start workers, or start them anew."""
        self._open.close()
        # Copy on write: torch takes no arrays that cannot be written to.
        parallel = joblib.Parallel(len(self.groups), batch_size=1, mmap_mode="c")
        self._parallel = self._open.enter_context(parallel)

    def _run(self, calls: Sequence[Any]) -> list[Any]:
        """Call what trains the groups; if a worker is lost, all are trained once more."""
        try:
            return self._parallel(calls)
        except Exception:
            self._start_workers()
        # One at a time: so it is known with which of them a worker is lost again.
        results = []
        for (_, part), call in zip(self.groups, calls, strict=True):
            try:
                results += self._parallel([call])
            except Exception as error:
                raise RuntimeError(
                    f"Workers of joblib twice did not return members {part.first} to "
                    f"{part.last - 1} of {part.n_all} that they trained, perhaps for lack of "
                    f"memory ({error}). Set n_jobs lower, or look at the workers' logs."
                ) from error
        return results


def _attempt(group: Group, *args: Any) -> Any:
    """Train a group; return what it raises, which is not for joblib to raise."""
    try:
        return group.train(*args)
    except Exception as error:
        return error


def _load(net: MultiTaskNet, state: dict[str, Any]) -> None:
    """Set what is trained beside the weights."""
    parts = net.parts()
    for name in ("balancer", "optimizer", "draws"):
        parts[name].load_state_dict(state[name])


def parts_apart(n_members: int, n_jobs: int | None) -> list[Part]:
    """Part the members into as many groups as jobs, but of two members at least.

    Parameters
    ----------
    n_members : int
        Number of members.
    n_jobs : int or None
        How many jobs, as joblib understands it.
    """
    n_groups = max(1, min(int(joblib.effective_n_jobs(n_jobs)), n_members // 2))
    # A backend may name all its workers, whatever is asked for.
    if n_jobs is not None and n_jobs > 0:
        n_groups = min(n_groups, n_jobs)
    ends = [n_members * number // n_groups for number in range(n_groups + 1)]
    return [Part(first, last, n_members) for first, last in pairwise(ends)]


def can_part(net: MultiTaskNet, rows: Any, net_params: dict[str, Any] | None) -> bool:
    """Whether a net's members can be trained apart with the same result.

    Parameters
    ----------
    net : MultiTaskNet
        The net, initialised.
    rows : TableRows or ShuffledRows
        What to train on.
    net_params : dict or None
        The estimator's parameter.
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


def make_groups(
    net: MultiTaskNet, parts: Sequence[Part], make_net: Callable[[int], MultiTaskNet]
) -> Groups | None:
    """Make what trains a net's members in groups; None where their weights cannot be parted.

    Parameters
    ----------
    net : MultiTaskNet
        The net of all members.
    parts : sequence of Part
        The groups' members.
    make_net : callable
        Makes the net of as many members.
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
