"""A fit that starts from the weights of another estimator."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
import torch
from makers import mostly_nightly
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV

import sklearn_ple
from sklearn_ple import (
    AdaTTClassifierRegressor,
    PLEClassifierRegressor,
    PLERegressor,
    SharedBottomClassifierRegressor,
    SingleTaskClassifierRegressor,
    export,
)
from sklearn_ple.encoding.numeric import Piecewise

N = 100
OPTIONS = {"max_epochs": 1, "n_members": 2, "random_state": 0, "linear_path": False}
# So small a step that training ends where it starts.
STILL = OPTIONS | {"learning_rate": 1e-12, "early_stopping": False}

SYSTEMS = [
    *(getattr(sklearn_ple, name)(**STILL) for name in sklearn_ple.__all__ if "Regressor" in name),
    PLEClassifierRegressor(n_levels=2, n_specific_experts=2, **STILL),
    PLEClassifierRegressor(n_specific_experts={"a": 2}, **STILL),
]
#: Parameters that name all tasks, or have a value for each.
OF_EACH_TASK = [
    PLERegressor(n_specific_experts=[1, 2, 1], **STILL),
]


def make_table(columns="abc", seed=0):
    rng = np.random.RandomState(seed)
    X = pd.DataFrame(rng.randn(N, 2), columns=["u", "v"]).assign(town=rng.choice(["x", "y"], N))
    y = pd.DataFrame({name: X["u"] + rng.randn(N) for name in columns})
    return X, y


@pytest.fixture(scope="module")
def table():
    return make_table()


@pytest.fixture(scope="module")
def source(table):
    return PLERegressor(**OPTIONS).fit(*table)


def represented(model, X, task):
    """What the members' towers of a task read."""
    frame = pd.DataFrame(model.transform(X), columns=model.get_feature_names_out())
    return frame[[name for name in frame if name.startswith(f"{task}: ")]].to_numpy()


@pytest.fixture(scope="module")
def fit_other(table):
    """Fit a system from another seed, once for all tests."""
    return cache(lambda system: clone(system).set_params(random_state=1).fit(*table))


@pytest.mark.parametrize(
    "system",
    mostly_nightly(SYSTEMS + OF_EACH_TASK, SYSTEMS[::2] + OF_EACH_TASK),
    ids=lambda system: repr(system)[:45],
)
def test_the_same_tasks_start_where_the_other_ended(table, fit_other, system):
    X, y = table
    other = fit_other(system)
    start = clone(system).set_params(warm_start_from=other).fit(X, y)
    assert_allclose(start.predict(X), other.predict(X), rtol=1e-4, atol=1e-5)
    assert not np.allclose(clone(system).fit(X, y).predict(X), other.predict(X), atol=1e-3)


@pytest.mark.parametrize(
    "system",
    [
        s
        for s in SYSTEMS
        if not set(dir(s)) & {"by_channel", "n_subspaces", "reads", "calibrator_weight"}
        and not isinstance(s, AdaTTClassifierRegressor)
    ][:-2],
    ids=lambda system: repr(system)[:45],
)
def test_tasks_are_told_apart_by_name(table, fit_other, system):
    # Networks whose tasks read each other, as cross-stitch's and AdaTT's do, are left out.
    X, y = table
    other = fit_other(system)
    # An order that is not its own inverse.
    tasks = y.assign(d=X["v"])[["c", "d", "a"]]
    start = clone(system).set_params(warm_start_from=other).fit(X, tasks)
    for task in "ac":
        assert_allclose(start.predict(X)[task], other.predict(X)[task], rtol=1e-4, atol=1e-5)
    if system.family is None and type(system).__name__[:3] in ("PLE", "CGC", "MMo"):
        afresh = clone(system).fit(X, tasks)
        assert not np.allclose(start.predict(X)["d"], afresh.predict(X)["d"])


@pytest.mark.parametrize("tasks", [["a", "b", "c"], ["c", "a"]])
def test_a_gate_over_all_experts_weighs_those_of_a_task_as_before(table, tasks):
    X, y = table
    model = PLERegressor(n_levels=2, **STILL)
    other = clone(model).set_params(random_state=1).fit(X, y)
    start = clone(model).set_params(warm_start_from=other).fit(X, y[tasks])
    gate = "body.levels.0.shared_gate.logits.weight"
    # The network has the tasks in the order of their names, then come the shared experts.
    experts = ["abc".index(task) for task in sorted(tasks)] + [3]
    states = start.module_.state_dict(), other.module_.state_dict()
    assert_allclose(states[0][gate], states[1][gate][:, experts], atol=1e-6)
    shared = "body.levels.0.shared_experts.layers.0.weight"
    assert_allclose(*(state[shared] for state in states), atol=1e-6)


