"""Edges of bins: what holds of every column, and where the cuts of particular ones are."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from sklearn_ple.encoding import bins
from sklearn_ple.encoding.bins import learn_edges


def make_column(kind, n_rows, rng):
    """Draw a column of a kind that tables have."""
    values = rng.normal(size=n_rows)
    if kind == "zero-inflated":
        values[rng.random(n_rows) < 0.9] = 0.0
    elif kind == "heavy-tailed":
        values = values * 10.0 ** rng.integers(-30, 30, size=n_rows)
    elif kind == "constant":
        values[:] = 10.0 ** rng.integers(-30, 30) * values[0]
    elif kind == "two-valued":
        values = np.where(values > 0, 1.5, -0.5)
    elif kind == "whole":
        values = np.round(3 * values)
    elif kind == "neighbours":
        values = 1 + rng.integers(0, 4, size=n_rows) * 2.0**-23
    elif kind == "tiny":
        values = values * 1e-44
    return values


KINDS = [
    "normal",
    "zero-inflated",
    "heavy-tailed",
    "constant",
    "two-valued",
    "whole",
    "neighbours",
    "tiny",
]


@st.composite
def tables(draw):
    """Draw numbers, and mixed targets, some of them missing."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_rows = draw(st.integers(1, 200))
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=4))
    numbers = np.column_stack([make_column(kind, n_rows, rng) for kind in kinds])
    numbers = numbers.astype(draw(st.sampled_from(["float32", "float64"])))
    n_classes = draw(st.lists(st.sampled_from([0, 0, 2, 5]), min_size=1, max_size=3))
    targets = np.column_stack(
        [rng.integers(0, n, n_rows) if n else rng.normal(size=n_rows) for n in n_classes]
    ).astype(float)
    weights = rng.random(targets.shape) * (rng.random(targets.shape) < draw(st.floats(0.1, 1)))
    targets[weights == 0] = np.nan
    assume(weights.any())
    return numbers, targets, weights, n_classes


def bin_of(values, edges):
    return np.searchsorted(edges[1:-1], values, side="right")


@given(tables(), st.integers(2, 40))
def test_edges_ascend_from_the_least_to_the_greatest_value(table, n_bins):
    numbers = table[0].astype(np.float32)
    all_edges = learn_edges(*table, n_bins)
    assert len(all_edges) == numbers.shape[1]
    for column, edges in zip(numbers.T, all_edges, strict=True):
        assert edges.dtype == np.float32 and edges.ndim == 1
        assert (np.diff(edges) > 0).all()
        assert edges[0] == column.min()
        distinct = np.unique(column)
        if len(distinct) == 1:
            assert len(edges) == 2
            continue
        assert edges[-1] == column.max()
        # The two greatest values share a bin if nothing is between them in float32.
        n_wanted, adjacent = min(n_bins, len(distinct)), np.nextafter(distinct[-2], np.inf)
        assert n_wanted - (adjacent == distinct[-1]) <= len(edges) - 1 <= n_wanted
        # No bin is empty.
        assert len(np.unique(bin_of(column, edges))) == len(edges) - 1


@given(tables(), st.integers(2, 40))
def test_few_values_get_a_bin_each(table, n_bins):
    numbers, targets, weights, n_classes = table
    numbers = np.round(3 * numbers.clip(-5, 5))
    all_edges = learn_edges(numbers, targets, weights, n_classes, n_bins)
    for column, edges in zip(numbers.T, all_edges, strict=True):
        distinct = np.unique(column)
        if len(distinct) <= n_bins:
            assert bin_of(distinct, edges).tolist() == list(range(len(distinct)))


@given(tables(), st.integers(2, 40))
def test_a_column_is_cut_without_regard_to_others_and_to_the_size_of_weights(table, n_bins):
    numbers, targets, weights, n_classes = table
    all_edges = learn_edges(*table, n_bins)
    for column, edges in zip(numbers.T, all_edges, strict=True):
        other = column[:, None], targets, 2 * weights
        assert_array_equal(learn_edges(*other, n_classes, n_bins)[0], edges)


def test_a_weight_is_as_many_rows(seed):
    rng = np.random.default_rng(seed)
    numbers, times = rng.normal(size=(300, 2)), rng.integers(1, 5, size=300)
    targets = np.column_stack(
        [numbers[:, 0] ** 2 + rng.normal(size=300), rng.integers(3, size=300)]
    )
    weights = np.column_stack([times, times]).astype(float)
    once = learn_edges(numbers, targets, weights, [0, 3], 12)
    rows = np.arange(300).repeat(times)
    again = learn_edges(numbers[rows], targets[rows], np.ones((len(rows), 2)), [0, 3], 12)
    for edges, other in zip(once, again, strict=True):
        assert_array_equal(edges, other)


