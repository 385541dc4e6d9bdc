"""Names of the parts of networks, other than the names of tasks."""

from __future__ import annotations

from collections.abc import Collection


def numbered(name: str, n: int) -> list[str]:
    """Return n names: "name 1", "name 2" and so on."""
    return [f"{name} {i}" for i in range(1, n + 1)]


def free_name(name: str, taken: Collection[str], note: str) -> str:
    """Return the name, followed by a note in brackets if it is taken, as by a task or a group."""
    while name in taken:
        name = f"{name} ({note})"
    return name


def shared_names(n: int, taken: Collection[str]) -> list[str]:
    """Name n shared experts, other than those of the tasks or groups in ``taken``."""
    return numbered(free_name("shared", taken, "all tasks"), n)


def shared_gate_name(taken: Collection[str]) -> str:
    """Name the shared gate, other than the gates of the tasks or groups in ``taken``."""
    return free_name("shared gate", taken, "all tasks")
