"""The networks beside PLE against loops over rows, members and tasks of their equations."""

import inspect
import sys

import numpy as np
import pytest
import torch
from aitm import AITM
from home import HoME
from multitab import MultiTabNet
from stem import STEM

import sklearn_ple
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

IN_FEATURES = 4
DEFAULTS = {"n_outputs": [1, 3, 1], "tower_hidden_units": (4,), "activation": "tanh"}


def linear(params, prefix, index, x):
    """Evaluate linear layer number ``index`` of a bank on one row."""
    return params[f"{prefix}.weight"][index] @ x + params[f"{prefix}.bias"][index]


def mlp(params, prefix, index, x, n_layers):
    """Evaluate MLP number ``index`` of a bank on one row."""
    for depth in range(n_layers):
        x = torch.tanh(linear(params, f"{prefix}.layers.{depth}", index, x))
    return x


def towers(params, member, representations, options):
    """Evaluate the towers of one member, all of one width, on one row's representations."""
    n_tasks, n_layers = len(representations), len(options["tower_hidden_units"])
    outputs = []
    for k, x in enumerate(representations):
        hidden = mlp(params, "towers.hidden", member * n_tasks + k, x, n_layers)
        outputs.append(linear(params, f"towers.heads.{k}", member, hidden))
    return torch.cat(outputs)


def bottoms(params, prefix, member, views, options):
    """Evaluate the bottoms of one member, task k's on view k of one row."""
    n_layers = len(options["bottom_hidden_units"])
    first = member * len(views)
    return [mlp(params, prefix, first + k, x, n_layers) for k, x in enumerate(views)]


def naive_single_task(params, member, views, options):
    return towers(params, member, bottoms(params, "bottoms", member, views, options), options)


def naive_shared_bottom(params, member, x, options):
    n_tasks = len(options["n_outputs"])
    (shared,) = bottoms(params, "bottom", member, [x], options)
    return towers(params, member, [shared] * n_tasks, options)


def naive_customized_sharing(params, member, x, options):
    n_tasks = len(options["n_outputs"])
    (shared,) = bottoms(params, "shared_bottom", member, [x], options)
    own = bottoms(params, "own_bottoms", member, [x] * n_tasks, options)
    return towers(params, member, [torch.cat([f, shared]) for f in own], options)


def naive_asymmetric_sharing(params, member, x, options):
    n_tasks, n_layers = len(options["n_outputs"]), len(options["tower_hidden_units"])
    own = bottoms(params, "bottoms", member, [x] * n_tasks, options)
    read = [[own[k], *(own[other] for other in options["reads"][k])] for k in range(n_tasks)]
    if (fusion := options.get("fusion", "concatenate")) != "concatenate":
        fused = []
        for k in range(n_tasks):
            n = len(read[k]) if fusion == "average" else 1
            numbers = zip(*read[k], strict=True)
            fused.append(torch.stack([sum(of_bottoms) / n for of_bottoms in numbers]))
        return towers(params, member, fused, options)
    outputs = []
    for k in range(n_tasks):
        hidden = mlp(params, f"towers.{k}.hidden", member, torch.cat(read[k]), n_layers)
        outputs.append(linear(params, f"towers.{k}.heads.0", member, hidden))
    return torch.cat(outputs)


def naive_cross_stitch(params, member, x, options):
    n_tasks = len(options["n_outputs"])
    hidden = [x] * n_tasks
    for depth in range(len(options["hidden_units"])):
        own = [
            mlp(params, f"layers.{depth}", member * n_tasks + k, hidden[k], 1)
            for k in range(n_tasks)
        ]
        stitch = params[f"stitches.{depth}"][member]
        # stitch[k, j] is one number, or one for each channel.
        hidden = [sum(stitch[k, j] * own[j] for j in range(n_tasks)) for k in range(n_tasks)]
    return towers(params, member, hidden, options)


def naive_sluice(params, member, x, options):
    n_tasks, n_parts = len(options["n_outputs"]), options["n_subspaces"]
    n_layers, width = len(options["hidden_units"]), options["hidden_units"][0] // n_parts
    hidden, layers = [x] * n_tasks, []
    for depth in range(n_layers):
        alpha = params[f"alphas.{depth}"][member]
        parts = []
        for k in range(n_tasks):
            own = mlp(params, f"layers.{depth}", member * n_tasks + k, hidden[k], 1)
            parts += [own[g * width : (g + 1) * width] for g in range(n_parts)]
        mixed = [
            sum(alpha[row, column] * part for column, part in enumerate(parts))
            for row in range(len(parts))
        ]
        hidden = [torch.cat(mixed[k * n_parts : (k + 1) * n_parts]) for k in range(n_tasks)]
        layers.append(hidden)
    if n_layers > 1:
        beta = params["betas"][member]
        hidden = [sum(beta[k, j] * layers[j][k] for j in range(n_layers)) for k in range(n_tasks)]
    return towers(params, member, hidden, options)


