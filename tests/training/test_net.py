"""Training: epochs, schedules, task weights, early stopping, interruptions, progress."""

import os
import signal
import sys
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from makers import Recorder
from numpy.testing import assert_allclose
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import Callback, EarlyStopping, GradientNormClipping

from sklearn_ple import PLEClassifierRegressor, PLERegressor
from sklearn_ple.training.averaging import WeightAverage
from sklearn_ple.training.net import MultiTaskNet
from sklearn_ple.training.schedule import Schedule

N = 200


def make_table(seed=0):
    rng = np.random.RandomState(seed)
    X = rng.randn(N, 4)
    y = np.column_stack([X[:, 0] + 0.5 * rng.randn(N), X[:, 1] * 3 + rng.randn(N)])
    return X, y


@pytest.fixture(scope="module")
def table():
    return make_table()


def model(**params):
    defaults = {
        "max_epochs": 5,
        "batch_size": 32,
        "lr_schedule": "constant",
        "n_members": 1,
        "dropout": 0.0,
        "refit": False,
        "random_state": 0,
        "device": "cpu",
    }
    return PLERegressor(**(defaults | params))


SEEN = []


class Spy(Callback):
    """Keeps what each epoch looks like from inside."""

    def on_epoch_begin(self, net, **_):
        self.n_train, self.losses = 0, []
        SEEN.append({})

    def on_batch_end(self, net, batch=None, training=False, loss=None, **_):
        if training:
            self.n_train += len(batch[1][0])
            self.losses.append((loss.item(), len(batch[1][0])))
        SEEN[-1].setdefault("rates", []).append(net.optimizer_.param_groups[0]["lr"])

    def on_epoch_end(self, net, **_):
        SEEN[-1] |= {"n_train": self.n_train, "losses": self.losses}


@pytest.fixture
def seen():
    SEEN.clear()
    return SEEN


def test_an_epochs_loss_is_the_mean_over_its_rows(table, seen):
    fitted = model(callbacks=[Spy()]).fit(*table)
    for epoch, inside in zip(fitted.history_, seen, strict=True):
        assert inside["n_train"] == N
        losses, sizes = np.transpose(inside["losses"])
        assert_allclose(epoch["loss"], np.average(losses, weights=sizes), rtol=1e-5)
        weighted = np.dot(epoch["task_weights"], epoch["task_losses"])
        assert_allclose(epoch["loss"], weighted, rtol=1e-5)


def documented_loss(module, arrays, task_weights):
    """Compute the joint loss over all rows, member by member and label by label."""
    outputs = module.member_outputs(arrays["numbers"], arrays["codes"])
    n_members, n_rows, n_tasks = outputs.shape
    folds = arrays.get("folds", torch.full((n_rows,), -1)).tolist()
    total = 0.0
    for m in range(n_members):
        left_out = {m, (m + 1) % n_members}
        rows = [i for i in range(n_rows) if folds[i] not in left_out]
        for k in range(n_tasks):
            weights, targets = arrays["weights"][rows, k], arrays["targets"][rows, k]
            if weights.any():
                losses = (outputs[m, rows, k] - targets) ** 2
                mean = sum(weights * losses) / sum(weights)
                total = total + task_weights[k] * mean / n_members
    return total


class Gradients(Callback):
    """Keeps the gradients of every batch, and its number of rows."""

    def on_batch_begin(self, net, batch=None, training=False, **_):
        if training:
            SEEN.append([len(batch[1][0]), {}])

    def on_grad_computed(self, net, named_parameters=None, **_):
        grads = {name: p.grad.clone() for name, p in named_parameters if p.grad is not None}
        SEEN[-1][1] = grads


