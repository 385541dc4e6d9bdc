"""Synthetic tasks: their formula, relatedness, classes and missing labels."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_ple.datasets import make_multitask


def cosines(coef):
    unit = coef / np.linalg.norm(coef, axis=0)
    return unit.T @ unit


def make_weights(*args, **params):
    return make_multitask(*args, **params, return_X_y=False).coef


def correlations(seed, n_tasks):
    """Some matrix of correlations."""
    vectors = np.random.RandomState(seed).randn(n_tasks, n_tasks + 1)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    matrix = vectors @ vectors.T
    np.fill_diagonal(matrix, 1.0)
    return matrix


def test_defaults_are_those_of_the_paper(seed):
    X, y = make_multitask(random_state=seed)
    assert X.shape == (1000, 512) and y.shape == (1000, 2)
    assert X.dtype == y.dtype == np.float64
    assert np.isfinite(y).all()
    assert abs(X.mean()) < 0.01 and abs(X.std() - 1) < 0.01
    bunch = make_multitask(random_state=seed, return_X_y=False)
    assert bunch.frequencies.shape == bunch.phases.shape == (10,)
    np.testing.assert_allclose(np.linalg.norm(bunch.coef, axis=0), 1)


def test_targets_follow_the_formula_entry_by_entry():
    bunch = make_multitask(
        20, 7, n_tasks=3, n_sinusoids=4, noise=0, scale=1.7, random_state=1, return_X_y=False
    )
    for x, labels in zip(bunch.data, bunch.target, strict=True):
        for w, label in zip(bunch.coef.T, labels, strict=True):
            z = sum(a * b for a, b in zip(w, x, strict=True))
            expected = z
            for alpha, beta in zip(bunch.frequencies, bunch.phases, strict=True):
                expected += math.sin(alpha * z + beta)
            assert label == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("degree", "degrees"), [(3, [3, 3, 3]), ([1, 4, 2], [1, 4, 2])])
def test_polynomials_follow_the_formula_entry_by_entry(degree, degrees):
    params = {"n_tasks": 3, "noise": 0, "scale": 1.3, "random_state": 1, "return_X_y": False}
    bunch = make_multitask(20, 7, form="polynomial", degree=degree, **params)
    assert bunch.degrees == dict(zip(bunch.target_names, degrees, strict=True))
    assert bunch.frequencies.size == bunch.phases.size == 0
    for x, labels in zip(bunch.data, bunch.target, strict=True):
        for w, label, own in zip(bunch.coef.T, labels, degrees, strict=True):
            z = sum(a * b for a, b in zip(w, x, strict=True))
            assert label == pytest.approx(sum(z**k for k in range(1, own + 1)), abs=1e-12)
    assert make_multitask(20, 7, **params).degrees == {}


def test_a_power_that_overflows_leaves_other_tasks_alone():
    params = {"form": "polynomial", "scale": 1e100, "random_state": 0}
    with np.errstate(over="ignore"):
        _, y = make_multitask(20, 3, degree=[1, 4], **params)
    _, linear = make_multitask(20, 3, degree=1, **params)
    np.testing.assert_array_equal(y[:, 0], linear[:, 0])


@pytest.mark.parametrize("n_tasks", [2, 16])
def test_weights_of_polynomials_have_the_correlations_too(n_tasks, seed):
    wanted = correlations(seed, n_tasks)
    coef = make_weights(5, 30, n_tasks=n_tasks, form="polynomial", correlation=wanted)
    np.testing.assert_allclose(coef.T @ coef, wanted, atol=1e-10)


def test_polynomials_have_the_moments_of_theory(seed):
    """For z of N(0, 1), z + z² has the mean 1 and the variance 3, and z + z² + z³ 1 and 24."""
    n = 40_000
    params = {"n_tasks": 2, "form": "polynomial", "noise": 0, "random_state": seed}
    _, y = make_multitask(n, 3, degree=[2, 3], **params)
    # Six deviations of the means, and as many of the variances, by simulation.
    np.testing.assert_allclose(y.mean(axis=0), 1, atol=0.15)
    np.testing.assert_allclose(y.var(axis=0), [3, 24], rtol=0.25)


def test_each_task_has_its_noise(seed):
    params = {"n_samples": 4000, "n_features": 5, "n_tasks": 3, "random_state": 2 + seed}
    clean, noisy = (make_multitask(**params, noise=noise)[1] for noise in (0, [0, 0.5, 2]))
    np.testing.assert_allclose((noisy - clean).std(axis=0), [0, 0.5, 2], rtol=0.06)


def test_noise_is_a_standard_deviation(seed):
    params = {"n_samples": 4000, "n_features": 5, "n_tasks": 3, "random_state": 2 + seed}
    _, clean = make_multitask(**params, noise=0)
    _, noisy = make_multitask(**params)
    errors = noisy - clean
    np.testing.assert_allclose(errors.std(axis=0), 0.1, rtol=0.05)
    np.testing.assert_allclose(errors.mean(axis=0), 0, atol=0.01)
    # each task has its own
    np.testing.assert_allclose(np.corrcoef(errors.T), np.eye(3), atol=0.06)
    _, louder = make_multitask(**params, noise=2)
    np.testing.assert_allclose(louder - clean, 20 * errors, atol=1e-9)


@pytest.mark.parametrize("p", [-1, -0.3, 0, 0.5, 0.999, 1.0])
def test_weights_of_two_tasks_follow_the_formula_of_the_paper(p):
    params = {"n_samples": 5, "n_features": 30, "scale": 2.0, "random_state": 3}
    unrelated = make_weights(**params, correlation=0)
    coef = make_weights(**params, correlation=p)
    u1, u2 = unrelated.T / 2.0
    np.testing.assert_allclose([u1 @ u1, u2 @ u2, u1 @ u2], [1, 1, 0], atol=1e-12)
    np.testing.assert_allclose(coef[:, 0], 2.0 * u1, atol=1e-12)
    np.testing.assert_allclose(coef[:, 1], 2.0 * (p * u1 + math.sqrt(1 - p**2) * u2), atol=1e-12)


@given(seed=st.integers(0, 1000), n_tasks=st.integers(1, 6))
def test_weights_have_the_matrix_of_correlations(seed, n_tasks):
    matrix = correlations(seed, n_tasks)
    coef = make_weights(4, 20, n_tasks=n_tasks, correlation=matrix, random_state=seed)
    np.testing.assert_allclose(cosines(coef), matrix, atol=1e-9)
    # the weights that come first do not depend on those that follow
    unit, _ = np.linalg.qr(coef)
    factor = np.linalg.cholesky(matrix)
    np.testing.assert_allclose(np.abs(unit.T @ coef), np.abs(factor.T), atol=1e-9)


def test_correlations_may_be_singular():
    matrix = [[1, 1, 0], [1, 1, 0], [0, 0, 1]]
    params = {"n_tasks": 3, "correlation": matrix, "noise": 0, "random_state": 0}
    _, y = make_multitask(50, 10, **params)
    np.testing.assert_allclose(cosines(make_weights(50, 10, **params)), matrix, atol=1e-12)
    np.testing.assert_allclose(y[:, 0], y[:, 1], atol=1e-12)


def test_tasks_without_sinusoids_are_linear():
    params = {"n_sinusoids": 0, "noise": 0, "random_state": 0}
    X, y = make_multitask(100, 10, **params)
    found = np.linalg.lstsq(X, y)[0]
    np.testing.assert_allclose(found, make_weights(100, 10, **params), atol=1e-12)


@given(
    n_samples=st.integers(1, 60),
    n_classes=st.integers(3, 8),
    n_tasks=st.integers(1, 4),
    seed=st.integers(0, 100),
)
def test_classes_are_of_the_same_size_and_in_order(n_samples, n_classes, n_tasks, seed):
    n_samples += n_classes
    params = {"n_samples": n_samples, "n_features": 6, "n_tasks": n_tasks, "random_state": seed}
    _, numbers = make_multitask(**params)
    for kind, n_cuts in (("binary", 2), ("multiclass", n_classes)):
        _, classes = make_multitask(**params, task_types=kind, n_classes=n_classes)
        for values, column in zip(numbers.T, classes.T, strict=True):
            labels, counts = np.unique(column, return_counts=True)
            assert labels.tolist() == list(range(n_cuts))
            assert counts.max() - counts.min() <= 1
            # ordered by the number they are cut from
            assert (np.diff(column[np.argsort(values)]) >= 0).all()


def test_each_task_may_be_of_a_kind_of_its_own():
    kinds = ["multiclass", "regression", "binary"]
    params = {"n_samples": 90, "n_features": 8, "n_tasks": 3, "random_state": 0}
    _, numbers = make_multitask(**params)
    bunch = make_multitask(**params, task_types=kinds, return_X_y=False)
    assert bunch.task_types == dict(zip(["task0", "task1", "task2"], kinds, strict=True))
    assert np.unique(bunch.target[:, 0]).tolist() == [0, 1, 2]
    assert np.unique(bunch.target[:, 2]).tolist() == [0, 1]
    np.testing.assert_array_equal(bunch.target[:, 1], numbers[:, 1])


@given(
    shares=st.lists(st.floats(0, 1, exclude_max=True), min_size=3, max_size=3),
    n_samples=st.integers(1, 50),
    seed=st.integers(0, 100),
)
def test_each_task_lacks_its_share_of_labels(shares, n_samples, seed):
    params = {"n_samples": n_samples, "n_features": 5, "n_tasks": 3, "random_state": seed}
    X, whole = make_multitask(**params)
    X_again, y = make_multitask(**params, missing=shares)
    np.testing.assert_array_equal(X_again, X)
    missing = np.isnan(y)
    for column, share in zip(missing.T, shares, strict=True):
        assert abs(column.sum() - share * n_samples) <= 1
        assert not column.all()
    np.testing.assert_array_equal(y[~missing], whole[~missing])


def test_labels_of_different_tasks_are_missing_independently(seed):
    _, y = make_multitask(2000, 5, missing=0.5, random_state=seed)
    missing = np.isnan(y)
    assert missing.sum(axis=0).tolist() == [1000, 1000]
    # chosen for each task on its own: a quarter of the rows has no label left
    assert missing.all(axis=1).mean() == pytest.approx(0.25, abs=0.03)
    # and anywhere in the table
    assert missing[:1000].mean() == pytest.approx(0.5, abs=0.05)


def test_frames_equal_arrays():
    params = {
        "n_samples": 40,
        "n_features": 6,
        "n_tasks": 3,
        "task_types": ["regression", "binary", "multiclass"],
        "random_state": 0,
    }
    arrays = make_multitask(**params, return_X_y=False)
    frames = make_multitask(**params, return_X_y=False, as_frame=True)
    assert arrays.frame is None
    assert list(frames.data) == frames.feature_names == [f"x{number}" for number in range(6)]
    assert list(frames.target) == frames.target_names == ["task0", "task1", "task2"]
    assert list(frames.frame) == frames.feature_names + frames.target_names
    np.testing.assert_array_equal(frames.data, arrays.data)
    np.testing.assert_array_equal(frames.target.astype(float), arrays.target)
    assert frames.target.dtypes.astype(str).tolist() == ["float64", "int64", "category"]
    X, y = make_multitask(**params, as_frame=True)
    pd.testing.assert_frame_equal(X, frames.data)
    pd.testing.assert_frame_equal(y, frames.target)
    np.testing.assert_array_equal(frames.coef, arrays.coef)


def test_the_same_seed_makes_the_same_data():
    first, second, other = (make_multitask(random_state=seed) for seed in (0, 0, 1))
    for a, b, c in zip(first, second, other, strict=True):
        np.testing.assert_array_equal(a, b)
        assert not np.array_equal(a, c)
    rng = np.random.RandomState(0)
    np.testing.assert_array_equal(make_multitask(random_state=rng)[1], first[1])
    assert not np.array_equal(make_multitask(random_state=rng)[1], first[1])


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_samples": 0}, "'n_samples' parameter"),
        ({"n_features": 1.5}, "'n_features' parameter"),
        ({"n_tasks": 0}, "'n_tasks' parameter"),
        ({"n_sinusoids": -1}, "'n_sinusoids' parameter"),
        ({"scale": 0}, "'scale' parameter"),
        ({"noise": -0.1}, "'noise' parameter"),
        ({"noise": [0.1, -0.1]}, r"noise must be a float .* got \[0.1, -0.1\]"),
        ({"noise": [0.1, np.inf]}, r"noise must be a float .* got \[0.1, inf\]"),
        ({"noise": ["a", 0.1]}, r"noise must be a float .* got \['a', 0.1\]"),
        ({"noise": [0.1]}, "noise must be .* or one for each of the n_tasks=2"),
        ({"form": "cubic"}, "'form' parameter"),
        ({"degree": 0}, "'degree' parameter"),
        ({"degree": [1, 0]}, r"degree must be an int .* got \[1, 0\]"),
        ({"degree": [1, 2, 3]}, "degree must be .* or one for each of the n_tasks=2"),
        ({"n_classes": 2}, "'n_classes' parameter"),
        ({"random_state": "x"}, "'random_state' parameter"),
        ({"n_features": 2, "n_tasks": 3}, "n_features must be at least n_tasks=3, got 2"),
        ({"task_types": "ordinal"}, "'task_types' parameter"),
        ({"task_types": ["binary", "ordinal"]}, r"task_types must be a str among .*'ordinal'\]"),
        ({"task_types": ["binary"]}, "task_types must be .* or one for each of the n_tasks=2"),
        ({"n_samples": 1, "task_types": "binary"}, "n_samples must be at least 2, one a class"),
        ({"n_samples": 4, "task_types": "multiclass", "n_classes": 5}, "at least 5, one a class"),
        ({"missing": 1.0}, "'missing' parameter .* Got 1.0"),
        ({"missing": -0.1}, "'missing' parameter"),
        ({"missing": [0.1, np.nan]}, r"missing must be a float .* got \[0.1, nan\]"),
        ({"missing": ["a", 0.1]}, r"missing must be a float .* got \['a', 0.1\]"),
        ({"missing": [0.1, 0.2, 0.3]}, "missing must be .* or one for each of the n_tasks=2"),
        ({"correlation": 1.1}, "'correlation' parameter .* Got 1.1"),
        ({"correlation": np.nan}, "'correlation' parameter .* Got nan"),
        ({"correlation": [["a", 0], [0, 1]]}, "correlation must be of numbers"),
        ({"correlation": [[1, 0], [0]]}, "correlation must be of numbers"),
        ({"correlation": np.eye(3)}, r"shape \(n_tasks, n_tasks\) = \(2, 2\), got shape \(3, 3\)"),
        ({"correlation": [[1, 0.5], [0.4, 1]]}, "correlation must be symmetric"),
        ({"correlation": [[0.9, 0.5], [0.5, 0.9]]}, "correlation must be .* ones on the diagonal"),
        (
            {"correlation": -0.6, "n_tasks": 3},
            r"semidefinite.*be at least .* = -0.5",
        ),
        (
            {"correlation": [[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]], "n_tasks": 3},
            "correlation must be positive semidefinite",
        ),
    ],
)
def test_wrong_parameters_are_named(params, message):
    with pytest.raises(ValueError, match=message):
        make_multitask(**params)
