"""What a fitted estimator has learnt, as a dict of attributes, and back."""

from collections.abc import Hashable, Sequence
from inspect import signature
from typing import Any

import numpy as np
import torch

from ...encoding.class_weights import weigh_classes
from ...encoding.dates import PARTS
from ...encoding.encoder import TableEncoder
from ...encoding.features import FeatureEncoder
from ...encoding.numeric import EmbeddingMaker
from ...encoding.prerequisites import Prerequisites
from ...encoding.statistics import TargetStatistics
from ...encoding.targets import TargetEncoder, read_classes
from ...parameters.same_network import describe_network
from ...parameters.settings import Settings
from ...predictions.copula import Copula
from ...predictions.intervals import Deviations
from ...tables.reading import Header
from ...tasks import Task
from ...training.build import make_encoder, make_net
from ...training.device import resolve_device
from ...training.history import SHOWN
from ...training.random_state import seeded
from ...training.start import Fitted
from ...utils.checks import naming
from ...utils.constraints import COUNT
from ..estimator import FittedEstimator
from .known_classes import check_types
from .networks import load_state, restore_network

#: Attributes of a fitted estimator and of its parts that are saved, and their types. A module is
#: saved as its state.
STATE: dict[str, Any] = {
    "n_features_in_": int,
    "feature_names_in_": np.ndarray | None,
    "_encoder.targets": TargetEncoder,
    "_encoder.order": list[int],
    "_encoder.n_labels": np.ndarray,
    "_encoder.features": FeatureEncoder,
    "_encoder.maker": EmbeddingMaker | None,
    "_encoder.has_interactions": bool,
    "_encoder.statistics": TargetStatistics | None,
    "_encoder.n_bins": int,
    "_deviations": Deviations | None,
    "temperatures_": dict[str, float],
    "intercepts_": dict[str, list[float]],
    "_rng": np.random.RandomState,
    "_split_seed": int,
    "_sklearn_output_config": dict[str, Any] | None,
    "device_": str,
    "net_.lr": float,
    "net_.batch_size": int,
    "net_.max_epochs": int,
    "net_.history": list[dict[str, Any]],
    "net_.module_": dict[str, torch.Tensor],
    "net_.criterion_": dict[str, torch.Tensor],
}


def take_apart(model: FittedEstimator) -> dict[str, Any]:
    """Return the attributes of a fitted estimator that `STATE` lists."""
    state: dict[str, Any] = {}
    for path in STATE:
        owner, _, name = path.rpartition(".")
        state[path] = getattr(getattr(model, owner) if owner else model, name, None)
    # Callbacks may record anything.
    state["net_.history"] = [
        {name: entry for name, entry in epoch.items() if isinstance(entry, (float, int, list))}
        | {"batches": []}
        for epoch in model.net_.history
    ]
    for path in ("net_.module_", "net_.criterion_"):
        state[path] = {name: value.cpu() for name, value in state[path].state_dict().items()}
    return state