@settings(max_examples=15)
@pytest.mark.filterwarnings("ignore:Target 'y.' is constant:UserWarning")
@given(
    weights=st.lists(
        st.tuples(*[st.sampled_from([0.0, 0.0, 0.5, 1.0, 8.0])] * 2), min_size=48, max_size=48
    ).filter(lambda rows: all(map(any, zip(*rows, strict=True)))),
    batch_size=st.integers(4, 48),
    crosses=st.booleans(),
)
def test_the_mean_gradient_of_an_epochs_batches_is_that_of_the_documented_loss(
    weights, batch_size, crosses
):
    """Batches count by their rows: where their size divides the number of rows, all alike.

    The loss is the mean over the members, and each member has the gradient of its own.
    """
    SEEN.clear()
    rng = np.random.RandomState(0)
    X, y, recorder = rng.randn(48, 3), rng.randn(48, 2), Recorder()
    params = {"n_members": 4 if crosses else 2, "early_stopping": crosses, "dtype": "float64"}
    params |= {"task_weights": [1.0, 3.0], "feature_dropout": 0.0, "weight_averaging": 0.0}
    params |= {"optimizer": torch.optim.SGD, "learning_rate": 1e-30, "max_epochs": 1}
    estimator = model(batch_size=batch_size, callbacks=[Gradients(), recorder], **params)
    estimator.fit(X, y, sample_weight=np.array(weights))
    ((rows, _, _),) = recorder.trainings
    kept = {name: rows.array(name) for name in rows.arrays}
    module = estimator.module_.train()
    module.zero_grad()
    documented_loss(module, kept, [1.0, 3.0]).backward()
    n_rows = sum(n for n, _ in SEEN)
    assert n_rows == len(kept["weights"])
    for name, parameter in module.named_parameters():
        zero = torch.zeros_like(parameter)
        mean = sum(n / n_rows * grads.get(name, zero) for n, grads in SEEN)
        expected = zero if parameter.grad is None else params["n_members"] * parameter.grad
        assert_allclose(mean, expected, rtol=1e-9, atol=1e-12)


def test_task_weights_decay_in_closed_form(table, seen):
    gamma, initial = [0.5, 1.25], {"y0": 2.0}
    fitted = model(
        task_weights=initial, task_weight_decay=gamma, callbacks=[Spy()], early_stopping=True
    ).fit(*table)
    for t, epoch in enumerate(fitted.history_):
        expected = [2.0 * 0.5**t, 1.0 * 1.25**t]
        assert_allclose(epoch["task_weights"], expected)
        losses, sizes = np.transpose(seen[t]["losses"])
        assert_allclose(epoch["loss"], np.average(losses, weights=sizes), rtol=1e-5)
        assert_allclose(epoch["loss"], np.dot(expected, epoch["task_losses"]), rtol=1e-5)
        # Losses of validation are compared over the epochs: with the weights of epoch 0.
        expected = np.dot([2.0, 1.0], epoch["valid_task_losses"])
        assert_allclose(epoch["valid_loss"], expected, rtol=1e-5)


def test_task_without_weight_learns_nothing(seed):
    X, y = make_table(seed)
    params = {"task_weights": [1, 0], "max_epochs": 40, "n_shared_experts": 0}
    params |= {"linear_path": False, "numeric_embedding": None, "learning_rate": 0.01}
    predicted = model(**params, random_state=seed).fit(X, y).predict(X)
    assert np.corrcoef(predicted[:, 0], y[:, 0])[0, 1] > 0.8
    # Other labels of the second task, of the same mean and deviation, change nothing.
    other = model(**params, random_state=seed).fit(X, np.column_stack([y[:, 0], y[::-1, 1]]))
    assert_allclose(other.predict(X), predicted, rtol=1e-4, atol=1e-5)


def test_early_stopping_returns_to_the_best_weights(seed):
    X, y = make_table(seed)
    fitted = model(
        early_stopping=True,
        max_epochs=200,
        n_iter_no_change=4,
        learning_rate=0.02,
        lr_schedule="constant",
        batch_size=16,
        random_state=seed,
    ).fit(X, y)
    losses = [epoch["valid_loss"] for epoch in fitted.history_]
    best = int(np.argmin(losses))
    assert fitted.n_iter_ == best + 1 + 4 < 200
    # Trained for just so many epochs, the network ends with the same weights.
    twin = model(
        early_stopping=True,
        max_epochs=best + 1,
        n_iter_no_change=1000,
        learning_rate=0.02,
        lr_schedule="constant",
        batch_size=16,
        random_state=seed,
    ).fit(X, y)
    assert_allclose(twin.predict(X), fitted.predict(X))


