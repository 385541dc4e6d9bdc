"""Members that each leave rows of their own out: nothing of them leaks, and all is validated."""

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.metrics import r2_score

from sklearn_ple import PLEClassifierRegressor, PLERegressor, SingleTaskClassifierRegressor
from sklearn_ple.encoding import Table
from sklearn_ple.encoding.targets import TargetEncoder
from sklearn_ple.members import MemberMean
from sklearn_ple.predictions import Deviations
from sklearn_ple.tasks import TaskLosses
from sklearn_ple.training import HeldOut, OutOfFold, Plan, TableRows, draw_folds

N, N_MEMBERS = 160, 4


def data(seed=0):
    rng = np.random.RandomState(seed)
    X = rng.randn(N, 4)
    return X, np.column_stack([X[:, 0] + 0.5 * rng.randn(N), X[:, 1] * 3 + rng.randn(N)])


def model(cls=PLERegressor, **params):
    defaults = {
        "n_members": N_MEMBERS,
        "max_epochs": 3,
        "batch_size": 32,
        "early_stopping": True,
        "random_state": 0,
        "device": "cpu",
        # It is learnt from the labels of all rows, before any are left out.
        "linear_path": False,
        "numeric_embedding": None,
    }
    return cls(**(defaults | params))


def trained(y, monkeypatch):
    """Fit; return the estimator, its rows of validation and what each member makes of rows."""
    kept = {}
    learn = PLERegressor._learn_deviations

    def spy(self, net, validation):
        kept["validation"] = validation
        return learn(self, net, validation)

    monkeypatch.setattr(PLERegressor, "_learn_deviations", spy)
    X, _ = data()
    fitted = model().fit(X, y)
    return fitted, kept["validation"], fitted._member_outputs(X).numpy()


