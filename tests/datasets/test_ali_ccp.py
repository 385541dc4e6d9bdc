"""Ali-CCP: the conversion of the original files against a naive reader, and what is refused."""

import os
import tracemalloc
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.datasets import get_data_home

from sklearn_ple.datasets import _ali_ccp, fetch_ali_ccp
from sklearn_ple.datasets._base import list_homes

PROFILE = ["101", "121", "122", "124", "125", "126", "127", "128", "129"]
BEHAVIOUR = ["109_14", "110_14", "127_14", "150_14"]
ITEM = ["205", "206", "207", "210", "216", "508", "509", "702", "853", "301"]
USER = [*PROFILE, *BEHAVIOUR]
CATEGORIES = [*PROFILE, *ITEM, *BEHAVIOUR]
WEIGHTED = [*BEHAVIOUR, "508", "509", "702", "853"]
FEATURES = [*CATEGORIES, *(f"D{field}" for field in WEIGHTED)]


@pytest.fixture
def arrow():
    """What the conversion needs."""
    return pytest.importorskip("pyarrow", reason="needs pyarrow")


def text_of(entries):
    return "\x01".join(f"{field}\x02{id_}\x03{weight}" for field, id_, weight in entries)


def put(home, impressions, common, part="train"):
    """Write the original files: (click, purchase, key, entries) and (key, entries) a row."""
    folder = Path(home) / "ali_ccp"
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        f"{row + 1},{click},{purchase},{key},{len(entries)},{text_of(entries)}\n"
        for row, (click, purchase, key, entries) in enumerate(impressions)
    ]
    (folder / f"sample_skeleton_{part}.csv").write_text("".join(lines), newline="")
    lines = [f"{key},{len(entries)},{text_of(entries)}\n" for key, entries in common]
    (folder / f"common_features_{part}.csv").write_text("".join(lines), newline="")
    return folder


def draw(seed, n_rows=200, n_common=20):
    """Impressions with fields missing, several times or unknown, and users without features."""
    rng = np.random.RandomState(seed)

    def entries(fields):
        n_entries = rng.choice([0, 1, 5, 40])
        return [
            (rng.choice(fields), rng.randint(1, 9_999_999), rng.choice(["1.0", "2.30259", "0.5"]))
            for _ in range(n_entries)
        ]

    common = [(f"{key:016x}", entries([*USER, "999"])) for key in range(n_common)]
    impressions = [
        (*[(0, 0), (1, 0), (1, 1)][row % 3], f"{key:016x}", entries([*ITEM, "999"]))
        for row, key in enumerate(rng.randint(n_common, size=n_rows))
    ]
    return impressions, common


def read_naively(impressions, common):
    """Row by row, entry by entry."""
    of_key = {}
    for key, entries in common:
        of_key.setdefault(key, entries)
    rows = []
    for click, purchase, key, own in impressions:
        if purchase and not click:
            continue
        row = {"click": click, "purchase": purchase}
        for entries, fields in ((own, ITEM), (of_key[key], USER)):
            for field, id_, weight in entries:
                if field in fields and float(weight) > row.get(f"D{field}", -1):
                    row[field], row[f"D{field}"] = id_, float(weight)
        rows.append(row)
    return pd.DataFrame(rows, columns=[*FEATURES, "click", "purchase"])


def assert_same(frame, expected):
    assert list(frame) == [name for name in expected if name in frame]
    assert len(frame) == len(expected)
    for name in frame:
        values = frame[name].astype(float).to_numpy()
        np.testing.assert_array_equal(values, expected[name].to_numpy(dtype=float), err_msg=name)


def test_files_are_read_as_by_a_naive_reader(arrow, tmp_path):
    impressions, common = draw(0)
    put(tmp_path, impressions, common)
    bunch = fetch_ali_ccp(data_home=tmp_path)
    expected = read_naively(impressions, common)
    assert_same(bunch.frame, expected)
    assert bunch.filename == str(tmp_path / "ali_ccp" / "ali_ccp_train.parquet")
    assert bunch.feature_names == FEATURES
    assert bunch.target_names == ["click", "purchase"]
    assert list(bunch.data.select_dtypes("category")) == list(bunch.categories) == CATEGORIES
    for name, ids in bunch.categories.items():
        assert ids == sorted(expected[name].dropna().unique())
    assert expected["101"].isna().any() and expected["101"].notna().any()