def test_a_named_task_alone_decides_which_weights_are_best():
    X, y = make_table()
    y[:, 1] = y[::-1, 1]  # Only noise can be learnt about it.
    options = {"learning_rate": 0.005, "n_members": 4, "max_epochs": 20, "n_iter_no_change": 20}
    options["batch_size"] = 64
    watched = model(early_stopping="y0", **options).fit(X, y)
    joint = model(early_stopping=True, **options).fit(X, y)
    losses = [epoch["valid_task_losses"] for epoch in watched.history_]
    assert losses == [epoch["valid_task_losses"] for epoch in joint.history_]
    assert [epoch["valid_loss"] for epoch in watched.history_] == [own for own, _ in losses]
    best, of_both = np.argmin([own for own, _ in losses]), np.argmin(np.sum(losses, axis=1))
    assert best > of_both
    options |= {"max_epochs": best + 1}
    assert_allclose(model(early_stopping="y0", **options).fit(X, y).predict(X), watched.predict(X))
    assert not np.allclose(joint.predict(X), watched.predict(X))


def test_a_task_that_cannot_decide_when_training_stops_is_named(table):
    X, y = table
    with pytest.raises(ValueError, match=r"early_stopping names \['y2'\], but the tasks are"):
        model(early_stopping="y2").fit(X, y)
    y = y.copy()
    y[-N // 10 :, 0] = np.nan
    with pytest.raises(ValueError, match="early_stopping names 'y0', which has no label among"):
        model(early_stopping="y0", validation_split="last").fit(X, y)


def test_refit_trains_on_all_rows_for_the_best_number_of_epochs(table, seen):
    X, y = table
    options = {"early_stopping": True, "max_epochs": 30, "n_iter_no_change": 3, "n_members": 3}
    options |= {"learning_rate": 0.05, "callbacks": [Spy()]}
    once = model(**options).fit(X, y)
    best = int(np.argmin([epoch["valid_loss"] for epoch in once.history_])) + 1
    assert [epoch["n_train"] for epoch in seen] == [N - N // 10] * once.n_iter_
    seen.clear()
    twice = model(refit=True, **options).fit(X, y)
    assert [epoch["n_train"] for epoch in seen[once.n_iter_ :]] == [N] * best
    for epoch, other in zip(once.history_, twice.history_, strict=True):
        assert {**epoch, "seconds": 0} == {**other, "seconds": 0}
    assert torch.equal(once.module_.mean.weights, twice.module_.mean.weights)
    assert not np.allclose(once.predict(X), twice.predict(X))


def test_the_rate_of_a_refit_falls_where_that_of_the_first_training_did(table, monkeypatch):
    made = []

    class Kept(Schedule):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            made.append(self)

    monkeypatch.setattr("sklearn_ple.training.fit.Schedule", Kept)
    options = {"early_stopping": True, "refit": True, "n_iter_no_change": 1, "max_epochs": 100}
    model(lr_schedule="decay", learning_rate=0.1, **options).fit(*table)
    first, second = made
    # Validation ended the first one long before its last epoch.
    assert first.found.start < 50
    assert_allclose(second.found, first.found, atol=0.1)


@pytest.mark.parametrize(
    ("changes", "n_trainings"),
    [
        ({}, 2),
        ({"callbacks": []}, 2),
        ({"callbacks": [Spy()]}, 1),
        ({"callbacks": [Spy()], "refit": True}, 2),
        ({"refit": False}, 1),
        ({"early_stopping": False}, 1),
        ({"early_stopping": False, "refit": True}, 1),
    ],
)
def test_a_second_training_on_all_rows_is_the_default_without_callbacks(
    table, monkeypatch, changes, n_trainings
):
    trainings, train = [], MultiTaskNet.train
    monkeypatch.setattr(
        MultiTaskNet,
        "train",
        lambda net, rows, *args, **options: (
            trainings.append(len(rows)) or train(net, rows, *args, **options)
        ),
    )
    options = {"refit": "auto", "early_stopping": True, "max_epochs": 1}
    model(**(options | changes)).fit(*table)
    assert len(trainings) == n_trainings and trainings[1:] in ([], [N])


class InterruptAgain(Callback):
    """Stands for Ctrl-C in an epoch of the second training."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_batch_end(self, net, training=False, **_):
        if SEEN and training and len(net.history) == self.epoch:
            raise KeyboardInterrupt

    def on_train_end(self, net, **_):
        SEEN.append("trained once")


@pytest.mark.filterwarnings("ignore:Training was ended")
@pytest.mark.parametrize("epoch", [1, 3])
def test_an_interrupted_refit_keeps_the_first_network(table, seen, epoch):
    X, y = table
    once = model(early_stopping=True).fit(X, y)
    fitted = model(early_stopping=True, refit=True, callbacks=[InterruptAgain(epoch)])
    with pytest.warns(ConvergenceWarning, match="second training, on all rows, was not completed"):
        fitted.fit(X, y)
    assert seen
    assert_allclose(fitted.predict(X), once.predict(X))


def test_validation_scores_are_recorded(table):
    X, y = table
    mixed, recorder = np.column_stack([y, X[:, 2] > 0]), Recorder()
    fitted = PLEClassifierRegressor(
        early_stopping=True,
        max_epochs=3,
        learning_rate=0.01,
        lr_schedule="constant",
        validation_fraction=0.1,
        refit=False,
        callbacks=[recorder],
        random_state=0,
    ).fit(X, mixed)
    epoch = fitted.history_[-1]
    assert_allclose(epoch["valid_score"], np.mean(epoch["valid_task_scores"]))
    assert epoch["seconds"] > 0 and epoch["learning_rate"] == 0.01
    # The last epoch was the best, so the fitted network has its scores on the rows set aside.
    ((_, validation, _),) = recorder.trainings
    order = validation.row_numbers
    assert len(order) == N // 10
    assert [e["valid_loss"] for e in fitted.history_][-1] == min(
        e["valid_loss"] for e in fitted.history_
    )
    assert_allclose(fitted.score(X[order], mixed[order]), epoch["valid_score"], rtol=1e-6)


def test_schedules_begin_anew_with_a_warm_start(table, seen):
    fitted = model(warm_start=True, callbacks=[Spy()]).fit(*table)
    fitted.fit(*table)
    assert fitted.history_[5]["learning_rate"] == fitted.history_[0]["learning_rate"]


@pytest.mark.parametrize("lr_schedule", ["constant", "decay"])
def test_partial_fit_learns_after_a_schedule_has_ended(lr_schedule, seed):
    X, y = make_table(seed)
    fitted = model(
        lr_schedule=lr_schedule, learning_rate=0.01, weight_averaging=0.0, random_state=seed
    ).fit(X, y)
    before = fitted.predict(X)
    fitted.partial_fit(X, y)
    assert fitted.history_[-1]["learning_rate"] == 0.01
    assert abs(fitted.predict(X) - before).max() > 0.01


@pytest.mark.parametrize(
    ("optimizer", "learning_rate"),
    [
        ("adamw", 0.01),
        ("adam", 0.01),
        ("sgd", 0.01),
        (torch.optim.RMSprop, 0.001),
        (torch.optim.LBFGS, 0.1),
    ],
)
def test_optimizers_decrease_the_loss(optimizer, learning_rate, seed):
    fitted = model(
        optimizer=optimizer,
        learning_rate=learning_rate,
        max_epochs=6,
        batch_size=N,
        feature_dropout=0.0,
        random_state=seed,
    ).fit(*make_table(seed))
    assert fitted.history_[-1]["loss"] < fitted.history_[0]["loss"]


def test_net_params_reach_skorch(table, seen):
    params = {"optimizer__betas": (0.5, 0.9), "batch_size": 50, "lr": 0.5, "max_epochs": 4}
    fitted = model(net_params=params, callbacks=[Spy()]).fit(*table)
    assert fitted.net_.optimizer_.param_groups[0]["betas"] == (0.5, 0.9)
    assert fitted.net_.batch_size == 50 and fitted.n_iter_ == 4
    # The schedule is laid out for them.
    rates = np.concatenate([epoch["rates"] for epoch in seen])
    assert len(rates) == 4 * -(-N // 50)
    assert rates.max() == 0.5 and rates.argmin() in (0, len(rates) - 1)


def test_gradients_are_clipped_by_the_callback_for_it(table):
    X, y = table
    options = {"weight_averaging": 0.0, "optimizer": "sgd", "max_epochs": 1, "batch_size": N}
    moved = {}
    for limit in (1e-6, 1e6):
        callbacks = [GradientNormClipping(limit)]
        start, after = (
            [p.detach().double().clone() for p in fitted.module_.parameters()]
            for fitted in (
                model(**options, learning_rate=1e-30).fit(X, y),
                model(**options, callbacks=callbacks, learning_rate=1.0).fit(X, y),
            )
        )
        moved[limit] = sum(((p - q) ** 2).sum() for p, q in zip(start, after, strict=True)) ** 0.5
    assert moved[1e-6] < 1e-4 < 1e-2 < moved[1e6]


class Evaluates(Callback):
    """Looks at the network's predictions in the middle of an epoch, as a user may."""

    def on_batch_end(self, net, training=False, **_):
        if training:
            net.module_.eval()


def test_a_callback_that_evaluates_the_network_does_not_end_dropout(table):
    X, y = table
    options = {"dropout": 0.5, "feature_dropout": 0.5, "max_epochs": 2}
    fitted = model(callbacks=[Evaluates()], **options).fit(X, y)
    expected = model(**options).fit(X, y)
    np.testing.assert_array_equal(fitted.predict(X), expected.predict(X))


@pytest.mark.parametrize(
    ("optimizer", "decay", "rate"),
    [("adam", 0.1, 0.003), (torch.optim.SGD, 0.1, 0.1)],
)
def test_members_learn_as_fast_as_one_alone(optimizer, decay, rate):
    """Their gradients, and their decay beside these, do not depend on their number."""
    options = {"optimizer": optimizer, "learning_rate": rate}
    options |= {"net_params": {"optimizer__weight_decay": decay}}
    options |= {"lr_schedule": "constant", "weight_averaging": 0.0, "batch_size": 20}
    options |= {"dropout": 0.0, "feature_dropout": 0.0, "early_stopping": False, "max_epochs": 3}
    X = np.random.default_rng(0).normal(size=(N, 3))
    y = np.sin(2 * X[:, 0]) + X[:, 1]

    def loss(n_members, seed=0):
        fitted = PLERegressor(**options, n_members=n_members, random_state=seed).fit(X, y)
        return fitted.history_[-1]["loss"]

    alone = np.mean([loss(1, seed) for seed in range(4)])
    assert loss(16) == pytest.approx(alone, rel=0.25)


def test_an_optimizer_of_net_params_is_the_optimizer(table):
    # One without weight decay, which the estimator's own would have.
    fitted = model(net_params={"optimizer": torch.optim.LBFGS}, batch_size=N).fit(*table)
    assert isinstance(fitted.net_.optimizer_, torch.optim.LBFGS)
    named = model(net_params={"optimizer": "sgd"}, max_epochs=1).fit(*table)
    expected = model(optimizer="sgd", max_epochs=1).fit(*table)
    np.testing.assert_array_equal(named.predict(table[0]), expected.predict(table[0]))


@pytest.mark.parametrize("params", [{"optimizer": torch.nn.Linear}, {"optimizer": dict}])
def test_what_is_no_optimizer_is_named(table, params):
    for wrong in (params, {"net_params": params}, {"net_params": {"optimizer": "x"}}):
        named = "^net_params.*optimizer=" if "net_params" in wrong else "^optimizer="
        with pytest.raises(ValueError, match=f"{named}.* is not an optimizer: it must be one of"):
            model(**wrong).fit(*table)


def test_an_optimizer_that_does_not_suit_the_network_is_named(table):
    with pytest.raises(ValueError, match="^optimizer=Optimizer does not suit this network.*'lr'"):
        model(optimizer=torch.optim.Optimizer).fit(*table)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"lr": "x"}, "net_params has lr='x': it must be a number above 0"),
        ({"batch_size": -1}, "net_params has batch_size=-1: it must be a whole number above 0"),
        ({"max_epochs": True}, "net_params has max_epochs=True"),
        ({"max_epochs": np.inf}, "net_params has max_epochs=inf"),
        ({"max_epochs": np.nan}, "net_params has max_epochs=nan"),
        ({None: 0.5}, "net_params names None, but"),
        ({"": 1j}, "net_params {'': 1j} do not fit skorch's net"),
        ({"lrr": 0.1}, "net_params {'lrr': 0.1} do not fit skorch's net: .*lrr"),
        ({"optimizer__betas": "x"}, "net_params {'optimizer__betas': 'x'} do not fit"),
        ({"optimizer__betas": ""}, "net_params {'optimizer__betas': ''} do not fit"),
        ({"optimizer__param_groups": 3}, "net_params {'optimizer__param_groups': 3} do not fit"),
    ],
)
def test_net_params_that_do_not_fit_are_named(table, params, message):
    with pytest.raises(ValueError, match=message):
        model(net_params=params).fit(*table)


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("device", "set the estimator's device"),
        ("callbacks", "set the estimator's callbacks"),
        ("criterion", "leave it out"),
        ("module__body", "leave it out"),
        ("train_split", "leave it out"),
        ("iterator_train", "leave it out"),
        ("iterator_train__num_workers", "leave it out"),
        ("iterator_train__batch_size", "set the estimator's batch_size"),
        ("iterator_valid__batch_size", "leave it out"),
        ("optimizer__lr", "set the estimator's learning_rate"),
        ("callbacks__print_log", "set the estimator's callbacks"),
        ("compile", "leave it out"),
    ],
)
def test_what_net_params_cannot_override_is_named(table, name, how):
    with pytest.raises(ValueError, match=f"net_params cannot override '{name}': {how}"):
        model(net_params={name: None}).fit(*table)


