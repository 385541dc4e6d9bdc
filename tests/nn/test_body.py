"""What all networks have in common: options, towers, and hooks for networks of one's own."""

import pytest
import torch

from sklearn_ple.nn import (
    PLE,
    BatchedLinear,
    Body,
    GateNames,
    Node,
    SharedBottom,
    mix,
)
from sklearn_ple.nn.drawing import Outline, draw_svg

OPTIONS = {
    "tower_hidden_units": (5, 4),
    "activation": "tanh",
    "dropout": [0.1, 0.2],
    "n_members": 2,
}


def test_options_reach_towers_and_layers_below():
    network = SharedBottom(7, [1, 3], bottom_hidden_units=(6,), **OPTIONS)
    assert {name: getattr(network, name) for name in OPTIONS} == OPTIONS
    for mlps in (network.bottom, network.towers.hidden):
        assert isinstance(mlps.activation, torch.nn.Tanh)
        assert mlps.dropout.rates == [0.1, 0.2]
    assert [layer.out_features for layer in network.towers.hidden.layers] == [5, 4]
    assert network(torch.zeros(2, 10, 7)).shape == (2, 10, 4)


def test_an_option_of_another_name_is_an_error():
    with pytest.raises(TypeError, match="unexpected keyword argument 'tower_units'"):
        PLE(7, [1, 3], tower_units=(4,))


def test_there_is_a_width_for_each_task():
    with pytest.raises(ValueError, match=r"widths=\[9\] must have one entry for each of 2 tasks"):
        SharedBottom(7, [1, 3]).make_towers([9])


# -- networks of one's own -----------------------------------------------------------------------


class LowRank(Body):
    """One linear layer for all tasks; it leaves the optional hooks alone."""

    def __init__(self, in_features, n_outputs, *, rank=4, **towers):
        super().__init__(n_outputs, **towers)
        self.shared = BatchedLinear(self.per_member(), in_features, rank)
        self.towers = self.make_towers(rank)

    def represent(self, inputs):
        return self.for_each_task(self.shared(inputs))


class Mixture(Body):
    """Two linear experts and a gate for each task, written with what is public alone."""

    def __init__(self, in_features, n_outputs, **towers):
        super().__init__(n_outputs, **towers)
        self.experts = BatchedLinear(self.per_member(2), in_features, 5)
        self.gates = self.make_gates(self.per_task(), in_features, 2)
        self.towers = self.make_towers(5)

    def represent(self, inputs):
        weights = self.gates(inputs).unflatten(0, (self.n_members, -1))
        experts = self.experts(inputs).unflatten(0, (self.n_members, 1, -1))
        return mix(weights, experts).flatten(0, 1)

    def diagram(self, tasks):
        n = self.experts.in_features
        experts = [Node("expert", name, None, 5 * (n + 1)) for name in ("e", "f")]
        gates = [Node("gate", task, k, 2 * n, experts) for k, task in enumerate(tasks)]
        return [experts, gates], [[gate] for gate in gates]

    def gate_names(self, tasks):
        return [[GateNames(self.gates, list(tasks), [["e", "f"]] * self.n_tasks)]]


def test_a_network_is_what_it_represents_below_towers():
    torch.manual_seed(0)
    network, inputs = LowRank(7, [1, 3], **OPTIONS).eval(), torch.randn(2, 10, 7)
    shared = inputs @ network.shared.weight.mT + network.shared.bias[:, None]
    representations = shared.repeat_interleave(2, dim=0)
    torch.testing.assert_close(network.representations(inputs), representations)
    torch.testing.assert_close(network(inputs), network.towers(representations))
    assert network.penalty() == 0.0


@pytest.mark.parametrize(("cls", "kind"), [(LowRank, "body"), (Mixture, "expert")])
def test_a_network_of_ones_own_is_drawn(cls, kind):
    network = cls(7, [1, 3], n_members=2)
    rows = network.nodes(["a", "b"])
    n = sum(node.n_parameters for row in rows for node in row)
    assert 2 * n == sum(parameter.numel() for parameter in network.parameters())
    svg = draw_svg(Outline("Mine", rows, {"a": "count", "b": "binary"}, 7, []))
    assert f'data-kind="{kind}"' in svg


def test_gates_of_a_network_of_ones_own_have_names():
    network, inputs = Mixture(7, [1, 3], n_members=2), torch.randn(2, 10, 7)
    ((names,),) = network.gate_names(["a", "b"])
    assert names.module(inputs).shape == (2 * len(names.gates), len(names.experts[0]), 10)
    assert network(inputs).shape == (2, 10, 4)


# -- errors of those networks --------------------------------------------------------------------


class Returns(Body):
    """A network whose representations are given."""

    def __init__(self, read, widths=4, n_members=2):
        super().__init__([1, 3], n_members=n_members)
        self.read = read
        self.towers = self.make_towers(widths)

    def represent(self, inputs):
        return self.read


@pytest.mark.parametrize(
    ("read", "came"),
    [
        (torch.zeros(2, 10, 4), r"\(2, 10, 4\)"),
        (torch.zeros(4, 10, 5), r"\(4, 10, 5\)"),
        (torch.zeros(4, 9, 4), r"\(4, 9, 4\)"),
        (torch.zeros(10, 4), r"\(10, 4\)"),
        ([torch.zeros(2, 10, 4)] * 2, r"\[\(2, 10, 4\), \(2, 10, 4\)\]"),
        (None, "NoneType"),
    ],
)
def test_a_tensor_of_another_shape_is_an_error(read, came):
    expected = r"its towers read \(4, 10, 4\): \(n_members \* n_tasks, n_rows, w"
    with pytest.raises(ValueError, match=f"Returns.represent returned {came}, but {expected}"):
        Returns(read)(torch.zeros(10, 7))


@pytest.mark.parametrize(
    ("read", "came"),
    [
        (torch.zeros(4, 10, 4), r"\(4, 10, 4\)"),
        ([torch.zeros(2, 10, 4)], r"\[\(2, 10, 4\)\]"),
        ([torch.zeros(2, 10, 4)] * 2, r"\[\(2, 10, 4\), \(2, 10, 4\)\]"),
        ((torch.zeros(2, 10, 4), torch.zeros(2, 10, 6)), "tuple"),
        ([torch.zeros(2, 10, 4), None], r"\[\(2, 10, 4\), 'NoneType'\]"),
    ],
)
def test_a_list_of_other_shapes_is_an_error(read, came):
    expected = r"its towers read \[\(2, 10, 4\), \(2, 10, 6\)\]: for each task"
    with pytest.raises(ValueError, match=f"Returns.represent returned {came}, but {expected}"):
        Returns(read, [4, 6]).representations(torch.zeros(2, 10, 7))


class Towerless(Body):
    """A network that forgets its towers."""

    def represent(self, inputs):
        return self.for_each_task(inputs)


def test_a_network_without_towers_says_how_to_make_them():
    network = Towerless([1, 3])
    with pytest.raises(AttributeError, match="Towerless has no towers: .* self.make_towers"):
        network(torch.zeros(10, 7))
    with pytest.raises(AttributeError, match="Towerless has no towers"):
        network.nodes(["a", "b"])


def test_a_network_has_to_say_what_it_represents():
    with pytest.raises(TypeError, match="represent"):
        Body([1, 3])


def test_other_numbers_of_views_are_an_error():
    network = SharedBottom(7, [1, 3], n_members=3)
    with pytest.raises(ValueError, match="SharedBottom reads 3 views .*, but there are 2"):
        network(torch.zeros(2, 10, 7))
