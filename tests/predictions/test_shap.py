"""The guide explains frames with categories by SHAP; Shapley's own formula says the same."""

import itertools
import re
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sklearn_ple import PLEClassifierRegressor

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "explaining.rst"


def make_data(n=80):
    rng = np.random.RandomState(0)
    X = pd.DataFrame(
        {
            "age": rng.normal(size=n),
            "sex": pd.Categorical(rng.choice(["f", "m"], n)),
            "town": rng.choice(["Bonn", "Lyon", "Turku"], n),
        }
    )
    X.loc[::7, ["age", "town"]] = None
    odds = X["age"].fillna(0) + 2 * (X["sex"] == "m") - (X["town"] == "Bonn")
    y = pd.DataFrame({"death": (odds + rng.normal(size=n) > 0).astype(int), "weight": odds})
    return X, y


def recipe():
    """Return the guide's block of code that imports shap."""
    blocks = re.findall(
        r"^\.\. code-block:: python\n\n((?:   .*\n|\n)+)", GUIDE.read_text(encoding="utf-8"), re.M
    )
    (block,) = (block for block in blocks if "import shap" in block)
    return textwrap.dedent(block)


def test_values_are_those_of_shapleys_formula():
    shap = pytest.importorskip("shap")
    X, y = make_data()
    model = PLEClassifierRegressor(max_epochs=40, n_members=1, random_state=0).fit(X, y)
    names = {"model": model, "X_train": X[:60], "X_test": X[60:]}
    exec(recipe(), names)
    response, hide, background = (names[name] for name in ("response", "hide", "background"))
    assert names["found"].feature_names == list(X)
    rows = X[60:62].to_numpy(dtype=object)
    values = shap.explainers.Exact(response, hide)(rows).values
    for row, found, sampled in zip(rows, values, names["found"].values, strict=True):

        def worth(known, row=row):
            mixed = [
                [row[c] if c in known else other[c] for c in range(3)] for other in background
            ]
            return model.predict_proba(pd.DataFrame(mixed, columns=list(X)))[0][:, 1].mean()

        # Over all orders of the columns, what each adds to those before it.
        added = np.zeros(3)
        for order in itertools.permutations(range(3)):
            for place, column in enumerate(order):
                added[column] += worth(order[: place + 1]) - worth(order[:place])
        np.testing.assert_allclose(found, added / 6, atol=1e-6)
        assert np.abs(found).min() > 1e-3
        # What is sampled adds up all the same.
        assert sampled.sum() == pytest.approx(found.sum(), abs=1e-6)
