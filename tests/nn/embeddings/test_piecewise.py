"""Embeddings of numbers by bins, against loops and against the library of the method's authors."""

import copy
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rtdl_num_embeddings import PiecewiseLinearEncoding
from torch.nn import functional as F
from torch.testing import assert_close

from sklearn_ple.nn import NumericEmbedding

PARTS = [(True, True), (True, False), (False, True)]


def make_edges(*n_bins):
    """Draw ascending edges, by columns."""
    return [torch.rand(n + 1).add(0.1).cumsum(0) - 2 for n in n_bins]


def make(edges, dim, n_members=1, linear=True, steps=True, step_scale=None):
    parts = {"linear": linear, "steps": steps, "step_scale": step_scale}
    return NumericEmbedding(edges, dim, views=n_members, **parts).double()


@st.composite
def tables(draw):
    """Draw edges of some columns, and numbers in the bins, on edges and outside."""
    quarters = st.integers(-20, 20).map(lambda n: n / 4)
    columns = st.lists(quarters, min_size=2, max_size=7, unique=True).map(sorted)
    edges = draw(st.lists(columns, min_size=1, max_size=4))
    n_rows = draw(st.integers(0, 5))
    rows = [[draw(quarters | st.floats(-9, 9)) for _ in edges] for _ in range(n_rows)]
    return edges, torch.tensor(rows, dtype=torch.float64).reshape(n_rows, len(edges))


def embed_one(embedding, edges, column, member, number, scale):
    """Embed one number by the formula."""
    rows = slice(sum(embedding.n_bins[:column]), sum(embedding.n_bins[: column + 1]))
    dim = embedding.embedding_dim
    own = slice(member * dim, (member + 1) * dim)
    edges = edges[column]
    bin = max([0, *[b for b in range(len(edges) - 1) if number >= edges[b]]])
    fraction = min(1.0, max(0.0, (number - edges[bin]) / (edges[bin + 1] - edges[bin])))
    total = torch.zeros(dim, dtype=torch.float64)
    if embedding.linear_weight is not None:
        vectors = embedding.linear_weight[rows, own]
        total = total + vectors[:bin].sum(0) + fraction * vectors[bin]
    if embedding.step_weight is not None:
        total = total + scale * embedding.step_weight[rows, own][bin]
    return total


@given(tables(), st.integers(1, 3), st.integers(1, 3), st.sampled_from(PARTS), st.booleans())
def test_a_number_is_embedded_by_the_bins_up_to_its_own(table, dim, n_members, parts, scaled):
    edges, numbers = table
    scales = torch.rand(len(edges), n_members) if scaled else torch.ones(len(edges), n_members)
    embedding = make(edges, dim, n_members, *parts, scales if scaled else None)
    for vectors in embedding.parameters():
        torch.nn.init.normal_(vectors)
    outputs = embedding(numbers)
    n_rows, n_columns = numbers.shape
    assert outputs.shape == (n_members, n_rows, n_columns * dim)
    outputs = outputs.view(n_members, n_rows, n_columns, dim)
    for member in range(n_members):
        for row in range(n_rows):
            for column in range(n_columns):
                number = numbers[row, column].item()
                scale = scales[column, member].item()
                expected = embed_one(embedding, edges, column, member, number, scale)
                assert_close(outputs[member, row, column], expected)


def dense(embedding, edges, numbers):
    """Embed by wide products: of the authors' encoding, and of the one-hot bins."""
    clamped = torch.stack(
        [column.clamp(e[0], e[-1]) for column, e in zip(numbers.T, edges, strict=True)], dim=1
    )
    encoded = PiecewiseLinearEncoding(edges).double()(clamped).split(embedding.n_bins, dim=1)
    outputs = 0
    if embedding.linear_weight is not None:
        tables = embedding.linear_weight.split(embedding.n_bins)
        outputs = torch.stack([c @ table for c, table in zip(encoded, tables, strict=True)], 1)
    if embedding.step_weight is not None:
        tables = embedding.step_weight.split(embedding.n_bins)
        parts = []
        for column, e, table in zip(numbers.T, edges, tables, strict=True):
            bins = torch.bucketize(column.detach().contiguous(), e[1:-1], right=True)
            parts.append(F.one_hot(bins, len(table)).to(table) @ table)
        outputs = outputs + torch.stack(parts, 1)
    n_rows, n_columns = numbers.shape
    outputs = outputs.view(n_rows, n_columns, len(embedding.views), -1)
    return outputs.permute(2, 0, 1, 3).flatten(2)


