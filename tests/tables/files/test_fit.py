"""Fits to datasets: the same as to rows in memory, whatever the files, and bit by bit again."""

import pickle
import shutil
import time
import warnings
from collections import Counter

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from makers import Recorder, learn, read_arrays
from pyarrow import dataset as ds
from pyarrow import feather, parquet
from sklearn.base import clone
from streamed import OPTIONS, TASKS, arrow, assert_same, make_table, state, write

from sklearn_ple import (
    ESMMClassifier,
    MMoEClassifierRegressor,
    PLEClassifier,
    PLEClassifierRegressor,
    PLERegressor,
    export,
)
from sklearn_ple.encoding.numeric import Piecewise
from sklearn_ple.model_selection import train_test_split
from sklearn_ple.tables.files import streamed_table, survey
from sklearn_ple.tables.files.columns import Columns
from sklearn_ple.tables.files.source import Source
from sklearn_ple.tables.files.streamed_table import StreamedTable
from sklearn_ple.tables.table import TableReader
from sklearn_ple.utils.processes import Processes, train_together

FEATURES = ["a", "gaps", "town", "kind"]


@pytest.fixture(autouse=True)
def no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def model(**params):
    return PLEClassifierRegressor(**(OPTIONS | params))


def in_memory(frame):
    """Return the arguments of a fit to rows in memory."""
    rows = arrow(frame)
    return rows.select(FEATURES), rows.select(TASKS), frame["w"].to_numpy()


def assert_same_features(one, other):
    """What was learnt of the features is the same."""
    for own, its in zip(one.columns_, other.columns_, strict=True):
        assert own.categories.tolist() == its.categories.tolist()
    np.testing.assert_array_equal(one.scaler_.missing_, other.scaler_.missing_)
    np.testing.assert_array_equal(one.scaler_.scale_, other.scaler_.scale_)
    np.testing.assert_array_equal(one.scaler_.mean_, other.scaler_.mean_)


@pytest.mark.parametrize("kind", ["parquet", "ipc"])
def test_a_table_no_larger_than_the_sample_is_learnt_as_in_memory(tmp_path, kind):
    frame = make_table()
    frame.loc[::9, "w"] = 0.0
    folder = write(tmp_path / "files", frame, kind=kind)
    params = {"early_stopping": False, "min_frequency": 5, "numeric_embedding": "bins"}
    arguments = (folder, TASKS, "w"), in_memory(frame)
    one, other = (learn(model(**params), *own).encoder for own in arguments)
    assert_same_features(one.features, other.features)
    for own, its in zip(one.maker.edges, other.maker.edges, strict=True):
        np.testing.assert_array_equal(own, its)
    np.testing.assert_array_equal(one.linear_coefficients, other.linear_coefficients)
    one, other = ([vars(task) for task in own.tasks] for own in (one, other))
    assert str(one) == str(other)
    # Which is why both networks start alike, and learn about the same.
    streamed, memory = (model(**params).fit(*own) for own in arguments)
    assert [own.tolist() for own in streamed.classes_[:1]] == [[0, 1]]
    assert streamed.task_types_ == memory.task_types_
    assert streamed.feature_names_in_.tolist() == FEATURES
    assert streamed.n_features_in_ == 4
    rows = arrow(frame).select(FEATURES)
    score, expected = (own.score(rows, frame[TASKS]) for own in (streamed, memory))
    assert abs(score - expected) < 0.05


@pytest.mark.parametrize("weighed", [False, True])
def test_of_a_larger_table_all_rows_teach_categories_and_scales(tmp_path, monkeypatch, weighed):
    monkeypatch.setattr(survey, "SAMPLED_ROWS", 150)
    frame = make_table(3000)
    # What no row of a sample need have.
    frame.loc[2500, "town"] = "rare"
    frame.loc[7, "gaps"] = 1e6
    frame["far"] = 1e6 + frame["a"]
    weight = "w" if weighed else None
    folder = write(tmp_path / "files", frame if weighed else frame.drop(columns="w"), n_each=400)
    estimator = model(early_stopping=False, min_frequency=3)
    streamed = learn(estimator, folder, TASKS, weight)
    rows = arrow(frame)
    X = rows.select(["a", "gaps", "town", "kind", "far"])
    memory = learn(estimator, X, rows.select(TASKS), frame["w"].to_numpy() if weighed else None)
    one, other = streamed.features, memory.features
    assert one.cardinalities_ == other.cardinalities_
    scale = other.scaler_.scale_
    np.testing.assert_allclose(one.scaler_.scale_, scale, rtol=1e-9)
    # Beside a million, float64 has fewer digits left.
    far = np.array([name == "far" for name in streamed.names][: len(scale)])
    off = np.abs((one.scaler_.mean_ - other.scaler_.mean_) / scale)
    assert off[~far].max() < 1e-12 and off[far].max() < 1e-9
    np.testing.assert_allclose(one.scaler_.scale_[~far], scale[~far], rtol=1e-12)


