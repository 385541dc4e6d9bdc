"""From y to labels, tasks and targets, and back: every dtype, with and without missing labels."""

import datetime
import warnings
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import make_tiny
from scipy import sparse
from sklearn import datasets
from sklearn.utils.estimator_checks import _NotAnArray

from sklearn_ple.encoding.targets import TargetEncoder
from sklearn_ple.tables.labels import Labels, as_frame, read_targets
from sklearn_ple.tasks import Binary, Multiclass, Ordinal, Quantile, Regression

#: A whole number that neither int64 nor float64 can hold.
LONG = 2**63 + 5


def labels_of(y):
    """Read y of one column."""
    labels, _ = read_targets(y)
    assert len(labels) == 1
    return labels[0]


def encoder(y, task_types="auto", family=None, classes=None, weights=None):
    """Fit an encoder; return it with y's labels."""
    labels, form = read_targets(y)
    if weights is None:
        weights = np.column_stack([column.mask for column in labels]).astype(float)
    return TargetEncoder(task_types, family, classes).fit(labels, form, weights), labels


def perfect_outputs(encoder, labels):
    """Return the outputs of a network that predicts every target perfectly."""
    targets = encoder.encode(labels)
    parts = []
    for task, column in zip(encoder.tasks, targets.T, strict=True):
        if task.kind == "binary":
            parts.append(np.where(column > 0, 5.0, -5.0))
        elif task.kind in ("multiclass", "ordinal"):
            parts.append(np.eye(task.n_outputs)[column.astype(int)])
        elif task.kind == "count":
            parts.append(np.log(np.maximum(column, 1e-300)))
        else:
            parts.append(column)
    return np.column_stack(parts)


def round_trip(y, task_types="auto", index=None):
    """Predict y perfectly, in its own form."""
    fitted, labels = encoder(y, task_types)
    predictions = fitted.decode(fitted.split_outputs(perfect_outputs(fitted, labels)))
    return fitted.form.assemble(fitted.tasks, predictions, index)


# -- reading: what is observed, and of which kind -------------------------------------------------

PANDAS = {
    "bool": (pd.Series([True, False, True]), "binary", [True, False, True]),
    "bool, missing": (pd.Series([True, None, False], dtype=object), "binary", [True, False]),
    "boolean": (pd.Series([True, None, False], dtype="boolean"), "binary", [True, False]),
    "int": (pd.Series([0, 1, 0]), "binary", [0, 1, 0]),
    "int8": (pd.Series([5, 7, 9], dtype="int8"), "multiclass", [5, 7, 9]),
    "uint8": (pd.Series([5, 7, 9], dtype="uint8"), "multiclass", [5, 7, 9]),
    "Int64": (pd.Series([5, None, 7, 9], dtype="Int64"), "multiclass", [5, 7, 9]),
    "UInt8": (pd.Series([5, None, 7], dtype="UInt8"), "binary", [5, 7]),
    "uint64": (pd.Series([3, LONG, LONG + 1], dtype="uint64"), "multiclass", [3, LONG, LONG + 1]),
    "UInt64": (pd.Series([3, None, LONG], dtype="UInt64"), "binary", [3, LONG]),
    "object of long ints": (pd.Series([3, None, LONG], dtype=object), "binary", [3, LONG]),
    "category of long ints": (pd.Series([LONG, 3], dtype="category"), "binary", [LONG, 3]),
    "float, whole": (pd.Series([0.0, np.nan, 1.0]), "binary", [0.0, 1.0]),
    "float, fractions": (pd.Series([0.5, np.nan, 1.0]), "regression", [0.5, 1.0]),
    "float32": (pd.Series([0.5, np.nan, 1.0], dtype="float32"), "regression", [0.5, 1.0]),
    "Float64": (pd.Series([0.5, None, 1.0], dtype="Float64"), "regression", [0.5, 1.0]),
    "Float64, whole": (pd.Series([3, None, 1], dtype="Float64"), "binary", [3.0, 1.0]),
    "str": (pd.Series(["a", "b", "c"]), "multiclass", ["a", "b", "c"]),
    "str, missing": (pd.Series(["a", None, "b"]), "binary", ["a", "b"]),
    "string": (pd.Series(["a", None, "b"], dtype="string"), "binary", ["a", "b"]),
    "object": (pd.Series(["a", None, "b"], dtype=object), "binary", ["a", "b"]),
    "object, pd.NA": (pd.Series(["a", pd.NA, "b"], dtype=object), "binary", ["a", "b"]),
    "object of ints": (pd.Series([1, None, 2], dtype=object), "binary", [1, 2]),
    "object of floats": (pd.Series([1.5, None, 2], dtype=object), "regression", [1.5, 2.0]),
    "object of decimals": (
        pd.Series([Decimal("1.5"), None, Decimal(2)], dtype=object),
        "regression",
        [1.5, 2.0],
    ),
    "category": (pd.Series(["a", None, "b"], dtype="category"), "binary", ["a", "b"]),
    "category of ints": (pd.Series([3, 1, 2], dtype="category"), "multiclass", [3, 1, 2]),
    "category of bools": (pd.Series([True, False], dtype="category"), "binary", [True, False]),
    "ordered": (
        pd.Series(["lo", None, "hi"], dtype=pd.CategoricalDtype(["lo", "hi"], ordered=True)),
        "binary",
        ["lo", "hi"],
    ),
}


@pytest.mark.parametrize(("column", "kind", "observed"), PANDAS.values(), ids=PANDAS.keys())
def test_pandas_columns_are_read_and_their_kind_is_inferred(column, kind, observed):
    labels = labels_of(column)
    assert labels.observed.tolist() == observed
    np.testing.assert_array_equal(labels.mask, column.notna())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert labels.infer_kind(None) == kind
    [in_frame] = read_targets(pd.DataFrame({"y": column}))[0]
    assert in_frame.name == "y"
    assert in_frame.observed.tolist() == observed
    assert encoder(column)[0].tasks[0].kind == kind


POLARS = {
    "String": (pl.Series("y", ["a", None, "b"]), "binary", ["a", "b"]),
    "Int64": (pl.Series("y", [1, None, 3, 2]), "multiclass", [1, 3, 2]),
    "Int64, none missing": (pl.Series("y", [1, 3, 2]), "multiclass", [1, 3, 2]),
    "UInt8": (pl.Series("y", [1, None, 3], dtype=pl.UInt8), "binary", [1, 3]),
    "Boolean": (pl.Series("y", [True, None, False]), "binary", [True, False]),
    "Float64": (pl.Series("y", [0.5, None, 1.0]), "regression", [0.5, 1.0]),
    "Float32": (pl.Series("y", [0.5, None], dtype=pl.Float32), "regression", [0.5]),
    "Categorical": (
        pl.Series("y", ["b", None, "a"], dtype=pl.Categorical),
        "binary",
        ["b", "a"],
    ),
    "Enum": (
        pl.Series("y", ["b", None, "a"], dtype=pl.Enum(["b", "c", "a"])),
        "ordinal",
        ["b", "a"],
    ),
}


@pytest.mark.parametrize(("column", "kind", "observed"), POLARS.values(), ids=POLARS.keys())
def test_polars_columns_are_read_and_their_kind_is_inferred(column, kind, observed):
    for y in (column, pl.DataFrame([column])):
        labels = labels_of(y)
        assert labels.name == "y"
        assert labels.observed.tolist() == observed
        np.testing.assert_array_equal(labels.mask, column.is_not_null().to_numpy())
        assert labels.infer_kind(None) == kind


