"""The plan of a training: values of parameters that are "auto", by the number of rows."""

import math
from collections.abc import Sequence
from typing import Any

from ...parameters.settings import Settings
from ...tasks import Task
from .net_params import make_plain, read_net_params
from .validation_rows import LEAST_ROWS_TO_SET_ASIDE, Split, stops_early

# More validation rows than this do not improve the choice of when to stop.
_ROWS_OF_VALIDATION = 3000
# Number of steps without validation on small tables, where more would overfit if labels are noisy.
_STEPS = 120
# Greatest number of steps with validation, which ends most trainings long before.
_MOST_STEPS = 20_000
# Least and greatest number of rows in a step; a step of fewer rows takes nearly as long.
_LEAST_ROWS, _MOST_ROWS = 64, 2048
# Up to this many rows, validation rows are worth training on, and a second training is fast.
_MOST_ROWS_TO_REFIT = 30_000

#: Parameters of the network, in general and where numbers interact: there is much to learn.
NETWORK: dict[str, Any] = {
    "dropout": (0.3, 0.0),
    "feature_dropout": (0.1, 0.0),
    "expert_hidden_units": ((48,), (64, 64)),
}

# Widths of towers, in general and where a task has more classes than this.
_TOWERS, _MANY_CLASSES = ((32,), (64,)), 6

# Experts and layers of towers of so many tasks would take much time and memory, and all tasks
# together teach a wide expert more.
_MANY_TASKS, _WIDE = 100, 192

#: Parameters of skorch's net that take precedence, by the estimators' parameters.
_IN_NET_PARAMS = {"batch_size": "batch_size", "max_epochs": "max_epochs", "learning_rate": "lr"}


def resolve_split(settings: Settings, n_rows: int, split: Split | None = None) -> Settings:
    """Replace parameters of bins and of validation that are "auto", by the number of all rows.

    Parameters
    ----------
    settings : Settings
        The settings.
    n_rows : int
        Number of rows.
    split : Split, optional
        The choice of validation rows; by default they are drawn at random.

    Returns
    -------
    Settings
        The settings. Without validation ``validation_fraction`` is None.
    """
    read_net_params(settings.net_params)  # Its errors come before anything is learnt.
    # If there are no rows, the encoder raises an error later.
    split, n = split or Split(), max(n_rows, 1)
    n_left_out = 0
    if isinstance(settings.validation_fraction, str):
        n_left_out = split.n_left_out(n_rows, settings.n_members)
    # Folds, which cost no rows, and separate validation rows are always enough.
    is_free = n_left_out or split.table is not None
    validates = stops_early(settings, n_rows, 0 if is_free else LEAST_ROWS_TO_SET_ASIDE)
    fraction = _replace_auto(settings.validation_fraction, min(0.1, _ROWS_OF_VALIDATION / n))
    # Callbacks may rely on validation rows.
    refits = n <= _MOST_ROWS_TO_REFIT and not settings.callbacks and not n_left_out
    return settings.replace(
        n_iter_no_change=_replace_auto(settings.n_iter_no_change, None),
        validation_fraction=fraction if validates else None,
        n_left_out=n_left_out if validates else 0,
        refit=split.table is None and _replace_auto(settings.refit, refits),
        n_bins=_replace_auto(settings.n_bins, default_n_bins(n)),
    )


def resolve_steps(settings: Settings, n_rows: int, validates: bool) -> Settings:
    """Replace parameters of the steps that are "auto", by the number of rows to train on.

    Parameters
    ----------
    settings : Settings
        The settings; ``net_params`` take precedence.
    n_rows : int
        Number of rows to train on.
    validates : bool
        Whether there are validation rows.

    Returns
    -------
    Settings
        The settings, in which no parameter of training is "auto".
    """
    net_params, n = read_net_params(settings.net_params), max(n_rows, 1)

    def find(parameter: str, default: Any) -> Any:
        own = getattr(settings, parameter)
        return _replace_auto(net_params.get(_IN_NET_PARAMS[parameter], own), default)

    batch_size = find("batch_size", default_batch_size(n))
    stopping = settings.early_stopping
    return settings.replace(
        batch_size=batch_size,
        max_epochs=find("max_epochs", default_epochs(n, batch_size, validates)),
        early_stopping=validates if stopping == "auto" else stopping,
        learning_rate=find("learning_rate", default_learning_rate(batch_size)),
    )


def _replace_auto(value: Any, default: Any) -> Any:
    """Return the value of a parameter, or its default if it is "auto"."""
    return default if isinstance(value, str) else make_plain(value)


def for_one_epoch(settings: Settings) -> Settings:
    """Return the settings of a single epoch on all rows, without schedule and checkpoint."""
    net_params = dict(settings.net_params or {})
    net_params.pop("max_epochs", None)
    return settings.replace(
        net_params=net_params,
        max_epochs=1,
        max_time=None,
        lr_schedule="constant",
        early_stopping=False,
        validation_split="random",
        refit=False,
        checkpoint_dir=None,
    )


def resolve_network(
    settings: Settings, tasks: Sequence[Task], has_interactions: bool = False
) -> Settings:
    """Replace the parameters of the network that are "auto", see `TableEncoder`."""
    # Tasks that are added to a fitted network do not change it.
    first = [task for task in tasks if not task.added]
    n_classes = max((task.n_outputs for task in first if task.has_classes), default=0)
    chosen = {name: values[has_interactions] for name, values in NETWORK.items()}
    chosen |= {"n_specific_experts": 1, "tower_hidden_units": _TOWERS[n_classes > _MANY_CLASSES]}
    if has_many_tasks(settings, tasks) and not has_interactions:
        chosen |= {"n_specific_experts": 0, "tower_hidden_units": ()}
        chosen["expert_hidden_units"] = (_WIDE,)
    is_open = [name for name in chosen if isinstance(getattr(settings, name), str)]
    return settings.replace(**{name: chosen[name] for name in is_open})


def has_many_tasks(settings: Settings, tasks: Sequence[Task]) -> bool:
    """Return whether a network with experts that are "auto" has none of a single task.

    Where numbers interact, it has them all the same.
    """
    is_open = isinstance(settings.n_specific_experts, str) and settings.n_shared_experts > 0
    return is_open and sum(not task.added for task in tasks) >= _MANY_TASKS


def default_batch_size(n_rows: int) -> int:
    """Return 3 % of the rows, up to 3 sqrt(n_rows), between 64 and 2048."""
    return round(max(_LEAST_ROWS, min(0.03 * n_rows, 3 * n_rows**0.5, _MOST_ROWS)))


def default_learning_rate(batch_size: int) -> float:
    """Return 6e-3 for batches of 512 rows or more, and for less in proportion to sqrt(size)."""
    return 6e-3 * min(batch_size / 512, 1) ** 0.5


def default_epochs(n_rows: int, batch_size: int, stops_early: bool) -> int:
    """Return the greatest number of epochs: those of 20,000 steps.

    Without early stopping, they are 10, or more for 120 steps, but fewer for many rows.
    """
    n_batches = -(-n_rows // batch_size)
    if stops_early:
        return math.ceil(_MOST_STEPS / n_batches)
    enough = max(math.ceil(_STEPS / n_batches), 10)
    return min(enough, max(round(25 * (10_000 / n_rows) ** 0.5), 4))


def default_n_bins(n_rows: int) -> int:
    """Return the number of bins of a column: half the square root of n_rows, from 16 to 256."""
    return round(min(max(n_rows**0.5 / 2, 16), 256))