def test_outliers_of_files_warn(tmp_path):
    frame = make_table(300)
    frame.loc[7, "gaps"] = 1e12
    with pytest.warns(UserWarning, match="'gaps' of X has outliers"):
        model(early_stopping=True).fit(write(tmp_path / "files", frame), TASKS, "w")


def test_validation_rows_leave_a_sample_of_wide_rows(tmp_path, monkeypatch):
    # Both the sample and the validation rows have as many bytes as they may.
    monkeypatch.setattr(survey, "SAMPLED_BYTES", 5000)
    folder = write(tmp_path / "files", make_table(1000))
    read = learn(model(validation_fraction=0.4), folder, TASKS, "w").table
    n_sampled, n_aside = len(read.sample), len(read.aside)
    assert 0.8 * n_aside < n_sampled < 1.2 * n_aside < 400


def test_bins_of_a_larger_table_are_those_of_a_sample(tmp_path, monkeypatch):
    sampled = []

    class Spy(Piecewise):
        def learn(self, numbers, *labels_and_options):
            sampled.append(numbers[:, 0])
            super().learn(numbers, *labels_and_options)

    monkeypatch.setattr(survey, "SAMPLED_ROWS", 2000)
    frame = make_table(20_000)
    folder = write(tmp_path / "files", frame.drop(columns="w"), n_each=2500)
    estimator = model(early_stopping=False, numeric_embedding=Spy(linear=True, steps=True))
    scaler = learn(estimator, folder, TASKS).features.scaler_
    own = np.sort((frame["a"] - scaler.mean_[0]) / scaler.scale_[0])
    expected = np.linspace(0, 1, 33)
    shares = np.searchsorted(own, np.quantile(sampled[0], expected)) / len(own)
    # Four standard errors of a share among 2000 rows.
    assert np.abs(shares - expected).max() < 4 * 0.5 / np.sqrt(2000)


def test_labels_that_the_sample_lacks_are_classes(tmp_path, monkeypatch):
    monkeypatch.setattr(survey, "SAMPLED_ROWS", 50)
    frame = make_table(2000)
    color = np.where(frame["a"] > 0, "red", "blue").astype(object)
    color[1234] = "mauve"
    size = pd.Categorical(np.where(frame["a"] > 0, "S", "M"), ["S", "M", "XL"], ordered=True)
    # Whole numbers, but for one row.
    count = np.round(frame["a"]).clip(0, 1)
    count[777] = 0.5
    frame = frame[FEATURES].assign(color=color, size=size, count=count)
    folder = write(tmp_path / "files", frame, n_each=300)
    learnt = learn(model(early_stopping=False), folder, ["color", "size", "count"])
    of_color, of_size, of_count = learnt.encoder.tasks
    assert of_color.kind == "multiclass" and of_color.classes.tolist() == ["blue", "mauve", "red"]
    assert of_size.kind == "ordinal" and sorted(of_size.classes) == ["M", "S", "XL"]
    assert of_count.kind == "regression"
    codes = read_arrays(learnt.stream())[2][:, 0].astype(int)
    assert sorted(of_color.classes[codes]) == sorted(color)


def test_a_task_that_the_sample_has_no_label_of_is_learnt(tmp_path, monkeypatch):
    monkeypatch.setattr(survey, "SAMPLED_ROWS", 20)
    frame = make_table(2000)
    rare = np.full(2000, np.nan)
    rare[[400, 1500, 1999]] = [1.0, 2.5, 7.0]
    folder = write(tmp_path / "files", frame[FEATURES].assign(click=frame["a"] > 0, rare=rare))
    learnt = learn(model(early_stopping=False), folder, ["click", "rare"])
    task = learnt.encoder.tasks[1]
    assert task.kind == "regression" and 1.0 < task.mean < 7.0
    assert np.count_nonzero(read_arrays(learnt.stream())[3][:, 1]) == 3


def test_two_fits_are_the_same_bit_by_bit(tmp_path, monkeypatch):
    frame = make_table()
    folder = write(tmp_path / "files", frame, n_each=70)
    one = model().fit(folder, TASKS, sample_weight="w")
    read = streamed_table.StreamedTable._read_table

    def slow(self, *args):
        # Threads get ahead of each other by chance.
        time.sleep(np.random.default_rng().random() * 0.005)
        return read(self, *args)

    monkeypatch.setattr(streamed_table.StreamedTable, "_read_table", slow)
    before = np.random.get_state()[1].copy()
    other = model().fit(ds.dataset(folder), TASKS, sample_weight="w")
    assert_same(one, other)
    np.testing.assert_array_equal(np.random.get_state()[1], before)
    different = model(random_state=1).fit(folder, TASKS, sample_weight="w")
    assert any((state(one)[name] != part).any() for name, part in state(different).items())


