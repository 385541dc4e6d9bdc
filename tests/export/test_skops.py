"""Files of skops: one type to trust, and what is loaded is what was saved; pickles as ever."""

import copy
import pickle
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from makers import mostly_nightly
from sklearn.base import clone
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import EpochScoring
from twins import (
    ESTIMATORS,
    FRAME,
    KINDS,
    LABELS,
    RNG,
    N,
    Narrow,
    Root,
    Scaled,
    Squares,
    assert_equal,
    assert_same,
    fitted,
    labels_for,
    made,
)

from sklearn_ple import (
    ESMMClassifier,
    PLEClassifier,
    PLEClassifierRegressor,
    PLERegressor,
    predictor,
)
from sklearn_ple.export.plain import FORMAT_VERSION
from sklearn_ple.metrics import make_multitask_scorer, task_scorer
from sklearn_ple.model_selection import MultiTaskKFold, MultiTaskShuffleSplit

io = pytest.importorskip("skops.io")


@pytest.fixture(scope="module")
def model():
    return fitted()


def name_of(cls):
    return f"{cls.__module__}.{cls.__name__}"


def twin_of(model, *types):
    """Write and read a model; beside its class, types of these names have to be trusted."""
    data = io.dumps(model)
    untrusted = io.get_untrusted_types(data=data)
    assert untrusted == sorted({name_of(type(model)), *types})
    return io.loads(data, trusted=untrusted)


# What files hold of every estimator is tested in test_model.py: skops has the same state.
SOME = (ESMMClassifier, PLEClassifierRegressor)


@pytest.mark.parametrize("cls", mostly_nightly(ESTIMATORS, SOME))
def test_every_estimator_predicts_the_same(cls):
    y = labels_for(cls)
    own = {"task_types": {name: KINDS[name] for name in KINDS if name in y}}
    model = fitted(FRAME, y, cls, **own)
    # All attributes are in what is plain.
    assert model.__getstate__().keys() == {"_plain_state", "_versions"}
    assert_same(model, twin_of(model), y=y)


def test_unfitted_estimators_keep_their_parameters():
    model = PLEClassifierRegressor(task_types={"a": "count"}, categorical_features=FRAME.columns)
    twin = twin_of(model)
    assert vars(twin).keys() == vars(model).keys()
    assert repr(twin) == repr(model)
    assert clone(twin).categorical_features.equals(FRAME.columns)


def test_a_calibrated_model_predicts_the_same():
    model = fitted(task_types=KINDS).calibrate(FRAME, LABELS)
    twin = twin_of(model)
    assert_same(model, twin)
    assert twin.temperatures_.keys() == {"binary", "multiclass", "ordinal"}


def test_categories_of_pandas_and_deviations():
    days = pd.date_range("2020", periods=3, tz="Europe/Berlin")
    X = pd.DataFrame(
        {
            "day": pd.Categorical.from_codes(RNG.integers(0, 3, 200), days),
            "mixed": pd.Categorical.from_codes(RNG.integers(-1, 2, 200), ["a", 1]),
            "string": pd.Series(RNG.choice(["a", "b"], 200), dtype="string"),
            "Int64": pd.Series(RNG.integers(0, 9, 200), dtype="Int64"),
        }
    )
    y = X[["string", "Int64"]].add_prefix("y ").assign(number=RNG.normal(size=200))
    model = fitted(X, y, early_stopping=True, n_members=3).set_output(transform="pandas")
    assert model._deviations is not None
    assert_same(model, twin_of(model), X, y)


def without_seconds(history):
    return [{name: own for name, own in epoch.items() if name != "seconds"} for epoch in history]


@pytest.mark.parametrize("copied", [twin_of, lambda model: pickle.loads(pickle.dumps(model))])
def test_training_goes_on_to_the_last_bit(copied):
    model = fitted(balancing="uncertainty", weight_averaging=0.1)
    twin = copied(model)
    for own in (model, twin):
        own.partial_fit(FRAME, LABELS).partial_fit(FRAME, LABELS)
    assert_equal(model.predict(FRAME), twin.predict(FRAME))
    assert without_seconds(model.history_) == without_seconds(twin.history_)
    assert_equal(
        *(
            own.set_params(warm_start=True).fit(FRAME, LABELS).predict(FRAME)
            for own in (model, twin)
        )
    )


