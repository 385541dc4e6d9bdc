"""Gains are the differences that a loop by hand finds, their intervals those of scipy."""

import itertools

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import sparse, stats
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold, RepeatedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_ple import PLEClassifierRegressor, PLERegressor
from sklearn_ple.inspection import MTLGain, mtl_gain
from sklearn_ple.model_selection import MultiTaskKFold
from sklearn_ple.tasks import Regression


class Noisy(BaseEstimator):
    """Predicts the labels' means, learnt from y, with noise of its seed; better by a skill."""

    def __init__(self, skill=(0.0, 0.0), random_state=None):
        self.skill = skill
        self.random_state = random_state

    def fit(self, X, y):
        y = pd.DataFrame(y)
        self.task_names_ = list(y.columns)
        self.tasks_ = [Regression() for _ in self.task_names_]
        self.classes_ = [None] * y.shape[1]
        self.means_ = y.mean()
        self.noise_ = np.random.RandomState(self.random_state).normal(scale=0.1, size=y.shape[1])
        return self

    def predict(self, X):
        drift = np.add(self.skill, self.noise_)
        return self.means_.to_numpy() + np.multiply(drift, np.asarray(X))


def make_data(n_rows, seed):
    rng = np.random.RandomState(seed)
    X = pd.DataFrame(rng.normal(size=(n_rows, 2)), columns=["a", "b"])
    y = pd.DataFrame({"one": X["a"] + rng.normal(size=n_rows), "two": X["b"]})
    return X, y.mask(rng.uniform(size=y.shape) < 0.2)


@pytest.fixture(scope="module")
def data():
    return make_data(90, seed=0)


@pytest.fixture(scope="module")
def unseen():
    return make_data(60, seed=1)


COLUMNS = ["system", "task", "repeat", "score"]
SYSTEMS = {
    "up": Noisy((0.6, 0.6)),
    "single_task": Noisy((0.3, 0.3)),
    "seesaw": Noisy((0.6, 0.0)),
}


def r2_of(model, X, y):
    y_pred = model.predict(X)
    return [
        r2_score(y[name].dropna(), y_pred[y[name].notna(), k]) for k, name in enumerate(y.columns)
    ]


def by_hand(gain, system, task):
    """The paired differences of a task's scores, by repeat."""
    rows = gain.scores[gain.scores["task"] == task].set_index("repeat")
    scores = {name: rows["score"][rows["system"] == name] for name in (system, gain.reference)}
    return (scores[system] - scores[gain.reference]).to_numpy()


def interval(gain, system, task):
    rows = gain.gains.set_index(["system", "task"]).loc[(system, task)]
    return rows[["mean", "low", "high"]].tolist()


def test_scores_on_a_test_set_are_those_of_the_seeds(data, unseen):
    gain = mtl_gain(SYSTEMS, *data, X_test=unseen[0], y_test=unseen[1], n_seeds=3, random_state=7)
    seeds = np.random.RandomState(7).randint(np.iinfo(np.int32).max, size=3)
    rows = gain.scores.set_index(["system", "repeat"]).sort_index()
    for repeat, system in itertools.product(range(3), SYSTEMS):
        model = clone(SYSTEMS[system]).set_params(random_state=int(seeds[repeat])).fit(*data)
        found = rows.loc[(system, repeat)]
        assert found["task"].tolist() == ["one", "two"]
        assert found["score"].tolist() == pytest.approx(r2_of(model, *unseen))
    assert list(gain.scores.columns) == ["system", "task", "repeat", "score", "fit_seconds"]
    assert (gain.scores["fit_seconds"] > 0).all()
    assert gain.repeats == "3 seeds"


def test_scores_on_folds_are_those_of_the_folds(data):
    X, y = data
    cv = KFold(4, shuffle=True, random_state=0)
    gain = mtl_gain(SYSTEMS, X, y, cv=cv, random_state=0)
    seeds = np.random.RandomState(0).randint(np.iinfo(np.int32).max, size=4)
    for repeat, (train, test) in enumerate(cv.split(X)):
        model = clone(SYSTEMS["up"]).set_params(random_state=int(seeds[repeat]))
        model.fit(X.iloc[train], y.iloc[train])
        rows = gain.scores.query("system == 'up' and repeat == @repeat")
        assert rows["score"].tolist() == pytest.approx(r2_of(model, X.iloc[test], y.iloc[test]))
    assert gain.repeats == "4 folds"


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_interval_over_seeds_is_that_of_the_paired_t_test(data, unseen, confidence):
    X_test, y_test = unseen
    gain = mtl_gain(
        SYSTEMS, *data, X_test=X_test, y_test=y_test, confidence=confidence, random_state=0
    )
    assert gain.gains["system"].tolist() == ["up", "up", "seesaw", "seesaw"]
    for system, task in itertools.product(["up", "seesaw"], ["one", "two"]):
        differences = by_hand(gain, system, task)
        assert len(differences) == 5
        bounds = stats.ttest_1samp(differences, 0).confidence_interval(confidence)
        assert interval(gain, system, task) == pytest.approx([differences.mean(), *bounds])


