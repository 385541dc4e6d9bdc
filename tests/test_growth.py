"""Tasks that are added to a fitted estimator."""

import copy
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from home import HoMEClassifierRegressor
from makers import assert_alike, mostly_nightly
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from stem import STEMClassifierRegressor
from torch.nn import functional as F

import sklearn_ple
from sklearn_ple import (
    AdaTTClassifierRegressor,
    AsymmetricSharingClassifierRegressor,
    CrossStitchClassifierRegressor,
    ESMMClassifier,
    PLEClassifier,
    PLEClassifierRegressor,
    PLERegressor,
    SharedBottomClassifierRegressor,
    export,
)
from sklearn_ple.base import MultiTaskEstimator, parameter, with_parameters
from sklearn_ple.nn import PLE, BatchedLinear, Body
from sklearn_ple.nn.transfer import take_over

N = 120
# Rows of validation are needed for deviations; to train again on all rows takes twice the time.
TINY = {"max_epochs": 2, "n_members": 2, "random_state": 0, "early_stopping": True, "refit": False}

#: Gates of earlier tasks would weigh the experts of a new one.
WEIGH_ALL = [STEMClassifierRegressor(**TINY)]
OF_LEVELS = [
    AdaTTClassifierRegressor(n_levels=2, n_shared_experts=1, n_specific_experts=2, **TINY)
]
SYSTEMS = [
    *(
        getattr(sklearn_ple, name)(**TINY, numeric_embedding=None)
        for name in sklearn_ple.__all__
        if "Regressor" in name
    ),
    PLEClassifierRegressor(n_levels=3, expert_hidden_units=(8,), **(TINY | {"refit": True})),
    PLEClassifierRegressor(n_levels=2, n_specific_experts={"kind": 2}, **TINY),
    *OF_LEVELS,
    PLEClassifierRegressor(balancing="equal", **TINY),
]


def make_table(n=N, seed=0):
    rng = np.random.RandomState(seed)
    X = pd.DataFrame({"a": rng.randn(n), "b": rng.randn(n), "town": rng.choice(["u", "v"], n)})
    X.loc[::9, "a"] = np.nan
    a = X["a"].fillna(0)
    y = pd.DataFrame({"size": a - X["b"] + 0.1 * rng.randn(n), "kind": (a > 0).astype(int)})
    new = pd.Series(np.where(a > X["b"], "yes", "no"), name="new").mask(np.arange(n) % 3 == 0)
    return X, y, new


@pytest.fixture(scope="module")
def table():
    return make_table()


@pytest.fixture(scope="module")
def fitted(table):
    X, y, _ = table
    return PLEClassifierRegressor(n_levels=2, **TINY).fit(X, y)


@pytest.fixture(scope="module")
def grown(table, fitted):
    X, _, new = table
    return copy.deepcopy(fitted).calibrate(*table[:2]).add_task(X, new)


# -- everything learnt before stays -------------------------------------------------------------


@pytest.mark.parametrize(
    "system",
    mostly_nightly(SYSTEMS, SYSTEMS[::2] + OF_LEVELS),
    ids=lambda system: repr(system)[:40],
)
def test_earlier_tasks_are_predicted_as_before(table, system):
    X, y, new = table
    if system.family == "number":
        y, new = y[["size"]], new.map({"yes": 1.5, "no": 0.5})
    model = clone(system).fit(X, y)
    before = {name: tensor.clone() for name, tensor in model.module_.state_dict().items()}
    was, std = model.predict(X, return_std=True)
    model.add_task(X, new).add_task(X, (X["b"] ** 2).rename("square"))
    assert model.task_names_ == [*y.columns, "new", "square"]
    now, new_std = model.predict(X, return_std=True)
    assert_alike(now["size"], was["size"])
    assert_alike(new_std["size"], std["size"])
    assert np.isfinite(new_std["square"]).all()
    if "kind" in y:
        assert (now["kind"] == was["kind"]).all()
    # What is of no task in particular is the same to the last bit.
    after = model.module_.state_dict()
    same = [name for name, old in before.items() if after[name].shape == old.shape]
    assert same and all(torch.equal(after[name], before[name]) for name in same)


