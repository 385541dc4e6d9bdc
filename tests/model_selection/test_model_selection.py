"""Splits are balanced for every task; predictions of held-out rows are those of a plain loop."""

import warnings
from decimal import Decimal
from importlib.util import find_spec

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sklearn
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn import model_selection
from sklearn.base import BaseEstimator, clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    PredefinedSplit,
    ShuffleSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ple import PLEClassifier, PLEClassifierRegressor, PLERegressor, task_view
from sklearn_ple.ensemble import PerTaskClassifierRegressor
from sklearn_ple.inspection import compare
from sklearn_ple.metrics import make_multitask_scorer, multitask_scores
from sklearn_ple.model_selection import (
    MultiTaskKFold,
    MultiTaskShuffleSplit,
    cross_val_predict,
    train_test_split,
)
from sklearn_ple.model_selection.split import to_splitter
from sklearn_ple.model_selection.stratify import Needs, Strata, _list_values, deal, stratify
from sklearn_ple.tasks import Multiclass, Regression

TINY = {"n_members": 1, "max_epochs": 1, "random_state": 0}


def make_data(n_rows=600, missing=0.3, seed=0):
    rng = np.random.RandomState(seed)
    X = pd.DataFrame(rng.normal(size=(n_rows, 3)), columns=list("abc"))
    X.index = rng.permutation(n_rows) + 1000
    y = pd.DataFrame(
        {
            "paid": np.where(X["a"] > -0.8, "yes", "no"),
            "colour": rng.choice(["blue", "green", "red"], n_rows, p=[0.7, 0.26, 0.04]),
            "price": 3 * X["b"] + rng.normal(size=n_rows),
            "spent": np.where(rng.uniform(size=n_rows) < 0.7, 0, rng.exponential(size=n_rows)),
        },
        index=X.index,
    )
    return X, y.mask(rng.uniform(size=y.shape) < missing * np.array([1, 0.5, 2, 0]))


def indicators(y, n_bins=5):
    """What is to be balanced, a column each: classes, bins of equally many labels, missing."""
    columns = {}
    for name, column in y.items():
        columns[name, None] = column.isna()
        if pd.api.types.is_float_dtype(column):
            ranks = column.rank(method="min", pct=True)
            column = np.ceil(ranks * n_bins)
        for value in column.dropna().unique():
            columns[name, value] = column == value
    return pd.DataFrame(columns).astype(float)


def imbalance(y, splits):
    """The greatest difference, in labels, between what a test part has and what it should."""
    table = indicators(y).to_numpy()
    return max(
        np.abs(table[test].sum(axis=0) - table.mean(axis=0) * len(test)).max()
        for _, test in splits
    )


def rows_of_tests(splits):
    return [test.tolist() for _, test in splits]


@pytest.fixture(scope="module")
def data():
    return make_data()


# -- folds ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("n_splits", [2, 5, 7])
def test_folds_are_balanced_for_all_tasks(n_splits, shuffle, seed):
    X, y = make_data(seed=seed)
    cv = MultiTaskKFold(n_splits, shuffle=shuffle, random_state=seed if shuffle else None)
    splits = list(cv.split(X, y))
    assert cv.get_n_splits(X, y) == len(splits) == n_splits
    plain = imbalance(y, KFold(n_splits, shuffle=True, random_state=seed).split(X))
    assert imbalance(y, splits) < min(4, plain / 2)


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 1000), n_rows=st.integers(6, 60), n_splits=st.integers(2, 6))
def test_every_row_is_in_one_fold_and_complaints_are_right(seed, n_rows, n_splits):
    rng = np.random.RandomState(seed)
    y = pd.DataFrame({"a": rng.choice(list("xyz"), n_rows), "b": rng.normal(size=n_rows)})
    y = y.mask(rng.uniform(size=y.shape) < rng.uniform(0, 0.9, size=2))
    assume(y.notna().any().all())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        few = y.notna().sum() < n_splits
        if few.any():
            with pytest.raises(ValueError, match=f"Task '{few.idxmax()}'"):
                list(MultiTaskKFold(n_splits).split(y, y))
            return
        # With hardly more labels than folds, those of one task may stand in the way of another's.
        assume((y.notna().sum() >= 2 * n_splits).all())
        splits = list(MultiTaskKFold(n_splits).split(y, y))
    warned = "".join(str(warning.message) for warning in caught)
    assert sorted(np.concatenate([test for _, test in splits])) == list(range(n_rows))
    assert np.ptp([len(test) for _, test in splits]) <= 1
    for train, test in splits:
        assert sorted([*train, *test]) == list(range(n_rows))
        assert y.iloc[test].notna().any().all()
    for label, count in y["a"].value_counts().items():
        lacks = any((y["a"].iloc[test] != label).all() for _, test in splits)
        assert lacks == (f"{label!r} ({count})" in warned)
        assert lacks if count < n_splits else count < 2 * n_splits or not lacks


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.sampled_from("abbccc"), min_size=12, max_size=80),
    st.integers(2, 4),
    st.booleans(),
)
def test_one_complete_task_is_split_as_by_scikit_learn(labels, n_splits, shuffle):
    y = np.array(labels)
    assume(min(np.unique(y, return_counts=True)[1]) >= n_splits)
    options = {"shuffle": shuffle, "random_state": 0 if shuffle else None}

    def counts(cv):
        tests = [y[test] for _, test in cv.split(y, y)]
        return {label: sorted((test == label).sum() for test in tests) for label in "abc"}

    assert counts(MultiTaskKFold(n_splits, **options)) == counts(
        StratifiedKFold(n_splits, **options)
    )


