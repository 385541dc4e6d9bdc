"""The health of experts, in networks whose state is known since their weights are set by hand."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from makers import make_complete_table, make_tiny
from sklearn.exceptions import NotFittedError
from torch.nn import functional as F

from sklearn_ple import (
    AdaTTClassifierRegressor,
    CGCClassifierRegressor,
    MMoEClassifierRegressor,
    PLEClassifierRegressor,
    SharedBottomClassifierRegressor,
    nn,
)
from sklearn_ple.base import MultiTaskEstimator, with_parameters
from sklearn_ple.inspection import GateUtilizationDisplay, MultiTaskReport, expert_health
from sklearn_ple.training.inference import N_AT_ONCE

# No multiple of the blocks that rows are predicted in.
N = 37


@pytest.fixture(scope="module")
def data():
    return make_complete_table(N)


def fit(cls, data, **params):
    return make_tiny(cls, **({"numeric_embedding": None} | params)).fit(*data)


def fix_weights(gates, weights):
    """Make gates put out the same weights, of shape (n_gates, n_experts), for every row."""
    gates.register_forward_hook(lambda _gates, _read, out: weights[..., None].expand_as(out))


#: Weight of the shared expert; the own expert has the rest.
SHARED = {"own": 0.0, "mostly own": 0.028, "both": 0.5, "shared": 1.0}


def choosing(data, **choices):
    """Return CGC of one own and one shared expert, whose gates choose as they are told."""
    model = fit(CGCClassifierRegressor, data)
    shares = [SHARED[choices[task]] for task in ("late", "price")]
    weights = torch.tensor([[1 - share, share] for share in shares])
    fix_weights(model.module_.body.levels[0].task_gates, weights)
    return model


def states(model, data):
    health = expert_health(model, data[0]).table
    return dict(zip(health["expert"], health["state"], strict=True))


@pytest.mark.parametrize(
    ("late", "price", "expected"),
    [
        ("both", "both", ["healthy", "healthy", "healthy"]),
        ("shared", "both", ["idle, ignored", "healthy", "healthy"]),
        ("shared", "own", ["idle, ignored", "healthy", "captured"]),
        ("both", "own", ["healthy", "healthy", "captured"]),
        ("own", "own", ["healthy", "healthy", "idle"]),
        ("mostly own", "own", ["healthy", "healthy", "idle"]),
        ("shared", "shared", ["idle, ignored", "idle, ignored", "healthy"]),
    ],
)
def test_states_follow_from_what_gates_choose(data, late, price, expected):
    model = choosing(data, late=late, price=price)
    assert states(model, data) == dict(
        zip(["late 1", "price 1", "shared 1"], expected, strict=True)
    )


def test_own_shares_are_of_all_experts_of_a_task(data):
    model = fit(CGCClassifierRegressor, data, n_specific_experts=[2, 1])
    health = expert_health(model, data[0]).table.set_index("expert")
    late = model.gate_weights(data[0])[0]["late"].mean()
    # Two of three experts are its own.
    expected = (late["late 1"] + late["late 2"]) / (2 / 3)
    np.testing.assert_allclose(health["own_share"][["late 1", "late 2"]], expected)


def test_zeros_are_those_of_the_activations(data):
    params = {"clip_numbers": None, "dtype": "float64", "n_members": 2, "batch_size": 16}
    model = fit(CGCClassifierRegressor, data, **params)
    level = model.module_.body.levels[0]
    # More rows than are predicted at once.
    X, _ = make_complete_table(N_AT_ONCE + N, seed=1)
    numbers = ((X - data[0].mean()) / data[0].std(ddof=0)).to_numpy()
    expected = []
    for bank, index in (
        (level.specific_experts, 0),
        (level.specific_experts, 1),
        (level.shared_experts, 0),
    ):
        weight, bias = bank.layers[0].weight.detach().numpy(), bank.layers[0].bias.detach().numpy()
        places = range(index, len(weight), len(weight) // 2)
        active = [np.maximum(numbers @ weight[p].T + bias[p], 0) for p in places]
        expected.append(np.mean([(own == 0).mean() for own in active]))
    health = expert_health(model, X).table
    np.testing.assert_allclose(health["zeros"], expected)
    assert health["zeros"].min() > 0 and health["zeros"].max() < 1


def of_ple(body, level, bank, index):
    layer = getattr(body.levels[level], bank).layers[-1]
    return layer.weight[index], layer.bias[index]


def of_mmoe(body, level, bank, index):
    layer = body.experts[level].layers[-1]
    return layer.weight[index], layer.bias[index]


EVEN = {"n_levels": 2, "n_specific_experts": 2, "n_shared_experts": 2}
UNEVEN = {"n_levels": 2, "n_specific_experts": [1, 2]}


@pytest.mark.parametrize(
    ("cls", "params", "part", "level", "bank", "index", "name"),
    [
        (PLEClassifierRegressor, EVEN, of_ple, 0, "specific_experts", 2, "price 1"),
        (PLEClassifierRegressor, EVEN, of_ple, 1, "shared_experts", 1, "shared 2"),
        (PLEClassifierRegressor, UNEVEN, of_ple, 1, "specific_experts", 2, "price 2"),
        (AdaTTClassifierRegressor, EVEN, of_ple, 0, "specific_experts", 1, "late 2"),
        (AdaTTClassifierRegressor, EVEN, of_ple, 1, "specific_experts", 2, "price 1"),
        (AdaTTClassifierRegressor, EVEN, of_ple, 1, "shared_experts", 0, "shared 1"),
        (MMoEClassifierRegressor, {"n_levels": 2}, of_mmoe, 1, None, 2, "expert 3"),
    ],
)
def test_a_dead_expert_is_named(data, cls, params, part, level, bank, index, name):
    model = fit(cls, data, **params)
    with torch.no_grad():
        weight, bias = part(model.module_.body, level, bank, index)
        weight.zero_()
        bias.fill_(-1.0)
    health = expert_health(model, data[0]).table
    dead = health[health["state"].str.contains("dead")]
    assert dead[["level", "expert"]].to_numpy().tolist() == [[level + 1, name]]
    assert dead["zeros"].tolist() == [1.0]
    named = [
        [depth, expert]
        for depth, gates in enumerate(model.gate_weights(data[0]), start=1)
        for expert in dict.fromkeys(e for frame in gates.values() for e in frame)
    ]
    assert sorted(health[["level", "expert"]].to_numpy().tolist()) == sorted(named)


def test_a_dead_expert_is_named_whatever_the_order_of_the_tasks(data):
    X, y = data
    model = fit(PLEClassifierRegressor, (X, y[["price", "late"]]), n_specific_experts={"price": 2})
    with torch.no_grad():
        # In the network the tasks are in the order of their names.
        weight, bias = of_ple(model.module_.body, 0, "specific_experts", 0)
        weight.zero_()
        bias.fill_(-1.0)
    health = expert_health(model, X).table
    assert health["expert"].tolist() == ["late 1", "price 1", "price 2", "shared 1"]
    assert health["task"].tolist()[:3] == ["late", "price", "price"]
    assert health["zeros"].tolist() == [1.0, *health["zeros"].tolist()[1:]]
    assert (health["zeros"][1:] < 1).all() and "dead" in health["state"][0]


OWN = [[level, expert] for level in (1, 2) for expert in ("late 1", "price 1")]


@pytest.mark.parametrize(
    ("cls", "chosen", "idle", "ignored"),
    [
        (PLEClassifierRegressor, "shared 1", OWN, OWN),
        (AdaTTClassifierRegressor, "shared 1", [], []),
        # The last level has no unit that reads the shared expert beside its gate.
        (AdaTTClassifierRegressor, "late 1", [[2, "shared 1"]], []),
        # An own expert is not captured by its task.
        (AdaTTClassifierRegressor, "{} 1", [[2, "shared 1"]], []),
    ],
)
@pytest.mark.filterwarnings("ignore:Expert", "ignore:Gate", "ignore:Task")
def test_experts_that_are_read_beside_a_gate_are_used(data, cls, chosen, idle, ignored):
    model = fit(cls, data, n_shared_experts=1, n_specific_experts=1, n_levels=2)
    for level in model.module_.gate_names(model.task_names_):
        for names in level:
            both = zip(names.gates, names.experts, strict=True)
            wanted = [own.index(chosen.format(gate.removesuffix(" gate"))) for gate, own in both]
            n_experts = len(names.experts[0])
            fix_weights(names.module, F.one_hot(torch.tensor(wanted), n_experts).float())
    display = GateUtilizationDisplay.from_estimator(model, data[0])
    health = display.health
    for state, expected in (("idle", idle), ("ignored", ignored), ("captured", [])):
        named = health[health["state"].str.contains(state)]
        assert named[["level", "expert"]].to_numpy().tolist() == expected
    assert bool(ignored) == any("ignored" in panel.get_title() for panel in display.axes_)


def test_own_experts_may_bypass_the_gate_of_their_task():
    class Bypassed:
        """Stands for an estimator with a network of the user's own, and for that network."""

        task_names_ = ("late", "price")
        own = (nn.Node("expert", "late 1", 0, 1), nn.Node("expert", "price 1", 1, 1))

        def gate_weights(self, X):
            weights = [0.25, 0.75]
            return [
                {
                    "late": pd.DataFrame([weights], columns=["price 1", "shared"]),
                    "price": pd.DataFrame([weights], columns=["late 1", "shared"]),
                }
            ]

        def gate_names(self, tasks):
            return [[]]

        def expert_names(self, tasks):
            return []

        def nodes(self, tasks):
            return [self.own]

    model = Bypassed()
    model.module_ = model
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        health = expert_health(model, None).table
    assert health["expert"].tolist() == ["price 1", "shared", "late 1"]
    assert health["own_share"].isna().all() and set(health["state"]) == {"healthy"}


