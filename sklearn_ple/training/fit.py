"""The story of a fit: read, plan, encode, split, build, train, keep.

``fit``, ``partial_fit`` and ``add_task`` of an estimator each configure a `Fit` by settings and by
where it starts from, and keep its result.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import Callback

from ..encoding.encoder import Encoded, TableEncoder
from ..parameters.same_network import describe_network
from ..parameters.settings import Settings
from ..predictions.intervals import Deviations
from ..predictions.joint import Distributions, encode_labels, learn_copula
from ..tables.files.streamed_table import StreamedTable
from ..tables.reading import Header
from ..utils.processes import current
from ..utils.progress import write_line
from ..utils.warn import warn
from .budget import Budget
from .build import make_module, make_net
from .callbacks import ProgressBar, copy_callback
from .checkpoint import Checkpoint, Progress
from .choosing.defaults import resolve_split, resolve_steps
from .choosing.validation_rows import naming_validation_rows
from .device import resolve_device
from .inference import compute_outputs
from .net import MultiTaskNet, Trained
from .parallel.jobs import Jobs, can_divide
from .parallel.synchroniser import check_same_fit, share_random_state
from .random_state import draw_seed, seeded
from .read import Arguments, FitRows
from .rows import TableRows, TrainingRows
from .schedule import Fall, Schedule
from .start import Fitted, Held, Start
from .stopping import Patience
from .stream_rows import stream_rows
from .validation import SAMPLE, HeldOut, OutOfFold, Validation


class Training(NamedTuple):
    """What a training needs of a table, which itself can be freed.

    Attributes
    ----------
    rows : TableRows or ShuffledRows
        The rows to train on.
    encoder : TableEncoder
        The encoder of the rows, fitted without the labels of validation rows.
    settings : Settings
        The settings, in which no parameter is "auto".
    validation : Validation or None
        The validation; None without one.
    """

    rows: TrainingRows
    encoder: TableEncoder
    settings: Settings
    validation: Validation | None = None

    @property
    def n_batches(self) -> int:
        """Number of steps in an epoch. It is approximate for rows in files."""
        return -(-len(self.rows) // self.settings.batch_size)


class Plan(NamedTuple):
    """What is decided once the rows of a fit are read, and goes from step to step.

    Attributes
    ----------
    settings : Settings
        The settings, in which no parameter of bins and of validation is "auto".
    device : str
        The device.
    budget : Budget or None
        The time for the fit; None without a limit.
    checkpoint : Checkpoint or None
        The checkpoint, if there is one.
    rng : RandomState
        The random state from which the fit draws.
    split_seed : int
        Seed of the choice of validation rows.
    row_numbers : ndarray of int of shape (n_rows,) or None
        Numbers of the rows in X; None if they are in files, or validation rows are apart.
    header : Header
        The columns of X.
    """

    settings: Settings
    device: str
    budget: Budget | None
    checkpoint: Checkpoint | None
    rng: np.random.RandomState
    split_seed: int
    row_numbers: np.ndarray | None
    header: Header


@dataclass(eq=False)
class Fit:
    """One fit, from the arguments to the trained net.

    Parameters
    ----------
    settings : Settings
        The settings.
    start : Start
        Where the fit starts from.
    classes : None, array-like, sequence or dict, default=None
        Declared classes.
    keeps_unseen : bool, default=False
        Whether to keep predictions of rows by members that were not trained on them.

    Attributes
    ----------
    unseen : tuple of ndarray or None
        The numbers of these rows in X, of shape (n_unseen,), and the outputs of the tasks, of
        shape (n_unseen, sum of n_outputs). None if no rows of X were validated on.
    """

    settings: Settings
    start: Start
    classes: Any = None
    keeps_unseen: bool = False
    unseen: tuple[np.ndarray, np.ndarray] | None = field(init=False, default=None)

    def run(self, arguments: Arguments) -> Fitted:
        """Fit to the rows of the arguments.

        Parameters
        ----------
        arguments : Arguments
            The arguments of the estimator's method.

        Returns
        -------
        Fitted
            The result.
        """
        seconds = self.settings.max_time
        budget = None if seconds is None else Budget(seconds)
        given = self.start.read(arguments, self.settings)
        settings = resolve_split(self.settings, len(given.table), given.split)
        encoder, encoded = self.start.encode(given, settings, self.classes)
        plan = self._plan(settings, given, budget)
        trainings = self._split(plan, given, encoder, encoded)
        # Free memory: training needs only what has been split.
        del given, encoder, encoded
        return self._train(plan, *trainings)

    def _plan(self, settings: Settings, given: FitRows, budget: Budget | None) -> Plan:
        """Plan the fit, and compare it with that of a checkpoint and those of other processes."""
        table, split, _ = given
        device, fitted = resolve_device(settings.device, settings.tensor_dtype), self.start.fitted
        compared = self.settings, device, table, split, fitted and fitted.net.module_
        check_same_fit(*compared)
        checkpoint = Checkpoint.of(*compared)
        source = self.settings if checkpoint is None else checkpoint
        rng = share_random_state(self.start.draw(source.random_state))
        seed = draw_seed(rng) if self.start.split_seed is None else self.start.split_seed
        row_numbers = getattr(table, "row_numbers", None) if split.table is None else None
        drawn = rng, seed
        return Plan(settings, device, budget, checkpoint, *drawn, row_numbers, table.header)

    # -- before the training --------------------------------------------------------------------

    def _split(
        self, plan: Plan, given: FitRows, encoder: TableEncoder, encoded: Encoded
    ) -> tuple[Training, Training | None]:
        """Split the rows, and fit the parts of the encoder that use labels.

        Returns
        -------
        first : Training
            The training on all rows but those for validation.
        second : Training or None
            The training on all rows, if there is one.
        """
        rows, train, validation = self._split_rows(plan, given, encoder, encoded)
        refits = bool(plan.settings.refit and validation is not None and not self.start.goes_on)
        settings = resolve_steps(plan.settings, len(train), validates=validation is not None)
        if validation is not None:
            validation.check_labels(train, refits, settings.early_stopping)
        fitted, train = self._learn_from_labels(encoder, encoded, train, validation)
        first = Training(train, fitted, settings, validation)
        if not refits:
            return first, None
        # This encoder is fitted to all labels, including those of the validation rows.
        of_all, numbers = encoder.learn_from_labels(encoded, earlier=fitted)
        rows = rows if numbers is encoded.numbers else rows.with_numbers(numbers)
        # The best number of epochs is known for the batches and rates of the first training only.
        return first, Training(rows, of_all, settings)

    def _split_rows(
        self, plan: Plan, given: FitRows, encoder: TableEncoder, encoded: Encoded
    ) -> tuple[TrainingRows, TrainingRows, Validation | None]:
        """Return all rows, the rows for training, and the validation, or None without one."""
        table, split, _ = given
        settings, targets = plan.settings, encoder.targets
        weight, dtype = settings.class_weight, settings.tensor_dtype
        if isinstance(table, StreamedTable):
            rows: Any = stream_rows(table, encoder, encoded.ordered, weight, dtype)
        else:
            rows = TableRows(*encoded.arrays, dtype=dtype)
        if split.table is not None:
            with naming_validation_rows():
                encoded = encoder.apply_again(split.table, weight)
            apart = TableRows(*encoded.arrays, dtype=dtype)
            return rows, rows, HeldOut(apart, split.table, targets, np.arange(len(apart)))
        if isinstance(table, StreamedTable):
            return rows, rows, None
        rng = np.random.RandomState(plan.split_seed)
        if settings.n_left_out:
            folds = split.folds(len(rows), settings.n_members, settings.n_left_out, rng)
            crossed = OutOfFold(rows, table, targets, folds)
            return rows, crossed.rows, crossed
        train, valid = split.rows(len(rows), settings.validation_fraction, rng)
        held_out = None if valid is None else HeldOut(rows, table, targets, valid, train)
        return rows, rows.take(train), held_out

    def _learn_from_labels(
        self,
        encoder: TableEncoder,
        encoded: Encoded,
        train: TrainingRows,
        validation: Validation | None,
    ) -> tuple[TableEncoder, TrainingRows]:
        """Fit the parts of the encoder that use labels, without the labels of validation rows.

        Returns
        -------
        encoder : TableEncoder
            The encoder.
        train : TableRows or ShuffledRows
            The rows to train on, with the numbers that are read, and target statistics.
        """
        if self.start.goes_on:
            numbers = encoder.resume(encoded)
        else:
            trained_on = None if validation is None else validation.trained_on()
            n_columns = encoder.features.n_columns_
            encoder, numbers = encoder.learn_from_labels(encoded, trained_on)
            n_read = encoder.features.n_columns_
            if n_read < n_columns and self.settings.verbose and current().is_first:
                write_line(f"Members read {n_read:,} of {n_columns:,} numeric columns.")
        if numbers is encoded.numbers:
            return encoder, train
        if validation is None:
            return encoder, train.with_numbers(numbers)
        return encoder, validation.replace_numbers(encoder, train, numbers)

    # -- the training ---------------------------------------------------------------------------

    def _train(self, plan: Plan, first: Training, second: Training | None) -> Fitted:
        """Train a net and, if there is a second training, another net on all rows."""
        with seeded(plan.rng):
            net, held = self._make_net(plan, first)
            # A second training gets the other half of the time.
            share, n_epochs = 1.0 if second is None else 0.5, first.settings.max_epochs
            trained = self._run_training(plan, 1, net, held, first, n_epochs, share)
            again = None
            if second is not None and trained.complete:
                again = self._train_again(plan, net, trained, second)
            # What follows may use the time that training has left over.
            if plan.budget is not None:
                plan.budget.end_training()
            if first.validation is None:
                self._learn_errors(net, first)
            deviations = self._measure(plan, net, first)
        if again is None or second is None:
            return self._finish(plan, net, first.encoder, deviations)
        return self._finish(plan, again, second.encoder, deviations)

    def _measure(self, plan: Plan, net: MultiTaskNet, training: Training) -> Deviations | None:
        """Learn the deviations of predictions, and how they depend on each other.

        The result is None without validation rows. If the user interrupts, it is what has been
        learnt so far, so that the trained network is not lost.
        """
        if training.validation is None:
            return None
        deviations = Deviations.for_mean(net.module_.mean, training.encoder.targets)
        try:
            self._learn_deviations(plan, deviations, net, training.encoder, training.validation)
        except KeyboardInterrupt:
            warn(
                "Learning from the validation rows was ended by the user: the trained model is "
                "kept, but intervals and known labels may not be possible.",
                ConvergenceWarning,
            )
        return deviations

    def _learn_errors(self, net: MultiTaskNet, training: Training) -> None:
        """Let tasks learn from errors of rows that were trained on, as there are no others."""
        targets = training.encoder.targets
        if targets.learns_errors:
            rows = training.rows.head(len(training.rows))
            rows = rows.take(np.arange(0, len(rows), -(-len(rows) // SAMPLE)))
            outputs = net.module_.mean(compute_outputs(net, rows)).numpy()
            labels, weights = rows.read_labels()
            targets.learn_errors(outputs, labels, weights, adds=self.start.goes_on)

    def _learn_deviations(
        self,
        plan: Plan,
        deviations: Deviations,
        net: MultiTaskNet,
        encoder: TableEncoder,
        validation: Validation,
    ) -> None:
        """Learn the deviations, and the dependence of the tasks, from the validation rows."""
        sample, mean = validation.sample(), net.module_.mean
        members = compute_outputs(net, sample.rows)
        outputs = sample.average(mean, members).numpy()
        if self.keeps_unseen and plan.row_numbers is not None:
            self.unseen = plan.row_numbers[sample.row_numbers], outputs
        parts = encoder.targets.split_outputs(outputs)
        encoder.targets.learn_errors(outputs, *sample.rows.read_labels())
        of_rows = deviations.learn(
            members.numpy(), sample.labels, sample.weights, sample.out_of_fold
        )
        predictions = encoder.targets.predict(parts)
        distributions = Distributions(predictions, of_rows, deviations.errors, parts)
        labels = encode_labels(encoder.tasks, sample.labels)
        # Several processes would reach a limit at different points, so they have none.
        limit = [] if plan.budget is None or current().n > 1 else [plan.budget.is_over]
        deviations.copula = learn_copula(
            encoder.tasks, distributions, encoder.prerequisites, labels, sample.weights, *limit
        )

    def _train_again(
        self, plan: Plan, net: MultiTaskNet, first: Trained, training: Training
    ) -> MultiTaskNet | None:
        """Train another net on all rows, as was best for a first net.

        The number of epochs and the fall of the learning rate are those of the first net. The
        weights of the members, determined on validation rows, and the history are those of
        the first net. The result is None if training is interrupted or fails.
        """
        again, held = self._make_net(plan, training)
        again.module_.mean.load_state_dict(net.module_.mean.state_dict())
        trained = None
        with suppress(KeyboardInterrupt):
            n_epochs, fall = first.best_epoch, first.fall
            trained = self._run_training(plan, 2, again, held, training, n_epochs, fall=fall)
        if trained is None or not trained.complete:
            warn(
                "The second training, on all rows, was not completed: the model of the first one, "
                "which left out the validation rows, is kept.",
                ConvergenceWarning,
            )
            return None
        again.history = net.history
        return again

    def _run_training(
        self,
        plan: Plan,
        number: int,
        net: MultiTaskNet,
        held: Held,
        training: Training,
        n_epochs: int,
        share: float = 1.0,
        fall: Fall | None = None,
    ) -> Trained:
        """Run a training of a net, the first or the second one, in a share of the time left."""
        jobs = self._divide(plan, net, training)
        budget = None if plan.budget is None else plan.budget.take(share)
        schedule = self._make_schedule(training, budget, fall, divided=jobs is not None)
        with self.start.hold(net, training.rows, held):
            trained = net.train(
                training.rows,
                n_epochs,
                schedule,
                validation=training.validation,
                callbacks=self._make_callbacks(number, training, schedule),
                progress=Progress(plan.checkpoint, number) if plan.checkpoint else None,
                jobs=jobs,
                is_over=None if budget is None else budget.is_over,
            )
        if trained.complete and trained.fall.end < 1:
            warn(
                f"max_time={self.settings.max_time} allows {trained.fall.end:.3g} of an epoch: "
                "training sees a part of the rows, once.",
                ConvergenceWarning,
            )
        return trained

    def _make_schedule(
        self, training: Training, budget: Budget | None, fall: Fall | None, divided: bool
    ) -> Schedule:
        """Make the schedule of a training; its fall is given for the second one."""
        settings, watches = training.settings, training.validation is not None
        return Schedule(
            settings.max_epochs,
            training.n_batches,
            falls=settings.lr_schedule == "decay",
            patience=Patience(settings.n_iter_no_change) if watches else None,
            fall=fall,
            budget=budget,
            is_open=watches and self.settings.max_epochs == "auto",
            by_epoch=divided or current().n > 1,
        )

    def _make_net(self, plan: Plan, training: Training) -> tuple[MultiTaskNet, Held]:
        made_of = training.settings, training.encoder, plan.device, plan.header.names
        return self.start.make_net(*made_of)

    def _make_callbacks(
        self, number: int, training: Training, schedule: Schedule
    ) -> list[Callback]:
        """Make the progress bar, and copies of the user's callbacks."""
        settings, names = training.settings, training.encoder.targets.names
        title = "Training" if number == 1 else "Training on all rows"
        bar = [ProgressBar(names, schedule, title)] if settings.verbose else []
        return [*bar, *map(copy_callback, settings.callbacks or [])]

    def _divide(self, plan: Plan, net: MultiTaskNet, training: Training) -> Jobs | None:
        """Divide the members among jobs; None if they are trained together."""
        settings, encoder = training.settings, training.encoder
        if not self.start.divides or not can_divide(net, training.rows, settings):
            return None

        def make_smaller(n_members: int) -> MultiTaskNet:
            fewer = settings.replace(n_members=n_members)
            module = make_module(fewer, encoder.without_coefficients(), plan.header.names)
            return make_net(fewer, module, encoder, plan.device)

        return Jobs.divide(net, settings.n_jobs, make_smaller)

    def _finish(
        self, plan: Plan, net: MultiTaskNet, encoder: TableEncoder, deviations: Deviations | None
    ) -> Fitted:
        network = describe_network(self.settings.owner, self.settings.parameters)
        learnt = net, encoder, deviations, plan.rng, plan.device, network
        result = Fitted(*learnt, plan.split_seed, plan.header, ({}, {}))
        return self.start.keep_earlier(result)
