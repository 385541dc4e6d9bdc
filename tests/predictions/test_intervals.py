"""Quantiles and standard deviations: what they are made of, their form, and what they cover."""

import re
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from makers import mostly_nightly
from scipy.stats import norm
from sklearn.exceptions import NotFittedError

from sklearn_ple import PLEClassifier, PLEClassifierRegressor, PLERegressor
from sklearn_ple.datasets import load_nhefs
from sklearn_ple.encoding.targets import TargetEncoder
from sklearn_ple.predictions.errors import StandardisedErrors, warn_of_few_labels
from sklearn_ple.predictions.intervals import Deviations
from sklearn_ple.predictions.joint import Distributions
from sklearn_ple.tables.labels import read_targets
from sklearn_ple.tasks import Regression, Task
from sklearn_ple.training.choosing.validation_rows import Split
from sklearn_ple.training.rows import TableRows

KINDS = {"sick": "binary", "weight": "regression", "cost": "quantile", "visits": "count"}
SMALL = {"n_members": 2, "max_epochs": 5, "batch_size": 256, "random_state": 0}


def make_data(n_rows=600, seed=0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n_rows, 3)), columns=list("abc"))
    y = pd.DataFrame(
        {
            "sick": (X["a"] + rng.normal(size=n_rows) > 0).astype(float),
            "weight": 60 + 5 * X["b"] + 3 * rng.normal(size=n_rows),
            "cost": 1000 * np.exp(X["c"] + rng.normal(size=n_rows)),
            "visits": rng.poisson(2 * np.exp(0.5 * X["a"])).astype(float),
        }
    )
    return X, y


@pytest.fixture(scope="module")
def data():
    return make_data()


@pytest.fixture(scope="module")
def model(data):
    # With these parameters the rows of validation are known here.
    model = PLEClassifierRegressor(task_types=KINDS, early_stopping=True, refit=False, **SMALL)
    return model.fit(*data)


def valid_rows(n_rows):
    # The seed of the split is the first number that a fit draws.
    seed = np.random.RandomState(0).randint(np.iinfo(np.int32).max)
    return Split().rows(n_rows, 0.1, np.random.RandomState(seed))[1]


# -- standard deviations --------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
def test_the_largest_predictions_of_small_labels_have_a_deviation():
    X, y = make_data(80)
    params = {"clip_numbers": None, "early_stopping": True, "numeric_embedding": None}
    model = PLERegressor(task_types=["tweedie"], **params, **SMALL).fit(X, y["cost"] * 1e-6)
    far, std = model.predict(X * 1e9, return_std=True)
    assert far.max() == np.finfo(np.float64).max
    assert not np.isnan(std).any()


def test_squared_deviations_are_on_average_the_squared_errors_of_validation(data, model):
    X, y = (part.iloc[valid_rows(len(data[0]))] for part in data)
    labels, deviations = model.predict(X, return_std=True)
    for name in ("weight", "cost", "visits"):
        error = np.mean((y[name] - labels[name]) ** 2)
        assert np.mean(deviations[name] ** 2) == pytest.approx(error, rel=1e-5)


def test_sample_weights_weigh_the_squared_errors(data):
    X, y = data
    weights = np.random.default_rng(1).uniform(0.1, 3, len(X))
    kinds = {"weight": "regression", "visits": "count"}
    model = PLERegressor(task_types=kinds, early_stopping=True, refit=False, **SMALL)
    model.fit(X, y[[*kinds]], sample_weight=weights)
    rows = valid_rows(len(X))
    labels, deviations = model.predict(X.iloc[rows], return_std=True)
    errors = np.average((y[[*kinds]].iloc[rows] - labels) ** 2, axis=0, weights=weights[rows])
    squares = np.average(deviations**2, axis=0, weights=weights[rows])
    np.testing.assert_allclose(squares, errors, rtol=1e-5)


