"""What every estimator of mixed tasks has in common, and what each has of its own."""

import numpy as np
import pandas as pd
import pytest
import torch
from makers import in_turn, mostly_nightly
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback

import sklearn_ple
from sklearn_ple import (
    AdaTTClassifierRegressor,
    AsymmetricSharingClassifierRegressor,
    CGCClassifierRegressor,
    CrossStitchClassifierRegressor,
    CustomizedSharingClassifierRegressor,
    MMoEClassifierRegressor,
    PLEClassifierRegressor,
    SharedBottomClassifierRegressor,
    SingleTaskClassifierRegressor,
    SluiceClassifierRegressor,
    nn,
)

#: Of every estimator the network, and values of its own parameters that are not the defaults.
SYSTEMS = {
    AdaTTClassifierRegressor: (
        nn.AdaTT,
        {
            "n_levels": 2,
            "n_shared_experts": 1,
            "n_specific_experts": 2,
            "expert_hidden_units": [6, 5],
        },
    ),
    AsymmetricSharingClassifierRegressor: (
        nn.AsymmetricSharing,
        {
            "reads": {"stage": ["price", "visits"]},
            "fusion": "average",
            "bottom_hidden_units": [6, 5],
        },
    ),
    CGCClassifierRegressor: (
        nn.PLE,
        {
            "n_shared_experts": 2,
            "n_specific_experts": 3,
            "expert_hidden_units": [6, 5],
            "specific_share": 0.3,
        },
    ),
    CrossStitchClassifierRegressor: (
        nn.CrossStitch,
        {"hidden_units": [6, 5], "by_channel": True, "stitch_rate_factor": 3.0},
    ),
    CustomizedSharingClassifierRegressor: (nn.CustomizedSharing, {"bottom_hidden_units": [6, 5]}),
    MMoEClassifierRegressor: (
        nn.MMoE,
        {
            "n_levels": 2,
            "n_experts": 2,
            "expert_hidden_units": [6, 5],
            "shared_gate": True,
        },
    ),
    PLEClassifierRegressor: (
        nn.PLE,
        {
            "n_levels": 2,
            "n_shared_experts": 2,
            "n_specific_experts": 3,
            "expert_hidden_units": [6, 5],
            "specific_share": 0.2,
        },
    ),
    SharedBottomClassifierRegressor: (nn.SharedBottom, {"bottom_hidden_units": [6, 5]}),
    SingleTaskClassifierRegressor: (nn.SingleTask, {"bottom_hidden_units": [6, 5]}),
    SluiceClassifierRegressor: (
        nn.Sluice,
        {
            "hidden_units": [6, 6, 6],
            "n_subspaces": 3,
            "orthogonality": 0.1,
            "mixing_rate_factor": 3.0,
        },
    ),
}
#: Parameters that the network does not take as they are.
NOT_THE_NETWORKS = {"reads", "stitch_rate_factor", "mixing_rate_factor"}
N = 120

every_system = pytest.mark.parametrize("cls", SYSTEMS)
#: Networks of gates and of subspaces.
SOME = (PLEClassifierRegressor, SluiceClassifierRegressor)


def model(cls, **params):
    return cls(**({"max_epochs": 2, "n_members": 2, "random_state": 0} | params))


@pytest.fixture(scope="module")
def table():
    rng = np.random.RandomState(0)
    X = pd.DataFrame(rng.randn(N, 3), columns=["s", "t", "u"])
    X["place"] = pd.Categorical(rng.choice(["north", "south", "west"], N))
    X.loc[::9, "t"] = np.nan
    y = pd.DataFrame(
        {
            "stage": np.where(X["s"] > 0, "late", "early"),
            "colour": rng.choice(["red", "green", "blue"], N),
            "price": X["u"] * 3 + 60,
            "visits": pd.array(rng.poisson(np.exp(X["s"])).clip(max=5), dtype="Int64"),
        }
    )
    for step, column in enumerate(y, start=3):
        y.loc[::step, column] = None
    return X, y


@pytest.fixture(scope="module")
def numbers(seed):
    """Two tasks that are linear in the features, to train on and to test on."""
    rng = np.random.RandomState(seed)
    X = rng.randn(500, 4)
    y = X @ np.array([[1.0, 2.0], [1.0, 0.0], [0.0, -1.0], [0.5, 0.5]]) + 0.3 * rng.randn(500, 2)
    return X[:400], y[:400], X[400:], y[400:]


