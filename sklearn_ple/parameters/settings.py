"""The settings of a fit: the parameters of an estimator as they are while it is fitted."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch

from ..nn import Body, EventLink
from ..utils.types import ClassWeight
from .shared import SharedParameters


@dataclass(frozen=True)
class Architecture:
    """How the network of an estimator is made: the hooks of `MultiTaskEstimator`.

    Attributes
    ----------
    make_network, views, make_link : callable
        The methods of these names.
    rate_factors : dict of str to float
        Factors of the learning rate, by patterns of the names of torch parameters.
    treats_tasks_alike : bool
        Whether the network does not depend on the order of the tasks.
    reads_columns : bool
        Whether `make_network` gets the columns of the features.
    """

    make_network: Callable[..., Body]
    views: Callable[[int], Sequence[int | None]]
    make_link: Callable[..., EventLink]
    rate_factors: dict[str, float]
    treats_tasks_alike: bool
    reads_columns: bool


class Settings(SharedParameters):
    """The parameters of an estimator as they are in a fit; they do not change.

    Parameters
    ----------
    owner : type
        Class of the estimator.
    family : str or None
        Kind of tasks that it accepts: "class", "number", or None for all kinds.
    architecture : Architecture
        How its network is made.
    parameters : dict
        All parameters of the estimator, by name. They become attributes.

    Attributes
    ----------
    n_left_out : int
        Number of rows that each member leaves out of training, on which it is validated; 0 if
        all members are validated on the same rows, or on none.
    """

    owner: type
    family: str | None
    architecture: Architecture
    parameters: Mapping[str, Any]
    # Numbers and bools, once they are resolved.
    batch_size: int
    max_epochs: int
    n_iter_no_change: Any
    learning_rate: float
    validation_fraction: Any
    refit: bool
    dropout: float
    feature_dropout: float
    n_bins: int
    # Not all estimators have these parameters.
    class_weight: ClassWeight = None
    expert_hidden_units: Sequence[int] | Sequence[Sequence[int]] | str | None = None
    n_shared_experts: Any = None
    n_specific_experts: int | str | Sequence[int] | dict | None = None
    n_left_out: int = 0

    def __init__(
        self,
        owner: type,
        family: str | None,
        architecture: Architecture,
        parameters: Mapping[str, Any],
    ):
        vars(self).update(parameters, parameters=parameters)
        vars(self).update(owner=owner, family=family, architecture=architecture)

    def __setattr__(self, name: str, value: object) -> None:
        """Raise an error, because settings do not change."""
        raise AttributeError(f"{name} cannot be set: settings do not change.")

    def replace(self, **changes: Any) -> Self:
        """Return settings with other values of some attributes."""
        changed = copy.copy(self)
        vars(changed).update(changes)
        return changed

    @property
    def tensor_dtype(self) -> torch.dtype:
        """Dtype of the tensors; products in training may be less precise."""
        return torch.float64 if self.dtype == "float64" else torch.float32

    @property
    def product_dtype(self) -> torch.dtype | None:
        """Dtype of matrix products in training; None if it is that of the tensors."""
        return torch.bfloat16 if self.dtype == "bfloat16" else None