@pytest.mark.parametrize(
    ("y", "dtype", "kind"),
    [
        ([True, False], bool, "binary"),
        ([1, 2, 3], np.int64, "multiclass"),
        ([1, None, 2], np.int64, "binary"),
        ([1.0, 2.5], np.float64, "regression"),
        ([1, 2.5, None], np.float64, "regression"),
        (["a", "b", None], object, "binary"),
        ((0, 1), np.int64, "binary"),
        (np.array(["a", "b", "c"]), object, "multiclass"),
        (np.array([0.0, np.nan, 1.0], dtype=np.float32), np.float64, "binary"),
        (np.array([True, False]), bool, "binary"),
    ],
)
def test_lists_and_arrays_are_read_and_their_kind_is_inferred(y, dtype, kind):
    labels = labels_of(y)
    assert labels.observed.dtype == dtype
    assert labels.observed.tolist() == [v for v in list(y) if v is not None and v == v]
    assert labels.infer_kind(None) == kind


def test_lists_of_rows_keep_each_columns_own_type():
    labels, form = read_targets([[1, "a", 0.5], [2, None, None], [None, "b", 1.5]])
    assert [column.observed.tolist() for column in labels] == [[1, 2], ["a", "b"], [0.5, 1.5]]
    assert [column.mask.tolist() for column in labels] == [
        [True, True, False],
        [True, False, True],
        [True, False, True],
    ]
    assert (form.library, form.ndim) == ("numpy", 2)


@pytest.mark.parametrize(
    ("y", "names"),
    [
        ([0, 1], ["y"]),
        (np.zeros((2, 3)), ["y0", "y1", "y2"]),
        (pd.Series([0, 1]), ["y"]),
        (pd.Series([0, 1], name="age"), ["age"]),
        (pd.DataFrame({"age": [0, 1], "sex": [0, 1]}), ["age", "sex"]),
        (pd.DataFrame([[0, 1]]), ["y0", "y1"]),
        (pl.Series("age", [0, 1]), ["age"]),
        (pl.DataFrame({"b": [0], "a": [1]}), ["b", "a"]),
    ],
)
def test_tasks_are_named_by_the_columns(y, names):
    labels, form = read_targets(y)
    assert form.names == names
    assert [column.name for column in labels] == names


def test_categorical_columns_declare_their_classes():
    dtype = pd.CategoricalDtype(["lo", "mid", "hi"], ordered=True)
    column = pd.Series(["hi", None, "lo"], dtype=dtype)
    labels = labels_of(column)
    assert labels.declared.tolist() == ["lo", "mid", "hi"]
    assert labels.ordered
    for part in (labels.take(np.array([2, 1])), labels.drop(np.array([True, False, False]))):
        assert part.observed.tolist() == ["lo"]
        assert part.ordered and part.declared is labels.declared
    assert labels.infer_kind(None) == "ordinal"
    fitted, _ = encoder(column)
    assert fitted.tasks[0].classes.tolist() == ["hi", "lo", "mid"]
    # One class among the labels is no matter where more are declared.
    only = pd.Series(["hi", "hi"], dtype=dtype)
    assert encoder(only)[0].tasks[0].classes.tolist() == ["hi", "lo", "mid"]


@pytest.mark.parametrize("make", [pd.Categorical, pd.CategoricalIndex])
def test_categories_without_a_series_declare_their_classes_too(make):
    categories = make(["hi", None, "lo"], categories=["lo", "mid", "hi"], ordered=True)
    fitted, _ = encoder(categories)
    assert fitted.tasks[0].kind == "ordinal"
    assert fitted.tasks[0].classes.tolist() == ["hi", "lo", "mid"]
    assert fitted.form.library == "numpy"


def test_an_ordered_column_keeps_its_order_whichever_classes_are_given():
    column = pd.Series(["hi", "lo"], dtype=pd.CategoricalDtype(["lo", "mid", "hi"], ordered=True))
    task = encoder(column, classes=np.array(["hi", "lo", "mid"]))[0].tasks[0]
    assert task.kind == "ordinal"
    assert task.classes[task.order].tolist() == ["lo", "mid", "hi"]
    given = encoder(np.array(["hi", "lo"]), "ordinal", classes=np.array(["lo", "mid", "hi"]))
    assert given[0].tasks[0].order.tolist() == task.order.tolist()


def test_classes_beyond_ordered_categories_have_the_order_given_or_none():
    column = pd.Series(["hi", "lo"], dtype=pd.CategoricalDtype(["lo", "mid", "hi"], ordered=True))
    more = encoder(column, "ordinal", classes=["lo", "low", "mid", "hi"])[0].tasks[0]
    assert more.classes[more.order].tolist() == ["lo", "low", "mid", "hi"]
    in_another_order = ["hi", "lo", "low", "mid"]
    with pytest.raises(ValueError, match=r"ordered categories \['lo', 'mid', 'hi'\]: pass all cl"):
        encoder(column, "ordinal", classes=in_another_order)
    # An alphabetical list, as of np.unique, is no order.
    for kind in ("auto", "multiclass"):
        for classes in (in_another_order, ["lo", "low", "mid", "hi"]):
            task = encoder(column, kind, classes=classes)[0].tasks[0]
            assert task.kind == "multiclass" and task.classes.tolist() == in_another_order


def test_an_enum_is_ordered_as_in_polars_own_tables_of_arrow():
    column = pl.Series("y", ["b", "a", "c"], dtype=pl.Enum(["b", "a", "c"]))
    for y in (column, column.to_arrow()):
        task = encoder(y)[0].tasks[0]
        assert task.kind == "ordinal" and task.classes[task.order].tolist() == ["b", "a", "c"]


def test_categories_without_an_order_are_ordinal_only_if_asked():
    column = pd.Series(["b", "a", "c"], dtype=pd.CategoricalDtype(["b", "a", "c"]))
    assert encoder(column)[0].tasks[0].kind == "multiclass"
    words = r"'y' is ordinal, but its categories are not ordered.*to be \['b', 'a', 'c'\]: if so"
    for y in (column, pa.DictionaryArray.from_arrays([0, 1, 2], ["b", "a", "c"])):
        with pytest.warns(UserWarning, match=words):
            task = encoder(y, "ordinal")[0].tasks[0]
        assert task.classes[task.order].tolist() == ["b", "a", "c"]
    declared = encoder(column, "ordinal", classes=np.array(["a", "b", "c"]))[0].tasks[0]
    assert declared.classes[declared.order].tolist() == ["a", "b", "c"]
    numbers = encoder(pd.Series([3, 1, 2], dtype="category"), "ordinal")[0].tasks[0]
    assert numbers.classes[numbers.order].tolist() == [1, 2, 3]


def test_a_categorical_of_polars_declares_no_order():
    column = pl.Series("y", ["low", "high", "middle", None], dtype=pl.Categorical)
    for y in (column, pl.DataFrame([column])):
        assert encoder(y)[0].tasks[0].kind == "multiclass"
        with pytest.raises(ValueError, match=r"'low' for .*no order.*with polars, an Enum"):
            encoder(y, "ordinal")


# -- kinds ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (np.arange(11), "more than 10 distinct integers"),
        (np.arange(3.0), "at most 10 distinct whole numbers"),
        (np.repeat(np.arange(6), [30, 25, 14, 8, 5, 1]), "integers that look like counts"),
    ],
)
def test_numbers_in_doubt_are_a_regression(y, words):
    labels = labels_of(pd.Series(y, name="age"))
    assert labels.infer_kind(None) == "regression"
    assert labels.describe_doubt().startswith(words)


def test_all_numbers_in_doubt_are_told_once():
    y = pd.DataFrame({"age": np.arange(20), "half": np.arange(20) + 0.5})
    y["rooms"], X = np.arange(20.0) % 4, np.arange(20.0)[:, None]
    expected = (
        r"\['age', 'rooms'\] hold whole numbers and are treated as a regression.* "
        r"task_types=\{'age': 'regression', 'rooms': 'regression'\}. Otherwise pass 'multiclass'"
    )
    with pytest.warns(UserWarning, match=expected) as caught:
        make_tiny().fit(X, y)
    assert len(caught) == 1
    with pytest.warns(UserWarning, match="'age' holds more than 10 .*{'age': 'regression'}"):
        make_tiny().fit(X, y[["age", "half"]])


