"""Gates and experts by name, and a look at the gates' weights."""

import numpy as np
import pytest
import torch

from sklearn_ple.nn import PLE, Gates, MMoE, mix
from sklearn_ple.nn.hooks import join_weights, record_outputs

TASKS = ["a", "b"]


@pytest.mark.parametrize("sizes", [[1], [3], [1, 1], [2, 3]])
@pytest.mark.parametrize("shared", [True, False])
def test_experts_of_one_or_several_banks_are_mixed(sizes, shared):
    generator = torch.Generator().manual_seed(0)
    options = {"generator": generator, "dtype": torch.float64, "requires_grad": True}
    weights = torch.randn(2, 4, sum(sizes), 7, **options)
    # All four gates of a member weigh the same experts of the last bank.
    leading = [(2, 4)] * (len(sizes) - 1) + [(2, 1 if shared else 4)]
    banks = [
        torch.randn(*first, n, 7, 5, **options) for first, n in zip(leading, sizes, strict=True)
    ]
    mixed = mix(weights, *banks)
    experts = torch.cat([bank.expand(2, 4, -1, -1, -1) for bank in banks], dim=2)
    expected = torch.einsum("mger,mgerw->mgrw", weights, experts)
    torch.testing.assert_close(mixed, expected)
    upstream = torch.randn(expected.shape, generator=generator, dtype=torch.float64)
    ours = torch.autograd.grad(mixed, [weights, *banks], upstream)
    torch.testing.assert_close(ours, torch.autograd.grad(expected, [weights, *banks], upstream))


@pytest.mark.parametrize("hidden_units", [(), (3,)])
def test_gates_are_softmaxes_over_the_experts(hidden_units):
    torch.manual_seed(0)
    gates = Gates(6, 7, 4, hidden_units=hidden_units)
    inputs = torch.randn(2, 10, 7)
    weights = gates(inputs)
    assert weights.shape == (6, 4, 10)
    hidden = inputs.repeat_interleave(3, dim=0)
    if hidden_units:
        hidden = gates.hidden(inputs)
    logits = torch.bmm(hidden, gates.logits.weight.mT)
    torch.testing.assert_close(weights, logits.softmax(-1).mT)


def named(network):
    """Return the experts' names by the gate's, level by level."""
    return [
        {gate: own for part in level for gate, own in zip(part.gates, part.experts, strict=True)}
        for level in network.gate_names(TASKS)
    ]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            {"n_shared_experts": 2, "n_specific_experts": 1},
            [{"a": ["a 1", "shared 1", "shared 2"], "b": ["b 1", "shared 1", "shared 2"]}],
        ),
        (
            {"n_shared_experts": 1, "n_specific_experts": 2, "n_levels": 2},
            [
                {
                    "a": ["a 1", "a 2", "shared 1"],
                    "b": ["b 1", "b 2", "shared 1"],
                    "shared gate": ["a 1", "a 2", "b 1", "b 2", "shared 1"],
                },
                {"a": ["a 1", "a 2", "shared 1"], "b": ["b 1", "b 2", "shared 1"]},
            ],
        ),
        (
            {"n_shared_experts": 0, "n_specific_experts": 2, "n_levels": 2},
            [{"a": ["a 1", "a 2"], "b": ["b 1", "b 2"]}] * 2,
        ),
        (
            {"n_shared_experts": 1, "n_specific_experts": [2, 0], "n_levels": 2},
            [
                {
                    "a": ["a 1", "a 2", "shared 1"],
                    "b": ["shared 1"],
                    "shared gate": ["a 1", "a 2", "shared 1"],
                },
                {"a": ["a 1", "a 2", "shared 1"], "b": ["shared 1"]},
            ],
        ),
        (
            {"n_shared_experts": 1, "n_specific_experts": 0},
            [{"a": ["shared 1"], "b": ["shared 1"]}],
        ),
    ],
)
def test_gates_of_ple_have_the_names_of_tasks(options, expected):
    assert named(PLE(3, [1, 2], **options)) == expected


EXPERTS = ["expert 1", "expert 2"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [{"a": EXPERTS, "b": EXPERTS}]),
        ({"shared_gate": True}, [{"all tasks": EXPERTS}]),
        (
            {"n_levels": 2},
            [{"to expert 1": EXPERTS, "to expert 2": EXPERTS}, {"a": EXPERTS, "b": EXPERTS}],
        ),
    ],
)
def test_gates_of_mmoe_have_the_names_of_what_reads_them(options, expected):
    assert named(MMoE(3, [1, 2], n_experts=2, **options)) == expected


@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize(
    "make",
    [
        lambda n: PLE(3, [1, 2], n_levels=2, n_specific_experts=2, n_members=n),
        lambda n: PLE(3, [1, 2], n_levels=2, n_specific_experts=[3, 1], n_members=n),
        lambda n: MMoE(3, [1, 2], n_levels=2, n_members=n),
        lambda n: MMoE(3, [1, 2], shared_gate=True, n_members=n),
        lambda n: MMoE(3, [1, 2], n_experts=1, n_members=n),
    ],
)
def test_there_is_a_weight_for_every_member_gate_row_and_expert(make, n_members):
    torch.manual_seed(0)
    network = make(n_members)
    parts = [part for level in network.gate_names(TASKS) for part in level]
    inputs = torch.randn(n_members, 7, 3)
    with record_outputs([part.module for part in parts]) as batches:
        for batch in inputs.split(4, dim=1):
            network(batch)
    for part, outputs in zip(parts, batches, strict=True):
        weights = join_weights(outputs, n_members)
        assert weights.shape == (n_members, len(part.gates), 7, len(part.experts[0]))
        assert not weights.requires_grad
        np.testing.assert_allclose(weights.sum(-1), 1.0, rtol=1e-5)


def test_recording_ends_with_an_error():
    network = MMoE(3, [1])
    module = network.gates[0]
    with pytest.raises(RuntimeError), record_outputs([module]) as batches:
        network(torch.zeros(2, 99))
    network(torch.zeros(2, 3))
    assert batches == [[]] and not module._forward_hooks
