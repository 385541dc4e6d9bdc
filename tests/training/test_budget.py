"""A fit that may take a limited time. The clock of these tests goes forward with the steps."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import Callback

from sklearn_ple import PLERegressor
from sklearn_ple.balancing import WeightedSum
from sklearn_ple.parameters.optimizers import one_cycle
from sklearn_ple.training import budget
from sklearn_ple.training.budget import Budget, Speed

N = 120


class Clock:
    """The time, in seconds, and how long a step takes."""

    now, step = 0.0, 1.0


class Slow(WeightedSum):
    """The weighted sum, with steps that take a second of the tests' clock."""

    def after_step(self, batch):
        Clock.now += Clock.step


# A class of the package's module counts as one that is known to keep members apart.
Slow.__module__ = "sklearn_ple.balancing"


@pytest.fixture(autouse=True)
def _clock(monkeypatch):
    Clock.now, Clock.step = 0.0, 1.0
    monkeypatch.setattr(budget, "clock", lambda: Clock.now)


@pytest.fixture(scope="module")
def table():
    rng = np.random.RandomState(0)
    X = rng.randn(N, 3)
    return X, np.column_stack([X[:, 0] + rng.randn(N), X[:, 1]])


def model(**params):
    defaults = {"n_members": 1, "max_epochs": 25, "batch_size": 40, "early_stopping": False}
    defaults |= {"random_state": 0, "device": "cpu", "balancing": Slow()}
    defaults |= {"expert_hidden_units": (4,), "tower_hidden_units": (), "numeric_embedding": None}
    return PLERegressor(**(defaults | params))


def assert_same(one, other):
    """Check that two models are the same to the last bit, and so are their histories."""
    for name, tensor in one.module_.state_dict().items():
        assert torch.equal(tensor, other.module_.state_dict()[name])
    apart = {"seconds", "max_epochs"}
    histories = [
        [{key: epoch[key] for key in epoch.keys() - apart} for epoch in each.history_]
        for each in (one, other)
    ]
    assert histories[0] == histories[1]


def chosen(fitted):
    (number,) = {epoch["max_epochs"] for epoch in fitted.history_}
    return number


# An epoch has three steps. Five steps or less are measured.
@pytest.mark.parametrize(("max_time", "n_epochs"), [(15, 3), (50, 13), (1000, 25)])
def test_the_schedule_has_the_epochs_that_fit(table, max_time, n_epochs):
    fitted = model(max_time=max_time).fit(*table)
    assert chosen(fitted) == n_epochs == fitted.n_iter_
    assert Clock.now <= max_time
    assert_same(fitted, model(max_epochs=n_epochs).fit(*table))


@pytest.mark.parametrize("n_members", [1, 4])
def test_patience_and_folds_are_those_of_the_epochs_that_fit(table, n_members):
    options = {"early_stopping": True, "n_members": n_members, "refit": False}
    fitted = model(max_time=80, **options).fit(*table)
    assert 15 < chosen(fitted) < 25
    assert_same(fitted, model(max_epochs=chosen(fitted), **options).fit(*table))


def test_the_second_training_on_all_rows_is_in_the_time(table):
    options = {"early_stopping": True, "refit": True, "n_iter_no_change": 25}
    fitted = model(max_time=50, **options).fit(*table)
    # Both trainings have epochs of three steps.
    assert chosen(fitted) == 6 == fitted.n_iter_
    assert Clock.now <= 50
    assert_same(fitted, model(max_epochs=6, **options).fit(*table))


class Spy(Callback):
    """Notes the learning rate of each step."""

    rates = []

    def on_batch_end(self, net, **_):
        self.rates.append(net.optimizer_.param_groups[-1]["lr"])


def test_where_no_epoch_fits_training_takes_a_part_of_its_steps(table):
    Spy.rates.clear()
    fitted = model(max_time=9, batch_size=10, learning_rate=0.01, callbacks=[Spy()])
    with pytest.warns(ConvergenceWarning, match=r"max_time=9 allows 0\.375 of 25 epochs"):
        fitted.fit(*table)
    # Four steps are measured, and nine tenths of the time that is left are used.
    assert chosen(fitted) == 0.375 and fitted.n_iter_ == 1
    assert Clock.now == 9
    np.testing.assert_allclose(Spy.rates, [0.01 * one_cycle(n / 5) for n in range(5)])


@pytest.mark.parametrize("max_time", [1e-300, 0.5, 2])
def test_however_short_the_time_one_step_is_taken(table, max_time):
    with pytest.warns(ConvergenceWarning, match="allows"):
        fitted = model(max_time=max_time, refit=True).fit(*table)
    assert Clock.now <= 4
    assert np.isfinite(fitted.predict(table[0])).all().all()


class Slower(Callback):
    """Makes steps take longer from the second epoch on."""

    def on_epoch_end(self, net, **_):
        Clock.step = 10.0


@pytest.mark.parametrize("refit", [False, True])
def test_a_training_that_becomes_slower_ends_when_the_time_is_over(table, refit):
    options = {"early_stopping": True, "n_iter_no_change": 25, "learning_rate": 1e-4}
    slow = model(max_time=60, callbacks=[Slower()], refit=refit, **options)
    with pytest.warns(ConvergenceWarning, match="ended after epoch [2-4] by max_time") as found:
        slow.fit(*table)
    # A step that has begun is completed.
    assert Clock.now <= 70
    assert slow.n_iter_ < chosen(slow)
    assert [epoch["valid_loss"] for epoch in slow.history_] and len(found) == 1


