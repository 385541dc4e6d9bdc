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
from sklearn_ple.training import cpu, net


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


def threads_with(n_jobs, n_rows=10):
    with cpu.suitable_threads("cpu", 100 * n_rows, n_jobs):
        return n_threads()


def test_n_jobs_is_the_number_of_threads_for_small_steps_too(monkeypatch):
    monkeypatch.setattr(joblib, "cpu_count", lambda: 4)
    before = n_threads()
    assert [threads_with(n_jobs) for n_jobs in (1, 2, 3)] == [1, 2, 3]
    assert threads_with(-1) == joblib.effective_n_jobs(-1)
    assert n_threads() == before


def test_threads_are_no_more_than_a_machine_has_use_for():
    most = max(64, joblib.cpu_count())
    assert threads_with(10**9) == most


def test_without_n_jobs_the_context_of_joblib_counts():
    with joblib.parallel_config(n_jobs=2):
        assert threads_with(None) == 2
        assert threads_with(1) == 1
    assert threads_with(None) == 1


def in_worker(n_jobs):
    with cpu.suitable_threads("cpu", 1000, n_jobs):
        return n_threads()


def test_in_a_worker_process_n_jobs_keeps_to_its_share():
    with joblib.parallel_config("loky", n_jobs=2, inner_max_num_threads=1):
        found = joblib.Parallel()(joblib.delayed(in_worker)(n) for n in (1, 2, -1, None))
    assert found == [1, 1, 1, 1]


def test_the_number_holds_from_the_first_step_of_a_thread_on():
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(threads_with, 3).result() == 3


@pytest.mark.parametrize(
    "params", [{}, {"n_members": 1}, {"n_levels": 2}, {"batch_size": 300, "dropout": 0.0}]
)
def test_the_fitted_model_is_the_same_for_any_number_of_cores_but_for_rounding(params):
    X, one, *others = fitted_with_cores(params)
    for other in others:
        # Adam moves a weight of hardly any gradient as far as others: only predictions are alike.
        assert_allclose(other.predict_proba(X)[1], one.predict_proba(X)[1], atol=1e-3)
    two = others[0].predict(X)
    assert_allclose(others[0].set_params(n_jobs=1).predict(X), two, rtol=1e-5, atol=1e-6)


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


def fitted_with_cores(params):
    """Return X and two models, fitted with one core and with two."""
    rng = np.random.RandomState(0)
    X = np.column_stack([rng.randn(300, 6), rng.randint(0, 5, (300, 2))])
    y = np.column_stack([X[:, 0] + X[:, 1] * X[:, 2], X[:, 3] > 0, rng.poisson(2, 300)])
    options = {"categorical_features": [6, 7], "max_epochs": 1, "random_state": 0, "device": "cpu"}
    options |= {"task_types": ["regression", "binary", "count"], "expert_hidden_units": (256, 128)}
    # So few that cores are for threads, not for groups of members.
    options |= {"n_members": 3}
    models = []
    for n_jobs in (1, 2):
        # For the products' library too, which the tests' settings keep to one.
        torch.set_num_threads(n_jobs)
        models.append(PLEClassifierRegressor(n_jobs=n_jobs, **(options | params)).fit(X, y))
    torch.set_num_threads(1)
    return X, *models


def test_training_and_prediction_use_as_many_cores(monkeypatch):
    asked, suitable_threads = [], cpu.suitable_threads
    monkeypatch.setattr(
        net,
        "suitable_threads",
        lambda device, work, n_jobs: (
            asked.append(n_jobs) or suitable_threads(device, work, n_jobs)
        ),
    )
    X, y = np.arange(20.0)[:, None], np.arange(20.0)
    model = PLERegressor(n_jobs=2, max_epochs=1, n_members=1, device="cpu").fit(X, y)
    model.set_params(n_jobs=3).partial_fit(X, y).set_params(n_jobs=1).predict(X)
    model.transform(X)
    # After a training the outputs are checked.
    assert asked == [2, 2, 3, 3, 1, 1]


def test_the_mean_over_members_takes_as_many_cores_as_their_outputs(monkeypatch):
    X, model, *_ = fitted_with_cores({"n_members": 2})
    found, mean = [], MemberMean.forward

    def forward(self, outputs):
        found.append(n_threads())
        return mean(self, outputs)

    monkeypatch.setattr(MemberMean, "forward", forward)
    torch.set_num_threads(3)
    model.predict(X[:1])
    model.set_params(n_jobs=2).predict(X[:1])
    torch.set_num_threads(1)
    assert found == [1, 2]


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
