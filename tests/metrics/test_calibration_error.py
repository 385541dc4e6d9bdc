"""The expected calibration error against a loop over bins and scikit-learn's curve."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from sklearn_ple.metrics import expected_calibration_error


def error_by_loop(hits, confidence, n_bins, strategy, weights):
    """Naeini et al.: over the bins, |share that came true - mean probability|, by their rows."""
    if strategy == "uniform":
        edges = [k / n_bins for k in range(1, n_bins)]
    else:
        edges = [np.quantile(confidence, k / n_bins) for k in range(1, n_bins)]
    bins = {}
    for row, p in enumerate(confidence):
        bins.setdefault(sum(p > edge for edge in edges), []).append(row)
    error = 0.0
    for rows in bins.values():
        weight = sum(weights[r] for r in rows)
        came_true = sum(weights[r] * hits[r] for r in rows) / weight
        mean = sum(weights[r] * confidence[r] for r in rows) / weight
        error += weight / sum(weights) * abs(came_true - mean)
    return error


@given(
    n_rows=st.integers(1, 60),
    n_classes=st.integers(2, 4),
    n_bins=st.integers(1, 12),
    strategy=st.sampled_from(["uniform", "quantile"]),
    coarse=st.booleans(),
    seed=st.integers(0, 2**16),
)
def test_calibration_error_is_that_of_a_loop(n_rows, n_classes, n_bins, strategy, coarse, seed):
    rng = np.random.RandomState(seed)
    proba = rng.dirichlet(np.ones(n_classes), size=n_rows)
    if coarse and n_classes == 2:
        positive = rng.choice([0.0, 0.25, 0.5, 1.0], size=n_rows)
        proba = np.column_stack([1 - positive, positive])
    codes = rng.randint(n_classes, size=n_rows)
    weights = rng.uniform(0.1, 2, size=n_rows)
    best = proba.argmax(axis=1) if n_classes > 2 else np.ones(n_rows, dtype=int)
    hits, confidence = codes == best, proba[np.arange(n_rows), best]
    options = {"strategy": strategy, "labels": list("abcd")[:n_classes], "sample_weight": weights}
    found = expected_calibration_error(np.array(list("abcd"))[codes], proba, n_bins, **options)
    assert found == pytest.approx(error_by_loop(hits, confidence, n_bins, strategy, weights))
    assert 0 <= found <= 1


def test_calibration_error_is_that_of_scikit_learns_curve():
    rng = np.random.RandomState(0)
    prob = rng.uniform(size=1000)
    y = rng.uniform(size=1000) < prob**2
    for strategy in ("uniform", "quantile"):
        true, mean = calibration_curve(y, prob, n_bins=10, strategy=strategy)
        edges = np.linspace(0, 1, 11)
        edges = edges if strategy == "uniform" else np.quantile(prob, edges)
        counts, _ = np.histogram(prob, edges)
        wanted = np.average(np.abs(true - mean), weights=counts)
        assert expected_calibration_error(y, prob, strategy=strategy) == pytest.approx(wanted)


@pytest.mark.parametrize("dtype", ["float64", "Int64", "boolean", "object", "category"])
def test_calibration_error_skips_missing_labels(dtype):
    y = pd.Series([0, 1, None, 1, 0], dtype="Int64")
    y = y.astype(dtype if dtype != "category" else object).astype(dtype)
    prob = np.array([0.2, 0.7, 0.9, 0.6, 0.4])
    wanted = expected_calibration_error([0, 1, 1, 0], prob[[0, 1, 3, 4]])
    assert expected_calibration_error(y, prob) == pytest.approx(wanted)
    both = np.column_stack([1 - prob, prob])
    assert expected_calibration_error(y, both) == pytest.approx(wanted)
    weights = np.array([1.0, 1, 1, 1, 0])
    assert expected_calibration_error(y, prob, sample_weight=weights) == pytest.approx(
        expected_calibration_error([0, 1, 1], prob[[0, 1, 3]])
    )


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([0, 1], [0.5, 1.5]), {}, "y_prob contains values below 0 or above 1"),
        (([0, 1], [0.5, np.nan]), {}, "NaN"),
        (([0, 1], [0.5, 0.5]), {"n_bins": 0}, "'n_bins' parameter .* Got 0"),
        (([0, 1], [0.5, 0.5]), {"n_bins": 2.5}, "'n_bins' parameter .* Got 2.5"),
        (([0, 1], [0.5, "high"]), {}, "^y_prob: could not convert string to float: 'high'"),
        (([0, 1], [0.5, 0.5]), {"sample_weight": [1, -1]}, "Negative values .*sample_weight"),
        (([0, 1], [0.5, 0.5]), {"sample_weight": [1, "b"]}, "^sample_weight: could not convert"),
        (([0, 1], [0.5, 0.5]), {"sample_weight": [1, 10**400]}, "^sample_weight: int too large"),
        (([0, 1], [0.5, 10**400]), {}, "^y_prob: int too large"),
        (([0, 1], [0.5, 0.5]), {"strategy": "equal"}, "'strategy' parameter .*'uniform'"),
        (([0, 1], [0.5, 0.5]), {"strategy": np.ones(2)}, "'strategy' parameter"),
        (([0, 1], [0.5, 0.5]), {"labels": "yes"}, "'labels' parameter .* Got 'yes'"),
        (
            ([0, 0], [0.5, 0.5]),
            {},
            r"of 2 classes, y_true contains \[0\].*as the parameter labels",
        ),
        (([0, 1, 2], np.full((3, 4), 0.25)), {}, r"of 4 classes, y_true contains \[0, 1, 2\]"),
        (([1, 1], [[0.4], [0.6]]), {}, "y_prob has one column: .* a one-dimensional array"),
        (
            ([0, 3], [0.5, 0.5]),
            {"labels": [0, 1]},
            r"contains \[0, 3\], and the classes are \[0, 1\]",
        ),
        (([[0, 1], [1, 0]], [0.5, 0.5]), {}, "y_true has 2 columns"),
        ((["0", 1], [0.5, 0.5]), {}, "Target 'y_true' holds values of type mixed"),
        (([None, None], [0.5, 0.5]), {}, "No row of y_true has both a label"),
        (([0, 1, 1], [0.5, 0.5]), {}, "inconsistent"),
    ],
)
def test_wrong_arguments_are_named(arguments, options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        expected_calibration_error(*arguments, **options)


def test_columns_of_probabilities_may_name_the_classes():
    rng = np.random.RandomState(0)
    classes = np.array(["high", "low", "middle"])
    y, proba = classes[rng.randint(3, size=90)], rng.dirichlet([1, 1, 1], size=90)
    named = pd.DataFrame(proba, columns=classes)[["low", "middle", "high"]]
    assert expected_calibration_error(y, named) == expected_calibration_error(y, proba)
    # Other columns are in the sorted order of the classes.
    other = pd.DataFrame(proba, columns=list("abc"))
    assert expected_calibration_error(y, other) == expected_calibration_error(y, proba)


@pytest.mark.parametrize("labels", [None, ["no", "yes"]])
@pytest.mark.parametrize("columns", [["no", "yes"], ["yes", "no"]])
def test_columns_name_the_classes_beside_labels(columns, labels):
    positive = np.array([0.1, 0.2, 0.9, 0.8, 0.7])
    proba = pd.DataFrame({"no": 1 - positive, "yes": positive})[columns]
    y = ["no", "no", "yes", "yes", "yes"]
    error = expected_calibration_error(y, proba, labels=labels)
    assert error == pytest.approx(expected_calibration_error(y, positive)) == pytest.approx(0.18)


def test_weights_stay_with_their_rows_where_labels_are_missing():
    y, prob = [None, "no", "yes", "yes"], [0.5, 0.25, 0.25, 0.75]
    error = expected_calibration_error(y, prob, n_bins=2, sample_weight=[9, 1, 2, 1])
    # The two bins: .25 * 1 - .75 * 2, and -.25 * 1.
    assert error == pytest.approx((1.25 + 0.25) / 4)
