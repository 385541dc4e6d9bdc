"""The ends of an ONNX graph: columns of X, labels as users know them, and their description."""

from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
from pandas.api import types

from ..encoding.categories import MISSING, UNKNOWN
from ..encoding.encoder import TableEncoder
from ..encoding.features import FeatureEncoder
from ..tasks import Task
from ..utils.checks import shown
from ..utils.versions import versions
from .nodes import NUMBER, TEXT, Nodes

#: Version of the description.
FORMAT_VERSION = 1
#: Names of the inputs of the graph between the ends: the numbers and codes of the encoder.
NUMBERS, CODES = "numbers", "codes"
#: Version of ONNX's operators for classical models: the first one that looks up float64.
OPSET_ML = 4

_LABEL, _PROBABILITIES = "label.", "probabilities."

# Floats hold all whole numbers up to this one, and round greater ones.
_EXACT = 2**53


def describe(
    estimator: str, columns: list[dict[str, Any]], tasks: Sequence[Task]
) -> dict[str, Any]:
    """Describe the inputs and outputs of a graph, in types of JSON.

    Parameters
    ----------
    estimator : str
        Name of the class of the estimator.
    columns : list of dict
        The columns of X, as `describe_columns` describes them.
    tasks : sequence of Task
        The fitted tasks.

    Returns
    -------
    dict
        The description that `to_onnx` documents.

    Raises
    ------
    TypeError
        If classes are neither all text nor all numbers.
    ValueError
        If a class is infinite, or if the graph cannot have an input with the name of a column.
    """
    description = {
        "format_version": FORMAT_VERSION,
        "estimator": estimator,
        "versions": versions(),
        "columns": columns,
        "tasks": list(map(_describe_task, tasks)),
    }
    for column in columns:
        if column["name"] in ("", *name_outputs(description)):
            raise ValueError(
                f"Column {column['name']!r} of X cannot be an input, since its name is empty or "
                "that of an output: rename it before fit."
            )
    return description


def name_outputs(description: dict[str, Any]) -> list[str]:
    """Return the names of a graph's outputs in their order: labels, then probabilities."""
    kinds = "label", "probabilities"
    return [task[kind] for kind in kinds for task in description["tasks"] if kind in task]


def describe_columns(names: Iterable[str | int], features: FeatureEncoder) -> list[dict[str, Any]]:
    """Describe the columns that an encoder reads, in types of JSON.

    Parameters
    ----------
    names : iterable of str or int
        Names of all columns, or their positions.
    features : FeatureEncoder
        The fitted encoder.

    Returns
    -------
    list of dict
        The ``name``, the ``kind`` and, for categories, the ``categories`` of each column.

    Raises
    ------
    TypeError
        If there are dates, or if categories are neither all text nor all numbers.
    ValueError
        If a category is infinite.
    """
    names = list(names)
    if dates := [names[position] for position in features.date_positions_]:
        raise TypeError(
            f"X has dates in {shown(dates)}, which an ONNX graph does not read: before fit, make "
            "numbers of them, such as .dt.year, .dt.month and .dt.day_of_week of pandas."
        )
    encoders = dict(zip(features.categorical_positions_.tolist(), features.columns_, strict=True))
    columns = []
    for position, name in enumerate(names):
        name = name if isinstance(name, str) else f"x{name}"
        entry: dict[str, Any] = {"name": name, "kind": NUMBER}
        if position in encoders:
            values = to_plain(f"Column {shown(name)}", encoders[position].categories)
            kind = TEXT if values.dtype == object else NUMBER
            entry |= {"kind": kind, "categories": values.tolist()}
        columns.append(entry)
    return columns


def _describe_task(task: Any) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": task.name, "kind": task.kind, "label": _LABEL + task.name}
    if task.has_classes:
        classes = to_plain(f"Classes of task {task.name!r}", task.classes)
        entry |= {"classes": classes.tolist(), "probabilities": _PROBABILITIES + task.name}
    return entry


