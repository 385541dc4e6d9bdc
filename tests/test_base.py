"""Fit and predict, from the outside: forms, missing labels, weights, going on, repeating."""

import copy
import gc
import pickle
import re
from functools import cache, partial

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from makers import Recorder, read_table
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score, r2_score

from sklearn_ple import PLEClassifier, PLEClassifierRegressor, PLERegressor, export
from sklearn_ple.encoding.encoder import Encoded
from sklearn_ple.encoding.numeric import Piecewise
from sklearn_ple.tables import labels, reading
from sklearn_ple.tables.table import Table
from sklearn_ple.tasks import Huber, Quantile
from sklearn_ple.training.net import MultiTaskNet

N = 120


def make_table(seed=0, n=N):
    rng = np.random.RandomState(seed)
    X = pd.DataFrame(rng.randn(n, 3), columns=["a", "b", "c"], index=np.arange(n) + 1000)
    X["colour"] = pd.Categorical(rng.choice(["red", "green", "blue"], n))
    X.loc[X.index[::7], "b"] = np.nan
    y = pd.DataFrame(index=X.index)
    y["alive"] = X["a"] > 0
    y["stage"] = pd.Categorical(np.where(X["colour"] == "red", "late", "early"))
    y["grade"] = pd.array((X["a"] > 0).astype(int) + (X["c"] > 0).astype(int), dtype="Int64")
    y["weight"] = 50 + 10 * X["a"] + rng.randn(n)
    y["visits"] = rng.poisson(np.exp(X["c"])).astype(float)
    return X, y


def make_model(**params):
    defaults = {
        "task_types": {"visits": "count"},
        "learning_rate": 0.01,
        "max_epochs": 30,
        "batch_size": 32,
        "n_members": 2,
        "random_state": 0,
        "device": "cpu",
    }
    return PLEClassifierRegressor(**(defaults | params))


@pytest.fixture(scope="module")
def table():
    return make_table()


@pytest.fixture(scope="module")
def fitted(table):
    return make_model().fit(*table)


def test_learns_every_kind_of_task(seed):
    X, y = make_table(seed)
    fitted = make_model(random_state=seed).fit(X, y)
    assert fitted.task_names_ == ["alive", "stage", "grade", "weight", "visits"]
    assert fitted.task_types_ == {
        "alive": "binary",
        "stage": "binary",
        "grade": "multiclass",
        "weight": "regression",
        "visits": "count",
    }
    prediction = fitted.predict(X)
    assert accuracy_score(y["alive"], prediction["alive"]) > 0.9
    assert accuracy_score(y["stage"].astype(str), prediction["stage"].astype(str)) > 0.95
    assert r2_score(y["weight"], prediction["weight"]) > 0.9
    assert (prediction["visits"] > 0).all()
    assert_allclose(prediction["visits"].mean(), y["visits"].mean(), rtol=0.2)


def test_predictions_come_back_as_y_came(fitted, table):
    X, y = table
    prediction = fitted.predict(X.iloc[5:9])
    assert_array_equal(prediction.index, X.index[5:9])
    assert_array_equal(prediction.columns, y.columns)
    assert_array_equal(prediction.dtypes, y.dtypes)


def test_classes_and_probabilities_are_in_task_order(fitted, table):
    X, _ = table
    alive, stage, grade, weight, visits = fitted.predict_proba(X)
    assert weight is None and visits is None
    assert fitted.classes_[3] is None
    for proba, classes in zip((alive, stage, grade), fitted.classes_, strict=False):
        assert proba.shape == (N, len(classes))
        assert_allclose(proba.sum(axis=1), 1)
    assert_array_equal(fitted.classes_[1], ["early", "late"])
    scores = fitted.decision_function(X)
    assert scores[0].shape == (N,) and scores[2].shape == (N, 3) and scores[3] is None
    assert_array_equal(fitted.classes_[2][scores[2].argmax(axis=1)], fitted.predict(X)["grade"])


