"""How a training is laid out: each parameter that is "auto" gets a value by the rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .net_params import plain, read_net_params
from .split import LEAST_ROWS_TO_STOP_EARLY, Split, stops_early

# More rows of validation than this do not improve the choice of when to stop.
_ROWS_OF_VALIDATION = 3000
# Without validation, small tables are trained for so many steps; more would overfit.
_STEPS = 120
# Up to this many rows, the validation rows are a large part and training anew takes little time.
_MOST_ROWS_TO_REFIT = 30_000

#: Names of parameters of skorch's net by those of the estimators that they take precedence over.
_IN_NET_PARAMS = {"batch_size": "batch_size", "max_epochs": "max_epochs", "learning_rate": "lr"}


@dataclass(frozen=True)
class Plan:
    """What the parameters of an estimator come to for a number of rows to train on.

    Attributes
    ----------
    batch_size : int
        Rows in a step.
    max_epochs : int
        Passes over the rows, at most.
    patience : int
        Epochs without an improvement after which early stopping ends the training.
    learning_rate : float
        The highest rate of the schedule.
    validation_fraction : float or None
        Share of the rows that are set aside for validation; None for no validation.
    n_left_out : int
        Rows that each member leaves out, to be validated on; 0 where rows are set aside for all
        members instead, or there is no validation.
    refits : bool
        Whether to train anew on all rows, those that were split off for validation included.
    n_bins : int
        Bins of each number, at most.
    """

    batch_size: int
    max_epochs: int
    patience: int
    learning_rate: float
    validation_fraction: float | None
    n_left_out: int
    refits: bool
    n_bins: int

    @classmethod
    def of(cls, estimator: Any, n_rows: int, split: Split | None = None) -> Plan:
        """Lay a training out.

        Parameters
        ----------
        estimator : estimator
            Its parameters are read; ``net_params`` take precedence.
        n_rows : int
            Number of rows.
        split : Split, optional
            What to validate on.
        """
        split = split or Split()
        net_params = read_net_params(estimator.net_params)

        def resolve(parameter: str, rule: Callable[[int], Any]) -> Any:
            own = getattr(estimator, parameter)
            value = net_params.get(_IN_NET_PARAMS.get(parameter, ""), own)
            # Without any row, the encoder raises the error later.
            return rule(max(n_rows, 1)) if isinstance(value, str) else plain(value)

        validates = stops_early(estimator, n_rows, apart=split.table is not None)
        max_epochs = resolve("max_epochs", lambda n: default_epochs(n, validates))
        batch_size = resolve("batch_size", BY_ROWS["batch_size"])
        fraction = resolve("validation_fraction", lambda n: min(0.1, _ROWS_OF_VALIDATION / n))
        n_left_out = 0
        if validates and isinstance(estimator.validation_fraction, str):
            n_left_out = split.n_left_out(n_rows, estimator.n_members)
        return cls(
            batch_size=batch_size,
            max_epochs=max_epochs,
            patience=resolve("n_iter_no_change", lambda _: default_patience(max_epochs)),
            learning_rate=resolve("learning_rate", lambda _: default_learning_rate(batch_size)),
            validation_fraction=fraction if validates else None,
            n_left_out=n_left_out,
            refits=split.table is None
            and resolve(
                "refit",
                # Callbacks may count on rows of validation.
                lambda n: n <= _MOST_ROWS_TO_REFIT and not estimator.callbacks and not n_left_out,
            ),
            n_bins=resolve("n_bins", default_n_bins),
        )


def default_batch_size(n_rows: int) -> int:
    """Rows in a step: 64 of up to 2,000, then a power of two near three times their root."""
    return 64 if n_rows <= 2000 else 2 ** round(math.log2(min(3 * n_rows**0.5, 2048)))


def default_learning_rate(batch_size: int) -> float:
    """Learning rate that falls with the root of the batch's size, from 6e-3 for 512 rows on."""
    return 6e-3 * min(batch_size / 512, 1) ** 0.5


def default_epochs(n_rows: int, stops_early: bool) -> int:
    """Epochs at most: 25 if training stops early, else for so many steps; fewer of many rows."""
    n_batches = -(-n_rows // default_batch_size(n_rows))
    enough = 25 if stops_early else max(math.ceil(_STEPS / n_batches), 10)
    return min(enough, max(round(25 * (10_000 / n_rows) ** 0.5), 4))


def default_patience(max_epochs: int) -> int:
    """Epochs without an improvement before training ends: a fifth of all, but 3 at least."""
    return max(round(max_epochs / 5), 3)


def default_n_bins(n_rows: int) -> int:
    """Bins of a column: half the root of the rows, so that both bins and their rows grow."""
    return round(min(max(n_rows**0.5 / 2, 16), 256))


#: What the parameters are by the number of rows to train on, where they are "auto".
BY_ROWS: dict[str, Callable[[int], int]] = {
    "batch_size": default_batch_size,
    "max_epochs": lambda n_rows: default_epochs(n_rows, n_rows >= LEAST_ROWS_TO_STOP_EARLY),
    "n_iter_no_change": lambda n_rows: default_patience(BY_ROWS["max_epochs"](n_rows)),
}