def test_callbacks_of_skorch_work_and_stay_untouched(table):
    stop = EarlyStopping(monitor="train_loss", patience=1, threshold=10.0)
    before = dict(vars(stop))
    with pytest.warns(ConvergenceWarning, match="ended after epoch 2 by the user or by a callb"):
        fitted = model(max_epochs=50, callbacks=[stop]).fit(*table)
    assert fitted.n_iter_ == 2
    assert vars(stop) == before


@pytest.mark.parametrize("n_epochs", [1, 3])
@pytest.mark.parametrize("early_stopping", [True, False])
def test_an_epoch_at_whose_end_a_callback_stops_counts(table, early_stopping, n_epochs):
    """The weights are those after the epoch, and not those after the one before."""

    class Stop(Callback):
        def on_epoch_end(self, net, **_):
            if len(net.history) == n_epochs:
                raise KeyboardInterrupt

    options = {"early_stopping": early_stopping, "learning_rate": 1e-3}
    with pytest.warns(ConvergenceWarning, match=f"ended after epoch {n_epochs} by the user"):
        stopped = model(callbacks=[Stop()], **options).fit(*table)
    whole = model(max_epochs=n_epochs, **options).fit(*table)
    assert_allclose(stopped.predict(table[0]), whole.predict(table[0]))


