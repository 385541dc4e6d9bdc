"""Training of an ensemble's members in groups, each in a worker, with the same result."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import joblib
import torch
from torch import Tensor

from ..nn import MemberDropout
from ..nn.draws import drawing_from
from ..nn.part import Part
from ..processes import current
from .averaging import WeightAverage
from .callbacks import KeepBestWeights
from .checkpoint import Progress
from .data import TableRows
from .group import Epoch, Group, SharedRows
from .net import MultiTaskNet
from .net_params import NUMBERS
from .pieces import Pieces
from .schedule import OPTIMIZERS, FollowSchedule
from .steps import Steps
from .validation import Labelled
from .workers import Workers

# Greatest number of epochs in a round: the weights of each epoch are held in memory.
_MOST_EPOCHS = 5
# Parts of the net's state that change from round to round.
_TRAINED = ("module", "balancer", "optimizer", "average", "draws")


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
        with Workers(len(self.groups)) as self._workers:
            yield
            # The training may have ended in the middle of a round.
            if self._ahead:
                _, state = self._train(self._n_done)
                _load(net, state)
        del self._rows, self._best, self._workers

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

        def join(tensors: Sequence[Tensor]) -> Tensor:
            pairs = zip(tensors, self.groups, strict=True)
            own = [tensor.narrow(-2, part.first, len(part)) for tensor, (_, part) in pairs]
            return torch.cat(own, dim=-2)

        balance = map(join, zip(*(own.balance for own in steps), strict=True))
        return Steps(join([own.sums for own in steps]), tuple(balance))

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
        arguments = {
            str(group): (group, self._rows, own, rates, axes, numbers)
            for group, own in zip(self.groups, states, strict=True)
        }
        epochs, after = zip(*self._workers.run(Group.train, arguments), strict=True)
        parts = [part for _, part in self.groups]
        return list(zip(*epochs, strict=True)), self.pieces.join(after, parts)


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
