"""Axes of members and tasks: what is declared, and what is copied to other networks by it."""

import numpy as np
import pytest
import torch
from stem import STEM
from torch import nn

from sklearn_ple.nn import (
    Axis,
    BatchedLinear,
    Body,
    CategoricalEmbedding,
    NumericEmbedding,
    SharedBottom,
)
from sklearn_ple.nn.axes import collect_axes, find_member_axes
from sklearn_ple.nn.transfer import take_over, transfer

EDGES = [[0.0, 1.0], [0.0, 1.0, 2.0]]
#: The views of two tasks and a shared one, and of one more task, for two members.
FEWER, MORE = Axis(((0, 1), (1, 1), (None, 1)), 2), Axis(((0, 1), (1, 1), (2, 1), (None, 1)), 2)
#: Entries of MORE that belong to FEWER.
EARLIER = [0, 1, 3, 4, 5, 7]


def free(n):
    """An axis of n entries of no member and no task."""
    return Axis(((None, n),))


class Related(SharedBottom):
    """A hard-sharing network with a matrix of tasks by tasks that mixes what towers read."""

    def __init__(self, in_features, n_outputs, **towers):
        super().__init__(in_features, n_outputs, **towers)
        matrices = torch.eye(self.n_tasks).repeat(self.n_members, 1, 1)
        self.relations = nn.Parameter(matrices + 0.1)

    def declare_axes(self):
        tasks = Axis.of_tasks(self.n_tasks)
        return {"relations": (self.per_member(), tasks, tasks)}

    def represent(self, inputs):
        read = super().represent(inputs).unflatten(0, (self.n_members, -1))
        return torch.einsum("mkj,mjrw->mkrw", self.relations, read).flatten(0, 1)


class Undeclared(Related):
    def declare_axes(self):
        return {}


# -- what is declared ---------------------------------------------------------------------------


def test_axes_of_a_network_are_those_of_its_members_and_tasks():
    network = SharedBottom(7, [1, 3], n_members=5)
    assert network.per_member(2) == Axis(((None, 2),), 5)
    assert network.per_task([2, 0]) == Axis(((0, 2), (1, 0)), 5)
    assert network.per_task(2) == Axis(((0, 2), (1, 2)), 5)
    axes = collect_axes(network)
    assert axes["bottom.layers.0.weight"] == (Axis(n_members=5), free(64), free(7))
    assert axes["towers.hidden.layers.0.bias"] == (Axis.of_tasks(2, 5), free(32))
    assert set(find_member_axes(network).values()) == {0}


@pytest.mark.parametrize("n_members", [1, 3])
def test_what_is_not_declared_belongs_to_no_member_and_no_task(n_members):
    axes = collect_axes(Undeclared(7, [1, 3], n_members=n_members))
    assert axes["relations"] == (free(n_members), free(2), free(2))
    layers = collect_axes(BatchedLinear(6, 5, 4))
    assert layers == {"weight": (free(6), free(4), free(5)), "bias": (free(6), free(4))}


def test_a_network_takes_precedence_over_its_layers():
    class Own(Body):
        def __init__(self):
            super().__init__([1, 1])
            self.layer = BatchedLinear(2, 3, 4, bias=False)

        def declare_axes(self):
            return {"layer.weight": (self.per_task(), None, None)}

        def represent(self, inputs):
            return self.layer(inputs)

    assert collect_axes(Own()) == {"layer.weight": (Axis.of_tasks(2), free(4), free(3))}


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        (
            {"relations": (None, None)},
            r"lengths \[None, None\] for 'relations', whose shape is \[2, ",
        ),
        (
            {"relations": (None, Axis.of_tasks(3), None)},
            r"\[None, 3, None\] .* shape is \[2, 2, 2",
        ),
        ({"relation": (None,)}, "for 'relation', whose shape is None"),
    ],
)
def test_wrong_axes_are_an_error(axes, message):
    network = Related(7, [1, 3], n_members=2)
    network.declare_axes = lambda: axes
    with pytest.raises(ValueError, match=f"Related.declare_axes declares axes of .*{message}"):
        collect_axes(network)


