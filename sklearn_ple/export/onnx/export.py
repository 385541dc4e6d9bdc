"""ONNX files: a fitted estimator as one graph, which predicts without Python."""

import json
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import singledispatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted
from torch import nn

from ...encoding.features import FeatureEncoder
from ...parameters.shared import Parameters
from ...tasks import ClassTask, Task
from ...utils.constraints import PATH, check_arguments
from ...utils.files import check_folder, replacing
from ...utils.versions import needing
from .graph import PredictionGraph
from .interface import (
    CODES,
    NUMBERS,
    OPSET,
    GraphTable,
    TaskValues,
    assemble,
    describe_columns,
    describe_graph,
    merge_columns,
)
from .nodes import Nodes
from .parity import check_parity, draw_rows, vary_rows
from .pipelines import connect

if TYPE_CHECKING:
    from onnx import ModelProto

# The first version with all options of the exporter that are used.
_OLDEST_TORCH = "2.6"

# Number of rows that are traced: torch would take a single row for a constant.
_TRACED_ROWS = 3


@check_arguments(path=[PATH], X=[pd.DataFrame, None])
def to_onnx(model: Any, path: str | os.PathLike[str], X: pd.DataFrame | None = None) -> None:
    """Write a fitted estimator to an ONNX file, for servers and web pages without Python.

    The graph contains all steps of ``predict`` and ``predict_proba``: categories, scaling in
    float64, indicators of missing numbers, target statistics, embeddings, the network and the mean
    over its members, dependences between tasks, calibration, and labels as they are. It takes no
    known labels.

    It has an input for each column of X, with the name of the column and of shape (n_rows, 1):

    - numbers are float64, and NaN if they are missing. This includes categories that are numbers
      or bools;
    - text is a string, and empty if it is missing. This includes categories that are whole numbers
      beyond 2**53, which float64 does not hold. Text that was an empty string in fit is that
      category, and not missing;
    - dates, also those that are text in X, are the seconds since 1970 as float64, and NaN if they
      are missing: in UTC or, in a column without time zone, on its own clock. The graph computes
      the year and the other parts of a date in the time zone of fit.

    A category that was rare in fit, or that fit has not seen, is an unknown one, as in
    ``predict``. For a task called "death" the graph has these outputs:

    - ``label.death``, of shape (n_rows,): for numbers the prediction in the units of the labels,
      as float64; for classes the predicted class, as a string, a bool or float64;
    - ``probabilities.death``, float64 of shape (n_rows, n_classes), only for classes.

    The file beside it, ``model.json`` for ``model.onnx``, describes them:

    - ``columns``: for each column of X, in their order, its ``name``, its ``kind``, "number",
      "text" or "date", its ``categories``, if it has any, and the ``zone`` of dates that have one;
    - ``tasks``: for each task its ``name``, its ``kind``, its ``classes`` and the names of its
      outputs, ``label`` and ``probabilities``;
    - ``estimator``, ``versions`` and ``format_version``.

    Before the files are put in their places, ONNX Runtime predicts some random rows, with missing
    and unknown categories. Their predictions are compared with those of the estimator.

    Parameters
    ----------
    model : estimator of this package or Pipeline
        The fitted estimator, or a pipeline that ends with it: a network, a
        ``PerTaskClassifierRegressor`` whose models are boosting by default, or a
        ``BlendClassifierRegressor`` of such estimators. If it was fitted to a sparse X, the graph
        reads dense numbers. The other steps of a pipeline become part of the graph: those of
        scikit-learn that skl2onnx converts, and the ``TableVectorizer`` of skrub, but not its
        encoders of text and of periods of dates.
    path : str or path-like
        The file to write, such as "model.onnx". Existing files are replaced, each as a whole.
    X : DataFrame of shape (n_rows, n_columns), default=None
        Rows as in fit. Only a pipeline needs them, and it must have them: its steps do not keep
        the types of columns. The graph is checked with them.

    Raises
    ------
    TypeError
        If the model is not an estimator of this package, or a part of it is another one, which the
        message names; if a kind of task of your own overrides a method that predicts, but not its
        traced form, such as ``traced_predict``; if the offset of a time zone from UTC varies; if
        the categories of a column, or the classes of a task, are neither all text nor all numbers;
        if a step of a pipeline cannot be converted.
    ValueError
        If a category is infinite; if a column has no name, or that of an output; if ``path`` ends
        in ".json"; if a network or embedding of your own cannot be traced; if the predictions of
        the graph differ from those of the estimator.
    sklearn.exceptions.NotFittedError
        If the model is not fitted.
    FileNotFoundError
        If the folder of the file does not exist.
    ImportError
        If onnx, onnxscript, onnxruntime or, for a step that needs it, skl2onnx is not installed,
        or torch is older than 2.6.

    See Also
    --------
    save : Write a file from which the estimator itself can be loaded.

    Notes
    -----
    The graph has opset 18. A network is traced by torch's exporter, which takes some seconds.

    The graph does not reject the input that ``predict`` rejects: infinity counts as a very large
    number.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from sklearn_ple import PLERegressor, export
    >>> X, y = [[0.0], [1.0], [2.0]], [0.1, 1.2, 1.9]
    >>> model = PLERegressor(n_members=1, max_epochs=2).fit(X, y)
    >>> path = Path(tempfile.mkdtemp()) / "model.onnx"
    >>> export.to_onnx(model, path)  # doctest: +SKIP
    >>> import onnxruntime  # doctest: +SKIP
    >>> session = onnxruntime.InferenceSession(path)  # doctest: +SKIP
    >>> row = np.array([[1.0]])
    >>> (label,) = session.run(["label.y"], {"x0": row})  # doctest: +SKIP
    >>> np.allclose(label, model.predict(row), atol=1e-5)  # doctest: +SKIP
    True
    """
    steps, model = (model[:-1], model[-1]) if isinstance(model, Pipeline) else (None, model)
    encoders = list_encoders(model)
    check_folder(path)
    beside = Path(path).with_suffix(".json")
    if beside == Path(path):
        raise ValueError(
            f"path is {os.fspath(path)!r}: the file of this name describes the graph."
        )
    onnx = _import_onnx()
    names = list(getattr(model, "feature_names_in_", range(model.n_features_in_)))
    columns = merge_columns([describe_columns(names, features) for features in encoders])
    if steps:
        inputs, values, nodes = connect(steps, X, columns)
    else:
        inputs, values = columns, [column["name"] for column in columns]
        nodes = Nodes(values)
    description = describe_graph(type(model).__name__, inputs, model.tasks_)
    predicted = add_model(model, GraphTable(names, values, nodes))
    made = assemble(description, predicted, model.tasks_, nodes)
    text = json.dumps(description, ensure_ascii=False, allow_nan=False, indent=1)
    rows = vary_rows(X, inputs, steps) if steps else draw_rows(columns, encoders[0])
    read = steps.transform(rows) if steps else rows.set_axis(names, axis=1)
    expected = model._predict_labels(read), model._predict_classes(read)
    with replacing(path) as partial, replacing(beside) as partial_json:
        onnx.save_model(made, partial)
        partial_json.write_text(text, encoding="utf-8")
        check_parity(partial, description, rows, expected, model.tasks_)


