"""The values of "auto" for a number of rows, and that ``net_params`` take precedence."""

import makers
import numpy as np
import pytest

from sklearn_ple import PLEClassifierRegressor


def plan(n_rows, **params):
    return makers.plan(PLEClassifierRegressor(**params), n_rows)


@pytest.mark.parametrize("n_rows", [1, 500, 5_000, 50_000, 10_000_000])
def test_automatic_sizes_grow_and_fall_with_the_rows(n_rows):
    sizes, more = plan(n_rows), plan(n_rows * 4)
    assert sizes.batch_size <= more.batch_size
    assert sizes.max_epochs >= more.max_epochs >= 2
    assert (
        sizes.n_iter_no_change is None and plan(n_rows, n_iter_no_change=3).n_iter_no_change == 3
    )
    assert plan(n_rows).n_bins == round(np.clip(np.sqrt(n_rows) / 2, 16, 256))


def test_rows_are_set_aside_from_500_rows_on_a_tenth_of_them_and_3000_at_most():
    assert plan(499, n_members=1).validation_fraction is None
    assert plan(500, n_members=1).validation_fraction == 0.1
    assert plan(100_000, n_members=1).validation_fraction * 100_000 == pytest.approx(3000)
    assert plan(499, n_members=1, early_stopping=True).validation_fraction == 0.1
    assert plan(500, n_members=1, early_stopping=False).validation_fraction is None
    assert plan(99, early_stopping=True, validation_fraction=0.3).validation_fraction == 0.3


def test_members_leave_a_twelfth_of_the_rows_out_and_600_at_most():
    # A member leaves out two folds, each of a row at least.
    assert plan(23).n_left_out == 0
    assert plan(24).n_left_out == 2
    assert plan(99).n_left_out == 8
    assert plan(1200).n_left_out == 100
    assert plan(100_000).n_left_out == 600
    assert plan(1200, n_members=30).n_left_out == 40


@pytest.mark.parametrize(
    "params",
    [{"n_members": 3}, {"validation_fraction": 0.1}, {"early_stopping": False}],
)
def test_no_members_leave_rows_out_where_rows_are_set_aside_for_all(params):
    assert plan(1200, **params).n_left_out == 0


def test_large_tables_and_members_that_leave_rows_out_are_not_trained_twice():
    assert plan(30_000, n_members=1).refit and not plan(30_001, n_members=1).refit
    assert not plan(30_000).refit
    assert plan(30_001, refit=True).refit and not plan(1000, n_members=1, refit=False).refit
    # Callbacks may count on rows of validation.
    assert not plan(30_000, n_members=1, callbacks=[object()]).refit


@pytest.mark.parametrize("given", [{"batch_size": 16}, {"net_params": {"batch_size": 16}}])
def test_epochs_make_20000_steps_of_batches_of_any_size(given):
    assert plan(120, **given).max_epochs == 2500
    assert plan(120, batch_size=60).max_epochs == 10_000
    assert plan(5000, **given).max_epochs == 64


def test_without_validation_small_tables_are_trained_for_120_steps():
    for n_rows, members in ((20, 8), (23, 8), (100, 1), (300, 1), (499, 1)):
        settled = plan(n_rows, n_members=members)
        n_steps = settled.max_epochs * -(-n_rows // settled.batch_size)
        assert 120 <= n_steps < 120 + -(-n_rows // settled.batch_size)
    assert plan(5000, early_stopping=False).max_epochs == 10
    assert plan(10**7, early_stopping=False).max_epochs == 4


def test_the_learning_rate_follows_the_size_of_the_batch():
    assert plan(100, batch_size=512).learning_rate == pytest.approx(6e-3)
    assert plan(100, batch_size=128).learning_rate == pytest.approx(3e-3)
    assert plan(100, batch_size=2048).learning_rate == pytest.approx(6e-3)
    assert plan(100, batch_size=128, learning_rate=0.1).learning_rate == 0.1


def test_net_params_take_precedence():
    params = {"batch_size": 128, "max_epochs": 7}
    settled = plan(100, batch_size=3, max_epochs=1, net_params=params)
    assert (settled.batch_size, settled.max_epochs) == (128, 7)
    assert settled.learning_rate == pytest.approx(3e-3)
    assert plan(100, net_params={"lr": 0.2}).learning_rate == 0.2
    assert plan(100, net_params={"": 5}).batch_size == plan(100).batch_size
