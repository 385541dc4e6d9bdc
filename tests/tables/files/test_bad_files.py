"""Bad datasets and files that break: an error that names them, and the model stays as it was."""

import copy
import os
import shutil

import numpy as np
import pandas as pd
import psutil
import pyarrow as pa
import pytest
from pyarrow import dataset as ds
from pyarrow import feather, parquet
from skorch.callbacks import Callback
from streamed import OPTIONS, TASKS, arrow, assert_same, flip, make_table, state, write

from sklearn_ple import PLEClassifierRegressor, export
from sklearn_ple.model_selection import cross_val_predict, train_test_split
from sklearn_ple.tables.files import survey
from sklearn_ple.tables.files.read_ahead import interleave
from sklearn_ple.tables.files.source import Source


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path / "files", make_table(600))


def model(**params):
    return PLEClassifierRegressor(**(OPTIONS | params))


def refuses(X, y=TASKS, message="", error=ValueError, sample_weight="w", fit=None, **params):
    unfitted = model(**params)
    with pytest.raises(error, match=message):
        unfitted.fit(X, y, sample_weight, **(fit or {}))
    assert not [name for name in vars(unfitted) if name.endswith("_")]


# -- what is passed -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        (["click", "sale"], ValueError, r"y names \['sale'\], but .*part0.parquet .*'gaps'"),
        (["click", "click"], ValueError, "y names a column twice"),
        ([], TypeError, "y is of type list, but X is a dataset: name the columns"),
        (None, TypeError, "y is of type NoneType"),
        ([0, 1], TypeError, "y is of type list"),
        (np.zeros(600), TypeError, "y is of type ndarray"),
        (["a", "gaps", "town", "kind", *TASKS], ValueError, "has no column in addition to"),
    ],
)
def test_y_that_names_no_columns(folder, y, error, message):
    refuses(folder, y, message, error)


@pytest.mark.parametrize(
    ("weight", "error", "message"),
    [
        ("v", ValueError, r"sample_weight names \['v'\], but"),
        (np.ones(600), TypeError, "sample_weight is of type ndarray, but X is a dataset"),
        ("click", ValueError, "sample_weight and y both name the column 'click'"),
        ("town", TypeError, "part0.parquet, row group 0: sample_weight names .*'town'"),
    ],
)
def test_weights_that_name_no_column_of_numbers(folder, weight, error, message):
    refuses(folder, TASKS, message, error, weight)


def test_what_is_passed_beside_files(folder):
    refuses(folder, message="groups must be the name", error=TypeError, fit={"groups": [1, 2]})
    refuses(folder, message=r"groups names \['none'\]", fit={"groups": "none"})
    last = {"validation_split": "last", "early_stopping": True}
    refuses(folder, message="whatever their groups are", fit={"groups": "town"}, **last)
    refuses(folder, message="for some rows", fit={"groups": "gaps"}, early_stopping=True)
    refuses(folder, message="y_val is missing", fit={"X_val": folder})
    both = {"X_val": folder, "y_val": ["click", "sale"]}
    refuses(folder, message=r"y_val names \['sale'\]", fit=both)
    refuses(folder, message="y has the targets", fit=both | {"y_val": ["click"]})
    refuses(folder, message="early_stopping=False validates", fit=both, early_stopping=False)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"refit": True, "early_stopping": True}, "refit=True trains a second time"),
        ({"refit": np.True_, "early_stopping": True}, "refit=True trains a second time"),
    ],
)
def test_parameters_that_take_all_rows_at_once(folder, params, message):
    refuses(folder, message=message, **params)


def test_refit_has_no_effect_if_no_rows_are_set_aside(folder):
    rows = make_table(60)
    apart = {"X_val": rows[["a", "gaps", "town", "kind"]], "y_val": rows[TASKS]}
    names = {"sample_weight": "w"}
    model(refit=True, early_stopping=False).fit(folder, TASKS, **names)
    model(refit=True, early_stopping=True).fit(folder, TASKS, **names, **apart)
    model(refit=True, early_stopping=True).partial_fit(folder, TASKS, **names)


def test_parameters_of_tasks_are_not_blamed_on_a_unit(folder):
    refuses(folder, message=r"^task_types names \['typo'\], but", task_types={"typo": "binary"})
    refuses(folder, message=r"^depends_on names \['typo'\], but", depends_on={"click": "typo"})
    refuses(folder, message="^task_types ignores all columns of y", task_types="ignore")
    refuses(folder, message=r"^task_types of target 'click' is \(\)", task_types={"click": ()})


