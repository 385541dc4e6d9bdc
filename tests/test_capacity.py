"""Networks of equal size: counted by what is trained, scaled as near as widths allow."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from makers import in_turn, make_body
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sklearn_ple
from sklearn_ple import (
    ESMMClassifier,
    PLEClassifierRegressor,
    SharedBottomClassifierRegressor,
    SluiceClassifierRegressor,
)
from sklearn_ple.capacity import count_layers, count_parameters, equal_capacity

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


def layers_of(name):
    (layers,) = {"expert_hidden_units", "bottom_hidden_units", "hidden_units"} & set(
        make(name).get_params()
    )
    return layers


@pytest.mark.parametrize("name", SYSTEMS)
def test_what_is_counted_is_trained(table, name):
    body = make(name).fit(*table).module_.body
    trained = sum(parameter.numel() for parameter in body.parameters())
    assert count_parameters(make(name), *table) == trained


def activations_below_the_towers(estimator):
    """Count the activations on the longest way from the features to what the towers read."""
    tasks = [
        SimpleNamespace(name=name, n_outputs=n, has_classes=n > 1, added=False)
        for name, n in (("number", 1), ("class", 3))
    ]
    body = make_body(estimator, 7, tasks)
    inputs = torch.randn(len(body.views), 5, 7, requires_grad=True)
    read = body.representations(inputs)
    read = torch.cat([own.flatten() for own in read]) if isinstance(read, list) else read
    depths = {}
    todo = [read.grad_fn]
    while todo:
        node = todo[-1]
        below = [function for function, _ in node.next_functions if function is not None]
        if waiting := [function for function in below if function not in depths]:
            todo += waiting
            continue
        depths[todo.pop()] = (node.name() in ("ReluBackward0", "SiluBackward0")) + max(
            (depths[function] for function in below), default=0
        )
    return depths[read.grad_fn]


LEVELS = {
    "AdaTTClassifierRegressor",
    "MMoEClassifierRegressor",
    "PLEClassifierRegressor",
}


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize("n_layers", [1, 2, 4])
def test_layers_are_counted_from_the_features_to_the_towers(name, n_layers):
    for n_levels in (1, 2) if name in LEVELS else (1,):
        estimator = make(name, **{layers_of(name): (6,) * n_layers})
        if n_levels > 1:
            estimator.set_params(n_levels=n_levels)
        n_levels = getattr(estimator, "n_levels", 1)
        assert count_layers(estimator) == n_levels * n_layers
        n_activations = n_levels * n_layers
        assert activations_below_the_towers(estimator) == n_activations


@pytest.mark.parametrize("name", sorted(LEVELS))
def test_layers_of_levels_with_widths_of_their_own_are_counted(name):
    estimator = make(name, n_levels=3, expert_hidden_units=((6, 5), (4,), (3, 3, 2)))
    assert count_layers(estimator) == activations_below_the_towers(estimator) == 6


def test_towers_that_read_the_features_have_no_layer_below():
    assert count_layers(ESMMClassifier()) == 0
    assert count_layers(SharedBottomClassifierRegressor(bottom_hidden_units=())) == 0


@pytest.mark.filterwarnings("ignore:'own', .* cannot be as small as the reference:UserWarning")
@pytest.mark.parametrize(
    ("name", "reference"), in_turn(SYSTEMS, [(2, (8,)), (1, (12, 8)), (3, (8, 4))])
)
def test_networks_get_equal_depth_and_the_nearest_width(table, name, reference):
    n_levels, widths = reference
    ple = make("PLEClassifierRegressor", n_levels=n_levels, expert_hidden_units=widths)
    own = make(name, **{layers_of(name): (20, 20, 20)})
    if n_levels * len(widths) % getattr(own, "n_levels", 1):
        with pytest.raises(ValueError, match="with the same number at each level"):
            equal_capacity({"PLE": ple, "own": own}, *table, equal_depth=True)
        return
    sized = equal_capacity({"PLE": ple, "own": own}, *table, equal_depth=True)
    assert sized["PLE"].get_params() == ple.get_params()
    n_activations = n_levels * len(widths)
    assert activations_below_the_towers(sized["own"]) == n_activations
    target, unit = count_parameters(ple, *table), getattr(own, "n_subspaces", 1)
    widths = np.array(getattr(sized["own"], layers_of(name)))
    nearby = [
        count_parameters(make(name, **{layers_of(name): tuple(widths + change)}), *table)
        for change in (-unit, 0, unit)
        if (widths + change > 0).all()
    ]
    assert min(nearby, key=lambda n: abs(n - target)) == count_parameters(sized["own"], *table)


def test_a_network_that_cannot_be_as_small_is_warned_of(table):
    systems = {
        "small": make("SharedBottomClassifierRegressor", bottom_hidden_units=(2,)),
        "wide gates": make("CGCClassifierRegressor", gate_hidden_units=(128, 64)),
    }
    with pytest.warns(UserWarning, match="'wide gates', CGC.*, cannot be as small"):
        sized = equal_capacity(systems, *table)
    assert sized["wide gates"].expert_hidden_units == (1,)


def test_levels_stay_and_share_the_layers(table):
    systems = {
        "PLE": make("PLEClassifierRegressor", n_levels=2),
        "MMoE": make("MMoEClassifierRegressor"),
        "ML-MMoE": make("MMoEClassifierRegressor", n_levels=2, expert_hidden_units=(8, 8, 8)),
    }
    sized = equal_capacity(systems, *table, equal_depth=True)
    shapes = {own: (e.n_levels, len(e.expert_hidden_units)) for own, e in sized.items()}
    assert shapes == {"PLE": (2, 1), "MMoE": (1, 2), "ML-MMoE": (2, 1)}


def test_widths_of_levels_are_scaled_together(table):
    systems = {
        "PLE": make("PLEClassifierRegressor", n_levels=2, expert_hidden_units=((80, 40), (20,))),
        "ML-MMoE": make("MMoEClassifierRegressor", n_levels=2, expert_hidden_units=((8, 4), (2,))),
        "CGC": make("CGCClassifierRegressor"),
    }
    sized = equal_capacity(systems, *table, equal_depth=True)
    (first, second), (third,) = sized["ML-MMoE"].expert_hidden_units
    assert first > 20 and abs(first - 2 * second) <= 1 and abs(second - 2 * third) <= 1
    assert len(sized["CGC"].expert_hidden_units) == 3
    target = count_parameters(sized["PLE"], *table)
    off = abs(count_parameters(sized["ML-MMoE"], *table) - target)
    for change in (-1, 1):
        widths = ((first + change, second + change), (third + change,))
        other = clone(sized["ML-MMoE"]).set_params(expert_hidden_units=widths)
        assert off <= abs(count_parameters(other, *table) - target)


@pytest.mark.parametrize(
    ("n_levels", "widths", "n_layers", "expected"),
    [
        (2, ((6, 4), (3,)), 3, ((6, 4), (3,))),
        (2, ((6, 4), (3,)), 4, ((6, 4), (3, 3))),
        (2, ((6, 4), (3,)), 2, ((6,), (3,))),
        (2, ((6, 4), (6,)), 2, (6,)),
    ],
)
def test_levels_that_have_the_depth_stay_and_others_get_it(
    table, n_levels, widths, n_layers, expected
):
    own = make("MMoEClassifierRegressor", n_levels=n_levels, expert_hidden_units=widths)
    deep = make("SharedBottomClassifierRegressor", bottom_hidden_units=(30,) * n_layers)
    sized = equal_capacity({"deep": deep, "own": own}, *table, equal_depth=True)["own"]

    def shape(hidden_units):
        return [np.size(own) for own in hidden_units]

    assert shape(sized.expert_hidden_units) == shape(expected)
    assert activations_below_the_towers(sized) == n_layers


@pytest.mark.parametrize(("n_levels", "n_layers"), [(3, 2), (2, 3), (2, 0)])
def test_a_depth_that_levels_cannot_share_is_an_error(table, n_levels, n_layers):
    systems = {
        "bottom": make("SharedBottomClassifierRegressor", bottom_hidden_units=(8,) * n_layers),
        "ML-MMoE": make("MMoEClassifierRegressor", n_levels=n_levels),
    }
    message = f"'ML-MMoE', .* n_levels={n_levels}, .* layers as the reference, {n_layers},"
    with pytest.raises(ValueError, match=message):
        equal_capacity(systems, *table, equal_depth=True)


@pytest.mark.filterwarnings("ignore:'own', .* cannot be as small as the reference:UserWarning")
@pytest.mark.parametrize(("name", "width"), in_turn(SYSTEMS, (8, 100)))
def test_no_other_width_is_nearer(table, name, width):
    systems = {"own": make(name), "reference": make("PLEClassifierRegressor")}
    systems["reference"].set_params(expert_hidden_units=(width, width))
    scaled = equal_capacity(systems, *table, reference="reference")
    target = count_parameters(scaled["reference"], *table)
    assert scaled["reference"].expert_hidden_units == (width, width)
    off = abs(count_parameters(scaled["own"], *table) - target)
    layers = layers_of(name)
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
    with pytest.raises(
        ValueError, match=r"reference='MMoE' is not one of the estimators \['PLE'\]"
    ):
        equal_capacity({"PLE": PLEClassifierRegressor()}, *table, reference="MMoE")


def test_there_must_be_layers_to_scale(table):
    X, _ = table
    y = np.column_stack([np.arange(80) % 2, np.arange(80) % 4 == 1])
    with pytest.raises(ValueError, match="ESMMClassifier, has no layers to scale"):
        equal_capacity({"PLE": PLEClassifierRegressor(), "ESMM": ESMMClassifier()}, X, y)


def test_other_estimators_and_none_are_an_error(table):
    pipeline = make_pipeline(StandardScaler(), PLEClassifierRegressor())
    for call in (
        lambda: count_layers(pipeline),
        lambda: count_parameters(pipeline, *table),
        lambda: equal_capacity({"a": PLEClassifierRegressor(), "b": pipeline}, *table),
    ):
        with pytest.raises(TypeError, match="Pipeline is not an estimator of this package: pass"):
            call()
    with pytest.raises(ValueError, match="equal_depth"):
        equal_capacity({"PLE": PLEClassifierRegressor()}, *table, equal_depth="abc")
    with pytest.raises(ValueError, match="estimators is empty"):
        equal_capacity({}, *table)


def test_invalid_parameters_are_named(table):
    wrong = PLEClassifierRegressor(n_levels=0)
    for call in (
        lambda: count_layers(wrong),
        lambda: count_parameters(wrong, *table),
        lambda: equal_capacity({"a": PLEClassifierRegressor(), "b": wrong}, *table),
    ):
        with pytest.raises(ValueError, match="The 'n_levels' parameter of PLEClassifierRegressor"):
            call()


def test_widths_are_those_that_a_fit_would_choose():
    X = np.random.RandomState(0).uniform(-2, 2, (200, 3))
    systems = {
        "PLE": sklearn_ple.PLERegressor(),
        "MMoE": sklearn_ple.MMoEClassifierRegressor(task_types="regression"),
    }
    for y, widths in ((X[:, 0] * X[:, 1], (64, 64)), (X[:, 0], (48,))):
        sized = equal_capacity(systems, X, y, equal_depth=True)
        assert sized["PLE"].expert_hidden_units == widths
        assert len(sized["MMoE"].expert_hidden_units) == len(widths)