def test_score_is_the_mean_over_tasks_of_accuracy_or_r2_without_missing_labels(fitted, table):
    X, y = table
    y = y.copy()
    y.loc[y.index[:50], "weight"] = np.nan
    y.loc[y.index[30:60], "grade"] = pd.NA
    y["alive"] = y["alive"].astype("boolean")
    y.loc[y.index[:10], "alive"] = pd.NA
    prediction = fitted.predict(X)
    expected = []
    for name in y:
        there = y[name].notna()
        labels, predicted = y.loc[there, name], prediction.loc[there, name]
        if name in ("weight", "visits"):
            expected.append(r2_score(labels, predicted))
        else:
            expected.append(accuracy_score(list(labels), list(predicted)))
    assert_allclose(fitted.score(X, y), np.mean(expected))


def test_score_weighs_labels(fitted, table):
    X, y = table
    weights = np.random.RandomState(0).rand(N, 5)
    prediction = fitted.predict(X)
    expected = [
        r2_score(y[name], prediction[name], sample_weight=weights[:, k])
        if name in ("weight", "visits")
        else accuracy_score(list(y[name]), list(prediction[name]), sample_weight=weights[:, k])
        for k, name in enumerate(y)
    ]
    assert_allclose(fitted.score(X, y, sample_weight=weights), np.mean(expected))


@cache
def fit_weighted(factor, by_label):
    """Fit a model to rows or labels whose weights are scaled by a factor."""
    X, y = make_table()
    y["grade"] = y["grade"].mask(y.index % 3 == 0)
    weights = np.random.RandomState(1).uniform(0.5, 2, size=(N, 5) if by_label else N)
    params = {"max_epochs": 2, "early_stopping": True, "n_members": 2, "batch_size": 64}
    return X, y, weights, make_model(**params).fit(X, y, sample_weight=factor * weights)


@settings(max_examples=6)
@given(
    st.floats(-300, 300).map(lambda exponent: 10.0**exponent)
    | st.sampled_from([1 / N, 1e-46, 2.0**-900, 2.0**900]),
    st.booleans(),
)
def test_only_how_labels_weigh_beside_each_other_counts(factor, by_label):
    X, y, weights, model = fit_weighted(1.0, by_label)
    *_, scaled = fit_weighted(factor, by_label)
    outputs, others = (m._member_outputs(X).numpy() for m in (model, scaled))
    means = model.module_.mean.weights, scaled.module_.mean.weights
    if np.frexp(factor)[0] == 0.5:  # a power of two
        assert_array_equal(others, outputs)
        assert_array_equal(*means)
    assert_allclose(others, outputs, rtol=1e-3, atol=1e-4)
    assert_allclose(*means, rtol=1e-3)
    assert_allclose(
        model.score(X, y, sample_weight=factor * weights),
        model.score(X, y, sample_weight=weights),
    )


def test_score_skips_a_task_without_labels_and_needs_one(fitted, table):
    X, y = table
    y = y.astype(object)
    y.loc[:, ["alive", "stage", "grade", "visits"]] = None
    assert_allclose(fitted.score(X, y), r2_score(y["weight"], fitted.predict(X)["weight"]))
    y.loc[:, "weight"] = None
    with pytest.raises(ValueError, match="no label at all"):
        fitted.score(X, y)


def test_learns_from_half_of_the_labels(seed):
    X, y = make_table(seed)
    truth = y
    y = y[["alive", "weight"]].astype(float)
    rng = np.random.RandomState(1 + seed)
    y = y.mask(rng.rand(*y.shape) < 0.5)
    y.iloc[:5] = np.nan
    model = make_model(task_types="auto", max_epochs=30, random_state=seed).fit(X, y)
    prediction = model.predict(X)
    assert accuracy_score(truth["alive"], prediction["alive"] == 1) > 0.85
    assert r2_score(truth["weight"], prediction["weight"]) > 0.8


