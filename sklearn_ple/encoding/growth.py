"""Adding tasks to a fitted encoder."""

import copy
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..tables.form import TargetForm
from ..tables.kinds import assign_kinds, drop_ignored, find_ignored, is_one_kind
from ..tables.labels import Labels, read_targets
from ..tables.plausibility import warn_of_order
from ..tables.reading import Header, read_features
from ..tables.table import Table
from ..tables.weights import weigh
from ..tasks import NumberByTask, Task, TaskTypes, count_labels
from ..utils.checks import check_lengths
from ..utils.types import ClassWeight
from .encoder import Encoded, TableEncoder
from .prerequisites import Prerequisites
from .scales import choose_scales
from .targets import TargetEncoder


def grow(
    encoder: TableEncoder,
    owner: str,
    header: Header,
    X: Any,
    y: Any,
    sample_weight: ArrayLike | None,
    task_types: TaskTypes | None,
    *,
    task_weights: NumberByTask,
    new_alone: bool,
) -> tuple[TableEncoder, Table]:
    """Read the rows of tasks that are added to a fitted estimator, and learn these tasks.

    Parameters
    ----------
    encoder : TableEncoder
        The encoder of the estimator, which is not changed.
    owner : str
        Name of the estimator's class, for messages.
    header : Header
        The columns that X must have.
    X, y, sample_weight, task_types : object
        The arguments of `MultiTaskEstimator.add_task`.
    task_weights : object
        The parameter of the estimator, which may have entries for the new tasks.
    new_alone : bool
        Whether y may hold only columns of new tasks.

    Returns
    -------
    encoder : TableEncoder
        The encoder of all tasks, the added ones last, with the earlier scales, categories and
        bins.
    table : Table
        The rows, with the labels of all tasks.

    Raises
    ------
    ValueError
        If y has no column of a new task, or columns of earlier tasks although ``new_alone``.
    """
    features, header = read_features(X, owner, header)
    if task_types is None:
        task_types = encoder.task_types if is_one_kind(encoder.task_types) else "auto"
    names = encoder.targets.names
    labels, form = read_targets(y, partial(find_ignored, task_types), _number_next_task(names))
    check_lengths(X=features, y=labels[0].mask)
    warn_of_order(X=X, y=y, sample_weight=sample_weight)
    new = _find_new(form.names, names, new_alone)
    labels, given = weigh(labels, sample_weight)
    kinds = assign_kinds(drop_ignored(task_types), form.names)
    added = {name: kinds[name] for place, name in enumerate(form.names) if place in new}
    targets = TargetEncoder(added, encoder.family)
    columns = [labels[place] for place in new]
    targets.fit(columns, form.take(new), given[:, new])
    choose_scales(targets, columns, given[:, new], features)
    grown = _append_tasks(encoder, targets)
    grown.task_weights = task_weights
    by_name = dict(zip(form.names, labels, strict=True))
    of_all = [by_name.get(task.name) or _make_unlabelled(task, len(given)) for task in grown.tasks]
    grown.targets.check_same(of_all, grown.targets.form)
    weights = np.zeros((len(given), len(of_all)))
    weights[:, grown.targets.positions(form.names)] = given
    return grown, Table.of_weighted(features, of_all, weights, grown.targets.form, header)


def encode_grown(encoder: TableEncoder, table: Table, class_weight: ClassWeight) -> Encoded:
    """Encode the rows of tasks that were added, and count their labels."""
    encoded = encoder.apply(table, class_weight)
    # Labels of an earlier task that follow from those of a new one would have a single class.
    kept = table.weights.any(axis=0)
    weights, sample_weights = encoded.weights * kept, encoded.sample_weights * kept
    encoder.n_labels = count_labels(encoded.targets, sample_weights, encoder.tasks)
    return encoded._replace(weights=weights, sample_weights=sample_weights)


def _number_next_task(names: list[str]) -> int:
    """Return the number in the name of the next task that has no name of its own."""
    # With ignored columns, numbers may be greater than that of the tasks.
    taken = [int(name[1:]) for name in names if name[:1] == "y" and name[1:].isdecimal()]
    return max([len(names) - 1, *taken]) + 1


def _find_new(columns: list[str], tasks: list[str], new_alone: bool) -> list[int]:
    """Return the positions of the columns that are new tasks, after a check."""
    new = [place for place, name in enumerate(columns) if name not in tasks]
    if not new or (new_alone and len(new) < len(columns)):
        known = [name for name in columns if name in tasks]
        raise ValueError(
            f"y has the columns {columns}, but {known} are tasks already: leave them out, or "
            "rename them. With freeze=False, y may hold them together with new ones."
        )
    return new


def _append_tasks(encoder: TableEncoder, added: TargetEncoder) -> TableEncoder:
    """Return a copy of an encoder with more tasks."""
    grown, before = copy.copy(encoder), encoder.targets
    for task in added.tasks:
        task.added = True
    grown.targets = before.copy()
    grown.targets.tasks += added.tasks
    grown.targets.form = _join_forms(before.form, added.form)
    grown.order = [*encoder.order, *range(len(before.tasks), len(grown.tasks))]
    grown.prerequisites = Prerequisites(encoder.depends_on, grown.tasks)
    return grown


def _make_unlabelled(task: Task, n_rows: int) -> Labels:
    """Make a column without any label."""
    dtype = np.float64 if task.classes is None else task.classes.dtype
    return Labels(task.name, np.empty(0, dtype), np.zeros(n_rows, dtype=bool), None)


def _join_forms(before: TargetForm, added: TargetForm) -> TargetForm:
    """Append columns of y to the earlier ones, in the form of the latter."""
    names = [*before.names, *added.names]
    if before.library == "numpy":
        return replace(before, ndim=2, names=names)
    columns, dtypes = added.columns, added.dtypes
    if added.library != before.library:
        columns, dtypes = added.names, [None] * len(added.names)
    columns = [
        name if column is None else column
        for name, column in zip(names, [*before.columns, *columns], strict=True)
    ]
    return replace(before, ndim=2, names=names, columns=columns, dtypes=[*before.dtypes, *dtypes])
