"""Members that are trained in groups are those that are trained together, to the last bit."""

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import Callback

import sklearn_ple
from sklearn_ple import PLEClassifierRegressor
from sklearn_ple.balancing import BALANCERS, GRADIENT_METHODS, GeometricMean
from sklearn_ple.nn.part import Part
from sklearn_ple.training import groups
from sklearn_ple.training.groups import parts_apart
from sklearn_ple.training.pieces import axis_of_members
from sklearn_ple.training.registers import InRegisters

SYSTEMS = sorted(name for name in sklearn_ple.__all__ if name.endswith("ClassifierRegressor"))
SMALL = {"n_members": 5, "max_epochs": 1, "batch_size": 17, "random_state": 0, "device": "cpu"}
VALIDATED = {"early_stopping": True, "refit": False}


def make_data():
    rng = np.random.RandomState(0)
    n = 60
    X = pd.DataFrame(rng.randn(n, 3), columns=["a", "b", "c"])
    X["town"] = pd.Categorical(rng.choice(["x", "y", "z"], n))
    X.loc[::9, "b"] = np.nan
    y = pd.DataFrame({"number": X["a"] * 2 + rng.randn(n), "event": rng.randint(0, 2, n) > 0})
    y["kind"] = rng.choice(["one", "two", "three"], n)
    y.loc[::7, "number"] = np.nan
    return X, y


X, Y = make_data()


@pytest.fixture
def rounds(monkeypatch):
    """Return the numbers of epochs of the rounds that are trained in groups."""
    lengths, train = [], groups.Groups._train

    def spied(self, n_epochs):
        lengths.append(n_epochs)
        return train(self, n_epochs)

    monkeypatch.setattr(groups.Groups, "_train", spied)
    return lengths


def flagship(**params):
    return PLEClassifierRegressor(**(SMALL | params))


def apart(model, n_jobs=2, backend="threading", X=X, **fit_params):
    """Fit a copy of a model in groups."""
    model = unfitted(model).set_params(n_jobs=n_jobs)
    with joblib.parallel_config(backend):
        return model.fit(X, Y, **fit_params)


def unfitted(model):
    """Copy a model with the parameters' own values, of which clone would make copies."""
    return type(model)(**model.get_params(deep=False))


def tensors(state):
    """List all tensors in what a state consists of."""
    if isinstance(state, torch.Tensor):
        return [state]
    parts = state.values() if isinstance(state, dict) else state
    is_nested = isinstance(state, (dict, list, tuple))
    return [tensor for part in parts for tensor in tensors(part)] if is_nested else []


def assert_same(model, other):
    """Check that two models are one: their weights, history, and what they go on with."""
    for part in ("module_", "criterion_", "optimizer_"):
        own, others = (tensors(getattr(m.net_, part).state_dict()) for m in (model, other))
        assert len(own) == len(others)
        for tensor, its in zip(own, others, strict=True):
            assert torch.equal(tensor, its), part
    for epoch, its in zip(model.history_, other.history_, strict=True):
        differs = {name for name in epoch | its if epoch.get(name) != its.get(name)}
        assert differs <= {"seconds"}
    draws = [m._rng.randint(2**31) for m in (model, other)]
    assert draws[0] == draws[1]


# -- the same for all networks and parameters ---------------------------------------------------


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_network(name, rounds):
    model = getattr(sklearn_ple, name)(**SMALL, **VALIDATED)
    together = unfitted(model).fit(X, Y)
    assert_same(apart(model), together)
    assert rounds == [1]


@pytest.mark.parametrize(
    "params",
    [
        {"activation": "silu", "expert_hidden_units": (7, 5), "n_levels": 2},
        {"activation": "elu", "expert_hidden_units": (9,), "tower_hidden_units": (3,)},
        {"numeric_embedding": "quantile", "embedding_dim": 3},
        {"numeric_embedding": None, "linear_path": False, "feature_dropout": 0.0},
        {"gate": "dselect_k", "n_shared_experts": 3, "load_balancing": 0.1},
        {"n_levels": 2, "stop_gradient": True, "gate_hidden_units": (5,)},
        {"dtype": "float64", "optimizer": "adam", "net_params": {"optimizer__amsgrad": True}},
        {"optimizer": "sgd", "learning_rate": 0.01, "weight_averaging": 0.0},
        {"task_weights": {"kind": 2.0}, "task_weight_decay": 0.9, "class_weight": "balanced"},
        {"n_members": 4, "batch_size": 1, "expert_hidden_units": (3,)},
    ],
    ids=str,
)
def test_parameters(params, rounds):
    model = flagship(**VALIDATED, **params)
    assert_same(apart(model), unfitted(model).fit(X, Y))
    assert rounds


