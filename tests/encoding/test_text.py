"""Text becomes numbers by skrub, before the estimator: the user guide's recipe."""

import numpy as np
import pandas as pd
import pytest
from makers import learn
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from sklearn_ple import PLEClassifierRegressor
from sklearn_ple.metrics import multitask_scores

skrub = pytest.importorskip("skrub")

N = 400


@pytest.fixture(scope="module")
def data():
    """Reviews of which a word says whether they praise, and days whose month says a price."""
    rng = np.random.RandomState(0)
    good = rng.rand(N) < 0.5
    filler = ["box", "came", "with", "item", "very", "thing", "that", "again"]
    words = [
        [*rng.choice(filler, 6), rng.choice(["great", "lovely"] if one else ["awful", "broken"])]
        for one in good
    ]
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.randint(0, 366, N), "D")
    X = pd.DataFrame(
        {
            "review": [" ".join(rng.permutation(own)) for own in words],
            "day": days,
            "shop": rng.choice(["north", "south"], N),
            "weight": rng.rand(N),
        }
    )
    y = pd.DataFrame({"good": good, "price": (days.month > 6) * 2.0 + 0.3 * rng.randn(N)})
    X.loc[::50, "review"], X.loc[::60, "day"] = None, pd.NaT
    y.loc[::7, "price"] = np.nan
    return X, y


def recipe():
    return make_pipeline(
        skrub.TableVectorizer(
            low_cardinality="passthrough",
            high_cardinality=skrub.StringEncoder(n_components=20),
            datetime="passthrough",
        ),
        PLEClassifierRegressor(max_epochs=15, n_members=2, random_state=0),
    )


def test_the_recipe_reads_text_dates_and_categories(data, recwarn):
    X, y = data
    fitted = recipe().fit(X[:300], y[:300])
    inner = fitted[-1]
    names = list(inner.feature_names_in_)
    assert {"review_00", "day", "shop", "weight"} <= set(names)
    assert "review" not in names
    # The shop stays a category, which the network embeds.
    features = learn(inner, fitted[:-1].transform(X[:300]), y[:300]).features
    assert [names[k] for k in features.categorical_positions_] == ["shop"]
    scores = multitask_scores(fitted, X[300:], y[300:])
    assert scores["good"] > 0.95 and scores["price"] > 0.5
    assert fitted.predict(X[300:]).columns.tolist() == ["good", "price"]
    assert not [w for w in recwarn.list if "Column" in str(w.message)]
    assert clone(fitted)[0].high_cardinality.n_components == 20


def test_without_it_text_is_left_out_and_the_warning_says_so(data):
    X, y = data
    X = X.drop(columns="day")
    model = PLEClassifierRegressor(max_epochs=2, n_members=1, random_state=0)
    with pytest.warns(UserWarning, match="Column 'review' of X holds strings that are nearly"):
        model.fit(X[:300], y[:300])
    assert multitask_scores(model, X[300:], y[300:])["good"] < 0.7
