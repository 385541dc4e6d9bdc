"""One model per task, compared with the loop that people write by hand."""

import pickle

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from makers import each_check, in_turn, make_table
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from sklearn_ple.ensemble import BlendClassifierRegressor, PerTaskClassifierRegressor
from sklearn_ple.ensemble.boosting import TRIED
from sklearn_ple.ensemble.growing import Growth, Part
from sklearn_ple.ensemble.labelled_rows import ModelRows
from sklearn_ple.inspection import MultiTaskReport, multitask_importance
from sklearn_ple.metrics import make_multitask_scorer, multitask_scores
from sklearn_ple.model_selection import cross_val_predict


@pytest.fixture(scope="module")
def table():
    X, y = make_table(90)
    return X[["b", "c"]], y


@pytest.fixture(scope="module")
def trees():
    return (
        DecisionTreeClassifier(max_depth=2, random_state=0),
        DecisionTreeRegressor(max_depth=2, random_state=0),
    )


@pytest.fixture(scope="module")
def fitted(table, trees):
    return PerTaskClassifierRegressor(*trees).fit(*table)


def test_intervals_and_draws_need_rows_that_were_not_trained_on(table, fitted):
    with pytest.raises(ValueError, match=r"rows .* not trained on: put it into a blend, as Blend"):
        fitted.predict_interval(table[0])
    with pytest.raises(ValueError, match="rows that the model was not trained on, and there were"):
        fitted.sample_y(table[0])


def test_is_the_loop_over_the_labelled_rows_of_each_column(table, trees, fitted):
    X, y = table
    predicted, probabilities = fitted.predict(X), fitted.predict_proba(X)
    assert list(predicted) == list(y)
    assert predicted.index.equals(X.index)
    for k, name in enumerate(y):
        there = y[name].notna()
        alone = clone(trees[name == "price"]).fit(X[there], y.loc[there, name])
        assert predicted[name].tolist() == alone.predict(X).tolist()
        if name == "price":
            assert probabilities[k] is None
        else:
            np.testing.assert_array_equal(probabilities[k], alone.predict_proba(X))
            assert fitted.classes_[k].tolist() == alone.classes_.tolist()


def test_weights_are_those_of_the_loop(table, trees):
    X, y = table
    weights = np.random.RandomState(0).randint(0, 3, y.shape).astype(float)
    model = PerTaskClassifierRegressor(*trees).fit(X, y, weights)
    for k, name in enumerate(y):
        there = y[name].notna() & (weights[:, k] > 0)
        alone = clone(trees[name == "price"])
        alone.fit(X[there], y.loc[there, name], sample_weight=weights[there, k])
        if name == "price":
            np.testing.assert_allclose(model.predict(X)[name], alone.predict(X))
        else:
            assert model.predict(X)[name].tolist() == alone.predict(X).tolist()


def test_class_weights_are_those_of_scikit_learn(table):
    X, y = table
    model = PerTaskClassifierRegressor(LogisticRegression(), Ridge(), class_weight="balanced")
    there = y["grade"].notna()
    balanced = LogisticRegression(class_weight="balanced").fit(X[there], y.loc[there, "grade"])
    found = model.fit(X, y).predict_proba(X)[2]
    np.testing.assert_allclose(found, balanced.predict_proba(X), atol=1e-3)


def test_a_dict_names_the_models_of_some_tasks(table, trees):
    X, y = table
    model = PerTaskClassifierRegressor({"late": LogisticRegression()}, trees[1]).fit(X, y)
    assert isinstance(model.estimators_["late"], LogisticRegression)
    assert isinstance(model.estimators_["grade"], HistGradientBoostingClassifier)
    with pytest.raises(ValueError, match=r"classifier .*'price'"):
        PerTaskClassifierRegressor({"price": LogisticRegression()}).fit(X, y)


def test_pipelines_get_weights_in_their_last_step(table):
    X, y = table
    weights = np.arange(len(X)) % 2
    scaled = make_pipeline(StandardScaler(), Ridge())
    model = PerTaskClassifierRegressor(regressor=scaled).fit(X, y["price"], weights)
    odd = weights.astype(bool) & y["price"].notna()
    # The scaler sees the labels of positive weight only.
    np.testing.assert_allclose(
        model.predict(X), clone(scaled).fit(X[odd], y.loc[odd, "price"]).predict(X)
    )


