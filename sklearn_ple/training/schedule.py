"""Optimizers and learning-rate schedules by name."""

from __future__ import annotations

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


def schedule(name: str, n_epochs: int, n_batches: int) -> list[LRScheduler]:
    """Make the callback of a schedule over some epochs; none for a constant rate."""
    make = LR_SCHEDULES[name]
    return [] if make is None else [make(n_epochs, n_batches)]