def test_dependent_tasks_of_a_fitted_form_are_those_of_its_names(tmp_path):
    n = np.arange(200)
    rows = make_table(200)[["a"]].assign(click=n % 2, buy=n % 4 // 3)
    names, others = (tmp_path / f"{name}.parquet" for name in ("names", "others"))
    parquet.write_table(arrow(rows), names)
    parquet.write_table(arrow(rows.rename(columns={"buy": "bought"})), others)
    message = r"y has the targets \['click', 'bought'\], but the estimator was fitted with"
    wrong = {"X_val": others, "y_val": ["click", "bought"]}
    dependent = {"depends_on": {"buy": "click"}}
    refuses(names, ["click", "buy"], message, sample_weight=None, fit=wrong, **dependent)
    # Positions make up the names of an array's tasks.
    fitted = model(depends_on={"y1": "y0"}).fit(rows[["a"]], rows[["click", "buy"]].to_numpy())
    assert len(fitted.partial_fit(others, ["click", "bought"]).history_) == 3


def test_validation_rows_in_files_beside_rows_in_memory(folder):
    rows = make_table(60)
    X, y = rows[["a", "gaps"]], rows[TASKS]
    with pytest.raises(TypeError, match="^X_val is a dataset or a path, but X is in memory: pass"):
        model(early_stopping=True).fit(X, y, X_val=folder, y_val=TASKS)


def test_features_of_a_fitted_model_are_no_labels(tmp_path):
    rows = make_table(200)[["a", "gaps", *TASKS]]
    parquet.write_table(arrow(rows), tmp_path / "rows.parquet")
    path, fitted = tmp_path / "rows.parquet", model().fit(rows[["a", "gaps"]], rows[TASKS])
    with pytest.raises(ValueError, match=r"^y names \['gaps'\], which the model was fitted to as"):
        fitted.score(path, ["click", "gaps"])
    with pytest.raises(ValueError, match=r"^sample_weight names \['gaps'\], which the model was"):
        fitted.score(path, TASKS, "gaps")
    wrong = {"X_val": path, "y_val": ["amount"]}
    message = r"^The validation set.*: y_val names \['amount'\], which the model was fitted to as"
    refuses(path, ["click"], message, sample_weight=None, fit=wrong)


def test_splitters_are_refused(folder):
    from sklearn.model_selection import ShuffleSplit

    refuses(folder, message="ShuffleSplit.* cannot split", validation_split=ShuffleSplit(1))


def test_what_is_no_dataset_of_files(tmp_path, folder):
    refuses(tmp_path / "none", message="no such file or folder", error=FileNotFoundError)
    memory = ds.dataset(arrow(make_table(60)))
    refuses(memory, message="dataset of rows in memory: pass them as a table", error=TypeError)
    (tmp_path / "a.txt").write_text("a,b\n1.0,2\n")
    (tmp_path / "texts").mkdir()
    os.link(tmp_path / "a.txt", tmp_path / "texts" / "b.txt")
    for path in (tmp_path / "a.txt", tmp_path / "texts"):
        refuses(
            path, ["b"], f"{path.name} cannot be read as Parquet. Convert f", sample_weight=None
        )
    filtered = ds.dataset(folder).filter(ds.field("a") > 0)
    refuses(filtered, message="has a filter or computed columns")
    (tmp_path / "empty").mkdir()
    refuses(tmp_path / "empty", message="has no rows|names")


def test_methods_that_take_rows_in_memory(folder):
    fitted = model().fit(folder, TASKS, "w")
    for method in ("transform", "gate_weights"):
        with pytest.raises(TypeError, match="X is a dataset or a path"):
            getattr(fitted, method)(folder)
        with pytest.raises(ValueError, match="a list of text or paths"):
            getattr(fitted, method)([str(folder)])
    calls = [
        lambda: fitted.add_task(str(folder), ["amount"]),
        lambda: model().fit_out_of_fold(folder, TASKS),
        lambda: cross_val_predict(model(), folder, TASKS, cv=2),
        lambda: train_test_split(folder, TASKS),
    ]
    for call in calls:
        with pytest.raises(TypeError, match="X is a dataset or a path"):
            call()


# -- what files hold ------------------------------------------------------------------------------


def replaced(folder, change, number=1):
    """Write one of the files anew, changed."""
    path = folder / f"part{number}.parquet"
    parquet.write_table(change(parquet.read_table(path)), path, row_group_size=100)
    return folder


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop_columns(["gaps"]), "part1.parquet has no column 'gaps', which other"),
        (
            lambda t: t.set_column(0, "a", t["a"].cast(pa.string())),
            "'a' is of type string in .*part1.parquet, but of type double in .*part0.parquet",
        ),
        (
            lambda t: t.append_column("a", t["a"]),
            r"part1.parquet has several columns of each name in \['a'\]",
        ),
        (lambda t: t.append_column("z", t["a"]), r"part1.parquet has the columns \['z'\], which"),
    ],
)
def test_later_files_of_other_columns(folder, change, message):
    refuses(replaced(folder, change), message=message)