def naive_mmoe(params, member, x, options):
    n_tasks, n_experts = len(options["n_outputs"]), options["n_experts"]
    inputs = [x] * n_experts
    widths = options["expert_hidden_units"]
    for level in range(options["n_levels"]):
        experts = [
            mlp(
                params,
                f"experts.{level}",
                member * n_experts + e,
                inputs[e],
                len(widths[level] if np.ndim(widths[0]) else widths),
            )
            for e in range(n_experts)
        ]
        is_last = level == options["n_levels"] - 1
        n_gates = n_experts if not is_last else 1 if options["shared_gate"] else n_tasks
        inputs = []
        for gate in range(n_gates):
            index, prefix = member * n_gates + gate, f"gates.{level}"
            weights = [1.0]
            if n_experts > 1:
                scores = (params[f"{prefix}.logits.weight"][index] @ x).exp()
                weights = scores / scores.sum()
            inputs.append(sum(w * e for w, e in zip(weights, experts, strict=True)))
    return towers(params, member, inputs * n_tasks if options["shared_gate"] else inputs, options)


def softmax(scores):
    """Return numbers that are in the proportion of the scores' exponentials, and sum to one."""
    exponentials = [score.exp() for score in scores]
    return [e / sum(exponentials) for e in exponentials]


def naive_aitm(params, member, x, options):
    n_tasks, known = len(options["n_outputs"]), []
    widths = {"bottom_hidden_units": options["hidden_units"]}
    own = bottoms(params, "bottoms", member, [x] * n_tasks, widths)
    for task, q in enumerate(own):
        if not task:
            known.append(q)
            continue
        prefix = f"transfers.{task}"
        p = mlp(params, f"{prefix}.passed", member, known[-1], 1)
        h1, h2 = params[f"{prefix}.queries_and_keys.weight"][2 * member : 2 * member + 2]
        h3 = params[f"{prefix}.values.weight"][member]
        weights = softmax([((h1 @ u) @ (h2 @ u)) / len(u) ** 0.5 for u in (p, q)])
        known.append(weights[0] * (h3 @ p) + weights[1] * (h3 @ q))
    return towers(params, member, known, options)


def naive_adatt(params, member, x, options):
    n_tasks, n_levels = len(options["n_outputs"]), options["n_levels"]
    n_own, n_shared = options["n_specific_experts"], options["n_shared_experts"]
    widths = options["expert_hidden_units"]
    n_units = n_tasks + bool(n_shared)
    read = [x] * n_units
    for level in range(n_levels):
        prefix = f"levels.{level}"
        n_layers = len(widths[level] if np.ndim(widths[0]) else widths)
        experts, owners = [], []
        for unit in [n_tasks] * bool(n_shared) + list(range(n_tasks)):
            is_shared = unit == n_tasks
            kind, first = (
                ("shared", member * n_shared)
                if is_shared
                else ("specific", (member * n_tasks + unit) * n_own)
            )
            for e in range(n_shared if is_shared else n_own):
                bank = f"{prefix}.{kind}_experts"
                experts.append(mlp(params, bank, first + e, read[unit], n_layers))
                owners.append(unit)
        outputs = []
        for unit in range(n_tasks if level == n_levels - 1 else n_units):
            kind, index = ("task", member * n_tasks + unit)
            if unit == n_tasks:
                kind, index = ("shared", member)
            gate = f"{prefix}.{kind}_gate" + ("s" if kind == "task" else "")
            weights = [1.0]
            if len(experts) > 1:
                weights = softmax(params[f"{gate}.logits.weight"][index] @ read[unit])
            # As in the authors' code, if each unit has one expert its weight is 1.
            v = [1.0]
            if {n_own, n_shared} - {0, 1}:
                v = params[f"{gate}.residual"][member, 0 if kind == "shared" else unit]
            place, total = 0, 0.0
            for weight, expert, owner in zip(weights, experts, owners, strict=True):
                total = total + weight * expert
                if owner == unit:
                    total, place = total + v[place] * expert, place + 1
            assert place == len(v)
            outputs.append(total)
        read = outputs
    return towers(params, member, read, options)


def naive_stem(params, member, views, options):
    """Evaluate the equations on one row; the last view is the shared one."""
    n_tasks, n_layers = len(options["n_outputs"]), len(options["expert_hidden_units"])
    n_specific, n_shared = options["n_specific_experts"], options["n_shared_experts"]
    *branches, shared_branch = views

    def gate(name, index, x, experts):
        hidden = mlp(params, f"{name}.hidden", index, x, len(options["gate_hidden_units"]))
        scores = (params[f"{name}.logits.weight"][index] @ hidden).exp()
        return sum(w * e for w, e in zip(scores / scores.sum(), experts, strict=True))

    owners = [k for k in range(n_tasks) for _ in range(n_specific)]
    own = [
        mlp(params, "specific_experts", member * len(owners) + e, branches[k], n_layers)
        for e, k in enumerate(owners)
    ]
    shared = [
        mlp(params, "shared_experts", member * n_shared + e, shared_branch, n_layers)
        for e in range(n_shared)
    ]
    mixed = []
    for k in range(n_tasks):
        read = [e if owner == k else e.detach() for e, owner in zip(own, owners, strict=True)]
        x = branches[k] + shared_branch
        mixed.append(gate("gates", member * n_tasks + k, x, read + shared))
    return towers(params, member, mixed, options)


