"""The check that an ONNX file predicts the same as the estimator, on rows as a user has them."""

import os
from collections.abc import Sequence
from itertools import count
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types
from sklearn.pipeline import Pipeline

from ...encoding.dates import read_part
from ...encoding.features import FeatureEncoder
from ...tasks import Task
from .interface import to_graph_values
from .nodes import DATE, TEXT

_N_ROWS = 32
# Greatest difference due to rounding, in units of the labels' spread, or of probabilities.
_TOLERANCE = 1e-4


def check_parity(
    path: str | os.PathLike[str],
    description: dict[str, Any],
    X: pd.DataFrame,
    expected: tuple[Sequence[np.ndarray], Sequence[np.ndarray | None]],
    tasks: Sequence[Task],
) -> None:
    """Compare the predictions of an ONNX file with those of the estimator.

    Parameters
    ----------
    path : path-like
        The file.
    description : dict
        The description of its inputs and outputs.
    X : DataFrame of shape (n_rows, n_columns)
        Rows, with the columns of the description.
    expected : tuple of list
        The labels of each task that the estimator predicts, and the probabilities; None for
        numbers.
    tasks : sequence of Task
        The fitted tasks.

    Raises
    ------
    ValueError
        If a task's predictions differ.
    """
    found = _run(path, make_inputs(description, X))
    for task, names, labels, shares in zip(tasks, description["tasks"], *expected, strict=True):
        own = found[names["label"]]
        if shares is None:
            alike = _compare_numbers(task, labels, own)
        else:
            alike = _compare_classes(task, labels, shares, own, found[names["probabilities"]])
        if not alike:
            raise ValueError(
                f"The ONNX graph does not predict task {task.name!r} as the estimator does, and "
                "no file was written. Check whether a network, embedding or kind of task of your "
                "own has operations that depend on the values in the rows, and whether skl2onnx "
                "converts missing values in the steps of a pipeline."
            )


def draw_rows(columns: Sequence[dict[str, Any]], features: FeatureEncoder) -> pd.DataFrame:
    """Draw rows of X: extreme and missing numbers and dates, missing and unknown categories.

    Parameters
    ----------
    columns : sequence of dict
        Descriptions of the columns.
    features : FeatureEncoder
        The fitted encoder.

    Returns
    -------
    DataFrame of shape (32, n_columns)
        The rows.
    """
    rng, scaler = np.random.default_rng(0), features.scaler_
    numbers = scaler.mean_ + scaler.scale_ * rng.standard_t(3, size=(_N_ROWS, len(scaler.mean_)))
    numbers[rng.random(numbers.shape) < 0.1] = np.nan
    by_part = zip(features.number_positions_, scaler.parts, numbers.T, strict=True)
    drawn: dict[int, Any] = {k: of for k, part, of in by_part if part in ("", "total_seconds")}
    for position, zone in zip(features.date_positions_, features.zones_, strict=True):
        drawn[position] = _make_dates(drawn[position], zone)
    for encoder, position in zip(features.columns_, features.categorical_positions_, strict=True):
        values = encoder.categories.tolist()
        is_text = any(isinstance(value, str) for value in values)
        others = map(str, count()) if is_text else count()
        known = set(values)
        values.append(next(value for value in others if value not in known))
        # Floats beyond 2**53 may not be compared with objects.
        dtype = encoder.categories.dtype if types.is_float_dtype(encoder.categories) else object
        # Position -1 is a missing category. Where an empty text is one, none is missing.
        places = rng.integers(0 if "" in known else -1, len(values), _N_ROWS)
        drawn[position] = pd.Categorical.from_codes(places, pd.Index(values, dtype=dtype))
    # What no member reads may be missing.
    return pd.DataFrame({each["name"]: drawn.get(k, np.nan) for k, each in enumerate(columns)})


