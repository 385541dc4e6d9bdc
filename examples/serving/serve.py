"""Answer JSON with predictions, from a file that ``sklearn_ple.export.to_onnx`` has written.

    MODEL=model.onnx uvicorn serve:app

    curl localhost:8000/predict -H "content-type: application/json" \
        -d '{"rows": [{"age": 42, "education": "high school"}]}'
"""

import json
import math
import os
from typing import Any

import numpy as np
import onnxruntime
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = int(os.environ.get("THREADS", "1"))
session = onnxruntime.InferenceSession(
    os.environ.get("MODEL", "model.onnx"), options, providers=["CPUExecutionProvider"]
)
model = json.loads(session.get_modelmeta().custom_metadata_map["sklearn-ple"])
columns = {column["name"]: column for column in model["columns"]}
missing, unknown, first = (model["codes"][name] for name in ("missing", "unknown", "first"))
codes = {
    name: {value: code for code, value in enumerate(column["categories"], start=first)}
    for name, column in columns.items()
    if "categories" in column
}
app = FastAPI(title=f"Predictions of a {model['estimator']}")


class Rows(BaseModel):
    """Rows of a table: cells by the names of columns. What is null or left out is missing."""

    rows: list[dict[str, float | str | bool | None]]


def inputs_of(rows: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    """Put the cells where the graph reads them."""
    shapes = {entry.name: (len(rows), entry.shape[1]) for entry in session.get_inputs()}
    fill = {"numbers": math.nan, "categories": missing}
    dtypes = {"numbers": np.float64, "categories": np.int64}
    inputs = {name: np.full(shape, fill[name], dtypes[name]) for name, shape in shapes.items()}
    for place, row in enumerate(rows):
        for name, cell in row.items():
            if name not in columns:
                raise HTTPException(422, f"Row {place}: there is no column {name!r}.")
            if cell is None:
                continue
            if name in codes:
                cell = codes[name].get(cell, unknown)
            elif isinstance(cell, str) or math.isinf(cell):
                raise HTTPException(422, f"Row {place}: {name!r} is {cell!r}, no finite number.")
            inputs[columns[name]["input"]][place, columns[name]["place"]] = cell
    return inputs


@app.get("/model")
def describe() -> dict[str, Any]:
    """Return what the file says of its columns, categories, tasks and classes."""
    return model


@app.post("/predict")
def predict(given: Rows) -> list[dict[str, Any]]:
    """Predict each row's labels and, of tasks with classes, their probabilities by class."""
    if not given.rows:
        return []
    names = [entry.name for entry in session.get_outputs()]
    outputs = dict(zip(names, session.run(names, inputs_of(given.rows)), strict=True))
    answers: list[dict[str, Any]] = [{} for _ in given.rows]
    for task in model["tasks"]:
        for place, answer in enumerate(answers):
            label = outputs[task["label"]][place].item()
            answer[task["name"]] = {"label": label}
            if "classes" in task:
                shares = outputs[task["probabilities"]][place].tolist()
                by_class = dict(zip(map(str, task["classes"]), shares, strict=True))
                answer[task["name"]] = {
                    "label": task["classes"][label],
                    "probabilities": by_class,
                }
    return answers
