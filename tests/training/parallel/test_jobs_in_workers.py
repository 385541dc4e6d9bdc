"""Jobs are run by worker processes of joblib's backends.

Starting processes takes seconds. All backends are tested at night.
"""

import os
import subprocess
import sys
import threading
from contextlib import contextmanager

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from sklearn_ple import PLEClassifierRegressor
from sklearn_ple.training import cpu
from sklearn_ple.training.parallel import workers

SMALL = {
    "n_members": 4,
    "max_epochs": 4,
    "n_iter_no_change": 2,
    "batch_size": 21,
    "early_stopping": True,
    "refit": False,
    "random_state": 0,
    "device": "cpu",
    "dtype": "float64",
}
RNG = np.random.RandomState(0)
X = RNG.randn(110, 5)
Y = np.column_stack([X[:, 0] + X[:, 1], X[:, 2] > 0])
TASK_TYPES = ["regression", "binary"]


def fit(n_jobs, **params):
    params = SMALL | {"task_types": TASK_TYPES} | params
    return PLEClassifierRegressor(**params, n_jobs=n_jobs).fit(X, Y)


def assert_alike(model, other):
    own, others = (m.module_.state_dict() for m in (model, other))
    for name, tensor in own.items():
        torch.testing.assert_close(tensor, others[name], rtol=1e-6, atol=1e-9)
    for epoch, its in zip(model.history_, other.history_, strict=True):
        for name in epoch.keys() - {"seconds"}:
            np.testing.assert_allclose(epoch[name], its[name], rtol=1e-6)


def killed(where, flag=None):
    """Return what ends the process of the second job, once if there is a flag's path."""
    attempt = workers._attempt

    def attempted(train, job, *args):
        if job.members.first and os.getpid() != where and (flag is None or not flag.exists()):
            if flag is not None:
                flag.touch()
            os._exit(1)
        return attempt(train, job, *args)

    return attempted


@pytest.fixture
def loky():
    """Return what calls functions in two processes, which the tests by day have in common."""
    with joblib.parallel_config("loky", n_jobs=2, inner_max_num_threads=1):
        # As fits do: of another mode joblib would start other processes.
        yield lambda calls: joblib.Parallel(mmap_mode="c")(calls)


def count_threads(n_jobs):
    with cpu.suitable_threads("cpu", 2**40, n_jobs):
        return torch.get_num_threads()


def test_in_a_worker_process_n_jobs_keeps_to_its_share(loky):
    assert loky(joblib.delayed(count_threads)(n) for n in (1, 2, -1, None)) == [1, 1, 1, 1]


def test_another_process_fits_and_predicts(loky):
    model = fit(1)
    there, again = loky([joblib.delayed(model.predict)(X), joblib.delayed(clone(model).fit)(X, Y)])
    # Processes that joblib starts cannot import what is beside this file.
    for predicted in (there, again.predict(X)):
        np.testing.assert_allclose(predicted, model.predict(X), rtol=1e-5, atol=1e-6)


@pytest.mark.nightly
@pytest.mark.usefixtures("loky")
def test_a_job_that_loses_its_process_is_trained_again(tmp_path, monkeypatch):
    flag = tmp_path / "was there"
    monkeypatch.setattr(workers, "_attempt", killed(os.getpid(), flag))
    assert_alike(fit(2), fit(1))
    assert flag.exists()


INTERRUPTED = """
import os, signal, threading, warnings
import numpy as np
from sklearn_ple import PLERegressor
from sklearn_ple.training.parallel.workers import Board

def press_ctrl_c(board):
    while board.n_steps < 3:
        threading.Event().wait(0.01)
    # As a terminal does, which sends it to all processes.
    os.killpg(0, signal.SIGINT)

class Watched(Board):
    def begin_epoch(self):
        threading.Thread(target=press_ctrl_c, args=[self]).start()
        return super().begin_epoch()

if __name__ == "__main__":
    from sklearn_ple.training.parallel import workers

    signal.signal(signal.SIGINT, signal.default_int_handler)
    workers.Board = Watched
    rng = np.random.RandomState(0)
    X = rng.randn(100_000, 5)
    with warnings.catch_warnings(record=True) as found:
        model = PLERegressor(n_jobs=2, n_members=4, random_state=0).fit(X, X[:, :2])
    print(model.n_iter_, np.isfinite(model.predict(X[:2])).all().all(), found[0].message)
"""


@pytest.mark.nightly
@pytest.mark.skipif(sys.platform == "win32", reason="needs groups of processes")
def test_ctrl_c_in_a_terminal_ends_a_fit_of_processes_with_a_model(tmp_path):
    script = tmp_path / "interrupted.py"
    script.write_text(INTERRUPTED)
    command = [sys.executable, str(script)]
    done = subprocess.run(command, capture_output=True, text=True, start_new_session=True)
    assert done.stdout.startswith("0 True Training was ended in its first epoch"), done.stderr
    # No worker has anything to say.
    assert "Traceback" not in done.stderr


