"""Target statistics of rows in files: those of the same rows in memory."""

import shutil

import numpy as np
import pandas as pd
import pytest
from credibility import credible
from makers import Recorder, learn, read_arrays
from sklearn.base import clone
from skorch.callbacks import Callback
from streamed import OPTIONS, arrow, assert_same, write

from sklearn_ple import PLEClassifierRegressor, export
from sklearn_ple.encoding.statistics import TargetStatistics
from sklearn_ple.tables.files import survey
from sklearn_ple.tables.files.sampling import hash_rows
from sklearn_ple.tables.files.source import Source
from sklearn_ple.tables.table import N_PARTS

TASKS = ["click", "color", "amount"]
FEATURES = ["row", "user", "town"]


def make_visits(n=900, n_users=30, seed=0):
    """Clicks, colors and amounts that depend on the user; some labels are missing."""
    rng = np.random.default_rng(seed)
    user, town = rng.integers(n_users, size=n), rng.integers(4, size=n)
    effects = rng.normal(size=n_users)[user]
    click = pd.array(effects + rng.normal(size=n) > 0, dtype="Int64")
    click[rng.random(n) < 0.2] = pd.NA
    frame = pd.DataFrame(
        {
            "row": np.arange(n) * 1.0,
            "user": [f"u{number}" for number in user],
            "town": [f"t{number}" for number in town],
            "click": click,
            "color": np.array(["red", "blue", "green"])[rng.integers(3, size=n)],
            "amount": 50 + 9 * effects + rng.normal(size=n),
            "w": rng.choice([0.5, 1.0, 2.0], n),
        }
    )
    frame.loc[::11, "user"] = None
    # Rows that do not count have a number all the same.
    frame.loc[::13, "w"] = 0.0
    return frame


def model(**params):
    params = {"target_statistics": ["user"], "max_epochs": 1, "early_stopping": False} | params
    return PLEClassifierRegressor(**(OPTIONS | params))


def numbers_of(rows, learnt):
    """The target statistics of the rows that are trained on, by numbers of rows."""
    features = learnt.features
    read = read_arrays(rows)[0]
    scale, mean = features.scaler_.scale_[0], features.scaler_.mean_[0]
    found = np.round(read[:, 0].astype(float) * scale + mean).astype(int)
    return pd.DataFrame(read[:, features.n_numbers_ :], index=found).sort_index()


def in_memory(learnt, frame, keep):
    """Some rows, encoded as in memory."""
    kept = frame.iloc[keep]
    rows = arrow(kept)
    read = learnt.read(rows.select(FEATURES), rows.select(TASKS), kept["w"].to_numpy())
    return learnt.encoder.apply(read), kept.index.to_numpy()[read.row_numbers]


def questions(encoded):
    """What means are taken of, by name: a number, the second of two classes, each of three."""
    click, color, amount = encoded.targets.T
    yield amount, encoded.sample_weights[:, 2]
    yield (click == 1) * 1.0, encoded.sample_weights[:, 0]
    for code in range(3):
        yield (color == code) * 1.0, encoded.sample_weights[:, 1]


@pytest.mark.parametrize(
    ("n_sampled", "validated", "dtype"),
    [
        (10_000, False, "float32"),
        (10_000, True, "float64"),
        (150, False, "float64"),
        (150, True, "float32"),
    ],
)
def test_numbers_are_those_of_rows_in_memory(tmp_path, monkeypatch, n_sampled, validated, dtype):
    monkeypatch.setattr(survey, "SAMPLED_ROWS", n_sampled)
    frame = make_visits()
    folder = write(tmp_path / "files", frame, n_each=130)
    estimator = model(early_stopping=validated, validation_fraction=0.2, dtype=dtype)
    streamed = learn(estimator, folder, TASKS, "w")
    own = numbers_of(streamed.stream(), streamed)
    assert own.index.is_unique
    assert len(own) == (664 if validated else 830)
    # Those that validate take no part.
    encoded, numbers = in_memory(streamed, frame, own.index)
    assert numbers.tolist() == own.index.tolist()
    learnt = streamed.encoder.statistics
    memory = TargetStatistics(learnt.columns)
    args = encoded.codes, encoded.targets, encoded.sample_weights, streamed.encoder.tasks
    memory.learn(*args, streamed.features.cardinalities_)
    np.testing.assert_allclose(learnt.tables[0], memory.tables[0], rtol=1e-10, atol=1e-10)
    assert learnt.tables[0].any(axis=0).all()
    # Each row's are those of a loop over the rows of earlier parts.
    part_of = hash_rows(numbers) % np.uint64(N_PARTS)
    user, n_codes = encoded.codes[:, 1], len(learnt.tables[0])
    atol = 1e-6 if dtype == "float32" else 1e-9
    for place, (labels, weights) in enumerate(questions(encoded)):
        for part in range(N_PARTS):
            before = part_of < part
            table_ = credible(user[before], labels[before], weights[before], n_codes)
            of_part = own[place].to_numpy()[part_of == part]
            np.testing.assert_allclose(of_part, table_[user[part_of == part]], atol=atol)
    assert np.bincount(part_of.astype(int), minlength=N_PARTS).min() > 30
    # All but the first part have some.
    assert own.any(axis=1).to_numpy()[part_of > 3].mean() > 0.9


