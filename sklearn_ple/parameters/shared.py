"""The parameters that all estimators share: a row each of default, constraint and search range.

What they mean stands in the docstring of `PLEClassifierRegressor`.
"""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

import torch
from sklearn.base import BaseEstimator

from .._sklearn import Interval, RealNotInt, StrOptions
from ..balancing import BALANCERS, Balancer
from ..encoding import NUMERIC_EMBEDDINGS, EmbeddingMaker
from ..nn import ACTIVATIONS
from ..tasks import Task
from ..training import LR_SCHEDULES, OPTIMIZERS
from .fields import parameter, search_space, with_parameters

_AUTO = StrOptions({"auto"})
_COUNT = Interval(Integral, 1, None, closed="left")
_SHARE = Interval(Real, 0, 1, closed="left")
_POSITIVE = Interval(Real, 0, None, closed="neither")
_NOT_NEGATIVE = Interval(Real, 0, None, closed="left")

#: Where to search for widths of layers.
WIDTHS = [(64,), (128,), (64, 64)]


def class_weight() -> Any:
    """Declare ``class_weight``, for an estimator that takes tasks with classes.

    Returns
    -------
    field
        The parameter, after ``depends_on`` in the signature.

    Examples
    --------
    >>> from typing import Any
    >>> from sklearn_ple.base import MultiTaskEstimator, class_weight, with_parameters
    >>> @with_parameters
    ... class Weighted(MultiTaskEstimator):
    ...     class_weight: Any = class_weight()
    >>> "class_weight" in Weighted._get_param_names()
    True
    """
    return parameter(
        default=None,
        constraint=[StrOptions({"balanced"}), dict, list, tuple, None],
        after="depends_on",
    )


@with_parameters
class Parameters(BaseEstimator):
    """What is set before fit."""

    tower_hidden_units: Any = parameter(
        default=(32,), constraint=["array-like"], search=[(), (32,), (64,), (64, 32)]
    )
    activation: str = parameter(default="relu", constraint=[StrOptions(set(ACTIVATIONS))])
    dropout: float = parameter(default=0.3, constraint=[_SHARE], search=(0.0, 0.5))
    n_members: int = parameter(default=8, constraint=[_COUNT])
    task_types: Any = parameter(default="auto", constraint=[str, list, tuple, dict, Task, type])
    depends_on: dict | str | None = parameter(
        default=None, constraint=[StrOptions({"previous"}), dict, None]
    )
    categorical_features: Any = parameter(
        default="from_dtype", constraint=[StrOptions({"from_dtype"}), "array-like", None]
    )
    max_categories: int | None = parameter(default=None, constraint=[_COUNT, None])
    min_frequency: float | None = parameter(
        default=None, constraint=[_COUNT, Interval(RealNotInt, 0, 1, closed="neither"), None]
    )
    embedding_dim: int | str = parameter(default="auto", constraint=[_AUTO, _COUNT])
    numeric_embedding: Any = parameter(
        default="piecewise_linear+bins",
        constraint=[StrOptions(set(NUMERIC_EMBEDDINGS)), EmbeddingMaker, None],
        search=[None, *NUMERIC_EMBEDDINGS],
    )
    n_bins: int | str = parameter(
        default="auto", constraint=[_AUTO, Interval(Integral, 2, None, closed="left")]
    )
    linear_path: bool = parameter(default=True, constraint=["boolean"])
    feature_dropout: float = parameter(default=0.1, constraint=[_SHARE], search=(0.0, 0.3))
    clip_numbers: float | None = parameter(
        default=3.0, constraint=[_POSITIVE, None], search=[3.0, 10.0, None]
    )
    task_weights: Any = parameter(default=None, constraint=["array-like", dict, None])
    task_weight_decay: Any = parameter(default=1.0, constraint=[_POSITIVE, "array-like", dict])
    balancing: Any = parameter(default="equal", constraint=[StrOptions(set(BALANCERS)), Balancer])
    optimizer: Any = parameter(default="adamw", constraint=[StrOptions(set(OPTIMIZERS)), type])
    learning_rate: float | str = parameter(
        default="auto", constraint=[_AUTO, _POSITIVE], search=(3e-4, 1e-2, "log")
    )
    lr_schedule: str = parameter(default="one_cycle", constraint=[StrOptions(set(LR_SCHEDULES))])
    weight_decay: float = parameter(
        default=1e-2, constraint=[_NOT_NEGATIVE], search=(1e-4, 1e-1, "log")
    )
    weight_averaging: float = parameter(default=0.1, constraint=[_SHARE])
    batch_size: int | str = parameter(default="auto", constraint=[_AUTO, _COUNT])
    max_epochs: int | str = parameter(default="auto", constraint=[_AUTO, _COUNT])
    early_stopping: Any = parameter(default="auto", constraint=[_AUTO, "boolean"])
    validation_fraction: float | str = parameter(
        default="auto", constraint=[_AUTO, Interval(Real, 0, 1, closed="neither")]
    )
    n_iter_no_change: int | str = parameter(default="auto", constraint=[_AUTO, _COUNT])
    tol: float = parameter(default=0.0, constraint=[_NOT_NEGATIVE])
    refit: bool | str = parameter(default="auto", constraint=[_AUTO, "boolean"])
    warm_start: bool = parameter(default=False, constraint=["boolean"])
    n_jobs: int | None = parameter(
        default=None, constraint=[_COUNT, Interval(Integral, None, -1, closed="right"), None]
    )
    device: str = parameter(default="auto", constraint=[str])
    dtype: str = parameter(
        default="float32", constraint=[StrOptions({"float32", "float64", "bfloat16"})]
    )
    callbacks: Any = parameter(default=None, constraint=[list, tuple, None])
    net_params: Any = parameter(default=None, constraint=[dict, None])
    random_state: Any = parameter(default=None, constraint=["random_state"])
    verbose: int = parameter(default=0, constraint=["verbose"])

    @classmethod
    def search_space(
        cls, backend: str = "sklearn"
    ) -> dict[str, Any] | Callable[[Any], dict[str, Any]]:
        """Return where to search for good parameters.

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
            returns the best parameters.

        Raises
        ------
        ValueError
            If the backend is another.
        """
        return search_space(cls, backend)

    @property
    def _torch_dtype(self) -> torch.dtype:
        """Dtype of the tensors; that of products in training may be less precise."""
        return torch.float64 if self.dtype == "float64" else torch.float32
