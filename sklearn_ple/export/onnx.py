"""ONNX files: a fitted estimator as one graph that predicts without Python."""

from __future__ import annotations

import json
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch

from ..encoding.categories import MISSING, UNKNOWN
from ..encoding.frames import shown
from ..files import replacing
from ..tasks import ClassTask, Task
from ..versions import versions
from .checks import check_model
from .graph import PredictionGraph
from .parity import check_parity

#: What the graph is written in: the oldest set of operators that torch's exporter knows.
OPSET = 18
#: Version of the description beside the graph, and its key in the file's metadata.
FORMAT_VERSION, KEY = 1, "sklearn-ple"

#: The graph's inputs, and what the names of its outputs begin with.
NUMBERS, CATEGORIES = "numbers", "categories"
LABEL, PROBABILITIES = "label.", "probabilities."

# The first with all options of the exporter.
_OLDEST_TORCH = "2.6"

# Rows of the example that is traced: of a single one, torch would take the number for a constant.
_TRACED_ROWS = 3


def to_onnx(model: Any, path: str | os.PathLike[str], batch: int | str = "dynamic") -> None:
    """Write a fitted estimator as an ONNX file, for servers without this package or torch.

    All that ``predict`` and ``predict_proba`` do with cells of a table is in the graph: scaling in
    float64, indicators of missing numbers, target statistics, embeddings, the network and the
    mean over its members, dependences between tasks, calibration and labels in their units.

    The inputs are

    - ``numbers``, float64 of shape (n_rows, n_numbers): the numeric columns in their order in X,
      NaN where a number is missing;
    - ``categories``, int64 of shape (n_rows, n_categories): the codes of the categorical columns
      in their order in X: 0 where a category is missing, 1 where it is unknown or rare, and from
      2 on the categories that are listed in the metadata. Any other code counts as unknown.

    An input without columns is left out. The outputs are, for a task called "death",

    - ``label.death``, of shape (n_rows,): a number in its units, as float64, or of a class its
      position among ``classes``, as int64;
    - ``probabilities.death`` of shape (n_rows, n_classes), as float64, where there are classes.

    The file's metadata hold, as JSON under the key "sklearn-ple", what a server must know:
    ``columns``, each with its ``name``, ``input``, ``place`` there and ``categories``; ``tasks``,
    each with its ``name``, ``kind``, ``classes`` and the names of its outputs; ``codes`` of
    missing and unknown categories and of the first one listed; ``estimator``, ``versions`` and
    ``format_version``.

    Before the file takes its place, ONNX Runtime predicts some random rows from it, and the
    predictions are compared with the estimator's.

    Parameters
    ----------
    model : estimator of this package
        Fitted. One that was fitted on sparse X reads dense numbers.
    path : str or path-like
        The file to write, as "model.onnx". An existing file is replaced.
    batch : int or "dynamic", default="dynamic"
        Number of rows that the graph reads at once; "dynamic" for any number.

    Raises
    ------
    TypeError
        If the model is no estimator of this package; if a kind of task of your own has no
        ``traced_predict``, or inherits one but not what it predicts; if a column's categories are
        neither text nor numbers.
    ValueError
        If ``batch`` is no number of rows; if a network or embedding of your own cannot be traced;
        if the graph does not predict what the estimator does.
    sklearn.exceptions.NotFittedError
        If the model is not fitted.
    ImportError
        If onnx, onnxscript or onnxruntime is not installed, or torch is older than 2.6.

    See Also
    --------
    save : Writes a file from which the estimator itself can be loaded.

    Notes
    -----
    The graph is of opset 18, made by torch's exporter, which takes some seconds.

    It does not reject what ``predict`` rejects: infinity in the numbers counts as very far out.
    Probabilities of a task that was calibrated by isotonic regression are steep functions of
    float32 numbers: near a step, rounding may change them by more than the other predictions.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn_ple import PLERegressor, export
    >>> model = PLERegressor(n_members=1, numeric_embedding=None, max_epochs=2, random_state=0)
    >>> model = model.fit([[0.0], [1.0], [2.0]], [0.1, 1.2, 1.9])
    >>> path = Path(tempfile.mkdtemp()) / "model.onnx"
    >>> export.to_onnx(model, path)  # doctest: +SKIP
    >>> import onnxruntime  # doctest: +SKIP
    >>> session = onnxruntime.InferenceSession(path)  # doctest: +SKIP
    >>> (label,) = session.run(["label.y"], {"numbers": [[1.0]]})  # doctest: +SKIP
    >>> abs(label.item() - model.predict([[1.0]]).item()) < 1e-5  # doctest: +SKIP
    True
    """
    check_model(model, "exported")
    given: Any = batch
    is_number = isinstance(given, Integral) and not isinstance(given, bool)
    if given != "dynamic" and not (is_number and int(given) >= 1):
        raise ValueError(f"batch must be a number of rows or 'dynamic', not {batch!r}.")
    onnx, runtime = _import_onnx()
    for task in model.tasks_:
        _check_traced(task)
    graph = PredictionGraph(model)
    description = _description(model, graph)
    n_rows = None if batch == "dynamic" else int(batch)
    traced = _traced(model, graph, description, n_rows)
    onnx.helper.set_model_props(traced, {KEY: json.dumps(description, allow_nan=False)})
    with replacing(path) as partial:
        onnx.save_model(traced, partial)
        check_parity(model, graph, description, partial, n_rows, runtime)


