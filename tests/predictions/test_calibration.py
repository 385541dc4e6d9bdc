"""`calibrate`: against logistic curves by scikit-learn, and searches of our own."""

import inspect
import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize
from scipy.special import expit, logit, softmax
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss

import sklearn_ple
from sklearn_ple import ESMMClassifier, PLEClassifier, PLEClassifierRegressor, PLERegressor
from sklearn_ple.metrics import multitask_scores
from sklearn_ple.predictions.calibration import find_correction
from sklearn_ple.tasks import Multiclass

TINY = {
    "n_members": 1,
    "max_epochs": 5,
    "learning_rate": 0.02,
    "numeric_embedding": None,
    "random_state": 0,
}
CLASS_TASKS = ["paid", "colour"]


def make_data(n_rows, seed):
    rng = np.random.RandomState(seed)
    X = pd.DataFrame(rng.normal(size=(n_rows, 3)), columns=list("abc"))
    y = pd.DataFrame(
        {
            "paid": np.where(X["a"] + rng.normal(size=n_rows) > 0.5, "yes", "no"),
            "price": 3 * X["b"] + rng.normal(size=n_rows),
            "colour": np.array(["blue", "green", "red"])[
                (X[["a", "b", "c"]].to_numpy() + rng.gumbel(size=(n_rows, 3))).argmax(axis=1)
            ],
        }
    )
    return X, y.mask(rng.uniform(size=y.shape) < 0.2)


@pytest.fixture(scope="module")
def data():
    return make_data(200, seed=0)


@pytest.fixture(scope="module")
def held_out():
    return make_data(300, seed=1)


@pytest.fixture(scope="module")
def fitted(data):
    return pickle.dumps(PLEClassifierRegressor(**TINY).fit(*data))


@pytest.fixture
def model(fitted):
    return pickle.loads(fitted)


def by_logistic_regression(model, name, X, y, weights=None):
    """Learn a task's classes from its scores alone, on the rows with its label.

    Slopes of their own for each class are more than a temperature, so this is for two classes.
    """
    there = y[name].notna().to_numpy()
    scores = model.task_view(name).decision_function(X[there]).reshape(-1, 1)
    weights = None if weights is None else weights[there]
    curve = LogisticRegression(C=1e10, tol=1e-10, max_iter=10_000)
    return curve.fit(scores, y[name][there].to_numpy(), sample_weight=weights)


@pytest.mark.parametrize("weighted", [False, True])
def test_equals_the_logistic_curve_of_two_classes(data, held_out, model, weighted):
    X, y = held_out
    weights = np.random.RandomState(2).uniform(0.1, 3, size=len(X)) if weighted else None
    curve = by_logistic_regression(model, "paid", X, y, weights)
    wanted = curve.predict_proba(model.decision_function(data[0])[0].reshape(-1, 1))
    proba = model.calibrate(X, y, sample_weight=weights).predict_proba(data[0])[0]
    assert_allclose(proba, wanted, atol=1e-5)


@pytest.mark.parametrize("k", [0, 2])
def test_correction_has_the_least_log_loss(held_out, model, k):
    X, y = held_out
    name, there = y.columns[k], y.iloc[:, k].notna().to_numpy()
    logits = model.decision_function(X)[k][there]
    if logits.ndim == 1:
        logits = np.column_stack([-logits / 2, logits / 2])
    codes = np.unique(y[name][there], return_inverse=True)[1]

    def loss(parameters):
        p = softmax(logits / np.exp(parameters[0]) + parameters[1:], axis=1)
        return -np.log(p[np.arange(len(codes)), codes]).mean()

    model.calibrate(X, y)
    added = model.intercepts_[name]
    added = added if len(added) > 1 else [-added[0] / 2, added[0] / 2]
    found = np.array([np.log(model.temperatures_[name]), *added])
    best = loss(found)
    # The loss is flat here in every direction, and higher a step away.
    for step in 0.05 * np.vstack([np.eye(len(found)), -np.eye(len(found))]):
        assert best < loss(found + step) < best + 0.01
    by_search = minimize(loss, np.zeros(len(found)), method="Nelder-Mead", tol=1e-9)
    assert best <= by_search.fun + 1e-8