@pytest.mark.parametrize("system", WEIGH_ALL, ids=lambda system: repr(system)[:40])
def test_networks_whose_earlier_tasks_would_change_are_refused(table, system):
    X, y, new = table
    model = clone(system).fit(X, y)
    before = model.predict(X)
    with pytest.raises(ValueError, match=r"cannot take another task with the rest frozen"):
        model.add_task(X, new)
    pd.testing.assert_frame_equal(model.predict(X), before)
    assert model.add_task(X, new, freeze=False).task_names_ == [*y.columns, "new"]


@pytest.mark.parametrize(("first", "then"), [("float32", "float64"), ("float64", "float32")])
def test_the_data_type_may_change(table, first, then):
    X, y, _ = table
    model = PLERegressor(n_members=1, max_epochs=1, dtype=first, random_state=0).fit(X, y["size"])
    before = model.predict(X)
    model.set_params(dtype=then).add_task(X, X["b"])
    assert model.net_.dtype == getattr(torch, then)
    assert_allclose(model.predict(X)["size"], before, rtol=0, atol=1e-5)


def test_probabilities_and_their_calibration_stay(table, fitted, grown):
    X, y, _ = table
    model = copy.deepcopy(fitted).calibrate(X, y)
    _, before = model.predict_proba(X)
    assert_allclose(grown.predict_proba(X)[1], before, atol=1e-5)
    assert grown.temperatures_["kind"] == model.temperatures_["kind"]


def test_the_shared_gate_weighs_no_expert_of_a_task_that_was_added(table, fitted, grown):
    X, _, _ = table
    before, after = fitted.gate_weights(X)[0], grown.gate_weights(X)[0]
    pd.testing.assert_frame_equal(after["shared gate"], before["shared gate"])
    assert list(after["new"]) == ["new 1", "shared 1"]


def test_weights_are_copied_by_member_and_task():
    # Gates and experts that differ: the copied network computes what the first one computes.
    options = {"n_levels": 2, "n_members": 3, "n_specific_experts": 2}
    earlier = PLE(4, [1, 2], **options).eval()
    network = PLE(4, [1, 2, 3], n_added=1, **options).eval()
    inputs = torch.randn(3, 7, 4)
    assert not torch.allclose(network(inputs)[..., :3], earlier(inputs))
    of_earlier = take_over(network, earlier)
    torch.testing.assert_close(network(inputs)[..., :3], earlier(inputs))
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            tensor[~of_earlier[name]] += 1.0
    torch.testing.assert_close(network(inputs)[..., :3], earlier(inputs))


@pytest.mark.parametrize(
    ("model", "params"),
    [
        (
            HoMEClassifierRegressor(task_groups={"size": "g", "kind": "h"}),
            {"task_groups": {"new": "g", "size": "g", "kind": "h"}},
        ),
        (PLEClassifierRegressor(n_specific_experts=[1, 2]), {"n_specific_experts": [1, 2, 3]}),
        (PLEClassifierRegressor(task_weights=[1, 2]), {"task_weights": [1, 2, 3]}),
        (
            PLEClassifierRegressor(n_specific_experts={"size": 2, "kind": 2}),
            {"n_specific_experts": {"size": 2, "new": 2, "kind": 2}},
        ),
        (
            AsymmetricSharingClassifierRegressor(reads={"kind": ["size"]}),
            {"reads": {"kind": ["size"], "new": ["kind"]}},
        ),
    ],
    ids=["groups", "list", "weights", "dict", "reads"],
)
def test_parameters_by_task_get_an_entry_for_the_new_one(table, model, params):
    X, y, new = table
    model = clone(model).set_params(n_members=1, max_epochs=1, random_state=0).fit(X, y)
    before = model.predict(X)
    model.set_params(**params).add_task(X, new)
    assert model.task_names_ == ["size", "kind", "new"]
    now = model.predict(X)
    assert_allclose(now["size"], before["size"], rtol=0, atol=1e-6)
    assert (now["kind"] == before["kind"]).all()
    assert model.partial_fit(X, pd.concat([y, new], axis=1)).task_names_ == model.task_names_


