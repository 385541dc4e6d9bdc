"""The kinds of task: each defines its outputs, its loss, its predictions and its score."""

from collections.abc import Mapping, Sequence

from .classes import ONE_VS_REST_AUC, Binary, ClassTask, Multiclass, Ordinal, accuracy
from .concordance import concordance_index
from .huber import Huber
from .hurdle import Hurdle
from .log import Log
from .losses import TaskLosses, group_tasks
from .numbers import (
    Amount,
    Count,
    NumberTask,
    Quantile,
    Regression,
    divide,
    find_unit,
    ignore_unit,
)
from .results import array_of, class_array, score_of
from .survival import Survival
from .task import Task, average_logs, warn_without_score
from .task_parameters import by_name, by_task, check_task_names, find_task, pair_dependent_tasks
from .task_weights import NumberByTask, TaskWeights, count_labels, is_weight
from .tweedie import Tweedie

#: The classes of the kinds, by the names that ``task_types`` accepts.
TASK_KINDS: dict[str, type[Task]] = {
    cls.kind: cls
    for cls in (
        Binary,
        Multiclass,
        Ordinal,
        Regression,
        Log,
        Huber,
        Quantile,
        Count,
        Tweedie,
        Hurdle,
        Survival,
    )
}

#: An entry of ``task_types``: a name, a task or its class, or a tuple of a name and options.
TaskKind = str | Task | type[Task] | tuple
#: The parameter ``task_types`` of the estimators.
TaskTypes = TaskKind | Sequence[TaskKind] | Mapping[str, TaskKind]

__all__ = [
    "Amount",
    "Binary",
    "ClassTask",
    "Count",
    "Huber",
    "Hurdle",
    "Log",
    "Multiclass",
    "NumberTask",
    "Ordinal",
    "Quantile",
    "Regression",
    "Survival",
    "Task",
    "Tweedie",
]
