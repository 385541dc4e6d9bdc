"""The values of "auto" for a number of rows, and that ``net_params`` take precedence."""

import makers
import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklearn_ple import PLEClassifier, PLEClassifierRegressor


def resolved(n_rows, **params):
    return makers.resolved(PLEClassifierRegressor(**params), n_rows)


@pytest.mark.parametrize("n_rows", [1, 500, 5_000, 50_000, 10_000_000])
def test_automatic_sizes_grow_and_fall_with_the_rows(n_rows):
    sizes, more = resolved(n_rows), resolved(n_rows * 4)
    assert sizes.batch_size <= more.batch_size
    assert sizes.max_epochs >= more.max_epochs >= 2
    assert (
        sizes.n_iter_no_change is None
        and resolved(n_rows, n_iter_no_change=3).n_iter_no_change == 3
    )
    assert resolved(n_rows).n_bins == round(np.clip(np.sqrt(n_rows) / 2, 16, 256))


def test_rows_are_set_aside_from_500_rows_on_a_tenth_of_them_and_3000_at_most():
    assert resolved(499, n_members=1).validation_fraction is None
    assert resolved(500, n_members=1).validation_fraction == 0.1
    assert resolved(100_000, n_members=1).validation_fraction * 100_000 == pytest.approx(3000)
    assert resolved(499, n_members=1, early_stopping=True).validation_fraction == 0.1
    assert resolved(500, n_members=1, early_stopping=False).validation_fraction is None
    assert resolved(99, early_stopping=True, validation_fraction=0.3).validation_fraction == 0.3


def test_members_leave_a_twelfth_of_the_rows_out_and_600_at_most():
    # A member leaves out two folds, each of a row at least.
    assert resolved(23).n_left_out == 0
    assert resolved(24).n_left_out == 2
    assert resolved(99).n_left_out == 8
    assert resolved(1200).n_left_out == 100
    assert resolved(100_000).n_left_out == 600
    assert resolved(1200, n_members=30).n_left_out == 40


@pytest.mark.parametrize(
    "params",
    [{"n_members": 3}, {"validation_fraction": 0.1}, {"early_stopping": False}],
)
def test_no_members_leave_rows_out_where_rows_are_set_aside_for_all(params):
    assert resolved(1200, **params).n_left_out == 0


def test_large_tables_and_members_that_leave_rows_out_are_not_trained_twice():
    assert resolved(30_000, n_members=1).refit and not resolved(30_001, n_members=1).refit
    assert not resolved(30_000).refit
    assert (
        resolved(30_001, refit=True).refit and not resolved(1000, n_members=1, refit=False).refit
    )
    # Callbacks may count on rows of validation.
    assert not resolved(30_000, n_members=1, callbacks=[object()]).refit


@pytest.mark.parametrize("given", [{"batch_size": 16}, {"net_params": {"batch_size": 16}}])
def test_epochs_make_20000_steps_of_batches_of_any_size(given):
    assert resolved(120, **given).max_epochs == 2500
    assert resolved(120, batch_size=60).max_epochs == 10_000
    assert resolved(5000, **given).max_epochs == 64


def test_without_validation_small_tables_are_trained_for_120_steps():
    for n_rows, members in ((20, 8), (23, 8), (100, 1), (300, 1), (499, 1)):
        found = resolved(n_rows, n_members=members)
        n_steps = found.max_epochs * -(-n_rows // found.batch_size)
        assert 120 <= n_steps < 120 + -(-n_rows // found.batch_size)
    assert resolved(5000, early_stopping=False).max_epochs == 10
    assert resolved(10**7, early_stopping=False).max_epochs == 4


def test_the_learning_rate_follows_the_size_of_the_batch():
    assert resolved(100, batch_size=512).learning_rate == pytest.approx(6e-3)
    assert resolved(100, batch_size=128).learning_rate == pytest.approx(3e-3)
    assert resolved(100, batch_size=2048).learning_rate == pytest.approx(6e-3)
    assert resolved(100, batch_size=128, learning_rate=0.1).learning_rate == 0.1


def test_net_params_take_precedence():
    params = {"batch_size": 128, "max_epochs": 7}
    found = resolved(100, batch_size=3, max_epochs=1, net_params=params)
    assert (found.batch_size, found.max_epochs) == (128, 7)
    assert found.learning_rate == pytest.approx(3e-3)
    assert resolved(100, net_params={"lr": 0.2}).learning_rate == 0.2
    assert resolved(100, net_params={"": 5}).batch_size == resolved(100).batch_size


@pytest.fixture(scope="module")
def classes():
    """Six classes, and seven."""
    X = np.random.RandomState(0).randn(84, 3)
    return X, np.column_stack([np.arange(84) % 6, np.arange(84) % 7])


def width_of_towers(fitted):
    """Return the width of the hidden layer of the towers, each of which has as many biases."""
    (bias,) = [v for k, v in fitted.module_.state_dict().items() if "towers.hidden" in k][1:]
    return bias.shape[-1]


TINY = {"max_epochs": 1, "n_members": 1, "random_state": 0, "task_types": "multiclass"}


@pytest.mark.parametrize(("columns", "width"), [([0], 32), ([1], 64), ([0, 1], 64)])
def test_towers_are_wider_if_a_task_has_more_than_six_classes(classes, columns, width):
    X, y = classes
    assert width_of_towers(PLEClassifier(**TINY).fit(X, y[:, columns])) == width
    named = PLEClassifier(**TINY, tower_hidden_units=(8,)).fit(X, y[:, columns])
    assert width_of_towers(named) == 8


def test_towers_of_many_numbers_are_not_wider(classes):
    X, _ = classes
    fitted = PLEClassifierRegressor(**TINY | {"task_types": "count"}).fit(X, np.arange(84))
    assert width_of_towers(fitted) == 32


def test_an_added_task_has_towers_as_wide_as_the_others(classes):
    X, y = classes
    fitted = PLEClassifier(**TINY).fit(X, y[:, :1])
    before = fitted.predict_proba(X)
    fitted.add_task(X, y)
    assert width_of_towers(fitted) == 32
    assert_allclose(fitted.predict_proba(X)[0], before[0], rtol=1e-4)


def test_a_warm_start_may_have_towers_of_another_width(classes):
    X, y = classes
    earlier = PLEClassifier(**TINY).fit(X, y[:, :1])
    started = PLEClassifier(**TINY, warm_start_from=earlier).fit(X, y)
    assert width_of_towers(started) == 64
