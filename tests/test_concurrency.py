"""Many fits at once or one after the other: each is as one alone, and nothing is left behind."""

import gc
import multiprocessing
import os
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from makers import NIGHTLY
from sklearn.base import clone
from sklearn.model_selection import cross_val_predict

from sklearn_ple import MMoEClassifierRegressor, PLEClassifier, PLERegressor
from sklearn_ple.inspection import expert_health
from sklearn_ple.metrics import multitask_scores

SMALL = {"n_members": 2, "max_epochs": 2, "device": "cpu"}
N_FITS = 500 if NIGHTLY else 8
PROCESS = Path("/proc/self")


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3))
    return X, X[:, :2] + 0.1 * rng.normal(size=(120, 2))


def models():
    """Eight models, no two the same."""
    classes = [PLERegressor, MMoEClassifierRegressor]
    return [classes[k % 2](**SMALL, random_state=k, early_stopping=k > 3) for k in range(8)]


def fit_and_predict(model, X, y):
    return np.asarray(clone(model).fit(X, y).predict(X))


def test_eight_threads_do_what_one_does(data):
    alone = [fit_and_predict(model, *data) for model in models()]
    n_threads = torch.get_num_threads()
    together = threading.Barrier(8)

    def in_thread(model):
        together.wait()
        return fit_and_predict(model, *data)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(in_thread, models()))
    np.testing.assert_array_equal(found, alone)
    assert len({predicted.tobytes() for predicted in alone}) == 8
    assert torch.get_num_threads() == n_threads


def test_scores_in_threads_leave_warnings_alone(data):
    X, y = data
    model = PLERegressor(**SMALL, random_state=0).fit(X, y)
    done = threading.Event()

    def scores(k):
        # A single label has no R².
        few = np.where(np.arange(len(y))[:, None] > 0, np.nan, y)
        multitask_scores(model, X, few)

    def other_thread():
        while not done.wait(0.001):
            warnings.warn("of another thread", RuntimeWarning, stacklevel=1)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        shown, filters = warnings.showwarning, list(warnings.filters)
        with ThreadPoolExecutor(5) as pool:
            other = pool.submit(other_thread)
            list(pool.map(scores, range(16)))
            done.set()
            other.result()
        assert warnings.showwarning is shown
        assert warnings.filters == filters
    others = {str(one.message) for one in caught if one.category is RuntimeWarning}
    assert others == {"of another thread"}
    assert sum("has no score by 'r2'" in str(one.message) for one in caught) == 32


def test_one_model_predicts_in_eight_threads(data):
    X, y = data
    model = PLEClassifier(**SMALL, random_state=0).fit(X, y > 0)
    parts = np.array_split(X, 8)
    alone = [model.predict_proba(part) for part in parts]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            np.testing.assert_array_equal(list(pool.map(model.predict_proba, parts)), alone)


@pytest.mark.parametrize("read", [PLERegressor.gate_weights, expert_health])
def test_gates_are_read_while_another_thread_predicts(read, data):
    X, y = data
    model = PLERegressor(**SMALL, random_state=0).fit(X, y)
    alone = read(model, X)
    main = threading.get_ident()
    with ThreadPoolExecutor(1) as pool:

        def predict_elsewhere(*_):
            if threading.get_ident() == main:
                pool.submit(model.predict, 9 * X).result()

        hook = model.module_.body.register_forward_pre_hook(predict_elsewhere)
        found = read(model, X)
        hook.remove()
    assert repr(found) == repr(alone)


# In processes that are not forked they run in training/parallel/test_jobs_in_workers.py.
@pytest.mark.parametrize("backend", ["threading", "multiprocessing"])
def test_joblib_runs_folds_at_once(backend, data):
    model = PLERegressor(**SMALL, random_state=0)
    alone = cross_val_predict(model, *data, cv=3)
    with joblib.parallel_config(backend, n_jobs=2):
        np.testing.assert_array_equal(cross_val_predict(model, *data, cv=3), alone)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_process_forked_after_a_fit_fits_and_predicts(data):
    X, y = data
    model = PLERegressor(**SMALL, random_state=0).fit(X, y)
    n_threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        # Shared out among OpenMP's threads, which a forked process has not.
        torch.ones(1000, 1000).exp().sum()
        with multiprocessing.get_context("fork").Pool(1) as pool:
            there = pool.apply_async(model.predict, (X,)).get(timeout=600)
            again = pool.apply_async(clone(model).fit, (X, y)).get(timeout=600)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(n_threads)
    np.testing.assert_array_equal(there, model.predict(X))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def left_over():
    """Count what a process holds: tensors, threads, open files; and its memory in MB."""
    gc.collect()
    n_tensors = sum(issubclass(type(found), torch.Tensor) for found in gc.get_objects())
    n_threads = len(list((PROCESS / "task").iterdir()))
    pages = int((PROCESS / "statm").read_text().split()[1])
    memory = pages * os.sysconf("SC_PAGESIZE") / 1e6
    return (n_tensors, n_threads, len(list((PROCESS / "fd").iterdir()))), memory


@pytest.mark.skipif(not PROCESS.exists(), reason="needs /proc")
def test_many_fits_leave_nothing_behind(data):
    def fits(n):
        for k in range(n):
            model = models()[k % 8]
            model.fit(*data).predict(data[0])
            if k % 4 == 0:
                model.partial_fit(*data)

    # What is loaded, compiled or set up once.
    fits(max(8, N_FITS // 10))
    before, memory = left_over()
    fits(N_FITS)
    after, grown = left_over()
    assert after == before
    print(f"{N_FITS} fits: {grown - memory:+.2f} MB, now {grown:.0f} MB")
    # Freed memory may be scattered; what a fit leaves behind would grow with their number.
    assert grown - memory < 8