def test_models_by_default_read_text_gaps_and_many_categories():
    rng = np.random.RandomState(0)
    n = 1500
    X = pd.DataFrame({"shop": rng.choice([f"s{k}" for k in range(300)], n), "x": rng.randn(n)})
    X["kind"] = rng.choice(["a", "b", "c"], n)
    effect = pd.Series(rng.randn(300), [f"s{k}" for k in range(300)])
    y = pd.DataFrame({"sales": X["shop"].map(effect) + X["x"] + (X["kind"] == "b")})
    y["high"] = np.where(y["sales"] > 0, "yes", "no")
    X.loc[::7, ["shop", "x"]] = np.nan, np.nan
    y.loc[::5, "high"] = None
    train, test = np.arange(1200), np.arange(1200, n)
    model = PerTaskClassifierRegressor(random_state=0).fit(X.iloc[train], y.iloc[train])
    # Without the shops, of which there are more than histograms can hold, R² would be .6.
    scores = multitask_scores(model, X.iloc[test], y.iloc[test])
    assert scores["sales"] > 0.7
    assert scores["high"] > 0.85
    unseen = X.iloc[test].assign(shop="new")
    assert np.isfinite(model.predict(unseen)["sales"]).all()


def make_texts(n_rows=120, seed=0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"city": rng.choice(["Bonn", "Graz", "Wien"], n_rows)})
    X["open"] = rng.choice([True, False, None], n_rows)
    X["n"] = rng.normal(size=n_rows)
    price = X["city"].map({"Bonn": 0.0, "Graz": 2.0, "Wien": -1.0}) + 0.1 * X["n"]
    return X, pd.DataFrame({"price": price, "dear": price > 0.5})


@pytest.mark.parametrize("library", ["sklearn", "lightgbm"])
def test_models_read_text_as_categories(library):
    if library == "lightgbm":
        lightgbm = pytest.importorskip("lightgbm")
        options = {"n_estimators": 30, "min_child_samples": 5, "verbose": -1, "n_jobs": 1}
        models = lightgbm.LGBMClassifier(**options), lightgbm.LGBMRegressor(**options)
    else:
        models = HistGradientBoostingClassifier(), HistGradientBoostingRegressor()
    X, y = make_texts()
    fitted = PerTaskClassifierRegressor(*models).fit(X, y)
    new, true = make_texts(60, seed=1)
    assert multitask_scores(fitted, new, true)["price"] > 0.9
    coded = X.assign(city=X["city"].astype("category"), open=X["open"].astype("category"))
    by_hand = clone(models[1]).fit(coded, y["price"])
    held = new.assign(
        city=pd.Categorical(new["city"], coded["city"].cat.categories),
        open=pd.Categorical(new["open"], coded["open"].cat.categories),
    )
    expected = by_hand.predict(held)
    np.testing.assert_allclose(fitted.predict(new)["price"].astype(float), expected)
    # In whatever form strings come, and with cities that were not seen in fit.
    other = new.assign(city=new["city"].astype("string"))
    np.testing.assert_allclose(fitted.predict(other)["price"].astype(float), expected)
    unseen = fitted.predict(new.assign(city="Rom"))["price"].astype(float)
    held["city"] = pd.Categorical([None] * 60, coded["city"].cat.categories)
    np.testing.assert_allclose(unseen, by_hand.predict(held))
    again = pickle.loads(pickle.dumps(fitted)).predict(new)
    pd.testing.assert_frame_equal(again, fitted.predict(new))


def test_pipelines_read_text_themselves_and_an_error_says_so():
    X, y = make_texts()
    steps = make_column_transformer(
        (OneHotEncoder(), make_column_selector(dtype_include=[object, "str"])),
        remainder="passthrough",
    )
    piped = PerTaskClassifierRegressor(regressor=make_pipeline(steps, Ridge()))
    X["open"] = X["open"].fillna("unknown").astype(str)
    assert multitask_scores(piped.fit(X, y[["price"]]), X, y[["price"]])["price"] > 0.9
    with pytest.raises(ValueError, match="could not convert") as caught:
        PerTaskClassifierRegressor(regressor=Ridge()).fit(X, y[["price"]])
    notes = "\n".join(caught.value.__notes__)
    assert "in column 'city'" in notes and "make_pipeline(TableVectorizer(), Ridge())" in notes


