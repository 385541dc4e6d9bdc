"""The number of trees, which follows from labels that were held out."""

import numpy as np
import pandas as pd
import pytest
from makers import mostly_nightly
from sklearn.base import clone
from sklearn.datasets import make_friedman1
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold, TimeSeriesSplit

from sklearn_ple.ensemble import BlendClassifierRegressor, PerTaskClassifierRegressor


def boost(**params):
    return PerTaskClassifierRegressor(random_state=0, **params)


def draw(n, noise=0.0, seed=0):
    X, y = make_friedman1(n, noise=noise, random_state=seed)
    return pd.DataFrame(X).add_prefix("x"), pd.DataFrame({"y": y})


def divide(n, k=3):
    return list(KFold(k, shuffle=True, random_state=0).split(np.arange(n)))


def count_trees(model, task="y"):
    return model.estimators_[task].n_iter_


@pytest.mark.parametrize("n", mostly_nightly([300, 1200], [300]))
def test_trees_are_added_while_something_is_left_to_learn(n):
    X, y = draw(n + 1000)
    model = boost().fit(X[:n], y[:n])
    earlier = HistGradientBoostingRegressor(
        learning_rate=0.05,
        max_iter=120,
        max_leaf_nodes=4,
        min_samples_leaf=min(n // 25, 20),
        early_stopping=False,
    ).fit(X[:n], y["y"][:n])
    left, left_earlier = (
        1 - r2_score(y["y"][n:], np.ravel(one.predict(X[n:]))) for one in (model, earlier)
    )
    assert left < 0.75 * left_earlier
    noisy = boost().fit(X[:n], y[:n] + 5 * np.random.RandomState(0).randn(n, 1))
    assert count_trees(model) > 3 * count_trees(noisy)


def test_noise_and_classes_by_chance_have_few_trees(seed):
    rng = np.random.RandomState(seed)
    X = pd.DataFrame(rng.randn(400, 5)).add_prefix("x")
    y = pd.DataFrame({"y": rng.randn(400), "kind": rng.choice(["a", "b", "c"], 400)})
    model = boost().fit(X, y)
    assert count_trees(model) <= 25
    assert count_trees(model, "kind") <= 25


def test_the_scale_of_labels_does_not_matter():
    X, y = draw(300, noise=1.0)
    counts = {count_trees(boost().fit(X, y * scale)) for scale in (2.0**-40, 2.0**30)}
    assert len(counts) == 1


def test_a_label_of_weight_zero_counts_as_missing():
    X, y = draw(300, noise=1.0)
    y["z"] = y["y"] > 14
    weights = np.random.RandomState(0).randint(0, 3, y.shape)
    weighted = boost().fit(X, y, weights)
    y = y.astype({"z": object}).where(weights > 0)
    missing = boost().fit(X, y, weights).predict(X)
    np.testing.assert_allclose(weighted.predict(X)["y"], missing["y"])
    assert weighted.predict(X)["z"].tolist() == missing["z"].tolist()


# -- folds ----------------------------------------------------------------------------------------


def test_all_folds_have_the_number_of_trees_that_is_best_for_all_held_out_labels():
    X, y = draw(200, noise=2.0)
    folds = divide(200)
    models = boost().fit_folds(X, y, folds=folds)
    (n_trees,) = {count_trees(model) for model in models}
    errors = np.zeros(n_trees + 25)
    for model, (train, test) in zip(models, folds, strict=True):
        rows = model.columns_.transform(X)
        longer = clone(model.estimators_["y"]).set_params(max_iter=len(errors))
        longer.fit(rows[train], y["y"].iloc[train])
        stages = list(longer.staged_predict(rows[test]))
        errors += [((found - y["y"].iloc[test]) ** 2).sum() for found in stages]
        # The trees that lie beyond the best number are cut off.
        np.testing.assert_allclose(model.predict(X.iloc[test])["y"], stages[n_trees - 1])
    assert errors.argmin() + 1 == n_trees


def test_held_out_labels_enter_by_the_number_of_trees_only():
    X, y = draw(150, noise=1.0)
    folds = divide(150)
    test = folds[0][1]
    other = y.copy()
    other.iloc[test] = y.iloc[test].to_numpy()[::-1]
    models = [boost().fit_folds(X, labels, folds=folds[:1])[0] for labels in (y, other)]
    few = min(map(count_trees, models)) - 1
    rows = models[0].columns_.transform(X)
    first, second = (list(model.estimators_["y"].staged_predict(rows)) for model in models)
    assert few > 0
    np.testing.assert_array_equal(first[few], second[few])


def test_a_fold_that_leaves_out_no_rows_has_the_number_of_the_others():
    X, y = draw(200, noise=1.0)
    folds = [*divide(200), (np.arange(200), np.arange(0))]
    models = boost().fit_folds(X, y, folds=folds)
    assert len({count_trees(model) for model in models}) == 1
    assert r2_score(y, models[-1].predict(X)) > r2_score(y, models[0].predict(X))
    # A blend ends with such a model if folds are in the order of time.
    blend = BlendClassifierRegressor([("boosting", boost())], cv=TimeSeriesSplit(3)).fit(X, y)
    (last,) = blend.models_["boosting"]
    times = [*TimeSeriesSplit(3).split(X), (np.arange(200), np.arange(0))]
    assert last.predict(X).equals(boost().fit_folds(X, y, folds=times)[-1].predict(X))


def test_folds_may_lack_labels_classes_and_amounts():
    rng = np.random.RandomState(0)
    X = pd.DataFrame({"a": rng.randn(90), "shop": [f"s{k}" for k in range(90)]})
    y = pd.DataFrame({"once": ["no"] * 89 + ["yes"], "part": np.nan, "count": 0})
    y.loc[30:, "part"] = X["a"]
    y.loc[2, "count"] = 4
    y["grade"] = pd.Categorical(["low", "high"] * 45, ["low", "mid", "high"], ordered=True)
    kinds = {"count": "count"}
    folds = [(np.delete(np.arange(90), np.r_[k : k + 30]), np.r_[k : k + 30]) for k in (0, 30, 60)]
    models = boost(task_types=kinds).fit_folds(X, y, folds=folds)
    for model in models:
        assert [0 if known is None else len(known) for known in model.classes_] == [2, 0, 0, 3]
        predicted = model.predict(X)
        assert predicted["count"].ge(0).all()
        assert np.isfinite(predicted["part"]).all()
    blend = BlendClassifierRegressor([("b", boost())], cv=folds, task_types=kinds).fit(X, y)
    assert np.isfinite(blend.weights_).all(axis=None)


def test_given_models_are_fitted_to_folds_as_they_are():
    X, y = draw(60)
    y["high"] = y["y"] > 14
    folds = divide(60)
    models = boost(classifier=LogisticRegression(), regressor=Ridge()).fit_folds(X, y, folds=folds)
    for model, (train, _) in zip(models, folds, strict=True):
        alone = Ridge().fit(X.iloc[train], y["y"].iloc[train])
        np.testing.assert_allclose(model.predict(X)["y"], alone.predict(X))
