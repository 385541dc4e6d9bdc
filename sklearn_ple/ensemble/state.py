"""States of objects without pandas, which skops cannot write."""

from typing import Any, ClassVar

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from ..encoding.targets import TargetEncoder
from ..export.skops import OpenWriter
from ..export.values import Reader
from ..predictions.multi_task import MultiTaskModel

# What `MultiTaskModel._set_tasks` derives from the encoder of the targets.
_DERIVED = ("tasks_", "task_names_", "ignored_targets_", "task_types_", "classes_")


def to_state(value: Any) -> dict[str, Any]:
    """Turn an object of this package, or a data frame of numbers, into plain data and arrays.

    Parameters
    ----------
    value : object
        The object.

    Returns
    -------
    dict
        The state.
    """
    if isinstance(value, pd.DataFrame):
        return {"frame": [value.to_numpy(), list(value.index), list(value.columns)]}
    writer = OpenWriter({})
    return {"plain": writer.write(value, type(value).__name__), "arrays": writer.arrays}


def from_state(state: dict[str, Any]) -> Any:
    """Create the object again from its state.

    Parameters
    ----------
    state : dict
        The result of `to_state`.

    Returns
    -------
    object
        The object.
    """
    if "frame" in state:
        return pd.DataFrame(*state["frame"])
    # joblib may have loaded arrays as maps of a file.
    arrays = {name: np.asarray(array) for name, array in state["arrays"].items()}
    return Reader(arrays, {}).read(state["plain"])


class Stateful(BaseEstimator):
    """Base class of estimators, whose learnt objects may hold some of pandas."""

    #: Attributes that are states of `to_state` in pickles and in files of skops.
    _converted: ClassVar[tuple[str, ...]]

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without objects of pandas."""
        state = super().__getstate__()
        return state | {name: to_state(state[name]) for name in self._converted if name in state}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Set the attributes from a state."""
        learnt = {name: from_state(state[name]) for name in self._converted if name in state}
        super().__setstate__(state | learnt)


class EnsembleModel(Stateful, MultiTaskModel):
    """Base class of models of several tasks that hold fitted estimators.

    Attributes
    ----------
    _target_encoder : TargetEncoder
        The encoder of the targets.
    """

    # scikit-learn's HTML display links to this page.
    _doc_link_module = "sklearn_ple"
    _doc_link_template = (
        "https://sklearn-ple.readthedocs.io/en/latest/generated/"
        "sklearn_ple.ensemble.{estimator_name}.html"
    )
    _target_encoder: TargetEncoder
    _converted: ClassVar[tuple[str, ...]] = ("_target_encoder",)

    @property
    def _targets(self) -> TargetEncoder:
        return self._target_encoder

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without what follows from the encoder of the targets."""
        return {k: v for k, v in super().__getstate__().items() if k not in _DERIVED}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Set the attributes from a state."""
        super().__setstate__(state)
        if hasattr(self, "_target_encoder"):
            self._set_tasks(self._target_encoder)