def test_each_fold_has_its_share_of_each_bin_of_numbers(seed):
    y = np.arange(1000.0) ** 3 + 0.5
    for _, test in MultiTaskKFold(5, shuffle=True, random_state=seed).split(y, y):
        assert np.abs(np.bincount(test // 200) - 40).max() <= 1


def test_kinds_are_those_that_the_estimators_infer():
    whole = np.arange(1000)
    X = whole.reshape(-1, 1).astype(float)
    for n_values, dtype, kind in [
        (10, int, "multiclass"),
        (11, int, "regression"),
        (2, float, "binary"),
        (3, float, "regression"),
    ]:
        # One label of the last value, fewer than folds: only a class is worth a warning.
        y = np.append(whole[:999] % (n_values - 1), n_values - 1).astype(dtype)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            list(MultiTaskKFold(5).split(X, y))
        assert len(caught) == (kind != "regression")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = PLEClassifierRegressor(**TINY).fit(X, y)
        assert model.task_types_ == {"y": kind}


def test_the_seed_alone_changes_the_folds(data):
    X, y = data
    first = rows_of_tests(MultiTaskKFold(3).split(X, y))
    assert first == rows_of_tests(MultiTaskKFold(3).split(X, y))
    shuffled = [
        rows_of_tests(MultiTaskKFold(3, shuffle=True, random_state=seed).split(X, y))
        for seed in (0, 0, 1)
    ]
    assert shuffled[0] == shuffled[1]
    assert shuffled[0] != shuffled[2] and shuffled[0] != first
    groups = np.arange(len(X)) // 3
    grouped = [
        rows_of_tests(MultiTaskKFold(3, shuffle=True, random_state=seed).split(X, y, groups))
        for seed in (0, 0, 1)
    ]
    assert grouped[0] == grouped[1] != grouped[2]
    random = MultiTaskShuffleSplit(2, random_state=np.random.RandomState(0))
    assert rows_of_tests(random.split(X, y)) != rows_of_tests(random.split(X, y))


def test_rows_that_are_alike_stay_together_without_shuffling():
    y = np.repeat(["a", "b"], 30)
    expected = [[*range(10 * k, 10 * k + 10), *range(30 + 10 * k, 40 + 10 * k)] for k in range(3)]
    assert rows_of_tests(MultiTaskKFold(3).split(y, y)) == expected


@pytest.mark.parametrize("change", ["list", "object", "polars", "nullable", "categorical"])
def test_folds_do_not_depend_on_the_form_of_y(data, change):
    X, y = data
    expected = rows_of_tests(MultiTaskKFold(3).split(X, y))
    forms = {
        "list": lambda: y.to_numpy(dtype=object).tolist(),
        "object": lambda: y.to_numpy(dtype=object),
        "polars": lambda: pl.from_pandas(y),
        "nullable": lambda: y.convert_dtypes(),
        "categorical": lambda: y.astype({"paid": "category", "colour": "category"}),
    }
    assert rows_of_tests(MultiTaskKFold(3).split(X, forms[change]())) == expected


def test_splitters_are_as_those_of_scikit_learn():
    folds = MultiTaskKFold(4, shuffle=True, random_state=3)
    assert " ".join(repr(folds).split()) == (
        "MultiTaskKFold(n_splits=4, random_state=3, shuffle=True, task_types='auto')"
    )
    splits = MultiTaskShuffleSplit(test_size=0.2)
    assert " ".join(repr(splits).split()) == (
        "MultiTaskShuffleSplit(n_splits=10, random_state=None, task_types='auto', test_size=0.2, "
        "train_size=None)"
    )
    for cv in (folds, splits):
        assert repr(clone(cv, safe=False)) == repr(cv)


# -- groups ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_groups", [40, 200])
def test_groups_stay_whole_and_small_ones_are_balanced(n_groups, seed):
    X, y = make_data(2000, seed=seed)
    rng = np.random.RandomState(1 + seed)
    groups = np.array([f"g{number}" for number in rng.randint(n_groups, size=len(X))])
    splits = list(MultiTaskKFold(5).split(X, y, groups))
    assert sorted(np.concatenate([test for _, test in splits])) == list(range(len(X)))
    for train, test in splits:
        assert not set(groups[train]) & set(groups[test])
    if n_groups == 40:
        return
    # Half as far off as folds of one task: of 40 draws .40 on average, with a deviation of .09.
    by_one_task = [
        StratifiedGroupKFold(5, shuffle=True, random_state=number).split(
            X, y["paid"].fillna("none"), groups
        )
        for number in range(5)
    ]
    assert imbalance(y, splits) < 0.8 * np.mean([imbalance(y, folds) for folds in by_one_task])


@pytest.mark.parametrize("sizes", [(1, 3, 1), (1, 1, 7, 1), (5, 1)])
def test_as_many_groups_as_folds_are_a_fold_each(sizes):
    groups = np.repeat(np.arange(len(sizes)), sizes)
    y = np.arange(len(groups)) < 1
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Task 'y' has no label of some classes")
        splits = list(MultiTaskKFold(len(sizes)).split(groups, y, groups))
    assert sorted(len(test) for _, test in splits) == sorted(sizes)
    assert all(len(set(groups[test])) == 1 for _, test in splits)


@pytest.mark.parametrize("by", ["argument", "routing"])
def test_groups_reach_the_splitter(data, by):
    X, y = data
    groups = np.arange(len(X)) // 10
    seen = []

    class Spy(Constant):
        def fit(self, X, y):
            seen.append(set(X.index))
            return super().fit(X, y)

    cv, routed = MultiTaskKFold(3), by == "routing"
    with sklearn.config_context(enable_metadata_routing=routed):
        passed = {"params": {"groups": groups}} if routed else {"groups": groups}
        cross_validate(Spy(), X, y, cv=cv, scoring=lambda model, X, y: 0.0, **passed)
        cross_val_predict(Spy(), X, y, cv=cv, **passed)
    expected = [set(X.index[train]) for train, _ in cv.split(X, y, groups)]
    assert seen == 2 * expected


# -- few labels of many tasks ---------------------------------------------------------------------


def sparse_labels(n_rows, n_tasks, n_labels, seed, label=None):
    rng = np.random.RandomState(seed)
    y = np.full((n_rows, n_tasks), np.nan if label is None else 0.0)
    for column in y.T:
        rows = rng.choice(n_rows, n_labels, replace=False)
        column[rows] = rng.randn(n_labels) if label is None else label
    return y


@pytest.mark.parametrize(
    ("shape", "label", "cv"),
    [
        ((200, 10, 5), None, MultiTaskKFold(5)),
        ((60, 8, 5), None, MultiTaskKFold(5)),
        ((200, 10, 8), None, MultiTaskShuffleSplit(1, test_size=0.1, random_state=0)),
        ((60, 4, 2), None, MultiTaskShuffleSplit(1, test_size=0.25, random_state=0)),
        ((60, 6, 5), 1.0, MultiTaskKFold(5)),
    ],
)
@pytest.mark.parametrize("by_group", [False, True])
def test_few_labels_of_many_tasks_reach_every_part(shape, label, cv, by_group):
    for seed in range(5):
        y = sparse_labels(*shape, seed, label)
        groups = np.arange(len(y)) if by_group else None
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            splits = list(cv.split(y, y, groups))
        for train, test in splits:
            for rows in (train, test):
                has = np.isfinite(y[rows]) if label is None else y[rows] == label
                assert has.any(axis=0).all()
        if isinstance(cv, MultiTaskKFold):
            assert sorted(np.concatenate([test for _, test in splits])) == list(range(len(y)))
        assert len({len(test) for _, test in splits}) == 1


def test_swapped_groups_stay_whole_and_small():
    # Part 1 lacks the first task. Of its two groups without labels, the smaller one gives way.
    part = np.array([0, 0, 0, 1, 1, 1])
    held = sparse.csr_array(np.array([[1, 0], [1, 0], [0, 1], [0, 0], [0, 1], [0, 0]], float))
    needs = Needs(held, np.array([5, 5]), np.array([4, 1, 9, 20, 2, 3]), 2)
    assert needs.measure_lack(part) == 5
    assert needs.swap(part).tolist() == [0, 1, 0, 1, 1, 0]


@pytest.mark.parametrize("seed", range(10))
def test_parts_that_lack_nothing_are_left_as_they_were_dealt(seed):
    rng = np.random.RandomState(seed)
    y = sparse_labels(120, 4, 20, seed)
    y[:, 2:] = np.where(np.isnan(y[:, 2:]), np.nan, rng.randint(2, size=(120, 2)))
    groups = np.arange(120) // 2 if seed % 2 else None
    sizes, names = np.array([90, 30]), ["a", "b", "c", "d"]
    tasks = [
        Strata.read(name, pd.Series(column), 0.25) for name, column in zip(names, y.T, strict=True)
    ]
    expected = deal(_list_values(tasks), sizes, groups)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(stratify(y, sizes, "parts", groups), expected)


# -- kinds of task_types --------------------------------------------------------------------------


def test_folds_depend_on_the_kinds_of_tasks_not_on_dtypes():
    rng = np.random.RandomState(0)
    X = rng.normal(size=(60, 2))
    kinds = {"n": "count", "k": "multiclass", "x": "regression"}
    y = pd.DataFrame({"n": rng.poisson(2, 60), "k": rng.randint(3, size=60), "x": X[:, 0] > 0})
    y = y.astype(float).mask(rng.uniform(size=(60, 3)) < 0.2)
    y.loc[0, "n"] = 9.0  # Of a class there would be too few.
    forms = [y, y.astype("Int64"), pl.from_pandas(y.astype("Int64")), pa.table(y.astype("Int64"))]
    model = PLEClassifierRegressor(task_types=kinds, **TINY)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        folds = [list(to_splitter(4, model).split(X, own)) for own in forms]
    for others in folds[1:]:
        for (_, test), (_, other) in zip(folds[0], others, strict=True):
            np.testing.assert_array_equal(test, other)
    spread = [y["k"].iloc[test].value_counts().to_numpy() for _, test in folds[0]]
    assert np.ptp(np.sort(spread), axis=0).max() <= 1


def rare_floats():
    """Three classes as floats, since a label is missing; the rare one has one label per fold."""
    y = np.resize([1.0, 1.0, 2.0], 80)
    y[[3, 4, 5, 6]], y[40:50] = 0.0, np.nan
    return np.random.RandomState(0).normal(size=(80, 2)), y


@pytest.mark.parametrize(
    "wrap",
    [
        lambda model: model,
        lambda model: make_pipeline(StandardScaler(), model),
        lambda model: GridSearchCV(model, {"n_levels": [1]}, cv=KFold(2)),
        lambda model: make_pipeline(GridSearchCV(model, {"n_levels": [1]}, cv=KFold(2))),
    ],
)
def test_floats_are_classes_to_a_classifier(wrap):
    X, y = rare_floats()
    for _, test in to_splitter(4, wrap(PLEClassifier(**TINY))).split(X, y):
        assert np.unique(y[test], return_counts=True)[1][0] == 1
    # Another estimator takes them as numbers, of which none need be everywhere.
    folds = to_splitter(4, wrap(PLEClassifierRegressor(**TINY))).split(X, y)
    assert {(y[test] == 0).sum() for _, test in folds} != {1}


def test_every_fold_of_a_classifier_knows_all_classes():
    X, y = rare_floats()
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        proba = cross_val_predict(PLEClassifier(**TINY), X, y, cv=4, method="predict_proba")
    assert proba.shape == (80, 3)


def test_few_integers_are_numbers_to_a_regressor():
    y = np.resize([1, 2, 3], 30)
    y[0] = 9
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list(to_splitter(3, PLERegressor(**TINY)).split(y, y))
        # An entry of task_types for a column leaves the others to the family.
        y = pd.DataFrame({"a": y, "b": np.nan})
        model = PLERegressor(task_types={"b": "ignore"}, **TINY)
        list(to_splitter(3, model).split(y, y))


SPLITS = [
    lambda y, kinds: MultiTaskKFold(3, task_types=kinds).split(y, y),
    lambda y, kinds: MultiTaskShuffleSplit(2, random_state=0, task_types=kinds).split(y, y),
    lambda y, kinds: [
        (train["row"].to_numpy(), test["row"].to_numpy())
        for train, test, *_ in [
            train_test_split(
                pd.DataFrame({"row": range(len(y))}), y, random_state=0, task_types=kinds
            )
        ]
    ],
]


@pytest.mark.parametrize("splits", SPLITS)
def test_splitters_are_told_the_kinds_of_tasks(splits):
    rng = np.random.RandomState(0)
    y = pd.DataFrame({"n": rng.randint(0, 7, 90), "k": np.repeat([1.0, 2.0, 3.0], [50, 35, 5])})
    y.loc[0, "n"] = 9
    y["k"] = y["k"].iloc[rng.permutation(90)].to_numpy()
    y["empty"] = np.nan
    kinds = {"n": "count", "k": "multiclass", "empty": "ignore"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for train, test in splits(y, kinds):
            assert set(y["k"].iloc[train]) == set(y["k"].iloc[test]) == {1.0, 2.0, 3.0}
    with pytest.warns(UserWarning, match="Task 'n' has no label of some classes"):
        list(splits(y, {"k": "multiclass", "empty": "ignore"}))


@pytest.mark.parametrize("kind", ["count", Regression(), ("quantile", [0.5])])
@pytest.mark.parametrize("dtype", [int, bool, float, object, "Int64"])
def test_a_declared_number_lacks_no_class(kind, dtype):
    y = pd.Series(np.arange(30) == 3).astype(dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list(MultiTaskKFold(3, task_types=kind).split(y, y))
    with pytest.warns(UserWarning, match="has no label of some classes"):
        list(MultiTaskKFold(3).split(y, y))


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (("huber", -1), "of target 'y': The 'delta' parameter of Huber .* Got -1"),
        ([("tweedie", 3)], "of target 'y': The 'power' parameter of Tweedie .* Got 3"),
        ({"y": ("count", 1)}, r"of target 'y' is \('count', 1\), but .* has no options"),
    ],
)
def test_options_that_a_kind_does_not_take_are_an_error(kind, message):
    y = np.arange(30.0)
    for splitter in (MultiTaskKFold, MultiTaskShuffleSplit):
        with pytest.raises(ValueError, match=f"task_types {message}"):
            next(splitter(3, task_types=kind).split(y, y))


def test_a_column_without_labels_is_ignored_in_a_search(data):
    X, y = data
    kinds = {"empty": "ignore"}
    search = GridSearchCV(
        PLEClassifierRegressor(task_types=kinds, **TINY),
        {"n_levels": [1]},
        cv=MultiTaskKFold(2, task_types=kinds),
    ).fit(X, y.assign(empty=np.nan))
    assert np.isfinite(search.best_score_)
    expected = rows_of_tests(MultiTaskKFold(2).split(X, y))
    assert rows_of_tests(search.cv.split(X, y.assign(empty=np.nan))) == expected
    with pytest.raises(ValueError, match="task_types ignores all columns"):
        next(MultiTaskKFold(2, task_types=["ignore"]).split(X, y["price"]))


# -- tables of Arrow ------------------------------------------------------------------------------


@pytest.mark.skipif(
    find_spec("sklearn.utils._dataframe") is None,
    reason="this scikit-learn takes no rows of Arrow's tables",
)
def test_rows_of_arrow_with_views_of_text_are_taken():
    X, y = make_data(90)
    X["word"] = np.resize(["u", "v", "w"], 90)
    table = in_views(X)
    model = PLEClassifierRegressor(**TINY)
    expected = cross_val_predict(model, X.reset_index(drop=True), y, cv=2)
    gains = compare(X, y, {"a": model, "b": model}, cv=2, reference="a").gains
    for own in (table, table.to_batches()[0]):
        pd.testing.assert_frame_equal(cross_val_predict(model, own, y, cv=2), expected)
        pd.testing.assert_frame_equal(
            compare(own, y, {"a": model, "b": model}, cv=2, reference="a").gains, gains
        )
        first, second, *_ = train_test_split(own, y, random_state=0)
        rows = [own.slice(0).column(0).to_pylist() for own in (first, second)]
        taken, left, *_ = train_test_split(X, y, random_state=0)
        assert rows == [taken["a"].tolist(), left["a"].tolist()]
        view = model.fit(own, y).task_view("paid")
        assert view.score(own, y["paid"]) == model.fit(X, y).task_view("paid").score(X, y["paid"])


def in_views(X):
    """A table of Arrow whose text is in views, as polars writes it."""
    table = pa.Table.from_pandas(X, preserve_index=False)
    types = [pa.string_view() if not pa.types.is_floating(t) else t for t in table.schema.types]
    return table.cast(pa.schema(zip(table.schema.names, types, strict=True)))


def test_rows_of_frames_in_another_byte_order_are_taken():
    X, y = make_data(60)
    own = [table.astype(dict.fromkeys(table.select_dtypes(float), ">f8")) for table in (X, y)]
    pairs = zip(
        train_test_split(*own, own[1]["price"], random_state=0),
        train_test_split(X, y, y["price"], random_state=0),
        strict=True,
    )
    for part, expected in pairs:
        assert part.equals(expected)
    model = PerTaskClassifierRegressor(LogisticRegression(), Ridge())
    expected = cross_val_predict(model, X, y, cv=2)
    pd.testing.assert_frame_equal(cross_val_predict(model, *own, cv=2), expected)


# -- complaints -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make", [list, pd.Series, pl.Series, pa.array, lambda own: pd.Series(own, dtype="string")]
)
def test_missing_groups_are_an_error_that_says_so(make):
    y = few(40)
    groups = make([None if k == 3 else f"g{k // 2}" for k in range(40)])
    with pytest.raises(ValueError, match="groups is missing for 1 rows: a row that belongs"):
        next(MultiTaskKFold(2).split(y, y, groups))


def test_a_path_is_no_table():
    y = make_data(30)[1]
    model = PLEClassifierRegressor(**TINY)
    for use in (
        lambda: cross_val_predict(model, "rows.parquet", y, cv=2),
        lambda: compare("rows.parquet", y, {"a": model, "b": model}, cv=2, reference="a"),
        lambda: train_test_split("rows.parquet", ["paid", "price"]),
        lambda: next(MultiTaskKFold(2).split("rows.parquet", ["paid", "price"])),
        lambda: next(MultiTaskShuffleSplit(2).split("rows.parquet", y)),
    ):
        with pytest.raises(TypeError, match="X is a dataset or a path.*rows in memory"):
            use()


def test_texts_are_rows():
    texts, y = [f"text {row}" for row in range(20)], [0.0, 1.0] * 10
    first, second, *_ = train_test_split(texts, y, random_state=0)
    assert sorted(first + second) == sorted(texts)
    assert len(list(MultiTaskKFold(2).split(texts, y))) == 2


def test_texts_of_a_pipeline_are_rows_for_all_tools():
    texts = [f"text {row % 3} {row}" for row in range(40)]
    y = pd.DataFrame({"paid": np.tile(["no", "yes"], 20), "price": np.arange(40) / 7})
    model = make_pipeline(CountVectorizer(), PLEClassifierRegressor(**TINY))
    search = GridSearchCV(model, {"countvectorizer__binary": [True]}, cv=2)
    search.set_params(scoring=make_multitask_scorer(), error_score="raise").fit(texts, y)
    scores = multitask_scores(search, texts, y)
    array = np.array(texts, dtype=object)
    assert scores == multitask_scores(search, array, y)
    assert task_view(search, "price").score(texts, y["price"]) == scores["price"]
    found = cross_val_predict(model, texts, y, cv=2)
    pd.testing.assert_frame_equal(found, cross_val_predict(model, array, y, cv=2))
    gain = compare(texts, y, {"a": model, "b": model}, cv=2, reference="a")
    assert len(gain.scores) == 8


def few(n_labels):
    y = pd.DataFrame({"full": np.tile([0.5, 1.5, 2.5, 4.5], 10), "rare": np.nan})
    y.loc[: n_labels - 1, "rare"] = 1.5
    return y


def test_a_task_with_too_few_labels_is_an_error():
    y = few(4)
    with pytest.raises(ValueError, match="'rare' has too few .* each of 5 folds: 4. Use fewer"):
        next(MultiTaskKFold(5).split(y, y))
    assert all(y["rare"].iloc[test].notna().any() for _, test in MultiTaskKFold(4).split(y, y))
    with pytest.raises(ValueError, match="'rare' has .* folds: 0. Use"):
        next(MultiTaskKFold(2).split(y, few(0)))
    with pytest.raises(ValueError, match="'rare' .* each of training and test rows: 1"):
        train_test_split(y, few(1))
    with pytest.raises(ValueError, match="'rare' .*: 4, in 1 of the groups"):
        next(MultiTaskKFold(2).split(y, y, np.arange(40) // 10))
    # Enough labels, but the only test row can have that of one task.
    y = np.full((9, 2), np.nan)
    y[:2, 0], y[2:4, 1] = 0.5, 1.5
    message = "No split was found with a label of task 'y[01]' in each of training .* rows: 2. Use"
    with pytest.raises(ValueError, match=message):
        train_test_split(y, y, test_size=1)


def test_a_class_with_too_few_labels_warns():
    y = pd.DataFrame({"colour": ["blue"] * 20 + ["red"] * 3, "size": np.arange(23.0) + 0.5})
    message = r"Task 'colour' has no label of some .* at least one of 5 folds: 'red' \(3\)\."
    with pytest.warns(UserWarning, match=message):
        list(MultiTaskKFold(5).split(y, y))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list(MultiTaskKFold(3).split(y, y))
    with pytest.warns(UserWarning, match="'name 9' .1. and more.$"):
        list(MultiTaskKFold(5).split(y, np.array([f"name {k}" for k in range(23)])))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda X, y: MultiTaskKFold(1), "'n_splits' parameter .* Got 1"),
        (lambda X, y: MultiTaskKFold(2, random_state=0), "shuffle"),
        (lambda X, y: MultiTaskShuffleSplit(0), "'n_splits' parameter .* Got 0"),
        (lambda X, y: next(MultiTaskKFold(2).split(X, None)), "y is None"),
        (lambda X, y: next(MultiTaskKFold(2).split(X, y[:9])), "inconsistent"),
        (lambda X, y: next(MultiTaskKFold(700).split(X, y)), "n_splits=700 greater"),
        (lambda X, y: next(MultiTaskKFold(3).split(X, y, np.ones(600))), "The 1 groups do not"),
        (lambda X, y: next(MultiTaskKFold(3).split(X, y, [np.nan] * 600)), "groups is missing"),
        (lambda X, y: train_test_split(X, y, test_size=600), "test_size=600"),
        (lambda X, y: train_test_split(X, y, task_types="kount"), "'paid' is 'kount'; the kinds"),
        (lambda X, y: train_test_split(X, y, task_types={"z": "count"}), r"names \['z'\], but"),
        (lambda X, y: train_test_split(X, y, test_size=0.7, train_size=0.7), "sum of test_size"),
    ],
)
def test_wrong_arguments_are_named(data, make, message):
    with pytest.raises(ValueError, match=message):
        make(*data)


