"""`task_view`: one task is what scikit-learn's tools for single targets take."""

import inspect

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import log_softmax, logit
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError, UndefinedMetricWarning
from sklearn.inspection import (
    DecisionBoundaryDisplay,
    permutation_importance,
)
from sklearn.metrics import (
    accuracy_score,
    r2_score,
)
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

import sklearn_ple
from sklearn_ple import (
    ESMMClassifier,
    PLEClassifier,
    PLEClassifierRegressor,
    PLERegressor,
    SharedBottomClassifierRegressor,
    task_view,
)
from sklearn_ple.predictions.task_view import TaskClassifierView, TaskRegressorView

TINY = {"n_members": 1, "max_epochs": 2, "numeric_embedding": None, "random_state": 0}
KINDS = {"paid": "binary", "colour": "multiclass", "price": "regression", "visits": "count"}


def make_data(n_rows=150, seed=0):
    rng = np.random.RandomState(seed)
    X = pd.DataFrame(rng.normal(size=(n_rows, 2)), columns=["a", "b"])
    y = pd.DataFrame(
        {
            "paid": np.where(X["a"] + 0.5 * rng.normal(size=n_rows) > 0, "yes", "no"),
            "colour": np.array(["blue", "green", "red"])[rng.randint(3, size=n_rows)],
            "price": 3 * X["b"] + rng.normal(size=n_rows),
            "visits": rng.poisson(np.exp(0.5 * X["a"])).astype(float),
        }
    )
    return X, y.mask(rng.uniform(size=y.shape) < 0.2)


@pytest.fixture(scope="module")
def data():
    return make_data()


@pytest.fixture(scope="module")
def model(data):
    return PLEClassifierRegressor(task_types=KINDS, **TINY).fit(*data)


@pytest.fixture(scope="module")
def labelled(data):
    """X and the labels of `paid` where there are any."""
    X, y = data
    there = y["paid"].notna()
    return X[there], y["paid"][there]


# -- what a view is -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["paid", "colour"])
def test_classifier_gives_what_the_estimator_gives_for_the_task(data, model, name):
    X, _ = data
    view, k = model.task_view(name), list(KINDS).index(name)
    assert isinstance(view, TaskClassifierView)
    assert is_classifier(view) and not is_regressor(view)
    assert_array_equal(view.classes_, model.classes_[k])
    assert_array_equal(view.predict(X), model.predict(X)[name])
    assert_array_equal(view.predict_proba(X), model.predict_proba(X)[k])
    logits = model.decision_function(X)[k]
    wanted = logits if name == "paid" else log_softmax(logits, axis=1)
    assert_allclose(view.decision_function(X), wanted, atol=1e-12)


@pytest.mark.parametrize("name", ["price", "visits"])
def test_regressor_gives_what_the_estimator_gives_for_the_task(data, model, name):
    X, _ = data
    view = model.task_view(name)
    assert isinstance(view, TaskRegressorView)
    assert is_regressor(view) and not is_classifier(view)
    assert_array_equal(view.predict(X), model.predict(X)[name])
    assert view.predict(X).dtype == np.float64
    assert not hasattr(view, "predict_proba")


def test_view_tells_what_it_takes(model):
    view = model.task_view("paid")
    check_is_fitted(view)
    assert view.n_features_in_ == 2
    assert_array_equal(view.feature_names_in_, ["a", "b"])
    assert get_tags(view).input_tags == get_tags(model).input_tags
    assert not get_tags(view).target_tags.multi_output
    assert "price" in repr(model.task_view("price"))


def test_names_are_missing_where_the_estimator_has_none(data):
    X, y = data
    view = PLERegressor(**TINY).fit(X.to_numpy(), y[["price"]]).task_view("price")
    assert not hasattr(view, "feature_names_in_")


@pytest.mark.parametrize(
    "cls",
    [
        getattr(sklearn_ple, n)
        for n in sklearn_ple.__all__
        if inspect.isclass(getattr(sklearn_ple, n))
    ],
)
def test_every_estimator_has_views(data, cls):
    X, _ = data
    binary = np.column_stack([X["a"] > 0, (X["a"] > 0) & (X["b"] > 0)])
    y = X.to_numpy() if cls is PLERegressor else binary
    model = cls(**TINY | {"max_epochs": 1}).fit(X, y)
    view = model.task_view("y1")
    assert_array_equal(view.predict(X), model.predict(X)[:, 1])
    if cls is not PLERegressor:
        proba = model.predict_proba(X)[1]
        assert_array_equal(view.predict_proba(X), proba)
        # Of PLEClassifier too, which has no decision_function for several tasks.
        assert_allclose(view.decision_function(X), logit(proba[:, 1]), rtol=1e-6)