class Interrupt(Callback):
    """Stands for the user's Ctrl-C after a step, or at another event."""

    def __init__(self, n_steps, event="on_batch_end"):
        self.n_steps = n_steps
        self.event = event

    def __getattribute__(self, name):
        is_event = name.startswith("on_") and name == self.event
        return self._count if is_event else super().__getattribute__(name)

    def _count(self, net, **_):
        if net.n_steps == self.n_steps:
            raise KeyboardInterrupt


# An epoch has seven steps.
@pytest.mark.parametrize("early_stopping", [True, False])
def test_interruption_keeps_what_complete_epochs_learnt(table, early_stopping):
    options = {"early_stopping": early_stopping, "learning_rate": 1e-3}
    which = "best epoch so far" if early_stopping else "last complete epoch"
    n_steps = 2 * (6 if early_stopping else 7) + 3
    with pytest.warns(ConvergenceWarning, match=f"ended after epoch 2 by the user.*its {which}"):
        fitted = model(callbacks=[Interrupt(n_steps)], **options).fit(*table)
    whole = model(max_epochs=2, **options).fit(*table)
    assert fitted.n_iter_ == 2
    assert_allclose(fitted.predict(table[0]), whole.predict(table[0]))


@pytest.mark.parametrize("early_stopping", [True, False])
@pytest.mark.parametrize("weight_averaging", [0.0, 0.1])
def test_interruption_of_the_first_epoch_keeps_its_steps(table, early_stopping, weight_averaging):
    X, y = table
    options = {"weight_averaging": weight_averaging, "learning_rate": 0.01}
    kept = []

    class Keep(Callback):
        def on_batch_end(self, net, training=False, **_):
            if training:
                kept.append(net.snapshot())

    callbacks = [Keep(), Interrupt(3)]
    estimator = model(callbacks=callbacks, early_stopping=early_stopping, **options)
    with pytest.warns(ConvergenceWarning, match="in its first epoch, after 3 steps, by the user"):
        fitted = estimator.fit(X, y)
    assert len(kept) == 3 and fitted.n_iter_ == 0 and fitted.history_ == []
    for name, tensor in fitted.module_.state_dict().items():
        assert torch.equal(tensor, kept[-1][name])
    assert np.isfinite(fitted.predict(X)).all()
    # Training goes on from there.
    assert fitted.set_params(callbacks=None).partial_fit(X, y).n_iter_ == 1