def test_only_other_parameters_are_to_be_set_back(table):
    X, y, new = table
    params = {"n_members": 1, "max_epochs": 1, "random_state": 0}
    model = PLEClassifierRegressor(n_specific_experts=[1, 2], **params).fit(X, y)
    model.set_params(n_specific_experts=[1, 2, 3], clip_numbers=2.0)
    message = r"another one: clip_numbers=2 \(5 in the last fit\)\. "
    with pytest.raises(ValueError, match=message):
        model.add_task(X, new)


def test_one_parameter_may_get_an_entry_that_another_had_before(table):
    @with_parameters
    class Own(PLEClassifierRegressor):
        order: Any = parameter(default=None, constraint=[dict, None], of_tasks=True)

    X, y, new = table
    model = Own(n_specific_experts=[1, 2], order={"new": 3}, n_members=1, max_epochs=1).fit(X, y)
    model.set_params(n_specific_experts=[1, 2, 3]).add_task(X, new)
    assert model.task_names_ == ["size", "kind", "new"]


# -- what is trained ----------------------------------------------------------------------------


@pytest.mark.parametrize("freeze", [True, False])
def test_training_is_that_of_a_plain_loop(table, freeze):
    X, y, _ = table
    X, target = X[["b"]], (X["b"] ** 2).rename("square")
    model = SharedBottomClassifierRegressor.as_published(
        tower_hidden_units=(32,),
        max_epochs=4,
        batch_size=N,
        early_stopping=False,
        optimizer="sgd",
        dtype="float64",
        random_state=0,
    ).fit(X, y[["size"]])
    # A step of next to nothing shows where training starts.
    module = (
        copy.deepcopy(model).set_params(learning_rate=1e-300).add_task(X, target, freeze=freeze)
    )
    module = module.module_.train()
    model.set_params(learning_rate=0.3).add_task(X, target, freeze=freeze)

    own = [p for name, p in module.named_parameters() if "heads.1" in name]
    if freeze:
        hidden = module.body.towers.hidden.layers[0]
        own += [hidden.weight, hidden.bias]
    optimizer = torch.optim.SGD(own if freeze else module.parameters(), lr=0.3)
    numbers = torch.tensor(((X - X.mean()) / X.std(ddof=0)).to_numpy())
    labels = torch.tensor(((target - target.mean()) / target.std(ddof=0)).to_numpy())
    codes = torch.zeros(N, 0, dtype=torch.int64)
    for _ in range(4):
        optimizer.zero_grad()
        F.mse_loss(module(numbers, codes)[:, 1], labels).backward()
        if freeze:
            # The first task's tower.
            hidden.weight.grad[0], hidden.bias.grad[0] = 0.0, 0.0
        optimizer.step()
    for name, weight in module.named_parameters():
        assert_allclose(model.module_.state_dict()[name], weight.detach(), atol=1e-9)


def test_a_related_task_of_few_rows_gains_by_what_is_frozen(seed):
    rng = np.random.RandomState(seed)
    X = rng.randn(2600, 6)
    signal = np.abs(X[:, 0]) * np.sign(X[:, 1])
    y = np.column_stack([signal, signal + X[:, 2]]) + 0.1 * rng.randn(2600, 2)
    new = 2 * signal - X[:, 2]
    options = {"learning_rate": 0.005, "dropout": 0.1, "early_stopping": False}
    options |= {"n_members": 1, "random_state": seed, "numeric_embedding": None}
    model = SharedBottomClassifierRegressor(max_epochs=25, **options).fit(X[:1800], y[:1800])
    few, test = slice(1800, 1900), slice(1900, None)
    model.set_params(max_epochs=60).add_task(X[few], new[few])
    alone = SharedBottomClassifierRegressor(max_epochs=60, **options).fit(X[few], new[few])
    # Shares of the error of the best constant.
    error, from_scratch = (
        np.mean((new[test] - predicted) ** 2) / new[test].var()
        for predicted in (model.predict(X[test])[:, 2], alone.predict(X[test]))
    )
    assert error < 0.35
    assert error < 0.7 * from_scratch


