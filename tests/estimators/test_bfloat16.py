"""Products in bfloat16 while training, all else in float32."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.base import clone

from sklearn_ple import (
    MMoEClassifierRegressor,
    PLEClassifierRegressor,
    SluiceClassifierRegressor,
)
from sklearn_ple.balancing import BALANCERS
from sklearn_ple.datasets import load_nhefs
from sklearn_ple.nn import PLE, InputLayer, LinearPath, TabularNetwork
from sklearn_ple.training import device as devices
from sklearn_ple.training.device import check_bfloat16


@pytest.fixture
def instructions(monkeypatch):
    """Pretend that every device has the instructions: without them torch emulates them."""
    monkeypatch.setattr(devices, "_has_bfloat16", lambda device: True)


@pytest.fixture(scope="module")
def nhefs():
    return load_nhefs(tasks=["death", "exercise", "wt82_71"], return_X_y=True)


def make_model(**params):
    fast = {"n_members": 2, "max_epochs": 3, "early_stopping": False, "random_state": 0}
    return PLEClassifierRegressor(dtype="bfloat16", device="cpu", **fast | params)


def test_scores_are_those_of_float32(instructions, nhefs, seed):
    X, y = nhefs
    options = {"max_epochs": 5, "learning_rate": 0.005, "random_state": seed}
    less = make_model(**options).fit(X[::2], y[::2])
    more = make_model(**options).set_params(dtype="float32").fit(X[::2], y[::2])
    scores = [model.score(X[1::2], y[1::2]) for model in (less, more)]
    assert scores[1] > 0.2
    assert scores[0] == pytest.approx(scores[1], abs=0.01)
    # It did make a difference.
    assert not np.array_equal(less.predict(X[:50])["wt82_71"], more.predict(X[:50])["wt82_71"])


def test_only_products_of_the_body_in_training_are_less_precise():
    torch.manual_seed(0)
    body, path = PLE(5, [1, 2], n_levels=2), LinearPath(5, [1, 2])
    network = TabularNetwork(InputLayer(5), body, linear=path)
    inputs = torch.randn(64, 5), torch.zeros(64, 0, dtype=torch.int64)
    expected = network(*inputs)
    network.product_dtype = torch.bfloat16
    outputs = network(*inputs)
    assert outputs.dtype == torch.float32
    assert not torch.equal(outputs, expected)
    torch.testing.assert_close(outputs, expected, rtol=0.05, atol=0.02)
    outputs.sum().backward()
    assert {parameter.grad.dtype for parameter in network.parameters()} == {torch.float32}
    evaluated = network.eval()(*inputs)
    network.product_dtype = None
    assert torch.equal(network(*inputs), evaluated)


def test_weights_and_predictions_are_float32_and_rows_are_alone(instructions, nhefs):
    X, y = nhefs
    model = make_model(max_epochs=1).fit(X[:400], y[:400])
    assert {parameter.dtype for parameter in model.module_.parameters()} == {torch.float32}
    states = model.net_.optimizer_.state.values()
    assert {state["exp_avg"].dtype for state in states} <= {torch.float32}
    together = model.predict(X[:100])
    for row in (0, 57):
        pd.testing.assert_frame_equal(model.predict(X[row : row + 1]), together[row : row + 1])


def test_copies_and_pickles(instructions, nhefs):
    X, y = nhefs
    assert clone(make_model()).dtype == "bfloat16"
    X, y = X[:200], y[:200]
    model = make_model(max_epochs=1).fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    assert again.module_.product_dtype is torch.bfloat16
    pd.testing.assert_frame_equal(again.predict(X), model.predict(X))
    assert_array_equal(clone(model).fit(X, y).predict(X)["wt82_71"], model.predict(X)["wt82_71"])


@pytest.mark.parametrize("dtypes", [("float32", "bfloat16"), ("bfloat16", "float32")])
def test_training_goes_on_in_the_other_dtype(dtypes, instructions, nhefs):
    X, y = nhefs[0][:200], nhefs[1][:200]
    model = make_model(max_epochs=1, warm_start=True)
    products = []
    for dtype in dtypes:
        model.set_params(dtype=dtype).fit(X, y)
        products.append(model.module_.product_dtype)
    assert len(model.history_) == 2
    assert set(products) == {None, torch.bfloat16}


@pytest.mark.parametrize("balancing", sorted(BALANCERS))
def test_all_ways_to_balance_work(balancing, instructions, nhefs):
    X, y = nhefs
    model = make_model(max_epochs=1, n_levels=2, balancing=balancing).fit(X[:200], y[:200])
    assert np.isfinite(model.history_[-1]["loss"])


@pytest.mark.parametrize("cls", [MMoEClassifierRegressor, SluiceClassifierRegressor])
def test_other_systems_and_partial_fit_take_it(cls, instructions, nhefs):
    X, y = nhefs
    model = cls(dtype="bfloat16", n_members=1, random_state=0, device="cpu")
    model.partial_fit(X[:300], y[:300]).partial_fit(X[:300], y[:300])
    assert model.module_.product_dtype is torch.bfloat16


def test_a_processor_without_it_refuses(monkeypatch, nhefs):
    X, y = nhefs
    capabilities = {"avx512_f": True, "avx512_bf16": False, "amx_bf16": False}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    for fit in (make_model().fit, make_model().partial_fit):
        with pytest.raises(ValueError, match="dtype='bfloat16' .* this processor has no instruct"):
            fit(X, y)
    capabilities["avx512_bf16"] = True
    check_bfloat16("cpu")


def test_a_gpu_without_it_refuses(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    with pytest.raises(ValueError, match="dtype='bfloat16' .* device='cuda:0' has no"):
        check_bfloat16("cuda:0")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 0))
    check_bfloat16("cuda:0")
    monkeypatch.setattr(torch.backends.mps, "is_macos_or_newer", lambda *version: False)
    with pytest.raises(ValueError, match="device='mps' has no"):
        check_bfloat16("mps")
