"""Callbacks between epochs: records, the best weights and early stopping, a progress bar."""

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import Callback

from ..utils.processes import current
from ..utils.progress import progress_bar
from ..utils.warn import warn
from .inference import find_finite_tasks
from .protocols import TrainedNet
from .rows import TrainingRows
from .schedule import Schedule

_BAR = "{desc}: |{bar}| {n:.1f}/{total:.4g} [{elapsed}<{remaining}{postfix}]"
# As long as the end is not known.
_COUNT = "{desc}: {n:.1f} epochs [{elapsed}{postfix}]"
_LONGEST_NAME = 8

# Attributes of `KeepBestWeights` that change from epoch to epoch.
_KEPT = ("best_", "latest_", "best_loss_", "best_epoch_", "n_compared_")


def copy_callback(item: Any) -> Any:
    """Copy a callback, or a pair of a name and a callback, so that training does not change it.

    What it holds is not copied, because some objects, such as the writer of a log, cannot be.
    """
    is_pair = isinstance(item, (tuple, list)) and len(item) == 2
    name, callback = item if is_pair else (None, item)
    is_class = isinstance(callback, type) and issubclass(callback, Callback)
    if not (is_class or isinstance(callback, Callback)) or not isinstance(name, str | None):
        raise ValueError(
            f"callbacks holds {item!r}: it must hold callbacks of skorch, or pairs of a name and "
            "a callback."
        )
    return (name, copy.copy(callback)) if is_pair else copy.copy(callback)


class RecordEpoch(Callback):
    """Records the learning rate and the duration, in seconds, of each epoch."""

    def on_epoch_begin(self, net: TrainedNet, **_: object) -> None:
        """Start the clock."""
        self.start_ = time.perf_counter()
        # The last group holds the parameters that have the common learning rate.
        net.history.record("learning_rate", float(net.optimizer_.param_groups[-1]["lr"]))

    def on_epoch_end(self, net: TrainedNet, **_: object) -> None:
        """Stop the clock: the epoch is complete."""
        net.history.record("seconds", time.perf_counter() - self.start_)