def test_everything_is_tuned_without_freeze(table, fitted):
    X, y, new = table
    together = pd.concat([y["size"], new], axis=1)
    model = copy.deepcopy(fitted).calibrate(X, y).add_task(X, together, freeze=False)
    assert model.task_names_ == ["size", "kind", "new"]
    assert not np.allclose(model.predict(X)["size"], fitted.predict(X)["size"])
    assert model.temperatures_ == {}
    # "size" has labels here, "kind" has none: nothing weighs its members anew.
    assert torch.equal(model.module_.mean.weights[:, 1], fitted.module_.mean.weights[:, 1])
    assert np.isfinite(model.predict(X, return_std=True)[1]["size"]).all()
    scores = model.history_[-1]["valid_task_scores"]
    assert np.isfinite(scores[0]) and np.isnan(scores[1])


def test_a_label_that_follows_from_the_new_one_is_no_label_of_an_earlier_task(table):
    X, _, _ = table
    a = X["a"].fillna(0)
    y = pd.DataFrame({"click": a > 0, "buy": a > 1})
    model = ESMMClassifier(max_epochs=2, random_state=0).fit(X, y)
    before = model.predict_proba(X)
    model.add_task(X, (a > 1.5).rename("again"))
    after = [part[:, 1] for part in model.predict_proba(X)]
    assert_allclose(after[:2], [part[:, 1] for part in before], atol=1e-6)
    assert (after[2] <= after[1] + 1e-6).all()
    assert model.history_[0]["task_losses"][:2] == [0.0, 0.0]


# -- what comes after ---------------------------------------------------------------------------


def test_a_grown_estimator_is_like_any_other(table, grown, tmp_path):
    X, y, new = table
    of_all = pd.concat([y, new], axis=1)
    assert np.isfinite(grown.score(X, of_all))
    assert set(grown.task_view("new").predict(X)) <= {"no", "yes"}
    assert grown.transform(X).shape == (N, len(grown.get_feature_names_out()))
    assert [part.shape[1] for part in grown.predict_proba(X)[1:]] == [2, 2]
    assert copy.deepcopy(grown).calibrate(X, of_all).temperatures_.keys() == {"kind", "new"}
    assert clone(grown).fit(X, y).task_names_ == ["size", "kind"]

    before = grown.predict(X)
    went_on = copy.deepcopy(grown).partial_fit(X, of_all)
    warm = copy.deepcopy(grown).set_params(warm_start=True).fit(X, of_all)
    for model in (went_on, warm):
        # All is tuned again.
        assert not np.allclose(model.predict(X)["size"], before["size"])
        assert all(parameter.requires_grad for parameter in model.module_.parameters())

    pytest.importorskip("safetensors")
    export.save(grown, tmp_path / "model.safetensors")
    loaded = export.load(tmp_path / "model.safetensors")
    pd.testing.assert_frame_equal(loaded.predict(X), before)
    again = loaded.add_task(X, X["b"]).predict(X).iloc[:, :3]
    pd.testing.assert_frame_equal(again, before, atol=1e-5)


def test_columns_to_ignore_and_kinds_in_a_list_are_no_obstacle(table):
    X, y, new = table
    y = y.assign(one=1)
    model = PLEClassifierRegressor(task_types=["regression", "binary", "ignore"], **TINY).fit(X, y)
    model.add_task(X, new)
    for of_all in (pd.concat([y, new], axis=1), pd.concat([y[["size", "kind"]], new], axis=1)):
        assert model.partial_fit(X, of_all).task_names_ == ["size", "kind", "new"]


@pytest.mark.parametrize("make", [list, tuple])
def test_kinds_in_a_sequence_are_those_of_the_first_tasks(make):
    X, y, new = make_table()
    model = PLEClassifierRegressor(task_types=make(["regression", "binary"]), **TINY).fit(X, y)
    model.add_task(X, new).add_task(X, X[["b"]].assign(c=y["kind"]))
    assert list(model.task_types_.values())[2:] == ["binary", "regression", "binary"]


def test_the_kind_is_that_of_all_tasks_or_the_one_asked_for(table):
    X, y, _ = table
    model = PLERegressor(task_types="huber", **TINY).fit(X, y["size"])
    model.add_task(X, X["b"].abs().rename("b")).add_task(X, y["kind"], task_types="count")
    assert model.task_types_ == {"size": "huber", "b": "huber", "kind": "count"}
    model = PLERegressor(task_types=("huber", 2.0), **TINY).fit(X, y["size"])
    assert model.add_task(X, X["b"].abs().rename("b")).tasks_[1].delta == 2.0
    model = PLEClassifierRegressor(task_types=("regression", "binary"), **TINY).fit(X, y)
    assert model.add_task(X, X["b"]).task_types_["b"] == "regression"


