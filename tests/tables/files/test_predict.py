"""Predictions and scores of datasets are those of the same rows in memory."""

import copy
import os
import threading

import numpy as np
import pandas as pd
import psutil
import pyarrow as pa
import pytest
from makers import assert_alike
from pyarrow import dataset as ds
from pyarrow import parquet
from sklearn.pipeline import make_pipeline
from skorch.callbacks import Callback
from streamed import OPTIONS, TASKS, arrow, make_table, write

from sklearn_ple import PLEClassifier, PLEClassifierRegressor, PLERegressor, export
from sklearn_ple.metrics import make_multitask_scorer, multitask_scores
from sklearn_ple.tables.files import source

FEATURES = ["a", "gaps", "town", "kind"]


def model(**params):
    return PLEClassifierRegressor(**(OPTIONS | params))


@pytest.fixture(scope="module")
def frame():
    frame = make_table(500)
    frame["color"] = np.where(frame["a"] > 0, "red", "blue")
    return frame


@pytest.fixture(scope="module")
def folder(frame, tmp_path_factory):
    return write(tmp_path_factory.mktemp("predict") / "files", frame)


@pytest.fixture(scope="module")
def fitted(frame, folder):
    rows = arrow(frame)
    return model(early_stopping=True).fit(rows.select(FEATURES), rows.select([*TASKS, "color"]))


def test_batches_are_what_memory_predicts(fitted, frame, folder):
    rows = arrow(frame).select(FEATURES)
    batches = list(fitted.predict(folder))
    assert [len(batch) for batch in batches] == [100, 100, 50] * 2
    assert_alike(pd.concat(batches), fitted.predict(rows))
    some = pd.concat(fitted.predict(str(folder), tasks=["color"]))
    assert_alike(some, fitted.predict(rows, tasks=["color"]))
    deviations = pd.concat([std for _, std in fitted.predict(folder, return_std=True)])
    assert_alike(deviations, fitted.predict(rows, return_std=True)[1])
    parts = zip(*fitted.predict_proba(folder), strict=True)
    for part, expected in zip(parts, fitted.predict_proba(rows), strict=True):
        if expected is None:
            assert part == (None,) * 6
        else:
            assert_alike(np.concatenate(part), expected)


@pytest.mark.parametrize("weight", [None, "w"])
def test_scores_are_those_of_memory(fitted, frame, folder, weight):
    rows = arrow(frame)
    score = fitted.score(folder, [*TASKS, "color"], sample_weight=weight)
    weights = None if weight is None else frame[weight].to_numpy()
    expected = fitted.score(rows.select(FEATURES), rows.select([*TASKS, "color"]), weights)
    assert score == pytest.approx(expected)


def test_intervals_and_frames_of_blocks_are_those_of_memory(fitted, frame, folder):
    rows = arrow(frame).select(FEATURES)
    ends = zip(*fitted.predict_interval(folder, 0.8, tasks=["amount"]), strict=True)
    for blocks, expected in zip(
        ends, fitted.predict_interval(rows, 0.8, tasks=["amount"]), strict=True
    ):
        assert_alike(pd.concat(blocks), expected)
    proba = pd.concat(fitted.predict_proba_frame(folder, tasks=["color"]))
    assert_alike(proba, fitted.predict_proba_frame(rows, tasks=["color"]))
    logits = [block[2] for block in fitted.decision_function(folder)]
    assert_alike(np.concatenate(logits), fitted.decision_function(rows)[2])
    known = {"known": ["color"]}
    blocks = pd.concat(low for low, _ in fitted.predict_interval(folder, **known))
    low, _ = fitted.predict_interval(rows, known=frame[["color"]])
    assert_alike(blocks, low)


def test_views_of_a_task_predict_blocks(fitted, frame, folder):
    rows = arrow(frame).select(FEATURES)
    view = fitted.task_view("color")
    for method in ("predict", "predict_proba", "decision_function"):
        blocks = np.concatenate(list(getattr(view, method)(folder)))
        assert_alike(blocks, getattr(view, method)(rows))
    number = fitted.task_view("amount")
    assert_alike(np.concatenate(list(number.predict(folder))), number.predict(rows))


