"""Errors of rows that are left out, against fits without them."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from sklearn_ple.encoding.left_out import compute_left_out


@pytest.mark.parametrize("n_columns", [2, 9, 30])
def test_errors_are_those_of_fits_without_the_row(n_columns, seed):
    rng = np.random.RandomState(seed)
    X, y = rng.randn(10, n_columns), rng.randn(10, 2)
    basis, sizes, _ = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
    found = compute_left_out(basis, sizes**2, y, 2.0, 1e-9)
    for i, others in enumerate(~np.eye(10, dtype=bool)):
        expected = y[i] - Ridge(alpha=2.0).fit(X[others], y[others]).predict(X[[i]])[0]
        np.testing.assert_allclose(found[i], expected, atol=1e-10)


def test_a_row_that_the_fit_reproduces_has_a_bounded_error():
    found = compute_left_out(np.eye(3), np.full(3, 1e9), np.eye(3), 1.0, 0.5)
    assert np.abs(found).max() < 1
