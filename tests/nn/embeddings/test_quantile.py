"""Normal scores of ranks, against scikit-learn's quantile transformer."""

import numpy as np
import pytest
import torch
from sklearn.preprocessing import QuantileTransformer

from sklearn_ple.encoding.numeric import Quantiles
from sklearn_ple.nn import QuantileEmbedding


def quantiles(columns, n=101):
    return list(np.quantile(columns, np.linspace(0, 1, n), axis=0).T)


def test_scores_are_those_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    columns = np.column_stack([rng.normal(size=3000), rng.exponential(size=3000)])
    embedding = QuantileEmbedding(quantiles(columns)).double()
    scores = embedding(torch.from_numpy(columns))[0].numpy()
    reference = QuantileTransformer(n_quantiles=101, output_distribution="normal")
    expected = reference.fit_transform(columns)
    inside = np.abs(expected) < 2
    np.testing.assert_allclose(scores[inside], expected[inside], atol=0.06)
    assert np.corrcoef(scores[inside], expected[inside])[0, 1] > 0.9999


def test_missing_numbers_have_no_part_in_the_scores(seed):
    rng = np.random.default_rng(seed)
    numbers = rng.exponential(size=2000) - 1
    there = rng.random(2000) < 0.2
    maker = Quantiles()
    # Missing numbers are 0; a column may be constant.
    columns = np.column_stack([np.where(there, numbers, 0), np.zeros(2000)])
    maker.learn(columns, np.empty(0), np.empty(0), (), 100)
    np.testing.assert_array_equal(maker.quantiles[0], quantiles(numbers[there, None])[0])
    np.testing.assert_array_equal(maker.quantiles[1], np.zeros(101))


def test_a_value_that_is_shared_has_the_score_of_its_middle_rank():
    # Half of the values are zero: their middle rank is a quarter.
    column = np.concatenate([np.zeros(500), np.linspace(1, 2, 500)])[:, None]
    scores = QuantileEmbedding(quantiles(column)).double()(torch.from_numpy(column))[0]
    expected = torch.special.ndtri(torch.tensor(0.25))
    np.testing.assert_allclose(scores[0].item(), expected.item(), atol=0.03)


def test_outliers_are_no_further_than_the_greatest():
    embedding = QuantileEmbedding([[0.0, 1.0, 2.0]])
    scores = embedding(torch.tensor([[2.0], [1e6], [0.0], [-1e6]]))[0, :, 0]
    assert scores[0] == scores[1] and scores[2] == scores[3] and scores[0] > scores[2]


def test_quantiles_that_are_equal_in_float32_are_one_value():
    """Otherwise the greatest number would be at 0 / 0 of a bin without width."""
    close = np.array([[0.0, 0.5, 1.0 - 1e-9, 1.0], [0.0, 0.0, 1e-60, 1e-50]])
    embedding = QuantileEmbedding(close)
    expected = QuantileEmbedding([[0.0, 0.5, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0]])
    numbers = torch.tensor([[0.0, 0.0], [0.7, 0.0], [1.0, 1.0]])
    assert torch.equal(embedding(numbers), expected(numbers))


def test_a_constant_column_has_the_score_zero():
    scores = QuantileEmbedding([[3.0, 3.0, 3.0]])(torch.tensor([[3.0], [4.0], [-9.0]]))
    assert not scores.any()


@pytest.mark.parametrize("n_members", [1, 3])
def test_members_read_the_same_and_nothing_is_learnt(n_members):
    embedding = QuantileEmbedding([[0.0, 1.0, 2.0], [1.0, 1.0, 5.0]], n_members=n_members)
    scores = embedding(torch.rand(5, 2))
    assert scores.shape == (n_members, 5, embedding.out_features)
    assert torch.equal(scores[0], scores[-1])
    assert not any(p.requires_grad for p in embedding.parameters())
