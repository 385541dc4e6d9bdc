"""The PLE network against a loop over rows, experts and gates of the paper's equations."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sklearn_ple.nn import PLE, MMoE

FUNCTIONS = {"relu": torch.relu, "gelu": F.gelu, "silu": F.silu, "elu": F.elu, "tanh": torch.tanh}

DEFAULTS = {
    "in_features": 4,
    "n_outputs": [1, 3, 1],
    "n_levels": 1,
    "n_shared_experts": 2,
    "n_specific_experts": 2,
    "expert_hidden_units": (5, 3),
    "tower_hidden_units": (4,),
    "activation": "tanh",
    "specific_share": None,
}

#: What every network of the comparison changes in the defaults.
NETWORKS = {
    "defaults": {},
    "3 shared, 2 specific": {"n_shared_experts": 3, "n_levels": 3},
    "1 shared, 3 specific": {"n_shared_experts": 1, "n_specific_experts": 3, "n_levels": 3},
    "one task": {"n_outputs": [1], "n_levels": 3},
    "one task, one level": {"n_outputs": [3]},
    "five tasks": {"n_outputs": [1, 1, 4, 1, 2], "n_levels": 3},
    "five tasks, one level": {"n_outputs": [2, 1, 1, 1, 1]},
    "no shared expert": {"n_shared_experts": 0, "n_levels": 3},
    "one expert a task": {"n_shared_experts": 0, "n_specific_experts": 1, "n_levels": 2},
    "no specific expert": {"n_specific_experts": 0, "n_shared_experts": 3, "n_levels": 3},
    "one expert less": {"n_specific_experts": [2, 1, 2], "n_levels": 3},
    "no expert of a task's own": {"n_specific_experts": [3, 0, 1], "n_levels": 3},
    "experts of one task alone": {"n_specific_experts": [0, 2, 0], "n_levels": 2},
    "uneven, one level": {"n_specific_experts": [1, 3, 2]},
    "uneven, no shared expert": {
        "n_specific_experts": [1, 3, 2],
        "n_shared_experts": 0,
        "n_levels": 2,
    },
    "widths by level": {"expert_hidden_units": ((6, 5), (3,), (2, 4)), "n_levels": 3},
    "widths of one level": {"expert_hidden_units": [[5, 3]]},
    "widths by level, uneven": {
        "expert_hidden_units": ((5,), (4, 3)),
        "n_specific_experts": [1, 2, 0],
        "n_levels": 2,
    },
    "experts of one layer": {
        "expert_hidden_units": (3,),
        "activation": "relu",
        "n_specific_experts": [2, 0, 1],
        "n_levels": 2,
    },
    "one expert in all": {"n_specific_experts": 0, "n_shared_experts": 1, "n_levels": 2},
    "gates that start at the shared experts": {"specific_share": 0.1, "n_levels": 2},
    "uneven, gates that start at the shared experts": {
        "n_specific_experts": [1, 0, 2],
        "specific_share": 0.3,
        "n_levels": 2,
    },
    "a share of no shared expert": {"n_shared_experts": 0, "specific_share": 0.1},
    "linear towers": {"tower_hidden_units": (), "n_levels": 2},
    "deep towers": {"tower_hidden_units": (4, 2)},
    "one feature": {"in_features": 1, "n_levels": 2},
    "relu": {"activation": "relu", "n_levels": 2},
    "experts of one layer, as by default": {
        "activation": "relu",
        "expert_hidden_units": (3,),
        "n_shared_experts": 1,
        "n_specific_experts": 1,
        "specific_share": 0.5,
    },
    "gelu": {"activation": "gelu"},
    "silu": {"activation": "silu"},
    "elu": {"activation": "elu"},
}


def make(seed=0, **changes):
    """Return a network in float64 with its options."""
    options = {**DEFAULTS, **changes}
    torch.manual_seed(seed)
    return PLE(**options).double(), options


def draw(n_rows, n_columns, seed=1):
    return torch.randn(
        n_rows, n_columns, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
    )


def leaves(network):
    """Copy the parameters into leaf tensors that are independent of the network."""
    return {name: p.detach().clone().requires_grad_() for name, p in network.named_parameters()}


def naive_mlp(params, prefix, index, x, n_layers, function):
    """Evaluate MLP number ``index`` of a bank on one row."""
    for depth in range(n_layers):
        weight = params[f"{prefix}.layers.{depth}.weight"][index]
        x = weight @ x + params[f"{prefix}.layers.{depth}.bias"][index]
        x = function(x)
    return x


def naive_gate(params, prefix, index, x, experts, options, n_own=0):
    """Sum experts by gate number ``index``: softmax(W x).

    With ``specific_share``, the own experts start with this share, the others with the rest, and
    the logits are small.
    """
    if len(experts) == 1:
        return experts[0]
    logits = params[f"{prefix}.logits.weight"][index] @ x
    assert len(logits) == len(experts)
    share, n_others = options["specific_share"], len(experts) - n_own
    scale = 1 if share is None else 0.03
    scores = [(scale * logit).exp() for logit in logits]
    if share is not None and n_own and n_others:
        start = [share / n_own] * n_own + [(1 - share) / n_others] * n_others
        scores = [first * score for first, score in zip(start, scores, strict=True)]
    return sum(score / sum(scores) * expert for score, expert in zip(scores, experts, strict=True))


def numbers_of_experts(options):
    """Return the number of every task's own experts."""
    n = options["n_specific_experts"]
    return n if isinstance(n, list) else [n] * len(options["n_outputs"])