# -- random splits --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sizes", "n_train", "n_test"),
    [
        ({}, 540, 60),
        ({"test_size": 0.25}, 450, 150),
        ({"train_size": 100}, 100, 500),
        ({"test_size": 101, "train_size": 0.5}, 300, 101),
    ],
)
def test_random_splits_have_their_sizes_and_are_balanced(sizes, n_train, n_test, seed):
    X, y = make_data(seed=seed)
    cv = MultiTaskShuffleSplit(3, random_state=seed, **sizes)
    splits = list(cv.split(X, y))
    assert cv.get_n_splits() == len(splits) == 3
    for train, test in splits:
        assert (len(train), len(test)) == (n_train, n_test)
        assert len({*train, *test}) == n_train + n_test
        assert not np.array_equal(np.sort(train), train)
    assert imbalance(y, splits) < 4
    assert imbalance(y, [(test, train) for train, test in splits]) < 4
    assert rows_of_tests(splits)[0] != rows_of_tests(splits)[1]


def test_what_is_on_neither_side_needs_no_labels():
    y = few(2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (split,) = MultiTaskShuffleSplit(1, test_size=19, train_size=20).split(y, y)
    assert [y["rare"].iloc[rows].count() for rows in split] == [1, 1]


def test_random_splits_keep_groups_whole(seed):
    X, y = make_data(seed=seed)
    groups = np.arange(len(X)) // 6
    for train, test in MultiTaskShuffleSplit(3, test_size=0.3, random_state=seed).split(
        X, y, groups
    ):
        assert not set(groups[train]) & set(groups[test])
        assert len(train) + len(test) == len(X)
        assert len(test) == pytest.approx(180, abs=12)


def test_train_test_split_cuts_all_tables_at_the_same_rows(seed):
    X, y = make_data(seed=seed)
    weights, names = np.arange(len(X)), [str(k) for k in range(len(X))]
    split = train_test_split(X, y, weights, names, random_state=seed)
    X_train, X_test, _, y_test, w_train, w_test, names_train, names_test = split
    assert (len(X_train), len(X_test)) == (450, 150)
    pd.testing.assert_frame_equal(X.iloc[w_train], X_train)
    pd.testing.assert_frame_equal(y.iloc[w_test], y_test)
    pd.testing.assert_index_equal(X_test.index, y_test.index)
    assert names_train == [str(w) for w in w_train] and names_test == [str(w) for w in w_test]
    assert sorted([*w_train, *w_test]) == list(range(len(X)))
    assert imbalance(y, [(w_train, w_test)]) < 4
    again = train_test_split(X, y, train_size=0.75, random_state=seed)
    pd.testing.assert_frame_equal(again[1], X_test)
    assert train_test_split(X, y, random_state=1 + seed)[1].index.tolist() != X_test.index.tolist()


def test_train_test_split_keeps_the_forms_of_tables(data):
    X, y = data
    frame = pl.from_pandas(y)
    groups = np.arange(len(X)) % 20
    X_train, X_test, y_train, y_test, g_train, g_test = train_test_split(
        sparse.csr_array(X), frame, groups, test_size=0.4, random_state=0, groups=groups
    )
    assert sparse.issparse(X_train) and isinstance(y_test, pl.DataFrame)
    assert X_train.shape[0] == len(y_train) == 360 and X_test.shape[0] == len(y_test) == 240
    assert not set(g_train) & set(g_test)


# -- within scikit-learn --------------------------------------------------------------------------


class Constant(BaseEstimator):
    """Predicts means and most frequent classes, and probabilities, in the form of y."""

    def __init__(self, shift=0.0):
        self.shift = shift

    def fit(self, X, y, sample_weight=None):
        self.task_names_ = list(y.columns)
        self.classes_ = [
            None if pd.api.types.is_float_dtype(column) else np.unique(column.dropna())
            for _, column in y.items()
        ]
        self.tasks_ = [
            Regression() if own is None else Multiclass().fit(own, np.ones(len(own)), None)
            for own in self.classes_
        ]
        weights = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight)
        self.shares_ = [
            np.array([weights[(column == label).to_numpy()].sum() for label in own])
            if own is not None
            else np.average(column.dropna(), weights=weights[column.notna()])
            for own, (_, column) in zip(self.classes_, y.items(), strict=True)
        ]
        return self

    def predict(self, X):
        columns = {
            name: own[shares.argmax()] if own is not None else shares + self.shift * X["b"]
            for name, own, shares in zip(
                self.task_names_, self.classes_, self.shares_, strict=True
            )
        }
        return pd.DataFrame(columns, index=X.index)

    def predict_proba(self, X):
        noise = np.exp(0.1 * X["a"].to_numpy())[:, np.newaxis]
        parts = [None if s.ndim == 0 else s * noise for s in map(np.asarray, self.shares_)]
        return [part if part is None else part / part.sum() for part in parts]