def test_there_is_a_row_for_every_estimator():
    names = {name for name in sklearn_ple.__all__ if name.endswith("ClassifierRegressor")}
    assert names == {cls.__name__ for cls in SYSTEMS}


@pytest.mark.parametrize(("cls", "n_members"), in_turn(SYSTEMS, (1, 3)))
def test_learns_tasks_of_all_kinds_with_missing_labels(cls, n_members, table):
    X, y = table
    fitted = model(cls, n_members=n_members, task_types={"visits": "count"}).fit(X, y)
    assert list(fitted.task_types_.values()) == ["binary", "multiclass", "regression", "count"]
    predicted = fitted.predict(X)
    assert list(predicted.columns) == list(y.columns) and predicted.index.equals(X.index)
    assert set(predicted["stage"]) <= {"late", "early"}
    assert set(predicted["colour"]) <= {"red", "green", "blue"}
    assert np.isfinite(predicted["price"]).all() and (predicted["visits"] > 0).all()
    stage, colour, price, visits = fitted.predict_proba(X)
    assert stage.shape == (N, 2) and colour.shape == (N, 3) and price is visits is None
    assert np.isfinite(fitted.score(X, y))
    assert np.isfinite([epoch["loss"] for epoch in fitted.history_]).all()


@every_system
def test_own_parameters_reach_the_network(cls, table):
    X, y = table
    network, params = SYSTEMS[cls]
    fitted = model(cls, **params, tower_hidden_units=[7]).fit(X, y)
    body = fitted.module_.body
    options = {name: value for name, value in params.items() if name not in NOT_THE_NETWORKS}
    if "reads" in params:
        # The network has the tasks in the order of their names.
        options["reads"] = [[], [], [1, 3], []]
    read = []
    with body.register_forward_pre_hook(lambda _, inputs: read.extend(inputs)):
        fitted.predict(X)
    expected = network(
        fitted.module_.inputs.n_features,
        [fitted.tasks_[k].n_outputs for k in fitted._encoder.order],
        **options,
        tower_hidden_units=[7],
        n_members=2,
    )
    # Refuses parameters of other names or shapes.
    expected.eval().load_state_dict(body.state_dict())
    assert_allclose(body(read[0]).detach(), expected(read[0]).detach(), rtol=1e-5, atol=1e-6)
    assert body.penalty() == expected.penalty()


@pytest.mark.parametrize("cls", mostly_nightly(SYSTEMS, SOME))
def test_grid_search_over_an_own_parameter(cls, table):
    X, y = table
    name, value = list(SYSTEMS[cls][1].items())[-1]
    if cls is SluiceClassifierRegressor:
        name, value = "n_subspaces", 4
    grid = {name: [getattr(cls(), name), value]}
    search = GridSearchCV(model(cls, max_epochs=1), grid, cv=2, error_score="raise").fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert list(search.predict(X).columns) == list(y.columns)


@pytest.mark.parametrize("cls", mostly_nightly(SYSTEMS, SOME))
def test_learns_a_linear_problem(cls, numbers, seed):
    X, y, X_test, y_test = numbers
    params = {"max_epochs": 8, "learning_rate": 0.02, "dropout": 0.1, "random_state": seed}
    params |= {"numeric_embedding": None}
    fitted = model(cls, **params).fit(X, y)
    scores = r2_score(y_test, fitted.predict(X_test), multioutput="raw_values")
    assert scores.min() > 0.5


