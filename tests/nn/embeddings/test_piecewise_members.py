"""Embeddings of numbers by bins: shapes, rows, members, copies."""

import copy
import pickle

import pytest
import torch
from torch.testing import assert_close

from sklearn_ple.nn import NumericEmbedding

EDGES = [[-2.0, -1.0, -0.5, 0.0, 0.5, 2.0], [-1.0, 0.0, 1.0], [-2.0, 2.0]]


def make(n_members):
    return NumericEmbedding(EDGES, 4, views=n_members)


@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize("n_rows", [0, 1, 7])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_outputs_have_the_shape_and_dtype_of_the_numbers(n_members, n_rows, dtype):
    embedding = make(n_members).to(dtype)
    outputs = embedding(torch.randn(n_rows, 3, dtype=dtype))
    assert outputs.shape == (n_members, n_rows, 3 * 4)
    assert outputs.dtype == dtype
    outputs.sum().backward()
    assert all(p.grad.shape == p.shape for p in embedding.parameters())


def test_rows_do_not_depend_on_each_other_nor_on_their_layout():
    torch.manual_seed(0)
    embedding, numbers = make(2), torch.randn(9, 3)
    outputs = embedding(numbers)
    assert_close(embedding(numbers.T.contiguous().T), outputs)
    assert_close(torch.cat([embedding(row[None]) for row in numbers], dim=1), outputs)


def test_members_start_differently_and_learn_apart():
    torch.manual_seed(0)
    embedding, numbers = make(3), torch.randn(9, 3)
    outputs = embedding(numbers)
    assert not torch.equal(outputs[0], outputs[1])
    outputs[1].sum().backward()
    with torch.no_grad():
        for parameter in embedding.parameters():
            parameter -= 0.1 * parameter.grad
    changed = (embedding(numbers) != outputs).flatten(1).any(1)
    assert changed.tolist() == [False, True, False]


def test_copies_of_an_embedding_embed_alike():
    torch.manual_seed(0)
    embedding, numbers = make(2), torch.randn(9, 3)
    other = make(2)
    other.load_state_dict(embedding.state_dict())
    pickled = pickle.loads(pickle.dumps(embedding))
    for copied in (other, pickled, copy.deepcopy(embedding)):
        assert torch.equal(copied(numbers), embedding(numbers))


def test_shapes_are_known_without_data():
    with torch.device("meta"):
        embedding = make(2)
        outputs = embedding(torch.empty(9, 3))
    assert outputs.is_meta and outputs.shape == (2, 9, 12)
    assert all(tensor.is_meta for tensor in embedding.state_dict().values())
