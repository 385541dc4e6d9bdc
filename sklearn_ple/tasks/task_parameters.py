"""Parameters that have one value for all tasks, or one for each."""

from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
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


def pair_dependent_tasks(
    depends_on: Mapping[str, str] | str | None, names: Sequence[str]
) -> list[tuple[int, int]]:
    """Return which task depends on which.

    Parameters
    ----------
    depends_on : dict, "previous" or None
        For names of tasks, the name of the task on which they depend. With "previous" each task
        depends on the one before it.
    names : sequence of str
        Names of the tasks.

    Returns
    -------
    list of (int, int)
        Pairs of positions: a task, and the task on which it depends. The pair of the latter, if it
        has one, comes before.

    Raises
    ------
    ValueError
        If a name is not that of a task, or if the dependences have a cycle.
    """
    if isinstance(depends_on, str):
        depends_on = dict(zip(names[1:], names, strict=False))
    depends_on = depends_on or {}
    check_task_names("depends_on", [*depends_on, *depends_on.values()], names)
    position = {name: place for place, name in enumerate(names)}
    graph = {name: [on] for name, on in depends_on.items()}
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise ValueError(
            f"depends_on has a cycle: {error.args[1]}. No task may depend on itself, not even "
            "through others: remove an entry."
        ) from None
    return [(position[name], position[depends_on[name]]) for name in order if name in depends_on]