@singledispatch
def list_encoders(model: Any) -> list[FeatureEncoder]:
    """Return the encoders of X that an ONNX graph of a fitted model needs, after a check of it.

    Another type of model registers a function here and one with `add_model`.

    Raises
    ------
    TypeError
        If the model cannot be exported.
    sklearn.exceptions.NotFittedError
        If the model is not fitted.
    """
    raise TypeError(
        f"model is of type {type(model).__name__}: only networks of this package can be exported, "
        "alone, as the last step of a pipeline or in a BlendClassifierRegressor, and a "
        "PerTaskClassifierRegressor."
    )


@singledispatch
def add_model(model: Any, table: GraphTable) -> list[TaskValues]:
    """Add the nodes of a model that `list_encoders` accepts; return what it predicts.

    Parameters
    ----------
    model : estimator
        The fitted model.
    table : GraphTable
        The columns that it reads.

    Returns
    -------
    list of TaskValues
        What is predicted of each task.
    """
    raise NotImplementedError(type(model).__name__)


@list_encoders.register
def _(model: Parameters) -> list[FeatureEncoder]:
    check_is_fitted(model)
    for task in model.tasks_:
        _check_traced(task)
    return [model._encoder.features]


@add_model.register
def _(model: Parameters, table: GraphTable) -> list[TaskValues]:
    from onnx import compose

    calibration = model.temperatures_, model.intercepts_
    graph = PredictionGraph(model.module_, model._encoder, *calibration)
    try:
        traced = _trace(graph, model._encoder.features).graph
    except Exception as error:
        raise _explain(error, type(model).__name__, model.module_) from error
    nodes = table.nodes
    inner = f"{nodes.prefix}network/{len(nodes.nodes)}/"
    compose.add_prefix_graph(traced, inner, inplace=True)
    for kind, value in table.encode(model._encoder.features).items():
        nodes.add("Identity", [value], inner + kind)
    nodes.nodes += traced.node
    nodes.constants += traced.initializer
    outputs = [output.name for output in traced.output]
    labels, probabilities = outputs[: len(model.tasks_)], iter(outputs[len(model.tasks_) :])
    return [
        TaskValues(label, next(probabilities) if task.has_classes else None)
        for label, task in zip(labels, model.tasks_, strict=True)
    ]