def naive_home(params, member, x, options):
    """Evaluate the equations on one row."""
    n_tasks, group_of = len(options["n_outputs"]), options["group_of"]
    groups = range(max(group_of) + 1)
    n_shared, n_group = options["n_shared_experts"], options["n_group_experts"]
    n_own, n_layers = options["n_specific_experts"], len(options["expert_hidden_units"])

    def experts(name, place, n, x):
        """Evaluate a part's n experts; the part has this place among those of its kind."""
        outputs = []
        for index in range(place * n, place * n + n):
            low = params[f"{name}.up.weight"][index] @ params[f"{name}.down.weight"][index]
            hidden = x * 2 / (1 + (-low @ x).exp())
            for depth in range(n_layers):
                hidden = linear(params, f"{name}.layers.{depth}", index, hidden)
                centred = hidden - hidden.mean()
                hidden = centred / (centred.square().mean() + 1e-5).sqrt()
                hidden = hidden * params[f"{name}.norm_scales.{depth}"][index, 0]
                hidden = torch.tanh(hidden + params[f"{name}.norm_shifts.{depth}"][index, 0])
            outputs.append(hidden)
        return outputs

    def gated(name, self_name, place, x, seen, own):
        hidden = mlp(params, f"{name}.hidden", place, x, len(options["gate_hidden_units"]))
        scores = (params[f"{name}.logits.weight"][place] @ hidden).exp()
        again = params[f"{self_name}.weight"][place] @ x
        again = again.exp() / again.exp().sum() if len(own) > 1 else 1 / (1 + (-again).exp())
        mixed = sum(w * e for w, e in zip(scores / scores.sum(), seen, strict=True))
        return mixed + sum(w * e for w, e in zip(again, own, strict=True))

    first = member * len(groups)
    n_all = len(groups) * n_group
    every = experts("meta_experts", member, n_all + n_shared, x)
    own = [every[g * n_group : (g + 1) * n_group] for g in range(len(groups))]
    shared = every[n_all:]
    z = [
        gated("group_gates", "group_self_gates", first + g, x, own[g] + shared, own[g])
        for g in range(len(groups))
    ]
    z_shared = gated("shared_gate", "shared_self_gate", member, x, every, shared)
    shared = experts("shared_experts", member, n_shared, z_shared)
    read = []
    for k in range(n_tasks):
        g, place = group_of[k], member * n_tasks + k
        own = experts("specific_experts", place, n_own, z[g])
        seen = own + experts("group_experts", first + g, n_group, z[g]) + shared
        both = torch.cat([z[g], z_shared])
        read.append(gated("task_gates", "task_self_gates", place, both, seen, own))
    return towers(params, member, read, options)


def normalised(x):
    return (x - x.mean()) / (x.var(correction=0) + 1e-5).sqrt()


def naive_attention(params, prefix, member, tokens, options):
    """Attend token by token, head by head."""
    n_heads, n_tasks = options["n_heads"], len(options["n_outputs"])
    width = len(tokens[0]) // n_heads
    normed = [normalised(token) for token in tokens]
    queries = [linear(params, f"{prefix}.queries", member, x) for x in normed]
    both = [params[f"{prefix}.keys_and_values.weight"][member] @ x for x in normed]
    results = []
    for i, query in enumerate(queries):
        read = []
        for head in range(n_heads):
            part = slice(head * width, (head + 1) * width)
            # The tokens of tasks, which are the first ones, do not attend to each other.
            seen = [j for j in range(len(tokens)) if i == j or max(i, j) >= n_tasks]
            scores = [query[part] @ both[j].chunk(2)[0][part] / width**0.5 for j in seen]
            total = sum(score.exp() for score in scores)
            values = [both[j].chunk(2)[1][part] for j in seen]
            read.append(sum(s.exp() / total * v for s, v in zip(scores, values, strict=True)))
        results.append(linear(params, f"{prefix}.read", member, torch.cat(read)))
    return results


def naive_multitab(params, member, x, options):
    n_tasks, n_columns = len(options["n_outputs"]), len(x)
    tokens = list(params["task_tokens"][member])
    for j in range(n_columns):
        index = member * n_columns + j
        tokens.append(linear(params, "column_tokens.layers.0", index, x[j : j + 1]))
    for block in range(len(options["hidden_units"])):
        prefix = f"attention_blocks.{block}"
        read = naive_attention(params, prefix, member, tokens, options)
        tokens = [h + a for h, a in zip(tokens, read, strict=True)]
        for i, token in enumerate(tokens):
            hidden = mlp(params, f"{prefix}.hidden", member, normalised(token), 1)
            tokens[i] = token + linear(params, f"{prefix}.out", member, hidden)
    return towers(params, member, tokens[:n_tasks], options)


