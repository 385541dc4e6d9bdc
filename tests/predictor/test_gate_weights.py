"""`gate_weights`: what the gates of fitted estimators do with rows."""

import numpy as np
import pandas as pd
import pytest
import torch
from makers import make_complete_table, make_tiny
from numpy.testing import assert_allclose
from scipy.special import softmax
from sklearn.exceptions import NotFittedError

from sklearn_ple import (
    AdaTTClassifierRegressor,
    CGCClassifierRegressor,
    ESMMClassifier,
    MMoEClassifierRegressor,
    PLEClassifierRegressor,
    SharedBottomClassifierRegressor,
)

N = 60


@pytest.fixture(scope="module")
def table():
    X, y = make_complete_table(N)
    return X.set_axis(np.arange(N) * 3 + 5), y


@pytest.fixture(scope="module")
def X(table):
    return table[0]


@pytest.fixture(scope="module")
def y(table):
    return table[1]


GATED = {
    "PLE": (
        PLEClassifierRegressor,
        {"n_levels": 2, "n_shared_experts": 2},
        [
            {
                "late": ["late 1", "shared 1", "shared 2"],
                "price": ["price 1", "shared 1", "shared 2"],
                "shared gate": ["late 1", "price 1", "shared 1", "shared 2"],
            },
            {
                "late": ["late 1", "shared 1", "shared 2"],
                "price": ["price 1", "shared 1", "shared 2"],
            },
        ],
    ),
    "experts by task": (
        PLEClassifierRegressor,
        {"n_levels": 2, "n_specific_experts": {"late": 2, "price": 0}},
        [
            {
                "late": ["late 1", "late 2", "shared 1"],
                "price": ["shared 1"],
                "shared gate": ["late 1", "late 2", "shared 1"],
            },
            {"late": ["late 1", "late 2", "shared 1"], "price": ["shared 1"]},
        ],
    ),
    "CGC": (
        CGCClassifierRegressor,
        {},
        [{"late": ["late 1", "shared 1"], "price": ["price 1", "shared 1"]}],
    ),
    "MMoE": (
        MMoEClassifierRegressor,
        {"n_experts": 2, "n_levels": 2},
        [
            {"to expert 1": ["expert 1", "expert 2"], "to expert 2": ["expert 1", "expert 2"]},
            {"late": ["expert 1", "expert 2"], "price": ["expert 1", "expert 2"]},
        ],
    ),
    "OMoE": (
        MMoEClassifierRegressor,
        {"n_experts": 2, "shared_gate": True},
        [{"all tasks": ["expert 1", "expert 2"]}],
    ),
}


@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize(("cls", "params", "names"), GATED.values(), ids=GATED.keys())
def test_levels_gates_and_experts_have_names_and_rows_sum_to_one(
    X, y, cls, params, names, n_members
):
    weights = make_tiny(cls, n_members=n_members, **params).fit(X, y).gate_weights(X)
    assert [{gate: list(w.columns) for gate, w in level.items()} for level in weights] == names
    for level in weights:
        for frame in level.values():
            assert frame.index.equals(X.index) and (frame > 0).all(axis=None)
            assert_allclose(frame.sum(axis=1), 1.0, rtol=1e-6)


TAKEN = {
    "PLE": (PLEClassifierRegressor, {"n_levels": 2}, "shared", "shared gate"),
    "AdaTT": (
        AdaTTClassifierRegressor,
        {"n_shared_experts": 1, "n_levels": 2},
        "shared",
        "shared gate",
    ),
    "MMoE": (MMoEClassifierRegressor, {"n_levels": 2}, "a", "to expert 1"),
    "OMoE": (MMoEClassifierRegressor, {"shared_gate": True}, "all tasks", "b"),
}


