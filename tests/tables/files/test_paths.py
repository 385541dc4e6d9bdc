"""URLs, patterns and lists of files, and files of CSV, are read as folders of Parquet are."""

import shutil
import traceback

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import csv, parquet
from pyarrow import dataset as ds
from streamed import OPTIONS, TASKS, assert_same, flip, make_table, write

from sklearn_ple import PLEClassifierRegressor, export
from sklearn_ple.tables.files.row_groups import File, RowGroup


def model(**params):
    return PLEClassifierRegressor(**(OPTIONS | {"max_epochs": 1} | params))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write(tmp_path_factory.mktemp("paths") / "some files", make_table(300))


@pytest.fixture(scope="module")
def fitted(folder):
    return model().fit(folder, TASKS, "w")


def in_memory(folder):
    """Copy a folder to the file system in memory of fsspec; return its URL."""
    fsspec = pytest.importorskip("fsspec")
    url = "memory://of-tests/rows"
    fsspec.filesystem("memory").put(f"{folder}/", url, recursive=True)
    return url


WAYS = {
    "URL": lambda folder: folder.as_uri(),
    "URL of fsspec": in_memory,
    "pattern": lambda folder: folder / "part*.parquet",
    "pattern of a URL": lambda folder: f"{in_memory(folder)}/part[0-9].parquet",
    "list": lambda folder: sorted(folder.iterdir()),
    "list of URLs": lambda folder: tuple(file.as_uri() for file in sorted(folder.iterdir())),
}


@pytest.mark.parametrize("way", WAYS)
def test_files_are_found(folder, fitted, tmp_path, way):
    X = WAYS[way](folder)
    assert_same(model().fit(X, TASKS, "w"), fitted)
    pd.testing.assert_frame_equal(pd.concat(fitted.predict(X)), pd.concat(fitted.predict(folder)))
    assert fitted.score(X, TASKS, "w") == fitted.score(folder, TASKS, "w")
    export.predict_to_parquet(fitted, X, tmp_path / "out.parquet")
    assert len(parquet.read_table(tmp_path / "out.parquet")) == 300


def test_folders_that_a_pattern_matches_are_columns(tmp_path):
    frame = make_table(300).drop(columns="w")
    for year in (2023, 2024, 2025):
        (tmp_path / f"year={year}").mkdir()
        rows = pa.Table.from_pandas(frame, preserve_index=False)
        parquet.write_table(rows, tmp_path / f"year={year}" / "rows.parquet")
    fitted = model().fit(f"{tmp_path}/year=202[45]/*.parquet", TASKS)
    assert fitted.feature_names_in_.tolist() == ["a", "gaps", "town", "kind", "year"]
    assert len(list(fitted.predict(tmp_path / "year=*" / "*.parquet"))) == 3


def test_what_is_not_found(folder, fitted, tmp_path):
    for X in (folder / "*.none", folder / "none" / "*", folder.as_uri() + "/none", ["none"]):
        with pytest.raises(FileNotFoundError, match="no such file or folder"):
            fitted.predict(X)
    with pytest.raises(ValueError, match="^X is a list that has folders"):
        fitted.predict([folder, folder])
    with pytest.raises(ValueError, match="several file systems"):
        fitted.predict([next(folder.iterdir()), f"{in_memory(folder)}/part0.parquet"])
    with pytest.raises(ValueError, match="Neither pyarrow .* can read the URL 'nowhere://rows"):
        fitted.predict("nowhere://rows.parquet")
    # What fsspec needs for it is not installed.
    with pytest.raises(ImportError, match="Neither pyarrow .* can read the URL 'oss://rows"):
        fitted.predict("oss://rows.parquet")
    # A file may have the name of a pattern.
    odd = tmp_path / "rows[1].parquet"
    parquet.write_table(parquet.read_table(folder / "part0.parquet"), odd)
    assert len(pd.concat(fitted.predict(odd))) == 150


@pytest.mark.parametrize(
    "url",
    [
        "nowhere://me:SECRET@example.org/rows.parquet",
        "oss://me:SE/C%RET@bucket/rows.parquet",
        "s3://bucket/rows.parquet?secret_access_key=SECRET&endpoint_override=localhost:1",
        "file:///nowhere/rows.parquet?year=2024&Password=SECRET",
        "ftp://me:SECRET@localhost:1/rows.parquet",
    ],
)
def test_no_message_repeats_credentials(folder, fitted, url):
    calls = (
        lambda: list(fitted.predict(url)),
        lambda: fitted.score([url], TASKS),
        lambda: model().fit(url, TASKS),
        lambda: export.predict_to_parquet(fitted, folder, url),
    )
    for call in calls:
        with pytest.raises((ImportError, OSError, ValueError)) as raised:
            call()
        shown = "".join(traceback.format_exception(raised.value))
        assert "SECRET" not in shown and "SE/C" not in shown


