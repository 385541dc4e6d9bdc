"""The network around a body: what it reads of a table, and the linear path beside it."""

from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from sklearn_ple.nn import (
    PLE,
    Axis,
    NumericEmbedding,
    PeriodicEmbedding,
    SingleTask,
    TabularNetwork,
)
from sklearn_ple.nn.embeddings.categorical import embedding_width
from sklearn_ple.nn.tabular import smooth_clip


class Echo(nn.Module):
    """A body that returns what it reads."""

    def __init__(self, width):
        super().__init__()
        self.width = width

    def forward(self, inputs):
        return inputs


class Constant(nn.Module):
    """A body whose one output is zero."""

    def forward(self, inputs):
        return inputs.new_zeros(*inputs.shape[:2], 1)


def test_the_body_reads_numbers_then_embeddings():
    torch.manual_seed(0)
    network = TabularNetwork(2, [4, 3], Echo, embedding_dim=5)
    numbers, codes = torch.randn(6, 2), torch.randint(0, 3, (6, 2))
    outputs = network.member_outputs(numbers, codes)
    assert network.body.width == outputs.shape[2] == 2 + 2 * 5
    assert torch.equal(outputs[0, :, :2], numbers)
    assert torch.equal(outputs[..., 2:], network.embedding(codes))


def test_the_body_is_as_wide_as_the_automatic_embeddings():
    network = TabularNetwork(2, [4, 100], Echo)
    outputs = network.member_outputs(torch.zeros(3, 2), torch.zeros(3, 2, dtype=torch.uint8))
    assert network.body.width == outputs.shape[2] == 2 + embedding_width(4) + embedding_width(100)


def test_without_categories_the_body_reads_the_numbers_alone():
    network = TabularNetwork(3, [], Echo)
    numbers = torch.randn(6, 3)
    assert network.embedding is None
    assert network.body.width == 3
    outputs = network.member_outputs(numbers, torch.empty(6, 0, dtype=torch.int64))
    assert torch.equal(outputs[0], numbers)


def test_without_numbers_the_body_reads_the_embeddings_alone():
    network = TabularNetwork(0, [4], Echo, embedding_dim=5)
    codes = torch.tensor([[2], [3], [0]])
    outputs = network.member_outputs(torch.empty(3, 0), codes)
    assert network.body.width == 5
    assert torch.equal(outputs, network.embedding(codes))


def test_members_read_the_same_numbers():
    network = TabularNetwork(2, [4], Echo, n_members=3)
    numbers = torch.randn(6, 2)
    outputs = network.member_outputs(numbers, torch.zeros(6, 1, dtype=torch.uint8))
    assert torch.equal(outputs[..., :2], numbers.expand(3, -1, -1))


def test_feature_dropout_drops_its_share_in_training_only(seed):
    torch.manual_seed(seed)
    network = TabularNetwork(40, [], Echo, feature_dropout=0.25)
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
    clipped = smooth_clip(numbers, limit)
    exact = numbers.double()
    expected = exact / (1 + (exact / limit) ** 2).sqrt()
    torch.testing.assert_close(clipped.double(), expected, rtol=1e-5, atol=1e-30)
    ordered = smooth_clip(numbers.sort().values, limit)
    # But for rounding.
    assert (ordered.diff() >= -1e-6 * limit).all()
    assert ordered.abs().max() <= limit * (1 + 1e-6)


def test_clipping_has_a_gradient_and_leaves_the_numbers_alone():
    numbers = torch.linspace(-9, 9, 7, dtype=torch.float64)
    before = numbers.clone()
    clipped = smooth_clip(numbers, 3.0)
    assert torch.equal(numbers, before)
    numbers.requires_grad_()
    assert torch.equal(smooth_clip(numbers, 3.0), clipped)
    assert torch.autograd.gradcheck(lambda own: smooth_clip(own, 3.0), numbers)