def test_deviations_hold_the_variance_of_the_members(data, model):
    X, y = data
    numbers, codes = model._encoder.features.transform(X)
    with torch.no_grad():
        inputs = TableRows(numbers, codes, dtype=torch.float32)[torch.arange(len(X))][0]
        outputs = model.module_.member_outputs(**inputs).double().numpy()
    member_weights = model.module_.mean.weights.double().numpy()
    labels, deviations = model.predict(X, return_std=True)
    mean, scale = y["weight"].mean(), y["weight"].std(ddof=0)
    log_rate, rate = outputs[:, :, 5], y["visits"].mean()
    for name, members, factor_of in (
        ("weight", outputs[:, :, 1] * scale + mean, np.ones(len(X))),
        ("visits", np.exp(log_rate) * rate, labels["visits"]),
    ):
        column = list(KINDS).index(name)
        variance = np.zeros(len(X))
        for member, share in zip(members, member_weights[:, column], strict=True):
            variance += share * (member - labels[name]) ** 2
        # What is left is one factor for all rows: of a constant, or of the rate.
        factors = (deviations[name] ** 2 - variance) / factor_of
        np.testing.assert_allclose(factors, factors[0], rtol=1e-3)
        assert factors[0] > 0


def test_deviations_of_a_single_member_are_those_of_the_residuals(data):
    X, y = data
    model = PLERegressor(early_stopping=True, refit=False, **(SMALL | {"n_members": 1}))
    model.fit(X, y["weight"])
    rows = valid_rows(len(X))
    errors = y["weight"].iloc[rows] - model.predict(X.iloc[rows])
    _, deviations = model.predict(X, return_std=True)
    np.testing.assert_allclose(deviations, np.sqrt(np.mean(errors**2)), rtol=1e-6)


def test_members_that_differ_more_than_they_err_leave_no_residual():
    labels, form = read_targets([1.0, 2.0, 6.0])
    weights = np.array([[1.0], [1.0], [2.0]])
    targets = TargetEncoder("regression", None).fit(labels, form, weights)
    encoded = targets.encode(labels)

    def factor(distance, bias):
        distance, bias = distance / targets.tasks[0].scale, bias / targets.tasks[0].scale
        members = np.stack([encoded + bias - distance, encoded + bias + distance])
        deviations = Deviations(targets, np.full((2, 1), 0.5))
        deviations.learn(members, labels, weights)
        return deviations.factors * deviations.units**2

    np.testing.assert_allclose(factor(distance=1.0, bias=0.0), [0.0])
    np.testing.assert_allclose(factor(distance=1.0, bias=3.0), [8.0])