def naive_ple(params, x, options):
    """Evaluate the paper's equations on one row."""
    function = FUNCTIONS[options["activation"]]
    n_tasks, n_levels = len(options["n_outputs"]), options["n_levels"]
    n_specific, n_shared = numbers_of_experts(options), options["n_shared_experts"]
    first = [sum(n_specific[:k]) for k in range(n_tasks)]
    # Gates of tasks that have different numbers of experts are modules of their own.
    gates = [("", k) for k in range(n_tasks)]
    if len(set(n_specific)) > 1:
        gates = [(f".{k}", 0) for k in range(n_tasks)]

    def expert(prefix, index, x):
        widths = options["expert_hidden_units"]
        level = int(prefix.split(".")[1])
        n_layers = len(widths[level] if np.ndim(widths[0]) else widths)
        return naive_mlp(params, prefix, index, x, n_layers, function)

    branches, shared_branch = [x] * n_tasks, x
    for level in range(n_levels):
        prefix = f"levels.{level}"
        specific = [
            [
                expert(f"{prefix}.specific_experts", first[k] + e, branches[k])
                for e in range(n_specific[k])
            ]
            for k in range(n_tasks)
        ]
        shared = [expert(f"{prefix}.shared_experts", e, shared_branch) for e in range(n_shared)]
        read = [[*specific[k], *shared] for k in range(n_tasks)]
        gated = [
            naive_gate(
                params,
                f"{prefix}.task_gates{gate}",
                index,
                branches[k],
                read[k],
                options,
                n_specific[k],
            )
            for k, (gate, index) in enumerate(gates)
        ]
        if level < n_levels - 1 and n_shared:
            everyone = [e for own in specific for e in own] + shared
            shared_branch = naive_gate(
                params, f"{prefix}.shared_gate", 0, shared_branch, everyone, options
            )
        branches = gated
    outputs = []
    for k in range(n_tasks):
        n_layers = len(options["tower_hidden_units"])
        hidden = naive_mlp(params, "towers.hidden", k, branches[k], n_layers, function)
        head = f"towers.heads.{k}"
        outputs.append(params[f"{head}.weight"][0] @ hidden + params[f"{head}.bias"][0])
    return torch.cat(outputs)


def gradients(parameters):
    return {name: p.grad for name, p in parameters}


def assert_close(actual, expected, tolerance=1e-10):
    np.testing.assert_allclose(
        actual.detach().numpy(), expected.detach().numpy(), rtol=tolerance, atol=tolerance
    )