@pytest.mark.parametrize("n", [1000, 300, 120])
@pytest.mark.parametrize("rate", [1.5, 3.0])
def test_counts_are_numbers_in_all_parts_of_the_rows(n, rate):
    y = np.random.default_rng(0).poisson(rate, 1000)
    assert labels_of(y[:n]).infer_kind(None) == "regression"


@pytest.mark.parametrize("name", ["digits", "wine", "iris"])
def test_codes_of_classes_are_classes(name):
    y = getattr(datasets, f"load_{name}")().target
    assert labels_of(y).infer_kind(None) == "multiclass"


@pytest.mark.parametrize(
    ("y", "kind"),
    [
        (np.arange(10), "multiclass"),
        ([f"c{i % 25}" for i in range(50)], "multiclass"),
        (pd.Series([0, None, 2, 5], dtype="Int64"), "multiclass"),
        ([0.0, 1.0, np.nan], "binary"),
        ([3.0, 7.0], "binary"),
        ([0.5, 7.0], "regression"),
        (np.arange(11.0), "regression"),
        (np.arange(50) + 0.5, "regression"),
    ],
)
def test_numbers_without_doubt_do_not_warn(y, kind):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert labels_of(y).infer_kind(None) == kind


def test_many_whole_numbers_that_are_named_do_not_warn():
    for kind in ("regression", "count", "multiclass"):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert encoder(np.arange(30), kind)[0].tasks[0].kind == kind


@pytest.mark.parametrize("y", [np.arange(30), np.array([0, 1]), np.array([0.0, 1.0, 2.0])])
def test_a_family_settles_what_whole_numbers_are(y):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert encoder(y, family="number")[0].tasks[0].kind == "regression"
        kind = "binary" if len(y) == 2 else "multiclass"
        assert encoder(y, family="class")[0].tasks[0].kind == kind


def test_classifiers_take_no_fractions():
    with pytest.raises(ValueError, match=r"Unknown label type: continuous. Target 'y' holds frac"):
        encoder([0.5, 1.0], family="class")


@pytest.mark.parametrize(
    ("y", "family", "task_types"),
    [
        (["a", "b"], "number", "auto"),
        ([True, False], "number", "auto"),
        ([0, 1], "number", "binary"),
        ([0, 1, 2], "number", ["multiclass"]),
        ([0, 1], "class", "regression"),
        ([0, 1], "class", {"y": "count"}),
    ],
)
def test_a_kind_outside_the_family_is_an_error(y, family, task_types):
    by = "" if task_types == "auto" else " by task_types"
    with pytest.raises(
        ValueError, match=rf"Target 'y' is of kind '\w+'{by}, which this estimator"
    ):
        encoder(y, task_types, family)


def test_labels_that_can_be_learnt_as_numbers_are_said_to_be():
    y = pd.DataFrame({"paid": [True, False, True]})
    with pytest.raises(
        ValueError, match="'paid' is of kind 'binary'.*, or task_types='regression'"
    ):
        encoder(y, family="number")
    assert encoder(y, "regression", family="number")[0].tasks[0].kind == "regression"
    with pytest.raises(ValueError, match="use PLEClassifierRegressor for tasks of any kind.$"):
        encoder(["a", "b"], family="number")


Y = pd.DataFrame({"a": [0, 1, 1], "b": [0.5, 1.5, 2.5], "c": ["x", "y", "z"]})


@pytest.mark.parametrize(
    ("task_types", "kinds"),
    [
        ("auto", ["binary", "regression", "multiclass"]),
        (["count", "auto", "auto"], ["count", "regression", "multiclass"]),
        (("regression", "count", "multiclass"), ["regression", "count", "multiclass"]),
        ({"a": "multiclass"}, ["multiclass", "regression", "multiclass"]),
        ({"b": "multiclass", "a": "count"}, ["count", "multiclass", "multiclass"]),
    ],
)
def test_task_types_are_one_a_list_or_a_dict(task_types, kinds):
    fitted, _ = encoder(Y, task_types)
    assert [task.kind for task in fitted.tasks] == kinds
    assert [task.name for task in fitted.tasks] == fitted.names == ["a", "b", "c"]


@pytest.mark.parametrize(
    "task_types",
    [{"b": ("quantile", [0.1, 0.9])}, ["auto", ("quantile", (0.9, 0.1)), "auto"]],
)
def test_a_kind_may_come_with_options(task_types):
    task = encoder(Y, task_types)[0].tasks[1]
    assert (task.kind, task.levels) == ("quantile", [0.1, 0.5, 0.9])


def test_a_kind_with_options_may_be_that_of_all_tasks():
    fitted, _ = encoder(Y[["a", "b"]], ("quantile", [0.1]))
    assert [task.levels for task in fitted.tasks] == [[0.1, 0.5]] * 2
    assert encoder([0.5, 1.5], ("huber", 2.0))[0].tasks[0].delta == 2.0
    # A tuple of kinds is a list of them.
    fitted, _ = encoder(Y, ("count", ("huber", 2.0), Multiclass))
    assert [task.kind for task in fitted.tasks] == ["count", "huber", "multiclass"]


class Shifted(Regression):
    """A kind of the user's own, which learns labels less a number."""

    kind = "shifted"

    def __init__(self, by=1.0):
        super().__init__()
        self.by = by

    def encode(self, labels):
        return labels - self.by

    def predict(self, outputs):
        return outputs[:, 0] + self.by


def test_task_types_may_be_tasks_or_their_classes():
    fitted, _ = encoder(Y, {"a": Ordinal, "b": Quantile([0.1]), "c": Multiclass()})
    assert [type(task) for task in fitted.tasks] == [Ordinal, Quantile, Multiclass]
    assert [task.name for task in fitted.tasks] == ["a", "b", "c"]
    assert fitted.tasks[1].levels == [0.1, 0.5]
    fitted, _ = encoder(Y[["a", "b"]], Regression)
    assert [type(task) for task in fitted.tasks] == [Regression, Regression]


def test_every_column_learns_a_copy_of_a_task():
    shifted, y = Shifted(by=2.0), np.array([[0.5, 3.0], [1.5, 4.5]])
    fitted, labels = encoder(y, shifted)
    assert [task.name for task in fitted.tasks] == ["y0", "y1"]
    assert [task.mean for task in fitted.tasks] == [1.0, 3.75]
    assert vars(shifted) == vars(Shifted(by=2.0))
    np.testing.assert_array_equal(fitted.encode(labels), y - 2)
    np.testing.assert_array_equal(np.column_stack(fitted.decode(fitted.split_outputs(y - 2))), y)
    # A fitted one is learnt anew.
    again, _ = encoder(y, fitted.tasks[::-1])
    assert [(task.name, task.mean) for task in again.tasks] == [("y0", 1.0), ("y1", 3.75)]


@pytest.mark.parametrize("family", ["class", "number"])
def test_an_estimator_refuses_tasks_that_it_does_not_learn(family):
    task = Shifted() if family == "class" else Binary()
    with pytest.raises(ValueError, match=f"Target 'y' is of kind '{task.kind}' by task_types"):
        encoder([0, 1, 1], task, family=family)


@pytest.mark.parametrize(
    ("encode", "found"),
    [
        (lambda labels: labels[:, None] * 1.0, r"float64 of shape \(3, 1\)"),
        (lambda labels: labels[:2] * 1.0, r"float64 of shape \(2,\)"),
        (lambda labels: labels.astype(int), r"int64 of shape \(3,\)"),
        (lambda labels: labels.tolist(), "list"),
        (lambda labels: None, "NoneType"),
    ],
)
def test_targets_of_a_wrong_shape_or_type_are_an_error_that_names_the_task(encode, found):
    class Wrong(Shifted):
        def encode(self, labels):
            return encode(labels)

    fitted, labels = encoder([1.5, None, 2.0, 4.5], Wrong())
    message = rf"Task 'y': Wrong.encode returned {found}; expected an array of floats .*\(3,\)"
    with pytest.raises(ValueError, match=message):
        fitted.encode(labels)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_targets_that_are_not_finite_are_an_error_that_names_the_task_and_a_label(wrong):
    class Wrong(Shifted):
        def encode(self, labels):
            return np.where(labels < 2, wrong, labels)

    fitted, labels = encoder([2.5, None, 1.5, 1.0], Wrong())
    message = (
        rf"Task 'y': Wrong.encode returned {wrong} for the label 1.5; expected finite numbers"
    )
    with pytest.raises(ValueError, match=message):
        fitted.encode(labels)