@pytest.mark.parametrize(
    ("estimator", "y"),
    [
        (PLEClassifier, "click"),
        (PLERegressor, "amount"),
        (PLERegressor, ["amount"]),
        (MMoEClassifierRegressor, TASKS),
    ],
)
def test_estimators_take_files_and_one_task(tmp_path, estimator, y):
    folder = write(tmp_path / "files", make_table().drop(columns="w"))
    fitted = estimator(**OPTIONS).fit(str(folder), y)
    rows = parquet.read_table(folder / "part1.parquet")
    left_out = set(rows.column_names) - ({y} if isinstance(y, str) else set(y))
    assert set(fitted.feature_names_in_) == left_out
    predicted = fitted.predict(rows.select(fitted.feature_names_in_.tolist()))
    assert np.shape(predicted) == ((450,) if isinstance(y, str) else (450, len(y)))


def test_tasks_that_depend_on_others_and_weights_of_classes(tmp_path):
    rng = np.random.default_rng(0)
    frame = make_table(1500)[["a", "gaps"]]
    click = frame["a"] + rng.normal(size=1500) > 1
    buy = (click & (rng.random(1500) < 0.3)).astype(object)
    # Without a click there was no purchase: labels to be filled in.
    buy[~click & (rng.random(1500) < 0.5)] = None
    frame = frame.assign(click=click, buy=pd.array(buy, dtype="boolean"))
    folder = write(tmp_path / "files", frame, n_each=200)
    params = OPTIONS | {"class_weight": "balanced", "early_stopping": False}
    del params["expert_hidden_units"]
    streamed = learn(ESMMClassifier(**params), folder, ["click", "buy"])
    trained = streamed.stream()
    # The weights in memory are those of the whole table, with what was filled in.
    rows = arrow(frame)
    read = streamed.read(rows.select(["a", "gaps"]), rows.select(["click", "buy"]))
    encoded = streamed.encoder.apply(read, "balanced")
    np.testing.assert_allclose(trained.mean_weights, encoded.weights.mean(axis=0), rtol=1e-6)
    totals = read_arrays(trained)[3].sum(axis=0, dtype=float)
    np.testing.assert_allclose(totals, encoded.weights.sum(axis=0), rtol=1e-5)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_labels_are_counted_in_a_pass_of_their_own(tmp_path, monkeypatch, early_stopping):
    monkeypatch.setattr(survey, "SAMPLED_ROWS", 300)
    frame = make_table(1000)
    frame.loc[::7, "w"] = 0.0
    folder = write(tmp_path / "files", frame, n_each=100)
    recorder = Recorder()
    options = {"early_stopping": early_stopping, "max_epochs": 2, "callbacks": [recorder]}
    fitted = model(class_weight="balanced", **options)
    passes, read = Counter(), Source._read

    def counted(self, unit, columns):
        passes[unit.first, *columns] += 1
        return read(self, unit, columns)

    with monkeypatch.context() as patch:
        patch.setattr(Source, "_read", counted)
        fitted.fit(folder, TASKS, "w")
    # A pass that samples all columns, two that encode features, and the epochs.
    whole = {(first, *FEATURES, *TASKS, "w"): 3 + fitted.n_iter_ for first in range(0, 1000, 100)}
    assert passes == whole | {(first, *TASKS, "w"): 1 for first in range(0, 1000, 100)}
    counted_on = frame.assign(**{name: frame[name].mask(frame["w"] == 0) for name in TASKS})
    weights = counted_on[TASKS].notna().to_numpy() * frame["w"].to_numpy()[:, None]
    weights /= weights[weights > 0].mean()
    for k, name in enumerate(TASKS):
        if fitted.tasks_[k].has_classes:
            # The classes have the same total weight, and all labels together keep theirs.
            sums = pd.Series(weights[:, k]).groupby(counted_on[name]).transform("sum")
            there = counted_on[name].notna().to_numpy()
            share = weights[:, k].sum() / counted_on[name].nunique()
            weights[there, k] *= share / sums[there].to_numpy()
    # The classes are balanced in all rows, also those of validation.
    aside = learn(model(early_stopping=early_stopping), folder, TASKS, "w").table.aside
    weights = np.delete(weights, aside.row_numbers if early_stopping else [], axis=0)
    trained = weights[weights.any(axis=1)]
    rows = recorder.trainings[0][0]
    assert len(rows) == len(trained)
    found = read_arrays(rows)[3].astype(float)
    np.testing.assert_allclose(found.sum(axis=0), trained.sum(axis=0), rtol=1e-5)
    np.testing.assert_allclose(rows.mean_weights, found.mean(axis=0), rtol=1e-5)


def test_large_integers_stay_apart_where_blocks_differ_in_dtype(tmp_path, monkeypatch):
    # NumPy joins signed and unsigned integers as floats.
    labels = [*[0, 1] * 30, *[2**63 + 5 + k for k in range(3)] * 20]
    rows = pa.table({"a": make_table(120)["a"], "t": pa.array(labels, pa.uint64())})
    parquet.write_table(rows, tmp_path / "rows.parquet", row_group_size=60)
    fitted = model(class_weight="balanced").fit(tmp_path / "rows.parquet", ["t"])
    learnt = learn(model(), tmp_path / "rows.parquet", ["t"])
    codes = [learnt.encoder.encode_labels(block)[0] for block in learnt.table.label_blocks()]
    counts = np.unique(np.concatenate(codes), return_counts=True)[1]
    assert counts.tolist() == [30, 30, 20, 20, 20]
    score = fitted.score(tmp_path / "rows.parquet", ["t"])
    assert score == fitted.score(rows.select(["a"]), rows.select(["t"]))
    monkeypatch.setattr(survey, "SAMPLED_ROWS", 3)
    assert len(model().fit(tmp_path / "rows.parquet", ["t"]).classes_[0]) == 5


