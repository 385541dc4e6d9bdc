"""The rows on which a network, or each of its members, is validated."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..encoding.encoder import TableEncoder
from ..encoding.statistics import append_statistics
from ..encoding.targets import TargetEncoder
from ..nn.members import MemberRange
from ..tables.labels import Labels
from ..tables.table import Table
from ..tasks import Task, TaskLosses
from ..tasks.mean import MemberMean, relative_losses
from ..utils.warn import warn
from .history import SharedHistory
from .rows import ShuffledRows, TableRows, TrainingRows

#: Number of rows from which standard deviations are estimated with the outputs of all members.
SAMPLE = 3000
# What to do if all labels of a task are in the same part.
_CHOOSE_OTHERS = (
    "Set another validation_split, or pass X_val and y_val, so that both parts have labels of it."
)


class Sample(NamedTuple):
    """Validation rows on which all members are evaluated after training.

    Attributes
    ----------
    row_numbers : ndarray of int of shape (n_rows,)
        Numbers of the rows in their table.
    rows : TableRows
        The encoded rows.
    labels : list of Labels
        The labels of each task.
    weights : ndarray of shape (n_rows, n_tasks)
        Weights of the labels.
    out_of_fold : ndarray of int of shape (2, n_rows) or None
        The two members that were not trained on each row; None if no member was.
    """

    row_numbers: np.ndarray
    rows: TableRows
    labels: Sequence[Labels]
    weights: np.ndarray
    out_of_fold: np.ndarray | None = None

    def average(self, mean: MemberMean, members: Tensor) -> Tensor:
        """Average the members that were not trained on a row, in which two have equal weights.

        Parameters
        ----------
        mean : MemberMean
            The mean over all members.
        members : Tensor of shape (n_members, n_rows, sum of n_outputs)
            The outputs of all members.

        Returns
        -------
        Tensor of shape (n_rows, sum of n_outputs)
            The outputs of the mean.
        """
        if self.out_of_fold is None:
            return mean(members)
        unseen = members[self.out_of_fold, np.arange(members.shape[1])]
        return MemberMean(mean.tasks, len(unseen), mean.dependent)(unseen)


class Labelled(NamedTuple):
    """The members' outputs for some rows, and the labels of the rows.

    Attributes
    ----------
    members : Tensor of shape (n_members, n_rows, sum of n_outputs)
        The outputs of the members.
    targets, weights : Tensor of shape (n_rows, n_tasks) or (n_members, n_rows, n_tasks)
        The encoded labels and their weights. The rows are the same for all members, or different
        for each.
    """

    members: Tensor
    targets: Tensor
    weights: Tensor


class Validation(ABC):
    """Base of the validation rows: rows on which all or some members are not trained.

    Parameters
    ----------
    rows : TableRows
        All encoded rows.
    table : Table
        The same rows before encoding, whose labels are needed for scores.
    targets : TargetEncoder
        The tasks.
    row_numbers : ndarray of int
        Numbers of the validation rows.
    train : ndarray of int, optional
        Numbers of the rows to train on. By default no row is left out by all members.
    """

    def __init__(
        self,
        rows: TableRows,
        table: Table,
        targets: TargetEncoder,
        row_numbers: np.ndarray,
        train: np.ndarray | None = None,
    ):
        self.rows = rows
        self.targets = targets
        self.row_numbers = row_numbers
        self.train = train
        self.labels = [column.take(row_numbers.ravel()) for column in table.labels]
        self.weights = table.weights[row_numbers.ravel()]

    def __len__(self) -> int:
        """Return the number of rows that each member evaluates, for callbacks of skorch."""
        return self.indices().shape[-1]

    @abstractmethod
    def indices(self) -> Tensor:
        """Return the numbers of the rows to evaluate, the same for all members or not."""

    @abstractmethod
    def trained_on(self) -> np.ndarray | None:
        """Return which rows are trained on, by each member or by all.

        Returns
        -------
        ndarray of bool of shape (n_members, n_rows) or (1, n_rows), or None
            Whether a row is trained on; None if all rows are.
        """

    def check_labels(
        self, train: TableRows | ShuffledRows, refits: bool, watched: bool | str
    ) -> None:
        """Warn of tasks that have labels, but none to train on or none to validate on.

        With folds, some member is trained on each row: there, only labels to validate on can be
        missing.

        Parameters
        ----------
        train : TableRows or ShuffledRows
            The rows to train on.
        refits : bool
            Whether a second training on all rows follows.
        watched : bool or str
            The task by whose loss alone training stops; a bool if it is the loss of all.

        Raises
        ------
        ValueError
            If this task has no label to validate on.
        """
        weights: Any = self.rows.array("weights")
        labelled = (weights > 0).numpy()
        to_train = (train.mean_weights > 0).numpy()
        to_validate = labelled[self.row_numbers.ravel()].any(axis=0)
        apart = self.trained_on() is None
        remedy = "Pass an X_val and y_val with labels of it." if apart else _CHOOSE_OTHERS
        if watched in np.array(self.targets.names)[~to_validate].tolist():
            raise ValueError(
                f"early_stopping names {watched!r}, which has no label among the validation rows. "
                f"{remedy} Or name another task."
            )
        # If tasks are added, the earlier ones may have no label at all.
        for k in np.flatnonzero(to_train | labelled.any(axis=0)):
            if not to_train[k]:
                warn(_describe_untrained(self.targets.tasks[k], refits))
            if not to_validate[k]:
                warn(_describe_unvalidated(self.targets.tasks[k], remedy))

    def replace_numbers(
        self, encoder: TableEncoder, train: TrainingRows, numbers: np.ndarray
    ) -> TrainingRows:
        """Replace the encoded numbers of the validation rows and of the rows to train on.

        Parameters
        ----------
        encoder : TableEncoder
            The encoder, which has screened columns and learnt statistics from the training rows.
        train : TableRows or ShuffledRows
            The rows to train on.
        numbers : ndarray of shape (n_rows, n_numbers)
            The numbers that the network reads, of all rows of the table with the training rows.

        Returns
        -------
        train : TableRows or ShuffledRows
            The rows to train on, with these numbers.
        """
        self.rows = self.rows.with_numbers(numbers)
        return self.rows

    @abstractmethod
    def evaluate(
        self, mean: MemberMean, losses: TaskLosses, rows: Labelled
    ) -> tuple[Tensor, Tensor]:
        """Set the weights of the members, and compute outputs and losses of their mean.

        Parameters
        ----------
        mean : MemberMean
            The mean over the members, whose weights are set.
        losses : TaskLosses
            The losses of the tasks.
        rows : Labelled
            The outputs and labels of the rows that `indices` returns.

        Returns
        -------
        outputs : Tensor of shape (n_rows, sum of n_outputs)
            The outputs to score, in the order of ``labels``.
        sums : Tensor of shape (2, n_tasks)
            Sums of losses and of weights, see `TaskLosses.sums`.
        """

    @abstractmethod
    def sample(self) -> Sample:
        """Return rows on which all members are evaluated after training."""

    def record_scores(self, history: SharedHistory, outputs: np.ndarray) -> None:
        """Record the tasks' scores and their mean, if the outputs are finite.

        Outputs have the shape (n_rows, sum of n_outputs).
        """
        if not np.isfinite(outputs).all():
            return
        # In float32, labels far from zero would lose digits, and large ones overflow.
        outputs = outputs.astype(np.float64)
        if self.targets.learns_errors:
            rows = self.rows.take(self.row_numbers.ravel())
            self.targets.learn_errors(outputs, *rows.read_labels())
        parts = self.targets.split_outputs(outputs)
        scores = self.targets.score(self.targets.decode(parts), self.labels, self.weights)
        history.record("valid_task_scores", scores)
        there = [score for score in scores if not np.isnan(score)]
        history.record("valid_score", float(np.mean(there)) if there else float("nan"))


class HeldOut(Validation):
    """Validation rows on which no member is trained.

    Without ``train``, the rows to train on are all those of another table.
    """

    def trained_on(self) -> np.ndarray | None:
        """Return which rows are trained on, (1, n_rows); None for all rows of another table."""
        if self.train is None:
            return None
        result = np.zeros((1, len(self.rows)), dtype=bool)
        result[0, self.train] = True
        return result

    def replace_numbers(
        self, encoder: TableEncoder, train: TrainingRows, numbers: np.ndarray
    ) -> TrainingRows:
        """Replace the numbers; the statistics of another table are found by its codes."""
        if self.train is not None:
            super().replace_numbers(encoder, train, numbers)
            return self.rows.take(self.train)
        own_numbers, codes = (self.rows.arrays[name].numpy() for name in ("numbers", "codes"))
        if encoder.kept is not None:
            own_numbers = own_numbers[:, encoder.kept]
        if encoder.statistics is not None:
            own_numbers = append_statistics(own_numbers, encoder.statistics.transform(codes))
        self.rows = self.rows.with_numbers(own_numbers)
        return train.with_numbers(numbers)

    def indices(self) -> Tensor:
        """Return the numbers of the rows, which are the same for all members."""
        return torch.as_tensor(self.row_numbers)

    def evaluate(
        self, mean: MemberMean, losses: TaskLosses, rows: Labelled
    ) -> tuple[Tensor, Tensor]:
        """Set the weights of the members from their losses, and average the members."""
        labels = rows.targets, rows.weights
        of_members = losses.means(losses.member_sums(rows.members, *labels))
        mean.weigh(of_members, _count_labels(rows.weights))
        outputs = mean(rows.members)
        return outputs, losses.sums(outputs, *labels)

    def sample(self) -> Sample:
        """Return all validation rows."""
        return Sample(
            self.row_numbers, self.rows.take(self.row_numbers), self.labels, self.weights
        )


class OutOfFold(Validation):
    """Folds of rows, each of which two adjacent members leave out and all others are trained on.

    So every row is trained on, and no second training is needed. The two members that leave out a
    fold are compared on the same rows. These comparisons determine the weights of the members, see
    `relative_losses`.

    The mean of many members still improves when single members already overfit. The loss of the
    mean of all members is therefore estimated from the loss of single members and the loss of the
    mean of two. Compared with a single member, the loss of the mean of two is lower by half the
    variance of the members. The loss of the weighted mean of all is lower by the variance times
    one minus the sum of the squared weights. For squared errors this is exact on average [1]_ if
    the weights are equal. All folds count alike: if they counted as much as their members, other
    rows would decide in each epoch.

    Parameters
    ----------
    rows, table, targets : object
        Parameters of `Validation`.
    folds : sequence of ndarray of int
        Numbers of the rows of each fold. There are as many folds as members. Each member leaves
        out the fold with its own number and the next one. Of each fold, as many rows are evaluated
        as the smallest fold has.

    Attributes
    ----------
    rows : TableRows
        All rows with their folds, to train on.

    References
    ----------
    .. [1] A. Krogh, J. Vedelsby. "Neural Network Ensembles, Cross Validation, and Active
           Learning". NIPS 1994.
    """

    def __init__(
        self, rows: TableRows, table: Table, targets: TargetEncoder, folds: Sequence[np.ndarray]
    ):
        fold_of = np.full(len(rows), -1, dtype=np.int16)
        for number, fold in enumerate(folds):
            fold_of[fold] = number
        least = min(map(len, folds))
        row_numbers = np.stack([fold[:least] for fold in folds])
        super().__init__(rows.with_folds(fold_of), table, targets, row_numbers)
        self._pair = MemberMean(targets.tasks, n_members=2)

    def indices(self) -> Tensor:
        """Return the numbers of the rows that each member leaves out, (n_members, n_left_out)."""
        return torch.as_tensor(
            np.hstack([self.row_numbers, np.roll(self.row_numbers, -1, axis=0)])
        )

    def trained_on(self) -> np.ndarray:
        """Return which rows each member is trained on, of shape (n_members, n_rows)."""
        folds: Any = self.rows.array("folds")
        return find_kept(folds, MemberRange.all(len(self.row_numbers))).cpu().numpy()

    def evaluate(
        self, mean: MemberMean, losses: TaskLosses, rows: Labelled
    ) -> tuple[Tensor, Tensor]:
        """Set the members' weights, average the two of each fold, estimate the loss of all."""
        first, second = rows.members.unflatten(1, (2, -1)).unbind(1)
        pair = torch.stack([first, second.roll(1, dims=0)])
        # Each fold is evaluated by two members: take its labels from the one with its number.
        targets, weights = (
            part.unflatten(1, (2, -1))[:, 0] for part in (rows.targets, rows.weights)
        )
        compared = [losses.means(losses.member_sums(one, targets, weights)) for one in pair]
        pair, targets, weights = pair.flatten(1, 2), targets.flatten(0, 1), weights.flatten(0, 1)
        mean.weigh(relative_losses(*compared), _count_labels(weights))
        outputs = self._pair(pair)
        of_one, of_two = (losses.sums(part, targets, weights) for part in (pair, outputs))
        return outputs, of_one + 2 * (1 - mean.weights.square().sum(dim=0)) * (of_two - of_one)

    def sample(self) -> Sample:
        """Return some rows of each fold, with the members that leave it out.

        All folds have the same weight. With the weights of the members, few rows could outweigh
        all others.
        """
        n_members, n_rows = self.row_numbers.shape
        n_taken = min(n_rows, -(-SAMPLE // n_members))
        places = np.arange(self.row_numbers.size).reshape(n_members, n_rows)[:, :n_taken].ravel()
        members = np.arange(n_members).repeat(n_taken)
        row_numbers = self.row_numbers[:, :n_taken].ravel()
        labels = [column.take(places) for column in self.labels]
        pairs = np.stack([members, (members - 1) % n_members])
        return Sample(
            row_numbers, self.rows.take(row_numbers), labels, self.weights[places], pairs
        )


def find_kept(folds: Tensor, members: MemberRange) -> Tensor:
    """Return which rows each of some members is trained on, of shape (n_members, n_rows).

    Parameters
    ----------
    folds : Tensor of shape (n_rows,)
        Fold of each row; -1 for none.
    members : MemberRange
        The members.
    """
    numbers = torch.arange(members.first, members.last, device=folds.device)[:, None]
    return (folds < 0) | ((folds - numbers) % members.n_all > 1)


def average_weights(rows: TableRows | ShuffledRows, members: MemberRange) -> Tensor:
    """Compute the average weight of a row in training, including rows without a label.

    Parameters
    ----------
    rows : TableRows or ShuffledRows
        All rows to train on, with their weights.
    members : MemberRange
        The members that are trained.

    Returns
    -------
    Tensor of shape (n_tasks,) or (n_members, 1, n_tasks)
        The average weights, for each member if there are folds; 1 for a task without any label.
    """
    means = rows.mean_weights
    if isinstance(rows, TableRows) and (folds := rows.array("folds")) is not None:
        weights: Any = rows.array("weights")
        kept = find_kept(folds, members).to(weights.dtype)
        means = (kept @ weights / len(rows)).unsqueeze(1)
    return torch.where(means > 0, means, 1.0)


def _describe_untrained(task: Task, refits: bool) -> str:
    """Return the warning of a task without a label to train on."""
    so = ": the network learns nothing about it"
    if refits:
        those = "losses and standard deviations" if task.has_errors else "losses"
        so = (
            ", so it is learnt only in the second training, on all rows: its validation "
            f"{those} are those of a network that has not learnt it"
        )
    return f"Target {task.name!r} has no label among the rows to train on{so}. {_CHOOSE_OTHERS}"


def _describe_unvalidated(task: Task, remedy: str) -> str:
    """Return the warning of a task without a label to validate on."""
    unknown = ", and its standard deviations and intervals are NaN" if task.has_errors else ""
    return (
        f"Target {task.name!r} has no label among the validation rows: it does not influence when "
        f"training stops, all members have the same weight for it{unknown}. {remedy}"
    )


def _count_labels(weights: Tensor) -> Tensor:
    """Return the number of labels of each task among some rows, (n_tasks,)."""
    return (weights > 0).sum(dim=0)