@pytest.mark.parametrize(
    ("cls", "params", "message"),
    [
        *((cls, {list(own)[-1]: -1}, "parameter") for cls, (_, own) in SYSTEMS.items()),
        (CGCClassifierRegressor, {"n_shared_experts": 0, "n_specific_experts": 0}, "both 0"),
        *(
            (CGCClassifierRegressor, {"n_specific_experts": n_specific}, message)
            for n_specific, message in [
                ([1, 2], "n_specific_experts has 2 entries instead of one for"),
                ({"prices": 1}, r"n_specific_experts names \['prices'\], but the tasks are"),
                ({"price": -1}, "n_specific_experts of task 'price' is -1"),
                ([1, 2, 1.5, 1], "n_specific_experts of task 'price' is 1.5: .* whole number"),
                ({"price": "many"}, "n_specific_experts of task 'price' is 'many'"),
            ]
        ),
        (
            PLEClassifierRegressor,
            {"n_shared_experts": 0, "n_specific_experts": {"price": 0}},
            "n_specific_experts of task 'price' are both 0: a task needs at least one expert",
        ),
        (CGCClassifierRegressor, {"expert_hidden_units": ()}, "expert_hidden_units is empty"),
        *(
            (cls, {"expert_hidden_units": ((4,), (4,)), "n_levels": 3}, "but n_levels is 3")
            for cls in (MMoEClassifierRegressor, PLEClassifierRegressor)
        ),
        (MMoEClassifierRegressor, {"expert_hidden_units": ()}, "expert_hidden_units is empty"),
        (MMoEClassifierRegressor, {"n_experts": 0}, "'n_experts' parameter"),
        (CrossStitchClassifierRegressor, {"hidden_units": ()}, "hidden_units is empty"),
        (SluiceClassifierRegressor, {"hidden_units": (4, 6)}, r"hidden_units=\(4, 6\) do not"),
        (SluiceClassifierRegressor, {"n_subspaces": 5}, "a multiple of n_subspaces=5"),
        (AsymmetricSharingClassifierRegressor, {"reads": "next"}, "'reads' parameter"),
        (AsymmetricSharingClassifierRegressor, {"fusion": "mean"}, "'fusion' parameter"),
        *(
            (AsymmetricSharingClassifierRegressor, {"reads": reads}, message)
            for reads, message in [
                ({"prices": ["stage"]}, r"reads names \['prices'\], but the tasks are"),
                ({"price": ["stages"]}, r"reads of task 'price' is \['stages'\]"),
                ({"price": ["price"]}, "reads of task 'price' is .* a list of other tasks"),
                ({"price": "stage"}, "reads of task 'price' is 'stage'"),
                ({"price": 0}, "reads of task 'price' is 0"),
                ({"price": [{}]}, r"reads of task 'price' is \[{}\]"),
            ]
        ),
    ],
)
def test_bad_values_name_the_parameter_and_leave_nothing_half_fitted(cls, params, message, table):
    estimator = model(cls, **params)
    with pytest.raises(ValueError, match=message):
        estimator.fit(*table)
    assert not [name for name in vars(estimator) if name.endswith("_")]


# -- what they have of their own ------------------------------------------------------------------


def test_cgc_is_ple_of_one_level(table):
    X, y = table
    own = {"n_shared_experts": 2}
    cgc, ple = (
        model(cls, **own).fit(X, y) for cls in (CGCClassifierRegressor, PLEClassifierRegressor)
    )
    pd.testing.assert_frame_equal(cgc.predict(X), ple.predict(X))


@pytest.mark.parametrize(
    ("n_specific", "expected"),
    [
        ([2, 0, 1, 3], [2, 0, 1, 3]),
        (np.array([2, 0, 1, 3]), [2, 0, 1, 3]),
        ({"visits": 3, "colour": 0}, [1, 0, 1, 3]),
        ({}, [1, 1, 1, 1]),
    ],
)
@pytest.mark.parametrize("cls", [CGCClassifierRegressor, PLEClassifierRegressor])
def test_experts_are_as_many_as_each_task_is_given(cls, n_specific, expected, table):
    X, y = table
    fitted = model(cls, n_specific_experts=n_specific, max_epochs=1).fit(X, y)
    (weights,) = fitted.gate_weights(X)
    assert {task: list(w.columns) for task, w in weights.items()} == {
        task: [*(f"{task} {e + 1}" for e in range(n)), "shared 1"]
        for task, n in zip(y, expected, strict=True)
    }


@pytest.fixture(scope="module")
def many():
    """Return a table of 101 tasks."""
    rng = np.random.RandomState(0)
    X = rng.normal(size=(60, 3))
    y = X @ rng.normal(size=(3, 101)) + rng.normal(size=(60, 101))
    return X, pd.DataFrame(y).add_prefix("y")


@pytest.mark.parametrize("cls", [CGCClassifierRegressor, PLEClassifierRegressor])
def test_many_tasks_share_one_wide_expert(cls, many):
    X, y = many
    fitted = cls(max_epochs=1, random_state=0).fit(X, y)
    (experts,) = fitted.module_.expert_names(list(y))
    assert [bank.names for bank in experts] == [["shared 1"]]
    body = fitted.module_.body
    assert body.towers.widths == [192] * 101
    assert body.towers.n_parameters == [193] * 101
    (weights,) = fitted.gate_weights(X)
    assert_array_equal(weights["y7"], 1.0)
    assert fitted.transform(X[:5]).shape == (5, 101 * 8 * 192)
    fewer = cls(max_epochs=1, random_state=0).fit(X, y.iloc[:, :99])
    assert fewer.module_.body.towers.widths == [48] * 99
    assert fewer.module_.body.specific.n_each == 99


