"""One model per task, and blends, as nodes of an ONNX graph: trees and weighted means."""

from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ..encoding.categories import UNKNOWN
from ..encoding.features import FeatureEncoder
from ..export.onnx.export import add_model, list_encoders
from ..export.onnx.interface import CODES, NUMBERS, GraphTable, TaskValues
from ..export.onnx.nodes import Nodes
from ..tasks import Task
from ..utils.inner import find_inner_estimator
from .blend import BlendClassifierRegressor
from .boosting import TreeColumns, learns_targets
from .per_task import PerTaskClassifierRegressor


@list_encoders.register
def _(model: PerTaskClassifierRegressor) -> list[FeatureEncoder]:
    check_is_fitted(model)
    for task, role in zip(model.tasks_, model._roles, strict=True):
        if not role.is_default:
            kind = type(model.estimators_[task.name]).__name__
            raise TypeError(
                f"Task {task.name!r} is learnt by {kind}, which cannot be exported: an ONNX graph "
                "holds networks and the boosting that PerTaskClassifierRegressor uses by default. "
                "Leave out its parameters classifier and regressor."
            )
    columns: Any = model.columns_
    return [columns.features_]


@add_model.register
def _(model: PerTaskClassifierRegressor, table: GraphTable) -> list[TaskValues]:
    made: Any = model.columns_
    columns = _ColumnNodes.read(made, table)
    return [
        _finish(task, _add_task(task, model.estimators_[task.name], columns), table.nodes)
        for task in model.tasks_
    ]


@list_encoders.register
def _(model: BlendClassifierRegressor) -> list[FeatureEncoder]:
    check_is_fitted(model)
    inner = chain(*model.models_.values())
    return list(chain(*(list_encoders(_unwrap(one)) for one in inner)))


@add_model.register
def _(model: BlendClassifierRegressor, table: GraphTable) -> list[TaskValues]:
    nodes, temperatures, weights = table.nodes, model.temperatures_, []
    found: list[list[TaskValues]] = []
    for name, models in model.models_.items():
        found += [add_model(_unwrap(one), table) for one in models]
        weights += [model.weights_[name].to_numpy() / len(models)] * len(models)
    predicted = []
    for task, shares, values in zip(
        model.tasks_, np.transpose(weights), zip(*found, strict=True), strict=True
    ):
        parts = [
            nodes.add("Mul", [value.probabilities or value.label, nodes.keep(share)])
            for value, share in zip(values, shares, strict=True)
        ]
        part = nodes.add("Sum", parts)
        if task.name in temperatures:
            least = nodes.keep(np.array(np.finfo(np.float64).tiny))
            logits = nodes.add("Log", [nodes.add("Max", [part, least])])
            divisor = nodes.keep(np.array(temperatures[task.name]))
            added = nodes.keep(np.array(model.intercepts_[task.name]))
            logits = nodes.add("Add", [nodes.add("Div", [logits, divisor]), added])
            part = nodes.add("Softmax", [logits], axis=1)
        predicted.append(_finish(task, part, nodes))
    return predicted


def _unwrap(model: BaseEstimator) -> BaseEstimator:
    """Return the estimator of a blend itself, which may be frozen or found by a search."""
    if isinstance(model, Pipeline):
        raise TypeError(
            "A blend of pipelines cannot be exported: fit a pipeline whose last step is the blend."
        )
    inner = model.estimator if isinstance(model, FrozenEstimator) else find_inner_estimator(model)
    return model if inner is None else _unwrap(inner)


def _finish(task: Task, part: str, nodes: Nodes) -> TaskValues:
    """Choose the most probable class, if there are classes."""
    if not task.has_classes:
        return TaskValues(part)
    return TaskValues(nodes.add("ArgMax", [part], axis=1, keepdims=0), part)


