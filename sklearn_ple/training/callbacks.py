"""What happens between epochs: weights of tasks, scores, best weights, progress."""

from __future__ import annotations

import copy
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import Callback
from torch.optim.swa_utils import AveragedModel
from tqdm.auto import tqdm

from .data import TableRows
from .net import MultiTaskNet

_MAX_TASKS_IN_BAR = 3


def copies(callbacks: Sequence[Any]) -> list[Any]:
    """Copy a user's callbacks, so that training leaves them alone, but not what they hold.

    What they hold may be a writer of logs, of which there is no copy.
    """
    return [
        tuple(copies(callback)) if isinstance(callback, tuple) else copy.copy(callback)
        for callback in callbacks
    ]


class ApplyTaskWeights(Callback):
    """Sets the joint loss's weights: each epoch's own in training, the first ones in validation.

    Losses of validation are compared over the epochs, so their weights must not change.

    Parameters
    ----------
    weights_at : callable
        Called with the epoch, from 0, gives the tasks' weights.
    """

    def __init__(self, weights_at: Callable[[int], np.ndarray]):
        self.weights_at = weights_at

    def on_epoch_begin(self, net: MultiTaskNet, **_: Any) -> None:
        """Set and record the weights."""
        weights = self.weights_at(len(net.history) - 1)
        net.history.record("task_weights", weights.tolist())
        self._set(net, weights)
        self.in_training_ = True

    def on_batch_begin(self, net: MultiTaskNet, training: bool = False, **_: Any) -> None:
        """Go back to the first weights when validation begins."""
        if self.in_training_ and not training:
            self._set(net, self.weights_at(0))
            self.in_training_ = False

    def _set(self, net: MultiTaskNet, weights: np.ndarray) -> None:
        buffer = net.criterion_.task_weights
        buffer.copy_(torch.as_tensor(weights, dtype=buffer.dtype))


class RecordEpoch(Callback):
    """Records seconds, learning rate and the tasks' scores on the rows of validation.

    Parameters
    ----------
    scorer : callable or None
        Called with the outputs on the rows of validation, gives one score per task.
    """

    def __init__(self, scorer: Any):
        self.scorer = scorer

    def on_epoch_begin(self, net: MultiTaskNet, **_: Any) -> None:
        """Start the clock."""
        self.start_ = time.perf_counter()
        # The last group is that of the parameters without a rate of their own.
        net.history.record("learning_rate", float(net.optimizer_.param_groups[-1]["lr"]))

    def on_epoch_end(self, net: MultiTaskNet, **_: Any) -> None:
        """Record the epoch."""
        outputs, net.valid_outputs_ = net.valid_outputs_, None
        if outputs is not None and np.isfinite(outputs).all():
            scores = self.scorer(outputs)
            net.history.record("valid_task_scores", scores)
            there = [score for score in scores if not np.isnan(score)]
            net.history.record("valid_score", float(np.mean(there)) if there else float("nan"))
        net.history.record("seconds", time.perf_counter() - self.start_)


class AverageWeights(Callback):
    """Averages the weights over the last part of the steps, for validation and prediction.

    The part grows with the steps (polynomial-decay averaging, Shamir and Zhang 2013), so that the
    start is forgotten however long training takes.

    Parameters
    ----------
    share : float
        About which share of the steps so far is averaged over.
    """

    def __init__(self, share: float):
        self.share = share

    def on_train_begin(self, net: MultiTaskNet, **_: Any) -> None:
        """Start from the network as it is."""
        self.averaged_ = AveragedModel(net.module_, multi_avg_fn=self._average).eval()
        net.averages_ = self

    @property
    def network_(self) -> torch.nn.Module:
        """The network of averaged weights."""
        return self.averaged_.module

    def on_batch_end(self, net: MultiTaskNet, training: bool = False, **_: Any) -> None:
        """Take the step in."""
        if training:
            self.averaged_.update_parameters(net.module_)

    def on_train_end(self, net: MultiTaskNet, **_: Any) -> None:
        """Let the copy go; `KeepBestWeights` has its weights."""
        del self.averaged_
        net.averages_ = None

    @torch.no_grad()
    def _average(self, averages: Any, values: Any, n_before: Any) -> None:
        torch._foreach_lerp_(averages, values, 1 / (1 + self.share * int(n_before)))


