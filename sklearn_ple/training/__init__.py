"""Training by a private skorch net: data in batches, devices, callbacks and schedules."""

from .data import TableRows, place, split_rows
from .device import resolve_device, seeded
from .net import MultiTaskNet, make_net, train_net
from .schedule import LR_SCHEDULES, OPTIMIZERS, default_batch_size, default_patience

__all__ = [
    "LR_SCHEDULES",
    "OPTIMIZERS",
    "MultiTaskNet",
    "TableRows",
    "default_batch_size",
    "default_patience",
    "make_net",
    "place",
    "resolve_device",
    "seeded",
    "split_rows",
    "train_net",
]