@pytest.mark.parametrize(
    ("cv", "n_splits"),
    [
        (5, 5),
        (KFold(3), 3),
        (RepeatedKFold(n_splits=3, n_repeats=2, random_state=0), 3),
        # Masks of rows instead of their numbers.
        ([(np.arange(90) % 3 != fold, np.arange(90) % 3 == fold) for fold in range(3)], 3),
    ],
)
def test_interval_over_folds_has_the_correction_of_nadeau_and_bengio(data, cv, n_splits):
    gain = mtl_gain(SYSTEMS, *data, cv=cv, random_state=0)
    for system, task in itertools.product(["up", "seesaw"], ["one", "two"]):
        differences = by_hand(gain, system, task)
        n = len(differences)
        # The plain interval, widened by the root of 1 + n_folds * n_test / n_train.
        plain = stats.t.interval(0.95, n - 1, differences.mean(), stats.sem(differences))
        wide = np.sqrt(1 + n / (n_splits - 1))
        low, high = differences.mean() + (np.array(plain) - differences.mean()) * wide
        assert interval(gain, system, task) == pytest.approx([differences.mean(), low, high])


def test_seeds_are_paired_and_reproducible(data, unseen):
    X_test, y_test = unseen
    systems = {"single_task": Noisy(), "same": make_pipeline(FunctionTransformer(), Noisy())}
    parts = {"X_test": X_test, "y_test": y_test, "n_seeds": 3}
    gain = mtl_gain(systems, *data, **parts, random_state=0)
    assert (gain.gains[["mean", "low", "high"]] == 0).all(axis=None)
    scores = gain.scores.drop(columns="fit_seconds")
    assert scores["score"].nunique() == 3 * 2
    again = mtl_gain(systems, *data, **parts, random_state=0, n_jobs=2)
    pd.testing.assert_frame_equal(again.scores.drop(columns="fit_seconds"), scores)
    other = mtl_gain(systems, *data, **parts, random_state=1)
    assert not other.scores["score"].equals(scores["score"])
    assert systems["single_task"].random_state is None


def test_metrics_are_those_asked_for(data):
    gain = mtl_gain(SYSTEMS, *data, cv=3, metrics={"two": "neg_mean_absolute_error"})
    scores = gain.scores.groupby("task")["score"]
    assert (scores.max()["two"] < 0) and (scores.max()["one"] > 0)


def test_repeats_without_a_score_do_not_count(data):
    X, y = data
    # The first of three folds has no label of the second task.
    y = y.assign(two=y["two"].where(y.index >= 30))
    with pytest.warns(UndefinedMetricWarning, match="'two'"):
        gain = mtl_gain(SYSTEMS, X, y, cv=KFold(3), random_state=0)
    differences = by_hand(gain, "up", "two")
    assert np.isnan(differences).tolist() == [True, False, False]
    mean, low, high = interval(gain, "up", "two")
    assert mean == pytest.approx(differences[1:].mean())
    assert low < mean < high
    # The first two have one each, which is too few for R².
    y = y.assign(two=X["b"].where((y.index >= 60) | y.index.isin([0, 40])))
    with pytest.warns(UndefinedMetricWarning, match="'two'"):
        gain = mtl_gain(SYSTEMS, X, y, cv=KFold(3), random_state=0)
    mean, low, high = interval(gain, "up", "two")
    assert np.isfinite(mean) and np.isnan([low, high]).all()
    assert "up: gains on one; no interval on two." in gain.summary()


def test_a_number_of_folds_is_that_of_stratified_ones(data):
    """Rows sorted by a label do not leave folds without any."""
    X, y = data
    y = y.assign(two=y["two"].where(y.index >= 30))
    gain = mtl_gain(SYSTEMS, X, y, cv=3, random_state=0)
    assert gain.scores["score"].notna().all()
    folds = mtl_gain(SYSTEMS, X, y, cv=MultiTaskKFold(3), random_state=0)
    assert gain.scores["score"].equals(folds.scores["score"])


