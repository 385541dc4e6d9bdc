"""ONNX files: what a server predicts from one is what the estimator predicts."""

import ast
import doctest
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression

import sklearn_ple
from sklearn_ple import (
    ESMMClassifier,
    PLEClassifier,
    PLEClassifierRegressor,
    PLERegressor,
    SharedBottomClassifierRegressor,
    export,
)
from sklearn_ple.encoding.numeric import NUMERIC_EMBEDDINGS
from sklearn_ple.ensemble import PerTaskClassifierRegressor
from sklearn_ple.export.onnx import export as of_onnx
from sklearn_ple.export.onnx.graph import PredictionGraph
from sklearn_ple.export.onnx.interface import (
    OPSET_ML,
    describe_columns,
    describe_graph,
    name_outputs,
)
from sklearn_ple.export.onnx.parity import _compare_numbers
from sklearn_ple.nn import BatchedLinear, Body
from sklearn_ple.tasks import TASK_KINDS, Binary, Regression

if torch.torch_version.TorchVersion(torch.__version__) < of_onnx._OLDEST_TORCH:
    pytest.skip("torch is too old for ONNX files", allow_module_level=True)

N = 120
#: Parameters of a network whose graph is made fast.
SIMPLE = {"n_members": 1, "numeric_embedding": None, "linear_path": False, "random_state": 0}
ESTIMATORS = [getattr(sklearn_ple, name) for name in sklearn_ple.__all__ if name[0].isupper()]
RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "wide": RNG.normal(size=N) + 1e9,
        "gappy": np.where(RNG.random(N) < 0.2, np.nan, RNG.integers(0, 9, N)),
        "town": RNG.choice(["a", "b", "c", None], N),
        "b10": RNG.exponential(size=N),
        "b9": RNG.random(N) < 0.5,
        "zone": pd.Categorical(RNG.choice([3, 1, 2], N)),
        "empty": np.nan,
    }
)
SIZES = ["low", "mid", "high"]
SIGNAL = FRAME["b10"] - FRAME["gappy"].fillna(4) / 4 + RNG.normal(size=N)
LABELS = pd.DataFrame(
    {
        "binary": pd.Categorical(np.where(SIGNAL > 0, "yes", "no")),
        "multiclass": RNG.choice([30, 10, 20], N),
        "ordinal": pd.Categorical(
            RNG.choice(["low", "mid", "high"], N), ["low", "mid", "high"], ordered=True
        ),
        "two": RNG.choice([0.0, 1.0], N),
        "regression": SIGNAL * 1e-7,
        "log": 1e5 * np.exp(SIGNAL),
        "huber": 1e6 + SIGNAL,
        "quantile": SIGNAL.astype(np.float32),
        "count": RNG.poisson(3, N),
        "tweedie": np.maximum(SIGNAL, 0),
        "hurdle": np.maximum(SIGNAL, 0) * 1e3,
        "survival": np.exp(SIGNAL) * RNG.choice([-1, 1, 1], N),
    }
)
KINDS = {kind: kind for kind in LABELS if kind != "two"} | {"two": "multiclass"}
# As in fit, then with what fit has not seen.
ROWS = pd.concat(
    [FRAME.head(20), FRAME.head(4).assign(wide=np.nan, gappy=-1e30, town="new", b10=np.nan)],
    ignore_index=True,
)


def fitted(X=FRAME, y=None, cls=PLEClassifierRegressor, **parameters):
    if y is None:
        y = labels_for(cls)
    few = {"n_members": 2, "max_epochs": 1, "batch_size": 128, "random_state": 0, "n_bins": 4}
    few["task_types"] = "auto"
    if cls is not ESMMClassifier:
        few["task_types"] = {name: KINDS.get(name, "auto") for name in y}
    model = cls(**(few | parameters)).fit(X, y)
    # Members that count alike would hide a mean without weights.
    with torch.no_grad():
        weights = model.module_.mean.weights
        weights.copy_(torch.linspace(1, 2, weights.numel()).view_as(weights))
        weights.div_(weights.sum(dim=0))
    return model


def simple_model():
    """A network whose graph is made fast."""
    X, y = FRAME[["b10"]], LABELS["regression"].rename("y")
    return SharedBottomClassifierRegressor(max_epochs=1, **SIMPLE).fit(X, y)


def labels_for(cls):
    if cls is ESMMClassifier:
        return events()
    by_family = {
        PLEClassifier: ["binary", "multiclass", "ordinal"],
        PLERegressor: ["regression", "quantile", "count"],
    }
    return LABELS[by_family.get(cls, ["binary", "multiclass", "regression"])]