@pytest.mark.parametrize("n_rows", [1, 5])
@pytest.mark.parametrize("changes", NETWORKS.values(), ids=NETWORKS.keys())
def test_outputs_and_gradients_are_those_of_the_papers_equations(changes, n_rows):
    network, options = make(**changes)
    inputs = draw(n_rows, options["in_features"])
    upstream = draw(n_rows, sum(options["n_outputs"]), seed=2)
    params = leaves(network)

    outputs = network(inputs)
    expected = torch.stack([naive_ple(params, row, options) for row in inputs])
    assert outputs.shape == (n_rows, sum(options["n_outputs"]))
    # The network rounds the weights at which gates start to float32.
    tolerance = 1e-6 if options["specific_share"] else 1e-10
    assert_close(outputs, expected, tolerance)

    (outputs * upstream).sum().backward()
    (expected * upstream).sum().backward()
    for name, gradient in gradients(network.named_parameters()).items():
        assert params[name].grad is not None, f"the equations do not read {name}"
        assert_close(gradient, params[name].grad, tolerance)


@pytest.mark.parametrize("changes", NETWORKS.values(), ids=NETWORKS.keys())
def test_members_are_networks_of_their_own(changes):
    n_members = 3
    ensemble, options = make(**changes, n_members=n_members)
    inputs = torch.stack([draw(5, options["in_features"], seed) for seed in range(n_members)])
    outputs = ensemble(inputs)
    for member in range(n_members):
        network, _ = make(**changes)
        state = {name: p.chunk(n_members)[member] for name, p in ensemble.state_dict().items()}
        network.load_state_dict(state)
        assert_close(outputs[member], network(inputs[member]))


@pytest.mark.parametrize("changes", NETWORKS.values(), ids=NETWORKS.keys())
def test_every_parameter_gets_a_gradient(changes):
    network, options = make(**changes)
    inputs = draw(64, options["in_features"])
    (network(inputs) ** 2).sum().backward()
    idle = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert idle == []


@pytest.mark.parametrize("n_specific", [[1, 3, 2], [3, 0, 1]])
@pytest.mark.parametrize("n_members", [1, 3])
def test_tasks_have_as_many_experts_as_asked_for_and_all_learn(n_specific, n_members):
    network, _ = make(n_specific_experts=n_specific, n_levels=2, n_members=n_members)
    inputs = torch.stack([draw(64, 4, seed) for seed in range(n_members)])
    (network(inputs) ** 2).sum().backward()
    for level in network.levels:
        gradient = level.specific_experts.layers[0].weight.grad
        assert len(gradient) == n_members * sum(n_specific)
        assert gradient.flatten(1).any(dim=1).all()
        shapes = [gates.logits.weight.shape[:2] for gates in level.task_gates]
        assert shapes == [(n_members, n + 2) for n in n_specific]
        assert all(gates.logits.weight.grad.any(dim=2).all() for gates in level.task_gates)


@pytest.mark.parametrize("changes", NETWORKS.values(), ids=NETWORKS.keys())
def test_evaluation_has_another_order_of_rows_and_the_same_result(changes):
    network, options = make(**changes)
    inputs = draw(7, options["in_features"])
    upstream = draw(7, sum(options["n_outputs"]), seed=2)

    trained = network.train()(inputs)
    (trained * upstream).sum().backward()
    expected = gradients(network.named_parameters())
    network.zero_grad()
    evaluated = network.eval()(inputs)
    (evaluated * upstream).sum().backward()

    assert_close(evaluated, trained)
    for name, gradient in gradients(network.named_parameters()).items():
        assert_close(gradient, expected[name])


@pytest.mark.parametrize("n_levels", [1, 2, 3])
def test_the_last_level_has_no_shared_gate(n_levels):
    network, _ = make(n_levels=n_levels)
    names = {name for name, _ in network.named_parameters() if "shared_gate" in name}
    assert names == {f"levels.{j}.shared_gate.logits.weight" for j in range(n_levels - 1)}


