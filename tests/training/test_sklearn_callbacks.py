"""scikit-learn's own callbacks: which calls they get of fit, its trainings and epochs."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

from sklearn_ple import PLEClassifierRegressor
from sklearn_ple.metrics import make_multitask_scorer, multitask_score

callback = pytest.importorskip("sklearn.callback")

N = 80


@pytest.fixture(scope="module")
def table():
    rng = np.random.RandomState(0)
    X = rng.randn(N, 3)
    y = np.column_stack([X[:, 0] > 0, X[:, 1] + 0.1 * rng.randn(N)])
    y[::7, 0] = np.nan
    return X, y


def model(**params):
    defaults = {"n_members": 1, "max_epochs": 3, "numeric_embedding": None, "random_state": 0}
    return PLEClassifierRegressor(**(defaults | {"early_stopping": False} | params))


class Record:
    """A callback that keeps a list of its calls."""

    def __init__(self, stop_at=None):
        self.calls = []
        self.stop_at = stop_at

    def setup(self, estimator, context):
        self.calls.append("setup")

    def teardown(self, estimator, context):
        self.calls.append("teardown")

    def on_fit_task_begin(self, estimator, context, *, metadata=None):
        self.calls.append(f"begin {context.task_name}")
        self.metadata = metadata

    def on_fit_task_end(self, estimator, context):
        self.calls.append(f"end {context.task_name}")
        return self.calls.count("end epoch") == self.stop_at


def test_fit_is_a_tree_of_trainings_and_epochs(table):
    record = Record()
    weights = np.ones(N)
    model(early_stopping=True, refit=True, max_epochs=2, n_iter_no_change=9).set_callbacks(
        record
    ).fit(*table, sample_weight=weights)
    n_again = record.calls.count("end epoch") - 2
    assert n_again in (1, 2)
    epoch = ["begin epoch", "end epoch"]
    assert record.calls == [
        *["setup", "begin fit", "begin train", *epoch * 2, "end train"],
        *["begin train on all rows", *epoch * n_again, "end train on all rows"],
        *["end fit", "teardown"],
    ]
    assert record.metadata["sample_weight"] is weights


def test_scores_are_those_of_an_estimator_fitted_so_far(table):
    monitor = callback.ScoringMonitor(scoring=make_multitask_scorer())
    fitted = model(lr_schedule="constant").set_callbacks(monitor).fit(*table)
    rows = monitor.get_logs().data_as_pandas
    scores = rows.loc[rows["task_name"] == "epoch", "score"].tolist()
    by_hand = [model(lr_schedule="constant", max_epochs=n).fit(*table) for n in (1, 2, 3)]
    expected = [multitask_score(so_far, *table) for so_far in by_hand]
    np.testing.assert_allclose(scores, expected)
    (last,) = rows.loc[rows["task_name"] == "fit", "score"]
    assert last == multitask_score(fitted, *table)
    # A callback that watches changes nothing.
    np.testing.assert_array_equal(fitted.predict(table[0]), by_hand[-1].predict(table[0]))


def test_scores_of_the_second_training_are_read_with_its_target_statistics(table):
    X, y = table
    frame = pd.DataFrame(X).assign(id=pd.Categorical(np.arange(N) % 9)).rename(columns=str)
    monitor = callback.ScoringMonitor(scoring=make_multitask_scorer())
    options = {"early_stopping": True, "refit": True, "target_statistics": True}
    model(lr_schedule="constant", **options).set_callbacks(monitor).fit(frame, y)
    scores = monitor.get_logs().data_as_pandas.set_index("task_name")["score"]
    assert scores["epoch"].iloc[-1] == scores["fit"]


def test_a_callback_ends_training(table):
    record = Record(stop_at=2)
    with pytest.warns(ConvergenceWarning, match="ended after epoch 2"):
        fitted = model(lr_schedule="constant", max_epochs=9).set_callbacks(record).fit(*table)
    assert fitted.n_iter_ == 2 and record.calls[-2:] == ["end fit", "teardown"]
    twin = model(lr_schedule="constant", max_epochs=2).fit(*table)
    np.testing.assert_array_equal(fitted.predict(table[0]), twin.predict(table[0]))


def test_failure_tears_down_and_leaves_nothing(table):
    X, y = table
    record = Record()
    estimator = model().set_callbacks(record)
    before = set(vars(estimator))
    with pytest.raises(ValueError, match="no label"):
        estimator.fit(X, np.full_like(y, np.nan))
    assert record.calls == ["setup", "begin fit", "teardown"]
    assert set(vars(estimator)) == before


def test_a_search_watches_the_epochs_of_its_fits(table):
    monitor = callback.ScoringMonitor(scoring=make_multitask_scorer())
    estimator = model(max_epochs=1).set_callbacks(monitor)
    search = GridSearchCV(estimator, {"n_levels": [1, 2]}, cv=2).fit(*table)
    rows = monitor.get_logs().data_as_pandas
    # Two settings, two folds, and the best one anew.
    assert (rows["task_name"] == "epoch").sum() == 5
    assert (rows["estimator_name"] == "PLEClassifierRegressor").all()
    assert rows["score"].between(-1, 1).all()
    assert search.best_estimator_.n_iter_ == 1


def test_progress_bars_of_scikit_learn(table, capsys):
    pytest.importorskip("rich")
    model(max_epochs=2).set_callbacks(callback.ProgressBar()).fit(*table)
    shown = capsys.readouterr().out
    assert "train" in shown and "100%" in shown
    assert "train on all rows" not in shown
