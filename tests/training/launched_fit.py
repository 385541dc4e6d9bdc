"""A fit under a launcher, in which a process may kill itself: `launched_fit.py DIR RESULT SIGNAL`.

In the first start the second process sends itself the signal, 0 for none, in the second epoch.
"""

import os
import sys
from pathlib import Path

import torch
from skorch.callbacks import Callback
from two_processes import EXPERTS, SMALL, learnt, make_data

from sklearn_ple import PLEClassifierRegressor
from sklearn_ple.distributed import data_parallel


class Kill(Callback):
    """Sends this process a signal, if it is the second one and has been started once."""

    def on_batch_begin(self, net, training=False, **_):
        if training and len(net.history) == 3 and os.environ.get("RANK") == "1" and is_first_start:
            os.kill(os.getpid(), int(sys.argv[3]))


folder = Path(sys.argv[1])
is_first_start = not (folder / "sklearn_ple_fit.json").exists()
with data_parallel(timeout=60) as state:
    model = PLEClassifierRegressor(
        **SMALL | EXPERTS | {"dropout": 0.5, "max_epochs": 5, "callbacks": [Kill()]},
        checkpoint_dir=folder,
    ).fit(*make_data())
    if state.is_main_process:
        torch.save(learnt(model) | {"starts": 1 if is_first_start else 2}, sys.argv[2])
