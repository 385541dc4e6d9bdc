"""ONNX files: a fitted estimator as one graph, which predicts without Python."""

import json
import logging
import os
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from torch import nn

from ..encoding.categories import MISSING, UNKNOWN
from ..encoding.encoder import TableEncoder
from ..tasks import ClassTask, Task
from ..training.outputs import compute_means
from ..training.rows import TableRows
from ..utils.checks import shown
from ..utils.constraints import PATH, check_arguments
from ..utils.files import check_folder, replacing
from ..utils.versions import versions
from .checks import check_model
from .graph import PredictionGraph
from .parity import check_parity

#: Version of ONNX's operators: the oldest one that torch's exporter supports.
OPSET = 18
#: Version of the description in the file's metadata, and its key there.
FORMAT_VERSION, KEY = 1, "sklearn-ple"

#: Names of the graph's inputs, and prefixes of the names of its outputs.
NUMBERS, CATEGORIES = "numbers", "categories"
LABEL, PROBABILITIES = "label.", "probabilities."

# The first version with all options of the exporter that are used.
_OLDEST_TORCH = "2.6"

# Number of rows that are traced: torch would take a single row for a constant.
_TRACED_ROWS = 3


@check_arguments(path=[PATH])
def to_onnx(model: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted estimator to an ONNX file, for servers without this package or torch.

    The graph contains all steps of ``predict`` and ``predict_proba``: scaling in float64,
    indicators of missing numbers, target statistics, embeddings, the network and the mean over
    its members, dependences between tasks, calibration, and labels in their units. It takes no
    known labels.

    It has up to two inputs; an input without columns is left out:

    - ``numbers``, float64 of shape (n_rows, n_numbers): the numeric columns in the order of X,
      with NaN for missing numbers;
    - ``categories``, int64 of shape (n_rows, n_categories): the codes of the categorical columns
      in the order of X. Code 0 is a missing category and code 1 an unknown or rare one. Codes from
      2 on are the categories in the order of the metadata. Any other code counts as unknown.

    For a task called "death" it has these outputs:

    - ``label.death``, of shape (n_rows,): for numbers the prediction in the units of the labels,
      as float64; for classes the position of the predicted class in ``classes``, as int64;
    - ``probabilities.death``, float64 of shape (n_rows, n_classes), only for classes.

    The metadata of the file hold, as JSON under the key "sklearn-ple", what a server must know:

    - ``columns``: for each column of X its ``name``, its ``input``, its ``place`` in the input and
      its ``categories``;
    - ``tasks``: for each task its ``name``, its ``kind``, its ``classes`` and the names of its
      outputs;
    - ``codes``: the codes of missing and unknown categories, and of the first category in the
      list;
    - ``estimator``, ``versions`` and ``format_version``.

    Before the file is put in its place, ONNX Runtime predicts some random rows with it. Their
    predictions are compared with those of the estimator.

    Parameters
    ----------
    model : estimator of this package
        The fitted estimator. If it was fitted to a sparse X, the graph reads dense numbers.
    path : str or path-like
        The file to write, such as "model.onnx". An existing file is replaced.

    Raises
    ------
    TypeError
        If the model is not an estimator of this package; if a kind of task of your own overrides
        a method that predicts, but not its traced form, such as ``traced_predict``; if the
        categories of a column are neither text nor numbers.
    ValueError
        If a category is infinite; if a network or embedding of your own cannot be traced; if the
        predictions of the graph differ from those of the estimator.
    sklearn.exceptions.NotFittedError
        If the model is not fitted.
    FileNotFoundError
        If the folder of the file does not exist.
    ImportError
        If onnx, onnxscript or onnxruntime is not installed, or torch is older than 2.6.

    See Also
    --------
    save : Write a file from which the estimator itself can be loaded.

    Notes
    -----
    The graph has opset 18. It is made by torch's exporter, which takes some seconds.

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
    >>> (label,) = session.run(["label.y"], {"numbers": row})  # doctest: +SKIP
    >>> np.allclose(label, model.predict(row), atol=1e-5)  # doctest: +SKIP
    True
    """
    check_model(model, "exported")
    check_folder(path)
    onnx = _import_onnx()
    name, encoder, network = type(model).__name__, model._encoder, model.module_
    for task in encoder.tasks:
        _check_traced(task)
    graph = PredictionGraph(network, encoder, model.temperatures_)
    names = getattr(model, "feature_names_in_", [f"x{k}" for k in range(model.n_features_in_)])
    description = describe_graph(graph, name, names, encoder)
    try:
        traced = _trace(graph, name_outputs(description))
    except Exception as error:
        raise _explain(error, name, network) from error
    onnx.helper.set_model_props(traced, {KEY: json.dumps(description, allow_nan=False)})

    def compute(rows: TableRows) -> list[np.ndarray]:
        return model._outputs(compute_means(model.net_, rows, model.n_jobs))

    with replacing(path) as partial:
        onnx.save_model(traced, partial)
        check_parity(partial, graph, description, encoder, compute)


def _import_onnx() -> Any:
    """Import onnx, after a check of all optional dependencies and of torch's version."""
    try:
        import onnx
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"ONNX files need onnx, onnxscript and onnxruntime ({error}): pip install "
            "'sklearn-ple[onnx]'"
        ) from error
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