def to_plain(what: str, values: Any) -> np.ndarray:
    """Turn categories or classes into what a graph reads and returns.

    Parameters
    ----------
    what : str
        What they are, for messages.
    values : Index or array
        The categories or classes.

    Returns
    -------
    ndarray
        Strings, as objects; bools; or numbers. Whole numbers that float64 does not hold are
        strings.

    Raises
    ------
    TypeError
        If the values are neither all text nor all numbers.
    ValueError
        If one is infinite.
    """
    plain = [value.item() if isinstance(value, np.generic) else value for value in values]
    if not plain:
        return np.empty(0, float if types.is_numeric_dtype(values.dtype) else object)
    if all(isinstance(value, str) for value in plain):
        return np.array(plain, object)
    if not all(isinstance(value, Real) for value in plain):
        kinds = ", ".join(sorted({type(value).__name__ for value in plain}))
        raise TypeError(
            f"{what} are of type {kinds}, and an ONNX file takes either text or numbers. Make the "
            "column text before fit."
        )
    if all(isinstance(value, Integral) for value in plain):
        if max(map(abs, plain)) > _EXACT:
            return np.array([str(int(value)) for value in plain], object)
        return np.array(plain)
    if not np.isfinite(plain).all():
        raise ValueError(
            f"{what}: infinity is among them, and the JSON beside an ONNX file holds finite "
            "numbers only. Make it missing, or the column text, before fit."
        )
    return np.array(plain, float)


def add_ends(
    traced: Any,
    description: dict[str, Any],
    columns: Sequence[dict[str, Any]],
    encoder: TableEncoder,
    nodes: Nodes,
) -> None:
    """Let a traced graph read columns, and return labels as users know them.

    Parameters
    ----------
    traced : ModelProto
        The graph from the encoder's numbers and codes to labels, those of classes as positions,
        and probabilities. It is changed.
    description : dict
        The description of its inputs and outputs.
    columns : sequence of dict
        The columns that the encoder reads, with their ``value`` among the nodes.
    encoder : TableEncoder
        The fitted encoder.
    nodes : Nodes
        The nodes of steps before the encoder. Others are added.
    """
    from onnx import TensorProto, compose, helper

    graph, inner = traced.graph, nodes.prefix
    compose.add_prefix_graph(graph, inner, inplace=True)
    _read(columns, encoder.features, nodes)
    nodes.nodes += graph.node
    classes = {
        entry["label"]: to_plain(entry["name"], task.classes)
        for entry, task in zip(description["tasks"], encoder.tasks, strict=True)
        if "classes" in entry
    }
    for output in graph.output:
        inside, output.name = output.name, output.name.removeprefix(inner)
        if output.name not in classes:
            nodes.add("Identity", [inside], output.name)
            continue
        values = classes[output.name]
        values = values.astype(float) if values.dtype.kind in "iu" else values
        nodes.add("Gather", [nodes.keep(values), inside], output.name)
        output.type.tensor_type.elem_type = helper.np_dtype_to_tensor_dtype(values.dtype)
    del graph.node[:], graph.input[:]
    graph.node.extend(nodes.nodes)
    graph.initializer.extend(nodes.constants)
    kinds = {NUMBER: TensorProto.DOUBLE, TEXT: TensorProto.STRING}
    graph.input.extend(
        helper.make_tensor_value_info(column["name"], kinds[column["kind"]], ["n_rows", 1])
        for column in description["columns"]
    )
    traced.opset_import.append(helper.make_opsetid("ai.onnx.ml", OPSET_ML))


def _read(columns: Sequence[dict[str, Any]], features: FeatureEncoder, nodes: Nodes) -> None:
    """Add nodes that make an encoder's numbers and codes of columns, under their names."""
    from onnx import TensorProto

    numbers = [columns[position]["value"] for position in features.number_positions_]
    codes = []
    width: Any
    for encoder, position in zip(features.columns_, features.categorical_positions_, strict=True):
        value, width = columns[position]["value"], np.float64
        if encoder.categories.dtype == np.float32:
            # As in the estimator, numbers are rounded to the width of the categories.
            value, width = nodes.add("Cast", [value], to=TensorProto.FLOAT), np.float32
        codes.append(_look_up(value, columns[position], width, nodes))
    for parts, name in (numbers, NUMBERS), (codes, CODES):
        if parts:
            nodes.add("Concat", parts, nodes.prefix + name, axis=1)


def _look_up(value: str, column: dict[str, Any], width: Any, nodes: Nodes) -> str:
    """Add a node that turns the categories of a column into codes; return its output."""
    is_text, keys = column["kind"] == TEXT, list(column["categories"])
    codes = list(range(UNKNOWN + 1, UNKNOWN + 1 + len(keys)))
    missing = "" if is_text else np.nan
    # Text that was an empty category in fit remains one.
    if missing not in keys:
        keys.append(missing)
        codes.append(MISSING)
    dtype = object if is_text else width
    return nodes.look_up(value, np.array(keys, dtype), codes, UNKNOWN)
