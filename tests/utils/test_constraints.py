"""Which values parameters may take: numpy's numbers as Python's, but no bools for numbers."""

import inspect
from fractions import Fraction

import numpy as np
import pytest
from scipy import sparse

import sklearn_ple
from sklearn_ple import MMoEClassifierRegressor, PLEClassifierRegressor, PLERegressor
from sklearn_ple.parameters.shared import Parameters
from sklearn_ple.utils.constraints import LAYER_WIDTHS, LAYER_WIDTHS_BY_LEVEL, NumberInterval

ESTIMATORS = [
    cls
    for cls in vars(sklearn_ple).values()
    if inspect.isclass(cls) and issubclass(cls, Parameters)
]
#: Whole numbers that are read where a fit is laid out, as the network is made and in training.
WHOLE = {
    "batch_size": 32,
    "max_epochs": 2,
    "n_iter_no_change": 2,
    "n_bins": 4,
    "n_jobs": 1,
    "n_members": 2,
    "n_levels": 2,
    "n_shared_experts": 2,
    "n_specific_experts": 2,
    "embedding_dim": 3,
    "min_frequency": 2,
}


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2))
    X[:, 1] = X[:, 1] > 0
    return X, X[:, 0] + X[:, 1]


def fitted(data, **params):
    common = {"n_members": 1, "max_epochs": 2, "early_stopping": True, "random_state": 0}
    return PLERegressor(**(common | {"categorical_features": [1]} | params)).fit(*data)


@pytest.mark.parametrize("dtype", [np.int64, np.uint8])
def test_numpys_whole_numbers_are_as_good_as_pythons(data, dtype):
    expected = fitted(data, **WHOLE).predict(data[0])
    other = fitted(data, **{name: dtype(value) for name, value in WHOLE.items()})
    np.testing.assert_array_equal(other.predict(data[0]), expected)
    in_net = {"batch_size": dtype(32), "max_epochs": dtype(2)}
    other = fitted(data, **(WHOLE | dict.fromkeys(in_net, "auto")), net_params=in_net)
    np.testing.assert_array_equal(other.predict(data[0]), expected)


def test_net_params_have_names(data):
    with pytest.raises(ValueError, match="net_params names 3, but"):
        fitted(data, net_params={3: 4})


@pytest.mark.parametrize("value", [Fraction(1, 2), 1e-300])
def test_fractions_and_hardly_any_number_are_no_limits(data, value):
    with pytest.raises(ValueError, match="The 'clip_numbers' parameter"):
        fitted(data, clip_numbers=value)


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_true_is_no_number(cls):
    constraints = cls._parameter_constraints
    numbers = [
        name
        for name, row in constraints.items()
        if "boolean" not in row and any(isinstance(one, NumberInterval) for one in row)
    ]
    assert {"batch_size", "max_epochs", "learning_rate", "dropout"} <= set(numbers)
    for name in numbers:
        with pytest.raises(ValueError, match=f"{name!r} parameter of {cls.__name__} must be"):
            cls(**{name: True})._validate_params()


def test_a_number_of_experts_by_task_is_no_bool(data):
    model = PLEClassifierRegressor(n_specific_experts={"y": True}, max_epochs=1)
    with pytest.raises(ValueError, match="n_specific_experts of task 'y' is True"):
        model.fit(*data)


WRONG = [[0], [-1], [1.5], ["x"], [True], {64: 1}, {64}, 64, "64", np.array(64), [[[64]]], [None]]


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_widths_are_whole_numbers_in_a_list(cls):
    constraints = cls._parameter_constraints
    named = {
        name
        for name, row in constraints.items()
        if row[0] in (LAYER_WIDTHS, LAYER_WIDTHS_BY_LEVEL)
    }
    assert named == {name for name in cls().get_params() if name.endswith("hidden_units")}
    for name in named:
        for value in [(), (64,), [64, 32], np.array([64, 32]), [np.int32(8)]]:
            cls(**{name: value})._validate_params()
        for value in WRONG:
            with pytest.raises(ValueError, match=f"{name!r} parameter of {cls.__name__} must be"):
                cls(**{name: value})._validate_params()


@pytest.mark.parametrize("cls", [PLERegressor, MMoEClassifierRegressor])
def test_widths_of_experts_may_be_by_level(cls):
    cls(expert_hidden_units=((64,), [32, 16]))._validate_params()
    with pytest.raises(ValueError, match="'expert_hidden_units' parameter"):
        cls(expert_hidden_units=((64,), [0]))._validate_params()


@pytest.mark.parametrize("name", ["categorical_features", "task_weights", "task_weight_decay"])
@pytest.mark.parametrize("value", [{"a"}, "a", 0 * 1j, sparse.csr_array([[1.0]])])
def test_lists_are_neither_sets_nor_sparse(name, value):
    with pytest.raises(ValueError, match=f"{name!r} parameter of PLERegressor must be"):
        PLERegressor(**{name: value})._validate_params()


def test_categorical_features_are_no_dict():
    with pytest.raises(ValueError, match="'categorical_features' parameter"):
        PLERegressor(categorical_features={})._validate_params()


@pytest.mark.parametrize("path", ["", "a\0b", "\ud800"])
def test_a_path_is_text_that_systems_accept(path):
    with pytest.raises(ValueError, match="'checkpoint_dir' parameter .* must be a path of valid"):
        PLERegressor(checkpoint_dir=path)._validate_params()
