"""The same model in any thread and under any mode of torch; the global random state is left."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from torch import nn

from sklearn_ple import PLEClassifierRegressor, PLERegressor
from sklearn_ple.balancing import Balancer
from sklearn_ple.base import MultiTaskEstimator, with_parameters
from sklearn_ple.nn import Body

OPTIONS = {"n_members": 2, "max_epochs": 2, "random_state": 0, "device": "cpu"}


class RandomWeights(Balancer):
    def backward(self, task_losses, module):
        (torch.rand_like(task_losses) * task_losses).sum().backward()


class Dropping(Body):
    """A network of layers of torch's own, with its dropout."""

    def __init__(self, in_features, n_outputs, **towers):
        super().__init__(n_outputs, **towers)
        self.layers = nn.Sequential(nn.Linear(in_features, 5), nn.Tanh(), nn.Dropout(0.5))
        self.towers = self.make_towers(5)

    def represent(self, inputs):
        return self.for_each_task(self.layers(inputs))


@with_parameters
class DroppingRegressor(MultiTaskEstimator):
    def make_network(self, in_features, tasks, **towers) -> Dropping:
        return Dropping(in_features, [task.n_outputs for task in tasks], **towers)


MODELS = {
    "default": PLEClassifierRegressor(**OPTIONS),
    "validated": PLERegressor(**OPTIONS, early_stopping=True),
    "balancer": PLERegressor(**OPTIONS, balancing=RandomWeights()),
    "network": DroppingRegressor(**OPTIONS),
}


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    return X, X[:, :2] + 0.1 * rng.normal(size=(200, 2))


def fitted(model, data):
    X, y = data
    return np.asarray(clone(model).fit(X, y).predict(X))


@pytest.mark.parametrize("model", [MODELS["default"], MODELS["validated"]])
def test_fits_in_eight_threads_are_those_in_one(model, data):
    alone = fitted(model, data)
    before = torch.get_rng_state()
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: fitted(model, data), range(16)))
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


@pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad])
def test_a_fit_learns_where_gradients_are_turned_off(mode, data):
    X, y = data
    model = MODELS["default"]
    alone = fitted(model, data)
    with mode():
        assert np.array_equal(fitted(model, data), alone)
        online = PLERegressor(**OPTIONS).partial_fit(X, y).partial_fit(X, y)
    expected = PLERegressor(**OPTIONS).partial_fit(X, y).partial_fit(X, y)
    assert np.array_equal(online.predict(X), expected.predict(X))


def test_divergence_in_the_last_step_is_noticed(data):
    X, y = data
    params = {"optimizer": "sgd", "lr_schedule": "constant", "batch_size": 200, "n_members": 1}
    params |= {"early_stopping": False, "max_epochs": 1, "random_state": 0, "device": "cpu"}
    model = PLERegressor(**params, learning_rate=1e30)
    with pytest.warns(ConvergenceWarning, match=r"\['y0', 'y1'\] is not finite in epoch 1"):
        model.fit(X, y)
    assert np.isfinite(model.predict(X)).all()
