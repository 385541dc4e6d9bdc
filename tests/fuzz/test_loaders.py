"""Damaged files of data: the rows that were written, or an error that names the file."""

import gzip
import hashlib
import os

import numpy as np
import pandas as pd
import pytest
from fuzzing import fuzz, outcome
from hypothesis import strategies as st

from sklearn_ple.datasets import _census_income, fetch_ali_ccp, fetch_census_income
from sklearn_ple.datasets._base import read_codebook

BOOK = read_codebook("census_income")
pytest.importorskip("pyarrow")


def damaged(data, drawn):
    """Change, cut, repeat or put in some bytes."""
    how, place, length, extra = drawn
    start = place % max(len(data), 1)
    end = min(start + length, len(data))
    if how == "flip":
        return data[:start] + bytes(b ^ (extra[0] or 1) for b in data[start:end]) + data[end:]
    if how == "cut":
        return data[:start]
    if how == "drop":
        return data[:start] + data[end:]
    if how == "repeat":
        return data[:end] + data[start:]
    return data[:start] + extra + data[start:] if how == "insert" else extra


DAMAGE = st.tuples(
    st.sampled_from(["flip", "cut", "drop", "repeat", "insert", "other"]),
    st.integers(0, 2**20),
    st.integers(1, 40),
    st.binary(min_size=1, max_size=20) | st.sampled_from([b"\n", b",", b"\x00", b"nan", b"1e999"]),
)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder of data, and nothing elsewhere."""
    folder = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SKLEARN_PLE_DATA", str(folder))
        patch.setenv("SCIKIT_LEARN_DATA", str(folder / "sklearn"))
        patch.setattr(_census_income, "_FILES", {"train": "train.gz"})
        own = {"train": hashlib.sha256(census()).hexdigest()}
        patch.setattr(_census_income, "_SHA256", own)
        for name in ("census_income", "ali_ccp"):
            (folder / name).mkdir()
        yield folder


def census():
    rows = []
    for row in range(6):
        values = dict.fromkeys(BOOK["columns"], "Not in universe")
        values |= dict.fromkeys(BOOK["numbers"], str(row))
        values["income"] = ["- 50000.", "50000+."][row % 2]
        rows.append(", ".join(values.values()) + "\n")
    return "".join(rows).encode()


def check_table(X, y):
    """Check what holds for any rows that may have been read."""
    assert len(X) == len(y) > 0
    assert np.isin(y.to_numpy(), (0, 1)).all()
    assert np.isfinite(X.select_dtypes("number").fillna(0).to_numpy(dtype=float)).all()


def write(path, content):
    path.write_bytes(content)
    return [str(path), os.fspath(path.name)]


@fuzz(0.02, drawn=DAMAGE, inside=st.booleans())
def test_damaged_files_of_census_income_are_named(home, drawn, inside):
    whole = census()
    # Within the archive, or what is archived.
    content = (
        gzip.compress(damaged(whole, drawn)) if inside else damaged(gzip.compress(whole), drawn)
    )
    names = write(home / "census_income" / "train.gz", content)
    with outcome(names):
        X, y = fetch_census_income(return_X_y=True, download_if_missing=False)
        check_table(X, y)
        if not inside:
            # gzip has a checksum.
            (home / "census_income" / "train.gz").write_bytes(gzip.compress(whole))
            expected = fetch_census_income(return_X_y=True, download_if_missing=False)[0]
            pd.testing.assert_frame_equal(X, expected)


def ali_ccp():
    entries = "\x01".join(f"{field}\x02{7 + k}\x031.5" for k, field in enumerate(["205", "508"]))
    user = "\x01".join(f"{field}\x02{9 + k}\x030.5" for k, field in enumerate(["101", "109_14"]))
    rows = [f"{row},{row % 2},0,key{row % 2},2,{entries}\n" for row in range(1, 7)]
    return {
        "sample_skeleton_train.csv": "".join(rows).encode(),
        "common_features_train.csv": "".join(f"key{k},2,{user}\n" for k in range(2)).encode(),
    }


@fuzz(0.02, drawn=DAMAGE, which=st.sampled_from(["skeleton", "common", "parquet"]))
def test_damaged_files_of_ali_ccp_are_named(home, drawn, which):
    folder = home / "ali_ccp"
    (folder / "ali_ccp_train.parquet").unlink(missing_ok=True)
    names = []
    for name, content in ali_ccp().items():
        hit = which in name
        names += write(folder / name, damaged(content, drawn) if hit else content) if hit else []
        if not hit:
            (folder / name).write_bytes(content)
    if which == "parquet":
        expected = fetch_ali_ccp(data_home=home, return_X_y=True)
        path = folder / "ali_ccp_train.parquet"
        names = write(path, damaged(path.read_bytes(), drawn))
    with outcome(names):
        X, y = fetch_ali_ccp(data_home=home, return_X_y=True)
        check_table(X, y)
        if which == "parquet":
            pd.testing.assert_frame_equal(X, expected[0])
            pd.testing.assert_frame_equal(y, expected[1])
