"""The parameters that all estimators share: their defaults, and the values that they may take.

What they mean stands in `_docs`.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar, TypeVar, dataclass_transform

import torch
from sklearn.utils._param_validation import Interval, RealNotInt, StrOptions

from .balancing import BALANCERS, Balancer, TaskWeights
from .encoding.numeric import NUMERIC_EMBEDDINGS, EmbeddingMaker
from .members import Members
from .nn import ACTIVATIONS
from .training import LR_SCHEDULES, OPTIMIZERS, Plan

_T = TypeVar("_T")


@dataclass_transform(kw_only_default=True, eq_default=False)
def with_parameters(cls: type[_T]) -> type[_T]:
    """Give a class the ``__init__`` that its fields tell, those of its bases included.

    It sets every parameter as it is given, which is what scikit-learn asks of an ``__init__``;
    representation and comparison stay scikit-learn's. A class's own parameters come before those
    of its bases. What values they may take, its `_parameter_constraints` and theirs say.
    """
    made: Any = dataclass(kw_only=True, eq=False, repr=False)(cls)
    made._parameter_constraints = {
        name: values
        for base in reversed(made.__mro__)
        for name, values in vars(base).get("_parameter_constraints", {}).items()
    }
    signature = inspect.signature(made.__init__)
    with_fields = [base for base in made.__mro__ if "__dataclass_fields__" in vars(base)]
    names = [name for base in with_fields for name in inspect.get_annotations(base)]
    order = [name for name in dict.fromkeys(["self", *names]) if name in signature.parameters]
    parameters = [signature.parameters[name] for name in order]
    made.__init__.__signature__ = signature.replace(parameters=parameters)
    return made


@with_parameters
class SharedParameters:
    """The shared parameters, in the order of the groups of `_docs`."""

    tower_hidden_units: Any = (32,)
    activation: str = "relu"
    dropout: float = 0.3
    n_members: int = 8
    task_types: Any = "auto"
    depends_on: dict | str | None = None
    class_weight: Any = None
    categorical_features: Any = "from_dtype"
    max_categories: int | None = None
    min_frequency: float | None = None
    embedding_dim: int | str = "auto"
    numeric_embedding: Any = "piecewise_linear+bins"
    n_bins: int | str = "auto"
    linear_path: bool = True
    feature_dropout: float = 0.1
    task_weights: Any = None
    task_weight_decay: Any = 1.0
    balancing: Any = "equal"
    optimizer: Any = "adamw"
    learning_rate: float | str = "auto"
    lr_schedule: str = "one_cycle"
    weight_decay: float = 1e-2
    weight_averaging: float = 0.1
    batch_size: int | str = "auto"
    max_epochs: int | str = "auto"
    early_stopping: Any = "auto"
    validation_fraction: float | str = "auto"
    n_iter_no_change: int | str = "auto"
    tol: float = 0.0
    refit: bool | str = "auto"
    warm_start: bool = False
    device: str = "auto"
    dtype: str = "float32"
    callbacks: Any = None
    net_params: Any = None
    random_state: Any = None
    verbose: int = 0

    _parameter_constraints: ClassVar[dict[str, list]] = {
        "tower_hidden_units": ["array-like"],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "n_members": [Interval(Integral, 1, None, closed="left")],
        "task_types": [str, list, tuple, dict],
        "depends_on": [StrOptions({"previous"}), dict, None],
        "class_weight": [StrOptions({"balanced"}), dict, list, tuple, None],
        "categorical_features": [StrOptions({"from_dtype"}), "array-like", None],
        "max_categories": [Interval(Integral, 1, None, closed="left"), None],
        "min_frequency": [
            Interval(Integral, 1, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="neither"),
            None,
        ],
        "numeric_embedding": [StrOptions(set(NUMERIC_EMBEDDINGS)), EmbeddingMaker, None],
        "n_bins": [StrOptions({"auto"}), Interval(Integral, 2, None, closed="left")],
        "embedding_dim": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "linear_path": ["boolean"],
        "feature_dropout": [Interval(Real, 0, 1, closed="left")],
        "task_weights": ["array-like", dict, None],
        "task_weight_decay": [Interval(Real, 0, None, closed="neither"), "array-like", dict],
        "balancing": [StrOptions(set(BALANCERS)), Balancer],
        "optimizer": [StrOptions(set(OPTIMIZERS)), type],
        "learning_rate": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        "lr_schedule": [StrOptions(set(LR_SCHEDULES))],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "weight_averaging": [Interval(Real, 0, 1, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "max_epochs": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "early_stopping": [StrOptions({"auto"}), "boolean"],
        "validation_fraction": [StrOptions({"auto"}), Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "refit": [StrOptions({"auto"}), "boolean"],
        "warm_start": ["boolean"],
        "device": [str],
        "dtype": [StrOptions({"float32", "float64"})],
        "callbacks": [list, tuple, None],
        "net_params": [dict, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def _task_weights(self, names: list[str]) -> TaskWeights:
        return TaskWeights(names, self.task_weights, self.task_weight_decay)

    def _schedule(self, plan: Plan, n_rows: int) -> list:
        make_schedule = LR_SCHEDULES[self.lr_schedule]
        n_batches = -(-n_rows // plan.batch_size)
        return [] if make_schedule is None else [make_schedule(plan.max_epochs, n_batches)]

    def _tower_options(self) -> dict[str, Any]:
        """Give what all networks take beside their own parameters."""
        return {
            "tower_hidden_units": tuple(self.tower_hidden_units),
            "activation": self.activation,
            "dropout": Members(self.n_members).rates(self.dropout),
            "n_members": self.n_members,
        }

    @property
    def _torch_dtype(self) -> torch.dtype:
        return getattr(torch, self.dtype)