class _ColumnNodes(NamedTuple):
    """The columns for trees among nodes: those of `TreeColumns`, before statistics replace some.

    Attributes
    ----------
    numbers : list of str
        Names of values, float64 of shape (n_rows, n_numbers).
    n_numbers : int
        Number of numbers in all.
    codes : list of str
        Names of the codes of each column of categories, of shape (n_rows,).
    many : list of str
        The same for columns of many categories.
    n_codes : list of int
        The number of codes of each column in ``codes``.
    nodes : Nodes
        The nodes.
    """

    numbers: list[str]
    n_numbers: int
    codes: list[str]
    many: list[str]
    n_codes: list[int]
    nodes: Nodes

    @classmethod
    def read(cls, columns: TreeColumns, table: GraphTable) -> "_ColumnNodes":
        nodes, features, numbers = table.nodes, columns.features_, []
        read = table.encode(features)
        if NUMBERS in read:
            scaler = features.scaler_
            centred = nodes.add("Sub", [read[NUMBERS], nodes.keep(scaler.mean_)])
            numbers = [nodes.add("Div", [centred, nodes.keep(scaler.scale_)])]
        codes, many, sizes = [], [], []
        for place, n_codes in enumerate(features.cardinalities_):
            value = nodes.add("Gather", [read[CODES], nodes.keep(np.array(place))], axis=1)
            if place in columns.many_:
                many.append(value)
            else:
                codes.append(value)
                sizes.append(n_codes)
        return cls(numbers, features.n_columns_, codes, many, sizes, nodes)

    def look_up(self, code: str, rows: np.ndarray) -> str:
        """Return the rows of a matrix for the codes of a column."""
        return self.nodes.add("Gather", [self.nodes.keep(rows), code], axis=0)

    def repeat(self, row: np.ndarray) -> str:
        """Return the same numbers for all rows, of shape (n_rows, n_numbers)."""
        any_column = (self.numbers + self.codes + self.many)[0]
        n_rows = self.nodes.add("Shape", [any_column], start=0, end=1)
        shape = self.nodes.add("Concat", [n_rows, self.nodes.keep(np.array([len(row)]))], axis=0)
        return self.nodes.add("Expand", [self.nodes.keep(row[np.newaxis]), shape])


def _add_task(task: Task, model: BaseEstimator, columns: _ColumnNodes) -> str:
    """Add the nodes of the model of a task; return its probabilities or numbers."""
    nodes = columns.nodes
    if isinstance(model, Pipeline):
        statistics, model = model[0].statistics_, model[-1]
        tables = zip(columns.many, statistics.tables, strict=True)
        found = [columns.look_up(code, rows) for code, rows in tables]
        width = columns.n_numbers + statistics.n_numbers
        columns = columns._replace(numbers=columns.numbers + found, n_numbers=width)
    if isinstance(model, DummyClassifier):
        part = columns.repeat(model.class_prior_)
    elif isinstance(model, DummyRegressor):
        part = columns.repeat(model.constant_.ravel())
    else:
        part = _add_boosting(model, columns)
    if task.has_classes:
        # Some classes of the task may have had no label.
        places = np.eye(len(task.classes))[np.asarray(model.classes_, dtype=int)]
        return nodes.add("MatMul", [part, nodes.keep(places)])
    if learns_targets(task):
        part = _exponentiate(task, part, nodes)
    elif np.isfinite(task.lowest):
        part = nodes.add("Max", [part, nodes.keep(np.array(float(task.lowest)))])
    return nodes.add("Reshape", [part, nodes.keep(np.array([-1]))])


def _exponentiate(task: Any, part: str, nodes: Nodes) -> str:
    """Turn standardised logarithms into means."""
    shift = nodes.keep(np.array(task.mean + task.smearing))
    logs = nodes.add("Mul", [part, nodes.keep(np.array(task.scale))])
    least, greatest = (nodes.keep(np.array(end)) for end in (task.least, task.greatest))
    return nodes.add(
        "Exp", [nodes.add("Clip", [nodes.add("Add", [logs, shift]), least, greatest])]
    )


