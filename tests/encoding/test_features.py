"""From X to standardised numbers and category codes, against scikit-learn and plain formulas."""

import datetime
import itertools
import sys
import tracemalloc
import uuid
import warnings
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from makers import assert_alike, make_encoder, make_tiny, read_table
from scipy import sparse
from sklearn.preprocessing import OrdinalEncoder, StandardScaler

from sklearn_ple import PLERegressor, export
from sklearn_ple.encoding import scaling
from sklearn_ple.encoding.categories import MISSING, UNKNOWN
from sklearn_ple.encoding.features import FeatureEncoder
from sklearn_ple.encoding.scaling import WeightedRows
from sklearn_ple.ensemble import PerTaskClassifierRegressor
from sklearn_ple.tables.frames import to_pandas
from sklearn_ple.tables.reading import Header, read_features


def read(X):
    """Read X as an estimator's fit does."""
    features, _ = read_features(X, "PLERegressor")
    return features


def learn(X, weights=None, **params):
    """Make an encoder that has learnt from the rows of X, in a single block."""
    encoder = FeatureEncoder(params.pop("dtype", "float32"))
    rows = WeightedRows(X, np.ones(X.shape[0]) if weights is None else weights)
    _, ranges = encoder.learn_categories(X, [X], **params)
    encoder.learn_scales(ranges, rows, [rows])
    return encoder


def encode(X, *others, weights=None, **params):
    """Fit an encoder to X; return it with X and the others encoded."""
    encoder = learn(read(X), weights, **({"dtype": "float64"} | params))
    return encoder, *(encoder.transform(read(other)) for other in (X, *others))


def standardise(values, weights, fitted=None):
    """Standardise columns by their observed values' weighted moments; NaN becomes 0."""
    fitted = values if fitted is None else fitted
    columns = []
    for column, known in zip(values.T, fitted.T, strict=True):
        seen = ~np.isnan(known)
        mean = np.average(known[seen], weights=weights[seen])
        deviation = np.sqrt(np.average((known[seen] - mean) ** 2, weights=weights[seen]))
        columns.append(np.where(np.isnan(column), 0.0, (column - mean) / (deviation or 1.0)))
    return np.column_stack(columns)


def test_bytes_are_text_in_arrays_and_refused_in_frames():
    X = np.array([["ä", "b"], ["c", "b"]])
    for table in (np.char.encode(X, "utf-8"), np.char.encode(X, "utf-8").tolist()):
        pd.testing.assert_frame_equal(read(table), read(X))
    with pytest.raises(ValueError, match="X is an array of bytes that are not UTF-8.*: decode"):
        read(np.char.encode(X, "latin-1"))
    with pytest.raises(TypeError, match="Column 'c' of X holds objects of type bytes.*Convert it"):
        read(pd.DataFrame({"c": [b"a", b"b"]}))


def test_categories_in_the_byte_order_of_other_machines():
    values = np.array([3, 1, 1, 2])
    here, there = (pd.DataFrame({"a": own}) for own in (values, values.astype(">i4")))
    options = {"categorical_features": ["a"]}
    _, (_, codes) = encode(here, **options)
    _, (_, foreign) = encode(there, **options)
    np.testing.assert_array_equal(codes, foreign)


def test_numbers_in_the_byte_order_of_other_machines():
    values = np.array([[1, 3, 5], [2, np.nan, 9]])
    # Columns that are not in the order of their names are taken from the frame.
    here, there = (pd.DataFrame(own, columns=[*"bca"]) for own in (values, values.astype(">f8")))
    (_, (numbers, _)), (_, (foreign, _)) = encode(here), encode(there)
    np.testing.assert_array_equal(numbers, foreign)


# -- numbers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
def test_numbers_are_standardised_as_scikit_learn_does(weighted):
    rng = np.random.default_rng(0)
    X, other = rng.normal(3, 5, size=(40, 3)), rng.normal(size=(5, 3))
    weights = rng.uniform(0.1, 3, 40) if weighted else np.ones(40)
    scaler = StandardScaler().fit(X, sample_weight=weights)
    encoder, (numbers, codes), (others, _) = encode(X, other, weights=weights)
    np.testing.assert_allclose(numbers, scaler.transform(X), atol=1e-12)
    np.testing.assert_allclose(others, scaler.transform(other), atol=1e-12)
    assert encoder.n_numbers_ == 3
    assert encoder.cardinalities_ == []
    assert codes.shape == (40, 0)


def test_rows_count_in_scales_by_the_mean_weight_of_their_labels():
    rng = np.random.default_rng(0)
    X, y = rng.normal(3, 5, size=(40, 3)), rng.normal(size=(40, 2))
    weights = rng.uniform(0.1, 3, y.shape)
    estimator = PLERegressor()
    learnt = make_encoder(estimator).learn(read_table(estimator, X, y, weights))
    scaler = StandardScaler().fit(X, sample_weight=weights.mean(axis=1))
    np.testing.assert_allclose(learnt.numbers, scaler.transform(X), atol=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
def test_missing_numbers_become_the_mean_beside_an_indicator(weighted):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(30, 3))
    X[rng.random(30) < 0.3, 1] = np.nan
    X[:3, 2] = np.nan
    weights = rng.uniform(0.1, 3, 30) if weighted else np.ones(30)
    encoder, (numbers, _) = encode(X, weights=weights)
    # The indicators are those of the two columns that have missing values.
    expected = np.column_stack([standardise(X, weights), np.isnan(X[:, 1:])])
    assert encoder.n_numbers_ == 5
    np.testing.assert_allclose(numbers, expected, rtol=1e-9, atol=1e-12)


def test_numbers_that_are_missing_only_later_become_the_mean_without_indicator():
    X, later = np.array([[1.0], [3.0]]), np.array([[np.nan], [3.0]])
    _, (numbers, _), (laters, _) = encode(X, later)
    np.testing.assert_allclose(numbers, [[-1.0], [1.0]])
    np.testing.assert_allclose(laters, [[0.0], [1.0]])