def events():
    click = SIGNAL > 0
    return pd.DataFrame({"buy": click & (RNG.random(N) < 0.5), "click": click})[["click", "buy"]]


def inputs(description, X):
    """Make a graph's inputs of rows, by what the file beside it says and nothing else."""
    given = {}
    for column, (_, cells) in zip(description["columns"], pd.DataFrame(X).items(), strict=True):
        cells = cells.astype(object)
        if column["kind"] == "text":
            values = [["" if pd.isna(cell) else str(cell)] for cell in cells]
            given[column["name"]] = np.array(values, dtype=object)
        else:
            values = [[np.nan if pd.isna(cell) else cell] for cell in cells]
            given[column["name"]] = np.array(values, dtype=float)
    return given


def by_graph(model, X):
    """Predict rows by the module that is exported, without a file: it reads codes."""
    features = model._encoder.features
    X = pd.DataFrame(X)
    names = X.columns if hasattr(model, "feature_names_in_") else range(X.shape[1])
    columns = describe_columns(names, features)
    description = describe_graph(type(model).__name__, columns, model.tasks_)
    numbers = X.iloc[:, features.number_positions_].to_numpy(float)
    codes = features.encode_categories(X, range(len(features.columns_))).astype(np.int64)
    parts = [torch.tensor(part) if part.shape[1] else None for part in (numbers, codes)]
    calibration = model.temperatures_, model.intercepts_
    graph = PredictionGraph(model.module_, model._encoder, *calibration)
    with torch.no_grad():
        found = [part.numpy() for part in graph(*parts)]
    outputs = dict(zip(name_outputs(description), found, strict=True))
    for task in description["tasks"]:
        if "classes" in task:
            outputs[task["label"]] = np.array(task["classes"])[outputs[task["label"]]]
    return description, outputs


def by_file(path, X):
    """Predict rows by ONNX Runtime."""
    onnx.checker.check_model(onnx.load(path), full_check=True)
    description = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return description, dict(zip(names, session.run(None, inputs(description, X)), strict=True))


def unit_of(task):
    """The spread of a task's labels, or for amounts and times their size."""
    return getattr(task, "scale", None) or getattr(task, "mean", None) or task.edges[-1]


def assert_same(model, X, served, tolerance=1e-5):
    """Compare with ``predict`` and ``predict_proba``: numbers in units of the label's spread."""
    description, outputs = served
    expected = np.asarray(model.predict(X), dtype=object).reshape(len(X), -1)
    has_classes = hasattr(model, "predict_proba")
    proba = model.predict_proba(X) if has_classes else [None] * len(model.tasks_)
    proba = proba if isinstance(proba, list) else [proba]
    assert [task["name"] for task in description["tasks"]] == model.task_names_
    for k, task in enumerate(description["tasks"]):
        labels = outputs.pop(task["label"])
        if "classes" in task:
            found = outputs.pop(task["probabilities"])
            np.testing.assert_allclose(found, proba[k], rtol=0, atol=tolerance)
            named = dict(zip(model.tasks_[k].classes.tolist(), task["classes"], strict=True))
            assert labels.tolist() == [named[label] for label in expected[:, k].tolist()]
        else:
            own = model.tasks_[k]
            spread = unit_of(own)
            assert labels.dtype == np.float64
            np.testing.assert_allclose(
                labels, expected[:, k].astype(float), rtol=tolerance, atol=tolerance * spread
            )
    assert not outputs


@pytest.mark.parametrize("cls", ESTIMATORS, ids=lambda cls: cls.__name__)
def test_graphs_of_every_estimator_predict_the_same(cls):
    model = fitted(cls=cls)
    assert_same(model, ROWS, by_graph(model, ROWS))
    assert_same(model, ROWS[:1], by_graph(model, ROWS[:1]))


def test_graphs_of_every_kind_of_task_predict_the_same():
    model = fitted(y=LABELS, n_members=3)
    assert set(model.task_types_.values()) == set(TASK_KINDS)
    assert_same(model, ROWS, by_graph(model, ROWS))


@pytest.mark.parametrize("embedding", [*NUMERIC_EMBEDDINGS, None])
def test_graphs_of_every_embedding_predict_the_same(embedding):
    model = fitted(numeric_embedding=embedding, clip_numbers=None, linear_path=embedding is None)
    assert_same(model, ROWS, by_graph(model, ROWS))


