"""Answer JSON with predictions, from the files that ``sklearn_ple.export.to_onnx`` has written.

    MODEL=model.onnx uvicorn serve:app

    curl localhost:8000/predict -H "content-type: application/json" \
        -d '{"rows": [{"age": 42, "education": "high school"}]}'
"""

import json
import math
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import onnxruntime
from fastapi import Body, FastAPI, HTTPException

path, options = Path(os.environ.get("MODEL", "model.onnx")), onnxruntime.SessionOptions()
options.intra_op_num_threads = int(os.environ.get("THREADS", "1"))
session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
model = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
kinds = {column["name"]: column["kind"] for column in model["columns"]}
app = FastAPI(title=f"Predictions of a {model['estimator']}")


def read(cell: Any, name: str, place: int) -> float | str:
    """Return what the graph reads of a cell: text, empty if it is missing, or a number."""
    is_text = kinds[name] == "text"
    if cell is None or cell != cell:  # NaN differs from itself.
        return "" if is_text else math.nan
    if is_text:
        return str(cell)
    if isinstance(cell, str) or abs(cell) > sys.float_info.max:
        raise HTTPException(422, f"Row {place}: {name!r} is {cell!r}, no finite number.")
    return cell


@app.get("/model")
def describe() -> dict[str, Any]:
    """Return the columns with their categories, and the tasks with their classes."""
    return model


@app.post("/predict")
def predict(
    rows: Annotated[list[dict[str, bool | int | float | str | None]], Body(embed=True)],
) -> list[dict[str, Any]]:
    """Predict labels and probabilities; cells that are null, NaN or left out are missing."""
    if not rows:
        return []
    for place, row in enumerate(rows):
        for name in row.keys() - kinds.keys():
            raise HTTPException(422, f"Row {place}: there is no column {name!r}.")
    inputs = {}
    for name, kind in kinds.items():
        cells = [[read(row.get(name), name, place)] for place, row in enumerate(rows)]
        inputs[name] = np.array(cells, object if kind == "text" else np.float64)
    names = [entry.name for entry in session.get_outputs()]
    outputs = dict(zip(names, session.run(names, inputs), strict=True))

    def answer(task: dict[str, Any], place: int) -> dict[str, Any]:
        answered = {"label": outputs[task["label"]].tolist()[place]}
        if "classes" in task:
            shares = outputs[task["probabilities"]][place].tolist()
            by_class = zip(map(str, task["classes"]), shares, strict=True)
            answered["probabilities"] = dict(by_class)
        return answered

    return [{task["name"]: answer(task, k) for task in model["tasks"]} for k in range(len(rows))]
