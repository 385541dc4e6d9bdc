"""The concordance index against a double loop over the rows, and where it is undefined."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.exceptions import UndefinedMetricWarning

from sklearn_ple.metrics import concordance_index
from sklearn_ple.tasks.concordance import concordance


def naive(labels, predicted, weights):
    """Compare every event with every other row."""
    right = total = 0.0
    for i, label in enumerate(labels):
        for j, other in enumerate(labels):
            later = abs(other) > label or (other < 0 and abs(other) == label)
            if label > 0 and later:
                weight = weights[i] * weights[j]
                total += weight
                right += weight * (predicted[j] > predicted[i])
                right += weight * (predicted[j] == predicted[i]) / 2
    return right / total if total else np.nan


# Few distinct times and predictions, so that both are often equal.
rows = st.lists(
    st.tuples(st.sampled_from([-3, -2, -1, 1, 2, 3]), st.integers(0, 4), st.floats(0.1, 5)),
    min_size=1,
    max_size=12,
)


@given(rows)
def test_it_is_a_double_loop_over_the_rows(rows):
    labels, predicted, weights = np.array(rows).T
    for own in (np.ones(len(rows)), weights):
        expected = naive(labels, predicted, own)
        found = concordance(labels, predicted, None if own is not weights else weights)
        assert found == pytest.approx(expected, rel=1e-9, nan_ok=True)


@pytest.mark.parametrize("n_rows", [2, 33, 300])
def test_it_is_a_double_loop_over_many_rows(n_rows):
    rng = np.random.default_rng(n_rows)
    labels = rng.exponential(size=n_rows) * rng.choice([-1, 1], n_rows)
    labels[0] = 1e-9
    predicted = np.abs(labels) + rng.normal(size=n_rows)
    expected = naive(labels, predicted, np.ones(n_rows))
    assert concordance_index(labels, predicted) == pytest.approx(expected, rel=1e-12)


def test_a_weight_is_a_number_of_repetitions():
    rng = np.random.default_rng(0)
    labels, predicted = rng.choice([-2, -1, 1, 2, 3], 20), rng.integers(0, 9, 20)
    times = rng.integers(0, 4, 20)
    repeated = concordance_index(labels.repeat(times), predicted.repeat(times))
    assert concordance_index(labels, predicted, sample_weight=times) == pytest.approx(repeated)


def test_perfect_reversed_and_constant_predictions():
    times = np.array([4.0, 1.0, 3.0, 2.0])
    assert concordance_index(times, times) == 1
    assert concordance_index(times, -times) == 0
    assert concordance_index(times, np.zeros(4)) == 0.5


@pytest.mark.parametrize("labels", [[-1.0, -2.0], [2.0, 2.0], [3.0, -1.0], [5.0]])
def test_without_two_rows_to_compare_it_is_nan(labels):
    with pytest.warns(UndefinedMetricWarning, match="No two rows can be compared"):
        assert np.isnan(concordance_index(labels, np.arange(len(labels))))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(concordance(labels, np.arange(len(labels))))


@pytest.mark.parametrize(
    ("labels", "predicted", "message"),
    [
        ([1.0, 0.0], [1.0, 2.0], "y_true holds 0"),
        ([1.0, np.nan], [1.0, 2.0], "y_true: Input contains NaN"),
        ([1.0, 2.0], [1.0, "late"], "^y_pred: could not convert string to float: 'late'"),
        ([1.0, 2.0], [1.0, np.inf], "y_pred: Input contains infinity"),
        ([1.0, 2.0], [1.0, 10**400], "y_pred: int too large"),
        ([1.0, 2.0], [1.0], "inconsistent numbers of samples"),
        ([[1.0, 2.0]] * 2, [1.0, 2.0], r"y_true has the shape \(2, 2\): pass one number"),
        ([1.0, 2.0], [[1.0, 2.0]] * 2, r"y_pred has the shape \(2, 2\)"),
    ],
)
def test_wrong_times_are_an_error(labels, predicted, message):
    with pytest.raises(ValueError, match=message):
        concordance_index(labels, predicted)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0, -1.0], "sample_weight holds negative weights"),
        ([1.0, np.nan], "sample_weight: Input contains NaN"),
        ([1.0], "inconsistent numbers of samples"),
    ],
)
def test_wrong_weights_are_an_error(weights, message):
    with pytest.raises(ValueError, match=message):
        concordance_index([1.0, 2.0], [1.0, 2.0], sample_weight=weights)
