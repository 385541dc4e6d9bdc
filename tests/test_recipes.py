"""The page of recipes: its files work where the packages that they take are installed."""

import importlib.util
import json
import math
import os
import re
import shutil
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from makers import assert_alike, make_tiny, mostly_nightly
from sklearn.model_selection import cross_val_score

from sklearn_ple import PLEClassifierRegressor, SharedBottomClassifierRegressor
from sklearn_ple.export import load, save
from sklearn_ple.metrics import multitask_scores

PAGE = Path(__file__).parents[1] / "docs" / "recipes.rst"
FILES = PAGE.with_suffix("")


@pytest.fixture(scope="module", autouse=True)
def importable():
    """Make the page's files modules."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FILES))
        yield
    for file in FILES.glob("*.py"):
        sys.modules.pop(file.stem, None)


@pytest.fixture(scope="module")
def table():
    """Numbers, a category and a flag, with values missing; a class and a number."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(90, 2)), columns=["a", "b"])
    X["place"] = pd.Categorical(rng.choice(["north", "south"], 90))
    X["flag"] = rng.random(90) > 0.5
    X.loc[::7, ["a", "place"]] = None
    y = pd.DataFrame({"class": np.where(X["b"] > 0, "yes", "no"), "number": X["b"] * 2})
    y.loc[::5, "number"] = np.nan
    return X, y


@pytest.fixture(scope="module")
def model(table):
    return make_tiny().fit(*table)


def test_the_page_shows_every_file():
    shown = re.findall(r"literalinclude:: recipes/(\w+)\.py", PAGE.read_text(encoding="utf-8"))
    assert sorted(shown) == sorted(file.stem for file in FILES.glob("*.py"))


