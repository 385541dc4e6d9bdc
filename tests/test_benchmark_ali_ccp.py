"""Ali-CCP for the benchmarks: the conversion of its files against a naive reader."""

import importlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("pyarrow")

PROFILE = ["101", "121", "122", "124", "125", "126", "127", "128", "129"]
BEHAVIOUR = ["109_14", "110_14", "127_14", "150_14"]
ITEM = ["205", "206", "207", "210", "216", "508", "509", "702", "853", "301"]
USER = [*PROFILE, *BEHAVIOUR]
CATEGORIES = [*PROFILE, *ITEM, *BEHAVIOUR]
WEIGHTED = [*BEHAVIOUR, "508", "509", "702", "853"]
FEATURES = [*CATEGORIES, *(f"D{field}" for field in WEIGHTED)]


@pytest.fixture(scope="module")
def files():
    """The module benchmarks/paper/ali_ccp_files.py."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parents[1])
        yield importlib.import_module("benchmarks.paper.ali_ccp_files")


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


def assert_same(tables, expected):
    frame = pd.concat(tables, axis="columns")
    assert list(frame) == list(expected)
    assert len(frame) == len(expected)
    for name in frame:
        values = frame[name].astype(float).to_numpy()
        np.testing.assert_array_equal(values, expected[name].to_numpy(dtype=float), err_msg=name)


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
    block_size=st.sampled_from([1, 100, 1 << 24]),
    n_rows=st.sampled_from([None, 1, 3, 99]),
)
def test_any_rows_are_read_as_by_a_naive_reader(
    files, tmp_path, impressions, common, block_size, n_rows
):
    rows = [(*labels, key, entries) for labels, key, entries in impressions]
    common = [*common, *((key, []) for key in "abc")]
    (put(tmp_path, rows, common) / "ali_ccp_train.parquet").unlink(missing_ok=True)
    expected = read_naively(rows, common)[:n_rows]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "BLOCK_SIZE", block_size)
        X, y = files.load_ali_ccp(tmp_path, n_rows=n_rows)
    assert_same([X, y], expected)
    for name in CATEGORIES:
        assert list(X[name].cat.categories) == sorted(expected[name].dropna().unique())
