"""Parameters as fields of a class, with default, constraint, search range and so on."""

from __future__ import annotations

import ast
import copy
import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar, dataclass_transform

import numpy as np
import pandas as pd
from scipy import stats

from ..checks import is_ours
from ..tasks import by_name
from .docstrings import complete_docstring

_T = TypeVar("_T")
# Marks a parameter without a published value, for which None would be a valid value.
_AS_IT_IS: Any = object()
# Dicts by task, whose order does not matter. Those declared as values by task are put in order; in
# texts of earlier files they are not.
_BY_TASK = {"task_types", "depends_on", "reads", "n_specific_experts"}


def parameter(
    *,
    default: Any,
    constraint: Sequence[Any] = (),
    search: Any = None,
    published: Any = _AS_IT_IS,
    after: str | None = None,
    network: bool | None = None,
    of_tasks: str | None = None,
) -> Any:
    """Declare a parameter of an estimator, in the body of its class.

    Parameters
    ----------
    default : object
        The default value.
    constraint : sequence, default=()
        The values that are allowed, as in scikit-learn's ``_parameter_constraints``; any value if
        empty.
    search : tuple, list or None, default=None
        Values for hyperparameter search: a list of choices, or the bounds ``(low, high)`` of a
        range of floats or ints. ``(low, high, "log")`` is a range on a log scale. With None, the
        parameter is not in the search space.
    published : object, optional
        The value in the paper of the network, which ``as_published`` uses instead of the default.
    after : str, default=None
        Name of the parameter after which this one is listed in the signature. By default, the
        parameters of a class come before those of its base classes.
    network : bool, default=None
        Whether the parameter determines what the network computes. Methods that continue an
        earlier training, such as ``partial_fit``, then raise an error if its value has changed.
        None means True for a new parameter of a class outside this package.
    of_tasks : {"values", "groups"} or None, default=None
        The form of a parameter that has an entry for each task; ``add_task`` then accepts a
        further entry for a new task. With "values" it may be a list of numbers or a dict by name.
        With "groups" it is a list of groups, or a dict of them; a group is a list of names.

    Returns
    -------
    field
        A field of a dataclass, for `with_parameters`.

    Examples
    --------
    >>> from sklearn_ple.base import (
    ...     MultiTaskEstimator,
    ...     parameter,
    ...     with_parameters,
    ... )
    >>> @with_parameters
    ... class Experts(MultiTaskEstimator):
    ...     n_experts: int = parameter(
    ...         default=3, constraint=[int], search=(1, 8), published=5
    ...     )
    >>> "n_experts" in Experts.search_space()
    True
    """
    stated: dict[str, Any] = {"constraint": list(constraint), "search": search, "after": after}
    metadata = {key: value for key, value in (stated | {"of_tasks": of_tasks}).items() if value}
    if network is not None:
        metadata["network"] = network
    if published is not _AS_IT_IS:
        metadata["published"] = published
    return field(default=default, metadata=metadata)


@dataclass_transform(kw_only_default=True, eq_default=False, field_specifiers=(parameter,))
def with_parameters(owner: type[_T]) -> type[_T]:
    """Create the ``__init__`` of an estimator from its fields and those of its base classes.

    This is a class decorator. ``__init__`` stores every parameter unchanged, as scikit-learn
    requires. Representation and comparison remain those of scikit-learn. All parameters are
    keyword-only, and those of the class come before those of its base classes. Parameters and
    attributes that the docstring does not describe are added from the docstrings of base classes
    and of `PLEClassifierRegressor`.

    Parameters
    ----------
    owner : type
        The class. A field is a name with a type annotation, and with a default or a `parameter`.

    Returns
    -------
    type
        The same class, with ``__init__``.

    Raises
    ------
    TypeError
        If the class defines ``__init__``, or sets a parameter without an annotation.

    Examples
    --------
    >>> from sklearn.base import BaseEstimator
    >>> from sklearn_ple.base import parameter, with_parameters
    >>> @with_parameters
    ... class Constant(BaseEstimator):
    ...     value: float = 0.0
    ...     rounded: bool = parameter(default=False, constraint=["boolean"])
    >>> Constant(value=3.0)
    Constant(value=3.0)
    """
    if "__init__" in vars(owner):
        raise TypeError(
            f"{owner.__name__} defines __init__, which with_parameters creates: declare each "
            "parameter as a field with a default instead."
        )
    made: Any = dataclass(kw_only=True, eq=False, repr=False)(owner)
    _check_annotated(made)
    constraints: dict[str, list] = {}
    for base in reversed(made.__mro__):
        constraints |= vars(base).get("_parameter_constraints", {})
    rows = {f.name: _declared(made, f.name).get("constraint") for f in fields(made)}
    made._parameter_constraints = constraints | {name: row for name, row in rows.items() if row}
    signature = inspect.signature(made.__init__)
    order = [signature.parameters[name] for name in ["self", *_order(made)]]
    made.__init__.__signature__ = signature.replace(parameters=order)
    complete_docstring(made)
    return made


