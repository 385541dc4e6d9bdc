"""Gains are the differences that a loop by hand finds, their intervals those of scipy."""

import importlib
import itertools
import os
import pickle
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from joblib import parallel_config
from makers import make_complete_table, make_table, make_tiny
from numpy.testing import assert_allclose
from scipy import sparse, stats
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.exceptions import ConvergenceWarning, UndefinedMetricWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.model_selection import GroupKFold, KFold, RepeatedKFold, StratifiedKFold
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from skorch.callbacks import Callback

from sklearn_ple import PLERegressor
from sklearn_ple.ensemble import BlendClassifierRegressor, PerTaskClassifierRegressor
from sklearn_ple.inspection import Comparison, compare
from sklearn_ple.inspection.compare_models import make_models
from sklearn_ple.metrics.jackknife import compute_pseudo_values, deal_blocks
from sklearn_ple.metrics.views import ScoredTask
from sklearn_ple.model_selection import MultiTaskKFold, cross_val_predict
from sklearn_ple.tasks import Binary, Regression


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


KINDS = {"late": "binary", "price": "regression", "grade": "multiclass"}
COLUMNS = ["model", "task", "repeat", "score"]
MODELS = {
    "up": Noisy((0.6, 0.6)),
    "single_task": Noisy((0.3, 0.3)),
    "seesaw": Noisy((0.6, 0.0)),
}


def measure(models, X, y, **options):
    return compare(X, y, models, **({"reference": "single_task", "verbose": 0} | options))


def r2_of(model, X, y):
    y_pred = model.predict(X)
    return [
        r2_score(y[name].dropna(), y_pred[y[name].notna(), k]) for k, name in enumerate(y.columns)
    ]


def by_hand(gain, model, task):
    """The paired differences of a task's scores, by repeat."""
    rows = gain.scores[gain.scores["task"] == task].set_index("repeat")
    scores = {name: rows["score"][rows["model"] == name] for name in (model, gain.reference)}
    return (scores[model] - scores[gain.reference]).to_numpy()


def interval(gain, model, task):
    rows = gain.gains.set_index(["model", "task"]).loc[(model, task)]
    return rows[["mean", "low", "high"]].tolist()


def test_scores_on_folds_are_those_of_the_folds(data):
    X, y = data
    cv = KFold(4, shuffle=True, random_state=0)
    gain = measure(MODELS, X, y, cv=cv, random_state=0)
    seeds = np.random.RandomState(0).randint(np.iinfo(np.int32).max, size=4)
    for repeat, (train, test) in enumerate(cv.split(X)):
        model = clone(MODELS["up"]).set_params(random_state=int(seeds[repeat]))
        model.fit(X.iloc[train], y.iloc[train])
        rows = gain.scores.query("model == 'up' and repeat == @repeat")
        assert rows["score"].tolist() == pytest.approx(r2_of(model, X.iloc[test], y.iloc[test]))
    assert gain.repeats == "4 folds"


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
    scores = measure(MODELS, *data, cv=cv, random_state=0).scores
    overlap = 1 / (n_splits - 1)
    gain = Comparison.from_scores(scores, reference="single_task", overlap=overlap)
    for model, task in itertools.product(["up", "seesaw"], ["one", "two"]):
        differences = by_hand(gain, model, task)
        n = len(differences)
        # The plain interval, widened by the root of 1 + n_folds * n_test / n_train.
        plain = stats.t.interval(0.95, n - 1, differences.mean(), stats.sem(differences))
        wide = np.sqrt(1 + n / (n_splits - 1))
        low, high = differences.mean() + (np.array(plain) - differences.mean()) * wide
        assert interval(gain, model, task) == pytest.approx([differences.mean(), low, high])


def test_seeds_are_paired_and_reproducible(data):
    models = {"single_task": Noisy(), "same": make_pipeline(FunctionTransformer(), Noisy())}
    gain = measure(models, *data, cv=3, random_state=0)
    assert (gain.gains[["mean", "low", "high"]] == 0).all(axis=None)
    scores = gain.scores["score"]
    with parallel_config("threading"):
        again = measure(models, *data, cv=3, random_state=0, n_jobs=2)
    assert again.scores["score"].equals(scores)
    other = measure(models, *data, cv=3, random_state=1)
    assert not other.scores["score"].equals(scores)
    assert models["single_task"].random_state is None


def test_metrics_are_those_asked_for(data):
    gain = measure(MODELS, *data, cv=3, metrics={"two": "neg_mean_absolute_error"})
    scores = gain.scores.groupby("task")["score"]
    assert (scores.max()["two"] < 0) and (scores.max()["one"] > 0)


def test_repeats_without_a_score_do_not_count(data):
    X, y = data
    # The first of three folds has no label of the second task.
    y = y.assign(two=y["two"].where(y.index >= 30))
    with pytest.warns(UndefinedMetricWarning, match="'two'"):
        gain = measure(MODELS, X, y, cv=KFold(3), random_state=0)
    differences = by_hand(gain, "up", "two")
    assert np.isnan(differences).tolist() == [True, False, False]
    mean, low, high = interval(gain, "up", "two")
    assert mean == pytest.approx(differences[1:].mean())
    assert low < mean < high
    # The first two have one each, which is too few for R².
    y = y.assign(two=X["b"].where((y.index >= 60) | y.index.isin([0, 40])))
    with pytest.warns(UndefinedMetricWarning, match="'two'"):
        gain = measure(MODELS, X, y, cv=KFold(3), random_state=0)
    mean, low, high = interval(gain, "up", "two")
    assert np.isfinite(mean) and np.isnan([low, high]).all()
    assert "up: gains on one; no interval on two." in gain.summary()