@pytest.mark.parametrize(
    "parameters",
    [
        {"n_levels": 2, "expert_hidden_units": (8,)},
        {"n_specific_experts": [1, 2, 3]},
        {"n_members": 1, "dtype": "float64", "tower_hidden_units": ()},
        {"clip_numbers": 1.0, "min_frequency": 20},
        {"target_statistics": True, "embedding_dim": 3},
    ],
    ids=lambda parameters: next(iter(parameters)),
)
def test_parameters_of_the_network_are_in_the_graph(parameters):
    model = fitted(**parameters)
    assert_same(model, ROWS, by_graph(model, ROWS))


@pytest.mark.parametrize(
    ("cls", "depends_on"),
    [
        (PLEClassifierRegressor, {"buy": "click"}),
        (ESMMClassifier, "previous"),
    ],
)
@pytest.mark.parametrize("calibrated", [False, True])
def test_events_that_depend_on_others_predict_the_same(cls, depends_on, calibrated):
    y = events()
    model = fitted(y=y, cls=cls, depends_on=depends_on)
    if calibrated:
        model.calibrate(FRAME, y)
    assert_same(model, ROWS, by_graph(model, ROWS))


def test_graphs_are_calibrated():
    y = LABELS[["binary", "multiclass", "ordinal", "two", "regression"]]
    model = fitted(y=y).calibrate(FRAME, y)
    assert_same(model, ROWS, by_graph(model, ROWS))


def test_extreme_outputs_predict_the_same():
    """Far from where exponentials and their logarithms are in float64."""
    y = LABELS[["binary", "ordinal", "hurdle", "survival", "quantile"]]
    model = fitted(y=y)
    with torch.no_grad():
        for head in model.module_.body.towers.heads:
            head.weight.mul_(1e3)
    with np.errstate(over="ignore"):
        assert_same(model, ROWS, by_graph(model, ROWS), tolerance=1e-4)


def test_sparse_rows_and_one_column_predict_the_same():
    X = sparse.random_array((N, 5), density=0.5, rng=np.random.default_rng(0), format="csr")
    model = fitted(X, LABELS["regression"].to_numpy(), cls=PLERegressor, task_types="auto")
    assert_same(model, X[:9].toarray(), by_graph(model, X[:9].toarray()))
    one = FRAME[["town"]]
    model = fitted(one, LABELS["binary"], cls=PLEClassifier, task_types="auto")
    assert_same(model, one, by_graph(model, one))


@pytest.fixture(scope="module")
def file_of_rich(tmp_path_factory):
    """A model with most of what a graph can hold, and its file."""
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    y = LABELS[["multiclass", "regression", "survival"]].join(events())
    small = {"expert_hidden_units": (8,), "tower_hidden_units": ()}
    model = fitted(y=y, depends_on={"buy": "click"}, target_statistics=["town"], **small)
    model.calibrate(FRAME, y)
    export.to_onnx(model, path)
    return model, path


@pytest.mark.parametrize("n_rows", [1, len(ROWS)])
def test_a_file_predicts_as_the_model(file_of_rich, n_rows):
    model, path = file_of_rich
    assert_same(model, ROWS[:n_rows], by_file(path, ROWS[:n_rows]))


def test_files_describe_themselves(file_of_rich):
    _, path = file_of_rich
    proto = onnx.load(path)
    versions = {opset.domain: opset.version for opset in proto.opset_import}
    assert versions == {"": of_onnx.OPSET, "ai.onnx.ml": OPSET_ML}
    description = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert description["estimator"] == "PLEClassifierRegressor"
    assert set(description["versions"]) == {"sklearn-ple", "scikit-learn", "torch"}
    assert [column["name"] for column in description["columns"]] == FRAME.columns.tolist()
    by_name = {column["name"]: column for column in description["columns"]}
    assert by_name["b10"] == {"name": "b10", "kind": "number"}
    assert by_name["town"]["kind"] == "text" and set(by_name["town"]["categories"]) == set("abc")
    assert by_name["zone"]["kind"] == "number" and set(by_name["zone"]["categories"]) == {1, 2, 3}
    tasks = {task["name"]: task for task in description["tasks"]}
    assert tasks["multiclass"]["classes"] == [10, 20, 30]
    number = {"name": "survival", "kind": "survival", "label": "label.survival"}
    assert tasks["survival"] == number
    # Nothing about the machine that it was made on.
    data = path.read_bytes()
    assert b"site-packages" not in data and str(path.parent).encode() not in data


def test_inputs_are_the_columns_and_outputs_the_labels(file_of_rich):
    _, path = file_of_rich
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    types = {"town": "tensor(string)"}
    for column, entry in zip(FRAME, session.get_inputs(), strict=True):
        assert (entry.name, entry.shape) == (column, ["n_rows", 1])
        assert entry.type == types.get(column, "tensor(double)")
    outputs = {entry.name: entry.type for entry in session.get_outputs()}
    assert outputs["label.buy"] == "tensor(bool)"
    assert outputs["label.multiclass"] == outputs["label.survival"] == "tensor(double)"


