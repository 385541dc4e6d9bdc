"""The steps of a pipeline before the estimator, as nodes of its ONNX graph."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pandas.api import types
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline

from ...encoding.dates import PARTS, find_zone, is_date
from ...tables.reading import is_number
from ...utils.versions import needing
from .calendar import GraphNumber, find_offset, split_seconds
from .interface import describe_dates
from .nodes import DATE, NUMBER, TEXT, Nodes

# skrub's steps that only check or convert what is a number or text already.
_UNCHANGED = {"CleanCategories", "DropUninformative", "PassThrough", "ToStr"}


class GraphColumn(NamedTuple):
    """A column among the nodes: its kind, and the name of its value, of shape (n_rows, 1).

    Dates may have a time zone.
    """

    kind: str
    value: str
    zone: str | None = None


def connect(
    steps: Pipeline, X: Any, columns: Sequence[dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[str], Nodes]:
    """Add the nodes of the steps before an estimator.

    Parameters
    ----------
    steps : Pipeline
        The fitted steps.
    X : DataFrame of shape (n_rows, n_columns)
        Rows that the first step reads.
    columns : sequence of dict
        Descriptions of the columns that the estimator reads.

    Returns
    -------
    inputs : list of dict
        Descriptions of the columns of X that the graph reads.
    values : list of str
        Names of the values of the estimator's columns among the nodes.
    nodes : Nodes
        The nodes.

    Raises
    ------
    TypeError
        If X is no data frame; if a step cannot be converted.
    """
    if not isinstance(X, pd.DataFrame):
        raise TypeError(
            f"X is of type {type(X).__name__}: pass a DataFrame with rows as in fit, since the "
            "steps of a pipeline do not keep the types of columns."
        )
    given, nodes = _read_kinds(X), Nodes(map(str, X.columns))
    made = _add(steps, given, nodes, "")
    _check_number("The estimator", len(columns), made)
    for column, one in zip(columns, made, strict=True):
        if column["kind"] != one.kind:
            raise TypeError(
                f"Column {column['name']!r} of the estimator is {column['kind']}, but the steps "
                f"of the graph make {one.kind} of it: convert it before the pipeline."
            )
    kept = {one.value: column for column, one in zip(columns, made, strict=True)}
    used = {value for node in nodes.nodes for value in node.input} | kept.keys()
    inputs = []
    for kind, name, zone in given:
        if name in used:
            # Categories that no step changes are those of the estimator.
            inputs.append({**kept.get(name, {}), "name": name, "kind": kind})
            if kind == DATE:
                inputs[-1] |= describe_dates(name, zone)
    return inputs, [one.value for one in made], nodes


def _read_kinds(X: pd.DataFrame) -> list[GraphColumn]:
    """Return the columns of X as inputs; the kind of what a graph does not read is a dtype."""
    columns = []
    for name, dtype in X.dtypes.items():
        values = dtype.categories.dtype if isinstance(dtype, pd.CategoricalDtype) else dtype
        is_text = types.is_object_dtype(values) or types.is_string_dtype(values)
        kind = NUMBER if is_number(values) else TEXT if is_text else str(values)
        kind = DATE if is_date(dtype) else kind
        columns.append(GraphColumn(kind, str(name), find_zone(dtype)))
    return columns


def _add(
    step: BaseEstimator, columns: list[GraphColumn], nodes: Nodes, where: str
) -> list[GraphColumn]:
    """Add the nodes of a fitted transformer; return the columns that it makes."""
    if isinstance(step, Pipeline):
        for name, inner in step.steps:
            columns = _add(inner, columns, nodes, f"{where}{name}: ")
        return columns
    kind = type(step).__name__
    if kind in _UNCHANGED or step == "passthrough" or getattr(step, "func", step) is None:
        return columns
    _check_number(f"Step {where}{kind}", getattr(step, "n_features_in_", None), columns)
    if isinstance(step, ColumnTransformer):
        made = []
        for name, inner, _ in step.transformers_:
            places = step._transformer_to_input_indices[name]
            if inner != "drop" and len(places):
                some = [columns[place] for place in places]
                made += _add(inner, some, nodes, f"{where}{name}: ")
        return made
    if kind == "TableVectorizer":
        return _add_table_vectorizer(step, columns, nodes, where)
    if kind == "ToDatetime" and columns[0].kind == DATE:
        return columns
    if kind == "DatetimeEncoder" and _reads_parts(step, columns[0]):
        return _split_dates(columns[0], step.extracted_features_, nodes)
    if kind == "ToFloat" and columns[0].kind == NUMBER:
        return [_to_double(_to_float(columns[0].value, nodes), nodes)]
    if kind == "CleanNullStrings" and columns[0].kind == TEXT:
        return [_clean(columns[0].value, step.null_strings_, nodes)]
    if isinstance(step, SimpleImputer) and _imputes_nan(step, columns):
        return [
            _impute(column.value, value, nodes)
            for column, value in zip(columns, step.statistics_, strict=True)
        ]
    return _convert(step, columns, nodes, f"{where}{kind}")


def _check_number(what: str, expected: int | None, columns: list[GraphColumn]) -> None:
    """Raise an error unless a step reads as many columns as were made before."""
    if expected not in (None, len(columns)):
        raise TypeError(
            f"{what} reads {expected} columns, but skl2onnx makes {len(columns)} of the steps "
            "before: it does without some parameters, such as add_indicator."
        )


def _add_table_vectorizer(
    step: BaseEstimator, columns: list[GraphColumn], nodes: Nodes, where: str
) -> list[GraphColumn]:
    """Add the nodes of skrub's vectorizer, which has a list of steps for each column."""
    made: dict[str, GraphColumn] = {}
    for column, (name, outputs) in zip(columns, step.input_to_outputs_.items(), strict=True):
        current = [column]
        for inner in step.all_processing_steps_[name] if outputs else []:
            if isinstance(inner, Mapping):
                # The outputs of the step before are rounded to float32.
                parts = zip(inner.values(), current, strict=True)
                current = [_add(part, [one], nodes, where)[0] for part, one in parts]
            else:
                current = _add(inner, current, nodes, f"{where}{name}: ")
        made |= dict(zip(outputs, current, strict=False))
    return [made[name] for name in step.all_outputs_]


