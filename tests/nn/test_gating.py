"""Gates that choose experts, and the penalty on gates' weights, against their equations."""

import copy

import numpy as np
import pytest
import torch

from sklearn_ple.nn import PLE, DSelectKGates, Gates, Gating, MMoE
from sklearn_ple.nn.dselect_k import smooth_step
from sklearn_ple.nn.gating import unevenness

N_ROWS = 40


def draw(*shape, seed=1):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_smooth_steps_are_the_cubic_between_zero_and_one():
    t = np.linspace(-2, 2, 41)
    inside = 3 * t / 2 - 2 * t**3 + 0.5
    expected = np.where(t <= -0.5, 0.0, np.where(t >= 0.5, 1.0, inside))
    np.testing.assert_allclose(smooth_step(torch.tensor(t)), expected, atol=1e-15)


@pytest.mark.parametrize("hidden_units", [(), (6,)])
@pytest.mark.parametrize(("n_experts", "k"), [(2, 1), (3, 2), (4, 2), (5, 3), (8, 2), (2, 5)])
def test_weights_are_even_at_the_start_and_sum_to_one(n_experts, k, hidden_units):
    torch.manual_seed(0)
    gates = DSelectKGates(2, 6, 7, n_experts, k=k, hidden_units=hidden_units).double()
    weights = gates(draw(2, N_ROWS, 7))
    assert weights.shape == (6, n_experts, N_ROWS) and gates.k == min(k, n_experts)
    np.testing.assert_allclose(weights.sum(dim=1).detach(), 1.0, rtol=1e-12)
    np.testing.assert_allclose(weights.detach(), 1 / n_experts, rtol=0.5)


@pytest.mark.parametrize(("n_experts", "k"), [(4, 1), (4, 2), (7, 3), (8, 2)])
def test_so_many_experts_are_chosen_as_was_asked_for(n_experts, k):
    torch.manual_seed(0)
    gates = DSelectKGates(1, 3, 7, n_experts, k=k).double()
    # Each selector of each gate is told its expert: 0, 1, 2 ... by the digits' signs.
    n_digits = (n_experts - 1).bit_length()
    with torch.no_grad():
        gates.logits.weight[:, : k * n_digits] = 0.0
        for selector in range(k):
            for digit in range(n_digits):
                sign = 1.0 if selector >> digit & 1 else -1.0
                gates.logits.bias[:, selector * n_digits + digit] = sign
    weights = gates(draw(1, N_ROWS, 7))
    assert (weights[:, :k] > 0).all() and (weights[:, k:] == 0).all()
    assert gates._entropy(gates._logits(draw(1, N_ROWS, 7))).abs() < 1e-4


def test_a_code_of_no_expert_counts_all_alike():
    gates = DSelectKGates(1, 1, 2, 3, k=1).double()
    with torch.no_grad():
        gates.logits.weight.zero_()
        gates.logits.bias.fill_(1.0)
    np.testing.assert_allclose(gates(draw(1, 4, 2)).detach(), 1 / 3, rtol=1e-12)


def test_a_single_expert_counts_one():
    gates = DSelectKGates(1, 2, 3, 1)
    assert not list(gates.parameters())
    assert torch.equal(gates(torch.zeros(1, 4, 3)), torch.ones(2, 1, 4))


@pytest.mark.parametrize(
    ("weights", "expected"),
    [([0.25] * 4, 0.0), ([1.0, 0.0, 0.0, 0.0], 3.0), ([0.5, 0.5, 0.0, 0.0], 1.0)],
)
def test_unevenness_of_known_weights(weights, expected):
    rows = torch.tensor(weights)[None, :, None].expand(2, -1, 6)
    np.testing.assert_allclose(unevenness(rows), [expected] * 2)


def test_unevenness_is_that_of_the_sums_not_of_each_row():
    turns = torch.eye(3).repeat(1, 4)[None]
    np.testing.assert_allclose(unevenness(turns), [0.0])
    weights = draw(2, 5, 9).softmax(dim=1)
    sums = weights.sum(dim=2).numpy()
    np.testing.assert_allclose(unevenness(weights), (sums.std(axis=1) / sums.mean(axis=1)) ** 2)


NETWORKS = [
    (MMoE, {"n_levels": 2, "n_experts": 3}),
    (PLE, {"n_levels": 2, "n_specific_experts": [2, 1]}),
    (PLE, {"n_levels": 2, "stop_gradient": True}),
]


@pytest.mark.parametrize("gate", ["softmax", "dselect_k"])
@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize(("cls", "params"), NETWORKS)
def test_the_penalty_is_that_of_the_batch_and_trains_the_gates_alone(cls, params, n_members, gate):
    torch.manual_seed(0)
    factors = {"gate_entropy": 0.3, "load_balancing": 0.7}
    network = cls(4, [1, 2], n_members=n_members, gate=gate, **factors, **params).double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    inputs = draw(n_members, N_ROWS, 4)
    seen, hooks = [], []
    for gates in network.modules():
        if isinstance(gates, Gates) and gates.logits is not None:
            hooks.append(
                gates.register_forward_hook(lambda own, read, out: seen.append((own, *read, out)))
            )
    # The penalty comes after the losses, whose graph is gone by then.
    network(inputs).sum().backward()
    network.zero_grad()
    expected = 0.0
    for gates, read, weights in seen:
        means = weights.detach().mean(dim=2)
        expected += 0.7 * (means.var(dim=1, correction=0) / means.mean(dim=1) ** 2).sum()
        if gate == "dselect_k":
            selected = gates._selected(gates._logits(read)).detach()
            logs = (selected + 1e-6).log()
            expected -= 0.3 * (selected * logs).mean(dim=3).sum()
    penalty = network.penalty()
    np.testing.assert_allclose(penalty.item(), expected / n_members, rtol=1e-10)
    penalty.backward()
    trained = {name for name, p in network.named_parameters() if p.grad is not None}
    assert trained == {name for name, _ in network.named_parameters() if ".logits." in name}
    # It is of one batch, and there is nothing left to copy.
    assert network.penalty() == 0.0
    copy.deepcopy(network)
    network.eval()
    network(inputs)
    assert network.penalty() == 0.0


def test_softmax_gates_have_no_penalty_by_default():
    network = MMoE(4, [1, 2])
    network(torch.zeros(5, 4))
    assert network.penalty() == 0.0 and all(gates.read is None for gates in network.gates)


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match=r"gate='top_k' is not one of \['softmax', 'dselect_k'\]"):
        Gating(kind="top_k").make(1, 1, 3, 2, "relu")
