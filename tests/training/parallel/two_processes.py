"""Fits by two processes, as a launcher starts them: `two_processes.py FOLDER`.

`FOLDER/together_0.pt` and `FOLDER/together_1.pt` are what the two processes learnt, side by side
with what one process learns, `FOLDER/alone.pt`. In three further pairs the second process is
killed or interrupted in the midst of a training, or stops answering: `FOLDER/killed.json`,
`FOLDER/interrupted.json` and `FOLDER/silent.json` say what the first one raised, and after how
many seconds.
"""

import contextlib
import io
import json
import os
import pickle
import signal
import socket
import sys
import time
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from dropping import DroppingRegressor
from skorch.callbacks import Callback
from torch import nn

from sklearn_ple import (
    PLEClassifierRegressor,
    SharedBottomClassifierRegressor,
    SluiceClassifierRegressor,
)
from sklearn_ple.base import MultiTaskEstimator, with_parameters
from sklearn_ple.distributed import data_parallel
from sklearn_ple.nn import MemberDropout, SharedBottom

torch.set_num_threads(1)

# One row more than whole batches: of the last one the second process has no part.
N_ROWS, BATCH_SIZE = 121, 60
# Plain gradient descent shows a gradient of the wrong size, as Adam does not.
DESCENT = {"optimizer": "sgd", "learning_rate": 0.3, "lr_schedule": "decay"}
SMALL = {
    "n_members": 2,
    "numeric_embedding": None,
    "max_epochs": 2,
    "batch_size": BATCH_SIZE,
    "tower_hidden_units": (4,),
    "dropout": 0.0,
    "feature_dropout": 0.0,
    "random_state": 0,
}
EXPERTS = {"expert_hidden_units": (8,)}
VALIDATED = {"early_stopping": True, "n_iter_no_change": 1, "max_epochs": 4}


class Case(NamedTuple):
    """A fit whose result does not depend on the number of processes, but for rounding."""

    parameters: dict
    estimator: type = PLEClassifierRegressor


CASES = {
    "folds, class weights, refit, embeddings": Case(
        EXPERTS
        | VALIDATED
        | {"n_members": 4, "class_weight": {"y0": "balanced"}, "refit": True}
        | {"numeric_embedding": "bins", "n_bins": 4, "max_epochs": 2}
    ),
    "float64": Case(
        EXPERTS | {"weight_averaging": 0.0, "task_weight_decay": 0.5, "dtype": "float64"}
    ),
    "adamw": Case(EXPERTS | {"optimizer": "adamw", "learning_rate": 1e-2}),
    "sluice": Case({}, SluiceClassifierRegressor),
    "events": Case(EXPERTS | {"depends_on": {"y1": "y0"}}),
}
BALANCING = ["uncertainty", "famo"]
BALANCING += ["imtl_g"] if find_spec("torchjd") else []
for name in BALANCING:
    own = {"balancing": name, "bottom_hidden_units": (8,)}
    CASES[name] = Case(own, SharedBottomClassifierRegressor)


def make_data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N_ROWS, 4))
    y = np.column_stack([X[:, 0] > 0, X[:, 0] > 1, X[:, 1] + 0.1 * rng.normal(size=N_ROWS)])
    y[::7, 0] = np.nan
    y[1::3, 2] = np.nan
    return X, y


def fit(name):
    parameters, estimator = CASES[name]
    return estimator(**(SMALL | DESCENT | parameters)).fit(*make_data())


def learnt(model):
    history = [{k: v for k, v in epoch.items() if k != "seconds"} for epoch in model.history_]
    return {"weights": model.module_.state_dict(), "history": history}


