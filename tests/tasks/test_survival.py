"""Survival tasks: likelihoods of known distributions, Kaplan-Meier, medians, probabilities."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from makers import in_turn
from scipy.optimize import minimize
from scipy.stats import expon, lognorm, weibull_min

from sklearn_ple import PLEClassifier, PLEClassifierRegressor, PLERegressor
from sklearn_ple.inspection import compare
from sklearn_ple.metrics import concordance_index, multitask_scores
from sklearn_ple.tasks import Survival

TIMES = np.arange(1.0, 9.0)
SMALL = {"n_members": 2, "max_epochs": 15, "random_state": 0}


def survival(*options, labels=TIMES, weights=None):
    weights = np.ones(len(labels)) if weights is None else weights
    task = Survival(*options)
    task.name = "days"
    return task.fit(labels, weights, None)


def outputs_of(task, distribution):
    """Return the logits by which a task has the probabilities of a distribution."""
    masses = -np.diff(np.append(distribution.sf(task.edges), 0.0))
    return np.log(masses) + 0.7


def losses_of(task, outputs, labels):
    targets = torch.tensor(task.encode(labels))
    return task.loss(torch.tensor(outputs).expand(len(labels), -1), targets).numpy()


# -- intervals --------------------------------------------------------------------------------


def test_intervals_hold_equally_many_events():
    labels = np.random.default_rng(0).exponential(size=400)
    labels[::2] *= -1
    task = survival(10, labels=labels)
    assert task.edges[0] == 0 and task.edges[-1] == labels.max()
    intervals = np.searchsorted(task.edges, labels[labels > 0])
    np.testing.assert_array_equal(np.bincount(intervals), [0, *[20] * 10])
    assert task.n_outputs == 11


@pytest.mark.parametrize("n_intervals", [0, -1, 2.0, "5", None, [3]])
def test_numbers_of_intervals_that_are_none_are_an_error(n_intervals):
    with pytest.raises(ValueError, match="n_intervals must be an integer, 1 or more"):
        Survival(n_intervals)


def test_zero_and_labels_without_an_event_are_an_error():
    message = "Target 'days' is of kind 'survival' but holds 0"
    with pytest.raises(ValueError, match=message):
        survival(labels=np.array([1.0, 0.0]))
    with pytest.raises(ValueError, match=message):
        survival().encode(np.array([0.0]))
    with pytest.raises(ValueError, match="'days' is of kind 'survival' but has no event"):
        survival(labels=np.array([-1.0, -2.0]))


# -- the loss ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "distribution", [expon(scale=4), weibull_min(1.7, scale=5), lognorm(0.8, scale=3)]
)
def test_an_event_costs_the_log_of_its_intervals_probability(distribution):
    task = survival(4)
    labels = np.array([0.1, 1.9, 2.0, 2.5, 7.9, 8.0, 8.1, 1e6])
    above = np.searchsorted(task.edges, labels)
    ends = np.append(task.edges, np.inf)
    expected = -np.log(distribution.sf(ends[above - 1]) - distribution.sf(ends[above]))
    found = losses_of(task, outputs_of(task, distribution), labels)
    np.testing.assert_allclose(found, expected, rtol=1e-7)


@pytest.mark.parametrize(
    "distribution", [expon(scale=4), weibull_min(1.7, scale=5), lognorm(0.8, scale=3)]
)
def test_a_censored_row_costs_the_log_of_surviving_until_then(distribution):
    task = survival(4)
    # Between the edges the hazard is constant, as is an exponential's.
    times = TIMES[1::2] if distribution.dist.name != "expon" else np.linspace(0.01, 8, 40)
    found = losses_of(task, outputs_of(task, distribution), -times)
    np.testing.assert_allclose(found, -distribution.logsf(times), rtol=1e-7, atol=1e-7)
    # Of what comes after the last event, nothing is known.
    later = losses_of(task, outputs_of(task, distribution), np.array([-8.0, -9.0, -1e9]))
    assert later == pytest.approx(np.full(3, later[0]))


def kaplan_meier(labels, weights, times):
    """Compute the product-limit estimate by a loop over the times of events."""
    alive, result = 1.0, []
    for time in times:
        at_risk = weights[np.abs(labels) >= time].sum()
        alive *= 1 - weights[labels == time].sum() / at_risk
        result.append(alive)
    return np.array(result)


def test_the_best_constant_is_the_estimate_of_kaplan_and_meier():
    rng = np.random.default_rng(0)
    # Censoring between events is as late as the last one before, for that estimate.
    labels = rng.integers(1, 7, 60) * rng.choice([-1.0, 1.0, 1.0], 60)
    weights = rng.uniform(0.5, 2.0, 60)
    task = survival(50, labels=labels, weights=weights)
    assert task.edges.tolist() == [0, *range(1, 7)]

    def loss(outputs):
        return weights @ losses_of(task, outputs, labels)

    best = minimize(loss, np.zeros(task.n_outputs), tol=1e-12).x
    found = task.predict_survival(best[None], task.edges[1:])[0]
    expected = kaplan_meier(labels, weights, task.edges[1:])
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_the_unit_of_time_does_not_matter(unit):
    labels = TIMES * np.array([1, -1, 1, 1, -1, 1, 1, -1])
    task, other = survival(labels=labels), survival(labels=labels * unit)
    np.testing.assert_allclose(other.encode(labels * unit), task.encode(labels), rtol=1e-9)
    outputs = np.random.default_rng(0).normal(size=(9, task.n_outputs))
    np.testing.assert_allclose(other.predict(outputs), task.predict(outputs) * unit, rtol=1e-9)
    np.testing.assert_allclose(
        other.predict_survival(outputs, TIMES * unit), task.predict_survival(outputs, TIMES)
    )


def test_places_survive_single_precision():
    # An event after the last edge, and a row censored at once, must not be mixed up.
    task = survival(40, labels=np.arange(1.0, 41.0))
    targets = torch.tensor(task.encode(np.array([1e9, -1e-9]))).float()
    outputs = torch.linspace(-2, 2, task.n_outputs).expand(2, -1)
    losses = task.loss(outputs, targets)
    assert losses[0] == pytest.approx(-outputs[0].log_softmax(0)[-1].item())
    assert losses[1] == pytest.approx(0.0, abs=1e-6)


# -- predictions ------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [0.5, 4.0, 50.0])
def test_an_exponentials_median_and_probabilities_are_exact(scale):
    task, distribution = survival(4), expon(scale=scale)
    outputs = outputs_of(task, distribution)[None]
    # With the greatest scale the median is after the last event.
    np.testing.assert_allclose(task.predict(outputs), distribution.median(), rtol=1e-9)
    times = np.array([0.0, 0.3, 2.0, 5.5, 8.0, 20.0])
    found = task.predict_survival(outputs, times)
    np.testing.assert_allclose(found[0], distribution.sf(times), rtol=1e-9)


@given(st.integers(0, 1000), st.integers(1, 30))
def test_probabilities_never_rise_and_are_a_half_at_the_median(seed, n_intervals):
    task = survival(n_intervals)
    outputs = np.random.default_rng(seed).normal(scale=3, size=(5, task.n_outputs))
    times = np.linspace(0, 30, 50)
    found = task.predict_survival(outputs, times)
    assert (np.diff(found, axis=1) <= 1e-12).all()
    assert (found[:, 0] == 1).all() and (found >= 0).all()
    medians = task.predict(outputs)
    at_median = task.predict_survival(outputs, medians).diagonal()
    np.testing.assert_allclose(at_median, 0.5, rtol=1e-6)


def test_whoever_surely_survives_has_a_finite_median():
    task = survival(3)
    outputs = np.array([[-500.0, -500.0, -500.0, 500.0], [500.0, -500.0, -500.0, -500.0]])
    later, soon = task.predict(outputs)
    assert 1e6 < later < np.inf
    assert 0 < soon < task.edges[1]


# -- estimators -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def data():
    """Times that depend on a, of which some are censored, a class and a number; labels miss."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(500, 3)), columns=list("abc"))
    times, ends = rng.weibull(1.5, 500) * np.exp(X["a"]), rng.exponential(3, 500)
    y = pd.DataFrame(
        {
            "days": np.where(times < ends, times, -ends),
            "late": (X["b"] + rng.normal(size=500) > 0).astype(float),
            "weight": X["c"] + rng.normal(size=500),
        }
    )
    return X, y.mask(rng.random(y.shape) < 0.2), times


