"""Columns move together and alone, in tables of every form."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from sklearn_ple.inspection.column_groups import (
    find_groups,
    list_columns,
    shuffle_columns,
    to_table,
)

N_ROWS, N_COLUMNS = 7, 5
VALUES = np.arange(float(N_ROWS * N_COLUMNS)).reshape(N_ROWS, N_COLUMNS) % 4


def forms():
    yield "array", VALUES, np.asarray
    yield "objects", VALUES.astype(object), lambda X: X.astype(float)
    yield "frame", pd.DataFrame(VALUES, columns=list("abcde"), index=range(7, 0, -1)), np.asarray
    yield "same names", pd.DataFrame(VALUES, columns=list("aabbb")), np.asarray
    for form in ("csr", "csc", "coo", "lil"):
        for kind in ("matrix", "array"):
            X = getattr(sparse, f"{form}_{kind}")(VALUES)
            yield f"{form}_{kind}", X, lambda X: X.toarray()


@pytest.mark.parametrize(("X", "dense"), [pytest.param(*f[1:], id=f[0]) for f in forms()])
@given(
    order=st.permutations(range(N_ROWS)),
    columns=st.lists(st.integers(0, N_COLUMNS - 1), min_size=1, unique=True),
)
def test_the_columns_alone_move_and_the_table_stays(X, dense, order, columns):
    order = np.array(order)
    wanted = VALUES.copy()
    for column in columns:
        for row in range(N_ROWS):
            wanted[row, column] = VALUES[order[row], column]
    moved = shuffle_columns(X, columns, order)
    assert type(moved) is type(X)
    np.testing.assert_array_equal(dense(moved), wanted)
    np.testing.assert_array_equal(dense(X), VALUES)
    if isinstance(X, pd.DataFrame):
        assert moved.columns.equals(X.columns) and moved.index.equals(X.index)


def test_columns_of_a_frame_keep_their_dtypes():
    X = pd.DataFrame(
        {
            "grade": pd.Categorical(["low", "top", None], categories=["low", "mid", "top"]),
            "n": pd.array([1, None, 3], dtype="Int64"),
            "day": pd.to_datetime(["2020-01-01", "2020-01-02", None]),
            "text": ["x", "y", None],
        }
    )
    moved = shuffle_columns(X, [0, 1, 2, 3], np.array([2, 0, 1]))
    pd.testing.assert_frame_equal(moved, X.iloc[[2, 0, 1]].reset_index(drop=True))


def test_columns_of_polars_frames_are_shuffled():
    pl = pytest.importorskip("polars")
    X = pl.DataFrame({"a": [1, 2, 3], "b": ["x", "y", None], "c": [0.1, 0.2, 0.3]})
    moved = shuffle_columns(to_table(X), [1, 2], np.array([2, 0, 1]))
    assert moved.to_dict(as_series=False) == {
        "a": [1, 2, 3],
        "b": [None, "x", "y"],
        "c": [0.3, 0.1, 0.2],
    }
    assert list_columns(X) == ["a", "b", "c"]


def test_lists_are_read_as_arrays():
    X = to_table([[1, 2], [3, 4]])
    assert list_columns(X) == ["x0", "x1"]
    assert shuffle_columns(X, [0], np.array([1, 0])).tolist() == [[3, 2], [1, 4]]


def test_a_table_without_columns_is_an_error():
    with pytest.raises(ValueError, match=r"X has no columns .* shape \(2,\)"):
        to_table([1.0, 2.0])


def test_groups_are_found_by_name_and_by_position():
    groups = {"one": "b", "two": ["c", 0], "three": np.array([1, 2]), "four": 2}
    found = find_groups(groups, ["a", "b", "c"])
    assert found == {"one": [1], "two": [2, 0], "three": [1, 2], "four": [2]}
    # A number that is a name is taken as such.
    assert find_groups({"g": [2, 1]}, [1, 2, 0]) == {"g": [1, 0]}


def test_a_group_may_be_one_column_whose_name_is_a_tuple():
    names = [("a", "x"), ("a", "y"), ("b", "x")]
    groups = {"one": ("b", "x"), "two": (("a", "x"), 1), "three": [("a", "y")]}
    found = find_groups(groups, names)
    assert found == {"one": [2], "two": [0, 1], "three": [1]}


@pytest.mark.parametrize(
    ("groups", "error", "message"),
    [
        (["a"], TypeError, "groups_of_columns must be a dict .* not list"),
        ({}, ValueError, "groups_of_columns is empty"),
        ({"g": []}, ValueError, "Group 'g' of groups_of_columns must name columns"),
        ({"g": ["a", "z"]}, ValueError, "Group 'g' .* 'z', which is neither .* .'a', 'b'"),
        ({"g": 2}, ValueError, "Group 'g' .* column 2, which is neither the name"),
        ({"g": [-1]}, ValueError, "Group 'g' .* column -1, which is neither the name"),
        ({"g": None}, ValueError, "Group 'g' .* column None, which is neither the name"),
        ({"g": ["a", 0]}, ValueError, "Group 'g' .* each once"),
        ({"g": [True, False]}, ValueError, "Group 'g' .* column True, which is neither"),
        ({"g": np.array([True, False])}, ValueError, "Group 'g' .* column True, which is neither"),
        ({"g": True}, ValueError, "Group 'g' .* column True, which is neither"),
        ({"g": [["a"]]}, ValueError, "Group 'g' .* which is neither the name"),
    ],
)
def test_wrong_groups_are_errors_that_name_them(groups, error, message):
    with pytest.raises(error, match=message):
        find_groups(groups, ["a", "b"])
