"""Importances are those of scikit-learn's function, task by task, and of a naive loop."""

import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from makers import TINY, make_table
from scipy import sparse, stats
from sklearn.base import BaseEstimator
from sklearn.compose import make_column_transformer
from sklearn.exceptions import NotFittedError, UndefinedMetricWarning
from sklearn.inspection import permutation_importance
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_ple import PLEClassifierRegressor, PLERegressor
from sklearn_ple.inspection import MultiTaskImportance, expert_health, multitask_importance
from sklearn_ple.metrics import make_multitask_scorer, multitask_scores, task_scorer
from sklearn_ple.tasks import Regression

MEAN = "mean of tasks"


def make_data(seed=0):
    X, y = make_table(90, seed)
    return X, y[["late", "price"]]


@pytest.fixture(scope="module")
def fitted():
    X, y = make_data()
    return PLEClassifierRegressor(**TINY).fit(X, y), *make_data(seed=1)


class Linear(BaseEstimator):
    """Predicts two numbers by known weights of three columns, the last of which is not read."""

    weights = np.array([[1.0, 2.0], [3.0, 0.0], [0.0, 0.0]])
    task_names_, classes_ = ["one", "two"], [None, None]
    tasks_ = [Regression(), Regression()]
    n_calls = 0

    def fit(self, X, y):
        return self

    def predict(self, X):
        self.n_calls += 1
        return X @ self.weights

    def __sklearn_is_fitted__(self):
        return True


@pytest.fixture
def linear():
    rng = np.random.RandomState(0)
    X = rng.normal(size=(60, 3))
    y = X @ Linear.weights + rng.normal(size=(60, 2))
    y[rng.uniform(size=y.shape) < 0.3] = np.nan
    return Linear(), X, y


# -- the numbers ----------------------------------------------------------------------------------


def test_each_task_has_the_importances_of_scikit_learns_function(fitted):
    model, X, y = fitted
    found = multitask_importance(model, X, y, n_repeats=3, random_state=4)
    assert found.features == ["a", "b", "c", "d"] and found.tasks == ["late", "price"]
    assert found.scores == multitask_scores(model, X, y)
    for k, task in enumerate(found.tasks):
        wanted = permutation_importance(
            model, X, y, scoring=task_scorer(task), n_repeats=3, random_state=4
        )
        np.testing.assert_allclose(found.importances[:, k], wanted.importances, atol=1e-12)
        np.testing.assert_allclose(found.importances_mean[task], wanted.importances_mean)
        np.testing.assert_allclose(found.importances_std[task], wanted.importances_std)


def test_the_mean_is_the_importance_of_the_mean_score(fitted):
    model, X, y = fitted
    options = {"n_repeats": 2, "random_state": 0}
    found = multitask_importance(model, X, y, **options)
    wanted = permutation_importance(model, X, y, scoring=make_multitask_scorer(), **options)
    np.testing.assert_allclose(found.importances_mean[MEAN], wanted.importances_mean, atol=1e-12)
    np.testing.assert_allclose(found.importances_std[MEAN], wanted.importances_std, atol=1e-12)
    assert found.order.tolist() == np.argsort(-wanted.importances_mean).tolist()


def test_groups_are_shuffled_together_as_in_a_naive_loop(linear):
    model, X, y = linear
    groups = {"both": [0, 1], "second": 1, "rest": [1, 2]}
    found = multitask_importance(
        model, X, y, groups_of_columns=groups, n_repeats=3, random_state=0
    )
    assert found.features == list(groups)
    for g, columns in enumerate([[0, 1], [1], [1, 2]]):
        # As scikit-learn's function does: from one seed for each, what is shuffled already.
        rng = np.random.RandomState(np.random.RandomState(0).randint(np.iinfo(np.int32).max + 1))
        moved, order = X.copy(), np.arange(60)
        for repeat in range(3):
            rng.shuffle(order)
            moved[:, columns] = moved[order][:, columns]
            for k in range(2):
                there = ~np.isnan(y[:, k])
                scores = [r2_score(y[there, k], model.predict(Z)[there, k]) for Z in (X, moved)]
                drop = found.importances[g, k, repeat]
                assert drop == pytest.approx(scores[0] - scores[1], abs=1e-12)


def test_a_column_that_is_not_read_has_no_importance(linear):
    model, X, y = linear
    found = multitask_importance(model, X, y, random_state=0)
    assert (found.importances[2] == 0).all() and (found.importances[1, 1] == 0).all()
    assert (found.importances[0] > 0).all()
    rows = found.frame.query("feature == 'x2'")
    assert (rows[["mean", "std", "low", "high"]] == 0).all(axis=None)


