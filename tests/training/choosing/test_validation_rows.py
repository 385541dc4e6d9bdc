"""Rows to validate on that the user chooses: those and no others, and never trained on."""

import re

import numpy as np
import pandas as pd
import pytest
import sklearn
from hypothesis import assume, given
from hypothesis import strategies as st
from makers import resolved
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    PredefinedSplit,
    ShuffleSplit,
    StratifiedKFold,
    TimeSeriesSplit,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ple import PLEClassifierRegressor, PLERegressor
from sklearn_ple.tables.groups import read_groups
from sklearn_ple.training.choosing.validation_rows import Split
from sklearn_ple.training.net import MultiTaskNet

N = 120


def make(n=N, seed=0, missing=0.0):
    rng = np.random.RandomState(seed)
    X = pd.DataFrame(rng.randn(n, 3), columns=["a", "b", "c"])
    y = pd.DataFrame({"sort": np.where(X["a"] > 0, "p", "q"), "size": X["b"] + rng.randn(n)})
    return X, y.mask(rng.rand(n, 2) < missing)


def model(cls=PLEClassifierRegressor, **params):
    defaults = {
        "n_members": 1,
        "max_epochs": 3,
        "batch_size": 32,
        "n_iter_no_change": 3,
        "numeric_embedding": None,
        "expert_hidden_units": (8,),
        "tower_hidden_units": (4,),
        "early_stopping": True,
        "random_state": 0,
        "device": "cpu",
    }
    return cls(**(defaults | params))


@pytest.fixture
def trainings(monkeypatch):
    """Record each training: its rows, and what it is validated on."""
    found = []
    train = MultiTaskNet.train

    def spy(self, rows, *args, validation=None, **kwargs):
        found.append((rows, validation))
        return train(self, rows, *args, validation=validation, **kwargs)

    monkeypatch.setattr(MultiTaskNet, "train", spy)
    return found


# -- rows of their own ----------------------------------------------------------------------------


@pytest.mark.parametrize("container", [lambda X: X, np.asarray, sparse.csr_matrix])
def test_the_loss_of_validation_is_that_of_the_rows_that_are_passed(container):
    X, y = make()
    X_val, y_val = make(50, seed=1, missing=0.3)
    weights = np.random.RandomState(2).uniform(0.2, 3.0, size=(50, 2))
    fitted = model().fit(
        container(X), y, X_val=container(X_val), y_val=y_val, sample_weight_val=weights
    )
    best = min(fitted.history_, key=lambda epoch: epoch["valid_loss"])
    sort, size = (y_val[name].notna().to_numpy() for name in y)
    proba = fitted.predict_proba(container(X_val))[0]
    predictions = fitted.predict(container(X_val))
    truth, predicted = (values["size"][size] for values in (y_val, predictions))
    expected = [
        log_loss(y_val["sort"][sort], proba[sort], sample_weight=weights[sort, 0]),
        mean_squared_error(truth, predicted, sample_weight=weights[size, 1])
        / y["size"].var(ddof=0),
    ]
    assert_allclose(best["valid_task_losses"], expected, rtol=1e-4)


def test_all_rows_are_trained_on_once_and_deviations_are_learnt_on_those_passed(trainings):
    """No part of the table of training is validated on, so nothing is left for a refit."""
    (X, y), (X_val, y_val) = make(), make(50, seed=1)
    # So few rows are not validated by default.
    fitted = model(n_members=4, refit=True, early_stopping="auto")
    fitted.fit(X, y, X_val=X_val, y_val=y_val)
    (((rows, validation)),) = trainings
    assert len(rows) == N and rows.array("folds") is None
    assert len(validation.row_numbers) == len(X_val)
    assert_array_equal(validation.labels[1].observed, y_val["size"])
    errors = y_val["size"] - fitted.predict(X_val)["size"]
    deviation = fitted.predict(X_val, return_std=True)[1]["size"]
    assert_allclose((deviation**2).mean(), (errors**2).mean(), rtol=1e-3)


