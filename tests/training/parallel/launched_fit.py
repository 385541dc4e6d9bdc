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

    def __init__(self, is_first_start, number):
        # By its name it does not count when a checkpoint is compared with a fit.
        self.own_ = [is_first_start, number]

    def on_batch_begin(self, net, training=False, **_):
        is_first_start, number = self.own_
        is_second = os.environ.get("RANK") == "1"
        if training and len(net.history) == 3 and is_second and is_first_start:
            os.kill(os.getpid(), number)


def main(folder, result, number):
    is_first_start = not (folder / "sklearn_ple_fit.json").exists()
    own = {"dropout": 0.5, "max_epochs": 5, "callbacks": [Kill(is_first_start, number)]}
    with data_parallel(timeout=60) as state:
        model = PLEClassifierRegressor(**SMALL | EXPERTS | own, checkpoint_dir=folder)
        model.fit(*make_data())
        if state.is_main_process:
            torch.save(learnt(model) | {"starts": 1 if is_first_start else 2}, result)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