class OnlyGatesAreNamed(nn.Body):
    """Two shared experts, and a gate for each task."""

    def __init__(self, in_features, n_outputs, **towers):
        super().__init__(n_outputs, **towers)
        self.experts = self.make_mlps(self.per_member(2), in_features, (4,))
        self.gates = self.make_gates(self.per_task(), in_features, 2)
        self.towers = self.make_towers(4)

    def represent(self, inputs):
        weights = self.gates(inputs).unflatten(0, (self.n_members, -1))
        return nn.mix(weights, self.experts(inputs).unflatten(0, (-1, 1, 2))).flatten(0, 1)

    def gate_names(self, tasks):
        return [[nn.GateNames(self.gates, list(tasks), [["e", "f"]] * self.n_tasks)]]


@with_parameters
class OnlyGatesAreNamedClassifierRegressor(MultiTaskEstimator):
    network = OnlyGatesAreNamed


def test_what_a_network_does_not_tell_is_missing(data):
    model = fit(MMoEClassifierRegressor, data, n_levels=2)
    health = expert_health(model, data[0]).table
    # The gates of the first level are not those of tasks.
    assert health["main_task"].isna().tolist() == [True] * 3 + [False] * 3
    model = fit(OnlyGatesAreNamedClassifierRegressor, data)
    health = expert_health(model, data[0]).table
    assert health["expert"].tolist() == ["e", "f"] and health["zeros"].isna().all()
    assert set(health["state"]) == {"healthy"}