# Categories of a column, and what else its rows may hold.
UNSEEN = {"float": st.floats(allow_infinity=False), "int": st.integers(-(2**53), 2**53)}
CATEGORIES = {
    "text": (["b", "a", "ä 学", "None"], st.text(min_size=1)),
    "empty text": (["", "a"], st.text()),
    "bools": ([True, False], st.none()),
    "one bool": ([True], st.booleans()),
    "whole": ([3, -1, 2**53], UNSEEN["int"]),
    "beyond floats": ([2**53, 2**53 + 1, -(2**60)], st.integers(-(2**63), 2**63 - 1)),
    "unsigned": ([2**64 - 1, 7], st.integers(0, 2**64 - 1)),
    "floats": ([0.1, -0.0, 1e300], UNSEEN["float"]),
    "narrow floats": (np.array([0.1, 0.2, 3e38], dtype=np.float32), UNSEEN["float"]),
}


@pytest.fixture(scope="module")
def file_of_categories(tmp_path_factory):
    """A model with categories of every type, and its file."""
    path = tmp_path_factory.mktemp("categories") / "model.onnx"
    columns = {name: pd.Series(values) for name, (values, _) in CATEGORIES.items()}
    X = pd.DataFrame(
        {
            name: values.take(np.arange(N) % len(values)).to_numpy()
            for name, values in columns.items()
        }
    )
    # Some were missing in fit; to the others, a missing value is something new.
    for name in ("text", "whole", "narrow floats"):
        X[name] = X[name].astype("category").where(RNG.random(N) < 0.8)
    # Names that the graph has for something else.
    X = X.rename(
        columns={"text": "val_1", "whole": "/numbers", "bools": "label", "floats": "codes"}
    )
    y = LABELS[["multiclass", "regression", "ordinal"]].assign(id=X["beyond floats"])
    model = fitted(X, y, categorical_features=list(X), embedding_dim=3, max_epochs=3, **SIMPLE)
    export.to_onnx(model, path)
    return model, path, dict(zip(X, CATEGORIES.values(), strict=True))


@pytest.mark.filterwarnings("ignore:No value of column:UserWarning")
@pytest.mark.filterwarnings("ignore:Column .* are equal and count as one category:UserWarning")
def test_categories_of_every_type_are_known_unknown_or_missing(file_of_categories):
    model, path, columns = file_of_categories
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    description = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    cells = {}
    for name, (values, unseen) in columns.items():
        known = st.sampled_from(pd.Series(values).tolist())
        # Where an empty text was a category, none is missing.
        cells[name] = known | unseen if "" in values else known | unseen | st.none()

    @given(st.lists(st.fixed_dictionaries(cells), min_size=1, max_size=4))
    def predict(rows):
        X = pd.DataFrame(rows, columns=list(columns), dtype=object)
        names = [output.name for output in session.get_outputs()]
        found = session.run(None, inputs(description, X))
        assert_same(model, X, (description, dict(zip(names, found, strict=True))))

    predict()


@pytest.mark.nightly
def test_the_documented_example_runs():
    """Where torch is too old for it, this file is skipped, and a docstring cannot be."""
    text = export.to_onnx.__doc__.replace("  # doctest: +SKIP", "")
    example = doctest.DocTestParser().get_doctest(text, {}, "to_onnx", None, None)
    assert len(example.examples) == 13
    assert doctest.DocTestRunner().run(example).failed == 0


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("cls", "embedding"),
    [(cls, "piecewise_linear+bins") for cls in ESTIMATORS]
    + [(PLEClassifierRegressor, name) for name in (*NUMERIC_EMBEDDINGS, None)],
)
def test_files_of_every_estimator_predict_the_same(cls, embedding, tmp_path):
    model = fitted(cls=cls, numeric_embedding=embedding)
    export.to_onnx(model, tmp_path / "model.onnx")
    for n_rows in (1, len(ROWS)):
        assert_same(model, ROWS[:n_rows], by_file(tmp_path / "model.onnx", ROWS[:n_rows]))


@pytest.mark.nightly
def test_a_file_of_every_kind_predicts_the_same(tmp_path):
    model = fitted(y=LABELS, n_members=3)
    export.to_onnx(model, tmp_path / "model.onnx")
    assert_same(model, ROWS, by_file(tmp_path / "model.onnx", ROWS))