def test_a_first_file_with_two_columns_of_one_name(folder):
    replaced(folder, lambda t: t.append_column("a", t["a"]), number=0)
    message = r"part0.parquet has several columns of each name in \['a'\]: rename them"
    for path in (folder, folder / "part0.parquet"):
        refuses(path, message=message)


@pytest.mark.parametrize("value", [7, "7"])
@pytest.mark.parametrize("number", [0, 1])
def test_columns_that_are_keys_of_folders_too(tmp_path, number, value):
    for run in range(2):
        (tmp_path / f"run={run}").mkdir()
        frame = make_table(100).assign(**({"run": value} if run == number else {}))
        parquet.write_table(arrow(frame), tmp_path / f"run={run}" / "a.parquet")
    message = rf"run={number}.a.parquet has the columns \['run'\], and so do the names of its fold"
    refuses(tmp_path, message=message)


def test_files_beside_folders_that_name_a_column(tmp_path):
    (tmp_path / "year=2024").mkdir()
    for file in ("a.parquet", "year=2024/a.parquet"):
        parquet.write_table(arrow(make_table(100)), tmp_path / file)
    message = r"a.parquet has no column 'year', which other files or the names of their folders"
    refuses(tmp_path, message=message)
    rows = ds.dataset(tmp_path, format="parquet")
    assert len(model().fit(rows, TASKS, "w").history_) == 2


def test_what_is_advised_about_names_of_folders_works(tmp_path):
    tables = [make_table(100)[["a", "click"]].assign(**{"my run": str(run)}) for run in range(2)]
    for run, frame in enumerate(tables):
        (tmp_path / f"my%20run={run}").mkdir()
        feather.write_feather(arrow(frame), tmp_path / f"my%20run={run}" / "a.arrow")
    message = (
        r"the columns \['my run'\], and .* pass pyarrow.dataset.dataset\(path, format='ipc'\)"
    )
    refuses(tmp_path, ["click"], message, sample_weight=None)
    assert len(model().fit(ds.dataset(tmp_path, format="ipc"), ["click"]).history_) == 2
    for run, frame in enumerate(tables):
        path = tmp_path / f"my%20run={run}" / "a.arrow"
        feather.write_feather(arrow(frame.drop(columns="my run")), path)
    fitted = model().fit(tmp_path, ["click"])
    with pytest.raises(ValueError, match=r"fitted to the columns \['my run'\], but .*has the"):
        fitted.predict(path)
    whole = ds.dataset(path, format="ipc", partitioning="hive")
    assert len(next(fitted.predict(whole))) == 100


def test_a_later_file_may_lack_all_values(folder):
    missing = replaced(folder, lambda t: t.set_column(1, "gaps", pa.nulls(len(t))))
    assert model(max_epochs=1).fit(missing, TASKS, "w").n_features_in_ == 4


@pytest.mark.parametrize("column", ["gaps", "town", "kind", "click"])
def test_the_first_file_may_lack_all_values(folder, column):
    types = parquet.read_schema(folder / "part1.parquet")
    place, dtype = types.get_field_index(column), types.field(column).type

    def fit(nulls):
        files = replaced(folder, lambda t: t.set_column(place, column, nulls(len(t))), number=0)
        return model(max_epochs=1).fit(files, TASKS, "w")

    of_null, typed = fit(pa.nulls), fit(lambda n: pa.nulls(n, dtype))
    assert_same(of_null, typed)


@pytest.mark.parametrize(
    ("column", "value", "error", "message"),
    [
        ("amount", np.inf, ValueError, "part1.parquet, row group 2: .*infinity.* 'amount'"),
        ("a", np.inf, ValueError, "part1.parquet, row group 2: .*infinity .* column 'a'"),
        ("w", -1.0, ValueError, "part1.parquet, row group 2: Negative values .*sample_weight"),
        ("w", None, ValueError, "part1.parquet, row group 2: .*sample_weight contains NaN"),
    ],
)
def test_values_that_cannot_be_learnt_from(folder, column, value, error, message):
    def change(table):
        frame = table.to_pandas()
        frame.loc[250, column] = value
        return arrow(frame)

    refuses(replaced(folder, change), message=message, error=error)