def _reads_parts(step: BaseEstimator, column: GraphColumn) -> bool:
    """Return whether a step of skrub makes numbers of dates that the encoder makes, too."""
    is_plain = step.periodic_encoding is None and set(step.extracted_features_) <= set(PARTS)
    return column.kind == DATE and find_offset(column.zone) is not None and is_plain


def _split_dates(dates: GraphColumn, parts: Sequence[str], nodes: Nodes) -> list[GraphColumn]:
    offset: Any = find_offset(dates.zone)
    found = split_seconds(GraphNumber(dates.value, nodes), offset)
    return [_to_double(_to_float(found[part].value, nodes), nodes) for part in parts]


def _imputes_nan(step: SimpleImputer, columns: list[GraphColumn]) -> bool:
    """Return whether an imputer only replaces NaN by numbers, which skl2onnx rounds to float32."""
    is_nan = isinstance(step.missing_values, float) and np.isnan(step.missing_values)
    of_numbers = all(column.kind == NUMBER for column in columns)
    return is_nan and of_numbers and not step.add_indicator and not pd.isna(step.statistics_).any()


def _impute(value: str, filled: float, nodes: Nodes) -> GraphColumn:
    constant = nodes.keep(np.array([[filled]], dtype=float))
    return GraphColumn(NUMBER, nodes.add("Where", [nodes.add("IsNaN", [value]), constant, value]))


