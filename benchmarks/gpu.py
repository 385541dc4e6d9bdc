"""Fit and predict on a GPU and on the CPU: seconds, peak memory, and how many times as fast.

This needs a CUDA device. Each shape is fitted once to warm up, then `--repeats` times on both
devices in turn. Clocks are read only after the GPU has finished. The CPU uses all cores. Training
uses neither torch.compile nor CUDA graphs, because a step calls `training_outputs` of the network,
and dropout draws from the fit's own generators, which a graph does not capture. So small networks
spend most of the time on launching kernels; `operations` is the number of torch's operations in a
step.
"""

import argparse
import sys
import time

import numpy as np
import torch
from common import LIBRARIES, save
from skorch.callbacks import Callback
from torch.utils._python_dispatch import TorchDispatchMode

from sklearn_ple import PLEClassifierRegressor

N_COLUMNS, N_TASKS = 40, 4
#: Rows, members, and widths of the experts' layers.
SHAPES = [
    (10_000, 1, (32,)),
    (10_000, 8, (32,)),
    (100_000, 8, (32,)),
    (100_000, 1, (512, 256)),
    (1_000_000, 1, (512, 256)),
]


def make_table(n_rows, seed=0):
    """Numbers, and two numbers and two classes that depend on them."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, N_COLUMNS)).astype(np.float32)
    signal = X @ rng.normal(size=(N_COLUMNS, N_TASKS)) / N_COLUMNS**0.5
    y = signal + rng.normal(size=signal.shape)
    y[:, 2:] = y[:, 2:] > 0
    return X, y


class CountOperations(Callback):
    """Counts the operations of torch in the second step: each launches a kernel, or few."""

    n_operations = 0

    def on_batch_begin(self, net, training=False, **_):
        self.n_steps_ = getattr(self, "n_steps_", 0) + training
        self.mode_ = Operations() if training and self.n_steps_ == 2 else None
        if self.mode_:
            self.mode_.__enter__()

    def on_batch_end(self, net, **_):
        if self.mode_:
            self.mode_.__exit__(None, None, None)
            CountOperations.n_operations = self.mode_.n


class Operations(TorchDispatchMode):
    """Counts operations."""

    n = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.n += 1
        return func(*args, **(kwargs or {}))


def wait(device):
    """Wait until a device has done all that it was asked to."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def timed(device, run):
    """Run a function; return its result and its seconds."""
    wait(device)
    start = time.perf_counter()
    result = run()
    wait(device)
    return result, time.perf_counter() - start


def measure(device, n_rows, n_members, widths, n_jobs):
    """Fit and predict once; return seconds, peak memory in MB and the mean score."""
    X, y = make_table(n_rows)
    X_test, _ = make_table(min(n_rows, 100_000), seed=1)
    model = PLEClassifierRegressor(
        n_members=n_members,
        expert_hidden_units=widths,
        max_epochs=2,
        early_stopping=False,
        device=device,
        n_jobs=None if device.startswith("cuda") else n_jobs,
        random_state=0,
    )
    on_gpu = device.startswith("cuda")
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(device)
    _, fit_seconds = timed(device, lambda: model.fit(X, y))
    predicted, predict_seconds = timed(device, lambda: model.predict(X_test))
    return {
        "fit": fit_seconds,
        "epoch": model.history_[-1]["seconds"],
        "predict": predict_seconds,
        "peak MB": torch.cuda.max_memory_allocated(device) / 1e6 if on_gpu else None,
        "score": model.score(X[:10_000], y[:10_000]),
        "finite": bool(np.isfinite(np.asarray(predicted, dtype=float)).all()),
    }


def count_operations(device, n_rows, n_members, widths):
    """Count the operations of a step."""
    X, y = make_table(min(n_rows, 5000))
    options = {"n_members": n_members, "expert_hidden_units": widths, "max_epochs": 1}
    options |= {"early_stopping": False, "device": device, "random_state": 0}
    PLEClassifierRegressor(**options, callbacks=[CountOperations()]).fit(X, y)
    return CountOperations.n_operations


def compare(device, shapes, repeats, n_jobs=-1):
    """Measure every shape on a device and on the CPU, in turn; return a row for each time."""
    results = []
    for shape in shapes:
        n_operations = count_operations(device, *shape)
        for repeat in range(-1, repeats):
            there, on_cpu = (measure(own, *shape, n_jobs) for own in (device, "cpu"))
            if repeat < 0:
                continue  # The first run allocated memory and loaded kernels.
            n_rows, n_members, widths = shape
            row = {"rows": n_rows, "members": n_members, "widths": widths, "repeat": repeat}
            row |= {f"{name}, device": value for name, value in there.items()}
            row |= {f"{name}, CPU": value for name, value in on_cpu.items()}
            row |= {f"{name}, times": on_cpu[name] / there[name] for name in ("fit", "predict")}
            results.append(row | {"operations": n_operations})
            print({name: results[-1][name] for name in row if "times" in name}, shape, flush=True)
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda", help="a CUDA device, as cuda:1")
    parser.add_argument("--repeats", type=int, default=3, help="how often each is timed")
    parser.add_argument("--shapes", type=int, nargs="*", default=range(len(SHAPES)))
    options = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit(
            "benchmarks/gpu.py needs a CUDA device, and torch finds none: nothing is written."
        )
    results = compare(options.device, [SHAPES[i] for i in options.shapes], options.repeats)
    name = torch.cuda.get_device_name(options.device)
    save("gpu", results, LIBRARIES, device=name, cuda=torch.version.cuda)


if __name__ == "__main__":
    main()
