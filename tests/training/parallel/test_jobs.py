"""Members that are trained in jobs are those that are trained together, except for rounding."""

import os
import signal
import sys
import threading
import time
from collections import Counter
from itertools import count

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from joblib._parallel_backends import ThreadingBackend
from makers import mostly_nightly
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import Callback

import sklearn_ple
from sklearn_ple import PLEClassifierRegressor
from sklearn_ple.balancing import BALANCERS, GRADIENT_METHODS, GeometricMean
from sklearn_ple.nn.members import MemberRange
from sklearn_ple.training.parallel.jobs import divide_members
from sklearn_ple.utils import progress

SYSTEMS = sorted(name for name in sklearn_ple.__all__ if name.endswith("ClassifierRegressor"))
SMALL = {"n_members": 5, "max_epochs": 1, "batch_size": 17, "random_state": 0, "device": "cpu"}
# In float64, rounding is far below the tolerance, even after many steps.
SMALL |= {"dtype": "float64"}
VALIDATED = {"early_stopping": True, "refit": False}


def make_data():
    rng = np.random.RandomState(0)
    n = 60
    X = pd.DataFrame(rng.randn(n, 3), columns=["a", "b", "c"])
    X["town"] = pd.Categorical(rng.choice(["x", "y", "z"], n))
    X.loc[::9, "b"] = np.nan
    y = pd.DataFrame({"number": X["a"] * 2 + rng.randn(n), "event": rng.randint(0, 2, n) > 0})
    y["kind"] = rng.choice(["one", "two", "three"], n)
    y.loc[::7, "number"] = np.nan
    return X, y


X, Y = make_data()


class Counted(ThreadingBackend):
    """Threads of joblib that count what they are asked to do, and may fail."""

    n_calls = 0
    fails_after = None

    def submit(self, func, callback=None):
        if Counted.n_calls == Counted.fails_after:
            raise Interrupted
        Counted.n_calls += 1
        return super().submit(func, callback)


class Interrupted(BaseException):
    pass


joblib.register_parallel_backend("counted", Counted)


@pytest.fixture(autouse=True)
def _nothing_counted():
    Counted.n_calls, Counted.fails_after = 0, None


def flagship(**params):
    return PLEClassifierRegressor(**(SMALL | params))


def fit_in_jobs(model, n_jobs=2, X=X, **fit_params):
    """Fit a copy of a model in jobs."""
    model = copy_unfitted(model).set_params(n_jobs=n_jobs)
    with joblib.parallel_config("counted"):
        return model.fit(X, Y, **fit_params)


def copy_unfitted(model):
    """Copy a model with the parameters' own values, of which clone would make copies."""
    return type(model)(**model.get_params(deep=False))


def tensors(state):
    """List all tensors in what a state consists of."""
    if isinstance(state, torch.Tensor):
        return [state]
    parts = state.values() if isinstance(state, dict) else state
    is_nested = isinstance(state, (dict, list, tuple))
    return [tensor for part in parts for tensor in tensors(part)] if is_nested else []


def assert_alike(model, other):
    """Check that two models agree in weights, history, and what they go on with."""
    for part in ("module_", "criterion_", "optimizer_"):
        own, others = (tensors(getattr(m.net_, part).state_dict()) for m in (model, other))
        for tensor, its in zip(own, others, strict=True):
            torch.testing.assert_close(tensor, its, rtol=1e-6, atol=1e-9)
    for epoch, its in zip(model.history_, other.history_, strict=True):
        assert epoch.keys() == its.keys()
        for name in epoch.keys() - {"seconds"}:
            assert_allclose(epoch[name], its[name], rtol=1e-6, atol=1e-9)
    draws = [m._rng.randint(2**31) for m in (model, other)]
    assert draws[0] == draws[1]


# -- alike for all networks and parameters --------------------------------------------------------


@pytest.mark.parametrize("name", mostly_nightly(SYSTEMS, SYSTEMS[::3]))
def test_every_network_is_trained_alike_in_jobs(name):
    model = getattr(sklearn_ple, name)(**SMALL, **VALIDATED)
    together = copy_unfitted(model).fit(X, Y)
    assert_alike(fit_in_jobs(model), together)
    assert Counted.n_calls == 2


