"""The ends of an ONNX graph: columns of X, labels as users know them, and their description."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pandas.api import types

from ...encoding.categories import MISSING, UNKNOWN, CategoryEncoder
from ...encoding.features import FeatureEncoder
from ...tasks import Task
from ...utils.checks import shown
from ...utils.versions import versions
from .calendar import GraphNumber, find_offset, split_seconds
from .nodes import DATE, NUMBER, TEXT, Nodes

#: Version of the description.
FORMAT_VERSION = 1
#: Names of the inputs of the graph between the ends: the numbers and codes of the encoder.
NUMBERS, CODES = "numbers", "codes"
#: Version of ONNX's operators: the oldest one that torch's exporter supports.
OPSET = 18
#: Version of ONNX's operators for classical models: the first one that looks up float64.
OPSET_ML = 4
# Version of ONNX's files, which the oldest ONNX Runtime reads that is supported.
_IR_VERSION = 10

_LABEL, _PROBABILITIES = "label.", "probabilities."

# Floats hold all whole numbers up to this one, and round greater ones.
_EXACT = 2**53


def describe_graph(
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
        The ``name``, the ``kind`` and, for categories, the ``categories`` of each column, and for
        dates the ``zone``, if they have one.

    Raises
    ------
    TypeError
        If the offset of dates to UTC varies, or if categories are neither all text nor all
        numbers.
    ValueError
        If a category is infinite.
    """
    encoders = dict(zip(features.categorical_positions_.tolist(), features.columns_, strict=True))
    zones = dict(zip(features.date_positions_, features.zones_, strict=True))
    columns = []
    for position, name in enumerate(names):
        name = name if isinstance(name, str) else f"x{name}"
        entry: dict[str, Any] = {"name": name, "kind": NUMBER}
        if position in encoders:
            values = to_graph_values(f"Column {shown(name)}", encoders[position].categories)
            kind = TEXT if values.dtype == object else NUMBER
            entry |= {"kind": kind, "categories": values.tolist()}
        elif position in zones:
            entry |= describe_dates(name, zones[position])
        elif position in features.left_out_:
            entry["kind"] = TEXT
        columns.append(entry)
    return columns