def test_warnings_and_titles_name_what_ails(data):
    model = choosing(data, late="shared", price="own")
    with torch.no_grad():
        layer = model.module_.body.levels[0].specific_experts.layers[0]
        layer.weight[1], layer.bias[1] = 0.0, -1.0
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        display = GateUtilizationDisplay.from_estimator(model, data[0])
    said = " ".join(str(warning.message) for warning in caught)
    assert "'price 1' of level 1 is nearly dead: 100.0% of its activations are zero" in said
    assert "Shared expert 'shared 1' of level 1 is captured by task 'late'" in said
    assert "Task 'late' ignores its own experts of level 1: their weight in its gate is 0" in said
    title = display.axes_[0].get_title().replace("\n", " ")
    assert title == "level 1; dead: price 1; captured: shared 1; ignored: late 1"
    found = expert_health(model, data[0])
    pd.testing.assert_frame_equal(display.health, found.table)
    assert all(fault in said for fault in found.faults())
    assert "captured" in repr(found) and repr(found).endswith(found.faults()[-1])
    assert "is captured by task" in found._repr_html_()
    assert found.plot().axes_[0].get_title() == display.axes_[0].get_title()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        healthy = GateUtilizationDisplay.from_estimator(
            choosing(data, late="both", price="both"), data[0]
        )
    assert healthy.axes_[0].get_title() == "level 1"


def write_report(model, data, path):
    """Return the page of a report."""
    report = MultiTaskReport.from_estimator(model, *data, n_bootstrap=1, importance=False)
    report.to_html(path / "report.html")
    return (path / "report.html").read_text(encoding="utf-8")


def test_the_report_names_captured_experts(data, tmp_path):
    model = choosing(data, late="both", price="own")
    assert "is captured by task" in write_report(model, data, tmp_path)


def test_looking_leaves_no_hooks(data):
    model = fit(CGCClassifierRegressor, data)
    expert_health(model, data[0])
    with pytest.raises(ValueError, match="feature names"):
        expert_health(model, data[0][["u", "v"]])
    assert not any(module._forward_hooks for module in model.module_.modules())


def test_estimators_without_gates_are_refused(data):
    with pytest.raises(TypeError, match="SharedBottomClassifierRegressor has no gates"):
        expert_health(SharedBottomClassifierRegressor(), data[0])
    with pytest.raises(NotFittedError):
        expert_health(CGCClassifierRegressor(), data[0])