def test_no_two_experts_gates_or_towers_start_equal(seed):
    network, _ = make(
        seed,
        n_levels=3,
        n_outputs=[1] * 5,
        n_shared_experts=3,
        in_features=3,
        expert_hidden_units=(3,),
        tower_hidden_units=(3,),
    )
    rows = []
    for name, parameter in network.named_parameters():
        if parameter.dim() == 3 and parameter.shape[2] == 3:
            rows += [(name, layer) for matrix in parameter for layer in matrix.detach()]
    values = torch.stack([row for _, row in rows])
    distances = torch.cdist(values, values) + torch.eye(len(values)) * 9
    # 5 tasks' 2 and 3 shared experts of 3 units, in 3 levels; gates and towers beside them.
    assert len(rows) > 3 * 13 * 3
    assert distances.min() > 1e-6


def test_a_tasks_experts_start_apart_in_every_level(seed):
    network, _ = make(seed, n_levels=2, in_features=3)
    inputs = draw(20, 3, 1 + seed)
    level = network.levels[0]
    outputs = torch.cat(
        [level.specific_experts(inputs[None]), level.shared_experts(inputs[None])]
    ).flatten(1)
    distances = torch.cdist(outputs, outputs) + torch.eye(len(outputs)) * 9
    assert len(outputs) == 8
    assert distances.min() > 1e-2


def gate_outputs(network, inputs):
    """Run the network; return the output of every level's task gates and shared gate."""
    found = {}
    hooks = []
    for j, level in enumerate(network.levels):
        for name in ("task_gates", "shared_gate"):
            if (gate := getattr(level, name)) is not None:
                hooks.append(
                    gate.register_forward_hook(
                        lambda _m, _i, out, key=(j, name): found.__setitem__(key, out.detach())
                    )
                )
    network(inputs)
    for hook in hooks:
        hook.remove()
    return found


def task_gradients(network, options, inputs, task):
    """Gradients of one task's outputs by parameter; absent where autograd does not reach."""
    ends = np.cumsum(options["n_outputs"])
    part = network(inputs)[:, ends[task] - options["n_outputs"][task] : ends[task]]
    names, parameters = zip(*network.named_parameters(), strict=True)
    found = torch.autograd.grad(part.sum(), parameters, allow_unused=True)
    return dict(zip(names, found, strict=True))


def reaches(gradient, first=None, last=None):
    return gradient is not None and bool(gradient[first:last].any())


@pytest.mark.parametrize("task", [0, 1, 2])
@pytest.mark.parametrize("n_levels", [1, 3])
def test_without_shared_experts_tasks_share_nothing(n_levels, task):
    network, options = make(n_shared_experts=0, n_levels=n_levels)
    found = task_gradients(network, options, draw(6, 4), task)
    for name, gradient in found.items():
        if "heads" in name:
            assert reaches(gradient) == (f"heads.{task}." in name), name
            continue
        per_task = len(gradient) // 3
        for other in range(3):
            touched = reaches(gradient, other * per_task, (other + 1) * per_task)
            assert touched == (other == task), (name, other)


@pytest.mark.parametrize("n_rows", [1, 3])
def test_a_rows_outputs_do_not_depend_on_the_batch(n_rows):
    network, _ = make(n_levels=2)
    inputs = draw(12, 4)
    assert network.training
    assert_close(network(inputs[:n_rows]), network(inputs)[:n_rows])


def test_an_empty_batch_has_no_outputs():
    network, _ = make(n_levels=2)
    assert network(torch.zeros(0, 4, dtype=torch.float64)).shape == (0, 5)


def test_dropout_acts_in_training_only():
    network, _ = make(n_levels=2, dropout=0.5, expert_hidden_units=(16,), activation="relu")
    plain, _ = make(n_levels=2, expert_hidden_units=(16,), activation="relu")
    inputs = draw(6, 4)
    torch.manual_seed(3)
    first, second = network(inputs), network(inputs)
    assert (first - second).abs().max() > 1e-3
    network.eval()
    assert_close(network(inputs), network(inputs))
    assert_close(network(inputs), plain(inputs))