@pytest.mark.parametrize("class_weight", ["balanced", [{"yes": 30.0}]])
def test_class_weights_no_longer_show_in_probabilities(class_weight, seed):
    X, y = make_data(3000, seed)
    rng = np.random.RandomState(seed)
    rare = X["a"] + rng.normal(size=len(X)) > 2.6
    y = np.where(rare, "yes", "no")
    parameters = TINY | {"max_epochs": 12, "random_state": seed}
    fitted = PLEClassifier(class_weight=class_weight, **parameters).fit(X[:1500], y[:1500])
    true = rare[2250:]

    def shown():
        proba = fitted.predict_proba(X[2250:])[:, 1]
        return proba.mean(), log_loss(true, proba)

    before, loss_before = shown()
    fitted.calibrate(X[1500:2250], y[1500:2250])
    after, loss_after = shown()
    rate = true.mean()
    assert before > 5 * rate
    # The shares of 750 labels differ by chance.
    assert abs(after - rate) < 4 * np.sqrt(2 * rate / 750)
    base = rare[1500:2250].mean()
    assert loss_after < log_loss(true, np.full(len(true), base)) < loss_before


def test_weight_of_a_class_without_labels_is_taken_back(data, held_out):
    X, y = held_out
    weights = {"colour": {"red": 8.0}}
    model = PLEClassifierRegressor(class_weight=weights, **TINY).fit(*data)
    before = model.decision_function(X)[2]
    there = y["colour"] != "red"
    model.calibrate(X[there], y[there])
    temperature, added = model.temperatures_["colour"], model.intercepts_["colour"]
    assert_allclose(model.decision_function(X)[2], before / temperature + added, atol=1e-6)
    # Beside the mean of the other two classes.
    assert added[2] - np.mean(added[:2]) == pytest.approx(-np.log(8), abs=1e-6)


def test_temperature_of_overconfident_logits_is_found_again(seed):
    rng = np.random.RandomState(seed)
    logits = rng.normal(size=(20_000, 4))
    codes = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    shift = np.array([2.0, 0.0, -1.0, -1.0])
    found = find_correction(3 * (logits + shift), codes, np.ones(len(logits)))
    assert found.temperature == pytest.approx(3, rel=0.05)
    assert_allclose(found.intercepts, -shift, atol=0.15)
    binary = rng.normal(size=(20_000, 1))
    codes = (rng.uniform(size=20_000) < expit(binary[:, 0])).astype(int)
    found = find_correction(0.5 * binary - 1, codes, np.ones(len(binary)))
    assert found.temperature == pytest.approx(0.5, rel=0.1)
    assert found.intercepts == pytest.approx([2], abs=0.2)


def test_separable_labels_have_a_finite_temperature():
    outputs = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    found = find_correction(outputs, np.array([0, 0, 1, 1]), np.ones(4))
    assert 0 < found.temperature < 0.1
    assert np.isfinite(found.apply(outputs)).all()


def test_probabilities_labels_and_scores_agree(data, held_out, model):
    X, y = data
    before = model.predict(X)
    model.calibrate(*held_out)
    proba, scores, labels = model.predict_proba(X), model.decision_function(X), model.predict(X)
    assert_array_equal(labels["price"], before["price"])
    assert_allclose(proba[0], np.column_stack([expit(-scores[0]), expit(scores[0])]))
    assert_allclose(proba[2], softmax(scores[2], axis=1))
    for k in (0, 2):
        assert np.isfinite(scores[k]).all()
        assert_allclose(proba[k].sum(axis=1), 1)
        assert_array_equal(labels.iloc[:, k], model.classes_[k][proba[k].argmax(axis=1)])
    accuracy = [
        accuracy_score(y[name].dropna(), labels[name][y[name].notna()]) for name in CLASS_TASKS
    ]
    alone = y[["paid", "colour"]].reindex(columns=y.columns)
    assert model.score(X, alone) == pytest.approx(np.mean(accuracy))
    assert multitask_scores(model, X, y, {"paid": "neg_log_loss"})["paid"] == pytest.approx(
        -log_loss(y["paid"].dropna(), proba[0][y["paid"].notna()])
    )
    assert_array_equal(model.task_view("colour").predict_proba(X), proba[2])


@pytest.mark.parametrize("k", [0, 2])
def test_scores_are_corrected_logits(data, held_out, model, k):
    X, y = data
    logits = model.decision_function(X)[k]
    scores = model.calibrate(*held_out).decision_function(X)[k]
    name = y.columns[k]
    added = model.intercepts_[name] if k else model.intercepts_[name][0]
    assert_allclose(scores, logits / model.temperatures_[name] + added)


def test_log_loss_of_the_rows_does_not_grow(held_out, model):
    X, y = held_out

    def loss(name):
        there = y[name].notna()
        proba = model.predict_proba(X)[list(y).index(name)]
        return log_loss(y[name][there], proba[there])

    before = {name: loss(name) for name in CLASS_TASKS}
    model.calibrate(X, y)
    for name in CLASS_TASKS:
        assert loss(name) <= before[name] + 1e-9