@given(st.lists(st.floats(width=32), min_size=1, max_size=9))
def test_without_a_limit_numbers_are_not_clipped(numbers):
    numbers = torch.tensor(numbers)
    assert torch.equal(smooth_clip(numbers, None).nan_to_num(7.0), numbers.nan_to_num(7.0))


@pytest.mark.parametrize(
    ("limit", "read"),
    [(None, 4.0), (1e300, 4.0), (3.0, 4 / (1 + 16 / 9) ** 0.5), (0.5, 4 / 65**0.5)],
)
def test_an_outlier_reaches_the_body_and_the_linear_path_clipped(limit, read):
    network = TabularNetwork(1, [], Echo, clip_numbers=limit, linear_outputs=[1])
    nn.init.constant_(network.linear.weight, 2.0)
    outputs = network.member_outputs(torch.tensor([[4.0]]), torch.empty(1, 0, dtype=torch.int64))
    assert outputs.item() == pytest.approx((1 + 0.3 * 2) * read)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("limit", [None, 1e-300, 3.0, 1e30, 1e300])
def test_no_number_makes_an_output_nan(dtype, limit):
    torch.manual_seed(0)
    body = partial(PLE, n_outputs=[1, 2], n_levels=2)
    network = TabularNetwork(40, [], body, clip_numbers=limit, linear_outputs=[1, 2]).to(dtype)
    nn.init.normal_(network.linear.weight)
    signs = torch.randn(9, 40, dtype=dtype).sign()
    for size in (0, 1, torch.finfo(dtype).max):
        outputs = network(signs * size, torch.empty(9, 0, dtype=torch.int64))
        assert outputs.isfinite().all()