def test_interruption_before_the_first_step_is_the_users(table):
    estimator = model(callbacks=[Interrupt(0, "on_batch_begin")])
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(*table)
    assert not hasattr(estimator, "net_")


def test_an_interrupted_first_epoch_of_infinite_losses_leaves_the_initial_weights(table):
    options = {"learning_rate": 1e30, "optimizer": "sgd", "early_stopping": True}
    with pytest.warns(ConvergenceWarning) as found:
        fitted = model(callbacks=[Interrupt(5)], **options).fit(*table)
    assert any("is not finite in epoch 1" in str(warning.message) for warning in found)
    assert np.isfinite(fitted.predict(table[0])).all()


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_ctrl_c_ends_a_fit_with_a_model(table):
    class Press(Callback):
        def on_batch_end(self, net, **_):
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.warns(ConvergenceWarning, match="first epoch, after 1 steps"):
        fitted = model(callbacks=[Press()], max_epochs=100).fit(*table)
    assert fitted.predict(table[0]).shape == (N, 2)


def test_finished_training_does_not_warn(table):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model(early_stopping=True, n_iter_no_change=1, learning_rate=0.05).fit(*table)


def test_verbose_shows_a_bar_with_loss_and_score(table, capsys):
    model(verbose=1, early_stopping=True).fit(*table)
    shown = capsys.readouterr().err
    assert "5.0/5" in shown and "loss=" in shown and "valid=" in shown and "y1=" in shown
    model(verbose=0).fit(*table)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_network_has_the_dtype_that_is_asked_for(table, dtype):
    fitted = model(dtype=dtype, max_epochs=1).fit(*table)
    assert {p.dtype for p in fitted.module_.parameters()} == {getattr(torch, dtype)}
    fitted.set_params(dtype="float64" if dtype == "float32" else "float32")
    assert np.isfinite(fitted.predict(table[0])).all()