# -- predictions of held-out rows -----------------------------------------------------------------


def by_loop(estimator, X, y, method, splits):
    return [
        (test, getattr(clone(estimator).fit(X.iloc[train], y.iloc[train]), method)(X.iloc[test]))
        for train, test in splits
    ]


def test_predictions_are_those_of_a_loop(data):
    X, y = data
    found = cross_val_predict(Constant(2.0), X, y)
    expected = pd.concat(
        [
            part
            for _, part in by_loop(Constant(2.0), X, y, "predict", MultiTaskKFold(5).split(X, y))
        ]
    )
    pd.testing.assert_frame_equal(found, expected.loc[X.index])
    pd.testing.assert_index_equal(found.index, X.index)


def test_columns_that_are_ignored_do_not_matter_for_the_folds(data):
    X, y = data
    wider = y.assign(empty=np.nan, id=[f"u{row}" for row in range(len(y))])
    model = PLEClassifierRegressor(
        task_types={"empty": "ignore", "id": "ignore"}, n_members=1, max_epochs=1, random_state=0
    )
    wanted = cross_val_predict(model.set_params(task_types="auto"), X, y, cv=2)
    model.set_params(task_types={"empty": "ignore", "id": "ignore"})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = cross_val_predict(make_pipeline(model), X, wider, cv=2)
    pd.testing.assert_frame_equal(found, wanted)