BOTTOMS = {"bottom_hidden_units": (5, 3)}
LAYERS = {"hidden_units": (4,)}
EXPERTS = {
    "n_levels": 1,
    "n_experts": 3,
    "expert_hidden_units": (5, 3),
    "shared_gate": False,
}
FUSION = {
    "n_levels": 1,
    "n_shared_experts": 0,
    "n_specific_experts": 1,
    "expert_hidden_units": (5, 3),
}
STEMS = {
    "n_shared_experts": 2,
    "n_specific_experts": 1,
    "expert_hidden_units": (5, 3),
    "gate_hidden_units": (),
}
HOMES = {
    "group_of": [0, 1, 0],
    "n_shared_experts": 1,
    "n_group_experts": 1,
    "n_specific_experts": 1,
    "expert_hidden_units": (5,),
    "gate_hidden_units": (),
    "feature_gate_rank": 2,
}
TOKENS = {"hidden_units": (5,), "token_dim": 4, "n_heads": 2}
ALL_READ = {"reads": [[1, 2], [2, 0], [0, 1]]}

#: What is compared: a network, its equations and its options.
NETWORKS = {
    "shared bottom": (SharedBottom, naive_shared_bottom, BOTTOMS),
    "no bottom": (SharedBottom, naive_shared_bottom, {"bottom_hidden_units": ()}),
    "linear towers": (SharedBottom, naive_shared_bottom, BOTTOMS | {"tower_hidden_units": ()}),
    "single tasks": (SingleTask, naive_single_task, BOTTOMS),
    "single tasks, no bottom": (SingleTask, naive_single_task, {"bottom_hidden_units": ()}),
    "customized": (CustomizedSharing, naive_customized_sharing, BOTTOMS),
    "asymmetric, none": (
        AsymmetricSharing,
        naive_asymmetric_sharing,
        BOTTOMS | {"reads": [[], [], []]},
    ),
    "asymmetric, chain": (
        AsymmetricSharing,
        naive_asymmetric_sharing,
        BOTTOMS | {"reads": [[], [0], [0, 1]]},
    ),
    "asymmetric, all": (AsymmetricSharing, naive_asymmetric_sharing, BOTTOMS | ALL_READ),
    "asymmetric, sum": (
        AsymmetricSharing,
        naive_asymmetric_sharing,
        BOTTOMS | {"reads": [[], [0], [0, 1]], "fusion": "sum"},
    ),
    "asymmetric, average": (
        AsymmetricSharing,
        naive_asymmetric_sharing,
        BOTTOMS | {"reads": [[2], [], [1, 0]], "fusion": "average"},
    ),
    "asymmetric, backward": (
        AsymmetricSharing,
        naive_asymmetric_sharing,
        BOTTOMS | {"reads": [[2], [], []]},
    ),
    "stitched": (CrossStitch, naive_cross_stitch, LAYERS | {"by_channel": False}),
    "stitched, 3 layers": (
        CrossStitch,
        naive_cross_stitch,
        {"hidden_units": (5, 3, 4), "by_channel": False},
    ),
    "stitched by channel": (
        CrossStitch,
        naive_cross_stitch,
        {"hidden_units": (5, 3), "by_channel": True},
    ),
    "stitched, 1 task": (
        CrossStitch,
        naive_cross_stitch,
        LAYERS | {"by_channel": False, "n_outputs": [2]},
    ),
    "sluice, 1 subspace": (Sluice, naive_sluice, LAYERS | {"n_subspaces": 1}),
    "sluice, 1 subspace, 3 layers": (
        Sluice,
        naive_sluice,
        {"hidden_units": (4, 4, 4), "n_subspaces": 1},
    ),
    "sluice, 2 subspaces": (Sluice, naive_sluice, LAYERS | {"n_subspaces": 2}),
    "sluice, 2 subspaces, 2 layers": (
        Sluice,
        naive_sluice,
        {"hidden_units": (6, 6), "n_subspaces": 2},
    ),
    "sluice, 4 subspaces": (Sluice, naive_sluice, {"hidden_units": (8, 8), "n_subspaces": 4}),
    "sluice, 1 task": (
        Sluice,
        naive_sluice,
        {"hidden_units": (4, 4), "n_subspaces": 2, "n_outputs": [2]},
    ),
    "MMoE": (MMoE, naive_mmoe, EXPERTS),
    "MMoE, 2 levels": (MMoE, naive_mmoe, EXPERTS | {"n_levels": 2}),
    "MMoE, 3 levels": (MMoE, naive_mmoe, EXPERTS | {"n_levels": 3, "n_experts": 2}),
    "MMoE, widths by level": (
        MMoE,
        naive_mmoe,
        EXPERTS | {"expert_hidden_units": [[5], [4, 3], [2]], "n_levels": 3},
    ),
    "OMoE": (MMoE, naive_mmoe, EXPERTS | {"shared_gate": True}),
    "OMoE, 2 levels": (MMoE, naive_mmoe, EXPERTS | {"shared_gate": True, "n_levels": 2}),
    "MMoE, 1 expert": (MMoE, naive_mmoe, EXPERTS | {"n_experts": 1, "n_levels": 2}),
    "MMoE, 1 task": (MMoE, naive_mmoe, EXPERTS | {"n_outputs": [3]}),
    "AITM": (AITM, naive_aitm, {"hidden_units": (5, 3)}),
    "AITM, 1 task": (AITM, naive_aitm, {"hidden_units": (5, 3), "n_outputs": [2]}),
    "AdaTT": (AdaTT, naive_adatt, FUSION),
    "AdaTT, 3 levels": (AdaTT, naive_adatt, FUSION | {"n_levels": 3, "n_specific_experts": 2}),
    "AdaTT, shared": (AdaTT, naive_adatt, FUSION | {"n_levels": 3, "n_shared_experts": 2}),
    "AdaTT, 1 shared": (
        AdaTT,
        naive_adatt,
        FUSION | {"n_levels": 2, "n_shared_experts": 1, "n_specific_experts": 2},
    ),
    "AdaTT, 1 own": (
        AdaTT,
        naive_adatt,
        FUSION | {"n_levels": 2, "n_shared_experts": 2, "n_specific_experts": 1},
    ),
    "AdaTT, widths by level": (
        AdaTT,
        naive_adatt,
        FUSION | {"expert_hidden_units": [[5], [4, 3]], "n_levels": 2},
    ),
    "AdaTT, 1 task": (AdaTT, naive_adatt, FUSION | {"n_outputs": [3], "n_levels": 2}),
    "HoME": (HoME, naive_home, HOMES),
    "HoME, more experts": (
        HoME,
        naive_home,
        HOMES
        | {"n_shared_experts": 2, "n_group_experts": 3, "n_specific_experts": 2}
        | {"expert_hidden_units": (5, 3), "gate_hidden_units": (6,)},
    ),
    "HoME, 1 group": (HoME, naive_home, HOMES | {"group_of": [0, 0, 0]}),
    "STEM": (STEM, naive_stem, STEMS),
    "STEM, deep gates": (
        STEM,
        naive_stem,
        STEMS | {"n_specific_experts": 2, "gate_hidden_units": (6,)},
    ),
    "MultiTab-Net": (MultiTabNet, naive_multitab, TOKENS),
    "MultiTab-Net, 2 blocks": (MultiTabNet, naive_multitab, TOKENS | {"hidden_units": (5, 3)}),
    "MultiTab-Net, 1 task": (MultiTabNet, naive_multitab, TOKENS | {"n_outputs": [2]}),
}
#: Networks in docs/extending.
EXAMPLES = {AITM, HoME, MultiTabNet, STEM}
#: Options that depend on the tasks and on the table.
ANEW = {"n_added", "columns", "group_of"}
#: Those that read several views of the features.
OF_VIEWS = {SingleTask, STEM}
every_network = pytest.mark.parametrize(
    ("cls", "naive", "options"), NETWORKS.values(), ids=NETWORKS.keys()
)