def _add_boosting(model: BaseEstimator, columns: _ColumnNodes) -> str:
    """Add the nodes of histogram gradient boosting, which skl2onnx cannot convert with categories.

    Return probabilities or numbers, of shape (n_rows, n_classes) or (n_rows, 1).
    """
    from onnx import TensorProto, numpy_helper

    nodes = columns.nodes
    known = _list_known(model)
    trees, sides = _list_trees(model._predictors, columns.n_numbers, known, columns.n_codes)
    pairs = zip(columns.codes, sides, strict=True)
    found = [columns.look_up(code, rows) for code, rows in pairs if rows.size]
    # Trees that divide nothing read a column, too.
    read = nodes.add("Concat", columns.numbers + found or [columns.repeat(np.zeros(1))], axis=1)
    attributes: dict[str, Any] = {
        name: numpy_helper.from_array(part) if name.endswith("tensor") else part.tolist()
        for name, part in trees.items()
    }
    base = model._baseline_prediction
    attributes |= {"n_targets": base.size, "domain": "ai.onnx.ml"}
    outcome = nodes.add("TreeEnsembleRegressor", [read], **attributes)
    # In float64, as a mean that is large in units of the labels' spread is rounded in float32.
    outcome = nodes.add("Cast", [outcome], to=TensorProto.DOUBLE)
    outcome = nodes.add("Add", [outcome, nodes.keep(base.reshape(1, -1))])
    if model.loss == "poisson":
        return nodes.add("Exp", [outcome])
    if model.loss != "log_loss":
        return outcome
    if base.size > 1:
        return nodes.add("Softmax", [outcome], axis=1)
    second = nodes.add("Sigmoid", [outcome])
    first = nodes.add("Sub", [nodes.keep(np.ones((1, 1))), second])
    return nodes.add("Concat", [first, second], axis=1)


def _list_known(model: BaseEstimator) -> list[np.ndarray]:
    """Return the categories that each column had in fit: positions of those of `TreeColumns`."""
    if model._preprocessor is None:
        return []
    found = model._preprocessor.named_transformers_["encoder"].categories_
    return [values[~np.isnan(values)].astype(int) for values in found]


def _list_trees(
    stages: Sequence[Sequence[Any]],
    n_numbers: int,
    known: Sequence[np.ndarray],
    n_codes: Sequence[int],
) -> tuple[dict[str, np.ndarray], list[np.ndarray]]:
    """Describe trees as attributes of ONNX's operator, whose nodes divide numbers only.

    So each division of categories becomes a column of numbers: for each code, 0 if it goes to the
    left and 1 if it goes to the right. These columns follow the numbers.

    Returns
    -------
    trees : dict of str to ndarray
        The attributes.
    sides : list of ndarray of shape (n_codes, n_divisions)
        The divisions of each column of categories.
    """
    trees = [tree for stage in stages for tree in stage]
    sizes = [len(tree.nodes) for tree in trees]
    nodes = np.concatenate([tree.nodes for tree in trees])
    owners = np.repeat(np.arange(len(trees)), sizes)
    numbers = np.concatenate([np.arange(size) for size in sizes])
    is_leaf, is_division = nodes["is_leaf"].astype(bool), nodes["is_categorical"].astype(bool)
    places = nodes["feature_idx"] - len(known)
    sides: list[list[np.ndarray]] = [[] for _ in known]
    for k in np.flatnonzero(is_division):
        column = nodes["feature_idx"][k]
        bits = trees[owners[k]].raw_left_cat_bitsets[nodes["bitset_idx"][k]]
        # A category that is missing, or that had no label of the task, goes with missing ones.
        is_left = np.full(n_codes[column], nodes["missing_go_to_left"][k], dtype=bool)
        order = np.arange(len(known[column]))
        is_left[known[column] + UNKNOWN + 1] = bits[order // 32] >> (order % 32) & 1
        places[k] = len(sides[column])
        sides[column].append(~is_left)
    starts = n_numbers + np.cumsum([0, *map(len, sides)])
    places[is_division] += starts[nodes["feature_idx"][is_division]]
    thresholds = np.where(is_division, 0.5, nodes["num_threshold"])
    attributes = {
        "nodes_treeids": owners,
        "nodes_nodeids": numbers,
        "nodes_featureids": np.where(is_leaf, 0, places),
        "nodes_modes": np.where(is_leaf, "LEAF", "BRANCH_LEQ"),
        "nodes_values_as_tensor": np.where(is_leaf, 0.0, thresholds),
        "nodes_truenodeids": np.where(is_leaf, 0, nodes["left"]),
        "nodes_falsenodeids": np.where(is_leaf, 0, nodes["right"]),
        "nodes_missing_value_tracks_true": np.where(is_leaf, 0, nodes["missing_go_to_left"]),
        "target_treeids": owners[is_leaf],
        "target_nodeids": numbers[is_leaf],
        "target_ids": owners[is_leaf] % len(stages[0]),
        "target_weights_as_tensor": nodes["value"][is_leaf],
    }
    columns = zip(sides, n_codes, strict=True)
    return attributes, [np.reshape(some, (-1, size)).T.astype(float) for some, size in columns]