@pytest.mark.parametrize("block_size", [1, 3_000, 3_001, 10_000, 1 << 25])
def test_block_size_does_not_matter(arrow, monkeypatch, tmp_path, block_size):
    impressions, common = draw(1, n_rows=60)
    folder = put(tmp_path, impressions, common)
    monkeypatch.setattr(_ali_ccp, "_BLOCK_SIZE", block_size)
    frame = fetch_ali_ccp(data_home=tmp_path).frame
    assert_same(frame, read_naively(impressions, common))
    n_groups = arrow.parquet.ParquetFile(folder / "ali_ccp_train.parquet").num_row_groups
    assert (n_groups > 1) == (block_size < 1 << 20)


ENTRIES = st.lists(
    st.tuples(
        st.sampled_from([*USER[:2], "109_14", *ITEM[:2], "508", "10", "1010"]),
        st.integers(0, 12_000_000),
        st.sampled_from(["1.0", "1", "0.69315", "3.4e-05"]),
    ),
    max_size=8,
)
LABELS = st.sampled_from([(0, 0), (1, 0), (1, 1)])
KEYS = st.sampled_from("abc")


# the folder is emptied by every example itself
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    impressions=st.lists(st.tuples(LABELS, KEYS, ENTRIES), min_size=1, max_size=10),
    common=st.lists(st.tuples(KEYS, ENTRIES), min_size=1, max_size=4),
)
def test_any_rows_are_read_as_by_a_naive_reader(arrow, tmp_path, impressions, common):
    rows = [(*labels, key, entries) for labels, key, entries in impressions]
    common = [*common, *((key, []) for key in "abc")]
    (put(tmp_path, rows, common) / "ali_ccp_train.parquet").unlink(missing_ok=True)
    assert_same(fetch_ali_ccp(data_home=tmp_path).frame, read_naively(rows, common))


def test_of_several_entries_the_first_heaviest_is_kept(arrow, tmp_path):
    own = [("508", 7, "0.5"), ("210", 1, "1.0"), ("508", 8, "2.5"), ("210", 2, "1.0")]
    user = [("109_14", 3, "2.5"), ("109_14", 4, "2.5"), ("109_14", 5, "10.0")]
    put(tmp_path, [(0, 0, "a", own)], [("a", user)])
    frame = fetch_ali_ccp(data_home=tmp_path).frame
    assert frame.loc[0, ["210", "508", "D508", "109_14", "D109_14"]].tolist() == [1, 8, 2.5, 5, 10]


def test_fields_are_read_where_they_belong(arrow, tmp_path):
    put(tmp_path, [(0, 0, "a", [("101", 1, "1.0")])], [("a", [("205", 1, "1.0")])])
    assert fetch_ali_ccp(data_home=tmp_path).data.isna().all(axis=None)


def test_purchases_without_a_click_are_dropped(arrow, tmp_path):
    rows = [(0, 1, "a", [("205", row, "1.0")]) for row in range(3)]
    rows.insert(1, (1, 1, "a", [("205", 9, "1.0")]))
    put(tmp_path, rows, [("a", [])])
    with pytest.warns(UserWarning, match="Dropped 3 purchases without a click in "):
        X, y = fetch_ali_ccp(data_home=tmp_path, return_X_y=True)
    assert X["205"].tolist() == [9]
    assert y.to_numpy().tolist() == [[1, 1]]


def test_without_a_click_no_purchase_is_left(arrow, tmp_path):
    put(tmp_path, [(0, 1, "a", [])], [("a", [])])
    with pytest.warns(UserWarning, match="Dropped 1 purchases") as caught:
        bunch = fetch_ali_ccp(data_home=tmp_path)
    assert caught[0].filename == __file__
    assert bunch.frame.shape == (0, 33)