@pytest.mark.nightly
def test_numbers_in_extreme_units_predict_the_same(tmp_path):
    """The file holds means and scales in float64: as float32 they would be too far off."""
    far = ["regression", "huber", "quantile"]
    y = pd.DataFrame(dict.fromkeys(far, SIGNAL + 20260101.3))
    # With b10, amounts become greater and rarer: far away, both parts of a hurdle are extreme.
    rare = FRAME["b10"].where((FRAME["b10"] < 1) & (FRAME.index % 2 == 1))
    y["tweedie"], y["hurdle"] = LABELS["tweedie"] * 1e-60, np.exp(5 * rare).fillna(0) * 1e60
    X, simple = FRAME[["b10"]], {"n_members": 1, "numeric_embedding": None, "clip_numbers": None}
    model = fitted(X, y, cls=SharedBottomClassifierRegressor, max_epochs=10, **simple)
    export.to_onnx(model, tmp_path / "model.onnx")
    # Of a number so far from those of fit, the exponentials overflow.
    X = pd.concat([X, X[:1] * 0 + 1e7, X[:1] * 0 - 1e7])
    _, found = by_file(tmp_path / "model.onnx", X)
    predicted = model.predict(X)
    for task in model.tasks_:
        labels, expected = found[f"label.{task.name}"], predicted[task.name]
        assert np.isfinite(labels).all()
        atol = 1e-5 * unit_of(task)
        np.testing.assert_allclose(labels[:N], expected[:N], rtol=1e-5, atol=atol)
        np.testing.assert_allclose(labels[N:], expected[N:], rtol=1e-3, atol=atol)


# -- what is refused ----------------------------------------------------------------------------


class Doubled(Regression):
    """Predicts twice what it inherits, but would export what it inherits."""

    kind = "doubled"

    def predict(self, outputs):
        return 2 * super().predict(outputs)


class TracedDoubled(Doubled):
    def traced_predict(self, outputs):
        return 2 * super().traced_predict(outputs)


class Sceptical(Binary):
    kind = "sceptical"

    def predict_proba(self, outputs):
        return super().predict_proba(outputs) * 0.9 + 0.05


def model_of(task, y):
    return PLEClassifierRegressor(
        task_types={"y": task}, n_members=1, max_epochs=1, numeric_embedding=None, random_state=0
    ).fit(FRAME[["wide", "town"]], y.rename("y"))