def test_predictions_of_a_wrong_shape_are_an_error_that_names_the_task():
    class Wrong(Shifted):
        def predict(self, outputs):
            return outputs

    fitted, _ = encoder([1.5, None, 2.0, 4.5], Wrong)
    message = r"Task 'y': Wrong.predict returned float64 of shape \(4, 1\); expected .* \(4,\)"
    with pytest.raises(ValueError, match=message):
        fitted.decode([np.zeros((4, 1))])


@pytest.mark.parametrize(("score", "found"), [(None, "NoneType"), (np.ones(2), "ndarray")])
def test_a_score_that_is_no_number_is_an_error_that_names_the_task(score, found):
    class Wrong(Shifted):
        def score(self, labels, predictions, weights=None):
            return score

    fitted, labels = encoder([1.5, None, 2.0, 4.5], Wrong)
    message = f"Task 'y': Wrong.score returned {found}; expected a number"
    with pytest.raises(ValueError, match=message):
        fitted.score(fitted.decode([np.zeros((4, 1))]), labels, np.ones((4, 1)))


def test_an_error_of_a_score_names_the_task():
    fitted, _ = encoder([1.5, None, -2.0, 4.5], "survival")
    outputs, (labels, _) = np.zeros((2, 3)), read_targets([0.0, 4.5])
    with pytest.raises(ValueError, match="Task 'y': y_true holds 0"):
        fitted.score(fitted.decode([outputs]), labels, np.ones((2, 1)))


def test_a_task_without_outputs_is_an_error_that_names_it():
    class Wrong(Shifted):
        n_outputs = 0

        def __init__(self):
            """Leave n_outputs as it is."""

    message = "n_outputs of Wrong, the task 'y', must be an integer, 1 or more, not 0"
    with pytest.raises(ValueError, match=message):
        encoder([1.5, None, 2.0, 4.5], Wrong)


@pytest.mark.parametrize(
    ("task_types", "message"),
    [
        ({"b": ("poisson", [0.5])}, r"task_types of target 'b' is 'poisson'; the kinds are"),
        ({"b": ()}, r"task_types of target 'b' is \(\); the kinds are"),
        ({"b": ["quantile"]}, r"task_types of target 'b' is \['quantile'\]; the kinds are"),
        ({"b": ("count", [0.5])}, r"target 'b' is \('count', \[0.5\]\), but .* no options"),
        ({"b": ("auto", [0.5])}, r"target 'b' is \('regression', \[0.5\]\), but .* no options"),
        (
            {"b": ("quantile", [0.5], 1)},
            r"target 'b' is \('quantile', \[0.5\], 1\), but .* no options but levels",
        ),
        ({"b": ("quantile", [5, 95])}, r"target 'b': levels must be .*0 and 1.*\[5, 95\]"),
        (
            {"b": ("tweedie", 2)},
            r"target 'b': The 'power' parameter .* in the range \(1.0, 2.0\). Got 2",
        ),
        ({"b": ("huber", "far")}, r"target 'b': The 'delta' parameter .* Got 'far'"),
        ({"b": ("survival", 0)}, r"target 'b': n_intervals must be an integer, 1 or more, not 0"),
        ({"b": ("hurdle", 1)}, r"target 'b' is \('hurdle', 1\), but .* no options: pass 'hurdle'"),
        ({"c": "quantile"}, r"Target 'c' is of kind 'quantile' but holds strings, 'x'"),
        (
            {"c": "ordinal"},
            r"'c' is of kind 'ordinal' but holds strings.*ordered categorical",
        ),
        ({"A": "count"}, r"task_types names \['A'\], but the tasks are \['a', 'b', 'c'\]"),
        (["count"], r"task_types has 1 entries instead of one for each"),
        ("poisson", r"task_types of target 'a' is 'poisson'; the kinds are \['auto', 'binary'"),
        ({"b": None}, r"task_types of target 'b' is None; .*'survival', 'ignore'\], or a Task"),
        ({"b": float}, r"task_types of target 'b' is <class 'float'>; the kinds are"),
        ({"b": pd.NA}, r"task_types of target 'b' is <NA>; the kinds are"),
        ({"c": Regression()}, r"Target 'c' is of kind 'regression' but holds strings, 'x'"),
        ({"c": Binary}, r"Target 'c' is binary but has 3 classes"),
        ({"c": "regression"}, r"Target 'c' is of kind 'regression' but holds strings, 'x'"),
        ({"c": "count"}, r"Target 'c' is of kind 'count' but holds strings"),
        ({"c": "binary"}, r"Target 'c' is binary but has 3 classes"),
    ],
)
def test_wrong_task_types_are_an_error_that_names_the_target(task_types, message):
    with pytest.raises(ValueError, match=message):
        encoder(Y, task_types)


# -- bad labels -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "column",
    [
        [None, None],
        pd.Series([np.nan, np.nan]),
        pd.Series([None, None], dtype="Int64"),
        pd.Series([None, None], dtype=pd.CategoricalDtype(["a", "b"])),
        pd.Series([None, None], dtype="string"),
    ],
)
@pytest.mark.parametrize("task_types", ["auto", {"bare": "regression"}])
def test_a_column_without_label_is_an_error_with_its_name(column, task_types):
    with pytest.raises(ValueError, match=r"Target 'bare' has no label at all: leave the column"):
        encoder(pd.DataFrame({"full": [0, 1], "bare": column}), task_types)


@pytest.mark.parametrize("column", [[1, 1], ["a", None], [2.0, np.nan], [True, True]])
def test_one_class_is_an_error_with_the_columns_name(column):
    # Numbers may be a quantity that is constant in these rows.
    remedy = r"\. If it is a quantity, set task_types={'same': 'regression'}\.$"
    ending = remedy if type(column[0]) in (int, float) else r"classes of partial_fit\.$"
    with pytest.raises(ValueError, match=f"^Target 'same' has 1 class only.*{ending}"):
        encoder(pd.DataFrame({"same": column}))


@pytest.mark.parametrize("value", [np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [float, object, "category", "Float64"])
def test_infinity_is_an_error_with_the_columns_name(value, dtype):
    frame = pd.DataFrame({"far": pd.Series([0.5, value], dtype=dtype)})
    with pytest.raises(ValueError, match=r"Input y contains infinity .* in target 'far'"):
        read_targets(frame)


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, 10**5000], ids=["64", "-63", "huge"])
def test_whole_numbers_beyond_64_bits_are_an_error_with_the_columns_name(value):
    message = "Target 'far' holds whole numbers .* 64 bits: convert them to strings"
    with pytest.raises(ValueError, match=message):
        read_targets(pd.DataFrame({"far": pd.Series([1, value], dtype=object)}))
    with pytest.raises(ValueError, match="Target 'far' holds whole numbers"):
        read_targets(pd.DataFrame({"far": pd.Series([-1, LONG], dtype=object)}))


@pytest.mark.parametrize("values", [[0.5, 10**5000], [Decimal("0.5"), Decimal("-1e400")]])
def test_numbers_beyond_float64_are_an_error_with_the_columns_name(values):
    with pytest.raises(ValueError, match=r"Input y contains infinity .* in target 'far'"):
        read_targets(pd.DataFrame({"far": pd.Series(values, dtype=object)}))