def make(cls, options, seed=0, **changes):
    """Return a network in float64, none of its numbers at a start that is special."""
    torch.manual_seed(seed)
    network = cls(IN_FEATURES, **(DEFAULTS | options | changes)).double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return network


def draw(*shape, seed=1):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def assert_close(actual, expected):
    np.testing.assert_allclose(
        actual.detach().numpy(), expected.detach().numpy(), rtol=1e-10, atol=1e-10
    )


def loss_of(network, inputs):
    """Sum the outputs by random numbers, and what the network adds to a loss."""
    outputs = network(inputs)
    return (outputs * draw(*outputs.shape, seed=2)).sum() + network.penalty()


@pytest.mark.parametrize(("n_members", "n_rows"), [(1, 2), (3, 1)])
@every_network
def test_outputs_and_gradients_are_those_of_the_equations(cls, naive, options, n_members, n_rows):
    network = make(cls, options, n_members=n_members)
    options = DEFAULTS | options
    params = {name: p.detach().clone().requires_grad_() for name, p in network.named_parameters()}
    inputs = draw(len(network.views), n_rows, IN_FEATURES)

    outputs = network(inputs)
    if cls in OF_VIEWS:
        views = inputs.unflatten(0, (n_members, -1)).unbind(0)
    else:
        views = [inputs[m : m + 1] for m in range(n_members)]
    expected = torch.stack(
        [
            torch.stack(
                [
                    naive(params, m, list(row) if cls in OF_VIEWS else row[0], options)
                    for row in views[m].unbind(1)
                ]
            )
            for m in range(n_members)
        ]
    )
    assert outputs.shape == (n_members, n_rows, sum(options["n_outputs"]))
    assert_close(outputs, expected)

    upstream = draw(*outputs.shape, seed=2)
    (outputs * upstream).sum().backward()
    (expected * upstream).sum().backward()
    for name, parameter in network.named_parameters():
        assert params[name].grad is not None, f"the equations do not read {name}"
        assert_close(parameter.grad, params[name].grad)


