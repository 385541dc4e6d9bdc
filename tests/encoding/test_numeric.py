"""Which embedding of numbers the estimators make, and that each of them learns."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import learn
from scipy import sparse

from sklearn_ple import PLEClassifierRegressor, PLERegressor, SingleTaskClassifierRegressor
from sklearn_ple.encoding.numeric import NUMERIC_EMBEDDINGS, EmbeddingMaker, has_atom

N = 600


@pytest.fixture(scope="module")
def table(seed):
    """A number with a jump that no line follows, and one whose half is zero."""
    rng = np.random.RandomState(seed)
    X = rng.randn(N, 2)
    X[: N // 2, 1] = 0.0
    y = np.column_stack([np.where(np.abs(X[:, 0]) < 0.5, 3.0, 0.0), X[:, 1]])
    return X, y + 0.1 * rng.randn(N, 2)


def model(**params):
    defaults = {"n_members": 2, "max_epochs": 30, "random_state": 0}
    return PLERegressor(**(defaults | params))


@pytest.mark.parametrize("kind", [None, *NUMERIC_EMBEDDINGS])
def test_every_embedding_learns_a_jump(kind, table, seed):
    options = {"n_members": 1, "early_stopping": False, "batch_size": 100, "learning_rate": 0.01}
    fitted = model(numeric_embedding=kind, random_state=seed, **options).fit(*table)
    embedding = fitted.module_.inputs.numeric_embedding
    assert (embedding is None) == (kind is None)
    assert fitted.score(*table) > (0.8 if kind is None else 0.93)


def test_bins_follow_the_jump(table, seed):
    fitted = model(max_epochs=1, n_bins=6, random_state=seed).fit(*table)
    inner = fitted.module_.inputs.numeric_embedding.inner[0].numpy()
    inner = inner * table[0][:, 0].std() + table[0][:, 0].mean()
    assert np.abs(inner + 0.5).min() < 0.05 and np.abs(inner - 0.5).min() < 0.05


def test_the_embedding_is_as_wide_as_asked_for(table):
    assert (
        model(max_epochs=1, embedding_dim=5)
        .fit(*table)
        .module_.inputs.numeric_embedding.out_features
        == 10
    )
    assert model(max_epochs=1).fit(*table).module_.inputs.numeric_embedding.out_features == 16


@pytest.mark.parametrize(
    ("n_columns", "width"), [(1, 8), (4, 8), (10, 4), (200, 4), (300, 3), (800, 2)]
)
def test_embeddings_of_many_numbers_are_narrower(n_columns, width):
    rng = np.random.RandomState(0)
    # All columns go with the labels, so that all are read.
    y = rng.randn(20)
    X = y[:, None] + 0.1 * rng.randn(20, n_columns)
    fitted = model(max_epochs=1, early_stopping=False).fit(X, y)
    assert fitted.module_.inputs.numeric_embedding.out_features == n_columns * width


def test_indicators_of_missing_numbers_are_not_embedded(table):
    X, y = table
    holes = np.where(np.arange(N)[:, None] % 7 == 0, np.nan, X)
    learnt = learn(model(), holes, y)
    assert learnt.features.n_numbers_ == 4
    assert len(learnt.make_module().inputs.numeric_embedding.n_bins) == 2


@given(st.integers(0, 200), st.integers(0, 200), st.sampled_from([-2.5, 1.0]), st.integers(0, 9))
def test_an_atom_is_a_tenth_of_all_rows_that_is_not_missing(n_equal, n_missing, value, seed):
    others = np.arange(3.0, 103.0)
    column = np.concatenate([np.full(n_equal, value), np.zeros(n_missing), others])
    expected = n_equal >= 0.1 * len(column)
    assert has_atom(np.random.RandomState(seed).permutation(column)) == expected


@pytest.mark.parametrize(
    ("n_members", "scales"), [(1, [0.5]), (2, [0, 1]), (5, [0, 0.25, 0.5, 0.75, 1])]
)
def test_members_differ_in_their_steps_where_there_is_no_atom(n_members, scales, table):
    fitted = model(max_epochs=1, n_members=n_members, n_bins=8).fit(*table)
    embedding = fitted.module_.inputs.numeric_embedding
    normal, mostly_zero = embedding.step_scale.split(embedding.n_bins)
    assert (normal.numpy() == np.array(scales, dtype=np.float32)).all()
    assert (mostly_zero == 1).all()


def test_the_views_of_a_member_have_its_steps(table):
    fitted = SingleTaskClassifierRegressor(n_members=2, max_epochs=1, random_state=0).fit(*table)
    scales = fitted.module_.inputs.numeric_embedding.step_scale[0]
    assert scales.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("kind", ["bins", "piecewise_linear"])
def test_one_part_alone_is_not_slowed_down(kind, table):
    fitted = model(max_epochs=1, numeric_embedding=kind).fit(*table)
    assert fitted.module_.inputs.numeric_embedding.step_scale is None


def test_sparse_numbers_have_none(table):
    X, y = table
    fitted = model(max_epochs=1).fit(sparse.csr_matrix(X), y)
    assert fitted.module_.inputs.numeric_embedding is None


def test_bins_are_those_of_the_first_fit(table):
    X, y = table
    fitted = model(max_epochs=1, warm_start=True).fit(X, y)
    before = fitted.module_.inputs.numeric_embedding.inner
    after = fitted.fit(X * 2, y).module_.inputs.numeric_embedding.inner
    assert (before == after).all()


@pytest.mark.parametrize("parameters", [{"numeric_embedding": "buckets"}, {"n_bins": 1}])
def test_what_is_no_embedding_is_an_error(parameters, table):
    with pytest.raises(ValueError, match=next(iter(parameters))):
        PLEClassifierRegressor(**parameters).fit(*table)


def test_a_maker_is_shown_with_its_options():
    class Fourier(EmbeddingMaker):
        def __init__(self, scale=1.0):
            self.scale = scale

        def make(self, n_columns, width, members, views):
            raise NotImplementedError

    assert "numeric_embedding=Fourier(scale=2.0)" in repr(model(numeric_embedding=Fourier(2.0)))
