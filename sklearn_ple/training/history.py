"""The history of a training, as the estimators show it in ``history_``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# Names in ``history_``, by the names in the history of the net.
_NAMES = {
    "epoch": "epoch",
    "train_loss": "loss",
    "train_task_losses": "task_losses",
    "task_weights": "task_weights",
    "balancing_weights": "balancing_weights",
    "learning_rate": "learning_rate",
    "valid_loss": "valid_loss",
    "valid_task_losses": "valid_task_losses",
    "valid_score": "valid_score",
    "valid_task_scores": "valid_task_scores",
    "seconds": "seconds",
}


def public_history(history: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Turn the history of a net into that of an estimator: one dict for each epoch."""
    return [
        {name: epoch[key] for key, name in _NAMES.items() if key in epoch} for epoch in history
    ]
