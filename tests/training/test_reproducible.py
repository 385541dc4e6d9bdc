"""The same model in any thread and under any mode of torch; the global random state is left."""

import contextlib
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from dropping import DroppingRegressor
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from sklearn_ple import PLEClassifierRegressor, PLERegressor
from sklearn_ple.balancing import Balancer

OPTIONS = {"n_members": 2, "max_epochs": 2, "random_state": 0, "device": "cpu"}


class RandomWeights(Balancer):
    def weigh(self, batch):
        return torch.rand_like(batch.losses)


MODELS = {
    "default": PLEClassifierRegressor(**OPTIONS),
    "validated": PLERegressor(**OPTIONS, early_stopping=True),
    "balancer": PLERegressor(**OPTIONS, balancing=RandomWeights()),
    "network": DroppingRegressor(**OPTIONS),
}


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    return X, X[:, :2] + 0.1 * rng.normal(size=(200, 2))


@pytest.fixture(scope="module")
def alone(data):
    """Return the default model, fitted, and one that was fitted piece by piece."""
    return clone(MODELS["default"]).fit(*data), online(*data)


def online(X, y):
    return PLERegressor(**OPTIONS).partial_fit(X, y).partial_fit(X, y)


def fitted(model, data):
    X, y = data
    return np.asarray(clone(model).fit(X, y).predict(X))


@pytest.mark.parametrize("model", [MODELS["default"], MODELS["validated"]])
def test_fits_in_eight_threads_are_those_in_one(model, data):
    alone = fitted(model, data)
    before = torch.get_rng_state()
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: fitted(model, data), range(8)))
    assert all(np.array_equal(predicted, alone) for predicted in found)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_a_fit_does_not_depend_on_the_global_state_and_leaves_it(model, data):
    torch.manual_seed(1)
    first = fitted(model, data)
    torch.manual_seed(2)
    before = torch.get_rng_state()
    assert np.array_equal(fitted(model, data), first)
    assert torch.equal(torch.get_rng_state(), before)


@contextlib.contextmanager
def float64_by_default():
    torch.set_default_dtype(torch.float64)
    try:
        yield
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize(
    "mode",
    [torch.inference_mode, torch.no_grad, partial(torch.autocast, "cpu"), float64_by_default],
)
def test_modes_of_torch_change_nothing(mode, data, alone):
    X, y = data
    at_once, piecewise = alone
    expected = np.asarray(at_once.predict(X))
    with mode():
        assert np.array_equal(fitted(MODELS["default"], data), expected)
        assert at_once.transform(X).dtype == np.float32
        there = online(X, y)
    assert np.array_equal(there.predict(X), piecewise.predict(X))


@pytest.mark.parametrize("label", [1e200, 9.96921e36])
@pytest.mark.parametrize("balancing", ["equal", "uncertainty"])
def test_a_model_learns_again_after_labels_that_were_too_large(label, balancing):
    X = np.random.default_rng(0).normal(size=(120, 3))
    y = pd.DataFrame({"windy": X[:, 0] > 0, "number": X[:, 0] + X[:, 1]})
    wrong = y.assign(number=y["number"].where(y.index > 0, label))
    options = {"n_members": 1, "max_epochs": 2, "balancing": balancing, "random_state": 0}
    online = PLEClassifierRegressor(**options).partial_fit(X, y)
    warm = PLEClassifierRegressor(warm_start=True, **options).fit(X, y)
    for model, learn in ((online, online.partial_fit), (warm, warm.fit)):
        with pytest.warns(ConvergenceWarning, match="is not finite"):
            learn(X, wrong)
        before = model.transform(X)
        learn(X, y)
        assert np.isfinite(model.history_[-1]["loss"])
        assert (model.transform(X) != before).any(axis=0).mean() > 0.5
        moments = [m for state in model.net_.optimizer_.state.values() for m in state.values()]
        assert moments and all(torch.as_tensor(m).isfinite().all() for m in moments)


def test_divergence_in_the_last_step_is_noticed(data):
    X, y = data
    params = {"optimizer": "sgd", "lr_schedule": "constant", "batch_size": 200, "n_members": 1}
    params |= {"early_stopping": False, "max_epochs": 1, "random_state": 0, "device": "cpu"}
    model = PLERegressor(**params, learning_rate=1e30)
    with pytest.warns(ConvergenceWarning, match=r"\['y0', 'y1'\] is not finite in epoch 1"):
        model.fit(X, y)
    assert np.isfinite(model.predict(X)).all()