@every_network
def test_a_single_members_first_axis_may_be_left_out(cls, naive, options):
    network = make(cls, options)
    inputs = draw(5, IN_FEATURES)
    assert_close(network(inputs), network(inputs.expand(len(network.views), -1, -1))[0])


@every_network
def test_no_parameter_is_idle(cls, naive, options):
    network = make(cls, options, n_members=3)
    loss_of(network, draw(len(network.views), 16, IN_FEATURES)).backward()
    # Of every member.
    idle = [
        name
        for name, p in network.named_parameters()
        if p.grad is None or not p.grad.unflatten(0, (3, -1)).flatten(1).any(dim=1).all()
    ]
    assert idle == []


@every_network
def test_members_have_nothing_in_common(cls, naive, options):
    network = make(cls, options, n_members=3)
    inputs = draw(len(network.views), 4, IN_FEATURES)
    before = network(inputs)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.chunk(3)[1].add_(0.5)
    after = network(inputs)
    assert_close(after[[0, 2]], before[[0, 2]])
    assert (after[1] - before[1]).abs().min() > 1e-6


@every_network
def test_a_rows_outputs_do_not_depend_on_the_batch(cls, naive, options):
    network = make(cls, options)
    inputs = draw(6, IN_FEATURES)
    assert_close(network(inputs[:1]), network(inputs)[:1])
    assert network(inputs[:0]).shape == (0, sum((DEFAULTS | options)["n_outputs"]))


@every_network
def test_parts_start_from_numbers_of_their_own(cls, naive, options):
    torch.manual_seed(0)
    network = cls(IN_FEATURES, **(DEFAULTS | options), n_members=2)
    for name, parameter in network.named_parameters():
        if not any(part in name for part in ("stitches", "alphas", "betas", "norm_")):
            assert len(parameter.unique()) == parameter.numel(), name


# -- what tasks have in common --------------------------------------------------------------------


def tasks_reached(network, task):
    """Return which tasks' bottoms or layers task k's outputs depend on; of one member."""
    ends = np.cumsum(DEFAULTS["n_outputs"])
    outputs = network(draw(6, IN_FEATURES))
    own = outputs[:, ends[task] - DEFAULTS["n_outputs"][task] : ends[task]]
    names, parameters = zip(*network.named_parameters(), strict=True)
    gradients = torch.autograd.grad(own.sum(), parameters, allow_unused=True)
    found = {}
    for name, gradient in zip(names, gradients, strict=True):
        if name.startswith(("bottoms", "own_bottoms", "layers", "towers.hidden")):
            found[name] = {k for k, part in enumerate(gradient.chunk(3)) if part.any()}
    return found


@pytest.mark.parametrize(
    ("fusion", "widths"), [("concatenate", [3, 6, 9]), ("sum", [3, 3, 3]), ("average", [3, 3, 3])]
)
def test_towers_read_as_many_numbers_as_the_fusion_makes(fusion, widths):
    options = BOTTOMS | {"reads": [[], [0], [0, 1]], "fusion": fusion}
    network = make(AsymmetricSharing, options)
    assert network.towers.widths == widths
    read = network.representations(draw(7, IN_FEATURES))
    assert [own.shape[-1] for own in read] == widths


@pytest.mark.parametrize(("cls", "options"), [(CustomizedSharing, BOTTOMS), (CrossStitch, LAYERS)])
def test_own_parts_are_those_of_the_task_unless_they_are_stitched(cls, options):
    found = tasks_reached(make(cls, options), 1)
    everyone = {0, 1, 2}
    assert all(reached == {1} for name, reached in found.items() if "towers" in name)
    layers = [reached for name, reached in found.items() if "towers" not in name]
    assert all(reached == (everyone if cls is CrossStitch else {1}) for reached in layers)


@pytest.mark.parametrize(("task", "reached"), [(0, {0}), (1, {0, 1}), (2, {0, 1, 2})])
def test_what_is_transferred_goes_one_way(task, reached):
    found = tasks_reached(make(AITM, {"hidden_units": (5, 3)}), task)
    assert {name: own for name, own in found.items() if "towers" not in name} == {
        f"bottoms.layers.{depth}.{kind}": reached
        for depth in (0, 1)
        for kind in ("weight", "bias")
    }


# -- starts, penalty, errors ----------------------------------------------------------------------