def test_models_by_default_do_not_depend_on_how_the_table_is_represented(table):
    X, y = table
    numbers = PerTaskClassifierRegressor(random_state=0).fit(X, y).predict(X)
    with_array = PerTaskClassifierRegressor(random_state=0).fit(X.to_numpy(), y)
    assert with_array.predict(X.to_numpy()).to_numpy().tolist() == numbers.to_numpy().tolist()


@pytest.mark.parametrize(("kind", "loss"), [("count", "poisson"), ("quantile", "absolute_error")])
def test_the_kind_determines_the_loss_by_default(kind, loss):
    X, y = np.arange(40.0)[:, None], np.arange(40) // 4
    model = PerTaskClassifierRegressor(task_types=kind).fit(X, y)
    boosting = model.estimators_["y"]
    assert isinstance(boosting, HistGradientBoostingRegressor)
    assert boosting.loss == loss
    assert (model.predict(X) >= 0).all()


def test_tuning_takes_the_least_loss_and_leaves_few_labels_alone():
    rng = np.random.RandomState(0)
    X = pd.DataFrame(rng.randn(150, 3), columns=["a", "b", "c"])
    y = pd.DataFrame({"product": X["a"] * X["b"] * X["c"], "few": X["a"]})
    y.loc[19:, "few"] = np.nan
    tuned, default = (
        PerTaskClassifierRegressor(tune=tune, random_state=0).fit(X, y) for tune in (True, False)
    )
    assert tuned.predict(X)["few"].equals(default.predict(X)["few"])
    kept = default.estimators_["product"]
    rows = ModelRows(default.columns_.transform(X), y["product"].to_numpy(), None)
    folds = list(Part(clone(kept), rows).divide())
    best = min(TRIED, key=lambda setting: Growth(folds, setting).loss)
    assert best
    chosen = tuned.estimators_["product"]
    assert chosen.max_iter == Growth(folds, best).n_trees
    assert str(chosen) == str(clone(kept).set_params(**best, max_iter=chosen.max_iter))
    given = PerTaskClassifierRegressor(regressor=Ridge(), tune=True).fit(X, y["product"])
    assert str(given.estimators_["product"]) == "Ridge()"


@pytest.mark.parametrize("tune", [False, True])
def test_many_categories_and_rare_classes_are_read(tune):
    rng = np.random.RandomState(0)
    X = pd.DataFrame({"shop": [f"s{k}" for k in rng.permutation(600) % 300], "x": rng.randn(600)})
    y = pd.DataFrame({"sales": X["x"], "rare": ["yes"] * 2 + ["no"] * 598})
    model = PerTaskClassifierRegressor(tune=tune, random_state=0).fit(X, y)
    assert multitask_scores(model, X, y)["sales"] > 0.95


@pytest.mark.parametrize(("kind", "tune"), in_turn(["count", "tweedie", "hurdle"], [False, True]))
def test_amounts_may_all_be_zero_or_all_but_one(kind, tune):
    X, y = np.arange(60.0)[:, None], np.zeros((60, 2))
    y[7, 1] = 3
    model = PerTaskClassifierRegressor(task_types=kind, tune=tune).fit(X, y)
    predicted = model.predict(X)
    assert not predicted[:, 0].any()
    assert 0 < predicted[:, 1].mean() < 3


@pytest.mark.parametrize("tune", [False, True])
def test_many_labels_may_have_a_class_with_a_single_one(tune):
    X = np.random.RandomState(0).randn(2100, 1)
    kind = np.where(X[:, 0] > 0, "up", "down").astype(object)
    kind[5] = "once"
    model = PerTaskClassifierRegressor(tune=tune).fit(X, pd.DataFrame({"kind": kind}))
    assert model.score(X, pd.DataFrame({"kind": kind})) > 0.99


