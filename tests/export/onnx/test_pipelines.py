"""Steps of a pipeline before the estimator, in an ONNX graph."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from pandas.api import types
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    QuantileTransformer,
    StandardScaler,
)

from sklearn_ple import SharedBottomClassifierRegressor, export
from sklearn_ple.export.onnx.parity import make_inputs, vary_rows
from sklearn_ple.export.onnx.pipelines import connect

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("skl2onnx")
if torch.torch_version.TorchVersion(torch.__version__) < "2.6":
    pytest.skip("torch is too old for ONNX files", allow_module_level=True)

RNG, N = np.random.default_rng(0), 120
X = pd.DataFrame(
    {
        "wide": np.where(RNG.random(N) < 0.2, np.nan, RNG.normal(size=N) + 1e6),
        "skewed": RNG.exponential(size=N),
        "day": pd.date_range("2020-01-01", periods=N),
        "town": RNG.choice(["a", "b", "c", None], N),
        "zone": pd.Categorical(RNG.choice(["north", "south"], N)),
        "flag": RNG.random(N) < 0.5,
    }
)
Y = pd.DataFrame({"size": RNG.choice(["S", "L"], N), "weight": X["skewed"] + RNG.normal(size=N)})
NUMBERS, TEXTS = ["wide", "skewed"], ["town", "zone"]
ENCODED = {"handle_unknown": "use_encoded_value", "unknown_value": -1}
STEPS = {
    "scaled": (StandardScaler(), NUMBERS),
    "imputed": (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), NUMBERS),
    "skewed": (make_pipeline(SimpleImputer(), PowerTransformer()), ["skewed"]),
    "quantiles": (QuantileTransformer(n_quantiles=20), ["skewed"]),
    "components": (make_pipeline(SimpleImputer(), StandardScaler(), PCA(1)), NUMBERS),
    "one hot": (OneHotEncoder(handle_unknown="ignore", sparse_output=False), TEXTS),
    "ordinal": (OrdinalEncoder(**ENCODED), ["zone"]),
    "filled": (SimpleImputer(strategy="most_frequent"), ["town"]),
    "both": (
        make_pipeline(
            SimpleImputer(strategy="constant", fill_value="none"),
            OneHotEncoder(handle_unknown="ignore", sparse_output=False),
        ),
        ["town"],
    ),
    "unchanged": ("passthrough", ["flag", "zone"]),
}


def run(steps, rows):
    """Compute rows by the nodes of fitted steps alone; return what they read, and the columns."""
    from onnx import TensorProto, helper

    expected = pd.DataFrame(steps.transform(rows))
    kinds = [
        "date"
        if types.is_datetime64_any_dtype(dtype)
        else "number"
        if types.is_numeric_dtype(dtype) or types.is_bool_dtype(dtype)
        else "text"
        for dtype in expected.infer_objects().dtypes
    ]
    columns = [{"name": f"x{k}", "kind": kind} for k, kind in enumerate(kinds)]
    inputs, values, nodes = connect(steps, rows, columns)
    of_kind = dict.fromkeys(["number", "date"], TensorProto.DOUBLE) | {"text": TensorProto.STRING}
    outputs = []
    for place, (column, value) in enumerate(zip(columns, values, strict=True)):
        # What no step changes is an input, which cannot be an output.
        nodes.add("Identity", [value], f"{nodes.prefix}out/{place}")
        outputs.append(
            helper.make_tensor_value_info(
                f"{nodes.prefix}out/{place}", of_kind[column["kind"]], ["n", 1]
            )
        )
    given = [
        helper.make_tensor_value_info(c["name"], of_kind[c["kind"]], ["n", 1]) for c in inputs
    ]
    graph = helper.make_graph(nodes.nodes, "steps", given, outputs, nodes.constants)
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 4)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    found = session.run(None, make_inputs({"columns": inputs}, rows))
    return inputs, expected, pd.DataFrame({k: part[:, 0] for k, part in enumerate(found)})


@pytest.mark.parametrize("name", STEPS)
def test_steps_compute_the_same_in_a_graph(name):
    step, columns = STEPS[name]
    steps = make_pipeline(make_column_transformer((step, columns)).set_output(transform="pandas"))
    steps.fit(X)
    described = [{"name": c, "kind": "text" if c in TEXTS else "number"} for c in columns]
    rows = vary_rows(X, described, steps)
    inputs, expected, found = run(steps, rows)
    # What no step reads, such as the days here, is no input.
    assert [entry["name"] for entry in inputs] == [c for c in X if c in columns]
    for place, (_, cells) in enumerate(expected.items()):
        if types.is_numeric_dtype(found[place].dtype):
            np.testing.assert_allclose(found[place], cells.astype(float), rtol=1e-5, atol=1e-5)
        else:
            assert found[place].tolist() == cells.astype(object).fillna("").tolist()


def test_a_pipeline_predicts_raw_rows(tmp_path):
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), NUMBERS),
        ("passthrough", ["town", "flag", "day"]),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["zone"]),
    ).set_output(transform="pandas")
    model = make_pipeline(
        columns,
        SharedBottomClassifierRegressor(
            n_members=1, numeric_embedding=None, linear_path=False, max_epochs=1, random_state=0
        ),
    ).fit(X, Y)
    export.to_onnx(model, tmp_path / "model.onnx", X)
    description = json.loads((tmp_path / "model.json").read_text(encoding="utf-8"))
    kinds = {entry["name"]: entry["kind"] for entry in description["columns"]}
    of_kind = {"day": "date"} | dict.fromkeys(TEXTS, "text")
    assert kinds == {name: of_kind.get(name, "number") for name in X}
    assert {"categories"} <= description["columns"][3].keys()
    rows = X.assign(town=["new", None, "a"] * (N // 3), wide=X["wide"].mask(X.index < 9))
    rows["day"] = rows["day"].mask(X.index % 7 == 0)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    names = ["label.size", "label.weight"]
    size, weight = session.run(names, make_inputs(description, rows))
    expected = model.predict(rows)
    assert size.tolist() == expected["size"].tolist()
    np.testing.assert_allclose(weight, expected["weight"], rtol=1e-4, atol=1e-4)


def test_columns_of_skrub_that_become_numbers_or_stay_categories_are_in_the_graph():
    skrub = pytest.importorskip("skrub")
    steps = make_pipeline(skrub.TableVectorizer(low_cardinality="passthrough"))
    hours = X["day"].dt.tz_localize("UTC+05:30") - 40_000 * pd.to_timedelta(X.index, "min")
    some = X.assign(day=X["day"].mask(X.index % 5 == 0), hour=hours)
    steps.fit(some)
    _, expected, found = run(steps, some)
    assert {"day_month", "hour_hour", "hour_total_seconds"} <= set(expected)
    for place, (_, cells) in enumerate(expected.items()):
        if types.is_numeric_dtype(found[place].dtype):
            np.testing.assert_array_equal(found[place], cells.astype(float))
        else:
            assert found[place].tolist() == cells.astype(object).fillna("").tolist()


def with_dates():
    skrub = pytest.importorskip("skrub")
    return make_pipeline(
        skrub.TableVectorizer(datetime=skrub.DatetimeEncoder(periodic_encoding="circular"))
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (with_dates, "Step tablevectorizer: day: .* reads columns of the kinds .'date'"),
        (
            lambda: make_column_transformer((FunctionTransformer(np.log1p), ["skewed"])),
            "Step columntransformer: functiontransformer: FunctionTransformer cannot be exported",
        ),
        (
            lambda: make_column_transformer((SimpleImputer(add_indicator=True), NUMBERS)),
            "The estimator reads 3 columns, but skl2onnx makes 2 of the steps before",
        ),
    ],
)
def test_steps_that_cannot_be_converted_are_named(make, message):
    steps = make()
    steps = steps if hasattr(steps, "steps") else make_pipeline(steps)
    columns = [
        {"name": f"x{k}", "kind": "number"} for k in range(np.shape(steps.fit_transform(X))[1])
    ]
    with pytest.raises(TypeError, match=message):
        connect(steps, X, columns)


def test_a_pipeline_needs_rows(tmp_path):
    simple = {"n_members": 1, "numeric_embedding": None, "max_epochs": 1}
    model = make_pipeline(SimpleImputer(), SharedBottomClassifierRegressor(**simple))
    model.fit(X[NUMBERS], Y)
    with pytest.raises(TypeError, match="X is of type NoneType: pass a DataFrame with rows"):
        export.to_onnx(model, tmp_path / "model.onnx")
