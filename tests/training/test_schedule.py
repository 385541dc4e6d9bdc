"""The learning rate rises, is stable as long as there is something to learn, and falls."""

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import r2_score
from skorch.callbacks import Callback

from sklearn_ple import PLERegressor
from sklearn_ple.training.schedule import Fall, Schedule
from sklearn_ple.training.stopping import Patience


def run(schedule, losses, n_batches=10, rate=2.0):
    """Run a schedule over epochs of these validation losses; return the rate of each step."""
    group = {"lr": rate}
    weights = SimpleNamespace(watched=np.ones(np.size(losses[0])))
    net = SimpleNamespace(
        optimizer_=SimpleNamespace(param_groups=[group]), history=[], task_weights=weights
    )
    rates = []
    schedule.on_train_begin(net)
    for loss in losses:
        tasks = np.atleast_1d(loss)
        net.history.append({"train_task_losses": tasks, "valid_task_losses": tasks})
        schedule.on_epoch_begin(net)
        for _ in range(n_batches):
            if schedule.ends_epoch:
                break
            rates.append(group["lr"])
            schedule.on_batch_end(net, training=True)
        schedule.on_epoch_end(net)
        if schedule.ends_training:
            break
    schedule.on_train_end(net)
    assert group["lr"] == rate
    return np.array(rates)


def test_the_rate_rises_is_stable_and_falls_to_the_end():
    rates = run(Schedule(60, 10), np.ones(60))
    assert len(rates) == 600
    assert_allclose(rates[:100], 2.0 * np.arange(1, 101) / 100)
    assert (rates[100:500] == 2.0).all()
    assert_allclose(rates[500:], 2.0 * np.arange(100, 0, -1) / 100)


def test_in_a_short_training_the_rise_is_short():
    rates = run(Schedule(3, 4), np.ones(3), n_batches=4)
    assert_allclose(rates, 2.0 * np.array([0.25, 0.5, 0.75, *[1] * 7, 1, 0.5]))


def test_a_constant_rate_does_not_change():
    assert (run(Schedule(30, 10, falls=False), np.ones(30)) == 2.0).all()


def test_the_rate_falls_when_the_loss_no_longer_decreases():
    # The least loss is that of epoch 20, of ten steps each.
    losses = [*np.linspace(2, 1, 20), *np.ones(1000)]
    rates = run(Schedule(2000, 10, patience=Patience()), losses)
    # 75 steps without a decrease, to the end of an epoch; then a fifth of the steps so far.
    assert (rates[100:280] == 2.0).all() and len(rates) == 280 + 56
    assert_allclose(rates[280:], 2.0 * np.arange(56, 0, -1) / 56)


@pytest.mark.parametrize("falls", [True, False])
def test_a_number_of_epochs_without_a_decrease_may_be_given(falls):
    losses = [*np.linspace(2, 1, 20), *np.ones(1000)]
    rates = run(Schedule(2000, 10, falls=falls, patience=Patience(3)), losses)
    assert len(rates) == (230 + 46 if falls else 230)


@pytest.mark.parametrize(
    ("losses", "least", "most"),
    [
        # A quarter more time decreases the loss by an eighth, or by .7 %.
        (np.arange(1, 2000) ** -0.6, 19_000, 20_000),
        (np.arange(1, 2000) ** -0.03, 800, 1600),
        # A quarter more time gains 3 % of the first loss, or .3 %.
        (1.0 - 0.13 * np.log(np.arange(1, 2000)) / np.log(2000), 800, 1600),
        (1.0 - 0.13 * np.log(np.arange(1, 200)), 1900, 2000),
        # A quarter more time halves the loss, of which hardly anything is left.
        (np.arange(1, 2000) ** -3.0, 800, 1600),
    ],
)
def test_after_many_steps_small_decreases_do_not_count(losses, least, most):
    assert least <= len(run(Schedule(2000, 10, patience=Patience()), losses)) <= most