@pytest.mark.parametrize(("n_known", "tune"), [(0, False), (4, True)])
def test_a_column_without_numbers_in_the_rows_of_a_task_counts_for_nothing(n_known, tune):
    rng = np.random.RandomState(0)
    X = pd.DataFrame({"a": rng.randn(60), "gap": 1.0})
    X.loc[n_known:30, "gap"] = np.nan
    y = pd.DataFrame({"p": X["a"] + rng.randn(60), "q": X["a"] + rng.randn(60)})
    y.loc[30:, "q"] = np.nan
    boosting = PerTaskClassifierRegressor(tune=tune, random_state=0)
    predicted = boosting.fit(X, y).predict(X)["q"]
    alone = boosting.fit(X[["a"]], y).predict(X[["a"]])["q"]
    np.testing.assert_array_equal(predicted, alone)


def test_weights_reach_models_with_routing_as_without():
    rng = np.random.RandomState(0)
    X = pd.DataFrame({"shop": [f"s{k % 300}" for k in range(400)], "x": rng.randn(400)})
    y, weights = pd.DataFrame({"sales": X["x"] + 3 * rng.randn(400)}), rng.rand(400)
    scaled = PerTaskClassifierRegressor(regressor=make_pipeline(StandardScaler(), Ridge()))
    boosting = PerTaskClassifierRegressor(tune=True, random_state=0)
    for model, own in ((scaled, X[["x"]]), (boosting, X)):
        expected = clone(model).fit(own, y, weights).predict(own)
        with config_context(enable_metadata_routing=True):
            assert clone(model).fit(own, y, weights).predict(own).equals(expected)


class Interrupted(Ridge):
    """Learns from two columns, not from one."""

    def fit(self, X, y):
        if X.shape[1] == 1:
            raise KeyboardInterrupt
        return super().fit(X, y)


@pytest.mark.parametrize("is_blend", [False, True])
def test_a_fit_that_fails_leaves_the_estimator_as_it_was(is_blend):
    X = pd.DataFrame(np.random.RandomState(0).randn(40, 2), columns=["a", "b"])
    model = PerTaskClassifierRegressor(regressor=Interrupted())
    model = BlendClassifierRegressor([("linear", model)], cv=2) if is_blend else model
    before = vars(model).copy()
    with pytest.raises(KeyboardInterrupt):
        model.fit(X[["a"]], X["b"])
    assert vars(model) == before
    predicted = model.fit(X, X["b"]).predict(X)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X[["a"]], X["b"])
    with pytest.raises(ValueError, match="no label at all"):
        model.fit(X[["a"]], X["b"] * np.nan)
    np.testing.assert_array_equal(model.predict(X), predicted)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_an_error_of_a_model_names_its_task(table, n_jobs):
    X, y = table
    model = PerTaskClassifierRegressor(DecisionTreeClassifier(), Ridge(), n_jobs=n_jobs)
    with parallel_config("threading"), pytest.raises(ValueError, match="NaN") as caught:
        model.fit(X.assign(b=np.nan), y)
    assert caught.value.__notes__ == ["This was the model of task 'price'."]


def test_declared_classes_without_a_label_have_probability_zero():
    y = pd.Categorical(["a", "b"] * 10, ["a", "b", "c"])
    X = np.arange(20.0)[:, None]
    model = PerTaskClassifierRegressor(DecisionTreeClassifier()).fit(X, pd.Series(y))
    assert model.predict_proba(X).shape == (20, 3)
    assert not model.predict_proba(X)[:, 2].any()
    alone = pd.Series(pd.Categorical(["a"] * 20, ["a", "b"]))
    assert set(PerTaskClassifierRegressor().fit(X, alone).predict(X)) == {"a"}


def test_ignored_columns_are_no_tasks(table, trees):
    X, y = table
    model = PerTaskClassifierRegressor(*trees, task_types={"late": "ignore"}).fit(X, y)
    assert model.task_names_ == ["price", "grade"]
    assert list(model.predict(X)) == ["price", "grade"]
    assert np.isfinite(model.score(X, y))


