"""Answer JSON with predictions, from a file that ``sklearn_ple.export.to_onnx`` has written.

    MODEL=model.onnx uvicorn serve:app

    curl localhost:8000/predict -H "content-type: application/json" \
        -d '{"rows": [{"age": 42, "education": "high school"}]}'
"""

import json
import math
import os
import sys
from typing import Annotated, Any

import numpy as np
import onnxruntime
from fastapi import Body, FastAPI, HTTPException

path, options = os.environ.get("MODEL", "model.onnx"), onnxruntime.SessionOptions()
options.intra_op_num_threads = int(os.environ.get("THREADS", "1"))
session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
model = json.loads(session.get_modelmeta().custom_metadata_map["sklearn-ple"])
columns = {column["name"]: column for column in model["columns"]}
missing, unknown, first = (model["codes"][name] for name in ("missing", "unknown", "first"))
codes = {
    name: {category: code for code, category in enumerate(column["categories"], first)}
    for name, column in columns.items()
    if "categories" in column
}
app = FastAPI(title=f"Predictions of a {model['estimator']}")


def read(cell: Any, name: str, place: int) -> float:
    """Return what the graph reads of a cell: the code of a category, or a number."""
    if cell is None or cell != cell:  # NaN differs from itself.
        return missing if name in codes else math.nan
    if name in codes:
        return codes[name].get(cell, unknown)
    if isinstance(cell, str) or abs(cell) > sys.float_info.max:
        raise HTTPException(422, f"Row {place}: {name!r} is {cell!r}, no finite number.")
    return cell


@app.get("/model")
def describe() -> dict[str, Any]:
    """Return what the file says of its columns, categories, tasks and classes."""
    return model


@app.post("/predict")
def predict(
    rows: Annotated[list[dict[str, bool | int | float | str | None]], Body(embed=True)],
) -> list[dict[str, Any]]:
    """Predict labels and probabilities; cells that are null, NaN or left out are missing."""
    if not rows:
        return []
    for place, row in enumerate(rows):
        for name in row.keys() - columns.keys():
            raise HTTPException(422, f"Row {place}: there is no column {name!r}.")
    inputs = {}
    for entry in session.get_inputs():
        own = [name for name, column in columns.items() if column["input"] == entry.name]
        cells = [[read(row.get(name), name, k) for name in own] for k, row in enumerate(rows)]
        inputs[entry.name] = np.array(cells, np.int64 if own[0] in codes else np.float64)
    names = [entry.name for entry in session.get_outputs()]
    outputs = dict(zip(names, session.run(names, inputs), strict=True))

    def answer(task: dict[str, Any], place: int) -> dict[str, Any]:
        label = outputs[task["label"]][place].item()
        if "classes" not in task:
            return {"label": label}
        shares = outputs[task["probabilities"]][place].tolist()
        by_class = dict(zip(map(str, task["classes"]), shares, strict=True))
        return {"label": task["classes"][label], "probabilities": by_class}

    return [{task["name"]: answer(task, k) for task in model["tasks"]} for k in range(len(rows))]