def describe_graph(
    graph: PredictionGraph, estimator: str, names: Iterable[Any], encoder: TableEncoder
) -> dict[str, Any]:
    """Describe the inputs and outputs of a graph, in types of JSON.

    Parameters
    ----------
    graph : PredictionGraph
        The graph.
    estimator : str
        Name of the class of the estimator.
    names : iterable of str
        Names of all columns of X.
    encoder : TableEncoder
        The fitted encoder.

    Returns
    -------
    dict
        The description that `to_onnx` documents.
    """
    tasks = []
    for task in encoder.tasks:
        entry: dict[str, Any] = {"name": task.name, "kind": task.kind, "label": LABEL + task.name}
        if task.has_classes:
            entry["classes"] = _to_json(f"Classes of task {task.name!r}", task.classes)
            entry["probabilities"] = PROBABILITIES + task.name
        tasks.append(entry)
    return {
        "format_version": FORMAT_VERSION,
        "estimator": estimator,
        "versions": versions(),
        "columns": _describe_columns(names, encoder, graph),
        "codes": {"missing": MISSING, "unknown": UNKNOWN, "first": UNKNOWN + 1},
        "tasks": tasks,
    }


def name_outputs(description: dict[str, Any]) -> list[str]:
    """Return the names of a graph's outputs in their order: labels, then probabilities."""
    kinds = "label", "probabilities"
    return [task[kind] for kind in kinds for task in description["tasks"] if kind in task]


def _describe_columns(
    names: Iterable[Any], encoder: TableEncoder, graph: PredictionGraph
) -> list[dict[str, Any]]:
    """Describe the columns of X in their order, in types of JSON."""
    features = encoder.features
    encoders = dict(zip(features.categorical_positions_.tolist(), features.columns_, strict=True))
    places = {int(column): place for place, column in enumerate(graph.number_columns)}
    places |= {int(column): place for place, column in enumerate(graph.category_columns)}
    columns = []
    for column, name in enumerate(map(str, names)):
        entry = {"name": name, "input": NUMBERS, "place": places[column]}
        if column in encoders:
            values = encoders[column].categories
            plain = _to_json(f"Column {shown(name)}", values)
            entry |= {"input": CATEGORIES, "categories": plain}
        columns.append(entry)
    return columns


def _to_json(what: str, values: Any) -> list[Any]:
    """Return text or numbers as types of JSON."""
    plain = [value.item() if isinstance(value, np.generic) else value for value in values]
    for value in plain:
        if not isinstance(value, (str, bool, Integral, Real)):
            raise TypeError(
                f"{what}: {value!r} is of type {type(value).__name__}, and the metadata of an "
                "ONNX file hold text and numbers only. Make the column text before fit."
            )
        if isinstance(value, float) and not np.isfinite(value):
            raise ValueError(
                f"{what}: {value} is a category, and the metadata of an ONNX file hold finite "
                "numbers only. Make it missing, or the column text, before fit."
            )
    return plain


def _trace(graph: PredictionGraph, outputs: list[str]) -> Any:
    """Trace the graph with torch, for any number of rows; return the ONNX model."""
    from onnxscript import optimizer, rewriter
    from onnxscript.rewriter.rules.common import materialize_reshape_shape_rule

    rows = {0: torch.export.Dim("n_rows")}
    n_numbers, n_categories = len(graph.number_columns), len(graph.category_columns)
    numbers = torch.zeros(_TRACED_ROWS, n_numbers, dtype=torch.float64) if n_numbers else None
    codes = torch.zeros(_TRACED_ROWS, n_categories, dtype=torch.int64) if n_categories else None
    given = {NUMBERS: numbers, CATEGORIES: codes}
    with _silence_exporter(), torch.no_grad():
        program: Any = torch.onnx.export(
            graph,
            tuple(given.values()),
            dynamo=True,
            opset_version=OPSET,
            input_names=[name for name, part in given.items() if part is not None],
            output_names=outputs,
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
    known = ("sklearn_ple.", "torch.", "rtdl_num_embeddings.")
    foreign = sorted(cls.__name__ for cls in types if not f"{cls.__module__}.".startswith(known))
    parts = f", with your own {', '.join(foreign)}" if foreign else ""
    return ValueError(
        f"{name}{parts} cannot be exported, since torch cannot trace it: {reason.splitlines()[0]}"
    )


def _remove_origins(made: Any) -> Any:
    """Remove the metadata of torch's exporter, which name files of this machine."""
    del made.metadata_props[:]
    for part in chain(made.graph.node, made.graph.value_info, made.graph.input, made.graph.output):
        del part.metadata_props[:]
        part.doc_string = ""
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