def _check_annotated(made: Any) -> None:
    """Check that each parameter whose default a class overrides is annotated there."""
    annotated = inspect.get_annotations(made)
    for name in (f.name for f in fields(made)):
        if name in vars(made) and name not in annotated:
            default = vars(made)[name]
            raise TypeError(
                f"{made.__name__} sets {name} without an annotation, which does not change the "
                f"default: write `{name}: {type(default).__name__} = {default!r}`."
            )


def published(cls: Any) -> dict[str, Any]:
    """Return the values of parameters in the paper of a class, where they are not the defaults."""
    rows = {name: _declared(cls, name) for name in _order(cls)}
    return {name: row["published"] for name, row in rows.items() if "published" in row}


def of_network(estimator: Any, without: Sequence[str] = ()) -> dict[str, str]:
    """Return the parameters that determine what an estimator's network computes, as text.

    The text is the same for lists and tuples, for numbers of numpy and of Python, and for objects
    of the same class with the same attributes. Entries for the tasks in ``without``, which are the
    last ones in y, are left out.
    """
    shown = {}
    for name in _order(type(estimator)):
        declared = _declared(type(estimator), name)
        if declared.get("network", _is_new(type(estimator), name)):
            value = _without(_plain(getattr(estimator, name)), without, declared.get("of_tasks"))
            if declared.get("of_tasks") == "values" and isinstance(value, dict):
                # The order of the tasks does not matter. That of groups may, as in HoME.
                value = dict(sorted(value.items(), key=str))
            shown[name] = repr(value)
    return {name: re.sub(" at 0x[0-9a-fA-F]+", "", text) for name, text in shown.items()}


def _without(value: Any, tasks: Sequence[str], of_tasks: str | None) -> Any:
    """Leave out the entries for some tasks, which are the last ones of a list."""
    if not tasks or not of_tasks or not isinstance(value, (dict, tuple)):
        return value
    if of_tasks == "values":
        if isinstance(value, tuple):
            return value[: -len(tasks)]
        return {name: entry for name, entry in value.items() if name not in tasks}

    def rest(group: Any) -> Any:
        named = isinstance(group, tuple)
        return tuple(task for task in group if task not in tasks) if named else group

    # Whether a task may be in a group of its own is up to the network.
    if isinstance(value, tuple):
        return tuple(left for group in value if (left := rest(group)))
    return {name: left for name, group in value.items() if (left := rest(group))}


def for_another_task(estimator: _T) -> _T:
    """Copy an estimator whose network gets another task: lists of numbers get another number.

    The further number is the greatest of the list: equal numbers stay equal, and different ones
    stay different.
    """
    more: Any = copy.copy(estimator)
    for name in _order(type(estimator)):
        numbers = _plain(getattr(estimator, name))
        of_tasks = _declared(type(estimator), name).get("of_tasks")
        if of_tasks == "values" and isinstance(numbers, tuple):
            setattr(more, name, [*numbers, max(numbers)])
    return more