@pytest.mark.parametrize("form", ["coo", "bsr", "dia"])
def test_sparse_matrices_of_any_format_are_taken(form):
    X, y = sparse.random(40, 3, 0.5, random_state=0), np.arange(80.0).reshape(40, 2)
    systems = {name: PLERegressor(n_members=1, max_epochs=1) for name in ("single_task", "ple")}
    found = [
        mtl_gain(systems, own, y, cv=2, random_state=0) for own in (X.asformat(form), X.tocsr())
    ]
    assert found[0].gains.equals(found[1].gains)


def test_rows_that_do_not_match_are_an_error(data):
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        mtl_gain(SYSTEMS, data[0], data[1].head(), cv=2)


def test_summary_says_who_gains_and_loses(data, unseen):
    gain = mtl_gain(
        {**SYSTEMS, "down": Noisy((0.0, 0.0)), "same": Noisy((0.3, 0.3))},
        *data,
        X_test=unseen[0],
        y_test=unseen[1],
        random_state=0,
    )
    assert gain.summary().splitlines() == [
        "Gain over single_task (95 % intervals, 5 seeds):",
        "up: gains on one, two.",
        "seesaw: gains on one; loses on two (negative transfer). "
        "Seesaw: some tasks gain, others lose.",
        "down: loses on one, two (negative transfer).",
        "same: no difference on one, two.",
    ]


def test_print_shows_every_gain_with_its_interval():
    columns = ["system", "task", "mean", "low", "high"]
    rows = [["ple", "a", 0.02, 0.01, 0.03], ["ple", "b", -0.0004, -0.03, 0.0291]]
    gain = MTLGain(pd.DataFrame(), pd.DataFrame(rows, columns=columns), "alone", 0.9, "5 seeds")
    lines = str(gain).splitlines()
    assert lines[:3] == [*gain.summary().splitlines(), ""]
    assert lines[4].split() == ["ple", "a", "+0.020", "+0.010", "+0.030"]
    assert lines[5].split() == ["ple", "b", "-0.000", "-0.030", "+0.029"]
    assert lines[-1].startswith("Undecided: the interval includes zero.")
    decided = MTLGain(pd.DataFrame(), gain.gains[:1], "alone", 0.9, "5 seeds")
    assert "Undecided" not in str(decided)
    equal = pd.DataFrame([["ple", "c", 0.0, 0.0, 0.0]], columns=columns)
    gain = MTLGain(pd.DataFrame(), pd.concat([gain.gains, equal]), "alone", 0.9, "5 seeds")
    assert "ple: gains on a; undecided on b; no difference on c." in gain.summary()


def test_small_gains_are_not_printed_as_zeros():
    rows = [["ple", "a", 2.5e-4, 2e-5, 5e-4], ["ple", "b", 0.1, -0.1, 0.3]]
    gains = pd.DataFrame(rows, columns=["system", "task", "mean", "low", "high"])
    text = str(MTLGain(pd.DataFrame(), gains, "alone", 0.95, "5 seeds"))
    assert "+0.00025 +0.00002 +0.00050" in text


def test_networks_are_compared():
    rng = np.random.RandomState(0)
    X = pd.DataFrame(rng.normal(size=(80, 3)), columns=list("abc"))
    y = pd.DataFrame({"clicked": np.where(X["a"] > 0, "yes", "no"), "price": X["b"]})
    y.loc[::5, "clicked"] = np.nan
    network = {"max_epochs": 2, "n_members": 1}
    systems = {
        "single_task": PLEClassifierRegressor(n_shared_experts=0, **network),
        "ple": PLEClassifierRegressor(**network),
    }
    gain = mtl_gain(systems, X, y, cv=2, random_state=0)
    assert gain.gains["task"].tolist() == ["clicked", "price"]
    assert np.isfinite(gain.gains[["mean", "low", "high"]]).all(axis=None)
    again = mtl_gain(systems, X, y, cv=2, random_state=0)
    pd.testing.assert_frame_equal(again.gains, gain.gains)


def test_progress_is_shown_if_asked_for(data, capsys):
    mtl_gain(SYSTEMS, *data, cv=2)
    assert capsys.readouterr().err == ""
    mtl_gain(SYSTEMS, *data, cv=2, verbose=1)
    assert "Fitting: 100%" in (shown := capsys.readouterr().err) and "6/6" in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "Pass either cv, or X_test and y_test"),
        ({"cv": 3, "X_test": [[1]], "y_test": [[1]]}, "Pass either cv, or X_test and y_test"),
        ({"X_test": [[1]]}, "Pass either cv, or X_test and y_test"),
        ({"cv": 3, "y_test": [[1]]}, "Pass either cv, or X_test and y_test"),
        ({"cv": 3, "reference": "none"}, "reference='none' is not one of the estimators"),
        (
            {"X_test": [[1]], "y_test": [[1]], "n_seeds": 1},
            "'n_seeds' parameter .* Got 1",
        ),
        ({"X_test": [[1]], "y_test": [[1]], "n_seeds": 3.0}, "'n_seeds' parameter .* Got 3.0"),
        ({"cv": [([0, 1], [2, 3])]}, "2 repeats or more, but cv has 1"),
        ({"cv": 3, "confidence": 95}, "'confidence' parameter .* Got 95"),
        ({"cv": 3, "confidence": "a"}, "'confidence' parameter .* Got 'a'"),
    ],
)
def test_wrong_arguments_are_named(data, arguments, message):
    with pytest.raises(ValueError, match=message):
        mtl_gain(SYSTEMS, *data, **arguments)