@pytest.mark.parametrize(
    "kinds",
    [["regression", "binary", "ignore", "count"], {"size": "regression", "n": "count"}],
    ids=["list", "dict"],
)
def test_kinds_are_of_all_columns_of_y_if_it_has_earlier_tasks(table, fitted, kinds):
    X, y, _ = table
    together = y.assign(one=1, n=np.arange(N) % 5)
    together = together if isinstance(kinds, list) else together.drop(columns="one")
    model = copy.deepcopy(fitted).add_task(X, together, task_types=kinds, freeze=False)
    assert model.task_types_ == {"size": "regression", "kind": "binary", "n": "count"}


@pytest.mark.parametrize(
    ("as_fit", "as_added", "library"),
    [
        (pd.DataFrame, pl.Series, pd.DataFrame),
        (pl.DataFrame, pl.Series, pl.DataFrame),
        (pl.DataFrame, pd.Series, pl.DataFrame),
        (pd.DataFrame, np.asarray, pd.DataFrame),
        (np.asarray, pd.Series, np.ndarray),
    ],
)
def test_predictions_have_the_form_that_y_had_in_fit(table, as_fit, as_added, library):
    X, y, _ = table
    added = as_added(X["b"].to_numpy())
    y = y.to_dict("list") if as_fit is pl.DataFrame else y
    model = PLEClassifierRegressor(**TINY).fit(X, as_fit(y)).add_task(X, added)
    predicted = model.predict(X)
    assert isinstance(predicted, library) and predicted.shape == (N, 3)
    assert model.task_names_[2] in ("y2", "")


def test_one_column_becomes_two(table):
    X, y, new = table
    model = PLEClassifier(**TINY).fit(X, y["kind"].to_numpy())
    assert model.predict(X).shape == (N,)
    model.add_task(X, new.to_numpy())
    assert model.task_names_ == ["y", "y1"] and model.predict(X).shape == (N, 2)
    assert [list(classes) for classes in model.classes_] == [[0, 1], ["no", "yes"]]


@pytest.mark.parametrize("form", [np.asarray, list, lambda own: own.rename(None)])
def test_columns_without_names_are_numbered_after_the_tasks(table, form):
    X, y, new = table
    visits = form(y["kind"])
    model = PLEClassifierRegressor(**TINY).fit(X, y.to_numpy())
    model.add_task(X, visits, task_types={"y2": "count"})
    assert model.task_types_["y2"] == "count"
    both = np.column_stack([X["b"].abs(), X["a"]])
    model.add_task(X, both, task_types={"y3": "ignore", "y4": "huber"}).add_task(X, new.to_numpy())
    assert model.task_names_ == ["y0", "y1", "y2", "y4", "y5"]
    more = np.column_stack([both, X["b"]])
    model.add_task(X, more, task_types={"y6": "ignore", "y7": "ignore"}).add_task(X, both)
    assert model.task_names_[5:] == ["y8", "y9", "y10"]
    with pytest.raises(ValueError, match=r"names \['y'\], but the tasks are \['y11'\]"):
        model.add_task(X, visits, task_types={"y": "count"})


