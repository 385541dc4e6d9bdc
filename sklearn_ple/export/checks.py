"""What saving and exporting check of a model."""

from __future__ import annotations

from typing import Any

from sklearn.utils.validation import check_is_fitted

from ..base import MultiTaskEstimator


def check_model(model: Any, done: str) -> None:
    """Check that a model is a fitted estimator of this package; say what cannot be done to it."""
    if not isinstance(model, MultiTaskEstimator):
        raise TypeError(
            f"model is of type {type(model).__name__}: only estimators of this package can be "
            f"{done}, each by itself."
        )
    check_is_fitted(model)
