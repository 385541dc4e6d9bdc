"""How much each label counts, against numpy and scikit-learn's sample weights."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn import config_context
from sklearn.utils.class_weight import compute_sample_weight

from sklearn_ple.encoding.class_weights import weigh_classes
from sklearn_ple.encoding.targets import TargetEncoder
from sklearn_ple.tables.labels import read_targets
from sklearn_ple.tables.weights import find_label_weights, read_weights, weigh

Y = pd.DataFrame(
    {
        "sex": ["f", "m", None, "f", "f"],
        "age": [30.5, np.nan, 41.0, 22.0, 60.0],
        "size": pd.Series([0, 1, 2, 2, None], dtype="Int64"),
    }
)
MASK = Y.notna().to_numpy()


def targets_and_tasks(y=Y):
    labels, form = read_targets(y)
    encoder = TargetEncoder("auto", None).fit(labels, form, find_label_weights(None, labels))
    return encoder.encode(labels), encoder.tasks


# -- sample weights -------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [list, np.array, pd.Series, pl.Series])
def test_weights_of_rows_are_those_of_all_their_labels(make):
    given_weights = [1.0, 2.0, 3.0, 0.0, 0.5]
    weights = find_label_weights(make(given_weights), read_targets(Y)[0])
    np.testing.assert_array_equal(weights, MASK * np.array(given_weights)[:, None])


@pytest.mark.parametrize("make", [np.ndarray.tolist, np.array, pd.DataFrame, pl.DataFrame])
def test_weights_of_labels_are_taken_one_by_one(make):
    given_weights = np.arange(15.0).reshape(5, 3)
    weights = find_label_weights(make(given_weights), read_targets(Y)[0])
    np.testing.assert_array_equal(weights, np.where(MASK, given_weights, 0.0))


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table])
def test_columns_with_the_names_of_the_tasks_may_be_in_any_order(make):
    weights = make({"c": [1.0, 2.0], "a": [3.0, 4.0], "b": [5.0, 6.0]})
    expected = [[3, 5, 1], [4, 6, 2]]
    np.testing.assert_array_equal(read_weights(weights, 2, ["a", "b", "c"]), expected)
    # With other names the order is that of the columns.
    np.testing.assert_array_equal(
        read_weights(weights, 2, ["x", "y", "z"]), [[1, 3, 5], [2, 4, 6]]
    )


@pytest.mark.parametrize(
    "make", [lambda w: pl.Series("y", w), pl.Series, pa.array, lambda w: pa.chunked_array([w])]
)
def test_the_name_of_weights_of_rows_does_not_matter(make):
    # Without a name, a series would be called "y" like the task.
    weights = read_weights(make([1.0, 2.0]), 2, ["y", "z"])
    np.testing.assert_array_equal(weights, [[1, 1], [2, 2]])


@pytest.mark.parametrize("columns", [["b", "other"], ["a"], ["a", "b", "c"], ["a", "a"]])
def test_columns_of_which_only_some_have_names_of_tasks_are_an_error(columns):
    weights = pd.DataFrame(np.ones((2, len(columns))), columns=columns)
    message = r"sample_weight has the columns \['.*\], but the tasks are \['a', 'b'\]: pass a"
    with pytest.raises(ValueError, match=message):
        read_weights(weights, 2, ["a", "b"])


def test_weights_of_a_single_tasks_labels_have_one_or_two_dimensions():
    labels = read_targets([0, 1, 1])[0]
    for weights in ([1, 2, 3], [[1], [2], [3]]):
        np.testing.assert_array_equal(find_label_weights(weights, labels), [[1], [2], [3]])


@given(st.data())
def test_a_missing_label_never_has_weight(data):
    n_rows, n_tasks = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 4))
    cells = st.lists(st.none() | st.integers(0, 3), min_size=n_tasks, max_size=n_tasks)
    y = np.array(data.draw(st.lists(cells, min_size=n_rows, max_size=n_rows)), dtype=float)
    shape = data.draw(st.sampled_from([(n_rows,), (n_rows, n_tasks)]))
    numbers = st.lists(
        st.floats(0.1, 9), min_size=int(np.prod(shape)), max_size=int(np.prod(shape))
    )
    given_weights = np.array(data.draw(numbers)).reshape(shape)
    weights = find_label_weights(given_weights, read_targets(y)[0])
    assert weights.shape == y.shape
    np.testing.assert_array_equal(weights == 0, np.isnan(y))
    expanded = np.broadcast_to(given_weights.reshape(n_rows, -1), y.shape)
    np.testing.assert_array_equal(weights[~np.isnan(y)], expanded[~np.isnan(y)])


def test_weights_of_rows_or_labels_are_read_as_those_of_labels():
    by_row, by_label = np.array([1.0, 0.0, 2.5]), np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(
        read_weights(by_row, 3, ["a", "b"]), np.column_stack([by_row, by_row])
    )
    np.testing.assert_array_equal(read_weights(by_label.tolist(), 3, ["a", "b"]), by_label)
    # All may be zero here; the caller may check for it.
    np.testing.assert_array_equal(read_weights([0, 0, 0], 3, ["y"]), np.zeros((3, 1)))


@pytest.mark.parametrize("shape", [(4,), (6,), (5, 2), (3, 5), (5, 1)])
def test_weights_of_another_shape_are_an_error(shape):
    with pytest.raises(ValueError, match=r"sample_weight has shape .*\(5,\).*or \(5, 3\)"):
        find_label_weights(np.ones(shape), read_targets(Y)[0])


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("assume_finite", [False, True])
def test_weights_that_are_not_finite_are_an_error(value, assume_finite):
    with (
        config_context(assume_finite=assume_finite),
        pytest.raises(ValueError, match="sample_weight contains"),
    ):
        find_label_weights([1.0, 1.0, 1.0, 1.0, value], read_targets(Y)[0])


@pytest.mark.parametrize("value", ["a", {}, None, pytest.param(10**400, id="huge")])
def test_weights_that_are_no_numbers_are_an_error(value):
    with pytest.raises(ValueError, match="sample_weight (must hold numbers|contains)"):
        find_label_weights([1.0, 1.0, 1.0, 1.0, value], read_targets(Y)[0])


@pytest.mark.parametrize("shape", [(5,), (5, 3)])
def test_negative_weights_are_an_error(shape):
    weights = np.ones(shape)
    weights[2] = -1.0
    with pytest.raises(ValueError, match="Negative values in data passed to `sample_weight`"):
        find_label_weights(weights, read_targets(Y)[0])


def test_weights_that_are_all_zero_are_an_error():
    with pytest.raises(ValueError, match="sample_weight is zero"):
        find_label_weights(np.zeros(5), read_targets(Y)[0])


@given(
    st.lists(st.floats(0.001, 1000) | st.just(0.0), min_size=5, max_size=5).filter(any),
    st.floats(-300, 300),
)
def test_only_how_labels_weigh_beside_each_other_counts(given_weights, exponent):
    _, weights = weigh(read_targets(Y)[0], given_weights)
    expected = MASK * np.array(given_weights)[:, None]
    assume(expected.any())
    np.testing.assert_allclose(weights, expected / expected[expected > 0].mean())
    with np.errstate(all="raise"):
        _, scaled = weigh(read_targets(Y)[0], 10**exponent * np.array(given_weights))
    np.testing.assert_allclose(scaled, weights, rtol=1e-12)


@given(st.lists(st.floats(0.001, 1000), min_size=5, max_size=5), st.integers(-900, 900))
def test_twice_the_weights_are_exactly_the_same(given_weights, exponent):
    labels = read_targets(Y)[0]
    weights = weigh(labels, given_weights)[1]
    scaled = weigh(labels, 2.0**exponent * np.array(given_weights))[1]
    np.testing.assert_array_equal(scaled, weights)


def test_labels_may_all_be_without_a_weight():
    y = pd.DataFrame({"a": [1.0, np.nan], "b": [2.0, np.nan]})
    with np.errstate(all="raise"):
        labels, weights = weigh(read_targets(y)[0], [0.0, 3.0])
    np.testing.assert_array_equal(weights, np.zeros((2, 2)))
    assert [len(column.observed) for column in labels] == [0, 0]


# -- class weights --------------------------------------------------------------------------------


def expected_weights(per_task):
    """Return scikit-learn's weights of the observed labels, one elsewhere."""
    result = np.ones(Y.shape)
    for position, name in enumerate(Y):
        if per_task.get(name) is not None:
            seen = MASK[:, position]
            result[seen, position] = compute_sample_weight(
                per_task[name], Y[name][seen].to_numpy()
            )
    return result