def test_validation_reads_what_was_learnt_from_all_rows_of_training(tmp_path):
    frame, recorder = make_visits(), Recorder()
    folder = write(tmp_path / "files", frame)
    estimator = model(early_stopping=True, validation_split="last", validation_fraction=0.2)
    learnt = learn(estimator, folder, TASKS, "w")
    estimator.set_params(callbacks=[recorder]).fit(folder, TASKS, "w")
    last = frame[frame["w"] > 0].iloc[-166:]
    expected, _ = learnt.encoder.transform(last[FEATURES])
    held_out = recorder.trainings[0][1]
    np.testing.assert_array_equal(held_out.rows.array("numbers"), expected)


@pytest.mark.parametrize("n_sampled", [10_000, 150])
def test_rows_are_not_read_once_more_for_them(tmp_path, monkeypatch, n_sampled):
    monkeypatch.setattr(survey, "SAMPLED_ROWS", n_sampled)
    folder = write(tmp_path / "files", make_visits())
    passes, readers = [], Source.readers

    def spy(self, columns, order=None):
        passes.append(columns)
        return readers(self, columns, order)

    monkeypatch.setattr(Source, "readers", spy)
    counts = []
    for choice in (["user"], False):
        learnt = learn(model(target_statistics=choice), folder, TASKS, "w")
        assert (learnt.encoder.statistics is None) == (choice is False)
        assert len(read_arrays(learnt.stream())[0]) == 830
        counts.append(len(passes))
        passes.clear()
    assert counts[0] == counts[1]


def test_by_themselves_columns_like_ids_have_them_by_all_rows(tmp_path, monkeypatch):
    frame = make_visits(2000, n_users=280)
    few = make_visits(600, n_users=280)
    # Of the sample alone, no user has two rows.
    monkeypatch.setattr(survey, "SAMPLED_ROWS", 200)
    for rows, expected in ((frame, ["user"]), (few, None)):
        folder = write(tmp_path / str(len(rows)), rows)
        learnt = learn(model(target_statistics="auto"), folder, TASKS, "w")
        names, statistics = learnt.names[learnt.features.n_columns_ :], learnt.encoder.statistics
        found = statistics and [names[place] for place in statistics.columns]
        assert found == expected


def test_columns_that_hold_no_categories_are_refused(tmp_path):
    folder = write(tmp_path / "files", make_visits())
    with pytest.raises(ValueError, match="target_statistics names column 'row' of X"):
        model(target_statistics=["row"]).fit(folder, TASKS, "w")
    with pytest.raises(ValueError, match=r"target_statistics names \['shop'\], which are no"):
        model(target_statistics=["shop"]).fit(folder, TASKS, "w")


def test_random_labels_are_not_found_out(tmp_path):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"user": [f"u{number}" for number in rng.integers(700, size=1500)]})
    frame = X.assign(click=rng.integers(2, size=1500))
    folder = write(tmp_path / "files", frame[:1000])
    fitted = model(max_epochs=8, target_statistics=True).fit(folder, ["click"])
    # 500 rows are right by chance, 22 more or fewer two thirds of the time.
    assert abs(fitted.score(X[1000:], frame[["click"]][1000:]) - 0.5) < 0.1