@pytest.mark.nightly
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_mlflow_logs_and_loads_a_model(table, model, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    # As on the page, runs are stored where MLflow stores them by default: in this folder.
    monkeypatch.chdir(tmp_path)
    mlflow = pytest.importorskip("mlflow")
    recipe = importlib.import_module("mlflow_model")
    X, _ = table
    with mlflow.start_run() as run:
        uri = recipe.log_model(model, X)
    logged = mlflow.get_run(run.info.run_id).data
    assert logged.params["n_members"] == "1"
    assert logged.metrics["loss"] == pytest.approx(model.history_[-1]["loss"])
    served = mlflow.pyfunc.load_model(uri)
    expected = model.predict(X)
    pd.testing.assert_frame_equal(served.predict(recipe.plain(X)), expected, check_dtype=False)
    left_out = served.predict(recipe.plain(X[["flag", "a"]]))
    missing = model.predict(X.assign(b=np.nan, place=pd.Series(dtype=X["place"].dtype)))
    pd.testing.assert_frame_equal(left_out, missing, check_dtype=False)
    one = served.predict(recipe.plain(X), params={"tasks": ["number"]})
    assert list(one.columns) == ["number"]
    # As a server does: rows of JSON, in which a missing value is null.
    rows = json.loads(recipe.plain(X).to_json(orient="records"))
    sent = pd.DataFrame(rows).astype({"a": float})
    pd.testing.assert_frame_equal(served.predict(sent), expected, check_dtype=False)
    assert list(tmp_path.rglob("model.safetensors")) and not list(tmp_path.rglob("*.pkl"))
    with pytest.raises(ValueError, match=r"The columns \['id'\] have numbers that no float"):
        recipe.plain(pd.DataFrame({"id": [2**53 + 1], "other": [2**53]}))


def test_skops_writes_a_card(table, tmp_path):
    pytest.importorskip("skops")
    write_card = importlib.import_module("model_card").write_card
    X, y = table
    # The metric of counts is a scorer, not a name.
    y = y.assign(visits=np.arange(len(y)) % 4)
    model = PLEClassifierRegressor(
        task_types={"visits": "count"}, n_members=1, max_epochs=2, random_state=0
    ).fit(X, y)
    save(model, tmp_path / "model.safetensors")
    write_card(model, X, y, tmp_path, description="What it is.", limitations="What it is not for.")
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert card.startswith("---\nlibrary_name: sklearn-ple\n")
    for text in ("What it is.", "What it is not for.", "n_members", "sk-top-container"):
        assert text in card
    for task, score in multitask_scores(model, X, y).items():
        assert re.search(rf"{task}: \w+ +\| +{round(score, 4)} ", card)
    (picture,) = re.findall(r"!\[.*\]\((.*)\)", card)
    assert (tmp_path / picture).read_bytes().startswith(b"\x89PNG")
    code = re.search(r"```python\n(.*?)```", card, re.DOTALL)[1]
    names = {}
    exec(code.replace("model.safetensors", str(tmp_path / "model.safetensors")), names)
    assert names["model"].predict(X).equals(model.predict(X))
    assert load(tmp_path / "model.safetensors").get_params() == model.get_params()


@pytest.mark.parametrize("backend", mostly_nightly(["threading", "dask", "ray"], ["threading"]))
def test_optuna_searches_side_by_side(table, backend):
    pytest.importorskip("optuna").logging.set_verbosity("WARNING")
    search = importlib.import_module("parallel_study").search
    X, y = table
    base = SharedBottomClassifierRegressor(
        n_members=1, max_epochs=1, early_stopping=False, random_state=0
    )
    options = {"n_trials": 4, "at_once": 2, "cv": 2}
    if backend == "threading":
        with parallel_config(backend, n_jobs=2):
            study, best = search(base, X, y, **options)
    elif backend == "ray":
        ray = pytest.importorskip("ray")
        importlib.import_module("ray.util.joblib").register_ray()
        ray.init(num_cpus=2, include_dashboard=False)
        try:
            with parallel_config(backend):
                study, best = search(base, X, y, **options)
        finally:
            ray.shutdown()
    else:
        distributed = pytest.importorskip("distributed")
        cluster = {"n_workers": 1, "threads_per_worker": 2, "processes": False}
        with distributed.Client(**cluster, dashboard_address=None), parallel_config(backend):
            study, best = search(base, X, y, **options)
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 4
    assert study.best_value == max(trial.value for trial in study.trials)
    # The trials' scores are those of their parameters, wherever they ran.
    assert cross_val_score(best, X, y, cv=2).mean() == pytest.approx(study.best_value, abs=1e-6)
    assert best.get_params()["max_epochs"] == 1


def test_a_trial_that_fails_is_told_to_the_study(table):
    optuna = pytest.importorskip("optuna")
    search = importlib.import_module("parallel_study").search
    X, y = table
    base = SharedBottomClassifierRegressor(max_epochs=1, device="cuda:99")
    with (
        pytest.warns(UserWarning, match="Trial 0 fails: device='cuda:99'"),
        pytest.warns(UserWarning, match="Trial 1 fails: "),
        pytest.raises(ValueError, match="No trials are completed"),
    ):
        search(base, X, y, n_trials=2, cv=2)
    assert optuna


class Harness:
    """Stands in for AutoGluon's class of models, where AutoGluon is not installed."""

    def __init__(self, problem_type, hyperparameters, **_):
        self.problem_type, self._params = problem_type, hyperparameters

    def _get_model_params(self):
        return dict(self._params)

    def _get_default_auxiliary_params(self):
        return {"valid_raw_types": None, "max_time_limit": None}

    def preprocess(self, X):
        return X

    def fit(self, **rows):
        self._fit(**rows, num_cpus=1)

    def predict_proba(self, X):
        if self.problem_type == "regression":
            return self.model.predict(X)
        return self.model.predict_proba(X)[:, 1]


@pytest.fixture
def autogluon(monkeypatch):
    """The recipe's model, in a module of AutoGluon or of a stand-in."""
    if importlib.util.find_spec("autogluon") is None:
        for name in ("autogluon", "autogluon.core", "autogluon.core.models"):
            monkeypatch.setitem(sys.modules, name, ModuleType(name))
        sys.modules["autogluon.core.models"].AbstractModel = Harness
    return importlib.import_module("autogluon_model").PLEModel


@pytest.mark.parametrize("kind", ["binary", "regression"])
def test_the_time_limit_of_autogluon_becomes_that_of_a_fit(autogluon, table, kind, tmp_path):
    X, y = table
    labels = (y["class"] == "yes").astype(int) if kind == "binary" else y["number"].fillna(0)
    params = {"n_members": 1, "max_epochs": 2, "early_stopping": True}
    model = autogluon(path=str(tmp_path), problem_type=kind, hyperparameters=params)
    rows = {"X": X[:60], "y": labels[:60], "X_val": X[60:], "y_val": labels[60:]}
    model.fit(**rows, time_limit=600)
    # AutoGluon subtracts what it has taken itself.
    assert 0 < model.model.max_time <= 600
    fitted = type(model.model)(**params, random_state=0)
    fitted.fit(X[:60], labels[:60], X_val=X[60:], y_val=labels[60:])
    expected = fitted.predict_proba(X)[:, 1] if kind == "binary" else fitted.predict(X)
    np.testing.assert_allclose(model.predict_proba(X), expected, atol=1e-6)
    kinds = model._get_default_auxiliary_params()["valid_raw_types"]
    assert kinds == ["int", "float", "bool", "category"]
    assert kind in model.supported_problem_types()


@pytest.mark.filterwarnings("error::UserWarning")
def test_frames_of_dask_are_predicted_part_by_part(table, model):
    dd = pytest.importorskip("dask.dataframe")
    predict = importlib.import_module("clusters").predict_dask
    far = dd.from_pandas(table[0], npartitions=3)
    expected = model.predict(table[0])
    assert_alike(predict(model, far).compute(), expected)
    with pytest.raises(ValueError, match="same order as they were in fit"):
        predict(model, far[["b", "a", "place", "flag"]])


@pytest.mark.nightly
@pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java")
def test_frames_of_spark_are_predicted_part_by_part(table, model, monkeypatch):
    sql = pytest.importorskip("pyspark.sql")
    predict = importlib.import_module("clusters").predict_spark
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    local = sql.SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    spark = local.getOrCreate()
    try:
        X = table[0].astype({"place": object})
        far = spark.createDataFrame(X.where(X.notna(), None))
        with pytest.raises(TypeError, match="pyspark.*no rows in memory: .*mapInPandas"):
            model.predict(far)
        found = predict(model, far).toPandas()
    finally:
        spark.stop()
    pd.testing.assert_frame_equal(found, model.predict(table[0]), check_dtype=False)


def test_conformal_sets_and_intervals_are_those_of_the_scores_on_own_rows(table, model):
    pytest.importorskip("mapie")
    from conformal import guarantee

    X, y = table
    new = X[:20].set_index(np.arange(100, 120))

    # A row is covered if its score is at most the least that enough of the own rows have.
    def least(scores):
        return np.sort(scores)[math.ceil(0.8 * (len(scores) + 1)) - 1]

    view, own = model.task_view("number"), y["number"].notna()
    half = least(np.abs(y["number"][own] - view.predict(X[own])))
    found = guarantee(view, X, y["number"], new, level=0.8)
    assert found.index.equals(new.index)
    np.testing.assert_allclose(found["low"], view.predict(new) - half, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found["high"], view.predict(new) + half, rtol=1e-5, atol=1e-5)

    view = model.task_view("class")
    codes = (y["class"] == view.classes_[1]).astype(int)
    most = least(1 - view.predict_proba(X)[np.arange(len(X)), codes])
    found = guarantee(view, X, y["class"], new, level=0.8)
    assert list(found.columns) == list(view.classes_)
    np.testing.assert_array_equal(found, 1 - view.predict_proba(new) <= most + 1e-6)
