"""The network around a body: what it reads of a table, and the linear path beside it."""

from functools import partial

import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from sklearn_ple import PLERegressor
from sklearn_ple.nn import (
    PLE,
    CategoricalEmbedding,
    InputLayer,
    LinearPath,
    NumericEmbedding,
    SingleTask,
    TabularNetwork,
)
from sklearn_ple.nn.inputs import clip_smoothly


def make(
    n_numbers,
    cardinalities=(),
    *,
    body=None,
    width="auto",
    n_members=1,
    n_views=None,
    linear=None,
    start=None,
    link=None,
    mean=None,
    embed=lambda: None,
    **options,
):
    """Make a network, by default with a body that returns what it reads."""
    n_views = n_views or n_members
    embedding = CategoricalEmbedding(cardinalities, width, n_views) if cardinalities else None
    inputs = InputLayer(n_numbers, embedding, embed(), views=n_views, **options)
    body = nn.Identity() if body is None else body(inputs.n_features)
    path = None if linear is None else LinearPath(n_numbers, linear, n_members, start)
    return TabularNetwork(inputs, body, linear=path, link=link, mean=mean)


class Exponential(nn.Module):
    def forward(self, outputs):
        return outputs.exp()


class Constant(nn.Module):
    """A body whose one output is zero."""

    def forward(self, inputs):
        return inputs.new_zeros(*inputs.shape[:2], 1)


def test_the_body_reads_numbers_then_embeddings():
    torch.manual_seed(0)
    network = make(2, [4, 3], width=5)
    numbers, codes = torch.randn(6, 2), torch.randint(0, 3, (6, 2))
    outputs = network.member_outputs(numbers, codes)
    assert network.inputs.n_features == outputs.shape[2] == 2 + 2 * 5
    assert torch.equal(outputs[0, :, :2], numbers)
    assert torch.equal(outputs[..., 2:], network.inputs.embedding(codes))


def test_feature_dropout_drops_its_share_in_training_only(seed):
    torch.manual_seed(seed)
    network = make(40, feature_dropout=0.25)
    numbers, codes = torch.ones(500, 40), torch.empty(500, 0, dtype=torch.int64)
    outputs = network.member_outputs(numbers, codes)
    assert (outputs == 0).double().mean().item() == pytest.approx(0.25, abs=0.02)
    whole = network.eval().member_outputs(numbers, codes)[0]
    assert torch.equal(whole, numbers)
    assert outputs.mean().item() == pytest.approx(whole.mean().item(), abs=0.03)


@given(
    st.lists(st.floats(-(2.0**99), 2.0**99, width=32), min_size=1, max_size=9),
    st.sampled_from([0.01, 1.0, 3.0, 10.0, 1e8]),
)
def test_numbers_are_clipped_as_by_realmlp(numbers, limit):
    numbers = torch.tensor(numbers)
    clipped = clip_smoothly(numbers, limit)
    exact = numbers.double()
    expected = exact / (1 + (exact / limit) ** 2).sqrt()
    torch.testing.assert_close(clipped.double(), expected, rtol=1e-5, atol=1e-30)
    ordered = clip_smoothly(numbers.sort().values, limit)
    # But for rounding.
    assert (ordered.diff() >= -1e-6 * limit).all()
    assert ordered.abs().max() <= limit * (1 + 1e-6)


def test_clipping_has_a_gradient_and_leaves_the_numbers_alone():
    numbers = torch.linspace(-9, 9, 7, dtype=torch.float64)
    before = numbers.clone()
    clipped = clip_smoothly(numbers, 3.0)
    assert torch.equal(numbers, before)
    numbers.requires_grad_()
    assert torch.equal(clip_smoothly(numbers, 3.0), clipped)
    assert torch.autograd.gradcheck(lambda own: clip_smoothly(own, 3.0), numbers)