@pytest.mark.parametrize(("n_rows", "n_members", "n_left_out"), [(160, 4, 10), (12, 4, 6)])
def test_folds_are_disjoint(n_rows, n_members, n_left_out):
    folds = draw_folds(n_rows, n_members, n_left_out, np.random.RandomState(0))
    assert folds.shape == (n_members, n_left_out // 2)
    assert len(np.unique(folds)) == folds.size
    assert folds.min() >= 0 and folds.max() < n_rows


def test_a_member_learns_nothing_of_the_labels_that_it_leaves_out(monkeypatch):
    _, y = data()
    _, validation, before = trained(y, monkeypatch)
    fold = validation.folds[1]
    # Swapped among these rows, labels keep their mean and deviation.
    other = y.copy()
    other[fold] = y[fold[::-1]]
    assert not np.array_equal(other, y)
    _, again, after = trained(other, monkeypatch)
    assert_array_equal(again.folds, validation.folds)
    for member in (0, 1):
        assert_allclose(after[member], before[member], atol=1e-6)
    for member in (2, 3):
        assert np.abs(after[member] - before[member]).max() > 1e-4


def pairs(validation, members):
    """Return what the two members of each fold make of it, of shape (2, n_rows, n_tasks)."""
    numbers = range(N_MEMBERS)
    return np.stack(
        [
            np.concatenate([members[(m - back) % N_MEMBERS][validation.folds[m]] for m in numbers])
            for back in (0, 1)
        ]
    )


def test_the_loss_of_validation_is_that_of_the_mean_of_all_as_two_of_them_tell(monkeypatch):
    _, y = data()
    fitted, validation, members = trained(y, monkeypatch)
    both = pairs(validation, members)
    truth = ((y - y.mean(axis=0)) / y.std(axis=0))[validation.folds.ravel()]
    weights = fitted.module_.mean.weights.numpy()
    # A fold counts as much as the two members that leave it out.
    counts = (weights + np.roll(weights, 1, axis=0)).repeat(validation.folds.shape[1], axis=0)
    squares = ((both - truth) ** 2).mean(axis=0)
    # Half of the squared distance of two is an estimate of the members' variance.
    variances = (both[0] - both[1]) ** 2 / 2
    expected = [
        np.average(squares[:, k] - variances[:, k] * (1 - np.sum(weights[:, k] ** 2)), weights=c)
        for k, c in enumerate(counts.T)
    ]
    assert_allclose(fitted.history_[-1]["valid_task_losses"], expected, rtol=1e-4)


def test_scores_of_validation_are_of_the_mean_of_two(monkeypatch):
    _, y = data()
    fitted, validation, members = trained(y, monkeypatch)
    predicted = pairs(validation, members).mean(axis=0) * y.std(axis=0) + y.mean(axis=0)
    expected = r2_score(y[validation.folds.ravel()], predicted, multioutput="raw_values")
    assert_allclose(fitted.history_[-1]["valid_task_scores"], expected, rtol=1e-4)


def test_the_estimated_loss_is_exact_on_average():
    """Members around a truth: their mean's loss, without having seen it."""
    rng = np.random.RandomState(0)
    n = 100_000
    X, y = rng.randn(n, 1), rng.randn(n)
    table = Table.read(PLERegressor(), X, y, None)
    targets = TargetEncoder("auto", "number").fit(table.labels, table.form, table.weights)
    rows = TableRows(
        X, np.zeros((n, 0), dtype=np.uint8), y[:, None], table.weights, dtype=torch.float64
    )
    folds = draw_folds(n, N_MEMBERS, n // 2, rng)
    validation = OutOfFold(rows, table.labels, table.weights, targets, folds)
    every = torch.as_tensor(0.7 * rng.randn(N_MEMBERS, n, 1))
    indices = validation.indices()
    read = every[torch.arange(N_MEMBERS)[:, None], indices]
    labels = (rows.arrays[name][indices] for name in ("targets", "weights"))
    losses = TaskLosses(targets.tasks)
    mean = MemberMean(targets.tasks, N_MEMBERS)
    _, sums = validation.evaluate(mean, read, *labels, losses)
    assert_allclose(mean.weights, 1 / N_MEMBERS, atol=0.05)
    expected = ((every.mean(dim=0)[:, 0] - torch.as_tensor(y)) ** 2).mean()
    assert_allclose(losses.means(sums), expected, rtol=0.02)


def test_members_that_are_worse_count_less():
    """Noise that grows with the member's number shows as it would on rows that all share."""
    rng = np.random.RandomState(0)
    n = 100_000
    X, y = rng.randn(n, 1), rng.randn(n)
    table = Table.read(PLERegressor(), X, y, None)
    targets = TargetEncoder("auto", "number").fit(table.labels, table.form, table.weights)
    codes = np.zeros((n, 0), dtype=np.uint8)
    rows = TableRows(X, codes, y[:, None], table.weights, dtype=torch.float64)
    noise = np.array([0.5, 0.55, 0.65, 0.8])
    every = torch.as_tensor(y[:, None] + noise[:, None, None] * rng.randn(N_MEMBERS, n, 1))
    losses = TaskLosses(targets.tasks)
    means = [MemberMean(targets.tasks, N_MEMBERS) for _ in range(2)]
    for validation, mean in zip(
        (
            OutOfFold(rows, table.labels, table.weights, targets, draw_folds(n, 4, n // 2, rng)),
            HeldOut(rows, table.labels, table.weights, targets),
        ),
        means,
        strict=True,
    ):
        indices = validation.indices()
        read = every[torch.arange(N_MEMBERS)[:, None], indices]
        labels = (rows.arrays[name][indices] for name in ("targets", "weights"))
        validation.evaluate(mean, read, *labels, losses)
    assert_allclose(means[0].weights, means[1].weights, atol=0.05)
    assert (means[0].weights.diff(dim=0) < 0).all()


@pytest.mark.parametrize("cls", [PLEClassifierRegressor, SingleTaskClassifierRegressor])
def test_rows_of_each_members_own_are_read_as_each_alone_would(cls):
    rng = np.random.RandomState(0)
    X = rng.randn(N, 3)
    frame = pd.DataFrame(X, columns=["a", "b", "c"]).assign(d=rng.choice(["u", "v", "w"], N))
    y = pd.DataFrame({"first": X[:, 0], "second": (X[:, 1] > 0).astype(int)})
    fitted = model(cls, linear_path=True, numeric_embedding="piecewise_linear+bins").fit(frame, y)
    numbers, codes = map(torch.as_tensor, fitted._encoder.features.transform(frame))
    numbers = numbers.float()
    module = fitted.module_.eval()
    rows = torch.as_tensor(rng.randint(N, size=(N_MEMBERS, 7)))
    with torch.no_grad():
        own = module.member_outputs(numbers[rows], codes[rows])
        every = module.member_outputs(numbers, codes)
    for member in range(N_MEMBERS):
        assert_allclose(own[member], every[member, rows[member]], atol=1e-5)


def test_all_rows_are_trained_on_once_and_there_is_no_second_training():
    X, y = data()
    plan = Plan.of(model(), N)
    assert plan.n_left_out == N // 12 and not plan.refits
    fitted = model().fit(X, y)
    assert fitted.n_iter_ == 3
    assert_allclose(fitted.module_.mean.weights.sum(dim=0), 1, rtol=1e-6)


def test_where_validation_ends_the_training_the_best_weights_are_kept():
    X, y = data()
    params = {"learning_rate": 0.3, "lr_schedule": "constant", "weight_averaging": 0.0}
    stopped = model(max_epochs=50, n_iter_no_change=3, **params).fit(X, y)
    best = int(np.argmin([epoch["valid_loss"] for epoch in stopped.history_])) + 1
    assert best == stopped.n_iter_ - 3 < 47
    short = model(max_epochs=best, n_iter_no_change=99, **params).fit(X, y)
    assert_allclose(short.predict(X), stopped.predict(X), rtol=1e-5, atol=1e-5)


def test_deviations_of_members_that_leave_rows_out_are_those_of_the_mean():
    """What a single member is off has the members' variance in it; that of the mean has not."""
    rng = np.random.RandomState(0)
    n, spread, noise = 200_000, 0.6, 0.8
    y = noise * rng.randn(n)
    table = Table.read(PLERegressor(), rng.randn(n, 1), y, None)
    targets = TargetEncoder("auto", "number").fit(table.labels, table.form, table.weights)
    scale = y.std()
    members = spread * rng.randn(N_MEMBERS, n, 1) / scale
    first = rng.randint(N_MEMBERS, size=n)
    owners = np.stack([first, (first + 1) % N_MEMBERS])
    weights = np.full((N_MEMBERS, 1), 1 / N_MEMBERS)
    learnt = Deviations(targets, weights).learn(members, table.labels, table.weights, owners)
    mean_square = np.mean(learnt.of(members)[0] ** 2)
    error = np.mean((y - y.mean() - scale * members.mean(axis=0)[:, 0]) ** 2)
    assert_allclose(mean_square, error, rtol=0.02)


def test_sparse_rows_are_left_out_too():
    X, y = data()
    dense = model().fit(X, y)
    scored = model().fit(sparse.csr_matrix(X), y)
    assert len(scored.history_[-1]["valid_task_scores"]) == len(
        dense.history_[-1]["valid_task_scores"]
    )


@pytest.mark.parametrize(
    ("params", "crosses"),
    [
        ({}, True),
        ({"n_members": 2}, False),
        ({"validation_fraction": 0.1}, False),
        ({"early_stopping": False}, False),
    ],
)
def test_members_are_crossed_unless_rows_are_to_be_set_aside(params, crosses):
    plan = Plan.of(model(**params), 1000)
    assert (plan.n_left_out > 0) == crosses
    if crosses:
        assert plan.n_left_out * N_MEMBERS <= 1000


def test_a_refit_that_is_asked_for_trains_on_all_rows_of_all_members():
    X, y = data()
    assert model(refit=True).fit(X, y).n_iter_ == 3