def in_two_processes(first, second):
    """Run two functions as a launcher does, each in a process; return their process numbers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    sizes = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    pids = []
    for rank, run in enumerate((first, second)):
        pids.append(os.fork())
        if not pids[-1]:
            os.environ.update(address, **sizes, RANK=str(rank), LOCAL_RANK=str(rank))
            # A process that fails must not go on as the one that it was forked from.
            code = 1
            try:
                run()
                code = 0
            except BaseException:
                import traceback

                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)
    return pids


# -- what two processes do together ---------------------------------------------------------------


class EndAfter(Callback):
    """Ends training after an epoch, in one of the processes."""

    def __init__(self, epoch, here):
        self.epoch = epoch
        self.here_ = [here]

    def on_epoch_end(self, net, **_):
        if self.here_[0] and len(net.history) == self.epoch:
            raise KeyboardInterrupt


class StopFitError(Exception):
    """What ends a fit before its time."""


class Fail(Callback):
    """Fails after an epoch, when that is reached for the first time."""

    left = [2]

    def on_epoch_begin(self, net, **_):
        self.left[0] -= 1
        if self.left[0] == -1:
            raise StopFitError


@with_parameters
class Normalised(MultiTaskEstimator):
    """A network with batch normalisation."""

    def make_network(self, in_features, tasks, **towers):
        network = SharedBottom(in_features, [task.n_outputs for task in tasks], **towers)
        network.norm = nn.BatchNorm1d(3)
        return network


def refused(function):
    """Return the message of a ValueError."""
    try:
        function()
    except ValueError as error:
        return str(error)
    return None


def dropped_in_first_step():
    """Return a model that drops out, and what its first dropout drew in this process."""
    drawn, factors = [], MemberDropout.factors
    MemberDropout.factors = lambda self, like: drawn.append(factors(self, like)) or drawn[-1]
    try:
        parameters = SMALL | EXPERTS | {"dropout": 0.5}
        model = PLEClassifierRegressor(**parameters).fit(*make_data())
    finally:
        MemberDropout.factors = factors
    return learnt(model), next(factor for factor in drawn if factor is not None)


def dropped_by_torch():
    """Return the same of a network with torch's own dropout, which draws from its global state."""
    drawn, dropout = [], torch.nn.functional.dropout
    ones = torch.ones(100)
    torch.nn.functional.dropout = lambda *args: drawn.append(dropout(ones)) or dropout(*args)
    try:
        model = DroppingRegressor(**SMALL | {"n_members": 1}).fit(*make_data())
    finally:
        torch.nn.functional.dropout = dropout
    return learnt(model), drawn[0]


def goes_on(folder):
    """Fit with dropout: at once, and in two parts of which the first one fails."""
    X, y = make_data()
    parameters = SMALL | EXPERTS | {"dropout": 0.5, "max_epochs": 4, "callbacks": [Fail()]}
    Fail.left[0] = 99
    at_once = learnt(PLEClassifierRegressor(**parameters).fit(X, y))
    Fail.left[0] = 2
    model = PLEClassifierRegressor(**parameters, checkpoint_dir=folder / "checkpoint")
    with contextlib.suppress(StopFitError):
        model.fit(X, y)
        raise AssertionError("the fit did not fail")
    return {"at once": at_once, "in parts": learnt(model.fit(X, y))}