def test_intervals_are_students_over_the_repeats(linear):
    found = multitask_importance(*linear, n_repeats=6, confidence=0.8, random_state=0)
    assert list(found.frame.columns) == ["feature", "task", "mean", "std", "low", "high"]
    assert found.frame["task"].tolist() == ["one", "two", MEAN] * 3
    drops = found.importances[0]
    for task, values in {"one": drops[0], "two": drops[1], MEAN: drops.mean(axis=0)}.items():
        rows = found.frame.set_index(["feature", "task"])
        row = rows.loc[("x0", task)]
        bounds = stats.ttest_1samp(values, 0).confidence_interval(0.8)
        assert row[["mean", "low", "high"]].tolist() == pytest.approx([values.mean(), *bounds])
        assert row["std"] == pytest.approx(values.std())


def test_one_prediction_serves_all_tasks(linear):
    model, X, y = linear
    multitask_importance(model, X, y, n_repeats=4)
    assert model.n_calls == 1 + 3 * 4


def test_a_task_without_labels_is_nan_and_said_once(fitted):
    model, X, y = fitted
    with pytest.warns(UndefinedMetricWarning, match="Task 'late' has no score") as caught:
        found = multitask_importance(model, X, y.assign(late=None), n_repeats=2, random_state=0)
    assert len(caught) == 1
    means = found.importances_mean
    assert means["late"].isna().all() and np.isnan(found.scores["late"])
    pd.testing.assert_series_equal(means[MEAN], means["price"], check_names=False)


def test_without_any_label_all_is_nan(linear):
    model, X, y = linear
    with pytest.warns(UndefinedMetricWarning):
        found = multitask_importance(model, X, np.full_like(y, np.nan))
    assert found.importances_mean.isna().all(axis=None) and found.order.tolist() == [0, 1, 2]


def test_metrics_and_weights_are_those_of_the_scores(linear):
    model, X, y = linear
    weight = np.where(np.arange(60) < 20, 0.0, 1.0 + np.arange(60))
    options = {"metrics": {"one": "neg_mean_absolute_error"}, "sample_weight": weight}
    found = multitask_importance(model, X, y, **options, n_repeats=1, random_state=0)
    assert found.scores == multitask_scores(model, X, y, **options)
    moved = X.copy()
    seed = np.random.RandomState(0).randint(np.iinfo(np.int32).max + 1)
    order = np.arange(60)
    np.random.RandomState(seed).shuffle(order)
    moved[:, 0] = X[order, 0]
    scores = multitask_scores(model, moved, y, **options)
    assert found.importances[0, :, 0].tolist() == [found.scores[k] - scores[k] for k in scores]


# -- forms ----------------------------------------------------------------------------------------


def test_raw_columns_of_a_pipeline_are_shuffled():
    X, y = make_data()
    encode = make_column_transformer((OneHotEncoder(), ["d"]), remainder=StandardScaler())
    model = make_pipeline(encode, PLEClassifierRegressor(**TINY)).fit(X, y)
    found = multitask_importance(model, X, y, n_repeats=2, random_state=0)
    assert found.features == ["a", "b", "c", "d"]
    wanted = permutation_importance(
        model, X, y, scoring=task_scorer("price"), n_repeats=2, random_state=0
    )
    np.testing.assert_allclose(found.importances[:, 1], wanted.importances, atol=1e-12)


@pytest.mark.parametrize("form", ["array", "list", "sparse", "polars", "search"])
def test_data_of_any_form_are_explained(form):
    X, y = make_data()
    X, y, features = X[["a", "b", "c"]], y["price"].fillna(0), ["a", "b", "c"]
    model = PLERegressor(**TINY)
    if form == "search":
        model = GridSearchCV(model, {"n_levels": [1]}, cv=2)
    elif form == "polars":
        X = pytest.importorskip("polars").DataFrame(X.to_dict("list"))
    else:
        X, features = X.to_numpy(), ["x0", "x1", "x2"]
        X = {"list": X.tolist(), "sparse": sparse.csr_matrix(X), "array": X}[form]
    found = multitask_importance(model.fit(X, y), X, y, n_repeats=2, random_state=0)
    assert found.features == features and found.tasks == ["price"]
    assert found.importances_mean["price"].idxmax() == features[2]
    assert found.importances_mean["price"].equals(found.importances_mean[MEAN].rename("price"))


def test_rows_of_numbers_and_strings_are_shuffled_as_they_are():
    X, y = make_data()
    frame = X[["a", "b", "d"]].astype({"d": object}).set_axis(["x0", "x1", "x2"], axis=1)
    model = PLEClassifierRegressor(**TINY).fit(frame.to_numpy().tolist(), y)
    options = {"n_repeats": 1, "random_state": 0}
    found = multitask_importance(model, frame.to_numpy().tolist(), y, **options)
    wanted = multitask_importance(model, frame.to_numpy(), y, **options)
    assert found.features == ["x0", "x1", "x2"]
    np.testing.assert_array_equal(found.importances, wanted.importances)


