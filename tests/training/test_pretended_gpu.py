"""Whole fits and predictions on a pretended GPU, which mix no tensors of two devices."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from makers import mostly_nightly
from numpy.testing import assert_allclose
from pretended_gpu import CPU, GPU, pretended_gpu
from skorch.callbacks import Callback

import sklearn_ple
from sklearn_ple import PLEClassifierRegressor
from sklearn_ple.export import load, save
from sklearn_ple.inspection import expert_health
from sklearn_ple.training import rows as data

# The pretence leaves torch in a state in which it would not initialise a real one.
pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")

NETWORKS = [name for name in sklearn_ple.__all__ if name.endswith("ClassifierRegressor")]
SMALL = {
    "n_members": 2,
    "max_epochs": 1,
    "batch_size": 32,
    "dropout": 0.0,
    "feature_dropout": 0.0,
    "early_stopping": True,
    "random_state": 0,
}
#: Networks of subspaces have dropout of their own, as those of experts do.
DROPPING = ("SluiceClassifierRegressor",)
KINDS = ("multiclass", "ordinal", "huber", "quantile", "count", "tweedie", "hurdle", "survival")
TASKS = ["click", "buy", "amount"]
N = 60


def make_table():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(N, 3)), columns=list("abc"))
    X.iloc[::7, 0] = np.nan
    X["d"] = pd.Categorical(rng.choice(list("uvw"), N))
    click = X["b"] + rng.normal(size=N) > 0
    y = pd.DataFrame({"click": click, "buy": click & (X["c"] > 0)}).astype("Int64")
    y.iloc[::9, 1] = pd.NA
    return X, y.assign(amount=X["b"] + 0.1 * rng.normal(size=N))


def fit(device, name="PLEClassifierRegressor", **parameters):
    return getattr(sklearn_ple, name)(**SMALL | parameters, device=device).fit(*make_table())


def in_pieces(device, _):
    X, y = make_table()
    model = PLEClassifierRegressor(**SMALL, device=device)
    return model.partial_fit(X, y).partial_fit(X[:50], y[:50])


def grown(model, _, **options):
    X, y = make_table()
    return model.add_task(X, y[["amount"]].rename(columns={"amount": "more"}), **options)


def saved(model, folder):
    save(model, folder / "model")
    return load(folder / "model")


def validated_apart(device, _):
    X, y = make_table()
    model = PLEClassifierRegressor(**SMALL, device=device)
    return model.fit(X[:50], y[:50], X_val=X[50:], y_val=y[50:])


def of_every_kind(device, _):
    X, y = make_table()
    labels = np.random.default_rng(0).integers(1, 4, N)
    y = y.assign(**dict.fromkeys(KINDS, labels))
    types = {kind: kind for kind in KINDS}
    model = PLEClassifierRegressor(**SMALL, task_types=types, device=device)
    return model.fit(X, y).calibrate(X, y)


def of_a_file(device, folder):
    pytest.importorskip("pyarrow")
    table = pd.concat(make_table(), axis=1)
    table.to_parquet(folder / "rows.parquet", index=False)
    model = PLEClassifierRegressor(**SMALL | {"early_stopping": False}, device=device)
    return model.fit(folder / "rows.parquet", TASKS)


def outputs(model):
    """Everything that a model predicts, by name."""
    X, _ = make_table()
    found = {"predict": model.predict(X).to_numpy(float), "transform": model.transform(X)}
    found |= {
        f"predict_proba {number}": part
        for number, part in enumerate(model.predict_proba(X))
        if part is not None
    }
    for number, level in enumerate(getattr(model, "gate_weights", lambda X: [])(X)):
        found |= {f"gate {number} {name}": part.to_numpy() for name, part in level.items()}
    return found


def moved_by_batch(device, _):
    pytest.importorskip("torchjd")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "free_memory", lambda device: 0)
        return fit(device, balancing="imtl_g")


SIMPLE = {"n_members": 1, "early_stopping": False}


def of_network(name, **parameters):
    return lambda device, _: fit(device, name, **SIMPLE | parameters)


WAYS = {
    "out of fold, statistics, depends_on": lambda device, _: fit(
        device, n_members=4, target_statistics=True, depends_on={"buy": "click"}
    ),
    "X_val": validated_apart,
    "partial_fit": in_pieces,
    "kinds of tasks, calibrated": of_every_kind,
    "a file of rows": of_a_file,
    "rows that do not fit, a gradient balancer": moved_by_batch,
    **{name: of_network(name) for name in NETWORKS if name != "PLEClassifierRegressor"},
}

#: What becomes of a fitted model.
THEN = {
    "rows set aside": lambda model, _: model,
    "warm_start": lambda model, _: model.set_params(warm_start=True).fit(*make_table()),
    "add_task": grown,
    "add_task, not frozen": lambda *args: grown(*args, freeze=False),
    "saved": saved,
    "copied": lambda model, _: pickle.loads(pickle.dumps(copy.deepcopy(model))),
}


@pytest.fixture(scope="module")
def fitted():
    """Return a model that was fitted on the CPU, and one that was on the GPU."""
    expected = fit("cpu")
    with pretended_gpu():
        return expected, fit("cuda:0")


def assert_on_gpu(model, expected):
    """Check within the pretence that a model is on the GPU, and predicts what is expected."""
    found = outputs(model)
    assert model.device_ == "cuda:0"
    assert {part.device for part in model.module_.parameters()} == {GPU}
    assert found.keys() == expected.keys()
    for name, part in expected.items():
        assert_allclose(found[name], part, atol=1e-4, err_msg=name)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_fit_on_a_gpu_is_that_on_the_cpu(way, tmp_path):
    expected = outputs(way("cpu", tmp_path))
    with pretended_gpu():
        assert_on_gpu(way("cuda:0", tmp_path), expected)


@pytest.mark.parametrize("then", THEN.values(), ids=THEN)
def test_what_follows_a_fit_on_a_gpu_is_that_on_the_cpu(then, fitted, tmp_path):
    own, there = fitted
    expected = outputs(then(copy.deepcopy(own), tmp_path))
    with pretended_gpu():
        assert_on_gpu(then(copy.deepcopy(there), tmp_path), expected)


def test_the_health_of_experts_is_that_on_the_cpu(fitted):
    X, _ = make_table()
    expected = expert_health(fitted[0], X).table
    with pretended_gpu():
        found = expert_health(fitted[1], X).table
    pd.testing.assert_frame_equal(found, expected, atol=1e-4)


@pytest.mark.parametrize("name", mostly_nightly(NETWORKS, DROPPING))
def test_dropout_of_any_network_is_drawn_on_the_gpu(name):
    with pretended_gpu():
        model = of_network(name, dropout=0.2, feature_dropout=0.2)("cuda:0", None)
    assert np.isfinite(model.history_[-1]["loss"])


def test_what_a_gpu_draws_comes_from_its_own_generator():
    options = SIMPLE | {"dropout": 0.2, "feature_dropout": 0.2}
    with pretended_gpu():
        one, other = (outputs(fit("auto", **options)) for _ in range(2))
    for name, part in one.items():
        assert np.isfinite(part).all()
        np.testing.assert_array_equal(part, other[name])


class Places(Callback):
    """Notes on which devices batches are read."""

    found = set()

    def on_batch_begin(self, net, batch, **_):
        self.found.add(batch[0]["numbers"].device)


def test_rows_that_fit_are_read_on_the_gpu():
    Places.found.clear()
    with pretended_gpu():
        fit("cuda:0", **SIMPLE, callbacks=[Places()])
    assert Places.found == {GPU}


REFUSED = {
    "a sum": lambda here, there: there + here,
    "numbers of rows": lambda here, there: there.index_select(0, here.long()),
    "an index": lambda here, there: here[there.long()],
    "a stack": lambda here, there: torch.stack([here[0], there[0]]),
    "a change": lambda here, there: here[0].add_(there[0]),
    "an array": lambda here, there: there.numpy(),
    "float64": lambda here, there: there.double(),
    "a generator": lambda here, there: there.normal_(generator=torch.Generator()),
}


@pytest.mark.parametrize("mix", REFUSED.values(), ids=REFUSED)
def test_the_pretended_gpu_refuses_what_a_gpu_does(mix):
    with pretended_gpu():
        here = torch.arange(3.0)
        with pytest.raises((RuntimeError, TypeError)):
            mix(here, here.to(GPU))


def test_the_pretended_gpu_allows_what_a_gpu_does():
    here = torch.arange(3.0)
    with pretended_gpu():
        there = torch.arange(3.0, device=GPU)
        made = [there * here[2], there[here.long()], torch.zeros(3, device=GPU).copy_(here * 2)]
        assert {part.device for part in made} == {GPU}
        made = [part.cpu() for part in made]
    assert {part.device for part in made} == {CPU}
    assert [part.tolist() for part in made] == [[0, 2, 4], [0, 1, 2], [0, 2, 4]]