@pytest.mark.parametrize(("cls", "params", "late", "price"), TAKEN.values(), ids=TAKEN.keys())
def test_shared_parts_have_other_names_than_tasks(X, y, cls, params, late, price):
    weights = make_tiny(cls, **params).fit(X, y.set_axis([late, price], axis=1)).gate_weights(X)
    usual = make_tiny(cls, **params).fit(X, y).gate_weights(X)
    for level, expected in zip(weights, usual, strict=True):
        of_tasks = {"late", "price"} & set(expected)
        assert {late, price} & set(level) == ({late, price} if of_tasks else set())
        for frame, other in zip(level.values(), expected.values(), strict=True):
            assert frame.columns.is_unique
            assert_allclose(frame, other)


@pytest.mark.parametrize("n_members", [1, 2])
@pytest.mark.parametrize(
    ("share", "start", "scale"), [(0.2, np.log([0.2, 0.4, 0.4]), 0.03), (None, 0, 1)]
)
def test_weights_are_the_mean_over_the_members_of_the_softmax_of_their_features(
    X, y, n_members, share, start, scale
):
    fitted = make_tiny(
        n_members=n_members,
        numeric_embedding=None,
        clip_numbers=None,
        n_shared_experts=2,
        specific_share=share,
        dtype="float64",
    ).fit(X, y)
    numbers = ((X - X.mean()) / X.std(ddof=0)).to_numpy()
    matrices = fitted.module_.body.levels[0].task_gates.logits.weight.detach().numpy()
    assert matrices.shape == (n_members * 2, 3, 3)
    (weights,) = fitted.gate_weights(X)
    for k, task in enumerate(["late", "price"]):
        logits = [start + scale * numbers @ m.T for m in matrices[k::2]]
        expected = np.mean([softmax(own, axis=1) for own in logits], axis=0)
        assert_allclose(weights[task], expected, rtol=1e-6)
        assert weights[task].std().min() > 1e-3 * scale


@pytest.mark.parametrize("n_specific", [1, [2, 1]])
def test_a_rows_weights_do_not_depend_on_the_other_rows(X, y, n_specific):
    fitted = make_tiny(n_levels=2, n_specific_experts=n_specific).fit(X, y)
    few = fitted.gate_weights(X)
    for n_rows in (1, 15, 17, 1024, 1030, 2049):
        rows = np.random.RandomState(1).choice(N, n_rows)
        many = fitted.gate_weights(X.iloc[rows])
        for level, other in zip(few, many, strict=True):
            for gate in level:
                pd.testing.assert_frame_equal(other[gate], level[gate].iloc[rows], rtol=1e-5)


def test_single_experts_count_one(X, y):
    fitted = make_tiny(n_shared_experts=0, n_levels=2, n_members=3).fit(X, y)
    for level in fitted.gate_weights(X):
        assert {gate: frame.columns.tolist() for gate, frame in level.items()} == {
            "late": ["late 1"],
            "price": ["price 1"],
        }
        assert all((frame == 1.0).all(axis=None) for frame in level.values())


def test_arrays_have_a_plain_index(X, y):
    fitted = make_tiny().fit(X.to_numpy(), y.to_numpy(dtype=float))
    (weights,) = fitted.gate_weights(X.to_numpy())
    assert list(weights) == ["y0", "y1"]
    assert weights["y0"].index.equals(pd.RangeIndex(N))


def test_looking_leaves_the_estimator_as_it_was(X, y):
    fitted = make_tiny().fit(X, y)
    before, state = fitted.predict(X), dict(vars(fitted))
    fitted.gate_weights(X)
    assert vars(fitted) == state
    assert not any(module._forward_hooks for module in fitted.module_.modules())
    pd.testing.assert_frame_equal(fitted.predict(X), before)
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("cls", [SharedBottomClassifierRegressor, ESMMClassifier])
def test_networks_without_gates_have_no_weights(X, y, cls):
    assert not hasattr(cls(), "gate_weights")


def test_a_model_that_is_not_fitted_is_an_error(X):
    with pytest.raises(NotFittedError):
        PLEClassifierRegressor().gate_weights(X)


def test_other_columns_are_refused(X, y):
    fitted = make_tiny().fit(X, y)
    with pytest.raises(ValueError, match="feature names"):
        fitted.gate_weights(X[["u", "v"]])
