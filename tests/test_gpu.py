"""On a CUDA device: what is learnt, predicted, saved and gone on with is what it is on a CPU."""

import pickle

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from skorch.callbacks import Callback

from sklearn_ple import MMoEClassifierRegressor, PLEClassifierRegressor
from sklearn_ple.export import load, save
from sklearn_ple.training import rows as training_data

pytestmark = pytest.mark.gpu

SMALL = {"n_members": 2, "max_epochs": 3, "dropout": 0.0, "feature_dropout": 0.0}
SMALL |= {"random_state": 0, "early_stopping": True}


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 5)).astype(np.float32)
    y = np.column_stack([X[:, 0] > 0, X[:, 1] + 0.1 * rng.normal(size=600)])
    y[::7, 0] = np.nan
    return X, y


@pytest.fixture(scope="module")
def on_gpu(table):
    return PLEClassifierRegressor(**SMALL, device="cuda").fit(*table)


@pytest.mark.parametrize("n_members", [2, 4])
def test_a_gpu_learns_what_a_cpu_does(table, n_members):
    X, y = table
    models = [
        PLEClassifierRegressor(**SMALL | {"n_members": n_members, "device": device}).fit(X, y)
        for device in ("cuda", "cpu")
    ]
    there, here = (model.score(X, y) for model in models)
    assert_allclose(there, here, atol=0.01)
    for epoch, other in zip(*(model.history_ for model in models), strict=False):
        assert_allclose(epoch["loss"], other["loss"], rtol=0.01)


def test_a_saved_model_predicts_the_same(table, on_gpu, tmp_path):
    X, _ = table
    save(on_gpu, tmp_path / "model.safetensors")
    for again in (load(tmp_path / "model.safetensors"), pickle.loads(pickle.dumps(on_gpu))):
        assert_allclose(again.predict(X), on_gpu.predict(X), atol=1e-4)
        for own, other in zip(again.predict_proba(X), on_gpu.predict_proba(X), strict=True):
            if own is not None:
                assert_allclose(own, other, atol=1e-4)


def test_partial_fit_learns(table):
    X, y = table
    model = PLEClassifierRegressor(**SMALL, device="cuda")
    losses = [model.partial_fit(X, y).history_[-1]["loss"] for _ in range(5)]
    assert losses[-1] < losses[0]
    assert model.score(X, y) > 0.5


def test_rows_that_do_not_fit_are_moved_by_batch(table, on_gpu, monkeypatch):
    monkeypatch.setattr(training_data, "free_memory", lambda device: 0)
    model = PLEClassifierRegressor(**SMALL, device="cuda").fit(*table)
    assert_allclose(model.predict(table[0]), on_gpu.predict(table[0]), atol=0.05)


class NoWaiting(Callback):
    """Lets torch fail where a step of training, but the first, waits for the GPU."""

    def on_batch_begin(self, net, training=False, **_):
        self.n_ = getattr(self, "n_", 0) + training
        torch.cuda.set_sync_debug_mode("error" if training and self.n_ > 1 else "default")

    def on_batch_end(self, net, **_):
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("estimator", [PLEClassifierRegressor, MMoEClassifierRegressor])
def test_no_step_waits(table, estimator):
    parameters = {"max_epochs": 1, "n_members": 2, "device": "cuda", "random_state": 0}
    try:
        estimator(**parameters, callbacks=[NoWaiting()]).fit(*table)
    finally:
        torch.cuda.set_sync_debug_mode("default")
