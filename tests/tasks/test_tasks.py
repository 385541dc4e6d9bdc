"""The kinds of task: targets, predictions, probabilities and scores against scikit-learn's."""

import warnings
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, r2_score
from sklearn.preprocessing import LabelEncoder, StandardScaler

from sklearn_ple import PLEClassifierRegressor
from sklearn_ple.tasks import (
    TASK_KINDS,
    Binary,
    Count,
    Huber,
    Hurdle,
    Log,
    Multiclass,
    Ordinal,
    Quantile,
    Regression,
    Survival,
    Tweedie,
    find_unit,
)
from sklearn_ple.tasks.classes import mean_one_vs_rest_auc
from sklearn_ple.tasks.numbers import compute_r2

CLASS_KINDS = [Binary, Multiclass, Ordinal]
NUMBER_KINDS = [Regression, Log, Huber, Quantile, Count, Tweedie, Hurdle, Survival]

#: Labels of two classes, by what they are.
TWO_CLASSES = {
    "ints": np.array([3, 7, 7, 3]),
    "negative ints": np.array([-1, 1, 1, -1]),
    "floats": np.array([0.0, 1.0, 1.0, 0.0]),
    "fractions": np.array([0.5, 1.5, 1.5, 0.5]),
    "bools": np.array([False, True, True, False]),
    "strings": np.array(["no", "yes", "yes", "no"], dtype=object),
}


#: Labels of kinds that learn no zeros.
LEAST = {"survival": np.array([-1, 1]), "log": np.array([1, 3])}


def fitted(kind, labels, weights=None, classes=None):
    weights = np.ones(len(labels)) if weights is None else weights
    task = kind()
    task.name = "age"
    return task.fit(labels, weights, classes)


def perfect_outputs(task, targets):
    """Return outputs of a network that predicts the targets perfectly."""
    if task.kind == "binary":
        return np.where(targets > 0, 5.0, -5.0)[:, None]
    if task.kind in ("multiclass", "ordinal"):
        return np.eye(task.n_outputs)[targets.astype(int)]
    if task.kind in ("count", "tweedie"):
        with np.errstate(divide="ignore"):
            return np.log(targets)[:, None]
    return targets[:, None]


def test_a_task_is_shown_with_its_options_and_its_name():
    y = pd.DataFrame({"sick": [0, 1, 1], "cost": [0.5, 3.0, 8.5]})
    model = PLEClassifierRegressor(n_members=1, max_epochs=1).fit([[0.0], [1.0], [2.0]], y)
    assert repr(model.tasks_) == "[<Binary of 'sick'>, <Regression of 'cost'>]"
    assert [repr(Regression()), repr(Huber())] == ["Regression()", "Huber(delta=1.345)"]
    assert repr(fitted(Tweedie, np.array([0.0, 1.0]))) == "<Tweedie(power=1.5) of 'age'>"
    model = PLEClassifierRegressor(task_types={"cost": Tweedie(1.2)})
    assert "task_types={'cost': Tweedie(power=1.2)}" in repr(model)
    assert "Tweedie(power=1.2)" in model._repr_html_()


def test_kinds_say_what_they_are_and_what_scores_them():
    binary, multiclass, ordinal = (fitted(kind, np.array([0, 1])) for kind in CLASS_KINDS)
    assert [binary.metric, multiclass.metric, ordinal.metric] == ["roc_auc"] * 3
    three = fitted(Multiclass, np.arange(3)).metric
    assert three._score_func is mean_one_vs_rest_auc
    absolute = "d2_absolute_error_score"
    assert [kind().metric for kind in (Regression, Quantile, Huber)] == ["r2", absolute, absolute]
    amounts = Count(), Tweedie(1.2), Hurdle()
    assert [task.metric._kwargs["power"] for task in amounts] == [1, 1.2, 1.5]
    assert len({kind.words for kind in TASK_KINDS.values()}) == len(TASK_KINDS)
    assert [kind for kind in TASK_KINDS.values() if kind.fits_ridge] == [Regression, Log]
    assert {kind().name for kind in TASK_KINDS.values()} == {""}


@pytest.mark.parametrize("kind", [Count, Tweedie, Hurdle])
def test_amounts_are_finite_whatever_the_outputs(kind):
    task = fitted(kind, np.array([0.0, 2.0, 7.0]))
    for dtype in (np.float32, np.float64):
        outputs = np.full((2, task.n_outputs), [[1e4], [0.0]], dtype)
        largest, small = task.predict(outputs)
        assert largest == np.finfo(dtype).max and small < 10
    np.testing.assert_allclose(task.traced_predict(torch.as_tensor(outputs)), [largest, small])