def _make_dates(seconds: np.ndarray, zone: str | None) -> pd.Series:
    """Return dates of a time zone; the column of fit may have been empty, or of a single date."""
    there = np.isfinite(seconds)
    dates = np.where(there, seconds, 0).astype("datetime64[s]")
    utc = pd.Series(dates).where(there)
    return utc if zone is None else utc.dt.tz_localize("UTC").dt.tz_convert(zone)


def vary_rows(X: pd.DataFrame, columns: Sequence[dict[str, Any]], steps: Pipeline) -> pd.DataFrame:
    """Take rows of X, and make some cells missing or unknown, unless the steps refuse these.

    Parameters
    ----------
    X : DataFrame of shape (n_rows, n_columns)
        The rows.
    columns : sequence of dict
        Descriptions of the columns.
    steps : transformer
        The steps before the estimator.

    Returns
    -------
    DataFrame of shape (32, n_columns)
        The rows.
    """
    rng = np.random.default_rng(0)
    taken = X.iloc[np.linspace(0, len(X) - 1, _N_ROWS).astype(int)].reset_index(drop=True)
    varied = taken.copy()
    for column in columns:
        cells, is_text = taken[column["name"]], column["kind"] == TEXT
        if column["kind"] != DATE:
            cells = cells.astype(object) if is_text else cells.astype(object).astype(float)
        varied[column["name"]] = cells.mask(rng.random(_N_ROWS) < 0.1)
        if is_text:
            new = rng.random(_N_ROWS) < 0.1
            varied[column["name"]] = varied[column["name"]].mask(new, "unknown category")
    try:
        steps.transform(varied)
    except (TypeError, ValueError):
        return taken
    return varied


def make_inputs(description: dict[str, Any], X: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return what a graph reads of rows: an array of shape (n_rows, 1) for each column."""
    inputs = {}
    for column in description["columns"]:
        cells = X[column["name"]]
        if column["kind"] == DATE:
            given = read_part(cells, "total_seconds")
        elif column["kind"] == TEXT:
            cells = cells.astype(object)
            given = cells.map(str).where(cells.notna(), "").to_numpy(object)
        else:
            given = cells.astype(object).to_numpy(float, na_value=np.nan)
        inputs[column["name"]] = given[:, np.newaxis]
    return inputs


def _run(path: str | os.PathLike[str], given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Predict the first row and then the others with ONNX Runtime; return all outputs by name."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    found = [
        session.run(None, {name: part[rows] for name, part in given.items()})
        for rows in (slice(1), slice(1, None))
    ]
    names = [output.name for output in session.get_outputs()]
    return {
        name: np.concatenate(batches)
        for name, batches in zip(names, zip(*found, strict=True), strict=True)
    }


def _compare_numbers(task: Task, expected: np.ndarray, found: np.ndarray) -> bool:
    # A kind of task that a user wrote may lack these attributes.
    mean, unit = getattr(task, "mean", 0.0), getattr(task, "scale", 0.0)
    # Labels that are standardised may lie far from zero in units of their spread.
    centre = mean if unit else 0.0
    unit = abs(unit or mean) or np.ptp(expected)
    nearest = _TOLERANCE * unit + 4 * np.spacing(abs(centre))
    return np.allclose(
        found - centre, expected - centre, rtol=_TOLERANCE, atol=nearest, equal_nan=True
    )


def _compare_classes(
    task: Task, labels: np.ndarray, shares: np.ndarray, found: np.ndarray, found_shares: np.ndarray
) -> bool:
    """Compare probabilities, and labels in rows where one class is clearly the most probable."""
    if not (np.abs(found_shares - shares) <= _TOLERANCE).all():
        return False
    best_two = np.sort(shares, axis=1)[:, -2:]
    settled = np.diff(best_two, axis=1)[:, 0] > 2 * _TOLERANCE
    classes = to_graph_values(task.name, task.classes)
    places = task.encode(labels[settled]).astype(int)
    return np.array_equal(found[settled], classes[places])
