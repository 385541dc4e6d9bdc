"""The check that an ONNX file predicts the same as the estimator, on random rows."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pandas as pd

from ..predictions.calibration import IsotonicCalibration
from ..training.outputs import compute_outputs
from ..training.rows import TableRows
from .graph import PredictionGraph

_N_ROWS = 32
# Greatest difference due to rounding, in units of the labels' spread, or of probabilities.
_TOLERANCE = 1e-4


def check_parity(
    model: Any,
    graph: PredictionGraph,
    description: dict[str, Any],
    path: str | os.PathLike[str],
    n_rows: int | None,
) -> None:
    """Compare the predictions of an ONNX file with those of the estimator.

    Parameters
    ----------
    model : estimator of this package
        The fitted estimator.
    graph : PredictionGraph
        The exported graph.
    description : dict
        The description of the graph, with the names of its outputs.
    path : path-like
        The file.
    n_rows : int or None
        Number of rows that the graph predicts at a time; None for any number.

    Raises
    ------
    ValueError
        If a task's predictions differ.
    """
    sizes = [1, _N_ROWS - 1] if n_rows is None else [n_rows] * -(-_N_ROWS // n_rows)
    numbers, codes = _draw(model, sum(sizes))
    found = _run(path, _inputs(model, graph, numbers, codes), sizes)
    outputs = _outputs(model, numbers, codes)
    for task, names, own in zip(model.tasks_, description["tasks"], outputs, strict=True):
        labels = found[names["label"]]
        if task.has_classes:
            steep = isinstance(model.calibrators_.get(task.name), IsotonicCalibration)
            alike = _compare_classes(task, own, labels, found[names["probabilities"]], steep)
        else:
            alike = _compare_numbers(task, own, labels)
        if not alike:
            raise ValueError(
                f"The ONNX graph does not predict task {task.name!r} as the estimator does, and "
                "no file was written. Check whether a network, embedding or kind of task of your "
                "own has operations that depend on the values in the rows."
            )


def _draw(model: Any, n_rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw numbers of X, some of them extreme or missing, and codes in the encoder's order."""
    rng, features = np.random.default_rng(0), model._encoder.features
    scaler = features.scaler_
    numbers = np.full((n_rows, model.n_features_in_), np.nan)
    drawn = scaler.mean_ + scaler.scale_ * rng.standard_t(3, size=(n_rows, len(scaler.mean_)))
    drawn[rng.random(drawn.shape) < 0.1] = np.nan
    numbers[:, features.number_positions_] = drawn
    n_codes = np.array(features.cardinalities_, dtype=np.int64)
    return numbers, rng.integers(0, n_codes, size=(n_rows, len(n_codes)))


def _outputs(model: Any, numbers: np.ndarray, codes: np.ndarray) -> list[np.ndarray]:
    """Compute the estimator's calibrated outputs of each task."""
    encoder = model._encoder
    scaled = encoder.features.scaler_.transform(pd.DataFrame(numbers))
    read = encoder.with_statistics(scaled, codes)
    rows = TableRows(read, codes, dtype=model.net_.dtype)
    return model._outputs(compute_outputs(model.net_, rows, model.n_jobs))


def _inputs(
    model: Any, graph: PredictionGraph, numbers: np.ndarray, codes: np.ndarray
) -> dict[str, np.ndarray]:
    """Return the graph's inputs, whose columns are in the order of X."""
    order = np.argsort(model._encoder.features.categorical_positions_)
    given = {"numbers": numbers[:, graph.number_columns], "categories": codes[:, order]}
    return {name: np.ascontiguousarray(part) for name, part in given.items() if part.shape[1]}


def _run(
    path: str | os.PathLike[str], given: dict[str, np.ndarray], sizes: list[int]
) -> dict[str, np.ndarray]:
    """Predict with ONNX Runtime in batches of the given sizes; return all outputs by name."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    bounds = np.cumsum(sizes)[:-1]
    batches = [np.split(part, bounds) for part in given.values()]
    found = [
        session.run(None, dict(zip(given, parts, strict=True)))
        for parts in zip(*batches, strict=True)
    ]
    names = [output.name for output in session.get_outputs()]
    return {
        name: np.concatenate(own)
        for name, own in zip(names, zip(*found, strict=True), strict=True)
    }


def _compare_numbers(task: Any, outputs: np.ndarray, labels: np.ndarray) -> bool:
    expected = task.predict(outputs)
    # A kind of task that a user wrote may lack these attributes.
    mean, unit = getattr(task, "mean", 0.0), getattr(task, "scale", 0.0)
    # Labels that are standardised may lie far from zero in units of their spread.
    centre = mean if unit else 0.0
    unit = abs(unit or mean) or np.ptp(expected)
    nearest = _TOLERANCE * unit + 4 * np.spacing(abs(centre))
    return np.allclose(
        labels - centre, expected - centre, rtol=_TOLERANCE, atol=nearest, equal_nan=True
    )


def _compare_classes(
    task: Any, outputs: np.ndarray, labels: np.ndarray, probabilities: np.ndarray, steep: bool
) -> bool:
    """Compare probabilities, and labels in rows where one class is clearly the most probable.

    If probabilities are steep functions of the outputs, rounding may change less than half of
    them.
    """
    expected = task.predict_proba(outputs)
    differences = np.abs(probabilities - expected).max(axis=1)
    rows = differences <= _TOLERANCE
    if not (np.mean(rows) > 0.5 if steep else rows.all()):
        return False
    best_two = np.sort(expected, axis=1)[:, -2:]
    settled = rows & (np.diff(best_two, axis=1)[:, 0] > 2 * _TOLERANCE)
    return np.array_equal(task.classes[labels[settled]], task.predict(outputs)[settled])