@pytest.mark.parametrize("missing", [np.nan, pd.NaT, None, np.datetime64("NaT"), pd.NA])
def test_columns_without_value_are_zero_and_do_not_warn(missing):
    dtype = float if missing is np.nan else object
    X = pd.DataFrame({"bare": pd.Series([missing] * 2, dtype=dtype), "full": [1.0, 3.0]})
    later = pd.DataFrame({"bare": [7.0, np.nan], "full": [1.0, 3.0]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, (numbers, _), (laters, _) = encode(X, later)
    np.testing.assert_allclose(numbers, [[0, -1, 1], [0, 1, 1]])
    # Nothing was learnt to read a value by: it stays missing.
    np.testing.assert_allclose(laters, [[0, -1, 1], [0, 1, 1]])


NUMBERS = {
    "int8": pd.Series([1, 2, 4], dtype="int8"),
    "uint8": pd.Series([1, 2, 4], dtype="uint8"),
    "float32": pd.Series([1.0, np.nan, 4.0], dtype="float32"),
    "Int64": pd.Series([1, None, 4], dtype="Int64"),
    "Float64": pd.Series([1.5, None, 4], dtype="Float64"),
    "bool": pd.Series([True, False, False]),
    "boolean": pd.Series([True, None, False], dtype="boolean"),
    "object of ints": pd.Series([1, None, 4], dtype=object),
    "object of floats": pd.Series([1.5, pd.NA, 4], dtype=object),
    "object of bools": pd.Series([True, None, False], dtype=object),
    "Arrow's bool": pd.Series([True, None, False], dtype=pd.ArrowDtype(pa.bool_())),
    "Arrow's int": pd.Series([1, None, 4], dtype=pd.ArrowDtype(pa.int16())),
    "object of NaT and ints": pd.Series([1, pd.NaT, 4], dtype=object),
    "object of decimals": pd.Series([Decimal("1.5"), None, Decimal(4)], dtype=object),
    "sparse": pd.Series(pd.arrays.SparseArray([0.0, 0.0, 4.0])),
}


@pytest.mark.parametrize("column", NUMBERS.values(), ids=NUMBERS.keys())
def test_columns_of_any_number_dtype_are_numbers(column):
    values = np.array([np.nan if pd.isna(v) else float(v) for v in column])[:, None]
    # Beside another dtype, as a frame is read in one piece.
    frame = pd.DataFrame({"a": column, "b": [0, 1, 5]})
    encoder, (numbers, codes) = encode(frame)
    expected = standardise(np.column_stack([values, [0, 1, 5]]), np.ones(3))
    np.testing.assert_allclose(numbers[:, :2], expected, rtol=1e-9, atol=1e-12)
    assert encoder.n_numbers_ == numbers.shape[1] == 2 + np.isnan(values).any()
    assert numbers.dtype == np.float64
    assert codes.shape == (3, 0)


def test_bools_of_objects_are_read_where_bools_were_learnt():
    X = pd.DataFrame({"a": [True, False]})
    later = pd.DataFrame({"a": pd.Series([None, True], dtype=object)})
    _, (numbers, _), (laters, _) = encode(X, later)
    np.testing.assert_allclose(numbers, [[1.0], [-1.0]])
    np.testing.assert_allclose(laters, [[0.0], [1.0]])


@pytest.mark.parametrize("values", [[True, 2, 1.5], [np.True_, np.int8(2), None], [False, 0.5, 7]])
def test_objects_that_mix_bools_and_numbers_are_numbers(values):
    mixed = pd.DataFrame({"a": pd.Series(values, dtype=object)})
    plain = pd.DataFrame({"a": pd.Series([np.nan if v is None else float(v) for v in values])})
    (_, (found, _)), (_, (expected, _)) = encode(mixed), encode(plain)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_sparse_numbers_are_scaled_without_centring_and_stay_sparse(weighted, missing):
    rng = np.random.default_rng(2)
    X = rng.normal(2, 3, size=(30, 4)) * (rng.random((30, 4)) < 0.4)
    if missing:
        X[3, 1] = X[4, 1] = np.nan
    weights = rng.uniform(0.1, 3, 30) if weighted else np.ones(30)
    encoder, (numbers, codes) = encode(sparse.csr_matrix(X), weights=weights)
    assert sparse.issparse(numbers)
    assert numbers.format == "csr"
    assert codes.shape == (30, 0)
    expected = []
    for column in X.T:
        seen = ~np.isnan(column)
        mean = np.average(column[seen], weights=weights[seen])
        variance = np.average((column[seen] - mean) ** 2, weights=weights[seen])
        expected.append(np.where(seen, column / np.sqrt(variance), 0.0))
    if missing:
        expected.append(np.isnan(X[:, 1]))
    assert encoder.n_numbers_ == 4 + missing
    np.testing.assert_allclose(numbers.toarray(), np.column_stack(expected), rtol=1e-9)


@pytest.mark.parametrize("size", [1e300, 1e-300])
def test_sparse_constants_of_any_size_become_one(size):
    X = sparse.csr_matrix(np.full((3, 1), size) * [1, -1])
    _, (numbers, _) = encode(X, dtype="float32")
    np.testing.assert_array_equal(numbers.toarray(), [[1, -1]] * 3)


@pytest.mark.parametrize("seed", range(8))
def test_sparse_constants_have_no_deviation_by_rounding(seed, recwarn):
    rng = np.random.default_rng(seed)
    X, weights = sparse.csr_matrix(np.full((20, 3), [0.1, 1 / 3, 1e300])), rng.random(20) + 0.01
    _, (numbers, _) = encode(X, weights=weights / weights.mean())
    np.testing.assert_array_equal(numbers.toarray(), np.ones((20, 3)))
    assert not recwarn.list


@pytest.mark.parametrize("make", [sparse.csc_matrix, sparse.coo_matrix, sparse.csr_array])
def test_sparse_x_of_any_format_is_read_as_csr(make):
    X = np.array([[0.0, 1.0], [2.0, 0.0]])
    table = read(make(X))
    assert table.format == "csr"
    np.testing.assert_array_equal(table.toarray(), X)


# -- categories -----------------------------------------------------------------------------------

CATEGORIES = {
    "str": (["b", "a", "b"], "a", "z"),
    "string": (pd.array(["b", "a", "b"], dtype="string"), "a", "z"),
    "object": (pd.Series(["b", "a", "b"], dtype=object), "a", "z"),
    "Arrow's string": (pd.array(["b", "a", "b"], dtype=pd.ArrowDtype(pa.string())), "a", "z"),
    "Arrow's dictionary": (
        pd.array(["b", "a", "b"], dtype=pd.ArrowDtype(pa.dictionary(pa.int8(), pa.string()))),
        "a",
        "z",
    ),
    "category": (pd.Categorical(["b", "a", "b"]), "a", "z"),
    "ordered": (pd.Categorical(["b", "a", "b"], ["b", "a"], ordered=True), "a", "z"),
    "category of ints": (pd.Categorical([7, 3, 7]), 3, 4),
    "category of intervals": (pd.cut([0.5, 1.5, 0.5], [0, 1, 2]), pd.Interval(1, 2), 1.5),
}


@pytest.mark.parametrize(
    ("column", "known", "unknown"), CATEGORIES.values(), ids=CATEGORIES.keys()
)
def test_codes_are_0_for_missing_1_for_unknown_and_one_for_each_category(column, known, unknown):
    X = pd.DataFrame({"a": column})
    later = pd.DataFrame({"a": pd.Categorical([known, None, unknown, known])})
    encoder, (numbers, codes), (_, laters) = encode(X, later)
    assert (MISSING, UNKNOWN) == (0, 1)
    assert codes[0, 0] == codes[2, 0]
    assert sorted(set(codes[:, 0])) == [2, 3]
    assert encoder.cardinalities_ == [4]
    assert laters[:, 0].tolist() == [codes[1, 0], MISSING, UNKNOWN, codes[1, 0]]
    assert (encoder.n_numbers_, numbers.shape) == (0, (3, 0))


@pytest.mark.parametrize(
    "categories", [["c", "a", "b"], ["a", "b"], ["b", "c", "a"], ["a", "b", "c", "d"]]
)
def test_codes_do_not_depend_on_which_categories_a_column_lists(categories):
    column = pd.Series(pd.Categorical(["a", "b", "c", "c"], categories=["c", "a", "b"]))
    encoder = learn(pd.DataFrame({"c": column}))
    later = pd.DataFrame({"c": pd.Categorical(["b", None, "a"], categories=categories)})
    _, codes = encoder.transform(later)
    assert codes.ravel().tolist() == [3, 0, 2]


@pytest.mark.filterwarnings("ignore:No value of column 'c' of X")
def test_categories_that_are_declared_but_not_seen_are_unknown():
    column = pd.Categorical(["a", None], categories=["a", "b"])
    encoder, (_, codes), (_, laters) = encode(
        pd.DataFrame({"c": column}), pd.DataFrame({"c": pd.Categorical(["b"])})
    )
    assert encoder.cardinalities_ == [3]
    assert codes[:, 0].tolist() == [2, MISSING]
    assert laters[:, 0].tolist() == [UNKNOWN]


def test_a_column_that_misses_every_value_later_is_missing():
    nulls = pd.array([None, None], dtype=pd.ArrowDtype(pa.null()))
    for values in ([None, None], [np.nan, np.nan], pd.array([None, None], dtype="string"), nulls):
        _, _, (_, codes) = encode(pd.DataFrame({"c": ["a", "b"]}), pd.DataFrame({"c": values}))
        assert codes[:, 0].tolist() == [MISSING, MISSING]


def test_numbers_that_are_named_as_categories_are_codes():
    X = pd.DataFrame({"m": [5, 9, 5], "n": [0.5, 1.0, np.nan]})
    later = pd.DataFrame({"m": [9.0, np.nan, 7.0], "n": [1.0, 1.0, 0.5]})
    encoder, (numbers, codes), (_, laters) = encode(X, later, categorical_features=["n", "m"])
    assert numbers.shape == (3, 0)
    assert codes.tolist() == [[2, 2], [3, 3], [2, MISSING]]
    assert laters.tolist() == [[3, 3], [MISSING, 3], [UNKNOWN, 2]]
    assert encoder.cardinalities_ == [4, 4]


def test_dates_that_are_named_as_categories_are_codes():
    X = pd.DataFrame({"day": pd.to_datetime(["2020-01-01", "2020-01-02"])})
    later = pd.DataFrame({"day": pd.to_datetime(["2020-01-02", None, "2021-01-01"])})
    _, (_, codes), (_, laters) = encode(X, later, categorical_features=["day"])
    assert codes[:, 0].tolist() == [2, 3]
    assert laters[:, 0].tolist() == [3, MISSING, UNKNOWN]


def test_parts_of_dates_that_were_constant_in_fit_stay_zero():
    X = pd.DataFrame({"day": pd.date_range("2020-01-01", periods=31)})
    later = pd.DataFrame({"day": pd.to_datetime(["2021-02-03 04:05:06"])})
    encoder, (numbers, _), (laters, _) = encode(X, later)
    zero = [f"day_{part}" for part in ("hour", "month", "year")]
    for name, *values in zip(encoder.list_names(["day"]), *numbers, *laters, strict=True):
        assert (not any(values)) == (name in zero)


NAMED = pd.DataFrame(
    {
        "x10": [0.1, 0.2, np.nan, 0.7],
        "x9": [4, 4, 5, 9],
        "X": pd.array([True, None, False, True]),
        "b": ["u", "v", None, "u"],
        "a": pd.Categorical([2, 1, 2, 2]),
        "x9 again": [1e9, 1e9 + 1, 7.0, np.nan],
    }
)


@given(st.permutations(list(NAMED)), st.booleans())
def test_columns_are_encoded_in_the_order_of_their_names(names, of_numbers):
    X = NAMED.drop(columns=["a", "b"]) if of_numbers else NAMED
    _, (expected_numbers, expected_codes) = encode(X)
    X = X[[name for name in names if name in X]]
    encoder, (numbers, codes) = encode(X)
    np.testing.assert_array_equal(numbers, expected_numbers)
    np.testing.assert_array_equal(codes, expected_codes)
    shown = X.columns[encoder.number_positions_]
    assert list(shown) == ["X", "x9", "x9 again", "x10"]


FRAME = pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": [0.5, 1.5]})


@pytest.mark.parametrize(
    ("choice", "positions"),
    [
        ("from_dtype", [1]),
        (["b"], [1]),
        ("b", [1]),
        (["c", "b"], [1, 2]),
        (("b", "a"), [0, 1]),
        (pd.Index(["b"]), [1]),
        (pd.Series(["b"], index=[9]), [1]),
        (np.array(["b", "c"]), [1, 2]),
        ([1], [1]),
        ([2, 1], [1, 2]),
        (np.array([1], dtype=np.uint8), [1]),
        ([False, True, True], [1, 2]),
        (np.array([True, True, True]), [0, 1, 2]),
    ],
)
def test_categorical_features_are_names_positions_or_a_mask(choice, positions):
    encoder, (numbers, codes) = encode(FRAME, categorical_features=choice)
    assert encoder.categorical_positions_.tolist() == positions
    assert encoder.number_positions_.tolist() == sorted({0, 1, 2} - set(positions))
    assert codes.shape == (2, len(positions))
    assert numbers.shape == (2, 3 - len(positions))


@pytest.mark.parametrize(("n_there", "n_distinct"), [(101, 91), (150, 150), (1000, 901)])
@pytest.mark.parametrize("dtype", ["object", "string", "polars"])
def test_strings_that_are_nearly_all_different_warn(n_there, n_distinct, dtype):
    values = [*(f"row {i % n_distinct}" for i in range(n_there)), None, None]
    frame = pd.DataFrame({"ok": ["a", "b"] * (len(values) // 2) + ["a"] * (len(values) % 2)})
    frame["text"] = pd.Series(values, dtype="object" if dtype == "polars" else dtype)
    read = to_pandas(pl.from_pandas(frame)) if dtype == "polars" else frame
    with pytest.warns(UserWarning, match="Column 'text' of X holds strings .* guide") as caught:
        learn(read)
    assert len(caught) == 1


@pytest.mark.parametrize(
    ("column", "choice"),
    [
        ([f"row {i}" for i in range(100)], "from_dtype"),
        ([f"row {i % 900}" for i in range(1000)], "from_dtype"),
        (pd.Categorical([f"row {i}" for i in range(200)]), "from_dtype"),
        ([f"row {i}" for i in range(200)], ["text"]),
        (np.arange(200), ["text"]),
    ],
)
def test_fewer_rows_more_repeats_and_what_is_called_a_category_do_not(column, choice, recwarn):
    learn(pd.DataFrame({"text": column}), categorical_features=choice)
    assert not recwarn.list


@pytest.mark.parametrize("choice", [None, [], np.array([], dtype=int), [False, False]])
def test_no_column_is_a_category(choice):
    encoder, (numbers, codes) = encode(FRAME[["a", "c"]], categorical_features=choice)
    assert codes.shape == (2, 0)
    np.testing.assert_allclose(numbers, [[-1, -1], [1, 1]])
    assert encoder.cardinalities_ == []


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (["b", "z"], r"categorical_features names \['z'\], which are not columns of X.*'a', 'b'"),
        ("z", r"categorical_features names \['z'\]"),
        ([[], [0]], r"categorical_features is \[\[\], \[0\]\]: it must be a list of names"),
        ([["a"]], "categorical_features is .*: it must be a list of names"),
        (np.zeros((2, 2)), "(?s)categorical_features is .*: it must be a list of names"),
        ([3], r"categorical_features \[3\] does not fit X, which has 3 columns"),
        ([-1], r"categorical_features \[-1\] does not fit X"),
        ([True, False], r"categorical_features \[True, False\] does not fit X"),
        ([True] * 4, r"does not fit X, which has 3 columns"),
    ],
)
def test_wrong_categorical_features_are_an_error(choice, message):
    with pytest.raises(ValueError, match=message):
        encode(FRAME, categorical_features=choice)


def test_sparse_x_has_no_categorical_features():
    X = sparse.eye(3, format="csr")
    for choice in (None, "from_dtype"):
        assert encode(X, categorical_features=choice)[0].n_numbers_ == 3
    with pytest.raises(ValueError, match="categorical_features needs a dense X"):
        encode(X, categorical_features=[0])


def test_columns_of_one_name_are_told_apart():
    # scikit-learn's check of names lets them through before 1.9.
    X = pd.DataFrame([[1.0, "u"], [3.0, "v"]], columns=["a", "a"])
    encoder = learn(X)
    numbers, codes = encoder.transform(X)
    np.testing.assert_allclose(numbers, [[-1.0], [1.0]])
    assert codes[:, 0].tolist() == [2, 3]
    encoder = learn(X, categorical_features=["a"])
    assert encoder.categorical_positions_.tolist() == [0, 1]
    assert encoder.transform(X)[1].tolist() == [[2, 2], [3, 3]]


# -- forms of X -----------------------------------------------------------------------------------


def test_arrays_of_objects_hold_numbers_and_categories():
    X = np.array([[1, "a", 0.5], [3, None, None], [None, "b", 1.5]], dtype=object)
    encoder, (numbers, codes) = encode(X)
    values = np.array([[1, 0.5], [3, np.nan], [np.nan, 1.5]])
    expected = np.column_stack([standardise(values, np.ones(3)), np.isnan(values)])
    np.testing.assert_allclose(numbers, expected, atol=1e-12)
    assert codes[:, 0].tolist() == [2, MISSING, 3]
    assert encoder.categorical_positions_.tolist() == [1]


def test_polars_frames_are_read_like_pandas_ones():
    data = {
        "n": [1, None, 4],
        "x": [0.5, 1.5, None],
        "s": ["a", None, "b"],
        "t": [True, False, None],
    }
    enum = pl.Series("e", ["q", "p", None], dtype=pl.Enum(["p", "q", "r"]))
    ours = pl.DataFrame(data).with_columns(enum, pl.col("s").cast(pl.Categorical).alias("c"))
    theirs = pd.DataFrame(data | {"e": ["q", "p", None], "c": data["s"]})
    (_, (numbers, codes)), (_, (expected, expected_codes)) = encode(ours), encode(theirs)
    np.testing.assert_allclose(numbers, expected)
    np.testing.assert_array_equal(codes, expected_codes)
    assert codes.tolist() == [[2, 2, 2], [0, 3, 0], [3, 0, 3]]


@pytest.mark.parametrize("make", [pa.table, pa.RecordBatch.from_pydict])
def test_arrow_tables_are_read_like_pandas_frames(make):
    words = pa.array(["a", None, "b"])
    columns = {"n": pa.array([1, None, 4]), "s": words, "d": words.dictionary_encode()}
    theirs = pd.DataFrame({"n": [1, None, 4], "s": ["a", None, "b"], "d": ["a", None, "b"]})
    (_, (numbers, codes)), (_, (expected, expected_codes)) = encode(make(columns)), encode(theirs)
    np.testing.assert_array_equal(numbers, expected)
    np.testing.assert_array_equal(codes, expected_codes)
    assert codes.tolist() == [[2, 2], [0, 0], [3, 3]]
    with pytest.raises(TypeError, match="Column 's' of X"):
        encode(make(columns | {"s": pa.array([[1], [2], [3]])}))
    # A table that is made of a single row has the type null where the value is missing.
    _, _, (numbers, codes) = encode(make(columns), make(dict.fromkeys(columns, pa.nulls(1))))
    assert numbers.tolist() == [[0, 1]] and codes.tolist() == [[MISSING, MISSING]]
    assert encode(make(columns | {"n": pa.nulls(3)}))[1][0].tolist() == [[0, 1]] * 3


@pytest.mark.parametrize(
    ("series", "numbers", "codes"),
    [
        (pl.Series([None, None, None]), [0, 0, 0], None),
        (pl.Series([True, False, True]), [0.5, -1, 0.5], None),
        (pl.Series([1, None, 3], dtype=pl.UInt8), [-1, 0, 1], None),
        (pl.Series(["1.5", None, "2.5"]).cast(pl.Decimal(10, 2)), [-1, 0, 1], None),
        (pl.Series(["b", None, "a"]), None, [2, 0, 3]),
        (pl.Series([None, None, None], dtype=pl.String), None, [0, 0, 0]),
        (pl.Series(["b", None, "a"], dtype=pl.Categorical), None, [2, 0, 3]),
        (pl.Series([None, None, None], dtype=pl.Categorical), None, [0, 0, 0]),
        (pl.Series(["b", None, "a"], dtype=pl.Enum(["c", "b", "a"])), None, [2, 0, 3]),
    ],
    ids=lambda value: str(value.dtype) if isinstance(value, pl.Series) else "",
)
def test_polars_columns_of_any_dtype_are_read(series, numbers, codes):
    _, (their_numbers, their_codes) = encode(pl.DataFrame({"a": series}))
    if codes is None:
        scale = 1 if series.null_count() else np.sqrt(2)
        np.testing.assert_allclose(their_numbers[:, 0], np.multiply(numbers, scale), atol=1e-12)
    else:
        assert their_codes[:, 0].tolist() == codes


def test_polars_categories_are_those_of_the_column_alone():
    frame = pl.DataFrame({"a": ["p", "q"], "b": ["r", "p"]}).cast(pl.Categorical)
    assert sorted(read(frame)["b"].cat.categories) == ["p", "r"]
    assert to_pandas(frame["a"]).cat.categories.tolist() == ["p", "q"]


@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_dates_are_the_same_categories_in_all_libraries(zone):
    dates = [datetime.date(2020, 1, day) for day in (3, 1, 2)]
    times = [datetime.datetime(2020, 1, 1, hour) for hour in (3, 1, 2)]
    frame = pl.DataFrame({"d": [*dates, None], "t": [*times, None]})
    frame = frame.with_columns(pl.col("t").dt.replace_time_zone(zone))
    table = frame.to_arrow()
    others = [table, table.to_pandas(), table.to_pandas(types_mapper=pd.ArrowDtype)]
    others.append(frame.to_pandas())
    _, (_, codes), *rest = encode(frame, *others, categorical_features=["d", "t"])
    assert codes.tolist() == [[2, 2], [3, 3], [4, 4], [0, 0]]
    for _, own in rest:
        assert own.tolist() == codes.tolist()
    _, (numbers, _), *rest = encode(frame, *others)
    assert numbers.shape == (4, 2 * 2 * 6) and np.ptp(numbers[:, :12]) > 0
    for own, _ in rest:
        np.testing.assert_array_equal(own, numbers)


@pytest.mark.parametrize("least", [2**53, 2**63, -(2**60)])
def test_long_ids_among_objects_stay_apart(least):
    ids = np.array([[least + k % 4, "a"] for k in range(8)], dtype=object)
    for X in (ids, ids.tolist(), pd.DataFrame(ids)):
        _, (_, codes) = encode(X, categorical_features=[0, 1])
        assert codes[:, 0].tolist() == [2, 3, 4, 5] * 2


def test_arrow_tables_with_columns_of_one_name_are_an_error():
    table = pa.table([["u", "w"], [1.0, 2.0]], names=["t", "t"])
    for X in (table, table.to_batches()[0]):
        with pytest.raises(ValueError, match=r"several columns of each name in \['t'\]: rename"):
            encode(X)


def test_columns_of_one_name_are_an_error_that_names_them():
    X = pd.DataFrame([[1.0, 2.0, 3.0]], columns=["t", "u", "t"])
    with pytest.raises(ValueError, match=r"X has several columns of each name in \['t'\]: rename"):
        encode(X)


def test_the_least_integer_among_objects_is_a_number():
    least = np.array([np.int64(-(2**63)), 1], dtype=object)
    assert str(read(pd.DataFrame({"i": least}))["i"].dtype) == "Int64"


def test_dictionaries_of_arrow_may_hold_null_or_a_value_twice():
    texts = pa.array(["a", None, "b"])
    twice = pa.DictionaryArray.from_arrays(pa.array([2, None, 1], pa.int8()), ["a", "b", "a"])
    for column in (texts.dictionary_encode("encode"), twice):
        _, (_, codes) = encode(pa.table({"c": column}))
        assert codes[:, 0].tolist() == [2, 0, 3]


def test_not_a_number_in_a_dictionary_of_arrow_is_missing():
    column = pa.array([1.5, float("nan"), 2.5, 1.5]).dictionary_encode()
    _, (_, codes) = encode(pa.table({"c": column}))
    assert codes[:, 0].tolist() == [2, 0, 3, 2]


def test_parts_of_features_need_no_order():
    parts = [
        pa.DictionaryArray.from_arrays([0, 1, 2], own, ordered=True)
        for own in (["S", "M", "L"], ["L", "XL", "S"])
    ]
    _, (_, codes) = encode(pa.table({"c": pa.chunked_array(parts)}))
    assert codes[:, 0].tolist() == [2, 3, 4, 4, 5, 2]


def test_decimals_as_categories_are_the_same_in_all_forms():
    table = pa.table({"d": pa.array([Decimal("0.1"), Decimal("0.3"), None, Decimal("0.1")])})
    forms = [
        table,
        table.to_pandas(),
        table.to_pandas(types_mapper=pd.ArrowDtype),
        pl.DataFrame({"d": table["d"].to_pylist()}),
    ]
    for X in forms:
        for _, codes in encode(X, *forms, categorical_features=["d"])[1:]:
            assert codes[:, 0].tolist() == [2, 3, 0, 2]


def test_categories_that_are_dates_are_the_same_in_all_forms():
    days = [datetime.date(2020, 1, 3), datetime.date(2020, 1, 1), None]
    table = pa.table({"d": pa.array(days)})
    categories = pd.DataFrame({"d": pd.Categorical(days)})
    forms = [table, categories, pl.DataFrame({"d": days}), pd.DataFrame({"d": days})]
    forms.append(pa.table({"d": table["d"].combine_chunks().dictionary_encode()}))
    for X in forms:
        for _, codes in encode(X, *forms, categorical_features=["d"])[1:]:
            assert codes[:, 0].tolist() == [2, 3, 0]


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (pa.array([1, 2], pa.time32("s")), "time"),
        (pa.array([3_600_000_000_001, None], pa.time64("ns")), "time"),
        (pa.array([(1, 2, 3), None], pa.month_day_nano_interval()), "DateOffset"),
        (pa.array([b"u", b"v"]), "bytes"),
        (pa.array([b"u", b"v"], pa.large_binary()), "bytes"),
        (pa.array([b"u", b"v"], pa.binary(1)), "bytes"),
        (pa.array([b"u", b"v"]).cast(pa.binary_view()), "bytes"),
        (pa.DictionaryArray.from_arrays([0, 1], pa.array([[1], [2]])), "ndarray"),
    ],
)
def test_arrows_types_that_pandas_lacks_are_an_error_with_the_columns_name(column, kind):
    table = pa.table({"odd": column})
    for X in (table, table.to_pandas(types_mapper=pd.ArrowDtype)):
        with pytest.raises(TypeError, match=f"Column 'odd' of X holds objects of type {kind}: a"):
            encode(X, categorical_features=["odd"])


@pytest.mark.skipif(not hasattr(pa, "uuid"), reason="an older pyarrow")
def test_extension_types_of_arrow_are_read_as_pandas_does():
    raw = pa.array([b"u" * 16], pa.binary(16))
    with pytest.raises(TypeError, match="Column 'odd' of X holds objects of type (UUID|bytes): "):
        encode(pa.table({"odd": raw.cast(pa.uuid())}), categorical_features=["odd"])
    bools = pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1, 0, None], pa.int8()))
    numbers = encode(pa.table({"b": bools}))[1][0]
    assert numbers[:, 0].tolist() == [1.0, -1.0, 0.0]