@pytest.mark.parametrize("weight", [None, "w"])
def test_scores_of_every_task_are_those_of_memory(fitted, frame, folder, weight):
    tasks = [*TASKS, "color"]
    rows = arrow(frame)
    memory = rows.select(FEATURES), rows.select(tasks)
    weights = {"sample_weight": None if weight is None else frame[weight]}
    expected = multitask_scores(fitted, *memory, **weights)
    assert list(expected) == tasks
    named = {"sample_weight": weight}
    # By rounding, two rows may change their order, which changes an AUC.
    assert multitask_scores(fitted, folder, tasks, **named) == pytest.approx(expected, rel=1e-3)
    # Predictions that were computed before are scored by the labels of the files, too.
    passed = multitask_scores(
        pd.concat(fitted.predict_proba_frame(folder)), folder, tasks, **named
    )
    of_classes = {name: expected[name] for name in ("click", "color")}
    assert passed == pytest.approx(of_classes, rel=1e-3)
    score = make_multitask_scorer()(fitted, folder, tasks, **named)
    assert score == pytest.approx(np.mean(list(expected.values())), rel=1e-3)
    with pytest.raises(ValueError, match=r"y names \['sale'\], but"):
        multitask_scores(fitted, folder, ["sale"])
    with pytest.raises(ValueError, match="y has the tasks"):
        multitask_scores(fitted, folder, ["click"])


@pytest.mark.parametrize("weight", [None, "w"])
def test_temperatures_are_those_of_memory(fitted, frame, folder, weight):
    tasks = [*TASKS, "color"]
    rows = arrow(frame)
    one, other = copy.deepcopy(fitted), copy.deepcopy(fitted)
    one.calibrate(folder, tasks, weight)
    other.calibrate(
        rows.select(FEATURES), rows.select(tasks), None if weight is None else frame[weight]
    )
    assert one.temperatures_ == pytest.approx(other.temperatures_, rel=1e-4)


def test_one_task_is_predicted_as_arrays(frame, folder):
    fitted = PLEClassifier(**OPTIONS).fit(frame[["a", "gaps"]], frame["color"])
    rows = frame[["a", "gaps"]]
    assert_alike(np.concatenate(list(fitted.predict(folder))), fitted.predict(rows))
    proba = np.concatenate(list(fitted.predict_proba(folder)))
    assert_alike(proba, fitted.predict_proba(rows))
    assert fitted.score(folder, "color") == pytest.approx(fitted.score(rows, frame["color"]))


def test_what_cannot_be_predicted_is_said_at_once(fitted, folder, tmp_path):
    with pytest.raises(
        ValueError, match=r"The model was fitted to the columns \['gaps', 'kind'\], but"
    ):
        fitted.predict(write(tmp_path / "other", make_table(50)[["a", "town"]]))
    with pytest.raises(ValueError, match=r"y names \['sale'\], but"):
        fitted.score(folder, ["sale"])
    with pytest.raises(ValueError, match="y has the targets"):
        fitted.score(folder, ["click"])
    with pytest.raises(TypeError, match="sample_weight is of type"):
        fitted.score(folder, [*TASKS, "color"], np.ones(500))
    with pytest.raises(FileNotFoundError, match="no such file"):
        fitted.predict(tmp_path / "none.parquet")
    with pytest.raises(ValueError, match=r"^tasks names \['nope'\], but"):
        fitted.predict(folder, tasks=["nope"])
    with pytest.raises(ValueError, match="^return_std is for numbers"):
        fitted.predict(folder, return_std=True, tasks=["color"])
    with pytest.raises(ValueError, match=r"^tasks names \['nope'\], but"):
        fitted.predict_interval(folder, tasks=["nope"])
    without = model(early_stopping=False).fit(folder, TASKS, "w")
    with pytest.raises(ValueError, match="^return_std needs validation rows"):
        without.predict(folder, return_std=True)
    nameless = model().fit(np.random.default_rng(0).normal(size=(60, 2)), np.arange(60) % 2)
    with pytest.raises(ValueError, match="columns without names"):
        nameless.predict(folder)


@pytest.mark.filterwarnings("error")
def test_categories_of_one_block_may_all_be_new(fitted, frame, tmp_path):
    new = frame.assign(town=np.repeat(["town 1", "new", "newer", "town 2", "town 3"], 100))
    folder = write(tmp_path / "files", new, n_files=1)
    assert len(list(fitted.predict(folder))) == len(list(fitted.predict_proba(folder))) == 5
    fitted.score(folder, [*TASKS, "color"])
    export.predict_to_parquet(fitted, folder, tmp_path / "out.parquet")


def test_a_column_without_a_known_category_warns_once_with_the_last_block(
    fitted, frame, tmp_path, recwarn
):
    new = frame.assign(town=np.repeat(["a", "b", "c", "b", "a"], 100))
    folder = write(tmp_path / "files", new, n_files=1)
    blocks = fitted.predict(folder)
    for _ in range(4):
        next(blocks)
    assert not recwarn
    next(blocks)
    assert len(recwarn) == 1
    assert not list(blocks)
    fitted.score(folder, [*TASKS, "color"])
    first, second = map(str, (warning.message for warning in recwarn))
    assert "column 'town' of X was a category" in first and "now: 'a', 'b', 'c', which" in first
    assert first == second
    # Rows in memory are checked as before.
    with pytest.warns(UserWarning, match="column 'town' of X"):
        fitted.predict(arrow(new).select(FEATURES))