def test_a_number_of_folds_is_that_of_stratified_ones(data):
    """Rows sorted by a label do not leave folds without any."""
    X, y = data
    y = y.assign(two=y["two"].where(y.index >= 30))
    gain = measure(MODELS, X, y, cv=3, random_state=0)
    assert gain.scores["score"].notna().all()
    folds = measure(MODELS, X, y, cv=MultiTaskKFold(3), random_state=0)
    assert gain.scores["score"].equals(folds.scores["score"])


def test_sparse_matrices_of_any_format_are_taken():
    X, y = sparse.random(40, 3, 0.5, random_state=0), np.arange(80.0).reshape(40, 2)
    models = {name: PLERegressor(n_members=1, max_epochs=1) for name in ("single_task", "ple")}
    found = [measure(models, own, y, cv=2, random_state=0) for own in (X.todia(), X.tocsr())]
    assert found[0].gains.equals(found[1].gains)


def test_rows_that_do_not_match_are_an_error(data):
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        measure(MODELS, data[0], data[1].head(), cv=2)


def test_summary_says_who_gains_and_loses(data):
    models = {**MODELS, "down": Noisy((0.0, 0.0)), "same": Noisy((0.3, 0.3))}
    folds = [(np.arange(90), np.arange(90) % 3 == 0)] * 5
    scores = measure(models, *data, cv=folds, random_state=0).scores
    gain = Comparison.from_scores(scores, reference="single_task", repeats="5 folds")
    assert gain.summary().splitlines() == [
        "Gain over single_task (95 % intervals, 5 folds):",
        "up: gains on one, two.",
        "seesaw: gains on one; loses on two. Seesaw: some tasks gain, others lose.",
        "down: loses on one, two.",
        "same: no difference on one, two.",
    ]


VERDICTS = [
    # The dummy's gain, the rival's, and the verdict.
    ((-0.3, -0.2), (0.01, 0.03), "rival gains 0.02 over boosting (0.01 to 0.03)."),
    (
        (-0.3, -0.2),
        (-0.01, 0.03),
        "rival is probably better than boosting, by 0.01 (chance 84 %).",
    ),
    (
        (-0.3, -0.2),
        (-0.03, 0.01),
        "boosting is probably better than rival, by 0.01 (chance 84 %).",
    ),
    (
        (-0.3, -0.2),
        (-0.02, 0.03),
        "undecided, rival is better than boosting with a chance of 65 %.",
    ),
    ((-0.3, -0.2), (-0.05, -0.03), "boosting gains 0.04 over rival (0.03 to 0.05)."),
    (
        (-0.3, -0.2),
        (-0.009, 0.007),
        "no difference that matters, all gains over boosting are within ±0.01.",
    ),
    (
        (-0.3, 0.2),
        (-0.05, -0.03),
        "boosting gains 0.04 over rival (0.03 to 0.05); it is not clearly better than guessing.",
    ),
    ((np.nan, np.nan), (np.nan, np.nan), "too few scores to say."),
]


@pytest.mark.parametrize(("dummy", "rival", "verdict"), VERDICTS)
def test_a_sentence_says_which_model_to_take(dummy, rival, verdict):
    rows = [
        [name, "a", np.mean(ends), *ends] for name, ends in (("dummy", dummy), ("rival", rival))
    ]
    gains = pd.DataFrame(rows, columns=["model", "task", "mean", "low", "high"])
    found = Comparison(pd.DataFrame(), gains, "boosting", 0.95, "5 folds")
    assert found.verdicts() == [f"a: {verdict}"]


def test_the_best_of_several_models_decides_and_all_must_lie_within_the_margin():
    rows = [
        ["x", "a", 0.02, 0.01, 0.03],
        ["y", "a", 0.03, -0.01, 0.07],
        ["x", "b", 0.001, -0.003, 0.005],
        ["y", "b", 0.002, -0.008, 0.012],
    ]
    gains = pd.DataFrame(rows, columns=["model", "task", "mean", "low", "high"])
    found = Comparison(pd.DataFrame(), gains, "boosting", 0.95, "5 folds")
    # Of models that are clearly better the best, even if another might be.
    assert found.decisions["leader"].to_dict() == {"a": "x", "b": "y"}
    assert found.decisions["verdict"].tolist() == ["better", "undecided"]
    wide = Comparison(pd.DataFrame(), gains, "boosting", 0.95, "5 folds", margin=0.02)
    assert wide.decisions["verdict"].tolist() == ["better", "no difference that matters"]


def test_a_model_that_does_not_beat_guessing_is_not_praised_alone():
    keys = itertools.product(("dummy", "boosting", "PLE"), range(6))
    steps = {"dummy": 0.5, "boosting": 0.4, "PLE": 0.5}
    noise = np.random.default_rng(0).normal(size=(3, 6)) * 0.01
    rows = [
        (model, "a", k, steps[model] + noise[list(steps).index(model), k]) for model, k in keys
    ]
    scores = pd.DataFrame(rows, columns=COLUMNS)
    (verdict,) = Comparison.from_scores(scores, reference="boosting").verdicts()
    assert verdict.startswith("a: PLE gains 0.09")
    assert verdict.endswith("; it is not clearly better than guessing.")