@given(st.lists(st.floats(width=32), min_size=1, max_size=9))
def test_without_a_limit_numbers_are_not_clipped(numbers):
    numbers = torch.tensor(numbers)
    assert torch.equal(clip_smoothly(numbers, None).nan_to_num(7.0), numbers.nan_to_num(7.0))


@pytest.mark.parametrize(
    ("limit", "read"),
    [(None, 4.0), (1e300, 4.0), (3.0, 4 / (1 + 16 / 9) ** 0.5), (0.5, 4 / 65**0.5)],
)
def test_an_outlier_reaches_the_body_and_the_linear_path_clipped(limit, read):
    network = make(1, linear=[1], clip_numbers=limit)
    nn.init.constant_(network.linear.layer.weight, 2.0)
    outputs = network.member_outputs(torch.tensor([[4.0]]), torch.empty(1, 0, dtype=torch.int64))
    assert outputs.item() == pytest.approx((1 + 0.3 * 2) * read)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("limit", [None, 1e-300, 3.0, 1e30, 1e300])
def test_no_number_makes_an_output_nan(dtype, limit):
    torch.manual_seed(0)
    body = partial(PLE, n_outputs=[1, 2], n_levels=2)
    network = make(40, body=body, linear=[1, 2], clip_numbers=limit).to(dtype)
    nn.init.normal_(network.linear.layer.weight)
    signs = torch.randn(9, 40, dtype=dtype).sign()
    for size in (0, 1, torch.finfo(dtype).max):
        outputs = network(signs * size, torch.empty(9, 0, dtype=torch.int64))
        assert outputs.isfinite().all()


@pytest.mark.parametrize("n_views", [3, 6])
def test_the_linear_path_adds_to_each_members_outputs(n_views):
    torch.manual_seed(0)
    bodies = {3: PLE, 6: SingleTask}
    body = partial(bodies[n_views], n_outputs=[1, 2], n_members=3)
    network = make(4, [5], body=body, n_members=3, n_views=n_views, linear=[1, 2])
    numbers, codes = 3 * torch.randn(8, 4), torch.randint(0, 5, (8, 1))
    before = network.member_outputs(numbers, codes)
    weight = torch.randn(3, 3, 4)
    network.linear.layer.weight.data = weight
    for member, outputs in enumerate(network.member_outputs(numbers, codes) - before):
        expected = 0.3 * numbers @ weight[member].T
        torch.testing.assert_close(outputs, expected, rtol=1e-4, atol=1e-5)


def test_the_linear_path_reads_what_feature_dropout_leaves(seed):
    torch.manual_seed(seed)
    network = make(40, body=partial(PLE, n_outputs=[1]), linear=[1], feature_dropout=0.5)
    network.body = Constant()
    nn.init.ones_(network.linear.layer.weight)
    outputs = network.member_outputs(torch.ones(500, 40), torch.empty(500, 0, dtype=torch.int64))
    n_left = outputs / (2 * 0.3)
    assert torch.allclose(n_left, n_left.round(), atol=1e-4)
    assert n_left.mean().item() == pytest.approx(20, abs=1)
    assert n_left.std() > 1


def test_the_linear_path_reads_the_first_view_of_each_member():
    views = []

    class Recorder(nn.Module):
        def forward(self, features):
            views.extend(features)
            return features.new_zeros(2, features.shape[1], 2)

    body = partial(SingleTask, n_outputs=[1, 1], n_members=2)
    network = make(20, body=body, n_members=2, n_views=4, linear=[1, 1], feature_dropout=0.5)
    network.body = Recorder()
    nn.init.ones_(network.linear.layer.weight)
    outputs = network.member_outputs(torch.ones(9, 20), torch.empty(9, 0, dtype=torch.int64))
    expected = torch.stack([0.3 * views[view].sum(dim=1) for view in (0, 2)])
    torch.testing.assert_close(outputs, expected[..., None].expand(-1, -1, 2))