def test_patience_begins_when_the_rate_has_risen():
    rates = run(Schedule(2000, 10, patience=Patience(1)), np.arange(1000.0))
    # The first epoch after the rise is the first one that is compared.
    assert len(rates) == 110 + 40


def test_a_task_that_cannot_be_learnt_does_not_end_training():
    learnt, noise = np.linspace(2, 1, 100), np.linspace(1, 9, 100)
    lengths = []
    for tasks in ([learnt], [learnt, noise], [noise]):
        schedule = Schedule(2000, 10, patience=Patience(3))
        lengths.append(len(run(schedule, [*np.transpose(tasks), *np.ones((30, len(tasks)))])))
    assert lengths[0] == lengths[1] > 1000 > lengths[2]


def test_the_fall_of_an_earlier_training_is_repeated():
    schedule = Schedule(2000, 10, patience=Patience())
    rates = run(schedule, [*np.linspace(2, 1, 20), *np.ones(1000)])
    assert schedule.found == Fall(28.0, 33.6)
    # All rows make eleven steps in an epoch.
    again = run(Schedule(2000, 11, fall=schedule.found), np.ones(34), n_batches=11)
    assert again.argmax() == rates.argmax() == 99
    assert (again[100:308] == 2.0).all() and again[308] == 2.0 and again[309] < 2.0
    assert len(again) == 370


@pytest.mark.parametrize("n_done", [5, 25, 30])
def test_a_saved_schedule_goes_on(n_done):
    losses = [*np.linspace(2, 1, 20), *np.ones(1000)]
    whole = run(Schedule(2000, 10, patience=Patience()), losses)
    first, second = (Schedule(2000, 10, patience=Patience()) for _ in range(2))
    run(first, losses[:n_done])
    begin = second.on_train_begin
    second.on_train_begin = lambda net: (begin(net), second.load_state_dict(first.state_dict()))
    # The rate of the next step is in the state of the optimizer.
    assert_allclose(run(second, losses[n_done:])[1:], whole[10 * n_done + 1 :])


# -- in a fit -------------------------------------------------------------------------------------


class Rates(Callback):
    """Notes the learning rate of each step."""

    seen = []

    def on_batch_begin(self, net, training=False, **_):
        if training:
            self.seen.append(net.optimizer_.param_groups[-1]["lr"])


def draw(n_rows, noise, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.random((n_rows, 4))
    y = np.sin(4 * X[:, 0]) * X[:, 1] + X[:, 2] ** 2 + noise * rng.normal(size=n_rows)
    return X, y


def test_training_goes_on_as_long_as_there_is_something_to_learn():
    n_epochs, errors = {}, {}
    for noise in (0.0, 2.0):
        X, y = draw(700, noise)
        params = {"batch_size": 64, "n_members": 4, "max_epochs": 150, "refit": False}
        model = PLERegressor(random_state=0, **params)
        model.fit(X[:300], y[:300])
        n_epochs[noise] = model.n_iter_
        errors[noise] = 1 - r2_score(draw(700, 0.0)[1][300:], model.predict(X[300:]))
    # Without noise, more is learnt than in the 400 steps that noisy tables need at most.
    assert n_epochs[0.0] > 3 * n_epochs[2.0]
    assert errors[0.0] < 0.02


def test_the_rates_of_a_fit_are_those_of_the_history():
    Rates.seen.clear()
    X, y = draw(300, 0.1)
    model = PLERegressor(random_state=0, n_members=1, learning_rate=0.01, callbacks=[Rates()])
    model.fit(X, y)
    rates = np.array(Rates.seen)
    assert rates.max() == 0.01 and rates.argmax() >= 20
    # It rises and falls in straight lines.
    assert (np.diff(np.sign(np.diff(rates))[np.diff(rates) != 0]) != 0).sum() == 1
    of_epochs = np.array([epoch["learning_rate"] for epoch in model.history_])
    assert set(of_epochs) <= set(rates) and of_epochs[-1] < 0.01
