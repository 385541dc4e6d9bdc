"""docs/scikit_learn.rst says rightly which of scikit-learn's tools work on mixed targets.

A tool, named as in the page's table, fails if its attempt raises an error. Where the page names
something else, the tool fails and its replacement works.
"""

import os
import pickle
import re
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
import torch
from makers import make_table, make_tiny
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_selection import SelectFromModel, SequentialFeatureSelector
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import (
    PartialDependenceDisplay,
    partial_dependence,
    permutation_importance,
)
from sklearn.metrics import (
    ConfusionMatrixDisplay,
    RocCurveDisplay,
    get_scorer,
    make_scorer,
    roc_auc_score,
)
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    KFold,
    RandomizedSearchCV,
    StratifiedKFold,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    train_test_split,
    validation_curve,
)
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.fixes import parse_version

from sklearn_ple import PLEClassifier, PLEClassifierRegressor, model_selection
from sklearn_ple.datasets import load_nhefs
from sklearn_ple.metrics import make_multitask_scorer

PAGE = Path(__file__).parents[1] / "docs" / "scikit_learn.rst"
EPOCHS = {"max_epochs": [1, 2]}
N_ROWS = 200


def load():
    X, y = load_nhefs(tasks=["death", "exercise", "wt82_71"], return_X_y=True)
    X, y = X.select_dtypes("number").iloc[:N_ROWS, :6].astype(float), y.iloc[:N_ROWS]
    exercise = y["exercise"].astype("category").cat.codes.astype(float)
    exercise[::5] = np.nan
    return X.fillna(X.mean()), y.assign(exercise=exercise).astype(float)


X, Y = load()
DEATH = Y["death"]


def new():
    return make_tiny(task_types={"exercise": "multiclass"})


def trained():
    return new().set_params(max_epochs=20).fit(X, Y)


def tensors():
    if parse_version(sklearn.__version__) < parse_version("1.8"):
        # Later versions bring it.
        pytest.importorskip("array_api_compat")
    model = make_tiny(task_types=["binary", "multiclass", "regression"])
    arrays = X.to_numpy(), Y.to_numpy()
    expected = clone(model).fit(*arrays).predict(arrays[0])
    rows, labels = map(torch.from_numpy, arrays)
    own = mock.patch.dict(os.environ, SCIPY_ARRAY_API="1")
    with own, sklearn.config_context(array_api_dispatch=True):
        np.testing.assert_array_equal(model.fit(rows, labels).predict(rows), expected)
        assert np.isfinite(model.score(rows, labels))


@pytest.fixture(scope="module")
def fitted():
    return new().fit(X, Y)


def check_finite(scores):
    assert np.isfinite(np.asarray(scores, dtype=float)).all()


def search(cls, **options):
    check_finite(cls(new(), EPOCHS, cv=KFold(2), **options).fit(X, Y).best_score_)


def score(cv=None, **options):
    check_finite(cross_val_score(new(), X, Y, cv=cv or KFold(2), error_score="raise", **options))


def probabilities(predict):
    parts = predict(new(), X, Y, cv=KFold(2), method="predict_proba")
    shapes = [None if part is None else part.shape for part in parts]
    assert shapes == [(N_ROWS, 2), (N_ROWS, 3), None]


def frozen_view(fitted):
    return FrozenEstimator(fitted.task_view("death"))


def classify(model):
    assert model.fit(X, DEATH).score(X, DEATH) > 0.5


def polars():
    tables = [pl.DataFrame(part.to_dict("list")).fill_nan(None) for part in (X, Y)]
    assert isinstance(new().fit(*tables).predict(tables[0]), pl.DataFrame)


def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        model = new().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        params = {"sample_weight": np.linspace(0, 1, N_ROWS)}
        check_finite(cross_val_score(model, X, Y, params=params, error_score="raise"))


def copies(fitted):
    for twin in (pickle.loads(pickle.dumps(fitted)), clone(fitted).fit(X, Y)):
        np.testing.assert_array_equal(twin.predict(X), fitted.predict(X))


def frozen(fitted):
    twin = clone(FrozenEstimator(fitted)).fit(X[:9], Y[:9])
    np.testing.assert_array_equal(twin.predict(X), fitted.predict(X))


def split(function, **options):
    X_train, _, y_train, _ = function(X, Y, random_state=0, **options)
    new().fit(X_train, y_train)