def test_sparse_numbers(rounds):
    numbers = sparse.csr_matrix(X[["a", "c"]].clip(lower=0))
    model = flagship(**VALIDATED)
    assert_same(apart(model, X=numbers), unfitted(model).fit(numbers, Y))
    assert rounds


@pytest.mark.parametrize("balancing", sorted(BALANCERS.keys() - GRADIENT_METHODS - {"equal"}))
def test_balancing(balancing, rounds):
    model = flagship(balancing=balancing, max_epochs=2, early_stopping=False)
    assert_same(apart(model), unfitted(model).fit(X, Y))
    assert rounds == [2]


# -- rounds ---------------------------------------------------------------------------------------


def test_rounds_last_until_training_may_end(rounds):
    model = flagship(
        **VALIDATED, lr_schedule="one_cycle", max_epochs=12, n_iter_no_change=3, learning_rate=0.03
    )
    together = unfitted(model).fit(X, Y)
    assert_same(apart(model), together)
    assert sum(rounds) == len(together.history_)
    assert len(rounds) > 1 and rounds[0] == 3


def test_validation_on_rows_set_aside_and_a_training_on_all_rows(rounds):
    model = flagship(
        early_stopping=True, validation_fraction=0.2, refit=True, max_epochs=4, verbose=1
    )
    together = unfitted(model).fit(X, Y)
    assert_same(apart(model), together)
    assert sum(rounds) > len(together.history_)


def test_further_fits_go_on_alike():
    together = flagship(warm_start=True, max_epochs=3).fit(X, Y)
    other = apart(together)
    with joblib.parallel_config("threading"):
        other.fit(X, Y).set_params(n_jobs=1).partial_fit(X, Y)
    assert_same(other, together.fit(X, Y).partial_fit(X, Y))
    together.add_task(X, Y["number"].rename("more"))
    with joblib.parallel_config("threading"):
        other.add_task(X, Y["number"].rename("more"))
    assert_array_equal(other.predict(X[:9])["more"], together.predict(X[:9])["more"])