@pytest.mark.parametrize("labels", TWO_CLASSES.values(), ids=TWO_CLASSES.keys())
@pytest.mark.parametrize("kind", CLASS_KINDS)
def test_classes_are_encoded_as_scikit_learn_does_and_come_back(kind, labels):
    # For strings, an ordinal task needs the order of the classes.
    task = fitted(kind, labels, classes=np.unique(labels) if labels.dtype == object else None)
    encoder = LabelEncoder().fit(labels)
    np.testing.assert_array_equal(task.classes, encoder.classes_)
    targets = task.encode(labels)
    assert targets.dtype == np.float64
    np.testing.assert_array_equal(targets, encoder.transform(labels))
    predictions = task.predict(perfect_outputs(task, targets))
    assert predictions.dtype == labels.dtype
    np.testing.assert_array_equal(predictions, labels)


@pytest.mark.filterwarnings("ignore:Target 'age' is constant:UserWarning")
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
def test_numbers_come_back(labels):
    labels = np.array(labels)
    task = fitted(Regression, labels)
    predictions = task.predict(perfect_outputs(task, task.encode(labels)))
    np.testing.assert_allclose(predictions, labels, rtol=1e-9, atol=1e-9 * np.abs(labels).max())


@pytest.mark.filterwarnings("ignore:Target 'age' is constant:UserWarning")
@pytest.mark.parametrize("kind", [Count, Tweedie])
@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=20))
def test_counts_come_back(kind, labels):
    labels = np.array(labels)
    task = fitted(kind, labels)
    predictions = task.predict(perfect_outputs(task, task.encode(labels)))
    np.testing.assert_allclose(predictions, labels, rtol=1e-9, atol=1e-300)


def test_binary_probabilities_are_the_sigmoids():
    task = fitted(Binary, np.array([0, 1]))
    outputs = np.array([[-800.0], [-1.5], [0.0], [2.0], [800.0]])
    probabilities = task.predict_proba(outputs)
    assert probabilities.shape == (5, 2)
    np.testing.assert_allclose(probabilities[:, 1], expit(outputs[:, 0]), rtol=1e-12)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-15)
    # The smaller of two is no difference of ones.
    np.testing.assert_allclose(task.predict_proba(np.array([[40.0]]))[0, 0], np.exp(-40.0))


def test_multiclass_probabilities_are_the_softmax():
    task = fitted(Multiclass, np.arange(4))
    outputs = np.random.default_rng(0).normal(scale=30, size=(50, 4))
    probabilities = task.predict_proba(outputs)
    np.testing.assert_allclose(probabilities, softmax(outputs, axis=1), rtol=1e-12)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-12)
    assert np.isfinite(task.predict_proba(outputs * 1e3)).all()


@pytest.mark.parametrize(("kind", "n_classes"), [(Binary, 2), (Multiclass, 2), (Multiclass, 3)])
def test_predictions_are_the_most_probable_classes(kind, n_classes):
    labels = np.array(["b", "a", "c"], dtype=object)[:n_classes]
    task = fitted(kind, labels)
    outputs = np.random.default_rng(0).normal(size=(40, task.n_outputs))
    best = task.predict_proba(outputs).argmax(axis=1)
    np.testing.assert_array_equal(task.predict(outputs), np.sort(labels)[best])
    # Of equally probable ones the first, as scikit-learn chooses.
    assert task.predict(np.zeros((1, task.n_outputs))) == ["a"]


@pytest.mark.parametrize("n_classes", [2, 3])
def test_decision_functions_have_scikit_learns_shape_and_order(n_classes):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 3)), rng.integers(0, n_classes, 60)
    linear = LogisticRegression().fit(X, y)
    expected = linear.decision_function(X)
    task = fitted(Multiclass, y)
    logits = X @ linear.coef_.T + linear.intercept_
    if n_classes == 2:
        # A logit for each class, the first one's at zero.
        outputs = np.column_stack([np.zeros(60), logits[:, 0]])
        binary = fitted(Binary, y)
        np.testing.assert_allclose(binary.decision_function(logits), expected, rtol=1e-12)
        np.testing.assert_allclose(binary.predict_proba(logits), linear.predict_proba(X))
        np.testing.assert_array_equal(binary.predict(logits), linear.predict(X))
    else:
        outputs = logits
    np.testing.assert_allclose(task.decision_function(outputs), expected, rtol=1e-12)
    np.testing.assert_allclose(task.predict_proba(outputs), linear.predict_proba(X), rtol=1e-9)
    np.testing.assert_array_equal(task.predict(outputs), linear.predict(X))