@pytest.mark.parametrize(
    ("make", "axes"),
    [
        (lambda views: CategoricalEmbedding([4, 6], 3, views), {"weight": 0}),
        (
            lambda views: NumericEmbedding(EDGES, 3, views=views),
            dict.fromkeys(("linear_weight", "step_weight"), 1),
        ),
    ],
    ids=["categories", "bins"],
)
def test_embeddings_of_a_view_stay_with_its_task(make, axes):
    earlier, embedding = make(FEWER), make(MORE)
    of_earlier = take_over(embedding, earlier)
    before, after = earlier.state_dict(), embedding.state_dict()
    for name, axis in axes.items():
        parts = after[name].unflatten(axis, (len(MORE), -1))
        kept = parts.index_select(axis, torch.tensor(EARLIER)).flatten(axis, axis + 1)
        assert torch.equal(kept, before[name])
        assert of_earlier[name].sum() == before[name].numel()
    numbers = torch.ones(3, 2, dtype=torch.int64)
    numbers = numbers if isinstance(embedding, CategoricalEmbedding) else numbers.float()
    torch.testing.assert_close(embedding(numbers)[EARLIER], earlier(numbers))


# -- what is copied -----------------------------------------------------------------------------


def test_gates_and_experts_of_stem_stay_with_their_tasks():
    options = {"n_members": 2, "n_shared_experts": 2, "n_specific_experts": 2}
    earlier, network = STEM(4, [1, 2], **options), STEM(4, [1, 2, 3], **options)
    take_over(network, earlier)
    gates = network.gates.logits.weight.unflatten(0, (2, 3))[:, :2]
    kept = gates[:, :, [0, 1, 2, 3, 6, 7]].flatten(0, 1)
    assert torch.equal(kept, earlier.gates.logits.weight)
    # An earlier task reads nothing of the new one at first.
    assert not gates[:, :, 4:6].any()
    own = network.specific_experts.layers[0].weight.unflatten(0, (2, 6))[:, :4]
    assert torch.equal(own.flatten(0, 1), earlier.specific_experts.layers[0].weight)


def test_a_network_of_ones_own_is_extended_and_copied_by_the_axes_it_declares():
    torch.manual_seed(0)
    earlier, network = Related(4, [1, 2], n_members=2), Related(4, [1, 2, 1], n_members=2)
    nn.init.normal_(earlier.relations)
    inputs = torch.randn(2, 7, 4)
    assert not torch.allclose(network(inputs)[..., :3], earlier(inputs))
    take_over(network, earlier)
    torch.testing.assert_close(network(inputs)[..., :3], earlier(inputs))

    other = Related(4, [2, 1], n_members=2)
    nn.init.zeros_(other.relations)
    transfer(other, earlier, ["b", "new"], ["a", "b"])
    expected = torch.zeros(2, 2, 2)
    expected[:, 0, 0] = earlier.relations[:, 1, 1]
    assert torch.equal(other.relations, expected)
    assert torch.equal(other.towers.heads[0].weight, earlier.towers.heads[1].weight)
    assert torch.equal(other.bottom.layers[0].weight, earlier.bottom.layers[0].weight)


def test_weights_that_cannot_be_divided_are_left_as_they_are():
    earlier, network = Undeclared(4, [1, 2]), Undeclared(4, [1, 2, 1])
    with pytest.raises(
        ValueError, match=r"relations has the shape \(1, 3, 3\) .*declare its axes"
    ):
        take_over(network, earlier)
    before = network.relations.clone()
    transfer(network, earlier, ["a", "b", "c"], ["a", "b"])
    assert torch.equal(network.relations, before)
    assert torch.equal(network.bottom.layers[0].weight, earlier.bottom.layers[0].weight)


def test_a_network_that_loses_weights_is_no_extension():
    earlier = SharedBottom(4, [1, 2])
    with pytest.raises(ValueError, match="no longer has bottom.layers.0.bias"):
        take_over(SharedBottom(4, [1, 2, 1], bottom_hidden_units=()), earlier)
    with pytest.raises(ValueError, match=r"towers.heads.0.weight has the shape .* instead"):
        take_over(SharedBottom(4, [1, 2, 1]), SharedBottom(4, [3, 2]))


def test_a_number_without_axes_is_copied():
    class Scaled(SharedBottom):
        def __init__(self, in_features, n_outputs):
            super().__init__(in_features, n_outputs)
            self.scale = nn.Parameter(torch.tensor(float(np.random.rand())))

    earlier, network = Scaled(4, [1]), Scaled(4, [1, 1])
    assert take_over(network, earlier)["scale"].item()
    assert network.scale == earlier.scale