def merge_columns(descriptions: Sequence[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Merge descriptions of the same columns by several encoders: their categories are joined.

    Raises
    ------
    TypeError
        If encoders read a column as text and as numbers.
    """
    merged = []
    for entries in zip(*descriptions, strict=True):
        first = entries[0]
        if len({entry["kind"] for entry in entries}) > 1:
            raise TypeError(
                f"Column {shown(first['name'])} of X is text to one estimator and numbers to "
                "another: make it text before fit."
            )
        found = [entry["categories"] for entry in entries if "categories" in entry]
        joined = {"categories": list(dict.fromkeys(chain(*found)))} if found else {}
        merged.append(first | joined)
    return merged


def describe_dates(name: str, zone: str | None) -> dict[str, Any]:
    """Describe a column of dates; raise a TypeError if the offset of its time zone varies."""
    if find_offset(zone) is None:
        raise TypeError(
            f"Column {shown(name)} of X has dates of the time zone {zone}, whose offset from UTC "
            "varies or is not known, as an ONNX graph needs it. Before fit, convert the column by "
            '.dt.tz_convert("UTC") or, for the local time of day, by .dt.tz_localize(None).'
        )
    return {"kind": DATE} if zone is None else {"kind": DATE, "zone": zone}


def _describe_task(task: Task) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": task.name, "kind": task.kind, "label": _LABEL + task.name}
    if task.has_classes:
        classes = to_graph_values(f"Classes of task {task.name!r}", task.classes)
        entry |= {"classes": classes.tolist(), "probabilities": _PROBABILITIES + task.name}
    return entry


def to_graph_values(what: str, values: pd.Index | np.ndarray) -> np.ndarray:
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


class TaskValues(NamedTuple):
    """Names of what is predicted of a task, among the nodes of a graph.

    Attributes
    ----------
    label : str
        Numbers as float64, or positions of classes as int64, of shape (n_rows,).
    probabilities : str or None
        Probabilities as float64, of shape (n_rows, n_classes); None for numbers.
    """

    label: str
    probabilities: str | None = None


@dataclass(frozen=True)
class GraphTable:
    """The columns of X among the nodes of a graph.

    Attributes
    ----------
    names : list of str or int
        Names of the columns, or their positions.
    values : list of str
        Names of their values, each of shape (n_rows, 1).
    nodes : Nodes
        The nodes.
    """

    names: list[str | int]
    values: list[str]
    nodes: Nodes

    def encode(self, features: FeatureEncoder) -> dict[str, str]:
        """Add nodes that make the numbers and codes that a fitted encoder reads.

        Returns
        -------
        dict of str to str
            Names of the numbers, float64 of shape (n_rows, n_numbers) that are not scaled, and of
            the codes, int64 of shape (n_rows, n_categorical), without what there is none of.
        """
        columns = describe_columns(self.names, features)
        pairs = zip(features.number_positions_, features.scaler_.parts, strict=True)
        parts = {
            NUMBERS: [self._find_number(columns[k], self.values[k], part) for k, part in pairs],
            CODES: [
                self._look_up(columns[k], self.values[k], encoder)
                for encoder, k in zip(
                    features.columns_, features.categorical_positions_, strict=True
                )
            ],
        }
        return {
            kind: self.nodes.add("Concat", some, axis=1) for kind, some in parts.items() if some
        }

    def _find_number(self, column: dict[str, Any], value: str, part: str) -> str:
        """Return the value of a number, or of a part of dates."""
        if not part:
            return value
        offset: Any = find_offset(column.get("zone"))
        return split_seconds(GraphNumber(value, self.nodes), offset)[part].value

    def _look_up(self, column: dict[str, Any], value: str, encoder: CategoryEncoder) -> str:
        """Turn the categories of a column into codes."""
        from onnx import TensorProto

        is_text, keys = column["kind"] == TEXT, list(column["categories"])
        dtype: Any = object if is_text else np.float64
        if encoder.categories.dtype == np.float32:
            # As in the estimator, numbers are rounded to the width of the categories.
            value, dtype = self.nodes.add("Cast", [value], to=TensorProto.FLOAT), np.float32
        codes = list(range(UNKNOWN + 1, UNKNOWN + 1 + len(keys)))
        missing = "" if is_text else np.nan
        # Text that was an empty category in fit remains one.
        if missing not in keys:
            keys.append(missing)
            codes.append(MISSING)
        return self.nodes.look_up(value, np.array(keys, dtype), codes, UNKNOWN)


def assemble(
    description: dict[str, Any],
    predicted: Sequence[TaskValues],
    tasks: Sequence[Task],
    nodes: Nodes,
) -> Any:
    """Make an ONNX model of nodes, which returns labels as users know them.

    Parameters
    ----------
    description : dict
        The description of its inputs and outputs.
    predicted : sequence of TaskValues
        What is predicted of each task.
    tasks : sequence of Task
        The fitted tasks.
    nodes : Nodes
        The nodes. Those of the outputs are added.

    Returns
    -------
    ModelProto
        The model.
    """
    from onnx import TensorProto, helper

    make, outputs = helper.make_tensor_value_info, {}
    for entry, values, task in zip(description["tasks"], predicted, tasks, strict=True):
        name, kind = entry["label"], TensorProto.DOUBLE
        if values.probabilities is None:
            nodes.add("Identity", [values.label], name)
        else:
            classes = to_graph_values(entry["name"], task.classes)
            classes = classes.astype(float) if classes.dtype.kind in "iu" else classes
            nodes.add("Gather", [nodes.keep(classes), values.label], name)
            kind, shares = helper.np_dtype_to_tensor_dtype(classes.dtype), entry["probabilities"]
            nodes.add("Identity", [values.probabilities], shares)
            outputs[shares] = make(shares, TensorProto.DOUBLE, ["n_rows", len(classes)])
        outputs[name] = make(name, kind, ["n_rows"])
    kinds = {NUMBER: TensorProto.DOUBLE, DATE: TensorProto.DOUBLE, TEXT: TensorProto.STRING}
    graph = helper.make_graph(
        nodes.nodes,
        "predictions",
        [make(c["name"], kinds[c["kind"]], ["n_rows", 1]) for c in description["columns"]],
        [outputs[name] for name in name_outputs(description)],
        nodes.constants,
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", OPSET_ML)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION)