def test_no_chance_is_told_as_certain():
    rows = [("rival", f"t{k}", 0.05, low, 0.1 - low) for k, low in enumerate((-0.01, 0.0499))]
    rows += [("rival", f"t{k}", *(np.nan,) * 3) for k in range(2, 9)]
    gains = pd.DataFrame(rows, columns=["model", "task", "mean", "low", "high"])
    found = Comparison(pd.DataFrame(), gains[:2], "boosting", 0.999, "5 folds")
    sure = stats.norm.cdf(0.05 / 0.06 * stats.norm.ppf(0.9995))
    assert 0.995 < sure < 0.999
    assert "better than boosting, by 0.05 (chance over 99 %)." in found.verdicts()[0]
    gains["chance"] = [0.004, 0.996, *[np.nan] * 7]
    lines = str(Comparison(pd.DataFrame(), gains, "boosting", 0.95, "5 folds")).splitlines()
    ends = {line.split()[0]: line for line in lines[-9:]}
    assert "under 1 %" in ends["t0"] and "over 99 %" in ends["t1"]
    assert all("–" in ends[f"t{k}"] and "nan" not in ends[f"t{k}"] for k in range(2, 9))


def test_scores_just_below_zero_are_shown_without_a_minus():
    rows = [(model, "a", fold, -1e-4) for model in ("boosting", "PLE") for fold in range(2)]
    found = Comparison.from_scores(pd.DataFrame(rows, columns=COLUMNS), reference="boosting")
    assert "-0.000" not in str(found).split("a: ")[0] and " 0.000" in str(found)


def test_many_tasks_are_told_by_a_line_and_a_sorted_table():
    rng = np.random.default_rng(0)
    rows = [
        (model, f"t{task}", fold, 0.5 + 0.01 * (task - 1) * (model == "PLE") + 0.01 * rng.normal())
        for model in ("boosting", "PLE")
        for task in range(25)
        for fold in range(5)
    ]
    found = Comparison.from_scores(pd.DataFrame(rows, columns=COLUMNS), reference="boosting")
    means = found.gains["mean"]
    line = f"PLE is ahead of boosting on {(means > 0).sum()} of 25 tasks, by {means.mean():+.3f} "
    assert found.overview() == line + "on average."
    table = found.decisions
    signed = table["lead"].where(table["leader"] == "PLE", -table["lead"])
    assert signed.is_monotonic_decreasing and len(table) == 25
    by_task = found.gains.set_index("task").loc[table.index]
    assert_allclose(signed, by_task["mean"])
    assert_allclose(
        table["chance"].where(table["leader"] == "PLE", 1 - table["chance"]), by_task["chance"]
    )
    text = str(found)
    assert text.index(line) < text.index("leader")
    assert "t24: " not in text and "t24" in text.split("leader")[1].splitlines()[1]
    assert "<table" in found._repr_html_()


# -- intervals by rows ----------------------------------------------------------------------------


class ByColumn(RegressorMixin, BaseEstimator):
    """Predicts a column as it is."""

    def __init__(self, column=0):
        self.column = column

    def fit(self, X, y):
        self.is_fitted_ = True
        return self

    def predict(self, X):
        return np.asarray(X)[:, self.column]


def make_binary():
    return Binary().fit(np.arange(2), np.ones(2), None)


def make_columns(n_rows, seed, noise=(1.0, 1.0)):
    """Columns that predict y, each with an error of its own."""
    rng = np.random.default_rng(seed)
    y = rng.normal(size=n_rows)
    X = y[:, np.newaxis] + rng.normal(size=(n_rows, 2)) * noise
    return pd.DataFrame(X, columns=["a", "b"]), pd.DataFrame({"y": y})


def test_without_training_the_variance_is_that_of_the_rows():
    X, y = make_columns(400, seed=0)
    models = {"a": ByColumn(0), "b": ByColumn(1)}
    widths, expected = [], []
    for metric, of_rows in (
        ("neg_mean_squared_error", lambda e: e**2),
        ("neg_mean_absolute_error", np.abs),
    ):
        found = compare(X, y, models, cv=5, metrics=metric, verbose=0, random_state=0)
        (gain,) = found.gains.itertuples(index=False)
        errors = of_rows(X.to_numpy() - y.to_numpy())
        differences = errors[:, 0] - errors[:, 1]
        assert gain.mean == pytest.approx(differences.mean())
        widths.append(gain.high - gain.low)
        expected.append(2 * 1.96 * differences.std() / np.sqrt(400))
    # The rows of the other folds train the models, which adds three tenths to the variance.
    assert np.divide(widths, expected) == pytest.approx(1.3**0.5, rel=0.2)


def test_folds_that_differ_by_more_than_chance_decide_themselves():
    X, y = make_columns(400, seed=0)
    X["b"] += np.linspace(0, 2, 400)
    models = {"a": ByColumn(0), "b": ByColumn(1)}
    # In each fifth of the rows the second column is farther off than in the one before.
    metric = "neg_mean_squared_error"
    found = compare(X, y, models, cv=KFold(5), metrics=metric, verbose=0, random_state=0)
    of_folds = Comparison.from_scores(found.scores, reference="a", overlap=0.25)
    assert found.gains.equals(of_folds.gains)