def test_categories_of_numbers_that_parquet_loses_are_named(tmp_path):
    codes = pd.Series(np.arange(90) % 3)
    rows = make_table(90)[["a"]].assign(
        shop=pd.Categorical(codes), size=pd.Categorical(codes[::-1], ordered=True)
    )
    rows.to_parquet(tmp_path / "rows.parquet")
    feather.write_feather(rows, tmp_path / "rows.arrow")
    with pytest.warns(UserWarning, match="categories of numbers in pandas") as caught:
        PLEClassifierRegressor(**OPTIONS).fit(tmp_path / "rows.parquet", ["size"])
    messages = [str(warning.message) for warning in caught]
    assert messages[0].startswith("The columns ['shop'] were categories")
    assert "task_types={'size': 'multiclass'}" in messages[1]
    named = {"categorical_features": ["shop"], "task_types": {"size": "multiclass"}}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        PLEClassifierRegressor(**OPTIONS).fit(tmp_path / "rows.arrow", ["size"])
        PLEClassifierRegressor(**OPTIONS, **named).fit(tmp_path / "rows.parquet", ["size"])


def test_the_first_block_may_be_without_a_label(tmp_path):
    values = pa.array([7, 5, 6])
    for number, codes in enumerate(([None] * 60, [0, 1, 2] * 20)):
        labels = pa.DictionaryArray.from_arrays(pa.array(codes, pa.int8()), values)
        rows = pa.table({"a": make_table(60)["a"], "t": labels})
        feather.write_feather(rows, tmp_path / f"{number}.arrow")
    fitted = model(task_types="regression").fit(tmp_path, ["t"])
    assert fitted.tasks_[0].mean == pytest.approx(6)


def test_more_labels_than_are_listed_are_numbers_like_others(tmp_path, monkeypatch):
    folder = write(tmp_path / "files", make_table(600))
    monkeypatch.setattr(survey, "SAMPLED_ROWS", 100)
    listed = model().fit(folder, ["amount"])
    monkeypatch.setattr(survey, "_MOST_DISTINCT", 3)
    assert_same(model().fit(folder, ["amount"]), listed)


@pytest.mark.parametrize("n_events", [3, 40])
def test_a_long_chain_of_events_weighs_as_in_memory(tmp_path, n_events, monkeypatch):
    monkeypatch.setattr(survey, "_MOST_DISTINCT", 2)
    rows = make_table(300)[["a", "gaps"]]
    names = [f"event {k}" for k in range(n_events)]
    depth = np.random.default_rng(0).integers(0, n_events + 1, size=len(rows))
    rows[names] = (depth[:, None] > np.arange(n_events)).astype(float)
    rows.loc[depth == 2, names[-1]] = np.nan
    options = {"depends_on": "previous", "class_weight": "balanced", "batch_size": 300}
    options |= {"max_epochs": 1}
    # In a single unit, the rows have the same order as in memory.
    files = model(**options).fit(write(tmp_path / "files", rows, 1, 300), names)
    memory = model(**options).fit(rows[["a", "gaps"]], rows[names])
    losses = (fitted.history_[0]["task_losses"] for fitted in (files, memory))
    np.testing.assert_allclose(*losses, rtol=1e-4)


# -- rows of validation ---------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["random", "last"])
def test_rows_of_validation_are_not_trained_on(tmp_path, rule):
    frame = make_table(1000).drop(columns="w").assign(a=np.arange(1000.0))
    # Of the last hundred rows, nothing is to be had from fifty.
    frame.loc[900:949, TASKS] = None
    folder = write(tmp_path / "files", frame, n_each=90)
    recorder = Recorder()
    estimator = model(validation_split=rule, validation_fraction=0.1, max_epochs=1)
    fitted = clone(estimator).set_params(callbacks=[recorder]).fit(folder, TASKS)
    rows = recorder.trainings[0][0]
    learnt = learn(estimator, folder, TASKS)
    read = learnt.table
    aside = read.aside.features["a"].to_numpy().astype(int)
    assert len(aside) == 95 and len(rows) == 855
    assert "valid_loss" in fitted.history_[0]
    if rule == "last":
        assert aside.tolist() == [*range(855, 900), *range(950, 1000)]
    else:
        # As from a hat: about as many of the first half as of the second.
        assert 30 < (aside < 500).sum() < 65
    scaler, column = learnt.features.scaler_, learnt.names.index("a")
    numbers = read_arrays(rows)[0][:, column]
    trained = np.round(numbers * scaler.scale_[column] + scaler.mean_[column])
    assert sorted([*trained.astype(int), *aside]) == [*range(900), *range(950, 1000)]
    assert set(read.sample.features["a"].astype(int)) == set(trained.astype(int))