def test_the_time_can_be_over_in_the_first_epoch(table):
    class SlowAtOnce(Callback):
        def on_train_begin(self, net, **_):
            Clock.step = 100.0

    late = model(max_time=50, callbacks=[SlowAtOnce()])
    with pytest.warns(ConvergenceWarning, match="in its first epoch, after 1 steps, by max_time"):
        late.fit(*table)
    assert late.n_iter_ == 0 and np.isfinite(late.predict(table[0])).all().all()


def test_reading_counts(table, monkeypatch):
    read = PLERegressor._run

    def late(self, fit, arguments):
        encode = fit.start.encode
        fit.start.encode = lambda *args: (setattr(Clock, "now", 30.0), encode(*args))[1]
        return read(self, fit, arguments)

    monkeypatch.setattr(PLERegressor, "_run", late)
    assert chosen(model(max_time=50).fit(*table)) == 4


def test_rows_in_files_have_a_limit_too(table, tmp_path):
    dataset = pytest.importorskip("pyarrow.dataset")
    rows = pd.DataFrame(np.hstack(table), columns=list("abcde"))
    rows.to_parquet(tmp_path / "rows.parquet", row_group_size=40)
    rows = dataset.dataset(tmp_path / "rows.parquet")
    fitted = model(max_time=50).fit(rows, ["d", "e"])
    assert chosen(fitted) == 13 and Clock.now <= 50
    with pytest.warns(ConvergenceWarning, match="allows"):
        assert 0 < chosen(model(max_time=5).fit(rows, ["d", "e"])) < 1


def test_workers_have_a_limit_too(table):
    joblib = pytest.importorskip("joblib")
    options = {"n_members": 4, "n_jobs": 2, "early_stopping": True}
    with joblib.parallel_config("threading"):
        fitted = model(max_time=80, **options).fit(*table)
        assert 3 < chosen(fitted) < 25 and Clock.now <= 80
        assert_same(fitted, model(max_epochs=chosen(fitted), **options).fit(*table))


def test_a_late_training_ends_its_workers(table):
    joblib = pytest.importorskip("joblib")
    late = model(max_time=40, n_members=4, n_jobs=2, max_epochs=10**6, batch_size=20)
    Clock.step = 0.001

    class Stop(Slow):
        def after_step(self, batch):
            # Past the trial, whose epochs are short.
            Clock.now += 100.0 if Clock.now > 0.05 else Clock.step

    Stop.__module__ = "sklearn_ple.balancing"
    late.set_params(balancing=Stop())
    with (
        joblib.parallel_config("threading"),
        pytest.warns(ConvergenceWarning, match="ended .* by max_time"),
    ):
        late.fit(*table)
    assert late.n_iter_ < chosen(late)


def test_a_fit_that_continues_keeps_its_number_of_epochs(table, tmp_path):
    class Fail(Callback):
        left = [4]

        def on_epoch_begin(self, net, **_):
            self.left[0] -= 1
            if self.left[0] == 0:
                raise RuntimeError("lost")

    estimator = model(max_time=50, callbacks=[Fail()], checkpoint_dir=tmp_path)
    with pytest.raises(RuntimeError, match="lost"):
        estimator.fit(*table)
    # The machine is faster now.
    Clock.step = 0.1
    again = clone(estimator).fit(*table)
    assert chosen(again) == 13
    assert_same(again, model(max_epochs=13).fit(*table))


def test_a_single_further_epoch_has_no_limit(table):
    fitted = model(max_time=3, max_epochs=2, balancing="equal").fit(*table)
    before = fitted.n_iter_
    fitted.partial_fit(*table)
    assert fitted.n_iter_ == before + 1 and "max_epochs" not in fitted.history_[-1]


def test_verbose_says_what_was_chosen(table, capsys):
    model(max_time=50, verbose=1).fit(*table)
    assert "max_time=50 allows 13 of 25 epochs." in capsys.readouterr().err
    model(max_time=50).fit(*table)
    assert capsys.readouterr().err == ""


def test_without_a_limit_nothing_is_measured(table):
    fitted = model().fit(*table)
    assert Clock.now == 75 and "max_epochs" not in fitted.history_[0]


@pytest.mark.parametrize(
    ("speed", "n_batches", "expected"),
    [
        # Nine tenths of a hundred seconds.
        (Speed(1.0, 0.0), [10], 9),
        (Speed(1.0, 5.0), [10], 6),
        (Speed(1.0, 5.0), [10, 20], 2),
        (Speed(0.1, 0.0), [10], 20),
        (Speed(0.0, 0.0), [10], 20),
        (Speed(1.0, 30.0), [240], 0.25),
        (Speed(1.0, 100.0), [40], 1 / 40),
    ],
)
def test_epochs_fit_into_nine_tenths_of_the_time(speed, n_batches, expected):
    assert Budget(100).count_epochs(speed, n_batches, 20) == expected
