"""Embeddings of numbers by waves, against the library of the method's authors."""

import pytest
import torch
from rtdl_num_embeddings import PeriodicEmbeddings
from torch.testing import assert_close

from sklearn_ple.nn import PeriodicEmbedding


@pytest.mark.parametrize("n_members", [1, 3])
def test_periodic_members_are_embeddings_of_the_library(n_members):
    torch.manual_seed(0)
    embedding, numbers = PeriodicEmbedding(2, 4, views=n_members), torch.randn(9, 2)
    outputs = embedding(numbers)
    for member in range(n_members):
        reference = PeriodicEmbeddings(2, 4, lite=False)
        rows = slice(2 * member, 2 * member + 2)
        state = {name: value[rows] for name, value in embedding.columns.state_dict().items()}
        reference.load_state_dict(state)
        assert_close(outputs[member], reference(numbers).flatten(1))