def put_together(model: FittedEstimator, state: dict[str, Any]) -> None:
    """Set the attributes of an estimator as a fit does.

    Parameters
    ----------
    model : estimator of this package
        The estimator, with its parameters.
    state : dict
        The attributes that `take_apart` returned.

    Raises
    ------
    ValueError
        If an attribute is of another type than in `STATE`, or if some do not fit each other
        or the parameters.
    """
    check_types(state, STATE, "the state")
    for name in ("net_.batch_size", "net_.max_epochs", "_encoder.n_bins"):
        if not COUNT.is_satisfied_by(state[name]):
            raise ValueError(f"{name} is no number of 1 or more, or too large")
    if state["net_.lr"] <= 0:
        raise ValueError("net_.lr is not above zero")
    # NumPy refuses other seeds.
    np.random.RandomState(state["_split_seed"])
    if not all(temperature > 0 for temperature in state["temperatures_"].values()):
        raise ValueError("its temperatures are not above zero")
    names = state["feature_names_in_"]
    if names is not None and not all(isinstance(name, str) for name in names):
        raise ValueError("the names of its columns are not text")
    header = Header(state["n_features_in_"], [] if names is None else names.tolist())
    model.set_output(**(state["_sklearn_output_config"] or {}))
    given = model._settings
    settings = given.replace(
        batch_size=state["net_.batch_size"],
        learning_rate=state["net_.lr"],
        n_bins=state["_encoder.n_bins"],
        # A task that is watched has a name.
        early_stopping=given.early_stopping != "auto" and given.early_stopping,
    )
    try:
        device = resolve_device(state["device_"], settings.tensor_dtype)
    except ValueError:
        # It was fitted on a machine with other devices.
        device = "cpu"
    encoder = _make_encoder(settings, state)
    with seeded(np.random.RandomState(0)):
        module = restore_network(settings, encoder, state["net_.module_"], header)
        # The speed of this machine with bfloat16 is checked only before training.
        module.product_dtype = settings.product_dtype
        net = make_net(settings, module, encoder, device)
    with naming(f"balancing={model.balancing!r}"):
        load_state(net.criterion_, state["net_.criterion_"])
    net.max_epochs = state["net_.max_epochs"]
    if not all(_holds_numbers(epoch, len(encoder.tasks)) for epoch in state["net_.history"]):
        raise ValueError("its history holds something else than numbers")
    net.history.extend(state["net_.history"])
    if (deviations := state["_deviations"]) is not None:
        deviations.targets = encoder.targets
        _check_deviations(deviations, len(encoder.tasks))
        if deviations.copula is not None:
            _check_copula(deviations.copula, encoder.tasks)
    _check_intercepts(state, encoder.tasks)
    network = describe_network(settings.owner, settings.parameters)
    learnt = net, encoder, deviations, state["_rng"], device, network
    calibration = state["temperatures_"], state["intercepts_"]
    model._store(Fitted(*learnt, state["_split_seed"], header, calibration))


def _make_encoder(settings: Settings, state: dict[str, Any]) -> TableEncoder:
    """Return the encoder of a state, after a check that its parts fit each other."""
    encoder = make_encoder(settings)
    learnt = "targets", "order", "n_labels", "features", "maker", "has_interactions", "statistics"
    for name in learnt:
        setattr(encoder, name, state[f"_encoder.{name}"])
    # Parameters are not learnt.
    for part in (encoder.targets, encoder.features):
        given = {name: getattr(encoder, name) for name in signature(type(part)).parameters}
        vars(part).update(given | vars(part))
    # What only the start of a fit needs.
    encoder.linear_coefficients = encoder.kept = None
    for task in encoder.tasks:
        task.check_learnt()
        if task.has_classes:
            read_classes(task.name, task.classes)
    if [task.name for task in encoder.tasks] != encoder.targets.names:
        raise ValueError("its tasks are not the columns of y")
    if sorted(encoder.order) != list(range(len(encoder.tasks))):
        raise ValueError("the tasks of its network are not those of y")
    counts = np.asarray(encoder.n_labels, dtype=np.float64)
    if counts.shape != (len(encoder.tasks),) or not (
        counts.min() >= 0 and 0 < counts.max() < np.inf
    ):
        raise ValueError("it does not have one number of labels for each task")
    if not all(isinstance(column, Hashable) for column in encoder.targets.form.columns):
        raise ValueError("the names of the columns of y are none")
    # Of no rows this only checks class_weight, which partial_fit reads anew.
    no_rows = np.empty((0, len(encoder.tasks)))
    weigh_classes(no_rows, no_rows, encoder.tasks, settings.class_weight)
    encoder.prerequisites = Prerequisites(settings.depends_on, encoder.tasks)
    names = state["feature_names_in_"]
    _check_columns(encoder.features, state["n_features_in_"], names, settings.n_members)
    if encoder.statistics is not None:
        _check_statistics(encoder.statistics, encoder.features.cardinalities_)
    return encoder


def _holds_numbers(epoch: dict[str, Any], n_tasks: int) -> bool:
    """Return whether an epoch holds numbers and lists of them, and what is shown has its shape."""

    def is_numbers(value: object) -> bool:
        of_list = isinstance(value, list) and all(map(is_numbers, value))
        return of_list or isinstance(value, (bool, int, float))

    def has_shape(name: str) -> bool:
        of_tasks = name.endswith(("losses", "scores", "weights"))
        return np.shape(epoch[name]) == ((n_tasks,) if of_tasks else ())

    shown = epoch.keys() & SHOWN
    return all(map(is_numbers, epoch.values())) and all(map(has_shape, shown))