def ended_by_one(rank):
    X, y = make_data()
    callbacks = [EndAfter(2, here=rank == 1)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = PLEClassifierRegressor(
            **SMALL | EXPERTS | {"max_epochs": 5, "callbacks": callbacks}
        ).fit(X, y)
    return learnt(model) | {"warnings": [str(warning.message) for warning in caught]}


def bars():
    """Return what a fit shows in this process."""
    shown = io.StringIO()
    # On a console alone there are bars.
    shown.isatty = lambda: True
    with contextlib.redirect_stderr(shown):
        PLEClassifierRegressor(**SMALL | EXPERTS, verbose=1).fit(*make_data())
    return shown.getvalue()


def gone_on():
    """Fit piece by piece, go on, and add a task."""
    X, y = make_data()
    model = PLEClassifierRegressor(**SMALL | DESCENT | EXPERTS)
    for rows in (slice(0, 70), slice(70, N_ROWS)):
        model.partial_fit(X[rows], y[rows])
    piecewise = learnt(model)
    model.set_params(warm_start=True).fit(X, y)
    warm = learnt(model)
    return [piecewise, warm, learnt(model.add_task(X, y[:, 2] ** 2))]


def write_files(folder):
    """Write rows as units of many sizes; return the folder and the names of the tasks."""
    import pyarrow as pa
    from pyarrow import parquet

    X, y = make_data()
    columns = dict(zip("abcdxyz", [*X.T, *y.T], strict=True))
    table = pa.table(columns | {"town": [f"t{row * row % 13}" for row in range(N_ROWS)]})
    folder.mkdir(exist_ok=True)
    for number, (first, n) in enumerate([(0, 70), (70, 51)]):
        part = table.slice(first, n)
        parquet.write_table(part, folder / f"{number}.parquet", row_group_size=30)
    return folder, ["x", "y", "z"]


def streamed(files):
    """Fit rows in files; return what was learnt, and the rows of each step of the first epoch.

    Target statistics are among their numbers.
    """
    seen = []

    class Sees(Callback):
        def on_batch_begin(self, net, batch=None, training=False, **_):
            if training and len(net.history) == 1:
                seen.append(batch[0]["numbers"])

    parameters = SMALL | EXPERTS | {"batch_size": 16, "callbacks": [Sees()]}
    parameters["target_statistics"] = ["town"]
    return learnt(PLEClassifierRegressor(**parameters).fit(*files)), seen


def all_together(folder):
    rank = int(os.environ["RANK"])
    with data_parallel(timeout=60) as state:
        X, y = make_data()
        models = {name: fit(name) for name in CASES}
        seedless = PLEClassifierRegressor(**SMALL | EXPERTS | {"random_state": None}).fit(X, y)
        result = {
            "ranks": [state.process_index, state.num_processes, state.is_main_process],
            "cases": {name: learnt(model) for name, model in models.items()},
            "seconds": [epoch["seconds"] for epoch in models["adamw"].history_],
            "predicted": pickle.loads(pickle.dumps(models["adamw"])).predict(X),
            "seedless": learnt(seedless),
            "dropout": dropped_in_first_step(),
            "torch's dropout": dropped_by_torch(),
            "checkpoint": goes_on(folder),
            "ended": ended_by_one(rank),
            "bars": bars(),
            "gone on": gone_on(),
            "streamed": streamed((folder / "files", ["x", "y", "z"])),
            "other rows": refused(lambda: PLEClassifierRegressor(**SMALL).fit(X + rank, y)),
            "other device": refused(lambda: PLEClassifierRegressor(device="meta").fit(X, y)),
            "batch norm": refused(lambda: Normalised(**SMALL).fit(X, y)),
        }
    # Outside, each process trains alone.
    result["outside"] = learnt(fit("adamw"))
    torch.save(result, folder / f"together_{rank}.pt")


# -- a process that dies, or does not answer ------------------------------------------------------


class Signal(Callback):
    """Sends this process a signal in the midst of the second epoch, if it is the second one."""

    def __init__(self, number):
        self.number = number

    def on_batch_begin(self, net, training=False, **_):
        if training and len(net.history) == 2 and os.environ["RANK"] == "1":
            os.kill(os.getpid(), self.number)


def left_alone(number, timeout, path):
    """Fit while the other process gets a signal; write what is raised, and after how long."""
    with data_parallel(timeout=timeout):
        model = PLEClassifierRegressor(
            **SMALL | EXPERTS | {"max_epochs": 3, "callbacks": [Signal(number)]}
        )
        start = time.monotonic()
        try:
            model.fit(*make_data())
        except RuntimeError as error:
            seconds = time.monotonic() - start
            raised = {"seconds": seconds, "error": str(error), "fitted": hasattr(model, "net_")}
            path.write_text(json.dumps(raised))


def with_signal(number, timeout, path):
    run = lambda: left_alone(number, timeout, path)  # noqa: E731
    first, second = in_two_processes(run, run)
    os.waitpid(first, 0)
    # One that was stopped is still there.
    if number == signal.SIGSTOP:
        os.kill(second, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(second, 0)[1])


def main(folder):
    # A process that a shell starts in the background ignores it, and so do those that it forks.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Once, before the processes are forked.
    import accelerate  # noqa: F401

    torch.save({name: learnt(fit(name)) for name in CASES}, folder / "alone.pt")
    torch.save(streamed(write_files(folder / "files")), folder / "streamed.pt")
    torch.save(gone_on(), folder / "gone_on.pt")
    run = lambda: all_together(folder)  # noqa: E731
    for pid in in_two_processes(run, run):
        assert os.waitpid(pid, 0)[1] == 0
    with_signal(signal.SIGKILL, 60, folder / "killed.json")
    # An interrupt is an error of Python, and not a crash.
    assert with_signal(signal.SIGINT, 60, folder / "interrupted.json") == 1
    with_signal(signal.SIGSTOP, 2, folder / "silent.json")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