def test_a_file_at_a_url_is_named_without_credentials():
    # As fsspec names files of https.
    file = File("https://me:SECRET@there/rows.parquet", "parquet", None, (), {}, None)
    group = RowGroup(file, number=1, n_rows=3, first=0)
    assert str(group) == "https://me:***@there/rows.parquet, row group 1"
    with pytest.raises(ValueError, match="^https://me.*: no such label") as raised, group.named():
        raise ValueError("no such label")
    assert "SECRET" not in str(raised.value)


@pytest.mark.parametrize("way", ["URL", "URL of fsspec"])
def test_predictions_stay_out_of_a_folder_of_a_url(folder, fitted, way):
    url = WAYS[way](folder)
    with pytest.raises(ValueError, match="lies in .*, the folder that is read"):
        export.predict_to_parquet(fitted, url, f"{url}/new.parquet")
    with pytest.raises(ValueError, match="is a file of X, whose rows"):
        export.predict_to_parquet(fitted, f"{url}/part0.parquet", f"{url}/part0.parquet")


@pytest.mark.parametrize("scheme", ["file", "memory"])
def test_a_file_at_a_url_is_replaced_if_all_rows_are_predicted(folder, fitted, tmp_path, scheme):
    store = pytest.importorskip("fsspec").filesystem(scheme)
    place = f"{tmp_path}/out/new.parquet"
    store.mkdirs(f"{tmp_path}/out")
    store.pipe(place, b"what was there before")
    damaged = shutil.copytree(folder, tmp_path / "damaged")
    flip(damaged / "part1.parquet")
    with pytest.raises(ValueError, match=r"part1.parquet, row group \d cannot be read"):
        export.predict_to_parquet(fitted, damaged, f"{scheme}://{place}")
    assert store.cat(place) == b"what was there before"
    export.predict_to_parquet(fitted, folder, f"{scheme}://{place}")
    assert store.find(f"{tmp_path}/out") == [place]
    with store.open(place) as file:
        written = pd.read_parquet(file)
    expected = pd.concat(fitted.predict(folder))
    pd.testing.assert_frame_equal(written, expected, check_dtype=False)


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """Two files of CSV, and the same rows in Parquet."""
    texts, files = (tmp_path_factory.mktemp(name) for name in ("texts", "files"))
    frame = make_table(300)
    frame["kind"] = "kind " + frame["kind"].astype(str)
    frame.loc[::7, "town"] = None
    for number, part in enumerate([frame[:200], frame[200:]]):
        rows = pa.Table.from_pandas(part, preserve_index=False)
        csv.write_csv(rows, texts / f"part{number}.csv")
        parquet.write_table(rows, files / f"part{number}.parquet")
    return texts, files


def test_csv_is_read_as_parquet(texts):
    one, other = (model().fit(folder, TASKS, "w") for folder in texts)
    assert one.task_types_ == other.task_types_
    assert_same(one, other)
    blocks = [pd.concat(one.predict(folder)) for folder in texts]
    pd.testing.assert_frame_equal(*blocks)
    assert one.score(texts[0], TASKS) == other.score(texts[1], TASKS)


def test_a_schema_gives_csv_its_types(texts):
    names = ["a", "kind", "click", "amount"]
    types = [pa.float64(), pa.dictionary(pa.int32(), pa.string()), pa.int64(), pa.float64()]
    schema = pa.schema(list(zip(names, types, strict=True)))
    one = model().fit(ds.dataset(texts[0], format="csv", schema=schema), TASKS)
    assert one.feature_names_in_.tolist() == ["a", "kind"]
    assert np.isfinite(one.score(texts[1], TASKS))


def test_csv_that_changes_its_type_names_the_file(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    (tmp_path / "b.csv").write_text("a,b\n1.5,2\n")
    with pytest.raises(ValueError, match=r"b\.csv cannot be read.*1\.5"):
        model().fit(tmp_path, ["b"])
