"""Training of an ensemble in several jobs, each of which trains some members in a worker."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import wait
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple, Protocol

import joblib
import numpy as np
import torch
from torch import Tensor

from ...nn import MemberDropout
from ...nn.axes import find_member_axes
from ...nn.draws import drawing_from, generator_for
from ...nn.members import MemberRange
from ...parameters.optimizers import OPTIMIZERS
from ...parameters.settings import Settings
from ...utils.processes import current
from ...utils.warn import collected
from ..callbacks import ProgressBar
from ..choosing.net_params import NUMBERS
from ..cpu import keep_freed_memory
from ..device import in_own_modes
from ..protocols import TrainedNet
from ..rows import EncodedBatch, SparseNumbers, TableRows, TrainingRows
from ..schedule import Schedule
from ..steps import Steps
from ..validation import Labelled, Validation
from .workers import Workers, ignore_interrupts

# Seconds between two looks at the steps of the workers.
_PAUSE = 0.1


@dataclass(eq=False)
class Jobs:
    """Trains the members of an ensemble in workers of joblib, one epoch at a time.

    After each epoch the net of all members takes over what the workers return. What concerns all
    members, such as validation, early stopping and checkpoints, is then done as if they had been
    trained together. Each member draws the same random numbers as in a training of all, so that
    only rounding differs.

    Parameters
    ----------
    jobs : sequence of Job
        The jobs, in the order of their members.
    axes : StateAxes
        Which axes of the net's state are those of the members.
    """

    jobs: Sequence[Job]
    axes: StateAxes

    @classmethod
    def divide(
        cls, net: JobNet, n_jobs: int | None, make_net: Callable[[int], JobNet]
    ) -> Jobs | None:
        """Divide the members of a net among jobs.

        Parameters
        ----------
        net : MultiTaskNet
            The net of all members.
        n_jobs : int or None
            Number of jobs, as joblib understands it.
        make_net : callable
            Makes a net of a given number of members.

        Returns
        -------
        Jobs or None
            The jobs; None for a single one, or if the members share weights.
        """
        ranges = divide_members(len(net.module_.mean.weights), n_jobs)
        if len(ranges) == 1:
            return None
        axes = StateAxes.of(net)
        if axes.shared:
            return None
        return cls([Job.of(net, members, make_net) for members in ranges], axes)

    @contextmanager
    def training(self, rows: Any, validation: Validation | None) -> Iterator[None]:
        """Train the members in workers within the context."""
        self._rows = SharedRows(rows, validation)
        with Workers(len(self.jobs)) as self._workers:
            yield
        del self._rows, self._workers

    def train_epoch(self, net: JobNet) -> Steps | None:
        """Train all members for an epoch; return the results of the steps.

        If the user interrupts the epoch, the net gets the weights after the last steps.

        Returns
        -------
        Steps or None
            The results; None if the epoch was not completed.
        """
        schedules = [(name, own) for name, own in net.callbacks_ if isinstance(own, Schedule)]
        state = {name: part.state_dict() for name, part in net.states(schedules).items()}
        number = len(net.history) - 1
        states = [self.axes.take(state, job.members) for job in self.jobs]
        counters = self._workers.board.begin_epoch()
        arguments = {
            str(job.members): (job, self._rows, of_job, schedules, number, counter)
            for job, of_job, counter in zip(self.jobs, states, counters, strict=True)
        }
        running = self._workers.run(Job.train_epoch, arguments)
        try:
            with self._workers.waiting():
                while not wait([running], _PAUSE).done:
                    self._watch(net)
        except KeyboardInterrupt:
            self._workers.board.stop()
            # Workers that have only just started may have been interrupted, too.
            if running.exception() is None:
                self._take_over(net, schedules, running.result())
            raise
        return self._take_over(net, schedules, running.result())

    def _watch(self, net: JobNet) -> None:
        """Show the steps that the workers have taken, and stop them if no time is left."""
        if net.is_over is not None and net.is_over():
            self._workers.board.stop()
        for _, callback in net.callbacks_:
            if isinstance(callback, ProgressBar):
                callback.show_steps(self._workers.board.n_steps)

    def _take_over(
        self, net: JobNet, schedules: Sequence[tuple[str, Schedule]], epochs: Sequence[Epoch]
    ) -> Steps | None:
        """Set the net of all members to the states after an epoch of the jobs."""
        joined = self.axes.join([epoch.state for epoch in epochs])
        for name, part in net.states(schedules).items():
            part.load_state_dict(joined[name])
        net.count_steps(min(epoch.n_steps for epoch in epochs))
        steps = [epoch.steps for epoch in epochs if epoch.steps is not None]
        if len(steps) < len(epochs):
            return None
        self._outputs = [epoch.outputs for epoch in epochs if epoch.outputs is not None]
        sums, balances = zip(*steps, strict=True)
        balance = (torch.cat(parts, dim=-2) for parts in zip(*balances, strict=True))
        return Steps(torch.cat(sums, dim=-2), tuple(balance))

    def outputs(self, batches: Iterable[EncodedBatch]) -> Labelled:
        """Return the members' outputs for the validation rows after the last epoch."""
        pairs = [(targets, weights) for _, (targets, weights, *_) in batches]
        labels = (torch.cat(parts, dim=-2) for parts in zip(*pairs, strict=True))
        return Labelled(torch.cat(self._outputs), *labels)


