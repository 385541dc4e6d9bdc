"""The check that an ONNX file predicts the same as the estimator, on random rows."""

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from ..encoding.encoder import TableEncoder
from ..encoding.features import FeatureEncoder
from ..training.rows import TableRows
from .graph import PredictionGraph

_N_ROWS = 32
# Greatest difference due to rounding, in units of the labels' spread, or of probabilities.
_TOLERANCE = 1e-4


def check_parity(
    path: str | os.PathLike[str],
    graph: PredictionGraph,
    description: dict[str, Any],
    encoder: TableEncoder,
    compute: Callable[[TableRows], list[np.ndarray]],
) -> None:
    """Compare the predictions of an ONNX file with those of the estimator.

    Parameters
    ----------
    path : path-like
        The file.
    graph : PredictionGraph
        The exported graph.
    description : dict
        The description of the graph, with the names of its outputs.
    encoder : TableEncoder
        The fitted encoder.
    compute : callable
        Function from encoded rows to the estimator's calibrated outputs of each task.

    Raises
    ------
    ValueError
        If a task's predictions differ.
    """
    numbers, codes = _draw(encoder.features, _N_ROWS)
    order = np.argsort(encoder.features.categorical_positions_)
    given = {"numbers": numbers[:, graph.number_columns], "categories": codes[:, order]}
    found = _run(path, {name: part for name, part in given.items() if part.shape[1]})
    scaled = encoder.features.scaler_.transform(pd.DataFrame(numbers))
    rows = TableRows(encoder.with_statistics(scaled, codes), codes, dtype=graph.dtype)
    for task, names, expected in zip(
        encoder.tasks, description["tasks"], compute(rows), strict=True
    ):
        labels = found[names["label"]]
        if task.has_classes:
            alike = _compare_classes(task, expected, labels, found[names["probabilities"]])
        else:
            alike = _compare_numbers(task, expected, labels)
        if not alike:
            raise ValueError(
                f"The ONNX graph does not predict task {task.name!r} as the estimator does, and "
                "no file was written. Check whether a network, embedding or kind of task of your "
                "own has operations that depend on the values in the rows."
            )


def _draw(features: FeatureEncoder, n_rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw numbers of X, some of them extreme or missing, and codes in the encoder's order."""
    rng, scaler = np.random.default_rng(0), features.scaler_
    n_columns = len(features.number_positions_) + len(features.categorical_positions_)
    numbers = np.full((n_rows, n_columns), np.nan)
    drawn = scaler.mean_ + scaler.scale_ * rng.standard_t(3, size=(n_rows, len(scaler.mean_)))
    drawn[rng.random(drawn.shape) < 0.1] = np.nan
    numbers[:, features.number_positions_] = drawn
    n_codes = np.array(features.cardinalities_, dtype=np.int64)
    return numbers, rng.integers(0, n_codes, size=(n_rows, len(n_codes)))


def _run(path: str | os.PathLike[str], given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Predict the first row and then the others with ONNX Runtime; return all outputs by name."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    found = [
        session.run(None, {name: np.ascontiguousarray(part[rows]) for name, part in given.items()})
        for rows in (slice(1), slice(1, None))
    ]
    names = [output.name for output in session.get_outputs()]
    return {
        name: np.concatenate(batches)
        for name, batches in zip(names, zip(*found, strict=True), strict=True)
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
    task: Any, outputs: np.ndarray, labels: np.ndarray, probabilities: np.ndarray
) -> bool:
    """Compare probabilities, and labels in rows where one class is clearly the most probable."""
    expected = task.predict_proba(outputs)
    if not (np.abs(probabilities - expected) <= _TOLERANCE).all():
        return False
    best_two = np.sort(expected, axis=1)[:, -2:]
    settled = np.diff(best_two, axis=1)[:, 0] > 2 * _TOLERANCE
    return np.array_equal(task.classes[labels[settled]], task.predict(outputs)[settled])
