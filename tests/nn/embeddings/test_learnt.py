"""What the learnt embeddings of numbers have in common: shapes, rows, members, copies."""

import copy
import pickle

import pytest
import torch
from torch.testing import assert_close

from sklearn_ple.nn import NumericEmbedding, PeriodicEmbedding

EDGES = [[-2.0, -1.0, -0.5, 0.0, 0.5, 2.0], [-1.0, 0.0, 1.0], [-2.0, 2.0]]


def make_numeric(n_members=1, dim=4):
    return NumericEmbedding(EDGES, dim, views=n_members)


def make_periodic(n_members=1, dim=4):
    return PeriodicEmbedding(3, dim, views=n_members)


both = pytest.mark.parametrize("maker", [make_numeric, make_periodic])


@both
@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize("n_rows", [0, 1, 7])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_outputs_have_the_shape_and_dtype_of_the_numbers(maker, n_members, n_rows, dtype):
    embedding = maker(n_members).to(dtype)
    outputs = embedding(torch.randn(n_rows, 3, dtype=dtype))
    assert outputs.shape == (n_members, n_rows, 3 * 4)
    assert outputs.dtype == dtype
    outputs.sum().backward()
    assert all(p.grad.shape == p.shape for p in embedding.parameters())


@both
def test_rows_do_not_depend_on_each_other_nor_on_their_layout(maker):
    torch.manual_seed(0)
    embedding, numbers = maker(2), torch.randn(9, 3)
    outputs = embedding(numbers)
    assert_close(embedding(numbers.T.contiguous().T), outputs)
    assert_close(torch.cat([embedding(row[None]) for row in numbers], dim=1), outputs)


@both
def test_members_start_differently_and_learn_apart(maker):
    torch.manual_seed(0)
    embedding, numbers = maker(3), torch.randn(9, 3)
    outputs = embedding(numbers)
    assert not torch.equal(outputs[0], outputs[1])
    outputs[1].sum().backward()
    with torch.no_grad():
        for parameter in embedding.parameters():
            parameter -= 0.1 * parameter.grad
    changed = (embedding(numbers) != outputs).flatten(1).any(1)
    assert changed.tolist() == [False, True, False]


@both
def test_copies_of_an_embedding_embed_alike(maker):
    torch.manual_seed(0)
    embedding, numbers = maker(2), torch.randn(9, 3)
    other = maker(2)
    other.load_state_dict(embedding.state_dict())
    pickled = pickle.loads(pickle.dumps(embedding))
    for copied in (other, pickled, copy.deepcopy(embedding)):
        assert torch.equal(copied(numbers), embedding(numbers))


@both
def test_shapes_are_known_without_data(maker):
    with torch.device("meta"):
        embedding = maker(2)
        outputs = embedding(torch.empty(9, 3))
    assert outputs.is_meta and outputs.shape == (2, 9, 12)
    assert all(tensor.is_meta for tensor in embedding.state_dict().values())