@pytest.mark.parametrize("limit", [None, 60])
def test_many_tasks_of_interactions_have_experts_of_their_own(limit, recwarn):
    X = np.random.RandomState(0).uniform(-2, 2, (200, 4))
    y = X[:, [0]] * X[:, [1]] * np.linspace(1, 2, 100)
    options = {"max_epochs": 1, "n_members": 1, "random_state": 0, "max_time": limit}
    fitted = PLEClassifierRegressor(**options, task_types="regression").fit(X, y)
    assert fitted.module_.body.specific.n_each == 100
    found = [str(each.message) for each in recwarn if "interactions" in str(each.message)]
    assert len(found) == (limit is None)
    assert all("100 tasks" in text and "Set max_time" in text for text in found)


@pytest.mark.parametrize(
    ("given", "n_specific", "width"),
    [
        ({"n_specific_experts": 1}, 100, 48),
        ({"n_shared_experts": 0}, 100, 48),
        ({"expert_hidden_units": (5,)}, 0, 5),
        ({"tower_hidden_units": (4,)}, 0, 192),
    ],
)
def test_parameters_of_many_tasks_take_precedence(given, n_specific, width, many):
    X, y = many
    options = {"max_epochs": 1, "n_members": 1, "random_state": 0}
    fitted = PLEClassifierRegressor(**options, **given).fit(X, y.iloc[:, :100])
    body = fitted.module_.body
    assert (body.specific.n_each, body.towers.widths[0]) == (n_specific, width)
    assert np.isfinite(fitted.predict(X).to_numpy()).all()