class KeepBestWeights(Callback):
    """Ends training when a loss is no longer finite or validation stops improving.

    At the end the network has the best weights: those with the least loss of validation when
    stopping early, else the last ones with a finite loss.

    Parameters
    ----------
    task_names : sequence of str
        For the warning.
    stop_early : bool
        Whether there are rows of validation to watch.
    patience : int
        Epochs without an improvement of the validation loss before training ends.
    tol : float
        Least decrease of the loss that counts as an improvement.
    """

    def __init__(self, task_names: Sequence[str], stop_early: bool, patience: int, tol: float):
        self.task_names = task_names
        self.stop_early = stop_early
        self.patience = patience
        self.tol = tol

    def on_train_begin(self, net: MultiTaskNet, **_: Any) -> None:
        """Keep the weights that training starts from."""
        self.best_ = self.latest_ = net.snapshot()
        self.best_loss_, self.epochs_since_ = float("inf"), 0

    def on_epoch_end(self, net: MultiTaskNet, **_: Any) -> None:
        """Keep the weights if they are the best so far, or end training."""
        epoch = net.history[-1]
        losses = np.array(epoch["train_task_losses"] + epoch.get("valid_task_losses", []))
        finite = np.isfinite(losses).reshape(-1, len(self.task_names)).all(axis=0)
        finite &= all(bool(p.isfinite().all()) for p in net.module_.parameters())
        if not finite.all():
            self._warn_not_finite(finite, epoch["epoch"])
            self._stop(net, "loss not finite")
        if not self.stop_early:
            # The epoch's losses came before its last step: they vouch for the weights before it.
            self.best_, self.latest_ = self.latest_, net.snapshot()
            return
        loss = epoch["valid_loss"]
        self.epochs_since_ = 0 if loss < self.best_loss_ - self.tol else self.epochs_since_ + 1
        if loss < self.best_loss_:
            # What training started from is not held any longer.
            self.best_ = self.latest_ = net.snapshot()
            self.best_loss_ = loss
            net.best_epoch_ = epoch["epoch"]
        if self.epochs_since_ >= self.patience:
            self._stop(net, "early stopping")

    def on_train_end(self, net: MultiTaskNet, **_: Any) -> None:
        """Give the network the best weights."""
        in_time = not self.stop_early and net.stop_reason_ is None
        net.module_.load_state_dict(self.latest_ if in_time else self.best_)
        del self.best_, self.latest_

    def _warn_not_finite(self, finite: np.ndarray, epoch: int) -> None:
        names = [name for name, ok in zip(self.task_names, finite, strict=True) if not ok]
        warnings.warn(
            f"The loss of {names} is not finite in epoch {epoch}: training stopped and the best "
            "weights so far are kept. Lower learning_rate, or look for extreme values in the "
            "targets and features.",
            ConvergenceWarning,
            stacklevel=2,
        )

    def _stop(self, net: MultiTaskNet, reason: str) -> None:
        net.stop_reason_ = reason
        # skorch's way to end training.
        raise KeyboardInterrupt


class ProgressBar(Callback):
    """A bar over the epochs, with losses and the scores of validation.

    Parameters
    ----------
    task_names : sequence of str
        Names of the tasks. Up to three have their scores shown, of more the worst one does.
    """

    def __init__(self, task_names: Sequence[str]):
        self.task_names = task_names

    def on_train_begin(
        self, net: MultiTaskNet, X: Any = None, y: TableRows | None = None, **_: Any
    ) -> None:
        """Open the bar; y are the rows of validation."""
        title = "Training on all rows" if y is None else "Training"
        self.bar_ = tqdm(total=net.max_epochs, desc=title, unit="epoch")

    def on_epoch_end(self, net: MultiTaskNet, **_: Any) -> None:
        """Move on."""
        epoch = net.history[-1]
        names = {"loss": "train_loss", "valid_loss": "valid_loss", "valid_score": "valid_score"}
        shown = {name: f"{epoch[key]:.4f}" for name, key in names.items() if key in epoch}
        shown |= self._task_scores(epoch.get("valid_task_scores", []))
        self.bar_.set_postfix(shown, refresh=False)
        self.bar_.update()

    def _task_scores(self, scores: Sequence[float]) -> dict[str, str]:
        defined = [score for score in scores if not np.isnan(score)]
        if len(scores) < 2 or not defined:
            return {}
        if len(scores) <= _MAX_TASKS_IN_BAR:
            return {
                name: f"{score:.3f}" for name, score in zip(self.task_names, scores, strict=True)
            }
        worst = self.task_names[scores.index(min(defined))]
        return {"worst": f"{min(defined):.3f} ({worst})"}

    def on_train_end(self, net: MultiTaskNet, **_: Any) -> None:
        """Close the bar."""
        self.bar_.close()
        del self.bar_