def test_folds_without_y_are_an_error(data):
    with pytest.raises(ValueError, match="y is None, but labels are needed to stratify 2 folds"):
        cross_val_predict(Constant(), data[0], None, cv=2)


@pytest.mark.parametrize("dtype", ["float64[pyarrow]", "Float64", "object"])
def test_any_form_of_numbers_is_stratified_in_the_same_way(data, dtype):
    _, y = data
    numbers = pd.DataFrame({"n": np.random.RandomState(0).normal(size=len(y))})
    numbers[::3] = np.nan
    other = pd.DataFrame({"n": numbers["n"].astype(dtype)})
    if dtype == "float64[pyarrow]":
        array = pa.array(numbers["n"].to_numpy(), from_pandas=False)
        other = pd.DataFrame({"n": pd.Series(pd.arrays.ArrowExtensionArray(array))})
        assert other["n"].notna().all()
    if dtype == "object":
        other = numbers["n"].map(lambda n: None if np.isnan(n) else Decimal(n)).to_frame()
    pairs = zip(*(MultiTaskKFold(3).split(y, labels) for labels in (numbers, other)), strict=True)
    for (_, one), (_, two) in pairs:
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("cv", [3, MultiTaskKFold(3), list(KFold(3).split(np.ones(600)))])
def test_probabilities_are_those_of_a_loop(data, cv):
    X, y = data
    found = cross_val_predict(Constant(), X, y, cv=cv, method="predict_proba")
    splits = cv if isinstance(cv, list) else MultiTaskKFold(3).split(X, y)
    assert [None if part is None else part.ndim for part in found] == [2, 2, None, None]
    for test, parts in by_loop(Constant(), X, y, "predict_proba", splits):
        for whole, part in zip(found[:2], parts[:2], strict=True):
            np.testing.assert_array_equal(whole[test], part)


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_one_complete_task_is_predicted_as_by_scikit_learn(method, n_classes):
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(90, 3)), rng.randint(n_classes, size=90)
    cv = KFold(4, shuffle=True, random_state=0)
    estimator = make_pipeline(StandardScaler(), LogisticRegression())
    np.testing.assert_allclose(
        cross_val_predict(estimator, X, y, cv=cv, method=method),
        model_selection.cross_val_predict(estimator, X, y, cv=cv, method=method),
    )


