"""One column of categories: values of another kind, and columns of unknown values alone."""

import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from sklearn_ple.encoding.categories import (
    MISSING,
    UNKNOWN,
    CategoryCounts,
    CategoryEncoder,
    UnknownColumns,
)

TEXT = ["a", "b"]
DATES = pd.to_datetime(["2020-01-01", "2021-01-01"])


def codes_of(fitted, values, **params):
    """Fit an encoder to one column and return the codes of another."""
    encoder = CategoryEncoder().learn(CategoryCounts().add(pd.Series(fitted, name="c")), **params)
    column = pd.Series(values, name="c")
    codes = encoder.transform(column)
    UnknownColumns([encoder], [0]).add(column.to_frame(), codes[:, None]).report()
    return codes.tolist()


def test_counts_of_many_blocks_are_merged_also_without_values():
    blocks = [["b", "a"], [None, None], ["a", None]] * 400
    counts = CategoryCounts()
    for block in blocks:
        counts.add(pd.Series(block, dtype="string"))
        assert len(counts._parts) < 1000
    values, numbers = counts.merged()
    assert (values.tolist(), numbers.tolist()) == (["b", "a"], [400, 800])
    assert (counts.n_rows, counts.n_known) == (2400, 1200)


@pytest.mark.parametrize(
    ("fitted", "was", "values", "now"),
    [
        (TEXT, "text", [1.0, 2.5], "numbers"),
        (TEXT, "text", [True, False], "numbers"),
        (TEXT, "text", pd.array([1, None], dtype="Int64"), "numbers"),
        (TEXT, "text", pd.Categorical([1, 2]), "numbers"),
        (TEXT, "text", DATES, "dates"),
        (TEXT, "text", pd.period_range("2020", periods=2), "dates"),
        (TEXT, "text", pd.to_timedelta([1, 2]), "times"),
        (TEXT, "text", pd.cut([0.5, 1.5], [0, 1, 2]), "intervals"),
        (pd.Categorical(["1", "2"]), "text", [1, 2], "numbers"),
        (pd.Categorical(["1", "2"]), "text", pd.Categorical([1, 2]), "numbers"),
        ([1, 2], "numbers", ["1", "2"], "text"),
        ([1, 2], "numbers", pd.array(["1", None], dtype="string"), "text"),
        (DATES, "dates", ["2020-01-01", "2021-01-01"], "text"),
    ],
)
def test_values_of_another_kind_than_in_fit_are_an_error(fitted, was, values, now):
    message = f"Column 'c' of X held {was} as categories in fit but holds {now} of dtype .*: conv"
    with pytest.raises(ValueError, match=f"{message}ert it to {was}"):
        codes_of(fitted, values)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "bool"])
def test_a_sparse_column_holds_the_categories_of_a_dense_one(dtype):
    dense = pd.Series([0, 1, 1, 0]).astype(dtype)
    sparse = dense.astype(pd.SparseDtype(dtype))
    assert codes_of(sparse, dense) == codes_of(dense, sparse) == codes_of(dense, dense)


def test_ids_that_floats_round_are_an_error():
    ids, rounded = [2**60, 2**60 + 1], [2.0**60, np.nan]
    for fitted, values in [(ids, rounded), (pd.array(ids, "Int64"), rounded), (rounded, ids)]:
        with pytest.raises(
            ValueError, match=r"Column 'c' .* float64 rounds .* as Int64 or as text"
        ):
            codes_of(fitted, values)
    # Narrow floats round smaller numbers.
    with pytest.raises(ValueError, match=r"float32 rounds whole numbers beyond 2\*\*24: read"):
        codes_of([2**24 + 1], np.float32([2**24 + 2]))
    assert codes_of([2**24 + 1], [2.0**24 + 1]) == [2]
    assert codes_of([1, 2], pd.Categorical(pd.array([2.0, 1.0], "Float32"))) == [3, 2]
    assert codes_of(ids, pd.array([2**60 + 1, None], "Int64")) == [3, MISSING]
    assert codes_of(rounded, rounded) == [2, MISSING]


@pytest.mark.parametrize(
    ("fitted", "values", "codes"),
    [
        ([1, 2], [2.0, np.nan], [3, MISSING]),
        ([1, 2], [2.0, np.inf], [3, UNKNOWN]),
        ([True, False], [0, 1], [3, 2]),
        # What a dtype lists but the column does not hold is of no kind.
        (TEXT, pd.Categorical([None, "a"], categories=["a", 7]), [MISSING, 2]),
        (pd.Categorical(["a", 1]), [1, 1], [3, 3]),
    ],
)
def test_values_of_the_kind_of_fit_are_looked_up_whatever_their_dtype(fitted, values, codes):
    assert codes_of(fitted, values) == codes


