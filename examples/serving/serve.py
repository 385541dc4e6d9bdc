"""Answer JSON with predictions, from the files that ``sklearn_ple.export.to_onnx`` has written.

    MODEL=model.onnx uvicorn serve:app

    curl localhost:8000/predict -H "content-type: application/json" \
        -d '{"rows": [{"age": 42, "education": "high school"}]}'

``/health`` answers while the process runs, ``/ready`` if the model predicts, and ``/metrics``
counts for Prometheus. When it is stopped, uvicorn first answers the requests that it has.
"""

import json
import math
import os
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import onnxruntime
from fastapi import Body, FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse

MOST_ROWS = int(os.environ.get("MOST_ROWS", "1000"))
MOST_BYTES = int(os.environ.get("MOST_BYTES", "2000000"))

path, options = Path(os.environ.get("MODEL", "model.onnx")), onnxruntime.SessionOptions()
options.intra_op_num_threads = int(os.environ.get("THREADS", "1"))
session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
model = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
kinds = {column["name"]: column["kind"] for column in model["columns"]}
counts: Counter[str] = Counter()
app = FastAPI(title=f"Predictions of a {model['estimator']}")


@app.middleware("http")
async def watch(request: Request, answer: Any) -> Any:
    """Refuse bodies that are too large, before they are read; count requests by their status."""
    if request.url.path != "/predict":
        return await answer(request)
    start, status, size = time.perf_counter(), 500, request.headers.get("content-length")
    try:
        if size is None and request.method == "POST":
            response = JSONResponse({"detail": "The length of the body is missing."}, 411)
        elif size is not None and int(size) > MOST_BYTES:
            response = JSONResponse({"detail": f"A body has at most {MOST_BYTES} bytes."}, 413)
        else:
            response = await answer(request)
        status = response.status_code
        return response
    finally:
        counts[f'predict_requests_total{{status="{status}"}}'] += 1
        counts["predict_seconds_total"] += time.perf_counter() - start


@app.exception_handler(RequestValidationError)
async def refuse(request: Request, error: RequestValidationError) -> JSONResponse:
    """Say what is wrong without the input, which JSON may be unable to repeat, such as NaN."""
    place, message = (error.errors()[0][name] for name in ("loc", "msg"))
    return JSONResponse({"detail": f"{place}: {message}."}, 422)


def read(cell: Any, name: str, place: int) -> float | str:
    """Return what the graph reads of a cell: text, empty if it is missing, or a number.

    A date is text as in ISO 8601, in UTC unless it names another offset, or seconds since 1970.
    """
    is_text = kinds[name] == "text"
    if isinstance(cell, (list, dict)):
        raise HTTPException(422, f"Row {place}: {name!r} is a {type(cell).__name__}.")
    if cell is None or cell != cell:  # NaN differs from itself.
        return "" if is_text else math.nan
    if is_text:
        return str(cell)
    if kinds[name] == "date" and isinstance(cell, str):
        try:
            date = datetime.fromisoformat(cell)
        except ValueError:
            raise HTTPException(422, f"Row {place}: {name!r} is {cell!r}, no date.") from None
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    if isinstance(cell, str) or abs(cell) > sys.float_info.max:
        raise HTTPException(422, f"Row {place}: {name!r} is {cell!r}, no finite number.")
    return cell


def compute(rows: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    """Return the outputs of the graph for rows, by name."""
    for place, row in enumerate(rows):
        for name in row.keys() - kinds.keys():
            raise HTTPException(422, f"Row {place}: there is no column {name!r}.")
    inputs = {}
    for name, kind in kinds.items():
        cells = [[read(row.get(name), name, place)] for place, row in enumerate(rows)]
        inputs[name] = np.array(cells, object if kind == "text" else np.float64)
    names = [entry.name for entry in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


# Without "async", forty requests would be computed at once, and together fill the memory.
@app.post("/predict")
async def predict(
    rows: Annotated[list[dict[str, Any]], Body(embed=True, max_length=MOST_ROWS)],
) -> list[dict[str, Any]]:
    """Predict labels and probabilities; cells that are null, NaN or left out are missing."""
    if not rows:
        return []
    outputs = compute(rows)
    counts["predict_rows_total"] += len(rows)

    def answer(task: dict[str, Any], place: int) -> dict[str, Any]:
        answered = {"label": outputs[task["label"]].tolist()[place]}
        if "classes" in task:
            shares = outputs[task["probabilities"]][place].tolist()
            by_class = zip(map(str, task["classes"]), shares, strict=True)
            answered["probabilities"] = dict(by_class)
        return answered

    return [{task["name"]: answer(task, k) for task in model["tasks"]} for k in range(len(rows))]


@app.get("/model")
async def describe() -> dict[str, Any]:
    """Return what the file says of its columns, categories, tasks and classes."""
    return model


@app.get("/health")
async def is_alive() -> bool:
    """Return true, from a process that is not stuck."""
    return True


@app.get("/ready")
async def is_ready() -> bool:
    """Return true, after a row without values has been predicted."""
    compute([{}])
    return True


@app.get("/metrics")
async def count() -> PlainTextResponse:
    """Return the counts of this process, in the text format of Prometheus."""
    return PlainTextResponse("".join(f"{name} {number}\n" for name, number in counts.items()))
