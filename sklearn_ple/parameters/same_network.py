"""The parameters that determine a network, as text, and what differs from an earlier fit."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..tasks import by_name
from .fields import declared

# Dicts by task, beside those that are declared as values by task.
_BY_TASK = {"task_types", "depends_on"}


def describe_network(
    owner: type, parameters: Mapping[str, Any], without: Sequence[str] = ()
) -> dict[str, str]:
    """Return the parameters that determine what an estimator's network computes, as text.

    The text is the same for lists and tuples, for numbers of numpy and of Python, and for objects
    of the same class with the same attributes.

    Parameters
    ----------
    owner : type
        Class of the estimator.
    parameters : dict
        Its parameters by name.
    without : sequence of str, default=()
        Tasks whose entries are left out. They are the last ones in y.
    """
    shown = {}
    for name, row in declared(owner).items():
        if row["network"]:
            value, of_tasks = _normalise(parameters[name]), row.get("of_tasks", False)
            if of_tasks:
                value = _leave_out(value, without)
            if (of_tasks or name in _BY_TASK) and isinstance(value, dict):
                # The order of the tasks does not matter.
                value = dict(sorted(value.items(), key=str))
            shown[name] = repr(value)
    return {name: re.sub(" at 0x[0-9a-fA-F]+", "", text) for name, text in shown.items()}


def _leave_out(value: object, tasks: Sequence[str]) -> Any:
    """Leave out the entries for some tasks, which are the last ones of a list."""
    if isinstance(value, dict):
        return {name: entry for name, entry in value.items() if name not in tasks}
    return value[: len(value) - len(tasks)] if isinstance(value, tuple) else value


def list_differences(now: dict[str, str], before: dict[str, str], when: str) -> str:
    """List the parameters that differ from earlier ones, with both values."""
    return ", ".join(
        f"{name}={now[name]} ({before[name]} {when})" for name in now if now[name] != before[name]
    )


def check_same_network(
    owner: type, parameters: Mapping[str, Any], before: dict[str, str], added: Sequence[str] = ()
) -> None:
    """Check that parameters of the network have not changed since the last fit.

    Parameters
    ----------
    owner, parameters : object
        See `describe_network`.
    before : dict of str to str
        What `describe_network` returned in the last fit.
    added : sequence of str, optional
        Names of new tasks, for which parameters may have further entries.

    Raises
    ------
    ValueError
        If a parameter has changed.
    """
    now, shorter = (describe_network(owner, parameters, names) for names in ((), added))
    # An entry for a new task may be new, too, or have been there before.
    changed = {name: now[name] for name in now if before[name] not in (now[name], shorter[name])}
    if changed:
        raise other_network(list_differences(changed, before, "in the last fit"))


def other_network(changed: str) -> ValueError:
    """Return the error for parameters that make another network than that of the last fit."""
    return ValueError(
        "warm_start, partial_fit and add_task go on with the network of the last fit, but the "
        f"current parameters make another one: {changed}. Set the parameters of the network as "
        "they were, or start anew: call fit with warm_start=False."
    )


class _Text(str):
    """A text whose representation has no quotes."""

    __slots__ = ()
    __repr__ = str.__str__


def _normalise(value: object) -> Any:
    """Convert arrays, indexes and lists to tuples, and whole numbers to integers of Python.

    An object, such as a task, becomes a text with its class and its attributes.
    """
    value = by_name(value)
    if isinstance(value, (np.ndarray, np.generic, pd.Index, pd.Series)):
        value = value.tolist()
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {_normalise(key): _normalise(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return tuple(map(_normalise, value))
    if not getattr(value, "__dict__", None) or callable(value):
        return value
    attributes = {name: _normalise(entry) for name, entry in vars(value).items()}
    options = [f"{name}={v!r}" for name, v in attributes.items() if v not in (None, "")]
    return _Text(f"{type(value).__name__}({', '.join(options)})")