@pytest.mark.nightly
@pytest.mark.usefixtures("loky")
def test_members_whose_process_is_lost_twice_are_named(monkeypatch):
    monkeypatch.setattr(workers, "_attempt", killed(os.getpid()))
    model = PLEClassifierRegressor(**SMALL, n_jobs=2)
    with pytest.raises(RuntimeError, match="members 2 to 3 of 4"):
        model.fit(X, Y)
    assert not hasattr(model, "net_")


def unreachable():
    raise ConnectionError("no scheduler at tcp://10.0.0.1:8786")


class BrokenBackend(joblib._parallel_backends.ThreadingBackend):
    """A backend whose cluster cannot be reached by the first jobs."""

    n_lost = 0

    def submit(self, func, callback=None):
        is_lost = BrokenBackend.n_lost > 0
        BrokenBackend.n_lost -= is_lost
        return super().submit(unreachable if is_lost else func, callback)


joblib.register_parallel_backend("broken", BrokenBackend)


def test_a_job_that_a_backend_loses_is_trained_again():
    BrokenBackend.n_lost = 1
    with joblib.parallel_config("broken"):
        assert_alike(fit(2), fit(1))
    assert BrokenBackend.n_lost == 0


def test_what_a_backend_says_is_passed_on():
    BrokenBackend.n_lost = 100
    words = "trained members 0 to 1 of 4.*ConnectionError: no scheduler at tcp://10.0.0.1:8786"
    with joblib.parallel_config("broken"), pytest.raises(RuntimeError, match=words) as raised:
        fit(2)
    assert "memory" not in str(raised.value)


class LateBackend(joblib._parallel_backends.ThreadingBackend):
    """A backend that cannot begin its first job. In threads, others would go on beside a retry."""

    n_begun = 0

    def submit(self, *args, **kwargs):
        LateBackend.n_begun += 1
        if LateBackend.n_begun == 1:
            raise OSError("no process can be started")
        return super().submit(*args, **kwargs)


joblib.register_parallel_backend("late", LateBackend)


def test_no_job_counts_twice_if_one_could_not_begin():
    LateBackend.n_begun = 0
    with joblib.parallel_config("late"):
        assert_alike(fit(2), fit(1))
    assert LateBackend.n_begun > 2


class LendingBackend(joblib._parallel_backends.ThreadingBackend):
    """A backend whose workers, like Dask's, lend their place while a fit in them waits."""

    waited = ()

    @contextmanager
    def retrieval_context(self):
        LendingBackend.waited += (threading.current_thread(),)
        yield


def test_the_thread_of_a_fit_lends_its_place_while_it_waits():
    joblib.register_parallel_backend("lending", LendingBackend)
    with joblib.parallel_config("lending"):
        fit(2)
    assert threading.current_thread() in LendingBackend.waited


@pytest.fixture
def client():
    """Return the client of a cluster of two processes."""
    distributed = pytest.importorskip("distributed")
    processes = {"n_workers": 2, "threads_per_worker": 1, "processes": True}
    with (
        distributed.LocalCluster(**processes, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.mark.nightly
def test_jobs_run_on_a_cluster_of_dask(client, tmp_path, monkeypatch):
    with joblib.parallel_config("dask"):
        together = fit(1)
        assert_alike(fit(-1), together)
        # Nor does it need n_jobs, as scikit-learn's forests do not.
        assert_alike(fit(None, validation_fraction=0.2), fit(1, validation_fraction=0.2))
        flag = tmp_path / "was there"
        monkeypatch.setattr(workers, "_attempt", killed(os.getpid(), flag))
        assert_alike(fit(2), together)
    assert flag.exists()


@pytest.mark.nightly
def test_a_grid_search_on_a_cluster_of_dask_finds_the_same_scores(client):
    model = PLEClassifierRegressor(**SMALL, task_types=TASK_TYPES)
    searches = [GridSearchCV(model, {"dropout": [0.1, 0.2]}, cv=2) for _ in range(2)]
    searches[0].fit(X, Y)
    with joblib.parallel_config("dask"):
        searches[1].fit(X, Y)
    scores = [search.cv_results_["mean_test_score"] for search in searches]
    np.testing.assert_allclose(*scores, rtol=1e-6)


@pytest.mark.nightly
def test_jobs_run_in_workers_of_ray():
    ray = pytest.importorskip("ray")
    from ray.util.joblib import register_ray

    ray.init(num_cpus=2, include_dashboard=False)
    try:
        register_ray()
        with joblib.parallel_config("ray"):
            assert_alike(fit(2), fit(1))
    finally:
        ray.shutdown()