@pytest.mark.parametrize("dtype", [pl.Duration, pl.Time, pl.List(pl.Int8)])
def test_polars_columns_that_are_no_numbers_are_an_error_with_their_name(dtype):
    series = pl.Series("odd", [None, None], dtype=dtype).extend_constant(
        [1] if dtype == pl.List(pl.Int8) else pl.Series([1]).cast(dtype)[0], 1
    )
    with pytest.raises(TypeError, match="Column 'odd' of X"):
        encode(pl.DataFrame({"odd": series}))


@pytest.mark.parametrize(
    ("value", "dtype", "kind"),
    [
        ({"p": 1, "q": "x"}, pl.Struct({"p": pl.Int8, "q": pl.String}), "dict"),
        ({"p": 1}, pl.Struct({"p": pl.Int8}), "dict"),
        ([1, 2], pl.Array(pl.Int8, 2), "ndarray"),
        ([1, 2], pl.List(pl.Int8), "ndarray"),
    ],
)
def test_polars_columns_of_several_values_a_row_are_an_error(value, dtype, kind):
    frame = pl.DataFrame({"x": [1, 2], "odd": pl.Series([value, None], dtype=dtype)})
    with pytest.raises(TypeError, match=f"Column 'odd' of X holds objects of type {kind}: .*Conv"):
        read(frame)