def test_complete_classes_of_many_tasks_are_predicted_as_by_scikit_learn():
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(60, 3)), rng.randint(3, size=(60, 2))
    cv, forest = KFold(3), RandomForestClassifier(5, random_state=0)
    for method in ("predict", "predict_proba"):
        np.testing.assert_array_equal(
            cross_val_predict(forest, X, y, cv=cv, method=method),
            model_selection.cross_val_predict(forest, X, y, cv=cv, method=method),
        )


def test_a_class_that_a_fold_does_not_know_is_warned_of_as_by_scikit_learn():
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(80, 3)), np.repeat([0, 1, 2, 3], 20)
    cv = PredefinedSplit(np.where(y == 2, 1, np.arange(80) % 3 % 2 * 2))
    with pytest.warns(RuntimeWarning, match=r"In fold 1 .* classes \[2\] of task 'y'"):
        found = cross_val_predict(LogisticRegression(), X, y, cv=cv, method="predict_proba")
    with pytest.warns(RuntimeWarning):
        expected = model_selection.cross_val_predict(
            LogisticRegression(), X, y, cv=cv, method="predict_proba"
        )
    np.testing.assert_allclose(found, expected)


def test_a_class_that_a_fold_of_mixed_tasks_does_not_know_has_the_probability_0(data):
    X, y = data
    fold = np.where(y["colour"] == "red", 0, np.arange(len(y)) % 3)
    with pytest.warns(RuntimeWarning, match=r"In fold 0 .* classes \['red'\] of task 'colour'"):
        found = cross_val_predict(
            Constant(), X, y, cv=PredefinedSplit(fold), method="predict_proba"
        )
    assert found[1].shape == (len(X), 3) and found[2] is None
    assert (found[1][fold == 0, 2] == 0).all() and (found[1][fold > 0] > 0).all()


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_predictions_of_a_pipeline_are_those_of_a_loop(data, method):
    X, y = data
    y = y.astype({"paid": "category"})
    model = make_pipeline(StandardScaler(), PLEClassifierRegressor(**TINY))
    found = cross_val_predict(model, X, y, cv=2, method=method)
    for test, part in by_loop(model, X, y, method, MultiTaskKFold(2).split(X, y)):
        if method == "predict":
            # The scaler gives arrays: the rows' index is known from X alone.
            pd.testing.assert_frame_equal(found.iloc[test], part.set_index(X.index[test]))
        else:
            assert found[2] is None and found[3] is None
            for task in (0, 1):
                np.testing.assert_array_equal(found[task][test], part[task])
    if method == "predict":
        pd.testing.assert_series_equal(found.dtypes, y.dtypes)
    scores = multitask_scores(found, None, y) if method == "predict_proba" else {}
    assert set(scores) <= {"paid", "colour"}


