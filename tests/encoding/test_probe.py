"""The probe of numbers, against naive computations, real pixels and stated laws."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from sklearn_ple import PLEClassifierRegressor
from sklearn_ple.encoding.probe import (
    compute_errors,
    compute_tangent_kernel,
    probe_numbers,
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
    np.testing.assert_allclose(compute_errors(kernel, y, there), expected * there, atol=1e-8)


def test_pixels_are_read_as_they_are():
    X, y = load_digits(return_X_y=True)
    X = (X - X.mean(axis=0)) / np.maximum(X.std(axis=0), 1e-3)
    assert probe_numbers(X, y[:, None], ones(y[:, None]), [10]).plain


@pytest.mark.parametrize("kind", ["jump", "noise", "line", "few"])
def test_embeddings_stay_unless_they_clearly_harm(kind, seed):
    rng = np.random.RandomState(seed)
    X = rng.randn(30 if kind == "few" else 400, 6)
    y = {"jump": np.abs(X[:, :1]) < 0.5, "noise": rng.randn(len(X), 1), "few": X[:, :1]}
    y["line"] = X[:, :1] + rng.randn(len(X), 1)
    assert not probe_numbers(X, y[kind].astype(float), ones(X[:, :1]), [0]).plain


def test_labels_without_weight_do_not_count(seed):
    X, digits = load_digits(return_X_y=True)
    X = (X - X.mean(axis=0)) / np.maximum(X.std(axis=0), 1e-3)
    y = np.column_stack([digits, np.random.RandomState(seed).randn(len(X))])
    weights = ones(y)
    weights[:, 1] = 0.0
    assert probe_numbers(X, y, weights, [10, 0]).plain
    y[:, 1] = 7.0
    assert probe_numbers(X, y, ones(y), [10, 0]).plain
    assert not probe_numbers(X, y, 0 * weights, [10, 0]).plain


def test_a_network_has_no_embeddings_of_pixels(seed):
    X, y = load_digits(return_X_y=True, as_frame=True)
    options = {"max_epochs": 1, "n_members": 2, "random_state": seed}
    y = y.to_frame().assign(odd=y % 2).astype(str)[:300]
    fitted = PLEClassifierRegressor(**options).fit(X[:300], y)
    assert fitted.module_.inputs.numeric_embedding is None
    named = PLEClassifierRegressor(numeric_embedding="bins", **options).fit(X[:300], y)
    assert named.module_.inputs.numeric_embedding is not None


# Laws of six columns, uniform from -2 to 2.
LAWS = {
    "product": lambda X, noise: X[:, 0] * X[:, 1] + 0.2 * noise,
    "arm": lambda X, noise: np.cos(X[:, 0]) + np.cos(X[:, 0] + X[:, 1]) + X[:, 2],
    "sum": lambda X, noise: X[:, 0] + np.sin(X[:, 1]) + np.abs(X[:, 2]) + 0.2 * noise,
    "noise": lambda X, noise: noise,
    "product in noise": lambda X, noise: X[:, 0] * X[:, 1] + 2.5 * noise,
}


@pytest.mark.parametrize("law", LAWS)
def test_interactions_are_found_where_they_explain_much(law, seed):
    rng = np.random.RandomState(seed)
    X = rng.uniform(-2, 2, (300, 6))
    y = LAWS[law](X, rng.randn(300))[:, None]
    found = probe_numbers(X, y, ones(y), [0])
    assert found.interactions == (law in ("product", "arm"))


def test_interactions_need_rows_for_each_column(seed):
    X = np.random.RandomState(seed).uniform(-2, 2, (300, 16))
    y = X[:, :1] * X[:, 1:2]
    assert not probe_numbers(X, y, ones(y), [0]).interactions
    assert probe_numbers(X[:, :15], y, ones(y), [0]).interactions


@pytest.fixture(scope="module")
def product():
    X = np.random.RandomState(0).uniform(-2, 2, (200, 3))
    return X, X[:, :1] * X[:, 1:2]


def list_sizes(model):
    """Return the widths of the experts' layers and all dropout rates of the first member."""
    state = model.module_.state_dict()
    layers = [value for name, value in state.items() if "experts" in name and "weight" in name]
    rates = {
        float(rate)
        for module in model.module_.modules()
        for rate in np.ravel(getattr(module, "rates", getattr(module, "p", [])))
    }
    return len(layers), rates


def test_networks_of_interactions_are_deeper_and_have_no_dropout(product):
    few = {"max_epochs": 1, "n_members": 4, "random_state": 0}
    deep = PLEClassifierRegressor(**few).fit(*product)
    plain = PLEClassifierRegressor(**few).fit(product[0], product[0][:, :1])
    by_name = {"dropout": 0.3, "feature_dropout": 0.1, "expert_hidden_units": (48,)}
    named = PLEClassifierRegressor(**few, **by_name).fit(*product)
    assert list_sizes(named) == list_sizes(plain)
    n_layers, rates = list_sizes(deep)
    assert n_layers > list_sizes(plain)[0]
    assert max(rates, default=0.0) == 0 < max(list_sizes(plain)[1])