def test_the_first_rows_of_some_columns_can_be_loaded(arrow, monkeypatch, tmp_path):
    monkeypatch.setattr(_ali_ccp, "_BLOCK_SIZE", 3_000)
    impressions, common = draw(2)
    put(tmp_path, impressions, common)
    expected = read_naively(impressions, common)
    columns = ["301", "D508", "101"]
    X, y = fetch_ali_ccp(
        columns=columns, tasks="purchase", n_rows=np.int64(70), data_home=tmp_path, return_X_y=True
    )
    assert list(X) == columns and list(y) == ["purchase"]
    assert_same(X[["101"]], expected[["101"]][:70])
    assert_same(X[["301", "D508"]], expected[["301", "D508"]][:70])
    assert_same(y, expected[["purchase"]][:70])
    assert_same(fetch_ali_ccp(columns="101", data_home=tmp_path).data, expected[["101"]])
    assert len(fetch_ali_ccp(n_rows=10_000, data_home=tmp_path).data) == len(expected)


def test_arrays_equal_frame(arrow, tmp_path):
    put(tmp_path, *draw(3))
    frames = fetch_ali_ccp(data_home=tmp_path)
    arrays = fetch_ali_ccp(data_home=tmp_path, as_frame=False)
    assert arrays.frame is None
    assert arrays.data.dtype == arrays.target.dtype == np.float64
    np.testing.assert_array_equal(arrays.target, frames.target)
    for column, name in zip(arrays.data.T, frames.data, strict=True):
        if name in CATEGORIES:
            codes = np.nan_to_num(column, nan=-1).astype(int)
            column = pd.Categorical.from_codes(codes, arrays.categories[name])
        pd.testing.assert_series_equal(pd.Series(column, name=name), frames.data[name])


def test_the_parquet_file_is_enough(arrow, tmp_path):
    folder = put(tmp_path, *draw(4), part="test")
    first = fetch_ali_ccp(subset="test", data_home=tmp_path)
    for path in folder.glob("*.csv"):
        path.unlink()
    again = fetch_ali_ccp(subset="test", data_home=tmp_path)
    pd.testing.assert_frame_equal(again.frame, first.frame)
    assert os.listdir(folder) == ["ali_ccp_test.parquet"]


def test_the_home_of_sklearn_need_not_be_writable(arrow, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path / "file" / "home"))
    put(tmp_path, *draw(6))
    assert len(fetch_ali_ccp(data_home=tmp_path, n_rows=5).data) == 5
    with pytest.raises(OSError, match="Ali-CCP not found"):
        fetch_ali_ccp()


def test_the_home_of_sklearn_is_searched_but_not_made(monkeypatch, tmp_path):
    homes = list(list_homes(None))
    assert not (tmp_path / "sklearn").exists()
    assert homes == [Path(get_data_home())]
    monkeypatch.delenv("SCIKIT_LEARN_DATA")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert list(list_homes(None)) == [Path(get_data_home())]

    def no_home(*_):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", no_home)
    assert len(list(list_homes(None))) == 1


def test_originals_may_be_elsewhere(arrow, monkeypatch, tmp_path):
    put(tmp_path / "environment", *draw(5))
    monkeypatch.setenv("SKLEARN_PLE_DATA", str(tmp_path / "environment"))
    in_sklearn = tmp_path / "sklearn" / "ali_ccp" / "ali_ccp_train.parquet"
    assert fetch_ali_ccp().filename == str(in_sklearn)
    in_sklearn.unlink()
    in_home = tmp_path / "home" / "ali_ccp" / "ali_ccp_train.parquet"
    assert fetch_ali_ccp(data_home=tmp_path / "home").filename == str(in_home)
    assert len(os.listdir(tmp_path / "environment" / "ali_ccp")) == 2


# a pool must outlive what it holds
POOLS = []


@contextmanager
def peak_of(arrow):
    """Measure the bytes held at most, by NumPy and pandas and by Arrow."""
    pool = arrow.default_memory_pool()
    counting = arrow.proxy_memory_pool(pool)
    POOLS.append(counting)
    arrow.set_memory_pool(counting)
    tracemalloc.start()
    peak = []
    try:
        yield peak
        peak.append(tracemalloc.get_traced_memory()[1] + counting.max_memory())
    finally:
        tracemalloc.stop()
        arrow.set_memory_pool(pool)