@pytest.mark.parametrize(("linear", "steps"), PARTS)
@pytest.mark.parametrize("n_bins", [(5, 5, 5), (1, 7, 2), (1,), (1, 1), (6,)])
@pytest.mark.parametrize("n_members", [1, 3])
def test_outputs_and_gradients_are_those_of_the_dense_encoding(linear, steps, n_bins, n_members):
    torch.manual_seed(0)
    edges = [column.double() for column in make_edges(*n_bins)]
    embedding = make(edges, 4, n_members, linear, steps)
    numbers = torch.randn(40, len(n_bins), dtype=torch.float64, requires_grad=True)
    outputs, expected = embedding(numbers), dense(embedding, edges, numbers)
    # Edges are float32 in the embedding.
    assert_close(outputs, expected, rtol=1e-5, atol=1e-5)
    weights = torch.randn_like(outputs)
    parameters = list(embedding.parameters()) + ([numbers] if linear else [])
    ours = torch.autograd.grad((weights * outputs).sum(), parameters)
    theirs = torch.autograd.grad((weights * expected).sum(), parameters)
    for gradient, other in zip(ours, theirs, strict=True):
        assert_close(gradient, other, rtol=1e-5, atol=1e-5)


def test_gradients_of_float32_are_those_of_float64():
    torch.manual_seed(0)
    embedding = NumericEmbedding(make_edges(*[32] * 50), 8)
    numbers, weights = torch.randn(64, 50), torch.randn(1, 64, 400)
    (weights * embedding(numbers)).sum().backward()
    exact = copy.deepcopy(embedding).double()
    exact.zero_grad()
    assert_close(embedding(numbers).double(), exact(numbers.double()), rtol=1e-4, atol=1e-4)
    (weights.double() * exact(numbers.double())).sum().backward()
    for ours, theirs in zip(embedding.parameters(), exact.parameters(), strict=True):
        assert_close(ours.grad.double(), theirs.grad, rtol=1e-4, atol=1e-4)


def test_numbers_far_outside_are_embedded_as_the_nearest_edge_is():
    embedding = NumericEmbedding([[-1.0, 0.0, 3.0], [2.0, 2.5]], 3)
    outside = torch.tensor([[-1e30, 1e30], [3e38, -3e38]])
    # The least and the greatest number that are inside.
    edges = torch.tensor([[-1.0, 2.5], [3.0, 2.0]])
    assert_close(embedding(outside), embedding(edges), rtol=0, atol=0)


def test_steps_alone_are_constant_in_a_bin_and_linear_alone_is_continuous():
    torch.manual_seed(0)
    edges, numbers = [[0.0, 1.0, 2.0]], torch.tensor([[0.0], [0.99], [1.0], [2.0], [1 - 1e-7]])
    steps = NumericEmbedding(edges, 2, linear=False)(numbers)[0]
    assert torch.equal(steps[0], steps[1]) and torch.equal(steps[2], steps[3])
    assert not torch.equal(steps[1], steps[2])
    linear = NumericEmbedding(edges, 2, steps=False)(numbers)[0]
    assert not linear[0].any()
    assert_close(linear[4], linear[2])


def test_without_any_part_there_is_nothing_to_embed_by():
    with pytest.raises(ValueError, match="linear and steps are both False"):
        NumericEmbedding([[0.0, 1.0]], 2, linear=False, steps=False)


@pytest.mark.parametrize("make_array", [list, np.array, torch.tensor])
def test_edges_are_whatever_is_like_an_array(make_array):
    embedding = NumericEmbedding([make_array([0.0, 0.5, 1.0]), make_array([0.0, 2.0])], 2)
    assert embedding.n_bins == [2, 1]
    assert all(b.dtype in (torch.float32, torch.int64) for b in embedding.buffers())
    assert embedding.linear_weight.shape == embedding.step_weight.shape == (3, 2)


def test_vectors_start_smaller_the_more_bins_there_are():
    torch.manual_seed(0)
    embedding = NumericEmbedding(make_edges(4, 100), 1000)
    before = embedding.linear_weight.detach().clone()
    few, many = (w.std().item() for w in embedding.linear_weight.split([4, 100]))
    assert math.isclose(few, 0.25, rel_tol=0.1)
    assert math.isclose(many, 0.05, rel_tol=0.1)
    # Steps are random only where there is nothing else.
    assert not embedding.step_weight.any()
    alone = NumericEmbedding(make_edges(4, 100), 1000, linear=False).step_weight
    assert math.isclose(alone.std().item(), 0.5, rel_tol=0.1)
    embedding.reset_parameters()
    assert not torch.equal(embedding.linear_weight, before)


def test_gradients_pass_the_numeric_check():
    torch.manual_seed(0)
    embedding = make(make_edges(3, 1, 4), 2, n_members=2)
    numbers = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
    names = [name for name, _ in embedding.named_parameters()]

    def embed(numbers, *parameters):
        state = dict(zip(names, parameters, strict=True))
        return torch.func.functional_call(embedding, state, numbers)

    assert torch.autograd.gradcheck(embed, (numbers, *embedding.parameters()))
