"""Where to search for good parameters: one table for scikit-learn's searches and for Optuna."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from scipy import stats

from .encoding.numeric import NUMERIC_EMBEDDINGS

_Suggest = Callable[[Any], dict[str, Any]]


class _Float(NamedTuple):
    """Numbers between two, evenly on a scale or on its logarithm."""

    low: float
    high: float
    log: bool = False

    def distribution(self) -> Any:
        if self.log:
            return stats.loguniform(self.low, self.high)
        return stats.uniform(self.low, self.high - self.low)

    def suggest(self, trial: Any, name: str) -> float:
        return trial.suggest_float(name, self.low, self.high, log=self.log)


class _Int(NamedTuple):
    """Whole numbers from one to another."""

    low: int
    high: int

    def distribution(self) -> Any:
        return stats.randint(self.low, self.high + 1)

    def suggest(self, trial: Any, name: str) -> int:
        return trial.suggest_int(name, self.low, self.high)


class _Choice(NamedTuple):
    """One of several values."""

    values: tuple

    def distribution(self) -> list:
        return list(self.values)

    def suggest(self, trial: Any, name: str) -> Any:
        # Optuna stores numbers and strings, but no tuples.
        by_label = {str(v) if isinstance(v, tuple) else v: v for v in self.values}
        return by_label[trial.suggest_categorical(name, list(by_label))]


_WIDTHS = _Choice(((64,), (128,), (64, 64)))

# In the order in which they are worth searching for, about.
_SPACE: dict[str, _Float | _Int | _Choice] = {
    "learning_rate": _Float(3e-4, 1e-2, log=True),
    "dropout": _Float(0.0, 0.5),
    "feature_dropout": _Float(0.0, 0.3),
    "weight_decay": _Float(1e-4, 1e-1, log=True),
    "numeric_embedding": _Choice((None, *NUMERIC_EMBEDDINGS)),
    "n_levels": _Int(1, 3),
    "n_experts": _Int(2, 8),
    "n_shared_experts": _Int(1, 4),
    "n_specific_experts": _Int(1, 4),
    "expert_hidden_units": _WIDTHS,
    "bottom_hidden_units": _WIDTHS,
    "hidden_units": _WIDTHS,
    "tower_hidden_units": _Choice(((), (32,), (64,), (64, 32))),
    "by_channel": _Choice((False, True)),
    "n_subspaces": _Choice((1, 2, 4)),
    "orthogonality": _Float(1e-4, 1e-1, log=True),
    "stitch_rate_factor": _Float(1.0, 100.0, log=True),
    "mixing_rate_factor": _Float(1.0, 100.0, log=True),
}


class SearchSpace:
    """Adds `search_space` to the estimators."""

    @classmethod
    def search_space(cls, backend: str = "sklearn") -> dict[str, Any] | _Suggest:
        """Give where to search for good parameters.

        Those that matter most for accuracy, with values that are worth a try and valid in any
        combination. Parameters that trade accuracy for time, as ``n_members``, are not among them.

        Parameters
        ----------
        backend : {"sklearn", "optuna"}, default="sklearn"
            For whom.

        Returns
        -------
        space : dict or callable
            For scikit-learn a dict, by parameter, of lists and of distributions of `scipy.stats`,
            as :class:`~sklearn.model_selection.RandomizedSearchCV` takes it. For Optuna a function
            from a trial to the dict of the parameters that it suggests; from the best trial, it
            gives the best parameters.

        Raises
        ------
        ValueError
            If the backend is another.
        """
        own = inspect.signature(cls).parameters
        space = {name: values for name, values in _SPACE.items() if name in own}
        if backend == "sklearn":
            return {name: values.distribution() for name, values in space.items()}
        if backend == "optuna":
            return lambda trial: {
                name: values.suggest(trial, name) for name, values in space.items()
            }
        raise ValueError(f'backend={backend!r} is unknown: it must be "sklearn" or "optuna".')
