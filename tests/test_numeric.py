"""Which embedding of numbers the estimators make, and that each of them learns."""

import numpy as np
import pytest
from scipy import sparse

from sklearn_ple import PLEClassifierRegressor, PLERegressor
from sklearn_ple.numeric import NUMERIC_EMBEDDINGS

N = 600


@pytest.fixture(scope="module")
def table():
    """A number with a jump that no line follows, and one whose half is zero."""
    rng = np.random.RandomState(0)
    X = rng.randn(N, 2)
    X[: N // 2, 1] = 0.0
    y = np.column_stack([np.where(np.abs(X[:, 0]) < 0.5, 3.0, 0.0), X[:, 1]])
    return X, y + 0.1 * rng.randn(N, 2)


def model(**params):
    defaults = {"n_members": 2, "max_epochs": 30, "random_state": 0}
    return PLERegressor(**(defaults | params))


@pytest.mark.parametrize("kind", [None, *NUMERIC_EMBEDDINGS])
def test_every_embedding_learns_a_jump(kind, table):
    fitted = model(numeric_embedding=kind).fit(*table)
    embedding = fitted.module_.numeric_embedding
    assert (embedding is None) == (kind is None)
    # A normal score of what is normal already says nothing new.
    assert fitted.score(*table) > (0.7 if kind in (None, "quantile") else 0.8)


def test_bins_follow_the_jump(table):
    fitted = model(max_epochs=1, n_bins=6).fit(*table)
    inner = fitted.module_.numeric_embedding.inner[0].numpy()
    inner = inner * table[0][:, 0].std() + table[0][:, 0].mean()
    assert np.abs(inner + 0.5).min() < 0.05 and np.abs(inner - 0.5).min() < 0.05


def test_the_embedding_is_as_wide_as_asked_for(table):
    assert (
        model(max_epochs=1, embedding_dim=5).fit(*table).module_.numeric_embedding.out_features
        == 10
    )
    assert model(max_epochs=1).fit(*table).module_.numeric_embedding.out_features == 16


@pytest.mark.parametrize(("n_columns", "width"), [(1, 8), (100, 8), (200, 4), (800, 2)])
def test_embeddings_of_many_numbers_are_narrower(n_columns, width):
    X = np.random.RandomState(0).randn(20, n_columns)
    fitted = model(max_epochs=1, early_stopping=False).fit(X, X[:, 0])
    assert fitted.module_.numeric_embedding.out_features == n_columns * width


def test_indicators_of_missing_numbers_are_not_embedded(table):
    X, y = table
    holes = np.where(np.arange(N)[:, None] % 7 == 0, np.nan, X)
    fitted = model(max_epochs=1).fit(holes, y)
    assert fitted._features.n_numbers_ == 4
    assert len(fitted.module_.numeric_embedding.n_bins) == 2


def test_sparse_numbers_have_none(table):
    X, y = table
    fitted = model(max_epochs=1).fit(sparse.csr_matrix(X), y)
    assert fitted.module_.numeric_embedding is None


def test_bins_are_those_of_the_first_fit(table):
    X, y = table
    fitted = model(max_epochs=1, warm_start=True).fit(X, y)
    before = fitted.module_.numeric_embedding.inner
    after = fitted.fit(X * 2, y).module_.numeric_embedding.inner
    assert (before == after).all()


@pytest.mark.parametrize("parameters", [{"numeric_embedding": "buckets"}, {"n_bins": 1}])
def test_what_is_no_embedding_is_an_error(parameters, table):
    with pytest.raises(ValueError, match=next(iter(parameters))):
        PLEClassifierRegressor(**parameters).fit(*table)
