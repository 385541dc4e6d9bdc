"""How long a prediction takes: one row by the estimator, by ONNX Runtime and by LightGBM per task.

All predict the six tasks of NHEFS in turn, on the CPU, with default parameters (LightGBM on one
thread). Times are CPU times, because wall times depend on what else is running. p50 and p99 are
those of the round with the smallest p50. The models are trained only briefly: more training does
not change the time of a prediction, except through the size of LightGBM's trees. Throughput is
that of one member with experts of 64 and towers of 32 units, in wall time and in CPU time.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime
from common import LIBRARIES, save
from lightgbm import LGBMClassifier, LGBMRegressor

from sklearn_ple import PLEClassifierRegressor, export
from sklearn_ple.datasets import load_nhefs

N_ROUNDS = 3
N_CALLS = 100
BATCH = 2000
#: Seconds in which a batch is predicted again and again.
SECONDS = 2.0


class Boosting:
    """A model of LightGBM for each task."""

    def __init__(self, X, y):
        self.models = []
        for name, labels in y.items():
            there = labels.notna().to_numpy()
            has_classes = name in ("death", "exercise")
            model = (LGBMClassifier if has_classes else LGBMRegressor)(n_jobs=1, verbose=-1)
            codes = labels.astype("category").cat.codes if has_classes else labels
            self.models.append(model.fit(X[there], codes[there]))

    def predict(self, X):
        return [model.predict(X) for model in self.models]


def session_of(model, n_threads):
    """Write a model as an ONNX file, and open it."""
    path = Path(tempfile.mkdtemp()) / "model.onnx"
    export.to_onnx(model, path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = n_threads
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def drawn(session, n_rows):
    """Draw what a graph reads: all codes are those of some category."""
    rng = np.random.default_rng(0)
    inputs = {}
    for entry in session.get_inputs():
        shape = n_rows, entry.shape[1]
        is_code = entry.name == "categories"
        inputs[entry.name] = rng.integers(2, 4, shape) if is_code else rng.normal(size=shape)
    return inputs


def latencies(ways):
    """Time calls in turn; return p50 and p99 of each way's best round, in ms of CPU time."""
    best = {}
    for _ in range(N_ROUNDS):
        for name, call in ways.items():
            for _ in range(10):
                call()
            times = []
            for _ in range(N_CALLS):
                start = time.process_time_ns()
                call()
                times.append((time.process_time_ns() - start) / 1e6)
            found = tuple(np.percentile(times, [50, 99]).tolist())
            best[name] = min(best.get(name, found), found)
    return best


def throughput(model, n_threads):
    """Predict batches for some seconds; return the best rates in wall time and in CPU time."""
    session = session_of(model, n_threads)
    inputs, times = drawn(session, BATCH), []
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        start, cpu = time.perf_counter_ns(), time.process_time_ns()
        session.run(None, inputs)
        times.append((time.perf_counter_ns() - start, time.process_time_ns() - cpu))
    wall, cpu = np.min(times, axis=0) / 1e9
    return {"rows_per_second": round(BATCH / wall), "rows_per_cpu_second": round(BATCH / cpu)}


def main():
    argparse.ArgumentParser(description=__doc__).parse_args()
    X, y = load_nhefs(return_X_y=True)
    array = X.select_dtypes("number").to_numpy(float)
    few = {"max_epochs": 2, "random_state": 0}
    of_frame = PLEClassifierRegressor(**few).fit(X, y)
    of_array = PLEClassifierRegressor(**few).fit(array, y)
    of_onnx = session_of(of_frame, 1)
    trees, trees_of_array = Boosting(X, y), Boosting(array, y)
    row, cells, inputs = X.iloc[[0]].copy(), array[:1], drawn(of_onnx, 1)
    found = latencies(
        {
            "predict, data frame": lambda: of_frame.predict(row),
            "LightGBM per task, data frame": lambda: trees.predict(row),
            "predict, array": lambda: of_array.predict(cells),
            "LightGBM per task, array": lambda: trees_of_array.predict(cells),
            "ONNX Runtime": lambda: of_onnx.run(None, inputs),
        }
    )
    results = []
    for name, (p50, p99) in found.items():
        results.append({"what": name, "p50_ms": round(p50, 3), "p99_ms": round(p99, 3)})
        print(results[-1])
    numbers = np.random.default_rng(0).normal(size=(2000, 10))
    labels = np.column_stack([numbers[:, 0] > 0, numbers[:, 1]])
    tasks = ["binary", "regression"]
    for name, embedding in (("default", "piecewise_linear+bins"), ("none", None)):
        model = PLEClassifierRegressor(
            n_members=1, numeric_embedding=embedding, task_types=tasks, **few
        ).fit(numbers, labels)
        for n_threads in (1, 2):
            row = {"what": "throughput of ONNX Runtime: 10 numbers, 2 tasks, one member"}
            row |= {"numeric_embedding": name, "threads": n_threads}
            results.append(row | throughput(model, n_threads))
            print(results[-1])
    save("latency", results, (*LIBRARIES, "onnx", "onnxruntime", "onnxscript"))


if __name__ == "__main__":
    main()