class Epoch(NamedTuple):
    """The result of an epoch of a job.

    Attributes
    ----------
    steps : Steps or None
        The losses of the members; None if the job was asked to stop within the epoch.
    n_steps : int
        Number of steps.
    outputs : Tensor of shape (n_members, n_rows, n_outputs) or None
        The outputs for the validation rows; None without validation.
    state : dict
        The state of the net after the epoch.
    """

    steps: Steps | None
    n_steps: int
    outputs: Tensor | None
    state: dict[str, Any]


class Job(NamedTuple):
    """Some members that a worker trains.

    Attributes
    ----------
    net : MultiTaskNet
        A net of these members only.
    members : MemberRange
        The members.
    """

    net: JobNet
    members: MemberRange

    @classmethod
    def of(cls, every: JobNet, members: MemberRange, make_net: Callable[[int], JobNet]) -> Job:
        """Make the job of some members, given the net of all members."""
        with drawing_from(0):
            net = make_net(len(members))
        for layer, of_all in zip(net.module_.modules(), every.module_.modules(), strict=True):
            if isinstance(layer, MemberDropout) and isinstance(of_all, MemberDropout):
                layer.draw_among(of_all, members)
        return cls(net, members)

    def train_epoch(
        self,
        rows: SharedRows,
        state: dict[str, Any],
        schedules: Sequence[tuple[str, Schedule]],
        number: int,
        count_step: Callable[[], bool],
    ) -> Epoch:
        """Train for an epoch, starting from a state, and evaluate the validation rows.

        Parameters
        ----------
        rows : SharedRows
            The rows to train on, and the validation rows.
        state : dict
            The state of the net before the epoch.
        schedules : sequence of (str, Schedule)
            The callback that sets the learning rates, with its name.
        number : int
            Number of the epoch, counted from 0.
        count_step : callable
            Counts a step, and returns whether to stop.
        """
        net, members = self
        ignore_interrupts()
        one_thread = net.threads(net.batch_size, n_jobs=1)
        with drawing_from(0), in_own_modes(), one_thread:
            keep_freed_memory()
            # Create the generator before its state is loaded.
            generator_for(torch.device("cpu"))
            to_train, to_validate, row_numbers = rows.open(members)
            net.begin_training(to_train, members)
            net.callbacks_ = [(name, copy.copy(schedule)) for name, schedule in schedules]
            for name, part in net.states().items():
                part.load_state_dict(state[name])
            # skorch records batches in the history.
            net.history.new_epoch()
            net.is_over = count_step
            steps = net.train_epoch(net.get_iterator(to_train, training=True), number)
            outputs = None
            if to_validate is not None and steps is not None:
                batches = net.get_iterator(to_validate, indices=row_numbers)
                outputs = net.compute_labelled(batches).members
            state = {name: part.state_dict() for name, part in net.states().items()}
            n_steps = net.n_steps
            net.forget_training()
            net.history.clear()
        return Epoch(steps, n_steps, outputs, state)


