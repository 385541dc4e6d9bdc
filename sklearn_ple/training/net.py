"""The private skorch net, which reads losses from the device only once in an epoch."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Any, NamedTuple, Self

import joblib
import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from skorch import NeuralNet
from skorch.callbacks import Callback
from skorch.utils import to_tensor
from torch import Tensor

from ..nn import TabularNetwork
from ..nn.draws import Draws
from ..nn.members import MemberRange
from ..tasks import TaskLosses, TaskWeights
from ..utils.processes import current
from ..utils.warn import warn
from .averaging import WeightAverage
from .callbacks import KeepBestWeights, RecordEpoch
from .checkpoint import Progress
from .cpu import keep_freed_memory, suitable_threads
from .device import check_bfloat16
from .inference import choose_rows_at_once
from .parallel.jobs import Jobs
from .parallel.synchroniser import (
    Synchroniser,
    copy_from_first,
    copy_result_of_first,
    evaluate_in_turn,
)
from .random_state import GlobalDraws
from .rows import Batches, EncodedBatch, ShuffledBatches, ShuffledRows, TrainingRows, place
from .schedule import Fall, Schedule
from .steps import Stepper, Steps
from .validation import Labelled, Validation, average_weights


class Trained(NamedTuple):
    """How a training ended.

    Attributes
    ----------
    complete : bool
        Whether it ended after all epochs or by early stopping, and not by the user.
    best_epoch : int
        The epoch with the least validation loss, counted from 1; 0 without validation.
    fall : Fall
        Where the learning rate fell.
    """

    complete: bool
    best_epoch: int
    fall: Fall


class MultiTaskNet(NeuralNet):
    """A net that reads `TableRows` and sums the losses of an epoch on the device.

    The criterion is the `Balancer`. For each epoch the history records

    - ``train_task_losses`` and ``valid_task_losses``, lists of the tasks' mean losses;
    - ``train_loss`` and ``valid_loss``, their sums weighted by the tasks' weights: in training the
      weights of the epoch, in validation those of the first epoch, or of a single task;
    - ``train_loss_best`` and ``valid_loss_best``, whether these sums are the least so far.

    Parameters
    ----------
    *args, **kwargs : object
        Parameters of skorch's net.
    losses : TaskLosses
        The losses of the tasks.
    task_weights : TaskWeights
        The weights of the tasks at each epoch.
    weight_averaging : float
        Approximate share of the steps so far over which weights are averaged; 0 for no averaging.
    dtype : torch.dtype
        Data type of the network.
    n_jobs : int or None
        Number of jobs. Unless it is None, a training in this process takes one thread.
    """

    def __init__(
        self,
        *args: Any,
        losses: TaskLosses,
        task_weights: TaskWeights,
        weight_averaging: float,
        dtype: torch.dtype,
        n_jobs: int | None = None,
        **kwargs: Any,
    ):
        self.losses = losses
        self.task_weights = task_weights
        self.weight_averaging = weight_averaging
        self.dtype = dtype
        self.n_jobs = n_jobs
        # These exist only during training.
        self._stepper: Any = None
        self._global_draws: GlobalDraws | None = None
        self.is_over: Callable[[], bool] | None = None
        super().__init__(*args, **kwargs)

    def train(
        self,
        rows: TrainingRows,
        n_epochs: int,
        schedule: Schedule,
        *,
        validation: Validation | None = None,
        callbacks: Sequence[Callback] = (),
        progress: Progress | None = None,
        jobs: Jobs | None = None,
        is_over: Callable[[], bool] | None = None,
    ) -> Trained:
        """Train the initialised net for some epochs, or until a callback ends the training.

        After each epoch, callbacks are called in this order: the record of the epoch, the
        callbacks that are passed, the schedule, the one that keeps the best weights, and last the
        one that saves the progress.

        Parameters
        ----------
        rows : TableRows or ShuffledRows
            The rows to train on.
        n_epochs : int
            Greatest number of epochs.
        schedule : Schedule
            Sets the learning rates, and ends the training.
        validation : Validation, optional
            The validation rows, for early stopping and the choice of the best weights.
        callbacks : sequence of Callback, default=()
            Callbacks of this training. The net keeps neither them nor the rows afterwards.
        progress : Progress, optional
            Saves the progress of the training, and continues from a saved state.
        jobs : Jobs, optional
            Train the members in workers; by default they are trained together in this process.
        is_over : callable, optional
            Returns whether there is no time for another step. Processes that train together do
            not ask.

        Returns
        -------
        Trained
            How the training ended.

        Raises
        ------
        KeyboardInterrupt
            If the user interrupts before the first step; or in any epoch, while several processes
            train together.
        """
        self.max_epochs = n_epochs
        if progress is not None and progress.best_epoch is not None:
            progress.restore(self)
            return Trained(True, progress.best_epoch, Fall(*progress.fall))
        best = KeepBestWeights(self.losses.names, validation is not None)
        saves = [] if progress is None else [progress]
        every = [RecordEpoch(), *callbacks, schedule, best, *saves]
        n_before = len(self.history)
        n_to_do = n_epochs - (0 if progress is None else progress.n_epochs)
        self.is_over = is_over if current().n == 1 else None
        self.run(rows, n_to_do, every, validation=validation, jobs=jobs)
        n_done = len(self.history) - n_before
        complete = not best.ends_training and (schedule.ends_training or n_done == n_epochs)
        if not (complete or best.ends_training):
            is_late = is_over is not None and is_over()
            by = "max_time" if is_late else "the user or by a callback"
            warn(best.describe_end(n_done, len(self.history), by), ConvergenceWarning)
        # A callback may have ended the last epoch before its progress was saved.
        if progress is not None and complete and progress.n_epochs == n_done:
            progress.end(self, best.best_epoch_, schedule.found)
        return copy_result_of_first(self, Trained(complete, best.best_epoch_, schedule.found))

    def run(
        self,
        rows: TrainingRows,
        n_epochs: int,
        callbacks: Sequence[Callback],
        *,
        validation: Validation | None = None,
        jobs: Jobs | None = None,
    ) -> None:
        """Train for some epochs, or until a callback ends the training; see `train`."""
        if self.module_.product_dtype is not None:
            # A loaded model may have been trained on another machine.
            check_bfloat16(self.device)
        synchronisers = [] if current().n == 1 else [Synchroniser()]
        self.callbacks: Any = [*synchronisers, *callbacks]
        self.initialize_callbacks()
        keep_freed_memory()
        # Threads do not replace workers: on busy cores they wait for each other after each
        # operation, ten times as long as they compute.
        n_threads = 1 if joblib.effective_n_jobs(self.n_jobs) > 1 else self.n_jobs
        with ExitStack() as stack:
            stack.callback(self.forget_training)
            stack.enter_context(self.threads(self.batch_size, n_threads))
            if self.foreign_parts():
                # They may draw from torch's global random state.
                self._global_draws = GlobalDraws(self.device)
                stack.enter_context(self._global_draws.seeded())
            place(rows, self.device)
            if validation is not None:
                place(validation.rows, self.device)
            self.begin_training(rows)
            if jobs:
                stack.enter_context(jobs.training(rows, validation))
            n_before = len(self.history)
            self.notify("on_train_begin", X=rows, y=validation)
            try:
                self._run_epochs(rows, validation, jobs, n_epochs)
            except KeyboardInterrupt:
                if not self._has_learnt(n_before):
                    raise
            if self._is_in_epoch:
                self.history.pop()
            self._end(X=rows, y=validation)

    def _end(self, **data: object) -> None:
        """Tell all callbacks that the training has ended, even if the user interrupts one."""
        self.on_train_end(self, **data)
        interrupted = False
        for _, callback in self.callbacks_:
            try:
                callback.on_train_end(self, **data)
            except KeyboardInterrupt:
                # Go on: the callback that restores the best weights may come later.
                interrupted = True
        if interrupted:
            warn(
                "What follows the last epoch was ended by the user: the trained network is kept.",
                ConvergenceWarning,
            )

    def _run_epochs(
        self, rows: TrainingRows, validation: Validation | None, jobs: Jobs | None, n_epochs: int
    ) -> None:
        """Train for some epochs, or until a callback of this package ends the training."""
        to_train = self.get_iterator(rows, training=True)
        to_validate: Any = None
        if validation is not None:
            to_validate = self.get_iterator(validation.rows, indices=validation.indices())
        data: dict[str, Any] = {"dataset_train": rows, "dataset_valid": validation}
        for _ in range(n_epochs):
            if self._is_to_end():
                return
            self.notify("on_epoch_begin", **data)
            number = len(self.history) - 1
            weights = self._place(self.task_weights.at(number))
            self.history.record("task_weights", weights.tolist())
            steps = jobs.train_epoch(self) if jobs else self.train_epoch(to_train, number)
            if steps is None:
                return
            self._record_losses("train", self._record_steps(steps), weights)
            if validation is not None:
                outputs = jobs.outputs if jobs else self.compute_labelled
                labelled = outputs(to_validate)
                sums = self._validate(validation, labelled)
                # These losses are compared between epochs, so their weights must not change.
                self._record_losses("valid", sums, self._place(self.task_weights.watched))
            self.notify("on_epoch_end", **data)

    @property
    def _is_in_epoch(self) -> bool:
        """Whether the last epoch of the history is incomplete: "seconds" is recorded last."""
        return bool(self.history) and "seconds" not in self.history[-1]

    def _has_learnt(self, n_before: int) -> bool:
        """Return whether the training has weights to keep after an interrupt.

        It has none if no callback keeps weights. If several processes train together, an
        interrupt within an epoch ends all of them, because the others wait for this one's
        gradients.
        """
        keeps = any(isinstance(callback, KeepBestWeights) for _, callback in self.callbacks_)
        if not keeps or (self._is_in_epoch and current().n > 1):
            return False
        return len(self.history) - self._is_in_epoch > n_before or self.n_steps > 0

    def _is_to_end(self) -> bool:
        """Return whether time, a callback of this package or another process ends the training."""
        # However late it is, one step is taken.
        if self.n_steps and self.is_over is not None and self.is_over():
            return True
        callbacks: list[Any] = [callback for _, callback in self.callbacks_]
        return any(getattr(callback, "ends_training", False) for callback in callbacks) or any(
            callback.asks_others() for callback in callbacks if isinstance(callback, Synchroniser)
        )

    def states(self, callbacks: Sequence[tuple[str, Callback]] | None = None) -> dict[str, Any]:
        """Return whatever has a state that training changes, by name; all have ``state_dict``.

        Parameters
        ----------
        callbacks : sequence of (str, Callback), optional
            The callbacks to include, with their names; by default all.
        """
        callbacks = self.callbacks_ if callbacks is None else callbacks
        parts = {"module": self.module_, "balancer": self.criterion_, "optimizer": self.optimizer_}
        in_training = {"average": self.average, "global draws": self._global_draws}
        in_training |= {f"callback {name}": callback for name, callback in callbacks}
        kept = {name: part for name, part in in_training.items() if hasattr(part, "state_dict")}
        return parts | {"draws": Draws()} | kept

    def foreign_parts(self) -> list[Any]:
        """Return the parts used in training that are defined in neither this package nor torch."""
        parts = [*self.module_.modules(), *self.criterion_.modules(), self.optimizer_]
        parts += [group.task for group in self.losses.groups]
        known = "sklearn_ple.", "torch."
        return [part for part in parts if not type(part).__module__.startswith(known)]

    def forget_training(self) -> None:
        """Delete what only training needs."""
        self.callbacks = None
        self.callbacks_: Any = []
        self._stepper = self._global_draws = self.is_over = None
        self.module_.zero_grad()

    @property
    def _default_callbacks(self) -> list:
        return []

    def threads(self, n_rows: int, n_jobs: int | None) -> AbstractContextManager:
        """Limit the threads of operations on a number of rows, as asked for or as is suitable."""
        return suitable_threads(self.device, n_rows * self.n_parameters_, n_jobs)

    def initialize_module(self) -> Self:
        """Create the network in the given data type."""
        super().initialize_module()
        self.module_.to(self.dtype)
        # Counted once, since it takes a large part of the time needed to predict a single row.
        self.n_parameters_ = sum(weight.numel() for weight in self.module_.parameters())
        return self

    def initialize_criterion(self) -> Self:
        """Create the balancer in the given data type."""
        super().initialize_criterion()
        self.criterion_.to(self.dtype)
        return self

    def get_iterator(
        self, dataset: TrainingRows, training: bool = False, indices: Tensor | None = None
    ) -> Any:
        """Return the batches of some rows, by default of all."""
        if isinstance(dataset, ShuffledRows):
            return ShuffledBatches(dataset, self.batch_size)
        n_at_once = choose_rows_at_once(self)
        return Batches(
            dataset, self.batch_size if training else max(self.batch_size, n_at_once), indices
        )

    @property
    def evaluated_module(self) -> TabularNetwork:
        """The network of averaged weights if there is one, else the one that is trained."""
        return self.module_ if self.average is None else self.average.module

    @property
    def average(self) -> WeightAverage | None:
        """The average of the weights, if there is one."""
        return None if self._stepper is None else self._stepper.average

    def _record_losses(self, prefix: str, sums: Tensor, weights: Tensor) -> None:
        """Record the tasks' mean losses, and their sum; this reads them from the device."""
        task_losses = self.losses.means(sums)
        self.history.record_loss(f"{prefix}_loss", (weights * task_losses).sum().item())
        self.history.record(f"{prefix}_task_losses", task_losses.tolist())

    def _place(self, weights: np.ndarray) -> Tensor:
        """Return the tasks' weights as a tensor on the device."""
        return torch.as_tensor(weights, dtype=self.dtype, device=self.device)

    def begin_training(self, rows: TrainingRows, members: MemberRange | None = None) -> None:
        """Prepare for steps on these rows, of a net of all members or of those named."""
        members = members or MemberRange.all(len(self.module_.mean.weights))
        average = None
        if self.weight_averaging:
            average = WeightAverage(self.module_, self.weight_averaging)
        means = average_weights(rows, members).to(self.device)
        # The sum of the members' losses trains each member as if it were alone. AdamW gives the
        # same steps for a sum as for a mean, and L-BFGS needs gradients of the loss it is given,
        # which is the mean.
        sums = not isinstance(self.optimizer_, (torch.optim.AdamW, torch.optim.LBFGS))
        self._stepper = Stepper(
            self.module_, self.losses, self.criterion_, means, self.device, average, sums, members
        )

    def train_epoch(self, batches: Iterable[EncodedBatch], number: int) -> Steps | None:
        """Train on every batch, or on the first ones if the schedule ends or there is no time.

        Parameters
        ----------
        batches : Batches or ShuffledBatches
            The batches.
        number : int
            Number of the epoch, counted from 0.

        Returns
        -------
        Steps or None
            The results of the steps; None if the epoch was not completed.
        """
        self._set_training(True)
        self._stepper.begin_epoch(self._place(self.task_weights.at(number)))
        schedules = [each for _, each in self.callbacks_ if isinstance(each, Schedule)]
        is_over = False
        for batch in batches:
            if any(schedule.ends_epoch for schedule in schedules):
                break
            if is_over:
                return None
            self.notify("on_batch_begin", batch=batch, training=True)
            step = self.train_step(batch)
            self._stepper.after_step()
            self.notify("on_batch_end", batch=batch, training=True, **step)
            is_over = self.is_over is not None and self.is_over()
        return self._stepper.end_epoch()

    @property
    def n_steps(self) -> int:
        """Number of steps of this training so far."""
        return self._stepper.n_steps

    def count_steps(self, n_steps: int) -> None:
        """Count steps that workers have taken."""
        self._stepper.n_steps += n_steps

    def train_step_single(self, batch: EncodedBatch, **_: object) -> dict[str, Any]:
        """Compute the losses of a batch, and their gradients."""
        # A callback may have evaluated the network.
        if not self.module_.training:
            self._set_training(True)
        return self._stepper.differentiate(batch)

    def _record_steps(self, steps: Steps) -> Tensor:
        """Record the weights of the balancer; return the sums of losses over the epoch."""
        if steps.balance:
            weights, there = steps.balance
            total = (weights * there).sum(dim=(0, 1)) / there.sum(dim=(0, 1))
            self.history.record("balancing_weights", total.tolist())
        return current().total(steps.sums.sum(dim=(0, 2)))

    @torch.no_grad()
    def _validate(self, validation: Validation, labelled: Labelled) -> Tensor:
        """Score the outputs for the validation rows, and return the sums of their losses."""
        mean = self.evaluated_module.mean
        outputs, sums = map(current().same, validation.evaluate(mean, self.losses, labelled))
        copy_from_first(mean)
        validation.record_scores(self.history, outputs.cpu().numpy())
        return sums

    @torch.no_grad()
    def compute_labelled(self, batches: Iterable[EncodedBatch]) -> Labelled:
        """Compute the members' outputs for batches, together with the labels."""
        self._set_training(False)
        module = self.evaluated_module
        parts: list[Any] = []
        for batch in batches:
            self.notify("on_batch_begin", batch=batch, training=False)
            # Folds, if there are any, are needed only in training.
            inputs, (targets, weights, *_) = to_tensor(batch, device=self.device)
            outputs = evaluate_in_turn(module, inputs, len(parts))
            parts.append((outputs, targets, weights))
            self.notify("on_batch_end", batch=batch, training=False, y_pred=outputs)
        rows = Labelled(*(torch.cat(part, dim=-2) for part in zip(*parts, strict=True)))
        return rows._replace(members=current().total(rows.members))

    def snapshot(self) -> dict[str, Tensor]:
        """Copy the state of the network that is evaluated."""
        state = self.evaluated_module.state_dict()
        return {name: value.clone() for name, value in state.items()}