@pytest.mark.parametrize(
    ("labelled", "part"),
    [(range(950, 1000), "the rows to train on"), (range(850), "the validation rows")],
)
def test_a_task_without_a_label_in_a_part_of_the_rows_is_named(tmp_path, labelled, part):
    frame = make_table(1000).drop(columns="w")
    frame["amount"] = frame["amount"].where(np.isin(np.arange(1000), labelled))
    folder = write(tmp_path / "files", frame)
    estimator = model(validation_split="last", validation_fraction=0.1, max_epochs=1)
    with pytest.warns(UserWarning, match=f"'amount' has no label among {part}") as caught:
        fitted = estimator.fit(folder, TASKS)
    assert len(caught) == 1
    losses = {name: fitted.history_[0][name][1] for name in ("task_losses", "valid_task_losses")}
    assert [name for name in losses if not losses[name]] == (
        ["task_losses"] if "train" in part else ["valid_task_losses"]
    )


def test_fewer_units_than_processes_warn(tmp_path):
    folder, three = write(tmp_path / "rows", make_table(90), n_files=2), Processes()
    three.n, three.total = 3, lambda tensor: 3 * tensor
    model = PLEClassifierRegressor(**OPTIONS)
    message = "part0.parquet .* has rows for only 2 of 3 processes, .* smaller ones, many for each"
    with train_together(three), pytest.warns(UserWarning, match=message):
        model.fit(folder, TASKS, sample_weight="w")


def test_rows_of_validation_of_ones_own(tmp_path):
    frame = make_table()
    folder = write(tmp_path / "files", frame)
    other = write(tmp_path / "others", make_table(400, seed=1).rename(columns={"w": "v"}))
    options = {"X_val": other, "y_val": TASKS, "sample_weight_val": "v"}
    streamed = model().fit(folder, TASKS, "w", **options)
    rows = arrow(make_table(400, seed=1))
    memory = {
        "X_val": rows.select(FEATURES),
        "y_val": rows.select(TASKS),
        "sample_weight_val": rows["w"].to_numpy(),
    }
    assert_same(streamed, model().fit(folder, TASKS, "w", **memory))


def test_labels_alone_decide_which_rows_count(tmp_path):
    frame = make_table(600).drop(columns="w")
    frame.loc[:399, TASKS] = None
    frame.loc[100:199, ["a", "gaps"]] = np.nan
    folder = write(tmp_path / "files", frame, n_files=1, n_each=100)
    kept = arrow(frame[400:])
    arguments = (folder, TASKS), (kept.select(FEATURES), kept.select(TASKS))
    assert_same_features(*(learn(model(), *own).features for own in arguments))


# -- going on -------------------------------------------------------------------------------------


def test_partial_fit_takes_files(tmp_path):
    frame = make_table()
    folder = write(tmp_path / "files", frame)
    one = model().partial_fit(folder, TASKS, "w")
    assert len(one.history_) == 1
    one.partial_fit(folder, TASKS, "w")
    assert len(one.history_) == 2
    # After a fit in memory, and with its target statistics, too.
    memory = model(target_statistics=["town"]).fit(*in_memory(frame))
    n_before = len(memory.history_)
    memory.partial_fit(folder, TASKS, "w")
    assert len(memory.history_) == n_before + 1
    memory.set_params(warm_start=True).fit(folder, TASKS, "w")
    assert len(memory.history_) > n_before + 1


def test_other_files_need_no_columns_that_were_no_features(tmp_path):
    folder = write(tmp_path / "files", make_table())
    fitted = model().fit(folder, TASKS, "w")
    rows = write(tmp_path / "rows", make_table()[["kind", "a", "gaps", "town"]].assign(more=1))
    batches = list(fitted.predict(rows))
    assert sum(map(len, batches)) == 900


def test_columns_of_paths_and_of_pandas_index(tmp_path):
    frame = make_table(600).set_index(pd.Index(np.arange(600) * 7, name="key"))
    for year in (2020, 2021):
        folder = tmp_path / "files" / f"year={year}"
        folder.mkdir(parents=True)
        frame[frame["w"] < 0.6 if year == 2020 else frame["w"] >= 0.6].to_parquet(
            folder / "part.parquet"
        )
    learnt = learn(model(), tmp_path / "files", TASKS, "w")
    assert learnt.table.header.names == [*FEATURES, "year"]
    place = learnt.names.index("year")
    assert learnt.features.scaler_.mean_[place] == pytest.approx(
        np.average(2020 + (frame["w"] >= 0.6), weights=_row_weights(frame)), rel=1e-12
    )
    years = read_arrays(learnt.stream())[0][:, place]
    assert np.ptp(years) * learnt.features.scaler_.scale_[place] == pytest.approx(1)


def test_folders_above_the_path_are_no_columns(tmp_path):
    frame = make_table(200).assign(town=1.0)
    folder = tmp_path / "run=3" / "town=5"
    folder.mkdir(parents=True)
    file = write(folder / "files", frame, n_files=1) / "part0.parquet"
    for path in (file, file.parent):
        source = Source.of(path)
        assert source.names == frame.columns.tolist()
        read = pa.concat_tables([block.rows for block in source.blocks(["town"])])
        assert read["town"].unique().to_pylist() == [1.0]