@pytest.mark.parametrize(("n_first", "n_specific"), [(99, 101), (100, 0)])
def test_added_tasks_do_not_change_the_network_of_the_first_ones(n_first, n_specific, many):
    X, y = many
    options = {"max_epochs": 1, "n_members": 1, "random_state": 0}
    fitted = PLEClassifierRegressor(**options).fit(X, y.iloc[:, :n_first])
    before = fitted.predict(X)
    fitted.add_task(X, y.iloc[:, n_first:])
    assert fitted.module_.body.specific.n_each == n_specific
    assert_allclose(fitted.predict(X)[before.columns], before, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("cls", [MMoEClassifierRegressor, PLEClassifierRegressor])
def test_levels_have_widths_of_their_own(cls, table):
    X, y = table
    widths = [[6, 5], [3]]
    fitted = model(cls, n_levels=2, expert_hidden_units=widths, max_epochs=1).fit(X, y)
    assert fitted.module_.body.towers.widths == [3] * 4
    assert clone(fitted).expert_hidden_units == widths


@pytest.mark.parametrize(
    ("cls", "independent"),
    [(SingleTaskClassifierRegressor, True), (SharedBottomClassifierRegressor, False)],
)
def test_only_tasks_learnt_alone_do_not_depend_on_other_labels(cls, independent, table):
    X, y = table
    # Bins would be those of a tree that predicts all tasks.
    estimator = model(cls, numeric_embedding=None, early_stopping=False)
    first = clone(estimator).fit(X, y).predict(X)["price"]
    other = y.assign(stage=y["stage"].map({"late": "early", "early": "late"}))
    second = clone(estimator).fit(X, other).predict(X)["price"]
    assert np.array_equal(first, second) == independent


def test_tasks_learnt_alone_have_embeddings_of_their_own(table):
    X, y = table
    alone, together = (
        model(cls).fit(X, y).module_
        for cls in (SingleTaskClassifierRegressor, SharedBottomClassifierRegressor)
    )
    wide, narrow = (module.inputs.embedding.weight.numel() for module in (alone, together))
    assert wide == 4 * narrow


@pytest.mark.parametrize(
    ("reads", "expected"),
    [
        ("previous", [[0], [1, 0], [2, 0, 1], [3, 0, 1, 2]]),
        ({}, [[0], [1], [2], [3]]),
        # By name: colour, price, stage, visits.
        ({"stage": ["visits", "colour"]}, [[0], [1], [2, 3, 0], [3]]),
    ],
)
def test_reads_are_those_of_the_tasks_named(reads, expected, table):
    fitted = model(AsymmetricSharingClassifierRegressor, reads=reads, max_epochs=1).fit(*table)
    assert fitted.module_.body.reads == expected


RATES = []


class Spy(Callback):
    """Keeps the rate and decay of every parameter at every step, by name."""

    def on_batch_end(self, net, training=False, **_):
        names = {id(p): name for name, p in net.module_.named_parameters()}
        RATES.append(
            {
                names[id(p)]: (group["lr"], group["weight_decay"])
                for group in net.optimizer_.param_groups
                for p in group["params"]
            }
        )


@pytest.mark.parametrize("lr_schedule", ["constant", "decay"])
@pytest.mark.parametrize(
    ("cls", "parameter", "mixings"),
    [
        (CrossStitchClassifierRegressor, "stitch_rate_factor", ["stitches.0", "stitches.1"]),
        (SluiceClassifierRegressor, "mixing_rate_factor", ["alphas.0", "alphas.1", "betas"]),
    ],
)
def test_only_mixings_learn_at_another_rate(cls, parameter, mixings, lr_schedule, numbers):
    X, y, *_ = numbers
    RATES.clear()
    fitted = model(
        cls,
        hidden_units=(8, 8),
        learning_rate=0.01,
        lr_schedule=lr_schedule,
        callbacks=[Spy()],
        early_stopping=False,
        **{parameter: 5.0},
    ).fit(X, y)
    mixings = {f"body.{name}" for name in mixings}
    for step in RATES:
        assert step.keys() == dict(fitted.module_.named_parameters()).keys() > mixings
        (rate,) = {rate for name, (rate, _) in step.items() if name not in mixings}
        assert_allclose([step[name][0] for name in mixings], 5 * rate)
        assert {step[name][1] for name in mixings} == {0.0}
    highest = max(step["body.towers.heads.0.weight"][0] for step in RATES)
    assert_allclose(highest, 0.01, rtol=0.05)
    first = RATES[0]["body.towers.heads.0.weight"][0]
    assert_allclose(fitted.history_[0]["learning_rate"], first, rtol=0.3)


def test_groups_of_the_user_come_before_those_of_the_network(numbers):
    X, y, *_ = numbers
    fitted = model(
        CrossStitchClassifierRegressor,
        learning_rate=0.01,
        lr_schedule="constant",
        stitch_rate_factor=5.0,
        net_params={
            "optimizer__weight_decay": 0.1,
            "optimizer__param_groups": [("*towers*", {"lr": 1e-4, "weight_decay": 0.3})],
        },
        callbacks=[Spy()],
        early_stopping=False,
    )
    RATES.clear()
    fitted.fit(X, y)
    assert RATES[0]["body.towers.heads.0.weight"] == RATES[0]["body.towers.heads.0.bias"]
    assert RATES[0]["body.towers.heads.0.bias"] == (1e-4, 0.3)
    assert RATES[0]["body.stitches.0"] == (pytest.approx(0.05), 0.0)
    others = {values for name, values in RATES[0].items() if "towers" not in name}
    assert {(0.01, 0.1), (0.01, 0.0)} <= others


@pytest.mark.parametrize(("factor", "moves"), [(1e-6, False), (10.0, True)])
def test_stitches_move_as_fast_as_asked_for(factor, moves, numbers):
    X, y, *_ = numbers
    fitted = model(CrossStitchClassifierRegressor, stitch_rate_factor=factor).fit(X, y)
    stitch = fitted.module_.body.stitches[0].detach()[..., 0]
    start = torch.tensor([[0.9, 0.1], [0.1, 0.9]]).expand(2, 2, 2)
    assert (not np.allclose(stitch, start, atol=1e-4)) == moves


@pytest.mark.parametrize(("orthogonality", "is_orthogonal"), [(0.0, False), (100.0, True)])
def test_the_penalty_keeps_subspaces_apart(orthogonality, is_orthogonal, numbers, seed):
    X, y, *_ = numbers
    fitted = model(
        SluiceClassifierRegressor,
        hidden_units=(4,),
        orthogonality=orthogonality,
        max_epochs=15,
        learning_rate=0.02,
        optimizer="adam",
        random_state=seed,
    ).fit(X, y)
    weights = fitted.module_.body.layers[0].layers[0].weight.detach()
    first, second = torch.nn.functional.normalize(weights, dim=2).split(2, dim=1)
    # Cosines of the angles between what activations of the two subspaces read.
    cosines = (first @ second.mT).abs()
    assert (cosines.max() < 0.1) == is_orthogonal