@pytest.mark.parametrize(
    "params",
    [
        {
            "expert_hidden_units": (7, 5),
            "n_levels": 2,
            "task_weights": {"kind": 2.0},
            "task_weight_decay": 0.9,
            "class_weight": "balanced",
        },
        {
            "expert_hidden_units": (9,),
            "tower_hidden_units": (3,),
            "optimizer": "sgd",
            "learning_rate": 0.01,
            "weight_averaging": 0.0,
        },
        {
            "numeric_embedding": "bins",
            "embedding_dim": 3,
            "optimizer": "adam",
            "net_params": {"optimizer__amsgrad": True},
        },
        {"numeric_embedding": None, "linear_path": False, "feature_dropout": 0.0},
        {"n_members": 4, "batch_size": 1, "expert_hidden_units": (3,)},
    ],
    ids=lambda params: " ".join(params),
)
def test_parameters_have_the_same_effect_in_jobs(params):
    model = flagship(**VALIDATED, **params)
    assert_alike(fit_in_jobs(model), copy_unfitted(model).fit(X, Y))
    assert Counted.n_calls == 2


def test_sparse_numbers_are_read_in_jobs():
    numbers = sparse.csr_matrix(X[["a", "c"]].clip(lower=0))
    model = flagship(**VALIDATED)
    assert_alike(fit_in_jobs(model, X=numbers), copy_unfitted(model).fit(numbers, Y))
    assert Counted.n_calls == 2


@pytest.mark.parametrize("balancing", sorted(BALANCERS.keys() - GRADIENT_METHODS - {"equal"}))
def test_balancers_weigh_alike_in_jobs(balancing):
    model = flagship(balancing=balancing, max_epochs=2, early_stopping=False)
    assert_alike(fit_in_jobs(model), copy_unfitted(model).fit(X, Y))
    assert Counted.n_calls == (4 if BALANCERS[balancing]().members_apart else 0)


def test_the_same_number_of_jobs_makes_the_same_model():
    first, second = (fit_in_jobs(flagship(dtype="float32", max_epochs=3)) for _ in range(2))
    for own, its in zip(*(m.module_.state_dict().values() for m in (first, second)), strict=True):
        assert torch.equal(own, its)


# -- epochs ---------------------------------------------------------------------------------------


def test_training_in_jobs_stops_early():
    model = flagship(
        **VALIDATED, lr_schedule="constant", max_epochs=12, n_iter_no_change=1, learning_rate=0.3
    )
    together = copy_unfitted(model).fit(X, Y)
    assert_alike(fit_in_jobs(model), together)
    assert len(together.history_) < 12
    assert Counted.n_calls == 2 * len(together.history_)


def test_validation_on_rows_set_aside_and_a_training_on_all_rows():
    model = flagship(
        early_stopping=True, validation_fraction=0.2, refit=True, max_epochs=4, verbose=1
    )
    together = copy_unfitted(model).fit(X, Y)
    assert_alike(fit_in_jobs(model), together)
    assert Counted.n_calls > 2 * len(together.history_)


def test_further_fits_go_on_alike():
    together = flagship(warm_start=True, max_epochs=2).fit(X, Y)
    other = fit_in_jobs(together)
    with joblib.parallel_config("threading"):
        other.fit(X, Y).set_params(n_jobs=1).partial_fit(X, Y)
    assert_alike(other, together.fit(X, Y).partial_fit(X, Y))
    together.add_task(X, Y["number"].rename("more"))
    with joblib.parallel_config("threading"):
        other.add_task(X, Y["number"].rename("more"))
    assert_allclose(other.predict(X[:9])["more"], together.predict(X[:9])["more"])


def test_a_fit_goes_on_from_a_checkpoint_with_another_number_of_jobs(tmp_path):
    model = flagship(**VALIDATED, max_epochs=5)
    together = copy_unfitted(model).fit(X, Y)
    model.set_params(checkpoint_dir=str(tmp_path))
    Counted.fails_after = 4
    with pytest.raises(Interrupted):
        fit_in_jobs(model)
    assert Counted.n_calls == 4
    assert_alike(copy_unfitted(model).set_params(n_jobs=1).fit(X, Y), together)


def test_a_loss_that_is_not_finite_ends_the_training():
    model = flagship(early_stopping=False, max_epochs=5, learning_rate=1e200, optimizer="sgd")
    fits = []
    for fit in (fit_in_jobs, lambda model: copy_unfitted(model).fit(X, Y)):
        with pytest.warns(ConvergenceWarning, match="is not finite"):
            fits.append(fit(model))
    assert Counted.n_calls == 2 * len(fits[0].history_) < 10
    assert_allclose(fits[0].predict(X)["number"], fits[1].predict(X)["number"])