@pytest.mark.parametrize("form", ["array", "list", "category", "nullable", "polars"])
def test_labels_have_the_dtype_of_the_classes_whatever_the_form_of_y(data, form):
    X, y = data
    y = y[["paid", "visits"]].assign(late=pd.Series(X["b"] > 0).astype(object))
    given = {
        "array": lambda: y.to_numpy(dtype=object),
        "list": lambda: y.to_numpy(dtype=object).tolist(),
        "category": lambda: y.astype({"paid": "category", "late": "category"}),
        "nullable": lambda: y.astype({"paid": "string", "late": "boolean"}),
        "polars": lambda: pl.DataFrame({c: [None if pd.isna(v) else v for v in y[c]] for c in y}),
    }[form]()
    model = SharedBottomClassifierRegressor(task_types=["binary", "count", "binary"], **TINY)
    paid, visits, late = map(model.fit(X, given).task_view, model.task_names_)
    assert paid.predict(X).dtype == paid.classes_.dtype == object
    assert late.predict(X).dtype == late.classes_.dtype == bool
    assert visits.predict(X).dtype == np.float64
    assert set(paid.predict(X)) <= {"no", "yes"}
    assert paid.score(X, y["paid"]) == pytest.approx(
        np.mean((paid.predict(X) == y["paid"])[y["paid"].notna()])
    )


def test_one_dimensional_y():
    X, y = load_iris(return_X_y=True)
    model = PLEClassifier(**TINY).fit(X, y)
    view = model.task_view("y")
    assert_array_equal(view.classes_, [0, 1, 2])
    assert_array_equal(view.predict(X), model.predict(X))
    assert_array_equal(view.predict_proba(X), model.predict_proba(X))
    assert view.score(X, y) == model.score(X, y)
    regressor = PLERegressor(**TINY).fit(X[:, 1:], X[:, 0])
    assert_array_equal(regressor.task_view("y").predict(X[:, 1:]), regressor.predict(X[:, 1:]))


@pytest.mark.parametrize(
    ("name", "metric"), [("paid", accuracy_score), ("price", r2_score), ("visits", r2_score)]
)
def test_score_skips_rows_without_a_label(data, model, name, metric):
    X, y = data
    view, there = model.task_view(name), y[name].notna().to_numpy()
    truth, predicted = y[name][there], view.predict(X[there])
    weights = np.random.RandomState(1).uniform(size=len(X))
    assert view.score(X, y[name]) == pytest.approx(metric(truth, predicted))
    assert view.score(X, y[name], weights) == pytest.approx(
        metric(truth, predicted, sample_weight=weights[there])
    )


@pytest.mark.parametrize("form", [pa.Table, pa.RecordBatch, pl.DataFrame])
def test_score_takes_frames_of_every_library(data, model, form):
    X, y = data
    table = pl.from_pandas(X) if form is pl.DataFrame else form.from_pandas(X)
    assert isinstance(table, form)
    view = model.task_view("price")
    assert view.score(table, y["price"]) == view.score(X, y["price"])


def test_score_takes_sparse_matrices_of_any_format(data):
    X, y = data
    X = sparse.coo_array(X.to_numpy())
    view = PLERegressor(**TINY).fit(X, y[["price"]]).task_view("price")
    expected = view.score(X.toarray(), y["price"])
    for form in ("coo", "csc", "bsr", "dok"):
        assert view.score(X.asformat(form), y["price"]) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["paid", "price"])
def test_score_takes_the_weights_that_the_estimator_takes(data, model, name):
    X, y = data
    view, labelled = model.task_view(name), y[name].notna().to_numpy()
    with pytest.raises(ValueError, match="weights must be 0 or more"):
        view.score(X, y[name], -np.ones(len(X)))
    with pytest.raises(ValueError, match=f"{name!r} has no label in y"):
        view.score(X, y[name], 1.0 - labelled)
    few = labelled & (np.arange(len(X)) < 40)
    assert view.score(X, y[name], few) == pytest.approx(view.score(X[few], y[name][few]))