def test_memory_does_not_grow_with_impressions(arrow, monkeypatch, tmp_path):
    monkeypatch.setattr(_ali_ccp, "_BLOCK_SIZE", 1 << 16)
    entries = [(field, 1_000_000 + row, "1.0") for row, field in enumerate(ITEM)]
    peaks = {}
    for n_rows in (2_000, 20_000):
        home = tmp_path / str(n_rows)
        folder = put(home, [(1, 0, "a", entries)] * n_rows, [("a", [("101", 1, "1.0")])])
        with peak_of(arrow) as peak:
            fetch_ali_ccp(n_rows=1, data_home=home)
        peaks[n_rows] = peak[0]
    assert peaks[20_000] < 1.5 * peaks[2_000]
    assert peaks[20_000] < (folder / "sample_skeleton_train.csv").stat().st_size


@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize("present", [None, "sample_skeleton", "common_features"])
def test_a_missing_file_is_an_error_that_says_where_to_save_it(arrow, tmp_path, part, present):
    folder = tmp_path / "ali_ccp"
    folder.mkdir()
    if present:
        (folder / f"{present}_{part}.csv").touch()
    with pytest.raises(OSError, match="not found") as error:
        fetch_ali_ccp(subset=part, data_home=tmp_path)
    for name in (f"sample_skeleton_{part}.csv", f"common_features_{part}.csv"):
        assert str(folder / name) in str(error.value)
    assert f"sample_{part}.tar.gz of https://tianchi.aliyun.com/dataset/408" in str(error.value)


def test_without_pyarrow_the_error_says_how_to_install_it(hide):
    hide("pyarrow")
    with pytest.raises(ImportError, match=r"pip install 'sklearn-ple\[parquet\]'"):
        fetch_ali_ccp()


SKELETON = "1,0,0,a,1,205\x021\x031.0\n"
COMMON = "a,1,101\x021\x031.0\n"


def put_text(home, skeleton, common):
    """Write the original files as they are passed; return their paths."""
    folder = Path(home) / "ali_ccp"
    folder.mkdir(parents=True)
    paths = {
        "skeleton": folder / "sample_skeleton_train.csv",
        "common": folder / "common_features_train.csv",
    }
    paths["skeleton"].write_bytes(skeleton.encode("latin-1"))
    paths["common"].write_bytes(common.encode("latin-1"))
    return paths


@pytest.mark.parametrize("block_size", [1, 1 << 24])
@pytest.mark.parametrize(
    ("damaged", "line", "message"),
    [
        ("skeleton", SKELETON[:5] + "\n", "Expected 6 columns, got 3"),
        ("common", "a\n", "Expected 3 columns, got 1"),
        ("skeleton", SKELETON.replace(",0,0", ",0,2"), "labels of purchase must be 0 or 1, got 2"),
        ("skeleton", SKELETON.replace(",0,0", ",,0"), "labels of click must be 0 or 1, got none"),
        ("skeleton", SKELETON.replace(",0,0", ",x,0"), "'x'"),
        ("skeleton", SKELETON.replace("a,1", "a,2"), "1 entries instead of 2"),
        ("common", COMMON.replace("a,1", "a,0"), "1 entries instead of 0"),
        ("common", "a,3,\n", "0 entries instead of 3"),
        ("common", COMMON.replace("a,1", "a,x"), "'x'"),
        ("skeleton", SKELETON.replace("\x02", ":"), "is not an entry"),
        ("common", COMMON.replace("\x03", ""), "is not an entry"),
        ("common", COMMON.replace("1.0", "heavy"), "heavy"),
        ("common", COMMON.replace("1.0", "nan"), "weight nan of field 101"),
        ("skeleton", SKELETON.replace("\x021", "\x02" + "9" * 30), "9999"),
        ("skeleton", SKELETON.replace("205", "\xff"), "UTF8"),
        ("skeleton", SKELETON.replace("a", "b"), "no common features of 'b' in .*common_features"),
    ],
)
def test_a_damaged_line_is_an_error_that_names_the_file(
    arrow, monkeypatch, tmp_path, damaged, line, message, block_size
):
    monkeypatch.setattr(_ali_ccp, "_BLOCK_SIZE", block_size)
    text = {"skeleton": SKELETON, "common": COMMON}
    text[damaged] = 2 * text[damaged] + "\n" + line + 3 * text[damaged]
    paths = put_text(tmp_path, **text)
    with pytest.raises(ValueError, match=message) as error:
        fetch_ali_ccp(data_home=tmp_path)
    assert str(error.value).startswith(f"{paths[damaged]} is damaged: ")
    assert str(error.value).endswith("Delete it and unpack sample_train.tar.gz again.")
    assert sorted(os.listdir(tmp_path / "ali_ccp")) == sorted(path.name for path in paths.values())


