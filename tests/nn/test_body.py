"""What all networks have in common: their options and the towers on top."""

import pytest
import torch

from sklearn_ple.nn import PLE, BatchedMLP, SharedBottom, TowerOptions, Towers
from sklearn_ple.nn.towers import TOWER_DEFAULTS, SeparateTowers

OPTIONS = {
    "tower_hidden_units": (5, 4),
    "activation": "tanh",
    "dropout": [0.1, 0.2],
    "n_members": 2,
}


def test_every_option_has_a_default():
    assert list(TOWER_DEFAULTS) == list(TowerOptions.__annotations__) == list(OPTIONS)


def test_options_reach_towers_and_layers_below():
    network = SharedBottom(7, [1, 3], bottom_hidden_units=(6,), **OPTIONS)
    assert {name: getattr(network, name) for name in OPTIONS} == OPTIONS
    for mlps in (network.bottom, network.towers.hidden):
        assert isinstance(mlps.activation, torch.nn.Tanh)
        assert mlps.dropout.rates == [0.1, 0.2]
    assert [layer.out_features for layer in network.towers.hidden.layers] == [5, 4]
    assert network(torch.zeros(2, 10, 7)).shape == (2, 10, 4)


def test_an_option_of_another_name_is_an_error():
    with pytest.raises(TypeError, match="PLE takes no n_ensemble, tower_units. Beside .* n_memb"):
        PLE(7, [1, 3], tower_units=(4,), n_ensemble=3)


def test_towers_of_one_width_read_one_tensor():
    towers = SharedBottom(7, [1, 3], **OPTIONS).make_towers(9)
    assert isinstance(towers, Towers)
    assert towers.widths == [9, 9]
    assert towers(torch.zeros(2 * 2, 10, 9)).shape == (2, 10, 4)


def test_towers_of_several_widths_read_a_tensor_a_task():
    towers = SharedBottom(7, [1, 3], **OPTIONS).make_towers([9, 6])
    assert isinstance(towers, SeparateTowers)
    assert towers.widths == [9, 6]
    assert towers([torch.zeros(2, 10, 9), torch.zeros(2, 10, 6)]).shape == (2, 10, 4)


def test_there_is_a_width_for_each_task():
    with pytest.raises(ValueError, match=r"widths=\[9\] are not one for each of 2 tasks"):
        SharedBottom(7, [1, 3]).make_towers([9])


def test_mlps_have_the_networks_activation_and_dropout():
    mlps = SharedBottom(7, [1, 3], **OPTIONS).make_mlps(2, 3, 7, (6, 5))
    assert isinstance(mlps, BatchedMLP)
    assert isinstance(mlps.activation, torch.nn.Tanh)
    assert mlps.dropout.rates == [0.1, 0.2]
    assert mlps(torch.zeros(2, 10, 7)).shape == (2 * 3, 10, 5)
