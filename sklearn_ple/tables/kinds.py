"""The parameter ``task_types``: the kind of task of each column of y, or that it is ignored."""

from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from typing import Any

from ..tasks import TASK_KINDS, Task, TaskKind, TaskTypes, by_task
from ..utils.checks import shown

#: Value of ``task_types`` for a column of y that is not a task.
IGNORE = "ignore"

# Kinds for which the order of categories matters; of "auto", it may make an ordinal task.
_IN_ORDER = ("auto", "ordinal")


def find_ignored(task_types: TaskTypes, names: Sequence[str]) -> list[int]:
    """Return the positions of the columns of y that ``task_types`` ignores."""
    types = assign_kinds(task_types, names)
    return [k for k, name in enumerate(names) if _is_ignore(types[name])]


def assign_kinds(task_types: TaskTypes, names: Sequence[str]) -> dict[str, Any]:
    """Return the entry of ``task_types`` for each task."""
    if is_one_kind(task_types):
        return dict.fromkeys(names, task_types)
    return by_task(task_types, names, "task_types", default="auto")


def is_one_kind(task_types: TaskTypes) -> bool:
    """Return whether ``task_types`` is one kind for all tasks, which may be a tuple with options.

    A tuple whose other entries are kinds, too, is the list of them.
    """
    if not isinstance(task_types, tuple):
        return not isinstance(task_types, (Mapping, list))
    first, *others = task_types or [None]
    return isinstance(first, str) and len(others) > 0 and not any(map(_is_kind, others))


def split_kind(task_type: TaskKind) -> tuple[Any, tuple]:
    """Return the kind of an entry of ``task_types``, and the options that follow it in a tuple."""
    if isinstance(task_type, tuple) and task_type:
        return task_type[0], task_type[1:]
    return task_type, ()


def find_ordered(task_types: TaskTypes, names: Sequence[str]) -> set[str]:
    """Return the names of targets whose kind may depend on the order of their categories.

    These are ordinal tasks, tasks whose kind is still to be determined, and tasks of a user's own
    class.
    """
    entries = assign_kinds(task_types, names)
    kinds = {name: split_kind(entry)[0] for name, entry in entries.items()}
    return {n for n, kind in kinds.items() if not isinstance(kind, str) or kind in _IN_ORDER}


def is_auto(value: object) -> bool:
    """Return whether a parameter, or an entry of it, is "auto"."""
    return isinstance(value, str) and value == "auto"


def make_task(name: str, kind: object, options: tuple) -> Task:
    """Make a task of a kind, which is not "auto"; raise an error unless it has these options."""
    what = f"task_types of target {name!r}"
    if not isinstance(kind, str) or kind not in TASK_KINDS:
        raise ValueError(
            f"{what} is {shown(kind)}; the kinds are {['auto', *TASK_KINDS, IGNORE]}, or a Task."
        )
    known = list(signature(TASK_KINDS[kind]).parameters)
    if len(options) > len(known):
        remedy = f" but {', '.join(known)}" if known else f": pass {kind!r} alone"
        raise ValueError(
            f"{what} is {shown((kind, *options))}, but the kind {kind!r} has no options{remedy}."
        )
    try:
        return TASK_KINDS[kind](*options)
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from None


def has_classes(name: str, task_type: TaskKind, family: str | None) -> bool | None:
    """Return whether a task of this entry of ``task_types`` has classes; None if labels decide."""
    kind, options = split_kind(task_type)
    if isinstance(kind, Task) or (isinstance(kind, type) and issubclass(kind, Task)):
        return kind.has_classes
    if isinstance(kind, str) and kind == "auto":
        return None if family is None else family == "class"
    return make_task(name, kind, options).has_classes


def _is_kind(entry: TaskKind) -> bool:
    name, _ = split_kind(entry)
    return isinstance(name, (str, Task, type))


def drop_ignored(task_types: TaskTypes) -> TaskTypes:
    """Return ``task_types`` without its entries for ignored columns."""
    if isinstance(task_types, Mapping):
        return {name: kind for name, kind in task_types.items() if not _is_ignore(kind)}
    if not isinstance(task_types, (list, tuple)) or is_one_kind(task_types):
        return task_types
    return [kind for kind in task_types if not _is_ignore(kind)]


def _is_ignore(task_type: TaskKind) -> bool:
    kind, options = split_kind(task_type)
    return isinstance(kind, str) and kind == IGNORE and not options


def select_learnt(
    names: Sequence[str], ignored: Callable[[Sequence[str]], list[int]] | None
) -> list[int]:
    """Return the positions of the columns of y that are not ignored; raise if all are."""
    out = set(ignored(names)) if ignored else set()
    kept = [k for k in range(len(names)) if k not in out]
    if not kept:
        raise ValueError(
            f"task_types ignores all columns of y, {names}: nothing is left to learn."
        )
    return kept