def _row_weights(frame):
    labels = frame[TASKS].notna().to_numpy()
    return (labels * frame[["w"]].to_numpy()).mean(axis=1)


def some_row_groups(path, *chosen):
    """A dataset of some row groups of a file, in their order; each is a fragment of its own."""
    full = ds.dataset(path)
    groups = [own for part in full.get_fragments() for own in part.split_by_row_group()]
    chosen = [groups[number] for number in chosen]
    return ds.FileSystemDataset(chosen, full.schema, full.format, full.filesystem)


@pytest.mark.parametrize("chosen", [(1,), (2, 0), (0, 1, 2)])
def test_chosen_row_groups_are_read_and_no_others(tmp_path, chosen):
    folder = write(tmp_path / "files", make_table(300), n_files=1)
    rows = some_row_groups(folder, *chosen)
    read = [block.rows for block in Source.of(rows).blocks(["a", "w"])]
    assert pa.concat_tables(read).equals(rows.to_table(["a", "w"]))


def identify(rows):
    """Return the identity of the rows that a fit reads."""
    source = Source.of(rows)
    reader = TableReader("", "auto")
    return streamed_table.StreamedTable(reader, source, Columns.choose(source, TASKS)).identity


def test_chosen_row_groups_are_other_rows(tmp_path):
    folder = write(tmp_path / "files", make_table(300), n_files=1)
    whole, *parts = map(identify, [folder, *(some_row_groups(folder, k) for k in range(3))])
    assert len({whole, *parts}) == 4
    (part,) = ds.dataset(folder).get_fragments()
    every = ds.FileSystemDataset(
        [part.subset(row_group_ids=[0, 1, 2])], part.physical_schema, part.format, part.filesystem
    )
    assert identify(every) == whole


def test_a_schema_chooses_the_columns(tmp_path):
    folder = write(tmp_path / "files", make_table())
    schema = ds.dataset(folder).schema
    chosen = pa.schema([schema.field(name) for name in ("town", "a", *TASKS)])
    fitted = model(max_epochs=1).fit(ds.dataset(folder, schema=chosen), TASKS)
    assert fitted.feature_names_in_.tolist() == ["town", "a"]


def test_a_fitted_model_holds_no_files(tmp_path):
    folder = write(tmp_path / "files", make_table())
    fitted = model().fit(folder, TASKS, "w")
    rows = arrow(make_table(50, seed=3)).select(FEATURES)
    expected = fitted.predict(rows)
    shutil.rmtree(folder)
    export.save(fitted, tmp_path / "model.safetensors")
    for again in (
        pickle.loads(pickle.dumps(fitted)),
        export.load(tmp_path / "model.safetensors"),
    ):
        pd.testing.assert_frame_equal(again.predict(rows), expected)


def test_large_dictionaries_are_cut_to_what_rows_hold(tmp_path):
    ids = pd.Categorical.from_codes(np.arange(600) * 9, [f"id{i}" for i in range(6000)])
    frame = make_table(600).drop(columns=["w", "kind"]).assign(id=ids)
    folder = write(tmp_path / "files", frame, n_files=1, n_each=200)
    source = Source.of(folder)
    sizes = [block.rows["id"].chunk(0).dictionary for block in source.blocks(["id"])]
    assert [len(values) for values in sizes] == [200, 200, 200]
    learnt = learn(model(early_stopping=False), folder, TASKS)
    assert learnt.features.columns_[0].categories.tolist() == ids.astype(str).tolist()
    assert sorted(read_arrays(learnt.stream())[1][:, 0]) == [*range(2, 602)]


def test_sorted_files_of_rare_categories_do_not_warn(tmp_path):
    frame = make_table(1200).sort_values("town").assign(click=lambda rows: rows["a"] > 0)
    folder = write(tmp_path / "files", frame.drop(columns="w"), n_each=50)
    model(min_frequency=120).fit(folder, TASKS)


def test_files_of_polars_with_text_are_those_of_pandas(tmp_path):
    pl = pytest.importorskip("polars")
    frame = make_table(300).drop(columns="w").assign(size=np.resize(["S", "L", "M"], 300))
    enum = pl.Enum(["S", "M", "L"])
    rows = pl.from_pandas(frame).cast({"kind": pl.Categorical, "size": enum})
    rows.write_ipc(tmp_path / "rows.arrow")
    frame["size"] = pd.Categorical(frame["size"], ["S", "M", "L"], ordered=True)
    folder = write(tmp_path / "files", frame, n_files=1, n_each=300, kind="ipc")
    tasks = [*TASKS, "size"]
    one, other = (model().fit(path, tasks) for path in (tmp_path / "rows.arrow", folder))
    assert_same(one, other)
    # As a table, too, its text is of a type that Arrow cannot convert to pandas.
    table = feather.read_table(tmp_path / "rows.arrow", memory_map=False)
    features = table.select(["kind", "a", "gaps", "town"])
    memory = model().fit(features, table.select(tasks))
    assert_same(one, memory)
    assert memory.predict(features)["size"].isin(["S", "M", "L"]).all()
    assert one.tasks_[2].classes[one.tasks_[2].order].tolist() == ["S", "M", "L"]


