"""Damaged files of data: the rows that were written, or an error that names the file."""

import gzip
import hashlib
import os

import numpy as np
import pandas as pd
import pytest
from fuzzing import fuzz, outcome
from hypothesis import strategies as st

from sklearn_ple.datasets import _census_income, fetch_census_income
from sklearn_ple.datasets._base import read_codebook

BOOK = read_codebook("census_income")


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
        (folder / "census_income").mkdir()
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