def test_rows_of_their_own_are_the_same_as_those_of_a_splitter():
    """Both halves have the same moments: scales are learnt from all rows of X."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, 3))
    y = X[:, :2] + 0.3 * rng.normal(size=(N, 2))
    X_val, y_val = (rng.permuted(part, axis=0) for part in (X, y))
    own = model(PLERegressor, numeric_embedding=None).fit(X, y, X_val=X_val, y_val=y_val)
    splitter = PredefinedSplit(np.repeat([-1, 0], N))
    split = model(PLERegressor, numeric_embedding=None, refit=False, validation_split=splitter)
    split.fit(np.vstack([X, X_val]), np.vstack([y, y_val]))
    for one, other in zip(own.history_, split.history_, strict=True):
        assert_allclose(one["loss"], other["loss"], rtol=1e-4)
        assert_allclose(one["valid_task_losses"], other["valid_task_losses"], rtol=1e-4)
    assert_allclose(own.predict(X), split.predict(X), rtol=1e-3, atol=1e-4)


def test_training_goes_on_with_rows_of_their_own():
    data = {"X_val": make(50, seed=1)[0], "y_val": make(50, seed=1)[1]}
    fitted = model(warm_start=True).fit(*make(), **data).fit(*make(), **data)
    assert len(fitted.history_) == 6 and "valid_loss" in fitted.history_[-1]


def test_training_that_goes_on_is_not_done_again_on_all_rows(trainings):
    model(warm_start=True, refit=True).fit(*make()).fit(*make())
    assert [len(rows) for rows, _ in trainings] == [N - 12, N, N - 12]


# -- rows of the table ----------------------------------------------------------------------------


def test_the_last_rows_are_those_of_a_splitter(trainings):
    X, y = make()
    first = np.repeat([-1, 0], [90, 30])
    last = model(validation_split="last", validation_fraction=0.25, refit=False).fit(X, y)
    split = model(validation_split=PredefinedSplit(first), refit=False).fit(X, y)
    for rows, validation in trainings:
        assert_array_equal(rows._rows, np.arange(90))
        assert_array_equal(validation.row_numbers, np.arange(90, N))
        assert_array_equal(validation.trained_on(), [first < 0])
    assert_array_equal(last.predict_proba(X)[0], split.predict_proba(X)[0])


def test_the_last_rows_are_set_aside_for_any_number_of_members(trainings):
    model(n_members=4, validation_split="last").fit(*make())
    assert_array_equal(trainings[0][1].row_numbers, np.arange(N - 12, N))
    # A refit is by default, and trains on them too.
    assert [len(rows) for rows, _ in trainings] == [N - 12, N]


def test_rows_that_a_splitter_leaves_out_are_used_by_a_refit_alone(trainings):
    gap = TimeSeriesSplit(n_splits=2, gap=10, test_size=40)
    model(validation_split=gap, refit=True).fit(*make())
    (first, validation), (again, _) = trainings
    assert_array_equal(first._rows, np.arange(30))
    assert_array_equal(validation.row_numbers, np.arange(40, 80))
    assert_array_equal(validation.trained_on().sum(), 30)
    assert len(again) == N


def test_a_splitter_reads_x_as_it_came_with_rows_that_do_not_count(trainings):
    X, y = make()
    y.iloc[::3] = np.nan
    groups = np.arange(N) // 10
    splitter = GroupShuffleSplit(n_splits=1, test_size=0.25, random_state=0)
    train, valid = next(splitter.split(X, y, groups))
    model(validation_split=splitter, refit=False).fit(X, y, groups=groups)
    ((rows, validation),) = trainings
    kept = np.flatnonzero(y["size"].notna())
    assert_array_equal(kept[rows._rows], train[np.isin(train, kept)])
    assert_array_equal(kept[validation.row_numbers], valid[np.isin(valid, kept)])


def test_without_validation_no_splitter_is_asked():
    # It would lack groups.
    for early_stopping in (False, "auto"):
        fitted = model(validation_split=GroupKFold(2), early_stopping=early_stopping)
        assert "valid_loss" not in fitted.fit(*make()).history_[0]


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"n_members": 4, "validation_fraction": 0.3},
        {"validation_split": "last"},
        {"validation_split": KFold(2)},
    ],
)
def test_training_is_as_long_as_with_early_stopping_however_few_rows_are_left(params):
    # With steps so long the loss soon increases.
    auto = {"early_stopping": "auto", "max_epochs": "auto", "n_iter_no_change": 1}
    auto |= {"lr_schedule": "constant", "learning_rate": 1.0}
    fitted = model(**auto, refit=False, **params).fit(*make(500))
    # Without early stopping, 20 epochs would be enough for 120 steps.
    assert fitted.net_.max_epochs >= 1000 and fitted.n_iter_ <= 20


# -- groups ---------------------------------------------------------------------------------------


def straddling(groups, trained_on):
    """Count the groups that some member, a row of trained_on, is trained on in part."""
    return sum(
        not member[groups == group].all() and member[groups == group].any()
        for member in trained_on
        for group in np.unique(groups)
    )


@pytest.mark.parametrize(
    ("params", "n_of_group", "crosses"),
    [
        ({}, 4, True),
        ({"n_members": 1}, 4, False),
        ({"validation_fraction": 0.2}, 4, False),
        ({}, 30, False),
    ],
    ids=["folds", "one member", "a share", "groups too large for folds"],
)
def test_groups_are_validated_on_as_a_whole(params, n_of_group, crosses, trainings):
    rng = np.random.RandomState(3)
    groups = rng.permutation(np.arange(N) // n_of_group)
    params = {"n_members": 4, "refit": False} | params
    X, y = make()
    # Rows without a label do not count, and take their groups with them.
    y.iloc[5] = np.nan
    there = np.delete(groups, 5)
    model(**params).fit(X, y, groups=[f"g{group}" for group in groups])
    ((rows, validation),) = trainings
    trained_on = validation.trained_on()
    assert straddling(there, trained_on) == 0
    assert (rows.array("folds") is not None) == (len(trained_on) > 1) == crosses
    # What is evaluated is never trained on.
    left_out = np.atleast_2d(validation.indices().numpy())
    assert not np.take_along_axis(trained_on, left_out, axis=1).any()
    trainings.clear()
    model(**params).fit(X, y)
    ((_, validation),) = trainings
    assert straddling(there, validation.trained_on()) > 0


@pytest.mark.parametrize("n_members", [1, 4])
def test_groups_without_any_label_do_not_count(n_members, trainings):
    X, y = make()
    groups = np.arange(N) // 4
    kept = np.isin(groups, np.arange(10, 22))
    y[~kept] = np.nan
    estimator = model(n_members=n_members, refit=False)
    estimator.fit(X, y, groups=groups)
    estimator.fit(X[kept], y[kept], groups=groups[kept])
    found, expected = (validation.indices().numpy() for _, validation in trainings)
    assert expected.size
    assert_array_equal(found, expected)


@given(
    # Of a few groups there are hardly ever folds.
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=60)
    | st.lists(st.integers(1, 3) | st.integers(1, 40), min_size=40, max_size=60),
    n_members=st.integers(4, 14),
    seed=st.integers(0, 9),
)
def test_folds_are_disjoint_and_of_whole_groups(sizes, n_members, seed):
    rng = np.random.RandomState(seed)
    groups = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    split = Split(groups=groups)
    n_left_out = split.n_left_out(len(groups), n_members)
    assume(n_left_out)
    folds = split.folds(len(groups), n_members, n_left_out, rng)
    assert len(folds) == n_members and all(map(len, folds))
    assert len(np.unique(np.concatenate(folds))) == sum(map(len, folds))
    # Groups that are not too large suffice for all folds.
    assert sum(map(len, folds)) >= n_members * (n_left_out // 2)
    for fold in folds:
        for group in np.unique(groups[fold]):
            assert np.isin(np.flatnonzero(groups == group), fold).all()
        # At most a member's part of the rows beyond half of what it leaves out.
        assert len(fold) < n_left_out // 2 + len(groups) // max(n_members, 12)


@pytest.mark.parametrize(("n_of_group", "n_left_out"), [(1, 0), (30, 53)])
def test_small_groups_must_suffice_for_all_folds(n_of_group, n_left_out):
    groups = np.repeat(np.arange(12), [n_of_group] * 8 + [100] * 4)
    assert Split(groups=groups).n_left_out(len(groups), 8) == n_left_out


def test_groups_in_the_byte_order_of_other_machines():
    groups = np.array([3, 1, 3, 2])
    assert_array_equal(read_groups(groups.astype(">i8"), 4), pd.factorize(groups)[0])


def test_groups_may_be_an_index_of_several_levels():
    index = pd.MultiIndex.from_tuples([("u", 1), ("v", 1), ("u", 1), ("u", 2)])
    assert_array_equal(read_groups(index, 4), [0, 1, 0, 2])


def test_groups_of_one_row_each_are_no_groups():
    split, none = Split(groups=np.arange(1000)), Split()
    params = {"n_rows": 1000, "n_members": 8}
    assert split.n_left_out(**params) == none.n_left_out(**params) == 83
    folds = split.folds(**params, n_left_out=83, rng=np.random.RandomState(0))
    assert [len(fold) for fold in folds] == [41] * 8
    estimator = model()
    assert vars(resolved(estimator, 1000, split)) == vars(resolved(estimator, 1000))


# -- bad input ------------------------------------------------------------------------------------

X_VAL, Y_VAL = make(50, seed=1)
WITH = {"X_val": X_VAL, "y_val": Y_VAL}


class Splitter:
    """Yields what it is told."""

    def __init__(self, *splits):
        self.splits = splits

    def split(self, X, y=None, groups=None):
        yield from self.splits

    def get_n_splits(self, X=None, y=None, groups=None):
        return len(self.splits)


@pytest.mark.parametrize(
    ("params", "passed", "message"),
    [
        ({}, {"X_val": X_VAL}, "y_val is missing"),
        ({}, {"y_val": Y_VAL}, "X_val is missing"),
        ({}, {"sample_weight_val": np.ones(50)}, "X_val is missing"),
        ({"early_stopping": False}, WITH, "early_stopping=False validates on nothing"),
        ({"validation_split": "last"}, WITH, "validation_split='last' and X_val both"),
        ({"validation_split": KFold()}, WITH, r"validation_split=KFold\(.* and X_val both"),
        ({}, WITH | {"groups": np.arange(N)}, "groups say which rows are split off"),
        (
            {},
            WITH | {"X_val": X_VAL[["a", "b"]]},
            r"X_val and y_val: X: The feature names.*\n.*\n- c",
        ),
        ({}, WITH | {"X_val": X_VAL[:9]}, r"X_val and y_val: .*inconsistent.*X has 9, y has 50"),
        ({}, WITH | {"X_val": X_VAL.assign(b=np.inf)}, "X_val and y_val: .*'b'"),
        ({}, WITH | {"y_val": Y_VAL[["size", "sort"]]}, r"y has the targets \['size', 'sort'\]"),
        ({}, WITH | {"y_val": Y_VAL.assign(sort="r")}, "y_val: Target 'sort' holds the label 'r'"),
        ({}, WITH | {"y_val": Y_VAL.assign(size="r")}, "y_val: Target 'size' holds text"),
        ({}, WITH | {"y_val": Y_VAL.assign(sort=1)}, "y_val: Target 'sort' holds numbers"),
        ({}, WITH | {"y_val": Y_VAL.mask(Y_VAL.notna())}, "there is no label in y_val"),
        ({}, WITH | {"sample_weight_val": np.ones(9)}, r"sample_weight has shape \(9,\)"),
        ({}, {"groups": np.zeros(9)}, r"groups has shape \(9,\); it must be \(120,\)"),
        ({}, {"groups": np.zeros((N, 2))}, r"groups has shape \(120, 2\)"),
        ({}, {"groups": 3}, r"groups has shape \(\)"),
        ({}, {"groups": ["u", np.nan] * (N // 2)}, "groups is missing for 60 rows"),
        ({}, {"groups": [[]] * N}, r"groups has shape \(120, 0\)"),
        ({}, {"groups": [{1}] * N}, "groups holds .*: unhashable type: 'set'. Convert"),
        ({}, {"groups": np.zeros(N)}, "leaves none of the 1 groups to train on"),
        ({"validation_split": "last"}, {"groups": np.arange(N)}, '"last" holds out the last rows'),
        ({"validation_split": "first"}, {}, "'validation_split' parameter"),
        ({"validation_split": 5}, {}, "'validation_split' parameter"),
        ({"validation_split": KFold}, {}, "'validation_split' parameter"),
        ({"validation_split": GroupKFold(2)}, {}, r"GroupKFold\(.*'groups' parameter"),
        # It sorts the labels of both targets, text and numbers, together.
        ({"validation_split": StratifiedKFold(2)}, {}, r"StratifiedKFold\(.*not supported"),
        ({"validation_split": Splitter()}, {}, "yields no split"),
        ({"validation_split": Splitter(([], [1]))}, {}, "expected numbers of rows"),
        ({"validation_split": Splitter((np.arange(0), [1]))}, {}, "no row with a label to train"),
        ({"validation_split": Splitter(([0, 1], np.arange(0)))}, {}, "to validate on"),
        ({"validation_split": Splitter(([0, 1], [1, 2]))}, {}, "puts 1 rows both"),
        ({"validation_split": Splitter(([0, 1], [N]))}, {}, "beyond the 120 rows"),
        ({"validation_split": Splitter(([0, 1], [-1]))}, {}, "beyond the 120 rows"),
        ({"validation_split": Splitter((np.arange(N) > 9, [1]))}, {}, "expected numbers of rows"),
        ({"validation_split": "last", "validation_fraction": 0.999}, {}, "leaves none of the 120"),
    ],
)
def test_bad_input_is_named(params, passed, message):
    estimator = model(**params)
    with pytest.raises((ValueError, TypeError), match=message):
        estimator.fit(*make(), **passed)
    assert not [name for name in vars(estimator) if name.endswith("_")]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"y_val": Y_VAL[::-1]}, "X and y have the same index in different orders"),
        ({"X_val": X_VAL.assign(kind="new")}, "No value of column 'kind' of X was a category"),
    ],
)
def test_warnings_of_the_validation_set_name_it(wrong, message):
    X, y = make()
    X, X_val = X.assign(kind="old"), X_VAL.assign(kind="old")
    with pytest.warns(
        UserWarning, match=f"^The validation set, X_val and y_val: {message}"
    ) as own:
        model(max_epochs=1).fit(X, y, **({"X_val": X_val, "y_val": Y_VAL} | wrong))
    assert len(own) == 1
    assert own[0].filename == __file__


def test_a_task_without_a_label_in_y_val_has_no_part_in_it():
    message = "Target 'size' has no label among the validation rows.*Pass an X_val and y_val with"
    with pytest.warns(UserWarning, match=message):
        fitted = model().fit(*make(), X_val=X_VAL, y_val=Y_VAL.assign(size=np.nan))
    assert [epoch["valid_task_losses"][1] for epoch in fitted.history_] == [0, 0, 0]


@pytest.mark.parametrize(
    ("labelled", "params", "messages"),
    [
        (range(108, N), {"refit": False}, ["to train on: the network learns nothing"]),
        (range(108, N), {}, ["to train on, so it is learnt only in the second training"]),
        (range(108), {}, ["the validation rows: .*, and its standard deviations and .* are NaN"]),
        (
            range(50, 100),
            {"validation_split": Splitter((np.arange(50), np.arange(100, N))), "refit": False},
            ["to train on: the network learns nothing", "the validation rows"],
        ),
    ],
)
def test_a_task_without_a_label_in_a_part_of_the_rows_is_named(labelled, params, messages):
    X, y = make()
    y["size"] = y["size"].where(np.isin(np.arange(N), labelled))
    with pytest.warns(UserWarning, match="'size' has no label among") as caught:
        fitted = model(**{"validation_split": "last"} | params, max_epochs=1).fit(X, y)
    assert len(caught) == len(messages)
    for warning, message in zip(caught, messages, strict=True):
        assert re.search(message, str(warning.message))
    is_known = "validation" not in messages[-1]
    std = fitted.predict(X, return_std=True)[1]["size"]
    assert std.notna().all() if is_known else std.isna().all()


def test_earlier_tasks_need_no_labels_where_a_task_is_added(recwarn):
    X, y = make()
    model(validation_split="last", max_epochs=1).fit(X, y[["sort"]]).add_task(X, y["size"])
    assert not recwarn.list


# -- scikit-learn's searches, cross-validations and pipelines -------------------------------------


@pytest.fixture
def groups_of_fits(monkeypatch):
    found = []
    fit = PLEClassifierRegressor.fit

    def spy(self, X, y, sample_weight=None, **passed):
        found.append((len(X), passed.get("groups")))
        return fit(self, X, y, sample_weight, **passed)

    monkeypatch.setattr(PLEClassifierRegressor, "fit", spy)
    return found


def check_groups(groups_of_fits, n_fits):
    """Folds of two thirds of the rows, and of whole groups, each fit with its own rows' groups."""
    assert len(groups_of_fits) == n_fits
    for n_rows, groups in groups_of_fits:
        assert len(groups) == n_rows
        assert (np.unique(groups, return_counts=True)[1] == 10).all()