class Restless(ByColumn):
    """Predicts a column with an error that differs from fit to fit."""

    def __init__(self, column=0, error=0.0, random_state=None):
        super().__init__(column)
        self.error = error
        self.random_state = random_state

    def predict(self, X):
        rng = np.random.RandomState([self.random_state, self.column])
        return super().predict(X) + self.error * rng.normal(size=len(X))


def test_repeats_make_intervals_narrower_only_if_they_differ():
    X, y = make_columns(200, seed=1)
    widths = {}
    for error, n_repeats in itertools.product([0.0, 2.0], [1, 6]):
        models = {"a": Restless(0, error), "b": Restless(1, error)}
        cv = RepeatedKFold(n_splits=5, n_repeats=n_repeats, random_state=0)
        metric = "neg_mean_squared_error"
        found = compare(X, y, models, cv=cv, metrics=metric, verbose=0, random_state=0)
        (gain,) = found.gains.itertuples(index=False)
        widths[error, n_repeats] = gain.high - gain.low
    assert widths[0.0, 6] == pytest.approx(widths[0.0, 1], rel=0.15)
    assert widths[2.0, 6] < 0.85 * widths[2.0, 1]


def test_the_chance_is_that_of_the_interval(data):
    found = measure(MODELS, *data, cv=4, random_state=0)
    for gain in found.gains.itertuples(index=False):
        assert (gain.chance > 0.975) == (gain.low > 0)
        assert (gain.chance < 0.025) == (gain.high < 0)
        assert (gain.chance > 0.5) == (gain.mean > 0)


def test_pseudo_values_of_roc_auc_are_those_of_delong(seed):
    rng = np.random.default_rng(seed)
    labels = pd.Series(rng.permutation(np.arange(40) % 2))
    scores = rng.normal(size=40) + labels.to_numpy()
    proba = np.column_stack([1 - scores, scores])
    responses = {"predict_proba": lambda: proba, "predict": lambda: (scores > 0.5).astype(int)}
    scored = ScoredTask("a", labels, make_binary(), np.array([0, 1]), responses)
    blocks = deal_blocks(scored, None, np.random.RandomState(seed))
    assert np.bincount(blocks).tolist() == [2] * 20
    assert all(labels[blocks == block].sum() == 1 for block in range(20))
    values = compute_pseudo_values(scored, None, roc_auc_score(labels, scores), blocks)
    # DeLong's variance, by the placements of each positive among the negatives and vice versa.
    above = scores[labels == 1][:, None] > scores[labels == 0]
    delong = above.mean(axis=1).var(ddof=1) / 20 + above.mean(axis=0).var(ddof=1) / 20
    assert values.mean() == pytest.approx(above.mean(), abs=0.02)
    # Without two blocks, as by scikit-learn.
    for block in (0, 7):
        there = blocks != block
        without = (20 * above.mean() - values[block]) / 19
        assert without == pytest.approx(roc_auc_score(labels[there], scores[there]))
    # Blocks pair positives with negatives at random, which the 20 values estimate only roughly.
    assert 0.3 < values.var(ddof=1) / 20 / delong < 2.5


def test_groups_of_rows_are_dealt_together_and_unlabelled_rows_nowhere():
    labels = pd.Series(np.where(np.arange(90) % 9 == 0, np.nan, np.arange(90.0)))
    scored = ScoredTask("a", labels, Regression())
    groups = np.arange(90) // 3
    blocks = deal_blocks(scored, groups, np.random.RandomState(0))
    assert ((blocks < 0) == labels.isna()).all()
    assert all(len(set(blocks[(groups == g) & (blocks >= 0)])) == 1 for g in range(30))
    # Too few groups for blocks.
    few = deal_blocks(scored, groups % 4, np.random.RandomState(0))
    assert np.isnan(compute_pseudo_values(scored, "r2", 0.5, few)).all()


def test_repeats_of_the_same_rows_are_no_new_rows():
    X, y = make_columns(200, seed=0)
    models, options = {"a": ByColumn(0), "b": ByColumn(1)}, {"verbose": 0, "random_state": 0}
    once = compare(X, y, models, cv=5, metrics="neg_mean_squared_error", **options).gains.iloc[0]
    folds = RepeatedKFold(n_splits=5, n_repeats=4, random_state=0)
    often = compare(X, y, models, cv=folds, metrics="neg_mean_squared_error", **options)
    width = np.ptp(often.gains.iloc[0][["low", "high"]])
    assert 0.6 < width / np.ptp(once[["low", "high"]]) < 1.4


def test_print_and_notebooks_show_scores_costs_and_verdicts(data):
    found = measure(MODELS, *data, cv=3, random_state=0)
    text = str(found)
    for part in ("up", "seesaw", "one", "fit, CPU s", "a row, ms", "means of 3 folds"):
        assert part in text
        assert part in found._repr_html_()
    assert found.verdicts()[0] in text
    mean = found.scores.query("model == 'up' and task == 'one'")["score"].mean()
    assert found.table.loc["one", "up"] == pytest.approx(mean)
    assert f"{mean:.3f}" in text
    assert (found.costs.loc["fit, CPU s"] >= 0).all()
    hostile = Comparison(
        found.scores.replace("up", "<b>"),
        found.gains.replace("up", "<b>"),
        "single_task",
        0.9,
        "<i>",
    )
    assert "<b>" not in hostile._repr_html_()
    assert "<i>" not in hostile._repr_html_()


