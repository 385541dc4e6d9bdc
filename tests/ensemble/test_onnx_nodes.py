"""ONNX files of one model per task and of blends: what they predict is what the models predict."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_ple import SharedBottomClassifierRegressor, export
from sklearn_ple.ensemble import BlendClassifierRegressor, PerTaskClassifierRegressor
from sklearn_ple.export.onnx.parity import make_inputs

onnxruntime = pytest.importorskip("onnxruntime")
if torch.torch_version.TorchVersion(torch.__version__) < "2.6":
    pytest.skip("torch is too old for ONNX files", allow_module_level=True)

N, RNG = 600, np.random.default_rng(0)
X = pd.DataFrame(
    {
        "wide": np.where(RNG.random(N) < 0.1, np.nan, RNG.normal(size=N) + 1e6),
        "town": RNG.choice(["a", "b", "c", "d", None], N),
        "zone": pd.Categorical(RNG.choice([3, 1, 2], N)),
        "flag": RNG.random(N) < 0.5,
        "day": pd.date_range("1959-03-01 01:00", periods=N, freq="1000h"),
        "there": pd.date_range("2020", periods=N, freq="7h", tz="UTC+05:30"),
    }
)
SHIFT = np.nan_to_num(X["wide"] - 1e6) + X["town"].isin(["a", "c"]) + X["day"].dt.month / 4
SIGNAL = SHIFT + X["there"].dt.hour / 24 + RNG.normal(size=N)
Y = pd.DataFrame(
    {
        "died": np.where(SIGNAL > 2.5, "yes", "no"),
        "grade": pd.Categorical(
            np.array(["low", "mid", "high"])[pd.qcut(SIGNAL, 3, labels=False)],
            ["low", "mid", "high", "never"],
            ordered=True,
        ),
        "weight": SIGNAL * 1e-3 + 1e4,
        "visits": RNG.poisson(np.exp(SIGNAL / 4)),
        "none": np.zeros(N),
    }
).mask(RNG.random((N, 5)) < 0.1)
KINDS = {"grade": "ordinal", "visits": "count", "none": "count"}
# What fit has not seen: other and missing categories, numbers and dates.
ROWS = X[:200].assign(
    town=RNG.choice(["a", "new", None], 200),
    zone=pd.Series(RNG.choice([1.0, 9.0, np.nan], 200)).astype("category"),
    wide=X["wide"].mask(X.index % 3 == 0),
    day=pd.Series(pd.date_range("1890-01-01", periods=200, freq="299D")).mask(
        X.index[:200] % 5 == 0
    ),
)


def run(path, rows):
    """Predict rows by ONNX Runtime; return the outputs by name."""
    description = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, make_inputs(description, rows)), strict=True))


def check(model, path, rows):
    """Compare the outputs of a file with what the model predicts."""
    found, labels, probabilities = run(path, rows), model.predict(rows), model.predict_proba(rows)
    for k, task in enumerate(model.task_names_):
        if probabilities[k] is not None:
            shares = found.pop(f"probabilities.{task}")
            np.testing.assert_allclose(shares, probabilities[k], rtol=0, atol=1e-6)
            assert found.pop(f"label.{task}").tolist() == labels[task].tolist()
            continue
        expected = labels[task].to_numpy(float)
        spread = max(expected.std(), 1e-9)
        np.testing.assert_allclose(
            found.pop(f"label.{task}"), expected, rtol=1e-6, atol=1e-5 * spread
        )
    assert not found


@pytest.fixture(scope="module")
def boosting():
    return PerTaskClassifierRegressor(
        task_types=KINDS | {"died": "binary", "weight": "regression"}, random_state=0
    ).fit(X, Y)


@pytest.mark.filterwarnings("ignore:Target 'none' is constant")
def test_boosting_predicts_the_same(boosting, tmp_path):
    export.to_onnx(boosting, tmp_path / "model.onnx")
    check(boosting, tmp_path / "model.onnx", X)
    check(boosting, tmp_path / "model.onnx", ROWS)
    check(boosting, tmp_path / "model.onnx", ROWS[:1])


def test_files_of_boosting_describe_columns_and_tasks(boosting, tmp_path):
    export.to_onnx(boosting, tmp_path / "model.onnx")
    description = json.loads((tmp_path / "model.json").read_text(encoding="utf-8"))
    assert description["estimator"] == "PerTaskClassifierRegressor"
    columns = {entry.pop("name"): entry for entry in description["columns"]}
    assert columns["wide"] == columns["flag"] == {"kind": "number"}
    assert columns["town"]["kind"] == "text" and set(columns["town"]["categories"]) == set("abcd")
    assert columns["day"] == {"kind": "date"}
    assert columns["there"] == {"kind": "date", "zone": "UTC+05:30"}
    grade = {task["name"]: task for task in description["tasks"]}["grade"]
    assert set(grade["classes"]) == {"low", "mid", "high", "never"}


@pytest.mark.parametrize("categories", [300, 2])
def test_boosting_reads_many_categories_or_nothing_else(tmp_path, categories):
    town = pd.DataFrame({"town": [f"t{k}" for k in RNG.integers(0, categories, N)]})
    effect = town["town"].str[1:].astype(int) % 7
    y = pd.DataFrame({"size": effect + RNG.normal(size=N), "kind": RNG.choice(["a", "b", "c"], N)})
    model = PerTaskClassifierRegressor(random_state=0).fit(town, y)
    export.to_onnx(model, tmp_path / "model.onnx")
    check(model, tmp_path / "model.onnx", pd.concat([town, pd.DataFrame({"town": ["new", None]})]))


def test_boosting_reads_arrays_and_a_single_target(tmp_path):
    numbers = RNG.normal(size=(N, 3))
    model = PerTaskClassifierRegressor(random_state=0).fit(numbers, numbers[:, 0] > 0)
    export.to_onnx(model, tmp_path / "model.onnx")
    rows = pd.DataFrame(numbers, columns=["x0", "x1", "x2"])
    found = run(tmp_path / "model.onnx", rows)
    np.testing.assert_array_equal(found["label.y"], model.predict(numbers))
    np.testing.assert_allclose(found["probabilities.y"], model.predict_proba(numbers), atol=1e-6)


def test_a_pipeline_may_end_with_boosting(tmp_path):
    columns = ["town", "flag", "day"]
    model = make_pipeline(FunctionTransformer(), PerTaskClassifierRegressor(random_state=0))
    model.fit(X[columns], Y[["died", "weight"]])
    export.to_onnx(model, tmp_path / "model.onnx", X[columns])
    found = run(tmp_path / "model.onnx", ROWS)
    assert found["label.died"].tolist() == model.predict(ROWS[columns])["died"].tolist()


def test_a_blend_of_boosting_predicts_the_same(tmp_path):
    rows, labels = X[:240], Y[["died", "weight"]][:240]
    boosting = PerTaskClassifierRegressor(random_state=0)
    searched = GridSearchCV(boosting, {"tune": [False]}, cv=2).fit(rows[::2], labels[::2])
    models = [("folds", boosting), ("found", FrozenEstimator(searched))]
    blend = BlendClassifierRegressor(models, cv=2, random_state=0).fit(rows, labels)
    assert (blend.weights_.nunique(axis=1) > 1).all()
    blend.calibrate()
    assert blend.temperatures_["died"] != 1
    export.to_onnx(blend, tmp_path / "model.onnx")
    check(blend, tmp_path / "model.onnx", ROWS)


def test_a_blend_with_a_network_predicts_the_same(tmp_path):
    network = SharedBottomClassifierRegressor(
        n_members=1,
        numeric_embedding=None,
        linear_path=False,
        max_epochs=2,
        categorical_features=["town", "zone"],
    )
    models = [("network", network), ("boosting", PerTaskClassifierRegressor())]
    blend = BlendClassifierRegressor(models, cv=2, random_state=0)
    blend.fit(X, Y[["died", "grade", "weight"]])
    export.to_onnx(blend, tmp_path / "model.onnx")
    check(blend, tmp_path / "model.onnx", ROWS)


# -- what is refused ----------------------------------------------------------------------------


def test_dates_of_a_zone_with_summer_time_are_refused(tmp_path):
    rows = pd.DataFrame({"day": pd.date_range("2020", periods=N, tz="Europe/Berlin")})
    model = PerTaskClassifierRegressor(random_state=0).fit(rows, Y["weight"])
    with pytest.raises(TypeError, match="'day' .* zone Europe/Berlin, whose offset .* varies"):
        export.to_onnx(model, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def of_other_regressors():
    other = HistGradientBoostingRegressor(max_iter=2)
    return PerTaskClassifierRegressor(regressor={"weight": other})


def blend_of_pipelines():
    model = make_pipeline(FunctionTransformer(), PerTaskClassifierRegressor())
    return BlendClassifierRegressor([("one", model)], cv=2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (of_other_regressors, "Task 'weight' is learnt by HistGradientBoostingRegressor, which"),
        (
            blend_of_pipelines,
            "A blend of pipelines cannot be exported: fit a pipeline whose last",
        ),
    ],
)
def test_what_cannot_be_exported_is_named(tmp_path, make, message):
    model = make().fit(X[["wide"]], Y[["died", "weight"]])
    with pytest.raises(TypeError, match=message):
        export.to_onnx(model, tmp_path / "model.onnx")


def test_columns_that_are_text_to_one_estimator_only_are_refused(tmp_path):
    ids = pd.DataFrame({"id": 2**53 + np.arange(N) % 4})
    network = SharedBottomClassifierRegressor(
        n_members=1, numeric_embedding=None, max_epochs=1, categorical_features=["id"]
    )
    models = [("network", network), ("boosting", PerTaskClassifierRegressor())]
    blend = BlendClassifierRegressor(models, cv=2, random_state=0).fit(ids, Y["weight"])
    with pytest.raises(TypeError, match="Column 'id' of X is text to one estimator and number"):
        export.to_onnx(blend, tmp_path / "model.onnx")