def test_within_other_estimators():
    X, y = RNG.normal(size=(N, 3)), LABELS["count"].to_numpy()
    kind = name_of(PLERegressor)
    pipeline = make_pipeline(StandardScaler(), made(PLERegressor)).fit(X, y)
    data = io.dumps(pipeline)
    assert io.get_untrusted_types(data=data) == [kind]
    assert_equal(pipeline.predict(X), io.loads(data, trusted=[kind]).predict(X))
    search = GridSearchCV(made(PLERegressor), {"learning_rate": [1e-3]}, cv=2).fit(X, y)
    data = io.dumps(search)
    untrusted = io.get_untrusted_types(data=data)
    assert [name for name in untrusted if not name.startswith("sklearn.")] == [kind]
    assert_equal(search.predict(X), io.loads(data, trusted=untrusted).predict(X))


@pytest.mark.parametrize("splitter", [MultiTaskKFold(2), MultiTaskShuffleSplit(1)])
@pytest.mark.parametrize(
    ("scorer", "function"),
    [(make_multitask_scorer(), "multitask_score"), (task_scorer("y0"), "score_one_task")],
)
def test_types_of_a_search_are_those_that_the_guide_names(splitter, scorer, function):
    X, y = RNG.normal(size=(N, 3)), RNG.normal(size=(N, 2))
    grid = {"learning_rate": [1e-3]}
    search = GridSearchCV(made(PLERegressor), grid, cv=splitter, scoring=scorer).fit(X, y)
    types = [name_of(type(scorer)), f"sklearn_ple.metrics.scores.{function}"]
    guide = (Path(__file__).parents[2] / "docs" / "guide" / "saving.rst").read_text("utf-8")
    assert all(name in guide for name in (types[0], function, name_of(MultiTaskKFold)))
    data = io.dumps(search)
    untrusted = io.get_untrusted_types(data=data)
    assert untrusted == sorted([name_of(PLERegressor), *types, name_of(type(splitter))])
    twin = io.loads(data, trusted=untrusted)
    assert_equal(search.predict(X), twin.predict(X))
    assert twin.score(X, y) == search.score(X, y)


def test_a_view_of_a_task_predicts_the_same():
    view = fitted(cls=PLEClassifier, y=LABELS[["binary"]]).task_view("binary")
    twin = twin_of(view, name_of(PLEClassifier))
    assert_equal(view.predict_proba(FRAME), twin.predict_proba(FRAME))


@pytest.mark.parametrize(
    "parameters",
    [
        {"optimizer": torch.optim.NAdam, "net_params": {"optimizer__betas": (0.8, 0.9)}},
        {"random_state": np.random.RandomState(3), "clip_numbers": None},
        {"categorical_features": FRAME.columns[2:], "max_categories": np.int64(3)},
        {"expert_hidden_units": [[8], [4]], "n_levels": 2, "activation": "elu"},
    ],
    ids=lambda parameters: next(iter(parameters)),
)
def test_parameters_of_every_type_are_kept(parameters):
    model = fitted(**parameters)
    assert_same(model, twin_of(model))


def test_callbacks_are_objects_of_others():
    model = fitted(callbacks=[EpochScoring("r2", use_caching=False)])
    (callback,) = twin_of(model, name_of(EpochScoring), "skorch.utils.to_numpy").callbacks
    assert type(callback) is EpochScoring and callback.scoring == "r2"


def test_the_model_that_it_started_from():
    model = fitted(warm_start_from=FrozenEstimator(fitted()))
    other = twin_of(model).warm_start_from.estimator
    assert_same(model.warm_start_from.estimator, other)


def test_a_folder_stays_on_its_machine(tmp_path):
    model = fitted(checkpoint_dir=tmp_path / "fit")
    twin = twin_of(model)
    assert twin.checkpoint_dir is None
    assert_equal(model.predict(FRAME), twin.predict(FRAME))


def test_what_is_set_for_other_tools_is_left_out():
    with sklearn.config_context(enable_metadata_routing=True):
        model = fitted().set_fit_request(sample_weight=True)
    assert "_metadata_request" in vars(model)
    assert "_metadata_request" not in vars(twin_of(model))


