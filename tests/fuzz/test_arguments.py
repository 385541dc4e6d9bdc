"""All public functions, methods and parameters with wrong values: they work, or are named."""

import copy
import inspect
import re
from contextlib import contextmanager, suppress
from functools import cache
from itertools import product

import numpy as np
import pandas as pd
import pytest
from fuzzing import ESTIMATORS, tiny
from joblib import parallel_config
from sklearn.utils._param_validation import validate_parameter_constraints

from sklearn_ple import (
    MMoEClassifierRegressor,
    PLEClassifierRegressor,
    PLERegressor,
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
    *(pd.Series([1.0, 2.0]), np.array([1, 2]), [[1], [2, 3]], {"a": 1}),
]


@contextmanager
def named(name):
    """Let pass an error that names an argument, and says nothing of how it was found."""
    try:
        yield
    except (TypeError, ValueError, FileNotFoundError) as error:
        message = str(error)
        assert re.search(rf"(?<!\w){name}(?!\w)", message), f"{name} is not named: {message}"
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


def method_of(make, name):
    """Return the method of an estimator that is made anew for each call."""
    return lambda **arguments: getattr(make(), name)(**arguments)


def list_methods():
    """Return methods of a fitted estimator with arguments that they take."""
    model, X, y = fitted()
    groups, new = np.arange(N) % 6, y[["sum"]].add_prefix("new ")
    first = dict(zip(("X", "y"), table(), strict=True))
    return {
        "predict": (model.predict, {"X": X, "tasks": None}),
        "predict_interval": (
            model.predict_interval,
            {"X": X, "level": 0.5, "tasks": None, "joint": False},
        ),
        "sample_y": (model.sample_y, {"X": X, "n_samples": 2, "random_state": 0}),
        "complete": (model.complete, {"X": X, "y": y, "return_certainty": False}),
        "predict_survival": (model.predict_survival, {"X": X, "times": [1.0]}),
        "predict_proba_frame": (model.predict_proba_frame, {"X": X, "tasks": None}),
        "score": (model.score, {"X": X, "y": y, "sample_weight": None}),
        "calibrate": (
            method_of(lambda: copy.copy(model), "calibrate"),
            {"X": X, "y": y, "sample_weight": None},
        ),
        "task_view": (model.task_view, {"name": "tall"}),
        "task_view.score": (
            model.task_view("tall").score,
            {"X": X, "y": y["tall"], "sample_weight": None},
        ),
        "fit": (method_of(make_tiny, "fit"), first | {"sample_weight": None, "groups": groups}),
        "partial_fit": (
            method_of(make_tiny, "partial_fit"),
            first | {"sample_weight": None, "classes": None},
        ),
        "add_task": (
            method_of(lambda: copy.copy(model), "add_task"),
            {"X": X, "y": new, "sample_weight": None, "groups": groups},
        ),
        "search_space": (PLERegressor.search_space, {"backend": "sklearn"}),
    }


def fetch(folder, **arguments):
    """Call a loader that finds no file, once the arguments have been checked."""
    with suppress(OSError):
        datasets.fetch_census_income(data_home=folder, download_if_missing=False, **arguments)


