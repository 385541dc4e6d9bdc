"""All public functions, methods and parameters with wrong values: they work, or are named."""

import copy
import inspect
from contextlib import contextmanager, suppress
from functools import cache

import numpy as np
import pandas as pd
import pytest
from fuzzing import ESTIMATORS, tiny
from sklearn.utils._param_validation import validate_parameter_constraints

from sklearn_ple import (
    MultiTabNetClassifierRegressor,
    PLEClassifierRegressor,
    PLERegressor,
    capacity,
    datasets,
    export,
    inspection,
    metrics,
    model_selection,
    task_view,
)

N = 30
WRONG = [
    *(10**30, -1, 0.5, np.nan, "abc", "\0", None, pd.NA, object(), int, np.array(2)),
    *(pd.Series([1.0, 2.0]), np.array([1, 2]), [[1], [2, 3]]),
]
#: What a message may say instead of the name of an argument.
ALIASES = {
    "metric": ["cannot be scored by int"],
    "metrics": ["cannot be scored by int"],
    "estimator_or_y_pred": ["y_pred", "predictions of"],
}
OF_ROWS = ("y_true", "y_prob", "sample_weight", "estimator_or_y_pred")
ALIASES |= {name: [*ALIASES.get(name, ()), "inconsistent numbers of samples"] for name in OF_ROWS}


@contextmanager
def named(name):
    """Let pass an error that names an argument, and says nothing of how it was found."""
    try:
        yield
    except (TypeError, ValueError) as error:
        message = str(error)
        assert any(word in message for word in [name, *ALIASES.get(name, ())]), message
        assert not any(word in message for word in ("C++", "unpacking", "Overflow")), message


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Work in a folder where a wrong path may be written to."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@cache
def table():
    X = pd.DataFrame(np.random.RandomState(0).randn(N, 2), columns=["h", "w"])
    return X, pd.DataFrame({"tall": X["h"] > 0, "area": X["w"] * 3})


@cache
def fitted():
    """Return an estimator with tasks of all methods, and rows that it takes."""
    X, y = table()
    y = y.assign(life=np.abs(X["h"]) + 0.1, sum=X["h"] + X["w"])
    kinds = {"life": "survival", "sum": ("quantile", [0.1, 0.9])}
    model = make_tiny(task_types=kinds, early_stopping=True, validation_fraction=0.3)
    return model.fit(X, y), X, y


def make_tiny(**params):
    return PLEClassifierRegressor(**(tiny(PLEClassifierRegressor) | params))


def list_methods():
    """Return methods of a fitted estimator with arguments that they take, without X and y."""
    model, X, y = fitted()
    groups, new = np.arange(N) % 6, y[["sum"]].add_prefix("new ")
    unfitted = lambda method: lambda **other: getattr(make_tiny(), method)(*table(), **other)  # noqa: E731
    copied = lambda method, y: lambda **o: getattr(copy.copy(model), method)(X, y, **o)  # noqa: E731
    on_rows = lambda method: lambda **other: getattr(model, method)(X, **other)  # noqa: E731
    return {
        "predict": (on_rows("predict"), {"tasks": None}),
        "predict_interval": (
            on_rows("predict_interval"),
            {"level": 0.5, "tasks": None, "joint": False},
        ),
        "sample_y": (on_rows("sample_y"), {"n_samples": 2, "random_state": 0}),
        "complete": (
            lambda **other: model.complete(X, y, **other),
            {"return_certainty": False},
        ),
        "predict_survival": (on_rows("predict_survival"), {"times": [1.0]}),
        "predict_proba_frame": (on_rows("predict_proba_frame"), {"tasks": None}),
        "score": (lambda **other: model.score(X, y, **other), {"sample_weight": None}),
        "calibrate": (copied("calibrate", y), {"sample_weight": None}),
        "task_view": (model.task_view, {"name": "tall"}),
        "fit": (unfitted("fit"), {"sample_weight": None, "groups": groups}),
        "partial_fit": (unfitted("partial_fit"), {"sample_weight": None, "classes": None}),
        "add_task": (copied("add_task", new), {"sample_weight": None, "groups": groups}),
        "search_space": (PLERegressor.search_space, {"backend": "sklearn"}),
    }


def fetch(load, folder, **arguments):
    """Call a function that finds no file, once the arguments have been checked."""
    offline = {"download_if_missing": False} if load is datasets.fetch_census_income else {}
    with suppress(OSError):
        load(data_home=folder, **offline, **arguments)