def test_rows_without_label_or_weight_do_not_matter(data, held_out, model):
    X, y = held_out
    kept = np.arange(len(X)) % 3 > 0
    weights = np.repeat(kept[:, None], y.shape[1], axis=1).astype(float)
    found = [
        model.calibrate(*arguments).temperatures_["paid"]
        for arguments in [
            (X[kept], y[kept]),
            (X, y.mask(~kept[:, None] & [True] * 3)),
            (X, y, kept.astype(float)),
            (X, y, weights),
        ]
    ]
    assert_allclose(found, found[0], rtol=1e-6)


def test_weights_are_as_many_rows(held_out, model):
    X, y = held_out
    times = np.random.RandomState(0).randint(1, 4, size=len(X))
    rows = np.repeat(np.arange(len(X)), times)
    weighted = model.calibrate(X, y, sample_weight=times).temperatures_["colour"]
    repeated = model.calibrate(X.iloc[rows], y.iloc[rows]).temperatures_["colour"]
    assert weighted == pytest.approx(repeated, rel=1e-5)


@pytest.mark.parametrize("again", ["fit", "partial_fit"])
def test_training_forgets_the_calibration(data, held_out, model, again):
    X, _ = data
    assert model.temperatures_ == {}
    before = model.predict_proba(X)[0]
    model.calibrate(*held_out)
    assert not np.allclose(model.predict_proba(X)[0], before)
    getattr(model, again)(*data)
    assert model.temperatures_ == model.intercepts_ == {}
    if again == "fit":
        assert_array_equal(model.predict_proba(X)[0], before)


def test_task_without_labels_stays_as_it_is(data, held_out, model):
    X, _ = data
    before = model.predict_proba(X)[2]
    model.calibrate(held_out[0], held_out[1].assign(colour=np.nan))
    assert list(model.temperatures_) == ["paid"]
    assert_array_equal(model.predict_proba(X)[2], before)


@pytest.mark.parametrize("task_types", ["binary", "multiclass"])
def test_one_dimensional_y_of_either_kind(task_types):
    X, y = load_iris(return_X_y=True)
    y = (y == 1).astype(int)
    model = PLEClassifier(task_types=task_types, **TINY).fit(X, y)
    curve = by_logistic_regression(model, "y", X, pd.DataFrame({"y": y}))
    wanted = curve.predict_proba(model.decision_function(X).reshape(-1, 1))
    assert_allclose(model.calibrate(X, y).predict_proba(X), wanted, atol=1e-5)
    assert list(model.temperatures_) == ["y"]


@pytest.mark.parametrize(
    "cls",
    [
        obj
        for name in sklearn_ple.__all__
        if inspect.isclass(obj := getattr(sklearn_ple, name)) and obj is not PLERegressor
    ],
)
def test_every_estimator_with_classes_is_calibrated(cls, seed):
    X, _ = make_data(200, seed)
    rng = np.random.RandomState(seed)
    first = X["a"] + rng.normal(size=len(X)) > 0
    y = np.column_stack([first, first & (X["b"] > 0)])
    model = cls(**TINY | {"max_epochs": 1, "random_state": seed}).fit(X, y)
    before = log_loss(y[:, 0], model.predict_proba(X)[0])
    assert model.calibrate(X, y) is model
    assert log_loss(y[:, 0], model.predict_proba(X)[0]) <= before


# -- tasks that depend on tasks -------------------------------------------------------------------


def make_funnel(n_rows, seed):
    rng = np.random.RandomState(seed)
    X = rng.normal(size=(n_rows, 3))
    click = X[:, 0] + rng.normal(size=n_rows) > 0
    purchase = click & (X[:, 1] + rng.normal(size=n_rows) > 0)
    return X, pd.DataFrame({"click": click, "purchase": purchase})


def test_purchase_is_never_more_probable_than_click():
    model = ESMMClassifier(**TINY).fit(*make_funnel(300, seed=0))
    X, y = make_funnel(200, seed=1)
    raw = [logit(proba[:, 1]) for proba in model.predict_proba(X)]
    click, purchase = (p[:, 1] for p in model.calibrate(X, y).predict_proba(X))
    assert (purchase <= click).all()
    # Each calibrated alone, and then the lesser one.
    alone = [
        expit(logits / model.temperatures_[name] + model.intercepts_[name])
        for name, logits in zip(y, raw, strict=True)
    ]
    assert_allclose(click, alone[0], atol=1e-9)
    assert_allclose(purchase, np.minimum(*alone), atol=1e-9)
    conditional = model.predict_conditional_proba(X)[1][:, 1]
    there = click > 1e-6
    assert_allclose(conditional[there] * click[there], purchase[there], atol=1e-9)