@pytest.mark.parametrize("weights", [None, np.array([1.0, 2.0, 0.5, 3.0])])
def test_scores_are_scikit_learns(weights):
    labels, predictions = np.array([0, 1, 1, 0]), np.array([0, 1, 0, 1])
    for kind in CLASS_KINDS:
        assert fitted(kind, labels).score(labels, predictions, weights) == accuracy_score(
            labels, predictions, sample_weight=weights
        )
    strings = np.array(["a", "b", "b", "a"], dtype=object)
    guesses = np.array(["a", "b", "a", "a"], dtype=object)
    assert fitted(Binary, strings).score(strings, guesses, weights) == accuracy_score(
        strings, guesses, sample_weight=weights
    )
    labels, predictions = np.array([0.5, 1.0, 3.0, 2.0]), np.array([0.6, 1.5, 2.0, 2.0])
    for kind in (Regression, Count, Tweedie, Hurdle):
        score = fitted(kind, labels).score(labels, predictions, weights)
        assert score == pytest.approx(r2_score(labels, predictions, sample_weight=weights))
        assert isinstance(score, float)


@pytest.mark.parametrize("name", TWO_CLASSES)
def test_classes_of_any_type_have_an_accuracy(name):
    labels = TWO_CLASSES[name]
    task = fitted(Binary, labels)
    assert task.score(labels, task.classes[[0, 1, 0, 1]], np.array([1.0, 2, 3, 4])) == 0.3
    assert task.score(labels.tolist(), labels[::-1].tolist()) == 1


@pytest.mark.parametrize("kind", NUMBER_KINDS)
def test_r2_of_one_label_is_nan_without_a_warning(kind):
    task = fitted(kind, np.array([1.0, 2.0]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(task.score(np.array([1.0]), np.array([2.0])))


def test_a_label_that_was_not_declared_is_an_error():
    task = fitted(Multiclass, np.array(["a", "b"], dtype=object))
    with pytest.raises(ValueError, match=r"Target 'age' holds the label 'z'.*\['a', 'b'\]"):
        task.encode(np.array(["a", "z"], dtype=object))
    with pytest.raises(ValueError, match=r"Target 'age' holds the label"):
        fitted(Binary, np.array([0, 1])).encode(np.array(["0"], dtype=object))


def test_declared_classes_count_and_not_the_observed():
    task = fitted(Multiclass, np.array(["b"], dtype=object), classes=["c", "b", "a", "a"])
    assert task.classes.tolist() == ["a", "b", "c"]
    assert task.n_outputs == 3
    np.testing.assert_array_equal(task.encode(np.array(["c", "a"], dtype=object)), [2, 0])


def test_declared_whole_numbers_hold_float_labels():
    task = fitted(Multiclass, np.array([0.0, 1.0]), classes=[0, 1, 2])
    np.testing.assert_array_equal(task.encode(np.array([2.0, 0.0])), [2, 0])


@pytest.mark.parametrize("dtype", [int, float, np.uint64])
def test_bools_are_the_classes_0_and_1(dtype):
    bools = np.array([False, True, True])
    numbers = bools.astype(dtype)
    objects = bools.astype(object)
    pairs = [(bools, numbers), (numbers, bools), (objects, bools), (bools, objects)]
    for classes, labels in [*pairs, (objects, numbers)]:
        task = fitted(Binary, classes)
        assert task.encode(labels).tolist() == [0.0, 1.0, 1.0]
        assert task.classes.dtype == classes.dtype
    with pytest.raises(ValueError, match=r"the label 2.*, which is not .* \[False, True\]"):
        fitted(Binary, bools).encode(np.array([0, 2], dtype))


@pytest.mark.parametrize("kind", CLASS_KINDS)
@pytest.mark.parametrize("labels", [np.array([1, 1]), np.array(["x"], dtype=object)])
def test_one_class_is_an_error(kind, labels):
    with pytest.raises(ValueError, match=r"Target 'age' has 1 class only"):
        fitted(kind, labels, classes=np.unique(labels))


def test_three_classes_are_not_binary():
    with pytest.raises(
        ValueError, match=r"Target 'age' is binary but has 3 classes.*'multiclass'"
    ):
        fitted(Binary, np.arange(3))


@pytest.mark.parametrize("kind", [Count, Tweedie, Hurdle])
def test_negative_amounts_are_an_error_in_fit_and_later(kind):
    message = rf"Target 'age' is of kind '{kind.kind}' but holds -2: .*'regression'"
    with pytest.raises(ValueError, match=message):
        fitted(kind, np.array([1.0, -2.0]))
    task = fitted(kind, np.array([1.0, 2.0]))
    with pytest.raises(ValueError, match=message):
        task.encode(np.array([-2.0]))


@given(
    st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(0.1, 5)), min_size=2, max_size=20).filter(
        lambda rows: np.ptp([label for label, _ in rows]) > 1e-3
    )
)
def test_standardisation_is_scikit_learns_weighted_one(rows):
    labels, weights = np.array(rows).T
    task = fitted(Regression, labels, weights)
    scaler = StandardScaler().fit(labels[:, None], sample_weight=weights)
    assert task.mean == pytest.approx(scaler.mean_[0], rel=1e-7, abs=1e-7)
    assert task.scale == pytest.approx(scaler.scale_[0], rel=1e-7)
    np.testing.assert_allclose(
        task.encode(labels), scaler.transform(labels[:, None])[:, 0], rtol=1e-6, atol=1e-6
    )


