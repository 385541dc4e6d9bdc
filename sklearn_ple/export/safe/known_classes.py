"""The classes whose objects can be saved, and the types of their attributes."""

import sys
from collections.abc import Mapping
from functools import cache
from types import UnionType
from typing import Any, ClassVar, Union, get_args, get_origin, get_type_hints

import numpy as np
import torch

from ...balancing import BALANCERS
from ...encoding.categories import CategoryEncoder
from ...encoding.features import FeatureEncoder
from ...encoding.numeric import NUMERIC_EMBEDDINGS
from ...encoding.scaling import NumberScaler
from ...encoding.statistics import TargetStatistics
from ...encoding.targets import TargetEncoder
from ...predictions.copula import Copula
from ...predictions.errors import StandardisedErrors
from ...predictions.intervals import Deviations
from ...tables.form import TargetForm
from ...tasks import TASK_KINDS

#: Classes whose annotated attributes are saved, with their types. Objects of other classes are
#: saved with all of their attributes.
ANNOTATED: dict[type, dict[str, Any]] = {
    cls: get_type_hints(cls)
    for cls in (
        *(TargetEncoder, TargetForm, TargetStatistics),
        *(FeatureEncoder, CategoryEncoder, NumberScaler),
        *(Deviations, StandardisedErrors, Copula),
    )
}

#: Objects as they are before they learn, by their classes. Others of these classes may have more
#: of the attributes that are annotated.
_UNLEARNT: dict[type, Any] = {
    type(new): new
    for new in (
        *(kind() for kind in TASK_KINDS.values()),
        *NUMERIC_EMBEDDINGS.values(),
        *(make() for make in BALANCERS.values()),
    )
}

#: Classes that a file may name, by their names.
KNOWN: dict[str, type] = {cls.__name__: cls for cls in (*ANNOTATED, *_UNLEARNT)} | {
    f"torch.optim.{name}": cls
    for name, cls in vars(torch.optim).items()
    if isinstance(cls, type) and issubclass(cls, torch.optim.Optimizer)
}


def check_attributes(cls: type, attributes: Any) -> None:
    """Check the attributes of an object of a class; those of a user's class can be any."""
    what = f"a {cls.__name__}"
    if cls in ANNOTATED:
        check_types(attributes, ANNOTATED[cls], what)
    elif cls in _UNLEARNT:
        # Attributes that are not there are those of the class, or have not been learnt.
        types = {name: hint for name, hint in _find_types(cls).items() if name in attributes}
        check_types(attributes, types, what)
    elif cls in KNOWN.values():
        raise ValueError(f"it contains {what}, a class that files only name")


@cache
def _find_types(cls: type) -> dict[str, Any]:
    """Return the types of the attributes that an object of a class has, or may learn."""
    types = {name: type(value) for name, value in vars(_UNLEARNT[cls]).items()}
    hints = get_type_hints(cls).items()
    return types | {name: hint for name, hint in hints if get_origin(hint) is not ClassVar}


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
    """Return whether a value is of an annotated type; bools and NaN are no numbers."""
    kind, parts = get_origin(hint), get_args(hint)
    if kind in (Union, UnionType):
        return any(_is_of(value, part) for part in parts)
    if kind is list:
        return isinstance(value, list) and all(_is_of(entry, *parts) for entry in value)
    if kind is dict:
        return isinstance(value, dict) and all(
            _is_of(k, parts[0]) and _is_of(v, parts[1]) for k, v in value.items()
        )
    if hint is float:
        is_number = isinstance(value, (float, int, np.floating)) and not isinstance(value, bool)
        return is_number and abs(value) <= sys.float_info.max
    is_bool = hint is bool or not isinstance(value, bool)
    return hint is Any or (isinstance(value, hint) and is_bool)
