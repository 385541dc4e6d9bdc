"""Which events require others: a purchase, for example, requires a click."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ..nn import EventLink, JointLogits
from ..tasks import Binary, Task, pair_dependent_tasks

Pair = tuple[int, int]


class Prerequisites:
    """The tasks that ``depends_on`` names, and what follows for labels and outputs.

    Both tasks of a pair are binary. If a row has the second class of the dependent task, it has
    the second class of the other task too.

    Parameters
    ----------
    depends_on : dict, "previous" or None
        For names of tasks, the name of the task on which they depend. With "previous" each task
        depends on the one before it.
    tasks : sequence of Task
        The fitted tasks.

    Attributes
    ----------
    pairs : list of (int, int)
        Pairs of positions: a task, and the task on which it depends. The pair of the latter, if it
        has one, comes before.

    Raises
    ------
    ValueError
        If a name is not that of a task, if a task is not binary, or if tasks depend on each
        other in a cycle.
    """

    def __init__(self, depends_on: Mapping[str, str] | str | None, tasks: Sequence[Task]):
        self.tasks = list(tasks)
        self.pairs = pair_dependent_tasks(depends_on, [task.name for task in tasks])
        for position in sorted({position for pair in self.pairs for position in pair}):
            if not isinstance(task := self.tasks[position], Binary):
                raise ValueError(
                    f"depends_on names {task.name!r}, which is of kind {task.kind!r}: only binary "
                    "tasks can depend on each other."
                )

    def complete(self, targets: np.ndarray, weights: np.ndarray) -> None:
        """Fill in missing labels that follow from others, with the weights of the latter.

        If an event happened, so did the event on which it depends. If an event did not happen,
        neither did the events that depend on it.

        Parameters
        ----------
        targets : ndarray of shape (n_rows, n_tasks)
            The encoded labels, which are changed in place.
        weights : ndarray of shape (n_rows, n_tasks)
            Weights of the labels, zero for missing ones, which are changed in place.

        Raises
        ------
        ValueError
            If a row has an event without the one on which it depends.
        """
        for task, other in reversed(self.pairs):
            self._copy(targets, weights, 1.0, source=task, target=other)
        for task, other in self.pairs:
            wrong = (weights[:, [task, other]] > 0).all(axis=1)
            wrong &= (targets[:, task] == 1) & (targets[:, other] == 0)
            if wrong.any():
                event, cause = self.tasks[task], self.tasks[other]
                raise ValueError(
                    f"Task {event.name!r} depends on {cause.name!r}, but {wrong.sum()} rows have "
                    f"the label {event.classes.tolist()[1]!r} of {event.name!r} and "
                    f"{cause.classes.tolist()[0]!r} of {cause.name!r}: drop these rows, or "
                    "correct depends_on or the labels."
                )
            self._copy(targets, weights, 0.0, source=other, target=task)

    @staticmethod
    def _copy(
        targets: np.ndarray, weights: np.ndarray, value: float, source: int, target: int
    ) -> None:
        """Fill in a value as the target's label, if it is missing, where the source has it."""
        rows = (weights[:, source] > 0) & (targets[:, source] == value) & (weights[:, target] == 0)
        targets[rows, target], weights[rows, target] = value, weights[rows, source]

    def link(
        self, make: Callable[[list[Pair], list[Pair]], EventLink] = JointLogits
    ) -> EventLink | None:
        """Make the module that links the outputs of events.

        Parameters
        ----------
        make : callable, default=JointLogits
            Is called with the pairs as columns of the outputs, and as positions of the tasks.

        Returns
        -------
        EventLink or None
            The link; None if there are no pairs.
        """
        columns = np.cumsum([0, *(task.n_outputs for task in self.tasks)])
        pairs = [(int(columns[task]), int(columns[other])) for task, other in self.pairs]
        return make(pairs, self.pairs) if pairs else None

    def ordered(self, outputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Lower the logits of dependent tasks to at most those of the tasks they depend on."""
        result = list(outputs)
        for task, other in self.pairs:
            result[task] = np.minimum(result[task], result[other])
        return result

    def conditional(self, probabilities: list[np.ndarray]) -> list[np.ndarray]:
        """Divide the probabilities of dependent tasks by those of the tasks they depend on."""
        result = probabilities.copy()
        for task, other in self.pairs:
            joint, given = probabilities[task][:, 1], probabilities[other][:, 1]
            ratio = np.minimum(joint / np.maximum(given, np.finfo(float).tiny), 1.0)
            result[task] = np.column_stack([1 - ratio, ratio])
        return result

    def condition(
        self, probabilities: Sequence[np.ndarray], targets: np.ndarray
    ) -> tuple[list[np.ndarray], np.ndarray]:
        """Return the probabilities of events once the events that they depend on have happened.

        Known labels of events, whose other event is not known, count here as they follow from the
        probabilities: a row without a purchase is less likely one with a click.

        Parameters
        ----------
        probabilities : sequence of ndarray of shape (n_rows, n_classes) or (n_rows,)
            The predictions of all tasks, which are probabilities of classes for those of a pair.
        targets : ndarray of shape (n_rows, n_tasks)
            The known labels, encoded and complete; NaN for all others.

        Returns
        -------
        conditional : list of ndarray
            The predictions, with conditional probabilities for dependent tasks.
        evidence : ndarray of shape (n_rows, n_tasks)
            The labels that say something about events given those that they depend on.
        """
        result, evidence = self.conditional(list(probabilities)), targets.copy()
        # The probability of the known labels of a task and of those that depend on it, if its
        # event happens; 1 if it does not.
        likelihood = np.ones_like(targets)
        for task, other in reversed(self.pairs):
            happens = result[task][:, 1] * likelihood[:, task] * (targets[:, task] != 0)
            total = happens + 1 - result[task][:, 1]
            unknown = np.isnan(targets[:, other])
            likelihood[unknown, other] *= total[unknown]
            self._replace(result, task, happens / total, unknown | np.isnan(targets[:, task]))
            evidence[targets[:, other] != 1, task] = np.nan
        for root in {other for _, other in self.pairs} - {task for task, _ in self.pairs}:
            happens = result[root][:, 1] * likelihood[:, root]
            share = happens / (happens + 1 - result[root][:, 1])
            self._replace(result, root, share, np.isnan(targets[:, root]))
        return result, evidence

    def join(self, conditional: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the probabilities that events happen, from those given the other events."""
        result = list(conditional)
        for task, other in self.pairs:
            joint = result[task][:, 1] * result[other][:, 1]
            result[task] = np.column_stack([1 - joint, joint])
        return result

    @staticmethod
    def _replace(parts: list[np.ndarray], task: int, share: np.ndarray, rows: np.ndarray) -> None:
        """Replace the probabilities of an event in some rows."""
        changed = np.column_stack([1 - share, share])
        parts[task] = np.where(rows[:, np.newaxis], changed, parts[task])
