"""The tasks' weights over the epochs against their closed form."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_ple.tasks import Binary, Regression, TaskWeights, count_labels

NAMES = ["income", "age", "smokes"]


def encode(task, labels):
    """Fit a task; return its targets."""
    return task.fit(labels, np.ones(len(labels)), None).encode(labels)


def test_every_label_counts_the_same():
    weights = TaskWeights(NAMES, "labels", 0.5, np.array([30.0, 60.0, 0.0]))
    np.testing.assert_array_equal(weights.at(1), [0.25, 0.5, 0.0])


def test_labels_count_by_their_weights():
    tasks = [Binary(), Binary()]
    targets = np.column_stack([encode(task, np.arange(8) % 2) for task in tasks])
    weights = np.ones((8, 2))
    weights[2:, 1], weights[0, 0] = 0, 3
    np.testing.assert_array_equal(count_labels(targets, weights, tasks), [10, 2])


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_rare_extreme_numbers_count_less(scale):
    rng = np.random.default_rng(0)
    columns = rng.normal(size=20_000), rng.uniform(size=20_000), rng.laplace(size=20_000)
    tasks = [Regression() for _ in columns]
    targets = np.column_stack(
        [encode(task, scale * column) for task, column in zip(tasks, columns, strict=True)]
    )
    shares = count_labels(targets, np.ones(targets.shape), tasks) / 20_000
    # The kurtosis of a normal distribution is 3, of a uniform one less, of Laplace's 6.
    np.testing.assert_allclose(shares, [1, 1, 2 / 5], rtol=0.15)


@given(
    st.lists(st.floats(0, 100), min_size=3, max_size=3).filter(any),
    st.lists(st.floats(1e-9, 1.5), min_size=3, max_size=3),
    st.integers(0, 50),
)
def test_weights_are_powers_of_gamma(initial, gamma, epoch):
    weights = TaskWeights(NAMES, initial, gamma)
    expected = list(initial)
    for _ in range(epoch):
        expected = [w * g for w, g in zip(expected, gamma, strict=True)]
    np.testing.assert_allclose(weights.at(epoch), expected, rtol=1e-10, atol=1e-300)


@pytest.mark.parametrize("container", [list, tuple, np.array])
def test_sequences_are_in_task_order(container):
    weights = TaskWeights(NAMES, container([1.0, 2.0, 3.0]), container([1.0, 0.5, 2.0]))
    np.testing.assert_array_equal(weights.at(2), [1.0, 0.5, 12.0])


def test_dicts_are_by_name_and_others_stay_one():
    weights = TaskWeights(NAMES, {"smokes": 4, "income": 2}, {"age": 0.5})
    np.testing.assert_array_equal(weights.at(1), [2.0, 0.5, 4.0])


@pytest.mark.parametrize("weights", [[0, 0.0, 0], dict.fromkeys(NAMES, 0)])
def test_weights_that_are_all_zero_are_an_error(weights):
    with pytest.raises(ValueError, match="task_weights is 0 for all tasks: at least one must be"):
        TaskWeights(NAMES, weights, 1.0)


@pytest.mark.parametrize(
    "decay", [0, [1.0, 0.0, 0.5], [0, 0, 0], {"age": 0}, {"age": np.float32(0)}]
)
def test_no_factor_per_epoch_is_zero(decay):
    with pytest.raises(ValueError, match="task_weight_decay of task '.*' is 0, .* be positive"):
        TaskWeights(NAMES, None, decay)


@pytest.mark.parametrize("bad", [-1, np.nan, np.inf, True, "1", None, 1j, [1.0]])
@pytest.mark.parametrize("parameter", ["task_weights", "task_weight_decay"])
def test_an_error_names_the_parameter_and_the_task(parameter, bad):
    arguments = {"task_weights": None, "task_weight_decay": 1.0, parameter: {"age": bad}}
    with pytest.raises(ValueError, match=rf"{parameter} of task 'age' is .*0 or more"):
        TaskWeights(NAMES, **arguments)


@pytest.mark.parametrize("parameter", ["task_weights", "task_weight_decay"])
def test_an_unknown_task_is_an_error(parameter):
    arguments = {"task_weights": None, "task_weight_decay": 1.0, parameter: {"Age": 1}}
    with pytest.raises(ValueError, match=rf"{parameter} names \['Age'\].*'income', 'age'"):
        TaskWeights(NAMES, **arguments)


@pytest.mark.parametrize("parameter", ["task_weights", "task_weight_decay"])
def test_a_wrong_number_of_entries_is_an_error(parameter):
    arguments = {"task_weights": None, "task_weight_decay": 1.0, parameter: [1, 2]}
    with pytest.raises(ValueError, match=rf"{parameter} has 2 entries instead of one for"):
        TaskWeights(NAMES, **arguments)