def test_values_stored_as_runs_are_those_stored_one_by_one(tmp_path):
    rows = arrow(make_table(300).drop(columns="w").sort_values("town").astype({"kind": "str"}))
    runs = pa.table({name: pc.run_end_encode(rows[name]) for name in rows.schema.names})
    for name, own in {"rows": rows, "runs": runs}.items():
        feather.write_feather(own, tmp_path / f"{name}.arrow", "uncompressed")
    one, other = (model().fit(tmp_path / f"{name}.arrow", TASKS) for name in ("rows", "runs"))
    assert_same(one, other)
    # As a table, too, they can be taken by their numbers.
    target = rows["click"]
    taken = train_test_split(runs, target, random_state=0)[0]
    assert taken.equals(train_test_split(rows, target, random_state=0)[0])


@pytest.mark.parametrize("types", [("string", "large_string"), ("large_string", "string")])
def test_text_of_files_may_be_of_either_type(tmp_path, types):
    frame = make_table(300).drop(columns="w").assign(size=np.resize(["S", "M"], 300))
    folder, tasks = write(tmp_path / "files", frame), [*TASKS, "size"]
    same = model(max_epochs=1).fit(folder, tasks)
    for number, dtype in enumerate(types):
        file = folder / f"part{number}.parquet"
        rows = parquet.read_table(file)
        for name in ("town", "size"):
            place = rows.schema.get_field_index(name)
            rows = rows.set_column(place, name, rows[name].cast(dtype))
        parquet.write_table(rows, file, row_group_size=100)
    other = model(max_epochs=1).fit(folder, tasks)
    assert_same(same, other)
    assert same.score(folder, tasks) == other.score(folder, tasks)


