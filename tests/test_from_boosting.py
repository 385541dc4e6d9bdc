"""Each row of the page for those who come from boosting runs; its first cell is the docstring."""

import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from joblib import parallel_config
from makers import make_tiny
from sklearn.inspection import partial_dependence
from sklearn.model_selection import GroupShuffleSplit, cross_validate
from torch.nn import functional as F

from sklearn_ple import PLEClassifierRegressor, SingleTaskClassifierRegressor, export
from sklearn_ple.inspection import (
    GateUtilizationDisplay,
    NetworkDiagram,
    TrainingHistoryDisplay,
    compare,
    multitask_importance,
)
from sklearn_ple.metrics import make_multitask_scorer, multitask_scores
from sklearn_ple.model_selection import cross_val_predict
from sklearn_ple.tasks import Regression

PAGE = Path(__file__).parents[1] / "docs" / "from_boosting.rst"
N = 80


@pytest.fixture(scope="module")
def data():
    rng = np.random.RandomState(0)
    X = pd.DataFrame({"a": rng.randn(N), "b": rng.randn(N), "town": rng.choice(["u", "v"], N)})
    X.loc[::9, "a"] = np.nan
    y = pd.DataFrame({"income": (X["b"] > 0) * 1.0, "hours": 2 * X["b"] + rng.randn(N)})
    y.loc[::5, "income"], y.loc[1::5, "hours"] = np.nan, np.nan
    return X, y


def model(cls=PLEClassifierRegressor, **params):
    return make_tiny(cls, **({"n_members": 2} | params))


@pytest.fixture(scope="module")
def fitted(data):
    return model(early_stopping=True).fit(*data)


def test_one_model_learns_all_targets(data, fitted):
    """One model for each target"""
    X, y = data
    assert fitted.task_names_ == ["income", "hours"]
    assert fitted.task_view("income").predict_proba(X).shape == (N, 2)
    systems = {"alone": model(SingleTaskClassifierRegressor), "ple": model()}
    gain = compare(X, y, systems, cv=2, reference="alone")
    assert set(gain.gains["task"]) == {"income", "hours"}


def test_missing_values_are_left_as_they_are(data, fitted):
    """Missing values in X"""
    X, _ = data
    assert X["a"].isna().any() and fitted.predict(X).notna().all(axis=None)


def test_rows_without_a_label_are_kept(data, fitted):
    """Rows without a label dropped"""
    X, y = data
    assert y.isna().any(axis=1).sum() > N / 4
    assert np.isfinite(fitted.score(X, y))


def test_integer_codes_that_are_named_are_categories(data):
    """categorical_feature, cat_features"""
    X, y = data
    coded = X.assign(town=(X["town"] == "u").astype(int))
    named = model(categorical_features=["town"]).fit(coded, y)
    with pytest.warns(UserWarning, match="No value of column 'town' of X was a category in fit"):
        named.predict(coded.assign(town=2))
    as_category = model().fit(coded.astype({"town": "category"}), y)
    pd.testing.assert_frame_equal(named.predict(coded), as_category.predict(coded))


def test_columns_that_are_named_have_target_statistics(data):
    """CatBoost's target statistics"""
    X, y = data
    default, none, named = (
        model(**params).fit(X, y).module_.inputs.n_numbers
        for params in ({}, {"target_statistics": False}, {"target_statistics": ["town"]})
    )
    # Two towns are few; of each there is a mean for each task.
    assert default == none and named == none + 2


def test_text_is_encoded_by_skrub(data):
    """Text and embedding features"""
    skrub = pytest.importorskip("skrub")
    from sklearn.pipeline import make_pipeline

    X, y = data
    X = X.assign(
        review=[f"{'good' if b > 0 else 'bad'} thing number {i}" for i, b in enumerate(X["b"])]
    )
    text = skrub.StringEncoder(n_components=4)
    vectorizer = skrub.TableVectorizer(low_cardinality="passthrough", high_cardinality=text)
    pipeline = make_pipeline(vectorizer, model()).fit(X, y)
    assert "review_3" in pipeline[-1].feature_names_in_


def test_kinds_of_tasks_replace_objectives(data):
    """objective"""
    X, y = data
    visits = (y["hours"].abs() * 3).round()
    y = y.assign(visits=visits, cost=visits, typical=y["hours"], middle=y["hours"])
    y["days"] = np.where(y["income"] == 1, 1.0, -1.0) * (1 + np.arange(N))
    kinds = {"visits": "count", "cost": "tweedie", "typical": "huber", "middle": "quantile"}
    predicted = model(task_types=kinds | {"days": "survival"}).fit(X, y).predict(X)
    assert (predicted[["visits", "cost", "days"]] >= 0).all(axis=None)