@pytest.mark.parametrize("unit", [2.0**-700, 2.0**700])
def test_deviations_are_in_the_unit_of_the_labels_whatever_it_is(data, unit):
    X, y = data
    columns = y[["weight", "visits"]]
    kinds = {name: KINDS[name] for name in columns}
    model = PLERegressor(task_types=kinds, early_stopping=True, refit=False, **SMALL)
    labels, deviations = model.fit(X, columns).predict(X, return_std=True)
    scaled, scaled_deviations = model.fit(X, columns * unit).predict(X, return_std=True)
    np.testing.assert_allclose(scaled / unit, labels, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(scaled_deviations / unit, deviations, rtol=1e-5)


def test_deviations_have_the_form_of_y(data, model):
    X, y = data
    _, deviations = model.predict(X.tail(3), return_std=True)
    assert isinstance(deviations, pd.DataFrame)
    assert list(deviations.columns) == list(y)
    assert deviations.index.equals(X.tail(3).index)
    assert deviations["sick"].isna().all()
    assert (deviations[["weight", "cost", "visits"]] > 0).all(axis=None)
    # An array's columns have no names: its tasks are learnt in their order.
    y = y[sorted(y)]
    kinds = [KINDS[name] for name in y]
    model = PLEClassifierRegressor(task_types=kinds, early_stopping=True, refit=False, **SMALL)
    _, array = model.fit(X, y.to_numpy()).predict(X.tail(3), return_std=True)
    assert isinstance(array, np.ndarray)
    np.testing.assert_allclose(array, deviations[list(y)].to_numpy(), rtol=1e-3)
    _, table = model.fit(X, pl.DataFrame(y.to_dict("list"))).predict(X.tail(3), return_std=True)
    assert isinstance(table, pl.DataFrame)
    assert table.columns == list(y) and set(table.dtypes) == {pl.Float64}
    np.testing.assert_allclose(table.to_numpy(), array, rtol=1e-6)


def test_classes_of_any_dtype_have_no_deviation(data):
    X, y = data
    y = pd.DataFrame({"sick": y["sick"].map({0.0: "no", 1.0: "yes"}).astype("category")})
    y["n"] = pd.Series(range(len(y))).astype("Int64")
    model = PLEClassifierRegressor(task_types={"n": "regression"}, early_stopping=True, **SMALL)
    _, deviations = model.fit(X, y).predict(X, return_std=True)
    assert deviations.dtypes.tolist() == [np.float64, np.float64]
    assert deviations["sick"].isna().all() and deviations["n"].notna().all()


def test_a_task_without_label_in_validation_has_no_deviation(data):
    X, y = data
    y = y[["weight", "visits"]].copy()
    y.loc[valid_rows(len(y)), "weight"] = np.nan
    model = PLERegressor(early_stopping=True, refit=False, **SMALL)
    with pytest.warns(UserWarning, match="'weight' has no label among the validation rows"):
        model.fit(X, y)
    _, deviations = model.predict(X, return_std=True)
    assert deviations["weight"].isna().all() and deviations["visits"].notna().all()


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_task_without_label_in_validation_may_be_of_any_size():
    X = np.random.default_rng(0).normal(size=(40, 2))
    y = np.column_stack([X[:, 0], 1e300 * X[:, 1]])
    rows = {"X_val": X[:10], "y_val": np.column_stack([X[:10, 0], np.full(10, np.nan)])}
    model = PLERegressor(n_members=2, max_epochs=2, early_stopping=True, random_state=0)
    with pytest.warns(UserWarning, match="has no label among the validation rows"):
        model.fit(X[10:], y[10:], **rows)
    _, deviations = model.predict(X, return_std=True)
    assert np.isfinite(deviations[:, 0]).all() and np.isnan(deviations[:, 1]).all()


def test_without_rows_of_validation_deviations_are_an_error(data):
    X, y = data
    model = PLERegressor(early_stopping=False, **SMALL).fit(X, y["weight"])
    with pytest.raises(ValueError, match=r"return_std needs validation rows.*early_stopping"):
        model.predict(X, return_std=True)
    model.set_params(early_stopping=True).fit(X, y["weight"]).predict(X, return_std=True)
    model.partial_fit(X, y["weight"])
    with pytest.raises(ValueError, match="return_std needs validation rows"):
        model.predict(X, return_std=True)


def test_deviations_of_classes_alone_are_an_error(data):
    X, y = data
    model = PLEClassifier(early_stopping=True, **SMALL).fit(X, y["sick"])
    with pytest.raises(ValueError, match=r"return_std is for numbers .* of the kinds \[.binary"):
        model.predict(X, return_std=True)


# -- quantiles ------------------------------------------------------------------------------------


def test_quantiles_are_frames_named_by_their_levels(data, model):
    X, y = data
    quantiles = model.predict_quantiles(X.tail(4))
    assert [part is None for part in quantiles] == [True, True, False, True]
    assert quantiles[2].columns.tolist() == [0.05, 0.5, 0.95]
    assert quantiles[2].index.equals(X.tail(4).index)
    assert (np.diff(quantiles[2], axis=1) >= 0).all()
    np.testing.assert_allclose(quantiles[2][0.5], model.predict(X.tail(4))["cost"])
    alone = PLERegressor(task_types=[("quantile", [0.1])], **SMALL).fit(X.to_numpy(), y["cost"])
    frame = alone.predict_quantiles(X.to_numpy())
    assert frame.columns.tolist() == [0.1, 0.5]
    assert frame.index.equals(pd.RangeIndex(len(X)))


def test_only_of_some_kinds_there_are_quantiles(data, model):
    X, y = data
    assert hasattr(model, "predict_quantiles")
    assert not hasattr(PLEClassifier(), "predict_quantiles")
    for kind, has_quantiles in (("regression", False), ("log", True)):
        alone = PLERegressor(**SMALL, task_types=kind).fit(X, y["cost"])
        assert hasattr(alone, "predict_quantiles") is has_quantiles
    with pytest.raises(NotFittedError):
        PLERegressor().predict_quantiles(X)


# -- intervals of numbers -------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0.5, 0.8, 0.999])
def test_ends_are_order_statistics_of_the_errors_of_validation(data, level):
    X, y = data
    model = PLERegressor(early_stopping=True, refit=False, **(SMALL | {"n_members": 1}))
    model.fit(X, y["weight"])
    rows = valid_rows(len(X))
    errors = np.sort(y["weight"].iloc[rows] - model.predict(X.iloc[rows]))
    # Of one member, deviations are the same for all rows. A new label takes any place alike.
    place = int(np.ceil((1 + level) / 2 * (len(errors) + 1) - 1e-9))
    if place <= len(errors):
        low, high = model.predict_interval(X, level)
    else:
        possible = (len(errors) - 1) / (len(errors) + 1)
        message = f"'weight' has only {len(errors)} .* of the level {possible:.3g}, not {level}"
        with pytest.warns(UserWarning, match=message):
            low, high = model.predict_interval(X, level)
        with warnings.catch_warnings(action="error"):
            model.predict_interval(X, possible)
    place = min(place, len(errors))
    np.testing.assert_allclose(high - model.predict(X), errors[place - 1], rtol=1e-4)
    np.testing.assert_allclose(low - model.predict(X), errors[len(errors) - place], rtol=1e-4)


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9])
def test_ends_leave_shares_of_the_weight_on_either_side(level, seed):
    rng = np.random.default_rng(seed)
    values, weights, deviations = rng.normal(size=60), rng.uniform(0.1, 3, 60), np.full(60, 2.0)
    errors = StandardisedErrors.standardise(2 * values, deviations, weights)
    # A new label has the mean weight, and may be beyond all others.
    total = weights.sum() + weights.mean()
    share = (1 + level) / 2 * total
    low = max(v for v in values if weights[values >= v].sum() >= share)
    high = min(v for v in values if weights[values <= v].sum() >= share)
    assert errors.find_ends(level) == pytest.approx((low, high))
    assert errors.greatest_level == pytest.approx(2 * weights.sum() / total - 1, abs=1e-8)


