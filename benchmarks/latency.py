"""How long a prediction takes: one row by the estimator, by ONNX Runtime and by LightGBM per task.

All predict the six tasks of NHEFS in turn, on the CPU, with default parameters (LightGBM on one
thread). Times are CPU times, because wall times depend on what else is running. p50 and p99 are
those of the round with the smallest p50. The models are trained only briefly: more training does
not change the time of a prediction, except through the size of LightGBM's trees.
"""

import argparse
import tempfile
import time
from itertools import product
from pathlib import Path

import numpy as np
import onnxruntime
from lightgbm import LGBMClassifier, LGBMRegressor

from sklearn_ple import PLEClassifierRegressor, export
from sklearn_ple.datasets import load_nhefs

from .measuring import save

N_ROUNDS = 3
N_CALLS = 100
BRIEFLY = {"max_epochs": 2, "random_state": 0}


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


def session_of(model):
    """Write a model as an ONNX file, and open it on one thread."""
    path = Path(tempfile.mkdtemp()) / "model.onnx"
    export.to_onnx(model, path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def inputs_of(row, session):
    """Return what a graph reads of a row: an array for each column."""
    inputs = {}
    for entry in session.get_inputs():
        cells = row[[entry.name]]
        is_text = entry.type == "tensor(string)"
        inputs[entry.name] = cells.astype(object).to_numpy() if is_text else cells.to_numpy(float)
    return inputs


def latencies():
    """Time calls in turn; yield p50 and p99 of each way's best round, in ms of CPU time."""
    X, y = load_nhefs(return_X_y=True)
    array = X.select_dtypes("number").to_numpy(float)
    of_frame = PLEClassifierRegressor(**BRIEFLY).fit(X, y)
    of_array = PLEClassifierRegressor(**BRIEFLY).fit(array, y)
    of_onnx = session_of(of_frame)
    trees, trees_of_array = Boosting(X, y), Boosting(array, y)
    row, cells = X.iloc[[0]].copy(), array[:1]
    inputs = inputs_of(row, of_onnx)
    ways = {
        "predict, data frame": lambda: of_frame.predict(row),
        "LightGBM per task, data frame": lambda: trees.predict(row),
        "predict, array": lambda: of_array.predict(cells),
        "LightGBM per task, array": lambda: trees_of_array.predict(cells),
        "ONNX Runtime": lambda: of_onnx.run(None, inputs),
    }
    best = {}
    for _, (name, call) in product(range(N_ROUNDS), ways.items()):
        for _ in range(10):
            call()
        times = []
        for _ in range(N_CALLS):
            start = time.process_time_ns()
            call()
            times.append((time.process_time_ns() - start) / 1e6)
        found = tuple(np.percentile(times, [50, 99]).tolist())
        best[name] = min(best.get(name, found), found)
    for name, (p50, p99) in best.items():
        yield {"what": name, "p50_ms": round(p50, 3), "p99_ms": round(p99, 3)}


def main():
    argparse.ArgumentParser(description=__doc__).parse_args()
    save("latency", list(latencies()), ["onnx", "onnxruntime", "onnxscript"])


if __name__ == "__main__":
    main()