def test_row_without_any_label_changes_nothing(table):
    X, y = table
    y = y[["weight", "visits"]]
    model = make_model(batch_size=512, dtype="float64").fit(X, y)
    extra = X.iloc[:7].assign(a=100.0, colour="red")
    nothing = pd.DataFrame(np.nan, index=extra.index, columns=y.columns)
    more = make_model(batch_size=512, dtype="float64")
    more.fit(pd.concat([X, extra]), pd.concat([y, nothing]))
    assert_allclose(more.predict(X), model.predict(X), rtol=1e-10)


def test_zero_weight_of_a_label_is_a_missing_label(table):
    X, y = table
    y = y[["alive", "weight"]].astype(float)
    weights = np.ones(y.shape)
    weights[:40, 1] = 0
    weights[50:70, 0] = 0
    missing = y.mask(weights == 0)
    model = make_model(task_types="auto", max_epochs=5)
    a, b = clone(model).fit(X, y, sample_weight=weights), clone(model).fit(X, missing)
    assert_array_equal(a.predict(X), b.predict(X))


def test_class_weight_shifts_the_classes(seed):
    X, _ = make_table(seed)
    rare = (X["a"] + np.random.RandomState(seed).randn(N) > 1.5).astype(int).rename("rare")
    few = {"n_members": 2, "max_epochs": 30, "random_state": seed}
    plain = PLEClassifier(**few).fit(X, rare)
    balanced = PLEClassifier(class_weight="balanced", **few).fit(X, rare)
    assert balanced.predict(X).mean() > plain.predict(X).mean()
    by_label = PLEClassifier(
        class_weight={0: 1.0, 1: (rare == 0).sum() / (rare == 1).sum()}, **few
    ).fit(X, rare)
    # The same up to a factor, which cancels in the normalised loss.
    assert_allclose(by_label.predict_proba(X), balanced.predict_proba(X), atol=1e-4)


def test_each_argument_becomes_a_frame_once(table, monkeypatch):
    read, X, y = [], *table

    def note(to_pandas, data, *args):
        read.append(data)
        return to_pandas(data, *args)

    for module in (labels, reading):
        monkeypatch.setattr(module, "to_pandas", partial(note, module.to_pandas))
    make_model(max_epochs=1).fit(X, y)
    assert len(read) == 2 and read[0] is X and read[1] is y


# -- forms ----------------------------------------------------------------------------------------


def test_classifier_of_several_targets_has_no_decision_function(table):
    X, y = table
    model = PLEClassifier(max_epochs=2)
    assert hasattr(model, "decision_function")
    model.fit(X, y[["alive", "stage"]])
    assert not hasattr(model, "decision_function")
    assert [p.shape for p in model.predict_proba(X)] == [(N, 2), (N, 2)]


def test_regressor_has_no_probabilities(table):
    X, y = table
    model = PLERegressor(max_epochs=2)
    assert not hasattr(model, "predict_proba")
    assert "class_weight" not in model.get_params()
    assert model.fit(X, y["weight"]).predict(X).shape == (N,)


def test_mixed_estimator_of_numbers_alone_has_no_probabilities(table):
    X, y = table
    model = make_model(max_epochs=2, task_types="auto").fit(X, y[["weight"]])
    assert not hasattr(model, "predict_proba")


def test_polars_frames_give_polars_frames(table):
    X, y = table
    frame = pl.DataFrame({c: X[c].to_numpy() for c in "abc"} | {"colour": X["colour"].to_list()})
    targets = pl.DataFrame(
        {"alive": y["alive"].to_list(), "grade": y["grade"].to_list(), "weight": y["weight"]}
    )
    targets = targets.with_columns(
        grade=pl.when(pl.int_range(pl.len()) % 5 == 0).then(None).otherwise(pl.col("grade"))
    )
    model = make_model(task_types="auto", max_epochs=3).fit(frame, targets)
    prediction = model.predict(frame)
    assert isinstance(prediction, pl.DataFrame)
    assert prediction.schema == targets.schema
    assert model.feature_names_in_.tolist() == ["a", "b", "c", "colour"]