@pytest.mark.parametrize(
    "library",
    [
        pd.DataFrame,
        pl.DataFrame,
        pa.table,
        lambda columns: pa.table(columns).to_pandas(types_mapper=pd.ArrowDtype),
        lambda columns: pd.DataFrame(
            {
                name: [value if value is None else tuple(value) for value in column]
                for name, column in columns.items()
            }
        ),
    ],
)
def test_vectors_and_lists_are_an_error_that_names_the_page_with_a_remedy(library):
    columns = {"v": [[1.0, 2.0], None, [3.0, 5.0]], "t": [["b", "a"], [], None]}
    message = "holds objects of type .*Convert it to columns of its entries .*Vectors and lists"
    for name, column in columns.items():
        with pytest.raises(TypeError, match=f"Column '{name}' of X {message}"):
            read(library({name: column}))


@pytest.mark.parametrize(("value", "kind"), [([1, 2], "ndarray"), ({"p": 1}, "dict")])
def test_arrow_columns_of_several_values_a_row_are_an_error(value, kind):
    frame = pa.table({"x": [1, 2], "odd": pa.array([value, None])})
    with pytest.raises(TypeError, match=f"Column 'odd' of X holds objects of type {kind}: .*Conv"):
        encode(frame, categorical_features=["odd"])