def test_dictionaries_of_files_may_differ(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    frame = make_table(600).drop(columns="w")
    for number, part in enumerate([frame[:300], frame[300:]]):
        values = [f"{number}{value}" for value in part["kind"]]
        codes = pa.array(values).dictionary_encode()
        codes = codes.cast(pa.dictionary([pa.int8(), pa.int32()][number], pa.string()))
        rows = arrow(part.drop(columns="kind")).append_column("kind", codes)
        feather.write_feather(rows, folder / f"{number}.arrow", chunksize=80)
    learnt = learn(model(early_stopping=False), folder, TASKS)
    categories = learnt.features.columns_[0].categories
    assert sorted(categories) == [f"{i}{k}" for i in range(2) for k in range(4)]
    # The codes of known categories begin at 2.
    codes = read_arrays(learnt.stream())[1][:, 0] - 2
    expected = [f"{int(row >= 300)}{kind}" for row, kind in enumerate(frame["kind"])]
    assert sorted(categories[codes]) == sorted(expected)


def sizes(folder, *orders, **options):
    """A file of rows for each order of sizes; only the sizes that it lists occur in it."""
    folder.mkdir()
    for number, order in enumerate(orders):
        frame = make_table(90, seed=number)[["a", "click"]]
        size = pd.Categorical(np.resize(order, 90), order, ordered=True)
        path = folder / f"{number}.parquet"
        parquet.write_table(arrow(frame.assign(size=size)), path, **options)
    return folder


def test_the_order_of_all_files_is_learnt(tmp_path):
    folder = sizes(tmp_path / "files", ["S", "M", "L"], ["S", "M", "L"])
    task = model(max_epochs=1).fit(folder, ["size", "click"]).tasks_[0]
    assert task.kind == "ordinal" and task.classes[task.order].tolist() == ["S", "M", "L"]


@pytest.mark.parametrize("other", [["L", "S"], ["M", "S", "L"], ["XL"]])
def test_files_of_different_orders_are_refused(tmp_path, other):
    message = r"1.parquet, row group 0: Column 'size' lists .* here, of .*: write all"
    folder = sizes(tmp_path / "files", ["S", "M", "L"], other)
    for kind in ("auto", "ordinal"):
        estimator = model(max_epochs=1, task_types={"size": kind})
        with pytest.raises(ValueError, match=message):
            estimator.fit(folder, ["size", "click"])


def test_where_no_order_is_needed_files_may_differ(tmp_path):
    tasks = ["size", "click"]
    folder = sizes(tmp_path / "files", ["S", "M", "L"], ["L", "S"])
    fitted = model(task_types={"size": "multiclass"}).fit(folder, tasks)
    assert fitted.tasks_[0].classes.tolist() == ["L", "M", "S"]
    assert model(task_types={"size": "ignore"}).fit(folder, tasks).task_names_ == ["click"]
    two = sizes(tmp_path / "two", ["no"], ["yes"], use_dictionary=False)
    assert model().fit(two, tasks).tasks_[0].kind == "binary"


def test_weights_may_be_bools(tmp_path):
    frame = make_table(200)
    are_kept = frame["w"] > 1
    predictions = [
        model(max_epochs=1)
        .fit(write(tmp_path / name, frame.assign(w=w), n_each=200), TASKS, "w")
        .predict(arrow(frame).select(FEATURES))
        for name, w in {"bools": are_kept, "numbers": are_kept.astype(float)}.items()
    ]
    pd.testing.assert_frame_equal(*predictions)


def test_rows_of_a_group_are_validated_together(tmp_path):
    frame = make_table(900).drop(columns="w")
    frame["user"] = np.random.default_rng(1).integers(0, 60, 900)
    folder = write(tmp_path / "files", frame)
    estimator = model(early_stopping=True, validation_fraction=0.2)
    fitted = estimator.fit(folder, TASKS, groups="user")
    assert fitted.feature_names_in_.tolist() == FEATURES
    source = Source.of(folder)
    columns = Columns.choose(source, TASKS, group="user")
    reader = TableReader("", "auto")
    read = StreamedTable(reader, source, columns, n_aside=lambda n: n // 5)
    aside = read.is_aside(np.arange(900))
    assert 180 <= aside.sum() < 220 and len(read.aside) == aside.sum()
    users = [set(frame["user"][rows]) for rows in (aside, ~aside)]
    assert not users[0] & users[1] and len(users[0] | users[1]) == 60
    # The same users are drawn from files in another order.
    turned = write(tmp_path / "turned", frame[::-1])
    like = reader.like(read.header, read.form)
    again = StreamedTable(like, Source.of(turned), columns, n_aside=lambda n: n // 5)
    assert set(frame["user"][::-1].to_numpy()[again.is_aside(np.arange(900))]) == users[0]
    one = write(tmp_path / "one", frame.assign(user="me"))
    with pytest.raises(ValueError, match="single group"):
        estimator.fit(one, TASKS, groups="user")


def test_each_task_may_have_weights_of_its_own(tmp_path):
    frame = make_table(600)
    frame["v"] = np.where(frame["a"] > 0, 0.0, 2.0)
    folder = write(tmp_path / "files", frame)
    schema = ds.dataset(folder).schema
    rows = ds.dataset(folder, schema=schema.remove(schema.get_field_index("v")))
    one, other = (model().fit(rows, TASKS, weight) for weight in ("w", ["w", "w"]))
    assert_same(one, other)
    each = model().fit(folder, TASKS, ["w", "v"])
    assert each.feature_names_in_.tolist() == FEATURES
    memory = arrow(frame).select(FEATURES), frame[TASKS]
    expected = each.score(*memory, frame[["w", "v"]].to_numpy())
    assert each.score(folder, TASKS, ["w", "v"]) == pytest.approx(expected)
    # A task whose labels have no weight is the same as one whose labels are missing.
    frame["amount"] = frame["amount"].where(frame["a"] <= 0)
    frame["u"] = np.where(frame["a"] > 0, 5.0, 2.0)
    gone = write(tmp_path / "gone", frame.drop(columns="v"))
    assert_same(each, model().fit(gone, TASKS, ["w", "u"]))
    with pytest.raises(ValueError, match=r"sample_weight has shape .*, one weight per label"):
        model().fit(folder, TASKS, ["w"])


def test_null_in_a_dictionary_is_no_category(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    for number, own in enumerate([["no", None, "yes"], ["yes", "no", "yes"]]):
        codes = pa.array(np.resize([0, 2, 1], 90), pa.int8())
        answer = pa.DictionaryArray.from_arrays(codes, pa.array(own), ordered=True)
        rows = arrow(make_table(90, seed=number)[["a", "click"]]).append_column("answer", answer)
        feather.write_feather(rows, folder / f"{number}.arrow")
    task = model(max_epochs=1).fit(folder, ["answer", "click"]).tasks_[0]
    assert task.kind == "binary" and task.classes.tolist() == ["no", "yes"]


def test_a_fitted_model_knows_the_order(tmp_path):
    tasks = ["size", "click"]
    whole = sizes(tmp_path / "files", ["S", "M", "L"])
    parts = sizes(tmp_path / "parts", ["L", "S"], ["M"])
    fitted = model().fit(whole, tasks, X_val=parts, y_val=tasks).partial_fit(parts, tasks)
    assert fitted.tasks_[0].classes[fitted.tasks_[0].order].tolist() == ["S", "M", "L"]


def test_an_order_that_a_file_does_not_keep_is_not_learnt(tmp_path):
    size = pd.Categorical(np.resize(["L", "S", "M"], 90), ["S", "M", "L"], ordered=True)
    rows = arrow(make_table(90)[["a", "click"]].assign(size=size))
    folder = tmp_path / "files"
    folder.mkdir()
    parquet.write_table(rows, folder / "0.parquet", use_dictionary=False)
    message = "0.parquet, row group 0: Column 'size' is stored without its order of .*: write all"
    with pytest.raises(ValueError, match=message):
        model(max_epochs=1).fit(folder, ["size", "click"])