def test_groups_reach_each_fit_of_a_cross_validation(groups_of_fits):
    X, y = make()
    groups = np.arange(N) // 10
    # Without metadata routing, params are for fit.
    cross_validate(model(), X, y, groups=groups, cv=GroupKFold(3), params={"groups": groups})
    check_groups(groups_of_fits, 3)


def test_groups_are_routed_to_each_fit_of_a_search():
    X, y = make()
    groups = np.arange(N) // 10
    seen = []

    class Recording(GroupShuffleSplit):
        def split(self, X, y=None, groups=None):
            seen.append((len(X), groups))
            return super().split(X, y, groups)

    with sklearn.config_context(enable_metadata_routing=True):
        estimator = model().set_fit_request(groups=True)
        values = {"validation_split": [Recording(n_splits=1, random_state=0)]}
        search = GridSearchCV(estimator, values, cv=GroupKFold(3), error_score="raise")
        search.fit(X, y, groups=groups)
    check_groups(seen, 4)


def test_rows_of_their_own_go_through_a_pipeline():
    X, y = make()
    with sklearn.config_context(enable_metadata_routing=True):
        last = model().set_fit_request(X_val=True, y_val=True)
        pipeline = make_pipeline(StandardScaler(), last, transform_input=["X_val"])
        pipeline.fit(X, y, X_val=X_VAL, y_val=Y_VAL)
    scaler = StandardScaler().fit(X)
    alone = model().fit(scaler.transform(X), y, X_val=scaler.transform(X_VAL), y_val=Y_VAL)
    assert pipeline[-1].history_[-1]["valid_loss"] == alone.history_[-1]["valid_loss"]


