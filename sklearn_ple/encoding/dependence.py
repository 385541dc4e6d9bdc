"""Tasks that presuppose other tasks: a purchase needs a click."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from typing import Any

import numpy as np

from ..nn import EventLink, JointLogits
from ..tasks import Binary, Task
from .labels import Labels

Pair = tuple[int, int]


def dependent_pairs(
    depends_on: Mapping[str, str] | str | None, names: Sequence[str]
) -> list[tuple[int, int]]:
    """Return which task depends on which.

    Parameters
    ----------
    depends_on : dict, "previous" or None
        The name of the task that a task depends on, by the task's name; "previous" for that of the
        one before.
    names : sequence of str
        Names of the tasks.

    Returns
    -------
    list of (int, int)
        Positions of (task, the one that it depends on), such that what a task depends on has its
        own pair before.

    Raises
    ------
    ValueError
        If a name is no task, or tasks depend on each other in a circle.
    """
    if isinstance(depends_on, str):
        depends_on = dict(zip(names[1:], names, strict=False))
    depends_on = depends_on or {}
    position = {name: place for place, name in enumerate(names)}
    for name in [*depends_on, *depends_on.values()]:
        # What is no string may have no hash.
        if not isinstance(name, str) or name not in position:
            raise ValueError(f"depends_on names {name!r}, but the tasks are {list(position)}.")
    try:
        order = [
            *TopologicalSorter({name: [on] for name, on in depends_on.items()}).static_order()
        ]
    except CycleError as error:
        raise ValueError(f"depends_on goes round in a circle: {error.args[1]}.") from None
    return [(position[name], position[depends_on[name]]) for name in order if name in depends_on]


class Dependence:
    """Which task depends on which, and what follows for labels and outputs.

    Both tasks of a pair are binary. The dependent one can hold only where the other does: its
    second class implies the other's second class.

    Parameters
    ----------
    depends_on : dict, "previous" or None
        The name of the task that a task depends on, by the task's name; "previous" for that of the
        one before.
    tasks : sequence of Task
        The fitted tasks.

    Attributes
    ----------
    pairs : list of (int, int)
        Positions of (task, the one that it depends on), such that what a task depends on has its
        own pair before.

    Raises
    ------
    ValueError
        If a name is no task, a task is not binary, or tasks depend on each other in a circle.
    """

    def __init__(self, depends_on: Mapping[str, str] | str | None, tasks: Sequence[Task]):
        self.tasks = list(tasks)
        self.pairs = dependent_pairs(depends_on, [task.name for task in tasks])
        for position in sorted({position for pair in self.pairs for position in pair}):
            if not isinstance(task := self.tasks[position], Binary):
                raise ValueError(
                    f"depends_on names {task.name!r}, which is of kind {task.kind!r}: only binary "
                    "tasks can depend on each other."
                )

    def complete(
        self, labels: Sequence[Labels], targets: np.ndarray, weights: np.ndarray
    ) -> list[Labels]:
        """Fill in the labels that follow from others, with their weights.

        Without the event that it depends on, a task's event did not happen; where it happened, so
        did the other.

        Parameters
        ----------
        labels : sequence of Labels
            The columns of y.
        targets : ndarray of shape (n_rows, n_tasks)
            The encoded labels, changed in place.
        weights : ndarray of shape (n_rows, n_tasks)
            Their weights, zero where there is no label, changed in place.

        Returns
        -------
        list of Labels
            The columns with what is filled in.

        Raises
        ------
        ValueError
            If labels contradict the dependence.
        """
        for task, other in reversed(self.pairs):
            self._copy(targets, weights, 1.0, source=task, target=other)
        for task, other in self.pairs:
            wrong = (weights[:, [task, other]] > 0).all(axis=1)
            wrong &= (targets[:, task] == 1) & (targets[:, other] == 0)
            if wrong.any():
                names, labels = zip(
                    *(
                        (self.tasks[k].name, self.tasks[k].classes.tolist()[place])
                        for k, place in ((task, 1), (other, 0))
                    ),
                    strict=True,
                )
                raise ValueError(
                    f"Task {names[0]!r} depends on {names[1]!r}, but {wrong.sum()} rows have the "
                    f"label {labels[0]!r} of {names[0]!r} and {labels[1]!r} of {names[1]!r}: drop "
                    "these rows, or correct depends_on or the labels."
                )
            self._copy(targets, weights, 0.0, source=other, target=task)
        completed = list(labels)
        for position in {position for pair in self.pairs for position in pair}:
            mask = weights[:, position] > 0
            observed = self.tasks[position].classes[targets[mask, position].astype(int)]
            completed[position] = replace(labels[position], observed=observed, mask=mask)
        return completed

    @staticmethod
    def _copy(
        targets: np.ndarray, weights: np.ndarray, value: float, source: int, target: int
    ) -> None:
        """Label rows that lack a target's label with a value that the source has there."""
        rows = (weights[:, source] > 0) & (targets[:, source] == value) & (weights[:, target] == 0)
        targets[rows, target], weights[rows, target] = value, weights[rows, source]

    def link(self, make: Callable[[list[Pair], list[Pair]], EventLink] = JointLogits) -> Any:
        """Make the module that links the outputs of events; None without pairs.

        Parameters
        ----------
        make : callable, default=JointLogits
            Called with the pairs' columns of the outputs and with their positions.

        Returns
        -------
        EventLink or None
            What it made.
        """
        columns = np.cumsum([0, *(task.n_outputs for task in self.tasks)])
        pairs = [(int(columns[task]), int(columns[other])) for task, other in self.pairs]
        return make(pairs, self.pairs) if pairs else None

    def ordered(self, outputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Lower the logits of dependent tasks, where greater, to those of what they depend on."""
        result = list(outputs)
        for task, other in self.pairs:
            result[task] = np.minimum(result[task], result[other])
        return result

    def conditional(self, probabilities: Any) -> Any:
        """Divide the joint probabilities of dependent tasks by those of what they depend on."""
        result = probabilities.copy()
        for task, other in self.pairs:
            joint, given = probabilities[task][:, 1], probabilities[other][:, 1]
            ratio = np.minimum(joint / np.maximum(given, np.finfo(float).tiny), 1.0)
            result[task] = np.column_stack([1 - ratio, ratio])
        return result
