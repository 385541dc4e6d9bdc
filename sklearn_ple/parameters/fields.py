"""Declaration of parameters as fields of a class: default, constraint, search range and so on."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any, TypeVar, dataclass_transform

from ..utils.checks import hinting, is_ours
from .docstrings import complete_docstring
from .elsewhere import ARGUMENTS

_T = TypeVar("_T")
# Marks a parameter without a published value, for which None would be a valid value.
_AS_IT_IS = object()


def parameter(
    *,
    default: object,
    constraint: Sequence[Any] = (),
    search: list | tuple | None = None,
    published: object = _AS_IT_IS,
    after: str | None = None,
    network: bool | None = None,
    of_tasks: bool = False,
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
    of_tasks : bool, default=False
        Whether the parameter may be a list of numbers or a dict by name, with an entry for each
        task; ``add_task`` then accepts a further entry for a new task.

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
    rows = declared(made)
    constraints |= {n: row["constraint"] for n, row in rows.items() if "constraint" in row}
    made._parameter_constraints = constraints
    signature = inspect.signature(made.__init__)
    if "max_epochs" in rows:
        unknown = {name: hint for name, hint in ARGUMENTS.items() if name not in rows}
        made.__init__ = hinting(**unknown)(made.__init__)
    order = [signature.parameters[name] for name in ["self", *rows]]
    made.__init__.__signature__ = signature.replace(parameters=order)
    complete_docstring(made)
    return made


def _check_annotated(made: type) -> None:
    """Check that each parameter whose default a class overrides is annotated there."""
    annotated = inspect.get_annotations(made)
    for name in (f.name for f in fields(made)):
        if name in vars(made) and name not in annotated:
            default = vars(made)[name]
            raise TypeError(
                f"{made.__name__} sets {name} without an annotation, which does not change the "
                f"default: write `{name}: {type(default).__name__} = {default!r}`."
            )


def published(cls: type) -> dict[str, Any]:
    """Return the values of parameters in the paper of a class, where they are not the defaults."""
    return {n: row["published"] for n, row in declared(cls).items() if "published" in row}


# Each fit asks for it, and to collect it takes a tenth of a fit to a few rows.
@lru_cache
def declared(cls: type) -> dict[str, dict[str, Any]]:
    """Return what a class and its base classes declare about each parameter, except its default.

    Parameters of the class come before those of its base classes, unless ``after`` sets another
    position. A parameter that is declared outside this package only is one of the network, unless
    it says otherwise.
    """
    with_fields = [base for base in cls.__mro__ if "__dataclass_fields__" in vars(base)]
    named = [name for base in with_fields for name in inspect.get_annotations(base)]
    of_package = filter(is_ours, cls.__mro__)
    ours = {name for base in of_package for name in inspect.get_annotations(base)}
    rows: dict[str, dict[str, Any]] = {
        f.name: {"network": f.name not in ours} for f in fields(cls)
    }
    for base in reversed(with_fields):
        for name, declaration in vars(base)["__dataclass_fields__"].items():
            if name in rows:
                rows[name] |= declaration.metadata
    order = [name for name in dict.fromkeys(named) if name in rows]
    for name in list(order):
        after = rows[name].get("after")
        if after in order:
            order.remove(name)
            order.insert(order.index(after) + 1, name)
    return {name: rows[name] for name in order}
