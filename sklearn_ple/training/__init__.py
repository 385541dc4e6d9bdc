"""Training by a private skorch net: data in batches, devices, callbacks and schedules."""

from .data import TableRows, place, split_rows
from .device import resolve_device, seeded
from .net import MultiTaskNet, make_net, train_net
from .schedule import (
    BY_ROWS,
    LR_SCHEDULES,
    OPTIMIZERS,
    default_learning_rate,
    default_n_bins,
    is_small,
)

__all__ = [
    "BY_ROWS",
    "LR_SCHEDULES",
    "OPTIMIZERS",
    "MultiTaskNet",
    "TableRows",
    "default_learning_rate",
    "default_n_bins",
    "is_small",
    "make_net",
    "place",
    "resolve_device",
    "seeded",
    "split_rows",
    "train_net",
]