@pytest.mark.parametrize("damaged", ["skeleton", "common"])
@pytest.mark.parametrize("text", ["", "\n\n"])
def test_a_file_without_lines_is_an_error(arrow, tmp_path, damaged, text):
    paths = put_text(tmp_path, **({"skeleton": SKELETON, "common": COMMON} | {damaged: text}))
    with pytest.raises(
        ValueError, match="is damaged: it has no lines. Delete it and unp"
    ) as error:
        fetch_ali_ccp(data_home=tmp_path)
    assert str(error.value).startswith(str(paths[damaged]))


def converted(home):
    """Convert some original files; return the Parquet file and what was loaded."""
    put(home, *draw(0, n_rows=60))
    bunch = fetch_ali_ccp(data_home=home)
    return Path(bunch.filename), bunch.frame


def edit(change):
    """Change a Parquet file as a data frame."""
    return lambda path: change(pd.read_parquet(path)).to_parquet(path)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_bytes(b""), "0 bytes"),
        (lambda path: path.write_bytes(b"nothing"), "Parquet"),
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), "Parquet"),
        (edit(lambda frame: frame.drop(columns="101")), "other columns"),
        (edit(lambda frame: frame.assign(more=1.0)), "other columns"),
        (edit(lambda frame: frame.assign(click="a")), "other columns"),
    ],
)
def test_a_damaged_parquet_file_is_an_error_that_names_it(arrow, tmp_path, damage, message):
    path, _ = converted(tmp_path)
    damage(path)
    with pytest.raises(ValueError, match=f"is damaged: .*{message}") as error:
        fetch_ali_ccp(data_home=tmp_path)
    assert str(error.value).startswith(str(path))
    assert str(error.value).endswith("Delete it, and it will be created again.")


def test_flipped_bits_of_parquet_are_an_error_or_change_nothing(arrow, tmp_path):
    path, frame = converted(tmp_path)
    whole = path.read_bytes()
    rng = np.random.RandomState(0)
    n_errors, n_same = 0, 0
    for place in rng.choice(len(whole), size=80, replace=False):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << rng.randint(8)
        path.write_bytes(damaged)
        try:
            read = fetch_ali_ccp(data_home=tmp_path).frame
        except ValueError as error:
            n_errors += str(error).startswith(f"{path} is damaged: ")
        else:
            pd.testing.assert_frame_equal(read, frame)
            n_same += 1
    assert n_errors + n_same == 80
    assert n_errors > 40


def test_a_file_that_may_not_be_read_is_not_damaged(arrow, monkeypatch, tmp_path):
    converted(tmp_path)

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(arrow.parquet, "ParquetFile", refuse)
    with pytest.raises(PermissionError):
        fetch_ali_ccp(data_home=tmp_path)


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"subset": "valid"}, ValueError, "'subset' parameter .* Got 'valid'"),
        ({"tasks": "buy"}, ValueError, r"\['buy'\]; existing tasks are \['click', 'purchase'\]"),
        ({"columns": ["301", "D301"]}, ValueError, r"Unknown columns: \['D301'\]; existing"),
        ({"columns": []}, ValueError, "columns must be one or more different names"),
        ({"columns": ["301", "301"]}, ValueError, "columns must be one or more different names"),
        ({"n_rows": 0}, ValueError, "'n_rows' parameter .* Got 0"),
        ({"n_rows": 1.5}, TypeError, "'n_rows' parameter .* Got 1.5"),
    ],
)
def test_wrong_parameters_are_named(params, error, message):
    with pytest.raises(error, match=message):
        fetch_ali_ccp(**params)
