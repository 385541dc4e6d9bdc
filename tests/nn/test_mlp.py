"""Batched layers, MLPs and towers against torch's own modules one at a time."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_ple.nn import ACTIVATIONS, PLE, BatchedLinear, BatchedMLP, Towers


def draw(*shape, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


def assert_close(actual, expected):
    np.testing.assert_allclose(
        actual.detach().numpy(), expected.detach().numpy(), rtol=1e-10, atol=1e-10
    )


def single(layer, index):
    """Return one of the layers as a torch.nn.Linear of its own."""
    alone = nn.Linear(layer.in_features, layer.out_features, bias=layer.bias is not None).double()
    with torch.no_grad():
        alone.weight.copy_(layer.weight[index])
        if layer.bias is not None:
            alone.bias.copy_(layer.bias[index])
    return alone


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("n_rows", [1, 6])
@pytest.mark.parametrize(("n_inputs", "n_per_input"), [(1, 1), (1, 4), (3, 1), (2, 3)])
@pytest.mark.parametrize("training", [True, False])
def test_layers_are_separate_linear_layers(n_inputs, n_per_input, n_rows, bias, training):
    torch.manual_seed(0)
    layers = BatchedLinear(n_inputs * n_per_input, 5, 4, bias=bias).double().train(training)
    inputs, upstream = draw(n_inputs, n_rows, 5), draw(n_inputs * n_per_input, n_rows, 4, seed=2)
    outputs = layers(inputs)
    assert outputs.shape == (n_inputs * n_per_input, n_rows, 4)
    (outputs * upstream).sum().backward()
    for index in range(n_inputs * n_per_input):
        alone = single(layers, index)
        expected = alone(inputs[index // n_per_input])
        assert_close(outputs[index], expected)
        (expected * upstream[index]).sum().backward()
        assert_close(layers.weight.grad[index], alone.weight.grad)
        if bias:
            assert_close(layers.bias.grad[index], alone.bias.grad)


def test_parameters_start_as_those_of_torch_linear(seed):
    torch.manual_seed(seed)
    layers, linear = BatchedLinear(20, 25, 50), nn.Linear(25, 1000)
    bound = 1 / math.sqrt(25)
    for name in ("weight", "bias"):
        ours, theirs = getattr(layers, name).detach(), getattr(linear, name).detach()
        assert ours.numel() == theirs.numel()
        assert ours.abs().max() <= bound
        assert ours.abs().max() == pytest.approx(theirs.abs().max().item(), rel=0.01)
        assert ours.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.05)


def test_layers_start_apart_and_the_seed_settles_them(seed):
    torch.manual_seed(seed)
    first = BatchedLinear(6, 5, 4)
    flat = first.weight.detach().flatten(1)
    assert (torch.cdist(flat, flat) + 9 * torch.eye(6)).min() > 0.1
    torch.manual_seed(seed)
    second = BatchedLinear(6, 5, 4)
    assert torch.equal(first.weight, second.weight)
    second.reset_parameters()
    assert not torch.equal(first.weight, second.weight)


@pytest.mark.parametrize("units", [(4,), (6, 4, 3)])
@pytest.mark.parametrize("activation", list(ACTIVATIONS))
@pytest.mark.parametrize("training", [True, False])
def test_mlps_are_separate_sequential_modules(activation, units, training):
    torch.manual_seed(0)
    bank = BatchedMLP(6, 5, units, activation=activation)
    bank = bank.double().train(training)
    inputs, upstream = draw(2, 7, 5), draw(6, 7, units[-1], seed=2)
    outputs = bank(inputs)
    (outputs * upstream).sum().backward()
    for index in range(6):
        parts = []
        for layer in bank.layers:
            parts += [single(layer, index), ACTIVATIONS[activation]()]
        alone = nn.Sequential(*parts)
        expected = alone(inputs[index // 3])
        assert_close(outputs[index], expected)
        (expected * upstream[index]).sum().backward()
        for layer, part in zip(bank.layers, parts[::2], strict=True):
            assert_close(layer.weight.grad[index], part.weight.grad)
            assert_close(layer.bias.grad[index], part.bias.grad)


@pytest.mark.parametrize("n_per_input", [1, 3])
def test_mlps_without_layers_are_the_identity(n_per_input):
    bank = BatchedMLP(2 * n_per_input, 5, ())
    inputs = draw(2, 4, 5)
    outputs = bank(inputs)
    assert bank.out_features == 5
    assert outputs.shape == (2 * n_per_input, 4, 5)
    for index in range(2 * n_per_input):
        assert torch.equal(outputs[index], inputs[index // n_per_input])


def test_dropout_drops_its_share_of_all_layers_in_training_only(seed):
    torch.manual_seed(seed)
    bank = BatchedMLP(2, 5, (30,), activation="tanh", dropout=0.25).double()
    inputs = draw(1, 500, 5, seed=1 + seed)
    expected = bank.eval()(inputs)
    assert torch.equal(bank(inputs), expected)
    outputs = bank.train()(inputs)
    dropped = outputs == 0
    assert dropped.double().mean().item() == pytest.approx(0.25, abs=0.01)
    assert_close(outputs[~dropped], expected[~dropped] / 0.75)


@pytest.mark.parametrize("units", [(), (6,), (6, 3)])
@pytest.mark.parametrize("n_outputs", [[1], [1, 3, 1], [4, 4]])
def test_towers_are_separate_sequential_modules(n_outputs, units):
    torch.manual_seed(0)
    towers = Towers(5, n_outputs, units, activation="silu").double()
    representations = draw(len(n_outputs), 7, 5)
    outputs = towers(representations)
    assert outputs.shape == (1, 7, sum(n_outputs))
    for task, part in enumerate(outputs[0].split(n_outputs, dim=1)):
        hidden = representations[task]
        for layer in towers.hidden.layers:
            hidden = nn.functional.silu(single(layer, task)(hidden))
        assert_close(part, single(towers.heads[task], 0)(hidden))


@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize("n_outputs", [[2], [1, 1, 3, 1], [4, 4]])
def test_towers_of_all_members_have_outputs_and_gradients_of_separate_layers(n_outputs, n_members):
    torch.manual_seed(0)
    towers = Towers(5, n_outputs, (), n_members=n_members).double().train()
    read = draw(n_members * len(n_outputs), 7, 5).requires_grad_()
    upstream = draw(n_members, 7, sum(n_outputs), seed=2)
    outputs = towers(read)
    by_task = read.unflatten(0, (n_members, -1)).unbind(1)
    expected = torch.cat(
        [
            torch.einsum("mri,moi->mro", own, head.weight) + head.bias.unsqueeze(1)
            for own, head in zip(by_task, towers.heads, strict=True)
        ],
        dim=2,
    )
    assert_close(outputs, expected)
    inputs = [read, *towers.parameters()]
    ours, theirs = (torch.autograd.grad(own, inputs, upstream) for own in (outputs, expected))
    for gradient, naive in zip(ours, theirs, strict=True):
        assert_close(gradient, naive)
    assert_close(towers.eval()(read), expected)


def test_towers_heads_are_not_dropped_out():
    towers = Towers(5, [1, 2], (), dropout=0.9)
    inputs = draw(2, 7, 5).float()
    assert torch.equal(towers(inputs), towers(inputs))
    hidden = Towers(5, [1, 2], (8,), dropout=0.9)
    assert not torch.equal(hidden(inputs), hidden(inputs))


@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize("units", [(), (6,)])
def test_towers_read_what_tasks_share_as_if_each_had_it(units, n_members):
    options = {"tower_hidden_units": units, "n_members": n_members, "n_specific_experts": 0}
    torch.manual_seed(0)
    network = PLE(5, [2, 1, 3], n_levels=2, expert_hidden_units=(4,), **options).double()
    inputs = draw(n_members, 7, 5)
    shared = inputs
    for level in network.levels:
        (layer,) = level.shared_experts.layers
        shared = torch.stack([single(layer, m)(shared[m]).relu() for m in range(n_members)])
    assert_close(network.representations(inputs), shared)
    start = 0
    for task, n_outputs in enumerate(network.n_outputs):
        for m, read in enumerate(shared):
            if units:
                tower = m * 3 + task
                hidden = single(network.towers.hidden.layers[0], tower)(read).relu()
                expected = single(network.towers.heads[task], m)(hidden)
            else:
                head = single(network.towers.layer, m)
                columns = slice(start, start + n_outputs)
                expected = read @ head.weight[columns].T + head.bias[columns]
            assert_close(network(inputs)[m, :, start : start + n_outputs], expected)
        start += n_outputs
    counted = sum(network.towers.n_parameters) * n_members
    assert counted == sum(part.numel() for part in network.towers.parameters())
