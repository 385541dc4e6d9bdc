"""Fits that are killed at random moments, until nothing kills them: `killed_fits.py FOLDER N`.

Each fit runs in a process of its own, forked before anything is trained. The first one is left
alone: `FOLDER/alone.pt` is what it learnt, and all that were killed on the way must learn the
same. The fit of the last kill is left unfinished, in `FOLDER/unfinished`.
`FOLDER/fingerprints.json` is how fits with arguments of every type are told apart here.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np
import torch

# Optimizers import it when they are first used: here once, before the processes are forked.
import torch._dynamo
from compared_fits import fingerprints

from sklearn_ple import PLEClassifierRegressor

torch.set_num_threads(1)


def make_data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 4))
    y = np.column_stack([X[:, 0] > 0, X[:, 1] + 0.1 * rng.normal(size=300)])
    y[::7, 0] = np.nan
    return X, y


def make_model(checkpoint_dir):
    return PLEClassifierRegressor(
        n_members=2,
        numeric_embedding=None,
        max_epochs=6,
        batch_size=64,
        early_stopping=True,
        n_iter_no_change=6,
        refit=True,
        random_state=0,
        device="cpu",
        checkpoint_dir=checkpoint_dir,
    )


def learnt(model):
    """What a fit learns, without how long it took."""
    history = [{k: v for k, v in epoch.items() if k != "seconds"} for epoch in model.history_]
    return {"weights": model.module_.state_dict(), "history": history}


def start(checkpoint_dir, result):
    """Fit in another process, and write what is learnt; return the process."""
    pid = os.fork()
    if pid:
        return pid
    try:
        torch.save(learnt(make_model(checkpoint_dir).fit(*make_data())), result)
        os._exit(0)
    finally:
        os._exit(1)


def is_same(one, other):
    weights, others = one["weights"], other["weights"]
    return one["history"] == other["history"] and all(
        torch.equal(weights[name], others[name]) for name in weights | others
    )


def main(folder, n_kills):
    (folder / "fingerprints.json").write_text(json.dumps(fingerprints()))
    moments = random.Random(0)
    began = time.monotonic()
    assert os.waitpid(start(None, folder / "alone.pt"), 0)[1] == 0
    seconds = time.monotonic() - began
    alone = torch.load(folder / "alone.pt", weights_only=True)
    kills, fits = 0, 0
    while kills < n_kills:
        checkpoint_dir, result = folder / f"fit_{fits}", folder / "result.pt"
        pid = start(checkpoint_dir, result)
        time.sleep(moments.uniform(0.05, 0.95) * seconds)
        os.kill(pid, signal.SIGKILL)
        status = os.waitpid(pid, 0)[1]
        if os.WIFSIGNALED(status):
            kills += 1
        elif status == 0:
            assert is_same(torch.load(result, weights_only=True), alone)
            fits += 1
        else:
            raise RuntimeError(f"A fit failed, after {kills} kills.")
    if checkpoint_dir.exists():
        checkpoint_dir.rename(folder / "unfinished")
    print(f"{kills} kills, {fits} fits ended")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
