"""The probe that leaves out embeddings of numbers, against naive computations and real pixels."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from sklearn_ple import PLEClassifierRegressor
from sklearn_ple.encoding.probe import (
    are_better_plain,
    compute_errors,
    compute_tangent_kernel,
)


def ones(y):
    return np.ones(y.shape)


def test_the_kernel_is_that_of_gradients_of_a_wide_network():
    rows = np.random.RandomState(0).randn(4, 3)
    generator = torch.Generator().manual_seed(0)
    width = 200_000
    x = torch.tensor(np.column_stack([rows, np.ones(4)]))
    hidden = torch.randn(4, width, generator=generator, dtype=torch.float64, requires_grad=True)
    head = torch.randn(width, generator=generator, dtype=torch.float64, requires_grad=True)
    outputs = torch.relu(x @ hidden) @ head / width**0.5
    gradients = []
    for output in outputs:
        of_row = torch.autograd.grad(output, (hidden, head), retain_graph=True)
        gradients.append(torch.cat([part.flatten() for part in of_row]))
    products = torch.stack(gradients) @ torch.stack(gradients).T
    np.testing.assert_allclose(compute_tangent_kernel(rows), 2 * products.numpy(), rtol=0.03)


def test_errors_are_those_of_fits_without_the_row(monkeypatch):
    rng = np.random.RandomState(1)
    X, y = rng.randn(12, 2), rng.randn(12, 2)
    monkeypatch.setattr("sklearn_ple.encoding.probe._PENALTIES", np.array([0.3]))
    there = rng.rand(12, 2) < 0.8
    kernel = compute_tangent_kernel(X)
    centred = kernel - kernel.mean(axis=0) - kernel.mean(axis=1)[:, None] + kernel.mean()
    penalty = 0.3 * np.linalg.eigvalsh(centred).mean()
    expected = np.zeros((12, 2))
    for i in range(12):
        others = np.delete(np.arange(12), i)
        # Kernel ridge with a free intercept: [K + penalty, 1; 1, 0] [a; b] = [y; 0].
        system = np.ones((12, 12))
        system[:11, :11] = kernel[np.ix_(others, others)] + penalty * np.eye(11)
        system[11, 11] = 0.0
        solved = np.linalg.solve(system, np.vstack([y[others], np.zeros((1, 2))]))
        expected[i] = (y[i] - kernel[i, others] @ solved[:11] - solved[11]) ** 2
    np.testing.assert_allclose(compute_errors(X, y, there), expected * there, atol=1e-8)


def test_pixels_are_read_as_they_are():
    X, y = load_digits(return_X_y=True)
    X = (X - X.mean(axis=0)) / np.maximum(X.std(axis=0), 1e-3)
    assert are_better_plain(X, y[:, None], ones(y[:, None]), [10])


@pytest.mark.parametrize("kind", ["jump", "noise", "line", "few"])
def test_embeddings_stay_unless_they_clearly_harm(kind, seed):
    rng = np.random.RandomState(seed)
    X = rng.randn(30 if kind == "few" else 400, 6)
    y = {"jump": np.abs(X[:, :1]) < 0.5, "noise": rng.randn(len(X), 1), "few": X[:, :1]}
    y["line"] = X[:, :1] + rng.randn(len(X), 1)
    assert not are_better_plain(X, y[kind].astype(float), ones(X[:, :1]), [0])


def test_labels_without_weight_do_not_count(seed):
    X, digits = load_digits(return_X_y=True)
    X = (X - X.mean(axis=0)) / np.maximum(X.std(axis=0), 1e-3)
    y = np.column_stack([digits, np.random.RandomState(seed).randn(len(X))])
    weights = ones(y)
    weights[:, 1] = 0.0
    assert are_better_plain(X, y, weights, [10, 0])
    y[:, 1] = 7.0
    assert are_better_plain(X, y, ones(y), [10, 0])
    assert not are_better_plain(X, y, 0 * weights, [10, 0])


def test_a_network_has_no_embeddings_of_pixels(seed):
    X, y = load_digits(return_X_y=True, as_frame=True)
    options = {"max_epochs": 1, "n_members": 2, "random_state": seed}
    y = y.to_frame().assign(odd=y % 2).astype(str)[:300]
    fitted = PLEClassifierRegressor(**options).fit(X[:300], y)
    assert fitted.module_.inputs.numeric_embedding is None
    named = PLEClassifierRegressor(numeric_embedding="bins", **options).fit(X[:300], y)
    assert named.module_.inputs.numeric_embedding is not None
