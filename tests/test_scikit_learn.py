"""At home in scikit-learn: searches, pipelines, routing, representations."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.compose import ColumnTransformer
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.impute import SimpleImputer
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    KFold,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils import get_tags

from sklearn_ple import PLEClassifier, PLEClassifierRegressor, PLERegressor

N = 150


@pytest.fixture(scope="module")
def table():
    rng = np.random.RandomState(0)
    X = pd.DataFrame(rng.randn(N, 3), columns=["a", "b", "c"])
    X["colour"] = rng.choice(["red", "green", "blue"], N)
    X.loc[::9, "b"] = np.nan
    y = pd.DataFrame(
        {
            "stage": np.where(X["a"] > 0, "late", "early"),
            "weight": X["c"] * 3 + 60,
            "sold": (X["a"] + X["c"] > 0).astype(float),
        }
    )
    y.loc[::5, "stage"] = None
    y.loc[::4, "weight"] = np.nan
    y.loc[::3, "sold"] = np.nan
    return X, y


def model(**params):
    defaults = {"max_epochs": 8, "learning_rate": 0.01, "batch_size": 32, "random_state": 0}
    return PLEClassifierRegressor(**(defaults | params))


def in_pipeline(estimator):
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    columns = ColumnTransformer(
        [("numbers", numbers, ["a", "b", "c"]), ("colours", OneHotEncoder(), ["colour"])]
    )
    return make_pipeline(columns, estimator)


def colours():
    return ColumnTransformer([("c", OneHotEncoder(), ["colour"])], remainder="passthrough")


def test_grid_search_over_experts_and_levels_in_a_pipeline(table):
    X, y = table
    name = "pleclassifierregressor__"
    grid = {
        name + "n_levels": [1, 2],
        name + "n_shared_experts": [0, 2],
        name + "n_specific_experts": [1, 2],
    }
    search = GridSearchCV(in_pipeline(model()), grid, cv=3, n_jobs=2, error_score="raise")
    search.fit(X, y)
    assert len(search.cv_results_["params"]) == 8
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_score_ > 0.4
    assert list(search.predict(X).columns) == list(y.columns)


def test_search_scores_are_those_of_fitting_by_hand(table):
    X, y = table
    cv = KFold(3)
    search = GridSearchCV(model(), {"n_levels": [1]}, cv=cv).fit(X, y)
    by_hand = [
        model().fit(X.iloc[a], y.iloc[a]).score(X.iloc[b], y.iloc[b]) for a, b in cv.split(X)
    ]
    splits = [search.cv_results_[f"split{k}_test_score"][0] for k in range(3)]
    np.testing.assert_allclose(splits, by_hand)


def test_halving_search_over_epochs(table):
    X, y = table
    search = HalvingGridSearchCV(
        model(),
        {"n_shared_experts": [1, 2], "n_specific_experts": [1, 2]},
        resource="max_epochs",
        min_resources=2,
        max_resources=8,
        cv=2,
        random_state=0,
    ).fit(X, y)
    assert search.best_estimator_.n_iter_ == search.n_resources_[-1]


def test_cross_validation(table):
    X, y = table
    scores = cross_val_score(model(max_epochs=20), X, y, cv=3)
    assert scores.shape == (3,) and scores.min() > 0.5
    results = cross_validate(model(), X, y, cv=2, return_estimator=True)
    assert all(e.task_names_ == list(y.columns) for e in results["estimator"])


def test_metadata_routing_of_sample_weight(table):
    X, y = table
    weights = np.random.RandomState(0).rand(N)
    weights[:30] = 0
    with sklearn.config_context(enable_metadata_routing=True):
        routed = model().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        pipeline = make_pipeline(colours(), routed)
        pipeline.fit(X, y, sample_weight=weights)
        scores = cross_val_score(routed, X, y, params={"sample_weight": weights}, cv=2)
    by_hand = make_pipeline(colours(), model()).fit(
        X, y, pleclassifierregressor__sample_weight=weights
    )
    pd.testing.assert_frame_equal(pipeline.predict(X), by_hand.predict(X))
    first, second = next(KFold(2).split(X))
    fitted = model().fit(X.iloc[first], y.iloc[first], sample_weight=weights[first])
    expected = fitted.score(X.iloc[second], y.iloc[second], sample_weight=weights[second])
    np.testing.assert_allclose(scores[0], expected)


def test_clone_and_parameters():
    estimator = model(n_levels=2, task_weights={"a": 2}, expert_hidden_units=(8, 4))
    twin = clone(estimator)
    assert twin is not estimator and twin.get_params() == estimator.get_params()
    assert twin.set_params(n_levels=3).n_levels == 3
    assert "n_levels=2" in repr(estimator)


@pytest.mark.parametrize("cls", [PLEClassifierRegressor, PLEClassifier, PLERegressor])
def test_every_parameter_has_a_constraint_and_a_description(cls):
    parameters = set(cls().get_params())
    assert parameters <= set(cls._parameter_constraints)
    for name in parameters:
        assert f"\n{name} : " in cls.__doc__, name
    assert "%(" not in cls.__doc__


@pytest.mark.skipif(
    tuple(map(int, sklearn.__version__.split(".")[:2])) < (1, 8),
    reason="scikit-learn shows parameters' descriptions from 1.8 on",
)
def test_html_shows_the_description_of_parameters():
    page = PLEClassifierRegressor(n_levels=2)._repr_html_()
    assert "Levels of experts." in page


def test_tags():
    mixed, classifier, regressor = (
        get_tags(cls()) for cls in (PLEClassifierRegressor, PLEClassifier, PLERegressor)
    )
    assert mixed.estimator_type is None
    assert is_classifier(PLEClassifier()) and is_regressor(PLERegressor())
    assert not is_classifier(PLEClassifierRegressor())
    assert not is_regressor(PLEClassifierRegressor())
    for tags in (mixed, classifier, regressor):
        assert tags.target_tags.multi_output and tags.target_tags.required
        assert tags.input_tags.sparse and tags.input_tags.allow_nan
