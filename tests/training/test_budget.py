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
from sklearn_ple.predictions import copula
from sklearn_ple.training import budget

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
    histories = [[epoch | {"seconds": 0} for epoch in each.history_] for each in (one, other)]
    assert histories[0] == histories[1]


class Spy(Callback):
    """Notes the learning rate of each step."""

    rates = []

    def on_batch_end(self, net, **_):
        self.rates.append(net.optimizer_.param_groups[-1]["lr"])


# An epoch has three steps. A fifth of the time before it is kept for the fall of the rate.
@pytest.mark.parametrize(("max_time", "n_steps"), [(15, 15), (50, 46), (1000, 75)])
def test_the_rate_falls_in_time(table, max_time, n_steps):
    Spy.rates.clear()
    model(max_time=max_time, learning_rate=0.01, callbacks=[Spy()]).fit(*table)
    assert len(Spy.rates) == n_steps and Clock.now <= max_time
    assert Spy.rates[-1] < 0.005 < max(Spy.rates)


def test_a_limit_that_is_not_reached_changes_nothing(table):
    assert_same(model(max_time=1000).fit(*table), model().fit(*table))


def test_validation_ends_training_before_the_time_is_over(table):
    options = {"early_stopping": True, "refit": False, "max_epochs": "auto"}
    options |= {"learning_rate": 0.1, "n_iter_no_change": 10}
    assert_same(model(max_time=10_000, **options).fit(*table), model(**options).fit(*table))


def test_the_second_training_on_all_rows_is_in_the_time(table):
    options = {"early_stopping": True, "refit": True, "n_iter_no_change": 25}
    Spy.rates.clear()
    fitted = model(max_time=50, callbacks=[Spy()], **options).fit(*table)
    # The first training takes half of the time, and the second one at most as long.
    assert fitted.n_iter_ == 8 and Clock.now <= 50
    assert len(Spy.rates) > 23


def test_where_no_epoch_fits_training_takes_a_part_of_its_steps(table):
    Spy.rates.clear()
    fitted = model(max_time=9, batch_size=10, learning_rate=0.01, callbacks=[Spy()])
    with pytest.warns(ConvergenceWarning, match=r"max_time=9 allows 0\.75 of an epoch: training"):
        fitted.fit(*table)
    assert fitted.n_iter_ == 1 and Clock.now == 9
    assert len(Spy.rates) == 9 and Spy.rates[-1] < max(Spy.rates)


@pytest.mark.parametrize("max_time", [1e-300, 0.5, 2])
def test_however_short_the_time_one_step_is_taken(table, max_time):
    with pytest.warns(ConvergenceWarning, match="allows|by max_time"):
        fitted = model(max_time=max_time, refit=True).fit(*table)
    assert Clock.now <= 2
    assert np.isfinite(fitted.predict(table[0])).all().all()


class Slower(Callback):
    """Makes steps take longer from the second epoch on."""

    def on_epoch_end(self, net, **_):
        Clock.step = 30.0


@pytest.mark.parametrize("refit", [False, True])
def test_a_training_that_becomes_slower_ends_when_the_time_is_over(table, refit):
    options = {"early_stopping": True, "n_iter_no_change": 25, "learning_rate": 1e-4}
    slow = model(max_time=60, callbacks=[Slower()], refit=refit, **options)
    with pytest.warns(ConvergenceWarning, match="ended after epoch [1-4] by max_time"):
        slow.fit(*table)
    # A step that has begun is completed.
    assert Clock.now <= 70
    assert [epoch["valid_loss"] for epoch in slow.history_]


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
    assert 4 <= model(max_time=50).fit(*table).n_iter_ <= 7 and Clock.now <= 50


def test_rows_in_files_have_a_limit_too(table, tmp_path):
    dataset = pytest.importorskip("pyarrow.dataset")
    rows = pd.DataFrame(np.hstack(table), columns=list("abcde"))
    rows.to_parquet(tmp_path / "rows.parquet", row_group_size=40)
    rows = dataset.dataset(tmp_path / "rows.parquet")
    fitted = model(max_time=50).fit(rows, ["d", "e"])
    assert fitted.n_iter_ == 16 and 40 < Clock.now <= 50
    Clock.now = 0.0
    with pytest.warns(ConvergenceWarning, match="allows|by max_time"):
        model(max_time=2).fit(rows, ["d", "e"])
    assert Clock.now <= 2


def test_workers_have_a_limit_too(table):
    joblib = pytest.importorskip("joblib")
    options = {"n_members": 4, "n_jobs": 2, "early_stopping": True}
    with joblib.parallel_config("threading"):
        fitted = model(max_time=80, **options).fit(*table)
    assert 3 < fitted.n_iter_ < 25 and 50 < Clock.now <= 80
    assert fitted.history_[-1]["learning_rate"] < fitted.history_[-4]["learning_rate"]


def test_a_late_training_ends_its_workers(table):
    joblib = pytest.importorskip("joblib")
    late = model(max_time=40, n_members=4, n_jobs=2, max_epochs=10**6, batch_size=20)
    Clock.step = 0.001

    class Stop(Slow):
        def after_step(self, batch):
            Clock.now += 100.0 if Clock.now > 0.05 else Clock.step

    Stop.__module__ = "sklearn_ple.balancing"
    late.set_params(balancing=Stop())
    with (
        joblib.parallel_config("threading"),
        pytest.warns(ConvergenceWarning, match="ended .* by max_time"),
    ):
        late.fit(*table)
    assert late.n_iter_ < 10


def test_a_fit_that_continues_has_the_time_again(table, tmp_path):
    class Fail(Callback):
        left = [4]

        def on_epoch_begin(self, net, **_):
            self.left[0] -= 1
            if self.left[0] == 0:
                raise RuntimeError("lost")

    estimator = model(max_time=50, callbacks=[Fail()], checkpoint_dir=tmp_path)
    with pytest.raises(RuntimeError, match="lost"):
        estimator.fit(*table)
    again = clone(estimator).fit(*table)
    # Three epochs were kept, and steps of 50 seconds are added.
    assert again.n_iter_ == 19 and again.history_[-1]["learning_rate"] < 1e-3


def test_a_single_further_epoch_has_no_limit(table):
    fitted = model(max_time=3, max_epochs=2, balancing="equal").fit(*table)
    before = fitted.n_iter_
    fitted.partial_fit(*table)
    assert fitted.n_iter_ == before + 1


@pytest.mark.filterwarnings("ignore:Training was ended")
def test_learning_the_dependence_counts(table, monkeypatch):
    infer = copula.infer

    def slowly(*args):
        Clock.now += 2.0
        return infer(*args)

    monkeypatch.setattr(copula, "infer", slowly)
    options = {"early_stopping": True, "n_iter_no_change": 25, "learning_rate": 1e-4}
    late = model(max_time=60, callbacks=[Slower()], **options)
    with pytest.warns(ConvergenceWarning, match="ended by max_time: they count as independent"):
        late.fit(*table)
    # Training ends within a step, and one round of the dependence is begun.
    assert Clock.now <= 72
    np.testing.assert_array_equal(late.dependence_, np.eye(2))