@pytest.mark.skipif(not hasattr(pl, "Int128"), reason="an older polars")
def test_polars_integers_of_128_bits_are_an_error_with_the_columns_name():
    frame = pl.DataFrame({"x": [1, 2], "odd": pl.Series([1, None], dtype=pl.Int128)})
    with pytest.raises(TypeError, match="Column 'odd' is of dtype Int128, .*: cast it to Int64"):
        read(frame)


def test_data_of_polars_need_pyarrow(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for data in (pl.DataFrame({"x": [1, 2]}), pl.Series([1, 2])):
        with pytest.raises(ImportError, match=r"polars need pyarrow .*: pip install .*\[polars\]"):
            to_pandas(data)


@pytest.mark.parametrize("dtype", [np.float16, np.longdouble])
def test_categories_cannot_be_halves_or_long_doubles(dtype):
    if np.dtype(dtype) == np.float64:
        pytest.skip("no longer doubles here")
    X = pd.DataFrame({"x": [1, 2], "odd": np.array([0.5, 1.5], dtype=dtype)})
    with pytest.raises(TypeError, match="Column 'odd' of X is of dtype .*: convert it to float"):
        encode(X, categorical_features=["odd"])


def test_reading_leaves_the_given_frame_as_it_was():
    X = pd.DataFrame({"a": pd.Series([1, None], dtype=object), "b": ["x", "y"]})
    before = X.copy()
    table = read(X)
    assert table["a"].dtype == np.float64
    pd.testing.assert_frame_equal(X, before)


# -- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [float, object, "float32", "Float64"])
def test_infinity_is_an_error_with_the_columns_name(value, dtype):
    X = pd.DataFrame({"s": ["x", "y"], "far": pd.Series([0.5, value], dtype=dtype)})
    with pytest.raises(ValueError, match=r"Input X contains infinity .* in column 'far'"):
        encode(X)
    good = pd.DataFrame({"s": ["x", "y"], "far": [0.5, 1.0]})
    with pytest.raises(ValueError, match=r"Input X contains infinity .* in column 'far'"):
        encode(good, X)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (pd.to_timedelta([1, 2]), "timedelta64"),
        (np.array([1j, 2.0]), "complex128"),
        (pd.period_range("2020", periods=2), "period"),
    ],
)
@pytest.mark.parametrize("choice", ["from_dtype", None, ["s"]])
def test_columns_that_are_no_numbers_are_an_error_with_their_name(values, dtype, choice):
    X = pd.DataFrame({"s": [1, 2], "odd": values})
    message = (
        rf"Column 'odd' of X is of dtype {dtype}.*, which is not numeric: convert it.*, or name"
    )
    with pytest.raises(TypeError, match=message):
        encode(X, categorical_features=choice)


@pytest.mark.parametrize(
    ("values", "how"),
    [
        (pd.period_range("2020", periods=2), r"\.dt\.to_timestamp\(\)"),
        (pd.array([datetime.timedelta(1), None], dtype=object), r"\.dt\.total_seconds\(\)"),
        (pd.to_timedelta([1, 2]), r"\.dt\.total_seconds\(\)"),
        (
            pd.arrays.ArrowExtensionArray(pa.array([1], pa.duration("s"))),
            r"\.dt\.total_seconds\(\)",
        ),
    ],
)
def test_the_error_of_durations_and_periods_says_how_they_are_read(values, how):
    with pytest.raises(TypeError, match=f"'odd' .* convert it, .*{how}.*categorical_features"):
        encode(pd.DataFrame({"odd": values}))


def test_the_error_of_dates_of_several_time_zones_names_the_column():
    zones = [datetime.timezone(datetime.timedelta(hours=hours)) for hours in (1, 2)]
    dates = [datetime.datetime(2020, 1, 1, tzinfo=zone) for zone in zones]
    with pytest.raises(TypeError, match="'odd' of X holds objects of type datetime: .* Convert"):
        encode(pd.DataFrame({"odd": pd.array(dates, dtype=object)}))


def test_dates_in_a_column_of_objects_are_those_of_the_dtype():
    X = pd.DataFrame({"odd": pd.to_datetime(["2020-01-01", "2020-01-02", None])})
    _, (_, codes), (_, same) = encode(X, X.astype(object), categorical_features=["odd"])
    assert same[:, 0].tolist() == codes[:, 0].tolist() == [2, 3, MISSING]


def test_numbers_in_a_list_with_strings_stay_numbers():
    X = [[1.0, "u"], [np.nan, "v"], [4.0, "u"]]
    encoder, (numbers, codes), (alone, _) = encode(X, X[:1])
    assert encoder.list_names() == ["x0", "x1"]
    of_array, (expected, _) = encode(np.array(X, dtype=object))
    assert encoder.cardinalities_ == of_array.cardinalities_ == [4]
    np.testing.assert_array_equal(numbers, expected)
    np.testing.assert_array_equal(codes[:, 0], [codes[0, 0], codes[1, 0], codes[0, 0]])
    np.testing.assert_array_equal(alone, expected[:1])


def test_sparse_x_after_categories_is_an_error():
    with pytest.raises(ValueError, match="sparse, but had categories or dates in fit"):
        encode(FRAME, sparse.eye(3, format="csr"))


@pytest.mark.parametrize("values", [[1, 10**400], [-(10**400), 1.5], [Decimal("1e400"), None]])
def test_numbers_too_large_for_a_float_are_an_error_with_the_columns_name(values):
    X = pd.DataFrame({"far": pd.Series(values, dtype=object)})
    with pytest.raises(ValueError, match=r"Input X contains infinity or .* in column 'far'"):
        encode(X)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X: X.assign(x=[{}] * 2), "Column 1 of X holds objects of type dict"),
        (lambda X: X.assign(x=pd.Timedelta(0)), "Column 1 of X is of dtype timedelta"),
        (lambda X: X.assign(x=np.inf), "in column 1: use NaN"),
    ],
)
def test_messages_show_numbers_as_names_plainly(change, message):
    X = change(pd.DataFrame({"a": [1, 2]})).set_axis(pd.Index(np.array([0, 1])), axis=1)
    with pytest.raises((TypeError, ValueError), match=message):
        encode(X)


def test_strings_are_an_error_where_no_column_is_a_category():
    with pytest.raises(TypeError, match=r"Column 'b' of X is of dtype .* which is not numeric"):
        encode(FRAME, categorical_features=None)


def test_strings_that_a_list_of_categories_leaves_out_are_an_error_that_says_why():
    X = pd.DataFrame({"town": [1, 2], "kind": ["a", "b"]})
    with pytest.raises(TypeError, match=r"'kind' .* all categorical columns, those of strings"):
        encode(X, categorical_features=["town"])


AS_CATEGORIES = r', for example to categories, by \.astype\("category"\)'


@pytest.mark.parametrize(
    ("values", "kinds", "how"),
    [
        ([{}, {1: 2}], "dict", ""),
        ([1, "a"], "int, str", ""),
        ([(1,), 2], "int, tuple", ""),
        ([np.ones((2, 2)), None], "ndarray", r" to columns of its entries \(.*\)"),
        ([1j, None], "complex", AS_CATEGORIES),
        ([b"a", b"b"], "bytes", r', for example to text, by \.str\.decode\("utf-8"\)'),
        ([uuid.UUID(int=1), None], "UUID", AS_CATEGORIES),
        ([datetime.time(1), datetime.time(2)], "time", AS_CATEGORIES),
    ],
)
def test_objects_that_are_neither_numbers_nor_strings_are_an_error(values, kinds, how):
    column = pd.Series(values, dtype=object)
    message = rf"Column '{{}}' of X holds objects of type {kinds}: argument must .* it{how}\.$"
    with pytest.raises(TypeError, match=message.format("odd")):
        read(pd.DataFrame({"odd": column}))
    array = np.empty((2, 1), dtype=object)
    array[:, 0] = values
    with pytest.raises(TypeError, match=message.format("x0")):
        read(array)
    if how.startswith(","):
        assert encode(pd.DataFrame({"odd": column.astype("category")}))[1][1].tolist()[0] == [2]