def unweighted(y, class_weight):
    """The class weights of labels that weigh the same; 0 for missing ones."""
    return weigh_classes(y.notna().to_numpy() * 1.0, *targets_and_tasks(y), class_weight)


@pytest.mark.parametrize(
    ("class_weight", "per_task"),
    [
        (None, {}),
        ("balanced", {"sex": "balanced", "size": "balanced"}),
        ({"sex": "balanced"}, {"sex": "balanced"}),
        ({"sex": {"f": 2.0, "m": 5.0}}, {"sex": {"f": 2.0, "m": 5.0}}),
        ([None, None, {0: 1, 1: 2, 2: 4}], {"size": {0: 1, 1: 2, 2: 4}}),
        (["balanced", None, None], {"sex": "balanced"}),
        ({"size": {1: 3.0}}, {"size": {0: 1.0, 1: 3.0, 2: 1.0}}),
    ],
)
def test_class_weights_are_scikit_learns_on_the_observed_labels(class_weight, per_task):
    weights = unweighted(Y, class_weight)
    np.testing.assert_allclose(weights, expected_weights(per_task) * MASK, rtol=1e-12)


def test_a_class_may_have_the_name_of_the_only_task():
    y = pd.DataFrame({"f": ["f", "m", "f"]})
    np.testing.assert_array_equal(unweighted(y, {"f": 2.0}), [[2], [1], [2]])
    np.testing.assert_array_equal(unweighted(y, {"f": {"f": 2.0}}), [[2], [1], [2]])