@pytest.mark.parametrize("value", [0.0, 0.1, -7.0, 1e9 + 0.1, 1e-9, 1e-320, 1e300])
@pytest.mark.parametrize("kind", [Regression, Huber, Quantile])
def test_a_constant_number_is_predicted_as_it_is(kind, value):
    # The last differs by rounding.
    labels = np.append(np.full(7, value), np.nextafter(value, np.inf))
    with pytest.warns(UserWarning, match="Target 'age' is constant: .*Leave it out"):
        task = fitted(kind, labels)
    assert np.abs(task.encode(labels)).max() <= 1
    predictions = task.predict(np.zeros((2, task.n_outputs)))
    np.testing.assert_allclose(predictions, value, rtol=1e-12, atol=1e-323)
    # What a network is off by, about a thousandth, is small beside a small constant.
    predictions = task.predict(np.full((2, task.n_outputs), 1e-3))
    assert np.abs(predictions - value).max() <= 2e-3 * min(abs(value) or 1.0, 1.0)


@pytest.mark.parametrize("kind", [Count, Tweedie, Hurdle])
@pytest.mark.parametrize("value", [0, 3.0])
def test_a_constant_amount_warns(value, kind):
    with pytest.warns(UserWarning, match="Target 'age' is constant: .*Leave it out"):
        assert fitted(kind, np.full(5, value)).mean == (value or 1.0)


SOME = np.random.default_rng(0).normal(size=50)


@pytest.mark.parametrize("kind", [Regression, Huber, Quantile])
@pytest.mark.parametrize("unit", [2.0**-900, 1e-12, 1e-3, 1e9, 2.0**600, 2.0**1000])
def test_numbers_of_any_unit_have_the_same_targets_and_score(kind, unit):
    task, other = fitted(kind, SOME), fitted(kind, SOME * unit)
    targets = task.encode(SOME)
    np.testing.assert_allclose(other.encode(SOME * unit), targets, rtol=1e-9, atol=1e-12)
    outputs = np.tile(0.9 * targets[:, None], task.n_outputs)
    predictions = other.predict(outputs)
    np.testing.assert_allclose(predictions, task.predict(outputs) * unit, rtol=1e-9)
    expected = task.score(SOME, task.predict(outputs))
    assert 0.8 < other.score(SOME * unit, predictions) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("numbers", "unit"),
    [([1.0], 1.0), ([3.0, -5.0], 4.0), ([0.3, 0.0], 0.25), ([1e-320], 2.0**-1064)],
)
def test_a_unit_is_the_greatest_power_of_two_up_to_the_largest_number(numbers, unit):
    assert find_unit(np.array(numbers)) == unit


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
@pytest.mark.parametrize("kind", [Count, Tweedie, Hurdle])
def test_the_largest_predictions_of_small_labels_have_a_score(kind):
    labels = np.array([0.0, 0.1, 0.3])
    task = fitted(kind, labels)
    predictions = task.predict(np.full((3, task.n_outputs), 1e3))
    assert (predictions == np.finfo(np.float64).max).all()
    assert task.score(labels, predictions) == -np.inf
    with pytest.raises(ValueError, match="infinity"):
        task.score(labels, np.full(3, np.inf))


