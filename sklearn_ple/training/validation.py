"""The rows that a network, or each of its members, is validated on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..encoding import Labels, Table, TargetEncoder, TargetStatistics, beside
from ..members import MemberMean, relative_losses
from ..tasks import TaskLosses
from .data import TableRows
from .shuffled import ShuffledRows

# Rows that deviations are learnt on, where all members have to be evaluated for it.
_SAMPLE = 3000


class Sample(NamedTuple):
    """Rows that all members can be evaluated on.

    Attributes
    ----------
    rows : TableRows
        The rows, encoded.
    labels : sequence of Labels
        Their labels.
    weights : ndarray of shape (n_rows, n_tasks)
        The labels' weights.
    out_of_fold : ndarray of int of shape (2, n_rows) or None
        The members that were not trained on each row; None where no member was.
    """

    rows: TableRows
    labels: Sequence[Labels]
    weights: np.ndarray
    out_of_fold: np.ndarray | None


class Labelled(NamedTuple):
    """What the members make of rows, beside the rows' labels.

    Attributes
    ----------
    members : Tensor of shape (n_members, n_rows, sum of n_outputs)
        The members' outputs.
    targets, weights : Tensor of shape (n_rows, n_tasks) or (n_members, n_rows, n_tasks)
        The encoded labels and their weights, of the same rows for all members or of each one's
        own.
    """

    members: Tensor
    targets: Tensor
    weights: Tensor


class Validation(ABC):
    """Rows that a network, or one of its members, is not trained on.

    Parameters
    ----------
    rows : TableRows
        All rows, encoded.
    table : Table
        The same rows as they came, to score predictions by.
    targets : TargetEncoder
        The tasks.
    numbers : ndarray of int
        Numbers of the rows to validate on.
    """

    def __init__(self, rows: TableRows, table: Table, targets: TargetEncoder, numbers: np.ndarray):
        self.rows = rows
        self.targets = targets
        self.numbers = numbers
        self.labels = [column.take(numbers.ravel()) for column in table.labels]
        self.weights = table.weights[numbers.ravel()]

    @abstractmethod
    def indices(self) -> Tensor:
        """Return the numbers of the rows to evaluate, for all members or for each one its own."""

    @abstractmethod
    def trained_on(self) -> np.ndarray | None:
        """Return which rows are trained on, by each member or all alike, (n_members, n_rows).

        None for all of them.
        """

    def renumber(self, statistics: TargetStatistics, train: Any, numbers: np.ndarray) -> Any:
        """Read target statistics beside the numbers, as the rows that are trained on do.

        Parameters
        ----------
        statistics : TargetStatistics
            What was learnt from these.
        train : TableRows or ShuffledRows
            The rows that are trained on.
        numbers : ndarray of shape (n_rows, n_numbers)
            The numbers and statistics of all rows of the table that they are of.

        Returns
        -------
        train : TableRows or ShuffledRows
            The same rows, with their part of these.
        """
        self.rows = self.rows.with_numbers(numbers)
        return self.rows

    @abstractmethod
    def evaluate(
        self, mean: MemberMean, losses: TaskLosses, rows: Labelled
    ) -> tuple[Tensor, Tensor]:
        """Weigh the members, and compute outputs and losses of their mean.

        Parameters
        ----------
        mean : MemberMean
            The mean over the members; it is weighed.
        losses : TaskLosses
            The losses of the tasks.
        rows : Labelled
            The rows of `indices`.

        Returns
        -------
        outputs : Tensor of shape (n_rows, sum of n_outputs)
            To score, in the order of ``labels``.
        sums : Tensor of shape (2, n_tasks)
            As of `TaskLosses.sums`.
        """

    @abstractmethod
    def sample(self) -> Sample:
        """Return rows that all members can be evaluated on."""

    def score(self, outputs: np.ndarray) -> list[float]:
        """Score the network's outputs, of shape (n_rows, sum of n_outputs), task by task."""
        # In float32, labels far from zero would lose their digits, and large ones overflow.
        parts = self.targets.split_outputs(outputs.astype(np.float64))
        return self.targets.score(parts, self.labels, self.weights)

    def record_scores(self, history: Any, outputs: np.ndarray) -> None:
        """Record the tasks' scores and their mean, if the outputs are finite."""
        if not np.isfinite(outputs).all():
            return
        scores = self.score(outputs)
        history.record("valid_task_scores", scores)
        there = [score for score in scores if not np.isnan(score)]
        history.record("valid_score", float(np.mean(there)) if there else float("nan"))


