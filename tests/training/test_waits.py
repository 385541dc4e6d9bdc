"""A training step never waits for the device: nothing that was computed is read back."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
import torch
from skorch.callbacks import Callback
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

import sklearn_ple
from sklearn_ple import PLEClassifierRegressor, SharedBottomClassifierRegressor
from sklearn_ple.balancing import Balancer
from sklearn_ple.datasets import load_nhefs

NETWORKS = [name for name in sklearn_ple.__all__ if name.endswith("ClassifierRegressor")]
SMALL = {"n_members": 2, "max_epochs": 1, "batch_size": 16, "random_state": 0, "dropout": 0.2}
# Of these the numbers have to be known before Python goes on, or they are copied to the device.
READING = {"item", "tolist", "numpy", "cpu", "__bool__", "__int__", "__float__", "__index__"}
COPYING = {"tensor", "as_tensor", "from_numpy", "new_tensor"}
DEPENDENT = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}
FOUND = Counter()


class Calls(TorchFunctionMode):
    """Counts calls from Python that read numbers, or copy them."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        name = getattr(func, "__name__", "")
        FOUND[name] += name in READING | COPYING
        if name in ("__getitem__", "__setitem__"):
            keys = args[1] if isinstance(args[1], tuple) else (args[1],)
            # The last are copied, too.
            FOUND["an index"] += any(isinstance(key, (list, np.ndarray)) for key in keys)
        return func(*args, **(kwargs or {}))


class Operations(TorchDispatchMode):
    """Counts operations whose results, or their shapes, depend on numbers."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        depends = bool(DEPENDENT & set(func.tags))
        if func is torch.ops.aten.index.Tensor:
            depends = any(index is not None and index.dtype == torch.bool for index in args[1])
        FOUND[str(func)] += depends
        return func(*args, **(kwargs or {}))


class Watch(Callback):
    """Counts what waits in the steps of training; the first one may set up what lasts."""

    def on_epoch_begin(self, net, **_):
        FOUND.clear()
        self.n_steps_ = 0

    def on_batch_begin(self, net, training=False, **_):
        self.modes_ = [Calls(), Operations()] if training and self.n_steps_ else []
        for mode in self.modes_:
            mode.__enter__()

    def on_batch_end(self, net, training=False, **_):
        for mode in reversed(self.modes_):
            mode.__exit__(None, None, None)
        self.n_steps_ += training


def make_data(kind=None):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(48, 3)), columns=list("abc"))
    X["d"] = pd.Categorical(rng.choice(list("uvw"), 48))
    click = X["a"] + rng.normal(size=48) > 0
    y = pd.DataFrame({"click": click, "buy": click & (X["b"] > 0)}).astype("Int64")
    y.iloc[::9, 1] = pd.NA
    if kind:
        y["more"] = rng.integers(1, 4, 48)
    return X, y


def waits(model, kind=None):
    """Fit, and count what waits in three steps but the first."""
    model.set_params(callbacks=[Watch()]).fit(*make_data(kind))
    return {name: n for name, n in FOUND.items() if n}


@pytest.mark.parametrize("name", NETWORKS)
def test_no_step_of_any_network_waits(name):
    assert waits(getattr(sklearn_ple, name)(**SMALL)) == {}


def test_no_step_of_the_defaults_waits():
    X, y = load_nhefs(return_X_y=True)
    model = PLEClassifierRegressor(max_epochs=1, random_state=0, callbacks=[Watch()])
    model.fit(X[:300], y[:300])
    assert not +FOUND


@pytest.mark.parametrize(
    "parameters",
    [
        *({"balancing": name} for name in ("uncertainty", "geometric", "famo")),
        {"depends_on": {"buy": "click"}},
        {"n_levels": 2},
        {"weight_averaging": 0.0, "numeric_embedding": None},
    ],
    ids=str,
)
def test_no_step_of_other_parameters_waits(parameters):
    assert waits(PLEClassifierRegressor(**SMALL | parameters)) == {}


@pytest.mark.parametrize(
    "kind",
    ["multiclass", "ordinal", "huber", "quantile", "count", "tweedie", "hurdle", "survival"],
)
def test_no_step_of_any_kind_of_task_waits(kind):
    model = SharedBottomClassifierRegressor(**SMALL, task_types={"more": kind})
    assert waits(model, kind) == {}


class Reads(Balancer):
    """Reads a loss back in every step."""

    def weigh(self, batch):
        return torch.ones_like(batch.losses) * min(batch.losses[0, 0].item(), 1.0)


class Masks(Balancer):
    """Chooses by a mask in every step."""

    def weigh(self, batch):
        return torch.ones_like(batch.losses) * batch.losses[batch.shares > 0].sum()


@pytest.mark.parametrize(
    ("balancing", "found"), [(Reads(), "item"), (Masks(), "aten.index.Tensor")]
)
def test_a_step_that_waits_is_found(balancing, found):
    # Of three steps the first one is not looked at.
    assert waits(SharedBottomClassifierRegressor(**SMALL, balancing=balancing))[found] == 2