def test_a_share_that_is_reached_exactly_takes_no_further_error():
    errors = StandardisedErrors.standardise(np.arange(7.0), np.ones(7), np.ones(7))
    # A new label makes eight: six of them, three quarters, lie on one side of each end.
    assert errors.find_ends(0.5) == (1.0, 5.0)


def test_intervals_have_the_form_of_y(data, model):
    X, y = data
    low, high = model.predict_interval(X.iloc[3:9])
    for ends in (low, high):
        assert list(ends) == list(y) and ends.index.equals(X.index[3:9])
        assert ends["sick"].isna().all()
    numbers = ["weight", "cost", "visits"]
    labels = model.predict(X.iloc[3:9])[numbers]
    assert (low[numbers] < labels).all(axis=None) and (labels < high[numbers]).all(axis=None)
    own, _ = model.predict_interval(X.iloc[3:9], tasks=["visits", "sick"])
    pd.testing.assert_frame_equal(own, low[["visits", "sick"]])
    wider = model.predict_interval(X.iloc[3:9], 0.96)
    assert (wider[1] - wider[0] > high - low)[numbers].all(axis=None)
    # There is no negative number of visits.
    assert (wider[0]["visits"] >= 0).all()


@pytest.mark.parametrize("kind", ["count", "tweedie", "hurdle"])
def test_intervals_of_numbers_that_are_mostly_zero_are_in_order_and_not_below_zero(kind):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 2))
    amounts = rng.gamma(2, 50, 600) * np.exp(X[:, 0])
    y = np.round(np.where(rng.random(600) < 0.1, amounts, 0.0))
    model = PLERegressor(task_types=kind, early_stopping=True, **SMALL).fit(X, y)
    low, high = model.predict_interval(X, 0.5)
    assert (low >= 0).all() and (high >= low).all()


def test_intervals_of_a_single_label_have_no_level():
    labels, form = read_targets([2.0, 3.0])
    targets = TargetEncoder("regression", None).fit(labels, form, np.ones((2, 1)))
    deviations = Deviations(targets, np.ones((1, 1)))
    deviations.learn(np.ones((1, 1, 1)), [labels[0].take([0])], np.ones((1, 1)))
    expected = r"only 1 validation label: its intervals are of the level 0, not 0\.5"
    with pytest.warns(UserWarning, match=expected):
        warn_of_few_labels(targets.tasks, deviations.errors, 0.5, [0])


