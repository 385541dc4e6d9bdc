"""Parameters that have one value for all tasks, or one for each."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from ..utils.checks import shown


def by_name(value: Any) -> Any:
    """Turn a series whose index holds names into a dict; return anything else unchanged."""
    is_named = isinstance(value, pd.Series) and not isinstance(value.index, pd.RangeIndex)
    return value.to_dict() if is_named else value


def check_task_names(parameter: str, named: Iterable[str], names: Iterable[str]) -> None:
    """Check that a parameter names existing tasks only."""
    names = list(names)
    # A list is no name, but it has no hash either.
    if unknown := sorted((name for name in named if name not in names), key=str):
        raise ValueError(f"{parameter} names {shown(unknown)}, but the tasks are {names}.")


def find_task(name: str, names: Sequence[str]) -> int:
    """Return the position of the task of a name, or raise an error."""
    if name not in names:
        raise ValueError(f"There is no task of the name {name!r}: the tasks are {list(names)}.")
    return list(names).index(name)


def by_task(value: Any, names: Sequence[str], parameter: str, default: Any) -> dict[str, Any]:
    """Return the value of a parameter for each task.

    Parameters
    ----------
    value : object, sequence or dict
        One value for all tasks, a list in the order of the tasks, or a dict or a series by name.
        None and a task that the dict does not name stand for the default.
    names : sequence of str
        Names of the tasks.
    parameter : str
        Name of the parameter, for error messages.
    default : object
        The default value.

    Returns
    -------
    dict
        The values by name, in the order of the tasks.

    Raises
    ------
    ValueError
        If a dict names an unknown task, or if a list has the wrong length.
    """
    value = by_name(value)
    if isinstance(value, Mapping):
        check_task_names(parameter, value, names)
        return {name: value.get(name, default) for name in names}
    if value is None:
        return dict.fromkeys(names, default)
    if hasattr(value, "__len__") and not isinstance(value, str):
        if len(value) != len(names):
            raise ValueError(
                f"{parameter} has {len(value)} entries instead of one for each of the tasks "
                f"{list(names)}."
            )
        return dict(zip(names, value, strict=True))
    return dict.fromkeys(names, value)