@pytest.mark.parametrize("n_views", [3, 6])
def test_the_linear_path_adds_to_each_members_outputs(n_views):
    torch.manual_seed(0)
    bodies = {3: PLE, 6: SingleTask}
    body = partial(bodies[n_views], n_outputs=[1, 2], n_members=3)
    network = TabularNetwork(
        4, [5], body, n_members=3, views=Axis(((None, n_views // 3),), 3), linear_outputs=[1, 2]
    )
    numbers, codes = 3 * torch.randn(8, 4), torch.randint(0, 5, (8, 1))
    before = network.member_outputs(numbers, codes)
    weight = torch.randn(3, 3, 4)
    network.linear.weight.data = weight
    for member, outputs in enumerate(network.member_outputs(numbers, codes) - before):
        expected = 0.3 * numbers @ weight[member].T
        torch.testing.assert_close(outputs, expected, rtol=1e-4, atol=1e-5)


def test_the_linear_path_reads_what_feature_dropout_leaves(seed):
    torch.manual_seed(seed)
    network = TabularNetwork(
        40, [], partial(PLE, n_outputs=[1]), feature_dropout=0.5, linear_outputs=[1]
    )
    network.body = Constant()
    nn.init.ones_(network.linear.weight)
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
    options = {
        "n_members": 2,
        "views": Axis.of_tasks(2, 2),
        "linear_outputs": [1, 1],
        "feature_dropout": 0.5,
    }
    network = TabularNetwork(20, [], body, **options)
    network.body = Recorder()
    nn.init.ones_(network.linear.weight)
    outputs = network.member_outputs(torch.ones(9, 20), torch.empty(9, 0, dtype=torch.int64))
    expected = torch.stack([0.3 * views[view].sum(dim=1) for view in (0, 2)])
    torch.testing.assert_close(outputs, expected[..., None].expand(-1, -1, 2))


def test_the_linear_path_starts_at_zero_and_learns():
    network = TabularNetwork(2, [], partial(PLE, n_outputs=[1, 1]), linear_outputs=[1, 1])
    assert not network.linear.weight.any()
    network.member_outputs(torch.ones(3, 2), torch.empty(3, 0, dtype=torch.int64)).sum().backward()
    assert network.linear.weight.grad.all()


def test_members_linear_paths_start_where_they_are_told():
    torch.manual_seed(0)
    start = torch.randn(3, 2, 2)
    body = partial(PLE, n_outputs=[1, 1], n_members=3)
    network = TabularNetwork(2, [], body, n_members=3, linear_outputs=[1, 1], linear_start=start)
    numbers, codes = torch.randn(5, 2), torch.empty(5, 0, dtype=torch.int64)
    outputs = network.member_outputs(numbers, codes)
    nn.init.zeros_(network.linear.weight)
    added = outputs - network.member_outputs(numbers, codes)
    torch.testing.assert_close(added, numbers @ start.mT, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("n_numbers", "n_linear"), [(2, 0), (0, 2)])
def test_without_linear_outputs_or_numbers_there_is_no_linear_path(n_numbers, n_linear):
    network = TabularNetwork(
        n_numbers,
        [4],
        partial(PLE, n_outputs=[1, 1]),
        linear_outputs=[n_linear] if n_linear else [],
    )
    assert network.linear is None


def test_the_link_maps_the_sum_with_the_linear_path():
    network = TabularNetwork(1, [], Echo, linear_outputs=[1], link=torch.exp)
    nn.init.constant_(network.linear.weight, 2.0)
    number = torch.tensor([[0.5]])
    outputs = network.member_outputs(number, torch.empty(1, 0, dtype=torch.int64))
    assert outputs.item() == pytest.approx((1.6 * number).exp().item())


@pytest.mark.parametrize("n_rows", [1, 8])
def test_gradients_reach_the_embeddings_through_the_network(n_rows):
    torch.manual_seed(0)
    network = TabularNetwork(2, [4], lambda width: PLE(width, [1, 2], n_levels=2), embedding_dim=3)
    outputs = network.member_outputs(torch.randn(n_rows, 2), torch.full((n_rows, 1), 3))
    assert outputs.shape == (1, n_rows, 3)
    (outputs**2).sum().backward()
    touched = network.embedding.weight.grad.view(4, 3).any(dim=1)
    assert touched.tolist() == [False, False, False, True]


def test_the_network_alone_predicts_the_mean_of_its_members():
    body = partial(PLE, n_outputs=[1, 1], n_members=3)
    inputs = torch.randn(5, 2), torch.empty(5, 0, dtype=torch.int64)
    network = TabularNetwork(2, [], body, n_members=3)
    torch.testing.assert_close(network(*inputs), network.member_outputs(*inputs).mean(dim=0))
    network = TabularNetwork(2, [], body, n_members=3, mean=lambda members: members[1])
    assert torch.equal(network(*inputs), network.member_outputs(*inputs)[1])


class FlatEmbedding(nn.Module):
    """An embedding that forgets the views."""

    out_features = 2

    def forward(self, numbers):
        return numbers


def test_an_embedding_of_another_shape_is_an_error():
    network = TabularNetwork(2, [], Echo, make_numeric_embedding=FlatEmbedding)
    expected = r"FlatEmbedding returned .* \(5, 2\); expected \(1, 5, 2\)"
    with pytest.raises(ValueError, match=expected):
        network(torch.zeros(5, 2), torch.empty(5, 0, dtype=torch.int64))


def test_gradients_of_the_numbers_are_there_for_who_asks():
    torch.manual_seed(0)
    network = TabularNetwork(
        3, [], lambda width: PLE(width, [1, 2]), linear_outputs=[1, 2]
    ).double()
    nn.init.normal_(network.linear.weight)
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
        None,
        lambda: NumericEmbedding([[0.0, 1.0], [0.0, 1.0, 2.0]], 3, step_scale=[[1.0], [0.5]]),
        lambda: PeriodicEmbedding(2, 3),
    ],
    ids=["none", "piecewise", "periodic"],
)
def test_sizes_are_known_before_any_memory_is_taken(embed):
    def make():
        return TabularNetwork(
            2,
            [4, 600],
            partial(PLE, n_outputs=[1, 2]),
            make_numeric_embedding=embed,
            linear_outputs=[1, 2],
        )

    with torch.device("meta"):
        sizes = {name: part.shape for name, part in make().state_dict().items()}
    assert sizes == {name: part.shape for name, part in make().state_dict().items()}