def test_features_alone_are_read(fitted, folder, monkeypatch):
    asked = []
    batches = source.RowGroup.batches

    def spy(self, columns, *args):
        asked.append(list(columns))
        return batches(self, columns, *args)

    monkeypatch.setattr(source.RowGroup, "batches", spy)
    next(fitted.predict(folder))
    assert asked and all(columns == FEATURES for columns in asked)


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_predictions_are_written(fitted, frame, folder, tmp_path, method):
    path = tmp_path / "out.parquet"
    path.write_text("what was there before")
    assert export.predict_to_parquet(fitted, folder, path, method=method) is None
    written = parquet.read_table(path)
    assert os.listdir(tmp_path) == ["out.parquet"]
    rows = arrow(frame).select(FEATURES)
    if method == "predict":
        assert written.column_names == [*TASKS, "color"]
        assert_alike(written.to_pandas(), fitted.predict(rows))
    else:
        names = ["click=0", "click=1", "color=blue", "color=red"]
        assert written.column_names == names
        expected = fitted.predict_proba_frame(rows).to_numpy()
        assert_alike(written.to_pandas(), expected)


def test_what_cannot_be_written(fitted, frame, folder, tmp_path):
    path = tmp_path / "out.parquet"
    with pytest.raises(ValueError, match="'method' parameter .* Got 'transform'"):
        export.predict_to_parquet(fitted, folder, path, method="transform")
    with pytest.raises(TypeError, match="X is of type DataFrame: it must be a dataset"):
        export.predict_to_parquet(fitted, frame[FEATURES], path)
    for other in (make_pipeline(fitted), fitted.task_view("click")):
        with pytest.raises(TypeError, match="only networks of this package can be applied to"):
            export.predict_to_parquet(other, folder, path)
    numbers = PLERegressor(**OPTIONS).fit(frame[["a", "gaps"]], frame["amount"])
    with pytest.raises(ValueError, match="method is 'predict_proba', but no task .* has classes"):
        export.predict_to_parquet(numbers, folder, path, method="predict_proba")
    assert not path.exists()


@pytest.mark.parametrize("read", [str, ds.dataset])
def test_predictions_do_not_replace_the_rows_nor_join_them(fitted, folder, read):
    names, (first, *_) = sorted(os.listdir(folder)), sorted(folder.rglob("*.parquet"))
    before = first.read_bytes()
    for rows in (folder, first):
        with pytest.raises(ValueError, match="is a file of X, whose rows|lies in .*, the folder"):
            export.predict_to_parquet(fitted, read(rows), first)
    with pytest.raises(ValueError, match="lies in .*, the folder that is read"):
        export.predict_to_parquet(fitted, folder, folder / "new.parquet")
    assert first.read_bytes() == before and sorted(os.listdir(folder)) == names


def test_models_of_one_task_and_of_polars_are_written(frame, folder, tmp_path):
    pl = pytest.importorskip("polars")
    path = tmp_path / "out.parquet"
    one = PLEClassifier(**OPTIONS).fit(frame[["a", "gaps"]], frame["color"])
    export.predict_to_parquet(one, folder, path)
    assert (
        parquet.read_table(path)["color"].to_pylist() == one.predict(frame[["a", "gaps"]]).tolist()
    )
    X = pl.DataFrame(frame[["a", "gaps"]].to_dict("list"))
    y = pl.DataFrame(frame[["amount", "color"]].to_dict("list"))
    export.predict_to_parquet(model().fit(X, y), folder, path)
    assert parquet.read_table(path).column_names == ["amount", "color"]


class Stop(Callback):
    """Ends a training in the middle of an epoch."""

    def on_batch_end(self, net, **_):
        raise RuntimeError("stop")


def test_no_thread_or_open_file_is_left_behind(fitted, folder):
    process, before = psutil.Process(), set(threading.enumerate())

    def held():
        files = [own.path for own in process.open_files() if "part" in own.path]
        return set(threading.enumerate()) - before, files

    model(verbose=1).fit(folder, TASKS, "w")
    assert held() == (set(), [])
    with pytest.raises(RuntimeError, match="stop"):
        model(callbacks=[Stop()]).fit(folder, TASKS, "w")
    assert held() == (set(), [])
    batches = fitted.predict(folder)
    next(batches)
    batches.close()
    assert held() == (set(), [])


def test_memory_does_not_grow_with_the_rows(fitted, tmp_path):
    frame = make_table(2000)[FEATURES]
    rows = pa.concat_tables([arrow(frame)] * 50)
    parquet.write_table(rows, tmp_path / "many.parquet", row_group_size=10_000)
    most = 0
    for batch in fitted.predict(tmp_path / "many.parquet"):
        most = max(most, pa.total_allocated_bytes())
        assert len(batch) <= 2**15
    assert most < pa.total_allocated_bytes() + rows.nbytes / 3