class JobNet(TrainedNet, Protocol):
    """A net, as a job needs it: one that trains for an epoch, from a state to the next."""

    batch_size: int
    is_over: Callable[[], bool] | None

    def begin_training(self, rows: TrainingRows, members: MemberRange | None = None) -> None:
        """Prepare for steps on these rows, of a net of all members or of those named."""

    def get_iterator(
        self, dataset: TrainingRows, training: bool = False, indices: Tensor | None = None
    ) -> Iterable[EncodedBatch]:
        """Return the batches of some rows, by default of all."""

    def train_epoch(self, batches: Iterable[EncodedBatch], number: int) -> Steps | None:
        """Train on every batch; return None if the epoch was not completed."""

    def compute_labelled(self, batches: Iterable[EncodedBatch]) -> Labelled:
        """Compute the members' outputs for batches, together with the labels."""

    def count_steps(self, n_steps: int) -> None:
        """Count steps that workers have taken."""

    def foreign_parts(self) -> list[Any]:
        """Return the parts used in training that are defined in neither this package nor torch."""

    def forget_training(self) -> None:
        """Delete what only training needs."""


class SharedRows:
    """Rows as NumPy arrays, which joblib writes once and shares among processes.

    Parameters
    ----------
    rows : TableRows
        The rows to train on.
    validation : Validation or None
        The validation rows.
    """

    def __init__(self, rows: TableRows, validation: Validation | None):
        tables = [rows.stored()]
        if validation is not None:
            tables += [validation.rows.stored(), {"": validation.indices()}]
        # Tables have arrays in common, each of which is stored once.
        arrays: dict[int, np.ndarray | SparseNumbers] = {}
        self._tables = [
            {name: arrays.setdefault(id(part), _as_array(part)) for name, part in table.items()}
            for table in tables
        ]
        self._n_bytes = sum(array.nbytes for array in arrays.values())

    def __sizeof__(self) -> int:
        """Return the size of the arrays in bytes: Dask then sends them once for all jobs."""
        return self._n_bytes

    def open(self, members: MemberRange) -> tuple[TableRows, TableRows | None, Tensor | None]:
        """Return the rows to train on, and those from which some members' validation rows are.

        The third result are the row numbers to validate on, see `Validation.indices`.
        """
        rows, *others = (
            {name: _as_tensor(array) for name, array in table.items()} for table in self._tables
        )
        if not others:
            return TableRows.of_stored(rows), None, None
        source, validated = others
        row_numbers = validated[""]
        row_numbers = members.of(row_numbers) if row_numbers.dim() == 2 else row_numbers
        return TableRows.of_stored(rows), TableRows.of_stored(source), row_numbers


def _as_array(part: Tensor | SparseNumbers) -> np.ndarray | SparseNumbers:
    return part.numpy() if isinstance(part, Tensor) else part


def _as_tensor(array: np.ndarray | SparseNumbers) -> Any:
    """Return an array as a tensor; sparse numbers stay as they are."""
    if not isinstance(array, np.ndarray):
        return array
    # torch warns about read-only arrays, which some backends share. Nothing writes to them.
    with collected(UserWarning):
        return torch.as_tensor(array)