@pytest.mark.parametrize("container", [sparse.csr_matrix, sparse.csr_array, sparse.coo_array])
def test_sparse_features_equal_dense_ones_but_for_centring(container, table):
    _, y = table
    rng = np.random.RandomState(0)
    dense = rng.rand(N, 10) * (rng.rand(N, 10) < 0.3)
    model = make_model(max_epochs=3).fit(container(dense), y)
    prediction = model.predict(container(dense))
    # By hand: scaled by the deviation, not centred.
    scaled = dense / dense.std(axis=0)
    inputs = torch.as_tensor(scaled, dtype=torch.float32)
    outputs = model.module_(inputs, torch.empty(N, 0, dtype=torch.int64)).detach().numpy()
    assert_array_equal(prediction["alive"], outputs[:, 0] > 0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_training_and_validation_share_the_encoded_rows(table, dtype):
    X, y = table
    recorder = Recorder()
    params = {"early_stopping": True, "refit": False, "max_epochs": 1, "dtype": dtype}
    make_model(**params, callbacks=[recorder]).fit(X, y)
    ((train, validation, _),) = recorder.trainings
    assert train.arrays is validation.rows.arrays
    assert len(train) + len(validation.indices()) == N
    assert train.arrays["numbers"].dtype == getattr(torch, dtype)
    assert train.arrays["codes"].dtype == torch.uint8


def test_training_needs_only_the_rows(table, monkeypatch):
    X, y = table
    kept, train = [], MultiTaskNet.train

    def find():
        return [one for one in gc.get_objects() if issubclass(type(one), (Encoded, Table))]

    # Errors that other tests caught may still hold their tables.
    earlier = find()

    def spy(net, rows, *args, **options):
        kept.append([one for one in find() if not any(one is other for other in earlier)])
        return train(net, rows, *args, **options)

    monkeypatch.setattr(MultiTaskNet, "train", spy)
    params = {"task_types": "auto", "early_stopping": True, "target_statistics": ["colour"]}
    model = make_model(**params, max_epochs=1)
    model.fit(X, y[["alive"]]).add_task(X, y["weight"])
    assert len(kept) == 4 and not any(kept)  # Each trains a second time on all rows.


def test_a_table_of_numbers_is_read_without_a_copy(table):
    numbers = table[0][["a", "c"]].to_numpy(copy=True)
    (block,) = read_table(make_model(), numbers, table[1]).blocks()
    assert np.shares_memory(block.features.to_numpy(), numbers)


def test_predict_needs_the_columns_of_fit(fitted, table):
    X, _ = table
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.predict(X[["b", "a", "c", "colour"]])
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.predict(X.drop(columns="c"))
    model = PLERegressor(max_epochs=1).fit(X[["a", "c"]], X["a"].rename("y"))
    nameless = pytest.warns(UserWarning, match="does not have valid feature names")
    wrong = pytest.raises(ValueError, match="X has 3 features, but PLERegressor is expecting 2")
    with nameless, wrong:
        model.predict(np.zeros((2, 3)))
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.predict(np.zeros((2, 2)))


@pytest.mark.parametrize("limit", [None, 3.0])
@pytest.mark.parametrize("embedding", [None, "piecewise_linear+bins"])
def test_numbers_far_beyond_those_of_fit_are_predicted(limit, embedding, table):
    X, y = table
    y = y.assign(grade=pd.Categorical(y["grade"], ordered=True), high=y["alive"] & (X["c"] > 0))
    model = make_model(
        task_types={"weight": "quantile", "visits": "regression"},
        depends_on={"high": "alive"},
        clip_numbers=limit,
        numeric_embedding=embedding,
        max_epochs=2,
    ).fit(X, y)
    far = X.copy()
    far[["a", "b", "c"]] = np.sign(far[["a", "b", "c"]]) * 1e37
    prediction = model.predict(far)
    assert np.isfinite(prediction[["weight", "visits"]]).all(axis=None)
    assert not prediction.isna().any(axis=None)
    for probability in model.predict_proba(far):
        assert probability is None or np.isfinite(probability).all()


def test_predicting_before_fit_is_an_error(table):
    methods = ["predict", "predict_proba", "predict_proba_frame", "decision_function"]
    for method in [*methods, "predict_conditional_proba", "score"]:
        arguments = table if method == "score" else table[:1]
        with pytest.raises(NotFittedError):
            getattr(make_model(depends_on={"alive": "stage"}), method)(*arguments)
    with pytest.raises(NotFittedError):
        _ = make_model().module_


# -- the same result twice ------------------------------------------------------------------------


def test_random_state_fixes_the_weights(table):
    params = {"dropout": 0.2, "max_epochs": 3}
    first, second = (make_model(**params).fit(*table) for _ in range(2))
    other = make_model(**params, random_state=1).fit(*table)
    for a, b in zip(first.module_.parameters(), second.module_.parameters(), strict=True):
        assert torch.equal(a, b)
    assert not np.array_equal(first.predict(table[0])["weight"], other.predict(table[0])["weight"])


def test_global_random_states_are_left_alone(table):
    torch.manual_seed(7)
    np.random.seed(7)
    before = torch.get_rng_state().clone(), np.random.get_state()[1].copy()
    make_model(max_epochs=2, early_stopping=True).fit(*table)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert_array_equal(np.random.get_state()[1], before[1])


def test_saving_leaves_the_global_random_state_alone(fitted, table, tmp_path):
    before = torch.get_rng_state().clone()
    export.save(fitted, tmp_path / "model.safetensors")
    export.load(tmp_path / "model.safetensors")
    assert torch.equal(torch.get_rng_state(), before)


def test_a_row_is_predicted_alike_alone_and_among_others(fitted, table):
    X, _ = table
    together = fitted.predict(X)["weight"]
    alone = pd.concat([fitted.predict(X.iloc[[i]])["weight"] for i in range(20)])
    assert_allclose(alone, together.iloc[:20], rtol=1e-6)


def test_the_pickle_holds_no_rows():
    X, y = make_table(n=5000)
    # By default, more rows have more bins.
    model = make_model(max_epochs=1, early_stopping=True, batch_size=1024, n_bins=8)
    small, large = clone(model).fit(X[:300], y[:300]), clone(model).fit(X, y)
    assert len(pickle.dumps(large)) < 1.1 * len(pickle.dumps(small))


# -- going on -------------------------------------------------------------------------------------


def test_warm_start_goes_on_and_cold_start_begins_anew(seed):
    X, y = make_table(seed)
    model = make_model(warm_start=True, max_epochs=3, random_state=seed).fit(X, y)
    before = model.history_[-1]["loss"]
    model.fit(X, y)
    assert model.n_iter_ == 6 and [h["epoch"] for h in model.history_] == [1, 2, 3, 4, 5, 6]
    assert model.history_[3]["loss"] < before
    assert model.set_params(warm_start=False).fit(X, y).n_iter_ == 3


@pytest.mark.parametrize(
    ("before", "changes"),
    [
        ({}, {"n_levels": 2}),
        ({}, {"n_members": 3}),
        ({"tower_hidden_units": (4,)}, {"tower_hidden_units": (5,), "linear_path": False}),
        # The weights' shapes stay the same.
        ({}, {"specific_share": 0.2}),
        ({"numeric_embedding": "bins"}, {"numeric_embedding": "piecewise_linear"}),
        ({"clip_numbers": 2.5}, {"clip_numbers": None}),
        ({}, {"task_types": {"weight": "count"}}),
    ],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_another_network_cannot_go_on(table, before, changes, method):
    model = make_model(warm_start=True, max_epochs=1, **before).fit(*table)
    net, was = model.net_, model.get_params()
    model.set_params(**changes)
    for name, value in changes.items():
        message = re.escape(f"{name}={value!r} ({was[name]!r} in the last fit)")
        with pytest.raises(
            ValueError, match=f"go on with the network .* another one: .*{message}"
        ):
            getattr(model, method)(*table)
    assert model.net_ is net and model.n_iter_ == 1


def test_the_same_network_in_other_words_goes_on(table):
    kinds = {"visits": "count", "weight": "huber"}
    model = make_model(warm_start=True, max_epochs=1, tower_hidden_units=(4,))
    model.set_params(task_types=kinds, clip_numbers=2).fit(*table)
    model.set_params(tower_hidden_units=[np.int64(4)], dropout=0.1, learning_rate=0.01)
    model.set_params(task_types=dict(reversed(kinds.items())), clip_numbers=2.0)
    assert model.fit(*table).partial_fit(*table).n_iter_ == 3


def test_a_network_of_other_shapes_without_parameters_cannot_go_on(table):
    class Wider(PLEClassifierRegressor):
        width = 4

        def make_network(self, in_features, tasks, **towers):
            towers["tower_hidden_units"] = (type(self).width,)
            return super().make_network(in_features, tasks, **towers)

    few = {"task_types": {"visits": "regression"}, "max_epochs": 1, "n_members": 1}
    model = Wider(warm_start=True, random_state=0, **few).fit(*table)
    Wider.width = 5
    with pytest.raises(ValueError, match="another one: its weights differ in shape"):
        model.fit(*table)


def test_a_warm_start_reads_class_weights_anew(seed):
    X, _ = make_table(seed)
    rare = (X["a"] + np.random.RandomState(seed).randn(N) > 1.5).astype(int).rename("rare")
    few = {"n_members": 2, "max_epochs": 20, "random_state": seed}
    model = PLEClassifier(warm_start=True, **few).fit(X, rare)
    plain = clone(model).fit(X, rare).fit(X, rare)
    weighted = model.set_params(class_weight="balanced").fit(X, rare)
    assert weighted.predict_proba(X)[:, 1].mean() > 1.5 * plain.predict_proba(X)[:, 1].mean()


def test_warm_start_keeps_classes_and_scales(table):
    X, y = table
    model = make_model(warm_start=True, max_epochs=2).fit(X, y)
    classes, mean = model.classes_[2], model.tasks_[3].mean
    half = y.assign(weight=y["weight"] + 100).iloc[: N // 2]
    model.fit(X.iloc[: N // 2], half)
    assert_array_equal(model.classes_[2], classes)
    assert model.tasks_[3].mean == mean


def test_the_same_calls_of_partial_fit_give_the_same_model(seed):
    X, y = make_table(seed)
    model, again = (make_model(random_state=seed) for _ in range(2))
    for _ in range(4):
        model.partial_fit(X, y)
        again.partial_fit(X, y)
    assert_array_equal(again.predict(X)["weight"], model.predict(X)["weight"])
    for _ in range(6):
        model.partial_fit(X, y)
    assert model.n_iter_ == 10
    losses = [h["loss"] for h in model.history_]
    assert losses[-1] < 0.7 * losses[0]


def test_partial_fit_copies_no_epoch_but_the_last(table):
    X, y = table
    kinds = {"visits": "regression"}
    model = PLEClassifierRegressor(task_types=kinds, n_members=1, random_state=0)
    for _ in range(3):
        model.partial_fit(X, y)
    before, records = model.net_.history, copy.deepcopy(model.history_)
    model.partial_fit(X, y)
    assert [own is old for own, old in zip(model.net_.history, before, strict=False)] == [
        *[True] * 2,
        False,
    ]
    assert len(before) == 3 and len(model.history_) == 4 and model.history_[:3] == records


def test_partial_fit_stays_on_the_device_of_its_network(table, monkeypatch):
    model = make_model(max_epochs=1).fit(*table).set_params(device="auto")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert model.partial_fit(*table).device_ == "cpu"


def test_a_fitted_model_keeps_no_gradients(fitted):
    assert all(weight.grad is None for weight in fitted.module_.parameters())


def test_partial_fit_keeps_the_dtype_of_its_network(table):
    model = make_model().partial_fit(*table).set_params(dtype="float64")
    assert model.partial_fit(*table).n_iter_ == 2
    assert next(model.module_.parameters()).dtype == torch.float32


def test_partial_fit_learns_classes_that_were_declared(table):
    X, _ = table
    y = pd.DataFrame({"u": np.arange(N) % 2, "v": np.arange(N) % 3}, index=X.index)
    model = PLEClassifier(random_state=0)
    model.partial_fit(X, y, classes={"u": [0, 1, 5], "v": [0, 1, 2, 3]})
    assert [len(c) for c in model.classes_] == [3, 4]
    model.partial_fit(X, y.assign(u=5))
    with pytest.raises(ValueError, match="Target 'u' holds the label 7"):
        model.partial_fit(X, y.assign(u=7))
    as_list = PLEClassifier().partial_fit(X, y, classes=[[0, 1, 5], None])
    assert [len(c) for c in as_list.classes_] == [3, 3]


def test_integers_of_a_small_first_chunk_may_be_a_quantity(table):
    X, _ = table
    y = pd.DataFrame({"u": np.arange(N) % 2 > 0, "n": np.arange(N) % 5}, index=X.index)
    model = make_model(task_types="auto").partial_fit(X, y)
    remedy = r"\. If it is a quantity, set task_types=\{'n': 'regression'\}\.$"
    with pytest.raises(ValueError, match=f"Target 'n' holds the label 10, .*{remedy}"):
        model.partial_fit(X, y.assign(n=10))


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_classes_declared_beyond_the_categories_are_predicted(table, library):
    X, y = table
    stage = {"stage": y["stage"].astype(str).tolist(), "weight": y["weight"].tolist()}
    if library == "pandas":
        y = pd.DataFrame(stage).astype({"stage": "category"})
    else:
        y = pl.DataFrame(stage, schema={"stage": pl.Enum(["early", "late"]), "weight": pl.Float64})
    model = make_model(task_types="auto").partial_fit(
        X, y, classes={"stage": ["early", "late", "over"]}
    )
    with torch.no_grad():  # As if "over" had been learnt.
        model.module_.body.towers.heads[0].bias[:, 2] = 100.0
    assert set(model.predict(X)["stage"]) == {"over"}


def test_going_on_needs_the_targets_of_the_first_fit(table):
    X, y = table
    model = make_model(max_epochs=1).partial_fit(X, y)
    with pytest.raises(ValueError, match="fitted with"):
        model.partial_fit(X, y[y.columns[::-1]])
    with pytest.raises(ValueError, match="fitted with"):
        model.score(X, y.drop(columns="visits"))


def test_going_on_takes_weights_by_name_beside_an_array_of_labels(table):
    X, y = table
    weights = pd.DataFrame(np.random.default_rng(0).random(y.shape), columns=y.columns)
    named, unnamed = (make_model().partial_fit(X, y) for _ in range(2))
    named.partial_fit(X, y, sample_weight=weights)
    unnamed.partial_fit(X, y.to_numpy(), sample_weight=weights[y.columns[::-1]])
    np.testing.assert_array_equal(named.transform(X), unnamed.transform(X))


@pytest.mark.parametrize("method", ["partial_fit", "fit"])
def test_going_on_without_a_label_is_an_error(table, method):
    X, y = table
    first = np.arange(len(y)) < len(y) // 2
    unlabelled, second_half = y.astype(object), y.astype(object)
    unlabelled.loc[:] = None
    second_half.loc[first] = None
    model = make_model(max_epochs=1, n_members=1, warm_start=True).fit(X, y)
    before = model.predict(X)
    with pytest.raises(ValueError, match="y has no label at all"):
        getattr(model, method)(X, unlabelled)
    with pytest.raises(ValueError, match="y has no label at all"):
        getattr(model, method)(X, second_half, sample_weight=first)
    pd.testing.assert_frame_equal(model.predict(X), before)


# -- all or nothing -------------------------------------------------------------------------------


def test_failed_fit_leaves_an_unfitted_estimator_unfitted(table):
    X, y = table
    model = make_model(net_params={"no_such_parameter": 1})
    with pytest.raises(ValueError, match="no_such_parameter"):
        model.fit(X, y)
    assert set(vars(model)) == set(vars(make_model()))


def test_failed_fit_leaves_a_fitted_estimator_as_it_was(table):
    X, y = table
    model = make_model(max_epochs=2).fit(X, y)
    before = model.predict(X)
    with pytest.raises(ValueError, match="'weight'"):
        model.fit(X.rename(columns={"a": "z"}), y.assign(weight=np.nan))
    pd.testing.assert_frame_equal(model.predict(X), before)
    with pytest.raises(ValueError, match="'weight'"):
        model.partial_fit(X, y.assign(weight=np.inf))
    pd.testing.assert_frame_equal(model.predict(X), before)


def test_parameters_reach_the_network(table):
    model = make_model(
        n_levels=2,
        n_shared_experts=3,
        n_specific_experts=1,
        expert_hidden_units=[7, 5],
        tower_hidden_units=[4],
        embedding_dim=2,
        dropout=0.1,
        feature_dropout=0.3,
        clip_numbers=4.5,
        n_members=4,
        n_bins=4,
        max_epochs=1,
    ).fit(*table)
    body = model.module_.body
    assert len(body.levels) == 2
    # Three numbers and an indicator of missing ones, three embeddings, and that of a category.
    n_features = 4 + 3 * 2 + 2
    assert body.levels[0].shared_experts.layers[0].weight.shape == (4 * 3, 7, n_features)
    assert body.levels[1].specific_experts.layers[1].weight.shape == (4 * 5, 5, 7)
    # Spread over the members from none to twice the average.
    assert_allclose(model.module_.inputs.feature_dropout.rates, [0, 0.2, 0.4, 0.6])
    for part in (body.towers.hidden, body.levels[0].shared_experts):
        assert_allclose(part.dropout.rates, [0, 0.2 / 3, 0.4 / 3, 0.2])
    assert model.module_.inputs.clip_numbers == 4.5
    assert max(model.module_.inputs.numeric_embedding.n_bins) == 4
    assert body.towers.hidden.layers[0].out_features == 4
    assert clone(model).get_params() == model.get_params()


def test_no_expert_at_all_is_an_error(table):
    with pytest.raises(ValueError, match="n_shared_experts and n_specific_experts"):
        make_model(n_shared_experts=0, n_specific_experts=0).fit(*table)
    with pytest.raises(ValueError, match="expert_hidden_units"):
        make_model(expert_hidden_units=()).fit(*table)


def test_weights_are_taken_by_the_names_of_the_tasks_if_y_is_an_array(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(60, 2))
    y = pd.DataFrame({"a": X[:, 0] > 0, "b": rng.normal(size=60)})
    model = PLEClassifierRegressor(max_epochs=1, n_members=1, random_state=seed).fit(X, y)
    weights = pd.DataFrame({"b": rng.random(60), "a": rng.random(60)})
    expected = model.score(X, y, weights[["a", "b"]])
    assert model.score(X, y.to_numpy(dtype=float), weights) == expected


@pytest.mark.parametrize(
    ("name", "make", "options", "others"),
    [
        ("task_types", Huber, {"delta": 1.0}, {"delta": 0.1}),
        ("task_types", Quantile, {"levels": [0.1, 0.9]}, {"levels": [0.01, 0.99]}),
        (
            "numeric_embedding",
            Piecewise,
            {"linear": True, "steps": False},
            {"linear": False, "steps": True},
        ),
    ],
)
def test_a_warm_start_notices_other_options_of_an_object(name, make, options, others):
    X = np.random.default_rng(0).normal(size=(60, 2))

    def params(options):
        return {name: {"y": make(**options)} if name == "task_types" else make(**options)}

    model = PLERegressor(warm_start=True, max_epochs=1, n_members=1, random_state=0)
    model.set_params(**params(options)).fit(X, X[:, 0])
    model.set_params(**params(options)).fit(X, X[:, 0])
    model.set_params(**params(others))
    for again in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match=rf"{name}=.*{make.__name__}\(.* in the last fit"):
            again(X, X[:, 0])