def test_the_best_model_is_fitted_to_all_rows(data):
    X, y = data
    best = measure(MODELS, X, y, cv=3, random_state=0).best()
    assert best.skill == (0.6, 0.6)
    np.testing.assert_allclose(best.means_, y.mean())
    scores = measure(MODELS, X, y, cv=3, random_state=0).scores
    with pytest.raises(ValueError, match="models are not known"):
        Comparison.from_scores(scores, reference="up").best()
    # Without the costs, the ranks alone decide.
    assert Comparison.from_scores(scores[COLUMNS], reference="seesaw").best_name == "up"
    unknown = measure(MODELS, X, y, cv=3, metrics=lambda *_: np.nan)
    with pytest.raises(ValueError, match="No model has a score of every task"):
        unknown.best()


def test_a_task_that_no_model_can_score_stays_in_the_table(data):
    X, y = data
    metrics = {"one": r2_score, "two": lambda *_: np.nan}
    found = measure(MODELS, X, y, cv=3, metrics=metrics, random_state=0)
    assert found.table.isna().all(axis=1).to_dict() == {"one": False, "two": True}
    assert found.best().skill[0] == 0.6


def test_models_of_single_targets_are_fitted_to_each_task():
    X, y = make_table(90)
    X = X[["b", "c"]]
    models = {
        "pair": (LogisticRegression(), Ridge()),
        "numbers": Ridge(),
        "several numbers": MultiOutputRegressor(Ridge()),
        "boosting": None,
    }
    found = compare(X, y, models, cv=2, verbose=0, random_state=0)
    assert found.reference == "boosting"
    assert found.table["pair"].notna().all()
    assert found.table["numbers"].notna().tolist() == [False, True, False]
    assert found.table.loc["price"].iloc[:3].nunique() == 1
    by_hand = []
    for train, test in MultiTaskKFold(2, task_types=KINDS).split(X, y):
        price = y["price"].iloc[train].dropna()
        model = Ridge().fit(X.loc[price.index], price)
        held = y["price"].iloc[test].dropna()
        by_hand.append(r2_score(held, model.predict(X.loc[held.index])))
    assert found.table.loc["price", "pair"] == pytest.approx(np.mean(by_hand))
    assert found.best().predict(X).shape == (90, 3)


def test_defaults_are_guessing_boosting_networks_and_their_blend():
    X, y = make_table(60)
    for name, model in make_models().items():
        assert "random_state" in model.get_params(), name
    models = dict.fromkeys(make_models()) | {"PLE": make_tiny(), "hard sharing": make_tiny()}
    models["blend"] = BlendClassifierRegressor([("network", make_tiny())])
    found = compare(X, y[["late", "price"]], models, cv=2, random_state=0, verbose=0)
    names = ["dummy", "boosting", "boosting, tuned", "hard sharing", "PLE", "blend"]
    assert list(found.table) == names
    assert found.table.loc["late", "dummy"] == 0.5


def test_tuned_boosting_is_compared_on_request_only(data, monkeypatch):
    known = {"dummy": Ridge(1e9), "boosting": Ridge(), "boosting, tuned": Ridge(0.1)}
    module = importlib.import_module("sklearn_ple.inspection.compare_models")
    monkeypatch.setattr(module, "make_models", lambda: known)
    X, y = data[0], data[1].fillna(0)
    assert list(compare(X, y, cv=2, verbose=0).table) == ["dummy", "boosting"]
    found = compare(X, y, dict.fromkeys(known), cv=2, verbose=0)
    assert list(found.table) == list(known)


def test_groups_and_weights_are_passed_on():
    X, y = make_table(120)
    X = X[["b", "c"]]
    groups = np.arange(120) // 4
    weights = np.where(np.arange(120) < 100, 1.0, 0.0)
    models = {"boosting": (LogisticRegression(), Ridge()), "PLE": make_tiny(n_members=4)}
    found = compare(X, y, models, cv=2, groups=groups, sample_weight=weights, verbose=0)
    missing = y.where(np.repeat(weights[:, None] > 0, 3, axis=1))
    folds = list(MultiTaskKFold(2, task_types=KINDS).split(X, missing, groups))
    for train, test in folds:
        assert not set(groups[train]) & set(groups[test])
    expected = compare(X, missing, models, cv=folds, verbose=0)
    assert found.table["boosting"].tolist() == pytest.approx(expected.table["boosting"].tolist())


class Grouped(Noisy):
    """Keeps the groups of its fit."""

    def fit(self, X, y, groups=None):
        self.groups_ = groups
        return super().fit(X, y)


def test_the_best_model_is_fitted_with_groups(data):
    groups = np.repeat(["a", "b", "c"], 30)
    models = {"single_task": Noisy(), "grouped": Grouped((0.6, 0.6))}
    best = measure(models, *data, cv=3, groups=groups).best()
    assert [len(np.unique(best.groups_[groups == name])) for name in "abc"] == [1, 1, 1]
    assert len(np.unique(best.groups_)) == 3


class Stopping(Noisy):
    """Is interrupted in its third fit."""

    n_fits = 0

    def fit(self, X, y):
        Stopping.n_fits += 1
        if Stopping.n_fits == self.skill[1]:
            raise KeyboardInterrupt
        return super().fit(X, y)


