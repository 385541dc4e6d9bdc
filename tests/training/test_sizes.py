"""How long training takes and which rows stop it, at every size of a table."""

import numpy as np
import pandas as pd
import pytest
from makers import Recorder, make_complete_table, resolved
from numpy.testing import assert_array_equal
from sklearn.datasets import make_friedman1
from sklearn.metrics import r2_score

from sklearn_ple import PLEClassifierRegressor, PLERegressor
from sklearn_ple.training.choosing.defaults import default_batch_size
from sklearn_ple.training.choosing.validation_rows import draw_groups, draw_order


def draw_signal(n_rows, seed=0):
    """Draw ten columns and a number that follows from three of them."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 10))
    return X, np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2] + 0.2 * rng.normal(size=n_rows)


# -- one stop for all tasks -----------------------------------------------------------------------


@pytest.mark.parametrize("beside", ["few labels", "extreme labels"])
def test_tasks_of_noise_do_not_end_the_training_of_others(beside):
    n = 1200
    X, signal = draw_signal(2 * n)
    y, rng = pd.DataFrame({"signal": signal}), np.random.default_rng(1)
    if beside == "few labels":
        for k in range(5):
            y[f"noise{k}"] = np.where(np.arange(2 * n) < 25, rng.normal(size=2 * n), np.nan)
    else:
        y["noise"] = np.exp(3 * rng.normal(size=2 * n))
    model = PLEClassifierRegressor(n_members=1, batch_size=128, refit=False, random_state=0)
    model.fit(X[:n], y[:n])
    assert r2_score(signal[n:], model.predict(X[n:])["signal"]) > 0.75


# -- batches, epochs and rates --------------------------------------------------------------------


def test_nothing_jumps_with_the_number_of_rows():
    sizes = np.unique(np.geomspace(30, 3e6, 3000).astype(int))
    plans = [resolved(PLEClassifierRegressor(), n) for n in sizes.tolist()]
    batch, epochs = np.array([(each.batch_size, each.max_epochs) for each in plans]).T
    assert (np.abs(np.diff(batch)) <= 0.02 * batch[1:] + 1).all()
    # Numbers of batches and of epochs are whole.
    steps = epochs * np.ceil(sizes / batch)
    assert (np.abs(np.diff(steps)) <= 0.25 * steps[1:]).all()
    assert steps.min() >= 20_000


# -- which rows validate --------------------------------------------------------------------------


@pytest.mark.parametrize("params", [{}, {"n_members": 1, "validation_fraction": 0.2}])
def test_a_warm_start_validates_on_the_rows_that_were_not_trained_on(params):
    X, y = make_complete_table(300)
    recorder = Recorder()
    params |= {"early_stopping": True, "max_epochs": 2, "refit": False, "callbacks": [recorder]}
    model = PLEClassifierRegressor(warm_start=True, random_state=None, **params)
    for _ in range(2):
        model.fit(X, y)
    (_, first, _), (_, again, _) = recorder.trainings
    assert_array_equal(first.row_numbers, again.row_numbers)


def test_appended_rows_leave_the_order_of_the_others():
    few, many = (draw_order(n, np.random.RandomState(0)) for n in (100, 140))
    assert_array_equal(many[many < 100], few)


def test_unequal_groups_leave_most_rows_to_train_on():
    groups = np.repeat([0, 1, 2, 3, 4, 5], [1500, 200, 150, 100, 40, 10])
    for seed in range(20):
        aside = draw_groups(groups, 0.1, np.random.RandomState(seed))
        assert 10 <= np.isin(groups, aside).sum() <= 200
    # Each group is larger than the fraction: the smallest is set aside.
    assert draw_groups(np.repeat([0, 1, 2], [50, 30, 40]), 0.1, np.random.RandomState(0)) == [1]


def test_the_second_training_has_the_batches_for_which_its_epochs_were_chosen():
    X, y = draw_signal(2300)
    recorder = Recorder()
    model = PLERegressor(n_members=1, max_epochs=1, callbacks=[recorder], refit=True)
    model.set_params(random_state=0).fit(X, y)
    assert len(recorder.trainings) == 2
    assert model.net_.batch_size == default_batch_size(2300 * 9 // 10)


# -- scores ---------------------------------------------------------------------------------------


@pytest.mark.nightly
def test_scores_rise_with_the_rows_without_a_cliff():
    sizes = (30, 50, 80, 99, 100, 130, 180, 250, 350, 499, 500, 700, 1000, 1999, 2001, 3000, 5000)
    scores = np.zeros((len(sizes), 4))
    for seed in range(scores.shape[1]):
        X, y = make_friedman1(7000, noise=1.0, random_state=seed)
        for place, n in enumerate(sizes):
            model = PLERegressor(random_state=seed).fit(X[:n], y[:n])
            scores[place, seed] = model.score(X[5000:], y[5000:])
    steps = np.diff(scores, axis=0)
    noise = steps.std(axis=1, ddof=1) / np.sqrt(steps.shape[1])
    assert (steps.mean(axis=1) > -np.maximum(3 * noise, 0.01)).all()
    close = [place for place, n in enumerate(sizes[1:]) if n - sizes[place] <= 2]
    assert (np.abs(steps.mean(axis=1)[close]) < np.maximum(3 * noise[close], 0.02)).all()