def _import_onnx() -> Any:
    """Import onnx, after a check of all optional dependencies and of torch's version."""
    with needing("ONNX files need onnx, onnxscript and onnxruntime", "onnx"):
        import onnx
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    if torch.torch_version.TorchVersion(torch.__version__) < _OLDEST_TORCH:
        raise ImportError(
            f"ONNX files need torch {_OLDEST_TORCH} or later, but {torch.__version__} is "
            "installed: pip install --upgrade torch."
        )
    return onnx


def _check_traced(task: Task) -> None:
    """Check that a kind of task has traced forms of the methods that it predicts with."""
    methods = ["predict", "predict_proba"] if task.has_classes else ["predict"]
    for method in methods:
        plain, traced = (_find_definer(task, name) for name in (method, f"traced_{method}"))
        if traced in (None, Task, ClassTask) or not issubclass(traced, plain):
            raise TypeError(
                f"Task {task.name!r} is of a kind of your own, {type(task).__name__}, whose "
                f"{method} cannot be exported: write traced_{method}, which computes the same "
                "with torch operations, in that class."
            )


def _find_definer(task: Task, method: str) -> Any:
    """Return the class, of the task or a base, that defines a method; None if there is none."""
    return next((cls for cls in type(task).__mro__ if method in vars(cls)), None)


def _trace(graph: PredictionGraph, features: FeatureEncoder) -> "ModelProto":
    """Trace the graph with torch, for any number of rows; return the ONNX model."""
    from onnxscript import optimizer, rewriter
    from onnxscript.rewriter.rules.common import materialize_reshape_shape_rule

    rows = {0: torch.export.Dim("n_rows")}
    n_numbers, n_codes = len(features.number_positions_), len(features.categorical_positions_)
    numbers = torch.zeros(_TRACED_ROWS, n_numbers, dtype=torch.float64) if n_numbers else None
    codes = torch.zeros(_TRACED_ROWS, n_codes, dtype=torch.int64) if n_codes else None
    given = {NUMBERS: numbers, CODES: codes}
    with _silence_exporter(), torch.no_grad():
        program: Any = torch.onnx.export(
            graph,
            tuple(given.values()),
            dynamo=True,
            opset_version=OPSET,
            input_names=[name for name, part in given.items() if part is not None],
            dynamic_shapes=tuple(None if part is None else rows for part in given.values()),
            custom_translation_table=_make_translations(),
            optimize=False,
            verbose=False,
        )
        # Not all optimisations of torch: one of them drops the addition of a mean of 1e-9.
        optimizer.inline(program.model)
        optimizer.fold_constants(program.model)
        rewriter.rewrite(program.model, [materialize_reshape_shape_rule])
    return _remove_origins(program.model_proto)


def _explain(error: BaseException, name: str, network: nn.Module) -> ValueError:
    """Return the error of an estimator whose network torch could not trace."""
    while error.__cause__ is not None:
        error = error.__cause__
    reason = str(error).strip() or type(error).__name__
    types = {type(part) for part in network.modules()}
    known = ("sklearn_ple.", "torch.")
    foreign = sorted(cls.__name__ for cls in types if not f"{cls.__module__}.".startswith(known))
    parts = f", with your own {', '.join(foreign)}" if foreign else ""
    return ValueError(
        f"{name}{parts} cannot be exported, since torch cannot trace it: {reason.splitlines()[0]}"
    )


def _remove_origins(made: "ModelProto") -> "ModelProto":
    """Remove the metadata of torch's exporter, which name files of this machine."""
    for node in made.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    return made


def _make_translations() -> dict[Any, Any]:
    """Return replacements of operations that torch's exporter translates inexactly."""
    from onnxscript import opset18 as op

    def log_sigmoid(x: Any) -> Any:
        # Far below zero, torch's own translation is the logarithm of 0. Softplus reads numbers up
        # to 0 only: in float64, ONNX Runtime computes it as log(1 + exp(x)), which overflows.
        return op.Neg(op.Add(op.Relu(op.Neg(x)), op.Softplus(op.Neg(op.Abs(x)))))

    return {torch.ops.aten.log_sigmoid.default: log_sigmoid}


@contextmanager
def _silence_exporter() -> Iterator[None]:
    """Suppress messages and warnings of torch's exporter, on which users cannot act."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