@pytest.fixture(scope="module")
def model(data):
    X, y, _ = data
    kinds = {"days": ("survival", 8)}
    return PLEClassifierRegressor(task_types=kinds, early_stopping=True, **SMALL).fit(X, y)


def test_an_estimator_learns_times(data, model):
    X, y, times = data
    assert model.task_types_["days"] == "survival"
    predicted = model.predict(X)["days"].to_numpy()
    there = y["days"].notna().to_numpy()
    expected = concordance_index(y["days"][there], predicted[there])
    assert 0.7 < expected == pytest.approx(multitask_scores(model, X, y)["days"])
    assert model.task_view("days").score(X, y["days"]) == pytest.approx(expected)
    assert 0.6 < np.mean(times < predicted) / 0.5 < 1.4


def test_metrics_of_plain_numbers_refuse_censored_times(data, model):
    X, y, _ = data
    with pytest.raises(ValueError, match="'days' cannot be scored by 'r2': .*concordance_index"):
        multitask_scores(model, X, y, metrics="r2")

    def share_later(times, predicted):
        return np.mean(predicted > np.abs(times))

    own = {"days": share_later}
    expected = share_later(y["days"].dropna(), model.predict(X)["days"][y["days"].notna()])
    assert multitask_scores(model, X, y, metrics=own)["days"] == pytest.approx(expected)
    events = y.assign(days=y["days"].abs())
    assert np.isfinite(multitask_scores(model, X, events, metrics={"days": "r2"})["days"])