@pytest.mark.parametrize("name", ["paid", "price"])
def test_score_of_labels_of_another_type_names_the_task(data, model, name):
    X, y = data
    labels = np.where(y["price"] > 0, 1, 0) if name == "paid" else y["price"].astype(str)
    with pytest.raises(
        ValueError, match=f"Target '{name}' holds .*: pass labels of the same type"
    ):
        model.task_view(name).score(X, labels)


def test_one_number_has_no_score(data, model):
    X, y = data
    row = np.flatnonzero(y["price"].notna())[:1]
    with pytest.warns(UndefinedMetricWarning, match="Task 'price' has no score on its 1 label"):
        assert np.isnan(model.task_view("price").score(X.iloc[row], y["price"].iloc[row]))


def test_score_says_what_is_wrong_with_y(data, model):
    X, y = data
    view = model.task_view("price")
    with pytest.raises(
        ValueError, match="y has 4 columns: pass only the labels of the task 'price'"
    ):
        view.score(X, y)
    with pytest.raises(ValueError, match="'price' has no label in y"):
        view.score(X, np.full(len(X), np.nan))
    with pytest.raises(ValueError, match="inconsistent"):
        view.score(X, y["price"].head())


def test_view_is_of_a_task_that_there_is(model):
    with pytest.raises(
        ValueError, match=r"no task of the name 'wage': the tasks are \['paid', 'colour'"
    ):
        model.task_view("wage")
    with pytest.raises(NotFittedError):
        PLEClassifier().task_view("paid")


def test_view_of_a_clone_is_not_fitted(model):
    view = clone(model.task_view("paid"))
    with pytest.raises(NotFittedError):
        check_is_fitted(view)
    assert not hasattr(view, "classes_")
    with pytest.raises(TypeError, match=r"task 'paid' cannot be fitted: .*FrozenEstimator"):
        view.fit([[0.0]], [0])


def test_view_follows_its_estimator(seed):
    X, y = make_data(seed=seed)
    model = PLEClassifierRegressor(**TINY | {"random_state": seed}).fit(X, y[["paid", "price"]])
    view = model.task_view("price")
    before = view.predict(X)
    model.fit(X, y[["paid", "price"]].assign(price=10 * y["price"]))
    assert_array_equal(view.predict(X), model.predict(X)["price"])
    assert np.abs(view.predict(X)).max() > 2 * np.abs(before).max()


def test_views_in_pipelines_and_searches(data):
    X, y = data
    y = y[["paid", "price"]]
    pipeline = make_pipeline(StandardScaler(), PLEClassifierRegressor(**TINY)).fit(X, y)
    by_steps = make_pipeline(pipeline[:-1], pipeline[-1].task_view("paid"))
    assert is_classifier(by_steps)
    search = GridSearchCV(pipeline, {"pleclassifierregressor__dropout": [0.0]}, cv=2).fit(X, y)
    for model in (pipeline, search):
        view = task_view(model, "paid")
        check_is_fitted(view)
        assert_array_equal(view.predict(X), model.predict(X)["paid"])
        assert_array_equal(view.predict_proba(X), model.predict_proba(X)[0])
    assert_array_equal(by_steps.predict_proba(X), pipeline.predict_proba(X)[0])


# -- what takes it --------------------------------------------------------------------------------


def test_permutation_importance_reads_rows_without_a_label(data, model):
    X, y = data
    found = permutation_importance(
        model.task_view("price"), X, y["price"], n_repeats=2, random_state=0
    )
    there = y["price"].notna()
    assert found.importances.shape == (2, 2)
    score = r2_score(y["price"][there], model.predict(X)["price"][there])
    # A feature that all rows have alike is as uninformative as a shuffled one.
    rng = np.random.RandomState(0)
    drops = []
    for name in X:
        moved = X.assign(**{name: rng.permutation(X[name])})
        drops.append(score - r2_score(y["price"][there], model.predict(moved)["price"][there]))
    assert_array_equal(np.argsort(found.importances_mean), np.argsort(drops))


def test_decision_boundary_display(data, model):
    X, _ = data
    display = DecisionBoundaryDisplay.from_estimator(
        model.task_view("paid"), X, response_method="predict_proba", grid_resolution=6
    )
    grid = pd.DataFrame({"a": display.xx0.ravel(), "b": display.xx1.ravel()})
    wanted = model.predict_proba(grid)[0][:, 1]
    assert_allclose(np.ravel(display.response), wanted, rtol=1e-6)