def test_members_linear_paths_start_where_they_are_told():
    torch.manual_seed(0)
    start = torch.randn(3, 2, 2)
    body = partial(PLE, n_outputs=[1, 1], n_members=3)
    network = make(2, body=body, n_members=3, linear=[1, 1], start=start)
    numbers, codes = torch.randn(5, 2), torch.empty(5, 0, dtype=torch.int64)
    outputs = network.member_outputs(numbers, codes)
    nn.init.zeros_(network.linear.layer.weight)
    added = outputs - network.member_outputs(numbers, codes)
    torch.testing.assert_close(added, numbers @ start.mT, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("linear_path", [True, False])
@pytest.mark.parametrize("column", ["number", "town"])
def test_there_is_a_linear_path_if_it_is_asked_for_and_there_are_numbers(column, linear_path):
    X = pd.DataFrame({"number": [1.0, 2.0, 5.0, 3.0] * 5, "town": ["a", "b", "a", "c"] * 5})
    model = PLERegressor(n_members=1, max_epochs=1, linear_path=linear_path)
    network = model.fit(X[[column]], X["number"].rename("y") + 0.5).module_
    assert (network.linear is not None) == (linear_path and column == "number")


def test_the_link_maps_the_sum_with_the_linear_path():
    network = make(1, linear=[1], link=Exponential())
    nn.init.constant_(network.linear.layer.weight, 2.0)
    number = torch.tensor([[0.5]])
    outputs = network.member_outputs(number, torch.empty(1, 0, dtype=torch.int64))
    assert outputs.item() == pytest.approx((1.6 * number).exp().item())


def test_the_network_alone_predicts_the_mean_of_its_members():
    body = partial(PLE, n_outputs=[1, 1], n_members=3)
    inputs = torch.randn(5, 2), torch.empty(5, 0, dtype=torch.int64)
    network = make(2, body=body, n_members=3)
    torch.testing.assert_close(network(*inputs), network.member_outputs(*inputs).mean(dim=0))
    network = make(2, body=body, n_members=3, mean=lambda members: members[1])
    assert torch.equal(network(*inputs), network.member_outputs(*inputs)[1])


class FlatEmbedding(nn.Module):
    """An embedding that forgets the views."""

    out_features = 2

    def forward(self, numbers):
        return numbers


def test_an_embedding_of_another_shape_is_an_error():
    network = make(2, embed=FlatEmbedding)
    expected = r"FlatEmbedding returned .* \(5, 2\); expected a tensor of shape \(1, 5, 2\)"
    with pytest.raises(ValueError, match=expected):
        network(torch.zeros(5, 2), torch.empty(5, 0, dtype=torch.int64))


def test_gradients_of_the_numbers_are_there_for_who_asks():
    torch.manual_seed(0)
    network = make(3, body=lambda n: PLE(n, [1, 2]), linear=[1, 2]).double()
    nn.init.normal_(network.linear.layer.weight)
    numbers, codes = torch.randn(5, 3, dtype=torch.float64), torch.zeros(5, 0, dtype=torch.int64)
    network(numbers, codes).sum().backward()
    without = {name: p.grad.clone() for name, p in network.named_parameters()}
    network.zero_grad()
    assert torch.autograd.gradcheck(lambda x: network(x, codes), numbers.requires_grad_())
    network(numbers, codes).sum().backward()
    for name, parameter in network.named_parameters():
        torch.testing.assert_close(parameter.grad, without[name])


@pytest.mark.parametrize(
    "embed",
    [
        lambda: None,
        lambda: NumericEmbedding([[0.0, 1.0], [0.0, 1.0, 2.0]], 3, step_scale=[[1.0], [0.5]]),
    ],
    ids=["none", "piecewise"],
)
def test_sizes_are_known_before_any_memory_is_taken(embed):
    def make_anew():
        body = partial(PLE, n_outputs=[1, 2])
        return make(2, [4, 600], body=body, embed=embed, linear=[1, 2])

    with torch.device("meta"):
        sizes = {name: part.shape for name, part in make_anew().state_dict().items()}
    assert sizes == {name: part.shape for name, part in make_anew().state_dict().items()}
