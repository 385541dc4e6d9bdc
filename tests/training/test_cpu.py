"""The number of threads, and the memory that steps keep."""

import platform
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from skorch.callbacks import Callback
from threadpoolctl import ThreadpoolController

from sklearn_ple import PLEClassifierRegressor, PLERegressor
from sklearn_ple.tasks.mean import MemberMean
from sklearn_ple.training import cpu


def test_small_steps_take_one_thread_and_large_ones_all(monkeypatch):
    def threads_inside(n_rows, device="cpu"):
        with cpu.suitable_threads(device, 100 * n_rows):
            pools = ThreadpoolController().select(user_api="openmp").info()
            return {pool["num_threads"] for pool in pools}

    everywhere = {
        pool["num_threads"] for pool in ThreadpoolController().select(user_api="openmp").info()
    }
    monkeypatch.setattr(cpu, "_WORK_OF_ONE_THREAD", 1000)
    assert threads_inside(10) == {1}
    assert threads_inside(11) == everywhere
    assert threads_inside(10, device="meta") == everywhere


def n_threads():
    """Count the threads that torch would use here."""
    return torch.get_num_threads()


@pytest.fixture
def large(monkeypatch):
    """Steps of any size count as large."""
    monkeypatch.setattr(cpu, "_WORK_OF_ONE_THREAD", 0)


def threads_with(n_jobs):
    with cpu.suitable_threads("cpu", 1000, n_jobs):
        return n_threads()


def test_however_many_jobs_small_steps_take_one_thread():
    assert [threads_with(n_jobs) for n_jobs in (1, 2, -1, None)] == [1, 1, 1, 1]


def test_n_jobs_is_the_greatest_number_of_threads_for_large_steps(large, monkeypatch):
    monkeypatch.setattr(joblib, "cpu_count", lambda: 4)
    before = n_threads()
    assert [threads_with(n_jobs) for n_jobs in (1, 2, 3)] == [1, 2, 3]
    assert threads_with(-1) == joblib.effective_n_jobs(-1)
    assert n_threads() == before


def test_threads_are_no_more_than_a_machine_has_use_for(large):
    most = max(64, joblib.cpu_count())
    assert threads_with(10**9) == most


def test_without_n_jobs_the_context_of_joblib_counts(large):
    with joblib.parallel_config(n_jobs=2):
        assert threads_with(None) == 2
        assert threads_with(1) == 1
    assert threads_with(None) == n_threads()


def test_the_number_holds_from_the_first_step_of_a_thread_on(large):
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(threads_with, 3).result() == 3


def make_rows():
    rng = np.random.RandomState(0)
    X = np.column_stack([rng.randn(300, 6), rng.randint(0, 5, (300, 2))])
    return X, np.column_stack([X[:, 0] + X[:, 1] * X[:, 2], X[:, 3] > 0, rng.poisson(2, 300)])


def flagship(**params):
    options = {"categorical_features": [6, 7], "max_epochs": 1, "random_state": 0, "device": "cpu"}
    options |= {"task_types": ["regression", "binary", "count"], "expert_hidden_units": (256, 128)}
    # So few that they are trained together.
    options |= {"n_members": 2, "batch_size": 150}
    return PLEClassifierRegressor(**(options | params))


@pytest.mark.parametrize(
    "params",
    [
        {"n_members": 1, "dropout": 0.0},
        {"n_levels": 2, "early_stopping": False},
    ],
)
def test_the_fitted_model_is_the_same_for_any_number_of_threads_but_for_rounding(params, large):
    X, y = make_rows()
    models = []
    for n_threads in (1, 2):
        # For the products' library too, which the tests' settings keep to one.
        torch.set_num_threads(n_threads)
        models.append(flagship(**params).fit(X, y))
    torch.set_num_threads(1)
    one, other = models
    # Adam moves a weight of hardly any gradient as far as others: only predictions are alike.
    assert_allclose(other.predict_proba(X)[1], one.predict_proba(X)[1], atol=1e-3)
    two = other.set_params(n_jobs=2).predict(X)
    assert_allclose(other.set_params(n_jobs=1).predict(X), two, rtol=1e-5, atol=1e-6)


class Threads(Callback):
    """Notes the number of threads of each step."""

    found = set()

    def on_batch_end(self, net, **_):
        self.found.add(n_threads())


@pytest.mark.parametrize("params", [{"n_members": 4}, {"n_members": 1, "early_stopping": False}])
def test_what_workers_cannot_train_is_the_same_for_any_n_jobs(params, large):
    """Threads on busy cores wait for each other: two took nine times as long as one."""
    X, y = make_rows()
    Threads.found.clear()
    models = [flagship(n_jobs=n, callbacks=[Threads()], **params).fit(X, y) for n in (1, 2)]
    with joblib.parallel_config(n_jobs=2):
        models.append(flagship(callbacks=[Threads()], **params).fit(X, y))
    assert Threads.found == {1}
    one, *others = (model.module_.state_dict() for model in models)
    for other in others:
        assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("n_products", [2, 3, 8])
def test_batches_of_products_are_the_same_for_any_number_of_threads(n_products):
    torch.manual_seed(0)
    left, right = torch.randn(n_products, 6, 64), torch.randn(n_products, 64, 64)
    found = []
    for n_threads in (1, 2, 3):
        torch.set_num_threads(n_threads)
        found.append(torch.bmm(left, right))
    torch.set_num_threads(1)
    assert torch.equal(found[0], found[1]) and torch.equal(found[0], found[2])


def test_predictions_and_the_mean_over_members_take_as_many_cores(large, monkeypatch):
    X, y = make_rows()
    model = flagship(n_members=2).fit(X, y)
    found, mean = [], MemberMean.forward

    def forward(self, outputs):
        found.append(n_threads())
        return mean(self, outputs)

    monkeypatch.setattr(MemberMean, "forward", forward)
    for n_jobs in (1, 2, 3):
        model.set_params(n_jobs=n_jobs).predict(X[:1])
    assert found == [1, 2, 3]


# -- memory ---------------------------------------------------------------------------------------

FAULTS = []


class CountFaults(Callback):
    """Counts the pages that the system had to hand out in each epoch."""

    def on_epoch_begin(self, net, **_):
        self.before_ = self.count()

    def on_epoch_end(self, net, **_):
        FAULTS.append(self.count() - self.before_)

    @staticmethod
    def count():
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="about glibc's allocator")
def test_steps_reuse_the_memory_of_those_before():
    FAULTS.clear()
    rng = np.random.RandomState(0)
    X, y = rng.randn(1024, 60), rng.randn(1024, 3)
    options = {"batch_size": 256, "max_epochs": 3, "early_stopping": False, "device": "cpu"}
    PLERegressor(callbacks=[CountFaults()], **options).fit(X, y)
    # Some 5,000 for each of the four steps when all is handed back in between.
    assert FAULTS[-1] < 4000