def test_probabilities_are_frames_named_by_times(data, model):
    X, _, times = data
    days, *others = model.predict_survival(X.tail(100), [0.5, 1, 2])
    assert others == [None, None]
    assert days.columns.tolist() == [0.5, 1.0, 2.0] and days.index.equals(X.index[-100:])
    assert (days.diff(axis=1).iloc[:, 1:] <= 0).all(axis=None)
    # On average they are right.
    everyone = model.predict_survival(X, [1.0])[0][1.0]
    assert everyone.mean() == pytest.approx((times > 1).mean(), abs=0.08)
    params = SMALL | {"max_epochs": 1}
    alone = PLERegressor(task_types="survival", **params).fit(X.to_numpy(), times)
    assert alone.predict_survival(X.to_numpy(), [1.0]).shape == (500, 1)


@pytest.mark.parametrize("times", [[-1.0], [np.nan], [[1.0]], 2.0, [], ["1"], None])
def test_times_that_are_none_are_an_error(data, model, times):
    with pytest.raises(ValueError, match="times must be a list of finite numbers, 0 or more, not"):
        model.predict_survival(data[0], times)


def test_only_with_a_survival_task_there_are_probabilities_to_survive(data):
    X, y, _ = data
    assert hasattr(PLERegressor(), "predict_survival")
    assert not hasattr(PLEClassifier(), "predict_survival")
    assert not hasattr(PLERegressor(**SMALL).fit(X, y["weight"]), "predict_survival")


def test_deviations_of_censored_times_are_unknown(data, model):
    X, y, _ = data
    deviations = model.predict(X, return_std=True)[1]
    low, high = model.predict_interval(X)
    for part in (deviations, low, high):
        assert part.isna().all().tolist() == [True, True, False]
    params = SMALL | {"max_epochs": 1, "early_stopping": True}
    alone = PLERegressor(task_types="survival", **params).fit(X, y["days"])
    for what, response in (("return_std", alone.predict), ("interval", alone.predict_interval)):
        options = {"return_std": True} if what == "return_std" else {}
        with pytest.raises(ValueError, match=rf"{what} is for numbers .* kinds \['survival'\]"):
            response(X, **options)


@pytest.mark.parametrize(
    ("kind", "unit"), in_turn(["tweedie", "hurdle", "huber", "survival"], (1e-6, 1e6))
)
def test_predictions_are_in_the_labels_unit(data, kind, unit):
    X, _, times = data
    y = np.where(times < 2, times, -2.0 if kind == "survival" else 0.0)
    params = {"n_members": 1, "max_epochs": 3, "early_stopping": False, "random_state": 0}
    params |= {"batch_size": 256}
    one, other = (
        PLERegressor(task_types=[kind], **params).fit(X, labels).predict(X)
        for labels in (y, y * unit)
    )
    np.testing.assert_allclose(other / unit, one, rtol=1e-3)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"depends_on": {"late": "days"}}, "'days', which is of kind 'survival': only binary"),
        ({"class_weight": {"days": "balanced"}}, "'days' is 'balanced', but its labels are numb"),
    ],
)
def test_what_is_for_classes_refuses_times(data, params, message):
    X, y, _ = data
    with pytest.raises(ValueError, match=message):
        PLEClassifierRegressor(task_types={"days": "survival"}, **params, **SMALL).fit(X, y)


def test_it_is_compared_and_calibrated_beside_others(data, model):
    X, y, _ = data
    before = model.predict(X)["days"]
    pd.testing.assert_series_equal(model.calibrate(X, y).predict(X)["days"], before)
    options = {"task_types": {"days": "survival"}, "n_members": 1, "max_epochs": 1}
    systems = {
        name: PLEClassifierRegressor(n_shared_experts=n, **options)
        for n, name in ((1, "two"), (2, "three"))
    }
    gain = compare(X, y, systems, cv=2, reference="two", random_state=0)
    assert gain.gains["task"].tolist() == list(y)
    assert gain.gains["mean"].notna().all()


def test_weights_are_numbers_of_repetitions():
    weights = np.array([1, 3, 0, 2, 5, 1, 1, 4])
    one, other = survival(3, weights=weights), survival(3, labels=TIMES.repeat(weights))
    np.testing.assert_array_equal(one.edges, other.edges)
