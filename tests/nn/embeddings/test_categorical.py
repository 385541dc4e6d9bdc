"""Embeddings of category codes, against torch's own embedding."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from sklearn_ple.nn import CategoricalEmbedding
from sklearn_ple.nn.embeddings.categorical import choose_embedding_width


@st.composite
def tables(draw):
    """Draw cardinalities and a table of codes below them."""
    cardinalities = draw(st.lists(st.integers(2, 9), min_size=1, max_size=5))
    n_rows = draw(st.integers(0, 6))
    rows = [[draw(st.integers(0, c - 1)) for c in cardinalities] for _ in range(n_rows)]
    codes = torch.tensor(rows, dtype=torch.int64).reshape(n_rows, len(cardinalities))
    return cardinalities, codes


@given(tables(), st.integers(1, 4), st.integers(1, 3))
def test_columns_are_embedded_by_tables_of_their_own(table, dim, n_members):
    cardinalities, codes = table
    embedding = CategoricalEmbedding(cardinalities, dim, n_members)
    outputs = embedding(codes)
    assert outputs.shape == (n_members, len(codes), dim * len(cardinalities))
    for member, output in enumerate(outputs):
        parts = [
            nn.Embedding.from_pretrained(own[member].detach())(codes[:, column])
            for column, own in enumerate(embedding.tables())
        ]
        assert torch.equal(output, torch.cat(parts, dim=1))


@given(st.lists(st.integers(2, 300), min_size=1, max_size=5), st.data())
def test_automatic_widths_are_those_of_the_tables(cardinalities, data):
    embedding = CategoricalEmbedding(cardinalities, "auto")
    widths = [choose_embedding_width(n) for n in cardinalities]
    assert embedding.widths == widths
    sizes = list(zip([1] * len(widths), cardinalities, widths, strict=True))
    assert [tuple(table.shape) for table in embedding.tables()] == sizes
    # No number is there for nothing.
    assert embedding.weight.numel() == sum(n * width for _, n, width in sizes)
    codes = torch.tensor([[data.draw(st.integers(0, n - 1)) for n in cardinalities]] * 2)
    parts = [table[0, codes[:, column]] for column, table in enumerate(embedding.tables())]
    assert torch.equal(embedding(codes)[0], torch.cat(parts, dim=1))


def test_the_width_grows_with_the_number_of_codes_within_bounds():
    for n_codes, width in {2: 2, 4: 3, 10: 6, 100: 21, 210: 32, 5000: 32}.items():
        assert choose_embedding_width(n_codes) == width
        assert isinstance(choose_embedding_width(n_codes), int)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32])
def test_codes_may_be_of_any_integer_type(dtype):
    # More rows in all than the smallest type counts.
    embedding = CategoricalEmbedding([250, 250, 250], 2)
    codes = torch.tensor([[0, 3, 249], [1, 249, 2]])
    assert torch.equal(embedding(codes.to(dtype)), embedding(codes))


def test_missing_and_unknown_categories_start_at_zero_and_others_do_not():
    torch.manual_seed(0)
    embedding = CategoricalEmbedding([5, 2, 3], 4)
    for (weight,) in embedding.tables():
        assert not weight[:2].any()
        assert weight[2:].all()
        assert not weight.numel() or weight.abs().max() <= 1


def test_a_category_without_rows_stays_as_it_was():
    torch.manual_seed(0)
    embedding = CategoricalEmbedding([4, 3], 2)
    codes = torch.tensor([[0, 2], [3, 2], [3, 0]])
    (embedding(codes) ** 2 + embedding(codes)).sum().backward()
    touched = embedding.weight.grad.view(-1, 2).any(dim=1)
    assert touched.tolist() == [True, False, False, True, True, False, True]


@pytest.mark.parametrize("embedding_dim", [3, "auto"])
def test_members_have_embeddings_of_their_own(embedding_dim):
    torch.manual_seed(0)
    embedding = CategoricalEmbedding([5, 30], embedding_dim, views=3)
    codes = torch.tensor([[2, 7], [4, 29], [0, 1]])
    outputs = embedding(codes)
    for member, weight in enumerate(embedding.weight.detach().chunk(3)):
        alone = CategoricalEmbedding([5, 30], embedding_dim)
        alone.weight.data = weight
        assert torch.equal(outputs[member], alone(codes)[0])
    assert not torch.equal(outputs[0], outputs[1])