@dataclass(eq=False, repr=False)
class KeepBestWeights(Callback):
    """Keeps the best weights, and ends training when a loss is not finite.

    At the end of training the network has the best weights: with early stopping those with the
    least validation loss, without it the last ones with a finite loss. If no epoch was completed,
    they are those after the last step.

    Parameters
    ----------
    task_names : sequence of str
        Names of the tasks, for the warning.
    stop_early : bool
        Whether there is a validation loss to watch.

    Attributes
    ----------
    best_epoch_ : int
        The epoch with the least validation loss, counted from 1; 0 before there is one.
    n_steps_ : int
        Number of steps of the training.
    ends_training : bool
        Whether a loss is not finite, so that training ends with this epoch.
    """

    task_names: Sequence[str]
    stop_early: bool

    def on_train_begin(self, net: TrainedNet, X: TrainingRows, **_: object) -> None:
        """Keep the initial weights; X are the rows to train on."""
        self.rows_ = X
        self.balance_ = copy.deepcopy(net.criterion_.state_dict())
        self.best_ = self.latest_ = net.snapshot()
        self.best_loss_, self.best_epoch_ = float("inf"), 0
        self.n_before_ = self.n_compared_ = len(net.history)
        self.ends_training = False

    def on_epoch_end(self, net: TrainedNet, **_: object) -> None:
        """Keep the weights if they are the best so far, or end training."""
        self._compare(net)

    def _compare(self, net: TrainedNet) -> None:
        """Keep the weights after a complete epoch if they are the best so far."""
        self.n_compared_ = len(net.history)
        epoch = net.history[-1]
        losses = np.array(epoch["train_task_losses"] + epoch.get("valid_task_losses", []))
        finite = np.isfinite(losses).reshape(-1, len(self.task_names)).all(axis=0)
        # A sum is finite only if all terms are. One check of all sums waits for the device once.
        sums = torch.stack([p.detach().sum() for p in net.module_.parameters()])
        finite &= bool(sums.isfinite().all())
        if not finite.all():
            self._give_up(net, finite, epoch["epoch"])
            self.ends_training = True
            return
        if not self.stop_early:
            # The losses of an epoch were computed before its last step, so they only show that
            # the weights of the epoch before are good.
            self.best_, self.latest_ = self.latest_, net.snapshot()
            return
        loss = epoch["valid_loss"]
        if loss < self.best_loss_:
            # The initial weights are no longer needed.
            self.best_ = self.latest_ = net.snapshot()
            self.best_loss_ = loss
            self.best_epoch_ = epoch["epoch"]

    def on_train_end(self, net: TrainedNet, **_: object) -> None:
        """Load the best weights into the network."""
        # Another callback may have ended the training at the end of a complete epoch.
        if len(net.history) > self.n_compared_:
            self._compare(net)
        self.n_steps_ = net.n_steps
        is_cut = len(net.history) == self.n_before_
        if is_cut:
            self.latest_ = net.snapshot()
        in_time = (is_cut or not self.stop_early) and not self.ends_training
        net.module_.load_state_dict(self.latest_ if in_time else self.best_)
        if in_time:
            # No loss was computed after the last step.
            finite = find_finite_tasks(net, self.rows_)
            if not finite.all():
                self._give_up(net, finite, len(net.history) + is_cut)
                net.module_.load_state_dict(self.best_)
        del self.best_, self.latest_, self.rows_, self.balance_

    def describe_end(self, n_done: int, n_epochs: int, by: str) -> str:
        """Return the warning of a training that did not complete all epochs.

        Parameters
        ----------
        n_done, n_epochs : int
            Number of complete epochs of this training, and of all trainings of the net.
        by : str
            What ended it, after "by".
        """
        if n_done == 0:
            return (
                f"Training was ended in its first epoch, after {self.n_steps_} steps, by {by}: "
                "the model has the weights after these steps."
            )
        which = "best epoch so far" if self.stop_early else "last complete epoch"
        return (
            f"Training was ended after epoch {n_epochs} by {by}: the model has the weights of its "
            f"{which}."
        )

    def state_dict(self) -> dict[str, Any]:
        """Return the best weights and their loss."""
        return {name: getattr(self, name) for name in _KEPT}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from the best weights of earlier epochs."""
        for name in _KEPT:
            setattr(self, name, state[name])

    def _give_up(self, net: TrainedNet, finite: np.ndarray, epoch: int) -> None:
        """Warn, and forget what optimizer and balancer have learnt, which may not be finite."""
        net.optimizer_.state.clear()
        net.criterion_.load_state_dict(self.balance_)
        names = [name for name, ok in zip(self.task_names, finite, strict=True) if not ok]
        warn(
            f"The loss of {names} is not finite in epoch {epoch}: training stopped and the best "
            "weights so far are kept. Lower learning_rate, or look for extreme values in the "
            "targets and features.",
            ConvergenceWarning,
        )


class ProgressBar(Callback):
    """A progress bar over the epochs with losses and validation scores, at most 100 columns wide.

    It moves with each step, by a part of an epoch. As long as validation may end the training at
    any time, it counts epochs; once the learning rate falls, it shows the time that is left.

    Parameters
    ----------
    task_names : sequence of str
        Names of the tasks. For one or two tasks all scores are shown, for more their mean and the
        worst score.
    schedule : Schedule
        The schedule, which knows the number of steps in an epoch and the end.
    title : str, default="Training"
        Text before the bar.
    """

    def __init__(self, task_names: Sequence[str], schedule: Schedule, title: str = "Training"):
        self.task_names = task_names
        self.schedule = schedule
        self.title = title

    def on_train_begin(self, net: TrainedNet, **_: object) -> None:
        """Open the bar."""
        # Among several processes that train together, only the first shows the bar.
        self.n_before_, self.most_ = len(net.history), net.max_epochs
        end = self._find_end()
        options = {"desc": self.title, "disable": not current().is_first}
        options |= {"total": end, "bar_format": _COUNT if end is None else _BAR}
        # The time that is left follows from the mean speed: validation interrupts the steps.
        self.bar_ = progress_bar(smoothing=0, **options)

    def on_epoch_begin(self, net: TrainedNet, **_: object) -> None:
        """Begin an epoch."""
        self.n_epochs_, self.n_steps_ = len(net.history) - 1 - self.n_before_, 0
        if self.n_epochs_ > self.bar_.n:
            # The training continues from a checkpoint, whose epochs took no time here.
            self.bar_.initial = self.bar_.n = self.n_epochs_

    def on_batch_end(self, net: TrainedNet, training: bool = False, **_: object) -> None:
        """Move the bar by a step."""
        if training:
            self.show_steps(self.n_steps_ + 1)

    def show_steps(self, n_steps: int) -> None:
        """Show that a number of steps of the epoch are done."""
        self.n_steps_ = n_steps
        self._move(self.n_epochs_ + min(n_steps / self.schedule.n_batches, 1))

    def on_epoch_end(self, net: TrainedNet, **_: object) -> None:
        """Update the bar."""
        epoch = net.history[-1]
        names = {"loss": "train_loss", "valid": "valid_loss"}
        shown = {name: f"{epoch[key]:.4g}" for name, key in names.items() if key in epoch}
        shown |= self._scores(epoch.get("valid_task_scores", []))
        self.bar_.set_postfix(shown, refresh=False)
        self._move(min(len(net.history) - self.n_before_, self.bar_.total or float("inf")))

    def _move(self, n_epochs: float) -> None:
        self.bar_.total = self._find_end()
        self.bar_.bar_format = _COUNT if self.bar_.total is None else _BAR
        self.bar_.update(n_epochs - self.bar_.n)

    def _find_end(self) -> float | None:
        """Return the number of epochs, with a fraction; None as long as it is not known."""
        end = self.schedule.n_epochs_in_all
        return None if end is None else min(end, self.most_)

    def _scores(self, scores: Sequence[float]) -> dict[str, str]:
        short = [_shorten(name) for name in self.task_names]
        defined = [score for score in scores if not np.isnan(score)]
        if not defined:
            return {}
        if len(scores) == 1:
            return {"score": f"{scores[0]:.3f}"}
        if len(scores) == 2 and short[0] != short[1]:
            # The bar shows losses by these names.
            names = [f"{name} score" if name in ("loss", "valid") else name for name in short]
            return {name: f"{score:.3f}" for name, score in zip(names, scores, strict=True)}
        worst = min(defined)
        name = short[list(scores).index(worst)]
        return {"score": f"{np.mean(defined):.3f}", "worst": f"{worst:.3f} ({name})"}

    def on_train_end(self, net: TrainedNet, **_: object) -> None:
        """Close the bar, with a note if training was ended before."""
        if self.bar_.total is None or self.bar_.n < self.bar_.total:
            self.bar_.set_description_str("Stopped early")
        self.bar_.close()
        del self.bar_


def _shorten(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
