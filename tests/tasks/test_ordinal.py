"""Ordinal tasks: the loss of K - 1 binary questions, probabilities, and the order of classes."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.metrics import log_loss
from torch.nn import functional as F

from sklearn_ple import PLEClassifier
from sklearn_ple.tasks import Binary, Ordinal

GRADES = ["poor", "fair", "good", "best"]


def ordinal(classes, labels=None):
    labels = np.array(classes, dtype=object) if labels is None else labels
    return Ordinal().fit(labels, np.ones(len(labels)), np.array(classes, dtype=object))


def naive_loss(task, outputs, label):
    """Ask of each class but the last whether the label is above it."""
    probabilities = dict(zip(task.classes, softmax(outputs), strict=True))
    ascending = [task.classes[position] for position in task.order]
    losses = []
    for k in range(len(ascending) - 1):
        above = sum(probabilities[name] for name in ascending[k + 1 :])
        happens = ascending.index(label) > k
        losses.append(-np.log(above if happens else 1 - above))
    return np.mean(losses)


@given(st.permutations(GRADES), st.integers(0, 1000))
def test_the_loss_is_that_of_binary_questions_in_the_declared_order(grades, seed):
    task = ordinal(grades)
    rng = np.random.default_rng(seed)
    labels = rng.choice(np.array(grades, dtype=object), size=(6, 1))
    outputs = rng.normal(scale=2, size=(6, 1, 4))
    targets = task.encode(labels[:, 0])[:, None]
    losses = task.loss(torch.from_numpy(outputs), torch.from_numpy(targets)).numpy()
    expected = [[naive_loss(task, outputs[i, 0], labels[i, 0])] for i in range(6)]
    np.testing.assert_allclose(losses, expected, rtol=1e-10)


def test_with_two_classes_the_loss_is_the_cross_entropy():
    labels = np.array([0, 1])
    outputs = torch.randn(5, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    targets = torch.tensor([[0.0, 1.0]], dtype=torch.float64).expand(5, 2)
    two = Ordinal().fit(labels, np.ones(2), None).loss(outputs, targets)
    binary = Binary().fit(labels, np.ones(2), None)
    logits = outputs[..., 1:] - outputs[..., :1]
    np.testing.assert_allclose(two, binary.loss(logits, targets), rtol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [1e1, 1e3, 1e6, 1e30])
def test_extreme_outputs_have_finite_losses_and_bounded_gradients(size, dtype):
    task = ordinal(GRADES)
    outputs = size * torch.eye(4, dtype=dtype).repeat(8, 1)
    outputs[16:] *= -1
    outputs.requires_grad_()
    losses = task.loss(outputs, torch.arange(32, dtype=dtype).div(4).floor() % 4)
    losses.sum().backward()
    assert losses.isfinite().all()
    assert (losses >= -1e-6).all()
    # A softmax's sums are off, where outputs are that far apart, by as much as there are classes.
    assert outputs.grad.abs().max() <= (1 + 1e-5 if size < 1e30 else 4)


def test_classes_are_sorted_and_their_order_is_kept_beside_them():
    task = ordinal(GRADES, labels=np.array(["good", "poor"], dtype=object))
    assert task.classes.tolist() == sorted(GRADES)
    assert task.classes[task.order].tolist() == GRADES
    numbers = Ordinal().fit(np.array([5.0, 1.0, 3.0]), np.ones(3), None)
    assert numbers.classes.tolist() == [1, 3, 5]
    assert numbers.order.tolist() == [0, 1, 2]


def test_strings_without_an_order_are_an_error():
    task = Ordinal()
    task.name = "grade"
    with pytest.raises(ValueError, match=r"'grade' is of kind 'ordinal' but holds .*, 'poor'"):
        task.fit(np.array(GRADES, dtype=object), np.ones(4), None)


@given(st.integers(0, 1000), st.sampled_from([0.1, 3.0, 1e4]))
def test_probabilities_are_valid_and_average_over_members(seed, scale):
    task = ordinal(GRADES)
    rng = np.random.default_rng(seed)
    members = rng.normal(scale=scale, size=(3, 5, 4))
    weights = rng.dirichlet(np.ones(3))
    average = task.average(torch.from_numpy(members), torch.from_numpy(weights)[:, None, None])
    probabilities = task.predict_proba(average.numpy())
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-12)
    expected = np.average(softmax(members, axis=-1), axis=0, weights=weights)
    np.testing.assert_allclose(probabilities, expected, rtol=1e-8, atol=1e-300)
    best = task.predict(average.numpy())
    np.testing.assert_array_equal(best, task.classes[probabilities.argmax(axis=1)])


@pytest.fixture(scope="module")
def graded(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(600, 2))
    ranks = np.digitize(2 * X[:, 0] + rng.logistic(size=600), [-2, 0, 2])
    dtype = pd.CategoricalDtype(GRADES, ordered=True)
    y = pd.DataFrame({"grade": pd.Categorical.from_codes(ranks, dtype=dtype)})
    y.loc[::10] = np.nan
    return X, y


def test_an_ordered_categorical_column_is_learnt_as_ordinal(graded, seed):
    X, y = graded
    model = PLEClassifier(n_members=1, max_epochs=20, early_stopping=False, random_state=seed)
    model.fit(X, y)
    assert model.task_types_ == {"grade": "ordinal"}
    assert model.classes_[0].tolist() == sorted(GRADES)
    table = model.predict_proba_frame(X)
    assert list(table)[: len(GRADES)] == [(model.task_names_[0], grade) for grade in GRADES]
    sorted_proba = pd.DataFrame(model.predict_proba(X)[0], columns=model.classes_[0])
    np.testing.assert_array_equal(table.iloc[:, : len(GRADES)], sorted_proba[GRADES])
    predicted = model.predict(X)
    assert predicted["grade"].dtype == y["grade"].dtype
    (proba,) = model.predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)
    there = y["grade"].notna().to_numpy()
    right = predicted["grade"][there].to_numpy() == y["grade"][there].to_numpy()
    assert model.score(X, y) == pytest.approx(right.mean())
    # Close to the truth: the class is the greater the greater the first feature is.
    truth = F.sigmoid(torch.tensor(2 * X[:, [0]] - [-2, 0, 2])).numpy()
    above = pd.DataFrame(proba, columns=model.classes_[0])[GRADES[::-1]].cumsum(axis=1)
    error = above[GRADES[:0:-1]].to_numpy()[:, ::-1] - truth
    assert np.abs(error).mean() < 0.06
    # Columns are in scikit-learn's order: its metrics take them as they are.
    true_proba = -np.diff(np.column_stack([np.ones(len(X)), truth, np.zeros(len(X))]), axis=1)
    true_proba = pd.DataFrame(true_proba, columns=GRADES)[sorted(GRADES)].to_numpy()
    view, labels = model.task_view("grade"), y["grade"][there].astype(object)
    losses = [log_loss(labels, p[there], labels=view.classes_) for p in (proba, true_proba)]
    assert losses[0] == pytest.approx(losses[1], abs=0.05)


def test_class_weights_move_the_probabilities(graded, seed):
    X, y = graded
    params = {"n_members": 1, "max_epochs": 5, "early_stopping": False, "random_state": seed}
    plain = PLEClassifier(**params).fit(X, y).predict_proba(X)[0]
    weighted = PLEClassifier(class_weight={"grade": {"best": 10.0}}, **params).fit(X, y)
    best = weighted.classes_[0].tolist().index("best")
    assert weighted.predict_proba(X)[0][:, best].mean() > plain[:, best].mean() + 0.1


def test_the_true_probabilities_have_the_least_loss():
    task = Ordinal().fit(np.arange(4), np.ones(4), None)
    truth = np.array([0.1, 0.4, 0.2, 0.3])
    logits = torch.from_numpy(np.log(truth)).requires_grad_()
    losses = task.loss(logits.expand(4, 4), torch.arange(4.0))
    risk = (torch.from_numpy(truth) * losses).sum()
    (gradient,) = torch.autograd.grad(risk, logits)
    np.testing.assert_allclose(gradient, 0.0, atol=1e-12)
    for other in np.random.default_rng(0).dirichlet(np.ones(4), 50):
        losses = task.loss(torch.from_numpy(np.log(other)).expand(4, 4), torch.arange(4.0))
        assert (torch.from_numpy(truth) * losses).sum() > risk