class Absolute(Regression):
    """Numbers, by their absolute error."""

    kind = "absolute"

    def loss(self, outputs, targets):
        return F.l1_loss(outputs[..., 0], targets, reduction="none")


def test_a_task_may_have_a_loss_of_its_own(data):
    """Your own objective"""
    X, y = data
    fitted = model(task_types={"hours": Absolute}).fit(X, y)
    assert fitted.task_types_["hours"] == "absolute"
    assert multitask_scores(fitted, X, y)["hours"] > -1


def test_rows_or_labels_have_weights(data):
    """sample_weight"""
    X, y = data
    rng = np.random.RandomState(0)
    rows = rng.uniform(size=N)
    of_rows = model().fit(X, y, rows).predict(X)
    of_labels = model().fit(X, y, np.column_stack([rows, rows])).predict(X)
    pd.testing.assert_frame_equal(of_rows, of_labels)
    assert not of_rows.equals(model().fit(X, y).predict(X))


def test_classes_have_weights_by_task(data):
    """scale_pos_weight, class_weight"""
    X, y = data
    plain = model().fit(X, y).predict_proba(X)[0][:, 1].mean()
    heavy = model(class_weight={"income": {0: 1, 1: 10}}).fit(X, y).predict_proba(X)[0][:, 1]
    assert heavy.mean() > plain
    model(class_weight="balanced").fit(X, y)


def test_training_stops_early(data):
    """Early stopping"""
    options = {"max_epochs": 400, "n_iter_no_change": 1, "validation_fraction": 0.3}
    stopped = model(early_stopping=True, refit=False, learning_rate=0.05, **options).fit(*data)
    assert stopped.n_iter_ < 400 and "valid_loss" in stopped.history_[0]


def test_rows_to_validate_on_may_be_passed(data):
    """eval_set"""
    X, y = data
    own = model().fit(X[:60], y[:60], X_val=X[60:], y_val=y[60:])
    assert "valid_loss" in own.history_[-1]


def test_the_last_rows_or_whole_groups_are_validated_on(data):
    """Validation later in time, or of other groups"""
    X, y = data
    last = model(validation_split="last", early_stopping=True).fit(X, y)
    by_splitter = model(validation_split=GroupShuffleSplit(random_state=0), early_stopping=True)
    towns = np.arange(N) // 4
    for fitted in (last, by_splitter.fit(X, y, groups=towns)):
        assert "valid_loss" in fitted.history_[-1]
    model(early_stopping=True).fit(X, y, groups=towns)


def test_losses_are_kept_drawn_and_shown(data, fitted, capsys):
    """evals_result_, verbosity"""
    assert [epoch["epoch"] for epoch in fitted.history_] == [1, 2]
    TrainingHistoryDisplay.from_estimator(fitted)
    model(verbose=1).fit(*data)
    assert "Training" in capsys.readouterr().err


def test_tasks_have_metrics_of_their_own(data, fitted):
    """eval_metric, feval"""
    X, y = data
    metrics = {"income": "accuracy", "hours": "neg_mean_absolute_error"}
    scores = multitask_scores(fitted, X, y, metrics=metrics)
    there = y["hours"].notna()
    errors = (fitted.predict(X)["hours"] - y["hours"])[there].abs()
    assert scores["hours"] == pytest.approx(-errors.mean())


def test_folds_are_predicted_and_scored(data):
    """cv"""
    X, y = data
    assert cross_val_predict(model(), X, y, cv=2).shape == (N, 2)
    scores = cross_validate(model(), X, y, cv=2, scoring=make_multitask_scorer())["test_score"]
    assert np.isfinite(scores).all()


def test_the_space_to_search_is_there(data):
    """Tuning by Optuna or random search"""
    space = PLEClassifierRegressor.search_space()
    assert {"dropout", "learning_rate"} <= set(space)
    assert callable(PLEClassifierRegressor.search_space("optuna"))


def test_two_jobs_train_the_same_model(data, fitted):
    """num_threads"""
    X, y = data
    with parallel_config("threading"):
        two = model(early_stopping=True, n_jobs=2).fit(X, y)
    np.testing.assert_allclose(two.predict(X)["hours"], fitted.predict(X)["hours"], rtol=1e-3)


def test_a_gpu_is_used_if_there_is_one(fitted):
    """device_type="gpu\""""
    assert fitted.device == "auto"
    assert fitted.device_.startswith("cuda" if torch.cuda.is_available() else ("cpu", "mps"))


def test_the_same_seed_makes_the_same_model(data, fitted):
    """seed"""
    X, y = data
    again = model(early_stopping=True).fit(X, y)
    pd.testing.assert_frame_equal(again.predict(X), fitted.predict(X))


