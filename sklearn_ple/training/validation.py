"""The rows that a network, or each of its members, is validated on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..encoding import Labels, TargetEncoder
from ..members import MemberMean, relative_losses
from ..tasks import TaskLosses
from .data import TableRows

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


class Validation(ABC):
    """Rows that a network, or one of its members, is not trained on.

    Parameters
    ----------
    rows : TableRows
        The rows, encoded.
    labels : sequence of Labels
        Their labels as they came, to score predictions by.
    weights : ndarray of shape (n_rows, n_tasks)
        The labels' sample weights.
    targets : TargetEncoder
        The tasks.
    """

    def __init__(
        self,
        rows: TableRows,
        labels: Sequence[Labels],
        weights: np.ndarray,
        targets: TargetEncoder,
    ):
        self.rows = rows
        self.labels = labels
        self.weights = weights
        self.targets = targets

    @abstractmethod
    def indices(self) -> Tensor:
        """Return the numbers of the rows to evaluate, for all members or for each one its own."""

    @abstractmethod
    def evaluate(
        self,
        mean: MemberMean,
        members: Tensor,
        targets: Tensor,
        weights: Tensor,
        losses: TaskLosses,
    ) -> tuple[Tensor, Tensor]:
        """Make outputs and losses of what the members make of the rows of `indices`.

        Parameters
        ----------
        mean : MemberMean
            The mean over the members, which may be weighed.
        members : Tensor of shape (n_members, n_indices, sum of n_outputs)
            The members' outputs.
        targets, weights : Tensor
            The encoded labels of these rows and their weights.
        losses : TaskLosses
            The losses of the tasks.

        Returns
        -------
        outputs : Tensor of shape (n_rows, sum of n_outputs)
            To score, in the order of ``labels``.
        sums : Tensor of shape (2, n_tasks)
            As of `TaskLosses.sums`.
        """

    @abstractmethod
    def sample(self, mean: MemberMean) -> Sample:
        """Return rows that all members can be evaluated on."""

    def score(self, outputs: np.ndarray) -> list[float]:
        """Score the network's outputs, of shape (n_rows, sum of n_outputs), task by task."""
        parts = self.targets.split_outputs(outputs)
        return self.targets.score(parts, self.labels, self.weights)


class HeldOut(Validation):
    """Rows that no member is trained on: they also tell how much each member counts."""

    def indices(self) -> Tensor:
        """Return all rows."""
        return torch.arange(len(self.rows))

    def evaluate(
        self,
        mean: MemberMean,
        members: Tensor,
        targets: Tensor,
        weights: Tensor,
        losses: TaskLosses,
    ) -> tuple[Tensor, Tensor]:
        """Weigh the members by their losses and average them."""
        own = [losses.means(losses.sums(outputs, targets, weights)) for outputs in members]
        mean.weigh(torch.stack(own))
        outputs = mean(members)
        return outputs, losses.sums(outputs, targets, weights)

    def sample(self, mean: MemberMean) -> Sample:
        """Return all rows."""
        return Sample(self.rows, self.labels, self.weights, None)


class OutOfFold(Validation):
    """Folds of rows, each left out by two neighbouring members and trained on by all others.

    So no row is lost to training, and nothing has to be trained anew. The two members of a fold
    are compared on the same rows, which tells how much each member counts: `relative_losses`.

    The mean of many members goes on improving after single ones overfit. From a single member to
    the mean of two, the loss falls by half of the members' variance, and to their weighted mean by
    one less the sum of the squared weights. So the loss of the mean of all is estimated from those
    of single members and of the mean of two. For squared errors that is exact on average (Krogh
    and Vedelsby, Neural Network Ensembles, Cross Validation, and Active Learning, NIPS 1994).

    Parameters
    ----------
    rows : TableRows
        All rows, encoded.
    labels, weights, targets : object
        As in `Validation`, of all rows.
    folds : ndarray of shape (n_members, n_rows_of_a_fold)
        Numbers of the rows of as many folds as members. Each member leaves out the fold of its
        own number and the next one.
    """

    def __init__(
        self,
        rows: TableRows,
        labels: Sequence[Labels],
        weights: np.ndarray,
        targets: TargetEncoder,
        folds: np.ndarray,
    ):
        out = folds.ravel()
        fold_of = np.full(len(rows), -1, dtype=np.int16)
        fold_of[out] = np.repeat(np.arange(len(folds)), folds.shape[1])
        labels = [column.take(out) for column in labels]
        super().__init__(rows.with_folds(fold_of), labels, weights[out], targets)
        self.folds = folds
        self._pair = MemberMean(targets.tasks, n_members=2)

    def indices(self) -> Tensor:
        """Return the rows that each member leaves out, of shape (n_members, n_left_out)."""
        return torch.as_tensor(np.hstack([self.folds, np.roll(self.folds, -1, axis=0)]))

    def evaluate(
        self,
        mean: MemberMean,
        members: Tensor,
        targets: Tensor,
        weights: Tensor,
        losses: TaskLosses,
    ) -> tuple[Tensor, Tensor]:
        """Weigh the members; average the two of each fold; estimate the loss of all."""
        own, of_next = members.unflatten(1, (2, -1)).unbind(1)
        pair = torch.stack([own, of_next.roll(1, dims=0)])
        targets, weights = (part.unflatten(1, (2, -1))[:, 0] for part in (targets, weights))
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

    def sample(self, mean: MemberMean) -> Sample:
        """Return some rows of each fold, with the members that leave it out."""
        n_members, n_rows = self.folds.shape
        n_rows_taken = min(n_rows, -(-_SAMPLE // n_members))
        places = np.arange(n_members * n_rows).reshape(n_members, n_rows)[:, :n_rows_taken]
        places = places.ravel()
        labels = [column.take(places) for column in self.labels]
        members = np.arange(n_members).repeat(n_rows_taken)
        out_of_fold = np.stack([members, (members - 1) % n_members])
        rows = self.rows.take(self.folds.ravel()[places])
        shares = self._shares(mean).cpu().double().numpy().repeat(n_rows_taken, axis=0)
        return Sample(rows, labels, self.weights[places] * shares, out_of_fold)


def draw_folds(
    n_rows: int, n_members: int, n_left_out: int, rng: np.random.RandomState
) -> np.ndarray:
    """Draw a fold for each member, of which it leaves out two, of shape (n_members, n_rows)."""
    n_of_fold = n_left_out // 2
    return rng.permutation(n_rows)[: n_members * n_of_fold].reshape(n_members, n_of_fold)


def without_left_out(weights: Tensor, folds: Tensor, n_members: int) -> Tensor:
    """Give each member weights of its own: none in the folds that it leaves out.

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
    members = torch.arange(n_members, device=folds.device)[:, None]
    kept = (folds < 0) | ((folds - members) % n_members > 1)
    return weights * kept.unsqueeze(-1)