def test_shap(data, model):
    shap = pytest.importorskip("shap")
    X = data[0].to_numpy()

    def response(rows):
        return view.predict(pd.DataFrame(rows, columns=["a", "b"]))

    view, background = model.task_view("price"), X[:20]
    found = shap.explainers.Exact(response, background)(X[20:23])
    # Shapley values of two features from all four coalitions.
    for row, values in zip(X[20:23], found.values, strict=True):

        def worth(known, row=row):
            return response(np.where(known, row, background)).mean()

        none, a, b, both = worth([0, 0]), worth([1, 0]), worth([0, 1]), worth([1, 1])
        wanted = [(a - none + both - b) / 2, (b - none + both - a) / 2]
        assert_allclose(values, wanted, atol=1e-5)


def test_mapie(data):
    mapie = pytest.importorskip("mapie.regression")
    X, y = data
    there = y["price"].notna()
    X, y = X[there].to_numpy(), y["price"][there].to_numpy()
    model = PLERegressor(**TINY).fit(X, np.column_stack([y, -y]))
    conformal = mapie.SplitConformalRegressor(
        model.task_view("y0"), confidence_level=0.8, prefit=True
    ).conformalize(X, y)
    _, intervals = conformal.predict_interval(X)
    predicted = model.predict(X)[:, 0]
    residuals = np.sort(np.abs(y - predicted))
    width = residuals[int(np.ceil(0.8 * (len(y) + 1))) - 1]
    assert_allclose(intervals[:, 0, 0], predicted - width, rtol=1e-6)
    assert_allclose(intervals[:, 1, 0], predicted + width, rtol=1e-6)


def test_funnel_has_views_of_joint_probabilities(data):
    X, _ = data
    click = X["a"] > 0
    y = pd.DataFrame({"click": click, "purchase": click & (X["b"] > 0)})
    model = ESMMClassifier(**TINY).fit(X, y)
    assert_array_equal(model.task_view("purchase").predict_proba(X), model.predict_proba(X)[1])


def test_a_view_scores_no_path(tmp_path):
    X, y = pd.DataFrame({"a": [0.0, 1.0] * 30}), pd.DataFrame({"c": [0, 1] * 30, "r": [0.5] * 60})
    model = PLEClassifierRegressor(n_members=1, max_epochs=1).fit(X, y.assign(r=X["a"] / 2))
    X.to_parquet(tmp_path / "rows.parquet")
    for view in (model.task_view("c"), model.task_view("r")):
        # As for the estimator, y would be the name of a column.
        with pytest.raises(TypeError, match="X is a dataset or a path"):
            view.score(str(tmp_path / "rows.parquet"), view.task)


@pytest.mark.filterwarnings("ignore:Target 'visits' holds 6 distinct:UserWarning")
@pytest.mark.parametrize("tasks", [["price", "visits"], ["price"], ["colour"]])
def test_a_task_that_a_new_fit_lacks_is_named(tasks):
    X, y = make_data()
    model = PLEClassifierRegressor(**TINY).fit(X, y[["paid", "price"]])
    view = model.task_view("paid")
    model.fit(X, y[tasks])
    message = rf"There is no task of the name 'paid': the tasks are \['{tasks[0]}'"
    for use in (view.predict, lambda X: view.score(X, y["paid"]), lambda _: view.classes_):
        with pytest.raises(ValueError, match=message):
            use(X)


@pytest.mark.parametrize("single", [True, False])
def test_a_task_of_another_kind_in_a_new_fit_needs_a_new_view(single):
    X, y = make_data()
    names = ["one"] if single else ["one", "colour"]
    classes, numbers = y.rename(columns={"paid": "one"}), y.rename(columns={"price": "one"})
    model = PLEClassifierRegressor(**TINY).fit(X, classes[names])
    view = model.task_view("one")
    model.fit(X, numbers[names])
    with pytest.raises(ValueError, match="'one' is a number since its estimator was fitted again"):
        view.predict(X)
    view = model.task_view("one")
    model.fit(X, classes[names])
    with pytest.raises(ValueError, match="'one' has classes since its estimator was fitted again"):
        view.predict(X)