@pytest.mark.parametrize(
    ("task", "label", "method"),
    [(Doubled(), "regression", "traced_predict"), (Sceptical(), "binary", "traced_predict_proba")],
)
def test_a_kind_that_predicts_otherwise_is_refused(tmp_path, task, label, method):
    model = model_of(task, LABELS[label])
    with pytest.raises(TypeError, match=f"Task 'y' .* {type(task).__name__}.*write {method}"):
        export.to_onnx(model, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_a_kind_of_ones_own_that_is_traced():
    model = model_of(TracedDoubled(), LABELS["regression"])
    of_onnx._check_traced(model.tasks_[0])
    X = FRAME[["wide", "town"]]
    assert_same(model, X, by_graph(model, X))


class Branching(Body):
    """Computes by the rows that it is given."""

    def __init__(self, in_features, n_outputs, **towers):
        super().__init__(n_outputs, **towers)
        self.layer = BatchedLinear(self.per_member(), in_features, 4)
        self.towers = self.make_towers(4)

    def represent(self, inputs):
        hidden = self.layer(inputs)
        return -hidden if hidden.sum() > 0 else hidden


class Frozen(Branching):
    """Computes another thing while it is traced, which no error shows."""

    def represent(self, inputs):
        return self.layer(inputs) * (1.0 if torch.compiler.is_compiling() else 2.0)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            Branching,
            "SharedBottom.* with your own Branching cannot be exported, since torch cannot",
        ),
        (Frozen, "does not predict task 'y' as the estimator does, and no file was written"),
    ],
)
def test_a_network_that_cannot_be_traced_is_refused(tmp_path, monkeypatch, body, message):
    path = tmp_path / "model.onnx"
    path.write_text("as it was")
    model = simple_model()
    monkeypatch.setattr(model.module_, "body", body(1, [1]))
    with pytest.raises(ValueError, match=message):
        export.to_onnx(model, path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.onnx"]
    assert path.read_text() == "as it was"


@pytest.mark.parametrize("mean", [0.0, 2e7, -1e13])
def test_parity_is_judged_by_the_spread_of_the_labels(mean):
    task, outputs = Regression(), np.linspace(-2, 2, 9)[:, None]
    task.mean, task.scale = mean, 2.0
    labels = task.predict(outputs)
    assert _compare_numbers(task, labels, labels + np.spacing(abs(mean)))
    assert not _compare_numbers(task, labels, labels + 0.5)


def test_what_is_no_model_is_refused(tmp_path):
    path = tmp_path / "model.onnx"
    with pytest.raises(TypeError, match="LinearRegression: only networks of this package"):
        export.to_onnx(LinearRegression(), path)
    with pytest.raises(NotFittedError):
        export.to_onnx(PLERegressor(), path)


@pytest.mark.parametrize(
    "values", [pd.date_range("2020-01-01", periods=3).to_numpy(), ["a", 1, 2]]
)
def test_categories_that_are_neither_text_nor_numbers_are_refused(tmp_path, values):
    X = pd.DataFrame({"day": pd.Categorical([values[k % 3] for k in range(N)])})
    model = PLERegressor(n_members=1, max_epochs=1).fit(X, LABELS["regression"])
    with pytest.raises(TypeError, match="Column 'day'.*either text or numbers"):
        export.to_onnx(model, tmp_path / "model.onnx")


@pytest.mark.parametrize("name", ["", "label.y"])
def test_columns_without_a_name_of_their_own_are_refused(tmp_path, name):
    model = PLERegressor(n_members=1, max_epochs=1)
    model.fit(FRAME[["b10"]].set_axis([name], axis=1), LABELS["regression"].rename("y"))
    with pytest.raises(ValueError, match=f"Column '{name}' of X cannot be an input"):
        export.to_onnx(model, tmp_path / "model.onnx")


def test_the_name_of_the_description_is_refused(tmp_path):
    with pytest.raises(ValueError, match="the file of this name describes the graph"):
        export.to_onnx(simple_model(), tmp_path / "model.json")


def test_infinite_categories_are_refused(tmp_path):
    X = pd.DataFrame({"dose": np.tile([1.0, np.inf, 2.0], N // 3)})
    model = PLERegressor(n_members=1, max_epochs=1, categorical_features=["dose"])
    with pytest.raises(
        ValueError, match="Column 'dose': infinity is among them.*finite numbers only"
    ):
        export.to_onnx(model.fit(X, LABELS["regression"]), tmp_path / "model.onnx")


def test_an_old_torch_is_refused(tmp_path, monkeypatch):
    model = model_of("regression", LABELS["regression"])
    monkeypatch.setattr(torch, "__version__", "2.5.1+cpu")
    with pytest.raises(ImportError, match=r"torch 2\.6 or later, but 2\.5\.1\+cpu"):
        export.to_onnx(model, tmp_path / "model.onnx")


@pytest.mark.parametrize("missing", ["onnx", "onnxscript", "onnxruntime"])
def test_without_the_extra_it_is_named(tmp_path, monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    model = model_of("regression", LABELS["regression"])
    with pytest.raises(ImportError, match=r"pip install 'sklearn-ple\[onnx\]'"):
        export.to_onnx(model, tmp_path / "model.onnx")


# -- the example of a server --------------------------------------------------------------------

SERVING = Path(__file__).parents[3] / "examples" / "serving"


@contextmanager
def served(path):
    """The example, started as its users start it; stopped at the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "serve:app", "--port", str(port)]
    environment = os.environ | {"MODEL": str(path)}
    process = subprocess.Popen(command, cwd=SERVING, env=environment)
    address = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 60
    try:
        while True:
            try:
                ask(f"{address}/ready")
                break
            except urllib.error.URLError:
                assert process.poll() is None and time.monotonic() < deadline
                time.sleep(0.1)
        yield address, process
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture(scope="module")
def server(file_of_rich):
    with served(file_of_rich[1]) as (address, _):
        yield address


def ask(address, content=None):
    """Get what an address answers, or post JSON to it."""
    data = None if content is None else json.dumps(content).encode()
    request = urllib.request.Request(address, data, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def test_a_server_answers_what_is_predicted(server, file_of_rich):
    model, _ = file_of_rich
    rows = json.loads(ROWS.to_json(orient="records", double_precision=15))
    answers = ask(f"{server}/predict", {"rows": rows})
    y, proba = model.predict(ROWS), model.predict_proba(ROWS)
    for row, answer in enumerate(answers):
        assert list(answer) == model.task_names_
        for task, shares in zip(model.tasks_, proba, strict=True):
            found, label = answer[task.name], y[task.name].iloc[row]
            if task.has_classes:
                assert found["label"] == label
                by_class = dict(zip(map(str, task.classes.tolist()), shares[row], strict=True))
                assert found["probabilities"] == pytest.approx(by_class, abs=1e-5)
            else:
                assert found["label"] == pytest.approx(label, rel=1e-5, abs=1e-5 * unit_of(task))
    assert ask(f"{server}/predict", {"rows": []}) == []


def test_a_server_takes_what_is_left_out_for_missing(server):
    null = dict.fromkeys(FRAME.columns)
    nan = dict.fromkeys(FRAME.columns, float("nan"))
    left_out, given, not_a_number = ask(f"{server}/predict", {"rows": [{}, null, nan]})
    for task, answer in left_out.items():
        for name, value in answer.items():
            # Sums may be rounded in another order.
            expected = value if isinstance(value, str) else pytest.approx(value, rel=1e-6)
            assert given[task][name] == expected == not_a_number[task][name]


@pytest.mark.nightly
def test_a_server_tells_long_ids_apart(tmp_path):
    ids = 2**53 + np.arange(2)
    X, y = pd.DataFrame({"id": np.tile(ids, 40)}), np.tile([5.0, -5.0], 40)
    model = SharedBottomClassifierRegressor(
        categorical_features=["id"], max_epochs=20, learning_rate=0.01, **SIMPLE
    ).fit(X, pd.Series(y, name="y"))
    assert np.ptp(model.predict(X[:2])) > 0.1
    path = tmp_path / "model.onnx"
    export.to_onnx(model, path)
    with served(path) as (address, _):
        answers = ask(f"{address}/predict", {"rows": X[:2].to_dict("records")})
    assert [answer["y"]["label"] for answer in answers] == pytest.approx(model.predict(X[:2]))


def test_a_server_reads_dates(tmp_path):
    X = pd.DataFrame({"day": pd.date_range("1966-01-01 23:30", periods=N, freq="30D")})
    y = (X["day"] - pd.Timestamp(0)).dt.days.rename("y") / 365
    model = PerTaskClassifierRegressor(random_state=0).fit(X, y)
    export.to_onnx(model, tmp_path / "model.onnx")
    days = [
        "1969-12-31T22:30:00",
        "1969-12-31T23:30:00+01:00",
        "1969-12-31T22:30:00Z",
        -5400,
        None,
    ]
    with served(tmp_path / "model.onnx") as (address, _):
        answers = ask(f"{address}/predict", {"rows": [{"day": day} for day in days]})
        body = in_json({"rows": [{"day": "yesterday"}]})
        assert send(address, body)[0] == 422
    expected = model.predict(pd.DataFrame({"day": pd.to_datetime(days[:1] * 4 + [None])}))
    assert [answer["y"]["label"] for answer in answers] == pytest.approx(expected)
    assert abs(expected[4] - expected[0]) > 0.1


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"towns": "a"}, "Row 0: there is no column 'towns'."),
        ({"wide": "much"}, "Row 0: 'wide' is 'much', no finite number."),
        ({"wide": float("inf")}, "Row 0: 'wide' is inf, no finite number."),
        ({"wide": 10**400}, f"Row 0: 'wide' is {10**400}, no finite number."),
        ({"town": ["a"]}, "Row 0: 'town' is a list."),
        ({"wide": {"a": float("nan")}}, "Row 0: 'wide' is a dict."),
        ("a", "('body', 'rows', 0): Input should be a valid dictionary."),
    ],
)
def test_a_server_refuses_rows_that_are_none(server, row, message):
    with pytest.raises(urllib.error.HTTPError) as caught:
        ask(f"{server}/predict", {"rows": [row]})
    assert caught.value.code == 422
    assert message in str(json.load(caught.value)["detail"])


def send(address, body, headers=(), method="POST", path="/predict"):
    """Send bytes as they are; return the status and the text of the answer."""
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=60)
    connection.putrequest(method, path)
    headers = headers or {"content-length": len(body)}
    for name, value in ({"content-type": "application/json"} | headers).items():
        connection.putheader(name, str(value))
    connection.endheaders(body)
    with connection.getresponse() as answer:
        return answer.status, answer.read().decode()


def in_json(content):
    return json.dumps(content).encode()


ROW = {"wide": 1e9, "town": "a"}
#: Requests and the statuses that answer them: a body, and what `send` takes beside it.
REQUESTS = {
    "no JSON": (b'{"rows": [', {}, 422),
    "no text": (b'{"rows": [{"town": "\xff"}]}', {}, 400),
    "nothing": (b"", {}, 422),
    "no rows": (in_json({"row": ROW}), {}, 422),
    "rows that are none": (in_json({"rows": 5}), {}, 422),
    "NaN as rows": (in_json({"rows": float("nan")}), {}, 422),
    "half a character as rows": (b'{"rows": "\\ud800"}', {}, 422),
    "half a character as a column": (b'{"rows": [{"\\ud800": 1}]}', {}, 422),
    "a column of another table": (in_json({"rows": [ROW, {"towns": "a"}]}), {}, 422),
    "text as a number": (in_json({"rows": [{"wide": "1e9"}]}), {}, 422),
    "a list as a cell": (in_json({"rows": [{"town": [float("nan")]}]}), {}, 422),
    "lists in lists": (b'{"rows": ' + b"[" * 100_000, {}, 400),
    "digits without end": (b'{"rows": [{"wide": ' + b"9" * 5000 + b"}]}", {}, 400),
    "too many rows": (in_json({"rows": [{}] * 1001}), {}, 422),
    "too many bytes": (b"", {"headers": {"content-length": 10**12}}, 413),
    "an unknown length": (b"0\r\n\r\n", {"headers": {"transfer-encoding": "chunked"}}, 411),
    "another method": (b"", {"method": "GET"}, 405),
    "another path": (b"", {"path": "/predictions"}, 404),
}


def test_a_server_stands_a_load_that_is_partly_malformed(server, file_of_rich):
    model, _ = file_of_rich
    rows = json.loads(ROWS.to_json(orient="records", double_precision=15))
    expected = model.predict(ROWS)["regression"].to_numpy()
    tolerance = 1e-5 * unit_of(model.tasks_[model.task_names_.index("regression")])
    rng = np.random.default_rng(0)
    # Half of the requests can be answered.
    jobs = [None if k % 2 else str(rng.choice(list(REQUESTS))) for k in range(500)]
    slices = [slice(start, start + 5) for start in rng.integers(0, len(rows) - 4, len(jobs))]

    def run(name, part):
        if name is not None:
            body, options, status = REQUESTS[name]
            assert send(server, body, **options)[0] == status, name
            return
        found = [
            answer["regression"]["label"]
            for answer in ask(f"{server}/predict", {"rows": rows[part]})
        ]
        assert found == pytest.approx(expected[part], rel=1e-5, abs=tolerance)

    before = read_counts(server)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(run, jobs, slices))
    after = read_counts(server)
    assert ask(f"{server}/ready") is ask(f"{server}/health") is True
    done = {name: count - before.get(name, 0) for name, count in after.items()}
    assert done["predict_rows_total"] == 5 * jobs.count(None)
    for status in (400, 405, 411, 413, 422):
        names = [name for name in REQUESTS if REQUESTS[name][2] == status]
        n_requests = sum(jobs.count(name) for name in names)
        assert done[f'predict_requests_total{{status="{status}"}}'] == n_requests > 0
    assert done['predict_requests_total{status="200"}'] == jobs.count(None)
    assert done["predict_seconds_total"] > 0


def read_counts(address):
    """The metrics of a server, by the names that Prometheus gives them."""
    status, text = send(address, b"", method="GET", path="/metrics")
    assert status == 200
    pairs = re.findall(r'^(\w+(?:\{status="\d+"\})?) ([\d.e-]+)$', text, re.MULTILINE)
    assert len(pairs) == len(text.splitlines())
    return {name: float(count) for name, count in pairs}


def test_a_server_that_is_stopped_answers_what_it_has_begun(file_of_rich):
    body = in_json({"rows": [ROW]})
    with served(file_of_rich[1]) as (address, process):
        host, port = address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=60) as begun:
            head = f"POST /predict HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n"
            head += "Content-Type: application/json\r\nExpect: 100-continue\r\n\r\n"
            begun.sendall(head.encode())
            assert b"100 Continue" in begun.recv(1000)
            process.terminate()
            with suppress(OSError):
                while True:
                    send(address, b"", method="GET", path="/health")
            begun.sendall(body)
            assert begun.recv(10_000).startswith(b"HTTP/1.1 200 OK")
        process.wait(timeout=60)


def test_a_server_needs_neither_torch_nor_this_package():
    source = ast.parse((SERVING / "serve.py").read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(source) if isinstance(node, ast.Import)]
    names = {alias.name for node in imports for alias in node.names}
    names |= {node.module for node in ast.walk(source) if isinstance(node, ast.ImportFrom)}
    packages = {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names)
    assert packages == {"fastapi", "numpy", "onnxruntime"}
    docker = (SERVING / "Dockerfile").read_text(encoding="utf-8")
    assert all(f'"{name}' in docker for name in ("fastapi", "numpy", "onnxruntime", "uvicorn"))
