"""
From a model to a server
========================

A fitted model can be saved in two kinds of file: a safe file of plain data,
from which it can be loaded again, and an ONNX file, with which a server
predicts without this package and without torch.
"""

# %%
# A model of two tasks of NHEFS: death within twenty years, and the systolic
# blood pressure in mmHg. The scores are the area under the ROC curve and R².
import json
import tempfile
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import onnxruntime
import pandas as pd

from sklearn_ple import PLEClassifierRegressor, export
from sklearn_ple.datasets import load_nhefs
from sklearn_ple.metrics import multitask_scores
from sklearn_ple.model_selection import train_test_split

X, y = load_nhefs(tasks=["death", "sbp"], return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
model = PLEClassifierRegressor(
    task_types={"sbp": "regression"}, n_members=4, random_state=0
)
model.fit(X_train, y_train)
{
    task: round(score, 3)
    for task, score in multitask_scores(model, X_test, y_test).items()
}

# %%
# A file to load again
# --------------------
# The file contains arrays and JSON, but no code, so loading it cannot run code
# from the file. The loaded model predicts the same, to the last bit.
folder = Path(tempfile.mkdtemp())
export.save(model, folder / "model.safetensors")
loaded = export.load(folder / "model.safetensors")
loaded.predict(X_test).equals(model.predict(X_test))

# %%
# A file for a server
# -------------------
# The ONNX file is one graph, from the cells of a table to labels and
# probabilities. A file of JSON beside it describes its columns and tasks.
export.to_onnx(model, folder / "model.onnx")
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(
    folder / "model.onnx", options, providers=["CPUExecutionProvider"]
)
description = json.loads((folder / "model.json").read_text())
for file in sorted(folder.iterdir()):
    print(f"{file.name}: {file.stat().st_size / 1e6:.1f} MB")
for part in (*session.get_inputs()[:3], *session.get_outputs()):
    print(f"{part.name}: {part.type} {part.shape}")

# %%
# A server has little to do: make an array of each column. Missing text is an
# empty string.


def read(rows):
    inputs = {}
    for column in description["columns"]:
        cells = rows[[column["name"]]]
        if column["kind"] == "text":
            inputs[column["name"]] = cells.astype(object).fillna("").to_numpy()
        else:
            inputs[column["name"]] = cells.to_numpy(float)
    return inputs


names = ["probabilities.death", "label.sbp"]
shares, pressures = session.run(names, read(X_test))

# %%
# The predictions are those of the model, up to rounding.
expected = model.predict_proba(X_test)[0], model.predict(X_test)["sbp"]
for name, answers, own in zip(
    names, (shares, pressures), expected, strict=True
):
    print(f"{name}: they differ by {np.abs(answers - own).max():.0e} at most")

# %%
# How long a prediction takes
# ---------------------------
# A request from a web page has one row; a nightly job has many. Each number of
# rows is predicted several times, with the model from a data frame and with
# ONNX Runtime from arrays, both on one core.


def milliseconds(n_calls, function, *args):
    function(*args)  # the first call is slower
    taken = []
    for _ in range(n_calls):
        start = time.perf_counter()
        function(*args)
        taken.append(1e3 * (time.perf_counter() - start))
    return np.array(taken)


times = {}
for n_rows, n_calls in [(1, 100), (10, 50), (100, 20), (1000, 10)]:
    rows = X_test.sample(n_rows, replace=True, random_state=0)
    times["predict", n_rows] = milliseconds(n_calls, model.predict, rows)
    times["ONNX Runtime", n_rows] = milliseconds(
        n_calls, session.run, None, read(rows)
    )

median = pd.Series({k: np.median(taken) for k, taken in times.items()})
median.unstack(level=0).rename_axis("rows").round(3)

# %%
# For one row, ONNX Runtime is much faster: it runs one graph on arrays, while
# ``predict`` first reads a data frame. A dot is a prediction, the line their
# median.
looks = {"predict": ("tab:blue", "o"), "ONNX Runtime": ("tab:orange", "s")}
rng = np.random.default_rng(0)
figure, ax = plt.subplots(figsize=(6.4, 2.2), layout="constrained")
for place, (way, (color, marker)) in enumerate(looks.items()):
    taken = times[way, 1]
    height = place + rng.uniform(-0.2, 0.2, len(taken))
    ax.plot(taken, height, marker, color=color, alpha=0.3, markersize=4)
    ax.vlines(np.median(taken), place - 0.3, place + 0.3, color="0.3")
ax.set_yticks(range(len(looks)), looks)
ax.set(xscale="log", xlabel="milliseconds of an answer about one row")
ax.margins(y=0.15)
ax.grid(alpha=0.3)
plt.show()

# %%
# If many rows are predicted at once, each of them costs less than a single
# row. For a thousand rows, both take about the same time.
figure, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
# sphinx_gallery_thumbnail_number = 2
for way, (color, marker) in looks.items():
    costs = median[way] / median[way].index
    ax.plot(costs, color=color, marker=marker, label=way)
ax.set(xscale="log", yscale="log", xlabel="rows asked for at once")
ax.set(ylabel="milliseconds a row")
ax.legend()
ax.grid(alpha=0.3)
plt.show()

# %%
# The folder ``examples/serving`` of the sources contains a FastAPI server that
# answers JSON requests with such a file, and a Dockerfile. See also
# :doc:`/guide/saving`.