def test_intervals_hold_although_members_know_the_labels_they_were_trained_on():
    rng, n, n_members = np.random.default_rng(0), 2000, 8
    labels, form = read_targets(rng.normal(size=n))
    targets = TargetEncoder("regression", None).fit(labels, form, np.ones((n, 1)))
    encoded = targets.encode(labels)
    size = np.exp(rng.normal(size=(1, n, 1)))
    members, new = rng.normal(size=(2, n_members, n, 1)) * 0.3 * size
    out_of_fold = np.stack([np.arange(n) % n_members, (np.arange(n) + 1) % n_members])
    known = members + 0.8 * (encoded - members)
    known[out_of_fold, np.arange(n)] = members[out_of_fold, np.arange(n)]
    deviations = Deviations(targets, np.full((n_members, 1), 1 / n_members))
    deviations.learn(known, labels, np.ones((n, 1)), out_of_fold)
    distributions = Distributions(
        [new.mean(axis=0)[:, 0]], deviations.compute(new), deviations.errors
    )
    (low,), (high,) = distributions.bound(targets.tasks, 0.9)
    fresh = rng.normal(size=n)
    assert 0.88 < np.mean((low <= fresh) & (fresh <= high)) < 0.92


def test_all_members_may_have_left_out_a_row():
    labels, form = read_targets([1.0, 2.0, 6.0, 3.0])
    targets = TargetEncoder("regression", None).fit(labels, form, np.ones((4, 1)))
    deviations = Deviations(targets, np.full((2, 1), 0.5))
    members, pairs = np.random.default_rng(0).normal(size=(2, 4, 1)), [[0] * 4, [1] * 4]
    (of_rows,) = deviations.learn(members, labels, np.ones((4, 1)), np.array(pairs))
    # The mean of the two is the mean of all: so are their deviations.
    np.testing.assert_allclose(of_rows, deviations.compute(members)[0])


def test_a_member_that_counts_for_nearly_all():
    labels, form = read_targets([1.0, 2.0, 6.0, 3.0])
    weights = np.ones((4, 1))
    targets = TargetEncoder("regression", None).fit(labels, form, weights)
    encoded = targets.encode(labels)
    # Each member's outputs are right but for those of the other in one row.
    members = np.stack([encoded, encoded, encoded + 9 * (encoded > 1)])
    deviations = Deviations(targets, np.array([[0.98], [0.01], [0.01]]))
    out_of_fold = np.array([[0, 1, 0, 1], [1, 0, 1, 0]])
    with np.errstate(all="raise"):
        deviations.learn(members, labels, weights, out_of_fold)
        distributions = Distributions(
            [labels[0].observed], deviations.compute(members), deviations.errors
        )
    assert np.isfinite(distributions.bound(targets.tasks, 0.9)).all()


@pytest.mark.parametrize("unit", [2.0**-700, 2.0**700])
def test_intervals_are_in_the_unit_of_the_labels(data, unit):
    X, y = data
    model = PLERegressor(early_stopping=True, refit=False, **SMALL)
    ends = np.array(model.fit(X, y["weight"]).predict_interval(X))
    scaled = np.array(model.fit(X, y["weight"] * unit).predict_interval(X))
    np.testing.assert_allclose(scaled / unit, ends, rtol=1e-5)


def test_intervals_that_cannot_be(data, model):
    X, y = data
    for level in (0, 1, 95, -0.1, "a", None, [0.1, 0.9]):
        message = re.escape(f"Got {level!r}")
        with pytest.raises(ValueError, match=message):
            model.predict_interval(X, level)
    with pytest.raises(ValueError, match="predict_interval is for numbers .* of the kinds"):
        model.predict_interval(X, tasks=["sick"])
    without = PLERegressor(early_stopping=False, **SMALL).fit(X, y["weight"])
    with pytest.raises(ValueError, match="predict_interval needs validation rows"):
        without.predict_interval(X)
    assert not hasattr(PLEClassifier(), "predict_interval")
    classes = PLEClassifierRegressor(max_epochs=1, n_members=1).fit(X, y["sick"])
    assert not hasattr(classes, "predict_interval")