def test_columns_of_arrow_keep_their_names():
    X, y = make_data()
    table = pa.Table.from_pandas(X[["a", "b"]])
    model = PLEClassifierRegressor(**TINY).fit(table, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = multitask_importance(model, table, y, n_repeats=1, random_state=0)
    wanted = multitask_importance(model, X[["a", "b"]], y, n_repeats=1, random_state=0)
    assert found.features == ["a", "b"]
    np.testing.assert_allclose(found.importances, wanted.importances)


def test_jobs_change_nothing(fitted):
    found = multitask_importance(*fitted, n_repeats=2, random_state=0)
    again = multitask_importance(*fitted, n_repeats=2, random_state=0, n_jobs=2)
    np.testing.assert_array_equal(again.importances, found.importances)
    other = multitask_importance(*fitted, n_repeats=2, random_state=1)
    assert (other.importances != found.importances).any()


def test_what_is_given_stays_as_it_is(fitted):
    model, X, y = fitted
    before = X.copy(), y.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        multitask_importance(model, X, y, n_repeats=1)
    pd.testing.assert_frame_equal(X, before[0])
    pd.testing.assert_frame_equal(y, before[1])


def test_progress_is_shown_if_asked_for(linear, capsys):
    multitask_importance(*linear)
    assert capsys.readouterr().err == ""
    multitask_importance(*linear, verbose=1)
    assert "Permuting: 100%" in (shown := capsys.readouterr().err) and "3/3" in shown


def test_result_is_shown_in_short():
    found = MultiTaskImportance(["a"], ["t"], np.zeros((1, 1, 1)), {"t": 0.5})
    caption = "Drop of each task's score when a column is shuffled, once:"
    assert repr(found) == f"{caption}\n\n      t\na  0.00"


def test_consoles_and_notebooks_show_what_matters_most():
    drops = np.zeros((12, 2, 2))
    drops[:, 1, 0] = 0.1
    drops[7], drops[3] = 0.5, -0.2
    names = [*"abcdefghijk", "<i>"]
    found = MultiTaskImportance(names, ["t", "u"], drops, {"t": 0.5, "u": 0.5})
    lines = str(found).splitlines()
    assert lines[2].split() == ["t", "u", "mean", "of", "tasks"]
    assert lines[3].split() == ["h", "0.500", "0.500", "0.500"]
    assert lines[4].split() == ["a", "(0.000)", "(0.050)", "(0.025)"]
    assert lines[-1] == "Not shown: 2 that matter less on the mean."
    assert [line.split()[0] for line in lines[3:13]] == list("habcefgijk")
    html = found._repr_html_()
    assert "(0.050)" in html and "Not shown: 2" in html and "<i>" not in html
    assert found.select(2).index.tolist() == ["h", "a"]
    assert found.plot(max_features=3).texts_.shape == (3, 3)


# -- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_repeats": 0}, "'n_repeats' parameter .* Got 0"),
        ({"n_repeats": 2.0}, "'n_repeats' parameter .* Got 2.0"),
        ({"confidence": 95}, "'confidence' parameter .* Got 95"),
        ({"groups_of_columns": {"g": ["z"]}}, "Group 'g' .* 'z', which is neither the name nor"),
        ({"metrics": {"three": "r2"}}, "metrics names .'three'., but the tasks are"),
    ],
)
def test_wrong_arguments_are_named(linear, arguments, message):
    with pytest.raises(ValueError, match=message):
        multitask_importance(*linear, **arguments)


def test_predictions_are_refused(linear):
    _, X, y = linear
    with pytest.raises(TypeError, match="'estimator' parameter .* an instance"):
        multitask_importance(y, X, y)


def test_a_search_needs_a_best_model(linear):
    _, X, y = linear
    search = GridSearchCV(PLERegressor(n_members=1, max_epochs=1), {"n_levels": [1]}, refit=False)
    for explain in (multitask_importance, expert_health):
        with pytest.raises(NotFittedError):
            explain(search, X, *[y] * (explain is multitask_importance))
    search.fit(X, y)
    for explain in (multitask_importance, expert_health):
        with pytest.raises(TypeError, match="GridSearchCV has no best estimator: .* refit=True"):
            explain(search, X, *[y] * (explain is multitask_importance))


def test_failure_names_the_feature(linear):
    class Broken(Linear):
        def predict(self, X):
            if self.n_calls:
                raise RuntimeError("no more")
            return super().predict(X)

    with pytest.raises(RuntimeError, match="no more") as caught:
        multitask_importance(Broken(), *linear[1:])
    assert caught.value.__notes__ == ["This error occurred with the feature 'x0' shuffled."]
