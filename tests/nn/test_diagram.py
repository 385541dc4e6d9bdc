"""How networks describe themselves, against torch's own count and equations written out."""

import pytest
import torch

from sklearn_ple.nn import (
    PLE,
    AdaTT,
    AsymmetricSharing,
    CrossStitch,
    CustomizedSharing,
    MMoE,
    SharedBottom,
    SingleTask,
    Sluice,
)

TASKS = ["a", "b", "c"]
NETWORKS = [
    (PLE, {"n_levels": 3, "n_shared_experts": 2, "n_specific_experts": 3}),
    (PLE, {"n_levels": 2, "expert_hidden_units": (6, 4)}),
    (PLE, {"n_levels": 2, "n_shared_experts": 0, "n_specific_experts": 2}),
    (PLE, {"n_levels": 2, "n_shared_experts": 2, "n_specific_experts": 0}),
    (PLE, {"n_levels": 2, "n_specific_experts": 0}),
    (PLE, {"n_levels": 2, "n_specific_experts": [1, 0, 3]}),
    (PLE, {"n_levels": 2, "n_specific_experts": [1, 2, 2], "n_shared_experts": 0}),
    (MMoE, {"n_levels": 3, "n_experts": 2}),
    (MMoE, {"shared_gate": True}),
    (SharedBottom, {}),
    (SharedBottom, {"bottom_hidden_units": ()}),
    (SingleTask, {}),
    (SingleTask, {"bottom_hidden_units": ()}),
    (CustomizedSharing, {}),
    (AsymmetricSharing, {"reads": [[1, 2], [], [0]]}),
    (AsymmetricSharing, {"reads": [[1, 2], [], [0]], "fusion": "sum"}),
    (CrossStitch, {"hidden_units": (6, 4), "by_channel": True}),
    (Sluice, {"hidden_units": (6, 6, 6)}),
    (Sluice, {"hidden_units": (6,)}),
    (AdaTT, {"n_levels": 2, "n_specific_experts": 2}),
    (AdaTT, {"n_levels": 3, "n_shared_experts": 2}),
]


def make(cls, n_members=1, **params):
    torch.manual_seed(0)
    return cls(in_features=7, n_outputs=[1, 3, 2], n_members=n_members, **params)


def graph(rows):
    """Of every node, by kind and name, those that it reads."""
    return {
        (node.kind, node.name): [(read.kind, read.name) for read in node.reads]
        for row in rows
        for node in row
    }


@pytest.mark.parametrize(("cls", "params"), NETWORKS)
@pytest.mark.parametrize("n_members", [1, 3])
def test_nodes_have_all_parameters(cls, params, n_members):
    network = make(cls, n_members, **params)
    described = sum(node.n_parameters for row in network.nodes(TASKS) for node in row)
    assert described * n_members == sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(("cls", "params"), NETWORKS)
def test_nodes_read_nodes_below_and_the_towers_are_on_top(cls, params):
    rows = make(cls, **params).nodes(TASKS)
    below = set()
    for row in rows:
        assert len({node.kind for node in row}) == 1
        assert all(read in below for node in row for read in node.reads)
        below |= set(row)
    assert [(b.kind, b.name, b.task) for b in rows[-1]] == [
        ("tower", name, position) for position, name in enumerate(TASKS)
    ]


@pytest.mark.parametrize(("cls", "params"), NETWORKS)
def test_a_task_depends_on_what_its_tower_is_said_to_read(cls, params):
    """The gradient of a task's outputs says which other tasks' own nodes it depends on."""
    network = make(cls, **params)
    *_, towers = network.nodes(TASKS)

    def own_tasks(node):
        return {node.task} - {None} | {k for read in node.reads for k in own_tasks(read)}

    # How many of a bank's experts each task has; a third where it has as many of all.
    n_specific = params.get("n_specific_experts")
    uneven = isinstance(n_specific, list)
    outputs = network(torch.randn(20, 7)).split([1, 3, 2], dim=1)
    for task, tower in enumerate(towers):
        network.zero_grad()
        outputs[task].square().sum().backward(retain_graph=True)
        depends = {
            k
            for name, module in network.named_modules()
            if name in ("bottoms", "own_bottoms", "layers.0", "levels.0.specific_experts")
            for weight in [next(module.parameters(), None)]
            if weight is not None
            for k, grad in enumerate(
                weight.grad.split(n_specific) if uneven else weight.grad.chunk(3)
            )
            if grad.any()
        }
        assert depends | {task} == own_tasks(tower)


def test_two_levels_of_ple_are_described_as_in_the_paper():
    rows = make(PLE, n_levels=2, n_shared_experts=1, n_specific_experts=1).nodes(TASKS)
    own = [("expert", f"{task} 1") for task in TASKS]
    shared, shared_gate = ("expert", "shared 1"), ("gate", "shared gate")
    assert [[(b.kind, b.name) for b in row] for row in rows] == [
        [*own, shared],
        [*(("gate", task) for task in TASKS), shared_gate],
        [*own, shared],
        [("gate", task) for task in TASKS],
        [("tower", task) for task in TASKS],
    ]
    lower, upper = graph(rows[:2]), graph(rows[2:])
    for task, expert in zip(TASKS, own, strict=True):
        assert lower[expert] == []
        assert lower["gate", task] == upper["gate", task] == [expert, shared]
        assert upper[expert] == upper["tower", task][:1] == [("gate", task)]
    assert lower[shared_gate] == [*own, shared]
    assert upper[shared] == [shared_gate]


@pytest.mark.parametrize(("cls", "params"), [case for case in NETWORKS if case[0] in (PLE, MMoE)])
def test_gates_and_experts_have_the_names_of_their_weights(cls, params):
    network = make(cls, **params)
    gates = [row for row in network.nodes(TASKS) if row[0].kind == "gate"]
    described = [
        [(gate.name, [read.name for read in gate.reads]) for gate in row] for row in gates
    ]
    assert described == [
        [
            (gate, experts)
            for names in level
            for gate, experts in zip(names.gates, names.experts, strict=True)
        ]
        for level in network.gate_names(TASKS)
    ]


def test_one_gate_for_all_tasks_is_shared():
    experts, gates, towers = make(MMoE, shared_gate=True).nodes(TASKS)
    assert [(gate.name, gate.task) for gate in gates] == [("all tasks", None)]
    assert all(tower.reads == gates for tower in towers)
    assert {expert.task for expert in experts} == {None}


def test_towers_of_sluice_networks_read_a_mixture_of_all_layers():
    rows = make(Sluice, hidden_units=(6, 6)).nodes(TASKS)
    (mixture,) = rows[-1][1].reads
    assert [read.name for read in mixture.reads] == ["b 1", "b 2"]