@pytest.mark.parametrize("values", [np.array([1j, 2.0]), np.array([1j, None], dtype=object)])
def test_complex_numbers_are_an_error(values):
    with pytest.raises(ValueError, match=r"Target 'odd' holds values of type complex"):
        read_targets(pd.DataFrame({"odd": values}))


@pytest.mark.parametrize(
    "values",
    [
        pd.to_datetime(["2020-01-01", None]),
        np.array([datetime.date(2020, 1, 1), None], dtype=object),
        pd.to_timedelta([1, 2]),
        pd.cut(pd.Series([1.0, 2.0]), 2),
        [1, "a"],
        [1.5, "a"],
        [True, 1],
        [b"a", b"b"],
        [{}, {1: 2}],
        [(1, 2), (3,)],
    ],
)
def test_values_that_are_no_labels_are_an_error_with_the_columns_name(values):
    frame = pd.DataFrame({"odd": pd.Series(values)})
    with pytest.raises(TypeError, match=r"Target 'odd' holds values of type .*: convert"):
        read_targets(frame)


def test_y_of_no_known_form_is_an_error():
    with pytest.raises(ValueError, match="requires y to be passed, but the target y is None"):
        read_targets(None)
    with pytest.raises(TypeError, match="Sparse y is not supported"):
        read_targets(sparse.eye(3))
    with pytest.raises(ValueError, match="y has no column"):
        read_targets(np.zeros((3, 0)))
    for y, found in [
        (np.zeros((2, 2, 2)), r"a value of type ndarray and shape \(2, 2, 2\) instead\."),
        (3, r"a value of type int instead\."),
        ({"a": [1, 2]}, r"a value of type dict instead: pass pandas\.DataFrame\(y\)\."),
    ]:
        with pytest.raises(ValueError, match=f"y should be a 1d array .*, got {found}$"):
            read_targets(y)
    of_survival = np.array([(True, 2.5)], dtype=[("event", bool), ("time", float)])
    with pytest.raises(ValueError, match=r"fields \['event', 'time'\]: pass pandas.Data"):
        read_targets(of_survival)


@pytest.mark.parametrize("y", [np.array([0, 1]), np.array([[0.5, 2.0], [1.5, 3.0]])])
def test_what_can_only_be_turned_into_an_array_is_read_as_one(y):
    labels, form = read_targets(_NotAnArray(y))
    assert (form.library, form.ndim) == ("numpy", y.ndim)
    np.testing.assert_array_equal(np.column_stack([part.observed for part in labels]).squeeze(), y)


def test_labels_of_any_form_become_a_frame_named_as_the_tasks():
    forms = {
        ("y",): [["b", "a"], np.array([1, 2]), pd.Series([1, 2])],
        ("age",): [pd.Series([1, 2], name="age"), pl.Series("age", [1, 2])],
        ("y0", "y1"): [[[1, "a"]], np.ones((2, 2)), pd.DataFrame([[1, 2]])],
        ("a", "b"): [pd.DataFrame({"a": [1], "b": [2]}), pl.DataFrame({"a": [1], "b": [2]})],
    }
    for names, ys in forms.items():
        for y in ys:
            assert tuple(as_frame(y).columns) == names
            assert read_targets(y)[1].names == list(names)
    assert as_frame([1, "a"])["y"].tolist() == [1, "a"]
    with pytest.raises(ValueError, match="^y_pred should be a 1d array"):
        as_frame(np.zeros((2, 2, 2)), "y_pred")


@pytest.mark.parametrize("columns", [["a", "a"], [0, "y0"], [1, 1]])
def test_columns_of_one_name_are_an_error(columns):
    with pytest.raises(ValueError, match="^y has several columns of each name in"):
        read_targets(pd.DataFrame([[0, 1]], columns=columns))


# -- declared classes -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "classes",
    [
        [0, 1, 2],
        np.array([2, 1, 0]),
        [[0, 1, 2]],
        np.array([[2, 1, 0]]),
        {"y": [2, 1, 0]},
        pd.Series([2, 1, 0], index=[7, 8, 9]),
        [pd.Series([2, 1, 0], index=[7, 8, 9])],
        pl.Series([2, 1, 0]),
    ],
)
def test_classes_of_a_single_task_can_be_declared(classes):
    fitted, _ = encoder([0, 0], "multiclass", classes=classes)
    assert fitted.tasks[0].classes.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "classes", [[[0, 1], None, ["w", "x", "y", "z"]], {"c": ["w", "x", "y", "z"]}]
)
def test_classes_of_several_tasks_are_declared_in_order_or_by_name(classes):
    fitted, _ = encoder(Y, classes=classes)
    assert [None if t.classes is None else t.classes.tolist() for t in fitted.tasks] == [
        [0, 1],
        None,
        ["w", "x", "y", "z"],
    ]


def test_declared_classes_win_over_a_columns_categories():
    column = pd.Series(["a", "b"], dtype="category")
    fitted, _ = encoder(column, "multiclass", classes=["a", "b", "c"])
    assert fitted.tasks[0].classes.tolist() == ["a", "b", "c"]


def test_declared_classes_of_unknown_tasks_are_an_error():
    with pytest.raises(ValueError, match=r"classes names \['z'\]"):
        encoder(Y, classes={"z": [0, 1]})
    with pytest.raises(ValueError, match=r"classes has 2 entries instead of one for"):
        encoder(Y, classes=[[0, 1], None])


@pytest.mark.parametrize(
    "classes", [[], {"p", "q"}, ["p", "q", None], np.array(["p", np.nan], object), "pq", 5]
)
def test_declared_classes_that_are_no_list_are_an_error(classes):
    with pytest.raises(ValueError, match="classes of target 'y' is .*: it must be a list"):
        encoder(["p", "q"], classes=classes)
    with pytest.raises(ValueError, match="classes of target 'c' is .*: it must be a list"):
        encoder(Y, classes={"c": classes})


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (["p", "q", np.nan], "classes of target 'y' is .*: it must be a list .*missing"),
        (np.ma.array(["p", "q"], mask=[False, True]), "(?s)classes of target 'y' is .*missing"),
        (["p", "q", 1], "^classes: Target 'y' holds values of type mixed-integer"),
        ([0j, 1j], "^classes: Target 'y' holds values of type complex"),
        ([0, 1, np.inf], "^classes: Input y contains infinity .* in target 'y'"),
        (
            [0, 1, 10**30],
            "^classes: Target 'y' holds whole numbers that do not fit into 64 bits",
        ),
    ],
)
def test_declared_classes_that_are_no_labels_are_an_error(classes, message):
    labels = ["p", "q"] if isinstance(classes[0], str) else [0, 1]
    with pytest.raises((TypeError, ValueError), match=message):
        encoder(labels, "multiclass", classes=classes)


@pytest.mark.parametrize(
    "classes",
    [["p", "q"], [0, 1, 2**64 - 1], np.array([0, 1], np.float16), np.array([0, 1], np.uint8)],
)
def test_declared_classes_are_read_as_labels_are(classes):
    declared = encoder(classes[:2], "multiclass", classes=classes)[0].tasks[0].classes
    observed = encoder(classes, "multiclass")[0].tasks[0].classes
    assert declared.dtype == observed.dtype
    assert declared.tolist() == observed.tolist() == list(classes)


# -- encoding and back ----------------------------------------------------------------------------


def test_scales_are_learnt_from_the_weighted_labels():
    weights = np.array([[1.0], [3.0], [0.0]])
    fitted, _ = encoder(np.array([1.0, 2.5, np.nan]), weights=weights)
    assert fitted.tasks[0].mean == pytest.approx(2.125)


COLUMNS = {
    "strings": st.sampled_from(["a", "b", "ä", ""]),
    "bools": st.booleans(),
    "ints": st.integers(-4, 4),
    "floats": st.floats(-1e3, 1e3).map(lambda v: round(v, 3) + 0.0001),
}