@pytest.mark.parametrize(
    "options", mostly_nightly([{}, {"n_members": 2, "validation_fraction": 0.2}], [{}])
)
def test_intervals_of_skewed_noise_cover_as_much_on_either_side(noisy, options):
    X, _, mean, _ = noisy
    y = mean + np.random.default_rng(1).exponential(size=len(X))
    # Of 2,000 labels a seventh is missing, which says nothing of the others.
    y[::7] = np.nan
    train, test = slice(0, 2000), slice(2000, None)
    there, found = ~np.isnan(y[test]), []
    # The ends depend on the few hundred errors that a seed holds out: take the mean of three.
    for number in range(3):
        model = PLERegressor(random_state=number, max_epochs=5, learning_rate=0.01, **options)
        low, high = model.fit(X[train], y[train]).predict_interval(X[test], 0.8)
        middle = model.predict(X[test])
        outside = [np.mean(beyond[there]) for beyond in (y[test] > high, y[test] < low)]
        found.append([*outside, np.mean(high - middle), np.mean(middle - low)])
    above, below, upper, lower = np.mean(found, axis=0)
    assert above == pytest.approx(0.1, abs=0.03)
    # Noise has no labels below -1: an interval that is a little too long leaves none below it.
    assert below < 0.15
    # The quantiles of the noise are log(10) - 1 above its mean and 1 - log(10 / 9) below it.
    assert upper == pytest.approx(np.log(10) - 1, rel=0.15)
    assert lower == pytest.approx(1 - np.log(10 / 9), rel=0.15)


# -- what they cover, where the truth is known ----------------------------------------------------