@pytest.mark.parametrize("n_sampled", [100, 200_000])
@pytest.mark.parametrize("goes_on", [False, True])
def test_infinity_is_found_in_files_of_any_size(folder, monkeypatch, n_sampled, goes_on):
    monkeypatch.setattr(survey, "SAMPLED_ROWS", n_sampled)
    fitted = model(warm_start=goes_on)
    if goes_on:
        fitted.fit(folder, TASKS, "w")
    infinite = replaced(folder, lambda t: t.set_column(0, "a", pa.array([np.inf] * len(t))))
    with pytest.raises(ValueError, match="part1.parquet, row group 0: .*infinity .* column 'a'"):
        fitted.fit(infinite, TASKS, "w")


def test_no_rows_or_labels(tmp_path):
    frame = make_table(100)
    refuses(write(tmp_path / "none", frame[:0], n_files=1), message="has no rows: pass a dataset")
    bare = frame.assign(click=pd.array([pd.NA] * 100, dtype="Int64"), amount=np.nan)
    refuses(write(tmp_path / "bare", bare), message="no row with a label with a weight in")
    one = frame.assign(amount=np.nan)
    refuses(write(tmp_path / "one", one), message="'amount' has no label at all")
    weightless = write(tmp_path / "weightless", frame.assign(w=0.0))
    refuses(weightless, message="no row with a label with a weight in")


def test_durations_are_refused_as_in_memory(tmp_path):
    frame = make_table(100).assign(long=pd.Timedelta("1h"))
    refuses(write(tmp_path / "f", frame), message="'long' of X is of dtype .*", error=TypeError)


# -- files that break -----------------------------------------------------------------------------


class Damage(Callback):
    """Calls a function as an epoch begins, which is no parameter that makes it another fit."""

    def __init__(self, how, epoch=2):
        # What ends with an underscore is compared by no checkpoint.
        self.epoch_, self.how_ = epoch, how

    def on_epoch_begin(self, net, **_):
        if len(net.history) >= self.epoch_:
            self.how_()


def cut(path):
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


