"""Training by a private skorch net: a plan, data in batches, devices, callbacks and schedules."""

from .callbacks import ProgressBar, copies
from .checkpoint import Checkpoint
from .data import TableRows, place
from .device import product_dtype, resolve_device, seeded, suitable_threads, with_gradients
from .fit_callbacks import fit_task
from .history import public_history
from .make import make_net
from .net import MultiTaskNet
from .origin import FewerTasks, LastFit, Origin, OtherModel, check_unchanged
from .plan import BY_ROWS, Plan
from .schedule import LR_SCHEDULES, OPTIMIZERS, schedule
from .split import Split, draw_folds, naming_validation, split_rows
from .validation import HeldOut, OutOfFold, Validation

__all__ = [
    "BY_ROWS",
    "LR_SCHEDULES",
    "OPTIMIZERS",
    "Checkpoint",
    "FewerTasks",
    "HeldOut",
    "LastFit",
    "MultiTaskNet",
    "Origin",
    "OtherModel",
    "OutOfFold",
    "Plan",
    "ProgressBar",
    "Split",
    "TableRows",
    "Validation",
    "check_unchanged",
    "copies",
    "draw_folds",
    "fit_task",
    "make_net",
    "naming_validation",
    "place",
    "product_dtype",
    "public_history",
    "resolve_device",
    "schedule",
    "seeded",
    "split_rows",
    "suitable_threads",
    "with_gradients",
]