def test_dropout_never_touches_the_gates():
    network, _ = make(dropout=0.9)
    inputs = draw(6, 4)
    first, second = gate_outputs(network, inputs), gate_outputs(network, inputs)
    assert_close(first[0, "task_gates"], second[0, "task_gates"])


def test_levels_have_the_widths_that_were_asked_for():
    network, _ = make(expert_hidden_units=((6, 5), (3,)), n_levels=2)
    for level, widths in zip(network.levels, [(6, 5), (3,)], strict=True):
        for bank in (level.specific_experts, level.shared_experts):
            assert tuple(layer.out_features for layer in bank.layers) == widths
    assert network.towers.widths == [3, 3, 3]


@pytest.mark.parametrize("cls", [PLE, MMoE])
@pytest.mark.parametrize(
    ("widths", "message"),
    [
        (((4,),), "expert_hidden_units=.* holds 1 sequences of widths, .* but n_levels is 2"),
        (((4,), (4,), (4,)), "expert_hidden_units=.* holds 3 sequences of widths"),
        (((4,), 4), "expert_hidden_units=.* mixes widths and sequences"),
        (((4,), ()), "expert_hidden_units is empty: an expert needs at least one layer"),
        ((), "expert_hidden_units is empty: an expert needs at least one layer"),
    ],
)
def test_widths_that_do_not_suit_the_levels_are_an_error(cls, widths, message):
    with pytest.raises(ValueError, match=message):
        cls(4, [1, 1], n_levels=2, expert_hidden_units=widths)


def test_a_level_without_experts_is_an_error():
    for n_specific in (0, [1, 0]):
        with pytest.raises(ValueError, match="n_shared_experts and n_specific_experts are both 0"):
            PLE(4, [1, 1], n_shared_experts=0, n_specific_experts=n_specific)


def test_there_must_be_a_number_of_experts_for_every_task():
    with pytest.raises(
        ValueError, match=r"n_specific_experts=\[1, 2\] must have one entry for each of 3"
    ):
        PLE(4, [1, 1, 1], n_specific_experts=[1, 2])


def test_an_expert_without_layers_is_an_error():
    with pytest.raises(ValueError, match="expert_hidden_units is empty"):
        PLE(4, [1], expert_hidden_units=())


def test_without_shared_experts_the_network_is_that_of_every_task_alone():
    together, options = make(n_shared_experts=0, n_levels=2)
    inputs = draw(6, 4)
    outputs = together(inputs).split(options["n_outputs"], dim=1)
    for task, n in enumerate(options["n_outputs"]):
        alone, _ = make(seed=9, n_shared_experts=0, n_levels=2, n_outputs=[n])
        state = alone.state_dict()
        for name, value in together.state_dict().items():
            if "heads" not in name:
                per_task = len(value) // 3
                state[name] = value[task * per_task : (task + 1) * per_task]
        for end in ("weight", "bias"):
            state[f"towers.heads.0.{end}"] = together.state_dict()[f"towers.heads.{task}.{end}"]
        alone.load_state_dict(state)
        assert_close(alone(inputs), outputs[task])


@pytest.mark.parametrize("units", [(256, 128), (512,)])
def test_wide_experts_equal_separate_torch_modules(units):
    torch.manual_seed(0)
    network = PLE(
        6,
        [1, 1],
        n_shared_experts=2,
        n_specific_experts=2,
        expert_hidden_units=units,
        tower_hidden_units=(),
    ).double()
    inputs = draw(300, 6)
    level = network.levels[0]
    for bank, n_experts in [(level.specific_experts, 4), (level.shared_experts, 2)]:
        outputs = bank(inputs[None])
        assert outputs.shape == (n_experts, 300, units[-1])
        for index in range(n_experts):
            hidden = inputs
            for layer in bank.layers:
                alone = nn.Linear(layer.in_features, layer.out_features).double()
                alone.load_state_dict({"weight": layer.weight[index], "bias": layer.bias[index]})
                hidden = torch.relu(alone(hidden))
            assert_close(outputs[index], hidden)