DAMAGES = {
    "flipped": (flip, r"part1.parquet, row group \d cannot be read: "),
    "cut": (cut, r"part1.parquet, row group \d cannot be read: it was changed after"),
    "gone": (os.remove, r"part1.parquet, row group \d cannot be read: it was changed after"),
    "rewritten": (
        lambda path: parquet.write_table(parquet.read_table(path), path),
        r"part1.parquet, row group \d cannot be read: it was changed after",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_file_that_breaks_leaves_the_model_as_it_was(folder, damage):
    how, message = DAMAGES[damage]
    fitted = model().fit(folder, TASKS, "w")
    before = copy.deepcopy(state(fitted))
    attributes = sorted(vars(fitted))
    fitted.set_params(callbacks=[Damage(lambda: how(folder / "part1.parquet"))])
    with pytest.raises(ValueError, match=message):
        fitted.fit(folder, TASKS, "w")
    assert sorted(vars(fitted)) == attributes
    for name, part in state(fitted).items():
        np.testing.assert_array_equal(part, before[name])


@pytest.mark.parametrize("how", [flip, cut])
def test_damaged_files_are_found_at_once(tmp_path, how):
    for kind, ending in (("parquet", "parquet"), ("ipc", "arrow")):
        folder = write(tmp_path / kind, make_table(600), kind=kind)
        path = folder / f"part1.{ending}"
        how(path)
        where = f"part1.{ending}(, (row group|record batch) \\d)?"
        if kind == "ipc" and how is flip:
            # It has no checksums: what is flipped may look like data.
            continue
        refuses(folder, message=f"{where} cannot be read: ")


@pytest.mark.parametrize("notes", [b"\xff{", b"{", b"[1]", b'{"columns": [3]}'])
def test_damaged_notes_of_pandas_name_the_file(tmp_path, notes):
    file = tmp_path / "rows.parquet"
    parquet.write_table(arrow(make_table(60)).replace_schema_metadata({"pandas": notes}), file)
    refuses(file, message="What pandas noted in .*rows.parquet cannot be read: .*write it again")


def test_codes_of_arrow_that_have_no_category_name_the_batch(tmp_path):
    rows = arrow(make_table(60).drop(columns="kind"))
    codes = pa.array([0, 1, 9] * 20, pa.int32())
    kind = pa.DictionaryArray.from_arrays(codes, pa.array(["a", "b"]), safe=False)
    feather.write_feather(
        rows.append_column("kind", kind), tmp_path / "rows.arrow", "uncompressed"
    )
    refuses(tmp_path / "rows.arrow", message="rows.arrow, record batch 0 cannot be read: ")


def test_a_batch_of_arrow_that_changes(tmp_path):
    folder = write(tmp_path / "files", make_table(600), kind="ipc")
    path = folder / "part1.arrow"
    damage = Damage(lambda: feather.write_feather(feather.read_table(path), path))
    fitted = model(callbacks=[damage])
    with pytest.raises(ValueError, match=r"part1.arrow, record batch \d cannot be read: it was"):
        fitted.fit(folder, TASKS, "w")
    assert not hasattr(fitted, "net_")


def test_predictions_stop_at_what_is_damaged(folder, tmp_path):
    fitted = model().fit(folder, TASKS, "w")
    output = tmp_path / "out.parquet"
    export.predict_to_parquet(fitted, folder, output)
    before = output.read_bytes()
    flip(folder / "part1.parquet")
    with pytest.raises(ValueError, match=r"part1.parquet, row group \d cannot be read"):
        export.predict_to_parquet(fitted, folder, output)
    assert output.read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["files", "out.parquet"]


# -- going on where a fit stopped -----------------------------------------------------------------


def learn(folder, checkpoint_dir, **params):
    options = {"max_epochs": 4, "early_stopping": True, "n_iter_no_change": 4}
    return model(**options, checkpoint_dir=checkpoint_dir, **params).fit(folder, TASKS, "w")


def test_a_fit_that_broke_goes_on_when_the_file_is_mended(folder, tmp_path):
    alone = learn(folder, None)
    kept = tmp_path / "kept"
    shutil.copytree(folder, tmp_path / "copy")
    damage = Damage(lambda: flip(folder / "part1.parquet"), epoch=3)
    with pytest.raises(ValueError, match="part1.parquet, row group"):
        learn(folder, kept, callbacks=[damage])
    shutil.copy(tmp_path / "copy" / "part1.parquet", folder)
    epochs = []
    fitted = learn(folder, kept, callbacks=[Damage(lambda: epochs.append(1), epoch=0)])
    # Two epochs had been done, and two were left.
    assert len(epochs) == 2
    assert_same(fitted, alone)
    assert len(fitted.history_) == 4


def test_a_damaged_file_leaves_no_other_open(folder):
    damage = Damage(lambda: flip(folder / "part1.parquet"), epoch=1)
    # The error is still held, and with it all that its frames hold.
    with pytest.raises(ValueError, match="part1.parquet, row group") as held:
        learn(folder, None, callbacks=[damage])
    opened = [own.path for own in psutil.Process().open_files() if str(folder) in own.path]
    assert held.tb is not None and opened == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: replaced(folder, lambda t: t.slice(1)), "the files of X"),
        (
            lambda folder: (
                replaced(folder, lambda t: t.append_column("more", t["a"]), 0)
                and replaced(folder, lambda t: t.append_column("more", t["a"]))
            ),
            "the columns of X",
        ),
        (lambda folder: shutil.copy(folder / "part0.parquet", folder / "p.parquet"), "the files"),
    ],
)
def test_other_files_are_another_fit(folder, tmp_path, change, message):
    learn(folder, tmp_path / "kept")
    change(folder)
    with pytest.raises(ValueError, match=f"belongs to another fit, which differs in .*{message}"):
        learn(folder, tmp_path / "kept")


def test_other_names_are_another_fit(folder, tmp_path):
    learn(folder, tmp_path / "kept")
    again = model(max_epochs=4, early_stopping=True, n_iter_no_change=4)
    again.set_params(checkpoint_dir=tmp_path / "kept")
    with pytest.raises(ValueError, match=r"differs in .*y \(\(\['click', 'amount'\], 2\) there"):
        again.fit(folder, ["click"], "w")
    with pytest.raises(ValueError, match="differs in .*sample_weight"):
        again.fit(folder, TASKS)


def test_what_a_source_says_of_its_rows(tmp_path):
    for kind in ("parquet", "ipc"):
        source = Source.of(write(tmp_path / kind, make_table(500), kind=kind))
        assert [unit.n_rows for unit in source.row_groups] == [100, 100, 50, 100, 100, 50]
        assert [unit.first for unit in source.row_groups] == [0, 100, 200, 250, 350, 450]
        row_numbers = [block.row_numbers for block in interleave(source.readers(["a"]), n_open=3)]
        assert np.concatenate(row_numbers)[[0, 100, 200, 250]].tolist() == [0, 100, 200, 250]
        rows = pa.concat_tables([block.rows for block in source.blocks(["amount", "a"])])
        assert rows.column_names == ["amount", "a"]
        assert rows["a"].to_pylist() == make_table(500)["a"].tolist()