class Collect(Callback):
    """Keeps a head's weight after every step."""

    states = []

    def on_batch_end(self, net, training=False, **_):
        if training:
            self.states.append(net.module_.body.towers.heads[0].weight.detach().clone())


def test_weights_are_averaged_over_the_last_share_of_the_steps(table):
    Collect.states.clear()
    share = 0.25
    fitted = model(
        weight_averaging=share, lr_schedule="constant", early_stopping=False, callbacks=[Collect()]
    ).fit(*table)
    average = Collect.states[0]
    for n_before, state in enumerate(Collect.states[1:], start=1):
        average = average + (state - average) / (1 + share * n_before)
    actual = fitted.module_.body.towers.heads[0].weight.detach()
    assert_allclose(actual, average, rtol=1e-4, atol=1e-6)
    assert not np.allclose(actual, Collect.states[-1], rtol=1e-4, atol=1e-6)


def test_buffers_beside_averaged_weights_are_those_of_the_last_step():
    module = torch.nn.BatchNorm1d(3)
    average = WeightAverage(module, 0.5)
    for _ in range(2):
        module(torch.randn(8, 3))
        average.update()
    assert torch.equal(average.module.running_mean, module.running_mean)


def test_without_averaging_the_last_weights_are_kept(table):
    Collect.states.clear()
    fitted = model(weight_averaging=0, early_stopping=False, callbacks=[Collect()]).fit(*table)
    assert torch.equal(fitted.module_.body.towers.heads[0].weight, Collect.states[-1])


def test_weight_decay_leaves_embeddings_and_biases_alone(table):
    X, y = table
    fitted = model(max_epochs=1).fit(X, y)
    groups = fitted.net_.optimizer_.param_groups
    decay = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    for name, parameter in fitted.module_.named_parameters():
        free = "embedding" in name or name.endswith("bias")
        assert decay[id(parameter)] == (0.0 if free else 1e-2), name


