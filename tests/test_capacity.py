"""Networks of equal size: counted by what is trained, scaled as near as widths allow."""

import numpy as np
import pandas as pd
import pytest

import sklearn_ple
from sklearn_ple import (
    ESMMClassifier,
    PLEClassifierRegressor,
    SharedBottomClassifierRegressor,
    SluiceClassifierRegressor,
)
from sklearn_ple.capacity import count_parameters, equal_capacity

SYSTEMS = [name for name in sklearn_ple.__all__ if name.endswith("ClassifierRegressor")]


@pytest.fixture(scope="module")
def table():
    rng = np.random.RandomState(0)
    X = pd.DataFrame(rng.randn(80, 3), columns=list("abc"))
    X["d"] = pd.Categorical(rng.choice(list("uvwxyz"), 80))
    y = pd.DataFrame({"number": rng.randn(80), "class": rng.randint(3, size=80)})
    y.loc[:9, "number"] = np.nan
    return X, y.astype({"class": "category"})


def make(name, **params):
    options = {"n_members": 2, "max_epochs": 1, "random_state": 0}
    return getattr(sklearn_ple, name)(**(options | params))


@pytest.mark.parametrize("name", SYSTEMS)
def test_what_is_counted_is_trained(table, name):
    body = make(name).fit(*table).module_.body
    trained = sum(parameter.numel() for parameter in body.parameters())
    assert count_parameters(make(name), *table) == trained


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize("width", [8, 100])
def test_no_other_width_is_nearer(table, name, width):
    systems = {"own": make(name), "reference": make("PLEClassifierRegressor")}
    systems["reference"].set_params(expert_hidden_units=(width, width))
    scaled = equal_capacity(systems, *table, reference="reference")
    target = count_parameters(scaled["reference"], *table)
    assert scaled["reference"].expert_hidden_units == (width, width)
    off = abs(count_parameters(scaled["own"], *table) - target)
    (layers,) = {"expert_hidden_units", "bottom_hidden_units", "hidden_units"} & set(
        scaled["own"].get_params()
    )
    step = getattr(scaled["own"], "n_subspaces", 1)
    widths = np.array(getattr(scaled["own"], layers))
    for change in (-step, step):
        if (widths + change > 0).all():
            other = make(name, **{layers: tuple(int(w) for w in widths + change)})
            assert off <= abs(count_parameters(other, *table) - target)


def test_layers_keep_their_proportions(table):
    systems = {
        "small": make("PLEClassifierRegressor", expert_hidden_units=(20,)),
        "deep": make("SharedBottomClassifierRegressor", bottom_hidden_units=(40, 20, 10)),
    }
    first, second, third = equal_capacity(systems, *table)["deep"].bottom_hidden_units
    assert abs(first - 2 * second) <= 1 and abs(second - 2 * third) <= 1


def test_estimators_are_left_as_they_are(table):
    systems = {"PLE": PLEClassifierRegressor(), "bottom": SharedBottomClassifierRegressor()}
    scaled = equal_capacity(systems, *table)
    assert systems["bottom"].bottom_hidden_units == (64,)
    assert scaled["PLE"] is not systems["PLE"]
    assert not hasattr(systems["PLE"], "_targets") and not hasattr(scaled["bottom"], "_targets")


def test_a_sluice_networks_width_stays_divisible(table):
    systems = {"PLE": PLEClassifierRegressor(), "sluice": SluiceClassifierRegressor(n_subspaces=4)}
    assert equal_capacity(systems, *table)["sluice"].hidden_units[0] % 4 == 0


def test_reference_must_be_there(table):
    with pytest.raises(ValueError, match=r"reference='MMoE' is none of the estimators \['PLE'\]"):
        equal_capacity({"PLE": PLEClassifierRegressor()}, *table, reference="MMoE")


def test_there_must_be_layers_to_scale(table):
    X, _ = table
    y = np.column_stack([np.arange(80) % 2, np.arange(80) % 4 == 1])
    with pytest.raises(ValueError, match="ESMMClassifier has no layers to scale"):
        equal_capacity({"PLE": PLEClassifierRegressor(), "ESMM": ESMMClassifier()}, X, y)
