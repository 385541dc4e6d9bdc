"""Conversion of the state of a fitted estimator, except its network, to values and back."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.isotonic import IsotonicRegression

from ..balancing import BALANCERS
from ..encoding.categories import CategoryEncoder
from ..encoding.dependence import Dependence
from ..encoding.encoder import TableEncoder
from ..encoding.features import FeatureEncoder
from ..encoding.numeric import NUMERIC_EMBEDDINGS, EmbeddingMaker
from ..encoding.scaling import NumberScaler
from ..encoding.statistics import TargetStatistics
from ..encoding.targets import TargetEncoder
from ..predictions.calibration import Calibration, IsotonicCalibration, TemperatureScaling
from ..predictions.intervals import Deviations, StandardisedErrors
from ..tables.form import TargetForm
from ..tasks import TASK_KINDS, Task
from ..training.device import resolve_device
from ..training.plan import Plan
from . import tables, values
from .values import Codec

#: Classes whose objects can be created without ``trusted``.
KNOWN: dict[str, type] = {
    **{cls.__name__: cls for cls in TASK_KINDS.values()},
    **{type(maker).__name__: type(maker) for maker in NUMERIC_EMBEDDINGS.values()},
    **{type(made).__name__: type(made) for made in (make() for make in BALANCERS.values())},
    **{cls.__name__: cls for cls in (TemperatureScaling, IsotonicCalibration, StandardisedErrors)},
    **{
        f"torch.optim.{name}": cls
        for name, cls in vars(torch.optim).items()
        if isinstance(cls, type) and issubclass(cls, torch.optim.Optimizer)
    },
}

#: Codecs of values that JSON cannot represent.
CODECS = [
    *values.CODECS,
    *tables.CODECS,
    # A regression that is fitted to its own steps is the same.
    Codec(
        "$isotonic",
        lambda value: type(value) is IsotonicRegression,
        lambda value, _: [value.X_thresholds_, value.y_thresholds_],
        lambda steps, _: IsotonicRegression(out_of_bounds="clip").fit(*steps),
    ),
]

# Attributes of objects, by their names in a file.
_OF_FORM = {field.name: field.name for field in fields(TargetForm)}
_OF_SCALER = {name: f"{name}_" for name in ("mean", "scale", "missing")}
_OF_STATISTICS = {n: n for n in ("columns", "tables", "learnt_from", "read", "n_tasks")}
_OF_CATEGORIES = {"categories": "categories", "kind": "_kind", "rare_share": "_rare_share"}
_OF_DEVIATIONS = {name: name for name in ("member_weights", "factors", "units", "errors")}
_OF_NET = {"learning_rate": "lr", "batch_size": "batch_size", "max_epochs": "max_epochs"}


def state_of(model: Any) -> dict[str, Any]:
    """Return the values from which a fitted estimator can be recreated, except its network."""
    encoder, net = model._encoder, model.net_
    return {
        "n_features": model.n_features_in_,
        "feature_names": getattr(model, "feature_names_in_", None),
        "features": _features_state(encoder.features),
        "statistics": encoder.statistics and _read(encoder.statistics, _OF_STATISTICS),
        "form": _read(encoder.targets.form, _OF_FORM),
        "tasks": encoder.tasks,
        "task_order": encoder.order,
        "n_bins": encoder.n_bins,
        "embedding": encoder.maker,
        "training": {**_read(net, _OF_NET), "device": model.device_},
        "history": [
            {name: value for name, value in epoch.items() if isinstance(value, (float, int, list))}
            | {"batches": []}
            for epoch in net.history
        ],
        "random_state": model._rng,
        "deviations": model._deviations and _read(model._deviations, _OF_DEVIATIONS),
        "calibrators": model._calibration.calibrators,
        "output": getattr(model, "_sklearn_output_config", {}),
    }


def restore(model: Any, state: dict[str, Any]) -> TableEncoder:
    """Restore the attributes of an estimator that do not need its network; return its encoder."""
    _check(state, dict)
    model.n_features_in_ = _check(state["n_features"], int)
    if state["feature_names"] is not None:
        model.feature_names_in_ = _check(state["feature_names"], np.ndarray)
    if state["output"]:
        model.set_output(**state["output"])
    model._rng = _check(state["random_state"], np.random.RandomState)
    device = _check(state["training"]["device"], str)
    try:
        model.device_ = resolve_device(device, model._torch_dtype)
    except ValueError:
        # It was fitted on a machine with other devices.
        model.device_ = "cpu"
    encoder = TableEncoder.of(model, n_bins=_check(state["n_bins"], int))
    encoder.targets = TargetEncoder(encoder.task_types, encoder.family)
    encoder.targets.form = _form_of(state["form"])
    encoder.targets.tasks = [_check_task(task) for task in _check(state["tasks"], list)]
    if [task.name for task in encoder.tasks] != encoder.targets.names:
        raise ValueError("its tasks are not the columns of y")
    in_order = list(range(len(encoder.tasks)))
    encoder.order = _check(state["task_order"], list)
    if sorted(_check(place, int) for place in encoder.order) != in_order:
        raise ValueError("the tasks of its network are not those of y")
    encoder.dependence = Dependence(model.depends_on, encoder.tasks)
    encoder.features = _features_of(encoder, state["features"])
    encoder.statistics = _statistics_of(encoder, state["statistics"])
    encoder.maker = _check(state["embedding"], EmbeddingMaker, type(None))
    # The initial linear path is no longer needed.
    encoder.linear_start = None
    features = encoder.features
    positions = np.concatenate([features.categorical_positions_, features.number_positions_])
    n_columns = len(positions)
    names = getattr(model, "feature_names_in_", positions)
    if not len(features.columns_) + features.n_columns_ == model.n_features_in_ == len(names):
        raise ValueError("its columns are not those that it encodes")
    if not np.array_equal(np.sort(positions), np.arange(n_columns)):
        raise ValueError("it encodes a column twice, and another column not at all")
    return encoder


def settle(model: Any, net: Any, encoder: TableEncoder, state: dict[str, Any]) -> None:
    """Restore the attributes of an estimator that need its net."""
    net.max_epochs = _check(state["training"]["max_epochs"], int)
    for epoch in _check(state["history"], list):
        net.history.append(_check(epoch, dict))
    deviations = None
    if (learnt := state["deviations"]) is not None:
        deviations = Deviations(encoder.targets, _check(learnt["member_weights"], np.ndarray))
        deviations.factors = _check(learnt["factors"], np.ndarray)
        deviations.units = _check(learnt["units"], np.ndarray)
        deviations.errors = [
            _check(errors, StandardisedErrors, type(None))
            for errors in _check(learnt["errors"], list)
        ]
    model._settle(net, encoder, deviations)
    model._calibration = Calibration()
    for name, calibrator in _check(state["calibrators"], dict).items():
        calibrator = _check(calibrator, TemperatureScaling, IsotonicCalibration)
        model._calibration.calibrators[_check(name, str)] = calibrator


def plan_of(model: Any, state: dict[str, Any]) -> Plan:
    """Return the plan of training in a file, with the values that a net needs."""
    training = state["training"]
    return replace(
        Plan.of(model, n_rows=1),
        batch_size=_check(training["batch_size"], int),
        learning_rate=_check(training["learning_rate"], float, int),
    )


def _features_state(features: FeatureEncoder) -> dict[str, Any]:
    return {
        "categorical_positions": features.categorical_positions_,
        "number_positions": features.number_positions_,
        "columns": [
            {**_read(column, _OF_CATEGORIES), "declared": column._known and column._known[0]}
            for column in features.columns_
        ],
        "scaler": _read(features.scaler_, _OF_SCALER),
        "dtype": str(np.dtype(features.scaler_.dtype)),
    }


def _features_of(encoder: TableEncoder, state: dict[str, Any]) -> FeatureEncoder:
    # Training may go on in another dtype than that of the numbers.
    dtype = state["dtype"]
    if dtype not in ("float32", "float64"):
        raise ValueError(f"the dtype of its numbers is {dtype!r}")
    features = FeatureEncoder(
        encoder.categorical_features, encoder.max_categories, encoder.min_frequency, dtype
    )
    features.categorical_positions_ = _check(state["categorical_positions"], np.ndarray)
    features.number_positions_ = _check(state["number_positions"], np.ndarray)
    features.columns_ = [_column_of(features, column) for column in state["columns"]]
    features.cardinalities_ = [column.n_codes for column in features.columns_]
    scaler = NumberScaler(features.number_positions_, dtype)
    for name, attribute in _OF_SCALER.items():
        value = _check(state["scaler"][name], np.ndarray)
        if value.shape != features.number_positions_.shape:
            raise ValueError(f"it does not have one {name} for each column of numbers")
        setattr(scaler, attribute, value)
    if np.isinf(scaler.mean_).any() or (scaler.scale_ <= 0).any():
        raise ValueError("the means or scales of its numbers are not possible")
    features.scaler_ = scaler
    return features


def _statistics_of(encoder: TableEncoder, state: dict[str, Any] | None) -> TargetStatistics | None:
    if state is None:
        return None
    columns = _check(_check(state, dict)["columns"], np.ndarray)
    statistics = TargetStatistics(columns)
    statistics.tables = [_check(table, np.ndarray) for table in _check(state["tables"], list)]
    statistics.learnt_from = _check(state["learnt_from"], str)
    statistics.read = _check(state["read"], np.ndarray, type(None))
    statistics.n_tasks = _check(state["n_tasks"], int, type(None))
    n_codes = encoder.features.cardinalities_
    known = set(range(len(n_codes)))
    if columns.ndim != 1 or not set(columns.tolist()) <= known or not len(columns):
        raise ValueError("it has statistics of columns that are not categorical")
    # There are no statistics of tasks that were added later.
    expected = [(n_codes[column], statistics.tables[0].shape[-1]) for column in columns]
    if [table.shape for table in statistics.tables] != expected:
        raise ValueError("it does not have one statistic for each category and task")
    if not all(np.isfinite(table).all() for table in statistics.tables):
        raise ValueError("it has statistics that are not finite")
    return statistics


def _column_of(features: FeatureEncoder, state: dict[str, Any]) -> CategoryEncoder:
    column = CategoryEncoder(features.max_categories, features.min_frequency)
    column.categories = _check(state["categories"], pd.Index)
    column.n_codes = len(column.categories) + 2
    column._kind = _check(state["kind"], str, type(None))
    column._rare_share = _check(state["rare_share"], float, int, np.floating)
    declared = _check(state["declared"], pd.Index, type(None))
    column._known = None if declared is None else (declared, column._look_up(declared))
    return column


def _form_of(state: dict[str, Any]) -> TargetForm:
    form = TargetForm(**_check(state, dict))
    if form.library not in ("numpy", "pandas", "polars") or form.ndim not in (1, 2):
        raise ValueError("the form of y is unknown")
    for part in (form.names, form.columns, form.dtypes, form.ignored, form.levels):
        _check(part, list)
    return form


def _check_task(task: Any) -> Task:
    """Check the attributes that all tasks have."""
    _check(_check(task, Task).name, str)
    _check(task.classes, np.ndarray, type(None))
    if task.has_classes == (task.classes is None) or _check(task.n_outputs, int) < 1:
        raise ValueError(f"task {task.name!r} does not have the classes or outputs of its kind")
    for name in ("mean", "scale"):
        if type(task) in KNOWN.values() and not math.isfinite(getattr(task, name, 0.0)):
            raise ValueError(f"task {task.name!r} has {name} {getattr(task, name)!r}")
    return task


def _read(value: Any, attributes: dict[str, str]) -> dict[str, Any]:
    return {name: getattr(value, attribute) for name, attribute in attributes.items()}


def _check(value: Any, *types: type) -> Any:
    """Return a value, after a check that it has one of the types; a bool is not a number."""
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        names = ", ".join(cls.__name__ for cls in types)
        raise ValueError(f"it contains a {type(value).__name__} where {names} is expected")
    return value