def test_labels_that_follow_are_filled_in():
    model = ESMMClassifier(**TINY).fit(*make_funnel(300, seed=0))
    X, y = make_funnel(200, seed=1)
    everywhere = model.calibrate(X, y).temperatures_["purchase"]
    clicked_only = y.astype(object).assign(purchase=y["purchase"].where(y["click"], None))
    assert clicked_only["purchase"].isna().any()
    found = model.calibrate(X, clicked_only).temperatures_["purchase"]
    assert found == pytest.approx(everywhere, rel=1e-6)


@pytest.mark.parametrize("name", ["click", "purchase"])
def test_one_of_two_tasks_that_depend_is_calibrated_alone(name):
    model = ESMMClassifier(**TINY).fit(*make_funnel(300, seed=0))
    X, y = make_funnel(200, seed=1)
    alone = y.astype(object)
    alone[y.columns.drop(name)] = None
    model.calibrate(X, alone)
    assert list(model.temperatures_) == [name]
    click, purchase = (proba[:, 1] for proba in model.predict_proba(X))
    assert (purchase <= click).all()
    one_class = alone.assign(**{name: False})
    with pytest.raises(ValueError, match=f"{name!r} has labels of one class only here, False:"):
        model.calibrate(X, one_class)


# -- errors ---------------------------------------------------------------------------------------


def test_errors_name_the_task_and_leave_the_estimator_as_it_was(held_out, model):
    X, y = held_out
    model.calibrate(X, y)
    before = model.temperatures_
    for arguments, message in [
        ((X, y.assign(paid="no")), "Task 'paid' has labels of one class only here, 'no':"),
        ((X, y.assign(colour="mauve")), "'colour' holds the label 'mauve'"),
        ((X, y.assign(paid=np.nan, colour=np.nan)), "y has no label of a task with classes"),
        ((X, y[["price", "paid"]]), "was fitted with .*: pass these columns in this order"),
        ((X.head(), y), "inconsistent"),
        ((X, y, np.ones(3)), "sample_weight has shape"),
    ]:
        with pytest.raises(ValueError, match=message):
            model.calibrate(*arguments)
        assert model.temperatures_ is before


def test_temperature_takes_rows_that_lack_a_class(held_out, model):
    X, y = held_out
    held = y.assign(colour=y["colour"].replace("red", "blue"))
    assert model.calibrate(X, held).temperatures_["colour"] > 0


def test_only_fitted_estimators_with_classes_are_calibrated(data):
    X, y = data
    with pytest.raises(NotFittedError):
        PLEClassifier().calibrate(X, y)
    assert not hasattr(PLERegressor(), "calibrate")
    numbers = PLEClassifierRegressor(**TINY | {"max_epochs": 1}).fit(X, y[["price"]])
    assert not hasattr(numbers, "calibrate")


def test_kinds_with_probabilities_of_their_own_are_calibrated_by_their_view(data):
    class Doubtful(Multiclass):
        kind = "doubtful"

        def predict_proba(self, outputs):
            return 0.5 * super().predict_proba(outputs) + 0.5 / len(self.classes)

    X = np.random.default_rng(0).normal(size=(60, 2))
    y = pd.DataFrame({"plan": np.arange(60) % 3, "late": X[:, 0] > 0})
    kinds = {"plan": Doubtful()}
    fitted = PLEClassifierRegressor(task_types=kinds, max_epochs=1, n_members=1).fit(X, y)
    before = fitted.predict_proba(X)
    with pytest.raises(ValueError, match="Task 'plan': Doubtful computes its probab.*view"):
        fitted.calibrate(X, y)
    for proba, own in zip(before, fitted.predict_proba(X), strict=True):
        np.testing.assert_array_equal(proba, own)
    view = CalibratedClassifierCV(FrozenEstimator(fitted.task_view("plan")))
    assert view.fit(X, y["plan"]).predict_proba(X).shape == (60, 3)
    fitted.calibrate(X, y.assign(plan=np.nan))


def test_mean_probabilities_are_the_shares_of_the_classes(held_out, model):
    X, y = held_out
    model.calibrate(X, y)
    for name, proba in zip(y, model.predict_proba(X), strict=True):
        if proba is not None:
            there = y[name].notna()
            shares = y[name].value_counts(normalize=True).sort_index()
            assert_allclose(proba[there].mean(axis=0), shares, atol=1e-5)