class HeldOut(Validation):
    """Rows that no member is trained on: on them the members are compared.

    Parameters
    ----------
    rows, table, targets, numbers : object
        As in `Validation`.
    train : ndarray of int, optional
        Numbers of the rows that are trained on; by default that are all rows of another table.
    """

    def __init__(
        self,
        rows: TableRows,
        table: Table,
        targets: TargetEncoder,
        numbers: np.ndarray,
        train: np.ndarray | None = None,
    ):
        super().__init__(rows, table, targets, numbers)
        self.train = train

    def trained_on(self) -> np.ndarray | None:
        """Return which rows are trained on, (1, n_rows); None for all of another table."""
        if self.train is None:
            return None
        result = np.zeros((1, len(self.rows)), dtype=bool)
        result[0, self.train] = True
        return result

    def renumber(self, statistics: TargetStatistics, train: Any, numbers: np.ndarray) -> Any:
        """Read target statistics beside the numbers; of another table, by the codes of its own."""
        if self.train is not None:
            return super().renumber(statistics, train, numbers).take(self.train)
        own, codes = (self.rows.arrays[name].numpy() for name in ("numbers", "codes"))
        self.rows = self.rows.with_numbers(beside(own, statistics.transform(codes)))
        return train.with_numbers(numbers)

    def indices(self) -> Tensor:
        """Return the rows, the same for all members."""
        return torch.as_tensor(self.numbers)

    def evaluate(
        self, mean: MemberMean, losses: TaskLosses, rows: Labelled
    ) -> tuple[Tensor, Tensor]:
        """Weigh the members by their losses and average them."""
        labels = rows.targets, rows.weights
        mean.weigh(torch.stack([losses.means(losses.sums(own, *labels)) for own in rows.members]))
        outputs = mean(rows.members)
        return outputs, losses.sums(outputs, *labels)

    def sample(self) -> Sample:
        """Return all rows that were held out."""
        return Sample(self.rows.take(self.numbers), self.labels, self.weights, None)