@st.composite
def tables(draw):
    """Draw a data frame of columns of any kind with labels missing at random."""
    n_rows = draw(st.integers(4, 12))
    columns = {}
    for position in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(list(COLUMNS)))
        values = draw(st.lists(COLUMNS[kind], min_size=n_rows, max_size=n_rows, unique=False))
        values[:2] = {"strings": ["a", "b"], "bools": [True, False], "ints": [0, 1],
                      "floats": [0.5, 1.25]}[kind]  # fmt: skip
        mask = draw(st.lists(st.booleans(), min_size=n_rows - 2, max_size=n_rows - 2))
        values[2:] = [v if seen else None for v, seen in zip(values[2:], mask, strict=True)]
        columns[f"c{position}"] = pd.Series(values, dtype=object)
    return pd.DataFrame(columns)


@pytest.mark.filterwarnings("ignore:Target 'c.' has classes that may stand for:UserWarning")
@given(tables())
def test_perfect_outputs_give_every_label_back(y):
    fitted, labels = encoder(y)
    decoded = fitted.decode(fitted.split_outputs(perfect_outputs(fitted, labels)))
    for task, name, predictions in zip(fitted.tasks, y, decoded, strict=True):
        seen = y[name].notna().to_numpy()
        expected = y[name][seen].tolist()
        assert len(predictions) == len(y)
        if task.has_classes:
            assert predictions[seen].tolist() == expected
        else:
            np.testing.assert_allclose(predictions[seen], expected, rtol=1e-9, atol=1e-9)
    outputs = fitted.split_outputs(perfect_outputs(fitted, labels))
    scores = fitted.score(fitted.decode(outputs), labels, np.ones(y.shape))
    np.testing.assert_allclose(scores, 1.0)


@given(tables())
def test_the_library_that_y_comes_from_changes_no_label(y):
    # As polars reads it: a column has one type and null where there is no label.
    other = pl.DataFrame({name: y[name].where(y[name].notna(), None).tolist() for name in y})
    rows = y.where(y.notna(), None).to_numpy().tolist()
    for form in (other, rows):
        for column, expected in zip(read_targets(form)[0], read_targets(y)[0], strict=True):
            assert column.observed.tolist() == expected.observed.tolist()
            assert column.observed.dtype == expected.observed.dtype
            np.testing.assert_array_equal(column.mask, expected.mask)


@st.composite
def labels_and_rows(draw):
    """Draw a column, rows to take (in any order, some twice) and labels to drop."""
    n_rows = draw(st.integers(1, 12))
    values = draw(st.lists(st.none() | st.integers(0, 5), min_size=n_rows, max_size=n_rows))
    rows = draw(st.lists(st.integers(0, n_rows - 1), max_size=15))
    dropped = draw(st.lists(st.booleans(), min_size=n_rows, max_size=n_rows))
    return np.array(values, dtype=float), np.array(rows, dtype=int), np.array(dropped)


@given(labels_and_rows())
def test_taking_and_dropping_labels_are_numpys_own(case):
    values, rows, dropped = case
    column = Labels.read("y", pd.Series(values))
    taken, expected = column.take(rows), values[rows]
    np.testing.assert_array_equal(taken.mask, ~np.isnan(expected))
    np.testing.assert_array_equal(taken.observed, expected[~np.isnan(expected)])
    kept, expected = column.drop(dropped), np.where(dropped, np.nan, values)
    np.testing.assert_array_equal(kept.mask, ~np.isnan(expected))
    np.testing.assert_array_equal(kept.observed, expected[~np.isnan(expected)])


# -- predictions in y's own form ------------------------------------------------------------------

KEPT = [
    pd.Series(["a", None, "b"]),
    pd.Series(["a", None, "b"], dtype="string"),
    pd.Series(["a", None, "b"], dtype=object),
    pd.Series(["a", None, "b"], dtype="category"),
    pd.Series(["a", None, "b"], dtype=pd.CategoricalDtype(["b", "c", "a"], ordered=True)),
    pd.Series([1, None, 2], dtype="Int64"),
    pd.Series([1, 2, 3], dtype="int8"),
    pd.Series([True, None, False], dtype="boolean"),
    pd.Series([True, False, False]),
    pd.Series([1.0, np.nan, 2.0]),
    pd.Series([1.5, np.nan, 2.0], dtype="float32"),
    pd.Series([1.5, None, 2.0], dtype="Float64"),
]


@pytest.mark.parametrize("column", KEPT, ids=lambda column: str(column.dtype))
def test_predictions_keep_dtype_columns_and_the_index_of_x(column):
    index = pd.Index(["p", "q", "r"])
    y = pd.DataFrame({"first": [1, 0, 1], 2: column})
    predictions = round_trip(y, index=index)
    assert isinstance(predictions, pd.DataFrame)
    assert list(predictions.columns) == ["first", 2]
    assert predictions.index.equals(index)
    assert predictions[2].dtype == column.dtype
    seen = column.notna().to_numpy()
    assert predictions[2][seen].tolist() == pytest.approx(column[seen].tolist())
    assert predictions["first"].tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("dtype", "largest"),
    [
        ("float16", 65_504.0),
        ("float32", 3e38),
        ("Float32", 3e38),
        ("halffloat[pyarrow]", 65_504.0),
    ],
)
def test_numbers_beyond_a_columns_dtype_are_predicted_in_float64(dtype, largest):
    y = pd.DataFrame({"n": [0.0, -largest, largest], "m": [0.5, 1.5, 2.5]}).astype({"n": dtype})
    fitted, _ = encoder(y, "regression")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kept = fitted.form.assemble(fitted.tasks, [np.array([0.0, 1.0, 2.0])] * 2, None)
        wide = fitted.form.assemble(fitted.tasks, [np.array([0.0, 1.0, 2 * largest])] * 2, None)
    assert kept["n"].dtype == y["n"].dtype
    assert wide["n"].dtype == np.float64 and wide["n"].tolist() == [0.0, 1.0, 2 * largest]


def test_numbers_beyond_a_dtype_of_polars_are_predicted_in_float64():
    y = pl.DataFrame(
        {"n": [0.0, 3e38], "m": [0.5, 1.5]}, schema={"n": pl.Float32, "m": pl.Float64}
    )
    fitted, _ = encoder(y, "regression")
    kept = fitted.form.assemble(fitted.tasks, [np.array([0.0, 1.0])] * 2, None)
    wide = fitted.form.assemble(fitted.tasks, [np.array([0.0, 6e38])] * 2, None)
    assert kept["n"].dtype == pl.Float32
    assert wide["n"].dtype == pl.Float64 and wide["n"].to_list() == [0.0, 6e38]


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([0, 1], dtype="int8"),
        pd.Series([False, True]),
        pd.Series([0, 1], dtype="Int8"),
        pd.Series([0, 1], dtype="int8[pyarrow]"),
        pl.Series([0, 1], dtype=pl.Int8),
    ],
    ids=lambda column: str(column.dtype),
)
def test_declared_classes_beyond_a_columns_dtype_are_predicted_in_their_own(column):
    library = pl if isinstance(column, pl.Series) else pd
    y = library.DataFrame({"a": column, "b": [0.5, 1.5]})
    for classes, kept in ([[0, 1], True], [[0, 1, 300], False], [[0, 1, 0.5], False]):
        fitted, _ = encoder(y, ["multiclass", "regression"], classes={"a": classes})
        predictions = [np.array(classes), np.array([0.5] * len(classes))]
        found = fitted.form.assemble(fitted.tasks, predictions, None)
        assert found["a"].to_list() == classes
        assert (found["a"].dtype == column.dtype) == kept


