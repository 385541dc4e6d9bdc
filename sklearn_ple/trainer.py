"""Training of an estimator: the choice of validation rows, and one or two nets."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import Callback

from .encoding.encoder import Encoded, TableEncoder
from .network import create_net, jobs_for
from .predictions.intervals import Deviations
from .tables.files.table import AnyTable, StreamedTable
from .training.callbacks import ProgressBar, copies
from .training.checkpoint import Checkpoint
from .training.data import TableRows
from .training.net import MultiTaskNet
from .training.origin import Origin
from .training.plan import Plan, Training
from .training.random_state import seeded
from .training.read import rows_of
from .training.schedule import schedule
from .training.split import Split, naming_validation
from .training.validation import HeldOut, OutOfFold, Validation
from .utils.warn import warn


class Learnt(NamedTuple):
    """What an estimator keeps of its training.

    Attributes
    ----------
    net : MultiTaskNet
        The trained net.
    encoder : TableEncoder
        The encoder of the table, as it was in this training.
    deviations : Deviations or None
        Deviations of predicted numbers; None without numbers or validation rows.
    """

    net: MultiTaskNet
    encoder: TableEncoder
    deviations: Deviations | None


class Trainer:
    """Trains the network of an estimator: once, or a second time on all rows.

    Parameters
    ----------
    estimator : MultiTaskEstimator
        The estimator, whose parameters are read and whose device has been determined.
    origin : Origin
        The source of the initial weights.
    random_state : RandomState
        The generator of the random numbers.
    reporters : sequence of Callback, optional
        Callbacks that report to scikit-learn.
    checkpoint : Checkpoint, optional
        The folder in which progress is saved; by default nothing is saved.
    """

    def __init__(
        self,
        estimator: Any,
        origin: Origin,
        random_state: np.random.RandomState,
        reporters: Sequence[Callback] = (),
        checkpoint: Checkpoint | None = None,
    ):
        self.estimator = estimator
        self.origin = origin
        self.random_state = random_state
        self.reporters = reporters
        self.checkpoint = checkpoint or Checkpoint(None, {}, None)

    # -- before the training --------------------------------------------------------------------

    def prepare(
        self, table: AnyTable, encoder: TableEncoder, encoded: Encoded, plan: Plan, split: Split
    ) -> tuple[Training, Training | None]:
        """Split the rows, and fit the parts of the encoder that use labels.

        Parameters
        ----------
        table : Table or StreamedTable
            The table.
        encoder : TableEncoder
            The encoder that has encoded the table.
        encoded : Encoded
            The encoded table; for a table in files, its encoded sample.
        plan : Plan
            The plan for the number of rows of the table.
        split : Split
            The choice of validation rows.

        Returns
        -------
        first : Training
            The training.
        second : Training or None
            A training on all rows that follows, if there is one.
        """
        rows, train, validation = self._split(table, encoder, encoded, plan, split)
        refits = plan.refits and validation is not None and not self.origin.goes_on
        if validation is not None:
            validation.warn_of_unlabelled(train, refits)
        if refits:
            # This encoder is fitted to all labels, including those of the validation rows.
            of_all, numbers = encoder.start(encoded)
            rows = rows if of_all.statistics is None else rows.with_numbers(numbers)
        encoder, train = self._start(encoder, encoded, train, validation)
        own = Plan.of(self.estimator, len(train), split, validates=validation is not None)
        first = Training(train, encoder, own, validation)
        plan = replace(plan, max_epochs=own.max_epochs)
        return first, Training(rows, of_all, plan) if refits else None

    def _split(
        self, table: AnyTable, encoder: TableEncoder, encoded: Encoded, plan: Plan, split: Split
    ) -> tuple[Any, Any, Validation | None]:
        """Return all rows, the rows for training, and the validation, or None without one."""
        targets, dtype = encoder.targets, self.estimator._torch_dtype
        class_weight = self.estimator._class_weight
        rows: Any = rows_of(table, encoder, encoded, class_weight, dtype)
        if split.table is not None:
            with naming_validation(), split.table.naming(encoder.check_numbers):
                apart = encoder.apply_again(split.table, class_weight)
            own = TableRows(*apart.arrays, dtype=dtype)
            return rows, rows, HeldOut(own, split.table, targets, np.arange(len(own)))
        if isinstance(table, StreamedTable):
            return rows, rows, None
        if plan.n_left_out:
            n_members = self.estimator.n_members
            folds = split.folds(len(table), n_members, plan.n_left_out, self.random_state)
            crossed = OutOfFold(rows, table, targets, folds)
            return rows, crossed.rows, crossed
        train, valid = split.rows(len(table), plan.validation_fraction, self.random_state)
        held_out = None if valid is None else HeldOut(rows, table, targets, valid, train)
        return rows, rows.take(train), held_out

    def _start(
        self, encoder: TableEncoder, encoded: Encoded, train: Any, validation: Validation | None
    ) -> tuple[TableEncoder, Any]:
        """Fit the parts of the encoder that use labels, without the labels of validation rows.

        Return the encoder and the rows for training. Their target statistics, and those of the
        validation rows, are those of this encoder.
        """
        if self.origin.goes_on:
            numbers = encoder.resume(encoded)
        else:
            trained_on = None if validation is None else validation.trained_on()
            encoder, numbers = encoder.start(encoded, trained_on)
        if encoder.statistics is None:
            return encoder, train
        if validation is None:
            return encoder, train.with_numbers(numbers)
        return encoder, validation.renumber(encoder.statistics, train, numbers)

    # -- the training ---------------------------------------------------------------------------

    def train(self, first: Training, second: Training | None) -> Learnt:
        """Train a net and, if there is a second training, another net on all rows.

        Parameters
        ----------
        first, second : Training
            The result of `prepare`.

        Returns
        -------
        Learnt
            The net of the last training that was completed, with its encoder.
        """
        with seeded(self.random_state):
            net = self._make_net(first)
            with self.origin.held(net, first.rows):
                trained = net.train(
                    first.rows,
                    first.plan.max_epochs,
                    validation=first.validation,
                    patience=first.plan.patience,
                    tol=self.estimator.tol,
                    callbacks=self._callbacks(first),
                    progress=self.checkpoint.training(1),
                    jobs=jobs_for(self.estimator, net, first, self.origin),
                )
            deviations = _learn_deviations(net, first)
            if second is not None and trained.complete:
                again = self._train_again(net, trained.best_epoch, second)
                if again is not None:
                    return Learnt(again, second.encoder, deviations)
        return Learnt(net, first.encoder, deviations)

    def _train_again(
        self, net: MultiTaskNet, n_epochs: int, training: Training
    ) -> MultiTaskNet | None:
        """Train another net on all rows, for the number of epochs that was best for a first net.

        Return the net, or None if the training is interrupted or fails.
        """
        again = self._make_net(training)
        again.module_.mean.load_state_dict(net.module_.mean.state_dict())
        callbacks = self._callbacks(training, title="Training on all rows")
        jobs = jobs_for(self.estimator, again, training, self.origin)
        options: dict[str, Any] = {"progress": self.checkpoint.training(2), "jobs": jobs}
        complete = False
        with suppress(KeyboardInterrupt), self.origin.held(again, training.rows):
            trained = again.train(training.rows, n_epochs, callbacks=callbacks, **options)
            complete = trained.complete
        if not complete:
            warn(
                "The second training, on all rows, was not completed: the model of the first one, "
                "which left out the validation rows, is kept.",
                ConvergenceWarning,
            )
            return None
        again.history = net.history
        return again

    def _make_net(self, training: Training) -> MultiTaskNet:
        # The callbacks of scikit-learn look at the estimator, and score it.
        self.estimator._encoder = training.encoder
        return create_net(self.estimator, training.plan, training.encoder, self.origin)

    def _callbacks(self, training: Training, title: str = "Training") -> list[Callback]:
        """Return the callbacks in order: progress bar, user's, learning rate, scikit-learn's."""
        n_batches = -(-len(training.rows) // training.plan.batch_size)
        rates = schedule(self.estimator.lr_schedule, training.plan.max_epochs, n_batches)
        return [*callbacks_of(self.estimator, training.encoder, title), *rates, *self.reporters]


def callbacks_of(estimator: Any, encoder: TableEncoder, title: str = "Training") -> list[Callback]:
    """Return a progress bar if the estimator is verbose, and copies of the user's callbacks.

    Parameters
    ----------
    estimator : MultiTaskEstimator
        The estimator.
    encoder : TableEncoder
        The encoder, with the names of the tasks.
    title : str, default="Training"
        The title of the bar.
    """
    bar = [ProgressBar(encoder.targets.names, title)] if estimator.verbose else []
    return [*bar, *copies(estimator.callbacks or [])]


def _learn_deviations(net: MultiTaskNet, training: Training) -> Deviations | None:
    """Learn the deviations of predicted numbers; None without numbers or validation rows."""
    tasks, validation = training.encoder.tasks, training.validation
    if validation is None or not any(task.has_errors for task in tasks):
        return None
    rows, labels, weights, out_of_fold = validation.sample()
    members = net.member_outputs(rows).numpy()
    deviations = Deviations.for_mean(net.module_.mean, training.encoder.targets)
    return deviations.learn(members, labels, weights, out_of_fold)