def _import_onnx() -> tuple[Any, Any]:
    """Import what is needed here only."""
    try:
        import onnx
        import onnxruntime
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"ONNX files take onnx, onnxscript and onnxruntime ({error}): pip install "
            "'sklearn-ple[onnx]'"
        ) from error
    if torch.torch_version.TorchVersion(torch.__version__) < _OLDEST_TORCH:
        raise ImportError(
            f"ONNX files take torch {_OLDEST_TORCH} or later, but {torch.__version__} is "
            "installed: pip install --upgrade torch."
        )
    return onnx, onnxruntime


def _check_traced(task: Task) -> None:
    """Check that a kind's traced methods stand for those that it predicts by."""
    methods = ["predict", "predict_proba"] if task.has_classes else ["predict"]
    for method in methods:
        own, traced = (_definer(task, name) for name in (method, f"traced_{method}"))
        if traced in (None, Task, ClassTask) or not issubclass(traced, own):
            raise TypeError(
                f"Task {task.name!r} is of a kind of your own, {type(task).__name__}, whose "
                f"{method} cannot be exported: write traced_{method}, the same by operations of "
                "torch, beside it."
            )


def _definer(task: Task, method: str) -> Any:
    """Return the class of a task's that defines a method."""
    return next((cls for cls in type(task).__mro__ if method in vars(cls)), None)


def _description(model: Any, graph: PredictionGraph) -> dict[str, Any]:
    """Describe inputs and outputs, as JSON can hold it."""
    tasks = []
    for task in model.tasks_:
        own = {"name": task.name, "kind": task.kind, "label": LABEL + task.name}
        if task.has_classes:
            own["classes"] = _plain(f"Classes of task {task.name!r}", task.classes)
            own["probabilities"] = PROBABILITIES + task.name
        tasks.append(own)
    return {
        "format_version": FORMAT_VERSION,
        "estimator": type(model).__name__,
        "versions": versions(),
        "columns": _columns(model, graph),
        "codes": {"missing": MISSING, "unknown": UNKNOWN, "first": UNKNOWN + 1},
        "tasks": tasks,
    }


def _outputs(description: dict[str, Any]) -> list[str]:
    """Return the names of the graph's outputs, in their order."""
    tasks = description["tasks"]
    of_classes = [task["probabilities"] for task in tasks if "classes" in task]
    return [task["label"] for task in tasks] + of_classes