@pytest.mark.parametrize("value", [0.0, -3.0, 2.0**24, -(2.0**30), 1e12])
def test_a_constant_column_has_one_bin_of_width_one_where_float32_allows(value):
    (edges,) = learn_edges(np.full((5, 1), value), np.ones((5, 1)), np.ones((5, 1)), [0], 8)
    assert edges.dtype == np.float32
    assert edges[0] == np.float32(value) < edges[1]
    if abs(value) < 2**24:
        assert edges[1] == value + 1


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_the_tail_of_a_zero_inflated_column_is_cut_finely(share, seed):
    rng = np.random.default_rng(seed)
    numbers = np.where(rng.random(5000) < share, 0.0, rng.lognormal(size=5000))[:, None]
    targets = np.where(numbers > 0, numbers > 1, 0.5)
    (edges,) = learn_edges(numbers, targets, np.ones((5000, 1)), [0], 16)
    assert len(edges) == 17
    # One cut sets zero apart, one is where the target changes, and all are in the tail.
    tail = np.sort(numbers[numbers > 0]).astype(np.float32)
    assert 0 < edges[1:].min() <= tail[0]
    assert ((tail[tail <= 1].max() <= edges) & (edges <= tail[tail > 1].min())).any()
    shares = np.histogram(tail, edges)[0] / len(tail)
    assert shares.max() < 0.3


@pytest.mark.parametrize("n_classes", [0, 2])
def test_the_cut_of_a_step_is_found_beside_another_target_and_missing_labels(n_classes, seed):
    rng = np.random.default_rng(seed)
    numbers = rng.random((4000, 2))
    step = (numbers[:, 0] > 0.3) * (1.0 if n_classes else 7.0)
    targets = np.column_stack([step, 100 * rng.normal(size=4000)])
    weights = (rng.random(targets.shape) < 0.5).astype(float)
    targets[weights == 0] = 1e6
    first, _ = learn_edges(numbers, targets, weights, [n_classes, 0], 6)
    # Quantiles alone are at sixths.
    assert np.abs(first - 0.3).min() < 0.005


def test_every_class_but_the_first_is_told_apart(seed):
    rng = np.random.default_rng(seed)
    numbers = rng.random((4000, 1))
    # A class between two others, which a regression on positions would not set apart from 0.
    targets = np.select([numbers < 0.23, numbers < 0.41], [2.0, 1.0], default=2.0)
    targets[:5] = 0.0
    (edges,) = learn_edges(numbers, targets, np.ones((4000, 1)), [3], 8)
    assert np.abs(edges - 0.23).min() < 0.005
    assert np.abs(edges - 0.41).min() < 0.005


def test_the_order_of_rows_makes_no_difference():
    rng = np.random.default_rng(0)
    numbers, targets = rng.normal(size=(1000, 3)), rng.normal(size=(1000, 2))
    weights = np.ones((1000, 2))
    order = rng.permutation(1000)
    once = learn_edges(numbers, targets, weights, [0, 0], 20)
    again = learn_edges(numbers[order], targets[order], weights, [0, 0], 20)
    for edges, other in zip(once, again, strict=True):
        assert_array_equal(edges, other)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("limit", ["_MAX_ROWS", "_MAX_TARGETS"])
def test_of_many_rows_a_sample_is_cut_from_the_least_to_the_greatest_of_all(
    limit, monkeypatch, seed
):
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(3000, 2))
    targets = np.column_stack([numbers[:, 0] > 0.3, rng.random(3000)]).astype(float)
    weights = np.ones((3000, 2))
    # The sample may have no label of this task.
    weights[1:, 1] = 0
    monkeypatch.setattr(bins, limit, 500)
    once = learn_edges(numbers, targets, weights, [2, 0], 12)
    again = learn_edges(numbers, targets, weights, [2, 0], 12)
    for column, edges, other in zip(numbers.T.astype(np.float32), once, again, strict=True):
        assert_array_equal(edges, other)
        assert (edges[0], edges[-1]) == (column.min(), column.max())
        assert len(edges) == 13
    assert np.abs(once[0] - 0.3).min() < 0.05


@given(tables(), st.integers(2, 40))
def test_what_stands_where_there_is_no_label_is_not_read(table, n_bins):
    numbers, targets, weights, n_classes = table
    other = np.where(weights > 0, targets, 1e9)
    again = learn_edges(numbers, other, weights, n_classes, n_bins)
    for edges, same in zip(learn_edges(*table, n_bins), again, strict=True):
        assert_array_equal(same, edges)