# -- classes of one's own -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "cls"),
    [
        ({"task_types": {"count": Root()}}, Root),
        ({"task_types": {"count": Root}}, Root),
        ({"numeric_embedding": Squares()}, Squares),
        ({"balancing": Scaled(2)}, Scaled),
        ({"cls": Narrow}, Narrow),
    ],
)
def test_classes_of_ones_own_are_listed(parameters, cls):
    model = fitted(**parameters)
    with pytest.raises(Exception, match=re.escape(name_of(cls))):
        io.loads(io.dumps(model), trusted=[name_of(PLEClassifierRegressor)])
    twin = twin_of(model, name_of(cls))
    assert type(twin) is type(model)
    assert_equal(model.predict(FRAME), twin.predict(FRAME))
    for own in (model, twin):
        own.partial_fit(FRAME, LABELS)
    assert_equal(model.predict(FRAME), twin.predict(FRAME))


class Noting(PLERegressor):
    """An estimator that keeps more than others, and does not let all of it out."""

    def fit(self, X, y, **options):
        self.noted_ = {"rows": len(X)}
        self.lock = lambda: None
        return super().fit(X, y, **options)

    def __getstate__(self):
        state = super().__getstate__()
        del state["lock"]
        return state


def test_attributes_of_ones_own_and_what_a_class_says_of_its_state():
    X, y = RNG.normal(size=(N, 2)), RNG.normal(size=N)
    model = fitted(X, y, Noting)
    for twin in (twin_of(model), pickle.loads(pickle.dumps(model)), copy.copy(model)):
        assert vars(twin).keys() == vars(model).keys() - {"lock"}
        assert twin.noted_ == {"rows": N}
        assert_equal(model.predict(X), twin.predict(X))


# -- pickles, and what cannot be ----------------------------------------------------------------


def test_pickles_and_copies_hold_the_attributes_themselves(model):
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        state = model.__reduce_ex__(protocol)[2]
        assert state.keys() == {*vars(model), "_versions"}
        assert all(state[name] is own for name, own in vars(model).items())
        twin = pickle.loads(pickle.dumps(model, protocol))
        assert_equal(model.predict(FRAME), twin.predict(FRAME))
    assert copy.copy(model).net_ is model.net_
    assert_same(model, copy.deepcopy(model))


def test_another_version_is_named(model, monkeypatch):
    message = "PLEClassifierRegressor was saved with .*torch 1.0 \\(now"
    with monkeypatch.context() as patch:
        patch.setattr(predictor, "versions", lambda: {"torch": "1.0"})
        data = io.dumps(model)
    with pytest.warns(InconsistentVersionWarning, match=message):
        io.loads(data, trusted=[name_of(PLEClassifierRegressor)])


def test_parameters_that_were_changed_are_refused():
    with pytest.raises(ValueError, match="changed since fit.*n_members=.* in fit"):
        io.dumps(fitted().set_params(n_members=3))


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (["plain"], {}, "'format_version'"),
        (
            ["plain", "format_version"],
            FORMAT_VERSION + 1,
            "it has version .* reads only version",
        ),
        (
            ["plain", "parameters", "checkpoint_dir"],
            "/",
            "it sets the parameters .'checkpoint_dir'.",
        ),
        (["plain", "parameters", "n_members"], 3, "the number of members is not"),
        (["plain", "state", "device_"], 3, "device_ of the state is of type int, not .*str"),
        (
            ["plain", "state", "_encoder.targets", "$object", 1, "tasks"],
            [],
            "its tasks are not the columns of y",
        ),
        (["plain", "optimizer"], {}, "'param_groups'"),
        (["arrays"], {}, "it lacks the array"),
        (
            ["plain", "state", "net_.module_", "mean.weights", "$tensor", 0],
            [1.0, 2.0],
            "expected np.ndarray",
        ),
    ],
)
def test_a_state_that_was_changed_names_the_class(model, place, value, message):
    state = copy.deepcopy(model.__getstate__())
    inner = state["_plain_state"]
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = value
    message = f"^The PLEClassifierRegressor cannot be loaded: {message}"
    with pytest.raises(ValueError, match=message):
        PLEClassifierRegressor.__new__(PLEClassifierRegressor).__setstate__(state)