def test_estimators_need_names(data):
    with pytest.raises(TypeError, match="estimators must be a dict .* not list"):
        mtl_gain([Noisy()], *data, cv=3)
    with pytest.raises(ValueError, match="estimators is empty"):
        mtl_gain({}, *data, cv=3)


def test_a_reference_alone_is_an_error(data):
    with pytest.raises(ValueError, match="nothing to compare 'single_task' with"):
        mtl_gain({"single_task": Noisy()}, *data, cv=3)


def test_failure_names_the_system(data):
    systems = {**SYSTEMS, "broken": Noisy(skill="none")}
    with pytest.raises(Exception) as caught:  # noqa: PT011
        mtl_gain(systems, *data, cv=3)
    assert "'broken'" in caught.value.__notes__[0]


def test_result_is_shown_in_short():
    gain = MTLGain(pd.DataFrame(), pd.DataFrame(), "single_task", 0.9, "5 seeds")
    assert repr(gain) == "MTLGain(reference='single_task', confidence=0.9, repeats='5 seeds')"


def test_gains_are_measured_from_scores_that_are_there_already():
    rows = [
        ("single_task", "a", 0, 0.5),
        ("single_task", "a", 1, 0.6),
        ("ple", "a", 0, 0.6),
        ("ple", "a", 1, 0.9),
    ]
    scores = pd.DataFrame(rows, columns=COLUMNS)
    gain = MTLGain.from_scores(scores, confidence=0.9)
    (found,) = gain.gains.itertuples(index=False)
    low, high = stats.t.interval(0.9, 1, loc=0.2, scale=stats.sem([0.1, 0.3]))
    assert found[:2] == ("ple", "a")
    assert_allclose(found[2:], [0.2, low, high])
    assert gain.repeats == "2 repeats"


def test_names_of_scores_need_not_be_texts():
    keys = itertools.product(("ple", "single_task"), (1, 2), range(3))
    rows = [(system, task, k, k * task + (system == "ple")) for system, task, k in keys]
    scores = pd.DataFrame(rows, columns=COLUMNS)
    assert "ple: gains on 1, 2." in str(MTLGain.from_scores(scores))


def test_a_single_repeat_has_no_interval():
    scores = pd.DataFrame([("ple", "a", 0, 0.5), ("single_task", "a", 0, 0.7)], columns=COLUMNS)
    text = str(MTLGain.from_scores(scores))
    assert "ple: no interval on a." in text and "Undecided" not in text
    assert "(95 % intervals, 1 repeat)" in text


def test_scores_of_another_form_are_an_error():
    scores = pd.DataFrame([("ple", "a", 0, 0.5), ("single_task", "a", 0, 0.7)], columns=COLUMNS)
    with pytest.raises(ValueError, match=r"scores lacks the columns \['repeat'\]: add them"):
        MTLGain.from_scores(scores.drop(columns="repeat"))
    with pytest.raises(TypeError, match="scores must be a DataFrame, not dict"):
        MTLGain.from_scores({"ple": 0.5})
    message = "several rows of {'system': 'ple', 'task': 'a', 'repeat': 0}: keep one"
    with pytest.raises(ValueError, match=message):
        MTLGain.from_scores(pd.concat([scores, scores]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"reference": "zz"}, r"'zz' is not one of the estimators \['single_task', 'ple'\]"),
        ({"confidence": 95}, "'confidence' parameter .* Got 95"),
        ({"overlap": -1}, "'overlap' parameter .* Got -1"),
        ({"overlap": "a third"}, "'overlap' parameter .* Got 'a third'"),
        ({}, r"'single_task' has no scores of the tasks \['b'\]"),
    ],
)
def test_wrong_arguments_beside_scores_are_named(arguments, message):
    rows = [("single_task", "a", 0, 0.5), ("ple", "a", 0, 0.6), ("ple", "b", 0, 0.6)]
    scores = pd.DataFrame(rows, columns=COLUMNS)
    with pytest.raises(ValueError, match=message):
        MTLGain.from_scores(scores, **arguments)