@pytest.mark.parametrize("last", [3, 1])
def test_after_an_interruption_the_complete_folds_count(data, last):
    Stopping.n_fits = 0
    models = {"single_task": Noisy(), "stopping": Stopping((0.1, last))}
    if last == 1:
        with pytest.raises(KeyboardInterrupt):
            measure(models, *data, cv=4)
        return
    with pytest.warns(ConvergenceWarning, match="rests on 2 of 4 folds"):
        found = measure(models, *data, cv=4)
    assert found.scores["repeat"].unique().tolist() == [0, 1]
    assert found.repeats == "2 folds"


class Pressing(Callback):
    """Presses Ctrl-C in a network's epoch, and perhaps once more in what follows."""

    def __init__(self, n_before):
        self.n_before = n_before

    def on_epoch_end(self, net, **_):
        if os.getpid() == PRESSED["pid"]:
            PRESSED["n_epochs"] += 1
            if PRESSED["n_epochs"] > self.n_before:
                os.kill(os.getpid(), signal.SIGINT)


PRESSED = {"pid": os.getpid(), "n_epochs": 0}


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize("n_before", [0, 8])
def test_ctrl_c_in_a_network_ends_the_comparison_at_once(data, n_before):
    X, y = data[0], data[1].fillna(0)
    PRESSED["n_epochs"] = 0
    network = make_tiny(max_epochs=3, early_stopping=False, callbacks=[Pressing(n_before)])
    models = {"boosting": Ridge(), "PLE": network}
    if not n_before:
        with pytest.raises(KeyboardInterrupt):
            compare(X, y, models, cv=4, verbose=0)
    else:
        with pytest.warns(ConvergenceWarning, match="it rests on 2 of 4 folds"):
            found = compare(X, y, models, cv=4, verbose=0)
        assert found.scores["repeat"].unique().tolist() == [0, 1]
    # No epoch, and no fit, came after it.
    assert PRESSED["n_epochs"] == n_before + 1
    # Ctrl-C is what it was.
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_ctrl_c_ends_cross_validation(data):
    PRESSED["n_epochs"] = 0
    network = make_tiny(max_epochs=3, callbacks=[Pressing(1)])
    with pytest.raises(KeyboardInterrupt):
        cross_val_predict(network, data[0], data[1].fillna(0), cv=3)
    assert PRESSED["n_epochs"] == 2


