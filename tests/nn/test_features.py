"""Which of the features that a network reads are of which column."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import torch

from sklearn_ple import MultiTabNetClassifierRegressor
from sklearn_ple.encoding.numeric import EmbeddingMaker
from sklearn_ple.nn import Column, Features

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


def fit(X, y, **params):
    fast = {"n_members": 2, "max_epochs": 1, "random_state": 0}
    return MultiTabNetClassifierRegressor(**fast | params).fit(X, y)


@pytest.mark.parametrize(
    "params",
    [
        {"numeric_embedding": "piecewise_linear+bins"},
        {"numeric_embedding": "periodic", "target_statistics": True},
        {"numeric_embedding": None},
    ],
    ids=["bins", "periodic and statistics", "none"],
)
def test_a_cell_changes_the_features_of_its_column_alone(table, params):
    X, y = table
    model = fit(X, y, **params)
    features = model.module_.n_features
    places = [column.places for column in features.columns]
    assert sorted(place for own in places for place in own) == list(range(features))
    assert [column.name for column in features.columns] == [
        "age",
        "height",
        "income",
        "sex",
        "town",
    ]

    def read(frame):
        kept = []
        with model.module_.body.register_forward_pre_hook(lambda _, i: kept.append(i[0])):
            model.predict(frame)
        return kept[0][:, :N]

    before = read(X)
    for name, own in features.columns:
        other = X.copy()
        # Both a cell that is there and one that is not.
        other[name] = X[name].iloc[::-1].to_numpy()
        changed = (read(other) != before).any(dim=1).any(dim=0)
        assert set(changed.nonzero().flatten().tolist()) <= set(own)
        assert changed[own].any()


def test_an_array_has_no_names(table):
    X, y = table
    numbers = X[["age", "height", "income"]].to_numpy()
    names = [column.name for column in fit(numbers, y).module_.n_features.columns]
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


def test_features_are_a_number_that_is_copied_with_its_columns():
    features = Features.of_table(3, [1], 4, 2, [2], ["a", "b", "c"])
    assert features == 9 and isinstance(features, int)
    assert features.columns == [
        Column("a", [0, 3, 4]),
        Column("b", [1, 2, 5, 6]),
        Column("c", [7, 8]),
    ]
    for again in (pickle.loads(pickle.dumps(features)), copy.deepcopy(features)):
        assert again == 9 and again.columns == features.columns
    assert Features(2).columns == [Column("x0", [0]), Column("x1", [1])]
