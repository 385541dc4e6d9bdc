"""The history of a training, in the net and in ``history_`` of the estimators."""

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
from skorch.history import History

# What ``history_`` holds of the history of the net, without the prefix "train_".
_TRAINING = ("epoch", "train_loss", "train_task_losses", "task_weights", "balancing_weights")
_VALIDATION = ("valid_loss", "valid_task_losses", "valid_score", "valid_task_scores")
SHOWN = (*_TRAINING, "learning_rate", *_VALIDATION, "seconds")


class SharedHistory(History):
    """A history whose copies share its epochs, which do not change once the next has begun.

    Otherwise each call of ``partial_fit``, which trains a copy of the net, would take longer.
    """

    def __deepcopy__(self, memo: dict[int, Any]) -> "SharedHistory":
        """Copy the list of epochs, and the last epoch."""
        return type(self)([*self[:-1], *copy.deepcopy(list(self[-1:]), memo)])

    def record_loss(self, name: str, loss: float) -> None:
        """Record a loss and, for callbacks of skorch, whether it is the least so far."""
        earlier = [epoch.get(name, np.inf) for epoch in self[:-1]]
        self.record(name, loss)
        self.record(f"{name}_best", bool(loss < np.nanmin([*earlier, np.inf])))


def public_history(history: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Turn the history of a net into that of an estimator: one dict for each epoch."""
    return [
        {name.removeprefix("train_"): epoch[name] for name in SHOWN if name in epoch}
        for epoch in history
    ]
