"""HoME as a scikit-learn estimator."""
# The hooks are documented in MultiTaskEstimator.
# ruff: noqa: D102

from collections.abc import Sequence
from typing import Any, ClassVar

from ..base import MultiTaskEstimator, class_weight, parameter, with_parameters
from ..nn import Body, HoME
from ..tasks import Task
from ..utils.constraints import is_listed
from .network_fields import count, widths


@with_parameters
class HoMEClassifierRegressor(MultiTaskEstimator):
    """Hierarchy of Multi-gate Experts: experts for groups of tasks, then for each task.

    At the first level each group of tasks has experts, and there are experts that all groups
    share. The gate of a group weighs the group's experts and the shared ones; the result is
    ``z_g``. A shared gate weighs all experts; the result is ``z_s``. At the second level the gate
    of a task weighs its own experts and those of its group, which read ``z_g``, and shared ones,
    which read ``z_s``. At both levels a self gate adds the own experts of a group or task once
    more, so that they are not neglected.

    Each expert has a feature gate, ``x * 2 sigmoid(B A x)`` with matrices A and B of low rank, in
    front of its first layer. Its layers are normalised before the activation, so that the outputs
    of all experts have the same size and no expert has only zeros as output. Each row is
    normalised by itself, not over the batch as in the paper, because the prediction for a row must
    not depend on other rows. `sklearn_ple.nn.HoME` has the equations. ``as_published`` does not
    set the paper's widths.

    Parameters
    ----------
    task_groups : dict or None, default=None
        The tasks of each group, as a dict from the name of the group to a list of the names of its
        tasks. Every task must be in exactly one group. With None, tasks with classes are one
        group, and tasks that are numbers another.
    n_shared_experts : int, default=1
        Number of experts that all tasks share, at each of the two levels.
    n_group_experts : int, default=1
        Number of experts of each group, at each of the two levels.
    n_specific_experts : int, default=1
        Number of experts of each task, at the second level.
    feature_gate_rank : int, default=8
        Rank of the feature gates, that is, the number of rows of A.
    expert_hidden_units : sequence of int or of sequences of int, default=(64,)
        Widths of the layers of every expert, the same at both levels; or a sequence of widths for
        each of the two levels, such as ``((128, 64), (32,))``.
    activation : {"relu", "gelu", "silu", "elu", "tanh"}, default="silu"
        Activation of experts, towers and hidden layers of gates.

    See Also
    --------
    PLEClassifierRegressor : The main estimator; lists the errors and warnings of all estimators.

    References
    ----------
    X. Wang, J. Cao, Z. Fu, K. Gai, G. Zhou. "HoME: Hierarchy of Multi-Gate Experts for Multi-Task
    Learning at Kuaishou". arXiv 2408.05430, 2024.

    Examples
    --------
    >>> from sklearn_ple import HoMEClassifierRegressor
    >>> from sklearn_ple.datasets import load_nhefs
    >>> X, y = load_nhefs(tasks=["death", "wt82_71"], return_X_y=True)
    >>> model = HoMEClassifierRegressor(n_members=1, max_epochs=1)
    >>> model = model.fit(X[:200], y[:200])
    >>> groups, tasks = model.gate_weights(X)
    >>> list(groups)
    ['class tasks', 'number tasks', 'shared gate']
    >>> list(tasks["death"])
    ['death 1', 'class tasks 1', 'shared 1']
    """

    # Not a parameter, as there are always two levels; `sklearn_ple.capacity` reads it.
    n_levels: ClassVar[int] = 2

    task_groups: Any = parameter(
        default=None, constraint=[dict, None], network=True, of_tasks="groups"
    )
    n_shared_experts: int = count(search=(1, 4))
    n_group_experts: int = count(search=(1, 4))
    n_specific_experts: int = count(search=(1, 4))
    expert_hidden_units: Any = widths(by_level=True)
    gate_hidden_units: Any = widths(default=(), search=None)
    feature_gate_rank: int = count(default=8)
    activation: str = parameter(default="silu")
    class_weight: Any = class_weight()

    network = HoME
    treats_tasks_alike = True

    def make_network(self, in_features: int, tasks: Sequence[Task], **towers: Any) -> Body:
        groups = self._positions(tasks)
        return super().make_network(in_features, tasks, task_groups=groups, **towers)

    def _positions(self, tasks: Sequence[Task]) -> dict[str, list[int]]:
        """Return the positions of the tasks of each group."""
        by_group = self._by_kind(tasks) if self.task_groups is None else self._as_named(tasks)
        for group, positions in by_group.items():
            # The shared experts come after those of the groups, and would be taken for them.
            if all(tasks[k].added for k in positions):
                raise ValueError(
                    f"task_groups: the group {group!r} would consist of the added tasks "
                    f"{[tasks[k].name for k in positions]} alone, but a fitted HoME cannot take "
                    "another group. Fit again, with all tasks or with task_groups that name the "
                    "groups: then an added task may join one of them."
                )
        return by_group

    def _by_kind(self, tasks: Sequence[Task]) -> dict[str, list[int]]:
        kinds = {
            "class tasks": [k for k, task in enumerate(tasks) if task.has_classes],
            "number tasks": [k for k, task in enumerate(tasks) if not task.has_classes],
        }
        return {name: positions for name, positions in kinds.items() if positions}

    def _as_named(self, tasks: Sequence[Task]) -> dict[str, list[int]]:
        groups = self.task_groups
        names = [str(task.name) for task in tasks]
        listed = all(is_listed(group) and len(group) for group in groups.values())
        grouped = [str(name) for group in groups.values() for name in group] if listed else []
        if sorted(grouped) != sorted(names):
            raise ValueError(
                f"task_groups={groups!r} must be lists of names of tasks, and contain "
                f"each of {names} exactly once."
            )
        if taken := sorted(set(map(str, groups)) & set(names)):
            raise ValueError(
                f"task_groups has groups with the name of a task: {taken}. Rename these groups."
            )
        return {
            str(name): [names.index(str(task)) for task in group] for name, group in groups.items()
        }