@pytest.mark.parametrize("names", [[None, None], ["group", "part"], ["group", None], ["task"]])
def test_columns_and_their_levels_come_back_as_they_were(names):
    y = pd.DataFrame({("one", "a"): [0.5, 1.5, 2.5], ("two", "b"): [1.0, 0.5, 2.0]})
    if len(names) == 1:
        y.columns = y.columns.droplevel(0)
    y.columns = y.columns.set_names(names)
    predictions = round_trip(y)
    pd.testing.assert_frame_equal(predictions, y)
    form = encoder(y)[0].form
    deviations = form.assemble_floats([np.ones(3), np.zeros(3)], y.index)
    pd.testing.assert_index_equal(deviations.columns, y.columns)


def test_names_that_are_tuples_come_back_in_a_single_level():
    y = pd.DataFrame({("one", "a"): [0.5, 1.5, 2.5], ("two", "b"): [1.0, 0.5, 2.0]})
    y.columns = y.columns.to_flat_index()
    pd.testing.assert_frame_equal(round_trip(y), y)


def test_numbers_of_integer_columns_are_predicted_as_floats():
    y = pd.DataFrame({"n": [1, 2, 4], "m": pd.Series([1, None, 2], dtype="Int64")})
    predictions = round_trip(y, {"n": "count", "m": "regression"})
    assert predictions.dtypes.tolist() == [np.float64, np.float64]
    np.testing.assert_allclose(predictions["n"], [1, 2, 4])
    other = round_trip(pl.DataFrame({"n": [1, 2, 4]}), "count")
    assert other.schema == {"n": pl.Float64}


@pytest.mark.filterwarnings("ignore:Target 'y' is constant:UserWarning")
@pytest.mark.parametrize("column", [case[0] for case in POLARS.values()], ids=POLARS.keys())
def test_polars_in_polars_out_with_columns_and_dtypes(column):
    y = pl.DataFrame([pl.Series("first", [i % 2 for i in range(len(column))]), column])
    predictions = round_trip(y)
    assert isinstance(predictions, pl.DataFrame)
    assert predictions.schema == y.schema
    seen = column.is_not_null()
    assert predictions["y"].filter(seen).to_list() == pytest.approx(column.drop_nulls().to_list())


@pytest.mark.parametrize("kind", ["auto", "multiclass"])
@pytest.mark.parametrize("ordered", [False, True])
def test_arrows_dictionaries_are_classes_and_come_back_as_categories(ordered, kind):
    codes = pa.array([2, 0, None, 1], pa.int8())
    values = pa.DictionaryArray.from_arrays(codes, ["S", "M", "L"], ordered=ordered)
    column = pd.Series(values, dtype=pd.ArrowDtype(values.type))
    y = pd.DataFrame({"a": column, "b": [0, 1, 0, 1]})
    predictions = round_trip(y, {"a": kind})
    assert predictions["a"].dtype == pd.CategoricalDtype(["S", "M", "L"], ordered=ordered)
    assert predictions["a"].tolist()[:2] == ["L", "S"]
    for own in (y, predictions):
        task = encoder(own)[0].tasks[0]
        assert task.kind == ("ordinal" if ordered else "multiclass")
        assert task.classes[task.order].tolist() == list("SML" if ordered else "LMS")


def test_predictions_beyond_the_categories_of_a_dictionary_are_strings():
    column = pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int8()), ["a", "b"])
    y = pd.DataFrame({"a": pd.Series(column, dtype=pd.ArrowDtype(column.type)), "b": [0, 1]})
    fitted, _ = encoder(y, classes={"a": ["a", "b", *map(str, range(200))], "b": [0, 1]})
    predictions = fitted.form.assemble(
        fitted.tasks, [np.array(["199"], object), np.array([1])], None
    )
    assert predictions["a"].tolist() == ["199"]


@pytest.mark.parametrize(
    "values", [[5, 6], [2.5, 4.5], [True, False], [Decimal("1.5"), Decimal("2.5")]]
)
def test_arrows_dictionaries_of_numbers_and_bools_come_back_too(values):
    codes = pa.DictionaryArray.from_arrays(pa.array([1, 0, None, 0]), pa.array(values))
    y = pd.DataFrame({"a": pd.array(codes, dtype=pd.ArrowDtype(codes.type)), "b": [0, 1, 0, 1]})
    predictions = round_trip(y)
    assert predictions["a"].tolist()[:2] == values[::-1]


def test_decimals_may_be_declared_as_classes():
    y = pd.Series([Decimal(0), Decimal(1), None], name="y", dtype=pd.ArrowDtype(pa.decimal128(3)))
    given = [Decimal(0), Decimal(1)]
    for classes in (pd.Series(given), pa.array(given), y.dropna().unique()):
        task = encoder(y, classes={"y": classes})[0].tasks[0]
        assert task.kind == "binary" and task.classes.tolist() == [0.0, 1.0]
        assert task.classes.dtype == np.float64


def test_tables_that_come_from_pandas_keep_the_names_of_all_libraries():
    frame = pd.DataFrame(np.eye(3), index=pd.Index([5, 6, 7], name="row"))
    labels, form = read_targets(pa.Table.from_pandas(frame))
    assert [column.name for column in labels] == form.names == ["0", "1", "2"]


def test_text_in_views_comes_back_as_text():
    views = pa.array(["u", "v", "w"]).cast(pa.string_view())
    y = pd.DataFrame({"a": pd.Series(views, dtype=pd.ArrowDtype(views.type)), "b": [0, 1, 0]})
    predictions = round_trip(y)
    assert predictions["a"].dtype == pd.ArrowDtype(pa.large_string())
    assert predictions["a"].tolist() == ["u", "v", "w"]


@pytest.mark.parametrize("dtype", [float, "double[pyarrow]", "float[pyarrow]", "Float64"])
def test_nan_is_a_missing_label_in_any_dtype_of_floats(dtype):
    column = pd.Series([1.5, np.nan, 2.5], dtype=dtype)
    labels, _ = read_targets(column.rename("a"))
    assert labels[0].mask.tolist() == [True, False, True]
    assert labels[0].observed.tolist() == [1.5, 2.5]


def test_nan_of_an_arrow_table_is_a_missing_label():
    labels, _ = read_targets(pa.table({"a": np.array([np.nan, 3.5])}))
    assert labels[0].mask.tolist() == [False, True]


def parts_of(*dictionaries):
    """A column in parts, each of which has all values of an ordered dictionary of its own."""
    parts = [
        pa.DictionaryArray.from_arrays(list(range(len(own))), own, ordered=True)
        for own in dictionaries
    ]
    return pa.table({"t": pa.chunked_array(parts)})


def test_parts_in_different_orders_have_none():
    y = parts_of(["S", "M", "L"], ["L", "S"])
    with pytest.warns(UserWarning, match=r"'t' have the orders .*\['L', 'S'\]\]: it is read"):
        fitted, labels = encoder(y)
    assert fitted.tasks[0].kind == "multiclass"
    assert labels[0].observed.tolist() == ["S", "M", "L", "L", "S"]
    with (
        pytest.warns(UserWarning, match="without one"),
        pytest.raises(ValueError, match="no order: make its column"),
    ):
        encoder(y, "ordinal")


def test_lists_of_views_are_named():
    y = pa.table({"l": pa.array([["u"]] * 2, pa.list_(pa.string_view())), "r": [0.5, 1.5]})
    with pytest.raises(TypeError, match="Target 'l' holds values of type"):
        encoder(y)


def test_arrow_tables_are_read_as_data_frames():
    y = pa.table({"words": pa.array(["u", "v", None]), "x": pa.array([0.5, None, 2.5])})
    predictions = round_trip(y)
    assert list(predictions.columns) == ["words", "x"]
    assert predictions["words"].tolist()[:2] == ["u", "v"]
    assert encoder(y["x"])[0].names == ["x"]