def test_a_fit_goes_on_from_a_checkpoint_for_another_number_of_jobs(tmp_path, rounds):
    class Interrupted(BaseException):
        pass

    model = flagship(**VALIDATED, max_epochs=5)
    together = unfitted(model).fit(X, Y)
    model.set_params(checkpoint_dir=str(tmp_path))
    train = groups.Groups._train

    def stopped(self, n_epochs):
        if len(rounds) == 2:
            raise Interrupted
        return train(self, n_epochs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(groups.Groups, "_train", stopped)
        with pytest.raises(Interrupted):
            apart(model)
    assert rounds == [1, 1]
    assert_same(unfitted(model).set_params(n_jobs=1).fit(X, Y), together)


def test_a_loss_that_is_not_finite_ends_a_round_in_its_middle(rounds):
    model = flagship(early_stopping=False, max_epochs=5, learning_rate=1e18, optimizer="sgd")
    fits = []
    for fit in (apart, lambda model: unfitted(model).fit(X, Y)):
        with pytest.warns(ConvergenceWarning, match="is not finite"):
            fits.append(fit(model))
    assert rounds[0] == 5 and rounds[1] == len(fits[0].history_) < 5
    # NaN is not equal to itself.
    one, other = (tensors(m.net_.optimizer_.state_dict()) for m in fits)
    for own, its in zip(one, other, strict=True):
        assert torch.equal(own.nan_to_num(), its.nan_to_num())
    assert_array_equal(fits[0].predict(X)["number"], fits[1].predict(X)["number"])


# -- what is trained together ---------------------------------------------------------------------


class Counter(Callback):
    n_batches = 0

    def on_batch_end(self, net, training=False, **_):
        Counter.n_batches += training


class OwnGeometricMean(GeometricMean):
    members_apart = True


@pytest.mark.parametrize(
    "params",
    [
        {"n_members": 3},
        {"callbacks": [Counter()]},
        {"balancing": "cagrad"},
        {"balancing": OwnGeometricMean()},
        {"optimizer": torch.optim.RMSprop},
        {"net_params": {"iterator_train__num_workers": 0}},
        {"numeric_embedding": "periodic"},
        {"n_jobs": 1},
        {"n_jobs": None},
    ],
    ids=lambda params: next(iter(params)),
)
def test_what_cannot_be_parted_is_trained_together(params, rounds):
    Counter.n_batches = 0
    with joblib.parallel_config("threading"):
        flagship(**{"n_jobs": 2} | params, max_epochs=1).fit(X, Y)
    assert rounds == []
    assert Counter.n_batches == (4 if "callbacks" in params else 0)


def test_the_context_of_joblib_counts_without_n_jobs(rounds):
    with joblib.parallel_config("threading", n_jobs=2):
        flagship(max_epochs=1, early_stopping=False).fit(X, Y)
    assert rounds == [1]


def test_members_are_parted_evenly_but_not_singly(monkeypatch):
    monkeypatch.setattr(joblib, "effective_n_jobs", lambda n_jobs: 16 if n_jobs == -1 else n_jobs)
    assert parts_apart(8, 3) == [Part(0, 2, 8), Part(2, 5, 8), Part(5, 8, 8)]
    assert parts_apart(5, -1) == [Part(0, 2, 5), Part(2, 5, 5)]
    assert parts_apart(3, 4) == [Part(0, 3, 3)] and parts_apart(1, 4) == [Part(0, 1, 1)]


def test_the_axis_of_members_is_that_on_which_there_are_fewer():
    part = Part(2, 4, 6)
    size = torch.Size
    assert axis_of_members(size([6, 3]), size([2, 3]), part) == 0
    assert axis_of_members(size([5, 18]), size([5, 6]), part) == 1
    assert axis_of_members(size([5, 18]), size([5, 18]), part) is None
    for whole, own in [([6, 6], [2, 2]), ([6], [2, 1]), ([6, 5], [3, 5])]:
        with pytest.raises(ValueError, match="some members have"):
            axis_of_members(size(whole), size(own), part)


# -- steps of the optimizer -----------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["AdamW", "Adam", "SGD"])
@pytest.mark.parametrize(
    ("shape", "axis"), [((15, 7), 0), ((5, 64), 0), ((5, 1), 0), ((11, 15), 1)]
)
def test_an_optimizer_steps_through_some_members_as_through_all(optimizer, shape, axis):
    generator = torch.Generator().manual_seed(0)
    start, *gradients = torch.randn(4, *shape, generator=generator)
    make = getattr(torch.optim, optimizer)

    class Net:
        def __init__(self, values):
            self.parameter = torch.nn.Parameter(values)
            self.optimizer = make([self.parameter], lr=0.01, weight_decay=0.1, fused=True)

        def step(self, gradient, laid=None):
            def closure():
                self.optimizer.zero_grad()
                self.parameter.grad = gradient.clone()
                if laid is not None:
                    laid.on_grad_computed(self)
                return 0.0

            self.optimizer.step(closure)

    every = Net(start.clone())
    for gradient in gradients:
        every.step(gradient)
    for part in (Part(0, 2, 5), Part(1, 3, 5), Part(2, 5, 5)):
        n = shape[axis] // 5

        def own(tensor, part=part, n=n):
            return tensor.narrow(axis, n * part.first, n * len(part)).clone()

        few = Net(own(start))
        for gradient in gradients:
            # As between rounds, the state is that of the parameter in between.
            with InRegisters(few.optimizer, [axis], part) as laid:
                few.step(own(gradient), laid)
        assert torch.equal(few.parameter, own(every.parameter.detach()))
        for key, value in every.optimizer.state[every.parameter].items():
            of_few = few.optimizer.state[few.parameter][key]
            expected = own(value) if value.shape == shape else value
            assert torch.equal(of_few, expected)


def test_an_error_in_a_group_is_raised_as_it_is(monkeypatch):
    n_calls = []

    def fails(self, *args):
        n_calls.append(1)
        raise ValueError("something about a parameter")

    monkeypatch.setattr(groups.Group, "train", fails)
    with pytest.raises(ValueError, match="something about a parameter"):
        apart(flagship())
    assert len(n_calls) == 2
