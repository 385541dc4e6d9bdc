"""The models of a comparison: what was passed, the tasks that each can learn, and their kinds."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sklearn.base import BaseEstimator, is_classifier, is_regressor
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.pipeline import Pipeline

from ..ensemble import BlendClassifierRegressor, PerTaskClassifierRegressor
from ..ensemble.labelled_rows import LabelledRows, ModelRows, is_auto
from ..metrics import metric_name
from ..metrics.scores import assign_metrics
from ..metrics.views import Metrics
from ..tables.kinds import assign_kinds, make_task, split_kind
from ..tasks import Task, TaskKind, TaskTypes
from ..utils.checks import shown
from ..utils.constraints import is_estimator


class Candidate(NamedTuple):
    """A model of a comparison.

    Attributes
    ----------
    estimator : estimator
        The estimator, with the kinds of the tasks.
    tasks : list of str
        Names of the tasks that it can learn.
    """

    estimator: BaseEstimator
    tasks: list[str]

    def choose(self, rows: ModelRows) -> ModelRows:
        """Return the rows with the labels of these tasks, of a frame with a column for each."""
        places = rows.y.columns.get_indexer(self.tasks)
        weights = None if rows.weights is None else rows.weights[:, places]
        return rows._replace(y=rows.y[self.tasks], weights=weights)


def read_models(
    models: Mapping[str, Any], known: Mapping[str, Any], rows: LabelledRows, task_types: TaskTypes
) -> dict[str, Candidate]:
    """Return the candidate that each model stands for.

    Parameters
    ----------
    models : mapping of str to object
        The models as they were passed.
    known : mapping of str to estimator
        What None stands for, by name.
    rows : LabelledRows
        The rows.
    task_types : object
        The kinds as they were passed.

    Returns
    -------
    dict of str to Candidate
        The candidates by name.
    """
    found = {}
    for name, given in models.items():
        if not isinstance(name, str):
            raise TypeError(f"models has the name {shown(name)}: names must be texts.")
        model = known.get(name) if given is None else given
        if isinstance(model, tuple) and len(model) == 2:
            model = PerTaskClassifierRegressor(*model)
        if not is_estimator(model):
            raise TypeError(
                f"models has {shown(model)} for {name!r}: it must be an estimator, a pair of a "
                f"classifier and a regressor, or None for one of {list(known)}."
            )
        found[name] = _read_model(model, rows, task_types)
        if not found[name].tasks:
            raise ValueError(
                f"models has {shown(model)} for {name!r}, but no task is of its kind."
            )
    return found


def _read_model(model: BaseEstimator, rows: LabelledRows, task_types: TaskTypes) -> Candidate:
    if isinstance(model, (MultiOutputClassifier, MultiOutputRegressor)):
        model = model.estimator
    last, tasks = find_last(model), rows.targets.tasks
    if not hasattr(last, "task_types"):
        family = is_classifier(model) - is_regressor(model)
        if not family:
            return Candidate(model, rows.targets.names)
        # A model of a single target.
        last = model = PerTaskClassifierRegressor(
            **{"classifier" if family > 0 else "regressor": model}
        )
        tasks = [task for task in tasks if task.has_classes is (family > 0)]
    names = [task.name for task in tasks if _can_learn(last, task, rows)]
    if not names:
        return Candidate(model, names)
    return Candidate(rows.configure(model, task_types, only=names), names)


def _can_learn(model: BaseEstimator, task: Task, rows: LabelledRows) -> bool:
    """Return whether an estimator with ``task_types`` can learn a task of its kind."""
    family = is_classifier(model) - is_regressor(model)
    if family and task.has_classes is not (family > 0):
        return False
    if isinstance(model, PerTaskClassifierRegressor):
        entry = assign_kinds(model.task_types, rows.targets.names)[task.name]
        return not (task.censored if is_auto(entry) else _make(task.name, entry).censored)
    if isinstance(model, BlendClassifierRegressor):
        # It needs the predictions of all of its estimators; by default one is boosting.
        parts = [PerTaskClassifierRegressor()]
        if isinstance(model.estimators, (list, tuple)):
            parts = [find_last(pair[-1]) for pair in model.estimators if isinstance(pair, tuple)]
        return all(_can_learn(part, task, rows) for part in parts if hasattr(part, "task_types"))
    return True


def find_last(model: BaseEstimator) -> BaseEstimator:
    """Return the last step of a pipeline, or the estimator of a search."""
    while isinstance(model, Pipeline) or (hasattr(model, "estimator") and hasattr(model, "refit")):
        model = model[-1] if isinstance(model, Pipeline) else model.estimator
    return model


def check_metrics(
    candidates: Mapping[str, Candidate], names: Sequence[str], metrics: Metrics
) -> None:
    """Check that all models score a task by the same metric, which its kind decides by default."""
    given = assign_metrics(metrics, names)
    for name in names:
        if given[name] is not None:
            continue
        found: dict[Any, tuple[str, str]] = {}
        for model, candidate in candidates.items():
            for task in _list_settled(candidate, name):
                found.setdefault(_describe_metric(task), (model, task.kind))
        if len(found) > 1:
            (first, kind), (other, other_kind), *_ = found.values()
            raise ValueError(
                f"Task {name!r} is of kind {kind!r} for the model {first!r} and of kind "
                f"{other_kind!r} for {other!r}, so that their scores are of different metrics: "
                f"pass its kind to compare, task_types={{{name!r}: ...}}, and not to the models, "
                f"or a metric for both, metrics={{{name!r}: ...}}."
            )


def _list_settled(candidate: Candidate, name: str) -> list[Any]:
    """Return the tasks of a name whose kinds a model and its parts were given."""
    estimator, tasks = candidate
    if name not in tasks:
        return []
    given = [
        value
        for path, value in estimator.get_params().items()
        if path.rpartition("__")[2] == "task_types" and not is_auto(value)
    ]
    entries = [assign_kinds(value, tasks)[name] for value in given]
    return [_make(name, entry) for entry in entries if not is_auto(entry)]


def _make(name: str, entry: TaskKind) -> Task:
    """Return a task of an entry of ``task_types`` that is not "auto"."""
    kind, options = split_kind(entry)
    if isinstance(kind, type) and issubclass(kind, Task):
        return kind()
    return kind if isinstance(kind, Task) else make_task(name, kind, options)


def _describe_metric(task: Task) -> Any:
    """Return what equal metrics have in common; those of classes depend on their number only."""
    if task.has_classes:
        return "classes"
    options = getattr(task.metric, "_kwargs", {})
    return metric_name(task.metric), repr(sorted(options.items()))
