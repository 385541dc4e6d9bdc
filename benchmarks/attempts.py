"""An attempt with each of scikit-learn's tools, and ours, on mixed targets with missing labels.

An attempt raises an error if the tool fails or its result is wrong.
"""

import pickle
from functools import partial

import numpy as np
import polars as pl
import sklearn
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.callback import ScoringMonitor
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import (
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
from sklearn.metrics import ConfusionMatrixDisplay, RocCurveDisplay, make_scorer, roc_auc_score
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
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ple import model_selection
from sklearn_ple.datasets import load_nhefs
from sklearn_ple.metrics import make_multitask_scorer

N_ROWS = 300
VIEW, FROZEN_VIEW = "``task_view``", "``FrozenEstimator`` of a ``task_view``"


def load():
    X, y = load_nhefs(tasks=["death", "exercise", "wt82_71"], return_X_y=True)
    X, y = X.select_dtypes("number").iloc[:N_ROWS].astype(float), y.iloc[:N_ROWS]
    exercise = y["exercise"].astype("category").cat.codes.astype(float)
    exercise[::5] = np.nan
    return X.fillna(X.mean()), y.assign(exercise=exercise).astype(float)


X, Y = load()
DEATH = Y["death"]
SCORED = {"cv": KFold(2), "error_score": "raise"}
TOOLS = {}


def tool(name):
    """Register an attempt with a tool, a function of an estimator and values of a parameter."""

    def register(attempt):
        TOOLS[name] = {"attempt": attempt, "instead": "", "attempt_instead": None}

    return register


def instead(name):
    """Register an attempt with the replacement of the last tool."""

    def register(attempt):
        TOOLS[next(reversed(TOOLS))] |= {"instead": name, "attempt_instead": attempt}

    return register


def func(name):
    return f":func:`~sklearn.{name}`"


def cls(name):
    return f":class:`~sklearn.{name}`"


def ours(name, role="func"):
    return f":{role}:`sklearn_ple.{name} <sklearn_ple.{name}>`"


def fit(model):
    return clone(model).fit(X, Y)


def check_finite(scores):
    assert np.isfinite(np.asarray(scores, dtype=float)).all(), "the scores are not finite"


def frozen_view(model):
    return FrozenEstimator(fit(model).task_view("death"))


def check_classifier(model):
    assert model.fit(X, DEATH).score(X, DEATH) > 0.5


@tool("``fit``, ``predict``, ``score``")
def _(model, _):
    fitted = fit(model)
    assert fitted.predict(X).shape == Y.shape
    check_finite(fitted.score(X, Y))


@tool(func("model_selection.cross_val_score"))
def _(model, _):
    check_finite(cross_val_score(model, X, Y, **SCORED))


@tool(func("model_selection.cross_validate"))
def _(model, _):
    check_finite(cross_validate(model, X, Y, return_train_score=True, **SCORED)["train_score"])


for search in (
    GridSearchCV,
    partial(RandomizedSearchCV, n_iter=2),
    partial(HalvingGridSearchCV, factor=2),
):

    @tool(cls(f"model_selection.{getattr(search, 'func', search).__name__}"))
    def _(model, values, search=search):
        check_finite(search(model, values, **SCORED).fit(X, Y).best_score_)


@tool(func("model_selection.learning_curve"))
def _(model, _):
    check_finite(learning_curve(model, X, Y, train_sizes=[50, 100], **SCORED)[2])


@tool(func("model_selection.validation_curve"))
def _(model, values):
    ((name, values),) = values.items()
    check_finite(validation_curve(model, X, Y, param_name=name, param_range=values, **SCORED)[1])


@tool(func("model_selection.cross_val_predict"))
def _(model, _):
    assert cross_val_predict(model, X, Y, cv=KFold(2)).shape == Y.shape


def check_probabilities(predict, model):
    parts = predict(model, X, Y, cv=KFold(2), method="predict_proba")
    shapes = [None if part is None else part.shape for part in parts]
    assert shapes == [(N_ROWS, 2), (N_ROWS, 3), None], f"arrays of the shapes {shapes}"


@tool(func("model_selection.cross_val_predict") + " of ``predict_proba``")
def _(model, _):
    check_probabilities(cross_val_predict, model)


@instead(ours("model_selection.cross_val_predict"))
def _(model, _):
    check_probabilities(model_selection.cross_val_predict, model)


@tool(cls("model_selection.StratifiedKFold"))
def _(model, _):
    check_finite(cross_val_score(model, X, Y, cv=StratifiedKFold(2), error_score="raise"))


@instead(ours("model_selection.MultiTaskKFold", "class"))
def _(model, _):
    cv = model_selection.MultiTaskKFold(2)
    check_finite(cross_val_score(model, X, Y, cv=cv, error_score="raise"))


@tool(cls("model_selection.GroupKFold"))
def _(model, _):
    options = {"cv": GroupKFold(2), "groups": np.arange(N_ROWS) // 3}
    check_finite(cross_val_score(model, X, Y, error_score="raise", **options))


@tool(func("model_selection.train_test_split") + " with ``stratify``")
def _(model, _):
    X_train, _, y_train, _ = train_test_split(X, Y, stratify=Y, random_state=0)
    model.fit(X_train, y_train)


@instead(ours("model_selection.train_test_split"))
def _(model, _):
    X_train, _, y_train, _ = model_selection.train_test_split(X, Y, random_state=0)
    model.fit(X_train, y_train)


@tool(func("metrics.make_scorer") + " of ROC AUC")
def _(model, _):
    scoring = make_scorer(roc_auc_score, response_method="predict_proba")
    check_finite(cross_val_score(model, X, Y, scoring=scoring, **SCORED))


@instead(ours("metrics.make_multitask_scorer"))
def _(model, _):
    check_finite(cross_val_score(model, X, Y, scoring=make_multitask_scorer(), **SCORED))


@tool(cls("pipeline.Pipeline"))
def _(model, _):
    check_finite(make_pipeline(StandardScaler(), model).fit(X, Y).score(X, Y))


@tool(cls("compose.ColumnTransformer") + " before the estimator")
def _(model, _):
    columns = make_column_transformer((StandardScaler(), ["age"]), remainder="passthrough")
    check_finite(make_pipeline(columns, model).fit(X, Y).score(X, Y))


@tool("``transform``, ``set_output``")
def _(model, _):
    frame = model.fit(X, Y).set_output(transform="pandas").transform(X)
    assert frame.index.equals(X.index)


@tool("polars in and out")
def _(model, _):
    tables = [pl.DataFrame(part.to_dict("list")).fill_nan(None) for part in (X, Y)]
    assert isinstance(model.fit(*tables).predict(tables[0]), pl.DataFrame), "no polars frame"


@tool("metadata routing of weights")
def _(model, _):
    with sklearn.config_context(enable_metadata_routing=True):
        model.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        params = {"sample_weight": np.linspace(0, 1, N_ROWS)}
        check_finite(cross_val_score(model, X, Y, params=params, **SCORED))


@tool("scikit-learn's callbacks (1.9)")
def _(model, _):
    monitor = ScoringMonitor(scoring=make_multitask_scorer())
    model.set_callbacks(monitor).fit(X, Y)
    check_finite([row["score"] for row in monitor.get_logs().data])


@tool(func("base.clone") + ", :mod:`pickle`")
def _(model, _):
    fitted = fit(model)
    twin = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(twin.predict(X), fitted.predict(X))


@tool(cls("frozen.FrozenEstimator"))
def _(model, _):
    fitted = fit(model)
    frozen = clone(FrozenEstimator(fitted)).fit(X[:9], Y[:9])
    np.testing.assert_array_equal(frozen.predict(X), fitted.predict(X))


@tool("HTML representation")
def _(model, _):
    assert type(model).__name__ in fit(model)._repr_html_()


@tool(func("inspection.permutation_importance"))
def _(model, _):
    check_finite(permutation_importance(fit(model), X, Y, n_repeats=1).importances_mean)


@tool(cls("feature_selection.SequentialFeatureSelector"))
def _(model, _):
    few = X.iloc[:, :3]
    selector = SequentialFeatureSelector(model, n_features_to_select=1, cv=KFold(2))
    assert selector.fit(few, Y).transform(few).shape[1] == 1


@tool(cls("feature_selection.SelectFromModel"))
def _(model, _):
    SelectFromModel(model).fit(X, Y).transform(X)


@instead(func("inspection.permutation_importance") + ": a network has no weight for each feature")
def _(model, _):
    check_finite(permutation_importance(fit(model), X, Y, n_repeats=1).importances_mean)


@tool(func("inspection.partial_dependence"))
def _(model, _):
    partial_dependence(fit(model), X, ["age"])


@instead(VIEW)
def _(model, _):
    partial_dependence(fit(model).task_view("wt82_71"), X, ["age"])


for display in (RocCurveDisplay, ConfusionMatrixDisplay):

    @tool(cls(f"metrics.{display.__name__}"))
    def _(model, _, display=display):
        display.from_estimator(fit(model), X, DEATH)

    @instead(VIEW)
    def _(model, _, display=display):
        display.from_estimator(fit(model).task_view("death"), X, DEATH)


@tool(cls("inspection.PartialDependenceDisplay"))
def _(model, _):
    PartialDependenceDisplay.from_estimator(fit(model), X, ["age"])


@instead(VIEW)
def _(model, _):
    PartialDependenceDisplay.from_estimator(fit(model).task_view("death"), X, ["age"])


@tool(cls("calibration.CalibratedClassifierCV"))
def _(model, _):
    CalibratedClassifierCV(model, cv=2).fit(X, Y)


@instead("``calibrate``, for all tasks at once")
def _(model, _):
    fit(model).calibrate(X, Y).predict_proba(X)


@tool(cls("model_selection.TunedThresholdClassifierCV"))
def _(model, _):
    TunedThresholdClassifierCV(model, cv=2).fit(X, Y)


@instead(FROZEN_VIEW)
def _(model, _):
    check_classifier(TunedThresholdClassifierCV(frozen_view(model), cv="prefit", refit=False))


for ensemble in (
    # Votes are counted by class codes, which a frozen model does not have.
    partial(VotingClassifier, voting="soft"),
    partial(StackingClassifier, cv="prefit"),
):

    @tool(cls(f"ensemble.{ensemble.func.__name__}"))
    def _(model, _, ensemble=ensemble):
        ensemble([("one", fit(model))]).fit(X, Y)

    @instead(FROZEN_VIEW)
    def _(model, _, ensemble=ensemble):
        check_classifier(ensemble([("one", frozen_view(model)), ("two", frozen_view(model))]))


@tool(cls("compose.TransformedTargetRegressor"))
def _(model, _):
    TransformedTargetRegressor(model, transformer=StandardScaler()).fit(X, Y)


@instead("nothing: numbers are scaled within, and predicted in their own units")
def _(model, _):
    thousandfold = fit(model).predict(X)["wt82_71"] * 1000
    scaled = clone(model).fit(X, Y.assign(wt82_71=Y["wt82_71"] * 1000)).predict(X)["wt82_71"]
    np.testing.assert_allclose(scaled, thousandfold, rtol=1e-3, atol=1e-2)
