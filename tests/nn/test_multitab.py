"""What MultiTab-Net has of its own: tokens, masks, the weights of its attention."""

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose
from scipy import sparse
from torch.nn import functional as F

from sklearn_ple import MultiTabNetClassifierRegressor, export
from sklearn_ple.nn import Column, MultiTabNet
from sklearn_ple.nn.records import join_weights, record_outputs

N_TASKS, N = 3, 40


def make(in_features=4, **params):
    torch.manual_seed(0)
    options = {"token_dim": 8, "n_heads": 2, "hidden_units": (5,)} | params
    return MultiTabNet(in_features, [1] * N_TASKS, **options).double()


@pytest.fixture(scope="module")
def table():
    rng = np.random.RandomState(0)
    X = pd.DataFrame(rng.randn(N, 3), columns=["a", "b", "c"])
    X["place"] = pd.Categorical(rng.choice(["north", "south"], N))
    X.loc[::6, "b"] = np.nan
    return X, pd.DataFrame({"late": X["a"] > 0, "price": X["c"] + 0.1 * rng.randn(N)})


def fit(X, y, **params):
    fast = {"n_members": 2, "max_epochs": 2, "random_state": 0, "device": "cpu"}
    return MultiTabNetClassifierRegressor(**fast | params).fit(X, y)


# Through the columns' tokens, which attend to all tasks' in the first of two blocks.
@pytest.mark.parametrize(("n_blocks", "depends"), [(1, False), (2, True)])
def test_a_tasks_output_depends_on_anothers_token_only_through_columns(n_blocks, depends):
    network = make(hidden_units=(5,) * n_blocks)
    outputs = network(torch.randn(6, 4, dtype=torch.float64))
    for task in range(N_TASKS):
        (gradient,) = torch.autograd.grad(
            outputs[:, task].sum(), network.task_tokens, retain_graph=True
        )
        reached = gradient[0].abs().sum(dim=1) > 1e-12
        assert reached.tolist() == [depends or other == task for other in range(N_TASKS)]


def test_tokens_are_linear_in_all_features_of_a_column():
    columns = [Column("a", [0, 3]), Column("b", [1]), Column("c", [2, 4])]
    network = make(5, n_members=2, columns=columns)
    inputs = torch.randn(2, 6, 5, dtype=torch.float64)
    tokens = network.column_tokens(inputs)
    # Columns of one size are side by side.
    assert network.column_tokens.names == ["a", "c", "b"]
    pair, single = network.column_tokens.layers
    for member in range(2):
        for position, (layer, index, places) in enumerate(
            [(pair, 0, [0, 3]), (pair, 1, [2, 4]), (single, 0, [1])]
        ):
            n_alike = 2 if layer is pair else 1
            own = member * n_alike + index
            expected = F.linear(inputs[member][:, places], layer.weight[own], layer.bias[own])
            torch.testing.assert_close(tokens[member, :, position], expected)


@pytest.mark.parametrize("n_members", [1, 2])
def test_weights_are_those_of_the_attention(n_members):
    network = make(n_members=n_members, hidden_units=(5, 3))
    inputs = torch.randn(n_members, 6, 4, dtype=torch.float64)
    tasks = ["x", "y", "z"]
    levels = network.gate_names(tasks)
    assert len(levels) == 2
    tokens = [f"token of {task}" for task in tasks]
    for (names,) in levels:
        assert names.gates == tasks
        assert names.experts == [["x0", "x1", "x2", "x3", token] for token in tokens]
    attention = network.attention_blocks[0]
    with torch.no_grad(), record_outputs([attention.weights]) as (batches,):
        network(inputs)
    weights = join_weights(batches, n_members)
    assert weights.shape == (n_members, N_TASKS, 6, 5)
    assert_allclose(weights.sum(dim=-1), 1)

    seen = []
    tokens = torch.cat(
        [
            network.task_tokens.unsqueeze(1).expand(-1, 6, -1, -1),
            network.column_tokens(inputs),
        ],
        dim=2,
    )
    normed = F.layer_norm(tokens, (8,))
    for member in range(n_members):
        q_weight, q_bias = attention.queries.weight[member], attention.queries.bias[member]
        k_weight = attention.keys_and_values.weight[member][:8]
        for row in range(6):
            for task in range(N_TASKS):
                query = q_weight @ normed[member, row, task] + q_bias
                read = [*range(N_TASKS, N_TASKS + 4), task]
                keys = [k_weight @ normed[member, row, token] for token in read]
                of_heads = [
                    torch.stack([query[part] @ key[part] for key in keys]).div(2).softmax(0)
                    for part in (slice(0, 4), slice(4, 8))
                ]
                seen.append(sum(of_heads) / 2)
    expected = torch.stack(seen).view(n_members, 6, N_TASKS, -1).transpose(1, 2)
    assert_allclose(weights, expected.detach(), rtol=1e-10)


def test_attention_has_the_names_of_the_columns(table):
    X, y = table
    (attention,) = fit(X, y).gate_weights(X)
    assert list(attention) == ["late", "price"]
    # A column with holes has one feature more, so that its token is made apart.
    assert set(attention["late"].columns) == {"a", "b", "c", "place", "token of late"}
    assert_allclose(attention["price"].sum(axis="columns"), 1, rtol=1e-6)


def test_rows_are_predicted_alone(table):
    X, y = table
    model = fit(X, y, linear_path=False)
    together = model.predict(X)["price"]
    alone = [model.predict(X[row : row + 1])["price"].iloc[0] for row in (0, 7, N - 1)]
    assert_allclose(alone, together.iloc[[0, 7, N - 1]], rtol=1e-5)


def test_files_hold_the_network_and_its_names(table, tmp_path):
    X, y = table
    model = fit(X, y, hidden_units=(8, 8))
    export.save(model, tmp_path / "model.safetensors")
    again = export.load(tmp_path / "model.safetensors")
    pd.testing.assert_frame_equal(again.predict(X), model.predict(X))
    first, second = (own.gate_weights(X)[0]["late"] for own in (again, model))
    pd.testing.assert_frame_equal(first, second)


def test_too_many_columns_are_an_error():
    X = sparse.random(20, 1001, density=0.01, format="csr", random_state=0)
    with pytest.raises(ValueError, match="X has 1001, more than 1000: select columns"):
        fit(X, np.arange(20.0))