def test_weights_and_groups_are_read(table, fitted):
    X, _, _ = table
    target = X["b"].rename("new")
    weights = np.where(np.arange(N) % 2, 1.0, 0.0)
    half, weighed = copy.deepcopy(fitted), copy.deepcopy(fitted)
    half.add_task(X[1::2], target[1::2])
    weighed.add_task(X, target.where(weights > 0, 1e6), sample_weight=weights)
    assert_allclose(weighed.predict(X)["new"], half.predict(X)["new"], rtol=1e-4)
    copy.deepcopy(fitted).add_task(X, target, groups=np.arange(N) // 2)


# -- errors -------------------------------------------------------------------------------------


class ReadsAll(Body):
    """Every tower reads the mean of what all tasks have."""

    def __init__(self, in_features, n_outputs, **towers):
        super().__init__(n_outputs, **towers)
        self.own = BatchedLinear(self.per_task(), in_features, 4)
        self.towers = self.make_towers(4)

    def represent(self, inputs):
        own = self.own(inputs).unflatten(0, (self.n_members, -1))
        return self.for_each_task(own.mean(dim=1))


@with_parameters
class ReadsAllRegressor(MultiTaskEstimator):
    def make_network(self, in_features, tasks, **towers):
        return ReadsAll(in_features, [task.n_outputs for task in tasks], **towers)


def test_a_network_whose_tasks_all_read_each_other_is_tuned_alone(table):
    X, y, new = table
    model = ReadsAllRegressor(**TINY).fit(X, y)
    before = model.predict(X)
    with pytest.raises(ValueError, match="ReadsAll cannot take another task with the rest frozen"):
        model.add_task(X, new)
    pd.testing.assert_frame_equal(model.predict(X), before)
    assert model.add_task(X, new, freeze=False).task_names_ == ["size", "kind", "new"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, new: (X, new.rename("kind")), r"\['kind'\] are tasks already"),
        (lambda X, new: (X[["a", "b"]], new), "feature names"),
        (lambda X, new: (X.assign(a="text"), new), "Column 'a' of X held numbers"),
        (lambda X, new: (X, new.where(new.isna())), "'new' has no label at all"),
        (lambda X, new: (X, new[:5]), "inconsistent numbers of samples"),
        (lambda X, new: (X, pd.concat([new, X["b"].rename("kind")], axis=1)), "tasks already"),
    ],
)
def test_wrong_input_leaves_the_estimator_as_it_was(table, fitted, change, message):
    X, _, new = table
    model = copy.copy(fitted)
    with pytest.raises(ValueError, match=message):
        model.add_task(*change(X, new))
    assert vars(model).keys() == vars(fitted).keys()
    assert all(value is vars(fitted)[name] for name, value in vars(model).items())


@pytest.mark.parametrize("freeze", ["abc", 1, None])
def test_freeze_is_a_bool(table, fitted, freeze):
    X, _, new = table
    with pytest.raises(ValueError, match="freeze"):
        copy.copy(fitted).add_task(X, new, freeze=freeze)


def test_a_task_in_a_group_of_its_own_is_refused(table):
    # The experts of its group would be taken for those that all groups share.
    X, y, new = table
    model = HoMEClassifierRegressor(**TINY).fit(X, y["kind"])
    before, net = model.predict(X), model.net_
    with pytest.raises(ValueError, match="With more tasks body.meta_experts.* declare its axes"):
        model.add_task(X, X[["a", "b"]].abs().fillna(0))
    assert model.net_ is net and (model.predict(X) == before).all()
    assert model.add_task(X, new).module_.body.group_of.tolist() == [0, 0]


def test_estimators_that_cannot_have_the_task_are_refused(table, fitted):
    X, y, new = table
    with pytest.raises(NotFittedError):
        PLEClassifierRegressor().add_task(X, new)
    with pytest.raises(ValueError, match="'new' is of kind 'binary', which this estimator does"):
        PLERegressor(**TINY).fit(X, y["size"]).add_task(X, new)
    with pytest.raises(ValueError, match="task_types of target 'new' is 'price'"):
        copy.copy(fitted).add_task(X, new, task_types="price")
    with pytest.raises(ValueError, match=r"expert_hidden_units=\(7,\) \('auto' in the last fit"):
        copy.copy(fitted).set_params(expert_hidden_units=(7,)).add_task(X, new)
    with pytest.raises(ValueError, match="task_weights has 2 entries instead of one for"):
        copy.copy(fitted).set_params(task_weights=[1, 2]).add_task(X, new)
    # Even numbers of experts have one module of gates, others one for each task.
    even = PLEClassifierRegressor(n_specific_experts={"size": 2, "kind": 2}, **TINY).fit(X, y)
    with pytest.raises(ValueError, match=r"n_specific_experts is 2 for all earlier.*\[2, 2, 1\]"):
        even.add_task(X, new)


def test_cross_stitch_reads_nothing_of_a_new_task(table):
    X, y, new = table
    model = CrossStitchClassifierRegressor(**TINY).fit(X, y).add_task(X, new)
    stitch = model.module_.body.stitches[0].detach()
    assert (stitch[:, :2, 2] == 0).all() and (stitch[:, 2] != 0).all()
