"""What the page of a report shows of the data and the model."""

import platform
from importlib.metadata import version
from inspect import signature
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionDtype
from scipy import sparse
from sklearn import config_context
from sklearn.base import BaseEstimator

from ...tables.frames import to_pandas
from ...utils._sklearn import _changed_params
from ...utils.inner import tasks_of
from ...utils.warn import collected
from ..column_groups import to_table
from ..dependence_display import DependenceDisplay
from ..experts import NoGatesError
from ..gate_utilization import GateUtilizationDisplay
from ..importance import MultiTaskImportance

# Kinds of columns by the first letter of their dtype.
_KINDS = {"b": "yes or no", "M": "dates"} | dict.fromkeys("iufc", "numbers")
_N_IMPORTANT = 5
_PACKAGES = ("sklearn-ple", "scikit-learn", "torch", "skorch", "numpy", "pandas")


def count_columns(X: Any) -> dict[str, Any] | None:
    """Count the columns of X by kind, and those with missing values; None for texts."""
    if len(np.shape(X)) < 2:
        return None
    if sparse.issparse(X):
        return {"kinds": pd.Series({"numbers": X.shape[1]}), "n_missing": 0}
    columns = pd.DataFrame(to_table(to_pandas(X))).infer_objects()
    missing = columns.isna().to_numpy()
    return {
        "kinds": columns.dtypes.map(_name_kind).value_counts(),
        "n_missing": missing.any(axis=0).sum(),
        "share_missing": missing.mean(),
    }


def _name_kind(dtype: np.dtype | ExtensionDtype) -> str:
    is_category = isinstance(dtype, pd.CategoricalDtype)
    return "categories" if is_category else _KINDS.get(dtype.kind, "text")


def find_important(importance: MultiTaskImportance, task: str) -> pd.DataFrame:
    """Return the columns that matter most to a task, among those whose interval is above zero."""
    frame = importance.frame
    helpful = frame[(frame["task"] == task) & (frame["low"] > 0)]
    return helpful.sort_values("mean", ascending=False, kind="stable").head(_N_IMPORTANT)


def draw_gates(
    estimator: BaseEstimator, X: Any
) -> tuple[GateUtilizationDisplay, list[str]] | None:
    """Draw the weights in the gates, and return the warnings, too; None without gates."""
    with collected() as caught:
        try:
            display = GateUtilizationDisplay.from_estimator(estimator, X)
        except NoGatesError:
            return None
    return display, [str(warning) for warning in caught if type(warning) is UserWarning]


def draw_dependence(fitted: BaseEstimator) -> DependenceDisplay | None:
    """Draw which tasks go together; None for one task, and if this has not been learnt."""
    if len(fitted.task_names_) < 2 or not hasattr(fitted, "dependence_"):
        return None
    return DependenceDisplay.from_estimator(fitted)


def describe_model(estimator: BaseEstimator) -> dict[str, Any]:
    """Return the parameters that are not defaults, the pipeline or search, and the versions."""
    fitted = tasks_of(estimator)
    defaults = signature(type(fitted)).parameters
    with config_context(print_changed_only=True):
        # Without this limit, the text would be shortened.
        whole = None if estimator is fitted else estimator.__repr__(N_CHAR_MAX=10**6)
    return {
        "name": type(fitted).__name__,
        "changed": [
            (name, repr(value), repr(defaults[name].default))
            for name, value in _changed_params(fitted).items()
        ],
        "whole": whole,
        "versions": [f"{name} {version(name)}" for name in _PACKAGES]
        + [f"Python {platform.python_version()}"],
    }