class StateAxes(NamedTuple):
    """The axes of the members in the state of a net, by which it is divided among jobs.

    Attributes
    ----------
    module, balancer : dict of str to int or None
        The axis in each tensor of the network and of the balancer; None in those without one.
    optimized : list of (int, int or None)
        The number of axes of each parameter of the optimizer, and the axis of the members.
    """

    module: dict[str, int | None]
    balancer: dict[str, int | None]
    optimized: list[tuple[int, int | None]]

    @classmethod
    def of(cls, net: JobNet) -> StateAxes:
        """Return the axes that the network and the balancer of a net declare."""
        network, balancer = net.module_, net.criterion_
        axes, axes_of_balancer = find_member_axes(network), find_member_axes(balancer)
        of_parameters = {
            parameter: axes_there[name]
            for part, axes_there in ((network, axes), (balancer, axes_of_balancer))
            for name, parameter in part.named_parameters()
        }
        groups = net.optimizer_.param_groups
        parameters = [parameter for group in groups for parameter in group["params"]]
        return cls(axes, axes_of_balancer, [(p.dim(), of_parameters[p]) for p in parameters])

    @property
    def shared(self) -> bool:
        """Whether members share a parameter."""
        return any(axis is None for _, axis in self.optimized)

    def take(self, state: Mapping[str, Any], members: MemberRange) -> dict[str, Any]:
        """Return the state of some members, from that of all."""

        def take(path: tuple, tensor: Any) -> Any:
            axis = self._axis(path, tensor)
            taken = tensor if axis is None else members.of(tensor, axis)
            # A copy: a worker may be a thread, and optimizers change their state in place.
            return taken.clone() if isinstance(taken, Tensor) else taken

        return _map_leaves(take, state)

    def join(self, states: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return the state of all members, from those of all jobs."""

        def join(path: tuple, *tensors: Any) -> Any:
            axis = self._axis(path, tensors[0])
            return tensors[0] if axis is None else torch.cat(tensors, dim=axis)

        return _map_leaves(join, *states)

    def _axis(self, path: tuple, value: object) -> int | None:
        """Return the axis of the members in a value of the state."""
        part, *inner = path
        if part in ("module", "average") and isinstance(value, Tensor):
            return self.module[inner[-1]]
        if part == "balancer":
            return self.balancer[inner[-1]]
        if part == "optimizer" and inner[0] == "state" and isinstance(value, Tensor):
            n_axes, axis = self.optimized[inner[1]]
            return axis if value.dim() == n_axes else None
        return None


def _map_leaves(function: Callable[..., Any], *trees: Any, path: tuple = ()) -> Any:
    """Apply a function to the path and the values in nested dicts with the same keys."""
    if not isinstance(trees[0], Mapping):
        return function(path, *trees)
    return {
        key: _map_leaves(function, *(tree[key] for tree in trees), path=(*path, key))
        for key in trees[0]
    }


def divide_members(n_members: int, n_jobs: int | None) -> list[MemberRange]:
    """Divide the members into as many ranges as jobs, of at least two members each."""
    n_ranges = max(1, min(int(joblib.effective_n_jobs(n_jobs)), n_members // 2))
    # Some backends return the number of all their workers, whatever is asked for.
    if n_jobs is not None and n_jobs > 0:
        n_ranges = min(n_ranges, n_jobs)
    ends = [n_members * number // n_ranges for number in range(n_ranges + 1)]
    return [MemberRange(first, last, n_members) for first, last in pairwise(ends)]


def can_divide(net: JobNet, rows: TrainingRows, settings: Settings) -> bool:
    """Return whether the members of a net can be trained in jobs.

    They can on a CPU, with rows in memory and with parts of this package only, unless the balancer
    mixes the members.
    """
    named = {name.partition("__")[0] for name in settings.net_params or {}}
    balancer = net.criterion_
    return (
        net.device == "cpu"
        and current().n == 1
        and isinstance(rows, TableRows)
        and net.module_.product_dtype is None
        and balancer.members_apart
        and type(net.optimizer_) in OPTIMIZERS.values()
        and named <= {"optimizer", *NUMBERS}
        and not settings.callbacks
        and not net.foreign_parts()
    )
