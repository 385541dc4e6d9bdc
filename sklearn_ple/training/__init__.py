"""Training with a private skorch net: plan, batches, devices, callbacks and schedules."""

from .all_or_nothing import all_or_nothing
from .callbacks import ProgressBar, copies
from .checkpoint import Checkpoint
from .data import TableRows, place
from .device import in_own_modes, product_dtype, resolve_device
from .fit_callbacks import fit_task
from .history import public_history
from .jobs import Jobs, can_divide
from .make import make_net
from .net import MultiTaskNet
from .origin import FewerTasks, LastFit, Origin, OtherModel, check_unchanged
from .plan import BY_ROWS, Plan, Training
from .random_state import seeded, to_go_on_with
from .schedule import LR_SCHEDULES, OPTIMIZERS, schedule
from .shuffled import Arrays, ShuffledBatches, ShuffledRows
from .split import (
    Split,
    check_apart,
    draw_folds,
    n_set_aside,
    naming_validation,
    read_apart,
    split_rows,
)
from .together import alike, check_alike
from .validation import HeldOut, OutOfFold, Validation

__all__ = [
    "BY_ROWS",
    "LR_SCHEDULES",
    "OPTIMIZERS",
    "Arrays",
    "Checkpoint",
    "FewerTasks",
    "HeldOut",
    "Jobs",
    "LastFit",
    "MultiTaskNet",
    "Origin",
    "OtherModel",
    "OutOfFold",
    "Plan",
    "ProgressBar",
    "ShuffledBatches",
    "ShuffledRows",
    "Split",
    "TableRows",
    "Training",
    "Validation",
    "alike",
    "all_or_nothing",
    "can_divide",
    "check_alike",
    "check_apart",
    "check_unchanged",
    "copies",
    "draw_folds",
    "fit_task",
    "in_own_modes",
    "make_net",
    "n_set_aside",
    "naming_validation",
    "place",
    "product_dtype",
    "public_history",
    "read_apart",
    "resolve_device",
    "schedule",
    "seeded",
    "split_rows",
    "to_go_on_with",
]
