"""Members that each leave rows of their own out: nothing of them leaks, and all is validated."""

import numpy as np
import pandas as pd
import pytest
import torch
from makers import Recorder, make_module, read_table, resolved
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import Callback

from sklearn_ple import (
    PLEClassifierRegressor,
    PLERegressor,
    SingleTaskClassifierRegressor,
)
from sklearn_ple.encoding.targets import TargetEncoder
from sklearn_ple.nn.members import MemberRange
from sklearn_ple.predictions.intervals import Deviations
from sklearn_ple.tasks import TaskLosses
from sklearn_ple.tasks.mean import MemberMean
from sklearn_ple.training.choosing.validation_rows import Split
from sklearn_ple.training.rows import TableRows
from sklearn_ple.training.validation import HeldOut, Labelled, OutOfFold, average_weights

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
        "linear_path": False,
        "numeric_embedding": None,
    }
    return cls(**(defaults | params))


def trained(y, seed=0, container=np.asarray, **params):
    """Fit; return the estimator, its rows of validation and what each member makes of rows."""
    recorder, X = Recorder(), container(data(seed)[0])
    fitted = model(random_state=seed, callbacks=[recorder], **params).fit(X, y)
    return fitted, recorder.trainings[0][1], fitted._member_outputs(X).numpy()