def list_functions(folder):
    """Return public functions with arguments that they take, without X and y."""
    model, X, y = fitted()
    systems, groups = {"a": make_tiny(), "b": make_tiny()}, np.arange(N) % 6
    importance = inspection.MultiTaskImportance(["h"], ["a"], np.ones((1, 1, 2)), {"a": 1.0})
    scores = pd.DataFrame({"model": list("abab"), "task": "t", "repeat": [0, 0, 1, 1]})
    scores["score"] = 1.0
    gain = inspection.Comparison.from_scores(scores, reference="a")
    path = folder / "model.safetensors"
    export.save(model, path)
    X.to_parquet(folder / "X.parquet")
    folds, split = model_selection.MultiTaskKFold, model_selection.MultiTaskShuffleSplit
    draw, random = {"ax": None}, {"random_state": 0}
    of_fits = {"confidence": 0.9, "n_jobs": None, "verbose": 0} | random
    sizes = {"test_size": None, "train_size": None} | random
    frame = {"tasks": None, "return_X_y": True, "as_frame": True}
    return {
        "task_view": (task_view, {"estimator": model, "name": "tall"}),
        "equal_capacity": (
            lambda **other: capacity.equal_capacity(systems, *table(), **other),
            {"reference": "a", "equal_depth": False},
        ),
        "load_nhefs": (datasets.load_nhefs, frame),
        "make_multitask": (
            datasets.make_multitask,
            {"n_samples": 9, "n_features": 3, "n_tasks": 2, "correlation": 0.5, "degree": 2}
            | {"form": "sinusoids", "n_sinusoids": 2, "scale": 1.0, "noise": 0.1, "missing": 0.1}
            | {"task_types": "regression", "n_classes": 3, "return_X_y": True, "as_frame": False}
            | {"return_coef": False, **random},
        ),
        "fetch_census_income": (
            lambda **other: fetch(datasets.fetch_census_income, folder, **other),
            {"subset": "train", "n_retries": 1, "delay": 0.1, **frame},
        ),
        "fetch_ali_ccp": (
            lambda **other: fetch(datasets.fetch_ali_ccp, folder, **other),
            {"subset": "train", "columns": None, "n_rows": 9, **frame},
        ),
        "save": (lambda **other: export.save(model, **other), {"path": path, "trusted": ()}),
        "load": (export.load, {"path": path, "trusted": ()}),
        "predict_to_parquet": (
            lambda **other: export.predict_to_parquet(model, folder / "X.parquet", **other),
            {"path": folder / "y.parquet", "method": "predict"},
        ),
        "expected_calibration_error": (
            metrics.expected_calibration_error,
            {"y_true": [0, 1], "y_prob": [0.1, 0.9], "n_bins": 2, "strategy": "uniform"}
            | {"labels": None, "sample_weight": None},
        ),
        "multitask_score": (
            lambda **other: metrics.multitask_score(X=None, y=y["area"], **other),
            {"estimator_or_y_pred": y["area"], "metrics": "r2", "average": "mean"}
            | {"sample_weight": None},
        ),
        "task_scorer": (
            lambda **other: metrics.task_scorer(**other)(model, X, y),
            {"name": "tall", "metric": None},
        ),
        "MultiTaskKFold": (folds, {"n_splits": 2, "shuffle": True, "n_bins": 2, **random}),
        "MultiTaskKFold.split": (
            lambda groups: [*folds(2).split(X, y, groups)],
            {"groups": groups},
        ),
        "MultiTaskShuffleSplit": (split, {"n_splits": 2, **sizes}),
        "train_test_split": (
            lambda **other: model_selection.train_test_split(X, y, **other),
            {"groups": groups, **sizes},
        ),
        "cross_val_predict": (
            lambda **other: model_selection.cross_val_predict(X=X, y=y, **other),
            {"estimator": make_tiny(), "cv": 2, "groups": groups, "method": "predict"}
            | {"n_jobs": None, "params": None, "verbose": 0},
        ),
        "compare": (
            lambda **other: inspection.compare(X=X, y=y["area"], **other),
            {"models": systems, "cv": 2, "reference": "a", **of_fits},
        ),
        "from_scores": (
            inspection.Comparison.from_scores,
            {
                "scores": scores,
                "reference": "a",
                "confidence": 0.9,
                "overlap": 0.0,
                "repeats": None,
            },
        ),
        "multitask_importance": (
            lambda **other: inspection.multitask_importance(X=X, y=y, **other),
            {"estimator": model, "n_repeats": 2, "groups_of_columns": {"h": "h"}, **of_fits},
        ),
        "from_importance": (
            inspection.ImportanceDisplay.from_importance,
            {"importance": importance, "max_features": 2, **draw},
        ),
        "from_comparison": (
            inspection.ComparisonDisplay.from_comparison,
            {"comparison": gain, **draw},
        ),
        "report": (
            lambda **other: inspection.MultiTaskReport.from_estimator(X=X, y=y, **other),
            {"estimator": model, "single_task": None, "importance": False, "n_bootstrap": 1}
            | {"confidence": 0.9, **random},
        ),
        "expert_health": (
            lambda estimator: inspection.expert_health(estimator, X),
            {"estimator": model},
        ),
        "drawing": (
            inspection.NetworkDiagram.from_estimator(model).save,
            {"path": folder / "network.svg"},
        ),
    }


def walk(callables):
    """Call functions with each of their arguments replaced by each of the wrong values."""
    for function, right in callables.values():
        for name in right:
            for value in WRONG:
                with named(name):
                    function(**(right | {name: value}))


@pytest.mark.filterwarnings("ignore")
def test_methods_work_or_name_the_argument():
    walk(list_methods())


@pytest.mark.filterwarnings("ignore")
def test_functions_work_or_name_the_argument(folder):
    walk(list_functions(folder))


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_parameters_are_checked(cls):
    for name, row in cls._parameter_constraints.items():
        for value in WRONG:
            with named(name):
                validate_parameter_constraints({name: row}, {name: value}, cls.__name__)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("cls", [PLERegressor, MultiTabNetClassifierRegressor])
def test_values_that_pass_the_check_work_or_are_named(cls):
    X, y = table()
    own = cls._parameter_constraints if cls is PLERegressor else inspect.get_annotations(cls)
    for name in own:
        for value in WRONG:
            model = cls(**(tiny(cls) | {name: value}))
            with named(name):
                model.fit(X, y["area"])