def scaled(fitted):
    thousandfold = fitted.predict(X)["wt82_71"] * 1000
    predicted = new().fit(X, Y.assign(wt82_71=Y["wt82_71"] * 1000)).predict(X)["wt82_71"]
    np.testing.assert_allclose(predicted, thousandfold, rtol=1e-3, atol=1e-2)


def importance(fitted):
    check_finite(permutation_importance(fitted, X, Y, n_repeats=1).importances_mean)


def few_columns():
    few, cv = X.iloc[:, :2], KFold(2)
    selector = SequentialFeatureSelector(new(), n_features_to_select=1, cv=cv).fit(few, Y)
    assert selector.transform(few).shape[1] == 1


def as_frames():
    frame = new().set_output(transform="pandas").fit(X, Y).transform(X)
    assert frame.index.equals(X.index)


def in_pipeline(first):
    check_finite(make_pipeline(first, new()).fit(X, Y).score(X, Y))


def some_columns():
    return make_column_transformer((StandardScaler(), ["age"]), remainder="passthrough")


#: What works, by its name on the page.
WORKING = {
    "fit, predict, score": lambda fitted: check_finite(fitted.score(X, Y)),
    "cross_val_score": lambda _: score(),
    "cross_validate": lambda _: check_finite(cross_validate(new(), X, Y)["test_score"]),
    "GridSearchCV": lambda _: search(GridSearchCV),
    "RandomizedSearchCV": lambda _: search(RandomizedSearchCV, n_iter=2),
    "HalvingGridSearchCV": lambda _: search(HalvingGridSearchCV, factor=2),
    "learning_curve": lambda _: check_finite(
        learning_curve(new(), X, Y, train_sizes=[50, 100], cv=KFold(2))[2]
    ),
    "validation_curve": lambda _: check_finite(
        validation_curve(new(), X, Y, param_name="max_epochs", param_range=[1, 2], cv=KFold(2))[1]
    ),
    "cross_val_predict": lambda _: check_finite(cross_val_predict(new(), X, Y, cv=KFold(2))),
    "GroupKFold": lambda _: score(GroupKFold(2), groups=np.arange(N_ROWS) // 3),
    "Pipeline": lambda _: in_pipeline(StandardScaler()),
    "ColumnTransformer before the estimator": lambda _: in_pipeline(some_columns()),
    "transform, set_output": lambda _: as_frames(),
    "polars in and out": lambda _: polars(),
    "set_config with array_api_dispatch": lambda _: tensors(),
    "metadata routing of weights": lambda _: routing(),
    "clone, pickle": copies,
    "FrozenEstimator": frozen,
    "HTML representation": lambda fitted: fitted._repr_html_(),
    "permutation_importance": importance,
    "SequentialFeatureSelector": lambda _: few_columns(),
}
#: What fails, and what works instead.
REPLACED = {
    "cross_val_predict of predict_proba": (
        lambda _: probabilities(cross_val_predict),
        lambda _: probabilities(model_selection.cross_val_predict),
    ),
    "StratifiedKFold": (
        lambda _: score(StratifiedKFold(2)),
        lambda _: score(model_selection.MultiTaskKFold(2)),
    ),
    "train_test_split with stratify": (
        lambda _: split(train_test_split, stratify=Y),
        lambda _: split(model_selection.train_test_split),
    ),
    "make_scorer of ROC AUC": (
        lambda _: score(scoring=make_scorer(roc_auc_score, response_method="predict_proba")),
        lambda _: score(scoring=make_multitask_scorer()),
    ),
    "SelectFromModel": (lambda _: SelectFromModel(new()).fit(X, Y).transform(X), importance),
    "partial_dependence": (
        lambda fitted: partial_dependence(fitted, X, ["age"]),
        lambda fitted: partial_dependence(fitted.task_view("wt82_71"), X, ["age"]),
    ),
    "RocCurveDisplay": (
        lambda fitted: RocCurveDisplay.from_estimator(fitted, X, DEATH),
        lambda fitted: RocCurveDisplay.from_estimator(fitted.task_view("death"), X, DEATH),
    ),
    "ConfusionMatrixDisplay": (
        lambda fitted: ConfusionMatrixDisplay.from_estimator(fitted, X, DEATH),
        lambda fitted: ConfusionMatrixDisplay.from_estimator(fitted.task_view("death"), X, DEATH),
    ),
    "PartialDependenceDisplay": (
        lambda fitted: PartialDependenceDisplay.from_estimator(fitted, X, ["age"]),
        lambda fitted: PartialDependenceDisplay.from_estimator(
            fitted.task_view("death"), X, ["age"]
        ),
    ),
    "CalibratedClassifierCV": (
        lambda _: CalibratedClassifierCV(new(), cv=2).fit(X, Y),
        lambda _: new().fit(X, Y).calibrate(X, Y).predict_proba(X),
    ),
    "TunedThresholdClassifierCV": (
        lambda _: TunedThresholdClassifierCV(new(), cv=2).fit(X, Y),
        lambda fitted: classify(
            TunedThresholdClassifierCV(frozen_view(fitted), cv="prefit", refit=False)
        ),
    ),
    # Votes are counted by class codes, which a frozen model does not have.
    "VotingClassifier": (
        lambda fitted: VotingClassifier([("one", fitted)], voting="soft").fit(X, Y),
        lambda _: classify(VotingClassifier([("one", frozen_view(trained()))], voting="soft")),
    ),
    "StackingClassifier": (
        lambda fitted: StackingClassifier([("one", fitted)], cv="prefit").fit(X, Y),
        lambda fitted: classify(StackingClassifier([("one", frozen_view(fitted))], cv="prefit")),
    ),
    "TransformedTargetRegressor": (
        lambda _: TransformedTargetRegressor(new(), transformer=StandardScaler()).fit(X, Y),
        scaled,
    ),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("tool", WORKING)
def test_a_tool_takes_the_estimator_as_it_is(tool, fitted):
    WORKING[tool](fitted)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("tool", REPLACED)
def test_something_else_works_where_a_tool_does_not(tool, fitted):
    fails, works = REPLACED[tool]
    with pytest.raises(Exception):  # noqa: B017, PT011
        fails(fitted)
    works(fitted)


def test_the_page_lists_the_tools_and_which_of_them_work():
    text = PAGE.read_text(encoding="utf-8")
    table = re.findall(r"^   \* - (.*)\n     - (.*)$", text, re.MULTILINE)[1:]
    named = {re.sub(r":\w+:`~?[\w.]*?(\w+)`|``", r"\1", name): answer for name, answer in table}
    assert set(named) == {*WORKING, *REPLACED}
    assert {name for name, answer in named.items() if answer == "yes"} == set(WORKING)


def test_the_guide_has_the_errors_of_scorers_of_a_single_target():
    text = PAGE.with_name("guide").joinpath("errors.rst").read_text(encoding="utf-8")
    part = text.split("Errors that scikit-learn raises first")[1]
    known = re.findall(r"``(.+?)``", part.split("A search or")[0])
    rows, yes = make_table()[0][["b", "c"]], np.arange(120) % 3 == 0
    words, numbers = np.where(yes, "yes", "no"), rows["b"].to_numpy()
    raised = []
    for own, other in [(words, numbers), (yes, numbers), (words, np.where(yes, "u", "v"))]:
        cls = PLEClassifierRegressor if other is numbers else PLEClassifier
        y = pd.DataFrame({"own": own, "other": other}, dtype=object)
        gaps = y.copy()
        gaps.iloc[:5, 0] = None
        for labels in (y.infer_objects(), gaps.infer_objects()):
            fitted = make_tiny(cls, max_epochs=1).fit(rows, labels)
            for name in ("roc_auc", "accuracy", "neg_log_loss", "r2"):
                try:
                    get_scorer(name)(fitted, rows, labels)
                except (TypeError, ValueError) as error:
                    raised.append(str(error))
    assert [error for error in raised if not any(part in error for part in known)] == []
    assert sum(any(part in error for error in raised) for part in known) >= 5


@pytest.mark.parametrize(
    "model",
    [
        MultiOutputClassifier(HistGradientBoostingClassifier(max_iter=5)),
        MultiOutputRegressor(HistGradientBoostingRegressor(max_iter=5)),
        MLPRegressor(max_iter=5, random_state=0),
    ],
    ids=lambda model: type(model).__name__,
)
def test_other_estimators_need_every_label(model):
    with pytest.raises(ValueError, match="contains NaN"):
        model.fit(X, Y)