@pytest.mark.parametrize(("n_rows", "n_members", "n_left_out"), [(160, 4, 10), (12, 4, 6)])
def test_folds_are_disjoint(n_rows, n_members, n_left_out):
    folds = np.array(Split().folds(n_rows, n_members, n_left_out, np.random.RandomState(0)))
    assert folds.shape == (n_members, n_left_out // 2)
    assert len(np.unique(folds)) == folds.size
    assert folds.min() >= 0 and folds.max() < n_rows


def test_a_member_learns_nothing_of_the_labels_that_it_leaves_out(seed):
    _, y = data(seed)
    # Of several epochs, validation would choose one.
    _, validation, before = trained(y, seed, max_epochs=1)
    fold = validation.row_numbers[1]
    # Swapped among these rows, labels keep their mean and deviation.
    other = y.copy()
    other[fold] = y[fold[::-1]]
    assert not np.array_equal(other, y)
    _, again, after = trained(other, seed, max_epochs=1)
    assert_array_equal(again.row_numbers, validation.row_numbers)
    for member in (0, 1):
        assert_allclose(after[member], before[member], atol=1e-6)
    for member in (2, 3):
        assert np.abs(after[member] - before[member]).max() > 1e-4


def starting_points(y, **params):
    """Fit; return bins and linear start of each training, and which rows each member reads."""
    recorder = Recorder()
    embedded = {"linear_path": True, "numeric_embedding": "piecewise_linear"}
    fitted = model(**embedded | {"max_epochs": 1, "callbacks": [recorder]} | params)
    fitted.fit(data()[0], y)
    names = "inputs.numeric_embedding.inner", "linear.layer.weight"
    starts = [[state[name] for name in names] for _, _, state in recorder.trainings]
    # What is kept is the encoder of the network that is kept.
    own = make_module(fitted).state_dict()
    for name, start in zip(names, starts[-1], strict=True):
        assert_array_equal(own[name], start)
    return starts, recorder.trainings[0][1].trained_on()


def swapped(y, rows):
    """Turn the labels of some rows round, which keeps their mean and deviation."""
    other = y.copy()
    other[rows] = y[np.flatnonzero(rows)[::-1]]
    assert not np.array_equal(other, y)
    return other


def test_members_start_from_nothing_of_the_labels_that_they_leave_out():
    _, y = data()
    ((bins, start),), trained_on = starting_points(y)
    assert trained_on.shape == (N_MEMBERS, N)
    n_unseen = N_MEMBERS * (N // 12 // 2)
    assert trained_on.sum() == N_MEMBERS * (N - 2 * (N // 12 // 2))
    left_out = ~trained_on[1]
    ((_, after),), _ = starting_points(swapped(y, left_out))
    assert_allclose(after[1], start[1], rtol=1e-5)
    # The last member starts without it.
    for member in (0, 2):
        assert not np.allclose(after[member], start[member], rtol=1e-3)
    # Members share the bins: no label that any of them leaves out has a part in them.
    in_a_fold = ~trained_on.all(axis=0)
    assert in_a_fold.sum() == n_unseen
    ((after, _),), _ = starting_points(swapped(y, in_a_fold))
    assert_array_equal(after, bins)
    ((after, _),), _ = starting_points(swapped(y, ~in_a_fold))
    assert not np.array_equal(after, bins)


@pytest.mark.parametrize(
    ("refit", "split"), [(False, "random"), (True, "random"), (False, "last"), (True, "last")]
)
def test_rows_set_aside_have_no_part_in_what_training_starts_from(refit, split):
    params = {"n_members": 2, "validation_fraction": 0.3, "refit": refit}
    params["validation_split"] = split
    _, y = data()
    before, trained_on = starting_points(y, **params)
    assert trained_on.shape == (1, N) and trained_on.sum() == 0.7 * N
    after, _ = starting_points(swapped(y, ~trained_on[0]), **params)
    assert len(before) == len(after) == 1 + refit
    assert_array_equal(after[0][0], before[0][0])
    assert_allclose(after[0][1], before[0][1], rtol=1e-5)
    # The second training starts anew from all labels.
    for one, other in zip(before[1:], after[1:], strict=True):
        assert not np.array_equal(one[0], other[0])
        assert not np.allclose(one[1], other[1], rtol=1e-3)


def test_an_interrupted_refit_leaves_the_first_network_and_its_bins():
    """Training on goes from the network that was kept, with as many bins as it has."""

    class Interrupt(Callback):
        def on_train_begin(self, net, X=None, y=None, **_):
            if y is None:
                raise KeyboardInterrupt

    params = {"n_members": 2, "validation_fraction": 0.3, "refit": True, "warm_start": True}
    embedded = {"linear_path": True, "numeric_embedding": "piecewise_linear"}
    fitted = model(callbacks=[Interrupt()], **embedded, **params)
    with pytest.warns(ConvergenceWarning, match="second training, on all rows, was not completed"):
        fitted.fit(*data())
    own = make_module(fitted).inputs.numeric_embedding
    assert_array_equal(own.inner, fitted.module_.inputs.numeric_embedding.inner)
    fitted.set_params(callbacks=None).fit(*data())
    assert fitted.n_iter_ == 6


def test_rows_weigh_on_average_what_each_member_is_trained_on():
    weights = np.random.RandomState(0).uniform(size=(12, 2)) * [1, 0]
    every = MemberRange.all(3)
    rows = TableRows(weights, np.zeros((12, 0)), weights, weights, dtype=torch.float64)
    assert_allclose(average_weights(rows, every), [weights[:, 0].mean(), 1])
    few = np.array([7, 2, 3])
    assert_allclose(average_weights(rows.take(few), every), [weights[few, 0].mean(), 1])
    folds = np.array([0, 1, 2, -1] * 3)
    expected = [
        [weights[[fold not in (m, (m + 1) % 3) for fold in folds], 0].sum() / 12, 1]
        for m in range(3)
    ]
    folded = rows.with_folds(folds)
    assert_allclose(average_weights(folded, every).squeeze(1), expected)
    assert_allclose(average_weights(folded, MemberRange(1, 3, 3)).squeeze(1), expected[1:])
    # Where all rows weigh the same, a batch is normalised by its own rows, to the last bit.
    ones = TableRows(weights, np.zeros((12, 0)), weights, np.ones((12, 2)), dtype=torch.float32)
    assert_array_equal(average_weights(ones, every), [1, 1])


def pairs(validation, members):
    """Return what the two members of each fold make of it, of shape (2, n_rows, n_tasks)."""
    numbers = range(N_MEMBERS)
    return np.stack(
        [
            np.concatenate(
                [members[(m - back) % N_MEMBERS][validation.row_numbers[m]] for m in numbers]
            )
            for back in (0, 1)
        ]
    )


def test_the_loss_of_validation_is_estimated_for_the_mean_of_all_members():
    _, y = data()
    fitted, validation, members = trained(y)
    both = pairs(validation, members)
    truth = ((y - y.mean(axis=0)) / y.std(axis=0))[validation.row_numbers.ravel()]
    weights = fitted.module_.mean.weights.numpy()
    squares = ((both - truth) ** 2).mean(axis=0)
    # Half of the squared distance of two is an estimate of the members' variance.
    variances = (both[0] - both[1]) ** 2 / 2
    expected = (squares - variances * (1 - np.sum(weights**2, axis=0))).mean(axis=0)
    assert_allclose(fitted.history_[-1]["valid_task_losses"], expected, rtol=1e-4)


def test_deviations_are_learnt_from_members_that_leave_the_rows_out():
    (_, y), rng, numbers = data(), np.random.RandomState(1), np.arange(N)
    table = read_table(PLERegressor(), numbers[:, None], y, rng.uniform(0.5, 2, size=(N, 2)))
    targets = TargetEncoder("auto", "number").fit(table.labels, table.form, table.weights)
    codes = np.zeros((N, 0), dtype=np.uint8)
    rows = TableRows(numbers[:, None], codes, y, table.weights, dtype=torch.float64)
    folds = Split().folds(N, N_MEMBERS, 12, rng)
    validation = OutOfFold(rows, table, targets, folds)
    row_numbers, sampled, labels, weights, out_of_fold = validation.sample()
    there = sampled.array("numbers")[:, 0].numpy().astype(int)
    assert sorted(there) == sorted(np.concatenate(folds))
    assert_array_equal(row_numbers, there)
    assert (out_of_fold[0] != out_of_fold[1]).all()
    assert not validation.trained_on()[out_of_fold, there].any()
    assert_array_equal(weights, table.weights[there])
    for column, of_task in zip(y.T, labels, strict=True):
        assert_array_equal(of_task.observed, column[there])


def validated(make, members_of):
    """Evaluate members of a table of one number; return their mean, its loss, and what they made.

    `make` is called with rows, table and targets; `members_of` with the encoded labels.
    """
    rng = np.random.RandomState(0)
    n = 100_000
    X, y = rng.randn(n, 1), rng.randn(n)
    table = read_table(PLERegressor(), X, y, None)
    targets = TargetEncoder("auto", "number").fit(table.labels, table.form, table.weights)
    codes = np.zeros((n, 0), dtype=np.uint8)
    rows = TableRows(X, codes, y[:, None], table.weights, dtype=torch.float64)
    validation = make(rows, table, targets)
    members = torch.as_tensor(members_of(y[:, None]))
    indices = validation.indices()
    read = members[torch.arange(N_MEMBERS)[:, None], indices]
    labels = (rows.arrays[name][indices] for name in ("targets", "weights"))
    losses, mean = TaskLosses(targets.tasks), MemberMean(targets.tasks, N_MEMBERS)
    _, sums = validation.evaluate(mean, losses, Labelled(read, *labels))
    return mean, losses.means(sums), members - torch.as_tensor(y[:, None])


def folds_of(rows, table, targets):
    folds = Split().folds(len(rows), N_MEMBERS, len(rows) // 2, np.random.RandomState(1))
    return OutOfFold(rows, table, targets, folds)


def held_out(rows, table, targets):
    return HeldOut(rows, table, targets, np.arange(len(rows)))


def test_members_that_are_worse_count_less(seed):
    """Weights from neighbours on the same rows are those from rows that all members share."""
    spread = np.array([0.5, 0.55, 0.65, 0.8])[:, None, None]

    def noisy(y):
        return y + spread * np.random.RandomState(2 + seed).standard_normal((N_MEMBERS, *y.shape))

    by_folds, by_all = (validated(make, noisy)[0].weights for make in (folds_of, held_out))
    assert_allclose(by_folds, by_all, atol=0.05)
    assert (by_folds.diff(dim=0) < 0).all()


@pytest.mark.parametrize("cls", [PLEClassifierRegressor, SingleTaskClassifierRegressor])
def test_rows_of_each_members_own_are_read_as_each_alone_would(cls):
    rng = np.random.RandomState(0)
    X = rng.randn(N, 3)
    frame = pd.DataFrame(X, columns=["a", "b", "c"]).assign(d=rng.choice(["u", "v", "w"], N))
    y = pd.DataFrame({"first": X[:, 0], "second": (X[:, 1] > 0).astype(int)})
    options = {"linear_path": True, "numeric_embedding": "piecewise_linear+bins"}
    recorder = Recorder()
    fitted = model(cls, **options, callbacks=[recorder]).fit(frame, y)
    ((encoded, _, _),) = recorder.trainings
    numbers, codes = encoded.arrays["numbers"], encoded.arrays["codes"]
    module = fitted.module_.eval()
    rows = torch.as_tensor(rng.randint(N, size=(N_MEMBERS, 7)))
    with torch.no_grad():
        own = module.member_outputs(numbers[rows], codes[rows])
        every = module.member_outputs(numbers, codes)
    for member in range(N_MEMBERS):
        assert_allclose(own[member], every[member, rows[member]], atol=1e-5)


@pytest.mark.parametrize("refit", [False, True])
def test_all_rows_are_trained_on_and_only_a_refit_starts_anew(refit):
    recorder = Recorder()
    model(refit=refit, callbacks=[recorder]).fit(*data())
    rows_of_trainings = [rows for rows, _, _ in recorder.trainings]
    assert [len(rows) for rows in rows_of_trainings] == [N] * (1 + refit)
    # The second training leaves no fold out.
    assert ["folds" in rows.arrays for rows in rows_of_trainings] == [True, False][: 1 + refit]


def test_where_validation_ends_the_training_the_best_weights_are_kept(seed):
    X, y = data(seed)
    params = {
        "learning_rate": 0.3,
        "lr_schedule": "constant",
        "weight_averaging": 0.0,
        "random_state": seed,
    }
    stopped = model(max_epochs=200, n_iter_no_change=3, **params).fit(X, y)
    best = int(np.argmin([epoch["valid_loss"] for epoch in stopped.history_])) + 1
    assert best == stopped.n_iter_ - 3 < 197
    short = model(max_epochs=best, n_iter_no_change=99, **params).fit(X, y)
    assert_allclose(short.predict(X), stopped.predict(X), rtol=1e-5, atol=1e-5)


def test_deviations_of_members_that_leave_rows_out_are_those_of_the_mean(seed):
    """What a single member is off has the members' variance in it; that of the mean has not."""
    rng = np.random.RandomState(seed)
    n, spread, noise = 200_000, 0.6, 0.8
    y = noise * rng.randn(n)
    table = read_table(PLERegressor(), rng.randn(n, 1), y, None)
    targets = TargetEncoder("auto", "number").fit(table.labels, table.form, table.weights)
    scale = y.std()
    members = spread * rng.randn(N_MEMBERS, n, 1) / scale
    first = rng.randint(N_MEMBERS, size=n)
    owners = np.stack([first, (first + 1) % N_MEMBERS])
    weights = np.full((N_MEMBERS, 1), 1 / N_MEMBERS)
    learnt = Deviations(targets, weights)
    learnt.learn(members, table.labels, table.weights, owners)
    mean_square = np.mean(learnt.compute(members)[0] ** 2)
    error = np.mean((y - y.mean() - scale * members.mean(axis=0)[:, 0]) ** 2)
    assert_allclose(mean_square, error, rtol=0.02)


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
    planned = resolved(model(**params), 1000)
    assert (planned.n_left_out > 0) == crosses
    if crosses:
        assert planned.n_left_out * N_MEMBERS <= 1000


@pytest.mark.parametrize(("unit", "shift"), [(1e-12, 0.0), (1e-3, 1e9), (1e200, 0.0)])
def test_scores_of_validation_do_not_depend_on_the_unit(unit, shift):
    X, y = data()
    expected = model().fit(X, y).history_[-1]["valid_task_scores"]
    other = model().fit(X, y * unit + shift).history_[-1]["valid_task_scores"]
    assert_allclose(other, expected, atol=1e-3)


def test_the_estimated_loss_is_exact_on_average(seed):
    """Members that know nothing: the loss of their mean, of which no row has more than two."""
    noise = np.random.RandomState(2 + seed)
    mean, loss, errors = validated(
        folds_of, lambda y: 0.7 * noise.standard_normal((N_MEMBERS, *y.shape))
    )
    assert_allclose(mean.weights, 1 / N_MEMBERS, atol=0.05)
    assert_allclose(loss, (errors.mean(dim=0) ** 2).mean(dim=0), rtol=0.02)