def test_members_are_trained_apart_and_their_mean_is_predicted(seed):
    (X, y), recorder = make_table(seed), Recorder()
    fitted = model(n_members=3, random_state=seed, callbacks=[recorder]).fit(X, y)
    ((rows, _, _),) = recorder.trainings
    numbers, codes = rows.arrays["numbers"], rows.arrays["codes"]
    with torch.no_grad():
        members = fitted.module_.eval().member_outputs(numbers, codes).numpy()
        mean = fitted.module_(numbers, codes).numpy()
    assert members.shape == (3, N, 2)
    # The module alone predicts: the mean over the members is a part of it.
    assert_allclose(mean, members.mean(axis=0), rtol=1e-4, atol=1e-6)
    assert np.std(members, axis=0).mean() > 0.01
    expected = members.mean(axis=0) * y.std(axis=0) + y.mean(axis=0)
    assert_allclose(fitted.predict(X), expected, rtol=1e-4, atol=1e-4)


def interrupt(*_, **__):
    raise KeyboardInterrupt


@pytest.mark.parametrize("refit", [False, True])
def test_an_interrupt_while_the_dependence_is_learnt_keeps_the_model(table, monkeypatch, refit):
    X, y = table
    options = {"early_stopping": True, "refit": refit}
    whole = model(**options).fit(X, y)
    monkeypatch.setattr("sklearn_ple.training.fit.learn_copula", interrupt)
    with pytest.warns(ConvergenceWarning, match="validation rows was ended by the user"):
        fitted = model(**options).fit(X, y)
    assert_allclose(fitted.predict(X), whole.predict(X))
    for one, other in zip(fitted.predict_interval(X), whole.predict_interval(X), strict=True):
        assert_allclose(one, other)
    with pytest.raises(ValueError, match="or fit was interrupted before"):
        fitted.predict(X, known=y)


def test_an_interrupt_of_the_rounds_leaves_independent_tasks(table, monkeypatch):
    X, y = table
    whole = model(early_stopping=True).fit(X, y)
    monkeypatch.setattr("sklearn_ple.predictions.copula._maximise", interrupt)
    with pytest.warns(ConvergenceWarning, match="depend on each other was ended by the user"):
        fitted = model(early_stopping=True).fit(X, y)
    assert_allclose(fitted.predict(X), whole.predict(X))
    assert not fitted.dependence_gains_.any()
    known = np.column_stack([y[:, 0], np.full(len(y), np.nan)])
    assert_allclose(fitted.predict(X, known=known)[:, 1], fitted.predict(X)[:, 1])


def test_an_interrupt_while_outputs_are_computed_keeps_the_model(table, monkeypatch):
    X, y = table
    whole = model(early_stopping=True).fit(X, y)
    monkeypatch.setattr("sklearn_ple.training.fit.compute_outputs", interrupt)
    with pytest.warns(ConvergenceWarning, match="validation rows was ended by the user"):
        fitted = model(early_stopping=True).fit(X, y)
    assert_allclose(fitted.predict(X), whole.predict(X))
    low, high = fitted.predict_interval(X)
    assert np.isnan(low).all() and np.isnan(high).all()


def test_an_interrupt_after_the_last_epoch_keeps_the_best_weights(table):
    X, y = table

    class Late(Callback):
        def on_train_end(self, net, **_):
            raise KeyboardInterrupt

    # At this rate the last epoch is not the best.
    options = {"early_stopping": True, "learning_rate": 0.3}
    whole = model(**options).fit(X, y)
    with pytest.warns(ConvergenceWarning, match="What follows the last epoch was ended"):
        fitted = model(callbacks=[Late()], **options).fit(X, y)
    assert_allclose(fitted.predict(X), whole.predict(X))


def test_large_networks_evaluate_fewer_rows_at_once(table, monkeypatch):
    X, y = table
    fitted = model(max_epochs=1).fit(X, y)
    sizes = []
    whole = fitted.predict(X)
    monkeypatch.setattr(
        "sklearn_ple.training.inference._MOST_WORK", 70 * fitted.net_.n_parameters_
    )
    compute = fitted.module_.member_outputs

    def note(numbers, *args, **kwargs):
        sizes.append(len(numbers))
        return compute(numbers, *args, **kwargs)

    monkeypatch.setattr(fitted.module_, "member_outputs", note)
    assert_allclose(fitted.predict(X), whole, rtol=1e-4, atol=1e-5)
    assert sizes == [70, 70, 60]