def test_labels_weigh_as_their_classes_do():
    targets, tasks = targets_and_tasks()
    weights = np.linspace(0, 1, 15).reshape(5, 3) * MASK
    by_class = {"sex": {"f": 2.0}}
    expected = weights * unweighted(Y, by_class)
    np.testing.assert_array_equal(weigh_classes(weights, targets, tasks, by_class), expected)
    assert weigh_classes(weights, targets, tasks, None) is weights


def test_integer_weights_are_balanced_like_repeated_rows(seed):
    rng = np.random.default_rng(seed)
    y = pd.DataFrame({"a": rng.integers(0, 3, 50), "b": rng.choice(["u", "v", None], 50)})
    times = rng.integers(1, 5, 50)
    rows = np.repeat(np.arange(50), times)
    weights = times[:, None] * y.notna().to_numpy(dtype=float)
    weighed = weigh_classes(weights, *targets_and_tasks(y), "balanced") / times[:, None]
    np.testing.assert_allclose(weighed[rows], unweighted(y.iloc[rows], "balanced"), rtol=1e-12)
    assert not np.allclose(weighed, unweighted(y, "balanced"))


@pytest.mark.parametrize("y", [["a", "b", "b"], [0, 1, 1], [False, True, True]])
def test_a_single_task_takes_scikit_learns_own_dict_of_classes(y):
    class_weight = {y[0]: 4.0, y[1]: 0.5}
    expected = compute_sample_weight(class_weight, y)
    y = pd.DataFrame({"y": y})
    np.testing.assert_allclose(unweighted(y, class_weight)[:, 0], expected)
    by_name = unweighted(y, {"y": class_weight})
    np.testing.assert_allclose(by_name[:, 0], expected)


def test_classes_that_are_fractions_are_weighed():
    weights = unweighted(pd.DataFrame({"y": pd.Categorical([0.5, 1.5, 1.5])}), {0.5: 4.0})
    np.testing.assert_array_equal(weights[:, 0], [4, 1, 1])


def test_balanced_classes_weigh_the_same_in_all():
    weights = unweighted(Y, "balanced")
    for position, name in [(0, "sex"), (2, "size")]:
        sums = pd.Series(weights[:, position]).groupby(Y[name]).sum()
        np.testing.assert_allclose(sums, MASK[:, position].sum() / len(sums))


@pytest.mark.parametrize("class_weight", ["balanced", {"sex": {"f": 2.0}}])
def test_rows_without_label_for_a_task_have_no_class_to_weigh(class_weight):
    targets, tasks = targets_and_tasks()
    weights = weigh_classes(MASK[2:3] * 1.0, targets[2:3], tasks, class_weight)
    np.testing.assert_array_equal(weights, MASK[2:3])


def test_a_class_that_no_row_has_may_be_weighed():
    y = pd.DataFrame({"sex": pd.Categorical(["f", "m", "m"], categories=["f", "m", "x"])})
    weights = unweighted(y, {"sex": {"f": 2.0, "x": 9.0}})
    np.testing.assert_array_equal(weights[:, 0], [2, 1, 1])


def test_a_class_may_be_left_out_by_a_weight_of_zero():
    # The other class counts as it does: 1.
    weights = unweighted(Y, {"sex": {"f": 0.0}})
    np.testing.assert_array_equal(weights[:, 0], [0, 1, 0, 0, 0])


@pytest.mark.parametrize(
    ("class_weight", "message"),
    [
        ({"Sex": "balanced"}, r"class_weight names \['Sex'\], but the tasks are"),
        ({"f": 2.0, "m": 1.0}, r"class_weight names \['f', 'm'\], but the tasks are"),
        (["balanced"], r"class_weight has 1 entries instead of one for each"),
        ({"sex": {"f": 2.0, "x": 1.0}}, r"of task 'sex' names \['x'\], .* are \['f', 'm'\]"),
        ({"sex": {"f": -1.0}}, "of task 'sex' is -1.0 for 'f': it must be a number, 0 or more"),
        ({"sex": {"f": np.nan}}, "of task 'sex' is nan for 'f'"),
        ({"sex": {"f": "a"}}, "of task 'sex' is 'a' for 'f'"),
        ({"sex": {"f": 0, "m": 0}}, "of task 'sex' is 0 for all classes"),
        ({"sex": 3}, "of task 'sex' is 3: it must be 'balanced', a dict"),
        ({"age": "balanced"}, "of task 'age' is 'balanced', but its labels are numbers: leave"),
    ],
)
def test_wrong_class_weights_are_an_error(class_weight, message):
    with pytest.raises(ValueError, match=message):
        unweighted(Y, class_weight)
