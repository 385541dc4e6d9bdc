"""What files need of a fitted estimator, and the check that a model is one."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from sklearn.utils.validation import check_is_fitted
from torch import nn

from ..encoding.encoder import TableEncoder
from ..parameters.settings import Settings
from ..parameters.shared import Parameters
from ..predictions.copula import Copula
from ..predictions.intervals import Deviations
from ..tasks import Task
from ..training.net import MultiTaskNet
from ..training.start import Fitted


class FittedEstimator(Protocol):
    """An estimator of this package, as it is saved, loaded, exported and applied to files."""

    n_jobs: int | None
    balancing: Any
    net_: MultiTaskNet
    temperatures_: dict[str, float]
    intercepts_: dict[str, list[float]]
    n_features_in_: int
    feature_names_in_: np.ndarray
    _encoder: TableEncoder
    _deviations: Deviations | None
    _network_params: dict[str, str]

    @property
    def module_(self) -> nn.Module:
        """The trained network."""

    @property
    def tasks_(self) -> Sequence[Task]:
        """The tasks."""

    @property
    def task_names_(self) -> Sequence[str]:
        """The names of the tasks."""

    @property
    def _copula(self) -> Copula | None: ...

    @property
    def _settings(self) -> Settings: ...

    def _store(self, fitted: Fitted) -> None: ...

    def _validate_params(self) -> None: ...

    def _compute(self, X: Any) -> list[np.ndarray]: ...

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters."""

    def set_output(self, *, transform: str | None = None) -> object:
        """Set the form of what `transform` returns."""

    def predict(self, X: Any, return_std: bool = False, *, known: Any = None) -> Any:
        """Predict the label of every task."""

    def predict_proba(self, X: Any) -> Any:
        """Predict the probabilities of the classes."""

    def predict_proba_frame(self, X: Any, *, known: Any = None) -> Any:
        """Predict the probabilities of the classes as a data frame."""

    def predict_interval(self, X: Any) -> Any:
        """Predict intervals of the numbers."""

    def complete(self, X: Any, y: Any) -> Any:
        """Fill the gaps of y."""

    def transform(self, X: Any) -> Any:
        """Compute the representations."""


def check_model(model: object, done: str) -> None:
    """Check that a model is a fitted estimator of this package.

    Parameters
    ----------
    model : object
        The model.
    done : str
        End of the message "only networks of this package can be", such as "saved".

    Raises
    ------
    TypeError
        If it is not an estimator of this package.
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    """
    if not isinstance(model, Parameters):
        raise TypeError(
            f"model is of type {type(model).__name__}: only networks of this package can be "
            f"{done}."
        )
    check_is_fitted(model)