@pytest.mark.parametrize("library", ["numpy", "polars"])
def test_predictions_have_the_form_of_y(data, library):
    X, y = data
    # A network has columns by their names, and those of an array in their order.
    X, y = X[sorted(X)], y.set_axis([f"{k} {name}" for k, name in enumerate(y)], axis=1)
    expected = cross_val_predict(PLEClassifierRegressor(**TINY), X, y, cv=2)
    if library == "numpy":
        forms = X.to_numpy(), y.to_numpy(dtype=object)
    else:
        forms = pl.from_pandas(X), pl.from_pandas(y)
    found = cross_val_predict(PLEClassifierRegressor(**TINY), *forms, cv=2)
    assert type(found) is type(forms[1])
    if library == "polars":
        assert found.columns == list(y.columns)
        found = np.array(found.rows(), dtype=object)
    assert (found[:, :2] == expected.to_numpy()[:, :2]).all()
    np.testing.assert_allclose(found[:, 2:].astype(float), expected.iloc[:, 2:], rtol=1e-5)


def test_one_task_with_missing_labels_is_predicted(data):
    X, y = data
    labels = cross_val_predict(PLEClassifier(**TINY), X, y["paid"], cv=2)
    proba = cross_val_predict(PLEClassifier(**TINY), X, y["paid"], cv=2, method="predict_proba")
    assert labels.shape == (len(X),) and proba.shape == (len(X), 2)
    assert (np.array(["no", "yes"])[proba.argmax(axis=1)] == labels).all()