def test_tools_of_the_package_and_of_scikit_learn_accept_it(table, fitted, tmp_path):
    X, y = table
    search = GridSearchCV(
        PerTaskClassifierRegressor(DecisionTreeClassifier(), DecisionTreeRegressor()),
        {"classifier__max_depth": [1, 3]},
        scoring=make_multitask_scorer(),
        cv=2,
    )
    assert set(search.fit(X, y).best_params_) == {"classifier__max_depth"}
    assert cross_val_predict(fitted, X, y, cv=2).shape == y.shape
    assert fitted.task_view("late").predict(X).tolist() == fitted.predict(X)["late"].tolist()
    importance = multitask_importance(fitted, X, y, n_repeats=2, random_state=0)
    assert set(importance.frame["task"]) >= set(y)
    report = MultiTaskReport.from_estimator(fitted, X, y, importance=importance, n_bootstrap=2)
    report.to_html(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "PerTaskClassifierRegressor" in page
    # Nothing was trained in epochs.
    assert 'id="training"' not in page
    copied = pickle.loads(pickle.dumps(fitted))
    assert copied.predict(X).equals(fitted.predict(X))


def test_jobs_change_nothing(table, fitted, trees):
    X, y = table
    with parallel_config("threading"):
        model = PerTaskClassifierRegressor(*trees, n_jobs=2).fit(X, y)
    assert model.predict(X).equals(fitted.predict(X))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"classifier": Ridge()}, "a classifier is needed"),
        ({"classifier": "tree"}, "classifier"),
        ({"classifier": LinearSVC, "regressor": Ridge()}, "classifier"),
        ({"regressor": {"price": {}}}, "regressor of task 'price' is {}: it must be an instance"),
        ({"classifier": {"late": Ridge}}, "classifier of task 'late' is <class"),
        ({"task_types": {"price": "survival"}}, "'price'.*censored"),
        ({"task_types": "wrong"}, "task_types"),
        ({"n_jobs": 0}, "n_jobs"),
    ],
)
def test_wrong_parameters_are_named(table, params, message):
    X, y = table
    with pytest.raises(ValueError, match=message):
        PerTaskClassifierRegressor(**params).fit(X, y.assign(price=y["price"].abs()))


@pytest.mark.parametrize("X", [[], ()])
def test_a_list_without_rows_is_an_error(fitted, X):
    with pytest.raises(ValueError, match="X has no rows"):
        fitted.predict(X)


def test_a_model_without_weights_or_probabilities_is_named(table):
    X, y = table
    near = PerTaskClassifierRegressor(KNeighborsClassifier(), Ridge())
    with pytest.raises(ValueError, match="KNeighborsClassifier.*'late'.*sample_weight"):
        near.fit(X, y, np.ones(len(X)))
    hard = PerTaskClassifierRegressor(LinearSVC(), Ridge()).fit(X, y)
    assert set(hard.predict(X)["late"]) <= {"yes", "no"}
    with pytest.raises(AttributeError, match="LinearSVC of task 'late' has no predict_proba"):
        hard.predict_proba(X)


@pytest.mark.parametrize(
    ("estimator", "check"),
    each_check(
        [
            PerTaskClassifierRegressor(
                DecisionTreeClassifier(random_state=0), DecisionTreeRegressor(random_state=0)
            )
        ]
    ),
)
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)


def test_what_the_models_of_all_tasks_warn_of_is_shown_once():
    X = pd.DataFrame({"a": np.arange(40.0), "town": ["u", "v"] * 20})
    y = pd.DataFrame({"paid": [0, 1] * 20, "open": [0, 0, 1, 1] * 10, "price": np.arange(40.0)})
    towns = OneHotEncoder(handle_unknown="warn", min_frequency=2)
    encode = make_column_transformer((towns, ["town"]), remainder="passthrough")
    models = (make_pipeline(encode, last) for last in (LogisticRegression(), Ridge()))
    model = PerTaskClassifierRegressor(*models).fit(X, y)
    with pytest.warns(UserWarning, match="Found unknown categories") as caught:
        model.predict(X.assign(town="w"))
    assert [warning.filename for warning in caught] == [__file__]