def _clean(value: str, missing: Sequence[str], nodes: Nodes) -> GraphColumn:
    """Make texts empty that stand for missing ones."""
    from onnx import TensorProto

    found = nodes.look_up(value, np.array(missing, dtype=object), [1] * len(missing), 0)
    is_missing = nodes.add("Cast", [found], to=TensorProto.BOOL)
    empty = nodes.keep(np.array([[""]], dtype=object))
    return GraphColumn(TEXT, nodes.add("Where", [is_missing, empty, value]))


def _to_float(value: str, nodes: Nodes) -> str:
    from onnx import TensorProto

    return nodes.add("Cast", [value], to=TensorProto.FLOAT)


def _to_double(value: str, nodes: Nodes) -> GraphColumn:
    from onnx import TensorProto

    return GraphColumn(NUMBER, nodes.add("Cast", [value], to=TensorProto.DOUBLE))


def _convert(
    step: BaseEstimator, columns: list[GraphColumn], nodes: Nodes, what: str
) -> list[GraphColumn]:
    """Add the nodes that skl2onnx makes of a step, in float64 or, if it cannot, in float32."""
    from onnx import TensorProto, compose

    kinds = {column.kind for column in columns}
    if kinds not in ({NUMBER}, {TEXT}):
        raise TypeError(
            f"Step {what} reads columns of the kinds {sorted(kinds)}, but a step of an ONNX graph "
            "reads either numbers or text: use a ColumnTransformer, and make numbers of dates "
            "before the pipeline."
        )
    graph = _make_graph(step, kinds == {TEXT}, len(columns), what)
    given = nodes.add("Concat", [column.value for column in columns], axis=1)
    compose.add_prefix_graph(graph, f"{given}/", inplace=True)
    (entry,), output = graph.input, graph.output[0]
    is_float = entry.type.tensor_type.elem_type == TensorProto.FLOAT
    nodes.add("Identity", [_to_float(given, nodes) if is_float else given], entry.name)
    nodes.nodes += graph.node
    nodes.constants += graph.initializer
    made = []
    for place in range(output.type.tensor_type.shape.dim[1].dim_value):
        value = nodes.add("Gather", [output.name, nodes.keep(np.array([place]))], axis=1)
        is_text = output.type.tensor_type.elem_type == TensorProto.STRING
        made.append(GraphColumn(TEXT, value) if is_text else _to_double(value, nodes))
    return made


def _make_graph(step: BaseEstimator, is_text: bool, n_columns: int, what: str) -> Any:
    """Convert a step by skl2onnx; return a graph that ONNX Runtime reads."""
    import onnxruntime
    from onnx import version_converter

    with needing(f"Step {what} needs skl2onnx", "onnx"):
        from skl2onnx import convert_sklearn
        from skl2onnx.common import data_types
    wanted = ["StringTensorType"] if is_text else ["DoubleTensorType", "FloatTensorType"]
    step = _read_empty_text(step) if is_text else step
    for name in wanted:
        given = [("X", getattr(data_types, name)([None, n_columns]))]
        try:
            made = convert_sklearn(
                step, initial_types=given, target_opset={"": 18, "ai.onnx.ml": 3}
            )
            onnxruntime.InferenceSession(made.SerializeToString())
            return version_converter.convert_version(made, 18).graph
        # skl2onnx raises errors of many types, its own and others.
        except Exception as error:
            reason = error
    raise TypeError(
        f"Step {what} cannot be exported, since skl2onnx cannot convert it: "
        f"{str(reason).strip().splitlines()[0]} Take the step out of the pipeline, and apply it "
        "before fit."
    ) from reason


def _read_empty_text(step: BaseEstimator) -> Any:
    """Return a copy of a step for which missing text is an empty string."""
    step = copy.deepcopy(step)
    if hasattr(step, "missing_values"):
        step.missing_values = ""
    if hasattr(step, "categories_"):
        step.categories_ = [
            np.array(["" if pd.isna(value) else value for value in values], dtype=object)
            for values in step.categories_
        ]
    return step
