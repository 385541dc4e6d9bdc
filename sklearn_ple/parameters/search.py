"""Spaces of values for hyperparameter search, for scikit-learn and Optuna."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from scipy import stats

from .fields import declared

if TYPE_CHECKING:
    from optuna.trial import Trial


def search_space(cls: type, backend: str = "sklearn") -> Any:
    """Return the search space of a class; see `Parameters.search_space`."""
    space = {name: row["search"] for name, row in declared(cls).items() if "search" in row}
    if backend == "sklearn":
        return {name: _distribution(values) for name, values in space.items()}
    return lambda trial: {name: _suggest(trial, name, values) for name, values in space.items()}


def _distribution(values: list | tuple) -> Any:
    """Return the distribution of SciPy for a range, or a copy of a list of choices."""
    if isinstance(values, list):
        return list(values)
    low, high, *scale = values
    if scale:
        return stats.loguniform(low, high)
    if isinstance(low, int):
        return stats.randint(low, high + 1)
    return stats.uniform(low, high - low)


def _suggest(trial: "Trial", name: str, values: list | tuple) -> Any:
    """Let a trial of Optuna suggest a value."""
    if isinstance(values, list):
        # Optuna can store numbers and strings, but not tuples.
        by_label = {str(v) if isinstance(v, tuple) else v: v for v in values}
        return by_label[trial.suggest_categorical(name, list(by_label))]
    low, high, *scale = values
    suggest: Callable[..., Any] = (
        trial.suggest_int if isinstance(low, int) else trial.suggest_float
    )
    return suggest(name, low, high, log=bool(scale))