class Waiting(sklearn_ple.balancing.WeightedSum):
    """Waits after its second step until the bar has shown a step."""

    shown = threading.Event()
    n_steps = Counter()

    def after_step(self, batch):
        thread = threading.get_ident()
        Waiting.n_steps[thread] += 1
        if Waiting.n_steps[thread] == 2:
            assert Waiting.shown.wait(60)


# A class of the package's module counts as one that is known to keep members apart.
Waiting.__module__ = "sklearn_ple.balancing"


def test_the_bar_shows_the_steps_of_workers_while_they_train(monkeypatch):
    positions = []

    class Told(progress.tqdm):
        def update(self, n=1):
            super().update(n)
            positions.append(self.n)
            if self.n:
                Waiting.shown.set()

    monkeypatch.setattr(progress, "tqdm", Told)
    Waiting.shown.clear()
    fit_in_jobs(flagship(balancing=Waiting(), max_epochs=2, early_stopping=False, verbose=1))
    assert Counted.n_calls == 4
    # An epoch has four steps.
    assert set(positions) & {0.25, 0.5}
    assert positions[-1] == 2


# -- Ctrl-C ---------------------------------------------------------------------------------------


class Press(sklearn_ple.balancing.WeightedSum):
    """Presses Ctrl-C after the fifth step; the main thread then needs a moment."""

    numbers = count()

    def after_step(self, batch):
        number = next(Press.numbers)
        if number == 5:
            os.kill(os.getpid(), signal.SIGINT)
        if number > 5:
            time.sleep(0.02)


Press.__module__ = "sklearn_ple.balancing"


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize("early_stopping", [True, False])
def test_ctrl_c_while_workers_train_keeps_their_steps(early_stopping):
    Press.numbers = count(1)
    model = flagship(balancing=Press(), max_epochs=20, batch_size=1, refit=False)
    with pytest.warns(ConvergenceWarning, match="in its first epoch, after [1-9]"):
        fitted = fit_in_jobs(model.set_params(early_stopping=early_stopping))
    assert Counted.n_calls == 2 and fitted.n_iter_ == 0
    assert np.isfinite(fitted.predict(X)["number"]).all()
    start = flagship(max_epochs=1, learning_rate=1e-30).fit(X, Y)
    assert not np.allclose(fitted.predict(X)["number"], start.predict(X)["number"])


# -- what is trained together ---------------------------------------------------------------------


class CountBatches(Callback):
    n_batches = 0

    def on_batch_end(self, net, training=False, **_):
        CountBatches.n_batches += training


class OwnGeometricMean(GeometricMean):
    members_apart = True


@pytest.mark.parametrize(
    "params",
    [
        {"n_members": 3},
        {"callbacks": [CountBatches()]},
        {"balancing": "imtl_g"},
        {"balancing": OwnGeometricMean()},
        {"optimizer": torch.optim.RMSprop},
        {"net_params": {"verbose": 0}},
        {"n_jobs": 1},
        {"n_jobs": None},
    ],
    ids=lambda params: next(iter(params)),
)
def test_what_cannot_be_divided_is_trained_together(params):
    CountBatches.n_batches = 0
    with joblib.parallel_config("counted"):
        flagship(**{"n_jobs": 2} | params, max_epochs=1).fit(X, Y)
    assert Counted.n_calls == 0
    assert CountBatches.n_batches == (4 if "callbacks" in params else 0)


def test_the_context_of_joblib_counts_without_n_jobs():
    with joblib.parallel_config("counted", n_jobs=2):
        flagship(max_epochs=1, early_stopping=False).fit(X, Y)
    assert Counted.n_calls == 2


def test_members_are_divided_evenly_but_not_singly():
    every = MemberRange
    assert divide_members(8, 3) == [every(0, 2, 8), every(2, 5, 8), every(5, 8, 8)]
    assert divide_members(5, 16) == [every(0, 2, 5), every(2, 5, 5)]
    assert divide_members(3, 4) == [every.all(3)] and divide_members(1, 4) == [every.all(1)]


def test_an_error_in_a_job_is_raised_as_it_is():
    class Wrong(sklearn_ple.balancing.WeightedSum):
        def backward(self, batch):
            raise ValueError("something about a parameter")

    # A class of the package's module counts as one that is known to keep members apart.
    Wrong.__module__ = "sklearn_ple.balancing"
    with pytest.raises(ValueError, match="something about a parameter"):
        fit_in_jobs(flagship(balancing=Wrong()))
    assert Counted.n_calls == 2