@pytest.mark.parametrize("values", [["x", "y"], pd.Categorical([1, 2]), ["1", "2"]])
def test_numbers_that_turn_into_something_else_are_an_error(values):
    with pytest.raises(ValueError, match=r"Column 'a' of X held numbers in fit but is of dtype"):
        encode(pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"a": values}))


@pytest.mark.filterwarnings("ignore:No value of column 'a' of X was a category:UserWarning")
def test_text_where_fit_had_no_value_is_an_error_that_says_so():
    X = pd.DataFrame({"a": pd.Series([None, None], dtype=object)})
    message = "Column 'a' of X had no value in fit, .*: if it holds categories, give it the dtype"
    with pytest.raises(ValueError, match=message):
        encode(X, X.assign(a="u"))
    for dtype in ("string", "category"):
        assert encode(X.astype(dtype), X.assign(a="u"))[2][1].tolist() == [[UNKNOWN]] * 2


@pytest.mark.parametrize("X", [pd.DataFrame({"a": []}), pd.DataFrame(index=[0, 1])])
def test_empty_frames_are_an_error(X):
    with pytest.raises(ValueError, match=r"X has \d rows and \d columns: it is empty"):
        read(X)


def test_the_names_are_learnt_and_checked():
    _, header = read_features(FRAME, "PLERegressor")
    assert header == Header(3, ["a", "b", "c"])
    with pytest.raises(ValueError, match="feature names should match"):
        read_features(FRAME[["b", "a", "c"]], "PLERegressor", header)
    with pytest.raises(ValueError, match="X has 2 features, but PLERegressor is expecting 3"):
        read_features(FRAME.to_numpy()[:, :2], "PLERegressor", Header(3, []))


@pytest.mark.parametrize("rows", [[[1.0, 2.0]], [["a", 2.0]]])
def test_columns_are_counted_in_what_can_only_be_turned_into_an_array(rows):
    class Rows:
        def __array__(self, dtype=None, copy=None):
            return np.asarray(rows, dtype)

        def __len__(self):
            return len(rows)

    _, header = read_features(Rows(), "PLERegressor")
    assert header.n_columns == 2
    assert read_features(Rows(), "PLERegressor", header)[0].shape == (1, 2)


# -- properties -----------------------------------------------------------------------------------

words = st.sampled_from(["", "a", "b", "ä", "nan", "None", "0"])
cells = st.none() | words
numbers = st.none() | st.floats(-1e6, 1e6)


@pytest.mark.filterwarnings("ignore:No value of column")
@given(
    st.lists(st.tuples(cells, cells), min_size=1, max_size=15),
    st.lists(st.tuples(cells | st.just("new"), cells), min_size=1, max_size=15),
)
def test_a_code_depends_on_the_columns_value_alone(rows, later):
    frames = [pd.DataFrame(part, columns=["p", "q"]).astype("string") for part in (rows, later)]
    encoder, (_, codes), (_, laters) = encode(*frames)
    for column in (0, 1):
        seen = {row[column] for row in rows} - {None}
        assert encoder.cardinalities_[column] == len(seen) + 2
        book = {None: MISSING}
        for row, code in zip(rows, codes[:, column], strict=True):
            assert book.setdefault(row[column], code) == code
        # Every category has a code of its own, and they leave no gap.
        assert sorted(code for value, code in book.items() if value is not None) == [
            2 + i for i in range(len(seen))
        ]
        expected = [book.get(row[column], UNKNOWN) for row in later]
        assert laters[:, column].tolist() == expected


@given(
    st.lists(st.tuples(numbers, cells, st.none() | st.booleans()), min_size=2, max_size=15),
    st.data(),
)
def test_rows_are_encoded_alone_as_among_others(rows, data):
    frame = pd.DataFrame(rows, columns=["n", "s", "b"])
    frame = frame.astype({"n": "float64", "s": "string", "b": object})
    encoder, (values, codes) = encode(frame)
    places = st.lists(st.integers(0, len(rows) - 1), min_size=1, max_size=6)
    some = data.draw(places)
    part_values, part_codes = encoder.transform(read(frame.iloc[some]))
    np.testing.assert_array_equal(part_values, values[some])
    np.testing.assert_array_equal(part_codes, codes[some])


@given(st.lists(st.tuples(numbers, st.floats(0.1, 5)), min_size=2, max_size=15))
def test_standardised_numbers_are_finite_and_have_a_weighted_mean_of_zero(rows):
    column = np.array([np.nan if value is None else value for value, _ in rows])
    weights = np.array([weight for _, weight in rows])
    _, (values, _) = encode(pd.DataFrame({"n": column}), weights=weights)
    seen = ~np.isnan(column)
    assert np.isfinite(values).all()
    assert values.shape[1] == 1 + (not seen.all())
    assert not values[~seen, 0].any()
    if seen.any():
        assert np.average(values[seen, 0], weights=weights[seen]) == pytest.approx(0, abs=1e-6)
    if not seen.all():
        np.testing.assert_array_equal(values[:, 1], ~seen)


# -- what comes out, whatever comes in ------------------------------------------------------------

N_ROWS = 7
whole = st.integers(-5, 5)
COLUMNS = {
    "floats": st.lists(st.none() | st.floats(-1e6, 1e6), min_size=N_ROWS, max_size=N_ROWS).map(
        lambda v: pd.Series(v, dtype="float64")
    ),
    "ints": st.lists(whole, min_size=N_ROWS, max_size=N_ROWS).map(pd.Series),
    "nullable": st.lists(st.none() | whole, min_size=N_ROWS, max_size=N_ROWS).map(
        lambda v: pd.Series(v, dtype="Int64")
    ),
    "bools": st.lists(st.booleans(), min_size=N_ROWS, max_size=N_ROWS).map(pd.Series),
    "objects": st.lists(st.none() | words, min_size=N_ROWS, max_size=N_ROWS)
    .filter(lambda v: set(v) != {None})  # That would be numbers.
    .map(lambda v: pd.Series(v, dtype=object)),
    "strings": st.lists(st.none() | words, min_size=N_ROWS, max_size=N_ROWS).map(
        lambda v: pd.Series(v, dtype="string")
    ),
    "categories": st.lists(st.none() | words, min_size=N_ROWS, max_size=N_ROWS).map(
        lambda v: pd.Series(
            pd.Categorical(v, categories=["unused", *{w for w in v if w is not None}])
        )
    ),
    "mixed categories": st.lists(
        st.sampled_from([None, 1, "1", 2.5, "a"]), min_size=N_ROWS - 2, max_size=N_ROWS - 2
    ).map(lambda v: pd.Series(pd.Categorical([*v, 1, "a"]))),
    "nothing": st.just(pd.Series([None] * N_ROWS, dtype="float64")),
    "constant": st.floats(-1e30, 1e30).map(lambda v: pd.Series([v] * N_ROWS)),
}
frames = st.lists(
    st.one_of([values.map(lambda c, kind=kind: (kind, c)) for kind, values in COLUMNS.items()]),
    min_size=1,
    max_size=6,
).map(lambda columns: pd.DataFrame({f"{kind} {i}": c for i, (kind, c) in enumerate(columns)}))
limits = st.fixed_dictionaries(
    {
        "min_frequency": st.none() | st.integers(1, 4) | st.sampled_from([0.1, 0.3, 0.9]),
        "dtype": st.sampled_from(["float32", "float64"]),
    }
)


@pytest.mark.filterwarnings("ignore:No value of column")
@given(frames, limits, st.data())
def test_any_frame_is_encoded_and_every_later_one_of_its_kind(frame, params, data):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encoder, (numbers, codes) = encode(frame, **params)
    assert numbers.dtype == params["dtype"]
    assert numbers.shape == (N_ROWS, encoder.n_numbers_)
    assert np.isfinite(numbers).all()
    later = pd.DataFrame(
        {name: data.draw(COLUMNS[name.rsplit(" ", 1)[0]], label=name) for name in frame}
    )
    other_numbers, other_codes = encoder.transform(read(later))
    assert np.isfinite(other_numbers).all()
    for table, table_codes in ((frame, codes), (later, other_codes)):
        assert table_codes.min(initial=0) >= 0
        assert (table_codes < encoder.cardinalities_).all()
        for column, position in enumerate(encoder.categorical_positions_):
            categories = encoder.columns_[column].categories
            assert len(categories) == encoder.cardinalities_[column] - 2
            for value, code in zip(table.iloc[:, position], table_codes[:, column], strict=True):
                # There and back.
                if pd.isna(value):
                    assert code == MISSING
                elif code == UNKNOWN:
                    assert value not in set(categories)
                else:
                    assert categories[code - 2] == value