@pytest.mark.parametrize("dictionary", [False, True])
def test_text_of_arrow_may_be_in_views(dictionary):
    views = pa.array(["u", None, "w", "v"]).cast(pa.string_view())
    if dictionary:
        codes, values = pa.array([2, None, 0, 1], pa.int8()), pa.array(["u", "w", "v"])
        views = pa.DictionaryArray.from_arrays(codes, values.cast(pa.string_view()), ordered=True)
    whole = pa.table({"words": views})
    in_parts = pa.concat_tables([whole[:2], whole[2:]])
    for y in (whole, in_parts, in_parts["words"], whole.to_batches()[0]):
        fitted, labels = encoder(y)
        assert fitted.names == ["words"]
        assert labels[0].observed.tolist() == (["v", "u", "w"] if dictionary else ["u", "w", "v"])
        assert fitted.tasks[0].kind == ("ordinal" if dictionary else "multiclass")
    assert encoder(views)[0].names == ["y"]
    empty = pa.chunked_array([], views.type)
    assert labels_of(pa.table({"words": empty})).observed.tolist() == []


@pytest.mark.parametrize(
    ("y", "dtype"),
    [
        (np.array([[0, 1], [1, 0]]), np.int64),
        (np.array([[0.0, 1.5], [1.0, 0.25]]), np.float64),
        (np.array([["a", "c"], ["b", "d"]]), object),
        ([[0, 1.5], [1, 0.25]], np.float64),
        ([[0, "a"], [1, "b"]], object),
        ([[True, "a"], [False, "b"]], object),
        ([[0.5, "a"], [1.5, "b"]], object),
        (np.array([[3, LONG], [LONG, 3]], dtype=np.uint64), np.uint64),
        ([[LONG, 1.5], [3, 0.25]], object),
        ([[LONG, -1], [3, 1]], object),
        ([[2**53 + 1, 1.5], [3, 0.25]], object),
    ],
)
def test_arrays_come_back_as_arrays_and_mixed_ones_as_objects(y, dtype):
    predictions = round_trip(y)
    assert predictions.dtype == dtype
    expected = np.asarray(y, dtype=object)
    assert predictions.shape == expected.shape
    for value, other in zip(predictions.ravel(), expected.ravel(), strict=True):
        assert value == (pytest.approx(other) if isinstance(other, float) else other)


@pytest.mark.parametrize(
    "y",
    [["a", "b"], np.array([3, 5]), pd.Series(["a", "b"], name="s"), pl.Series("s", ["a", "b"])],
)
def test_one_dimensional_y_comes_back_as_an_array(y):
    predictions = round_trip(y)
    assert isinstance(predictions, np.ndarray)
    assert predictions.tolist() == list(y)


def test_floats_of_tasks_come_in_the_form_of_y():
    columns, index = [np.array([0.5, 1.5]), np.array([2.5, 3.5])], pd.Index(["r", "s"])
    y = pd.DataFrame({"a": [1, 2], "b": ["u", "v"]})
    expected = pd.DataFrame({"a": columns[0], "b": columns[1]}, index=index)
    frame = read_targets(y)[1].assemble_floats(columns, index)
    pd.testing.assert_frame_equal(frame, expected)
    assert (
        read_targets(pl.DataFrame(y.to_dict("list")))[1]
        .assemble_floats(columns, None)
        .equals(pl.DataFrame({"a": columns[0], "b": columns[1]}))
    )
    table = read_targets(np.eye(2))[1].assemble_floats(columns, None)
    np.testing.assert_array_equal(table, np.transpose(columns))
    for one in ([1, 2], pd.Series([1, 2], name="a")):
        alone = read_targets(one)[1].assemble_floats(columns[:1], index)
        assert isinstance(alone, np.ndarray) and alone.tolist() == [0.5, 1.5]


# -- scores and further y -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fitted", "labels", "message"),
    [
        (
            ["u", "v"],
            [0, 1],
            "'k' holds numbers, such as 0, but its classes are text, such as 'u'",
        ),
        (["u", "v"], [True, None], "'k' holds numbers, such as True, but its classes are text"),
        (
            [0, 1],
            ["u", None],
            "'k' holds text, such as 'u', but its classes are numbers, such as 0",
        ),
        (
            [True, False],
            ["0", "1"],
            "'k' holds text, such as '0', but its classes are numbers, such as F",
        ),
        ([0.5, 1.5], ["0.5", "1.5"], "'k' holds text, such as '0.5', but is of kind 'regression'"),
    ],
)
def test_further_y_of_another_type_is_an_error(fitted, labels, message):
    own, _ = encoder(pd.DataFrame({"k": fitted, "n": [0.5, 1.5]}))
    with pytest.raises(ValueError, match=f"Target {message}.*: pass labels of the same type"):
        own.read(pd.DataFrame({"k": labels, "n": [0.5, 1.5]}), np.zeros(2))


@pytest.mark.parametrize(
    ("fitted", "labels"), [([0, 1], [True, None]), ([0, 1], [1.0, 0.0]), (["u", "v"], [None, "w"])]
)
def test_further_y_of_the_same_type_is_taken(fitted, labels):
    own, _ = encoder(pd.DataFrame({"k": fitted, "n": [0.5, 1.5]}))
    read = own.read(pd.DataFrame({"k": labels, "n": [None, None]}), np.zeros(2))
    assert read[0].observed.tolist() == [label for label in labels if label is not None]


@pytest.mark.parametrize("nulls", [pa.nulls(3), pa.chunked_array([pa.nulls(3)])])
def test_nulls_of_arrow_are_missing_labels(nulls):
    fitted, _ = encoder(Y)
    labels = fitted.read(pa.table({"a": nulls, "b": [0.5, 1.5, None], "c": nulls}), np.zeros(3))
    assert [column.observed.tolist() for column in labels] == [[], [0.5, 1.5], []]
    frame = pd.DataFrame({"a": pd.array(nulls, dtype=pd.ArrowDtype(pa.null())), "b": 0.5, "c": ""})
    assert not fitted.read(frame, np.zeros(3))[0].mask.any()


def test_scores_skip_missing_labels_and_tasks_without_any():
    fitted, labels = encoder(Y)
    outputs = fitted.split_outputs(perfect_outputs(fitted, labels))
    other = pd.DataFrame({"a": [0, None, 0], "b": [0.5, 1.5, 2.5], "c": [None, None, None]})
    scores = fitted.score(fitted.decode(outputs), read_targets(other)[0], np.ones((3, 3)))
    assert scores[:2] == [0.5, pytest.approx(1.0)]
    assert np.isnan(scores[2])
    weights = np.array([[3.0, 1, 1], [0, 1, 1], [1, 1, 1]])
    assert fitted.score(fitted.decode(outputs), read_targets(other)[0], weights)[0] == 0.75


@pytest.mark.parametrize("y", [Y, Y.to_numpy(), pl.DataFrame(Y.to_dict("list"))])
def test_further_y_of_the_same_columns_is_taken(y):
    fitted, _ = encoder(Y)
    labels, form = read_targets(y)
    fitted.check_same(labels, form)
    np.testing.assert_allclose(fitted.encode(labels)[:, 0], [0, 1, 1])


def test_the_name_of_a_series_does_not_matter():
    fitted, _ = encoder(pd.Series([0.5, 1.5], name="train"))
    for y in (pd.Series([0.5, 2.5], name="test"), pd.Series([0.5, 2.5]), pl.Series([0.5, 2.5])):
        assert fitted.read(y, np.zeros(2))[0].observed.tolist() == [0.5, 2.5]
    with pytest.raises(ValueError, match=r"y has the targets \['test'\], .* with \['train'\]"):
        fitted.read(pd.DataFrame({"test": [0.5, 2.5]}), np.zeros(2))


@pytest.mark.parametrize("y", [Y[["a", "c", "b"]], Y.rename(columns={"a": "z"}), Y[["a", "b"]]])
def test_further_y_of_other_columns_is_an_error(y):
    fitted, _ = encoder(Y)
    with pytest.raises(ValueError, match=r"y has the targets .* fitted with \['a', 'b', 'c'\]"):
        fitted.check_same(*read_targets(y))
