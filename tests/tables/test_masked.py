"""What is masked in an array of numpy is missing, in X and in y."""

import numpy as np
import pytest

from sklearn_ple import PLEClassifierRegressor
from sklearn_ple.metrics import multitask_scores
from sklearn_ple.tables.frames import fill_mask
from sklearn_ple.tables.labels import as_frame
from sklearn_ple.tables.weights import read_weights

N = 60


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    # What is masked would change means and classes if it were read.
    X = np.ma.masked_array(rng.normal(size=(N, 2)), rng.random((N, 2)) < 0.2)
    X.data[X.mask] = 1e6
    y = np.ma.masked_array(np.column_stack([X[:, 0] > 0, X[:, 0] * 3.5]).astype(float))
    y.mask = rng.random((N, 2)) < 0.3
    y.data[y.mask] = 7
    return X, y


def test_a_model_reads_masked_arrays_as_those_with_nan(data):
    X, y = data
    X_nan, y_nan = X.filled(np.nan), y.filled(np.nan)
    options = {"n_members": 1, "max_epochs": 2, "early_stopping": True, "random_state": 0}
    model = PLEClassifierRegressor(**options).fit(X, y)
    twin = PLEClassifierRegressor(**options).fit(X_nan, y_nan)
    assert model.task_types_ == {"y0": "binary", "y1": "regression"}
    np.testing.assert_array_equal(model.predict(X), twin.predict(X_nan))
    assert model.score(X, y) == twin.score(X_nan, y_nan)
    assert multitask_scores(model, X, y) == multitask_scores(twin, X_nan, y_nan)


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        (np.array([3, 2**63 + 5, 7], dtype=np.uint64), [3, 2**63 + 5]),
        (np.array([True, False, True]), [True, False]),
        (np.array(["a", "b", "c"]), ["a", "b"]),
        (np.array([0.5, 1.5, 2.5], dtype=np.float32), [0.5, 1.5]),
        (np.array(["a", "b", 3], dtype=object), ["a", "b"]),
    ],
)
def test_values_of_any_type_lose_none_but_the_masked_one(values, kept):
    masked = np.ma.masked_array(values, [False, False, True])
    column = as_frame(masked)["y"]
    assert column.dropna().tolist() == kept and column.isna().tolist() == [False, False, True]
    # The array itself is not written to.
    assert masked.data[2] == values[2]


def test_what_has_no_mask_is_not_copied():
    array = np.ones(3)
    assert fill_mask(array) is array
    assert np.shares_memory(fill_mask(np.ma.masked_array(array)), array)


def test_a_mask_of_weights_is_an_error():
    with pytest.raises(ValueError, match="sample_weight is masked in places: fill them"):
        read_weights(np.ma.masked_array(np.ones(3), [True, False, False]), 3, ["y"])


@pytest.mark.parametrize("dtype", [int, bool, np.float32, object])
def test_masked_features_of_any_type_are_missing(dtype):
    rng = np.random.default_rng(0)
    values = rng.integers(0, 2, size=(N, 2)).astype(dtype)
    mask = rng.random((N, 2)) < 0.3
    y = rng.normal(size=N)
    options = {"n_members": 1, "max_epochs": 1, "random_state": 0}
    with_nan = np.where(mask, np.nan, values.astype(float))
    expected = PLEClassifierRegressor(**options).fit(with_nan, y).predict(with_nan)
    X = np.ma.masked_array(values, mask)
    np.testing.assert_array_equal(PLEClassifierRegressor(**options).fit(X, y).predict(X), expected)