@given(frames, limits, st.permutations(range(N_ROWS)))
def test_the_order_of_rows_and_categories_changes_at_most_the_codes_order(frame, params, order):
    encoder, (numbers, codes) = encode(frame, **params)
    shuffled = frame.iloc[order].copy()
    for name in shuffled:
        if isinstance(shuffled[name].dtype, pd.CategoricalDtype):
            categories = shuffled[name].cat.categories[::-1]
            shuffled[name] = shuffled[name].cat.reorder_categories(categories)
    other, (other_numbers, other_codes) = encode(shuffled, **params)
    np.testing.assert_allclose(other_numbers, numbers[order], rtol=1e-5, atol=1e-6)
    for column, (ours, theirs) in enumerate(zip(encoder.columns_, other.columns_, strict=True)):
        assert set(ours.categories) == set(theirs.categories)
        places = np.append([MISSING, UNKNOWN], theirs.categories.get_indexer(ours.categories) + 2)
        np.testing.assert_array_equal(other_codes[:, column], places[codes[order, column]])


@given(
    st.lists(st.none() | st.sampled_from("abcdefg"), min_size=3, max_size=40).filter(any),
    st.none() | st.integers(1, 6) | st.floats(0.01, 0.99),
)
def test_rare_categories_are_those_of_ordinal_encoder(values, min_frequency):
    column = np.array([np.nan if v is None else v for v in values], dtype=object)[:, None]
    theirs = OrdinalEncoder(min_frequency=min_frequency, encoded_missing_value=-1).fit(column)
    frame = pd.DataFrame({"c": pd.Series(values, dtype=object)})
    encoder, (_, codes) = encode(frame, min_frequency=min_frequency)
    infrequent = theirs.infrequent_categories_[0] if min_frequency else None
    rare = set() if infrequent is None else set(infrequent)
    appearing = list(dict.fromkeys(v for v in values if v))
    assert list(encoder.columns_[0].categories) == [v for v in appearing if v not in rare]
    known = {value: code for code, value in enumerate(encoder.columns_[0].categories, start=2)}
    for value, code in zip(values, codes[:, 0], strict=True):
        assert code == (MISSING if value is None else known.get(value, UNKNOWN))


@given(limits)
def test_new_categories_share_the_code_of_the_rare_ones(params):
    params |= {"min_frequency": 2}
    X = pd.DataFrame({"c": ["often", "often", "once", "rare"]})
    encoder, (_, codes), (_, later) = encode(X, pd.DataFrame({"c": ["new", "rare"]}), **params)
    assert encoder.cardinalities_ == [3]
    assert codes[:, 0].tolist() == [2, 2, UNKNOWN, UNKNOWN]
    assert later[:, 0].tolist() == [UNKNOWN, UNKNOWN]


@pytest.mark.parametrize(
    ("n_categories", "dtype"),
    [(254, "uint8"), (255, "int16"), (2**15 - 2, "int16"), (2**15 - 1, "int32")],
)
def test_codes_are_of_the_smallest_type_that_holds_them(n_categories, dtype):
    ids = np.random.default_rng(0).permutation(n_categories)
    _, (_, codes) = encode(pd.DataFrame({"id": ids}), categorical_features=["id"])
    assert codes.dtype == dtype
    np.testing.assert_array_equal(codes[:, 0], np.arange(n_categories) + 2)


@given(
    st.lists(
        st.tuples(*[st.sampled_from([0.0, 0.0, 1.0, -2.5, 1e8, np.nan])] * 3),
        min_size=2,
        max_size=9,
    ),
    st.sampled_from(["float32", "float64"]),
)
def test_sparse_numbers_equal_dense_ones_but_for_the_mean(rows, dtype):
    X = np.array(rows)
    seen = ~np.isnan(X)
    assume(
        seen.any(axis=0).all()
        and all(len(set(c[s])) > 1 for c, s in zip(X.T, seen.T, strict=True))
    )
    sparse_encoder, (numbers, _) = encode(sparse.csr_array(X), dtype=dtype)
    dense_encoder, (dense, _), (of_sparse, _) = encode(X, sparse.csr_array(X), dtype=dtype)
    scaler = dense_encoder.scaler_
    shift = np.where(seen, scaler.mean_ / scaler.scale_, 0.0)
    expected = np.column_stack([dense[:, :3] + shift, dense[:, 3:]])
    assert numbers.dtype == dtype
    np.testing.assert_allclose(numbers.toarray(), expected, rtol=1e-5, atol=1e-5)
    # Learnt from the one, the other is encoded too.
    np.testing.assert_array_equal(of_sparse, dense)
    np.testing.assert_allclose(sparse_encoder.transform(read(X))[0], numbers.toarray(), rtol=1e-6)


@pytest.mark.parametrize("centre", [0.0, 3.0])
def test_sparse_columns_have_the_places_of_a_frame_whose_names_are_not_in_order(centre):
    X = np.array([[-1.0, -20.0], [1.0, 20.0]]) + centre
    frame = pd.DataFrame(X, columns=["b", "a"])
    encoder, (of_frame, _) = encode(frame)
    of_sparse, _ = encoder.transform(sparse.csr_matrix(X))
    of_sparse = of_sparse.toarray() if sparse.issparse(of_sparse) else of_sparse
    np.testing.assert_allclose(of_sparse, of_frame)
    with pytest.raises(ValueError, match="in column 'x0'"):
        encoder.transform(sparse.csr_matrix([[np.inf, 1.0]]))


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_matrix])
def test_infinity_in_a_column_that_had_no_number_is_an_error(make):
    encoder, _ = encode(make([[1.0, np.nan], [2.0, np.nan]]))
    with pytest.raises(ValueError, match="infinity .* in column 'x1'"):
        encoder.transform(read(make([[1.0, np.inf]])))


@pytest.mark.parametrize("make", [sparse.csc_matrix, sparse.coo_matrix, sparse.lil_array])
def test_sparse_numbers_of_any_format_stay_sparse_and_share_their_places(make):
    X = np.array([[0.0, 1.0], [2.0, 0.0], [4.0, 0.0]])
    table = read(make(X))
    _, (numbers, _) = encode(make(X), dtype="float32")
    assert numbers.format == "csr" and numbers.dtype == np.float32
    scaled = learn(table).transform(table)[0]
    assert np.shares_memory(scaled.indices, table.indices)


def test_entries_of_a_sparse_matrix_that_come_twice_are_summed():
    twice = sparse.csr_matrix((np.ones(4), [0, 0, 0, 0], [0, 2, 3, 4]), shape=(3, 1))
    _, (numbers, _) = encode(twice)
    _, (expected, _) = encode(sparse.csr_matrix([[2.0], [1.0], [1.0]]))
    np.testing.assert_allclose(numbers.toarray(), expected.toarray())
    assert twice.nnz == 4


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint16, np.float32])
def test_sparse_numbers_may_be_of_any_dtype(dtype):
    X = np.array([[0, 1], [1, 0], [1, 1]]).astype(dtype)
    _, (numbers, _) = encode(sparse.csr_matrix(X))
    np.testing.assert_allclose(numbers.toarray(), X / X.std(axis=0), rtol=1e-6)


# -- numbers that are hard to standardise ---------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("scale", "shift"), [(1e300, 0), (1e-300, 0), (0.01, 1e9), (1e200, -1e201)]
)
def test_numbers_of_any_magnitude_are_standardised(scale, shift, dtype):
    plain = np.random.default_rng(0).normal(size=(1000, 1))
    _, (expected, _) = encode(plain)
    X = plain * scale + shift
    _, (numbers, _) = encode(X, dtype=dtype)
    # What is left beside a mean of 1e9 has 5 digits.
    np.testing.assert_allclose(numbers, expected, rtol=1e-4, atol=1e-4)
    if not shift:
        _, (numbers, _) = encode(sparse.csr_matrix(X), dtype=dtype)
        np.testing.assert_allclose(numbers.toarray(), plain / plain.std(), rtol=1e-6)


@pytest.mark.filterwarnings("ignore:Column 'x[01]' of X has outliers")
def test_numbers_that_differ_by_rounding_are_constant():
    X = np.array([[0.1 + 0.2, 3e300], [0.3, np.nextafter(3e300, 0)]])
    _, (numbers, _) = encode(X)
    np.testing.assert_allclose(numbers, 0, atol=1e-14)


