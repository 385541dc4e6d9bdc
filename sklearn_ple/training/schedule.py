"""Optimizers and learning-rate schedules by name; sizes that fit the number of rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from skorch.callbacks import LRScheduler
from torch.optim import lr_scheduler

#: Optimizers by the names that the estimators take.
OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {
    "adamw": torch.optim.AdamW,
    "adam": torch.optim.Adam,
    "sgd": torch.optim.SGD,
}


def cosine(n_epochs: int, n_batches: int) -> LRScheduler:
    """Fall along half a cosine from the learning rate to zero over the epochs."""
    return LRScheduler(
        lr_scheduler.CosineAnnealingLR,
        step_every="batch",
        event_name=None,
        T_max=n_epochs * n_batches,
        last_epoch=-1,
    )


class OneCycle(lr_scheduler.OneCycleLR):
    """One cycle for every group of parameters up to the learning rate that it has."""

    def __init__(self, optimizer: torch.optim.Optimizer, **options: Any):
        rates = [group["lr"] for group in optimizer.param_groups]
        super().__init__(optimizer, max_lr=rates, **options)


def one_cycle(n_epochs: int, n_batches: int) -> LRScheduler:
    """Rise to the learning rate over the first 30 % of the steps, then fall to zero."""
    return LRScheduler(
        OneCycle,
        step_every="batch",
        event_name=None,
        total_steps=n_epochs * n_batches + 1,
        # The other optimizers' momentum stays theirs.
        cycle_momentum=False,
        last_epoch=-1,
    )


#: Makers of the callback by the names that the estimators take; None for a constant rate.
LR_SCHEDULES: dict[str, Callable[[int, int], LRScheduler] | None] = {
    "constant": None,
    "cosine": cosine,
    "one_cycle": one_cycle,
}


def is_small(n_rows: int) -> bool:
    """Whether the rows of validation are many of all, and training on all takes little time."""
    return n_rows <= 30_000


def default_batch_size(n_rows: int) -> int:
    """Rows in a step: a power of two near twice their root, from 64 to 2048."""
    return 2 ** round(math.log2(min(max(2 * n_rows**0.5, 64), 2048)))


def default_learning_rate(batch_size: int) -> float:
    """Learning rate that falls with the root of the batch's size, from 3e-3 for 512 rows."""
    return 3e-3 * (batch_size / 512) ** 0.5


def default_epochs(n_rows: int) -> int:
    """Epochs at most: 12 of 50,000 rows, and as their root grows fewer, from 30 to 4."""
    return round(min(max(12 * (50_000 / n_rows) ** 0.5, 4), 30))


def default_patience(n_rows: int) -> int:
    """Epochs without an improvement before training ends: 16 for small tables, 3 for large ones.

    The more steps an epoch has, the less its validation depends on chance.
    """
    return round(min(max(10 * (10_000 / n_rows) ** 0.3, 3), 16))


def default_n_bins(n_rows: int) -> int:
    """Bins of a column: half the root of the rows, so that both bins and their rows grow."""
    return round(min(max(n_rows**0.5 / 2, 16), 256))


#: What the parameters are by the number of rows to train on, where they are "auto".
BY_ROWS: dict[str, Callable[[int], int]] = {
    "batch_size": default_batch_size,
    "max_epochs": default_epochs,
    "n_iter_no_change": default_patience,
}