@pytest.mark.parametrize("by_channel", [False, True])
@pytest.mark.parametrize(
    ("n_tasks", "own", "other"), [(1, 1.0, 0.0), (2, 0.9, 0.1), (3, 0.9, 0.05), (5, 0.9, 0.025)]
)
def test_stitches_start_with_most_of_ones_own(n_tasks, own, other, by_channel):
    network = CrossStitch(
        IN_FEATURES, [1] * n_tasks, hidden_units=(5, 3), by_channel=by_channel, n_members=2
    )
    expected = torch.full((n_tasks, n_tasks), other).fill_diagonal_(own)
    for width, stitch in zip((5, 3), network.stitches, strict=True):
        assert stitch.shape == (2, n_tasks, n_tasks, width if by_channel else 1)
        np.testing.assert_allclose(
            stitch.detach(), expected[None, :, :, None].expand(stitch.shape), rtol=1e-6
        )


@pytest.mark.parametrize("n_subspaces", [1, 2, 4])
@pytest.mark.parametrize(("n_layers", "first", "last"), [(2, 0.1, 0.9), (3, 0.05, 0.9)])
def test_alphas_and_betas_start_with_most_of_ones_own(n_subspaces, n_layers, first, last):
    network = Sluice(
        IN_FEATURES, [1, 2, 1], hidden_units=(8,) * n_layers, n_subspaces=n_subspaces, n_members=2
    )
    n_parts = 3 * n_subspaces
    expected = torch.full((n_parts, n_parts), 0.1 / (n_parts - 1)).fill_diagonal_(0.9)
    assert len(network.alphas) == n_layers
    for alpha in network.alphas:
        np.testing.assert_allclose(alpha.detach(), expected.expand(2, -1, -1), rtol=1e-6)
    betas = torch.tensor([first] * (n_layers - 1) + [last])
    np.testing.assert_allclose(network.betas.detach(), betas.expand(2, 3, -1), rtol=1e-6)


@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize(
    ("n_subspaces", "hidden_units"), [(1, (4,)), (2, (4,)), (2, (6, 6)), (4, (8, 8, 8))]
)
def test_penalty_is_the_sum_of_squared_frobenius_norms(n_subspaces, hidden_units, n_members):
    options = {"hidden_units": hidden_units, "n_subspaces": n_subspaces, "orthogonality": 0.3}
    network = make(Sluice, options, n_members=n_members)
    params = {name: p.detach().numpy() for name, p in network.named_parameters()}
    width, expected = hidden_units[0] // n_subspaces, 0.0
    for depth in range(len(hidden_units)):
        for weights in params[f"layers.{depth}.layers.0.weight"]:
            # A column of W_g is one activation of subspace g, a row what reads an input.
            parts = [weights[g * width : (g + 1) * width].T for g in range(n_subspaces)]
            for g in range(n_subspaces):
                for h in range(g + 1, n_subspaces):
                    expected += np.linalg.norm(parts[g].T @ parts[h]) ** 2
    np.testing.assert_allclose(network.penalty().item(), 0.3 * expected / n_members, rtol=1e-10)
    assert n_subspaces == 1 or expected > 0


def test_penalty_reaches_the_weights_of_every_layer_and_vanishes_for_orthogonal_subspaces():
    network = make(Sluice, {"hidden_units": (4, 4), "n_subspaces": 2})
    network.penalty().backward()
    reached = {name for name, p in network.named_parameters() if p.grad is not None}
    assert reached == {"layers.0.layers.0.weight", "layers.1.layers.0.weight"}
    with torch.no_grad():
        for layer in network.layers:
            layer.layers[0].weight.copy_(torch.eye(4).expand(3, 4, 4))
    assert network.penalty().item() == 0.0


@pytest.mark.parametrize("cls", [SharedBottom, SingleTask, CustomizedSharing, CrossStitch, MMoE])
def test_other_networks_have_no_penalty(cls):
    assert cls(IN_FEATURES, [1, 1]).penalty() == 0.0


@pytest.mark.parametrize(
    ("cls", "options", "message"),
    [
        (CrossStitch, {"hidden_units": ()}, "hidden_units is empty"),
        (Sluice, {"hidden_units": ()}, "hidden_units is empty"),
        (Sluice, {"hidden_units": (4, 6)}, r"hidden_units=\(4, 6\) do not suit a sluice network"),
        (Sluice, {"hidden_units": (5,)}, "multiple of n_subspaces=2"),
        (MMoE, {"expert_hidden_units": ()}, "expert_hidden_units is empty"),
        (AsymmetricSharing, {"reads": [[], [0]], "fusion": "mean"}, "fusion='mean' is not one of"),
        (AdaTT, {"n_specific_experts": 0}, "n_specific_experts is 0"),
        (AdaTT, {"expert_hidden_units": ()}, "expert_hidden_units is empty"),
    ],
)
def test_options_that_make_no_network_are_named(cls, options, message):
    with pytest.raises(ValueError, match=message):
        cls(IN_FEATURES, [1, 1], **options)


