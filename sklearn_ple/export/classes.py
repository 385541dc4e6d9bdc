"""The classes whose objects can be saved, and the types of their attributes."""

from collections.abc import Mapping
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np
import torch

from ..balancing import BALANCERS
from ..encoding.categories import CategoryEncoder
from ..encoding.features import FeatureEncoder
from ..encoding.numeric import NUMERIC_EMBEDDINGS
from ..encoding.scaling import NumberScaler
from ..encoding.statistics import TargetStatistics
from ..encoding.targets import TargetEncoder
from ..predictions.calibration import Calibration, IsotonicCalibration, TemperatureScaling
from ..predictions.intervals import Deviations, StandardisedErrors
from ..tables.form import TargetForm
from ..tasks import TASK_KINDS

#: Classes whose annotated attributes are saved, with their types. Objects of other classes are
#: saved with all of their attributes.
ANNOTATED: dict[type, dict[str, Any]] = {
    cls: get_type_hints(cls)
    for cls in (
        *(TargetEncoder, TargetForm, TargetStatistics),
        *(FeatureEncoder, CategoryEncoder, NumberScaler),
        *(Deviations, StandardisedErrors, Calibration, TemperatureScaling, IsotonicCalibration),
    )
}

#: Classes that a file may name, by their names.
KNOWN: dict[str, type] = {
    cls.__name__: cls
    for cls in (
        *ANNOTATED,
        *TASK_KINDS.values(),
        *(type(maker) for maker in NUMERIC_EMBEDDINGS.values()),
        *(type(make()) for make in BALANCERS.values()),
    )
} | {
    f"torch.optim.{name}": cls
    for name, cls in vars(torch.optim).items()
    if isinstance(cls, type) and issubclass(cls, torch.optim.Optimizer)
}


def check_types(attributes: Any, types: Mapping[str, Any], what: str) -> None:
    """Check that attributes are those that are expected, and of their types.

    Parameters
    ----------
    attributes : dict of str to object
        The attributes.
    types : mapping of str to type
        The types by name, as in annotations.
    what : str
        What has the attributes, for errors.

    Raises
    ------
    ValueError
        If there are others, or if one is of another type.
    """
    if not isinstance(attributes, dict) or attributes.keys() != types.keys():
        raise ValueError(f"{what} does not have the attributes {list(types)}")
    for name, hint in types.items():
        if not _is_of(attributes[name], hint):
            kind = type(attributes[name]).__name__
            raise ValueError(f"{name} of {what} is of type {kind}, not {hint}")


def _is_of(value: Any, hint: Any) -> bool:
    """Return whether a value is of an annotated type; a bool is not a number."""
    kind, parts = get_origin(hint), get_args(hint)
    if kind in (Union, UnionType):
        return any(_is_of(value, part) for part in parts)
    if kind is list:
        return isinstance(value, list) and all(_is_of(entry, *parts) for entry in value)
    if kind is dict:
        return isinstance(value, dict) and all(_is_of(v, parts[1]) for v in value.values())
    if hint is float:
        hint = (float, int, np.floating)
    return hint is Any or (isinstance(value, hint) and not isinstance(value, bool))
