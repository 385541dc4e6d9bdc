"""At home in scikit-learn: searches, pipelines, routing, curves, ensembles."""

import pickle

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.compose import ColumnTransformer
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    KFold,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils import get_tags

from sklearn_ple import PLEClassifier, PLEClassifierRegressor, PLERegressor
from sklearn_ple.metrics import make_multitask_scorer, multitask_score
from sklearn_ple.model_selection import MultiTaskKFold

N = 150


def make_table(seed=0):
    rng = np.random.RandomState(seed)
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


@pytest.fixture(scope="module")
def table():
    return make_table()


def model(**params):
    defaults = {"n_members": 2, "max_epochs": 8, "learning_rate": 0.01, "batch_size": 32}
    defaults["random_state"] = 0
    return PLEClassifierRegressor(**(defaults | params))


def tiny(**params):
    return model(**({"n_members": 1, "max_epochs": 2, "numeric_embedding": None} | params))


def in_pipeline(estimator):
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    columns = ColumnTransformer(
        [("numbers", numbers, ["a", "b", "c"]), ("colours", OneHotEncoder(), ["colour"])]
    )
    return make_pipeline(columns, estimator)


def colours():
    return ColumnTransformer([("c", OneHotEncoder(), ["colour"])], remainder="passthrough")


def test_grid_search_finds_experts_and_levels_in_a_pipeline(seed):
    X, y = make_table(seed)
    name = "pleclassifierregressor__"
    grid = {
        name + "n_levels": [1, 2],
        name + "n_shared_experts": [0, 2],
        name + "n_specific_experts": [1, 2],
    }
    quick = model(n_members=1, max_epochs=5, learning_rate=0.02, random_state=seed)
    search = GridSearchCV(in_pipeline(quick), grid, cv=2, error_score="raise").fit(X, y)
    assert len(search.cv_results_["params"]) == 8
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_score_ > 0.4
    assert list(search.predict(X).columns) == list(y.columns)


def test_search_scores_are_those_of_fitting_by_hand(table):
    X, y = table
    cv = KFold(3)
    search = GridSearchCV(tiny(), {"n_levels": [1]}, cv=cv).fit(X, y)
    by_hand = [
        tiny().fit(X.iloc[a], y.iloc[a]).score(X.iloc[b], y.iloc[b]) for a, b in cv.split(X)
    ]
    splits = [search.cv_results_[f"split{k}_test_score"][0] for k in range(3)]
    np.testing.assert_allclose(splits, by_hand)


def test_halving_search_may_have_epochs_as_its_resource(table):
    X, y = table
    search = HalvingGridSearchCV(
        tiny(),
        {"n_shared_experts": [1, 2], "n_specific_experts": [1, 2]},
        resource="max_epochs",
        min_resources=2,
        max_resources=8,
        cv=2,
        random_state=0,
    ).fit(X, y)
    assert search.best_estimator_.n_iter_ == search.n_resources_[-1]


def test_sample_weight_is_routed(table):
    X, y = table
    weights = np.random.RandomState(0).rand(N)
    weights[:30] = 0
    with sklearn.config_context(enable_metadata_routing=True):
        routed = tiny().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        pipeline = make_pipeline(colours(), routed)
        pipeline.fit(X, y, sample_weight=weights)
        scores = cross_val_score(routed, X, y, params={"sample_weight": weights}, cv=2)
    by_hand = make_pipeline(colours(), tiny()).fit(
        X, y, pleclassifierregressor__sample_weight=weights
    )
    pd.testing.assert_frame_equal(pipeline.predict(X), by_hand.predict(X))
    first, second = next(KFold(2).split(X))
    fitted = tiny().fit(X.iloc[first], y.iloc[first], sample_weight=weights[first])
    expected = fitted.score(X.iloc[second], y.iloc[second], sample_weight=weights[second])
    np.testing.assert_allclose(scores[0], expected)


def unweighted(estimator, X, y):
    return estimator.score(X, y)


@pytest.mark.filterwarnings("ignore:The scoring .* does not support sample_weight")
def test_search_takes_weights_and_groups_without_routing(table):
    X, y = table
    weights, groups = np.random.RandomState(0).rand(N), np.arange(N) // 3
    cv = MultiTaskKFold(2)
    # Not that of the estimator: some versions weigh it, others do not.
    search = GridSearchCV(tiny(), {"n_levels": [1]}, cv=cv, scoring=unweighted)
    search.fit(X, y, sample_weight=weights, groups=groups)
    expected = []
    for a, b in cv.split(X, y, groups):
        assert not set(groups[a]) & set(groups[b])
        fitted = tiny().fit(X.iloc[a], y.iloc[a], sample_weight=weights[a])
        expected.append(fitted.score(X.iloc[b], y.iloc[b]))
    np.testing.assert_allclose(split_scores(search, 2), expected)


def test_search_over_a_pipeline_routes_weights_and_groups(table):
    X, y = table
    weights, groups = np.random.RandomState(0).rand(N), np.arange(N) // 3
    cv = MultiTaskKFold(2)
    with sklearn.config_context(enable_metadata_routing=True):
        # The groups are for the folds alone.
        routed = tiny().set_fit_request(sample_weight=True, groups=False)
        routed.set_score_request(sample_weight=True)
        search = GridSearchCV(
            make_pipeline(colours(), routed),
            {"pleclassifierregressor__n_levels": [1]},
            cv=cv,
            scoring=make_multitask_scorer().set_score_request(sample_weight=True),
        ).fit(X, y, sample_weight=weights, groups=groups)
    expected = []
    for a, b in cv.split(X, y, groups):
        by_hand = make_pipeline(colours(), tiny())
        by_hand.fit(X.iloc[a], y.iloc[a], pleclassifierregressor__sample_weight=weights[a])
        test = X.iloc[b], y.iloc[b]
        expected.append(multitask_score(by_hand, *test, sample_weight=weights[b]))
    np.testing.assert_allclose(split_scores(search, 2), expected)


def split_scores(search, n):
    return [search.cv_results_[f"split{k}_test_score"][0] for k in range(n)]


def test_a_search_with_polars_frames_predicts_polars_frames(table):
    X, y = (pl.from_pandas(part) for part in table)
    X_test = X[100:]
    search = GridSearchCV(tiny(), {"n_levels": [1]}, cv=2, error_score="raise").fit(X, y)
    predicted = search.predict(X_test)
    assert isinstance(predicted, pl.DataFrame)
    assert predicted.schema == y.schema and len(predicted) == 50
    twin = tiny().fit(*table).predict(table[0][100:])
    assert predicted["stage"].to_list() == twin["stage"].to_list()
    np.testing.assert_allclose(predicted["weight"], twin["weight"], rtol=1e-5)


@pytest.mark.parametrize("keep", ["pickle", "joblib", "frozen clone"])
def test_fitted_estimators_can_be_kept(table, keep, tmp_path):
    X, y = table
    fitted = tiny(n_members=2).set_output(transform="pandas").fit(X, y)
    if keep == "pickle":
        twin = pickle.loads(pickle.dumps(fitted))
    elif keep == "joblib":
        joblib.dump(fitted, tmp_path / "model.joblib")
        twin = joblib.load(tmp_path / "model.joblib")
    else:
        twin = clone(FrozenEstimator(fitted)).fit(X[:9], y[:9])
    pd.testing.assert_frame_equal(twin.predict(X), fitted.predict(X))
    pd.testing.assert_frame_equal(twin.transform(X), fitted.transform(X))
    assert twin.score(X, y) == fitted.score(X, y)


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
    assert "Number of levels of experts." in page


def test_tags_say_what_an_estimator_takes_and_is():
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