def differences(now: dict[str, str], before: dict[str, str], when: str) -> str:
    """List the parameters that differ from earlier ones, with both values."""
    return ", ".join(
        f"{name}={now[name]} ({before[name]} {when})"
        for name in now
        if now[name] != before[name] and _meaning(name, now[name]) != _meaning(name, before[name])
    )


def _meaning(name: str, text: str) -> str:
    """Return the text of a parameter with tasks in order, and whole numbers as integers."""
    in_order = sorted if name in _BY_TASK else list

    def settle(value: Any) -> Any:
        if isinstance(value, dict):
            return in_order((repr(key), settle(entry)) for key, entry in value.items())
        if isinstance(value, tuple):
            return tuple(map(settle, value))
        return _whole(value)

    try:
        # As text, True and 1 differ: a mask is not a list of positions.
        return repr(settle(ast.literal_eval(text)))
    except (SyntaxError, ValueError):
        return text  # It shows an object, such as a task.


class _Text(str):
    """A text whose representation has no quotes."""

    __slots__ = ()
    __repr__ = str.__str__


def _whole(value: Any) -> Any:
    """Convert whole numbers to integers, alone and in a tuple."""
    if isinstance(value, tuple):
        return tuple(map(_whole, value))
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _plain(value: Any) -> Any:
    """Convert arrays, indexes and lists to tuples, and numbers of numpy to those of Python.

    An object, such as a task, becomes a text with its class and its attributes.
    """
    value = by_name(value)
    if isinstance(value, (np.ndarray, np.generic, pd.Index, pd.Series)):
        value = value.tolist()
    if isinstance(value, dict):
        return {_plain(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return tuple(map(_plain, value))
    if not getattr(value, "__dict__", None) or callable(value):
        return value
    own = {name: _whole(_plain(entry)) for name, entry in vars(value).items()}
    options = [f"{name}={entry!r}" for name, entry in own.items() if entry not in (None, "")]
    return _Text(f"{type(value).__name__}({', '.join(options)})")


def search_space(cls: Any, backend: str = "sklearn") -> Any:
    """Return the search space of a class; see `Parameters.search_space`."""
    ranges = {name: _declared(cls, name).get("search") for name in _order(cls)}
    space = {name: values for name, values in ranges.items() if values is not None}
    if backend == "sklearn":
        return {name: _distribution(values) for name, values in space.items()}
    if backend == "optuna":
        return lambda trial: {
            name: _suggest(trial, name, values) for name, values in space.items()
        }
    raise ValueError(f'backend={backend!r} is unknown: it must be "sklearn" or "optuna".')


def _declared(cls: type, name: str) -> dict[str, Any]:
    """Collect what a class and its base classes declare about a parameter, except its default."""
    declared: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        row = vars(base).get("__dataclass_fields__", {}).get(name)
        declared |= row.metadata if row else {}
    return declared


def _is_new(cls: type, name: str) -> bool:
    """Return whether a parameter is declared outside this package only."""
    owners = [base for base in cls.__mro__ if name in inspect.get_annotations(base)]
    return not any(map(is_ours, owners))


def _order(cls: Any) -> list[str]:
    """Order the parameters: those of the class first, unless ``after`` sets another position."""
    with_fields = [base for base in cls.__mro__ if "__dataclass_fields__" in vars(base)]
    named = [name for base in with_fields for name in inspect.get_annotations(base)]
    there = {f.name for f in fields(cls)}
    order = [name for name in dict.fromkeys(named) if name in there]
    for name in list(order):
        after = _declared(cls, name).get("after")
        if after in order:
            order.remove(name)
            order.insert(order.index(after) + 1, name)
    return order


def _distribution(values: Any) -> Any:
    """Return the distribution of SciPy for a range, or a copy of a list of choices."""
    if isinstance(values, list):
        return list(values)
    low, high, *scale = values
    if scale:
        return stats.loguniform(low, high)
    if isinstance(low, int):
        return stats.randint(low, high + 1)
    return stats.uniform(low, high - low)


def _suggest(trial: Any, name: str, values: Any) -> Any:
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