def _check_deviations(deviations: Deviations, n_tasks: int) -> None:
    """Check that each task has a factor, a unit and errors, and each error a weight."""
    shapes = {np.shape(part) for part in (deviations.factors, deviations.units)}
    if shapes != {(n_tasks,)} or len(deviations.errors) != n_tasks:
        raise ValueError("it does not have one deviation for each task")
    for errors in filter(None, deviations.errors):
        if {errors.values.shape, errors.weights.shape} != {(errors.values.size,)}:
            raise ValueError("it does not have one weight for each error")


def _check_intercepts(state: dict[str, Any], tasks: Sequence[Task]) -> None:
    """Check that each task with a temperature has an intercept for each of its outputs."""
    sizes = {task.name: task.n_outputs for task in tasks if task.name in state["temperatures_"]}
    if {name: len(part) for name, part in state["intercepts_"].items()} != sizes:
        raise ValueError("it does not have one intercept for each output with a temperature")


def _check_copula(copula: Copula, tasks: Sequence[Task]) -> None:
    """Check that correlations are those of the tasks, and that orders are of their classes."""
    n, correlation = len(tasks), np.asarray(copula.correlation, dtype=np.float64)
    shapes = correlation.shape, copula.usable.shape, copula.gains.shape, copula.errors.shape[1:]
    is_bool = copula.usable.dtype == bool
    if shapes != ((n, n), (n,), (n,), (n,)) or len(copula.orders) != n or not is_bool:
        raise ValueError("its tasks do not depend on each other in as many ways as there are")
    values = np.linalg.eigvalsh(correlation) if np.isfinite(correlation).all() else [-1.0]
    if min(values) <= 0 or not np.allclose(np.diag(correlation), 1):
        raise ValueError("the correlations of its tasks are none")
    for task, order in zip(tasks, copula.orders, strict=True):
        size = len(task.classes) if task.has_classes else 0
        if not np.array_equal(np.sort(order), np.arange(size)):
            raise ValueError(f"the order of the task {task.name!r} is not one of its classes")


def _check_columns(
    features: FeatureEncoder, n_features: int, names: np.ndarray | None, n_members: int
) -> None:
    """Check that each column is encoded once, and that each number has its own scale."""
    scaler, n_categorical = features.scaler_, len(features.categorical_positions_)
    parts = np.array(scaler.parts, dtype=object)
    for part in (scaler.positions, scaler.mean_, scaler.scale_, scaler.missing_):
        if part.shape != parts.shape:
            raise ValueError("it does not have one mean and scale for each column of numbers")
    positions = features.categorical_positions_, scaler.positions
    if {part.dtype.kind for part in positions} != {"i"}:
        raise ValueError("the positions of its columns are not whole numbers")
    if scaler.missing_.dtype != bool:
        raise ValueError("it does not say of each column whether numbers are missing")
    read: dict[int, list[str]] = {}
    for position, name in zip(positions[1].tolist(), scaler.parts, strict=True):
        read.setdefault(position, []).append(name)
    if [own for own in read.values() if own != [""]] != [PARTS] * len(features.zones_):
        raise ValueError("it does not read each number once, and all parts of each date")
    if len(features.layouts_) != len(features.zones_):
        raise ValueError("it does not say of each date how it is written")
    encoded = [*positions[0].tolist(), *read, *features.left_out_]
    n_named = n_features if names is None else len(names)
    if n_named != n_features or len(features.columns_) != n_categorical:
        raise ValueError("its columns are not those that it encodes")
    if len(set(encoded)) < len(encoded) or not set(encoded) <= set(range(n_features)):
        raise ValueError("it encodes a column twice, or one that X does not have")
    if (read_by := features.read_by_) is None:
        if len(encoded) < n_features:
            raise ValueError("it encodes some columns not at all")
    elif read_by.dtype != bool or read_by.shape not in ((1, len(parts)), (n_members, len(parts))):
        raise ValueError("it does not say of each column which members read it")


def _check_statistics(statistics: TargetStatistics, n_codes: list[int]) -> None:
    """Check that statistics are those of columns of categories."""
    # There are no statistics of tasks that were added later.
    n_numbers = statistics.tables[0].shape[-1]
    expected = [(n_codes[column], n_numbers) for column in statistics.columns]
    if [table.shape for table in statistics.tables] != expected:
        raise ValueError("it does not have one statistic for each category and task")