WIDTHS = ["float32", "float64", "Float32", "Float64", "float[pyarrow]", "double[pyarrow]"]


@pytest.mark.parametrize("now", WIDTHS)
@pytest.mark.parametrize("before", WIDTHS)
def test_floats_of_another_width_are_looked_up_as_rounded(before, now, recwarn):
    doses = pd.Series([0.1, 0.2, 0.5, 1e300])
    with np.errstate(over="ignore"):
        fitted, values = doses[:3].astype(before), doses.astype(now)
    assert codes_of(fitted, values) == [2, 3, 4, UNKNOWN]
    assert codes_of(fitted, values[::-1]) == [UNKNOWN, 4, 3, 2]
    assert not len(recwarn)


def test_floats_that_become_equal_as_rounded_warn():
    close = np.array([0.2, 0.1, np.nextafter(0.1, 1)])
    message = "'c' of X is of dtype float32 now, but of float64 in fit. As float32, some of 0.1, "
    with pytest.warns(UserWarning, match=message):
        assert codes_of(close, close.astype(np.float32)) == [2, 3, 3]
    with pytest.warns(UserWarning, match="of float32 in fit. As float32, some of 0.1, 0.1000"):
        assert codes_of(np.float32([0.1, 0.2]), close) == [3, 2, 2]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        codes_of(close, close[:1].astype(np.float32))


@pytest.mark.parametrize(
    ("values", "named"), [(["A", "a "], "'A', 'a '"), (["c", None], "'c'"), (["b "] * 2, "'b '")]
)
@pytest.mark.parametrize("fitted", [TEXT * 2, pd.Categorical(TEXT * 2)])
def test_a_column_of_unknown_categories_alone_warns(fitted, values, named):
    message = "No value of column 'c' of X was a category in fit"
    message += f". Categories in fit: 'a', 'b'. Values now: {named}, which count as unknown"
    with pytest.warns(UserWarning, match=message):
        codes = codes_of(fitted, values)
    assert codes == [MISSING if value is None else UNKNOWN for value in values]


def test_messages_show_a_number_as_name_plainly():
    encoder = CategoryEncoder().learn(CategoryCounts().add(pd.Series(TEXT * 2)))
    with pytest.raises(ValueError, match="Column 7 of X held text"):
        encoder.transform(pd.Series([1, 2], name=np.int64(7)))
    X = pd.DataFrame({np.int64(7): ["c"]})
    unknown = UnknownColumns([encoder], [0]).add(X, encoder.transform(X[7])[:, None])
    with pytest.warns(UserWarning, match="No value of column 7 of X"):
        unknown.report()


def test_a_column_without_a_value_in_fit_has_unknown_categories_alone():
    with pytest.warns(
        UserWarning, match="in fit: none. Values now: 'a', 'b', which count as unknown"
    ):
        assert codes_of([None, None], TEXT) == [UNKNOWN, UNKNOWN]


def test_a_warning_shows_a_few_of_many_categories():
    message = "'a', 'b', 'c', 'd', 'e', .... Values now: '0', '1', '2', '3', '4', ..., which"
    with pytest.warns(UserWarning, match=message):
        codes_of([*"abcdefg"] * 2, [*"0123456"])


def test_rare_categories_alone_warn_where_chance_cannot_explain_them():
    # One row in ten is rare: two of two are by chance, ten of ten are not.
    fitted = ["a"] * 45 + ["b"] * 45 + [*"0123456789"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for values in (["7"], ["new", "8"], [None, None], ["a", *"0123456789"]):
            codes_of(fitted, values, min_frequency=5)
    with pytest.warns(UserWarning, match="No value of column 'c' of X"):
        codes_of(fitted, [*"0123456789"], min_frequency=5)


def test_new_categories_alone_warn_where_those_of_fit_came_back():
    # By Good and Turing, the next row is new as probably as a row of fit has a category alone.
    ids = [f"h{number}" for number in range(12)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert codes_of(ids, [f"g{number}" for number in range(12)]) == [UNKNOWN] * 12
        codes_of([*ids, *"aabb"], ["c"] * 24)
    with pytest.warns(UserWarning, match="No value of column 'c' of X"):
        codes_of([*ids, *"aabb"], ["c"] * 25)


@pytest.mark.parametrize("dtype", [float, "Float64", "arrow"])
def test_nan_is_a_missing_category_in_columns_of_any_dtype(dtype):
    values = [2.0, np.nan, 1.0]
    if dtype == "arrow":
        column = pd.arrays.ArrowExtensionArray(pa.array(values))
    else:
        column = pd.array(values, dtype=dtype)
    assert codes_of(column, column)[1] == MISSING
    assert codes_of(column, values) == codes_of(values, column) == codes_of(values, values)