def list_functions(folder):
    """Return public functions with arguments that they take."""
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
    rows, all_rows = dict(zip(("X", "y"), table(), strict=True)), {"X": X, "y": y}
    draw, random = {"ax": None}, {"random_state": 0}
    of_fits = {"confidence": 0.9, "n_jobs": None, "verbose": 0} | random
    sizes = {"test_size": None, "train_size": None} | random
    frame = {"tasks": None, "return_X_y": True, "as_frame": True}
    return {
        "task_view": (task_view, {"estimator": model, "name": "tall"}),
        "load_nhefs": (datasets.load_nhefs, frame),
        "make_multitask": (
            datasets.make_multitask,
            {"n_samples": 9, "n_features": 3, "n_tasks": 2, "correlation": 0.5, "degree": 2}
            | {"form": "sinusoids", "n_sinusoids": 2, "scale": 1.0, "noise": 0.1, "missing": 0.1}
            | {"task_types": "regression", "n_classes": 3, "return_X_y": True, "as_frame": False}
            | random,
        ),
        "fetch_census_income": (
            lambda **other: fetch(folder, **other),
            {"subset": "train", "n_retries": 1, "delay": 0.1, **frame},
        ),
        "save": (lambda **other: export.save(model, **other), {"path": path, "trusted": ()}),
        "load": (export.load, {"path": path, "trusted": ()}),
        "predict_to_parquet": (
            lambda **other: export.predict_to_parquet(model, **other),
            {"X": folder / "X.parquet", "path": folder / "y.parquet", "method": "predict"},
        ),
        "expected_calibration_error": (
            metrics.expected_calibration_error,
            {"y_true": [0, 1], "y_prob": [0.1, 0.9], "n_bins": 2, "strategy": "uniform"}
            | {"labels": None, "sample_weight": None},
        ),
        "multitask_score": (
            lambda **other: metrics.multitask_score(X=None, **other),
            {"estimator_or_y_pred": y["area"], "y": y["area"], "metrics": "r2"}
            | {"average": "mean", "sample_weight": None},
        ),
        "multitask_scores": (
            metrics.multitask_scores,
            {"estimator_or_y_pred": model, **all_rows, "metrics": None, "sample_weight": None},
        ),
        "concordance_index": (
            metrics.concordance_index,
            {"y_true": [1.0, 2.0, -3.0], "y_pred": [1.0, 2.0, 3.0], "sample_weight": None},
        ),
        "task_scorer": (
            lambda **other: metrics.task_scorer(**other)(model, X, y),
            {"name": "tall", "metric": None},
        ),
        "MultiTaskKFold": (folds, {"n_splits": 2, "shuffle": True, **random}),
        "MultiTaskKFold.split": (
            lambda **arguments: [*folds(2).split(**arguments)],
            {**all_rows, "groups": groups},
        ),
        "MultiTaskShuffleSplit": (split, {"n_splits": 2, **sizes}),
        "train_test_split": (
            model_selection.train_test_split,
            {**all_rows, "groups": groups, **sizes},
        ),
        "cross_val_predict": (
            model_selection.cross_val_predict,
            {"estimator": make_tiny(), **rows, "cv": 2, "groups": groups, "method": "predict"}
            | {"n_jobs": None, "params": None, "verbose": 0},
        ),
        "compare": (
            inspection.compare,
            {"X": X, "y": y["area"], "models": systems, "cv": 2, "groups": groups}
            | {"sample_weight": None, "reference": "a", "metrics": "r2", **of_fits},
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
            inspection.multitask_importance,
            {"estimator": model, **all_rows, "metrics": None, "n_repeats": 2}
            | {"groups_of_columns": {"h": "h"}, "sample_weight": None, **of_fits},
        ),
        "importance": (importance.plot, {"max_features": 2, **draw}),
        "importance.select": (importance.select, {"n_most": 2}),
        "importance.write": (importance.write, {"n_most": 2}),
        "find_pairs": (
            inspection.DependenceDisplay(pd.DataFrame(np.eye(2)), pd.Series(1.0)).find_pairs,
            {"least": 0.2},
        ),
        "blend": (inspection.BlendDisplay.from_estimator, {"estimator": None}),
        "comparison": (gain.plot, draw),
        "report": (
            inspection.MultiTaskReport.from_estimator,
            {"estimator": model, **all_rows, "metrics": None, "single_task": None}
            | {"importance": False, "n_bootstrap": 1, "confidence": 0.9, **random},
        ),
        "expert_health": (
            inspection.expert_health,
            {"estimator": model, "X": X},
        ),
        "drawing": (
            inspection.NetworkDiagram.from_estimator(model).save,
            {"path": folder / "network.svg"},
        ),
    }


def walk(callables):
    """Call functions with each of their arguments replaced by each of the wrong values."""
    for function, right in callables.values():
        for name, value in product(right, WRONG):
            # Processes would take seconds to start.
            with named(name), parallel_config("threading"):
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
@pytest.mark.parametrize("cls", [PLERegressor, MMoEClassifierRegressor])
def test_values_that_pass_the_check_work_or_are_named(cls):
    X, y = table()
    own = cls._parameter_constraints if cls is PLERegressor else inspect.get_annotations(cls)
    for name in own:
        for value in WRONG:
            model = cls(**(tiny(cls) | {name: value}))
            with named(name):
                model.fit(X, y["area"])