@pytest.mark.parametrize("weights", [None, np.array([0.5, 0.0, 2.0])])
@pytest.mark.parametrize("labels", [[1.0, 2.0, 4.0], [2.0, 2.0, 2.0]])
@pytest.mark.parametrize("error", [0.0, 0.25, 1e3])
def test_r2_is_scikit_learns(labels, error, weights):
    labels = np.array(labels)
    expected = r2_score(labels, labels + error, sample_weight=weights)
    assert compute_r2(labels, labels + error, weights) == pytest.approx(expected)


@pytest.mark.parametrize(("n_digits", "is_constant"), [(4, True), (5, False)])
def test_a_few_last_digits_are_rounding(n_digits, is_constant, recwarn):
    fitted(Regression, np.array([-1.0, -1.0 - n_digits * np.spacing(1.0)]))
    assert bool(len(recwarn)) == is_constant


def test_a_small_spread_beside_a_large_mean_is_no_constant(recwarn):
    labels = SOME * 1e-3 + 1e9
    task = fitted(Regression, labels)
    # The labels' own last digit, 1e-7 at 1e9, is what is lost.
    np.testing.assert_allclose(task.encode(labels), (SOME - SOME.mean()) / SOME.std(), atol=1e-3)
    assert not len(recwarn)


def test_numbers_further_apart_than_a_float_can_hold_are_an_error():
    with pytest.raises(ValueError, match="'age' holds numbers from -1.*divide them by a const"):
        fitted(Regression, np.array([-1e308, 0.0, 1e308]))


def test_counts_are_relative_to_the_weighted_mean():
    task = fitted(Count, np.array([0.0, 4.0]), np.array([1.0, 3.0]))
    assert task.mean == 3.0
    np.testing.assert_allclose(task.encode(np.array([6.0])), [2.0])
    np.testing.assert_allclose(task.predict(np.array([[0.0], [np.log(2)]])), [3.0, 6.0])


def test_counts_that_are_all_zero_can_be_learnt():
    with pytest.warns(UserWarning, match="'age' is constant"):
        task = fitted(Count, np.zeros(3))
    assert task.mean == 1.0
    np.testing.assert_array_equal(task.encode(np.zeros(3)), np.zeros(3))


@pytest.mark.parametrize("kind", [Regression, Count])
def test_bools_can_be_taken_as_numbers(kind):
    labels = np.array([True, False, True])
    task = fitted(kind, labels)
    assert task.mean == pytest.approx(2 / 3)
    predictions = task.predict(perfect_outputs(task, task.encode(labels)))
    np.testing.assert_allclose(predictions, [1.0, 0.0, 1.0], atol=1e-12)


def draw_members(task, seed, n_members=4, n_rows=6):
    # Predictions of logarithms stay within the range of the labels.
    scale = 0.1 if task.kind == "log" else 3
    return np.random.default_rng(seed).normal(
        scale=scale, size=(n_members, n_rows, task.n_outputs)
    )


@given(st.sampled_from(list(TASK_KINDS)), st.integers(0, 1000))
def test_the_average_of_networks_predicts_their_mean_prediction(kind, seed):
    several = LEAST | {
        "multiclass": np.array([0, 1, 2, 1]),
        "survival": np.array([3.0, 1.0, -2.0, 7.0]),
    }
    task = fitted(TASK_KINDS[kind], several.get(kind, np.array([0, 1, 1, 0])))
    members = draw_members(task, seed)
    predict = task.predict_proba if task.has_classes else task.predict
    if kind == "survival":
        # The mean of probabilities; at the edges, between which they are interpolated.
        predict = partial(task.predict_survival, times=task.edges)
    weights = np.random.default_rng(seed).dirichlet(np.ones(len(members)))
    expected = np.average([predict(outputs) for outputs in members], axis=0, weights=weights)
    weights = torch.from_numpy(weights)[:, None, None]
    average = task.average(torch.from_numpy(members), weights).numpy()
    np.testing.assert_allclose(predict(average), expected, rtol=1e-9)


@pytest.mark.parametrize("kind", CLASS_KINDS)
def test_the_average_of_certain_networks_is_finite(kind):
    task = fitted(kind, np.array([0, 1, 1]))
    outputs = torch.full((3, 2, task.n_outputs), 500.0)
    outputs[..., 0] *= -1
    weights = torch.tensor([0.5, 0.5, 0.0])[:, None, None]
    assert task.average(outputs, weights).isfinite().all()