@pytest.mark.parametrize(
    ("model", "new", "names"),
    [
        # Lists of as many entries as there are new tasks and more are not lists of tasks.
        (
            PLERegressor(n_levels=2, **STILL),
            ["d"],
            [f"body.levels.{level}.shared_experts.layers.0.weight" for level in range(2)],
        ),
        (
            PLERegressor(expert_hidden_units=(8, 8, 8), numeric_embedding=None, **STILL),
            ["c", "d"],
            [f"body.levels.0.shared_experts.layers.{layer}.bias" for layer in range(3)],
        ),
    ],
    ids=["levels", "layers"],
)
def test_levels_and_layers_are_no_tasks(table, model, new, names):
    X, y = table
    other = clone(model).set_params(random_state=1).fit(X, y)
    labels = y.assign(d=X["v"])[new]
    states = (
        fitted.module_.state_dict()
        for fitted in (clone(model).set_params(warm_start_from=other).fit(X, labels), other)
    )
    for here, there in zip(*([state[name] for name in names] for state in states), strict=True):
        assert_allclose(here, there, atol=1e-6)


def test_experts_in_a_list_of_numbers_are_those_of_their_task(table):
    X, y = table
    model = PLERegressor(n_specific_experts=[2, 1, 2], **STILL)
    other = clone(model).set_params(random_state=1).fit(X, y)
    model.set_params(warm_start_from=FrozenEstimator(other))
    start = clone(model).fit(X, y[["c", "b"]].assign(d=X["v"]))
    states = start.module_.state_dict(), other.module_.state_dict()
    gates = "body.levels.0.task_gates.{}.logits.weight"
    for name, there in [
        ("body.levels.0.shared_experts.layers.0.weight",) * 2,
        ("body.towers.heads.0.weight", "body.towers.heads.2.weight"),
        (gates.format(0), gates.format(2)),
        (gates.format(1), gates.format(1)),
    ]:
        assert_allclose(states[0][name], states[1][there], atol=1e-6)
    own = "body.levels.0.specific_experts.layers.0.weight"
    here, there = (state[own].unflatten(0, (2, 5)) for state in states)
    # Two experts of "c", and one of "b".
    assert_allclose(here[:, :3], there[:, [3, 4, 2]], atol=1e-6)
    assert not np.isclose(here[:, 3:], there[:, :2], atol=1e-6).all(axis=(2, 3)).any()
    with pytest.raises(ValueError, match=r"instead of one for each of the tasks \['a', 'b'\]\."):
        clone(model).fit(X, y[["a", "b"]])


def test_scales_categories_and_bins_are_those_of_the_other(table, source):
    X, y = table
    other = X.assign(u=10 * X["u"], town="z")
    with pytest.warns(UserWarning, match="No value of column 'town'"):
        model = PLERegressor(warm_start_from=source, **STILL).fit(other, y)
    assert_allclose(represented(model, X, "a"), represented(source, X, "a"), atol=1e-4)
    assert_allclose(model.predict(X), source.predict(X), atol=1e-3)


def test_searches_keep_a_frozen_estimator(table, source):
    X, y = table
    start = FrozenEstimator(source)
    search = GridSearchCV(
        PLERegressor(**STILL), {"warm_start_from": [None, start]}, cv=2, error_score="raise"
    )
    best = search.fit(X, y).best_estimator_
    assert clone(PLERegressor(warm_start_from=start)).warm_start_from is start
    assert best.warm_start_from in (None, start)
    with pytest.raises(
        ValueError,
        match="not fitted. If it was fitted before, clone, for example",
    ):
        clone(PLERegressor(warm_start_from=source)).fit(X, y)


def test_partial_fit_starts_there_too(table, source):
    X, y = table
    rates = {"learning_rate": 1e-12, "weight_averaging": 0.0}
    model = PLERegressor(warm_start_from=source, **(OPTIONS | rates)).partial_fit(X, y)
    assert_allclose(represented(model, X, "a"), represented(source, X, "a"), atol=1e-4)


def test_a_refit_starts_from_the_other_model_too(table, source):
    X, y = table
    model = PLERegressor(
        warm_start_from=source, **(STILL | {"early_stopping": True, "refit": True})
    ).fit(X, y)
    assert_allclose(represented(model, X, "a"), represented(source, X, "a"), atol=1e-4)


def test_a_checkpoint_is_of_what_it_started_from(table, source, tmp_path):
    X, y = table
    model = PLERegressor(warm_start_from=source, checkpoint_dir=tmp_path, **OPTIONS).fit(X, y)
    again = clone(model).set_params(warm_start_from=FrozenEstimator(source)).fit(X, y)
    assert again.predict(X).equals(model.predict(X))
    other = PLERegressor(**OPTIONS).set_params(random_state=1).fit(X, y)
    with pytest.raises(ValueError, match="differs in the fitted model to start from"):
        clone(model).set_params(warm_start_from=other).fit(X, y)