class OutOfFold(Validation):
    """Folds of rows, each left out by two neighbouring members and trained on by all others.

    So no row is lost to training, and nothing has to be trained anew. The two members of a fold
    are compared on the same rows, which determines how much each member counts: `relative_losses`.

    The mean of many members goes on improving after single ones overfit. From a single member to
    the mean of two, the loss falls by half of the members' variance, and to their weighted mean by
    one less the sum of the squared weights. So the loss of the mean of all is estimated from those
    of single members and of the mean of two. For squared errors that is exact on average (Krogh
    and Vedelsby, Neural Network Ensembles, Cross Validation, and Active Learning, NIPS 1994).

    Parameters
    ----------
    rows, table, targets : object
        As in `Validation`.
    folds : sequence of ndarray of int
        Numbers of the rows of as many folds as members. Each member leaves out the fold of its
        own number and the next one. Of each, as many rows are evaluated as the smallest has.

    Attributes
    ----------
    rows : TableRows
        All rows with their folds, to train on.
    """

    def __init__(
        self,
        rows: TableRows,
        table: Table,
        targets: TargetEncoder,
        folds: Sequence[np.ndarray],
    ):
        fold_of = np.full(len(rows), -1, dtype=np.int16)
        for number, fold in enumerate(folds):
            fold_of[fold] = number
        least = min(map(len, folds))
        numbers = np.stack([fold[:least] for fold in folds])
        super().__init__(rows.with_folds(fold_of), table, targets, numbers)
        self._pair = MemberMean(targets.tasks, n_members=2)

    def indices(self) -> Tensor:
        """Return the rows that each member leaves out, of shape (n_members, n_left_out)."""
        return torch.as_tensor(np.hstack([self.numbers, np.roll(self.numbers, -1, axis=0)]))

    def trained_on(self) -> np.ndarray:
        """Return which rows each member is trained on, (n_members, n_rows)."""
        folds: Any = self.rows.array("folds")
        return _kept(folds, len(self.numbers)).cpu().numpy()

    def evaluate(
        self, mean: MemberMean, losses: TaskLosses, rows: Labelled
    ) -> tuple[Tensor, Tensor]:
        """Weigh the members; average the two of each fold; estimate the loss of all."""
        own, of_next = rows.members.unflatten(1, (2, -1)).unbind(1)
        pair = torch.stack([own, of_next.roll(1, dims=0)])
        # Each fold is read twice: its labels come first with the member of its own number.
        targets, weights = (part.unflatten(1, (2, -1))[:, 0] for part in rows[1:])
        compared = [
            [losses.means(losses.sums(*fold)) for fold in zip(one, targets, weights, strict=True)]
            for one in pair
        ]
        mean.weigh(relative_losses(*map(torch.stack, compared)))
        weights = weights * self._shares(mean).unsqueeze(1)
        pair, targets, weights = pair.flatten(1, 2), targets.flatten(0, 1), weights.flatten(0, 1)
        outputs = self._pair(pair)
        of_one, of_two = (losses.sums(part, targets, weights) for part in (pair, outputs))
        return outputs, of_one + 2 * (1 - mean.weights.square().sum(dim=0)) * (of_two - of_one)

    @staticmethod
    def _shares(mean: MemberMean) -> Tensor:
        """Compute how much a fold counts for each task: as the two members that leave it out."""
        return len(mean.weights) / 2 * (mean.weights + mean.weights.roll(1, dims=0))

    def sample(self) -> Sample:
        """Return some rows of each fold, with the members that leave it out.

        All folds count alike: by the members' weights, few rows would count for nearly all.
        """
        n_members, n_rows = self.numbers.shape
        n_taken = min(n_rows, -(-_SAMPLE // n_members))
        places = np.arange(self.numbers.size).reshape(n_members, n_rows)[:, :n_taken].ravel()
        members = np.arange(n_members).repeat(n_taken)
        return Sample(
            self.rows.take(self.numbers[:, :n_taken].ravel()),
            [column.take(places) for column in self.labels],
            self.weights[places],
            np.stack([members, (members - 1) % n_members]),
        )


def without_left_out(weights: Tensor, folds: Tensor, n_members: int) -> Tensor:
    """Return the weights for each member: zero in the folds that it leaves out.

    Parameters
    ----------
    weights : Tensor of shape (n_rows, n_tasks)
        The labels' weights.
    folds : Tensor of shape (n_rows,)
        The fold of each row; -1 for none.
    n_members : int
        Number of members.

    Returns
    -------
    Tensor of shape (n_members, n_rows, n_tasks)
        The weights.
    """
    return weights * _kept(folds, n_members).unsqueeze(-1)


def mean_weights(rows: TableRows | ShuffledRows, n_members: int) -> Tensor:
    """Compute how much a row weighs in training on average, rows without a label included.

    Parameters
    ----------
    rows : TableRows or ShuffledRows
        All rows that are trained on, with their weights.
    n_members : int
        Number of members.

    Returns
    -------
    Tensor of shape (n_tasks,) or (n_members, 1, n_tasks)
        The weights, where there are folds for each member; 1 for a task without any label.
    """
    if isinstance(rows, ShuffledRows):
        return rows.mean_weights
    weights: Any = rows.array("weights")
    folds = rows.array("folds")
    if folds is None:
        means = weights.mean(dim=0)
    else:
        kept = _kept(folds, n_members).to(weights.dtype)
        means = (kept @ weights / len(rows)).unsqueeze(1)
    return torch.where(means > 0, means, 1.0)


def _kept(folds: Tensor, n_members: int) -> Tensor:
    """Return which rows each member is trained on, of shape (n_members, n_rows)."""
    members = torch.arange(n_members, device=folds.device)[:, None]
    return (folds < 0) | ((folds - members) % n_members > 1)