@pytest.mark.parametrize(
    "cls", [SharedBottom, SingleTask, CustomizedSharing, CrossStitch, MMoE, AdaTT]
)
def test_dropout_acts_in_training_only(cls):
    torch.manual_seed(0)
    network = cls(IN_FEATURES, [1, 1], dropout=0.5)
    inputs = torch.randn(6, IN_FEATURES)
    assert (network(inputs) - network(inputs)).abs().max() > 1e-3
    network.eval()
    assert torch.equal(network(inputs), network(inputs))


def test_groups_of_tasks_have_only_shared_experts_in_common():
    network = make(HoME, HOMES)
    ends = np.cumsum(DEFAULTS["n_outputs"])
    outputs = network(draw(6, IN_FEATURES))
    network.zero_grad()
    outputs[:, ends[0] : ends[1]].sum().backward()
    # Task 1 is alone in group y; of the other group's experts it reads those of the first level.
    assert not network.specific_experts.up.weight.grad[[0, 2]].any()
    assert not network.group_experts.up.weight.grad[0].any()
    assert network.group_experts.up.weight.grad[1].any()
    assert network.meta_experts.up.weight.grad.flatten(1).any(dim=1).all()


@pytest.mark.parametrize("cls", sorted({cls for cls, _, _ in NETWORKS.values()} | {PLE}, key=str))
def test_defaults_are_those_of_the_estimator(cls):
    module = sys.modules[cls.__module__] if cls in EXAMPLES else sklearn_ple
    estimator = getattr(module, f"{cls.__name__}ClassifierRegressor")
    parameters = inspect.signature(cls).parameters.values()
    defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
    defaults = {name: own for name, own in defaults.items() if name not in ANEW}
    expected = {name: getattr(estimator, name) for name in defaults}
    # What a fit chooses in general.
    chosen = {"expert_hidden_units": (48,), "n_specific_experts": 1}
    assert defaults == {
        name: chosen[name] if own == "auto" else own for name, own in expected.items()
    }


def test_mmoe_is_ple_without_experts_of_the_tasks_own():
    mmoe = make(MMoE, EXPERTS, n_members=2)
    ple = make(
        PLE,
        {"expert_hidden_units": (5, 3), "specific_share": None},
        n_shared_experts=3,
        n_specific_experts=0,
        n_members=2,
    )
    ple.load_state_dict(
        {
            name.replace("experts.0", "levels.0.shared_experts").replace(
                "gates.0", "levels.0.task_gates"
            ): value
            for name, value in mmoe.state_dict().items()
        }
    )
    inputs = draw(2, 7, IN_FEATURES)
    assert_close(ple(inputs), mmoe(inputs))


def test_adatt_of_shared_experts_alone_but_for_the_residual_is_mmoe():
    """Where a task's own experts put out zero, what is left are gates over the shared ones."""
    adatt = make(AdaTT, FUSION | {"n_shared_experts": 2}, n_members=2)
    mmoe = make(MMoE, EXPERTS | {"n_experts": 5}, n_members=2)
    with torch.no_grad():
        for name, parameter in adatt.named_parameters():
            if "specific_experts" in name:
                parameter.zero_()
    state, theirs = mmoe.state_dict(), adatt.state_dict()
    for depth in (0, 1):
        for kind in ("weight", "bias"):
            name = f"levels.0.{{}}_experts.layers.{depth}.{kind}"
            own, shared = (theirs[name.format(part)] for part in ("specific", "shared"))
            both = [part.unflatten(0, (2, -1)) for part in (shared, own)]
            state[f"experts.0.layers.{depth}.{kind}"] = torch.cat(both, dim=1).flatten(0, 1)
    state["gates.0.logits.weight"] = theirs["levels.0.task_gates.logits.weight"]
    state |= {name: value for name, value in theirs.items() if name.startswith("towers")}
    mmoe.load_state_dict(state)
    inputs = draw(2, 7, IN_FEATURES)
    assert_close(adatt(inputs), mmoe(inputs))


def test_cross_stitch_without_stitches_is_every_task_alone():
    stitched = make(CrossStitch, {"hidden_units": (5,)})
    alone = make(SingleTask, {"bottom_hidden_units": (5,)})
    with torch.no_grad():
        stitched.stitches[0].copy_(torch.eye(3)[None, :, :, None])
    state = {
        name.replace("layers.0.layers", "bottoms.layers"): value
        for name, value in stitched.state_dict().items()
        if "stitches" not in name
    }
    alone.load_state_dict(state)
    inputs = draw(7, IN_FEATURES)
    assert_close(alone(inputs), stitched(inputs))


def test_a_sluice_of_one_layer_and_subspace_is_a_cross_stitch():
    sluice = make(Sluice, LAYERS | {"n_subspaces": 1})
    stitched = make(CrossStitch, LAYERS)
    state = {name.replace("alphas", "stitches"): v for name, v in sluice.state_dict().items()}
    state["stitches.0"] = state["stitches.0"][..., None]
    stitched.load_state_dict(state)
    inputs = draw(7, IN_FEATURES)
    assert_close(stitched(inputs), sluice(inputs))
