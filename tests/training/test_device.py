"""Devices: chosen, refused, and left behind when a model moves to a machine without them."""

import io
import pickle

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from skorch.exceptions import DeviceWarning

from sklearn_ple import PLERegressor
from sklearn_ple.training.cpu import check_n_jobs
from sklearn_ple.training.device import resolve_device

F32, F64 = torch.float32, torch.float64
HAS_GPU = torch.cuda.is_available()


@pytest.fixture
def machine(monkeypatch):
    """Pretend to have some GPUs."""

    def pretend(cuda=0, mps=False):
        monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return pretend


def test_auto_takes_a_gpu_if_there_is_one(machine):
    machine()
    assert resolve_device("auto", F32) == "cpu"
    machine(cuda=2)
    assert resolve_device("auto", F32) == "cuda:0"
    machine(mps=True)
    assert resolve_device("auto", F32) == "mps"
    assert resolve_device("auto", F64) == "cpu"


def test_a_device_that_is_there_is_used_by_its_name(machine):
    machine(cuda=2, mps=True)
    for name in ("cpu", "cuda", "cuda:1", "mps"):
        assert resolve_device(name, F32) == name
    with pytest.raises(ValueError, match="'mps' does not support float64"):
        resolve_device("mps", F64)


def test_what_is_not_there_is_named_beside_what_is(machine):
    machine(cuda=1)
    with pytest.raises(ValueError, match="'cuda:1' is not there; .* 'cuda:0', 'cpu'.*'auto'"):
        resolve_device("cuda:1", F32)


def test_cores_of_a_gpu_are_refused(machine):
    machine(mps=True)
    X, y = np.arange(20.0)[:, None], np.arange(20.0)
    for n_jobs in (2, -1):
        model = PLERegressor(n_jobs=n_jobs, device="mps")
        with pytest.raises(ValueError, match=f"n_jobs={n_jobs} cannot be used on device='mps'"):
            model.fit(X, y)
        assert not hasattr(model, "net_")
    for n_jobs in (None, 1):
        check_n_jobs(n_jobs, "mps")


@pytest.mark.filterwarnings(
    "ignore:Requested to load data to CUDA:skorch.exceptions.DeviceWarning"
)
def test_a_model_of_a_gpu_unpickles_without_one():
    rng = np.random.RandomState(0)
    X, y = rng.randn(60, 3), rng.randn(60)
    model = PLERegressor(max_epochs=2, random_state=0, device="cpu").fit(X, y)
    # As if it had been fitted there: skorch asks the device what to map the tensors to.
    model.net_.device = model.device_ = "cuda:0"
    stored = pickle.dumps(model)
    if HAS_GPU:
        pytest.skip("this machine has the GPU that the model is to miss")
    with pytest.warns(DeviceWarning, match="not available"):
        loaded = pickle.loads(stored)
    assert torch.device(loaded.net_.device) == torch.device("cpu") == torch.device(loaded.device_)
    model.net_.device = "cpu"
    assert_array_equal(loaded.predict(X), model.predict(X))


def test_no_tensor_is_pickled_but_those_that_skorch_maps_to_a_device():
    X = np.random.RandomState(0).randn(1200, 3)
    model = PLERegressor(max_epochs=2, random_state=0).fit(X, X[:, 0])
    state = vars(model) | {"net_": model.net_.__getstate__()}
    found = []

    class Finder(pickle.Pickler):
        def persistent_id(self, obj):
            if isinstance(obj, torch.Tensor):
                found.append(obj)

    Finder(io.BytesIO()).dump(state)
    assert not found


@pytest.mark.gpu
def test_trains_and_predicts_on_a_gpu():
    rng = np.random.RandomState(0)
    X = rng.randn(2000, 3)
    y = X[:, 0] * 2
    model = PLERegressor(max_epochs=20, random_state=0, learning_rate=0.01).fit(X, y)
    assert model.device_ == "cuda:0"
    assert next(model.module_.parameters()).device.type == "cuda"
    assert model.score(X, y) > 0.9
    on_cpu = PLERegressor(max_epochs=20, random_state=0, learning_rate=0.01, device="cpu")
    assert abs(on_cpu.fit(X, y).score(X, y) - model.score(X, y)) < 0.05