def test_a_number_too_large_for_the_dtype_is_an_error_with_the_columns_name():
    X = pd.DataFrame({"a": [0.0, 1.0], "b": [0.0, 1.0]})
    later = X.assign(b=1e300)
    with pytest.raises(ValueError, match=r"too large for dtype\('float32'\), in column 'b'"):
        encode(X, later, dtype="float32")
    encode(X, later, dtype="float64")
    with pytest.raises(ValueError, match="too large"):
        encode(pd.DataFrame({"b": [-1.7e308, 1.7e308]}))
    with pytest.raises(ValueError, match="infinity .* column 'x1'"):
        encode(sparse.csr_matrix([[0.0, np.inf], [1.0, 0.0]]))
    with pytest.raises(ValueError, match="infinity .* column 'x1'"):
        encode(sparse.csr_matrix(X), sparse.csr_matrix([[0.0, -np.inf]]))


@given(
    st.lists(
        st.tuples(st.floats(-1e3, 1e3).map(lambda v: round(v, 2)), st.floats(0.1, 5)),
        min_size=2,
        max_size=15,
    )
)
def test_standardised_numbers_have_a_weighted_variance_of_one(rows):
    values, weights = np.array(rows).T
    assume(len(set(values)) > 1)
    _, (numbers, _) = encode(values[:, None], weights=weights)
    mean = np.average(numbers[:, 0], weights=weights)
    assert mean == pytest.approx(0, abs=1e-9)
    variance = np.average((numbers[:, 0] - mean) ** 2, weights=weights)
    assert variance == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("block_size", [1, 7, 10**9])
def test_blocks_of_any_size_give_the_same(monkeypatch, block_size):
    X = np.random.default_rng(0).normal(size=(20, 3))
    X[4, 1] = np.nan
    _, (expected, _) = encode(X)
    monkeypatch.setattr(scaling, "_BLOCK_SIZE", block_size)
    _, (numbers, _) = encode(X)
    np.testing.assert_allclose(numbers, expected, atol=1e-12)


# -- memory ---------------------------------------------------------------------------------------


def test_reading_does_not_copy_numbers():
    array = np.random.default_rng(0).normal(size=(10, 3))
    for X in (array, np.asfortranarray(array), pd.DataFrame(array, copy=False)):
        assert np.shares_memory(read(X).to_numpy(), X)
    frame = pl.DataFrame(array)
    for position, column in enumerate(frame):
        assert np.shares_memory(read(frame).iloc[:, position].to_numpy(), column.to_numpy())


@pytest.mark.parametrize("make", [np.asarray, pd.DataFrame, sparse.csr_matrix])
def test_no_float64_copy_of_the_table_is_made(make):
    X = make(np.random.default_rng(0).normal(size=(50_000, 20)) * (np.arange(20) > 15))
    size = 50_000 * 4 * 12 if sparse.issparse(X) else X.size * 8
    table = read(X)
    tracemalloc.start()
    try:
        encoder = learn(table)
        fit_peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        numbers, _ = encoder.transform(table)
        transform_peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert numbers.dtype == np.float32
    # Blocks of 2**18 numbers are most of what is more than nothing, and than the result.
    blocks = 0.8 * size if sparse.issparse(X) else 8 * 8 * 2**18
    assert fit_peak < blocks + 1e6
    assert transform_peak < blocks + size / 2 + 1e6


def test_infinity_where_all_numbers_were_missing_in_fit_is_an_error():
    encoder = learn(pd.DataFrame({"a": [np.nan, np.nan], "b": [1.0, 2.0]}))
    with pytest.raises(ValueError, match="infinity .* in column 'a'"):
        encoder.transform(pd.DataFrame({"a": [np.nan, -np.inf], "b": [1.0, 2.0]}))


@pytest.mark.parametrize("options", [{}, {"min_frequency": 0.05}])
def test_blocks_of_rows_teach_what_all_rows_teach(options):
    rng = np.random.default_rng(0)
    n = 3000
    ids = [f"user {number}" for number in np.sort(rng.geometric(0.1, n))]
    X = pd.DataFrame(
        {
            "far": 1e9 + rng.normal(size=n),
            "wide": rng.normal(size=n) ** 7,
            "gaps": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)),
            "same": 3.0,
            "late": np.where(np.arange(n) > 2000, rng.random(n), np.nan),
            "id": ids,
            "kind": pd.Categorical(rng.integers(0, 9, n), categories=range(12)),
        }
    )
    weights = rng.random(n)
    bounds = [0, 5, 800, 801, 2400, n]

    def blocks(*arrays):
        for start, end in itertools.pairwise(bounds):
            yield tuple(own[start:end] for own in arrays)

    whole = learn(X, weights, **options)
    learnt = FeatureEncoder()
    _, ranges = learnt.learn_categories(X.iloc[::7], (own for (own,) in blocks(X)), **options)
    parts = (WeightedRows(*block) for block in blocks(X, weights))
    learnt.learn_scales(ranges, WeightedRows(X.iloc[::7], weights[::7]), parts)
    assert learnt.cardinalities_ == whole.cardinalities_
    for one, other in zip(learnt.columns_, whole.columns_, strict=True):
        assert one.categories.equals(other.categories)
    np.testing.assert_array_equal(learnt.scaler_.missing_, whole.scaler_.missing_)
    off = (learnt.scaler_.mean_ - whole.scaler_.mean_) / whole.scaler_.scale_
    # Beside 1e9, a float64 holds no more than 1e-7.
    assert np.abs(off / [1e7, 1, 1, 1, 1]).max() < 1e-12
    np.testing.assert_allclose(learnt.scaler_.scale_, whole.scaler_.scale_, rtol=1e-12)


def test_text_is_told_from_ids_by_all_rows():
    # Of a tenth of the rows nearly all are different, of all of them every id comes ten times.
    X = pd.DataFrame({"id": [f"user {number}" for number in np.arange(5000).repeat(10)]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        FeatureEncoder().learn_categories(X.iloc[::10], [X])
    with pytest.warns(UserWarning, match="nearly all different"):
        learn(X.iloc[::10])


@pytest.fixture
def orders():
    """Rows with a comment of their own each, and the same without the comment."""
    rng = np.random.default_rng(0)
    bare = pd.DataFrame({"size": rng.normal(size=120), "shop": rng.choice(["a", "b"], 120)})
    return bare.assign(comment=[f"note {k} of {rng.random()}" for k in range(120)]), bare


@pytest.mark.filterwarnings("ignore:Column 'comment' of X holds strings")
def test_strings_that_are_nearly_all_different_are_left_out(orders, tmp_path):
    X, bare = orders
    y = pd.DataFrame({"late": bare["size"] > 0, "price": bare["size"]})
    for make in (make_tiny, lambda: PerTaskClassifierRegressor(random_state=0)):
        fitted, other = make().fit(X, y), make().fit(bare, y)
        assert_alike(fitted.predict(X.assign(comment="new")), other.predict(bare))
    fitted = make_tiny().fit(X, y)
    export.save(fitted, tmp_path / "model")
    assert_alike(export.load(tmp_path / "model").predict(X), fitted.predict(X))
    # As declared categories they are read.
    declared = make_tiny().fit(X.astype({"comment": "category"}), y)
    assert learn(read(X)).cardinalities_ == [4]
    assert not np.allclose(declared.predict(X)["price"], fitted.predict(X)["price"])


def test_a_column_that_is_left_out_is_told_in_two_lines_of_a_console(orders):
    with pytest.warns(UserWarning, match="Column 'comment' of X holds strings") as record:
        assert learn(read(orders[0])).cardinalities_ == [4]
    assert len(record) == 1 and len(str(record[0].message)) < 160


@pytest.mark.parametrize("n_rows", [12, 100])
def test_few_rows_with_strings_of_their_own_are_nothing_to_warn_of(orders, n_rows, recwarn):
    X = orders[0][:n_rows]
    encoder = learn(read(X))
    assert encoder.cardinalities_ == [n_rows + 2, 4]
    later = X.assign(comment=[f"later {k}" for k in range(n_rows)])
    encoder.find_unknown().add(later, encoder.transform(later)[1]).report()
    assert not recwarn.list


@pytest.mark.filterwarnings("ignore:Column 'comment' of X holds strings")
def test_a_graph_needs_no_column_that_is_left_out(orders, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    X, bare = orders
    fitted = make_tiny().fit(X, bare["size"].to_numpy())
    export.to_onnx(fitted, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    given = {name: X[name].to_numpy()[:, np.newaxis] for name in X}
    given |= {name: given[name].astype(object) for name in ("shop", "comment")}
    (found,) = session.run(None, {entry.name: given[entry.name] for entry in session.get_inputs()})
    assert_alike(found, fitted.predict(X))


def test_a_model_of_strings_alone_leaves_none_out(orders):
    X, _ = orders
    with pytest.warns(UserWarning, match="'comment' of X .* is read as 120 categories"):
        assert learn(read(X[["comment"]])).cardinalities_ == [122]