# -- going on -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "n_sampled"), [("parquet", 150), ("ipc", 10_000)])
def test_the_same_files_are_known_again_and_others_are_not(tmp_path, monkeypatch, kind, n_sampled):
    monkeypatch.setattr(survey, "SAMPLED_ROWS", n_sampled)
    recorder, frame = Recorder(), make_visits()
    folder = write(tmp_path / "files", frame, kind=kind)
    fitted = model(warm_start=True, callbacks=[recorder]).partial_fit(folder, TASKS, "w")
    export.save(fitted.set_params(callbacks=None), tmp_path / "model.safetensors")
    loaded = export.load(tmp_path / "model.safetensors")
    for each in (fitted, loaded):
        each.set_params(callbacks=[recorder])
    other = write(tmp_path / "others", make_visits(seed=1), kind=kind)
    moved = shutil.copytree(folder, tmp_path / "moved")
    for rows in (folder, moved, other):
        fitted.partial_fit(rows, TASKS, "w")
    fitted.fit(folder, TASKS, "w")
    loaded.partial_fit(folder, TASKS, "w")
    learnt = learn(model(), folder, TASKS, "w")
    table = learnt.encoder.statistics.tables[0]
    np.testing.assert_array_equal(fitted._encoder.statistics.tables[0], table)
    first, again, elsewhere, others, warm, loaded = (
        numbers_of(rows, learnt) for rows, *_ in recorder.trainings
    )
    for same in (again, warm, loaded, *([elsewhere] if kind == "parquet" else [])):
        assert same.equals(first)
    # Other rows are read by all that was learnt.
    read = [(others, make_visits(seed=1)), (elsewhere, frame)][: 1 if kind == "parquet" else 2]
    for own, rows in read:
        codes = in_memory(learnt, rows, own.index)[0].codes[:, 1]
        np.testing.assert_array_equal(own.to_numpy(), table[codes].astype(np.float32))
    assert (first.to_numpy() != elsewhere.to_numpy()).any() == (kind == "ipc")


def test_rows_that_validated_are_read_without_their_own_labels_later(tmp_path):
    folder, recorder = write(tmp_path / "files", make_visits()), Recorder()
    estimator = model(early_stopping=True, validation_fraction=0.3)
    learnt = learn(estimator, folder, TASKS, "w")
    estimator.set_params(callbacks=[recorder]).fit(folder, TASKS, "w")
    estimator.partial_fit(folder, TASKS, "w")
    first, later = (numbers_of(rows, learnt) for rows, *_ in recorder.trainings)
    assert len(first) < len(later) == 830
    fresh = learn(model(), folder, TASKS, "w")
    np.testing.assert_allclose(later, numbers_of(fresh.stream(), fresh), atol=1e-6)


def test_a_task_that_was_added_has_no_statistics_in_the_same_files(tmp_path):
    frame, recorder = make_visits(), Recorder()
    folder = write(tmp_path / "files", frame)
    tasks, rows = ["click", "amount", "color"], arrow(frame)
    estimator = model(task_types={"color": "ignore"})
    fitted = clone(estimator).set_params(callbacks=[recorder]).partial_fit(folder, tasks, "w")
    fitted.add_task(rows.select(FEATURES), rows.select(["color"]), task_types="multiclass")
    fitted.partial_fit(folder, tasks, "w")
    learnt = learn(estimator, folder, tasks, "w")
    first, _, later = (rows for rows, *_ in recorder.trainings)
    assert numbers_of(later, learnt).equals(numbers_of(first, learnt))


def test_two_fits_are_the_same_and_are_saved(tmp_path, monkeypatch):
    monkeypatch.setattr(survey, "SAMPLED_ROWS", 150)
    frame = make_visits()
    folder = write(tmp_path / "files", frame)
    one, two = (model(max_epochs=2).fit(folder, TASKS, "w") for _ in range(2))
    assert_same(one, two)
    # What rows of training read is not kept.
    statistics = learn(model(), folder, TASKS, "w").encoder.statistics
    assert sorted(vars(statistics)) == ["columns", "learnt_from", "n_tasks", "tables"]
    assert statistics.tables[0].shape == (32, 5)
    export.save(one, tmp_path / "model.safetensors")
    rows = arrow(frame).select(FEATURES)
    again = export.load(tmp_path / "model.safetensors")
    pd.testing.assert_frame_equal(again.predict(rows), one.predict(rows))


class Interrupt(Callback):
    """Ends fits as their second epoch begins, until its list, which copies share, is empty."""

    def __init__(self):
        self.ends_ = [True]

    def on_epoch_begin(self, net, **_):
        if self.ends_ and len(net.history) == 2:
            raise KeyError


def test_a_fit_that_stopped_goes_on_alike(tmp_path, monkeypatch):
    monkeypatch.setattr(survey, "SAMPLED_ROWS", 150)
    folder = write(tmp_path / "files", make_visits())
    params = {"max_epochs": 3, "early_stopping": True}
    whole = model(**params).fit(folder, TASKS, "w")
    interrupt = Interrupt()
    params |= {"callbacks": [interrupt], "checkpoint_dir": tmp_path / "kept"}
    with pytest.raises(KeyError):
        model(**params).fit(folder, TASKS, "w")
    interrupt.ends_.clear()
    gone_on = model(**params).fit(folder, TASKS, "w")
    assert_same(gone_on, whole)