def test_training_goes_on_and_tasks_are_added(data):
    """init_model"""
    X, y = data
    warm = model(warm_start=True).fit(X, y)
    first = warm.predict(X)
    assert not warm.fit(X, y).predict(X).equals(first)
    grown = model().partial_fit(X[:40], y[:40])
    assert grown.partial_fit(X[40:], y[40:]).predict(X).shape == (N, 2)
    assert model(warm_start_from=warm).fit(X, y["hours"]).predict(X).shape == (N,)
    assert grown.add_task(X, X["b"].abs().rename("new")).predict(X).shape == (N, 3)


def test_a_file_keeps_the_model(data, fitted, tmp_path):
    """save_model, load_model"""
    pytest.importorskip("safetensors")
    export.save(fitted, tmp_path / "model.safetensors")
    loaded = export.load(tmp_path / "model.safetensors")
    pd.testing.assert_frame_equal(loaded.predict(data[0]), fitted.predict(data[0]))


def test_a_fit_goes_on_from_its_checkpoint(data, tmp_path):
    """snapshot_file"""
    X, y = data
    first = model(checkpoint_dir=tmp_path).fit(X, y)
    again = model(checkpoint_dir=tmp_path).fit(X, y)
    pd.testing.assert_frame_equal(again.predict(X), first.predict(X))


def test_decision_function_gives_logits(data, fitted):
    """raw_score=True"""
    logits = fitted.decision_function(data[0])[0]
    proba = fitted.predict_proba(data[0])[0][:, 1]
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), proba, rtol=1e-5)


def test_transform_gives_the_learnt_features(data, fitted):
    """pred_leaf"""
    representations = fitted.transform(data[0])
    assert representations.shape == (N, len(fitted.get_feature_names_out()))


def test_importances_are_measured_by_shuffling(data, fitted):
    """feature_importances_"""
    found = multitask_importance(fitted, *data, n_repeats=2, random_state=0).frame
    assert set(found["feature"]) == {"a", "b", "town"}
    assert not hasattr(fitted, "feature_importances_")


def test_shap_explains_a_task(data):
    """pred_contrib, SHAP"""
    shap = pytest.importorskip("shap")
    X, y = data
    X = X[["a", "b"]].fillna(0)
    view = model().fit(X, y).task_view("hours")
    found = shap.explainers.Exact(view.predict, X[:20])(X[:3])
    sums = found.values.sum(axis=1) + found.base_values
    np.testing.assert_allclose(sums, view.predict(X[:3]), rtol=1e-3, atol=1e-4)


def test_a_task_view_has_partial_dependence(data, fitted):
    """Partial dependence"""
    found = partial_dependence(
        fitted.task_view("hours"), data[0], ["b"], grid_resolution=5, kind="average"
    )
    assert found["average"].shape == (1, 5)


def test_probabilities_are_calibrated(data):
    """Calibration of probabilities"""
    X, y = data
    calibrated = model().fit(X[:50], y[:50]).calibrate(X[50:], y[50:])
    assert list(calibrated.temperatures_) == ["income"]


def test_intervals_are_in_order(data, fitted):
    """Prediction intervals"""
    X, y = data
    low, high = fitted.predict_interval(X, level=0.7)
    assert (low["hours"] < high["hours"]).all()
    quantiles = model(task_types={"hours": "quantile"}).fit(X, y).predict_quantiles(X)[1]
    assert (quantiles.diff(axis=1).iloc[:, 1:] >= 0).all(axis=None)


def test_the_network_and_its_gates_are_drawn(data, fitted):
    """plot_tree"""
    assert "<svg" in NetworkDiagram.from_estimator(fitted)._repr_html_()
    display = GateUtilizationDisplay.from_estimator(fitted, data[0])
    assert set(display.utilization["gate"]) == {"income", "hours"}


def no_parameter_like(word):
    return not any(word in name for name in PLEClassifierRegressor().get_params())


def test_no_parameter_makes_a_model_monotone():
    """Monotone constraints"""
    assert no_parameter_like("monoton")


def test_no_parameter_limits_interactions():
    """Interaction constraints"""
    assert no_parameter_like("interaction")


def test_probabilities_rank_rows(data, fitted):
    """Ranking, lambdarank"""
    assert no_parameter_like("rank")
    assert len(np.unique(fitted.predict_proba(data[0])[0][:, 1])) > N / 2


def test_each_row_of_the_page_has_a_test():
    table = PAGE.read_text(encoding="utf-8").partition("   * - There\n")[2]
    rows = re.findall(r"^   \* - (.*)\n     - ", table, re.MULTILINE)
    cells = [row.replace("``", "") for row in rows]
    tests = [
        value.__doc__
        for name, value in vars(sys.modules[__name__]).items()
        if name.startswith("test_") and value.__doc__
    ]
    assert cells == tests