# -- checkpoints ----------------------------------------------------------------------------------


def unseeded():
    return ShuffleSplit(1, test_size=0.2)


@pytest.mark.parametrize(
    ("first", "other", "name"),
    [
        (WITH, WITH | {"X_val": X_VAL * 2}, "X_val"),
        (WITH, WITH | {"y_val": Y_VAL[::-1].reset_index(drop=True)}, "y_val"),
        (WITH, WITH | {"sample_weight_val": np.arange(1, 51)}, "sample_weight_val"),
        (WITH, {}, "X_val.*y_val.*sample_weight_val"),
        ({"groups": np.arange(N)}, {"groups": np.arange(N) // 2}, "groups"),
        ({"split": PredefinedSplit([0] * 20 + [-1] * 100)},) * 2 + (None,),
        ({"split": unseeded()},) * 2 + ("validation_split",),
    ],
    ids=["X_val", "y_val", "weights", "none", "groups", "the same split", "a split drawn anew"],
)
def test_a_checkpoint_is_of_one_way_to_validate(first, other, name, tmp_path):
    def fit(split="random", **passed):
        return model(checkpoint_dir=tmp_path, max_epochs=1, validation_split=split).fit(
            *make(), **passed
        )

    fit(**first)
    if name is None:
        fit(**other)
        return
    with pytest.raises(ValueError, match=f"differs in {name}"):
        fit(**other)
    if "split" not in first:
        fit(**first)