# A comparison in two processes at a terminal, in which no fit of the third fold ends.
WAITING = """
import faulthandler, fcntl, signal, termios, threading

import numpy as np
from sklearn.linear_model import Ridge

from sklearn_ple.inspection import compare

# Programs that a shell starts in the background ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
faulthandler.dump_traceback_later(400, exit=True)


class Waiting(Ridge):
    def fit(self, X, y, sample_weight=None):
        if len(X) > 40:
            threading.Event().wait()
        return super().fit(X, y)


rng, rows = np.random.RandomState(0), np.arange(80)
X = rng.randn(80, 3)
y = X @ rng.randn(3, 2)
few, many = [(rows[:40], rows[40:]), (rows[40:], rows[:40])], [(rows[:60], rows[60:])] * 2
models = {"alone": Ridge(), "waiting": Waiting()}
found = compare(X, y, models, cv=few + many, n_jobs=2, random_state=0)
print(found.repeats, found.scores["repeat"].unique(), flush=True)
threading.Event().wait()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs terminals of POSIX")
def test_ctrl_c_ends_fits_in_processes_and_a_second_one_the_program(tmp_path):
    import pty
    import termios

    (tmp_path / "waiting.py").write_text(WAITING)
    screen, terminal = pty.openpty()
    # A bar is shown where there are rows and columns for it; each of its states is to be seen.
    termios.tcsetwinsize(terminal, (24, 100))
    child = subprocess.Popen(
        [sys.executable, tmp_path / "waiting.py"],
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=terminal,
        text=True,
        env=os.environ | {"TQDM_MININTERVAL": "0"},
        start_new_session=True,
    )
    os.close(terminal)
    said = read_until(b" 4/8 ", screen)
    assert " 4/8 " in said, said
    os.write(screen, b"\x03")
    assert child.stdout.readline() == "2 folds [0 1]\n"
    assert "it rests on 2 of 4 folds" in read_until(b"of 4 folds", screen)
    os.write(screen, b"\x03")
    # The pipe is closed when the program and the processes of its fits have ended.
    try:
        rest, _ = child.communicate(timeout=300)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        raise
    assert rest == "" and child.returncode != 0
    assert "KeyboardInterrupt" in read_until(b"KeyboardInterrupt", screen)
    os.close(screen)


def read_until(part, screen):
    """Read what a terminal shows, up to some text or its end."""
    seen = b""
    while part not in seen:
        try:
            new = os.read(screen, 2**16)
        except OSError:  # Linux' word for the end.
            new = b""
        if not new:
            break
        seen += new
    return seen.decode()


def test_comparisons_can_be_pickled_without_the_rows(data):
    found = measure(MODELS, *data, cv=3, random_state=0)
    written = pickle.dumps(found)
    assert data[0]["a"].to_numpy().tobytes() not in written
    again = pickle.loads(written)
    assert str(again) == str(found)
    assert again.gains.equals(found.gains)
    with pytest.raises(ValueError, match="does not hold the rows: fit the best model, 'up', to"):
        again.best()
    assert found.best().skill == (0.6, 0.6)


def test_progress_is_shown_if_asked_for(data, capsys):
    measure(MODELS, *data, cv=2)
    assert capsys.readouterr().err == ""
    measure(MODELS, *data, cv=2, verbose=1)
    assert "Fitting: 100%" in (shown := capsys.readouterr().err) and "6/6" in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"reference": "none"}, "reference='none' must be one of at least two models"),
        ({"cv": [([0, 1], [2, 3])]}, "2 folds or more, but cv has 1"),
        ({"cv": [([0, 1], [])] * 2}, "cv has a fold without training rows or without test rows"),
        ({"cv": iter([])}, "cv has no folds"),
        ({"cv": torch.tensor(1)}, "'cv' parameter of compare must be"),
        ({"cv": [([0, 1], [90])] * 2}, "cv yields numbers of rows beyond the 90 rows"),
        ({"cv": [([0, 1], [0.5])] * 2}, r"cv yields array\(\[0.5\]\); expected numbers"),
        ({"cv": [([0, 1], [True] * 9)] * 2}, "cv yields .* expected numbers"),
        ({"cv": StratifiedKFold(2)}, "cv: "),
        ({"cv": [([0, 1], [2, 3])] * 2, "groups": range(5)}, r"groups has shape \(5,\)"),
        ({"confidence": 95}, "'confidence' parameter .* Got 95"),
        ({"confidence": "a"}, "'confidence' parameter .* Got 'a'"),
        ({"task_types": "none"}, "task_types"),
    ],
)
def test_wrong_arguments_are_named(data, arguments, message):
    with pytest.raises(ValueError, match=message):
        measure(MODELS, *data, **arguments)


def test_models_need_names(data):
    with pytest.raises(ValueError, match="'models' parameter"):
        measure([Noisy()], *data, cv=3)
    with pytest.raises(ValueError, match="at least two models"):
        measure({}, *data, cv=3)
    with pytest.raises(ValueError, match="at least two models"):
        measure({"single_task": Noisy()}, *data, cv=3)
    with pytest.raises(TypeError, match="'a'"):
        measure({"single_task": Noisy(), "a": "b"}, *data, cv=3)
    with pytest.raises(TypeError, match="models has the name 1"):
        measure({"single_task": Noisy(), 1: Noisy()}, *data, cv=3)


def test_models_need_tasks_of_their_kind(data):
    X, y = data[0], data[1].fillna(0)
    with pytest.raises(ValueError, match="models has .* for 'a', but no task is of its kind"):
        measure({"single_task": Noisy(), "a": LogisticRegression()}, X, y)


def test_a_task_that_the_reference_cannot_learn_has_scores_but_no_gains(data):
    X, y = data[0], data[1].fillna(0)
    y = y.assign(sign=y["one"] > 0)
    models = {"single_task": Ridge(), "pair": (LogisticRegression(), Ridge())}
    found = measure(models, X, y, cv=3, random_state=0)
    assert found.table.loc["sign"].isna().tolist() == [True, False]
    assert found.gains["task"].tolist() == ["one", "two"]
    assert found.verdicts()[-1] == (
        f"sign: single_task has no score; pair has {found.table.loc['sign', 'pair']:.3f}."
    )
    assert found.best().predict(X).shape == (90, 3)


def make_times(n_rows=90):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(n_rows, 2)), columns=["a", "b"])
    times = np.exp(X["a"] + 0.3 * rng.normal(size=n_rows))
    end = times.where(rng.random(n_rows) < 0.7, -times)
    return X, pd.DataFrame({"end": end, "price": X["b"] + rng.normal(size=n_rows)})


def test_what_cannot_learn_a_kind_has_no_score_there_and_the_rest_goes_on():
    X, y = make_times()
    models = {
        "boosting": (None, Ridge()),
        "numbers": Ridge(),
        "PLE": make_tiny(max_epochs=20),
        "blend": BlendClassifierRegressor(
            [("pair", PerTaskClassifierRegressor()), ("n", make_tiny())]
        ),
        "networks": BlendClassifierRegressor([("a", make_tiny()), ("b", make_tiny())]),
    }
    found = compare(X, y, models, cv=2, task_types={"end": "survival"}, verbose=0, random_state=0)
    has_score = found.table.notna()
    assert has_score.loc["price"].all()
    assert has_score.loc["end"].to_dict() == {
        "boosting": False,
        "numbers": False,
        "PLE": True,
        "blend": False,
        "networks": True,
    }
    assert found.table.loc["end", "PLE"] > 0.6


def test_scores_of_different_metrics_are_not_subtracted():
    X, y = make_times()
    y["end"] = y["end"].abs()
    survival = make_tiny(task_types={"end": "survival", "price": "huber"})
    models = {"boosting": None, "PLE": survival}
    message = (
        "Task 'end' is of kind 'regression' for the model 'boosting' and of kind 'survival' for "
        "'PLE'"
    )
    with pytest.raises(ValueError, match=message):
        compare(X, y, models, verbose=0)
    metrics = {"price": "r2", "end": lambda true, predicted: np.corrcoef(true, predicted)[0, 1]}
    found = compare(X, y, models, cv=2, metrics=metrics, verbose=0, random_state=0)
    assert found.table.notna().all(axis=None)
    # Kinds of one metric may differ: ordinal classes, and classes.
    y = pd.DataFrame({"grade": np.arange(90) % 3})
    models = {name: make_tiny(task_types=name) for name in ("ordinal", "multiclass")}
    found = compare(X, y, models, cv=2, verbose=0, random_state=0)
    assert found.gains["mean"].notna().all()


def test_failure_names_the_model(data):
    models = {**MODELS, "broken": Noisy(skill="none")}
    with pytest.raises(Exception) as caught:  # noqa: PT011
        measure(models, *data, cv=3)
    assert "'broken'" in caught.value.__notes__[0]


def test_result_is_shown_in_short():
    rows = [["together", "death", 0.02, 0.01, 0.03]]
    gains = pd.DataFrame(rows, columns=["model", "task", "mean", "low", "high"])
    gain = Comparison(pd.DataFrame(), gains, "single_task", 0.9, "5 seeds")
    caption, table, verdict = repr(gain).split("\n\n")
    assert caption == "Gains over single_task, 5 seeds:"
    assert table.splitlines()[-1].split() == ["together", "death", "+0.020", "+0.010", "+0.030"]
    assert verdict == "death: together gains 0.02 over single_task (0.01 to 0.03)."


def test_gains_are_measured_from_scores_that_are_there_already():
    rows = [
        ("single_task", "a", 0, 0.5),
        ("single_task", "a", 1, 0.6),
        ("ple", "a", 0, 0.6),
        ("ple", "a", 1, 0.9),
    ]
    scores = pd.DataFrame(rows, columns=COLUMNS)
    gain = Comparison.from_scores(scores, reference="single_task", confidence=0.9)
    (found,) = gain.gains.itertuples(index=False)
    low, high = stats.t.interval(0.9, 1, loc=0.2, scale=stats.sem([0.1, 0.3]))
    assert found[:2] == ("ple", "a")
    assert_allclose(found[2:5], [0.2, low, high])
    assert found.chance == pytest.approx(stats.t.cdf(0.2 / stats.sem([0.1, 0.3]), 1))
    assert gain.repeats == "2 repeats"


def test_names_of_scores_need_not_be_texts():
    keys = itertools.product(("ple", "single_task"), (1, 2), range(3))
    rows = [(model, task, k, k * task + (model == "ple")) for model, task, k in keys]
    scores = pd.DataFrame(rows, columns=COLUMNS)
    found = Comparison.from_scores(scores, reference="single_task")
    assert "ple: gains on 1, 2." in found.summary()


def test_a_single_repeat_has_no_interval():
    scores = pd.DataFrame([("ple", "a", 0, 0.5), ("single_task", "a", 0, 0.7)], columns=COLUMNS)
    found = Comparison.from_scores(scores, reference="single_task")
    assert str(found).endswith("a: too few scores to say.")
    text = found.summary()
    assert "ple: no interval on a." in text
    assert "(95 % intervals, 1 repeat)" in text


def test_scores_of_another_form_are_an_error():
    scores = pd.DataFrame([("ple", "a", 0, 0.5), ("single_task", "a", 0, 0.7)], columns=COLUMNS)
    with pytest.raises(ValueError, match=r"scores lacks the columns \['repeat'\]: add them"):
        Comparison.from_scores(scores.drop(columns="repeat"), reference="ple")
    with pytest.raises(TypeError, match="scores must be a DataFrame, not dict"):
        Comparison.from_scores({"ple": 0.5}, reference="ple")
    message = "several rows of {'model': 'ple', 'task': 'a', 'repeat': 0}: keep one"
    with pytest.raises(ValueError, match=message):
        Comparison.from_scores(pd.concat([scores, scores]), reference="ple")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"reference": "zz"}, r"'zz' must be one of .* \['single_task', 'ple'\]"),
        ({"confidence": 95}, "'confidence' parameter .* Got 95"),
        ({"overlap": -1}, "'overlap' parameter .* Got -1"),
        ({"overlap": "a third"}, "'overlap' parameter .* Got 'a third'"),
    ],
)
def test_wrong_arguments_beside_scores_are_named(arguments, message):
    rows = [("single_task", "a", 0, 0.5), ("ple", "a", 0, 0.6), ("ple", "b", 0, 0.6)]
    scores = pd.DataFrame(rows, columns=COLUMNS)
    with pytest.raises(ValueError, match=message):
        Comparison.from_scores(scores, **({"reference": "single_task"} | arguments))


@pytest.mark.filterwarnings("ignore:No value of column 'town'")
def test_a_column_is_warned_of_once_at_the_line_of_the_user():
    X, y = make_complete_table(120)
    X["town"] = np.repeat([f"town {k}" for k in range(40)], 3)
    X["code"] = [f"{number}.5" for number in np.repeat(np.arange(40), 3)]
    # No town, and no code, of a test fold is in its training rows.
    folds = GroupKFold(3).split(X, groups=X["town"])
    models = {"network": make_tiny(), "boosting": None}
    with pytest.warns(UserWarning, match="Column 'code' of X holds numbers") as record:
        compare(X, y, models, cv=list(folds), verbose=1)
    assert [str(warning.message).split("'")[1] for warning in record] == ["code", "town"]
    assert {warning.filename for warning in record} == {__file__}
