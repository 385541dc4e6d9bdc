"""What happened in training, as the estimators show it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# Names in ``history_`` by those of the net.
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
    """Return the history of a net as the estimators show it: one dict an epoch."""
    return [
        {name: epoch[key] for key, name in _NAMES.items() if key in epoch} for epoch in history
    ]