def _columns(model: Any, graph: PredictionGraph) -> list[dict[str, Any]]:
    """Describe the columns of X in their order."""
    features = model._encoder.features
    names = getattr(model, "feature_names_in_", None)
    encoders = dict(zip(features.categorical_positions_.tolist(), features.columns_, strict=True))
    places = {int(column): place for place, column in enumerate(graph.number_columns)}
    places |= {int(column): place for place, column in enumerate(graph.category_columns)}
    columns = []
    for column in range(model.n_features_in_):
        name = f"x{column}" if names is None else str(names[column])
        own = {"name": name, "input": NUMBERS, "place": places[column]}
        if column in encoders:
            values = encoders[column].categories
            own |= {"input": CATEGORIES, "categories": _plain(f"Column {shown(name)}", values)}
        columns.append(own)
    return columns


def _plain(what: str, values: Any) -> list[Any]:
    """Return text or numbers as JSON has them."""
    plain = [value.item() if isinstance(value, np.generic) else value for value in values]
    for value in plain:
        if not isinstance(value, (str, bool, Integral, Real)):
            raise TypeError(
                f"{what}: {value!r} is of type {type(value).__name__}, and the metadata of an "
                "ONNX file hold text and numbers only. Make the column text before fit."
            )
    return plain


def _traced(
    model: Any, graph: PredictionGraph, description: dict[str, Any], n_rows: int | None
) -> Any:
    """Let torch trace the graph, for so many rows or any number; return ONNX's form of it."""
    from onnxscript import optimizer, rewriter
    from onnxscript.rewriter.rules.common import materialize_reshape_shape_rule

    example_rows = _TRACED_ROWS if n_rows is None else n_rows
    rows = {} if n_rows is not None else {0: torch.export.Dim("n_rows")}
    n_numbers, n_categories = len(graph.number_columns), len(graph.category_columns)
    numbers = torch.zeros(example_rows, n_numbers, dtype=torch.float64) if n_numbers else None
    codes = torch.zeros(example_rows, n_categories, dtype=torch.int64) if n_categories else None
    given = {NUMBERS: numbers, CATEGORIES: codes}
    try:
        with _quiet(), torch.no_grad():
            program: Any = torch.onnx.export(
                graph,
                tuple(given.values()),
                dynamo=True,
                opset_version=OPSET,
                input_names=[name for name, part in given.items() if part is not None],
                output_names=_outputs(description),
                dynamic_shapes=tuple(None if part is None else rows for part in given.values()),
                custom_translation_table=_translations(),
                optimize=False,
                verbose=False,
            )
            # Not all that torch would do by itself: it takes adding a label's mean of 1e-9 for
            # adding nothing.
            optimizer.inline(program.model)
            optimizer.fold_constants(program.model)
            rewriter.rewrite(program.model, [materialize_reshape_shape_rule])
    except Exception as error:
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        reason = str(cause).strip() or type(cause).__name__
        raise ValueError(
            f"{type(model).__name__}{_foreign(model)} cannot be exported, since torch cannot "
            f"trace it: {reason.splitlines()[0]}"
        ) from error
    made = program.model_proto
    # They name files of this machine.
    del made.metadata_props[:]
    for part in chain(made.graph.node, made.graph.value_info, made.graph.input, made.graph.output):
        del part.metadata_props[:]
        part.doc_string = ""
    return made


def _translations() -> dict[Any, Any]:
    """Return what stands for operations that torch's exporter translates with a loss of digits."""
    from onnxscript import opset18 as op

    def log_sigmoid(x: Any) -> Any:
        # The logarithm of the sigmoid itself would be that of zero far below.
        return op.Neg(op.Softplus(op.Neg(x)))

    return {torch.ops.aten.log_sigmoid.default: log_sigmoid}


def _foreign(model: Any) -> str:
    """Name the parts of a network that are not of this package or torch."""
    own = ("sklearn_ple.", "torch.", "rtdl_num_embeddings.")
    types = {type(part) for part in model.module_.modules()}
    foreign = sorted(cls.__name__ for cls in types if not f"{cls.__module__}.".startswith(own))
    return f", with your own {', '.join(foreign)}" if foreign else ""


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep back what torch's exporter logs and warns of: nobody here can act on it."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
