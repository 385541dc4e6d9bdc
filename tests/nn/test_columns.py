"""Which of the features that a network reads are of which column."""

import numpy as np
import pandas as pd
import pytest
import torch
from multitab import MultiTabNetClassifierRegressor

from sklearn_ple.base import MultiTaskEstimator, with_parameters
from sklearn_ple.encoding.numeric import EmbeddingMaker
from sklearn_ple.nn import (
    CategoricalEmbedding,
    Column,
    InputLayer,
    NumericEmbedding,
    SharedBottom,
)
from sklearn_ple.nn.inputs import find_columns

N = 60


@pytest.fixture(scope="module")
def table():
    """Numbers around categories of different sizes, two of them with holes."""
    rng = np.random.RandomState(0)
    X = pd.DataFrame(
        {
            "town": pd.Categorical(rng.choice(list("abcdefghij"), N)),
            "age": rng.randn(N),
            "sex": pd.Categorical(rng.choice(["f", "m"], N)),
            "height": rng.randn(N),
            "income": rng.randn(N),
        }
    )
    X.loc[::4, "income"] = np.nan
    X.loc[::5, "age"] = np.nan
    return X, pd.DataFrame({"late": rng.rand(N) > 0.5, "price": rng.randn(N)})


@with_parameters
class Keeper(MultiTabNetClassifierRegressor):
    """A MultiTab-Net that keeps what it is made of."""

    def make_network(self, in_features, tasks, **options):
        self.in_features, self.columns = in_features, options["columns"]
        return super().make_network(in_features, tasks, **options)


def fit(X, y, **params):
    fast = {"n_members": 2, "max_epochs": 1, "random_state": 0}
    return Keeper(**fast | params).fit(X, y)


@pytest.mark.parametrize(
    "params",
    [
        {"numeric_embedding": "piecewise_linear+bins"},
        {"target_statistics": True},
        {"numeric_embedding": None},
    ],
    ids=["bins", "statistics", "none"],
)
def test_a_cell_changes_the_features_of_its_column_alone(table, params):
    X, y = table
    model = fit(X, y, **params)
    columns = model.columns
    places = [column.places for column in columns]
    assert sorted(place for own in places for place in own) == list(range(model.in_features))
    assert [column.name for column in columns] == ["age", "height", "income", "sex", "town"]

    def read(frame):
        kept = []
        with model.module_.body.register_forward_pre_hook(lambda _, i: kept.append(i[0])):
            model.predict(frame)
        return kept[0][:, :N]

    before = read(X)
    for name, own in columns:
        other = X.copy()
        # Both a cell that is there and one that is not.
        other[name] = X[name].iloc[::-1].to_numpy()
        changed = (read(other) != before).any(dim=1).any(dim=0)
        assert set(changed.nonzero().flatten().tolist()) <= set(own)
        assert changed[own].any()


def test_columns_of_an_array_are_numbered(table):
    X, y = table
    numbers = X[["age", "height", "income"]].to_numpy()
    names = [column.name for column in fit(numbers, y).columns]
    assert names == ["x0", "x1", "x2"]


class Pairs(EmbeddingMaker):
    """An embedding whose outputs are of no column: one number for all of them."""

    def make(self, n_columns, width, members, views):
        module = torch.nn.Linear(n_columns, 1)
        module.out_features = 1
        read = module.forward
        module.forward = lambda numbers: read(numbers).expand(len(views), -1, -1)
        return module


def test_an_embedding_that_is_of_no_column_is_an_error(table):
    with pytest.raises(ValueError, match="numeric_embedding puts out a number of features"):
        fit(*table, numeric_embedding=Pairs())


def test_columns_have_the_places_of_numbers_embeddings_and_indicators():
    embedding = NumericEmbedding([[0.0, 1.0]] * 2, 2)
    inputs = InputLayer(3, CategoricalEmbedding([5], 2), embedding, n_embedded=2)
    assert inputs.n_features == 9
    assert find_columns(inputs, [1], ["a", "b", "c"]) == [
        Column("a", [0, 3, 4]),
        Column("b", [1, 2, 5, 6]),
        Column("c", [7, 8]),
    ]
    assert find_columns(InputLayer(2), []) == [Column("x0", [0]), Column("x1", [1])]


def test_only_a_network_that_reads_columns_gets_them():
    @with_parameters
    class Reader(MultiTaskEstimator):
        def make_network(self, in_features, tasks, **options):
            self.got = options.pop("columns", None)
            return SharedBottom(in_features, [task.n_outputs for task in tasks], **options)

    X = np.arange(12.0).reshape(-1, 2)
    for reads, got in [(False, None), (True, [Column("x0", [0]), Column("x1", [1])])]:
        Reader.reads_columns = reads
        options = {"numeric_embedding": None, "n_members": 1, "max_epochs": 1}
        assert Reader(**options).fit(X, X[:, 0] + 0.5).got == got