def test_a_file_leaves_the_other_model_out(table, source, tmp_path):
    pytest.importorskip("safetensors")
    X, y = table
    model = PLERegressor(warm_start_from=source, **OPTIONS).fit(X, y)
    export.save(model, tmp_path / "model.safetensors")
    loaded = export.load(tmp_path / "model.safetensors")
    assert loaded.warm_start_from is None
    assert loaded.predict(X).equals(model.predict(X))


def test_a_few_rows_gain_by_the_experts_of_many(seed):
    rng = np.random.RandomState(seed)
    X = rng.randn(2600, 6)
    signal = np.abs(X[:, 0]) * np.sign(X[:, 1])
    y = np.column_stack([signal, signal + X[:, 2]]) + 0.1 * rng.randn(2600, 2)
    new = 2 * signal - X[:, 2]
    options = {"learning_rate": 0.005, "dropout": 0.1, "early_stopping": False, "n_members": 1}
    model = SharedBottomClassifierRegressor(
        max_epochs=25, numeric_embedding=None, random_state=seed, **options
    ).fit(X[:1800], y[:1800])
    few, test = slice(1800, 1900), slice(1900, None)
    from_many, alone = (
        clone(model).set_params(warm_start_from=start, max_epochs=60).fit(X[few], new[few])
        for start in (FrozenEstimator(model), None)
    )
    error, from_scratch = (
        np.mean((new[test] - m.predict(X[test])) ** 2) for m in (from_many, alone)
    )
    assert error < 0.75 * from_scratch


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"expert_hidden_units": (7,)},
            r"expert_hidden_units=\(7,\) \('auto' in warm_start_from",
        ),
        ({"n_members": 3}, r"n_members=3 \(2 in warm_start_from"),
        ({"n_levels": 2}, r"n_levels=2 \(1 in warm_start_from"),
        ({"warm_start_from": PLERegressor()}, "warm_start_from is not fitted"),
        ({"warm_start_from": FrozenEstimator(PLERegressor())}, "warm_start_from is not fitted"),
    ],
)
def test_other_networks_and_unfitted_models_are_no_start(table, source, params, message):
    model = PLERegressor(**(OPTIONS | {"warm_start_from": source} | params))
    with pytest.raises(ValueError, match=message):
        model.fit(*table)
    assert not hasattr(model, "net_")


def test_other_options_of_an_embedding_object_are_noticed(table):
    bends, steps = Piecewise(linear=True, steps=False), Piecewise(linear=False, steps=True)
    source = PLERegressor(numeric_embedding=bends, **OPTIONS).fit(*table)
    start = PLERegressor(warm_start_from=source, **OPTIONS)
    start.set_params(numeric_embedding=Piecewise(linear=True, steps=False)).fit(*table)
    with pytest.raises(ValueError, match=r"numeric_embedding=Piecewise\(.* in warm_start_from"):
        start.set_params(numeric_embedding=steps).fit(*table)


def test_other_estimators_and_columns_are_no_start(table, source):
    X, y = table
    with pytest.raises(TypeError, match="of type LinearRegression: it must be an estimator of"):
        PLERegressor(warm_start_from=LinearRegression()).fit(X, y)
    with pytest.raises(ValueError, match="is a PLERegressor, whose network is not that of a"):
        SharedBottomClassifierRegressor(warm_start_from=source).fit(X, y)
    alone = SingleTaskClassifierRegressor(**OPTIONS).fit(X, y)
    with pytest.raises(
        ValueError, match="is a SharedBottom, but that of warm_start_from a Single"
    ):
        SharedBottomClassifierRegressor(warm_start_from=alone, **OPTIONS).fit(X, y)
    with pytest.raises(ValueError, match="X has other columns .* would be .'u', 'v'.,"):
        PLERegressor(warm_start_from=source, **OPTIONS).fit(X[["u", "v"]], y)
    with pytest.raises(ValueError, match="X has other columns .* would be .'w', 'v', 'town'.,"):
        PLERegressor(warm_start_from=source, **OPTIONS).fit(X.rename(columns={"u": "w"}), y)
    with pytest.raises(ValueError, match="'warm_start_from' parameter of PLERegressor"):
        PLERegressor(warm_start_from="model").fit(X, y)


def test_a_model_cannot_start_from_itself(table):
    model = PLERegressor(**OPTIONS).fit(*table)
    before = model.predict(table[0])
    model.set_params(warm_start_from=FrozenEstimator(model))
    with pytest.raises(ValueError, match="the estimator itself: .* warm_start=True"):
        model.fit(*table)
    assert model.predict(table[0]).equals(before)


def test_a_classifier_starts_from_tasks_of_any_kind(table, source):
    X, y = table
    assert isinstance(source.module_.body.towers, torch.nn.Module)
    model = PLEClassifierRegressor(warm_start_from=source, **STILL).fit(X, y > 0)
    assert_allclose(represented(model, X, "b"), represented(source, X, "b"), atol=1e-4)