@pytest.fixture(scope="module")
def noisy(seed):
    """Draw a number whose noise depends on a feature, with its mean and deviation."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, size=(6000, 2))
    mean, deviation = 2 * X[:, 0], 0.2 + 0.8 * (X[:, 1] > 0)
    return X, mean + deviation * rng.normal(size=len(X)), mean, deviation


def test_quantiles_are_close_to_the_true_ones_and_cover_as_much(noisy, seed):
    X, y, mean, deviation = noisy
    train, test = slice(0, 3000), slice(3000, None)
    # Dropout would be noise too, and widen the intervals.
    params = {"n_members": 2, "dropout": 0.0, "feature_dropout": 0.0, "learning_rate": 0.002}
    model = PLERegressor(task_types=["quantile"], refit=False, random_state=seed, **params)
    quantiles = model.fit(X[train], y[train]).predict_quantiles(X[test])
    for level, column in quantiles.items():
        truth = mean[test] + deviation[test] * norm.ppf(level)
        assert np.abs(column - truth).mean() < 0.2
        # Twice the variance of a share: both the quantile and the test are of 3,000 rows.
        margin = 4 * np.sqrt(2 * level * (1 - level) / 3000)
        assert np.mean(y[test] < column) == pytest.approx(level, abs=margin)
    # The interval is narrow where there is little noise.
    widths = (quantiles[0.95] - quantiles[0.05]).to_numpy() / (2 * norm.ppf(0.95))
    loud = deviation[test] > 0.5
    assert widths[~loud].mean() == pytest.approx(0.2, abs=0.1)
    assert widths[loud].mean() == pytest.approx(1.0, abs=0.15)


def test_deviations_are_close_to_that_of_constant_noise_and_cover_nine_tenths(noisy, seed):
    X, _, mean, _ = noisy
    y = mean + 0.5 * np.random.default_rng(1 + seed).normal(size=len(X))
    train, test = slice(0, 3000), slice(3000, None)
    model = PLERegressor(n_members=2, refit=False, random_state=seed).fit(X[train], y[train])
    labels, deviations = model.predict(X[test], return_std=True)
    assert deviations.mean() == pytest.approx(0.5, abs=0.05)
    covered = np.abs(y[test] - labels) < norm.ppf(0.95) * deviations
    assert covered.mean() == pytest.approx(0.9, abs=0.03)


@pytest.mark.parametrize("overdispersion", mostly_nightly([0.0, 1.0], [1.0]))
def test_deviations_of_counts_grow_with_the_rate(noisy, overdispersion, seed):
    X, _, _, _ = noisy
    rng = np.random.default_rng(2 + seed)
    rate = np.exp(1 + X[:, 0])
    # A gamma of this scale, whose Poisson has 1 + scale times the variance.
    scale = overdispersion
    y = rng.poisson(rng.gamma(rate / scale, scale) if scale else rate).astype(float)
    train, test = slice(0, 3000), slice(3000, None)
    params = {"n_members": 2, "validation_fraction": 0.5, "batch_size": 256, "random_state": seed}
    model = PLERegressor(task_types="count", refit=False, **params).fit(X[train], y[train])
    _, deviations = model.predict(X[test], return_std=True)
    truth = np.sqrt((1 + scale) * rate[test])
    # The root of a mean over 1,500 rows of validation: four times its deviation.
    squares = (y - rate) ** 2 / rate
    margin = 4 * squares.std() / squares.mean() / np.sqrt(1500) / 2
    np.testing.assert_allclose(np.mean(deviations / truth), 1.0, atol=margin)
    assert np.corrcoef(deviations, truth)[0, 1] > 0.9


def test_intervals_of_nhefs_cover_about_nine_tenths(seed):
    names = ["wt82_71", "sbp", "cholesterol"]
    X, y = load_nhefs(tasks=names, return_X_y=True)
    both = y.join(y.add_suffix("_quantile"))
    kinds = {name: "quantile" if name.endswith("_quantile") else "regression" for name in both}
    train, test = slice(0, None, 2), slice(1, None, 2)
    # The width depends on the hundred or so rows that a seed holds out: take the mean of three.
    covered = {name: [] for name in names}
    params = {"task_types": kinds, "n_members": 2, "batch_size": 128, "max_epochs": 10}
    params |= {"numeric_embedding": None}
    for number in range(3 * seed, 3 * seed + 3):
        model = PLERegressor(**params, random_state=number)
        model.fit(X[train], both[train])
        quantiles = dict(zip(both, model.predict_quantiles(X[test]), strict=True))
        labels, deviations = model.predict(X[test], return_std=True)
        for name in names:
            there = y[name][test].notna()
            label = y[name][test][there]
            within = quantiles[f"{name}_quantile"][there]
            error = (label - labels[name][there]).abs()
            by_deviation = error < norm.ppf(0.95) * deviations[name][there]
            by_quantiles = label.between(within[0.05], within[0.95])
            covered[name].append([by_quantiles.mean(), by_deviation.mean()])
    for name in names:
        assert np.mean(covered[name], axis=0) == pytest.approx([0.9, 0.9], abs=0.08)


class Absolute(Task):
    """A number of a user's own, by its absolute error."""

    kind = "absolute"

    def fit(self, labels, weights, classes):
        self.mean = labels.mean()
        return self

    def encode(self, labels):
        return labels - self.mean

    def loss(self, outputs, targets):
        return (outputs[..., 0] - targets).abs()

    def average(self, outputs, weights):
        return (weights * outputs).sum(dim=0)

    def predict(self, outputs):
        return outputs[:, 0] + self.mean

    def score(self, labels, predictions, weights=None):
        return -np.average(np.abs(labels - predictions), weights=weights)


def test_any_kind_of_number_has_deviations(data):
    X, y = data
    model = PLERegressor(task_types=Absolute(), early_stopping=True, refit=False, **SMALL)
    model.fit(X, y["weight"])
    rows = valid_rows(len(X))
    labels, deviations = model.predict(X.iloc[rows], return_std=True)
    error = np.mean((y["weight"].iloc[rows] - labels) ** 2)
    assert np.mean(deviations**2) == pytest.approx(error, rel=1e-5)


@pytest.mark.parametrize("options", [{}, {"early_stopping": True}])
def test_variances_of_a_wrong_shape_are_an_error_that_names_the_task(data, options):
    class Wrong(Regression):
        def variance(self, means):
            return np.ones(3)

    X, y = data
    model = PLERegressor(task_types=Wrong, n_members=2, max_epochs=1, **options)
    with pytest.raises(ValueError, match=r"Wrong.variance returned float64 of shape \(3,\)"):
        model.fit(X, y["weight"]).predict(X, return_std=True)