def test_parameters_of_fit_are_cut_to_the_training_rows(data):
    X, y = data
    weights = np.random.RandomState(0).uniform(size=len(X))
    found = cross_val_predict(Constant(), X, y, cv=2, params={"sample_weight": weights})
    with sklearn.config_context(enable_metadata_routing=True):
        routed = cross_val_predict(
            Constant().set_fit_request(sample_weight=True),
            X,
            y,
            cv=2,
            params={"sample_weight": weights},
        )
    pd.testing.assert_frame_equal(routed, found)
    for train, test in MultiTaskKFold(2).split(X, y):
        model = Constant().fit(X.iloc[train], y.iloc[train], weights[train])
        pd.testing.assert_frame_equal(found.iloc[test], model.predict(X.iloc[test]))


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
@pytest.mark.parametrize("names", [["visits"], ["visits", "paid"]])
def test_a_kind_that_differs_between_folds_is_an_error(names, method):
    y = pd.DataFrame({"visits": np.arange(60), "paid": ["no", "yes"] * 30})
    y["visits"] = np.where(y.index < 30, y.index % 3, y.index)
    X = y[["visits"]].rename(columns={"visits": "a"})
    with (
        pytest.warns(UserWarning, match="'visits' holds more than 10 distinct integers"),
        pytest.raises(ValueError, match="Task 'visits' has classes in some .* task_types"),
    ):
        cross_val_predict(PLEClassifierRegressor(**TINY), X, y[names], cv=KFold(2), method=method)


def test_what_cannot_be_predicted_is_an_error(data):
    X, y = data
    with pytest.raises(ValueError, match="'method' parameter .* Got 'transform'"):
        cross_val_predict(Constant(), X, y, method="transform")
    with pytest.raises(AttributeError, match="Ridge has no predict_proba"):
        cross_val_predict(Ridge(), X, y, method="predict_proba")
    with pytest.raises(ValueError, match="every row into exactly one fold"):
        cross_val_predict(Constant(), X, y, cv=ShuffleSplit(2, random_state=0))
